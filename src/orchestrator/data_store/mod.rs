mod config;
mod discovery;
mod heartbeat;
mod kept;
mod read;
mod write;
mod written;

pub use config::{DataStoreAuthentication, DataStoreConfig, DataStoreEncryption};
pub use discovery::SettingsFile;
pub use heartbeat::Heartbeat;
pub use read::{ClientAlias, DataStoreInfo, ReadDataStoreConfig};
pub use write::WriteDataStoreConfig;
pub use written::{DataStoreStrategy, WrittenDataStoreConfig};
