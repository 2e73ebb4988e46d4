//! Watches one turn of the partition's thread: what its calls took, which spans they had, what engines counted in it. What belongs to a
//! commit that did not happen is not counted.

use super::Outcome;
use crate::trace::{Carried, Span, SpanId, SpanKind, Trace, TraceId};
use crate::{Call, Kernel, Read, Reply, Tx};
use base::{Period, Problem, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::Batch;

/// Spans of other traces that the span of a commit names.
const LINKS_MAX: usize = 16;

/// Traces in which one commit is written down.
const COMMITS_MAX: usize = 64;

/// What a step leaves to be told after the commit.
#[derive(Default)]
pub(crate) struct Told {
    /// The trace of what is being done now.
    pub(crate) trace: Option<Trace>,
    spans: Vec<Span>,
    counts: Vec<(&'static str, String)>,
    pub(crate) measured: Vec<Measured>,
    carried: Carried,
}

/// Something that a service level is about, done in this commit.
pub(crate) struct Measured {
    /// The id of the level.
    pub(crate) id: String,
    /// When it was done, by the clock of the level.
    pub(crate) at: Time,
    pub(crate) is_good: bool,
}

impl Told {
    /// Returns how much there is, so that a step that fails can be taken back.
    pub(crate) fn mark(&self) -> (usize, usize, usize) {
        (self.counts.len(), self.measured.len(), self.carried.len())
    }

    pub(crate) fn rollback(&mut self, (counts, measured, carried): (usize, usize, usize)) {
        self.counts.truncate(counts);
        self.measured.truncate(measured);
        self.carried.truncate(carried);
    }
}

/// The span of a call that is being run.
pub(crate) struct Opened {
    before: Option<Trace>,
    own: Option<Trace>,
    start: i64,
}

impl Opened {
    /// Returns the trace of the call with this span in it, where it has one.
    pub(crate) fn own(&self) -> Option<&Trace> {
        self.own.as_ref()
    }
}

impl Tx<'_> {
    /// Returns the trace of what is being done now: of the call that runs, or of the instance that goes on. Calls that an engine makes
    /// belong to it by themselves.
    pub fn trace(&self) -> Option<&Trace> {
        self.told.trace.as_ref()
    }

    /// Does something that belongs to another trace, or to none.
    pub fn within<T>(&mut self, trace: Option<Trace>, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.told.trace, trace);
        let done = work(self);
        self.told.trace = before;
        done
    }

    /// Keeps a span once the commit is durable.
    pub fn span(&mut self, span: Span) {
        self.told.spans.push(span);
    }

    /// Counts something once the commit is durable; see [`crate::Meters::counts`].
    pub fn count(&mut self, name: &'static str, label: &str) {
        self.told.counts.push((name, label.to_owned()));
    }

    /// Remembers that rows which were appended belong to the trace of the call that runs; see [`Tx::carried_by`].
    pub fn carry(&mut self, log: &str, first: u64, count: u64) {
        let told = &mut self.told;
        if let Some(trace) = told.trace.as_ref().filter(|trace| trace.is_sampled && 0 < count) {
            told.carried.push(log, first, count, trace);
        }
    }

    /// Returns the trace to which a row of a log belongs, appended in this commit or in an earlier one, where one is known.
    pub fn carried_by(&self, log: &str, offset: u64) -> Option<Trace> {
        let own = self.told.carried.find(log, offset).cloned();
        own.or_else(|| self.kernel().tracer().carried_by(log, offset))
    }

    /// Measures something that was done against the service levels of its subject, `process/NAME` for example. `at` is when it was
    /// done, business time.
    pub fn measure(&mut self, subject: &str, took: Period, is_done: bool, at: Time) {
        let levels = self.kernel().levels.of(subject);
        for level in levels.iter().flat_map(|levels| levels.iter()) {
            let is_good = is_done && took <= level.within;
            self.told.measured.push(Measured { id: level.id.clone(), at, is_good });
        }
    }

    /// Measures something that was done against what was promised in a contract; see [`crate::Engine::promises`].
    pub fn measure_promise(
        &mut self,
        id: String,
        within: Period,
        took: Period,
        is_done: bool,
        at: Time,
    ) {
        self.told.measured.push(Measured { id, at, is_good: is_done && took <= within });
    }

    /// Begins the span of a call.
    pub(crate) fn open(&mut self, call: &Call) -> Opened {
        let tracer = self.kernel().tracer();
        let own = tracer.open(call);
        let start = if own.is_some() { tracer.now() } else { 0 };
        let now = own.clone().or_else(|| call.trace.clone());
        Opened { before: std::mem::replace(&mut self.told.trace, now), own, start }
    }

    /// Leaves the span of a call that is not over, while others are looked at; [`Tx::close`] ends it.
    pub(crate) fn leave_open(&mut self, opened: &Opened) {
        self.told.trace.clone_from(&opened.before);
    }

    /// Ends the span of a call.
    pub(crate) fn close<T>(&mut self, opened: Opened, call: &Call, result: &Result<T, Problem>) {
        if let Some(own) = &opened.own {
            let end = self.kernel().tracer().now();
            let span = call_span(own, call, result).between(opened.start, end);
            self.told.spans.push(span);
        }
        self.told.trace = opened.before;
    }
}

/// Returns the span of a call, still without its time.
pub(crate) fn call_span<T>(own: &Trace, call: &Call, result: &Result<T, Problem>) -> Span {
    let parent = call.trace.as_ref().map(|trace| trace.span);
    Span::new(own, parent, call.operation.clone(), SpanKind::Internal)
        .with("craton.resource", &call.resource)
        .ended(result.as_ref().err().map(|problem| problem.code.as_str()))
}

/// The commit of a turn.
struct Committed {
    number: Option<u64>,
    began: Duration,
    ended: Duration,
}

/// Watches one turn.
pub(crate) struct Watch {
    began: Duration,
    told: Told,
    committed: Option<Committed>,
}

impl Watch {
    pub(crate) fn begin(kernel: &Kernel) -> Self {
        Self { began: kernel.clock().monotonic(), told: Told::default(), committed: None }
    }

    /// Takes what a transaction leaves to be told.
    pub(crate) fn take(&mut self, tx: &mut Tx<'_>) {
        self.told = std::mem::take(&mut tx.told);
        let tx = &*tx;
        let kernel = tx.kernel();
        // Where a cursor cannot be read nothing is forgotten.
        self.told.carried.pass(|log| kernel.read_by_all(tx, log, u64::MAX).unwrap_or_default());
    }

    /// Makes a batch durable, and notes how long that took.
    pub(crate) fn commit(
        &mut self,
        kernel: &Kernel,
        batch: &Batch,
        calls: usize,
    ) -> Result<u64, store::Error> {
        let before = kernel.clock().monotonic();
        let result = kernel.store().commit(0, batch);
        let after = kernel.clock().monotonic();
        let meters = kernel.meters();
        meters.set_failed(result.is_err());
        match &result {
            Ok(_) => {
                meters.commits.add(1);
                meters.commit_seconds.took(after.saturating_sub(before));
                meters.commit_calls.add(calls as u64);
            }
            Err(_) => meters.commit_failures.add(1),
        }
        let number = result.as_ref().ok().copied();
        self.committed = Some(Committed { number, began: before, ended: after });
        result
    }

    /// Counts the calls of the turn, and keeps its spans.
    pub(crate) fn end(
        mut self,
        kernel: &Kernel,
        calls: &[Call],
        replies: &[Result<Reply, Problem>],
    ) {
        let now = kernel.clock().monotonic();
        for (call, reply) in calls.iter().zip(replies) {
            let elapsed = now.saturating_sub(call.received.unwrap_or(self.began));
            kernel.called(&call.operation, Outcome::of(reply), elapsed);
        }
        let is_lost = self.committed.as_ref().is_some_and(|committed| committed.number.is_none());
        if !is_lost {
            for (name, label) in &self.told.counts {
                kernel.meters().counted(name, label, 1);
            }
        }
        let is_committed =
            self.committed.as_ref().is_some_and(|committed| committed.number.is_some());
        if is_committed && 0 < self.told.carried.len() {
            kernel.tracer().carry(std::mem::take(&mut self.told.carried));
        }
        if !self.told.spans.is_empty() {
            self.keep(kernel, calls, replies);
        }
    }

    fn keep(self, kernel: &Kernel, calls: &[Call], replies: &[Result<Reply, Problem>]) {
        let tracer = kernel.tracer();
        let end = tracer.now();
        let mut spans = self.told.spans;
        for (call, reply) in calls.iter().zip(replies) {
            let Some(trace) = call.trace.as_ref().filter(|trace| trace.is_sampled) else {
                continue;
            };
            let is_own = |span: &&mut Span| {
                span.trace == trace.id
                    && span.parent == Some(trace.span)
                    && span.name == call.operation
            };
            // The call ends with its commit, and began when it was handed in.
            if let Some(span) = spans.iter_mut().find(is_own) {
                span.end = end;
                span.start = call.received.map_or(span.start, |received| tracer.at(received));
                span.code = reply.as_ref().err().map(|problem| problem.code.clone());
            }
        }
        if let Some(committed) = &self.committed {
            let commits = commit_spans(kernel, committed, calls.len(), &spans);
            spans.extend(commits);
        }
        spans.into_iter().for_each(|span| tracer.record(span));
    }
}

/// Returns a span of the commit in each trace that has work in it; each names the others. It stands below the first piece of work
/// that was not caused by another in the same turn: a call, a message, an element whose timer fired.
fn commit_spans(kernel: &Kernel, committed: &Committed, calls: usize, spans: &[Span]) -> Vec<Span> {
    let tracer = kernel.tracer();
    let (start, end) = (tracer.at(committed.began), tracer.at(committed.ended));
    let here: BTreeSet<SpanId> = spans.iter().map(|span| span.id).collect();
    let mut shared: BTreeMap<TraceId, SpanId> = BTreeMap::new();
    for span in spans {
        let is_first = span.parent.is_none_or(|parent| !here.contains(&parent));
        if is_first && shared.len() < COMMITS_MAX {
            shared.entry(span.trace).or_insert(span.id);
        }
    }
    let one = |(trace, parent): (&TraceId, &SpanId)| {
        let state = String::new();
        let caller = Trace { id: *trace, span: *parent, is_sampled: true, state };
        let mut span =
            Span::new(&tracer.child(&caller), Some(*parent), "commit", SpanKind::Internal)
                .between(start, end)
                .with("craton.commit.calls", calls);
        match committed.number {
            Some(commit) => span = span.with("craton.commit.number", commit),
            None => span.code = Some("store.commit".into()),
        }
        let others = shared.iter().filter(|(other, _)| *other != trace);
        span.links = others.map(|(trace, span)| (*trace, *span)).take(LINKS_MAX).collect();
        span
    };
    shared.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Parts, Principal, ResourceRef};
    use base::{DrivenClock, SeededEntropy, SystemClock};
    use serde_json::json;
    use std::sync::Arc;
    use store::MemoryStore;

    fn call(operation: &str, args: serde_json::Value) -> Call {
        let kind = operation.split('.').next().expect("a kind");
        Call::new(operation, ResourceRef::new(kind, ""), Principal::Unit("init".into())).with(args)
    }

    #[test]
    fn a_traced_call_has_a_span_and_its_commit_another_that_links_to_those_beside_it() {
        let (kernel, mut writer) = Kernel::new(Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: Vec::new(),
            config: Config::default(),
        })
        .expect("a kernel");
        let user = |name: &str| json!({"manifests": [{"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": name}, "spec": {}}]});
        let mut calls = vec![
            call("resource.apply", user("ana")),
            call("resource.apply", user("ben")),
            call("resource.apply", json!({})),
        ];
        calls[0].trace = Some(kernel.tracer().begin());
        calls[1].trace = Some(kernel.tracer().begin());
        writer.turn(&calls);
        let spans = kernel.tracer().spans();
        let trace = calls[0].trace.as_ref().expect("a trace");
        let own: Vec<&Span> = spans.iter().filter(|span| span.trace == trace.id).collect();
        let applied = own.iter().find(|span| span.name == "resource.apply").expect("the call");
        let commit = own.iter().find(|span| span.name == "commit").expect("its commit");
        assert_eq!((applied.parent, commit.parent), (Some(trace.span), Some(applied.id)));
        assert_eq!(commit.links.len(), 1, "the other traced call");
        assert_ne!(commit.links[0].0, trace.id);
        assert!(commit.start <= commit.end && commit.end <= applied.end);
        let mut out = super::super::Exposition::new(1_000);
        kernel.meters().tell(&mut out);
        let text = out.text();
        let count = |outcome: &str, number: u32| {
            let line = format!(
                "craton_call_seconds_count{{operation=\"resource.apply\",outcome=\"{outcome}\"}} {number}\n"
            );
            assert!(text.contains(&line), "{text}");
        };
        count("ok", 2);
        count("invalid", 1);
        assert!(text.contains("craton_commits_total 1\n"), "{text}");
        assert!(text.contains("craton_commit_calls_sum 3\n"), "{text}");
    }
}
