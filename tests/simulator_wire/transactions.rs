//! Transactions: by request and by statement, and how a client learns of them.

use crate::raw_client::{RawClient, SQL_BATCH, TRANSACTION_MANAGER, utf16};
use crate::tokens::{Token, errors, first_value, tokens};
use crate::{HEADERS, Server};

const BEGIN: u16 = 5;
const COMMIT: u16 = 7;
const ROLLBACK: u16 = 8;
const SAVE: u16 = 9;

async fn ask(client: &mut RawClient, request: u16, rest: &[u8]) -> Vec<Token> {
    let body = [&HEADERS[..], &request.to_le_bytes(), rest].concat();
    client.send(TRANSACTION_MANAGER, &body).await;
    tokens(&client.message().await.unwrap())
}

async fn batch(client: &mut RawClient, text: &str) -> Vec<Token> {
    tokens(&client.ask(text).await)
}

/// The types of the changes, and the descriptors.
fn changes(tokens: &[Token]) -> Vec<(u8, u64)> {
    let changes = tokens.iter().filter_map(|token| match token {
        Token::Change(kind @ 8, data) => Some((*kind, &data[1..9])),
        Token::Change(kind @ (9 | 10), data) => Some((*kind, &data[2..10])),
        _ => None,
    });
    changes
        .map(|(kind, bytes)| (kind, u64::from_le_bytes(bytes.try_into().unwrap())))
        .collect()
}

async fn count(client: &mut RawClient) -> u8 {
    let reply = batch(client, "SELECT COUNT(*) FROM tempdb.dbo.t").await;
    first_value(&reply).unwrap()[0]
}

async fn start() -> (Server, RawClient) {
    let server = Server::plain().await;
    let mut client = server.client().await;
    batch(&mut client, "USE tempdb").await;
    batch(&mut client, "CREATE TABLE t (n int)").await;
    (server, client)
}

const INSERT: &str = "INSERT INTO t (n) VALUES (1)";

#[tokio::test]
async fn a_transaction_is_begun_and_committed_by_request() {
    let (_server, mut client) = start().await;
    let begun = ask(&mut client, BEGIN, &[2, 0]).await;
    let [(8, descriptor)] = changes(&begun)[..] else {
        panic!("{begun:?}")
    };
    assert_ne!(descriptor, 0);
    assert!(matches!(
        begun[..],
        [Token::Change(..), Token::Done(0xFD, 0, 212, 0)]
    ));
    batch(&mut client, INSERT).await;
    let committed = ask(&mut client, COMMIT, &[0, 0]).await;
    assert_eq!(changes(&committed), [(9, descriptor)]);
    assert_eq!(count(&mut client).await, 1);
    let nothing = ask(&mut client, COMMIT, &[0, 0]).await;
    assert_eq!(errors(&nothing), [3902]);
    assert_eq!(nothing.last(), Some(&Token::Done(0xFD, 2, 213, 0)));
}

#[tokio::test]
async fn a_transaction_is_rolled_back_to_a_savepoint_and_whole() {
    let (_server, mut client) = start().await;
    let begun = ask(&mut client, BEGIN, &[0, 2, b'T', 0]).await;
    let descriptor = changes(&begun)[0].1;
    batch(&mut client, INSERT).await;
    assert_eq!(changes(&ask(&mut client, SAVE, &[2, b's', 0]).await), []);
    batch(&mut client, INSERT).await;
    let back = ask(&mut client, ROLLBACK, &[2, b's', 0, 0]).await;
    assert_eq!((changes(&back), errors(&back)), (vec![], vec![]));
    assert_eq!(count(&mut client).await, 1);
    let whole = ask(&mut client, ROLLBACK, &[0, 0]).await;
    assert_eq!(changes(&whole), [(10, descriptor)]);
    assert_eq!(count(&mut client).await, 0);
}

#[tokio::test]
async fn an_end_can_begin_the_next_transaction() {
    let (_server, mut client) = start().await;
    let first = changes(&ask(&mut client, BEGIN, &[0, 0]).await)[0].1;
    let both = ask(&mut client, COMMIT, &[0, 1, 2, 0]).await;
    let [(9, ended), (8, second)] = changes(&both)[..] else {
        panic!("{both:?}")
    };
    assert_eq!(ended, first);
    assert_ne!(second, first);
    assert_eq!(
        changes(&ask(&mut client, ROLLBACK, &[0, 0]).await),
        [(10, second)]
    );
}

#[tokio::test]
async fn statements_tell_what_they_begin_and_end() {
    let (_server, mut client) = start().await;
    let begun = batch(&mut client, "BEGIN TRANSACTION; BEGIN TRANSACTION").await;
    let descriptor = changes(&begun)[0].1;
    assert_eq!(changes(&begun).len(), 1, "only the outer one is told");
    assert_eq!(changes(&batch(&mut client, "COMMIT").await), []);
    let ended = batch(&mut client, "COMMIT").await;
    assert_eq!(changes(&ended), [(9, descriptor)]);
    let undone = batch(&mut client, "BEGIN TRANSACTION; ROLLBACK; SELECT 1").await;
    let kinds: Vec<_> = changes(&undone).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [8, 10]);
    let aborted = batch(
        &mut client,
        "BEGIN TRANSACTION; SELECT * FROM nothing; SELECT 1",
    )
    .await;
    assert_eq!(errors(&aborted), [208]);
    let kinds: Vec<_> = changes(&aborted).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [8, 10]);
    assert!(matches!(aborted.last(), Some(Token::Done(0xFD, 2, ..))));
}

async fn batch_for(client: &mut RawClient, descriptor: u64, text: &str) -> Vec<Token> {
    let headers = [&22_u32.to_le_bytes()[..], &[18, 0, 0, 0, 2, 0]].concat();
    let descriptor = descriptor.to_le_bytes();
    let body = [&headers[..], &descriptor, &[1, 0, 0, 0], &utf16(text)].concat();
    client.send(SQL_BATCH, &body).await;
    tokens(&client.message().await.unwrap())
}

#[tokio::test]
async fn a_request_for_another_transaction_is_refused() {
    let (_server, mut client) = start().await;
    let begun = ask(&mut client, BEGIN, &[0, 0]).await;
    let descriptor = changes(&begun)[0].1;
    for (meant, expected) in [(descriptor, &[][..]), (descriptor + 1, &[3989]), (0, &[])] {
        let reply = batch_for(&mut client, meant, INSERT).await;
        assert_eq!(errors(&reply), expected, "{meant}");
    }
    ask(&mut client, COMMIT, &[0, 0]).await;
    let reply = batch_for(&mut client, descriptor, INSERT).await;
    assert_eq!(errors(&reply), [3989]);
    assert_eq!(count(&mut client).await, 2);
}

#[tokio::test]
async fn what_a_server_alone_can_not_do_is_said() {
    let (_server, mut client) = start().await;
    for distributed in [0, 1, 6] {
        let reply = ask(&mut client, distributed, &[0, 0]).await;
        assert_eq!(errors(&reply), [50_900]);
    }
    assert_eq!(count(&mut client).await, 0);
}
