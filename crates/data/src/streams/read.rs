//! `stream.read`: rows from an offset on, as they are stored.

use super::append::log_of;
use super::schema::Schema;
use super::tail::each_line;
use crate::Error;
use crate::catalog::Stream;
use crate::engine::Shared;
use crate::sql::output::JsonRows;
use crate::tables::file::{self, Part};
use crate::tables::scan::{Extent, offset_at, place_from};
use base::Problem;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::Int64Type;
use datafusion::arrow::compute::{is_not_null, nullif};
use datafusion::arrow::error::ArrowError;
use kernel::{Call, Read, Reader, Reply};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// What `stream.read` takes in its query.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("offset", "The offset of the first row; the stream's first where absent."),
    ("limit", "How many rows at most; 100 where absent."),
    ("last", "So many of the last rows, in place of an offset."),
    ("wait_ms", "How long to wait for a row where there is none yet."),
    ("format", "`json` (an object with `rows`, `next` and `end`) or `ndjson` (a row a line)."),
];

/// Reads rows.
///
/// # Errors
/// Where the store cannot be read or a parameter is no number.
pub(crate) fn read(
    stream: &Stream,
    shared: &Arc<Shared>,
    reader: &Reader,
    call: &Call,
) -> Result<Reply, Problem> {
    let config = &shared.config;
    let _pin = shared.queries.pin();
    let log = log_of(&stream.name);
    let limit = call.number("limit")?.unwrap_or(100).min(config.read_rows_max as u64);
    let wait_ms = call.number("wait_ms")?.unwrap_or(0).min(config.read_wait_ms_max);
    let base = stream.base(reader)?;
    let mut end = reader.log_end(&log)?.max(base);
    let from = match (call.number("offset")?, call.number("last")?) {
        (_, Some(last)) => last_from(shared, &shared.extent(reader, stream)?, last)?,
        (Some(offset), None) => offset.max(base),
        (None, None) => base,
    };
    if end <= from && 0 < wait_ms && 0 < limit {
        end = wait(reader, &log, from, Duration::from_millis(wait_ms))?.max(end);
    }
    let is_lines = call.text("format") == Some("ndjson");
    let extent = shared.extent(reader, stream)?;
    let (rows, next) = rows(shared, reader, &extent, (from..end, limit), is_lines)?;
    let (media, body) = if is_lines {
        ("application/x-ndjson", rows)
    } else {
        let mut body = b"{\"rows\":[".to_vec();
        body.extend_from_slice(&rows);
        body.extend_from_slice(format!("],\"next\":{next},\"end\":{end}}}").as_bytes());
        ("application/json", body)
    };
    Ok(Reply::Stream { media, pieces: Box::new(std::iter::once(Ok(body))) })
}

/// Waits until the log has a row at `from`; returns its end.
fn wait(reader: &Reader, log: &str, from: u64, timeout: Duration) -> Result<u64, Problem> {
    let kernel = reader.kernel();
    let deadline = kernel.clock().monotonic() + timeout;
    let mut commit = reader.commit()?;
    loop {
        let left = deadline.saturating_sub(kernel.clock().monotonic());
        reader.release();
        commit = kernel.wait_commit(commit, left);
        let end = reader.log_end(log)?;
        if from < end || left.is_zero() {
            return Ok(end);
        }
    }
}

/// Returns the offset of the first of so many of the last rows.
fn last_from(shared: &Shared, extent: &Extent, last: u64) -> Result<u64, Problem> {
    let behind = extent.end() - extent.tail.base;
    let Some(mut missing) = last.checked_sub(behind).filter(|missing| 0 < *missing) else {
        return Ok(extent.end() - last);
    };
    for file in extent.files.iter().rev() {
        if missing <= file.rows {
            return offset_at(shared, &extent.folder, file, file.rows - missing);
        }
        missing -= file.rows;
    }
    Ok(extent.from)
}

/// Returns rows, so many at most, and the offset to go on from: rows that were taken out of the stream leave gaps.
fn rows(
    shared: &Shared,
    reader: &Reader,
    extent: &Extent,
    (wanted, limit): (Range<u64>, u64),
    is_lines: bool,
) -> Result<(Vec<u8>, u64), Problem> {
    let (mut body, mut next, mut count) = (Vec::new(), wanted.start, 0);
    let mut is_full = limit == 0;
    let end = wanted.end;
    each_row(shared, reader, extent, (wanted, limit), |offset, line| {
        // Rows stay in order: behind the first that finds no room there is none.
        is_full |= count == limit
            || !body.is_empty() && shared.config.read_bytes_max <= body.len() + line.len();
        if is_full {
            return Ok(false);
        }
        count += 1;
        if !is_lines && !body.is_empty() {
            body.push(b',');
        }
        body.extend_from_slice(format!("{{\"_offset\":{offset}").as_bytes());
        let rest = line.strip_prefix(b"{").unwrap_or(line);
        if rest != b"}" {
            body.push(b',');
        }
        body.extend_from_slice(rest);
        if is_lines {
            body.push(b'\n');
        }
        next = offset + 1;
        Ok(true)
    })?;
    // Where all was given that is there, nothing is left before the end.
    let is_all = !is_full && count < limit;
    Ok((body, if is_all { next.max(end) } else { next }))
}

/// Gives rows as lines with their offsets, so many at most, until `each` says that it is enough: from files first, then from the log.
fn each_row(
    shared: &Shared,
    reader: &Reader,
    extent: &Extent,
    (wanted, limit): (Range<u64>, u64),
    mut each: impl FnMut(u64, &[u8]) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let sealed = wanted.start..wanted.end.min(extent.tail.base);
    let (mut goes_on, mut left) = (true, limit);
    for file in
        extent.files.iter().filter(|file| sealed.start < file.end && file.start < sealed.end)
    {
        if !goes_on || left == 0 {
            return Ok(());
        }
        let skip = place_from(shared, &extent.folder, file, sealed.start)?;
        let part = Part {
            columns: None,
            skip: usize::try_from(skip).unwrap_or(usize::MAX),
            limit: usize::try_from(left).ok(),
        };
        file::read(&shared.blobs, &extent.folder, file, part, &mut |batch| {
            each_sealed(&extent.schema().clone(), &batch, |offset, line| {
                goes_on = goes_on && offset < sealed.end && each(offset, line)?;
                left -= u64::from(goes_on);
                Ok(())
            })
        })?;
    }
    if !goes_on {
        return Ok(());
    }
    let from = wanted.start.max(extent.tail.base);
    let count = usize::try_from(wanted.end.saturating_sub(from).min(left)).unwrap_or(0);
    each_line(reader.kernel(), &extent.tail.log, from, count, |offset, line| {
        goes_on = goes_on && each(offset, line)?;
        Ok(())
    })
}

/// Gives the rows of a batch of a file as they were stored before.
fn each_sealed(
    schema: &Schema,
    batch: &RecordBatch,
    mut each: impl FnMut(u64, &[u8]) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let internal = |error: ArrowError| Problem::from(Error::Internal { detail: error.to_string() });
    let batch = file::fitted(batch, &schema.arrow)?;
    let mut columns = batch.columns().to_vec();
    let offsets = columns.pop();
    if let (Some(time), Some(last)) = (schema.time, columns.last_mut()) {
        // The event time stands in a column of its own already.
        let is_there = is_not_null(batch.column(time)).map_err(internal)?;
        *last = nullif(last, &is_there).map_err(internal)?;
    }
    let all: Vec<usize> = (0..columns.len()).collect();
    let stored = Arc::new(schema.arrow.project(&all).map_err(internal)?);
    let stored = RecordBatch::try_new(stored, columns).map_err(internal)?;
    let rows = JsonRows::stored(&stored, &schema.stored).map_err(internal)?;
    let offsets = offsets.ok_or_else(|| Error::Internal { detail: "no offsets".into() })?;
    for (row, offset) in offsets.as_primitive::<Int64Type>().values().iter().enumerate() {
        let mut line = Vec::new();
        rows.write_without_nulls(row, &mut line).map_err(internal)?;
        each(u64::try_from(*offset).unwrap_or(u64::MAX), &line)?;
    }
    Ok(())
}
