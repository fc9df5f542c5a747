use super::web_config::{WebConfig, WebTarget};
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::HostPath;
use crate::orchestrator::host_files::{Bytes, HostFiles};
use crate::transport::HostCommand;

/// Where `aspnet_regiis` is: the 32-bit one, as Microsoft's pages for Orchestrator say.
pub(super) const ASPNET_REGIIS: &str =
    r"C:\Windows\Microsoft.NET\Framework\v4.0.30319\aspnet_regiis.exe";

const SECTION: &str = "connectionStrings";

/// A copy of a web.config in a folder of its own, outside of every site, in which `aspnet_regiis` decrypts
/// and encrypts. Clear text is only ever there, and it is removed at the end.
pub(super) struct PrivateCopy<'a> {
    pub(super) files: &'a HostFiles<'a>,
    pub(super) folder: &'a HostPath,
    pub(super) aspnet_regiis: &'a HostPath,
}

impl PrivateCopy<'_> {
    /// The decrypted file.
    pub(super) async fn decrypted(&self, encrypted: &[u8]) -> Result<Bytes> {
        let path = self.begin(encrypted).await?;
        let decrypted = self.decrypt(&path).await;
        self.end(&path, decrypted).await
    }

    /// The file with the target in its encrypted section, encrypted again by the same provider; `None` where
    /// the target is there already. All outside of the section is as it was.
    pub(super) async fn pointed_at(
        &self,
        encrypted: &[u8],
        target: &WebTarget,
    ) -> Result<Option<Vec<u8>>> {
        let path = self.begin(encrypted).await?;
        let edited = self.edit(&path, encrypted, target).await;
        self.end(&path, edited).await
    }

    async fn edit(
        &self,
        path: &HostPath,
        encrypted: &[u8],
        target: &WebTarget,
    ) -> Result<Option<Vec<u8>>> {
        let before = WebConfig::read(encrypted)?;
        let provider = before.only_protected()?.provider.clone().ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                "its encrypted section does not say by which provider",
            )
        })?;
        // The file's own words: none of them may become a switch.
        if provider.is_empty() || provider.starts_with(['-', '/']) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "the provider of its encrypted section has a name that aspnet_regiis takes for a switch",
            ));
        }
        let clear = WebConfig::read(&self.decrypt(path).await?)?;
        if clear.stores().is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "decrypted, it names no Orchestrator database",
            ));
        }
        let Some(edited) = clear.pointed_at(target)?.map(Bytes::new) else {
            return Ok(None);
        };
        self.files.replace(path, &edited).await?;
        let switches = ["-pef", SECTION, self.folder.as_str(), "-prov", &provider];
        self.run(&switches).await?;
        let encrypted = WebConfig::read(&self.read(path).await?)?;
        let after = before.with_section_of(&encrypted)?;
        // What will stand in the site is decrypted once more: only then is it known to open.
        if let Some(after) = &after {
            self.files.replace(path, after).await?;
            if !WebConfig::read(&self.decrypt(path).await?)?.names(target) {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    "encrypted and decrypted again it does not name the target",
                ));
            }
        }
        Ok(after)
    }

    async fn begin(&self, encrypted: &[u8]) -> Result<HostPath> {
        // The switches take a folder, and the name is web.config (documented).
        let path = self.folder.child("web.config")?;
        if self.files.exists(&path).await? {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("{path} is there already: what an interrupted run left may hold passwords in clear text"),
            )
            .with_remedy("look at it and remove it; the folder must be empty of web.config"));
        }
        self.files
            .write_new(&path, encrypted)
            .await
            .map_err(|error| match error.effect() {
                Effect::None => error,
                _ => left(error, &path),
            })?;
        Ok(path)
    }

    async fn end<T>(&self, path: &HostPath, result: Result<T>) -> Result<T> {
        match (self.files.remove(path).await, result) {
            (Ok(()), result) => result.map_err(|error| error.with_effect(Effect::None)),
            (Err(error), Ok(_)) => Err(left(error, path)),
            (Err(removing), Err(error)) => {
                let detail = format!("{}; and {}", error.detail(), removing.detail());
                Err(left(Error::new(error.kind(), detail), path))
            }
        }
    }

    async fn decrypt(&self, path: &HostPath) -> Result<Bytes> {
        self.run(&["-pdf", SECTION, self.folder.as_str()]).await?;
        let clear = self.read(path).await?;
        if !WebConfig::read(&clear)?.protected.is_empty() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                "aspnet_regiis says that it decrypted the section, and it is encrypted still",
            ));
        }
        Ok(clear)
    }

    async fn read(&self, path: &HostPath) -> Result<Bytes> {
        self.files
            .read(path)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{path} vanished meanwhile")))
    }

    async fn run(&self, switches: &[&str]) -> Result<()> {
        let command = HostCommand {
            program: self.aspnet_regiis.clone(),
            arguments: switches.iter().map(|switch| (*switch).to_owned()).collect(),
            standard_input: None,
        };
        let output = self.files.run(&command).await?;
        if output.exit_code == 0 {
            return Ok(());
        }
        // What it writes is not shown: it may hold what it just decrypted.
        Err(Error::new(
            ErrorKind::Windows,
            format!("aspnet_regiis {} ended with {}", switches[0], output.exit_code),
        )
        .with_remedy("run it by hand on a copy outside of the site: the account needs the provider's key of this machine, which no other machine has"))
    }
}

/// Says that the private copy is there still.
fn left(error: Error, path: &HostPath) -> Error {
    let detail = format!(
        "{}: the private copy {path} may be left, perhaps with passwords in clear text; the site was not touched",
        error.detail()
    );
    Error::new(error.kind(), detail)
        .with_effect(Effect::Partial)
        .with_remedy(format!("remove {path}"))
}
