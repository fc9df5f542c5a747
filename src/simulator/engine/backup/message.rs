//! What BACKUP and RESTORE answer, in SQL Server's numbers, states and words.

use crate::simulator::server_error::{ServerError, message};
use crate::simulator::storage::OsError;
use crate::transport::SqlMessage;

pub(super) fn error(number: i32, state: u8, text: impl Into<String>) -> ServerError {
    ServerError::new(number, 16, state, text)
}

/// Informational messages leave the server with class 0.
fn notice(number: i32, text: String) -> SqlMessage {
    message(number, 0, 1, text)
}

/// 3013, behind every failure.
pub(super) fn terminating(what: &str) -> ServerError {
    error(3013, 1, format!("{what} is terminating abnormally."))
}

/// 3204.
pub(super) fn aborted() -> ServerError {
    error(3204, 1, "The backup or restore was aborted.")
}

pub(super) fn history_failed() -> SqlMessage {
    notice(
        3009,
        "Could not insert a backup or restore history/detail record in the msdb database. This may \
         indicate a problem with the msdb database. The backup/restore operation was still \
         successful."
            .to_owned(),
    )
}

pub(super) fn in_transaction() -> ServerError {
    error(
        3021,
        0,
        "Cannot perform a backup or restore operation within a transaction.",
    )
}

pub(super) fn percent(percent: u8) -> SqlMessage {
    notice(3211, format!("{percent} percent processed."))
}

pub(super) fn pages_processed(
    pages: i64,
    database: &str,
    file: &str,
    position: usize,
) -> SqlMessage {
    notice(
        4035,
        format!(
            "Processed {pages} pages for database '{database}', file '{file}' on file {position}."
        ),
    )
}

pub(super) fn processed(what: &str, pages: i64, took: std::time::Duration) -> SqlMessage {
    // At least a millisecond, so that there is a rate.
    let milliseconds = took.as_millis().max(1);
    let bytes = u128::from(pages.unsigned_abs()) * 8192;
    // Thousandths of megabytes per second.
    let rate = bytes * 1_000_000 / 1_048_576 / milliseconds;
    notice(
        3014,
        format!(
            "{what} successfully processed {pages} pages in {}.{:03} seconds ({}.{:03} MB/sec).",
            milliseconds / 1000,
            milliseconds % 1000,
            rate / 1000,
            rate % 1000
        ),
    )
}

pub(super) fn set_is_valid(position: usize) -> SqlMessage {
    notice(3262, format!("The backup set on file {position} is valid."))
}

pub(super) fn permission_denied(permission: &str, database: &str) -> ServerError {
    ServerError::new(
        262,
        14,
        1,
        format!("{permission} permission denied in database '{database}'."),
    )
}

pub(super) fn no_restore_permission(database: &str) -> ServerError {
    ServerError::new(
        3110,
        14,
        1,
        format!("User does not have permission to RESTORE database '{database}'."),
    )
}

pub(super) fn file_in_use(path: &str, database: &str) -> ServerError {
    error(
        1834,
        1,
        format!(
            "The file '{path}' cannot be overwritten.  It is being used by database '{database}'."
        ),
    )
}

pub(super) fn master_in_full_only() -> ServerError {
    error(
        3024,
        0,
        "You can only perform a full backup of the master database. Use BACKUP DATABASE to back up \
         the entire master database.",
    )
}

pub(super) fn no_base_backup(database: &str) -> ServerError {
    error(
        3035,
        1,
        format!(
            "Cannot perform a differential backup for database \"{database}\", because a current \
             database backup does not exist. Perform a full database backup by reissuing BACKUP \
             DATABASE, omitting the WITH DIFFERENTIAL option."
        ),
    )
}

pub(super) fn database_in_use() -> ServerError {
    error(
        3101,
        1,
        "Exclusive access could not be obtained because the database is in use.",
    )
}

pub(super) fn in_use_by_this_session(database: &str) -> ServerError {
    error(
        3102,
        1,
        format!(
            "RESTORE cannot process database '{database}' because it is in use by this session. It \
             is recommended that the master database be used when performing this operation."
        ),
    )
}

pub(super) fn master_not_restored() -> ServerError {
    error(
        3108,
        1,
        "To restore the master database, the server must be running in single-user mode. For \
         information on starting in single-user mode, see \"How to: Start an Instance of SQL Server \
         (sqlservr.exe)\" in Books Online.",
    )
}

pub(super) fn nothing_to_roll_forward() -> ServerError {
    error(
        3117,
        1,
        "The log or differential backup cannot be restored because no files are ready to \
         rollforward.",
    )
}

pub(super) fn cannot_create(database: &str) -> ServerError {
    error(
        3118,
        1,
        format!(
            "The database \"{database}\" does not exist. RESTORE can only create a database when \
             restoring either a full backup or a file backup of the primary file."
        ),
    )
}

pub(super) fn problems_in_plan() -> ServerError {
    error(
        3119,
        1,
        "Problems were identified while planning for the RESTORE statement. Previous messages \
         provide details.",
    )
}

pub(super) fn wrong_base() -> ServerError {
    error(
        3136,
        1,
        "This differential backup cannot be restored because the database has not been restored to \
         the correct earlier state.",
    )
}

pub(super) fn file_exists(logical: &str, path: &str) -> ServerError {
    error(
        3142,
        1,
        format!(
            "File \"{logical}\" cannot be restored over the existing \"{path}\". Reissue the \
             RESTORE statement using WITH REPLACE to overwrite pre-existing files, or WITH MOVE to \
             identify an alternate location."
        ),
    )
}

pub(super) fn not_on_tempdb() -> ServerError {
    error(
        3147,
        3,
        "Backup and restore operations are not allowed on database tempdb.",
    )
}

pub(super) fn already_recovered() -> ServerError {
    error(3153, 1, "The database is already fully recovered.")
}

pub(super) fn other_database(database: &str) -> ServerError {
    error(
        3154,
        4,
        format!(
            "The backup set holds a backup of a database other than the existing '{database}' \
             database."
        ),
    )
}

pub(super) fn cannot_restore_file(logical: &str, path: &str) -> ServerError {
    error(
        3156,
        4,
        format!(
            "File '{logical}' cannot be restored to '{path}'. Use WITH MOVE to identify a valid \
             location for the file."
        ),
    )
}

pub(super) fn tail_of_log(database: &str) -> ServerError {
    error(
        3159,
        1,
        format!(
            "The tail of the log for the database \"{database}\" has not been backed up. Use BACKUP \
             LOG WITH NORECOVERY to backup the log if it contains work you do not want to lose. Use \
             the WITH REPLACE or WITH STOPAT clause of the RESTORE statement to just overwrite the \
             contents of the log."
        ),
    )
}

pub(super) fn newer_version(theirs: i32, ours: i32) -> ServerError {
    error(
        3169,
        1,
        format!(
            "The database was backed up on a server running database version {theirs}. That version \
             is incompatible with this server, which supports version {ours}. Either restore the \
             database on a server that supports the backup, or use a backup that is compatible with \
             this server."
        ),
    )
}

/// 1844. That encryption has the same number is unconfirmed.
pub(super) fn not_in_edition(what: &str, edition: &str) -> ServerError {
    error(1844, 1, format!("{what} is not supported on {edition}."))
}

/// 944 and 951: the way from one internal version to another, a step at a time.
pub(super) fn upgrade(database: &str, from: i32, to: i32) -> Vec<SqlMessage> {
    if from >= to {
        return Vec::new();
    }
    let begin = format!(
        "Converting database '{database}' from version {from} to the current version {to}."
    );
    let step = |from: i32| {
        let next = from + 1;
        let text = format!(
            "Database '{database}' running the upgrade step from version {from} to version {next}."
        );
        notice(951, text)
    };
    std::iter::once(notice(944, begin))
        .chain((from..to).map(step))
        .collect()
}

pub(super) fn claimed_twice(path: &str, first: (&str, i32), second: (&str, i32)) -> ServerError {
    error(
        3176,
        1,
        format!(
            "File '{path}' is claimed by '{}'({}) and '{}'({}). The WITH MOVE clause can be used to \
             relocate one or more files.",
            first.0, first.1, second.0, second.1
        ),
    )
}

pub(super) fn unknown_logical_file(logical: &str, database: &str) -> ServerError {
    error(
        3234,
        2,
        format!(
            "Logical file '{logical}' is not part of database '{database}'. Use RESTORE \
             FILELISTONLY to list the logical file names."
        ),
    )
}

/// 3257; the end of the text is general knowledge.
pub(super) fn no_space(volume: &str, needed: usize, free: u64) -> ServerError {
    error(
        3257,
        1,
        format!(
            "There is insufficient free space on disk volume '{volume}' to create the database. The \
             database requires {needed} additional free bytes, while only {free} bytes are \
             available."
        ),
    )
}

pub(super) fn log_in_simple_model() -> ServerError {
    error(
        4208,
        1,
        "The statement BACKUP LOG is not allowed while the recovery model is SIMPLE. Use BACKUP \
         DATABASE or change the recovery model using ALTER DATABASE.",
    )
}

pub(super) fn no_current_backup() -> ServerError {
    error(
        4214,
        1,
        "BACKUP LOG cannot be performed because there is no current database backup.",
    )
}

pub(super) fn log_too_recent(begins: i128, needed: i128) -> ServerError {
    error(
        4305,
        1,
        format!(
            "The log in this backup set begins at LSN {begins}, which is too recent to apply to the \
             database. An earlier log backup that includes LSN {needed} can be restored."
        ),
    )
}

pub(super) fn log_too_early(ends: i128, needed: i128) -> ServerError {
    error(
        4326,
        1,
        format!(
            "The log in this backup set terminates at LSN {ends}, which is too early to apply to \
             the database. A more recent log backup that includes LSN {needed} can be restored."
        ),
    )
}

pub(super) fn not_restored() -> ServerError {
    error(
        4333,
        1,
        "The database cannot be recovered because the log was not restored.",
    )
}

pub(super) fn folder_not_found(path: &str, problem: OsError) -> ServerError {
    error(
        5133,
        1,
        format!(
            "Directory lookup for the file \"{path}\" failed with the operating system error {problem}."
        ),
    )
}
