//! The work that is killed, and the judgement of what it left.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use scorch_recovery::Secret;
use scorch_recovery::names::DatabaseName;
use scorch_recovery::simulator::{OrchestratorOptions, SimulatedInstance, SimulatorTransport};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSink, SqlTransport as _, SqlValue,
};

const SA: &str = "Crash-Passw0rd-1";

/// What the child does, in this order; each is acknowledged when the server has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    BackUpKey,
    Insert,
    BackUpDatabase,
    Update,
    RestoreBeside,
    CreateDatabase,
    ReplaceKey,
    RestoreReplacing,
    Drop,
    InsertAgain,
}

impl Step {
    pub(crate) const ALL: [Self; 10] = [
        Self::BackUpKey,
        Self::Insert,
        Self::BackUpDatabase,
        Self::Update,
        Self::RestoreBeside,
        Self::CreateDatabase,
        Self::ReplaceKey,
        Self::RestoreReplacing,
        Self::Drop,
        Self::InsertAgain,
    ];

    fn statement(self) -> &'static str {
        match self {
            Self::BackUpKey => {
                r"BACKUP SERVICE MASTER KEY TO FILE = N'C:\work\smk.key' ENCRYPTION BY PASSWORD = N'Key-Passw0rd-1'"
            }
            Self::Insert => {
                "INSERT INTO Orchestrator.dbo.FOLDERS (UniqueID, Name) VALUES (NEWID(), N'inserted')"
            }
            Self::BackUpDatabase => {
                r"BACKUP DATABASE Orchestrator TO DISK = N'C:\work\o.bak' WITH FORMAT, CHECKSUM"
            }
            Self::Update => {
                "UPDATE Orchestrator.dbo.FOLDERS SET Name = N'updated' WHERE Name = N'inserted'"
            }
            Self::RestoreBeside => {
                r"RESTORE DATABASE Beside FROM DISK = N'C:\work\o.bak' WITH MOVE N'Orchestrator' TO N'C:\work\b.mdf', MOVE N'Orchestrator_log' TO N'C:\work\b.ldf'"
            }
            Self::CreateDatabase => "CREATE DATABASE Passing",
            Self::ReplaceKey => "ALTER SERVICE MASTER KEY REGENERATE",
            Self::RestoreReplacing => {
                r"RESTORE DATABASE Orchestrator FROM DISK = N'C:\work\o.bak' WITH REPLACE"
            }
            Self::Drop => "DROP DATABASE Passing",
            Self::InsertAgain => {
                "INSERT INTO Beside.dbo.FOLDERS (UniqueID, Name) VALUES (NEWID(), N'inserted again')"
            }
        }
    }
}

pub(crate) fn instance_folder(home: &Path) -> PathBuf {
    home.join("instance")
}

fn start(home: &Path) -> Result<SimulatedInstance, String> {
    SimulatedInstance::builder("SQL01", instance_folder(home))
        .machine_secret(home.join("machine.secret"))
        .sa_password(Secret::new(SA.to_owned()))
        .key_derivation_cost(NonZeroU32::MIN)
        .build()
        .map_err(|error| error.to_string())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Makes the instance that all runs begin with.
pub(crate) fn prepare(home: &Path) {
    fs::create_dir_all(home).expect("a folder");
    let server = start(home).expect("an instance");
    server
        .create_folder(r"C:\work")
        .expect("a folder of the server");
    let name: DatabaseName = "Orchestrator".parse().expect("a name");
    runtime()
        .block_on(server.create_orchestrator_database(&name, &OrchestratorOptions::seeded(5)))
        .expect("a database");
}

/// The child's life: each step, and its acknowledgement, made durable outside the instance.
pub(crate) fn work(home: &Path) -> ExitCode {
    let server = start(home).expect("the instance starts");
    let mut acknowledgements = OpenOptions::new()
        .create(true)
        .append(true)
        .open(home.join("acknowledged"))
        .expect("a file");
    runtime().block_on(async {
        for step in Step::ALL {
            let answer = ask(&server, step.statement()).await;
            if let Some(message) = answer.messages.iter().find(|message| message.is_error()) {
                eprintln!("{step:?}: {message:?}");
                return ExitCode::FAILURE;
            }
            writeln!(acknowledgements, "{step:?}").expect("it can be written");
            acknowledgements.sync_all().expect("it can be synced");
        }
        ExitCode::SUCCESS
    })
}

/// The steps whose end was acknowledged.
pub(crate) fn acknowledged(home: &Path) -> Vec<Step> {
    let text = fs::read_to_string(home.join("acknowledged")).unwrap_or_default();
    Step::ALL.into_iter().take(text.lines().count()).collect()
}

/// What is wrong with what was left.
pub(crate) fn judge(home: &Path) -> Vec<String> {
    let done = acknowledged(home);
    let server = match start(home) {
        Ok(server) => server,
        Err(error) => return vec![format!("the instance does not start again: {error}")],
    };
    runtime().block_on(async { Judge { server, done }.judge().await })
}

struct Judge {
    server: SimulatedInstance,
    done: Vec<Step>,
}

impl Judge {
    fn is_done(&self, step: Step) -> bool {
        self.done.contains(&step)
    }

    /// The step that was under way when it ended.
    fn is_under_way(&self, step: Step) -> bool {
        Step::ALL.get(self.done.len()) == Some(&step)
    }

    async fn judge(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |is_right: bool, what: &str| {
            if !is_right {
                wrong.push(what.to_owned());
            }
        };
        if self.is_done(Step::BackUpDatabase) {
            let verified = self
                .errors(r"RESTORE VERIFYONLY FROM DISK = N'C:\work\o.bak' WITH CHECKSUM")
                .await;
            expect(verified.is_empty(), "the backup does not verify");
        }
        let orchestrator = self.state("Orchestrator").await;
        if self.is_under_way(Step::RestoreReplacing) {
            // The one database that may be lost; but never online and half.
            if orchestrator.as_deref() == Some("ONLINE") {
                expect(
                    self.is_whole("Orchestrator").await,
                    "Orchestrator is online and not whole",
                );
            }
        } else {
            expect(
                orchestrator.as_deref() == Some("ONLINE"),
                "Orchestrator is not online",
            );
            expect(
                self.is_whole("Orchestrator").await,
                "Orchestrator is not whole",
            );
            let name = if self.is_done(Step::RestoreReplacing) || !self.is_done(Step::Update) {
                "inserted"
            } else {
                "updated"
            };
            if self.is_done(Step::Insert) && !self.is_under_way(Step::Update) {
                expect(
                    self.folders("Orchestrator", name).await == 1,
                    "an acknowledged change is lost",
                );
            }
        }
        let beside = self.state("Beside").await;
        if self.is_done(Step::RestoreBeside) {
            expect(beside.as_deref() == Some("ONLINE"), "Beside is not online");
        }
        if beside.as_deref() == Some("ONLINE") {
            expect(
                self.is_whole("Beside").await,
                "Beside is online and not whole",
            );
        }
        if self.is_done(Step::InsertAgain) {
            expect(
                self.folders("Beside", "inserted again").await == 1,
                "the last insert is lost",
            );
        }
        let passing = self.state("Passing").await;
        if self.is_done(Step::Drop) {
            expect(passing.is_none(), "a dropped database is back");
        } else if self.is_done(Step::CreateDatabase) && !self.is_under_way(Step::Drop) {
            expect(
                passing.as_deref() == Some("ONLINE"),
                "a created database is lost",
            );
        }
        if self.is_done(Step::BackUpKey) {
            // Last, and with FORCE: a database that is RESTORING would stop it, and is no fault of
            // the file's.
            let restored = self.errors(r"RESTORE SERVICE MASTER KEY FROM FILE = N'C:\work\smk.key' DECRYPTION BY PASSWORD = N'Key-Passw0rd-1' FORCE").await;
            expect(restored.is_empty(), "the key file does not restore");
        }
        wrong
    }

    /// Every encrypted value decrypts, and there are as many as were made.
    async fn is_whole(&self, database: &str) -> bool {
        let counted = ask(
            &self.server,
            &format!(
                r"USE [{database}]; OPEN SYMMETRIC KEY ORCHESTRATOR_SYM_KEY DECRYPTION BY ASYMMETRIC KEY ORCHESTRATOR_ASYM_KEY;
                SELECT COUNT(*) - COUNT(DECRYPTBYKEY(CONVERT(varbinary(8000), SUBSTRING(Value, 11, LEN(Value) - 20), 2))) FROM dbo.VARIABLES WHERE Value LIKE N'\`d.T.~De/%'"
            ),
        )
        .await;
        counted.number() == Some(0)
    }

    async fn folders(&self, database: &str, name: &str) -> i64 {
        let counted = ask(
            &self.server,
            &format!("SELECT COUNT(*) FROM [{database}].dbo.FOLDERS WHERE Name = N'{name}'"),
        )
        .await;
        counted.number().unwrap_or(-1)
    }

    async fn state(&self, database: &str) -> Option<String> {
        let answer = ask(
            &self.server,
            &format!("SELECT state_desc FROM sys.databases WHERE name = N'{database}'"),
        )
        .await;
        match answer.rows.first().map(Vec::as_slice) {
            Some([SqlValue::Text(state)]) => Some(state.clone()),
            _ => None,
        }
    }

    async fn errors(&self, statement: &str) -> Vec<i32> {
        let answer = ask(&self.server, statement).await;
        answer
            .messages
            .iter()
            .filter(|message| message.is_error())
            .map(|message| message.number)
            .collect()
    }
}

#[derive(Default)]
struct Answer {
    rows: Vec<Vec<SqlValue>>,
    messages: Vec<SqlMessage>,
}

impl Answer {
    fn number(&self) -> Option<i64> {
        match self.rows.first().map(Vec::as_slice) {
            Some([SqlValue::Int(number)]) => Some(*number),
            _ => None,
        }
    }
}

impl SqlSink for Answer {
    fn columns(&mut self, _: &[SqlColumn]) {}

    fn row(&mut self, row: Vec<SqlValue>) {
        self.rows.push(row);
    }

    fn message(&mut self, message: SqlMessage) {
        self.messages.push(message);
    }
}

async fn ask(server: &SimulatedInstance, statement: &str) -> Answer {
    let name = "SQL01".parse().expect("a name");
    let transport = SimulatorTransport::builder()
        .instance(
            "SQL01".parse().expect("a name"),
            server,
            "sa",
            Secret::new(SA.to_owned()),
        )
        .build();
    let mut answer = Answer::default();
    match transport.connect(&name, None).await {
        Ok(mut session) => {
            if let Err(error) = session
                .execute(SqlBatch::open(statement), &mut answer)
                .await
            {
                panic!("{statement}: {error}");
            }
        }
        Err(error) => panic!("{error}"),
    }
    answer
}
