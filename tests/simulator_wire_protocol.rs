//! The simulator's wire, byte by byte: what drivers hide, each case by hand.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::num::NonZeroU32;

use scorch_recovery::Secret;
use scorch_recovery::simulator::{InstanceBuilder, Listener, ListenerBuilder, SimulatedInstance};
use tempfile::TempDir;

#[path = "simulator_wire/attention.rs"]
mod attention;
#[path = "simulator_wire/calls.rs"]
mod calls;
#[path = "simulator_wire/negotiation.rs"]
mod negotiation;
#[path = "simulator_wire/raw_client.rs"]
mod raw_client;
#[path = "simulator_wire/sign_in.rs"]
mod sign_in;
#[path = "simulator_wire/tokens.rs"]
mod tokens;
#[path = "simulator_wire/transactions.rs"]
mod transactions;
#[path = "simulator_wire/types.rs"]
mod types;

use raw_client::{HEADERS, RawClient};

const PASSWORD: &str = "Correct-Horse-1!";

struct Server {
    instance: SimulatedInstance,
    listener: Listener,
    _folder: TempDir,
}

impl Server {
    async fn plain() -> Self {
        Self::start(|instance| instance, |listener| listener).await
    }

    async fn start(
        instance: impl FnOnce(InstanceBuilder) -> InstanceBuilder,
        listener: impl FnOnce(ListenerBuilder) -> ListenerBuilder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = SimulatedInstance::builder(r"SQL01\ORCH", folder.path().join("instance"))
            .machine_secret(folder.path().join("machine.secret"))
            .sa_password(Secret::new(PASSWORD.to_owned()))
            .key_derivation_cost(NonZeroU32::MIN);
        let instance = instance(builder).build().unwrap();
        let builder = listener(Listener::builder(&instance));
        Self {
            listener: builder.bind().await.unwrap(),
            instance,
            _folder: folder,
        }
    }

    fn ca_pem(&self) -> &str {
        self.listener.ca_pem().unwrap()
    }

    async fn client(&self) -> RawClient {
        RawClient::sign_in(self.listener.address(), PASSWORD).await
    }
}
