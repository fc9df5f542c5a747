//! While a login is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{Must, PATIENCE, judge, talk, threat};
use crate::conformance::check::{Check, Outcome, check, expect};
use crate::conformance::player::{Cut, Play, Served, packet, tokens};
use crate::conformance::scene::{Scene, Way};

const DRIP: Duration = Duration::from_millis(50);

pub(super) const CHECKS: &[Check] = &[
    threat!("hostile/sign-in-silence", NotConnect, |player| {
        player.hear_login()?;
        player.hold()
    }),
    threat!("hostile/sign-in-none", FailToConnect, |player| player
        .hear_login()),
    threat!("hostile/sign-in-of-noise", FailToConnect, |player| {
        player.hear_login()?;
        player.send(&[0x99; 64])
    }),
    threat!("hostile/sign-in-said-back", FailToConnect, |player| {
        player.greet()?;
        let login = player.read_login_body()?;
        let told = format!("\u{1b}[31mLogin failed: {}", unscrambled(&login));
        let mut answer = tokens::message(18456, 14, &told);
        answer.extend(tokens::done(tokens::DONE_ERROR, None));
        player.send(&answer)
    }),
    threat!(
        "hostile/sign-in-without-an-acknowledgement",
        Fail,
        |player| {
            player.hear_login()?;
            player.send(&tokens::done(0, None))
        }
    ),
    threat!("hostile/sign-in-of-another-kind", FailToConnect, |player| {
        player.hear_login()?;
        let answer = tokens::login_answer(player.version(), false);
        player.send_bytes(&packet(0x7E, true, &answer))
    }),
    threat!(
        "hostile/sign-in-acknowledged-beyond-its-end",
        FailToConnect,
        |player| {
            player.hear_login()?;
            player.send(&[0xAD, 0xFF, 0xFF, 1, 0x74, 0, 0, 4, 0xFF])
        }
    ),
    threat!(
        "hostile/sign-in-changes-beyond-their-end",
        FailToConnect,
        |player| {
            player.hear_login()?;
            player.send(&[tokens::ENV_CHANGE, 0xFF, 0xFF, 1, 0xFF, 0x41, 0])
        }
    ),
    threat!(
        "hostile/sign-in-changes-of-no-length",
        FailToConnect,
        |player| {
            player.hear_login()?;
            player.send(&[tokens::ENV_CHANGE, 0, 0].repeat(50))
        }
    ),
    threat!(
        "hostile/sign-in-with-a-challenge",
        FailToConnect,
        |player| {
            player.hear_login()?;
            player.send(&tokens::sized(0xED, b"NTLMSSP\0\x02\0\0\0"))
        }
    ),
    threat!(
        "hostile/sign-in-with-another-authority",
        FailToConnect,
        |player| {
            player.hear_login()?;
            player.send(&[
                0xEE, 12, 0, 0, 0, 0xFF, 0xFF, 0, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,
            ])
        }
    ),
    threat!(
        "hostile/sign-in-with-features-without-end",
        FailToConnect,
        |player| {
            player.hear_login()?;
            player.send(&[0xAE, 10, 0xFF, 0xFF, 0xFF, 0x7F, 1])
        }
    ),
    threat!(
        "hostile/sign-in-with-absurd-packet-sizes",
        EndWell,
        |player| {
            player.hear_login()?;
            let mut answer = Vec::new();
            for size in [
                "0",
                "1",
                "-1",
                "7",
                "4294967295",
                "99999999999999999999",
                "x",
            ] {
                answer.extend(tokens::env_change(4, size, "4096"));
            }
            answer.extend(tokens::login_answer(player.version(), false));
            player.send(&answer)?;
            player.read_batch()?;
            player.send(&tokens::done(0, None))
        }
    ),
    threat!(
        "hostile/sign-in-notices-without-end",
        NotConnect,
        |player| {
            player.hear_login()?;
            let notice = tokens::message(5701, 0, &"x".repeat(1000));
            player.send_for_ever(&notice.repeat(20))
        }
    ),
    threat!("hostile/sign-in-errors-without-end", NotConnect, |player| {
        player.hear_login()?;
        let error = tokens::message(18456, 14, &"x".repeat(1000));
        player.send_for_ever(&error.repeat(20))
    }),
    threat!("hostile/sign-in-in-drips", NotConnect, |player| {
        player.hear_login()?;
        loop {
            for byte in packet(4, false, &tokens::message(5701, 0, "drip")) {
                player.send_bytes(&[byte])?;
                player.pause(DRIP)?;
            }
        }
    }),
    check!("hostile/sign-in-sends-on", sends_on),
];

/// The login message with every byte turned back, which has the password in clear text.
fn unscrambled(login: &[u8]) -> String {
    let bytes: Vec<u16> = login
        .chunks_exact(2)
        .map(|pair| {
            let turn = |byte: u8| (byte ^ 0xA5).rotate_right(4);
            u16::from_le_bytes([turn(pair[0]), turn(pair[1])])
        })
        .collect();
    char::decode_utf16(bytes)
        .filter_map(Result::ok)
        .filter(char::is_ascii_graphic)
        .collect()
}

/// An order to go to another name: nobody goes there, least of all with the password.
async fn sends_on(scene: &Scene) -> Outcome {
    let elsewhere = Served::start(
        Arc::new(|player| {
            player.hear_batch()?;
            player.send(&tokens::done(0, None))
        }),
        Cut::default(),
    )
    .map_err(|error| crate::conformance::check::miss("a played server", error.to_string()))?;
    let port = elsewhere.address.port();
    let play: Play = Arc::new(move |player| {
        player.hear_login()?;
        let mut answer = tokens::login_answer(player.version(), false);
        answer.truncate(answer.len() - tokens::done(0, None).len());
        // Named otherwise than the server that was asked for, though it is the same machine.
        answer.extend(tokens::routing("localhost", port));
        answer.extend(tokens::done(0, None));
        player.send(&answer)
    });
    let reached = scene.reach(Way::Tls, Cut::default(), play)?;
    let begun = Instant::now();
    let end = timeout(PATIENCE, talk(scene, &reached)).await.ok();
    let connections = elsewhere.seen().connections;
    expect(
        connections == 0,
        "no connection to where the server sends it",
        || format!("{connections}"),
    )?;
    judge(Must::FailToConnect, end.as_ref(), begun.elapsed(), &reached)
}
