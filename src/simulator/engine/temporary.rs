//! What is a session's own, by names that begin with `#`.

use std::collections::BTreeMap;

use super::frame::MemoryTable;
use crate::simulator::catalog::Procedure;
use crate::simulator::tsql::ast::ObjectName;

/// The temporary tables and procedures of a session, each by its name in lower case. Whatever
/// database they are named in, they are the session's.
#[derive(Clone, Debug, Default)]
pub(crate) struct TemporaryObjects {
    pub(crate) tables: BTreeMap<String, MemoryTable>,
    pub(crate) procedures: BTreeMap<String, TemporaryProcedure>,
}

/// `CREATE PROCEDURE #p`.
#[derive(Clone, Debug)]
pub(crate) struct TemporaryProcedure {
    pub(crate) procedure: Procedure,
    /// How deep the calls were when it was made: the end of that call drops it.
    pub(crate) depth: u32,
}

impl TemporaryObjects {
    /// Whether a procedure of this name is a session's own. `##p` is everybody's, and is kept with
    /// the others.
    pub(crate) fn is_own_procedure(name: &ObjectName) -> bool {
        let name = name.name();
        name.starts_with('#') && !name.starts_with("##")
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.tables.contains_key(key) || self.procedures.contains_key(key)
    }

    /// Drops what was made in calls as deep as this, or deeper.
    pub(crate) fn end_call(&mut self, depth: u32) {
        self.tables.retain(|_, table| table.depth < depth);
        self.procedures
            .retain(|_, procedure| procedure.depth < depth);
    }
}
