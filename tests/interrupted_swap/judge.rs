//! Looks what is left, with T-SQL of its own.

use scorch_recovery::sql::{Database, DatabaseKeys, EncryptedColumn, StoredForm};
use scorch_recovery::transport::SqlValue;
use scorch_recovery::{AnyOperation, Context, Observation, Operation as _};

use crate::processes::{self, SA};
use crate::stage::{NAME, READER, RESTORED, Rows, Stage, ask, named};

/// What is done wrong on purpose, to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    Nothing,
    /// The restored database is opened to its users before the proof.
    OpenDoor,
    /// The database that was put aside gets a name that nobody knows.
    LostPlace,
}

impl Planted {
    pub(crate) const fn told_as(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::OpenDoor => "an ordinary login got to the restored database",
            Self::LostPlace => "it can't be run again",
        }
    }
}

pub(crate) struct Judge<'a> {
    port: u16,
    stage: &'a Stage,
    cx: Context,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(port: u16, stage: &'a Stage) -> Self {
        Self {
            port,
            stage,
            cx: processes::context(port),
        }
    }

    async fn ask(&self, database: Option<&str>, batch: &str) -> Result<Rows, String> {
        let transport = processes::transport(self.port, "sa", SA);
        ask(&transport, database, batch).await
    }

    async fn texts(&self, batch: &str) -> Vec<String> {
        let rows = self.ask(None, batch).await.expect("an answer").rows;
        rows.into_iter().map(|row| text(&row)).collect()
    }

    /// A batch can outlive the client that sent it.
    pub(crate) async fn wait_for_the_others(&self) {
        let count = "SELECT CAST(COUNT(*) AS nvarchar(9)) FROM sys.dm_exec_sessions \
                     WHERE is_user_process = 1 AND session_id <> @@SPID";
        while self.texts(count).await != ["0"] {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn plant(&self, fault: Planted) {
        let names = self.names().await;
        let batch = match fault {
            Planted::Nothing => return,
            Planted::OpenDoor => format!(
                "ALTER DATABASE [{0}] SET ONLINE; ALTER DATABASE [{0}] SET MULTI_USER",
                names[1]
            ),
            Planted::LostPlace => format!(
                "ALTER DATABASE [{0}] SET ONLINE; ALTER DATABASE [{0}] MODIFY NAME = Lost",
                names[0]
            ),
        };
        self.ask(None, &batch).await.expect("a planted fault");
    }

    /// What the existing database and the restored one are called now, by their ids.
    async fn names(&self) -> [String; 2] {
        let mut names = Vec::new();
        for id in [self.stage.existing, self.stage.restored] {
            let batch = format!("SELECT name FROM sys.databases WHERE database_id = {id}");
            names.push(self.texts(&batch).await.pop().unwrap_or_default());
        }
        [names.remove(0), names.remove(0)]
    }

    /// Which of the two a name leads a login to; `None`: it does not get in.
    async fn reached(&self, login: &str, password: &str, name: &str) -> Option<String> {
        let transport = processes::transport(self.port, login, password);
        let rows = ask(&transport, Some(name), "SELECT Name FROM FOLDERS").await;
        rows.ok()?.rows.first().map(|row| text(row))
    }

    async fn answers(&self) -> Option<String> {
        self.reached("sa", SA, NAME).await
    }

    async fn check_ordinary(&self, wrong: &mut Vec<String>) {
        for name in [NAME, RESTORED, "Orchestrator_replaced"] {
            if self.reached("reader", READER, name).await.as_deref() == Some("restored") {
                wrong.push(format!(
                    "an ordinary login got to the restored database as {name} before the proof"
                ));
            }
        }
    }

    /// Whether neither answers to the name.
    pub(crate) async fn after_the_interruption(&self, wrong: &mut Vec<String>) -> bool {
        self.check_ordinary(wrong).await;
        let [existing, restored] = self.names().await;
        let observed = self.stage.swap.observe(&self.cx).await;
        match (self.answers().await.as_deref(), observed) {
            (Some("existing" | "restored"), Ok(_)) => false,
            (None, Ok(Observation::Partial { state })) => {
                for place in [
                    format!("existing database is {existing} ("),
                    format!("restored database is {restored} ("),
                ] {
                    if !state.contains(&place) {
                        wrong.push(format!("observe does not say that the {place}…): {state}"));
                    }
                }
                true
            }
            (answer, observed) => {
                wrong.push(format!(
                    "the name leads to {answer:?}, and observe says {observed:?}"
                ));
                answer.is_none()
            }
        }
    }

    pub(crate) async fn after_running_it_again(&self, wrong: &mut Vec<String>) {
        if let Err(error) = self.stage.swap.run(&self.cx).await {
            wrong.push(format!("it can't be run again: {error}"));
            return;
        }
        self.check_ordinary(wrong).await;
        let observed = self.stage.swap.observe(&self.cx).await;
        if !matches!(observed, Ok(Observation::Done)) {
            wrong.push(format!("run again, and yet {observed:?}"));
        }
        let answer = self.answers().await;
        if answer.as_deref() != Some("restored") {
            wrong.push(format!("run again, and the name leads to {answer:?}"));
        }
        let aside = "SELECT state_desc FROM sys.databases WHERE name = N'Orchestrator_replaced'";
        let aside = self.texts(aside).await;
        if aside != ["OFFLINE"] {
            wrong.push(format!("the existing database is {aside:?}"));
        }
        if let Err(error) = open_to_users().run(&self.cx).await {
            wrong.push(format!("the proof fails: {error}"));
        }
        if self.reached("reader", READER, NAME).await.as_deref() != Some("restored") {
            wrong.push("an ordinary login stays out after the proof".to_owned());
        }
    }
}

fn open_to_users() -> AnyOperation {
    let proof = DatabaseKeys::verify(&named("SQL01"), &named(NAME))
        .symmetric_key(named("ORCHESTRATOR_SYM_KEY"))
        .opened_by_asymmetric_key(named("ORCHESTRATOR_ASYM_KEY"))
        .counting(EncryptedColumn {
            schema: named("dbo"),
            table: named("VARIABLES"),
            column: named("Value"),
            form: StoredForm::DelimitedHexadecimal {
                delimiter: r"\`d.T.~De/".to_owned(),
            },
        });
    Database::open_to_users(&named("SQL01"), &named(NAME))
        .proved_by(proof)
        .into()
}

fn text(row: &[SqlValue]) -> String {
    match row.first() {
        Some(SqlValue::Text(text)) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}
