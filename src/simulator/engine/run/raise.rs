//! RAISERROR and THROW.

use super::{Runner, Signal, command};
use crate::simulator::engine::evaluate::text;
use crate::simulator::engine::frame::Frame;
use crate::simulator::engine::value::plain_text;
use crate::simulator::server_error::{Failure, Result, ServerError, message};
use crate::simulator::tsql::ast::Expression;
use crate::transport::SqlValue;

impl Runner<'_> {
    pub(super) async fn raise(
        &mut self,
        format: &Expression,
        (severity, state): (&Expression, &Expression),
        arguments: &[Expression],
        frame: &Frame,
    ) -> Result<(), Failure> {
        let (format, _) = self.typed_value(format, frame)?;
        let severity = self.integer(severity, frame)?.unwrap_or(0).clamp(0, 25);
        let state = self.integer(state, frame)?.unwrap_or(1).clamp(0, 255);
        let mut values = Vec::new();
        for argument in arguments {
            values.push(self.typed_value(argument, frame)?.0);
        }
        let class = u8::try_from(severity).unwrap_or(16);
        let state = u8::try_from(state).unwrap_or(1);
        let (number, text) = match &format {
            SqlValue::Int(number) => {
                let number = i32::try_from(*number).unwrap_or(i32::MAX);
                return Err(unknown_message(number).into());
            }
            format => (50_000, filled(&text(format)?.unwrap_or_default(), &values)),
        };
        if class >= 19 && !self.may_raise_fatal(frame) {
            return Err(ServerError::new(
                2754,
                16,
                1,
                "Error severity levels greater than 18 can only be specified by members of the \
                 sysadmin role, using the WITH LOG option.",
            )
            .into());
        }
        if class > 10 {
            return Err(ServerError::new(number, class, state, text).into());
        }
        // Severities to 10 are notices, of class 0 to 10 as they were given.
        self.notice(frame, message(number, class, state, text))
            .await?;
        self.done(command::NONE, None).await?;
        Ok(())
    }

    fn may_raise_fatal(&self, frame: &Frame) -> bool {
        self.with_context(frame, |context| context.caller().is_sysadmin())
    }

    pub(super) fn throw(
        &self,
        thrown: Option<&(Expression, Expression, Expression)>,
        frame: &Frame,
    ) -> Result<Signal, Failure> {
        let Some((number, text_of, state)) = thrown else {
            return match &frame.caught {
                Some(caught) => Err(ServerError(vec![caught.clone()]).into()),
                None => Err(ServerError::new(
                    10_704,
                    15,
                    1,
                    "To rethrow an error, a THROW statement must be used inside a CATCH block. \
                     Insert the THROW statement inside a CATCH block, or add error parameters to \
                     the THROW statement.",
                )
                .into()),
            };
        };
        let number = self.integer(number, frame)?.unwrap_or(0);
        let number = i32::try_from(number).unwrap_or(0);
        if number < 50_000 {
            return Err(ServerError::new(
                35_100,
                16,
                10,
                format!(
                    "Error number {number} in the THROW statement is outside the valid range. \
                     Specify an error number in the valid range of 50000 to 2147483647."
                ),
            )
            .into());
        }
        let state = self.integer(state, frame)?.unwrap_or(1).clamp(0, 255);
        let (value, _) = self.typed_value(text_of, frame)?;
        let state = u8::try_from(state).unwrap_or(1);
        Err(ServerError::new(number, 16, state, text(&value)?.unwrap_or_default()).into())
    }
}

/// 18054.
fn unknown_message(number: i32) -> ServerError {
    ServerError::new(
        18_054,
        16,
        1,
        format!(
            "Error {number}, severity 16, state 1 was raised, but no message with that error \
             number was found in sys.messages. If error is larger than 50000, make sure the \
             user-defined message is added using sp_addmessage."
        ),
    )
}

/// `%s`, `%d`, `%i`, `%u`, `%x` and `%%`, with widths read over.
fn filled(format: &str, values: &[SqlValue]) -> String {
    let mut values = values.iter();
    let mut result = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            result.push('%');
            rest = after;
            continue;
        }
        let place = rest.find(|c: char| c.is_ascii_alphabetic());
        let Some(place) = place else {
            result.push('%');
            continue;
        };
        let shown = match values.next() {
            Some(SqlValue::Null) | None => "(null)".to_owned(),
            Some(SqlValue::Int(value)) if rest[place..].starts_with(['x', 'X']) => {
                format!("{value:x}")
            }
            Some(value) => plain_text(value),
        };
        result.push_str(&shown);
        rest = &rest[place + 1..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_filled() {
        let values = [SqlValue::Text("a".to_owned()), SqlValue::Int(255)];
        assert_eq!(filled("%s is %d, 100%%", &values), "a is 255, 100%");
        assert_eq!(filled("%s %x %s %", &values), "a ff (null) %");
        assert_eq!(filled("%é", &values), "%é");
    }
}
