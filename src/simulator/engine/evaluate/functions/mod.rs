//! The built-in functions.

mod date;
mod key;
mod metadata;
mod msdb;
mod null;
mod number;
mod permission;
mod principal;
mod property;
mod session;
mod text;

use super::Context;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::Expression;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;
pub(crate) use permission::{database_permissions, server_permissions};

/// A call of a function, its arguments evaluated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) arguments: &'a [SqlValue],
    pub(super) kinds: &'a [WireType],
    /// As they were written: `DATEADD(day, …)` takes a word.
    pub(super) written: &'a [Expression],
}

impl Call<'_> {
    /// An argument as text; `None` where it is NULL or left out.
    fn text(&self, at: usize) -> Result<Option<String>> {
        match self.arguments.get(at) {
            Some(value) => super::text(value),
            None => Ok(None),
        }
    }

    /// An argument as a whole number; `None` where it is NULL or left out.
    fn integer(&self, at: usize) -> Result<Option<i64>> {
        match self.arguments.get(at) {
            Some(value) => super::integer(value),
            None => Ok(None),
        }
    }

    fn argument(&self, at: usize) -> &SqlValue {
        self.arguments.get(at).unwrap_or(&SqlValue::Null)
    }

    fn kind(&self, at: usize) -> WireType {
        self.kinds.get(at).copied().unwrap_or(WireType::Int)
    }
}

/// What a function returns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Returns {
    Type(WireType),
    /// The type of an argument.
    Argument(usize),
    /// The type that holds all arguments.
    Common,
    /// A place in an argument: beyond int where the argument's type has no limit.
    Position(usize),
    /// A text as national as the first argument and as long as such a one may be; without a limit
    /// only where the first argument has none.
    LongText,
    /// A text as long and as national as the first argument.
    Text,
}

#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) returns: Returns,
    /// NULL in any argument makes NULL.
    pub(super) is_strict: bool,
    pub(super) run: fn(&Call<'_>) -> Result<SqlValue>,
}

impl Function {
    /// A function that any NULL makes NULL.
    const fn strict(
        name: &'static str,
        (least, most): (usize, usize),
        returns: Returns,
        run: fn(&Call<'_>) -> Result<SqlValue>,
    ) -> Self {
        Self {
            name,
            least,
            most,
            returns,
            is_strict: true,
            run,
        }
    }

    /// A function that sees NULL.
    const fn lenient(
        name: &'static str,
        (least, most): (usize, usize),
        returns: Returns,
        run: fn(&Call<'_>) -> Result<SqlValue>,
    ) -> Self {
        Self {
            name,
            least,
            most,
            returns,
            is_strict: false,
            run,
        }
    }
}

const INT: Returns = Returns::Type(WireType::Int);
const SYSNAME: Returns = Returns::Type(WireType::NVarChar(Some(128)));
const MAX_TEXT: Returns = Returns::Type(WireType::NVarChar(None));
const VARIANT: Returns = Returns::Type(WireType::Variant);

const FAMILIES: &[&[Function]] = &[
    date::FUNCTIONS,
    key::FUNCTIONS,
    metadata::FUNCTIONS,
    null::FUNCTIONS,
    number::FUNCTIONS,
    permission::FUNCTIONS,
    principal::FUNCTIONS,
    property::FUNCTIONS,
    session::FUNCTIONS,
    text::FUNCTIONS,
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .find(|function| function.name.eq_ignore_ascii_case(name))
}

/// A function that is called with its schema, in a database.
pub(super) fn find_own(database: &str, schema: &str, name: &str) -> Option<&'static Function> {
    if !database.eq_ignore_ascii_case("msdb") || !schema.eq_ignore_ascii_case("dbo") {
        return None;
    }
    let mut functions = msdb::FUNCTIONS.iter();
    functions.find(|function| function.name.eq_ignore_ascii_case(name))
}

/// A text, or NULL.
fn text_or_null(text: Option<impl Into<String>>) -> SqlValue {
    text.map_or(SqlValue::Null, |text| SqlValue::Text(text.into()))
}

/// A whole number, or NULL.
fn integer_or_null(number: Option<impl Into<i64>>) -> SqlValue {
    number.map_or(SqlValue::Null, |number| SqlValue::Int(number.into()))
}

/// 1 or 0.
fn yes_or_no(answer: bool) -> SqlValue {
    SqlValue::Int(answer.into())
}
