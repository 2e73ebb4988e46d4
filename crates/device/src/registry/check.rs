//! What is wrong with a type, a device, or a stream that types write into: every problem with its place.

use super::credentials;
use super::index;
use super::spec::{Channel, DeviceSpec, DeviceTypeSpec, Field, Property};
use super::types::{self, Type};
use crate::Error;
use crate::engine::Fleet;
use crate::twin::state;
use base::{Name, Problem, nearest};
use kernel::{Read, Resource, Tx};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// How far north or south, and how far east or west, a place can be.
const DEGREES: (f64, f64) = (90.0, 180.0);

/// Returns one problem of several: the first, with the others beside it.
pub(crate) fn gather(problems: Vec<Error>) -> Result<(), Problem> {
    let mut problems = problems.into_iter().map(Problem::from);
    let Some(mut first) = problems.next() else { return Ok(()) };
    first.also.extend(problems);
    Err(first)
}

/// Checks a type as it will stand.
///
/// # Errors
/// `device_type.invalid`; where the store cannot be read.
pub(crate) fn device_type(tx: &Tx<'_>, resource: &Resource) -> Result<DeviceTypeSpec, Problem> {
    let spec = DeviceTypeSpec::deserialize(&resource.spec).map_err(Error::internal)?;
    let mut found = Found { name: &resource.name, problems: Vec::new() };
    found.names("/spec/properties", spec.properties.iter().map(|property| property.name.as_str()));
    for (number, property) in spec.properties.iter().enumerate() {
        found.property(&format!("/spec/properties/{number}"), property);
    }
    for (part, channels) in [("telemetry", &spec.telemetry), ("events", &spec.events)] {
        let at = format!("/spec/{part}");
        found.names(&at, channels.iter().map(|channel| channel.name.as_str()));
        for (number, channel) in channels.iter().enumerate() {
            found.channel(tx, &format!("{at}/{number}"), channel)?;
        }
    }
    found.streams(&spec);
    found.names("/spec/commands", spec.commands.iter().map(|command| command.name.as_str()));
    for (number, command) in spec.commands.iter().enumerate() {
        let at = format!("/spec/commands/{number}");
        found.fields(&format!("{at}/input"), &command.input);
        found.fields(&format!("{at}/output"), &command.output);
        if command.deadline.is_some_and(|deadline| deadline.0 <= 0) {
            found.add(&format!("{at}/deadline"), "a deadline lies ahead".into(), None);
        }
    }
    let limits = spec.limits.unwrap_or_default();
    let each = [("messages", limits.messages), ("burst", limits.burst), ("bytes", limits.bytes)];
    for (name, _) in each.into_iter().filter(|(_, limit)| *limit == Some(0)) {
        let reason = "with a limit of 0 a device says nothing: disable it instead".to_owned();
        found.add(&format!("/spec/limits/{name}"), reason, None);
    }
    gather(found.problems).map(|()| spec)
}

/// What was found wrong with a type.
struct Found<'a> {
    name: &'a str,
    problems: Vec<Error>,
}

impl Found<'_> {
    fn add(&mut self, pointer: &str, reason: String, hint: Option<String>) {
        let (name, pointer) = (self.name.to_owned(), pointer.to_owned());
        self.problems.push(Error::Type { name, reason, pointer, hint });
    }

    /// Checks that names are names, and each is there once.
    fn names<'n>(&mut self, at: &str, names: impl Iterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for (number, name) in names.enumerate() {
            let pointer = format!("{at}/{number}/name");
            if let Err(problem) = Name::new(name) {
                self.add(&pointer, problem.message, problem.hint);
            } else if !seen.insert(name) {
                self.add(&pointer, format!("`{name}` is there twice"), None);
            }
        }
    }

    fn property(&mut self, at: &str, property: &Property) {
        let (name, kind) = (&property.name, property.field_type);
        if property.indexed && !kind.is_indexable() {
            let reason = format!("`{name}` is {}, and cannot be indexed", kind.as_str());
            let hint = "bool, int, float and text can".to_owned();
            self.add(&format!("{at}/indexed"), reason, Some(hint));
        }
        let has_bounds = property.min.is_some() || property.max.is_some();
        if has_bounds && !kind.is_number() {
            let reason = format!("`{name}` is {}, and has no least or greatest", kind.as_str());
            self.add(at, reason, None);
        }
        if let (Some(min), Some(max)) = (property.min, property.max)
            && max < min
        {
            self.add(&format!("{at}/max"), format!("`{name}` could never be"), None);
        }
    }

    /// Checks that each channel of telemetry has a stream of its own among those of the type.
    fn streams(&mut self, spec: &DeviceTypeSpec) {
        let events = spec.events.iter();
        let mut seen: BTreeSet<&str> = events.map(|event| event.stream.as_str()).collect();
        for (number, channel) in spec.telemetry.iter().enumerate() {
            if !seen.insert(&channel.stream) {
                let reason =
                    format!("rows of `{}` would not say of which channel they are", channel.stream);
                let hint = "give each channel of telemetry a stream of its own".to_owned();
                self.add(&format!("/spec/telemetry/{number}/stream"), reason, Some(hint));
            }
        }
    }

    fn fields(&mut self, at: &str, fields: &[Field]) {
        self.names(at, fields.iter().map(|field| field.name.as_str()));
    }

    /// Checks that a channel has a stream, and that the stream has the columns that it needs.
    fn channel(&mut self, tx: &Tx<'_>, at: &str, channel: &Channel) -> Result<(), Problem> {
        let Some(stream) = tx.resource("stream", &channel.stream)? else {
            let streams = tx.resources("stream")?;
            let names = streams.iter().map(|stream| stream.name.as_str());
            let hint =
                nearest(&channel.stream, names).map(|name| format!("did you mean `{name}`?"));
            let reason = format!("stream `{}` does not exist", channel.stream);
            self.add(&format!("{at}/stream"), reason, hint);
            return Ok(());
        };
        if let Some(reason) = unfit(&stream) {
            let hint =
                "give it a column `device` of type text; it may have `received_at` of type time";
            self.add(&format!("{at}/stream"), reason, Some(hint.into()));
        }
        for (field, column) in [("time", &channel.time), ("value", &channel.value)] {
            let Some(column) = column else { continue };
            let found = columns(&stream).find(|(name, _)| name == column);
            let pointer = format!("{at}/{field}");
            match found {
                None => {
                    let names: Vec<&str> = columns(&stream).map(|(name, _)| name).collect();
                    let hint = nearest(column, names).map(|name| format!("did you mean `{name}`?"));
                    let reason = format!("stream `{}` has no column `{column}`", stream.name);
                    self.add(&pointer, reason, hint);
                }
                Some((_, kind)) if field == "time" && kind != "time" => {
                    self.add(&pointer, format!("the column `{column}` holds no time"), None);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Returns the columns of a stream with their types, as its manifest says.
fn columns(stream: &Resource) -> impl Iterator<Item = (&str, &str)> {
    let schema = stream.spec.get("schema").and_then(Value::as_array);
    schema.into_iter().flatten().filter_map(|column| {
        let text = |name: &str| column.get(name).and_then(Value::as_str);
        Some((text("name")?, text("type")?))
    })
}

/// Returns why rows of devices do not fit into a stream.
fn unfit(stream: &Resource) -> Option<String> {
    let column = |name: &str| columns(stream).find(|(column, _)| *column == name);
    let name = &stream.name;
    match (column("device"), column("received_at")) {
        (Some((_, "text")), None | Some((_, "time"))) => None,
        (Some((_, "text")), Some(_)) => {
            Some(format!("the column `received_at` of stream `{name}` holds no time"))
        }
        (Some(_), _) => Some(format!("the column `device` of stream `{name}` holds no text")),
        (None, _) => Some(format!("stream `{name}` has no column `device`")),
    }
}

/// Checks that a type which goes has no devices any more, as all will stand.
///
/// # Errors
/// `device_type.in_use`; where the store cannot be read.
pub(crate) fn type_gone(tx: &Tx<'_>, name: &str) -> Result<(), Problem> {
    let mut used = None;
    index::walk(tx, ("type", name), &mut |device| {
        // It may go, or become of another type, in the same commit.
        let is_used =
            tx.resource("device", device)?.is_some_and(|device| types::type_name(&device) == name);
        if is_used {
            used = Some(format!("device `{device}`"));
        }
        Ok(!is_used)
    })?;
    match used {
        Some(by) => Err(Error::TypeInUse { name: name.to_owned(), by }.into()),
        None => Ok(()),
    }
}

/// Checks that a stream which changes or goes leaves no channel without it.
///
/// # Errors
/// `device_type.in_use`; where the store cannot be read.
pub(crate) fn stream_changed(
    tx: &Tx<'_>,
    old: Option<&Resource>,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    // What comes with a stream that does not fit is refused by its own check.
    let Some(old) = old.filter(|stream| unfit(stream).is_none()) else { return Ok(()) };
    if new.is_some_and(|stream| unfit(stream).is_none()) {
        return Ok(());
    }
    let name = &old.name;
    for resource in tx.resources("device_type")? {
        let found = Type::of(&resource)?;
        let mut channels = found.channels.values().chain(found.events.values());
        if let Some(channel) = channels.find(|channel| channel.stream == *name) {
            let by = format!("stream `{name}`, into which `{}` goes", channel.name);
            return Err(Error::TypeInUse { name: resource.name.clone(), by }.into());
        }
    }
    Ok(())
}

/// Checks a device as it will stand. Returns its certificates.
///
/// # Errors
/// `device.invalid`; where the store cannot be read.
pub(crate) fn device(
    fleet: &Fleet,
    tx: &Tx<'_>,
    resource: &Resource,
    spec: &DeviceSpec,
) -> Result<Vec<[u8; 32]>, Problem> {
    let mut problems = Vec::new();
    let mut wrong = |pointer: String, reason: String, hint: Option<String>| {
        problems.push(Error::Device { name: resource.name.clone(), reason, pointer, hint });
    };
    match tx.resource("device_type", &spec.type_name)? {
        Some(_) => {
            let found = fleet.types.of(tx, &spec.type_name)?;
            if let Err(Error::Property { name, reason, hint, .. }) =
                state::check(&found.properties, &spec.desired, true)
            {
                let reason = format!("property `{name}`: {reason}");
                wrong(format!("/spec/desired/{name}"), reason, hint);
            }
        }
        None => {
            let types = tx.resources("device_type")?;
            let names = types.iter().map(|found| found.name.as_str());
            let hint =
                nearest(&spec.type_name, names).map(|name| format!("did you mean `{name}`?"));
            let reason = format!("device type `{}` does not exist", spec.type_name);
            wrong("/spec/type".into(), reason, hint);
        }
    }
    if fleet.config.groups_max < spec.groups.len() {
        let reason = format!("it is in more than {} groups", fleet.config.groups_max);
        wrong("/spec/groups".into(), reason, None);
    }
    let mut groups = BTreeSet::new();
    for (number, group) in spec.groups.iter().enumerate() {
        let pointer = format!("/spec/groups/{number}");
        if let Err(problem) = Name::new(group.as_str()) {
            wrong(pointer, problem.message, problem.hint);
        } else if !groups.insert(group) {
            wrong(pointer, format!("group `{group}` is there twice"), None);
        }
    }
    let place = spec.place.clone().unwrap_or_default();
    for (name, degrees, most) in [("lat", place.lat, DEGREES.0), ("lon", place.lon, DEGREES.1)] {
        if degrees.is_some_and(|degrees| !(-most..=most).contains(&degrees)) {
            let reason = format!("`{name}` is between -{most} and {most} degrees");
            wrong(format!("/spec/place/{name}"), reason, None);
        }
    }
    let mut certificates = Vec::new();
    for (number, text) in spec.certificates.iter().enumerate() {
        let pointer = format!("/spec/certificates/{number}");
        let Some(fingerprint) = credentials::parse(text) else {
            let reason = "a certificate is named by its fingerprint".to_owned();
            wrong(pointer, reason, Some("write `sha256:` and 64 hexadecimal digits".into()));
            continue;
        };
        let other = credentials::device_of(tx, &base::hex(&fingerprint))?;
        // It may be taken from the other one in the same commit: then it has to be in one before, and in this one after.
        if let Some(other) = other.filter(|other| *other != resource.name) {
            wrong(pointer, format!("this certificate stands for device `{other}`"), None);
        } else if certificates.contains(&fingerprint) {
            wrong(pointer, "this certificate is there twice".into(), None);
        } else {
            certificates.push(fingerprint);
        }
    }
    gather(problems).map(|()| certificates)
}
