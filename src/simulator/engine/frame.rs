//! What a batch or a procedure call keeps while it runs.

use std::collections::BTreeMap;

use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::wire_type::WireType;
use crate::transport::{SqlMessage, SqlValue};

/// A table that lives in memory: `#t` and `@t`.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryTable {
    pub(crate) definition: crate::simulator::tsql::ast::TableDefinition,
    pub(crate) rows: Vec<Vec<SqlValue>>,
    pub(crate) next_identity: i64,
    /// How deep the calls were when it was made: the end of that call drops it.
    pub(crate) depth: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) kind: WireType,
    pub(crate) value: SqlValue,
}

/// Variables and what TRY caught.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// By lower-case name, with the `@`.
    pub(crate) variables: BTreeMap<String, Variable>,
    /// Table variables by lower-case name, with the `@`.
    pub(crate) tables: BTreeMap<String, MemoryTable>,
    /// What the CATCH that runs now caught.
    pub(crate) caught: Option<SqlMessage>,
    /// The procedure that runs in this frame; empty in a batch.
    pub(crate) procedure: String,
    /// How many calls are around this one.
    pub(crate) depth: u32,
}

impl Frame {
    pub(crate) fn variable(&self, name: &str) -> Result<&Variable> {
        self.variables
            .get(&name.to_lowercase())
            .ok_or_else(|| undeclared(name))
    }

    pub(crate) fn declare(&mut self, name: &str, kind: WireType, value: SqlValue) {
        self.variables
            .insert(name.to_lowercase(), Variable { kind, value });
    }

    /// Assigns, as the variable's type holds it.
    pub(crate) fn assign(&mut self, name: &str, value: &SqlValue, from: WireType) -> Result<()> {
        let variable = self
            .variables
            .get_mut(&name.to_lowercase())
            .ok_or_else(|| undeclared(name))?;
        let conversion = super::value::Conversion::new(from, variable.kind);
        variable.value = super::value::convert(value, &conversion)?;
        Ok(())
    }
}

/// 137.
fn undeclared(name: &str) -> ServerError {
    ServerError::new(
        137,
        15,
        2,
        format!("Must declare the scalar variable \"{name}\"."),
    )
}
