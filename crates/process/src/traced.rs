//! An instance in its trace: its own span from start to end, one for each activity inside, and what workers are handed.
//!
//! Spans are of wall time, so they are made here and not by the step function, which knows business time only. What is kept of them
//! stands in the instance: a trace goes on over restarts.

use crate::instance::{ElementId, Instance, State};
use kernel::{Read, Span, SpanId, SpanKind, Trace, Tx};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// To which trace an instance belongs, and which spans of it are open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Traced {
    /// The trace with the span of the instance.
    own: Trace,
    /// The trace with the span that started it.
    caller: Trace,
    /// When it began, nanoseconds since 1970, wall time.
    since: i64,
    /// The open spans of elements: their ids, and when they began.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    elements: BTreeMap<ElementId, (u64, i64)>,
}

impl Traced {
    /// Returns how an instance that begins now is traced: as whoever starts it.
    pub(crate) fn begin(tx: &Tx<'_>) -> Option<Self> {
        let caller = tx.trace()?.clone();
        let tracer = tx.kernel().tracer();
        let own = if caller.is_sampled { tracer.child(&caller) } else { caller.clone() };
        let since = if caller.is_sampled { tracer.now() } else { 0 };
        Some(Self { own, caller, since, elements: BTreeMap::new() })
    }

    /// Returns the trace, as caused by the instance.
    pub(crate) fn of_instance(&self) -> Trace {
        self.own.clone()
    }

    /// Returns the trace, as caused by an element.
    pub(crate) fn of_element(&self, element: ElementId) -> Trace {
        let held = self.elements.get(&element);
        held.map_or_else(|| self.own.clone(), |(span, _)| self.own.at(SpanId(*span)))
    }
}

/// Begins the spans of elements that have been entered.
pub(crate) fn entered(tx: &Tx<'_>, instance: &mut Instance) {
    let Some(traced) = instance.trace.as_mut().filter(|traced| traced.own.is_sampled) else {
        return;
    };
    let tracer = tx.kernel().tracer();
    for element in &instance.elements {
        traced
            .elements
            .entry(element.id)
            .or_insert_with(|| (tracer.child(&traced.own).span.0, tracer.now()));
    }
}

/// Ends the span of an activity or event that is over.
pub(crate) fn left(
    tx: &mut Tx<'_>,
    instance: &Instance,
    element: ElementId,
    id: &str,
    is_completed: bool,
) {
    let Some(traced) = instance.trace.as_ref().filter(|traced| traced.own.is_sampled) else {
        return;
    };
    let tracer = tx.kernel().tracer();
    let now = tracer.now();
    // What was entered and left in one step took no time.
    let (own, since) = match traced.elements.get(&element) {
        Some((span, since)) => (traced.own.at(SpanId(*span)), *since),
        None => (tracer.child(&traced.own), now),
    };
    let code = (!is_completed).then_some("process.cancelled");
    let span = Span::new(&own, Some(traced.own.span), format!("element {id}"), SpanKind::Internal)
        .between(since, now)
        .with("craton.instance", instance.key)
        .ended(code);
    tx.span(span);
}

/// Forgets the spans of elements that are over.
pub(crate) fn sweep(instance: &mut Instance) {
    let Instance { trace, elements, .. } = instance;
    if let Some(traced) = trace {
        traced.elements.retain(|id, _| elements.iter().any(|element| element.id == *id));
    }
}

/// Ends the span of an instance.
pub(crate) fn ended(tx: &mut Tx<'_>, instance: &Instance) {
    let Some(traced) = instance.trace.as_ref().filter(|traced| traced.own.is_sampled) else {
        return;
    };
    let now = tx.kernel().tracer().now();
    let code = (instance.state != State::Completed).then_some("process.cancelled");
    let name = format!("process {}", instance.process);
    let span = Span::new(&traced.own, Some(traced.caller.span), name, SpanKind::Internal)
        .between(traced.since, now)
        .with("craton.instance", instance.key)
        .with("craton.process.version", instance.version)
        .ended(code);
    tx.span(span);
}
