//! Attention, wherever it comes.

use std::time::Duration;

use scorch_recovery::simulator::ModellingChoices;

use crate::Server;
use crate::calls::Call;
use crate::raw_client::{ATTENTION, HEADERS, RPC, RawClient, SQL_BATCH, utf16};
use crate::tokens::{Token, tokens};

/// Long enough for a machine under load; nothing here takes a second.
const SOON: Duration = Duration::from_secs(60);

const ACKNOWLEDGED: u16 = 0x20;

async fn server(in_own_message: bool) -> Server {
    let mut choices = ModellingChoices::default();
    choices.attention_in_own_message = in_own_message;
    Server::start(|instance| instance.modelling(choices), |listener| listener).await
}

/// Reads up to the acknowledgement; gives how many messages that took.
async fn until_acknowledged(client: &mut RawClient) -> usize {
    let read = async {
        for messages in 1.. {
            let message = client.message().await.unwrap();
            if message.len() >= 13 {
                let end = &message[message.len() - 13..];
                if end[0] == 0xFD && u16::from_le_bytes([end[1], end[2]]) & ACKNOWLEDGED != 0 {
                    return messages;
                }
            }
        }
        unreachable!("it was acknowledged")
    };
    tokio::time::timeout(SOON, read).await.unwrap()
}

async fn assert_in_order(client: &mut RawClient) {
    let reply = tokens(&client.ask("SELECT 1").await);
    assert!(matches!(
        reply[..],
        [
            Token::Columns(_),
            Token::Row(_),
            Token::Done(0xFD, 0x10, 193, 1)
        ]
    ));
}

#[tokio::test]
async fn between_requests_it_is_acknowledged_alone() {
    for in_own_message in [true, false] {
        let server = server(in_own_message).await;
        let mut client = server.client().await;
        for _ in 0..3 {
            client.send(ATTENTION, &[]).await;
        }
        for _ in 0..3 {
            assert_eq!(until_acknowledged(&mut client).await, 1);
        }
        assert_in_order(&mut client).await;
    }
}

#[tokio::test]
async fn it_stops_a_prepared_statement() {
    for (in_own_message, messages) in [(true, 2), (false, 1)] {
        let server = server(in_own_message).await;
        let mut client = server.client().await;
        let statement = Call::name("sp_prepexec")
            .with("", 1, &[0x26, 4, 0])
            .text("@a int")
            .text("WAITFOR DELAY '01:00:00'")
            .with("", 0, &[0x26, 4, 4, 1, 0, 0, 0]);
        client
            .send(RPC, &[&HEADERS[..], statement.bytes()].concat())
            .await;
        client.send(ATTENTION, &[]).await;
        assert_eq!(until_acknowledged(&mut client).await, messages);
        assert_in_order(&mut client).await;
    }
}

#[tokio::test]
async fn it_races_the_end_of_a_batch() {
    for in_own_message in [true, false] {
        let server = server(in_own_message).await;
        let mut client = server.client().await;
        for text in [
            "SELECT 1",
            "DECLARE @a int = 1; WHILE @a < 50 SET @a += 1",
            "PRINT 'x'",
        ] {
            for _ in 0..20 {
                // Both in one segment: the batch may be over, or not have begun.
                let batch = [&HEADERS[..], &utf16(text)].concat();
                let length = u16::try_from(batch.len() + 8).unwrap().to_be_bytes();
                let both = [
                    &[SQL_BATCH, 1, length[0], length[1], 0, 0, 1, 0],
                    &batch[..],
                    &[ATTENTION, 1, 0, 8, 0, 0, 1, 0],
                ];
                client.send_bytes(&both.concat()).await;
                assert!(until_acknowledged(&mut client).await <= 2);
            }
        }
        assert_in_order(&mut client).await;
    }
}

#[tokio::test]
async fn it_comes_after_the_end_of_a_batch() {
    let server = server(true).await;
    let mut client = server.client().await;
    client.ask("SELECT 1").await;
    client.send(ATTENTION, &[]).await;
    assert_eq!(until_acknowledged(&mut client).await, 1);
    assert_in_order(&mut client).await;
}

/// Rows without end for all that a test waits.
const ENDLESS: &str = "WHILE 1 = 1 SELECT REPLICATE(CAST(N'x' AS nvarchar(max)), 30000)";

#[tokio::test]
async fn a_client_that_does_not_read_is_heard() {
    for in_own_message in [true, false] {
        let server = server(in_own_message).await;
        let mut client = server.client().await;
        client.batch(ENDLESS).await;
        client.packet().await.unwrap();
        // By now the result waits for the client, and the client for the acknowledgement.
        client.send(ATTENTION, &[]).await;
        until_acknowledged(&mut client).await;
        assert_in_order(&mut client).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_can_be_killed() {
    let server = server(true).await;
    let mut deaf = server.client().await;
    deaf.batch(ENDLESS).await;
    deaf.packet().await.unwrap();
    let mut killer = server.client().await;
    killer
        .ask(
            "DECLARE @s int = (SELECT MAX(session_id) FROM sys.dm_exec_sessions \
             WHERE is_user_process = 1 AND session_id <> @@SPID); \
             DECLARE @k nvarchar(20) = N'KILL ' + CAST(@s AS nvarchar(10)); EXEC (@k)",
        )
        .await;
    let gone = async {
        while killer
            .ask(
                "IF NOT EXISTS (SELECT 1 FROM sys.dm_exec_sessions WHERE is_user_process = 1 \
                 AND session_id <> @@SPID) PRINT 'gone'",
            )
            .await[0]
            != 0xAB
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, gone).await.unwrap();
    drop(deaf);
}

#[tokio::test]
async fn it_ends_a_transaction_that_aborts_and_says_so() {
    let server = server(true).await;
    let mut client = server.client().await;
    client.ask("SET XACT_ABORT ON; BEGIN TRANSACTION").await;
    client.batch("WAITFOR DELAY '01:00:00'").await;
    client.send(ATTENTION, &[]).await;
    let stopped = tokens(&client.message().await.unwrap());
    assert!(matches!(stopped[0], Token::Change(10, _)), "{stopped:?}");
    until_acknowledged(&mut client).await;
    assert_in_order(&mut client).await;
}

#[tokio::test]
async fn it_takes_back_a_request_that_is_still_being_sent() {
    let server = server(true).await;
    let mut client = server.client().await;
    let half = [&HEADERS[..], &utf16("SELECT 'never")].concat();
    client.send_packet(SQL_BATCH, 0, &half).await;
    client.send(ATTENTION, &[]).await;
    assert_eq!(until_acknowledged(&mut client).await, 1);
    // Or it says itself, with the last packet, that it is none.
    client.send_packet(SQL_BATCH, 0, &half).await;
    client.send_packet(SQL_BATCH, 3, &utf16(" this'")).await;
    assert_in_order(&mut client).await;
}
