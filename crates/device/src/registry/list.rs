//! Lists of devices: the index that leaves the fewest is walked, what else is wanted is looked at on each device. A list shows what its
//! caller may see, and looks at so many devices at most.

use super::index::{self, ALL};
use super::spec::DeviceSpec;
use super::{credentials, pieces, types};
use crate::engine::Fleet;
use crate::presence::Presence;
use crate::{Error, key, presence, twin};
use base::{Problem, nearest};
use kernel::{Call, Found, Read, Reader, Reply, Resource};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Devices on a page where the caller does not say.
const PAGE: u64 = 100;

/// Devices whose index keys are read in one go.
const LOOK: usize = 200;

/// Devices that are counted in an index, to find the one that leaves the fewest.
const COUNTED_MAX: usize = 2_000;

/// The parameters of `device.list`.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("type", "of this type"),
    ("group", "in this group"),
    ("owner", "of this owner, as `user:ana`"),
    ("state", "`connected`, `offline` or `never`"),
    ("place", "at this place"),
    ("label", "with this label, as `city=sp`"),
    ("text", "in whose name, summary or place this stands"),
    ("property", "that have reported a value of this indexed property, with `value`"),
    ("value", "the value of `property`"),
    ("limit", "so many at most"),
    ("after", "from where to go on: what `next` said of the page before"),
];

/// A device as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(crate) struct DeviceRow {
    /// The name.
    pub(crate) name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    /// Who answers for it.
    pub(crate) owner: String,
    /// `connected`, `offline`, or `never` where it was never there.
    pub(crate) state: &'static str,
    /// What its place is called.
    pub(crate) place: Option<String>,
    /// Degrees north.
    pub(crate) lat: Option<f64>,
    /// Degrees east.
    pub(crate) lon: Option<f64>,
    /// The groups it belongs to.
    pub(crate) groups: Vec<String>,
    /// Its labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// When it was heard of last.
    #[schemars(with = "Option<String>")]
    pub(crate) last_seen: Option<base::Time>,
    /// Since when it is connected.
    #[schemars(with = "Option<String>")]
    pub(crate) connected_since: Option<base::Time>,
    /// True where it is not let in.
    pub(crate) disabled: bool,
    /// What it is.
    pub(crate) summary: String,
    /// The version of its manifest.
    pub(crate) version: u64,
}

/// Which devices are wanted.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Of this type.
    pub(crate) type_name: Option<String>,
    /// In this group.
    pub(crate) group: Option<String>,
    /// Of this owner.
    pub(crate) owner: Option<String>,
    /// In this state.
    pub(crate) state: Option<String>,
    /// At this place.
    pub(crate) place: Option<String>,
    /// With this label of this value.
    pub(crate) label: Option<(String, String)>,
    /// With this text in name, summary or place; lower case.
    pub(crate) text: Option<String>,
    /// That have reported this of a property, as it stands in its index.
    pub(crate) property: Option<(String, String)>,
}

/// Lists devices: the operation `device.list`.
///
/// # Errors
/// `call.invalid`, `device.not_yet`; where the store cannot be read.
pub(crate) fn list(fleet: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let limit = call.number("limit")?.unwrap_or(PAGE).clamp(1, fleet.config.list_max.max(1) as u64);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Some(wanted) = Wanted::of(fleet, reader, call)? else {
        return Ok(Reply::Value(json!({"items": []})));
    };
    let (walked, value) = wanted.walked(reader)?;
    let mut after = call.text("after").unwrap_or_default().to_owned();
    let (mut items, mut looks) = (Vec::new(), fleet.config.list_looks_max);
    loop {
        let names = index::names(reader, (&walked, &value), &after, LOOK)?;
        let is_all = names.len() < LOOK;
        for name in names {
            // Nothing is left out: the next page goes on behind the last one that was looked at.
            if limit <= items.len() || looks == 0 {
                return Ok(Reply::Value(json!({"items": items, "next": after})));
            }
            looks -= 1;
            if let Some(row) = shown_if_wanted(reader, &name, &wanted)? {
                items.push(DeviceRow { last_seen: twin::seen(reader, &row.name)?, ..row });
            }
            after = name;
        }
        if is_all {
            return Ok(Reply::Value(json!({ "items": items })));
        }
    }
}

/// Shows one device: the operation `device.get`.
///
/// # Errors
/// `resource.not_found`; where the store cannot be read.
pub(crate) fn get(_: &Fleet, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let name = &call.resource.name;
    let Some((resource, spec)) = types::device(reader, name)? else {
        return Err(kernel::Error::NotFound { resource: call.resource.to_string() }.into());
    };
    let presence = presence::of(reader, name)?;
    let credentials = credentials::list(reader, name)?;
    let shown = credentials.iter().map(|(id, credential)| credentials::shown(id, credential));
    let row = row_of(&resource, spec, presence.as_ref());
    let row = DeviceRow { last_seen: twin::seen(reader, name)?, ..row };
    let mut answer = serde_json::to_value(&row).map_err(Error::internal)?;
    answer["spec"] = resource.spec.clone();
    answer["credentials"] = shown.collect();
    answer["presence"] = presence.map_or(Value::Null, |presence| {
        json!({
            "connected": presence.connected,
            "since": presence.since,
            "last_seen": presence.last_seen,
            "skew_ms": presence.skew_ms,
            "set_aside": presence.set_aside,
            "reason": presence.reason,
        })
    });
    Ok(Reply::Value(answer))
}

impl Wanted {
    /// Reads the parameters of a call. Nothing where no device can be so.
    fn of(fleet: &Fleet, read: &dyn Read, call: &Call) -> Result<Option<Self>, Problem> {
        let text = |name: &str| call.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let label = match text("label") {
            Some(label) => match label.split_once('=') {
                Some((name, value)) => Some((name.to_owned(), value.to_owned())),
                None => return Err(parameter("`label` is a name and a value, as `city=sp`")),
            },
            None => None,
        };
        let state = text("state");
        if let Some(state) = &state
            && !index::STATES.contains(&state.as_str())
        {
            return Err(unknown("state", state, index::STATES));
        }
        let type_name = text("type");
        let property = match (text("property"), call.args.get("value").and_then(written)) {
            (Some(property), Some(value)) => {
                let Some(value) = asked(fleet, read, type_name.as_deref(), &property, &value)?
                else {
                    return Ok(None);
                };
                Some((property, value))
            }
            (None, None) => None,
            _ => return Err(parameter("`property` and `value` stand together")),
        };
        Ok(Some(Self {
            type_name,
            group: text("group"),
            owner: text("owner"),
            state,
            place: text("place"),
            label,
            text: text("text").map(|text| text.to_lowercase()),
            property,
        }))
    }

    /// Returns the index that is walked, and the value in it: the one that leaves the fewest.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn walked(&self, read: &dyn Read) -> Result<(String, String), Problem> {
        let mut given = self.given();
        if given.len() < 2 {
            return Ok(given.pop().unwrap_or_else(|| (ALL.to_owned(), String::new())));
        }
        // Of two that leave many the first is taken.
        let (mut least, mut walked) = (COUNTED_MAX + 1, (ALL.to_owned(), String::new()));
        for (index, value) in given {
            let place = key::indexed(&index, &value);
            let found = read.scan_prefix(place.as_ref(), COUNTED_MAX.min(least))?;
            if found.len() < least {
                (least, walked) = (found.len(), (index, value));
            }
        }
        Ok(walked)
    }

    /// Returns the indexes that could be walked, with the values in them: those first that leave few most often.
    fn given(&self) -> Vec<(String, String)> {
        let plain = |index: &str, value: &Option<String>| {
            value.as_ref().map(|value| (index.to_owned(), index::beginning(value).to_owned()))
        };
        let property = self
            .property
            .as_ref()
            .map(|(property, value)| (index::of_property(property), value.clone()));
        let label = self
            .label
            .as_ref()
            .map(|(label, value)| (index::of_label(label), index::beginning(value).to_owned()));
        let given = [
            plain("group", &self.group),
            property,
            plain("place", &self.place),
            label,
            plain("type", &self.type_name),
            plain("owner", &self.owner),
            plain("state", &self.state),
        ];
        given.into_iter().flatten().collect()
    }

    /// Returns whether a device is wanted, by its manifest and its state.
    fn is(&self, resource: &Resource, spec: &DeviceSpec, state: &str) -> bool {
        let is = |wanted: &Option<String>, value: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == value)
        };
        let place = spec.place.as_ref().and_then(|place| place.name.as_deref()).unwrap_or_default();
        let has_label = self
            .label
            .as_ref()
            .is_none_or(|(label, value)| resource.labels.get(label) == Some(value));
        let has_text = self.text.as_ref().is_none_or(|text| {
            [resource.name.as_str(), spec.summary.as_str(), place]
                .into_iter()
                .any(|held| held.to_lowercase().contains(text.as_str()))
        });
        is(&self.type_name, &spec.type_name)
            && is(&self.owner, &resource.owner)
            && is(&self.state, state)
            && is(&self.place, place)
            && self.group.as_ref().is_none_or(|group| spec.groups.contains(group))
            && has_label
            && has_text
    }

    /// Returns whether a device has reported what is wanted.
    fn is_reported(&self, read: &dyn Read, device: &str) -> Result<bool, Problem> {
        let Some((property, value)) = &self.property else { return Ok(true) };
        let place = key::index(&index::of_property(property), value, device);
        Ok(read.get(place.as_ref())?.is_some())
    }
}

/// Returns a device where it is wanted and the caller may see it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn shown_if_wanted(
    reader: &Reader,
    name: &str,
    wanted: &Wanted,
) -> Result<Option<DeviceRow>, Problem> {
    let Some((resource, spec)) = seen(reader, name)? else { return Ok(None) };
    let presence = presence::of(reader, name)?;
    let state = index::state_of(presence.as_ref());
    if !wanted.is(&resource, &spec, state) || !wanted.is_reported(reader, name)? {
        return Ok(None);
    }
    Ok(Some(row_of(&resource, spec, presence.as_ref())))
}

/// Returns a device with its manifest where the caller may see it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn seen(
    reader: &Reader,
    name: &str,
) -> Result<Option<(Arc<Resource>, DeviceSpec)>, Problem> {
    let Some((resource, spec)) = types::device(reader, name)? else { return Ok(None) };
    let is_seen = reader.allows_found("device.get", &resource.reference(), &found_of(&resource))?;
    Ok(is_seen.then_some((resource, spec)))
}

/// Returns a device as lists show it. When it was heard of last is to be looked up where it is wanted.
fn row_of(resource: &Resource, spec: DeviceSpec, presence: Option<&Presence>) -> DeviceRow {
    let place = spec.place.unwrap_or_default();
    DeviceRow {
        name: resource.name.clone(),
        type_name: spec.type_name,
        owner: resource.owner.clone(),
        state: index::state_of(presence),
        place: place.name,
        lat: place.lat,
        lon: place.lon,
        groups: spec.groups,
        labels: resource.labels.clone(),
        last_seen: None,
        connected_since: presence.filter(|held| held.connected).map(|held| held.since),
        disabled: spec.disabled,
        summary: spec.summary,
        version: resource.version,
    }
}

/// Adds what policies may know of a device beside its owner: its type as `parent`, and its groups.
pub(crate) fn describe(resource: &Resource, found: &mut Found) {
    if resource.kind != "device" {
        return;
    }
    found.attributes.insert("parent", types::type_name(resource).to_owned());
    let groups = resource.spec.get("groups").and_then(Value::as_array);
    let names: Vec<&str> = groups.into_iter().flatten().filter_map(Value::as_str).collect();
    if !names.is_empty() {
        found.attributes.insert("groups", names.join("\n"));
    }
}

/// Returns what policies may know of a device.
pub(crate) fn found_of(device: &Resource) -> Found {
    let attributes = BTreeMap::from([("owner", device.owner.clone())]);
    let mut found = Found { attributes, candidates: Vec::new() };
    describe(device, &mut found);
    found
}

/// Returns what was asked for of a property as it stands in its index. Nothing where no device can have reported that.
fn asked(
    fleet: &Fleet,
    read: &dyn Read,
    type_name: Option<&str>,
    property: &str,
    value: &str,
) -> Result<Option<String>, Problem> {
    let names: Vec<String> = match type_name {
        Some(name) if read.resource("device_type", name)?.is_none() => return Ok(None),
        Some(name) => vec![name.to_owned()],
        None => read.resources("device_type")?.iter().map(|found| found.name.clone()).collect(),
    };
    let (mut found, mut others): (Option<Option<String>>, Vec<String>) = (None, Vec::new());
    for name in names {
        let Ok(of_type) = fleet.types.of(read, &name) else { continue };
        let Some(held) = of_type.property(property) else {
            others.extend(of_type.properties.iter().map(|other| other.name.clone()));
            continue;
        };
        if !held.indexed {
            let reason = format!("`{property}` of device type `{name}` is not indexed");
            return Err(parameter(&reason));
        }
        pieces::check_order(read, &name)?;
        let text = index::asked_text(held.field_type, value);
        if found.as_ref().is_some_and(|found| *found != text) {
            let reason = format!("`{property}` is not alike in all types: say the `type`, too");
            return Err(parameter(&reason));
        }
        found = Some(text);
    }
    found.ok_or_else(|| unknown("property", property, others.iter().map(String::as_str)))
}

/// Returns a parameter as text: a query brings text, an engine may bring a number or a truth value.
fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Returns that something is asked for which is not there, with the nearest that is.
fn unknown<'n>(what: &str, word: &str, known: impl IntoIterator<Item = &'n str>) -> Problem {
    let shown: String = word.chars().take(80).collect();
    let problem = parameter(&format!("there is no {what} `{shown}`"));
    match nearest(word, known) {
        Some(nearest) => problem.with_hint(format!("did you mean `{nearest}`?")),
        None => problem,
    }
}

fn parameter(reason: &str) -> Problem {
    kernel::Error::Parameters { reason: reason.to_owned() }.into()
}
