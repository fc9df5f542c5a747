//! SQL Server Browser: at which port does a named instance listen? (MS-SQLR; documented.)
//!
//! It is UDP and nobody signs the answer, so it is read strictly: what is not exactly the answer to
//! our question is none.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use crate::transport::{TransportError, TransportErrorKind};

/// One datagram can get lost; the next is sent after this long.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The longest name of an instance that the protocol has room for.
const LONGEST_NAME: usize = 32;

/// The longest answer about one instance, with its head of three bytes.
const LONGEST_ANSWER: usize = 3 + 1024;

/// What SQL Server Browser is asked.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) instance: String,
    pub(super) port: u16,
    pub(super) deadline: Duration,
}

impl Question {
    pub(super) const fn about(instance: String) -> Self {
        Self {
            instance,
            port: 1434,
            deadline: Duration::from_secs(5),
        }
    }

    /// The TCP port of the instance on this host.
    pub(super) async fn ask(&self, host: &str) -> Result<u16, TransportError> {
        let request = self.request().map_err(|problem| {
            TransportError::new(TransportErrorKind::Connect, problem.to_owned())
        })?;
        let problem = match timeout_at(
            Instant::now() + self.deadline,
            self.ask_each(host, &request),
        )
        .await
        {
            Ok(Ok(port)) => return Ok(port),
            Ok(Err(problem)) => problem,
            Err(_) => format!(
                "it gave no answer in {} seconds",
                self.deadline.as_secs_f64()
            ),
        };
        Err(TransportError::new(
            TransportErrorKind::Connect,
            format!(
                "SQL Server Browser of {host} (UDP {}) did not tell the port of the instance {}: {problem}; start it and let it through the firewall, or give the port",
                self.port, self.instance
            ),
        ))
    }

    async fn ask_each(&self, host: &str, request: &[u8]) -> Result<u16, String> {
        let addresses = tokio::net::lookup_host((host, self.port))
            .await
            .map_err(|error| error.to_string())?;
        let mut problem = "the host has no address".to_owned();
        for address in addresses {
            match self.ask_one(address, request).await {
                Ok(port) => return Ok(port),
                Err(trouble) => problem = trouble,
            }
        }
        Err(problem)
    }

    async fn ask_one(&self, address: SocketAddr, request: &[u8]) -> Result<u16, String> {
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await.map_err(|e| e.to_string())?;
        // Connected: datagrams of others do not arrive.
        socket.connect(address).await.map_err(|e| e.to_string())?;
        let mut answer = [0; LONGEST_ANSWER + 1];
        loop {
            socket.send(request).await.map_err(|e| e.to_string())?;
            let next = Instant::now() + ASK_AGAIN;
            match timeout_at(next, socket.recv(&mut answer)).await {
                Ok(Ok(length)) => return self.read(&answer[..length]),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => {}
            }
        }
    }

    /// `CLNT_UCAST_INST`.
    fn request(&self) -> Result<Vec<u8>, &'static str> {
        let name = self.instance.as_bytes();
        let is_plain = name.iter().all(u8::is_ascii_graphic);
        if name.is_empty() || name.len() > LONGEST_NAME || !is_plain || name.contains(&b';') {
            return Err(
                "SQL Server Browser can't be asked for an instance of that name; give the port",
            );
        }
        Ok([&[4], name, &[0]].concat())
    }

    /// `SVR_RESP`: names and values in turn, each ended by `;`, and one more `;`.
    fn read(&self, answer: &[u8]) -> Result<u16, String> {
        let broken = || "its answer breaks the protocol".to_owned();
        let [5, low, high, data @ ..] = answer else {
            return Err(broken());
        };
        if data.len() != usize::from(u16::from_le_bytes([*low, *high])) {
            return Err(broken());
        }
        let text = std::str::from_utf8(data).map_err(|_| broken())?;
        let fields: Vec<&str> = text
            .strip_suffix(";;")
            .ok_or_else(broken)?
            .split(';')
            .collect();
        let (pairs, []) = fields.as_chunks::<2>() else {
            return Err(broken());
        };
        let value = |name: &str| {
            let mut found = pairs
                .iter()
                .filter(|[key, _]| key.eq_ignore_ascii_case(name));
            match (found.next(), found.next()) {
                (Some([_, value]), None) => Ok(Some(*value)),
                (None, None) => Ok(None),
                _ => Err(broken()),
            }
        };
        let instance = value("InstanceName")?.ok_or_else(broken)?;
        if !instance.eq_ignore_ascii_case(&self.instance) {
            return Err("it answered about another instance".to_owned());
        }
        let port = value("tcp")?.ok_or("the instance does not listen on TCP")?;
        match port.parse() {
            // `parse` takes a sign too.
            Ok(number @ 1..) if port.bytes().all(|digit| digit.is_ascii_digit()) => Ok(number),
            _ => Err(broken()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        Question::about("ORCH".to_owned())
    }

    fn answer(data: &str) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_le_bytes();
        [&[5], &length[..], data.as_bytes()].concat()
    }

    #[test]
    fn reads_what_a_browser_says() {
        // documented: MS-SQLR, SVR_RESP to CLNT_UCAST_INST
        let said = "ServerName;SQL01;InstanceName;Orch;IsClustered;No;Version;16.0.1000.6;tcp;57137;np;\\\\SQL01\\pipe\\MSSQL$ORCH\\sql\\query;;";
        assert_eq!(question().read(&answer(said)), Ok(57_137));
        assert_eq!(question().request(), Ok(b"\x04ORCH\0".to_vec()));
    }

    #[test]
    fn what_is_not_the_answer_is_none() {
        let whole = answer("InstanceName;ORCH;tcp;1433;;");
        for length in 0..whole.len() {
            assert!(question().read(&whole[..length]).is_err(), "{length}");
        }
        let mut longer = whole.clone();
        longer.push(b';');
        assert!(question().read(&longer).is_err());
        for data in [
            "InstanceName;OTHER;tcp;1433;;",
            "InstanceName;ORCH;tcp;0;;",
            "InstanceName;ORCH;tcp;65536;;",
            "InstanceName;ORCH;tcp;+1433;;",
            "InstanceName;ORCH;tcp;1433;tcp;1434;;",
            "InstanceName;ORCH;tcp;;",
            "InstanceName;ORCH;;",
            "tcp;1433;;",
            "tcp;1433;InstanceName;ORCH;",
            ";;",
        ] {
            assert!(question().read(&answer(data)).is_err(), "{data}");
        }
    }

    #[test]
    fn names_that_can_not_be_asked_for() {
        let long = "x".repeat(33);
        for name in ["", "a;b", "a b", "\u{e4}", "a\0", &long] {
            assert!(
                Question::about(name.to_owned()).request().is_err(),
                "{name:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_lying_a_garbling_and_a_silent_browser_are_told_apart() {
        for (said, part) in [
            (Some(answer("InstanceName;ORCH;tcp;1433;;")), None),
            (
                Some(answer("InstanceName;EVIL;tcp;1433;;")),
                Some("another instance"),
            ),
            (Some(vec![0xff; 1028]), Some("breaks the protocol")),
            (None, Some("no answer in 0.05 seconds")),
        ] {
            let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let mut asked = question();
            asked.port = server.local_addr().unwrap().port();
            asked.deadline = match said {
                Some(_) => Duration::from_secs(30),
                None => Duration::from_millis(50),
            };
            let serve = async {
                let mut request = [0; 64];
                let (length, client) = server.recv_from(&mut request).await.unwrap();
                assert_eq!(&request[..length], b"\x04ORCH\0");
                if let Some(said) = &said {
                    server.send_to(said, client).await.unwrap();
                }
            };
            let (result, ()) = tokio::join!(asked.ask("127.0.0.1"), serve);
            match part {
                None => assert_eq!(result.unwrap(), 1433),
                Some(part) => {
                    let error = result.unwrap_err();
                    assert_eq!(error.kind(), TransportErrorKind::Connect);
                    assert!(error.detail().contains(part), "{error}");
                    assert!(error.detail().contains("ORCH"), "{error}");
                }
            }
        }
    }
}
