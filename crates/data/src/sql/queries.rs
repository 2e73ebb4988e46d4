//! The queries that run now: listed, counted, limited, ended. Places are shared out: whoever runs many leaves room for others.

use crate::engine::Shared;
use crate::sql::memory::QueryPool;
use crate::sql::run::Stop;
use crate::{Config, Error};
use base::{Problem, Time};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_plan::ExecutionPlan;
use kernel::{Principal, QueryLimits, Read, Reader, Span, SpanKind, Trace, Tracer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// The longest tag of a query in bytes.
pub(crate) const TAG_BYTES_MAX: usize = 64;

/// How far a query has come, and what it may use.
pub(crate) struct Progress {
    /// The memory that it holds.
    pub(crate) pool: Arc<QueryPool>,
    rows: AtomicU64,
    bytes: AtomicU64,
    rows_max: AtomicUsize,
    /// How it is carried out, for as long as it is.
    plan: OnceLock<Weak<dyn ExecutionPlan>>,
}

impl Progress {
    /// Takes note of how the query is carried out.
    pub(crate) fn runs(&self, plan: &Arc<dyn ExecutionPlan>) {
        // There is one plan for each query.
        let _ = self.plan.set(Arc::downgrade(plan));
    }

    /// Counts what was made.
    pub(crate) fn made(&self, rows: usize, bytes: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns how many rows the result may have at most, of those that it asked for.
    pub(crate) fn rows_max(&self, asked: usize) -> usize {
        asked.min(self.rows_max.load(Ordering::Relaxed))
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        self.pool.reserved() as u64
    }

    /// Returns the processor time of its steps, as they count it; nothing before it is planned.
    pub(crate) fn cpu_ms(&self) -> Option<u64> {
        let plan = self.plan.get()?.upgrade()?;
        Some(u64::try_from(nanos(&plan) / 1_000_000).unwrap_or(u64::MAX))
    }
}

/// Returns the nanoseconds that the steps of a plan have counted.
fn nanos(plan: &Arc<dyn ExecutionPlan>) -> u128 {
    let own = plan.metrics().and_then(|metrics| metrics.elapsed_compute()).unwrap_or(0);
    own as u128 + plan.children().into_iter().map(nanos).sum::<u128>()
}

/// A query that runs.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) id: String,
    pub(crate) principal: Principal,
    pub(crate) text: String,
    /// What the principal has named it.
    pub(crate) tag: Option<String>,
    pub(crate) since: Time,
    pub(crate) progress: Arc<Progress>,
    /// Whose place it takes.
    payer: Principal,
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
    /// Milliseconds that the query may take by the quotas of who asks.
    ms_max: u64,
    pub(crate) stop: Arc<Stop>,
    pub(crate) progress: Arc<Progress>,
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

    /// Returns how many milliseconds the query may take at most, of those that it asked for.
    pub(crate) fn ms_max(&self, asked: u64) -> u64 {
        asked.min(self.ms_max)
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

/// Who asks what.
pub(crate) struct Asker<'a> {
    /// As whom.
    pub(crate) who: &'a Principal,
    /// Whose place and whose quotas count.
    pub(crate) payer: &'a Principal,
    pub(crate) text: &'a str,
    /// What he names the query, so that he can end it.
    pub(crate) tag: Option<&'a str>,
}

impl<'a> Asker<'a> {
    /// Returns the caller of an operation, who asks for himself.
    pub(crate) fn caller(reader: &'a Reader, text: &'a str) -> Self {
        Self { who: reader.caller(), payer: reader.caller(), text, tag: None }
    }
}

/// Takes a place for a query.
///
/// # Errors
/// [`Error::Busy`] where there is none left for who asks, [`Error::Cancelled`] once the unit stops, `quota.exceeded`, `call.invalid`
/// for a tag that is none, or where the store cannot be read.
pub(crate) fn enter(shared: &Shared, reader: &Reader, asker: &Asker<'_>) -> Result<Entry, Problem> {
    if asker.tag.is_some_and(|tag| !is_tag(tag)) {
        let reason = format!("`tag` has letters, digits and `-._~`, {TAG_BYTES_MAX} at most");
        return Err(kernel::Error::Parameters { reason }.into());
    }
    let (kernel, config) = (reader.kernel(), &shared.config);
    let limits = kernel.limits(reader, asker.payer)?.queries;
    let bytes =
        limits.bytes.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let pool = QueryPool::new(
        config.query_bytes_max.min(bytes),
        Arc::clone(&shared.query_bytes),
        config.queries_bytes_max,
    );
    let rows = limits.rows.map_or(usize::MAX, |rows| usize::try_from(rows).unwrap_or(usize::MAX));
    let progress = Progress {
        pool: Arc::new(pool.of_unit(Arc::clone(kernel.memory()))),
        rows: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        rows_max: AtomicUsize::new(rows),
        plan: OnceLock::new(),
    };
    let running = Running {
        id: String::new(),
        principal: asker.who.clone(),
        text: asker.text.chars().take(1_000).collect(),
        tag: asker.tag.map(str::to_owned),
        since: kernel.clock().wall(),
        progress: Arc::new(progress),
        payer: asker.payer.clone(),
        stop: Arc::default(),
    };
    shared.queries.enter(config, &limits, running)
}

impl Queries {
    fn enter(
        self: &Arc<Self>,
        config: &Config,
        limits: &QueryLimits,
        mut running: Running,
    ) -> Result<Entry, Problem> {
        let mut table = self.table();
        if table.is_closed {
            return Err(Error::Cancelled.into());
        }
        let own = table.running.values().filter(|other| other.payer == running.payer).count();
        if limits.concurrency.is_some_and(|limit| limit <= own as u64) {
            let what = format!("{own} queries at the same time");
            let (whom, retry_ms) = (running.payer.to_string(), Some(Error::RETRY_MS));
            return Err(kernel::Error::Quota { whom, what, retry_ms }.into());
        }
        let payers: BTreeSet<&Principal> =
            table.running.values().map(|other| &other.payer).chain([&running.payer]).collect();
        let all = table.running.len();
        if config.queries_max <= all || share(config.queries_max, payers.len()) <= own {
            return Err(Error::Busy { own, all }.into());
        }
        table.next += 1;
        let number = table.next;
        running.id = format!("q{number}");
        let (stop, progress) = (Arc::clone(&running.stop), Arc::clone(&running.progress));
        table.running.insert(number, running);
        let ms_max = limits.ms.unwrap_or(u64::MAX);
        Ok(Entry { queries: Arc::clone(self), number, ms_max, stop, progress, span: None })
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

    /// Limits a query that runs: what it holds it keeps, and from now on it gets no more. Milliseconds count from now.
    ///
    /// # Errors
    /// `sql.internal` where there are no threads.
    pub(crate) fn limit(
        shared: &Shared,
        running: &Running,
        limits: &QueryLimits,
    ) -> Result<(), Problem> {
        let number = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(bytes) = limits.bytes {
            running.progress.pool.lower(number(bytes));
        }
        if let Some(rows) = limits.rows {
            running.progress.rows_max.fetch_min(number(rows), Ordering::Relaxed);
        }
        if let Some(ms) = limits.ms {
            let stop = Arc::downgrade(&running.stop);
            shared.lanes()?.short().spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                // The query may be over by then.
                if let Some(stop) = stop.upgrade() {
                    stop.set();
                }
            });
        }
        Ok(())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_tag(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !text.is_empty() && text.len() <= TAG_BYTES_MAX && text.bytes().all(is_sign)
}

/// Returns how many of the places one of so many may take: a quarter is kept for whoever has none, the rest is shared out.
fn share(places: usize, among: usize) -> usize {
    ((places - places / 4) / among.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(payer: &str) -> Running {
        let payer = Principal::User(payer.into());
        let pool = Arc::new(QueryPool::new(1 << 20, Arc::default(), 1 << 20));
        let progress = Progress {
            pool,
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            rows_max: AtomicUsize::new(usize::MAX),
            plan: OnceLock::new(),
        };
        Running {
            id: String::new(),
            principal: payer.clone(),
            text: "SELECT 1".into(),
            tag: None,
            since: Time(0),
            progress: Arc::new(progress),
            payer,
            stop: Arc::default(),
        }
    }

    /// Has a principal begin as many queries as it may.
    fn fill(queries: &Arc<Queries>, payer: &str, limits: &QueryLimits) -> (Vec<Entry>, String) {
        let config = Config { queries_max: 16, ..Config::default() };
        let mut entries = Vec::new();
        loop {
            match queries.enter(&config, limits, running(payer)) {
                Ok(entry) => entries.push(entry),
                Err(problem) => return (entries, problem.code),
            }
        }
    }

    #[test]
    fn who_runs_many_queries_leaves_room_for_others() {
        let (queries, none) = (Arc::new(Queries::default()), QueryLimits::default());
        let (ana, code) = fill(&queries, "ana", &none);
        assert_eq!((ana.len(), code.as_str()), (12, "sql.busy"));
        let (bob, _) = fill(&queries, "bob", &none);
        assert_eq!(bob.len(), 4, "what is left; ana has more than her share by now");
        drop(ana);
        let (ana, _) = fill(&queries, "ana", &none);
        assert_eq!(ana.len(), 6);
        let (eve, _) = fill(&queries, "eve", &none);
        assert_eq!(eve.len(), 4);
        drop((ana, bob, eve));
        assert!(queries.list().is_empty());
    }

    #[test]
    fn a_quota_of_queries_is_kept() {
        let queries = Arc::new(Queries::default());
        let limits = QueryLimits { concurrency: Some(2), ms: Some(50), ..QueryLimits::default() };
        let (held, code) = fill(&queries, "ana", &limits);
        assert_eq!((held.len(), code.as_str()), (2, "quota.exceeded"));
        assert_eq!((held[0].ms_max(30), held[0].ms_max(1_000)), (30, 50));
    }

    #[test]
    fn one_place_is_for_whoever_comes_first() {
        assert_eq!((share(1, 1), share(1, 5), share(16, 1), share(16, 100)), (1, 1, 12, 1));
    }
}
