use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::aliases::{KeptAliases, names_of};
use super::asked::AskedDatabase;
use super::config::{DataStoreAuthentication, DataStoreConfig};
use super::discovery::{Installed, find};
use super::heartbeat::Heartbeats;
use super::kept::{Kept, ToKeep};
use super::observe::observe;
use super::scene::Scene;
use super::setup;
use super::silent_setup::SilentSetup;
use super::strategy::DataStoreStrategy;
use super::verify::verify;
use super::written::WrittenDataStoreConfig;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{HostName, HostPath};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::host_files::HostFiles;
use crate::orchestrator::host_registry::HostRegistry;
use crate::orchestrator::services::{Aim, Slots, Turn};
use crate::orchestrator::{HostRole, ServiceControl, computer};
use crate::permission::Permission;
use crate::transport::{DataStoreLogin, DataStoreValues};

const NAME: &str = "write data store configuration";

/// Configures the data store of a host, and sees that it is used.
///
/// # Contract
/// * `Settings.dat` is copied first, beside itself and with its permissions, and the aliases of SQL Server's clients
///   are noted where the context has a port to registries; the copy stays after success.
/// * A host whose name leads to another computer is refused, where its registry tells.
/// * Who writes is the [strategy](Self::strategy). Then the file has another hash, the services that ran
///   are restarted and stay up for the settling time, and the heartbeat of a Runbook Server that ran
///   advances in the new database, where it is looked for before anything is changed.
/// * Where that fails, file and aliases are put back as they were, what ran before runs again, and the
///   error says both. Permissions are put back where the transport renames files; else the error says that
///   they are those that the new file was given.
/// * Services that don't run are not started; see [`ServiceControl::give_back`]. After Setup all are.
///
/// # Errors
/// `NotFound`, `InvalidInput`, `Unsupported` (no port), `PermissionDenied`, `Incompatible` (another computer, another
/// installation of Windows), `ConsentRequired` (no evidence, or other evidence than what is there now):
/// nothing was changed. `TimedOut` with the effect `None`: nobody typed the values in, and the copy was removed.
/// `Partial`: it was written and did not hold; it was put back, or the remedy says how. What Setup installed
/// is not taken back. `Unknown`: the host program or Setup did not answer, and nothing had changed yet.
///
/// # Cancel safety
/// A cancellation counts until the services are restarted, and takes back what was written; it does not stop
/// Setup. Dropping the future leaves the copy, and all else as it is at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct WriteDataStoreConfig {
    host: HostName,
    config: DataStoreConfig,
    strategy: DataStoreStrategy,
    settings_file: Option<HostPath>,
    without_heartbeat: Option<Box<AskedDatabase>>,
}

impl WriteDataStoreConfig {
    pub(super) const fn new(host: HostName, config: DataStoreConfig) -> Self {
        Self {
            host,
            config,
            strategy: DataStoreStrategy::AttendedDbSetup,
            settings_file: None,
            without_heartbeat: None,
        }
    }

    /// Who writes it, and how. Default: somebody, by hand.
    pub fn strategy(mut self, strategy: impl Into<DataStoreStrategy>) -> Self {
        self.strategy = strategy.into();
        self
    }

    /// Where its `Settings.dat` is. Default: it is looked for beside the programs of the services.
    pub fn settings_file(mut self, path: HostPath) -> Self {
        self.settings_file = Some(path);
        self
    }

    /// Consents to not looking for the heartbeat, with the evidence that it was asked for and can't be had: the
    /// new database does not know the Runbook Server yet, or can't be reached from here. Then nothing says
    /// which database is used. Where it can be had all the same, it is looked for.
    pub fn without_heartbeat(mut self, asked: &AskedDatabase) -> Self {
        self.without_heartbeat = Some(Box::new(asked.clone()));
        self
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &HostName {
        &self.host
    }

    /// Writes it; calls of the host are made in a slot.
    pub(super) async fn write(
        &self,
        cx: &Context,
        slots: &Slots,
    ) -> Result<WrittenDataStoreConfig> {
        let mut turn = Turn::take(slots).await;
        let files = HostFiles::of(cx, &self.host)?;
        cx.services()?;
        cx.safe_point()?;
        if let DataStoreStrategy::SilentSetup(setup) = &self.strategy {
            return self.set_up(cx, slots, &mut turn, &files, setup).await;
        }
        self.configure(cx, slots, &mut turn, &files).await
    }

    async fn configure(
        &self,
        cx: &Context,
        slots: &Slots,
        turn: &mut Turn<'_>,
        files: &HostFiles<'_>,
    ) -> Result<WrittenDataStoreConfig> {
        let untouched = |error: Error| error.with_effect(Effect::None);
        let values = self.prepared(cx).await.map_err(untouched)?;
        let registry = HostRegistry::of(cx, &self.host).ok();
        let computer = computer::require(cx, &self.host).await.map_err(untouched)?;
        let installed = Installed::on(cx, &self.host).await.map_err(untouched)?;
        let said = self.settings_file.as_ref().or(match &self.strategy {
            DataStoreStrategy::SettingsSnapshot(snapshot) => Some(&snapshot.file.path),
            _ => None,
        });
        let path = find(&self.host, said, &installed, files).await;
        let path = path.map_err(untouched)?;
        let deployment = installed.deployment(&self.host);
        let seen = ServiceControl::status(&deployment).run(cx).await?;
        seen.check()?;
        let mut unconfirmed = Vec::new();
        let beats =
            installed.runs_runbooks && self.has_heartbeat(cx, true, &mut unconfirmed).await?;
        let names = self.names();
        let aliases = match &registry {
            Some(registry) => KeptAliases::of(registry, &names).await?,
            None => KeptAliases::default(),
        };
        let mut content = None;
        match &self.strategy {
            DataStoreStrategy::SettingsSnapshot(snapshot) => {
                let required = snapshot.require(cx, files, computer.as_deref()).await;
                content = Some(required.map_err(untouched)?);
            }
            DataStoreStrategy::SqlAlias(alias) => {
                let aliases = aliases.present();
                alias.require(cx, &aliases).await.map_err(untouched)?;
                let tried = alias.try_login(cx, &self.config).await;
                tried.map_err(untouched)?;
            }
            _ => {}
        }
        let keep = ToKeep {
            cx,
            files,
            registry: registry.as_ref(),
            aliases,
            changes_aliases: matches!(self.strategy, DataStoreStrategy::SqlAlias(_)),
            may_be_absent: content.is_some(),
        };
        let kept = Kept::make(keep, &path).await?;
        let mut scene = Scene {
            cx,
            operation: NAME,
            host: &self.host,
            config: &self.config,
            files,
            seen,
            deployment,
            kept,
            unconfirmed,
        };
        let after = match (&self.strategy, &values, &content, &registry) {
            (DataStoreStrategy::HostProvided, Some(values), ..) => {
                scene.provided(turn, values).await?
            }
            (DataStoreStrategy::SettingsSnapshot(snapshot), _, Some(content), _) => {
                scene.put_snapshot(snapshot, content).await?
            }
            (DataStoreStrategy::SqlAlias(alias), .., Some(registry)) => {
                scene.redirect(alias, registry).await?
            }
            _ => scene.attended(turn).await?,
        };
        let beats_in = beats.then_some(&self.config);
        let host = &scene.deployment.hosts()[0];
        match verify(cx, slots, turn, host, Aim::Restart, beats_in).await {
            Ok((services, heartbeat)) => Ok(WrittenDataStoreConfig {
                host: self.host.clone(),
                strategy: self.strategy.clone(),
                computer,
                before: scene.kept.before().cloned(),
                after,
                copy: scene.kept.copy().cloned(),
                aliases_before: scene.kept.aliases.present(),
                services,
                heartbeat,
                exposed_in: Vec::new(),
                unconfirmed: scene.unconfirmed,
            }),
            Err((error, services)) => Err(scene.undo(&error, services).await),
        }
    }

    async fn set_up(
        &self,
        cx: &Context,
        slots: &Slots,
        turn: &mut Turn<'_>,
        files: &HostFiles<'_>,
        setup: &SilentSetup,
    ) -> Result<WrittenDataStoreConfig> {
        let untouched = |error: Error| error.with_effect(Effect::None);
        setup.check(&self.host, &self.config)?;
        cx.commands()?;
        let command = setup.command(cx, &self.config).await?;
        let computer = computer::require(cx, &self.host).await?;
        let scene = setup::Scene {
            cx,
            operation: NAME,
            host: &self.host,
            setup,
            files,
        };
        scene.require().await.map_err(untouched)?;
        let mut unconfirmed = setup.unconfirmed(&self.config);
        // Setup makes the Runbook Server known where it is not.
        let beats = setup.roles().contains(&HostRole::RunbookServer)
            && self.has_heartbeat(cx, false, &mut unconfirmed).await?;
        cx.safe_point()?;
        let done = scene.run(turn, &command).await?;
        let beats_in = beats.then_some(&self.config);
        match verify(cx, slots, turn, &done.host, Aim::Start, beats_in).await {
            Ok((services, heartbeat)) => {
                let unread = done.logs.unread.into_iter();
                unconfirmed
                    .extend(unread.map(|why| format!("a log of Setup was not searched: {why}")));
                Ok(WrittenDataStoreConfig {
                    host: self.host.clone(),
                    strategy: self.strategy.clone(),
                    computer,
                    before: None,
                    after: done.after,
                    copy: None,
                    aliases_before: Vec::new(),
                    services,
                    heartbeat,
                    exposed_in: done.logs.exposed_in,
                    unconfirmed,
                })
            }
            Err((error, _)) => Err(scene.failed(&error, &done.logs)),
        }
    }

    /// Whether there is to be a heartbeat in the new database, which is to be reached; with the evidence,
    /// that there is none.
    async fn has_heartbeat(
        &self,
        cx: &Context,
        is_known: bool,
        unconfirmed: &mut Vec<String>,
    ) -> Result<bool> {
        let (instance, database) = (self.config.instance(), self.config.database());
        let mut beats = Heartbeats::of(cx, instance, database, &self.host);
        let asked = match is_known {
            true => beats.require().await,
            false => beats.require_column().await,
        };
        let Err(error) = asked else {
            return Ok(true);
        };
        let error = error.with_effect(Effect::None);
        let Some(seen) = &self.without_heartbeat else {
            return Err(error);
        };
        let kind = seen.failure.as_ref().map(|failure| failure.kind);
        if !seen.is_about(&self.host, instance, database) || kind != Some(error.kind()) {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                format!("the heartbeat can't be had, and not as it was seen: {}", error.detail()),
            )
            .with_remedy("read the configuration again, asking that database, and give its answer to .without_heartbeat(…)"));
        }
        unconfirmed.push(format!("which database is used: {}", error.detail()));
        Ok(false)
    }

    /// Refuses what needs no looking, and has what the strategy needs.
    async fn prepared(&self, cx: &Context) -> Result<Option<DataStoreValues>> {
        match &self.strategy {
            DataStoreStrategy::HostProvided => {
                cx.data_store_writer()?;
                return Ok(Some(self.values(cx).await?));
            }
            DataStoreStrategy::SettingsSnapshot(snapshot) => {
                cx.registry()?;
                snapshot.check(&self.host, &self.config)?;
            }
            DataStoreStrategy::SqlAlias(alias) => {
                cx.registry()?;
                alias.check(&self.host, &self.config)?;
            }
            _ => {}
        }
        Ok(None)
    }

    /// The names whose aliases are noted.
    fn names(&self) -> Vec<String> {
        let redirected = match &self.strategy {
            DataStoreStrategy::SqlAlias(alias) => Some(alias.name()),
            _ => None,
        };
        names_of([self.config.instance()].into_iter().chain(redirected))
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
}

impl Sealed for WriteDataStoreConfig {}

#[async_trait]
impl Operation for WriteDataStoreConfig {
    type Output = WrittenDataStoreConfig;

    fn describe(&self) -> Description {
        Description {
            target: self.host.to_string(),
            action: format!(
                "configure the data store {}: server {}, database {}; {}",
                self.strategy,
                self.config.server_box(),
                self.config.database(),
                match self.strategy {
                    DataStoreStrategy::SilentSetup(_) => "start the services",
                    _ => "restart the services that run",
                }
            ),
            script: self.strategy.script(&self.config),
            hazards: self.strategy.hazards(&self.host, &self.config),
            permissions: vec![Permission::host("membership of Administrators", &self.host)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let seen = observe(
            cx,
            &self.host,
            &self.config,
            &self.strategy,
            self.settings_file.as_ref(),
        );
        seen.await
            .map_err(|error: Error| error.with_effect(Effect::None).at(NAME, &self.host))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let slots = Slots::new(1);
        crate::sql::tell(cx, NAME, &self.host, self.write(cx, &slots)).await
    }
}
