//! Every operation as one serializable value.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::Result;
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::{
    BackUpDataStoreConfig, CancelJobs, CancelledJobs, DataStoreInfo, DeploymentServices,
    EncryptedValues, EncryptionVerified, GiveBackDeployment, InspectJobs, InspectServices,
    Inventory, Jobs, KeepJobs, QuietDeployment, QuietedDeployment, ReadDataStoreConfig,
    ReadEncryptedValues, ReadInventory, ReadWebComponents, RebuildAuthorizationCache,
    RebuiltAuthorizationCache, RecreateOrchestratorKeys, RecreatedOrchestratorKeys,
    RestartServices, ServiceVerdicts, SettingsSnapshot, StartMaintenanceQueue, StartServices,
    StartedMaintenanceQueue, StopServices, VerifiedWebComponents, VerifyEncryption,
    VerifyWebComponents, WebComponentsInfo, WriteDataStoreConfig, WriteDataStoreConfigs,
    WriteWebComponents, WrittenDataStoreConfig, WrittenDataStoreConfigs, WrittenWebComponents,
};
use crate::sql::{
    BackUpCertificate, BackUpDatabase, BackUpDatabaseMasterKey, BackUpKeySentinel,
    BackUpServiceMasterKey, BackupSet, CapturePrincipals, CertificateBackup, CertificateInfo,
    CheckDatabaseIntegrity, DatabaseBackup, DatabaseInfo, DatabaseIntegrity, DatabaseKeysVerified,
    DatabaseMasterKeyBackup, DatabaseMasterKeyInfo, Dependents, EnableBroker, InspectCertificate,
    InspectDatabase, InspectDatabaseMasterKey, InspectDependents, InspectModules,
    InspectOrphanedUsers, InspectServiceMasterKey, KeyBackup, KeySentinelBackup, Modules,
    OpenDatabaseToUsers, OpenedDatabase, OrphanedUsers, Principals, ProtectByPassword,
    ProtectByServiceMasterKey, ProtectedByPassword, ProtectedByServiceMasterKey, ProveKeyBackup,
    ProvedKeyBackup, RenameDatabase, RepairUsers, RepairedUsers, RestoreCertificate,
    RestoreDatabase, RestoreDatabaseMasterKey, RestorePrincipals, RestoreServiceMasterKey,
    RestoredCertificate, RestoredDatabase, RestoredDatabaseMasterKey, RestoredKey,
    RestoredPrincipals, RestrictDatabase, RewrapThroughScratch, RewrappedBackup,
    ServiceMasterKeyInfo, SetDatabaseOffline, SwapDatabases, SwappedDatabases,
    TakeDatabaseOwnership, VerifiedPassword, VerifyBackup, VerifyDatabaseKeys, VerifyPassword,
};

/// Declares the enums of operations and of their outputs, and hands every call through.
macro_rules! declare {
    ($($(#[$doc:meta])* $variant:ident($operation:ident -> $output:ident) = $tag:literal,)+) => {
        /// Any operation, as one value that plans and journals hold. The tags are versioned: what a
        /// journal of an older version says keeps its meaning.
        ///
        /// # Example
        /// ```
        /// use scorch_recovery::{AnyOperation, sql::ServiceMasterKey};
        ///
        /// let operation = AnyOperation::from(ServiceMasterKey::inspect(&"SQL01".parse()?));
        /// let json = serde_json::to_string(&operation)?;
        /// assert_eq!(json, r#"{"operation":"service-master-key/inspect@1","instance":"SQL01"}"#);
        /// assert_eq!(serde_json::from_str::<AnyOperation>(&json)?, operation);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "operation")]
        #[non_exhaustive]
        pub enum AnyOperation {
            $($(#[$doc])* #[serde(rename = $tag)] $variant($operation),)+
        }

        /// What any operation gives.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "output")]
        #[non_exhaustive]
        pub enum AnyOutput {
            $($(#[$doc])* #[serde(rename = $tag)] $variant($output),)+
        }

        impl AnyOperation {
            /// The tags of all operations, in the order of the enum.
            pub const TAGS: &'static [&'static str] = &[$($tag),+];
        }

        $(impl From<$operation> for AnyOperation {
            fn from(operation: $operation) -> Self {
                Self::$variant(operation)
            }
        })+

        impl Sealed for AnyOperation {}

        #[async_trait]
        impl Operation for AnyOperation {
            type Output = AnyOutput;

            fn describe(&self) -> Description {
                match self {
                    $(Self::$variant(operation) => operation.describe(),)+
                }
            }

            async fn observe(&self, cx: &Context) -> Result<Observation> {
                match self {
                    $(Self::$variant(operation) => operation.observe(cx).await,)+
                }
            }

            async fn run(&self, cx: &Context) -> Result<Self::Output> {
                Ok(match self {
                    $(Self::$variant(operation) => AnyOutput::$variant(operation.run(cx).await?),)+
                })
            }
        }
    };
}

/// Those on SQL Server, and behind the semicolon those on hosts.
macro_rules! any_operation {
    (
        $($(#[$doc:meta])* $variant:ident($operation:ident -> $output:ident) = $tag:literal,)+
        ; hosts { $($host:tt)+ }
    ) => {
        declare! {
            $($(#[$doc])* $variant($operation -> $output) = $tag,)+
            $($host)+
        }

        impl AnyOperation {
            /// The tags of the operations on SQL Server, which come first.
            pub const SQL_TAGS: &'static [&'static str] = &[$($tag),+];
        }
    };
}

any_operation! {
    /// `Certificate::backup`.
    BackUpCertificate(BackUpCertificate -> CertificateBackup) = "certificate/backup@1",
    /// `Database::backup`.
    BackUpDatabase(BackUpDatabase -> DatabaseBackup) = "database/backup@1",
    /// `DatabaseMasterKey::backup`.
    BackUpDatabaseMasterKey(BackUpDatabaseMasterKey -> DatabaseMasterKeyBackup) = "database-master-key/backup@1",
    /// `KeySentinel::backup`.
    BackUpKeySentinel(BackUpKeySentinel -> KeySentinelBackup) = "key-sentinel/backup@1",
    /// `ServiceMasterKey::backup`.
    BackUpServiceMasterKey(BackUpServiceMasterKey -> KeyBackup) = "service-master-key/backup@1",
    /// `Jobs::cancel`.
    CancelJobs(CancelJobs -> CancelledJobs) = "jobs/cancel@1",
    /// `Principals::capture`.
    CapturePrincipals(CapturePrincipals -> Principals) = "principals/capture@1",
    /// `Database::check_integrity`.
    CheckDatabaseIntegrity(CheckDatabaseIntegrity -> DatabaseIntegrity) = "database/check-integrity@1",
    /// `Database::enable_broker`.
    EnableBroker(EnableBroker -> DatabaseInfo) = "database/enable-broker@1",
    /// `Certificate::inspect`.
    InspectCertificate(InspectCertificate -> CertificateInfo) = "certificate/inspect@1",
    /// `Database::inspect`.
    InspectDatabase(InspectDatabase -> DatabaseInfo) = "database/inspect@1",
    /// `DatabaseMasterKey::inspect`.
    InspectDatabaseMasterKey(InspectDatabaseMasterKey -> DatabaseMasterKeyInfo) = "database-master-key/inspect@1",
    /// `Dependents::inspect`.
    InspectDependents(InspectDependents -> Dependents) = "dependents/inspect@1",
    /// `Jobs::inspect`.
    InspectJobs(InspectJobs -> Jobs) = "jobs/inspect@1",
    /// `Database::modules`.
    InspectModules(InspectModules -> Modules) = "database/modules@1",
    /// `Database::orphaned_users`.
    InspectOrphanedUsers(InspectOrphanedUsers -> OrphanedUsers) = "database/orphaned-users@1",
    /// `ServiceMasterKey::inspect`.
    InspectServiceMasterKey(InspectServiceMasterKey -> ServiceMasterKeyInfo) = "service-master-key/inspect@1",
    /// `Jobs::keep`.
    KeepJobs(KeepJobs -> Jobs) = "jobs/keep@1",
    /// `Database::open_to_users`.
    OpenDatabaseToUsers(OpenDatabaseToUsers -> OpenedDatabase) = "database/open-to-users@1",
    /// `DatabaseMasterKey::protect_by_password`.
    ProtectByPassword(ProtectByPassword -> ProtectedByPassword) = "database-master-key/protect-by-password@1",
    /// `DatabaseMasterKey::protect_by_service_master_key`.
    ProtectByServiceMasterKey(ProtectByServiceMasterKey -> ProtectedByServiceMasterKey) = "database-master-key/protect-by-service-master-key@1",
    /// `ServiceMasterKey::prove_backup`.
    ProveKeyBackup(ProveKeyBackup -> ProvedKeyBackup) = "service-master-key/prove-backup@1",
    /// `Encryption::values`.
    ReadEncryptedValues(ReadEncryptedValues -> EncryptedValues) = "encryption/values@1",
    /// `Inventory::read`.
    ReadInventory(ReadInventory -> Inventory) = "inventory/read@1",
    /// `AuthorizationCache::rebuild`.
    RebuildAuthorizationCache(RebuildAuthorizationCache -> RebuiltAuthorizationCache) = "authorization-cache/rebuild@1",
    /// `Encryption::recreate_keys`.
    RecreateOrchestratorKeys(RecreateOrchestratorKeys -> RecreatedOrchestratorKeys) = "encryption/recreate-keys@1",
    /// `Database::rename`.
    RenameDatabase(RenameDatabase -> DatabaseInfo) = "database/rename@1",
    /// `Database::repair_users`.
    RepairUsers(RepairUsers -> RepairedUsers) = "database/repair-users@1",
    /// `Certificate::restore`.
    RestoreCertificate(RestoreCertificate -> RestoredCertificate) = "certificate/restore@1",
    /// `Database::restore`.
    RestoreDatabase(RestoreDatabase -> RestoredDatabase) = "database/restore@1",
    /// `DatabaseMasterKey::restore`.
    RestoreDatabaseMasterKey(RestoreDatabaseMasterKey -> RestoredDatabaseMasterKey) = "database-master-key/restore@1",
    /// `Principals::restore`.
    RestorePrincipals(RestorePrincipals -> RestoredPrincipals) = "principals/restore@1",
    /// `ServiceMasterKey::restore`.
    RestoreServiceMasterKey(RestoreServiceMasterKey -> RestoredKey) = "service-master-key/restore@1",
    /// `Database::restrict`.
    RestrictDatabase(RestrictDatabase -> DatabaseInfo) = "database/restrict@1",
    /// `DatabaseMasterKey::rewrap_through`.
    RewrapThroughScratch(RewrapThroughScratch -> RewrappedBackup) = "database-master-key/rewrap-through@1",
    /// `Database::set_offline`.
    SetDatabaseOffline(SetDatabaseOffline -> DatabaseInfo) = "database/set-offline@1",
    /// `MaintenanceQueue::start`.
    StartMaintenanceQueue(StartMaintenanceQueue -> StartedMaintenanceQueue) = "maintenance-queue/start@1",
    /// `Database::swap`.
    SwapDatabases(SwapDatabases -> SwappedDatabases) = "database/swap@1",
    /// `Database::take_ownership`.
    TakeDatabaseOwnership(TakeDatabaseOwnership -> DatabaseInfo) = "database/take-ownership@1",
    /// `Database::verify`.
    VerifyBackup(VerifyBackup -> BackupSet) = "database/verify@1",
    /// `DatabaseKeys::verify`.
    VerifyDatabaseKeys(VerifyDatabaseKeys -> DatabaseKeysVerified) = "database-keys/verify@1",
    /// `Encryption::verify`.
    VerifyEncryption(VerifyEncryption -> EncryptionVerified) = "encryption/verify@1",
    /// `DatabaseMasterKey::verify_password`.
    VerifyPassword(VerifyPassword -> VerifiedPassword) = "database-master-key/verify-password@1",
    ; hosts {
        /// `DataStoreConfig::backup`.
        BackUpDataStoreConfig(BackUpDataStoreConfig -> SettingsSnapshot) = "data-store/backup@1",
        /// `ServiceControl::give_back`.
        GiveBackDeployment(GiveBackDeployment -> ServiceVerdicts) = "services/give-back@1",
        /// `ServiceControl::status`.
        InspectServices(InspectServices -> DeploymentServices) = "services/status@1",
        /// `ServiceControl::quiet`.
        QuietDeployment(QuietDeployment -> QuietedDeployment) = "services/quiet@1",
        /// `DataStoreConfig::read`.
        ReadDataStoreConfig(ReadDataStoreConfig -> DataStoreInfo) = "data-store/read@1",
        /// `ServiceControl::restart`.
        RestartServices(RestartServices -> ServiceVerdicts) = "services/restart@1",
        /// `ServiceControl::start`.
        StartServices(StartServices -> ServiceVerdicts) = "services/start@1",
        /// `ServiceControl::stop`.
        StopServices(StopServices -> ServiceVerdicts) = "services/stop@1",
        /// `WebComponents::read`.
        ReadWebComponents(ReadWebComponents -> WebComponentsInfo) = "web-components/read@1",
        /// `WebComponents::verify`.
        VerifyWebComponents(VerifyWebComponents -> VerifiedWebComponents) = "web-components/verify@1",
        /// `WebComponents::write`.
        WriteWebComponents(WriteWebComponents -> WrittenWebComponents) = "web-components/write@1",
        /// `DataStoreConfig::write`.
        WriteDataStoreConfig(WriteDataStoreConfig -> WrittenDataStoreConfig) = "data-store/write@1",
        /// `DataStoreConfig::write_each`.
        WriteDataStoreConfigs(WriteDataStoreConfigs -> WrittenDataStoreConfigs) = "data-store/write-each@1",
    }
}
