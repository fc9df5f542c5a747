use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::sql::answer::Answer;
use crate::sql::numbers;
use crate::transport::MessageSupport;

/// What became of the key that another one was restored over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyRestoreOutcome {
    /// The transport reports no messages, so it can't be told whether the file's key was the one
    /// that was there.
    NotTold,
    /// The file's key took the place of another one.
    Replaced,
    /// The file's key was there already (15588).
    Same,
}

impl KeyRestoreOutcome {
    /// Reads it from the messages of a RESTORE that succeeded.
    pub(crate) fn read(cx: &Context, answer: &Answer) -> Self {
        let mut messages = answer.messages().iter();
        if cx.sql().capabilities().messages == MessageSupport::None {
            Self::NotTold
        } else if messages.any(|message| message.number == numbers::KEYS_IDENTICAL) {
            Self::Same
        } else {
            Self::Replaced
        }
    }
}
