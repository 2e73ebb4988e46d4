//! The parameters of a query: values with types, bound where `$1`, `$2` … stand. They are never put into the text.

use super::postgres::types::Type;
use crate::Error;
use crate::streams::decimal;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, ExactNumberInfo, Ident, ObjectName};
use serde_json::Value;

/// The most digits of a number.
const DIGITS_MAX: usize = 38;

/// A value with its type.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) kind: &'static Type,
    pub(crate) value: Value,
}

impl Parameter {
    /// Reads a parameter: a JSON value, or `{"type": "int8", "value": …}` where JSON says too little.
    ///
    /// # Errors
    /// [`Error::Sql`] for a type that is none.
    pub(crate) fn read(number: usize, given: Value) -> Result<Self, Error> {
        let typed = match &given {
            Value::Object(object) if object.len() <= 2 => {
                object.get("type").and_then(Value::as_str)
            }
            _ => None,
        };
        let Some(name) = typed else {
            return Ok(Self { kind: type_of(&given), value: given });
        };
        let kind =
            Type::named(name).ok_or_else(|| wrong(number, format!("there is no type `{name}`")))?;
        let value = given.get("value").cloned().unwrap_or(Value::Null);
        Ok(Self { kind, value })
    }

    /// Returns a null of a type, to plan with.
    pub(crate) fn null(kind: &'static Type) -> Self {
        Self { kind, value: Value::Null }
    }

    /// Returns the value as the query binds it.
    ///
    /// # Errors
    /// [`Error::Sql`] where the value is none of its type.
    pub(crate) fn scalar(&self, number: usize) -> Result<ScalarValue, Error> {
        scalar(self.kind, &self.value).map_err(|reason| wrong(number, reason))
    }
}

/// Returns the type of a bound value in the words of SQL.
pub(crate) fn sql_type(scalar: &ScalarValue, kind: &'static Type) -> SqlType {
    match scalar.data_type() {
        // In words that every dialect knows.
        DataType::Boolean => SqlType::Boolean,
        DataType::Int64 => SqlType::BigInt(None),
        DataType::Float64 => SqlType::Double(ExactNumberInfo::None),
        DataType::Utf8 => SqlType::Text,
        DataType::Decimal128(precision, scale) => {
            let info = ExactNumberInfo::PrecisionAndScale(u64::from(precision), i64::from(scale));
            SqlType::Decimal(info)
        }
        _ => SqlType::Custom(ObjectName::from(vec![Ident::new(kind.name)]), Vec::new()),
    }
}

fn wrong(number: usize, reason: String) -> Error {
    Error::Sql { reason: format!("parameter ${number}: {reason}"), place: None, hint: None }
}

fn type_of(value: &Value) -> &'static Type {
    Type::known(match value {
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int8",
        Value::Number(_) => "numeric",
        Value::Array(items) => {
            let element =
                items.iter().find(|item| !item.is_null()).map_or("text", |item| type_of(item).name);
            return Type::known(element).as_list().unwrap_or(Type::known("_text"));
        }
        Value::Null | Value::String(_) | Value::Object(_) => "text",
    })
}

fn scalar(kind: &'static Type, value: &Value) -> Result<ScalarValue, String> {
    if let Some(element) = kind.element() {
        return list(kind, element, value);
    }
    if value.is_null() {
        return ScalarValue::try_from(&kind.arrow()).map_err(|error| error.to_string());
    }
    let text = text_of(value);
    let none = || format!("`{}` is no {}", text.chars().take(80).collect::<String>(), kind.name);
    let trimmed = text.trim();
    Ok(match kind.arrow() {
        DataType::Boolean => ScalarValue::Boolean(Some(truth(trimmed).ok_or_else(none)?)),
        DataType::Int16 => ScalarValue::Int16(Some(trimmed.parse().map_err(|_| none())?)),
        DataType::Int32 => ScalarValue::Int32(Some(trimmed.parse().map_err(|_| none())?)),
        DataType::Int64 => ScalarValue::Int64(Some(trimmed.parse().map_err(|_| none())?)),
        DataType::Float32 => ScalarValue::Float32(Some(trimmed.parse().map_err(|_| none())?)),
        DataType::Float64 => ScalarValue::Float64(Some(trimmed.parse().map_err(|_| none())?)),
        DataType::Decimal128(..) => number(trimmed).ok_or_else(none)?,
        DataType::Binary => ScalarValue::Binary(Some(bytes(trimmed).ok_or_else(none)?)),
        DataType::Utf8 => ScalarValue::Utf8(Some(text)),
        other => ScalarValue::Utf8(Some(trimmed.to_owned())).cast_to(&other).map_err(|_| none())?,
    })
}

fn list(kind: &'static Type, element: &'static Type, value: &Value) -> Result<ScalarValue, String> {
    let items: Vec<Value> = match value {
        Value::Null => {
            return ScalarValue::try_from(&kind.arrow()).map_err(|error| error.to_string());
        }
        Value::Array(items) => items.clone(),
        Value::String(text) => items(text).ok_or_else(|| format!("`{text}` is no list"))?,
        _ => return Err("it is no list".into()),
    };
    let scalars = items.iter().map(|item| match element.name {
        // The items of a list are of one scale.
        "numeric" => {
            scalar(element, item)?.cast_to(&element.arrow()).map_err(|error| error.to_string())
        }
        _ => scalar(element, item),
    });
    let scalars = scalars.collect::<Result<Vec<_>, String>>()?;
    Ok(ScalarValue::List(ScalarValue::new_list(&scalars, &element.arrow(), true)))
}

/// Reads a list as PostgreSQL writes it: `{1,2}`, `{"a b",NULL}`. One level, no bounds.
pub(crate) fn items(text: &str) -> Option<Vec<Value>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let (mut items, mut item, mut is_quoted, mut was_quoted) =
        (Vec::new(), String::new(), false, false);
    let mut put = |item: &mut String, was_quoted: &mut bool| {
        let text = std::mem::take(item);
        let is_null = !*was_quoted && text.trim().eq_ignore_ascii_case("null");
        let text = if *was_quoted { text } else { text.trim().to_owned() };
        items.push(if is_null { Value::Null } else { Value::String(text) });
        *was_quoted = false;
    };
    let mut rest = inner.chars();
    while let Some(sign) = rest.next() {
        match sign {
            '\\' => item.push(rest.next()?),
            '"' => {
                is_quoted = !is_quoted;
                was_quoted = true;
            }
            ',' if !is_quoted => put(&mut item, &mut was_quoted),
            '{' | '}' if !is_quoted => return None,
            sign => item.push(sign),
        }
    }
    if is_quoted {
        return None;
    }
    if !inner.trim().is_empty() {
        put(&mut item, &mut was_quoted);
    }
    Some(items)
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads a truth as PostgreSQL does.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Reads a number with as many digits behind the point as it has.
fn number(text: &str) -> Option<ScalarValue> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let places = mantissa.split_once('.').map_or(0, |(_, behind)| behind.len());
    let places = i32::try_from(places).ok()? - exponent;
    let scale =
        u8::try_from(places.max(0)).ok().filter(|scale| usize::from(*scale) <= DIGITS_MAX)?;
    let value = decimal::parse(text, 38, scale).ok()?;
    let digits = u8::try_from(value.unsigned_abs().to_string().len()).ok()?;
    Some(ScalarValue::Decimal128(Some(value), digits.max(scale), scale.cast_signed()))
}

/// Reads bytes as PostgreSQL writes them in hexadecimal: `\x00ff`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?;
    if digits.len() % 2 != 0 || !digits.is_ascii() {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(given: Value) -> String {
        let bound = Parameter::read(1, given).and_then(|parameter| parameter.scalar(1));
        bound.map_or_else(|error| error.to_string(), |scalar| format!("{scalar:?}"))
    }

    #[test]
    fn values_of_json_have_the_types_that_they_show() {
        assert_eq!(check(json!(7)), "Int64(7)");
        assert_eq!(check(json!(true)), "Boolean(true)");
        assert_eq!(check(json!("x")), "Utf8(\"x\")");
        assert_eq!(check(json!(129.9)), "Decimal128(129.9,4,1)");
        assert_eq!(check(json!(null)), "Utf8(NULL)");
    }

    #[test]
    fn values_with_a_type_are_read_as_that_type() {
        assert_eq!(check(json!({"type": "int4", "value": "12"})), "Int32(12)");
        assert_eq!(check(json!({"type": "bool", "value": "t"})), "Boolean(true)");
        assert_eq!(bytes("\\x00fF"), Some(vec![0, 255]));
        assert_eq!(check(json!({"type": "int8", "value": null})), "Int64(NULL)");
        assert_eq!(check(json!({"type": "numeric", "value": "-1.50"})), "Decimal128(-1.50,3,2)");
        assert!(check(json!({"type": "int4[]", "value": "{1,NULL,3}"})).starts_with("List"));
    }

    #[test]
    fn what_is_none_of_its_type_is_refused() {
        assert_eq!(check(json!({"type": "int4", "value": "x"})), "parameter $1: `x` is no int4");
        assert_eq!(
            check(json!({"type": "int2", "value": 70_000})),
            "parameter $1: `70000` is no int2"
        );
        assert_eq!(
            check(json!({"type": "what", "value": 1})),
            "parameter $1: there is no type `what`"
        );
        assert_eq!(
            check(json!({"type": "int4[]", "value": "1,2"})),
            "parameter $1: `1,2` is no list"
        );
    }

    #[test]
    fn lists_are_read_with_their_quotes() {
        let read = |text: &str| items(text).map(|items| Value::from(items).to_string());
        assert_eq!(read("{}").as_deref(), Some("[]"));
        assert_eq!(read("{a, b}").as_deref(), Some(r#"["a","b"]"#));
        assert_eq!(
            read(r#"{"a,b",NULL,"null","\""}"#).as_deref(),
            Some(r#"["a,b",null,"null","\""]"#)
        );
        assert_eq!(read("{a"), None);
        assert_eq!(read("{{1},{2}}"), None);
    }
}
