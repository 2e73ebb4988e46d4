//! What the manifest `Query` says.

use crate::sql::postgres::types::Type;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The `spec` of a `Query`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuerySpec {
    /// What it answers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// One SELECT. `$NAME` is the value of a parameter.
    pub sql: String,
    /// The parameters, in the order in which they are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<ParameterSpec>,
}

/// A parameter of a query: a value that is bound where `$NAME` stands, and never put into the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    /// The name: a lower-case letter, then lower-case letters, digits and `_`.
    pub name: String,
    /// What it holds.
    #[serde(default, rename = "type")]
    pub parameter_type: ParameterType,
    /// The value where none is given; null is one. A parameter without it must be given.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What people read: a text, or one for each language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Label>,
}

/// What a parameter holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Text.
    #[default]
    Text,
    /// A whole number of 64 bits.
    Int,
    /// A binary floating-point number.
    Float,
    /// A decimal number.
    Decimal,
    /// True or false.
    Bool,
    /// An instant, RFC 3339.
    Time,
    /// A day.
    Date,
}

impl ParameterType {
    /// Returns the type as values are bound.
    pub(crate) fn bound(self) -> &'static Type {
        Type::known(match self {
            Self::Text => "text",
            Self::Int => "int8",
            Self::Float => "float8",
            Self::Decimal => "numeric",
            Self::Bool => "bool",
            Self::Time => "timestamptz",
            Self::Date => "date",
        })
    }

    /// Returns the word, as manifests write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Decimal => "decimal",
            Self::Bool => "bool",
            Self::Time => "time",
            Self::Date => "date",
        }
    }
}

/// What people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a label is a text, or an object with a text for each language")]
pub enum Label {
    /// The same in all languages.
    Text(String),
    /// By language: `en`, `zh`.
    Languages(BTreeMap<String, String>),
}

/// Reads a value that is there: null is one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
