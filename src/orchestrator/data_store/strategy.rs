use std::fmt;

use serde::{Deserialize, Serialize};

use super::aliases::{ClientAlias, KEY};
use super::config::DataStoreConfig;
use super::settings_snapshot::SettingsSnapshot;
use super::silent_setup::SilentSetup;
use super::sql_alias::SqlAlias;
use crate::hazard::Hazard;
use crate::names::HostName;
use crate::transport::RegistryView;

/// How the data store configuration of a host is written, and by whom; from the one to be preferred to the
/// last resort.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DataStoreStrategy {
    /// Somebody types the values into the Data Store Configuration utility, as Microsoft's page has it. The
    /// values come as [`Progress::Attend`](crate::Progress::Attend), and it is waited until the file
    /// changes. The utility is not started from here: it is a wizard, and no port says whether what it
    /// starts is on a desktop that somebody sees.
    #[default]
    AttendedDbSetup,
    /// The host program does it: the port [`DataStoreWriter`](crate::transport::DataStoreWriter).
    HostProvided,
    /// The host's own file is put back: for the same installation of Windows and the same names only.
    /// Whether services take it is unconfirmed.
    SettingsSnapshot(Box<SettingsSnapshot>),
    /// Setup installs a rebuilt host, without anybody attending: the one unattended way that is documented.
    SilentSetup(Box<SilentSetup>),
    /// An alias of SQL Server's clients leads the name in the file elsewhere, and the file stays: the last
    /// resort, since it redirects every client of the host.
    SqlAlias(Box<SqlAlias>),
}

impl DataStoreStrategy {
    /// What it stands for on the host's own command line, secrets as `***`.
    pub(super) fn script(&self, config: &DataStoreConfig) -> Vec<String> {
        match self {
            Self::AttendedDbSetup | Self::HostProvided => Vec::new(),
            Self::SettingsSnapshot(snapshot) => {
                vec![format!(
                    "copy \"{}\" \"{}\"",
                    snapshot.copy, snapshot.file.path
                )]
            }
            Self::SilentSetup(setup) => vec![setup.shown(config)],
            Self::SqlAlias(alias) => {
                let line = |alias: ClientAlias| {
                    let bits = match alias.view {
                        RegistryView::Bits32 => "32",
                        RegistryView::Bits64 => "64",
                    };
                    format!(
                        "reg.exe add \"HKLM\\{KEY}\" /v \"{}\" /t REG_SZ /d \"{}\" /f /reg:{bits}",
                        alias.name, alias.text
                    )
                };
                alias.wanted(config).map(line).to_vec()
            }
        }
    }

    pub(super) fn hazards(&self, host: &HostName, config: &DataStoreConfig) -> Vec<Hazard> {
        match self {
            Self::AttendedDbSetup | Self::HostProvided | Self::SettingsSnapshot(_) => Vec::new(),
            Self::SilentSetup(setup) => vec![
                Hazard::Reinstalls {
                    host: host.to_string(),
                    components: setup.components(),
                },
                Hazard::SecretOnCommandLine {
                    host: host.to_string(),
                    secrets: setup
                        .secrets(config)
                        .iter()
                        .map(ToString::to_string)
                        .collect(),
                },
            ],
            Self::SqlAlias(alias) => vec![Hazard::RedirectsAllClients {
                host: host.to_string(),
                name: alias.name().to_string(),
                to: config.instance().to_string(),
            }],
        }
    }
}

impl fmt::Display for DataStoreStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AttendedDbSetup => "by hand, in the Data Store Configuration utility",
            Self::HostProvided => "by the host program",
            Self::SettingsSnapshot(_) => "by putting back the host's own file",
            Self::SilentSetup(_) => "by Setup, on a rebuilt host",
            Self::SqlAlias(_) => "by an alias of SQL Server's clients",
        })
    }
}

impl From<SettingsSnapshot> for DataStoreStrategy {
    fn from(snapshot: SettingsSnapshot) -> Self {
        Self::SettingsSnapshot(Box::new(snapshot))
    }
}

impl From<SilentSetup> for DataStoreStrategy {
    fn from(setup: SilentSetup) -> Self {
        Self::SilentSetup(Box::new(setup))
    }
}

impl From<SqlAlias> for DataStoreStrategy {
    fn from(alias: SqlAlias) -> Self {
        Self::SqlAlias(Box::new(alias))
    }
}
