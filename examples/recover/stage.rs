//! The simulated world: three instances with keys of their own, a file server that they all see,
//! and TDS with full TLS between them and us.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::names::{DatabaseName, ServerPath, SqlInstance};
use scorch_recovery::simulator::{Listener, OrchestratorOptions, SimulatedInstance, TlsMode};
use scorch_recovery::{Context, Secret, SecretRef};

use crate::screen::Screen;
use crate::{Arguments, KEY_PASSWORD, OWN_KEY_PASSWORD};

/// Where key files go: not where the backups are.
pub(crate) const KEYS: &str = r"\\vault\keys";
/// Where backups go.
pub(crate) const BACKUPS: &str = r"\\vault\backups";

/// Everything the rehearsal happens on.
pub(crate) struct Stage {
    instances: BTreeMap<SqlInstance, Instance>,
    vault: PathBuf,
    sa_password: Secret,
    screen: Screen,
    /// Removed at the end, unless the folders are kept.
    _folder: Option<tempfile::TempDir>,
}

struct Instance {
    server: Option<(SimulatedInstance, Listener)>,
    endpoint: Endpoint,
    folder: PathBuf,
}

impl Stage {
    /// Sets the stage: three instances, the first with an Orchestrator database.
    pub(crate) async fn set(
        arguments: &Arguments,
        screen: &Screen,
        names: [&SqlInstance; 3],
        database: &DatabaseName,
    ) -> Result<Self, String> {
        let sa_password = match &arguments.sa_password_env {
            Some(variable) => {
                std::env::var(variable).map_err(|error| format!("{variable}: {error}"))?
            }
            None => random_password()?,
        };
        let sa_password = Secret::new(sa_password);
        let (root, folder) = match &arguments.keep {
            Some(kept) => (kept.clone(), None),
            None => {
                let folder = tempfile::tempdir().map_err(text)?;
                (folder.path().to_owned(), Some(folder))
            }
        };
        let vault = root.join("vault");
        for name in ["keys", "backups"] {
            fs::create_dir_all(vault.join(name)).map_err(text)?;
        }
        let mut instances = BTreeMap::new();
        for name in names {
            let instance = start(name, &root, &vault, &sa_password).await?;
            instances.insert(name.clone(), instance);
        }
        if let Some((server, _)) = &instances[names[0]].server {
            server
                .create_orchestrator_database(
                    database,
                    &OrchestratorOptions::seeded(arguments.seed),
                )
                .await
                .map_err(text)?;
        }
        Ok(Self {
            instances,
            vault,
            sa_password,
            screen: screen.clone(),
            _folder: folder,
        })
    }

    /// The library's view of the stage: instances by name, secrets, progress.
    pub(crate) fn context(&self) -> Result<Context, String> {
        let mut transport = TiberiusTransport::builder();
        for (name, instance) in &self.instances {
            let login = Login::sql_server("sa", self.sa_password.clone());
            transport = transport.instance(name.clone(), instance.endpoint.clone(), login);
        }
        let secrets = MapSecrets::new()
            .secret(
                SecretRef::named(KEY_PASSWORD),
                Secret::new(random_password()?),
            )
            .secret(
                SecretRef::named(OWN_KEY_PASSWORD),
                Secret::new(random_password()?),
            );
        Context::builder()
            .sql(transport.build().map_err(text)?)
            .secrets(secrets)
            .observer(self.screen.clone())
            .allow_unc_host("vault")
            .build()
            .map_err(text)
    }

    /// Loses an instance for good: stopped as by a power cut, its folder and machine secret gone.
    pub(crate) fn lose(&mut self, name: &SqlInstance) -> Result<(), String> {
        let Some(instance) = self.instances.get_mut(name) else {
            return Err(format!("there is no {name}"));
        };
        if let Some((server, listener)) = instance.server.take() {
            server.kill();
            drop(listener);
        }
        fs::remove_dir_all(&instance.folder).map_err(text)
    }

    /// Flips a bit of a file on the vault.
    pub(crate) fn flip_bit(&self, file: &ServerPath, at: i64) -> Result<(), String> {
        let path = self.vault.join("keys").join(file.file_name());
        let mut content = fs::read(&path).map_err(text)?;
        let length = i64::try_from(content.len()).map_err(text)?;
        let place = if at < 0 { length + at } else { at };
        let byte = usize::try_from(place)
            .ok()
            .and_then(|place| content.get_mut(place))
            .ok_or_else(|| format!("the key file has {length} bytes, none at {at}"))?;
        *byte ^= 1;
        fs::write(&path, content).map_err(text)
    }
}

async fn start(
    name: &SqlInstance,
    root: &Path,
    vault: &Path,
    sa_password: &Secret,
) -> Result<Instance, String> {
    let folder = root.join(name.as_str());
    fs::create_dir_all(&folder).map_err(text)?;
    let server = SimulatedInstance::builder(name.as_str(), folder.join("instance"))
        .machine_secret(folder.join("machine.secret"))
        .share("vault", vault)
        .sa_password(sa_password.clone())
        .build()
        .map_err(text)?;
    let listener = Listener::bind(&server, 0, TlsMode::Full)
        .await
        .map_err(text)?;
    let address = listener.address();
    let ca = listener
        .ca_pem()
        .ok_or("the listener has no CA")?
        .as_bytes()
        .to_vec();
    Ok(Instance {
        server: Some((server, listener)),
        endpoint: Endpoint::new(address.ip().to_string(), address.port()).tls(Tls::CaPem(ca)),
        folder,
    })
}

/// A password that meets SQL Server's rules, from the system's randomness.
fn random_password() -> Result<String, String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(text)?;
    Ok(format!(
        "Aa1-{}",
        bytes.map(|byte| format!("{byte:02x}")).concat()
    ))
}

fn text(error: impl Display) -> String {
    error.to_string()
}
