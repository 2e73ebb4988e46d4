//! Manifests of types and devices, as people write them.

use base::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a type of devices reports and can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceTypeSpec {
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Roles under which the type appends what its devices report. They must permit `stream.append` on its streams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Roles that its devices hold beside what every device may do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_roles: Vec<String>,
    /// The twin: what a device reports of itself, and what can be desired of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<Property>,
    /// Telemetry: which channel goes into which stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub telemetry: Vec<Channel>,
    /// Events: which goes into which stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Channel>,
    /// What a device can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandSpec>,
    /// How much one device may say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<DeviceLimits>,
}

/// A property of the twin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Property {
    /// The name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Its unit, for people: `%`, `s`, `km/h`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// True where it can be desired. Every property can be reported.
    #[serde(default, skip_serializing_if = "is_false")]
    pub desired: bool,
    /// True where lists find devices by what they have reported of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub indexed: bool,
    /// The least number it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// A channel of telemetry, or an event: its rows are those of a stream, whose manifest is their schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The name, as in the topic.
    pub name: String,
    /// The stream. It has a text column `device`, and may have a time column `received_at`.
    pub stream: String,
    /// The column with the device's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column that a bare number, text or truth value becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// Something that a device can be told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The name, as in the topic.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// What goes with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<Field>,
    /// What the device answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<Field>,
    /// How long it waits for a device that sleeps, where the caller does not say; a day where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub deadline: Option<Period>,
}

/// A field of what goes with a command or comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The name.
    pub name: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// True where it must be there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub required: bool,
    /// Its unit, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// What a property or a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A number; never money.
    Float,
    /// A decimal number, written out as text where it has more digits than a number can.
    Decimal,
    /// Text.
    Text,
    /// An instant, as RFC 3339 text.
    Time,
    /// Anything.
    Json,
}

/// How much one device may say in a second. A connection that says more is read more slowly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceLimits {
    /// Messages a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Messages at once after a rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceSpec {
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The groups it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What is desired of it at first. What is desired later by `device.set` counts then.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub desired: Map<String, Value>,
    /// Certificates by which it is known: `sha256:` and the hash of the DER form in 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// True where it is not let in.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
}

/// Where a device stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What the place is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Degrees north.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    /// Degrees east.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
}

impl FieldType {
    /// Returns the name as manifests write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Text => "text",
            Self::Time => "time",
            Self::Json => "json",
        }
    }

    /// Returns whether a value is one of this type. Null is none of any.
    pub fn holds(self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Int => value.is_i64(),
            Self::Float => value.is_number(),
            Self::Decimal => value.is_number() || value.as_str().is_some_and(is_decimal),
            Self::Text => value.is_string(),
            Self::Time => value.as_str().is_some_and(|text| base::Time::parse(text).is_ok()),
            Self::Json => !value.is_null(),
        }
    }

    /// Returns whether it is a number of some kind.
    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Float | Self::Decimal)
    }

    /// Returns whether lists can find devices by it.
    pub fn is_indexable(self) -> bool {
        matches!(self, Self::Bool | Self::Int | Self::Float | Self::Text)
    }
}

/// Returns whether text is a number written out: digits with a point and a sign at most.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(rest)
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_type_holds_what_it_says_and_nothing_else() {
        let values = [
            json!(true),
            json!(7),
            json!(-7.5),
            json!("12.90"),
            json!("van"),
            json!("2026-01-01T00:00:00Z"),
            json!({"a": 1}),
            json!(null),
        ];
        let held = |kind: FieldType| -> Vec<usize> {
            (0..values.len()).filter(|number| kind.holds(&values[*number])).collect()
        };
        assert_eq!(held(FieldType::Bool), [0]);
        assert_eq!(held(FieldType::Int), [1]);
        assert_eq!(held(FieldType::Float), [1, 2]);
        assert_eq!(held(FieldType::Decimal), [1, 2, 3]);
        assert_eq!(held(FieldType::Text), [3, 4, 5]);
        assert_eq!(held(FieldType::Time), [5]);
        assert_eq!(held(FieldType::Json), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_word_that_is_not_known_is_refused() {
        let spec = json!({"type": "van", "palce": {}});
        let error = serde_json::from_value::<DeviceSpec>(spec).expect_err("it is refused");
        assert!(error.to_string().contains("palce"), "{error}");
    }
}
