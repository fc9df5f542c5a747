//! Before anything is agreed.

use std::time::Duration;

use super::threat;
use crate::conformance::check::Check;
use crate::conformance::player::{ENCRYPT_ON, REPLY, tokens};

const DRIP: Duration = Duration::from_millis(50);

pub(super) const CHECKS: &[Check] = &[
    threat!("hostile/greeting-silence", NotConnect, |player| player
        .hold()),
    threat!("hostile/greeting-none", FailToConnect, |_| Ok(())),
    threat!(
        "hostile/greeting-of-another-protocol",
        FailToConnect,
        |player| {
            player.read_prelogin()?;
            player.send_raw(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        }
    ),
    threat!("hostile/greeting-in-colours", FailToConnect, |player| {
        player.read_prelogin()?;
        player.send_raw(b"\x1b[2J\x1b]0;owned\x07\x1b[31mSQL Server\r\n")
    }),
    threat!(
        "hostile/greeting-of-another-kind",
        FailToConnect,
        |player| {
            player.read_prelogin()?;
            player.send_packet(0x7E, true, &tokens::prelogin(Some(ENCRYPT_ON)))
        }
    ),
    threat!(
        "hostile/greeting-with-offsets-beyond-it",
        FailToConnect,
        |player| {
            player.read_prelogin()?;
            player.send(&[0, 0xFF, 0xF0, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])
        }
    ),
    threat!(
        "hostile/greeting-without-an-end-of-options",
        FailToConnect,
        |player| {
            player.read_prelogin()?;
            player.send(&[1, 0, 6, 0, 1, 1, 0, 6, 0, 1].repeat(100))
        }
    ),
    threat!("hostile/greeting-empty", FailToConnect, |player| {
        player.read_prelogin()?;
        player.send(&[])
    }),
    threat!("hostile/greeting-of-no-length", FailToConnect, |player| {
        player.read_prelogin()?;
        player.send_raw(&[REPLY, 1, 0, 0, 0, 0, 1, 0])
    }),
    threat!(
        "hostile/greeting-shorter-than-its-header",
        FailToConnect,
        |player| {
            player.read_prelogin()?;
            player.send_raw(&[REPLY, 1, 0, 7, 0, 0, 1, 0])
        }
    ),
    threat!(
        "hostile/greeting-longer-than-it-is",
        FailToConnect,
        |player| {
            player.read_prelogin()?;
            player.send_raw(&[REPLY, 1, 0xFF, 0xFF, 0, 0, 1, 0, 1, 0])
        }
    ),
    threat!("hostile/greeting-without-end", NotConnect, |player| {
        player.read_prelogin()?;
        player.send_for_ever(&[0; 4000])
    }),
    threat!("hostile/greeting-of-empty-packets", NotConnect, |player| {
        player.read_prelogin()?;
        let packets = [REPLY, 0, 0, 8, 0, 0, 1, 0].repeat(500);
        loop {
            player.send_raw(&packets)?;
        }
    }),
    threat!("hostile/greeting-in-drips", NotConnect, |player| {
        player.read_prelogin()?;
        player.send_raw(&[REPLY, 1, 0x7F, 0xFF, 0, 0, 1, 0])?;
        loop {
            player.send_raw(&[0])?;
            player.pause(DRIP)?;
        }
    }),
];
