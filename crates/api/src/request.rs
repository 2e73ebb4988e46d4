//! From a request to a call: who, with which key, with which parameters.

use crate::Error;
use crate::route::{Line, decode};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use base::{Place, Problem, Time, nearest};
use kernel::{Body, Call, Identity, ResourceRef, Signed};
use serde_json::{Map, Value};
use std::net::IpAddr;

/// The longest idempotency key in bytes.
const KEY_BYTES_MAX: usize = 255;

/// What a request shows to say who sends it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing.
    None,
    /// A token; empty where the header has another form, which no token has.
    Bearer(String),
    /// The token of a session, in the cookie that a sign-in with a browser has set.
    Cookie(String),
    /// A signature over the request, body included.
    Signature,
}

impl Shown {
    /// Returns the token that is shown, however.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Bearer(token) | Self::Cookie(token) => Some(token),
            Self::Signature | Self::None => None,
        }
    }
}

/// The cookie with the token of a browser's session.
pub(crate) const SESSION_COOKIE: &str = "craton_session";

/// Returns what a request shows to say who sends it. A token counts before a signature, and that before a cookie.
///
/// # Errors
/// `http.header_invalid` where it shows two tokens.
pub(crate) fn shown(headers: &HeaderMap) -> Result<Shown, Problem> {
    let is_signed = headers.contains_key("signature") || headers.contains_key("signature-input");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) if is_signed => Ok(Shown::Signature),
        (None, _) => Ok(cookie(headers, SESSION_COOKIE).map_or(Shown::None, Shown::Cookie)),
        (Some(value), None) => Ok(Shown::Bearer(token(value.as_bytes()))),
        _ => Err(Error::Header { name: "Authorization", reason: "it is given twice" }.into()),
    }
}

/// Returns a cookie (RFC 6265). Where a browser sends two of a name, somebody tries something: there is none.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(given, _)| given.trim() == name).map(|(_, value)| value.trim());
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Some(value.to_owned()),
        _ => None,
    }
}

/// Returns whether a browser sends a request on behalf of a page of this unit. What changes something is taken with a cookie
/// only then: a page of somebody else could send it, too, with the cookie of whoever looks at it.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    match (origin, text("host")) {
        (Some((_, origin)), Some(host)) => origin.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// Returns the token of `Bearer TOKEN`; the scheme has no case.
fn token(value: &[u8]) -> String {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") { token.trim().to_owned() } else { String::new() }
}

/// Returns a signed request in the form in which engines check it. The body goes in and can be taken out again.
pub(crate) fn signed(method: &Method, uri: &Uri, headers: &HeaderMap, body: Vec<u8>) -> Signed {
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut kept = std::collections::BTreeMap::new();
    for name in ["signature", "signature-input", "content-digest"] {
        // Several lines of one structured field are one list (RFC 9651, section 4.2).
        let values: Vec<&str> =
            headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        if !values.is_empty() {
            kept.insert(name.to_owned(), values.join(", "));
        }
    }
    Signed { method: method.as_str().to_owned(), path, headers: kept, body }
}

/// Returns the idempotency key.
///
/// # Errors
/// `http.header_invalid`.
fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let name = "Idempotency-Key";
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Header { name, reason: "it is given twice" }.into());
    }
    let text = value.to_str().unwrap_or_default().trim();
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if text.is_empty() || KEY_BYTES_MAX < text.len() || !is_visible {
        return Err(
            Error::Header { name, reason: "it has 1 to 255 visible ASCII characters" }.into()
        );
    }
    Ok(Some(text.to_owned()))
}

/// Returns the media type of the body, lower case, without parameters, where the operation takes it.
///
/// # Errors
/// `http.media_type`.
pub(crate) fn media(line: &Line, headers: &HeaderMap) -> Result<String, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(encoding) = text(header::CONTENT_ENCODING)
        && !encoding.eq_ignore_ascii_case("identity")
    {
        let given = format!("the encoding `{}`", cut(encoding));
        return Err(
            Error::MediaType { given, expected: "the body without an encoding".into() }.into()
        );
    }
    let given = text(header::CONTENT_TYPE).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_taken = match &line.operation.body {
        Body::None | Body::Json(_) => given.is_empty() || is_json(&given),
        Body::Raw(media) => media.contains(&given.as_str()),
    };
    if is_taken {
        return Ok(if given.is_empty() { "application/json".into() } else { given });
    }
    let expected = match &line.operation.body {
        Body::Raw(media) => media.join(" or "),
        Body::None | Body::Json(_) => "application/json".into(),
    };
    let given = if given.is_empty() {
        "a body without Content-Type".into()
    } else {
        format!("`{}`", cut(&given))
    };
    Err(Error::MediaType { given, expected }.into())
}

/// Refuses a body that does not say that it is JSON: a page of somebody else can send any other without being asked.
///
/// # Errors
/// `http.media_type`.
pub(crate) fn is_json_body(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let given = text(header::CONTENT_TYPE).unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if is_json(&media) && text(header::CONTENT_ENCODING).is_none() {
        return Ok(());
    }
    let given = format!("`{}`", cut(given));
    Err(Error::MediaType { given, expected: "application/json".into() }.into())
}

fn is_json(media: &str) -> bool {
    media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// What a request brings besides its credential.
pub(crate) struct Brought<'a> {
    /// The operation.
    pub line: &'a Line,
    /// On what.
    pub resource: ResourceRef,
    /// The query as sent.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// From where it comes.
    pub source: Option<IpAddr>,
}

/// Makes the call of a request.
///
/// # Errors
/// What is wrong with query, headers or body.
pub(crate) fn call(brought: Brought<'_>, identity: Identity) -> Result<Call, Problem> {
    let Brought { line, resource, query, headers, body, source } = brought;
    let operation = &line.operation;
    let mut call = Call::new(operation.name, resource, identity.principal);
    call.scope = identity.scope;
    call.stamp = identity.stamp;
    call.source = source;
    call.bytes = body.len() as u64;
    call.key = key(headers)?;
    let mut args = parameters(line, query)?;
    if let Some(at) = args.remove("at") {
        let at = Time::parse(at.as_str().unwrap_or_default());
        call.at = Some(at.map_err(|problem| problem.at(Place::pointer("/at")))?);
    }
    let is_get = line.method == "GET";
    match &operation.body {
        Body::Raw(_) => {
            call.media = media(line, headers)?;
            call.body = body;
        }
        _ if body.is_empty() => {}
        Body::None if is_get => return Err(Error::BodyUnexpected.into()),
        Body::None => {
            media(line, headers)?;
            if !json(&body)?.is_empty() {
                return Err(Error::BodyUnexpected.into());
            }
        }
        Body::Json(_) => {
            media(line, headers)?;
            for (name, value) in json(&body)? {
                if args.contains_key(&name) {
                    return Err(Error::ParameterRepeated { name }.into());
                }
                args.insert(name, value);
            }
        }
    }
    call.args = Value::Object(args);
    Ok(call)
}

/// Reads the query. Its values stay text: an operation that wants a number reads one from it.
///
/// # Errors
/// `http.target_invalid`, `http.parameter_unknown`, `http.parameter_repeated`.
fn parameters(line: &Line, query: &str) -> Result<Map<String, Value>, Problem> {
    let mut args = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode("query", name, true)?, decode("query", value, true)?);
        let known = || line.operation.query.iter().map(|(name, _)| *name).chain(["at"]);
        if !known().any(|known| known == name) {
            let nearest = nearest(&name, known()).map(str::to_owned);
            return Err(Error::ParameterUnknown { name: cut(&name), nearest }.into());
        }
        if args.contains_key(&name) {
            return Err(Error::ParameterRepeated { name }.into());
        }
        args.insert(name, Value::String(value));
    }
    Ok(args)
}

/// Reads a JSON object. The parser itself refuses more than 127 levels.
///
/// # Errors
/// `http.json_invalid` with line and column.
pub(crate) fn json(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let whole = error.to_string();
        let reason = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(reason, _)| reason);
        // What was sent in place of an object is not repeated: it may be a secret.
        let reason = match reason.rsplit_once(", expected ") {
            Some((found, expected)) if found.starts_with("invalid type") => {
                format!("expected {expected}")
            }
            _ => reason.to_owned(),
        };
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).max(1);
        Error::Json { reason, line: number(error.line()), column: number(error.column()) }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::{Handler, Principal, Reply, Right, operation};
    use serde_json::json;
    use std::sync::Arc;

    fn line(is_get: bool) -> Line {
        let look = Handler::Read(Arc::new(|_, _| Ok(Reply::Value(Value::Null))));
        let operation = operation("stream.read", Right::Read, "", look).queries(&[
            ("limit", "how many"),
            ("is_open", "whether"),
            ("text", "a text"),
        ]);
        let operation = if is_get { operation } else { operation.takes(json!({})) };
        Line { operation, method: if is_get { "GET" } else { "POST" }, route: String::new() }
    }

    fn check(query: &str, body: &str) -> String {
        let line = line(body.is_empty());
        let resource = ResourceRef::new("stream", "orders");
        let headers = HeaderMap::new();
        let brought = Brought {
            line: &line,
            resource,
            query,
            headers: &headers,
            body: body.into(),
            source: None,
        };
        let identity = Identity::of(Principal::User("ana".into()));
        match call(brought, identity) {
            Ok(call) => match call.at {
                Some(at) => format!("{} at {at}", call.args),
                None => call.args.to_string(),
            },
            Err(problem) => {
                let place = problem.place.map(|place| format!(" at {place}")).unwrap_or_default();
                format!("{}: {}{place}", problem.code, problem.message)
            }
        }
    }

    #[test]
    fn query_values_become_parameters() {
        assert_eq!(check("", ""), "{}");
        assert_eq!(check("is_open=true&limit=10", ""), r#"{"is_open":"true","limit":"10"}"#);
        assert_eq!(check("text=a+b%26&limit", ""), r#"{"text":"a b&","limit":""}"#);
        assert_eq!(check("at=2018-10-17T17:30:20Z", ""), "{} at 2018-10-17T17:30:20Z");
    }

    #[test]
    fn wrong_parameters_are_named() {
        assert_eq!(
            check("limt=1", ""),
            "http.parameter_unknown: there is no parameter `limt` at /limt"
        );
        assert_eq!(
            check("limit=1&limit=2", ""),
            "http.parameter_repeated: the parameter `limit` is given twice at /limit"
        );
        assert_eq!(check("at=soon", ""), "time.invalid: `soon` is not an instant at /at");
        assert_eq!(
            check("limit=1", r#"{"limit": 2}"#),
            "http.parameter_repeated: the parameter `limit` is given twice at /limit"
        );
    }

    #[test]
    fn bodies_become_parameters_or_say_where_they_are_wrong() {
        assert_eq!(check("limit=1", r#"{"price": 129.9}"#), r#"{"limit":"1","price":129.9}"#);
        assert_eq!(
            check("", "{\n  \"a\": }"),
            "http.json_invalid: the body is not a JSON object: expected value at 2:8"
        );
        assert!(check("", "[]").starts_with("http.json_invalid"), "{}", check("", "[]"));
        let text = check("", "\"s3cret at line 1\"");
        assert!(text.starts_with("http.json_invalid") && !text.contains("s3cret"), "{text}");
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(
            check("", &deep).contains("recursion limit exceeded at 1:"),
            "{}",
            check("", &deep)
        );
    }

    #[test]
    fn credentials_are_read_from_the_headers() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, axum::http::HeaderValue::from_static(value));
            }
            shown(&headers).ok()
        };
        assert_eq!(check(&[]), Some(Shown::None));
        assert_eq!(check(&[("authorization", "bearer abc")]), Some(Shown::Bearer("abc".into())));
        assert_eq!(check(&[("authorization", "Basic abc")]), Some(Shown::Bearer(String::new())));
        assert_eq!(check(&[("signature-input", "x")]), Some(Shown::Signature));
        let both = [("authorization", "Bearer a"), ("signature", "x")];
        assert_eq!(check(&both), Some(Shown::Bearer("a".into())));
        assert_eq!(check(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), None);
        let session = |text: &str| Some(Shown::Cookie(text.into()));
        assert_eq!(check(&[("cookie", "a=b; craton_session=abc")]), session("abc"));
        assert_eq!(check(&[("cookie", "craton_session=a; craton_session=b")]), Some(Shown::None));
        assert_eq!(check(&[("cookie", "craton_session=")]), Some(Shown::None));
        let bearer = [("cookie", "craton_session=abc"), ("authorization", "Bearer a")];
        assert_eq!(check(&bearer), Some(Shown::Bearer("a".into())));
    }

    #[test]
    fn a_cookie_changes_something_only_for_a_page_of_the_unit() {
        let check = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, axum::http::HeaderValue::from_static(value));
            }
            is_same_origin(&headers)
        };
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        assert!(check(&[("origin", "https://unit.example:8443"), ("host", "unit.example:8443")]));
        assert!(!check(&[
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://u"),
            ("host", "u")
        ]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(!check(&[("origin", "https://evil.example"), ("host", "unit.example")]));
        assert!(!check(&[("host", "unit.example")]));
        assert!(!check(&[("origin", "null"), ("host", "unit.example")]));
    }
}
