use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::console::ConsoleConfig;
use super::keyword::SqlClientKeyword;
use super::locate::Sites;
use super::outside;
use super::pools;
use super::prepare::Preparation;
use super::prepared::{Prepared, require, undo};
use super::read::{WebComponentsInfo, program, untouched};
use super::renaming::Renaming;
use super::seen::{Seen, SeenFile};
use super::web_config::{WebConfig, WebTarget};
use super::written::WrittenWebComponents;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::orchestrator::computer;
use crate::orchestrator::host_files::HostFiles;
use crate::permission::Permission;
use crate::progress::Progress;

const NAME: &str = "write web components";

/// Points the web components of a host at a database, in every web.config that was seen to name one.
///
/// # Contract
/// * A host whose name leads to another computer is refused, where its registry tells, and one that led to
///   another computer when it was seen.
/// * Only the values change: every other byte of the files stays, with comments, blanks, newlines,
///   encoding and the order and quotes of attributes. Of several names of one keyword one is left.
/// * Only the files that were seen ([`seen`](Self::seen)) are written to, and only as they were seen, or where
///   they name the database already.
/// * Everything is prepared before the first file changes. An encrypted section is decrypted, edited and
///   encrypted again by its own provider in a private copy, of which the result is proved to open; clear
///   text never reaches the site, and all outside of the section stays.
/// * Of each file that changes a copy with its permissions is kept first, outside of the site. Each is
///   replaced atomically and read again. When one fails, those before it are put back.
/// * A host that has another name now is named so where the API lists origins (CORS, documented: in small
///   letters) and where the console names the API ([`renamed`](Self::renamed)). An origin of the old name
///   stays where the new one is listed already.
/// * IIS starts an application again whose web.config changes (documented). Its application pool is
///   recycled too, so that nothing answers out of the old database: by `appcmd`, with overlap as IIS does
///   it, once all files are written. Several applications, of several sites, may serve one file: then
///   the pool of each is recycled, and every pool once. The console is files that browsers read, and needs none.
/// * Which pools those are, and who else is in them, is read again before anything changes. Not recycled
///   is one with other applications in it, unless [`recycling_shared_pools`](Self::recycling_shared_pools)
///   says so and all of them were seen there; nor one that is not known. An application that a file of these
///   serves is no other one. What became of each pool is in the output; it fails no write, and `observe`
///   does not see it.
/// * `aspnet_regiis` and `appcmd` themselves were never run by us: stand-ins take their documented switches.
///
/// # Errors
/// `InvalidInput`, `Incompatible` (another computer), `NotFound`, `Corrupt` (malformed, contradicting itself),
/// `Unsupported` (a document type declaration, another encoding, a section in another file),
/// `ConsentRequired` (another file than was seen), `Busy` (held open, changed meanwhile), `PermissionDenied`,
/// `AlreadyExists` (a copy of another file): nothing was changed, or all of it was put back. `Partial`: not
/// all of it could be, and the error says which. `Unknown`: an answer was lost; observe.
///
/// # Cancel safety
/// Dropping the future may leave the private copy, and some of the files changed and others not, each of
/// them whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct WriteWebComponents {
    host: HostName,
    instance: SqlInstance,
    database: DatabaseName,
    trusts_certificate: bool,
    #[serde(default)]
    renamings: Vec<Renaming>,
    #[serde(default)]
    recycles_shared: bool,
    seen: Option<Seen>,
    keeping_copies_in: Option<HostPath>,
    aspnet_regiis: Option<HostPath>,
}

impl WriteWebComponents {
    pub(super) const fn new(host: HostName, instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            host,
            instance,
            database,
            trusts_certificate: false,
            renamings: Vec::new(),
            recycles_shared: false,
            seen: None,
            keeping_copies_in: None,
            aspnet_regiis: None,
        }
    }

    /// The files to write to, as they were seen on this host, with the pools of those who serve them. Required.
    pub fn seen(mut self, info: &WebComponentsInfo) -> Self {
        self.seen = Some(Seen::of(info));
        self
    }

    /// The folder for the copies of what was, and for the private copy of what is encrypted. Required. It must
    /// be there, outside of every site (that IIS knows, or that was seen), and readable by administrators
    /// only: the private copy takes its permissions.
    pub fn keeping_copies_in(mut self, folder: HostPath) -> Self {
        self.keeping_copies_in = Some(folder);
        self
    }

    /// Writes `TrustServerCertificate=true` too, as Setup of 2025 does when asked (documented): the
    /// connection is encrypted, and whoever answers is believed.
    pub fn trusting_server_certificate(mut self) -> Self {
        self.trusts_certificate = true;
        self
    }

    /// The host `from` is called `to` now, where the API's origins and the console's address of the API
    /// name it. Only that very name is meant: `web01` is not `web01.contoso.example`. May be called for
    /// several.
    pub fn renamed(mut self, from: &HostName, to: &HostName) -> Self {
        self.renamings.push(Renaming {
            from: from.clone(),
            to: to.clone(),
        });
        self
    }

    /// Recycles application pools with other applications in them too, if they were [`seen`](Self::seen)
    /// there: those lose what they keep in memory, such as sessions.
    pub const fn recycling_shared_pools(mut self) -> Self {
        self.recycles_shared = true;
        self
    }

    /// Where `aspnet_regiis.exe` is. Default: in the 32-bit Framework of version 4, on `C:`.
    pub fn aspnet_regiis(mut self, program: HostPath) -> Self {
        self.aspnet_regiis = Some(program);
        self
    }

    fn target(&self) -> WebTarget {
        let mut settings = vec![
            (SqlClientKeyword::Server, self.instance.to_string()),
            (SqlClientKeyword::Database, self.database.to_string()),
        ];
        if self.trusts_certificate {
            settings.push((SqlClientKeyword::TrustServerCertificate, "true".to_owned()));
        }
        WebTarget {
            settings,
            renamings: self.renamings.clone(),
        }
    }

    async fn write(&self, cx: &Context) -> Result<WrittenWebComponents> {
        let all = required(self.seen.as_ref(), "seen")?;
        let seen = self.meant()?;
        let folder = required(self.keeping_copies_in.as_ref(), "keeping_copies_in")?;
        all.require_host(&self.host)?;
        if !seen.iter().any(|file| !file.is_console) {
            return Err(Error::new(
                ErrorKind::NotFound,
                "no web.config was seen that names an Orchestrator database",
            )
            .with_remedy("name it: WebComponents::read(…).also_at(…)"));
        }
        for file in &seen {
            let site = outside::site_of(&file.path, file.is_console);
            outside::require("keeping_copies_in", folder, site)?;
        }
        let files = HostFiles::of(cx, &self.host)?;
        let computer = computer::require(cx, &self.host).await?;
        all.require_computer(computer.as_deref())?;
        let sites = Sites::read(&files).await.map_err(untouched)?;
        if let Some(sites) = &sites {
            sites.require_outside("keeping_copies_in", folder)?;
        }
        let preparation = Preparation {
            files: &files,
            folder,
            aspnet_regiis: &program(self.aspnet_regiis.as_ref())?,
            target: &self.target(),
        };
        let mut prepared = Vec::new();
        for file in &seen {
            prepared.push(preparation.file(file).await.map_err(untouched)?);
        }
        self.check_renamings(&prepared)?;
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "keep copies of what is there",
        });
        for file in &prepared {
            file.keep(&files).await?;
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "replace the files",
        });
        for (at, file) in prepared.iter().enumerate() {
            let changed = &prepared[..at];
            if let Err(failure) = file.check_unchanged(&files).await {
                return Err(undo(&files, failure, changed, None).await);
            }
            if let Err(failure) = file.replace(&files).await {
                return Err(undo(&files, failure, changed, Some(file)).await);
            }
        }
        let is_new = |file: &Prepared| file.after.is_some() || file.was_changed;
        let written: Vec<SeenFile> = seen
            .iter()
            .zip(&prepared)
            .filter(|(seen, file)| !seen.is_console && is_new(file))
            .map(|(seen, _)| (*seen).clone())
            .collect();
        let written = match &sites {
            Some(sites) => all.now(written, sites),
            None => written,
        };
        if !written.is_empty() {
            cx.report(&Progress::Doing {
                operation: NAME,
                what: "recycle application pools",
            });
        }
        Ok(WrittenWebComponents {
            host: self.host.clone(),
            computer,
            pools: pools::recycle(&files, &written, &all.files, self.recycles_shared).await,
            files: prepared.into_iter().map(Prepared::written).collect(),
        })
    }

    /// The files that are meant: the console's only where hosts have another name.
    fn meant(&self) -> Result<Vec<&SeenFile>> {
        let seen = required(self.seen.as_ref(), "seen")?;
        let is_meant = |file: &&SeenFile| !file.is_console || !self.renamings.is_empty();
        Ok(seen.files.iter().filter(is_meant).collect())
    }

    /// Refuses a host that nothing names, by its old name or its new one.
    fn check_renamings(&self, prepared: &[Prepared]) -> Result<()> {
        for renaming in &self.renamings {
            let mut addresses = prepared.iter().flat_map(|file| &file.addresses);
            if !addresses.any(|address| renaming.is_about(address)) {
                return Err(Error::new(
                    ErrorKind::NotFound,
                    format!(
                        "no origin and no address of a console names {} or {}",
                        renaming.from, renaming.to
                    ),
                )
                .with_remedy("WebComponents::read tells the names as they stand there"));
            }
        }
        Ok(())
    }
}

impl Sealed for WriteWebComponents {}

#[async_trait]
impl Operation for WriteWebComponents {
    type Output = WrittenWebComponents;

    fn describe(&self) -> Description {
        let folder = shown(self.keeping_copies_in.as_ref(), "keeping_copies_in");
        let mut script = Vec::new();
        let meant = self.meant().unwrap_or_default();
        for file in &meant {
            let path = &file.path;
            script.push(format!("copy \"{path}\" to \"{folder}\""));
            if !file.is_console {
                for (keyword, value) in &self.target().settings {
                    script.push(format!("in \"{path}\": {keyword} = {value}"));
                }
            }
            for Renaming { from, to } in &self.renamings {
                script.push(format!("in \"{path}\": host {from} = {to}"));
            }
        }
        let seen = self.seen.as_ref().map_or(&[][..], |seen| &seen.files);
        script.extend(pools::script(seen, self.recycles_shared));
        let shared = pools::shared(seen);
        let hazards = match shared.is_empty() || !self.recycles_shared {
            true => Vec::new(),
            false => vec![Hazard::RecyclesSharedPools { pools: shared }],
        };
        Description {
            target: self.host.to_string(),
            action: format!(
                "point the web components at the database {} on {}",
                self.database, self.instance
            ),
            script,
            hazards,
            permissions: vec![
                Permission::host("read and write the web.config of its sites", &self.host),
                Permission::host("write to the folder of the copies", &self.host),
                Permission::host("recycle application pools of IIS", &self.host),
            ],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let files = HostFiles::of(cx, &self.host)?;
            computer::require(cx, &self.host).await?;
            let (mut done, mut encrypted, mut other) = (0, 0, 0);
            let seen = self.meant()?;
            for file in &seen {
                if file.is_console {
                    let config = ConsoleConfig::read(&require(&files, &file.path).await?)?;
                    match config.renamed(&self.renamings)? {
                        None => done += 1,
                        Some(_) => other += 1,
                    }
                    continue;
                }
                let config = WebConfig::read(&require(&files, &file.path).await?)?;
                let is_done = config
                    .pointed_at(&self.target())
                    .is_ok_and(|edit| edit.is_none());
                match config.protected.is_empty() {
                    false => encrypted += 1,
                    true if is_done && !config.stores().is_empty() => done += 1,
                    true => other += 1,
                }
            }
            Ok(match (done, encrypted, other) {
                (_, 0, 0) => Observation::Done,
                (0, 0, _) => Observation::NotDone,
                (_, 0, _) => Observation::Partial {
                    state: format!("{done} of {} files name the database", seen.len()),
                },
                _ => Observation::Indeterminate {
                    seen: "a section is encrypted; run tells by decrypting a private copy, and writes nothing where nothing is to change".to_owned(),
                },
            })
        };
        look.await
            .map_err(|error: Error| error.with_effect(Effect::None).at(NAME, &self.host))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.host, self.write(cx)).await
    }
}
