use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

/// What TDS 8.0 is called where TLS agrees on what is spoken over it.
pub(in crate::conformance) const TDS_8: &[u8] = b"tds/8.0";

/// What is wrong with the certificate that a played server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conformance) enum Certificate {
    /// Nothing.
    Good,
    /// It comes from another authority, of the same name.
    Untrusted,
    /// It bears the name of another host.
    OtherName,
    /// It was valid until yesterday.
    Expired,
    /// It is valid from tomorrow on.
    NotYetValid,
    /// It vouches for itself.
    SelfSigned,
}

/// An authority of the suite's own, made once in a process.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> io::Result<&'static Authority> {
    static AUTHORITY: OnceLock<Result<Authority, String>> = OnceLock::new();
    let made = AUTHORITY.get_or_init(|| make_authority().map_err(|error| error.to_string()));
    made.as_ref()
        .map_err(|problem| io::Error::other(problem.clone()))
}

fn make_authority() -> Result<Authority, rcgen::Error> {
    let mut parameters = parameters("The conformance suite's authority", Certificate::Good);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?;
    let pem = issuer.pem();
    Ok(Authority { issuer, pem })
}

fn parameters(name: &str, kind: Certificate) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let (from, until) = match kind {
        Certificate::Expired => (now - Duration::days(30), now - Duration::DAY),
        Certificate::NotYetValid => (now + Duration::DAY, now + Duration::days(30)),
        _ => (now - Duration::DAY, now + Duration::days(30)),
    };
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = from;
    parameters.not_after = until;
    parameters
}

impl Certificate {
    /// The authority that clients are told to trust, in PEM.
    pub(in crate::conformance) fn ca_pem() -> io::Result<&'static str> {
        authority().map(|authority| authority.pem.as_str())
    }

    /// TLS 1.2 with this certificate: TDS before 8.0 has its handshake end with the server's word.
    pub(in crate::conformance) fn server(self) -> io::Result<Arc<ServerConfig>> {
        static GOOD: OnceLock<Arc<ServerConfig>> = OnceLock::new();
        self.kept_if_good(&GOOD, || self.make(&TLS12))
    }

    /// TLS 1.3 with this certificate, as TDS 8.0 has it; but the server may speak something else
    /// over it.
    pub(in crate::conformance) fn strict_server(
        self,
        protocol: &[u8],
    ) -> io::Result<Arc<ServerConfig>> {
        static GOOD: OnceLock<Arc<ServerConfig>> = OnceLock::new();
        let make = || {
            let mut config = self.make(&TLS13)?;
            config.alpn_protocols = vec![protocol.to_vec()];
            Ok(config)
        };
        if protocol == TDS_8 {
            return self.kept_if_good(&GOOD, make);
        }
        make().map(Arc::new)
    }

    /// A good one is made once: sessions by the thousand begin with it.
    fn kept_if_good(
        self,
        kept: &OnceLock<Arc<ServerConfig>>,
        make: impl FnOnce() -> io::Result<ServerConfig>,
    ) -> io::Result<Arc<ServerConfig>> {
        if self != Self::Good {
            return make().map(Arc::new);
        }
        if let Some(config) = kept.get() {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(make()?);
        Ok(Arc::clone(kept.get_or_init(|| config)))
    }

    fn make(self, version: &'static SupportedProtocolVersion) -> io::Result<ServerConfig> {
        self.try_make(version).map_err(io::Error::other)
    }

    fn try_make(
        self,
        version: &'static SupportedProtocolVersion,
    ) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
        let key = KeyPair::generate()?;
        let mut leaf = parameters("127.0.0.1", self);
        leaf.subject_alt_names = match self {
            Self::OtherName => vec![SanType::DnsName("elsewhere.example".try_into()?)],
            _ => vec![
                SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
                SanType::DnsName("localhost".try_into()?),
            ],
        };
        leaf.use_authority_key_identifier_extension = self != Self::SelfSigned;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let chain = match self {
            Self::SelfSigned => vec![leaf.self_signed(&key)?.der().clone()],
            Self::Untrusted => {
                let other = make_authority()?.issuer;
                vec![
                    leaf.signed_by(&key, &other)?.der().clone(),
                    other.der().clone(),
                ]
            }
            _ => {
                let own = &authority()?.issuer;
                vec![leaf.signed_by(&key, own)?.der().clone(), own.der().clone()]
            }
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(
            ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
                .with_protocol_versions(&[version])?
                .with_no_client_auth()
                .with_single_cert(chain, key)?,
        )
    }
}
