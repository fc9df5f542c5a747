use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::application::IisApplication;
use super::console::ConsoleConfig;
use super::locate::{self, Candidate, Sites};
use super::outside;
use super::private_copy::{ASPNET_REGIIS, PrivateCopy};
use super::web_config::{WebConfig, WebDataStore};
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{HostName, HostPath};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::computer;
use crate::orchestrator::host_files::{Bytes, HostFiles, sha256};
use crate::permission::Permission;
use crate::transport::printable;

const NAME: &str = "read web components";

/// Reads which databases the web components of a host are to use.
///
/// # Contract
/// * A host whose name leads to another computer is refused, where its registry tells: its files are not read.
/// * Every application of IIS is looked at, the folders of Microsoft's pages, and what
///   [`also_at`](Self::also_at) names. A file of another application is passed over, with the reason. A
///   virtual directory that is no application's root is not looked at.
/// * A file that several applications serve is read once, and all of them are told.
/// * Both ways of naming the database are found, also on one host: `OrchestratorContext` (2012 to 2019),
///   `Database__*` (2022 and later).
/// * The console's `assets\configuration.json` is found below applications that name or place say are
///   Orchestrator's.
/// * An encrypted section stays so, and is told, unless [`decrypting_in`](Self::decrypting_in) names a
///   folder for a private copy, which is removed again.
/// * Passwords are not part of what is returned; where one stands in clear text is.
///
/// # Errors
/// `Incompatible` (another computer), `PermissionDenied`, `Unreachable`, `TimedOut`; `InvalidInput` for a folder
/// that a site serves; `Unsupported` without transports to files and, for decrypting, to programs. Nothing
/// is changed; with effect `Partial` the private copy may be left.
///
/// # Cancel safety
/// Dropping the future changes nothing; while decrypting, it may leave the private copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct ReadWebComponents {
    host: HostName,
    also_at: Vec<HostPath>,
    decrypting_in: Option<HostPath>,
    aspnet_regiis: Option<HostPath>,
}

/// What the web.config files of a host say of Orchestrator's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebComponentsInfo {
    /// The host.
    pub host: HostName,
    /// What it calls itself; `None`: that could not be seen.
    pub computer: Option<String>,
    /// The files that name an Orchestrator database, or may in an encrypted section.
    pub found: Vec<WebConfigInfo>,
    /// The configurations of consoles, which name the API's address.
    pub consoles: Vec<ConsoleInfo>,
    /// What was looked at and is not among them.
    pub passed_over: Vec<PassedOver>,
}

/// A web.config that names an Orchestrator database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebConfigInfo {
    /// Where it is.
    pub path: HostPath,
    /// The applications of IIS whose folder it is in; none where IIS does not say.
    pub applications: Vec<IisApplication>,
    /// The SHA-256 of the file as it is there.
    pub sha256: String,
    /// The provider that encrypted its connection strings, if one did.
    pub encrypted_by: Option<String>,
    /// What it says, place by place. Empty where that is encrypted and was not decrypted.
    pub stores: Vec<WebDataStore>,
    /// The origins that the API answers to (CORS).
    pub origins: Vec<String>,
    /// Which places say different things, if they do: then it is not written to.
    pub contradiction: Option<String>,
}

/// A `configuration.json` of the HTML5 console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConsoleInfo {
    /// Where it is.
    pub path: HostPath,
    /// The applications of IIS whose folder it is in; none where IIS does not say.
    pub applications: Vec<IisApplication>,
    /// The SHA-256 of the file as it is there.
    pub sha256: String,
    /// The addresses that it names.
    pub addresses: Vec<String>,
}

/// A place that does not name an Orchestrator database, as far as could be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PassedOver {
    /// The file, or the folder as IIS writes it.
    pub place: String,
    /// Why.
    pub why: String,
}

impl ReadWebComponents {
    pub(super) const fn new(host: HostName) -> Self {
        Self {
            host,
            also_at: Vec::new(),
            decrypting_in: None,
            aspnet_regiis: None,
        }
    }

    /// A web.config that is looked at too, or a console's `configuration.json`.
    pub fn also_at(mut self, file: HostPath) -> Self {
        self.also_at.push(file);
        self
    }

    /// Decrypts encrypted sections, with `aspnet_regiis`, in a private copy in this folder. It must be
    /// there, outside of every site, and readable by administrators only: the copy takes its permissions.
    pub fn decrypting_in(mut self, folder: HostPath) -> Self {
        self.decrypting_in = Some(folder);
        self
    }

    /// Where `aspnet_regiis.exe` is. Default: in the 32-bit Framework of version 4, on `C:`.
    pub fn aspnet_regiis(mut self, program: HostPath) -> Self {
        self.aspnet_regiis = Some(program);
        self
    }

    async fn read(&self, cx: &Context) -> Result<WebComponentsInfo> {
        let files = HostFiles::of(cx, &self.host)?;
        let mut info = WebComponentsInfo {
            host: self.host.clone(),
            computer: computer::require(cx, &self.host).await?,
            found: Vec::new(),
            consoles: Vec::new(),
            passed_over: Vec::new(),
        };
        let mut candidates = Vec::new();
        match Sites::read(&files).await? {
            None => info.passed_over.push(PassedOver {
                place: locate::SITES.to_owned(),
                why: "it is not there: IIS is not installed, or this transport does not see it"
                    .to_owned(),
            }),
            Some(sites) => {
                if let Some(folder) = &self.decrypting_in {
                    sites.require_outside("decrypting_in", folder)?;
                }
                candidates = sites.found;
                let not_understood = sites.not_understood.into_iter();
                info.passed_over.extend(not_understood.map(|place| PassedOver {
                    place: printable(&place),
                    why: "the folder holds a variable, or is no path on the host's drives; name its web.config".to_owned(),
                }));
            }
        }
        candidates.extend(locate::named(&self.also_at));
        for candidate in locate::distinct(candidates) {
            cx.safe_point()?;
            let Some(bytes) = read_or_pass(&files, &candidate.path, &mut info).await? else {
                continue;
            };
            if candidate.is_console {
                look_at_console(candidate, &bytes, &mut info);
                continue;
            }
            match self.examine(&files, &candidate, &bytes).await? {
                Ok(found) => info.found.push(found),
                Err(why) => info.pass(&candidate.path, why),
            }
        }
        for also in &self.also_at {
            let is_it = |place: &str| place.eq_ignore_ascii_case(also.as_str());
            let is_known = info.found.iter().any(|found| is_it(found.path.as_str()))
                || info.consoles.iter().any(|found| is_it(found.path.as_str()))
                || info.passed_over.iter().any(|passed| is_it(&passed.place));
            if !is_known {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!("{also}: it is not there"),
                ));
            }
        }
        Ok(info)
    }

    /// What a file says; else why it is passed over.
    async fn examine(
        &self,
        files: &HostFiles<'_>,
        candidate: &Candidate,
        bytes: &Bytes,
    ) -> Result<Result<WebConfigInfo, String>> {
        let config = match WebConfig::read(bytes) {
            Ok(config) => config,
            Err(error) => return Ok(Err(error.detail().to_owned())),
        };
        let mut info = WebConfigInfo {
            path: candidate.path.clone(),
            applications: candidate.applications.clone(),
            sha256: sha256(bytes),
            encrypted_by: None,
            stores: config.stores(),
            origins: config.origins().map(str::to_owned).collect(),
            contradiction: config.contradiction(),
        };
        if let Some(protected) = config.protected.first() {
            if info.stores.is_empty() && !candidate.is_named_so {
                return Ok(Err("its connection strings are encrypted, and nothing says that it is Orchestrator's; name it if it is".to_owned()));
            }
            info.encrypted_by = Some(protected.provider.clone().unwrap_or_default());
            if let Some(folder) = &self.decrypting_in {
                let site = outside::site_of(&candidate.path, false);
                outside::require("decrypting_in", folder, site)?;
                let clear = self.decrypted(files, folder, &config, bytes).await?;
                let clear = WebConfig::read(&clear)?;
                info.stores = clear.stores();
                info.contradiction = clear.contradiction();
            }
        }
        if info.stores.is_empty() && (info.encrypted_by.is_none() || self.decrypting_in.is_some()) {
            return Ok(Err("it names no Orchestrator database".to_owned()));
        }
        Ok(Ok(info))
    }

    async fn decrypted(
        &self,
        files: &HostFiles<'_>,
        folder: &HostPath,
        config: &WebConfig,
        bytes: &Bytes,
    ) -> Result<Bytes> {
        config.only_protected()?;
        let aspnet_regiis = program(self.aspnet_regiis.as_ref())?;
        let copy = PrivateCopy {
            files,
            folder,
            aspnet_regiis: &aspnet_regiis,
        };
        copy.decrypted(bytes).await
    }
}

impl WebComponentsInfo {
    fn pass(&mut self, place: &HostPath, why: impl Into<String>) {
        self.passed_over.push(PassedOver {
            place: place.to_string(),
            why: why.into(),
        });
    }
}

/// A file that is there. One that can't be read is passed over, so that it does not hide the others.
async fn read_or_pass(
    files: &HostFiles<'_>,
    path: &HostPath,
    info: &mut WebComponentsInfo,
) -> Result<Option<Bytes>> {
    match files.read(path).await {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::Busy | ErrorKind::Corrupt | ErrorKind::PermissionDenied
            ) =>
        {
            info.pass(path, error.detail());
            Ok(None)
        }
        read => read,
    }
}

fn look_at_console(candidate: Candidate, bytes: &Bytes, info: &mut WebComponentsInfo) {
    let path = candidate.path;
    if !candidate.is_named_so {
        info.pass(
            &path,
            "nothing says that it is the console of Orchestrator; name it if it is",
        );
        return;
    }
    match ConsoleConfig::read(bytes) {
        Err(error) => info.pass(&path, error.detail()),
        Ok(config) if config.addresses().next().is_none() => {
            info.pass(&path, "it names no address");
        }
        Ok(config) => info.consoles.push(ConsoleInfo {
            path,
            applications: candidate.applications,
            sha256: sha256(bytes),
            addresses: config.addresses().map(str::to_owned).collect(),
        }),
    }
}

/// A question that was not answered changed nothing; a private copy that may be left says so itself.
pub(super) fn untouched(error: Error) -> Error {
    match error.effect() {
        Effect::Unknown => error.with_effect(Effect::None),
        _ => error,
    }
}

/// The `aspnet_regiis` to use.
pub(super) fn program(said: Option<&HostPath>) -> Result<HostPath> {
    match said {
        Some(program) => Ok(program.clone()),
        None => Ok(ASPNET_REGIIS.parse()?),
    }
}

impl Sealed for ReadWebComponents {}

#[async_trait]
impl Operation for ReadWebComponents {
    type Output = WebComponentsInfo;

    fn describe(&self) -> Description {
        let mut script = Vec::new();
        if let Some(folder) = &self.decrypting_in {
            let program = self
                .aspnet_regiis
                .as_ref()
                .map_or(ASPNET_REGIIS, HostPath::as_str);
            script.push(format!("{program} -pdf connectionStrings \"{folder}\""));
        }
        Description {
            target: self.host.to_string(),
            action: "read which databases the web components are to use".to_owned(),
            script,
            hazards: Vec::new(),
            permissions: vec![Permission::host(
                "read the configuration of IIS and of its sites",
                &self.host,
            )],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let read = crate::sql::tell(cx, NAME, &self.host, self.read(cx)).await;
        read.map_err(untouched)
    }
}
