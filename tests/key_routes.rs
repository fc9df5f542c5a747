//! Every way to make a moved database open again, on shared instances: what works after, what was
//! refused, what was lost, as a probe of its own sees it. No neighbour is worse off without a consent
//! that named it.
//!
//! `cargo test --features simulator --test key_routes -- --ignored` goes through it under every other
//! value of what nobody could confirm. `SCORCH_PLANT_ROUTE=force-unasked` plants a route that forces
//! where it should re-wrap.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/kit.rs"]
mod kit;

use std::collections::BTreeSet;

use scorch_recovery::simulator::ModellingChoices;
use scorch_recovery::sql::{Database, DatabaseMasterKey, Dependents, ServiceMasterKey};
use scorch_recovery::{Context, Error, ErrorKind, Operation, SecretRef};

use kit::simulated::{World, named, verify};
use kit::{BAK, KEY};

/// How the database is made to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// The target has the key already.
    Keep,
    /// By a password of the database's master key, from its backup file.
    Rewrap,
    /// The same, by a backup that a scratch instance made.
    Scratch,
    /// The target's key is replaced.
    Replace,
    /// The same, whatever it costs.
    Force,
}

const ROUTES: [Route; 5] = [
    Route::Keep,
    Route::Rewrap,
    Route::Scratch,
    Route::Replace,
    Route::Force,
];

/// Whether all databases of the shared instance are online and writable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shared {
    AllOnline,
    OneOfflineOneReadOnly,
}

const NEIGHBOURS: [&str; 3] = ["Payroll", "Asleep", "Frozen"];

/// What a scenario came to.
#[derive(Debug, Default)]
struct Tally {
    completed: u32,
    refused: u32,
    losses: u32,
    wrong: Vec<String>,
}

/// What a route said that it may cost, and what it said that it did.
#[derive(Debug, Default)]
struct Taken {
    named: Vec<String>,
    told: Vec<String>,
}

/// The instances of one scenario, beside SQL01 with its backups.
struct Scene {
    world: World,
    target: String,
    scratch: String,
    shared: Shared,
}

/// SQL01 with the deployment and all that it leaves behind.
async fn source(choices: &ModellingChoices) -> World {
    let mut world = World::new();
    world.add("SQL01", |builder| builder.modelling(choices.clone()));
    world.orchestrator("SQL01", 7).await;
    let cx = world.context();
    let (instance, database) = (named("SQL01"), named("Orchestrator"));
    kit::back_up_key(&world, "SQL01", KEY).await;
    Database::backup(&instance, &database)
        .to_file(named(BAK))
        .run(&cx)
        .await
        .unwrap();
    DatabaseMasterKey::backup(&instance, &database)
        .to_file(named(r"\\vault\keys\database.key"))
        .encrypted_by(SecretRef::named("key"))
        .run(&cx)
        .await
        .unwrap();
    world
}

impl Scene {
    /// A shared instance: three encrypted databases, two credentials, a linked login, of which the
    /// first database's values are kept as ciphertext.
    async fn set(
        mut world: World,
        number: usize,
        choices: &ModellingChoices,
        route: Route,
        shared: Shared,
    ) -> Self {
        let target = format!("T{number}");
        let scratch = format!("S{number}");
        for name in [&target, &scratch] {
            world.add(name, |builder| builder.modelling(choices.clone()));
        }
        if route == Route::Keep {
            let restore = format!(
                "RESTORE SERVICE MASTER KEY FROM FILE = '{KEY}' DECRYPTION BY PASSWORD = 'Key-Passw0rd-of-tests'"
            );
            world.sql(&target, None, &restore).await;
        }
        for database in NEIGHBOURS {
            world
                .sql(&target, None, &format!("CREATE DATABASE {database}"))
                .await;
            let keys = "CREATE MASTER KEY ENCRYPTION BY PASSWORD = 'Own-Passw0rd-of-tests'; \
                        CREATE CERTIFICATE c WITH SUBJECT = 's'; CREATE TABLE kept (value varbinary(8000)); \
                        INSERT INTO kept SELECT ENCRYPTBYCERT(CERT_ID('c'), 0x5045)";
            world.sql(&target, Some(database), keys).await;
        }
        let server = "CREATE CREDENTIAL proxy WITH IDENTITY = 'i', SECRET = 'one'; \
                      CREATE CREDENTIAL [o'proxy]]2] WITH IDENTITY = 'i', SECRET = 'two'; \
                      EXEC sp_addlinkedserver @server = N'OTHER', @srvproduct = N'SQL Server'; \
                      EXEC sp_addlinkedsrvlogin @rmtsrvname = N'OTHER', @useself = 'FALSE', \
                      @rmtuser = N'remote', @rmtpassword = N'p'";
        world.sql(&target, None, server).await;
        if shared == Shared::OneOfflineOneReadOnly {
            let close = "ALTER DATABASE Asleep SET OFFLINE; ALTER DATABASE Frozen SET READ_ONLY";
            world.sql(&target, None, close).await;
        }
        Self {
            world,
            target,
            scratch,
            shared,
        }
    }

    async fn sql(&self, database: Option<&str>, text: &str) -> kit::simulated::Collected {
        self.world.try_sql(&self.target, database, text).await
    }

    async fn take(&self, cx: &Context, route: Route) -> Result<Taken, Error> {
        let (target, database) = (named(&self.target), named("Orchestrator"));
        let restore = |file: &str| Database::restore(&target, &database).from_file(named(file));
        let replace = || {
            ServiceMasterKey::restore(&target)
                .from_file(named(KEY))
                .decrypted_by(SecretRef::named("key"))
        };
        match route {
            Route::Keep => {
                restore(BAK).run(cx).await?;
            }
            Route::Rewrap if planted() => {
                let force = format!(
                    "RESTORE SERVICE MASTER KEY FROM FILE = '{KEY}' DECRYPTION BY PASSWORD = 'Key-Passw0rd-of-tests' FORCE"
                );
                self.sql(None, &force).await;
                restore(BAK).run(cx).await?;
            }
            Route::Rewrap => {
                restore(BAK).run(cx).await?;
                let seen = DatabaseMasterKey::inspect(&target, &database)
                    .run(cx)
                    .await?;
                DatabaseMasterKey::restore(&target, &database)
                    .from_file(named(r"\\vault\keys\database.key"))
                    .decrypted_by(SecretRef::named("key"))
                    .encrypted_by(SecretRef::named("generated"))
                    .forcing(&seen)
                    .run(cx)
                    .await?;
                DatabaseMasterKey::protect_by_service_master_key(&target, &database)
                    .opened_by(SecretRef::named("generated"))
                    .run(cx)
                    .await?;
            }
            Route::Scratch => {
                let new = format!(r"\\vault\keys\{}.bak", self.scratch);
                let made = DatabaseMasterKey::rewrap_through(&named(&self.scratch), &database)
                    .for_target(&target)
                    .key_file(named(KEY))
                    .decrypted_by(SecretRef::named("key"))
                    .from_file(named(BAK))
                    .password(SecretRef::named("generated"))
                    .to_file(named(&new))
                    .run(cx)
                    .await?;
                restore(&new).run(cx).await?;
                DatabaseMasterKey::protect_by_service_master_key(&target, &database)
                    .opened_by(made.password)
                    .run(cx)
                    .await?;
            }
            Route::Replace | Route::Force => {
                let dependents = Dependents::inspect(&target).run(cx).await?;
                let own = format!(r"\\vault\keys\{}.key", self.target);
                let kept = ServiceMasterKey::backup(&target)
                    .to_file(named(&own))
                    .encrypted_by(SecretRef::named("own"))
                    .run(cx)
                    .await?;
                let operation = if route == Route::Force {
                    replace().forcing(&dependents)
                } else {
                    replace().replacing(&dependents)
                };
                let restored = operation.keeping(&kept).run(cx).await?;
                restore(BAK).run(cx).await?;
                if route == Route::Force {
                    return Ok(Taken {
                        named: dependents.names(),
                        told: restored.ignored,
                    });
                }
            }
        }
        Ok(Taken::default())
    }

    /// What does not decrypt any more, in T-SQL alone and by the server's own word.
    async fn lost(&self) -> BTreeSet<String> {
        let mut lost = BTreeSet::new();
        if self.shared == Shared::OneOfflineOneReadOnly {
            let open = "ALTER DATABASE Asleep SET ONLINE; ALTER DATABASE Frozen SET READ_WRITE";
            self.sql(None, open).await;
        }
        for database in NEIGHBOURS {
            let value =
                "SELECT COUNT(*) FROM kept WHERE DECRYPTBYCERT(CERT_ID('c'), value) = 0x5045";
            let seen = self.sql(Some(database), value).await;
            if !seen.errors().is_empty() || seen.integer() != 1 {
                lost.insert(format!("database {database}"));
            }
        }
        // What can't be read by T-SQL the server tells when it is to encrypt all of it anew.
        let told = self
            .sql(None, "ALTER SERVICE MASTER KEY FORCE REGENERATE")
            .await;
        for message in &told.messages {
            for (name, what) in [
                ("'proxy'", "credential proxy"),
                ("'o'proxy]2'", "credential o'proxy]2"),
                ("'remote'", "linked login OTHER: remote"),
            ] {
                if message.text.contains(name) {
                    lost.insert(what.to_owned());
                }
            }
        }
        lost
    }

    /// All that a refusal must leave as it was.
    async fn state(&self) -> Vec<String> {
        let key = "SELECT CONVERT(nvarchar(40), key_guid), CONVERT(nvarchar(40), modify_date, 126) \
                   FROM master.sys.symmetric_keys WHERE symmetric_key_id = 102";
        let databases = "SELECT name, state_desc, is_read_only, is_master_key_encrypted_by_server FROM sys.databases ORDER BY name";
        let mut state = Vec::new();
        for question in [key, databases] {
            let rows = self.sql(None, question).await.rows;
            state.extend(rows.iter().map(|row| format!("{row:?}")));
        }
        state
    }
}

fn planted() -> bool {
    std::env::var("SCORCH_PLANT_ROUTE").is_ok_and(|plant| plant == "force-unasked")
}

fn must_refuse(route: Route, shared: Shared) -> bool {
    route == Route::Replace && shared == Shared::OneOfflineOneReadOnly
}

async fn scenario(scene: &Scene, route: Route, at: &str, tally: &mut Tally) {
    let cx = scene.world.context();
    let mut wrong = |problem: String| tally.wrong.push(format!("{at}: {problem}"));
    let before = scene.state().await;
    let taken = match scene.take(&cx, route).await {
        Ok(_) if must_refuse(route, scene.shared) => return wrong("it was not refused".to_owned()),
        Ok(taken) => {
            tally.completed += 1;
            taken
        }
        Err(error) if must_refuse(route, scene.shared) => {
            if error.kind() != ErrorKind::Busy {
                wrong(format!("refused for another reason: {error}"));
            }
            if scene.state().await != before {
                wrong("a refusal changed something".to_owned());
            }
            let lost = scene.lost().await;
            if !lost.is_empty() {
                wrong(format!("a refusal lost {lost:?}"));
            }
            tally.refused += 1;
            return;
        }
        Err(error) => return wrong(format!("it did not complete: {error}")),
    };
    match verify(&scene.target, "Orchestrator").run(&cx).await {
        Ok(proof) if proof.is_whole() => {}
        other => wrong(format!("what was recovered does not decrypt: {other:?}")),
    }
    let lost = scene.lost().await;
    for what in &lost {
        // A consent names it as the list of dependents does, perhaps with its state behind.
        if !taken
            .named
            .iter()
            .any(|named| named.contains(what.as_str()))
        {
            wrong(format!("lost without a consent that named it: {what}"));
        }
        let name = what.rsplit(' ').next().unwrap();
        if !taken.told.iter().any(|text| text.contains(name)) {
            wrong(format!("lost, and not told: {what}"));
        }
    }
    tally.losses += u32::try_from(lost.len()).unwrap();
}

async fn under(choices: &ModellingChoices, tally: &mut Tally) {
    let mut world = source(choices).await;
    let mut number = 0;
    for shared in [Shared::AllOnline, Shared::OneOfflineOneReadOnly] {
        for route in ROUTES {
            number += 1;
            let scene = Scene::set(world, number, choices, route, shared).await;
            let at = format!("{route:?}, {shared:?}, under {choices}");
            scenario(&scene, route, &at, tally).await;
            world = scene.world;
        }
    }
}

fn judge(tally: &Tally) {
    println!(
        "routes: {} completed, {} refused with nothing changed, {} losses, each named in the consent; wrong: {}",
        tally.completed,
        tally.refused,
        tally.losses,
        tally.wrong.len()
    );
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n"));
}

#[tokio::test]
async fn every_route_on_shared_instances() {
    let mut tally = Tally::default();
    under(&kit::simulated::choices(), &mut tally).await;
    judge(&tally);
    assert_eq!((tally.completed, tally.refused), (9, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes"]
async fn every_route_under_every_choice() {
    let mut all = vec![ModellingChoices::default()];
    all.extend(ModellingChoices::each_alone());
    all.extend(ModellingChoices::pairwise());
    let (count, mut tally) = (all.len(), Tally::default());
    let mut halves = tokio::task::JoinSet::new();
    for half in 0..2 {
        let mine: Vec<ModellingChoices> = all.iter().skip(half).step_by(2).cloned().collect();
        halves.spawn(async move {
            let mut tally = Tally::default();
            for choices in &mine {
                under(choices, &mut tally).await;
            }
            tally
        });
    }
    while let Some(half) = halves.join_next().await {
        let half = half.unwrap();
        tally.completed += half.completed;
        tally.refused += half.refused;
        tally.losses += half.losses;
        tally.wrong.extend(half.wrong);
    }
    println!("choices: {count}");
    judge(&tally);
}
