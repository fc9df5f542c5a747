//! The two registries, as others see them.

use scorch_recovery::transport::{RegistryTransport as _, RegistryView};
use winreg::RegKey;
use winreg::enums::{HKEY_LOCAL_MACHINE, KEY_READ, KEY_WOW64_64KEY, KEY_WRITE};

use super::{hosts, this_host};

/// Where aliases of SQL Server are.
const ALIASES: &str = r"SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo";
const ALIASES_OF_32_BITS: &str = r"SOFTWARE\Wow6432Node\Microsoft\MSSQLServer\Client\ConnectTo";

/// As somebody else reads it, by the place where the registry of 32-bit programs is.
fn read(key: &str, value: &str) -> Option<String> {
    let machine = RegKey::predef(HKEY_LOCAL_MACHINE);
    let key = machine
        .open_subkey_with_flags(key, KEY_READ | KEY_WOW64_64KEY)
        .ok()?;
    key.get_value(value).ok()
}

pub(crate) async fn has_two_views() {
    let (hosts, host) = (hosts(), this_host());
    for alias in [
        r"SQL01\ORCH",
        "SQL01,1433",
        "o'b & 100 % ^ %TEMP% \"q\" Büro 漢字",
    ] {
        for (view, text, key) in [
            (
                RegistryView::Bits32,
                "DBMSSOCN,sql02 32,1433",
                ALIASES_OF_32_BITS,
            ),
            (RegistryView::Bits64, "DBMSSOCN,sql02 64,1433", ALIASES),
        ] {
            hosts.set(&host, view, ALIASES, alias, text).await.unwrap();
            assert_eq!(read(key, alias).as_deref(), Some(text), "{view:?}");
        }
        for (view, key, other) in [
            (RegistryView::Bits64, ALIASES, ALIASES_OF_32_BITS),
            (RegistryView::Bits32, ALIASES_OF_32_BITS, ALIASES),
        ] {
            let there = hosts.get(&host, view, ALIASES, alias).await.unwrap();
            assert_eq!(there, read(key, alias), "{view:?}");
            hosts.remove(&host, view, ALIASES, alias).await.unwrap();
            assert_eq!(read(key, alias), None, "{view:?}");
            let is_left = view == RegistryView::Bits64;
            assert_eq!(read(other, alias).is_some(), is_left, "{view:?}");
        }
    }
}

pub(crate) async fn reads_what_others_wrote() {
    let (hosts, host, key) = (hosts(), this_host(), r"SOFTWARE\Scorch tests\texts");
    let machine = RegKey::predef(HKEY_LOCAL_MACHINE);
    let access = KEY_WRITE | KEY_WOW64_64KEY;
    let (written, _) = machine.create_subkey_with_flags(key, access).unwrap();
    let units =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    for (bytes, expected) in [
        (units("Büro 漢字\0"), Some("Büro 漢字")),
        (units("no end"), Some("no end")),
        (units("two\0ends\0"), Some("two")),
        (units("\0"), Some("")),
        (vec![0x41], None),
        (vec![0x00, 0xd8, 0x41, 0x00], None),
    ] {
        let vtype = winreg::enums::REG_SZ;
        let value = winreg::RegValue {
            bytes: bytes.into(),
            vtype,
        };
        written.set_raw_value("text", &value).unwrap();
        let got = hosts.get(&host, RegistryView::Bits64, key, "text").await;
        match expected {
            Some(text) => assert_eq!(got.unwrap().as_deref(), Some(text)),
            None => assert_eq!(got.unwrap_err().code(), Some(13)),
        }
    }
    written.set_value("number", &5_u32).unwrap();
    let refused = hosts
        .get(&host, RegistryView::Bits64, key, "number")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(13));
    let refused = hosts
        .set(&host, RegistryView::Bits64, key, "a\0b", "text")
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some(87));
    machine
        .delete_subkey_with_flags(key, KEY_WOW64_64KEY)
        .unwrap();
}
