//! The accounts that the services run as, where a port to service managers tells them.

use serde::{Deserialize, Serialize};

use super::part::InventoryPart;
use crate::context::Context;
use crate::error::Result;
use crate::names::{HostName, ServiceName};
use crate::orchestrator::Deployment;
use crate::transport::{HostError, codes};

/// The account of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceAccount {
    /// The host.
    pub host: HostName,
    /// The service.
    pub service: ServiceName,
    /// `CONTOSO\svc-orchestrator`, `LocalSystem`.
    pub account: String,
}

const WHAT: &str = "service accounts";

pub(super) async fn read(
    cx: &Context,
    deployment: Option<&Deployment>,
) -> Result<InventoryPart<Vec<ServiceAccount>>> {
    let Some(deployment) = deployment else {
        return Ok(InventoryPart::lacking(
            WHAT,
            "not examined: no deployment was named; call .deployment(…)",
        ));
    };
    let Ok(services) = cx.services() else {
        return Ok(InventoryPart::lacking(
            WHAT,
            "not examined: the context has no transport to the service managers of hosts",
        ));
    };
    let mut accounts = Vec::new();
    let mut lacking = Vec::new();
    for host in deployment.hosts() {
        for (service, _) in host.services() {
            cx.safe_point()?;
            let deadline = Some(cx.deadlines().host);
            let call = services.account(&host.host, &service);
            match cx.within(deadline, call).await {
                Ok(Some(account)) => accounts.push(ServiceAccount {
                    host: host.host.clone(),
                    service,
                    account,
                }),
                Ok(None) => lacking.push(format!(
                    "the transport does not tell the account of {service} on {}",
                    host.host
                )),
                // What is not installed has no account.
                Err(HostError::Refused { code, .. }) if code == codes::SERVICE_DOES_NOT_EXIST => {}
                Err(error) => {
                    lacking.push(format!("{}: {error}", host.host));
                    // The others of that host would not answer either.
                    break;
                }
            }
        }
    }
    let mut part = InventoryPart::complete(accounts);
    if !lacking.is_empty() {
        part.completeness = crate::sql::Completeness::Incomplete {
            what: WHAT.to_owned(),
            why: lacking.join("; "),
        };
    }
    Ok(part)
}
