//! Prepared statements: what drivers make of a statement with parameters.

use std::collections::BTreeMap;

use crate::simulator::engine::{Parameter, Request};
use crate::simulator::output::Reply;
use crate::simulator::server_error::ServerError;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// How much memory the statements of a connection may take.
const LARGEST: usize = 64 * 1024 * 1024;

/// The prepared statements of a connection, by handle.
///
/// Nothing is gained here by preparing: a statement is kept as text and run as
/// `sp_executesql` would run it.
#[derive(Debug, Default)]
pub(super) struct PreparedStatements {
    statements: BTreeMap<i64, Statement>,
    last_handle: i64,
    /// Of all statements, about, in bytes.
    size: usize,
}

#[derive(Clone, Debug)]
struct Statement {
    declarations: Parameter,
    text: Parameter,
}

/// What is to be done for a request.
#[derive(Debug)]
pub(super) enum Resolved {
    /// To be run, and those values to be returned with it.
    Run {
        request: Request,
        returned: Vec<Reply>,
        /// How much further the client's own parameters are than those of the request: what they
        /// return is told by their place.
        ahead: i16,
    },
    /// Done.
    Answered { returned: Vec<Reply> },
}

impl Resolved {
    const fn as_it_is(request: Request) -> Self {
        Self::Run {
            request,
            returned: Vec::new(),
            ahead: 0,
        }
    }
}

impl PreparedStatements {
    /// Makes calls of `sp_executesql` of calls that prepare or use a statement; leaves other
    /// requests as they are.
    pub(super) fn resolve(&mut self, request: Request) -> Result<Resolved, ServerError> {
        match request {
            Request::Rpc {
                procedure,
                parameters,
            } => self.resolve_call(procedure, parameters),
            request => Ok(Resolved::as_it_is(request)),
        }
    }

    fn resolve_call(
        &mut self,
        procedure: String,
        parameters: Vec<Parameter>,
    ) -> Result<Resolved, ServerError> {
        let name = procedure.to_ascii_lowercase();
        let mut values = parameters.into_iter();
        match name.strip_prefix("sys.").unwrap_or(&name) {
            "sp_prepare" => {
                let handle = self.prepare(&mut values)?.0;
                Ok(Resolved::Answered {
                    returned: vec![Reply::ReturnStatus(0), handle],
                })
            }
            "sp_prepexec" => {
                let (handle, statement) = self.prepare(&mut values)?;
                Ok(Resolved::Run {
                    request: statement.execute(values),
                    returned: vec![handle],
                    ahead: 1,
                })
            }
            "sp_execute" => {
                let handle = handle(values.next())?;
                let statement = self
                    .statements
                    .get(&handle)
                    .ok_or_else(|| unknown(handle))?;
                Ok(Resolved::Run {
                    request: statement.clone().execute(values),
                    returned: Vec::new(),
                    ahead: -1,
                })
            }
            "sp_unprepare" => {
                let handle = handle(values.next())?;
                let statement = self
                    .statements
                    .remove(&handle)
                    .ok_or_else(|| unknown(handle))?;
                self.size -= statement.size();
                Ok(Resolved::Answered {
                    returned: vec![Reply::ReturnStatus(0)],
                })
            }
            cursor if cursor.starts_with("sp_cursor") => {
                Err(ServerError::unsupported("cursors on the server"))
            }
            _ => Ok(Resolved::as_it_is(Request::Rpc {
                procedure,
                parameters: values.collect(),
            })),
        }
    }

    /// Takes the handle's parameter, the declarations and the text; gives the reply with the
    /// handle.
    fn prepare(
        &mut self,
        values: &mut impl Iterator<Item = Parameter>,
    ) -> Result<(Reply, Statement), ServerError> {
        let (Some(handle), Some(declarations), Some(text)) =
            (values.next(), values.next(), values.next())
        else {
            return Err(ServerError::unsupported(
                "preparing a statement without its text",
            ));
        };
        // A client that prepares without end and forgets nothing must not take all memory.
        let statement = Statement { declarations, text };
        self.size += statement.size();
        if self.size > LARGEST {
            self.size -= statement.size();
            return Err(ServerError::new(
                701,
                17,
                123,
                "There is insufficient system memory in resource pool 'default' to run this query.",
            ));
        }
        self.last_handle += 1;
        self.statements.insert(self.last_handle, statement.clone());
        let reply = Reply::ReturnValue {
            ordinal: 0,
            name: handle.name,
            kind: WireType::Int,
            value: SqlValue::Int(self.last_handle),
        };
        Ok((reply, statement))
    }
}

impl Statement {
    fn execute(self, values: impl Iterator<Item = Parameter>) -> Request {
        let mut text = self.text;
        text.name.clear();
        let mut parameters = vec![text];
        // Without parameters there may be no declarations either.
        if self
            .declarations
            .value
            .as_ref()
            .is_some_and(|value| !value.is_null())
        {
            let mut declarations = self.declarations;
            declarations.name.clear();
            parameters.push(declarations);
            parameters.extend(values);
        }
        Request::Rpc {
            procedure: "sp_executesql".to_owned(),
            parameters,
        }
    }

    /// About how much memory it takes.
    fn size(&self) -> usize {
        const WITHOUT_TEXTS: usize = 256;
        let texts = [&self.declarations, &self.text].map(|parameter| match &parameter.value {
            Some(SqlValue::Text(text)) => text.len(),
            _ => 0,
        });
        WITHOUT_TEXTS + texts.iter().sum::<usize>()
    }
}

fn handle(parameter: Option<Parameter>) -> Result<i64, ServerError> {
    match parameter.and_then(|parameter| parameter.value) {
        Some(SqlValue::Int(handle)) => Ok(handle),
        _ => Err(ServerError::unsupported(
            "prepared statements without a handle",
        )),
    }
}

fn unknown(handle: i64) -> ServerError {
    ServerError::new(
        8179,
        16,
        1,
        format!("Could not find prepared statement with handle {handle}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(value: SqlValue) -> Parameter {
        Parameter {
            name: String::new(),
            kind: WireType::NVarChar(None),
            value: Some(value),
            is_output: false,
        }
    }

    fn call(procedure: &str, values: Vec<SqlValue>) -> Request {
        Request::Rpc {
            procedure: procedure.to_owned(),
            parameters: values.into_iter().map(parameter).collect(),
        }
    }

    fn text(text: &str) -> SqlValue {
        SqlValue::Text(text.to_owned())
    }

    /// What is run, with what, and what is returned besides.
    fn run(resolved: Resolved) -> (String, Vec<SqlValue>, Vec<Reply>) {
        match resolved {
            Resolved::Run {
                request:
                    Request::Rpc {
                        procedure,
                        parameters,
                    },
                returned,
                ..
            } => {
                let values = parameters.into_iter().map(|given| given.value.unwrap());
                (procedure, values.collect(), returned)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_statement_is_prepared_run_and_forgotten() {
        let mut prepared = PreparedStatements::default();
        let both = call(
            "sp_prepexec",
            vec![
                SqlValue::Null,
                text("@a int"),
                text("SELECT @a"),
                SqlValue::Int(7),
            ],
        );
        let (procedure, values, returned) = run(prepared.resolve(both).unwrap());
        assert_eq!(procedure, "sp_executesql");
        assert_eq!(
            values,
            [text("SELECT @a"), text("@a int"), SqlValue::Int(7)]
        );
        assert!(matches!(
            returned[..],
            [Reply::ReturnValue {
                value: SqlValue::Int(1),
                ..
            }]
        ));

        let again = call("sys.sp_execute", vec![SqlValue::Int(1), SqlValue::Int(8)]);
        let (_, values, _) = run(prepared.resolve(again).unwrap());
        assert_eq!(values[2], SqlValue::Int(8));

        let forget = || call("sp_unprepare", vec![SqlValue::Int(1)]);
        assert!(matches!(
            prepared.resolve(forget()).unwrap(),
            Resolved::Answered { .. }
        ));
        assert_eq!(prepared.resolve(forget()).unwrap_err().0[0].number, 8179);
        assert_eq!(prepared.size, 0);
    }

    #[test]
    fn a_statement_without_parameters_has_no_declarations() {
        let mut prepared = PreparedStatements::default();
        let both = call(
            "sp_prepexec",
            vec![SqlValue::Null, SqlValue::Null, text("SELECT 1")],
        );
        let (_, values, _) = run(prepared.resolve(both).unwrap());
        assert_eq!(values, [text("SELECT 1")]);
    }

    #[test]
    fn cursors_are_refused_and_that_is_said() {
        let mut prepared = PreparedStatements::default();
        for name in ["sp_cursoropen", "SP_CURSORFETCH", "sys.sp_cursorclose"] {
            let refused = prepared.resolve(call(name, vec![])).unwrap_err();
            assert_eq!(refused.0[0].number, 50_900);
        }
    }

    #[test]
    fn statements_do_not_take_all_memory() {
        let mut prepared = PreparedStatements::default();
        let long = text(&"x".repeat(LARGEST / 4));
        let prepare = || {
            call(
                "sp_prepare",
                vec![SqlValue::Null, SqlValue::Null, long.clone()],
            )
        };
        let refused = (0..4).find_map(|_| prepared.resolve(prepare()).err());
        assert_eq!(refused.unwrap().0[0].number, 701);
        let forget = call("sp_unprepare", vec![SqlValue::Int(1)]);
        prepared.resolve(forget).unwrap();
        assert!(prepared.resolve(prepare()).is_ok());
    }

    #[test]
    fn other_requests_stay_as_they_are() {
        let mut prepared = PreparedStatements::default();
        let resolved = prepared
            .resolve(call("sp_who", vec![SqlValue::Int(1)]))
            .unwrap();
        let (procedure, _, returned) = run(resolved);
        assert!(procedure == "sp_who" && returned.is_empty());
    }
}
