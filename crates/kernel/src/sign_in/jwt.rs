//! JSON Web Tokens of identity providers (RFC 7519, RFC 7515): read within limits, then verified, then held against what is
//! expected. Three algorithms are taken: RS256, ES256 and EdDSA over Ed25519. `none` and HMAC are not: whoever knows the key of
//! an HMAC can sign, too.

use super::Error;
use base::Time;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

/// The longest token in bytes.
const JWT_BYTES_MAX: usize = 16 << 10;

/// How far the clocks of provider and unit may be apart, in seconds.
const LEEWAY: i64 = 60;

/// Keys of one provider that are looked at.
const KEYS_MAX: usize = 100;

/// A key of a provider, good for one algorithm.
#[derive(Clone)]
pub(crate) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// A token as read. Nothing in it is to be believed before it is verified and checked.
pub(crate) struct Jwt<'a> {
    algorithm: Algorithm,
    key_id: Option<String>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: &'a str,
}

/// What a token must say.
pub(crate) struct Expected<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud` must have one of them.
    pub audiences: &'a [&'a str],
    /// `azp`, where the token has several audiences.
    pub party: Option<&'a str>,
    /// `nonce`.
    pub nonce: Option<&'a str>,
    /// The wall time.
    pub now: Time,
}

/// Returns whether a credential has the form of a JWT.
pub(crate) fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl<'a> Jwt<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// `token.invalid` where it is none, or wants an algorithm that is not taken.
    pub(crate) fn read(text: &'a str) -> Result<Self, Error> {
        let wrong = |reason| Error::Jwt { reason };
        if JWT_BYTES_MAX < text.len() {
            return Err(wrong("it is too long"));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(wrong("it has no three parts"))?;
        let (header, claims) = signed.split_once('.').ok_or(wrong("it has no three parts"))?;
        if claims.contains('.') {
            return Err(wrong("it has more than three parts"));
        }
        let header = object(header).ok_or(wrong("its header is no JSON object"))?;
        if header.contains_key("crit") {
            return Err(wrong("its header asks for what this unit does not know"));
        }
        let algorithm = match header.get("alg").and_then(Value::as_str) {
            Some("RS256") => Algorithm::RS256,
            Some("ES256") => Algorithm::ES256,
            Some("EdDSA") => Algorithm::EdDSA,
            _ => return Err(wrong("it is not signed with RS256, ES256 or EdDSA")),
        };
        let key_id = header.get("kid").and_then(Value::as_str).map(str::to_owned);
        let claims = object(claims).ok_or(wrong("its claims are no JSON object"))?;
        Ok(Self { algorithm, key_id, claims, signed, signature })
    }

    /// Returns a claim that is text.
    pub(crate) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// Returns a claim by its name, or by the names on the way to it: `realm_access.roles`.
    pub(crate) fn at(&self, path: &str) -> Option<&Value> {
        if let Some(found) = self.claims.get(path) {
            return Some(found);
        }
        let mut names = path.split('.');
        let first = self.claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    /// Returns a claim that is a number of seconds.
    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        let number = self.claims.get(name)?;
        // Seconds may have a fraction (RFC 7519, section 2); beyond the range of times the cast keeps to its ends.
        number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
    }

    /// Returns the keys of a set that may have signed it.
    pub(crate) fn keys<'k>(&self, keys: &'k [Key]) -> Vec<&'k Key> {
        let fits = |key: &&Key| {
            let is_named = match (&self.key_id, &key.id) {
                (Some(own), Some(other)) => own == other,
                (Some(_), None) | (None, _) => true,
            };
            is_named && key.algorithm == self.algorithm
        };
        keys.iter().filter(fits).collect()
    }

    /// Returns whether one of the keys has signed it.
    pub(crate) fn is_signed_by(&self, keys: &[&Key]) -> bool {
        keys.iter().any(|key| {
            let message = self.signed.as_bytes();
            let verified =
                jsonwebtoken::crypto::verify(self.signature, message, &key.key, key.algorithm);
            key.algorithm == self.algorithm && verified.unwrap_or(false)
        })
    }

    /// Holds a token that is signed against what it must say.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), String> {
        let now = expected.now.0.div_euclid(1_000);
        if self.claim("iss") != Some(expected.issuer) {
            return Err("it was issued by somebody else".into());
        }
        let audiences: Vec<&str> = match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !audiences.iter().any(|audience| expected.audiences.contains(audience)) {
            return Err("it is for somebody else".into());
        }
        let party = self.claim("azp");
        if expected.party.is_some()
            && (1 < audiences.len() || party.is_some())
            && party != expected.party
        {
            return Err("it was given to another client".into());
        }
        let Some(expires) = self.seconds("exp") else { return Err("it never ends".into()) };
        if expires.saturating_add(LEEWAY) <= now {
            return Err("it has expired".into());
        }
        // By it the unit tells an older word from a newer one (OpenID Connect Core, section 2).
        if self.seconds("iat").is_none() {
            return Err("it does not say when it was issued".into());
        }
        let is_early = |name| self.seconds(name).is_some_and(|at| now < at.saturating_sub(LEEWAY));
        if is_early("nbf") || is_early("iat") {
            return Err("it is not valid yet".into());
        }
        if expected.nonce.is_some() && self.claim("nonce") != expected.nonce {
            return Err("it belongs to another sign-in".into());
        }
        Ok(())
    }
}

/// Reads the keys of a provider (RFC 7517). What is of another kind, or for another use, is left out.
pub(crate) fn keys(document: &Value) -> Vec<Key> {
    let all = document.get("keys").and_then(Value::as_array).into_iter().flatten();
    all.take(KEYS_MAX).filter_map(key).collect()
}

fn key(jwk: &Value) -> Option<Key> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|of| of != "sig") {
        return None;
    }
    let (algorithm, name, key) = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let key = DecodingKey::from_rsa_components(text("n")?, text("e")?);
            (Algorithm::RS256, "RS256", key)
        }
        ("EC", Some("P-256")) => {
            let key = DecodingKey::from_ec_components(text("x")?, text("y")?);
            (Algorithm::ES256, "ES256", key)
        }
        ("OKP", Some("Ed25519")) => {
            (Algorithm::EdDSA, "EdDSA", DecodingKey::from_ed_components(text("x")?))
        }
        _ => return None,
    };
    let is_for_it = text("alg").is_none_or(|of| of == name || (name == "EdDSA" && of == "Ed25519"));
    let key = key.ok().filter(|_| is_for_it)?;
    Some(Key { id: text("kid").map(str::to_owned), algorithm, key })
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Entropy, SeededEntropy};
    use ed25519_dalek::{Signer, SigningKey};
    use serde_json::json;

    const ISSUER: &str = "https://id.example";

    fn signing_key() -> SigningKey {
        SigningKey::from_bytes(&[9; 32])
    }

    fn key_set() -> Vec<Key> {
        let x = URL_SAFE_NO_PAD.encode(signing_key().verifying_key().to_bytes());
        keys(&json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "kid": "e1", "x": x, "use": "sig"},
            {"kty": "oct", "kid": "h1", "k": "c2VjcmV0"},
            {"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"},
            "nonsense",
        ]}))
    }

    fn encoded(value: &Value) -> String {
        URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn signed(header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header), encoded(claims));
        let signature = signing_key().sign(message.as_bytes()).to_bytes();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn claims() -> Value {
        json!({"iss": ISSUER, "aud": "craton", "sub": "ana", "exp": 2_000, "iat": 1_000, "nonce": "n"})
    }

    /// Reads, verifies and checks at second 1,500; returns what is wrong.
    fn check(text: &str) -> String {
        let token = match Jwt::read(text) {
            Ok(token) => token,
            Err(error) => return error.to_string(),
        };
        let keys = key_set();
        if !token.is_signed_by(&token.keys(&keys)) {
            return "not signed".into();
        }
        let expected = Expected {
            issuer: ISSUER,
            audiences: &["craton"],
            party: Some("craton"),
            nonce: Some("n"),
            now: Time(1_500_000),
        };
        token.check(&expected).err().unwrap_or_default()
    }

    fn with(name: &str, value: Value) -> String {
        let mut claims = claims();
        claims[name] = value;
        check(&signed(&json!({"alg": "EdDSA", "kid": "e1"}), &claims))
    }

    #[test]
    fn a_token_that_says_what_it_must_is_taken() {
        assert_eq!(with("nonce", json!("n")), "");
        assert_eq!(check(&signed(&json!({"alg": "EdDSA"}), &claims())), "");
        assert_eq!(with("aud", json!(["craton"])), "");
        assert_eq!(with("exp", json!(1_450.5)), "", "clocks may be a minute apart");
    }

    #[test]
    fn a_token_that_says_something_else_is_not() {
        assert_eq!(with("iss", json!("https://evil.example")), "it was issued by somebody else");
        assert_eq!(with("aud", json!("shop")), "it is for somebody else");
        assert_eq!(with("aud", json!(["craton", "shop"])), "it was given to another client");
        assert_eq!(with("azp", json!("shop")), "it was given to another client");
        assert_eq!(with("exp", json!(1_400)), "it has expired");
        assert_eq!(with("exp", Value::Null), "it never ends");
        for wrong in [Value::Null, json!("1000")] {
            assert_eq!(with("iat", wrong), "it does not say when it was issued");
        }
        assert_eq!(with("nbf", json!(1_600)), "it is not valid yet");
        assert_eq!(with("iat", json!(1_600)), "it is not valid yet");
        assert_eq!(with("nonce", json!("m")), "it belongs to another sign-in");
    }

    #[test]
    fn none_hmac_and_keys_of_another_kind_are_refused() {
        let unsigned = "it is not signed with RS256, ES256 or EdDSA";
        for algorithm in ["none", "None", "HS256", "HS512", "RS1", ""] {
            let text = signed(&json!({"alg": algorithm, "kid": "h1"}), &claims());
            assert!(check(&text).ends_with(unsigned), "{algorithm}");
        }
        // The key of one algorithm is never used for another.
        for algorithm in ["RS256", "ES256"] {
            assert_eq!(
                check(&signed(&json!({"alg": algorithm, "kid": "e1"}), &claims())),
                "not signed"
            );
        }
        assert_eq!(
            check(&signed(&json!({"alg": "EdDSA", "kid": "other"}), &claims())),
            "not signed"
        );
        let critical = signed(&json!({"alg": "EdDSA", "crit": ["b64"], "b64": false}), &claims());
        assert!(check(&critical).contains("does not know"));
    }

    #[test]
    fn a_changed_token_is_not_signed() {
        let text = signed(&json!({"alg": "EdDSA", "kid": "e1"}), &claims());
        let mut parts: Vec<&str> = text.split('.').collect();
        let other = encoded(&json!({"iss": ISSUER, "aud": "craton", "sub": "root", "exp": 2_000}));
        parts[1] = &other;
        assert_eq!(check(&parts.join(".")), "not signed");
        assert_eq!(check(&format!("{}.", parts[..2].join("."))), "not signed");
    }

    /// The examples of RFC 7515, A.3 (ES256), and one of RS256.
    #[test]
    fn signatures_of_others_are_verified() {
        let keys = keys(&json!({"keys": [
            {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
             "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},
            {"kty": "RSA", "kid": "r1", "e": "AQAB", "n": RSA_MODULUS},
        ]}));
        assert_eq!(keys.len(), 2);
        for text in [ES256, RS256] {
            let token = Jwt::read(text).expect("a token");
            assert!(token.is_signed_by(&token.keys(&keys)), "{text}");
            let (message, _) = text.rsplit_once('.').expect("parts");
            let forged = format!("{message}.{}", "A".repeat(86));
            let forged = Jwt::read(&forged).expect("a token");
            assert!(!forged.is_signed_by(&forged.keys(&keys)), "{text}");
        }
    }

    /// Whatever comes is refused or read, never a panic; what is read was not signed by anybody.
    #[test]
    fn garbage_is_refused() {
        let entropy = SeededEntropy::new(11);
        let good = signed(&json!({"alg": "EdDSA", "kid": "e1"}), &claims());
        let keys = key_set();
        for round in 0..20_000 {
            let mut bytes = good.clone().into_bytes();
            let number = usize::try_from(entropy.number() >> 1).unwrap_or(0);
            match round % 4 {
                0 => {
                    let at = number % bytes.len();
                    bytes[at] ^= 1 << (round % 7);
                }
                1 => bytes.truncate(number % bytes.len()),
                2 => {
                    let mut noise = vec![0; number % 300];
                    entropy.fill(&mut noise);
                    bytes = noise;
                }
                _ => {
                    let at = number % bytes.len();
                    drop(
                        bytes.splice(
                            at..at,
                            [b'.', b'=', b'{', b'"'][..1 + round % 4].iter().copied(),
                        ),
                    );
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(token) = Jwt::read(&text)
                && token.is_signed_by(&token.keys(&keys))
            {
                // Base64 has more than one text for some bytes only where it is read loosely: here it is not.
                assert_eq!(text, good, "round {round}");
            }
        }
        let deep = format!(
            "{}.{}.x",
            encoded(&json!({"alg": "EdDSA"})),
            URL_SAFE_NO_PAD.encode("[".repeat(9_000))
        );
        assert!(Jwt::read(&deep).is_err());
        assert!(Jwt::read(&"a.".repeat(20_000)).is_err());
        assert!(keys_of_garbage());
    }

    fn keys_of_garbage() -> bool {
        let sets = [
            json!(null),
            json!({"keys": 1}),
            json!({"keys": [{"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": "*", "y": "*"}]}),
        ];
        sets.iter().all(|set| keys(set).is_empty())
    }

    const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    const RSA_MODULUS: &str = "lfLXnOgB3OSTkh_TsH7t1J8_4LIq5k2p6rh4A8Dr-rcA599zcAKevqbhS905EcykmqUUyEXA7HA_b-NYFb_G5QhufQnynpSgfJVxmEgDG0eAiofe2AGcu4B-gNMUktoKhG_QO2LmrDVE3rU23sSsA-BAs0aI9dlC9lweUhxxuxgFkNm3cGDI1ewRMCsYTOvy17oKh71-B8ZFupm9bbwbdzHF53h9ekcp9Y9mAD41L7l0Up4ViK8c-WOGn4hxpWWjEVdqNX9KbrOnZ2dYagsEe1SC0kUy8_9yG1cDIHOoTIStr-RLaKJtRN9_HM8yrEUtHETr49B0aGYn2EltL1IpPQ";
    const RS256: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUiLCJhdWQiOiJjcmF0b24iLCJzdWIiOiJhbmEiLCJleHAiOjIwMDAwMDAwMDB9.SWB_TyCXnE8hk6okEBOKm1Rboj3I-LoMjDe4YAXSCpEtjr1jqMUKzcpsPgQ-dmtp5zqWJRhfh-Q5SrzUi3dV3cWbz2RCTByJOftz6pJ0a6XkKzSKwyjhqcPtx8wvE2G4yuHDz6RGMoqalW7-bwf01AGupvLo1Rn-vUgXHQIv2VBKpMhULvrrW2GYSkP_1iD_ROo2Sd4YnzLMzJcIkNEMqP1qMtrWb0Itfeag6My1Li3UINkrjaRLgMN43oP8t6y7oZuS5LljktstLNMcYz1ggARP9iYuk1hiddPHM_YO8ga5tGIepRbjzgKp-oXSrmlduGD1cGPd1E___RmMYrtmaA";
}
