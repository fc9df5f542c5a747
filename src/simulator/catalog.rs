//! What an instance and its databases know: the rows behind the catalog views.
//!
//! These are plain values. `storage` keeps them; a [`Catalog`] is what `master` holds, a
//! [`Contents`] is what a database's own files and its backups hold. No key and no secret is in
//! them but wrapped.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::PrimitiveDateTime;

use crate::simulator::Platform;

/// Bytes as hexadecimal text in the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl TryFrom<String> for Bytes {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        hex::decode(text).map(Self)
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        hex::encode(bytes.0)
    }
}

/// A GUID in the wire's byte order.
pub(crate) type Guid = [u8; 16];

/// An encrypted key or secret: authenticated ciphertext, useless without the key above it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Wrapped(pub(crate) Bytes);

/// What `master` holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Catalog {
    /// The instance's name, `SQL01` or `SQL01\ORCH`.
    pub(crate) server: String,
    /// Fixed when the instance is made: the form of every path in here.
    pub(crate) platform: Platform,
    pub(crate) created: PrimitiveDateTime,
    pub(crate) service_master_key: ServiceMasterKeyRow,
    pub(crate) logins: Vec<Login>,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) linked_logins: Vec<LinkedLogin>,
    pub(crate) databases: Vec<DatabaseEntry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceMasterKeyRow {
    pub(crate) guid: Guid,
    pub(crate) created: PrimitiveDateTime,
    pub(crate) modified: PrimitiveDateTime,
    /// Under the machine's secret, as DPAPI's machine key would have it.
    pub(crate) by_machine: Wrapped,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) sid: Bytes,
    /// A salted hash; never the password.
    pub(crate) password_hash: Bytes,
    pub(crate) created: PrimitiveDateTime,
    pub(crate) is_disabled: bool,
    pub(crate) default_database: String,
    /// Fixed server roles, in lower case: `sysadmin`, `dbcreator`.
    pub(crate) roles: BTreeSet<String>,
    /// Server permissions granted, in upper case: `VIEW SERVER STATE`.
    pub(crate) permissions: BTreeSet<String>,
    /// Server permissions denied, in upper case.
    #[serde(default)]
    pub(crate) denied: BTreeSet<String>,
    #[serde(default)]
    pub(crate) options: LoginOptions,
}

/// What CREATE LOGIN says of a login besides its password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoginOptions {
    pub(crate) kind: PrincipalKind,
    pub(crate) default_language: String,
    pub(crate) checks_policy: bool,
    pub(crate) checks_expiration: bool,
}

impl Default for LoginOptions {
    fn default() -> Self {
        Self {
            kind: PrincipalKind::Sql,
            default_language: "us_english".to_owned(),
            checks_policy: true,
            checks_expiration: false,
        }
    }
}

/// Who vouches for a login or user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PrincipalKind {
    #[default]
    Sql,
    WindowsUser,
    WindowsGroup,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Credential {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) identity: String,
    /// Under the service master key.
    pub(crate) secret: Option<Wrapped>,
    pub(crate) created: PrimitiveDateTime,
    /// The family of databases whose master key's password this is
    /// (`sp_control_dbmasterkey_password`).
    pub(crate) family: Option<Guid>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LinkedLogin {
    pub(crate) server: String,
    pub(crate) remote_user: String,
    /// Under the service master key.
    pub(crate) password: Option<Wrapped>,
}

/// A row of `sys.databases`, and what else `master` knows of a database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DatabaseEntry {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) state: DatabaseState,
    pub(crate) user_access: UserAccess,
    pub(crate) is_read_only: bool,
    pub(crate) owner: Bytes,
    pub(crate) created: PrimitiveDateTime,
    pub(crate) family: Guid,
    pub(crate) is_broker_enabled: bool,
    /// Its Service Broker's identity, where NEW_BROKER gave it one; else that of its family.
    #[serde(default)]
    pub(crate) broker: Option<Guid>,
    pub(crate) is_trustworthy: bool,
    /// `master`'s copy of the database master key, under the service master key.
    pub(crate) master_key_copy: Option<Wrapped>,
    pub(crate) files: Vec<DatabaseFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DatabaseState {
    Online,
    Restoring,
    RecoveryPending,
    Suspect,
    Offline,
    /// Read-only, and for sysadmins only.
    Emergency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum UserAccess {
    Multi,
    Single,
    Restricted,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseFile {
    pub(crate) id: i32,
    pub(crate) logical_name: String,
    /// The server's path.
    pub(crate) path: String,
    pub(crate) is_log: bool,
}

/// What a database's own files hold, and what its backup carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    pub(crate) family: Guid,
    pub(crate) recovery_fork: Guid,
    /// The internal database version it was last opened with.
    pub(crate) version: i32,
    pub(crate) compatibility_level: u8,
    pub(crate) recovery_model: RecoveryModel,
    pub(crate) created: PrimitiveDateTime,
    /// Grows with every change: the source of log sequence numbers.
    pub(crate) change_count: u64,
    /// The last full backup that was not COPY_ONLY, and the change it holds everything before.
    #[serde(default)]
    pub(crate) last_full_backup: Option<(Guid, u64)>,
    /// The change up to which the log was backed up.
    #[serde(default)]
    pub(crate) log_backed_up: u64,
    /// As in the entry. Travels with a backup.
    #[serde(default)]
    pub(crate) broker: Option<Guid>,
    /// Tables with a damaged page, planted there by a test. Travel with a backup.
    #[serde(default)]
    pub(crate) damaged_tables: BTreeSet<i32>,
    pub(crate) users: Vec<User>,
    pub(crate) schemas: Vec<String>,
    /// Permissions on schemas, by schema and then by user or role.
    #[serde(default)]
    pub(crate) schema_grants: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    pub(crate) master_key: Option<MasterKey>,
    /// The key that encrypts the database itself (TDE).
    #[serde(default)]
    pub(crate) encryption_key: Option<EncryptionKey>,
    pub(crate) asymmetric_keys: Vec<AsymmetricKey>,
    pub(crate) certificates: Vec<AsymmetricKey>,
    pub(crate) symmetric_keys: Vec<SymmetricKey>,
    pub(crate) tables: Vec<Table>,
    pub(crate) procedures: Vec<Procedure>,
    /// Triggers on the database.
    #[serde(default)]
    pub(crate) triggers: Vec<Trigger>,
    /// Queues of the Service Broker.
    #[serde(default)]
    pub(crate) queues: Vec<Queue>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RecoveryModel {
    Full,
    BulkLogged,
    Simple,
}

/// A database user or role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) sid: Bytes,
    pub(crate) is_role: bool,
    /// Roles it is a member of.
    pub(crate) roles: BTreeSet<String>,
    /// Database permissions granted, in upper case: `CONTROL`, `BACKUP DATABASE`, `EXECUTE`.
    pub(crate) permissions: BTreeSet<String>,
    /// Database permissions denied, in upper case.
    #[serde(default)]
    pub(crate) denied: BTreeSet<String>,
    /// Permissions on it by user or role: `IMPERSONATE`.
    #[serde(default)]
    pub(crate) grants: BTreeMap<String, BTreeSet<String>>,
    #[serde(default)]
    pub(crate) kind: PrincipalKind,
    /// `None`: dbo.
    #[serde(default)]
    pub(crate) default_schema: Option<String>,
}

/// The database master key: one key, wrapped several times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MasterKey {
    pub(crate) guid: Guid,
    pub(crate) created: PrimitiveDateTime,
    pub(crate) modified: PrimitiveDateTime,
    /// Nothing, wrapped by the key: tells whether a key opened earlier is still this one.
    pub(crate) check: Wrapped,
    /// `ESKP`: one per password.
    pub(crate) by_passwords: Vec<Wrapped>,
    /// `ESKM`: the database's own copy under the service master key. Travels with a backup.
    pub(crate) by_service_master_key: Option<Wrapped>,
}

/// The key that a database is encrypted with (TDE), under a certificate of `master`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EncryptionKey {
    pub(crate) guid: Guid,
    /// `AES_128`, `AES_192`, `AES_256`.
    pub(crate) algorithm: String,
    pub(crate) created: PrimitiveDateTime,
    /// When it was last applied to the database.
    pub(crate) set: Option<PrimitiveDateTime>,
    /// The certificate in `master` that opens it.
    pub(crate) thumbprint: Bytes,
    /// The key under the certificate.
    pub(crate) key: Wrapped,
    /// Whether the database is encrypted with it.
    pub(crate) is_on: bool,
}

/// An asymmetric key, or the key pair of a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AsymmetricKey {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) bits: u16,
    pub(crate) thumbprint: Bytes,
    pub(crate) public_key: Bytes,
    pub(crate) private_key: Wrapped,
    pub(crate) protection: Protection,
    /// When a certificate becomes valid and when it stops to be.
    #[serde(default)]
    pub(crate) validity: Option<(PrimitiveDateTime, PrimitiveDateTime)>,
    /// When the private key was last backed up: `pvt_key_last_backup_date`.
    #[serde(default)]
    pub(crate) last_backup: Option<PrimitiveDateTime>,
    /// Permissions on it by user or role.
    #[serde(default)]
    pub(crate) grants: BTreeMap<String, BTreeSet<String>>,
}

/// What wraps a private or symmetric key: `pvt_key_encryption_type`, `crypt_type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protection {
    /// The database master key.
    MasterKey,
    /// There is none to be wrapped: a certificate that came without its private key.
    NoPrivateKey,
    Password,
    AsymmetricKey(String),
    Certificate(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SymmetricKey {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) guid: Guid,
    /// `AES_128`, `AES_192`, `AES_256`.
    pub(crate) algorithm: String,
    pub(crate) created: PrimitiveDateTime,
    pub(crate) wrapped: Vec<(Protection, Wrapped)>,
    /// Permissions on it by user or role.
    #[serde(default)]
    pub(crate) grants: BTreeMap<String, BTreeSet<String>>,
}

/// A user table. Its rows are in the database's row store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) id: i32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<TableColumn>,
    /// Its primary key and unique constraints.
    #[serde(default)]
    pub(crate) keys: Vec<TableKey>,
    /// The next value of its identity column.
    #[serde(default)]
    pub(crate) next_identity: i64,
    /// Permissions on it by user or role.
    #[serde(default)]
    pub(crate) grants: BTreeMap<String, BTreeSet<String>>,
}

/// A primary key or unique constraint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TableKey {
    pub(crate) name: String,
    pub(crate) is_primary: bool,
    pub(crate) columns: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    /// As T-SQL writes it: `nvarchar(max)`, `int`.
    pub(crate) type_name: String,
    pub(crate) nullable: bool,
    pub(crate) identity: bool,
    /// A default, as T-SQL text.
    pub(crate) default: Option<String>,
}

/// A trigger on the database, which is listed and never run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) id: i32,
    pub(crate) name: String,
    pub(crate) definition: String,
}

/// A queue of the Service Broker, which is switched on and off, and that nothing is ever sent to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) id: i32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) is_on: bool,
}

/// A stored procedure: its text, run by the engine's own T-SQL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Procedure {
    pub(crate) id: i32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) definition: String,
    /// Permissions on it by user or role.
    pub(crate) grants: BTreeMap<String, BTreeSet<String>>,
}
