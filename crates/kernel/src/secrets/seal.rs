//! Sealing: ChaCha20-Poly1305 (RFC 8439) under a data key for each version of a value, which the unit's secret key wraps. Pure.

use super::Error;
use base::{Entropy, Key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The length of a key in bytes.
const KEY_BYTES: usize = 32;

/// The version of what is stored.
const STORED: u32 = 1;

/// What a sealed text is for: part of what it is bound to, so that none can stand for another.
const VALUE: &str = "craton/secret/value";
const DATA_KEY: &str = "craton/secret/key";
const CHECK: &str = "craton/secret/check";

/// A key of 32 bytes: the unit's secret key, or a data key. It is never shown, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; KEY_BYTES]);

impl SecretKey {
    /// Returns a new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; KEY_BYTES];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Reads a key: 32 bytes as base64 or as hexadecimal digits.
    ///
    /// # Errors
    /// `secret.key` where the text is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Key { reason: "a key is 32 bytes as base64 or hexadecimal".into() };
        let is_hex =
            text.len() == 2 * KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes = if is_hex {
            let digits = (0..KEY_BYTES).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16));
            digits.collect::<Result<Vec<u8>, _>>().map_err(|_| wrong())?
        } else {
            STANDARD.decode(text).map_err(|_| wrong())?
        };
        bytes.try_into().map(Self).map_err(|_| wrong())
    }

    /// Returns the key as base64, for where keys are kept.
    pub fn to_text(&self) -> String {
        STANDARD.encode(self.0)
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).ok().map(LessSafeKey::new)
    }

    /// Returns a text that shows later whether a key is this one, and says nothing about it.
    pub(crate) fn check(
        &self,
        entropy: &dyn Entropy,
        unit: &str,
        number: u64,
    ) -> Result<String, Error> {
        Ok(STANDARD.encode(seal(self, entropy, &about(CHECK, unit, "", number), &[])?))
    }

    /// Returns whether this is the key that made a check.
    pub(crate) fn fits(&self, unit: &str, number: u64, check: &str) -> bool {
        let sealed = STANDARD.decode(check).ok();
        sealed.and_then(|sealed| open(self, &about(CHECK, unit, "", number), &sealed)).is_some()
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.fill(0);
        std::hint::black_box(&self.0);
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a secret key")
    }
}

/// The value of a secret. It is not shown by mistake, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Vec<u8>);

impl SecretValue {
    /// Returns a value.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for whoever sends them to where they belong. They must go nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bytes as text, where they are.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl Drop for SecretValue {
    fn drop(&mut self) {
        self.0.fill(0);
        std::hint::black_box(&self.0);
    }
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A version of a value as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sealed {
    v: u32,
    /// The version of the value.
    pub version: u64,
    /// The number of the unit's secret key that wraps the data key.
    pub key: u64,
    /// The data key: nonce, ciphertext and tag, base64.
    wrapped: String,
    /// The value: nonce, ciphertext and tag, base64.
    sealed: String,
}

/// The unit's secret keys by number, and whose they are.
#[derive(Clone)]
pub(crate) struct Keys {
    /// The id of the unit.
    pub unit: String,
    /// By number.
    pub keys: BTreeMap<u64, SecretKey>,
}

/// Which value is meant.
#[derive(Clone, Copy)]
pub(crate) struct Which<'a> {
    /// The name of the secret.
    pub name: &'a str,
    /// The version of the value.
    pub version: u64,
}

impl Sealed {
    /// Seals a value under a new data key, which the secret key of this number wraps.
    pub(crate) fn new(
        keys: &Keys,
        key: u64,
        entropy: &dyn Entropy,
        which: Which<'_>,
        value: &SecretValue,
    ) -> Result<Self, Error> {
        let data_key = SecretKey::generate(entropy);
        let about_value = about(VALUE, &keys.unit, which.name, which.version);
        let sealed = seal(&data_key, entropy, &about_value, value.expose())?;
        Ok(Self {
            v: STORED,
            version: which.version,
            key,
            wrapped: wrap(keys, key, entropy, which, &data_key)?,
            sealed: STANDARD.encode(sealed),
        })
    }

    /// Opens a value.
    pub(crate) fn open(&self, keys: &Keys, name: &str) -> Result<SecretValue, Error> {
        let damaged = || Error::Damaged { name: name.into() };
        let data_key = self.data_key(keys, name).ok_or_else(damaged)?;
        let about_value = about(VALUE, &keys.unit, name, self.version);
        let sealed = STANDARD.decode(&self.sealed).map_err(|_| damaged())?;
        open(&data_key, &about_value, &sealed).map(SecretValue).ok_or_else(damaged)
    }

    /// Returns the same with its data key wrapped by another secret key. The value itself is not opened.
    pub(crate) fn rewrapped(
        &self,
        keys: &Keys,
        key: u64,
        entropy: &dyn Entropy,
        name: &str,
    ) -> Result<Self, Error> {
        let damaged = || Error::Damaged { name: name.into() };
        let data_key = self.data_key(keys, name).ok_or_else(damaged)?;
        let which = Which { name, version: self.version };
        let wrapped = wrap(keys, key, entropy, which, &data_key)?;
        Ok(Self { key, wrapped, ..self.clone() })
    }

    fn data_key(&self, keys: &Keys, name: &str) -> Option<SecretKey> {
        if self.v != STORED {
            return None;
        }
        let about_key = about_key(keys, self.key, Which { name, version: self.version });
        let wrapped = STANDARD.decode(&self.wrapped).ok()?;
        let bytes = SecretValue(open(keys.keys.get(&self.key)?, &about_key, &wrapped)?);
        bytes.expose().try_into().ok().map(SecretKey)
    }
}

fn wrap(
    keys: &Keys,
    key: u64,
    entropy: &dyn Entropy,
    which: Which<'_>,
    data_key: &SecretKey,
) -> Result<String, Error> {
    let missing = || Error::Key { reason: format!("key {key} of the unit is not here") };
    let wrapping = keys.keys.get(&key).ok_or_else(missing)?;
    let wrapped = seal(wrapping, entropy, &about_key(keys, key, which), &data_key.0)?;
    Ok(STANDARD.encode(wrapped))
}

/// What a wrapped data key is bound to: also the number of the key that wraps it.
fn about_key(keys: &Keys, key: u64, which: Which<'_>) -> Vec<u8> {
    let mut bytes = about(DATA_KEY, &keys.unit, which.name, which.version);
    bytes.extend(key.to_be_bytes());
    bytes
}

/// What a sealed text is bound to. Parts are written so that no two can be taken for one another.
fn about(what: &str, unit: &str, name: &str, number: u64) -> Vec<u8> {
    Key::new(0, b'X').text(what).text(unit).text(name).number(number).bytes()
}

fn seal(
    key: &SecretKey,
    entropy: &dyn Entropy,
    about: &[u8],
    clear: &[u8],
) -> Result<Vec<u8>, Error> {
    let failed = || Error::Key { reason: "it cannot be used".into() };
    let mut nonce = [0; NONCE_LEN];
    entropy.fill(&mut nonce);
    let mut bytes = clear.to_vec();
    let cipher = key.cipher().ok_or_else(failed)?;
    let unique = Nonce::assume_unique_for_key(nonce);
    cipher.seal_in_place_append_tag(unique, Aad::from(about), &mut bytes).map_err(|_| failed())?;
    let mut sealed = nonce.to_vec();
    sealed.append(&mut bytes);
    Ok(sealed)
}

/// Opens what [`seal`] made; nothing where anything differs.
fn open(key: &SecretKey, about: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut bytes = rest.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = key.cipher()?.open_in_place(nonce, Aad::from(about), &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SeededEntropy;

    fn keys(unit: &str, seed: u64) -> Keys {
        let key = SecretKey::generate(&SeededEntropy::new(seed));
        Keys { unit: unit.into(), keys: BTreeMap::from([(1, key)]) }
    }

    fn sealed(keys: &Keys, name: &str, version: u64) -> Sealed {
        let value = SecretValue::new(b"correct horse battery staple".to_vec());
        Sealed::new(keys, 1, &SeededEntropy::new(7), Which { name, version }, &value)
            .expect("it is sealed")
    }

    #[test]
    fn a_value_opens_as_it_was_sealed() {
        let keys = keys("unit", 1);
        let opened = sealed(&keys, "mail", 1).open(&keys, "mail").expect("opens");
        assert_eq!(opened.expose(), b"correct horse battery staple");
        assert_eq!(format!("{opened:?} {:?}", keys.keys[&1]), "*** a secret key");
    }

    #[test]
    fn no_bit_of_what_is_stored_can_be_changed() {
        let keys = keys("unit", 1);
        let row = serde_json::to_vec(&sealed(&keys, "mail", 1)).expect("writes");
        let opens = |row: &[u8]| {
            serde_json::from_slice::<Sealed>(row)
                .ok()
                .and_then(|sealed| sealed.open(&keys, "mail").ok())
        };
        assert!(opens(&row).is_some());
        for at in 0..row.len() {
            for bit in 0..8 {
                let mut changed = row.clone();
                changed[at] ^= 1 << bit;
                assert!(opens(&changed).is_none(), "byte {at}, bit {bit}");
            }
        }
        for length in 0..row.len() {
            assert!(opens(&row[..length]).is_none(), "cut to {length}");
        }
    }

    #[test]
    fn no_byte_of_nonce_ciphertext_or_tag_can_be_changed() {
        let keys = keys("unit", 1);
        let good = sealed(&keys, "mail", 1);
        let (wrapped, value) = (
            STANDARD.decode(&good.wrapped).expect("base64"),
            STANDARD.decode(&good.sealed).expect("base64"),
        );
        let check = |wrapped: &[u8], value: &[u8]| {
            let (wrapped, sealed) = (STANDARD.encode(wrapped), STANDARD.encode(value));
            Sealed { wrapped, sealed, ..good.clone() }.open(&keys, "mail").is_ok()
        };
        assert!(check(&wrapped, &value));
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] = changed[at].wrapping_add(1);
            assert!(!check(&changed, &value), "byte {at} of the data key");
        }
        for at in 0..value.len() {
            let mut changed = value.clone();
            changed[at] = changed[at].wrapping_add(1);
            assert!(!check(&wrapped, &changed), "byte {at} of the value");
        }
    }

    #[test]
    fn a_row_cannot_stand_for_another() {
        let mine = keys("unit", 1);
        let first = sealed(&mine, "mail", 1);
        assert!(first.open(&mine, "other").is_err(), "another name");
        assert!(Sealed { version: 2, ..first.clone() }.open(&mine, "mail").is_err(), "a version");
        assert!(Sealed { key: 2, ..first.clone() }.open(&mine, "mail").is_err(), "no such key");
        let mut foreign = mine.clone();
        foreign.unit = "another".into();
        assert!(first.open(&foreign, "mail").is_err(), "another unit");
        assert!(first.open(&keys("unit", 2), "mail").is_err(), "another key");
        let second = sealed(&mine, "mail", 2);
        let mixed = Sealed { wrapped: second.wrapped, ..first };
        assert!(mixed.open(&mine, "mail").is_err(), "a data key of another version");
    }

    #[test]
    fn what_is_wrapped_anew_opens_with_the_new_key_alone() {
        let mut both = keys("unit", 1);
        both.keys.insert(2, SecretKey::generate(&SeededEntropy::new(9)));
        let old = sealed(&both, "mail", 1);
        let new = old.rewrapped(&both, 2, &SeededEntropy::new(3), "mail").expect("wrapped");
        both.keys.remove(&1);
        assert!(new.open(&both, "mail").is_ok());
        assert!(old.open(&both, "mail").is_err());
    }

    #[test]
    fn a_key_is_read_from_base64_and_hexadecimal() {
        let key = SecretKey::generate(&SeededEntropy::new(1));
        let read = |text: &str| SecretKey::parse(text).ok();
        assert_eq!(read(&key.to_text()), Some(key.clone()));
        assert_eq!(read(&base::hex(&key.0)), Some(key.clone()));
        assert_eq!((read(""), read("short"), read(&"g".repeat(64))), (None, None, None));
    }

    #[test]
    fn a_check_tells_the_key_from_any_other() {
        let entropy = SeededEntropy::new(1);
        let (key, other) = (SecretKey::generate(&entropy), SecretKey::generate(&entropy));
        let check = key.check(&entropy, "unit", 1).expect("a check");
        assert!(key.fits("unit", 1, &check));
        assert!(!other.fits("unit", 1, &check) && !key.fits("unit", 2, &check));
        assert!(!key.fits("another", 1, &check) && !key.fits("unit", 1, ""));
    }
}
