//! Whether a unit has come to rest (`unit.settled`): what the driver of a replay waits for. Sees each commit for that, and rings the
//! bells of the background threads.

use crate::bell::Bell;
use crate::push;
use crate::usage::usage;
use base::Problem;
use exchange::Exchange;
use kernel::{
    Call, Engine, KindOf, Operation, Read, Reader, Relation, Reply, Right, operation, read,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The longest that a caller may wait for rest.
const WAIT_MS_MAX: u64 = 10_000;

/// The engine that answers `unit.settled` and `unit.usage`.
pub(crate) struct Settled {
    exchange: Arc<Exchange>,
    /// Rung when decisions wait to be evaluated.
    pub decisions: Bell,
    /// Rung when a table is to be looked after.
    pub tables: Bell,
    /// Rung when KPIs or quality rules wait to be evaluated.
    pub kpis: Bell,
    /// Rung when there may be news for browsers, and when a push service was sent to.
    pub push: Arc<Bell>,
    /// Rung at each commit after which the unit may rest, and at each acknowledgement of a peer.
    pub changed: Arc<Bell>,
}

impl Settled {
    pub(crate) fn new(exchange: Arc<Exchange>) -> Self {
        let changed = Arc::new(Bell::default());
        let bell = Arc::clone(&changed);
        exchange.on_acknowledged(move || bell.ring());
        Self {
            exchange,
            decisions: Bell::default(),
            tables: Bell::default(),
            kpis: Bell::default(),
            push: Arc::default(),
            changed,
        }
    }

    fn settled(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let kernel = Arc::clone(reader.kernel());
        let clock = kernel.clock();
        let awaited = call.number("received")?.unwrap_or(0);
        let wait_ms = call.number("wait_ms")?.unwrap_or(0).min(WAIT_MS_MAX);
        let until = clock.monotonic() + Duration::from_millis(wait_ms);
        loop {
            let seen = self.changed.count();
            reader.release();
            let rest = self.exchange.rest(reader)?;
            let is_idle = rest.is_quiet
                && awaited <= rest.received.values().sum()
                && !kernel.has_leftovers()
                && process::decisions::pending(reader, 0, 1)?.requests.is_empty()
                && data::background::pending(reader, 1)?.is_empty();
            let left = until.saturating_sub(clock.monotonic());
            if is_idle || left.is_zero() {
                return Ok(Reply::Value(json!({
                    "unit": self.exchange.identity().unit(),
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

    fn usage(&self, reader: &Reader, _: &Call) -> Result<Reply, Problem> {
        usage(reader, self.exchange.identity())
    }
}

impl Engine for Settled {
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
            .queries(&[
                ("wait_ms", "How long to wait for rest, in milliseconds."),
                ("received", "Messages of peers without which the unit does not rest: others have sent so many."),
            ]),
            operation(
                "unit.usage",
                Right::Read,
                "Says what the unit has spent: commits, bytes synced, signatures, processor time and memory.",
                read(&self, Self::usage),
            )
            .on_kind()
            .while_closed(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn committed(&self, topics: &BTreeSet<String>) {
        let has_decisions = topics.contains(process::decisions::TOPIC);
        if has_decisions {
            self.decisions.ring();
        }
        if topics.contains(data::TABLES) {
            self.tables.ring();
        }
        let has_kpis = topics.contains(data::background::TOPIC);
        if has_kpis {
            self.kpis.ring();
        }
        if push::TOPICS.iter().any(|topic| topics.contains(*topic)) {
            self.push.ring();
        }
        let has_requests = has_decisions || has_kpis;
        // Who waits for rest need not look while there is something to send or to evaluate: its end rings again.
        if !has_requests && !topics.iter().any(|topic| exchange::is_outgoing(topic)) {
            self.changed.ring();
        }
    }
}
