//! What is told of types and devices: counts, lineage, and what is wrong in what is stored.

use super::index::{self, ALL};
use super::types::{self, Type};
use super::{credentials, pieces, spec::DeviceTypeSpec};
use crate::engine::Fleet;
use crate::key;
use base::{Key, KeyReader, Problem};
use kernel::{Edge, End, Exposition, How, Read, Reader};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

/// Devices that are counted: who has more is told this many.
const COUNT_MAX: usize = 1_000_000;

/// Lines of what is wrong; who has more needs no more.
const FINDINGS_MAX: usize = 100;

/// Tells how many devices there are, by their state.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn tell(_: &Fleet, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
    for state in index::STATES {
        let count = reader.scan_prefix(key::indexed("state", state).as_ref(), COUNT_MAX)?.len();
        let help = "Devices that are registered, by whether they are there.";
        out.gauge("craton_devices", help, &[("state", state)], count as f64);
    }
    Ok(())
}

/// Returns the edges from types to the streams into which they write.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn edges(_: &Fleet, reader: &Reader) -> Result<Vec<Edge>, Problem> {
    let mut edges = Vec::new();
    for resource in reader.resources("device_type")? {
        let Ok(spec) = DeviceTypeSpec::deserialize(&resource.spec) else { continue };
        let channels = spec.telemetry.iter().chain(&spec.events);
        let mut streams: Vec<(&str, Vec<&str>)> = Vec::new();
        for channel in channels {
            match streams.iter_mut().find(|(stream, _)| *stream == channel.stream) {
                Some((_, names)) => names.push(channel.name.as_str()),
                None => streams.push((channel.stream.as_str(), vec![channel.name.as_str()])),
            }
        }
        for (stream, names) in streams {
            let (from, to) = (End::new("device_type", &resource.name), End::new("stream", stream));
            let detail = json!({ "channels": names });
            edges.push(Edge::new(from, to, How::Writes).with(detail).declared_by(&resource));
        }
    }
    Ok(edges)
}

/// Returns what is wrong, a line each: a device that is in a list in which it is not to be, or missing in one; a certificate that stands
/// for nobody; something that belongs to a device which is not there.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn verify(fleet: &Fleet, reader: &Reader) -> Result<Vec<String>, Problem> {
    let mut findings = Vec::new();
    let devices = reader.resources("device")?;
    let mut expected = BTreeSet::new();
    let mut certificates = BTreeSet::new();
    for device in &devices {
        match index::expected(fleet, reader, device) {
            Ok(entries) => expected.extend(
                entries.iter().map(|(found, value)| key::index(found, value, &device.name).bytes()),
            ),
            Err(problem) => findings.push(format!("device {}: {problem}", device.name)),
        }
        for (_, credential) in credentials::list(reader, &device.name)? {
            certificates.extend(credential.fingerprint.map(|text| key::fingerprint(&text).bytes()));
        }
    }
    let left = pieces::left(reader)?;
    let is_ordering = left.iter().any(|(kind, _)| kind == "device_type");
    // Until all are in order anew, devices stand by what they have reported as they did, or as they will.
    let counts = |found: &[u8]| !is_ordering || !index::is_of_property(found);
    expected.retain(|found| counts(found));
    let listed = stored(reader, &key::indexes())?.into_iter().filter(|found| counts(found));
    compare(&listed.collect(), &expected, "list of devices", &mut findings);
    let named = stored(reader, &key::fingerprints())?;
    compare(&named, &certificates, "list of certificates", &mut findings);
    let mut names: BTreeSet<&str> = devices.iter().map(|device| device.name.as_str()).collect();
    names.extend(left.iter().filter(|(kind, _)| kind == "device").map(|(_, name)| name.as_str()));
    check_owned(reader, &names, &mut findings)?;
    check_types(reader, &mut findings)?;
    findings.truncate(FINDINGS_MAX);
    Ok(findings)
}

/// Returns the keys that stand below a prefix.
fn stored(read: &dyn Read, prefix: &Key) -> Result<BTreeSet<Vec<u8>>, Problem> {
    let pairs = read.scan_prefix(prefix.as_ref(), usize::MAX)?;
    Ok(pairs.into_iter().map(|(found, _)| found).collect())
}

/// Compares keys as they stand with those that should.
fn compare(
    stored: &BTreeSet<Vec<u8>>,
    expected: &BTreeSet<Vec<u8>>,
    what: &str,
    findings: &mut Vec<String>,
) {
    let left_over = stored.difference(expected);
    findings.extend(left_over.map(|found| format!("{} is left over in a {what}", shown(found))));
    let missing = expected.difference(stored);
    findings.extend(missing.map(|found| format!("{} is missing in a {what}", shown(found))));
}

/// Looks for what belongs to devices that are not there.
fn check_owned(
    read: &dyn Read,
    names: &BTreeSet<&str>,
    findings: &mut Vec<String>,
) -> Result<(), Problem> {
    let all = key::devices();
    let end = base::prefix_end(all.as_ref());
    let mut from = all.clone().bytes();
    // From one device to the next, whatever each has.
    while let Some((found, _)) = read.scan(&from, &end, 1, false)?.into_iter().next() {
        let mut parts = KeyReader::new(&found);
        let (_, name) = (parts.text(), parts.text());
        let name = name.unwrap_or_default();
        if !names.contains(name.as_str()) {
            findings.push(format!("something belongs to device {name}, which does not exist"));
        }
        from = base::prefix_end(key::device(&name).as_ref());
    }
    Ok(())
}

/// Looks for types that cannot be read.
fn check_types(read: &dyn Read, findings: &mut Vec<String>) -> Result<(), Problem> {
    for resource in read.resources("device_type")? {
        if let Err(problem) = Type::of(&resource) {
            findings.push(format!("device type {}: {problem}", resource.name));
        }
    }
    for resource in read.resources("device")? {
        let name = types::type_name(&resource);
        if read.resource("device_type", name)?.is_none() {
            findings.push(format!("device {} is of type {name}, which is gone", resource.name));
        }
    }
    Ok(())
}

/// Returns a key for people: its parts.
fn shown(found: &[u8]) -> String {
    let mut parts = KeyReader::new(found);
    let mut texts = Vec::new();
    while let Some(text) = parts.text() {
        texts.push(if text.is_empty() { ALL.to_owned() } else { text });
    }
    texts.join(" ")
}
