//! The hashes of passwords: as secret as the passwords, and in nothing that is shown or stored.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::secret::Secret;

/// Longer than any that a server makes (`password_hash` is `varbinary(256)`, documented).
const MOST_BYTES: usize = 256;

/// Hashes by the SID of their login, both in hexadecimal.
///
/// Equality leaves them out, as JSON does: they are carried beside a value, not in it.
#[derive(Clone, Default)]
pub(super) struct PasswordHashes(BTreeMap<String, Secret>);

impl fmt::Debug for PasswordHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordHashes({} of ***)", self.0.len())
    }
}

impl PartialEq for PasswordHashes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PasswordHashes {}

impl PasswordHashes {
    pub(super) fn keep(&mut self, sid: &str, hash: &[u8]) {
        let mut text = Zeroizing::new(vec![0; hash.len() * 2]);
        if hex::encode_to_slice(hash, &mut text).is_ok() {
            let digits = text
                .iter()
                .map(|digit| char::from(digit.to_ascii_uppercase()));
            let mut literal = String::with_capacity(text.len() + 2);
            literal.push_str("0x");
            literal.extend(digits);
            self.0.insert(sid.to_owned(), Secret::new(literal));
        }
    }

    /// The hash of a login, as T-SQL writes it: `0x0200…`.
    pub(super) fn of(&self, sid: &str) -> Option<&Secret> {
        self.0.get(sid)
    }

    /// All of them as one secret: a line for each, its login's SID and the hash.
    pub(super) fn to_secret(&self) -> Secret {
        let lines = self.0.iter();
        let length = lines.map(|(sid, hash)| sid.len() + hash.expose().len() + 2);
        let mut text = String::with_capacity(length.sum());
        for (sid, hash) in &self.0 {
            text.push_str(sid);
            text.push(' ');
            text.push_str(hash.expose());
            text.push('\n');
        }
        Secret::new(text)
    }

    /// Reads what [`to_secret`](Self::to_secret) made. What is wrong is told by its line, and never
    /// shown.
    pub(super) fn from_secret(field: &str, secret: &Secret) -> Result<Self> {
        let mut hashes = Self::default();
        for (number, line) in secret.expose().lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let refused = || {
                let problem = format!("line {} of the secret is no SID and hash", number + 1);
                Error::invalid(field, problem)
                    .with_remedy("store what Principals::password_hashes gave, as it is")
            };
            let (sid, hash) = line.trim().split_once(' ').ok_or_else(refused)?;
            let is_sid = hex::decode(sid).is_ok_and(|sid| !sid.is_empty());
            let digits = hash.strip_prefix("0x").ok_or_else(refused)?;
            let mut bytes = Zeroizing::new(vec![0; digits.len() / 2]);
            let is_hash = !bytes.is_empty()
                && bytes.len() <= MOST_BYTES
                && hex::decode_to_slice(digits, &mut bytes).is_ok();
            if !is_sid || !is_hash {
                return Err(refused());
            }
            hashes.keep(&sid.to_ascii_lowercase(), &bytes);
        }
        Ok(hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_cross_as_one_secret_and_are_never_shown() {
        let mut hashes = PasswordHashes::default();
        hashes.keep("a1", &[2, 0, 0xAB]);
        hashes.keep("b2", &[2, 0, 0xCD]);
        assert_eq!(hashes.to_secret().expose(), "a1 0x0200AB\nb2 0x0200CD\n");
        assert!(!format!("{hashes:?}").contains("0x"));
        let read = PasswordHashes::from_secret("f", &hashes.to_secret()).unwrap();
        assert_eq!(read.of("b2").unwrap().expose(), "0x0200CD");
        assert!(read.of("c3").is_none());
        // As an editor may have left it.
        let text = Secret::new("A1 0x0200ab\r\n\r\n".to_owned());
        let read = PasswordHashes::from_secret("f", &text).unwrap();
        assert_eq!(read.of("a1").unwrap().expose(), "0x0200AB");
    }

    #[test]
    fn what_is_no_hash_is_refused_unseen() {
        let long = format!("a1 0x{}", "ab".repeat(MOST_BYTES + 1));
        for text in [
            "a1",
            "a1 secret",
            "a1 0x",
            "a1 0xABC",
            "a1 0xAB; SHUTDOWN",
            "x1 0xAB",
            " 0xAB",
            &long,
        ] {
            let secret = Secret::new(format!("a1 0x0200AB\n{text}"));
            let error = PasswordHashes::from_secret("f", &secret).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("line 2"), "{shown}");
            assert!(
                !shown.contains("secret;") && !shown.contains("0xAB"),
                "{shown}"
            );
        }
    }
}
