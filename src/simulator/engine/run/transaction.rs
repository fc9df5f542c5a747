//! Transactions: the changes of rows and definitions of one session, kept or taken back together.
//!
//! While one is open, the databases that it changed belong to it: other sessions' statements on
//! their tables wait. (SQL Server locks rows; who waits there waits here too, and some others.)

use super::{Runner, command};
use crate::simulator::catalog::Contents;
use crate::simulator::engine::Session;
use crate::simulator::engine::temporary::TemporaryObjects;
use crate::simulator::instance::{Instance, OpenDatabase, State, same_name};
use crate::simulator::output::TransactionChange;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::TransactionStatement;

/// A database as it was when the transaction first changed it.
#[derive(Debug)]
pub(crate) struct ChangedDatabase {
    /// In lower case.
    pub(crate) name: String,
    pub(crate) contents: Contents,
}

/// A place within a transaction.
#[derive(Debug)]
pub(crate) struct Savepoint {
    name: String,
    /// Those that had been changed before it, as they were there.
    databases: Vec<ChangedDatabase>,
    /// The session's temporary objects, as they were there.
    temporary: TemporaryObjects,
}

impl Runner<'_> {
    pub(super) async fn transaction(
        &mut self,
        statement: &TransactionStatement,
    ) -> Result<(), Failure> {
        let ended = match statement {
            TransactionStatement::Begin(name) => {
                // Where they are implicit, one begins for this statement too (documented).
                self.begin_implicitly();
                self.begin(name.as_deref());
                command::BEGIN
            }
            TransactionStatement::Commit => {
                self.commit()?;
                command::COMMIT
            }
            TransactionStatement::Save(name) => {
                self.save(name)?;
                command::BEGIN
            }
            TransactionStatement::Rollback(name) => {
                if self.session.transactions == 0 {
                    return Err(no_transaction("ROLLBACK").into());
                }
                match name {
                    Some(name) => self.roll_back_to(name)?,
                    None => self.roll_back_all(),
                }
                command::ROLLBACK
            }
        };
        Ok(self.done(ended, None).await?)
    }

    fn begin(&mut self, name: Option<&str>) {
        if self.session.transactions == 0 {
            let memory = &mut self.session.memory;
            memory.transaction = name.map(str::to_owned);
            memory.temporary_before = Some(memory.temporary.clone());
            self.session.transaction_log.begun(self.session.spid);
        }
        self.session.transactions = self.session.transactions.saturating_add(1);
    }

    /// SET IMPLICIT_TRANSACTIONS ON: the statement begins a transaction where none is open.
    pub(super) fn begin_implicitly(&mut self) {
        if self.session.memory.begins_transactions && self.session.transactions == 0 {
            self.begin(None);
        }
    }

    fn commit(&mut self) -> Result<()> {
        match self.session.transactions {
            0 => return Err(no_transaction("COMMIT")),
            1 => {}
            _ => {
                self.session.transactions -= 1;
                return Ok(());
            }
        }
        let instance = std::sync::Arc::clone(&self.session.instance);
        let mut state = instance.state();
        let changed = std::mem::take(&mut self.session.memory.changed_databases);
        self.session.memory.savepoints.clear();
        self.session.memory.temporary_before = None;
        self.session.transactions = 0;
        let result = commit_databases(&instance, &mut state, &changed);
        release(&mut state, self.session.spid);
        self.session.transaction_log.ended(match result {
            Ok(()) => TransactionChange::Committed,
            Err(_) => TransactionChange::RolledBack,
        });
        result
    }

    /// SAVE TRANSACTION: a place to go back to.
    fn save(&mut self, name: &str) -> Result<()> {
        if self.session.transactions == 0 {
            return Err(ServerError::new(
                628,
                16,
                0,
                "Cannot issue SAVE TRANSACTION when there is no active transaction.",
            ));
        }
        let instance = std::sync::Arc::clone(&self.session.instance);
        let state = instance.state();
        let memory = &mut self.session.memory;
        let mark = format!("SAVEPOINT s{}", memory.savepoints.len());
        let mut databases = Vec::with_capacity(memory.changed_databases.len());
        for changed in &memory.changed_databases {
            if let Some(open) = state.databases.get(&changed.name) {
                open.rows
                    .execute_batch(&mark)
                    .map_err(|error| rows_failed(&error))?;
                databases.push(ChangedDatabase {
                    name: changed.name.clone(),
                    contents: open.contents.clone(),
                });
            }
        }
        memory.savepoints.push(Savepoint {
            name: name.to_owned(),
            databases,
            temporary: memory.temporary.clone(),
        });
        Ok(())
    }

    /// Goes back to a savepoint, which stays; or ends the transaction, if that is its name.
    fn roll_back_to(&mut self, name: &str) -> Result<()> {
        let instance = std::sync::Arc::clone(&self.session.instance);
        let mut state = instance.state();
        let memory = &mut self.session.memory;
        let place = memory
            .savepoints
            .iter()
            .rposition(|savepoint| same_name(&savepoint.name, name));
        let Some(place) = place else {
            let is_own = memory
                .transaction
                .as_ref()
                .is_some_and(|own| same_name(own, name));
            if is_own {
                abandon(self.session, &mut state);
                return Ok(());
            }
            return Err(ServerError::new(
                6401,
                16,
                1,
                format!(
                    "Cannot roll back {name}. No transaction or savepoint of that name was found."
                ),
            ));
        };
        memory.savepoints.truncate(place + 1);
        let savepoint = &memory.savepoints[place];
        memory.temporary.clone_from(&savepoint.temporary);
        let back = format!("ROLLBACK TO s{place}");
        let mut result = Ok(());
        memory.changed_databases.retain(|changed| {
            let saved = savepoint
                .databases
                .iter()
                .find(|saved| saved.name == changed.name);
            if let Some(open) = state.databases.get_mut(&changed.name) {
                // What was first changed behind the savepoint goes back to the beginning.
                let sql = saved.map_or("ROLLBACK", |_| back.as_str());
                match open.rows.execute_batch(sql) {
                    Ok(()) => open.contents = saved.unwrap_or(changed).contents.clone(),
                    Err(error) => result = Err(rows_failed(&error)),
                }
            }
            if saved.is_none() {
                state.locks.writers.remove(&changed.name);
            }
            saved.is_some()
        });
        result
    }

    /// Takes back what the session's transaction did, if one is open.
    pub(super) fn roll_back_all(&mut self) {
        let instance = std::sync::Arc::clone(&self.session.instance);
        let mut state = instance.state();
        abandon(self.session, &mut state);
    }

    /// Makes a change of a database's rows and definitions: durable at once, or with the
    /// transaction.
    pub(super) fn change_database(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut OpenDatabase) -> Result<()>,
    ) -> Result<()> {
        let instance = std::sync::Arc::clone(&self.session.instance);
        let mut state = instance.state();
        check_writable(&state, name, self.session.spid)?;
        if self.session.transactions == 0 {
            return Ok(instance.edit(&mut state, |edit| Ok(change(edit.database(name)?)?))?);
        }
        let key = name.to_lowercase();
        let open = state.database_mut(name)?;
        let changed = &mut self.session.memory.changed_databases;
        if changed.iter().all(|known| known.name != key) {
            open.rows
                .execute_batch("BEGIN")
                .map_err(|error| rows_failed(&error))?;
            changed.push(ChangedDatabase {
                name: key.clone(),
                contents: open.contents.clone(),
            });
        }
        // A statement that fails half way leaves nothing; the transaction goes on without it.
        open.rows
            .execute_batch("SAVEPOINT statement")
            .map_err(|error| rows_failed(&error))?;
        let contents = open.contents.clone();
        let result = change(open);
        let end = if result.is_ok() {
            "RELEASE statement"
        } else {
            open.contents = contents;
            "ROLLBACK TO statement; RELEASE statement"
        };
        open.rows
            .execute_batch(end)
            .map_err(|error| rows_failed(&error))?;
        state.locks.writers.insert(key, self.session.spid);
        result
    }
}

/// All of them become durable together, or none.
fn commit_databases(
    instance: &Instance,
    state: &mut State,
    changed: &[ChangedDatabase],
) -> Result<()> {
    let mut committed = Vec::with_capacity(changed.len());
    for ChangedDatabase { name, .. } in changed {
        // A database that was closed under the transaction has lost it.
        if let Some(open) = state.databases.get(name) {
            open.rows
                .execute_batch("COMMIT")
                .map_err(|error| rows_failed(&error))?;
            committed.push(name.as_str());
        }
    }
    Ok(instance.save_all(state, &committed)?)
}

fn release(state: &mut State, spid: i16) {
    state.locks.writers.retain(|_, writer| *writer != spid);
    state
        .locks
        .application
        .retain(|lock| lock.spid != spid || !lock.of_transaction);
}

/// Takes a session's open transaction back: ROLLBACK, and the end of the session.
pub(crate) fn abandon(session: &mut Session, state: &mut State) {
    if session.transactions > 0 {
        session.transaction_log.ended(TransactionChange::RolledBack);
    }
    session.transactions = 0;
    session.memory.savepoints.clear();
    if let Some(before) = session.memory.temporary_before.take() {
        session.memory.temporary = before;
    }
    for changed in std::mem::take(&mut session.memory.changed_databases) {
        if let Some(open) = state.databases.get_mut(&changed.name) {
            // Where it fails nothing was begun: the database was closed and opened in between.
            if open.rows.execute_batch("ROLLBACK").is_ok() {
                open.contents = changed.contents;
            }
        }
    }
    release(state, session.spid);
}

/// 3906 for a read-only database, 1222 for one that another transaction has changed.
pub(super) fn check_writable(state: &State, name: &str, spid: i16) -> Result<()> {
    state.check_not_emergency(name)?;
    let entry = state.entry(name);
    if let Some(entry) = entry.filter(|entry| entry.is_read_only) {
        return Err(ServerError::new(
            3906,
            16,
            1,
            format!(
                "Failed to update database \"{}\" because the database is read-only.",
                entry.name
            ),
        ));
    }
    let writer = state.locks.writers.get(&name.to_lowercase());
    if writer.is_some_and(|writer| *writer != spid) {
        return Err(ServerError::new(
            1222,
            16,
            51,
            "Lock request time out period exceeded.",
        ));
    }
    Ok(())
}

fn no_transaction(verb: &str) -> ServerError {
    let (number, state) = if verb == "COMMIT" {
        (3902, 1)
    } else {
        (3903, 1)
    };
    ServerError::new(
        number,
        16,
        state,
        format!("The {verb} TRANSACTION request has no corresponding BEGIN TRANSACTION."),
    )
}

/// 824: the row store did not do what it always does.
fn rows_failed(error: &rusqlite::Error) -> ServerError {
    ServerError::new(
        824,
        24,
        2,
        format!("SQL Server detected a logical consistency-based I/O error: {error}."),
    )
}
