//! Operations on an Orchestrator deployment: its hosts, and what Orchestrator keeps in its database.

mod authorization_cache;
mod catalog;
mod computer;
mod data_store;
mod deployment;
mod encryption;
mod host_files;
mod host_registry;
mod inventory;
mod jobs;
mod maintenance_queue;
mod procedures;
mod recipe;
mod services;
mod stopped;
mod web_components;

pub use authorization_cache::{
    AuthorizationCache, RebuildAuthorizationCache, RebuiltAuthorizationCache,
};
pub use data_store::{
    AskedDatabase, BackUpDataStoreConfig, ClientAlias, DataStoreAuthentication, DataStoreConfig,
    DataStoreEncryption, DataStoreInfo, DataStoreStrategy, DataStoreVerdict, Heartbeat,
    ReadDataStoreConfig, SettingsFile, SettingsSnapshot, SilentSetup, SqlAlias,
    WriteDataStoreConfig, WriteDataStoreConfigs, WrittenDataStoreConfig, WrittenDataStoreConfigs,
};
pub use deployment::{Deployment, DeploymentHost, HostRole};
pub use encryption::{
    EncryptedValue, EncryptedValues, Encryption, EncryptionUser, EncryptionVerified,
    ReadEncryptedValues, RecreateOrchestratorKeys, RecreatedOrchestratorKeys, StoredUnderKey,
    UncountedColumn, VerifyEncryption,
};
pub use inventory::{
    CheckedOutRunbook, ConnectedDesigner, DeploymentDifferences, Inventory, InventoryPart,
    KnownRunbookServer, ReadInventory, RoleMembers, ServiceAccount,
};
pub use jobs::{CancelJobs, CancelledJobs, InspectJobs, Jobs, KeepJobs, QueuedJob, RunningJob};
pub use maintenance_queue::{MaintenanceQueue, StartMaintenanceQueue, StartedMaintenanceQueue};
pub use services::{
    DeploymentServices, EndableProcess, GiveBackDeployment, HostFailure, HostServices, HostVerdict,
    InspectServices, QuietDeployment, QuietedDeployment, RestartServices, SeenService,
    ServiceControl, ServiceVerdict, ServiceVerdicts, StartServices, StopServices,
};
pub use web_components::{
    ConsoleInfo, IisApplication, IisBinding, PassedOver, PoolVerdict, ReadWebComponents,
    SqlClientKeyword, VerifiedWebComponents, VerifyWebComponents, WebCause, WebComponents,
    WebComponentsInfo, WebConfigInfo, WebConfigStyle, WebDataStore, WebVerdict, WriteWebComponents,
    WrittenWebComponents, WrittenWebConfig,
};
