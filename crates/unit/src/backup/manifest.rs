//! What a backup says of itself.

use super::PIECE_BYTES;
use crate::Error;
use base::{Time, hex, sha256};
use exchange::canonical::canonical;
use exchange::{Card, Signed};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The version of manifests.
pub(crate) const MANIFEST: u32 = 1;

/// The name of the store among the files of a backup.
pub(crate) const STORE: &str = crate::files::STORE;

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of this form.
    pub v: u32,
    /// The unit's id.
    pub unit: String,
    /// What the unit calls itself.
    pub name: String,
    /// The commit at which it stood; 0 where the store is of an older format and was not opened.
    pub commit: u64,
    /// The unit's business time.
    pub business: Time,
    /// When it was taken, wall time.
    pub wall: Time,
    /// The version of craton that took it.
    pub craton: String,
    /// The format of the store.
    pub format: u32,
    /// The hash of the manifest of the same unit that was there before; empty for the first.
    pub previous: String,
    /// The files.
    pub files: Vec<Entry>,
    /// Who the unit is: with its root key and the keys that it signs with.
    pub card: Card,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place in the unit's folder.
    pub path: String,
    /// How long it is.
    pub bytes: u64,
    /// The hashes of its pieces, in order.
    pub pieces: Vec<String>,
}

/// A manifest with the unit's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedManifest {
    /// The manifest.
    pub manifest: Manifest,
    /// The signature.
    pub signed: Signed,
}

impl Manifest {
    /// Returns the bytes that the unit signs.
    pub(crate) fn statement(&self) -> Vec<u8> {
        canonical(&json!({"type": "craton/backup", "manifest": self}))
    }

    /// Returns how many bytes its files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl Entry {
    /// Returns how long each of its pieces is, by its hash.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = (&str, u64)> {
        self.pieces.iter().zip(0..).map(move |(hash, number)| {
            let left = self.bytes.saturating_sub(PIECE_BYTES.saturating_mul(number));
            (hash.as_str(), left.min(PIECE_BYTES))
        })
    }
}

impl SignedManifest {
    /// Reads a manifest, and checks that the unit has signed it.
    ///
    /// # Errors
    /// `backup.damaged`.
    pub(crate) fn read(file: &str, text: &[u8]) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Damaged { file: file.to_owned(), reason };
        let read: Self = serde_json::from_slice(text)
            .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        let Self { manifest, signed } = &read;
        if manifest.v != MANIFEST {
            return Err(wrong(format!("its version is {}, known is {MANIFEST}", manifest.v)));
        }
        if manifest.card.unit != manifest.unit {
            return Err(wrong("the card in it is that of another unit".into()));
        }
        let (card, statement) = (&manifest.card, manifest.statement());
        let proven = card.verify().and_then(|()| card.check(signed, manifest.wall, &statement));
        proven.map_err(|error| wrong(error.to_string()))?;
        if let Some(entry) = manifest.files.iter().find(|entry| !is_inside(&entry.path)) {
            return Err(wrong(format!("`{}` is no place in a unit's folder", entry.path)));
        }
        // A byte that changes no meaning, such as the space between two words, is a changed byte all the same.
        if read.text()? != text {
            return Err(wrong("it is not as the unit has written it".into()));
        }
        Ok(read)
    }

    /// Returns the text that is kept.
    pub(crate) fn text(&self) -> Result<Vec<u8>, Error> {
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| Error::Damaged {
            file: "the manifest".into(),
            reason: error.to_string(),
        })?;
        text.push(b'\n');
        Ok(text)
    }

    /// Returns the name under which it is kept: of one unit, the newest comes last.
    pub(crate) fn name(&self) -> String {
        let Manifest { unit, commit, wall, .. } = &self.manifest;
        let unit: String = unit.chars().take(12).collect();
        let time: String = wall.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{unit}-{time}-{commit}")
    }
}

/// Returns the hash of some bytes, as pieces are named.
pub(crate) fn hash_of(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}

/// Returns whether a path stays inside the folder that it is put into.
pub(crate) fn is_inside(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pieces_of_a_file_are_full_but_the_last() {
        let lengths = |bytes, count| {
            let entry = Entry { path: "f".into(), bytes, pieces: vec!["a".into(); count] };
            entry.lengths().map(|(_, length)| length).collect::<Vec<_>>()
        };
        assert_eq!(lengths(5, 1), [5]);
        assert_eq!(lengths(PIECE_BYTES, 1), [PIECE_BYTES]);
        assert_eq!(lengths(2 * PIECE_BYTES + 1, 3), [PIECE_BYTES, PIECE_BYTES, 1]);
        assert_eq!(lengths(0, 0), [0; 0]);
    }

    #[test]
    fn no_file_leaves_the_folder_it_is_put_into() {
        for path in ["store.db", "tables/orders/_delta_log/00.json", "unit.toml"] {
            assert!(is_inside(path), "{path}");
        }
        for path in ["/etc/passwd", "../unit.toml", "tables/../../x", "", "a//b", "./a", "a\\b"] {
            assert!(!is_inside(path), "{path}");
        }
    }
}
