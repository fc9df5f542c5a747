//! Rows on their way from a server, changed.

use scorch_recovery::transport::{SqlColumn, SqlMessage, SqlSink, SqlValue};

/// What is made of each value of a row, by the name of its column.
pub(crate) type Change<'a> = &'a (dyn Fn(&str, &mut SqlValue) + Send + Sync);

/// Hands everything on, the values of rows changed.
pub(crate) struct ChangedRows<'a> {
    sink: &'a mut dyn SqlSink,
    change: Change<'a>,
    columns: Vec<String>,
}

impl<'a> ChangedRows<'a> {
    pub(crate) fn new(sink: &'a mut dyn SqlSink, change: Change<'a>) -> Self {
        Self {
            sink,
            change,
            columns: Vec::new(),
        }
    }
}

impl SqlSink for ChangedRows<'_> {
    fn columns(&mut self, columns: &[SqlColumn]) {
        self.columns = columns.iter().map(|column| column.name.clone()).collect();
        self.sink.columns(columns);
    }

    fn row(&mut self, mut row: Vec<SqlValue>) {
        for (column, value) in self.columns.iter().zip(&mut row) {
            (self.change)(column, value);
        }
        self.sink.row(row);
    }

    fn message(&mut self, message: SqlMessage) {
        self.sink.message(message);
    }
}
