use std::path::PathBuf;

use crate::secret::Secret;

/// Who signs in to a host, and with what. Never with a password: whoever answers in the host's place would have it.
#[derive(Clone, Debug)]
pub struct SshLogin {
    pub(super) user: String,
    pub(super) key: Key,
}

#[derive(Clone, Debug)]
pub(super) enum Key {
    /// What an agent holds; `None`: the agent of this user.
    Agent(Option<PathBuf>),
    File(PathBuf, Option<Secret>),
    Text(Secret, Option<Secret>),
}

impl SshLogin {
    /// With the keys of this user's agent: the socket that `SSH_AUTH_SOCK` names, on Windows the pipe of its own
    /// agent service, `\\.\pipe\openssh-ssh-agent`. They are offered one after the other, the first six at most
    /// (servers hear of no more).
    #[must_use]
    pub fn agent(user: impl Into<String>) -> Self {
        Self::with(user.into(), Key::Agent(None))
    }

    /// With the keys of the agent at this socket; on Windows: at this pipe.
    #[must_use]
    pub fn agent_at(user: impl Into<String>, address: impl Into<PathBuf>) -> Self {
        Self::with(user.into(), Key::Agent(Some(address.into())))
    }

    /// With the private key in this file, which nobody else may read. RSA is not taken: make an Ed25519 key
    /// (`ssh-keygen -t ed25519`).
    #[must_use]
    pub fn key_file(user: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self::with(user.into(), Key::File(path.into(), None))
    }

    /// With this private key, the text of such a file.
    #[must_use]
    pub fn key(user: impl Into<String>, key: Secret) -> Self {
        Self::with(user.into(), Key::Text(key, None))
    }

    const fn with(user: String, key: Key) -> Self {
        Self { user, key }
    }

    /// The passphrase under which the private key is. Of no use with an agent.
    #[must_use]
    pub fn passphrase(mut self, secret: Secret) -> Self {
        match &mut self.key {
            Key::File(_, passphrase) | Key::Text(_, passphrase) => *passphrase = Some(secret),
            Key::Agent(_) => {}
        }
        self
    }
}
