//! The keys of a file, and how they are read and written.
//!
//! | space | key | value |
//! |---|---|---|
//! | `0` | file | what is known of it, as JSON |
//! | `1` | file, number of the piece | the bytes of the piece |
//! | `2` | who added it; nothing for all together | how many bytes |
//! | `3` | when it was added, file | nothing: in the order in which files are forgotten |

use crate::Error;
use base::{Key, Problem, Time};
use kernel::{Read, Tx};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The bytes of a piece; the last one may be shorter. A value of this size moves well through every store.
const PIECE_BYTES: usize = 256 << 10;

/// The version of what is stored.
const VERSION: u8 = 1;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The version of this form.
    pub v: u8,
    /// Its bytes.
    pub bytes: u64,
    /// What it is.
    pub media: String,
    /// Who added it first, as text.
    pub owner: String,
    /// When it was added last, wall time.
    pub at: Time,
}

impl Record {
    pub(crate) fn new(bytes: u64, media: &str, owner: String, at: Time) -> Self {
        Self { v: VERSION, bytes, media: media.to_owned(), owner, at }
    }
}

/// The beginning of the keys of all files.
pub(crate) fn all() -> Key {
    kernel::key(b'0')
}

/// The beginning of the keys of all pieces.
pub(crate) fn pieces() -> Key {
    kernel::key(b'1')
}

/// The beginning of the keys of all sums.
pub(crate) fn sums() -> Key {
    kernel::key(b'2')
}

/// The beginning of the keys of all files by age.
pub(crate) fn ages() -> Key {
    kernel::key(b'3')
}

/// Returns the name of a file: the hash of its bytes, in hexadecimal digits.
pub(crate) fn name_of(bytes: &[u8]) -> String {
    let mut name = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing into a text cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}

/// Returns what is known of a file.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn find(read: &dyn Read, name: &str) -> Result<Option<Record>, Problem> {
    read.get(all().text(name).as_ref())?.map(|bytes| decode(&bytes)).transpose()
}

/// Reads what is stored of a file.
///
/// # Errors
/// `desk.internal`, which is a defect.
pub(crate) fn decode(bytes: &[u8]) -> Result<Record, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Error::internal(error).into())
}

/// Returns the pieces of a file, in order.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn pieces_of(read: &dyn Read, name: &str) -> Result<Vec<Vec<u8>>, Problem> {
    let pairs = read.scan_prefix(pieces().text(name).as_ref(), usize::MAX)?;
    Ok(pairs.into_iter().map(|(_, piece)| piece).collect())
}

/// Returns how many bytes somebody has added; all of them together for nobody.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn sum(read: &dyn Read, owner: &str) -> Result<u64, Problem> {
    Ok(read.get(sums().text(owner).as_ref())?.map_or(0, |bytes| number(&bytes)))
}

/// Writes a file that is not there yet.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    name: &str,
    record: &Record,
    bytes: &[u8],
) -> Result<(), Problem> {
    for (number, piece) in (0..).zip(bytes.chunks(PIECE_BYTES)) {
        tx.put(pieces().text(name).number(number), piece.to_vec());
    }
    add(tx, &record.owner, i128::from(record.bytes))?;
    write(tx, name, record)
}

/// Says that a file that is there was added again: it is as young as the last time.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn touch(tx: &mut Tx<'_>, name: &str, record: Record, at: Time) -> Result<(), Problem> {
    if at <= record.at {
        return Ok(());
    }
    tx.delete(ages().signed(record.at.0).text(name));
    write(tx, name, &Record { at, ..record })
}

/// Takes a file away.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn remove(tx: &mut Tx<'_>, name: &str, record: &Record) -> Result<(), Problem> {
    let pieces = record.bytes.div_ceil(PIECE_BYTES as u64);
    for number in 0..pieces {
        tx.delete(self::pieces().text(name).number(number));
    }
    add(tx, &record.owner, -i128::from(record.bytes))?;
    tx.delete(ages().signed(record.at.0).text(name));
    tx.delete(all().text(name));
    Ok(())
}

fn write(tx: &mut Tx<'_>, name: &str, record: &Record) -> Result<(), Problem> {
    let value = serde_json::to_vec(record).map_err(Error::internal)?;
    tx.put(all().text(name), value);
    tx.put(ages().signed(record.at.0).text(name), Vec::new());
    Ok(())
}

/// Adds to what somebody has added, and to all together.
fn add(tx: &mut Tx<'_>, owner: &str, bytes: i128) -> Result<(), Problem> {
    for who in [owner, ""] {
        let sum = i128::from(sum(tx, who)?) + bytes;
        let key = sums().text(who);
        match u64::try_from(sum) {
            Ok(0) | Err(_) => tx.delete(key),
            Ok(sum) => tx.put(key, sum.to_be_bytes().to_vec()),
        }
    }
    Ok(())
}

/// Reads a stored number.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_be_bytes)
}
