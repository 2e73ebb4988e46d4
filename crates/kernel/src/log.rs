//! How events stand in a chunk of a log, and how a log of the past gets shorter.

use crate::{Read, Tx};
use base::{Key, Period, Problem, Time};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// How often logs are looked at for what is old.
const EVERY: Period = Period::seconds(3_600);

/// Bytes of a log that are looked at in one turn.
const LOOK_BYTES: usize = 1 << 20;

/// Rows as JSON, one a line, each ended by a line feed.
pub const FORMAT_ROWS: u8 = store::FORMAT_LINES;

/// Returns the lines of a chunk of rows, without parsing them.
pub fn rows(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Returns the rows of a chunk that begin at `skip`, parsed.
///
/// # Errors
/// `kernel.internal` where a stored row is not JSON, which is a defect.
pub fn rows_from(bytes: &[u8], skip: usize) -> Result<Vec<Value>, Problem> {
    rows(bytes)
        .skip(skip)
        .map(|line| {
            serde_json::from_slice(line)
                .map_err(|error| crate::Error::Internal { detail: error.to_string() }.into())
        })
        .collect()
}

/// Drops what is old from logs: whole chunks from their beginning, of which `is_old` says so of all rows. Looks once an hour; where
/// there is more than one look sees, the next turn goes on. `due` is the key under which the time of the next look stands.
///
/// # Errors
/// Where the store cannot be read, or a row is no `T`.
pub fn forget_old<T: DeserializeOwned>(
    tx: &mut Tx<'_>,
    now: Time,
    due: &Key,
    logs: &[&str],
    is_old: impl Fn(&T) -> bool,
) -> Result<(), Problem> {
    let next =
        tx.get(due.as_ref())?.map_or(i64::MIN, |bytes| crate::tx::number(&bytes).cast_signed());
    if now.0 < next {
        return Ok(());
    }
    let mut has_more = false;
    for log in logs {
        let (upto, is_cut) = old_upto(tx, log, &is_old)?;
        if 0 < upto {
            tx.trim(log, upto);
        }
        has_more |= is_cut;
    }
    if !has_more {
        tx.put(due.clone(), now.plus(EVERY).0.cast_unsigned().to_be_bytes().to_vec());
    }
    Ok(())
}

/// Returns the offset behind the chunks that are old, 0 where there are none, and whether there may be more of them.
fn old_upto<T: DeserializeOwned>(
    read: &dyn Read,
    log: &str,
    is_old: &impl Fn(&T) -> bool,
) -> Result<(u64, bool), Problem> {
    let mut upto = 0;
    for chunk in read.chunks(log, 0, LOOK_BYTES)? {
        for line in rows(&chunk.bytes) {
            let row: T = serde_json::from_slice(line).map_err(|error| crate::Error::Internal {
                detail: format!("log `{log}`: {error}"),
            })?;
            if !is_old(&row) {
                return Ok((upto, false));
            }
        }
        upto = chunk.offset + u64::from(chunk.count);
    }
    Ok((upto, upto < read.log_end(log)?))
}
