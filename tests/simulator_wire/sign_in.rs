//! What a client can ask for as it signs in, and what it is told.

use std::time::Duration;

use scorch_recovery::simulator::{Listener, SqlBrowser, TlsMode, Version};
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::raw_client::{ENCRYPT_NOT_SUPPORTED, LOGIN7, Login, RawClient};
use crate::tokens::{Token, errors, first_value, tokens};
use crate::{PASSWORD, Server};

async fn sign_in(server: &Server, login: Login<'_>) -> (RawClient, Vec<Token>) {
    let address = server.listener.address();
    let (mut client, _) = RawClient::connect(address, ENCRYPT_NOT_SUPPORTED).await;
    client.send(LOGIN7, &login.bytes()).await;
    let reply = client.message().await.unwrap();
    (client, tokens(&reply))
}

fn usual() -> Login<'static> {
    Login {
        password: PASSWORD,
        ..Login::default()
    }
}

/// `B_VARCHAR` of a new and of an old value.
fn change(new: &str, old: &str) -> Vec<u8> {
    let part = |text: &str| {
        let length = u8::try_from(text.encode_utf16().count()).unwrap();
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&[length][..], &units].concat()
    };
    [part(new), part(old)].concat()
}

#[tokio::test]
async fn all_of_the_session_is_told_in_order() {
    let server = Server::plain().await;
    let login = Login {
        packet_size: 512,
        database: "tempdb",
        ..usual()
    };
    let (_, reply) = sign_in(&server, login).await;
    let collation = vec![5, 9, 4, 0xD0, 0, 0x34, 0];
    assert_eq!(
        reply,
        [
            Token::Change(1, change("tempdb", "master")),
            Token::Info(5701, "Changed database context to 'tempdb'.".to_owned()),
            Token::Change(7, collation),
            Token::Change(2, change("us_english", "")),
            Token::Info(5703, "Changed language setting to us_english.".to_owned()),
            Token::LoginAck(0x7400_0004),
            Token::Change(4, change("512", "4096")),
            Token::Done(0xFD, 0, 0, 0),
        ]
    );
}

#[tokio::test]
async fn packets_have_the_size_that_was_agreed() {
    let server = Server::plain().await;
    for (asked, agreed) in [
        (1, 512),
        (512, 512),
        (0, 4096),
        (8000, 8000),
        (99_999, 32_767),
    ] {
        let login = Login {
            packet_size: asked,
            ..usual()
        };
        let (mut client, _) = sign_in(&server, login).await;
        client.packet_size = agreed;
        client
            .batch(&format!(
                "SELECT REPLICATE(CAST(N'x' AS nvarchar(max)), 40000) {}",
                " ".repeat(40_000)
            ))
            .await;
        let mut lengths = Vec::new();
        let mut message = Vec::new();
        loop {
            let (is_last, body) = client.packet().await.unwrap();
            lengths.push(body.len() + 8);
            message.extend(body);
            if is_last {
                break;
            }
        }
        assert_eq!(first_value(&tokens(&message)).unwrap().len(), 80_000);
        // What waits when the server has nothing more to say is sent in a packet that is not full.
        assert!(lengths.iter().all(|length| (9..=agreed).contains(length)));
        let full = lengths.iter().filter(|length| **length == agreed).count();
        assert!(full >= 80_000 / (agreed - 8) - 1, "{asked}: {lengths:?}");
    }
}

#[tokio::test]
async fn features_are_granted_or_left_without_an_answer() {
    let all: Vec<(u8, &[u8])> = (1..=0x20)
        .filter(|feature| *feature != 2)
        .map(|feature| (feature, &[1_u8, 2][..]))
        .collect();
    for (version, granted) in [
        (Version::Sql2017, vec![]),
        (Version::Sql2022, vec![(0x0A, vec![1])]),
    ] {
        let server = Server::start(|instance| instance.version(version), |listener| listener).await;
        let login = Login {
            features: &all,
            ..usual()
        };
        let (mut client, reply) = sign_in(&server, login).await;
        assert!(reply.contains(&Token::Features(granted)), "{reply:?}");
        assert_eq!(client.ask("SELECT 1").await[0], 0x81);
    }
}

#[tokio::test]
async fn what_is_not_had_here_is_refused_and_said() {
    let server = Server::plain().await;
    for (login, expected) in [
        (
            Login {
                features: &[(2, &[1])],
                ..usual()
            },
            50_900,
        ),
        (
            Login {
                attached_file: r"D:\a.mdf",
                ..usual()
            },
            50_900,
        ),
        (
            Login {
                flags: [0, 0x80, 0, 0],
                ..usual()
            },
            18452,
        ),
        (
            Login {
                flags: [0, 0, 0, 2],
                ..usual()
            },
            18493,
        ),
        (
            Login {
                version: 0x7000_0000,
                ..usual()
            },
            50_900,
        ),
        (
            Login {
                database: "nowhere",
                ..usual()
            },
            4060,
        ),
        (
            Login {
                user: "nobody",
                ..usual()
            },
            18456,
        ),
    ] {
        let (mut client, reply) = sign_in(&server, login).await;
        assert_eq!(errors(&reply)[0], expected);
        assert_eq!(reply.last(), Some(&Token::Done(0xFD, 2, 0, 0)));
        assert_eq!(client.message().await, None);
    }
}

#[tokio::test]
async fn a_language_is_set_at_sign_in_and_later() {
    let server = Server::plain().await;
    for (asked, name) in [
        ("German", "Deutsch"),
        ("français", "Français"),
        ("Klingon", "us_english"),
    ] {
        let login = Login {
            language: asked,
            ..usual()
        };
        let (mut client, reply) = sign_in(&server, login).await;
        assert!(
            reply.contains(&Token::Change(2, change(name, ""))),
            "{reply:?}"
        );
        let reply = tokens(&client.ask("SET LANGUAGE us_english").await);
        assert_eq!(reply[0], Token::Change(2, change("us_english", name)));
        assert!(matches!(&reply[1], Token::Info(5703, _)));
        let reply = tokens(&client.ask("SET LANGUAGE Klingon").await);
        assert_eq!(errors(&reply), [2741]);
        client.ask("SET LANGUAGE Italian").await;
        client.batch_after_reset("SELECT @@LANGUAGE").await;
        let value = first_value(&tokens(&client.message().await.unwrap())).unwrap();
        let expected: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(value, expected, "what it signed in with");
    }
}

#[tokio::test]
async fn a_password_is_changed_at_sign_in() {
    const NEW: &str = "Another-Horse-2!";
    let server = Server::plain().await;
    let changing = |password| Login {
        password,
        new_password: NEW,
        flags: [0, 0, 0, 1],
        ..Login::default()
    };
    let (_, wrong) = sign_in(&server, changing("wrong")).await;
    assert_eq!(errors(&wrong), [18456]);
    let (mut client, changed) = sign_in(&server, changing(PASSWORD)).await;
    assert_eq!(errors(&changed), [] as [i32; 0]);
    assert_eq!(client.ask("SELECT 1").await[0], 0x81);
    let (_, old) = sign_in(&server, usual()).await;
    assert_eq!(errors(&old), [18456]);
    let new = Login {
        password: NEW,
        ..Login::default()
    };
    assert_eq!(errors(&sign_in(&server, new).await.1), [] as [i32; 0]);
}

#[tokio::test]
async fn a_login_of_any_size_is_read_or_ends_the_connection() {
    let server = Server::plain().await;
    for size in [0, 93, 200 * 1024] {
        let address = server.listener.address();
        let (mut client, _) = RawClient::connect(address, ENCRYPT_NOT_SUPPORTED).await;
        for packet in vec![b'x'; size].chunks(4088) {
            client.send_packet(LOGIN7, 0, packet).await;
        }
        client.send_packet(LOGIN7, 1, &[]).await;
        assert_eq!(client.message().await, None, "{size}");
    }
}

#[tokio::test]
async fn whoever_signs_in_is_sent_elsewhere() {
    let server = Server::start(
        |instance| instance,
        |listener| listener.route_to("sql02.example", 1500),
    )
    .await;
    let (mut client, reply) = sign_in(&server, usual()).await;
    let name: Vec<u8> = "sql02.example"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    // A length, TCP, the port, the length of the name and the name; nothing old.
    let route = [&[31, 0, 0, 0xDC, 5, 13, 0][..], &name, &[0, 0]].concat();
    assert_eq!(
        reply,
        [
            Token::LoginAck(0x7400_0004),
            Token::Change(20, route),
            Token::Done(0xFD, 0, 0, 0),
        ]
    );
    assert_eq!(client.message().await, None);
    // Who is nobody here is not sent to others, and who does not know routing stays.
    let stranger = Login {
        password: "wrong",
        ..Login::default()
    };
    assert_eq!(errors(&sign_in(&server, stranger).await.1), [18456]);
    let old = Login {
        version: 0x730B_0003,
        ..usual()
    };
    let (mut client, reply) = sign_in(&server, old).await;
    assert!(reply.contains(&Token::LoginAck(0x730B_0003)));
    assert_eq!(client.ask("SELECT 1").await[0], 0x81);
}

async fn browse(browser: std::net::SocketAddr, request: &[u8]) -> String {
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.send_to(request, browser).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = client.recv(&mut answer).await.unwrap();
    String::from_utf8(answer[3..length].to_vec()).unwrap()
}

#[tokio::test]
async fn instances_are_found_by_name() {
    let own = Server::start(|instance| instance, |listener| listener.browser_port(0)).await;
    let port = own.listener.address().port();
    let answer = browse(own.listener.browser_address().unwrap(), b"\x04orch\0").await;
    assert_eq!(
        answer,
        format!(
            "ServerName;SQL01;InstanceName;ORCH;IsClustered;No;Version;16.0.4236.2;tcp;{port};;"
        )
    );

    let browser = SqlBrowser::bind(0).await.unwrap();
    let known = |listener: scorch_recovery::simulator::ListenerBuilder| listener.known_to(&browser);
    let one = Server::start(|instance| instance, known).await;
    let other = Server::start(|instance| instance.version(Version::Sql2019), known).await;
    let answer = browse(browser.address(), b"\x03").await;
    assert_eq!(answer.matches("InstanceName;ORCH;").count(), 2);
    drop(one.listener);
    let answer = browse(browser.address(), b"\x02").await;
    assert!(answer.contains(&format!("tcp;{}", other.listener.address().port())));
    assert_eq!(
        answer.matches("InstanceName").count(),
        1,
        "the other one is gone"
    );
}

#[tokio::test]
async fn a_browser_s_port_is_taken_once() {
    let browser = SqlBrowser::bind(0).await.unwrap();
    let port = browser.address().port();
    let server = Server::plain().await;
    let second = Listener::builder(&server.instance)
        .tls(TlsMode::Off)
        .browser_port(port)
        .bind()
        .await;
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_client_that_never_signs_in_is_not_kept_for_ever() {
    let limit = Duration::from_secs(7);
    let server = Server::start(
        |instance| instance,
        |listener| listener.sign_in_deadline(limit),
    );
    let server = server.await;
    let address = server.listener.address();
    let mut session = RawClient::sign_in(address, PASSWORD).await;
    let mut mute = RawClient::open(address).await;
    let (mut greeting, _) = RawClient::connect(address, ENCRYPT_NOT_SUPPORTED).await;
    // The beginning of a login, and no more of it.
    let (mut halfway, _) = RawClient::connect(address, ENCRYPT_NOT_SUPPORTED).await;
    halfway.send_packet(LOGIN7, 0, &usual().bytes()[..40]).await;
    tokio::time::pause();
    let begun = Instant::now();
    for client in [&mut mute, &mut greeting, &mut halfway] {
        assert!(client.packet().await.is_none());
        // Timers go by whole milliseconds.
        assert_eq!(begun.elapsed().as_secs(), limit.as_secs());
    }
    // Who is in may be silent.
    tokio::time::advance(Duration::from_secs(3600)).await;
    tokio::time::resume();
    let answer = session.ask("SELECT 1").await;
    assert!(first_value(&tokens(&answer)).is_some());
}
