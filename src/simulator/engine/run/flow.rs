//! Control of flow and variables.

use std::time::Duration;

use super::{Runner, Signal, command};
use crate::simulator::engine::evaluate::{integer, text};
use crate::simulator::engine::frame::{Frame, MemoryTable};
use crate::simulator::engine::session::take_single_user;
use crate::simulator::engine::value::parse_date_time;
use crate::simulator::engine::views::Language;
use crate::simulator::instance::same_name;
use crate::simulator::output::Reply;
use crate::simulator::server_error::{Failure, Result, ServerError, message};
use crate::simulator::tsql::ast::{Declaration, Expression, FlowStatement, Statement};
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

impl Runner<'_> {
    pub(super) async fn flow(
        &mut self,
        flow: &FlowStatement,
        frame: &mut Frame,
    ) -> Result<Signal, Failure> {
        match flow {
            FlowStatement::Block(statements) => return self.statements(statements, frame).await,
            FlowStatement::If {
                condition,
                then,
                otherwise,
            } => {
                let branch = if self.is_met(condition, frame)? {
                    Some(then)
                } else {
                    otherwise.as_ref()
                };
                return match branch {
                    Some(branch) => self.statement(branch, frame).await,
                    None => Ok(Signal::Next),
                };
            }
            FlowStatement::While { condition, body } => {
                while self.is_met(condition, frame)? {
                    match self.statement(body, frame).await? {
                        Signal::Next | Signal::Continue => {}
                        Signal::Break => break,
                        signal => return Ok(signal),
                    }
                }
            }
            FlowStatement::Break => return Ok(Signal::Break),
            FlowStatement::Continue => return Ok(Signal::Continue),
            FlowStatement::Return(value) => {
                let status = match value {
                    Some(value) => self.integer(value, frame)?.unwrap_or(0),
                    None => 0,
                };
                return Ok(Signal::Return(i32::try_from(status).unwrap_or(0)));
            }
            FlowStatement::Try { body, handler } => {
                return self.try_catch(body, handler, frame).await;
            }
            FlowStatement::Declare(declarations) => {
                for declaration in declarations {
                    self.declare(declaration, frame)?;
                }
            }
            FlowStatement::DeclareTable {
                variable,
                definition,
            } => {
                let table = MemoryTable {
                    next_identity: super::insert::identity_seed(definition),
                    definition: definition.clone(),
                    rows: Vec::new(),
                    depth: frame.depth,
                };
                frame.tables.insert(variable.to_lowercase(), table);
            }
            FlowStatement::SetVariable { variable, value } => {
                let (value, kind) = self.typed_value(value, frame)?;
                frame.assign(variable, &value, kind)?;
            }
            FlowStatement::Throw(thrown) => return self.throw(thrown.as_deref(), frame),
            other => self.simple_flow(other, frame).await?,
        }
        Ok(Signal::Next)
    }

    /// What sends something or waits.
    async fn simple_flow(
        &mut self,
        flow: &FlowStatement,
        frame: &mut Frame,
    ) -> Result<(), Failure> {
        match flow {
            FlowStatement::SetOption(words) => {
                match words.as_slice() {
                    [name, language] if name == "LANGUAGE" => {
                        self.set_language(language, frame).await?;
                    }
                    words => self.set_option(words)?,
                }
                self.done(command::NONE, None).await?;
            }
            FlowStatement::Print(value) => {
                let (value, _) = self.typed_value(value, frame)?;
                let text = text(&value)?.unwrap_or_default();
                // Printed text ends at 4000 characters.
                let text: String = text.chars().take(4000).collect();
                self.notice(frame, message(0, 0, 1, text)).await?;
                self.done(command::NONE, None).await?;
            }
            FlowStatement::RaiseError {
                message,
                severity,
                state,
                arguments,
            } => {
                self.raise(message, (severity, state), arguments, frame)
                    .await?;
            }
            FlowStatement::WaitForDelay(delay) => {
                let (value, _) = self.typed_value(delay, frame)?;
                tokio::time::sleep(delay_of(&value)?).await;
                self.done(command::NONE, None).await?;
            }
            FlowStatement::Use(database) => self.use_database(database, frame).await?,
            FlowStatement::Kill {
                spid,
                is_status_only,
            } => {
                self.kill(*spid, *is_status_only)?;
                self.done(command::NONE, None).await?;
            }
            FlowStatement::Checkpoint | FlowStatement::Reconfigure => {
                self.done(command::NONE, None).await?;
            }
            FlowStatement::Transaction(statement) => self.transaction(statement).await?,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn typed_value(
        &self,
        expression: &Expression,
        frame: &Frame,
    ) -> Result<(SqlValue, WireType)> {
        self.with_context(frame, |context| {
            let value = context.value(expression, None)?;
            let kind = context.value_type(expression, &value, None)?;
            Ok((value, kind))
        })
    }

    pub(super) fn integer(&self, expression: &Expression, frame: &Frame) -> Result<Option<i64>> {
        integer(&self.typed_value(expression, frame)?.0)
    }

    fn is_met(&self, condition: &Expression, frame: &Frame) -> Result<bool> {
        self.with_context(frame, |context| {
            Ok(context.condition(condition, None)? == Some(true))
        })
    }

    fn declare(&self, declaration: &Declaration, frame: &mut Frame) -> Result<()> {
        let name = &declaration.variable;
        if frame.variable(name).is_ok() {
            // In a loop the same DECLARE is met again; then it only assigns.
            if declaration.value.is_none() {
                return Ok(());
            }
        } else {
            frame.declare(name, declaration.kind, SqlValue::Null);
        }
        if let Some(value) = &declaration.value {
            let (value, kind) = self.typed_value(value, frame)?;
            frame.assign(name, &value, kind)?;
        }
        Ok(())
    }

    async fn try_catch(
        &mut self,
        body: &[Statement],
        handler: &[Statement],
        frame: &mut Frame,
    ) -> Result<Signal, Failure> {
        self.tries += 1;
        let nesting = self.nesting;
        let result = self.statements(body, frame).await;
        self.tries -= 1;
        let error = match result {
            Err(Failure::Server(error)) if !error.0.is_empty() => error,
            result => return result,
        };
        // Fatal errors end the connection, whatever is around them.
        if error.0.iter().any(|message| message.class >= 20) {
            return Err(Failure::Server(error));
        }
        self.nesting = nesting;
        let first = error
            .0
            .into_iter()
            .find(crate::transport::SqlMessage::is_error);
        if let Some(first) = &first {
            self.session.memory.last_error = first.number;
        }
        let before = std::mem::replace(&mut frame.caught, first);
        let result = self.statements(handler, frame).await;
        frame.caught = before;
        result
    }

    /// The client is told even where it was that language before.
    async fn set_language(&mut self, name: &str, frame: &Frame) -> Result<(), Failure> {
        let to = Language::named(name).ok_or_else(|| {
            ServerError::new(
                2741,
                16,
                1,
                format!(
                    "SET LANGUAGE failed because '{name}' is not an official language name or a \
                     language alias on this SQL Server."
                ),
            )
        })?;
        let from = std::mem::replace(&mut self.session.memory.language, to);
        self.output
            .send(Reply::Language {
                from: from.name(),
                to: to.name(),
            })
            .await?;
        let text = format!("Changed language setting to {}.", to.name());
        Ok(self.notice(frame, message(5703, 0, 1, text)).await?)
    }

    pub(super) async fn use_database(
        &mut self,
        database: &str,
        frame: &Frame,
    ) -> Result<(), Failure> {
        let name = self.enter(database)?;
        let before = std::mem::replace(&mut self.session.database, name.clone());
        self.note_request("USE DATABASE");
        self.output
            .send(Reply::Database {
                from: before,
                to: name.clone(),
            })
            .await?;
        let text = format!("Changed database context to '{name}'.");
        self.notice(frame, message(5701, 0, 1, text)).await?;
        self.done(command::USE, None).await?;
        Ok(())
    }

    /// Checks that the session may use a database, and takes it if it is one for a single user.
    fn enter(&mut self, database: &str) -> Result<String> {
        let instance = std::sync::Arc::clone(&self.session.instance);
        let mut state = instance.state();
        let name = self.session.may_use(&state, database)?;
        let is_other = !same_name(&name, &self.session.database);
        if let Some(left) = self.session.memory.entered.take_if(|_| is_other) {
            state.locks.single_user.remove(&left);
        }
        if take_single_user(&mut state, &name, self.session.spid) {
            self.session.memory.entered = Some(name.to_lowercase());
        }
        Ok(name)
    }
}

/// The time of WAITFOR DELAY: `'00:00:05'`, or 148.
fn delay_of(value: &SqlValue) -> Result<Duration> {
    let wrong = |text: &str| {
        ServerError::new(
            148,
            15,
            1,
            format!("Incorrect time syntax in time string '{text}' used with WAITFOR."),
        )
    };
    let text = text(value)?.unwrap_or_default();
    let moment = parse_date_time(text.trim())
        .filter(|_| text.contains(':'))
        .ok_or_else(|| wrong(&text))?;
    let (hours, minutes, seconds, nanoseconds) = moment.as_hms_nano();
    let seconds = u64::from(hours) * 3600 + u64::from(minutes) * 60 + u64::from(seconds);
    Ok(Duration::new(seconds, nanoseconds))
}
