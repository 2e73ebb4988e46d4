//! What the manifest `Quality` says.

use base::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How often rules over a table run where nobody says.
const EVERY: Period = Period::seconds(3_600);

/// The `spec` of a `Quality`: rules for a stream or its table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QualitySpec {
    /// What the rules are for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// `stream/NAME`, or `table/NAME_latest`.
    pub on: String,
    /// The rules.
    pub rules: Vec<RuleSpec>,
    /// How often the rules over the whole table run, ISO 8601: `PT1H` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub every: Option<Period>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSpec {
    /// The name, once in its `Quality`.
    pub name: String,
    /// What is checked.
    pub check: Check,
    /// The column that is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The columns that are unique together, in place of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The least value, of `range`: a number, or text for an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Value>,
    /// The greatest value, of `range`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Value>,
    /// Where the value must stand, of `reference`: `RELATION.COLUMN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// How old the newest row may be, of `freshness`, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub within: Option<Period>,
    /// Of `sql`: an expression over one row that is true of good ones, or a query that returns the bad ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// What becomes of bad rows.
    #[serde(default)]
    pub action: Action,
}

/// What a rule checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The column has a value.
    NotNull,
    /// The column's value lies between `min` and `max`.
    Range,
    /// No two rows have the same value, or the same values in `columns`.
    Unique,
    /// The column's value stands in another relation.
    Reference,
    /// The newest row is not older than `within`.
    Freshness,
    /// SQL of one's own.
    Sql,
}

impl Check {
    /// Returns the word, as manifests write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotNull => "not_null",
            Self::Range => "range",
            Self::Unique => "unique",
            Self::Reference => "reference",
            Self::Freshness => "freshness",
            Self::Sql => "sql",
        }
    }
}

/// What becomes of rows that a rule finds bad.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// They are counted.
    #[default]
    Warn,
    /// They are kept apart with their reasons, in `NAME_set_aside`.
    SetAside,
    /// The append is refused, unless it asks for bad rows to be set aside.
    Block,
}

impl Action {
    /// Returns the word, as manifests write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::SetAside => "set_aside",
            Self::Block => "block",
        }
    }
}

/// On what rules are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A stream: rules over one row are evaluated as it comes.
    Stream(String),
    /// A table of newest rows.
    Table(String),
}

impl Target {
    /// Returns the relation as SQL names it.
    pub(crate) fn relation(&self) -> &str {
        match self {
            Self::Stream(name) | Self::Table(name) => name,
        }
    }
}

impl QualitySpec {
    /// Returns on what the rules are; nothing where the text says neither.
    pub(crate) fn target(&self) -> Option<Target> {
        match self.on.split_once('/')? {
            ("stream", name) => Some(Target::Stream(name.to_owned())),
            ("table", name) => Some(Target::Table(name.to_owned())),
            _ => None,
        }
    }

    /// Returns how often rules over the table run.
    pub(crate) fn every(&self) -> Period {
        self.every.unwrap_or(EVERY)
    }

    /// Returns the rules over one row, evaluated when it comes.
    pub(crate) fn row_rules(&self) -> impl Iterator<Item = (usize, &RuleSpec)> {
        let is_stream = matches!(self.target(), Some(Target::Stream(_)));
        self.rules.iter().enumerate().filter(move |(_, rule)| is_stream && rule.is_over_row())
    }

    /// Returns the rules over the whole table, evaluated by queries.
    pub(crate) fn table_rules(&self) -> impl Iterator<Item = (usize, &RuleSpec)> {
        let is_stream = matches!(self.target(), Some(Target::Stream(_)));
        self.rules.iter().enumerate().filter(move |(_, rule)| !(is_stream && rule.is_over_row()))
    }
}

impl RuleSpec {
    /// Returns whether one row tells whether it is good.
    pub(crate) fn is_over_row(&self) -> bool {
        match self.check {
            Check::NotNull | Check::Range => true,
            Check::Unique | Check::Reference | Check::Freshness => false,
            Check::Sql => !self.is_query(),
        }
    }

    /// Returns whether its SQL is a query that returns bad rows, and no expression.
    pub(crate) fn is_query(&self) -> bool {
        let first = self.sql.as_deref().and_then(|sql| sql.split_whitespace().next());
        first.is_some_and(|word| {
            word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("with")
        })
    }

    /// Returns the columns that it names.
    pub(crate) fn columns(&self) -> Vec<&str> {
        self.column.iter().chain(&self.columns).map(String::as_str).collect()
    }
}
