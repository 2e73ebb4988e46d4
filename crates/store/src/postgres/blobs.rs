//! Blobs of a folder that several nodes share: only the node that holds the store changes them.

use super::lease::Lease;
use crate::blobs::Write;
use crate::{Blobs, Error};
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Blobs that are changed only while a lease is held.
pub struct LeasedBlobs {
    below: Arc<dyn Blobs>,
    lease: Arc<Lease>,
}

impl LeasedBlobs {
    /// Returns the blobs below, for whoever holds a lease.
    pub fn new(below: Arc<dyn Blobs>, lease: Arc<Lease>) -> Self {
        Self { below, lease }
    }
}

impl Blobs for LeasedBlobs {
    fn put(&self, name: &str, write: &mut Write<'_>) -> Result<(), Error> {
        self.lease.check()?;
        // A node that stood still while it wrote finds out before the blob gets its name.
        self.below.put(name, &mut |out| {
            write(out)?;
            self.lease.check().map_err(io::Error::other)
        })
    }

    fn read(&self, name: &str, range: Range<u64>) -> Result<Vec<u8>, Error> {
        self.below.read(name, range)
    }

    fn size(&self, name: &str) -> Result<Option<u64>, Error> {
        self.below.size(name)
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, Error> {
        self.below.list(prefix)
    }

    fn delete(&self, name: &str) -> Result<(), Error> {
        self.lease.check()?;
        self.below.delete(name)
    }

    fn settle(&self, folder: &str) -> Result<(), Error> {
        self.below.settle(folder)
    }
}
