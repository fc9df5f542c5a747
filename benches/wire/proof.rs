//! That a restored database is what was backed up, and opens.

use scorch_recovery::names::DatabaseName;
use scorch_recovery::sql::{
    ColumnCount, Database, DatabaseKeys, EncryptedColumn, StoredForm, VerifyDatabaseKeys,
};
use scorch_recovery::transport::{SqlTransport as _, SqlValue};
use scorch_recovery::{Context, Operation as _};

use crate::server::{Server, instance, send};

/// What was backed up.
pub(crate) struct Source {
    family: Option<String>,
    counts: Vec<ColumnCount>,
    values: Vec<Vec<SqlValue>>,
}

fn keys(database: &DatabaseName) -> VerifyDatabaseKeys {
    DatabaseKeys::verify(&instance(), database)
        .symmetric_key("ORCHESTRATOR_SYM_KEY".parse().unwrap())
        .opened_by_asymmetric_key("ORCHESTRATOR_ASYM_KEY".parse().unwrap())
        .counting(EncryptedColumn {
            schema: "dbo".parse().unwrap(),
            table: "VARIABLES".parse().unwrap(),
            column: "Value".parse().unwrap(),
            form: StoredForm::DelimitedHexadecimal {
                delimiter: r"\`d.T.~De/".to_owned(),
            },
        })
}

impl Source {
    pub(crate) async fn look(server: &Server, cx: &Context, database: &DatabaseName) -> Self {
        let seen = keys(database).run(cx).await.unwrap();
        assert!(seen.is_whole(), "{database}: {seen:?}");
        let info = Database::inspect(&instance(), database).run(cx).await;
        Self {
            family: info.unwrap().family_guid,
            counts: seen.columns,
            values: values(server, database).await,
        }
    }

    /// What is wrong with a database that was restored from it.
    pub(crate) async fn disproves(
        &self,
        server: &Server,
        cx: &Context,
        database: &DatabaseName,
    ) -> Option<String> {
        let info = match Database::inspect(&instance(), database).run(cx).await {
            Ok(info) => info,
            Err(error) => return Some(format!("{database}: {error}")),
        };
        let is = (info.state.as_str(), info.user_access.as_str());
        if is != ("ONLINE", "RESTRICTED_USER") || info.family_guid != self.family {
            return Some(format!("{database}: {info:?}"));
        }
        match keys(database).run(cx).await {
            Ok(seen) if seen.is_whole() && seen.columns == self.counts => {}
            Ok(seen) => return Some(format!("{database}: {seen:?}, not {:?}", self.counts)),
            Err(error) => return Some(format!("{database}: {error}")),
        }
        if values(server, database).await != self.values {
            return Some(format!("{database}: its values are others"));
        }
        None
    }
}

/// The values as they are stored, read by no operation of ours.
async fn values(server: &Server, database: &DatabaseName) -> Vec<Vec<SqlValue>> {
    let transport = server.transport();
    let mut session = transport
        .connect(&instance(), Some(database))
        .await
        .unwrap();
    send(
        &mut *session,
        "SELECT Value FROM dbo.VARIABLES ORDER BY Value",
    )
    .await
    .rows
}
