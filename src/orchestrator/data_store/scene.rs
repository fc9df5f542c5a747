//! How one host comes from one configuration to another, and back where that does not hold.

use std::time::Duration;

use super::aliases;
use super::config::DataStoreConfig;
use super::discovery::SettingsFile;
use super::kept::{Kept, with_fact};
use super::put::{Copy, Permissions, put};
use super::settings_snapshot::SettingsSnapshot;
use super::sql_alias::SqlAlias;
use super::verify::Services;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::HostName;
use crate::operation::Operation;
use crate::orchestrator::host_files::{Bytes, HostFiles};
use crate::orchestrator::host_registry::HostRegistry;
use crate::orchestrator::services::Turn;
use crate::orchestrator::{Deployment, DeploymentServices, ServiceControl};
use crate::progress::Progress;
use crate::transport::{DataStoreValues, HostError};

/// What one host's configuration is written with.
pub(super) struct Scene<'a> {
    pub(super) cx: &'a Context,
    pub(super) operation: &'static str,
    pub(super) host: &'a HostName,
    pub(super) config: &'a DataStoreConfig,
    pub(super) files: &'a HostFiles<'a>,
    /// The services as they were.
    pub(super) seen: DeploymentServices,
    pub(super) deployment: Deployment,
    pub(super) kept: Kept<'a>,
    /// What nobody attested.
    pub(super) unconfirmed: Vec<String>,
}

/// What the wait for a change came to.
enum Waited {
    Changed(SettingsFile),
    Unchanged,
    /// It changed and changes still, is away, or can't be looked at.
    Unsettled(String),
}

impl Scene<'_> {
    /// Tells the values, and waits until they were typed in.
    pub(super) async fn attended(&self, turn: &mut Turn<'_>) -> Result<SettingsFile> {
        let path = &self.kept.path;
        // It stands beside the file's folder name in Microsoft's pages: `Management Server`.
        let utility = path.sibling("DBSetup.exe")?;
        self.cx.report(&Progress::Attend {
            operation: self.operation,
            host: self.host.to_string(),
            steps: self.config.steps(utility.as_str()),
        });
        let deadline = self.cx.deadlines().attended;
        match self.wait(turn, deadline, false).await {
            Ok(Waited::Changed(after)) => Ok(after),
            Ok(Waited::Unchanged) => {
                let error = Error::new(
                    ErrorKind::TimedOut,
                    format!("{path} did not change within {} seconds", deadline.as_secs()),
                )
                .with_remedy("type the values into the Data Store Configuration utility while the operation waits");
                Err(self.kept.discarding(error).await)
            }
            Ok(Waited::Unsettled(what)) => {
                let error = Error::new(ErrorKind::TimedOut, what);
                Err(self.undo(&error, Services::Untouched).await)
            }
            // Asked to stop. What somebody typed in meanwhile is not left half-looked-at.
            Err(error) => Err(self.undo(&error, Services::Untouched).await),
        }
    }

    /// Has the host program write, and looks.
    pub(super) async fn provided(
        &self,
        turn: &mut Turn<'_>,
        values: &DataStoreValues,
    ) -> Result<SettingsFile> {
        let writer = self.cx.data_store_writer()?;
        self.cx.report(&Progress::Doing {
            operation: self.operation,
            what: "have the host program write the configuration",
        });
        let deadlines = self.cx.deadlines();
        let call = writer.write(self.host, values);
        let written = self.cx.within(Some(deadlines.host_program), call).await;
        if let Err(error @ HostError::Refused { .. }) = written {
            let error = Error::from_host(error);
            return Err(self.undo(&error, Services::Untouched).await);
        }
        // A writer that answered has written all of it.
        let waited = match self.wait(turn, deadlines.host, written.is_ok()).await {
            Ok(waited) => waited,
            Err(error) => return Err(self.undo(&error, Services::Untouched).await),
        };
        let path = &self.kept.path;
        match (waited, written) {
            (Waited::Changed(after), _) => Ok(after),
            (Waited::Unchanged, Ok(())) => {
                let error = Error::new(
                    ErrorKind::Corrupt,
                    format!("the host program says that it wrote, and {path} is as it was"),
                );
                Err(self.kept.discarding(error).await)
            }
            // It may be written yet: the copy stays.
            (Waited::Unchanged, Err(error)) => {
                let copy = self.kept.copy().map_or("none", |copy| copy.as_str());
                let fact = format!("{path} is as it was so far; its copy is {copy}");
                let hash = self
                    .kept
                    .before()
                    .map_or("none", |file| file.sha256.as_str());
                let remedy = format!("look at the SHA-256 of {path} again: {hash} is the old one");
                let error = Error::from_host(error);
                Err(with_fact(&error, &fact, Effect::Unknown, Some(&remedy)))
            }
            (Waited::Unsettled(what), _) => {
                let error = Error::new(ErrorKind::TimedOut, what);
                Err(self.undo(&error, Services::Untouched).await)
            }
        }
    }

    /// Puts the host's own file back.
    pub(super) async fn put_snapshot(
        &mut self,
        snapshot: &SettingsSnapshot,
        content: &Bytes,
    ) -> Result<SettingsFile> {
        self.unconfirmed.push(
            "whether services take a Settings.dat that was put back is unconfirmed: they stayed up"
                .to_owned(),
        );
        let is_wanted = |file: &SettingsFile| file.sha256 == snapshot.file.sha256;
        if let Some(before) = self.kept.before().filter(|before| is_wanted(before)) {
            return Ok(before.clone());
        }
        let copy = Copy {
            path: &snapshot.copy,
            sha256: &snapshot.file.sha256,
            content,
        };
        let is_there = self.kept.before().is_some();
        let done = put(self.files, &copy, &self.kept.path, is_there).await;
        if matches!(done, Ok(Permissions::AsFound)) {
            self.unconfirmed.push(format!(
                "the permissions of {} were not put back: the transport renames no files",
                self.kept.path
            ));
        }
        let error = match (self.kept.now().await, done) {
            (Ok(Some(now)), _) if is_wanted(&now) => return Ok(now),
            (_, Err(error)) | (Err(error), Ok(_)) => error,
            (Ok(_), Ok(_)) => Error::new(
                ErrorKind::Corrupt,
                format!("{} is not what was put back", self.kept.path),
            ),
        };
        Err(self.undo(&error, Services::Untouched).await)
    }

    /// Sets the aliases for both kinds of programs.
    pub(super) async fn redirect(
        &mut self,
        alias: &SqlAlias,
        registry: &HostRegistry<'_>,
    ) -> Result<SettingsFile> {
        self.unconfirmed.extend(alias.untested(self.config));
        let gone = || {
            Error::new(
                ErrorKind::NotFound,
                format!("{}: it is not there", self.kept.path),
            )
        };
        let before = self.kept.before().cloned().ok_or_else(gone)?;
        for wanted in &alias.wanted(self.config) {
            if let Err(error) = aliases::set(registry, wanted).await {
                return Err(self.undo(&error, Services::Untouched).await);
            }
        }
        Ok(before)
    }

    /// Waits until the file is another one; unless `is_whole`, twice the same: a writer may be in the
    /// middle of it.
    async fn wait(
        &self,
        turn: &mut Turn<'_>,
        deadline: Duration,
        is_whole: bool,
    ) -> Result<Waited> {
        let interval = self.cx.deadlines().change_interval;
        let mut waited = Duration::ZERO;
        let mut last: Option<SettingsFile> = None;
        loop {
            self.cx.safe_point()?;
            let path = &self.kept.path;
            let state = match self.kept.now().await {
                Ok(now) if self.kept.is_before(now.as_ref()) => Waited::Unchanged,
                Ok(Some(now)) if now.size > 0 && (is_whole || last.as_ref() == Some(&now)) => {
                    return Ok(Waited::Changed(now));
                }
                Ok(Some(now)) => {
                    last = Some(now);
                    Waited::Unsettled(format!("{path} changes still"))
                }
                Ok(None) => Waited::Unsettled(format!("{path} is not there any more")),
                // Held by its writer, or out of reach for a while.
                Err(error) => Waited::Unsettled(error.detail().to_owned()),
            };
            if waited >= deadline {
                return Ok(state);
            }
            turn.rest(self.cx, interval).await;
            waited += interval;
        }
    }

    /// Puts the file and the aliases back, and the services; the error, with what became of that.
    pub(super) async fn undo(&self, error: &Error, services: Services) -> Error {
        let mut said = Vec::new();
        let mut remedy = None;
        let mut is_back = true;
        // Those that are down come up while they are led to where they can: with the old configuration
        // they may find nobody any more.
        if services == Services::Down && self.changes_aliases() {
            is_back &= self.told(self.give_back().await, &mut said, &mut remedy);
        }
        match self.kept.put_back().await {
            Ok(back) => said.push(back),
            Err(failed) => {
                is_back = false;
                said.push(format!("not all could be put back: {}", failed.detail()));
                remedy = failed.remedy().map(ToOwned::to_owned);
            }
        }
        let restarts = match services {
            Services::Untouched => false,
            Services::Down => !self.changes_aliases(),
            Services::Misled => true,
        };
        if restarts {
            is_back &= self.told(self.services_back().await, &mut said, &mut remedy);
        }
        let effect = match services {
            Services::Untouched if is_back => Effect::None,
            _ => Effect::Partial,
        };
        let told = with_fact(error, &said.join("; "), effect, remedy.as_deref());
        if is_back {
            return self.kept.discarding(told).await;
        }
        told
    }

    fn changes_aliases(&self) -> bool {
        self.kept.changes_aliases()
    }

    /// Notes what became of the services. Whether all that ran runs.
    fn told(&self, done: Result<()>, said: &mut Vec<String>, remedy: &mut Option<String>) -> bool {
        match done {
            Ok(()) => {
                said.push("what ran before runs again".to_owned());
                true
            }
            Err(failed) => {
                said.push(format!(
                    "not all that ran before runs again: {}",
                    failed.detail()
                ));
                *remedy = failed.remedy().map(ToOwned::to_owned);
                false
            }
        }
    }

    async fn give_back(&self) -> Result<()> {
        let given = ServiceControl::give_back(&self.seen).run(self.cx).await?;
        given.check()
    }

    async fn services_back(&self) -> Result<()> {
        // What runs holds the configuration that was taken back; what went down with it is started.
        let restarted = ServiceControl::restart(&self.deployment).run(self.cx).await;
        self.give_back().await?;
        restarted?.check()
    }
}
