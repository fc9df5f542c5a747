#![allow(unsafe_code, reason = "winreg does not reach other machines")]

use std::io;
use std::ptr;

use async_trait::async_trait;
use windows_sys::Win32::Foundation::{ERROR_INVALID_DATA, ERROR_INVALID_PARAMETER, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::RegConnectRegistryW;
use winreg::enums::{
    HKEY_LOCAL_MACHINE, KEY_QUERY_VALUE, KEY_SET_VALUE, KEY_WOW64_32KEY, KEY_WOW64_64KEY, REG_SZ,
};
use winreg::{RegKey, RegValue};

use super::answer::{answered, blocking, failed, wide};
use super::hosts::{Place, WindowsHosts};
use crate::names::HostName;
use crate::transport::{HostError, RegistryTransport, RegistryView};

#[async_trait]
impl RegistryTransport for WindowsHosts {
    async fn get(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<Option<String>, HostError> {
        let place = self.place(host);
        let (key, value) = (key.to_owned(), value.to_owned());
        blocking(move || get(&place, view, &key, &value)).await
    }

    async fn set(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
        text: &str,
    ) -> Result<(), HostError> {
        let place = self.place(host);
        let (key, value, text) = (key.to_owned(), value.to_owned(), text.to_owned());
        blocking(move || {
            check(&[&key, &value, &text])?;
            let root = root(&place)?;
            let access = KEY_SET_VALUE | flag(view);
            let (key, _) = root
                .create_subkey_with_flags(&key, access)
                .map_err(failed)?;
            key.set_value(&value, &text).map_err(failed)
        })
        .await
    }

    async fn remove(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<(), HostError> {
        let place = self.place(host);
        let (key, value) = (key.to_owned(), value.to_owned());
        blocking(move || {
            check(&[&key, &value])?;
            let access = KEY_SET_VALUE | flag(view);
            let key = root(&place)?.open_subkey_with_flags(&key, access);
            key.and_then(|key| key.delete_value(&value)).map_err(failed)
        })
        .await
    }
}

const fn flag(view: RegistryView) -> u32 {
    match view {
        RegistryView::Bits32 => KEY_WOW64_32KEY,
        RegistryView::Bits64 => KEY_WOW64_64KEY,
    }
}

/// A NUL would end the text for everybody who reads it.
fn check(texts: &[&str]) -> Result<(), HostError> {
    if texts.iter().any(|text| text.contains('\0')) {
        let problem = "a text holds NUL, where the registry ends it";
        return Err(HostError::refused(ERROR_INVALID_PARAMETER, problem));
    }
    Ok(())
}

fn root(place: &Place) -> Result<RegKey, HostError> {
    let Place::There(name) = place else {
        return Ok(RegKey::predef(HKEY_LOCAL_MACHINE));
    };
    let name = wide(&format!(r"\\{name}"));
    let mut key = ptr::null_mut();
    // SAFETY: the name ends with NUL and outlives the call, as does the place for the handle.
    let code = unsafe { RegConnectRegistryW(name.as_ptr(), HKEY_LOCAL_MACHINE, &mut key) };
    match code {
        // It closes the handle when it is dropped: it is none of the predefined ones.
        ERROR_SUCCESS => Ok(RegKey::predef(key)),
        code => Err(answered(code)),
    }
}

fn get(
    place: &Place,
    view: RegistryView,
    key: &str,
    value: &str,
) -> Result<Option<String>, HostError> {
    check(&[key, value])?;
    let access = KEY_QUERY_VALUE | flag(view);
    let read = root(place)?
        .open_subkey_with_flags(key, access)
        .and_then(|key| key.get_raw_value(value));
    match read {
        Ok(value) => text(&value).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn text(value: &RegValue<'_>) -> Result<String, HostError> {
    let odd = |problem: &str| HostError::refused(ERROR_INVALID_DATA, problem);
    if value.vtype != REG_SZ {
        return Err(odd("the value is no text (REG_SZ)"));
    }
    let (units, rest) = value.bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(odd("the text is cut within a letter"));
    }
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    // Whoever wrote it may have left the NUL out, or more behind it.
    let text = units.split(|unit| *unit == 0).next().unwrap_or_default();
    String::from_utf16(text).map_err(|_| odd("the text is no UTF-16"))
}
