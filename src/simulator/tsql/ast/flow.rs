//! Variables, control of flow, transactions and procedures.

use super::{Expression, ObjectName, Statement, TableDefinition};
use crate::simulator::wire_type::WireType;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FlowStatement {
    Block(Vec<Statement>),
    If {
        condition: Expression,
        then: Box<Statement>,
        otherwise: Option<Box<Statement>>,
    },
    While {
        condition: Expression,
        body: Box<Statement>,
    },
    Break,
    Continue,
    Return(Option<Expression>),
    Try {
        body: Vec<Statement>,
        handler: Vec<Statement>,
    },
    Declare(Vec<Declaration>),
    DeclareTable {
        variable: String,
        definition: TableDefinition,
    },
    SetVariable {
        variable: String,
        value: Expression,
    },
    /// SET of an option: NOCOUNT ON, LOCK_TIMEOUT 5000; in upper case.
    SetOption(Vec<String>),
    Print(Expression),
    RaiseError {
        message: Expression,
        severity: Expression,
        state: Expression,
        arguments: Vec<Expression>,
    },
    /// Without arguments it raises again what was caught.
    Throw(Option<Box<(Expression, Expression, Expression)>>),
    WaitForDelay(Expression),
    Use(String),
    Kill {
        spid: i64,
        is_status_only: bool,
    },
    Checkpoint,
    Reconfigure,
    Transaction(TransactionStatement),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declaration {
    pub(crate) variable: String,
    pub(crate) kind: WireType,
    pub(crate) value: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransactionStatement {
    /// With its name, if it has one.
    Begin(Option<String>),
    Commit,
    /// With the name of a savepoint or of the transaction, if one is given.
    Rollback(Option<String>),
    Save(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ExecuteStatement {
    Procedure {
        /// The variable that takes the return status.
        status: Option<String>,
        procedure: ObjectName,
        arguments: Vec<Argument>,
    },
    /// EXEC (@sql).
    Text(Expression),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument {
    /// With its `@`; `None` by position.
    pub(crate) name: Option<String>,
    /// `None` is DEFAULT.
    pub(crate) value: Option<Expression>,
    pub(crate) is_output: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ProcedureStatement {
    Create {
        name: ObjectName,
        parameters: Vec<ProcedureParameter>,
        body: Vec<Statement>,
        /// The batch that defines it.
        definition: String,
        kind: DefinitionKind,
    },
    /// On the database.
    CreateTrigger {
        name: String,
        definition: String,
    },
    Drop {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    DropTrigger {
        name: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefinitionKind {
    Create,
    Alter,
    CreateOrAlter,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProcedureParameter {
    /// With its `@`.
    pub(crate) name: String,
    pub(crate) kind: WireType,
    pub(crate) type_name: String,
    pub(crate) default: Option<Expression>,
    pub(crate) is_output: bool,
}
