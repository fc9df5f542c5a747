//! Certificates made at every start, and TLS over them.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig, SupportedProtocolVersion};

/// How a listener protects its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsMode {
    /// Not at all, as a server whose clients all say that they don't support encryption.
    Off,
    /// The sign-in only, unless the client asks for more: a server with a certificate and no
    /// ForceEncryption. Since SQL Server 2022 clients may speak TDS 8.0 with it too.
    Login,
    /// All of each connection, as a server with ForceEncryption. Clients that don't support
    /// encryption are refused. Since SQL Server 2022 clients may speak TDS 8.0 with it too.
    Full,
    /// All of each connection, TLS first: TDS 8.0 and nothing else, as a server with
    /// ForceStrictEncryption. Clients of older versions are refused.
    Strict,
}

/// What clients and servers of TDS 8.0 call it during the TLS handshake.
const TDS_8: &[u8] = b"tds/8.0";
/// How long a certificate is valid. Nobody keeps one: the next start makes new ones.
const VALIDITY: Duration = Duration::days(397);

/// A certificate authority and a server certificate, fresh. Their keys stay in memory.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// The authority's certificate, for clients to trust.
    pub(crate) ca_pem: String,
    pub(crate) tls: Tls,
}

/// TLS with a certificate, in both of its places.
#[derive(Clone, Debug)]
pub(crate) struct Tls {
    /// Inside PRELOGIN. For TLS 1.2: TDS before 8.0 has its handshake end with a message of the
    /// server.
    pub(crate) inside: Arc<ServerConfig>,
    /// Below everything else, as TDS 8.0 has it.
    pub(crate) below: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes them for `localhost`, `127.0.0.1` and the host of the instance named.
    pub(crate) fn make(instance: &str) -> io::Result<Self> {
        let authority = authority(instance).map_err(io::Error::other)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(io::Error::other)?;
        let certificate = server_parameters(instance)
            .and_then(|parameters| parameters.signed_by(&key, &authority))
            .map_err(io::Error::other)?;
        let chain = vec![certificate.der().clone(), authority.der().clone()];
        let key = key.serialize_der();
        let inside = server(&[&TLS12], chain.clone(), &key).map_err(io::Error::other)?;
        let mut below = server(&[&TLS12, &TLS13], chain, &key).map_err(io::Error::other)?;
        below.alpn_protocols = vec![TDS_8.to_vec()];
        Ok(Self {
            ca_pem: authority.pem(),
            tls: Tls {
                inside: Arc::new(inside),
                below: Arc::new(below),
            },
        })
    }
}

fn server(
    versions: &[&'static SupportedProtocolVersion],
    chain: Vec<CertificateDer<'static>>,
    key: &[u8],
) -> Result<ServerConfig, rustls::Error> {
    ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(
            chain,
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec())),
        )
}

fn authority(instance: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut parameters = valid_now();
    parameters.distinguished_name.push(
        DnType::CommonName,
        format!("Simulator's authority for {instance}"),
    );
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    CertifiedIssuer::self_signed(parameters, key)
}

fn server_parameters(instance: &str) -> Result<CertificateParams, rcgen::Error> {
    let host = instance.split('\\').next().unwrap_or(instance);
    let mut parameters = valid_now();
    parameters
        .distinguished_name
        .push(DnType::CommonName, host.to_owned());
    parameters.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
    ];
    // A name outside ASCII has no place in a certificate as it is.
    if let Ok(host) = host.try_into() {
        parameters.subject_alt_names.push(SanType::DnsName(host));
    }
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

fn valid_now() -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.not_before = now - Duration::DAY;
    parameters.not_after = now + VALIDITY;
    parameters
}
