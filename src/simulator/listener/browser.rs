//! SQL Browser: tells clients at which port an instance listens.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::simulator::engine::machine_of;
use crate::simulator::instance::Instance;

/// Requests, as MC-SQLR documents them.
const BROADCAST: u8 = 0x02;
const ALL_INSTANCES: u8 = 0x03;
const ONE_INSTANCE: u8 = 0x04;
const ADMINISTRATOR: u8 = 0x0F;
const ADMINISTRATOR_VERSION: u8 = 0x01;
const ANSWER: u8 = 0x05;

/// The longest name of an instance, as MC-SQLR has it.
const LONGEST_NAME: usize = 32;
/// The longest answer about one instance.
const LONGEST_ENTRY: usize = 1024;
/// The name of an instance that has none.
const DEFAULT_INSTANCE: &str = "MSSQLSERVER";

/// Answers clients that look for an instance by its name (UDP), on `127.0.0.1` only.
///
/// Clones are the same one. It ends with the last of them.
#[derive(Clone, Debug)]
pub struct SqlBrowser {
    address: SocketAddr,
    known: Arc<Known>,
    _closing: Arc<DropGuard>,
}

/// What it knows, by the number it was told under.
#[derive(Debug, Default)]
struct Known(Mutex<BTreeMap<u64, Target>>);

/// An instance and the port it listens at.
#[derive(Clone, Debug)]
pub(super) struct Target {
    machine: String,
    instance: String,
    version: String,
    port: u16,
}

/// Makes a SQL Browser forget a listener when that is dropped.
#[derive(Debug)]
pub(super) struct Announced {
    number: u64,
    known: Weak<Known>,
}

impl SqlBrowser {
    /// Answers at `port` (1434 is where clients ask unless told otherwise), or at a free port where
    /// it is 0. It knows no instance yet: see
    /// [`ListenerBuilder::known_to`](super::ListenerBuilder::known_to).
    ///
    /// # Errors
    /// Fails if the port is taken.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = socket.local_addr()?;
        let known = Arc::new(Known::default());
        let closing = CancellationToken::new();
        let answer = answer_all(socket, Arc::clone(&known));
        tokio::spawn(closing.clone().run_until_cancelled_owned(answer));
        Ok(Self {
            address,
            known,
            _closing: Arc::new(closing.drop_guard()),
        })
    }

    /// Where it answers.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn announce(&self, target: Target) -> Announced {
        let mut targets = self.known.lock();
        let number = targets.last_key_value().map_or(0, |(last, _)| last + 1);
        targets.insert(number, target);
        Announced {
            number,
            known: Arc::downgrade(&self.known),
        }
    }
}

impl Known {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Target>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a request; `None` where a real one stays silent: for instances it does not
    /// know, and for what is no request.
    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let targets = self.lock();
        let named = |name: &[u8]| {
            let name = name.split(|byte| *byte == 0).next()?;
            let name = std::str::from_utf8(name)
                .ok()
                .filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME)?;
            targets
                .values()
                .find(|target| target.instance.eq_ignore_ascii_case(name))
        };
        match request {
            [BROADCAST] | [ALL_INSTANCES] => {
                let entries: String = targets.values().map(Target::entry).collect();
                (!entries.is_empty()).then(|| framed(entries.as_bytes()))?
            }
            [ONE_INSTANCE, name @ ..] => {
                let entry = named(name)?.entry();
                framed(entry.get(..LONGEST_ENTRY).unwrap_or(&entry).as_bytes())
            }
            // There is no listener of its own for administrators: the usual one takes them.
            [ADMINISTRATOR, ADMINISTRATOR_VERSION, name @ ..] => {
                let [low, high] = named(name)?.port.to_le_bytes();
                Some(vec![ANSWER, 6, 0, ADMINISTRATOR_VERSION, low, high])
            }
            _ => None,
        }
    }
}

/// An answer of text: its length, and what there is room for.
fn framed(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.get(..usize::from(u16::MAX)).unwrap_or(text);
    let length = u16::try_from(text.len()).ok()?;
    Some([&[ANSWER], &length.to_le_bytes()[..], text].concat())
}

impl Target {
    pub(super) fn new(instance: &Instance, port: u16) -> Self {
        let (major, minor, build, revision) = instance.version.product();
        let name = instance.name.split_once('\\').map(|(_, name)| name);
        Self {
            machine: machine_of(&instance.name).to_owned(),
            instance: name.unwrap_or(DEFAULT_INSTANCE).to_owned(),
            version: format!("{major}.{minor}.{build}.{revision}"),
            port,
        }
    }

    fn entry(&self) -> String {
        let Self {
            machine,
            instance,
            version,
            port,
        } = self;
        format!(
            "ServerName;{machine};InstanceName;{instance};IsClustered;No;Version;{version};\
             tcp;{port};;"
        )
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        if let Some(known) = self.known.upgrade() {
            known.lock().remove(&self.number);
        }
    }
}

async fn answer_all(socket: UdpSocket, known: Arc<Known>) {
    // What is longer than the longest request is none, and is cut here.
    let mut request = [0; LONGEST_NAME + 3];
    loop {
        let answered = match socket.recv_from(&mut request).await {
            Ok((length, client)) => match known.answer(&request[..length]) {
                Some(answer) => socket.send_to(&answer, client).await.map(|_| ()),
                None => Ok(()),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = answered {
            // Of a client that is gone again (ICMP tells so); the next one is answered.
            tracing::debug!(%error, "a request for an instance could not be answered");
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(names: &[&str]) -> Known {
        let targets = names.iter().zip(0_u16..).map(|(name, at)| Target {
            machine: "SQL01".to_owned(),
            instance: (*name).to_owned(),
            version: "16.0.1000.6".to_owned(),
            port: 0x3412 + at,
        });
        Known(Mutex::new((0..).zip(targets).collect()))
    }

    const ENTRY: &str =
        "ServerName;SQL01;InstanceName;ORCH;IsClustered;No;Version;16.0.1000.6;tcp;13330;;";

    #[test]
    fn one_instance_is_found_by_its_name() {
        let answer = known(&["ORCH"]).answer(b"\x04orch\0").unwrap();
        let length = u8::try_from(ENTRY.len()).unwrap();
        assert_eq!(answer, [&[5, length, 0], ENTRY.as_bytes()].concat());
    }

    #[test]
    fn all_instances_are_told_in_a_row() {
        for request in [[2], [3]] {
            let answer = known(&["ORCH", "OTHER"]).answer(&request).unwrap();
            let text = std::str::from_utf8(&answer[3..]).unwrap();
            assert!(
                text.starts_with(ENTRY) && text.ends_with("tcp;13331;;"),
                "{text}"
            );
        }
        assert_eq!(known(&[]).answer(&[3]), None);
    }

    #[test]
    fn administrators_are_told_a_port() {
        let answer = known(&["ORCH"]).answer(b"\x0f\x01ORCH\0").unwrap();
        assert_eq!(answer, [5, 6, 0, 1, 0x12, 0x34]);
    }

    #[test]
    fn what_is_no_request_or_nobody_s_name_is_not_answered() {
        let known = known(&["ORCH"]);
        for request in [
            &b""[..],
            b"\x00",
            b"\x05",
            b"\x02\x00",
            b"\x03\x00",
            b"\x04",
            b"\x04\0",
            b"\x04OTHER\0",
            b"\x04\xff\xfe\0",
            b"\x0f",
            b"\x0f\x02ORCH\0",
            b"\x0f\x01OTHER\0",
        ] {
            assert_eq!(known.answer(request), None, "{request:?}");
        }
        let long = [&[4], &[b'A'; 33][..]].concat();
        assert_eq!(known.answer(&long), None);
    }

    #[tokio::test]
    async fn it_answers_on_loopback_and_forgets() {
        let browser = SqlBrowser::bind(0).await.unwrap();
        assert!(browser.address().ip().is_loopback());
        let target = known(&["ORCH"]).lock()[&0].clone();
        let announced = browser.announce(target);
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        client.connect(browser.address()).await.unwrap();
        // Junk before it does no harm.
        client.send(&[0xFF; 2000]).await.unwrap();
        client.send(b"\x04ORCH\0").await.unwrap();
        let mut answer = [0; 200];
        let length = client.recv(&mut answer).await.unwrap();
        assert_eq!(length, 3 + ENTRY.len());
        drop(announced);
        assert_eq!(browser.known.answer(b"\x04ORCH\0"), None);
    }
}
