use std::path::PathBuf;

use russh::Preferred;
use russh::keys::known_hosts::known_host_keys_path;
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate, parse_public_key_base64};

/// The keys that a server may show, from a file in OpenSSH's form.
#[derive(Debug)]
pub(super) struct KnownHosts {
    path: PathBuf,
    /// In lower case, as OpenSSH looks it up.
    address: String,
    port: u16,
    keys: Vec<(usize, PublicKey)>,
    revoked: Vec<PublicKey>,
}

impl KnownHosts {
    /// Reads the file. What can't be read of it is an error: a line that was meant to forbid a key must not be
    /// passed over.
    pub(super) fn read(path: Option<PathBuf>, address: &str, port: u16) -> Result<Self, String> {
        let path = match path {
            Some(path) => path,
            None => std::env::home_dir()
                .ok_or("no file of known hosts was named, and this user has no home folder")?
                .join(".ssh")
                .join("known_hosts"),
        };
        let failed = |problem: &dyn std::fmt::Display| {
            format!(
                "the file of known hosts, {}, can't be used: {problem}",
                path.display()
            )
        };
        let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
        let address = address.to_lowercase();
        // The library's own reader passes marked lines over.
        let mut revoked = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split_ascii_whitespace();
            if words.next() != Some("@revoked") {
                continue;
            }
            let key = words.nth(2).map(parse_public_key_base64);
            let Some(Ok(key)) = key else {
                return Err(failed(&format_args!(
                    "no key can be read in line {}",
                    number + 1
                )));
            };
            revoked.push(key);
        }
        let found = known_host_keys_path(&address, port, &path).map_err(|error| failed(&error))?;
        // The library does not count comments.
        let lines = text
            .lines()
            .zip(1..)
            .filter(|(line, _)| !line.starts_with('#'));
        let numbers: Vec<usize> = lines.map(|(_, number)| number).collect();
        let number = |counted: usize| numbers.get(counted - 1).copied().unwrap_or(counted);
        let keys = found
            .into_iter()
            .map(|(counted, key)| (number(counted), key))
            .collect();
        Ok(Self {
            path,
            address,
            port,
            keys,
            revoked,
        })
    }

    /// The kinds of keys to ask the server for: those of which one is known, else any that can be checked. RSA
    /// can't.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let all = Preferred::DEFAULT
            .key
            .iter()
            .filter(|kind| !matches!(kind, Algorithm::Rsa { .. }));
        let is_known =
            |kind: &&Algorithm| self.keys.iter().any(|(_, key)| key.algorithm() == **kind);
        let known: Vec<Algorithm> = all.clone().filter(is_known).cloned().collect();
        if known.is_empty() {
            return all.cloned().collect();
        }
        known
    }

    /// Whether the key is the server's; else why it is not taken, with what to do.
    pub(super) fn judge(&self, shown: &PublicKeyOrCertificate) -> Result<(), String> {
        let key = shown.public_key();
        let name = format!("{}:{}", self.address, self.port);
        let file = self.path.display();
        let shows = format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256));
        if shown.certificate().is_some() {
            return Err(format!(
                "{name} shows a certificate ({shows}), and only plain keys are taken: add its key to {file}"
            ));
        }
        if self.revoked.iter().any(|revoked| is_same(revoked, &key)) {
            return Err(format!(
                "the key that {name} shows, {shows}, is marked as revoked in {file}: somebody else may have it; do not go on before you know why"
            ));
        }
        if self.keys.iter().any(|(_, known)| is_same(known, &key)) {
            return Ok(());
        }
        let is_kind = |(_, known): &&(usize, PublicKey)| known.algorithm() == key.algorithm();
        if let Some((line, _)) = self.keys.iter().find(is_kind) {
            return Err(format!(
                "{name} shows another key, {shows}, than {file} has for it in line {line}: either the host was set up anew or somebody answers in its place; \
                 compare with what `ssh-keygen -l -f C:\\ProgramData\\ssh\\ssh_host_ed25519_key.pub` says on the host itself, and only if it is the same replace that line"
            ));
        }
        let is_there = if self.keys.is_empty() {
            "is not in"
        } else {
            "has keys of other kinds only in"
        };
        Err(format!(
            "{name} {is_there} {file}, and whoever answers is not trusted; it shows {shows}: compare with what \
             `ssh-keygen -l -f C:\\ProgramData\\ssh\\ssh_host_ed25519_key.pub` says on the host itself, and only if it is the same add it (`ssh-keyscan -p {port} {address}` prints the line)",
            port = self.port,
            address = self.address,
        ))
    }
}

/// Compares the keys, not the comments beside them.
fn is_same(one: &PublicKey, other: &PublicKey) -> bool {
    one.key_data() == other.key_data()
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::ssh_key::private::Ed25519Keypair;
    use russh::keys::{PrivateKey, PublicKeyBase64 as _};

    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDO5VpkeQP0Sf68GN5KJQeQ9pTHYggRu7fTyvvPqH1Lh1Ln0KfRtFnr6st+xtbZBluCPctAU3sFGHBi0VDuZavqizsEmuAQDlx4HBJvCbzCfzs+2LLB4hfI6ueKqL4X0zCbJVN1xM853a99I1KGVn0EAtkII4flJ39a00q2SoAT2w==";

    fn key(seed: u8) -> PublicKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
            .public_key()
            .clone()
    }

    fn line(host: &str, key: &PublicKey) -> String {
        format!("{host} ssh-ed25519 {} a comment\n", key.public_key_base64())
    }

    fn known(content: &str, address: &str, port: u16) -> Result<KnownHosts, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        std::fs::write(&path, content).unwrap();
        KnownHosts::read(Some(path), address, port)
    }

    fn judged(content: &str, address: &str, port: u16, shown: &PublicKey) -> Result<(), String> {
        known(content, address, port)?.judge(&shown.clone().into())
    }

    #[test]
    fn only_the_key_of_the_very_host_and_port_is_taken() {
        let (good, other) = (key(1), key(2));
        let file = format!(
            "# a comment\n\n{}{}{}",
            line("ms01,10.0.0.7", &good),
            line("[ms01]:2222", &other),
            line(
                "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak=",
                &good
            ),
        );
        for (address, port, shown) in [
            ("MS01", 22, &good),
            ("10.0.0.7", 22, &good),
            ("ms01", 2222, &other),
            // The hashed one.
            ("example.com", 22, &good),
        ] {
            judged(&file, address, port, shown).unwrap();
        }
        for (address, port, shown, part) in [
            ("ms01", 22, &other, "another key"),
            ("ms01", 2222, &good, "another key"),
            ("ms01", 2223, &good, "is not in"),
            ("ms02", 22, &good, "is not in"),
            ("example.com", 22, &other, "line 5"),
        ] {
            let error = judged(&file, address, port, shown).unwrap_err();
            assert!(error.contains(part) && error.contains("SHA256:"), "{error}");
            assert!(error.contains("ssh-keygen"), "no remedy: {error}");
        }
    }

    #[test]
    fn any_key_of_the_host_counts_and_the_server_is_asked_for_these() {
        let file = format!(
            "{}{}ms01 {RSA}\n",
            line("ms01", &key(1)),
            line("ms01", &key(2))
        );
        judged(&file, "ms01", 22, &key(2)).unwrap();
        let algorithms = known(&line("ms01", &key(1)), "ms01", 22)
            .unwrap()
            .algorithms();
        assert_eq!(algorithms, [Algorithm::Ed25519]);
        for unknown in ["".to_owned(), format!("ms01 {RSA}\n")] {
            let kinds = known(&unknown, "ms01", 22).unwrap().algorithms();
            assert!(
                kinds.len() == 4 && kinds[0] == Algorithm::Ed25519,
                "{kinds:?}"
            );
        }
        let error = judged(&format!("ms01 {RSA}\n"), "ms01", 22, &key(1)).unwrap_err();
        assert!(error.contains("keys of other kinds only"), "{error}");
    }

    #[test]
    fn revoked_keys_are_never_taken_wherever_they_stand() {
        let file = format!("{}@revoked {}", line("ms01", &key(1)), line("*", &key(1)));
        let error = judged(&file, "ms01", 22, &key(1)).unwrap_err();
        assert!(error.contains("revoked"), "{error}");
        let error = known("@revoked * ssh-ed25519 nonsense\n", "ms01", 22).unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn patterns_and_authorities_are_not_taken_for_the_host() {
        for host in ["*", "ms0?", "@cert-authority ms01", "!ms01"] {
            assert!(
                judged(&line(host, &key(1)), "ms01", 22, &key(1)).is_err(),
                "{host}"
            );
        }
    }

    #[test]
    fn a_file_that_is_not_there_or_no_text_is_an_error() {
        let error = KnownHosts::read(Some("/not/there".into()), "ms01", 22).unwrap_err();
        assert!(error.contains("/not/there"), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(KnownHosts::read(Some(path), "ms01", 22).is_err());
    }
}
