#![allow(unsafe_code, reason = "std deletes read-only files too")]

use std::fs::{File, FileTimes, Metadata, OpenOptions};
use std::io::Read as _;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::fs::{FileTimesExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use windows_sys::Win32::Foundation::{
    ERROR_FILE_TOO_LARGE, ERROR_INVALID_NAME, ERROR_NOT_SUPPORTED, GENERIC_READ,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, DeleteFileW, FILE_ATTRIBUTE_ENCRYPTED, FILE_ATTRIBUTE_HIDDEN,
    FILE_ATTRIBUTE_NOT_CONTENT_INDEXED, FILE_ATTRIBUTE_READONLY, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_ATTRIBUTE_SYSTEM, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, READ_CONTROL,
};

use super::answer::{answered, blocking, failed, last_error};
use super::hosts::{Place, WindowsHosts};
use super::placed_file::{Occupied, PlacedFile, rename};
use super::security::Security;
use crate::names::{HostName, HostPath};
use crate::transport::{FileStatus, FileTransport, HostError, LONGEST_FILE, codes};

const SHARE_ALL: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// The attributes that a file is made with. Read-only comes when it is whole.
const ATTRIBUTES: u32 =
    FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED | FILE_ATTRIBUTE_SYSTEM;

/// Besides the port's contract: streams other than the content and audit entries are not kept, files that the file
/// system encrypts are neither replaced nor copied (50), and every reparse point is refused as a link is (5). Files of
/// other machines are reached by their administrative shares, `\\HOST\C$\…`.
#[async_trait]
impl FileTransport for WindowsHosts {
    async fn stat(
        &self,
        host: &HostName,
        path: &HostPath,
    ) -> Result<Option<FileStatus>, HostError> {
        let path = locate(&self.place(host), path)?;
        blocking(move || match examine(&path, FILE_READ_ATTRIBUTES) {
            Ok((_, metadata)) => Ok(Some(FileStatus {
                size: if metadata.is_dir() { 0 } else { metadata.len() },
                modified: metadata.modified().map_err(failed)?.into(),
                is_read_only: metadata.file_attributes() & FILE_ATTRIBUTE_READONLY != 0,
            })),
            Err(HostError::Refused {
                code: codes::FILE_NOT_FOUND | codes::PATH_NOT_FOUND,
                ..
            }) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn read(&self, host: &HostName, path: &HostPath) -> Result<Vec<u8>, HostError> {
        let path = locate(&self.place(host), path)?;
        blocking(move || content(&file(&path, GENERIC_READ)?.0)).await
    }

    async fn list(&self, host: &HostName, folder: &HostPath) -> Result<Vec<String>, HostError> {
        let folder = locate(&self.place(host), folder)?;
        blocking(move || {
            examine(&folder, FILE_READ_ATTRIBUTES)?;
            let entries = std::fs::read_dir(&folder).map_err(failed)?;
            let name = |entry: std::io::Result<std::fs::DirEntry>| {
                entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
            };
            entries.map(name).collect::<Result<_, _>>().map_err(failed)
        })
        .await
    }

    async fn write_new(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        check_length(content)?;
        let (path, content) = (locate(&self.place(host), path)?, content.to_owned());
        blocking(move || {
            let mut file = PlacedFile::beside(&path, 0)?;
            file.write(&content)?;
            file.place(false, Occupied::Refuse)
        })
        .await
    }

    async fn replace(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        check_length(content)?;
        let (path, content) = (locate(&self.place(host), path)?, content.to_owned());
        blocking(move || replace(&path, &content)).await
    }

    async fn copy(&self, host: &HostName, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        let place = self.place(host);
        let (from, to) = (locate(&place, from)?, locate(&place, to)?);
        blocking(move || copy(&from, &to)).await
    }

    async fn rename(
        &self,
        host: &HostName,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        let place = self.place(host);
        let (from, to) = (locate(&place, from)?, locate(&place, to)?);
        blocking(move || give_name(&from, &to)).await
    }

    async fn remove(&self, host: &HostName, path: &HostPath) -> Result<(), HostError> {
        let path = locate(&self.place(host), path)?;
        blocking(move || {
            file(&path, FILE_READ_ATTRIBUTES)?;
            let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
            // SAFETY: the name ends with NUL and outlives the call.
            let is_deleted = unsafe { DeleteFileW(name.as_ptr()) } != 0;
            if is_deleted {
                Ok(())
            } else {
                Err(answered(last_error()))
            }
        })
        .await
    }
}

/// Where the path is, seen from here. With the prefix that keeps Windows from reading anything else into it; what
/// that would skip was checked when the path was parsed.
fn locate(place: &Place, path: &HostPath) -> Result<PathBuf, HostError> {
    let Some((drive, rest)) = path.as_str().split_once(r":\") else {
        return Err(HostError::refused(
            ERROR_INVALID_NAME,
            format!("{path} is no path of Windows"),
        ));
    };
    Ok(PathBuf::from(match place {
        Place::Here => format!(r"\\?\{drive}:\{rest}"),
        Place::There(name) => format!(r"\\?\UNC\{name}\{drive}$\{rest}"),
    }))
}

/// Opens what is at a path, a folder too, if it is no link.
fn examine(path: &Path, access: u32) -> Result<(File, Metadata), HostError> {
    let flags = FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_BACKUP_SEMANTICS;
    let file = OpenOptions::new()
        .access_mode(access)
        .share_mode(SHARE_ALL)
        .custom_flags(flags)
        .open(path)
        .map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
        return Err(HostError::refused(
            codes::ACCESS_DENIED,
            "it is a link or another reparse point, which is not followed",
        ));
    }
    Ok((file, metadata))
}

/// Opens a file that is a file.
fn file(path: &Path, access: u32) -> Result<(File, Metadata), HostError> {
    let (file, metadata) = examine(path, access)?;
    if metadata.is_dir() {
        return Err(HostError::refused(codes::ACCESS_DENIED, "it is a folder"));
    }
    Ok((file, metadata))
}

fn content(file: &File) -> Result<Vec<u8>, HostError> {
    let mut content = Vec::new();
    let mut bounded = file.take(LONGEST_FILE + 1);
    bounded.read_to_end(&mut content).map_err(failed)?;
    check_length(&content)?;
    Ok(content)
}

fn check_length(content: &[u8]) -> Result<(), HostError> {
    if content.len() as u64 > LONGEST_FILE {
        return Err(HostError::refused(
            ERROR_FILE_TOO_LARGE,
            format!("no file longer than {LONGEST_FILE} bytes is read or written"),
        ));
    }
    Ok(())
}

/// A file of which all is to be kept, with what there is to keep.
fn original(path: &Path) -> Result<(File, Metadata, Security), HostError> {
    let (file, metadata) = file(path, GENERIC_READ | READ_CONTROL)?;
    if metadata.file_attributes() & FILE_ATTRIBUTE_ENCRYPTED != 0 {
        return Err(HostError::refused(
            ERROR_NOT_SUPPORTED,
            "the file system encrypts it, and who may decrypt it could not be kept",
        ));
    }
    let security = Security::of(&file)?;
    Ok((file, metadata, security))
}

fn replace(path: &Path, content: &[u8]) -> Result<(), HostError> {
    let (file, metadata, mut security) = original(path)?;
    let attributes = metadata.file_attributes();
    if attributes & FILE_ATTRIBUTE_READONLY != 0 {
        return Err(answered(codes::ACCESS_DENIED));
    }
    // Nothing is replaced that is held open: by ourselves neither.
    drop(file);
    let mut new = PlacedFile::beside(path, attributes & ATTRIBUTES)?;
    new.secure(&mut security)?;
    new.write(content)?;
    let created = metadata.created().map_err(failed)?;
    new.set_times(FileTimes::new().set_created(created))?;
    match new.place(false, Occupied::Replace) {
        Err(HostError::Refused {
            code: codes::ACCESS_DENIED,
            ..
        }) => Err(in_the_way(path)),
        placed => placed,
    }
}

fn give_name(from: &Path, to: &Path) -> Result<(), HostError> {
    if from.parent() != to.parent() {
        let problem = "a file is renamed in its folder only";
        return Err(HostError::refused(codes::ACCESS_DENIED, problem));
    }
    let (renamed, _) = file(from, DELETE | FILE_READ_ATTRIBUTES)?;
    match file(to, FILE_READ_ATTRIBUTES) {
        Ok((_, there)) if there.file_attributes() & FILE_ATTRIBUTE_READONLY != 0 => {
            return Err(answered(codes::ACCESS_DENIED));
        }
        Ok(_) => {}
        Err(HostError::Refused {
            code: codes::FILE_NOT_FOUND,
            ..
        }) => {}
        Err(error) => return Err(error),
    }
    match rename(&renamed, to, Occupied::Replace) {
        Err(HostError::Refused {
            code: codes::ACCESS_DENIED,
            ..
        }) => Err(in_the_way(to)),
        done => done,
    }
}

/// Why a file was not replaced, where Windows says the same (5) of one that may not be and of one that is held open.
fn in_the_way(path: &Path) -> HostError {
    let deletable = OpenOptions::new()
        .access_mode(DELETE)
        .share_mode(SHARE_ALL)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path);
    match deletable.map_err(failed) {
        // It may be replaced, and was not: somebody holds it open and shares it.
        Ok(_) => answered(codes::SHARING_VIOLATION),
        Err(
            held @ HostError::Refused {
                code: codes::SHARING_VIOLATION,
                ..
            },
        ) => held,
        Err(_) => answered(codes::ACCESS_DENIED),
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), HostError> {
    let (file, metadata, mut security) = original(from)?;
    let attributes = metadata.file_attributes();
    let mut new = PlacedFile::beside(to, attributes & ATTRIBUTES)?;
    new.secure(&mut security)?;
    new.write(&content(&file)?)?;
    let times = FileTimes::new()
        .set_created(metadata.created().map_err(failed)?)
        .set_accessed(metadata.accessed().map_err(failed)?)
        .set_modified(metadata.modified().map_err(failed)?);
    new.set_times(times)?;
    let is_read_only = attributes & FILE_ATTRIBUTE_READONLY != 0;
    new.place(is_read_only, Occupied::Refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_are_on_their_administrative_shares() {
        let path: HostPath = r"D:\o'b & 100 % ü\a b.config".parse().unwrap();
        let there = Place::There("rb01.contoso.example".parse().unwrap());
        for (place, path_there) in [
            (Place::Here, r"\\?\D:\o'b & 100 % ü\a b.config"),
            (
                there,
                r"\\?\UNC\rb01.contoso.example\D$\o'b & 100 % ü\a b.config",
            ),
        ] {
            assert_eq!(locate(&place, &path).unwrap(), Path::new(path_there));
        }
        let linux = "/etc/passwd".parse().unwrap();
        assert_eq!(
            locate(&Place::Here, &linux).unwrap_err().code(),
            Some(ERROR_INVALID_NAME)
        );
    }
}
