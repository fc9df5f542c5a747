//! Files of this machine, where it is a Unix.

use std::fs::{self, File, FileTimes, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{LocalMachine, refused, unsupported};
use crate::names::{HostName, HostPath};
use crate::transport::{
    FileStatus, FileTransport, HostError, LONGEST_FILE, TransportErrorKind, codes,
};

/// One call at a time: what was given up in the middle has ended before the next one looks.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Tells the work of a call that was dropped that it need not begin.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl LocalMachine {
    /// Does what blocks on a thread of its own.
    async fn at<T: Send + 'static>(
        &self,
        host: &HostName,
        path: &HostPath,
        work: impl FnOnce(&Path) -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, HostError> {
        self.check(host)?;
        let path = here(path)?;
        let given_up = GivenUp(Arc::default());
        let is_given_up = Arc::clone(&given_up.0);
        let done = tokio::task::spawn_blocking(move || {
            let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
            if is_given_up.load(Ordering::Relaxed) {
                return Err(unsupported("it was given up"));
            }
            work(&path)
        });
        let done = done.await;
        drop(given_up);
        done.unwrap_or_else(|error| {
            Err(HostError::lost(
                TransportErrorKind::Unknown,
                error.to_string(),
            ))
        })
    }
}

fn here(path: &HostPath) -> Result<PathBuf, HostError> {
    if path.as_str().starts_with('/') {
        return Ok(PathBuf::from(path.as_str()));
    }
    Err(unsupported(format!(
        "{path} is no path of this machine, which is not Windows"
    )))
}

fn failed(path: &Path, error: &io::Error) -> HostError {
    refused(&path.display(), error)
}

fn no(code: u32, path: &Path, problem: &str) -> HostError {
    HostError::refused(code, format!("{}: {problem}", path.display()))
}

/// What is there. A link is refused, because what it leads to is another file.
fn look(path: &Path) -> Result<Option<Metadata>, HostError> {
    match path.symlink_metadata() {
        Ok(found) if found.is_symlink() => Err(no(
            codes::ACCESS_DENIED,
            path,
            "it is a link, and links are not followed",
        )),
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, &error)),
    }
}

fn file(path: &Path) -> Result<Metadata, HostError> {
    match look(path)? {
        None => Err(no(codes::FILE_NOT_FOUND, path, "it is not there")),
        Some(found) if !found.is_file() => {
            Err(no(codes::ACCESS_DENIED, path, "it is no plain file"))
        }
        Some(found) => Ok(found),
    }
}

/// A file that may be changed: its folder's mode alone would let it be.
fn writable(path: &Path) -> Result<Metadata, HostError> {
    let found = file(path)?;
    if is_read_only(&found) {
        return Err(no(codes::ACCESS_DENIED, path, "it is read-only"));
    }
    Ok(found)
}

fn is_read_only(found: &Metadata) -> bool {
    found.mode() & 0o222 == 0
}

fn read(path: &Path) -> Result<Vec<u8>, HostError> {
    file(path)?;
    let mut content = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut content));
    read.map_err(|error| failed(path, &error))?;
    check_length(path, &content)?;
    Ok(content)
}

fn check_length(path: &Path, content: &[u8]) -> Result<(), HostError> {
    if content.len() as u64 > LONGEST_FILE {
        return Err(no(
            codes::FILE_TOO_LARGE,
            path,
            "it is longer than any configuration",
        ));
    }
    Ok(())
}

/// Makes a file, like another one where there is one. What can't be made whole is removed again.
fn make(
    path: &Path,
    content: &[u8],
    like: Option<&Metadata>,
    keeps_times: bool,
) -> Result<(), HostError> {
    check_length(path, content)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if like.is_some() {
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => no(codes::PATH_NOT_FOUND, path, "its folder is not there"),
        _ => failed(path, &error),
    })?;
    let mut fill = || {
        file.write_all(content)?;
        if let Some(like) = like {
            fchown(&file, Some(like.uid()), Some(like.gid()))?;
            file.set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))?;
            if keeps_times {
                let times = FileTimes::new().set_accessed(like.accessed()?);
                file.set_times(times.set_modified(like.modified()?))?;
            }
        }
        file.sync_all()
    };
    fill().map_err(|error| {
        drop(fs::remove_file(path));
        failed(path, &error)
    })
}

#[async_trait]
impl FileTransport for LocalMachine {
    async fn stat(
        &self,
        host: &HostName,
        path: &HostPath,
    ) -> Result<Option<FileStatus>, HostError> {
        self.at(host, path, |path| {
            let status = |found: Metadata| {
                Ok(FileStatus {
                    size: if found.is_dir() { 0 } else { found.len() },
                    modified: found
                        .modified()
                        .map_err(|error| failed(path, &error))?
                        .into(),
                    is_read_only: is_read_only(&found),
                })
            };
            look(path)?.map(status).transpose()
        })
        .await
    }

    async fn read(&self, host: &HostName, path: &HostPath) -> Result<Vec<u8>, HostError> {
        self.at(host, path, read).await
    }

    async fn list(&self, host: &HostName, folder: &HostPath) -> Result<Vec<String>, HostError> {
        self.at(host, folder, |path| {
            let entries = fs::read_dir(path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => no(codes::PATH_NOT_FOUND, path, "it is not there"),
                _ => failed(path, &error),
            })?;
            let name = |entry: io::Result<fs::DirEntry>| {
                let entry = entry.map_err(|error| failed(path, &error))?;
                Ok(entry.file_name().to_string_lossy().into_owned())
            };
            entries.map(name).collect()
        })
        .await
    }

    async fn write_new(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        let content = zeroize::Zeroizing::new(content.to_owned());
        self.at(host, path, move |path| make(path, &content, None, false))
            .await
    }

    async fn replace(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        let content = zeroize::Zeroizing::new(content.to_owned());
        self.at(host, path, move |path| {
            let old = writable(path)?;
            let new = beside(path);
            make(&new, &content, Some(&old), false)?;
            fs::rename(&new, path).map_err(|error| {
                drop(fs::remove_file(&new));
                failed(path, &error)
            })
        })
        .await
    }

    async fn copy(&self, host: &HostName, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        let target = here(to)?;
        self.at(host, from, move |path| {
            let old = file(path)?;
            let content = zeroize::Zeroizing::new(read(path)?);
            make(&target, &content, Some(&old), true)
        })
        .await
    }

    async fn rename(
        &self,
        host: &HostName,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        let target = here(to)?;
        self.at(host, from, move |path| {
            file(path)?;
            if look(&target)?.is_some() {
                writable(&target)?;
            }
            if path.parent() != target.parent() {
                return Err(no(codes::ACCESS_DENIED, &target, "it is in another folder"));
            }
            fs::rename(path, &target).map_err(|error| failed(&target, &error))
        })
        .await
    }

    async fn remove(&self, host: &HostName, path: &HostPath) -> Result<(), HostError> {
        self.at(host, path, |path| {
            writable(path)?;
            fs::remove_file(path).map_err(|error| failed(path, &error))
        })
        .await
    }
}

/// A name beside, that nobody has.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", crate::adapter::random_name()));
    PathBuf::from(name)
}
