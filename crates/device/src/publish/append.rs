//! Rows of many messages, appended together: one call of `stream.append` for each type or topic and stream.
//!
//! Bad rows are set aside by the stream, with the reason. What is no row at all is brought to it with the reason, and set aside beside
//! them: nothing that came is lost.

use super::payload::{self, Injected};
use base::{Problem, Time};
use kernel::{Call, Principal, Read, ResourceRef, Tx};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Rows of one append. An append names as many bad rows as this at most, so that every one is named.
const ROWS_MAX: u32 = 1_000;

/// The column in which a stream has when a row of a device came.
const RECEIVED_AT: &str = "received_at";

/// Which message: of which batch of a run, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    /// The number of the batch.
    pub batch: usize,
    /// The number of the message.
    pub message: usize,
}

/// Who appends. A device has no right on any stream: its type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By<'a> {
    /// A device type.
    Type(&'a str),
    /// An application topic.
    Topic(&'a str),
}

impl By<'_> {
    fn is(self, principal: &Principal) -> bool {
        match (self, principal) {
            (By::Type(name), Principal::DeviceType(held))
            | (By::Topic(name), Principal::Topic(held)) => name == held,
            _ => false,
        }
    }

    fn principal(self) -> Principal {
        match self {
            By::Type(name) => Principal::DeviceType(name.to_owned()),
            By::Topic(name) => Principal::Topic(name.to_owned()),
        }
    }
}

/// What of a message becomes rows, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// Who appends.
    pub by: By<'a>,
    /// To which stream.
    pub stream: &'a str,
    /// When, business time.
    pub time: Time,
    /// What is put into every row, and what becomes of a bare value.
    pub injected: Injected<'a>,
    /// How many rows a message may have.
    pub rows_max: usize,
    /// What the message carries.
    pub payload: &'a [u8],
}

/// The appends of a run.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Vec<Append>);

impl Gathered {
    /// Adds the rows of a message. One that has none, because it is no JSON for example, will be set aside as a whole.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn add(&mut self, read: &dyn Read, rows: &Rows<'_>, at: At) -> Result<(), Problem> {
        let place = match self.0.iter().rposition(|append| append.takes(rows)) {
            Some(place) => place,
            None => {
                self.0.push(Append::new(read, rows)?);
                self.0.len() - 1
            }
        };
        let further = self.0.get_mut(place).and_then(|append| append.add(rows, at));
        self.0.extend(further);
        Ok(())
    }

    /// Takes the appends, in the order in which they began.
    pub(crate) fn take(&mut self) -> Vec<Append> {
        std::mem::take(&mut self.0)
    }
}

/// One append.
#[derive(Debug)]
pub(crate) struct Append {
    actor: Principal,
    stream: String,
    time: Time,
    /// The time as JSON, where the stream has a column for it.
    received: Option<String>,
    lines: Vec<u8>,
    rows: u32,
    spans: Vec<Span>,
    /// What is no row: the messages, and what the stream is told of them.
    aside: Vec<(At, String)>,
    entries: Vec<Value>,
}

/// The rows of one message among those of an append.
#[derive(Debug, Clone, Copy)]
struct Span {
    at: At,
    /// The number of its first row, from 1.
    first: u32,
    rows: u32,
    /// Where its lines stand.
    from: usize,
    to: usize,
}

impl Append {
    fn new(read: &dyn Read, rows: &Rows<'_>) -> Result<Self, Problem> {
        let is_of_device = matches!(rows.by, By::Type(_));
        let has_received = is_of_device && has_column(read, rows.stream, RECEIVED_AT)?;
        Ok(Self {
            actor: rows.by.principal(),
            stream: rows.stream.to_owned(),
            time: rows.time,
            received: has_received.then(|| format!("\"{}\"", rows.time)),
            lines: Vec::new(),
            rows: 0,
            spans: Vec::new(),
            aside: Vec::new(),
            entries: Vec::new(),
        })
    }

    /// Returns whether rows belong to this append and find room.
    fn takes(&self, rows: &Rows<'_>) -> bool {
        self.rows < ROWS_MAX
            && self.entries.len() < ROWS_MAX as usize
            && self.time == rows.time
            && self.stream == rows.stream
            && rows.by.is(&self.actor)
    }

    /// Adds a message. Where its rows are more than there is room for, they begin an append of their own, which is returned.
    fn add(&mut self, rows: &Rows<'_>, at: At) -> Option<Self> {
        let mut columns = rows.injected.columns.to_vec();
        columns.extend(self.received.as_deref().map(|received| (RECEIVED_AT, received)));
        let injected = Injected { columns: &columns, value: rows.injected.value };
        let from = self.lines.len();
        let rows_max = rows.rows_max.min(ROWS_MAX as usize);
        match payload::rows(rows.payload, &injected, rows_max, &mut self.lines) {
            Ok(count) if self.rows + count <= ROWS_MAX => {
                self.span(at, count, from);
                None
            }
            Ok(count) => {
                let mut next = Self {
                    actor: self.actor.clone(),
                    stream: self.stream.clone(),
                    time: self.time,
                    received: self.received.clone(),
                    lines: self.lines.split_off(from),
                    rows: 0,
                    spans: Vec::new(),
                    aside: Vec::new(),
                    entries: Vec::new(),
                };
                next.span(at, count, 0);
                Some(next)
            }
            Err(reason) => {
                let row = whole(&columns, rows.payload);
                self.entries.push(json!({"row": row, "reason": reason}));
                self.aside.push((at, reason));
                None
            }
        }
    }

    fn span(&mut self, at: At, rows: u32, from: usize) {
        self.spans.push(Span { at, first: self.rows + 1, rows, from, to: self.lines.len() });
        self.rows += rows;
    }

    /// Has the stream append the rows, under the roles of the type or topic. `depth` is how many calls led to it.
    pub(crate) fn ask(self, tx: &mut Tx<'_>, depth: u8) -> Landed {
        if self.rows == 0 && self.entries.is_empty() {
            // Empty lists alone: there is nothing to take.
            let appended = Ok(Appended { offset: 0, faults: Vec::new() });
            return Landed { lines: self.lines, spans: self.spans, aside: self.aside, appended };
        }
        let resource = ResourceRef::new("stream", self.stream.as_str());
        let mut call = Call::new("stream.append", resource, self.actor).at(self.time);
        call.depth = depth.saturating_add(1);
        call.media = "application/x-ndjson".into();
        call.body = self.lines;
        call.args = json!({"on_error": "set_aside"});
        if !self.entries.is_empty() {
            call.args["set_aside"] = Value::Array(self.entries);
        }
        let appended = tx.ask(&call).and_then(|reply| {
            let mut appended: Appended =
                serde_json::from_value(reply.into_value()).map_err(crate::Error::internal)?;
            appended.faults.sort_by_key(|fault| fault.row);
            Ok(appended)
        });
        Landed { lines: call.body, spans: self.spans, aside: self.aside, appended }
    }
}

/// What came of an append.
#[derive(Debug)]
pub(crate) struct Landed {
    lines: Vec<u8>,
    spans: Vec<Span>,
    /// Messages that were set aside as a whole, with the reasons; they were refused where the append was.
    pub aside: Vec<(At, String)>,
    appended: Result<Appended, Problem>,
}

/// What the stream answered.
#[derive(Debug, Deserialize)]
struct Appended {
    offset: u64,
    #[serde(default)]
    faults: Vec<Fault>,
}

/// A row that was set aside.
#[derive(Debug, Deserialize)]
pub(crate) struct Fault {
    /// Its number, from 1.
    pub row: u32,
    /// What is wrong with it.
    pub reason: String,
}

/// What came of the rows of one message.
#[derive(Debug)]
pub(crate) struct Landing<'l> {
    /// The message.
    pub at: At,
    /// How many rows the stream has taken.
    pub good: u32,
    /// The number of the message's first row among those of its append.
    pub first: u32,
    /// The rows that were set aside.
    pub faults: &'l [Fault],
    /// Offset and line of the last row that was taken.
    pub last: Option<(u64, &'l [u8])>,
}

impl Landed {
    /// Returns why the append was refused as a whole, where it was.
    pub(crate) fn refused(&self) -> Option<&Problem> {
        self.appended.as_ref().err()
    }

    /// Returns the messages that had rows.
    pub(crate) fn messages(&self) -> impl Iterator<Item = At> + '_ {
        self.spans.iter().map(|span| span.at)
    }

    /// Returns what came of the rows of each message.
    pub(crate) fn landings(&self) -> Vec<Landing<'_>> {
        let Ok(appended) = &self.appended else { return Vec::new() };
        let mut before = 0;
        let mut landings = Vec::with_capacity(self.spans.len());
        for span in &self.spans {
            let rest = appended.faults.get(before..).unwrap_or_default();
            let count = rest.partition_point(|fault| fault.row < span.first + span.rows);
            let faults = rest.get(..count).unwrap_or_default();
            landings.push(self.landing(*span, faults, appended.offset, before));
            before += count;
        }
        landings
    }

    /// Returns what came of one message. Of the rows before its first one so many were set aside as `before` says.
    fn landing<'l>(
        &'l self,
        span: Span,
        faults: &'l [Fault],
        offset: u64,
        before: usize,
    ) -> Landing<'l> {
        let is_bad = |row: u32| faults.binary_search_by_key(&row, |fault| fault.row).is_ok();
        let last = (span.first..span.first + span.rows).rev().find(|row| !is_bad(*row));
        let last = last.and_then(|row| {
            let missing = before + faults.partition_point(|fault| fault.row < row);
            let offset = (offset + u64::from(row - 1)).checked_sub(missing as u64)?;
            let lines = self.lines.get(span.from..span.to)?;
            let line = kernel::rows(lines).nth((row - span.first) as usize)?;
            Some((offset, line))
        });
        let bad = u32::try_from(faults.len()).unwrap_or(u32::MAX);
        let good = span.rows.saturating_sub(bad);
        Landing { at: span.at, good, first: span.first, faults, last }
    }
}

/// Returns a message that is no row, as the stream keeps it aside: with what would have been put into its rows.
fn whole(columns: &[(&str, &str)], payload: &[u8]) -> String {
    let mut row = Map::new();
    for (name, value) in columns {
        row.insert((*name).to_owned(), serde_json::from_str(value).unwrap_or_default());
    }
    row.insert("payload".into(), Value::String(String::from_utf8_lossy(payload).into_owned()));
    Value::Object(row).to_string()
}

/// Returns whether a stream has a column, by its manifest.
fn has_column(read: &dyn Read, stream: &str, column: &str) -> Result<bool, Problem> {
    let Some(resource) = read.resource("stream", stream)? else { return Ok(false) };
    let columns = resource.spec.get("schema").and_then(Value::as_array);
    let name = |column: &'_ Value| column.get("name").and_then(Value::as_str).map(str::to_owned);
    Ok(columns.into_iter().flatten().any(|held| name(held).as_deref() == Some(column)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(message: usize) -> At {
        At { batch: 0, message }
    }

    fn landed(lines: &str, spans: &[(u32, u32)], faults: &[u32]) -> Landed {
        let ends: Vec<usize> = lines.match_indices('\n').map(|(end, _)| end + 1).collect();
        let end_of = |row: u32| if row == 0 { 0 } else { ends[row as usize - 1] };
        let span = |(message, (first, rows)): (usize, &(u32, u32))| Span {
            at: at(message),
            first: *first,
            rows: *rows,
            from: end_of(first - 1),
            to: end_of(first + rows - 1),
        };
        let fault = |row: &u32| Fault { row: *row, reason: format!("row {row}") };
        Landed {
            lines: lines.as_bytes().to_vec(),
            spans: spans.iter().enumerate().map(span).collect(),
            aside: Vec::new(),
            appended: Ok(Appended { offset: 100, faults: faults.iter().map(fault).collect() }),
        }
    }

    #[test]
    fn offsets_leave_out_what_was_set_aside() {
        let landed = landed("a\nb\nc\nd\ne\nf\n", &[(1, 2), (3, 1), (4, 0), (4, 3)], &[2, 3, 6]);
        let told: Vec<_> = landed
            .landings()
            .iter()
            .map(|landing| {
                let last = landing.last.map(|(offset, line)| (offset, line.to_vec()));
                (landing.at.message, landing.good, landing.faults.len(), last)
            })
            .collect();
        assert_eq!(
            told,
            [
                (0, 1, 1, Some((100, b"a".to_vec()))),
                (1, 0, 1, None),
                (2, 0, 0, None),
                // d and e are the second and the third good row.
                (3, 2, 1, Some((102, b"e".to_vec()))),
            ]
        );
    }

    fn rows<'a>(columns: &'a [(&'a str, &'a str)], payload: &'a [u8]) -> Rows<'a> {
        let injected = Injected { columns, value: None };
        let by = By::Type("van");
        Rows { by, stream: "s", time: Time(0), injected, rows_max: 1_000, payload }
    }

    fn append() -> Append {
        Append {
            actor: Principal::DeviceType("van".into()),
            stream: "s".into(),
            time: Time(0),
            received: Some("\"1970-01-01T00:00:00Z\"".into()),
            lines: Vec::new(),
            rows: 0,
            spans: Vec::new(),
            aside: Vec::new(),
            entries: Vec::new(),
        }
    }

    #[test]
    fn what_is_no_row_is_kept_with_its_device() {
        let columns = [("device", "\"van-7\"")];
        let mut append = append();
        assert!(append.add(&rows(&columns, b"no \xff"), at(0)).is_none());
        assert_eq!(append.aside, [(at(0), "the payload is not UTF-8".to_owned())]);
        let row = append.entries[0]["row"].as_str().expect("text");
        let row: Value = serde_json::from_str(row).expect("JSON");
        let received = "1970-01-01T00:00:00Z";
        assert_eq!(
            row,
            json!({"device": "van-7", "received_at": received, "payload": "no \u{fffd}"})
        );
    }

    #[test]
    fn a_message_stays_whole_where_an_append_is_full() {
        let columns = [("device", "\"van-7\"")];
        let list = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        let (many, few) = (list(999), list(2));
        let mut append = append();
        assert!(append.add(&rows(&columns, many.as_bytes()), at(0)).is_none());
        let further = append.add(&rows(&columns, few.as_bytes()), at(1)).expect("another append");
        assert_eq!((append.rows, further.rows), (999, 2));
        assert_eq!(kernel::rows(&append.lines).count(), 999);
        assert_eq!(kernel::rows(&further.lines).count(), 2);
        assert!(append.takes(&rows(&columns, b"{}")), "one row finds room still");
        assert!(!append.takes(&Rows { by: By::Topic("van"), ..rows(&columns, b"{}") }));
    }
}
