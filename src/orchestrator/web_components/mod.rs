mod answer;
mod application;
mod connection_string;
mod console;
mod cors;
mod encoding;
mod entity_string;
mod environment;
mod keyword;
mod locate;
mod mapped;
mod outside;
mod pools;
mod prepare;
mod prepared;
mod private_copy;
#[cfg(test)]
mod properties;
mod read;
mod renaming;
mod seen;
mod setting;
mod verified;
mod verify;
mod web_config;
mod write;
mod written;
mod xml;

pub use answer::WebCause;
pub use application::{IisApplication, IisBinding};
pub use keyword::SqlClientKeyword;
pub use pools::PoolVerdict;
pub use read::{ConsoleInfo, PassedOver, ReadWebComponents, WebComponentsInfo, WebConfigInfo};
pub use verified::{VerifiedWebComponents, WebVerdict};
pub use verify::VerifyWebComponents;
pub use web_config::{WebConfigStyle, WebDataStore};
pub use write::WriteWebComponents;
pub use written::{WrittenWebComponents, WrittenWebConfig};

use crate::names::{DatabaseName, HostName, SqlInstance};

/// The web components of Orchestrator on a host: the web service of 2012 to 2019, the Web API of 2022 and
/// later, or both. The data store configuration of the servers never reaches them (documented): each has a
/// web.config of its own that names the database.
#[derive(Debug)]
#[non_exhaustive]
pub struct WebComponents;

impl WebComponents {
    /// Reads which databases the web components of a host are to use.
    pub fn read(host: &HostName) -> ReadWebComponents {
        ReadWebComponents::new(host.clone())
    }

    /// Points the web components of a host at a database.
    pub fn write(
        host: &HostName,
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> WriteWebComponents {
        WriteWebComponents::new(host.clone(), instance.clone(), database.clone())
    }

    /// Asks the web components of a host whether they work.
    pub fn verify(host: &HostName) -> VerifyWebComponents {
        VerifyWebComponents::new(host.clone())
    }
}
