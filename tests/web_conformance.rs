//! `adapter::curl`, with the curl of this machine, is held to the suite that anybody's port to web servers must
//! pass; and the suite is held to ports that are broken in every way it looks for.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "support/this_machine.rs"]
mod this_machine;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use async_trait::async_trait;
use scorch_recovery::adapter::curl::CurlWeb;
use scorch_recovery::conformance::hosts::{HostFixture, WebTransportFixture, web_transport};
use scorch_recovery::names::{HostName, WebUrl};
use scorch_recovery::transport::{
    HostError, TransportErrorKind, WebAnswer, WebCapabilities, WebTransport,
};
use this_machine::{ThisMachine, has_curl};

/// A way of being broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    AsksTwice,
    BelievesWhatWasCut,
    FollowsRedirections,
    KeepsAllOfTheBody,
    KeepsOneHeaderOfAName,
    RefusesBodiesThatAreNoText,
    SendsAPassword,
    SendsToUnreachableHosts,
    TakesAStatusForAnError,
    TellsNoConnectionAsUnknown,
}

const WAYS: &[(Way, &str)] = &[
    (Way::AsksTwice, "web/asks-once"),
    (Way::BelievesWhatWasCut, "web/believes-no-cut-answer"),
    (Way::FollowsRedirections, "web/follows-no-redirection"),
    (Way::KeepsAllOfTheBody, "web/bounds-the-body"),
    (Way::KeepsOneHeaderOfAName, "web/tells-headers"),
    (Way::RefusesBodiesThatAreNoText, "web/bears-any-body"),
    (Way::SendsAPassword, "web/sends-no-password"),
    (Way::SendsToUnreachableHosts, "web/says-who-is-out-of-reach"),
    (Way::TakesAStatusForAnError, "web/tells-every-status"),
    (
        Way::TellsNoConnectionAsUnknown,
        "web/says-that-nobody-listens",
    ),
];

#[derive(Debug)]
struct Broken(Option<Way>);

#[derive(Debug)]
struct Fixture(Option<Way>);

const GONE: &str = "GONE01";

impl HostFixture for Fixture {
    fn host(&self) -> HostName {
        "THIS01".parse().unwrap()
    }

    fn unreachable_host(&self) -> Option<HostName> {
        Some(GONE.parse().unwrap())
    }
}

impl WebTransportFixture for Fixture {
    fn transport(&self) -> Box<dyn WebTransport> {
        Box::new(Broken(self.0))
    }
}

/// Sends a request of its own, and waits for what comes.
fn send(url: &WebUrl, header: &str) {
    let address = url.as_str()["http://".len()..].trim_end_matches('/');
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET / HTTP/1.0\r\n{header}\r\n\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
}

#[async_trait]
impl WebTransport for Broken {
    fn capabilities(&self) -> WebCapabilities {
        CurlWeb::new(ThisMachine).capabilities()
    }

    async fn get(&self, host: &HostName, url: &WebUrl) -> Result<WebAnswer, HostError> {
        let curl = CurlWeb::new(ThisMachine);
        let answer = || curl.get(host, url);
        if host.as_str() == GONE && self.0 != Some(Way::SendsToUnreachableHosts) {
            return Err(HostError::refused(1722, "The RPC server is unavailable."));
        }
        let unknown = |what: &str| HostError::lost(TransportErrorKind::Unknown, what);
        match self.0 {
            None | Some(Way::SendsToUnreachableHosts) => answer().await,
            Some(Way::AsksTwice) => {
                answer().await?;
                answer().await
            }
            Some(Way::BelievesWhatWasCut) => Ok(answer().await.unwrap_or(WebAnswer {
                status: 200,
                headers: Vec::new(),
                body: String::new(),
            })),
            Some(Way::FollowsRedirections) => {
                let answer = answer().await?;
                let to = answer.header("Location").next().map(str::to_owned);
                match to {
                    Some(to) => curl.get(host, &to.parse().unwrap()).await,
                    None => Ok(answer),
                }
            }
            Some(Way::KeepsAllOfTheBody) => {
                let mut answer = answer().await?;
                answer.body.push_str("and all the rest");
                Ok(answer)
            }
            Some(Way::KeepsOneHeaderOfAName) => {
                let mut answer = answer().await?;
                let mut known = BTreeSet::new();
                answer
                    .headers
                    .retain(|(name, _)| known.insert(name.to_lowercase()));
                Ok(answer)
            }
            Some(Way::RefusesBodiesThatAreNoText) => {
                let answer = answer().await?;
                match answer.body.contains('\u{fffd}') {
                    true => Err(unknown("it is not UTF-8")),
                    false => Ok(answer),
                }
            }
            Some(Way::SendsAPassword) => {
                let answer = answer().await?;
                if answer.status == 401 {
                    send(url, "Authorization: Basic eDp5");
                }
                Ok(answer)
            }
            Some(Way::TakesAStatusForAnError) => {
                let answer = answer().await?;
                match answer.status {
                    404 => Err(unknown("404")),
                    _ => Ok(answer),
                }
            }
            Some(Way::TellsNoConnectionAsUnknown) => {
                answer().await.map_err(|_| unknown("no answer"))
            }
        }
    }
}

#[tokio::test]
async fn the_adapter_conforms() {
    if !has_curl() {
        return;
    }
    let report = web_transport(Fixture(None)).run().await;
    println!("{report}");
    report.assert_passed();
    assert!(report.not_applicable().is_empty());
}

#[tokio::test]
async fn every_check_is_failed_by_a_way_of_being_broken() {
    if !has_curl() {
        return;
    }
    for (way, check) in WAYS {
        let report = web_transport(Fixture(Some(*way))).only(check).run().await;
        assert_eq!(report.failed(), [*check], "{way:?} was not found");
    }
    let mut checks = web_transport(Fixture(None)).names();
    checks.retain(|check| !WAYS.iter().any(|(_, failed)| failed == check));
    assert!(checks.is_empty(), "failed by no way: {checks:?}");
    println!(
        "broken: {} of {} checks failed by a way",
        WAYS.len(),
        WAYS.len()
    );
}
