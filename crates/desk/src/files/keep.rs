//! Adding, showing, reading and deleting a file.

use super::media;
use super::state::{self, Record};
use crate::Error;
use crate::engine::Desk;
use base::{Problem, Time};
use kernel::{Call, Found, Principal, Read, Reader, Reply, Tx};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;

/// A file that was added.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Added {
    /// Its name: the SHA-256 hash of its bytes, in hexadecimal digits.
    file: String,
    /// How many bytes it has.
    bytes: u64,
    /// What it is, by its first bytes.
    media: &'static str,
}

/// What is known of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Shown {
    /// Its name: the SHA-256 hash of its bytes, in hexadecimal digits.
    file: String,
    /// How many bytes it has.
    bytes: u64,
    /// What it is, by its first bytes.
    media: String,
    /// Who added it first.
    owner: String,
    /// When it was added, wall time.
    #[schemars(with = "String")]
    at: Time,
}

impl Desk {
    /// Adds a file; the same bytes are there once.
    pub(crate) fn create_file(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let bytes = &call.body;
        let limit = self.config.file_bytes_max;
        if limit < bytes.len() {
            return Err(Error::FileTooLarge { bytes: bytes.len(), limit }.into());
        }
        let media = media::of(bytes).ok_or(Error::FileMedia)?;
        let (name, owner) = (state::name_of(bytes), call.actor.to_string());
        let length = bytes.len() as u64;
        match state::find(tx, &name)? {
            Some(held) => {
                let at = tx.wall();
                state::touch(tx, &name, held, at)?;
            }
            None => {
                self.check_room(tx, &owner, length)?;
                let record = Record::new(length, media, owner, tx.wall());
                state::put(tx, &name, &record, bytes)?;
            }
        }
        Reply::of(&Added { file: name, bytes: length, media })
    }

    /// Refuses what would exceed what one user, or all together, may add.
    fn check_room(&self, read: &dyn Read, owner: &str, bytes: u64) -> Result<(), Problem> {
        let user = (owner, self.config.files_user_bytes_max, "files_user_bytes_max");
        let unit = ("", self.config.files_bytes_max, "files_bytes_max");
        for (who, limit, name) in [user, unit] {
            if limit < state::sum(read, who)?.saturating_add(bytes) {
                return Err(Error::FilesFull { limit, name }.into());
            }
        }
        Ok(())
    }

    /// Shows what is known of a file.
    pub(crate) fn get_file(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let record = record(reader, call)?;
        let Record { bytes, media, owner, at, .. } = record;
        Reply::of(&Shown { file: call.resource.name.clone(), bytes, media, owner, at })
    }

    /// Returns the bytes of a file.
    pub(crate) fn read_file(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let record = record(reader, call)?;
        let unknown = || Error::internal(format!("a file of the type `{}`", record.media));
        let media = media::known(&record.media).ok_or_else(unknown)?;
        let pieces = state::pieces_of(reader, &call.resource.name)?;
        Ok(Reply::Stream { media, pieces: Box::new(pieces.into_iter().map(Ok)) })
    }

    /// Takes a file away, whoever has added it. Whatever named it names nothing then.
    pub(crate) fn delete_file(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let record = record(tx, call)?;
        state::remove(tx, &call.resource.name, &record)?;
        Ok(Reply::Value(json!({ "file": call.resource.name })))
    }
}

fn record(read: &dyn Read, call: &Call) -> Result<Record, Problem> {
    let missing = || kernel::Error::NotFound { resource: call.resource.to_string() };
    Ok(state::find(read, &call.resource.name)?.ok_or_else(missing)?)
}

/// Returns a file as policies see it: whose it is.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn found(read: &dyn Read, name: &str) -> Result<Option<Found>, Problem> {
    let Some(record) = state::find(read, name)? else { return Ok(None) };
    let mut attributes = BTreeMap::new();
    if let Ok(Principal::User(user)) = Principal::try_from(record.owner.clone()) {
        attributes.insert("assignee", user);
    }
    attributes.insert("owner", record.owner);
    Ok(Some(Found { attributes, ..Found::default() }))
}
