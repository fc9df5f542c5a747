//! The connection ends at any byte of a session.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;

use super::{End, LIMIT, PATIENCE, expect_honest, talk};
use crate::conformance::check::{Check, Miss, Outcome, check, expect, miss};
use crate::conformance::player::tokens::Kind;
use crate::conformance::player::{Cut, Play, Player, tokens};
use crate::conformance::scene::{Reached, Scene, Way};

pub(super) const CHECKS: &[Check] = &[
    check!("hostile/ends-at-any-byte-of-its-messages", of_its_messages),
    check!("hostile/ends-at-any-byte-to-the-client", to_the_client),
    check!("hostile/ends-at-any-byte-to-the-server", to_the_server),
    check!(
        "hostile/ends-at-any-byte-to-the-strict-client",
        to_the_strict_client
    ),
    check!(
        "hostile/ends-at-any-byte-to-the-strict-server",
        to_the_strict_server
    ),
];

/// A session in the manner of TDS 7.4.
fn healthy(player: &mut Player) -> io::Result<()> {
    player.hear_batch()?;
    answer_well(player)
}

/// A session in the manner of TDS 8.0.
fn strict_healthy(player: &mut Player) -> io::Result<()> {
    player.greet_strictly()?;
    player.until_batch()?;
    answer_well(player)
}

/// An answer of each kind of thing: columns, rows, NULL, a value in pieces, a notice, an error.
fn answer_well(player: &mut Player) -> io::Result<()> {
    let columns = tokens::columns(&[
        ("n", Kind::Int),
        ("t", Kind::Text),
        ("long", Kind::LongText),
        ("bytes", Kind::LongBytes),
    ]);
    let word = tokens::utf16("word");
    let row = tokens::row(&[
        &tokens::int(7),
        &tokens::text("\u{fc}\u{1f600}"),
        &tokens::in_pieces(&[&word, &word]),
        &tokens::in_pieces(&[&[1, 2, 3]]),
    ]);
    let null = 0xFFFF_FFFF_FFFF_FFFF_u64.to_le_bytes();
    let nulls = tokens::row(&[&[0], &[0xFF, 0xFF], &null, &null]);
    let answer = [
        columns,
        row,
        nulls,
        tokens::done(tokens::DONE_MORE, Some(2)),
        tokens::message(50_000, 0, "a notice"),
        tokens::done(tokens::DONE_MORE, None),
        tokens::message(50_000, 16, "an error"),
        tokens::done(tokens::DONE_MORE | tokens::DONE_ERROR, None),
        tokens::done(0, None),
    ];
    player.send(&answer.concat())?;
    player.hold()
}

async fn of_its_messages(scene: &Scene) -> Outcome {
    ends_anywhere(scene, Way::Tls, |answer| Cut {
        answer,
        ..Cut::default()
    })
    .await
}

async fn to_the_client(scene: &Scene) -> Outcome {
    ends_anywhere(scene, Way::Tls, |to_client| Cut {
        to_client,
        ..Cut::default()
    })
    .await
}

async fn to_the_server(scene: &Scene) -> Outcome {
    ends_anywhere(scene, Way::Tls, |to_server| Cut {
        to_server,
        ..Cut::default()
    })
    .await
}

async fn to_the_strict_client(scene: &Scene) -> Outcome {
    ends_anywhere(scene, Way::Strict, |to_client| Cut {
        to_client,
        ..Cut::default()
    })
    .await
}

async fn to_the_strict_server(scene: &Scene) -> Outcome {
    ends_anywhere(scene, Way::Strict, |to_server| Cut {
        to_server,
        ..Cut::default()
    })
    .await
}

/// Ends sessions at more and more bytes, until one is not cut any more: it must be whole then, and
/// none before.
async fn ends_anywhere(
    scene: &Scene,
    way: Way,
    cut_after: impl Fn(usize) -> Cut + Send,
) -> Outcome {
    let play: Play = match way {
        Way::Strict => Arc::new(strict_healthy),
        _ => Arc::new(healthy),
    };
    for bytes in (0..).step_by(scene.cut_step) {
        let reached = scene.reach(way, cut_after(bytes), Arc::clone(&play))?;
        let begun = Instant::now();
        let end = timeout(PATIENCE, talk(scene, &reached)).await.ok();
        let took = begun.elapsed();
        reached.ended(took);
        let at = |problem: Miss| match problem {
            Miss::Failed { expected, seen } => {
                miss(expected, format!("after {bytes} bytes: {seen}"))
            }
            other => other,
        };
        expect(took <= LIMIT, format!("an end within {LIMIT:?}"), || {
            format!("{took:?}")
        })
        .map_err(at)?;
        let cuts = bytes / scene.cut_step;
        match end {
            None => {
                return Err(at(miss(
                    "an error by itself",
                    format!("nothing within {PATIENCE:?}"),
                )));
            }
            Some(End::NotConnected(error)) => {
                expect_honest(&error, false, &reached.canary).map_err(at)?;
            }
            Some(End::NotAnswered(error)) => {
                expect_honest(&error, true, &reached.canary).map_err(at)?;
            }
            Some(End::Answered) => return is_whole(scene, &reached, bytes, cuts),
        }
        if bytes > 100_000 {
            let seen = "it never ends well";
            return Err(miss("a session that was not cut", seen));
        }
    }
    Ok(())
}

/// A session that ended well was not cut before its end.
fn is_whole(scene: &Scene, reached: &Reached, bytes: usize, cuts: usize) -> Outcome {
    const FEWEST: usize = 500;
    expect(
        bytes >= FEWEST && cuts * scene.cut_step >= FEWEST,
        format!("at least {FEWEST} bytes of a session"),
        || format!("a whole answer after {bytes}"),
    )?;
    let seen = reached.served.seen();
    expect(seen.batches == 1, "one batch", || {
        format!("{}", seen.batches)
    })
}
