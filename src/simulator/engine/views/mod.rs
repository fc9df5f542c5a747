//! The catalog views and the system's table-valued functions: rows made from the state when they
//! are asked for, and only those that the caller may see.

mod column;
mod configuration;
mod database;
mod empty;
mod encryption;
mod file;
mod function;
mod host;
mod information_schema;
mod key;
mod language;
mod msdb;
mod object;
mod principal;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod trigger;

use super::evaluate::{Column, Context};
use crate::simulator::Version;
use crate::simulator::catalog::Contents;
use crate::simulator::instance::same_name;
use crate::simulator::server_error::Result;
use crate::simulator::tsql::ast::ObjectName;
use crate::simulator::wire_type::{Origin, WireType};
use crate::transport::SqlValue;
pub(crate) use language::Language;

pub(crate) use column::{SYSTEM_TYPES, stored_length};
pub(crate) use function::{TableFunction, look};
pub(crate) use object::schema_id;

/// The collation of every database.
pub(crate) const COLLATION: &str = "SQL_Latin1_General_CP1_CI_AS";

const SYSNAME: WireType = WireType::NVarChar(Some(128));
const DESCRIPTION: WireType = WireType::NVarChar(Some(60));
const SID: WireType = WireType::VarBinary(Some(85));

type Row = Vec<SqlValue>;
type Columns = &'static [(&'static str, WireType)];

/// A catalog view.
#[derive(Debug)]
pub(crate) struct View {
    schema: &'static str,
    name: &'static str,
    columns: Columns,
    /// The rows, in the context of a database.
    make: fn(&Context<'_>, &str) -> Result<Vec<Row>>,
}

const FAMILIES: &[&[View]] = &[
    column::VIEWS,
    configuration::VIEWS,
    database::VIEWS,
    empty::VIEWS,
    encryption::VIEWS,
    file::VIEWS,
    host::VIEWS,
    information_schema::VIEWS,
    key::VIEWS,
    language::VIEWS,
    object::VIEWS,
    principal::VIEWS,
    server::VIEWS,
    session::VIEWS,
    trigger::VIEWS,
];

fn all() -> impl Iterator<Item = &'static View> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The views and functions that came after the oldest version that an instance can be.
const SINCE: &[(&str, Version)] = &[
    ("database_scoped_configurations", Version::Sql2016),
    ("dm_os_file_exists", Version::Sql2017),
    ("dm_os_host_info", Version::Sql2017),
];

fn is_in(version: Version, name: &str) -> bool {
    let since = SINCE.iter().find(|(known, _)| same_name(known, name));
    since.is_none_or(|(_, since)| version >= *since)
}

/// The views that a version has in every database.
fn of_version(version: Version) -> impl Iterator<Item = &'static View> {
    all().filter(move |view| is_in(version, view.name))
}

/// The view of that name in a database, if the version has it: it is in sys or
/// INFORMATION_SCHEMA, which must be said, or one of msdb's own.
pub(crate) fn find(name: &ObjectName, database: &str, version: Version) -> Option<&'static View> {
    let (own, default): (&[View], _) = match database {
        "msdb" => (msdb::VIEWS, Some("dbo")),
        _ => (&[], None),
    };
    let schema = name.schema().or(default)?;
    of_version(version)
        .chain(own)
        .find(|view| same_name(view.schema, schema) && same_name(view.name, name.name()))
}

pub(crate) fn find_function(name: &ObjectName, version: Version) -> Option<&'static TableFunction> {
    let is_system = name.schema().is_some_and(|schema| same_name(schema, "sys"));
    function::FUNCTIONS.iter().find(|function| {
        is_system && same_name(function.name, name.name()) && is_in(version, function.name)
    })
}

impl View {
    pub(crate) fn columns(&self) -> Vec<Column> {
        columns(self.columns)
    }

    pub(crate) fn rows(&self, context: &Context<'_>, database: &str) -> Result<Vec<Row>> {
        (self.make)(context, database)
    }

    /// Negative, as the ids of system objects are.
    pub(crate) fn object_id(&self) -> i32 {
        let place = all().position(|view| std::ptr::eq(view, self)).unwrap_or(0);
        i32::try_from(place).unwrap_or(0) - 1000
    }
}

fn columns(columns: Columns) -> Vec<Column> {
    columns
        .iter()
        .map(|(name, kind)| Column {
            qualifier: Vec::new(),
            name: (*name).to_owned(),
            kind: *kind,
            is_nullable: true,
            origin: Origin::Stored,
        })
        .collect()
}

fn text(text: impl Into<String>) -> SqlValue {
    SqlValue::Text(text.into())
}

fn int(number: impl Into<i64>) -> SqlValue {
    SqlValue::Int(number.into())
}

const fn bit(bit: bool) -> SqlValue {
    SqlValue::Bit(bit)
}

const NULL: SqlValue = SqlValue::Null;

/// What an online database holds.
fn contents<'a>(context: &Context<'a>, database: &str) -> Option<&'a Contents> {
    context
        .state
        .databases
        .get(&database.to_lowercase())
        .map(|open| &open.contents)
}

/// Whether the caller sees the definitions in a database.
fn sees_definitions(context: &Context<'_>, database: &str) -> bool {
    context.caller().has_database(database, "VIEW DEFINITION")
}
