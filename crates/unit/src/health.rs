//! Whether the unit takes requests, and which part of it is to blame where it does not. Peers are no part: what other units do is no
//! reason to take a unit out of service. Only one that was restored from a backup takes no requests before it has asked them.

use crate::{Error, host};
use base::Problem;
use kernel::Handle;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const STOPPING: u8 = 2;

/// Whether the unit takes requests.
pub(crate) struct Health {
    state: AtomicU8,
    folder: PathBuf,
    disk_bytes_min: u64,
}

impl Health {
    /// Returns the health of a unit that starts.
    pub(crate) fn new(folder: &Path, disk_bytes_min: u64) -> Arc<Self> {
        let state = AtomicU8::new(STARTING);
        Arc::new(Self { state, folder: folder.to_owned(), disk_bytes_min })
    }

    /// Says that the doors are open.
    pub(crate) fn serves(&self) {
        self.state.store(SERVING, Ordering::SeqCst);
    }

    /// Says that the unit was told to stop.
    pub(crate) fn stops(&self) {
        self.state.store(STOPPING, Ordering::SeqCst);
    }

    /// Says whether the unit takes requests. Returns at once.
    ///
    /// # Errors
    /// `unit.not_ready` with the parts that are not.
    pub(crate) fn check(&self, handle: &Handle) -> Result<(), Problem> {
        let parts = self.parts(handle);
        if parts.is_empty() {
            Ok(())
        } else {
            Err(Error::NotReady { parts: parts.join(", ") }.into())
        }
    }

    /// Returns the parts that are not ready.
    pub(crate) fn parts(&self, handle: &Handle) -> Vec<&'static str> {
        let mut parts = Vec::new();
        match self.state.load(Ordering::SeqCst) {
            STARTING => parts.push("doors (the unit starts)"),
            STOPPING => parts.push("doors (the unit stops)"),
            _ => {}
        }
        if !handle.is_alive() {
            parts.push("writer");
        }
        if handle.kernel().is_closed() {
            parts.push("restore (the unit asks its peers what it has lost)");
        }
        if handle.kernel().meters().has_failed() {
            parts.push("store");
        }
        match handle.kernel().store().check_held() {
            Ok(()) => {}
            Err(store::Error::Fenced { .. }) => parts.push("lease (another node holds the store)"),
            Err(_) => parts.push("lease (it could not be renewed)"),
        }
        if host::disk(&self.folder).is_some_and(|disk| disk.free < self.disk_bytes_min) {
            parts.push("disk");
        }
        parts
    }
}

/// Returns the problem that a unit has while it starts.
pub(crate) fn starting() -> Problem {
    Error::NotReady { parts: "doors (the unit starts)".into() }.into()
}
