//! What a batch was answered, kept whole and read by column name.

use crate::error::{Error, ErrorKind, Result, printable};
use crate::sql::numbers;
use crate::transport::{SqlColumn, SqlMessage, SqlSink, SqlValue};

/// An answer that grows past this is not one of a catalog view.
const MOST_BYTES: usize = 256 << 20;

/// Everything a batch was answered.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    sets: Vec<ResultSet>,
    messages: Vec<SqlMessage>,
    bytes: usize,
    is_too_large: bool,
}

#[derive(Debug, Default)]
pub(crate) struct ResultSet {
    columns: Vec<String>,
    rows: Vec<Vec<SqlValue>>,
}

/// A row, read by column name: positions change between versions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    columns: &'a [String],
    values: &'a [SqlValue],
}

impl SqlSink for Answer {
    fn columns(&mut self, columns: &[SqlColumn]) {
        self.sets.push(ResultSet {
            columns: columns.iter().map(|column| column.name.clone()).collect(),
            rows: Vec::new(),
        });
    }

    fn row(&mut self, row: Vec<SqlValue>) {
        self.bytes += row.iter().map(size_of_value).sum::<usize>();
        self.is_too_large |= self.bytes > MOST_BYTES;
        if self.is_too_large {
            return;
        }
        if let Some(set) = self.sets.last_mut() {
            set.rows.push(row);
        }
    }

    fn message(&mut self, message: SqlMessage) {
        // As many as a restore of thousands of files says, and no endless stream of them.
        if self.messages.len() < 100_000 {
            self.messages.push(message);
        }
    }
}

fn size_of_value(value: &SqlValue) -> usize {
    size_of::<SqlValue>()
        + match value {
            SqlValue::Text(text) => text.len(),
            SqlValue::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
}

impl Answer {
    pub(crate) fn messages(&self) -> &[SqlMessage] {
        &self.messages
    }

    /// Cleans the server's words.
    pub(crate) fn scrub(&mut self, clean: impl Fn(&str) -> String) {
        for message in &mut self.messages {
            message.text = clean(&message.text);
            message.procedure = clean(&message.procedure);
        }
    }

    /// The answer, or the first error in it.
    pub(crate) fn or_error(self) -> Result<Self> {
        if self.is_too_large {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "the answer is larger than any of its kind",
            ));
        }
        match self.messages.iter().find(|message| message.is_error()) {
            None => Ok(self),
            Some(first) => Err(Error::new(
                numbers::kind_of(first),
                format!(
                    "SQL Server error {}: {}",
                    first.number,
                    printable(&first.text)
                ),
            )
            .with_messages(self.messages)),
        }
    }

    /// All rows of the result set `index`.
    pub(crate) fn rows(&self, index: usize) -> impl Iterator<Item = Row<'_>> {
        self.sets.get(index).into_iter().flat_map(|set| {
            set.rows.iter().map(|values| Row {
                columns: &set.columns,
                values,
            })
        })
    }

    /// The first row of the last result set with that column: procedures may give rows of their own.
    pub(crate) fn row_with(&self, column: &str) -> Result<Row<'_>> {
        let mut places = (0..self.sets.len()).rev();
        places
            .find(|place| self.sets[*place].columns.iter().any(|name| name == column))
            .and_then(|place| self.rows(place).next())
            .ok_or_else(|| corrupt(format!("a row with {column} was expected and none came")))
    }

    /// The first row of the first result set.
    pub(crate) fn first(&self) -> Result<Row<'_>> {
        self.rows(0)
            .next()
            .ok_or_else(|| corrupt("a row was expected and none came"))
    }
}

fn corrupt(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, problem.into())
}

impl<'a> Row<'a> {
    /// The value of a column; `None` where the result set has no such column (older versions).
    pub(crate) fn find(&self, name: &str) -> Option<&'a SqlValue> {
        let at = self.columns.iter().position(|column| column == name)?;
        self.values.get(at)
    }

    fn value(&self, name: &str) -> Result<&'a SqlValue> {
        self.find(name)
            .ok_or_else(|| corrupt(format!("the answer has no column {name}")))
    }

    pub(crate) fn text_or_null(&self, name: &str) -> Result<Option<&'a str>> {
        match self.value(name)? {
            SqlValue::Null => Ok(None),
            SqlValue::Text(text) => Ok(Some(text)),
            other => Err(corrupt(format!("column {name} is no text: {other:?}"))),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Result<&'a str> {
        self.text_or_null(name)?
            .ok_or_else(|| corrupt(format!("column {name} is NULL")))
    }

    pub(crate) fn integer_or_null(&self, name: &str) -> Result<Option<i64>> {
        match self.value(name)? {
            SqlValue::Null => Ok(None),
            SqlValue::Int(value) => Ok(Some(*value)),
            SqlValue::Bit(value) => Ok(Some(i64::from(*value))),
            SqlValue::Decimal { unscaled, scale: 0 } => i64::try_from(*unscaled)
                .map(Some)
                .map_err(|_| corrupt(format!("column {name} is out of range"))),
            other => Err(corrupt(format!(
                "column {name} is no whole number: {other:?}"
            ))),
        }
    }

    /// A whole number that may be too large for one of ours, such as `numeric(25,0)`, in digits.
    pub(crate) fn number_or_null(&self, name: &str) -> Result<Option<String>> {
        match self.find(name) {
            Some(SqlValue::Int(value)) => Ok(Some(value.to_string())),
            Some(SqlValue::Decimal { unscaled, scale: 0 }) => Ok(Some(unscaled.to_string())),
            Some(SqlValue::Null) | None => Ok(None),
            Some(other) => Err(corrupt(format!(
                "column {name} is no whole number: {other:?}"
            ))),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<i64> {
        self.integer_or_null(name)?
            .ok_or_else(|| corrupt(format!("column {name} is NULL")))
    }

    /// `NULL` reads as no.
    pub(crate) fn is(&self, name: &str) -> Result<bool> {
        Ok(self.integer_or_null(name)?.is_some_and(|value| value != 0))
    }

    pub(crate) fn float_or_null(&self, name: &str) -> Result<Option<f64>> {
        match self.value(name)? {
            SqlValue::Float(value) => Ok(Some(*value)),
            _ => Ok(None),
        }
    }

    pub(crate) fn guid_or_null(&self, name: &str) -> Result<Option<[u8; 16]>> {
        match self.value(name)? {
            SqlValue::Null => Ok(None),
            SqlValue::Guid(guid) => Ok(Some(*guid)),
            other => Err(corrupt(format!("column {name} is no GUID: {other:?}"))),
        }
    }

    pub(crate) fn bytes_or_null(&self, name: &str) -> Result<Option<&'a [u8]>> {
        match self.value(name)? {
            SqlValue::Null => Ok(None),
            SqlValue::Bytes(bytes) => Ok(Some(bytes)),
            other => Err(corrupt(format!(
                "column {name} is no binary value: {other:?}"
            ))),
        }
    }

    /// A time as ISO 8601 has it, to the millisecond: `2026-11-22T09:05:00.000`. The server's own
    /// clock, without a zone.
    pub(crate) fn time_or_null(&self, name: &str) -> Result<Option<String>> {
        match self.value(name)? {
            SqlValue::Null => Ok(None),
            SqlValue::DateTime(at) => Ok(Some(format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}",
                at.year(),
                u8::from(at.month()),
                at.day(),
                at.hour(),
                at.minute(),
                at.second(),
                at.millisecond()
            ))),
            other => Err(corrupt(format!("column {name} is no time: {other:?}"))),
        }
    }
}
