//! Procedure calls.

use crate::simulator::engine::{Parameter, Request};
use crate::simulator::tds::cursor::{Cursor, RequestError};
use crate::simulator::tds::parameter;

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

/// Reads the call of a procedure.
pub(super) fn read(body: &[u8]) -> Result<Request, RequestError> {
    let mut cursor = Cursor::new(body);
    cursor.skip_all_headers()?;
    let procedure = procedure(&mut cursor)?;
    let _options = cursor.u16()?;
    let mut parameters = Vec::new();
    while !cursor.is_at_end() {
        let name_or_separator = cursor.clone().u8()?;
        // No name is as long as these numbers, so that they can separate calls.
        if matches!(name_or_separator, 0xFE | 0xFF) {
            cursor.u8()?;
            if cursor.is_at_end() {
                break;
            }
            return Err(RequestError::Unsupported(
                "several procedure calls in one request".to_owned(),
            ));
        }
        let name = cursor.short_text()?;
        let status = cursor.u8()?;
        if status & DEFAULT_VALUE != 0 {
            return Err(RequestError::Unsupported(
                "parameters left at their default".to_owned(),
            ));
        }
        let (kind, value) = parameter::read(&mut cursor)?;
        parameters.push(Parameter {
            name,
            kind,
            value,
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

    const HEADERS: [u8; 4] = [4, 0, 0, 0];

    fn call(parts: &[&[u8]]) -> Result<(String, Vec<Parameter>), RequestError> {
        match read(&[&HEADERS[..], &parts.concat()].concat())? {
            Request::Rpc {
                procedure,
                parameters,
            } => Ok((procedure, parameters)),
            Request::Batch(_) => panic!("a call is no batch"),
        }
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
        assert_eq!(text.value, SqlValue::Text("a".into()));
        assert!(text.name.is_empty() && !text.is_output);
        assert_eq!((number.kind, number.value), (WireType::Int, SqlValue::Null));
        assert!(number.name == "@n" && number.is_output);
    }

    #[test]
    fn what_is_not_done_here_is_said() {
        for parts in [
            &[0xFF, 0xFF, 99, 0, 0, 0][..],
            &[0xFF, 0xFF, 10, 0, 0, 0, 0xFF, 0xFF],
            &[0xFF, 0xFF, 10, 0, 0, 0, 0, 2, 0x26, 4, 0],
        ] {
            assert!(matches!(call(&[parts]), Err(RequestError::Unsupported(_))));
        }
        assert!(call(&[&[0xFF, 0xFF, 10, 0, 0, 0, 0xFF]]).is_ok());
    }
}
