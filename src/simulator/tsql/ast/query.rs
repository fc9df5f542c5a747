//! SELECT.

use super::{Expression, ObjectName};

/// A query with what may stand around it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    /// WITH name AS (query).
    pub(crate) named: Vec<NamedQuery>,
    pub(crate) body: QueryBody,
    pub(crate) order_by: Vec<OrderItem>,
    pub(crate) offset: Option<Expression>,
    pub(crate) fetch: Option<Expression>,
    /// OPTION (MAXRECURSION n): 0 is without end.
    pub(crate) max_recursion: Option<u16>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NamedQuery {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) query: Query,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum QueryBody {
    Select(Box<Select>),
    Set {
        operator: SetOperator,
        left: Box<Self>,
        right: Box<Self>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetOperator {
    Union,
    UnionAll,
    Except,
    Intersect,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Select {
    pub(crate) is_distinct: bool,
    pub(crate) top: Option<Expression>,
    pub(crate) items: Vec<SelectItem>,
    pub(crate) into: Option<ObjectName>,
    pub(crate) from: Option<TableSource>,
    pub(crate) filter: Option<Expression>,
    pub(crate) group_by: Vec<Expression>,
    pub(crate) having: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SelectItem {
    /// `*` or `t.*`.
    All(Option<String>),
    Value {
        value: Expression,
        alias: Option<String>,
    },
    /// `@v = …`.
    Assign { variable: String, value: Expression },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TableSource {
    Table {
        name: ObjectName,
        alias: Option<String>,
    },
    /// A table-valued function of the system.
    Function {
        name: ObjectName,
        arguments: Vec<Expression>,
        alias: Option<String>,
    },
    Derived {
        query: Box<Query>,
        alias: String,
        columns: Vec<String>,
    },
    Values {
        rows: Vec<Vec<Expression>>,
        alias: String,
        columns: Vec<String>,
    },
    /// `OPENROWSET(BULK N'path', SINGLE_BLOB)`.
    Bulk {
        path: String,
        is_binary: bool,
        alias: String,
    },
    Join {
        kind: JoinKind,
        left: Box<Self>,
        right: Box<Self>,
        condition: Option<Expression>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
    CrossApply,
    OuterApply,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OrderItem {
    pub(crate) value: Expression,
    pub(crate) is_descending: bool,
}
