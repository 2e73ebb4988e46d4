//! One unit as the replay sees it: a thread with a connection of its own that does what the driver says, and goes on asking
//! while the unit is away.

use super::error::Error;
use crate::client::{Client, Request};
use crate::routes;
use base::{Clock, Kind, Problem, SystemClock, Time};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

/// How long a unit may be away before the replay gives up.
const AWAY_MAX: Duration = Duration::from_secs(180);
/// The first and the longest pause before asking a unit again that was away.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a unit waits for its rest before it answers that it has none.
const REST_WAIT_MS: u64 = 2_000;

/// Where a unit is found and with which token it is called.
#[derive(Debug, Clone)]
pub struct UnitAddress {
    /// What the example calls it: `retail`, `payment`, `logistics`.
    pub name: String,
    /// Its address, `http://HOST:PORT`.
    pub url: String,
    /// A token of an operator.
    pub token: String,
}

/// Rows for a stream.
#[derive(Debug)]
pub struct Append {
    /// The stream.
    pub stream: &'static str,
    /// The rows, one line of JSON each.
    pub lines: Vec<u8>,
    /// The idempotency key: the same rows have the same key.
    pub key: String,
}

/// What the driver has a unit do.
#[derive(Debug)]
pub enum Task {
    /// Append rows, then say whether the unit rests.
    Append(Vec<Append>),
    /// Move the business clock, then say whether the unit rests.
    Advance(Time),
    /// Say whether the unit rests, once it has received so many messages.
    Rest(u64),
    /// Answer in SQL.
    Ask(String),
    /// Say what the unit has spent.
    Usage,
}

/// What a unit answered.
#[derive(Debug)]
pub enum Answer {
    /// Whether it rests.
    Rest(Rest),
    /// Rows.
    Rows(Vec<Value>),
    /// What it has spent.
    Usage(Usage),
}

/// Whether a unit rests, and what it has exchanged with its peers so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
pub struct Rest {
    /// The unit's id, under which its peers count.
    #[serde(default)]
    pub unit: String,
    /// True where nothing is runnable, the outbox is empty and all receipts are agreed.
    pub idle: bool,
    /// Messages sent, by peer.
    pub sent: BTreeMap<String, u64>,
    /// Messages received, by peer.
    pub received: BTreeMap<String, u64>,
    /// The next business time at which the unit has something to do; `None` where it does not say.
    #[serde(default, deserialize_with = "said")]
    pub due: Option<Due>,
}

/// The next business time at which a unit has something to do: an instant or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Due(pub Option<Time>);

impl Due {
    /// Returns whether there is something to do at `until` or before.
    pub fn is_by(self, until: Time) -> bool {
        self.0.is_some_and(|due| due <= until)
    }
}

fn said<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Due>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

/// What a unit has spent: commits since its first, the rest since its process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Deserialize)]
pub struct Usage {
    /// Commits.
    pub commits: u64,
    /// Bytes that commits have written and synced.
    pub bytes_synced: u64,
    /// Signatures made.
    pub signatures: u64,
    /// Processor time in seconds, user and system, with that of children that have ended.
    pub cpu_seconds: f64,
    /// The resident set in bytes.
    pub memory_bytes: u64,
}

impl Usage {
    /// Returns what was spent since `before`, and the memory as it is now. Where the unit was killed in between, its process
    /// counts anew: then the bytes, signatures and seconds are what the last process has counted, commits are all.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let has_restarted = self.bytes_synced < before.bytes_synced
            || self.signatures < before.signatures
            || self.cpu_seconds < before.cpu_seconds;
        let base = if has_restarted { Self::default() } else { before };
        Self {
            commits: self.commits.saturating_sub(before.commits),
            bytes_synced: self.bytes_synced - base.bytes_synced,
            signatures: self.signatures - base.signatures,
            cpu_seconds: self.cpu_seconds - base.cpu_seconds,
            memory_bytes: self.memory_bytes,
        }
    }
}

/// A connection to a unit.
pub struct Unit<'a> {
    name: String,
    client: Client,
    clock: SystemClock,
    /// True when nobody waits for answers any more.
    is_over: &'a AtomicBool,
}

impl<'a> Unit<'a> {
    /// Returns a connection that gives up asking when `is_over` becomes true.
    ///
    /// # Errors
    /// `cli.usage` where no certificate could be believed.
    pub fn new(address: &UnitAddress, is_over: &'a AtomicBool) -> Result<Self, Problem> {
        let client = Client::new(&address.url, Some(address.token.clone()), None)?;
        Ok(Self { name: address.name.clone(), client, clock: SystemClock::new(), is_over })
    }

    /// Does what comes in until nothing more can come.
    pub fn serve(
        &self,
        place: usize,
        tasks: &Receiver<Task>,
        answers: &Sender<(usize, Result<Answer, Problem>)>,
    ) {
        for task in tasks {
            if answers.send((place, self.work(task))).is_err() {
                return;
            }
        }
    }

    fn work(&self, task: Task) -> Result<Answer, Problem> {
        match task {
            Task::Append(appends) => {
                for append in appends {
                    let request = routes::stream_append(append.stream);
                    self.ask(
                        &request.bytes("application/x-ndjson", append.lines).key(Some(append.key)),
                    )?;
                }
                self.rest(0)
            }
            Task::Advance(to) => {
                self.ask(&routes::clock_advance().json(&json!({"to": to})))?;
                self.rest(0)
            }
            Task::Rest(received) => self.rest(received),
            Task::Ask(sql) => {
                let answer =
                    self.ask(&routes::sql_query().json(&json!({"sql": sql, "format": "json"})))?;
                rows(&answer).map(Answer::Rows).ok_or_else(|| self.odd(&format!("`{sql}`")))
            }
            Task::Usage => self.usage(),
        }
    }

    fn rest(&self, received: u64) -> Result<Answer, Problem> {
        let request = Request::get(&["units", "settled"])
            .query("wait_ms", Some(REST_WAIT_MS))
            .query("received", Some(received));
        let answer = self.ask(&request)?;
        serde_json::from_value(answer).map(Answer::Rest).map_err(|_| self.odd("`unit.settled`"))
    }

    fn usage(&self) -> Result<Answer, Problem> {
        let answer = self.ask(&Request::get(&["units", "usage"]))?;
        serde_json::from_value(answer).map(Answer::Usage).map_err(|_| self.odd("`unit.usage`"))
    }

    /// Asks again while the unit is away: it may have been killed and be on its way back.
    fn ask(&self, request: &Request) -> Result<Value, Problem> {
        let since = self.clock.monotonic();
        let mut pause = PAUSE_MIN;
        loop {
            let problem = match self.client.send(request) {
                Ok(answer) => return Ok(answer),
                Err(problem) => problem,
            };
            let is_away = matches!(problem.kind, Kind::Unavailable | Kind::Exhausted);
            let is_enough =
                AWAY_MAX < self.clock.monotonic() - since || self.is_over.load(Ordering::Relaxed);
            if !is_away || is_enough {
                return Err(self.named(problem));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn named(&self, mut problem: Problem) -> Problem {
        problem.message = format!("{}: {}", self.name, problem.message);
        problem
    }

    fn odd(&self, what: &str) -> Problem {
        Error::Answer { unit: self.name.clone(), what: what.into() }.into()
    }
}

/// Returns rows as objects, whether they came as objects or as lists beside the names of their columns.
fn rows(answer: &Value) -> Option<Vec<Value>> {
    let name = |column: &Value| {
        column.as_str().or_else(|| column.get("name")?.as_str()).map(str::to_owned)
    };
    let columns = answer.get("columns").and_then(Value::as_array);
    let columns: Vec<String> = columns.into_iter().flatten().filter_map(name).collect();
    let listed = answer.as_array().or_else(|| answer.get("rows")?.as_array())?;
    listed
        .iter()
        .cloned()
        .map(|row| match row {
            Value::Object(_) => Some(row),
            Value::Array(cells) if cells.len() == columns.len() => {
                Some(Value::Object(columns.iter().cloned().zip(cells).collect()))
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_both_forms() {
        let expected = Some(vec![json!({"a": 1, "b": "x"})]);
        assert_eq!(rows(&json!([{"a": 1, "b": "x"}])), expected);
        assert_eq!(rows(&json!({"columns": ["a", {"name": "b"}], "rows": [[1, "x"]]})), expected);
        assert_eq!(rows(&json!({"columns": ["a"], "rows": [[1, 2]]})), None);
        assert_eq!(rows(&json!("no")), None);
    }

    #[test]
    fn what_was_spent_is_the_difference_or_what_the_last_process_counted() {
        let usage = |commits, bytes_synced, signatures, cpu_seconds| Usage {
            commits,
            bytes_synced,
            signatures,
            cpu_seconds,
            memory_bytes: 7,
        };
        let before = usage(10, 4_000, 2, 1.5);
        assert_eq!(usage(15, 9_000, 5, 2.0).since(before), usage(5, 5_000, 3, 0.5));
        // One counter that has fallen says that all began anew, though others have risen above what they were.
        assert_eq!(usage(15, 9_000, 5, 0.5).since(before), usage(5, 9_000, 5, 0.5));
        assert_eq!(usage(15, 9_000, 1, 2.0).since(before), usage(5, 9_000, 1, 2.0));
        assert_eq!(usage(15, 100, 5, 2.0).since(before), usage(5, 100, 5, 2.0));
    }

    #[test]
    fn a_unit_may_say_when_it_is_due_next() {
        let rest = |due: &str| -> Option<Due> {
            let text = format!(r#"{{"idle": true, "sent": {{}}, "received": {{}}{due}}}"#);
            serde_json::from_str::<Rest>(&text).expect("reads").due
        };
        assert_eq!(rest(""), None);
        assert_eq!(rest(r#", "due": null"#), Some(Due(None)));
        assert_eq!(rest(r#", "due": "1970-01-01T00:00:01Z""#), Some(Due(Some(Time(1_000)))));
    }
}
