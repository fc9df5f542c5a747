//! Windows hosts by their OpenSSH server, from any platform: services, programs, files, registry.
//!
//! # How a host is reached
//! One connection a host, kept and used by all calls; when it is lost the call ends as
//! [`Lost`](crate::transport::HostError::Lost), with how far the request got, and the next call connects anew. The
//! server's key must be in a file of known hosts. There is no way to accept one that is not, and none with a password.
//!
//! # What reads a command line
//! OpenSSH for Windows hands each command to `cmd.exe`, or to what `DefaultShell` names (documented). Which it is, and
//! that quoting arrives as meant, is asked once a connection by a harmless question. To `cmd.exe` goes what it leaves
//! as it is ([`command_line::for_cmd`](super::command_line::for_cmd)): blanks, `&`, `^`, `$`, backticks and
//! letters of all scripts in quotes. What it would change (`%`, `!`, quotes, line breaks), and all where the shell is
//! another, goes by Windows PowerShell with `-EncodedCommand`, which no shell changes. Standard input goes over the
//! channel, where secrets belong.
//!
//! # What does the work there, and what of it was run
//! | | by | run in our tests |
//! | --- | --- | --- |
//! | state, start, stop | `sc.exe query`, `start`, `stop` | yes, Wine's |
//! | process id of a service; start types | `sc.exe queryex`, `config` | no: Wine has neither |
//! | start type, program, account, needed services | `reg.exe query` of the service's key (documented) | yes, Wine's |
//! | registry | `reg.exe query`, `add`, `delete` with `/reg:32`, `/reg:64` | yes, Wine's |
//! | programs | `cmd.exe` | yes, Wine's |
//! | programs, with what `cmd.exe` would change | PowerShell | no: decoded and compared |
//! | what runs under a process id | PowerShell | no: decoded and compared |
//! | files | SFTP | yes, OpenSSH's on Linux |
//! | replacing and copying files with their permissions | PowerShell, `ReplaceFile` | no: decoded and compared |
//!
//! Of `sc.exe` the numbers are read, by their order, because the words are in the language of the host. That the
//! order is the same in every language is unconfirmed; a status that does not fit it is an error. What `reg.exe` prints
//! is in a code page of the host, so values that are not plain ASCII are refused rather than misread. Programs of
//! Windows are called in `C:\Windows\System32`; a Windows elsewhere is not reached.

mod commands;
mod connection;
mod ear;
mod endpoint;
mod execute;
mod files;
mod hosts;
mod known_hosts;
mod login;
mod powershell;
mod registry;
mod registry_rows;
mod remote_files;
mod service_rows;
mod services;
mod sftp;
mod shell;
mod sign_in;

pub use endpoint::{FileReplacement, SshEndpoint};
pub use hosts::{SshHosts, SshHostsBuilder};
pub use login::SshLogin;
