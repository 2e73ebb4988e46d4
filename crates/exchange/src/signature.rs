//! Signatures over HTTP requests: RFC 9421 with Ed25519, and Content-Digest by RFC 9530.
//!
//! A request of a peer covers at least `@method` and `@path`, `@query` where there is a query, and `content-digest`
//! where there is a body. Its parameter `tag` names the unit it is meant for, so that no other unit can be shown it.

use crate::Error;
use crate::identity::{Identity, Signed as KeySigned};
use base::{Time, hex, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;

/// The longest header that is read, in bytes.
const HEADER_BYTES_MAX: usize = 4_096;

/// A request on its way to a peer.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The method in upper case.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Path and query.
    pub path: String,
    /// The headers that must be sent.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// The certificate (PEM) that the peer's server must show, where no authority vouches for it.
    pub tls_certificate: Option<String>,
}

/// What a signed request says about itself, before its signature is checked.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The unit that says it signed.
    pub unit: String,
    /// The signature with the number of its key.
    pub signed: KeySigned,
    /// When it was signed.
    pub created: Time,
    /// What makes it unique.
    pub nonce: String,
    /// The unit it is meant for.
    pub tag: String,
    /// The bytes that are signed.
    pub base: String,
}

/// Returns the value of the header `content-digest` for a body.
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256(body)))
}

/// Signs a request to unit `to` in the name of `identity`; returns the headers to send.
///
/// # Errors
/// `peer.card` where no key is valid at `wall`.
pub fn sign(
    identity: &Identity,
    to: &str,
    request: &Request,
    wall: Time,
    nonce: u64,
) -> Result<BTreeMap<String, String>, Error> {
    let number = identity.key_number(wall)?;
    let created = wall.0.div_euclid(1_000);
    let mut headers =
        BTreeMap::from([("content-digest".to_owned(), content_digest(&request.body))]);
    let query = if request.path.contains('?') { " \"@query\"" } else { "" };
    let parameters = format!(
        "(\"@method\" \"@path\"{query} \"content-digest\");created={created};nonce=\"{nonce:016x}\";\
         keyid=\"{}:{number}\";alg=\"ed25519\";tag=\"{to}\"",
        identity.unit()
    );
    let covered = parse_parameters(&parameters)?;
    let base = base_of(&covered, &parameters, &request.method, &request.path, &headers)?;
    let signed = identity.sign(wall, base.as_bytes())?;
    headers.insert("signature-input".into(), format!("sig1={parameters}"));
    headers.insert("signature".into(), format!("sig1=:{}:", signed.signature));
    Ok(headers)
}

/// Reads what a signed request says about itself; `None` where the signature is not of a unit's kind.
///
/// # Errors
/// `exchange.signature` where headers are malformed, do not cover what they must, or the body was altered.
pub fn claim(signed: &kernel::Signed) -> Result<Option<Claim>, Error> {
    let refuse = |reason: &str| Error::Signature { reason: reason.into() };
    let Some((label, parameters, covered)) = input_of(signed)? else { return Ok(None) };
    let signature = signed.headers.get("signature").map_or("", String::as_str);
    let Some((unit, number)) = covered.key_id() else { return Ok(None) };
    let value = signature
        .trim()
        .strip_prefix(label.trim())
        .and_then(|rest| rest.strip_prefix("=:"))
        .and_then(|rest| rest.strip_suffix(':'))
        .ok_or_else(|| refuse("the headers signature and signature-input do not fit together"))?;
    covered.check(signed)?;
    let base = base_of(&covered, parameters.trim(), &signed.method, &signed.path, &signed.headers)?;
    let created =
        covered.number("created").ok_or_else(|| refuse("the parameter created is missing"))?;
    let text = |name: &str| {
        covered.text(name).ok_or_else(|| refuse(&format!("the parameter {name} is missing")))
    };
    Ok(Some(Claim {
        unit,
        signed: KeySigned { key: number, signature: value.into() },
        created: Time(created.saturating_mul(1_000)),
        nonce: text("nonce")?,
        tag: text("tag")?,
        base,
    }))
}

/// Reads which unit a signed request says it is from, without its body; `None` where the signature is not of a unit's kind. Nothing is
/// checked.
///
/// # Errors
/// `exchange.signature` where headers are malformed.
pub(crate) fn claimed_unit(signed: &kernel::Signed) -> Result<Option<String>, Error> {
    let covered = input_of(signed)?.map(|(_, _, covered)| covered);
    Ok(covered.and_then(|covered| covered.key_id()).map(|(unit, _)| unit))
}

/// Reads `signature-input`: its label, its text, and what that says. `None` where the request is not signed.
fn input_of(signed: &kernel::Signed) -> Result<Option<(&str, &str, Covered)>, Error> {
    let refuse = |reason: &str| Error::Signature { reason: reason.into() };
    let header = |name: &str| signed.headers.get(name).map(String::as_str);
    let (Some(input), Some(signature)) = (header("signature-input"), header("signature")) else {
        return Ok(None);
    };
    if HEADER_BYTES_MAX < input.len() || HEADER_BYTES_MAX < signature.len() {
        return Err(refuse("a header is too long"));
    }
    let (label, parameters) =
        input.split_once('=').ok_or_else(|| refuse("signature-input has no label"))?;
    Ok(Some((label, parameters, parse_parameters(parameters)?)))
}

/// What `signature-input` says.
#[derive(Debug, Default)]
struct Covered {
    components: Vec<String>,
    parameters: BTreeMap<String, String>,
}

impl Covered {
    fn text(&self, name: &str) -> Option<String> {
        self.parameters.get(name)?.strip_prefix('"')?.strip_suffix('"').map(Into::into)
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.parameters.get(name)?.parse().ok()
    }

    /// Returns unit and number out of `UNIT:NUMBER`.
    fn key_id(&self) -> Option<(String, u64)> {
        let id = self.text("keyid")?;
        let (unit, number) = id.split_once(':')?;
        base::is_digest(unit).then(|| Some((unit.to_owned(), number.parse().ok()?)))?
    }

    fn check(&self, signed: &kernel::Signed) -> Result<(), Error> {
        let refuse = |reason: &str| Err(Error::Signature { reason: reason.into() });
        let covers = |name: &str| self.components.iter().any(|component| component == name);
        if self.text("alg").is_some_and(|alg| alg != "ed25519") {
            return refuse("the algorithm is not ed25519");
        }
        if !covers("@method") || !covers("@path") {
            return refuse("method and path are not covered");
        }
        if signed.path.contains('?') && !covers("@query") {
            return refuse("the query is not covered");
        }
        if signed.body.is_empty() && !covers("content-digest") {
            return Ok(());
        }
        if !covers("content-digest") {
            return refuse("the content-digest is not covered");
        }
        let digests = signed.headers.get("content-digest").map_or("", String::as_str);
        let digest = digests.split(',').find(|digest| digest.trim().starts_with("sha-256=:"));
        if digest.map(str::trim) == Some(content_digest(&signed.body).as_str()) {
            return Ok(());
        }
        refuse("the body is not the one that was signed")
    }
}

/// Reads `("a" "b");name=value;…`, the form of a signature's parameters.
fn parse_parameters(text: &str) -> Result<Covered, Error> {
    let malformed = || Error::Signature { reason: "signature-input is malformed".into() };
    let text = text.trim();
    let (components, mut rest) =
        text.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(malformed)?;
    let mut covered = Covered::default();
    for component in components.split_whitespace() {
        let name = component
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'))
            .ok_or_else(malformed)?;
        let is_new = !covered.components.iter().any(|known| known == name);
        if name.contains('"') || !is_new {
            return Err(malformed());
        }
        covered.components.push(name.into());
    }
    while let Some(parameter) = rest.strip_prefix(';') {
        let (name, value) = parameter.split_once('=').ok_or_else(malformed)?;
        let length = match value.strip_prefix('"') {
            Some(inner) => inner.find('"').ok_or_else(malformed)? + 2,
            None => value.find(';').unwrap_or(value.len()),
        };
        let before = covered.parameters.insert(name.trim().into(), value[..length].into());
        if before.is_some() {
            return Err(malformed());
        }
        rest = &value[length..];
    }
    if rest.is_empty() { Ok(covered) } else { Err(malformed()) }
}

/// Returns the signature base (RFC 9421, 2.5).
fn base_of(
    covered: &Covered,
    parameters: &str,
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> Result<String, Error> {
    let mut base = String::new();
    let (path, query) = path
        .split_once('?')
        .map_or((path, String::from("?")), |(path, query)| (path, format!("?{query}")));
    for component in &covered.components {
        let value = match component.as_str() {
            "@method" => method.to_owned(),
            "@path" => path.to_owned(),
            "@query" => query.clone(),
            "@authority" => headers.get("host").cloned().unwrap_or_default().to_lowercase(),
            name if !name.starts_with('@') => {
                headers.get(name).map(|value| value.trim().to_owned()).ok_or_else(|| {
                    Error::Signature { reason: format!("the covered header {name} is missing") }
                })?
            }
            name => {
                return Err(Error::Signature {
                    reason: format!("the component {name} is not supported"),
                });
            }
        };
        base.push_str(&format!("\"{component}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    Ok(base)
}

/// Returns what stands for a nonce in the list of those seen.
pub(crate) fn nonce_id(unit: &str, nonce: &str) -> u128 {
    let digest = sha256(format!("{unit} {nonce}").as_bytes());
    digest.first_chunk::<16>().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

/// Returns 16 random bytes of a seed as hex, for ids that must not repeat.
pub(crate) fn random_id(entropy: &dyn base::Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    hex(&bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use base::SeededEntropy;
    use ed25519_dalek::{Signature, VerifyingKey};

    const NOW: Time = Time(1_700_000_000_500);

    fn signed_request(identity: &Identity, path: &str, body: &[u8]) -> kernel::Signed {
        let request = Request {
            method: "POST".into(),
            path: path.into(),
            body: body.into(),
            ..Request::default()
        };
        let headers = sign(identity, &"b".repeat(64), &request, NOW, 7).unwrap();
        kernel::Signed { method: request.method, path: request.path, headers, body: request.body }
    }

    #[test]
    fn the_base_and_the_signature_are_those_of_the_rfc() {
        // RFC 9421, B.2.6.
        let headers: BTreeMap<String, String> = [
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("host", "example.com"),
            ("content-type", "application/json"),
            ("content-length", "18"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        let parameters = "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
                          ;created=1618884473;keyid=\"test-key-ed25519\"";
        let covered = parse_parameters(parameters).unwrap();
        let base =
            base_of(&covered, parameters, "POST", "/foo?param=Value&Pet=dog", &headers).unwrap();
        let key = STANDARD.decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").unwrap();
        let key = VerifyingKey::from_bytes(&key.try_into().unwrap()).unwrap();
        let signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
        let signature = Signature::from_slice(&STANDARD.decode(signature).unwrap()).unwrap();
        key.verify_strict(base.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn a_digest_is_that_of_the_rfc() {
        // RFC 9530, appendix B: {"hello": "world"} and a line feed.
        assert_eq!(
            content_digest(b"{\"hello\": \"world\"}\n"),
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
    }

    #[test]
    fn a_signed_request_says_whose_it_is_before_its_body_comes() {
        let identity = Identity::generate("a", &SeededEntropy::new(1), NOW);
        let mut signed = signed_request(&identity, "/v1/exchange/messages", b"{}");
        signed.body.clear();
        assert!(claimed_unit(&signed).unwrap().is_some_and(|unit| unit == identity.unit()));
        signed.headers.insert("signature-input".into(), "sig1=rubbish".into());
        assert!(claimed_unit(&signed).is_err());
        signed.headers.clear();
        assert!(claimed_unit(&signed).unwrap().is_none());
    }

    #[test]
    fn a_signed_request_verifies_and_no_altered_one_does() {
        let identity = Identity::generate("a", &SeededEntropy::new(1), NOW);
        let card = identity.card(None, None);
        let check = |signed: &kernel::Signed| {
            let claim = claim(signed)?.expect("a unit's signature");
            card.check(&claim.signed, claim.created, claim.base.as_bytes())
        };
        let good = signed_request(&identity, "/v1/exchange/messages?x=1", b"{}");
        check(&good).unwrap();
        let alter: [fn(&mut kernel::Signed); 6] = [
            |signed| signed.method = "PUT".into(),
            |signed| signed.path = "/v1/exchange/other?x=1".into(),
            |signed| signed.path = "/v1/exchange/messages?x=2".into(),
            |signed| signed.body = b"{ }".to_vec(),
            |signed| {
                let input = &signed.headers["signature-input"];
                let input =
                    input.replace("nonce=\"0000000000000007\"", "nonce=\"0000000000000008\"");
                signed.headers.insert("signature-input".into(), input);
            },
            |signed| {
                let input = signed.headers["signature-input"].replace(" \"content-digest\"", "");
                signed.headers.insert("signature-input".into(), input);
            },
        ];
        for change in alter {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(check(&bad).is_err());
        }
    }

    #[test]
    fn malformed_headers_are_refused_and_foreign_ones_left_to_others() {
        let identity = Identity::generate("a", &SeededEntropy::new(1), NOW);
        let good = signed_request(&identity, "/v1/x", b"");
        for input in
            ["", "sig1", "sig1=(", "sig1=()x", "sig1=(\"a\" \"a\");keyid=\"1\"", "sig1=(a)"]
        {
            let mut bad = good.clone();
            bad.headers.insert("signature-input".into(), input.into());
            assert!(claim(&bad).is_err(), "{input}");
        }
        let mut foreign = good;
        foreign
            .headers
            .insert("signature-input".into(), "sig1=(\"@method\");keyid=\"somebody\"".into());
        assert!(claim(&foreign).unwrap().is_none());
    }
}
