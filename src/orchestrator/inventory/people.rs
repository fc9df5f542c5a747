//! Who works on the deployment: checked-out runbooks, connected Designers, the roles' members.

use serde::{Deserialize, Serialize};

use crate::orchestrator::catalog::{Catalog, Lack, ROOT, Trouble, Wanted, look, pick};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// A runbook that somebody has checked out: what was edited since is in that Designer, and in no
/// backup (documented).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckedOutRunbook {
    /// Its identifier.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Where it is among the folders.
    pub path: Option<String>,
    /// The SID of who has it (community).
    pub by: Option<String>,
    /// Since when, UTC.
    pub since: Option<String>,
}

/// A Runbook Designer that is connected, or was when the database was backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConnectedDesigner {
    /// The computer that it runs on.
    pub machine: Option<String>,
    /// Who uses it.
    pub user: Option<String>,
    /// The Management Server that it is connected to.
    pub management_server: Option<String>,
    /// When it last did something, UTC.
    pub last_activity: Option<String>,
}

/// A role of the database and who is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoleMembers {
    /// The role.
    pub role: String,
    /// Its members.
    pub members: Vec<String>,
}

pub(super) async fn checked_out(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
) -> Result<Vec<CheckedOutRunbook>, Trouble> {
    let relation = catalog.relation(ROOT, "Runbooks")?;
    let by = relation.column(&Wanted::like(&["CheckedOutBy"], &["check", "out", "by"]))?;
    let since = relation.column(&Wanted::like(
        &["CheckedOutTime"],
        &["check", "out", "time"],
    ))?;
    let id = relation.optional(&Wanted::known(&["Id", "UniqueID"]));
    let name = relation.optional(&Wanted::known(&["Name"]));
    let path = relation.optional(&Wanted::known(&["Path"]));
    let mut statement = pick(Statement::new("SELECT "), id, "id");
    for (column, alias) in [
        (name, "name"),
        (path, "path"),
        (Some(by), "checked_out_by"),
        (Some(since), "since"),
    ] {
        statement = pick(statement.text(", "), column, alias);
    }
    // That either is NULL of what is checked in is unconfirmed: what has one of them is told.
    let statement = by.of_row(relation.from(statement).text(" WHERE "));
    let statement = since.of_row(statement.text(" IS NOT NULL OR "));
    let statement = statement.text(" IS NOT NULL");
    let answer = look(connection, &relation, statement).await?;
    let mut runbooks = Vec::new();
    for row in answer.rows(0) {
        let text = |name: &str| row.text_or_null(name).map(|text| text.map(str::to_owned));
        runbooks.push(CheckedOutRunbook {
            id: text("id")?,
            name: text("name")?,
            path: text("path")?,
            by: text("checked_out_by")?,
            since: text("since")?,
        });
    }
    Ok(runbooks)
}

pub(super) async fn designers(
    connection: &mut Connection<'_>,
    catalog: &Catalog,
) -> Result<Vec<ConnectedDesigner>, Trouble> {
    let relation = catalog.relation("dbo", "CLIENTCONNECTIONS")?;
    let machine = relation.column(&Wanted::known(&["ClientMachine"]))?;
    let user = relation.optional(&Wanted::known(&["ClientUser"]));
    let server = relation.optional(&Wanted::known(&["ManagementServer"]));
    let last = relation.optional(&Wanted::like(&["LastActivity"], &["activity"]));
    let mut statement = pick(Statement::new("SELECT "), Some(machine), "machine");
    for (column, alias) in [
        (user, "client_user"),
        (server, "management_server"),
        (last, "last_activity"),
    ] {
        statement = pick(statement.text(", "), column, alias);
    }
    let answer = look(connection, &relation, relation.from(statement)).await?;
    let mut designers = Vec::new();
    for row in answer.rows(0) {
        let text = |name: &str| row.text_or_null(name).map(|text| text.map(str::to_owned));
        designers.push(ConnectedDesigner {
            machine: text("machine")?,
            user: text("client_user")?,
            management_server: text("management_server")?,
            last_activity: text("last_activity")?,
        });
    }
    Ok(designers)
}

/// Roles that are not every database's, and others that have members.
pub(super) async fn roles(connection: &mut Connection<'_>) -> Result<Vec<RoleMembers>, Trouble> {
    let question = Statement::new(
        "SELECT HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'VIEW DEFINITION') AS sees_all; \
         SELECT r.name AS role_name, r.is_fixed_role, m.name AS member_name FROM sys.database_principals AS r \
         LEFT JOIN sys.database_role_members AS x ON x.role_principal_id = r.principal_id \
         LEFT JOIN sys.database_principals AS m ON m.principal_id = x.member_principal_id \
         WHERE r.type = 'R' AND r.name <> N'public' ORDER BY r.name, m.name",
    );
    let answer = connection.look(question.batch()).await?;
    if !answer.first()?.is("sees_all")? {
        return Err(Lack {
            what: "roles and their members".to_owned(),
            why: "the login sees all of them with VIEW DEFINITION on the database only".to_owned(),
        }
        .into());
    }
    let mut roles: Vec<RoleMembers> = Vec::new();
    for row in answer.rows(1) {
        let role = row.text("role_name")?;
        let member = row.text_or_null("member_name")?;
        if row.is("is_fixed_role")? && member.is_none() {
            continue;
        }
        if roles.last().is_none_or(|last| last.role != role) {
            roles.push(RoleMembers {
                role: role.to_owned(),
                members: Vec::new(),
            });
        }
        if let (Some(last), Some(member)) = (roles.last_mut(), member) {
            last.members.push(member.to_owned());
        }
    }
    Ok(roles)
}
