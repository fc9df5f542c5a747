//! ALTER DATABASE … SET.

use std::time::Duration;

use super::Runner;
use super::batch::LOCK_INTERVAL;
use super::database::{alter_failed, cannot_alter, is_system, others_in};
use crate::simulator::catalog::{DatabaseEntry, DatabaseState, RecoveryModel, UserAccess};
use crate::simulator::engine::Caller;
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::keys::set_encryption;
use crate::simulator::instance::{DataFileProblem, Edit, EditError, Instance, State, same_name};
use crate::simulator::server_error::{Failure, Result, ServerError, message};
use crate::simulator::tsql::ast::{DatabaseOption, Termination};

/// Options whose usual value changes nothing here: the option and that value.
const USUAL: &[(&str, &[&str])] = &[
    ("ANSI_NULLS", &["ON", "OFF"]),
    ("AUTO_CLOSE", &["OFF"]),
    ("AUTO_CREATE_STATISTICS", &["ON", "OFF"]),
    ("AUTO_SHRINK", &["OFF"]),
    ("AUTO_UPDATE_STATISTICS", &["ON", "OFF"]),
    ("DB_CHAINING", &["OFF"]),
    ("PAGE_VERIFY", &["CHECKSUM"]),
    ("QUERY_STORE", &["OFF"]),
    ("QUOTED_IDENTIFIER", &["ON", "OFF"]),
    ("READ_COMMITTED_SNAPSHOT", &["OFF"]),
    ("ALLOW_SNAPSHOT_ISOLATION", &["OFF"]),
];

/// Options that need the database for themselves.
const EXCLUSIVE: &[&str] = &[
    "DISABLE_BROKER",
    "ENABLE_BROKER",
    "NEW_BROKER",
    "OFFLINE",
    "READ_COMMITTED_SNAPSHOT",
    "READ_ONLY",
    "READ_WRITE",
    "RESTRICTED_USER",
    "SINGLE_USER",
];

impl Runner<'_> {
    pub(super) async fn set_database(
        &mut self,
        name: &str,
        options: &[DatabaseOption],
        termination: Termination,
        frame: &Frame,
    ) -> Result<(), Failure> {
        self.let_them_finish(name, options, termination).await;
        if self.set_at_once(name, options, termination)? {
            let text = "Nonqualified transactions are being rolled back. Estimated rollback \
                        completion: ";
            self.notice(frame, message(5060, 0, 2, format!("{text}0%.")))
                .await?;
            self.notice(frame, message(5060, 0, 1, format!("{text}100%.")))
                .await?;
        }
        Ok(())
    }

    /// ROLLBACK AFTER: as long as others are there, but no longer than that.
    async fn let_them_finish(
        &self,
        name: &str,
        options: &[DatabaseOption],
        termination: Termination,
    ) {
        let Termination::RollbackAfter(seconds) = termination else {
            return;
        };
        let limit = Duration::from_secs(seconds.into());
        let mut waited = Duration::ZERO;
        while waited < limit && needs_room(options) && self.has_others(name) {
            tokio::time::sleep(LOCK_INTERVAL).await;
            waited += LOCK_INTERVAL;
        }
    }

    fn has_others(&self, name: &str) -> bool {
        let state = self.session.instance.state();
        !others_in(&state, name, self.session.spid).is_empty()
    }

    /// Sends others away and sets the options before anybody new can come. Whether any were sent.
    fn set_at_once(
        &mut self,
        name: &str,
        options: &[DatabaseOption],
        termination: Termination,
    ) -> Result<bool> {
        let instance = std::sync::Arc::clone(&self.session.instance);
        let mut state = instance.state();
        let killed = self.make_room(&state, name, options, termination)?;
        let name = state
            .entry(name)
            .map_or_else(|| name.to_owned(), |entry| entry.name.clone());
        let spid = self.session.spid;
        instance
            .edit(&mut state, |edit| {
                options
                    .iter()
                    .try_for_each(|option| set(&instance, edit, &name, option))
            })
            .map_err(ServerError::from)
            .map_err(|error| error.then(alter_failed()))?;
        let key = name.to_lowercase();
        for option in options {
            match option.name.as_str() {
                "SINGLE_USER" => {
                    state.locks.single_user.insert(key.clone(), spid);
                    self.session.memory.entered = None;
                }
                "MULTI_USER" | "RESTRICTED_USER" => {
                    state.locks.single_user.remove(&key);
                }
                _ => {}
            }
        }
        Ok(killed)
    }

    /// Checks who may, and sends others away where the statement says so. Whether any were.
    fn make_room(
        &self,
        state: &State,
        name: &str,
        options: &[DatabaseOption],
        termination: Termination,
    ) -> Result<bool> {
        let caller = Caller::new(state, self.session);
        // Documented: from offline to online it takes the server's permission.
        let is_opening = options.iter().any(|option| option.name == "ONLINE");
        let entry = state.entry(name).filter(|entry| {
            if is_opening && entry.state == DatabaseState::Offline {
                return caller.has_server("ALTER ANY DATABASE");
            }
            caller.has_server("ALTER ANY DATABASE")
                || caller.has_database(&entry.name, "ALTER")
                || caller.login().is_some_and(|login| login.sid == entry.owner)
        });
        let Some(entry) = entry else {
            return Err(cannot_alter(name));
        };
        let name = &entry.name;
        if is_system(name) {
            let option = options.first().map_or("", |option| option.name.as_str());
            return Err(not_in_system_database(option, name));
        }
        if entry.state == DatabaseState::Restoring {
            return Err(ServerError::new(
                5052,
                16,
                1,
                "ALTER DATABASE is not permitted while a database is in the Restoring state.",
            )
            .then(alter_failed()));
        }
        let holder = state.locks.single_user.get(&name.to_lowercase());
        if holder.is_some_and(|holder| *holder != self.session.spid)
            && entry.user_access == UserAccess::Single
        {
            return Err(ServerError::new(
                5064,
                16,
                1,
                format!(
                    "Changes to the state or options of database '{name}' cannot be made at this \
                     time. The database is in single-user mode, and a user is currently connected \
                     to it."
                ),
            )
            .then(alter_failed()));
        }
        if needs_room(options) {
            self.send_away(state, name, options, termination)
        } else {
            Ok(false)
        }
    }

    fn send_away(
        &self,
        state: &State,
        name: &str,
        options: &[DatabaseOption],
        termination: Termination,
    ) -> Result<bool> {
        let mut others = others_in(state, name, self.session.spid);
        if options
            .iter()
            .all(|option| option.name == "RESTRICTED_USER")
        {
            others.retain(|spid| !may_stay(state, name, *spid));
        }
        match termination {
            _ if others.is_empty() => Ok(false),
            Termination::NoWait => Err(ServerError::new(
                5070,
                16,
                2,
                format!(
                    "Database state cannot be changed while other users are using the database \
                     '{name}'"
                ),
            )
            .then(alter_failed())),
            // The caller tries again until they are gone, as the server waits.
            Termination::Wait => {
                let text = format!(
                    "ALTER DATABASE failed because a lock could not be placed on database \
                     '{name}'. Try again later."
                );
                Err(ServerError::new(5061, 16, 1, text).then(alter_failed()))
            }
            Termination::RollbackImmediate | Termination::RollbackAfter(_) => {
                for spid in others {
                    if let Some(info) = state.sessions.get(&spid) {
                        info.killed.cancel();
                    }
                }
                Ok(true)
            }
        }
    }
}

/// Whether a session may be in a RESTRICTED_USER database.
fn may_stay(state: &State, name: &str, spid: i16) -> bool {
    let login = state.sessions.get(&spid).map(|info| info.login.as_str());
    login.is_some_and(|login| {
        let caller = Caller::of_login(state, login);
        caller.is_owner(name) || caller.is_in_server_role("dbcreator")
    })
}

fn needs_room(options: &[DatabaseOption]) -> bool {
    options
        .iter()
        .any(|option| EXCLUSIVE.contains(&option.name.as_str()))
}

fn set(
    instance: &Instance,
    edit: &mut Edit<'_>,
    name: &str,
    option: &DatabaseOption,
) -> Result<(), EditError> {
    let value = option.value.as_deref();
    match (option.name.as_str(), value) {
        ("SINGLE_USER", None) => edit.entry(name)?.user_access = UserAccess::Single,
        ("MULTI_USER", None) => edit.entry(name)?.user_access = UserAccess::Multi,
        ("RESTRICTED_USER", None) => edit.entry(name)?.user_access = UserAccess::Restricted,
        ("READ_ONLY", None) => edit.entry(name)?.is_read_only = true,
        ("READ_WRITE", None) => edit.entry(name)?.is_read_only = false,
        ("ENABLE_BROKER", None) => {
            refuse_same_broker(edit.state(), name)?;
            edit.entry(name)?.is_broker_enabled = true;
        }
        ("NEW_BROKER", None) => {
            let broker = Some(crate::simulator::keys::random_guid().map_err(ServerError::from)?);
            edit.contents(name)?.broker = broker;
            let entry = edit.entry(name)?;
            (entry.broker, entry.is_broker_enabled) = (broker, true);
        }
        ("DISABLE_BROKER", None) => edit.entry(name)?.is_broker_enabled = false,
        ("ENCRYPTION", Some(value @ ("ON" | "OFF"))) => {
            set_encryption(instance, edit, name, value == "ON")?;
        }
        ("TRUSTWORTHY", Some(value)) => edit.entry(name)?.is_trustworthy = value == "ON",
        ("RECOVERY", Some(value)) => {
            edit.contents(name)?.recovery_model = match value {
                "FULL" => RecoveryModel::Full,
                "BULK_LOGGED" => RecoveryModel::BulkLogged,
                "SIMPLE" => RecoveryModel::Simple,
                _ => return Err(unknown_option(value).into()),
            };
        }
        ("COMPATIBILITY_LEVEL", Some(value)) => {
            let level: u8 = value.parse().map_err(|_| unknown_option(value))?;
            let newest = instance.version.compatibility_level();
            if !level.is_multiple_of(10) || level < 100 || level > newest {
                return Err(ServerError::new(
                    15048,
                    16,
                    1,
                    format!(
                        "Valid values of the database compatibility level are 100 to {newest}."
                    ),
                )
                .into());
            }
            edit.contents(name)?.compatibility_level = level;
        }
        ("OFFLINE", None) => {
            edit.close(name);
            edit.entry(name)?.state = DatabaseState::Offline;
        }
        ("EMERGENCY", None) => emergency(edit, name)?,
        ("ONLINE", None) => bring_online(instance, edit, name)?,
        (option, Some(value)) => {
            let usual = USUAL.iter().find(|(known, _)| *known == option);
            if !usual.is_some_and(|(_, values)| values.contains(&value)) {
                let what = format!("ALTER DATABASE SET {option} {value}");
                return Err(ServerError::unsupported(what).into());
            }
        }
        (option, None) => return Err(unknown_option(option).into()),
    }
    Ok(())
}

/// 5058, alone. States as captured: 5 of the user access, 2 of a snapshot option; of others nobody
/// saw it.
fn not_in_system_database(option: &str, name: &str) -> ServerError {
    let state = if option == "READ_COMMITTED_SNAPSHOT" {
        2
    } else {
        5
    };
    ServerError::new(
        5058,
        16,
        state,
        format!("Option '{option}' cannot be set in database '{name}'."),
    )
}

/// 195.
fn unknown_option(option: &str) -> ServerError {
    ServerError::new(
        195,
        15,
        1,
        format!("'{option}' is not a recognized SET option."),
    )
}

/// 9772: another database's Service Broker has the same identity and is enabled. That only one that is
/// online counts is unconfirmed.
fn refuse_same_broker(state: &State, name: &str) -> Result<()> {
    let identity = |entry: &DatabaseEntry| entry.broker.unwrap_or(entry.family);
    let own = state.entry(name).map(identity);
    let is_taken = state.catalog.databases.iter().any(|other| {
        !same_name(&other.name, name)
            && other.is_broker_enabled
            && other.state == DatabaseState::Online
            && Some(identity(other)) == own
    });
    if !is_taken {
        return Ok(());
    }
    Err(ServerError::new(
        9772,
        16,
        1,
        format!(
            "The Service Broker in database \"{name}\" cannot be enabled because there is already \
             an enabled Service Broker with the same ID."
        ),
    ))
}

/// Read-only and for sysadmins. Here it saves nothing that could not be opened before.
fn emergency(edit: &mut Edit<'_>, name: &str) -> Result<(), EditError> {
    match edit.entry(name)?.state {
        DatabaseState::Online | DatabaseState::Emergency => {
            edit.entry(name)?.state = DatabaseState::Emergency;
            Ok(())
        }
        _ => Err(ServerError::unsupported("EMERGENCY for a database that is not online").into()),
    }
}

fn bring_online(instance: &Instance, edit: &mut Edit<'_>, name: &str) -> Result<(), EditError> {
    let mut entry = edit.entry(name)?.clone();
    if entry.state == DatabaseState::Online {
        return Ok(());
    }
    if entry.state == DatabaseState::Emergency {
        edit.entry(name)?.state = DatabaseState::Online;
        return Ok(());
    }
    let path = entry
        .files
        .iter()
        .find(|file| !file.is_log)
        .map(|file| file.path.clone());
    let path = path.unwrap_or_default();
    let unreadable = |error: &dyn std::fmt::Display| {
        ServerError::new(
            5120,
            16,
            101,
            format!("Unable to open the physical file \"{path}\". Operating system error {error}."),
        )
    };
    let opened = match instance.disk.read(&path) {
        Err(error) => Err(unreadable(&error)),
        Ok(bytes) => match edit.state().open_data_file(&bytes) {
            Err(DataFileProblem::Content(error)) => Err(unreadable(&error)),
            Err(DataFileProblem::Locked(error)) => Err(error),
            Ok(database) => Ok(database),
        },
    };
    let database = opened.map_err(|error| {
        error.then(ServerError::new(
            5181,
            16,
            5,
            format!("Could not restart database \"{name}\". Reverting to the previous status."),
        ))
    })?;
    entry.state = DatabaseState::Online;
    edit.open(&entry, database);
    Ok(())
}
