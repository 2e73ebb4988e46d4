//! The queries that run now: listed, counted, ended.

use crate::sql::run::Stop;
use crate::{Config, Error};
use base::Time;
use kernel::{Principal, Span, SpanKind, Trace, Tracer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A query that runs.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) id: String,
    pub(crate) principal: Principal,
    pub(crate) text: String,
    pub(crate) since: Time,
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Table {
    next: u64,
    running: BTreeMap<u64, Running>,
    /// Reads that are no queries.
    pinned: BTreeSet<u64>,
    /// True once the unit stops.
    is_closed: bool,
}

/// The queries that run now.
#[derive(Default)]
pub(crate) struct Queries {
    table: Mutex<Table>,
}

/// A place among the running queries; it is given back when this is dropped.
pub(crate) struct Entry {
    queries: Arc<Queries>,
    number: u64,
    pub(crate) stop: Arc<Stop>,
    /// The span that is open for it.
    span: Option<(Arc<Tracer>, Span)>,
}

impl Entry {
    /// Keeps a span of the query, from now until its place is given back, where its call is traced. It says nothing of what is asked.
    pub(crate) fn trace(&mut self, tracer: &Arc<Tracer>, caller: Option<&Trace>) {
        let Some(caller) = caller.filter(|caller| caller.is_sampled) else { return };
        let own = tracer.child(caller);
        let span = Span::new(&own, Some(caller.span), "sql", SpanKind::Internal);
        let now = tracer.now();
        self.span = Some((Arc::clone(tracer), span.between(now, now)));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some((tracer, span)) = self.span.take() {
            let (start, end) = (span.start, tracer.now());
            tracer
                .record(span.between(start, end).with("craton.query", format!("q{}", self.number)));
        }
        self.queries.table().running.remove(&self.number);
    }
}

/// Keeps rows and files from being tidied up.
pub(crate) struct Pin {
    queries: Arc<Queries>,
    number: u64,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.queries.table().pinned.remove(&self.number);
    }
}

impl Queries {
    /// Takes a place for a query.
    ///
    /// # Errors
    /// [`Error::Exhausted`] where there is none left, [`Error::Cancelled`] once the unit stops.
    pub(crate) fn enter(
        self: &Arc<Self>,
        config: &Config,
        principal: &Principal,
        text: &str,
        since: Time,
    ) -> Result<Entry, Error> {
        let mut table = self.table();
        if table.is_closed {
            return Err(Error::Cancelled);
        }
        if config.queries_max <= table.running.len() {
            return Err(Error::Exhausted {
                what: format!("{} queries at the same time", config.queries_max),
            });
        }
        table.next += 1;
        let number = table.next;
        let stop = Arc::new(Stop::default());
        let running = Running {
            id: format!("q{number}"),
            principal: principal.clone(),
            text: text.chars().take(1_000).collect(),
            since,
            stop: Arc::clone(&stop),
        };
        table.running.insert(number, running);
        Ok(Entry { queries: Arc::clone(self), number, stop, span: None })
    }

    /// Returns the queries that run, the oldest first.
    pub(crate) fn list(&self) -> Vec<Running> {
        self.table().running.values().cloned().collect()
    }

    /// Returns the number of the query that runs longest, where one runs.
    pub(crate) fn oldest(&self) -> Option<u64> {
        let table = self.table();
        let oldest = table.running.keys().next().copied();
        oldest.into_iter().chain(table.pinned.iter().next().copied()).min()
    }

    /// Returns the number of the query that began last.
    pub(crate) fn last(&self) -> u64 {
        self.table().next
    }

    /// Keeps what can be read now from being tidied up, as a query does, for as long as the pin is held.
    pub(crate) fn pin(self: &Arc<Self>) -> Pin {
        let mut table = self.table();
        table.next += 1;
        let number = table.next;
        table.pinned.insert(number);
        Pin { queries: Arc::clone(self), number }
    }

    /// Ends all queries, and lets none begin any more.
    pub(crate) fn close(&self) {
        let mut table = self.table();
        table.is_closed = true;
        table.running.values().for_each(|running| running.stop.set());
    }

    /// Ends a query.
    ///
    /// # Errors
    /// [`Error::NoQuery`].
    pub(crate) fn cancel(&self, id: &str) -> Result<(), Error> {
        let table = self.table();
        let running = table.running.values().find(|running| running.id == id);
        let shown = || id.chars().take(40).collect();
        running.map(|running| running.stop.set()).ok_or_else(|| Error::NoQuery { id: shown() })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
