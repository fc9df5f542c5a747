//! What the examples know of an Orchestrator database: names of keys are documented, the table and
//! the form of its values are community knowledge.

use scorch_recovery::names::{DatabaseName, NameError, SqlInstance};
use scorch_recovery::sql::{DatabaseKeys, EncryptedColumn, StoredForm, VerifyDatabaseKeys};

/// Counts which of the variables that Orchestrator stored decrypt.
pub(crate) fn verify_variables(
    instance: &SqlInstance,
    database: &DatabaseName,
) -> Result<VerifyDatabaseKeys, NameError> {
    let column = EncryptedColumn {
        schema: "dbo".parse()?,
        table: "VARIABLES".parse()?,
        column: "Value".parse()?,
        form: StoredForm::DelimitedHexadecimal {
            delimiter: r"\`d.T.~De/".to_owned(),
        },
    };
    Ok(DatabaseKeys::verify(instance, database)
        .symmetric_key("ORCHESTRATOR_SYM_KEY".parse()?)
        .opened_by_asymmetric_key("ORCHESTRATOR_ASYM_KEY".parse()?)
        .counting(column))
}
