//! How an instance is set up.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::SimulatedInstance;
use crate::names::{NameError, SqlInstance};
use crate::secret::Secret;
use crate::simulator::catalog::PrincipalKind;
use crate::simulator::keys::KeyDerivation;
use crate::simulator::windows_accounts::WindowsAccounts;
use crate::simulator::{Edition, ModellingChoices, Platform, Version};

/// Sets up a [`SimulatedInstance`].
#[derive(Debug)]
pub struct InstanceBuilder {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) machine_secret: Option<PathBuf>,
    pub(super) version: Version,
    pub(super) edition: Edition,
    pub(super) platform: Platform,
    pub(super) choices: ModellingChoices,
    pub(super) shares: BTreeMap<String, PathBuf>,
    pub(super) sa_password: Option<Secret>,
    pub(super) derivation: KeyDerivation,
    pub(super) pace: Duration,
    pub(super) silence: Duration,
    /// Names, SIDs as text, and whether each is a group.
    pub(super) windows_accounts: Vec<(String, String, bool)>,
}

/// Why an instance did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The name is none that an instance can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There was no such SQL Server: Linux came with 2017.
    #[error("SQL Server {0} did not run on Linux; choose 2017 or later")]
    Platform(Version),
    /// The machine's secret would lie in the folder that it protects.
    #[error(
        "the machine's secret must lie outside the instance's folder and its shares; choose another file"
    )]
    MachineSecretInside,
    /// The machine's secret could neither be read nor made.
    #[error("the machine's secret can't be used: {0}")]
    MachineSecret(#[source] std::io::Error),
    /// The folder is another instance's, in use, or can't be read and written.
    #[error("the folder {folder}: {problem}")]
    Folder {
        /// The instance's folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file without which the instance can't start is missing or damaged.
    #[error("{file} can't be used: {problem}; restore the instance's folder from a copy")]
    SystemFile {
        /// `master` or the path of a system database's file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The operating system gave no randomness, or cryptography failed in another way.
    #[error("the instance's keys could not be made")]
    Cryptography,
}

impl SimulatedInstance {
    /// An instance of this name: `SQL01` or `SQL01\ORCH`. It is made in `folder`, or started again
    /// from what is there.
    #[must_use]
    pub fn builder(name: impl Into<String>, folder: impl Into<PathBuf>) -> InstanceBuilder {
        InstanceBuilder {
            name: name.into(),
            folder: folder.into(),
            machine_secret: None,
            version: Version::Sql2022,
            edition: Edition::Developer,
            platform: Platform::Windows,
            choices: ModellingChoices::default(),
            shares: BTreeMap::new(),
            sa_password: None,
            derivation: KeyDerivation::default(),
            pace: Duration::ZERO,
            silence: Duration::ZERO,
            windows_accounts: Vec::new(),
        }
    }
}

impl InstanceBuilder {
    /// The file with the machine's secret, made where it is missing. Without it, or with another
    /// one, the instance starts, but nothing that its service master key protects opens. Instances
    /// with the same file are on the same machine. Default: beside the folder, with
    /// `.machine-key` behind its name.
    #[must_use]
    pub fn machine_secret(mut self, file: impl Into<PathBuf>) -> Self {
        self.machine_secret = Some(file.into());
        self
    }

    /// The SQL Server that the instance poses as. Default: 2022.
    #[must_use]
    pub const fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The edition that the instance poses as. Default: Developer.
    #[must_use]
    pub const fn edition(mut self, edition: Edition) -> Self {
        self.edition = edition;
        self
    }

    /// The operating system that the instance poses as when it is made. Default: Windows.
    #[must_use]
    pub const fn platform(mut self, platform: Platform) -> Self {
        self.platform = platform;
        self
    }

    /// How the instance behaves where nobody knows what SQL Server does.
    #[must_use]
    pub fn modelling(mut self, choices: ModellingChoices) -> Self {
        self.choices = choices;
        self
    }

    /// Puts the folder `directory` behind `\\NAME`. Several instances can share one.
    #[must_use]
    pub fn share(mut self, name: impl Into<String>, directory: impl Into<PathBuf>) -> Self {
        self.shares.insert(name.into(), directory.into());
        self
    }

    /// Puts the folder `directory` behind the container or bucket `url`
    /// (`https://HOST/CONTAINER`, `s3://HOST/BUCKET`, in small letters). Several instances can share one.
    #[must_use]
    pub fn container(self, url: impl Into<String>, directory: impl Into<PathBuf>) -> Self {
        self.share(url, directory)
    }

    /// The password of `sa`, when the instance is made. Without one, `sa` is disabled.
    #[must_use]
    pub fn sa_password(mut self, password: Secret) -> Self {
        self.sa_password = Some(password);
        self
    }

    /// How many iterations make a key or a hash of a password. The default costs an attacker real
    /// time, and tests too.
    #[must_use]
    pub const fn key_derivation_cost(mut self, iterations: NonZeroU32) -> Self {
        self.derivation = KeyDerivation { iterations };
        self
    }

    /// How long each step of a backup or restore takes, on tokio's clock: a hundredth of it.
    /// Default: no time.
    #[must_use]
    pub const fn pace(mut self, step: Duration) -> Self {
        self.pace = step;
        self
    }

    /// How long a backup or restore is silent between "100 percent" and its end, on tokio's clock,
    /// as real ones are while they wait for logs and files. Default: no time.
    #[must_use]
    pub const fn silence_after_progress(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// A Windows account that the server's machine can look up: `DOMAIN\name` or `MACHINE\name`, and
    /// its SID as `S-1-5-21-…`. Logins and users can be made of it; nobody signs in as it, since the
    /// simulator's listener takes SQL logins only.
    #[must_use]
    pub fn windows_account(mut self, name: impl Into<String>, sid: impl Into<String>) -> Self {
        self.windows_accounts.push((name.into(), sid.into(), false));
        self
    }

    /// The same of a group.
    #[must_use]
    pub fn windows_group(mut self, name: impl Into<String>, sid: impl Into<String>) -> Self {
        self.windows_accounts.push((name.into(), sid.into(), true));
        self
    }

    pub(super) fn windows_accounts(&mut self) -> Result<WindowsAccounts, NameError> {
        let mut accounts = match self.platform {
            Platform::Windows => WindowsAccounts::of_every_machine(),
            Platform::Linux => WindowsAccounts::none(),
        };
        for (name, sid, is_group) in std::mem::take(&mut self.windows_accounts) {
            let kind = if is_group {
                PrincipalKind::WindowsGroup
            } else {
                PrincipalKind::WindowsUser
            };
            accounts.push(name, &sid, kind)?;
        }
        Ok(accounts)
    }

    /// Makes the instance, or starts it again.
    ///
    /// # Errors
    /// See [`StartError`]. A damaged user database is no reason not to start: it is `SUSPECT`.
    pub fn build(self) -> Result<SimulatedInstance, StartError> {
        self.name.parse::<SqlInstance>()?;
        if self.name.contains(',') {
            return Err(
                NameError::new("SQL Server instance", "a port is no part of its name").into(),
            );
        }
        if self.platform == Platform::Linux && self.version < Version::Sql2017 {
            return Err(StartError::Platform(self.version));
        }
        self.start()
    }

    pub(super) fn machine_secret_file(&self) -> PathBuf {
        self.machine_secret.clone().unwrap_or_else(|| {
            let mut name = self.folder.as_os_str().to_owned();
            name.push(".machine-key");
            PathBuf::from(name)
        })
    }

    /// The machine's secret may not lie in a folder that goes with the instance.
    pub(super) fn check_machine_secret(&self, file: &Path) -> Result<(), StartError> {
        let folder = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        let folder = folder.canonicalize().map_err(StartError::MachineSecret)?;
        let inside = std::iter::once(&self.folder)
            .chain(self.shares.values())
            .filter_map(|protected| protected.canonicalize().ok())
            .any(|protected| folder.starts_with(protected));
        if inside {
            Err(StartError::MachineSecretInside)
        } else {
            Ok(())
        }
    }
}
