use crate::secret::{Scrubber, Secret};

/// How to sign in.
#[derive(Clone, Debug)]
pub struct Login(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Integrated,
    SqlServer { user: String, password: Secret },
}

impl Login {
    /// A login of SQL Server's own.
    #[must_use]
    pub fn sql_server(user: impl Into<String>, password: Secret) -> Self {
        Self(Kind::SqlServer {
            user: user.into(),
            password,
        })
    }

    /// As whoever this process runs as: on Windows by SSPI, elsewhere by Kerberos with the ticket
    /// at hand (`kinit`). Each transport says where it can.
    #[must_use]
    pub const fn integrated() -> Self {
        Self(Kind::Integrated)
    }

    /// Takes the password out of what a server or a driver says.
    pub(super) fn scrub(&self, text: &str) -> String {
        match &self.0 {
            Kind::Integrated => text.to_owned(),
            Kind::SqlServer { password, .. } => Scrubber::of(&[password]).text(text),
        }
    }
}
