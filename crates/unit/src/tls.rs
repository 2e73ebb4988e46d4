//! The TLS doors: a certificate of the unit's own, which peers learn with its signed card, and for people one that may be given.
//!
//! Files that change are read anew while the unit runs. New ones that do not fit together leave the old ones in use.

use crate::config::Tls;
use crate::{Config, Error, addresses, files};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Makes a certificate for the hosts and writes it with its key.
pub(crate) fn make(folder: &Path, hosts: Vec<String>) -> Result<(), Error> {
    let made = rcgen::generate_simple_self_signed(hosts).map_err(wrong)?;
    files::write(&folder.join(files::CERTIFICATE), &made.cert.pem(), false)?;
    files::write(&folder.join(files::CERTIFICATE_KEY), &made.signing_key.serialize_pem(), true)
}

/// Makes the unit's own certificate where it has none.
pub(crate) fn ensure(folder: &Path, config: &Config) -> Result<(), Error> {
    let is_there = |name: &str| folder.join(name).exists();
    // One without the other is for people to look at: they may have lost a key.
    if is_there(files::CERTIFICATE) || is_there(files::CERTIFICATE_KEY) {
        return Ok(());
    }
    let addresses = [
        Some(&config.listen_peers),
        config.listen_https.as_ref(),
        config.listen_postgres.as_ref(),
        config.listen_mqtts.as_ref(),
        config.listen_mqtt_ws.as_ref(),
    ];
    let addresses: Vec<&str> = addresses.into_iter().flatten().map(String::as_str).collect();
    make(folder, names(&addresses, &config.tls_names))
}

/// All that the unit's own certificate says: the hosts of its addresses, what the machine is called, and what somebody has added.
pub(crate) fn names(addresses: &[&str], further: &[String]) -> Vec<String> {
    let mut names = hosts(addresses);
    for name in addresses::of_machine().into_iter().chain(further.iter().cloned()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The hosts that others will call, and the names of this machine's loopback.
fn hosts(addresses: &[&str]) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    for address in addresses {
        let host = address.rsplit_once(':').map_or(*address, |(host, _)| host);
        let host = host.trim_matches(['[', ']']);
        if !hosts.iter().any(|known| known == host) && host != "0.0.0.0" && host != "::" {
            hosts.push(host.to_owned());
        }
    }
    hosts
}

/// A certificate with its key, as its files say it.
#[derive(Debug)]
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    held: RwLock<Held>,
}

#[derive(Debug)]
struct Held {
    certified: Arc<CertifiedKey>,
    /// The files that were read last, also where they were no good.
    digest: [u8; 32],
}

impl Certificate {
    /// Reads the unit's own certificate.
    ///
    /// # Errors
    /// `unit.file`, `unit.key`.
    pub(crate) fn own(folder: &Path) -> Result<Arc<Self>, Error> {
        Self::read(folder.join(files::CERTIFICATE), folder.join(files::CERTIFICATE_KEY))
    }

    /// Reads the certificate of the doors for people: the one that is given, else the unit's own.
    ///
    /// # Errors
    /// `unit.file`, `unit.key`.
    pub(crate) fn of_people(folder: &Path, given: Option<&Tls>) -> Result<Arc<Self>, Error> {
        match given {
            Some(given) => Self::read(folder.join(&given.certificate), folder.join(&given.key)),
            None => Self::own(folder),
        }
    }

    fn read(chain: PathBuf, key: PathBuf) -> Result<Arc<Self>, Error> {
        let (chain_text, key_text) = (files::read(&chain)?, files::read(&key)?);
        let held = Held {
            certified: Arc::new(certified(&chain_text, &key_text)?),
            digest: digest(&chain_text, &key_text),
        };
        Ok(Arc::new(Self { chain, key, held: RwLock::new(held) }))
    }

    /// Reads the files again. Returns true where there is a new certificate.
    ///
    /// # Errors
    /// `unit.file`, `unit.key`: the old one stays. What is wrong is said once for the same files.
    pub(crate) fn reload(&self) -> Result<bool, Error> {
        let (chain, key) = (files::read(&self.chain)?, files::read(&self.key)?);
        let digest = digest(&chain, &key);
        if self.held.read().unwrap_or_else(PoisonError::into_inner).digest == digest {
            return Ok(false);
        }
        let made = certified(&chain, &key);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.digest = digest;
        held.certified = Arc::new(made?);
        Ok(true)
    }

    /// Returns the configuration of a server that shows it.
    ///
    /// # Errors
    /// `unit.key`.
    pub(crate) fn server(self: &Arc<Self>) -> Result<Arc<rustls::ServerConfig>, Error> {
        let shown: Arc<dyn ResolvesServerCert> = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        Ok(Arc::new(config))
    }

    /// Returns the configuration of a server that shows it, and takes certificates of clients. Whose such a certificate is, if
    /// anybody's, is for others to say.
    ///
    /// # Errors
    /// `unit.key`.
    pub(crate) fn server_with_clients(
        self: &Arc<Self>,
    ) -> Result<Arc<rustls::ServerConfig>, Error> {
        let shown: Arc<dyn ResolvesServerCert> = Arc::clone(self) as Arc<dyn ResolvesServerCert>;
        let provider = Arc::new(provider());
        let clients = Arc::new(Clients(Arc::clone(&provider)));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(wrong)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(shown);
        Ok(Arc::new(config))
    }
}

/// Takes any certificate that a client shows, or none. That the client has its key the handshake proves.
#[derive(Debug)]
struct Clients(Arc<CryptoProvider>);

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&held.certified))
    }
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// Reads a certificate and its key, which must belong together.
fn certified(chain: &str, key: &str) -> Result<CertifiedKey, Error> {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    if chain.is_empty() {
        return Err(wrong("there is no certificate in the file"));
    }
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(wrong)?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(wrong)
}

fn digest(chain: &str, key: &str) -> [u8; 32] {
    base::sha256([chain, key].join("\0").as_bytes())
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Key { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("craton-tls-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).expect("makes");
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.join(name), text).expect("writes");
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn shown(certificate: &Certificate) -> Vec<u8> {
        certificate.held.read().expect("a lock").certified.cert[0].to_vec()
    }

    #[test]
    fn a_certificate_that_changes_is_read_anew_and_a_bad_one_is_not_used() {
        let folder = Folder::new("reload");
        let ((first, first_key), (second, second_key)) = (made(), made());
        folder.write("c.pem", &first);
        folder.write("k.pem", &first_key);
        let given = Tls { certificate: "c.pem".into(), key: "k.pem".into() };
        let certificate = Certificate::of_people(&folder.0, Some(&given)).expect("read");
        let before = shown(&certificate);
        assert!(!certificate.reload().expect("nothing new"));
        folder.write("c.pem", &second);
        assert!(certificate.reload().is_err(), "the key belongs to another certificate");
        assert!(!certificate.reload().expect("said once"));
        assert_eq!(shown(&certificate), before);
        folder.write("k.pem", &second_key);
        assert!(certificate.reload().expect("new"));
        assert_ne!(shown(&certificate), before);
        folder.write("c.pem", "nonsense");
        assert!(certificate.reload().is_err());
        assert!(certificate.server().is_ok());
    }

    /// Goes through a handshake in memory; returns the certificate of the client as the server has seen it.
    fn handshake(
        server: &Arc<rustls::ServerConfig>,
        client: rustls::ClientConfig,
    ) -> Result<Option<Vec<u8>>, rustls::Error> {
        let name = rustls::pki_types::ServerName::try_from("localhost").expect("a name");
        let mut client = rustls::ClientConnection::new(Arc::new(client), name)?;
        let mut server = rustls::ServerConnection::new(Arc::clone(server))?;
        while client.is_handshaking() || server.is_handshaking() {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).expect("written");
            }
            let mut said = bytes.as_slice();
            while !said.is_empty() {
                server.read_tls(&mut said).expect("read");
                server.process_new_packets()?;
            }
            let mut bytes = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut bytes).expect("written");
            }
            let mut said = bytes.as_slice();
            while !said.is_empty() {
                client.read_tls(&mut said).expect("read");
                client.process_new_packets()?;
            }
        }
        let shown = server.peer_certificates().and_then(|chain| chain.first());
        Ok(shown.map(|certificate| certificate.to_vec()))
    }

    #[test]
    fn a_client_may_show_a_certificate_and_needs_none() {
        let folder = Folder::new("clients");
        let (text, key_text) = made();
        folder.write("c.pem", &text);
        folder.write("k.pem", &key_text);
        let given = Tls { certificate: "c.pem".into(), key: "k.pem".into() };
        let certificate = Certificate::of_people(&folder.0, Some(&given)).expect("read");
        let server = certificate.server_with_clients().expect("a server");
        let client = || {
            let mut roots = rustls::RootCertStore::empty();
            let own = CertificateDer::from_pem_slice(text.as_bytes()).expect("a certificate");
            roots.add(own).expect("a root");
            rustls::ClientConfig::builder_with_provider(Arc::new(provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_root_certificates(roots)
        };
        assert_eq!(handshake(&server, client().with_no_client_auth()), Ok(None));
        let (own, own_key) = made();
        let chain = CertificateDer::from_pem_slice(own.as_bytes()).expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(own_key.as_bytes()).expect("a key");
        let shown = chain.to_vec();
        let config = client().with_client_auth_cert(vec![chain], key).expect("a client");
        assert_eq!(handshake(&server, config), Ok(Some(shown)));
    }

    #[test]
    fn the_hosts_of_a_certificate_are_those_that_are_called() {
        let hosts = hosts(&["0.0.0.0:1", "unit.example:2", "[::1]:3", "127.0.0.1:4"]);
        assert_eq!(hosts, ["localhost", "127.0.0.1", "unit.example", "::1"]);
    }
}
