//! What we ship behind the ports.

pub mod secrets;
#[cfg(feature = "tiberius")]
pub mod tiberius;
