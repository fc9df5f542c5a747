//! Names that headers and msdb show alike.

use crate::simulator::catalog::RecoveryModel;

/// The name of a recovery model, as views and backups show it.
pub(super) const fn model_name(model: RecoveryModel) -> &'static str {
    match model {
        RecoveryModel::Full => "FULL",
        RecoveryModel::BulkLogged => "BULK-LOGGED",
        RecoveryModel::Simple => "SIMPLE",
    }
}

/// The machine of an instance.
pub(super) fn machine_name(server: &str) -> &str {
    server.split('\\').next().unwrap_or(server)
}
