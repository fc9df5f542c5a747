//! `adapter::local` is held to the suites that anybody's ports to hosts must pass. On Windows it has no files.
#![cfg(all(unix, feature = "conformance", feature = "local"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::any::Any;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use scorch_recovery::Secret;
use scorch_recovery::adapter::local::LocalMachine;
use scorch_recovery::conformance::hosts::{
    CommandTransportFixture, FileTransportFixture, HostFixture, HostSuite, command_transport,
    file_transport,
};
use scorch_recovery::names::{HostName, HostPath};
use scorch_recovery::transport::{
    CommandArgument, CommandTransport, ExposingCommand, FileTransport, codes,
};

#[derive(Debug)]
struct Here(tempfile::TempDir);

impl Here {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, leaf: &str) -> HostPath {
        self.0.path().join(leaf).to_str().unwrap().parse().unwrap()
    }
}

impl HostFixture for Here {
    fn host(&self) -> HostName {
        "MS01".parse().unwrap()
    }

    fn unreachable_host(&self) -> Option<HostName> {
        Some("RB02".parse().unwrap())
    }
}

impl FileTransportFixture for Here {
    fn transport(&self) -> Box<dyn FileTransport> {
        Box::new(LocalMachine::called(self.host()))
    }

    fn folder(&self) -> HostPath {
        self.0.path().to_str().unwrap().parse().unwrap()
    }

    fn set_read_only(&self, path: &HostPath, is_read_only: bool) -> bool {
        let mode = if is_read_only { 0o444 } else { 0o644 };
        fs::set_permissions(path.as_str(), Permissions::from_mode(mode)).unwrap();
        true
    }

    fn protect(&self, path: &HostPath) -> bool {
        fs::set_permissions(path.as_str(), Permissions::from_mode(0o2750)).unwrap();
        true
    }

    fn permissions(&self, path: &HostPath) -> Option<String> {
        let found = fs::metadata(path.as_str()).unwrap();
        Some(format!(
            "{:o} {} {}",
            found.mode(),
            found.uid(),
            found.gid()
        ))
    }

    fn link(&self, link: &HostPath, target: &HostPath) -> Option<Box<dyn Any + Send>> {
        struct Link(String);
        impl Drop for Link {
            fn drop(&mut self) {
                drop(fs::remove_file(&self.0));
            }
        }
        std::os::unix::fs::symlink(target.as_str(), link.as_str()).unwrap();
        Some(Box::new(Link(link.as_str().to_owned())))
    }
}

impl CommandTransportFixture for Here {
    fn transport(&self) -> Box<dyn CommandTransport> {
        Box::new(LocalMachine::called(self.host()))
    }

    fn program(&self) -> HostPath {
        self.path("played program")
    }

    fn running(&self) -> Option<(u32, HostPath)> {
        let own = std::env::current_exe().unwrap();
        Some((std::process::id(), own.to_str().unwrap().parse().unwrap()))
    }

    fn sees_processes(&self) -> bool {
        cfg!(target_os = "linux")
    }
}

async fn passes(name: &str, suite: HostSuite, left_out: &[&str]) {
    let report = suite.run().await;
    println!("{report}");
    report.assert_passed();
    assert_eq!(report.not_applicable(), left_out);
    println!("local conformance {name}: {} passed", report.passed().len());
}

#[tokio::test]
async fn its_files_conform() {
    passes(
        "files",
        file_transport(Here::new()),
        &["files/keeps-what-is-held-open"],
    )
    .await;
}

#[tokio::test]
async fn its_programs_conform() {
    let here = Here::new();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/played_program.rs");
    let built = std::process::Command::new(rustc)
        .args(["--edition", "2024", "-o", here.program().as_str(), source])
        .status();
    assert!(built.unwrap().success());
    passes("programs", command_transport(here), &[]).await;
}

#[tokio::test]
async fn a_file_is_renamed_over_another_with_its_permissions() {
    let here = Here::new();
    let machine = LocalMachine::called(here.host());
    let (from, to) = (here.path("a"), here.path("b"));
    fs::write(from.as_str(), "new").unwrap();
    let mode = Permissions::from_mode(0o640);
    fs::set_permissions(from.as_str(), mode).unwrap();
    for there_is_one in [false, true] {
        if there_is_one {
            fs::write(from.as_str(), "new").unwrap();
            let mode = Permissions::from_mode(0o640);
            fs::set_permissions(from.as_str(), mode).unwrap();
            fs::write(to.as_str(), "old").unwrap();
        }
        machine.rename(&here.host(), &from, &to).await.unwrap();
        assert_eq!(fs::read(to.as_str()).unwrap(), b"new");
        let mode = fs::metadata(to.as_str()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let error = machine.rename(&here.host(), &from, &to).await.unwrap_err();
        assert_eq!(error.code(), Some(codes::FILE_NOT_FOUND));
    }
    // One that is read-only stays.
    fs::write(from.as_str(), "newer").unwrap();
    let mode = Permissions::from_mode(0o440);
    fs::set_permissions(to.as_str(), mode).unwrap();
    let error = machine.rename(&here.host(), &from, &to).await.unwrap_err();
    assert_eq!(error.code(), Some(codes::ACCESS_DENIED));
    assert_eq!(fs::read(to.as_str()).unwrap(), b"new");
}

#[tokio::test]
async fn a_program_gets_the_secrets_of_its_command_line() {
    let here = Here::new();
    let machine = LocalMachine::called(here.host());
    let plain = |text: &str| CommandArgument::Plain(text.to_owned());
    let command = ExposingCommand {
        program: "/bin/sh".parse().unwrap(),
        arguments: vec![
            plain("-c"),
            plain(r#"printf '%s' "$1""#),
            plain("sh"),
            CommandArgument::Exposing {
                prefix: "/ServicePassword:".to_owned(),
                secret: Secret::new("a b'\"$x".to_owned()),
            },
        ],
    };
    let output = machine.run_exposing(&here.host(), &command).await.unwrap();
    assert_eq!(output.standard_output, "/ServicePassword:a b'\"$x");
}
