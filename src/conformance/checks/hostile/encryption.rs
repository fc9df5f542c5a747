//! Where protection is agreed: it is never less than was asked for, and never with a stranger.

use std::io;

use super::threat;
use crate::conformance::check::Check;
use crate::conformance::player::{
    Certificate, ENCRYPT_NOT_SUPPORTED, ENCRYPT_OFF, ENCRYPT_ON, Player, packet, tokens,
};

pub(super) const CHECKS: &[Check] = &[
    threat!(
        "hostile/encryption-not-supported",
        FailToConnect,
        |player| {
            player.prelogin(Some(ENCRYPT_NOT_SUPPORTED))?;
            go_on(player)
        }
    ),
    threat!("hostile/encryption-left-out", FailToConnect, |player| {
        player.prelogin(None)?;
        go_on(player)
    }),
    threat!(
        "hostile/encryption-of-an-unknown-kind",
        FailToConnect,
        |player| {
            player.prelogin(Some(0x7F))?;
            go_on(player)
        }
    ),
    threat!(
        "hostile/encryption-of-the-login-only",
        FailToConnect,
        |player| {
            player.prelogin(Some(ENCRYPT_OFF))?;
            player.handshake(Certificate::Good.server()?)?;
            player.read_login()?;
            player.end_tls();
            player.accept_login()?;
            player.read_batch()?;
            player.send(&tokens::done(0, None))
        }
    ),
    threat!(
        "hostile/certificate-of-an-unknown-authority",
        FailToConnect,
        |player| { show(player, Certificate::Untrusted) }
    ),
    threat!(
        "hostile/certificate-of-another-host",
        FailToConnect,
        |player| { show(player, Certificate::OtherName) }
    ),
    threat!("hostile/certificate-expired", FailToConnect, |player| {
        show(player, Certificate::Expired)
    }),
    threat!(
        "hostile/certificate-not-yet-valid",
        FailToConnect,
        |player| { show(player, Certificate::NotYetValid) }
    ),
    threat!("hostile/certificate-of-its-own", FailToConnect, |player| {
        show(player, Certificate::SelfSigned)
    }),
    threat!("hostile/handshake-silence", NotConnect, |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.hold()
    }),
    threat!("hostile/handshake-none", FailToConnect, |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.read().map(drop)
    }),
    threat!("hostile/handshake-of-noise", FailToConnect, |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.read()?;
        player.send_raw(&packet(0x12, true, &[0x5A; 600]))
    }),
    threat!("hostile/handshake-refused", FailToConnect, |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.read()?;
        // A fatal alert: handshake_failure.
        player.send_raw(&packet(0x12, true, &[21, 3, 3, 0, 2, 2, 40]))
    }),
    threat!("hostile/handshake-of-an-error", FailToConnect, |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.read()?;
        player.send(&tokens::message(17_828, 20, "\u{1b}[31mno TLS here"))
    }),
    threat!("hostile/handshake-without-end", NotConnect, |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.read()?;
        // Records of the handshake's kind, each the beginning of a message of 16 megabytes.
        let record = [
            &[22, 3, 3, 0x0F, 0x00][..],
            &[2, 0xFF, 0xFF, 0xFF],
            &[0; 0x0EFC],
        ]
        .concat();
        loop {
            player.send_raw(&packet(0x12, true, &record))?;
        }
    }),
    threat!("hostile/handshake-of-empty-packets", NotConnect, |player| {
        player.prelogin(Some(ENCRYPT_ON))?;
        player.read()?;
        let packets = packet(0x12, true, &[]).repeat(500);
        loop {
            player.send_raw(&packets)?;
        }
    }),
    threat!(
        "hostile/handshake-then-clear-text",
        FailToConnect,
        |player| {
            player.hear_login()?;
            player.end_tls();
            player.accept_login()
        }
    ),
];

/// Like a server that believes what it said: takes the login as it comes.
pub(super) fn go_on(player: &mut Player) -> io::Result<()> {
    player.until_batch()?;
    player.send(&tokens::done(0, None))
}

fn show(player: &mut Player, certificate: Certificate) -> io::Result<()> {
    player.prelogin(Some(ENCRYPT_ON))?;
    player.handshake(certificate.server()?)?;
    go_on(player)
}
