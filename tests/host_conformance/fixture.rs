//! Simulated hosts as a fixture of the suites.

use std::any::Any;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use scorch_recovery::conformance::hosts::{
    CommandTransportFixture, FileTransportFixture, HostFixture, RegistryTransportFixture,
    ServiceTransportFixture,
};
use scorch_recovery::names::{HostName, HostPath, ServiceName};
use scorch_recovery::simulator::hosts::{SimulatedHost, SimulatedHosts, SimulatedService};
use scorch_recovery::transport::{
    CommandOutput, CommandTransport, FileTransport, RegistryTransport, ServiceTransport, StartType,
};

use crate::broken::Broken;
use crate::played_program::play;
use crate::ways::Way;

const FOLDER: &str = r"C:\Program Files\o'x & 100 %";
const ACCOUNT: &str = r"CONTOSO\svc-suite";
const PROGRAM: &str = r"C:\Tools\played program.exe";

/// A simulated host with a folder, two services and a program, and the way in which its ports are broken.
#[derive(Debug)]
pub(crate) struct Simulated {
    folder: tempfile::TempDir,
    hosts: SimulatedHosts,
    host: SimulatedHost,
    way: Option<Way>,
}

fn path(text: &str) -> HostPath {
    text.parse().unwrap()
}

fn service(name: &str) -> SimulatedService {
    let name: ServiceName = name.parse().unwrap();
    SimulatedService::new(name, path(r"C:\Tools\service.exe")).start_type(StartType::Manual)
}

impl Simulated {
    pub(crate) fn new(way: Option<Way>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hosts = SimulatedHosts::builder(folder.path()).build();
        let host = hosts.add(&"MS01".parse().unwrap()).unwrap();
        let off = hosts.add(&"RB02".parse().unwrap()).unwrap();
        off.set_reachable(false);
        host.create_folder(&path(FOLDER)).unwrap();
        host.install(service("suite").account(ACCOUNT));
        host.install(service("suite-top").needs("suite".parse().unwrap()));
        host.install_program(&path(PROGRAM), |_, arguments, input| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let input = input.map_or("", |secret| secret.expose());
            let (mut output, mut error) = (Vec::new(), Vec::new());
            let code = play(&arguments, &mut input.as_bytes(), &mut output, &mut error).unwrap();
            CommandOutput {
                exit_code: u32::from(code),
                standard_output: String::from_utf8_lossy(&output).into_owned(),
                standard_error: String::from_utf8_lossy(&error).into_owned(),
            }
        });
        // A process that runs.
        host.give_process_id_again(4242, path(r"C:\Tools\runs.exe"));
        Self {
            folder,
            hosts,
            host,
            way,
        }
    }

    fn port(&self) -> Broken {
        Broken::new(self.hosts.clone(), self.way)
    }
}

impl HostFixture for Simulated {
    fn host(&self) -> HostName {
        self.host.name().clone()
    }

    fn unreachable_host(&self) -> Option<HostName> {
        Some("RB02".parse().unwrap())
    }
}

impl FileTransportFixture for Simulated {
    fn transport(&self) -> Box<dyn FileTransport> {
        Box::new(self.port())
    }

    fn folder(&self) -> HostPath {
        path(FOLDER)
    }

    fn hold_open(&self, path: &HostPath) -> Option<Box<dyn Any + Send>> {
        Some(Box::new(self.host.hold_file(path).unwrap()))
    }

    fn set_read_only(&self, path: &HostPath, is_read_only: bool) -> bool {
        self.host.set_read_only(path, is_read_only).is_ok()
    }

    fn protect(&self, path: &HostPath) -> bool {
        self.host.set_acl(path, "Administrators:F").is_ok()
    }

    fn permissions(&self, path: &HostPath) -> Option<String> {
        Some(format!("{:?}", self.host.acl(path).ok()?))
    }

    #[cfg(unix)]
    fn link(&self, link: &HostPath, target: &HostPath) -> Option<Box<dyn Any + Send>> {
        let target = find(self.folder.path(), target.file_name())?;
        let link = Link(target.with_file_name(link.file_name()));
        std::os::unix::fs::symlink(&target, &link.0).unwrap();
        Some(Box::new(link))
    }
}

/// A link on the disk, until it is dropped.
struct Link(PathBuf);

impl Drop for Link {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Where the disk of the simulated host keeps a file of that name.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return find(&path, name);
        }
        let own = path.file_name()?.to_str()?.to_lowercase();
        (own == name.to_lowercase()).then_some(path)
    })
}

impl ServiceTransportFixture for Simulated {
    fn transport(&self) -> Box<dyn ServiceTransport> {
        Box::new(self.port())
    }

    fn service(&self) -> ServiceName {
        "suite".parse().unwrap()
    }

    fn account(&self) -> Option<String> {
        Some(ACCOUNT.to_owned())
    }

    fn dependent(&self) -> Option<ServiceName> {
        Some("suite-top".parse().unwrap())
    }
}

impl CommandTransportFixture for Simulated {
    fn transport(&self) -> Box<dyn CommandTransport> {
        Box::new(self.port())
    }

    fn program(&self) -> HostPath {
        path(PROGRAM)
    }

    fn running(&self) -> Option<(u32, HostPath)> {
        Some((4242, path(r"C:\Tools\runs.exe")))
    }
}

impl RegistryTransportFixture for Simulated {
    fn transport(&self) -> Box<dyn RegistryTransport> {
        Box::new(self.port())
    }

    fn key(&self) -> String {
        r"SOFTWARE\Contoso\o'x & 100 %".to_owned()
    }
}
