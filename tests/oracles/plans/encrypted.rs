//! Plans of operations on databases that are encrypted themselves.

use scorch_recovery::sql::Database;

use crate::plan::{DATABASE, Plan, Seen, plan};
use crate::simulated::named;

pub(crate) fn plans() -> Vec<Plan> {
    vec![plan!(stage => {
        let make = format!(
            "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'; \
             CREATE CERTIFICATE tde WITH SUBJECT = 's'; USE {DATABASE}; \
             CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 \
             ENCRYPTION BY SERVER CERTIFICATE tde; ALTER DATABASE {DATABASE} SET ENCRYPTION ON"
        );
        stage.sql("SQL01", &make).await;
        Seen::nothing()
    }, _seen => Database::inspect(&named("SQL01"), &named(DATABASE)))]
}
