use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::answer::{self, Finding, WebCause};
use super::application::{IisApplication, IisBinding};
use super::read::WebComponentsInfo;
use super::verified::{VerifiedWebComponents, WebVerdict};
use super::web_config::WebConfigStyle;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{HostName, WebUrl};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::computer;
use crate::permission::Permission;
use crate::transport::{WebCapabilities, WebTransport, printable};

const NAME: &str = "verify web components";

/// Asks the web components of a host whether they work: `/api/login` of 2022 and later (documented), the root
/// of the OData service of 2012 to 2019 (community; whether it reaches the database is unconfirmed).
///
/// # Contract
/// * One `GET` each, which changes nothing, except that IIS starts an application that did not run.
/// * Tells failures of the database, of permissions and of .NET apart where the answer does. A 500 without
///   more can be several of them (documented), and then all are named: nothing is guessed.
/// * What the answer says is shown escaped, and its beginning only.
/// * Where the transport asks on the host, a host whose name leads to another computer is refused, if its
///   registry tells. Else an address is asked, whoever has it.
/// * Where the transport does not sign in, an application that wants to know who asks is not told to work.
///
/// # Errors
/// `InvalidInput` where nothing says what to ask, `Unsupported` without a transport to web servers, `Incompatible`
/// for another computer, and those of asking the registry which one it is. What goes wrong with an application
/// is in its verdict; [`VerifiedWebComponents::check`] makes an error of it.
///
/// # Cancel safety
/// Changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct VerifyWebComponents {
    host: HostName,
    applications: Vec<Asked>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "kebab-case")]
enum Asked {
    /// What IIS says of it.
    Application {
        style: WebConfigStyle,
        application: IisApplication,
    },
    /// An address that the caller gave.
    Address { style: WebConfigStyle, url: WebUrl },
}

impl VerifyWebComponents {
    pub(super) const fn new(host: HostName) -> Self {
        Self {
            host,
            applications: Vec::new(),
        }
    }

    /// Asks the applications that were seen, where IIS says that they listen: each of those that serve one file.
    pub fn seen(mut self, info: &WebComponentsInfo) -> Self {
        for found in &info.found {
            let mut styles: Vec<WebConfigStyle> =
                found.stores.iter().map(|store| store.style).collect();
            if styles.is_empty() {
                // An encrypted section, which is always connectionStrings.
                styles.push(WebConfigStyle::ConnectionString);
            }
            styles.sort();
            styles.dedup();
            for application in &found.applications {
                self.applications
                    .extend(styles.iter().map(|style| Asked::Application {
                        style: *style,
                        application: application.clone(),
                    }));
            }
        }
        self
    }

    /// Asks at an address: of `/api/login`, or of the root of the OData service.
    pub fn asking(mut self, style: WebConfigStyle, url: WebUrl) -> Self {
        self.applications.push(Asked::Address { style, url });
        self
    }

    async fn verify(&self, cx: &Context) -> Result<VerifiedWebComponents> {
        if self.applications.is_empty() {
            return Err(Error::invalid(
                "seen",
                "nothing says what to ask; call .seen(…) with what WebComponents::read found in IIS, or .asking(…)",
            ));
        }
        let web = cx.web()?;
        // Asked there, `localhost` is whatever computer the name leads to.
        if web.capabilities().is_on_host {
            computer::require(cx, &self.host).await?;
        }
        let mut verdicts = Vec::new();
        for asked in &self.applications {
            cx.safe_point()?;
            verdicts.push(self.ask(cx, web, asked).await);
        }
        Ok(VerifiedWebComponents {
            host: self.host.clone(),
            verdicts,
        })
    }

    async fn ask(&self, cx: &Context, web: &dyn WebTransport, asked: &Asked) -> WebVerdict {
        let capabilities = web.capabilities();
        let style = asked.style();
        let told = |url: Option<&WebUrl>, status, finding: Finding, shown| WebVerdict {
            style,
            application: asked.application().map(IisApplication::identifier),
            url: url.cloned(),
            status,
            works: finding.causes.is_empty(),
            causes: finding.causes,
            why: finding.why,
            shown,
        };
        let of = |cause, why| Finding {
            causes: [cause].into(),
            why,
        };
        let url = match asked.url(&self.host, capabilities) {
            Ok(url) => url,
            Err(why) => return told(None, None, of(WebCause::Unknown, why), None),
        };
        // Asked on the host, it may be a program there that asks; an application starts for it, too.
        let deadline = Some(cx.deadlines().host_program);
        match cx.within(deadline, web.get(&self.host, &url)).await {
            Ok(answer) => {
                let finding = answer::finding(&answer, style, capabilities);
                let shown = answer::shown(&answer.body);
                let shown = (!finding.causes.is_empty() && !shown.is_empty()).then_some(shown);
                told(Some(&url), Some(answer.status), finding, shown)
            }
            Err(error) => {
                let cause = match Error::from_host(error.clone()).kind() {
                    // It was not asked at all.
                    ErrorKind::Unsupported | ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                        WebCause::Unknown
                    }
                    _ => WebCause::NotAnswering,
                };
                told(Some(&url), None, of(cause, error.to_string()), None)
            }
        }
    }
}

impl Asked {
    const fn style(&self) -> WebConfigStyle {
        match self {
            Self::Application { style, .. } | Self::Address { style, .. } => *style,
        }
    }

    const fn application(&self) -> Option<&IisApplication> {
        match self {
            Self::Application { application, .. } => Some(application),
            Self::Address { .. } => None,
        }
    }

    /// Where to ask; else why that is not known.
    fn url(&self, host: &HostName, transport: WebCapabilities) -> Result<WebUrl, String> {
        let (style, application) = match self {
            Self::Address { url, .. } => return Ok(url.clone()),
            Self::Application { style, application } => (style, application),
        };
        let binding = best(&application.bindings).ok_or_else(|| {
            "IIS does not say where it listens; give its address: .asking(…)".to_owned()
        })?;
        let name = match (&binding.host_name, &binding.address) {
            (Some(name), _) => name.clone(),
            (None, Some(address)) => address.clone(),
            // As Microsoft's page asks.
            (None, None) if transport.is_on_host => "localhost".to_owned(),
            (None, None) => host.to_string(),
        };
        let scheme = if binding.is_https { "https" } else { "http" };
        let path = encoded(application.path.trim_end_matches('/'));
        let below = match style {
            WebConfigStyle::Environment => "/api/login",
            WebConfigStyle::ConnectionString => "/Orchestrator.svc/",
        };
        let url = format!("{scheme}://{name}:{}{path}{below}", binding.port);
        url.parse().map_err(|error: crate::names::NameError| {
            let url = printable(&url);
            format!("what IIS says makes no address ({url}): {error}; give it: .asking(…)")
        })
    }
}

/// Where a site is asked: without TLS before with it, by any name before by one of its own.
fn best(bindings: &[IisBinding]) -> Option<&IisBinding> {
    bindings.iter().min_by_key(|binding| {
        (
            binding.is_https,
            binding.host_name.is_some(),
            binding.address.is_some(),
        )
    })
}

/// A path as an address holds it.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

impl Sealed for VerifyWebComponents {}

#[async_trait]
impl Operation for VerifyWebComponents {
    type Output = VerifiedWebComponents;

    fn describe(&self) -> Description {
        let elsewhere = WebCapabilities {
            is_on_host: false,
            signs_in: true,
        };
        let script = self
            .applications
            .iter()
            .map(|asked| match asked.url(&self.host, elsewhere) {
                Ok(url) => format!("GET {url}"),
                Err(why) => format!("<{why}>"),
            });
        Description {
            target: self.host.to_string(),
            action: "ask the web components whether they work".to_owned(),
            script: script.collect(),
            hazards: Vec::new(),
            permissions: vec![Permission::host(
                "use Orchestrator's web components",
                &self.host,
            )],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let verified = crate::sql::tell(cx, NAME, &self.host, self.verify(cx)).await;
        // A question changes nothing, whatever became of its answer.
        verified.map_err(|error| error.with_effect(Effect::None))
    }
}
