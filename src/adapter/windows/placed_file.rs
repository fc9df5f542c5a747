#![allow(unsafe_code, reason = "std can't rename by handle")]

use std::fs::{File, FileTimes};
use std::io::{self, Write as _};
use std::mem::offset_of;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_DISPOSITION_INFO, FILE_FLAG_WRITE_THROUGH, FILE_RENAME_INFO, FILE_SHARE_DELETE,
    FILE_SHARE_READ, FILE_SHARE_WRITE, FileDispositionInfo, FileRenameInfo, READ_CONTROL,
    SetFileInformationByHandle, WRITE_DAC, WRITE_OWNER,
};

use super::answer::{answered, failed, last_error};
use super::security::Security;
use crate::transport::{HostError, codes};

/// A file that is made beside its place and put there as a whole, or deleted when dropped.
///
/// It is renamed and deleted through the handle by which it was made: the rights of the file that it is to
/// become may allow neither to whoever comes by its name.
#[derive(Debug)]
pub(super) struct PlacedFile {
    file: File,
    place: PathBuf,
    is_placed: bool,
}

/// What is at the place already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occupied {
    /// The new file takes its place.
    Replace,
    /// The new file is refused (80).
    Refuse,
}

/// Tells the files of this process apart.
static MADE: AtomicU32 = AtomicU32::new(0);

/// So many leftovers of processes that were ended, with the same number, are passed by.
const NAMES: u32 = 64;

impl PlacedFile {
    /// Makes it, empty, in the folder of `place`, with those attributes.
    pub(super) fn beside(place: &Path, attributes: u32) -> Result<Self, HostError> {
        let process = std::process::id();
        let mut taken = None;
        for _ in 0..NAMES {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let path = place.with_file_name(format!("~scorch-{process}-{number}.tmp"));
            let made = File::options()
                .access_mode(
                    GENERIC_READ | GENERIC_WRITE | DELETE | READ_CONTROL | WRITE_DAC | WRITE_OWNER,
                )
                // Whoever reads the file at its place meets this handle for a moment.
                .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
                .custom_flags(FILE_FLAG_WRITE_THROUGH)
                .attributes(attributes)
                .create_new(true)
                .write(true)
                .open(path);
            match made {
                Ok(file) => {
                    return Ok(Self {
                        file,
                        place: place.to_owned(),
                        is_placed: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = Some(error),
                Err(error) => return Err(failed(error)),
            }
        }
        Err(taken.map_or_else(|| answered(codes::FILE_EXISTS), failed))
    }

    /// Before the content, which nobody is to read meanwhile who may not read it later.
    pub(super) fn secure(&self, security: &mut Security) -> Result<(), HostError> {
        security.give(&self.file)
    }

    pub(super) fn write(&mut self, content: &[u8]) -> Result<(), HostError> {
        self.file.write_all(content).map_err(failed)
    }

    pub(super) fn set_times(&self, times: FileTimes) -> Result<(), HostError> {
        self.file.set_times(times).map_err(failed)
    }

    /// Puts it at its place, in one step, once it is on the disk.
    pub(super) fn place(mut self, is_read_only: bool, occupied: Occupied) -> Result<(), HostError> {
        self.file.sync_all().map_err(failed)?;
        if is_read_only {
            self.set_read_only(true).map_err(failed)?;
        }
        let renamed = rename(&self.file, &self.place, occupied);
        self.is_placed = renamed.is_ok();
        if is_read_only && !self.is_placed {
            // Else it can't be deleted. A failure leaves it beside.
            drop(self.set_read_only(false));
        }
        renamed
    }

    fn set_read_only(&self, is_read_only: bool) -> io::Result<()> {
        let mut permissions = self.file.metadata()?.permissions();
        permissions.set_readonly(is_read_only);
        self.file.set_permissions(permissions)
    }
}

impl Drop for PlacedFile {
    fn drop(&mut self) {
        if self.is_placed {
            return;
        }
        let info = FILE_DISPOSITION_INFO { DeleteFile: true };
        let size = u32::try_from(size_of_val(&info)).unwrap_or_default();
        // SAFETY: the handle is open until the file is dropped, which comes after; the structure is the one of this
        // class, with its size.
        let is_deleted = unsafe {
            SetFileInformationByHandle(
                self.file.as_raw_handle(),
                FileDispositionInfo,
                ptr::from_ref(&info).cast(),
                size,
            )
        } != 0;
        if !is_deleted {
            tracing::warn!(place = %self.place.display(), code = last_error(), "a file that was not put at its place stays beside it");
        }
    }
}

/// Gives an open file another name. Over a file that somebody holds open nothing is renamed (5), whatever they share.
pub(super) fn rename(file: &File, place: &Path, occupied: Occupied) -> Result<(), HostError> {
    let name: Vec<u16> = place.as_os_str().encode_wide().chain([0]).collect();
    let at = offset_of!(FILE_RENAME_INFO, FileName);
    let bytes = at + size_of_val(&name[..]);
    // Of 8 bytes each, because the structure wants to be aligned. Zero: the folder is in the name.
    let mut buffer = vec![0_u64; bytes.max(size_of::<FILE_RENAME_INFO>()).div_ceil(8)];
    let too_long = || answered(codes::PATH_NOT_FOUND);
    let length = u32::try_from(size_of_val(&name[..name.len() - 1])).map_err(|_| too_long())?;
    let size = u32::try_from(size_of_val(&buffer[..])).map_err(|_| too_long())?;
    let info: *mut FILE_RENAME_INFO = buffer.as_mut_ptr().cast();
    // SAFETY: the buffer is aligned, has room for the structure and, from `at` on, for the name. The handle is open
    // as long as `file` is borrowed, and the buffer outlives the call.
    let is_renamed = unsafe {
        (*info).Anonymous.ReplaceIfExists = occupied == Occupied::Replace;
        (*info).FileNameLength = length;
        ptr::copy_nonoverlapping(name.as_ptr(), info.cast::<u8>().add(at).cast(), name.len());
        SetFileInformationByHandle(file.as_raw_handle(), FileRenameInfo, info.cast(), size)
    } != 0;
    if is_renamed {
        return Ok(());
    }
    Err(match (last_error(), occupied) {
        (codes::ALREADY_EXISTS, Occupied::Refuse) => answered(codes::FILE_EXISTS),
        (code, _) => answered(code),
    })
}
