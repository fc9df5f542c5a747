//! Prepared statements: what drivers make of a statement with parameters.

use std::collections::BTreeMap;

use crate::simulator::engine::{Parameter, Request};
use crate::simulator::output::Reply;
use crate::simulator::server_error::ServerError;
use crate::simulator::wire_type::WireType;
use crate::transport::SqlValue;

/// The prepared statements of a connection, by handle.
///
/// Nothing is gained here by preparing: a statement is kept as text and run as
/// `sp_executesql` would run it.
#[derive(Debug, Default)]
pub(super) struct PreparedStatements {
    statements: BTreeMap<i64, Statement>,
    last_handle: i64,
}

#[derive(Clone, Debug)]
struct Statement {
    declarations: Parameter,
    text: Parameter,
}

/// What is to be done for a request.
#[derive(Debug)]
pub(super) struct Resolved {
    /// To be run, if anything.
    pub(super) request: Option<Request>,
    /// To be answered after that.
    pub(super) replies: Vec<Reply>,
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
            request @ Request::Batch(_) => Ok(Resolved {
                request: Some(request),
                replies: Vec::new(),
            }),
        }
    }

    fn resolve_call(
        &mut self,
        procedure: String,
        parameters: Vec<Parameter>,
    ) -> Result<Resolved, ServerError> {
        let mut values = parameters.into_iter();
        match procedure.to_ascii_lowercase().as_str() {
            "sp_prepare" => {
                let handle = self.prepare(&mut values)?.0;
                Ok(Resolved {
                    request: None,
                    replies: vec![Reply::ReturnStatus(0), handle],
                })
            }
            "sp_prepexec" => {
                let (handle, statement) = self.prepare(&mut values)?;
                Ok(Resolved {
                    request: Some(statement.execute(values)),
                    replies: vec![handle],
                })
            }
            "sp_execute" => {
                let handle = handle(values.next())?;
                let statement = self
                    .statements
                    .get(&handle)
                    .ok_or_else(|| unknown(handle))?;
                Ok(Resolved {
                    request: Some(statement.clone().execute(values)),
                    replies: Vec::new(),
                })
            }
            "sp_unprepare" => {
                let handle = handle(values.next())?;
                self.statements
                    .remove(&handle)
                    .ok_or_else(|| unknown(handle))?;
                Ok(Resolved {
                    request: None,
                    replies: vec![Reply::ReturnStatus(0)],
                })
            }
            _ => Ok(Resolved {
                request: Some(Request::Rpc {
                    procedure,
                    parameters: values.collect(),
                }),
                replies: Vec::new(),
            }),
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
        self.last_handle += 1;
        let statement = Statement { declarations, text };
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
        if !self.declarations.value.is_null() {
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
}

fn handle(parameter: Option<Parameter>) -> Result<i64, ServerError> {
    match parameter.map(|parameter| parameter.value) {
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
            value,
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

    fn values(request: Option<Request>) -> (String, Vec<SqlValue>) {
        match request {
            Some(Request::Rpc {
                procedure,
                parameters,
            }) => {
                let values = parameters.into_iter().map(|parameter| parameter.value);
                (procedure, values.collect())
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
        let resolved = prepared.resolve(both).unwrap();
        let expected = vec![text("SELECT @a"), text("@a int"), SqlValue::Int(7)];
        assert_eq!(
            values(resolved.request),
            ("sp_executesql".to_owned(), expected)
        );
        assert!(matches!(
            resolved.replies[..],
            [Reply::ReturnValue {
                value: SqlValue::Int(1),
                ..
            }]
        ));

        let again = call("sp_execute", vec![SqlValue::Int(1), SqlValue::Int(8)]);
        let resolved = prepared.resolve(again).unwrap();
        assert_eq!(values(resolved.request).1[2], SqlValue::Int(8));

        let forget = || call("sp_unprepare", vec![SqlValue::Int(1)]);
        assert!(prepared.resolve(forget()).unwrap().request.is_none());
        assert_eq!(prepared.resolve(forget()).unwrap_err().0[0].number, 8179);
    }

    #[test]
    fn a_statement_without_parameters_has_no_declarations() {
        let mut prepared = PreparedStatements::default();
        let both = call(
            "sp_prepexec",
            vec![SqlValue::Null, SqlValue::Null, text("SELECT 1")],
        );
        let resolved = prepared.resolve(both).unwrap();
        assert_eq!(values(resolved.request).1, [text("SELECT 1")]);
    }

    #[test]
    fn other_requests_stay_as_they_are() {
        let mut prepared = PreparedStatements::default();
        let resolved = prepared
            .resolve(call("sp_who", vec![SqlValue::Int(1)]))
            .unwrap();
        assert_eq!(values(resolved.request).0, "sp_who");
        assert!(resolved.replies.is_empty());
    }
}
