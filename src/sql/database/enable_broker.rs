use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration::{self, Eviction};
use super::inspect::DatabaseInfo;
use super::take_ownership::Owners;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "enable broker";

/// Enables the Service Broker of a database. A late step: after the owner is right and the data is
/// proved, because activation runs the database's own code from then on.
///
/// # Contract
/// * It needs the database alone for a moment: who is in it is sent out only with the evidence of
///   what was seen ([`evicting`](Self::evicting)).
/// * The owner recorded in `master` and the one in the database must be the same, or activation fails
///   later, out of sight: refused until ownership was taken.
/// * Where the original is alive, its copy needs an identity of its own
///   ([`with_new_identity`](Self::with_new_identity)), and loses the conversations that are open. An
///   original on the same instance is found, and the step refused without that; one elsewhere is for
///   the operator to know.
///
/// # Errors
/// `NotFound`, `Busy`, `ConsentRequired`, `Incompatible` (owners differ), `AlreadyExists` (another
/// database on the instance has that broker), `PermissionDenied`, `Unsupported` (availability group):
/// nothing was changed. `Unknown` when the answer was lost.
///
/// # Cancel safety
/// Dropping the future leaves it done or not done, which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `ALTER DATABASE […] SET ENABLE_BROKER WITH ROLLBACK IMMEDIATE`, or `NEW_BROKER`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct EnableBroker {
    instance: SqlInstance,
    database: DatabaseName,
    identity: Identity,
    evicting: Eviction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Identity {
    Kept,
    New,
}

impl EnableBroker {
    pub(super) fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            identity: Identity::Kept,
            evicting: Eviction::default(),
        }
    }

    /// Gives the broker a new identity and drops all conversations: for a copy whose original is
    /// alive.
    pub fn with_new_identity(mut self) -> Self {
        self.identity = Identity::New;
        self
    }

    /// Consents to sending out whoever is in the database that was seen.
    pub fn evicting(mut self, seen: &DatabaseInfo) -> Self {
        self.evicting = Eviction::of(seen);
        self
    }

    fn target(&self) -> String {
        alteration::target(&self.database, &self.instance)
    }

    fn statement(&self) -> Statement {
        alteration::alter(&self.database)
            .text(match self.identity {
                Identity::Kept => " SET ENABLE_BROKER",
                Identity::New => " SET NEW_BROKER",
            })
            .text(self.evicting.termination())
    }

    async fn enable(&self, cx: &Context) -> Result<DatabaseInfo> {
        alteration::refuse_system("database", &self.database)?;
        let permissions = [self.permission()];
        let (mut connection, found) =
            alteration::begin(cx, &self.instance, &self.database, &permissions).await?;
        if found.state != "ONLINE" {
            return Err(Error::new(
                ErrorKind::Busy,
                format!("the database is {}", found.state),
            ));
        }
        self.evicting.check(&found)?;
        if !Owners::read(&mut connection, &found.name).await?.agree() {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "the owner in master and the owner in the database differ, so that activation would fail (33009)",
            )
            .with_remedy("name its owner first, with Database::take_ownership"));
        }
        if self.identity == Identity::Kept {
            refuse_original(&mut connection, &found).await?;
        }
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "enable the Service Broker",
        });
        alteration::send(&mut connection, self.statement(), &permissions[0]).await?;
        let done = |error: Error| error.with_effect(Effect::Done);
        let after = DatabaseInfo::require(&mut connection, &self.database)
            .await
            .map_err(done)?;
        if after.is_broker_enabled {
            return Ok(after);
        }
        Err(done(Error::new(
            ErrorKind::Corrupt,
            "after it the broker is not enabled",
        )))
    }

    fn permission(&self) -> Permission {
        Permission::database("ALTER", &self.database)
    }
}

/// Two databases of one instance can't both have a broker of one identity (9772).
async fn refuse_original(connection: &mut Connection<'_>, found: &DatabaseInfo) -> Result<()> {
    let batch = Statement::new(
        "SELECT o.name FROM sys.databases AS o JOIN sys.databases AS d \
         ON d.service_broker_guid = o.service_broker_guid AND d.database_id <> o.database_id \
         WHERE o.is_broker_enabled = 1 AND o.state = 0 AND d.database_id = ",
    )
    .number(found.id)
    .batch();
    let answer = connection.look(batch).await?;
    let Some(original) = answer.rows(0).next() else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "the broker of {} has the same identity and is enabled",
            original.text("name")?
        ),
    )
    .with_remedy("take that database offline if it is the old one, or give this one a new identity with .with_new_identity()"))
}

impl Sealed for EnableBroker {}

#[async_trait]
impl Operation for EnableBroker {
    type Output = DatabaseInfo;

    fn describe(&self) -> Description {
        let database = || self.database.to_string();
        let mut hazards = vec![
            Hazard::EvictsSessions {
                database: database(),
            },
            Hazard::StartsActivation {
                database: database(),
            },
        ];
        if self.identity == Identity::New {
            hazards.push(Hazard::DropsConversations {
                database: database(),
            });
        }
        Description {
            target: self.target(),
            action: "enable the Service Broker of the database".to_owned(),
            script: vec![self.statement().shown()],
            hazards,
            permissions: vec![self.permission()],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let found = DatabaseInfo::require(&mut connection, &self.database).await?;
            Ok(match (found.is_broker_enabled, self.identity) {
                (false, _) => Observation::NotDone,
                (true, Identity::Kept) => Observation::Done,
                (true, Identity::New) => Observation::Indeterminate {
                    seen: "the broker is enabled; whether its identity is a new one can't be told"
                        .to_owned(),
                },
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.enable(cx)).await
    }
}
