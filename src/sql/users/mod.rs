//! Users of a restored database, and the logins of the instance that it is on now.

mod inspect;
mod repair;

pub use inspect::{InspectOrphanedUsers, OrphanedUser, OrphanedUsers, UserFinding, UserKind};
pub use repair::{RepairUsers, RepairedUsers};
