//! Weak logins × the statements of recovery: which permission each needs, that one less is refused
//! with its number, and that `HAS_PERMS_BY_NAME` knew. What each needs is documented; the rows say
//! where the number is not.

mod rows;

use super::Server;
use crate::simulator::Version;
use crate::simulator::engine::Session;
use crate::simulator::engine::test_kit::{SA_PASSWORD, builder, run, sign_in};
use rows::{DATABASES, Grant, KEYS, Row, SERVER};

/// A server with all that the rows use, and `weak`, a user of `D` without rights.
async fn with_weak() -> Server {
    let mut server = Server::new();
    server
        .run(
            "CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF; \
             CREATE LOGIN found WITH PASSWORD = 'Some Pass 1'; CREATE DATABASE D; USE D; \
             CREATE USER weak FOR LOGIN weak; CREATE USER lost WITHOUT LOGIN; \
             CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Some Pass 1'; \
             CREATE ASYMMETRIC KEY a WITH ALGORITHM = RSA_2048; \
             CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256 ENCRYPTION BY ASYMMETRIC KEY a; \
             BACKUP MASTER KEY TO FILE = 'dmk.key' ENCRYPTION BY PASSWORD = 'Some Pass 1'; \
             USE master; BACKUP DATABASE D TO DISK = 'd.bak'; \
             BACKUP SERVICE MASTER KEY TO FILE = 'smk.key' ENCRYPTION BY PASSWORD = 'Some Pass 1'",
        )
        .await;
    server
}

struct Matrix {
    server: Server,
    runs: u32,
}

impl Matrix {
    /// The errors of a statement by `weak`, who begins in `D` and signs in anew each time.
    async fn errors(&mut self, row: &Row) -> Vec<i32> {
        self.runs += 1;
        let mut weak = self.weak().await;
        let statement = row.statement.replace('#', &self.runs.to_string());
        run(&mut weak, &statement).await.errors()
    }

    async fn weak(&self) -> Session {
        let mut weak = sign_in(&self.server.instance, "weak", "Some Pass 1");
        run(&mut weak, "USE D").await;
        weak
    }

    /// Whether `HAS_PERMS_BY_NAME` says that `weak` may.
    async fn may(&self, row: &Row) -> bool {
        let mut weak = self.weak().await;
        let question = format!("SELECT HAS_PERMS_BY_NAME({})", row.asked);
        run(&mut weak, &question).await.rows == [["1"]]
    }

    async fn check(&mut self, row: &Row) {
        let statement = row.statement;
        assert!(!self.may(row).await, "{statement}: nothing was granted");
        assert_eq!(self.errors(row).await, row.refused, "{statement}");
        for grant in row.enough {
            self.server.run(&grant.give()).await;
            let errors = self.errors(row).await;
            assert_eq!(errors, row.allowed, "{statement}: {grant:?} is enough");
            // CREATE DATABASE is asked of `master` there.
            let is_elsewhere = matches!(grant, Grant::Master(_));
            assert!(
                is_elsewhere || self.may(row).await,
                "{statement}: {grant:?} is not seen by {}",
                row.asked
            );
            // Who restores a database owns it.
            if !matches!(grant, Grant::Owner) {
                let back = "ALTER AUTHORIZATION ON DATABASE::D TO sa";
                self.server.run(back).await;
            }
            self.server.run(&grant.take()).await;
            let errors = self.errors(row).await;
            assert_eq!(errors, row.refused, "{statement}: {grant:?} was taken");
        }
        for grant in row.too_little {
            self.server.run(&grant.give()).await;
        }
        let errors = self.errors(row).await;
        assert_eq!(
            errors, row.refused,
            "{statement}: {:?} are too little",
            row.too_little
        );
        for grant in row.too_little {
            self.server.run(&grant.take()).await;
        }
    }
}

async fn check(rows: &[Row]) {
    let mut matrix = Matrix {
        server: with_weak().await,
        runs: 0,
    };
    for row in rows {
        matrix.check(row).await;
    }
}

#[tokio::test]
async fn statements_on_keys_need_what_is_documented() {
    check(KEYS).await;
}

#[tokio::test]
async fn statements_on_databases_need_what_is_documented() {
    check(DATABASES).await;
}

#[tokio::test]
async fn statements_on_the_server_need_what_is_documented() {
    check(SERVER).await;
}

/// A role that may use one key and no more, as an application's does.
#[tokio::test]
async fn a_key_can_be_opened_by_who_controls_just_that() {
    let mut server = with_weak().await;
    let open = "USE D; OPEN SYMMETRIC KEY s DECRYPTION BY ASYMMETRIC KEY a; \
                SELECT CASE WHEN ENCRYPTBYKEY(KEY_GUID('s'), 'x') IS NULL THEN 0 ELSE 1 END";
    server
        .run(
            "USE D; CREATE ROLE operators; ALTER ROLE operators ADD MEMBER weak; \
             GRANT VIEW DEFINITION ON SYMMETRIC KEY::s TO operators",
        )
        .await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    assert_eq!(run(&mut weak, open).await.errors(), [15151]);
    server
        .run("GRANT CONTROL ON ASYMMETRIC KEY::a TO operators")
        .await;
    assert_eq!(run(&mut weak, open).await.rows, [["1"]]);
    server
        .run("REVOKE VIEW DEFINITION ON SYMMETRIC KEY::s FROM operators")
        .await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    assert_eq!(run(&mut weak, open).await.errors(), [15151]);
    assert_eq!(
        server
            .errors("GRANT CONTROL ON CERTIFICATE::none TO operators")
            .await,
        [15151]
    );
}

/// To take a database over, one gives it to oneself; TAKE OWNERSHIP is enough for that.
#[tokio::test]
async fn a_database_is_taken_over_by_who_may_take_ownership() {
    let mut server = with_weak().await;
    let take = "ALTER AUTHORIZATION ON DATABASE::D TO taker";
    server
        .run(
            "CREATE LOGIN taker WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF; USE D; \
             CREATE ROLE takers; GRANT TAKE OWNERSHIP TO takers; USE master",
        )
        .await;
    let mut taker = sign_in(&server.instance, "taker", "Some Pass 1");
    assert_eq!(run(&mut taker, take).await.errors(), [15151]);
    server
        .run("USE D; CREATE USER taker FOR LOGIN taker; ALTER ROLE takers ADD MEMBER taker")
        .await;
    // A user of the database can't become its owner.
    assert_eq!(run(&mut taker, take).await.errors(), [15110]);
    server
        .run("USE D; DROP USER taker; GRANT CONNECT TO guest; GRANT TAKE OWNERSHIP TO guest; USE master")
        .await;
    assert_eq!(run(&mut taker, take).await.errors(), Vec::<i32>::new());
}

/// Rows that a weak login doesn't see are not refused: they are missing.
#[tokio::test]
async fn what_a_weak_login_does_not_see_is_missing() {
    let mut server = with_weak().await;
    for (query, few, grant, all) in [
        (
            "SELECT COUNT(DISTINCT database_id) FROM sys.master_files",
            "0",
            "VIEW ANY DEFINITION",
            "5",
        ),
        (
            "SELECT COUNT(DISTINCT database_id) FROM sys.master_files",
            "0",
            "CREATE ANY DATABASE",
            "5",
        ),
        (
            "SELECT COUNT(*) FROM sys.dm_exec_sessions",
            "1",
            "VIEW SERVER STATE",
            "2",
        ),
        (
            "SELECT COUNT(*) FROM sys.dm_exec_sessions",
            "1",
            "VIEW SERVER PERFORMANCE STATE",
            "2",
        ),
        (
            "SELECT COUNT(*) FROM master.sys.symmetric_keys WHERE symmetric_key_id = 102",
            "0",
            "VIEW ANY DEFINITION",
            "1",
        ),
        (
            "SELECT COUNT(*) FROM sys.credentials",
            "0",
            "ALTER ANY CREDENTIAL",
            "1",
        ),
    ] {
        server
            .run("IF NOT EXISTS (SELECT * FROM sys.credentials) CREATE CREDENTIAL c WITH IDENTITY = 'i'")
            .await;
        let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
        assert_eq!(run(&mut weak, query).await.rows, [[few]], "{query}");
        server.run(&format!("GRANT {grant} TO weak")).await;
        assert_eq!(
            run(&mut weak, query).await.rows,
            [[all]],
            "{query}: {grant}"
        );
        server.run(&format!("REVOKE {grant} FROM weak")).await;
    }
}

/// VIEW SERVER PERFORMANCE STATE came with 2022: before, its name is none.
#[tokio::test]
async fn before_2022_the_state_of_the_server_is_one_permission() {
    let folder = tempfile::tempdir().unwrap();
    let instance = builder(folder.path(), "SQL01")
        .version(Version::Sql2019)
        .build()
        .unwrap();
    let mut sa = sign_in(&instance, "sa", SA_PASSWORD);
    let asked = "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE'), \
                 HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE')";
    assert_eq!(run(&mut sa, asked).await.rows, [["NULL", "1"]]);
    run(
        &mut sa,
        "CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF",
    )
    .await;
    let answer = run(&mut sa, "GRANT VIEW SERVER PERFORMANCE STATE TO weak").await;
    assert_eq!(answer.errors(), [102]);
    let mut weak = sign_in(&instance, "weak", "Some Pass 1");
    let answer = run(&mut weak, "SELECT * FROM sys.dm_exec_connections").await;
    assert_eq!(answer.errors(), [300, 297]);
    let told = &answer.messages[0].text;
    assert!(told.starts_with("VIEW SERVER STATE permission"), "{told}");
}
