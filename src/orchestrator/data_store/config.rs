use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

use super::backup::BackUpDataStoreConfig;
use super::read::ReadDataStoreConfig;
use super::write::WriteDataStoreConfig;
use super::write_each::WriteDataStoreConfigs;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, HostName, LoginName, SqlInstance};
use crate::orchestrator::deployment::is_loopback;
use crate::secret::SecretRef;

/// Which database a Management or Runbook Server is to use, as its Data Store Configuration utility
/// (`DBSetup.exe`) is told.
///
/// What the utility writes, `Settings.dat`, is encrypted in an undocumented form: it is found, hashed and
/// copied, never parsed or forged. The web components don't use it (documented); see
/// [`WebComponents`](super::super::WebComponents).
///
/// # Example
/// ```
/// use scorch_recovery::orchestrator::{DataStoreConfig, DataStoreEncryption};
///
/// let config = DataStoreConfig::new(&r"SQL01\ORCH".parse()?, &"Orchestrator".parse()?)?
///     .encryption(DataStoreEncryption::TrustServerCertificate);
/// assert_eq!(config.server_box(), r"SQL01\ORCH;Trust Server Certificate=True");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
#[must_use]
pub struct DataStoreConfig {
    instance: SqlInstance,
    port: Option<NonZeroU16>,
    database: DatabaseName,
    authentication: DataStoreAuthentication,
    encryption: DataStoreEncryption,
}

/// A [`DataStoreConfig`] that nobody has looked at yet.
#[derive(Deserialize)]
struct Parts {
    instance: SqlInstance,
    #[serde(default)]
    port: Option<NonZeroU16>,
    database: DatabaseName,
    #[serde(default)]
    authentication: DataStoreAuthentication,
    #[serde(default)]
    encryption: DataStoreEncryption,
}

/// As whom the services sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DataStoreAuthentication {
    /// As their Windows accounts.
    #[default]
    Windows,
    /// As a login of SQL Server's own.
    SqlServer {
        /// The login.
        user: LoginName,
        /// The name of its password.
        password: SecretRef,
    },
}

/// What protects the connection. The choices other than the default are suffixes in the Server box, which
/// Orchestrator 2025 takes (documented); earlier ones are not known to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DataStoreEncryption {
    /// What the version does by itself: 2025 encrypts and wants a certificate that it trusts, earlier
    /// ones don't encrypt but for sensitive data (documented).
    #[default]
    AsInstalled,
    /// Encrypted, to a server whose certificate nobody checks: whoever sits in between reads along.
    TrustServerCertificate,
    /// Not encrypted.
    Off,
}

impl DataStoreConfig {
    /// That database on that instance, with Windows authentication.
    ///
    /// # Errors
    /// `InvalidInput` for an instance that is another one on each machine (`localhost`, `.`, `127.0.0.1`), which Microsoft's
    /// recovery page forbids, and for a database whose name holds `;`, which would end it in the
    /// connection string. What no instance is called (`(local)`, `::1`, control characters) does not
    /// parse as one.
    pub fn new(instance: &SqlInstance, database: &DatabaseName) -> Result<Self> {
        Self {
            instance: instance.clone(),
            port: None,
            database: database.clone(),
            authentication: DataStoreAuthentication::Windows,
            encryption: DataStoreEncryption::AsInstalled,
        }
        .checked()
    }

    /// The port, for `SERVER\INSTANCE,PORT`.
    ///
    /// # Errors
    /// `InvalidInput` where the instance names a port itself.
    pub fn port(mut self, port: NonZeroU16) -> Result<Self> {
        self.port = Some(port);
        self.checked()
    }

    /// Signs in as a login of SQL Server's own.
    ///
    /// # Errors
    /// `InvalidInput` for a name with `;`.
    pub fn sql_authentication(mut self, user: &LoginName, password: SecretRef) -> Result<Self> {
        self.authentication = DataStoreAuthentication::SqlServer {
            user: user.clone(),
            password,
        };
        self.checked()
    }

    /// Says what protects the connection.
    pub const fn encryption(mut self, encryption: DataStoreEncryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// Reads what can be known of a host's configuration.
    pub fn read(host: &HostName) -> ReadDataStoreConfig {
        ReadDataStoreConfig::new(host.clone())
    }

    /// Copies what a host has, to be put back there later. `config` is what it names.
    pub fn backup(host: &HostName, config: &Self) -> BackUpDataStoreConfig {
        BackUpDataStoreConfig::new(
            host.clone(),
            config.instance.clone(),
            config.database.clone(),
        )
    }

    /// Configures a host so.
    pub fn write(host: &HostName, config: &Self) -> WriteDataStoreConfig {
        WriteDataStoreConfig::new(host.clone(), config.clone())
    }

    /// Configures many hosts, each by its own strategy.
    pub fn write_each(writes: Vec<WriteDataStoreConfig>) -> WriteDataStoreConfigs {
        WriteDataStoreConfigs::new(writes)
    }

    /// The instance.
    #[must_use]
    pub const fn instance(&self) -> &SqlInstance {
        &self.instance
    }

    /// The database.
    #[must_use]
    pub const fn database(&self) -> &DatabaseName {
        &self.database
    }

    /// As whom the services sign in.
    #[must_use]
    pub const fn authentication(&self) -> &DataStoreAuthentication {
        &self.authentication
    }

    /// The exact text for the Server box of the utility: `<server>\<instance>,<port>` and, for 2025, a
    /// suffix (documented).
    #[must_use]
    pub fn server_box(&self) -> String {
        let mut text = self.instance.to_string();
        if let Some(port) = self.port {
            text.push_str(&format!(",{port}"));
        }
        text.push_str(match self.encryption {
            DataStoreEncryption::AsInstalled => "",
            DataStoreEncryption::TrustServerCertificate => ";Trust Server Certificate=True",
            DataStoreEncryption::Off => ";Use encryption for Data=False",
        });
        text
    }

    /// What protects the connection.
    pub(super) const fn protection(&self) -> DataStoreEncryption {
        self.encryption
    }

    /// Whether a port is named, here or in the instance.
    pub(super) fn has_port(&self) -> bool {
        self.port.is_some() || self.instance.as_str().contains(',')
    }

    /// What an alias of SQL Server's clients says to lead there, by TCP (community).
    pub(super) fn alias_text(&self) -> String {
        let instance = self.instance.as_str();
        match self.port {
            Some(port) => format!("DBMSSOCN,{},{port}", server_of(instance)),
            None => format!("DBMSSOCN,{instance}"),
        }
    }

    /// What is to be done by hand on the host, with the exact values. The password by its name only.
    pub(super) fn steps(&self, utility: &str) -> Vec<String> {
        let mut steps = vec![
            format!("start {utility} as an administrator"),
            format!("Server: {}", self.server_box()),
        ];
        match &self.authentication {
            DataStoreAuthentication::Windows => {
                steps.push("choose Windows Authentication".to_owned());
            }
            DataStoreAuthentication::SqlServer { user, password } => {
                steps.push("choose SQL Server Authentication".to_owned());
                steps.push(format!("User name: {user}"));
                steps.push(format!("Password: the secret named {password}"));
            }
        }
        steps.push(format!(
            "choose Use an existing database, and in the list: {}",
            self.database
        ));
        steps.push("choose Finish".to_owned());
        steps
    }

    fn checked(self) -> Result<Self> {
        let text = self.instance.as_str();
        let server = server_of(text);
        if is_loopback(server) || server.chars().all(|c| c == '.') {
            return Err(Error::invalid(
                "instance",
                format!("{server} is another machine on each machine"),
            )
            .with_remedy("give the name of the computer that SQL Server runs on"));
        }
        if self.port.is_some() && text.contains(',') {
            return Err(Error::invalid(
                "port",
                format!("{text} names a port already"),
            ));
        }
        refuse("database", self.database.as_str())?;
        if let DataStoreAuthentication::SqlServer { user, .. } = &self.authentication {
            refuse("user", user.as_str())?;
        }
        Ok(self)
    }
}

/// The computer in the name of an instance.
pub(super) fn server_of(instance: &str) -> &str {
    let end = instance.find(['\\', ',']).unwrap_or(instance.len());
    &instance[..end]
}

/// Refuses what would end a value in a connection string. Names hold no control characters.
fn refuse(field: &str, text: &str) -> Result<()> {
    if text.contains(';') {
        return Err(Error::invalid(
            field,
            "it holds `;`, which ends a value in a connection string",
        ));
    }
    Ok(())
}

impl TryFrom<Parts> for DataStoreConfig {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        Self {
            instance: parts.instance,
            port: parts.port,
            database: parts.database,
            authentication: parts.authentication,
            encryption: parts.encryption,
        }
        .checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(instance: &str) -> Result<DataStoreConfig> {
        DataStoreConfig::new(&instance.parse()?, &"Orchestrator".parse()?)
    }

    #[test]
    fn the_server_box_has_the_documented_forms() {
        let port = NonZeroU16::new(1433).unwrap();
        let named = || config(r"SQL01\ORCH").unwrap();
        let trusting = DataStoreEncryption::TrustServerCertificate;
        for (config, text) in [
            (config("SQL01").unwrap(), "SQL01"),
            (named(), r"SQL01\ORCH"),
            (named().port(port).unwrap(), r"SQL01\ORCH,1433"),
            (config("SQL01,1433").unwrap(), "SQL01,1433"),
            (
                named().port(port).unwrap().encryption(trusting),
                r"SQL01\ORCH,1433;Trust Server Certificate=True",
            ),
            (
                config("SQL01")
                    .unwrap()
                    .encryption(DataStoreEncryption::Off),
                "SQL01;Use encryption for Data=False",
            ),
        ] {
            assert_eq!(config.server_box(), text);
        }
    }

    #[test]
    fn what_is_another_machine_on_each_is_refused_however_it_is_written() {
        for server in [
            "localhost",
            "LocalHost",
            "localhost.localdomain",
            ".",
            "(local)",
            "127.0.0.1",
            "127.1",
            "0.0.0.0",
            "::1",
            "[::1]",
        ] {
            for rest in ["", r"\ORCH", ",1433"] {
                let instance = format!("{server}{rest}");
                assert!(config(&instance).is_err(), "{instance}");
                let json = format!(r#"{{"instance":{instance:?},"database":"Orchestrator"}}"#);
                assert!(
                    serde_json::from_str::<DataStoreConfig>(&json).is_err(),
                    "{json}"
                );
            }
        }
        for fine in ["localhost2", "SQL01.contoso.example", "10.0.0.7"] {
            assert!(config(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn nothing_gets_into_the_connection_string() {
        for bad in ["SQL01;Trust Server Certificate=True", "SQL01\n", "SQL01\0"] {
            assert!(config(bad).is_err(), "{bad:?}");
        }
        let instance: SqlInstance = "SQL01".parse().unwrap();
        let injected = "a;Encrypt=no".parse().unwrap();
        assert!(DataStoreConfig::new(&instance, &injected).is_err());
        let user = "sa;x".parse().unwrap();
        let password = SecretRef::named("p");
        assert!(
            config("SQL01")
                .unwrap()
                .sql_authentication(&user, password)
                .is_err()
        );
        let twice = config("SQL01,1").unwrap().port(NonZeroU16::MIN);
        assert!(twice.is_err());
    }

    #[test]
    fn serde_gives_back_what_it_took() {
        let config = config(r"SQL01\ORCH")
            .unwrap()
            .sql_authentication(&"orchestrator".parse().unwrap(), SecretRef::named("store"))
            .unwrap()
            .encryption(DataStoreEncryption::TrustServerCertificate);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<DataStoreConfig>(&json).unwrap(),
            config
        );
        assert!(
            config
                .steps("DBSetup.exe")
                .contains(&"Password: the secret named store".to_owned())
        );
    }
}
