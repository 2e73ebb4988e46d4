//! Infers the schema of a stream from the rows of files.

use super::cell::{self, Type};
use super::limits::{AMOUNT_DIGITS_MAX, COLUMNS_MAX};
use super::name::is_column_name;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// Digits of a decimal at most.
const DECIMAL_DIGITS_MAX: u8 = 38;
/// Digits of a whole number of 64 bits at most.
const INT_DIGITS_MAX: u8 = 19;

/// What the rows so far say about the columns of a stream.
#[derive(Debug, Default)]
pub struct Inference {
    columns: Vec<Seen>,
    numbers: HashMap<String, usize>,
    rows: u64,
    /// True where rows have fields that cannot be columns.
    has_others: bool,
}

/// What was seen of a column.
#[derive(Debug)]
struct Seen {
    name: String,
    /// Nothing where no row had a value.
    column_type: Option<Type>,
    values: u64,
    /// The most digits before the point of a number.
    whole: u8,
}

/// What a file with a schema of its own says about a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The name of the column.
    pub name: String,
    /// What its values are; nothing where it has none.
    pub column_type: Option<Type>,
    /// The most digits before the point of a number.
    pub whole: u8,
    /// True where the file says that each row has a value.
    pub is_required: bool,
}

impl Inference {
    /// Takes the columns of a header.
    pub fn declare(&mut self, header: &[String]) {
        for name in header {
            self.number(name);
        }
    }

    /// Takes a row of CSV.
    pub fn cells(&mut self, header: &[String], cells: &[String]) {
        self.rows += 1;
        for (name, cell) in header.iter().zip(cells) {
            if !cell::is_null(cell) {
                let seen = cell::type_of(cell);
                self.see(name, seen, whole_of(seen, cell), Type::Text);
            }
        }
    }

    /// Takes a row of NDJSON; text that is no JSON object says nothing.
    pub fn line(&mut self, text: &str) {
        let Ok(Fields(fields)) = serde_json::from_str(text) else { return };
        self.rows += 1;
        for (name, value) in fields {
            if !is_column_name(&name) {
                self.has_others = true;
            } else if let Some(seen) = json_type(value) {
                self.see(&name, seen, whole_of(seen, value.get()), Type::Json);
            } else {
                self.number(&name);
            }
        }
    }

    /// Takes the columns of a file of so many rows that has a schema of its own.
    pub fn columns(&mut self, rows: u64, columns: &[Declared]) {
        self.rows += rows;
        for column in columns {
            let Some(number) = self.number(&column.name) else { continue };
            if let Some(column_type) = column.column_type {
                self.see(&column.name, column_type, column.whole, Type::Json);
                // `see` has counted one row.
                self.columns[number].values -= 1;
            }
            if column.is_required {
                self.columns[number].values += rows;
            }
        }
    }

    /// Returns whether there is a column.
    pub fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Returns the names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Returns the `spec` of the stream.
    pub fn spec(&self, summary: &str, key: &[String], time: Option<&str>) -> Value {
        let schema: Vec<Value> = self.columns.iter().map(|column| self.column(column)).collect();
        let mut spec = json!({"summary": summary, "schema": schema});
        if !key.is_empty() {
            spec["key"] = json!(key);
        }
        if let Some(time) = time {
            spec["time"] = json!(time);
        }
        if self.has_others {
            spec["unknown_fields"] = json!("keep");
        }
        spec
    }

    fn column(&self, column: &Seen) -> Value {
        let word = column.column_type.unwrap_or(Type::Text).word(column.whole);
        let mut value = json!({"name": column.name, "type": word});
        if 0 < self.rows && column.values == self.rows {
            value["required"] = json!(true);
        }
        value
    }

    fn see(&mut self, name: &str, seen: Type, whole: u8, fallback: Type) {
        let Some(number) = self.number(name) else { return };
        let column = &mut self.columns[number];
        column.values += 1;
        column.whole = column.whole.max(whole);
        column.column_type = Some(match column.column_type {
            Some(held) => merged(held, seen, fallback),
            None => seen,
        });
    }

    /// Returns the number of a column, which is made where it is new and there is room.
    fn number(&mut self, name: &str) -> Option<usize> {
        if let Some(number) = self.numbers.get(name) {
            return Some(*number);
        }
        if COLUMNS_MAX <= self.columns.len() {
            self.has_others = true;
            return None;
        }
        self.columns.push(Seen { name: name.into(), column_type: None, values: 0, whole: 0 });
        self.numbers.insert(name.into(), self.columns.len() - 1);
        Some(self.columns.len() - 1)
    }
}

/// Returns how many digits a number has before its point, 0 for anything else.
fn whole_of(seen: Type, text: &str) -> u8 {
    if matches!(seen, Type::Int | Type::Number(_)) { cell::whole_digits(text) } else { 0 }
}

/// Returns the type that holds values of both.
fn merged(left: Type, right: Type, fallback: Type) -> Type {
    use Type::{Decimal, Float, Int, Number};
    match (left, right) {
        _ if left == right => left,
        (Number(left), Number(right)) => Number(left.max(right)),
        (Number(scale), Int) | (Int, Number(scale)) => Number(scale),
        (Decimal(..), Decimal(..) | Int | Number(_)) | (Int | Number(_), Decimal(..)) => {
            decimal_of(left, right)
        }
        (Float, Int | Number(_) | Decimal(..)) | (Int | Number(_) | Decimal(..), Float) => Float,
        (Type::Time, Type::Text) | (Type::Text, Type::Time) => Type::Text,
        (Type::Json, _) | (_, Type::Json) => Type::Json,
        _ => fallback,
    }
}

/// Returns the decimal that holds both, or a float where none does.
fn decimal_of(left: Type, right: Type) -> Type {
    // Digits before the point, and behind it.
    let digits = |side: Type| match side {
        Type::Decimal(precision, scale) => (precision.saturating_sub(scale), scale),
        Type::Number(scale) => (AMOUNT_DIGITS_MAX, scale),
        _ => (INT_DIGITS_MAX, 0),
    };
    let ((left_whole, left_scale), (right_whole, right_scale)) = (digits(left), digits(right));
    let (whole, scale) = (left_whole.max(right_whole), left_scale.max(right_scale));
    match whole + scale {
        precision @ ..=DECIMAL_DIGITS_MAX => Type::Decimal(precision, scale),
        _ => Type::Float,
    }
}

/// Returns what a JSON value looks like, nothing for null.
fn json_type(value: &RawValue) -> Option<Type> {
    let text = value.get();
    match text.as_bytes().first()? {
        b'n' => None,
        b't' | b'f' => Some(Type::Bool),
        b'{' | b'[' => Some(Type::Json),
        b'"' if cell::is_time(text.trim_matches('"')) => Some(Type::Time),
        b'"' => Some(Type::Text),
        _ if text.parse::<i64>().is_ok() => Some(Type::Int),
        _ if text.contains('.') => Some(cell::number_type(text)),
        _ => Some(Type::Float),
    }
}

/// The fields of a JSON object in the order in which they stand.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A field's name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct FieldName<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pass;
        impl<'de> Visitor<'de> for Pass {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some((FieldName(name), value)) =
                    map.next_entry::<FieldName<'de>, &'de RawValue>()?
                {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    /// Returns the inferred columns as `name type`, with `!` behind those that are required.
    fn shown(inference: &Inference) -> String {
        let spec = inference.spec("", &[], None);
        let columns = spec["schema"].as_array().cloned().unwrap_or_default();
        let shown = columns.iter().map(|column| {
            let sign = if column["required"] == true { "!" } else { "" };
            format!("{} {}{sign}", column["name"], column["type"]).replace('"', "")
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn columns_of_csv_get_the_narrowest_type_that_holds_all_cells() {
        let header = owned(&["a", "b", "c", "d", "e", "f"]);
        let mut inference = Inference::default();
        inference.declare(&header);
        inference.cells(&header, &owned(&["1", "1", "true", "2018-10-17", "2018-10-17", ""]));
        inference.cells(&header, &owned(&["2", "1.5", "0", "NA", "soon", "NA"]));
        assert_eq!(shown(&inference), "a int!, b decimal(18,2)!, c text!, d time, e text!, f text");
        inference.cells(&header, &owned(&["1234567890123456789", "0.125", "", "", "", "1e-3"]));
        inference.cells(&header, &owned(&["0.5", "1.123456", "", "", "", "2.5"]));
        assert_eq!(
            shown(&inference),
            "a decimal(21,2)!, b float!, c text, d time, e text, f float"
        );
    }

    #[test]
    fn whole_numbers_with_a_point_are_whole_numbers_until_one_is_not() {
        let header = owned(&["customerid", "weight"]);
        let mut inference = Inference::default();
        inference.declare(&header);
        inference.cells(&header, &owned(&["17850.0", "225.0"]));
        inference.cells(&header, &owned(&["", "300"]));
        inference.line(r#"{"customerid": 12680.00, "weight": 1.0}"#);
        assert_eq!(shown(&inference), "customerid int, weight int!");
        inference.cells(&header, &owned(&["13047.0", "0.5"]));
        assert_eq!(shown(&inference), "customerid int, weight decimal(18,2)!");
        inference.cells(&header, &owned(&["1e5", "0.123456"]));
        assert_eq!(shown(&inference), "customerid float, weight float!");
    }

    #[test]
    fn columns_of_ndjson_come_in_the_order_of_their_fields() {
        let mut inference = Inference::default();
        inference.line(r#"{"z": 1, "a": "2018-10-17T17:30:20Z", "m": {"x": 1}, "n": null}"#);
        inference.line(r#"{"a": "2018-10-18", "z": 2.505, "m": 3, "n": true}"#);
        inference.line("{no JSON");
        inference.line("[1]");
        assert_eq!(shown(&inference), "z decimal(18,3)!, a time!, m json!, n bool");
    }

    #[test]
    fn fields_that_cannot_be_columns_are_kept_aside() {
        let mut inference = Inference::default();
        inference.line(r#"{"id": "a", "Order ID": 1}"#);
        assert_eq!(shown(&inference), "id text!");
        let spec = inference.spec("s", &owned(&["id"]), Some("id"));
        assert_eq!(spec["unknown_fields"], "keep");
        assert_eq!((&spec["key"][0], &spec["time"]), (&json!("id"), &json!("id")));
    }

    #[test]
    fn texts_and_numbers_under_one_name_are_text_in_csv_and_json_in_ndjson() {
        assert_eq!(merged(Type::Int, Type::Text, Type::Text), Type::Text);
        assert_eq!(merged(Type::Int, Type::Text, Type::Json), Type::Json);
        assert_eq!(merged(Type::Bool, Type::Int, Type::Text), Type::Text);
        assert_eq!(merged(Type::Json, Type::Int, Type::Text), Type::Json);
    }

    #[test]
    fn files_with_a_schema_say_their_types_themselves() {
        let column = |name: &str, column_type, is_required| Declared {
            name: name.into(),
            column_type,
            whole: 3,
            is_required,
        };
        let mut inference = Inference::default();
        let columns = [
            column("id", Some(Type::Int), true),
            column("price", Some(Type::Number(3)), false),
            column("tax", Some(Type::Decimal(9, 4)), false),
            column("none", None, false),
        ];
        inference.columns(5, &columns);
        let first = "id int!, price decimal(18,3), tax decimal(9,4), none text";
        assert_eq!(shown(&inference), first);
        inference.columns(0, &columns);
        assert_eq!(shown(&inference), first, "a file without rows takes nothing away");
        inference.columns(2, &[column("id", Some(Type::Decimal(20, 0)), true)]);
        inference.columns(2, &[column("tax", Some(Type::Number(2)), true)]);
        assert_eq!(
            shown(&inference),
            "id decimal(20,0), price decimal(18,3), tax decimal(18,4), none text"
        );
    }

    #[test]
    fn decimals_that_no_decimal_holds_are_floats() {
        assert_eq!(merged(Type::Decimal(38, 0), Type::Decimal(9, 4), Type::Json), Type::Float);
        assert_eq!(merged(Type::Decimal(9, 4), Type::Int, Type::Json), Type::Decimal(23, 4));
        assert_eq!(merged(Type::Number(2), Type::Text, Type::Json), Type::Json);
    }

    #[test]
    fn many_field_names_do_not_fill_the_memory() {
        let mut inference = Inference::default();
        for number in 0..2 * COLUMNS_MAX {
            inference.line(&format!("{{\"f{number}\": 1}}"));
        }
        assert_eq!(inference.names().count(), COLUMNS_MAX);
        assert_eq!(inference.spec("", &[], None)["unknown_fields"], "keep");
    }
}
