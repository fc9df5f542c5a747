use std::fmt;
use std::net::SocketAddr;

use crate::names::{DatabaseName, SqlInstance};
use crate::secret::Secret;
use crate::transport::SqlTransport;

/// How the suite gets the transport that it tests.
///
/// Each call makes a new transport; several are used at once.
pub trait SqlTransportFixture: fmt::Debug + Send + Sync {
    /// The name under which [`transport`](Self::transport) and the others know their server.
    fn instance(&self) -> SqlInstance;

    /// A transport to a healthy server.
    fn transport(&self) -> Box<dyn SqlTransport>;

    /// The database that the login is in when none is asked for. Default: `master`.
    fn default_database(&self) -> Option<DatabaseName> {
        "master".parse().ok()
    }

    /// Another database that the login may enter. Default: `tempdb`.
    fn other_database(&self) -> Option<DatabaseName> {
        "tempdb".parse().ok()
    }

    /// A transport to the same server with the same login, but with this password.
    ///
    /// `None`, the default, where there is no password; what needs one is then not applicable.
    fn with_password(&self, _password: Secret) -> Option<Box<dyn SqlTransport>> {
        None
    }

    /// A transport to a server that the suite plays, under the name [`instance`](Self::instance).
    ///
    /// It must be set up as the real one is: the same deadlines, the same checks. `None` where the
    /// transport has no wire (the default), or can't be protected in that way.
    fn reach(&self, _server: &PlayedServer) -> Option<Box<dyn SqlTransport>> {
        None
    }
}

/// Where a server of the suite's own listens, and how a client is to sign in there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlayedServer {
    /// Where it listens: always on loopback.
    pub address: SocketAddr,
    /// How the transport is to protect the connection.
    pub protection: Protection,
    /// The login to use, of SQL Server's own kind.
    pub login: String,
    /// Its password. It must be found nowhere after.
    pub password: Secret,
}

/// How a transport is to protect its connection to a played server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protection {
    /// All of it by TLS, in the manner of TDS 7.4; the certificate must bear the address, and come
    /// from the authority in this PEM text.
    Tls {
        /// The authority's certificate.
        ca_pem: String,
    },
    /// Not at all.
    Plain,
    /// As [`Tls`](Self::Tls), but in the manner of TDS 8.0: TLS comes before anything else.
    Strict {
        /// The authority's certificate.
        ca_pem: String,
    },
}
