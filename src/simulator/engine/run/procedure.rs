//! Procedures: called.

use super::{Runner, Signal, command};
use crate::simulator::catalog::Procedure;
use crate::simulator::engine::evaluate::text;
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::temporary::TemporaryObjects;
use crate::simulator::engine::value::{Conversion, convert};
use crate::simulator::engine::{Caller, Session};
use crate::simulator::instance::same_name;
use crate::simulator::server_error::{Failure, Result, ServerError};
use crate::simulator::tsql::ast::{
    Argument, ExecuteStatement, Expression, ObjectName, ProcedureParameter, ProcedureStatement,
    Statement, StatementKind,
};
use crate::simulator::tsql::parse_batch;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// An argument of a call, evaluated.
#[derive(Clone, Debug)]
pub(super) struct Given {
    /// With its `@`; `None` by position.
    pub(super) name: Option<String>,
    /// `None` is DEFAULT.
    pub(super) value: Option<SqlValue>,
    pub(super) kind: WireType,
    pub(super) is_output: bool,
    /// The caller's variable that takes what comes out.
    variable: Option<String>,
}

impl Given {
    /// An argument of an RPC.
    pub(super) fn of_parameter(parameter: &crate::simulator::engine::Parameter) -> Self {
        Self {
            name: Some(parameter.name.clone()).filter(|name| !name.is_empty()),
            value: parameter.value.clone(),
            kind: parameter.kind,
            is_output: parameter.is_output,
            variable: None,
        }
    }
}

/// What a call came back with.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) status: i32,
    /// What came out of the arguments, in their order; `None` for those that only went in.
    pub(super) outputs: Vec<Option<(SqlValue, WireType)>>,
}

/// Where and as whom a session was when it made a call.
#[derive(Debug)]
pub(crate) struct CallSite {
    line: u32,
    procedure: String,
    database: String,
    impersonations: usize,
}

impl Session {
    fn take_back(&mut self, site: CallSite, depth: u32) {
        self.line = site.line;
        self.procedure = site.procedure;
        self.database = site.database;
        self.memory.temporary.end_call(depth);
        while self.memory.impersonations.len() > site.impersonations {
            if let Some(before) = self.memory.impersonations.pop() {
                self.login = before.login;
                self.memory.impersonated_user = before.user;
            }
        }
    }
}

/// A procedure as it is run.
struct Found {
    database: String,
    procedure: Procedure,
}

impl Runner<'_> {
    pub(super) async fn execute(
        &mut self,
        statement: &ExecuteStatement,
        frame: &mut Frame,
    ) -> Result<(), Failure> {
        match statement {
            ExecuteStatement::Text(expression) => {
                let (value, _) = self.typed_value(expression, frame)?;
                let batch = text(&value)?.unwrap_or_default();
                let inner = Frame {
                    depth: frame.depth + 1,
                    ..Frame::default()
                };
                self.run_text(&batch, inner).await?;
                Ok(())
            }
            ExecuteStatement::Procedure {
                status,
                procedure,
                arguments,
            } => {
                let given = self.given_arguments(arguments, frame)?;
                let outcome = self.call(procedure, &given, frame.depth).await?;
                for (argument, output) in given.iter().zip(outcome.outputs) {
                    if let (Some(variable), Some((value, kind))) = (&argument.variable, output) {
                        frame.assign(variable, &value, kind)?;
                    }
                }
                if let Some(variable) = status {
                    let value = SqlValue::Int(outcome.status.into());
                    frame.assign(variable, &value, WireType::Int)?;
                }
                if self.captured.is_none() {
                    self.done(command::EXECUTE, None).await?;
                }
                Ok(())
            }
        }
    }

    fn given_arguments(&self, arguments: &[Argument], frame: &Frame) -> Result<Vec<Given>> {
        let mut given = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let (value, kind) = match &argument.value {
                Some(value) => {
                    let (value, kind) = self.typed_value(value, frame)?;
                    (Some(value), kind)
                }
                None => (None, WireType::Int),
            };
            let variable = match &argument.value {
                Some(Expression::Variable(name)) if argument.is_output => Some(name.clone()),
                _ => None,
            };
            given.push(Given {
                name: argument.name.clone(),
                value,
                kind,
                is_output: argument.is_output,
                variable,
            });
        }
        Ok(given)
    }

    /// Runs a text as a batch of its own. A change of database ends with it.
    pub(super) async fn run_text(
        &mut self,
        batch: &str,
        mut frame: Frame,
    ) -> Result<Frame, Failure> {
        let statements = parse_batch(batch)?;
        let depth = frame.depth;
        self.leave();
        let result = self.statements(&statements, &mut frame).await;
        self.come_back(depth).await?;
        result?;
        Ok(frame)
    }

    /// Remembers where a call is made.
    fn leave(&mut self) {
        let session = &mut *self.session;
        session.memory.calls.push(CallSite {
            line: session.line,
            procedure: session.procedure.clone(),
            database: session.database.clone(),
            impersonations: session.memory.impersonations.len(),
        });
    }

    /// Ends a call: its temporary objects go, and the session is where and who it was before.
    async fn come_back(&mut self, depth: u32) -> Result<(), Failure> {
        let Some(site) = self.session.memory.calls.pop() else {
            return Ok(());
        };
        let from = self.session.database.clone();
        self.session.take_back(site, depth);
        if self.session.database != from {
            let to = self.session.database.clone();
            let reply = crate::simulator::output::Reply::Database { from, to };
            self.output.send(reply).await?;
        }
        Ok(())
    }

    /// Ends calls that an attention cut short.
    pub(super) fn forget_calls(&mut self) {
        if let Some(first) = std::mem::take(&mut self.session.memory.calls)
            .into_iter()
            .next()
        {
            self.session.take_back(first, 1);
        }
    }

    /// Calls a procedure of the system or of a user.
    pub(super) async fn call(
        &mut self,
        name: &ObjectName,
        given: &[Given],
        depth: u32,
    ) -> Result<Outcome, Failure> {
        if depth >= 32 {
            return Err(ServerError::new(
                217,
                16,
                1,
                "Maximum stored procedure, function, trigger, or view nesting level exceeded \
                 (limit 32).",
            )
            .into());
        }
        if let Some(outcome) = self.system_procedure(name, given, depth).await? {
            return Ok(outcome);
        }
        let found = self.find_procedure(name)?;
        let statements = parse_batch(&found.procedure.definition)?;
        let Some(StatementKind::Procedure(ProcedureStatement::Create {
            parameters, body, ..
        })) = statements
            .into_iter()
            .next()
            .map(|statement| statement.kind)
        else {
            return Err(not_found(name).into());
        };
        self.run_procedure(found, &parameters, &body, given, depth)
            .await
    }

    fn find_procedure(&self, name: &ObjectName) -> Result<Found> {
        if TemporaryObjects::is_own_procedure(name) {
            let known = &self.session.memory.temporary.procedures;
            let known = known.get(&name.name().to_lowercase());
            return Ok(Found {
                database: self.session.database.clone(),
                procedure: known.ok_or_else(|| not_found(name))?.procedure.clone(),
            });
        }
        let state = self.session.instance.state();
        let database = match name.database() {
            None => self.session.database.clone(),
            Some(database) if state.entry(database).is_none() => return Err(not_found(name)),
            Some(database) => self.session.may_use(&state, database)?,
        };
        let schema = name.schema().unwrap_or("dbo");
        let known = state
            .database(&database)?
            .contents
            .procedures
            .iter()
            .find(|known| same_name(&known.schema, schema) && same_name(&known.name, name.name()));
        let procedure = known.ok_or_else(|| not_found(name))?;
        let caller = Caller::new(&state, self.session);
        // Objects that a procedure uses are its owner's as it is: the chain is not broken.
        let is_chained = !self.session.procedure.is_empty();
        if !is_chained
            && !caller.has_in_schema(&database, &procedure.schema, &procedure.grants, "EXECUTE")
        {
            return Err(ServerError::new(
                229,
                14,
                5,
                format!(
                    "The EXECUTE permission was denied on the object '{}', database '{database}', \
                     schema '{}'.",
                    procedure.name, procedure.schema
                ),
            ));
        }
        Ok(Found {
            database,
            procedure: procedure.clone(),
        })
    }

    async fn run_procedure(
        &mut self,
        found: Found,
        parameters: &[ProcedureParameter],
        body: &[Statement],
        given: &[Given],
        depth: u32,
    ) -> Result<Outcome, Failure> {
        let mut frame = Frame {
            depth: depth + 1,
            procedure: found.procedure.name.clone(),
            ..Frame::default()
        };
        let places = self.bind(&found.procedure.name, parameters, given, &mut frame)?;
        self.leave();
        let before = std::mem::replace(&mut self.session.database, found.database.clone());
        let result = self.statements(body, &mut frame).await;
        // Only where the procedure said USE is the client told that the database is the old one.
        if self.session.database == found.database {
            self.session.database = before;
        }
        self.come_back(frame.depth).await?;
        let status = match result? {
            Signal::Return(status) => status,
            _ => 0,
        };
        let mut outputs = Vec::with_capacity(given.len());
        for (argument, place) in given.iter().zip(places) {
            let parameter = &parameters[place];
            outputs.push(if argument.is_output && parameter.is_output {
                let variable = frame.variable(&parameter.name)?;
                Some((variable.value.clone(), variable.kind))
            } else {
                None
            });
        }
        Ok(Outcome { status, outputs })
    }

    /// Gives a procedure's parameters their values; says which parameter each argument is.
    pub(super) fn bind(
        &self,
        procedure: &str,
        parameters: &[ProcedureParameter],
        given: &[Given],
        frame: &mut Frame,
    ) -> Result<Vec<usize>> {
        let mut places = Vec::with_capacity(given.len());
        for (at, argument) in given.iter().enumerate() {
            places.push(match &argument.name {
                Some(name) => parameters
                    .iter()
                    .position(|parameter| same_name(&parameter.name, name))
                    .ok_or_else(|| not_a_parameter(procedure, name))?,
                None if at < parameters.len() => at,
                None => {
                    return Err(ServerError::new(
                        8144,
                        16,
                        2,
                        format!(
                            "Procedure or function {procedure} has too many arguments specified."
                        ),
                    ));
                }
            });
        }
        for (at, parameter) in parameters.iter().enumerate() {
            let argument = places
                .iter()
                .position(|place| *place == at)
                .map(|place| &given[place]);
            let (value, kind) = match (argument, &parameter.default) {
                (
                    Some(Given {
                        value: Some(value),
                        kind,
                        is_output,
                        ..
                    }),
                    _,
                ) => {
                    if *is_output && !parameter.is_output {
                        return Err(not_output(&parameter.name));
                    }
                    (value.clone(), *kind)
                }
                (_, Some(default)) => self.typed_value(default, &Frame::default())?,
                (_, None) => {
                    return Err(ServerError::new(
                        201,
                        16,
                        4,
                        format!(
                            "Procedure or function '{procedure}' expects parameter '{}', which was \
                             not supplied.",
                            parameter.name
                        ),
                    ));
                }
            };
            let value = convert(&value, &Conversion::new(kind, parameter.kind))?;
            frame.declare(&parameter.name, parameter.kind, value);
        }
        Ok(places)
    }
}

/// 2812.
pub(super) fn not_found(name: &ObjectName) -> ServerError {
    ServerError::new(
        2812,
        16,
        62,
        format!("Could not find stored procedure '{name}'."),
    )
}

/// 8145.
fn not_a_parameter(procedure: &str, name: &str) -> ServerError {
    ServerError::new(
        8145,
        16,
        1,
        format!("{name} is not a parameter for procedure {procedure}."),
    )
}

/// 8162.
fn not_output(name: &str) -> ServerError {
    ServerError::new(
        8162,
        16,
        2,
        format!(
            "The formal parameter \"{name}\" was not declared as an OUTPUT parameter, but the \
             actual parameter passed in requested output."
        ),
    )
}
