//! `adapter::local` is held to the suites that anybody's ports to hosts must pass. On Windows it has no files.
#![cfg(all(unix, feature = "conformance", feature = "local"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::any::Any;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use scorch_recovery::adapter::local::LocalMachine;
use scorch_recovery::conformance::hosts::{
    CommandTransportFixture, FileTransportFixture, HostFixture, HostSuite, command_transport,
    file_transport,
};
use scorch_recovery::names::{HostName, HostPath};
use scorch_recovery::transport::{CommandTransport, FileTransport};

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
        &[
            "files/keeps-what-is-held-open",
            "files/renames-over-nothing-held-open",
        ],
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
