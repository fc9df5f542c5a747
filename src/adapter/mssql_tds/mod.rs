//! [`SqlTransport`] over Microsoft's driver mssql-tds: TLS by the platform (OpenSSL, Schannel,
//! Secure Transport), TDS 7.4 or 8.0.
//!
//! It tells what tiberius can't: every informational message, once its statement has ended, and
//! every error. Within one statement its messages come before its errors; between statements the
//! order is the server's. The driver keeps the first 1000 errors of a statement. A batch is ended by
//! attention, and the session goes on.
//!
//! Beside the driver's own ways:
//! * With a CA of the caller's ([`Tls::CaFile`], [`Tls::CaPem`]), which the driver has no setting
//!   for, the certificate is looked at on a connection of its own first and verified; the driver
//!   then takes exactly that certificate. SQL Server may log that a client left before signing in.
//! * The driver follows any redirection. Its word about it ends that connection; where
//!   [`Endpoint::may_route_to`] allows the name, a new one is made there.
//! * The driver takes a packet of any kind for one of an answer. Its log tells of which kind each
//!   is, and another than an answer's ends the connection: not in a program that was built without
//!   log events of level DEBUG.
//! * The driver's log holds SQL text and the server's words. It never reaches a subscriber.
//!
//! # Integrated authentication
//! [`Login::integrated`]: SSPI on Windows, elsewhere Kerberos by the GSSAPI library of the system,
//! which is loaded when it is needed. Never run by us: no domain was at hand.
//!
//! # Secrets
//! The driver keeps the password in plain memory as long as a session lives, and does not wipe it;
//! the text of a batch stays in freed buffers of it too. What a [`Secret`](crate::Secret) promises
//! ends there.

mod bounds;
mod certificate;
mod ear;
mod pins;
mod session;
mod value;
mod worker;

use std::collections::BTreeMap;

use async_trait::async_trait;
use mssql_tds::connection::client_context::{
    ClientContext, TdsAuthenticationMethod, VectorVersion,
};
use mssql_tds::connection::tds_client::TdsClient;
use mssql_tds::connection_provider::tds_connection_provider::TdsConnectionProvider;
use mssql_tds::core::{EncryptionOptions, EncryptionSetting};
use mssql_tds::error::Error as DriverError;

pub use super::{Endpoint, Login, Tls};

use self::bounds::Bounds;
use self::ear::DriverEar;
use self::pins::{Pin, Pins};
use self::session::MssqlTdsSession;
use super::contained::contained_in;
use super::endpoint::Door;
use super::login;
use crate::error::{Error, Result};
use crate::names::{DatabaseName, SqlInstance};
use crate::transport::{
    CancelSupport, ErrorSupport, MessageSupport, SqlCapabilities, SqlSession, SqlTransport,
    TransportError, TransportErrorKind, Wire,
};

/// Reaches SQL Server through mssql-tds.
#[derive(Debug)]
pub struct MssqlTdsTransport {
    instances: BTreeMap<SqlInstance, Target>,
}

/// An instance, and which certificates were verified for it.
#[derive(Debug)]
struct Target {
    endpoint: Endpoint,
    login: Login,
    pins: Pins,
}

/// Builds a [`MssqlTdsTransport`].
#[derive(Debug, Default)]
#[must_use]
pub struct MssqlTdsTransportBuilder {
    instances: BTreeMap<SqlInstance, (Endpoint, Login)>,
}

impl MssqlTdsTransportBuilder {
    /// Maps an instance's name to where it is and how to sign in.
    pub fn instance(mut self, name: SqlInstance, endpoint: Endpoint, login: Login) -> Self {
        self.instances.insert(name, (endpoint, login));
        self
    }

    /// Makes the transport.
    ///
    /// # Errors
    /// `InvalidInput` when no instance was named, or when an endpoint asks for TDS 8.0 without TLS
    /// or with any certificate (the driver verifies it there, whatever is asked). Nothing is
    /// connected yet.
    pub fn build(self) -> Result<MssqlTdsTransport> {
        if self.instances.is_empty() {
            return Err(Error::invalid(
                "instance",
                "no instance was named; call MssqlTdsTransportBuilder::instance",
            ));
        }
        for (name, (endpoint, _)) in &self.instances {
            endpoint.check(name)?;
            if endpoint.is_strict && matches!(endpoint.tls, Tls::DangerTrustAnyCertificate) {
                return Err(Error::invalid(
                    "instance",
                    format!(
                        "the endpoint of {name} trusts any certificate, which this driver does not do in TDS 8.0"
                    ),
                ));
            }
        }
        let target = |(endpoint, login)| Target {
            endpoint,
            login,
            pins: Pins::default(),
        };
        Ok(MssqlTdsTransport {
            instances: self
                .instances
                .into_iter()
                .map(|(name, mapped)| (name, target(mapped)))
                .collect(),
        })
    }
}

#[async_trait]
impl SqlTransport for MssqlTdsTransport {
    fn capabilities(&self) -> SqlCapabilities {
        SqlCapabilities {
            messages: MessageSupport::AfterCompletion,
            errors: ErrorSupport::All,
            cancel: CancelSupport::Attention,
        }
    }

    async fn connect(
        &self,
        instance: &SqlInstance,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let Some(target) = self.instances.get(instance) else {
            return Err(TransportError::new(
                TransportErrorKind::Connect,
                format!(
                    "no endpoint was given for {instance}; call MssqlTdsTransportBuilder::instance"
                ),
            ));
        };
        target.endpoint.within(target.open(database)).await
    }
}

/// What was behind a door.
enum Entry {
    Session(MssqlTdsSession),
    SentOn {
        host: String,
        port: u16,
    },
    /// The server has another certificate now than when it was looked at.
    StaleCertificate,
}

impl MssqlTdsTransport {
    /// Starts building a transport.
    pub fn builder() -> MssqlTdsTransportBuilder {
        MssqlTdsTransportBuilder::default()
    }
}

impl Target {
    /// Connects, and follows the server's word to another place once.
    async fn open(
        &self,
        database: Option<&DatabaseName>,
    ) -> Result<Box<dyn SqlSession>, TransportError> {
        let door = self.endpoint.door().await?;
        let (host, port) = match self.enter(&door, database).await? {
            Entry::Session(session) => return Ok(Box::new(session)),
            Entry::SentOn { host, port } => (host, port),
            Entry::StaleCertificate => return Err(certificate_changes()),
        };
        let next = self.endpoint.routed(&host, port)?;
        match self.enter(&next, database).await? {
            Entry::Session(session) => Ok(Box::new(session)),
            Entry::SentOn { .. } => Err(next.sent_on_again()),
            Entry::StaleCertificate => Err(certificate_changes()),
        }
    }

    async fn enter(
        &self,
        door: &Door,
        database: Option<&DatabaseName>,
    ) -> Result<Entry, TransportError> {
        let Self {
            endpoint,
            login,
            pins,
        } = self;
        let Some(ca_pem) = endpoint.tls.ca_pem()? else {
            return sign_in(endpoint, door, None, login, database).await;
        };
        let (pin, is_fresh) = pins.of(door, endpoint.is_strict, &ca_pem).await?;
        let entry = sign_in(endpoint, door, Some(&pin), login, database).await?;
        if is_fresh || !matches!(entry, Entry::StaleCertificate) {
            return Ok(entry);
        }
        // Renewed since: looked at once more.
        pins.forget(door);
        let (pin, _) = pins.of(door, endpoint.is_strict, &ca_pem).await?;
        sign_in(endpoint, door, Some(&pin), login, database).await
    }
}

fn certificate_changes() -> TransportError {
    TransportError::new(
        TransportErrorKind::Connect,
        "TLS: the server showed one certificate and then another",
    )
}

async fn sign_in(
    endpoint: &Endpoint,
    door: &Door,
    pin: Option<&Pin>,
    login: &Login,
    database: Option<&DatabaseName>,
) -> Result<Entry, TransportError> {
    let failed = |problem: &str| TransportError::new(TransportErrorKind::Connect, problem);
    let is_verified = endpoint.tls.wire() == Wire::Verified;
    if !is_verified && !DriverEar::can_hear_of_places() {
        return Err(TransportError::new(
            TransportErrorKind::Unsupported,
            "this program was built without log events of level INFO (a `max_level` feature of tracing), by which a redirection is noticed; so a certificate must be verified",
        ));
    }
    let source = data_source(door)?;
    let context = context(endpoint, door, pin, login, database, &source);
    let ear = DriverEar::default();
    let provider = TdsConnectionProvider::new();
    let connecting = contained_in(
        ear.listening(),
        provider.create_client(context, &source, None),
    );
    let mut bounds = Bounds::of_sign_in(ear.clone());
    let connecting = bounds.keep(Box::pin(connecting));
    let client: Result<Result<TdsClient, DriverError>, String> = tokio::select! {
        biased;
        (host, port) = ear.sent_on() => return Ok(Entry::SentOn { host, port }),
        client = connecting => client.map_err(|error| failed(error.detail()))?,
    };
    match client {
        Ok(Ok(client)) => {
            let wire = match (client.is_encrypted(), endpoint.tls.wire()) {
                (false, Wire::Verified | Wire::Encrypted) => {
                    return Err(failed("the server does not encrypt the connection"));
                }
                (false, _) => Wire::Plain,
                // Encrypted because the server wants it; nobody looked at the certificate.
                (true, Wire::Plain) => Wire::Encrypted,
                (true, wire) => wire,
            };
            Ok(Entry::Session(MssqlTdsSession::begin(
                client,
                wire,
                endpoint.idle_deadline,
            )))
        }
        Ok(Err(DriverError::CertificateMismatch)) => Ok(Entry::StaleCertificate),
        Ok(Err(error)) => Err(session::login_error(&error, login)),
        Err(panic) => Err(failed(&format!("the driver gave up: {panic}"))),
    }
}

/// The address as the driver reads it.
fn data_source(door: &Door) -> Result<String, TransportError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:%".contains(c);
    if door.host.is_empty() || !door.host.chars().all(is_plain) {
        return Err(TransportError::new(
            TransportErrorKind::Connect,
            "the host's name has characters that no host's name has",
        ));
    }
    Ok(format!("tcp:{},{}", door.host, door.port))
}

fn context(
    endpoint: &Endpoint,
    door: &Door,
    pin: Option<&Pin>,
    login: &Login,
    database: Option<&DatabaseName>,
    source: &str,
) -> ClientContext {
    let mut context = ClientContext::with_data_source(source);
    context.application_name = "scorch-recovery".to_owned();
    if let Some(database) = database {
        database.as_str().clone_into(&mut context.database);
    }
    match &login.0 {
        login::Kind::SqlServer { user, password } => {
            context.user_name.clone_from(user);
            password.expose().clone_into(&mut context.password);
        }
        login::Kind::Integrated => {
            context.tds_authentication_method = TdsAuthenticationMethod::SSPI;
        }
    }
    let is_any_trusted = matches!(
        endpoint.tls,
        Tls::DangerPlaintext | Tls::DangerTrustAnyCertificate
    );
    let mut encryption = EncryptionOptions::new();
    encryption.mode = match &endpoint.tls {
        _ if endpoint.is_strict => EncryptionSetting::Strict,
        Tls::DangerPlaintext => EncryptionSetting::PreferOff,
        _ => EncryptionSetting::Required,
    };
    encryption.trust_server_certificate = is_any_trusted;
    encryption.server_certificate = pin.map(|pin| pin.path().to_owned());
    if pin.is_none() && !is_any_trusted {
        encryption.host_name_in_cert = Some(door.certificate_name.clone());
    }
    context.encryption_options = encryption;
    // The login's own, not the driver's choice.
    context.language = String::new();
    // No retries, neither here nor of a lost session; and deadlines are kept above.
    context.connect_retry_count = 0;
    context.connect_timeout = u32::MAX;
    context.login_timeout = Some(0);
    context.multi_subnet_failover = Some(false);
    context.keep_alive_in_ms = 30_000;
    context.keep_alive_interval_in_ms = 5_000;
    context.vector_version = VectorVersion::Off;
    context
}
