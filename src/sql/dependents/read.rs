//! Reads what lives under a service master key.

use super::{Completeness, DependentCertificate, DependentDatabase, Dependents};
use crate::error::{Error, Result};
use crate::sql::answer::{Answer, Row};
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

/// How many databases are asked for their master key in one statement.
const DATABASES_A_STATEMENT: usize = 200;

/// What a login may not see without CONTROL SERVER is not asked for: the question itself would fail.
const QUESTION: &str = "SELECT HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER') AS allowed; \
     SELECT name FROM sys.credentials ORDER BY name; \
     SELECT s.name AS server_name, l.remote_name FROM sys.linked_logins AS l \
     JOIN sys.servers AS s ON s.server_id = l.server_id \
     WHERE l.remote_name IS NOT NULL ORDER BY s.name, l.remote_name; \
     IF HAS_PERMS_BY_NAME(NULL, NULL, N'CONTROL SERVER') = 1 BEGIN \
     SELECT name, thumbprint FROM master.sys.certificates \
     WHERE pvt_key_encryption_type = 'MK' AND name NOT LIKE N'##%' ORDER BY name; \
     SELECT d.name, k.encryptor_thumbprint FROM sys.dm_database_encryption_keys AS k \
     JOIN sys.databases AS d ON d.database_id = k.database_id WHERE d.name <> N'tempdb' ORDER BY d.name; \
     SELECT p.family_guid, d.name FROM sys.master_key_passwords AS p \
     LEFT JOIN sys.database_recovery_status AS r ON r.family_guid = p.family_guid \
     LEFT JOIN sys.databases AS d ON d.database_id = r.database_id ORDER BY d.name END";

impl Dependents {
    pub(crate) async fn read(connection: &mut Connection<'_>) -> Result<Self> {
        let databases = read_databases(connection).await?;
        let server = connection.look(Statement::new(QUESTION).batch()).await?;
        let sees_all = server.first()?.is("allowed")?;
        let unknown: Vec<&str> = databases
            .iter()
            .filter(|database| database.has_master_key.is_none())
            .map(|database| database.name.as_str())
            .collect();
        let completeness = if !sees_all {
            Completeness::Incomplete {
                what: "credentials, linked logins, certificates in master and databases that the login may not see"
                    .to_owned(),
                why: "use a login that has CONTROL SERVER".to_owned(),
            }
        } else if unknown.is_empty() {
            Completeness::Complete
        } else {
            Completeness::Incomplete {
                what: format!("the master keys of: {}", unknown.join(", ")),
                why: "bring these databases online, so that they can be asked".to_owned(),
            }
        };
        Ok(Self {
            server: connection.identity().names(),
            databases,
            credentials: credentials(&server)?,
            linked_logins: linked_logins(&server)?,
            certificates: certificates(&server)?,
            stored_passwords: stored_passwords(&server)?,
            completeness,
        })
    }
}

async fn read_databases(connection: &mut Connection<'_>) -> Result<Vec<DependentDatabase>> {
    let batch = Statement::new(
        "SELECT name, state_desc, \
         CASE WHEN is_read_only = 1 OR DATABASEPROPERTYEX(name, 'Updateability') = N'READ_ONLY' THEN 1 ELSE 0 END AS is_read_only, \
         CASE WHEN replica_id IS NULL THEN 0 ELSE 1 END AS is_in_availability_group, \
         HAS_DBACCESS(name) AS has_access \
         FROM sys.databases WHERE name <> N'tempdb' ORDER BY name",
    )
    .batch();
    let mut databases = Vec::new();
    let mut open = Vec::new();
    for row in connection.look(batch).await?.rows(0) {
        let database = DependentDatabase {
            name: row.text("name")?.parse()?,
            state: row.text("state_desc")?.to_owned(),
            is_read_only: row.is("is_read_only")?,
            is_in_availability_group: row.is("is_in_availability_group")?,
            has_master_key: None,
        };
        if database.state == "ONLINE" && row.is("has_access")? {
            open.push(databases.len());
        }
        databases.push(database);
    }
    for some in open.chunks(DATABASES_A_STATEMENT) {
        let mut statement = Statement::new("");
        for (index, at) in some.iter().enumerate() {
            statement = statement
                .text(if index == 0 {
                    "SELECT "
                } else {
                    " UNION ALL SELECT "
                })
                .number(i64::try_from(*at).unwrap_or(i64::MAX))
                .text(" AS ordinal, COUNT(*) AS master_keys FROM ")
                .identifier(databases[*at].name.as_str())
                .text(".sys.symmetric_keys WHERE symmetric_key_id = 101");
        }
        for row in connection.look(statement.batch()).await?.rows(0) {
            let at = usize::try_from(row.integer("ordinal")?).ok();
            if let Some(database) = at.and_then(|at| databases.get_mut(at)) {
                database.has_master_key = Some(row.integer("master_keys")? > 0);
            }
        }
    }
    databases.retain(|database| database.has_master_key != Some(false));
    Ok(databases)
}

fn credentials(server: &Answer) -> Result<Vec<String>> {
    let rows = server.rows(1);
    rows.map(|row| row.text("name").map(str::to_owned))
        .collect()
}

fn linked_logins(server: &Answer) -> Result<Vec<String>> {
    let login = |row: Row<'_>| {
        let (server, remote) = (row.text("server_name")?, row.text("remote_name")?);
        Ok(format!("{server}: {remote}"))
    };
    server.rows(2).map(login).collect()
}

/// What is under the master key of `master`.
fn certificates(server: &Answer) -> Result<Vec<DependentCertificate>> {
    let thumbprint = |row: &Row<'_>, name: &str| {
        Ok::<_, Error>(hex::encode(row.bytes_or_null(name)?.unwrap_or_default()))
    };
    let mut certificates = Vec::new();
    for row in server.rows(3) {
        certificates.push(DependentCertificate {
            name: row.text("name")?.to_owned(),
            thumbprint: thumbprint(&row, "thumbprint")?,
            encrypts: Vec::new(),
        });
    }
    for row in server.rows(4) {
        let encryptor = thumbprint(&row, "encryptor_thumbprint")?;
        let database = row.text("name")?;
        for certificate in &mut certificates {
            if certificate.thumbprint == encryptor {
                certificate.encrypts.push(database.to_owned());
            }
        }
    }
    Ok(certificates)
}

fn stored_passwords(server: &Answer) -> Result<Vec<String>> {
    let database = |row: Row<'_>| {
        Ok(match row.text_or_null("name")? {
            Some(database) => database.to_owned(),
            None => hex::encode(row.guid_or_null("family_guid")?.unwrap_or_default()),
        })
    };
    server.rows(5).map(database).collect()
}
