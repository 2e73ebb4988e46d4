//! By what lists find devices: keys without values, in the order of names below each value.

use super::spec::{DeviceSpec, FieldType};
use super::types;
use crate::engine::Fleet;
use crate::presence::Presence;
use crate::twin::{self, SideName};
use crate::{key, presence};
use base::{KeyReader, Problem, prefix_end};
use kernel::{Read, Resource, Tx};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Devices whose keys are looked at in one go.
const PAGE: usize = 500;

/// The longest text in an index, in bytes: what is longer is found by its beginning, and looked at.
const TEXT_BYTES_MAX: usize = 200;

/// An index and a value in it.
pub(crate) type Entry = (String, String);

/// The index of all devices.
pub(crate) const ALL: &str = "name";

/// How a device can stand, each in a word.
pub(crate) const STATES: [&str; 3] = ["connected", "offline", "never"];

/// Moves a device in an index from one value to another; nothing is no place in it.
pub(crate) fn reindex(
    tx: &mut Tx<'_>,
    device: &str,
    index: &str,
    before: Option<&str>,
    after: Option<&str>,
) {
    if before == after {
        return;
    }
    if let Some(before) = before {
        tx.delete(key::index(index, before, device));
    }
    if let Some(after) = after {
        tx.put(key::index(index, after, device), Vec::new());
    }
}

/// Returns a reported value as it stands in an index; nothing where it stands in none. Numbers that are equal are one text.
pub(crate) fn index_text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(whole.to_string()),
            None => number.as_f64().map(number_text),
        },
        Value::String(text) => Some(beginning(text).to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns what was asked for as it stands in an index of a type; nothing where no value of the type can be that.
pub(crate) fn asked_text(field_type: FieldType, text: &str) -> Option<String> {
    match field_type {
        FieldType::Bool => matches!(text, "true" | "false").then(|| text.to_owned()),
        FieldType::Text => Some(beginning(text).to_owned()),
        _ => match text.parse::<i64>() {
            Ok(whole) => Some(whole.to_string()),
            Err(_) => text.parse::<f64>().ok().filter(|number| number.is_finite()).map(number_text),
        },
    }
}

/// Returns the index of a property.
pub(crate) fn of_property(property: &str) -> String {
    format!("p:{property}")
}

/// Returns whether a key stands in the index of a property.
pub(crate) fn is_of_property(found: &[u8]) -> bool {
    let mut parts = KeyReader::new(found);
    let (_, index) = (parts.text(), parts.text());
    index.is_some_and(|index| index.starts_with("p:"))
}

/// Returns the index of a label.
pub(crate) fn of_label(label: &str) -> String {
    format!("label:{label}")
}

/// Returns how a device stands, in a word: one of [`STATES`].
pub(crate) fn state_of(presence: Option<&Presence>) -> &'static str {
    match presence {
        Some(presence) if presence.connected => "connected",
        Some(_) => "offline",
        None => "never",
    }
}

/// Returns where a device stands by its manifest.
pub(crate) fn declared(device: &Resource, spec: &DeviceSpec) -> BTreeSet<Entry> {
    let entry = |index: &str, value: &str| (index.to_owned(), value.to_owned());
    let mut entries = BTreeSet::from([
        entry(ALL, ""),
        entry("type", &spec.type_name),
        entry("owner", &device.owner),
    ]);
    entries.extend(spec.groups.iter().map(|group| entry("group", group)));
    let place = spec.place.as_ref().and_then(|place| place.name.as_ref());
    entries.extend(place.map(|place| entry("place", beginning(place))));
    let labels = device.labels.iter();
    entries.extend(labels.map(|(label, value)| entry(&of_label(label), beginning(value))));
    entries
}

/// Returns where a device stands by what it has reported, under the type of its manifest.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn reported(
    fleet: &Fleet,
    read: &dyn Read,
    device: &Resource,
) -> Result<BTreeSet<Entry>, Problem> {
    let Some(side) = twin::side(read, &device.name, SideName::Reported)? else {
        return Ok(BTreeSet::new());
    };
    let found = fleet.types.of(read, types::type_name(device))?;
    Ok(found.indexed().filter_map(|(name, _)| entry_of(&side.state, name)).collect())
}

/// Returns everywhere a device is to stand.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn expected(
    fleet: &Fleet,
    read: &dyn Read,
    device: &Resource,
) -> Result<BTreeSet<Entry>, Problem> {
    let mut entries = declared(device, &types::spec_of(device)?);
    entries.extend(reported(fleet, read, device)?);
    let presence = presence::of(read, &device.name)?;
    entries.insert(("state".into(), state_of(presence.as_ref()).into()));
    Ok(entries)
}

/// Returns the entry of a reported property, where it has one.
pub(crate) fn entry_of(state: &Map<String, Value>, property: &str) -> Option<Entry> {
    let text = index_text(state.get(property)?)?;
    Some((of_property(property), text))
}

/// Has a device stand in other places than before.
pub(crate) fn move_to(
    tx: &mut Tx<'_>,
    device: &str,
    before: &BTreeSet<Entry>,
    after: &BTreeSet<Entry>,
) {
    for (index, value) in before.difference(after) {
        tx.delete(key::index(index, value, device));
    }
    for (index, value) in after.difference(before) {
        tx.put(key::index(index, value, device), Vec::new());
    }
}

/// Returns names of devices with a value of an index, behind a name, in their order: so many at most.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn names(
    read: &dyn Read,
    (index, value): (&str, &str),
    after: &str,
    limit: usize,
) -> Result<Vec<String>, Problem> {
    let prefix = key::indexed(index, value);
    let end = prefix_end(prefix.as_ref());
    // A name ends with two zero bytes in its key: behind them nothing else of this name stands.
    let from = match after {
        "" => prefix.bytes(),
        after => [key::index(index, value, after).as_ref(), &[0]].concat(),
    };
    let pairs = read.scan(&from, &end, limit, false)?;
    Ok(pairs.iter().filter_map(|(found, _)| last_text(found)).collect())
}

/// Calls `each` with the name of every device with a value of an index, in their order, until it says that it has enough.
///
/// # Errors
/// Where the store cannot be read, or what `each` says.
pub(crate) fn walk(
    read: &dyn Read,
    (index, value): (&str, &str),
    each: &mut dyn FnMut(&str) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut after = String::new();
    loop {
        let page = names(read, (index, value), &after, PAGE)?;
        for name in &page {
            if !each(name)? {
                return Ok(());
            }
        }
        match page.into_iter().nth(PAGE - 1) {
            Some(last) => after = last,
            None => return Ok(()),
        }
    }
}

/// Returns the name of the device at the end of an index key.
pub(crate) fn last_text(found: &[u8]) -> Option<String> {
    let mut parts = KeyReader::new(found);
    // The section, the index, the value.
    for _ in 0..3 {
        parts.text()?;
    }
    parts.text()
}

/// Returns a number as text: a whole one without a point, so that 20 and 20.0 are one.
fn number_text(number: f64) -> String {
    // `-0` is 0.
    if number == 0.0 { "0".into() } else { number.to_string() }
}

/// Returns the beginning of a text that is too long for a key.
pub(crate) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_equal_stands_under_one_text() {
        for (value, asked, field_type) in [
            (json!(20), "20.0", FieldType::Float),
            (json!(20.0), "20", FieldType::Float),
            (json!(-0.0), "0", FieldType::Float),
            (json!(0.5), ".5", FieldType::Float),
            (json!(true), "true", FieldType::Bool),
            (json!("020"), "020", FieldType::Text),
        ] {
            assert_eq!(index_text(&value), asked_text(field_type, asked), "{value}");
        }
        assert_eq!(asked_text(FieldType::Int, "many"), None);
        assert_eq!(index_text(&json!({})), None);
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let text = "é".repeat(TEXT_BYTES_MAX);
        assert_eq!(beginning(&text).len(), TEXT_BYTES_MAX);
        let text = format!("a{text}");
        assert_eq!(beginning(&text).len(), TEXT_BYTES_MAX - 1);
    }
}
