//! What an operation endangers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that an operation endangers, in terms that a DBA can weigh.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hazard", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Hazard {
    /// Work that runs or waits is ended, wherever it is in what it does.
    CancelsJobs {
        /// What there is, in a few words each.
        jobs: Vec<String>,
    },
    /// A backup needs a certificate whose private key was never backed up where it is: lost with that
    /// server, it takes the backup with it.
    CertificateNotBackedUp {
        /// Its name in `master` there.
        certificate: String,
        /// Its thumbprint, in hexadecimal.
        thumbprint: String,
    },
    /// Encrypted values become unreadable for good, and have to be typed in again.
    DestroysEncryptedValues {
        /// The database.
        database: String,
        /// How many, column by column.
        values: Vec<String>,
    },
    /// What depends on the service master key could not all be seen.
    DependentsIncomplete {
        /// What is missing from the list, and why.
        what: String,
    },
    /// The master key of the database `master` is encrypted anew. If it does not open afterwards,
    /// encrypted databases (TDE) don't come up at the instance's next start (documented).
    EndangersStart,
    /// The broker of a database drops all its conversations.
    DropsConversations {
        /// The database.
        database: String,
    },
    /// Processes of services that don't stop are ended from outside: what they were about is cut off.
    EndsProcesses {
        /// `NUMBER of SERVICE on HOST`.
        processes: Vec<String>,
    },
    /// The authorization cache is emptied: until it is computed anew, nobody sees runbooks in the console.
    EmptiesAuthorizationCache {
        /// The database.
        database: String,
    },
    /// Every session in a database ends, and loses what it has not committed.
    EvictsSessions {
        /// The database.
        database: String,
    },
    /// Logins get the whole server, or a way to it.
    GrantsServerPowers {
        /// `LOGIN: POWER`.
        powers: Vec<String>,
    },
    /// What the present key does not decrypt is given up (`FORCE`): unreadable from then on, unless
    /// the new key is the one that it is under.
    LosesWhatDoesNotDecrypt {
        /// Where that may be.
        what: String,
    },
    /// All users of a database get in.
    OpensToUsers {
        /// The database.
        database: String,
    },
    /// Logins get what users of their name may do, though nothing but the name says that they are the
    /// same person.
    MapsUsersByName {
        /// `USER as LOGIN`.
        users: Vec<String>,
    },
    /// A password that opens the database's keys is stored with the database: whoever has it and
    /// a backup that is made afterwards reads everything.
    OpensByPassword {
        /// The database.
        database: String,
    },
    /// An existing database is deleted, and what was written to it since its last backup with it.
    OverwritesDatabase {
        /// Its name.
        database: String,
    },
    /// Application pools of IIS are recycled that other applications are in: those lose what they keep in
    /// memory.
    RecyclesSharedPools {
        /// `POOL of SITE/APPLICATION, …`.
        pools: Vec<String>,
    },
    /// Who asks for a database by its name does not find it any more.
    RenamesDatabase {
        /// The name it had.
        from: String,
        /// The name it gets.
        to: String,
    },
    /// The master key of a database is replaced: its keys and certificates are encrypted anew. Older
    /// backups of it still need the old key.
    ReplacesDatabaseMasterKey {
        /// The database.
        database: String,
    },
    /// The service master key of the whole instance is replaced: everything encrypted under it is
    /// re-encrypted. Older backups of these databases still need the old key.
    ReplacesServiceMasterKey {
        /// What depends on it: databases, credentials, linked logins.
        dependents: Vec<String>,
    },
    /// Work that ran or waited when the database was backed up may run again, once `orunbook` starts
    /// (community reports).
    ResumesOldJobs {
        /// What there is, in a few words each.
        jobs: Vec<String>,
    },
    /// Setup installs on a host, which is to have nothing of Orchestrator: what it does is not taken back.
    Reinstalls {
        /// The host.
        host: String,
        /// What is installed: `RunbookServer`.
        components: Vec<String>,
    },
    /// Every client of SQL Server on a host that asks for a name is led to another server, not
    /// Orchestrator alone.
    RedirectsAllClients {
        /// The host.
        host: String,
        /// The name that is asked for.
        name: String,
        /// Where it leads then.
        to: String,
    },
    /// Everything written after the backup is lost.
    RecoveryPoint {
        /// When the backup ended, by the clock of the server that made it.
        backup_finish: String,
    },
    /// Secrets stand on a command line: whoever may list the processes of the host reads them while the
    /// program runs, and its event log keeps them where it is told to (event 4688).
    SecretOnCommandLine {
        /// The host.
        host: String,
        /// The names of the secrets.
        secrets: Vec<String>,
    },
    /// The database's own code runs by itself from then on.
    StartsActivation {
        /// The database.
        database: String,
    },
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CancelsJobs { jobs } => write!(
                f,
                "ends work, wherever it is in what it does: {}",
                jobs.join(", ")
            ),
            Self::CertificateNotBackedUp {
                certificate,
                thumbprint,
            } => write!(
                f,
                "the certificate {certificate} (thumbprint 0x{thumbprint}), which the backup needs, was never backed up with its private key: without it nobody restores the backup elsewhere; Certificate::backup"
            ),
            Self::DestroysEncryptedValues { database, values } => write!(
                f,
                "makes every encrypted value of the database {database} unreadable for good ({}), and the licence key",
                values.join(", ")
            ),
            Self::DependentsIncomplete { what } => {
                write!(
                    f,
                    "not everything under the service master key could be seen: {what}"
                )
            }
            Self::EndangersStart => f.write_str(
                "encrypts the master key of the database master anew, without which encrypted databases don't come up at the next start",
            ),
            Self::DropsConversations { database } => write!(
                f,
                "drops all conversations of the Service Broker of the database {database}"
            ),
            Self::EmptiesAuthorizationCache { database } => write!(
                f,
                "empties the authorization cache of the database {database}, by a recipe of the community; until it is computed anew nobody sees runbooks in the console"
            ),
            Self::EvictsSessions { database } => write!(
                f,
                "ends every session in the database {database}, with what it has not committed"
            ),
            Self::GrantsServerPowers { powers } => write!(
                f,
                "gives logins the whole server, or a way to it: {}",
                powers.join(", ")
            ),
            Self::EndsProcesses { processes } => write!(
                f,
                "ends processes from outside if their services don't stop: {}",
                processes.join(", ")
            ),
            Self::OpensToUsers { database } => {
                write!(f, "lets all users into the database {database}")
            }
            Self::RecyclesSharedPools { pools } => write!(
                f,
                "recycles application pools with other applications in them: {}",
                pools.join("; ")
            ),
            Self::RenamesDatabase { from, to } => write!(
                f,
                "calls the database {from} {to}, so that whoever asks for {from} does not find it"
            ),
            Self::Reinstalls { host, components } => write!(
                f,
                "installs {} on {host}, which is not taken back",
                components.join(" and ")
            ),
            Self::RedirectsAllClients { host, name, to } => write!(
                f,
                "leads every client of SQL Server on {host} that asks for {name} to {to}, not Orchestrator alone"
            ),
            Self::SecretOnCommandLine { host, secrets } => write!(
                f,
                "puts secrets on a command line, where others on {host} and its event log can read them: {}",
                secrets.join(", ")
            ),
            Self::StartsActivation { database } => write!(
                f,
                "lets the code of the database {database} run by itself (activation)"
            ),
            Self::LosesWhatDoesNotDecrypt { what } => {
                write!(
                    f,
                    "gives up what the present key does not decrypt of: {what}"
                )
            }
            Self::MapsUsersByName { users } => write!(
                f,
                "gives logins the rights of users that only share their name: {}",
                users.join(", ")
            ),
            Self::OpensByPassword { database } => write!(
                f,
                "lets whoever has the password read the database {database} and every backup of it from now on"
            ),
            Self::OverwritesDatabase { database } => write!(
                f,
                "deletes the existing database {database} and all written to it since its last backup"
            ),
            Self::ReplacesDatabaseMasterKey { database } => write!(
                f,
                "replaces the master key of the database {database}; its older backups still need the old key"
            ),
            Self::ReplacesServiceMasterKey { dependents } if dependents.is_empty() => {
                f.write_str("replaces the service master key of the instance")
            }
            Self::ReplacesServiceMasterKey { dependents } => write!(
                f,
                "replaces the service master key of the instance, under which also live: {}",
                dependents.join(", ")
            ),
            Self::ResumesOldJobs { jobs } => write!(
                f,
                "lets work of the time of the backup run again: {}",
                jobs.join(", ")
            ),
            Self::RecoveryPoint { backup_finish } => {
                write!(
                    f,
                    "everything after {backup_finish} (the backup's end, server time) is lost"
                )
            }
        }
    }
}
