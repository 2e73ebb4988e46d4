//! `stream.read`: rows from an offset on, as they are stored.

use super::append::log_of;
use super::tail::each_line;
use crate::Config;
use crate::catalog::Stream;
use base::Problem;
use kernel::{Call, Read, Reader, Reply};
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
    config: &Config,
    reader: &Reader,
    call: &Call,
) -> Result<Reply, Problem> {
    let log = log_of(&stream.name);
    let limit = call.number("limit")?.unwrap_or(100).min(config.read_rows_max as u64);
    let wait_ms = call.number("wait_ms")?.unwrap_or(0).min(config.read_wait_ms_max);
    let base = stream.base(reader)?;
    let mut end = reader.log_end(&log)?.max(base);
    let from = match (call.number("offset")?, call.number("last")?) {
        (_, Some(last)) => end.saturating_sub(last).max(base),
        (Some(offset), None) => offset.max(base),
        (None, None) => base,
    };
    if end <= from && 0 < wait_ms && 0 < limit {
        end = wait(reader, &log, from, Duration::from_millis(wait_ms))?.max(end);
    }
    let is_lines = call.text("format") == Some("ndjson");
    let to = end.min(from.saturating_add(limit));
    let (rows, next) = rows(config, reader, &log, from, to, is_lines)?;
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

fn rows(
    config: &Config,
    reader: &Reader,
    log: &str,
    from: u64,
    to: u64,
    is_lines: bool,
) -> Result<(Vec<u8>, u64), Problem> {
    let (mut body, mut next) = (Vec::new(), from);
    let count = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
    each_line(reader.kernel(), log, from, count, |offset, line| {
        // Rows stay in order: behind the first that finds no room there is none.
        if next == offset && (body.is_empty() || body.len() + line.len() < config.read_bytes_max) {
            if !is_lines && from < offset {
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
        }
        Ok(())
    })?;
    Ok((body, next))
}
