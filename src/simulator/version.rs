//! The versions of SQL Server that an instance can pose as.

use std::fmt;
use std::str::FromStr;

/// Which SQL Server an instance poses as: numbers, and what the version can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// SQL Server 2014 (12.0).
    Sql2014,
    /// SQL Server 2016 (13.0).
    Sql2016,
    /// SQL Server 2017 (14.0), the first on Linux.
    Sql2017,
    /// SQL Server 2019 (15.0).
    Sql2019,
    /// SQL Server 2022 (16.0), the one whose wire was captured.
    Sql2022,
    /// SQL Server 2025 (17.0). Its internal database version is unconfirmed.
    Sql2025,
}

impl Version {
    /// All of them, the oldest first.
    pub const ALL: [Self; 6] = [
        Self::Sql2014,
        Self::Sql2016,
        Self::Sql2017,
        Self::Sql2019,
        Self::Sql2022,
        Self::Sql2025,
    ];

    /// The year in the product's name.
    #[must_use]
    pub const fn year(self) -> u16 {
        match self {
            Self::Sql2014 => 2014,
            Self::Sql2016 => 2016,
            Self::Sql2017 => 2017,
            Self::Sql2019 => 2019,
            Self::Sql2022 => 2022,
            Self::Sql2025 => 2025,
        }
    }

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

    /// `SERVERPROPERTY('ProductLevel')`: service packs ended with 2016.
    pub(crate) const fn level(self) -> &'static str {
        match self {
            Self::Sql2014 | Self::Sql2016 => "SP3",
            _ => "RTM",
        }
    }

    /// The internal database version (community lists; 2022 captured). 2025's is unconfirmed, and
    /// [`ModellingChoices::database_version_of_2025`](super::ModellingChoices) has the last word.
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

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.year())
    }
}

/// Reads the year: `2022`.
impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        one_of(&Self::ALL, text)
    }
}

/// The value that is written so, or the words that there are.
pub(super) fn one_of<T: Copy + fmt::Display>(all: &[T], text: &str) -> Result<T, String> {
    let found = all.iter().find(|value| value.to_string() == text);
    found.copied().ok_or_else(|| {
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        format!("there is {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::{Edition, Platform};

    #[test]
    fn what_is_written_can_be_read() {
        for version in Version::ALL {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
        for edition in Edition::ALL {
            assert_eq!(edition.to_string().parse(), Ok(edition));
        }
        for platform in Platform::ALL {
            assert_eq!(platform.to_string().parse(), Ok(platform));
        }
        let error = "2012".parse::<Version>().unwrap_err();
        assert_eq!(error, "there is 2014, 2016, 2017, 2019, 2022, 2025");
    }
}
