//! Messages and errors reach the sink as the capabilities claim.

use std::time::{Duration, Instant};

use crate::conformance::answer::Event;
use crate::conformance::check::{Check, Outcome, check, expect, miss, not_applicable};
use crate::conformance::scene::Scene;
use crate::transport::{ErrorSupport, MessageSupport, SqlMessage, SqlValue};

pub(super) const CHECKS: &[Check] = &[
    check!("message/errors-are-no-err", errors_are_no_err),
    check!("message/errors-come-as-claimed", errors_come_as_claimed),
    check!("message/errors-come-whole", errors_come_whole),
    check!(
        "message/errors-come-after-their-rows",
        errors_come_after_rows
    ),
    check!("message/an-error-is-not-the-end", error_is_not_the_end),
    check!("message/a-batch-goes-on-after-errors", goes_on_after_errors),
    check!("message/a-session-goes-on-after-errors", session_goes_on),
    check!("message/notices-come-as-claimed", notices_come_as_claimed),
    check!("message/notices-come-live", notices_come_live),
    check!("message/notices-keep-their-place", notices_keep_their_place),
    check!("message/notices-come-whole", notices_come_whole),
];

async fn errors_are_no_err(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    for (text, number) in [
        ("RAISERROR(N'raised', 16, 1)", 50_000),
        ("SELECT * FROM scorch_no_such_table", 208),
        ("SELECT 1 / 0", 8134),
        ("SELECT )", 102),
    ] {
        // `answer` fails on Err.
        let answer = client.answer(text).await?;
        let numbers: Vec<i32> = answer.errors().iter().map(|error| error.number).collect();
        expect(
            numbers == [number],
            format!("error {number} in the sink"),
            || answer.outline(),
        )?;
    }
    Ok(())
}

async fn errors_come_as_claimed(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let text =
        "RAISERROR(N'first', 16, 1); RAISERROR(N'second', 11, 2); RAISERROR(N'third', 14, 3)";
    let answer = client.answer(text).await?;
    let texts: Vec<&str> = answer
        .errors()
        .iter()
        .map(|error| error.text.as_str())
        .collect();
    match scene.transport().capabilities().errors {
        ErrorSupport::First => expect(
            texts.first() == Some(&"first"),
            "at least the first error, before any other",
            || answer.outline(),
        ),
        ErrorSupport::All => expect(
            texts == ["first", "second", "third"],
            "three errors in their order",
            || answer.outline(),
        ),
    }
}

async fn errors_come_whole(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client
        .run("CREATE PROCEDURE #speaks AS\nRAISERROR(N'\u{fc}\u{1f600} words', 13, 77)")
        .await?;
    let answer = client.answer("\nEXECUTE #speaks").await?;
    let [error] = answer.errors()[..] else {
        return Err(miss("one error", answer.outline()));
    };
    // The server adds to the name of a temporary procedure, so its end is left open.
    let is_whole = error.number == 50_000
        && error.state == 77
        && error.class == 13
        && error.text == "\u{fc}\u{1f600} words"
        && error.procedure.starts_with("#speaks")
        && error.line == 2;
    expect(
        is_whole,
        "number 50000, state 77, class 13, the text, procedure #speaks, line 2",
        || format!("{error:?}"),
    )
}

async fn errors_come_after_rows(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let answer = client
        .answer("SELECT 1 AS a; RAISERROR(N'after', 16, 1)")
        .await?;
    let words: Vec<&str> = answer
        .events
        .iter()
        .map(|(_, event)| match event {
            Event::Columns(_) => "columns",
            Event::Row(_) => "row",
            Event::Message(_) => "message",
        })
        .collect();
    expect(
        words == ["columns", "row", "message"],
        "columns, row, error",
        || answer.outline(),
    )
}

async fn error_is_not_the_end(scene: &Scene) -> Outcome {
    const WAIT: Duration = Duration::from_millis(1500);
    let mut client = scene.client().await?;
    let begun = Instant::now();
    client
        .answer("RAISERROR(N'an error', 16, 1); WAITFOR DELAY '00:00:01.500'")
        .await?;
    let took = begun.elapsed();
    expect(
        took >= WAIT - Duration::from_millis(100),
        format!("the end of a batch that goes on for {WAIT:?} after its error"),
        || format!("an end after {took:?}"),
    )
}

async fn goes_on_after_errors(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client.run("CREATE TABLE #gone_on (number int)").await?;
    client
        .answer("INSERT INTO #gone_on VALUES (1); RAISERROR(N'an error', 16, 1); INSERT INTO #gone_on VALUES (2)")
        .await?;
    client
        .expect_value("SELECT COUNT(*) FROM #gone_on", &SqlValue::Int(2))
        .await
}

/// The next batch gets its own answer, whatever was left of the one before.
async fn session_goes_on(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    for number in 0..10 {
        client
            .answer("SELECT 1; RAISERROR(N'an error', 16, 1); SELECT 2; SELECT 1 / 0; SELECT 3")
            .await?;
        let expected = SqlValue::Int(100 + number);
        client
            .expect_value(&format!("SELECT 100 + {number}"), &expected)
            .await?;
    }
    Ok(())
}

fn claim(scene: &Scene) -> MessageSupport {
    scene.transport().capabilities().messages
}

async fn notices_come_as_claimed(scene: &Scene) -> Outcome {
    if claim(scene) == MessageSupport::None {
        return not_applicable("it claims to tell no informational messages");
    }
    let mut client = scene.client().await?;
    let text = "PRINT N'one'; RAISERROR(N'two', 0, 1); RAISERROR(N'three', 10, 1) WITH NOWAIT; PRINT N'four'";
    let answer = client.run(text).await?;
    expect(
        answer.notices() == ["one", "two", "three", "four"],
        "four messages in their order",
        || answer.outline(),
    )
}

async fn notices_come_live(scene: &Scene) -> Outcome {
    const WAIT: Duration = Duration::from_millis(1500);
    if claim(scene) != MessageSupport::Live {
        return not_applicable("it does not claim to tell messages while a batch runs");
    }
    let mut client = scene.client().await?;
    let text =
        "RAISERROR(N'begun', 0, 1) WITH NOWAIT; WAITFOR DELAY '00:00:01.500'; PRINT N'ended'";
    let answer = client.run(text).await?;
    let times: Vec<_> = answer
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Message(_)))
        .map(|(at, _)| *at)
        .collect();
    let [first, last] = times[..] else {
        return Err(miss("two messages", answer.outline()));
    };
    let between = last.duration_since(first);
    expect(
        between >= WAIT - Duration::from_millis(500),
        format!("the first message about {WAIT:?} before the second"),
        || format!("it came {between:?} before"),
    )
}

async fn notices_keep_their_place(scene: &Scene) -> Outcome {
    if claim(scene) != MessageSupport::Live {
        return not_applicable("it does not claim to tell messages while a batch runs");
    }
    let mut client = scene.client().await?;
    let text =
        "PRINT N'a'; SELECT 1 AS n; PRINT N'b'; RAISERROR(N'c', 16, 1); SELECT 2 AS n; PRINT N'd'";
    let answer = client.answer(text).await?;
    let words: Vec<String> = answer
        .events
        .iter()
        .map(|(_, event)| match event {
            Event::Columns(_) => "columns".to_owned(),
            Event::Row(row) => format!("{row:?}"),
            Event::Message(message) => message.text.clone(),
        })
        .collect();
    let expected = [
        "a", "columns", "[Int(1)]", "b", "c", "columns", "[Int(2)]", "d",
    ];
    expect(
        words == expected,
        "messages, errors and rows in the server's order",
        || answer.outline(),
    )
}

async fn notices_come_whole(scene: &Scene) -> Outcome {
    if claim(scene) == MessageSupport::None {
        return not_applicable("it claims to tell no informational messages");
    }
    let mut client = scene.client().await?;
    let answer = client
        .run("\n\nRAISERROR(N'\u{fc}\u{1f600}', 9, 33)")
        .await?;
    let expected = SqlMessage {
        number: 50_000,
        state: 33,
        class: 9,
        text: "\u{fc}\u{1f600}".to_owned(),
        procedure: String::new(),
        line: 3,
    };
    let messages = answer.messages();
    expect(messages == [&expected], format!("{expected:?}"), || {
        format!("{messages:?}")
    })
}
