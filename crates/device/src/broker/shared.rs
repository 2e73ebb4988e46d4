//! What seats and groups share: how far the log was routed, whose progress is to be written down, what is counted, and their limits.

use crate::config::Config;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What all seats and groups share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// How far messages of the log were offered to everybody.
    pub routed: AtomicU64,
    /// Sessions and groups whose progress is to be written down.
    pub dirty: Mutex<BTreeSet<u64>>,
    /// Messages that connections took.
    pub sent: AtomicU64,
    /// QoS 0 that found a full queue.
    pub dropped_full: AtomicU64,
    /// Messages that made way for newer ones.
    pub dropped_old: AtomicU64,
    /// The limits, as [`Config`] has them.
    pub live_messages_max: usize,
    pub live_bytes_max: usize,
    pub lag_messages_max: u64,
    pub session_messages_max: u64,
    pub session_bytes_max: u64,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            live_messages_max: config.live_messages_max,
            live_bytes_max: config.live_bytes_max,
            lag_messages_max: config.lag_messages_max,
            session_messages_max: config.session_messages_max,
            session_bytes_max: config.session_bytes_max,
            ..Self::default()
        }
    }

    pub(crate) fn routed(&self) -> u64 {
        self.routed.load(Ordering::SeqCst)
    }

    pub(crate) fn note_dirty(&self, number: u64) {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    }
}
