//! Errors of the operating system, by the numbers and texts that SQL Server quotes.

use std::{fmt, io};

/// An error of the server's operating system. SQL Server on Linux shows Windows' texts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OsError {
    /// 2.
    FileNotFound,
    /// 3.
    PathNotFound,
    /// 5.
    AccessDenied,
    /// 32.
    InUse,
    /// 50.
    NotSupported,
    /// 53.
    NetworkPathNotFound,
    /// 80.
    FileExists,
    /// 112.
    DiskFull,
    /// 123.
    InvalidName,
    /// 206.
    NameTooLong,
    /// 1117.
    Device,
}

impl OsError {
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::FileNotFound => 2,
            Self::PathNotFound => 3,
            Self::AccessDenied => 5,
            Self::InUse => 32,
            Self::NotSupported => 50,
            Self::NetworkPathNotFound => 53,
            Self::FileExists => 80,
            Self::DiskFull => 112,
            Self::InvalidName => 123,
            Self::NameTooLong => 206,
            Self::Device => 1117,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::FileNotFound => "The system cannot find the file specified.",
            Self::PathNotFound => "The system cannot find the path specified.",
            Self::AccessDenied => "Access is denied.",
            Self::InUse => {
                "The process cannot access the file because it is being used by another process."
            }
            Self::NotSupported => "The request is not supported.",
            Self::NetworkPathNotFound => "The network path was not found.",
            Self::FileExists => "The file exists.",
            Self::DiskFull => "There is not enough space on the disk.",
            Self::InvalidName => {
                "The filename, directory name, or volume label syntax is incorrect."
            }
            Self::NameTooLong => "The filename or extension is too long.",
            Self::Device => "The request could not be performed because of an I/O device error.",
        }
    }
}

/// As it stands behind "Operating system error" in SQL Server's messages.
impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.number(), self.text())
    }
}

impl std::error::Error for OsError {}

impl From<io::Error> for OsError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::FileNotFound,
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::ReadOnlyFilesystem => Self::AccessDenied,
            io::ErrorKind::NotADirectory => Self::PathNotFound,
            io::ErrorKind::AlreadyExists => Self::FileExists,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::InvalidFilename => Self::NameTooLong,
            _ => Self::Device,
        }
    }
}
