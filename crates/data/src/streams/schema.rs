//! What a stream's manifest says, and the columns that follow from it.

use crate::{Config, Error};
use base::nearest;
use datafusion::arrow::datatypes::{
    DataType, Field, Fields, Schema as ArrowSchema, SchemaRef, TimeUnit,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The column with the rest of a row whose fields no column names.
pub(crate) const EXTRA: &str = "_extra";
/// The column with a row's place in its stream.
pub(crate) const OFFSET: &str = "_offset";
/// The column with the event time of a row.
pub(crate) const TIME: &str = "_time";

/// How deeply lists may nest in a schema.
const LIST_DEPTH_MAX: usize = 4;

/// The `spec` of a `Stream`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    /// What the stream holds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The columns of a row.
    pub schema: Vec<ColumnSpec>,
    /// The columns whose newest row counts: gives the table `NAME_latest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// The column with the event time; the time of the append where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What becomes of fields that no column names.
    #[serde(default)]
    pub unknown_fields: UnknownFields,
    /// For how long rows stay, by their event time, as an ISO 8601 duration: `P30D`. For ever where absent. `NAME_latest` keeps its
    /// rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<String>,
}

/// A column of a stream, or a field of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// The name: a lower-case letter, then lower-case letters, digits and `_`.
    pub name: String,
    /// What it holds: `bool`, `int`, `float`, `decimal(p,s)`, `text`, `time`, `json` or `list`.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// True where every row has a value.
    #[serde(default)]
    pub required: bool,
    /// True where it says which person a row is about: `data.erase` looks for the person there.
    #[serde(default, skip_serializing_if = "is_false")]
    pub subject: bool,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// In what it is measured, for people: `°C`, `km/h`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The fields of each object of a `list`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<ColumnSpec>,
}

impl ColumnSpec {
    /// Returns a column of which nothing is said but its name and its type.
    fn plain(name: &str, column_type: ColumnType) -> Self {
        Self {
            name: name.into(),
            column_type,
            required: false,
            subject: false,
            summary: String::new(),
            unit: String::new(),
            fields: Vec::new(),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What becomes of fields that no column names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// The row is refused.
    #[default]
    Refuse,
    /// They are kept as JSON in the column `_extra`.
    Keep,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A binary floating-point number.
    Float,
    /// A decimal with so many digits, and so many of them behind the point.
    Decimal(u8, u8),
    /// Text.
    Text,
    /// An instant, in milliseconds.
    Time,
    /// Any JSON, as text in SQL.
    Json,
    /// A list of objects with the same fields.
    List,
}

impl std::fmt::Display for ColumnType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Float => f.write_str("float"),
            Self::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            Self::Text => f.write_str("text"),
            Self::Time => f.write_str("time"),
            Self::Json => f.write_str("json"),
            Self::List => f.write_str("list"),
        }
    }
}

impl From<ColumnType> for String {
    fn from(column_type: ColumnType) -> Self {
        column_type.to_string()
    }
}

impl TryFrom<String> for ColumnType {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "bool" => return Ok(Self::Bool),
            "int" => return Ok(Self::Int),
            "float" => return Ok(Self::Float),
            "text" => return Ok(Self::Text),
            "time" => return Ok(Self::Time),
            "json" => return Ok(Self::Json),
            "list" => return Ok(Self::List),
            _ => {}
        }
        let inner = text.strip_prefix("decimal(").and_then(|rest| rest.strip_suffix(')'));
        let parts = inner.and_then(|inner| inner.split_once(','));
        let numbers = parts
            .and_then(|(p, s)| Some((p.trim().parse::<u8>().ok()?, s.trim().parse::<u8>().ok()?)));
        match numbers {
            Some((precision, scale)) if (1..=38).contains(&precision) && scale <= precision => {
                Ok(Self::Decimal(precision, scale))
            }
            Some(_) => Err(format!(
                "`{text}`: a decimal has 1 to 38 digits, and no more of them behind the point"
            )),
            None => {
                let shown: String = text.chars().take(40).collect();
                let known = "bool, int, float, decimal(p,s), text, time, json, list";
                Err(format!("unknown type `{shown}`, expected one of {known}"))
            }
        }
    }
}

/// A column as rows are checked and decoded.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) column_type: ColumnType,
    pub(crate) is_required: bool,
    pub(crate) fields: Columns,
    /// `"name":`, as it stands in a stored row.
    pub(crate) prefix: Vec<u8>,
}

impl Column {
    fn new(spec: &ColumnSpec) -> Self {
        Self {
            name: spec.name.clone(),
            column_type: spec.column_type,
            is_required: spec.required,
            fields: Columns::new(&spec.fields),
            prefix: format!("\"{}\":", spec.name).into_bytes(),
        }
    }

    /// Returns a column that the engine adds by itself.
    fn added(name: &str, column_type: ColumnType) -> Self {
        Self::new(&ColumnSpec::plain(name, column_type))
    }

    pub(crate) fn data_type(&self) -> DataType {
        match self.column_type {
            ColumnType::Bool => DataType::Boolean,
            ColumnType::Int => DataType::Int64,
            ColumnType::Float => DataType::Float64,
            ColumnType::Decimal(precision, scale) => {
                DataType::Decimal128(precision, scale.cast_signed())
            }
            ColumnType::Text | ColumnType::Json => DataType::Utf8,
            ColumnType::Time => time_type(),
            ColumnType::List => DataType::List(Arc::new(self.fields.item())),
        }
    }

    fn field(&self) -> Field {
        // Always nullable: rows written before a column came have nothing in it.
        Field::new(&self.name, self.data_type(), true)
    }
}

/// The type of instants in SQL.
pub(crate) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// Columns, and the way from a name to its column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    pub(crate) list: Vec<Column>,
    index: HashMap<String, usize>,
}

impl Columns {
    fn new(specs: &[ColumnSpec]) -> Self {
        Self::of(specs.iter().map(Column::new).collect())
    }

    fn of(list: Vec<Column>) -> Self {
        let index =
            list.iter().enumerate().map(|(number, column)| (column.name.clone(), number)).collect();
        Self { list, index }
    }

    /// Returns the number of the column `name`, looking at `guess` first: fields mostly come in order.
    pub(crate) fn find(&self, name: &str, guess: usize) -> Option<usize> {
        match self.list.get(guess) {
            Some(column) if column.name == name => Some(guess),
            _ => self.index.get(name).copied(),
        }
    }

    pub(crate) fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.list.iter().map(|column| column.name.as_str()))
    }

    /// The field of one object of a list.
    pub(crate) fn item(&self) -> Field {
        Field::new("item", DataType::Struct(self.struct_fields()), true)
    }

    pub(crate) fn struct_fields(&self) -> Fields {
        self.list.iter().map(Column::field).collect()
    }
}

/// A stream as rows are checked, decoded and queried.
#[derive(Debug)]
pub(crate) struct Schema {
    /// The declared columns.
    pub(crate) columns: Columns,
    /// Declared columns that make the key, by number.
    pub(crate) key: Vec<usize>,
    /// The column with the event time, by number.
    pub(crate) time: Option<usize>,
    pub(crate) unknown_fields: UnknownFields,
    /// What is stored: the declared columns, `_extra` where it is kept, `_time`.
    pub(crate) stored: Columns,
    /// What SQL sees: what is stored, then `_offset`.
    pub(crate) arrow: SchemaRef,
}

impl Schema {
    /// Returns the schema of a manifest that was checked.
    pub(crate) fn new(spec: &StreamSpec) -> Self {
        let mut columns = Columns::new(&spec.schema);
        for column in &mut columns.list {
            // A key without a value is none, whether the manifest says `required` or not.
            column.is_required |= spec.key.contains(&column.name);
        }
        let columns = columns;
        let number = |name: &String| columns.find(name, 0);
        let key = spec.key.iter().filter_map(number).collect();
        let time = spec.time.as_ref().and_then(number);
        let mut stored = columns.list.clone();
        if spec.unknown_fields == UnknownFields::Keep {
            stored.push(Column::added(EXTRA, ColumnType::Json));
        }
        stored.push(Column::added(TIME, ColumnType::Time));
        let mut fields: Vec<Field> = stored.iter().map(Column::field).collect();
        fields.push(Field::new(OFFSET, DataType::Int64, false));
        Self {
            columns,
            key,
            time,
            unknown_fields: spec.unknown_fields,
            stored: Columns::of(stored),
            arrow: Arc::new(ArrowSchema::new(fields)),
        }
    }

    /// Returns the schema of a log of rows that were set aside.
    pub(crate) fn of_set_aside() -> Self {
        let column = ColumnSpec::plain;
        Self::new(&StreamSpec {
            summary: String::new(),
            schema: vec![
                column("row_number", ColumnType::Int),
                column("reason", ColumnType::Text),
                column("place", ColumnType::Text),
                column("row", ColumnType::Text),
                column("by", ColumnType::Text),
            ],
            key: Vec::new(),
            time: None,
            unknown_fields: UnknownFields::Refuse,
            retention: None,
        })
    }

    /// Returns the number of `_offset` among the columns that SQL sees.
    pub(crate) fn offset_column(&self) -> usize {
        self.stored.list.len()
    }
}

/// Checks what a manifest says by itself.
///
/// # Errors
/// [`Error::Schema`] with a JSON pointer.
pub(crate) fn check(spec: &StreamSpec, config: &Config) -> Result<(), Error> {
    check_columns(&spec.schema, "/spec/schema", 0, config)?;
    let names: Vec<&str> = spec.schema.iter().map(|column| column.name.as_str()).collect();
    let mut seen = BTreeSet::new();
    for (number, name) in spec.key.iter().enumerate() {
        let column = reference(spec, &names, name, &format!("/spec/key/{number}"))?;
        let is_fit =
            !matches!(column.column_type, ColumnType::List | ColumnType::Json | ColumnType::Float);
        if !is_fit {
            let reason = format!(
                "key column `{name}` is of type {}, which cannot be a key",
                column.column_type
            );
            return Err(schema_error(reason, format!("/spec/key/{number}"), None));
        }
        if !seen.insert(name) {
            return Err(schema_error(
                format!("key column `{name}` stands twice"),
                format!("/spec/key/{number}"),
                None,
            ));
        }
    }
    if let Some(name) = &spec.time {
        let column = reference(spec, &names, name, "/spec/time")?;
        if column.column_type != ColumnType::Time {
            let reason =
                format!("`time` names column `{name}`, which is of type {}", column.column_type);
            return Err(schema_error(
                reason,
                "/spec/time".into(),
                Some("make it of type time".into()),
            ));
        }
    }
    check_subjects(&spec.schema)?;
    check_retention(spec, config)
}

/// Checks that a subject can be looked for where the manifest says so.
fn check_subjects(columns: &[ColumnSpec]) -> Result<(), Error> {
    for (number, column) in columns.iter().enumerate() {
        let pointer = format!("/spec/schema/{number}");
        if column.subject && !can_be_subject(column.column_type) {
            let reason = format!(
                "column `{}` is of type {}, which cannot be a subject",
                column.name, column.column_type
            );
            let hint = "a subject is a text or an int that identifies a person";
            return Err(schema_error(reason, pointer, Some(hint.into())));
        }
        if let Some(inner) = subject_within(&column.fields) {
            let reason = format!("field `{inner}` of list `{}` cannot be a subject", column.name);
            let hint = "put what identifies the person into a column of its own";
            return Err(schema_error(reason, format!("{pointer}/fields"), Some(hint.into())));
        }
    }
    Ok(())
}

/// Returns whether a column of this type can say which person a row is about.
pub(crate) fn can_be_subject(column_type: ColumnType) -> bool {
    matches!(column_type, ColumnType::Text | ColumnType::Int)
}

fn subject_within(fields: &[ColumnSpec]) -> Option<&str> {
    let found = fields.iter().find(|field| field.subject).map(|field| field.name.as_str());
    found.or_else(|| fields.iter().find_map(|field| subject_within(&field.fields)))
}

fn check_retention(spec: &StreamSpec, config: &Config) -> Result<(), Error> {
    let Some(text) = &spec.retention else { return Ok(()) };
    let pointer = || "/spec/retention".to_owned();
    let period = base::Period::parse(text)
        .map_err(|problem| schema_error(problem.message, pointer(), problem.hint))?;
    if period.0 < config.retention_ms_min {
        let least = base::Period(config.retention_ms_min);
        let reason = format!("rows stay {least} at least, and `retention` says {text}");
        return Err(schema_error(reason, pointer(), Some(format!("write {least} or more"))));
    }
    Ok(())
}

/// Returns for how long rows stay, in milliseconds; none where they stay for ever.
pub(crate) fn retention_ms(spec: &StreamSpec) -> Option<i64> {
    // It was read when the manifest was applied.
    spec.retention.as_deref().and_then(|text| base::Period::parse(text).ok()).map(|period| period.0)
}

fn reference<'a>(
    spec: &'a StreamSpec,
    names: &[&str],
    name: &str,
    pointer: &str,
) -> Result<&'a ColumnSpec, Error> {
    spec.schema.iter().find(|column| column.name == name).ok_or_else(|| {
        let hint = nearest(name, names.iter().copied())
            .map(|nearest| format!("did you mean `{nearest}`?"));
        schema_error(format!("there is no column `{name}`"), pointer.into(), hint)
    })
}

fn check_columns(
    columns: &[ColumnSpec],
    pointer: &str,
    depth: usize,
    config: &Config,
) -> Result<(), Error> {
    if columns.is_empty() || config.columns_max < columns.len() {
        let reason =
            format!("there are {} columns, 1 to {} are allowed", columns.len(), config.columns_max);
        return Err(schema_error(reason, pointer.into(), None));
    }
    let mut seen = BTreeSet::new();
    for (number, column) in columns.iter().enumerate() {
        let pointer = format!("{pointer}/{number}");
        if !is_name(&column.name) {
            let hint = "a column has a lower-case letter, then lower-case letters, digits and `_`, 63 at most";
            let shown: String = column.name.chars().take(80).collect();
            return Err(schema_error(
                format!("`{shown}` is no name of a column"),
                pointer,
                Some(hint.into()),
            ));
        }
        if !seen.insert(&column.name) {
            return Err(schema_error(
                format!("column `{}` stands twice", column.name),
                pointer,
                None,
            ));
        }
        match (column.column_type, column.fields.is_empty()) {
            (ColumnType::List, _) if LIST_DEPTH_MAX <= depth => {
                let reason = format!("lists nest more than {LIST_DEPTH_MAX} deep");
                return Err(schema_error(reason, pointer, None));
            }
            (ColumnType::List, _) => {
                check_columns(&column.fields, &format!("{pointer}/fields"), depth + 1, config)?;
            }
            (_, false) => {
                let reason = format!("column `{}` has fields and is no list", column.name);
                return Err(schema_error(reason, pointer, Some("make it of type list".into())));
            }
            (_, true) => {}
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    name.len() <= 63
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && name.bytes().all(is_inner)
}

fn schema_error(reason: String, pointer: String, hint: Option<String>) -> Error {
    Error::Schema { reason, pointer, hint }
}

/// Checks that the rows of `old` can be read under `new`.
///
/// # Errors
/// [`Error::SchemaChange`].
pub(crate) fn check_change(stream: &str, old: &StreamSpec, new: &StreamSpec) -> Result<(), Error> {
    let refuse = |reason: String, pointer: &str| {
        Err(Error::SchemaChange { stream: stream.into(), reason, pointer: pointer.into() })
    };
    if old.time != new.time {
        return refuse("its `time` column is fixed".into(), "/spec/time");
    }
    if let Err((reason, pointer)) = fits(&old.schema, &new.schema, "/spec/schema") {
        return refuse(reason, &pointer);
    }
    Ok(())
}

fn fits(old: &[ColumnSpec], new: &[ColumnSpec], pointer: &str) -> Result<(), (String, String)> {
    for column in old {
        let Some((number, now)) = new.iter().enumerate().find(|(_, now)| now.name == column.name)
        else {
            return Err((format!("column `{}` is gone", column.name), pointer.into()));
        };
        let pointer = format!("{pointer}/{number}");
        if now.column_type != column.column_type {
            let reason = format!(
                "column `{}` was {} and is now {}",
                column.name, column.column_type, now.column_type
            );
            return Err((reason, pointer));
        }
        if now.required && !column.required {
            return Err((format!("column `{}` is now required", column.name), pointer));
        }
        fits(&column.fields, &now.fields, &format!("{pointer}/fields"))?;
    }
    let is_known = |name: &str| old.iter().any(|column| column.name == name);
    for (number, column) in new.iter().enumerate() {
        if column.required && !is_known(&column.name) {
            let reason = format!(
                "the new column `{}` is required, but older rows have no value in it",
                column.name
            );
            return Err((reason, format!("{pointer}/{number}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Problem;
    use serde_json::{Value, json};

    fn spec(value: Value) -> StreamSpec {
        serde_json::from_value(value).expect("a spec")
    }

    fn orders() -> Value {
        json!({"schema": [
            {"name": "order_id", "type": "text", "required": true},
            {"name": "price", "type": "decimal(12,2)"},
            {"name": "at", "type": "time"},
            {"name": "items", "type": "list", "fields": [{"name": "sku", "type": "text"}]},
        ], "key": ["order_id"], "time": "at", "retention": "P30D"})
    }

    #[test]
    fn what_a_manifest_says_wrong_is_refused_with_its_place() {
        let config = Config::default();
        assert!(check(&spec(orders()), &config).is_ok());
        let mut cases = Vec::new();
        for (pointer, value, expected) in [
            ("/schema/1/name", json!("order_id"), "column `order_id` stands twice /spec/schema/1"),
            ("/schema/1/name", json!("Price"), "`Price` is no name of a column /spec/schema/1"),
            ("/key/0", json!("order_ids"), "there is no column `order_ids` /spec/key/0"),
            (
                "/key/0",
                json!("items"),
                "key column `items` is of type list, which cannot be a key /spec/key/0",
            ),
            (
                "/time",
                json!("price"),
                "`time` names column `price`, which is of type decimal(12,2) /spec/time",
            ),
            (
                "/schema/3/fields",
                json!([]),
                "there are 0 columns, 1 to 500 are allowed /spec/schema/3/fields",
            ),
            ("/schema", json!([]), "there are 0 columns, 1 to 500 are allowed /spec/schema"),
            (
                "/schema/1",
                json!({"name": "price", "type": "float", "subject": true}),
                "column `price` is of type float, which cannot be a subject /spec/schema/1",
            ),
            (
                "/schema/3/fields/0",
                json!({"name": "sku", "type": "text", "subject": true}),
                "field `sku` of list `items` cannot be a subject /spec/schema/3/fields",
            ),
            ("/retention", json!("soon"), "`soon` is not a duration /spec/retention"),
            (
                "/retention",
                json!("PT1H"),
                "rows stay P1D at least, and `retention` says PT1H /spec/retention",
            ),
        ] {
            let mut manifest = orders();
            *manifest.pointer_mut(pointer).expect("a place") = value;
            cases.push((check(&spec(manifest), &config), expected));
        }
        for (result, expected) in cases {
            let problem: Problem = result.expect_err(expected).into();
            let place = problem.place.clone().expect("a place");
            assert_eq!(format!("{} {place}", problem.message), expected);
        }
    }

    #[test]
    fn types_are_read_strictly() {
        for (text, is_type) in [
            ("decimal(12,2)", true),
            ("decimal(38, 38)", true),
            ("decimal(39,2)", false),
            ("decimal(2,3)", false),
            ("decimal", false),
            ("string", false),
            ("INT", false),
            ("list", true),
        ] {
            assert_eq!(ColumnType::try_from(text.to_owned()).is_ok(), is_type, "{text}");
        }
    }

    #[test]
    fn only_additions_change_a_stream() {
        let old = spec(orders());
        let changed = |pointer: &str, value: Value| {
            let mut manifest = orders();
            if manifest.pointer(pointer).is_some() {
                *manifest.pointer_mut(pointer).expect("a place") = value;
            } else if let Some(column) = pointer.strip_suffix("/required") {
                manifest.pointer_mut(column).expect("a column")["required"] = value;
            } else {
                manifest["schema"].as_array_mut().expect("columns").push(value);
            }
            check_change("orders", &old, &spec(manifest)).map_err(|error| error.to_string())
        };
        let measured = json!({"name": "price", "type": "decimal(12,2)", "unit": "BRL"});
        assert_eq!(changed("/new", json!({"name": "note", "type": "text"})), Ok(()));
        assert_eq!(changed("/schema/0/required", json!(false)), Ok(()));
        assert_eq!(changed("/schema/1", measured), Ok(()), "a unit is said to people");
        let refused = |result: Result<(), String>, reason: &str| {
            assert_eq!(result, Err(format!("stream `orders` cannot change so: {reason}")));
        };
        refused(
            changed("/new", json!({"name": "note", "type": "text", "required": true})),
            "the new column `note` is required, but older rows have no value in it",
        );
        refused(
            changed("/schema/1/type", json!("float")),
            "column `price` was decimal(12,2) and is now float",
        );
        refused(changed("/schema/1/name", json!("cost")), "column `price` is gone");
        refused(changed("/schema/1/required", json!(true)), "column `price` is now required");
        refused(changed("/time", json!(null)), "its `time` column is fixed");
        refused(
            changed("/schema/3/fields/0/type", json!("int")),
            "column `sku` was text and is now int",
        );
    }
}
