//! IIS with the web components of Orchestrator, as far as their own configuration, the database that it
//! names, .NET and accounts decide what they answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::host::SimulatedHost;
use super::runbook_service::ask;
use super::simulated_hosts::SimulatedHosts;
use super::web_application::{SimulatedWebApplication, WebComponentKind};
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance, WebUrl, split_url};
use crate::transport::{
    CommandOutput, HostError, TransportErrorKind, WebAnswer, WebCapabilities, WebTransport,
};

const APPCMD: &str = r"C:\Windows\System32\inetsrv\appcmd.exe";
const CONFIGURATION: &str = r"C:\Windows\System32\inetsrv\config\applicationHost.config";

/// The web servers of simulated hosts, asked by somebody with a Windows account. Clones are the same.
#[derive(Clone, Debug)]
pub struct SimulatedWebServers {
    hosts: SimulatedHosts,
    installed: Arc<Mutex<BTreeMap<String, Vec<Installed>>>>,
    signs_in: bool,
}

#[derive(Clone, Debug)]
struct Installed {
    is: SimulatedWebApplication,
    /// Its web.config as its process read it; `None`: there is no process yet.
    loaded: Option<Vec<u8>>,
    recycles: u32,
}

impl SimulatedWebServers {
    /// Those of the hosts: nothing is installed yet.
    #[must_use]
    pub fn on(hosts: &SimulatedHosts) -> Self {
        Self {
            hosts: hosts.clone(),
            installed: Arc::default(),
            signs_in: true,
        }
    }

    /// The same servers, asked by somebody who does not say who it is.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            signs_in: false,
            ..self.clone()
        }
    }

    /// Installs an application, or another one in the place of its site, and lets IIS's configuration name it.
    /// Several sites may serve one folder, each with a process of its own.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn install(
        &self,
        host: &SimulatedHost,
        application: SimulatedWebApplication,
    ) -> Result<(), HostError> {
        let sites = {
            let mut installed = self.lock();
            let applications = installed.entry(key(host.name())).or_default();
            applications.retain(|other| other.is.site != application.site);
            applications.push(Installed {
                is: application,
                loaded: None,
                recycles: 0,
            });
            configuration(applications)
        };
        host.create_folder(&path(r"C:\Windows\System32\inetsrv\config")?)?;
        host.write_file(&path(CONFIGURATION)?, sites.as_bytes())?;
        let this = self.clone();
        host.install_program(&path(APPCMD)?, move |host, arguments, _| {
            this.appcmd(host.name(), arguments)
        });
        Ok(())
    }

    /// How often the pool of an application was recycled.
    #[must_use]
    pub fn recycles(&self, host: &HostName, site: &str) -> u32 {
        let installed = self.lock();
        let applications = installed.get(&key(host)).into_iter().flatten();
        let mut named = applications.filter(|application| application.is.site == site);
        named.next().map_or(0, |application| application.recycles)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Installed>>> {
        self.installed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// `appcmd recycle apppool /apppool.name:NAME`, and nothing else that it can. The words are unconfirmed.
    fn appcmd(&self, host: &HostName, arguments: &[String]) -> CommandOutput {
        let answer = |exit_code, words: String| CommandOutput {
            exit_code,
            standard_output: words,
            standard_error: String::new(),
        };
        let pool = match arguments {
            [verb, object, name] if verb == "recycle" && object == "apppool" => {
                name.strip_prefix("/apppool.name:")
            }
            _ => None,
        };
        let Some(pool) = pool else {
            return answer(87, "ERROR ( message:Invalid arguments. )".to_owned());
        };
        let mut installed = self.lock();
        let applications = installed.get_mut(&key(host)).into_iter().flatten();
        let mut is_there = false;
        for application in applications {
            if application.is.pool_name().eq_ignore_ascii_case(pool) {
                is_there = true;
                application.loaded = None;
                application.recycles += 1;
            }
        }
        if is_there {
            answer(0, format!("\"{pool}\" successfully recycled"))
        } else {
            let words =
                format!("ERROR ( message:Cannot find APPPOOL object with identifier \"{pool}\". )");
            answer(1168, words)
        }
    }

    /// The application at that port and path, its web.config read.
    fn serve(
        &self,
        host: &SimulatedHost,
        url: &WebUrl,
    ) -> Result<Result<(SimulatedWebApplication, Vec<u8>), WebAnswer>, HostError> {
        let nobody = || HostError::lost(TransportErrorKind::Connect, "nobody listens at that port");
        let parts = split_url(url.as_str()).ok_or_else(nobody)?;
        let mut installed = self.lock();
        let applications = installed.get_mut(&key(host.name())).into_iter().flatten();
        let port = parts.port.unwrap_or(80);
        let mut listening = applications.filter(|application| application.is.port == port);
        let application = listening.next().ok_or_else(nobody)?;
        if application.is.pool_is_down {
            return Ok(Err(page(503, "Service Unavailable")));
        }
        // IIS reads it for each request, its process when it starts; both read it again where it changed
        // (documented), unless the application is one that does not.
        let now = host.read_file(&application.is.web_config);
        let is_wanted = format!("{}{}", application.is.path, application.is.kind.endpoint());
        if !parts.rest.eq_ignore_ascii_case(&is_wanted) {
            return Ok(Err(page(404, "HTTP Error 404.0 - Not Found")));
        }
        let Some(now) = now.ok().filter(|bytes| is_xml(bytes)) else {
            return Ok(Err(page(500, "HTTP Error 500.19 - Internal Server Error")));
        };
        if application.loaded.is_none() || !application.is.keeps_configuration {
            application.loaded = Some(now);
        }
        let loaded = application.loaded.clone().unwrap_or_default();
        Ok(Ok((application.is.clone(), loaded)))
    }

    async fn answer(&self, host: &SimulatedHost, url: &WebUrl) -> Result<WebAnswer, HostError> {
        let (application, web_config) = match self.serve(host, url)? {
            Ok(served) => served,
            Err(answer) => return Ok(answer),
        };
        if !self.signs_in {
            let mut answer = page(401, "401 - Unauthorized");
            for scheme in ["Negotiate", "NTLM"] {
                let header = ("WWW-Authenticate".to_owned(), scheme.to_owned());
                answer.headers.push(header);
            }
            return Ok(answer);
        }
        if application.lacks_dot_net {
            return Ok(match application.kind {
                WebComponentKind::WebApi => page(
                    500,
                    "HTTP Error 500.31 - ANCM Failed to Find Native Dependencies",
                ),
                WebComponentKind::WebService => {
                    page(500, "HTTP Error 500.21 - Internal Server Error")
                }
            });
        }
        if application.refuses_callers {
            return Ok(page(401, "You do not have permission"));
        }
        Ok(match query(host, &web_config, application.kind).await {
            Ok(()) => page(200, "{\"ok\":true}"),
            Err(problem) if application.shows_errors => page(500, &problem),
            Err(_) => page(500, ""),
        })
    }
}

#[async_trait]
impl WebTransport for SimulatedWebServers {
    fn capabilities(&self) -> WebCapabilities {
        WebCapabilities {
            is_on_host: true,
            signs_in: self.signs_in,
        }
    }

    async fn get(&self, host: &HostName, url: &WebUrl) -> Result<WebAnswer, HostError> {
        let (this, asked) = (self.clone(), url.clone());
        self.hosts
            .call(host, format!("web.get {url}"), |host| async move {
                this.answer(&host, &asked).await
            })
            .await
    }
}

/// Asks the database that a web.config names, as the pool's account.
async fn query(
    host: &SimulatedHost,
    web_config: &[u8],
    kind: WebComponentKind,
) -> Result<(), String> {
    let unreachable = || {
        "A network-related or instance-specific error occurred while establishing a connection to SQL Server."
            .to_owned()
    };
    let (server, database) = kind.data_store(web_config).ok_or_else(unreachable)?;
    let instance: SqlInstance = server.parse().map_err(|_| unreachable())?;
    let database: DatabaseName = database.parse().map_err(|_| unreachable())?;
    let sql = host.0.sql.as_ref().ok_or_else(unreachable)?;
    let connected = sql.connect(&instance, Some(&database)).await;
    let mut session = connected.map_err(|error| match error.kind() {
        TransportErrorKind::Authenticate => {
            "Login failed for user 'CONTOSO\\svc-orchestrator'.".to_owned()
        }
        _ => unreachable(),
    })?;
    let version = ask(
        &mut *session,
        "SELECT DBVersion FROM dbo.VERSION".to_owned(),
    )
    .await;
    version.map(drop).ok_or_else(|| {
        format!("Cannot open database \"{database}\" requested by the login. The login failed.")
    })
}

fn configuration(applications: &[Installed]) -> String {
    let mut sites = String::new();
    for (id, Installed { is, .. }) in applications.iter().enumerate() {
        let folder = is.web_config.as_str();
        let folder = &folder[..folder.len() - is.web_config.file_name().len()];
        let escaped = |text: &str| {
            text.replace('&', "&amp;")
                .replace('"', "&quot;")
                .replace('<', "&lt;")
        };
        let written = write!(
            sites,
            "<site name=\"{site}\" id=\"{id}\"><application path=\"{path}\" applicationPool=\"{pool}\"><virtualDirectory path=\"/\" physicalPath=\"{folder}\" /></application><bindings><binding protocol=\"http\" bindingInformation=\"*:{port}:\" /></bindings></site>",
            site = escaped(&is.site),
            id = id + 1,
            path = if is.path.is_empty() { "/" } else { &is.path },
            pool = escaped(&is.pool_name()),
            folder = escaped(folder),
            port = is.port,
        );
        debug_assert!(written.is_ok(), "a text takes all");
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<configuration><system.applicationHost><sites>{sites}</sites></system.applicationHost></configuration>\n"
    )
}

fn is_xml(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    roxmltree::Document::parse(text.trim_start_matches('\u{feff}')).is_ok()
}

fn page(status: u16, text: &str) -> WebAnswer {
    let body = if text.is_empty() {
        String::new()
    } else {
        format!("<html><body><h2>{text}</h2></body></html>")
    };
    WebAnswer {
        status,
        headers: vec![("Server".to_owned(), "Microsoft-IIS/10.0".to_owned())],
        body,
    }
}

fn path(text: &str) -> Result<HostPath, HostError> {
    text.parse()
        .map_err(|error: crate::names::NameError| HostError::refused(123, error.to_string()))
}

fn key(host: &HostName) -> String {
    host.as_str().to_lowercase()
}
