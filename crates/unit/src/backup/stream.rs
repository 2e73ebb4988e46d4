//! How a backup travels: pieces, then the manifest, each behind a byte that says what it is and four that say how long, big end first.
//!
//! What is read may come from a stranger: nothing longer than a piece is taken for one, and nothing longer than a manifest may be.

use super::PIECE_BYTES;
use crate::Error;
use base::Problem;
use std::io::Read;

/// The media type of a backup on its way.
pub const MEDIA: &str = "application/vnd.craton.backup";

/// Bytes of a manifest, at most.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 256 << 20;

const PIECE: u8 = 1;
const MANIFEST: u8 = 2;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Bytes of a file.
    Piece(Vec<u8>),
    /// The manifest; nothing comes behind it.
    Manifest(Vec<u8>),
}

impl Frame {
    /// Returns the frame as it travels.
    pub fn bytes(&self) -> Vec<u8> {
        let (kind, payload) = match self {
            Self::Piece(bytes) => (PIECE, bytes),
            Self::Manifest(bytes) => (MANIFEST, bytes),
        };
        let mut bytes = Vec::with_capacity(5 + payload.len());
        bytes.push(kind);
        // Pieces and manifests are far below 4 GiB.
        bytes.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// Reads the next frame.
    ///
    /// # Errors
    /// `backup.cut` where there is none, or not as a whole.
    pub fn read(from: &mut dyn Read) -> Result<Self, Error> {
        let cut = |reason: String| Error::Cut { reason };
        let mut head = [0; 5];
        from.read_exact(&mut head).map_err(|error| cut(error.to_string()))?;
        let [kind, length @ ..] = head;
        let length = u64::from(u32::from_be_bytes(length));
        let limit = match kind {
            PIECE => PIECE_BYTES,
            MANIFEST => MANIFEST_BYTES_MAX,
            _ => return Err(cut(format!("there is no kind {kind}"))),
        };
        if limit < length {
            return Err(cut(format!("{length} bytes exceed the limit of {limit}")));
        }
        let mut payload = Vec::new();
        from.take(length).read_to_end(&mut payload).map_err(|error| cut(error.to_string()))?;
        if payload.len() as u64 != length {
            return Err(cut("it ends in the middle".into()));
        }
        Ok(if kind == PIECE { Self::Piece(payload) } else { Self::Manifest(payload) })
    }
}

/// Frames as something that can be read.
pub(crate) struct Reading<I> {
    frames: I,
    bytes: Vec<u8>,
    place: usize,
}

impl<I: Iterator<Item = Result<Vec<u8>, Problem>>> Reading<I> {
    pub(crate) fn new(frames: I) -> Self {
        Self { frames, bytes: Vec::new(), place: 0 }
    }
}

impl<I: Iterator<Item = Result<Vec<u8>, Problem>>> Read for Reading<I> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.place == self.bytes.len() {
            match self.frames.next() {
                None => return Ok(0),
                Some(Ok(bytes)) => (self.bytes, self.place) = (bytes, 0),
                Some(Err(problem)) => {
                    let text = format!("{} [{}]", problem.message, problem.code);
                    return Err(std::io::Error::other(text));
                }
            }
        }
        let count = into.len().min(self.bytes.len() - self.place);
        into[..count].copy_from_slice(&self.bytes[self.place..self.place + count]);
        self.place += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_as_they_were_sent_and_never_in_part() {
        let frames = [Frame::Piece(vec![7; 3]), Frame::Piece(Vec::new()), Frame::Manifest(vec![1])];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        let mut from = bytes.as_slice();
        for frame in &frames {
            assert_eq!(Frame::read(&mut from).as_ref().ok(), Some(frame));
        }
        for length in 0..8 {
            assert!(Frame::read(&mut &bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(Frame::read(&mut &[3, 0, 0, 0, 0][..]).is_err(), "a kind of tomorrow");
        assert!(Frame::read(&mut &[1, 255, 255, 255, 255][..]).is_err(), "too long");
    }
}
