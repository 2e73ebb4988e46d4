//! Reads the manifest of a screen, and says in which field it is wrong: the reader of JSON itself says only what is wrong.

use super::spec::{Action, ColumnSpec, Parameter, Part, ScreenSpec};
use crate::Error;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Reads the spec of a screen.
///
/// # Errors
/// `screen.invalid` with the innermost place that cannot be read.
pub(crate) fn spec(screen: &str, value: &Value) -> Result<ScreenSpec, Error> {
    ScreenSpec::deserialize(value).map_err(|error| {
        let (pointer, error) = innermost(value).unwrap_or(("/spec".into(), error));
        let message = error.to_string();
        let (hint, screen) = (suggestion(&message), screen.to_owned());
        Error::ScreenInvalid { screen, reason: message, pointer, hint }
    })
}

/// What was found wrong, and where.
type Wrong = Option<(String, serde_json::Error)>;

/// Looks for the innermost list element that cannot be read by itself.
fn innermost(spec: &Value) -> Wrong {
    each::<Parameter>(spec, "parameters", "/spec", |_, _| None)
        .or_else(|| each::<Part>(spec, "parts", "/spec", within_part))
}

fn within_part(part: &Value, at: &str) -> Wrong {
    let body = |kind: &str| part.get(kind).map(|body| (body, format!("{at}/{kind}")));
    for kind in ["list", "detail"] {
        let Some((body, at)) = body(kind) else { continue };
        let found = each::<ColumnSpec>(body, "columns", &at, |_, _| None)
            .or_else(|| each::<ColumnSpec>(body, "fields", &at, |_, _| None))
            .or_else(|| each::<Action>(body, "actions", &at, |_, _| None));
        if found.is_some() {
            return found;
        }
    }
    // The body of a part by itself: an unknown field in it is found there, and not above it.
    ["kpi", "list", "detail", "chart", "form"].into_iter().find_map(|kind| {
        let (body, at) = body(kind)?;
        let alone = Value::Object(Map::from_iter([(kind.to_owned(), body.clone())]));
        Part::deserialize(&alone).err().map(|error| (at, error))
    })
}

/// Reads the elements of a list one by one. `inside` looks into one that cannot be read.
fn each<'a, T: Deserialize<'a>>(
    value: &'a Value,
    field: &str,
    at: &str,
    inside: impl Fn(&'a Value, &str) -> Wrong,
) -> Wrong {
    let elements = value.get(field).and_then(Value::as_array)?;
    elements.iter().enumerate().find_map(|(number, element)| {
        let error = T::deserialize(element).err()?;
        let at = format!("{at}/{field}/{number}");
        inside(element, &at).or(Some((at, error)))
    })
}

/// Returns the word that was probably meant by an unknown field or variant.
fn suggestion(message: &str) -> Option<String> {
    let at = message.find("unknown field `").or_else(|| message.find("unknown variant `"))?;
    let mut words = message.get(at..)?.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    let known: Vec<&str> = words.collect();
    match base::nearest(unknown, known.iter().copied()) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None if known.is_empty() => None,
        None => Some(format!("known are {}", known.join(", "))),
    }
}
