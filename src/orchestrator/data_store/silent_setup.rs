use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::config::{DataStoreAuthentication, DataStoreConfig, DataStoreEncryption};
use super::read::DataStoreInfo;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::{HostName, HostPath, LoginName};
use crate::operation::required;
use crate::orchestrator::HostRole;
use crate::secret::{Secret, SecretRef};
use crate::transport::{CommandArgument, ExposingCommand};

/// What Orchestrator's Setup is run with on a host that was built anew, and the consents that it takes.
///
/// It is `Setup.exe /Silent … /DbServer:… /DbNameExisting:…`, by the documented table of its options. The
/// passwords stand on its command line: there is no other way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct SilentSetup {
    program: HostPath,
    roles: BTreeSet<HostRole>,
    account: Option<(LoginName, SecretRef)>,
    product_key: Option<SecretRef>,
    install_folder: Option<HostPath>,
    log_folders: Vec<HostPath>,
    exposing: BTreeSet<SecretRef>,
    rebuilt: Option<RebuiltHost>,
}

/// A host, as it was seen, with nothing of Orchestrator on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RebuiltHost {
    host: HostName,
    machine_guid: Option<String>,
    /// What there was of it all the same.
    found: Vec<String>,
}

enum Argument<'a> {
    Plain(String),
    Secret(&'static str, &'a SecretRef),
}

impl SilentSetup {
    /// Runs that program of the installation media: `Setup.exe`, with its folder as it is on the host.
    pub const fn of(program: HostPath) -> Self {
        Self {
            program,
            roles: BTreeSet::new(),
            account: None,
            product_key: None,
            install_folder: None,
            log_folders: Vec::new(),
            exposing: BTreeSet::new(),
            rebuilt: None,
        }
    }

    /// Installs the Management Server.
    pub fn management_server(mut self) -> Self {
        self.roles.insert(HostRole::ManagementServer);
        self
    }

    /// Installs a Runbook Server.
    pub fn runbook_server(mut self) -> Self {
        self.roles.insert(HostRole::RunbookServer);
        self
    }

    /// The account of the services, and the name of its password. Required.
    pub fn service_account(mut self, user: &LoginName, password: SecretRef) -> Self {
        self.account = Some((user.clone(), password));
        self
    }

    /// The name of the product key. Default: none, which installs an evaluation edition (documented).
    pub fn product_key(mut self, key: SecretRef) -> Self {
        self.product_key = Some(key);
        self
    }

    /// Where to install to. Default: Setup's own.
    pub fn install_folder(mut self, folder: HostPath) -> Self {
        self.install_folder = Some(folder);
        self
    }

    /// A folder that Setup logs to: `%LOCALAPPDATA%\SCO\LOGS` of whoever runs it (documented), which no port
    /// can look up. What is in it afterwards is searched for the secrets. Required; may be called for several.
    pub fn logging_to(mut self, folder: HostPath) -> Self {
        self.log_folders.push(folder);
        self
    }

    /// Consents to that secret on the command line, where others on the host and its event log can read it.
    /// Required for each that there is.
    pub fn exposing(mut self, secret: &SecretRef) -> Self {
        self.exposing.insert(secret.clone());
        self
    }

    /// Consents to the installation, with the evidence that the host was seen and has nothing of
    /// Orchestrator. Required; it is looked at again.
    pub fn on_rebuilt(mut self, info: &DataStoreInfo) -> Self {
        let roles = info.roles.iter().map(|role| component(*role).to_owned());
        let files = info.settings.iter().map(|file| file.path.to_string());
        self.rebuilt = Some(RebuiltHost {
            host: info.host.clone(),
            machine_guid: info.machine_guid.clone(),
            found: roles.chain(files).collect(),
        });
        self
    }

    pub(super) const fn program(&self) -> &HostPath {
        &self.program
    }

    pub(super) const fn roles(&self) -> &BTreeSet<HostRole> {
        &self.roles
    }

    pub(super) fn log_folders(&self) -> &[HostPath] {
        &self.log_folders
    }

    /// What it installs, as its option names it.
    pub(super) fn components(&self) -> Vec<String> {
        let roles = self.roles.iter();
        roles.map(|role| component(*role).to_owned()).collect()
    }

    /// The names of the secrets on its command line.
    pub(super) fn secrets(&self, config: &DataStoreConfig) -> BTreeSet<SecretRef> {
        let arguments = self.arguments(config).into_iter();
        arguments
            .filter_map(|argument| match argument {
                Argument::Plain(_) => None,
                Argument::Secret(_, name) => Some(name.clone()),
            })
            .collect()
    }

    /// Refuses what Setup can't be told, and what was not consented to. Needs no looking.
    pub(super) fn check(&self, host: &HostName, config: &DataStoreConfig) -> Result<()> {
        if self.roles.is_empty() {
            return Err(Error::invalid(
                "strategy",
                "nothing is to be installed; call .management_server() or .runbook_server()",
            ));
        }
        required(self.account.as_ref(), "service_account")?;
        required(self.log_folders.first(), "logging_to")?;
        if config.has_port() {
            return Err(Error::invalid(
                "port",
                "Setup has no documented option for it; let SQL Server Browser tell it",
            ));
        }
        if config.protection() == DataStoreEncryption::Off {
            return Err(Error::invalid(
                "encryption",
                "Setup has no documented option that turns it off",
            ));
        }
        let needed = self.secrets(config);
        if needed != self.exposing {
            let names: Vec<&str> = needed.iter().map(SecretRef::name).collect();
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                format!(
                    "secrets come onto a command line, where others on {host} can read them: {}",
                    names.join(", ")
                ),
            )
            .with_remedy("consent with .exposing(…) of each, and change them afterwards"));
        }
        let seen = required(self.rebuilt.as_ref(), "on_rebuilt")?;
        if !seen.host.as_str().eq_ignore_ascii_case(host.as_str()) {
            return Err(Error::new(
                ErrorKind::ConsentRequired,
                format!("it was {} that was seen, not {host}", seen.host),
            ));
        }
        if !seen.found.is_empty() {
            return Err(not_rebuilt(&seen.found));
        }
        Ok(())
    }

    /// Refuses another installation of Windows than was seen.
    pub(super) fn require(&self, machine_guid: Option<&str>) -> Result<()> {
        let seen = self.rebuilt.as_ref();
        let seen = seen.and_then(|seen| seen.machine_guid.as_deref());
        match (seen, machine_guid) {
            (Some(seen), Some(now)) if !seen.eq_ignore_ascii_case(now) => Err(Error::new(
                ErrorKind::ConsentRequired,
                format!("Windows was installed anew since the host was seen: its MachineGuid is {now}, it was {seen}"),
            )
            .with_remedy("look at the host again")),
            _ => Ok(()),
        }
    }

    /// Its command line, with the secrets.
    pub(super) async fn command(
        &self,
        cx: &Context,
        config: &DataStoreConfig,
    ) -> Result<ExposingCommand> {
        let mut arguments = Vec::new();
        for argument in self.arguments(config) {
            arguments.push(match argument {
                Argument::Plain(text) => CommandArgument::Plain(text),
                Argument::Secret(prefix, name) => CommandArgument::Exposing {
                    prefix: prefix.to_owned(),
                    secret: printable(name, cx.secret("strategy", name).await?)?,
                },
            });
        }
        Ok(ExposingCommand {
            program: self.program.clone(),
            arguments,
        })
    }

    /// Its command line, with `***` for the secrets.
    pub(super) fn shown(&self, config: &DataStoreConfig) -> String {
        let quoted = |text: String| match text.contains(char::is_whitespace) {
            true => format!("\"{text}\""),
            false => text,
        };
        let mut line = quoted(self.program.to_string());
        for argument in self.arguments(config) {
            line.push(' ');
            line.push_str(&match argument {
                Argument::Plain(text) => quoted(text),
                Argument::Secret(prefix, _) => format!("{prefix}***"),
            });
        }
        line
    }

    /// What is not documented of it, or not clearly.
    pub(super) fn unconfirmed(&self, config: &DataStoreConfig) -> Vec<String> {
        let mut unconfirmed = vec![
            "whether Setup.exe ends only once it has installed is unconfirmed: what is installed was looked at".to_owned(),
        ];
        if config.protection() == DataStoreEncryption::TrustServerCertificate {
            unconfirmed.push("the table of options prints /TrustServerCertificate without a colon; /TrustServerCertificate:true is unconfirmed".to_owned());
        }
        unconfirmed
    }

    fn arguments<'a>(&'a self, config: &'a DataStoreConfig) -> Vec<Argument<'a>> {
        let plain = |text: String| Argument::Plain(text);
        let mut arguments = vec![plain("/Silent".to_owned())];
        let product_key = self.product_key.as_ref();
        arguments.extend(product_key.map(|key| Argument::Secret("/Key:", key)));
        if let Some((user, password)) = &self.account {
            arguments.push(plain(format!("/ServiceUserName:{user}")));
            arguments.push(Argument::Secret("/ServicePassword:", password));
        }
        arguments.push(plain(format!(
            "/Components:{}",
            self.components().join(",")
        )));
        let folder = self.install_folder.as_ref();
        arguments.extend(folder.map(|folder| plain(format!("/InstallDir:{folder}"))));
        arguments.push(plain(format!("/DbServer:{}", config.instance())));
        arguments.extend(database_login(config));
        arguments.push(plain(format!("/DbNameExisting:{}", config.database())));
        if config.protection() == DataStoreEncryption::TrustServerCertificate {
            arguments.push(plain("/TrustServerCertificate:true".to_owned()));
        }
        arguments
    }
}

fn database_login(config: &DataStoreConfig) -> Vec<Argument<'_>> {
    match config.authentication() {
        DataStoreAuthentication::Windows => Vec::new(),
        DataStoreAuthentication::SqlServer { user, password } => vec![
            Argument::Plain(format!("/DbUser:{user}")),
            Argument::Secret("/DbPassword:", password),
        ],
    }
}

pub(super) fn not_rebuilt(found: &[String]) -> Error {
    Error::new(
        ErrorKind::ConsentRequired,
        format!(
            "it is no rebuilt host: there is already {}",
            found.join(", ")
        ),
    )
    .with_remedy("configure what is installed there; Setup is for hosts that were built anew")
}

pub(super) const fn component(role: HostRole) -> &'static str {
    match role {
        HostRole::ManagementServer => "ManagementServer",
        HostRole::RunbookServer => "RunbookServer",
    }
}

/// A line break or a NUL would end the command line.
fn printable(name: &SecretRef, secret: Secret) -> Result<Secret> {
    if secret.expose().is_empty() || secret.expose().chars().any(char::is_control) {
        return Err(Error::invalid(
            "strategy",
            format!(
                "the secret {name} is empty or holds a control character, which no command line does"
            ),
        ));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_the_documented_one() {
        let config = DataStoreConfig::new(
            &r"SQL01\ORCH".parse().unwrap(),
            &"Orchestrator 2".parse().unwrap(),
        )
        .unwrap();
        let setup = SilentSetup::of(r"D:\Setup\Setup.exe".parse().unwrap())
            .management_server()
            .runbook_server()
            .service_account(
                &r"CONTOSO\orchestrator".parse().unwrap(),
                SecretRef::named("account"),
            );
        assert_eq!(
            setup.shown(&config),
            r#"D:\Setup\Setup.exe /Silent /ServiceUserName:CONTOSO\orchestrator /ServicePassword:*** /Components:ManagementServer,RunbookServer /DbServer:SQL01\ORCH "/DbNameExisting:Orchestrator 2""#
        );
        let config = config
            .sql_authentication(&"sco".parse().unwrap(), SecretRef::named("store"))
            .unwrap()
            .encryption(DataStoreEncryption::TrustServerCertificate);
        let setup = setup
            .product_key(SecretRef::named("key"))
            .install_folder(r"E:\Orchestrator".parse().unwrap());
        assert_eq!(
            setup.shown(&config),
            r#"D:\Setup\Setup.exe /Silent /Key:*** /ServiceUserName:CONTOSO\orchestrator /ServicePassword:*** /Components:ManagementServer,RunbookServer /InstallDir:E:\Orchestrator /DbServer:SQL01\ORCH /DbUser:sco /DbPassword:*** "/DbNameExisting:Orchestrator 2" /TrustServerCertificate:true"#
        );
        let names = ["account", "key", "store"].map(SecretRef::named);
        assert_eq!(setup.secrets(&config), BTreeSet::from(names));
        assert!(setup.unconfirmed(&config)[1].contains("colon"));
    }
}
