//! The way to other units: HTTP over TLS, to the certificate that the peer's signed card names.

use crate::agent::Reach;
use crate::agents::Agents;
use exchange::{Exchange, Network, NetworkError, Request, Response, Sender};
use kernel::Handle;
use std::sync::Arc;
use std::time::Duration;

/// How long a peer may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// HTTP over TLS. Connections are kept.
pub(crate) struct Https {
    agents: Agents,
    response_bytes_max: u64,
}

impl Https {
    pub(crate) fn new(response_bytes_max: usize) -> Self {
        Self { agents: Agents::new(ANSWER), response_bytes_max: response_bytes_max as u64 }
    }

    fn agent(&self, url: &str, certificate: Option<&str>) -> Result<ureq::Agent, NetworkError> {
        if !Reach::to(url).is_safe() {
            return Err(failed("a peer is reached over https only"));
        }
        // A card without a certificate is that of a peer for which an authority vouches.
        self.agents.find(url, certificate).map_err(failed)
    }
}

impl Network for Https {
    fn send(&self, request: &Request) -> Result<Response, NetworkError> {
        let agent = self.agent(&request.url, request.tls_certificate.as_deref())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_without_a_certificate_in_its_card_is_asked_and_none_without_tls() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("an address");
        // Whoever comes is hung up on. Where this system trusts nobody, nobody comes.
        std::thread::spawn(move || listener.accept().map(|_| ()));
        let network = Https::new(1_000);
        let send = |url: String| {
            let request = Request {
                method: "POST".into(),
                url,
                path: "/".into(),
                headers: std::collections::BTreeMap::new(),
                body: Vec::new(),
                tls_certificate: None,
            };
            network.send(&request).map(|answer| answer.status).expect_err("no answer").reason
        };
        assert!(!send(format!("https://{address}/")).contains("https only"));
        assert!(send(format!("http://{address}/")).contains("https only"));
    }
}
