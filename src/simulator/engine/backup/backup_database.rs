//! BACKUP DATABASE and BACKUP LOG.

use time::PrimitiveDateTime;
use tokio::time::Instant;

use super::device::{self, Target};
use super::history;
use super::new_set::{Unfinished, add_to_media, header};
use super::options::Options;
use super::permission;
use super::progress::Progress;
use super::{BACKUP_DATABASE, BACKUP_LOG, encryption};
use super::{media_message, message};
use crate::simulator::Version;
use crate::simulator::catalog::{Contents, DatabaseState, Guid, RecoveryModel};
use crate::simulator::engine::Session;
use crate::simulator::instance::{Edit, EditError, State, now, same_name};
use crate::simulator::keys::random_guid;
use crate::simulator::media::{Family, SetHeader, SetKind};
use crate::simulator::output::Output;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::storage::{Change, ServerFile};
use crate::simulator::tsql::ast::Device;

/// What a backup is to do, checked before it starts.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) database: String,
    pub(super) kind: SetKind,
    pub(super) options: Options,
    pub(super) targets: Vec<Target>,
    pub(super) started: PrimitiveDateTime,
}

impl Job {
    /// Whether the set is compressed: also where nothing is said on media that are, as captured.
    pub(super) fn is_compressed(&self) -> bool {
        let mut families = self
            .targets
            .iter()
            .filter_map(|target| target.family.as_ref());
        self.options.compression || families.any(|family| family.label.is_compressed)
    }
}

/// What it did.
struct Report {
    pages: Vec<(String, i64)>,
    position: usize,
    history_failed: bool,
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
        ("BACKUP LOG", BACKUP_LOG)
    } else {
        ("BACKUP DATABASE", BACKUP_DATABASE)
    };
    let edition = session.instance.edition;
    if !edition.can_compress() && (options.compression || options.encryption.is_some()) {
        let option = if options.compression {
            "COMPRESSION"
        } else {
            "ENCRYPTION"
        };
        let what = format!("{what} WITH {option}");
        return Err(message::not_in_edition(&what, edition.name()).into());
    }
    if let Some(algorithm) = &options.compression_algorithm {
        check_algorithm(session.instance.version, algorithm)?;
    }
    let certificate = options.encryption.as_ref();
    let kept = certificate
        .map(|(_, certificate)| encryption::check(session, certificate))
        .transpose()?;
    let job = prepare(session, is_log, database, devices, options)?;
    let begun = Instant::now();
    let progress = Progress::start(session, what, command);
    let unfinished = Unfinished::new(session, &job);
    if kept == Some(encryption::Kept::Nowhere) {
        let notice = crate::simulator::engine::keys::certificate_not_backed_up();
        progress.notice(notice, output).await?;
    }
    progress.run(job.options.stats, output).await?;
    unfinished.forget();
    let database = job.database.clone();
    let report = finish(session, job)?;
    if report.history_failed {
        progress.notice(message::history_failed(), output).await?;
    }
    for (file, pages) in &report.pages {
        let notice = message::pages_processed(*pages, &database, file, report.position);
        progress.notice(notice, output).await?;
    }
    let pages = report.pages.iter().map(|(_, pages)| pages).sum();
    Ok(progress
        .notice(message::processed(what, pages, begun.elapsed()), output)
        .await?)
}

/// The algorithms that a version has (documented). What one that it has not raises is unconfirmed;
/// before 2022 the bracket itself is no T-SQL.
fn check_algorithm(version: Version, algorithm: &str) -> Result<()> {
    let is_known = match algorithm {
        "MS_XPRESS" | "QAT_DEFLATE" => version >= Version::Sql2022,
        "ZSTD" => version >= Version::Sql2025,
        _ => false,
    };
    if is_known {
        return Ok(());
    }
    let near = if version >= Version::Sql2022 {
        algorithm
    } else {
        "("
    };
    let text = format!("Incorrect syntax near '{near}'.");
    Err(ServerError::new(102, 15, 1, text))
}

fn prepare(
    session: &Session,
    is_log: bool,
    database: &str,
    devices: &[Device],
    options: Options,
) -> Result<Job> {
    let kind = match (is_log, options.differential) {
        (true, _) => SetKind::Log,
        (false, true) => SetKind::Differential,
        (false, false) => SetKind::Database,
    };
    let database = {
        let state = session.instance.state();
        check_database(session, &state, database, kind, &options)?
    };
    let paths = device::paths(session, devices)?;
    let count = paths.len();
    let targets: Vec<Target> = paths
        .into_iter()
        .map(|path| device::open_to_write(session, path, options.format))
        .collect::<Result<_>>()?;
    check_media(&targets, count, options.init)?;
    Ok(Job {
        database,
        kind,
        options,
        targets,
        started: now(),
    })
}

/// The database's name as it is spelled, if it can be backed up so.
fn check_database(
    session: &Session,
    state: &State,
    database: &str,
    kind: SetKind,
    options: &Options,
) -> Result<String> {
    if state.entry(database).is_none() {
        return Err(crate::simulator::instance::unknown_database(database));
    }
    if same_name(database, "tempdb") {
        return Err(message::not_on_tempdb());
    }
    let contents = &state.database(database)?.contents;
    permission::backup(session, state, database, kind == SetKind::Log)?;
    session.check_single_user(state, database)?;
    state.check_not_emergency(database)?;
    if same_name(database, "master") && kind != SetKind::Database {
        return Err(message::master_in_full_only());
    }
    match kind {
        SetKind::Log if contents.recovery_model == RecoveryModel::Simple => {
            return Err(message::log_in_simple_model());
        }
        SetKind::Log if contents.last_full_backup.is_none() => {
            return Err(message::no_current_backup());
        }
        SetKind::Differential if contents.last_full_backup.is_none() => {
            return Err(message::no_base_backup(database));
        }
        _ => {}
    }
    if !options.recovery {
        super::check_exclusive(session, state, database)?;
    }
    Ok(state
        .entry(database)
        .map_or_else(|| database.to_owned(), |entry| entry.name.clone()))
}

/// All devices are new, or all hold families of one media set of this size.
fn check_media(targets: &[Target], count: usize, init: bool) -> Result<()> {
    let known: Vec<(&Target, &Family)> = targets
        .iter()
        .filter_map(|target| Some((target, target.family.as_ref()?)))
        .collect();
    let Some((_, first)) = known.first() else {
        return Ok(());
    };
    for (target, family) in &known {
        let label = &family.label;
        if usize::try_from(label.family_count).ok() != Some(count) || known.len() != count {
            return Err(media_message::other_family_count(
                &target.path,
                label.family_count,
                count,
            ));
        }
        if label.media_set != first.label.media_set {
            return Err(media_message::malformed_family(&target.path));
        }
        if family.is_damaged_at_end && !init {
            return Err(media_message::damaged_end(&target.path));
        }
    }
    Ok(())
}

fn finish(session: &Session, job: Job) -> Result<Report> {
    let instance = &session.instance;
    let mut state = instance.state();
    if !job.options.recovery {
        super::check_exclusive(session, &state, &job.database)?;
    }
    let device = job
        .targets
        .first()
        .map_or_else(String::new, |target| target.path.clone());
    let mut history_failed = false;
    let done = instance.edit(&mut state, |edit| {
        let (header, content) = read_database(session, &job, edit)?;
        let media = add_to_media(&job, &header, Some(&content))?;
        let position = media.first().map_or(1, |(_, family)| family.sets.len());
        for (path, family) in &media {
            let bytes = family.to_bytes().map_err(|_| media_message::damaged())?;
            if !device::is_null(path) {
                edit.file(Change::Write(ServerFile::Path(path.clone()), bytes));
            }
        }
        let on_devices: Vec<(&str, &Family)> = media
            .iter()
            .map(|(path, family)| (path.as_str(), family))
            .collect();
        history_failed = history::backup(edit, &header, &on_devices, position).is_err();
        if header.is_tail {
            edit.close(&job.database);
            edit.entry(&job.database)?.state = DatabaseState::Restoring;
        }
        let pages = header
            .files
            .iter()
            .filter(|file| file.pages > 0)
            .map(|file| (file.logical_name.clone(), file.pages))
            .collect();
        Ok((pages, position))
    });
    match done {
        Ok((pages, position)) => Ok(Report {
            pages,
            position,
            history_failed,
        }),
        Err(EditError::Server(error)) => Err(error),
        Err(EditError::Disk(problem)) => Err(media_message::write_failed(&device, problem)),
    }
}

/// The database as it is now: header and content of the new set.
fn read_database(
    session: &Session,
    job: &Job,
    edit: &mut Edit<'_>,
) -> Result<(SetHeader, Vec<u8>), EditError> {
    let name = &job.database;
    let id = random_guid().map_err(ServerError::from)?;
    let entry = edit.entry(name)?.clone();
    let contents = note_backup(job, edit, entry.is_read_only, id)?;
    let data = edit.data_file(name)?;
    let (content, encryption) = match &job.options.encryption {
        Some((algorithm, certificate)) => {
            let (content, encryption) =
                encryption::encrypt(edit.state(), algorithm, certificate, &data)?;
            (content, Some(encryption))
        }
        None => (data, None),
    };
    let mut header = header(session, job, &entry, &contents, content.len())?;
    header.id = id;
    header.encryption = encryption;
    Ok((header, content))
}

/// Notes in the database that it was backed up, unless it can't be written or the backup is not to
/// be noted. Returns its contents as they were.
fn note_backup(
    job: &Job,
    edit: &mut Edit<'_>,
    is_read_only: bool,
    id: Guid,
) -> Result<Contents, EditError> {
    if is_read_only {
        return Ok(edit.state().database(&job.database)?.contents.clone());
    }
    let contents = edit.contents(&job.database)?;
    let before = contents.clone();
    let change = contents.change_count;
    match job.kind {
        SetKind::Database if !job.options.copy_only => {
            contents.last_full_backup = Some((id, change));
            contents.log_backed_up = contents.log_backed_up.max(1);
        }
        SetKind::Log if !job.options.copy_only => contents.log_backed_up = change,
        _ => {}
    }
    Ok(before)
}
