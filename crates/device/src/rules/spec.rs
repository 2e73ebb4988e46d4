//! The manifest of a rule, as people write it.

use base::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A condition over the rows of a stream, with a memory for each device, and what is done when it is crossed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// What it watches for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The rows that it looks at.
    pub on: OnSpec,
    /// FEEL over the row: which rows count. All where absent.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The condition.
    pub when: WhenSpec,
    /// What is done at a crossing, in this order.
    #[serde(default, rename = "do", skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionSpec>,
    /// The roles under which the rule acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// The rows that a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnSpec {
    /// The stream.
    pub stream: String,
    /// The text column that says of which device a row is: `device` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// A condition: exactly one of these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenSpec {
    /// FEEL over the row becomes true, after it was not.
    Becomes(String),
    /// FEEL over the row stays true for so long.
    Stays(StaysSpec),
    /// A value leaves a range.
    Leaves(LeavesSpec),
    /// Nothing arrives for so long.
    Silent(SilentSpec),
    /// A value rises by so much within a time.
    Rises(RisesSpec),
    /// A value falls by so much within a time.
    Falls(RisesSpec),
    /// What the rows of a window of time come to is above or below a bound.
    Window(WindowSpec),
}

/// FEEL over the row stays true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StaysSpec {
    /// FEEL over the row.
    pub is: String,
    /// For how long.
    #[serde(rename = "for")]
    #[schemars(with = "String")]
    pub hold: Period,
    /// The longest step between two rows of a run; a longer one ends it. Any step where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub gap: Option<Period>,
}

/// A value leaves a range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeavesSpec {
    /// The column.
    pub value: String,
    /// The lower end, which belongs to the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The upper end, which belongs to the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// How far inside the value must be again before it can leave anew.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hysteresis: f64,
}

/// Nothing arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilentSpec {
    /// For how long, business time.
    #[serde(rename = "for")]
    #[schemars(with = "String")]
    pub hold: Period,
}

/// A value rises or falls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RisesSpec {
    /// The column.
    pub value: String,
    /// By how much, or more.
    pub by: f64,
    /// Within which time.
    #[schemars(with = "String")]
    pub within: Period,
}

/// Rows of a window of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// How long each window is; they follow each other without a gap, and one begins at 1970-01-01T00:00:00Z.
    #[schemars(with = "String")]
    pub every: Period,
    /// What is made of the rows.
    pub of: Aggregate,
    /// The column; not needed to count rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// It is crossed by what is greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It is crossed by what is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
}

/// What is made of the rows of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// How many rows, or how many with a value.
    Count,
    /// The sum of the values.
    Sum,
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

/// Something that is done at a crossing. Texts that begin with `=` are FEEL over `row`, `device`, `at`, `value`,
/// `detail`, `crossing` and `rule`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionSpec {
    /// Starts a process.
    Start(StartSpec),
    /// Gives a message to a process.
    Publish(PublishSpec),
    /// Gives a command to a device.
    Command(CommandActionSpec),
    /// Opens a task for people.
    Task(TaskSpec),
    /// Appends a row to a stream.
    Append(AppendSpec),
}

/// Starts a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartSpec {
    /// The process.
    pub process: String,
    /// What the business calls the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub business_key: Option<String>,
    /// Its first variables.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
}

/// Gives a message to a process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishSpec {
    /// The process.
    pub process: String,
    /// The message's name.
    pub message: String,
    /// The correlation key.
    pub key: String,
    /// What it carries.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
    /// How long it waits for its process, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
}

/// Gives a command to a device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandActionSpec {
    /// Which of the commands of the device's type.
    pub command: String,
    /// What goes with it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Value>,
    /// How long it waits for a device that sleeps, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// The device; the one that has crossed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// Opens a task for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// What is to be done, in a line.
    pub title: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Roles whose members may take it: a list, or FEEL that gives one.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub candidates: Value,
    /// When it should be done: a time, or how long it may take, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// How much it matters beside others, 0 to 100.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub priority: Value,
    /// What whoever does it should see.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Value>,
}

/// Appends a row to a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendSpec {
    /// The stream; not the one that the rule looks at.
    pub stream: String,
    /// The row.
    pub row: Map<String, Value>,
}

impl RuleSpec {
    /// Returns whether what it remembers of devices says something also under another manifest.
    pub(crate) fn judges_as(&self, other: &Self) -> bool {
        self.on == other.on && self.filter == other.filter && self.when == other.when
    }

    /// Returns the column that says of which device a row is.
    pub(crate) fn device_column(&self) -> &str {
        self.on.device.as_deref().unwrap_or("device")
    }
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}
