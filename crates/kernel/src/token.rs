//! Tokens: random, shown once, kept as a hash and as what checks a sign-in by password. A session is a token, too.

use crate::kernel::{Identity, Stamp};
use crate::{Call, Error, Kernel, Principal, Read, Reader, Reply, Session, Tx, scram, space};
use base::{Problem, Time, prefix_end};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;

/// Tokens and sessions that a list takes from the store at a time.
const PAGE: usize = 1_000;

/// Bytes of the hash that are the id of a token.
const ID_BYTES: usize = 6;

/// Tokens that are looked at where several begin alike.
const ALIKE_MAX: usize = 100;

/// What is kept of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// The token's id: the beginning of its hash.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it is for.
    #[serde(default)]
    pub summary: String,
    /// The rights that it is cut down to; empty for all.
    #[serde(default)]
    pub scope: Vec<String>,
    /// When it ends, wall time.
    #[serde(default)]
    pub expires: Option<Time>,
    /// When it was made.
    pub created: Time,
    /// What makes it a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// True where `user` is a device: a token that it shows, or a certificate that stands for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_device: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    user: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    expires: Option<Time>,
}

impl Token {
    /// Returns a new secret: 32 random bytes as text.
    pub fn secret(kernel: &Kernel) -> String {
        let mut bytes = [0; 32];
        kernel.entropy().fill(&mut bytes);
        format!("craton_{}", base::hex(&bytes))
    }

    /// Writes a token; the secret is not kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn keep(tx: &mut Tx<'_>, secret: &str, token: &Self) -> Result<(), Problem> {
        token.put(tx, &base::sha256(secret.as_bytes()))?;
        scram::keep(tx, secret, &token.user, &token.id)
    }

    /// Writes a token under the hash of its secret.
    pub(crate) fn put(&self, tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<(), Problem> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Error::Internal { detail: error.to_string() })?;
        tx.put(key(hash), bytes);
        Ok(())
    }

    /// Returns the token with this hash, where there is one.
    pub(crate) fn stored(read: &dyn Read, hash: &[u8; 32]) -> Result<Option<Self>, Problem> {
        read.get(key(hash).as_ref())?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Finds a token by the hash of its secret.
    pub(crate) fn find(read: &dyn Read, hash: &[u8; 32]) -> Result<Self, Problem> {
        let unknown = || Error::Unauthenticated { reason: "the token is not known" }.into();
        Self::stored(read, hash)?.ok_or_else(unknown)
    }

    /// Refuses a token that has expired, and a session that was idle for too long; `seen` is when it was last used.
    pub(crate) fn check(&self, seen: Time, wall: Time) -> Result<(), Problem> {
        if self.expires.is_some_and(|expires| expires <= wall) {
            return Err(Error::Unauthenticated { reason: "the token has expired" }.into());
        }
        match &self.session {
            Some(session) if !session.is_alive(self.expires, seen.max(session.seen), wall) => {
                Err(Error::Unauthenticated { reason: "the session was idle for too long" }.into())
            }
            _ => Ok(()),
        }
    }

    /// Returns who a token stands for.
    pub(crate) fn identity(&self, stamp: Stamp) -> Identity {
        let of = if self.is_device { Principal::Device } else { Principal::User };
        let principal = of(self.user.clone());
        Identity { principal, scope: self.scope.clone(), stamp: Some(stamp) }
    }

    /// Returns when it ends, as a bound for what is made with it. A session is no bound: by it people make what lasts.
    pub(crate) fn until(&self) -> Option<Time> {
        self.expires.filter(|_| self.session.is_none())
    }

    pub(crate) fn create(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let create: Create = call.parameters()?;
        if tx.resource("user", &create.user)?.is_none() {
            return Err(Error::NotFound { resource: format!("user/{}", create.user) }.into());
        }
        crate::apply::may_grant(tx, call, &Principal::User(create.user.clone()))?;
        // A token that is cut down makes none that is less so.
        let is_within =
            !create.scope.is_empty() && create.scope.iter().all(|right| call.scope.contains(right));
        if !call.scope.is_empty() && !is_within {
            let role = format!("scope {}", create.scope.join(", "));
            return Err(Error::Grant { actor: call.actor.to_string(), role }.into());
        }
        // One that ends makes none that ends later.
        let until = call.until();
        let expires = create.expires.or(until);
        if let (Some(expires), Some(until)) = (expires, until)
            && until < expires
        {
            let role = format!("token until {expires}");
            return Err(Error::Grant { actor: call.actor.to_string(), role }.into());
        }
        let secret = Self::secret(tx.kernel());
        let token = Self {
            id: id_of(&secret),
            user: create.user,
            summary: create.summary,
            scope: create.scope,
            expires,
            created: tx.wall(),
            session: None,
            is_device: false,
        };
        Self::keep(tx, &secret, &token)?;
        let mut reply = json!({"id": token.id, "user": token.user, "token": secret});
        if let Some(expires) = token.expires {
            reply["expires"] = json!(expires);
        }
        Ok(Reply::Value(reply))
    }

    /// Returns whether it is a token that a user shows, which is listed and revoked as one.
    fn is_of_user(&self) -> bool {
        self.session.is_none() && !self.is_device
    }

    /// Makes a token for a device, after whoever asks for it was permitted to. Returns the secret, which is not kept, its hash and its id.
    ///
    /// # Errors
    /// `kernel.internal`, which is a defect.
    pub fn give_device(
        tx: &mut Tx<'_>,
        device: &str,
        summary: &str,
        expires: Option<Time>,
    ) -> Result<(String, [u8; 32], String), Problem> {
        let secret = Self::secret(tx.kernel());
        let hash = base::sha256(secret.as_bytes());
        let id = Self::keep_device(tx, &hash, device, summary, expires)?;
        Ok((secret, hash, id))
    }

    /// Has a certificate stand for a device, after whoever asks for it was permitted to: `fingerprint` is the SHA-256 of its DER form.
    /// Returns the hash under which it is kept, and its id.
    ///
    /// # Errors
    /// `kernel.internal` where it stands for another device, which whoever calls has looked at.
    pub fn trust_certificate(
        tx: &mut Tx<'_>,
        device: &str,
        fingerprint: &[u8; 32],
        summary: &str,
        expires: Option<Time>,
    ) -> Result<([u8; 32], String), Problem> {
        let hash = certificate_hash(fingerprint);
        if Self::stored(tx, &hash)?.is_some_and(|held| held.user != device) {
            let detail =
                format!("the certificate {} stands for another device", base::hex(fingerprint));
            return Err(Error::Internal { detail }.into());
        }
        let id = Self::keep_device(tx, &hash, device, summary, expires)?;
        Ok((hash, id))
    }

    fn keep_device(
        tx: &mut Tx<'_>,
        hash: &[u8; 32],
        device: &str,
        summary: &str,
        expires: Option<Time>,
    ) -> Result<String, Problem> {
        let token = Self {
            id: id_of_hash(hash),
            user: device.to_owned(),
            summary: summary.to_owned(),
            scope: Vec::new(),
            expires,
            created: tx.wall(),
            session: None,
            is_device: true,
        };
        token.put(tx, hash)?;
        Ok(token.id)
    }

    /// Takes a token or a certificate back from a device. What it has of them under other hashes stays.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn end_device(tx: &mut Tx<'_>, hash: &[u8; 32]) -> Result<(), Problem> {
        if Self::stored(tx, hash)?.is_some_and(|token| token.is_device) {
            tx.delete(key(hash));
            tx.raise_credentials()?;
        }
        Ok(())
    }

    pub(crate) fn list(reader: &Reader) -> Result<Reply, Problem> {
        let (mut tokens, mut from) = (Vec::new(), space::key(b'T').bytes());
        let end = prefix_end(&from);
        loop {
            let pairs = reader.scan(&from, &end, PAGE, false)?;
            for (_, bytes) in &pairs {
                tokens.extend(Some(decode(bytes)?).filter(Self::is_of_user));
            }
            match pairs.into_iter().nth(PAGE - 1) {
                // The first key behind the last one.
                Some((last, _)) => from = [last.as_slice(), &[0]].concat(),
                None => return Reply::of(&json!({ "items": tokens })),
            }
        }
    }

    pub(crate) fn revoke(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let id = &call.resource.name;
        let Some((key, token)) = Self::by_id(tx, id)? else {
            return Err(Error::NotFound { resource: format!("token/{id}") }.into());
        };
        token.remove(tx, key)?;
        Ok(Reply::Value(json!({"id": id, "revoked": true})))
    }

    fn remove(&self, tx: &mut Tx<'_>, key: Vec<u8>) -> Result<(), Problem> {
        tx.delete(key);
        scram::forget(tx, &self.user, &self.id);
        tell_ended(tx, self)?;
        tx.raise_credentials()
    }

    /// Revokes every token of a user.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn revoke_all(tx: &mut Tx<'_>, user: &str) -> Result<(), Problem> {
        for hash in scram::held(tx, user)? {
            if let Some(token) = Self::stored(tx, &hash)?.filter(|token| token.session.is_none()) {
                token.remove(tx, key(&hash).bytes())?;
            }
        }
        Ok(())
    }

    /// Returns whether there is a token with this id.
    pub(crate) fn exists(read: &dyn Read, id: &str) -> Result<bool, Problem> {
        Ok(Self::by_id(read, id)?.is_some())
    }

    /// Returns a token with its key. No index is needed: the id is the beginning of the hash, and that is the key.
    fn by_id(read: &dyn Read, id: &str) -> Result<Option<(Vec<u8>, Self)>, Problem> {
        if id.len() != 2 * ID_BYTES {
            return Ok(None);
        }
        let mut prefix = space::key(b'T').bytes();
        prefix.extend_from_slice(id.as_bytes());
        for (key, bytes) in read.scan_prefix(&prefix, ALIKE_MAX)? {
            let token = decode(&bytes)?;
            if token.id == id && token.is_of_user() {
                return Ok(Some((key, token)));
            }
        }
        Ok(None)
    }
}

/// Returns the hash under which a certificate is kept, by its fingerprint. The fingerprint is no secret: no text that somebody shows as a
/// token has this hash, for what is hashed is no text.
pub fn certificate_hash(fingerprint: &[u8; 32]) -> [u8; 32] {
    base::sha256(&[b"\xffcertificate:".as_slice(), fingerprint.as_slice()].concat())
}

/// Returns the id of a token: it tells the token apart and does not give it away.
pub(crate) fn id_of(secret: &str) -> String {
    id_of_hash(&base::sha256(secret.as_bytes()))
}

/// Returns the id of the token whose secret has a hash.
pub(crate) fn id_of_hash(hash: &[u8; 32]) -> String {
    base::hex(&hash[..ID_BYTES])
}

/// Tells the engines that a session or a token was ended.
///
/// # Errors
/// What an engine says.
pub(crate) fn tell_ended(tx: &mut Tx<'_>, token: &Token) -> Result<(), Problem> {
    let kernel = Arc::clone(tx.kernel());
    let mut engines = kernel.engines().iter();
    engines.try_for_each(|engine| engine.credential_ended(tx, &token.user, &token.id))
}

/// Returns the key of the token with a hash.
pub(crate) fn key(hash: &[u8; 32]) -> base::Key {
    space::key(b'T').text(&base::hex(hash))
}

/// Reads a stored token.
///
/// # Errors
/// `kernel.internal`, which is a defect.
pub(crate) fn decode(bytes: &[u8]) -> Result<Token, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Internal { detail: format!("stored token: {error}") }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Parts};
    use base::{SeededEntropy, SystemClock};
    use std::collections::BTreeSet;
    use store::MemoryStore;

    #[test]
    fn a_list_has_every_token_however_many_sessions_stand_between_them() {
        let (kernel, _writer) = Kernel::new(Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: Vec::new(),
            config: Config::default(),
        })
        .expect("a kernel");
        let epoch = kernel.store().open_epoch(0).expect("an epoch");
        let snapshot = kernel.store().snapshot().expect("a snapshot");
        let mut tx = Tx::new(&kernel, snapshot.as_ref());
        let mut expected = BTreeSet::new();
        for number in 0..3 * PAGE {
            let hash = base::sha256(number.to_string().as_bytes());
            let is_session = number % 3 != 0;
            let session =
                Session { by: "password".into(), source: None, idle_ms: 1, seen: Time(0) };
            let token = Token {
                id: base::hex(&hash[..ID_BYTES]),
                user: "ana".into(),
                summary: String::new(),
                scope: Vec::new(),
                expires: None,
                created: Time(0),
                session: Some(session).filter(|_| is_session),
                is_device: false,
            };
            token.put(&mut tx, &hash).expect("it is written");
            assert_eq!(Token::exists(&tx, &token.id).expect("it is read"), !is_session);
            if !is_session {
                expected.insert(token.id);
            }
        }
        let (batch, _, _) = tx.finish(epoch);
        kernel.store().commit(0, &batch).expect("a commit");
        let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
        let list = Token::list(&reader).expect("a list").into_value();
        let ids = list["items"].as_array().expect("items").iter();
        let ids: BTreeSet<String> =
            ids.map(|token| token["id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(ids, expected);
    }
}
