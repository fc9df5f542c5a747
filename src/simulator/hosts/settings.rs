//! A `Settings.dat` of the simulator's own: what it names is sealed with the machine's secret, so one
//! of another machine does not open. Nothing outside the simulator reads it, as nobody can read the
//! real one: its format and encryption are undocumented.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use serde::{Deserialize, Serialize};

use crate::names::{DatabaseName, SqlInstance};
use crate::simulator::keys::{CryptographyFailed, KeyMaterial};

const MAGIC: &[u8] = b"SCRCHSET\x01";
const NONCE_LENGTH: usize = 12;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) instance: SqlInstance,
    pub(super) database: DatabaseName,
}

impl Settings {
    pub(super) fn seal(&self, machine: &KeyMaterial) -> Result<Vec<u8>, CryptographyFailed> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &machine.0)?;
        let mut text = serde_json::to_vec(self).map_err(|_| CryptographyFailed)?;
        let nonce = key.seal_in_place_append_tag(Aad::from(MAGIC), &mut text)?;
        Ok([MAGIC, nonce.as_ref(), &text].concat())
    }

    pub(super) fn open(sealed: &[u8], machine: &KeyMaterial) -> Result<Self, CryptographyFailed> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &machine.0)?;
        let sealed = sealed.strip_prefix(MAGIC).ok_or(CryptographyFailed)?;
        let (nonce, text) = sealed
            .split_at_checked(NONCE_LENGTH)
            .ok_or(CryptographyFailed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce)?;
        let mut text = text.to_vec();
        let text = key.open_in_place(nonce, Aad::from(MAGIC), &mut text)?;
        serde_json::from_slice(text).map_err(|_| CryptographyFailed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::keys::KEY_LENGTH;

    #[test]
    fn opens_on_its_own_machine_only() {
        let settings = Settings {
            instance: "SQL01".parse().unwrap(),
            database: "Orchestrator".parse().unwrap(),
        };
        let machine = KeyMaterial::random(KEY_LENGTH).unwrap();
        let other = KeyMaterial::random(KEY_LENGTH).unwrap();
        let sealed = settings.seal(&machine).unwrap();
        assert_eq!(Settings::open(&sealed, &machine), Ok(settings));
        assert!(Settings::open(&sealed, &other).is_err());
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(Settings::open(&damaged, &machine).is_err(), "byte {at}");
        }
    }
}
