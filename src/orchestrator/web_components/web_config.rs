use std::collections::BTreeMap;
use std::ops::Range;

use roxmltree::Node;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::cors::{self, Origin};
use super::encoding::Encoding;
use super::entity_string::{self, EntityString};
use super::environment::Environment;
use super::keyword::SqlClientKeyword;
use super::renaming::Renaming;
use super::setting::Setting;
use super::xml::{self, Edit};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::printable;

/// In which of two ways a web.config names the Orchestrator database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WebConfigStyle {
    /// The connection string `OrchestratorContext` of Entity Framework: 2012 to 2019.
    ConnectionString,
    /// The variables `Database__*` of the Web API: 2022 and later.
    Environment,
}

/// What one place of a web.config says of the Orchestrator database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebDataStore {
    /// How.
    pub style: WebConfigStyle,
    /// The line of the file at which it stands, from 1.
    pub line: u32,
    /// The settings that are known here, as SqlClient takes them: of a keyword that stands there more
    /// than once, the last one. Never a password.
    pub settings: BTreeMap<SqlClientKeyword, String>,
    /// The names, as they stand there, of those whose value is not shown.
    pub not_shown: Vec<String>,
    /// The names of secrets that stand there for everybody to read who can read the file.
    pub clear_text_secrets: Vec<String>,
}

impl WebDataStore {
    /// The instance that it names.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.settings
            .get(&SqlClientKeyword::Server)
            .map(String::as_str)
    }

    /// The database that it names.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.settings
            .get(&SqlClientKeyword::Database)
            .map(String::as_str)
    }

    fn of<'a>(
        style: WebConfigStyle,
        line: u32,
        settings: impl Iterator<Item = Setting<'a>>,
    ) -> Self {
        let mut this = Self {
            style,
            line,
            settings: BTreeMap::new(),
            not_shown: Vec::new(),
            clear_text_secrets: Vec::new(),
        };
        for Setting {
            name,
            keyword,
            value,
        } in settings
        {
            match keyword {
                Some(SqlClientKeyword::Password) => {
                    this.not_shown.push(name.to_owned());
                    if !value.is_empty() {
                        this.clear_text_secrets.push(name.to_owned());
                    }
                }
                // A value that goes on with another keyword: it may be a password.
                Some(_) if holds_password(value) => {
                    this.not_shown.push(name.to_owned());
                    this.clear_text_secrets.push(name.to_owned());
                }
                Some(keyword) => {
                    this.settings.insert(keyword, value.to_owned());
                }
                None => this.not_shown.push(name.to_owned()),
            }
        }
        this
    }
}

/// What the web service or the Web API is to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebTarget {
    pub(super) settings: Vec<(SqlClientKeyword, String)>,
    /// Hosts with another name than before, in the origins that it answers to.
    pub(super) renamings: Vec<Renaming>,
}

/// An encrypted `connectionStrings`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Protected {
    /// The provider that encrypted it; `None`: not said.
    pub(super) provider: Option<String>,
    /// Where the section stands.
    pub(super) section: Range<usize>,
    /// Whether it stands where `aspnet_regiis` looks for it: not under a `location`.
    is_at_top: bool,
}

/// A web.config.
pub(super) struct WebConfig {
    encoding: Encoding,
    /// It may hold passwords.
    text: Zeroizing<String>,
    places: Vec<Place>,
    origins: Vec<Origin>,
    pub(super) protected: Vec<Protected>,
}

struct Place {
    line: u32,
    content: Content,
}

enum Content {
    ConnectionString(EntityString),
    Environment(Environment),
}

impl WebConfig {
    /// Reads a web.config. One that says nothing of Orchestrator has no stores and is not protected.
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let (encoding, text) = Encoding::decode(bytes)?;
        let text = Zeroizing::new(text);
        let mut places = Vec::new();
        let mut origins = Vec::new();
        let mut protected = Vec::new();
        {
            let document = xml::parse(&text)?;
            let root = document.root_element();
            if !xml::is(root, "configuration") {
                return Err(corrupt("its root is not <configuration>"));
            }
            let locations = root.children().filter(|node| xml::is(*node, "location"));
            for parent in std::iter::once(root).chain(locations) {
                let is_at_top = parent == root;
                Origin::read(parent, &mut origins)?;
                for section in xml::below(parent, &["connectionStrings"]) {
                    if let Some(provider) = protection(section) {
                        protected.push(Protected {
                            provider,
                            section: section.range(),
                            is_at_top,
                        });
                        continue;
                    }
                    read_section(section, &mut places)?;
                }
                for module in xml::below(parent, &["system.webServer", "aspNetCore"]) {
                    if protection(module).is_some() {
                        return Err(Error::new(
                            ErrorKind::Unsupported,
                            "its section aspNetCore is encrypted, which no version of Orchestrator does",
                        ));
                    }
                }
                for environment in xml::below(
                    parent,
                    &["system.webServer", "aspNetCore", "environmentVariables"],
                ) {
                    if let Some(content) = Environment::read(environment)? {
                        places.push(Place {
                            line: line(environment),
                            content: Content::Environment(content),
                        });
                    }
                }
            }
        }
        Ok(Self {
            encoding,
            text,
            places,
            origins,
            protected,
        })
    }

    /// What it says.
    pub(super) fn stores(&self) -> Vec<WebDataStore> {
        let store = |place: &Place| match &place.content {
            Content::ConnectionString(string) => WebDataStore::of(
                WebConfigStyle::ConnectionString,
                place.line,
                string.settings(),
            ),
            Content::Environment(environment) => WebDataStore::of(
                WebConfigStyle::Environment,
                place.line,
                environment.settings(),
            ),
        };
        self.places.iter().map(store).collect()
    }

    /// The origins that the API answers to.
    pub(super) fn origins(&self) -> impl Iterator<Item = &str> {
        self.origins.iter().map(Origin::as_str)
    }

    /// Where two places say different things, if they do.
    pub(super) fn contradiction(&self) -> Option<String> {
        for place in &self.places {
            if let Content::Environment(environment) = &place.content
                && let Some(name) = environment.contradiction()
            {
                return Some(format!(
                    "the variable {} stands twice at line {}, with two values",
                    printable(name),
                    place.line
                ));
            }
        }
        let stores = self.stores();
        stores.iter().enumerate().find_map(|(at, store)| {
            let other = stores[at + 1..].iter().find(|other| {
                other.style == store.style
                    && (other.server(), other.database()) != (store.server(), store.database())
            })?;
            Some(format!(
                "the places at the lines {} and {} name different databases",
                store.line, other.line
            ))
        })
    }

    /// The file's bytes with the target in every place; `None` where it is there already.
    pub(super) fn pointed_at(&self, target: &WebTarget) -> Result<Option<Vec<u8>>> {
        if let Some(contradiction) = self.contradiction() {
            return Err(corrupt(&contradiction)
                .with_remedy("find out which of them counts, and take the other one out"));
        }
        let mut edits = cors::edits(&self.origins, &target.renamings);
        for place in &self.places {
            for (keyword, value) in &target.settings {
                if !xml::can_hold(value) {
                    return Err(Error::invalid(
                        "database",
                        "it holds a character that no XML file can hold",
                    ));
                }
                edits.extend(match &place.content {
                    Content::ConnectionString(string) => string.edits(*keyword, value),
                    Content::Environment(environment) => environment.edits(*keyword, value),
                });
            }
        }
        self.edited(edits)
    }

    /// Whether it names the target, in every place.
    pub(super) fn names(&self, target: &WebTarget) -> bool {
        let holds = |store: &WebDataStore| {
            let mut wanted = target.settings.iter();
            wanted.all(|(keyword, value)| store.settings.get(keyword) == Some(value))
        };
        !self.places.is_empty() && self.stores().iter().all(holds)
    }

    /// The file's bytes with the section `connectionStrings` of `other` in the place of its own.
    pub(super) fn with_section_of(&self, other: &Self) -> Result<Option<Vec<u8>>> {
        let (ours, theirs) = (self.only_protected()?, other.only_protected()?);
        if ours.provider != theirs.provider {
            return Err(corrupt(
                "the section was encrypted by another provider than before",
            ));
        }
        self.edited(vec![Edit {
            range: ours.section.clone(),
            text: other.text[theirs.section.clone()].to_owned(),
        }])
    }

    /// The one encrypted section, where `aspnet_regiis` can reach it.
    pub(super) fn only_protected(&self) -> Result<&Protected> {
        match self.protected.as_slice() {
            [one] if one.is_at_top => Ok(one),
            [] => Err(corrupt("the section connectionStrings is not encrypted")),
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "its encrypted connectionStrings stand more than once, or under a location, where aspnet_regiis does not find them",
            )),
        }
    }

    fn edited(&self, edits: Vec<Edit>) -> Result<Option<Vec<u8>>> {
        if edits.is_empty() {
            return Ok(None);
        }
        let text = Zeroizing::new(xml::apply(&self.text, edits)?);
        Ok(Some(self.encoding.encode(&text)))
    }
}

fn read_section(section: Node<'_, '_>, places: &mut Vec<Place>) -> Result<()> {
    if let Some(file) = xml::attribute(section, "configSource") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("its connection strings are in another file, {file:?}, which is not followed"),
        )
        .with_remedy("change that file by hand, or take the section back into web.config"));
    }
    for add in section.children().filter(|node| xml::is(*node, "add")) {
        let name = xml::attribute(add, "name").unwrap_or_default();
        if name.eq_ignore_ascii_case(entity_string::NAME) {
            places.push(Place {
                line: line(add),
                content: Content::ConnectionString(EntityString::read(add)?),
            });
        }
    }
    Ok(())
}

/// Whether a value has a password behind it, as in `SQL01;Password=…`.
fn holds_password(value: &str) -> bool {
    let keyword = |part: &str| {
        part.split_once('=')
            .map(|(name, _)| SqlClientKeyword::named(name))
    };
    value
        .split(';')
        .any(|part| keyword(part) == Some(Some(SqlClientKeyword::Password)))
}

/// The provider of a section that is encrypted.
fn protection(section: Node<'_, '_>) -> Option<Option<String>> {
    let provider = xml::attribute(section, "configProtectionProvider").map(str::to_owned);
    let holds_data = section
        .children()
        .any(|node| node.is_element() && node.tag_name().name() == "EncryptedData");
    (provider.is_some() || holds_data).then_some(provider)
}

fn line(node: Node<'_, '_>) -> u32 {
    node.document().text_pos_at(node.range().start).row
}

fn corrupt(problem: &str) -> Error {
    Error::new(ErrorKind::Corrupt, problem)
}
