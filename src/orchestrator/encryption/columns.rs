//! The columns whose encrypted values are counted. That they have some is community knowledge.

use super::verified::UncountedColumn;
use crate::error::Result;
use crate::names::NameError;
use crate::orchestrator::catalog::Catalog;
use crate::sql::{DatabaseKeysVerified, EncryptedColumn, StoredForm};

/// What stands around a stored value (community).
pub(super) const DELIMITER: &str = r"\`d.T.~De/";

/// Encrypted variables.
pub(super) fn variables() -> Option<EncryptedColumn> {
    let delimiter = DELIMITER.to_owned();
    column(
        "VARIABLES",
        "Value",
        StoredForm::DelimitedHexadecimal { delimiter },
    )
}

/// What integration packs are configured with: XML, with the credentials encrypted in it.
pub(super) fn configurations() -> Option<EncryptedColumn> {
    let delimiter = DELIMITER.to_owned();
    column(
        "CONFIGURATION",
        "DataValue",
        StoredForm::DelimitedHexadecimalWithin { delimiter },
    )
}

fn column(table: &str, column: &str, form: StoredForm) -> Option<EncryptedColumn> {
    Some(EncryptedColumn {
        schema: "dbo".parse().ok()?,
        table: table.parse().ok()?,
        column: column.parse().ok()?,
        form,
    })
}

/// A column as the database has it, or why it can't be counted: what is computed when it is read, or is
/// a view's, the database's own code makes.
pub(super) fn find(catalog: &Catalog, wanted: &EncryptedColumn) -> Result<EncryptedColumn, String> {
    let relation = catalog
        .relation(wanted.schema.as_str(), wanted.table.as_str())
        .map_err(|lack| lack.why)?;
    let is_it = |name: &str| name.eq_ignore_ascii_case(wanted.column.as_str());
    let mut columns = relation.columns();
    let Some(column) = columns.find(|column| is_it(&column.name)) else {
        return Err("the table has no such column".to_owned());
    };
    if !relation.is_table() || column.is_computed {
        return Err("it is not stored, but made when it is read".to_owned());
    }
    if !column.is_text() {
        return Err(format!("it is no text, but {}", column.kind));
    }
    let unwritable = |_: NameError| "it has no name that can be written".to_owned();
    Ok(EncryptedColumn {
        schema: relation.schema.parse().map_err(unwritable)?,
        table: relation.name.parse().map_err(unwritable)?,
        column: column.name.parse().map_err(unwritable)?,
        form: wanted.form.clone(),
    })
}

/// Refuses where what can't be counted now was counted at the backup.
pub(super) fn require_there(
    uncounted: &[UncountedColumn],
    at_backup: &DatabaseKeysVerified,
) -> Result<()> {
    for UncountedColumn { column, why } in uncounted {
        let name = column.name();
        let mut before = at_backup.columns.iter();
        let Some(before) = before.find(|one| one.column.name().eq_ignore_ascii_case(&name)) else {
            continue;
        };
        return Err(DatabaseKeysVerified::mismatch(format!(
            "{name} had {} values at the backup and can't be counted now: {why}",
            before.values
        )));
    }
    Ok(())
}
