use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::keyword::SqlClientKeyword;
use super::prepared::{Prepared, require, undo};
use super::private_copy::PrivateCopy;
use super::read::{WebComponentsInfo, program};
use super::web_config::{WebConfig, WebTarget};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::orchestrator::host_files::{Bytes, HostFiles, sha256};
use crate::permission::Permission;
use crate::progress::Progress;

const NAME: &str = "write web components";

/// Points the web components of a host at a database, in every web.config that was seen to name one.
///
/// # Contract
/// * Only the values change: every other byte of the files stays, with comments, blanks, newlines,
///   encoding and the order and quotes of attributes. Of several names of one keyword one is left.
/// * Only the files that were seen ([`seen`](Self::seen)) are written to, and only as they were seen, or where
///   they name the database already.
/// * Everything is prepared before the first file changes. An encrypted section is decrypted, edited and
///   encrypted again by its own provider in a private copy, of which the result is proved to open; clear
///   text never reaches the site, and all outside of the section stays.
/// * Of each file that changes a copy with its permissions is kept first, outside of the site. Each is
///   replaced atomically and read again. When one fails, those before it are put back.
/// * IIS starts an application again whose web.config changes (documented).
///
/// # Errors
/// `InvalidInput`, `NotFound`, `Corrupt` (malformed, contradicting itself), `Unsupported` (a document type
/// declaration, another encoding, a section in another file), `ConsentRequired` (another file than was
/// seen), `Busy` (held open, changed meanwhile), `PermissionDenied`, `AlreadyExists` (a copy of another
/// file): nothing was changed, or all of it was put back. `Partial`: not all of it could be, and the error
/// says which. `Unknown`: an answer was lost; observe.
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
    seen: Option<Vec<SeenWebConfig>>,
    keeping_copies_in: Option<HostPath>,
    aspnet_regiis: Option<HostPath>,
}

/// A file as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SeenWebConfig {
    path: HostPath,
    sha256: String,
}

/// What was written on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WrittenWebComponents {
    /// The host.
    pub host: HostName,
    /// Its files, in the order in which they were seen.
    pub files: Vec<WrittenWebConfig>,
}

/// A web.config that names the database now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WrittenWebConfig {
    /// Where it is.
    pub path: HostPath,
    /// The copy of what it was; `None` where it named the database before, and was not touched.
    pub copy: Option<HostPath>,
    /// The SHA-256 of what it was.
    pub sha256_before: String,
    /// The SHA-256 of what it is.
    pub sha256: String,
    /// The names of secrets that stand in it in clear text, as they did before.
    pub clear_text_secrets: Vec<String>,
}

impl WriteWebComponents {
    pub(super) const fn new(host: HostName, instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            host,
            instance,
            database,
            trusts_certificate: false,
            seen: None,
            keeping_copies_in: None,
            aspnet_regiis: None,
        }
    }

    /// The files to write to, as they were seen. Required.
    pub fn seen(mut self, info: &WebComponentsInfo) -> Self {
        let seen = info.found.iter().map(|found| SeenWebConfig {
            path: found.path.clone(),
            sha256: found.sha256.clone(),
        });
        self.seen = Some(seen.collect());
        self
    }

    /// The folder for the copies of what was, and for the private copy of what is encrypted. Required. It must
    /// be there, outside of every site, and readable by administrators only: the private copy takes its
    /// permissions.
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
        WebTarget { settings }
    }

    async fn write(&self, cx: &Context) -> Result<WrittenWebComponents> {
        let seen = required(self.seen.as_ref(), "seen")?;
        let folder = required(self.keeping_copies_in.as_ref(), "keeping_copies_in")?;
        if seen.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "no web.config was seen that names an Orchestrator database",
            )
            .with_remedy("name it: WebComponents::read(…).also_at(…)"));
        }
        outside_of_sites(folder, seen)?;
        let files = HostFiles::of(cx, &self.host)?;
        let mut prepared = Vec::new();
        for file in seen {
            prepared.push(self.prepare(&files, folder, file).await?);
        }
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
        Ok(WrittenWebComponents {
            host: self.host.clone(),
            files: prepared.into_iter().map(Prepared::written).collect(),
        })
    }

    /// Reads a file and makes what it is to be. Nothing of the site changes.
    async fn prepare(
        &self,
        files: &HostFiles<'_>,
        folder: &HostPath,
        seen: &SeenWebConfig,
    ) -> Result<Prepared> {
        let path = &seen.path;
        let before = require(files, path).await?;
        let found = sha256(&before);
        let named = |error: Error| {
            let renamed = Error::new(error.kind(), format!("{path}: {}", error.detail()))
                .with_effect(error.effect());
            match error.remedy() {
                Some(remedy) => renamed.with_remedy(remedy),
                None => renamed,
            }
        };
        let config = WebConfig::read(&before).map_err(named)?;
        let target = self.target();
        let is_encrypted = !config.protected.is_empty();
        let mut after = config.pointed_at(&target).map_err(named)?;
        if is_encrypted {
            config.only_protected().map_err(named)?;
            let aspnet_regiis = program(self.aspnet_regiis.as_ref())?;
            let copy = PrivateCopy {
                files,
                folder,
                aspnet_regiis: &aspnet_regiis,
            };
            let edited = after.as_deref().unwrap_or(&before);
            if let Some(edited) = copy.pointed_at(edited, &target).await.map_err(named)? {
                after = Some(edited);
            }
        } else if config.stores().is_empty() {
            return Err(named(Error::new(
                ErrorKind::NotFound,
                "it names no Orchestrator database",
            )));
        }
        // What names the database already may have been written by an interrupted run of this.
        if after.is_some() && found != seen.sha256 {
            return Err(named(
                Error::new(ErrorKind::ConsentRequired, "it is not the file that was seen").with_remedy(
                    "read the web components again, look at what changed, and give what was seen then",
                ),
            ));
        }
        if let Some(after) = &after {
            let now = WebConfig::read(after).map_err(named)?;
            if !is_encrypted && (!now.names(&target) || now.pointed_at(&target)?.is_some()) {
                return Err(named(Error::new(
                    ErrorKind::Internal,
                    "the edit did not take",
                )));
            }
        }
        let mut clear_text_secrets: Vec<String> = config
            .stores()
            .into_iter()
            .flat_map(|store| store.clear_text_secrets)
            .collect();
        clear_text_secrets.sort();
        clear_text_secrets.dedup();
        Ok(Prepared {
            path: path.clone(),
            copy: folder.child(&copy_name(path, &found))?,
            before,
            after: after.map(Bytes::new),
            clear_text_secrets,
        })
    }
}

/// The copy of one file as it was has one name, so that a resumed run finds it.
fn copy_name(path: &HostPath, sha256_before: &str) -> String {
    let place = sha256(path.as_str().to_lowercase().as_bytes());
    format!("web.config.{}.{}.copy", &place[..8], &sha256_before[..16])
}

/// Refuses a folder that a site may serve, or that its applications may read.
fn outside_of_sites(folder: &HostPath, seen: &[SeenWebConfig]) -> Result<()> {
    let folder_inside = format!("{folder}\\").to_lowercase();
    for file in seen {
        let path = file.path.as_str();
        let site = path[..path.len() - file.path.file_name().len()].to_lowercase();
        if folder_inside.starts_with(&site) {
            return Err(Error::invalid(
                "keeping_copies_in",
                format!("it is inside of the site of {path}"),
            )
            .with_remedy("give a folder outside of every site, readable by administrators only"));
        }
    }
    Ok(())
}

impl Sealed for WriteWebComponents {}

#[async_trait]
impl Operation for WriteWebComponents {
    type Output = WrittenWebComponents;

    fn describe(&self) -> Description {
        let folder = shown(self.keeping_copies_in.as_ref(), "keeping_copies_in");
        let mut script = Vec::new();
        for file in self.seen.iter().flatten() {
            let path = &file.path;
            script.push(format!("copy \"{path}\" to \"{folder}\""));
            for (keyword, value) in &self.target().settings {
                script.push(format!("in \"{path}\": {keyword} = {value}"));
            }
        }
        Description {
            target: self.host.to_string(),
            action: format!(
                "point the web components at the database {} on {}",
                self.database, self.instance
            ),
            script,
            hazards: Vec::new(),
            permissions: vec![
                Permission::host("read and write the web.config of its sites", &self.host),
                Permission::host("write to the folder of the copies", &self.host),
            ],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let files = HostFiles::of(cx, &self.host)?;
            let (mut done, mut encrypted, mut other) = (0, 0, 0);
            let seen = required(self.seen.as_ref(), "seen")?;
            for file in seen {
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
            .map_err(|error: Error| error.at(NAME, &self.host))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.host, self.write(cx)).await
    }
}
