//! The operating system that an instance poses as: the form of its paths.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Version;

/// The operating system that an instance poses as, whatever it really runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Platform {
    /// Paths like `C:\backup\a.bak`, upper and lower case the same.
    Windows,
    /// Paths like `/var/opt/mssql/data/a.bak`.
    Linux,
}

impl Platform {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Windows, Self::Linux];

    /// `host_platform` of `sys.dm_os_host_info`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::Linux => "Linux",
        }
    }

    /// `InstanceDefaultDataPath`, without a separator at its end. Logs lie there too.
    pub(crate) fn data_folder(self, version: Version, server: &str) -> String {
        match self {
            Self::Windows => format!(r"{}\DATA", windows_root(version, server)),
            Self::Linux => "/var/opt/mssql/data".to_owned(),
        }
    }

    /// `InstanceDefaultBackupPath`, without a separator at its end.
    pub(crate) fn backup_folder(self, version: Version, server: &str) -> String {
        match self {
            Self::Windows => format!(r"{}\Backup", windows_root(version, server)),
            Self::Linux => "/var/opt/mssql/data".to_owned(),
        }
    }

    /// `ErrorLogFileName`.
    pub(crate) fn error_log(self, version: Version, server: &str) -> String {
        match self {
            Self::Windows => format!(r"{}\Log\ERRORLOG", windows_root(version, server)),
            Self::Linux => "/var/opt/mssql/log/errorlog".to_owned(),
        }
    }

    /// The separator of paths.
    pub(crate) const fn separator(self) -> char {
        match self {
            Self::Windows => '\\',
            Self::Linux => '/',
        }
    }

    /// Whether a path names its folder, rather than leaving it to the server.
    pub(crate) fn is_full(self, path: &str) -> bool {
        let drive = path.len() > 2
            && path.starts_with(|c: char| c.is_ascii_alphabetic())
            && path[1..].starts_with([':']);
        drive || path.starts_with(['/', '\\'])
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Windows => "windows",
            Self::Linux => "linux",
        })
    }
}

/// Reads what `Display` writes.
impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        super::version::one_of(&Self::ALL, text)
    }
}

fn windows_root(version: Version, server: &str) -> String {
    let instance = server
        .split_once('\\')
        .map_or("MSSQLSERVER", |(_, instance)| instance);
    format!(
        r"C:\Program Files\Microsoft SQL Server\MSSQL{}.{instance}\MSSQL",
        version.product().0
    )
}
