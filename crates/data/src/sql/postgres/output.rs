//! Answers about the catalogue as batches of Arrow, with the types of PostgreSQL beside their columns.

use super::eval::{Column, Table};
use super::types::{self, Type};
use super::value::{Named, Value};
use crate::Error;
use datafusion::arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Float32Builder, Float64Builder, Int16Builder,
    Int32Builder, Int64Builder, ListBuilder, RecordBatch, RecordBatchOptions, StringBuilder,
    make_builder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::collections::HashMap;
use std::sync::Arc;

/// Where a field of a result says which type of PostgreSQL it has.
pub(crate) const TYPE: &str = "pg";

/// What separates the name of a column from a number that only makes it different from another of the same name.
pub(crate) const MARK: char = '\u{1}';

/// Returns the schema of a result as a client of PostgreSQL sees it.
pub(crate) fn shown(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let name = field.name().split(MARK).next().unwrap_or_default();
        let kind = match field.metadata().get(TYPE) {
            Some(kind) => kind.clone(),
            None => types::of_arrow(field.data_type()).name.to_owned(),
        };
        let metadata = HashMap::from([(TYPE.to_owned(), kind)]);
        Field::new(name, field.data_type().clone(), field.is_nullable()).with_metadata(metadata)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the schema of an answer.
pub(super) fn schema(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        let kind = told(column.kind);
        let metadata = HashMap::from([(TYPE.to_owned(), kind.name.to_owned())]);
        Field::new(&column.name, storage(kind), true).with_metadata(metadata)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Returns the type that is told of a column: what is only shown by name is text.
fn told(kind: &'static Type) -> &'static Type {
    let is_kept = matches!(
        kind.name,
        "bool"
            | "int2"
            | "int4"
            | "int8"
            | "oid"
            | "xid"
            | "float4"
            | "float8"
            | "text"
            | "name"
            | "char"
            | "varchar"
            | "bpchar"
            | "json"
            | "jsonb"
            | "int2vector"
            | "oidvector"
            | "void"
    );
    if is_kept {
        return kind;
    }
    if kind.name == "numeric" {
        return Type::known("float8");
    }
    match kind.element() {
        Some(element) => told(element).as_list().unwrap_or(Type::known("_text")),
        None => Type::known("text"),
    }
}

/// Returns the type of Arrow that holds the values.
fn storage(kind: &'static Type) -> DataType {
    match kind.element() {
        Some(element) => DataType::List(Arc::new(Field::new("item", storage(element), true))),
        None => match kind.name {
            "bool" => DataType::Boolean,
            "int2" => DataType::Int16,
            "int4" => DataType::Int32,
            "int8" | "oid" | "xid" => DataType::Int64,
            "float4" => DataType::Float32,
            "float8" => DataType::Float64,
            _ => DataType::Utf8,
        },
    }
}

/// Returns an answer as a batch; `text` writes values that are only shown.
///
/// # Errors
/// `sql.internal` where the batch cannot be made, which is a defect.
pub(super) fn batch(table: &Table, text: &dyn Fn(&Value) -> String) -> Result<RecordBatch, Error> {
    let schema = schema(&table.columns);
    let arrays = table.columns.iter().enumerate().map(|(at, column)| -> ArrayRef {
        let values = table.rows.iter().map(|row| row.get(at).unwrap_or(&Value::Null));
        let kind = told(column.kind);
        match kind.element() {
            Some(element) => lists(values, element, text),
            None => {
                let mut builder = make_builder(&storage(kind), table.rows.len());
                values.for_each(|value| append(builder.as_mut(), value, kind, text));
                builder.finish()
            }
        }
    });
    let options = RecordBatchOptions::new().with_row_count(Some(table.rows.len()));
    RecordBatch::try_new_with_options(Arc::clone(&schema), arrays.collect(), &options)
        .map_err(|error| Error::Internal { detail: error.to_string() })
}

fn lists<'v>(
    values: impl Iterator<Item = &'v Value>,
    element: &'static Type,
    text: &dyn Fn(&Value) -> String,
) -> ArrayRef {
    let field = Arc::new(Field::new("item", storage(element), true));
    let mut builder = ListBuilder::new(make_builder(&storage(element), 0)).with_field(field);
    for value in values {
        let items = value.items();
        for item in items.iter().flatten() {
            append(builder.values().as_mut(), item, element, text);
        }
        builder.append(items.is_some());
    }
    Arc::new(builder.finish())
}

fn append(
    builder: &mut dyn ArrayBuilder,
    value: &Value,
    kind: &Type,
    text: &dyn Fn(&Value) -> String,
) {
    // A number that does not fit its column is null: the catalogue has none such.
    let builder = builder.as_any_mut();
    if let Some(builder) = builder.downcast_mut::<BooleanBuilder>() {
        builder.append_option(value.truth());
    } else if let Some(builder) = builder.downcast_mut::<Int16Builder>() {
        builder.append_option(value.int().and_then(|number| i16::try_from(number).ok()));
    } else if let Some(builder) = builder.downcast_mut::<Int32Builder>() {
        builder.append_option(value.int().and_then(|number| i32::try_from(number).ok()));
    } else if let Some(builder) = builder.downcast_mut::<Int64Builder>() {
        builder.append_option(value.int());
    } else if let Some(builder) = builder.downcast_mut::<Float32Builder>() {
        // Fewer digits are what the column promises.
        builder.append_option(value.float().map(|number| number as f32));
    } else if let Some(builder) = builder.downcast_mut::<Float64Builder>() {
        builder.append_option(value.float());
    } else if let Some(builder) = builder.downcast_mut::<StringBuilder>() {
        let shown = (!value.is_null()).then(|| match value {
            Value::Bool(truth) if kind.category == 'S' => truth.to_string(),
            // What names nothing is shown as PostgreSQL shows it.
            Value::Oid(Named::Function, 0) => "-".into(),
            value => text(value),
        });
        builder.append_option(shown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::Array;
    use datafusion::arrow::util::pretty::pretty_format_batches;

    #[test]
    fn answers_become_batches_with_the_types_of_postgresql() {
        let column = |name: &str, kind: &str| Column {
            qualifier: String::new(),
            name: name.into(),
            kind: Type::known(kind),
            is_hidden: false,
        };
        let columns =
            vec![column("oid", "oid"), column("names", "_name"), column("kind", "regtype")];
        let rows = vec![
            vec![
                Value::Int(7),
                Value::list(vec![Value::text("a"), Value::Null]),
                Value::text("text"),
            ],
            vec![Value::Null, Value::Null, Value::Null],
        ];
        let rows = rows.into_iter().map(Into::into).collect();
        let text = |value: &Value| value.key();
        let batch = batch(&Table { columns, rows }, &text).expect("a batch");
        let kinds: Vec<_> =
            batch.schema().fields().iter().map(|field| field.metadata()[TYPE].clone()).collect();
        assert_eq!(kinds, ["oid", "_name", "text"]);
        assert!(batch.column(1).is_null(1));
        let shown = pretty_format_batches(&[batch]).expect("it is shown").to_string();
        assert!(shown.contains("[a, ]"), "{shown}");
    }
}
