use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::answer::WebCause;
use super::web_config::WebConfigStyle;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{HostName, WebUrl};

/// What the web components of a host answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifiedWebComponents {
    /// The host.
    pub host: HostName,
    /// For each application one.
    pub verdicts: Vec<WebVerdict>,
}

/// Whether an application of the web components works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WebVerdict {
    /// Of which kind it is.
    pub style: WebConfigStyle,
    /// The application of IIS, as `SITE/PATH`; `None` where only its address was given.
    pub application: Option<String>,
    /// Where it was asked; `None`: where is not known, and it was not asked.
    pub url: Option<WebUrl>,
    /// The status of the answer; `None`: there was none.
    pub status: Option<u16>,
    /// Whether it works.
    pub works: bool,
    /// What it may be that it does not: all of them that the answer leaves open.
    pub causes: BTreeSet<WebCause>,
    /// What was seen, in words.
    pub why: String,
    /// The beginning of what it answered, where it does not work. Whoever answers wrote it.
    pub shown: Option<String>,
}

impl VerifiedWebComponents {
    /// Whether all of them work.
    #[must_use]
    pub fn works(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.works)
    }

    /// Makes an error of what does not work.
    ///
    /// # Errors
    /// Of the first application that does not work: `PermissionDenied`, `NotFound`, `Unreachable`, and
    /// `Incompatible` where it is .NET and nothing else; else `Unreachable` for the database, `Windows`.
    pub fn check(&self) -> Result<()> {
        let Some(failed) = self.verdicts.iter().find(|verdict| !verdict.works) else {
            return Ok(());
        };
        let causes: Vec<WebCause> = failed.causes.iter().copied().collect();
        let kind = match causes[..] {
            [WebCause::Permission | WebCause::NotSignedIn | WebCause::DatabasePermission] => {
                ErrorKind::PermissionDenied
            }
            [WebCause::NotThere] => ErrorKind::NotFound,
            [WebCause::NotAnswering | WebCause::Database] => ErrorKind::Unreachable,
            [WebCause::DotNet] => ErrorKind::Incompatible,
            [WebCause::Configuration] => ErrorKind::Corrupt,
            _ => ErrorKind::Windows,
        };
        let place = failed.url.as_ref().map_or_else(
            || failed.application.clone().unwrap_or_default(),
            ToString::to_string,
        );
        let error = Error::new(kind, format!("{place}: {}", failed.why));
        Err(error.at("verify web components", &self.host))
    }
}
