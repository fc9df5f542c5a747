//! Finding databases and logins by name, as the server's collation compares names.

use super::{OpenDatabase, State};
use crate::simulator::catalog::{DatabaseEntry, DatabaseState, Login};
use crate::simulator::server_error::{Result, ServerError};

/// Whether two names are the same: case counts for nothing.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one == other || one.to_lowercase() == other.to_lowercase()
}

impl State {
    /// What `master` knows of a database.
    pub(crate) fn entry(&self, name: &str) -> Option<&DatabaseEntry> {
        self.catalog
            .databases
            .iter()
            .find(|entry| same_name(&entry.name, name))
    }

    /// What `master` knows of a database, to be changed within an [`Edit`](super::Edit).
    pub(crate) fn entry_mut(&mut self, name: &str) -> Option<&mut DatabaseEntry> {
        self.catalog
            .databases
            .iter_mut()
            .find(|entry| same_name(&entry.name, name))
    }

    /// A login.
    pub(crate) fn login(&self, name: &str) -> Option<&Login> {
        self.catalog
            .logins
            .iter()
            .find(|login| same_name(&login.name, name))
    }

    /// A database that is online: 911, 927, 942, 926 or 945 where it isn't.
    pub(crate) fn database(&self, name: &str) -> Result<&OpenDatabase> {
        let problem = self.not_online(name);
        self.databases.get(&name.to_lowercase()).ok_or(problem)
    }

    /// As [`database`](Self::database), to be changed.
    pub(crate) fn database_mut(&mut self, name: &str) -> Result<&mut OpenDatabase> {
        let problem = self.not_online(name);
        self.databases.get_mut(&name.to_lowercase()).ok_or(problem)
    }

    /// 3908 for a database in EMERGENCY, which can't be written. That a backup is refused so too is
    /// unconfirmed.
    pub(crate) fn check_not_emergency(&self, name: &str) -> Result<()> {
        let entry = self.entry(name);
        match entry.filter(|entry| entry.state == DatabaseState::Emergency) {
            Some(entry) => Err(ServerError::new(
                3908,
                16,
                1,
                format!(
                    "Could not run BEGIN TRANSACTION in database '{}' because the database is in \
                     emergency mode or is damaged and must be restarted.",
                    entry.name
                ),
            )),
            None => Ok(()),
        }
    }

    /// What the server says where a database can't be used.
    fn not_online(&self, name: &str) -> ServerError {
        let Some(entry) = self.entry(name) else {
            return unknown_database(name);
        };
        let name = &entry.name;
        match entry.state {
            DatabaseState::Restoring => ServerError::new(
                927,
                14,
                2,
                format!("Database '{name}' cannot be opened. It is in the middle of a restore."),
            ),
            DatabaseState::Offline => ServerError::new(
                942,
                14,
                4,
                format!("Database '{name}' cannot be opened because it is offline."),
            ),
            DatabaseState::Suspect => ServerError::new(
                926,
                14,
                1,
                format!(
                    "Database '{name}' cannot be opened. It has been marked SUSPECT by recovery. \
                     See the SQL Server errorlog for more information."
                ),
            ),
            DatabaseState::RecoveryPending | DatabaseState::Emergency | DatabaseState::Online => {
                ServerError::new(
                    945,
                    14,
                    2,
                    format!(
                        "Database '{name}' cannot be opened due to inaccessible files or insufficient \
                     memory or disk space.  See the SQL Server errorlog for details."
                    ),
                )
            }
        }
    }
}

/// 911.
pub(crate) fn unknown_database(name: &str) -> ServerError {
    ServerError::new(
        911,
        16,
        11,
        format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
    )
}
