//! Every type that clients send or read, there and back.

use crate::calls::{Call, SP_EXECUTESQL, call};
use crate::raw_client::{ENCRYPT_NOT_SUPPORTED, LOGIN7, Login, RawClient};
use crate::tokens::{Kind, Token, errors, first_value, tokens};
use crate::{PASSWORD, Server};

/// A type's declaration; its `TYPE_INFO`; a value as it travels, without its length; and how it is
/// shown as text.
type Case = (&'static str, &'static str, &'static str, &'static str);

/// The bytes are in hexadecimal digits. Those of the types are of parameters: results of expressions
/// have the same type.
const CASES: &[Case] = &[
    ("bit", "6801", "01", "1"),
    ("tinyint", "2601", "ff", "255"),
    ("smallint", "2602", "feff", "-2"),
    ("int", "2604", "01000080", "-2147483647"),
    ("bigint", "2608", "ffffffffffffff7f", "9223372036854775807"),
    ("real", "6d04", "0000c03f", "1.5"),
    ("float", "6d08", "000000000000f83f", "1.5"),
    ("money", "6e08", "ffffffff68c5ffff", "-1.50"),
    ("smallmoney", "6e04", "98 3a 00 00", "1.50"),
    ("decimal(10,2)", "6c090a02", "009600000000000000", "-1.50"),
    (
        "numeric(38,0)",
        "6c112600",
        "01 01000000000000000000000000000000",
        "1",
    ),
    ("char(3)", "af03000904d00034", "61fc80", "aü€"),
    ("varchar(10)", "a70a000904d00034", "61fc80", "aü€"),
    ("varchar(max)", "a7ffff0904d00034", "61fc80", "aü€"),
    ("nchar(2)", "ef04000904d00034", "61002c67", "a本"),
    ("nvarchar(10)", "e714000904d00034", "61003dd800de", "a😀"),
    ("nvarchar(max)", "e7ffff0904d00034", "61003dd800de", "a😀"),
    ("xml", "f100", "3c0061002f003e00", "<a/>"),
    (
        "uniqueidentifier",
        "2410",
        "33221100554477668899aabbccddeeff",
        "00112233-4455-6677-8899-AABBCCDDEEFF",
    ),
    ("date", "28", "80460b", "2024-02-29"),
    ("time(0)", "2900", "c0a800", "12:00:00"),
    ("time(7)", "2907", "01e0349564", "12:00:00.0000001"),
    ("smalldatetime", "6f04", "25b1d002", "Feb 29 2024 12:00PM"),
    (
        "datetime",
        "6f08",
        "25b1000000c1c500",
        "Feb 29 2024 12:00PM",
    ),
    (
        "datetime2(3)",
        "2a03",
        "002e930280460b",
        "2024-02-29 12:00:00.000",
    ),
    (
        "datetimeoffset(0)",
        "2b00",
        "c0a80080460b7800",
        "2024-02-29 14:00:00 +02:00",
    ),
];

fn bytes(digits: &str) -> Vec<u8> {
    hex::decode(digits.replace(' ', "")).unwrap()
}

/// A value behind its length, as its type has it; `None` is NULL.
fn framed(kind: &[u8], value: Option<&[u8]>) -> Vec<u8> {
    let is_long = kind[0] == 0xF1 || (kind[0] >= 0xA0 && kind[1..3] == [0xFF, 0xFF]);
    match value {
        None if is_long => vec![0xFF; 8],
        None if kind[0] >= 0xA0 => vec![0xFF; 2],
        None => vec![0],
        Some(value) if is_long => {
            // The total is not known, and there are two chunks.
            let (one, other) = value.split_at(value.len() / 2 / 2 * 2);
            let length = |chunk: &[u8]| u32::try_from(chunk.len()).unwrap().to_le_bytes();
            let unknown = 0xFFFF_FFFF_FFFF_FFFE_u64.to_le_bytes();
            let mut framed = unknown.to_vec();
            for chunk in [one, other].into_iter().filter(|chunk| !chunk.is_empty()) {
                framed.extend(length(chunk));
                framed.extend(chunk);
            }
            framed.extend([0; 4]);
            framed
        }
        Some(value) if kind[0] >= 0xA0 => {
            let length = u16::try_from(value.len()).unwrap().to_le_bytes();
            [&length[..], value].concat()
        }
        Some(value) => [&[u8::try_from(value.len()).unwrap()][..], value].concat(),
    }
}

async fn echo(
    client: &mut RawClient,
    declared: &str,
    kind: &[u8],
    value: Option<&[u8]>,
    text: &str,
) -> Vec<Token> {
    let parameter = [kind, &framed(kind, value)].concat();
    let it = Call::number(SP_EXECUTESQL)
        .text(text)
        .text(&format!("@p {declared}"))
        .with("@p", 0, &parameter);
    call(client, &[it]).await
}

#[tokio::test]
async fn values_go_there_and_back() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    for (declared, kind, value, _) in CASES {
        let (kind, value) = (bytes(kind), bytes(value));
        let mut expected = Kind {
            number: kind[0],
            properties: kind[1..].to_vec(),
        };
        if declared.starts_with("decimal") {
            // Columns say the length of the longest, as captured; parameters say their own.
            expected.properties[0] = 17;
        }
        for value in [Some(&value[..]), None] {
            let reply = echo(&mut client, declared, &kind, value, "SELECT @p AS x").await;
            let Token::Columns(columns) = &reply[0] else {
                panic!("{declared}: {reply:?}")
            };
            assert_eq!(
                (&columns[0].kind, columns[0].flags & 1),
                (&expected, 1),
                "{declared}"
            );
            assert_eq!(first_value(&reply).as_deref(), value, "{declared}");
        }
    }
}

#[tokio::test]
async fn values_are_what_they_look_like() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    for (declared, kind, value, shown) in CASES {
        let (kind, value) = (bytes(kind), bytes(value));
        let text = "SELECT CAST(@p AS nvarchar(100))";
        let reply = echo(&mut client, declared, &kind, Some(&value), text).await;
        let expected: Vec<u8> = shown.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let value = first_value(&reply).unwrap();
        let units: Vec<u16> = value
            .chunks(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        assert_eq!(
            value,
            expected,
            "{declared}: {}",
            String::from_utf16_lossy(&units)
        );
    }
}

#[tokio::test]
async fn values_stay_in_a_table_what_they_are() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    client.ask("USE tempdb").await;
    for (at, (declared, kind, value, _)) in CASES.iter().enumerate() {
        let (kind, value) = (bytes(kind), bytes(value));
        client
            .ask(&format!("CREATE TABLE t{at} (x {declared} NULL)"))
            .await;
        for value in [Some(&value[..]), None] {
            let text = format!("DELETE FROM t{at}; INSERT INTO t{at} (x) VALUES (@p)");
            let reply = echo(&mut client, declared, &kind, value, &text).await;
            assert_eq!(errors(&reply), [] as [i32; 0], "{declared}: {reply:?}");
            let reply = tokens(&client.ask(&format!("SELECT x FROM t{at}")).await);
            let Token::Columns(columns) = &reply[0] else {
                panic!("{declared}: {reply:?}")
            };
            assert_eq!(columns[0].kind.number, kind[0], "{declared}");
            assert_eq!(first_value(&reply).as_deref(), value, "{declared}");
        }
    }
}

#[tokio::test]
async fn a_variant_holds_values_of_many_types() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    for (base, properties, value, shown) in [
        ("38", "", "05000000", "5"),
        ("34", "", "feff", "-2"),
        ("32", "", "01", "1"),
        ("e7", "0904d000341400", "61006200", "ab"),
        ("a7", "0904d000340a00", "6162", "ab"),
        ("6c", "0a02", "0196000000", "1.50"),
        ("3c", "", "00000000983a0000", "1.5000"),
        ("29", "00", "c0a800", "1900-01-01 12:00:00.0000000"),
    ] {
        let (properties, value) = (bytes(properties), bytes(value));
        let total = u32::try_from(2 + properties.len() + value.len()).unwrap();
        let parameter = [
            &bytes("62401f0000")[..],
            &total.to_le_bytes(),
            &bytes(base),
            &[u8::try_from(properties.len()).unwrap()],
            &properties,
            &value,
        ];
        let it = Call::number(SP_EXECUTESQL)
            .text("SELECT CAST(@p AS nvarchar(100))")
            .text("@p sql_variant")
            .with("@p", 0, &parameter.concat());
        let reply = call(&mut client, &[it]).await;
        let expected: Vec<u8> = shown.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(first_value(&reply), Some(expected), "{base}");
    }
}

#[tokio::test]
async fn types_of_older_servers_are_read() {
    let server = Server::plain().await;
    let mut client = server.client().await;
    for (declared, parameter, expected) in [
        ("text", "23ffffff7f0904d000340200000061fc", "61fc"),
        ("ntext", "63ffffff7f0904d00034020000006100", "6100"),
        ("image", "22ffffff7f020000000102", "0102"),
        // NULL of no type.
        ("int", "1f", ""),
    ] {
        let it = Call::number(SP_EXECUTESQL)
            .text("SELECT @p")
            .text(&format!("@p {declared}"))
            .with("@p", 0, &bytes(parameter));
        let reply = call(&mut client, &[it]).await;
        let expected = Some(bytes(expected)).filter(|bytes| !bytes.is_empty());
        assert_eq!(first_value(&reply), expected, "{declared}");
    }
}

#[tokio::test]
async fn a_client_of_sql_server_2005_reads_newer_types_as_text() {
    let server = Server::plain().await;
    let address = server.listener.address();
    let (mut client, _) = RawClient::connect(address, ENCRYPT_NOT_SUPPORTED).await;
    let login = Login {
        version: 0x7209_0002,
        password: PASSWORD,
        ..Login::default()
    };
    client.send(LOGIN7, &login.bytes()).await;
    let reply = tokens(&client.message().await.unwrap());
    assert!(reply.contains(&Token::LoginAck(0x7209_0002)));
    let reply = client
        .ask("SELECT CAST('2024-02-29' AS date), CAST(NULL AS time(3))")
        .await;
    let reply = tokens(&reply);
    let Token::Columns(columns) = &reply[0] else {
        panic!("{reply:?}")
    };
    assert_eq!(columns[0].kind.properties[..2], [20, 0]);
    assert_eq!(columns[1].kind.properties[..2], [24, 0]);
    let date: Vec<u8> = "2024-02-29"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(reply[1], Token::Row(vec![Some(date), None]));
}
