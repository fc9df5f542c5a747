//! A batch is sent as it is given, once.

use crate::conformance::check::{Check, Outcome, check, expect, expect_same};
use crate::conformance::scene::Scene;
use crate::transport::SqlValue;

pub(super) const CHECKS: &[Check] = &[
    check!("batch/is-sent-unchanged", is_sent_unchanged),
    check!("batch/is-not-split-at-go", is_not_split_at_go),
    check!("batch/gets-no-added-settings", gets_no_added_settings),
    check!("batch/keeps-settings-of-earlier-ones", keeps_settings),
    check!("batch/begins-at-line-1", begins_at_line_1),
    check!("batch/is-sent-once", is_sent_once),
    check!("batch/can-be-long", can_be_long),
    check!("batch/can-be-empty", can_be_empty),
];

async fn is_sent_unchanged(scene: &Scene) -> Outcome {
    let text = "  a\tb\r\n  -- c /* d */\n\n'' ; GO x\r\n ";
    let expected = SqlValue::Text(text.replace("''", "'"));
    let mut client = scene.client().await?;
    client
        .expect_value(&format!("SELECT N'{text}'"), &expected)
        .await
}

/// `GO` is a word of client programs. To the server it is the name of the first column.
async fn is_not_split_at_go(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let answer = client
        .run("DECLARE @a int = 7\nSELECT @a\nGO\nSELECT @a + 1")
        .await?;
    let names: Vec<&str> = answer
        .columns()
        .iter()
        .flat_map(|names| names.iter().map(String::as_str))
        .collect();
    expect(
        names == ["GO", ""],
        "a column named GO, and one without a name",
        || answer.outline(),
    )
}

/// NOCOUNT, XACT_ABORT, IMPLICIT_TRANSACTIONS.
const BITS: &str = "SELECT @@OPTIONS & 16898";

async fn gets_no_added_settings(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    for _ in 0..2 {
        let seen = client.integer(BITS).await?;
        expect_same(
            "none of NOCOUNT, XACT_ABORT and IMPLICIT_TRANSACTIONS set",
            &0,
            &seen,
        )?;
    }
    client
        .expect_value("SELECT @@TRANCOUNT", &SqlValue::Int(0))
        .await?;
    client
        .expect_value("SELECT @@LOCK_TIMEOUT", &SqlValue::Int(-1))
        .await
}

async fn keeps_settings(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client.run("SET NOCOUNT ON; SET XACT_ABORT ON").await?;
    let seen = client.integer(BITS).await?;
    expect_same(
        "NOCOUNT and XACT_ABORT set, as by the batch before",
        &(512 + 16384),
        &seen,
    )
}

async fn begins_at_line_1(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let answer = client
        .answer("-- 1\n-- 2\nRAISERROR(N'on line 3', 16, 1)")
        .await?;
    let lines: Vec<u32> = answer.errors().iter().map(|error| error.line).collect();
    expect(lines == [3], "an error on line 3", || {
        format!("lines {lines:?}: {}", answer.outline())
    })
}

async fn is_sent_once(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client
        .run("CREATE TABLE #once (number int NOT NULL)")
        .await?;
    client
        .answer("INSERT INTO #once VALUES (1); RAISERROR(N'an error', 16, 1)")
        .await?;
    client.run("INSERT INTO #once VALUES (2)").await?;
    client
        .expect_value("SELECT COUNT(*) FROM #once", &SqlValue::Int(2))
        .await
}

/// Longer than many packets.
async fn can_be_long(scene: &Scene) -> Outcome {
    const LENGTH: usize = 200_000;
    let text = "long ".repeat(LENGTH / 5);
    let mut client = scene.client().await?;
    client
        .expect_value(&format!("SELECT N'{text}'"), &SqlValue::Text(text))
        .await
}

async fn can_be_empty(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    for text in ["", "-- nothing\n", " \r\n\t"] {
        let answer = client.run(text).await?;
        expect(
            answer.events.is_empty(),
            "nothing from a batch without a statement",
            || answer.outline(),
        )?;
    }
    client.expect_value("SELECT 3", &SqlValue::Int(3)).await
}
