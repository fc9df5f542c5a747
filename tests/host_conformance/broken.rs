//! Ports to hosts that are broken, each in one way.

mod exposing;
mod renaming;

use async_trait::async_trait;
use scorch_recovery::Secret;
use scorch_recovery::names::{HostName, HostPath, ServiceName};
use scorch_recovery::simulator::hosts::SimulatedHosts;
use scorch_recovery::transport::{
    CommandOutput, CommandTransport, ExposingCommand, FileStatus, FileTransport, HostCommand,
    HostError, ProcessStatus, RegistryTransport, RegistryView, ServiceState, ServiceStatus,
    ServiceTransport, StartType, TransportErrorKind, codes,
};
use time::{Duration, OffsetDateTime};
use tokio::task::yield_now;

use crate::ways::Way;

/// The ports of simulated hosts, broken in one way, if in any.
#[derive(Debug)]
pub(crate) struct Broken {
    inner: SimulatedHosts,
    way: Option<Way>,
}

impl Broken {
    pub(crate) const fn new(inner: SimulatedHosts, way: Option<Way>) -> Self {
        Self { inner, way }
    }

    fn is(&self, way: Way) -> bool {
        self.way == Some(way)
    }

    /// Of a host that does not answer it says that something may have been done.
    fn reach(&self, host: &HostName) -> Result<(), HostError> {
        if self.is(Way::WaitsForNobody) && host.as_str() == "RB02" {
            return Err(HostError::lost(
                TransportErrorKind::Timeout,
                "it does not answer",
            ));
        }
        Ok(())
    }

    /// The name that a shell makes of it.
    fn spell(&self, path: &HostPath) -> HostPath {
        let leaf = path.file_name();
        let spelt = match self.way {
            Some(Way::AsksTheShell) => leaf.replace("%TEMP%", "x").replace("$HOME", "y"),
            Some(Way::SharesOneName) if leaf.starts_with("beside") => "beside.bin".to_owned(),
            _ => return path.clone(),
        };
        path.sibling(&spelt).unwrap()
    }

    async fn write(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        if self.inner.stat(host, path).await?.is_some() {
            self.inner.replace(host, path, content).await
        } else {
            self.inner.write_new(host, path, content).await
        }
    }
}

#[async_trait]
impl FileTransport for Broken {
    async fn stat(
        &self,
        host: &HostName,
        path: &HostPath,
    ) -> Result<Option<FileStatus>, HostError> {
        self.reach(host)?;
        let status = self.inner.stat(host, &self.spell(path)).await?;
        let nothing = FileStatus {
            size: 0,
            modified: OffsetDateTime::now_utc(),
            is_read_only: false,
        };
        Ok(match (self.way, status) {
            (Some(Way::TellsOfNothing), None) => Some(nothing),
            (Some(Way::FailsOnNothing), None) => {
                return Err(HostError::refused(codes::FILE_NOT_FOUND, "there is none"));
            }
            (Some(Way::TellsNoSizes), Some(status)) => Some(FileStatus { size: 0, ..status }),
            (Some(Way::TellsNoReadOnly), Some(status)) => Some(FileStatus {
                is_read_only: false,
                ..status
            }),
            (Some(Way::CopiesAfresh), Some(status)) if path.file_name().starts_with("copy") => {
                let modified = status.modified + Duration::hours(1);
                Some(FileStatus { modified, ..status })
            }
            (_, status) => status,
        })
    }

    async fn read(&self, host: &HostName, path: &HostPath) -> Result<Vec<u8>, HostError> {
        self.reach(host)?;
        let read = self.inner.read(host, &self.spell(path)).await;
        match (self.way, read) {
            (Some(Way::TrimsContents), Ok(read)) => Ok(read.trim_ascii().to_owned()),
            (Some(Way::ReadsFolders), Err(_)) => Ok(Vec::new()),
            (Some(Way::FollowsLinks), Err(_)) if path.file_name() == "link.txt" => {
                let target = path.sibling("target.txt").unwrap();
                self.inner.read(host, &target).await
            }
            (_, read) => read,
        }
    }

    async fn list(&self, host: &HostName, folder: &HostPath) -> Result<Vec<String>, HostError> {
        self.reach(host)?;
        let listed = self.inner.list(host, folder).await;
        match (self.way, listed) {
            (Some(Way::ListsNoFolderAsEmpty), Err(_)) => Ok(Vec::new()),
            (Some(Way::ListsTheFirst), Ok(mut names)) => {
                names.truncate(10);
                Ok(names)
            }
            (_, listed) => listed,
        }
    }

    async fn write_new(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        self.reach(host)?;
        let path = &self.spell(path);
        match self.way {
            Some(Way::WritesNewOverOld) => self.write(host, path, content).await,
            Some(Way::MakesFolders) => {
                drop(self.inner.write_new(host, path, content).await);
                Ok(())
            }
            Some(Way::CutsLongFiles) => {
                let kept = &content[..content.len().min(1 << 20)];
                self.inner.write_new(host, path, kept).await
            }
            Some(Way::SharesOneName) => self.write(host, path, content).await,
            _ => self.inner.write_new(host, path, content).await,
        }
    }

    async fn replace(
        &self,
        host: &HostName,
        path: &HostPath,
        content: &[u8],
    ) -> Result<(), HostError> {
        self.reach(host)?;
        let path = &self.spell(path);
        match self.way {
            Some(Way::AddsToTheEnd) => {
                let mut whole = self.inner.read(host, path).await?;
                whole.extend(content);
                self.inner.replace(host, path, &whole).await
            }
            Some(Way::ReplacesNothing) => self.write(host, path, content).await,
            Some(Way::WritesInTwo) => {
                self.inner
                    .replace(host, path, &content[..content.len() / 2])
                    .await?;
                yield_now().await;
                yield_now().await;
                self.inner.replace(host, path, content).await
            }
            Some(Way::LeavesTheOldBeside) => {
                self.inner.replace(host, path, content).await?;
                let beside = path.sibling("beside.tmp").unwrap();
                self.write(host, &beside, b"old").await
            }
            Some(Way::ReplacesByRemoving) => {
                let simulated = self.inner.host(host).unwrap();
                drop(simulated.set_read_only(path, false));
                // The folder's disk knows of nobody who holds it open.
                let old = path.sibling("removed.old").unwrap();
                self.inner.copy(host, path, &old).await?;
                drop(FileTransport::remove(&self.inner, host, path).await);
                drop(FileTransport::remove(&self.inner, host, &old).await);
                self.inner.write_new(host, path, content).await
            }
            Some(Way::SharesOneName) => {
                self.inner.replace(host, path, content).await?;
                // The others' turn.
                yield_now().await;
                Ok(())
            }
            _ => self.inner.replace(host, path, content).await,
        }
    }

    async fn copy(&self, host: &HostName, from: &HostPath, to: &HostPath) -> Result<(), HostError> {
        self.reach(host)?;
        let (from, to) = (&self.spell(from), &self.spell(to));
        match self.way {
            Some(Way::CopiesAfresh) => {
                let content = self.inner.read(host, from).await?;
                self.inner.write_new(host, to, &content).await
            }
            Some(Way::CopiesOver) => {
                let content = self.inner.read(host, from).await?;
                self.write(host, to, &content).await
            }
            _ => self.inner.copy(host, from, to).await,
        }
    }

    async fn rename(
        &self,
        host: &HostName,
        from: &HostPath,
        to: &HostPath,
    ) -> Result<(), HostError> {
        self.reach(host)?;
        self.give_name(host, &self.spell(from), &self.spell(to))
            .await
    }

    async fn remove(&self, host: &HostName, path: &HostPath) -> Result<(), HostError> {
        self.reach(host)?;
        let removed = FileTransport::remove(&self.inner, host, &self.spell(path)).await;
        if self.is(Way::RemovesNothing) {
            Ok(())
        } else {
            removed
        }
    }
}

#[async_trait]
impl ServiceTransport for Broken {
    async fn query(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<ServiceStatus, HostError> {
        self.reach(host)?;
        if self.is(Way::MindsCase) && service.as_str() != service.as_str().to_lowercase() {
            return Err(HostError::refused(
                codes::SERVICE_DOES_NOT_EXIST,
                "no such service",
            ));
        }
        if self.is(Way::KnowsAnyService) {
            let known: ServiceName = "suite".parse().unwrap();
            return self.inner.query(host, &known).await;
        }
        let mut status = self.inner.query(host, service).await?;
        match self.way {
            Some(Way::TellsCommandLines) => {
                status.program = format!(r#"{} "-x""#, status.program)
                    .parse()
                    .unwrap_or_else(|_| {
                        r#"C:\Tools\"service.exe""#.parse().unwrap_or(status.program)
                    });
                status.start_type = StartType::Automatic;
            }
            Some(Way::TellsNoProcess) => status.process_id = None,
            Some(Way::TellsOldProcess) if status.state == ServiceState::Running => {
                status.process_id = Some(1000);
            }
            Some(Way::KnowsNoDelayedStart) if status.start_type == StartType::AutomaticDelayed => {
                status.start_type = StartType::Automatic;
            }
            Some(Way::TellsNoDependencies) => status.dependencies = Some(Vec::new()),
            _ => {}
        }
        Ok(status)
    }

    async fn account(
        &self,
        host: &HostName,
        service: &ServiceName,
    ) -> Result<Option<String>, HostError> {
        self.reach(host)?;
        let system = || Some("LocalSystem".to_owned());
        match (self.way, self.inner.account(host, service).await) {
            (Some(Way::LeavesTheDefaults), _) => Ok(None),
            (Some(Way::TellsAnotherAccount), Ok(_)) => Ok(system()),
            (Some(Way::TellsAnyAccount), Err(_)) => Ok(system()),
            (_, told) => told,
        }
    }

    async fn start(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        self.reach(host)?;
        if self.is(Way::EnablesToStart) {
            self.inner
                .set_start_type(host, service, StartType::Manual)
                .await?;
        }
        let started = self.inner.start(host, service).await;
        if self.is(Way::SwallowsRefusals) {
            Ok(())
        } else {
            started
        }
    }

    async fn stop(&self, host: &HostName, service: &ServiceName) -> Result<(), HostError> {
        self.reach(host)?;
        let stopped = self.inner.stop(host, service).await;
        if self.is(Way::SwallowsRefusals) {
            Ok(())
        } else {
            stopped
        }
    }

    async fn set_start_type(
        &self,
        host: &HostName,
        service: &ServiceName,
        start_type: StartType,
    ) -> Result<(), HostError> {
        self.reach(host)?;
        self.inner.set_start_type(host, service, start_type).await
    }
}

#[async_trait]
impl CommandTransport for Broken {
    async fn run(
        &self,
        host: &HostName,
        command: &HostCommand,
    ) -> Result<CommandOutput, HostError> {
        self.reach(host)?;
        let mut arguments = command.arguments.clone();
        let mut program = command.program.clone();
        let mut input = command.standard_input.clone();
        match self.way {
            Some(Way::JoinsArguments) => {
                arguments = arguments.join(" ").split(' ').map(str::to_owned).collect();
            }
            Some(Way::ExpandsArguments) => {
                for argument in &mut arguments {
                    *argument = argument.replace("%PATH%", r"C:\Windows");
                }
            }
            Some(Way::TrimsInput) => {
                input = input.map(|input| Secret::new(input.expose().trim().to_owned()));
            }
            Some(Way::NeedsInput) => {
                input = input.or_else(|| Some(Secret::new("\n".to_owned())));
            }
            Some(Way::FindsAnyProgram) => program = r"C:\Tools\played program.exe".parse().unwrap(),
            Some(Way::SharesTheInput) => {
                input = input.map(|_| Secret::new("one".to_owned()));
            }
            _ => {}
        }
        let command = HostCommand {
            program,
            arguments,
            standard_input: input,
        };
        let mut output = CommandTransport::run(&self.inner, host, &command).await?;
        match self.way {
            Some(Way::ForgetsCodes) => output.exit_code = output.exit_code.min(1),
            Some(Way::MixesOutputs) => {
                let error = std::mem::take(&mut output.standard_error);
                output.standard_output.push_str(&error);
            }
            Some(Way::KeepsAllOutput) if command.arguments[0] == "both" => {
                output.standard_output = "o".repeat(3_000_000);
            }
            Some(Way::DropsOddOutput) if output.standard_output.contains('\u{fffd}') => {
                output.standard_output.clear();
            }
            _ => {}
        }
        Ok(output)
    }

    async fn run_exposing(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        self.reach(host)?;
        self.expose(host, command).await
    }

    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError> {
        self.reach(host)?;
        let process = self.inner.process(host, process_id).await?;
        Ok(match self.way {
            Some(Way::KnowsNoProcess) => None,
            Some(Way::KnowsAnyProcess) => process.or_else(|| {
                Some(ProcessStatus {
                    program: r"C:\Tools\played program.exe".parse().unwrap(),
                    started: OffsetDateTime::now_utc(),
                })
            }),
            _ => process,
        })
    }
}

#[async_trait]
impl RegistryTransport for Broken {
    async fn get(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<Option<String>, HostError> {
        self.reach(host)?;
        let (view, value) = self.place(view, value);
        let text = self.inner.get(host, view, key, &value).await?;
        Ok(match self.way {
            Some(Way::TellsEmptyForNothing) => text.or_else(|| Some(String::new())),
            Some(Way::TrimsTexts) => text.map(|text| text.trim().to_owned()),
            _ => text,
        })
    }

    async fn set(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
        text: &str,
    ) -> Result<(), HostError> {
        self.reach(host)?;
        let (view, value) = self.place(view, value);
        if self.is(Way::KeepsTheFirst) && self.inner.get(host, view, key, &value).await?.is_some() {
            return Ok(());
        }
        self.inner.set(host, view, key, &value, text).await
    }

    async fn remove(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<(), HostError> {
        self.reach(host)?;
        let (view, value) = self.place(view, value);
        let removed = RegistryTransport::remove(&self.inner, host, view, key, &value).await;
        if self.is(Way::RemovesAnything) {
            Ok(())
        } else {
            removed
        }
    }
}

impl Broken {
    fn place(&self, view: RegistryView, value: &str) -> (RegistryView, String) {
        match self.way {
            Some(Way::HasOneView) => (RegistryView::Bits64, value.to_owned()),
            Some(Way::HasOneValue) => (view, "One".to_owned()),
            Some(Way::CutsNamesAtBlanks) => (
                view,
                value
                    .split([' ', '\\'])
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            ),
            _ => (view, value.to_owned()),
        }
    }
}
