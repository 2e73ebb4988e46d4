//! Marks: at which commit, and when, a stream had how many rows. By them a query goes back in time.
//!
//! Each commit that appends to a stream leaves one mark in the log `marks/NAME`: the commit's number, its business time, and the
//! offset of the first row that it appended. What stood in the stream at a commit ends where the first later mark begins.

use super::append::log_of;
use crate::Error;
use base::{Problem, Time};
use kernel::{Read, Tx};

/// Bytes of marks that are read at once.
const PAGE_BYTES: usize = 64 << 10;

/// Where in time a query looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// What the commit with this number left.
    Commit(u64),
    /// What the last commit up to this business time left.
    Time(Time),
}

/// A mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    commit: u64,
    time: Time,
    start: u64,
}

impl Mark {
    fn is_after(&self, as_of: AsOf) -> bool {
        match as_of {
            AsOf::Commit(commit) => commit < self.commit,
            AsOf::Time(time) => time < self.time,
        }
    }
}

/// Returns the log of a stream's marks.
pub(crate) fn log_of_marks(stream: &str) -> String {
    format!("marks/{stream}")
}

/// Leaves a mark, where this commit has left none yet. To be called before rows are appended.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn note(tx: &mut Tx<'_>, stream: &str) -> Result<(), Problem> {
    let log = log_of_marks(stream);
    if tx.has_appended(&log) {
        return Ok(());
    }
    let start = tx.log_end(&log_of(stream))?;
    let line = format!("[{},{},{start}]\n", tx.commit_next(), tx.business().as_millis());
    tx.append_rows(&log, line.as_bytes(), 1)?;
    Ok(())
}

/// Returns the offset behind the last row that a stream had at a time; `None` where it has got none since.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn end_at(read: &dyn Read, stream: &str, as_of: AsOf) -> Result<Option<u64>, Problem> {
    let log = log_of_marks(stream);
    let (mut low, mut high) = (0, read.log_end(&log)?);
    // Commits and times ascend, so the first later mark is found by halving. Business time may stand still.
    let mut found = None;
    while low < high {
        let middle = low + (high - low) / 2;
        let Some(mark) = mark(read, &log, middle)? else {
            low = middle + 1;
            continue;
        };
        if mark.is_after(as_of) {
            found = Some(mark.start);
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(found)
}

/// Returns when the row of a stream came that stands at an offset, business time.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn time_of(read: &dyn Read, stream: &str, offset: u64) -> Result<Option<Time>, Problem> {
    let log = log_of_marks(stream);
    let Some(number) = last_upto(read, &log, offset)? else { return Ok(None) };
    Ok(mark(read, &log, number)?.map(|mark| mark.time))
}

/// Returns how many marks, from the first on, say nothing of rows at or behind an offset.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn count_before(read: &dyn Read, stream: &str, offset: u64) -> Result<u64, Problem> {
    Ok(last_upto(read, &log_of_marks(stream), offset)?.unwrap_or(0))
}

/// Returns the number of the last mark whose rows begin at or before an offset.
fn last_upto(read: &dyn Read, log: &str, offset: u64) -> Result<Option<u64>, Problem> {
    let (mut low, mut high) = (0, read.log_end(log)?);
    while low < high {
        let middle = low + (high - low) / 2;
        // Where the mark is gone, the first that is left counts: those before it begin earlier.
        let is_upto = mark(read, log, middle)?.is_none_or(|mark| mark.start <= offset);
        if is_upto {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1))
}

fn mark(read: &dyn Read, log: &str, number: u64) -> Result<Option<Mark>, Problem> {
    let chunks = read.chunks(log, number, PAGE_BYTES)?;
    let Some(chunk) = chunks.first() else { return Ok(None) };
    let skip = usize::try_from(number.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
    let Some(line) = kernel::rows(&chunk.bytes).nth(skip) else { return Ok(None) };
    let (commit, time, start): (u64, i64, u64) = serde_json::from_slice(line)
        .map_err(|error| Error::Internal { detail: format!("a mark: {error}") })?;
    Ok(Some(Mark { commit, time: Time(time), start }))
}
