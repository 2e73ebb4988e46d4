//! The log of messages that somebody wants who may be away: each stands in it once, whoever hears it.

use super::message::Message;
use crate::Error;
use base::Problem;
use kernel::Read;
use serde_json::json;
use store::Chunk;

/// The log.
pub const LOG: &str = "mqtt/messages";

/// The format of its chunks: messages as [`Message::write`] leaves them, one behind the other.
pub const FORMAT_MESSAGES: u8 = 3;

/// So many bits of an offset are its place within a segment.
pub const SEGMENT: u32 = 10;

/// Bytes of the log that are read in one go.
pub(crate) const READ_BYTES: usize = 256 << 10;

/// Returns the messages of a chunk of this log as JSON lines.
///
/// # Errors
/// `device.internal` where it is damaged.
pub(crate) fn lines(chunk: &Chunk) -> Result<Vec<u8>, Problem> {
    let mut lines = Vec::new();
    for found in messages(chunk, chunk.offset) {
        let (offset, message) = found?;
        let line = json!({
            "offset": offset,
            "topic": message.topic,
            "qos": message.qos as u8,
            "retain": message.retain,
            "bytes": message.payload.len(),
            "session": message.publisher,
            "wall": message.at,
        });
        serde_json::to_writer(&mut lines, &line).map_err(Error::internal)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Returns the messages of a chunk from an offset on, with their offsets.
pub(crate) fn messages(
    chunk: &Chunk,
    from: u64,
) -> impl Iterator<Item = Result<(u64, Message), Problem>> {
    let mut rest = &chunk.bytes[..];
    let mut offset = chunk.offset;
    let end = chunk.offset + u64::from(chunk.count);
    std::iter::from_fn(move || {
        while offset < from.min(end) {
            match Message::skip(rest) {
                Ok(used) => rest = rest.get(used..).unwrap_or_default(),
                Err(problem) => {
                    offset = end;
                    return Some(Err(problem));
                }
            }
            offset += 1;
        }
        if end <= offset {
            return None;
        }
        let place = offset;
        let read = Message::read(rest);
        offset = if read.is_ok() { offset + 1 } else { end };
        Some(read.map(|(message, used)| {
            rest = rest.get(used..).unwrap_or_default();
            (place, message)
        }))
    })
}

/// Reads single messages by their offsets. What it has read last stays, so that neighbours cost one look.
pub(crate) struct Single<'r> {
    read: &'r dyn Read,
    last: Option<Chunk>,
}

impl<'r> Single<'r> {
    /// Returns one that has read nothing.
    pub(crate) fn new(read: &'r dyn Read) -> Self {
        Self { read, last: None }
    }

    /// Returns a message; none where the log begins behind it, or ends before.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn at(&mut self, offset: u64) -> Result<Option<Message>, Problem> {
        let has = |chunk: &Chunk| {
            chunk.offset <= offset && offset < chunk.offset + u64::from(chunk.count)
        };
        if !self.last.as_ref().is_some_and(has) {
            self.last = self.read.chunks(LOG, offset, 1)?.into_iter().next();
        }
        let Some(chunk) = self.last.as_ref().filter(|chunk| has(chunk)) else { return Ok(None) };
        messages(chunk, offset).next().transpose().map(|found| found.map(|(_, message)| message))
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;
    use crate::mqtt::Qos;

    fn chunk(count: u32) -> Chunk {
        let mut bytes = Vec::new();
        for number in 0..count {
            message("a", &number.to_string(), Qos::AtLeastOnce).write(&mut bytes);
        }
        Chunk { log: LOG.into(), offset: 100, count, format: FORMAT_MESSAGES, bytes }
    }

    fn payloads(chunk: &Chunk, from: u64) -> Vec<(u64, String)> {
        let text = |message: Message| String::from_utf8_lossy(&message.payload).into_owned();
        let found = messages(chunk, from).map(|found| found.expect("a message"));
        found.map(|(offset, message)| (offset, text(message))).collect()
    }

    #[test]
    fn a_chunk_is_read_from_any_offset_on() {
        let chunk = chunk(3);
        assert_eq!(payloads(&chunk, 0).len(), 3);
        assert_eq!(payloads(&chunk, 101), [(101, "1".into()), (102, "2".into())]);
        assert!(payloads(&chunk, 103).is_empty());
    }

    #[test]
    fn a_damaged_chunk_says_so_once() {
        let mut chunk = chunk(3);
        chunk.bytes.truncate(chunk.bytes.len() - 1);
        let read: Vec<bool> = messages(&chunk, 0).map(|found| found.is_ok()).collect();
        assert_eq!(read, [true, true, false]);
        chunk.bytes.clear();
        assert_eq!(messages(&chunk, 102).filter(Result::is_err).count(), 1);
    }

    #[test]
    fn the_log_shows_itself_as_lines() {
        let lines = lines(&chunk(2)).expect("lines");
        assert_eq!(kernel::rows(&lines).count(), 2);
    }
}
