//! Requests of a client that has signed in.

use crate::simulator::engine::{Isolation, Request, TransactionRequest};
use crate::simulator::tds::cursor::{Cursor, RequestError};
use crate::simulator::tds::packet::{
    ATTENTION, BULK_LOAD, Message, RPC, SQL_BATCH, TRANSACTION_MANAGER,
};
use crate::simulator::tds::reply::Shape;
use crate::simulator::tds::rpc;
use crate::simulator::tds::version::TdsVersion;

/// Requests of the transaction manager.
const BEGIN: u16 = 5;
const COMMIT: u16 = 7;
const ROLLBACK: u16 = 8;
const SAVE: u16 = 9;
/// Those between are about transactions over several servers.
const DISTRIBUTED: [u16; 3] = [0, 1, 6];

/// The flag of COMMIT and ROLLBACK that begins another transaction after it.
const BEGINS_ANOTHER: u8 = 1;
const READ_UNCOMMITTED: u8 = 1;
const READ_COMMITTED: u8 = 2;
const SNAPSHOT: u8 = 5;
/// What the documentation of BEGIN TRANSACTION allows, in characters.
const LONGEST_NAME: usize = 32;

/// What a client sent.
#[derive(Debug)]
pub(super) enum ClientRequest {
    /// To be run by the session, one after the other, their replies in one message.
    Run(Run),
    /// To stop what runs.
    Attention,
}

/// What a session is to run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) requests: Vec<Request>,
    pub(super) shape: Shape,
    /// The transaction that the client means it for, if it says so; 0 is none.
    pub(super) transaction: Option<u64>,
}

pub(super) fn read(message: &Message, version: TdsVersion) -> Result<ClientRequest, RequestError> {
    if message.kind == ATTENTION {
        return Ok(ClientRequest::Attention);
    }
    let shape = shape(message);
    let mut cursor = Cursor::new(&message.body);
    if message.kind == BULK_LOAD {
        return Err(bulk_load());
    }
    if !matches!(message.kind, SQL_BATCH | RPC | TRANSACTION_MANAGER) {
        return Err(RequestError::Malformed("its type is no request's"));
    }
    let transaction = if version >= TdsVersion::V7_2 {
        cursor.all_headers()?
    } else {
        None
    };
    let requests = match message.kind {
        SQL_BATCH => match cursor.rest_as_text()? {
            text if announces_bulk_load(&text) => return Err(bulk_load()),
            text => vec![Request::Batch(text)],
        },
        RPC => rpc::read(&mut cursor, version)?,
        _ => vec![transaction_request(&mut cursor)?],
    };
    Ok(ClientRequest::Run(Run {
        requests,
        shape,
        transaction,
    }))
}

fn bulk_load() -> RequestError {
    RequestError::Unsupported("bulk load".to_owned())
}

/// `INSERT BULK`: no statement of T-SQL, but what a client says before it sends rows.
fn announces_bulk_load(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let mut is_next = |expected: &str| {
        words
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(expected))
    };
    is_next("INSERT") && is_next("BULK")
}

/// The shape of the reply to a request.
pub(super) const fn shape(message: &Message) -> Shape {
    match message.kind {
        RPC => Shape::Call,
        _ => Shape::Batch,
    }
}

/// Drivers begin and end transactions by requests of their own.
fn transaction_request(cursor: &mut Cursor<'_>) -> Result<Request, RequestError> {
    let requests = match cursor.u16()? {
        BEGIN => vec![begin(cursor)?],
        COMMIT => {
            let _name = name(cursor)?;
            ended(TransactionRequest::Commit, cursor)?
        }
        ROLLBACK => {
            let name = name(cursor)?;
            ended(TransactionRequest::Rollback { name }, cursor)?
        }
        SAVE => match name(cursor)? {
            name if name.is_empty() => {
                return Err(RequestError::Malformed("a savepoint has no name"));
            }
            name => vec![TransactionRequest::Save { name }],
        },
        other if DISTRIBUTED.contains(&other) => {
            return Err(RequestError::Unsupported(
                "distributed transactions".to_owned(),
            ));
        }
        _ => {
            return Err(RequestError::Malformed(
                "the transaction manager has no such request",
            ));
        }
    };
    Ok(Request::Transaction(requests))
}

/// The isolation level, and a name.
fn begin(cursor: &mut Cursor<'_>) -> Result<TransactionRequest, RequestError> {
    let isolation = match cursor.u8()? {
        0 => Isolation::Unchanged,
        READ_UNCOMMITTED => Isolation::ReadUncommitted,
        READ_COMMITTED..=SNAPSHOT => Isolation::ReadCommitted,
        _ => return Err(RequestError::Malformed("there is no such isolation level")),
    };
    let name = name(cursor)?;
    Ok(TransactionRequest::Begin { name, isolation })
}

/// An end, and the beginning that may follow it.
fn ended(
    end: TransactionRequest,
    cursor: &mut Cursor<'_>,
) -> Result<Vec<TransactionRequest>, RequestError> {
    // Some clients leave the flags out where there is nothing in them.
    let flags = if cursor.is_at_end() { 0 } else { cursor.u8()? };
    if flags & BEGINS_ANOTHER == 0 {
        return Ok(vec![end]);
    }
    Ok(vec![end, begin(cursor)?])
}

/// A name behind its length in bytes.
fn name(cursor: &mut Cursor<'_>) -> Result<String, RequestError> {
    let length = usize::from(cursor.u8()?);
    if length % 2 != 0 || length > LONGEST_NAME * 2 {
        return Err(RequestError::Malformed("a transaction has no such name"));
    }
    cursor.text(length / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::tds::packet::Reset;

    fn request(kind: u8, body: &[u8]) -> Result<Request, RequestError> {
        let message = Message {
            kind,
            body: [&[4, 0, 0, 0], body].concat(),
            reset: Reset::No,
        };
        match read(&message, TdsVersion::V7_4)? {
            ClientRequest::Run(run) => {
                let [request] = <[_; 1]>::try_from(run.requests).unwrap();
                Ok(request)
            }
            ClientRequest::Attention => panic!("it is no attention"),
        }
    }

    fn transaction(kind: u16, rest: &[u8]) -> Result<Vec<TransactionRequest>, RequestError> {
        let body = [&kind.to_le_bytes()[..], rest].concat();
        match request(TRANSACTION_MANAGER, &body)? {
            Request::Transaction(requests) => Ok(requests),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn batches_are_text() {
        let batch = request(SQL_BATCH, b"a\0b\0").unwrap();
        assert!(matches!(batch, Request::Batch(text) if text == "ab"));
        assert!(request(SQL_BATCH, b"a").is_err());
    }

    #[test]
    fn transactions_begin_and_end_by_request() {
        let begin = |name: &str, isolation| TransactionRequest::Begin {
            name: name.to_owned(),
            isolation,
        };
        let a = || "a".to_owned();
        for (kind, rest, expected) in [
            (5, &[0, 0][..], vec![begin("", Isolation::Unchanged)]),
            (
                5,
                &[1, 2, b'a', 0],
                vec![begin("a", Isolation::ReadUncommitted)],
            ),
            (5, &[5, 0], vec![begin("", Isolation::ReadCommitted)]),
            (7, &[0, 0], vec![TransactionRequest::Commit]),
            (7, &[0], vec![TransactionRequest::Commit]),
            (
                7,
                &[0, 1, 2, 0],
                vec![
                    TransactionRequest::Commit,
                    begin("", Isolation::ReadCommitted),
                ],
            ),
            (
                8,
                &[2, b'a', 0, 0],
                vec![TransactionRequest::Rollback { name: a() }],
            ),
            (
                9,
                &[2, b'a', 0],
                vec![TransactionRequest::Save { name: a() }],
            ),
        ] {
            assert_eq!(transaction(kind, rest).unwrap(), expected, "{kind}");
        }
    }

    #[test]
    fn what_is_no_request_of_a_transaction_is_refused() {
        for kind in [0, 1, 6] {
            let refused = transaction(kind, &[0, 0]);
            assert!(matches!(refused, Err(RequestError::Unsupported(_))));
        }
        let long = [&[66][..], &[b'a'; 66]].concat();
        for (kind, rest) in [
            (2, &[0, 0][..]),
            (5, &[6, 0]),
            (5, &[0, 3, b'a', 0, 0]),
            (9, &[0]),
            (9, &long),
        ] {
            let refused = transaction(kind, rest);
            assert!(matches!(refused, Err(RequestError::Malformed(_))), "{kind}");
        }
    }

    #[test]
    fn bulk_load_is_refused_where_it_is_announced() {
        let body: Vec<u8> = " insert\n bulk [t] ([a] int)"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let refused = request(SQL_BATCH, &body);
        assert!(matches!(refused, Err(RequestError::Unsupported(_))));
    }

    #[test]
    fn other_types_are_no_requests() {
        assert!(matches!(
            request(BULK_LOAD, &[]),
            Err(RequestError::Unsupported(_))
        ));
        assert!(matches!(
            request(0x04, &[]),
            Err(RequestError::Malformed(_))
        ));
    }
}
