//! The server's own paths, and where they lie in the host's folder.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::OsError;
use crate::simulator::Platform;

/// The longest path of the server, in UTF-16 units, as `nvarchar(260)` holds it.
const MAX_UNITS: usize = 259;
/// The longest name of a file or a folder of the server, in UTF-16 units.
const MAX_NAME_UNITS: usize = 255;
/// The longest file name that common host file systems take, less room for a suffix of ours.
const MAX_HOST_NAME: usize = 200;
/// How much of a longer one is kept, for whoever looks into the folder.
const KEPT_OF_LONG_NAME: usize = 100;

/// Maps a server's paths to the host's. Nothing that a statement can name leaves the folders.
#[derive(Debug)]
pub(crate) struct Namespace {
    folder: PathBuf,
    /// By the share's name in lower case: the folder behind `\\NAME`; by its URL: a container.
    shares: BTreeMap<String, PathBuf>,
    platform: Platform,
}

/// A path of the server, found on the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostPath {
    /// The folder that the path may not leave.
    pub(crate) base: PathBuf,
    /// Encoded names below it; at least one.
    pub(crate) names: Vec<String>,
}

impl HostPath {
    pub(crate) fn path(&self) -> PathBuf {
        self.base.join(self.names.iter().collect::<PathBuf>())
    }

    pub(crate) fn folder(&self) -> PathBuf {
        let parents = self
            .names
            .split_last()
            .map_or(&[][..], |(_, parents)| parents);
        self.base.join(parents.iter().collect::<PathBuf>())
    }
}

impl Namespace {
    pub(crate) fn new(
        folder: PathBuf,
        shares: &BTreeMap<String, PathBuf>,
        platform: Platform,
    ) -> Self {
        let shares = shares
            .iter()
            .map(|(name, path)| (name.to_lowercase(), path.clone()))
            .collect();
        Self {
            folder,
            shares,
            platform,
        }
    }

    /// The folders that hold what the server can name.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.folder.as_path()).chain(self.shares.values().map(PathBuf::as_path))
    }

    /// Where a full path of the server lies.
    pub(crate) fn locate(&self, path: &str) -> Result<HostPath, OsError> {
        if path.is_empty() || path.chars().any(char::is_control) {
            return Err(OsError::InvalidName);
        }
        if path.encode_utf16().count() > MAX_UNITS {
            return Err(OsError::NameTooLong);
        }
        if is_url(path) {
            return self.in_container(path);
        }
        if let Some(rest) = path.strip_prefix(r"\\") {
            return self.on_share(rest);
        }
        let drive = drive(path);
        match (self.platform, drive) {
            (Platform::Windows, Some((letter, rest))) => {
                let mut names = vec!["drives".to_owned(), letter.to_ascii_lowercase().to_string()];
                names.extend(encode(rest, &['\\', '/'], true)?);
                self.inside(names, 3)
            }
            (Platform::Windows, None) => Err(OsError::InvalidName),
            // SQL Server on Linux takes `C:\var\opt` for `/var/opt`.
            (Platform::Linux, drive) => {
                let rest = match drive {
                    Some((_, rest)) => rest,
                    None => path.strip_prefix('/').ok_or(OsError::InvalidName)?,
                };
                let mut names = vec!["root".to_owned()];
                names.extend(encode(rest, &['\\', '/'], false)?);
                self.inside(names, 2)
            }
        }
    }

    fn inside(&self, names: Vec<String>, least: usize) -> Result<HostPath, OsError> {
        if names.len() < least {
            return Err(OsError::InvalidName);
        }
        Ok(HostPath {
            base: self.folder.clone(),
            names,
        })
    }

    /// A blob: one file in the folder of its container, for an object store has no folders.
    fn in_container(&self, url: &str) -> Result<HostPath, OsError> {
        let containers = self.shares.iter().filter(|(name, _)| is_url(name));
        let mut found = containers.filter_map(|(container, base)| {
            let blob = url.strip_prefix(container.as_str())?.strip_prefix('/')?;
            Some((base, blob))
        });
        let (base, blob) = found.next().ok_or(OsError::NetworkPathNotFound)?;
        Ok(HostPath {
            base: base.clone(),
            names: vec![encode_name(blob, false)?],
        })
    }

    fn on_share(&self, rest: &str) -> Result<HostPath, OsError> {
        let (share, rest) = rest.split_once('\\').ok_or(OsError::InvalidName)?;
        if is_url(share) {
            return Err(OsError::NetworkPathNotFound);
        }
        let base = self
            .shares
            .get(&share.to_lowercase())
            .ok_or(OsError::NetworkPathNotFound)?;
        let names = encode(rest, &['\\', '/'], true)?;
        if names.is_empty() {
            return Err(OsError::InvalidName);
        }
        Ok(HostPath {
            base: base.clone(),
            names,
        })
    }
}

/// Whether it names a place in an object store.
fn is_url(path: &str) -> bool {
    path.starts_with("https://") || path.starts_with("s3://")
}

fn drive(path: &str) -> Option<(char, &str)> {
    let mut characters = path.chars();
    let letter = characters.next().filter(char::is_ascii_alphabetic)?;
    let rest = characters.as_str().strip_prefix(':')?;
    rest.starts_with(['\\', '/']).then(|| (letter, &rest[1..]))
}

/// Splits and encodes; `.` and `..` are resolved as Windows does, and never lead out.
fn encode(rest: &str, separators: &[char], fold: bool) -> Result<Vec<String>, OsError> {
    let mut names: Vec<String> = Vec::new();
    for part in rest.split(separators) {
        match part {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            _ if fold && part.contains(['<', '>', ':', '"', '|', '?', '*']) => {
                return Err(OsError::InvalidName);
            }
            _ => names.push(encode_name(part, fold)?),
        }
    }
    Ok(names)
}

/// A name for the host: lower-case letters, digits, `-`, `_` and inner dots stay, all else is
/// written `%XX`. So two names of the server never meet on a host that folds case, no name is a
/// device of a Windows host, and `~` is left for files of our own.
fn encode_name(name: &str, fold: bool) -> Result<String, OsError> {
    let name = if fold {
        // Windows drops dots and blanks at the end.
        name.trim_end_matches(['.', ' ']).to_lowercase()
    } else {
        name.to_owned()
    };
    let stem = name.split('.').next().unwrap_or_default();
    let is_device = matches!(stem, "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")));
    let mut encoded = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let edge = at == 0 || at + 1 == name.len();
        let plain =
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        if (plain || (byte == b'.' && !edge)) && !(at == 0 && is_device) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    if encoded.is_empty() {
        return Err(OsError::InvalidName);
    }
    if name.encode_utf16().count() > MAX_NAME_UNITS {
        return Err(OsError::NameTooLong);
    }
    if encoded.len() > MAX_HOST_NAME {
        // Short enough for the server, and too long here: its beginning, and a hash instead of the
        // rest. `%%` is in no other name.
        let hash = hex::encode(Sha256::digest(name.as_bytes()));
        encoded.truncate(KEPT_OF_LONG_NAME);
        encoded.push_str("%%");
        encoded.push_str(&hash);
    }
    Ok(encoded)
}

/// Whether every part below the base is a plain folder or file: links are not followed.
pub(crate) fn refuse_links(path: &HostPath) -> Result<(), OsError> {
    let mut current = path.base.clone();
    for name in &path.names {
        // A name is one plain component; anything else would be an error of the encoding.
        if !matches!(
            Path::new(name).components().collect::<Vec<_>>()[..],
            [Component::Normal(_)]
        ) {
            return Err(OsError::InvalidName);
        }
        current.push(name);
        match current.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => return Err(OsError::AccessDenied),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn namespace(platform: Platform) -> Namespace {
        let shares = BTreeMap::from([("VAULT".to_owned(), PathBuf::from("/shares/vault"))]);
        Namespace::new(PathBuf::from("/instance"), &shares, platform)
    }

    fn located(platform: Platform, path: &str) -> Result<String, OsError> {
        let path = namespace(platform).locate(path)?.path();
        Ok(path.to_str().unwrap().replace('\\', "/"))
    }

    #[test]
    fn windows_paths_fold_case_and_linux_paths_do_not() {
        let windows = |path| located(Platform::Windows, path);
        assert_eq!(
            windows(r"C:\Data\A.mdf").unwrap(),
            "/instance/drives/c/data/a.mdf"
        );
        assert_eq!(windows(r"c:\data\.\x\..\a.MDF"), windows(r"C:\Data\A.mdf"));
        assert_eq!(
            windows(r"\\vault\keys\SMK.key").unwrap(),
            "/shares/vault/keys/smk.key"
        );
        assert_eq!(windows("/a/b"), Err(OsError::InvalidName));
        assert_eq!(windows(r"\\other\a\b"), Err(OsError::NetworkPathNotFound));
        let linux = |path| located(Platform::Linux, path);
        assert_eq!(linux("/var/a.bak").unwrap(), "/instance/root/var/a.bak");
        assert_eq!(linux(r"C:\var\a.bak"), linux("/var/a.bak"));
        assert_ne!(linux("/var/A.bak"), linux("/var/a.bak"));
    }

    #[test]
    fn odd_names_are_encoded() {
        let windows = |path| located(Platform::Windows, path);
        assert_eq!(
            windows(r"C:\o'clock~1 .bak").unwrap(),
            "/instance/drives/c/o%27clock%7E1%20.bak"
        );
        assert_eq!(
            windows(r"C:\NUL.txt").unwrap(),
            "/instance/drives/c/%6Eul.txt"
        );
        assert_eq!(windows(r"C:\a. "), windows(r"C:\a"));
        for bad in [r"C:\", r"C:\..", "C:a", "", "a\0b", r"C:\a:b", r"C:\a*"] {
            assert!(windows(bad).is_err(), "{bad}");
        }
        assert_eq!(
            windows(&format!(r"C:\{}", "x".repeat(300))),
            Err(OsError::NameTooLong)
        );
    }

    #[test]
    fn names_that_are_too_long_for_the_host_alone_are_told_apart() {
        let windows = |name: &str| located(Platform::Windows, &format!(r"C:\{name}.mdf"));
        let (one, other) = ("漢".repeat(128), format!("{}字", "漢".repeat(127)));
        assert_ne!(windows(&one).unwrap(), windows(&other).unwrap());
        for name in [one, other] {
            let found = windows(&name).unwrap();
            assert_eq!(Ok(found.clone()), windows(&name));
            assert!(found.rsplit('/').next().unwrap().len() <= MAX_HOST_NAME);
        }
        let linux = |length| located(Platform::Linux, &format!("/{}", "x".repeat(length)));
        assert!(linux(255).is_ok());
        assert_eq!(linux(256), Err(OsError::NameTooLong));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let namespace = Namespace::new(folder.path().to_owned(), &BTreeMap::new(), Platform::Linux);
        std::fs::create_dir(folder.path().join("root")).unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("root/out")).unwrap();
        let path = namespace.locate("/out/etc/passwd").unwrap();
        assert_eq!(refuse_links(&path), Err(OsError::AccessDenied));
        assert_eq!(refuse_links(&namespace.locate("/in/etc").unwrap()), Ok(()));
    }

    proptest! {
        #[test]
        fn nothing_leads_out(path in r"(C:\\|/|\\\\vault\\)([a-z./\\%~: ]|\.\.|NUL|\PC){0,30}") {
            for platform in [Platform::Windows, Platform::Linux] {
                if let Ok(found) = namespace(platform).locate(&path) {
                    for name in &found.names {
                        prop_assert!(!name.contains(['/', '\\', '~', ':']) && name != "." && name != "..");
                    }
                    prop_assert!(!found.names.is_empty());
                }
            }
        }
    }
}
