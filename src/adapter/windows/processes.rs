#![allow(unsafe_code, reason = "std knows its own children only")]

use std::os::windows::io::{FromRawHandle as _, OwnedHandle};

use time::{Duration, OffsetDateTime, macros::datetime};
use windows_sys::Win32::Foundation::{
    ERROR_INVALID_DATA, ERROR_INVALID_PARAMETER, FILETIME, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    QueryFullProcessImageNameW, WaitForSingleObject,
};

use super::answer::{answered, last_error};
use crate::transport::{HostError, ProcessStatus};

/// The longest path of Windows, in UTF-16.
const LONGEST_PATH: usize = 32_768;

/// What runs on this machine under a process id.
pub(super) fn process(process_id: u32) -> Result<Option<ProcessStatus>, HostError> {
    let access = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    // SAFETY: no pointer is given.
    let handle = unsafe { OpenProcess(access, 0, process_id) };
    if handle.is_null() {
        return match last_error() {
            // There is no such process (documented).
            ERROR_INVALID_PARAMETER => Ok(None),
            code => Err(answered(code)),
        };
    }
    // SAFETY: OpenProcess gave the handle, and nobody else closes it.
    let _process = unsafe { OwnedHandle::from_raw_handle(handle) };
    // One that has ended keeps its number as long as somebody holds it.
    // SAFETY: the handle is open until `_process` is dropped.
    if unsafe { WaitForSingleObject(handle, 0) } != WAIT_TIMEOUT {
        return Ok(None);
    }
    let mut created = FILETIME::default();
    let mut others = [FILETIME::default(); 3];
    let [exit, kernel, user] = &mut others;
    // SAFETY: the handle is open until `_process` is dropped, and the places for the answers outlive the call.
    if unsafe { GetProcessTimes(handle, &mut created, exit, kernel, user) } == 0 {
        return Err(answered(last_error()));
    }
    let mut name = vec![0_u16; LONGEST_PATH];
    let mut length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    // SAFETY: the handle is open until `_process` is dropped; the buffer has as many letters as `length` says, and
    // both outlive the call.
    let is_told =
        unsafe { QueryFullProcessImageNameW(handle, 0, name.as_mut_ptr(), &mut length) } != 0;
    if !is_told {
        return Err(answered(last_error()));
    }
    let name = name.get(..usize::try_from(length).unwrap_or(0));
    let program = String::from_utf16_lossy(name.unwrap_or_default());
    let program = program.parse().map_err(|problem| {
        HostError::refused(ERROR_INVALID_DATA, format!("its program is odd: {problem}"))
    })?;
    Ok(Some(ProcessStatus {
        program,
        started: time_of(created),
    }))
}

/// Windows counts in 100 nanoseconds since 1601.
fn time_of(time: FILETIME) -> OffsetDateTime {
    let ticks = (u64::from(time.dwHighDateTime) << 32) | u64::from(time.dwLowDateTime);
    let since = Duration::new(
        i64::try_from(ticks / 10_000_000).unwrap_or(0),
        i32::try_from(ticks % 10_000_000).unwrap_or(0) * 100,
    );
    let epoch = datetime!(1601-01-01 00:00 UTC);
    epoch.checked_add(since).unwrap_or(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        // 1970-01-01, as documented for FILETIME.
        let ticks = 116_444_736_000_000_000_u64 + 5;
        let time = time_of(FILETIME {
            dwLowDateTime: (ticks & 0xffff_ffff) as u32,
            dwHighDateTime: (ticks >> 32) as u32,
        });
        assert_eq!(
            time,
            OffsetDateTime::UNIX_EPOCH + Duration::nanoseconds(500)
        );
    }

    #[test]
    fn this_process_is_found_and_none_where_none_is() {
        let this = process(std::process::id()).unwrap().unwrap();
        let program = std::env::current_exe().unwrap();
        assert_eq!(
            this.program.as_str().to_lowercase(),
            program.to_string_lossy().to_lowercase()
        );
        let age = OffsetDateTime::now_utc() - this.started;
        assert!(age >= Duration::ZERO && age < Duration::hours(1), "{age}");
        assert_eq!(process(0).unwrap(), None);
        assert_eq!(process(0x7fff_fffc).unwrap(), None);
    }
}
