//! Programs: what is sent for them, and what becomes of a call when the connection is lost.

use scorch_recovery::Secret;
use scorch_recovery::adapter::ssh::SshHosts;
use scorch_recovery::names::HostName;
use scorch_recovery::transport::{
    CommandArgument, CommandOutput, CommandTransport, ExposingCommand, HostCommand, HostError,
    TransportErrorKind, codes,
};

use crate::server::{Answer, Server, ends, says};
use crate::{decoded, lost};

const PROGRAM: &str = r"C:\Program Files\R&D\x.exe";

async fn run(
    (hosts, host): &(SshHosts, HostName),
    arguments: &[&str],
    input: Option<&str>,
) -> Result<CommandOutput, HostError> {
    let command = HostCommand {
        program: PROGRAM.parse().unwrap(),
        arguments: arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect(),
        standard_input: input.map(|text| Secret::new(text.to_owned())),
    };
    hosts.run(host, &command).await
}

#[tokio::test]
async fn a_program_is_told_whole_with_its_input_apart() {
    let server =
        Server::start(|_, _| Answer::Ends(0xC000_0005, "out".into(), "err\u{fc}".into())).await;
    let hosts = server.hosts();
    let output = run(&hosts, &["a b", "$x", "`y", "^z"], Some("the secret\n"))
        .await
        .unwrap();
    let expected = CommandOutput {
        exit_code: 0xC000_0005,
        standard_output: "out".to_owned(),
        standard_error: "err\u{fc}".to_owned(),
    };
    assert_eq!(output, expected);
    let line = r#""C:\Program Files\R&D\x.exe" "a b" "$x" "`y" "^z""#;
    // It ended other than well, so it is asked whether it is there.
    let question = r#"if exist "C:\Program Files\R&D\x.exe" (echo there) else (echo absent)"#;
    let seen = server.seen();
    assert_eq!(seen[0], (line.to_owned(), "the secret\n".to_owned()));
    assert_eq!(seen[1].0, question);
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_by_its_number() {
    let answer = |line: &str, _: &[u8]| match line.starts_with("if exist") {
        true => says("absent\r\n"),
        false => ends(1, ""),
    };
    let server = Server::start(answer).await;
    let error = run(&server.hosts(), &[], None).await.unwrap_err();
    assert_eq!(error.code(), Some(codes::FILE_NOT_FOUND));
}

#[tokio::test]
async fn secrets_go_by_cmd_or_not_at_all() {
    let server = Server::start(|_, _| ends(0, "")).await;
    let (hosts, host) = server.hosts();
    let exposing = async |secret: &str| {
        let command = ExposingCommand {
            program: PROGRAM.parse().unwrap(),
            arguments: vec![
                CommandArgument::Plain("/Silent".to_owned()),
                CommandArgument::Exposing {
                    prefix: "/ServicePassword:".to_owned(),
                    secret: Secret::new(secret.to_owned()),
                },
            ],
        };
        assert!(!format!("{command:?}").contains(secret));
        hosts.run_exposing(&host, &command).await
    };
    assert_eq!(exposing("a b&c").await.unwrap().exit_code, 0);
    let line = r#""C:\Program Files\R&D\x.exe" /Silent "/ServicePassword:a b&c""#;
    assert_eq!(server.seen()[0].0, line);
    let sent = server.seen().len();
    // PowerShell would log it: it is not sent, and the error says nothing of it.
    let error = exposing("100 %x").await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Unsupported);
    assert!(!error.to_string().contains('%'), "{error}");
    assert_eq!(server.seen().len(), sent);
}

#[tokio::test]
async fn what_cmd_would_change_goes_encoded() {
    let server = Server::start(|_, _| ends(3, "scorch:started\r\nscorch:refused 2\r\nout")).await;
    let hosts = server.hosts();
    let hostile = [
        "100 %PATH%",
        "say \"hi\"",
        "it's \u{2019}$(x)`",
        "a\nb",
        r"trailing blank\ ",
        "",
    ];
    let output = run(&hosts, &hostile, None).await.unwrap();
    // What the program writes is its own, whatever it looks like.
    assert_eq!(
        (output.exit_code, &*output.standard_output),
        (3, "scorch:refused 2\r\nout")
    );
    assert_eq!(
        decoded(&server.lines()[0]),
        include_str!("run.ps1").replace("\r\n", "\n")
    );
    // Neither may standard input go that way, nor is anything sent then.
    let error = run(&hosts, &["%"], Some("secret")).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Unsupported);
    let sent = server
        .lines()
        .into_iter()
        .filter(|line| !line.starts_with("if exist"));
    assert_eq!(sent.count(), 1);
}

#[tokio::test]
async fn to_a_shell_that_is_not_cmd_all_goes_encoded() {
    let server = Server::start(|_, _| says("scorch:started\r\nout")).await;
    server.is_no_cmd();
    let hosts = server.hosts();
    let output = run(&hosts, &["plain"], None).await.unwrap();
    assert_eq!((output.exit_code, &*output.standard_output), (0, "out"));
    let error = run(&hosts, &["plain"], Some("secret")).await.unwrap_err();
    assert!(error.to_string().contains("DefaultShell"), "{error}");
    let scripts: Vec<String> = server.lines().iter().map(|line| decoded(line)).collect();
    assert_eq!(scripts.len(), 1);
    assert!(
        scripts[0].contains("$start.Arguments = 'plain'\n"),
        "{}",
        scripts[0]
    );
}

#[tokio::test]
async fn a_host_without_powershell_says_so_and_ran_nothing() {
    for answer in ["", "scorch:refused 2\r\n"] {
        let server = Server::start(move |_, _| {
            Answer::Ends(1, answer.into(), "'powershell.exe' is not".into())
        })
        .await;
        let error = run(&server.hosts(), &["%"], None).await.unwrap_err();
        match answer {
            "" => {
                assert_eq!(lost(&error), TransportErrorKind::Unsupported);
                assert!(
                    error.to_string().contains("'powershell.exe' is not"),
                    "{error}"
                );
            }
            _ => assert_eq!(error.code(), Some(codes::FILE_NOT_FOUND)),
        }
    }
}

#[tokio::test]
async fn a_process_is_asked_for_by_a_script_and_told_exactly() {
    let path = "QzpcUHJvZ3JhbSBGaWxlc1xvXMO8LmV4ZQ==";
    for (answer, expected) in [
        (
            format!("scorch:done 2024-05-06T07:08:09.1234567Z {path}\r\n"),
            Ok(true),
        ),
        ("scorch:done\r\n".to_owned(), Ok(false)),
        (
            "scorch:refused 5\r\n".to_owned(),
            Err(Some(codes::ACCESS_DENIED)),
        ),
        ("scorch:done nonsense\r\n".to_owned(), Err(None)),
        ("nonsense".to_owned(), Err(None)),
    ] {
        let server = Server::start(move |_, _| says(&*answer)).await;
        let (hosts, host) = server.hosts();
        let told = hosts.process(&host, 4711).await;
        assert_eq!(
            decoded(&server.lines()[0]),
            include_str!("process.ps1").replace("\r\n", "\n")
        );
        match (told, expected) {
            (Ok(Some(process)), Ok(true)) => {
                assert_eq!(process.program.as_str(), "C:\\Program Files\\o\\\u{fc}.exe");
                assert_eq!(process.started.nanosecond(), 123_456_700);
                assert_eq!(process.started.unix_timestamp(), 1_714_979_289);
            }
            (Ok(None), Ok(false)) => {}
            (Err(error), Err(code)) => assert_eq!(error.code(), code, "{error}"),
            (told, expected) => panic!("{told:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn one_connection_serves_all_calls_and_no_more_channels_than_servers_allow() {
    let server = Server::start(|_, _| says("done")).await;
    let hosts = server.hosts();
    server.let_through(false);
    let calls: Vec<_> = (0..30)
        .map(|number| {
            let hosts = hosts.clone();
            tokio::spawn(async move { run(&hosts, &[&number.to_string()], None).await })
        })
        .collect();
    tokio::task::yield_now().await;
    server.let_through(true);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().standard_output, "done");
    }
    assert_eq!((server.connections(), server.lines().len()), (1, 30));
    assert!(server.most_open() <= 8, "{}", server.most_open());
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_may_have_done_it_and_the_next_call_connects_anew() {
    let server = Server::start(|line, _| match line.ends_with("cut") {
        true => Answer::Cut,
        false => says("done"),
    })
    .await;
    let hosts = server.hosts();
    run(&hosts, &["first"], None).await.unwrap();
    let error = run(&hosts, &["cut"], None).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Interrupted);
    run(&hosts, &["next"], None).await.unwrap();
    assert_eq!(server.connections(), 2);
    let counted = server
        .lines()
        .iter()
        .filter(|line| line.ends_with("cut"))
        .count();
    assert_eq!(counted, 1, "it was sent again");
}

#[tokio::test]
async fn a_connection_lost_between_calls_costs_one_call_at_most_and_nothing_was_done() {
    let server = Server::start(|_, _| says("done")).await;
    let hosts = server.hosts();
    run(&hosts, &["first"], None).await.unwrap();
    server.end_connections();
    // Whether the end is heard of before the call is a matter of luck.
    if let Err(error) = run(&hosts, &["second"], None).await {
        assert!(
            matches!(&error, HostError::Lost(lost) if lost.kind().is_before_send()),
            "{error}"
        );
    }
    run(&hosts, &["third"], None).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_its_connection_and_the_next_has_its_own() {
    let server = Server::start(|line, _| match line.ends_with("silent") {
        true => Answer::Silent,
        false => says("done"),
    })
    .await;
    let hosts = server.hosts();
    tokio::select! {
        ended = run(&hosts, &["silent"], None) => panic!("it ended: {ended:?}"),
        () = server.arrived() => {}
    }
    run(&hosts, &["next"], None).await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn what_the_server_does_not_do_is_told_as_not_done() {
    for runs in [true, false] {
        let server = Server::start(|_, _| Answer::Killed).await;
        let expected = match runs {
            true => TransportErrorKind::Interrupted,
            false => TransportErrorKind::Unsupported,
        };
        if !runs {
            server.runs_no_commands();
        }
        let error = run(&server.hosts(), &[], None).await.unwrap_err();
        assert_eq!(lost(&error), expected);
    }
    let server = Server::start(|_, _| says("done")).await;
    let hosts = server.hosts();
    run(&hosts, &["first"], None).await.unwrap();
    server.take_channels(false);
    let error = run(&hosts, &["second"], None).await.unwrap_err();
    assert_eq!(lost(&error), TransportErrorKind::Connect);
    server.take_channels(true);
    run(&hosts, &["third"], None).await.unwrap();
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn input_that_nobody_reads_does_no_harm() {
    let server = Server::start(|_, _| says("done")).await;
    server.is_hasty();
    let much = "x".repeat(5 << 20);
    let output = run(&server.hosts(), &[], Some(&much)).await.unwrap();
    assert_eq!(output.standard_output, "done");
}
