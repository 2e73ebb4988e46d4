//! The TLS door: a certificate of its own, which peers learn with the unit's signed card.

use crate::{Error, files};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// Makes a certificate for the hosts and writes it with its key.
pub(crate) fn make(folder: &Path, hosts: Vec<String>) -> Result<(), Error> {
    let made = rcgen::generate_simple_self_signed(hosts).map_err(wrong)?;
    files::write(&folder.join(files::CERTIFICATE), &made.cert.pem(), false)?;
    files::write(&folder.join(files::CERTIFICATE_KEY), &made.signing_key.serialize_pem(), true)
}

/// Returns the configuration of the server.
pub(crate) fn server(folder: &Path) -> Result<Arc<rustls::ServerConfig>, Error> {
    let certificates = files::read(&folder.join(files::CERTIFICATE))?;
    let chain = CertificateDer::pem_slice_iter(certificates.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    let key = files::read(&folder.join(files::CERTIFICATE_KEY))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(wrong)?;
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(wrong)?
    .with_no_client_auth()
    .with_single_cert(chain, key)
    .map_err(wrong)?;
    Ok(Arc::new(config))
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Key { reason: error.to_string() }
}
