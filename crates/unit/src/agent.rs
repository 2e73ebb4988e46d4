//! HTTP agents: the one place where they are made, with what they believe a server by, with the rule of proxies, and with limits.
//!
//! They start no thread for a request to an address that is a number. The library looks every name up on a thread of its own where a
//! time limit is set, also for `127.0.0.1` and also when the connection is there already. Two units that talk thousands of times in a
//! second would start as many threads.

use desk::push::is_public;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Where systems keep the certificates of the authorities that they trust.
const AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/openssl/cert.pem",
];
/// The variable that names another file with certificates, as OpenSSL knows it.
const AUTHORITIES_VARIABLE: &str = "SSL_CERT_FILE";
/// Bytes of such a file.
const AUTHORITIES_BYTES_MAX: u64 = 8 << 20;

/// By what a server with TLS is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust<'a> {
    /// By the authorities that the system trusts: the file that `SSL_CERT_FILE` names, else one of the usual ones.
    System,
    /// By the certificates of a PEM text and by no others.
    Only(&'a str),
    /// By nothing: what is asked for proves itself.
    Nothing,
}

/// How servers are reached.
#[derive(Debug, Clone)]
pub struct Reach<'a> {
    /// An address of the server. Where it has TLS, nothing goes out without, whatever the server answers. Where it is this machine, no
    /// proxy stands between.
    pub url: &'a str,
    /// By what it is believed.
    pub trust: Trust<'a>,
    /// True where a proxy that the environment names may stand between.
    pub has_proxy: bool,
    /// True where its name must lead into the public internet: the address is a stranger's. Where a proxy stands between, it is the proxy
    /// that looks names up.
    pub is_public: bool,
    /// Redirections that are followed.
    pub redirects_max: u32,
    /// How long it may take to take a connection.
    pub connect: Option<Duration>,
    /// How long it may take to begin to answer.
    pub answer: Option<Duration>,
    /// How long it may give no byte.
    pub stall: Option<Duration>,
    /// How long all of it may take.
    pub whole: Option<Duration>,
}

impl<'a> Reach<'a> {
    /// Returns the way to an address: believed by what the system trusts, by a proxy where there is one, without redirections and limits
    /// of time.
    pub fn to(url: &'a str) -> Self {
        Self {
            url,
            trust: Trust::System,
            has_proxy: true,
            is_public: false,
            redirects_max: 0,
            connect: None,
            answer: None,
            stall: None,
            whole: None,
        }
    }

    /// Returns whether the address has TLS.
    pub(crate) fn is_safe(&self) -> bool {
        self.url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
    }
}

/// Returns an agent. Every agent of the unit and of the command line is made here.
///
/// # Errors
/// What is wrong with the certificates, or that the system trusts nobody.
pub fn agent(reach: &Reach<'_>) -> Result<ureq::Agent, String> {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let tls = match reach.trust {
        Trust::Nothing => tls.disable_verification(true),
        Trust::Only(pem) => tls.root_certs(roots(pem.as_bytes(), true)?),
        Trust::System if reach.is_safe() => tls.root_certs(roots(&authorities()?, false)?),
        // Without TLS there is nobody to be believed.
        Trust::System if reach.redirects_max == 0 => tls.root_certs(RootCerts::new_with_certs(&[])),
        // A redirection may still lead to TLS, to a server that is believed or that is not.
        Trust::System => {
            let found = authorities().and_then(|pem| roots(&pem, false));
            tls.root_certs(found.unwrap_or_else(|_| RootCerts::new_with_certs(&[])))
        }
    };
    let mut config = ureq::Agent::config_builder()
        .https_only(reach.is_safe())
        .http_status_as_error(false)
        .max_redirects(reach.redirects_max)
        .timeout_connect(reach.connect)
        .timeout_recv_response(reach.answer)
        .timeout_per_read(reach.stall)
        .timeout_global(reach.whole)
        .user_agent(concat!("craton/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build());
    if !reach.has_proxy || is_here(reach.url) {
        config = config.proxy(None);
    }
    let names = Names { system: DefaultResolver::default(), is_public: reach.is_public };
    Ok(ureq::Agent::with_parts(config.build(), DefaultConnector::new(), names))
}

/// Returns whether an address is of this machine.
pub(crate) fn is_here(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.as_ref().and_then(Uri::host).is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost")
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

/// Returns the certificates of a PEM text. One that is damaged is refused where all were given by hand, and left out of those of a system.
fn roots(pem: &[u8], is_by_hand: bool) -> Result<RootCerts, String> {
    let found = parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Err(error) if is_by_hand => Some(Err(error.to_string())),
        _ => None,
    });
    let certificates = found.collect::<Result<Vec<Certificate<'static>>, String>>()?;
    if certificates.is_empty() {
        return Err("there is no certificate to believe a server by".into());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn authorities() -> Result<Vec<u8>, String> {
    let named = std::env::var_os(AUTHORITIES_VARIABLE).map(PathBuf::from);
    let found = || AUTHORITIES.iter().map(PathBuf::from).find(|path| path.is_file());
    let path = named.or_else(found).ok_or_else(|| {
        format!("this system has no list of authorities: name a file with {AUTHORITIES_VARIABLE}")
    })?;
    let mut pem = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(AUTHORITIES_BYTES_MAX).read_to_end(&mut pem))
        .map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    Ok(pem)
}

/// Looks names up, and takes addresses that are numbers as they are.
#[derive(Debug)]
struct Names {
    system: DefaultResolver,
    is_public: bool,
}

impl Resolver for Names {
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
        let found = match (host.and_then(|host| host.parse().ok()), port) {
            (Some(address), Some(port)) => {
                let mut found = self.empty();
                found.push(SocketAddr::new(address, port));
                found
            }
            _ => self.system.resolve(uri, config, timeout)?,
        };
        let is_proxy = config.proxy().is_some_and(|proxy| uri.host() == Some(proxy.host()));
        if !self.is_public || is_proxy {
            return Ok(found);
        }
        let mut public = self.empty();
        found.iter().filter(|found| is_public(&found.ip())).for_each(|found| public.push(*found));
        if public.is_empty() { Err(Error::HostNotFound) } else { Ok(public) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_server_that_nobody_vouches_for_is_an_error_and_no_panic() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let url = format!("https://{}/", listener.local_addr().expect("an address"));
        let server = std::thread::spawn(move || {
            // Whoever connects is told what is no TLS.
            for connection in listener.incoming().take(3) {
                let _ = connection.map(|mut stream| std::io::Write::write_all(&mut stream, b"no"));
            }
        });
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
        let pem = made.cert.pem();
        for trust in [Trust::System, Trust::Only(&pem), Trust::Nothing] {
            let reach = Reach { trust, whole: Some(Duration::from_secs(5)), ..Reach::to(&url) };
            match agent(&reach) {
                Ok(agent) => assert!(agent.get(&url).call().is_err(), "{trust:?}"),
                Err(reason) => {
                    assert_eq!(trust, Trust::System, "{reason}");
                    let address = url.trim_start_matches("https://").trim_end_matches('/');
                    // This system trusts nobody; the server still waits for three.
                    drop(std::net::TcpStream::connect(address));
                }
            }
        }
        server.join().expect("the server has ended");
        let none = Reach { trust: Trust::Only("no certificate"), ..Reach::to(&url) };
        assert!(agent(&none).is_err());
    }

    #[test]
    fn what_is_public_does_not_lead_into_the_network_of_the_unit() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("http://{host}:{port}/");
            let reach = Reach { is_public: true, ..Reach::to(&url) };
            let asked = agent(&reach).expect("an agent").get(&url).call();
            assert!(matches!(asked, Err(Error::HostNotFound)), "{asked:?}");
        }
    }

    #[test]
    fn nothing_goes_out_without_tls_where_it_was_asked_for() {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
        let pem = made.cert.pem();
        let reach = Reach { trust: Trust::Only(&pem), ..Reach::to("HTTPS://data.example/") };
        let agent = agent(&reach).expect("an agent");
        assert!(matches!(agent.get("http://127.0.0.1:1/").call(), Err(Error::RequireHttpsOnly(_))));
    }

    #[test]
    fn no_proxy_stands_between_this_machine_and_itself() {
        for url in
            ["http://127.0.0.1:80/a", "http://LOCALHOST/", "https://[::1]:8443", "http://127.9.9.9"]
        {
            assert!(is_here(url), "{url}");
        }
        for url in
            ["http://localhost.evil/", "https://data.example/", "http://10.0.0.1", "", "data"]
        {
            assert!(!is_here(url), "{url}");
        }
        let near = agent(&Reach::to("http://127.0.0.1:80/")).expect("an agent");
        assert!(near.config().proxy().is_none(), "whatever the environment says");
    }
}
