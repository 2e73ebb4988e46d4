//! Whether a unit has come to rest: what the driver of a replay waits for. Also rings the bell for background threads.

use base::Problem;
use exchange::Exchange;
use kernel::{
    Call, Engine, KindOf, Operation, Read, Reader, Relation, Reply, Right, operation, read,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The longest that a caller may wait for rest.
const WAIT_MS_MAX: u64 = 10_000;

/// Counts what happened, so that a thread can wait for the next happening without missing one.
#[derive(Default)]
pub(crate) struct Bell {
    count: Mutex<u64>,
    rung: Condvar,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.rung.notify_all();
    }

    pub(crate) fn count(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the count has passed `seen`, or the time is up.
    pub(crate) fn wait(&self, seen: u64, timeout: Duration) {
        let guard = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.rung.wait_timeout_while(guard, timeout, |count| *count <= seen));
    }
}

/// The engine that answers `unit.settled`.
pub(crate) struct Rest {
    exchange: Arc<Exchange>,
    /// Rung when decisions wait to be evaluated.
    pub decisions: Bell,
    /// Rung at every commit and every acknowledgement of a peer.
    pub changed: Arc<Bell>,
}

impl Rest {
    pub(crate) fn new(exchange: Arc<Exchange>) -> Self {
        let changed = Arc::new(Bell::default());
        let bell = Arc::clone(&changed);
        exchange.on_acknowledged(move || bell.ring());
        Self { exchange, decisions: Bell::default(), changed }
    }

    fn settled(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let number = |name: &str| call.args.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        let kernel = Arc::clone(reader.kernel());
        let clock = kernel.clock();
        let until = clock.monotonic() + Duration::from_millis(number("wait_ms").min(WAIT_MS_MAX));
        loop {
            let seen = self.changed.count();
            reader.release();
            let rest = self.exchange.rest(reader)?;
            let is_idle = rest.is_quiet
                && !kernel.has_leftovers()
                && process::decisions::pending(reader, 0, 1)?.requests.is_empty();
            let left = until.saturating_sub(clock.monotonic());
            if is_idle || left.is_zero() {
                return Ok(Reply::Value(json!({
                    "idle": is_idle,
                    "sent": rest.sent,
                    "received": rest.received,
                    "commit": reader.commit()?,
                    "due": kernel.due(reader)?,
                })));
            }
            reader.release();
            self.changed.wait(seen, left);
        }
    }
}

impl Engine for Rest {
    fn name(&self) -> &'static str {
        "unit"
    }

    fn kinds(&self) -> Vec<KindOf> {
        Vec::new()
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        vec![
            operation(
                "unit.settled",
                Right::Read,
                "Says whether the unit has come to rest, and waits for it.",
                read(&self, Self::settled),
            )
            .on_kind()
            .queries(&[("wait_ms", "How long to wait for rest, in milliseconds.")]),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn committed(&self, topics: &BTreeSet<String>) {
        if topics.contains("decision") {
            self.decisions.ring();
        }
        self.changed.ring();
    }
}
