//! An identity provider in memory, and a unit that takes its people.

use super::unit::{Moved, Unit, manifest};
use base::{Clock, Problem, SeededEntropy};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use kernel::secrets::{KeySource, SecretKey};
use kernel::{Web, WebRequest, WebResponse};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub const ISSUER: &str = "https://id.example";

/// An identity provider in memory.
pub struct Provider {
    key: SigningKey,
    /// The claims that its next token has, beside the usual ones.
    claims: Mutex<Value>,
    asked: Mutex<BTreeMap<String, u32>>,
    /// Held by a test while the provider does not answer.
    pub answers: Mutex<()>,
    pub nonce: Mutex<String>,
    pub clock: Arc<Moved>,
}

impl Provider {
    pub fn token(&self, further: &Value) -> String {
        let now = self.clock.wall().0 / 1_000;
        let mut claims = json!({
            "iss": ISSUER, "aud": "craton", "sub": "ana", "iat": now, "exp": now + 300,
            "nonce": *self.nonce.lock().expect("a lock"),
        });
        for (name, value) in further.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": "k1"})), part(&claims));
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn asked(&self, url: &str) -> u32 {
        self.asked.lock().expect("a lock").get(url).copied().unwrap_or_default()
    }
}

impl Web for Provider {
    fn send(&self, request: &WebRequest) -> Result<WebResponse, String> {
        *self.asked.lock().expect("a lock").entry(request.url.clone()).or_default() += 1;
        drop(self.answers.lock().expect("a lock"));
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().to_bytes());
        let body = match request.url.strip_prefix(ISSUER) {
            Some("/.well-known/openid-configuration") => json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/authorize"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
            }),
            Some("/keys") => {
                json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]})
            }
            Some("/token") => {
                let form: BTreeMap<_, _> =
                    request.form.clone().unwrap_or_default().into_iter().collect();
                if form["code"] != "good"
                    || request.authorization.as_deref() != Some("Basic Y3JhdG9uOnMlM0FjcmV0")
                {
                    let body = br#"{"error": "invalid_grant"}"#.to_vec();
                    return Ok(WebResponse { status: 400, body });
                }
                json!({"id_token": self.token(&self.claims.lock().expect("a lock").clone())})
            }
            _ => return Err("there is nothing".into()),
        };
        Ok(WebResponse { status: 200, body: body.to_string().into_bytes() })
    }
}

pub fn with_provider() -> (Unit, Arc<Provider>) {
    let unit = Unit::new();
    let provider = Arc::new(Provider {
        key: SigningKey::from_bytes(&[5; 32]),
        claims: Mutex::new(json!({"groups": ["sales"]})),
        asked: Mutex::default(),
        answers: Mutex::default(),
        nonce: Mutex::default(),
        clock: Arc::clone(&unit.clock),
    });
    unit.kernel.set_web(provider.clone());
    let key = SecretKey::generate(&SeededEntropy::new(9));
    unit.kernel.unlock("unit", Arc::new(Key(key))).expect("unlocked");
    unit.apply(
        "user:olga",
        with_manifests(json!({"sales": ["viewer"], "it": ["owner"]}), json!(null)),
    );
    let value = json!({"value": "s:cret"});
    unit.ask("user:olga", "secret.set", ("secret", "acme"), value).expect("set");
    (unit, provider)
}

/// The people of the unit, with a provider that maps groups, and vera at it.
pub fn with_manifests(map: Value, identity: Value) -> Value {
    json!([
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest("User", "vera", json!({"roles": ["analyst"], "identity": identity})),
        manifest("Secret", "acme", json!({"hosts": ["id.example"]})),
        manifest(
            "IdentityProvider",
            "acme",
            json!({
                "issuer": ISSUER, "client_id": "craton", "client_secret": {"secret": "acme"},
                "roles": {"claim": "groups", "map": map},
            })
        ),
    ])
}

/// The secret key of a unit, in memory.
struct Key(SecretKey);

impl KeySource for Key {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        Ok(vec![self.0.clone()])
    }

    fn add(&self, _key: &SecretKey) -> Result<bool, Problem> {
        Ok(false)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        "the test".into()
    }
}

/// Goes to the provider and comes back with a code; returns what finishes the sign-in.
pub fn way_back(unit: &Unit, provider: &Provider, code: &str) -> Result<Value, Problem> {
    let begin = json!({"provider": "acme", "port": 4_000});
    let begun = unit.ask("anonymous", "session.begin", ("session", ""), begin)?;
    let url = begun["url"].as_str().expect("an address");
    assert!(
        url.starts_with("https://id.example/authorize?response_type=code&client_id=craton&"),
        "{url}"
    );
    assert!(url.contains(
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A4000%2Fcallback&scope=openid%20profile%20email&"
    ));
    let nonce =
        url.split("nonce=").nth(1).and_then(|rest| rest.split('&').next()).expect("a nonce");
    *provider.nonce.lock().expect("a lock") = nonce.to_owned();
    Ok(json!({"key": begun["key"], "state": begun["state"], "code": code}))
}

/// Goes to the provider, comes back with a code and signs in.
pub fn through_provider(unit: &Unit, provider: &Provider, code: &str) -> Result<Value, Problem> {
    let finish = way_back(unit, provider, code)?;
    unit.ask("anonymous", "session.finish", ("session", ""), finish)
}
