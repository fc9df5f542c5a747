//! A column of encrypted values, and the count of them.

use serde::{Deserialize, Serialize};

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
    /// Rows whose value is NULL (or, for texts, is not in the encrypted form).
    pub without_value: u64,
    /// Encrypted values.
    pub values: u64,
    /// Encrypted values that decrypt. Any other one does not.
    pub decrypted: u64,
}

impl EncryptedColumn {
    /// As people write it.
    pub(super) fn name(&self) -> String {
        format!("{}.{}.{}", self.schema, self.table, self.column)
    }

    /// Counts in a session that has opened the key.
    pub(super) async fn count(&self, connection: &mut Connection<'_>) -> Result<ColumnCount> {
        let name = self.column.as_str();
        let mut statement = Statement::new("SELECT COUNT_BIG(*) AS all_rows, ");
        statement = match &self.form {
            StoredForm::Binary => statement
                .text("COUNT_BIG(")
                .identifier(name)
                .text(") AS stored, COUNT_BIG(DECRYPTBYKEY(")
                .identifier(name)
                .text(")) AS decrypted"),
            StoredForm::DelimitedHexadecimal { delimiter } => {
                let units = i64::try_from(delimiter.encode_utf16().count()).unwrap_or(i64::MAX);
                if !(1..=100).contains(&units) {
                    return Err(Error::invalid(
                        "delimiter",
                        format!("it has {units} characters; give the 1 to 100 around the digits"),
                    ));
                }
                let is_stored = |statement: Statement| {
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
                };
                let statement = is_stored(statement.text("COUNT_BIG(CASE WHEN "))
                    .text(" THEN 1 END) AS stored, COUNT_BIG(CASE WHEN ");
                is_stored(statement)
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
        let batch = statement
            .text(" FROM ")
            .identifier(self.schema.as_str())
            .text(".")
            .identifier(self.table.as_str())
            .batch();
        let answer = connection.look(batch).await?;
        let row = answer.first()?;
        let number = |name: &str| Ok::<_, Error>(u64::try_from(row.integer(name)?).unwrap_or(0));
        let values = number("stored")?;
        Ok(ColumnCount {
            column: self.clone(),
            without_value: number("all_rows")?.saturating_sub(values),
            values,
            decrypted: number("decrypted")?,
        })
    }
}
