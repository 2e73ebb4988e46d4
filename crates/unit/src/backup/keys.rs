//! The secret keys of a unit, sealed with a passphrase: so that a backup can be restored where nothing else is left.
//!
//! The key is Argon2id of the passphrase (RFC 9106), the box ChaCha20-Poly1305 (RFC 8439) over the files, with the unit's id as what is
//! authenticated beside them. Whoever has the folder of the backups and not the passphrase has nothing. The secret key, under which the
//! store seals secrets, is not among them: it is kept apart from backups.

use super::folder::Folder;
use crate::{Config, Error, files, secret_key};
use argon2::{Algorithm, Argon2, Params, Version};
use base::{Entropy, Problem, SystemEntropy};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use store::Blobs;

/// The version of sealed keys.
const KEYS: u32 = 1;

/// What deriving a key costs: memory in KiB, passes, lanes (RFC 9106, section 4, second recommended option).
const COST: Cost = Cost { memory: 64 << 10, passes: 3, lanes: 4 };

/// What a sealed file may ask for, at most: it may come from a stranger.
const COST_MAX: Cost = Cost { memory: 1 << 20, passes: 16, lanes: 16 };

/// The shortest passphrase, in characters.
const PASSPHRASE_CHARS_MIN: usize = 12;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    memory: u32,
    passes: u32,
    lanes: u32,
}

/// Sealed keys as they are kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    v: u32,
    unit: String,
    argon2id: Cost,
    salt: String,
    nonce: String,
    sealed: String,
}

fn sealed_file(unit: &str) -> String {
    format!("keys/{unit}.json")
}

impl Folder {
    /// Seals the keys that lie in a unit's folder, in place of those that were sealed before. Returns how many there are. The secret key
    /// is left out.
    ///
    /// # Errors
    /// `backup.passphrase` where it is too short, or where the keys cannot be read.
    pub fn seal_keys(&self, unit: &str, folder: &Path, passphrase: &str) -> Result<usize, Problem> {
        if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
            let reason = format!("it is shorter than {PASSPHRASE_CHARS_MIN} characters");
            return Err(Error::Passphrase { reason }.into());
        }
        let mut secrets = files::secrets(folder)?;
        if let Some(name) = secret_key::file(&Config::read(folder)?.secret_key) {
            secrets.remove(name);
        }
        let keys: BTreeMap<String, String> =
            secrets.into_iter().map(|(name, bytes)| (name, STANDARD.encode(bytes))).collect();
        let mut bytes = serde_json::to_vec(&keys).map_err(wrong)?;
        let (mut salt, mut nonce) = ([0; 16], [0; 12]);
        SystemEntropy.fill(&mut salt);
        SystemEntropy.fill(&mut nonce);
        let key = key_of(passphrase, &salt, COST)?;
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(unit.as_bytes()),
            &mut bytes,
        )
        .map_err(wrong)?;
        let sealed = Sealed {
            v: KEYS,
            unit: unit.to_owned(),
            argon2id: COST,
            salt: STANDARD.encode(salt),
            nonce: STANDARD.encode(nonce),
            sealed: STANDARD.encode(bytes),
        };
        let text = serde_json::to_vec_pretty(&sealed).map_err(wrong)?;
        self.blobs().put(&sealed_file(unit), &mut |out| Write::write_all(out, &text))?;
        Ok(keys.len())
    }

    /// Returns whether the keys of a unit are sealed here.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn has_keys(&self, unit: &str) -> Result<bool, Problem> {
        Ok(self.blobs().size(&sealed_file(unit))?.is_some())
    }

    /// Opens the keys of a unit; returns them by the names of their files.
    ///
    /// # Errors
    /// `backup.no_keys`, `backup.damaged`; `backup.passphrase` where it is another one, or a byte was changed.
    pub(super) fn open_keys(
        &self,
        unit: &str,
        passphrase: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, Problem> {
        let file = sealed_file(unit);
        let missing = || Error::NoKeys { unit: unit.to_owned() };
        let size = self.blobs().size(&file)?.ok_or_else(missing)?;
        let text = self.blobs().read(&file, 0..size)?;
        let damaged = |reason: String| Error::Damaged { file: file.clone(), reason };
        let sealed: Sealed =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let is_bounded = sealed.argon2id.memory <= COST_MAX.memory
            && sealed.argon2id.passes <= COST_MAX.passes
            && sealed.argon2id.lanes <= COST_MAX.lanes;
        if sealed.v != KEYS || sealed.unit != unit || !is_bounded {
            return Err(
                damaged("it is of another version or unit, or asks for too much".into()).into()
            );
        }
        let decoded = |text: &str| {
            STANDARD.decode(text).map_err(|error| damaged(format!("it is not base64: {error}")))
        };
        let (salt, nonce) = (decoded(&sealed.salt)?, decoded(&sealed.nonce)?);
        let mut bytes = decoded(&sealed.sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(&nonce)
            .map_err(|_| damaged("its nonce has another length".into()))?;
        let key = key_of(passphrase, &salt, sealed.argon2id)?;
        let opened =
            key.open_in_place(nonce, Aad::from(unit.as_bytes()), &mut bytes).map_err(|_| {
                let reason =
                    "the keys do not open: it is another one, or the file was changed".into();
                Error::Passphrase { reason }
            })?;
        let keys: BTreeMap<String, String> =
            serde_json::from_slice(opened).map_err(|error| damaged(error.to_string()))?;
        let mut files = BTreeMap::new();
        for (name, text) in keys {
            if !files::is_secret(&name) {
                return Err(damaged(format!("`{name}` is no name of a key")).into());
            }
            files.insert(name, decoded(&text)?);
        }
        Ok(files)
    }
}

fn key_of(passphrase: &str, salt: &[u8], cost: Cost) -> Result<LessSafeKey, Problem> {
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32)).map_err(wrong)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(wrong)?;
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).map_err(wrong)?))
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::Key { reason: error.to_string() }
}
