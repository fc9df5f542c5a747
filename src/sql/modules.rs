//! Code that a database brought with it: seen before any of it runs.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::Result;
use crate::names::{DatabaseName, SqlInstance};
use crate::operation::{Description, Observation, Operation, sealed::Sealed};
use crate::permission::Permission;
use crate::sql::connection::Connection;
use crate::sql::statement::Statement;

const NAME: &str = "inspect modules of database";

/// Lists the code that a database holds, each piece by its hash.
///
/// # Contract
/// * Reads the catalog only: nothing of the database is run, so that one from anywhere may be looked at.
/// * Triggers on the database and procedures that queues activate are listed apart: they run without
///   being called.
///
/// # Errors
/// `NotFound` (no such database), `PermissionDenied` (VIEW DEFINITION on the database, without which
/// code stays hidden). Nothing is changed.
///
/// # Cancel safety
/// Dropping the future leaves nothing behind.
///
/// # T-SQL
/// `SELECT … FROM sys.sql_modules`, `sys.triggers`, `sys.service_queues`, `sys.assemblies`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct InspectModules {
    instance: SqlInstance,
    database: DatabaseName,
}

/// The code of a database. What was read at the backup is the baseline for what is read after the
/// restore: see [`differences_from`](Self::differences_from).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Modules {
    /// The instance that it was read on, by its identity.
    pub server: String,
    /// The database.
    pub database: DatabaseName,
    /// Whether the database is TRUSTWORTHY, so that its code reaches out of it.
    pub is_trustworthy: bool,
    /// Procedures, functions, views, triggers on tables and on the database.
    pub modules: Vec<Module>,
    /// Triggers on the database (DDL), which run at changes of its structure, users and rights.
    pub triggers: Vec<DatabaseTrigger>,
    /// What queues activate.
    pub activations: Vec<Activation>,
    /// Assemblies of the users.
    pub assemblies: Vec<AssemblyInfo>,
}

/// A piece of code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Module {
    /// `schema.name`; of a trigger on the database, its name.
    pub name: String,
    /// `type_desc`: `SQL_STORED_PROCEDURE`, `SQL_TRIGGER`.
    pub kind: String,
    /// Of its text in UTF-16, in hexadecimal, as `HASHBYTES('SHA2_256', definition)` has it. `None`:
    /// it is encrypted (WITH ENCRYPTION), and nobody can say what it does.
    pub sha256: Option<String>,
    /// `execute_as_principal_id`, where it runs as somebody else than its caller: a user's, or -2, its
    /// owner's.
    pub executes_as: Option<i64>,
}

/// A trigger on the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DatabaseTrigger {
    /// Its name.
    pub name: String,
    /// Whether it is disabled.
    pub is_disabled: bool,
}

/// A queue that runs a procedure when a message comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Activation {
    /// The queue.
    pub queue: String,
    /// The procedure.
    pub procedure: String,
    /// Whether it is switched on. (It waits for the broker as well.)
    pub is_enabled: bool,
}

/// An assembly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssemblyInfo {
    /// Its name.
    pub name: String,
    /// `permission_set_desc`: `SAFE_ACCESS`, `EXTERNAL_ACCESS`, `UNSAFE_ACCESS`.
    pub permission_set: String,
}

/// What of a database's code is not as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ModuleDifferences {
    /// Modules that were not there.
    pub added: Vec<String>,
    /// Modules that are gone.
    pub removed: Vec<String>,
    /// Modules with another text, or that run as somebody else.
    pub changed: Vec<String>,
    /// Modules that are encrypted now: whether they are the same can't be told.
    pub unreadable: Vec<String>,
    /// Triggers, activations, assemblies, and TRUSTWORTHY, where they differ.
    pub reach: Vec<String>,
}

/// What an operation carries of modules that were seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModulesEvidence {
    digest: String,
}

impl ModuleDifferences {
    /// Whether there is none, and nothing that can't be told.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Modules {
    /// The names of triggers on the database that would run.
    pub fn enabled_triggers(&self) -> impl Iterator<Item = &str> {
        let enabled = self.triggers.iter().filter(|trigger| !trigger.is_disabled);
        enabled.map(|trigger| trigger.name.as_str())
    }

    /// What is not as in `baseline`, which was read where the database came from. Names are compared as
    /// they are spelled.
    #[must_use]
    pub fn differences_from(&self, baseline: &Self) -> ModuleDifferences {
        let find = |all: &'_ [Module], name: &str| all.iter().position(|known| known.name == name);
        let mut differences = ModuleDifferences::default();
        for module in &self.modules {
            let name = module.name.clone();
            if module.sha256.is_none() {
                differences.unreadable.push(name.clone());
            }
            match find(&baseline.modules, &module.name) {
                None => differences.added.push(name),
                Some(at) if baseline.modules[at] != *module => differences.changed.push(name),
                Some(_) => {}
            }
        }
        for module in &baseline.modules {
            if find(&self.modules, &module.name).is_none() {
                differences.removed.push(module.name.clone());
            }
        }
        let before = baseline.reach();
        let after = self.reach();
        let gone = before.iter().filter(|line| !after.contains(line));
        let come = after.iter().filter(|line| !before.contains(line));
        differences.reach = gone
            .map(|line| format!("no more: {line}"))
            .chain(come.map(|line| format!("now: {line}")))
            .collect();
        differences
    }

    /// What runs uncalled or outside, a line for each.
    fn reach(&self) -> Vec<String> {
        let triggers = self.triggers.iter().map(|trigger| {
            let state = if trigger.is_disabled { "disabled " } else { "" };
            format!("{state}trigger {} on the database", trigger.name)
        });
        let activations = self.activations.iter().map(|activation| {
            let state = if activation.is_enabled {
                ""
            } else {
                ", switched off"
            };
            format!(
                "the queue {} activates {}{state}",
                activation.queue, activation.procedure
            )
        });
        let assemblies = self.assemblies.iter().map(|assembly| {
            let (name, set) = (&assembly.name, &assembly.permission_set);
            format!("assembly {name} with {set}")
        });
        let trustworthy = self.is_trustworthy.then(|| "TRUSTWORTHY".to_owned());
        triggers
            .chain(activations)
            .chain(assemblies)
            .chain(trustworthy)
            .collect()
    }

    pub(crate) fn evidence(&self) -> ModulesEvidence {
        ModulesEvidence {
            digest: hex::encode(Sha256::digest(serde_json::json!(self).to_string())),
        }
    }

    /// Reads them in a session that is in the database.
    pub(crate) async fn read(
        connection: &mut Connection<'_>,
        database: &DatabaseName,
    ) -> Result<Self> {
        let batch = Statement::new(
            "SELECT s.name AS schema_name, o.name, o.type_desc, m.definition, m.execute_as_principal_id \
             FROM sys.sql_modules AS m JOIN sys.objects AS o ON o.object_id = m.object_id \
             JOIN sys.schemas AS s ON s.schema_id = o.schema_id ORDER BY s.name, o.name; \
             SELECT t.name, t.type_desc, t.is_disabled, m.definition, m.execute_as_principal_id \
             FROM sys.triggers AS t LEFT JOIN sys.sql_modules AS m ON m.object_id = t.object_id \
             WHERE t.parent_class = 0 ORDER BY t.name; \
             SELECT name, activation_procedure, is_activation_enabled FROM sys.service_queues \
             WHERE activation_procedure IS NOT NULL AND is_ms_shipped = 0 ORDER BY name; \
             SELECT name, permission_set_desc FROM sys.assemblies WHERE is_user_defined = 1 ORDER BY name; \
             SELECT is_trustworthy_on FROM sys.databases WHERE database_id = DB_ID()",
        )
        .batch();
        let answer = connection.look(batch).await?;
        let mut modules = Vec::new();
        let mut triggers = Vec::new();
        for row in answer.rows(0).chain(answer.rows(1)) {
            let name = row.text("name")?;
            let schema = match row.find("schema_name") {
                Some(_) => Some(row.text("schema_name")?),
                None => None,
            };
            let definition = row.text_or_null("definition")?;
            modules.push(Module {
                name: schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}")),
                kind: row.text("type_desc")?.to_owned(),
                sha256: definition.map(hash),
                executes_as: row.integer_or_null("execute_as_principal_id")?,
            });
        }
        for row in answer.rows(1) {
            triggers.push(DatabaseTrigger {
                name: row.text("name")?.to_owned(),
                is_disabled: row.is("is_disabled")?,
            });
        }
        let mut activations = Vec::new();
        for row in answer.rows(2) {
            activations.push(Activation {
                queue: row.text("name")?.to_owned(),
                procedure: row.text("activation_procedure")?.to_owned(),
                is_enabled: row.is("is_activation_enabled")?,
            });
        }
        let mut assemblies = Vec::new();
        for row in answer.rows(3) {
            assemblies.push(AssemblyInfo {
                name: row.text("name")?.to_owned(),
                permission_set: row.text("permission_set_desc")?.to_owned(),
            });
        }
        let trustworthy = answer.rows(4).next();
        Ok(Self {
            server: connection.identity().names(),
            database: database.clone(),
            is_trustworthy: match trustworthy {
                Some(row) => row.is("is_trustworthy_on")?,
                None => false,
            },
            modules,
            triggers,
            activations,
            assemblies,
        })
    }
}

/// SHA-256 of a text in UTF-16, little endian, as the server keeps it.
fn hash(text: &str) -> String {
    let mut hash = Sha256::new();
    for unit in text.encode_utf16() {
        hash.update(unit.to_le_bytes());
    }
    hex::encode(hash.finalize())
}

impl InspectModules {
    pub(crate) const fn new(instance: SqlInstance, database: DatabaseName) -> Self {
        Self { instance, database }
    }

    async fn inspect(&self, cx: &Context) -> Result<Modules> {
        let permissions = self.describe().permissions;
        let mut connection =
            Connection::open_inside(cx, &self.instance, &self.database, &permissions).await?;
        Modules::read(&mut connection, &self.database).await
    }
}

impl Sealed for InspectModules {}

#[async_trait]
impl Operation for InspectModules {
    type Output = Modules;

    fn describe(&self) -> Description {
        Description {
            target: format!("database {} on {}", self.database, self.instance),
            action: "list the code that the database holds".to_owned(),
            script: Vec::new(),
            hazards: Vec::new(),
            permissions: vec![Permission::database("VIEW DEFINITION", &self.database)],
        }
    }

    async fn observe(&self, _: &Context) -> Result<Observation> {
        Ok(Observation::NotDone)
    }

    async fn run(&self, cx: &Context) -> Result<Self::Output> {
        self.inspect(cx)
            .await
            .map_err(|error| error.at(NAME, format_args!("{} on {}", self.database, self.instance)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_the_text_as_the_server_keeps_it() {
        // SHA-256 of 41 00.
        let expected = hex::encode(Sha256::digest([0x41, 0]));
        assert_eq!(hash("A"), expected);
    }
}
