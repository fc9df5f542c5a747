use std::any::Any;
use std::fmt;

use crate::names::{HostName, HostPath, ServiceName};
use crate::transport::{
    CommandTransport, FileTransport, RegistryTransport, RegistryView, ServiceTransport, StartType,
    WebTransport,
};

/// The host that a suite works on.
pub trait HostFixture: fmt::Debug + Send + Sync {
    /// A host that the port reaches.
    fn host(&self) -> HostName;

    /// A host that it knows or can look for, and that can't be reached. `None`, the default, where
    /// there is no such thing; what needs one is then not applicable.
    fn unreachable_host(&self) -> Option<HostName> {
        None
    }
}

/// How the suite gets the port to files that it tests, and what it may touch.
pub trait FileTransportFixture: HostFixture {
    /// A new port.
    fn transport(&self) -> Box<dyn FileTransport>;

    /// A folder of the host that is there and empty, for the suite alone.
    fn folder(&self) -> HostPath;

    /// Lets somebody else on the host hold a file open, so that it can be read and not replaced, until
    /// what is returned is dropped. `None`, the default: that can't be done here.
    fn hold_open(&self, _path: &HostPath) -> Option<Box<dyn Any + Send>> {
        None
    }

    /// Gives a file the attribute read-only or takes it away. `false`, the default: that can't be done here.
    fn set_read_only(&self, _path: &HostPath, _is_read_only: bool) -> bool {
        false
    }

    /// Gives a file permissions that no new file in the folder has. `false`, the default: that can't be done here.
    fn protect(&self, _path: &HostPath) -> bool {
        false
    }

    /// A file's permissions, in any words that are the same for the same permissions.
    fn permissions(&self, _path: &HostPath) -> Option<String> {
        None
    }

    /// Makes a link or junction at `link` that leads to the file `target`, until what is returned is
    /// dropped. `None`, the default: that can't be done here.
    fn link(&self, _link: &HostPath, _target: &HostPath) -> Option<Box<dyn Any + Send>> {
        None
    }
}

/// How the suite gets the port to service managers that it tests, and what it may touch.
pub trait ServiceTransportFixture: HostFixture {
    /// A new port.
    fn transport(&self) -> Box<dyn ServiceTransport>;

    /// A service for the suite alone: stopped, of start type manual, one that starts and stops when it is told to.
    fn service(&self) -> ServiceName;

    /// The account that [`service`](Self::service) runs as. `None`, the default: it is not told.
    fn account(&self) -> Option<String> {
        None
    }

    /// The start types that the host's service manager can tell apart. Default: all.
    fn start_types(&self) -> &[StartType] {
        &[
            StartType::Automatic,
            StartType::AutomaticDelayed,
            StartType::Disabled,
            StartType::Manual,
        ]
    }

    /// A service for the suite alone that [`service`](Self::service) must run for, where the
    /// service manager minds that: starting this one starts the other. `None`, the default: it does not.
    fn dependent(&self) -> Option<ServiceName> {
        None
    }
}

/// How the suite gets the port to programs that it tests, and what it may run.
pub trait CommandTransportFixture: HostFixture {
    /// A new port.
    fn transport(&self) -> Box<dyn CommandTransport>;

    /// The program `played_program` on the host (an example of this crate; it needs only the standard
    /// library), or another that does as it does.
    fn program(&self) -> HostPath;

    /// The id of a process that runs on the host, and its program. `None`, the default: none is known.
    fn running(&self) -> Option<(u32, HostPath)> {
        None
    }

    /// Whether the port can look at processes. Default: it can.
    fn sees_processes(&self) -> bool {
        true
    }
}

/// How the suite gets the port to registries that it tests, and what it may touch.
pub trait RegistryTransportFixture: HostFixture {
    /// A new port.
    fn transport(&self) -> Box<dyn RegistryTransport>;

    /// A key below `HKEY_LOCAL_MACHINE` for the suite alone, such as `SOFTWARE\Contoso\Suite`; it need not be there.
    fn key(&self) -> String;

    /// Makes a value that is a number, not a text. `false`, the default: that can't be done here.
    fn make_number(&self, _view: RegistryView, _key: &str, _value: &str) -> bool {
        false
    }
}

/// How the suite gets the port to web servers that it tests. The suite plays the servers, at `127.0.0.1` of
/// this machine.
pub trait WebTransportFixture: HostFixture {
    /// A new port.
    fn transport(&self) -> Box<dyn WebTransport>;
}
