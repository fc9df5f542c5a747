//! Procedure calls.

use crate::simulator::engine::{Parameter, Request};
use crate::simulator::tds::cursor::{Cursor, RequestError};
use crate::simulator::tds::parameter;
use crate::simulator::tds::version::TdsVersion;

/// Procedures that clients call by number.
const NUMBERED: [&str; 15] = [
    "sp_cursor",
    "sp_cursoropen",
    "sp_cursorprepare",
    "sp_cursorexecute",
    "sp_cursorprepexec",
    "sp_cursorunprepare",
    "sp_cursorfetch",
    "sp_cursoroption",
    "sp_cursorclose",
    "sp_executesql",
    "sp_prepare",
    "sp_execute",
    "sp_prepexec",
    "sp_prepexecrpc",
    "sp_unprepare",
];

/// Stands for the length of a name where a number follows.
const BY_NUMBER: u16 = 0xFFFF;
const OUTPUT: u8 = 1;
const DEFAULT_VALUE: u8 = 2;
/// Another call follows.
const NEXT_CALL: u8 = 0xFF;
/// The same, before TDS 7.2.
const NEXT_CALL_ONCE: u8 = 0x80;
const NOT_TO_BE_RUN: u8 = 0xFE;

/// How many calls one request may hold: what drivers send together is far below.
const MOST_CALLS: usize = 10_000;

/// Reads the calls of procedures in a request; in most there is one.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    version: TdsVersion,
) -> Result<Vec<Request>, RequestError> {
    let separators = if version >= TdsVersion::V7_2 {
        [NEXT_CALL, NOT_TO_BE_RUN]
    } else {
        [NEXT_CALL_ONCE; 2]
    };
    let mut calls = Vec::new();
    loop {
        calls.push(call(cursor, separators)?);
        if cursor.is_at_end() {
            return Ok(calls);
        }
        if cursor.u8()? == NOT_TO_BE_RUN {
            return Err(RequestError::Unsupported(
                "calls that are not to be run".to_owned(),
            ));
        }
        // The last call may be followed by nothing.
        if cursor.is_at_end() {
            return Ok(calls);
        }
        if calls.len() == MOST_CALLS {
            return Err(RequestError::Malformed("it has too many calls"));
        }
    }
}

/// Reads a call, up to what separates it from the next one.
fn call(cursor: &mut Cursor<'_>, separators: [u8; 2]) -> Result<Request, RequestError> {
    let procedure = procedure(cursor)?;
    let _options = cursor.u16()?;
    let mut parameters = Vec::new();
    while let Some(first) = cursor.peek() {
        // No name is as long as these numbers, so that they can separate calls.
        if separators.contains(&first) {
            break;
        }
        let name = cursor.short_text()?;
        let status = cursor.u8()?;
        let (kind, value) = parameter::read(cursor)?;
        parameters.push(Parameter {
            name,
            kind,
            value: Some(value).filter(|_| status & DEFAULT_VALUE == 0),
            is_output: status & OUTPUT != 0,
        });
    }
    Ok(Request::Rpc {
        procedure,
        parameters,
    })
}

fn procedure(cursor: &mut Cursor<'_>) -> Result<String, RequestError> {
    match cursor.u16()? {
        BY_NUMBER => {
            let number = cursor.u16()?;
            let name = usize::from(number)
                .checked_sub(1)
                .and_then(|at| NUMBERED.get(at));
            name.map(|name| (*name).to_owned()).ok_or_else(|| {
                RequestError::Unsupported(format!("the procedure of number {number}"))
            })
        }
        units => cursor.text(usize::from(units)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::wire_type::WireType;
    use crate::transport::SqlValue;

    fn calls(parts: &[&[u8]]) -> Result<Vec<(String, Vec<Parameter>)>, RequestError> {
        let bytes = parts.concat();
        let mut cursor = Cursor::new(&bytes);
        let calls = read(&mut cursor, TdsVersion::V7_4)?;
        assert!(cursor.is_at_end());
        let parts = calls.into_iter().map(|call| match call {
            Request::Rpc {
                procedure,
                parameters,
            } => (procedure, parameters),
            other => panic!("{other:?}"),
        });
        Ok(parts.collect())
    }

    fn call(parts: &[&[u8]]) -> Result<(String, Vec<Parameter>), RequestError> {
        let mut calls = calls(parts)?;
        assert_eq!(calls.len(), 1);
        Ok(calls.remove(0))
    }

    #[test]
    fn procedures_are_called_by_number_or_name() {
        let (procedure, parameters) = call(&[&[0xFF, 0xFF, 10, 0, 0, 0]]).unwrap();
        assert_eq!(procedure, "sp_executesql");
        assert!(parameters.is_empty());
        let (procedure, _) = call(&[&[2, 0, b'x', 0, b'y', 0, 0, 0]]).unwrap();
        assert_eq!(procedure, "xy");
    }

    #[test]
    fn parameters_have_names_directions_types_and_values() {
        let (_, parameters) = call(&[
            &[0xFF, 0xFF, 10, 0, 0, 0],
            &[0, 0, 0xE7, 4, 0, 9, 4, 0xD0, 0, 0x34, 2, 0, b'a', 0],
            &[2, b'@', 0, b'n', 0, 1, 0x26, 4, 0],
        ])
        .unwrap();
        let [text, number] = parameters.try_into().unwrap();
        assert_eq!(text.value, Some(SqlValue::Text("a".into())));
        assert!(text.name.is_empty() && !text.is_output);
        assert_eq!(
            (number.kind, number.value),
            (WireType::Int, Some(SqlValue::Null))
        );
        assert!(number.name == "@n" && number.is_output);
    }

    #[test]
    fn a_request_has_several_calls() {
        let one: &[u8] = &[0xFF, 0xFF, 10, 0, 0, 0, 0, 0, 0x26, 4, 0];
        let other: &[u8] = &[1, 0, b'x', 0, 0, 0];
        let calls = calls(&[one, &[0xFF], other, &[0xFF], one, &[0xFF]]).unwrap();
        let names: Vec<_> = calls.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["sp_executesql", "x", "sp_executesql"]);
        assert_eq!(calls[2].1.len(), 1);
    }

    #[test]
    fn parameters_can_be_left_at_their_default() {
        let (_, parameters) = call(&[&[0xFF, 0xFF, 10, 0, 0, 0, 0, 2, 0x26, 4, 0]]).unwrap();
        assert_eq!(parameters[0].value, None);
    }

    #[test]
    fn what_is_not_done_here_is_said() {
        for parts in [
            &[0xFF, 0xFF, 99, 0, 0, 0][..],
            &[0xFF, 0xFF, 10, 0, 0, 0, 0xFE],
        ] {
            assert!(matches!(call(&[parts]), Err(RequestError::Unsupported(_))));
        }
        assert!(call(&[&[0xFF, 0xFF, 10, 0, 0, 0, 0xFF, 0xFF]]).is_err());
    }
}
