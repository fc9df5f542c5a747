use std::path::Path;
use std::sync::Arc;

use russh::client::Handle;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::{AgentClient, AgentStream};
use russh::keys::{Algorithm, Error, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};

use super::ear::Ear;
use super::login::{Key, SshLogin};
use crate::adapter::secrets::private_file;
use crate::secret::Secret;
use crate::transport::{HostError, TransportErrorKind};

type Agent = AgentClient<Box<dyn AgentStream + Send + Unpin>>;

/// Servers of OpenSSH end the connection after six keys (`MaxAuthTries`, documented).
const MOST_KEYS: usize = 6;

fn refused(detail: impl Into<String>) -> HostError {
    HostError::lost(TransportErrorKind::Authenticate, detail)
}

/// Signs in. The server's key was checked before.
pub(super) async fn sign_in(handle: &mut Handle<Ear>, login: &SshLogin) -> Result<(), HostError> {
    let user = &login.user;
    let key = match &login.key {
        Key::Agent(address) => return with_agent(handle, user, address.as_deref()).await,
        Key::Text(key, passphrase) => {
            private_key(key.clone(), passphrase.clone(), "the private key").await?
        }
        Key::File(path, passphrase) => {
            let what = format!("the private key {}", path.display());
            let text =
                private_file(path).map_err(|problem| refused(format!("{what}: {problem}")))?;
            private_key(text, passphrase.clone(), &what).await?
        }
    };
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    let answer = handle.authenticate_publickey(user, key).await;
    match answer {
        Ok(answer) if answer.success() => Ok(()),
        Ok(_) => Err(refused(format!(
            "the server does not take this key for {user}: add its public half to authorized_keys there (of administrators it is C:\\ProgramData\\ssh\\administrators_authorized_keys, documented)"
        ))),
        Err(error) => Err(lost_on_the_way(&error)),
    }
}

fn lost_on_the_way(error: &dyn std::fmt::Display) -> HostError {
    HostError::lost(TransportErrorKind::Connect, format!("signing in: {error}"))
}

/// Deriving a key from a passphrase takes its time on purpose: not on a thread that others wait for.
async fn private_key(
    text: Secret,
    passphrase: Option<Secret>,
    what: &str,
) -> Result<PrivateKey, HostError> {
    let decoded = tokio::task::spawn_blocking(move || {
        decode_secret_key(text.expose(), passphrase.as_ref().map(Secret::expose))
    });
    let problem = match decoded.await {
        Ok(Ok(key)) => return Ok(key),
        Ok(Err(Error::KeyIsEncrypted)) => "it is under a passphrase; call SshLogin::passphrase".to_owned(),
        // What the library says of a key's inside might show some of it.
        Ok(Err(_)) => "it can't be read: the passphrase is wrong, or it is no key of OpenSSH's, PuTTY's or PKCS#8's form, or of a kind other than Ed25519 and ECDSA".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(refused(format!("{what}: {problem}")))
}

async fn with_agent(
    handle: &mut Handle<Ear>,
    user: &str,
    address: Option<&Path>,
) -> Result<(), HostError> {
    let no_agent =
        |error: &dyn std::fmt::Display| refused(format!("the SSH agent can't be asked: {error}"));
    let mut agent = agent(address).await.map_err(|error| no_agent(&error))?;
    if let Some(binding) = handle.agent_session_binding() {
        // Agents that don't know the request refuse it. Those that do hand out keys that are bound to hosts.
        drop(agent.bind_session(&binding.clone(), false).await);
    }
    let identities = agent
        .request_identities()
        .await
        .map_err(|error| no_agent(&error))?;
    let keys = identities.iter().filter_map(|identity| match identity {
        AgentIdentity::PublicKey { key, .. }
            if !matches!(key.algorithm(), Algorithm::Rsa { .. }) =>
        {
            Some(key)
        }
        _ => None,
    });
    let mut offered = 0;
    for key in keys.take(MOST_KEYS) {
        offered += 1;
        let answer = handle
            .authenticate_publickey_with(user, key.clone(), None, &mut agent)
            .await;
        match answer {
            Ok(answer) if answer.success() => return Ok(()),
            _ if handle.is_closed() => break,
            // The next one: an agent may refuse to sign with a key that it shows.
            Ok(_) | Err(_) => {}
        }
    }
    Err(refused(format!(
        "the server takes none of the agent's keys for {user} ({offered} of {} were offered; RSA keys and certificates are not): add the public half of one to authorized_keys there, or the key to the agent",
        identities.len()
    )))
}

#[cfg(unix)]
async fn agent(address: Option<&Path>) -> Result<Agent, Error> {
    let agent = match address {
        Some(path) => AgentClient::connect_uds(path).await?,
        None => AgentClient::connect_env().await?,
    };
    Ok(agent.dynamic())
}

#[cfg(windows)]
async fn agent(address: Option<&Path>) -> Result<Agent, Error> {
    let pipe = address.unwrap_or_else(|| Path::new(r"\\.\pipe\openssh-ssh-agent"));
    Ok(AgentClient::connect_named_pipe(pipe).await?.dynamic())
}
