//! Services, by `sc.exe` and the registry.

use std::time::Duration;

use scorch_recovery::names::ServiceName;
use scorch_recovery::transport::{
    ServiceState, ServiceTransport, StartType, TransportErrorKind, codes,
};

use crate::lost;
use crate::server::{Answer, Server, ends, says};

const SC: &str = r"C:\Windows\System32\sc.exe";

/// As real Windows prints it (documented), here with a state between.
fn extended(state: u32, process_id: u32) -> String {
    format!(
        "\r\nSERVICE_NAME: orunbook\r\n        TYPE               : 10  WIN32_OWN_PROCESS\r\n        STATE              : {state}  X_PENDING\r\n                                (STOPPABLE, NOT_PAUSABLE)\r\n        WIN32_EXIT_CODE    : 1066  (0x42a)\r\n        SERVICE_EXIT_CODE  : 7  (0x7)\r\n        CHECKPOINT         : 0x2\r\n        WAIT_HINT          : 0x7d0\r\n        PID                : {process_id}\r\n        FLAGS              :\r\n"
    )
}

/// As Wine prints it: no process.
fn plain(state: u32) -> String {
    extended(state, 0)
        .lines()
        .take(9)
        .map(|line| format!("{line}\r\n"))
        .collect()
}

fn config(start: u32, more: &str) -> String {
    format!(
        "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\orunbook\r\n    ImagePath    REG_EXPAND_SZ    \"C:\\Program Files\\o o\\x.exe\" -service\r\n    Start    REG_DWORD    0x{start:x}\r\n{more}\r\n"
    )
}

fn orunbook() -> ServiceName {
    "orunbook".parse().unwrap()
}

fn is_registry(line: &str) -> bool {
    line.starts_with(r"C:\Windows\System32\reg.exe query ")
}

#[tokio::test]
async fn a_status_is_read_from_both() {
    let needs = "    DelayedAutostart    REG_DWORD    0x1\r\n    DependOnService    REG_MULTI_SZ    RpcSs\\0+Group\\0omonitor\r\n";
    let server = Server::start(move |line, _| match is_registry(line) {
        true => says(config(2, needs)),
        false => says(extended(2, 4711)),
    })
    .await;
    let (hosts, host) = server.hosts();
    let status = hosts.query(&host, &orunbook()).await.unwrap();
    assert_eq!(
        (status.state, status.process_id),
        (ServiceState::StartPending, Some(4711))
    );
    assert_eq!(
        (
            status.exit_code,
            status.service_exit_code,
            status.checkpoint
        ),
        (1066, 7, 2)
    );
    assert_eq!(
        (status.wait_hint, status.start_type),
        (Duration::from_secs(2), StartType::AutomaticDelayed)
    );
    assert_eq!(status.program.as_str(), r"C:\Program Files\o o\x.exe");
    let needs: Vec<ServiceName> = vec!["RpcSs".parse().unwrap(), "omonitor".parse().unwrap()];
    assert_eq!(status.dependencies, Some(needs));
    let expected = [
        format!("{SC} queryex orunbook"),
        r"C:\Windows\System32\reg.exe query HKLM\SYSTEM\CurrentControlSet\Services\orunbook /reg:64".to_owned(),
    ];
    assert_eq!(server.lines(), expected);
}

#[tokio::test]
async fn start_types_are_told_and_set() {
    for (start, more, expected) in [
        (2, "", StartType::Automatic),
        (
            3,
            "    DelayedAutostart    REG_DWORD    0x1\r\n",
            StartType::Manual,
        ),
        (4, "", StartType::Disabled),
    ] {
        let server = Server::start(move |line, _| match is_registry(line) {
            true => says(config(start, more)),
            false => says(extended(1, 0)),
        })
        .await;
        let (hosts, host) = server.hosts();
        let status = hosts.query(&host, &orunbook()).await.unwrap();
        assert_eq!((status.start_type, status.process_id), (expected, None));
    }
    let server = Server::start(|_, _| says("[SC] ChangeServiceConfig SUCCESS\r\n")).await;
    let (hosts, host) = server.hosts();
    for (start_type, word) in [
        (StartType::Automatic, "auto"),
        (StartType::AutomaticDelayed, "delayed-auto"),
        (StartType::Manual, "demand"),
        (StartType::Disabled, "disabled"),
    ] {
        hosts
            .set_start_type(&host, &orunbook(), start_type)
            .await
            .unwrap();
        assert_eq!(
            server.lines().pop().unwrap(),
            format!("{SC} config orunbook start= {word}")
        );
    }
}

#[tokio::test]
async fn refusals_are_told_by_the_number_of_windows_in_any_language() {
    for (code, said) in [
        (
            codes::SERVICE_DOES_NOT_EXIST,
            "[SC] EnumQueryServicesStatus:OpenService FAILED 1060:\r\n\r\nThe specified service\r\n",
        ),
        (
            codes::SERVICE_ALREADY_RUNNING,
            "[SC] StartService FEHLER 1056:\r\n\r\nEs wird bereits\r\n",
        ),
        (
            codes::DEPENDENT_SERVICES_RUNNING,
            "[SC] ControlService ECHEC(S) 1051:\r\n",
        ),
        (codes::ACCESS_DENIED, "[SC] OpenSCManager FAILED 5:\r\n"),
    ] {
        // The exit code is the same on Windows (community), and is not needed.
        let server = Server::start(move |_, _| ends(1, said)).await;
        let (hosts, host) = server.hosts();
        for error in [
            hosts.query(&host, &orunbook()).await.unwrap_err(),
            hosts.start(&host, &orunbook()).await.unwrap_err(),
            hosts.stop(&host, &orunbook()).await.unwrap_err(),
            hosts
                .set_start_type(&host, &orunbook(), StartType::Manual)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(error.code(), Some(code), "{error}");
        }
        let verbs: Vec<String> = ["queryex", "start", "stop"]
            .map(|verb| format!("{SC} {verb} orunbook"))
            .into();
        assert_eq!(server.lines()[..3], verbs);
    }
}

#[tokio::test]
async fn the_account_is_told_where_it_can_be_read() {
    for (name, expected) in [
        (r"CONTOSO\svc orch", Some(r"CONTOSO\svc orch")),
        ("LocalSystem", Some("LocalSystem")),
        ("CONTOSO\\B\u{fffd}ro", None),
        ("CONTOSO\\B?ro", None),
        ("", None),
    ] {
        let row = format!("    ObjectName    REG_SZ    {name}\r\n");
        let server = Server::start(move |_, _| says(config(2, &row))).await;
        let (hosts, host) = server.hosts();
        let account = hosts.account(&host, &orunbook()).await.unwrap();
        assert_eq!(account.as_deref(), expected);
        assert_eq!(server.lines().len(), 1);
    }
}

/// Wine's `sc.exe` says no more than that it did not do it.
#[tokio::test]
async fn where_no_number_is_told_the_state_and_the_registry_tell_why() {
    for (state, started, stopped) in [
        (4, codes::SERVICE_ALREADY_RUNNING, codes::GENERAL_FAILURE),
        (1, codes::GENERAL_FAILURE, codes::SERVICE_NOT_ACTIVE),
    ] {
        let server =
            Server::start(
                move |line, _| match line.starts_with(&format!("{SC} query ")) {
                    true => says(plain(state)),
                    false if is_registry(line) => says(config(3, "")),
                    false => ends(1, ""),
                },
            )
            .await;
        let (hosts, host) = server.hosts();
        let status = hosts.query(&host, &orunbook()).await.unwrap();
        assert_eq!(
            (status.process_id, status.start_type),
            (None, StartType::Manual)
        );
        assert_eq!(
            hosts.start(&host, &orunbook()).await.unwrap_err().code(),
            Some(started)
        );
        assert_eq!(
            hosts.stop(&host, &orunbook()).await.unwrap_err().code(),
            Some(stopped)
        );
        let set = hosts
            .set_start_type(&host, &orunbook(), StartType::Disabled)
            .await;
        assert_eq!(set.unwrap_err().code(), Some(codes::GENERAL_FAILURE));
    }
    let above = "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\other\r\n";
    let server = Server::start(move |line, _| match line.contains(r"Services /reg:64") {
        true => says(above),
        false => ends(1, ""),
    })
    .await;
    let (hosts, host) = server.hosts();
    for error in [
        hosts.query(&host, &orunbook()).await.unwrap_err(),
        hosts.start(&host, &orunbook()).await.unwrap_err(),
        hosts.stop(&host, &orunbook()).await.unwrap_err(),
        hosts
            .set_start_type(&host, &orunbook(), StartType::Manual)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.code(), Some(codes::SERVICE_DOES_NOT_EXIST), "{error}");
    }
}

#[tokio::test]
async fn what_can_not_be_read_is_an_error_and_no_guess() {
    for (status, registry) in [
        ("SERVICE_NAME: orunbook\r\n".to_owned(), config(2, "")),
        (extended(9, 1), config(2, "")),
        (extended(4, 1), config(9, "")),
        (
            extended(4, 1),
            config(2, "").replace("C:\\Program", "%WHERE%\\Program"),
        ),
    ] {
        let server = Server::start(move |line, _| match is_registry(line) {
            true => says(&*registry),
            false => says(&*status),
        })
        .await;
        let (hosts, host) = server.hosts();
        hosts.query(&host, &orunbook()).await.unwrap_err();
    }
}

#[tokio::test]
async fn hostile_names_reach_sc_as_they_are_or_not_at_all() {
    let server = Server::start(|_, _| Answer::Ends(0, String::new(), String::new())).await;
    let (hosts, host) = server.hosts();
    let error = hosts
        .start(&host, &"type=".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Unsupported);
    for name in ["a & b", "a | b > c", "$(x) `y`", "^x", "it's", "B\u{fc}ro"] {
        hosts.start(&host, &name.parse().unwrap()).await.unwrap();
        assert_eq!(
            server.lines().pop().unwrap(),
            format!("{SC} start \"{name}\"")
        );
    }
    // `%` goes by PowerShell, which this host has not.
    let error = hosts
        .start(&host, &"%PATH%".parse().unwrap())
        .await
        .unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Unsupported);
}
