//! Whom the adapter trusts, and who it is itself.

use std::time::Duration;

use scorch_recovery::Secret;
use scorch_recovery::adapter::ssh::SshLogin;
use scorch_recovery::transport::{CommandTransport, HostError, TransportErrorKind};
use tokio::net::TcpListener;

use crate::lost;
use crate::server::{HOST_KEY, Server, USER_KEY, key, key_text, known_line, reach, says};

async fn server() -> Server {
    Server::start(|_, _| says("scorch:done\r\n")).await
}

/// A call, by an endpoint of the server's.
async fn call(server: &Server, login: SshLogin, known: Option<&str>) -> Result<(), HostError> {
    if let Some(known) = known {
        std::fs::write(server.known_hosts(), known).unwrap();
    }
    let (hosts, host) = reach(server.endpoint(login));
    hosts.process(&host, 1).await.map(drop)
}

#[tokio::test]
async fn a_key_signs_in_from_its_text_and_from_its_file() {
    let server = server().await;
    call(&server, Server::login(), None).await.unwrap();
    let path = server.folder.path().join("key");
    std::fs::write(&path, key_text(USER_KEY)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode =
            |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o644);
        let error = call(&server, SshLogin::key_file("recovery", &path), None)
            .await
            .unwrap_err();
        assert_eq!(lost(&error), TransportErrorKind::Authenticate);
        assert!(error.to_string().contains("chmod 600"), "{error}");
        mode(0o600);
    }
    call(&server, SshLogin::key_file("recovery", &path), None)
        .await
        .unwrap();
    assert_eq!(server.signed_in(), 2);
}

#[tokio::test]
async fn a_key_or_user_that_the_server_does_not_take_is_told_with_a_remedy() {
    let server = server().await;
    let stranger = SshLogin::key("recovery", Secret::new(key_text(9)));
    let other = SshLogin::key("somebody", Secret::new(key_text(USER_KEY)));
    for login in [stranger, other] {
        let error = call(&server, login, None).await.unwrap_err();
        assert_eq!(lost(&error), TransportErrorKind::Authenticate);
        assert!(error.to_string().contains("authorized_keys"), "{error}");
    }
    assert_eq!((server.signed_in(), server.lines().len()), (2, 0));
}

#[tokio::test]
async fn what_is_no_key_is_told_without_a_word_of_it() {
    let server = server().await;
    let cut: String = key_text(USER_KEY)
        .lines()
        .take(3)
        .collect::<Vec<_>>()
        .join("\n");
    for text in [
        "canary",
        &cut,
        "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----",
    ] {
        let error = call(
            &server,
            SshLogin::key("recovery", Secret::new(text.to_owned())),
            None,
        )
        .await
        .unwrap_err();
        assert_eq!(lost(&error), TransportErrorKind::Authenticate);
        let inside = text.lines().nth(1).unwrap_or("canary");
        assert!(!error.to_string().contains(inside), "{error}");
    }
    assert_eq!(server.signed_in(), 0);
}

#[tokio::test]
async fn no_agent_is_told_as_such() {
    let server = server().await;
    let nowhere = server.folder.path().join("no agent");
    let error = call(&server, SshLogin::agent_at("recovery", nowhere), None)
        .await
        .unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Authenticate);
    assert!(error.to_string().contains("agent"), "{error}");
}

/// Whoever answers with a key that is not known learns nothing: not even which keys might sign in.
#[tokio::test]
async fn a_server_that_is_not_known_or_has_another_key_is_refused_with_a_remedy() {
    let server = server().await;
    let name = format!("[127.0.0.1]:{}", server.port);
    let (own, other) = (key(HOST_KEY), key(7));
    let own_line = known_line(&name, own.public_key());
    for (known, part) in [
        (String::new(), "is not in"),
        (known_line("127.0.0.1", own.public_key()), "is not in"),
        (known_line("*", own.public_key()), "is not in"),
        (known_line(&name, other.public_key()), "another key"),
        (
            format!("{own_line}@revoked {}", known_line("*", own.public_key())),
            "revoked",
        ),
        (
            format!("{own_line}@revoked * ssh-ed25519 nonsense\n"),
            "line 2",
        ),
    ] {
        let error = call(&server, Server::login(), Some(&known))
            .await
            .unwrap_err();
        assert_eq!(lost(&error), TransportErrorKind::Authenticate, "{known}");
        assert!(error.to_string().contains(part), "{error}");
    }
    std::fs::remove_file(server.known_hosts()).unwrap();
    let error = call(&server, Server::login(), None).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Authenticate);
    assert_eq!((server.signed_in(), server.lines().len()), (0, 0));
    call(&server, Server::login(), Some(&own_line))
        .await
        .unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_as_nothing_sent() {
    let server = server().await;
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (hosts, host) = reach(server.endpoint(Server::login()).port(free));
    let error = hosts.process(&host, 1).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Connect);
    let unknown = hosts
        .process(&"MS02".parse().unwrap(), 1)
        .await
        .unwrap_err();
    assert_eq!(lost(&unknown), TransportErrorKind::Unsupported);
    assert!(
        unknown.to_string().contains("SshHostsBuilder::host"),
        "{unknown}"
    );
}

/// The server takes the connection and never says a word.
#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_the_endpoints_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("known_hosts");
    std::fs::write(
        &path,
        known_line(&format!("[127.0.0.1]:{port}"), key(HOST_KEY).public_key()),
    )
    .unwrap();
    let endpoint = scorch_recovery::adapter::ssh::SshEndpoint::new("127.0.0.1", Server::login())
        .port(port)
        .known_hosts(path)
        .connect_deadline(Duration::from_secs(7));
    let (hosts, host) = reach(endpoint);
    let error = hosts.process(&host, 1).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Connect);
    assert!(error.to_string().contains("within 7 seconds"), "{error}");
}
