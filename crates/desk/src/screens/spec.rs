//! What the manifest `Screen` says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The `spec` of a `Screen`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenSpec {
    /// What stands above it.
    pub title: Text,
    /// What people call the application it belongs to. The first of its screens that says so counts; the name of the application
    /// where none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<Text>,
    /// The heading it stands under, in the menu of its application. Without it, it is in no menu and reached by links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<Text>,
    /// Where it stands under its heading: low numbers first, 0 where absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub order: i32,
    /// Where it is offered; everywhere where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Vec<On>>,
    /// Whom it is for; everybody who is known where absent. It gives no right: what its parts may show and do is decided by policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// What it is shown for, an order for example. A part uses one as `$NAME`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// What it is made of, from top to bottom.
    pub parts: Vec<Part>,
}

/// What people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text, or an object with a text for each language")]
pub enum Text {
    /// The same in all languages.
    Plain(String),
    /// By language: `en`, `zh`.
    Languages(BTreeMap<String, String>),
}

/// Where a screen is offered.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// In the console, at a desk.
    Desk,
    /// On a phone.
    Phone,
}

/// A parameter of a screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The name: a lower-case letter, then lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// What it holds.
    #[serde(default, rename = "type")]
    pub parameter_type: ParameterType,
    /// What stands beside the field in which it is asked for; its name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
    /// Its value where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// What a parameter holds, in the words of queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Text.
    #[default]
    Text,
    /// A whole number.
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

/// A part of a screen: one of `text`, `kpi`, `list`, `detail`, `chart` and `form`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What stands above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text>,
    /// How much of the width it takes where there is much; all of it where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Width>,
    /// Words, paragraphs apart by an empty line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// A KPI: its value, its target, its trend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kpi: Option<KpiPart>,
    /// The rows of a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListPart>,
    /// The first row of a query, field by field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<DetailPart>,
    /// The rows of a query as a picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<ChartPart>,
    /// A form that makes a call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<FormPart>,
}

/// How much of the width a part takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Width {
    /// All of it.
    Full,
    /// Half of it.
    Half,
    /// A third of it.
    Third,
}

/// A KPI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiPart {
    /// The name of the KPI.
    pub name: String,
}

/// Values by name. A text `$NAME` stands for the value of a parameter, in links and actions also of a column; `$$` begins a text with
/// a dollar sign.
pub type Values = Map<String, Value>;

/// The rows of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListPart {
    /// The name of the query.
    pub query: String,
    /// Values for its parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Values,
    /// What is shown of a row, in order; every column where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<ColumnSpec>>,
    /// Columns in which a text is looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// What can be done with a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
}

/// The first row of a query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetailPart {
    /// The name of the query.
    pub query: String,
    /// Values for its parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Values,
    /// What is shown of the row, in order; every column where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<ColumnSpec>>,
    /// What can be done with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
}

/// A column of a list, or a field of a detail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// The name of the column in the query.
    pub name: String,
    /// What stands above or beside it; its name where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Text>,
    /// How its values are written; by their type where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Where a press on it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// As it is.
    Text,
    /// With the separators of the language.
    Number,
    /// With two decimals.
    Money,
    /// A share of 1, as hundredths.
    Percent,
    /// Day and time of day.
    Time,
    /// The day.
    Date,
    /// A word with a colour.
    Status,
    /// In letters of equal width.
    Code,
    /// The name of a file that is a picture, see `file.create`.
    Image,
}

/// A way to another screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The name of the screen.
    pub screen: String,
    /// Values for its parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Values,
}

/// A call that is made for a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What stands on the button.
    pub label: Text,
    /// The operation, `process.publish` for example.
    pub operation: String,
    /// On what, `KIND/NAME`; the name may be `$NAME`. Absent for operations on a kind as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Its parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Values,
    /// The form that asks for more before it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// Whether it is asked once more before it is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirm: bool,
}

/// The rows of a query as a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChartPart {
    /// The name of the query.
    pub query: String,
    /// Values for its parameters.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Values,
    /// What is drawn.
    pub kind: ChartKind,
    /// The column along which it is drawn; of a pie and a funnel, the column with the names of the pieces.
    pub x: String,
    /// The columns whose values are drawn.
    pub y: Vec<String>,
    /// The column by whose values rows are told apart: one line, or one colour, for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
}

/// What a chart draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChartKind {
    /// A line through the values.
    Line,
    /// A line, and what lies under it.
    Area,
    /// A bar for each value.
    Bar,
    /// A piece for each row.
    Pie,
    /// A step for each row, from the widest down.
    Funnel,
}

/// A form that makes a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FormPart {
    /// The operation. What the form gives becomes `variables` of `process.start` and `task.complete`, `row` of `stream.append`, and the
    /// parameters of any other.
    pub operation: String,
    /// On what, `KIND/NAME`; the name may be `$NAME`. Absent for operations on a kind as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The name of the form.
    pub form: String,
    /// What it begins with. What has no field in the form goes along as it is.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub values: Values,
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}
