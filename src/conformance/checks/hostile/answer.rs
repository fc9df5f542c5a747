//! While a batch is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{Drain, End, Must, PATIENCE, judge, talk, threat};
use crate::conformance::check::{Check, Outcome, check, expect, miss};
use crate::conformance::player::tokens::Kind;
use crate::conformance::player::{Cut, Play, REPLY, packet, tokens};
use crate::conformance::scene::{SOON, Scene, Way, told, within};
use crate::transport::SqlBatch;

const DRIP: Duration = Duration::from_millis(50);

fn number_column() -> Vec<u8> {
    tokens::columns(&[("n", Kind::Int)])
}

fn number_row() -> Vec<u8> {
    tokens::row(&[&tokens::int(7)])
}

pub(super) const CHECKS: &[Check] = &[
    threat!("hostile/answer-silence", NotAnswer, |player| {
        player.hear_batch()?;
        player.hold()
    }),
    threat!("hostile/answer-none", FailToAnswer, |player| player
        .hear_batch()),
    threat!("hostile/answer-that-goes-silent", NotAnswer, |player| {
        player.hear_batch()?;
        player.send_part(&[number_column(), number_row()].concat())?;
        player.hold()
    }),
    threat!(
        "hostile/answer-of-an-unknown-token",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[0x99; 64])
        }
    ),
    threat!(
        "hostile/answer-with-an-unknown-token-inside",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[&number_column()[..], &number_row(), &[0x42, 0x42, 0x42]].concat())
        }
    ),
    check!("hostile/answer-of-noise", noise),
    threat!(
        "hostile/answer-that-ends-within-a-row",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let row = number_row();
            player.send_part(&[&number_column()[..], &row, &row[..3]].concat())
        }
    ),
    threat!(
        "hostile/answer-of-rows-without-columns",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&number_row())
        }
    ),
    threat!(
        "hostile/answer-of-compressed-rows-without-columns",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[0xD2, 0xFF, 0xFF, 0xFF])
        }
    ),
    threat!("hostile/answer-of-rows-without-end", NotAnswer, |player| {
        player.hear_batch()?;
        player.send_part(&number_column())?;
        player.send_for_ever(&number_row().repeat(2000))
    }),
    threat!("hostile/answer-of-sets-without-end", NotAnswer, |player| {
        player.hear_batch()?;
        let set = [number_column(), tokens::done(tokens::DONE_MORE, Some(0))].concat();
        player.send_for_ever(&set.repeat(500))
    }),
    threat!(
        "hostile/answer-of-notices-without-end",
        NotAnswer,
        |player| {
            player.hear_batch()?;
            let notice = tokens::message(50_000, 0, &"x".repeat(1000));
            player.send_for_ever(&notice.repeat(20))
        }
    ),
    threat!(
        "hostile/answer-of-errors-without-end",
        NotAnswer,
        |player| {
            player.hear_batch()?;
            let error = tokens::message(50_000, 16, &"x".repeat(1000));
            player.send_for_ever(&error.repeat(20))
        }
    ),
    threat!("hostile/answer-of-ends-without-end", NotAnswer, |player| {
        player.hear_batch()?;
        player.send_for_ever(&tokens::done(tokens::DONE_MORE, None).repeat(1000))
    }),
    threat!(
        "hostile/answer-of-changes-without-end",
        NotAnswer,
        |player| {
            player.hear_batch()?;
            let name = "x".repeat(120);
            player.send_for_ever(&tokens::env_change(1, &name, &name).repeat(50))
        }
    ),
    threat!("hostile/answer-of-empty-packets", NotAnswer, |player| {
        player.hear_batch()?;
        let packets = packet(REPLY, false, &[]).repeat(500);
        loop {
            player.send_bytes(&packets)?;
        }
    }),
    threat!("hostile/answer-without-an-end", NotAnswer, |player| {
        player.hear_batch()?;
        player.send(&[number_column(), number_row()].concat())?;
        player.hold()
    }),
    threat!("hostile/answer-with-more-to-come", NotAnswer, |player| {
        player.hear_batch()?;
        player.send(&tokens::done(tokens::DONE_MORE, None))?;
        player.hold()
    }),
    threat!("hostile/answer-empty", NotAnswer, |player| {
        player.hear_batch()?;
        player.send(&[])?;
        player.hold()
    }),
    threat!("hostile/answer-of-another-kind", NotAnswer, |player| {
        player.hear_batch()?;
        player.send_packet(0x7E, true, &tokens::done(0, None))?;
        player.hold()
    }),
    threat!(
        "hostile/answer-in-a-packet-of-no-length",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send_bytes(&[REPLY, 1, 0, 0, 0, 0, 1, 0])
        }
    ),
    threat!(
        "hostile/answer-in-a-packet-shorter-than-its-header",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send_bytes(&[REPLY, 1, 0, 7, 0, 0, 1, 0])
        }
    ),
    threat!(
        "hostile/answer-in-a-packet-longer-than-it-is",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let mut bytes = packet(REPLY, true, &tokens::done(0, None));
            bytes[2] = 0x7F;
            player.send_bytes(&bytes)
        }
    ),
    threat!(
        "hostile/answer-with-messages-beyond-their-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let mut error = tokens::message(50_000, 16, "words");
            // The count of the text's units.
            error[9..11].copy_from_slice(&[0xFF, 0xFF]);
            player.send(&[error, tokens::done(tokens::DONE_ERROR, None)].concat())
        }
    ),
    threat!(
        "hostile/answer-with-messages-of-no-length",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[tokens::ERROR, 0, 0, tokens::INFO, 0, 0])
        }
    ),
    threat!(
        "hostile/answer-with-orders-beyond-their-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[&number_column()[..], &[0xA9, 0xFF, 0xFF, 1, 0]].concat())
        }
    ),
    threat!(
        "hostile/answer-with-names-of-tables-beyond-their-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[&number_column()[..], &[0xA4, 0xFF, 0xFF, 9, 0xFF]].concat())
        }
    ),
    threat!(
        "hostile/answer-with-return-values-beyond-their-end",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send(&[0xAC, 0, 0, 0xFF, 0x41, 0])
        }
    ),
    threat!("hostile/answer-with-a-challenge", EndWell, |player| {
        player.hear_batch()?;
        let challenge = tokens::sized(0xED, b"NTLMSSP\0\x02\0\0\0");
        player.send(&[challenge, tokens::done(0, None)].concat())
    }),
    threat!("hostile/answer-that-sends-on", EndWell, |player| {
        player.hear_batch()?;
        let routing = tokens::routing("elsewhere.example", 1433);
        player.send(&[routing, tokens::done(0, None)].concat())
    }),
    threat!(
        "hostile/answer-that-ends-the-session",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            let told = "\u{1b}[31mSession ended.";
            player.send(&[tokens::message(50_000, 21, told), tokens::done(2, None)].concat())
        }
    ),
    threat!(
        "hostile/answer-that-says-the-batch-back",
        FailToAnswer,
        |player| {
            player.greet()?;
            player.read_login()?;
            player.accept_login()?;
            let batch = player.read_batch_body()?;
            let units = batch
                .chunks_exact(2)
                .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            let text: String = char::decode_utf16(units).filter_map(Result::ok).collect();
            let told = format!("\u{1b}[31mIncorrect syntax near '{text}'.");
            player.send_part(&tokens::message(102, 15, &told))?;
            player.send_bytes(text.as_bytes())
        }
    ),
    threat!("hostile/answer-in-drips", NotAnswer, |player| {
        player.hear_batch()?;
        player.send_part(&number_column())?;
        loop {
            for byte in packet(REPLY, false, &number_row()) {
                player.send_bytes(&[byte])?;
                player.pause(DRIP)?;
            }
        }
    }),
    threat!("hostile/answer-then-clear-text", FailToAnswer, |player| {
        player.hear_batch()?;
        player.end_tls();
        player.send(&tokens::done(0, None))
    }),
    threat!(
        "hostile/answer-with-broken-encryption",
        FailToAnswer,
        |player| {
            player.hear_batch()?;
            player.send_raw(&[&[23, 3, 3, 0, 40][..], &[0x5A; 40]].concat())
        }
    ),
    check!("hostile/cancel-never-acknowledged", never_acknowledged),
];

/// Random bytes after a batch, the same in every run: from each of many seeds.
async fn noise(scene: &Scene) -> Outcome {
    for seed in 1_u64..=40 {
        let play: Play = Arc::new(move |player| {
            player.hear_batch()?;
            let mut state = seed;
            let mut bytes: Vec<u8> = (0..3000).map(|_| next_byte(&mut state)).collect();
            // Every second one begins like an answer.
            if seed % 2 == 0 {
                bytes.splice(0..0, number_column());
            }
            player.send(&bytes)
        });
        let reached = scene.reach(Way::Tls, Cut::default(), play)?;
        let begun = Instant::now();
        let end = timeout(PATIENCE, talk(scene, &reached)).await.ok();
        judge(Must::FailToAnswer, end.as_ref(), begun.elapsed(), &reached)?;
    }
    Ok(())
}

/// Marsaglia's xorshift.
fn next_byte(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.to_le_bytes()[3]
}

/// A batch is given up, and the server never says that it knows: what is asked next fails, or waits
/// for its deadline, and everything can be dropped.
async fn never_acknowledged(scene: &Scene) -> Outcome {
    let play: Play = Arc::new(|player| {
        player.hear_batch()?;
        player.hold()
    });
    let reached = scene.reach(Way::Tls, Cut::default(), play)?;
    let instance = scene.instance();
    let connecting = reached.transport.connect(&instance, None);
    let mut session = within(SOON, "a session", connecting)
        .await?
        .map_err(|error| miss("a session", told(&error)))?;
    let begun = Instant::now();
    let mut drain = Drain;
    let first = session.execute(SqlBatch::open("SELECT 1"), &mut drain);
    if let Ok(end) = timeout(Duration::from_millis(300), first).await {
        return Err(miss("no answer from a silent server", format!("{end:?}")));
    }
    let second = session.execute(SqlBatch::open("SELECT 2"), &mut drain);
    let end = timeout(PATIENCE - Duration::from_millis(300), second)
        .await
        .ok();
    drop(session);
    let took = begun.elapsed();
    reached.ended(took);
    expect(took < super::LIMIT, "an end within 5 s", || {
        format!("{took:?}")
    })?;
    expect(
        !matches!(end, Some(Ok(()))),
        "no answer from a silent server",
        || "one".to_owned(),
    )?;
    let is_closed = reached.served.wait_until(SOON, |seen| seen.ends > 0).await;
    expect(is_closed, "the connection closed with its session", || {
        "it stays open".to_owned()
    })?;
    let end = end.map(|end| end.map_or_else(End::NotAnswered, |()| End::Answered));
    if let Some(End::NotAnswered(error)) = &end {
        let text = format!("{error:?}");
        expect(
            !text.chars().any(char::is_control),
            "no control characters",
            || text.clone(),
        )?;
    }
    Ok(())
}
