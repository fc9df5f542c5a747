//! The cryptography of the key hierarchy. No SQL here.

use std::fmt;

use zeroize::Zeroizing;

/// A key in the clear, in memory only.
#[derive(Clone)]
pub(crate) struct KeyMaterial(pub(crate) Zeroizing<Vec<u8>>);

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMaterial(***)")
    }
}
