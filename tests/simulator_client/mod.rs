//! Simulated instances and T-SQL on them, for tests of the simulator itself.
#![allow(dead_code, reason = "each test uses some of it")]

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use scorch_recovery::Secret;
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{
    InstanceBuilder, ModellingChoices, SimulatedInstance, SimulatorTransport,
};
use scorch_recovery::transport::{
    SqlBatch, SqlColumn, SqlMessage, SqlSession, SqlSink, SqlTransport as _, SqlValue,
};

pub(crate) const SA: &str = "Sa-Passw0rd-1";
pub(crate) const FILE_PASSWORD: &str = "File-Passw0rd-1";
pub(crate) const KEY_PASSWORD: &str = "Key-Passw0rd-1";

/// What a batch answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Vec<SqlValue>>,
    pub(crate) messages: Vec<SqlMessage>,
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

impl Answer {
    /// The numbers of the errors.
    pub(crate) fn errors(&self) -> Vec<i32> {
        let errors = self.messages.iter().filter(|message| message.is_error());
        errors.map(|message| message.number).collect()
    }

    /// The numbers of all messages.
    pub(crate) fn numbers(&self) -> Vec<i32> {
        self.messages.iter().map(|message| message.number).collect()
    }

    /// The only value of the only row.
    pub(crate) fn value(&self) -> &SqlValue {
        match self.rows.as_slice() {
            [row] if row.len() == 1 => &row[0],
            rows => panic!("{} rows: {:?}", rows.len(), self.messages),
        }
    }

    /// The values of the first column, as text.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |row: &Vec<SqlValue>| match &row[0] {
            SqlValue::Text(text) => text.clone(),
            SqlValue::Int(number) => number.to_string(),
            SqlValue::Null => "NULL".to_owned(),
            other => panic!("{other:?}"),
        };
        self.rows.iter().map(text).collect()
    }
}

/// A session of `sa`.
#[derive(Debug)]
pub(crate) struct Client(Box<dyn SqlSession>);

impl Client {
    pub(crate) async fn connect(instance: &SimulatedInstance) -> Self {
        let name: SqlInstance = instance.name().parse().unwrap();
        let transport = SimulatorTransport::builder()
            .instance(name.clone(), instance, "sa", Secret::new(SA.to_owned()))
            .build();
        Self(transport.connect(&name, None).await.unwrap())
    }

    pub(crate) async fn run(&mut self, text: &str) -> Answer {
        let mut answer = Answer::default();
        self.0
            .execute(SqlBatch::open(text), &mut answer)
            .await
            .unwrap();
        answer
    }

    /// Whether it was acknowledged: no error, and a whole reply.
    pub(crate) async fn acknowledged(&mut self, text: &str) -> bool {
        let mut answer = Answer::default();
        let result = self.0.execute(SqlBatch::open(text), &mut answer).await;
        result.is_ok() && answer.errors().is_empty()
    }

    pub(crate) async fn ok(&mut self, text: &str) -> Answer {
        let answer = self.run(text).await;
        assert!(answer.errors().is_empty(), "{text}: {:?}", answer.messages);
        answer
    }

    pub(crate) async fn errors(&mut self, text: &str) -> Vec<i32> {
        self.run(text).await.errors()
    }
}

/// How instances behave where nobody knows what SQL Server does: as `SCORCH_MODELLING` says.
pub(crate) fn choices() -> ModellingChoices {
    let chosen = std::env::var("SCORCH_MODELLING").unwrap_or_default();
    chosen.parse().unwrap()
}

/// An instance in `folder`, on a machine of its own, that sees `\\vault`.
pub(crate) fn builder(folder: &Path, name: &str) -> InstanceBuilder {
    SimulatedInstance::builder(name, instance_folder(folder, name))
        .share("vault", folder.join("vault"))
        .sa_password(Secret::new(SA.to_owned()))
        .modelling(choices())
        .key_derivation_cost(NonZeroU32::MIN)
}

pub(crate) fn start(folder: &Path, name: &str) -> SimulatedInstance {
    builder(folder, name).build().unwrap()
}

pub(crate) fn instance_folder(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

/// A database `Orch` with a hierarchy as Orchestrator has it, and one encrypted value.
pub(crate) async fn create_orch(client: &mut Client) {
    client.ok("CREATE DATABASE Orch").await;
    client
        .ok(&format!(
            "USE Orch;
             CREATE MASTER KEY ENCRYPTION BY PASSWORD = '{KEY_PASSWORD}';
             CREATE ASYMMETRIC KEY Asym WITH ALGORITHM = RSA_2048;
             CREATE SYMMETRIC KEY Sym WITH ALGORITHM = AES_256 ENCRYPTION BY ASYMMETRIC KEY Asym;
             CREATE TABLE Stored (id int NOT NULL, value varbinary(8000) NULL);
             OPEN SYMMETRIC KEY Sym DECRYPTION BY ASYMMETRIC KEY Asym;"
        ))
        .await;
    client
        .ok("INSERT INTO Stored (id, value)
             VALUES (1, ENCRYPTBYKEY(KEY_GUID('Sym'), N'the stored plaintext'));
             CLOSE SYMMETRIC KEY Sym; USE master")
        .await;
}

/// The stored values in the clear: NULL where they don't open. And the errors on the way.
pub(crate) async fn stored_values(client: &mut Client, database: &str) -> (Vec<String>, Vec<i32>) {
    let answer = client
        .run(&format!(
            "USE [{database}];
             OPEN SYMMETRIC KEY Sym DECRYPTION BY ASYMMETRIC KEY Asym;
             SELECT CONVERT(nvarchar(100), DECRYPTBYKEY(value)) FROM Stored ORDER BY id;
             CLOSE ALL SYMMETRIC KEYS; USE master"
        ))
        .await;
    (answer.texts(), answer.errors())
}

pub(crate) const PLAINTEXT: &str = "the stored plaintext";

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found
}

/// The file with this name.
pub(crate) fn file(folder: &Path, leaf: &str) -> PathBuf {
    let found = files(folder);
    let named = found
        .iter()
        .find(|path| path.file_name().is_some_and(|name| name == leaf));
    named
        .unwrap_or_else(|| panic!("no {leaf} in {found:?}"))
        .clone()
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
