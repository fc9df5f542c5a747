//! Windows hosts by Windows' own calls: this machine, and other ones by the same calls with a computer name.
//!
//! [`WindowsHosts`] is the port to service managers, files, programs and registries;
//! [`CredentialSecrets`] takes secrets from the Credential Manager.
//!
//! Calls are made with the account of the process: an account that a thread impersonates is not passed on.
//! They block, so they run on the runtime's threads for that. Dropping a future does not take a call back.
//!
//! # What was run, and where
//! All of it was written against Windows' documentation, and run under Wine 8.0, never on Windows. What Wine can't
//! do was not run at all; the simulated hosts (feature `simulator`) do it as documented, and that is what the
//! operations are tested against:
//!
//! | not run on Windows | Wine 8.0 | Windows (documented) | what covers it |
//! |---|---|---|---|
//! | start of a service that needs others | starts it alone | starts those first; 1068 | simulated service manager |
//! | stop of a service that running ones need | stops it | 1051 | simulated service manager |
//! | dependencies in `query` | always none | told | simulated service manager |
//! | start of a service that ends at once | 1053 | succeeds; stopped with its code later | simulated service manager |
//! | stop | answers when the service is down, or not at all (109) | answers when the request was taken | simulated service manager |
//! | a service whose process was ended | stays as it was for ever | stopped, with 1067 | simulated service manager; the tests see that the process is gone |
//! | delayed start, read and set | 124 | works | simulated service manager |
//! | service managers of other machines | the name is ignored: this machine's | RPC; 1722 where nobody answers | simulated hosts, for 1722; the call is the local one with a name |
//! | files of other machines (`\\HOST\C$\…`) | a folder that stands for the share | the administrative share; administrators only | the suite for ports to files ran over that folder |
//! | registries of other machines | 53: no connection | works where the service RemoteRegistry runs | simulated hosts |
//! | owner, group and access control lists | kept as modes of Unix | kept as they are | round trip of what Wine keeps |
//! | links and junctions | none can be made | refused (5) | simulated hosts |
//! | secrecy of the Credential Manager | a key that anybody can read | the account's own | round trip |

mod answer;
mod commands;
mod computer;
mod credentials;
mod files;
mod hosts;
mod placed_file;
mod processes;
mod registry;
mod security;
mod services;

pub use credentials::CredentialSecrets;
pub use hosts::WindowsHosts;
