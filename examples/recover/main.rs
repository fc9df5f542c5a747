//! The main job, rehearsed on simulated servers over real TDS: a service master key and an
//! Orchestrator database are backed up on SQL01, SQL01 is lost, and both are recovered on SQL02
//! until the stored values decrypt again. Then the counter-proof: on SQL03 the database is restored
//! without the key, must not decrypt, and decrypts when the key is restored there too.
//!
//! ```text
//! cargo run --features simulator --example recover -- --json
//! ```
//!
//! Exit codes: 0 recovered, and the counter-proof failed as it must; 1 it could not be tried;
//! 2 not recovered; 3 values decrypted without the key, so that the proof proves nothing.

#[path = "../support/orchestrator.rs"]
mod orchestrator;
mod screen;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use scorch_recovery::names::{DatabaseName, ServerPath, SqlInstance};
use scorch_recovery::sql::{
    Database, DatabaseBackup, DatabaseKeysVerified, Dependents, FileExamination, KeyBackup,
    ServiceMasterKey,
};
use scorch_recovery::{Context, Error, Operation, SecretRef};

use orchestrator::verify_variables;
use screen::Screen;
use stage::Stage;

/// Recovers a simulated Orchestrator database, and proves it.
#[derive(Debug, Parser)]
struct Arguments {
    /// End with one line of JSON.
    #[arg(long)]
    json: bool,
    /// What the Orchestrator database is made from: how many values it holds, and all names that
    /// are only guessed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep all folders here, for other programs to look at (`--example simulator`).
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The environment variable with the password of `sa`. Default: a random password.
    #[arg(long)]
    sa_password_env: Option<String>,
    /// Damage one bit of the byte at this place of the key file after the loss (from 0; negative
    /// from the end).
    #[arg(long, allow_hyphen_values = true)]
    flip_key_byte: Option<i64>,
}

const KEY_PASSWORD: &str = "service-master-key";
const OWN_KEY_PASSWORD: &str = "own-service-master-key";

/// What the JSON line says.
#[derive(Debug, Default, serde::Serialize)]
struct Verdict {
    recovered: bool,
    values_checked: u64,
    values_decrypted: u64,
    without_key: Option<WithoutKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, serde::Serialize)]
struct WithoutKey {
    recovered: bool,
    reason: i32,
    values_decrypted: u64,
}

/// The backups that are left after the loss, and what they must give back.
struct Kit {
    key: KeyBackup,
    database: DatabaseBackup,
    values: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let screen = Screen::new();
    let mut verdict = Verdict::default();
    let end = run(&arguments, &screen, &mut verdict).await;
    if let Err(error) = &end {
        screen.say(&format!("FAILED: {error}"));
        verdict.error = Some(error.to_string());
    }
    screen.clear();
    if arguments.json {
        match serde_json::to_string(&verdict) {
            Ok(line) => println!("{line}"),
            Err(error) => screen.say(&format!("FAILED: {error}")),
        }
    } else {
        println!(
            "recovered: {}; {} of {} stored values decrypt",
            verdict.recovered, verdict.values_decrypted, verdict.values_checked
        );
    }
    let decrypts_without_key = verdict
        .without_key
        .as_ref()
        .is_some_and(|without| without.recovered || without.values_decrypted > 0);
    match (end, verdict.recovered) {
        (_, _) if decrypts_without_key => ExitCode::from(3),
        (Ok(()), true) => ExitCode::SUCCESS,
        (Err(Trouble::Stage(_)), _) => ExitCode::from(1),
        _ => ExitCode::from(2),
    }
}

/// Why it ended early.
#[derive(Debug)]
enum Trouble {
    /// The rehearsal could not be set up.
    Stage(String),
    /// An operation failed.
    Operation(Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stage(problem) => f.write_str(problem),
            Self::Operation(error) => match error.remedy() {
                Some(remedy) => write!(f, "{error}; {remedy}"),
                None => error.fmt(f),
            },
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Operation(error)
    }
}

impl From<String> for Trouble {
    fn from(problem: String) -> Self {
        Self::Stage(problem)
    }
}

async fn run(arguments: &Arguments, screen: &Screen, verdict: &mut Verdict) -> Result<(), Trouble> {
    let orchestrator: DatabaseName = named("Orchestrator")?;
    let (lost, target, counter): (SqlInstance, SqlInstance, SqlInstance) =
        (named("SQL01")?, named("SQL02")?, named("SQL03")?);
    let mut stage =
        Stage::set(arguments, screen, [&lost, &target, &counter], &orchestrator).await?;
    let cx = stage.context()?;

    screen.say("1. Back up the service master key and the database on SQL01");
    let kit = back_up(&cx, &lost, &orchestrator).await?;
    verdict.values_checked = kit.values;
    screen.say(&format!("   {} encrypted values decrypt there", kit.values));

    screen.say("2. Lose SQL01: its folder and its machine's secret are gone");
    stage.lose(&lost)?;
    if let Some(at) = arguments.flip_key_byte {
        stage.flip_bit(&kit.key.file, at)?;
    }

    screen.say("3. Recover on SQL02: the key, then the database");
    restore_key(&cx, &target, &kit.key).await?;
    let restored = restore_database(&cx, &target, &orchestrator, &kit.database).await?;

    screen.say("4. Prove it");
    let proof = verify(&cx, &target, &restored).await?;
    verdict.values_checked = proof.values();
    verdict.values_decrypted = proof.decrypted();
    verdict.recovered = proof.is_whole() && proof.values() == kit.values;
    screen.say(&format!(
        "   {} of {} stored values decrypt",
        proof.decrypted(),
        kit.values
    ));

    screen.say("5. Counter-proof on SQL03: the database without the key");
    let restored = restore_database(&cx, &counter, &orchestrator, &kit.database).await?;
    let without = match verify(&cx, &counter, &restored).await {
        Ok(proof) => WithoutKey {
            recovered: proof.is_whole(),
            reason: 0,
            values_decrypted: proof.decrypted(),
        },
        Err(error) => WithoutKey {
            recovered: false,
            reason: error
                .sql_messages()
                .first()
                .map_or(0, |message| message.number),
            values_decrypted: 0,
        },
    };
    screen.say(&format!(
        "   SQL Server error {}: nothing decrypts",
        without.reason
    ));
    verdict.without_key = Some(without);

    screen.say("6. The key restored there too");
    restore_key_under(&cx, &counter, &restored, &kit.key).await?;
    let proof = verify(&cx, &counter, &restored).await?;
    screen.say(&format!(
        "   {} of {} stored values decrypt",
        proof.decrypted(),
        proof.values()
    ));
    verdict.recovered &= proof.is_whole();
    Ok(())
}

fn named<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Trouble> {
    text.parse()
        .map_err(|error| Trouble::Stage(format!("{error}")))
}

async fn back_up(
    cx: &Context,
    instance: &SqlInstance,
    database: &DatabaseName,
) -> Result<Kit, Trouble> {
    let now = time::OffsetDateTime::now_utc();
    let key_file = ServerPath::in_folder(
        stage::KEYS,
        &ServiceMasterKey::fresh_file_name(instance, now),
    )
    .map_err(|error| Trouble::Stage(error.to_string()))?;
    let backup_file = ServerPath::in_folder(
        stage::BACKUPS,
        &Database::fresh_file_name(instance, database, now),
    )
    .map_err(|error| Trouble::Stage(error.to_string()))?;
    let key = ServiceMasterKey::backup(instance)
        .to_file(key_file)
        .encrypted_by(SecretRef::named(KEY_PASSWORD))
        .run(cx)
        .await?;
    let database_backup = Database::backup(instance, database)
        .to_file(backup_file)
        .run(cx)
        .await?;
    let baseline = verify(cx, instance, database).await?;
    if !baseline.is_whole() {
        return Err(Trouble::Stage(
            "not every value decrypts on the source".to_owned(),
        ));
    }
    Ok(Kit {
        key,
        database: database_backup,
        values: baseline.values(),
    })
}

/// Restores the key on an instance where nothing else lives under the present one.
async fn restore_key(cx: &Context, instance: &SqlInstance, key: &KeyBackup) -> Result<(), Trouble> {
    let mut restore = ServiceMasterKey::restore(instance)
        .from_file(key.file.clone())
        .decrypted_by(key.encrypted_by.clone());
    if let FileExamination::Hashed { sha256, .. } = &key.examination {
        restore = restore.expecting_sha256(sha256);
    }
    restore.run(cx).await?;
    Ok(())
}

async fn restore_database(
    cx: &Context,
    instance: &SqlInstance,
    database: &DatabaseName,
    backup: &DatabaseBackup,
) -> Result<DatabaseName, Trouble> {
    let restored = Database::restore(instance, database)
        .from_backup(backup)
        .run(cx)
        .await?;
    Ok(restored.name)
}

/// Restores the key where the database is already, and does not open. Its own key is kept first,
/// and what lives under that is seen and consented to.
async fn restore_key_under(
    cx: &Context,
    instance: &SqlInstance,
    database: &DatabaseName,
    key: &KeyBackup,
) -> Result<(), Trouble> {
    let own_file = ServerPath::in_folder(
        stage::KEYS,
        &ServiceMasterKey::fresh_file_name(instance, time::OffsetDateTime::now_utc()),
    )
    .map_err(|error| Trouble::Stage(error.to_string()))?;
    let own_key = ServiceMasterKey::backup(instance)
        .to_file(own_file)
        .encrypted_by(SecretRef::named(OWN_KEY_PASSWORD))
        .run(cx)
        .await?;
    let dependents = Dependents::inspect(instance).run(cx).await?;
    ServiceMasterKey::restore(instance)
        .from_file(key.file.clone())
        .decrypted_by(key.encrypted_by.clone())
        .replacing(&dependents)
        .keeping(&own_key)
        .recovering(database)
        .run(cx)
        .await?;
    Ok(())
}

/// Counts which of the values that Orchestrator stored decrypt.
async fn verify(
    cx: &Context,
    instance: &SqlInstance,
    database: &DatabaseName,
) -> Result<DatabaseKeysVerified, Error> {
    verify_variables(instance, database)?.run(cx).await
}
