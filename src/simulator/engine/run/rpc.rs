//! Procedures that a client calls by RPC.

use super::procedure::{Given, Outcome};
use super::{Runner, command};
use crate::simulator::engine::Parameter;
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::query::conform;
use crate::simulator::engine::value::fold;
use crate::simulator::output::{Gone, Reply};
use crate::simulator::server_error::Failure;
use crate::simulator::tsql::parse_object_name;

impl Runner<'_> {
    pub(super) async fn rpc(
        &mut self,
        procedure: &str,
        parameters: Vec<Parameter>,
    ) -> Result<(), Gone> {
        self.session.line = 1;
        let frame = Frame::default();
        let Some(name) = parse_object_name(procedure) else {
            let name = crate::simulator::tsql::ast::ObjectName::new(vec![procedure.to_owned()]);
            return self
                .fail(&frame, super::procedure::not_found(&name), command::EXECUTE)
                .await;
        };
        let given: Vec<Given> = parameters.iter().map(Given::of_parameter).collect();
        self.note_request("EXECUTE");
        match self.call(&name, &given, 0).await {
            Ok(outcome) => self.answer(&parameters, outcome).await,
            Err(Failure::Gone) => Err(Gone),
            // Told already, where it happened.
            Err(Failure::Server(error)) if error.0.is_empty() => {
                self.done(command::EXECUTE, None).await
            }
            Err(Failure::Server(error)) => self.fail(&frame, error, command::EXECUTE).await,
        }
    }

    /// The status, what came out of the parameters, and the end.
    async fn answer(&mut self, parameters: &[Parameter], outcome: Outcome) -> Result<(), Gone> {
        self.output
            .send(Reply::ReturnStatus(outcome.status))
            .await?;
        for (ordinal, (parameter, output)) in (0_u16..).zip(parameters.iter().zip(outcome.outputs))
        {
            if let Some((value, kind)) = output {
                // The parameter's own type is what the client has a place for.
                let (value, kind) = match conform(value.clone(), parameter.kind) {
                    Ok(value) => (value, parameter.kind),
                    Err(_) => (value, kind),
                };
                let name = parameter.name.clone();
                let reply = Reply::ReturnValue {
                    ordinal,
                    name,
                    kind,
                    value,
                };
                self.output.send(reply).await?;
            }
        }
        self.done(command::EXECUTE, None).await
    }
}

/// Whether a system procedure is called by this name, with or without `master..` or `sys.`.
pub(super) fn is_system_name(name: &crate::simulator::tsql::ast::ObjectName) -> bool {
    let schema = name
        .schema()
        .is_none_or(|schema| matches!(fold(schema).as_str(), "sys" | "dbo"));
    schema && matches!(fold(name.name()).get(..3), Some("sp_" | "xp_"))
}
