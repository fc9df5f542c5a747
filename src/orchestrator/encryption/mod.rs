mod columns;
mod key;
mod recreate_keys;
mod round_trip;
mod values;
mod verified;
mod verify;

pub use recreate_keys::{RecreateOrchestratorKeys, RecreatedOrchestratorKeys};
pub use values::{EncryptedValue, EncryptedValues, ReadEncryptedValues};
pub use verified::{EncryptionUser, EncryptionVerified, StoredUnderKey, UncountedColumn};
pub use verify::VerifyEncryption;

use crate::names::{DatabaseName, SqlInstance};

/// The encryption of an Orchestrator database: its own keys (`ORCHESTRATOR_ASYM_KEY`,
/// `ORCHESTRATOR_SYM_KEY`, documented), and its own procedures that use them.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, orchestrator::Encryption};
///
/// let verify = Encryption::verify(&"SQL01".parse()?, &"Orchestrator".parse()?)
///     .as_user("verifier".parse()?);
/// assert_eq!(
///     verify.describe().script[0],
///     "EXECUTE AS USER = N'verifier' WITH NO REVERT"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Encryption;

impl Encryption {
    /// Tries the whole chain of `database`, down to Orchestrator's own procedures: `.as_user(…)`,
    /// `.trusting(&modules)` or `.as_at_backup(&verified)`.
    pub fn verify(instance: &SqlInstance, database: &DatabaseName) -> VerifyEncryption {
        VerifyEncryption::new(instance.clone(), database.clone())
    }

    /// Lists where `database` has encrypted values.
    pub fn values(instance: &SqlInstance, database: &DatabaseName) -> ReadEncryptedValues {
        ReadEncryptedValues::new(instance.clone(), database.clone())
    }

    /// Drops the keys of `database` and makes new ones, which loses every encrypted value:
    /// `.losing(&values)`, `.trusting(&modules)`, `.services_stopped(&seen)`.
    pub fn recreate_keys(
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> RecreateOrchestratorKeys {
        RecreateOrchestratorKeys::new(instance.clone(), database.clone())
    }
}

/// Where the procedures are, behind the root of the schemas (documented).
const SCHEMA: &str = ".Cryptography";
