//! Operations on SQL Server: keys, databases, and who else lives under a key.

pub(crate) mod answer;
mod backup_media;
mod backup_set;
mod certificate;
pub(crate) mod connection;
mod database;
mod database_keys;
mod database_master_key;
mod dependents;
mod file_examination;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod grant_script;
pub(crate) mod impersonation;
mod key_file;
mod key_file_password;
mod key_probe;
mod key_restore_outcome;
mod key_sentinel;
pub(crate) mod lost_session;
mod modules;
mod numbers;
pub(crate) mod permission_check;
mod principals;
mod server_identity;
mod service_master_key;
pub(crate) mod statement;
mod throwaway;
mod users;
mod watched;

pub use backup_set::{BackupSet, BackupSetFile};
pub use certificate::{
    BackUpCertificate, Certificate, CertificateBackup, CertificateInfo, InspectCertificate,
    PrivateKey, RestoreCertificate, RestoredCertificate,
};
pub use database::{
    BackUpDatabase, BackupCipher, BackupCompression, CheckDatabaseIntegrity, Database,
    DatabaseBackup, DatabaseEncryption, DatabaseFileInfo, DatabaseInfo, DatabaseIntegrity,
    EnableBroker, InspectDatabase, OpenDatabaseToUsers, OpenedDatabase, RenameDatabase,
    RestoreDatabase, RestoredDatabase, RestrictDatabase, SetDatabaseOffline, SwapDatabases,
    SwappedDatabases, TakeDatabaseOwnership, VerifyBackup,
};
pub use database_keys::{
    ColumnCount, DatabaseKeys, DatabaseKeysVerified, EncryptedColumn, StoredForm,
    VerifyDatabaseKeys,
};
pub use database_master_key::{
    BackUpDatabaseMasterKey, DatabaseMasterKey, DatabaseMasterKeyBackup, DatabaseMasterKeyInfo,
    InspectDatabaseMasterKey, ProtectByPassword, ProtectByServiceMasterKey, ProtectedByPassword,
    ProtectedByServiceMasterKey, RestoreDatabaseMasterKey, RestoredDatabaseMasterKey,
    RewrapThroughScratch, RewrappedBackup, VerifiedPassword, VerifyPassword,
};
pub use dependents::{
    Completeness, DependentCertificate, DependentDatabase, Dependents, InspectDependents,
};
pub use file_examination::FileExamination;
pub use grant_script::grant_script;
pub use key_probe::{KeyProbe, ProbeResult};
pub use key_restore_outcome::KeyRestoreOutcome;
pub use key_sentinel::{BackUpKeySentinel, KeySentinel, KeySentinelBackup};
pub use modules::{
    Activation, AssemblyInfo, DatabaseTrigger, InspectModules, Module, ModuleDifferences, Modules,
};
pub use principals::{
    CapturePrincipals, CapturedLogin, CapturedPassword, CapturedPermission, CapturedRole,
    CapturedSecurable, CapturedUser, LoginFinding, LoginKind, LoginNote, LoginOutcome,
    PermissionState, Principals, RestorePrincipals, RestoredLogin, RestoredPrincipals,
    ServerPermission, ServerPower, ServerPowers,
};
pub use server_identity::ServerIdentity;
pub use service_master_key::{
    BackUpServiceMasterKey, InspectServiceMasterKey, KeyBackup, ProveKeyBackup, ProvedKeyBackup,
    RestoreServiceMasterKey, RestoredKey, ServiceMasterKey, ServiceMasterKeyInfo,
};
pub use users::{
    InspectOrphanedUsers, OrphanedUser, OrphanedUsers, RepairUsers, RepairedUsers, UserFinding,
    UserKind,
};

use std::fmt::Display;
use std::future::Future;

use crate::context::Context;
use crate::error::Result;
use crate::progress::Progress;

/// Runs an operation's body: tells its beginning and end, and puts its name to its errors.
pub(crate) async fn tell<T>(
    cx: &Context,
    operation: &'static str,
    target: &(impl Display + Sync),
    body: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    cx.report(&Progress::Started {
        operation,
        target: target.to_string(),
    });
    let result = body.await.map_err(|error| error.at(operation, target));
    if result.is_ok() {
        cx.report(&Progress::Finished { operation });
    }
    result
}
