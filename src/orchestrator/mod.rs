//! Operations on the hosts of an Orchestrator deployment.

mod deployment;
mod services;

pub use deployment::{Deployment, DeploymentHost, HostRole};
pub use services::{
    DeploymentServices, EndableProcess, GiveBackDeployment, HostFailure, HostServices, HostVerdict,
    InspectServices, QuietDeployment, QuietedDeployment, RestartServices, SeenService,
    ServiceControl, ServiceVerdict, ServiceVerdicts, StartServices, StopServices,
};
