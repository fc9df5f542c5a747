use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NameError;

/// A backup in an object store, as SQL Server reaches it: `https://HOST/CONTAINER/BLOB` (Azure Blob
/// Storage, SQL Server 2016 and later) or `s3://HOST/BUCKET/OBJECT` (S3-compatible storage, SQL
/// Server 2022 and later).
///
/// It names a place and never holds a secret: a query (the SAS signature of Azure), a fragment and
/// `user@` are refused. The server takes the secret from a credential that is named like the
/// [container](Self::container). Refused as well: a host that is not in small letters (the name of the
/// credential must be exactly the container's), `.` and `..`, empty parts, escapes with `%`, all but
/// ASCII letters, digits and `- _ . ~ $ ( )`, and more than 259 characters (documented).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BackupUrl(String);

const WHAT: &str = "backup URL";
/// The longest name of a backup device (documented).
const MOST_CHARACTERS: usize = 259;
const HTTPS: &str = "https://";
const S3: &str = "s3://";

impl BackupUrl {
    /// The URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        let authority = self.parts().next().unwrap_or_default();
        authority.split(':').next().unwrap_or_default()
    }

    /// The URL of the container or bucket: what the server's credential is named like.
    #[must_use]
    pub fn container(&self) -> &str {
        self.up_to(2)
    }

    /// Whether it is one of an S3-compatible storage.
    #[must_use]
    pub fn is_s3(&self) -> bool {
        self.0.starts_with(S3)
    }

    /// The URL of the storage itself, without a container.
    pub(crate) fn storage(&self) -> &str {
        self.up_to(1)
    }

    fn scheme(&self) -> &'static str {
        if self.is_s3() { S3 } else { HTTPS }
    }

    fn parts(&self) -> impl Iterator<Item = &str> {
        self.0[self.scheme().len()..].split('/')
    }

    /// The scheme and the first parts.
    fn up_to(&self, count: usize) -> &str {
        let length: usize = self.parts().take(count).map(|part| part.len() + 1).sum();
        &self.0[..self.scheme().len() + length - 1]
    }
}

fn check(url: &str) -> Result<(), NameError> {
    // No problem says what the URL holds: it may be a secret.
    let wrong = |problem: &str| Err(NameError::new(WHAT, problem));
    let Some(rest) = url.strip_prefix(HTTPS).or_else(|| url.strip_prefix(S3)) else {
        return wrong(
            "it begins with neither https:// nor s3://; write https://HOST/CONTAINER/BLOB or s3://HOST/BUCKET/OBJECT",
        );
    };
    if rest.contains(['?', '#', '&']) {
        return wrong(
            "it has a query or a fragment; a signature in a URL is a secret and is not taken: give the URL without it, and let the server have it in a credential: \
             CREATE CREDENTIAL [https://ACCOUNT.blob.core.windows.net/CONTAINER] WITH IDENTITY = 'SHARED ACCESS SIGNATURE', SECRET = '…'",
        );
    }
    if rest.contains('@') {
        return wrong(
            "it has a user name or an `@`; secrets belong into a credential of the server, named like the container",
        );
    }
    let length = url.encode_utf16().count();
    if length > MOST_CHARACTERS {
        return Err(NameError::new(
            WHAT,
            format!("it has {length} characters; at most {MOST_CHARACTERS} are taken"),
        ));
    }
    let mut parts = rest.split('/');
    check_authority(parts.next().unwrap_or_default())?;
    let mut count = 0;
    for part in parts {
        count += 1;
        if part.is_empty() {
            return wrong("it has an empty part (a doubled or trailing `/`); name a blob");
        }
        if part == "." || part == ".." {
            return wrong("it holds `.` or `..`; write the path it stands for");
        }
        let is_plain = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '$' | '(' | ')')
        };
        if !part.chars().all(is_plain) {
            return wrong(
                "a part holds something else than ASCII letters, digits and - _ . ~ $ ( ); choose another name",
            );
        }
    }
    if count < 2 {
        return wrong(
            "it names no blob in a container; write https://HOST/CONTAINER/BLOB or s3://HOST/BUCKET/OBJECT",
        );
    }
    Ok(())
}

fn check_authority(authority: &str) -> Result<(), NameError> {
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    if !host.split('.').all(is_label) {
        return Err(NameError::new(
            WHAT,
            "its host is no name of small letters, digits, `-` and `.`; write it so, and name the credential so",
        ));
    }
    match port {
        None => Ok(()),
        Some(port)
            if port.chars().all(|c| c.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port != 0) =>
        {
            Ok(())
        }
        Some(_) => Err(NameError::new(
            WHAT,
            "its port is not a number from 1 to 65535",
        )),
    }
}

impl FromStr for BackupUrl {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for BackupUrl {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        check(&text)?;
        Ok(Self(text))
    }
}

impl From<BackupUrl> for String {
    fn from(url: BackupUrl) -> Self {
        url.0
    }
}

impl fmt::Display for BackupUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_in_containers_are_taken() {
        for (good, host, container, storage) in [
            (
                "https://account.blob.core.windows.net/backups/a.bak",
                "account.blob.core.windows.net",
                "https://account.blob.core.windows.net/backups",
                "https://account.blob.core.windows.net",
            ),
            (
                "s3://minio.corp:9000/bucket/2026/Payroll_(1).bak",
                "minio.corp",
                "s3://minio.corp:9000/bucket",
                "s3://minio.corp:9000",
            ),
        ] {
            let url: BackupUrl = good.parse().unwrap();
            assert_eq!(url.as_str(), good);
            assert_eq!(url.host(), host);
            assert_eq!(url.container(), container);
            assert_eq!(url.storage(), storage);
            assert_eq!(url.is_s3(), good.starts_with("s3"));
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (bad, part) in [
            ("", "neither https:// nor s3://"),
            ("http://h/c/b", "neither https:// nor s3://"),
            ("HTTPS://h/c/b", "neither https:// nor s3://"),
            (r"C:\a.bak", "neither https:// nor s3://"),
            ("https://h/c/b?sv=2022&sig=abc", "CREATE CREDENTIAL"),
            ("https://h/c/b#x", "CREATE CREDENTIAL"),
            ("https://user:pass@h/c/b", "user name"),
            ("https://h/c", "no blob"),
            ("https://h", "no blob"),
            ("https:///c/b", "host"),
            ("https://Account/c/b", "small letters"),
            ("https://h..x/c/b", "host"),
            ("https://漢/c/b", "host"),
            ("https://h:0/c/b", "port"),
            ("https://h:+1/c/b", "port"),
            ("https://h:1:2/c/b", "port"),
            ("https://h/c//b", "empty part"),
            ("https://h/c/b/", "empty part"),
            ("https://h/c/../b", "`..`"),
            ("https://h/./b", "`.`"),
            ("https://h/c/o'clock", "something else"),
            ("https://h/c/a b", "something else"),
            ("https://h/c/a\nb", "something else"),
            ("https://h/c/%2e%2e", "something else"),
            (r"https://h/c/a\b", "something else"),
            ("https://h/c/a]b", "something else"),
            ("https://h/c/漢", "something else"),
        ] {
            let error = bad.parse::<BackupUrl>().unwrap_err();
            assert!(error.to_string().contains(part), "{bad}: {error}");
        }
        let long = |length: usize| format!("https://h/c/{}", "x".repeat(length - 12));
        assert!(long(259).parse::<BackupUrl>().is_ok());
        let error = long(260).parse::<BackupUrl>().unwrap_err();
        assert!(error.to_string().contains("260 characters"), "{error}");
    }

    #[test]
    fn a_signature_is_in_no_error() {
        for secret in [
            "https://h/c/b?sv=2022&sig=c4n4ry",
            "https://c4n4ry@h/c/b",
            "https://h/c/c4n4ry'",
        ] {
            let error = secret.parse::<BackupUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("c4n4ry"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_plain(url in r"(https|s3)://[a-z.:0-9]{1,9}(/([a-z.%?#'\\ ]|\.\.|\PC){0,6}){0,4}") {
            if let Ok(url) = url.parse::<BackupUrl>() {
                prop_assert!(url.as_str().is_ascii());
                prop_assert!(!url.as_str().contains(['\'', '"', '?', '#', '@', '%', ' ', '\\']));
                prop_assert!(url.as_str().starts_with(url.container()));
                prop_assert!(url.container().starts_with(url.storage()));
                prop_assert!(url.storage().contains(url.host()));
            }
        }
    }
}
