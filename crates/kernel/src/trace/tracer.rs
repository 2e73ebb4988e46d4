//! Where spans are kept: the last ones in memory, for SQL and for whoever sends them on. Never in the store, never in anybody's way.

use super::{SpanId, Trace, TraceId};
use crate::Call;
use base::{Clock, Entropy};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Appended rows whose trace is remembered until an engine takes them.
const CARRIED_MAX: usize = 10_000;

/// By how much the wall clock may have moved away before spans follow it, in nanoseconds.
const DRIFT_NANOS_MAX: i64 = 1_000_000_000;

/// The part that a span plays, as OpenTelemetry names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// Work inside the unit.
    Internal,
    /// A request that came.
    Server,
    /// A request that was made.
    Client,
    /// A message that was left for somebody.
    Producer,
    /// A message that came.
    Consumer,
}

impl SpanKind {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

/// A piece of work, from when to when. It holds names and numbers, never what somebody sent: no variables, no rows, no SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub id: SpanId,
    /// The span that caused it.
    pub parent: Option<SpanId>,
    /// What it is: an operation, a route, a process.
    pub name: String,
    /// The part that it plays.
    pub kind: SpanKind,
    /// When it began, nanoseconds since 1970.
    pub start: i64,
    /// When it ended.
    pub end: i64,
    /// The code of the problem that it ended with.
    pub code: Option<String>,
    /// What else is known of it.
    pub attributes: Vec<(&'static str, String)>,
    /// Spans of other traces that shared the work.
    pub links: Vec<(TraceId, SpanId)>,
}

impl Span {
    /// Returns the span of a trace that was begun with [`Tracer::child`].
    pub fn new(
        own: &Trace,
        parent: Option<SpanId>,
        name: impl Into<String>,
        kind: SpanKind,
    ) -> Self {
        Self {
            trace: own.id,
            id: own.span,
            parent,
            name: name.into(),
            kind,
            start: 0,
            end: 0,
            code: None,
            attributes: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Says when it was.
    #[must_use]
    pub fn between(mut self, start: i64, end: i64) -> Self {
        // A wall clock that was set back makes no span of a negative length.
        (self.start, self.end) = (start, end.max(start));
        self
    }

    /// Says what else is known of it.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// Says with which problem it ended.
    #[must_use]
    pub fn ended(mut self, code: Option<&str>) -> Self {
        self.code = code.map(str::to_owned);
        self
    }
}

/// Spans for whoever sends them on.
#[derive(Debug, Default)]
pub struct Batch {
    /// The spans, oldest first.
    pub spans: Vec<Span>,
    /// The number to go on from.
    pub next: u64,
    /// How many went before they were asked for.
    pub lost: u64,
}

#[derive(Default)]
struct Ring {
    spans: VecDeque<Span>,
    /// The number of the first of `spans`.
    first: u64,
    /// True when nobody is to wait any more.
    is_closed: bool,
}

/// Rows that a traced call has appended and that an engine may take later.
struct Carried {
    log: String,
    first: u64,
    end: u64,
    trace: Trace,
}

/// Decides which traces are written down, and keeps their spans.
pub struct Tracer {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    ratio: f64,
    spans_max: usize,
    seed: OnceLock<u64>,
    count: AtomicU64,
    /// Nanoseconds between the monotonic clock and 1970; 0 until it is known.
    offset: AtomicI64,
    ring: Mutex<Ring>,
    news: Condvar,
    carried: Mutex<VecDeque<Carried>>,
    carried_count: AtomicUsize,
    recorded: AtomicU64,
    lost: AtomicU64,
}

impl Tracer {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        config: &crate::Config,
    ) -> Self {
        Self {
            clock,
            entropy,
            ratio: config.trace_ratio,
            spans_max: config.spans_max,
            seed: OnceLock::new(),
            count: AtomicU64::new(0),
            offset: AtomicI64::new(0),
            ring: Mutex::default(),
            news: Condvar::new(),
            carried: Mutex::default(),
            carried_count: AtomicUsize::new(0),
            recorded: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Returns the trace of a request at a door, with a span of its own where the trace is written down. What the request brought
    /// decides; without it the ratio does.
    pub fn at_door(&self, brought: Option<&Trace>) -> Option<Trace> {
        if let Some(parent) = brought {
            return Some(if parent.is_sampled { self.child(parent) } else { parent.clone() });
        }
        if self.ratio <= 0.0 {
            return None;
        }
        // 53 bits, as many as a number of 64 bits holds exactly.
        let drawn = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        (drawn < self.ratio).then(|| self.begin())
    }

    /// Begins a trace that is written down.
    pub fn begin(&self) -> Trace {
        let id = (u128::from(self.number()) << 64) | u128::from(self.number());
        Trace {
            id: TraceId(id),
            span: SpanId(self.number()),
            is_sampled: true,
            state: String::new(),
        }
    }

    /// Returns the trace with a new span, whose parent is the span of `trace`.
    pub fn child(&self, trace: &Trace) -> Trace {
        trace.at(SpanId(self.number()))
    }

    /// Returns the time, nanoseconds since 1970; it does not run backwards within a span.
    pub fn now(&self) -> i64 {
        self.at(self.clock.monotonic())
    }

    /// Returns a moment of the monotonic clock as nanoseconds since 1970.
    pub fn at(&self, moment: Duration) -> i64 {
        let moment = i64::try_from(moment.as_nanos()).unwrap_or(i64::MAX);
        let wall = self.clock.wall().0.saturating_mul(1_000_000);
        let now = i64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(i64::MAX);
        let offset = self.offset.load(Ordering::Relaxed);
        let offset = if (wall - (now + offset)).abs() < DRIFT_NANOS_MAX {
            offset
        } else {
            self.offset.store(wall - now, Ordering::Relaxed);
            wall - now
        };
        moment + offset
    }

    /// Keeps a span. Where there is no room the oldest goes.
    pub fn record(&self, span: Span) {
        let mut ring = self.ring();
        ring.spans.push_back(span);
        while self.spans_max < ring.spans.len() {
            ring.spans.pop_front();
            ring.first += 1;
        }
        drop(ring);
        self.recorded.fetch_add(1, Ordering::Relaxed);
        self.news.notify_all();
    }

    /// Returns spans from a number on, so many at most.
    pub fn after(&self, number: u64, limit: usize) -> Batch {
        let ring = self.ring();
        let skip = usize::try_from(number.saturating_sub(ring.first)).unwrap_or(usize::MAX);
        let spans: Vec<Span> = ring.spans.iter().skip(skip).take(limit).cloned().collect();
        let from = number.max(ring.first);
        let lost = from - number;
        self.lost.fetch_add(lost, Ordering::Relaxed);
        Batch { next: from + spans.len() as u64, spans, lost }
    }

    /// Waits until there is a span of this number, or the time is up.
    pub fn wait(&self, number: u64, timeout: Duration) {
        let has_none =
            |ring: &mut Ring| !ring.is_closed && ring.first + ring.spans.len() as u64 <= number;
        let waited = self.news.wait_timeout_while(self.ring(), timeout, has_none);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Wakes whoever waits: the unit stops.
    pub fn wake(&self) {
        self.ring().is_closed = true;
        self.news.notify_all();
    }

    /// Returns the spans that are kept, oldest first.
    pub fn spans(&self) -> Vec<Span> {
        self.ring().spans.iter().cloned().collect()
    }

    /// Returns how many spans were kept since the start, and how many went before they were sent on.
    pub fn counts(&self) -> (u64, u64) {
        (self.recorded.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// Notes spans that could not be sent on.
    pub fn note_lost(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// Remembers to which trace appended rows belong, until an engine asks or there is no room. A restart forgets it.
    pub(crate) fn carry(&self, log: &str, first: u64, count: u64, trace: &Trace) {
        let mut carried = self.carried();
        if CARRIED_MAX <= carried.len() {
            carried.pop_front();
        }
        let (log, end) = (log.to_owned(), first.saturating_add(count));
        carried.push_back(Carried { log, first, end, trace: trace.clone() });
        self.carried_count.store(carried.len(), Ordering::Relaxed);
    }

    /// Returns the trace to which a row of a log belongs, where one is known.
    pub fn carried_by(&self, log: &str, offset: u64) -> Option<Trace> {
        if self.carried_count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let is_meant =
            |held: &&Carried| held.log == log && held.first <= offset && offset < held.end;
        self.carried().iter().rev().find(is_meant).map(|held| held.trace.clone())
    }

    /// Forgets to which traces rows belong: a commit did not happen, and others may come to stand at their offsets.
    pub(crate) fn forget_carried(&self) {
        self.carried().clear();
        self.carried_count.store(0, Ordering::Relaxed);
    }

    /// Begins the span of a call, where it is traced and written down.
    pub(crate) fn open(&self, call: &Call) -> Option<Trace> {
        call.trace.as_ref().filter(|trace| trace.is_sampled).map(|trace| self.child(trace))
    }

    /// Returns a number that does not come again: SplitMix64 over a counter, from a seed that is drawn when it is first needed.
    fn number(&self) -> u64 {
        let seed = *self.seed.get_or_init(|| self.entropy.number());
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        // Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
        let mut mixed = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).max(1)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carried(&self) -> MutexGuard<'_, VecDeque<Carried>> {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use base::{SeededEntropy, SystemClock};

    fn tracer(ratio: f64, spans_max: usize) -> Tracer {
        let config = Config { trace_ratio: ratio, spans_max, ..Config::default() };
        Tracer::new(Arc::new(SystemClock::new()), Arc::new(SeededEntropy::new(3)), &config)
    }

    #[test]
    fn the_parent_decides_and_without_one_the_ratio() {
        let never = tracer(0.0, 10);
        assert_eq!(never.at_door(None), None);
        let parent = never.begin();
        let child = never.at_door(Some(&parent)).expect("it goes on");
        assert_eq!((child.id, child.is_sampled), (parent.id, true));
        assert_ne!(child.span, parent.span);
        let silent = Trace { is_sampled: false, ..parent };
        assert_eq!(
            tracer(1.0, 10).at_door(Some(&silent)),
            Some(silent),
            "it is passed on as it came"
        );
        let some = tracer(0.25, 10);
        let drawn = (0..4_000).filter(|_| some.at_door(None).is_some()).count();
        assert!((800..1_200).contains(&drawn), "{drawn}");
    }

    #[test]
    fn the_oldest_spans_go_and_whoever_was_too_late_is_told() {
        let tracer = tracer(1.0, 3);
        for number in 0..5 {
            let trace = tracer.begin();
            tracer.record(Span::new(&trace, None, format!("s{number}"), SpanKind::Internal));
        }
        let batch = tracer.after(0, 2);
        let names: Vec<&str> = batch.spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!((names, batch.next, batch.lost), (vec!["s2", "s3"], 4, 2));
        assert_eq!(tracer.after(batch.next, 10).next, 5);
        assert_eq!(tracer.counts(), (5, 2));
    }

    #[test]
    fn rows_carry_the_trace_that_appended_them() {
        let tracer = tracer(1.0, 3);
        let trace = tracer.begin();
        tracer.carry("stream/orders", 10, 2, &trace);
        let found = |offset| tracer.carried_by("stream/orders", offset).map(|trace| trace.id);
        assert_eq!([9, 10, 11, 12].map(found), [None, Some(trace.id), Some(trace.id), None]);
        assert_eq!(tracer.carried_by("stream/other", 10), None);
        tracer.forget_carried();
        assert_eq!(found(10), None);
    }
}
