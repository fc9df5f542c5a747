//! RESTORE DATABASE and RESTORE LOG.

use tokio::time::Instant;

use super::device::{self, Chosen, Media};
use super::options::Options;
use super::progress::Progress;
use super::restore_plan::{Plan, plan};
use super::{RESTORE_DATABASE, encryption, history, media_message, message, permission};
use crate::simulator::catalog::{DatabaseEntry, DatabaseState};
use crate::simulator::engine::Session;
use crate::simulator::engine::keys::is_current_master_key_copy;
use crate::simulator::instance::{
    DataFileProblem, Edit, EditError, OpenDatabase, State, log_file, same_name, unknown_database,
};
use crate::simulator::keys::random_guid;
use crate::simulator::media::{SetHeader, SetKind, lsn};
use crate::simulator::output::Output;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::storage::{Change, Hold, HoldFor, OsError, ServerFile};
use crate::simulator::tsql::ast::Device;
use crate::transport::SqlMessage;

/// A restore that was checked.
struct Job {
    media: Media,
    position: usize,
    entry: DatabaseEntry,
    /// Nobody else restores into the same file meanwhile.
    _hold: Hold,
}

pub(super) async fn run(
    session: &Session,
    is_log: bool,
    database: &str,
    devices: &[Device],
    options: Options,
    output: &Output,
) -> Result<(), Failure> {
    let (what, command) = if is_log {
        ("RESTORE LOG", session.instance.choices.unseen_command)
    } else {
        ("RESTORE DATABASE", RESTORE_DATABASE)
    };
    if same_name(database, "tempdb") {
        return Err(message::not_on_tempdb().into());
    }
    permission::restore(session, &session.instance.state(), database)?;
    let begun = Instant::now();
    if devices.is_empty() {
        let progress = Progress::start(session, what, command);
        for step in recover(session, database)? {
            progress.notice(step, output).await?;
        }
        return Ok(progress
            .notice(message::processed(what, 0, begun.elapsed()), output)
            .await?);
    }
    let paths = device::paths(session, devices)?;
    let media = device::open_to_read(session, paths, true)?;
    let job = start(session, is_log, database, media, &options)?;
    let progress = Progress::start(session, what, command);
    progress.run(options.stats, output).await?;
    let finished = finish(session, &job, &options)?;
    if finished.history_failed {
        progress.notice(message::history_failed(), output).await?;
    }
    let set = job.media.choose(job.position)?;
    let files = &set.header()?.files;
    for file in files {
        let notice = message::pages_processed(
            file.pages,
            &job.entry.name,
            &file.logical_name,
            job.position,
        );
        progress.notice(notice, output).await?;
    }
    for step in finished.upgrade {
        progress.notice(step, output).await?;
    }
    let pages = files.iter().map(|file| file.pages).sum();
    Ok(progress
        .notice(message::processed(what, pages, begun.elapsed()), output)
        .await?)
}

/// Checks everything, and makes the beginning durable: from here on the old database is gone, and
/// the new one is RESTORING until it is complete.
fn start(
    session: &Session,
    is_log: bool,
    database: &str,
    media: Media,
    options: &Options,
) -> Result<Job> {
    let instance = &session.instance;
    let position = options.position.unwrap_or(1);
    let set = media.choose(position)?;
    let header = set.header()?;
    if is_log != (header.kind == SetKind::Log) {
        let statement = if is_log {
            "BACKUP DATABASE"
        } else {
            "BACKUP LOG"
        };
        return Err(media_message::other_kind_of_set(media.device(), statement));
    }
    let mut state = instance.state();
    encryption::check_readable(session, &state, header)?;
    if header.kind != SetKind::Database {
        return follow(session, &state, database, media, position);
    }
    let Plan { entry, old_files } = plan(session, &state, database, set, options)?;
    let hold = hold(session, &entry)?;
    let begun = instance.edit(&mut state, |edit| {
        edit.close(&entry.name);
        edit.remove_files(&old_files);
        edit.put_entry(&entry);
        Ok(())
    });
    begun.map_err(|error| disk_error(&entry, error))?;
    state.locks.single_user.remove(&entry.name.to_lowercase());
    drop(state);
    Ok(Job {
        media,
        position,
        entry,
        _hold: hold,
    })
}

fn hold(session: &Session, entry: &DatabaseEntry) -> Result<Hold> {
    let path = entry.files.first().map_or("", |file| &file.path);
    session
        .instance
        .disk
        .hold(path, HoldFor::Writing)
        .map_err(|problem| match problem {
            OsError::InUse => message::database_in_use(),
            problem => message::folder_not_found(path, problem),
        })
}

/// A differential or log backup follows on what was restored with NORECOVERY.
fn follow(
    session: &Session,
    state: &State,
    database: &str,
    media: Media,
    position: usize,
) -> Result<Job> {
    let entry = state
        .entry(database)
        .ok_or_else(|| message::cannot_create(database))?;
    if entry.state != DatabaseState::Restoring {
        return Err(message::nothing_to_roll_forward());
    }
    let hold = hold(session, entry)?;
    let restored = session
        .instance
        .open_files(state, entry)
        .map_err(|_| message::nothing_to_roll_forward())?;
    let header = media.choose(position)?.header()?.clone();
    if header.family != entry.family {
        return Err(message::other_database(&entry.name));
    }
    let reached = restored.contents.change_count;
    match header.kind {
        SetKind::Differential => {
            let base = restored.contents.last_full_backup.map(|(id, _)| id);
            if header.base.map(|base| base.id) != base {
                return Err(message::wrong_base());
            }
        }
        _ if header.first_change > reached => {
            return Err(message::log_too_recent(
                lsn(header.first_change),
                lsn(reached),
            ));
        }
        _ if header.last_change < reached => {
            return Err(message::log_too_early(
                lsn(header.last_change),
                lsn(reached),
            ));
        }
        _ => {}
    }
    Ok(Job {
        media,
        position,
        entry: entry.clone(),
        _hold: hold,
    })
}

/// What there is to tell of a restore that came to its end.
struct Finished {
    /// msdb could not note it.
    history_failed: bool,
    /// The database was an older server's.
    upgrade: Vec<SqlMessage>,
}

/// Reads the content, and puts the database in its place.
fn finish(session: &Session, job: &Job, options: &Options) -> Result<Finished> {
    let instance = &session.instance;
    let set = job.media.choose(job.position)?;
    let mut state = instance.state();
    // Somebody dropped it meanwhile.
    if state
        .entry(&job.entry.name)
        .is_none_or(|entry| entry.state != DatabaseState::Restoring)
    {
        return Err(unknown_database(&job.entry.name));
    }
    let mut database = read_content(session, &state, set)?;
    let mut entry = job.entry.clone();
    entry.master_key_copy = entry
        .master_key_copy
        .take()
        .filter(|copy| is_current_master_key_copy(&state, &database.contents, copy));
    // It is brought to this server's version when it comes online, not before.
    let upgrade = if options.recovery {
        raise(session, &entry.name, &mut database)
    } else {
        Vec::new()
    };
    let mut history_failed = false;
    let done = instance.edit(&mut state, |edit| {
        if options.recovery {
            bring_online(edit, entry, database)?;
        } else {
            keep_restoring(edit, &entry, database)?;
        }
        let restored = history::Restored {
            set,
            session,
            entry: &job.entry,
            options,
        };
        history_failed = history::restore(edit, &restored, &job.media.on_devices()).is_err();
        Ok(())
    });
    done.map_err(|error| disk_error(&job.entry, error))?;
    Ok(Finished {
        history_failed,
        upgrade,
    })
}

/// Brings a database to this server's internal version. What is said of that.
fn raise(session: &Session, name: &str, database: &mut OpenDatabase) -> Vec<SqlMessage> {
    let (from, to) = (
        database.contents.version,
        session.instance.database_version(),
    );
    database.contents.version = to;
    message::upgrade(name, from, to)
}

/// The database in a backup set, if all of it is sound.
pub(super) fn read_content(
    session: &Session,
    state: &State,
    set: Chosen<'_>,
) -> Result<OpenDatabase> {
    let header: &SetHeader = set.header()?;
    let content = set.content()?;
    let content = match &header.encryption {
        Some(encryption) => encryption::decrypt(session, state, encryption, content)?,
        None => content,
    };
    let database = state.open_data_file(&content);
    let database = database.map_err(|problem| match problem {
        DataFileProblem::Content(_) => media_message::damaged(),
        DataFileProblem::Locked(error) => error,
    })?;
    if database.contents.family == header.family {
        Ok(database)
    } else {
        Err(media_message::damaged())
    }
}

fn bring_online(
    edit: &mut Edit<'_>,
    mut entry: DatabaseEntry,
    mut database: OpenDatabase,
) -> Result<(), EditError> {
    database.contents.recovery_fork = random_guid().map_err(ServerError::from)?;
    // WITH NEW_BROKER the entry has a new one already.
    if entry.broker.is_some() {
        database.contents.broker = entry.broker;
    }
    entry.broker = database.contents.broker;
    entry.state = DatabaseState::Online;
    edit.open(&entry, database);
    Ok(())
}

fn keep_restoring(
    edit: &mut Edit<'_>,
    entry: &DatabaseEntry,
    mut database: OpenDatabase,
) -> Result<(), EditError> {
    for file in &entry.files {
        let bytes = if file.is_log {
            log_file(entry.family)
        } else {
            database.data_file()?
        };
        edit.file(Change::Write(ServerFile::Path(file.path.clone()), bytes));
    }
    edit.put_entry(entry);
    Ok(())
}

/// RESTORE DATABASE … WITH RECOVERY, without a backup: ends a restore that was left open.
fn recover(session: &Session, database: &str) -> Result<Vec<SqlMessage>> {
    let instance = &session.instance;
    let mut state = instance.state();
    let entry = state
        .entry(database)
        .ok_or_else(|| unknown_database(database))?
        .clone();
    if entry.state != DatabaseState::Restoring {
        return Err(message::already_recovered());
    }
    let _hold = hold(session, &entry)?;
    let mut restored = instance
        .open_files(&state, &entry)
        .map_err(|_| message::not_restored())?;
    let upgrade = raise(session, &entry.name, &mut restored);
    let recovered = instance.edit(&mut state, |edit| {
        bring_online(edit, entry.clone(), restored)
    });
    recovered.map_err(|error| disk_error(&entry, error))?;
    Ok(upgrade)
}

fn disk_error(entry: &DatabaseEntry, error: EditError) -> ServerError {
    match error {
        EditError::Server(error) => error,
        EditError::Disk(problem) => {
            media_message::write_failed(entry.files.first().map_or("", |file| &file.path), problem)
        }
    }
}
