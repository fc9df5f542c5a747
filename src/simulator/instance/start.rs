//! Making an instance, and starting it again.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use super::bootstrap::{self, NewDatabase, SA_SID, SYSTEM_DATABASES};
use super::database_file::{DataFileProblem, log_family};
use super::{
    Instance, InstanceBuilder, Locks, OpenDatabase, SimulatedInstance, StartError, State, now,
};
use crate::names::NameError;
use crate::secret::Secret;
use crate::simulator::catalog::{Bytes, Catalog, DatabaseEntry, DatabaseFile, DatabaseState};
use crate::simulator::engine::{create_history_procedures, create_history_tables};
use crate::simulator::keys::{CryptographyFailed, KeyMaterial, Label, machine_secret};
use crate::simulator::server_error::ServerError;
use crate::simulator::storage::{Disk, EnvelopeError, FileKind, OsError, unseal};
use crate::simulator::{Faults, ModellingChoices, Platform};

impl From<CryptographyFailed> for StartError {
    fn from(_: CryptographyFailed) -> Self {
        Self::Cryptography
    }
}

impl InstanceBuilder {
    pub(super) fn start(mut self) -> Result<SimulatedInstance, StartError> {
        let secret_file = self.machine_secret_file();
        let folder_problem = |problem: String| StartError::Folder {
            folder: self.folder.clone(),
            problem,
        };
        let disk = Disk::open(&self.folder, &self.shares, self.platform)
            .map_err(|error| folder_problem(error.to_string()))?;
        self.check_machine_secret(&secret_file)?;
        let secret = match machine_secret(&secret_file) {
            Ok(secret) => Some(secret),
            // As with a damaged DPAPI key: the server starts, and its key doesn't open.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            Err(error) => return Err(StartError::MachineSecret(error)),
        };
        let stored = disk
            .read_catalog()
            .map_err(|error| folder_problem(error.to_string()))?;
        let (catalog, key) = match &stored {
            Some(bytes) => open_catalog(bytes, &self, secret.as_ref())?,
            None => {
                let secret = secret.as_ref().ok_or(StartError::Cryptography)?;
                let password = self.sa_password.as_ref().map(Secret::expose);
                let sa = bootstrap::sa(self.derivation, password)?;
                let (catalog, key) = bootstrap::new_catalog(&self.name, self.platform, secret, sa)?;
                (catalog, Some(key))
            }
        };
        self.sa_password = None;
        let windows_accounts = self.windows_accounts()?;
        let instance = Instance {
            windows_accounts,
            name: self.name,
            version: self.version,
            edition: self.edition,
            platform: self.platform,
            choices: self.choices,
            disk,
            faults: Faults::default(),
            started: now(),
            derivation: self.derivation,
            machine_secret: secret,
            pace: self.pace,
            silence: self.silence,
            state: Mutex::new(State {
                catalog,
                service_master_key: key,
                databases: BTreeMap::new(),
                sessions: BTreeMap::new(),
                locks: Locks::default(),
            }),
        };
        if stored.is_some() {
            instance.open_databases()?;
        } else {
            instance.make_system_databases()?;
        }
        Ok(SimulatedInstance {
            inner: Arc::new(instance),
        })
    }
}

fn open_catalog(
    bytes: &[u8],
    builder: &InstanceBuilder,
    secret: Option<&KeyMaterial>,
) -> Result<(Catalog, Option<KeyMaterial>), StartError> {
    let catalog: Catalog = unseal(FileKind::Catalog, bytes)
        .and_then(|[json]| serde_json::from_slice(json).map_err(|_| EnvelopeError::Foreign))
        .map_err(|error| system_file("master", error))?;
    if !super::find::same_name(&catalog.server, &builder.name) {
        return Err(NameError::new(
            "SQL Server instance",
            format!(
                "the folder holds the instance {}; give that name",
                catalog.server
            ),
        )
        .into());
    }
    if catalog.platform != builder.platform {
        return Err(StartError::Folder {
            folder: builder.folder.clone(),
            problem: format!(
                "it was made for {:?}; choose that platform",
                catalog.platform
            ),
        });
    }
    let row = &catalog.service_master_key;
    let key = secret.and_then(|secret| {
        secret
            .unwrap(Label::ServiceMasterKey(row.guid), &row.by_machine)
            .ok()
    });
    Ok((catalog, key))
}

fn system_file(file: impl Into<String>, problem: impl std::fmt::Display) -> StartError {
    StartError::SystemFile {
        file: file.into(),
        problem: problem.to_string(),
    }
}

impl Instance {
    fn make_system_databases(&self) -> Result<(), StartError> {
        let folder = self.data_folder();
        let made = self.disk.create_root().and_then(|()| {
            self.disk.create_folder(&folder)?;
            if self.platform == Platform::Linux {
                self.disk.create_folder("/tmp")?;
            }
            self.disk.create_folder(&self.backup_folder())
        });
        made.map_err(|error| system_file(&folder, error))?;
        let mut state = self.state();
        let result = self.edit(&mut state, |edit| {
            for (id, (name, logical_names, leaves, recovery_model)) in (1..).zip(SYSTEM_DATABASES) {
                let files = (1..)
                    .zip(logical_names.iter().zip(leaves))
                    .map(|(id, (logical_name, leaf))| DatabaseFile {
                        id,
                        logical_name: (*logical_name).to_owned(),
                        path: self.full_path(leaf, &folder),
                        is_log: id == 2,
                    })
                    .collect();
                let new = NewDatabase {
                    name: name.to_owned(),
                    owner: Bytes(SA_SID.to_vec()),
                    files,
                    recovery_model,
                };
                let (entry, mut database) = new.make(self, id)?;
                if name == "msdb" {
                    create_history_tables(&mut database, self.version)?;
                    create_history_procedures(&mut database);
                }
                edit.open(&entry, database);
            }
            Ok(())
        });
        result.map_err(|error| system_file(folder, format!("{error:?}")))
    }

    /// Opens every database that was online. One that can't be read is `SUSPECT`, a missing one is
    /// `RECOVERY_PENDING`; `master` must be sound.
    fn open_databases(&self) -> Result<(), StartError> {
        let mut state = self.state();
        let mut entries = state.catalog.databases.clone();
        let mut result = Ok(());
        for entry in &mut entries {
            if matches!(
                entry.state,
                DatabaseState::Restoring | DatabaseState::Offline
            ) {
                continue;
            }
            // `master` is first, and what it holds opens the encrypted ones.
            match self.open_files(&state, entry) {
                Ok(mut database) => {
                    if entry.state != DatabaseState::Emergency {
                        entry.state = DatabaseState::Online;
                    }
                    database.contents.version = self.database_version();
                    state.databases.insert(entry.name.to_lowercase(), database);
                }
                Err(problem) if entry.name == "master" => {
                    let path = entry.files.first().map_or("master", |file| &file.path);
                    result = Err(system_file(path, problem.text()));
                }
                Err(problem) => entry.state = problem.state(&self.choices),
            }
        }
        state.catalog.databases = entries;
        result
    }

    /// Reads a database's files, of whatever version; `tempdb` starts empty.
    pub(crate) fn open_files(
        &self,
        state: &State,
        entry: &DatabaseEntry,
    ) -> Result<OpenDatabase, OpenProblem> {
        if entry.name == "tempdb" {
            let new = NewDatabase {
                name: entry.name.clone(),
                owner: entry.owner.clone(),
                files: entry.files.clone(),
                recovery_model: crate::simulator::catalog::RecoveryModel::Simple,
            };
            let (_, mut database) = new.make(self, entry.id).map_err(OpenProblem::Files)?;
            database.contents.family = entry.family;
            return Ok(database);
        }
        let mut opened = None;
        for file in &entry.files {
            let bytes = self.disk.read(&file.path).map_err(OpenProblem::Files)?;
            let family = if file.is_log {
                log_family(&bytes).map_err(OpenProblem::Content)?
            } else {
                let database = state.open_data_file(&bytes)?;
                let family = database.contents.family;
                opened = Some(database);
                family
            };
            if family != entry.family {
                return Err(OpenProblem::Content(EnvelopeError::Foreign));
            }
        }
        let database = opened.ok_or(OpenProblem::Files(OsError::FileNotFound))?;
        if database.contents.version > self.database_version() {
            return Err(OpenProblem::Newer(database.contents.version));
        }
        Ok(database)
    }
}

/// Why a database's files could not be opened.
#[derive(Debug)]
pub(crate) enum OpenProblem {
    Files(OsError),
    Content(EnvelopeError),
    /// They are encrypted, and this server can't open their key.
    Locked(ServerError),
    /// The internal version of the server that wrote them.
    Newer(i32),
}

impl From<DataFileProblem> for OpenProblem {
    fn from(problem: DataFileProblem) -> Self {
        match problem {
            DataFileProblem::Content(error) => Self::Content(error),
            DataFileProblem::Locked(error) => Self::Locked(error),
        }
    }
}

impl OpenProblem {
    /// The state that the database is in then.
    const fn state(&self, choices: &ModellingChoices) -> DatabaseState {
        match self {
            Self::Locked(_) if choices.locked_database_is_suspect => DatabaseState::Suspect,
            Self::Files(_) | Self::Locked(_) => DatabaseState::RecoveryPending,
            Self::Content(_) | Self::Newer(_) => DatabaseState::Suspect,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Files(error) => format!("operating system error {error}"),
            Self::Content(error) => error.to_string(),
            Self::Locked(error) => error
                .0
                .first()
                .map_or_else(String::new, |first| first.text.clone()),
            Self::Newer(version) => {
                format!("it was written by a newer version of the server ({version})")
            }
        }
    }
}

#[cfg(test)]
mod tests;
