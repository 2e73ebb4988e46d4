//! Conditions: what each row says of its device, with what is remembered of it. Pure: no store, no clock.
//!
//! A condition maps rows to *on*, *off* or nothing, and a crossing is an *on* after which the last marker before was not *on*. What comes out
//! depends on the rows and their order alone, never on how many of them came together.

use super::spec::Aggregate;
use base::{Code, Kind, Period, Problem, Time};
use notation::feel::Expression;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// When a rule is crossed.
#[derive(Debug)]
pub enum Condition {
    /// An expression becomes true.
    Becomes(Expression),
    /// An expression stays true.
    Stays {
        /// Which.
        is: Expression,
        /// For how long.
        hold: Period,
        /// The longest step between two rows of a run.
        gap: Option<Period>,
    },
    /// A value leaves a range.
    Leaves {
        /// The column.
        value: String,
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
        /// How far inside it must be again before it can leave anew.
        hysteresis: f64,
    },
    /// Nothing arrives.
    Silent {
        /// For how long.
        hold: Period,
    },
    /// A value rises or falls.
    Rises {
        /// The column.
        value: String,
        /// By how much.
        by: f64,
        /// Within which time.
        within: Period,
        /// True where it falls.
        is_falling: bool,
        /// How many readings are remembered of a device; the oldest make way.
        readings_max: usize,
    },
    /// What the rows of a window come to.
    Window {
        /// How long a window is.
        every: Period,
        /// What is made of the rows.
        of: Aggregate,
        /// The column; rows are counted where there is none.
        value: Option<String>,
        /// What it must not pass.
        bound: Bound,
    },
}

/// A bound of what a window comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Crossed by what is greater.
    Above(f64),
    /// Crossed by what is less.
    Below(f64),
}

/// What a rule remembers of a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// The time of the last row that counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Time>,
    /// When the last row arrived, of rules that wait for silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrived: Option<Time>,
    /// The last marker: on or off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<bool>,
    /// When the run of true rows began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The last true row of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Time>,
    /// True where the silence after the last row was told already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fired: bool,
    /// When somebody looks whether it is silent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<Time>,
    /// The window that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Open>,
    /// Readings that may be the lowest of a later row's time, each less than those behind it. Falling is rising upside down.
    #[serde(skip_serializing_if = "VecDeque::is_empty")]
    pub recent: VecDeque<(Time, Real)>,
    /// Rows that came too late to be judged, or are ahead of their time.
    #[serde(skip_serializing_if = "is_zero")]
    pub late: u64,
}

/// A window that is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// When it began.
    pub start: Time,
    /// Rows, or rows with a value where a column is named.
    pub count: u64,
    /// The sum of the values.
    pub sum: Real,
    /// The least of them.
    pub min: Real,
    /// The greatest of them.
    pub max: Real,
}

/// A number that is stored to the last bit: what is read back is what was written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Real(pub f64);

impl From<u64> for Real {
    fn from(bits: u64) -> Self {
        Self(f64::from_bits(bits))
    }
}

impl From<Real> for u64 {
    fn from(real: Real) -> Self {
        real.0.to_bits()
    }
}

/// A row of a device.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Its place in the stream.
    pub offset: u64,
    /// When it was, by its own time.
    pub at: Time,
    /// When it arrived, business time.
    pub arrived: Time,
    /// All of it.
    pub row: &'a Map<String, Value>,
}

/// A crossing.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// By which it is told from the device's others, the same however rows came together: the offset of its row, the end of its window
    /// or the end of the patience with a silence in milliseconds since 1970.
    pub number: u64,
    /// When it was, by the time of rows.
    pub at: Time,
    /// The value that has crossed, where there is one.
    pub value: Option<f64>,
    /// More about it, an object.
    pub detail: Value,
}

/// Lets a row say what it says. A row before one that was there already is late: it is counted, and says nothing, but that something
/// arrived.
///
/// # Errors
/// Where an expression has no value for it, or none that is true or false: the row counts, and says nothing.
pub fn step(
    condition: &Condition,
    state: &mut State,
    reading: &Reading<'_>,
    out: &mut Vec<Crossing>,
) -> Result<(), Problem> {
    if let Condition::Silent { hold } = condition {
        heard(*hold, state, reading, out);
        return Ok(());
    }
    if state.seen.is_some_and(|seen| reading.at < seen) {
        state.late += 1;
        return Ok(());
    }
    state.seen = Some(reading.at);
    match condition {
        Condition::Becomes(expression) => {
            if let Some(is_on) = truth(expression, reading)?
                && marks(state, is_on)
            {
                out.push(crossing(reading, None, json!({})));
            }
        }
        Condition::Stays { is, hold, gap } => {
            if let Some(is_true) = truth(is, reading)?
                && let Some(since) = stays(state, is_true, reading.at, *gap)
                && *hold <= passed(since, reading.at)
                && marks(state, true)
            {
                out.push(crossing(reading, None, json!({ "since": since })));
            }
        }
        Condition::Leaves { value, low, high, hysteresis } => {
            let Some(value) = number(reading.row, value) else { return Ok(()) };
            let was_inside = state.marker == Some(false);
            if value < *low || *high < value {
                if marks(state, true) && was_inside {
                    let bound = if value < *low { low } else { high };
                    out.push(crossing(reading, Some(value), json!({ "bound": bound })));
                }
            } else if low + hysteresis <= value && value <= high - hysteresis {
                marks(state, false);
            }
        }
        Condition::Rises { value, by, within, is_falling, readings_max } => {
            let Some(value) = number(reading.row, value) else { return Ok(()) };
            let sign = if *is_falling { -1.0 } else { 1.0 };
            let lowest = lowest(state, reading.at, sign * value, *within, *readings_max);
            if marks(state, *by <= sign * value - lowest) {
                out.push(crossing(reading, Some(value), json!({ "from": sign * lowest })));
            }
        }
        Condition::Window { every, of, value, bound } => {
            let start = Time(reading.at.0.div_euclid(every.0).saturating_mul(every.0));
            if let Some(open) = state.window.take_if(|open| open.start < start) {
                close(state, &open, *every, (*of, *bound), out);
            }
            let found = value.as_deref().map(|column| number(reading.row, column));
            gather(state, start, found);
        }
        Condition::Silent { .. } => {}
    }
    Ok(())
}

/// Looks whether a device is silent at a time. Returns when to look again, where that is worth while before its next row.
pub fn elapsed(
    condition: &Condition,
    state: &mut State,
    now: Time,
    out: &mut Vec<Crossing>,
) -> Option<Time> {
    let Condition::Silent { hold } = condition else { return None };
    let last = state.arrived.filter(|_| !state.fired)?;
    if passed(last, now) <= *hold {
        return Some(Time(last.plus(*hold).0.saturating_add(1)));
    }
    state.fired = true;
    out.push(silence(last, *hold));
    None
}

/// Returns a column of a row as a number; decimals with many digits are text.
pub(crate) fn number(row: &Map<String, Value>, column: &str) -> Option<f64> {
    match row.get(column)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Returns whether an expression holds for a row; nothing where it is null.
pub(crate) fn truth(
    expression: &Expression,
    reading: &Reading<'_>,
) -> Result<Option<bool>, Problem> {
    match expression.evaluate(reading.row, reading.at)? {
        Value::Bool(truth) => Ok(Some(truth)),
        Value::Null => Ok(None),
        other => {
            let found: String = other.to_string().chars().take(80).collect();
            let reason =
                format!("`{}` gives `{found}`, which is neither true nor false", expression.text());
            Err(Problem::new(Code("rule.invalid", Kind::Invalid), reason))
        }
    }
}

/// Sets the marker. Returns whether it is on and was not.
fn marks(state: &mut State, is_on: bool) -> bool {
    state.marker.replace(is_on) != Some(true) && is_on
}

/// Goes on with a run of true rows, or ends it. Returns when the run began, where there is one.
fn stays(state: &mut State, is_true: bool, at: Time, gap: Option<Period>) -> Option<Time> {
    let is_broken = gap.zip(state.held).is_some_and(|(gap, held)| gap < passed(held, at));
    if !is_true || is_broken {
        state.since = None;
        state.marker = Some(false);
    }
    state.held = is_true.then_some(at);
    if is_true { Some(*state.since.get_or_insert(at)) } else { None }
}

/// Takes a reading in. Returns the lowest of those within the time before it, itself among them.
fn lowest(state: &mut State, at: Time, value: f64, within: Period, readings_max: usize) -> f64 {
    let recent = &mut state.recent;
    while recent.back().is_some_and(|(_, held)| value <= held.0) {
        recent.pop_back();
    }
    recent.push_back((at, Real(value)));
    while recent.front().is_some_and(|(then, _)| within <= passed(*then, at)) {
        recent.pop_front();
    }
    while readings_max.max(1) < recent.len() {
        recent.pop_front();
    }
    recent.front().map_or(value, |(_, lowest)| lowest.0)
}

/// Adds a row to the window that is open; `found` is its value where a column is named.
fn gather(state: &mut State, start: Time, found: Option<Option<f64>>) {
    let open = state.window.get_or_insert(Open {
        start,
        count: 0,
        sum: Real(0.0),
        min: Real(f64::INFINITY),
        max: Real(f64::NEG_INFINITY),
    });
    match found {
        None => open.count += 1,
        Some(None) => {}
        Some(Some(value)) => {
            open.count += 1;
            open.sum.0 += value;
            open.min.0 = open.min.0.min(value);
            open.max.0 = open.max.0.max(value);
        }
    }
}

/// Judges a window that a later row has closed.
fn close(
    state: &mut State,
    open: &Open,
    every: Period,
    (of, bound): (Aggregate, Bound),
    out: &mut Vec<Crossing>,
) {
    let value = match of {
        Aggregate::Count => open.count as f64,
        // Without a value there is nothing to judge.
        _ if open.count == 0 => return,
        Aggregate::Sum => open.sum.0,
        Aggregate::Avg => open.sum.0 / open.count as f64,
        Aggregate::Min => open.min.0,
        Aggregate::Max => open.max.0,
    };
    let is_on = match bound {
        Bound::Above(bound) => bound < value,
        Bound::Below(bound) => value < bound,
    };
    if marks(state, is_on) {
        let end = open.start.plus(every);
        let detail = json!({"from": open.start, "to": end, "rows": open.count});
        out.push(Crossing { number: millis(end), at: end, value: Some(value), detail });
    }
}

/// Takes note that something arrived: where that took too long and nobody has told it yet, it is told now.
fn heard(hold: Period, state: &mut State, reading: &Reading<'_>, out: &mut Vec<Crossing>) {
    if let Some(last) = state.arrived.filter(|_| !state.fired)
        && hold < passed(last, reading.arrived)
    {
        out.push(silence(last, hold));
    }
    state.seen = state.seen.max(Some(reading.at));
    state.arrived = Some(reading.arrived);
    state.fired = false;
}

fn silence(last: Time, hold: Period) -> Crossing {
    let end = last.plus(hold);
    Crossing { number: millis(end), at: end, value: None, detail: json!({ "last": last }) }
}

fn crossing(reading: &Reading<'_>, value: Option<f64>, detail: Value) -> Crossing {
    Crossing { number: reading.offset, at: reading.at, value, detail }
}

fn passed(from: Time, to: Time) -> Period {
    Period(to.0.saturating_sub(from.0))
}

fn millis(time: Time) -> u64 {
    time.0.max(0).unsigned_abs()
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
