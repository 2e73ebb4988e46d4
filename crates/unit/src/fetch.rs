//! `secret.fetch`: the unit fetches an address with a secret in a header, for a caller who may use the secret and never sees it.
//!
//! The secret goes to no host but those that its manifest lists, over TLS (or to loopback), and no redirection is followed. An answer
//! that shows the secret breaks off before that place.

use crate::agent::{Reach, agent, is_here};
use base::{Code, Explain, Kind, Problem};
use kernel::secrets::{Masks, SecretValue, is_for};
use kernel::{
    Call, Engine, KindOf, Operation, Read, Reader, Relation, Reply, Resource, Right, operation,
    read,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderValue, Uri};

/// How long an address may take to take a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an address may take to begin to answer, and to go on.
const STALL: Duration = Duration::from_secs(60);
/// Bytes that are handed on at once.
const PIECE_BYTES: usize = 64 << 10;
/// What an answer is said to be; anything else is bytes.
const MEDIA: [&str; 6] = [
    "text/csv",
    "application/csv",
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/vnd.apache.parquet",
];

/// Why an address is not fetched. No text holds what stands in the address beside host and path.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("secret `{name}` may not be sent to `{host}`")]
    Host { name: String, host: String },
    #[error("`{address}` cannot be fetched: {reason}")]
    Address { address: String, reason: String },
    #[error("the answer of `{address}` shows the secret that was sent")]
    Echoed { address: String },
}

impl Explain for Refused {
    fn code(&self) -> Code {
        match self {
            Self::Host { .. } => Code("secret.host", Kind::Forbidden),
            Self::Address { .. } => Code("secret.fetch", Kind::Unavailable),
            Self::Echoed { .. } => Code("secret.echoed", Kind::Unavailable),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Host { .. } => "list the host under `hosts` in the secret's manifest",
            Self::Address { .. } => "correct the address, or repeat it later",
            Self::Echoed { .. } => "change the secret: who answers repeats credentials",
        };
        Some(hint.into())
    }
}

/// The engine that answers `secret.fetch`.
pub(crate) struct Fetches {
    bytes_max: u64,
}

impl Fetches {
    pub(crate) fn new(megabytes_max: u64) -> Self {
        Self { bytes_max: megabytes_max.saturating_mul(1 << 20) }
    }

    fn fetch(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = &call.resource.name;
        let value = reader.kernel().secret(reader, name, call)?;
        let resource = reader.resource("secret", name)?;
        let resource = resource
            .ok_or_else(|| kernel::Error::NotFound { resource: call.resource.to_string() })?;
        let target = Target::new(call.text("url").unwrap_or_default(), &resource)?;
        let header = header(&resource, &value, &target)?;
        // Nobody waits for the network with a commit in hand.
        reader.release();
        let answer = target
            .agent()?
            .get(&target.url)
            .header(header_name(&resource), header)
            .call()
            .map_err(|error| target.failed(error.to_string()))?;
        let status = answer.status();
        if !status.is_success() {
            let reason = status.canonical_reason().unwrap_or("no success");
            return Err(target.failed(format!("it answered {}, {reason}", status.as_u16())).into());
        }
        let said = answer.body().mime_type().map(str::to_ascii_lowercase);
        let media = MEDIA.into_iter().find(|media| said.as_deref() == Some(media));
        let pieces = Pieces {
            body: Some(Box::new(answer.into_body().into_reader())),
            hold: Masks::longest(value.expose()),
            held: Vec::new(),
            left: self.bytes_max,
            value,
            shown: target.shown,
        };
        Ok(Reply::Stream {
            media: media.unwrap_or("application/octet-stream"),
            pieces: Box::new(pieces),
        })
    }
}

impl Engine for Fetches {
    fn name(&self) -> &'static str {
        "fetch"
    }

    fn kinds(&self) -> Vec<KindOf> {
        Vec::new()
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let body = json!({
            "type": "object",
            "required": ["url"],
            "additionalProperties": false,
            "properties": {"url": {"type": "string"}},
        });
        vec![
            operation(
                "secret.fetch",
                Right::Run,
                "Fetches an address of a host that the secret is for, with the secret in a header.",
                read(&self, Self::fetch),
            )
            .takes(body)
            .answers(json!({"contentMediaType": "application/octet-stream"})),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }
}

/// Where a secret is sent.
struct Target {
    url: String,
    /// The address without user, password and query.
    shown: String,
}

impl Target {
    /// Reads an address and checks that the secret may go there.
    fn new(url: &str, resource: &Resource) -> Result<Self, Refused> {
        let wrong = |reason: &str| Refused::Address {
            address: "the address".into(),
            reason: reason.into(),
        };
        let uri: Uri = url.parse().map_err(|_| wrong("it is none"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = uri.host().ok_or_else(|| wrong("it has no host"))?.to_ascii_lowercase();
        let at = uri.port_u16().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let is_with_user = uri.authority().is_some_and(|part| part.as_str().contains('@'));
        if is_with_user {
            return Err(wrong("it has a user; the secret says who is calling"));
        }
        if scheme != "https" && !(scheme == "http" && is_here(url)) {
            return Err(wrong("a secret travels over https only"));
        }
        if !is_for(&resource.spec, &at) {
            return Err(Refused::Host { name: resource.name.clone(), host: at });
        }
        let shown = format!("{scheme}://{at}{}", uri.path());
        Ok(Self { url: url.to_owned(), shown })
    }

    fn agent(&self) -> Result<ureq::Agent, Refused> {
        let reach = Reach {
            connect: Some(CONNECT),
            answer: Some(STALL),
            stall: Some(STALL),
            ..Reach::to(&self.url)
        };
        agent(&reach).map_err(|reason| self.failed(reason))
    }

    fn failed(&self, reason: impl Into<String>) -> Refused {
        Refused::Address { address: self.shown.clone(), reason: reason.into() }
    }
}

fn header_name(resource: &Resource) -> &str {
    resource.spec["header"].as_str().unwrap_or("authorization")
}

fn header(
    resource: &Resource,
    value: &SecretValue,
    target: &Target,
) -> Result<HeaderValue, Refused> {
    let scheme = resource.spec["scheme"].as_str().unwrap_or("Bearer");
    let mut bytes = scheme.as_bytes().to_vec();
    if !scheme.is_empty() {
        bytes.push(b' ');
    }
    bytes.extend_from_slice(value.expose().trim_ascii());
    let header = HeaderValue::from_bytes(&bytes);
    bytes.fill(0);
    let mut header =
        header.map_err(|_| target.failed("the value of the secret cannot stand in a header"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// The body of an answer. The end of what came is held back until what follows is there: a secret that is cut in two is found.
struct Pieces {
    body: Option<Box<dyn std::io::Read + Send>>,
    value: SecretValue,
    hold: usize,
    held: Vec<u8>,
    left: u64,
    shown: String,
}

impl Pieces {
    fn failed(&mut self, reason: impl Into<String>) -> Problem {
        self.body = None;
        Refused::Address { address: self.shown.clone(), reason: reason.into() }.into()
    }
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let body = self.body.as_mut()?;
        let mut piece = vec![0; PIECE_BYTES];
        let count = match body.read(&mut piece) {
            Ok(count) => count,
            Err(error) => return Some(Err(self.failed(format!("it broke off: {error}")))),
        };
        if self.left < count as u64 {
            return Some(Err(self.failed("it is longer than `fetch_megabytes_max` allows")));
        }
        self.left -= count as u64;
        self.held.extend_from_slice(&piece[..count]);
        if Masks::is_within(self.value.expose(), &self.held) {
            self.body = None;
            return Some(Err(Refused::Echoed { address: self.shown.clone() }.into()));
        }
        if count == 0 {
            self.body = None;
            return Some(Ok(std::mem::take(&mut self.held)));
        }
        let ready = self.held.len().saturating_sub(self.hold);
        let rest = self.held.split_off(ready);
        Some(Ok(std::mem::replace(&mut self.held, rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Time;
    use serde_json::Value;

    fn secret(spec: Value) -> Resource {
        Resource {
            kind: "secret".into(),
            name: "feed".into(),
            version: 1,
            owner: "user:ana".into(),
            labels: std::collections::BTreeMap::new(),
            spec,
            changed_by: "user:ana".into(),
            changed_at: Time(0),
            is_deleted: false,
        }
    }

    #[test]
    fn a_secret_goes_to_its_hosts_and_nowhere_else() {
        let resource =
            secret(json!({"hosts": ["data.example", "data.example:8443", "127.0.0.1:80"]}));
        let check = |url: &str| match Target::new(url, &resource) {
            Ok(target) => target.shown,
            Err(refused) => refused.code().0.to_owned(),
        };
        assert_eq!(check("https://Data.Example/a.csv?key=1"), "https://data.example/a.csv");
        assert_eq!(check("https://data.example:8443/"), "https://data.example:8443/");
        assert_eq!(check("http://127.0.0.1:80/a"), "http://127.0.0.1:80/a");
        for url in [
            "https://data.example.evil/",
            "https://data.example:444/",
            "https://evil/?data.example",
            "https://sub.data.example/",
        ] {
            assert_eq!(check(url), "secret.host", "{url}");
        }
        for url in [
            "http://data.example/",
            "https://data.example@evil/",
            "ftp://data.example/",
            "data",
            "",
        ] {
            assert_eq!(check(url), "secret.fetch", "{url}");
        }
    }

    #[test]
    fn a_secret_for_this_machine_goes_through_no_proxy() {
        let target =
            Target::new("http://localhost:80/a", &secret(json!({"hosts": ["localhost:80"]})));
        let agent = target.expect("a target").agent().expect("an agent");
        assert!(agent.config().proxy().is_none(), "whatever the environment says");
    }

    #[test]
    fn an_answer_that_shows_the_secret_breaks_off_before_it() {
        let value = b"a-very-secret-value";
        let check = |text: &[u8], size: usize| {
            let pieces = Pieces {
                body: Some(Box::new(Slow { text: text.to_vec(), size })),
                value: SecretValue::new(value.to_vec()),
                hold: Masks::longest(value),
                held: Vec::new(),
                left: 1 << 20,
                shown: "https://data.example/".into(),
            };
            pieces.collect::<Result<Vec<_>, _>>().map(|pieces| pieces.concat())
        };
        for size in [1, 7, 100] {
            let clean = b"id,name\n1,a-very-secret-valu\n".to_vec();
            assert_eq!(check(&clean, size).expect("clean"), clean);
            let echo = [&b"before "[..], value, b" behind"].concat();
            assert_eq!(check(&echo, size).expect_err("refused").code, "secret.echoed");
        }
        let long = vec![b'x'; (1 << 20) + 1];
        assert_eq!(check(&long, 1_000).expect_err("refused").code, "secret.fetch");
    }

    struct Slow {
        text: Vec<u8>,
        size: usize,
    }

    impl std::io::Read for Slow {
        fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
            let count = self.size.min(self.text.len()).min(piece.len());
            piece[..count].copy_from_slice(&self.text[..count]);
            self.text.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn a_header_is_made_as_the_manifest_says() {
        let value = SecretValue::new(b"token\n".to_vec());
        let check = |spec: Value| {
            let resource = secret(spec);
            let target = Target { url: String::new(), shown: String::new() };
            let made = header(&resource, &value, &target).expect("a header");
            assert!(made.is_sensitive());
            format!("{}: {}", header_name(&resource), made.to_str().expect("text"))
        };
        assert_eq!(check(json!({})), "authorization: Bearer token");
        assert_eq!(check(json!({"header": "X-Key", "scheme": ""})), "X-Key: token");
    }
}
