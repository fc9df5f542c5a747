use super::Server;
use crate::simulator::engine::test_kit::{SA_PASSWORD, builder, run, sign_in};
use crate::simulator::engine::{LoginRequest, Session};

const WEAK: &str = "CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF";

fn login(user: &str, password: &str, database: Option<&str>) -> LoginRequest {
    LoginRequest {
        user: user.to_owned(),
        password: password.to_owned(),
        database: database.map(str::to_owned),
        host_name: String::new(),
        program_name: String::new(),
        language: None,
        new_password: None,
    }
}

#[tokio::test]
async fn nobody_learns_why_signing_in_failed() {
    let mut server = Server::new();
    server.run(WEAK).await;
    let mut tell = Vec::new();
    for (user, password) in [("nobody", "x"), ("weak", "x"), ("weak", "some pass 1")] {
        let error =
            Session::open(&server.instance.inner, &login(user, password, None)).unwrap_err();
        let first = &error.0[0];
        assert_eq!((first.number, first.class, first.state), (18456, 14, 1));
        tell.push(first.text.replace(user, ""));
    }
    assert!(tell.iter().all(|text| *text == tell[0]));
    let error = Session::open(
        &server.instance.inner,
        &login("weak", "Some Pass 1", Some("x")),
    )
    .unwrap_err();
    let numbers: Vec<i32> = error.0.iter().map(|message| message.number).collect();
    assert_eq!(numbers, [4060, 18456]);
    server.run("ALTER LOGIN weak DISABLE").await;
    assert!(Session::open(&server.instance.inner, &login("weak", "Some Pass 1", None)).is_err());
}

#[tokio::test]
async fn a_weak_login_may_little() {
    let mut server = Server::new();
    server.run(WEAK).await;
    server
        .run("CREATE DATABASE D; USE D; CREATE TABLE T (a int); INSERT T VALUES (1); USE master")
        .await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    for (batch, numbers) in [
        ("CREATE DATABASE X", vec![262]),
        ("USE D", vec![916]),
        ("SELECT * FROM D.dbo.T", vec![916]),
        ("KILL 51", vec![6102]),
        ("CREATE LOGIN y WITH PASSWORD = 'Some Pass 2'", vec![15247]),
        ("ALTER DATABASE D SET OFFLINE", vec![5011, 5069]),
        ("DROP DATABASE D", vec![3701]),
        (
            "SELECT * FROM OPENROWSET(BULK N'C:\\x', SINGLE_BLOB) AS b",
            vec![4834],
        ),
        ("SELECT * FROM sys.dm_exec_connections", vec![300, 297]),
        ("GRANT CONTROL SERVER TO weak", vec![4613]),
    ] {
        assert_eq!(run(&mut weak, batch).await.errors(), numbers, "{batch}");
    }
    let answer = run(
        &mut weak,
        "SELECT COUNT(*) FROM sys.dm_exec_sessions \
         SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'CONTROL SERVER'), HAS_DBACCESS('D'), \
         IS_SRVROLEMEMBER('sysadmin') SELECT COUNT(*) FROM sys.symmetric_keys",
    )
    .await;
    assert_eq!(answer.rows, [vec!["1"], vec!["0", "0", "0"], vec!["0"]]);
}

#[tokio::test]
async fn grants_give_just_what_they_say() {
    let mut server = Server::new();
    server.run(WEAK).await;
    server
        .run(
            "CREATE DATABASE D; USE D; CREATE TABLE T (a int); INSERT T VALUES (1); \
             CREATE USER w FOR LOGIN weak; CREATE ROLE readers; ALTER ROLE readers ADD MEMBER w; \
             GRANT SELECT ON dbo.T TO readers",
        )
        .await;
    server
        .run("CREATE PROCEDURE dbo.p AS INSERT dbo.T VALUES (2)")
        .await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    assert_eq!(run(&mut weak, "SELECT a FROM D.dbo.T").await.rows, [["1"]]);
    assert_eq!(run(&mut weak, "USE D; DELETE T").await.errors(), [229]);
    assert_eq!(run(&mut weak, "EXEC dbo.p").await.errors(), [229]);
    server.run("GRANT EXECUTE ON dbo.p TO w").await;
    let answer = run(&mut weak, "EXEC dbo.p").await;
    assert_eq!(
        answer.errors(),
        Vec::<i32>::new(),
        "the ownership chain was broken"
    );
    server.run("DENY SELECT ON dbo.T TO w").await;
    assert_eq!(run(&mut weak, "SELECT * FROM T").await.errors(), [229]);
    server
        .run("USE master; GRANT VIEW SERVER STATE TO weak")
        .await;
    let answer = run(&mut weak, "SELECT COUNT(*) FROM sys.dm_exec_sessions").await;
    assert_eq!(answer.rows, [["2"]]);
    server
        .run("REVOKE VIEW SERVER STATE FROM weak; ALTER SERVER ROLE dbcreator ADD MEMBER weak")
        .await;
    assert_eq!(
        run(&mut weak, "CREATE DATABASE Mine").await.errors(),
        Vec::<i32>::new()
    );
}

#[tokio::test]
async fn one_can_act_as_another() {
    let mut server = Server::new();
    server.run(WEAK).await;
    let answer = server
        .run(
            "EXECUTE AS LOGIN = 'weak'; SELECT SUSER_SNAME(), ORIGINAL_LOGIN(), \
             IS_SRVROLEMEMBER('sysadmin'); REVERT; SELECT SUSER_SNAME()",
        )
        .await;
    assert_eq!(answer.rows, [vec!["weak", "sa", "0"], vec!["sa"]]);
}

/// A hash as a real server makes it, of the password `Pass word 1`.
fn real_hash() -> String {
    let salt = [1, 2, 3, 4];
    let mut text: Vec<u8> = "Pass word 1"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    text.extend(salt);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &text);
    format!("0x0200{}{}", hex::encode(salt), hex::encode(hash.as_ref()))
}

const SID: &str = "0xA1A2A3A4A5A6A7A8A9B0B1B2B3B4B5B6";

#[tokio::test]
async fn a_login_is_made_of_a_hash() {
    let mut server = Server::new();
    let hash = real_hash();
    let make = |name: &str, hash: &str, more: &str| {
        format!("CREATE LOGIN {name} WITH PASSWORD = {hash} HASHED, SID = {SID}{more}")
    };
    for (batch, number) in [
        (make("a", "0x0200", ""), 15021),
        (make("a", &hash[..hash.len() - 2], ""), 15021),
        (
            make("a", &hash, ", CHECK_POLICY = OFF, CHECK_EXPIRATION = ON"),
            15122,
        ),
        (make("a", &hash, ", DEFAULT_DATABASE = nowhere"), 911),
        (make("a", &hash, ", DEFAULT_LANGUAGE = Klingon"), 15033),
        (make("a", &hash, "").replace(SID, "0x01020304"), 15419),
        ("CREATE LOGIN a WITH PASSWORD = 0x0200".to_owned(), 102),
        (make("a", &hash, ", NAME = b"), 102),
    ] {
        assert_eq!(server.errors(&batch).await, [number], "{batch}");
    }
    let more = ", DEFAULT_LANGUAGE = Deutsch, CHECK_POLICY = OFF";
    server.run(&make("a", &hash, more)).await;
    assert_eq!(server.errors(&make("A", &hash, "")).await, [15025]);
    assert_eq!(server.errors(&make("b", &hash, "")).await, [15433]);
    let open = |password: &str| Session::open(&server.instance.inner, &login("a", password, None));
    assert!(open("Pass word 1").is_ok());
    assert!(open("pass word 1").is_err());

    // What is shown of a password is taken elsewhere.
    server.run(WEAK).await;
    let answer = server
        .run(
            "SELECT CONVERT(varchar(max), password_hash, 1), is_policy_checked, is_expiration_checked, \
             default_language_name FROM sys.sql_logins WHERE name IN ('a', 'weak') ORDER BY principal_id",
        )
        .await;
    assert_eq!(answer.rows[0][0].to_lowercase(), hash);
    assert_eq!(answer.rows[0][1..], ["0", "0", "Deutsch"]);
    assert_eq!(answer.rows[1][1..], ["0", "0", "us_english"]);
    let own = &answer.rows[1][0];
    assert!(own.starts_with("0x0300"), "{own}");
    server.run("DROP LOGIN weak").await;
    server
        .run(&format!("CREATE LOGIN weak WITH PASSWORD = {own} HASHED"))
        .await;
    sign_in(&server.instance, "weak", "Some Pass 1");
}

#[tokio::test]
async fn hashes_are_for_those_who_may_see_them() {
    let mut server = Server::new();
    server.run(WEAK).await;
    server.run("GRANT VIEW ANY DEFINITION TO weak").await;
    let question = "SELECT COUNT(password_hash) FROM sys.sql_logins \
         SELECT CASE WHEN LOGINPROPERTY('sa', 'PasswordHash') IS NULL THEN 0 ELSE 1 END";
    for (grant, rows) in [
        (None, [["0"], ["0"]]),
        (
            Some("VIEW ANY CRYPTOGRAPHICALLY SECURED DEFINITION"),
            [["2"], ["1"]],
        ),
        (Some("CONTROL SERVER"), [["2"], ["1"]]),
    ] {
        if let Some(grant) = grant {
            server.run(&format!("GRANT {grant} TO weak")).await;
        }
        let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
        assert_eq!(run(&mut weak, question).await.rows, rows, "{grant:?}");
        if let Some(grant) = grant {
            server.run(&format!("REVOKE {grant} FROM weak")).await;
        }
    }
    let answer = server
        .run(
            "SELECT LOGINPROPERTY('weak', 'DefaultDatabase'), LOGINPROPERTY('weak', 'IsMustChange'), \
             LOGINPROPERTY('weak', 'Nothing'), LOGINPROPERTY('nobody', 'DefaultDatabase'), \
             DATALENGTH(LOGINPROPERTY('weak', 'PasswordHash'))",
        )
        .await;
    assert_eq!(answer.rows, [["master", "0", "NULL", "NULL", "54"]]);
}

#[tokio::test]
async fn windows_logins_are_of_accounts_that_windows_knows() {
    let folder = tempfile::tempdir().unwrap();
    let instance = builder(folder.path(), "SQL01")
        .windows_account(r"CONTOSO\svc", "S-1-5-21-1-2-3-1001")
        .windows_group(r"CONTOSO\staff", "S-1-5-21-1-2-3-1002")
        .build()
        .unwrap();
    let mut sa = sign_in(&instance, "sa", SA_PASSWORD);
    for (batch, number) in [
        (r"CREATE LOGIN [CONTOSO\nobody] FROM WINDOWS", 15401),
        ("CREATE LOGIN nobody FROM WINDOWS", 15407),
        (
            r"CREATE LOGIN [CONTOSO\svc] FROM WINDOWS WITH SID = 0x01",
            102,
        ),
    ] {
        assert_eq!(run(&mut sa, batch).await.errors(), [number], "{batch}");
    }
    let made = run(
        &mut sa,
        r"CREATE LOGIN [contoso\SVC] FROM WINDOWS WITH DEFAULT_DATABASE = msdb; CREATE LOGIN [CONTOSO\staff] FROM WINDOWS;
          CREATE DATABASE D; USE D; CREATE USER svc FOR LOGIN [CONTOSO\svc]; CREATE USER staff FOR LOGIN [CONTOSO\staff];
          SELECT name, type_desc, default_database_name FROM sys.server_principals WHERE type IN ('U', 'G') ORDER BY name;
          SELECT u.name, u.type_desc, u.authentication_type_desc FROM sys.database_principals u JOIN sys.server_principals l ON l.sid = u.sid WHERE u.name LIKE 's%' ORDER BY u.name;
          DROP LOGIN [CONTOSO\svc];
          SELECT SUSER_SNAME(sid) FROM sys.database_principals WHERE name = 'svc';
          SELECT CONVERT(varchar(99), SUSER_SID('CONTOSO\svc'), 2), SUSER_SID('CONTOSO\nobody')",
    )
    .await;
    let sid = "010500000000000515000000010000000200000003000000E9030000";
    assert_eq!(
        made.rows,
        [
            vec![r"CONTOSO\staff", "WINDOWS_GROUP", "master"],
            vec![r"CONTOSO\svc", "WINDOWS_LOGIN", "msdb"],
            vec!["staff", "WINDOWS_GROUP", "WINDOWS"],
            vec!["svc", "WINDOWS_USER", "WINDOWS"],
            vec![r"CONTOSO\svc"],
            vec![sid, "NULL"],
        ]
    );
    // It has no password to sign in with.
    assert!(Session::open(&instance.inner, &login(r"CONTOSO\staff", "", None)).is_err());
}

#[tokio::test]
async fn rights_are_granted_on_denied_and_seen() {
    let mut server = Server::new();
    server.run(WEAK).await;
    let other = "CREATE LOGIN other WITH PASSWORD = 'Some Pass 1', CHECK_POLICY = OFF";
    server.run(other).await;
    server
        .run("GRANT VIEW SERVER STATE TO weak WITH GRANT OPTION; GRANT ALTER TRACE TO weak")
        .await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    assert!(
        run(&mut weak, "GRANT VIEW SERVER STATE TO other")
            .await
            .errors()
            .is_empty()
    );
    assert_eq!(
        run(&mut weak, "GRANT ALTER TRACE TO other").await.errors(),
        [4613]
    );
    let states = "SELECT p.permission_name, p.state FROM sys.server_permissions p \
         JOIN sys.server_principals l ON l.principal_id = p.grantee_principal_id \
         WHERE l.name = 'weak' ORDER BY p.permission_name";
    let rows = server.run(states).await.rows;
    let seen = [
        ["ALTER TRACE", "G"],
        ["CONNECT SQL", "G"],
        ["VIEW SERVER STATE", "W"],
    ];
    assert_eq!(rows, seen);
    server
        .run("REVOKE GRANT OPTION FOR VIEW SERVER STATE FROM weak; DENY CONNECT SQL TO weak")
        .await;
    let rows = server.run(states).await.rows;
    assert_eq!(
        rows,
        [
            ["ALTER TRACE", "G"],
            ["CONNECT SQL", "D"],
            ["VIEW SERVER STATE", "G"]
        ]
    );
    assert!(Session::open(&server.instance.inner, &login("weak", "Some Pass 1", None)).is_err());
}

#[tokio::test]
async fn what_is_granted_on_a_schema_holds_for_what_comes_into_it() {
    let mut server = Server::new();
    server.run(WEAK).await;
    server
        .run(
            "CREATE DATABASE D; USE D; CREATE USER weak FOR LOGIN weak WITH DEFAULT_SCHEMA = S; CREATE SCHEMA S; \
             GRANT SELECT ON SCHEMA::S TO weak; CREATE TABLE S.later (a int); CREATE TABLE dbo.no (a int)",
        )
        .await;
    let mut weak = sign_in(&server.instance, "weak", "Some Pass 1");
    assert!(
        run(&mut weak, "SELECT a FROM D.S.later")
            .await
            .errors()
            .is_empty()
    );
    assert_eq!(
        run(&mut weak, "SELECT a FROM D.dbo.no").await.errors(),
        [229]
    );
    assert_eq!(run(&mut weak, "DELETE D.S.later").await.errors(), [229]);
    let rows = server
        .run(
            "SELECT p.class_desc, SCHEMA_NAME(p.major_id), p.permission_name FROM sys.database_permissions p \
             JOIN sys.database_principals u ON u.principal_id = p.grantee_principal_id \
             WHERE u.name = 'weak' AND u.default_schema_name = 'S'",
        )
        .await
        .rows;
    assert_eq!(rows, [["SCHEMA", "S", "SELECT"]]);
    server.run("DENY SELECT ON S.later TO weak").await;
    assert_eq!(
        run(&mut weak, "SELECT a FROM D.S.later").await.errors(),
        [229]
    );
    server
        .run("REVOKE SELECT ON S.later FROM weak; GRANT SELECT ON S.later TO weak; DENY SELECT ON SCHEMA::S TO weak")
        .await;
    assert_eq!(
        run(&mut weak, "SELECT a FROM D.S.later").await.errors(),
        [229]
    );
}
