use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::alteration;
use super::inspect::DatabaseInfo;
use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::names::{DatabaseName, LoginName, SqlInstance};
use crate::operation::{Description, Observation, Operation, required, sealed::Sealed, shown};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "take database ownership";
/// The SID of `sa`, whatever it is called.
const SA: [u8; 1] = [1];

/// Gives a database its owner: after a restore it is whoever restored it, and the one recorded in the
/// database may be nobody here.
///
/// # Contract
/// * The owner is named ([`by`](Self::by)) and is never the login that runs this, nor `sa` unless
///   asked ([`by_sa`](Self::by_sa)).
/// * A database that is TRUSTWORTHY is refused: its code would get the new owner's rights on the
///   server.
/// * Afterwards the owner in `master` and the one in the database are read, and must be that one.
///
/// # Errors
/// `InvalidInput`, `NotFound` (database or login), `AlreadyExists` (15110: the login is a user in it),
/// `Incompatible` (TRUSTWORTHY), `PermissionDenied`, `Unsupported` (availability group): nothing was
/// changed. `Unknown` when the answer was lost.
///
/// # Cancel safety
/// Dropping the future leaves it done or not done, which [`observe`](Operation::observe) tells.
///
/// # T-SQL
/// `ALTER AUTHORIZATION ON DATABASE::[…] TO […]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct TakeDatabaseOwnership {
    instance: SqlInstance,
    database: DatabaseName,
    owner: Option<NewOwner>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum NewOwner {
    Login(LoginName),
    Sa,
}

/// Who owns a database: by `master`, and by itself.
#[derive(Debug)]
pub(super) struct Owners {
    in_master: Vec<u8>,
    in_database: Vec<u8>,
}

impl Owners {
    /// Enters the database.
    pub(super) async fn read(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
    ) -> Result<Self> {
        let batch = Statement::new("USE ")
            .identifier(database.as_str())
            .text(
                "; SELECT (SELECT owner_sid FROM sys.databases WHERE database_id = DB_ID()) AS in_master, \
                 (SELECT sid FROM sys.database_principals WHERE principal_id = 1) AS in_database; USE master",
            )
            .batch();
        let answer = connection.look(batch).await?;
        let row = answer.first()?;
        let sid =
            |name: &str| Ok::<_, Error>(row.bytes_or_null(name)?.unwrap_or_default().to_owned());
        Ok(Self {
            in_master: sid("in_master")?,
            in_database: sid("in_database")?,
        })
    }

    pub(super) fn agree(&self) -> bool {
        self.in_master == self.in_database
    }

    fn are(&self, sid: &[u8]) -> bool {
        self.in_master == sid && self.in_database == sid
    }
}

/// A login that is to own a database.
#[derive(Debug)]
struct Candidate {
    name: String,
    sid: Vec<u8>,
}

impl TakeDatabaseOwnership {
    pub(super) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self {
            instance,
            database,
            owner: None,
        }
    }

    /// The login that is to own it. This, or [`by_sa`](Self::by_sa), is required.
    pub fn by(mut self, login: LoginName) -> Self {
        self.owner = Some(NewOwner::Login(login));
        self
    }

    /// Lets `sa` own it, whatever that login is called: the administrator's choice, because the
    /// database's code then is one step from the whole server.
    pub fn by_sa(mut self) -> Self {
        self.owner = Some(NewOwner::Sa);
        self
    }

    fn target(&self) -> String {
        alteration::target(&self.database, &self.instance)
    }

    async fn candidate(&self, connection: &mut Connection<'_>) -> Result<Candidate> {
        let owner = required(self.owner.as_ref(), "by")?;
        let batch = match owner {
            NewOwner::Login(login) => Statement::new("SELECT SUSER_SID(")
                .literal(login.as_str())
                .text(") AS sid, SUSER_SID() AS own, ")
                .literal(login.as_str())
                .text(" AS name"),
            NewOwner::Sa => {
                Statement::new("SELECT 0x01 AS sid, SUSER_SID() AS own, SUSER_SNAME(0x01) AS name")
            }
        };
        let answer = connection.look(batch.batch()).await?;
        let row = answer.first()?;
        let (Some(sid), Some(name)) = (row.bytes_or_null("sid")?, row.text_or_null("name")?) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("by: there is no login {}", shown_owner(owner)),
            )
            .with_remedy("make the login first, or name another one"));
        };
        let is_named = matches!(owner, NewOwner::Login(_));
        if is_named && sid == SA {
            return Err(Error::invalid("by", format!("{name} is sa"))
                .with_remedy("name the deployment's own login, or ask for it with .by_sa()"));
        }
        if is_named && row.bytes_or_null("own")? == Some(sid) {
            return Err(
                Error::invalid("by", format!("{name} is the login that runs this"))
                    .with_remedy("name the deployment's own login: a person may leave"),
            );
        }
        Ok(Candidate {
            name: name.to_owned(),
            sid: sid.to_owned(),
        })
    }

    fn permissions(&self) -> [Permission; 2] {
        [
            Permission::server("IMPERSONATE ANY LOGIN"),
            Permission::database("TAKE OWNERSHIP", &self.database),
        ]
    }

    async fn take(&self, cx: &Context) -> Result<DatabaseInfo> {
        alteration::refuse_system("database", &self.database)?;
        required(self.owner.as_ref(), "by")?;
        let permissions = self.permissions();
        let (mut connection, found) =
            alteration::begin(cx, &self.instance, &self.database, &permissions).await?;
        if found.is_trustworthy {
            return Err(Error::new(
                ErrorKind::Incompatible,
                "the database is TRUSTWORTHY: its code would get the rights of its owner on the whole server",
            )
            .with_remedy("find out why, and set TRUSTWORTHY OFF first"));
        }
        let candidate = self.candidate(&mut connection).await?;
        refuse_user(&mut connection, &found.name, &candidate).await?;
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "give the database its owner",
        });
        let batch = statement(&found.name, &candidate.name).batch();
        let deadline = cx.deadlines().backup_or_restore;
        let answer = connection.change(batch, &[], deadline).await?;
        answer
            .or_error()
            .map_err(|error| explain(error, &candidate))?;
        let done = |error: Error| error.with_effect(Effect::Done);
        let owners = Owners::read(&mut connection, &found.name)
            .await
            .map_err(done)?;
        if !owners.are(&candidate.sid) {
            return Err(done(Error::new(
                ErrorKind::Corrupt,
                "after it the owner is another one",
            )));
        }
        DatabaseInfo::require(&mut connection, &found.name)
            .await
            .map_err(done)
    }
}

fn shown_owner(owner: &NewOwner) -> &str {
    match owner {
        NewOwner::Login(login) => login.as_str(),
        NewOwner::Sa => "sa",
    }
}

fn statement(database: &DatabaseName, login: &str) -> Statement {
    Statement::new("ALTER AUTHORIZATION ON DATABASE::")
        .identifier(database.as_str())
        .text(" TO ")
        .identifier(login)
}

/// 15110, before it is asked for, with the name of the user.
async fn refuse_user(
    connection: &mut Connection<'_>,
    database: &DatabaseName,
    candidate: &Candidate,
) -> Result<()> {
    let batch = Statement::new("USE ")
        .identifier(database.as_str())
        .text("; SELECT name FROM sys.database_principals WHERE principal_id <> 1 AND sid = ")
        .bytes(&candidate.sid)
        .text("; USE master")
        .batch();
    let answer = connection.look(batch).await?;
    let Some(user) = answer.rows(0).next() else {
        return Ok(());
    };
    Err(Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "by: {} is a user of the database already, as {}",
            candidate.name,
            user.text("name")?
        ),
    )
    .with_remedy("drop that user first (an owner is dbo), or name another login"))
}

/// 15151 of a database and a login that were seen: a right is missing.
fn explain(error: Error, candidate: &Candidate) -> Error {
    if !error
        .sql_messages()
        .iter()
        .any(|message| message.number == 15151)
    {
        return error;
    }
    Error::new(
        ErrorKind::PermissionDenied,
        format!(
            "the login lacks TAKE OWNERSHIP on the database, or may not act as {} (IMPERSONATE ANY LOGIN)",
            candidate.name
        ),
    )
    .with_messages(error.sql_messages().to_vec())
    .with_remedy("grant it both")
}

impl Sealed for TakeDatabaseOwnership {}

#[async_trait]
impl Operation for TakeDatabaseOwnership {
    type Output = DatabaseInfo;

    fn describe(&self) -> Description {
        let owner = shown(self.owner.as_ref().map(shown_owner).as_ref(), "by");
        Description {
            target: self.target(),
            action: format!("let {owner} own the database"),
            script: vec![statement(&self.database, &owner).shown()],
            hazards: Vec::new(),
            permissions: self.permissions().into(),
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        let look = async {
            let mut connection = Connection::open(cx, &self.instance, None).await?;
            let found = DatabaseInfo::require(&mut connection, &self.database).await?;
            let candidate = self.candidate(&mut connection).await?;
            let owners = Owners::read(&mut connection, &found.name).await?;
            Ok(if owners.are(&candidate.sid) {
                Observation::Done
            } else {
                Observation::NotDone
            })
        };
        look.await
            .map_err(|error: Error| error.at(NAME, self.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        crate::sql::tell(cx, NAME, &self.target(), self.take(cx)).await
    }
}
