use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{DisconnectReason, Handler};
use russh::keys::PublicKeyOrCertificate;

use super::known_hosts::KnownHosts;

/// What is heard of a connection outside of its calls: the server's key, and how it ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    refused_key: Option<String>,
    end: Option<String>,
}

impl Heard {
    fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Why the server's key was not taken.
    pub(super) fn refused_key(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .refused_key
            .take()
    }

    /// How the connection ended, if it did.
    pub(super) fn end(&self) -> String {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes
            .end
            .clone()
            .unwrap_or_else(|| "the channel was closed".to_owned())
    }
}

/// Listens to a connection.
#[derive(Debug)]
pub(super) struct Ear {
    pub(super) known: KnownHosts,
    pub(super) heard: Heard,
}

impl Handler for Ear {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let judged = self.known.judge(shown);
        let is_known = judged.is_ok();
        self.heard.note(|notes| notes.refused_key = judged.err());
        Ok(is_known)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        let (text, result) = match reason {
            DisconnectReason::ReceivedDisconnect(told) => (
                format!(
                    "the server ended it: {:?} {}",
                    told.reason_code, told.message
                ),
                Ok(()),
            ),
            DisconnectReason::Error(error) => (error.to_string(), Err(error)),
        };
        self.heard.note(|notes| notes.end = Some(text));
        result
    }
}
