//! The server that somebody else started, by a file that says where it is.

use std::any::Any;
use std::collections::BTreeMap;

use scorch_recovery::adapter::ssh::{FileReplacement, SshEndpoint, SshHosts, SshLogin};
use scorch_recovery::conformance::hosts::{
    CommandTransportFixture, FileTransportFixture, HostFixture, RegistryTransportFixture,
    ServiceTransportFixture,
};
use scorch_recovery::names::{HostName, HostPath, ServiceName};
use scorch_recovery::transport::{
    CommandTransport, FileTransport, HostCommand, RegistryTransport, RegistryView, ServiceTransport,
};

/// A service that Wine has, which can be started and stopped.
pub(crate) const SERVICE: &str = "Spooler";
/// A second one: tests run beside one another.
const SUITE_SERVICE: &str = "wuauserv";
/// Nothing is ever there.
pub(crate) const KEY: &str = r"SOFTWARE\Scorch\nothing";
const SUITE_KEY: &str = r"SOFTWARE\Scorch\o'x & (100)";

#[derive(Clone, Debug)]
pub(crate) struct Server(BTreeMap<String, String>);

impl Server {
    /// `None`: there is none, which was said.
    pub(crate) fn find() -> Option<Self> {
        let Ok(path) = std::env::var("SCORCH_SSHD") else {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "SCORCH_SSHD names no server; run .ci/show/hosts-2");
            println!(
                "SKIPPED: SCORCH_SSHD names no server; .ci/show/hosts-2 starts one and runs this"
            );
            return None;
        };
        let text = std::fs::read_to_string(path).unwrap();
        let pairs = text.lines().map(|line| line.split_once('=').unwrap());
        Some(Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        ))
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        &self.0[name]
    }

    pub(crate) fn host() -> HostName {
        "MS01".parse().unwrap()
    }

    pub(crate) fn program(&self) -> HostPath {
        self.text("program").parse().unwrap()
    }

    pub(crate) fn login(&self, key: &str) -> SshLogin {
        SshLogin::key_file(self.text("user"), self.text(key))
    }

    pub(crate) fn endpoint(&self, login: SshLogin) -> SshEndpoint {
        SshEndpoint::new("127.0.0.1", login)
            .port(self.text("port").parse().unwrap())
            .known_hosts(self.text("known"))
            .files_replaced_by(FileReplacement::SftpOnly)
            .files_below(self.text("files"))
            // The machine may be busy with much else.
            .connect_deadline(std::time::Duration::from_secs(60))
    }

    pub(crate) fn reach(endpoint: SshEndpoint) -> SshHosts {
        let nowhere = endpoint.clone().port(1);
        SshHosts::builder()
            .host(Self::host(), endpoint)
            .host("RB02".parse().unwrap(), nowhere)
            .build()
    }

    pub(crate) fn commands(&self) -> SshHosts {
        Self::reach(self.endpoint(self.login("command_key")))
    }

    fn files(&self) -> SshHosts {
        Self::reach(self.endpoint(self.login("files_key")))
    }

    /// Where a file of the host is on this machine.
    #[cfg(unix)]
    fn here(&self, path: &HostPath) -> std::path::PathBuf {
        let inside = path.as_str().replace('\\', "/");
        std::path::Path::new(self.text("files")).join(inside)
    }
}

impl HostFixture for Server {
    fn host(&self) -> HostName {
        Self::host()
    }

    fn unreachable_host(&self) -> Option<HostName> {
        Some("RB02".parse().unwrap())
    }
}

impl CommandTransportFixture for Server {
    fn transport(&self) -> Box<dyn CommandTransport> {
        Box::new(self.commands())
    }

    fn program(&self) -> HostPath {
        Self::program(self)
    }

    fn sees_processes(&self) -> bool {
        false
    }
}

impl FileTransportFixture for Server {
    fn transport(&self) -> Box<dyn FileTransport> {
        Box::new(self.files())
    }

    fn folder(&self) -> HostPath {
        r"C:\suite".parse().unwrap()
    }

    #[cfg(unix)]
    fn set_read_only(&self, path: &HostPath, is_read_only: bool) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = if is_read_only { 0o444 } else { 0o644 };
        std::fs::set_permissions(self.here(path), std::fs::Permissions::from_mode(mode)).unwrap();
        true
    }

    #[cfg(unix)]
    fn protect(&self, path: &HostPath) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.here(path), std::fs::Permissions::from_mode(0o2750)).unwrap();
        true
    }

    #[cfg(unix)]
    fn permissions(&self, path: &HostPath) -> Option<String> {
        use std::os::unix::fs::MetadataExt as _;
        let found = std::fs::metadata(self.here(path)).unwrap();
        Some(format!(
            "{:o} {} {}",
            found.mode(),
            found.uid(),
            found.gid()
        ))
    }

    #[cfg(unix)]
    fn link(&self, link: &HostPath, target: &HostPath) -> Option<Box<dyn Any + Send>> {
        struct Link(std::path::PathBuf);
        impl Drop for Link {
            fn drop(&mut self) {
                drop(std::fs::remove_file(&self.0));
            }
        }
        let link = self.here(link);
        std::os::unix::fs::symlink(self.here(target), &link).unwrap();
        Some(Box::new(Link(link)))
    }
}

impl ServiceTransportFixture for Server {
    fn transport(&self) -> Box<dyn ServiceTransport> {
        Box::new(self.commands())
    }

    fn service(&self) -> ServiceName {
        SUITE_SERVICE.parse().unwrap()
    }

    fn account(&self) -> Option<String> {
        Some("LocalSystem".to_owned())
    }
}

impl RegistryTransportFixture for Server {
    fn transport(&self) -> Box<dyn RegistryTransport> {
        Box::new(self.commands())
    }

    fn key(&self) -> String {
        SUITE_KEY.to_owned()
    }

    fn make_number(&self, view: RegistryView, key: &str, value: &str) -> bool {
        let view = match view {
            RegistryView::Bits32 => "/reg:32",
            RegistryView::Bits64 => "/reg:64",
        };
        let key = format!(r"HKLM\{key}");
        let words = [
            "add",
            &key,
            "/v",
            value,
            "/t",
            "REG_DWORD",
            "/d",
            "5",
            "/f",
            view,
        ];
        let command = HostCommand {
            program: r"C:\Windows\System32\reg.exe".parse().unwrap(),
            arguments: words.map(str::to_owned).to_vec(),
            standard_input: None,
        };
        let hosts = self.commands();
        // The caller is in a runtime of its own.
        let made = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(hosts.run(&Self::host(), &command))
        });
        made.join().unwrap().unwrap().exit_code == 0
    }
}
