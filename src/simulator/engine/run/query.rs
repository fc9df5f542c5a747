//! SELECT as a statement: rows for the client, or values for variables, or a new table.

use super::{Runner, command, read};
use crate::simulator::engine::frame::{Frame, MemoryTable};
use crate::simulator::engine::query::{ROW_ID, Rowset};
use crate::simulator::engine::value::type_name;
use crate::simulator::output::{Gone, Reply};
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{
    ColumnDefinition, Query, QueryBody, Select, SelectItem, TableDefinition,
};
use crate::simulator::wire_type::WireType;

impl Runner<'_> {
    pub(super) async fn query(&mut self, query: &Query, frame: &mut Frame) -> Result<(), Failure> {
        if let QueryBody::Select(select) = &query.body {
            if matches!(select.items.first(), Some(SelectItem::Assign { .. })) {
                let count = self.assign(query, select, frame)?;
                self.session.memory.row_count = i64::try_from(count).unwrap_or(i64::MAX);
                let count = u64::try_from(count).ok();
                return Ok(self.done(command::SELECT, count).await?);
            }
            if let Some(into) = &select.into {
                let rowset = self.with_context(frame, |context| context.query(query, None))?;
                let count = self.select_into(into, rowset, frame)?;
                return Ok(self.done(command::SELECT, Some(count)).await?);
            }
        }
        let rowset = self.with_context(frame, |context| context.query(query, None))?;
        Ok(self.send_rows(rowset, command::SELECT).await?)
    }

    /// Sends a result set and its end.
    pub(super) async fn send_rows(&mut self, rowset: Rowset, command: u16) -> Result<(), Gone> {
        let count = rowset.rows.len();
        self.session.memory.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if let Some(captured) = &mut self.captured {
            captured.push(rowset);
            return Ok(());
        }
        self.output
            .send(Reply::Columns(rowset.wire_columns()))
            .await?;
        for row in rowset.rows {
            self.output.send(Reply::Row(row)).await?;
        }
        self.ends += 1;
        // A result set's end has its count, NOCOUNT or not, as long as rows were asked for.
        let rows = u64::try_from(count).ok();
        self.output
            .send(Reply::Done {
                command,
                rows,
                is_error: false,
            })
            .await
    }

    /// `SELECT @v = …`: once per row, each seeing what the row before assigned.
    fn assign(&mut self, query: &Query, select: &Select, frame: &mut Frame) -> Result<usize> {
        if select.is_distinct {
            return Err(ServerError::unsupported("SELECT DISTINCT with assignments"));
        }
        let instance = std::sync::Arc::clone(&self.session.instance);
        let state = instance.state();
        let rows = read(&state, self.session, frame).assignment_rows(select, &query.order_by)?;
        for at in 0..rows.len() {
            for item in &select.items {
                let SelectItem::Assign { variable, value } = item else {
                    return Err(ServerError::new(
                        141,
                        15,
                        1,
                        "A SELECT statement that assigns a value to a variable must not be \
                         combined with data-retrieval operations.",
                    ));
                };
                let scope = rows.scope(at);
                let context = read(&state, self.session, frame);
                let found = context.value(value, scope.as_ref())?;
                let kind = context.value_type(value, &found, scope.as_ref())?;
                frame.assign(variable, &found, kind)?;
            }
        }
        Ok(rows.len())
    }

    fn select_into(
        &mut self,
        name: &crate::simulator::tsql::ast::ObjectName,
        rowset: Rowset,
        frame: &Frame,
    ) -> Result<u64> {
        let definition = definition_of(&rowset)?;
        let count = rowset.rows.len();
        self.session.memory.row_count = i64::try_from(count).unwrap_or(i64::MAX);
        if name.name().starts_with('#') {
            let key = name.name().to_lowercase();
            let temporary = &mut self.session.memory.temporary;
            if temporary.has(&key) {
                return Err(super::table::already_an_object(name.name()));
            }
            let table = MemoryTable {
                definition,
                rows: rowset.rows,
                next_identity: 1,
                depth: frame.depth,
            };
            temporary.tables.insert(key, table);
        } else {
            self.create_table(name, &definition, rowset.rows, frame)?;
        }
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

/// The table that a result makes.
fn definition_of(rowset: &Rowset) -> Result<TableDefinition> {
    let mut definition = TableDefinition::default();
    for (number, column) in (1..).zip(&rowset.columns) {
        if column.name.is_empty() || column.name == ROW_ID {
            return Err(ServerError::new(
                1038,
                15,
                5,
                format!(
                    "An object or column name is missing or empty. For SELECT INTO statements, \
                     verify each column has a name. (Column {number}.)"
                ),
            ));
        }
        let is_known = definition
            .columns
            .iter()
            .any(|known: &ColumnDefinition| known.name.eq_ignore_ascii_case(&column.name));
        if is_known {
            return Err(ServerError::new(
                2705,
                16,
                3,
                format!(
                    "Column names in each table must be unique. Column name '{}' is specified more \
                     than once.",
                    column.name
                ),
            ));
        }
        definition.columns.push(ColumnDefinition {
            name: column.name.clone(),
            kind: column.kind,
            type_name: written_type(column.kind),
            is_nullable: column.is_nullable,
            identity: None,
            default: None,
        });
    }
    Ok(definition)
}

/// A type as T-SQL writes it.
fn written_type(kind: WireType) -> String {
    let name = type_name(kind);
    match kind {
        WireType::NVarChar(None) | WireType::VarChar(None) | WireType::VarBinary(None) => {
            format!("{name}(max)")
        }
        WireType::NVarChar(Some(length))
        | WireType::VarChar(Some(length))
        | WireType::VarBinary(Some(length))
        | WireType::NChar(length)
        | WireType::Char(length)
        | WireType::Binary(length) => format!("{name}({length})"),
        WireType::Decimal { precision, scale } => format!("{name}({precision},{scale})"),
        WireType::DateTime2(digits) | WireType::Time(digits) | WireType::DateTimeOffset(digits) => {
            format!("{name}({digits})")
        }
        _ => name.to_owned(),
    }
}
