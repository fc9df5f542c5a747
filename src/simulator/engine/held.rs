//! How a permission is held, as one word in a set of them.

use std::collections::BTreeSet;

/// How somebody holds a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeldState {
    Denied,
    Granted,
    GrantedWithGrant,
}

/// The word that stands beside a granted permission which may be granted on.
pub(crate) fn with_grant(permission: &str) -> String {
    format!("WITH GRANT {permission}")
}

/// The permissions in a set, denials among them where it holds such.
pub(crate) fn held_permissions(held: &BTreeSet<String>) -> impl Iterator<Item = (&str, HeldState)> {
    held.iter().filter_map(|word| {
        if word.starts_with("WITH GRANT ") {
            return None;
        }
        Some(match word.strip_prefix("DENY ") {
            Some(denied) => (denied, HeldState::Denied),
            None if held.contains(&with_grant(word)) => {
                (word.as_str(), HeldState::GrantedWithGrant)
            }
            None => (word.as_str(), HeldState::Granted),
        })
    })
}
