//! SET of options.

use super::Runner;
use crate::simulator::server_error::{Result, ServerError};

/// Options that drivers set and that have their usual value here, whatever is set.
const ACCEPTED: &[&str] = &[
    "ANSI_DEFAULTS",
    "ANSI_NULLS",
    "ANSI_NULL_DFLT_OFF",
    "ANSI_NULL_DFLT_ON",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "ARITHIGNORE",
    "CONCAT_NULL_YIELDS_NULL",
    "CONTEXT_INFO",
    "CURSOR_CLOSE_ON_COMMIT",
    "DATEFIRST",
    "DATEFORMAT",
    "DEADLOCK_PRIORITY",
    "FMTONLY",
    "FORCEPLAN",
    "NUMERIC_ROUNDABORT",
    "QUERY_GOVERNOR_COST_LIMIT",
    "QUOTED_IDENTIFIER",
    "REMOTE_PROC_TRANSACTIONS",
    "STATISTICS",
    "TEXTSIZE",
];

impl Runner<'_> {
    pub(super) fn set_option(&mut self, words: &[String]) -> Result<()> {
        let memory = &mut self.session.memory;
        let name = words.first().map_or("", String::as_str);
        let value = words.get(1).map_or("", String::as_str);
        match name {
            "NOCOUNT" => memory.no_count = value == "ON",
            "XACT_ABORT" => memory.aborts_transactions = value == "ON",
            "LOCK_TIMEOUT" => memory.lock_timeout = value.parse().ok(),
            "IMPLICIT_TRANSACTIONS" => memory.begins_transactions = value == "ON",
            "NOEXEC" | "PARSEONLY" | "ROWCOUNT" | "SHOWPLAN_ALL" | "SHOWPLAN_TEXT"
            | "SHOWPLAN_XML" => {
                // Off is how it is; ROWCOUNT 0 is no limit.
                if value != "OFF" && value != "0" {
                    return Err(ServerError::unsupported(format_args!("SET {name}")));
                }
            }
            "TRANSACTION" => {
                memory.reads_uncommitted = words.iter().any(|word| word == "UNCOMMITTED");
            }
            _ if ACCEPTED.contains(&name) => {}
            _ => {
                return Err(ServerError::new(
                    195,
                    15,
                    5,
                    format!("'{name}' is not a recognized SET option."),
                ));
            }
        }
        Ok(())
    }
}
