//! What Orchestrator keeps in its database, read and tried: whatever the guessed parts of its schema are
//! called, and where they are otherwise than guessed.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "orchestrator_database/encryption.rs"]
mod encryption;
#[path = "orchestrator_database/inventory.rs"]
mod inventory;
#[path = "orchestrator_database/jobs.rs"]
mod jobs;
#[path = "support/kit.rs"]
mod kit;
#[path = "orchestrator_database/parts.rs"]
mod parts;
#[path = "orchestrator_database/recipes.rs"]
mod recipes;
#[path = "orchestrator_database/recreate_keys.rs"]
mod recreate_keys;

use kit::simulated::World;

/// The database of the tests.
const DATABASE: &str = "Orchestrator";
/// Seeds that differ in every guessed name, the first of which has the OUTPUT parameter first.
const SEEDS: [u64; 5] = [1, 2, 3, 7, 11];

async fn world(seed: u64) -> World {
    let world = World::with(&["SQL01"]);
    world.orchestrator("SQL01", seed).await;
    world
}

async fn sql(world: &World, text: &str) {
    world.sql("SQL01", Some(DATABASE), text).await;
}

/// A user with the rights of a service, and no login.
async fn user(world: &World, name: &str, role: &str) {
    let make = format!(
        "CREATE USER {name} WITHOUT LOGIN; \
         ALTER ROLE [Microsoft.SystemCenter.Orchestrator.{role}] ADD MEMBER {name}"
    );
    sql(world, &make).await;
}
