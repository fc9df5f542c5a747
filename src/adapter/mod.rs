//! What we ship behind the ports.

#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod browser;
pub mod command_line;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod contained;
pub mod curl;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod ear;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod endpoint;
#[cfg(feature = "tiberius")]
mod guarded;
#[cfg(any(feature = "ssh", windows))]
mod image_path;
#[cfg(any(feature = "local", feature = "ssh"))]
mod kept_output;
#[cfg(feature = "local")]
pub mod local;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod login;
#[cfg(feature = "mssql-tds")]
pub mod mssql_tds;
pub mod secrets;
#[cfg(feature = "ssh")]
pub mod ssh;
#[cfg(feature = "tiberius")]
pub mod tiberius;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod tls;
#[cfg(windows)]
pub mod windows;

#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
pub use endpoint::Endpoint;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
pub use login::Login;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
pub use tls::Tls;

/// What no other file beside is called: for content on its way to its place.
#[cfg(any(all(feature = "local", unix), feature = "ssh"))]
fn random_name() -> String {
    use std::hash::{BuildHasher as _, Hasher as _};
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{random:016x}")
}
