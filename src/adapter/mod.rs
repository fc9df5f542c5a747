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
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod login;
#[cfg(feature = "mssql-tds")]
pub mod mssql_tds;
pub mod secrets;
#[cfg(feature = "tiberius")]
pub mod tiberius;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
mod tls;

#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
pub use endpoint::Endpoint;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
pub use login::Login;
#[cfg(any(feature = "mssql-tds", feature = "tiberius"))]
pub use tls::Tls;
