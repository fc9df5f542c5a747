//! A backup set that is made, and its media.

use super::backup_database::Job;
use super::{device, encryption, media_message};
use crate::simulator::catalog::{Contents, DatabaseEntry, DatabaseFile, Guid};
use crate::simulator::engine::Session;
use crate::simulator::instance::now;
use crate::simulator::keys::random_guid;
use crate::simulator::media::{
    BaseBackup, Family, MediaLabel, SetFile, SetHeader, SetKind, StoredSet, split_blocks,
};
use crate::simulator::server_error::Result;
use crate::simulator::storage::{Change, ServerFile};

const PAGE: usize = 8192;
/// How many pages of log a backup is said to take along.
const LOG_PAGES: i64 = 2;

/// A backup that was begun. Dropped before its end, it leaves an incomplete set on its media, as one
/// that was killed or cancelled does.
#[derive(Debug)]
pub(super) struct Unfinished<'a> {
    session: &'a Session,
    /// `None` once there is nothing to leave behind.
    job: Option<&'a Job>,
}

impl<'a> Unfinished<'a> {
    pub(super) const fn new(session: &'a Session, job: &'a Job) -> Self {
        Self {
            session,
            job: Some(job),
        }
    }

    /// The set is written now, whole or not at all.
    pub(super) fn forget(mut self) {
        self.job = None;
    }

    fn leave_behind(&self, job: &Job) -> Result<()> {
        let header = {
            let state = self.session.instance.state();
            let entry = state
                .entry(&job.database)
                .ok_or_else(|| crate::simulator::instance::unknown_database(&job.database))?;
            let contents = &state.database(&job.database)?.contents;
            header(self.session, job, entry, contents, 0)?
        };
        let mut changes = Vec::new();
        for (path, family) in add_to_media(job, &header, None)? {
            if !device::is_null(&path) {
                let bytes = family.to_bytes().map_err(|_| media_message::damaged())?;
                changes.push(Change::Write(ServerFile::Path(path), bytes));
            }
        }
        let disk = &self.session.instance.disk;
        disk.commit(changes)
            .map_err(|problem| media_message::write_failed(&job.database, problem))
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(job) = self.job {
            // Nobody is there to be told that the disk is full or off as well.
            let _ = self.leave_behind(job);
        }
    }
}

/// What is known of a set before its content is there: its id and its encryption are not.
pub(super) fn header(
    session: &Session,
    job: &Job,
    entry: &DatabaseEntry,
    contents: &Contents,
    length: usize,
) -> Result<SetHeader> {
    let instance = &session.instance;
    let product = instance.product();
    Ok(SetHeader {
        id: random_guid()?,
        kind: job.kind,
        name: job.options.name.clone(),
        description: job.options.description.clone(),
        user: session.login.clone(),
        server: instance.name.clone(),
        database: entry.name.clone(),
        database_version: contents.version,
        database_created: entry.created,
        compatibility_level: contents.compatibility_level,
        product: (product.0, product.1, product.2),
        started: job.started,
        finished: now(),
        first_change: match job.kind {
            SetKind::Log => contents.log_backed_up,
            _ => contents.change_count,
        },
        last_change: contents.change_count,
        base: contents
            .last_full_backup
            .map(|(id, change)| BaseBackup { id, change }),
        family: contents.family,
        binding: random_guid()?,
        recovery_fork: contents.recovery_fork,
        recovery_model: contents.recovery_model,
        user_access: entry.user_access,
        is_read_only: entry.is_read_only,
        is_broker_enabled: entry.is_broker_enabled,
        // The documentation says that compressed backups have checksums; the capture of one has
        // none.
        has_checksums: job.options.checksum.unwrap_or(false),
        is_compressed: job.is_compressed(),
        compression_algorithm: job.options.compression_algorithm.clone(),
        is_copy_only: job.options.copy_only,
        is_tail: !job.options.recovery,
        encryption: None,
        tde: encryption::of_database(session, contents),
        files: files(&entry.files, job.kind, length)?,
        size: length as u64,
    })
}

fn files(files: &[DatabaseFile], kind: SetKind, length: usize) -> Result<Vec<SetFile>> {
    let data_pages = i64::try_from(length.div_ceil(PAGE)).unwrap_or(i64::MAX);
    files
        .iter()
        .map(|file| {
            let pages = match (file.is_log, kind) {
                (true, _) => LOG_PAGES,
                (false, SetKind::Log) => 0,
                (false, _) => data_pages,
            };
            Ok(SetFile {
                id: file.id,
                logical_name: file.logical_name.clone(),
                physical_name: file.path.clone(),
                is_log: file.is_log,
                unique_id: random_guid()?,
                size: pages.max(128) * 8192,
                pages,
            })
        })
        .collect()
}

/// The families with the new set behind the old ones, or in their place. Without content, the set
/// was begun and not ended.
pub(super) fn add_to_media(
    job: &Job,
    header: &SetHeader,
    content: Option<&[u8]>,
) -> Result<Vec<(String, Family)>> {
    let media_set = random_guid()?;
    let stripes = split_blocks(content.unwrap_or_default(), job.targets.len());
    let mut media = Vec::with_capacity(job.targets.len());
    for (number, (target, blocks)) in (1..).zip(job.targets.iter().zip(stripes)) {
        let mut family = match &target.family {
            Some(family) => family.clone(),
            None => Family::new(label(job, media_set, number)?),
        };
        if job.options.init {
            family.sets.clear();
        }
        family.sets.push(StoredSet {
            header: header.clone(),
            blocks,
            damaged_block: None,
            is_complete: content.is_some(),
        });
        media.push((target.path.clone(), family));
    }
    media.sort_by_key(|(_, family)| family.label.family_number);
    Ok(media)
}

fn label(job: &Job, media_set: Guid, number: u32) -> Result<MediaLabel> {
    Ok(MediaLabel {
        media_set,
        family: random_guid()?,
        family_count: u32::try_from(job.targets.len()).unwrap_or(u32::MAX),
        family_number: number,
        name: job.options.media_name.clone(),
        description: job.options.media_description.clone(),
        written: now(),
        is_compressed: job.is_compressed(),
    })
}
