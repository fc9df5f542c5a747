//! Procedure calls and prepared statements.

use crate::Server;
use crate::raw_client::{BULK_LOAD, HEADERS, RPC, RawClient, utf16};
use crate::tokens::{Token, errors, first_value, tokens};

pub(crate) const SP_EXECUTESQL: u16 = 10;
const SP_PREPARE: u16 = 11;
const SP_EXECUTE: u16 = 12;
const SP_PREPEXEC: u16 = 13;
const SP_UNPREPARE: u16 = 15;

const INPUT: u8 = 0;
const OUTPUT: u8 = 1;
const DEFAULT: u8 = 2;

/// A call of a procedure, as bytes.
pub(crate) struct Call(Vec<u8>);

impl Call {
    pub(crate) fn number(number: u16) -> Self {
        let number = number.to_le_bytes();
        Self([&[0xFF, 0xFF], &number[..], &[0, 0]].concat())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn name(name: &str) -> Self {
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        Self([&length[..], &utf16(name), &[0, 0]].concat())
    }

    /// A parameter: its type and value as bytes.
    pub(crate) fn with(mut self, name: &str, status: u8, bytes: &[u8]) -> Self {
        self.0.push(u8::try_from(name.len()).unwrap());
        self.0.extend(utf16(name));
        self.0.push(status);
        self.0.extend(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        let text = utf16(text);
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        let bytes = [
            &[0xE7][..],
            &8000_u16.to_le_bytes(),
            &[9, 4, 0xD0, 0, 0x34],
            &length,
            &text,
        ];
        self.with("", INPUT, &bytes.concat())
    }

    fn int(self, name: &str, status: u8, value: Option<i32>) -> Self {
        let bytes = match value {
            Some(value) => [&[0x26, 4, 4][..], &value.to_le_bytes()].concat(),
            None => vec![0x26, 4, 0],
        };
        self.with(name, status, &bytes)
    }
}

pub(crate) async fn call(client: &mut RawClient, calls: &[Call]) -> Vec<Token> {
    let calls: Vec<_> = calls.iter().map(|call| call.0.as_slice()).collect();
    let body = [&HEADERS[..], &calls.join(&0xFF)].concat();
    client.send(RPC, &body).await;
    tokens(&client.message().await.unwrap())
}

/// The one value that came back, and its place.
fn returned(tokens: &[Token]) -> (u16, Option<Vec<u8>>) {
    let mut values = tokens.iter().filter_map(|token| match token {
        Token::ReturnValue(place, _, value) => Some((*place, value.clone())),
        _ => None,
    });
    let value = values.next().unwrap_or_else(|| panic!("{tokens:?}"));
    assert_eq!(values.next(), None);
    value
}

fn int(value: i32) -> Option<Vec<u8>> {
    Some(value.to_le_bytes().to_vec())
}

const LAST: Token = Token::Done(0xFE, 0, 224, 0);

#[tokio::test]
async fn a_call_has_rows_a_status_and_an_end() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    for call_it in [
        Call::number(SP_EXECUTESQL),
        Call::name("sp_executesql"),
        Call::name("sys.sp_executesql"),
    ] {
        let reply = call(&mut client, &[call_it.text("SELECT 7")]).await;
        assert!(matches!(reply[0], Token::Columns(_)));
        assert_eq!(first_value(&reply), int(7));
        assert_eq!(
            reply[2..],
            [
                Token::Done(0xFF, 0x11, 193, 1),
                Token::ReturnStatus(0),
                LAST
            ]
        );
    }
}

#[tokio::test]
async fn values_come_back_by_output_parameters() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    let twice = Call::number(SP_EXECUTESQL)
        .text("SET @out = @in * 2")
        .text("@in int, @out int OUTPUT")
        .int("@in", INPUT, Some(21))
        .int("@out", OUTPUT, None);
    let reply = call(&mut client, &[twice]).await;
    assert_eq!(returned(&reply), (3, int(42)));
    assert_eq!(reply.last(), Some(&LAST));
}

#[tokio::test]
async fn a_procedure_gives_its_status_and_keeps_its_defaults() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    client.ask("USE tempdb").await;
    client
        .ask(
            "CREATE PROCEDURE p @a int = 5, @b int = NULL OUTPUT AS BEGIN \
             SET @b = @a; RETURN 3 END",
        )
        .await;
    let with_default = Call::name("dbo.p")
        .int("@a", DEFAULT, None)
        .int("@b", OUTPUT, None);
    let reply = call(&mut client, &[with_default]).await;
    assert!(reply.contains(&Token::ReturnStatus(3)), "{reply:?}");
    assert_eq!(returned(&reply), (1, int(5)));
    let unknown = call(&mut client, &[Call::name("nobody")]).await;
    assert_eq!(errors(&unknown), [2812]);
    assert_eq!(unknown.last(), Some(&Token::Done(0xFE, 2, 224, 0)));
}

#[tokio::test]
async fn several_calls_are_answered_in_one_message() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    let select = |text: &str| Call::number(SP_EXECUTESQL).text(text);
    let calls = [
        select("SELECT 1"),
        Call::name("nobody"),
        Call::number(SP_UNPREPARE).int("", INPUT, Some(99)),
        select("SELECT 2"),
    ];
    let reply = call(&mut client, &calls).await;
    assert_eq!(errors(&reply), [2812, 8179]);
    let ends: Vec<_> = reply
        .iter()
        .filter(|token| matches!(token, Token::Done(0xFE, ..)))
        .collect();
    let end = |status| Token::Done(0xFE, status, 224, 0);
    assert_eq!(ends, [&end(1), &end(3), &end(3), &end(0)]);
    assert_eq!(
        reply
            .iter()
            .filter(|token| matches!(token, Token::Row(_)))
            .count(),
        2
    );
}

#[tokio::test]
async fn statements_are_prepared_run_and_forgotten() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    let prepare = Call::number(SP_PREPARE)
        .int("", OUTPUT, None)
        .text("@n int, @out int OUTPUT")
        .text("SELECT @n; SET @out = @n + 1")
        .int("", INPUT, Some(1));
    let reply = call(&mut client, &[prepare]).await;
    assert_eq!(returned(&reply), (0, int(1)));
    for name in ["sp_execute", ""] {
        let execute = match name {
            "" => Call::number(SP_EXECUTE),
            name => Call::name(name),
        };
        let execute = execute
            .int("", INPUT, Some(1))
            .int("@n", INPUT, Some(8))
            .int("@out", OUTPUT, None);
        let reply = call(&mut client, &[execute]).await;
        assert_eq!(first_value(&reply), int(8));
        assert_eq!(returned(&reply), (2, int(9)));
        assert_eq!(reply.last(), Some(&LAST));
    }
    let forget = || Call::number(SP_UNPREPARE).int("", INPUT, Some(1));
    let reply = call(&mut client, &[forget()]).await;
    assert_eq!(reply, [Token::ReturnStatus(0), LAST]);
    assert_eq!(errors(&call(&mut client, &[forget()]).await), [8179]);
}

#[tokio::test]
async fn a_statement_is_prepared_and_run_at_once() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    let both = Call::number(SP_PREPEXEC)
        .int("", OUTPUT, None)
        .text("@n int")
        .text("SELECT @n")
        .int("@n", INPUT, Some(8));
    let reply = call(&mut client, &[both]).await;
    assert_eq!(first_value(&reply), int(8));
    assert_eq!(returned(&reply), (0, int(1)));
    // The handle comes before the end of the call, and there is one end.
    assert_eq!(reply.last(), Some(&LAST));
    let ends = |token: &&Token| matches!(token, Token::Done(_, _, 224, _));
    assert_eq!(reply.iter().filter(ends).count(), 1);
}

#[tokio::test]
async fn what_can_not_be_called_leaves_the_connection_in_order() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    // A table-valued parameter, a type of the CLR, a cursor, a number that is none.
    for bad in [
        Call::number(2).text("SELECT 1"),
        Call::number(SP_EXECUTESQL).with("", INPUT, &[0xF3, 0, 0, 0]),
        Call::number(SP_EXECUTESQL).with("", INPUT, &[0xF0, 0, 0, 0]),
        Call::number(77),
    ] {
        let reply = call(&mut client, &[bad]).await;
        assert_eq!(errors(&reply), [50_900]);
        assert_eq!(reply.last(), Some(&Token::Done(0xFE, 2, 224, 0)));
    }
    let bulk = tokens(&client.ask("INSERT BULK t (a int)").await);
    assert_eq!(errors(&bulk), [50_900]);
    client.send(BULK_LOAD, &[0x81, 0, 0]).await;
    let bulk = tokens(&client.message().await.unwrap());
    assert_eq!(errors(&bulk), [50_900]);
    assert_eq!(client.ask("SELECT 1").await[0], 0x81);
}
