//! Calls of the host ports, each within its deadline.

use std::future::Future;

use crate::context::Context;
use crate::error::{Effect, Error, Result};
use crate::names::{HostName, HostPath, ServiceName};
use crate::transport::{
    CommandOutput, HostCommand, HostError, ProcessStatus, ServiceStatus, StartType,
};

/// How often what may be repeated is tried.
pub(super) const ATTEMPTS: u32 = 3;

/// The ports, as far as one host goes.
#[derive(Debug)]
pub(in crate::orchestrator) struct HostCalls<'a> {
    pub(in crate::orchestrator) cx: &'a Context,
    pub(in crate::orchestrator) host: &'a HostName,
}

impl HostCalls<'_> {
    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, HostError>> + Send,
    ) -> Result<T, HostError> {
        let deadline = self.cx.deadlines().host;
        self.cx.within(Some(deadline), call).await
    }

    /// Waits for the next look.
    pub(super) async fn pause(&self) {
        let interval = self.cx.deadlines().service_interval;
        self.cx.clock().sleep(interval).await;
    }

    /// Looks at a service. Looking changes nothing, so a lost answer is asked for again.
    pub(in crate::orchestrator) async fn look(
        &self,
        service: &ServiceName,
    ) -> Result<ServiceStatus> {
        let services = self.cx.services()?;
        let mut attempt = 1;
        loop {
            match self.within(services.query(self.host, service)).await {
                Err(HostError::Lost(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => {
                    return Err(Error::from_host(error).with_effect(Effect::None));
                }
                Ok(status) => return Ok(status),
            }
            self.pause().await;
        }
    }

    pub(super) async fn start(&self, service: &ServiceName) -> Result<Result<(), HostError>> {
        let services = self.cx.services()?;
        Ok(self.within(services.start(self.host, service)).await)
    }

    pub(super) async fn stop(&self, service: &ServiceName) -> Result<Result<(), HostError>> {
        let services = self.cx.services()?;
        Ok(self.within(services.stop(self.host, service)).await)
    }

    pub(super) async fn set_start_type(
        &self,
        service: &ServiceName,
        start_type: StartType,
    ) -> Result<Result<(), HostError>> {
        let services = self.cx.services()?;
        let call = services.set_start_type(self.host, service, start_type);
        Ok(self.within(call).await)
    }

    /// What runs under a number. Asked again as in [`look`](Self::look).
    pub(super) async fn process(&self, process_id: u32) -> Result<Option<ProcessStatus>> {
        let commands = self.cx.commands()?;
        let mut attempt = 1;
        loop {
            match self.within(commands.process(self.host, process_id)).await {
                Err(HostError::Lost(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => {
                    return Err(Error::from_host(error).with_effect(Effect::None));
                }
                Ok(status) => return Ok(status),
            }
            self.pause().await;
        }
    }

    /// `taskkill /f /pid`, as documented for services that don't stop.
    pub(super) async fn end_process(
        &self,
        process_id: u32,
    ) -> Result<Result<CommandOutput, HostError>> {
        let program: HostPath = r"C:\Windows\System32\taskkill.exe".parse()?;
        let command = HostCommand {
            program,
            arguments: vec!["/f".to_owned(), "/pid".to_owned(), process_id.to_string()],
            standard_input: None,
        };
        let commands = self.cx.commands()?;
        let deadline = self.cx.deadlines().host_program;
        let call = commands.run(self.host, &command);
        Ok(self.cx.within(Some(deadline), call).await)
    }
}
