//! Where two databases are that are being swapped, and what comes next. Pure.

use super::inspect::DatabaseInfo;
use crate::error::Error;
use crate::names::DatabaseName;
use crate::operation::Observation;

/// What is seen of a swap.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// The name that both are about.
    pub(super) name: DatabaseName,
    /// The name for the existing database.
    pub(super) aside: DatabaseName,
    /// What the restored database was called.
    pub(super) restored_was: DatabaseName,
    /// Whether there was an existing one.
    pub(super) expects_existing: bool,
    /// Who could get into the existing one when it was seen.
    pub(super) access: Option<String>,
    /// The restored database, whatever it is called.
    pub(super) restored: Option<DatabaseInfo>,
    /// The existing one.
    pub(super) existing: Option<DatabaseInfo>,
    /// Whatever has the name.
    pub(super) named: Option<DatabaseInfo>,
    /// Whether the server refused to rename a database that is offline.
    pub(super) renames_online: bool,
}

/// One statement, on the database of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Close(DatabaseName),
    TakeOffline(DatabaseName),
    Rename(DatabaseName, DatabaseName),
    SetOnline(DatabaseName),
    /// It is swapped.
    Done,
    /// No step leads on from here.
    None,
}

impl Places {
    /// Whether both have the names that they had before.
    fn has_first_names(&self) -> bool {
        let restored = self.restored.as_ref();
        let existing = self.existing.as_ref();
        restored.is_some_and(|it| it.name == self.restored_was)
            && existing.is_none_or(|it| it.name == self.name)
            && existing.is_some() == self.expects_existing
    }

    /// Whether nothing of it was done: the existing database is open to users under its name.
    pub(super) fn is_untouched(&self) -> bool {
        let is_open = |it: &DatabaseInfo| it.state != "OFFLINE";
        self.has_first_names()
            && self.restored.as_ref().is_some_and(is_open)
            && self
                .existing
                .as_ref()
                .is_none_or(|it| is_open(it) && Some(&it.user_access) == self.access.as_ref())
    }

    pub(super) fn next(&self) -> Step {
        let Some(restored) = &self.restored else {
            return Step::None;
        };
        if self.expects_existing {
            let Some(existing) = &self.existing else {
                return Step::None;
            };
            if existing.name == self.name {
                return self.rename(existing, &self.aside);
            }
            if existing.name != self.aside {
                return Step::None;
            }
            if existing.state == "ONLINE" {
                return Step::TakeOffline(existing.name.clone());
            }
        }
        if restored.name != self.name {
            return if restored.name == self.restored_was {
                self.rename(restored, &self.name)
            } else {
                Step::None
            };
        }
        match restored.state.as_str() {
            "ONLINE" => Step::Done,
            "OFFLINE" => Step::SetOnline(restored.name.clone()),
            _ => Step::None,
        }
    }

    /// The next step to another name for a database that users are kept out of.
    fn rename(&self, database: &DatabaseInfo, to: &DatabaseName) -> Step {
        let name = database.name.clone();
        match database.state.as_str() {
            "ONLINE" if database.user_access != "RESTRICTED_USER" => Step::Close(name),
            "ONLINE" if !self.renames_online => Step::TakeOffline(name),
            "OFFLINE" if self.renames_online => Step::SetOnline(name),
            // Closed one way or the other, or it can't be opened at all.
            _ => Step::Rename(name, to.clone()),
        }
    }

    /// Whether a refused step is the renaming of a database that is offline: then it may go online.
    pub(super) fn may_rename_online(&self, step: &Step, error: &Error) -> bool {
        let Step::Rename(name, _) = step else {
            return false;
        };
        let is_offline = [&self.restored, &self.existing]
            .into_iter()
            .flatten()
            .any(|it| it.name == *name && it.state == "OFFLINE");
        // 1801: the name is taken, online as well.
        let was_refused = !error.sql_messages().is_empty()
            && error
                .sql_messages()
                .iter()
                .all(|message| message.number != 1801);
        is_offline && was_refused && !self.renames_online
    }

    /// Where both are, in words.
    pub(super) fn shown(&self) -> String {
        let place = |what: &str, info: Option<&DatabaseInfo>| match info {
            Some(info) => format!(
                "the {what} database is {} ({}, {})",
                info.name, info.state, info.user_access
            ),
            None => format!("the {what} database is gone"),
        };
        let restored = place("restored", self.restored.as_ref());
        if self.expects_existing {
            format!("{}; {restored}", place("existing", self.existing.as_ref()))
        } else {
            restored
        }
    }

    pub(super) fn observation(&self) -> Observation {
        match self.next() {
            Step::Done => Observation::Done,
            Step::None => Observation::Indeterminate { seen: self.shown() },
            _ if self.is_untouched() => Observation::NotDone,
            _ => Observation::Partial {
                state: self.shown(),
            },
        }
    }
}
