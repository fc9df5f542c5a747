//! The tests that anybody's ports to Windows hosts must pass: [`ServiceTransport`], [`FileTransport`],
//! [`CommandTransport`], [`RegistryTransport`] and [`WebTransport`].
//!
//! Operations believe that a file is replaced at once or not at all, that an argument reaches a
//! program as it is, that a refusal bears Windows' number, that the two registries are two. A port is
//! held to that here.
//!
//! # How to use it
//! Tell the suite how your port is made and what it may touch (a fixture), run it, look at the
//! [`Report`](super::Report). Each check makes a port of its own in a runtime of its own. The suite
//! touches what the fixture names: one folder, one service, one key of the registry; it leaves the
//! folder as empty and the service as stopped as it found them, where the port lets it. What a fixture can't
//! set up (a file held open, say) is reported as not applicable, and so is what a port need not do and says
//! that it does not: to rename files, to put secrets on command lines, to tell accounts.
//!
//! Programs that are run are one: the example `played_program` of this crate, which uses nothing but
//! the standard library and does what its first argument says.
//!
//! [`ServiceTransport`]: crate::transport::ServiceTransport
//! [`FileTransport`]: crate::transport::FileTransport
//! [`CommandTransport`]: crate::transport::CommandTransport
//! [`RegistryTransport`]: crate::transport::RegistryTransport
//! [`WebTransport`]: crate::transport::WebTransport

mod commands;
mod expectation;
mod files;
mod fixture;
mod registry;
mod services;
mod suite;
mod web;
mod web_server;

pub use fixture::{
    CommandTransportFixture, FileTransportFixture, HostFixture, RegistryTransportFixture,
    ServiceTransportFixture, WebTransportFixture,
};
pub use suite::{
    HostSuite, command_transport, file_transport, registry_transport, service_transport,
    web_transport,
};
