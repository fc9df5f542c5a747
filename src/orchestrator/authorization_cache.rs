use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::hazard::Hazard;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::orchestrator::DeploymentServices;
use crate::orchestrator::catalog::{Catalog, ROOT, Relation, Trouble, Wanted, look, pick};
use crate::orchestrator::procedures::Procedures;
use crate::orchestrator::recipe::{Recipe, change_in_order};
use crate::permission::Permission;
use crate::progress::Progress;
use crate::sql::Modules;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "rebuild authorization cache of database";
/// Behind the root of the schemas.
const SCHEMA: &str = ".Internal";

/// The authorization cache of an Orchestrator database: who sees which runbooks in the console. After a
/// restore it may hold what is no longer so, and nobody sees anything (community reports).
///
/// # Example
/// ```
/// use scorch_recovery::{Operation, orchestrator::AuthorizationCache};
///
/// let rebuild = AuthorizationCache::rebuild(&"SQL01".parse()?, &"Orchestrator".parse()?);
/// assert_eq!(rebuild.describe().hazards.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AuthorizationCache;

impl AuthorizationCache {
    /// Empties the cache of `database` and has it computed anew: `.trusting(&modules)`,
    /// `.services_stopped(&seen)`.
    pub fn rebuild(instance: &SqlInstance, database: &DatabaseName) -> RebuildAuthorizationCache {
        RebuildAuthorizationCache {
            recipe: Recipe::new(instance.clone(), database.clone()),
        }
    }
}

/// Empties the authorization cache of an Orchestrator database and has the database's own procedure
/// compute it anew, for each security token. A recipe of the community on Microsoft's own tables: nothing
/// runs it unasked.
///
/// # Contract
/// * The Service Broker must be enabled, as it is last: without it nothing keeps the cache up to date
///   afterwards.
/// * The services must be stopped ([`services_stopped`](Self::services_stopped)); where the context can
///   look, they are looked at again.
/// * The procedure runs only where the database's code is that of a baseline
///   ([`trusting`](Self::trusting)): it runs with the rights of whoever runs this.
/// * Tables, columns and the procedure's parameter are read from the catalog; where they are not as they
///   are known, nothing is done.
///
/// # Errors
/// `ConsentRequired` (no evidence, or other code or services than seen), `Incompatible` (the broker is not
/// enabled), `PermissionDenied` (CONTROL on the database), `Unsupported` (another schema than the known
/// one): nothing was changed. `Partial`: the cache is empty, or holds some: run it again.
///
/// # Cancel safety
/// Dropping the future may leave the cache empty, or with some of it; running it again does it whole.
///
/// # T-SQL
/// `TRUNCATE TABLE [Microsoft.SystemCenter.Orchestrator.Internal].[AuthorizationCache]`,
/// `EXEC [Microsoft.SystemCenter.Orchestrator].[ComputeAuthorizationCache] N'…'` for each token
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct RebuildAuthorizationCache {
    #[serde(flatten)]
    recipe: Recipe,
}

/// The cache, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RebuiltAuthorizationCache {
    /// How many rows it had.
    pub before: u64,
    /// How many it has now. None is right only where nobody may see anything.
    pub after: u64,
    /// For how many security tokens it was computed.
    pub tokens: u64,
}

impl RebuildAuthorizationCache {
    /// Consents to running the procedure of a database with this code: see
    /// [`VerifyEncryption::trusting`](super::VerifyEncryption::trusting). Required.
    pub fn trusting(mut self, modules: &Modules) -> Self {
        self.recipe.trust(modules);
        self
    }

    /// The services of the deployment, seen stopped. Required.
    pub fn services_stopped(mut self, seen: &DeploymentServices) -> Self {
        self.recipe.stopped(seen);
        self
    }

    async fn rebuild(&self, cx: &Context) -> Result<RebuiltAuthorizationCache> {
        let permissions = self.describe().permissions;
        let mut connection = self.recipe.begin(cx, &permissions).await?;
        let connection = &mut connection;
        let catalog = Catalog::read(connection).await?;
        let procedures = Procedures::read(connection).await?;
        let cache = own(&catalog, "AuthorizationCache")?;
        let tokens = tokens(connection, &own(&catalog, "SecurityTokens")?).await?;
        let compute = procedures.find("", "ComputeAuthorizationCache")?;
        match &compute.parameters[..] {
            [only] if !only.is_output => {}
            _ => return Err(compute.unknown("the identifier of a token").into()),
        }
        let before = count(connection, &cache).await?;
        let empty = Statement::new("TRUNCATE TABLE ")
            .identifier(cache.schema)
            .text(".")
            .identifier(cache.name);
        let computing = tokens.iter().map(|token| {
            let call = compute.call(Statement::new(""));
            call.text(" ").literal(token)
        });
        let statements = std::iter::once(empty).chain(computing).collect();
        cx.safe_point()?;
        cx.report(&Progress::Doing {
            operation: NAME,
            what: "empty the authorization cache and compute it anew",
        });
        change_in_order(connection, statements, || self.observed(cx)).await?;
        let after = count(connection, &cache).await;
        Ok(RebuiltAuthorizationCache {
            before,
            after: after.map_err(|error| error.with_effect(Effect::Done))?,
            tokens: u64::try_from(tokens.len()).unwrap_or(u64::MAX),
        })
    }

    /// Nothing in the database tells of what a cache was computed.
    async fn observed(&self, cx: &Context) -> Result<Observation> {
        let permissions = self.describe().permissions;
        let mut connection = self.recipe.look(cx, &permissions).await?;
        let catalog = Catalog::read(&mut connection).await?;
        let rows = count(&mut connection, &own(&catalog, "AuthorizationCache")?).await?;
        Ok(Observation::Indeterminate {
            seen: format!(
                "the authorization cache has {rows} rows, which don't say when they were computed; it may be run again"
            ),
        })
    }
}

/// A table of Orchestrator's own, which must be where it is known to be.
fn own<'a>(catalog: &'a Catalog, name: &str) -> Result<Relation<'a>> {
    let schema = format!("{ROOT}{SCHEMA}");
    let found = catalog.relation(&schema, name)?;
    if found.schema.eq_ignore_ascii_case(&schema) && found.is_table() {
        return Ok(found);
    }
    Err(Error::new(
        ErrorKind::Unsupported,
        format!("{schema}.{name} is no table there"),
    ))
}

/// A table that can't be read, for what can't do without.
fn required<T>(read: Result<T, Trouble>) -> Result<T> {
    read.map_err(|trouble| match trouble {
        Trouble::Lack(lack) => lack.into(),
        Trouble::Error(error) => error,
    })
}

async fn tokens(connection: &mut Connection<'_>, table: &Relation<'_>) -> Result<Vec<String>> {
    let id = table.column(&Wanted::known(&["Id", "TokenId"]))?;
    let statement = pick(Statement::new("SELECT "), Some(id), "id");
    let statement = table.from(statement).text(" ORDER BY id");
    let answer = required(look(connection, table, statement).await)?;
    let tokens = answer.rows(0).map(|row| row.text("id").map(str::to_owned));
    tokens.collect()
}

async fn count(connection: &mut Connection<'_>, table: &Relation<'_>) -> Result<u64> {
    let statement = table.from(Statement::new("SELECT COUNT_BIG(*) AS row_count"));
    let answer = required(look(connection, table, statement).await)?;
    let count = answer.first()?.integer("row_count")?;
    Ok(u64::try_from(count).unwrap_or(0))
}

impl Sealed for RebuildAuthorizationCache {}

#[async_trait]
impl Operation for RebuildAuthorizationCache {
    type Output = RebuiltAuthorizationCache;

    fn describe(&self) -> Description {
        let script = [
            "TRUNCATE TABLE [Microsoft.SystemCenter.Orchestrator.Internal].[AuthorizationCache]",
            "EXEC [Microsoft.SystemCenter.Orchestrator].[ComputeAuthorizationCache] N'<each token>'",
        ];
        Description {
            target: self.recipe.target(),
            action: "empty the authorization cache and have it computed anew".to_owned(),
            script: script.map(str::to_owned).to_vec(),
            hazards: vec![Hazard::EmptiesAuthorizationCache {
                database: self.recipe.database.to_string(),
            }],
            permissions: vec![Permission::database("CONTROL", &self.recipe.database)],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<Observation> {
        self.observed(cx)
            .await
            .map_err(|error| error.at(NAME, self.recipe.target()))
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        let target = self.recipe.target();
        crate::sql::tell(cx, NAME, &target, self.rebuild(cx)).await
    }
}
