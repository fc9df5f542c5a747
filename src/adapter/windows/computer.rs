#![allow(unsafe_code, reason = "Windows is asked for its names")]

use windows_sys::Win32::System::SystemInformation::{
    COMPUTER_NAME_FORMAT, ComputerNameDnsFullyQualified, ComputerNameDnsHostname,
    ComputerNameNetBIOS, ComputerNamePhysicalDnsFullyQualified, ComputerNamePhysicalDnsHostname,
    ComputerNamePhysicalNetBIOS, GetComputerNameExW,
};

/// The names by which this machine is known, in lower case. On a cluster that of its role too.
pub(super) fn own_names() -> impl Iterator<Item = String> {
    [
        ComputerNameNetBIOS,
        ComputerNameDnsHostname,
        ComputerNameDnsFullyQualified,
        ComputerNamePhysicalNetBIOS,
        ComputerNamePhysicalDnsHostname,
        ComputerNamePhysicalDnsFullyQualified,
    ]
    .into_iter()
    .filter_map(own_name)
    .filter(|name| !name.is_empty())
    .map(|name| name.to_lowercase())
}

fn own_name(format: COMPUTER_NAME_FORMAT) -> Option<String> {
    // DNS: at most 255 letters.
    let mut name = [0_u16; 256];
    let mut length = 256_u32;
    // SAFETY: the buffer has as many letters as `length` says, and both outlive the call.
    let is_told = unsafe { GetComputerNameExW(format, name.as_mut_ptr(), &mut length) } != 0;
    let name = name.get(..usize::try_from(length).ok()?)?;
    is_told.then(|| String::from_utf16_lossy(name))
}
