//! What each operation says that its login must be allowed is exactly what it needs: with the script's
//! grants it runs, and with each single one less it fails and names it.
//!
//! The table `fidelity/permissions.toml` has a row for each, and who says so.
//!
//! That a right is needed is not believed from the operation's own question: the question is answered
//! with yes on the way back, and then the server must refuse it, or show less.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/blinded.rs"]
mod blinded;
#[path = "support/changed_rows.rs"]
mod changed_rows;
#[path = "support/kit.rs"]
mod kit;
#[path = "support/permission_table.rs"]
mod permission_table;
#[path = "support/scenes.rs"]
mod scenes;

use std::sync::Arc;

use scorch_recovery::sql::{DatabaseKeys, grant_script};
use scorch_recovery::{
    AnyOperation, AnyOutput, Context, Effect, Error, ErrorKind, Operation, Permission, Securable,
};

use blinded::Blinded;
use kit::simulated::{SA, World, named, secrets};
use permission_table::{Removed, Row, table};
use scenes::{LOGIN, PASSWORD, scene};

/// A scene whose login has exactly what the operation asks for.
async fn allowed(tag: &str) -> (World, &'static str, AnyOperation) {
    let (world, instance, operation) = scene(tag).await;
    let create =
        format!("IF SUSER_ID('{LOGIN}') IS NULL CREATE LOGIN {LOGIN} WITH PASSWORD = '{PASSWORD}'");
    // On the other one too, where some look who answers, for which no right is needed.
    for instance in ["SQL01", "SQL02"] {
        world.sql(instance, None, &create).await;
    }
    let script = grant_script(&operation.describe().permissions, &named(LOGIN));
    world.sql(instance, None, &script.join("; ")).await;
    (world, instance, operation)
}

/// The statement that takes one right away, and leaves the user.
fn revoke(permission: &Permission, removed: Removed) -> String {
    let one = grant_script(std::slice::from_ref(permission), &named(LOGIN));
    let grant = one.last().unwrap();
    let statement = match (&permission.on, removed) {
        (Securable::ServerRole | Securable::DatabaseRole { .. }, _) => {
            grant.replace(" ADD MEMBER ", " DROP MEMBER ")
        }
        (_, Removed::Revoked) => {
            let (grant, _) = grant.rsplit_once(" TO ").unwrap();
            format!("{} FROM [{LOGIN}]", grant.replacen("GRANT ", "REVOKE ", 1))
        }
        (_, Removed::Denied) => grant.replacen("GRANT ", "DENY ", 1),
    };
    format!("{}; {statement}", one[0])
}

fn context(world: &World, blind: Option<&str>) -> Context {
    let transport = world.transport(LOGIN, PASSWORD);
    let builder = Context::builder()
        .secrets(secrets())
        .allow_unc_host("vault");
    match blind {
        None => builder.sql(transport),
        Some(permission) => builder.sql(Blinded::to(Arc::new(transport), permission)),
    }
    .build()
    .unwrap()
}

/// What of an output may not differ between two runs in two worlds: what is there, and what is hidden.
/// Names, times, hashes and sizes differ by themselves.
fn comparable(output: &AnyOutput) -> String {
    let mut value = serde_json::to_value(output).unwrap();
    shape(&mut value);
    value.to_string()
}

fn shape(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => fields.values_mut().for_each(shape),
        serde_json::Value::Array(values) => values.iter_mut().for_each(shape),
        serde_json::Value::String(text) if !text.is_empty() => *value = "text".into(),
        serde_json::Value::Number(number) if number.as_i64() != Some(0) => *value = 1.into(),
        _ => {}
    }
}

async fn run(
    world: &World,
    operation: &AnyOperation,
    blind: Option<&str>,
) -> Result<String, Error> {
    let output = operation.run(&context(world, blind)).await?;
    Ok(comparable(&output))
}

/// What is wrong with one right of one operation.
async fn without(tag: &str, place: usize, row: &Row, whole: &str) -> Option<String> {
    let (world, instance, operation) = allowed(tag).await;
    let permission = &operation.describe().permissions[place];
    world
        .sql(instance, None, &revoke(permission, row.removed))
        .await;
    match run(&world, &operation, None).await {
        Ok(_) => return Some(format!("{tag}: without {permission} it runs all the same")),
        Err(error) => {
            let name = permission.to_string();
            let is_named = error.detail().contains(&name)
                && error.remedy().is_some_and(|remedy| remedy.contains(&name));
            let seen = (error.kind(), error.effect());
            if !is_named || seen != (ErrorKind::PermissionDenied, Effect::None) {
                return Some(format!(
                    "{tag}: without {permission}: {error} {:?}",
                    error.remedy()
                ));
            }
        }
    }
    match run(&world, &operation, Some(&permission.name)).await {
        Ok(output) if output == whole => Some(format!(
            "{tag}: claims {permission}, and the server lets it do all without"
        )),
        _ => None,
    }
}

#[tokio::test]
async fn each_right_is_enough_and_none_is_too_many() {
    let table = table();
    let mut wrong = Vec::new();
    let mut held = 0;
    let mut used = vec![false; table.len()];
    let chosen = std::env::var("SCORCH_OPERATION").unwrap_or_default();
    for tag in AnyOperation::SQL_TAGS
        .iter()
        .filter(|tag| tag.contains(&chosen))
    {
        let (world, _, operation) = allowed(tag).await;
        let permissions = operation.describe().permissions;
        let whole = match run(&world, &operation, None).await {
            Ok(whole) => whole,
            Err(error) => {
                wrong.push(format!("{tag}: with all that it asks for: {error}"));
                continue;
            }
        };
        drop(world);
        for (place, permission) in permissions.iter().enumerate() {
            let Some(row) = table.iter().position(|row| row.is_for(tag, permission)) else {
                wrong.push(format!("{tag}: {permission} is in no row of the table"));
                continue;
            };
            used[row] = true;
            match without(tag, place, &table[row], &whole).await {
                None => held += 1,
                Some(problem) => wrong.push(problem),
            }
        }
    }
    for (row, used) in table.iter().zip(used) {
        row.check();
        if !used && row.operation.contains(&chosen) {
            wrong.push(format!(
                "{}: does not ask for {}",
                row.operation, row.permission
            ));
        }
    }
    let asked = held + wrong.len();
    println!(
        "{held} of {asked} rights of {} operations are needed and named",
        AnyOperation::SQL_TAGS.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(held > 0);
}

/// A login that can do nothing is told the first time what it lacks, all of it.
#[tokio::test]
async fn all_that_is_missing_is_named_at_once() {
    let (world, instance, operation) = scene("database/backup@1").await;
    let create = format!("CREATE LOGIN {LOGIN} WITH PASSWORD = '{PASSWORD}'");
    world.sql(instance, None, &create).await;
    let error = run(&world, &operation, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    for permission in operation.describe().permissions {
        assert!(
            error.to_string().contains(&permission.to_string()),
            "{error}"
        );
    }
}

/// What lies behind VIEW ANY DEFINITION is not asked for, and said to be hidden.
#[tokio::test]
async fn what_a_narrow_login_does_not_see_is_told() {
    let (world, _, operation) = allowed("database/inspect@1").await;
    let cx = context(&world, None);
    let AnyOutput::InspectDatabase(info) = operation.run(&cx).await.unwrap() else {
        panic!("it inspects");
    };
    assert!(info.hides_files && info.files.is_empty(), "{info:?}");
    let as_sa = world.builder("sa", SA).build().unwrap();
    let AnyOutput::InspectDatabase(info) = operation.run(&as_sa).await.unwrap() else {
        panic!("it inspects");
    };
    assert!(!info.hides_files && info.files.len() == 2, "{info:?}");

    let (world, _, operation) = allowed("database-master-key/inspect@1").await;
    let AnyOutput::InspectDatabaseMasterKey(key) =
        operation.run(&context(&world, None)).await.unwrap()
    else {
        panic!("it inspects");
    };
    assert_eq!(key.stored_passwords, None);
    assert!(key.exists);
}

/// A key that a login may not see and one that is not there are two things.
#[tokio::test]
async fn a_missing_key_is_no_missing_right() {
    let (world, instance, _) = scene("database-keys/verify@1").await;
    let operation = DatabaseKeys::verify(&named(instance), &named("Orchestrator"))
        .symmetric_key(named("NOT_THERE"))
        .opened_by_asymmetric_key(named("ORCHESTRATOR_ASYM_KEY"));
    let error = operation.run(&world.context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
