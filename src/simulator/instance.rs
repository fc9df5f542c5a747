//! A simulated instance: one folder, one service master key, its databases and sessions.

mod bootstrap;
mod builder;
mod copies;
mod damage;
mod database_file;
mod edit;
mod find;
mod start;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::{OffsetDateTime, PrimitiveDateTime};
use tokio_util::sync::CancellationToken;

use crate::simulator::catalog::{Catalog, Contents};
use crate::simulator::keys::{KeyDerivation, KeyMaterial, PasswordHash};
use crate::simulator::storage::{Disk, UnsyncedWrites};
use crate::simulator::windows_accounts::WindowsAccounts;
use crate::simulator::{Edition, Faults, ModellingChoices, Platform, Version};

pub(crate) use bootstrap::{
    NewDatabase, SID_WITHOUT_LOGIN, new_entry, random_sid, random_sid_without_login,
};
pub use builder::{InstanceBuilder, StartError};
pub(crate) use database_file::{DataFileProblem, OpenedKey, log_file};
pub(crate) use edit::{Edit, EditError};
pub(crate) use find::{same_name, unknown_database};

/// A running SQL Server of this library's own making. Its folder is free for another one when all
/// clones are dropped and its sessions have ended, or after [`kill`](Self::kill).
#[derive(Clone, Debug)]
pub struct SimulatedInstance {
    pub(crate) inner: Arc<Instance>,
}

impl SimulatedInstance {
    /// The faults that tests make this instance have.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.faults
    }

    /// The instance's name, as `@@SERVERNAME` tells it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Makes a folder on the server's disks, and those above it, as an administrator of the
    /// machine would: `D:\backup`, `\\VAULT\keys`, `/backup`.
    ///
    /// # Errors
    /// What the server's operating system says.
    pub fn create_folder(&self, path: &str) -> std::io::Result<()> {
        self.inner
            .disk
            .create_folder(path)
            .map_err(std::io::Error::other)
    }

    /// Lets only so many more bytes be written to the server's disks, over all writes; then they
    /// are full. `None` ends that.
    pub fn set_disk_quota(&self, bytes: Option<u64>) {
        self.inner.disk.set_quota(bytes);
    }

    /// How many operations the server's disks did since the start: writes, syncs, renames and
    /// removals, each one a place for [`fail_power_after`](Self::fail_power_after).
    #[must_use]
    pub fn disk_operations(&self) -> u64 {
        self.inner.disk.operations()
    }

    /// Lets the machine's power fail in the operation after that many more of the server's disks.
    /// Nothing is written from then on: [`kill`](Self::kill) the instance and start it anew.
    pub fn fail_power_after(&self, operations: u64, unsynced: UnsyncedWrites) {
        self.inner.disk.fail_after(operations, unsynced);
    }

    /// Ends the instance at once, as a crash would: its sessions end, nothing more is written, and
    /// the folder is free for another start.
    pub fn kill(&self) {
        self.inner.disk.switch_off();
        for session in self.inner.state().sessions.values() {
            session.killed.cancel();
        }
    }
}

/// What all sessions of an instance share.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) edition: Edition,
    pub(crate) platform: Platform,
    pub(crate) choices: ModellingChoices,
    pub(crate) disk: Disk,
    pub(crate) faults: Faults,
    pub(crate) started: PrimitiveDateTime,
    pub(crate) derivation: KeyDerivation,
    /// `None`: its file is damaged.
    pub(crate) machine_secret: Option<KeyMaterial>,
    /// How long each step of a backup or restore takes.
    pub(crate) pace: Duration,
    /// How long one is silent between its last percent and its end.
    pub(crate) silence: Duration,
    pub(crate) windows_accounts: WindowsAccounts,
    /// Locked for the length of a step, never across an await.
    pub(crate) state: Mutex<State>,
}

impl Instance {
    /// The state, for one step. A panic in another session leaves it usable: changes are made on
    /// copies or undone.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The product's version; Azure's stands still (community knowledge).
    pub(crate) fn product(&self) -> (u8, u8, u16, u16) {
        if self.edition.is_azure() {
            (12, 0, 2000, 8)
        } else {
            self.version.product()
        }
    }

    /// The internal version that databases are brought to.
    pub(crate) fn database_version(&self) -> i32 {
        match self.version {
            Version::Sql2025 => self.choices.database_version_of_2025,
            version => version.database_version(),
        }
    }

    /// `InstanceDefaultDataPath` and `-LogPath`.
    pub(crate) fn data_folder(&self) -> String {
        self.platform.data_folder(self.version, &self.name)
    }

    /// `InstanceDefaultBackupPath`.
    pub(crate) fn backup_folder(&self) -> String {
        self.platform.backup_folder(self.version, &self.name)
    }

    /// `ErrorLogFileName`.
    pub(crate) fn error_log(&self) -> String {
        self.platform.error_log(self.version, &self.name)
    }

    /// A path as statements give it: a bare file name lies in `folder`.
    pub(crate) fn full_path(&self, path: &str, folder: &str) -> String {
        if self.platform.is_full(path) {
            path.to_owned()
        } else {
            format!("{folder}{}{path}", self.platform.separator())
        }
    }

    /// Whether `login` exists, may sign in, and has this password.
    pub(crate) fn verify_login_password(&self, login: &str, password: &str) -> bool {
        let hash = {
            let state = self.state();
            match state.login(login) {
                Some(login) if !login.is_disabled => login.password_hash.clone(),
                _ => return false,
            }
        };
        // Slow by design, so not under the lock.
        PasswordHash::matches(&hash, password)
    }
}

/// The server's clock: UTC, as the simulated server's local time. Where a test has paused tokio's clock
/// and that is ahead, it is that clock: what comes 15 seconds later is 15 seconds later here, too.
pub(crate) fn now() -> PrimitiveDateTime {
    let paused = tokio::time::Instant::now().into_std();
    let ahead = paused.saturating_duration_since(std::time::Instant::now());
    let now = OffsetDateTime::now_utc() + ahead;
    PrimitiveDateTime::new(now.date(), now.time())
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) catalog: Catalog,
    /// `None`: the machine's secret did not open it.
    pub(crate) service_master_key: Option<KeyMaterial>,
    /// The databases that are online, by lower-case name.
    pub(crate) databases: BTreeMap<String, OpenDatabase>,
    pub(crate) sessions: BTreeMap<i16, SessionInfo>,
    pub(crate) locks: Locks,
}

/// What sessions hold against each other.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    /// Who has a single-user database, by lower-case name.
    pub(crate) single_user: BTreeMap<String, i16>,
    pub(crate) application: Vec<ApplicationLock>,
    /// Whose open transaction has changed a database, by its lower-case name.
    pub(crate) writers: BTreeMap<String, i16>,
}

/// A lock of `sp_getapplock`.
#[derive(Debug)]
pub(crate) struct ApplicationLock {
    pub(crate) database: String,
    pub(crate) resource: String,
    /// `Exclusive`, `Shared` and so on.
    pub(crate) mode: String,
    pub(crate) spid: i16,
    /// Released by the end of the transaction, not of the session.
    pub(crate) of_transaction: bool,
}

/// An online database: its contents, and its rows in SQLite's memory.
#[derive(Debug)]
pub(crate) struct OpenDatabase {
    pub(crate) contents: Contents,
    pub(crate) rows: rusqlite::Connection,
    /// The key that its files are encrypted with, opened.
    pub(crate) encryption: Option<OpenedKey>,
}

/// What `sys.dm_exec_sessions` and `sys.dm_exec_requests` show of a session.
#[derive(Debug)]
pub(crate) struct SessionInfo {
    pub(crate) login: String,
    pub(crate) database: String,
    pub(crate) login_time: time::PrimitiveDateTime,
    pub(crate) host_name: String,
    pub(crate) program_name: String,
    /// The statement that runs now: `BACKUP DATABASE`, and how far it is.
    pub(crate) request: Option<RequestInfo>,
    /// The backup or restore that was stopped amid its work, as 3013 calls it, until its client is
    /// told.
    pub(crate) aborted: Option<&'static str>,
    /// Set by `KILL` and by closing the database under it.
    pub(crate) killed: CancellationToken,
}

#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    pub(crate) command: String,
    pub(crate) percent_complete: f32,
    pub(crate) started: time::PrimitiveDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_with_the_one_that_a_test_has_paused() {
        let before = now();
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let passed = (now() - before).whole_minutes();
        assert!((59..=61).contains(&passed), "{passed} minutes");
    }
}
