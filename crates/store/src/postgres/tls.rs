//! TLS to the database server.
//!
//! Channel binding: RFC 5929, 4 (`tls-server-end-point`): the hash of the server's certificate, by the hash of its signature. With
//! it, SCRAM proves that nobody stands between this end and the server that knows the password.

use super::place::wrong;
use crate::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

/// How TLS is spoken with a server.
#[derive(Clone)]
pub(super) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Returns TLS with servers that prove their name by certificates for which those in `roots` (PEM) vouch.
    ///
    /// # Errors
    /// [`Error::Address`] where `roots` are no certificates.
    pub fn verified(roots: &[u8]) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(roots) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            store.add(certificate).map_err(|error| unusable(&error))?;
        }
        if store.is_empty() {
            return Err(wrong("`root_certificates` holds no certificate"));
        }
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?;
        Ok(Self(Arc::new(builder.with_root_certificates(store).with_no_client_auth())))
    }

    /// Returns TLS with whoever answers.
    ///
    /// # Errors
    /// [`Error::Address`] where TLS cannot be spoken at all.
    pub fn unverified() -> Result<Self, Error> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(&error))?;
        let config = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unusable(error: &dyn std::fmt::Display) -> Error {
    wrong(format!("`root_certificates` cannot be used: {error}"))
}

/// Takes any certificate; who shows it must have its key.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Secured;
    type TlsConnect = Handshake;
    type Error = io::Error;

    fn make_tls_connect(&mut self, domain: &str) -> io::Result<Handshake> {
        let name = ServerName::try_from(domain.to_owned()).map_err(io::Error::other)?;
        Ok(Handshake { config: Arc::clone(&self.0), name })
    }
}

/// A handshake that is to be made.
pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        Box::pin(async move {
            TlsConnector::from(self.config).connect(self.name, stream).await.map(Secured)
        })
    }
}

/// A connection under TLS.
pub(super) struct Secured(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        match certificate.and_then(|certificate| end_point(certificate)) {
            Some(hash) => ChannelBinding::tls_server_end_point(hash),
            None => ChannelBinding::none(),
        }
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Returns the hash by which a certificate (DER) is bound to; `None` where its signature has no hash of its own.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    /// `sha1WithRSAEncryption` to `sha512WithRSAEncryption`: 1.2.840.113549.1.1.N
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    /// `ecdsa-with-SHA256` and longer: 1.2.840.10045.4.3.N
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    let (last, family) = signature_algorithm(certificate)?.split_last()?;
    match (family, *last) {
        // MD5 and SHA-1 count as SHA-256.
        (RSA, 4 | 5 | 11) | (ECDSA, 2) => Some(Sha256::digest(certificate).to_vec()),
        (RSA, 12) | (ECDSA, 3) => Some(Sha384::digest(certificate).to_vec()),
        (RSA, 13) | (ECDSA, 4) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// Returns the identifier of a certificate's signature algorithm: the second part of the certificate, of which it is the first.
fn signature_algorithm(certificate: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const IDENTIFIER: u8 = 0x06;
    let (whole, _) = part(certificate, SEQUENCE)?;
    let (_, rest) = part(whole, SEQUENCE)?;
    let (algorithm, _) = part(rest, SEQUENCE)?;
    part(algorithm, IDENTIFIER).map(|(identifier, _)| identifier)
}

/// Returns what the first part holds, where it is of a kind, and what follows it (DER).
fn part(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    if *tag != kind {
        return None;
    }
    let mut length = usize::from(*first);
    if 0x80 <= length {
        let count = length - 0x80;
        if !(1..=4).contains(&count) {
            return None;
        }
        let (digits, after) = rest.split_at_checked(count)?;
        length = digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit));
        rest = after;
    }
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate as far as it is looked at: a long first part, then the algorithm.
    fn certificate(identifier: &[u8]) -> Vec<u8> {
        let sequence = |content: &[u8]| {
            let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
            [&[0x30, 0x82][..], length.as_slice(), content].concat()
        };
        let length = u8::try_from(identifier.len()).unwrap_or(u8::MAX);
        let algorithm = [&[0x06, length][..], identifier].concat();
        sequence(&[sequence(&[7; 300]), sequence(&algorithm), vec![3, 1, 0]].concat())
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        let rsa = |last| [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last];
        let ecdsa = |last| [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last];
        let bytes = |identifier: &[u8]| end_point(&certificate(identifier)).map(|hash| hash.len());
        assert_eq!([5, 11, 12, 13].map(|last| bytes(&rsa(last))), [32, 32, 48, 64].map(Some));
        assert_eq!([2, 3, 4].map(|last| bytes(&ecdsa(last))), [32, 48, 64].map(Some));
        assert_eq!(bytes(&[0x2b, 0x65, 0x70]), None, "Ed25519 has no hash of its own");
    }

    #[test]
    fn what_is_no_certificate_has_no_hash() {
        let whole = certificate(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 2]);
        for length in 0..whole.len() {
            assert_eq!(end_point(&whole[..length]), None, "{length} bytes");
        }
    }
}
