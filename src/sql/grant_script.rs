use crate::names::{DatabaseName, LoginName};
use crate::permission::{Permission, Securable};
use crate::sql::statement::Statement;

/// T-SQL that gives `login` these rights and nothing else, for a DBA to read and run; one batch.
///
/// Made from what [`Description::permissions`](crate::Description::permissions) says. A user is made for
/// the login in each database where one is needed and none of that name is. Rights on hosts are nothing
/// that T-SQL gives, and are left out.
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, sql::{DatabaseMasterKey, grant_script}};
///
/// let inspect = DatabaseMasterKey::verify_password(&"SQL01".parse()?, &"Orchestrator".parse()?);
/// assert_eq!(
///     grant_script(&inspect.describe().permissions, &r"CONTOSO\recovery".parse()?),
///     [
///         "USE [Orchestrator]",
///         r"IF USER_ID(N'CONTOSO\recovery') IS NULL CREATE USER [CONTOSO\recovery] FOR LOGIN [CONTOSO\recovery]",
///         r"GRANT CONTROL ON DATABASE::[Orchestrator] TO [CONTOSO\recovery]",
///     ]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn grant_script(permissions: &[Permission], login: &LoginName) -> Vec<String> {
    let is_of_sql = |permission: &&Permission| !matches!(permission.on, Securable::Host { .. });
    let mut sorted: Vec<&Permission> = permissions.iter().filter(is_of_sql).collect();
    // Those on the server first, then database by database, as they were named.
    let place = |database: Option<&DatabaseName>| {
        let mut all = permissions.iter().map(database_of);
        database.and_then(|_| all.position(|other| other == database))
    };
    sorted.sort_by_key(|permission| (place(database_of(permission)), *permission));
    sorted.dedup();
    let mut script = Vec::new();
    let mut entered: Option<&DatabaseName> = None;
    for permission in sorted {
        let database = database_of(permission);
        if let Some(database) = database.filter(|_| entered != database) {
            script.extend(enter(database, login));
        } else if database.is_none() && script.is_empty() {
            script.push("USE [master]".to_owned());
        }
        entered = database;
        script.push(grant(permission, login));
    }
    script
}

const fn database_of(permission: &Permission) -> Option<&DatabaseName> {
    match &permission.on {
        Securable::AsymmetricKey { database, .. }
        | Securable::Certificate { database, .. }
        | Securable::Database { database }
        | Securable::DatabaseRole { database }
        | Securable::Procedure { database, .. }
        | Securable::SymmetricKey { database, .. }
        | Securable::Table { database, .. }
        | Securable::User { database, .. } => Some(database),
        Securable::Host { .. } | Securable::Server | Securable::ServerRole => None,
    }
}

fn enter(database: &DatabaseName, login: &LoginName) -> [String; 2] {
    let login = login.as_str();
    [
        Statement::new("USE ").identifier(database.as_str()).shown(),
        Statement::new("IF USER_ID(")
            .literal(login)
            .text(") IS NULL CREATE USER ")
            .identifier(login)
            .text(" FOR LOGIN ")
            .identifier(login)
            .shown(),
    ]
}

fn grant(permission: &Permission, login: &LoginName) -> String {
    let begin = || Statement::new("GRANT ").keywords(&permission.name);
    let statement = match &permission.on {
        Securable::AsymmetricKey { key, .. } => begin()
            .text(" ON ASYMMETRIC KEY::")
            .identifier(key.as_str()),
        Securable::Certificate { certificate, .. } => begin()
            .text(" ON CERTIFICATE::")
            .identifier(certificate.as_str()),
        Securable::Database { database } => {
            begin().text(" ON DATABASE::").identifier(database.as_str())
        }
        Securable::DatabaseRole { .. } => {
            return Statement::new("ALTER ROLE ")
                .identifier(&permission.name)
                .text(" ADD MEMBER ")
                .identifier(login.as_str())
                .shown();
        }
        Securable::Procedure {
            schema, procedure, ..
        } => begin()
            .text(" ON OBJECT::")
            .identifier(schema.as_str())
            .text(".")
            .identifier(procedure.as_str()),
        // Left out by the caller.
        Securable::Host { .. } | Securable::Server => begin(),
        Securable::ServerRole => {
            return Statement::new("ALTER SERVER ROLE ")
                .identifier(&permission.name)
                .text(" ADD MEMBER ")
                .identifier(login.as_str())
                .shown();
        }
        Securable::SymmetricKey { key, .. } => {
            begin().text(" ON SYMMETRIC KEY::").identifier(key.as_str())
        }
        Securable::Table { schema, table, .. } => begin()
            .text(" ON OBJECT::")
            .identifier(schema.as_str())
            .text(".")
            .identifier(table.as_str()),
        Securable::User { user, .. } => begin().text(" ON USER::").identifier(user.as_str()),
    };
    statement.text(" TO ").identifier(login.as_str()).shown()
}
