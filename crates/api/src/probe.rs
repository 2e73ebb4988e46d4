//! No door without a check: a black-box test generated from the tables of operations. It tries every operation over HTTP
//! without a credential, with a forged one, with a token whose user may not, and with a token whose user may, and says which
//! doors stood open.
//!
//! Meant for tests: it runs whatever the right token may do, so give it a unit that may be thrown away.

use crate::route::{Line, lines};
use base::percent_encode;
use kernel::{Body, Kernel, Operation, ResourceRef};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The longest wait for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Who tries a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Visitor {
    /// Somebody without a credential.
    Nobody,
    /// Somebody with a token that was never given out.
    Forger,
    /// A user whose roles do not permit it.
    Wrong,
    /// A user whose roles permit it.
    Right,
}

/// One try and what came of it.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The operation.
    pub operation: &'static str,
    /// Who.
    pub visitor: Visitor,
    /// Method and path.
    pub request: String,
    /// The status of the answer.
    pub status: u16,
    /// The code of the refusal, empty where there was none.
    pub code: String,
}

/// The doors of one unit, and who tries them.
pub struct Doors<'a> {
    /// Where the unit serves plain HTTP.
    pub address: SocketAddr,
    /// The token of a user who may do nothing.
    pub wrong: &'a str,
    /// The token of a user who may do everything.
    pub right: &'a str,
    /// Operations that anybody may do, by the shipped policies.
    pub open_to_all: &'a [&'a str],
    /// Operations that every known user may do, by the shipped policies.
    pub open_to_users: &'a [&'a str],
}

/// What the visits showed.
#[derive(Debug, Default)]
pub struct Findings {
    /// Doors that stood open, or broke: each a sentence. Empty where all is well.
    pub faults: Vec<String>,
    /// Operations for which the refusal of the wrong user looks like the answer to the right one, because the resource is not
    /// there: give the name of one that is.
    pub undecided: Vec<&'static str>,
    /// How many operations were tried.
    pub operations: usize,
}

impl Doors<'_> {
    /// Tries every operation of a kernel. `resource` says on which resource; only its name counts for operations whose kind
    /// is fixed. Operations that delete come last.
    ///
    /// # Errors
    /// Where the unit does not answer.
    pub fn try_all(
        &self,
        kernel: &Kernel,
        resource: &dyn Fn(&Operation) -> ResourceRef,
    ) -> io::Result<Findings> {
        let mut lines = lines(kernel);
        lines.sort_by_key(|line| (line.method == "DELETE", line.operation.name));
        let mut findings = Findings { operations: lines.len(), ..Findings::default() };
        let mut hidden = BTreeSet::new();
        // All refusals first: what the right user does may change what is there.
        for visitors in [&[Visitor::Nobody, Visitor::Forger, Visitor::Wrong][..], &[Visitor::Right]]
        {
            for line in &lines {
                for visitor in visitors {
                    let visit = self.visit(line, &resource(&line.operation), *visitor)?;
                    findings.faults.extend(self.fault(&visit));
                    match (visitor, visit.status) {
                        (Visitor::Wrong, 404) if !self.open_to_users.contains(&visit.operation) => {
                            hidden.insert(visit.operation);
                        }
                        (Visitor::Right, 404) if hidden.contains(visit.operation) => {
                            findings.undecided.push(visit.operation);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(findings)
    }

    fn visit(&self, line: &Line, resource: &ResourceRef, visitor: Visitor) -> io::Result<Visit> {
        let path = path(line, resource);
        let token = match visitor {
            Visitor::Nobody => None,
            Visitor::Forger => {
                Some("craton_0000000000000000000000000000000000000000000000000000000000000000")
            }
            Visitor::Wrong => Some(self.wrong),
            Visitor::Right => Some(self.right),
        };
        let (media, body) = sample(line);
        let mut headers = Vec::new();
        let authorization = token.map(|token| format!("Bearer {token}"));
        headers.extend(authorization.iter().map(|value| ("authorization", value.as_str())));
        headers.extend(media.map(|media| ("content-type", media)));
        // A connection of its own: what one visitor does must not help the next.
        let answer = Client::connect(self.address)?.send(line.method, &path, &headers, &body)?;
        let code = match serde_json::from_slice::<Value>(&answer.body) {
            Ok(value) if 400 <= answer.status => {
                value["code"].as_str().unwrap_or_default().to_owned()
            }
            _ => String::new(),
        };
        let request = format!("{} {path}", line.method);
        Ok(Visit { operation: line.operation.name, visitor, request, status: answer.status, code })
    }

    /// Says what is wrong with what came of a visit.
    fn fault(&self, visit: &Visit) -> Option<String> {
        let is_open_to_all = self.open_to_all.contains(&visit.operation);
        let is_open = is_open_to_all || self.open_to_users.contains(&visit.operation);
        let is_well = match visit.visitor {
            _ if 500 <= visit.status => false,
            Visitor::Nobody if is_open_to_all => true,
            Visitor::Nobody | Visitor::Forger => visit.status == 401 && !visit.code.is_empty(),
            Visitor::Wrong if is_open => visit.status != 401,
            Visitor::Wrong => matches!(visit.status, 403 | 404) && !visit.code.is_empty(),
            Visitor::Right => !matches!(visit.status, 401 | 403),
        };
        let Visit { operation, visitor, request, status, code } = visit;
        (!is_well)
            .then(|| format!("{operation} for {visitor:?}: `{request}` answered {status} {code}"))
    }
}

/// Returns the path of an operation on a resource.
fn path(line: &Line, resource: &ResourceRef) -> String {
    let (kind, name) = (percent_encode(&resource.kind), percent_encode(&resource.name));
    line.route.replace("{kind}", &kind).replace("{name}", &name)
}

/// Returns a small body that fits an operation's table, with its media type.
fn sample(line: &Line) -> (Option<&'static str>, Vec<u8>) {
    match &line.operation.body {
        Body::None => (None, Vec::new()),
        Body::Json(schema) => {
            (Some("application/json"), value(schema, schema, 0).to_string().into_bytes())
        }
        Body::Raw(media) => (media.first().copied(), b"{}".to_vec()),
    }
}

/// Returns a value of a JSON schema: what is required and nothing else.
fn value(schema: &Value, root: &Value, depth: usize) -> Value {
    if let Some(target) = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#')) {
        let target = root.pointer(target).filter(|_| depth < 8);
        return target.map_or(Value::Null, |target| value(target, root, depth + 1));
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    let form = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("object");
    match (form, schema["format"].as_str()) {
        ("string", Some("date-time")) => json!("2030-01-01T00:00:00Z"),
        ("string", _) => json!("probe"),
        ("integer" | "number", _) => json!(1),
        ("boolean", _) => json!(false),
        ("array", _) => json!([]),
        ("null", _) => Value::Null,
        _ => {
            let required =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let field =
                |name: &str| (name.to_owned(), value(&schema["properties"][name], root, depth + 1));
            Value::Object(required.map(field).collect::<Map<_, _>>())
        }
    }
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A plain HTTP/1.1 client over one connection, which shares no code with the server.
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Where nobody listens.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and waits for the answer. The connection can be used again.
    ///
    /// # Errors
    /// Where the connection breaks or the answer is no HTTP.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: unit\r\n").into_bytes();
        for (name, value) in headers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        if !body.is_empty() || method == "POST" {
            write!(bytes, "content-length: {}\r\n", body.len())?;
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        self.write(&bytes)?;
        self.read(method == "HEAD")
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// Where the connection breaks.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// Where the connection is broken.
    pub fn end(&mut self) -> io::Result<()> {
        self.stream.get_mut().shutdown(std::net::Shutdown::Write)
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// Where the connection breaks or the answer is no HTTP.
    pub fn read(&mut self, is_head: bool) -> io::Result<Answer> {
        let line = self.line()?;
        let status =
            line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        let mut headers = BTreeMap::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let mut body = Vec::new();
        if is_head || status == 204 || status == 304 {
            return Ok(Answer { status, headers, body });
        }
        if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).map_err(|_| broken())?;
                let piece = self.exactly(size)?;
                self.line()?;
                body.extend(piece);
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = headers.get("content-length") {
            body = self.exactly(length.parse().map_err(|_| broken())?)?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(Answer { status, headers, body })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn exactly(&mut self, size: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; size];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn broken() -> io::Error {
    io::ErrorKind::InvalidData.into()
}
