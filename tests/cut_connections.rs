//! The connection ends at any byte of a session, in either direction: there is an error, soon, that
//! says whether anything may have happened; never a panic, never a success that was none.
//!
//! Every 23rd byte is taken; with `SCORCH_CUT=all` every one.
#![cfg(all(feature = "simulator", feature = "tiberius"))]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::num::NonZeroU32;
use std::time::Duration;

use scorch_recovery::adapter::secrets::MapSecrets;
use scorch_recovery::adapter::tiberius::{Endpoint, Login, TiberiusTransport, Tls};
use scorch_recovery::names::SqlInstance;
use scorch_recovery::simulator::{Listener, SimulatedInstance, TlsMode};
use scorch_recovery::sql::ServiceMasterKey;
use scorch_recovery::{Context, Effect, ErrorKind, Operation, Secret, SecretRef};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SA: &str = "Cut-Passw0rd-1";

/// Which way the bytes that count go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    ToServer,
    ToClient,
}

struct Scene {
    server: SimulatedInstance,
    listener: Listener,
    folder: tempfile::TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let server = SimulatedInstance::builder("SQL01", folder.path().join("instance"))
        .machine_secret(folder.path().join("machine.secret"))
        .share("vault", folder.path().join("vault"))
        .sa_password(Secret::new(SA.to_owned()))
        .key_derivation_cost(NonZeroU32::MIN)
        .build()
        .unwrap();
    std::fs::create_dir_all(folder.path().join("vault/keys")).unwrap();
    let listener = Listener::bind(&server, 0, TlsMode::Full).await.unwrap();
    Scene {
        server,
        listener,
        folder,
    }
}

/// Copies until the budget is spent or an end is gone.
async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut budget: usize,
) {
    let mut buffer = [0; 4096];
    while budget > 0 {
        let most = buffer.len().min(budget);
        match from.read(&mut buffer[..most]).await {
            Ok(read @ 1..) if to.write_all(&buffer[..read]).await.is_ok() => budget -= read,
            _ => return,
        }
    }
}

impl Scene {
    /// Backs the key up through a relay that ends the connection after so many bytes.
    async fn back_up(
        &self,
        name: &str,
        direction: Direction,
        budget: usize,
    ) -> Result<(), scorch_recovery::Error> {
        let relay = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = relay.local_addr().unwrap().port();
        let server = self.listener.address();
        let passing = tokio::spawn(async move {
            let (client, _) = relay.accept().await.unwrap();
            let server = TcpStream::connect(server).await.unwrap();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            let budget_of = |of| if of == direction { budget } else { usize::MAX };
            // Whichever ends first ends both: the connection is gone.
            tokio::select! {
                () = copy(from_client, to_server, budget_of(Direction::ToServer)) => {}
                () = copy(from_server, to_client, budget_of(Direction::ToClient)) => {}
            }
        });
        let instance: SqlInstance = "SQL01".parse().unwrap();
        let ca = self.listener.ca_pem().unwrap().as_bytes().to_vec();
        let endpoint = Endpoint::new("127.0.0.1", port).tls(Tls::CaPem(ca));
        let login = Login::sql_server("sa", Secret::new(SA.to_owned()));
        let key = SecretRef::named("key");
        let cx = Context::builder()
            .sql(
                TiberiusTransport::builder()
                    .instance(instance.clone(), endpoint, login)
                    .build()
                    .unwrap(),
            )
            .secrets(
                MapSecrets::new().secret(key.clone(), Secret::new("Cut-Passw0rd-2".to_owned())),
            )
            .allow_unc_host("vault")
            .build()
            .unwrap();
        let operation = ServiceMasterKey::backup(&instance)
            .to_file(format!(r"\\vault\keys\{name}.key").parse().unwrap())
            .encrypted_by(key);
        let end = tokio::time::timeout(Duration::from_secs(5), operation.run(&cx)).await;
        let end = end.unwrap_or_else(|_| {
            panic!("{direction:?} cut after {budget} bytes: no end within 5 seconds")
        });
        drop(cx);
        passing.await.unwrap();
        end.map(drop)
    }
}

#[tokio::test]
async fn a_session_can_end_at_any_byte() {
    let scene = scene().await;
    let step = if std::env::var("SCORCH_CUT").is_ok_and(|value| value == "all") {
        1
    } else {
        23
    };
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (mut cut, mut written) = (0, 0);
        for budget in (0..).step_by(step) {
            let name = format!("{direction:?}{budget}");
            let end = scene.back_up(&name, direction, budget).await;
            let is_written = scene
                .folder
                .path()
                .join("vault/keys")
                .join(format!("{}.key", name.to_lowercase()))
                .exists();
            let Err(error) = end else {
                assert!(is_written, "{direction:?} {budget}: success without a file");
                break;
            };
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::PermissionDenied
                ),
                "{direction:?} cut after {budget} bytes: {error}"
            );
            if is_written {
                assert_ne!(
                    error.effect(),
                    Effect::None,
                    "{direction:?} cut after {budget} bytes: {error}"
                );
                written += 1;
            }
            cut += 1;
        }
        assert!(
            cut > 50 && written > 0,
            "{direction:?}: only {cut} cuts, {written} after the file was written"
        );
        println!(
            "cut: {cut} of {cut} places {direction:?}, {written} of them after the file was written"
        );
    }
    drop(scene.server);
}
