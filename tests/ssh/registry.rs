//! The registry, by `reg.exe`.

use scorch_recovery::transport::{RegistryTransport, RegistryView, TransportErrorKind, codes};

use crate::lost;
use crate::server::{Server, ends, says};

const REG: &str = r"C:\Windows\System32\reg.exe";
const KEY: &str = r"SOFTWARE\Microsoft\MSSQLServer\Client\ConnectTo";

fn one(kind: &str, data: &str) -> String {
    format!("\r\nHKEY_LOCAL_MACHINE\\{KEY}\r\n    SQL01    {kind}    {data}\r\n\r\n")
}

#[tokio::test]
async fn values_are_read_written_and_removed_in_the_view_that_is_meant() {
    let server = Server::start(|line, _| match line.contains(" query ") {
        true => says(one("REG_SZ", "DBMSSOCN,SQL02,1433")),
        false => says("The operation completed successfully.\r\n"),
    })
    .await;
    let (hosts, host) = server.hosts();
    let view = RegistryView::Bits32;
    let got = hosts.get(&host, view, KEY, "SQL01").await.unwrap();
    assert_eq!(got.as_deref(), Some("DBMSSOCN,SQL02,1433"));
    hosts
        .set(&host, view, KEY, "SQL01", "DBMSSOCN,SQL 02,1433")
        .await
        .unwrap();
    hosts
        .remove(&host, RegistryView::Bits64, KEY, r"SQL01\ORCH")
        .await
        .unwrap();
    let expected = [
        format!("{REG} query HKLM\\{KEY} /v SQL01 /reg:32"),
        format!("{REG} add HKLM\\{KEY} /v SQL01 /t REG_SZ /d \"DBMSSOCN,SQL 02,1433\" /f /reg:32"),
        format!("{REG} delete HKLM\\{KEY} /v SQL01\\ORCH /f /reg:64"),
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn only_whole_texts_of_plain_letters_are_told() {
    for (output, code) in [
        (one("REG_DWORD", "0x5"), Some(codes::INVALID_DATA)),
        (one("REG_SZ", "B\u{fffd}ro"), None),
        (one("REG_SZ", "B?ro"), None),
        (one("REG_SZ", "two\r\nlines"), None),
        (one("REG_SZ", "x").replace("SQL01", "SQL010"), None),
        ("nonsense".to_owned(), None),
    ] {
        let server = Server::start(move |_, _| says(&*output)).await;
        let (hosts, host) = server.hosts();
        let error = hosts
            .get(&host, RegistryView::Bits64, KEY, "SQL01")
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
}

#[tokio::test]
async fn what_could_not_be_read_again_is_not_written() {
    let server = Server::start(|_, _| says("")).await;
    let (hosts, host) = server.hosts();
    let view = RegistryView::Bits64;
    for (key, value, text) in [
        (KEY, "SQL01", "B\u{fc}ro"),
        (KEY, "SQL01", "a?"),
        (KEY, "SQL01", "a\nb"),
        (KEY, "SQL01", "/reg:32"),
        (KEY, "/f", "x"),
        (KEY, "", "x"),
        ("SOFTWARE\\\\x", "SQL01", "x"),
        ("", "SQL01", "x"),
        ("/f", "SQL01", "x"),
    ] {
        let error = hosts.set(&host, view, key, value, text).await.unwrap_err();
        assert_eq!(
            lost(&error),
            TransportErrorKind::Unsupported,
            "{key} {value} {text}"
        );
    }
    assert!(server.lines().is_empty());
}

/// `reg.exe` ends with 1 whatever the reason: what is listed above tells it.
#[tokio::test]
async fn nothing_there_and_nothing_to_be_seen_are_told_apart() {
    let above = r"SOFTWARE\Microsoft\MSSQLServer\Client";
    let listing = |subkey: &str| format!("\r\nHKEY_LOCAL_MACHINE\\{above}\\{subkey}\r\n");
    for (listed, key_is_read, expected) in [
        (listing("Other"), false, Ok(None)),
        (listing("CONNECTTO"), false, Err(Some(codes::ACCESS_DENIED))),
        (listing("ConnectTo"), true, Ok(None)),
    ] {
        let server = Server::start(move |line, _| match line {
            _ if line.contains(" delete ") => ends(1, "ERROR: x\r\n"),
            _ if line.contains(" /v ") => ends(1, "ERROR: x\r\n"),
            _ if line.contains("ConnectTo") && key_is_read => says("\r\n"),
            _ if line.contains("ConnectTo") => ends(1, "ERROR: x\r\n"),
            _ => says(&*listed),
        })
        .await;
        let (hosts, host) = server.hosts();
        let got = hosts.get(&host, RegistryView::Bits64, KEY, "SQL01").await;
        assert_eq!(got.map_err(|error| error.code()), expected);
        let removed = hosts
            .remove(&host, RegistryView::Bits64, KEY, "SQL01")
            .await
            .unwrap_err();
        let code = expected.err().unwrap_or(Some(codes::FILE_NOT_FOUND));
        assert_eq!(removed.code(), code, "{removed}");
    }
    // Not even the first key can be listed: no guess.
    let server = Server::start(|_, _| ends(1, "ERROR: x\r\n")).await;
    let (hosts, host) = server.hosts();
    let error = hosts
        .get(&host, RegistryView::Bits64, KEY, "SQL01")
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some(codes::GENERAL_FAILURE));
}
