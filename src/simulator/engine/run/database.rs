//! CREATE and DROP DATABASE, and ALTER DATABASE of names and owners.

use super::table::denied;
use super::{Runner, command};
use crate::simulator::catalog::{DatabaseFile, DatabaseState, RecoveryModel};
use crate::simulator::engine::Caller;
use crate::simulator::engine::frame::Frame;
use crate::simulator::instance::{Instance, NewDatabase, State, now, same_name};
use crate::simulator::server_error::{Failure, Result, ServerError, message};
use crate::simulator::tsql::ast::{DatabaseStatement, FileDefinition};

const SYSTEM: [&str; 4] = ["master", "tempdb", "model", "msdb"];

pub(super) fn is_system(name: &str) -> bool {
    SYSTEM.iter().any(|system| same_name(system, name))
}

/// The sessions in a database but one's own, and but those that were sent away already.
pub(super) fn others_in(state: &State, database: &str, spid: i16) -> Vec<i16> {
    let sessions = state.sessions.iter();
    sessions
        .filter(|(other, info)| {
            **other != spid && same_name(&info.database, database) && !info.killed.is_cancelled()
        })
        .map(|(other, _)| *other)
        .collect()
}

/// 226.
fn in_transaction(statement: &str) -> ServerError {
    ServerError::new(
        226,
        16,
        6,
        format!("{statement} statement not allowed within multi-statement transaction."),
    )
}

/// 5011, then 5069.
pub(super) fn cannot_alter(name: &str) -> ServerError {
    ServerError::new(
        5011,
        14,
        5,
        format!(
            "User does not have permission to alter database '{name}', the database does not \
             exist, or the database is not in a state that allows access checks."
        ),
    )
    .then(alter_failed())
}

/// 5069.
pub(super) fn alter_failed() -> ServerError {
    ServerError::new(5069, 16, 1, "ALTER DATABASE statement failed.")
}

impl Runner<'_> {
    pub(super) async fn database(
        &mut self,
        statement: &DatabaseStatement,
        frame: &Frame,
    ) -> Result<(), Failure> {
        if self.session.transactions > 0 {
            return Err(in_transaction(match statement {
                DatabaseStatement::Create { .. } => "CREATE DATABASE",
                DatabaseStatement::Drop { .. } => "DROP DATABASE",
                _ => "ALTER DATABASE",
            })
            .into());
        }
        let ended = match statement {
            DatabaseStatement::Create { name, data, log } => {
                self.create_database(name, data, log)?;
                command::CREATE_DATABASE
            }
            DatabaseStatement::Drop { names, if_exists } => {
                for name in names {
                    self.drop_database(name, *if_exists)?;
                }
                command::DROP_DATABASE
            }
            DatabaseStatement::Set {
                name,
                options,
                termination,
            } => {
                let name = match name {
                    Some(name) => name.clone(),
                    None => self.current_database()?,
                };
                self.set_database(&name, options, *termination, frame)
                    .await?;
                command::ALTER_DATABASE
            }
            DatabaseStatement::Rename { name, new_name } => {
                let name = name
                    .clone()
                    .unwrap_or_else(|| self.session.database.clone());
                self.rename_database(&name, new_name)?;
                // Its number is community knowledge.
                let text = format!("The database name '{new_name}' has been set.");
                self.notice(frame, message(5021, 0, 1, text)).await?;
                command::ALTER_DATABASE
            }
            DatabaseStatement::ChangeOwner { name, login } => {
                self.change_owner(name, login)?;
                command::NONE
            }
        };
        Ok(self.done(ended, None).await?)
    }

    /// The database that `ALTER DATABASE CURRENT` means, unless it is one of the system's.
    fn current_database(&self) -> Result<String> {
        let name = self.session.database.clone();
        if is_system(&name) {
            return Err(ServerError::new(
                12104,
                16,
                2,
                format!(
                    "ALTER DATABASE CURRENT failed because '{name}' is a system database. System \
                     databases cannot be altered by using the CURRENT keyword. Use the database \
                     name to alter a system database."
                ),
            ));
        }
        Ok(name)
    }

    fn create_database(
        &self,
        name: &str,
        data: &[FileDefinition],
        log: &[FileDefinition],
    ) -> Result<()> {
        let instance = &self.session.instance;
        let mut state = instance.state();
        let caller = Caller::new(&state, self.session);
        if !caller.may_create_databases() {
            return Err(denied("CREATE DATABASE", "master"));
        }
        if state.entry(name).is_some() {
            return Err(exists(name));
        }
        let owner = caller
            .login()
            .map(|login| login.sid.clone())
            .unwrap_or_default();
        let new = NewDatabase {
            name: name.to_owned(),
            owner,
            files: files(instance, name, data, log)?,
            // As the model database has it.
            recovery_model: RecoveryModel::Full,
        };
        let id = state.catalog.free_database_id();
        let (entry, database) = new
            .make(instance, id)
            .map_err(crate::simulator::instance::EditError::from)?;
        for file in &entry.files {
            check_new_file(instance, file)?;
        }
        Ok(instance.edit(&mut state, |edit| {
            edit.open(&entry, database);
            Ok(())
        })?)
    }

    fn drop_database(&self, name: &str, if_exists: bool) -> Result<()> {
        let instance = &self.session.instance;
        let mut state = instance.state();
        let caller = Caller::new(&state, self.session);
        let missing = || {
            ServerError::new(
                3701,
                11,
                1,
                format!(
                    "Cannot drop the database '{name}', because it does not exist or you do not \
                     have permission."
                ),
            )
        };
        let Some(entry) = state.entry(name) else {
            return if if_exists { Ok(()) } else { Err(missing()) };
        };
        let name = entry.name.clone();
        let is_owner = caller.login().is_some_and(|login| login.sid == entry.owner);
        if !is_owner && !caller.has_server("ALTER ANY DATABASE") && !caller.is_owner(&name) {
            return Err(missing());
        }
        if is_system(&name) {
            return Err(ServerError::new(
                3708,
                16,
                4,
                format!("Cannot drop the database '{name}' because it is a system database."),
            ));
        }
        let holder = state.locks.single_user.get(&name.to_lowercase());
        let is_used = same_name(&self.session.database, &name)
            || !others_in(&state, &name, self.session.spid).is_empty()
            || holder.is_some_and(|holder| *holder != self.session.spid);
        if is_used {
            return Err(ServerError::new(
                3702,
                16,
                4,
                format!("Cannot drop database \"{name}\" because it is currently in use."),
            ));
        }
        instance.edit(&mut state, |edit| {
            edit.drop_database(&name);
            Ok(())
        })?;
        state.locks.single_user.remove(&name.to_lowercase());
        Ok(())
    }

    fn rename_database(&mut self, name: &str, new_name: &str) -> Result<()> {
        let instance = std::sync::Arc::clone(&self.session.instance);
        let mut state = instance.state();
        let caller = Caller::new(&state, self.session);
        let known = state.entry(name).map(|entry| entry.name.clone());
        let Some(old) = known.filter(|name| {
            caller.has_server("ALTER ANY DATABASE") || caller.has_database(name, "ALTER")
        }) else {
            return Err(cannot_alter(name));
        };
        if is_system(&old) {
            return Err(ServerError::new(
                5058,
                16,
                1,
                format!("Option 'NAME' cannot be set in database '{old}'."),
            )
            .then(alter_failed()));
        }
        if !same_name(&old, new_name) && state.entry(new_name).is_some() {
            return Err(exists(new_name));
        }
        let entry_state = state.entry(&old).map(|entry| entry.state);
        if entry_state == Some(DatabaseState::Offline) && !instance.choices.offline_can_be_renamed {
            return Err(state
                .database(&old)
                .map(|_| alter_failed())
                .unwrap_or_else(|closed| closed.then(alter_failed())));
        }
        let holder = state.locks.single_user.get(&old.to_lowercase());
        let is_held = holder.is_some_and(|holder| *holder != self.session.spid);
        if is_held || !others_in(&state, &old, self.session.spid).is_empty() {
            return Err(ServerError::new(
                5030,
                16,
                12,
                "The database could not be exclusively locked to perform the operation.",
            ));
        }
        instance.edit(&mut state, |edit| {
            edit.rename(&old, new_name)?;
            // Documented: the date it was created or renamed.
            edit.entry(new_name)?.created = now();
            Ok(())
        })?;
        if let Some(holder) = state.locks.single_user.remove(&old.to_lowercase()) {
            state
                .locks
                .single_user
                .insert(new_name.to_lowercase(), holder);
        }
        if same_name(&self.session.database, &old) {
            new_name.clone_into(&mut self.session.database);
        }
        Ok(())
    }

    fn change_owner(&self, name: &str, login: &str) -> Result<()> {
        let instance = &self.session.instance;
        let mut state = instance.state();
        let caller = Caller::new(&state, self.session);
        let cannot_find = |what: &str, name: &str| {
            ServerError::new(
                15151,
                16,
                1,
                format!(
                    "Cannot find the {what} '{name}', because it does not exist or you do not have \
                     permission."
                ),
            )
        };
        let known = state.entry(name).map(|entry| entry.name.clone());
        let Some(name) = known.filter(|name| caller.has_database(name, "TAKE OWNERSHIP")) else {
            return Err(cannot_find("database", name));
        };
        // Whom one gives it to one must be able to act as, but for oneself.
        let may_give = caller.has_server("IMPERSONATE ANY LOGIN");
        let own = caller.login().map(|login| login.sid.clone());
        let owner = state.login(login).map(|login| login.sid.clone());
        let Some(owner) = owner.filter(|sid| may_give || own.as_ref() == Some(sid)) else {
            return Err(cannot_find("principal", login));
        };
        let contents = &state.database(&name)?.contents;
        if contents
            .users
            .iter()
            .any(|user| user.id != 1 && user.sid == owner)
        {
            return Err(ServerError::new(
                15110,
                16,
                1,
                "The proposed new database owner is already a user or aliased in the database.",
            ));
        }
        Ok(instance.edit(&mut state, |edit| {
            edit.entry(&name)?.owner = owner.clone();
            let contents = edit.contents(&name)?;
            if let Some(dbo) = contents.users.iter_mut().find(|user| user.id == 1) {
                dbo.sid = owner;
            }
            Ok(())
        })?)
    }
}

/// 1801.
fn exists(name: &str) -> ServerError {
    ServerError::new(
        1801,
        16,
        3,
        format!("Database '{name}' already exists. Choose a different database name."),
    )
}

/// The files as they were named, or in the default folder after the database.
fn files(
    instance: &Instance,
    name: &str,
    data: &[FileDefinition],
    log: &[FileDefinition],
) -> Result<Vec<DatabaseFile>> {
    if data.len() > 1 || log.len() > 1 {
        return Err(ServerError::unsupported(
            "databases of more than one data and one log file",
        ));
    }
    let folder = instance.data_folder();
    // What no file name may hold is replaced (community knowledge, unconfirmed).
    let safe: String = name
        .chars()
        .map(|c| {
            if c.is_control() || r#"\/:*?"<>|"#.contains(c) {
                '_'
            } else {
                c
            }
        })
        .collect();
    let default = FileDefinition {
        logical_name: name.to_owned(),
        path: format!("{safe}.mdf"),
    };
    let primary = data.first().unwrap_or(&default);
    let file = |id, logical_name: &str, path: &str, is_log| DatabaseFile {
        id,
        logical_name: logical_name.to_owned(),
        path: instance.full_path(path, &folder),
        is_log,
    };
    let log = match log.first() {
        Some(log) => file(2, &log.logical_name, &log.path, true),
        None => file(2, &format!("{name}_log"), &format!("{safe}_log.ldf"), true),
    };
    Ok(vec![
        file(1, &primary.logical_name, &primary.path, false),
        log,
    ])
}

/// 5133 or 5170, then 1802.
fn check_new_file(instance: &Instance, file: &DatabaseFile) -> Result<()> {
    let path = &file.path;
    let failed = ServerError::new(
        1802,
        16,
        1,
        "CREATE DATABASE failed. Some file names listed could not be created. Check related errors.",
    );
    let problem = match (instance.disk.has_folder(path), instance.disk.look(path)) {
        (Ok(true), Ok((false, false))) => return Ok(()),
        (Ok(true), Ok(_)) => ServerError::new(
            5170,
            16,
            1,
            format!(
                "Cannot create file '{path}' because it already exists. Change the file path or \
                 the file name, and retry the operation."
            ),
        ),
        (folder, _) => {
            let error = folder
                .err()
                .unwrap_or(crate::simulator::storage::OsError::PathNotFound);
            ServerError::new(
                5133,
                16,
                1,
                format!(
                    "Directory lookup for the file \"{path}\" failed with the operating system \
                     error {error}."
                ),
            )
        }
    };
    Err(problem.then(failed))
}
