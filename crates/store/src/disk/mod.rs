//! A simulated disk below SQLite: it keeps every file in memory, knows what is synced and what is not, and breaks on
//! request. For tests of what survives a power cut, a failing sync and a full disk.
//!
//! It is a VFS of SQLite ([`vfs`]) over a plain model ([`model`]). It never touches a real file and takes its randomness
//! from a seed only.

mod blobs;
mod model;
mod vfs;

pub use blobs::SimulatedBlobs;
pub use model::LeftOut;

use model::Model;
use std::ffi::CStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a dropped store may take to close its files.
const CLOSE_MS_MAX: u32 = 10_000;

/// A disk in memory that can lose power. Clones share the disk.
#[derive(Clone)]
pub struct SimulatedDisk {
    registered: Arc<vfs::Registered>,
}

impl SimulatedDisk {
    /// Returns an empty disk. Two disks of the same seed that see the same operations break in the same way.
    pub fn new(seed: u64) -> Self {
        let model = Arc::new(Mutex::new(Model::new(seed)));
        Self { registered: Arc::new(vfs::Registered::new(model)) }
    }

    /// Shows what a power cut leaves: everything that is not synced is dropped, kept or torn at 512 bytes, in a mixture that `seed`
    /// chooses. Then the power is back, all faults are gone, and a store can be opened on what survived.
    ///
    /// # Panics
    /// Where a store on this disk is still open.
    pub fn crash(&self, seed: u64) {
        // A thread that reads for a store which was just dropped gives its files back a moment later.
        for _ in 0..CLOSE_MS_MAX {
            if self.model().handles_open == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.model().crash(seed);
    }

    /// Turns the power off now: nothing works until [`Self::crash`]. A store that is closed after this leaves no trace.
    pub fn cut(&self) {
        self.model().is_off = true;
    }

    /// Cuts the power in the middle: after so many more writes and syncs nothing works until [`Self::crash`].
    pub fn cut_after(&self, operations: u64) {
        self.model().faults.operations_left = Some(operations);
    }

    /// Returns whether the power is off.
    pub fn is_off(&self) -> bool {
        self.model().is_off
    }

    /// Lets syncs fail: after `skip` more that work, the next `count` do not. What such a sync should have written is on
    /// the disk or lost in any mixture, and no later sync writes it: that is how Linux behaves.
    pub fn fail_syncs(&self, skip: u64, count: u64) {
        self.model().faults.syncs_failing = Some((skip, count));
    }

    /// Leaves so many bytes of room for files to grow; then the disk is full. `None` gives room again.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.model().faults.bytes_left = bytes;
    }

    /// Leaves no room for one file to grow, while others do; `None` gives room again.
    pub fn set_full(&self, name: Option<&str>) {
        self.model().faults.full = name.map(str::to_owned);
    }

    /// Leaves syncs out while claiming that they were done: a disk that lies, or a build that forgot one.
    pub fn leave_out(&self, syncs: LeftOut) {
        self.model().left_out = syncs;
    }

    /// Returns how many writes and syncs there were.
    pub fn operations(&self) -> u64 {
        self.model().operations
    }

    /// Returns how many syncs there were.
    pub fn syncs(&self) -> u64 {
        self.model().syncs
    }

    /// Returns the size in bytes of a file as it is read now; `None` where it does not exist.
    pub fn size(&self, name: &str) -> Option<u64> {
        self.model().size(name)
    }

    /// Lays a file onto the disk, as one that was written and synced long ago.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        self.model().put(name, bytes);
    }

    /// Flips bits of one byte of a file, for tests of what finds damage.
    ///
    /// # Panics
    /// Where the file has no such byte.
    pub fn damage(&self, name: &str, offset: usize) {
        self.model().damage(name, offset);
    }

    /// Returns the name under which SQLite knows this disk.
    pub(crate) fn name(&self) -> &CStr {
        self.registered.name()
    }

    /// Returns the blobs on this disk.
    pub fn blobs(&self) -> SimulatedBlobs {
        SimulatedBlobs { disk: self.clone() }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.registered.model().lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedDisk").field("name", &self.name()).finish()
    }
}
