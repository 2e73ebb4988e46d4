//! One request as traces see it: what it brought (W3C Trace Context), what it is told, and its span.
//!
//! Whoever is known decides by what he brings whether it is written down; for strangers the ratio of the unit does.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response};
use base::Problem;
use kernel::{Span, SpanId, SpanKind, Trace, Tracer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest `tracestate` that is looked at, in bytes.
const STATE_BYTES_MAX: usize = 4_096;

/// The trace of a request, with the door's own span.
#[derive(Clone)]
pub(crate) struct Traced {
    trace: Trace,
    /// True once it is not a stranger who decides that it is written down.
    is_trusted: Arc<AtomicBool>,
}

impl Traced {
    /// Says that the unit knows who sends the request.
    pub(crate) fn is_of_somebody(&self) {
        self.is_trusted.store(true, Ordering::Relaxed);
    }

    /// Returns the trace as things stand: sampled where it is written down.
    pub(crate) fn trace(&self) -> Trace {
        let is_sampled = self.trace.is_sampled && self.is_trusted.load(Ordering::Relaxed);
        Trace { is_sampled, ..self.trace.clone() }
    }
}

/// Where a request is written down: from when it came until it is answered.
pub(crate) struct Visit {
    /// The trace.
    pub(crate) traced: Option<Traced>,
    parent: Option<SpanId>,
    start: i64,
}

impl Visit {
    /// Begins with what a request brought.
    pub(crate) fn begin(tracer: &Tracer, headers: &HeaderMap) -> Self {
        let brought = brought(headers);
        // What nobody has brought was drawn by the ratio.
        let is_trusted =
            brought.as_ref().is_none_or(|brought| brought.is_sampled && tracer.draws());
        let is_trusted = Arc::new(AtomicBool::new(is_trusted));
        let trace = tracer.at_door(brought.as_ref());
        let traced = trace.map(|trace| Traced { trace, is_trusted });
        let visit = Self { traced, parent: brought.map(|brought| brought.span), start: 0 };
        let start = if visit.is_wanted() { tracer.now() } else { 0 };
        Self { start, ..visit }
    }

    /// Returns whether it is written down, if somebody sends it who may decide that.
    pub(crate) fn is_wanted(&self) -> bool {
        self.traced.as_ref().is_some_and(|traced| traced.trace.is_sampled)
    }

    /// Ends with the answer: tells the trace, and keeps the span.
    pub(crate) fn end(
        self,
        tracer: &Arc<Tracer>,
        method: &str,
        route: Option<&str>,
        response: &mut Response<Body>,
    ) {
        let Some(trace) = self.traced.map(|traced| traced.trace()) else { return };
        let headers = [("traceparent", trace.traceparent()), ("tracestate", trace.state.clone())];
        for (name, value) in headers.into_iter().filter(|(_, value)| !value.is_empty()) {
            if let Ok(value) = value.parse::<HeaderValue>() {
                response.headers_mut().insert(name, value);
            }
        }
        if !trace.is_sampled {
            return;
        }
        let status = response.status();
        // A route and not a path: names are for who may see them, and paths are many.
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let code = status.is_server_error().then(|| format!("http.{}", status.as_u16()));
        let span = Span::new(&trace, self.parent, name, SpanKind::Server)
            .between(self.start, tracer.now())
            .with("http.request.method", method)
            .with("http.response.status_code", status.as_u16())
            .ended(code.as_deref());
        tracer.record(match route {
            Some(route) => span.with("http.route", route),
            None => span,
        });
    }
}

/// Reads the headers; a `traceparent` that comes twice is none, and several lines of `tracestate` are one list.
fn brought(headers: &HeaderMap) -> Option<Trace> {
    let mut parents = headers.get_all("traceparent").iter();
    let (parent, None) = (parents.next()?, parents.next()) else { return None };
    let states: Vec<&str> =
        headers.get_all("tracestate").iter().filter_map(|value| value.to_str().ok()).collect();
    let state = states.join(",");
    let state = if STATE_BYTES_MAX < state.len() { "" } else { &state };
    Trace::parse(parent.to_str().ok()?, state)
}

/// A defect, for the log.
pub struct Defect<'a> {
    /// The id under which the caller hears of it.
    pub id: &'a str,
    /// The trace in which it came up.
    pub trace: Option<&'a Trace>,
    /// What went wrong.
    pub problem: &'a Problem,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parents_are_none_and_several_states_are_one() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let check = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().expect("a value"));
            }
            brought(&headers).map(|trace| trace.to_string())
        };
        assert_eq!(check(&[]), None);
        assert_eq!(check(&[("traceparent", "rubbish")]), None);
        assert_eq!(check(&[("traceparent", parent), ("traceparent", parent)]), None);
        assert_eq!(
            check(&[("traceparent", parent), ("tracestate", "a=1"), ("tracestate", "b=2")]),
            Some(format!("{parent} a=1,b=2"))
        );
    }
}
