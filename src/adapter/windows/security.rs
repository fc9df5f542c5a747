#![allow(unsafe_code, reason = "std knows nothing of access control lists")]

use std::fs::File;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_OWNER, ERROR_PRIVILEGE_NOT_HELD,
    LUID,
};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION,
    GetKernelObjectSecurity, GetSecurityDescriptorControl, ImpersonateSelf, LUID_AND_ATTRIBUTES,
    LookupPrivilegeValueW, OWNER_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR,
    SE_DACL_AUTO_INHERIT_REQ, SE_DACL_AUTO_INHERITED, SE_PRIVILEGE_ENABLED, SecurityImpersonation,
    SetKernelObjectSecurity, SetSecurityDescriptorControl, TOKEN_ADJUST_PRIVILEGES,
    TOKEN_PRIVILEGES,
};
use windows_sys::Win32::System::Threading::{GetCurrentThread, OpenThreadToken};

use super::answer::{answered, last_error, wide};
use crate::transport::HostError;

/// Audit entries are not among them: to read those takes a right of its own.
const KEPT: u32 =
    OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;

/// Owner, group and access control list of a file, to be given to another as they are.
///
/// They are taken over entry by entry, inherited ones too: a file that is kept in another folder is to be
/// as open as it was, and not as that folder is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Security {
    /// A self-relative security descriptor; 8 bytes at a time, because it wants to be aligned.
    descriptor: Vec<u64>,
}

impl Security {
    /// That of `file`, which was opened with `READ_CONTROL`.
    pub(super) fn of(file: &File) -> Result<Self, HostError> {
        let mut descriptor = vec![0_u64; 64];
        loop {
            let size = u32::try_from(size_of_val(&descriptor[..])).unwrap_or(u32::MAX);
            let mut needed = 0;
            // SAFETY: the handle is open as long as `file` is borrowed; the buffer has that many bytes, is aligned,
            // and outlives the call.
            let is_told = unsafe {
                GetKernelObjectSecurity(
                    file.as_raw_handle(),
                    KEPT,
                    descriptor.as_mut_ptr().cast(),
                    size,
                    &mut needed,
                )
            } != 0;
            if is_told {
                return Ok(Self { descriptor });
            }
            match last_error() {
                ERROR_INSUFFICIENT_BUFFER if needed > size => {
                    let needed = usize::try_from(needed).unwrap_or(usize::MAX);
                    descriptor.resize(needed.div_ceil(size_of::<u64>()), 0);
                }
                code => return Err(answered(code)),
            }
        }
    }

    /// Gives it to `file`, which was opened with `WRITE_DAC` and `WRITE_OWNER`.
    ///
    /// A file may be given to somebody else with the privilege to restore files only, which administrators have.
    pub(super) fn give(&mut self, file: &File) -> Result<(), HostError> {
        self.ask_to_keep_inheritance();
        match self.set(file) {
            Ok(()) => Ok(()),
            Err(ERROR_INVALID_OWNER | ERROR_PRIVILEGE_NOT_HELD | ERROR_ACCESS_DENIED) => {
                // On a thread of its own, which takes the privilege with it when it ends.
                let given = std::thread::scope(|scope| {
                    let restored = scope.spawn(|| {
                        take_restore_privilege()?;
                        self.set(file)
                    });
                    restored.join()
                });
                given.unwrap_or(Err(ERROR_ACCESS_DENIED)).map_err(answered)
            }
            Err(code) => Err(answered(code)),
        }
    }

    fn pointer(&mut self) -> PSECURITY_DESCRIPTOR {
        self.descriptor.as_mut_ptr().cast()
    }

    /// Without this mark Windows forgets on the way in that a list follows its folder's (documented).
    fn ask_to_keep_inheritance(&mut self) {
        let (mut control, mut revision) = (0, 0);
        let descriptor = self.pointer();
        // SAFETY: Windows made the descriptor, in memory of ours that outlives both calls and that nobody else uses.
        unsafe {
            let is_told = GetSecurityDescriptorControl(descriptor, &mut control, &mut revision);
            if is_told != 0 && control & SE_DACL_AUTO_INHERITED != 0 {
                // Refused, the list is kept all the same.
                let mark = SE_DACL_AUTO_INHERIT_REQ;
                SetSecurityDescriptorControl(descriptor, mark, mark);
            }
        }
    }

    fn set(&mut self, file: &File) -> Result<(), u32> {
        // SAFETY: the handle is open as long as `file` is borrowed; Windows made the descriptor, which is read only.
        let is_set =
            unsafe { SetKernelObjectSecurity(file.as_raw_handle(), KEPT, self.pointer()) } != 0;
        if is_set { Ok(()) } else { Err(last_error()) }
    }
}

/// Enables this thread, and no other, to give files to others. An account that lacks the privilege goes on without:
/// what follows tells.
fn take_restore_privilege() -> Result<(), u32> {
    let check = |is_done: i32| {
        if is_done != 0 {
            Ok(())
        } else {
            Err(last_error())
        }
    };
    let name = wide("SeRestorePrivilege");
    let mut token = ptr::null_mut();
    let mut luid = LUID::default();
    // SAFETY: the places for the answers outlive the calls, and the name ends with NUL.
    unsafe {
        check(ImpersonateSelf(SecurityImpersonation))?;
        check(LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &mut luid))?;
        check(OpenThreadToken(
            GetCurrentThread(),
            TOKEN_ADJUST_PRIVILEGES,
            1,
            &mut token,
        ))?;
    }
    // SAFETY: OpenThreadToken gave the handle, and nobody else closes it.
    let _token = unsafe { OwnedHandle::from_raw_handle(token) };
    let wanted = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES {
            Luid: luid,
            Attributes: SE_PRIVILEGE_ENABLED,
        }],
    };
    // SAFETY: the token is open until `_token` is dropped, and the list outlives the call.
    check(unsafe { AdjustTokenPrivileges(token, 0, &wanted, 0, ptr::null_mut(), ptr::null_mut()) })
}

#[cfg(test)]
mod tests {
    use std::os::windows::fs::OpenOptionsExt as _;

    use windows_sys::Win32::Foundation::{GENERIC_READ, GENERIC_WRITE};
    use windows_sys::Win32::Security::Authorization::{
        ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
    };
    use windows_sys::Win32::Storage::FileSystem::{READ_CONTROL, WRITE_DAC, WRITE_OWNER};

    use super::*;

    fn open(path: &std::path::Path) -> File {
        File::options()
            .access_mode(GENERIC_READ | GENERIC_WRITE | READ_CONTROL | WRITE_DAC | WRITE_OWNER)
            .write(true)
            .create_new(true)
            .open(path)
            .unwrap()
    }

    #[test]
    fn what_one_file_has_another_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (
            open(&folder.path().join("one")),
            open(&folder.path().join("other")),
        );
        // Only its owner may read it: what Wine can keep.
        let text = wide("D:P(A;;FA;;;OW)");
        let mut made = ptr::null_mut();
        // SAFETY: the text ends with NUL; the answer is freed with the process.
        let is_made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &mut made,
                ptr::null_mut(),
            )
        };
        assert_ne!(is_made, 0);
        // SAFETY: the handle is open, the descriptor was just made.
        let is_set = unsafe {
            SetKernelObjectSecurity(one.as_raw_handle(), DACL_SECURITY_INFORMATION, made)
        };
        assert_ne!(is_set, 0, "{}", last_error());
        let mut kept = Security::of(&one).unwrap();
        assert_ne!(kept, Security::of(&other).unwrap(), "nothing is told apart");
        kept.give(&other).unwrap();
        assert_eq!(Security::of(&one).unwrap(), Security::of(&other).unwrap());
    }

    #[test]
    fn the_privilege_ends_with_its_thread() {
        std::thread::spawn(take_restore_privilege)
            .join()
            .unwrap()
            .unwrap();
        let mut token = ptr::null_mut();
        // SAFETY: the place for the handle outlives the call.
        let is_open =
            unsafe { OpenThreadToken(GetCurrentThread(), TOKEN_ADJUST_PRIVILEGES, 1, &mut token) };
        assert_eq!(is_open, 0, "this thread impersonates");
    }
}
