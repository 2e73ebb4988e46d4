//! The way to identity providers: HTTP over TLS with limits, and without TLS to this machine only, which the kernel sees to.

use crate::agents::Agents;
use kernel::{Web, WebRequest, WebResponse};
use std::time::Duration;

/// How long a provider may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// HTTP to identity providers.
pub(crate) struct Providers {
    agents: Agents,
}

impl Providers {
    pub(crate) fn new() -> Self {
        Self { agents: Agents::new(ANSWER) }
    }
}

impl Web for Providers {
    fn send(&self, request: &WebRequest) -> Result<WebResponse, String> {
        let agent = self.agents.find(&request.url, request.certificate.as_deref())?;
        let body = request.form_text().unwrap_or_default();
        let method = if request.form.is_some() { "POST" } else { "GET" };
        let mut message = ureq::http::Request::builder()
            .method(method)
            .uri(request.url.as_str())
            .header("accept", "application/json");
        if let Some(authorization) = &request.authorization {
            message = message.header("authorization", authorization);
        }
        let response = if request.form.is_some() {
            message = message.header("content-type", "application/x-www-form-urlencoded");
            agent.run(message.body(body.as_bytes()).map_err(failed)?)
        } else {
            agent.run(message.body(()).map_err(failed)?)
        };
        let response = response.map_err(failed)?;
        let status = response.status().as_u16();
        let limit = request.answer_bytes_max as u64;
        let mut body = response.into_body();
        let body = body.with_config().limit(limit).read_to_vec().map_err(failed)?;
        Ok(WebResponse { status, body })
    }
}

/// What went wrong on the way, without the address, which may have a code in it.
fn failed(error: impl std::fmt::Display) -> String {
    let text = error.to_string();
    let text = text.split("http").next().unwrap_or_default().trim_end_matches([' ', ':', '(']);
    if text.is_empty() { "it does not answer".into() } else { text.chars().take(200).collect() }
}
