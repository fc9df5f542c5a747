use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::config::{DataStoreAuthentication, DataStoreConfig};
use super::discovery::{Installed, SettingsFile, look, only};
use super::heartbeat::{Heartbeat, Heartbeats};
use super::kept::{Kept, with_fact};
use super::written::{DataStoreStrategy, WrittenDataStoreConfig};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{HostName, HostPath};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::host_files::HostFiles;
use crate::orchestrator::{Deployment, DeploymentServices, HostVerdict, ServiceControl};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::transport::{DataStoreLogin, DataStoreValues, HostError};

const NAME: &str = "write data store configuration";

/// Configures the data store of a host, and sees that it is used.
///
/// # Contract
/// * `Settings.dat` is copied first, beside itself and with its permissions; the copy stays after success.
/// * Who writes is the [strategy](Self::strategy). Then the file has another hash, the services that ran
///   are restarted and stay up for the settling time, and the heartbeat of a Runbook Server that ran
///   advances in the new database, where it is looked for before anything is changed.
/// * Where that fails, the file is put back as it was, what ran before runs again, and the error says
///   both. Permissions that a utility gave the new file stay with it: the port to files writes content.
/// * Services that don't run are not started; see [`ServiceControl::give_back`].
///
/// # Errors
/// `NotFound`, `InvalidInput`, `Unsupported` (no port, no strategy), `PermissionDenied`: nothing was
/// changed. `TimedOut` with the effect `None`: nobody typed the values in, and the copy was removed. `Partial`:
/// it was written and did not hold; the file was put back, or the remedy says how. `Unknown`: the
/// host program did not answer, and the file had not changed yet.
///
/// # Cancel safety
/// A cancellation counts until the services are restarted, and takes back what was written. Dropping the future leaves the
/// copy, and the file as it is at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct WriteDataStoreConfig {
    host: HostName,
    config: DataStoreConfig,
    strategy: DataStoreStrategy,
    settings_file: Option<HostPath>,
    without_heartbeat: bool,
}

/// What the wait for a change came to.
enum Waited {
    Changed(SettingsFile),
    Unchanged,
    /// It changed and changes still, is away, or can't be looked at.
    Unsettled(String),
}

/// What one host's configuration is written with.
struct Scene<'a> {
    cx: &'a Context,
    host: &'a HostName,
    deployment: Deployment,
    seen: DeploymentServices,
    kept: Kept<'a>,
}

impl WriteDataStoreConfig {
    pub(super) const fn new(host: HostName, config: DataStoreConfig) -> Self {
        Self {
            host,
            config,
            strategy: DataStoreStrategy::AttendedDbSetup,
            settings_file: None,
            without_heartbeat: false,
        }
    }

    /// Who writes it. Default: somebody, by hand.
    pub const fn strategy(mut self, strategy: DataStoreStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Where its `Settings.dat` is. Default: it is looked for beside the programs of the services.
    pub fn settings_file(mut self, path: HostPath) -> Self {
        self.settings_file = Some(path);
        self
    }

    /// Does not look for the heartbeat: for a Runbook Server that the new database does not know yet, or
    /// a database that can't be reached from here. Then nothing says which database is used.
    pub const fn without_heartbeat(mut self) -> Self {
        self.without_heartbeat = true;
        self
    }

    async fn write(&self, cx: &Context) -> Result<WrittenDataStoreConfig> {
        let files = HostFiles::of(cx, &self.host)?;
        cx.services()?;
        let values = match self.strategy {
            DataStoreStrategy::AttendedDbSetup => None,
            DataStoreStrategy::HostProvided => {
                cx.data_store_writer()?;
                Some(self.values(cx).await?)
            }
        };
        cx.safe_point()?;
        let untouched = |error: Error| error.with_effect(Effect::None);
        let installed = Installed::on(cx, &self.host).await.map_err(untouched)?;
        let path = self.path(&installed, &files).await?;
        let deployment = installed.deployment(&self.host);
        let seen = ServiceControl::status(&deployment).run(cx).await?.check()?;
        let mut heartbeats = None;
        if installed.runs_runbooks && !self.without_heartbeat {
            let (instance, database) = (self.config.instance(), self.config.database());
            let opened = Heartbeats::open(cx, instance, database, &self.host).await;
            let mut opened = opened.map_err(untouched)?;
            opened.require().await.map_err(untouched)?;
            heartbeats = Some(opened);
        }
        let kept = Kept::make(cx, &files, &path).await?;
        let scene = Scene {
            cx,
            host: &self.host,
            deployment,
            seen,
            kept,
        };
        let after = match &values {
            None => self.attended(&scene).await?,
            Some(values) => scene.provided(values).await?,
        };
        match scene.verify(heartbeats.as_mut()).await {
            Ok((services, heartbeat)) => Ok(WrittenDataStoreConfig {
                host: self.host.clone(),
                strategy: self.strategy,
                before: scene.kept.before,
                after,
                copy: scene.kept.copy,
                services,
                heartbeat,
            }),
            // Services that nobody touched need not be brought back.
            Err(error) => Err(scene.undo(&error, error.effect() != Effect::None).await),
        }
    }

    async fn path(&self, installed: &Installed, files: &HostFiles<'_>) -> Result<HostPath> {
        if installed.roles.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "{} has neither omanagement nor orunbook: no server of Orchestrator is there",
                    self.host
                ),
            ));
        }
        if let Some(path) = &self.settings_file {
            return Ok(path.clone());
        }
        let (found, looked) = installed.settings(files).await?;
        Ok(only(found, &looked)?.path)
    }

    async fn values(&self, cx: &Context) -> Result<DataStoreValues> {
        let login = match self.config.authentication() {
            DataStoreAuthentication::Windows => None,
            DataStoreAuthentication::SqlServer { user, password } => Some(DataStoreLogin {
                user: user.clone(),
                password: cx.secret("password", password).await?,
            }),
        };
        Ok(DataStoreValues {
            server: self.config.server_box(),
            instance: self.config.instance().clone(),
            database: self.config.database().clone(),
            login,
        })
    }

    /// Tells the values, and waits until they were typed in.
    async fn attended(&self, scene: &Scene<'_>) -> Result<SettingsFile> {
        let path = &scene.kept.before.path;
        // It stands beside the file's folder name in Microsoft's pages: `Management Server`.
        let utility = path.sibling("DBSetup.exe")?;
        scene.cx.report(&Progress::Attend {
            operation: NAME,
            host: self.host.to_string(),
            steps: self.config.steps(utility.as_str()),
        });
        let deadline = scene.cx.deadlines().attended;
        match scene.wait(deadline).await {
            Ok(Waited::Changed(after)) => Ok(after),
            Ok(Waited::Unchanged) => {
                let error = Error::new(
                    ErrorKind::TimedOut,
                    format!("{path} did not change within {} seconds", deadline.as_secs()),
                )
                .with_remedy("type the values into the Data Store Configuration utility while the operation waits");
                Err(scene.kept.discarding(error).await)
            }
            Ok(Waited::Unsettled(what)) => Err(scene
                .undo(&Error::new(ErrorKind::TimedOut, what), false)
                .await),
            // Asked to stop. What somebody typed in meanwhile is not left half-looked-at.
            Err(error) => Err(scene.undo(&error, false).await),
        }
    }
}

impl Scene<'_> {
    /// Has the host program write, and looks.
    async fn provided(&self, values: &DataStoreValues) -> Result<SettingsFile> {
        let writer = self.cx.data_store_writer()?;
        self.cx.report(&Progress::Doing {
            operation: NAME,
            what: "have the host program write the configuration",
        });
        let deadlines = self.cx.deadlines();
        let call = writer.write(self.host, values);
        let written = self.cx.within(Some(deadlines.host_program), call).await;
        if let Err(error @ HostError::Refused { .. }) = written {
            return Err(self.undo(&Error::from_host(error), false).await);
        }
        let waited = match self.wait(deadlines.host).await {
            Ok(waited) => waited,
            Err(error) => return Err(self.undo(&error, false).await),
        };
        let path = &self.kept.before.path;
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
                let fact = format!("{path} is as it was so far; its copy is {}", self.kept.copy);
                let remedy = format!(
                    "look at the SHA-256 of {path} again: {} is the old one",
                    self.kept.before.sha256
                );
                Err(with_fact(
                    &Error::from_host(error),
                    &fact,
                    Effect::Unknown,
                    Some(&remedy),
                ))
            }
            (Waited::Unsettled(what), _) => {
                let error = Error::new(ErrorKind::TimedOut, what);
                Err(self.undo(&error, false).await)
            }
        }
    }

    /// Waits until the file is another one, twice the same: a writer may be in the middle of it.
    async fn wait(&self, deadline: Duration) -> Result<Waited> {
        let interval = self.cx.deadlines().change_interval;
        let mut waited = Duration::ZERO;
        let mut last: Option<SettingsFile> = None;
        loop {
            self.cx.safe_point()?;
            let path = &self.kept.before.path;
            let state = match self.kept.now().await {
                Ok(Some(now)) if now.sha256 == self.kept.before.sha256 => Waited::Unchanged,
                Ok(Some(now)) if last.as_ref() == Some(&now) && now.size > 0 => {
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
            self.cx.clock().sleep(interval).await;
            waited += interval;
        }
    }

    /// Restarts what ran, and looks for the heartbeat.
    async fn verify(
        &self,
        heartbeats: Option<&mut Heartbeats<'_>>,
    ) -> Result<(Vec<HostVerdict>, Option<Heartbeat>)> {
        let restarted = ServiceControl::restart(&self.deployment)
            .run(self.cx)
            .await?;
        let verdicts = restarted.check()?;
        // From here on it is finished: what is half-verified would have to be taken back.
        let heartbeat = match heartbeats {
            Some(heartbeats) => {
                let advancing = heartbeats.advancing().await;
                Some(advancing.map_err(|error| error.with_effect(Effect::Done))?)
            }
            None => None,
        };
        Ok((verdicts.hosts, heartbeat))
    }

    /// Puts the file back, and the services; the error, with what became of that.
    async fn undo(&self, error: &Error, services_too: bool) -> Error {
        let path = &self.kept.before.path;
        if let Err(failed) = self.kept.put_back().await {
            let fact = format!("{path} could not be put back: {}", failed.detail());
            let remedy = format!(
                "copy {} over {path} (SHA-256 {}), then restart the services",
                self.kept.copy, self.kept.before.sha256
            );
            return with_fact(error, &fact, Effect::Partial, Some(&remedy));
        }
        let back = format!("{path} is as it was (SHA-256 {})", self.kept.before.sha256);
        if !services_too {
            let error = with_fact(error, &back, Effect::None, None);
            return self.kept.discarding(error).await;
        }
        match self.services_back().await {
            Ok(()) => {
                let fact = format!("{back}; what ran before runs again");
                let told = with_fact(error, &fact, Effect::Partial, None);
                self.kept.discarding(told).await
            }
            Err(failed) => {
                let fact = format!(
                    "{back}; not all that ran before runs again: {}",
                    failed.detail()
                );
                with_fact(error, &fact, Effect::Partial, failed.remedy())
            }
        }
    }

    async fn services_back(&self) -> Result<()> {
        // What runs holds the configuration that was taken back; what went down with it is started.
        let restarted = ServiceControl::restart(&self.deployment).run(self.cx).await;
        let given = ServiceControl::give_back(&self.seen).run(self.cx).await?;
        let _ = given.check()?;
        restarted?.check().map(drop)
    }
}

impl Sealed for WriteDataStoreConfig {}

#[async_trait]
impl Operation for WriteDataStoreConfig {
    type Output = WrittenDataStoreConfig;

    fn describe(&self) -> Description {
        let who = match self.strategy {
            DataStoreStrategy::AttendedDbSetup => {
                "by hand, in the Data Store Configuration utility"
            }
            DataStoreStrategy::HostProvided => "by the host program",
        };
        Description {
            target: self.host.to_string(),
            action: format!(
                "configure the data store {who}: server {}, database {}; restart the services that run",
                self.config.server_box(),
                self.config.database()
            ),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::host("membership of Administrators", &self.host)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let files = HostFiles::of(cx, &self.host)?;
            let installed = Installed::on(cx, &self.host).await?;
            let path = self.path(&installed, &files).await?;
            let found = look(&files, &path).await?;
            let hash = found.map_or_else(|| "none".to_owned(), |(file, _)| file.sha256);
            Ok(Observation::Indeterminate {
                seen: format!(
                    "{path} has the SHA-256 {hash} and can't be read; a heartbeat tells which database is used: DataStoreConfig::read"
                ),
            })
        };
        look.await
            .map_err(|error: Error| error.with_effect(Effect::None).at(NAME, &self.host))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.host, self.write(cx)).await
    }
}
