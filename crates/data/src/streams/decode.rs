//! Stored rows into Arrow columns, only those that are wanted.

use super::object::Found;
use super::schema::{Column, ColumnType, Columns, Schema, TIME};
use super::{decimal, instant};
use crate::Error;
use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Decimal128Builder, Float64Builder, Int64Builder, ListArray,
    NullBufferBuilder, StringBuilder, StructArray, TimestampMillisecondBuilder,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use serde_json::value::RawValue;
use std::sync::Arc;

/// Decodes rows of one stream into the columns `wanted`, which are numbers of stored columns.
pub(crate) struct Decoder<'a> {
    schema: &'a Schema,
    wanted: Vec<(usize, Builder)>,
    found: Found,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(schema: &'a Schema, wanted: &[usize]) -> Self {
        let wanted = wanted
            .iter()
            .map(|number| (*number, Builder::new(&schema.stored.list[*number])))
            .collect();
        Self { schema, wanted, found: Found::default() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// [`Error::Internal`] where the stored row is none of this stream.
    pub(crate) fn add(&mut self, line: &[u8]) -> Result<(), Error> {
        let damaged =
            |detail: String| Error::Internal { detail: format!("a stored row: {detail}") };
        let text = std::str::from_utf8(line).map_err(|error| damaged(error.to_string()))?;
        self.found.read(text, &self.schema.stored).map_err(|error| damaged(error.to_string()))?;
        for (number, builder) in &mut self.wanted {
            let mut raw = value(text, &self.found, *number);
            let is_time = self.schema.stored.list[*number].name == TIME;
            if let (true, None, Some(time)) = (is_time, raw, self.schema.time) {
                raw = value(text, &self.found, time);
            }
            builder.add(raw);
        }
        Ok(())
    }

    /// Returns the columns, in the order in which they were wanted.
    pub(crate) fn finish(self) -> Vec<ArrayRef> {
        self.wanted.into_iter().map(|(_, builder)| builder.finish()).collect()
    }
}

fn value<'t>(text: &'t str, found: &Found, number: usize) -> Option<&'t str> {
    found.spans.get(number).and_then(|span| span.of(text)).filter(|raw| *raw != "null")
}

/// Collects the values of a column. What does not fit the column is null: rows were checked when they came.
enum Builder {
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
    Decimal(Decimal128Builder, u8, u8),
    Text(StringBuilder),
    Time(TimestampMillisecondBuilder),
    Json(StringBuilder),
    List(Box<ListOf>),
}

struct ListOf {
    columns: Columns,
    offsets: Vec<i32>,
    validity: NullBufferBuilder,
    fields: Vec<Builder>,
    items: usize,
    found: Found,
}

impl Builder {
    fn new(column: &Column) -> Self {
        match column.column_type {
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Int => Self::Int(Int64Builder::new()),
            ColumnType::Float => Self::Float(Float64Builder::new()),
            ColumnType::Decimal(precision, scale) => {
                let builder = Decimal128Builder::new().with_data_type(column.data_type());
                Self::Decimal(builder, precision, scale)
            }
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Time => Self::Time(TimestampMillisecondBuilder::new().with_timezone("UTC")),
            ColumnType::Json => Self::Json(StringBuilder::new()),
            ColumnType::List => Self::List(Box::new(ListOf {
                columns: column.fields.clone(),
                offsets: vec![0],
                validity: NullBufferBuilder::new(0),
                fields: column.fields.list.iter().map(Self::new).collect(),
                items: 0,
                found: Found::default(),
            })),
        }
    }

    fn add(&mut self, raw: Option<&str>) {
        match self {
            Self::Bool(builder) => builder.append_option(raw.map(|raw| raw == "true")),
            Self::Int(builder) => builder.append_option(raw.and_then(|raw| raw.parse().ok())),
            Self::Float(builder) => builder.append_option(raw.and_then(|raw| raw.parse().ok())),
            Self::Decimal(builder, precision, scale) => {
                builder.append_option(
                    raw.and_then(|raw| decimal::parse(raw, *precision, *scale).ok()),
                );
            }
            Self::Text(builder) => match raw.and_then(unquoted) {
                Some(text) if text.contains('\\') => {
                    builder.append_option(
                        raw.and_then(|raw| serde_json::from_str::<String>(raw).ok()),
                    );
                }
                text => builder.append_option(text),
            },
            Self::Time(builder) => {
                builder.append_option(raw.and_then(unquoted).and_then(instant::parse))
            }
            Self::Json(builder) => builder.append_option(raw),
            Self::List(list) => list.add(raw),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Bool(mut builder) => Arc::new(builder.finish()),
            Self::Int(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
            Self::Decimal(mut builder, ..) => Arc::new(builder.finish()),
            Self::Text(mut builder) | Self::Json(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::List(list) => list.finish(),
        }
    }
}

impl ListOf {
    fn add(&mut self, raw: Option<&str>) {
        let items = raw.and_then(|raw| serde_json::from_str::<Vec<&RawValue>>(raw).ok());
        self.validity.append(items.is_some());
        for item in items.unwrap_or_default() {
            let text = item.get();
            let is_read = self.found.read(text, &self.columns).is_ok();
            for (number, field) in self.fields.iter_mut().enumerate() {
                field.add(if is_read { value(text, &self.found, number) } else { None });
            }
            self.items += 1;
        }
        self.offsets.push(i32::try_from(self.items).unwrap_or(i32::MAX));
    }

    fn finish(mut self: Box<Self>) -> ArrayRef {
        let fields = std::mem::take(&mut self.fields);
        let arrays: Vec<ArrayRef> = fields.into_iter().map(Builder::finish).collect();
        let items = StructArray::new(self.columns.struct_fields(), arrays, None);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        Arc::new(ListArray::new(
            Arc::new(self.columns.item()),
            offsets,
            Arc::new(items),
            self.validity.finish(),
        ))
    }
}

fn unquoted(raw: &str) -> Option<&str> {
    raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::output::JsonRows;
    use crate::streams::schema::StreamSpec;
    use datafusion::arrow::array::RecordBatch;
    use expect_test::expect;
    use serde_json::json;

    fn schema() -> Schema {
        let spec: StreamSpec = serde_json::from_value(json!({"schema": [
            {"name": "id", "type": "text"}, {"name": "ok", "type": "bool"}, {"name": "n", "type": "int"},
            {"name": "f", "type": "float"}, {"name": "price", "type": "decimal(12,2)"}, {"name": "at", "type": "time"},
            {"name": "notes", "type": "json"},
            {"name": "items", "type": "list", "fields": [
                {"name": "sku", "type": "text"},
                {"name": "parts", "type": "list", "fields": [{"name": "n", "type": "int"}]},
            ]},
        ], "time": "at", "unknown_fields": "keep"}))
        .expect("a spec");
        Schema::new(&spec)
    }

    #[test]
    fn what_was_stored_comes_back_as_columns() {
        let schema = schema();
        let all: Vec<usize> = (0..schema.stored.list.len()).collect();
        let mut decoder = Decoder::new(&schema, &all);
        for line in [
            r#"{"id":"a\"\u00e9","ok":true,"n":-1,"f":1e3,"price":129.9,"at":"2018-10-17T17:30:20.25Z","notes":{"a":[1]}}"#,
            r#"{"items":[{"sku":"s","parts":[{"n":1},{"n":2}]},{"parts":[]}],"_extra":{"x":1},"_time":"1970-01-01T00:00:00Z"}"#,
            r#"{"id":"é","items":[],"notes":"text"}"#,
        ] {
            decoder.add(line.as_bytes()).expect("a row");
        }
        let arrays = decoder.finish();
        let fields = schema.arrow.project(&all).expect("a schema");
        let batch = RecordBatch::try_new(Arc::new(fields), arrays).expect("a batch");
        let rows = JsonRows::new(&batch).expect("rows");
        let mut out = Vec::new();
        for row in 0..3 {
            rows.write_without_nulls(row, &mut out).expect("a row");
            out.push(b'\n');
        }
        expect![[r#"
            {"id":"a\"é","ok":true,"n":-1,"f":1000.0,"price":129.90,"at":"2018-10-17T17:30:20.250Z","notes":"{\"a\":[1]}","_time":"2018-10-17T17:30:20.250Z"}
            {"items":[{"sku":"s","parts":[{"n":1},{"n":2}]},{"sku":null,"parts":[]}],"_extra":"{\"x\":1}","_time":"1970-01-01T00:00:00Z"}
            {"id":"é","notes":"\"text\"","items":[]}
        "#]]
        .assert_eq(&String::from_utf8(out).expect("UTF-8"));
    }

    #[test]
    fn only_wanted_columns_are_built() {
        let schema = schema();
        let mut decoder = Decoder::new(&schema, &[4]);
        decoder.add(br#"{"id":"a","price":0.1}"#).expect("a row");
        let arrays = decoder.finish();
        assert_eq!((arrays.len(), arrays[0].len()), (1, 1));
    }
}
