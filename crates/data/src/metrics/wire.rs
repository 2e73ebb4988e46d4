//! What is stored of KPIs: where each stands, what waits to be evaluated, values, breaches, evaluations.
//!
//! All keys begin with `kpi` in the engine's space. Values are JSON with a version.

use super::spec::{Direction, KpiSpec};
use super::window::Grain;
use crate::Error;
use base::{Key, KeyReader, Problem, Time};
use kernel::{Read, Tx};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The log of breaches, an event each.
pub(crate) const LOG_BREACHES: &str = "system/kpi_breaches";

/// Longer dimensions are named by their digest in keys.
const ID_BYTES_MAX: usize = 200;

/// Pairs that are read in one go.
const PAIRS_MAX: usize = 500;

/// Keys of KPIs.
pub(crate) mod key {
    use super::{Key, Time};

    fn of(part: &str) -> Key {
        kernel::key(b's').text("kpi").text(part)
    }

    /// Where all KPIs stand.
    pub(crate) fn states() -> Key {
        of("state")
    }

    /// Where a KPI stands.
    pub(crate) fn state(kpi: &str) -> Key {
        states().text(kpi)
    }

    /// When the next windows close, by time.
    pub(crate) fn all_due() -> Key {
        of("due")
    }

    /// When the next window of a KPI closes.
    pub(crate) fn due(at: Time, kpi: &str) -> Key {
        all_due().signed(at.0).text(kpi)
    }

    /// What waits to be evaluated.
    pub(crate) fn requests() -> Key {
        of("request")
    }

    /// What of a KPI waits to be evaluated.
    pub(crate) fn requests_of(kpi: &str) -> Key {
        requests().text(kpi)
    }

    /// A request; 0 is that of the schedule.
    pub(crate) fn request(kpi: &str, number: u64) -> Key {
        requests_of(kpi).number(number)
    }

    /// All values.
    pub(crate) fn values() -> Key {
        of("value")
    }

    /// The values of a KPI, by window.
    pub(crate) fn values_of(kpi: &str) -> Key {
        values().text(kpi)
    }

    /// The values of a window.
    pub(crate) fn values_at(kpi: &str, window: Time) -> Key {
        values_of(kpi).signed(window.0)
    }

    /// A value.
    pub(crate) fn value(kpi: &str, window: Time, id: &str) -> Key {
        values_at(kpi, window).text(id)
    }

    /// What became of a breach. That it is there says that the breach was noted.
    pub(crate) fn breach(kpi: &str, window: Time, id: &str) -> Key {
        of("breach").text(kpi).signed(window.0).text(id)
    }

    /// What an evaluation stood on.
    pub(crate) fn evaluation(kpi: &str, number: u64) -> Key {
        of("evaluation").text(kpi).number(number)
    }
}

/// Where a KPI stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub v: u8,
    /// The first window that is not evaluated and not asked for.
    pub next: Time,
    /// How long its windows are.
    pub window: Grain,
    /// When the window `next` is to be evaluated.
    pub due: Time,
    /// Why the last evaluation failed, with its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Windows that wait to be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub v: u8,
    pub kpi: String,
    /// 0 for what the schedule asks; else the number of an explicit request.
    pub number: u64,
    /// The first window.
    pub from: Time,
    /// The window behind the last.
    pub to: Time,
}

/// A value as it was recorded last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub v: u8,
    pub kpi: String,
    pub metric: String,
    pub window: Time,
    pub window_end: Time,
    pub dimensions: Map<String, Value>,
    /// Exactly as the query gave it; null for nothing.
    pub value: Value,
    pub samples: u64,
    pub target: f64,
    pub direction: Direction,
    pub verdict: Verdict,
    pub at: Time,
    /// The commit over which it was calculated.
    pub commit: u64,
    /// The number of its evaluation.
    pub evaluation: u64,
}

/// What a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// The target is met.
    Met,
    /// The target is missed.
    Breached,
    /// There are too few rows to tell.
    TooFew,
    /// The formula gives nothing.
    Nothing,
}

impl Verdict {
    /// Judges a value.
    pub(crate) fn of(spec: &KpiSpec, value: &Value, samples: u64) -> Self {
        match number(value) {
            _ if samples < spec.minimum_samples => Self::TooFew,
            None => Self::Nothing,
            Some(value) if spec.misses(value) => Self::Breached,
            Some(_) => Self::Met,
        }
    }

    /// Returns the word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Breached => "breached",
            Self::TooFew => "too_few",
            Self::Nothing => "nothing",
        }
    }
}

/// A breach, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Breach {
    pub v: u8,
    pub kpi: String,
    pub metric: String,
    pub window: Time,
    pub window_end: Time,
    pub dimensions: Map<String, Value>,
    pub value: Value,
    pub samples: u64,
    pub target: f64,
    pub direction: Direction,
    pub owner: String,
    pub deadline: Option<Time>,
    pub process: Option<String>,
    pub at: Time,
    pub commit: u64,
}

/// What became of a breach.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub v: u8,
    /// The instance that was started.
    pub instance: Option<u64>,
    /// Why none could be started.
    pub error: Option<String>,
}

/// What an evaluation stood on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    pub v: u8,
    pub kpi: String,
    pub from: Time,
    pub to: Time,
    pub at: Time,
    pub commit: u64,
    /// The version of the KPI.
    pub version: u64,
    /// The versions of all metrics that the value is made of.
    pub metrics: BTreeMap<String, u64>,
    /// The offset behind the last row of each log that was read.
    pub sources: BTreeMap<String, u64>,
}

/// Returns a value as a number; nothing for what is none.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// Returns what names dimensions in a key: their JSON, in which names are in order, or its digest.
pub(crate) fn id_of(dimensions: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, &Value> = dimensions.iter().collect();
    let text = serde_json::to_string(&sorted).unwrap_or_default();
    if text.len() <= ID_BYTES_MAX { text } else { base::hex(&base::sha256(text.as_bytes())) }
}

/// Returns dimensions for people: `state=SP service=local`.
pub(crate) fn text_of(dimensions: &Map<String, Value>) -> String {
    let part = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        Value::Null => format!("{name}="),
        other => format!("{name}={other}"),
    };
    dimensions.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// Reads a stored value.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Internal { detail: format!("a stored value: {error}") }.into())
}

/// Returns a value as it is stored.
pub(crate) fn write<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|error| Error::Internal { detail: error.to_string() }.into())
}

/// Reads the value of a key, where there is one.
pub(crate) fn get<T: DeserializeOwned>(read: &dyn Read, key: &Key) -> Result<Option<T>, Problem> {
    read.get(key.as_ref())?.map(|bytes| self::read(&bytes)).transpose()
}

/// Sets a key.
pub(crate) fn put<T: Serialize>(tx: &mut Tx<'_>, key: Key, value: &T) -> Result<(), Problem> {
    let bytes = write(value)?;
    tx.put(key, bytes);
    Ok(())
}

/// Reads what stands behind a prefix, in order, until `each` has enough.
pub(crate) fn for_each(
    read: &dyn Read,
    prefix: &Key,
    each: &mut dyn FnMut(&[u8], &[u8]) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let (mut from, to) = (prefix.as_ref().to_vec(), base::prefix_end(prefix.as_ref()));
    loop {
        let pairs = read.scan(&from, &to, PAIRS_MAX, false)?;
        let Some((last, _)) = pairs.last() else { return Ok(()) };
        from.clone_from(last);
        from.push(0);
        for (key, value) in &pairs {
            if !each(key, value)? {
                return Ok(());
            }
        }
    }
}

/// Returns the first instant behind a prefix, with the text that follows it.
pub(crate) fn first_instant(
    read: &dyn Read,
    prefix: &Key,
) -> Result<Option<(Time, String)>, Problem> {
    let pairs = read.scan_prefix(prefix.as_ref(), 1)?;
    Ok(pairs.first().and_then(|(found, _)| instant(found)))
}

/// Reads the instant and the text behind the two words with which such keys begin.
fn instant(found: &[u8]) -> Option<(Time, String)> {
    let mut reader = KeyReader::new(found);
    reader.text()?;
    reader.text()?;
    Some((Time(reader.signed()?), reader.text()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dimensions(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn dimensions_have_one_name_whatever_their_order() {
        let one = dimensions(json!({"state": "SP", "kind": null}));
        let other = dimensions(json!({"kind": null, "state": "SP"}));
        assert_eq!(id_of(&one), id_of(&other));
        assert_ne!(id_of(&one), id_of(&dimensions(json!({"kind": "", "state": "SP"}))));
        assert_eq!(id_of(&dimensions(json!({"a": "x".repeat(500)}))).len(), 64);
        assert_eq!(text_of(&dimensions(json!({"n": 7}))), "n=7");
        assert_eq!(text_of(&Map::new()), "");
    }

    #[test]
    fn a_value_is_judged_by_rows_target_and_direction() {
        let spec = |direction: &str| -> KpiSpec {
            serde_json::from_value(json!({
                "metric": "m", "target": 0.92, "direction": direction, "minimum_samples": 10,
            }))
            .expect("a spec")
        };
        let verdict = |direction, value: Value, samples| {
            Verdict::of(&spec(direction), &value, samples).as_str()
        };
        assert_eq!(verdict("at_least", json!(0.92), 25), "met");
        assert_eq!(verdict("at_least", json!(0.91), 25), "breached");
        assert_eq!(verdict("at_least", json!(0.5), 9), "too_few");
        assert_eq!(verdict("at_least", Value::Null, 25), "nothing");
        assert_eq!(verdict("at_most", json!(0.93), 10), "breached");
        assert_eq!(verdict("at_most", json!("0.5"), 10), "met");
        assert_eq!(verdict("at_most", json!("-"), 10), "nothing");
    }

    #[test]
    fn keys_give_back_when_something_is_due() {
        for millis in [-5, 0, 1_500_000_000_000] {
            let key = key::due(Time(millis), "on_time").bytes();
            assert_eq!(instant(&key), Some((Time(millis), "on_time".into())));
        }
    }
}
