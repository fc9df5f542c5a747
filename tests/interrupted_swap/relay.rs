//! Passes messages between client and server, and interrupts at one.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::processes::{Client, Server};

/// Where in a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing of it has reached the server.
    Before,
    /// Half of it has.
    InRequest,
    /// All of it has, and nobody waits for what the server does with it.
    InExecution,
    /// Half of the answer has reached the client.
    InReply,
    /// All of it has.
    After,
}

/// Who is killed, or that the connection between both is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Client,
    Connection,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interruption {
    /// From 1.
    pub(crate) statement: usize,
    pub(crate) phase: Phase,
    pub(crate) victim: Victim,
}

impl Interruption {
    pub(crate) fn all(statements: usize) -> Vec<Self> {
        use Phase::{After, Before, InExecution, InReply, InRequest};
        let mut all = Vec::new();
        for statement in 1..=statements {
            for phase in [Before, InRequest, InExecution, InReply, After] {
                for victim in [Victim::Client, Victim::Connection, Victim::Server] {
                    all.push(Self {
                        statement,
                        phase,
                        victim,
                    });
                }
            }
        }
        all
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            statement,
            phase,
            victim,
        } = self;
        write!(f, "{victim:?} {phase:?} statement {statement}")
    }
}

pub(crate) struct Relay {
    listener: TcpListener,
    server: u16,
}

/// Loopback answers at once; this is for a machine under load.
const SOON: Duration = Duration::from_secs(60);

impl Relay {
    pub(crate) async fn open(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self { listener, server }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("a port").port()
    }

    /// Passes one connection on until it ends or is interrupted. How many statements were sent that
    /// alter a database.
    pub(crate) async fn pass(
        self,
        interruption: Option<Interruption>,
        server: &mut Server,
        client: &mut Client,
    ) -> usize {
        let passing = self.exchange(interruption);
        let (statements, sockets) = tokio::time::timeout(SOON, passing)
            .await
            .expect("an end of the swap");
        // Who is to die dies before the connection does.
        match interruption.map(|interruption| interruption.victim) {
            Some(Victim::Client) => client.kill(),
            Some(Victim::Server) => server.kill(),
            _ => {}
        }
        drop(sockets);
        statements
    }

    async fn exchange(self, interruption: Option<Interruption>) -> (usize, [TcpStream; 2]) {
        let (mut client, _) = self.listener.accept().await.expect("a client");
        let mut server = TcpStream::connect(("127.0.0.1", self.server))
            .await
            .expect("a server");
        let statements = pass_on(&mut client, &mut server, interruption).await;
        (statements, [client, server])
    }
}

/// Passes whole messages on, up to the interruption.
async fn pass_on(
    client: &mut TcpStream,
    server: &mut TcpStream,
    interruption: Option<Interruption>,
) -> usize {
    let mut statements = 0;
    while let Some(request) = message(client).await {
        statements += usize::from(alters(&request));
        let phase = interruption
            .filter(|at| alters(&request) && at.statement == statements)
            .map(|at| at.phase);
        let send = match phase {
            Some(Phase::Before) => return statements,
            Some(Phase::InRequest) => &request[..request.len() / 2],
            _ => &request[..],
        };
        if server.write_all(send).await.is_err()
            || matches!(phase, Some(Phase::InRequest | Phase::InExecution))
        {
            return statements;
        }
        let Some(reply) = message(server).await else {
            return statements;
        };
        let send = if phase == Some(Phase::InReply) {
            &reply[..reply.len() / 2]
        } else {
            &reply[..]
        };
        if client.write_all(send).await.is_err() || phase.is_some() {
            return statements;
        }
    }
    statements
}

/// A whole message: packets up to the one that says it is the last. `None`: there is none any more.
async fn message(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let mut header = [0; 8];
        from.read_exact(&mut header).await.ok()?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let mut body = vec![0; length.checked_sub(header.len())?];
        from.read_exact(&mut body).await.ok()?;
        whole.extend(header);
        whole.extend(body);
        if header[1] & 1 == 1 {
            return Some(whole);
        }
    }
}

/// Whether a request is a batch that alters a database.
fn alters(request: &[u8]) -> bool {
    let wanted: Vec<u8> = "ALTER DATABASE"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    request[0] == 1 && request.windows(wanted.len()).any(|part| part == wanted)
}
