use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::columns::DELIMITER;
use super::key::SymmetricKey;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, KeyName, SqlInstance, TableName};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::catalog::{Catalog, CatalogColumn, Relation, Wanted, pick};
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "list encrypted values of database";

/// Lists where an Orchestrator database has encrypted values: what somebody has to type in again if its
/// keys are made anew.
///
/// # Contract
/// * Reads only, tables only, and calls nothing that the database brought. No value leaves the server.
/// * Every column of every table is searched: for texts that hold an encrypted part (its delimiter is
///   community knowledge), and for bytes that begin with the identifier of the database's key.
/// * The licence key is encrypted too, and its place is not known: it is not in the list, and has to be
///   typed in again as well (documented).
///
/// # Errors
/// `NotFound` (no such database), `PermissionDenied` (SELECT and VIEW DEFINITION on the database,
/// without which some tables would be missing), `TimedOut` where a table is too large to search: see
/// [`leaving_out`](Self::leaving_out). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM [table] AS r WHERE CHARINDEX(N'…', r.[column]) > 0 …`, for each table
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct ReadEncryptedValues {
    instance: SqlInstance,
    database: DatabaseName,
    symmetric_key: Option<KeyName>,
    delimiter: String,
    leaving_out: Vec<TableName>,
}

/// Where a database has encrypted values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EncryptedValues {
    /// The instance, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// The identifier of its symmetric key, in hexadecimal; `None`: it has none.
    pub key_guid: Option<String>,
    /// The values, one by one.
    pub values: Vec<EncryptedValue>,
    /// Tables that were not searched, as asked.
    pub left_out: Vec<TableName>,
}

/// An encrypted value, or a text with encrypted parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EncryptedValue {
    /// The schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The identifier of its row, where the table has one.
    pub id: Option<String>,
    /// What it belongs to, by name, where that can be told: a variable, an activity.
    pub name: Option<String>,
}

/// What an operation carries of values that were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ValuesEvidence {
    server: String,
    digest: String,
    pub(super) key_guid: Option<String>,
    /// How many, column by column.
    pub(super) columns: Vec<String>,
    pub(super) left_out: Vec<TableName>,
}

impl EncryptedValues {
    /// How many values each column has: `dbo.VARIABLES.Value: 12`.
    #[must_use]
    pub fn by_column(&self) -> Vec<String> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for value in &self.values {
            let column = format!("{}.{}.{}", value.schema, value.table, value.column);
            *counts.entry(column).or_default() += 1;
        }
        let counts = counts.into_iter();
        counts
            .map(|(column, count)| format!("{column}: {count}"))
            .collect()
    }

    pub(super) fn evidence(&self) -> ValuesEvidence {
        let mut values: Vec<&EncryptedValue> = self.values.iter().collect();
        values.sort();
        let list = serde_json::json!([values, self.left_out]);
        ValuesEvidence {
            server: self.server.clone(),
            digest: hex::encode(Sha256::digest(list.to_string())),
            key_guid: self.key_guid.clone(),
            columns: self.by_column(),
            left_out: self.left_out.clone(),
        }
    }

    /// Reads them in a session that is in the database; bytes that begin with `key_guid` are values.
    pub(super) async fn read(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
        key_guid: Option<&[u8]>,
        delimiter: &str,
        left_out: &[TableName],
    ) -> Result<Self> {
        let catalog = Catalog::read(connection).await?;
        let mut values = Vec::new();
        for table in catalog.relations() {
            let is_left_out = |out: &TableName| out.as_str().eq_ignore_ascii_case(table.name);
            if table.is_table() && !left_out.iter().any(is_left_out) {
                connection.cx().safe_point()?;
                values.extend(search(connection, &catalog, &table, key_guid, delimiter).await?);
            }
        }
        values.sort();
        Ok(Self {
            server: connection.identity().names(),
            database: database.clone(),
            key_guid: key_guid.map(hex::encode),
            values,
            left_out: left_out.to_vec(),
        })
    }
}

impl ValuesEvidence {
    /// Refuses other values than those that were seen.
    pub(super) fn check(&self, now: &EncryptedValues) -> Result<()> {
        let found = now.evidence();
        if found.digest == self.digest && found.server == self.server {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ConsentRequired,
            "losing: the encrypted values are not those that were seen",
        )
        .with_remedy("list them again with Encryption::values, keep the list, and decide anew"))
    }
}

/// The encrypted values of one table.
async fn search(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
    table: &Relation<'_>,
    key_guid: Option<&[u8]>,
    delimiter: &str,
) -> Result<Vec<EncryptedValue>> {
    let is_bytes = |column: &CatalogColumn| matches!(column.kind.as_str(), "varbinary" | "binary");
    let columns: Vec<&CatalogColumn> = table
        .columns()
        .filter(|column| !column.is_computed)
        .filter(|column| column.is_text() || (is_bytes(column) && key_guid.is_some()))
        .collect();
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let holds = |column: &CatalogColumn, statement: Statement| {
        if is_bytes(column) {
            let statement = column.of_row(statement.text("SUBSTRING("));
            let key_guid = key_guid.unwrap_or_default();
            return statement.text(", 1, 16) = ").bytes(key_guid);
        }
        let statement = statement.text("CHARINDEX(").literal(delimiter);
        let statement = statement.text(", CONVERT(nvarchar(max), ");
        column.of_row(statement).text(")) > 0")
    };
    let id = table.optional(&Wanted::known(&["UniqueID", "Id", "ObjectID"]));
    let mut statement = pick(Statement::new("SELECT "), id, "id");
    statement = name_of_row(catalog, table, id, statement);
    // A row for each column that holds one, in one question.
    let marks = (0..columns.len()).map(|place| format!("has_{place}"));
    let marks: Vec<String> = marks.collect();
    for (column, mark) in columns.iter().zip(&marks) {
        statement = holds(column, statement.text(", CASE WHEN "))
            .text(" THEN 1 ELSE 0 END AS ")
            .identifier(mark);
    }
    statement = table.from(statement).text(" WHERE ");
    for (place, column) in columns.iter().enumerate() {
        let or = if place == 0 { "" } else { " OR " };
        statement = holds(column, statement.text(or));
    }
    let answer = connection.look(statement.batch()).await.map_err(|error| {
        let table = format!("{}.{}", table.schema, table.name);
        match error.kind() {
            ErrorKind::TimedOut => Error::new(error.kind(), format!("{table}: {}", error.detail()))
                .with_remedy("if nobody would type its values in again, call .leaving_out(…) with that table"),
            _ => error,
        }
    })?;
    let mut values = Vec::new();
    for row in answer.rows(0) {
        for (column, mark) in columns.iter().zip(&marks) {
            if row.is(mark)? {
                values.push(EncryptedValue {
                    schema: table.schema.to_owned(),
                    table: table.name.to_owned(),
                    column: column.name.clone(),
                    id: row.text_or_null("id")?.map(str::to_owned),
                    name: row.text_or_null("name")?.map(str::to_owned),
                });
            }
        }
    }
    Ok(values)
}

/// The row's own name, or that of the object with its identifier (community).
fn name_of_row(
    catalog: &Catalog,
    table: &Relation<'_>,
    id: Option<&CatalogColumn>,
    statement: Statement,
) -> Statement {
    let statement = statement.text(", ");
    let name = table.optional(&Wanted::known(&["Name"]));
    let objects = catalog.relation("dbo", "OBJECTS").ok().and_then(|objects| {
        let object_id = objects.optional(&Wanted::known(&["UniqueID"]))?;
        let object_name = objects.optional(&Wanted::known(&["Name"]))?;
        Some((objects, object_id, object_name))
    });
    let is_guid = |column: &CatalogColumn| column.kind == "uniqueidentifier";
    match (name, id, objects) {
        (None, Some(id), Some((objects, object_id, object_name)))
            if is_guid(id) && is_guid(object_id) =>
        {
            let statement = statement
                .text("(SELECT MAX(o.")
                .identifier(&object_name.name)
                .text(") FROM ")
                .identifier(objects.schema)
                .text(".")
                .identifier(objects.name)
                .text(" AS o WHERE o.")
                .identifier(&object_id.name)
                .text(" = ");
            id.of_row(statement).text(") AS name")
        }
        (name, _, _) => pick(statement, name, "name"),
    }
}

impl ReadEncryptedValues {
    pub(super) fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            symmetric_key: "ORCHESTRATOR_SYM_KEY".parse().ok(),
            delimiter: DELIMITER.to_owned(),
            leaving_out: Vec::new(),
        }
    }

    /// Does not search a table: one of logs, which nobody types in again and is too large to search.
    pub fn leaving_out(mut self, table: TableName) -> Self {
        self.leaving_out.push(table);
        self
    }

    fn target(&self) -> String {
        format!("database {} on {}", self.database, self.instance)
    }

    async fn list(&self, cx: &Context) -> Result<EncryptedValues> {
        let permissions = self.describe().permissions;
        let database = Some(&self.database);
        let mut connection =
            Connection::open_allowed(cx, &self.instance, database, &permissions).await?;
        let key = SymmetricKey::read(&mut connection, self.symmetric_key.as_ref()).await?;
        EncryptedValues::read(
            &mut connection,
            &self.database,
            key.guid(),
            &self.delimiter,
            &self.leaving_out,
        )
        .await
    }
}

impl Sealed for ReadEncryptedValues {}

#[async_trait]
impl Operation for ReadEncryptedValues {
    type Output = EncryptedValues;

    fn describe(&self) -> Description {
        Description {
            target: self.target(),
            action: "list where the database has encrypted values".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![
                Permission::database("SELECT", &self.database),
                Permission::database("VIEW DEFINITION", &self.database),
            ],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        // Looking leaves nothing behind.
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.list(cx)
            .await
            .map_err(|error| error.at(NAME, self.target()))
    }
}
