//! What an operation's login must be allowed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{
    DatabaseName, HostName, KeyName, ProcedureName, SchemaName, TableName, UserName,
};

/// A right that an operation needs, as T-SQL names it. [`grant_script`](crate::sql::grant_script) makes
/// statements of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Permission {
    /// `CONTROL SERVER`, `BACKUP DATABASE`, `SELECT`; of a role, its name.
    pub name: String,
    /// On what.
    pub on: Securable,
}

/// What a right is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Securable {
    /// An asymmetric key of a database.
    AsymmetricKey {
        /// The database.
        database: DatabaseName,
        /// The key.
        key: KeyName,
    },
    /// A certificate of a database.
    Certificate {
        /// The database.
        database: DatabaseName,
        /// The certificate.
        certificate: KeyName,
    },
    /// A database.
    Database {
        /// The database.
        database: DatabaseName,
    },
    /// Membership of a fixed database role, where no single right does.
    DatabaseRole {
        /// The database.
        database: DatabaseName,
    },
    /// A Windows host, not SQL Server: what its administrators may.
    Host {
        /// The host.
        host: HostName,
    },
    /// A stored procedure.
    Procedure {
        /// The database.
        database: DatabaseName,
        /// The schema.
        schema: SchemaName,
        /// The procedure.
        procedure: ProcedureName,
    },
    /// The server.
    Server,
    /// Membership of a fixed server role, where no single right does.
    ServerRole,
    /// A symmetric key of a database.
    SymmetricKey {
        /// The database.
        database: DatabaseName,
        /// The key.
        key: KeyName,
    },
    /// A table.
    Table {
        /// The database.
        database: DatabaseName,
        /// The schema.
        schema: SchemaName,
        /// The table.
        table: TableName,
    },
    /// A user of a database.
    User {
        /// The database.
        database: DatabaseName,
        /// The user.
        user: UserName,
    },
}

impl Permission {
    pub(crate) fn new(name: &'static str, on: Securable) -> Self {
        Self {
            name: name.to_owned(),
            on,
        }
    }

    /// A right on the server.
    pub(crate) fn server(name: &'static str) -> Self {
        Self::new(name, Securable::Server)
    }

    /// A right on a Windows host.
    pub(crate) fn host(name: &'static str, host: &HostName) -> Self {
        let host = host.clone();
        Self::new(name, Securable::Host { host })
    }

    /// A right in a database.
    pub(crate) fn database(name: &'static str, database: &DatabaseName) -> Self {
        let database = database.clone();
        Self::new(name, Securable::Database { database })
    }

    /// Membership of a fixed role of a database.
    pub(crate) fn database_role(name: &'static str, database: &DatabaseName) -> Self {
        let database = database.clone();
        Self::new(name, Securable::DatabaseRole { database })
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.on {
            Securable::AsymmetricKey { database, key } => {
                write!(
                    f,
                    "{name} on the asymmetric key {key} of the database {database}"
                )
            }
            Securable::Certificate {
                database,
                certificate,
            } => write!(
                f,
                "{name} on the certificate {certificate} of the database {database}"
            ),
            Securable::Database { database } => write!(f, "{name} on the database {database}"),
            Securable::DatabaseRole { database } => {
                write!(f, "membership of {name} in the database {database}")
            }
            Securable::Host { host } => write!(f, "{name} on the host {host}"),
            Securable::Procedure {
                database,
                schema,
                procedure,
            } => write!(
                f,
                "{name} on the procedure {schema}.{procedure} of the database {database}"
            ),
            Securable::Server => f.write_str(name),
            Securable::ServerRole => write!(f, "membership of {name}"),
            Securable::SymmetricKey { database, key } => {
                write!(
                    f,
                    "{name} on the symmetric key {key} of the database {database}"
                )
            }
            Securable::Table {
                database,
                schema,
                table,
            } => write!(
                f,
                "{name} on the table {schema}.{table} of the database {database}"
            ),
            Securable::User { database, user } => {
                write!(f, "{name} on the user {user} of the database {database}")
            }
        }
    }
}
