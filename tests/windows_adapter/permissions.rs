//! Access control lists as texts.
#![allow(unsafe_code, reason = "std knows nothing of access control lists")]

use std::fs::File;
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
    SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
    SetKernelObjectSecurity,
};
use windows_sys::Win32::Storage::FileSystem::{READ_CONTROL, WRITE_DAC};

fn open(path: &Path) -> Option<File> {
    File::options()
        .access_mode(READ_CONTROL | WRITE_DAC)
        .open(path)
        .ok()
}

/// Lets its owner read a file, and nobody else: also what a mode of Unix can say.
pub(crate) fn protect(path: &Path) -> bool {
    let before = permissions(path);
    let owner = before.as_deref().and_then(|text| {
        let owner = text.strip_prefix("O:")?;
        owner.split("G:").next()
    });
    let (Some(owner), Some(file)) = (owner, open(path)) else {
        return false;
    };
    let text = format!("D:P(A;;FA;;;{owner})\0");
    let text: Vec<u16> = text.encode_utf16().collect();
    let mut descriptor = ptr::null_mut();
    // SAFETY: the text ends with NUL and outlives the call, as does the place for the answer; the handle is open;
    // the descriptor is freed once, after its last use.
    unsafe {
        let is_made = ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &mut descriptor,
            ptr::null_mut(),
        ) != 0;
        let handle = file.as_raw_handle();
        let is_set =
            is_made && SetKernelObjectSecurity(handle, DACL_SECURITY_INFORMATION, descriptor) != 0;
        LocalFree(descriptor);
        is_set && permissions(path) != before
    }
}

/// Owner, group and list.
pub(crate) fn permissions(path: &Path) -> Option<String> {
    let file = open(path)?;
    let kept = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let (mut descriptor, mut text, mut length) = (ptr::null_mut(), ptr::null_mut(), 0);
    // SAFETY: the handle is open, the places for the answers outlive the calls, and what Windows made is freed once,
    // after its last use; the text has as many letters as `length` says.
    unsafe {
        let code = GetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            kept,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &mut descriptor,
        );
        let is_text = code == 0
            && ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor,
                SDDL_REVISION_1,
                kept,
                &mut text,
                &mut length,
            ) != 0;
        let shown = is_text.then(|| {
            let units = std::slice::from_raw_parts(text, usize::try_from(length).unwrap_or(0));
            String::from_utf16_lossy(units)
                .trim_end_matches('\0')
                .to_owned()
        });
        LocalFree(text.cast());
        LocalFree(descriptor);
        shown
    }
}
