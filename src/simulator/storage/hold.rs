//! Files that statements have open: many may read one, or one may write it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::OsError;

/// Of all instances in this process, because they can share folders.
static HELD: Mutex<BTreeMap<PathBuf, Users>> = Mutex::new(BTreeMap::new());

#[derive(Debug)]
enum Users {
    Writer,
    /// How many.
    Readers(usize),
}

/// What a file is open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldFor {
    Reading,
    Writing,
}

/// A server's file that a statement has open until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold(PathBuf);

fn held() -> MutexGuard<'static, BTreeMap<PathBuf, Users>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hold {
    pub(super) fn new(path: PathBuf, purpose: HoldFor) -> Result<Self, OsError> {
        let mut held = held();
        match (held.get_mut(&path), purpose) {
            (None, HoldFor::Writing) => {
                held.insert(path.clone(), Users::Writer);
            }
            (None, HoldFor::Reading) => {
                held.insert(path.clone(), Users::Readers(1));
            }
            (Some(Users::Readers(count)), HoldFor::Reading) => *count += 1,
            _ => return Err(OsError::InUse),
        }
        Ok(Self(path))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = held();
        if let Some(Users::Readers(count)) = held.get_mut(&self.0)
            && *count > 1
        {
            *count -= 1;
            return;
        }
        held.remove(&self.0);
    }
}
