//! HTTP agents that start no thread for a request to an address that is a number.
//!
//! The library looks every name up on a thread of its own where a time limit is set, also for `127.0.0.1` and also when the
//! connection is there already. Two units that talk thousands of times in a second would start as many threads.

use std::net::SocketAddr;
use std::path::Path;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Returns an agent with a configuration.
pub fn agent(config: Config) -> ureq::Agent {
    ureq::Agent::with_parts(config, DefaultConnector::new(), NumbersFirst::default())
}

/// Where systems keep the certificates of the authorities that they trust.
const AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/openssl/cert.pem",
];

/// Returns the certificates that a server is believed by: those of a PEM text, or those that the system trusts (the file that
/// `SSL_CERT_FILE` names, else one of the usual ones).
///
/// # Errors
/// What is wrong with the text, or that the system trusts nobody.
pub fn roots(pem: Option<&str>) -> Result<RootCerts, String> {
    let certificates = match pem {
        Some(pem) => certificates(pem.as_bytes()).collect::<Result<Vec<_>, _>>().map_err(said)?,
        // One that is damaged among many of the system is left out.
        None => certificates(&authorities()?).filter_map(Result::ok).collect(),
    };
    if certificates.is_empty() {
        return Err("there is no certificate to believe a server by".into());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn certificates(pem: &[u8]) -> impl Iterator<Item = Result<Certificate<'static>, Error>> {
    parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

fn authorities() -> Result<Vec<u8>, String> {
    let named = std::env::var_os("SSL_CERT_FILE");
    let named = named.iter().map(Path::new);
    let found =
        named.chain(AUTHORITIES.iter().map(Path::new)).find_map(|path| std::fs::read(path).ok());
    found.ok_or_else(|| "this system has no list of authorities: set SSL_CERT_FILE".into())
}

fn said(error: Error) -> String {
    error.to_string()
}

#[derive(Debug, Default)]
struct NumbersFirst(DefaultResolver);

impl Resolver for NumbersFirst {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let port = uri.port_u16().or_else(|| match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        });
        let host = uri.host().map(|host| host.trim_matches(['[', ']']));
        match (host.and_then(|host| host.parse().ok()), port) {
            (Some(address), Some(port)) => {
                let mut found = self.empty();
                found.push(SocketAddr::new(address, port));
                Ok(found)
            }
            _ => self.0.resolve(uri, config, timeout),
        }
    }
}
