//! The way to other units: HTTP over TLS, to the certificate that the peer's signed card names.

use exchange::{Exchange, Network, NetworkError, Request, Response, Sender};
use kernel::Handle;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// How long a peer may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a peer may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// HTTP over TLS. Connections are kept, one agent for each certificate.
pub(crate) struct Https {
    agents: Mutex<HashMap<Option<String>, ureq::Agent>>,
    response_bytes_max: u64,
}

impl Https {
    pub(crate) fn new(response_bytes_max: usize) -> Self {
        Self { agents: Mutex::new(HashMap::new()), response_bytes_max: response_bytes_max as u64 }
    }

    fn agent(&self, certificate: Option<&str>) -> Result<ureq::Agent, NetworkError> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&certificate.map(str::to_owned)) {
            return Ok(agent.clone());
        }
        let mut tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        if let Some(pem) = certificate {
            let certificate = Certificate::from_pem(pem.as_bytes()).map_err(failed)?;
            tls = tls.root_certs(RootCerts::new_with_certs(&[certificate]));
        }
        let config = ureq::Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(ANSWER))
            .tls_config(tls.build())
            .build();
        let agent = crate::agent(config);
        agents.insert(certificate.map(str::to_owned), agent.clone());
        Ok(agent)
    }
}

impl Network for Https {
    fn send(&self, request: &Request) -> Result<Response, NetworkError> {
        let agent = self.agent(request.tls_certificate.as_deref())?;
        let mut message = ureq::http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url.as_str());
        for (name, value) in &request.headers {
            message = message.header(name, value);
        }
        let message = message.body(request.body.as_slice()).map_err(failed)?;
        let response = agent.run(message).map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let bytes =
            body.with_config().limit(self.response_bytes_max + 1).read_to_vec().map_err(failed)?;
        Ok(Response { status, body: bytes })
    }
}

/// Returns what sends the outboxes of a unit.
pub(crate) fn sender(
    handle: &Handle,
    exchange: &Arc<Exchange>,
    network: Arc<dyn Network>,
) -> Arc<Sender> {
    let submit = {
        let handle = handle.clone();
        // Nobody waits for it: what is not cleared out now is cleared out later.
        Arc::new(move |call| handle.submit(call, Box::new(|_| {})))
    };
    Sender::new(Arc::clone(exchange), Arc::clone(handle.kernel()), network, submit)
}

/// Lets the exchange commit what it does beside the partition's thread.
pub(crate) fn commits(handle: &Handle, exchange: &Exchange) {
    let handle = handle.clone();
    exchange.set_commits(Arc::new(move |call, done| handle.submit(call, done)));
}

fn failed(error: impl std::fmt::Display) -> NetworkError {
    NetworkError { reason: error.to_string() }
}
