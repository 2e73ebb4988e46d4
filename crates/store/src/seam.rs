//! The seam that every store keeps.

use crate::{Batch, Chunk, Error, Image};

/// A store of one unit. Many threads may read; one thread commits.
pub trait Store: Send + Sync {
    /// Returns a view of the last commit that does not change any more.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error>;

    /// Returns whether a snapshot can be had now without waiting for a long change. A hint: it may be too late when it is used.
    fn is_prompt(&self) -> bool {
        true
    }

    /// Returns whether a look takes a round trip to another process, so that memory is better spent on what was seen than on pages.
    fn is_remote(&self) -> bool {
        false
    }

    /// Checks that this process still holds the store. Where several processes share a database, one holds it at a time.
    ///
    /// # Errors
    /// [`Error::Fenced`] where another process holds it now, [`Error::Lease`] where another may.
    fn check_held(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Takes the partition for a new writer and returns its epoch, higher than any before. Older writers are fenced off.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be written.
    fn open_epoch(&self, partition: u16) -> Result<u64, Error>;

    /// Makes a batch durable and returns its commit number. Behind one that [folds](Batch::folds) no record is left of what commits before
    /// it changed.
    ///
    /// # Errors
    /// [`Error::Fenced`] for an older epoch, [`Error::Expected`] where a precondition fails: nothing has happened.
    /// [`Error::Full`] and [`Error::Unavailable`]: nothing has happened. [`Error::Unknown`]: after a failed sync it is
    /// not known whether the batch is durable. The next snapshot tells what holds in this process; a batch that it does
    /// not show may still be found after a crash, until a later commit has succeeded.
    ///
    /// # Panics
    /// Where a chunk does not begin at the end of its log: the writer lost count.
    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, Error>;

    /// Returns how many bytes commits have written and synced since the store was opened; 0 where nothing is synced.
    fn bytes_synced(&self) -> u64 {
        0
    }

    /// Writes over what deletions left in the room that is free now, so that it is not found on the disk any more. Returns whether
    /// that is done; where so much is deleted meanwhile that it is not, it is to be called again. Others can commit meanwhile.
    ///
    /// # Errors
    /// As [`Store::commit`], of which nothing is left that counts.
    fn overwrite_freed(&self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Gives up what commits wrote ahead of their place, which has the bytes of what was deleted since. Returns whether that is
    /// done; where a snapshot still needs it, it is to be called again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be written.
    fn forget_log(&self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Returns the store as it stands at the last commit, to be copied while others commit.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read, or is copied by other means.
    fn image(&self) -> Result<Image, Error> {
        Err(Error::Unavailable { reason: "this store is copied by means of its own".into() })
    }

    /// Looks through all that is stored and returns what is wrong with it, a line each.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn verify(&self) -> Result<Vec<String>, Error>;
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A consistent view of one commit.
pub trait Snapshot: Send {
    /// Returns the number of the commit that is seen; 0 before the first.
    fn commit(&self) -> u64;

    /// Returns the value of a key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Returns pairs with `from <= key < to` in the order of keys, or against it, `limit` at most.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Error>;

    /// Returns the chunks of a log that hold events at or after `offset`, in order, until `bytes` are exceeded; at
    /// least one where there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Error>;

    /// Returns the offset that the next event of a log will have; 0 for a log without events.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn log_end(&self, log: &str) -> Result<u64, Error>;

    /// Returns the names of the logs that begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the store cannot be read.
    fn logs(&self, prefix: &str) -> Result<Vec<String>, Error>;
}
