//! The last row of each channel of a device: a byte with the version, when it came, its offset, and the line as the stream has stored it.

use super::sides::{SideName, side};
use crate::{Error, key, presence};
use base::{KeyReader, Problem, Time};
use kernel::Read;
use serde_json::{Value, json};
use store::Pair;

/// The version of what is written.
const VERSION: u8 = 1;

/// Channels of one device; its type has no more.
const CHANNELS_MAX: usize = 1_000;

/// The last row of a channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Last {
    /// The channel.
    pub(crate) channel: String,
    /// When it came, business time.
    pub(crate) received: Time,
    /// Its offset in the stream.
    pub(crate) offset: u64,
    /// The row.
    pub(crate) row: Value,
}

impl Last {
    /// Returns it as a twin shows it.
    pub(crate) fn shown(&self) -> Value {
        json!({"received_at": self.received, "offset": self.offset, "row": self.row})
    }
}

/// Writes the last row of a channel in place of what is in `out`, as it is stored. `line` is the row without its line feed.
pub(crate) fn write_last(out: &mut Vec<u8>, received: Time, offset: u64, line: &[u8]) {
    out.clear();
    out.reserve(17 + line.len());
    out.push(VERSION);
    out.extend_from_slice(&received.0.to_be_bytes());
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(line);
}

/// Returns the last rows of a device, by channel.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn all(read: &dyn Read, device: &str) -> Result<Vec<Last>, Problem> {
    let pairs = read.scan_prefix(key::telemetry_all(device).as_ref(), CHANNELS_MAX)?;
    let read_one = |(found, bytes): &Pair| -> Result<Last, Problem> {
        let (received, offset, line) = parts_of(bytes)?;
        let row = serde_json::from_slice(line).map_err(Error::internal)?;
        Ok(Last { channel: channel_of(found), received, offset, row })
    };
    pairs.iter().map(read_one).collect()
}

/// Returns when a device was heard of last: by a message, by a row, by its connection.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn seen(read: &dyn Read, device: &str) -> Result<Option<Time>, Problem> {
    let presence = presence::of(read, device)?.map(|presence| presence.last_seen);
    let reported = side(read, device, SideName::Reported)?.map(|side| side.at);
    let pairs = read.scan_prefix(key::telemetry_all(device).as_ref(), CHANNELS_MAX)?;
    let mut seen = presence.max(reported);
    for (_, bytes) in &pairs {
        seen = seen.max(Some(parts_of(bytes)?.0));
    }
    Ok(seen)
}

/// Takes a stored row apart: when it came, its offset, its line.
fn parts_of(bytes: &[u8]) -> Result<(Time, u64, &[u8]), Problem> {
    let damaged = || Problem::from(Error::internal("a stored row of telemetry is damaged"));
    let (version, rest) = bytes.split_first().ok_or_else(damaged)?;
    if *version != VERSION {
        return Err(
            Error::internal(format!("a stored row of telemetry of version {version}")).into()
        );
    }
    let (received, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (offset, line) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    Ok((Time(i64::from_be_bytes(*received)), u64::from_be_bytes(*offset), line))
}

fn channel_of(found: &[u8]) -> String {
    let mut parts = KeyReader::new(found);
    // The section, the device, the part of it.
    let _ = (parts.text(), parts.text(), parts.text());
    parts.text().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_what_is_damaged_is_refused() {
        let mut bytes = b"what was there".to_vec();
        write_last(&mut bytes, Time(-5), 7, b"{}");
        assert_eq!(parts_of(&bytes).expect("it is read"), (Time(-5), 7, &b"{}"[..]));
        bytes[0] = 2;
        for wrong in [&bytes[..], &[VERSION, 0][..], b""] {
            assert_eq!(parts_of(wrong).expect_err("it is refused").code, "device.internal");
        }
    }
}
