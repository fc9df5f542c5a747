use crate::names::HostPath;

/// Which of the web components of Orchestrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebComponentKind {
    /// The Web API of 2022 and later.
    WebApi,
    /// The OData service of 2012 to 2019.
    WebService,
}

/// One of the web components on a simulated host.
#[derive(Clone, Debug)]
#[must_use]
pub struct SimulatedWebApplication {
    pub(super) kind: WebComponentKind,
    pub(super) site: String,
    /// Below the site; empty: its root.
    pub(super) path: String,
    /// `None`: one of its own.
    pool: Option<String>,
    pub(super) port: u16,
    pub(super) web_config: HostPath,
    pub(super) lacks_dot_net: bool,
    pub(super) pool_is_down: bool,
    pub(super) refuses_callers: bool,
    pub(super) shows_errors: bool,
    pub(super) keeps_configuration: bool,
}

impl SimulatedWebApplication {
    /// An application in a site and a pool of its own, whose web.config is there.
    pub fn new(kind: WebComponentKind, port: u16, web_config: HostPath) -> Self {
        let (site, path) = match kind {
            WebComponentKind::WebApi => ("Orchestrator Web API", ""),
            WebComponentKind::WebService => (
                "Microsoft System Center Orchestrator Web Service",
                "/Orchestrator",
            ),
        };
        Self {
            kind,
            site: site.to_owned(),
            path: path.to_owned(),
            pool: None,
            port,
            web_config,
            lacks_dot_net: false,
            pool_is_down: false,
            refuses_callers: false,
            shows_errors: false,
            keeps_configuration: false,
        }
    }

    /// The pool that it runs in, perhaps with others. Default: one of its own.
    pub fn pool(mut self, name: impl Into<String>) -> Self {
        self.pool = Some(name.into());
        self
    }

    /// The site that it is in, which may be one of several that serve the same folder. Default: one named
    /// after its kind.
    pub fn site(mut self, name: impl Into<String>) -> Self {
        self.site = name.into();
        self
    }

    /// The pool that it runs in.
    pub(super) fn pool_name(&self) -> String {
        let own = || format!("{} Pool", self.site);
        self.pool.clone().unwrap_or_else(own)
    }

    /// .NET, or IIS's module for it, is not installed.
    pub const fn lacks_dot_net(mut self) -> Self {
        self.lacks_dot_net = true;
        self
    }

    /// Its pool does not run: the account can't log on.
    pub const fn pool_is_down(mut self) -> Self {
        self.pool_is_down = true;
        self
    }

    /// Whoever asks has no rights in Orchestrator.
    pub const fn refuses_callers(mut self) -> Self {
        self.refuses_callers = true;
        self
    }

    /// Its answers say what went wrong, as those of a developer's environment do.
    pub const fn shows_errors(mut self) -> Self {
        self.shows_errors = true;
        self
    }

    /// A change of its web.config does not start it again: only a recycled pool does.
    pub const fn keeps_configuration(mut self) -> Self {
        self.keeps_configuration = true;
        self
    }
}

impl WebComponentKind {
    /// What is asked to see whether it works.
    pub(super) const fn endpoint(self) -> &'static str {
        match self {
            Self::WebApi => "/api/login",
            Self::WebService => "/Orchestrator.svc/",
        }
    }

    /// Server and database, as the application reads them out of its web.config: by other means than the
    /// library that is held against it. An encrypted section is not read.
    pub(super) fn data_store(self, web_config: &[u8]) -> Option<(String, String)> {
        let text = String::from_utf8_lossy(web_config);
        let document = roxmltree::Document::parse(text.trim_start_matches('\u{feff}')).ok()?;
        let attribute = |element: &str, key: (&str, &str), wanted: &str| {
            let nodes = document.descendants();
            let mut found = nodes.filter(|node| {
                node.has_tag_name(element)
                    && node
                        .attribute(key.0)
                        .is_some_and(|name| name.eq_ignore_ascii_case(key.1))
            });
            found.find_map(|node| node.attribute(wanted).map(str::to_owned))
        };
        match self {
            Self::WebApi => {
                let variable = |name| attribute("environmentVariable", ("name", name), "value");
                Some((
                    variable("Database__Address")?,
                    variable("Database__Database")?,
                ))
            }
            Self::WebService => {
                let name = ("name", "OrchestratorContext");
                let string = attribute("add", name, "connectionString")?;
                let inner = string.split_once("provider connection string=\"")?.1;
                let inner = inner.split('"').next()?;
                let value = |name: &str| {
                    let mut pairs = inner.split(';').filter_map(|pair| pair.split_once('='));
                    let found = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.trim().to_owned())
                };
                Some((value("Data Source")?, value("Initial Catalog")?))
            }
        }
    }
}
