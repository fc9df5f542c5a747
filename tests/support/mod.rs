//! A transport whose server says what a test wants: for what a simulator can't be brought to do.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::names::{DatabaseName, SqlInstance};
use scorch_recovery::sql::ServiceMasterKey;
use scorch_recovery::transport::{
    CancelSupport, ErrorSupport, MessageSupport, SqlBatch, SqlCapabilities, SqlColumn, SqlMessage,
    SqlSession, SqlSink, SqlTransport, SqlValue, TransportError, TransportErrorKind, Wire,
};
use scorch_recovery::{
    Context, ContextBuilder, Effect, Error, ErrorKind, Operation, Secret, SecretRef,
};

/// One piece of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// A result set.
    Rows(Vec<&'static str>, Vec<Vec<SqlValue>>),
    /// An error or a notice.
    Message(SqlMessage),
    /// The answer stops here.
    Lost(TransportErrorKind),
    /// No answer ever comes.
    Hang,
}

/// What a batch must contain, and how it is answered then.
type Rule = (String, Vec<Piece>);

/// A server by the book of a test: the last rule whose text is in a batch answers it.
#[derive(Clone, Debug)]
pub(crate) struct Scripted {
    rules: Arc<Mutex<Vec<Rule>>>,
    sent: Arc<Mutex<Vec<String>>>,
    wire: Wire,
    messages: MessageSupport,
}

pub(crate) fn text(value: &str) -> SqlValue {
    SqlValue::Text(value.to_owned())
}

pub(crate) fn error(number: i32, words: &str) -> Piece {
    Piece::Message(SqlMessage {
        number,
        state: 1,
        class: 16,
        text: words.to_owned(),
        procedure: String::new(),
        line: 1,
    })
}

/// A row with one number.
pub(crate) fn number(column: &'static str, value: i64) -> Piece {
    Piece::Rows(vec![column], vec![vec![SqlValue::Int(value)]])
}

/// The service master key in the catalog.
fn key_row() -> Piece {
    Piece::Rows(
        vec!["algorithm_desc", "key_guid", "create_date", "modify_date"],
        vec![vec![
            text("AES_256"),
            SqlValue::Null,
            SqlValue::Null,
            SqlValue::Null,
        ]],
    )
}

/// What is in the question who answers.
pub(crate) const IDENTITY: &str = "@@SERVERNAME";

/// What a server says of itself.
pub(crate) fn identity(
    name: &str,
    engine_edition: i64,
    has_groups: i64,
    started: &str,
) -> Vec<Piece> {
    vec![Piece::Rows(
        vec![
            "server_name",
            "machine_name",
            "property_server_name",
            "product_version",
            "edition",
            "engine_edition",
            "is_hadr_enabled",
            "path_separator",
            "started",
            "session_id",
        ],
        vec![vec![
            text(name),
            text(name),
            text(name),
            text("16.0.4236.2"),
            text("Developer Edition"),
            SqlValue::Int(engine_edition),
            SqlValue::Int(has_groups),
            text("\\"),
            text(started),
            SqlValue::Int(55),
        ]],
    )]
}

impl Scripted {
    /// A server named SQL01 that knows itself, allows everything and has no files.
    pub(crate) fn new() -> Self {
        let server = Self {
            rules: Arc::default(),
            sent: Arc::default(),
            wire: Wire::Verified,
            messages: MessageSupport::None,
        };
        server.says(
            "@@SERVERNAME",
            identity("SQL01", 3, 0, "2026-11-01T00:00:00"),
        );
        server.says("HAS_PERMS_BY_NAME", vec![number("allowed", 1)]);
        server.says("symmetric_key_id = 102", vec![key_row()]);
        server.has_file("xp_fileexist", false);
        server
    }

    pub(crate) fn over(mut self, wire: Wire) -> Self {
        self.wire = wire;
        self
    }

    pub(crate) fn reporting(mut self, messages: MessageSupport) -> Self {
        self.messages = messages;
        self
    }

    /// From now on answers batches that contain `part` so.
    pub(crate) fn says(&self, part: &str, pieces: Vec<Piece>) {
        self.rules.lock().unwrap().push((part.to_owned(), pieces));
    }

    /// Says of files whose batch contains `part` whether they exist, and their folder.
    pub(crate) fn has_file(&self, part: &str, is_there: bool) {
        self.says(
            part,
            vec![
                number("allowed", 1),
                Piece::Rows(
                    vec![
                        "File Exists",
                        "File is a Directory",
                        "Parent Directory Exists",
                    ],
                    vec![vec![
                        SqlValue::Int(i64::from(is_there)),
                        SqlValue::Int(0),
                        SqlValue::Int(1),
                    ]],
                ),
                // Asked in the same batch where a key is backed up.
                key_row(),
            ],
        );
    }

    /// What was sent, secrets as `***`.
    pub(crate) fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }

    /// Whether a statement that contains `part` was sent.
    pub(crate) fn was_sent(&self, part: &str) -> bool {
        self.sent().iter().any(|batch| batch.contains(part))
    }
}

#[async_trait]
impl SqlTransport for Scripted {
    fn capabilities(&self) -> SqlCapabilities {
        SqlCapabilities {
            messages: self.messages,
            errors: ErrorSupport::First,
            cancel: CancelSupport::Disconnect,
        }
    }

    async fn connect(
        &self,
        _: &SqlInstance,
        _: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        self.sent.lock().unwrap().push("<connect>".to_owned());
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl SqlSession for Scripted {
    async fn execute(
        &mut self,
        batch: SqlBatch,
        sink: &mut dyn SqlSink,
    ) -> Result<(), TransportError> {
        self.sent.lock().unwrap().push(batch.redacted().to_owned());
        let pieces = {
            let rules = self.rules.lock().unwrap();
            let last = |wanted: &dyn Fn(&str) -> bool| {
                let mut matching = rules.iter().rev();
                matching.find(|(part, _)| wanted(part) && batch.redacted().contains(part.as_str()))
            };
            // Who answers may be asked together with something else, and is answered first.
            let identity = last(&|part| part == IDENTITY);
            let other = last(&|part| part != IDENTITY);
            let pieces = identity
                .into_iter()
                .chain(other)
                .flat_map(|(_, pieces)| pieces);
            pieces.cloned().collect::<Vec<_>>()
        };
        for piece in pieces {
            match piece {
                Piece::Rows(columns, rows) => {
                    let columns: Vec<SqlColumn> = columns
                        .into_iter()
                        .map(|name| SqlColumn {
                            name: name.to_owned(),
                        })
                        .collect();
                    sink.columns(&columns);
                    rows.into_iter().for_each(|row| sink.row(row));
                }
                Piece::Message(message) => sink.message(message),
                Piece::Lost(kind) => return Err(TransportError::new(kind, "the test wants it so")),
                Piece::Hang => std::future::pending().await,
            }
        }
        Ok(())
    }

    fn wire(&self) -> Wire {
        self.wire
    }
}

pub(crate) fn instance() -> SqlInstance {
    "SQL01".parse().unwrap()
}

pub(crate) fn builder(server: &Scripted) -> ContextBuilder {
    let secrets = MapSecrets::new()
        .secret(
            SecretRef::named("good"),
            Secret::new("Canary-Pa55word".to_owned()),
        )
        .secret(SecretRef::named("weak"), Secret::new("canary".to_owned()));
    Context::builder().sql(server.clone()).secrets(secrets)
}

pub(crate) fn backup(file: &str, secret: &str) -> scorch_recovery::sql::BackUpServiceMasterKey {
    ServiceMasterKey::backup(&instance())
        .to_file(file.parse().unwrap())
        .encrypted_by(SecretRef::named(secret))
}

pub(crate) async fn refused<O: Operation>(
    server: &Scripted,
    operation: O,
    kind: ErrorKind,
    part: &str,
) -> Error
where
    O::Output: std::fmt::Debug,
{
    let error = operation
        .run(&builder(server).build().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
    assert_eq!(error.effect(), Effect::None, "{error}");
    for dangerous in ["BACKUP ", "RESTORE SERVICE", "RESTORE DATABASE"] {
        assert!(
            !server.was_sent(dangerous),
            "{dangerous} was sent: {:?}",
            server.sent()
        );
    }
    error
}
