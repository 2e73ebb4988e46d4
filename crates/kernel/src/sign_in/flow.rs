//! A sign-in with an identity provider: authorisation code flow with PKCE (RFC 6749, RFC 7636, OpenID Connect Core).
//!
//! `session.begin` says where to send the person, `session.finish` takes what he comes back with. Nothing is kept between the
//! two: what is needed then goes with the caller, sealed. The seal is of this process, so that a restart begins anew.

use super::provider::ProviderSpec;
use super::session::NewSession;
use super::throttle::Try;
use super::{Error, Jwt, WebRequest, jwt, people, provider};
use crate::Read as _;
use crate::secrets::{SecretRef, is_for};
use crate::{Call, Kernel, Principal, Reader, Reply, ResourceRef, scram};
use base::{Kind, Period, Problem, Time, percent_encode};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a person may take to sign in at the provider.
const FLOW_TIME: Period = Period::seconds(600);

/// The longest code of a provider in bytes.
const CODE_BYTES_MAX: usize = 4 << 10;

/// The largest answer with a token in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What a sign-in under way needs to be finished.
#[derive(Serialize, Deserialize)]
struct Flow {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    redirect: String,
    until: Time,
}

impl Flow {
    /// Writes it down so that nobody can change it.
    fn sealed(&self, kernel: &Kernel) -> Result<String, Problem> {
        let text = serde_json::to_vec(self)
            .map_err(|error| crate::Error::Internal { detail: error.to_string() })?;
        let text = URL_SAFE_NO_PAD.encode(text);
        let seal = scram::hmac(seal(kernel), text.as_bytes());
        Ok(format!("{text}.{}", base::hex(&seal)))
    }

    /// Reads what was sealed.
    ///
    /// # Errors
    /// `sign_in.flow`.
    fn open(kernel: &Kernel, key: &str, state: &str) -> Result<Self, Problem> {
        let wrong = |reason| Problem::from(Error::Flow { reason });
        let unsealed = || wrong("its key is not of this unit, or of before its last start");
        let (text, given) = key.rsplit_once('.').ok_or_else(unsealed)?;
        let made = base::hex(&scram::hmac(seal(kernel), text.as_bytes()));
        if !scram::is_same(made.as_bytes(), given.as_bytes()) {
            return Err(unsealed());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| unsealed())?;
        let flow: Self = serde_json::from_slice(&bytes).map_err(|_| unsealed())?;
        if flow.until <= kernel.clock().wall() {
            return Err(wrong("it was begun too long ago"));
        }
        if flow.state != state {
            return Err(wrong("the answer belongs to another sign-in"));
        }
        Ok(flow)
    }

    /// Refuses the answer of another provider than the one to which the person was sent (RFC 9207): each is asked only about what it
    /// has answered itself. `from` is whose way back the person took, `issuer` who the answer says it is from.
    ///
    /// # Errors
    /// `sign_in.flow`.
    fn check_sender(
        &self,
        spec: &ProviderSpec,
        from: Option<&str>,
        issuer: Option<&str>,
    ) -> Result<(), Problem> {
        let is_right = from.is_none_or(|from| from == self.provider)
            && issuer.is_none_or(|issuer| issuer == spec.issuer);
        let reason = "the answer is from another identity provider";
        if is_right { Ok(()) } else { Err(Error::Flow { reason }.into()) }
    }

    /// Returns whether the person comes back over TLS.
    fn is_secure(&self) -> bool {
        self.redirect.starts_with("https://")
    }
}

fn seal(kernel: &Kernel) -> &[u8; 32] {
    kernel.sign_in.seal.get_or_init(|| {
        let mut seal = [0; 32];
        kernel.entropy().fill(&mut seal);
        seal
    })
}

/// Returns 32 random bytes as text, as PKCE wants them.
fn random(kernel: &Kernel) -> String {
    let mut bytes = [0; 32];
    kernel.entropy().fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Says where a person signs in: the operation `session.begin`.
///
/// # Errors
/// `resource.not_found` for a provider that is not declared, `sign_in.provider`, `sign_in.flow`.
pub(crate) fn begin(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Begin {
        provider: String,
        /// The port of this machine on which the command line waits for the person to come back.
        #[serde(default)]
        port: Option<u16>,
    }
    let Begin { provider, port } = call.parameters()?;
    let kernel = reader.kernel();
    let spec = provider::find(reader, &provider)?;
    // Nobody holds a commit while a provider is asked.
    reader.release();
    let redirect = match (port, &spec.url) {
        (Some(port), _) => format!("http://127.0.0.1:{port}/callback"),
        (None, Some(url)) => {
            format!("{}/sign-in/{provider}/callback", url.trim_end_matches('/'))
        }
        (None, None) => {
            let reason = "the manifest of the provider has no `url` for browsers";
            return Err(Error::Flow { reason }.into());
        }
    };
    let document = kernel.sign_in.providers.document(kernel, &provider, &spec)?;
    let flow = Flow {
        provider,
        state: random(kernel),
        nonce: random(kernel),
        verifier: random(kernel),
        redirect,
        until: kernel.clock().wall().plus(FLOW_TIME),
    };
    let challenge = URL_SAFE_NO_PAD.encode(base::sha256(flow.verifier.as_bytes()));
    let scopes: Vec<&str> =
        std::iter::once("openid").chain(spec.scopes.iter().map(String::as_str)).collect();
    let scope = scopes.join(" ");
    let fields: [(&str, &str); 8] = [
        ("response_type", "code"),
        ("client_id", &spec.client_id),
        ("redirect_uri", &flow.redirect),
        ("scope", &scope),
        ("state", &flow.state),
        ("nonce", &flow.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let mut url = document.authorization_endpoint.clone();
    for (name, value) in fields {
        let sign = if url.contains('?') { '&' } else { '?' };
        url.push_str(&format!("{sign}{name}={}", percent_encode(value)));
    }
    Ok(Reply::Value(json!({
        "url": url,
        "state": flow.state,
        "key": flow.sealed(kernel)?,
        "until": flow.until,
        "secure": flow.is_secure(),
    })))
}

/// Exchanges the code that a person came back with, on the caller's thread, and reads who he is.
///
/// # Errors
/// `sign_in.flow`, `sign_in.rejected`, `sign_in.provider`, `sign_in.slowed`.
pub(crate) fn prepare_finish(reader: &Reader, call: &mut Call) -> Result<(), Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Finish {
        key: String,
        state: String,
        code: String,
        /// At whose way back the person came, where each provider has its own.
        #[serde(default)]
        provider: Option<String>,
        /// The `iss` of the answer, where it has one.
        #[serde(default)]
        issuer: Option<String>,
        #[serde(default)]
        #[allow(dead_code, reason = "read from the call where the session is made")]
        summary: String,
    }
    let Finish { key, state, code, provider, issuer, .. } = call.parameters()?;
    let kernel = reader.kernel();
    let flow = Flow::open(kernel, &key, &state)?;
    if CODE_BYTES_MAX < code.len() {
        return Err(Error::Flow { reason: "the code of the provider is too long" }.into());
    }
    let spec = provider::find(reader, &flow.provider)?;
    flow.check_sender(&spec, provider.as_deref(), issuer.as_deref())?;
    reader.release();
    // Codes cannot be guessed, but each guess is a request to the provider.
    let who = Try::new(None, call.source);
    let now = kernel.clock().monotonic();
    kernel.sign_in.throttle.begin(&who, now, kernel.config())?;
    let answer = exchange(reader, &spec, &flow, &code).inspect_err(|problem| {
        if problem.kind == Kind::Unavailable {
            kernel.sign_in.throttle.withdraw(&who);
        }
    })?;
    let text = answer.get("id_token").and_then(Value::as_str).unwrap_or_default();
    let rejected = |reason: String| -> Problem {
        Error::Rejected { provider: flow.provider.clone(), reason }.into()
    };
    let token = Jwt::read(text).map_err(|error| rejected(error.to_string()))?;
    kernel.sign_in.providers.verify(kernel, &flow.provider, &spec, &token)?;
    let expected = jwt::Expected {
        issuer: &spec.issuer,
        audiences: &[&spec.client_id],
        party: Some(&spec.client_id),
        nonce: Some(&flow.nonce),
        now: kernel.clock().wall(),
    };
    token.check(&expected).map_err(rejected)?;
    let person = people::vouched(&flow.provider, &spec, &token)?;
    kernel.sign_in.throttle.right(&who, kernel.config());
    let new = NewSession::of_person(reader, call, person, flow.is_secure())?;
    call.args = json!({});
    new.hand_over(call);
    Ok(())
}

/// Exchanges a code for tokens.
fn exchange(
    reader: &Reader,
    spec: &ProviderSpec,
    flow: &Flow,
    code: &str,
) -> Result<Value, Problem> {
    let kernel = reader.kernel();
    let document = kernel.sign_in.providers.document(kernel, &flow.provider, spec)?;
    let web = kernel.sign_in.web(&flow.provider)?;
    let mut form = vec![
        ("grant_type", "authorization_code".to_owned()),
        ("code", code.to_owned()),
        ("redirect_uri", flow.redirect.clone()),
        ("client_id", spec.client_id.clone()),
        ("code_verifier", flow.verifier.clone()),
    ];
    let mut authorization = None;
    if let Some(secret) = client_secret(reader, spec, flow, &document.token_endpoint)? {
        let methods = document.token_endpoint_auth_methods_supported.as_ref();
        // The header is what a provider takes that says nothing (OpenID Connect Discovery, section 3).
        if methods
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic"))
        {
            let pair = format!("{}:{}", percent_encode(&spec.client_id), percent_encode(&secret));
            authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
        } else {
            form.push(("client_secret", secret));
        }
    }
    let request = WebRequest {
        url: document.token_endpoint.clone(),
        form: Some(form),
        authorization,
        certificate: spec.certificate.clone(),
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    let provider = flow.provider.clone();
    let response = web
        .send(&request)
        .map_err(|reason| Error::Provider { provider: provider.clone(), reason })?;
    let answer: Option<Value> = serde_json::from_slice(&response.body).ok();
    match (response.status, answer) {
        (200, Some(answer)) => Ok(answer),
        (400..=499, answer) => {
            let error = answer.as_ref().and_then(|answer| answer.get("error")?.as_str());
            let reason =
                format!("it does not take the code ({})", word(error.unwrap_or("no reason")));
            Err(Error::Rejected { provider, reason }.into())
        }
        (status, _) => {
            let reason = format!("it answered {status} to the code");
            Err(Error::Provider { provider, reason }.into())
        }
    }
}

/// Returns the secret that the provider has given to the unit, where it has, to be sent to `url` and nowhere else.
///
/// # Errors
/// `sign_in.provider` where the unit has no such secret, or may not send it there.
fn client_secret(
    reader: &Reader,
    spec: &ProviderSpec,
    flow: &Flow,
    url: &str,
) -> Result<Option<String>, Problem> {
    let kernel = reader.kernel();
    let Some(SecretRef { secret: name }) = &spec.client_secret else { return Ok(None) };
    // Whoever signs in is nobody yet, and is not told more than whom to ask.
    let failed = |reason: String| Error::Provider { provider: flow.provider.clone(), reason };
    let unusable =
        |problem: Problem| failed(format!("its secret is not usable ({})", problem.code));
    let resource = reader.resource("secret", name)?;
    let host = provider::host(url);
    if !resource.is_some_and(|resource| is_for(&resource.spec, host)) {
        return Err(failed(format!("its secret does not list `{host}` under `hosts`")).into());
    }
    let part = Principal::Unit("sign-in".into());
    let call = Call::new("session.finish", ResourceRef::new("session", ""), part);
    let value = kernel.secret(reader, name, &call).map_err(unusable)?;
    // Nobody holds a commit while a provider is asked.
    reader.release();
    let text = value.expose_text().ok_or_else(|| failed("its secret is no text".into()))?;
    Ok(Some(text.trim().to_owned()))
}

/// Returns what a provider calls an error, as far as it is a word of RFC 6749.
fn word(text: &str) -> String {
    let is_word = |character: &char| character.is_ascii_lowercase() || "_ ".contains(*character);
    text.chars().filter(is_word).take(40).collect()
}
