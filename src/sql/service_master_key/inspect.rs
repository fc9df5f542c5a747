use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::names::SqlInstance;
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::answer::Answer;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "inspect service master key";

/// Reads what the catalog shows of a service master key.
///
/// # Contract
/// Reads only.
///
/// # Errors
/// `PermissionDenied` (VIEW DEFINITION in `master`, which is narrower than VIEW ANY DEFINITION), and
/// those of connecting. Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM master.sys.symmetric_keys WHERE symmetric_key_id = 102`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectServiceMasterKey {
    instance: SqlInstance,
}

/// What the catalog shows of a service master key. All of it is provenance: whether two instances
/// have the same key can't be told from it (unconfirmed whether `key_guid` travels with a backup).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceMasterKeyInfo {
    /// `algorithm_desc`: `AES_256`, or `TRIPLE_DES` on instances that came from 2008 R2 or before.
    pub algorithm: String,
    /// `key_guid`, in hexadecimal.
    pub key_guid: Option<String>,
    /// When it was made, server time.
    pub created: Option<String>,
    /// When it was changed last, server time.
    pub modified: Option<String>,
}

impl InspectServiceMasterKey {
    pub(super) const fn new(instance: SqlInstance) -> Self {
        Self { instance }
    }

    async fn inspect(&self, cx: &Context) -> Result<ServiceMasterKeyInfo> {
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_allowed(cx, &self.instance, None, &permissions).await?;
        read(&connection.look(Statement::new(QUESTION).batch()).await?, 0)
    }
}

/// Asks for the key's row.
pub(super) const QUESTION: &str = "SELECT algorithm_desc, key_guid, create_date, modify_date \
     FROM master.sys.symmetric_keys WHERE symmetric_key_id = 102";

/// Reads the key's row from the result set `set`.
pub(super) fn read(answer: &Answer, set: usize) -> Result<ServiceMasterKeyInfo> {
    let Some(row) = answer.rows(set).next() else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "the service master key is not visible to this login",
        )
        .with_remedy("GRANT VIEW DEFINITION in master, or CONTROL SERVER, to the login"));
    };
    Ok(ServiceMasterKeyInfo {
        algorithm: row.text("algorithm_desc")?.to_owned(),
        key_guid: row.guid_or_null("key_guid")?.map(hex::encode),
        created: row.time_or_null("create_date")?,
        modified: row.time_or_null("modify_date")?,
    })
}

impl Sealed for InspectServiceMasterKey {}

#[async_trait]
impl Operation for InspectServiceMasterKey {
    type Output = ServiceMasterKeyInfo;

    fn describe(&self) -> Description {
        Description {
            target: self.instance.to_string(),
            action: "read what the catalog shows of the service master key".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: "master"
                .parse()
                .map(|master| Permission::database("VIEW DEFINITION", &master))
                .into_iter()
                .collect(),
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.inspect(cx)
            .await
            .map_err(|error| error.at(NAME, &self.instance))
    }
}
