//! What the connections of a client over TLS share: the settings, the sessions that can be resumed, and a buffer.
//!
//! Every server gets the same offer, TLS 1.3 with one cipher and one group, so that all of them do the same work. No
//! certificate is checked: the client's work is not measured, and the certificate is made for each run.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::failure::Failure;
use crate::options::Arguments;

/// As much as the servers send at a time.
const CIPHERTEXT_BYTES: usize = 256 * 1024;

/// Received bytes on their way into a session; empty between two reads, so one is enough for all connections.
pub(super) type Ciphertext = Rc<RefCell<Box<[u8]>>>;

#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    ciphertext: Ciphertext,
}

impl Tls {
    /// Takes `--tls`. Sessions are not resumed.
    pub(super) fn from(arguments: &mut Arguments) -> Result<Option<Self>, Failure> {
        if arguments.flag("--tls") { Self::new(Resumption::disabled()).map(Some) } else { Ok(None) }
    }

    pub(super) fn new(resumption: Resumption) -> Result<Self, Failure> {
        let provider = CryptoProvider {
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![X25519],
            ..ring::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(refused)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate))
            .with_no_client_auth();
        config.resumption = resumption;
        let ciphertext = Rc::new(RefCell::new(vec![0; CIPHERTEXT_BYTES].into()));
        Ok(Self { config: Arc::new(config), ciphertext })
    }

    /// Returns settings that offer one protocol by ALPN (RFC 7301).
    pub(super) fn offering(self, protocol: &[u8]) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![protocol.to_vec()];
        Self { config: Arc::new(config), ..self }
    }

    /// Returns a session that takes messages of any size at once.
    pub(super) fn session(&self) -> Result<ClientConnection, Failure> {
        let name = ServerName::from(Ipv4Addr::LOCALHOST);
        let mut session = ClientConnection::new(Arc::clone(&self.config), name).map_err(refused)?;
        session.set_buffer_limit(None);
        Ok(session)
    }

    pub(super) fn ciphertext(&self) -> Ciphertext {
        Rc::clone(&self.ciphertext)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "this is the shape that map_err calls")]
fn refused(error: rustls::Error) -> Failure {
    Failure::Usage(format!("TLS is not possible: {error}"))
}

/// Accepts every certificate and every signature.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
