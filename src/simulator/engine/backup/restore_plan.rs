//! What a RESTORE of a full backup will do, checked before it destroys anything.

use super::device::Chosen;
use super::options::Options;
use super::{media_message, message};
use crate::simulator::catalog::{
    Bytes, DatabaseEntry, DatabaseFile, DatabaseState, RecoveryModel, UserAccess,
};
use crate::simulator::engine::Session;
use crate::simulator::instance::{State, new_entry, same_name};
use crate::simulator::media::{SetFile, SetHeader};
use crate::simulator::server_error::{Result, ServerError};
use crate::simulator::storage::OsError;

/// The entry that the database will have, and the files that it had.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) entry: DatabaseEntry,
    pub(super) old_files: Vec<DatabaseFile>,
}

pub(super) fn plan(
    session: &Session,
    state: &State,
    database: &str,
    set: Chosen<'_>,
    options: &Options,
) -> Result<Plan> {
    let header = set.header()?;
    let ours = session.instance.database_version();
    if header.database_version > ours {
        return Err(message::newer_version(header.database_version, ours));
    }
    if options.checksum == Some(true) && !header.has_checksums {
        return Err(media_message::no_checksums());
    }
    let existing = state.entry(database);
    if let Some(existing) = existing {
        check_existing(session, state, existing, header, options)?;
    }
    let files = target_files(session, database, header, existing, options)?;
    check_files(session, state, database, &files, options)?;
    check_space(session, header, &files)?;
    Ok(Plan {
        entry: entry(session, state, database, header, files, options),
        old_files: existing
            .map(|existing| existing.files.clone())
            .unwrap_or_default(),
    })
}

/// The safety checks that REPLACE skips, and those that it doesn't.
fn check_existing(
    session: &Session,
    state: &State,
    existing: &DatabaseEntry,
    header: &SetHeader,
    options: &Options,
) -> Result<()> {
    if same_name(&existing.name, "master") {
        return Err(message::master_not_restored());
    }
    super::check_exclusive(session, state, &existing.name)?;
    if options.replace {
        return Ok(());
    }
    if existing.family != header.family {
        return Err(message::other_database(&existing.name));
    }
    let has_log = state.database(&existing.name).is_ok_and(|open| {
        open.contents.recovery_model != RecoveryModel::Simple
            && open.contents.last_full_backup.is_some()
    });
    if existing.state == DatabaseState::Online && has_log {
        return Err(message::tail_of_log(&existing.name));
    }
    Ok(())
}

/// Where the files go: as MOVE says, else where the existing database has them, else where they
/// were.
fn target_files(
    session: &Session,
    database: &str,
    header: &SetHeader,
    existing: Option<&DatabaseEntry>,
    options: &Options,
) -> Result<Vec<DatabaseFile>> {
    let instance = &session.instance;
    for (logical, _) in &options.moves {
        if !header
            .files
            .iter()
            .any(|file| same_name(&file.logical_name, logical))
        {
            return Err(message::unknown_logical_file(logical, database));
        }
    }
    let target = |file: &SetFile| {
        let moved = options
            .moves
            .iter()
            .find(|(logical, _)| same_name(logical, &file.logical_name));
        if let Some((_, path)) = moved {
            return instance.full_path(path, &instance.data_folder());
        }
        let same_family = existing.filter(|existing| existing.family == header.family);
        let current = same_family.and_then(|existing| {
            existing
                .files
                .iter()
                .find(|other| same_name(&other.logical_name, &file.logical_name))
        });
        current.map_or_else(|| file.physical_name.clone(), |other| other.path.clone())
    };
    Ok(header
        .files
        .iter()
        .map(|file| DatabaseFile {
            id: file.id,
            logical_name: file.logical_name.clone(),
            path: target(file),
            is_log: file.is_log,
        })
        .collect())
}

fn check_files(
    session: &Session,
    state: &State,
    database: &str,
    files: &[DatabaseFile],
    options: &Options,
) -> Result<()> {
    let disk = &session.instance.disk;
    let mut problems: Option<ServerError> = None;
    for (at, file) in files.iter().enumerate() {
        let (path, logical) = (&file.path, &file.logical_name);
        if let Some(other) = files[..at]
            .iter()
            .find(|other| disk.is_same_file(&other.path, path))
        {
            return Err(message::claimed_twice(
                path,
                (logical, file.id),
                (&other.logical_name, other.id),
            ));
        }
        let owner = state.catalog.databases.iter().find(|entry| {
            entry
                .files
                .iter()
                .any(|other| disk.is_same_file(&other.path, path))
        });
        let problem = match owner {
            Some(owner) if same_name(&owner.name, database) => None,
            Some(owner) => Some(message::file_in_use(path, &owner.name)),
            None => match disk.look(path) {
                Err(problem) => Some(message::folder_not_found(path, problem)),
                Ok((_, true)) => Some(message::folder_not_found(path, OsError::AccessDenied)),
                Ok((true, _)) if !options.replace => {
                    return Err(message::file_exists(logical, path));
                }
                Ok(_) if disk.has_folder(path) != Ok(true) => {
                    Some(message::folder_not_found(path, OsError::FileNotFound))
                }
                Ok(_) => None,
            },
        };
        if let Some(problem) = problem {
            let problem = problem.then(message::cannot_restore_file(logical, path));
            problems = Some(match problems {
                Some(before) => before.then(problem),
                None => problem,
            });
        }
    }
    match problems {
        Some(problems) => Err(problems.then(message::problems_in_plan())),
        None => Ok(()),
    }
}

fn check_space(session: &Session, header: &SetHeader, files: &[DatabaseFile]) -> Result<()> {
    let needed = usize::try_from(header.size).unwrap_or(usize::MAX);
    let free = session.instance.disk.quota();
    match (free, files.first()) {
        (Some(free), Some(file)) if free < header.size => {
            let volume = file.path.get(..3).unwrap_or("/");
            Err(message::no_space(volume, needed, free))
        }
        _ => Ok(()),
    }
}

/// The restored database's entry: owned by who restores it, trusted by nobody, without a broker.
fn entry(
    session: &Session,
    state: &State,
    database: &str,
    header: &SetHeader,
    files: Vec<DatabaseFile>,
    options: &Options,
) -> DatabaseEntry {
    let owner = state
        .login(&session.login)
        .map_or_else(|| Bytes(vec![1]), |login| login.sid.clone());
    let existing = state.entry(database);
    let id = existing.map_or_else(|| state.catalog.free_database_id(), |existing| existing.id);
    let name = existing.map_or_else(|| database.to_owned(), |existing| existing.name.clone());
    let mut entry = new_entry(id, name, owner, header.family, files);
    entry.user_access = if options.restricted_user {
        UserAccess::Restricted
    } else {
        header.user_access
    };
    entry.is_read_only = header.is_read_only;
    entry.is_broker_enabled = match options.broker.as_deref() {
        Some("NEW_BROKER") => true,
        Some("ENABLE_BROKER") => header.is_broker_enabled,
        _ => false,
    };
    if options.broker.as_deref() == Some("NEW_BROKER") {
        entry.broker = crate::simulator::keys::random_guid().ok();
    }
    // Kept only if it fits what comes back; see the end of the restore.
    entry.master_key_copy = existing
        .filter(|existing| existing.family == header.family)
        .and_then(|existing| existing.master_key_copy.clone());
    entry.state = DatabaseState::Restoring;
    entry
}
