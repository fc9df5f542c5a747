//! What Orchestrator does with its database while it runs: roles, views, jobs, maintenance.
//!
//! Names of roles are documented, most names of tables and procedures are community knowledge. What is
//! guessed varies by seed, and the seed is one of its own, so that what other seeds make stays.

use super::script::{ASYMMETRIC, ROOT, SYMMETRIC};
use super::seed::Seed;

/// The roles of the services (documented).
const ROLES: [&str; 3] = ["Admins", "Operators", "Runtime"];

/// The guessed names.
struct Names {
    job: &'static str,
    last_run: &'static str,
    canceller: &'static str,
    token: &'static str,
}

impl Names {
    fn of(seed: u64) -> Self {
        let mut seed = Seed::new(!seed ^ 0x0DD_BA11);
        Self {
            job: seed.pick(&["Id", "JobId", "UniqueID"]),
            last_run: seed.pick(&["LastExecutionTime", "LastExecutionDate"]),
            canceller: seed.pick(&["@Sid", "@User", "@SecurityToken"]),
            token: seed.pick(&["Id", "TokenId"]),
        }
    }
}

/// All batches that come before any row, in order, each in the database.
pub(super) fn batches(seed: u64) -> Vec<String> {
    let names = Names::of(seed);
    let mut batches = roles();
    batches.extend(tables(&mut Seed::new(!seed ^ 0x0B5E_55ED), &names));
    batches.extend(procedures(&names));
    batches
}

/// What is going on: work that runs and waits, a Designer, a runbook that is checked out.
pub(super) fn rows(seed: u64) -> String {
    let Names { job, token, .. } = Names::of(seed);
    // The same for a seed: they stand in statements that are compared from run to run.
    let id = |number: u64| format!("{number:08x}-0000-4000-8000-{:012x}", seed & 0xFFFF_FFFF);
    let (first, second) = (id(1), id(2));
    format!(
        "INSERT INTO dbo.POLICY_PUBLISH_QUEUE (PolicyID, StopRequested) SELECT TOP (1) UniqueID, 0 FROM dbo.POLICIES;\n\
         INSERT INTO dbo.CLIENTCONNECTIONS (ClientMachine, ClientUser, ManagementServer, LastActivity) \
         VALUES (N'DESIGNER01', N'CONTOSO\\designer', N'MS01', GETUTCDATE());\n\
         INSERT INTO [{ROOT}].[Runbooks] (Id, Name, Path) SELECT UniqueID, Name, N'\\' + Name FROM dbo.POLICIES;\n\
         UPDATE TOP (1) [{ROOT}].[Runbooks] SET CheckedOutBy = N'S-1-5-21-1-2-3-1001', CheckedOutTime = GETUTCDATE();\n\
         INSERT INTO [{ROOT}.Internal].[SecurityTokens] ({token}) VALUES (1), (2);\n\
         INSERT INTO [{ROOT}.Internal].[AuthorizationCache] (TokenId, ObjectId) VALUES (1, NEWID());\n\
         INSERT INTO [{ROOT}.Runtime.Internal].[Jobs] ({job}, StatusId) VALUES ('{first}', 0), ('{second}', 1), (NEWID(), 3);"
    )
}

/// What the roles may do with the keys (documented), whenever there are new ones.
pub(super) fn grants_on_keys() -> String {
    let mut grants = String::new();
    for role in ["Admins", "Runtime"] {
        for key in [
            format!("ASYMMETRIC KEY::{ASYMMETRIC}"),
            format!("SYMMETRIC KEY::{SYMMETRIC}"),
        ] {
            grants.push_str(&format!("GRANT CONTROL ON {key} TO [{ROOT}.{role}];\n"));
        }
    }
    grants
}

fn roles() -> Vec<String> {
    let mut batches: Vec<String> = ROLES
        .iter()
        .map(|role| format!("CREATE ROLE [{ROOT}.{role}]"))
        .collect();
    for role in ["Admins", "Runtime"] {
        for procedure in ["Encrypt", "Decrypt"] {
            batches.push(format!(
                "GRANT EXECUTE ON [{ROOT}.Cryptography].[{procedure}] TO [{ROOT}.{role}]"
            ));
        }
        // Which tables they may read is not documented table by table.
        batches.push(format!("GRANT SELECT ON SCHEMA::dbo TO [{ROOT}.{role}]"));
    }
    batches
}

/// A table with its columns in any order, among others.
fn table(seed: &mut Seed, name: &str, known: &[&str]) -> String {
    let mut columns: Vec<String> = known.iter().map(|&column| column.to_owned()).collect();
    for number in 0..seed.between(0, 3) {
        let filler = seed.pick(&["Description", "Flags", "Extra"]);
        columns.push(format!("{filler}{number} nvarchar(250) NULL"));
    }
    seed.shuffle(&mut columns);
    format!("CREATE TABLE {name} ({})", columns.join(", "))
}

fn tables(seed: &mut Seed, names: &Names) -> Vec<String> {
    let last_run = format!("{} datetime NULL", names.last_run);
    // A view there; this server makes none, and the catalog is asked for both.
    let runbooks = table(
        seed,
        &format!("[{ROOT}].[Runbooks]"),
        &[
            "Id uniqueidentifier NOT NULL",
            "Name nvarchar(250) NULL",
            "Path nvarchar(1000) NULL",
            "CheckedOutBy nvarchar(250) NULL",
            "CheckedOutTime datetime NULL",
            "LastModifiedTime datetime NULL",
        ],
    );
    let jobs = format!("{} uniqueidentifier NOT NULL", names.job);
    let jobs = table(
        seed,
        &format!("[{ROOT}.Runtime.Internal].[Jobs]"),
        &[jobs.as_str(), "StatusId int NOT NULL"],
    );
    let cache = table(
        seed,
        &format!("[{ROOT}.Internal].[AuthorizationCache]"),
        &[
            "TokenId bigint NOT NULL",
            "ObjectId uniqueidentifier NOT NULL",
        ],
    );
    let tokens = format!("{} bigint NOT NULL", names.token);
    let tokens = table(
        seed,
        &format!("[{ROOT}.Internal].[SecurityTokens]"),
        &[tokens.as_str()],
    );
    let tasks = table(
        seed,
        &format!("[{ROOT}.Maintenance].[MaintenanceTasks]"),
        &["Name nvarchar(250) NOT NULL", last_run.as_str()],
    );
    let task = |name: &str| {
        format!("INSERT INTO [{ROOT}.Maintenance].[MaintenanceTasks] (Name) VALUES (N'{name}')")
    };
    vec![
        // As a restored database has it: the broker was off, and it was switched off.
        format!("CREATE QUEUE [{ROOT}.Maintenance].[MaintenanceServiceQueue] WITH STATUS = OFF"),
        "ALTER TABLE dbo.CLIENTCONNECTIONS ADD ManagementServer nvarchar(250) NULL, \
         ClientVersion nvarchar(50) NULL, ConnectionTime datetime NULL, LastActivity datetime NULL"
            .to_owned(),
        runbooks,
        jobs,
        cache,
        tokens,
        tasks,
        task("ClearAuthorizationCache"),
        task("Statistics"),
        task("Authorization"),
    ]
}

/// Doubles of the procedures that recipes of the community call: they do what these recipes rely on.
fn procedures(names: &Names) -> Vec<String> {
    let Names {
        job,
        last_run,
        canceller,
        ..
    } = names;
    vec![
        format!(
            "CREATE PROCEDURE [{ROOT}.Runtime.Internal].[ClearOrphanedRunbookInstances] AS\nBEGIN\n\
             UPDATE dbo.POLICYINSTANCES SET TimeEnded = GETUTCDATE(), State = N'Canceled' WHERE TimeEnded IS NULL;\n\
             DELETE FROM dbo.POLICY_PUBLISH_QUEUE WHERE StopRequested = 1;\nEND"
        ),
        format!(
            "CREATE PROCEDURE [{ROOT}.Runtime].[CancelJob] @JobId uniqueidentifier, {canceller} nvarchar(250) AS\nBEGIN\n\
             UPDATE [{ROOT}.Runtime.Internal].[Jobs] SET StatusId = 3 WHERE {job} = @JobId;\nEND"
        ),
        format!(
            "CREATE PROCEDURE [{ROOT}.Maintenance].[EnqueueRecurrentTask] @taskName nvarchar(250) AS\nBEGIN\n\
             UPDATE [{ROOT}.Maintenance].[MaintenanceTasks] SET {last_run} = GETUTCDATE() WHERE Name = @taskName;\nEND"
        ),
        format!(
            "CREATE PROCEDURE [{ROOT}].[ComputeAuthorizationCache] @TokenId bigint AS\nBEGIN\n\
             INSERT INTO [{ROOT}.Internal].[AuthorizationCache] (TokenId, ObjectId) VALUES (@TokenId, NEWID());\nEND"
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_and_another_something_else() {
        assert_eq!(batches(1), batches(1));
        let all: std::collections::BTreeSet<Vec<String>> = (0..20).map(batches).collect();
        assert!(all.len() > 10, "{}", all.len());
    }
}
