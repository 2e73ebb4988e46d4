//! Functions of Craton's SQL: JSON text, the business time, and those of DataFusion with their growth bounded.

use crate::Config;
use crate::streams::{decimal, instant};
use base::Time;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::Int64Type;
use datafusion::arrow::array::{
    Array, ArrayRef, Decimal128Builder, Int64Builder, StringArray, StringBuilder,
    TimestampMillisecondBuilder,
};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::Arc;

/// Functions that make much out of little: a short text could fill the memory.
const UNBOUNDED: [&str; 10] = [
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "list_repeat",
    "range",
    "gen_series",
    "generate_series",
    "array_resize",
    "list_resize",
];

/// Returns the scalar functions.
pub(crate) fn scalar(config: &Config, business: Time) -> Vec<Arc<ScalarUDF>> {
    let bounded = crate::sql::bounded::functions(config);
    let is_replaced = |name: &str| {
        UNBOUNDED.contains(&name)
            || bounded.iter().any(|function: &Arc<ScalarUDF>| function.name() == name)
    };
    let mut functions: Vec<Arc<ScalarUDF>> = SessionStateDefaults::default_scalar_functions()
        .into_iter()
        .filter(|f| !is_replaced(f.name()))
        .collect();
    functions.extend(bounded);
    for kind in [Json::Text, Json::Number, Json::Time, Json::Length] {
        functions.push(Arc::new(ScalarUDF::new_from_impl(JsonFunction::new(kind))));
    }
    functions.push(Arc::new(ScalarUDF::new_from_impl(BusinessNow::new(business))));
    functions
}

/// Returns what plans operators, with the growth of `||` bounded.
pub(crate) fn planners(config: &Config) -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> =
        vec![Arc::new(crate::sql::bounded::Joins::new(config))];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}

/// `business_now()`: the business time of the query.
#[derive(Debug, PartialEq, Eq, Hash)]
struct BusinessNow {
    signature: Signature,
    millis: i64,
}

impl BusinessNow {
    fn new(time: Time) -> Self {
        Self { signature: Signature::nullary(Volatility::Stable), millis: time.0 }
    }
}

impl ScalarUDFImpl for BusinessNow {
    fn name(&self) -> &str {
        "business_now"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(crate::streams::schema::time_type())
    }

    fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::TimestampMillisecond(
            Some(self.millis),
            Some("UTC".into()),
        )))
    }
}

/// Digits of `json_number`, and those behind the point.
const NUMBER: (u8, u8) = (38, 6);

/// What is taken out of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Json {
    Text,
    Number,
    Time,
    Length,
}

/// `json_text(json, path…)` and its kin: what stands at a path of names and list places; null where nothing does.
#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    kind: Json,
    signature: Signature,
}

impl JsonFunction {
    fn new(kind: Json) -> Self {
        Self { kind, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        match self.kind {
            Json::Text => "json_text",
            Json::Number => "json_number",
            Json::Time => "json_time",
            Json::Length => "json_length",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let is_text = |kind: &DataType| {
            matches!(
                kind,
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null
            )
        };
        match arguments.first() {
            Some(json) if is_text(json) => {}
            _ => return plan_err!("{}: the first argument must be JSON text", self.name()),
        }
        let step =
            |kind: &DataType| if kind.is_integer() { DataType::Int64 } else { DataType::Utf8 };
        Ok(std::iter::once(DataType::Utf8).chain(arguments.iter().skip(1).map(step)).collect())
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            Json::Text => DataType::Utf8,
            Json::Number => DataType::Decimal128(NUMBER.0, NUMBER.1.cast_signed()),
            Json::Time => crate::streams::schema::time_type(),
            Json::Length => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let arrays = arguments
            .args
            .iter()
            .map(|argument| argument.to_array(rows))
            .collect::<Result<Vec<_>>>()?;
        let Some((json, path)) = arrays.split_first() else {
            return exec_err!("{}: there is no JSON", self.name());
        };
        let json = json.as_string::<i32>();
        let at = |row: usize| -> Option<&str> {
            let text = json.is_valid(row).then(|| json.value(row))?;
            path.iter().try_fold(text, |text, step| pick(text, &Step::of(step, row)?))
        };
        Ok(ColumnarValue::Array(self.kind.column(json, at)))
    }
}

impl Json {
    fn column<'a>(self, json: &'a StringArray, at: impl Fn(usize) -> Option<&'a str>) -> ArrayRef {
        let values = (0..json.len()).map(|row| at(row).map(str::trim).filter(|raw| *raw != "null"));
        match self {
            Self::Text => {
                let mut builder = StringBuilder::new();
                values.for_each(|raw| builder.append_option(raw.map(text_of)));
                Arc::new(builder.finish())
            }
            Self::Number => {
                let mut builder = Decimal128Builder::new()
                    .with_data_type(DataType::Decimal128(NUMBER.0, NUMBER.1.cast_signed()));
                let number = |raw: &str| decimal::parse(&text_of(raw), NUMBER.0, NUMBER.1).ok();
                values.for_each(|raw| builder.append_option(raw.and_then(number)));
                Arc::new(builder.finish())
            }
            Self::Time => {
                let mut builder = TimestampMillisecondBuilder::new().with_timezone("UTC");
                values.for_each(|raw| {
                    builder.append_option(raw.and_then(|raw| instant::parse(&text_of(raw))))
                });
                Arc::new(builder.finish())
            }
            Self::Length => {
                let mut builder = Int64Builder::new();
                values.for_each(|raw| builder.append_option(raw.and_then(length_of)));
                Arc::new(builder.finish())
            }
        }
    }
}

/// A text without its quotes; anything else as it stands.
fn text_of(raw: &str) -> Cow<'_, str> {
    match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.contains('\\') => Cow::Borrowed(inner),
        Some(_) => serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(raw), Cow::Owned),
        None => Cow::Borrowed(raw),
    }
}

/// One step of a path.
enum Step<'a> {
    Name(&'a str),
    Place(i64),
}

impl<'a> Step<'a> {
    fn of(array: &'a ArrayRef, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        match array.data_type() {
            DataType::Int64 => Some(Self::Place(array.as_primitive::<Int64Type>().value(row))),
            _ => array.as_string_opt::<i32>().map(|names| Self::Name(names.value(row))),
        }
    }
}

/// Returns what stands at a step into JSON.
fn pick<'a>(json: &'a str, step: &Step<'_>) -> Option<&'a str> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    Pick(step).deserialize(&mut deserializer).ok().flatten()
}

struct Pick<'s>(&'s Step<'s>);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        match self.0 {
            Step::Name(_) => deserializer.deserialize_map(self),
            Step::Place(_) => deserializer.deserialize_seq(self),
        }
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let Step::Name(wanted) = self.0 else { return Ok(None) };
        let mut found = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == *wanted {
                found = Some(map.next_value::<&'de RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(
        self,
        mut list: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let Step::Place(wanted) = self.0 else { return Ok(None) };
        let (mut found, mut place) = (None, 0);
        while let Some(raw) = list.next_element::<&'de RawValue>()? {
            if place == *wanted {
                found = Some(raw.get());
            }
            place += 1;
        }
        Ok(found)
    }
}

fn length_of(raw: &str) -> Option<i64> {
    let count = match raw.bytes().next()? {
        b'[' => serde_json::from_str::<Vec<&RawValue>>(raw).ok()?.len(),
        b'{' => {
            serde_json::from_str::<std::collections::BTreeMap<String, IgnoredAny>>(raw).ok()?.len()
        }
        _ => return None,
    };
    i64::try_from(count).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_walked_without_losing_digits() {
        let json = r#"{"a": {"b": [1, 129.90, {"c": "x\"y"}]}, "n": null}"#;
        let walk = |steps: &[Step<'_>]| steps.iter().try_fold(json, |text, step| pick(text, step));
        assert_eq!(walk(&[Step::Name("a"), Step::Name("b"), Step::Place(1)]), Some("129.90"));
        assert_eq!(
            walk(&[Step::Name("a"), Step::Name("b"), Step::Place(2), Step::Name("c")])
                .map(text_of)
                .as_deref(),
            Some("x\"y")
        );
        assert_eq!(walk(&[Step::Name("a"), Step::Place(0)]), None);
        assert_eq!(walk(&[Step::Name("n")]), Some("null"));
        assert_eq!(length_of("[1,[2,3]]"), Some(2));
        assert_eq!(length_of("{}"), Some(0));
        assert_eq!(length_of("7"), None);
    }
}
