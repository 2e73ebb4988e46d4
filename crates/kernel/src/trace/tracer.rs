//! Where spans are kept: the last ones in memory, for SQL and for whoever sends them on. Never in the store, never in anybody's way.

use super::{SpanId, Trace, TraceId};
use crate::Call;
use base::{Clock, Entropy};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Appends to one log whose trace is remembered until all engines have taken their rows.
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
struct Rows {
    first: u64,
    end: u64,
    trace: Trace,
}

/// What is carried of one log: rows in the order of their offsets.
#[derive(Default)]
struct CarriedLog {
    rows: VecDeque<Rows>,
    /// Before this offset no engine has anything to read any more.
    read: u64,
}

/// Rows that traced calls have appended, by log.
#[derive(Default)]
pub(crate) struct Carried {
    logs: HashMap<String, CarriedLog>,
    /// The logs of what was pushed, in that order.
    pushed: Vec<String>,
}

impl Carried {
    /// Notes rows that were appended.
    pub(crate) fn push(&mut self, log: &str, first: u64, count: u64, trace: &Trace) {
        let rows = Rows { first, end: first.saturating_add(count), trace: trace.clone() };
        self.logs.entry(log.to_owned()).or_default().rows.push_back(rows);
        self.pushed.push(log.to_owned());
    }

    /// Returns how often something was pushed.
    pub(crate) fn len(&self) -> usize {
        self.pushed.len()
    }

    /// Takes back what was pushed after so much.
    pub(crate) fn truncate(&mut self, length: usize) {
        for log in self.pushed.drain(length.min(self.pushed.len())..).rev() {
            if let Some(held) = self.logs.get_mut(&log) {
                held.rows.pop_back();
            }
        }
    }

    /// Asks how far all engines have read each log: what lies before is not carried on.
    pub(crate) fn pass(&mut self, read: impl Fn(&str) -> u64) {
        for (log, held) in &mut self.logs {
            held.read = read(log);
        }
    }

    /// Returns the trace to which a row of a log belongs.
    pub(crate) fn find(&self, log: &str, offset: u64) -> Option<&Trace> {
        let rows = &self.logs.get(log)?.rows;
        let found = rows.get(rows.partition_point(|rows| rows.end <= offset))?;
        (found.first <= offset).then_some(&found.trace)
    }

    /// Takes over what came in a commit, and forgets what everybody has read.
    fn take_over(&mut self, newer: Self) {
        for (log, newer) in newer.logs {
            let held = self.logs.entry(log.clone()).or_default();
            held.rows.extend(newer.rows);
            let read = held.rows.partition_point(|rows| rows.end <= newer.read);
            let over = held.rows.len().saturating_sub(CARRIED_MAX);
            held.rows.drain(..read.max(over));
            if held.rows.is_empty() {
                self.logs.remove(&log);
            }
        }
    }
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
    carried: Mutex<Carried>,
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
        self.draws().then(|| self.begin())
    }

    /// Returns whether a trace that nobody has brought, or a stranger, is written down: as often as the ratio says.
    pub fn draws(&self) -> bool {
        // 53 bits, as many as a number of 64 bits holds exactly.
        0.0 < self.ratio && (self.number() >> 11) as f64 / ((1_u64 << 53) as f64) < self.ratio
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

    /// Remembers to which trace the rows of a commit belong, until all engines have read them or there is no room. A restart forgets it.
    pub(crate) fn carry(&self, carried: Carried) {
        self.carried().take_over(carried);
    }

    /// Returns the trace to which a row of a log belongs that was appended in an earlier commit, where one is known.
    pub(crate) fn carried_by(&self, log: &str, offset: u64) -> Option<Trace> {
        self.carried().find(log, offset).cloned()
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

    fn carried(&self) -> MutexGuard<'_, Carried> {
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
        let (first, second) = (tracer.begin(), tracer.begin());
        let commit = |rows: &[(&str, u64, &Trace)], read: u64| {
            let mut carried = Carried::default();
            rows.iter().for_each(|(log, offset, trace)| carried.push(log, *offset, 2, trace));
            carried.pass(|_| read);
            tracer.carry(carried);
        };
        commit(&[("stream/orders", 10, &first), ("stream/other", 0, &second)], 0);
        let found = |offset| tracer.carried_by("stream/orders", offset).map(|trace| trace.id);
        assert_eq!([9, 10, 11, 12].map(found), [None, Some(first.id), Some(first.id), None]);
        assert_eq!(tracer.carried_by("stream/other", 2), None);
        commit(&[("stream/orders", 20, &second)], 12);
        assert_eq!([11, 20, 21].map(found), [None, Some(second.id), Some(second.id)]);
        assert!(tracer.carried_by("stream/other", 1).is_some(), "nobody has read that one");
        commit(&[("stream/orders", 30, &first)], u64::MAX);
        assert_eq!([21, 30].map(found), [None, None], "everybody has read all");
        for number in 0..20_000 {
            commit(&[("stream/orders", 100 + 2 * number, &first)], 0);
        }
        assert_eq!([100, 100 + 39_999].map(found), [None, Some(first.id)], "the oldest go");
    }

    #[test]
    fn what_a_step_appended_that_was_taken_back_is_not_carried() {
        let tracer = tracer(1.0, 3);
        let (kept, gone) = (tracer.begin(), tracer.begin());
        let mut carried = Carried::default();
        carried.push("stream/orders", 0, 1, &kept);
        let mark = carried.len();
        carried.push("stream/other", 0, 1, &gone);
        carried.push("stream/orders", 1, 1, &gone);
        carried.truncate(mark);
        let find = |log: &str, offset| carried.find(log, offset).map(|trace| trace.id);
        assert_eq!(find("stream/orders", 0), Some(kept.id));
        assert_eq!([find("stream/orders", 1), find("stream/other", 0)], [None, None]);
    }
}
