use std::io;

use super::files::HeldFile;
use super::host::SimulatedHost;
use super::service::SimulatedService;
use super::settings::Settings;
use super::simulated_hosts::SimulatedHosts;
use crate::names::{DatabaseName, HostName, HostPath, SqlInstance};
use crate::transport::{HostError, codes};

/// A version of Orchestrator, as far as its folders differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrchestratorVersion {
    /// 2012 and 2012 R2.
    V2012,
    /// 2016.
    V2016,
    /// 2019. Its folder's name is unconfirmed.
    V2019,
    /// 2022.
    V2022,
    /// 2025.
    V2025,
}

impl OrchestratorVersion {
    const fn folder(self) -> &'static str {
        match self {
            Self::V2012 => r"C:\Program Files (x86)\Microsoft System Center 2012\Orchestrator",
            Self::V2016 => r"C:\Program Files (x86)\Microsoft System Center 2016\Orchestrator",
            Self::V2019 => r"C:\Program Files (x86)\Microsoft System Center\Orchestrator",
            Self::V2022 => r"C:\Program Files\Microsoft System Center\2022\Orchestrator",
            Self::V2025 => r"C:\Program Files\Microsoft System Center\2025\Orchestrator",
        }
    }
}

/// What Setup installs on a host: its roles and services, all automatic and stopped.
#[derive(Clone, Debug)]
#[must_use]
pub struct OrchestratorHost {
    version: OrchestratorVersion,
    is_management_server: bool,
    is_runbook_server: bool,
    is_web_server: bool,
    data_store: Option<(SqlInstance, DatabaseName)>,
}

impl OrchestratorHost {
    /// A host without roles yet.
    pub const fn of(version: OrchestratorVersion) -> Self {
        Self {
            version,
            is_management_server: false,
            is_runbook_server: false,
            is_web_server: false,
            data_store: None,
        }
    }

    /// The Management Server: `omanagement`, `omonitor`, `oremoting`.
    pub const fn management_server(mut self) -> Self {
        self.is_management_server = true;
        self
    }

    /// A Runbook Server: `orunbook`, `oremoting`.
    pub const fn runbook_server(mut self) -> Self {
        self.is_runbook_server = true;
        self
    }

    /// The Web Components: a `web.config` of the version's style.
    pub const fn web_components(mut self) -> Self {
        self.is_web_server = true;
        self
    }

    /// The data store that it is configured for. Default: none, as before Setup has asked.
    pub fn data_store(mut self, instance: &SqlInstance, database: &DatabaseName) -> Self {
        self.data_store = Some((instance.clone(), database.clone()));
        self
    }

    fn services(&self) -> Vec<(&'static str, &'static str)> {
        let mut services = Vec::new();
        if self.is_management_server {
            services.extend([
                ("omanagement", r"Management Server\ManagementService.exe"),
                (
                    "omonitor",
                    r"Management Server\RunbookServerMonitorService.exe",
                ),
            ]);
        }
        if self.is_runbook_server {
            services.push(("orunbook", r"Runbook Server\RunbookService.exe"));
        }
        if !services.is_empty() {
            services.push((
                "oremoting",
                r"Management Server\Deployment Manager\OrchestratorRemotingService.exe",
            ));
        }
        services
    }

    fn web_config(&self) -> (&'static str, String) {
        let (instance, database) = match &self.data_store {
            Some((instance, database)) => (instance.as_str(), database.as_str()),
            None => ("SQL01", "Orchestrator"),
        };
        match self.version {
            OrchestratorVersion::V2022 | OrchestratorVersion::V2025 => (
                "WebApi",
                format!(
                    r#"<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <system.webServer>
    <aspNetCore processPath="dotnet" stdoutLogEnabled="false">
      <environmentVariables>
        <environmentVariable name="Database__Address" value="{instance}" />
        <environmentVariable name="Database__Database" value="{database}" />
        <environmentVariable name="Database__Trusted_Connection" value="true" />
      </environmentVariables>
    </aspNetCore>
  </system.webServer>
</configuration>
"#
                ),
            ),
            _ => (
                r"Web Service\Orchestrator",
                format!(
                    r#"<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <connectionStrings>
    <add name="OrchestratorContext" connectionString="provider=System.Data.SqlClient;provider connection string=&quot;Data Source={instance};Initial Catalog={database};Integrated Security=True&quot;" providerName="System.Data.EntityClient" />
  </connectionStrings>
</configuration>
"#
                ),
            ),
        }
    }
}

impl SimulatedHosts {
    /// Adds a host with what Setup installs there.
    ///
    /// # Errors
    /// Those of its folder.
    pub fn add_orchestrator(
        &self,
        name: &HostName,
        what: &OrchestratorHost,
    ) -> io::Result<SimulatedHost> {
        let host = self.add(name)?;
        host.install_orchestrator(what)?;
        Ok(host)
    }
}

impl SimulatedHost {
    /// Installs on it what Setup does.
    ///
    /// # Errors
    /// Those of its folder.
    pub fn install_orchestrator(&self, what: &OrchestratorHost) -> io::Result<()> {
        let path = |below: &str| -> io::Result<HostPath> {
            let text = format!(r"{}\{below}", what.version.folder());
            text.parse().map_err(io::Error::other)
        };
        for (service, program) in what.services() {
            let name = service.parse().map_err(io::Error::other)?;
            let installed = SimulatedService::new(name, path(program)?);
            self.install(match service {
                "orunbook" => installed.runbook_service(),
                _ => installed,
            });
        }
        // Where it is, is unconfirmed; the folder has this name on Runbook Servers too (documented).
        let settings = path(r"Management Server\Settings.dat")?;
        let made = self.create_folder(&path("Management Server")?);
        made.map_err(io::Error::other)?;
        self.set_settings_path(settings);
        if let Some((instance, database)) = &what.data_store {
            let configured = self.configure_data_store(instance, database);
            configured.map_err(io::Error::other)?;
        }
        if what.is_web_server {
            let (folder, content) = what.web_config();
            let folder = path(folder)?;
            let file = folder.child("web.config").map_err(io::Error::other)?;
            let made = self.create_folder(&folder);
            made.and_then(|()| self.0.files.write_new(&file, content.as_bytes()))
                .map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Where its `Settings.dat` is or would be.
    #[must_use]
    pub fn settings_path(&self) -> Option<HostPath> {
        self.0.settings_path()
    }

    /// Does what the Data Store Configuration utility does: names the data store in `Settings.dat`.
    ///
    /// # Errors
    /// 2 where Orchestrator isn't installed; those of its files.
    pub fn configure_data_store(
        &self,
        instance: &SqlInstance,
        database: &DatabaseName,
    ) -> Result<(), HostError> {
        let missing = || HostError::refused(codes::FILE_NOT_FOUND, "Orchestrator isn't installed");
        let path = self.settings_path().ok_or_else(missing)?;
        let settings = Settings {
            instance: instance.clone(),
            database: database.clone(),
        };
        let sealed = settings
            .seal(&self.0.secret)
            .map_err(|error| HostError::refused(codes::ACCESS_DENIED, error.to_string()))?;
        if self.0.files.stat(&path)?.is_some() {
            self.0.files.replace(&path, &sealed)
        } else {
            self.0.files.write_new(&path, &sealed)?;
            // Unconfirmed: the services read it through this group (documented).
            self.0.files.set_acl(&path, "OrchestratorSystemGroup:R")
        }
    }

    /// The data store that its services would use, as its `Settings.dat` says. `None`: there is none,
    /// or it is another machine's, and does not open here.
    #[must_use]
    pub fn data_store(&self) -> Option<(SqlInstance, DatabaseName)> {
        let sealed = self.0.files.read(&self.settings_path()?).ok()?;
        let settings = Settings::open(&sealed, &self.0.secret).ok()?;
        Some((settings.instance, settings.database))
    }

    /// Makes a folder, and those above it.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn create_folder(&self, path: &HostPath) -> Result<(), HostError> {
        self.0.files.create_folder(path)
    }

    /// Makes a file, or puts new content into it, as somebody on the host would.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn write_file(&self, path: &HostPath, content: &[u8]) -> Result<(), HostError> {
        match self.0.files.stat(path)? {
            Some(_) => self.0.files.replace(path, content),
            None => self.0.files.write_new(path, content),
        }
    }

    /// What is in a file.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn read_file(&self, path: &HostPath) -> Result<Vec<u8>, HostError> {
        self.0.files.read(path)
    }

    /// Deletes a file, as somebody on the host would.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn remove_file(&self, path: &HostPath) -> Result<(), HostError> {
        self.0.files.remove(path)
    }

    /// Holds a file open, as a program there would: it can be read, and not replaced or removed.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn hold_file(&self, path: &HostPath) -> Result<HeldFile, HostError> {
        self.0.files.hold(path)
    }

    /// Gives a file the attribute read-only, or takes it away.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn set_read_only(&self, path: &HostPath, is: bool) -> Result<(), HostError> {
        self.0.files.set_read_only(path, is)
    }

    /// Labels a file's access control list.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn set_acl(&self, path: &HostPath, label: &str) -> Result<(), HostError> {
        self.0.files.set_acl(path, label)
    }

    /// The label of a file's access control list.
    ///
    /// # Errors
    /// Those of the host's files.
    pub fn acl(&self, path: &HostPath) -> Result<Option<String>, HostError> {
        self.0.files.acl(path)
    }
}
