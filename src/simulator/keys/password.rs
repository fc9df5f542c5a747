//! Keys and hashes from passwords: PBKDF2 with HMAC-SHA-512.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2, rand};
use zeroize::Zeroizing;

use super::{CryptographyFailed, KEY_LENGTH, KeyMaterial, Label};
use crate::simulator::catalog::{Bytes, Login, PrincipalKind, Wrapped};

const SALT_LENGTH: usize = 16;

/// More than this is a damaged or hostile file, not a password that somebody waits for.
const MOST_ITERATIONS: u32 = 10_000_000;

/// How a key is made from a password: a fresh salt, and a cost that makes guessing slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyDerivation {
    pub(crate) iterations: NonZeroU32,
}

impl Default for KeyDerivation {
    /// What OWASP recommends for PBKDF2-HMAC-SHA512.
    fn default() -> Self {
        Self {
            iterations: NonZeroU32::MIN.saturating_add(209_999),
        }
    }
}

/// What the derivation needs again, stored in front of what the key wraps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    pub(super) salt: [u8; SALT_LENGTH],
    iterations: NonZeroU32,
}

impl Recipe {
    pub(super) const LENGTH: usize = SALT_LENGTH + 4;

    pub(super) fn new(derivation: KeyDerivation) -> Result<Self, CryptographyFailed> {
        let mut salt = [0; SALT_LENGTH];
        rand::fill(&mut salt)?;
        Ok(Self {
            salt,
            iterations: derivation.iterations,
        })
    }

    pub(super) fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..SALT_LENGTH].copy_from_slice(&self.salt);
        bytes[SALT_LENGTH..].copy_from_slice(&self.iterations.get().to_le_bytes());
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let (salt, iterations) = bytes.split_first_chunk::<SALT_LENGTH>()?;
        let iterations = u32::from_le_bytes(iterations.try_into().ok()?);
        Some(Self {
            salt: *salt,
            iterations: NonZeroU32::new(iterations).filter(|n| n.get() <= MOST_ITERATIONS)?,
        })
    }

    pub(super) fn key(&self, password: &str) -> KeyMaterial {
        let mut bytes = Zeroizing::new(vec![0; KEY_LENGTH]);
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA512,
            self.iterations,
            &self.salt,
            password.as_bytes(),
            &mut bytes,
        );
        KeyMaterial(bytes)
    }
}

impl KeyDerivation {
    /// Encrypts `plaintext` under a key made from the password.
    pub(crate) fn wrap(
        self,
        password: &str,
        label: Label<'_>,
        plaintext: &[u8],
    ) -> Result<Wrapped, CryptographyFailed> {
        let recipe = Recipe::new(self)?;
        let mut bytes = recipe.to_bytes().to_vec();
        bytes.extend_from_slice(&recipe.key(password).wrap(label, plaintext)?.0.0);
        Ok(Wrapped(Bytes(bytes)))
    }

    /// Decrypts what [`wrap`](Self::wrap) made with the same password, whatever its cost was.
    pub(crate) fn unwrap(
        password: &str,
        label: Label<'_>,
        wrapped: &Wrapped,
    ) -> Result<KeyMaterial, CryptographyFailed> {
        let (recipe, text) = wrapped.0.0.split_first_chunk().ok_or(CryptographyFailed)?;
        let recipe = Recipe::from_bytes(recipe).ok_or(CryptographyFailed)?;
        recipe
            .key(password)
            .unwrap(label, &Wrapped(Bytes(text.to_vec())))
    }
}

/// The salted hash of a login's password.
#[derive(Debug)]
pub(crate) struct PasswordHash;

impl PasswordHash {
    /// Salt, cost and hash.
    pub(crate) fn of(
        derivation: KeyDerivation,
        password: &str,
    ) -> Result<Bytes, CryptographyFailed> {
        let recipe = Recipe::new(derivation)?;
        let mut bytes = recipe.to_bytes().to_vec();
        bytes.extend_from_slice(&recipe.key(password).0);
        Ok(Bytes(bytes))
    }

    /// Whether `password` is the one that was hashed.
    pub(crate) fn matches(hash: &Bytes, password: &str) -> bool {
        if let Some(salted) = SaltedHash::read(&hash.0) {
            return salted.matches(password);
        }
        let Some((recipe, expected)) = hash.0.split_first_chunk() else {
            return false;
        };
        Recipe::from_bytes(recipe).is_some_and(|recipe| {
            recipe
                .key(password)
                .is(&KeyMaterial(Zeroizing::new(expected.to_vec())))
        })
    }

    /// The hash as `password_hash` shows it: behind its version, of which 3 is PBKDF2 (documented of
    /// 2025). What is behind the version is our own. `None`: the login has no password.
    pub(crate) fn shown(login: &Login) -> Option<Vec<u8>> {
        let hash = &login.password_hash.0;
        match login.options.kind {
            PrincipalKind::Sql if SaltedHash::read(hash).is_some() => Some(hash.clone()),
            PrincipalKind::Sql => Some([&VERSION_3[..], hash].concat()),
            PrincipalKind::WindowsUser | PrincipalKind::WindowsGroup => None,
        }
    }

    /// What `PASSWORD = 0x… HASHED` stands for: one of ours, or one that a real server made. `None`:
    /// it is neither.
    pub(crate) fn from_shown(hash: &[u8]) -> Option<Bytes> {
        if SaltedHash::read(hash).is_some() {
            return Some(Bytes(hash.to_vec()));
        }
        let own = hash.strip_prefix(&VERSION_3)?;
        let (recipe, _) = own.split_first_chunk()?;
        Recipe::from_bytes(recipe)?;
        (own.len() == Recipe::LENGTH + KEY_LENGTH).then(|| Bytes(own.to_vec()))
    }
}

/// What stands in front of a hash by PBKDF2.
const VERSION_3: [u8; 2] = [3, 0];

/// A hash as servers up to 2022 make it: its version, a salt of four bytes, and SHA-512 (of 2012 and
/// later; documented) or SHA-1 (of those before) of the password in UTF-16 and the salt (community).
struct SaltedHash<'a> {
    algorithm: &'static digest::Algorithm,
    salt: &'a [u8],
    hash: &'a [u8],
}

impl<'a> SaltedHash<'a> {
    const SALT_LENGTH: usize = 4;

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        let algorithm = match version {
            [1, 0] => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            [2, 0] => &digest::SHA512,
            _ => return None,
        };
        let (salt, hash) = rest.split_at_checked(Self::SALT_LENGTH)?;
        (hash.len() == algorithm.output_len()).then_some(Self {
            algorithm,
            salt,
            hash,
        })
    }

    fn matches(&self, password: &str) -> bool {
        let mut text: Zeroizing<Vec<u8>> =
            Zeroizing::new(Vec::with_capacity(password.len() * 2 + Self::SALT_LENGTH));
        text.extend(password.encode_utf16().flat_map(u16::to_le_bytes));
        text.extend_from_slice(self.salt);
        let found = digest::digest(self.algorithm, &text);
        aws_lc_rs::constant_time::verify_slices_are_equal(found.as_ref(), self.hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: KeyDerivation = KeyDerivation {
        iterations: NonZeroU32::MIN,
    };

    #[test]
    fn the_default_cost_is_real() {
        assert!(KeyDerivation::default().iterations.get() >= 100_000);
    }

    #[test]
    fn opens_only_with_its_password() {
        let label = Label::MasterKey([1; 16]);
        let wrapped = CHEAP.wrap("Pass word 1", label, b"a key").unwrap();
        assert_eq!(
            KeyDerivation::unwrap("Pass word 1", label, &wrapped)
                .unwrap()
                .0
                .as_slice(),
            b"a key"
        );
        assert!(KeyDerivation::unwrap("pass word 1", label, &wrapped).is_err());
        assert!(KeyDerivation::unwrap("Pass word 1", Label::MasterKey([2; 16]), &wrapped).is_err());
    }

    #[test]
    fn the_cost_is_bound_to_what_it_made() {
        let label = Label::MasterKey([1; 16]);
        let mut wrapped = CHEAP.wrap("p", label, b"a key").unwrap();
        wrapped.0.0[SALT_LENGTH] += 1;
        assert!(KeyDerivation::unwrap("p", label, &wrapped).is_err());
        wrapped.0.0[SALT_LENGTH..SALT_LENGTH + 4].copy_from_slice(&[0xFF; 4]);
        assert!(
            KeyDerivation::unwrap("p", label, &wrapped).is_err(),
            "an endless derivation was begun"
        );
    }

    #[test]
    fn hashes_are_salted_and_checked() {
        let hash = PasswordHash::of(CHEAP, "sa's").unwrap();
        assert_ne!(hash, PasswordHash::of(CHEAP, "sa's").unwrap());
        assert!(PasswordHash::matches(&hash, "sa's"));
        assert!(!PasswordHash::matches(&hash, "SA's"));
        assert!(!PasswordHash::matches(&Bytes(Vec::new()), ""));
    }

    #[test]
    fn hashes_of_real_servers_are_taken() {
        // Salt 01020304, password "Pass word 1": made by hand from what is known of their form.
        let salt = [1, 2, 3, 4];
        let mut text: Vec<u8> = "Pass word 1"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        text.extend(salt);
        for (version, algorithm) in [(1, &digest::SHA1_FOR_LEGACY_USE_ONLY), (2, &digest::SHA512)] {
            let hash = digest::digest(algorithm, &text);
            let hash = [&[version, 0][..], &salt, hash.as_ref()].concat();
            let taken = PasswordHash::from_shown(&hash).unwrap();
            assert!(PasswordHash::matches(&taken, "Pass word 1"));
            assert!(!PasswordHash::matches(&taken, "pass word 1"));
            assert!(PasswordHash::from_shown(&hash[..hash.len() - 1]).is_none());
        }
        let own = PasswordHash::of(CHEAP, "p").unwrap();
        let shown = [&VERSION_3[..], &own.0].concat();
        assert_eq!(PasswordHash::from_shown(&shown), Some(own.clone()));
        for wrong in [&own.0[..], &[], &[3, 0], &shown[..shown.len() - 1], &[4, 0]] {
            assert!(PasswordHash::from_shown(wrong).is_none());
        }
    }
}
