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

/// What becomes of a row of a log of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It is dropped.
    Old,
    /// It stays, and what stands behind it is younger.
    Young,
    /// It stays, but says nothing of what stands behind it: its time is ahead of all others.
    Ahead,
}

/// Drops what is old from logs: whole chunks from their beginning, up to the first that has a young row. Rows that are ahead do not keep
/// older ones behind them: they move to the end of the log. Looks once an hour; where there is more than one look sees, the next turn
/// goes on. `due` is the key under which the time of the next look stands.
///
/// # Errors
/// Where the store cannot be read, or a row is no `T`.
pub fn forget_old<T: DeserializeOwned>(
    tx: &mut Tx<'_>,
    now: Time,
    due: &Key,
    logs: &[&str],
    age: impl Fn(&T) -> Age,
) -> Result<(), Problem> {
    let next =
        tx.get(due.as_ref())?.map_or(i64::MIN, |bytes| crate::tx::number(&bytes).cast_signed());
    if now.0 < next {
        return Ok(());
    }
    let mut has_more = false;
    for log in logs {
        has_more |= forget_some(tx, log, &age)?;
    }
    if !has_more {
        tx.put(due.clone(), now.plus(EVERY).0.cast_unsigned().to_be_bytes().to_vec());
    }
    Ok(())
}

/// The beginning of a log that can go.
#[derive(Default)]
struct Past {
    /// The offset behind it.
    upto: u64,
    has_old: bool,
    /// The rows of it that are ahead.
    ahead: Vec<u8>,
    count: u32,
}

/// Drops the beginning of a log. Returns whether there may be more.
fn forget_some<T: DeserializeOwned>(
    tx: &mut Tx<'_>,
    log: &str,
    age: &impl Fn(&T) -> Age,
) -> Result<bool, Problem> {
    let (past, end) = (past(tx, log, age)?, tx.log_end(log)?);
    // Where all of it is ahead, to move it would change nothing.
    if past.upto == 0 || (!past.has_old && past.upto == end) {
        return Ok(false);
    }
    if 0 < past.count {
        tx.append_rows(log, &past.ahead, past.count)?;
    }
    tx.trim(log, past.upto);
    Ok(past.has_old && past.upto < end)
}

/// Returns the chunks at the beginning of a log without a young row, as far as one look sees.
fn past<T: DeserializeOwned>(
    read: &dyn Read,
    log: &str,
    age: &impl Fn(&T) -> Age,
) -> Result<Past, Problem> {
    let mut past = Past::default();
    for chunk in read.chunks(log, 0, LOOK_BYTES)? {
        let (mut has_old, mut ahead, mut count) = (false, Vec::new(), 0);
        for line in rows(&chunk.bytes) {
            let row: T = serde_json::from_slice(line).map_err(|error| crate::Error::Internal {
                detail: format!("log `{log}`: {error}"),
            })?;
            match age(&row) {
                Age::Young => return Ok(past),
                Age::Old => has_old = true,
                Age::Ahead => {
                    ahead.extend_from_slice(line);
                    ahead.push(b'\n');
                    count += 1;
                }
            }
        }
        past.upto = chunk.offset + u64::from(chunk.count);
        past.has_old |= has_old;
        past.ahead.append(&mut ahead);
        past.count += count;
    }
    Ok(past)
}
