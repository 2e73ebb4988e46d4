//! An image of a store: what it holds at one commit, as blocks of bytes that make the same store again.
//!
//! While an image is open others commit as before; only the store's own log waits with shrinking. So an image is not to be held
//! for longer than the copying takes.

use crate::{Error, Snapshot};

/// Bytes of a block; the last one of a store may be shorter.
pub const BLOCK_BYTES: u64 = 4 << 20;

/// A store as it stands at one commit.
pub struct Image {
    /// What the commit shows. To be dropped once it was looked at: the blocks do without it.
    pub snapshot: Box<dyn Snapshot>,
    /// The bytes.
    pub blocks: Box<dyn Blocks>,
}

/// The bytes of a store as it stands at one commit.
pub trait Blocks: Send {
    /// Returns how many bytes there are.
    fn bytes(&self) -> u64;

    /// Returns the block of a number, from 0, of [`BLOCK_BYTES`] bytes each; empty behind the last.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read, or had to end the image so that its log could shrink.
    fn block(&self, number: u64) -> Result<Vec<u8>, Error>;
}
