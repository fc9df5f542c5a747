//! Operations on the hosts of an Orchestrator deployment.

mod data_store;
mod deployment;
mod host_files;
mod services;
mod web_components;

pub use data_store::{
    ClientAlias, DataStoreAuthentication, DataStoreConfig, DataStoreEncryption, DataStoreInfo,
    DataStoreStrategy, Heartbeat, ReadDataStoreConfig, SettingsFile, WriteDataStoreConfig,
    WrittenDataStoreConfig,
};
pub use deployment::{Deployment, DeploymentHost, HostRole};
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
