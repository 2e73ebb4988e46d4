//! The manifest of a topic.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Application topics: which names, what may be said there, and into which stream it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicSpec {
    /// What they are for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Which names of topics are meant: a filter as MQTT writes it, with `+` and `#`. No name may belong to two topics.
    pub filter: String,
    /// The highest quality of service, 0 to 2; above, messages are refused.
    #[serde(default = "qos_max")]
    pub qos_max: u8,
    /// Whether messages may be retained.
    #[serde(default = "is_retained")]
    pub retain: bool,
    /// Bytes of a payload.
    #[serde(default = "message_bytes_max")]
    pub message_bytes_max: usize,
    /// The stream of which each payload is a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Columns that are filled from a level of the topic's name, counted from 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, usize>,
    /// Columns for the name of the topic and for who published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<TopicColumns>,
    /// Roles under which the topic appends to its stream. They must permit `stream.append` on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// Columns of a topic's stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicColumns {
    /// The column for the name of the topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The column for who published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publisher: Option<String>,
}

fn qos_max() -> u8 {
    2
}

fn is_retained() -> bool {
    true
}

fn message_bytes_max() -> usize {
    64 << 10
}
