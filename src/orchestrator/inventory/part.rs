use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::orchestrator::catalog::Trouble;
use crate::sql::Completeness;

/// A part of an inventory, and whether it is all there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InventoryPart<T> {
    /// What was found.
    pub found: T,
    /// Whether that is all.
    pub completeness: Completeness,
}

impl<T> InventoryPart<T> {
    /// Whether it is all there is.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self.completeness, Completeness::Complete)
    }

    pub(super) const fn complete(found: T) -> Self {
        Self {
            found,
            completeness: Completeness::Complete,
        }
    }
}

impl<T: Default> InventoryPart<T> {
    pub(super) fn lacking(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            found: T::default(),
            completeness: Completeness::Incomplete {
                what: what.into(),
                why: why.into(),
            },
        }
    }

    /// What was read; what is lacking is told, and what ends all reading is an error.
    pub(super) fn of(read: Result<T, Trouble>) -> Result<Self> {
        match read {
            Ok(found) => Ok(Self::complete(found)),
            Err(Trouble::Lack(lack)) => Ok(Self::lacking(lack.what, lack.why)),
            Err(Trouble::Error(error)) => Err(error),
        }
    }
}
