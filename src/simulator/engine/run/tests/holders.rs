use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Server;
use crate::simulator::engine::test_kit::{SA_PASSWORD, run, sign_in};
use crate::simulator::engine::{LoginRequest, Session};

const NONE: [i32; 0] = [];

/// D with a table, a backup of it, and another session of `sa` in master.
async fn with_other() -> (Server, Session) {
    let mut server = Server::new();
    server
        .run(
            r"CREATE DATABASE D; ALTER DATABASE D SET RECOVERY SIMPLE;
              BACKUP DATABASE D TO DISK = 'd.bak'",
        )
        .await;
    server
        .run("USE D; CREATE TABLE T (a int); USE master")
        .await;
    let other = sign_in(&server.instance, "sa", SA_PASSWORD);
    (server, other)
}

/// The errors of signing in with D as the database.
fn signing_in(server: &Server) -> Vec<i32> {
    let request = LoginRequest {
        user: "sa".to_owned(),
        password: SA_PASSWORD.to_owned(),
        database: Some("D".to_owned()),
        host_name: String::new(),
        program_name: String::new(),
        language: None,
        new_password: None,
    };
    match Session::open(&server.instance.inner, &request) {
        Ok(_) => Vec::new(),
        Err(error) => error.0.iter().map(|message| message.number).collect(),
    }
}

#[tokio::test]
async fn who_set_single_user_holds_it_from_master() {
    let (mut server, mut other) = with_other().await;
    server.run("ALTER DATABASE D SET SINGLE_USER").await;
    for (batch, numbers) in [
        ("USE D", vec![924]),
        ("SELECT a FROM D.dbo.T", vec![924]),
        ("BACKUP DATABASE D TO DISK = 'x.bak'", vec![924, 3013]),
        (
            "RESTORE DATABASE D FROM DISK = 'd.bak' WITH REPLACE",
            vec![3101, 3013],
        ),
        ("ALTER DATABASE D SET MULTI_USER", vec![5064, 5069]),
        (
            "ALTER DATABASE D SET OFFLINE WITH ROLLBACK IMMEDIATE",
            vec![5064, 5069],
        ),
        ("ALTER DATABASE D MODIFY NAME = E", vec![5030]),
        ("DROP DATABASE D", vec![3702]),
    ] {
        assert_eq!(run(&mut other, batch).await.errors(), numbers, "{batch}");
    }
    let access = run(&mut other, "SELECT HAS_DBACCESS('D')").await;
    assert_eq!(access.rows, [["0"]]);
    assert_eq!(signing_in(&server), [4060, 18456]);
    // To its holder it is as any other.
    server
        .run("BACKUP DATABASE D TO DISK = 'y.bak'; SELECT a FROM D.dbo.T; USE D; USE master")
        .await;
    assert_eq!(run(&mut other, "USE D").await.errors(), [924], "still held");
    server
        .run("RESTORE DATABASE D FROM DISK = 'd.bak' WITH REPLACE")
        .await;
    assert_eq!(
        run(&mut other, "USE D").await.errors(),
        NONE,
        "the backup was made of a database for all"
    );
}

#[tokio::test]
async fn who_leaves_makes_room_for_the_first_that_comes() {
    let (mut server, mut other) = with_other().await;
    run(&mut other, "ALTER DATABASE D SET SINGLE_USER").await;
    assert_eq!(server.errors("USE D").await, [924]);
    drop(other);
    let mut third = sign_in(&server.instance, "sa", SA_PASSWORD);
    assert_eq!(run(&mut third, "USE D").await.errors(), NONE);
    assert_eq!(server.errors("USE D").await, [924]);
    assert_eq!(
        server.errors("ALTER DATABASE D SET MULTI_USER").await,
        [5064, 5069],
        "whoever holds it has the last word"
    );
    run(&mut third, "USE master").await;
    server.run("ALTER DATABASE D SET MULTI_USER").await;
}

#[tokio::test(start_paused = true)]
async fn rollback_after_gives_others_the_time_it_says() {
    let (mut server, mut other) = with_other().await;
    run(&mut other, "USE D").await;
    let begun = Instant::now();
    let answer = server
        .run("ALTER DATABASE D SET SINGLE_USER WITH ROLLBACK AFTER 5 SECONDS")
        .await;
    assert!(begun.elapsed() >= Duration::from_secs(5));
    let told: Vec<_> = answer
        .messages
        .iter()
        .map(|m| (m.number, m.state))
        .collect();
    assert_eq!(told, [(5060, 2), (5060, 1)]);
    assert!(other.killed.is_cancelled());
    drop(other);
    server.run("ALTER DATABASE D SET MULTI_USER").await;

    let mut early = sign_in(&server.instance, "sa", SA_PASSWORD);
    run(&mut early, "USE D").await;
    let begun = Instant::now();
    let setting = server.run("ALTER DATABASE D SET SINGLE_USER WITH ROLLBACK AFTER 60 SECONDS");
    let leaving = async {
        sleep(Duration::from_secs(2)).await;
        run(&mut early, "USE master").await;
    };
    let (answer, ()) = tokio::join!(setting, leaving);
    assert!(answer.messages.is_empty(), "nobody was sent away");
    assert!(begun.elapsed() < Duration::from_secs(3));
    assert!(!early.killed.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn without_a_termination_it_waits_for_others_to_leave() {
    let (mut server, mut other) = with_other().await;
    run(&mut other, "USE D").await;
    assert_eq!(
        server
            .errors("SET LOCK_TIMEOUT 1000; ALTER DATABASE D SET OFFLINE")
            .await,
        [5061, 5069]
    );
    assert_eq!(
        server
            .errors("ALTER DATABASE D SET OFFLINE WITH NO_WAIT")
            .await,
        [5070, 5069]
    );
    let setting = server.run("SET LOCK_TIMEOUT -1; ALTER DATABASE D SET OFFLINE");
    let leaving = async {
        sleep(Duration::from_secs(3600)).await;
        run(&mut other, "USE master").await;
    };
    tokio::join!(setting, leaving);
    assert_eq!(
        server
            .value("SELECT state_desc FROM sys.databases WHERE name = 'D'")
            .await,
        "OFFLINE"
    );
}

#[tokio::test]
async fn a_database_that_is_not_online_refuses_each_thing_with_its_number() {
    for (make, state, refusal) in [
        ("ALTER DATABASE D SET OFFLINE", "OFFLINE", 942),
        (
            "RESTORE DATABASE D FROM DISK = 'd.bak' WITH REPLACE, NORECOVERY",
            "RESTORING",
            927,
        ),
    ] {
        let (mut server, mut other) = with_other().await;
        server.run(make).await;
        let shown = "SELECT state_desc FROM sys.databases WHERE name = 'D'";
        assert_eq!(server.value(shown).await, state);
        assert_eq!(signing_in(&server), [4060, 18456]);
        for (batch, numbers) in [
            ("USE D", vec![refusal]),
            ("SELECT a FROM D.dbo.T", vec![refusal]),
            ("BACKUP DATABASE D TO DISK = 'x.bak'", vec![refusal, 3013]),
        ] {
            let errors = run(&mut other, batch).await.errors();
            assert_eq!(errors, numbers, "{state}: {batch}");
        }
        let set = run(&mut other, "ALTER DATABASE D SET SINGLE_USER").await;
        let expected = if state == "RESTORING" {
            vec![5052, 5069]
        } else {
            vec![]
        };
        assert_eq!(set.errors(), expected, "{state}");
        run(&mut other, "ALTER DATABASE D SET MULTI_USER").await;
        // It can be restored over, and is as it was.
        server
            .run("RESTORE DATABASE D FROM DISK = 'd.bak' WITH REPLACE")
            .await;
        assert_eq!(server.value(shown).await, "ONLINE");
        server.run(make).await;
        server.run("DROP DATABASE D").await;
    }
}

#[tokio::test]
async fn emergency_is_for_reading_and_for_sysadmins() {
    let (mut server, mut other) = with_other().await;
    server
        .run(
            "CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF; USE D; \
              CREATE USER weak FOR LOGIN weak; USE master; ALTER DATABASE D SET EMERGENCY",
        )
        .await;
    let shown = "SELECT state, state_desc FROM sys.databases WHERE name = 'D'";
    assert_eq!(run(&mut other, shown).await.rows, [["5", "EMERGENCY"]]);
    assert_eq!(
        run(&mut other, "SELECT a FROM D.dbo.T").await.errors(),
        NONE
    );
    for (batch, numbers) in [
        ("INSERT D.dbo.T VALUES (1)", vec![3908]),
        ("BACKUP DATABASE D TO DISK = 'x.bak'", vec![3908, 3013]),
    ] {
        assert_eq!(run(&mut other, batch).await.errors(), numbers, "{batch}");
    }
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    assert_eq!(run(&mut weak, "USE D").await.errors(), [916]);
    server.run("ALTER DATABASE D SET ONLINE").await;
    assert_eq!(run(&mut weak, "USE D").await.errors(), NONE);
    assert_eq!(server.errors("INSERT D.dbo.T VALUES (1)").await, NONE);
}

#[tokio::test]
async fn a_restricted_database_is_for_owners_and_creators() {
    for refusal in [923, 916] {
        let folder = tempfile::tempdir().unwrap();
        let choices = crate::simulator::ModellingChoices {
            restricted_user_refusal: refusal,
            ..crate::simulator::ModellingChoices::default()
        };
        let instance = crate::simulator::engine::test_kit::builder(folder.path(), "SQL01")
            .modelling(choices)
            .build()
            .unwrap();
        let mut sa = sign_in(&instance, "sa", SA_PASSWORD);
        run(
            &mut sa,
            "CREATE DATABASE D; CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF; \
             USE D; CREATE USER weak FOR LOGIN weak; USE master; ALTER DATABASE D SET RESTRICTED_USER",
        )
        .await;
        let mut weak = sign_in(&instance, "weak", "Some Pass 1");
        assert_eq!(run(&mut weak, "USE D").await.errors(), [refusal]);
        run(&mut sa, "ALTER SERVER ROLE dbcreator ADD MEMBER weak").await;
        assert_eq!(run(&mut weak, "USE D").await.errors(), NONE);
    }
}
