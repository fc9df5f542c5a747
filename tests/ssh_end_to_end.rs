//! `adapter::ssh` against OpenSSH's own server, behind which Wine stands for Windows. The server is not ours to
//! start: `.ci/show/hosts-2` does, with keys thrown away afterwards, and says in a file where it is. Without it these
//! tests say that they are skipped, and fail where `CI` is `true`.
#![cfg(all(feature = "conformance", feature = "ssh"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "ssh_end_to_end/fixture.rs"]
mod fixture;

use fixture::{KEY, SERVICE, Server};
use scorch_recovery::Secret;
use scorch_recovery::adapter::ssh::{SshHosts, SshLogin};
use scorch_recovery::conformance::hosts::{
    HostSuite, command_transport, file_transport, registry_transport, service_transport,
};
use scorch_recovery::names::{HostName, HostPath, ServiceName};
use scorch_recovery::transport::{
    CommandTransport, FileTransport, HostCommand, HostError, RegistryTransport, RegistryView,
    ServiceState, ServiceTransport, StartType, TransportErrorKind, codes,
};

/// How far a request got.
fn lost(error: &HostError) -> TransportErrorKind {
    match error {
        HostError::Lost(error) => error.kind(),
        error => panic!("it was refused: {error}"),
    }
}

async fn run(
    hosts: &SshHosts,
    host: &HostName,
    program: &HostPath,
    arguments: &[&str],
) -> Result<u32, HostError> {
    let command = HostCommand {
        program: program.clone(),
        arguments: arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect(),
        standard_input: None,
    };
    Ok(hosts.run(host, &command).await?.exit_code)
}

#[tokio::test]
async fn only_the_known_key_of_the_host_and_keys_of_ours_open_the_door() {
    let Some(server) = Server::find() else { return };
    let host = Server::host();
    let program = server.program();
    let exit = ["exit", "42"];
    let passphrase = Secret::new("a passphrase".to_owned());
    let mut good = vec![
        server.login("command_key"),
        server.login("locked_key").passphrase(passphrase),
    ];
    // Pipes of Windows' agent are not to be had here.
    if cfg!(unix) {
        good.push(SshLogin::agent_at(
            server.text("user"),
            server.text("agent"),
        ));
    }
    let count = good.len();
    for login in good {
        let hosts = Server::reach(server.endpoint(login));
        assert_eq!(run(&hosts, &host, &program, &exit).await.unwrap(), 42);
    }
    let known = |name: &str| {
        server
            .endpoint(server.login("command_key"))
            .known_hosts(server.text(name))
    };
    let mut refused = 0;
    for (endpoint, part) in [
        (known("other_known"), "another key"),
        (known("no_known"), "is not in"),
        (known("revoked_known"), "revoked"),
        (
            server.endpoint(server.login("stranger_key")),
            "authorized_keys",
        ),
        (
            server.endpoint(server.login("locked_key")),
            "SshLogin::passphrase",
        ),
        (
            server.endpoint(SshLogin::key_file(
                "scorch-nobody",
                server.text("command_key"),
            )),
            "authorized_keys",
        ),
    ] {
        let error = run(&Server::reach(endpoint), &host, &program, &exit)
            .await
            .unwrap_err();
        assert_eq!(lost(&error), TransportErrorKind::Authenticate, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        refused += 1;
    }
    println!("sshd keys: {count} taken, {refused} refused");
}

#[tokio::test]
async fn a_connection_that_dies_in_the_middle_is_told_and_the_next_call_works() {
    let Some(server) = Server::find() else { return };
    let (hosts, host) = (server.commands(), Server::host());
    let program = server.program();
    assert_eq!(
        run(&hosts, &host, &program, &["exit", "0"]).await.unwrap(),
        0
    );
    // What stands for Windows takes this name as the sign to kill the server's process for this connection.
    let killer: HostPath = r"C:\kill-session.exe".parse().unwrap();
    let error = run(&hosts, &host, &killer, &[]).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Interrupted, "{error}");
    assert_eq!(
        run(&hosts, &host, &program, &["exit", "7"]).await.unwrap(),
        7
    );
    println!("sshd lost: told as {:?}, then connected anew", lost(&error));
}

#[tokio::test]
async fn a_login_for_the_other_thing_does_nothing() {
    let Some(server) = Server::find() else { return };
    let host = Server::host();
    let files = Server::reach(server.endpoint(server.login("files_key")));
    let error = run(&files, &host, &server.program(), &["exit", "0"])
        .await
        .unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Unsupported, "{error}");
    let path: HostPath = r"C:\suite\x.txt".parse().unwrap();
    let error = server
        .commands()
        .write_new(&host, &path, b"x")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, HostError::Lost(lost) if lost.kind().is_before_send()),
        "{error}"
    );
}

#[tokio::test]
async fn services_start_and_stop_and_refusals_bear_the_numbers_of_windows() {
    let Some(server) = Server::find() else { return };
    let (hosts, host) = (server.commands(), Server::host());
    let service: ServiceName = SERVICE.parse().unwrap();
    let is = async |wanted: ServiceState| {
        for _ in 0..100 {
            let status = hosts.query(&host, &service).await.unwrap();
            if status.state == wanted {
                return status;
            }
        }
        panic!("it is never {wanted:?}");
    };
    let code = |result: Result<(), HostError>| result.unwrap_err().code();
    let status = is(ServiceState::Stopped).await;
    assert_eq!(
        (status.start_type, status.process_id),
        (StartType::Manual, None)
    );
    assert_eq!(status.program.as_str(), r"C:\windows\system32\spoolsv.exe");
    assert_eq!(
        code(hosts.stop(&host, &service).await),
        Some(codes::SERVICE_NOT_ACTIVE)
    );
    hosts.start(&host, &service).await.unwrap();
    is(ServiceState::Running).await;
    assert_eq!(
        code(hosts.start(&host, &service).await),
        Some(codes::SERVICE_ALREADY_RUNNING)
    );
    hosts.stop(&host, &service).await.unwrap();
    is(ServiceState::Stopped).await;
    for name in [
        "scorch-no-such-service",
        "no such 'service' & ^ $x",
        "Dienst B\u{fc}ro",
    ] {
        let none: ServiceName = name.parse().unwrap();
        let missing = Some(codes::SERVICE_DOES_NOT_EXIST);
        assert_eq!(hosts.query(&host, &none).await.unwrap_err().code(), missing);
        assert_eq!(code(hosts.start(&host, &none).await), missing);
        assert_eq!(code(hosts.stop(&host, &none).await), missing);
        assert_eq!(
            code(hosts.set_start_type(&host, &none, StartType::Manual).await),
            missing
        );
    }
    println!("sshd services: {SERVICE} started and stopped, 1056, 1060, 1062");
}

#[tokio::test]
async fn nothing_is_told_as_nothing() {
    let Some(server) = Server::find() else { return };
    let (hosts, host) = (server.commands(), Server::host());
    for (key, value) in [
        (KEY, "None"),
        (r"SOFTWARE\no such 'key' & x\at all", "None"),
    ] {
        for view in [RegistryView::Bits32, RegistryView::Bits64] {
            assert_eq!(hosts.get(&host, view, key, value).await.unwrap(), None);
            let removed = RegistryTransport::remove(&hosts, &host, view, key, value).await;
            let removed = removed.unwrap_err();
            assert_eq!(removed.code(), Some(codes::FILE_NOT_FOUND));
        }
    }
    let none = server
        .program()
        .sibling("no such program 'x' & y.exe")
        .unwrap();
    let error = run(&hosts, &host, &none, &["words"]).await.unwrap_err();
    assert_eq!(error.code(), Some(codes::FILE_NOT_FOUND));
}

async fn passes(name: &str, suite: HostSuite, left_out: &[&str]) {
    let report = suite.run().await;
    println!("{report}");
    report.assert_passed();
    let not_applicable = report.not_applicable();
    assert!(
        not_applicable.iter().all(|check| left_out.contains(check)),
        "{not_applicable:?}"
    );
    println!("sshd conformance {name}: {} passed", report.passed().len());
}

/// Left out is what needs PowerShell here: a `%` in the name of a program that must be told as not there.
#[tokio::test]
async fn its_port_to_programs_conforms() {
    let Some(server) = Server::find() else { return };
    let suite = command_transport(server).without("looks-for-no-program");
    passes(
        "programs",
        suite,
        &[
            "commands/knows-a-process",
            "commands/knows-that-a-process-ended",
        ],
    )
    .await;
}

#[tokio::test]
async fn its_port_to_files_conforms() {
    let Some(server) = Server::find() else { return };
    let mut left_out = vec![
        "files/keeps-what-is-held-open",
        "files/renames-over-nothing-held-open",
    ];
    if cfg!(windows) {
        // The folder is on the other side.
        left_out.extend([
            "files/keeps-what-is-read-only",
            "files/keeps-permissions",
            "files/follows-no-link",
            "files/renames-over-nothing-read-only",
            "files/renames-over-no-link",
            "files/brings-permissions-along",
            "files/brings-read-only-along",
        ]);
    }
    passes("files", file_transport(server), &left_out).await;
}

/// Left out is what needs PowerShell here: a `%` in the name of a key.
#[tokio::test]
async fn its_port_to_registries_conforms() {
    let Some(server) = Server::find() else { return };
    let suite = registry_transport(server).without("has-nothing-where-nothing-is");
    passes("registry", suite, &[]).await;
}

/// Left out is what Wine's `sc.exe` does not tell or do: process ids, start types; and a `%` in a name.
#[tokio::test]
async fn its_port_to_services_conforms() {
    let Some(server) = Server::find() else { return };
    let mut suite = service_transport(server);
    for part in [
        "knows-what-is-not-there",
        "starts-and-stops",
        "in-a-new-process",
        "start-types",
        "nothing-disabled",
    ] {
        suite = suite.without(part);
    }
    passes("services", suite, &["services/minds-dependents"]).await;
}
