//! What databases say of themselves, who is sent out of them, and what they are called.

use super::Server;
use crate::simulator::engine::Session;
use crate::simulator::engine::test_kit::{Answer, SA_PASSWORD, run, sign_in};

const NONE: [i32; 0] = [];

fn said(answer: &Answer) -> Vec<(i32, u8)> {
    let messages = answer.messages.iter();
    messages
        .map(|message| (message.number, message.class))
        .collect()
}

/// D with a table, and a login that may enter it.
async fn with_database() -> (Server, Session) {
    let mut server = Server::new();
    for batch in [
        "CREATE DATABASE D; ALTER DATABASE D SET RECOVERY SIMPLE; CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1'",
        "USE D; CREATE TABLE T (a int); CREATE TABLE U (a int); CREATE USER weak FOR LOGIN weak; USE master",
    ] {
        assert_eq!(server.run(batch).await.errors(), NONE, "{batch}");
    }
    let weak = sign_in(&server.instance, "weak", "Some Pass 1");
    (server, weak)
}

#[tokio::test]
async fn planted_damage_is_told_and_travels() {
    let (mut server, mut weak) = with_database().await;
    let quiet = "DBCC CHECKDB (N'D') WITH NO_INFOMSGS, ALL_ERRORMSGS";
    assert_eq!(said(&server.run(quiet).await), []);
    assert_eq!(
        said(&server.run("DBCC CHECKDB (D)").await),
        [(2536, 0), (8989, 0), (2528, 0)]
    );
    assert_eq!(run(&mut weak, quiet).await.errors(), [7983]);
    server.instance.damage_table("D", "T").unwrap();
    assert!(server.instance.damage_table("D", "none").is_err());
    let answer = run(&mut server.sa, quiet).await;
    assert_eq!(
        said(&answer),
        [(8939, 16), (8928, 16), (8990, 0), (8989, 0), (8958, 0)]
    );
    assert_eq!(
        answer.messages[3].text,
        "CHECKDB found 0 allocation errors and 2 consistency errors in database 'D'."
    );
    server
        .run("BACKUP DATABASE D TO DISK = 'd.bak'; DROP DATABASE D; RESTORE DATABASE D FROM DISK = 'd.bak'")
        .await;
    assert_eq!(run(&mut server.sa, quiet).await.errors(), [8939, 8928]);
    server.run("ALTER DATABASE D SET OFFLINE").await;
    assert_eq!(run(&mut server.sa, quiet).await.errors(), [942]);
    assert_eq!(
        run(&mut server.sa, "DBCC CHECKDB (none)").await.errors(),
        [2520]
    );
}

#[tokio::test]
async fn restricted_user_sends_away_who_may_not_stay() {
    let (mut server, mut weak) = with_database().await;
    let mut owner = sign_in(&server.instance, "sa", SA_PASSWORD);
    run(&mut weak, "USE D").await;
    run(&mut owner, "USE D").await;
    assert_eq!(
        run(
            &mut server.sa,
            "ALTER DATABASE D SET RESTRICTED_USER WITH NO_WAIT"
        )
        .await
        .errors(),
        [5070, 5069]
    );
    let answer = server
        .run("ALTER DATABASE D SET RESTRICTED_USER WITH ROLLBACK IMMEDIATE")
        .await;
    assert_eq!(said(&answer), [(5060, 0), (5060, 0)]);
    let state = server.instance.inner.state();
    let killed = |session: &Session| state.sessions[&session.spid].killed.is_cancelled();
    assert!(killed(&weak) && !killed(&owner));
}

#[tokio::test]
async fn a_new_name_is_told_and_dated() {
    let (mut server, _) = with_database().await;
    let created = "SELECT create_date FROM sys.databases WHERE database_id = 5";
    let before = server.run(created).await.rows[0][0].clone();
    let answer = server.run("ALTER DATABASE D MODIFY NAME = E").await;
    assert_eq!(said(&answer), [(5021, 0)]);
    assert_eq!(
        answer.messages[0].text,
        "The database name 'E' has been set."
    );
    let after = server.run(created).await.rows[0][0].clone();
    assert_ne!(before, after);
}

#[tokio::test]
async fn two_enabled_brokers_have_two_identities() {
    let (mut server, _) = with_database().await;
    server
        .run("ALTER DATABASE D SET ENABLE_BROKER; BACKUP DATABASE D TO DISK = 'd.bak'")
        .await;
    server
        .run("RESTORE DATABASE E FROM DISK = 'd.bak' WITH MOVE 'D' TO 'e.mdf', MOVE 'D_log' TO 'e.ldf'")
        .await;
    let enable = "ALTER DATABASE E SET ENABLE_BROKER";
    assert_eq!(run(&mut server.sa, enable).await.errors(), [9772, 5069]);
    assert_eq!(
        server.run("ALTER DATABASE E SET NEW_BROKER").await.errors(),
        NONE
    );
    let count = "SELECT COUNT(DISTINCT service_broker_guid) FROM sys.databases WHERE name IN ('D', 'E') AND is_broker_enabled = 1";
    assert_eq!(server.run(count).await.rows[0][0], "2");
    // The identity travels.
    server
        .run("ALTER DATABASE D SET DISABLE_BROKER; BACKUP DATABASE E TO DISK = 'e.bak'; DROP DATABASE D; \
              RESTORE DATABASE D FROM DISK = 'e.bak' WITH MOVE 'D' TO 'd2.mdf', MOVE 'D_log' TO 'd2.ldf'")
        .await;
    assert_eq!(
        run(&mut server.sa, "ALTER DATABASE D SET ENABLE_BROKER")
            .await
            .errors(),
        [9772, 5069]
    );
}

#[tokio::test]
async fn online_again_takes_the_right_of_the_server() {
    let (mut server, _) = with_database().await;
    server.run("USE D; GRANT ALTER TO weak; USE master").await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    assert_eq!(
        run(&mut weak, "ALTER DATABASE D SET OFFLINE")
            .await
            .errors(),
        NONE
    );
    let online = "ALTER DATABASE D SET ONLINE";
    assert_eq!(run(&mut weak, online).await.errors(), [5011, 5069]);
    server.run("GRANT ALTER ANY DATABASE TO weak").await;
    assert_eq!(run(&mut weak, online).await.errors(), NONE);
}
