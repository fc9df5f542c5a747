//! What was given up ends, as the capabilities claim.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::conformance::answer::Answer;
use crate::conformance::check::{Check, Outcome, check, expect, expect_same, miss, not_applicable};
use crate::conformance::scene::{
    Client, SOON, Scene, fresh_name, is_locked, lock_for_session, told, unlock_for_session, within,
};
use crate::transport::{CancelSupport, SqlBatch, SqlValue};

pub(super) const CHECKS: &[Check] = &[
    check!("cancel/is-prompt", is_prompt),
    check!("cancel/ends-the-batch-on-the-server", ends_the_batch),
    check!("cancel/keeps-the-session", keeps_the_session),
    check!("cancel/mixes-up-no-answers", mixes_up_no_answers),
];

const FOR_HOURS: &str = "WAITFOR DELAY '01:00:00'";

/// Begins a batch and gives it up after a while; how long the giving up took.
async fn give_up(client: &mut Client, text: &str, after: Duration) -> Outcome<Duration> {
    let mut answer = Answer::default();
    let mut running = client.0.execute(SqlBatch::open(text), &mut answer);
    if let Ok(end) = timeout(after, &mut running).await {
        drop(running);
        let seen = end.map_or_else(|error| told(&error), |()| answer.outline());
        return Err(miss("a batch that runs for an hour", seen));
    }
    let begun = Instant::now();
    drop(running);
    Ok(begun.elapsed())
}

async fn is_prompt(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let took = give_up(&mut client, FOR_HOURS, Duration::from_millis(300)).await?;
    let begun = Instant::now();
    drop(client);
    let took = took + begun.elapsed();
    expect(
        took < Duration::from_secs(1),
        "an end within a second",
        || format!("{took:?}"),
    )
}

async fn ends_the_batch(scene: &Scene) -> Outcome {
    let lock = fresh_name();
    let mut observer = scene.client().await?;
    let mut client = scene.client().await?;
    let text = format!("{}; {FOR_HOURS}; SELECT 1", lock_for_session(&lock));
    {
        let mut answer = Answer::default();
        let mut running = client.0.execute(SqlBatch::open(text), &mut answer);
        let held = is_locked(&lock);
        let is_seen = observer.wait_for(&held, 1, "the batch at work, as another session sees it");
        tokio::select! {
            end = &mut running => {
                let seen = end.map_or_else(|error| told(&error), |()| "its end".to_owned());
                return Err(miss("a batch that runs for an hour", seen));
            }
            seen = is_seen => seen?,
        }
    }
    if scene.transport().capabilities().cancel == CancelSupport::Attention {
        // It can only answer when the batch is over.
        client.run(&unlock_for_session(&lock)).await?;
    } else {
        drop(client);
    }
    let what = "the end of the batch that was given up, and of its lock";
    observer.wait_for(&is_locked(&lock), 0, what).await
}

async fn keeps_the_session(scene: &Scene) -> Outcome {
    if scene.transport().capabilities().cancel != CancelSupport::Attention {
        return not_applicable("it claims to end a batch by closing the connection");
    }
    let mut client = scene.client().await?;
    let before = client
        .integer("CREATE TABLE #mine (number int); SELECT @@SPID")
        .await?;
    give_up(&mut client, FOR_HOURS, Duration::from_millis(300)).await?;
    let after = client.integer("SELECT @@SPID").await?;
    expect_same("the same @@SPID", &before, &after)?;
    client
        .expect_value("SELECT COUNT(*) FROM #mine", &SqlValue::Int(0))
        .await
}

/// Given up at many moments, also in the middle of rows: what is asked next is answered with its
/// own answer, or not at all.
async fn mixes_up_no_answers(scene: &Scene) -> Outcome {
    const ROWS: &str = "SELECT a.n, REPLICATE(N'x', 200) FROM \
        (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS a (n) CROSS JOIN \
        (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS b (n) CROSS JOIN \
        (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS c (n); WAITFOR DELAY '01:00:00'";
    let keeps = scene.transport().capabilities().cancel == CancelSupport::Attention;
    let mut client = scene.client().await?;
    for (number, after) in [0, 1, 3, 10, 30, 100].into_iter().enumerate() {
        give_up(&mut client, ROWS, Duration::from_millis(after)).await?;
        let mut answer = Answer::default();
        let next = client.0.execute(
            SqlBatch::open(format!("SELECT 700 + {number}")),
            &mut answer,
        );
        match within(
            SOON,
            "an answer or an error after a batch was given up",
            next,
        )
        .await?
        {
            Ok(()) => {
                let value = i64::try_from(number).map_or(0, |number| 700 + number);
                let rows = answer.rows();
                expect(
                    matches!(&rows[..], [row] if row[..] == [SqlValue::Int(value)]),
                    format!("{value}, which was asked for"),
                    || answer.outline(),
                )?;
            }
            Err(error) if keeps => {
                return Err(miss(
                    "a session that stays usable, as claimed",
                    told(&error),
                ));
            }
            Err(_) => client = scene.client().await?,
        }
    }
    Ok(())
}
