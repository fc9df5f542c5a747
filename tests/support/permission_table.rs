//! The table of what each operation needs and who says so.

use std::path::Path;

use scorch_recovery::{Permission, Securable};
use serde::Deserialize;

/// How a login is brought to lack a right.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Removed {
    /// By REVOKE.
    Revoked,
    /// By DENY: everybody has it through `public`.
    Denied,
}

/// One right of one operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// The tag.
    pub(crate) operation: String,
    /// `BACKUP DATABASE`.
    pub(crate) permission: String,
    /// On what: `server`, `database`, `symmetric-key` …
    on: String,
    /// The statement that needs it.
    statement: String,
    /// Who says so.
    source: String,
    /// Documented, or experience.
    mark: String,
    #[serde(default = "revoked")]
    pub(crate) removed: Removed,
}

const fn revoked() -> Removed {
    Removed::Revoked
}

impl Row {
    pub(crate) fn is_for(&self, tag: &str, permission: &Permission) -> bool {
        let on = match &permission.on {
            Securable::AsymmetricKey { .. } => "asymmetric-key",
            Securable::Certificate { .. } => "certificate",
            Securable::Database { .. } => "database",
            Securable::DatabaseRole { .. } => "database-role",
            Securable::Host { .. } => "host",
            Securable::Procedure { .. } => "procedure",
            Securable::Server => "server",
            Securable::ServerRole => "server-role",
            Securable::SymmetricKey { .. } => "symmetric-key",
            Securable::Table { .. } => "table",
            Securable::User { .. } => "user",
            other => panic!("{other:?} has no word here"),
        };
        self.operation == tag && self.permission == permission.name && self.on == on
    }

    /// That the row says why.
    pub(crate) fn check(&self) {
        let marks = ["documented", "community", "captured", "unconfirmed"];
        assert!(marks.contains(&self.mark.as_str()), "{self:?}");
        assert!(
            !self.statement.is_empty() && !self.source.is_empty(),
            "{self:?}"
        );
    }
}

pub(crate) fn table() -> Vec<Row> {
    #[derive(Deserialize)]
    struct File {
        permission: Vec<Row>,
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fidelity/permissions.toml");
    let text = std::fs::read_to_string(file).unwrap();
    toml::from_str::<File>(&text).unwrap().permission
}
