//! The reply to a request: its tokens in their order, ended as its shape wants it.

use crate::simulator::output::Reply;
use crate::simulator::server_error::message;
use crate::simulator::tds::dialect::Dialect;
use crate::simulator::tds::token::{
    self, DONE_ERROR, DONE_MORE, DONE_SERVER_ERROR, DoneKind, TextChange,
};
use crate::simulator::wire_type::WireColumn;

/// `CurCmd` of the end of a call: EXECUTE.
const EXECUTE: u16 = 224;

/// `CurCmd` of the end of a killed session's batch, as captured.
const KILLED: u16 = 253;

/// What kind of request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Batch,
    /// Of a procedure: ends with DONEPROC.
    Call,
}

/// Writes the replies to one request as tokens.
///
/// The last DONE of a message is the one that says so. Which one is the last is known only
/// afterwards, so each is held back until the next token or the end.
#[derive(Debug)]
pub(super) struct ReplyWriter<'a> {
    server: &'a str,
    shape: Shape,
    dialect: Dialect,
    columns: Vec<WireColumn>,
    /// The same, as the client knows them.
    known_columns: Vec<WireColumn>,
    held: Option<Done>,
    has_failed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Done {
    command: u16,
    rows: Option<u64>,
    is_error: bool,
}

impl<'a> ReplyWriter<'a> {
    pub(super) const fn new(server: &'a str, shape: Shape, dialect: Dialect) -> Self {
        Self {
            server,
            shape,
            dialect,
            columns: Vec::new(),
            known_columns: Vec::new(),
            held: None,
            has_failed: false,
        }
    }

    /// Writes a reply, or holds it back. `Err` is a fault of the engine, told to the client; the
    /// connection must end, since the rest would make no sense.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, reply: Reply) -> Result<(), Broken> {
        if let Some(done) = self.held.take() {
            self.put_done(out, done, DONE_MORE);
        }
        let version = self.dialect.version;
        let written = match reply {
            Reply::Columns(columns) => {
                let known = self.dialect.columns(columns.clone());
                token::put_columns(out, &known, self.dialect);
                self.columns = columns;
                self.known_columns = known;
                Ok(())
            }
            Reply::Row(row) => {
                let row = self.dialect.row(row, &self.columns);
                token::put_row(out, &self.known_columns, &row, version)
                    .map_err(|error| error.to_string())
            }
            Reply::Message(message) => {
                self.has_failed |= message.is_error();
                token::put_message(out, &message, self.server, version);
                Ok(())
            }
            Reply::Done {
                command,
                rows,
                is_error,
            } => {
                self.has_failed |= is_error;
                self.held = Some(Done {
                    command,
                    rows,
                    is_error,
                });
                Ok(())
            }
            Reply::Killed => {
                let status = DONE_ERROR | DONE_SERVER_ERROR;
                token::put_done(out, DoneKind::Statement, status, KILLED, None, version);
                Ok(())
            }
            Reply::Database { from, to } => {
                token::put_text_change(out, TextChange::Database, &to, &from);
                Ok(())
            }
            Reply::Language { from, to } => {
                token::put_text_change(out, TextChange::Language, to, from);
                Ok(())
            }
            Reply::Transaction { change, descriptor } => {
                token::put_transaction(out, change, descriptor, version);
                Ok(())
            }
            Reply::ReturnValue {
                ordinal,
                name,
                kind,
                value,
            } => {
                let value = self.dialect.value(value, kind);
                let kind = self.dialect.known(kind);
                token::put_return_value(out, ordinal, &name, kind, &value, version)
                    .map_err(|error| error.to_string())
            }
            Reply::ReturnStatus(status) => {
                token::put_return_status(out, status);
                Ok(())
            }
        };
        written.map_err(|text| {
            tracing::error!(%text, "the simulator made a reply that can't be sent");
            let text = format!("The simulator made a reply that can't be sent: {text}.");
            token::put_message(out, &message(50_901, 20, 1, text), self.server, version);
            Broken
        })
    }

    /// Writes what ends the reply, and that another one follows in the same message if `more`.
    ///
    /// `returned` are values of a call that its session knows nothing of.
    pub(super) fn end(mut self, out: &mut Vec<u8>, returned: Vec<Reply>, more: bool) {
        let held = self.held.take();
        let version = self.dialect.version;
        let error = if self.has_failed { DONE_ERROR } else { 0 };
        let status = if more { DONE_MORE } else { 0 };
        match (self.shape, held) {
            (Shape::Call, held) => {
                // The end of the call itself has a token of its own.
                if let Some(done) = held.filter(|done| done.command != EXECUTE) {
                    self.put_done(out, done, DONE_MORE);
                }
                for reply in returned {
                    // Made by the wire itself, so that it can be sent.
                    let _ = self.put(out, reply);
                }
                let status = status | error;
                token::put_done(out, DoneKind::Procedure, status, EXECUTE, None, version);
            }
            (Shape::Batch, Some(done)) => self.put_done(out, done, status),
            (Shape::Batch, None) => {
                token::put_done(out, DoneKind::Statement, status | error, 0, None, version);
            }
        }
    }

    fn put_done(&self, out: &mut Vec<u8>, done: Done, more: u16) {
        let kind = match self.shape {
            Shape::Call => DoneKind::InProcedure,
            Shape::Batch => DoneKind::Statement,
        };
        let error = if done.is_error { DONE_ERROR } else { 0 };
        let version = self.dialect.version;
        token::put_done(out, kind, more | error, done.command, done.rows, version);
    }
}

/// The reply can't go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::output::TransactionChange;
    use crate::simulator::tds::version::TdsVersion;
    use crate::simulator::wire_type::WireType;
    use crate::transport::SqlValue;

    const DIALECT: Dialect = Dialect {
        version: TdsVersion::V7_4,
        tells_nullable: true,
    };

    fn reply(shape: Shape, replies: Vec<Reply>) -> String {
        let mut out = Vec::new();
        let mut writer = ReplyWriter::new("S", shape, DIALECT);
        for reply in replies {
            writer.put(&mut out, reply).unwrap();
        }
        writer.end(&mut out, Vec::new(), false);
        hex::encode(out)
    }

    fn done(command: u16, rows: Option<u64>, is_error: bool) -> Reply {
        Reply::Done {
            command,
            rows,
            is_error,
        }
    }

    #[test]
    fn only_the_last_done_says_that_nothing_follows() {
        assert_eq!(
            reply(
                Shape::Batch,
                vec![done(193, Some(1), false), done(228, None, true)]
            ),
            "fd1100c1000100000000000000 fd0200e4000000000000000000".replace(' ', "")
        );
    }

    #[test]
    fn every_reply_has_an_end() {
        assert_eq!(reply(Shape::Batch, vec![]), "fd000000000000000000000000");
        let failed = reply(Shape::Batch, vec![Reply::Message(message(102, 15, 1, ""))]);
        assert!(failed.ends_with("fd020000000000000000000000"), "{failed}");
    }

    #[test]
    fn a_call_ends_with_its_own_done() {
        assert_eq!(
            reply(
                Shape::Call,
                vec![done(193, Some(1), false), Reply::ReturnStatus(0)]
            ),
            "ff1100c1000100000000000000 7900000000 fe0000e0000000000000000000".replace(' ', "")
        );
        assert_eq!(
            reply(Shape::Call, vec![done(193, None, true)]),
            "ff0300c1000000000000000000 fe0200e0000000000000000000".replace(' ', "")
        );
        // A call that fails before its first statement has no other end.
        let failed = vec![
            Reply::Message(message(2812, 16, 62, "")),
            done(EXECUTE, None, true),
        ];
        assert!(
            reply(Shape::Call, failed)
                .ends_with("00 fe0200e0000000000000000000".replace(' ', "").as_str())
        );
    }

    #[test]
    fn values_of_a_call_come_before_its_end() {
        let mut out = Vec::new();
        let mut writer = ReplyWriter::new("S", Shape::Call, DIALECT);
        for reply in [Reply::ReturnStatus(0), done(EXECUTE, None, false)] {
            writer.put(&mut out, reply).unwrap();
        }
        let handle = Reply::ReturnValue {
            ordinal: 0,
            name: String::new(),
            kind: WireType::Int,
            value: SqlValue::Int(1),
        };
        writer.end(&mut out, vec![handle], true);
        assert_eq!(
            hex::encode(out),
            "7900000000 ac0000 00 01 00000000 0100 2604 0401000000 fe0100e0000000000000000000"
                .replace(' ', "")
        );
    }

    #[test]
    fn a_transaction_is_told_where_it_changes() {
        let begun = Reply::Transaction {
            change: TransactionChange::Begun,
            descriptor: 5,
        };
        assert_eq!(
            reply(Shape::Batch, vec![begun, done(212, None, false)]),
            "e30b0008080500000000000000 00 fd0000d4000000000000000000".replace(' ', "")
        );
    }

    #[test]
    fn what_can_not_be_sent_breaks_the_connection_loudly() {
        let mut out = Vec::new();
        let mut writer = ReplyWriter::new("S", Shape::Batch, DIALECT);
        let columns = vec![WireColumn::new("n", WireType::Int)];
        writer.put(&mut out, Reply::Columns(columns)).unwrap();
        let start = out.len();
        let row = Reply::Row(vec![SqlValue::Text("x".into())]);
        assert_eq!(writer.put(&mut out, row), Err(Broken));
        assert_eq!(out[start], 0xAA);
    }
}
