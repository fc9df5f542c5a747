//! Whatever bytes a client sends, they are read or refused; nothing panics and nothing hangs.

use proptest::collection::vec;
use proptest::prelude::*;

use super::cursor::Cursor;
use super::login::Login;
use super::packet::{HEADER_LENGTH, Message, MessageReader, Reset, header};
use super::prelogin::Prelogin;
use super::version::TdsVersion;
use super::{parameter, request};

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let _ = Prelogin::read(&bytes);
        let _ = parameter::read(&mut Cursor::new(&bytes));
    }

    #[test]
    fn any_login_is_read_or_refused(mut bytes in vec(any::<u8>(), 94..300)) {
        let length = u32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..8].copy_from_slice(&0x7400_0004_u32.to_le_bytes());
        let _ = Login::read(&bytes, true);
    }

    #[test]
    fn any_request_is_read_or_refused(
        kind in prop::sample::select(vec![1_u8, 3, 6, 7, 14, 16, 18]),
        body in vec(any::<u8>(), 0..200),
        has_headers: bool,
    ) {
        let headers: &[u8] = if has_headers { &[4, 0, 0, 0] } else { &[] };
        let body = [headers, &body].concat();
        let message = Message { kind, body, reset: Reset::No };
        for version in [TdsVersion::V7_1, TdsVersion::V8_0] {
            let _ = request::read(&message, version);
        }
    }

    #[test]
    fn any_parameter_of_a_known_type_is_read_or_refused(
        kind in prop::sample::select(vec![
            0x1F_u8, 0x22, 0x23, 0x24, 0x26, 0x28, 0x29, 0x2A, 0x2B, 0x30, 0x62, 0x32, 0x34, 0x38, 0x3A, 0x3B, 0x3C,
            0x3D, 0x3E, 0x63, 0x68, 0x6A, 0x6C, 0x6D, 0x6E, 0x6F, 0x7A, 0x7F, 0xA5, 0xA7, 0xAD,
            0xAF, 0xE7, 0xEF, 0xF1,
        ]),
        rest in vec(any::<u8>(), 0..60),
    ) {
        let bytes = [&[kind][..], &rest].concat();
        let _ = parameter::read(&mut Cursor::new(&bytes));
    }

    #[test]
    fn any_cut_of_a_message_gives_it_back(
        body in vec(any::<u8>(), 1..300),
        cuts in vec(1_usize..60, 1..20),
    ) {
        let mut bytes = Vec::new();
        let mut rest = &body[..];
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let cut = rest.len().min(cuts.next().copied().unwrap_or(1));
            let (chunk, left) = rest.split_at(cut);
            let length = u16::try_from(HEADER_LENGTH + chunk.len()).unwrap();
            bytes.extend(header(1, left.is_empty(), length, 1));
            bytes.extend(chunk);
            rest = left;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let message = runtime.block_on(MessageReader::new(&bytes[..]).next()).unwrap();
        prop_assert_eq!(message, Some(Message { kind: 1, body, reset: Reset::No }));
    }
}
