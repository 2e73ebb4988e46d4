//! What the kernel counts. Each counter is a place in this struct: nothing is looked up by a name that came from outside.

use super::{Exposition, Histogram};
use crate::Operation;
use base::{Kind, Problem};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Counts of one name that are kept apart by label; further ones are counted under `other`.
const LABELS_MAX: usize = 1_000;

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns it.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The doors at which bytes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorName {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS: other units.
    Https,
    /// The protocol of PostgreSQL.
    Postgres,
    /// MQTT, over TCP, TLS and WebSocket.
    Mqtt,
}

impl DoorName {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Postgres, Self::Mqtt];

    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Postgres => "postgres",
            Self::Mqtt => "mqtt",
        }
    }
}

/// The bytes of one door.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Bytes that came.
    pub received: Counter,
    /// Bytes that went.
    pub sent: Counter,
    /// Connections that were taken.
    pub connections: Counter,
}

/// How a call ended: well, or with a problem of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Problem(Kind),
}

impl Outcome {
    const ALL: [Self; 9] = [
        Self::Ok,
        Self::Problem(Kind::Invalid),
        Self::Problem(Kind::Unauthenticated),
        Self::Problem(Kind::Forbidden),
        Self::Problem(Kind::NotFound),
        Self::Problem(Kind::Conflict),
        Self::Problem(Kind::Exhausted),
        Self::Problem(Kind::Unavailable),
        Self::Problem(Kind::Internal),
    ];

    pub(crate) fn of<T>(result: &Result<T, Problem>) -> Self {
        result.as_ref().err().map_or(Self::Ok, |problem| Self::Problem(problem.kind))
    }

    /// Returns whether it counts against a service level: `None` where it was the caller's own doing.
    pub(crate) fn is_kept(self) -> Option<bool> {
        match self {
            Self::Ok => Some(true),
            Self::Problem(Kind::Exhausted | Kind::Unavailable | Kind::Internal) => Some(false),
            Self::Problem(_) => None,
        }
    }

    fn place(self) -> usize {
        Self::ALL.iter().position(|outcome| *outcome == self).unwrap_or_default()
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Problem(Kind::Invalid) => "invalid",
            Self::Problem(Kind::Unauthenticated) => "unauthenticated",
            Self::Problem(Kind::Forbidden) => "forbidden",
            Self::Problem(Kind::NotFound) => "not_found",
            Self::Problem(Kind::Conflict) => "conflict",
            Self::Problem(Kind::Exhausted) => "exhausted",
            Self::Problem(Kind::Unavailable) => "unavailable",
            Self::Problem(Kind::Internal) => "internal",
        }
    }
}

/// The calls of one operation, by outcome. A histogram is made when the first call ends so.
#[derive(Debug, Default)]
struct Calls {
    asked: [OnceLock<Histogram>; 9],
    inside: [Counter; 9],
}

/// What the kernel counts.
#[derive(Debug)]
pub struct Meters {
    calls: HashMap<&'static str, Calls>,
    doors: [Arc<Traffic>; 4],
    pub(crate) commits: Counter,
    pub(crate) commit_failures: Counter,
    pub(crate) commit_seconds: Histogram,
    pub(crate) commit_calls: Histogram,
    pub(crate) queue: AtomicI64,
    pub(crate) decisions: Arc<Decisions>,
    has_failed: AtomicBool,
    /// What engines count in their commits, by name and label.
    counted: Mutex<BTreeMap<(&'static str, String), u64>>,
}

/// How often a decision of the policies was remembered.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    pub(crate) remembered: Counter,
    pub(crate) asked: Counter,
}

impl Meters {
    pub(crate) fn new<'o>(operations: impl Iterator<Item = &'o Operation>) -> Self {
        Self {
            calls: operations.map(|operation| (operation.name, Calls::default())).collect(),
            doors: Default::default(),
            commits: Counter::default(),
            commit_failures: Counter::default(),
            commit_seconds: Histogram::of_seconds(),
            commit_calls: Histogram::of_counts(),
            queue: AtomicI64::new(0),
            decisions: Arc::default(),
            has_failed: AtomicBool::new(false),
            counted: Mutex::default(),
        }
    }

    /// Returns the bytes of a door.
    pub fn door(&self, door: DoorName) -> &Arc<Traffic> {
        &self.doors[door as usize]
    }

    /// Returns whether the last commit failed: the store takes nothing at the moment.
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::SeqCst)
    }

    /// Returns how many calls wait for the partition's thread.
    pub fn queued(&self) -> u64 {
        u64::try_from(self.queue.load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub(crate) fn set_failed(&self, has_failed: bool) {
        self.has_failed.store(has_failed, Ordering::SeqCst);
    }

    /// Counts a call that came through a door or from the unit itself.
    pub(crate) fn called(&self, operation: &str, outcome: Outcome, elapsed: Duration) {
        // A name that no table has is refused; it gets no counter of its own.
        if let Some(histogram) =
            self.calls.get(operation).and_then(|calls| calls.asked.get(outcome.place()))
        {
            histogram.get_or_init(Histogram::of_seconds).took(elapsed);
        }
    }

    /// Counts a call that an engine made.
    pub(crate) fn called_inside(&self, operation: &str, outcome: Outcome) {
        if let Some(counter) =
            self.calls.get(operation).and_then(|calls| calls.inside.get(outcome.place()))
        {
            counter.add(1);
        }
    }

    /// Adds to what an engine counts; see [`crate::Tx::count`].
    pub(crate) fn counted(&self, name: &'static str, label: &str, count: u64) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name, label.to_owned());
        if let Some(held) = counted.get_mut(&key) {
            *held += count;
            return;
        }
        let of_name =
            counted.range((name, String::new())..).take_while(|((held, _), _)| *held == name);
        let key = if LABELS_MAX <= of_name.count() { (name, "other".to_owned()) } else { key };
        *counted.entry(key).or_default() += count;
    }

    /// Returns what engines have counted under a name in commits since the start, by label.
    pub fn counts(&self, name: &'static str) -> Vec<(String, u64)> {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let of_name =
            counted.range((name, String::new())..).take_while(|((held, _), _)| *held == name);
        of_name.map(|((_, label), count)| (label.clone(), *count)).collect()
    }

    pub(crate) fn tell(&self, out: &mut Exposition) {
        self.tell_calls(out);
        for door in DoorName::ALL {
            let (traffic, labels) = (self.door(door), [("door", door.as_str())]);
            let Traffic { received, sent, connections } = traffic.as_ref();
            out.counter(
                "craton_door_received_bytes_total",
                "Bytes that came.",
                &labels,
                received.get(),
            );
            out.counter("craton_door_sent_bytes_total", "Bytes that went.", &labels, sent.get());
            out.counter(
                "craton_door_connections_total",
                "Connections that were taken.",
                &labels,
                connections.get(),
            );
        }
        out.counter("craton_commits_total", "Commits.", &[], self.commits.get());
        out.counter(
            "craton_commit_failures_total",
            "Commits that failed.",
            &[],
            self.commit_failures.get(),
        );
        out.histogram(
            "craton_commit_seconds",
            "How long the store took for a commit, with its sync.",
            &[],
            &self.commit_seconds,
        );
        out.histogram(
            "craton_commit_calls",
            "Calls that shared a commit.",
            &[],
            &self.commit_calls,
        );
        out.gauge(
            "craton_queue_calls",
            "Calls that wait for the partition's thread.",
            &[],
            self.queued() as f64,
        );
        let help = "Decisions of the policies: remembered, or asked for.";
        let name = "craton_policy_decisions_total";
        out.counter(name, help, &[("from", "memory")], self.decisions.remembered.get());
        out.counter(name, help, &[("from", "policies")], self.decisions.asked.get());
    }

    fn tell_calls(&self, out: &mut Exposition) {
        for (operation, calls) in &self.calls {
            for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
                let labels = [("operation", *operation), ("outcome", outcome.as_str())];
                if let Some(histogram) = calls.asked.get(place).and_then(OnceLock::get) {
                    let help = "Calls by operation and outcome, and how long they took, with waiting and commit.";
                    out.histogram("craton_call_seconds", help, &labels, histogram);
                }
                let inside = calls.inside.get(place).map_or(0, Counter::get);
                if 0 < inside {
                    let help =
                        "Calls that processes and other engines made, by operation and outcome.";
                    out.counter("craton_inside_calls_total", help, &labels, inside);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_that_is_not_in_the_tables_gets_no_counter() {
        let meters = Meters::new(std::iter::empty());
        meters.called("made.up", Outcome::Ok, Duration::ZERO);
        let mut out = Exposition::new(10);
        meters.tell(&mut out);
        assert!(!out.text().contains("made.up"));
    }

    #[test]
    fn labels_of_engines_have_a_limit() {
        let meters = Meters::new(std::iter::empty());
        (0..LABELS_MAX + 5).for_each(|number| meters.counted("things", &format!("{number:05}"), 1));
        meters.counted("things", "00000", 1);
        let counts = meters.counts("things");
        let of =
            |label: &str| counts.iter().find(|(held, _)| held == label).map(|(_, count)| *count);
        assert_eq!((counts.len(), of("other"), of("00000")), (LABELS_MAX + 1, Some(5), Some(2)));
        assert!(meters.counts("thing").is_empty() && meters.counts("thingz").is_empty());
    }

    #[test]
    fn every_outcome_has_its_own_place() {
        let places: std::collections::BTreeSet<_> =
            Outcome::ALL.iter().map(|one| one.place()).collect();
        assert_eq!(places.len(), 9);
    }
}
