//! What a twin holds, and how it changes: plain functions of plain data.

use crate::Error;
use crate::registry::Property;
use base::nearest;
use serde_json::{Map, Value};

/// Returns a state with a patch in it: what is null goes, objects are merged, everything else takes the place of what was there
/// (RFC 7396).
pub fn merge(state: &Map<String, Value>, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = state.clone();
    merge_into(&mut merged, patch);
    merged
}

fn merge_into(state: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                state.remove(name);
            }
            Value::Object(patch) => {
                let held = state.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
                if !held.is_object() {
                    *held = Value::Object(Map::new());
                }
                if let Value::Object(held) = held {
                    merge_into(held, patch);
                }
            }
            value => {
                state.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Checks that a type has the properties of a patch, that each can be this, and that each can be desired, where it is.
///
/// # Errors
/// [`Error::Property`] for the first that is wrong.
pub fn check(
    properties: &[Property],
    patch: &Map<String, Value>,
    is_desired: bool,
) -> Result<(), Error> {
    for (name, value) in patch {
        let wrong = |reason: String, hint: Option<String>| {
            // As it is written in a JSON pointer (RFC 6901).
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
            Err(Error::Property { name: shown(name), reason, pointer, hint })
        };
        let Some(property) = properties.iter().find(|property| property.name == *name) else {
            let names = properties.iter().map(|property| property.name.as_str());
            let hint = nearest(name, names).map(|name| format!("did you mean `{name}`?"));
            return wrong("the type has none of this name".into(), hint);
        };
        if is_desired && !property.desired {
            let hint = "only properties with `desired: true` can be".to_owned();
            return wrong("it is reported, and cannot be desired".into(), Some(hint));
        }
        if value.is_null() {
            continue;
        }
        let kind = property.field_type;
        if !kind.holds(value) {
            return wrong(format!("`{}` is no {}", shown(&value.to_string()), kind.as_str()), None);
        }
        let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        let Some(number) = number.filter(|_| kind.is_number()) else { continue };
        if property.min.is_some_and(|min| number < min) {
            return wrong(format!("{number} is less than {}", bound(property.min)), None);
        }
        if property.max.is_some_and(|max| max < number) {
            return wrong(format!("{number} is more than {}", bound(property.max)), None);
        }
    }
    Ok(())
}

/// Returns the names of what differs.
pub fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let other = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    let mut names: Vec<String> = gone.chain(other.map(|(name, _)| name)).cloned().collect();
    names.sort();
    names
}

/// Returns whether a device has reported all that is desired of it. Numbers that are equal are one, however they are written.
pub fn is_in_step(desired: &Map<String, Value>, reported: &Map<String, Value>) -> bool {
    desired.iter().all(|(name, value)| reported.get(name).is_some_and(|held| equals(value, held)))
}

fn equals(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| equals(left, right))
        }
        // What is desired of an object is a part of it.
        (Value::Object(left), Value::Object(right)) => is_in_step(left, right),
        _ => left == right,
    }
}

fn bound(bound: Option<f64>) -> String {
    bound.map(|bound| bound.to_string()).unwrap_or_default()
}

/// Returns the beginning of what was written.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Explain;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    /// The examples of RFC 7396, appendix A, as far as both are objects.
    #[test]
    fn a_patch_is_merged_as_the_standard_says() {
        for (state, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merge(&map(state), &map(patch)), map(merged));
        }
    }

    fn properties() -> Vec<Property> {
        serde_json::from_value(json!([
            {"name": "firmware", "type": "text"},
            {"name": "battery", "type": "float", "min": 0, "max": 100},
            {"name": "interval_s", "type": "int", "desired": true, "min": 1, "max": 3600},
            {"name": "limits", "type": "json", "desired": true},
        ]))
        .expect("properties")
    }

    #[test]
    fn what_a_type_does_not_have_or_cannot_be_is_refused_with_its_place() {
        let check = |patch: Value, is_desired| match check(&properties(), &map(patch), is_desired) {
            Ok(()) => "ok".to_owned(),
            Err(error) => format!(
                "{} {}",
                error.place().and_then(|place| place.pointer).unwrap_or_default(),
                error.hint().unwrap_or_default(),
            ),
        };
        assert_eq!(check(json!({"battery": 20, "firmware": null}), false), "ok");
        assert_eq!(check(json!({"batery": 20}), false), "/batery did you mean `battery`?");
        assert_eq!(check(json!({"battery": "full"}), false), "/battery ");
        assert_eq!(check(json!({"battery": 100.5}), false), "/battery ");
        assert_eq!(check(json!({"interval_s": 1.5}), true), "/interval_s ");
        assert_eq!(check(json!({"interval_s": 0}), true), "/interval_s ");
        assert_eq!(check(json!({"interval_s": 30, "limits": {"low": 2}}), true), "ok");
        assert_eq!(
            check(json!({"firmware": "2"}), true),
            "/firmware only properties with `desired: true` can be"
        );
    }

    #[test]
    fn what_differs_is_named_and_what_was_reported_is_compared_with_what_is_desired() {
        let (before, after) =
            (map(json!({"a": 1, "b": 2, "c": 3})), map(json!({"b": 2, "c": 4, "d": 5})));
        assert_eq!(changed(&before, &after), ["a", "c", "d"]);
        let desired = map(json!({"interval_s": 30, "limits": {"low": 2}}));
        let reported = map(json!({"interval_s": 30.0, "limits": {"low": 2, "high": 8}, "x": 1}));
        assert!(is_in_step(&desired, &reported));
        assert!(!is_in_step(&desired, &map(json!({"interval_s": 30}))));
        assert!(is_in_step(&Map::new(), &Map::new()));
    }
}
