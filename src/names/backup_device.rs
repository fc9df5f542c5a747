use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{BackupUrl, NameError, ServerPath};

/// Where a backup is: a file of the server, or a URL that the server reaches. As text, what holds
/// `://` is a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum BackupDevice {
    /// `DISK = N'…'`
    File(ServerPath),
    /// `URL = N'…'`
    Url(BackupUrl),
}

impl BackupDevice {
    /// The path or the URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::File(path) => path.as_str(),
            Self::Url(url) => url.as_str(),
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub const fn file(&self) -> Option<&ServerPath> {
        match self {
            Self::File(path) => Some(path),
            Self::Url(_) => None,
        }
    }

    /// The URL, if it is one.
    #[must_use]
    pub const fn url(&self) -> Option<&BackupUrl> {
        match self {
            Self::File(_) => None,
            Self::Url(url) => Some(url),
        }
    }
}

impl FromStr for BackupDevice {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for BackupDevice {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        // No path of Windows has a slash, and none of Linux a doubled one.
        if text.contains("://") {
            BackupUrl::try_from(text).map(Self::Url)
        } else {
            ServerPath::try_from(text).map(Self::File)
        }
    }
}

impl From<ServerPath> for BackupDevice {
    fn from(path: ServerPath) -> Self {
        Self::File(path)
    }
}

impl From<BackupUrl> for BackupDevice {
    fn from(url: BackupUrl) -> Self {
        Self::Url(url)
    }
}

impl From<BackupDevice> for String {
    fn from(device: BackupDevice) -> Self {
        match device {
            BackupDevice::File(path) => path.into(),
            BackupDevice::Url(url) => url.into(),
        }
    }
}

impl fmt::Display for BackupDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_urls_still_reads() {
        for (text, is_url) in [
            (r"C:\a.bak", false),
            ("/var/opt/mssql/data/a.bak", false),
            ("https://h/c/a.bak", true),
            ("s3://h/c/a.bak", true),
        ] {
            let json = serde_json::to_string(text).unwrap();
            let device: BackupDevice = serde_json::from_str(&json).unwrap();
            assert_eq!(device.url().is_some(), is_url, "{text}");
            assert_eq!(device.file().is_none(), is_url, "{text}");
            assert_eq!(serde_json::to_string(&device).unwrap(), json);
        }
        for bad in [
            "",
            "a.bak",
            "ftp://h/c/a.bak",
            "/a://b",
            "https://h/c/a?sig=x",
        ] {
            assert!(bad.parse::<BackupDevice>().is_err(), "{bad}");
        }
    }
}
