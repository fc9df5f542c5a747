mod connection_string;
mod encoding;
mod entity_string;
mod environment;
mod keyword;
mod locate;
mod mapped;
mod prepared;
mod private_copy;
mod read;
mod setting;
mod web_config;
mod write;
mod xml;

pub use keyword::SqlClientKeyword;
pub use locate::IisApplication;
pub use read::{PassedOver, ReadWebComponents, WebComponentsInfo, WebConfigInfo};
pub use web_config::{WebConfigStyle, WebDataStore};
pub use write::{WriteWebComponents, WrittenWebComponents, WrittenWebConfig};

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
}
