//! Who a unit is: a root key that may be kept offline, and a numbered list of signing keys that the root signs.
//!
//! The name of a unit to others is the lower-case hex of SHA-256 of its root public key. Files are not the business of
//! this room: an identity is read from text and written as text.

use crate::Error;
use crate::canonical::canonical;
use base::{Entropy, Period, Time, hex, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How long a new signing key is valid.
const KEY_VALID: Period = Period::days(3_650);

/// A signing key that the root vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// Rises by one with every key, from 1.
    pub number: u64,
    /// The public key, base64.
    pub key: String,
    /// From when it is valid, wall time.
    pub from: Time,
    /// Until when it is valid, wall time.
    pub until: Time,
    /// The root's signature over unit, number, key, from and until, base64.
    pub signature: String,
}

/// What a unit shows of itself to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The unit's id.
    pub unit: String,
    /// What it calls itself.
    pub name: String,
    /// The root public key, base64.
    pub root: String,
    /// The signing keys.
    pub keys: Vec<KeyEntry>,
    /// Where it is reached; nothing where it only polls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The certificate that its server shows (PEM), where no authority vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<String>,
}

/// A signature together with the number of the key that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The number of the signing key.
    pub key: u64,
    /// The signature, base64.
    pub signature: String,
}

/// The keys of this unit.
pub struct Identity {
    name: String,
    root: Option<SigningKey>,
    root_public: VerifyingKey,
    unit: String,
    keys: Vec<(KeyEntry, Option<SigningKey>)>,
    /// How many signatures were made, by this identity and all that were made of it.
    signatures: Arc<AtomicU64>,
}

/// An identity as text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    v: u32,
    name: String,
    root: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root_secret: Option<String>,
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    #[serde(flatten)]
    entry: KeyEntry,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Identity {
    /// Returns a new identity with its first signing key, valid from `from` (wall time) for ten years.
    pub fn generate(name: &str, entropy: &dyn Entropy, from: Time) -> Self {
        let root = key_of(entropy);
        let root_public = root.verifying_key();
        let unit = unit_of(&root_public);
        let mut identity = Self {
            name: name.into(),
            root: Some(root),
            root_public,
            unit,
            keys: Vec::new(),
            signatures: Arc::default(),
        };
        identity.add_key(entropy, from);
        identity
    }

    /// Adds the next signing key, valid from `from`, and returns its number. Older keys stay valid as they are.
    ///
    /// # Errors
    /// `peer.card` where the root key is not here.
    pub fn rotate(&mut self, entropy: &dyn Entropy, from: Time) -> Result<u64, Error> {
        if self.root.is_none() {
            return Err(Error::Card { reason: "the root key is not here".into() });
        }
        Ok(self.add_key(entropy, from))
    }

    fn add_key(&mut self, entropy: &dyn Entropy, from: Time) -> u64 {
        let number = self.number_max() + 1;
        let (mut entry, secret) = Self::prepare(entropy, number, from, KEY_VALID);
        if let Some(root) = &self.root {
            entry.signature = signed_by(root, &entry, &self.unit);
        }
        self.keys.push((entry, Some(secret)));
        number
    }

    /// Returns a new signing key that the root has not signed yet, valid from the second of `from` for a period.
    pub(crate) fn prepare(
        entropy: &dyn Entropy,
        number: u64,
        from: Time,
        valid: Period,
    ) -> (KeyEntry, SigningKey) {
        let secret = key_of(entropy);
        // Signatures carry whole seconds: one made in the same second must be within the validity.
        let from = Time(from.0.div_euclid(1_000) * 1_000);
        let entry = KeyEntry {
            number,
            key: STANDARD.encode(secret.verifying_key().as_bytes()),
            from,
            until: from.plus(valid),
            signature: String::new(),
        };
        (entry, secret)
    }

    /// Signs an entry with the root.
    ///
    /// # Errors
    /// `peer.card` where the root key is not here.
    pub(crate) fn vouch(&self, entry: &mut KeyEntry) -> Result<(), Error> {
        let root = self
            .root
            .as_ref()
            .ok_or_else(|| Error::Card { reason: "the root key is not here".into() })?;
        entry.signature = signed_by(root, entry, &self.unit);
        Ok(())
    }

    /// Returns this identity with further keys, and with entries that say anew until when a key is valid: the earlier end counts.
    pub(crate) fn with(&self, further: Vec<(KeyEntry, Option<SigningKey>)>) -> Result<Self, Error> {
        let mut keys: BTreeMap<u64, (KeyEntry, Option<SigningKey>)> = self
            .keys
            .iter()
            .map(|(entry, key)| (entry.number, (entry.clone(), key.clone())))
            .collect();
        for (entry, secret) in further {
            match keys.remove(&entry.number) {
                Some((held, own)) if held.key == entry.key => {
                    let ends_first = if entry.until < held.until { entry } else { held };
                    keys.insert(ends_first.number, (ends_first, own.or(secret)));
                }
                _ => {
                    keys.insert(entry.number, (entry, secret));
                }
            }
        }
        let identity = Self {
            name: self.name.clone(),
            root: self.root.clone(),
            root_public: self.root_public,
            unit: self.unit.clone(),
            keys: keys.into_values().collect(),
            signatures: Arc::clone(&self.signatures),
        };
        identity.card(None, None).verify()?;
        Ok(identity)
    }

    /// Returns whether the root key is here.
    pub fn has_root(&self) -> bool {
        self.root.is_some()
    }

    /// Returns what the root has signed about the keys.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &KeyEntry> {
        self.keys.iter().map(|(entry, _)| entry)
    }

    /// Returns the highest number of a key.
    pub(crate) fn number_max(&self) -> u64 {
        self.entries().map(|entry| entry.number).max().unwrap_or_default()
    }

    /// Returns the unit's id.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Returns what the unit calls itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes the root's secret key away, to be kept offline, and returns it as base64.
    pub fn take_root(&mut self) -> Option<String> {
        self.root.take().map(|root| STANDARD.encode(root.as_bytes()))
    }

    /// Returns the identity as text, secrets included: for a file that only the unit may read.
    pub fn to_text(&self) -> String {
        let keys = self.keys.iter().map(|(entry, secret)| StoredKey {
            entry: entry.clone(),
            secret: secret.as_ref().map(|secret| STANDARD.encode(secret.as_bytes())),
        });
        let stored = Stored {
            v: 1,
            name: self.name.clone(),
            root: STANDARD.encode(self.root_public.as_bytes()),
            root_secret: self.root.as_ref().map(|root| STANDARD.encode(root.as_bytes())),
            keys: keys.collect(),
        };
        serde_json::to_string_pretty(&stored).unwrap_or_default() + "\n"
    }

    /// Reads an identity from text.
    ///
    /// # Errors
    /// `peer.card` where the text is no identity or its parts do not fit together.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::Card { reason: reason.into() };
        let stored: Stored = serde_json::from_str(text)
            .map_err(|error| Error::Card { reason: error.to_string() })?;
        if stored.v != 1 {
            return Err(wrong("the identity has a newer version"));
        }
        let root_public = public_key(&stored.root)?;
        let root = stored.root_secret.as_deref().map(secret_key).transpose()?;
        if root.as_ref().is_some_and(|root| root.verifying_key() != root_public) {
            return Err(wrong("the root's secret key does not fit its public key"));
        }
        let mut keys = Vec::new();
        for key in stored.keys {
            let secret = key.secret.as_deref().map(secret_key).transpose()?;
            let is_pair = secret.as_ref().is_none_or(|secret| {
                STANDARD.encode(secret.verifying_key().as_bytes()) == key.entry.key
            });
            if !is_pair {
                return Err(wrong("a signing key does not fit its public key"));
            }
            keys.push((key.entry, secret));
        }
        let identity = Self {
            name: stored.name,
            root,
            unit: unit_of(&root_public),
            root_public,
            keys,
            signatures: Arc::default(),
        };
        identity.card(None, None).verify()?;
        Ok(identity)
    }

    /// Returns what this unit shows of itself to others.
    pub fn card(&self, url: Option<&str>, tls_certificate: Option<&str>) -> Card {
        Card {
            unit: self.unit.clone(),
            name: self.name.clone(),
            root: STANDARD.encode(self.root_public.as_bytes()),
            keys: self.keys.iter().map(|(entry, _)| entry.clone()).collect(),
            url: url.map(Into::into),
            tls_certificate: tls_certificate.map(Into::into),
        }
    }

    /// Signs with the newest key that is valid at `wall`.
    ///
    /// # Errors
    /// `peer.card` where no key is valid.
    pub fn sign(&self, wall: Time, bytes: &[u8]) -> Result<Signed, Error> {
        let valid =
            self.keys.iter().filter(|(entry, secret)| secret.is_some() && entry.is_valid(wall));
        let newest = valid.max_by_key(|(entry, _)| entry.number);
        let Some((entry, Some(secret))) = newest else {
            return Err(Error::Card {
                reason: format!("no signing key of this unit is valid at {wall}"),
            });
        };
        self.signatures.fetch_add(1, Ordering::Relaxed);
        Ok(Signed { key: entry.number, signature: STANDARD.encode(secret.sign(bytes).to_bytes()) })
    }

    /// Returns how many signatures [`Identity::sign`] has made since the identity was read or generated.
    pub fn signatures(&self) -> u64 {
        self.signatures.load(Ordering::Relaxed)
    }

    /// Returns the number of the key with which [`Identity::sign`] signs.
    ///
    /// # Errors
    /// `peer.card` where no key is valid.
    pub fn key_number(&self, wall: Time) -> Result<u64, Error> {
        let valid =
            self.keys.iter().filter(|(entry, secret)| secret.is_some() && entry.is_valid(wall));
        valid.map(|(entry, _)| entry.number).max().ok_or_else(|| Error::Card {
            reason: format!("no signing key of this unit is valid at {wall}"),
        })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "identity of {} ({})", self.name, self.unit)
    }
}

/// A root key by itself, as it is kept away from its unit.
pub struct Root {
    key: SigningKey,
    unit: String,
}

impl Root {
    /// Reads a root's secret key: 32 bytes as base64, hexadecimal digits or PEM.
    ///
    /// # Errors
    /// `peer.card` where the text is none.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let key = secret_key(text.trim())?;
        let unit = unit_of(&key.verifying_key());
        Ok(Self { key, unit })
    }

    /// Returns the id of its unit.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Signs what an entry says of a signing key; returns the signature as base64.
    pub fn sign(&self, entry: &KeyEntry) -> String {
        signed_by(&self.key, entry, &self.unit)
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the root of {}", self.unit)
    }
}

impl KeyEntry {
    fn statement(&self, unit: &str) -> Vec<u8> {
        canonical(&json!({
            "type": "craton/signing-key", "unit": unit, "number": self.number, "key": self.key,
            "from": self.from, "until": self.until,
        }))
    }

    /// Returns whether this is the public half of a key.
    pub(crate) fn is_of(&self, secret: &SigningKey) -> bool {
        self.key == STANDARD.encode(secret.verifying_key().as_bytes())
    }

    /// Returns whether signatures made at a time count.
    pub(crate) fn is_valid(&self, at: Time) -> bool {
        self.from <= at && at < self.until
    }
}

impl Card {
    /// Returns the card of an outside customer, who has one Ed25519 key (base64 or hex) and no unit.
    ///
    /// # Errors
    /// `peer.card` where the text is no such key.
    pub fn of_key(name: &str, key: &str) -> Result<Self, Error> {
        let public = public_key(key)?;
        Ok(Self {
            unit: unit_of(&public),
            name: name.into(),
            root: STANDARD.encode(public.as_bytes()),
            keys: Vec::new(),
            url: None,
            tls_certificate: None,
        })
    }

    /// Checks that the id is the hash of the root key, and that the root signed every key.
    ///
    /// # Errors
    /// `peer.card` with what is wrong.
    pub fn verify(&self) -> Result<(), Error> {
        let wrong = |reason: String| Error::Card { reason };
        let root = public_key(&self.root)?;
        if unit_of(&root) != self.unit {
            return Err(wrong("the unit's id is not the hash of its root key".into()));
        }
        for (place, entry) in self.keys.iter().enumerate() {
            public_key(&entry.key)?;
            if self.keys[..place].iter().any(|earlier| earlier.number == entry.number) {
                return Err(wrong(format!("key {} is there twice", entry.number)));
            }
            let is_signed = signature_of(&entry.signature).is_some_and(|signature| {
                root.verify_strict(&entry.statement(&self.unit), &signature).is_ok()
            });
            if !is_signed {
                return Err(wrong(format!("key {} is not signed by the root", entry.number)));
            }
        }
        Ok(())
    }

    /// Returns this card with what another of the same root says beyond it: further keys, and earlier ends of known ones. Nothing
    /// where the other does not prove itself or says nothing new. What was said to have ended does not begin again, and a number
    /// keeps its key.
    pub(crate) fn merged(&self, other: &Self) -> Option<Self> {
        if other.unit != self.unit || other.verify().is_err() {
            return None;
        }
        let mut merged = self.clone();
        let mut is_new = false;
        for entry in &other.keys {
            match merged.keys.iter_mut().find(|held| held.number == entry.number) {
                None => {
                    merged.keys.push(entry.clone());
                    is_new = true;
                }
                Some(held) if held.key == entry.key && entry.until < held.until => {
                    *held = entry.clone();
                    is_new = true;
                }
                Some(_) => {}
            }
        }
        is_new.then_some(merged)
    }

    /// Returns the highest number of a key; 0 for an outside customer, whose one key is the root.
    pub fn number_max(&self) -> u64 {
        self.keys.iter().map(|entry| entry.number).max().unwrap_or_default()
    }

    /// Checks a signature against the key of that number, which must have been valid at `at`.
    ///
    /// # Errors
    /// `exchange.signature` where the key is unknown, was not valid then, or did not make the signature.
    pub fn check(&self, signed: &Signed, at: Time, bytes: &[u8]) -> Result<(), Error> {
        let refuse = |reason: String| Error::Signature { reason };
        let key = if self.keys.is_empty() {
            &self.root
        } else {
            let entry = self.keys.iter().find(|entry| entry.number == signed.key);
            let entry = entry.ok_or_else(|| refuse(format!("key {} is not known", signed.key)))?;
            if !entry.is_valid(at) {
                return Err(refuse(format!("key {} is not valid at {at}", signed.key)));
            }
            &entry.key
        };
        let signature =
            signature_of(&signed.signature).ok_or_else(|| refuse("it is not base64".into()))?;
        let key = public_key(key)?;
        key.verify_strict(bytes, &signature)
            .map_err(|_| refuse("it does not fit what it came with".into()))
    }
}

fn signed_by(root: &SigningKey, entry: &KeyEntry, unit: &str) -> String {
    STANDARD.encode(root.sign(&entry.statement(unit)).to_bytes())
}

/// Reads the secret half of a signing key from its bytes.
pub(crate) fn signing_key(bytes: &[u8]) -> Result<SigningKey, Error> {
    let wrong = || Error::Card { reason: "a signing key is 32 bytes".into() };
    bytes.try_into().map(|bytes: [u8; 32]| SigningKey::from_bytes(&bytes)).map_err(|_| wrong())
}

/// Returns the id of the unit with this root key.
fn unit_of(root: &VerifyingKey) -> String {
    hex(&sha256(root.as_bytes()))
}

fn key_of(entropy: &dyn Entropy) -> SigningKey {
    let mut seed = [0; 32];
    entropy.fill(&mut seed);
    SigningKey::from_bytes(&seed)
}

fn secret_key(text: &str) -> Result<SigningKey, Error> {
    Ok(SigningKey::from_bytes(&key_bytes(text)?))
}

/// Reads a public key: base64, hex, or the PEM form that `openssl pkey -pubout` writes.
fn public_key(text: &str) -> Result<VerifyingKey, Error> {
    let wrong =
        || Error::Card { reason: "an Ed25519 public key is 32 bytes as base64, hex or PEM".into() };
    VerifyingKey::from_bytes(&key_bytes(text)?).ok().filter(|key| !key.is_weak()).ok_or_else(wrong)
}

fn key_bytes(text: &str) -> Result<[u8; 32], Error> {
    let wrong =
        || Error::Card { reason: "an Ed25519 key is 32 bytes as base64, hex or PEM".into() };
    let text: String =
        text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let digits = (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16));
        let bytes: Vec<u8> = digits.collect::<Result<_, _>>().map_err(|_| wrong())?;
        return bytes.try_into().map_err(|_| wrong());
    }
    let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
    // RFC 8410: the last 32 bytes of the DER forms are the key.
    let key = if bytes.len() == 44 || bytes.len() == 48 {
        &bytes[bytes.len() - 32..]
    } else {
        &bytes[..]
    };
    key.try_into().map_err(|_| wrong())
}

fn signature_of(text: &str) -> Option<Signature> {
    Signature::from_slice(&STANDARD.decode(text).ok()?).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use base::SeededEntropy;

    const NOW: Time = Time(1_700_000_000_500);

    #[test]
    fn an_identity_reads_back_from_its_text_and_its_card_verifies() {
        let identity = Identity::generate("retail", &SeededEntropy::new(1), NOW);
        let again = Identity::from_text(&identity.to_text()).unwrap();
        assert_eq!(again.unit(), identity.unit());
        let card = again.card(Some("http://localhost:1"), None);
        card.verify().unwrap();
        let signed = again.sign(NOW, b"hello").unwrap();
        card.check(&signed, NOW, b"hello").unwrap();
        assert!(card.check(&signed, NOW, b"hullo").is_err());
        assert!(
            card.check(&signed, Time(NOW.0 - 2_000), b"hello").is_err(),
            "before the key was valid"
        );
    }

    #[test]
    fn every_signature_is_counted_and_a_refused_one_is_not() {
        let identity = Identity::generate("a", &SeededEntropy::new(1), NOW);
        assert_eq!(identity.signatures(), 0, "the root's own do not count");
        identity.sign(NOW, b"x").unwrap();
        identity.sign(NOW, b"x").unwrap();
        assert!(identity.sign(Time(NOW.0 - 2_000), b"x").is_err());
        assert_eq!(identity.signatures(), 2);
    }

    #[test]
    fn a_card_with_anything_changed_does_not_verify() {
        let card = Identity::generate("a", &SeededEntropy::new(1), NOW).card(None, None);
        let other = Identity::generate("b", &SeededEntropy::new(2), NOW).card(None, None);
        let changes: [fn(&mut Card, &Card); 5] = [
            |card, other| card.unit.clone_from(&other.unit),
            |card, other| card.root.clone_from(&other.root),
            |card, other| card.keys[0].key.clone_from(&other.keys[0].key),
            |card, _| card.keys[0].number = 2,
            |card, _| card.keys[0].until = Time(i64::MAX / 2),
        ];
        for change in changes {
            let mut changed = card.clone();
            change(&mut changed, &other);
            assert!(changed.verify().is_err());
        }
    }

    #[test]
    fn a_rotated_key_signs_from_its_time_and_the_old_one_still_proves_the_past() {
        let entropy = SeededEntropy::new(1);
        let mut identity = Identity::generate("a", &entropy, NOW);
        let old = identity.sign(NOW, b"x").unwrap();
        let later = Time(NOW.0 + 1_000_000);
        assert_eq!(identity.rotate(&entropy, later).unwrap(), 2);
        assert_eq!(
            (identity.sign(NOW, b"x").unwrap().key, identity.sign(later, b"x").unwrap().key),
            (1, 2)
        );
        let card = identity.card(None, None);
        card.verify().unwrap();
        card.check(&old, NOW, b"x").unwrap();
        identity.take_root().unwrap();
        assert!(identity.rotate(&entropy, later).is_err());
        assert!(
            Identity::from_text(&identity.to_text()).is_ok(),
            "works without the root's secret"
        );
    }

    #[test]
    fn an_end_that_comes_earlier_counts_and_is_never_taken_back() {
        let entropy = SeededEntropy::new(1);
        let mut identity = Identity::generate("a", &entropy, NOW);
        let first = identity.card(None, None);
        let later = Time(NOW.0 + 60_000);
        identity.rotate(&entropy, later).unwrap();
        let mut entry = identity.entries().next().unwrap().clone();
        entry.until = later;
        identity.vouch(&mut entry).unwrap();
        let revoked = identity.with(vec![(entry.clone(), None)]).unwrap();
        let card = revoked.card(None, None);
        let (before, after) = (revoked.sign(NOW, b"x").unwrap(), Time(later.0 + 1));
        card.check(&before, NOW, b"x").unwrap();
        assert!(card.check(&before, after, b"x").is_err(), "a later signature of it is refused");
        assert_eq!(revoked.sign(after, b"x").unwrap().key, 2);
        let known = first.merged(&card).unwrap();
        assert_eq!(known.keys, card.keys);
        assert!(known.merged(&first).is_none() && known.merged(&card).is_none());
        assert!(known.merged(&identity.card(None, None)).is_none(), "the longer end is void");
        let mut forged = card.clone();
        forged.keys[0].until = Time(NOW.0 + 1);
        assert!(first.merged(&forged).is_none(), "the root has not signed it");
        let text = identity.take_root().unwrap();
        let root = Root::from_text(&text).unwrap();
        assert_eq!((root.unit(), root.sign(&entry)), (identity.unit(), entry.signature.clone()));
        assert!(identity.vouch(&mut entry).is_err(), "the root is away");
    }

    #[test]
    fn an_outside_customer_is_a_key_in_base64_hex_or_pem() {
        let identity = Identity::generate("a", &SeededEntropy::new(1), NOW);
        let card = identity.card(None, None);
        let bytes = STANDARD.decode(&card.root).unwrap();
        let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        der.extend(&bytes);
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der)
        );
        for text in [card.root.clone(), hex(&bytes), pem] {
            assert_eq!(Card::of_key("customer", &text).unwrap().unit, card.unit);
        }
        assert!(Card::of_key("customer", "short").is_err());
    }
}
