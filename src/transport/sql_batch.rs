use std::fmt;

use zeroize::Zeroizing;

/// A T-SQL batch and its redacted twin.
///
/// The clear text may hold a secret (keys are backed up under a password that T-SQL takes as a
/// literal only): it is zeroized when dropped, and only a transport reads it. Everything that is
/// shown, logged or kept is the twin.
pub struct SqlBatch {
    clear_text: Zeroizing<String>,
    redacted: String,
}

impl SqlBatch {
    /// A batch without secrets: its twin is itself.
    #[must_use]
    pub fn open(text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            redacted: text.clone(),
            clear_text: Zeroizing::new(text),
        }
    }

    /// A batch with secrets and the twin in which they read `***`.
    #[must_use]
    pub const fn secret(clear_text: Zeroizing<String>, redacted: String) -> Self {
        Self {
            clear_text,
            redacted,
        }
    }

    /// The text to send. For transports only: never shown, logged or kept.
    #[must_use]
    pub fn clear_text(&self) -> &str {
        &self.clear_text
    }

    /// The text with `***` for each secret.
    #[must_use]
    pub fn redacted(&self) -> &str {
        &self.redacted
    }

    /// Whether the clear text holds a secret, so that only a protected session may carry it.
    #[must_use]
    pub fn holds_secret(&self) -> bool {
        *self.clear_text != self.redacted
    }
}

impl fmt::Debug for SqlBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SqlBatch").field(&self.redacted).finish()
    }
}
