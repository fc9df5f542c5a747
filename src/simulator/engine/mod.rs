//! Runs statements.
//!
//! Queries are evaluated here, value by value, on the types of T-SQL; SQLite keeps the rows of
//! tables and nothing else, because its types, its comparisons and its errors are not SQL Server's.

mod backup;
mod evaluate;
mod frame;
mod held;
mod keys;
mod permissions;
mod query;
mod request;
mod run;
mod session;
mod table_store;
mod temporary;
#[cfg(test)]
pub(in crate::simulator) mod test_kit;
mod value;
mod views;

pub(crate) use backup::{create_history_procedures, create_history_tables};
pub(crate) use held::{HeldState, held_permissions};
pub(crate) use keys::open_encryption_key;
pub(crate) use permissions::{Caller, find_user};
pub(crate) use request::{Isolation, LoginRequest, Parameter, Request, TransactionRequest};
pub(crate) use session::{Session, machine_of};
pub(crate) use value::{date_time_offset_text, parse_date_time_offset, to_text};
