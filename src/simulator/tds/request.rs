//! Requests of a client that has signed in.

use crate::simulator::engine::Request;
use crate::simulator::tds::cursor::{Cursor, RequestError};
use crate::simulator::tds::packet::{ATTENTION, Message, RPC, SQL_BATCH, TRANSACTION_MANAGER};
use crate::simulator::tds::reply::Shape;
use crate::simulator::tds::rpc;
use crate::simulator::tds::token::TransactionChange;

const TM_BEGIN: u16 = 5;
const TM_COMMIT: u16 = 7;
const TM_ROLLBACK: u16 = 8;

/// What a client sent.
#[derive(Debug)]
pub(super) enum ClientRequest {
    /// To be run by the session, its reply in that shape.
    Run(Request, Shape),
    /// To stop what runs.
    Attention,
}

pub(super) fn read(message: &Message) -> Result<ClientRequest, RequestError> {
    match message.kind {
        ATTENTION => Ok(ClientRequest::Attention),
        SQL_BATCH => {
            let mut cursor = Cursor::new(&message.body);
            cursor.skip_all_headers()?;
            let text = cursor.rest_as_text()?;
            Ok(ClientRequest::Run(Request::Batch(text), Shape::Batch))
        }
        RPC => Ok(ClientRequest::Run(rpc::read(&message.body)?, Shape::Call)),
        TRANSACTION_MANAGER => transaction(&message.body),
        0x07 => Err(RequestError::Unsupported("bulk load".to_owned())),
        _ => Err(RequestError::Malformed("its type is no request's")),
    }
}

/// The shape of the reply to a request that can't be read.
pub(super) const fn shape(message: &Message) -> Shape {
    match message.kind {
        RPC => Shape::Call,
        _ => Shape::Batch,
    }
}

/// Drivers begin and end transactions by requests of their own. They are run as the statements
/// that they stand for; isolation levels are left alone, as nothing here depends on them.
fn transaction(body: &[u8]) -> Result<ClientRequest, RequestError> {
    let mut cursor = Cursor::new(body);
    cursor.skip_all_headers()?;
    let (statement, change) = match cursor.u16()? {
        TM_BEGIN => ("BEGIN TRANSACTION", TransactionChange::Begun),
        TM_COMMIT => ("COMMIT TRANSACTION", TransactionChange::Committed),
        TM_ROLLBACK => {
            let name_length = cursor.u8()?;
            if name_length != 0 {
                return Err(RequestError::Unsupported("savepoints".to_owned()));
            }
            ("ROLLBACK TRANSACTION", TransactionChange::RolledBack)
        }
        other => {
            return Err(RequestError::Unsupported(format!(
                "the transaction manager's request {other}"
            )));
        }
    };
    Ok(ClientRequest::Run(
        Request::Batch(statement.to_owned()),
        Shape::Transaction(change),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::tds::packet::Reset;

    fn request(kind: u8, body: &[u8]) -> Result<ClientRequest, RequestError> {
        read(&Message {
            kind,
            body: [&[4, 0, 0, 0], body].concat(),
            reset: Reset::No,
        })
    }

    fn text(request: Result<ClientRequest, RequestError>) -> String {
        match request {
            Ok(ClientRequest::Run(Request::Batch(text), _)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn batches_are_text() {
        assert_eq!(text(request(SQL_BATCH, b"a\0b\0")), "ab");
        assert!(request(SQL_BATCH, b"a").is_err());
    }

    #[test]
    fn transactions_are_statements() {
        let body = |kind: u16, rest: &[u8]| [&kind.to_le_bytes()[..], rest].concat();
        for (kind, expected) in [(5, "BEGIN"), (7, "COMMIT"), (8, "ROLLBACK")] {
            let statement = text(request(TRANSACTION_MANAGER, &body(kind, &[0, 0])));
            assert!(statement.starts_with(expected));
        }
        assert!(request(TRANSACTION_MANAGER, &body(0, &[])).is_err());
        assert!(request(TRANSACTION_MANAGER, &body(8, &[2, b'a', 0])).is_err());
    }

    #[test]
    fn other_types_are_no_requests() {
        assert!(matches!(
            request(0x07, &[]),
            Err(RequestError::Unsupported(_))
        ));
        assert!(matches!(
            request(0x04, &[]),
            Err(RequestError::Malformed(_))
        ));
    }
}
