//! TDS 8.0, where TLS comes first: it is never done without, and what is inside is not trusted more.

use std::io;

use super::encryption::go_on;
use super::threat;
use crate::conformance::check::Check;
use crate::conformance::player::tokens::Kind;
use crate::conformance::player::{
    Certificate, ENCRYPT_NOT_SUPPORTED, Player, REPLY, TDS_8, packet, tokens,
};

/// Fatal alerts: protocol_version, handshake_failure.
const NOT_THIS_VERSION: [u8; 7] = [21, 3, 3, 0, 2, 2, 70];
const REFUSED: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

pub(super) const CHECKS: &[Check] = &[
    threat!("hostile/strict-silence", NotConnect, Strict, |player| {
        player.hold()
    }),
    threat!("hostile/strict-none", FailToConnect, Strict, |player| {
        player.hear_hello().map(drop)
    }),
    threat!("hostile/strict-of-noise", FailToConnect, Strict, |player| {
        player.hear_hello()?;
        player.send_raw(&[0x5A; 600])
    }),
    threat!("hostile/strict-refused", FailToConnect, Strict, |player| {
        player.hear_hello()?;
        player.send_raw(&REFUSED)
    }),
    threat!(
        "hostile/strict-downgraded-in-another-connection",
        FailToConnect,
        Strict,
        |player| {
            if player.hear_hello()? {
                return player.send_raw(&NOT_THIS_VERSION);
            }
            // It came back without TLS. How far does it go?
            player.send(&tokens::prelogin(Some(ENCRYPT_NOT_SUPPORTED)))?;
            go_on(player)
        }
    ),
    threat!(
        "hostile/strict-answered-without-encryption",
        FailToConnect,
        Strict,
        |player| {
            player.hear_hello()?;
            player.send(&tokens::prelogin(Some(ENCRYPT_NOT_SUPPORTED)))?;
            go_on(player)
        }
    ),
    threat!(
        "hostile/strict-that-speaks-another-protocol",
        FailToConnect,
        Strict,
        |player| {
            player.handshake_first(Certificate::Good.strict_server(b"h2")?)?;
            player.read_prelogin()?;
            player.send(&tokens::prelogin(Some(ENCRYPT_NOT_SUPPORTED)))?;
            go_on(player)
        }
    ),
    threat!(
        "hostile/strict-certificate-of-an-unknown-authority",
        FailToConnect,
        Strict,
        |player| show(player, Certificate::Untrusted)
    ),
    threat!(
        "hostile/strict-certificate-of-another-host",
        FailToConnect,
        Strict,
        |player| show(player, Certificate::OtherName)
    ),
    threat!(
        "hostile/strict-certificate-expired",
        FailToConnect,
        Strict,
        |player| show(player, Certificate::Expired)
    ),
    threat!(
        "hostile/strict-certificate-of-its-own",
        FailToConnect,
        Strict,
        |player| show(player, Certificate::SelfSigned)
    ),
    threat!(
        "hostile/strict-greeting-of-noise",
        FailToConnect,
        Strict,
        |player| {
            player.handshake_first(Certificate::Good.strict_server(TDS_8)?)?;
            player.read_prelogin()?;
            player.send_bytes(&[0x5A; 600])
        }
    ),
    threat!(
        "hostile/strict-greeting-in-clear-text",
        FailToConnect,
        Strict,
        |player| {
            player.handshake_first(Certificate::Good.strict_server(TDS_8)?)?;
            player.read_prelogin()?;
            player.send_raw(&packet(
                REPLY,
                true,
                &tokens::prelogin(Some(ENCRYPT_NOT_SUPPORTED)),
            ))
        }
    ),
    threat!(
        "hostile/strict-sign-in-in-clear-text",
        FailToConnect,
        Strict,
        |player| {
            player.greet_strictly()?;
            player.read_login()?;
            player.end_tls();
            player.accept_login()
        }
    ),
    threat!(
        "hostile/strict-sign-in-of-noise",
        FailToConnect,
        Strict,
        |player| {
            player.greet_strictly()?;
            player.read_login()?;
            player.send(&[0x99; 64])
        }
    ),
    threat!(
        "hostile/strict-answer-none",
        FailToAnswer,
        Strict,
        hear_batch
    ),
    threat!(
        "hostile/strict-answer-of-another-kind",
        NotAnswer,
        Strict,
        |player| {
            hear_batch(player)?;
            player.send_packet(0x7E, true, &tokens::done(0, None))?;
            player.hold()
        }
    ),
    threat!(
        "hostile/strict-answer-in-clear-text",
        FailToAnswer,
        Strict,
        |player| {
            hear_batch(player)?;
            player.end_tls();
            player.send(&tokens::done(0, None))
        }
    ),
    threat!(
        "hostile/strict-answer-of-rows-without-end",
        NotAnswer,
        Strict,
        |player| {
            hear_batch(player)?;
            player.send_part(&tokens::columns(&[("n", Kind::Int)]))?;
            player.send_for_ever(&tokens::row(&[&tokens::int(7)]).repeat(2000))
        }
    ),
];

fn hear_batch(player: &mut Player) -> io::Result<()> {
    player.greet_strictly()?;
    player.until_batch()
}

fn show(player: &mut Player, certificate: Certificate) -> io::Result<()> {
    player.handshake_first(certificate.strict_server(TDS_8)?)?;
    player.prelogin(Some(ENCRYPT_NOT_SUPPORTED))?;
    go_on(player)
}
