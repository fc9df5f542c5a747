use super::Server;
use crate::simulator::engine::test_kit::{run, sign_in};
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
