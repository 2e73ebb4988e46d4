//! Rows that were set aside: which of them concern a subject, and how these leave their log.
//!
//! A log only loses what stands first in it. So the rows that stay move behind the others, some at a time, and the log begins behind
//! where they stood.

use super::state::{self, Erasure, Stage};
use crate::Error;
use crate::catalog::{base_key, base_of};
use crate::streams::append::set_aside_log_of;
use base::Problem;
use kernel::{Read, Tx};
use serde_json::{Map, Value};

/// Returns whether a row that was set aside concerns a subject.
///
/// Such a row is one that did not fit, so it may say the subject in the wrong place. Where it has one of the columns, that column tells,
/// as in any row. Where it has none of them, any of its values may; where it is no JSON at all, any of its words.
pub(crate) fn concerns(line: &[u8], columns: &[String], subject: &str) -> bool {
    let Ok(line) = serde_json::from_slice::<Value>(line) else { return has_word(line, subject) };
    let Some(row) = line.get("row").and_then(Value::as_str) else { return false };
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(row) else {
        return has_word(row.as_bytes(), subject);
    };
    // A CloudEvent carries the row as its data.
    let data = fields.get("data").and_then(Value::as_object);
    let fields = data.filter(|_| fields.contains_key("specversion")).unwrap_or(&fields);
    let found: Vec<&Value> = columns
        .iter()
        .filter_map(|column| fields.get(column))
        .filter(|value| !value.is_null())
        .collect();
    match found.is_empty() {
        true => is_among(fields, subject),
        false => found.into_iter().any(|value| is_said(value, subject)),
    }
}

fn is_among(fields: &Map<String, Value>, subject: &str) -> bool {
    fields.values().any(|value| is_said(value, subject))
}

/// Returns whether a value is the subject, or has it within.
fn is_said(value: &Value, subject: &str) -> bool {
    match value {
        Value::String(text) => text == subject,
        Value::Number(number) => number.to_string() == subject,
        Value::Array(values) => values.iter().any(|value| is_said(value, subject)),
        Value::Object(fields) => is_among(fields, subject),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Returns whether a text has the subject with neither a letter nor a digit before or behind it, as it is or as JSON writes it.
fn has_word(text: &[u8], subject: &str) -> bool {
    let text = String::from_utf8_lossy(text);
    let written = Value::from(subject).to_string();
    let is_word = |subject: &str| {
        text.match_indices(subject).any(|(at, found)| {
            let before = text[..at].chars().next_back();
            let behind = text[at + found.len()..].chars().next();
            !before.is_some_and(char::is_alphanumeric) && !behind.is_some_and(char::is_alphanumeric)
        })
    };
    is_word(subject) || is_word(written.trim_matches('"'))
}

/// Moves some of the rows of a stream that were set aside, `bytes` of them or a little more, behind the others, up to an offset, without those of the subjects of all
/// erasures that are under way: behind the others, those would be new rows.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn go_on(tx: &mut Tx<'_>, stream: &str, upto: u64, bytes: usize) -> Result<(), Problem> {
    let mut active = state::active(tx)?;
    let log = set_aside_log_of(stream);
    let from = base_of(tx, &log)?;
    let (mut next, mut kept, mut count) = (from, Vec::new(), 0);
    for chunk in tx.chunks(&log, from, bytes.max(1))? {
        let lines = tx.kernel().lines(&chunk)?.into_owned();
        for (offset, line) in (chunk.offset..).zip(kernel::rows(&lines)) {
            if offset < next || upto <= offset {
                continue;
            }
            next = offset + 1;
            if !leaves(&mut active, stream, offset, line) {
                kept.extend_from_slice(line);
                kept.push(b'\n');
                count += 1;
            }
        }
    }
    if next == from && from < upto {
        let detail = format!("log `{log}` does not hold offset {from}");
        return Err(Error::Internal { detail }.into());
    }
    if 0 < count {
        tx.append_rows(&log, &kept, count)?;
    }
    tx.put(base_key(&log), next.to_be_bytes().to_vec());
    active.iter().try_for_each(|erasure| state::put(tx, erasure))
}

/// Returns whether a row leaves for one of the erasures, which counts it.
fn leaves(active: &mut [Erasure], stream: &str, offset: u64, line: &[u8]) -> bool {
    active.iter_mut().filter(|erasure| erasure.stage == Stage::Rows).any(|erasure| {
        let target = erasure.targets.iter_mut().find(|target| target.stream == stream);
        let (Some(subject), Some(target)) = (&erasure.subject, target) else { return false };
        let is_leaving = offset < target.aside && concerns(line, &target.columns, subject);
        target.rows_aside += u64::from(is_leaving);
        is_leaving
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(row: &str, subject: &str, expected: bool) {
        let line = json!({"row_number": 7, "reason": "no", "place": "", "row": row}).to_string();
        let columns = ["customer".to_owned(), "seller".to_owned()];
        let found = concerns(line.as_bytes(), &columns, subject);
        assert_eq!(found, expected, "{row} and {subject}");
    }

    #[test]
    fn a_column_tells_where_it_is_there() {
        check(r#"{"customer": "ana", "n": "x"}"#, "ana", true);
        check(r#"{"customer": "ana", "n": "x"}"#, "x", false);
        check(r#"{"seller": 17, "n": 18}"#, "17", true);
        check(r#"{"seller": 17, "n": 18}"#, "18", false);
        check(r#"{"customer": null, "seller": "bo", "n": "ana"}"#, "ana", false);
    }

    #[test]
    fn any_value_tells_where_no_column_is_there() {
        check(r#"{"custommer": "ana"}"#, "ana", true);
        check(r#"{"custommer": "anabel"}"#, "ana", false);
        check(r#"{"customer": null, "who": [{"name": "ana"}]}"#, "ana", true);
        check(r#"{"who": 17}"#, "17", true);
    }

    #[test]
    fn any_word_tells_where_it_is_no_json() {
        check("ana;17;ulm", "ana", true);
        check("ana;17;ulm", "17", true);
        check("{\"customer\": \"ana\"", "ana", true);
        check("{\"customer\": \"anabel\"", "ana", false);
        check("{\"customer\": \"a\\\"b\"", "a\"b", true);
        check("[\"ana\"]", "ana", true);
    }

    #[test]
    fn a_row_within_an_event_is_looked_at() {
        let event = r#"{"specversion": "1.0", "id": "ana", "data": {"customer": "bo"}}"#;
        check(event, "bo", true);
        check(event, "ana", false);
    }
}
