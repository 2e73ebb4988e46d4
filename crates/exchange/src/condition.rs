//! Conditions on lent rows as they travel between units: over lent columns by name, and checked before anything is done with them.
//!
//! | form | true where |
//! |---|---|
//! | `{"column": C, "op": "<", "value": V}` | the column compares so with the value: `=`, `<>`, `<`, `<=`, `>`, `>=` |
//! | `{"column": C, "in": [V, …]}` | the column has one of the values |
//! | `{"column": C, "is": "null"}` | the column has no value; `not_null`: it has one |
//! | `{"all": […]}` | all of them are true |
//! | `{"any": […]}` | one of them is true |
//!
//! A value is JSON true or false for a `bool`, a whole number for an `int`, milliseconds since 1970 as a whole number for a
//! `time`, and text for everything else: decimals and floats are written out, because no two readers of JSON agree on numbers.

use crate::lend::column_type;
use crate::state::short;
use crate::terms::Field;
use crate::{Config, Error};
use kernel::{Cell, ColumnType, Comparison, Filter};
use serde_json::{Map, Value, json};

/// Digits of a decimal.
const DIGITS_MAX: usize = 38;

/// Writes a condition over lent columns.
///
/// # Errors
/// `exchange.internal` where it names no lent column, a defect.
pub(crate) fn write(filter: &Filter, fields: &[Field]) -> Result<Value, Error> {
    let name = |place: &usize| {
        let field = fields.get(*place).map(|field| field.name.as_str());
        field.ok_or_else(|| Error::internal(format!("there is no lent column {place}")))
    };
    let parts = |parts: &[Filter]| {
        parts.iter().map(|part| write(part, fields)).collect::<Result<Vec<Value>, Error>>()
    };
    Ok(match filter {
        Filter::Compare { column, comparison, value } => {
            json!({"column": name(column)?, "op": comparison.sign(), "value": written(value)?})
        }
        Filter::In { column, values } => {
            let values = values.iter().map(written).collect::<Result<Vec<Value>, Error>>()?;
            json!({"column": name(column)?, "in": values})
        }
        Filter::IsNull { column } => json!({"column": name(column)?, "is": "null"}),
        Filter::IsNotNull { column } => json!({"column": name(column)?, "is": "not_null"}),
        Filter::All(inner) => json!({"all": parts(inner)?}),
        Filter::Any(inner) => json!({"any": parts(inner)?}),
    })
}

fn written(cell: &Cell) -> Result<Value, Error> {
    Ok(match cell {
        Cell::Null => return Err(Error::internal("a condition compares with nothing")),
        Cell::Bool(truth) => json!(truth),
        Cell::Int(number) | Cell::Time(number) => json!(number),
        // The shortest text that reads back as the same number.
        Cell::Float(number) => json!(format!("{number:?}")),
        Cell::Decimal(text) | Cell::Text(text) => json!(text),
    })
}

/// Reads a condition of another unit over the columns that are lent to it.
///
/// # Errors
/// `contract.input` where it is no condition over these columns, `exchange.limit` where it is too large.
pub(crate) fn read(value: &Value, fields: &[Field], config: &Config) -> Result<Filter, Error> {
    Reader { fields, config, terms: 0, bytes: 0 }.filter(value, 1)
}

/// Reads a condition, and counts what it has read.
struct Reader<'r> {
    fields: &'r [Field],
    config: &'r Config,
    terms: usize,
    bytes: usize,
}

impl Reader<'_> {
    fn filter(&mut self, value: &Value, depth: usize) -> Result<Filter, Error> {
        within("the depth of the condition", depth, self.config.filter_depth_max)?;
        let members = value.as_object().ok_or_else(|| wrong("a condition is an object"))?;
        let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
        names.sort_unstable();
        match names.as_slice() {
            ["all"] => Ok(Filter::All(self.parts(&members["all"], depth)?)),
            ["any"] => Ok(Filter::Any(self.parts(&members["any"], depth)?)),
            ["column", "op", "value"] => {
                let (column, column_type) = self.column(members)?;
                let sign = members["op"].as_str().unwrap_or_default();
                let comparison = Comparison::ALL.into_iter().find(|known| known.sign() == sign);
                let comparison = comparison.ok_or_else(|| wrong("`op` is no comparison"))?;
                let value = self.cell(column_type, &members["value"])?;
                Ok(Filter::Compare { column, comparison, value })
            }
            ["column", "in"] => {
                let (column, column_type) = self.column(members)?;
                let list = members["in"].as_array().ok_or_else(|| wrong("`in` is a list"))?;
                within(
                    "the number of values",
                    self.terms + list.len(),
                    self.config.filter_terms_max,
                )?;
                let values = list.iter().map(|value| self.cell(column_type, value));
                Ok(Filter::In { column, values: values.collect::<Result<Vec<_>, Error>>()? })
            }
            ["column", "is"] => {
                let (column, _) = self.column(members)?;
                self.term()?;
                match members["is"].as_str() {
                    Some("null") => Ok(Filter::IsNull { column }),
                    Some("not_null") => Ok(Filter::IsNotNull { column }),
                    _ => Err(wrong("`is` is `null` or `not_null`")),
                }
            }
            _ => Err(wrong("a condition has `all`, `any`, or `column` with `op`, `in` or `is`")),
        }
    }

    fn parts(&mut self, value: &Value, depth: usize) -> Result<Vec<Filter>, Error> {
        let parts = value.as_array().ok_or_else(|| wrong("`all` and `any` are lists"))?;
        within("the number of values", self.terms + parts.len(), self.config.filter_terms_max)?;
        // A part without comparisons counts as well.
        self.term()?;
        parts.iter().map(|part| self.filter(part, depth + 1)).collect()
    }

    fn column(&self, members: &Map<String, Value>) -> Result<(usize, ColumnType), Error> {
        let name = members["column"].as_str().ok_or_else(|| wrong("`column` is a name"))?;
        let place = self.fields.iter().position(|field| field.name == name);
        let place = place.ok_or_else(|| no_column(name, "/where"))?;
        Ok((place, column_type(&self.fields[place].field_type)))
    }

    fn cell(&mut self, column_type: ColumnType, value: &Value) -> Result<Cell, Error> {
        self.term()?;
        let cell = match column_type {
            ColumnType::Bool => value.as_bool().map(Cell::Bool),
            ColumnType::Int => value.as_i64().map(Cell::Int),
            ColumnType::Time => value.as_i64().map(Cell::Time),
            ColumnType::Float | ColumnType::Decimal(_) | ColumnType::Text => {
                value.as_str().and_then(|text| cell_of(column_type, text))
            }
        };
        if let Some(Cell::Text(text) | Cell::Decimal(text)) = &cell {
            self.bytes += text.len();
            within("the bytes of values", self.bytes, self.config.filter_bytes_max)?;
        }
        cell.ok_or_else(|| wrong("a value does not have the type of its column"))
    }

    fn term(&mut self) -> Result<(), Error> {
        self.terms += 1;
        within("the number of values", self.terms, self.config.filter_terms_max)
    }
}

fn cell_of(column_type: ColumnType, text: &str) -> Option<Cell> {
    match column_type {
        ColumnType::Float => {
            text.parse().ok().filter(|number: &f64| number.is_finite()).map(Cell::Float)
        }
        ColumnType::Decimal(scale) => {
            is_decimal(text, scale.into()).then(|| Cell::Decimal(text.into()))
        }
        _ => Some(Cell::Text(text.into())),
    }
}

/// Returns whether a text is a decimal with so many digits behind the point at most, written out.
fn is_decimal(text: &str, scale: usize) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && is_digits(whole) && is_digits(part);
    is_number && part.len() <= scale && whole.trim_start_matches('0').len() + scale <= DIGITS_MAX
}

/// Says that a column is not lent. One that is there and not lent looks like one that is not there.
pub(crate) fn no_column(name: &str, pointer: &str) -> Error {
    Error::Input {
        reason: format!("there is no column `{}`", short(name)),
        pointer: pointer.into(),
        hint: None,
    }
}

fn wrong(reason: &str) -> Error {
    Error::Input { reason: reason.into(), pointer: "/where".into(), hint: None }
}

fn within(what: &str, count: usize, limit: usize) -> Result<(), Error> {
    if count <= limit {
        return Ok(());
    }
    Err(Error::Limit { what: what.into(), limit: limit as u64 })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;

    fn fields() -> Vec<Field> {
        serde_json::from_value(json!([
            {"name": "b", "type": "bool"}, {"name": "n", "type": "int"}, {"name": "f", "type": "float"},
            {"name": "d", "type": "decimal(12,2)"}, {"name": "t", "type": "text"}, {"name": "at", "type": "time"},
            {"name": "j", "type": "json"},
        ]))
        .unwrap()
    }

    fn code(value: Value) -> String {
        match read(&value, &fields(), &Config::default()) {
            Ok(filter) => format!("{filter:?}"),
            Err(error) => base::Explain::code(&error).0.to_owned(),
        }
    }

    fn compare(column: usize, value: Cell) -> Filter {
        Filter::Compare { column, comparison: Comparison::LessOrEqual, value }
    }

    #[test]
    fn a_condition_is_the_same_behind_the_border() {
        let texts = ["", "o'clock", "\u{0}", "ünï", "\" OR 1=1 --"];
        let filter = Filter::All(vec![
            compare(0, Cell::Bool(true)),
            compare(1, Cell::Int(i64::MIN)),
            compare(2, Cell::Float(0.1 + 0.2)),
            compare(2, Cell::Float(-0.0)),
            compare(2, Cell::Float(f64::MAX)),
            compare(3, Cell::Decimal("-1234567890123.05".into())),
            compare(5, Cell::Time(-62_135_596_800_001)),
            compare(6, Cell::Text("{\"a\": 1}".into())),
            Filter::Any(vec![Filter::IsNull { column: 4 }, Filter::IsNotNull { column: 0 }]),
            Filter::In { column: 4, values: texts.map(|text| Cell::Text(text.into())).to_vec() },
            Filter::In { column: 1, values: Vec::new() },
            Filter::Any(Vec::new()),
        ]);
        let sent = write(&filter, &fields()).unwrap().to_string();
        let value: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(read(&value, &fields(), &Config::default()).unwrap(), filter);
    }

    #[test]
    fn what_is_no_condition_over_lent_columns_is_refused() {
        let is = |column: &str, value: Value| json!({"column": column, "op": "=", "value": value});
        let cases = [
            json!(null),
            json!("t = 1"),
            json!([]),
            json!({}),
            json!({"sql": "1 = 1"}),
            json!({"all": {}}),
            json!({"all": [], "any": []}),
            json!({"column": "t", "op": "LIKE", "value": "%"}),
            json!({"column": "t", "op": "=", "value": "a", "or": "b"}),
            json!({"column": "t", "in": "a"}),
            json!({"column": "t", "is": "true"}),
            json!({"column": 4, "is": "null"}),
            json!({"column": "secret", "is": "null"}),
            is("t\" OR \"1\"=\"1", json!("a")),
            is("t", json!(1)),
            is("t", json!(null)),
            is("n", json!("1")),
            is("n", json!(1.5)),
            is("n", json!(u64::MAX)),
            is("f", json!(1.5)),
            is("f", json!("NaN")),
            is("f", json!("inf")),
            is("d", json!("1.234")),
            is("d", json!("1e3")),
            is("d", json!("-")),
            is("d", json!("1".repeat(37))),
            is("at", json!("2018-01-01T00:00:00Z")),
            is("b", json!("true")),
            is("b", json!({"column": "b"})),
        ];
        for case in cases {
            assert_eq!(code(case.clone()), "contract.input", "{case}");
        }
    }

    #[test]
    fn conditions_that_are_too_large_are_refused_before_they_are_read() {
        let leaf = json!({"column": "n", "is": "null"});
        let deep = |depth: usize| (1..depth).fold(leaf.clone(), |inner, _| json!({"all": [inner]}));
        let limit = Config::default().filter_depth_max;
        assert_ne!(code(deep(limit)), "exchange.limit");
        assert_eq!(code(deep(limit + 1)), "exchange.limit");
        assert_eq!(code(deep(100)), "exchange.limit");
        let terms = Config::default().filter_terms_max;
        let list = |count: usize| json!({"column": "n", "in": vec![1; count]});
        assert_ne!(code(list(terms)), "exchange.limit");
        assert_eq!(code(list(terms + 1)), "exchange.limit");
        assert_eq!(code(json!({"any": vec![list(terms / 2); 3]})), "exchange.limit");
        assert_eq!(code(json!({"any": vec![json!({"all": []}); terms]})), "exchange.limit");
        let long =
            json!({"column": "t", "in": ["x".repeat(Config::default().filter_bytes_max), "y"]});
        assert_eq!(code(long), "exchange.limit");
    }
}
