use crate::context::Context;
use crate::error::{Effect, Error, Result};
use crate::names::HostName;
use crate::transport::{HostError, RegistryTransport, RegistryView};

/// How often is looked again where an answer was lost.
const ATTEMPTS: u32 = 3;

/// The registry of one host, through the context's port and within its deadlines. Errors name the value.
#[derive(Debug)]
pub(super) struct HostRegistry<'a> {
    cx: &'a Context,
    host: &'a HostName,
    registry: &'a dyn RegistryTransport,
}

impl<'a> HostRegistry<'a> {
    pub(super) fn of(cx: &'a Context, host: &'a HostName) -> Result<Self> {
        let registry = cx.registry()?;
        Ok(Self { cx, host, registry })
    }

    /// A value; `None` where it is not there. Looking changes nothing, so a lost answer is asked for again.
    pub(super) async fn get(
        &self,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<Option<String>> {
        let deadline = Some(self.cx.deadlines().host);
        let mut attempt = 1;
        loop {
            let call = self.registry.get(self.host, view, key, value);
            match self.cx.within(deadline, call).await {
                Err(HostError::Lost(error))
                    if attempt < ATTEMPTS && !error.kind().is_before_send() =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(at(key, value, error).with_effect(Effect::None)),
                Ok(text) => return Ok(text),
            }
        }
    }

    pub(super) async fn set(
        &self,
        view: RegistryView,
        key: &str,
        value: &str,
        text: &str,
    ) -> Result<()> {
        let call = self.registry.set(self.host, view, key, value, text);
        let set = self.cx.within(Some(self.cx.deadlines().host), call).await;
        set.map_err(|error| at(key, value, error))
    }

    pub(super) async fn remove(&self, view: RegistryView, key: &str, value: &str) -> Result<()> {
        let call = self.registry.remove(self.host, view, key, value);
        let removed = self.cx.within(Some(self.cx.deadlines().host), call).await;
        removed.map_err(|error| at(key, value, error))
    }
}

fn at(key: &str, value: &str, error: HostError) -> Error {
    let detail = format!(r"HKLM\{key}, {value}: {error}");
    let error = Error::from_host(error);
    let told = Error::new(error.kind(), detail).with_effect(error.effect());
    match error.remedy() {
        Some(remedy) => told.with_remedy(remedy),
        None => told,
    }
}
