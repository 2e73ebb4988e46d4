//! A principal as the permits know it: what it uses, and what limits it.

use super::meter::Meter;
use crate::bucket::Rate;
use crate::operation::Operation;
use crate::quota::{Limits, Quotas};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A principal, and what it uses.
#[derive(Default)]
pub(super) struct Account {
    pub(super) meter: Arc<Meter>,
    /// When it was used last, monotonic milliseconds.
    pub(super) used: AtomicU64,
    pub(super) state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// What `running.limit` has set.
    pub(super) forced: Option<Forced>,
    pub(super) known: Option<Arc<Known>>,
    /// The rates under which the meter was used last: of calls, and of bytes.
    pub(super) rates: Option<(Option<Rate>, Option<Rate>)>,
}

#[derive(Clone, Copy)]
pub(super) struct Forced {
    pub(super) limits: Limits,
    /// Until when, monotonic; until the unit stops where absent.
    pub(super) until: Option<Duration>,
}

/// What limits a principal, as of an epoch.
pub(super) struct Known {
    pub(super) epoch: u64,
    pub(super) void: u64,
    pub(super) until: Option<Duration>,
    pub(super) limits: Limits,
    pub(super) narrow: Vec<Narrow>,
    pub(super) quotas: Arc<Quotas>,
}

/// A quota of some operations only, as it concerns one principal.
pub(super) struct Narrow {
    pub(super) name: String,
    pub(super) operations: BTreeSet<String>,
    pub(super) limits: Limits,
    pub(super) meter: Arc<Meter>,
}

impl Narrow {
    pub(super) fn concerns(&self, operation: &Operation) -> bool {
        self.operations.contains(operation.name)
    }
}
