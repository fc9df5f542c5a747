//! Programs of this machine, and of no other.

use scorch_recovery::names::HostPath;
use scorch_recovery::transport::{
    CommandTransport as _, HostCommand, HostError, TransportErrorKind,
};

use super::folder::{Folder, host_path};
use super::{hosts, this_host};

/// The argument that makes a process the program of the suites.
pub(crate) const PART: &str = "be-a-program";

fn command(program: HostPath, arguments: &[&str]) -> HostCommand {
    HostCommand {
        program,
        arguments: arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect(),
        standard_input: None,
    }
}

fn own_program() -> HostPath {
    host_path(&std::env::current_exe().unwrap())
}

fn unsupported<T: std::fmt::Debug>(answer: Result<T, HostError>) -> String {
    match answer.unwrap_err() {
        HostError::Lost(error) if error.kind() == TransportErrorKind::Unsupported => {
            error.detail().to_owned()
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn runs_here_only() {
    let (hosts, there) = (hosts(), "RB99".parse().unwrap());
    let run = hosts
        .run(&there, &command(own_program(), &[PART, "words"]))
        .await;
    assert!(unsupported(run).contains("OpenSSH"));
    let process = hosts.process(&there, std::process::id()).await;
    assert!(unsupported(process).contains("OpenSSH"));
}

pub(crate) async fn runs_no_shell() {
    let folder = Folder::new("batch");
    for name in ["a.cmd", "a.BAT"] {
        let trace = folder.path("trace.txt");
        std::fs::write(
            folder.path(name),
            format!("echo x>\"{}\"\r\n", trace.display()),
        )
        .unwrap();
        let run = hosts()
            .run(&this_host(), &command(folder.host_path(name), &["a & b"]))
            .await;
        assert!(unsupported(run).contains("batch"));
        assert!(!trace.exists());
    }
}

pub(crate) async fn runs_from_any_folder() {
    let folder = Folder::new("programs");
    let program = folder.path("100 % ^ & 'x'.exe");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let command = command(host_path(&program), &[PART, "arguments", "a \"b\" %PATH%"]);
    let output = hosts().run(&this_host(), &command).await.unwrap();
    assert_eq!(
        (output.exit_code, output.standard_output.trim_end()),
        (0, "612022622220255041544825")
    );
}

pub(crate) async fn knows_who_runs() {
    let own = hosts()
        .process(&this_host(), std::process::id())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        own.program.as_str().to_lowercase(),
        own_program().as_str().to_lowercase()
    );
    assert_eq!(
        hosts().process(&this_host(), 0x7fff_fffc).await.unwrap(),
        None
    );
}
