use crate::names::HostPath;
use crate::secret::Secret;

/// A program with its arguments, secrets among them: for one that takes them in no other way.
///
/// Command lines are public: whoever may list the processes of the host reads them, and event 4688 keeps
/// them where it is told to. Operations that need it say so and want consent.
#[derive(Debug)]
#[allow(
    clippy::exhaustive_structs,
    reason = "adapters must obey all of it, and a new member must reach them"
)]
pub struct ExposingCommand {
    /// The program, by its whole path: none is looked for.
    pub program: HostPath,
    /// The arguments as the program is to see them. Quoting is the adapter's, done once.
    pub arguments: Vec<CommandArgument>,
}

/// An argument of an [`ExposingCommand`].
#[derive(Clone, Debug)]
#[allow(
    clippy::exhaustive_enums,
    reason = "adapters must obey all of it, and a new kind must reach them"
)]
pub enum CommandArgument {
    /// One that anybody may see.
    Plain(String),
    /// One that ends in a secret: `/ServicePassword:` and the password.
    Exposing {
        /// What stands before the secret.
        prefix: String,
        /// The secret.
        secret: Secret,
    },
}

impl CommandArgument {
    /// The argument as the program is to see it.
    #[must_use]
    pub fn whole(&self) -> Secret {
        Secret::new(match self {
            Self::Plain(text) => text.clone(),
            Self::Exposing { prefix, secret } => [prefix, secret.expose()].concat(),
        })
    }

    /// The argument as logs and plans may show it, with `***` for the secret.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Exposing { prefix, .. } => format!("{prefix}***"),
        }
    }
}
