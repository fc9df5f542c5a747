//! Logins, users, roles and rights: kept with a database, and the logins made again on another server.

mod capture;
mod consent;
mod database_side;
mod decision;
mod login;
mod making;
mod password_hashes;
mod restore;
mod statements;
mod there;
mod value;

pub use capture::CapturePrincipals;
pub use consent::{ServerPower, ServerPowers};
pub use database_side::{CapturedPermission, CapturedRole, CapturedSecurable, CapturedUser};
pub use decision::{LoginFinding, LoginNote, LoginOutcome};
pub use login::{CapturedLogin, CapturedPassword, LoginKind, PermissionState, ServerPermission};
pub use restore::{RestorePrincipals, RestoredLogin, RestoredPrincipals};
pub use value::Principals;
