//! Runbook Servers: those that the database knows, and those that a deployment names.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::names::HostName;
use crate::orchestrator::catalog::{Catalog, Trouble, Wanted, look, pick};
use crate::orchestrator::{Deployment, HostRole};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// A Runbook Server that the database knows (`ACTIONSERVERS`, community).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KnownRunbookServer {
    /// The computer, as the database has it.
    pub computer: String,
    /// Its identifier, which jobs name.
    pub id: Option<String>,
    /// Its last heartbeat, in the server's time. `None`: none, or its column was not found.
    pub last_heartbeat: Option<String>,
}

/// What a deployment and the database say of Runbook Servers, where they differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeploymentDifferences {
    /// Computers in the database that the deployment does not name as Runbook Servers: their services
    /// would not be stopped, and their configuration not be written.
    pub forgotten: Vec<String>,
    /// Runbook Servers of the deployment that the database does not know.
    pub unknown: Vec<HostName>,
}

pub(super) async fn read(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
) -> Result<Vec<KnownRunbookServer>, Trouble> {
    let relation = catalog.relation("dbo", "ACTIONSERVERS")?;
    let computer = relation.column(&Wanted::known(&["Computer"]))?;
    let id = relation.optional(&Wanted::known(&["UniqueID"]));
    let heartbeat = relation.optional(&Wanted::like(&["Heartbeat"], &["beat"]));
    let statement = pick(Statement::new("SELECT "), Some(computer), "computer");
    let statement = pick(statement.text(", "), id, "id");
    let statement = pick(statement.text(", "), heartbeat, "heartbeat");
    let statement = computer.of_row(relation.from(statement).text(" ORDER BY "));
    let answer = look(connection, &relation, statement).await?;
    let mut servers = Vec::new();
    for row in answer.rows(0) {
        servers.push(KnownRunbookServer {
            computer: row.text("computer")?.to_owned(),
            id: row.text_or_null("id")?.map(str::to_owned),
            last_heartbeat: row.text_or_null("heartbeat")?.map(str::to_owned),
        });
    }
    Ok(servers)
}

impl DeploymentDifferences {
    pub(super) fn between(deployment: &Deployment, known: &[KnownRunbookServer]) -> Self {
        let named: Vec<&HostName> = deployment
            .hosts()
            .iter()
            .filter(|host| host.roles.contains(&HostRole::RunbookServer))
            .map(|host| &host.host)
            .collect();
        let is_named = |server: &&KnownRunbookServer| {
            let mut named = named.iter();
            named.any(|host| is_same(host.as_str(), &server.computer))
        };
        let forgotten = known.iter().filter(|server| !is_named(server));
        let unknown = named.iter().filter(|host| {
            let mut known = known.iter();
            !known.any(|server| is_same(host.as_str(), &server.computer))
        });
        Self {
            forgotten: forgotten.map(|server| server.computer.clone()).collect(),
            unknown: unknown.map(|host| (*host).clone()).collect(),
        }
    }
}

/// Whether two names may mean the same computer: as they are, or one of them without its domain.
fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    if one == other {
        return true;
    }
    let is_address = |name: &str| name.parse::<IpAddr>().is_ok();
    if is_address(&one) || is_address(&other) {
        return false;
    }
    let first = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let has_domain = |name: &str| name.contains('.');
    first(&one) == first(&other) && !(has_domain(&one) && has_domain(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_computer_is_the_same_with_and_without_its_domain() {
        assert!(is_same("RB01", "rb01"));
        assert!(is_same("rb01.contoso.example", "RB01"));
        assert!(!is_same("rb01.contoso.example", "rb01.fabrikam.example"));
        assert!(!is_same("10.0.0.7", "10"));
        assert!(!is_same("RB01", "RB010"));
    }

    #[test]
    fn what_either_side_does_not_know_is_told() {
        let known = |computer: &str| KnownRunbookServer {
            computer: computer.to_owned(),
            id: None,
            last_heartbeat: None,
        };
        let deployment = Deployment::new()
            .management_server(&"MS01".parse().unwrap())
            .runbook_server(&"rb01.contoso.example".parse().unwrap())
            .runbook_server(&"RB03".parse().unwrap());
        let differences =
            DeploymentDifferences::between(&deployment, &[known("RB01"), known("MS01")]);
        // That MS01 is a Runbook Server too is what the deployment does not say.
        assert_eq!(differences.forgotten, ["MS01"]);
        assert_eq!(differences.unknown, ["RB03".parse().unwrap()]);
    }
}
