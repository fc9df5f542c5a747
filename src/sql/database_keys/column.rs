//! A column of encrypted values, and the count of them.

use serde::{Deserialize, Serialize};

use super::parts::Parts;
use crate::error::{Error, Result};
use crate::names::{ColumnName, SchemaName, TableName};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// How a column holds its encrypted values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoredForm {
    /// As `varbinary`, each value what ENCRYPTBYKEY gave.
    Binary,
    /// As text: the bytes in hexadecimal between two delimiters. Other texts are not counted.
    DelimitedHexadecimal {
        /// What stands before and behind the hexadecimal digits.
        delimiter: String,
    },
    /// As parts of longer texts, any number in each: the bytes in hexadecimal between two delimiters,
    /// the first and the second, the third and the fourth, and so on.
    ///
    /// Nothing between two delimiters is no value. A delimiter without a second one begins a value that
    /// does not decrypt, so that a text that was cut off is seen.
    DelimitedHexadecimalWithin {
        /// What stands before and behind the hexadecimal digits of each part.
        delimiter: String,
    },
}

/// A column that holds encrypted values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    clippy::exhaustive_structs,
    reason = "callers write it; a column is named by these"
)]
pub struct EncryptedColumn {
    /// The schema of the table.
    pub schema: SchemaName,
    /// The table.
    pub table: TableName,
    /// The column.
    pub column: ColumnName,
    /// How it holds them.
    pub form: StoredForm,
}

/// What a column holds, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ColumnCount {
    /// The column.
    pub column: EncryptedColumn,
    /// Rows whose value is NULL (or, for texts, is not in the encrypted form, or has no part in it).
    pub without_value: u64,
    /// Encrypted values: as many as rows have them or, where they are parts of texts, as there are parts.
    pub values: u64,
    /// Encrypted values that decrypt. Any other one does not.
    pub decrypted: u64,
}

impl EncryptedColumn {
    /// As people write it.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}.{}", self.schema, self.table, self.column)
    }

    /// What begins and ends a text of the encrypted form, or a part of it, and how long it is.
    fn delimiter(&self) -> Result<Option<(&str, i64)>> {
        let delimiter = match &self.form {
            StoredForm::Binary => return Ok(None),
            StoredForm::DelimitedHexadecimal { delimiter }
            | StoredForm::DelimitedHexadecimalWithin { delimiter } => delimiter,
        };
        let units = i64::try_from(delimiter.encode_utf16().count()).unwrap_or(i64::MAX);
        if (1..=100).contains(&units) {
            return Ok(Some((delimiter, units)));
        }
        Err(Error::invalid(
            "delimiter",
            format!("it has {units} characters; give the 1 to 100 around the digits"),
        ))
    }

    /// Whether a text is of the encrypted form.
    fn is_stored(&self, statement: Statement, delimiter: &str, units: i64) -> Statement {
        let name = self.column.as_str();
        statement
            .text("LEN(")
            .identifier(name)
            .text(") > ")
            .number(2 * units)
            .text(" AND LEFT(")
            .identifier(name)
            .text(", ")
            .number(units)
            .text(") = ")
            .literal(delimiter)
            .text(" AND RIGHT(")
            .identifier(name)
            .text(", ")
            .number(units)
            .text(") = ")
            .literal(delimiter)
    }

    /// Its texts' parts, where values are parts of texts.
    fn parts(&self) -> Result<Option<Parts<'_>>> {
        let is_within = matches!(self.form, StoredForm::DelimitedHexadecimalWithin { .. });
        let delimiter = self.delimiter()?.filter(|_| is_within);
        Ok(delimiter.map(|(delimiter, units)| Parts {
            column: self,
            delimiter,
            units,
        }))
    }

    /// ` FROM [schema].[table]`.
    pub(super) fn from(&self, statement: Statement) -> Statement {
        statement
            .text(" FROM ")
            .identifier(self.schema.as_str())
            .text(".")
            .identifier(self.table.as_str())
    }

    /// Counts the values that begin with the identifier of a key, as its bytes are stored. Opens
    /// nothing: it says under which key a value was encrypted, not that it decrypts.
    pub(crate) async fn count_under(
        &self,
        connection: &mut Connection<'_>,
        key_guid: &[u8],
    ) -> Result<u64> {
        let statement = match self.parts()? {
            Some(parts) => parts.count_under(key_guid),
            None => self.count_values_under(key_guid)?,
        };
        let answer = connection.look(statement.batch()).await?;
        let count = answer.first()?.integer("under_key")?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn count_values_under(&self, key_guid: &[u8]) -> Result<Statement> {
        let name = self.column.as_str();
        let statement = Statement::new("SELECT COUNT_BIG(CASE WHEN ");
        let statement = match self.delimiter()? {
            None => statement
                .text("SUBSTRING(")
                .identifier(name)
                .text(", 1, 16)"),
            // The first 16 bytes are 32 digits.
            Some((delimiter, units)) => self
                .is_stored(statement, delimiter, units)
                .text(" AND TRY_CONVERT(varbinary(16), SUBSTRING(")
                .identifier(name)
                .text(", ")
                .number(units + 1)
                .text(", 32), 2)"),
        };
        let statement = statement
            .text(" = ")
            .bytes(key_guid)
            .text(" THEN 1 END) AS under_key");
        Ok(self.from(statement))
    }

    /// Counts in a session that has opened the key.
    pub(super) async fn count(&self, connection: &mut Connection<'_>) -> Result<ColumnCount> {
        let parts = self.parts()?;
        let statement = match &parts {
            Some(parts) => parts.count(),
            None => self.count_values()?,
        };
        let answer = connection.look(statement.batch()).await?;
        let row = answer.first()?;
        let number = |name: &str| Ok::<_, Error>(u64::try_from(row.integer(name)?).unwrap_or(0));
        let values = number("stored")?;
        let without_value = match parts {
            Some(_) => number("without_value")?,
            None => number("all_rows")?.saturating_sub(values),
        };
        Ok(ColumnCount {
            column: self.clone(),
            without_value,
            values,
            decrypted: number("decrypted")?,
        })
    }

    fn count_values(&self) -> Result<Statement> {
        let name = self.column.as_str();
        let statement = Statement::new("SELECT COUNT_BIG(*) AS all_rows, ");
        let statement = match self.delimiter()? {
            None => statement
                .text("COUNT_BIG(")
                .identifier(name)
                .text(") AS stored, COUNT_BIG(DECRYPTBYKEY(")
                .identifier(name)
                .text(")) AS decrypted"),
            Some((delimiter, units)) => {
                let statement = self
                    .is_stored(statement.text("COUNT_BIG(CASE WHEN "), delimiter, units)
                    .text(" THEN 1 END) AS stored, COUNT_BIG(CASE WHEN ");
                self.is_stored(statement, delimiter, units)
                    .text(" THEN DECRYPTBYKEY(TRY_CONVERT(varbinary(8000), SUBSTRING(")
                    .identifier(name)
                    .text(", ")
                    .number(units + 1)
                    .text(", LEN(")
                    .identifier(name)
                    .text(") - ")
                    .number(2 * units)
                    .text("), 2)) END) AS decrypted")
            }
        };
        Ok(self.from(statement))
    }
}
