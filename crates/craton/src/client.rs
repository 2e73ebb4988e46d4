//! Asks a unit over HTTP.

use crate::error::Error;
use ::unit::{Reach, Trust};
use base::{Kind, Place, Problem, percent_encode};
use serde_json::Value;
use std::io::Read;
use std::time::Duration;

/// Limits of the client.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// A request that has not been sent yet.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Body,
    key: Option<String>,
    patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
    Delete,
}

#[derive(Debug, Clone)]
enum Body {
    None,
    Bytes { media: String, bytes: Vec<u8> },
}

impl Request {
    /// Returns a `GET` of `/v1/` and these parts.
    pub fn get(parts: &[&str]) -> Self {
        Self::new(Method::Get, &path(parts))
    }

    /// Returns a `POST` to `/v1/` and these parts.
    pub fn post(parts: &[&str]) -> Self {
        Self::new(Method::Post, &path(parts))
    }

    /// Returns a `DELETE` of `/v1/` and these parts.
    pub fn delete(parts: &[&str]) -> Self {
        Self::new(Method::Delete, &path(parts))
    }

    /// Returns a `GET` of a path as it is.
    pub fn at(path: &str) -> Self {
        Self::new(Method::Get, path)
    }

    fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: Body::None,
            key: None,
            patience: ANSWER_TIMEOUT,
        }
    }

    /// Adds a parameter, where it has a value.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.query.push((name, value.to_string()));
        }
        self
    }

    /// Sets the body to JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().into_bytes())
    }

    /// Sets the body to bytes of a media type.
    #[must_use]
    pub fn bytes(mut self, media: &str, bytes: Vec<u8>) -> Self {
        self.body = Body::Bytes { media: media.into(), bytes };
        self
    }

    /// Sets the idempotency key, where there is one.
    #[must_use]
    pub fn key(mut self, key: Option<String>) -> Self {
        self.key = key;
        self
    }

    /// Sets how long the beginning of the answer is waited for.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// A connection to a unit.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
}

/// An answer whose body has not been read yet.
pub struct Answer {
    /// The body.
    body: Box<dyn Read>,
    /// Its media type, in lower case and without parameters.
    media: Option<String>,
}

impl Answer {
    /// Returns the media type of the body, in lower case and without parameters.
    pub fn media(&self) -> Option<&str> {
        self.media.as_deref()
    }

    /// Returns the body to be read piece by piece. Where it breaks off, reading fails.
    pub fn into_body(self) -> Box<dyn Read> {
        self.body
    }
}

impl Client {
    /// Returns a client of the unit at `url`.
    ///
    /// With TLS it must show a certificate that those of the PEM text `pem` vouch for, or the authorities of the system.
    ///
    /// # Errors
    /// `cli.usage` where the certificates are none.
    pub fn new(url: &str, token: Option<String>, pem: Option<&str>) -> Result<Self, Problem> {
        Self::over(url, token, pem.map_or(Trust::System, Trust::Only))
    }

    /// Returns a client of a unit that is not known yet. It sends no credential and checks no certificate: what it asks
    /// for, the unit's card, proves itself.
    ///
    /// # Errors
    /// Never.
    pub fn stranger(url: &str) -> Result<Self, Problem> {
        Self::over(url, None, Trust::Nothing)
    }

    fn over(url: &str, token: Option<String>, trust: Trust<'_>) -> Result<Self, Problem> {
        let reach = Reach {
            trust,
            has_proxy: false,
            connect: Some(CONNECT_TIMEOUT),
            answer: Some(ANSWER_TIMEOUT),
            ..Reach::to(url)
        };
        let agent = ::unit::agent(&reach).map_err(|reason| {
            Error::usage(reason, "name the unit's certificate: `--certificate tls.pem`")
        })?;
        Ok(Self { agent, url: url.trim_end_matches('/').into(), token })
    }

    /// Returns the unit's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request and reads its answer as JSON; null where the answer is empty.
    ///
    /// # Errors
    /// What the unit says, or that it does not answer.
    pub fn send(&self, request: &Request) -> Result<Value, Problem> {
        let bytes = self.read(self.open(request)?)?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| self.odd(&format!("no JSON: {error}")))
    }

    /// Returns a list, over as many answers as it takes: the unit ends one before the list does where it has looked at much.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn list(&self, request: &Request, limit: u32) -> Result<Value, Problem> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut answer = self.send(request)?;
        while let Some(after) = answer["next"].as_str().map(str::to_owned)
            && let Some(count) = answer["items"].as_array().map(Vec::len)
            && count < limit
        {
            let mut next = request.clone();
            next.query.retain(|(name, _)| *name != "limit");
            let next = next.query("limit", Some(limit - count)).query("after", Some(after));
            let mut more = self.send(&next)?;
            if let Some(items) = answer["items"].as_array_mut()
                && let Some(others) = more.get_mut("items").and_then(Value::as_array_mut)
            {
                items.append(others);
            }
            for name in ["next", "more"] {
                if let Some(value) = more.get_mut(name) {
                    answer[name] = value.take();
                }
            }
        }
        Ok(answer)
    }

    /// Reads the rest of an answer.
    ///
    /// # Errors
    /// `cli.unreachable` where it breaks off, `cli.answer` where it is too large.
    pub fn read(&self, answer: Answer) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::new();
        let mut body = answer.body.take(ANSWER_BYTES_MAX + 1);
        body.read_to_end(&mut bytes).map_err(|error| self.silent(&error.to_string()))?;
        if ANSWER_BYTES_MAX < bytes.len() as u64 {
            return Err(self.odd(&format!("more than {ANSWER_BYTES_MAX} bytes")));
        }
        Ok(bytes)
    }

    /// Sends a request and writes its answer to standard output as it comes. Ends quietly where nobody reads any more.
    ///
    /// # Errors
    /// What the unit says, that it does not answer, or that the answer broke off.
    pub fn pass_on(&self, request: &Request) -> Result<(), Problem> {
        let mut answer = self.open(request)?;
        let mut piece = vec![0; 64 << 10];
        loop {
            match answer.body.read(&mut piece).map_err(|error| self.silent(&error.to_string()))? {
                0 => return Ok(()),
                count => crate::output::print_bytes(&piece[..count]),
            }
        }
    }

    /// Sends a request and returns its answer unread.
    ///
    /// # Errors
    /// What the unit says, or that it does not answer.
    pub fn open(&self, request: &Request) -> Result<Answer, Problem> {
        let response = self.exchange(request).map_err(|error| match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Error::usage(
                format!("`{}` is not an address", self.url),
                "write it as http://HOST:PORT",
            )
            .into(),
            other if is_untrusted(&other) => {
                Error::Certificate { url: self.url.clone(), reason: cause(&other) }.into()
            }
            other => self.silent(&cause(&other)),
        })?;
        let status = response.status().as_u16();
        let media = response.body().mime_type().map(|media| media.trim().to_ascii_lowercase());
        let answer = Answer { body: Box::new(response.into_body().into_reader()), media };
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let bytes = self.read(answer)?;
        Err(self.refused(status, &bytes))
    }

    fn exchange(&self, request: &Request) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut target = format!("{}{}", self.url, request.path);
        for (i, (name, value)) in request.query.iter().enumerate() {
            let sign = if i == 0 { '?' } else { '&' };
            target.push_str(&format!("{sign}{name}={}", percent_encode(value)));
        }
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        };
        let mut builder = ureq::http::Request::builder().method(method).uri(target);
        if let Some(token) = &self.token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = &request.key {
            builder = builder.header("idempotency-key", key);
        }
        match &request.body {
            Body::Bytes { media, bytes } => {
                self.run(request, builder.header("content-type", media).body(&bytes[..]))
            }
            Body::None if request.method == Method::Post => {
                let json = builder.header("content-type", "application/json").body(&b"{}"[..]);
                self.run(request, json)
            }
            Body::None => self.run(request, builder.body(())),
        }
    }

    fn run<B: ureq::AsSendBody>(
        &self,
        request: &Request,
        made: Result<ureq::http::Request<B>, ureq::http::Error>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let made = made.map_err(ureq::Error::from)?;
        if request.patience == ANSWER_TIMEOUT {
            return self.agent.run(made);
        }
        let patience = Some(request.patience);
        self.agent.run(self.agent.configure_request(made).timeout_recv_response(patience).build())
    }

    fn silent(&self, reason: &str) -> Problem {
        Error::Unreachable { url: self.url.clone(), reason: reason.into() }.into()
    }

    fn odd(&self, reason: &str) -> Problem {
        Error::Answer { url: self.url.clone(), reason: reason.into() }.into()
    }

    /// Reads what a unit says when it refuses (RFC 9457).
    fn refused(&self, status: u16, bytes: &[u8]) -> Problem {
        let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
            return self.odd(&format!("status {status}"));
        };
        problem(status, &value).unwrap_or_else(|| self.odd(&format!("status {status}")))
    }
}

/// Returns whether a connection ended because of the certificate that was shown: nothing was sent.
fn is_untrusted(error: &ureq::Error) -> bool {
    let ureq::Error::Io(error) = error else { return false };
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(inner, Some(rustls::Error::InvalidCertificate(_)))
}

/// Returns the problem written in a body, where it is one.
fn problem(status: u16, value: &Value) -> Option<Problem> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let kind = value.get("kind").and_then(|kind| serde_json::from_value(kind.clone()).ok());
    let place = value.get("place").and_then(|place| match place {
        Value::String(text) => Some(Place::pointer(text.clone())),
        other => serde_json::from_value(other.clone()).ok(),
    });
    let also = value.get("also").and_then(Value::as_array);
    Some(Problem {
        code: text("code")?,
        kind: kind.unwrap_or_else(|| kind_of(status)),
        message: text("message").or_else(|| text("detail")).or_else(|| text("title"))?,
        hint: text("hint"),
        place,
        retry_ms: value.get("retry_ms").and_then(Value::as_u64),
        also: also.into_iter().flatten().filter_map(|further| problem(status, further)).collect(),
    })
}

fn kind_of(status: u16) -> Kind {
    match status {
        401 => Kind::Unauthenticated,
        403 => Kind::Forbidden,
        404 => Kind::NotFound,
        409 | 412 => Kind::Conflict,
        429 => Kind::Exhausted,
        502..=504 => Kind::Unavailable,
        500.. => Kind::Internal,
        _ => Kind::Invalid,
    }
}

fn path(parts: &[&str]) -> String {
    let mut path = String::from("/v1");
    for part in parts {
        path.push('/');
        path.push_str(&percent_encode(part));
    }
    path
}

/// Returns what a connection said, without the wrapping.
fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nobody listens there".into()
        }
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::HostNotFound => "there is no such host".into(),
        ureq::Error::Timeout(_) => "it took too long".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_cannot_leave_their_part_of_the_path() {
        let request = Request::get(&["streams", "../a b?c", "read"]).query("offset", Some("1&2"));
        assert_eq!(request.path, "/v1/streams/..%2Fa%20b%3Fc/read");
        assert_eq!(percent_encode(&request.query[0].1), "1%262");
    }

    #[test]
    fn problems_are_read_with_all_their_parts() {
        let body = json!({"type": "about:blank", "status": 400, "detail": "no", "code": "a.b", "hint": "h",
            "place": {"pointer": "/spec"}, "also": [{"code": "c.d", "message": "more"}]});
        let problem = problem(400, &body).expect("a problem");
        assert_eq!(
            (problem.code.as_str(), problem.kind, problem.also.len()),
            ("a.b", Kind::Invalid, 1)
        );
        assert_eq!(problem.place, Some(Place::pointer("/spec")));
    }
}
