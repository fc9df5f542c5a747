//! Sinks that bend what passes through them.

use std::mem;
use std::sync::Arc;

use scorch_recovery::transport::{SqlColumn, SqlMessage, SqlSink, SqlValue};
use tokio::sync::Notify;

use crate::way::{Bend, Way};

/// One thing for a sink.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Columns(Vec<SqlColumn>),
    Row(Vec<SqlValue>),
    Message(SqlMessage),
}

impl Piece {
    pub(crate) fn give(self, sink: &mut dyn SqlSink) {
        match self {
            Self::Columns(columns) => sink.columns(&columns),
            Self::Row(row) => sink.row(row),
            Self::Message(message) => sink.message(message),
        }
    }

    const fn is_message(&self) -> bool {
        matches!(self, Self::Message(_))
    }

    fn is_error(&self) -> bool {
        matches!(self, Self::Message(message) if message.is_error())
    }

    fn is_notice(&self) -> bool {
        self.is_message() && !self.is_error()
    }
}

/// Keeps everything.
#[derive(Debug, Default)]
pub(crate) struct Pieces(pub(crate) Vec<Piece>);

impl SqlSink for Pieces {
    fn columns(&mut self, columns: &[SqlColumn]) {
        self.0.push(Piece::Columns(columns.to_vec()));
    }

    fn row(&mut self, row: Vec<SqlValue>) {
        self.0.push(Piece::Row(row));
    }

    fn message(&mut self, message: SqlMessage) {
        self.0.push(Piece::Message(message));
    }
}

/// Hands on what it is given, bent.
pub(crate) struct Bent<'a> {
    way: Way,
    inner: &'a mut dyn SqlSink,
    /// What is handed on later.
    held: Vec<Piece>,
    /// What was handed on.
    kept: Vec<Piece>,
    rows: usize,
    had_error: bool,
    failed: Arc<Notify>,
}

impl<'a> Bent<'a> {
    pub(crate) fn new(way: Way, inner: &'a mut dyn SqlSink) -> Self {
        Self {
            way,
            inner,
            held: Vec::new(),
            kept: Vec::new(),
            rows: 0,
            had_error: false,
            failed: Arc::default(),
        }
    }

    /// Tells of the first error.
    pub(crate) fn failed(&self) -> Arc<Notify> {
        Arc::clone(&self.failed)
    }

    pub(crate) const fn had_error(&self) -> bool {
        self.had_error
    }

    pub(crate) fn kept(&mut self) -> Vec<Piece> {
        mem::take(&mut self.kept)
    }

    fn hand_on(&mut self, piece: Piece) {
        if self.way == Way::AnswersWithTheLastAnswer {
            self.kept.push(piece.clone());
        }
        piece.give(self.inner);
    }

    fn take(&mut self, piece: Piece) {
        if piece.is_error() {
            self.had_error = true;
            self.failed.notify_one();
        }
        let Way::Answer(bend) = self.way else {
            self.hand_on(piece);
            return;
        };
        let is_held = match bend {
            Bend::KeepsItToTheEnd | Bend::MessagesFirst => true,
            Bend::RowsBeforeColumns | Bend::SkipsEmptySets => matches!(piece, Piece::Columns(_)),
            Bend::LastErrorOnly => piece.is_error(),
            Bend::NoticesLast => piece.is_notice(),
            _ => false,
        };
        match (bend, &piece) {
            (Bend::NoNotices, piece) if piece.is_notice() => {}
            (Bend::RowsBeforeColumns, Piece::Row(_)) => {
                self.hand_on(piece);
                mem::take(&mut self.held)
                    .into_iter()
                    .for_each(|piece| self.hand_on(piece));
            }
            (Bend::SkipsEmptySets, Piece::Row(_)) => {
                mem::take(&mut self.held)
                    .into_iter()
                    .for_each(|piece| self.hand_on(piece));
                self.hand_on(piece);
            }
            (Bend::SkipsEmptySets, Piece::Columns(_)) => self.held = vec![piece],
            (Bend::DoublesRows, Piece::Row(_)) => {
                self.hand_on(piece.clone());
                self.hand_on(piece);
            }
            (Bend::DropsRowsFrom5000, Piece::Row(_)) if self.rows > 5000 => {}
            _ if is_held => self.held.push(piece),
            _ => self.hand_on(piece),
        }
    }

    /// Hands on what was held.
    pub(crate) fn finish(&mut self) {
        let mut held = mem::take(&mut self.held);
        match self.way {
            Way::Answer(Bend::MessagesFirst) => held.sort_by_key(|piece| !piece.is_message()),
            Way::Answer(Bend::LastErrorOnly) => {
                held.drain(..held.len().saturating_sub(1));
            }
            Way::Answer(Bend::SkipsEmptySets) => held.clear(),
            _ => {}
        }
        held.into_iter().for_each(|piece| self.hand_on(piece));
    }

    fn bent(&self, value: SqlValue) -> SqlValue {
        let Way::Answer(bend) = self.way else {
            return value;
        };
        match (bend, value) {
            (Bend::BitsAsNumbers, SqlValue::Bit(bit)) => SqlValue::Int(bit.into()),
            (Bend::ShortFloats, SqlValue::Float(value)) => {
                let text = format!("{value:.1}");
                text.parse().map_or(SqlValue::Null, SqlValue::Float)
            }
            (Bend::DecimalsAsFloats, SqlValue::Decimal { scale, .. }) => {
                SqlValue::Float(scale.into())
            }
            (Bend::TrimsTexts, SqlValue::Text(text)) => SqlValue::Text(text.trim().to_owned()),
            (Bend::BasicPlaneOnly, SqlValue::Text(text)) => {
                SqlValue::Text(text.replace(|c| c > '\u{ffff}', "?"))
            }
            (Bend::TrimsBytes, SqlValue::Bytes(mut bytes)) => {
                while bytes.last() == Some(&0) {
                    bytes.pop();
                }
                SqlValue::Bytes(bytes)
            }
            (Bend::GuidsInOrder, SqlValue::Guid(mut guid)) => {
                guid[..4].reverse();
                SqlValue::Guid(guid)
            }
            (Bend::WholeSeconds, SqlValue::DateTime(at)) => {
                SqlValue::DateTime(at.replace_nanosecond(0).unwrap_or(at))
            }
            (Bend::NullAsEmpty, SqlValue::Null) => SqlValue::Text(String::new()),
            (Bend::ShortTexts, SqlValue::Text(text)) => {
                SqlValue::Text(text.chars().take(8000).collect())
            }
            (Bend::ShortBytes, SqlValue::Bytes(mut bytes)) => {
                bytes.truncate(8000);
                SqlValue::Bytes(bytes)
            }
            (Bend::ValuesAsNull, _) => SqlValue::Null,
            (_, value) => value,
        }
    }
}

impl SqlSink for Bent<'_> {
    fn columns(&mut self, columns: &[SqlColumn]) {
        let mut columns = columns.to_vec();
        if self.way == Way::Answer(Bend::TrimsNames) {
            for column in &mut columns {
                column.name.retain(|c| c.is_ascii_alphanumeric());
            }
        }
        self.take(Piece::Columns(columns));
    }

    fn row(&mut self, row: Vec<SqlValue>) {
        self.rows += 1;
        let row = row.into_iter().map(|value| self.bent(value)).collect();
        self.take(Piece::Row(row));
    }

    fn message(&mut self, mut message: SqlMessage) {
        match self.way {
            Way::Answer(Bend::ForgetsStates) => message.state = 1,
            Way::Answer(Bend::ForgetsLines) => message.line = 0,
            _ => {}
        }
        self.take(Piece::Message(message));
    }
}
