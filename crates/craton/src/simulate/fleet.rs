//! A fleet: the type of its devices, as manifests, and what each device says.

use crate::import::column_name;
use base::{Problem, Time};
use serde_json::{Map, Value, json};

/// A fleet that can be played.
pub struct Fleet {
    /// The name of the type.
    pub type_name: String,
    /// The type, its streams and the role under which it appends: kinds and manifests.
    pub manifests: Vec<(&'static str, Value)>,
    /// What its devices say.
    pub series: Vec<Series>,
    /// True where readings are taken when they are sent: their times are those of the clock.
    pub is_live: bool,
}

/// What one device says.
pub struct Series {
    /// The device.
    pub device: String,
    /// What it is.
    pub summary: String,
    /// A group that it belongs to.
    pub group: Option<String>,
    /// Where it stands: the place's name, degrees north and east.
    pub place: Option<(String, f64, f64)>,
    /// What it says, in order.
    pub readings: Readings,
}

/// What a device says, in order. It may fail where it is read from a file.
pub type Readings = Box<dyn Iterator<Item = Result<Reading, Problem>> + Send>;

/// Something that a device says.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// When, by the device's own clock.
    pub at: Time,
    /// The topic, behind `devices/NAME/`.
    pub topic: &'static str,
    /// What.
    pub payload: Map<String, Value>,
}

/// A stream of a fleet, with the channel that goes into it.
pub struct Stream {
    /// The channel of telemetry, or the event.
    pub channel: &'static str,
    /// True where it is an event.
    pub is_event: bool,
    /// What stands behind the name of the type in the name of the stream; empty where both have one name.
    pub name: &'static str,
    /// What its rows say.
    pub summary: &'static str,
    /// Its columns beside the device and the times: name, type, unit.
    pub columns: &'static [(&'static str, &'static str, &'static str)],
}

/// Returns the manifests of a type with its streams and its role. `rest` has what else stands in the type.
pub fn manifests(
    type_name: &str,
    summary: &str,
    streams: &[Stream],
    rest: Map<String, Value>,
) -> Vec<(&'static str, Value)> {
    let role = format!("{type_name}-writer");
    let mut all: Vec<(&'static str, Value)> = streams
        .iter()
        .map(|stream| ("stream", manifest("Stream", &stream_name(type_name, stream), spec(stream))))
        .collect();
    all.push(("role", manifest("Role", &role, role_spec(type_name, &role, streams))));
    let channels = |are_events: bool| -> Value {
        let wanted = streams.iter().filter(|stream| stream.is_event == are_events);
        wanted
            .map(|stream| {
                json!({
                    "name": stream.channel,
                    "stream": stream_name(type_name, stream),
                    "time": "at",
                    "summary": stream.summary,
                })
            })
            .collect()
    };
    let mut fields = rest;
    fields.insert("summary".into(), summary.into());
    fields.insert("roles".into(), json!([role]));
    fields.insert("telemetry".into(), channels(false));
    fields.insert("events".into(), channels(true));
    all.push(("device_type", manifest("DeviceType", type_name, Value::Object(fields))));
    all
}

/// Returns the name of a stream: it is written in SQL, so there is no `-` in it.
fn stream_name(type_name: &str, stream: &Stream) -> String {
    let name = type_name.replace('-', "_");
    if stream.name.is_empty() { name } else { format!("{name}_{}", stream.name) }
}

/// Returns the name of a device for what a recording calls it: `valve1/10` is `valve1-10`.
pub fn device_name(title: &str) -> String {
    column_name(title).replace('_', "-")
}

fn spec(stream: &Stream) -> Value {
    let mut columns = vec![
        json!({"name": "device", "type": "text", "required": true}),
        json!({"name": "at", "type": "time", "required": true, "summary": "when, by the device's own clock"}),
        json!({"name": "received_at", "type": "time", "summary": "when it came"}),
    ];
    for (name, column_type, unit) in stream.columns {
        let mut column = json!({"name": name, "type": column_type});
        if !unit.is_empty() {
            column["unit"] = json!(unit);
        }
        columns.push(column);
    }
    json!({"summary": stream.summary, "time": "at", "schema": columns})
}

fn role_spec(type_name: &str, role: &str, streams: &[Stream]) -> Value {
    let names: Vec<String> =
        streams.iter().map(|stream| format!("\"{}\"", stream_name(type_name, stream))).collect();
    let policies = format!(
        "@id(\"appends\")\npermit (\n  principal in Role::\"{role}\",\n  action == Action::\"stream.append\",\n  \
         resource in Kind::\"stream\"\n) when {{ [{}].contains(resource.name) }};\n",
        names.join(", ")
    );
    let summary = format!("Appends what devices of type `{type_name}` report");
    json!({"summary": summary, "policies": policies})
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;

    const READINGS: Stream = Stream {
        channel: "reading",
        is_event: false,
        name: "readings",
        summary: "What a pump reports",
        columns: &[("pressure", "float", "bar"), ("note", "text", "")],
    };

    #[test]
    fn names_of_recordings_become_names_of_devices() {
        assert_eq!(device_name("valve1/10"), "valve1-10");
        assert_eq!(device_name("iio_us-east-1_i-a2_NetworkIn"), "iio-us-east-1-i-a2-networkin");
        let [none, some] =
            ["", "doors"].map(|name| stream_name("test-pump", &Stream { name, ..READINGS }));
        assert_eq!((none.as_str(), some.as_str()), ("test_pump", "test_pump_doors"));
    }

    #[test]
    fn a_type_comes_with_what_it_needs_and_names_it() {
        let rest = Map::from_iter([("commands".to_owned(), json!([{"name": "stop"}]))]);
        let all = manifests("test-pump", "A pump", &[READINGS], rest);
        let named: Vec<(&str, &str)> = all
            .iter()
            .map(|(kind, manifest)| (*kind, manifest["metadata"]["name"].as_str().expect("a name")))
            .collect();
        assert_eq!(
            named,
            [
                ("stream", "test_pump_readings"),
                ("role", "test-pump-writer"),
                ("device_type", "test-pump")
            ]
        );
        let [stream, role, device_type] = [0, 1, 2].map(|number: usize| &all[number].1["spec"]);
        assert_eq!(stream["time"], "at");
        assert_eq!(
            stream["schema"][3],
            json!({"name": "pressure", "type": "float", "unit": "bar"})
        );
        assert!(
            role["policies"]
                .as_str()
                .is_some_and(|policies| policies
                    .contains("[\"test_pump_readings\"].contains(resource.name)")),
            "{role}"
        );
        assert_eq!(device_type["roles"], json!(["test-pump-writer"]));
        assert_eq!(device_type["telemetry"][0]["stream"], "test_pump_readings");
        assert_eq!(device_type["events"], json!([]));
        assert_eq!(device_type["commands"], json!([{"name": "stop"}]));
    }
}
