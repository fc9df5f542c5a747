use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::unknown;
use crate::secret::{Secret, SecretRef};
use crate::transport::{SecretSource, TransportError};

/// No password is longer; a larger file is the wrong one.
const MOST_BYTES: u64 = 4096;

/// Secrets from files in one folder, a file a secret, named like it. One newline at the end is not
/// part of the secret.
///
/// A file that others may read is refused: on Unix its mode must give nothing to group and others,
/// and it must be a plain file of this user or root, not a link. On Windows the file's rights are
/// not checked; keep it in a folder that only this account may read.
#[derive(Clone, Debug)]
pub struct FileSecrets {
    folder: PathBuf,
}

impl FileSecrets {
    /// Secrets from the files in `folder`.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn read(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        let leaf = name.name();
        let is_plain = !leaf.is_empty()
            && !leaf.starts_with('.')
            && leaf
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !is_plain {
            return Err(unknown(name, "its name is no plain file name"));
        }
        let path = self.folder.join(leaf);
        private_file(&path)
            .map_err(|problem| unknown(name, format_args!("{}: {problem}", path.display())))
    }
}

/// The text of a file that nobody else may read, as far as that is checked.
pub(in crate::adapter) fn private_file(path: &Path) -> Result<Secret, String> {
    let io = |error: std::io::Error| error.to_string();
    if std::fs::symlink_metadata(path).map_err(io)?.is_symlink() {
        return Err("it is a link; name the file itself".to_owned());
    }
    let file = File::open(path).map_err(io)?;
    check(&file, path)?;
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(MOST_BYTES).unwrap_or(0) + 1,
    ));
    file.take(MOST_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(io)?;
    if text.len() as u64 > MOST_BYTES {
        return Err("it is too large for a secret".to_owned());
    }
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Secret::new(secret.to_owned()))
}

/// Looks at the opened file itself, so that nobody swaps it in between.
#[cfg(unix)]
fn check(file: &File, path: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no plain file".to_owned());
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(format!(
            "others may read it (mode {:o}); run chmod 600 {}",
            metadata.mode() & 0o777,
            path.display()
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check(file: &File, _: &Path) -> Result<(), String> {
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if metadata.is_file() {
        Ok(())
    } else {
        Err("it is no plain file".to_owned())
    }
}

#[async_trait]
impl SecretSource for FileSecrets {
    async fn fetch(&self, name: &SecretRef) -> Result<Secret, TransportError> {
        self.read(name)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn folder_with(content: &[u8], mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("smk");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        folder
    }

    async fn fetch(folder: &tempfile::TempDir, name: &str) -> Result<Secret, String> {
        let secrets = FileSecrets::in_folder(folder.path());
        secrets
            .fetch(&SecretRef::named(name))
            .await
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_private_file_is_read_without_its_newline() {
        for content in ["canary", "canary\n", "canary\r\n"] {
            let folder = folder_with(content.as_bytes(), 0o600);
            assert_eq!(fetch(&folder, "smk").await.unwrap().expose(), "canary");
        }
    }

    #[tokio::test]
    async fn what_others_may_read_or_point_elsewhere_is_refused() {
        let shared = folder_with(b"canary", 0o640);
        assert!(
            fetch(&shared, "smk")
                .await
                .unwrap_err()
                .contains("chmod 600")
        );
        let private = folder_with(b"canary", 0o600);
        std::os::unix::fs::symlink(private.path().join("smk"), private.path().join("link"))
            .unwrap();
        for (name, part) in [
            ("link", "link"),
            ("../smk", "plain file name"),
            ("", "plain file name"),
            (".hidden", "plain file name"),
            ("missing", "missing"),
        ] {
            let error = fetch(&private, name).await.unwrap_err();
            assert!(error.contains(part) && !error.contains("canary"), "{error}");
        }
    }

    #[tokio::test]
    async fn empty_large_and_binary_files_are_refused() {
        for content in [b"".as_slice(), b"\n", &[b'x'; 5000], &[0xff, 0xfe]] {
            assert!(fetch(&folder_with(content, 0o600), "smk").await.is_err());
        }
    }
}
