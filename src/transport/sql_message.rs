use serde::{Deserialize, Serialize};

/// A message of SQL Server: informational, or an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(
    clippy::exhaustive_structs,
    reason = "hosts make them; the six fields are TDS's own"
)]
pub struct SqlMessage {
    /// The number, as in `sys.messages`.
    pub number: i32,
    /// The state: where in the server it was raised.
    pub state: u8,
    /// The class as sent: 0 to 10 informational, 11 and above an error, 20 and above ends the
    /// connection. (The table of messages often has another severity.)
    pub class: u8,
    /// The text, in the language of the login.
    pub text: String,
    /// The procedure it was raised in, or empty.
    pub procedure: String,
    /// The line in the batch or procedure, from 1.
    pub line: u32,
}

impl SqlMessage {
    /// Whether it is an error (class 11 and above).
    #[must_use]
    pub const fn is_error(&self) -> bool {
        self.class > 10
    }
}
