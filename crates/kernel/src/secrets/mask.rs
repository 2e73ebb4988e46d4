//! Masks known values in texts that leave the unit: problems, logs, incidents, variables that a job sets.
//!
//! Best effort: a value is found as it is, escaped as JSON, percent-encoded, in hexadecimal and in base64 at any place in what was
//! encoded. What was cut, split, compressed or encoded otherwise is not found, and values of less than eight bytes are not looked
//! for. What is guaranteed is another matter: nothing of the kernel writes a value anywhere in clear.

use base::{Problem, hex};
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// The shortest value that is looked for, in bytes.
const VALUE_BYTES_MIN: usize = 8;

/// Values that are looked for; beyond that the oldest are forgotten.
const VALUES_MAX: usize = 4_000;

/// What stands in place of a value.
const MASK: &str = "***";

/// The values that are known, in the forms in which they are looked for.
#[derive(Default)]
pub struct Masks {
    is_any: AtomicBool,
    values: RwLock<VecDeque<Vec<String>>>,
}

impl std::fmt::Debug for Masks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("masks")
    }
}

impl Masks {
    /// Makes a value known.
    pub fn add(&self, value: &[u8]) {
        let forms = forms(value);
        if forms.is_empty() {
            return;
        }
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        if values.contains(&forms) {
            return;
        }
        if VALUES_MAX <= values.len() {
            values.pop_front();
        }
        values.push_back(forms);
        self.is_any.store(true, Ordering::Release);
    }

    /// Returns whether no value is known: then nothing has to be looked at.
    pub fn is_empty(&self) -> bool {
        !self.is_any.load(Ordering::Acquire)
    }

    /// Returns the text with every known value masked.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        if self.is_empty() || text.len() < VALUE_BYTES_MIN {
            return masked;
        }
        for form in self.values().iter().flatten() {
            if masked.contains(form.as_str()) {
                masked = Cow::Owned(masked.replace(form.as_str(), MASK));
            }
        }
        masked
    }

    /// Returns the problem with every known value masked.
    #[must_use]
    pub fn problem(&self, mut problem: Problem) -> Problem {
        if self.is_empty() {
            return problem;
        }
        problem.message = self.text(&problem.message).into_owned();
        problem.hint = problem.hint.map(|hint| self.text(&hint).into_owned());
        if let Some(place) = &mut problem.place {
            for part in [&mut place.file, &mut place.pointer].into_iter().flatten() {
                *part = self.text(part).into_owned();
            }
        }
        problem.also = problem.also.into_iter().map(|also| self.problem(also)).collect();
        problem
    }

    /// Returns whether a JSON value holds a known value.
    pub fn is_in(&self, value: &Value) -> bool {
        if self.is_empty() {
            return false;
        }
        match value {
            Value::String(text) => matches!(self.text(text), Cow::Owned(_)),
            Value::Array(items) => items.iter().any(|item| self.is_in(item)),
            Value::Object(fields) => fields
                .iter()
                .any(|(name, value)| matches!(self.text(name), Cow::Owned(_)) || self.is_in(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// Returns the JSON value with every known value masked.
    #[must_use]
    pub fn json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text).into_owned()),
            Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Object(fields) => {
                let masked = fields
                    .iter()
                    .map(|(name, value)| (self.text(name).into_owned(), self.json(value)));
                Value::Object(masked.collect())
            }
            other => other.clone(),
        }
    }

    /// Returns whether bytes hold a value in one of its forms; `value` itself need not be known.
    pub fn is_within(value: &[u8], bytes: &[u8]) -> bool {
        forms(value).iter().any(|form| find(bytes, form.as_bytes()))
    }

    /// Returns the length of the longest form in which a value is looked for, in bytes.
    pub fn longest(value: &[u8]) -> usize {
        forms(value).iter().map(String::len).max().unwrap_or_default()
    }

    fn values(&self) -> RwLockReadGuard<'_, VecDeque<Vec<String>>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the forms in which a value is looked for, the longest first; none where it is too short.
fn forms(value: &[u8]) -> Vec<String> {
    let value = value.trim_ascii();
    if value.len() < VALUE_BYTES_MIN {
        return Vec::new();
    }
    let mut forms = vec![hex(value), hex(value).to_uppercase()];
    if let Ok(text) = std::str::from_utf8(value) {
        let quoted = Value::String(text.to_owned()).to_string();
        forms.push(text.to_owned());
        forms.push(quoted[1..quoted.len() - 1].to_owned());
        forms.push(percent(value, |byte| format!("%{byte:02X}")));
        forms.push(percent(value, |byte| format!("%{byte:02x}")));
    }
    for shift in 0..3 {
        forms.push(inner_base64(&STANDARD_NO_PAD, value, shift));
        forms.push(inner_base64(&URL_SAFE_NO_PAD, value, shift));
    }
    forms.retain(|form| VALUE_BYTES_MIN <= form.len());
    forms.sort_by(|left, right| right.len().cmp(&left.len()).then_with(|| left.cmp(right)));
    forms.dedup();
    forms
}

/// Returns the signs of base64 that come of the value alone, where it stands behind `shift` bytes (modulo three) of something else.
fn inner_base64(engine: &impl base64::Engine, value: &[u8], shift: usize) -> String {
    let shifted = [&[0; 2][..shift], value].concat();
    let encoded = engine.encode(&shifted);
    let begin = [0, 2, 3][shift];
    // Where the last group is not full, its last sign depends on what follows.
    let end = encoded.len() - usize::from(shifted.len() % 3 != 0);
    encoded.get(begin..end).unwrap_or_default().to_owned()
}

/// Returns the value percent-encoded (RFC 3986).
fn percent(value: &[u8], escape: impl Fn(u8) -> String) -> String {
    let mut encoded = String::new();
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            encoded.push_str(&escape(*byte));
        }
    }
    encoded
}

fn find(bytes: &[u8], form: &[u8]) -> bool {
    let Some(first) = form.first() else { return false };
    let mut from = 0;
    while let Some(rest) = bytes.get(from..).filter(|rest| form.len() <= rest.len()) {
        let last = rest.len() - form.len();
        let Some(at) = rest[..=last].iter().position(|byte| byte == first) else { return false };
        if rest[at..].starts_with(form) {
            return true;
        }
        from += at + 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Code, Kind, Place};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    const VALUE: &str = "p@ss \"word\"/9";

    fn masks() -> Masks {
        let masks = Masks::default();
        masks.add(VALUE.as_bytes());
        masks
    }

    #[test]
    fn a_value_is_masked_in_every_form_that_is_promised() {
        let masks = masks();
        for text in [
            VALUE.to_owned(),
            json!(VALUE).to_string(),
            hex(VALUE.as_bytes()),
            hex(VALUE.as_bytes()).to_uppercase(),
            percent(VALUE.as_bytes(), |byte| format!("%{byte:02X}")),
            percent(VALUE.as_bytes(), |byte| format!("%{byte:02x}")),
            STANDARD.encode(VALUE),
        ] {
            let line = format!("before {text} behind");
            let masked = masks.text(&line);
            assert!(masked.contains(MASK) && !masked.contains(&text), "{line}: {masked}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_value_stands_in_it() {
        let masks = masks();
        for before in 0..9 {
            for behind in 0..4 {
                let text = format!("{}{VALUE}{}", "u".repeat(before), "x".repeat(behind));
                let encoded = STANDARD.encode(&text);
                assert!(masks.text(&encoded).contains(MASK), "{before} before, {behind} behind");
            }
        }
    }

    #[test]
    fn short_values_and_other_texts_stay() {
        let masks = masks();
        masks.add(b"short");
        assert!(matches!(masks.text("a short text without it"), Cow::Borrowed(_)));
        assert!(Masks::default().is_empty());
    }

    #[test]
    fn every_part_of_a_problem_and_of_json_is_masked() {
        let masks = masks();
        let problem = Problem::new(Code("a.b", Kind::Invalid), VALUE)
            .with_hint(VALUE)
            .at(Place::pointer(VALUE).in_file(VALUE));
        let mut outer = problem.clone();
        outer.also.push(problem);
        let shown = format!("{:?}", masks.problem(outer));
        assert!(!shown.contains("p@ss"), "{shown}");
        let value = json!({"a": [1, VALUE], VALUE: {"b": VALUE}});
        assert!(masks.is_in(&value) && !masks.is_in(&json!({"a": "b"})));
        assert!(!masks.json(&value).to_string().contains("p@ss"));
    }

    #[test]
    fn bytes_are_searched_as_texts_are() {
        let value = VALUE.as_bytes();
        let bytes = [&[0xff, 0, b'p'][..], value, &[0xfe]].concat();
        assert!(Masks::is_within(value, &bytes));
        assert!(!Masks::is_within(value, &bytes[..bytes.len() - 2]));
        assert!(Masks::is_within(value, STANDARD.encode(value).as_bytes()));
        assert_eq!(Masks::longest(b"short"), 0);
    }
}
