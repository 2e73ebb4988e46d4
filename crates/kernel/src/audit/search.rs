//! `audit.list`: looks for audit lines, the newest first.
//!
//! The log has no index: it is looked through against its order, so many lines in one call, and the answer says how far that went. Lines
//! stand in the order of time as far as the unit's clock ran forward; those of counted calls have the minute in which the calls were
//! made. By that, `to` finds its place without a look at what is younger, and `from` ends the search.

use super::{LOG, MINUTE_MS};
use crate::{Call, Error, Read, Reader, Reply, rows};
use base::{Problem, Time};
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use store::Chunk;

/// Lines that one answer has where nothing else is said.
const LIMIT: u64 = 100;

/// Lines that are read at a time, in whole chunks.
const WINDOW: u64 = 1_024;

/// Bytes of the log that are read at a time.
const WINDOW_BYTES: usize = 256 << 10;

/// By how much a line can be younger than its time says: a minute of counted calls, some seconds in memory, and a turn.
const SLACK_MS: i64 = 2 * MINUTE_MS;

/// The parameters of `audit.list`, with their summaries.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("actor", "of this principal, or on behalf of it: `user:ana`, or `ana` for a user"),
    ("operation", "this operation, or all of a kind: `task.complete`, `task`"),
    ("resource", "on this resource, or on all of a kind: `stream/orders`, `stream`"),
    (
        "outcome",
        "`allowed`, `refused`, a code such as `policy.forbidden`, or its beginning: `policy`",
    ),
    ("text", "with this text in any of its fields, in capital or small letters"),
    ("from", "from this time on, wall time"),
    ("to", "before this time, wall time"),
    ("limit", "so many at most"),
    ("after", "from where to go on: what `next` said of the answer before"),
];

/// Returns the schema of the answer.
pub(crate) fn answer() -> Value {
    let text = || json!({"type": "string"});
    json!({
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "number": {"type": "integer", "description": "The place in the log."},
                    "wall": {"type": "string", "description": "When; the minute, for counted calls."},
                    "business": text(),
                    "actor": text(), "on_behalf_of": text(), "operation": text(), "resource": text(),
                    "outcome": {"type": "string", "description": "`allowed`, or the code of the refusal."},
                    "policies": {"type": "array", "items": text()},
                    "count": {"type": "integer", "description": "How many calls the line stands for."},
                },
            }},
            "more": {"type": "boolean", "description": "Whether there may be more."},
            "next": {"type": ["string", "null"], "description": "From where to go on with `after`, where there may be more."},
            "back_to": {"type": ["string", "null"], "description": "The time of the oldest line that was looked at."},
        },
    })
}

/// Answers `audit.list`.
///
/// # Errors
/// `call.invalid`, `time.invalid`; where the store cannot be read.
pub(crate) fn list(reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let config = reader.kernel().config();
    let wanted = Wanted::of(call, config.audit_lines_max)?;
    let found = wanted.find(reader, config.audit_looks_max.max(1))?;
    Ok(Reply::Value(json!({
        "items": found.items,
        "more": found.next.is_some(),
        "next": found.next.map(|next| next.to_string()),
        "back_to": found.back_to,
    })))
}

/// Which lines are meant; what is absent does not matter.
struct Wanted {
    actor: Option<String>,
    operation: Option<String>,
    resource: Option<String>,
    outcome: Option<String>,
    /// In small letters.
    text: Option<String>,
    from: Option<Time>,
    to: Option<Time>,
    limit: usize,
    after: Option<u64>,
}

/// What one search found.
#[derive(Default)]
struct Found {
    items: Vec<Value>,
    /// Only lines before this place have not been looked at.
    next: Option<u64>,
    back_to: Option<String>,
}

/// A line as it is stored, with as little of it copied as can be.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    wall: Cow<'a, str>,
    #[serde(borrow)]
    business: Cow<'a, str>,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    #[serde(default)]
    on_behalf_of: Option<String>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(default)]
    policies: Vec<String>,
    count: u64,
}

impl Stored<'_> {
    fn shown(&self, number: u64) -> Value {
        let mut shown = json!({
            "number": number,
            "wall": self.wall,
            "business": self.business,
            "actor": self.actor,
            "operation": self.operation,
            "resource": self.resource,
            "outcome": self.outcome,
            "policies": self.policies,
            "count": self.count,
        });
        if let Some(on_behalf_of) = &self.on_behalf_of {
            shown["on_behalf_of"] = on_behalf_of.as_str().into();
        }
        shown
    }
}

fn read_line(line: &[u8]) -> Result<Stored<'_>, Problem> {
    serde_json::from_slice(line)
        .map_err(|error| Error::Internal { detail: format!("stored line: {error}") }.into())
}

fn wall_of(line: &[u8]) -> Result<Time, Problem> {
    Time::parse(&read_line(line)?.wall)
}

impl Wanted {
    fn of(call: &Call, lines_max: usize) -> Result<Self, Problem> {
        let text = |name: &str| call.text(name).filter(|text| !text.is_empty());
        let time = |name: &str| text(name).map(Time::parse).transpose();
        let actor = text("actor").map(|actor| match actor {
            "anonymous" => actor.to_owned(),
            _ if actor.contains(':') => actor.to_owned(),
            _ => format!("user:{actor}"),
        });
        let limit = call.number("limit")?.unwrap_or(LIMIT);
        Ok(Self {
            actor,
            operation: text("operation").map(str::to_owned),
            resource: text("resource").map(str::to_owned),
            outcome: text("outcome").map(str::to_owned),
            text: text("text").map(str::to_lowercase),
            from: time("from")?,
            to: time("to")?,
            limit: usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, lines_max.max(1)),
            after: call.number("after")?,
        })
    }

    /// Looks at so many lines at most.
    fn find(&self, read: &dyn Read, looks_max: usize) -> Result<Found, Problem> {
        let end = read.log_end(LOG)?;
        let mut upto = self.after.map_or(end, |after| after.min(end));
        if let Some(to) = self.to {
            upto = upto.min(place_behind(read, to, end)?);
        }
        let (mut found, mut looks) = (Found::default(), looks_max);
        loop {
            let window = Window::before(read, upto)?;
            let Some(first) = window.first() else { break };
            if !self.look(&window, upto, &mut looks, &mut found)? {
                break;
            }
            upto = first;
        }
        Ok(found)
    }

    /// Looks at the lines of a window that stand before a place. Returns whether to go on with those before it.
    fn look(
        &self,
        window: &Window,
        upto: u64,
        looks: &mut usize,
        found: &mut Found,
    ) -> Result<bool, Problem> {
        let past = self.from.map(|from| Time(from.0.saturating_sub(SLACK_MS)));
        let mut is_past = past.is_some();
        for (number, line) in window.lines(upto) {
            *looks -= 1;
            found.items.extend(self.item(number, line)?);
            let is_enough = found.items.len() == self.limit || *looks == 0;
            if is_enough || window.first() == Some(number) {
                found.back_to = Some(read_line(line)?.wall.into_owned());
            }
            if is_enough {
                found.next = Some(number).filter(|number| 0 < *number);
                return Ok(false);
            }
            if let Some(past) = past.filter(|_| is_past) {
                is_past = wall_of(line)? < past;
            }
        }
        // Where all of it is older than what is wanted, so is what stands before it.
        Ok(!is_past)
    }

    /// Returns the line as it is shown, where it is meant.
    fn item(&self, number: u64, line: &[u8]) -> Result<Option<Value>, Problem> {
        if !self.may_be(line) {
            return Ok(None);
        }
        let stored = read_line(line)?;
        Ok(if self.is(&stored)? { Some(stored.shown(number)) } else { None })
    }

    /// Returns false where the bytes of a line say already that it is not meant: to read it takes longer.
    fn may_be(&self, line: &[u8]) -> bool {
        let Ok(line) = std::str::from_utf8(line) else { return true };
        let is_plain = |word: &&String| {
            word.chars().all(|letter| !letter.is_control() && !"\"\\".contains(letter))
        };
        let words = [&self.actor, &self.operation, &self.resource];
        words.into_iter().flatten().filter(is_plain).all(|word| line.contains(word.as_str()))
            && self
                .text
                .iter()
                .filter(is_plain)
                .all(|text| line.to_lowercase().contains(text.as_str()))
    }

    fn is(&self, line: &Stored<'_>) -> Result<bool, Problem> {
        let fits = |wanted: &Option<String>, value: &str, mark: char| {
            wanted.as_ref().is_none_or(|wanted| {
                value == wanted
                    || value.split_once(mark).is_some_and(|(kind, _)| kind == wanted.as_str())
            })
        };
        let behalf = line.on_behalf_of.as_deref();
        let is_his =
            self.actor.as_deref().is_none_or(|actor| line.actor == actor || behalf == Some(actor));
        let is_outcome = match self.outcome.as_deref() {
            Some("refused") => line.outcome != "allowed",
            _ => fits(&self.outcome, &line.outcome, '.'),
        };
        let is_meant = is_his
            && is_outcome
            && fits(&self.operation, &line.operation, '.')
            && fits(&self.resource, &line.resource, '/')
            && self.text.as_ref().is_none_or(|text| has_text(line, text));
        if !is_meant || (self.from.is_none() && self.to.is_none()) {
            return Ok(is_meant);
        }
        let wall = Time::parse(&line.wall)?;
        let is_in = self.from.is_none_or(|from| from <= wall) && self.to.is_none_or(|to| wall < to);
        Ok(is_in)
    }
}

fn has_text(line: &Stored<'_>, text: &str) -> bool {
    let fields: [&str; 4] = [&line.actor, &line.operation, &line.resource, &line.outcome];
    let further = line.on_behalf_of.iter().chain(&line.policies).map(String::as_str);
    fields.into_iter().chain(further).any(|field| field.to_lowercase().contains(text))
}

/// Some lines in a row, in whole chunks.
struct Window(Vec<Chunk>);

impl Window {
    /// Reads the lines before a place; there are none where it is the beginning of what is kept.
    fn before(read: &dyn Read, upto: u64) -> Result<Self, Problem> {
        let (mut held, mut offset) = (Vec::new(), upto.saturating_sub(WINDOW));
        while offset < upto {
            let chunks = read.chunks(LOG, offset, WINDOW_BYTES)?;
            let Some(last) = chunks.last() else { break };
            offset = last.offset + u64::from(last.count);
            held.extend(chunks.into_iter().filter(|chunk| chunk.offset < upto));
        }
        Ok(Self(held))
    }

    /// Returns the place of the first line.
    fn first(&self) -> Option<u64> {
        self.0.first().map(|chunk| chunk.offset)
    }

    /// Returns the lines before a place with their places, the last one first.
    fn lines(&self, upto: u64) -> impl Iterator<Item = (u64, &[u8])> {
        self.0.iter().rev().flat_map(move |chunk| {
            let lines: Vec<&[u8]> = rows(&chunk.bytes).collect();
            let numbered = lines.into_iter().enumerate().rev();
            let placed = numbered.map(|(at, line)| (chunk.offset + at as u64, line));
            placed.filter(move |(number, _)| *number < upto)
        })
    }
}

/// Returns a place behind which every line is younger than a time, by halves.
fn place_behind(read: &dyn Read, time: Time, end: u64) -> Result<u64, Problem> {
    let Some(first) = read.chunks(LOG, 0, 0)?.first().map(|chunk| chunk.offset) else {
        return Ok(0);
    };
    let (mut low, mut high) = (first, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let chunks = read.chunks(LOG, middle, 0)?;
        let Some(chunk) = chunks.first() else { break };
        let at = usize::try_from(middle.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
        let is_younger = match rows(&chunk.bytes).nth(at) {
            Some(line) => time.0.saturating_add(SLACK_MS) < wall_of(line)?.0,
            None => true,
        };
        if is_younger {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(high)
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;
    use crate::{Config, Kernel, Parts, Principal, ResourceRef, Tx};
    use base::{DrivenClock, SeededEntropy, SystemClock};
    use std::sync::Arc;
    use store::MemoryStore;

    const PEOPLE: [&str; 3] = ["user:ana", "user:bob", "process:sell"];

    fn kernel(config: Config) -> Arc<Kernel> {
        let parts = Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: Vec::new(),
            config,
        };
        Kernel::new(parts).expect("a kernel").0
    }

    /// A line each second: three actors in turn, every tenth refused, every hundredth on behalf of ana.
    fn line(number: u64) -> Line {
        let is_refused = number.is_multiple_of(10);
        Line {
            wall: Time(number.cast_signed() * 1_000),
            business: Time(0),
            actor: PEOPLE[usize::try_from(number % 3).expect("small")].into(),
            on_behalf_of: number.is_multiple_of(100).then(|| "user:ana".to_owned()),
            operation: if number.is_multiple_of(2) { "task.claim" } else { "stream.append" }.into(),
            resource: format!("stream/S{}", number % 7),
            outcome: if is_refused { "policy.forbidden" } else { "allowed" }.into(),
            policies: Vec::new(),
            count: 1,
        }
    }

    /// Writes `count` lines, some in each commit, and returns what finds them.
    fn written(config: Config, count: u64) -> Reader {
        let kernel = kernel(config);
        let epoch = kernel.store().open_epoch(0).expect("an epoch");
        for first in (0..count).step_by(300) {
            let snapshot = kernel.store().snapshot().expect("a snapshot");
            let mut tx = Tx::new(&kernel, snapshot.as_ref());
            for number in first..count.min(first + 300) {
                tx.record(LOG, &line(number)).expect("written");
            }
            let (batch, _, _) = tx.finish(epoch);
            kernel.store().commit(0, &batch).expect("a commit");
        }
        Reader::new(&kernel, Principal::Anonymous).expect("a reader")
    }

    fn ask(reader: &Reader, args: Value) -> Value {
        let call = Call::new("audit.list", ResourceRef::new("audit", ""), Principal::Anonymous);
        list(reader, &call.with(args)).expect("an answer").into_value()
    }

    fn numbers(answer: &Value) -> Vec<u64> {
        let items = answer["items"].as_array().expect("items").iter();
        items.map(|item| item["number"].as_u64().expect("a number")).collect()
    }

    /// Goes on until there is nothing more; returns the places found and how many calls it took.
    fn all(reader: &Reader, mut args: Value) -> (Vec<u64>, usize) {
        let (mut found, mut calls) = (Vec::new(), 0);
        loop {
            let answer = ask(reader, args.clone());
            calls += 1;
            found.extend(numbers(&answer));
            match answer["next"].as_str() {
                Some(next) => args["after"] = next.into(),
                None => return (found, calls),
            }
        }
    }

    #[test]
    fn the_newest_come_first_and_pages_have_each_line_once() {
        let reader = written(Config::default(), 2_500);
        assert_eq!(numbers(&ask(&reader, json!({"limit": 3}))), [2_499, 2_498, 2_497]);
        let (found, calls) = all(&reader, json!({"limit": "700"}));
        assert_eq!(found, (0..2_500).rev().collect::<Vec<u64>>());
        assert_eq!(calls, 4);
        assert!(all(&written(Config::default(), 0), json!({})).0.is_empty());
    }

    #[test]
    fn filters_find_what_fits_and_nothing_else() {
        let reader = written(Config::default(), 1_000);
        let check = |args: Value, is: &dyn Fn(&Line) -> bool| {
            let expected: Vec<u64> = (0..1_000).rev().filter(|number| is(&line(*number))).collect();
            assert!(!expected.is_empty(), "{args}");
            assert_eq!(all(&reader, args.clone()).0, expected, "{args}");
        };
        let is_ana = |line: &Line| {
            line.actor == "user:ana" || line.on_behalf_of.as_deref() == Some("user:ana")
        };
        check(json!({"actor": "ana"}), &is_ana);
        check(json!({"actor": "process:sell", "outcome": "refused"}), &|line| {
            line.actor == "process:sell" && line.outcome != "allowed"
        });
        check(json!({"operation": "task.claim"}), &|line| line.operation == "task.claim");
        check(json!({"operation": "stream"}), &|line| line.operation == "stream.append");
        check(json!({"resource": "stream/S3"}), &|line| line.resource == "stream/S3");
        check(json!({"resource": "stream"}), &|_| true);
        check(json!({"outcome": "policy"}), &|line| line.outcome == "policy.forbidden");
        check(json!({"text": "/s5"}), &|line| line.resource == "stream/S5");
        check(json!({"text": "FORBID", "actor": "bob"}), &|line| {
            line.actor == "user:bob" && line.outcome == "policy.forbidden"
        });
        for nothing in [json!({"text": "on_behalf_of"}), json!({"resource": "stream/S"})] {
            assert!(all(&reader, nothing.clone()).0.is_empty(), "{nothing}");
        }
    }

    #[test]
    fn times_bound_what_is_found_and_what_is_looked_at() {
        let config = Config { audit_looks_max: 1_500, ..Config::default() };
        let reader = written(config, 20_000);
        let between =
            json!({"from": "1970-01-01T01:00:00Z", "to": "1970-01-01T01:01:40Z", "limit": 1_000});
        let answer = ask(&reader, between);
        assert_eq!(numbers(&answer), (3_600..3_700).rev().collect::<Vec<u64>>());
        assert_eq!(answer["next"], "2321", "it went on behind, where slow lines may stand");
        let (found, calls) = all(&reader, json!({"to": "1970-01-01T00:00:10Z"}));
        assert_eq!((found, calls), ((0..10).rev().collect(), 1));
        let (found, calls) = all(&reader, json!({"from": "1970-01-01T05:33:19Z"}));
        assert_eq!((found, calls), (vec![19_999], 2));
    }

    #[test]
    fn one_call_looks_at_so_many_lines_and_says_how_far_it_came() {
        let config = Config { audit_looks_max: 400, audit_lines_max: 50, ..Config::default() };
        let reader = written(config, 1_000);
        let answer = ask(&reader, json!({"text": "nowhere"}));
        assert_eq!((&answer["next"], &answer["more"]), (&json!("600"), &json!(true)));
        assert_eq!(answer["back_to"], "1970-01-01T00:10:00Z");
        let (found, calls) = all(&reader, json!({"text": "nowhere"}));
        assert_eq!((found.len(), calls), (0, 3));
        assert_eq!(numbers(&ask(&reader, json!({"limit": 1_000}))).len(), 50);
    }
}
