//! A commit as one record: numbers are little end first, lengths have four bytes.
//!
//! `version (1), count of writes, {length, key, 0 | 1, length, value}, count of chunks, {length, log, offset (8), count, format (1),
//! length, bytes}`

use crate::{Batch, Chunk, Error};

/// The version of records, their first byte.
const VERSION: u8 = 1;

/// Returns the record of a batch's writes and chunks.
pub(super) fn encode(batch: &Batch) -> Vec<u8> {
    let size = batch.bytes();
    let mut bytes = Vec::with_capacity(size + size / 8 + 64);
    bytes.push(VERSION);
    put_length(&mut bytes, batch.writes.len());
    for (key, value) in &batch.writes {
        put(&mut bytes, key);
        bytes.push(u8::from(value.is_some()));
        if let Some(value) = value {
            put(&mut bytes, value);
        }
    }
    put_length(&mut bytes, batch.chunks.len());
    for chunk in &batch.chunks {
        put(&mut bytes, chunk.log.as_bytes());
        bytes.extend(chunk.offset.to_le_bytes());
        bytes.extend(chunk.count.to_le_bytes());
        bytes.push(chunk.format);
        put(&mut bytes, &chunk.bytes);
    }
    bytes
}

/// Reads a record.
pub(super) fn decode(bytes: &[u8]) -> Result<Batch, Error> {
    let mut reader = Reader(bytes);
    read(&mut reader)
        .filter(|_| reader.0.is_empty())
        .ok_or_else(|| Error::Damaged { reason: "a record of the journal cannot be read".into() })
}

fn read(reader: &mut Reader<'_>) -> Option<Batch> {
    if reader.byte()? != VERSION {
        return None;
    }
    let mut batch = Batch::default();
    for _ in 0..reader.length()? {
        let key = reader.bytes()?.to_vec();
        let value = match reader.byte()? {
            0 => None,
            1 => Some(reader.bytes()?.to_vec()),
            _ => return None,
        };
        batch.writes.push((key, value));
    }
    for _ in 0..reader.length()? {
        let log = String::from_utf8(reader.bytes()?.to_vec()).ok()?;
        let offset = u64::from_le_bytes(reader.fixed()?);
        let count = u32::from_le_bytes(reader.fixed()?);
        let format = reader.byte()?;
        batch.chunks.push(Chunk { log, offset, count, format, bytes: reader.bytes()?.to_vec() });
    }
    Some(batch)
}

#[expect(clippy::expect_used, reason = "a batch of 4 GiB does not fit a row of SQLite either")]
fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u32::try_from(length).expect("less than 4 GiB").to_le_bytes());
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    put_length(bytes, part.len());
    bytes.extend(part);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.fixed::<1>().map(|[byte]| byte)
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.fixed()?)).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let chunk = |offset, bytes: &str| Chunk {
            log: "a/b".into(),
            offset,
            count: 2,
            format: 7,
            bytes: bytes.into(),
        };
        Batch {
            writes: vec![
                (b"k".to_vec(), Some(b"value".to_vec())),
                (Vec::new(), None),
                (vec![0, 255], Some(Vec::new())),
            ],
            chunks: vec![chunk(0, "one"), chunk(2, "")],
            ..Batch::default()
        }
    }

    #[test]
    fn a_record_gives_back_what_went_in() {
        for batch in [batch(), Batch::default()] {
            let read = decode(&encode(&batch)).unwrap_or_default();
            assert_eq!((&read.writes, &read.chunks), (&batch.writes, &batch.chunks));
        }
    }

    #[test]
    fn a_record_that_is_cut_or_goes_on_is_damaged() {
        let bytes = encode(&batch());
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length} of {} bytes", bytes.len());
        }
        assert!(decode(&[bytes.as_slice(), b"x"].concat()).is_err());
        assert!(decode(&[2, 0, 0, 0, 0, 0, 0, 0, 0]).is_err(), "a version of tomorrow");
    }
}
