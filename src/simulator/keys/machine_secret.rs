//! The machine's secret: what DPAPI's machine key is on Windows, `secrets/machine-key` on Linux.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::{KEY_LENGTH, KeyMaterial};

/// Reads the secret, or makes it where the file is missing: readable by its owner only, and
/// durable before it is used.
pub(crate) fn machine_secret(path: &Path) -> io::Result<KeyMaterial> {
    match File::open(path) {
        Ok(file) => read(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path),
        Err(error) => Err(error),
    }
}

fn read(file: File) -> io::Result<KeyMaterial> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
    // One byte more, so that a longer file is found to be none of ours.
    let limit = u64::try_from(KEY_LENGTH + 1).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() != KEY_LENGTH {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the machine's secret has the wrong length; it is damaged or another file",
        ));
    }
    Ok(KeyMaterial(bytes))
}

fn create(path: &Path) -> io::Result<KeyMaterial> {
    let key = KeyMaterial::random(KEY_LENGTH).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = match options.open(path) {
        // Another instance on this machine was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return read(File::open(path)?);
        }
        opened => opened?,
    };
    file.write_all(&key.0)?;
    file.sync_all()?;
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)?.sync_all()?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine-key");
        let made = machine_secret(&path).unwrap();
        assert!(machine_secret(&path).unwrap().is(&made));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_one_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine-key");
        for length in [0, 31, 33] {
            std::fs::write(&path, vec![1; length]).unwrap();
            assert!(machine_secret(&path).is_err());
            assert_eq!(std::fs::read(&path).unwrap().len(), length);
        }
    }
}
