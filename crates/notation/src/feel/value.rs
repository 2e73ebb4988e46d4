//! JSON values to FEEL values and back.
//!
//! A JSON number is the decimal that its shortest text says: 0.1 is exactly 0.1. A FEEL number goes back as a JSON number
//! where that says the same decimal again, else as text, so that no digit is lost in silence.

use dsntk_feel::context::FeelContext;
use dsntk_feel::values::Value as Feel;
use dsntk_feel::{FeelNumber, Name};
use serde_json::{Map, Number, Value};

/// How deep a value may nest.
const DEPTH_MAX: usize = 100;

/// Returns a JSON value as FEEL sees it.
pub(crate) fn to_feel(value: &Value) -> Result<Feel, String> {
    to_feel_with(value, &|text: &str| Feel::String(text.to_string()))
}

/// Returns a JSON value as FEEL sees it, where `read` says what its texts are.
pub(crate) fn to_feel_with(value: &Value, read: &dyn Fn(&str) -> Feel) -> Result<Feel, String> {
    to_feel_at(value, 0, read)
}

fn to_feel_at(value: &Value, depth: usize, read: &dyn Fn(&str) -> Feel) -> Result<Feel, String> {
    if DEPTH_MAX < depth {
        return Err(format!("a variable nests deeper than {DEPTH_MAX}"));
    }
    Ok(match value {
        Value::Null => Feel::Null(None),
        Value::Bool(flag) => Feel::Boolean(*flag),
        Value::Number(number) => Feel::Number(number_to_feel(number)?),
        Value::String(text) => read(text),
        Value::Array(items) => Feel::List(
            items.iter().map(|item| to_feel_at(item, depth + 1, read)).collect::<Result<_, _>>()?,
        ),
        Value::Object(entries) => {
            let mut context = FeelContext::new();
            for (key, item) in entries {
                context.set_entry(&Name::from(key.as_str()), to_feel_at(item, depth + 1, read)?);
            }
            Feel::Context(context)
        }
    })
}

fn number_to_feel(number: &Number) -> Result<FeelNumber, String> {
    if let Some(integer) = number.as_i64() {
        return Ok(FeelNumber::from(integer));
    }
    let text = number.to_string();
    text.parse().map_err(|_| format!("the number {text} has too many digits"))
}

/// Returns a FEEL value as JSON. Dates, times and durations become ISO text.
///
/// # Errors
/// What the evaluator said, where a value says that it could not be calculated.
pub(crate) fn from_feel(value: Feel) -> Result<Value, String> {
    Ok(match value {
        Feel::Null(None) => Value::Null,
        Feel::Null(Some(reason)) if is_absence(&reason) => Value::Null,
        Feel::Null(Some(reason)) => return Err(in_words(&reason)),
        Feel::Boolean(flag) => Value::Bool(flag),
        Feel::Number(number) => number_from_feel(number),
        Feel::String(text) => Value::String(text),
        Feel::List(items) | Feel::ExpressionList(items) => {
            Value::Array(items.into_iter().map(from_feel).collect::<Result<_, _>>()?)
        }
        Feel::Context(context) => {
            let mut entries = Map::new();
            for (name, item) in context.iter() {
                entries.insert(String::from(name), from_feel(item.clone())?);
            }
            Value::Object(entries)
        }
        Feel::Date(date) => Value::String(date.to_string()),
        Feel::Time(time) => Value::String(time.to_string()),
        Feel::DateTime(instant) => Value::String(instant.to_string()),
        Feel::DaysAndTimeDuration(duration) => Value::String(duration.to_string()),
        Feel::YearsAndMonthsDuration(duration) => Value::String(duration.to_string()),
        Feel::Transparent(inner) => from_feel(*inner)?,
        range @ Feel::Range(..) => Value::String(range.to_string()),
        Feel::BuiltInFunction(_) | Feel::FunctionDefinition(..) => {
            return Err("the result is a function".into());
        }
        _ => return Err("the result is no value".into()),
    })
}

/// Returns a FEEL number as a JSON number, or as text where no JSON number says the same.
pub(crate) fn number_from_feel(number: FeelNumber) -> Value {
    let text = number.to_string();
    let whole = match text.split_once('.') {
        Some((whole, rest)) if rest.bytes().all(|digit| digit == b'0') => whole,
        _ => &text,
    };
    if let Ok(integer) = whole.parse::<i64>() {
        return Value::Number(integer.into());
    }
    if let Ok(integer) = whole.parse::<u64>() {
        return Value::Number(integer.into());
    }
    let nearest = text.parse::<f64>().ok().and_then(Number::from_f64);
    match nearest {
        Some(nearest)
            if nearest.to_string().parse::<FeelNumber>().is_ok_and(|again| again == number) =>
        {
            Value::Number(nearest)
        }
        _ => Value::String(text),
    }
}

/// Whether the evaluator says only that something is not there: that is null, as a missing variable is.
fn is_absence(reason: &str) -> bool {
    reason.contains("build_path: no entry")
        || reason.starts_with("context has no value for key")
        || reason.starts_with("index in filter is out of range")
        || reason.starts_with("no rules matched")
        // `< 10` has no start, `>= 10` has no end.
        || matches!(
            reason,
            "no such property in unary less: start"
                | "no such property in unary less or equal: start"
                | "no such property in unary greater: end"
                | "no such property in unary greater or equal: end"
        )
}

/// Returns what the evaluator said, in words for people.
fn in_words(reason: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let reason = match reason.split_once("] ") {
        Some((place, rest)) if place.starts_with('[') && !place.contains('"') => rest,
        _ => reason,
    };
    if reason.starts_with("eval_less") || reason.starts_with("eval_greater") {
        return "the two values are of types that cannot be compared by size".into();
    }
    if reason == "after coercion" {
        return "the value has another type than is declared".into();
    }
    reason.chars().take(CHARACTERS_MAX).collect()
}
