//! The suites that anybody's ports to hosts must pass.

use std::any::Any;
use std::fs::File;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;

use scorch_recovery::adapter::windows::WindowsHosts;
use scorch_recovery::conformance::hosts::{
    CommandTransportFixture, FileTransportFixture, HostFixture, RegistryTransportFixture,
    ServiceTransportFixture, command_transport, file_transport, registry_transport,
    service_transport,
};
use scorch_recovery::names::{HostName, HostPath, ServiceName};
use scorch_recovery::transport::{
    CommandArgument, CommandOutput, CommandTransport, ExposingCommand, FileTransport, HostCommand,
    HostError, ProcessStatus, RegistryTransport, RegistryView, ServiceTransport, StartType,
};
use windows_sys::Win32::Storage::FileSystem::FILE_SHARE_READ;
use winreg::RegKey;
use winreg::enums::{HKEY_LOCAL_MACHINE, KEY_WOW64_32KEY, KEY_WOW64_64KEY, KEY_WRITE};

use super::commands::PART;
use super::folder::{Folder, host_path};
use super::service::{Installed, Manner};
use super::{hosts, permissions, this_host};

/// What the suites told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) passed: usize,
    pub(crate) failed: Vec<String>,
    pub(crate) not_applicable: Vec<String>,
}

/// Runs the checks whose names contain `part`.
pub(crate) fn run(part: &str) -> Told {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let service = Installed::new("scorch-suite", Manner::Plain);
    // Wine takes a folder of its own for the share of a machine, where .ci/show/hosts-1 makes one.
    let elsewhere = std::env::var("SCORCH_SHARES_OF")
        .ok()
        .map(|name| name.parse().unwrap());
    let mut suites = vec![
        ("", file_transport(Fixture::new(this_host(), None))),
        ("", service_transport(Fixture::new(this_host(), None))),
        (
            "",
            command_transport(Fixture::new(this_host(), Some("RB99".parse().unwrap()))),
        ),
        (
            "",
            registry_transport(Fixture::new(this_host(), Some("RB99".parse().unwrap()))),
        ),
    ];
    if let Some(host) = elsewhere {
        // Wine takes this machine's service manager for any other's.
        let named = Fixture::new(HostName::clone(&host), None);
        suites.push((" by a name", service_transport(named)));
        suites.push((" by a share", file_transport(Fixture::new(host, None))));
    }
    let mut told = Told::default();
    for (how, suite) in suites {
        let suite = suite.only(part);
        if suite.names().is_empty() {
            continue;
        }
        let report = runtime.block_on(suite.run());
        if !report.failed().is_empty() {
            eprintln!("{report}");
        }
        let named = |names: Vec<&str>| -> Vec<String> {
            names.iter().map(|name| format!("{name}{how}")).collect()
        };
        told.passed += report.passed().len();
        told.failed.extend(named(report.failed()));
        told.not_applicable.extend(named(report.not_applicable()));
    }
    drop(service);
    told
}

/// This machine, or one whose shares it stands for.
#[derive(Debug)]
struct Fixture {
    host: HostName,
    unreachable: Option<HostName>,
    folder: HostPath,
    _folder: Kept,
}

/// Away when the suite is done.
struct Kept(#[allow(dead_code, reason = "it is dropped")] Folder);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

impl Fixture {
    fn new(host: HostName, unreachable: Option<HostName>) -> Self {
        let folder = Folder::new(host.as_str());
        let inner = folder.path("suite");
        std::fs::create_dir_all(&inner).unwrap();
        Self {
            host,
            unreachable,
            folder: host_path(&inner),
            _folder: Kept(folder),
        }
    }
}

impl HostFixture for Fixture {
    fn host(&self) -> HostName {
        self.host.clone()
    }

    fn unreachable_host(&self) -> Option<HostName> {
        self.unreachable.clone()
    }
}

fn local(path: &HostPath) -> &Path {
    Path::new(path.as_str())
}

impl FileTransportFixture for Fixture {
    fn transport(&self) -> Box<dyn FileTransport> {
        Box::new(hosts())
    }

    fn folder(&self) -> HostPath {
        self.folder.clone()
    }

    fn hold_open(&self, path: &HostPath) -> Option<Box<dyn Any + Send>> {
        let held = File::options()
            .read(true)
            .share_mode(FILE_SHARE_READ)
            .open(local(path));
        Some(Box::new(held.ok()?))
    }

    fn set_read_only(&self, path: &HostPath, is_read_only: bool) -> bool {
        let Ok(metadata) = std::fs::metadata(local(path)) else {
            return false;
        };
        let mut permissions = metadata.permissions();
        permissions.set_readonly(is_read_only);
        std::fs::set_permissions(local(path), permissions).is_ok()
    }

    fn protect(&self, path: &HostPath) -> bool {
        permissions::protect(local(path))
    }

    fn permissions(&self, path: &HostPath) -> Option<String> {
        permissions::permissions(local(path))
    }

    fn link(&self, link: &HostPath, target: &HostPath) -> Option<Box<dyn Any + Send>> {
        std::os::windows::fs::symlink_file(local(target), local(link)).ok()?;
        Some(Box::new(()))
    }
}

impl ServiceTransportFixture for Fixture {
    fn transport(&self) -> Box<dyn ServiceTransport> {
        Box::new(hosts())
    }

    fn service(&self) -> ServiceName {
        "scorch-suite".parse().unwrap()
    }

    fn account(&self) -> Option<String> {
        Some("LocalSystem".to_owned())
    }

    fn start_types(&self) -> &[StartType] {
        // Wine knows no delayed start.
        &[StartType::Automatic, StartType::Disabled, StartType::Manual]
    }
}

/// This program in the part of the suite's.
#[derive(Debug)]
struct Playing(WindowsHosts);

#[async_trait::async_trait]
impl CommandTransport for Playing {
    async fn run(
        &self,
        host: &HostName,
        command: &HostCommand,
    ) -> Result<CommandOutput, HostError> {
        let mut arguments = vec![PART.to_owned()];
        arguments.extend(command.arguments.iter().cloned());
        let command = HostCommand {
            program: command.program.clone(),
            arguments,
            standard_input: command.standard_input.clone(),
        };
        self.0.run(host, &command).await
    }

    async fn run_exposing(
        &self,
        host: &HostName,
        command: &ExposingCommand,
    ) -> Result<CommandOutput, HostError> {
        let mut arguments = vec![CommandArgument::Plain(PART.to_owned())];
        arguments.extend(command.arguments.iter().cloned());
        let command = ExposingCommand {
            program: command.program.clone(),
            arguments,
        };
        self.0.run_exposing(host, &command).await
    }

    async fn process(
        &self,
        host: &HostName,
        process_id: u32,
    ) -> Result<Option<ProcessStatus>, HostError> {
        self.0.process(host, process_id).await
    }
}

impl CommandTransportFixture for Fixture {
    fn transport(&self) -> Box<dyn CommandTransport> {
        Box::new(Playing(hosts()))
    }

    fn program(&self) -> HostPath {
        host_path(&std::env::current_exe().unwrap())
    }

    fn running(&self) -> Option<(u32, HostPath)> {
        Some((
            std::process::id(),
            host_path(&std::env::current_exe().unwrap()),
        ))
    }
}

impl RegistryTransportFixture for Fixture {
    fn transport(&self) -> Box<dyn RegistryTransport> {
        Box::new(hosts())
    }

    fn key(&self) -> String {
        r"SOFTWARE\Scorch tests\o'x & 100 % ^ Büro".to_owned()
    }

    fn make_number(&self, view: RegistryView, key: &str, value: &str) -> bool {
        let flag = match view {
            RegistryView::Bits32 => KEY_WOW64_32KEY,
            RegistryView::Bits64 => KEY_WOW64_64KEY,
        };
        let machine = RegKey::predef(HKEY_LOCAL_MACHINE);
        let key = machine.create_subkey_with_flags(key, KEY_WRITE | flag);
        key.and_then(|(key, _)| key.set_value(value, &5_u32))
            .is_ok()
    }
}
