//! Statements as they were read.

mod backup;
mod database;
mod dbcc;
mod expression;
mod flow;
mod key;
mod query;
mod security;
mod table;

pub(crate) use backup::{BackupStatement, Device, MediaOption, RestoreKind};
pub(crate) use database::{DatabaseOption, DatabaseStatement, FileDefinition, Termination};
pub(crate) use dbcc::CheckDatabase;
pub(crate) use expression::{BinaryOperator, Expression, Literal, UnaryOperator};
pub(crate) use flow::{
    Argument, Declaration, DefinitionKind, ExecuteStatement, FlowStatement, ProcedureParameter,
    ProcedureStatement, TransactionStatement,
};
pub(crate) use key::{KeyProtector, KeyStatement, MasterKeyProtector, PrivateKeyFile};
pub(crate) use query::{
    JoinKind, NamedQuery, OrderItem, Query, QueryBody, Select, SelectItem, SetOperator, TableSource,
};
pub(crate) use security::{
    LoginChange, LoginSource, NewLogin, PermissionAction, PermissionTarget, SecurityStatement,
};
pub(crate) use table::{
    Assignment, ChangeStatement, ColumnDefinition, InsertSource, KeyDefinition, OutputItem,
    TableDefinition, TableStatement,
};

/// A text that T-SQL takes as a literal or a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TextArgument {
    Literal(String),
    /// With its `@`.
    Variable(String),
}

/// `x`, `s.x`, `d.s.x` or `d..x`, with omitted parts empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ObjectName {
    /// From the database to the name; one to four parts.
    pub(crate) parts: Vec<String>,
}

impl ObjectName {
    pub(crate) fn new(parts: Vec<String>) -> Self {
        Self { parts }
    }

    /// The last part.
    pub(crate) fn name(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }

    fn before(&self, back: usize) -> Option<&str> {
        let at = self.parts.len().checked_sub(back)?;
        self.parts
            .get(at)
            .map(String::as_str)
            .filter(|part| !part.is_empty())
    }

    pub(crate) fn schema(&self) -> Option<&str> {
        self.before(2)
    }

    pub(crate) fn database(&self) -> Option<&str> {
        self.before(3)
    }

    pub(crate) fn server(&self) -> Option<&str> {
        self.before(4)
    }
}

impl std::fmt::Display for ObjectName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

/// A statement and the line it starts on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statement {
    pub(crate) line: u32,
    pub(crate) kind: StatementKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StatementKind {
    Backup(BackupStatement),
    Change(ChangeStatement),
    Check(CheckDatabase),
    Database(DatabaseStatement),
    Execute(ExecuteStatement),
    Flow(FlowStatement),
    Key(KeyStatement),
    Procedure(ProcedureStatement),
    Query(Query),
    Security(SecurityStatement),
    Table(TableStatement),
}
