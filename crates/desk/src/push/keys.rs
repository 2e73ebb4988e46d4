//! The key by which push services know the unit again (VAPID, RFC 8292): made once, when it is first asked for, and sealed like every
//! other secret.
//!
//! It is made on the thread of who asks and handed to a commit: the partition's thread takes no randomness but its seam.

use super::PART;
use crate::Error;
use crate::engine::{Desk, NAME};
use base::{Key, Problem, Time};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::secrets::SecretValue;
use kernel::{Call, Principal, Read, Reader, Reply, ResourceRef, Tx};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// The name under which the secret half is sealed.
const HIDDEN: &str = "push-key";
/// How long a commit is waited for.
const COMMIT: Duration = Duration::from_secs(30);

/// What is done with the reply of a call.
type Done = Box<dyn FnOnce(Result<Reply, Problem>) + Send>;

/// Has a call run on the partition's thread, and hands on its reply after the commit. Must return at once.
pub type Commit = Arc<dyn Fn(Call, Done) + Send + Sync>;

/// The public half as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    public: String,
}

/// The parameters of `subscription.keep`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keep {
    /// Base64url.
    public: String,
    /// PKCS #8 as base64url.
    private: String,
}

/// The unit's key, for who sends.
pub struct Pair(EcdsaKeyPair);

impl Pair {
    /// Returns the unit's key, where it was made.
    ///
    /// # Errors
    /// `secret.locked`, `secret.damaged`; where the store cannot be read.
    pub fn of(read: &dyn Read) -> Result<Option<Self>, Problem> {
        let Some(hidden) = read.kernel().hidden(read, NAME, HIDDEN)? else { return Ok(None) };
        Ok(Some(Self::from_pkcs8(hidden.expose())?))
    }

    /// Returns the header that shows a push service who sends: `vapid t=TOKEN, k=KEY`. The token is for one service
    /// (`https://HOST[:PORT]`), ends at a time of wall clock, and says where somebody can be reached who answers for the unit.
    ///
    /// # Errors
    /// `desk.internal`.
    pub fn authorization(
        &self,
        service: &str,
        contact: &str,
        until: Time,
    ) -> Result<String, Error> {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({"typ": "JWT", "alg": "ES256"}));
        let claims = part(json!({"aud": service, "exp": until.0 / 1_000, "sub": contact}));
        let signed = format!("{header}.{claims}");
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| failed("a token could not be signed"))?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public()))
    }

    /// Returns the public half as browsers take it: the point, base64url.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key())
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Self, Error> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &SystemRandom::new())
            .map(Self)
            .map_err(|_| failed("the key for push services cannot be read"))
    }
}

/// `subscription.key`: the public half, for browsers. The first to ask has the key made.
pub(crate) fn show_key(desk: &Desk, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
    if let Some(public) = public(reader)? {
        return Ok(Reply::Value(json!({ "key": public })));
    }
    // Nobody waits for a commit with another in hand.
    reader.release();
    commit(desk, made()?)?;
    let public = public(reader)?.ok_or(Error::NoPushKey)?;
    Ok(Reply::Value(json!({ "key": public })))
}

/// `subscription.keep`: keeps the key that was made, where there is none yet.
pub(crate) fn keep_key(_desk: &Desk, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Keep { public: shown, private } = call.parameters()?;
    if public(tx)?.is_none() {
        let bytes = URL_SAFE_NO_PAD.decode(private).map_err(|_| failed("a key is no base64url"))?;
        tx.hide(NAME, HIDDEN, &SecretValue::new(bytes))?;
        let stored = serde_json::to_vec(&Stored { v: 1, public: shown });
        tx.put(key(), stored.map_err(|error| failed(&error.to_string()))?);
    }
    Ok(Reply::Value(json!({})))
}

/// Makes a key; returns the call that keeps it.
fn made() -> Result<Call, Problem> {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let document = document.map_err(|_| failed("no key could be made"))?;
    let keep = Keep {
        public: Pair::from_pkcs8(document.as_ref())?.public(),
        private: URL_SAFE_NO_PAD.encode(document.as_ref()),
    };
    let part = Principal::Unit(PART.into());
    let call = Call::new("subscription.keep", ResourceRef::new("subscription", ""), part);
    Ok(call.with(json!(keep)))
}

fn commit(desk: &Desk, call: Call) -> Result<Reply, Problem> {
    let commits = desk.commits.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let commits = commits.ok_or(Error::NoPushKey)?;
    let (send, receive) = sync_channel(1);
    let done = move |reply| {
        // Nobody waits any more where the time was up; the commit stands.
        let _ = send.send(reply);
    };
    commits(call, Box::new(done));
    receive.recv_timeout(COMMIT).unwrap_or_else(|_| Err(kernel::Error::Stopping.into()))
}

fn public(read: &dyn Read) -> Result<Option<String>, Problem> {
    let Some(bytes) = read.get(key().as_ref())? else { return Ok(None) };
    let stored: Stored =
        serde_json::from_slice(&bytes).map_err(|error| failed(&error.to_string()))?;
    Ok(Some(stored.public))
}

fn key() -> Key {
    kernel::key(b'9').text("key")
}

fn failed(detail: &str) -> Error {
    Error::Internal { detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    #[test]
    fn a_push_service_can_check_who_sends() {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pair = Pair::from_pkcs8(made.expect("a key").as_ref()).expect("a pair");
        let (service, contact) = ("https://push.example", "mailto:it@shop.example");
        let header = pair.authorization(service, contact, Time(1_700_000_000_999)).expect("signed");
        let (token, key) = header
            .strip_prefix("vapid t=")
            .and_then(|rest| rest.split_once(", k="))
            .expect("a token and a key");
        assert_eq!(key, pair.public());
        let (signed, signature) = token.rsplit_once('.').expect("a signature");
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
        let point = decode(key);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
        assert!(public.verify(signed.as_bytes(), &decode(signature)).is_ok());
        let (head, claims) = signed.split_once('.').expect("two parts");
        let json = |part: &str| serde_json::from_slice::<serde_json::Value>(&decode(part)).ok();
        assert_eq!(json(head), Some(json!({"typ": "JWT", "alg": "ES256"})));
        let claimed = json!({"aud": service, "exp": 1_700_000_000, "sub": contact});
        assert_eq!(json(claims), Some(claimed));
    }
}
