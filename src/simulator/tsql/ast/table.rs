//! Tables: their definition and their rows.

use super::{Expression, ObjectName, Query, TableSource};
use crate::simulator::wire_type::WireType;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TableStatement {
    Create {
        name: ObjectName,
        definition: TableDefinition,
    },
    Drop {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    AddColumns {
        name: ObjectName,
        definition: TableDefinition,
    },
    Truncate(ObjectName),
    CreateIndex {
        name: String,
        table: ObjectName,
        columns: Vec<String>,
        is_unique: bool,
    },
    CreateSchema {
        name: String,
    },
    DropSchema {
        name: String,
    },
    /// CREATE or ALTER QUEUE … WITH STATUS.
    Queue {
        name: ObjectName,
        is_new: bool,
        is_on: bool,
    },
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TableDefinition {
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) keys: Vec<KeyDefinition>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    pub(crate) kind: WireType,
    /// As it was written: `nvarchar(max)`.
    pub(crate) type_name: String,
    pub(crate) is_nullable: bool,
    /// Seed and increment.
    pub(crate) identity: Option<(i64, i64)>,
    /// A default, as T-SQL text.
    pub(crate) default: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyDefinition {
    pub(crate) name: Option<String>,
    pub(crate) is_primary: bool,
    pub(crate) columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ChangeStatement {
    Insert {
        table: ObjectName,
        columns: Vec<String>,
        source: InsertSource,
        /// OUTPUT inserted.x, …
        output: Vec<OutputItem>,
    },
    Update {
        table: ObjectName,
        top: Option<Expression>,
        assignments: Vec<Assignment>,
        from: Option<TableSource>,
        filter: Option<Expression>,
    },
    Delete {
        table: ObjectName,
        top: Option<Expression>,
        from: Option<TableSource>,
        filter: Option<Expression>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InsertSource {
    Query(Query),
    /// `None` is DEFAULT.
    Values(Vec<Vec<Option<Expression>>>),
    Execute(super::ExecuteStatement),
    Defaults,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutputItem {
    pub(crate) column: String,
    pub(crate) alias: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assignment {
    pub(crate) column: String,
    pub(crate) value: Expression,
}
