//! `adapter::ssh` against a server by the book of a test: who it trusts, how it loses connections, and what command
//! lines it sends. That these mean to Windows what is expected of them is another matter; see `ssh_end_to_end`.
#![cfg(feature = "ssh")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "ssh/calls.rs"]
mod calls;
#[path = "ssh/disk.rs"]
mod disk;
#[path = "ssh/files.rs"]
mod files;
#[path = "ssh/registry.rs"]
mod registry;
#[path = "ssh/server.rs"]
mod server;
#[path = "ssh/services.rs"]
mod services;
#[path = "ssh/sign_in.rs"]
mod sign_in;

use base64::Engine as _;
use scorch_recovery::transport::{HostError, TransportErrorKind};

/// How far a request got.
fn lost(error: &HostError) -> TransportErrorKind {
    match error {
        HostError::Lost(error) => error.kind(),
        error => panic!("it was refused: {error}"),
    }
}

/// The script of an encoded command.
fn decoded(line: &str) -> String {
    let start = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe -NoProfile -NonInteractive -EncodedCommand ";
    let encoded = line
        .strip_prefix(start)
        .unwrap_or_else(|| panic!("no encoded command: {line}"));
    let bytes = base64::prelude::BASE64_STANDARD.decode(encoded).unwrap();
    let units: Vec<u16> = bytes
        .chunks(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).unwrap()
}
