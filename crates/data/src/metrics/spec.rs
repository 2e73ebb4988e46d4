//! What the manifests `Metric` and `Kpi` say.

use super::window::Grain;
use base::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `spec` of a `Metric`: over a relation (`from`, `grain`), or made of other metrics (`metrics`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricSpec {
    /// What it measures.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The relation whose rows are measured: `NAME` or `SCHEMA.NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A SQL expression: which rows count. All where absent.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// A SQL expression over many rows that gives a number, such as `avg(price)`; over the names of `metrics` where it is made
    /// of them.
    pub formula: String,
    /// The column that says in which window a row falls: `_time` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How long its windows are. Where it is made of metrics: as theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grain: Option<Grain>,
    /// By what it can be told apart. Where it is made of metrics and says nothing: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Vec<DimensionSpec>>,
    /// The metrics that it is made of. They have the same grain and dimensions of the same names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<String>,
    /// What a value is counted in: `days`, `BRL`, `share`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A dimension: a column, or a name for a SQL expression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a dimension is a column, or an object with `name` and `sql`")]
pub enum DimensionSpec {
    /// A column of the relation.
    Column(String),
    /// An expression.
    Named(NamedDimension),
}

/// A dimension with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedDimension {
    /// The name.
    pub name: String,
    /// A SQL expression over one row.
    pub sql: String,
}

impl DimensionSpec {
    /// Returns the name.
    pub fn name(&self) -> &str {
        match self {
            Self::Column(name) => name,
            Self::Named(named) => &named.name,
        }
    }
}

/// Which side of the target is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The target or more.
    AtLeast,
    /// The target or less.
    AtMost,
}

impl Direction {
    /// Returns the word, as manifests write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => "at_least",
            Self::AtMost => "at_most",
        }
    }
}

/// What happens when a target is missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnBreach {
    /// The process that is started, once for each window and dimensions.
    pub process: String,
}

/// The `spec` of a `Kpi`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiSpec {
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The metric.
    pub metric: String,
    /// What its value should be.
    pub target: f64,
    /// Whether more or less is good.
    pub direction: Direction,
    /// How long a window is: as the metric's grain where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Grain>,
    /// For which dimensions of the metric each value is held to the target: all where absent, none where the list is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Vec<String>>,
    /// A value that fewer rows stand behind is no breach.
    #[serde(default = "one")]
    pub minimum_samples: u64,
    /// Who acts when it is missed: `user:NAME` or `role:NAME`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub owner: Option<String>,
    /// How long after its end a window is evaluated, ISO 8601: at once where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub grace: Option<Period>,
    /// How long the owner has to act, from the evaluation, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub deadline: Option<Period>,
    /// What happens when it is missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_breach: Option<OnBreach>,
    /// The roles under which it acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

fn one() -> u64 {
    1
}

impl KpiSpec {
    /// Returns how long after its end a window is evaluated.
    pub(crate) fn grace(&self) -> Period {
        self.grace.unwrap_or_default()
    }

    /// Returns whether a value misses the target.
    pub(crate) fn misses(&self, value: f64) -> bool {
        match self.direction {
            Direction::AtLeast => value < self.target,
            Direction::AtMost => self.target < value,
        }
    }
}
