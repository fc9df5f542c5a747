use std::fmt;

use serde::{Deserialize, Serialize};

/// A keyword of SqlClient's connection strings that matters here, under whichever of its names
/// (documented: `SqlConnection.ConnectionString`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SqlClientKeyword {
    /// `Application Name`.
    ApplicationName,
    /// `Application Intent`.
    ApplicationIntent,
    /// `AttachDbFilename`.
    AttachedFile,
    /// `Authentication`.
    Authentication,
    /// `Connect Timeout`.
    ConnectTimeout,
    /// `Initial Catalog`, `Database`: the database.
    Database,
    /// `Encrypt`.
    Encrypt,
    /// `Failover Partner`: a server that is asked where the first one is not there.
    FailoverPartner,
    /// `HostNameInCertificate`.
    HostNameInCertificate,
    /// `Integrated Security`, `Trusted_Connection`.
    IntegratedSecurity,
    /// `MultipleActiveResultSets`.
    MultipleActiveResultSets,
    /// `MultiSubnetFailover`.
    MultiSubnetFailover,
    /// `Password`. Its value is never shown.
    Password,
    /// `Persist Security Info`.
    PersistSecurityInfo,
    /// `Data Source`, `Server`, `Address`: the instance.
    Server,
    /// `Server SPN`.
    ServerSpn,
    /// `TrustServerCertificate`.
    TrustServerCertificate,
    /// `User ID`.
    UserId,
}

use SqlClientKeyword as K;

/// Each name, in small letters and without blanks and underscores. Its first row is how we write it.
const NAMES: &[(K, &[&str])] = &[
    (K::ApplicationName, &["applicationname", "app"]),
    (K::ApplicationIntent, &["applicationintent"]),
    (
        K::AttachedFile,
        &["attachdbfilename", "extendedproperties", "initialfilename"],
    ),
    (K::Authentication, &["authentication"]),
    (
        K::ConnectTimeout,
        &["connecttimeout", "connectiontimeout", "timeout"],
    ),
    (K::Database, &["initialcatalog", "database"]),
    (K::Encrypt, &["encrypt"]),
    (K::FailoverPartner, &["failoverpartner"]),
    (K::HostNameInCertificate, &["hostnameincertificate"]),
    (
        K::IntegratedSecurity,
        &["integratedsecurity", "trustedconnection"],
    ),
    (K::MultipleActiveResultSets, &["multipleactiveresultsets"]),
    (K::MultiSubnetFailover, &["multisubnetfailover"]),
    (K::Password, &["password", "pwd"]),
    (K::PersistSecurityInfo, &["persistsecurityinfo"]),
    (
        K::Server,
        &["datasource", "server", "address", "addr", "networkaddress"],
    ),
    (K::ServerSpn, &["serverspn"]),
    (K::TrustServerCertificate, &["trustservercertificate"]),
    (K::UserId, &["userid", "uid", "user"]),
];

impl SqlClientKeyword {
    /// The keyword of that name, without regard to case, blanks and underscores: that two names are
    /// one is believed rather than that they are two.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name: String = name
            .chars()
            .filter(|c| !matches!(c, ' ' | '_'))
            .flat_map(char::to_lowercase)
            .collect();
        NAMES
            .iter()
            .find(|(_, names)| names.contains(&name.as_str()))
            .map(|(keyword, _)| *keyword)
    }

    /// The name under which a connection string gets it, where it has none.
    pub(super) const fn in_connection_string(self) -> &'static str {
        match self {
            Self::Database => "Initial Catalog",
            Self::Server => "Data Source",
            Self::TrustServerCertificate => "TrustServerCertificate",
            _ => "",
        }
    }

    /// The name under which the environment gets it, where it has none: that of Microsoft's sample.
    pub(super) const fn in_environment(self) -> &'static str {
        match self {
            Self::Database => "Database__Database",
            Self::Server => "Database__Address",
            Self::TrustServerCertificate => "Database__TrustServerCertificate",
            _ => "",
        }
    }
}

impl fmt::Display for SqlClientKeyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_are_one() {
        for (name, keyword) in [
            ("Data Source", Some(K::Server)),
            ("ADDRESS", Some(K::Server)),
            ("network address", Some(K::Server)),
            ("Trusted_Connection", Some(K::IntegratedSecurity)),
            ("Integrated Security", Some(K::IntegratedSecurity)),
            ("Pwd", Some(K::Password)),
            ("Trust Server Certificate", Some(K::TrustServerCertificate)),
            ("Provider", None),
            ("", None),
        ] {
            assert_eq!(K::named(name), keyword, "{name}");
        }
    }

    #[test]
    fn a_name_belongs_to_one_keyword() {
        let mut all: Vec<&str> = NAMES
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        for keyword in [K::Database, K::Server, K::TrustServerCertificate] {
            assert_eq!(K::named(keyword.in_connection_string()), Some(keyword));
            let name = keyword.in_environment().strip_prefix("Database__");
            assert_eq!(name.and_then(K::named), Some(keyword));
        }
    }
}
