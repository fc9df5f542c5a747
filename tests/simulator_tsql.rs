//! T-SQL against the simulator, as a client sends it: what a recovery asks of a server.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::num::NonZeroU32;

use scorch_recovery::Secret;
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{
    ModellingChoices, OrchestratorOptions, SimulatedInstance, SimulatorTransport,
};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlTransport, SqlValue,
};

const PASSWORD: &str = "sa's Password 1";
const KEY: &str = r"\\vault\keys\smk.key";
const BACKUP: &str = r"\\vault\keys\orchestrator.bak";

/// What a batch was answered with.
#[derive(Debug, Default)]
struct Answer {
    columns: Vec<String>,
    rows: Vec<Vec<SqlValue>>,
    messages: Vec<SqlMessage>,
}

impl SqlSink for Answer {
    fn columns(&mut self, columns: &[SqlColumn]) {
        self.columns = columns.iter().map(|column| column.name.clone()).collect();
    }

    fn row(&mut self, row: Vec<SqlValue>) {
        self.rows.push(row);
    }

    fn message(&mut self, message: SqlMessage) {
        self.messages.push(message);
    }
}

impl Answer {
    fn errors(&self) -> Vec<i32> {
        self.messages
            .iter()
            .filter(|m| m.is_error())
            .map(|m| m.number)
            .collect()
    }

    fn integer(&self) -> i64 {
        match self.rows.last().and_then(|row| row.first()) {
            Some(SqlValue::Int(value)) => *value,
            Some(SqlValue::Bit(value)) => i64::from(*value),
            other => panic!("{other:?} is no number"),
        }
    }

    fn text(&self) -> String {
        match self.rows.last().and_then(|row| row.first()) {
            Some(SqlValue::Text(text)) => text.clone(),
            other => panic!("{other:?} is no text"),
        }
    }
}

/// A session of `sa`.
struct Client(Box<dyn SqlSession>);

impl Client {
    async fn connect(instance: &SimulatedInstance) -> Self {
        Self::sign_in(instance, "sa", PASSWORD).await
    }

    async fn sign_in(instance: &SimulatedInstance, login: &str, password: &str) -> Self {
        let name: SqlInstance = instance.name().parse().unwrap();
        let transport = SimulatorTransport::builder()
            .instance(
                name.clone(),
                instance,
                login,
                Secret::new(password.to_owned()),
            )
            .build();
        Self(transport.connect(&name, None).await.unwrap())
    }

    async fn try_run(&mut self, batch: &str) -> Answer {
        let mut answer = Answer::default();
        self.0
            .execute(SqlBatch::open(batch), &mut answer)
            .await
            .unwrap();
        answer
    }

    async fn run(&mut self, batch: &str) -> Answer {
        let answer = self.try_run(batch).await;
        assert_eq!(
            answer.errors(),
            Vec::<i32>::new(),
            "{batch}: {:?}",
            answer.messages
        );
        answer
    }

    async fn errors(&mut self, batch: &str) -> Vec<i32> {
        self.try_run(batch).await.errors()
    }
}

/// How instances behave where nobody knows what SQL Server does: as `SCORCH_MODELLING` says.
fn choices() -> ModellingChoices {
    let chosen = std::env::var("SCORCH_MODELLING").unwrap_or_default();
    chosen.parse().unwrap()
}

fn start(folder: &std::path::Path, name: &str) -> SimulatedInstance {
    let vault = folder.join("vault");
    std::fs::create_dir_all(vault.join("keys")).unwrap();
    SimulatedInstance::builder(name, folder.join(name))
        .machine_secret(folder.join(format!("{name}.secret")))
        .share("vault", vault)
        .sa_password(Secret::new(PASSWORD.to_owned()))
        .modelling(choices())
        .key_derivation_cost(NonZeroU32::MIN)
        .build()
        .unwrap()
}

/// An instance with an Orchestrator database, and a session in it.
async fn orchestrator(folder: &std::path::Path, seed: u64) -> (SimulatedInstance, Client) {
    let instance = start(folder, "SQL01");
    instance
        .create_orchestrator_database(
            &"Orchestrator".parse().unwrap(),
            &OrchestratorOptions::seeded(seed),
        )
        .await
        .unwrap();
    let mut client = Client::connect(&instance).await;
    client.run("USE Orchestrator").await;
    (instance, client)
}

/// The stored values, and how many of them decrypt.
const COUNT: &str = r"OPEN SYMMETRIC KEY ORCHESTRATOR_SYM_KEY DECRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY;
    SELECT COUNT_BIG(*) AS stored,
        COUNT_BIG(DECRYPTBYKEY(TRY_CONVERT(varbinary(8000), REPLACE(Value, N'\`d.T.~De/', N''), 2))) AS opened
    FROM dbo.VARIABLES WHERE Value LIKE N'\`d.T.~De/%';
    CLOSE SYMMETRIC KEY ORCHESTRATOR_SYM_KEY";

#[tokio::test]
async fn an_orchestrator_database_encrypts_and_decrypts_whatever_its_seed() {
    let mut stored = std::collections::BTreeSet::new();
    for seed in [1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        let (_instance, mut client) = orchestrator(folder.path(), seed).await;
        // Parameters by position: their names are not known, and not which comes first.
        let question = "SELECT TOP 1 CAST(p.is_output AS int) FROM sys.parameters p JOIN sys.procedures o \
             ON o.object_id = p.object_id WHERE o.name = 'Encrypt' ORDER BY p.parameter_id";
        let is_output_first = client.run(question).await.integer() == 1;
        let call = |procedure: &str, value: &str, output: &str| {
            let procedure =
                format!("EXEC [Microsoft.SystemCenter.Orchestrator.Cryptography].[{procedure}]");
            if is_output_first {
                format!("{procedure} {output} OUTPUT, {value}")
            } else {
                format!("{procedure} {value}, {output} OUTPUT")
            }
        };
        let batch = format!(
            "DECLARE @hex nvarchar(max), @plain nvarchar(max); {}; {}; SELECT @plain",
            call("Encrypt", "N'a value'", "@hex"),
            call("Decrypt", "@hex", "@plain")
        );
        let answer = client.run(&batch).await;
        assert_eq!(answer.text(), "a value");
        let answer = client.run(COUNT).await;
        assert_eq!(answer.columns, ["stored", "opened"]);
        assert_eq!(answer.rows[0][0], answer.rows[0][1]);
        stored.insert(answer.integer());
        let answer = client
            .run(
                r"SELECT CASE WHEN CONVERT(varbinary(16), k.key_guid) =
                    CONVERT(varbinary(16), SUBSTRING(v.Value, 11, 32), 2) THEN 1 ELSE 0 END
                  FROM sys.symmetric_keys k CROSS JOIN (SELECT TOP 1 Value FROM dbo.VARIABLES
                    WHERE Value LIKE N'\`d.T.~De/%') v WHERE k.name = 'ORCHESTRATOR_SYM_KEY'",
            )
            .await;
        assert_eq!(
            answer.integer(),
            1,
            "the value does not begin with its key's GUID"
        );
        let answer = client
            .run(
                "OPEN SYMMETRIC KEY ORCHESTRATOR_SYM_KEY DECRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY;
                 SELECT COUNT_BIG(DECRYPTBYKEY(Value)) - COUNT_BIG(Value) FROM dbo.SIMULATED_SECRETS",
            )
            .await;
        assert_eq!(answer.integer(), 0);
    }
    assert!(
        stored.len() > 1,
        "every seed stored as much as every other: {stored:?}"
    );
}

#[tokio::test]
async fn a_moved_database_opens_only_under_its_own_service_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let (_instance, mut client) = orchestrator(folder.path(), 5).await;
    client
        .run(&format!(
            "BACKUP SERVICE MASTER KEY TO FILE = N'{KEY}' ENCRYPTION BY PASSWORD = N'Key''s Password 1'"
        ))
        .await;
    client
        .run(&format!(
            "BACKUP DATABASE Orchestrator TO DISK = N'{BACKUP}' WITH CHECKSUM, STATS = 50"
        ))
        .await;

    let other = start(folder.path(), "SQL02");
    let mut client = Client::connect(&other).await;
    let answer = client
        .run(&format!(
            "DECLARE @path nvarchar(260) = N'{BACKUP}';
             RESTORE HEADERONLY FROM DISK = @path; RESTORE DATABASE Orchestrator FROM DISK = @path"
        ))
        .await;
    assert!(answer.messages.iter().any(|message| message.number == 3014));
    client.run("USE Orchestrator").await;
    assert_eq!(client.errors(COUNT).await[0], 15581);
    let flag = "SELECT is_master_key_encrypted_by_server FROM sys.databases WHERE name = DB_NAME()";
    let expected = i64::from(!choices().master_key_flag_from_master);
    assert_eq!(client.run(flag).await.integer(), expected);

    let restore = format!(
        "RESTORE SERVICE MASTER KEY FROM FILE = N'{KEY}' DECRYPTION BY PASSWORD = N'Key''s Password 1'"
    );
    if choices().foreign_master_key_stops_key_restore {
        assert_eq!(client.errors(&restore).await, [15320]);
        client.run(&format!("{restore} FORCE")).await;
    } else {
        client.run(&restore).await;
    }
    let answer = client.run(COUNT).await;
    assert_eq!(answer.rows[0][0], answer.rows[0][1]);
    assert!(answer.integer() > 0);
    let history = "SELECT COUNT(*) FROM msdb.dbo.restorehistory r JOIN msdb.dbo.backupset b \
                   ON b.backup_set_id = r.backup_set_id WHERE r.destination_database_name = 'orchestrator'";
    assert_eq!(client.run(history).await.integer(), 1);
}

#[tokio::test]
async fn server_files_are_read_through_sql_only() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    client
        .run(&format!(
            "BACKUP SERVICE MASTER KEY TO FILE = N'{KEY}' ENCRYPTION BY PASSWORD = N'Key''s Password 1'"
        ))
        .await;
    let found = client
        .run(&format!("EXEC master.dbo.xp_fileexist N'{KEY}'"))
        .await;
    assert_eq!(
        found.rows,
        [[SqlValue::Int(1), SqlValue::Int(0), SqlValue::Int(1)]]
    );
    let seen = client
        .run(&format!(
            "SELECT file_exists FROM sys.dm_os_file_exists(N'{KEY}')"
        ))
        .await;
    assert_eq!(seen.integer(), 1);
    let read = client
        .run(&format!(
            "SELECT BulkColumn FROM OPENROWSET(BULK N'{KEY}', SINGLE_BLOB) AS f"
        ))
        .await;
    let own = std::fs::read(folder.path().join("vault/keys/smk.key")).unwrap();
    assert_eq!(read.rows, [[SqlValue::Bytes(own)]]);
    let missing = r"SELECT * FROM OPENROWSET(BULK N'\\vault\keys\no.key', SINGLE_BLOB) AS f";
    assert_eq!(client.errors(missing).await, [4860]);
    let unknown = r"SELECT * FROM OPENROWSET(BULK N'\\elsewhere\keys\no.key', SINGLE_BLOB) AS f";
    assert_eq!(client.errors(unknown).await, [4861]);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    client
        .run("CREATE DATABASE D; USE D; CREATE TABLE T (a nvarchar(10), b uniqueidentifier)")
        .await;
    client
        .run("INSERT T VALUES (N'漢字', '00112233-4455-6677-8899-AABBCCDDEEFF')")
        .await;
    client
        .run("BEGIN TRAN; INSERT T VALUES (N'lost', NULL)")
        .await;
    client
        .run("USE master; CREATE LOGIN weak WITH PASSWORD = 'Some Pass 1'")
        .await;
    instance.kill();
    drop((client, instance));
    let instance = start(folder.path(), "SQL01");
    let mut client = Client::connect(&instance).await;
    let answer = client.run("SELECT a, b FROM D.dbo.T").await;
    assert_eq!(answer.rows.len(), 1);
    assert_eq!(answer.rows[0][0], SqlValue::Text("漢字".to_owned()));
    drop(Client::sign_in(&instance, "weak", "Some Pass 1").await);
}

#[tokio::test]
async fn a_killed_session_is_told_and_closed() {
    let folder = tempfile::tempdir().unwrap();
    let instance = start(folder.path(), "SQL01");
    let mut victim = Client::connect(&instance).await;
    let spid = victim.run("SELECT @@SPID").await.integer();
    let mut killer = Client::connect(&instance).await;
    assert_eq!(killer.errors("KILL 32000").await, [6106]);
    let mut answer = Answer::default();
    let waiting = victim
        .0
        .execute(SqlBatch::open("WAITFOR DELAY '00:10:00'"), &mut answer);
    let killing = async {
        let started = "WHILE NOT EXISTS (SELECT * FROM sys.dm_exec_requests WHERE command = 'WAITFOR') \
                       WAITFOR DELAY '00:00:00.005'";
        killer.run(started).await;
        killer.run(&format!("KILL {spid}")).await;
    };
    let (result, ()) = tokio::join!(waiting, killing);
    assert!(result.is_err());
    assert_eq!(answer.errors(), [596]);
}
