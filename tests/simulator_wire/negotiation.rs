//! Who encrypts what: every word of a client to every mode of a listener.

use scorch_recovery::simulator::{TlsMode, Version, WireBug};
use tokio_rustls::rustls::ProtocolVersion;

use crate::raw_client::{
    DONE, ENCRYPT_NOT_SUPPORTED, ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_REQUIRED, LOGIN7, Login,
    PRELOGIN, RawClient, login,
};
use crate::{PASSWORD, Server};

const TDS_8: &[&[u8]] = &[b"tds/8.0"];

/// What becomes of a conversation after the server's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Plain,
    LoginEncrypted,
    Encrypted,
    HangsUp,
}
use Course::{Encrypted, HangsUp, LoginEncrypted, Plain};

async fn start(mode: TlsMode) -> Server {
    Server::start(|instance| instance, |listener| listener.tls(mode)).await
}

/// Goes through a whole conversation as agreed, which fails where the server thinks otherwise.
async fn converse(server: &Server, asked: u8, word: u8, course: Course) {
    let (mut client, answer) = RawClient::connect(server.listener.address(), asked).await;
    assert_eq!(answer, word, "{asked}");
    match course {
        HangsUp => {
            assert_eq!(client.message().await, None, "{asked}");
            return;
        }
        Plain => {}
        LoginEncrypted | Encrypted => {
            client.encrypt(server.ca_pem()).await;
        }
    }
    client.send(LOGIN7, &login("sa", PASSWORD)).await;
    if course == LoginEncrypted {
        client.end_encryption();
    }
    assert!(client.message().await.unwrap().ends_with(&DONE));
    let answer = client.ask("SELECT 1").await;
    assert_eq!(answer[0], 0x81, "{asked}");
}

#[tokio::test]
async fn a_listener_without_tls() {
    let server = start(TlsMode::Off).await;
    converse(&server, ENCRYPT_OFF, ENCRYPT_NOT_SUPPORTED, Plain).await;
    converse(&server, ENCRYPT_NOT_SUPPORTED, ENCRYPT_NOT_SUPPORTED, Plain).await;
    converse(&server, ENCRYPT_ON, ENCRYPT_NOT_SUPPORTED, HangsUp).await;
    converse(&server, ENCRYPT_REQUIRED, ENCRYPT_NOT_SUPPORTED, HangsUp).await;
}

#[tokio::test]
async fn a_listener_that_leaves_it_to_its_clients() {
    let server = start(TlsMode::Login).await;
    converse(&server, ENCRYPT_OFF, ENCRYPT_OFF, LoginEncrypted).await;
    converse(&server, ENCRYPT_NOT_SUPPORTED, ENCRYPT_NOT_SUPPORTED, Plain).await;
    converse(&server, ENCRYPT_ON, ENCRYPT_ON, Encrypted).await;
    converse(&server, ENCRYPT_REQUIRED, ENCRYPT_ON, Encrypted).await;
}

#[tokio::test]
async fn a_listener_that_insists_on_encryption() {
    let server = start(TlsMode::Full).await;
    converse(&server, ENCRYPT_OFF, ENCRYPT_REQUIRED, Encrypted).await;
    converse(&server, ENCRYPT_NOT_SUPPORTED, ENCRYPT_REQUIRED, HangsUp).await;
    converse(&server, ENCRYPT_ON, ENCRYPT_ON, Encrypted).await;
    converse(&server, ENCRYPT_REQUIRED, ENCRYPT_REQUIRED, Encrypted).await;
}

#[tokio::test]
async fn a_strict_listener_does_not_talk_with_older_clients() {
    let server = start(TlsMode::Strict).await;
    for asked in [
        ENCRYPT_OFF,
        ENCRYPT_ON,
        ENCRYPT_NOT_SUPPORTED,
        ENCRYPT_REQUIRED,
    ] {
        let mut client = RawClient::open(server.listener.address()).await;
        assert_eq!(client.prelogin(asked).await, None);
    }
}

#[tokio::test]
async fn an_old_client_leaves_prelogin_out_where_encryption_is_not_required() {
    for (mode, is_let_in) in [
        (TlsMode::Off, true),
        (TlsMode::Login, true),
        (TlsMode::Full, false),
        (TlsMode::Strict, false),
    ] {
        let server = start(mode).await;
        let mut client = RawClient::open(server.listener.address()).await;
        client.send(LOGIN7, &login("sa", PASSWORD)).await;
        let answer = client.message().await;
        assert_eq!(
            answer.is_some_and(|answer| answer.ends_with(&DONE)),
            is_let_in,
            "{mode:?}"
        );
    }
}

async fn converse_strictly(server: &Server, version: u32) -> RawClient {
    let mut client = RawClient::open(server.listener.address()).await;
    let tls = client.encrypt_first(server.ca_pem(), TDS_8).await;
    assert_eq!(tls, Some(ProtocolVersion::TLSv1_3));
    // What the two say about encryption means nothing any more.
    client.prelogin(ENCRYPT_NOT_SUPPORTED).await.unwrap();
    let login = Login {
        version,
        password: PASSWORD,
        ..Login::default()
    };
    client.send(LOGIN7, &login.bytes()).await;
    let answer = client.message().await.unwrap();
    assert!(answer.ends_with(&DONE));
    let ack = answer.windows(5).any(|bytes| {
        // The type of the interface, and then the version.
        bytes[0] == 1 && bytes[1..] == version.to_be_bytes()
    });
    assert!(ack, "{answer:x?}");
    client
}

#[tokio::test]
async fn a_strict_listener_echoes_the_version_of_its_client() {
    let server = start(TlsMode::Strict).await;
    for version in [0x7400_0004, 0x0800_0000] {
        let mut client = converse_strictly(&server, version).await;
        assert_eq!(client.ask("SELECT 1").await[0], 0x81);
    }
}

#[tokio::test]
async fn strict_clients_are_taken_by_all_listeners_with_a_certificate_since_2022() {
    for mode in [TlsMode::Login, TlsMode::Full] {
        let server = start(mode).await;
        converse_strictly(&server, 0x0800_0000).await;
    }
}

#[tokio::test]
async fn strict_clients_are_not_talked_with_elsewhere() {
    let off = start(TlsMode::Off).await;
    let old = |mode| {
        Server::start(
            |instance| instance.version(Version::Sql2019),
            move |listener| listener.tls(mode),
        )
    };
    let (login, full) = (old(TlsMode::Login).await, old(TlsMode::Full).await);
    for server in [&off, &login, &full] {
        let ca_pem = server.listener.ca_pem().unwrap_or_else(|| full.ca_pem());
        let mut client = RawClient::open(server.listener.address()).await;
        assert_eq!(client.encrypt_first(ca_pem, TDS_8).await, None);
    }
}

#[tokio::test]
async fn another_protocol_over_tls_is_refused() {
    let server = start(TlsMode::Strict).await;
    let mut client = RawClient::open(server.listener.address()).await;
    let tls = client.encrypt_first(server.ca_pem(), &[b"h2"]).await;
    assert_eq!(tls, None);
}

#[tokio::test]
async fn only_the_first_packet_of_a_login_needs_encryption() {
    let server = start(TlsMode::Login).await;
    for encrypted_packets in 1..=3 {
        let address = server.listener.address();
        let (mut client, _) = RawClient::connect(address, ENCRYPT_OFF).await;
        client.encrypt(server.ca_pem()).await;
        let login = login("sa", PASSWORD);
        let packets: Vec<&[u8]> = login.chunks(login.len().div_ceil(3)).collect();
        for (at, packet) in packets.iter().enumerate() {
            if at == encrypted_packets {
                client.end_encryption();
            }
            let is_last = u8::from(at + 1 == packets.len());
            client.send_packet(LOGIN7, is_last, packet).await;
        }
        client.end_encryption();
        assert!(client.message().await.unwrap().ends_with(&DONE));
        assert_eq!(client.ask("SELECT 1").await[0], 0x81);
    }
}

#[tokio::test]
async fn a_refusal_of_an_encrypted_login_is_plain() {
    let server = start(TlsMode::Login).await;
    let (mut client, _) = RawClient::connect(server.listener.address(), ENCRYPT_OFF).await;
    client.encrypt(server.ca_pem()).await;
    client.send(LOGIN7, &login("sa", "wrong")).await;
    client.end_encryption();
    assert_eq!(client.message().await.unwrap()[0], 0xAA, "ERROR");
    assert_eq!(client.message().await, None);
}

#[tokio::test]
async fn what_is_no_prelogin_ends_the_connection() {
    let server = Server::plain().await;
    for (kind, body) in [
        (PRELOGIN, Vec::new()),
        // Encryption before the version.
        (PRELOGIN, vec![1, 0, 6, 0, 1, 0xFF, 0]),
        (PRELOGIN, vec![0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        (0x47, b"ET / HTTP/1.1\r\n".to_vec()),
    ] {
        let mut client = RawClient::open(server.listener.address()).await;
        client.send(kind, &body).await;
        assert_eq!(client.message().await, None, "{kind}");
    }
}

#[tokio::test]
async fn planted_mistakes_are_made() {
    let planted = |bug| {
        Server::start(
            |instance| instance,
            move |listener| listener.tls(TlsMode::Login).wire_bug(bug),
        )
    };
    let server = planted(WireBug::LoginAckVersion).await;
    let (mut client, _) =
        RawClient::connect(server.listener.address(), ENCRYPT_NOT_SUPPORTED).await;
    client.send(LOGIN7, &login("sa", PASSWORD)).await;
    let answer = client.message().await.unwrap();
    assert!(answer.windows(6).any(|bytes| bytes == [1, 8, 0, 0, 0, 22]));

    let server = planted(WireBug::ColumnFlags).await;
    let answer = server.client().await.ask("SELECT CAST(1 AS int)").await;
    assert_eq!(answer[3..11], [0, 0, 0, 0, 0, 0, 0x26, 4]);
    let server = start(TlsMode::Off).await;
    let answer = server.client().await.ask("SELECT CAST(1 AS int)").await;
    assert_eq!(answer[3..11], [0, 0, 0, 0, 0x21, 0, 0x26, 4]);
}

#[tokio::test]
async fn flights_of_the_handshake_are_split_where_that_is_planted() {
    for (bug, messages) in [(None, 2), (Some(WireBug::TlsRecordPerPacket), 3)] {
        let server = Server::start(
            |instance| instance,
            |listener| {
                let listener = listener.tls(TlsMode::Full);
                match bug {
                    Some(bug) => listener.wire_bug(bug),
                    None => listener,
                }
            },
        )
        .await;
        let (mut client, _) = RawClient::connect(server.listener.address(), ENCRYPT_ON).await;
        assert_eq!(client.encrypt(server.ca_pem()).await, messages, "{bug:?}");
    }
}
