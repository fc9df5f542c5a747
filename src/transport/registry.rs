use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::names::HostName;
use crate::transport::HostError;

/// Which of the two registries of a 64-bit Windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::exhaustive_enums, reason = "Windows has these two")]
pub enum RegistryView {
    /// That of 32-bit programs (`WOW6432Node`).
    Bits32,
    /// That of 64-bit programs.
    Bits64,
}

/// Reads and writes texts of the registry under `HKEY_LOCAL_MACHINE`. The port a host program plugs in.
///
/// # Contract
/// * `key` is a path below `HKEY_LOCAL_MACHINE`, without `WOW6432Node`: the view says which is meant.
/// * Only `REG_SZ` values; one of another type is refused (13).
#[async_trait]
pub trait RegistryTransport: fmt::Debug + Send + Sync {
    /// A value; `None`: the key or the value is not there.
    async fn get(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<Option<String>, HostError>;

    /// Writes a value, and the keys on the way to it.
    async fn set(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
        text: &str,
    ) -> Result<(), HostError>;

    /// Removes a value (2 where it is not there). Its key stays.
    async fn remove(
        &self,
        host: &HostName,
        view: RegistryView,
        key: &str,
        value: &str,
    ) -> Result<(), HostError>;
}
