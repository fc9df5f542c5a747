//! Result sets come whole, in order and as they arise.

use std::time::Duration;

use crate::conformance::answer::Event;
use crate::conformance::check::{Check, Outcome, check, expect, miss};
use crate::conformance::scene::Scene;
use crate::transport::SqlValue;

pub(super) const CHECKS: &[Check] = &[
    check!("result/columns-come-before-rows", columns_come_before_rows),
    check!("result/names-its-columns", names_its_columns),
    check!("result/can-be-empty", can_be_empty),
    check!("result/arrives-before-the-end", arrives_before_the_end),
    check!("result/keeps-many-rows-in-order", keeps_many_rows_in_order),
];

fn columns(names: &[&str]) -> Event {
    Event::Columns(names.iter().map(|&name| name.to_owned()).collect())
}

fn row(values: &[i64]) -> Event {
    Event::Row(values.iter().map(|&value| SqlValue::Int(value)).collect())
}

async fn columns_come_before_rows(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let text = "SELECT 1 AS a; SELECT 2 AS b, 3 AS c; \
                SELECT n FROM (VALUES (4), (5)) AS v (n) ORDER BY n";
    let answer = client.run(text).await?;
    let expected = [
        columns(&["a"]),
        row(&[1]),
        columns(&["b", "c"]),
        row(&[2, 3]),
        columns(&["n"]),
        row(&[4]),
        row(&[5]),
    ];
    let seen: Vec<&Event> = answer.events.iter().map(|(_, event)| event).collect();
    expect(
        seen.iter().copied().eq(&expected),
        "three result sets, each with its columns first",
        || answer.outline(),
    )
}

async fn names_its_columns(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let text = "SELECT 1 AS [a]]b], 2, 3 AS N'twice', 4 AS twice, 5 AS [\u{fc}\u{1f600} x]";
    let answer = client.run(&text.replace("N'twice'", "[twice]")).await?;
    let expected = ["a]b", "", "twice", "twice", "\u{fc}\u{1f600} x"];
    let seen = answer.columns();
    expect(
        matches!(&seen[..], [names] if **names == expected),
        format!("columns {expected:?}"),
        || answer.outline(),
    )
}

/// A set without rows still has columns; a statement without a set has none.
async fn can_be_empty(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let text = "SELECT 1 AS a WHERE 1 = 0; DECLARE @x int; SET @x = 1; \
                CREATE TABLE #empty (b int); SELECT b FROM #empty; SELECT 2 AS c";
    let answer = client.run(text).await?;
    let expected = [columns(&["a"]), columns(&["b"]), columns(&["c"]), row(&[2])];
    let seen = answer.events.iter().map(|(_, event)| event);
    expect(
        seen.eq(&expected),
        "two empty sets and one with a row",
        || answer.outline(),
    )
}

/// More rows than fit in a server's buffer, then a wait: the rows must be there long before the end.
async fn arrives_before_the_end(scene: &Scene) -> Outcome {
    const WAIT: Duration = Duration::from_millis(1500);
    let mut client = scene.client().await?;
    let text = format!(
        "{} WAITFOR DELAY '00:00:01.500'; SELECT 1 AS last",
        rows_of(REPEATED, 3)
    );
    let answer = client.run(&text).await?;
    let first = answer
        .events
        .iter()
        .find(|(_, event)| matches!(event, Event::Row(_)));
    let (Some((first, _)), Some((last, _))) = (first, answer.events.last()) else {
        return Err(miss("rows", answer.outline()));
    };
    let between = last.duration_since(*first);
    expect(
        between >= WAIT - Duration::from_millis(500),
        format!("the first row about {WAIT:?} before the last"),
        || format!("it came {between:?} before"),
    )
}

const REPEATED: &str = "REPLICATE(N'x', 500)";

/// A SELECT of ten to the `digits` rows that count from 0 in their column `i`.
fn rows_of(text: &str, digits: u32) -> String {
    const DIGITS: &str = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))";
    let mut sum = Vec::new();
    let mut from = Vec::new();
    for digit in 0..digits {
        sum.push(format!("d{digit}.n * {}", 10_u64.pow(digit)));
        from.push(format!("{DIGITS} AS d{digit} (n)"));
    }
    format!(
        "SELECT {} AS i, {text} AS t FROM {} ORDER BY i;",
        sum.join(" + "),
        from.join(" CROSS JOIN ")
    )
}

async fn keeps_many_rows_in_order(scene: &Scene) -> Outcome {
    const COUNT: i64 = 10_000;
    let mut client = scene.client().await?;
    let rows = client.rows(&rows_of("N'row'", 4)).await?;
    let word = SqlValue::Text("row".to_owned());
    for (number, row) in (0..COUNT).zip(&rows) {
        let is_right = row[..] == [SqlValue::Int(number), word.clone()];
        expect(is_right, format!("row {number} in its place"), || {
            format!("{row:?}")
        })?;
    }
    expect(rows.len() == 10_000, "10000 rows", || {
        format!("{}", rows.len())
    })
}
