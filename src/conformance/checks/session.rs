//! A session is one connection, kept, and nobody else's.

use std::time::{Duration, Instant};

use crate::conformance::check::{Check, Outcome, check, expect, expect_same};
use crate::conformance::scene::{Scene, fresh_name, is_locked, lock_for_session};
use crate::transport::SqlValue;

pub(super) const CHECKS: &[Check] = &[
    check!("session/is-one-connection", is_one_connection),
    check!("session/keeps-its-database", keeps_its_database),
    check!("session/keeps-its-settings", keeps_its_settings),
    check!("session/keeps-temporary-tables", keeps_temporary_tables),
    check!("session/keeps-its-transaction", keeps_its_transaction),
    check!("session/is-not-another-s", is_not_another_s),
    check!("session/runs-beside-another", runs_beside_another),
    check!("session/closes-when-dropped", closes_when_dropped),
];

const SPID: &str = "SELECT @@SPID";

async fn is_one_connection(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    let first = client.integer(SPID).await?;
    client.answer("RAISERROR(N'an error', 16, 1)").await?;
    let second = client.integer(SPID).await?;
    expect_same("the same @@SPID after an error", &first, &second)?;
    for _ in 0..3 {
        let again = client.integer(SPID).await?;
        expect_same("the same @@SPID", &first, &again)?;
    }
    Ok(())
}

async fn keeps_its_database(scene: &Scene) -> Outcome {
    let name = scene.other_database()?;
    let mut client = scene.client().await?;
    let quoted = name.as_str().replace(']', "]]");
    client.run(&format!("USE [{quoted}]")).await?;
    let expected = SqlValue::Text(name.as_str().to_owned());
    client.expect_value("SELECT DB_NAME()", &expected).await?;
    client.expect_value("SELECT DB_NAME()", &expected).await
}

async fn keeps_its_settings(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client.run("SET LOCK_TIMEOUT 4321").await?;
    client.run("SELECT 1").await?;
    let expected = SqlValue::Int(4321);
    client
        .expect_value("SELECT @@LOCK_TIMEOUT", &expected)
        .await
}

async fn keeps_temporary_tables(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client
        .run("CREATE TABLE #kept (number int NOT NULL)")
        .await?;
    client.run("INSERT INTO #kept VALUES (5)").await?;
    let expected = SqlValue::Int(5);
    client
        .expect_value("SELECT number FROM #kept", &expected)
        .await
}

async fn keeps_its_transaction(scene: &Scene) -> Outcome {
    let mut client = scene.client().await?;
    client
        .run("CREATE TABLE #undone (number int NOT NULL)")
        .await?;
    client.run("BEGIN TRANSACTION").await?;
    client.run("INSERT INTO #undone VALUES (1)").await?;
    client
        .expect_value("SELECT @@TRANCOUNT", &SqlValue::Int(1))
        .await?;
    client.run("ROLLBACK TRANSACTION").await?;
    client
        .expect_value("SELECT COUNT(*) FROM #undone", &SqlValue::Int(0))
        .await
}

async fn is_not_another_s(scene: &Scene) -> Outcome {
    let mut one = scene.client().await?;
    let mut other = scene.client().await?;
    let (first, second) = (one.integer(SPID).await?, other.integer(SPID).await?);
    expect(first != second, "two sessions with an @@SPID each", || {
        format!("both have {first}")
    })?;
    one.run("SET LOCK_TIMEOUT 4321; CREATE TABLE #own (number int)")
        .await?;
    other
        .expect_value("SELECT @@LOCK_TIMEOUT", &SqlValue::Int(-1))
        .await?;
    let answer = other.answer("SELECT number FROM #own").await?;
    let numbers: Vec<i32> = answer.errors().iter().map(|error| error.number).collect();
    expect(
        numbers == [208],
        "error 208: the table is the other session's",
        || answer.outline(),
    )
}

async fn runs_beside_another(scene: &Scene) -> Outcome {
    const WAIT: Duration = Duration::from_millis(1500);
    let mut slow = scene.client().await?;
    let mut quick = scene.client().await?;
    let begun = Instant::now();
    let waiting = async {
        slow.run("WAITFOR DELAY '00:00:01.500'").await?;
        Ok::<_, crate::conformance::check::Miss>(begun.elapsed())
    };
    let asking = async {
        quick.run("SELECT 1").await?;
        Ok(begun.elapsed())
    };
    let (waited, asked) = tokio::join!(waiting, asking);
    let (waited, asked) = (waited?, asked?);
    expect(
        waited >= WAIT - Duration::from_millis(100),
        format!("an end of WAITFOR after {WAIT:?}"),
        || format!("after {waited:?}"),
    )?;
    expect(
        asked < waited,
        "an answer while the other session waits",
        || format!("it came after {asked:?}, the other's end after {waited:?}"),
    )
}

async fn closes_when_dropped(scene: &Scene) -> Outcome {
    let lock = fresh_name();
    let mut client = scene.client().await?;
    let mut observer = scene.client().await?;
    client.run(&lock_for_session(&lock)).await?;
    observer
        .wait_for(
            &is_locked(&lock),
            1,
            "a lock that the session holds, as another one sees it",
        )
        .await?;
    drop(client);
    observer
        .wait_for(
            &is_locked(&lock),
            0,
            "the end of the session on the server, and of its lock",
        )
        .await
}
