//! `kpi.list` and `kpi.get`: where KPIs stand; `kpi.evaluate`: windows of the past, asked for.

use super::kpi::{Kpi, VERSION};
use super::shown::Viewer;
use super::window;
use super::wire::{self, Outcome, Recorded, Request, State, Verdict, key, number};
use crate::background;
use crate::engine::Data;
use base::{Problem, Time};
use kernel::{Call, Read, Reader, Reply, ResourceRef, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Values of one `kpi.get` where nobody says.
const LIMIT: u64 = 100;
/// Values that are read in one go for the newest windows of a KPI.
const RECENT_PAIRS: usize = 200;
/// Values of one `kpi.get`, at most.
const LIMIT_MAX: u64 = 10_000;

/// What `kpi.get` takes in its query.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("from", "Windows that begin then or later: an instant, a date, `2018-03` or `2018`."),
    ("to", "Windows that begin before that."),
    ("limit", "How many values, the newest; 100 where absent, 10,000 at most."),
];

/// What `kpi.list` takes in its query.
pub(crate) const LIST_QUERY: &[(&str, &str)] = &[(
    "values",
    "Of how many windows of each KPI, the newest, `recent` has a value; none where absent.",
)];

/// Which windows are evaluated anew.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Evaluate {
    /// The first window begins then or later: an instant, a date, `2018-03` or `2018`.
    pub(crate) from: String,
    /// The last window begins before that. Windows that have not closed are left out.
    pub(crate) to: String,
}

/// Lists KPIs with their latest window.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn list(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let windows = usize::try_from(call.number("values")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let windows = windows.min(data.shared.config.kpi_recent_max);
    let mut items = Vec::new();
    let mut viewer = Viewer::new(&data.shared, reader);
    for resource in reader.resources("kpi")? {
        let reference = ResourceRef::new("kpi", resource.name.clone());
        if reader.allows("kpi.get", &reference)? {
            let kpi = Kpi::of(data, reader, resource)?;
            let mut item = line(reader, &mut viewer, &kpi)?;
            if 0 < windows {
                item["recent"] = recent(reader, &mut viewer, &kpi, windows)?;
            }
            items.push(item);
        }
    }
    Ok(Reply::Value(json!({ "items": items })))
}

/// Shows a KPI with its values, the newest window first.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn get(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let kpi = Kpi::find(data, reader, &call.resource.name)?;
    let limit = call.number("limit")?.unwrap_or(LIMIT).min(LIMIT_MAX);
    let bound = |name: &str| call.text(name).map(|text| instant(name, text)).transpose();
    let all = key::values_of(kpi.name());
    let from = match bound("from")? {
        Some(from) => all.clone().signed(from.0).bytes(),
        None => all.clone().bytes(),
    };
    let to = match bound("to")? {
        Some(to) => all.signed(to.0).bytes(),
        None => base::prefix_end(all.as_ref()),
    };
    let mut viewer = Viewer::new(&data.shared, reader);
    let mut answer = line(reader, &mut viewer, &kpi)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut values = Vec::new();
    if from < to {
        for (_, bytes) in reader.scan(&from, &to, limit, true)? {
            let value: Recorded = wire::read(&bytes)?;
            if viewer.sees_metric(&value.metric)? {
                values.push(shown(&value));
            }
        }
    }
    answer["values"] = json!(values);
    answer["spec"] = json!(kpi.spec);
    Ok(Reply::Value(answer))
}

/// Asks for windows of the past to be evaluated. What was recorded of them is replaced; a breach that was noted is not noted
/// again.
///
/// # Errors
/// `call.invalid` where an instant is none, or where there are too many windows.
pub(crate) fn evaluate(data: &Data, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let parameters: Evaluate = call.parameters()?;
    let kpi = Kpi::find(data, tx, &call.resource.name)?;
    let closed = super::kpi::first_open(kpi.window, tx.business(), kpi.spec.grace());
    let from = kpi.window.first_from(instant("from", &parameters.from)?);
    let to = kpi.window.first_from(instant("to", &parameters.to)?).min(closed);
    let limit = data.shared.config.kpi_windows_max;
    let mut count = 0;
    let mut window = from;
    while window < to {
        window = kpi.window.end_of(window);
        count += 1;
        if limit < count {
            let reason = format!("there are more than {limit} windows from `from` to `to`");
            return Err(kernel::Error::Parameters { reason }.into());
        }
    }
    if 0 < count {
        let number = tx.serial("kpi_requests")?;
        let name = kpi.name().to_owned();
        let request = Request { v: VERSION, kpi: name.clone(), number, from, to };
        wire::put(tx, key::request(&name, number), &request)?;
        tx.notify(background::TOPIC);
    }
    Ok(Reply::Value(json!({"kpi": kpi.name(), "from": from, "to": to.max(from), "windows": count})))
}

/// Reads when a window begins.
///
/// # Errors
/// `call.invalid` where the text says no instant.
pub(crate) fn instant(name: &str, text: &str) -> Result<Time, Problem> {
    window::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        let reason = format!("`{name}`: `{shown}` is no instant, date, month or year");
        kernel::Error::Parameters { reason }.into()
    })
}

/// Returns what a list shows of a KPI: the latest window, the worst of its values, and how that compares with the one before. Of one
/// whose values are hidden from the reader: that there is one.
fn line(reader: &Reader, viewer: &mut Viewer<'_>, kpi: &Kpi) -> Result<Value, Problem> {
    let state: Option<State> = wire::get(reader, &key::state(kpi.name()))?;
    let pending = reader.scan_prefix(key::requests_of(kpi.name()).as_ref(), usize::MAX)?.len();
    let mut latest = window_before(reader, kpi.name(), None)?;
    let mut before = match latest.first() {
        Some(first) => window_before(reader, kpi.name(), Some(first.window))?,
        None => Vec::new(),
    };
    let mut is_shown = viewer.sees_metric(&kpi.metric.name)?;
    for value in latest.iter().chain(&before) {
        is_shown = is_shown && viewer.sees_metric(&value.metric)?;
    }
    if !is_shown {
        latest.clear();
        before.clear();
    }
    let (now, then) = (worst(kpi, &latest), worst(kpi, &before));
    let breaches = latest.iter().filter(|value| value.verdict == Verdict::Breached).count();
    let problem = state.as_ref().and_then(|state| state.problem.clone()).filter(|_| is_shown);
    let word = match (&problem, now) {
        (Some(_), _) => "failed",
        (None, Some(_)) if 0 < breaches => "breached",
        (None, Some(_)) => "met",
        (None, None) if !is_shown => "hidden",
        (None, None) if latest.is_empty() => "waiting",
        (None, None) => "too_few",
    };
    Ok(json!({
        "name": kpi.name(),
        "summary": kpi.spec.summary,
        "metric": kpi.metric.name,
        "unit": kpi.metric.spec.unit,
        "window": latest.first().map(|value| value.window),
        "value": now.map(|value| &value.value),
        "worst": now.map(|value| wire::text_of(&value.dimensions)),
        "target": kpi.spec.target,
        "direction": kpi.spec.direction,
        "state": word,
        "values": latest.len(),
        "breaches": breaches,
        "breach": breach(reader, kpi, now)?,
        "trend": trend(kpi, now, then),
        "owner": kpi.spec.owner,
        "next": state.as_ref().map(|state| state.next),
        "due": state.as_ref().map(|state| state.due),
        "pending": pending,
        "problem": problem,
    }))
}

/// Returns the breach of a value, where it is one: what it has started, and until when its owner acts.
fn breach(reader: &Reader, kpi: &Kpi, value: Option<&Recorded>) -> Result<Option<Value>, Problem> {
    let Some(value) = value.filter(|value| value.verdict == Verdict::Breached) else {
        return Ok(None);
    };
    let place = key::breach(kpi.name(), value.window, &wire::id_of(&value.dimensions));
    let outcome: Outcome = wire::get(reader, &place)?.unwrap_or_default();
    Ok(Some(json!({
        "at": value.at,
        "deadline": kpi.spec.deadline.map(|deadline| value.at.plus(deadline)),
        "process": kpi.spec.on_breach.as_ref().map(|on_breach| &on_breach.process),
        "instance": outcome.instance,
        "error": outcome.error,
    })))
}

/// Returns of each of the newest windows the value that is farthest on the wrong side of the target, the oldest first; null of a window
/// that has none.
fn recent(
    reader: &Reader,
    viewer: &mut Viewer<'_>,
    kpi: &Kpi,
    windows: usize,
) -> Result<Value, Problem> {
    let mut found: Vec<Vec<Recorded>> = Vec::new();
    let all = key::values_of(kpi.name());
    let mut end = base::prefix_end(all.as_ref());
    loop {
        // What follows is of the same window or of older ones.
        let pairs = reader.scan(all.as_ref(), &end, RECENT_PAIRS, true)?;
        let Some((last, _)) = pairs.last() else { break };
        end.clone_from(last);
        for (_, bytes) in &pairs {
            let value: Recorded = wire::read(bytes)?;
            let is_same = |window: &Vec<Recorded>| {
                window.first().is_some_and(|first| first.window == value.window)
            };
            if !found.last().is_some_and(is_same) {
                if found.len() == windows {
                    return points(viewer, kpi, &found);
                }
                found.push(Vec::new());
            }
            if let Some(window) = found.last_mut() {
                window.push(value);
            }
        }
    }
    points(viewer, kpi, &found)
}

fn points(viewer: &mut Viewer<'_>, kpi: &Kpi, windows: &[Vec<Recorded>]) -> Result<Value, Problem> {
    let mut points = Vec::new();
    for window in windows.iter().rev() {
        let mut is_shown = viewer.sees_metric(&kpi.metric.name)?;
        for value in window {
            is_shown = is_shown && viewer.sees_metric(&value.metric)?;
        }
        let Some(first) = window.first().filter(|_| is_shown) else { continue };
        let worst = worst(kpi, window);
        points.push(json!({
            "window": first.window,
            "value": worst.map(|value| &value.value),
            "state": worst.map(|value| value.verdict),
        }));
    }
    Ok(points.into())
}

/// Returns the values of the newest window, or of the newest one before a window.
fn window_before(
    reader: &Reader,
    kpi: &str,
    before: Option<Time>,
) -> Result<Vec<Recorded>, Problem> {
    let all = key::values_of(kpi);
    let end = match before {
        Some(before) => key::values_at(kpi, before).bytes(),
        None => base::prefix_end(all.as_ref()),
    };
    let last = reader.scan(all.as_ref(), &end, 1, true)?;
    let Some((_, bytes)) = last.first() else { return Ok(Vec::new()) };
    let newest: Recorded = wire::read(bytes)?;
    let pairs = reader.scan_prefix(key::values_at(kpi, newest.window).as_ref(), usize::MAX)?;
    pairs.iter().map(|(_, bytes)| wire::read(bytes)).collect()
}

/// Returns the value that is farthest on the wrong side of the target, of those that enough rows stand behind.
fn worst<'v>(kpi: &Kpi, values: &'v [Recorded]) -> Option<&'v Recorded> {
    let counts = |value: &&Recorded| matches!(value.verdict, Verdict::Met | Verdict::Breached);
    let pairs =
        values.iter().filter(counts).filter_map(|value| Some((number(&value.value)?, value)));
    pairs
        .reduce(|held, next| if is_worse(kpi, next.0, held.0) { next } else { held })
        .map(|(_, value)| value)
}

fn is_worse(kpi: &Kpi, value: f64, than: f64) -> bool {
    match kpi.spec.direction {
        super::spec::Direction::AtLeast => value < than,
        super::spec::Direction::AtMost => than < value,
    }
}

fn trend(kpi: &Kpi, now: Option<&Recorded>, then: Option<&Recorded>) -> Option<&'static str> {
    let (now, then) = (number(&now?.value)?, number(&then?.value)?);
    if is_worse(kpi, now, then) {
        return Some("worse");
    }
    Some(if is_worse(kpi, then, now) { "better" } else { "same" })
}

/// Returns a value as `kpi.get` shows it.
pub(crate) fn shown(value: &Recorded) -> Value {
    json!({
        "window": value.window,
        "window_end": value.window_end,
        "dimensions": value.dimensions,
        "text": wire::text_of(&value.dimensions),
        "value": value.value,
        "samples": value.samples,
        "target": value.target,
        "direction": value.direction,
        "state": value.verdict,
        "at": value.at,
        "commit": value.commit,
    })
}
