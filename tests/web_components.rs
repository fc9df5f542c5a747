//! web.config through the operations, on a host in memory: what is written, and what is not.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[cfg(feature = "simulator")]
#[path = "web_components/elsewhere.rs"]
mod elsewhere;
#[path = "web_components/encrypted.rs"]
mod encrypted;
#[path = "web_components/faults.rs"]
mod faults;
#[path = "web_components/files.rs"]
mod files;
#[path = "web_components/host.rs"]
mod host;
#[cfg(feature = "simulator")]
#[path = "web_components/loopback.rs"]
mod loopback;
#[path = "web_components/paths.rs"]
mod paths;
#[path = "web_components/pools.rs"]
mod pools;
#[path = "web_components/product.rs"]
mod product;
#[path = "web_components/refusals.rs"]
mod refusals;
#[path = "web_components/renaming.rs"]
mod renaming;
#[path = "web_components/several.rs"]
mod several;
#[path = "web_components/sites.rs"]
mod sites;
#[cfg(feature = "simulator")]
#[path = "support/this_machine.rs"]
mod this_machine;
#[cfg(feature = "simulator")]
#[path = "web_components/verify.rs"]
mod verify;
#[cfg(feature = "simulator")]
#[path = "web_components/world.rs"]
mod world;
#[path = "web_components/writing.rs"]
mod writing;
