//! The versions of SQL Server that an instance can pose as.

/// Which SQL Server an instance poses as: numbers, and what the version can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// SQL Server 2014 (12.0).
    Sql2014,
    /// SQL Server 2016 (13.0).
    Sql2016,
    /// SQL Server 2017 (14.0).
    Sql2017,
    /// SQL Server 2019 (15.0).
    Sql2019,
    /// SQL Server 2022 (16.0), the one whose wire was captured.
    Sql2022,
    /// SQL Server 2025 (17.0). Its internal database version is unconfirmed.
    Sql2025,
}

impl Version {
    /// Major, minor, build, revision, as `SERVERPROPERTY('ProductVersion')` shows them.
    #[must_use]
    pub const fn product(self) -> (u8, u8, u16, u16) {
        match self {
            Self::Sql2014 => (12, 0, 6024, 0),
            Self::Sql2016 => (13, 0, 6300, 2),
            Self::Sql2017 => (14, 0, 3465, 1),
            Self::Sql2019 => (15, 0, 4375, 4),
            Self::Sql2022 => (16, 0, 4236, 2),
            Self::Sql2025 => (17, 0, 4065, 4),
        }
    }

    /// The internal database version (community lists; 2022 captured, 2025 unconfirmed).
    #[must_use]
    pub const fn database_version(self) -> i32 {
        match self {
            Self::Sql2014 => 782,
            Self::Sql2016 => 852,
            Self::Sql2017 => 869,
            Self::Sql2019 => 904,
            Self::Sql2022 => 957,
            Self::Sql2025 => 998,
        }
    }

    /// The compatibility level of a new database.
    #[must_use]
    pub const fn compatibility_level(self) -> u8 {
        self.product().0 * 10
    }
}
