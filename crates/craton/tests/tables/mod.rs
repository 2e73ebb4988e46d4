//! Parquet files as other programs write them.

#![allow(dead_code, reason = "each test takes what it needs")]

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array,
    Float64Array, Int32Array, Int64Array, ListArray, RecordBatch, StringArray, StructArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;

/// Returns a file of three sales with a column of each kind.
pub fn sales() -> Vec<u8> {
    let decimals =
        Decimal128Array::from(vec![Some(1), Some(2), None]).with_precision_and_scale(9, 3);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("ID", of(StringArray::from(vec!["a", "b", "c"]))),
        ("pieces", of(Int32Array::from(vec![5, 1, 2]))),
        ("price", of(Float64Array::from(vec![Some(2.55), None, Some(10.0)]))),
        ("weight", of(Float32Array::from(vec![Some(1.5), None, Some(0.123_456_7)]))),
        ("fee", of(decimals.expect("fits"))),
        ("Sold At", of(TimestampNanosecondArray::from(vec![1_291_191_960_000_000_000; 3]))),
        ("day", of(Date32Array::from(vec![Some(17_821), None, Some(0)]))),
        ("is_paid", of(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("tags", of(tags())),
        ("buyer", of(buyers())),
        ("digest", of(digests())),
        ("number", of(UInt64Array::from(vec![Some(1), None, Some(u64::MAX)]))),
    ];
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), *name != "ID"))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a batch");
    written(&[batch], 1_000)
}

fn of(array: impl Array + 'static) -> ArrayRef {
    Arc::new(array)
}

fn digests() -> BinaryArray {
    BinaryArray::from_opt_vec(vec![Some(b"\x00\xff".as_slice()), None, Some(b"".as_slice())])
}

fn tags() -> ListArray {
    let items: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let field = Arc::new(Field::new("item", DataType::Utf8, true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 2, 2, 2]));
    let nulls = NullBuffer::from(vec![true, false, true]);
    ListArray::new(field, offsets, items, Some(nulls))
}

fn buyers() -> StructArray {
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("Ana"), Some("Bo"), None]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(17_821), None, None]));
    let fields = Fields::from(vec![
        Field::new("name", DataType::Utf8, true),
        Field::new("since", DataType::Date32, true),
    ]);
    StructArray::new(fields, vec![names, days], None)
}

/// Returns a file of numbered rows `n`, `t`, `f` in row groups of so many rows.
pub fn numbered(rows: i64, group: usize, fraction: impl Fn(i64) -> f64) -> Vec<u8> {
    let texts: Vec<String> = (0..rows).map(|number| format!("row {number}")).collect();
    let columns: [(&str, ArrayRef); 3] = [
        ("n", of(Int64Array::from_iter_values(0..rows))),
        ("t", of(StringArray::from(texts))),
        ("f", of(Float64Array::from_iter_values((0..rows).map(fraction)))),
    ];
    written(&[RecordBatch::try_from_iter(columns).expect("a batch")], group)
}

fn written(batches: &[RecordBatch], group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(group))
        .build();
    let schema = batches[0].schema();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).expect("begins");
    for batch in batches {
        writer.write(batch).expect("writes");
    }
    writer.close().expect("ends");
    bytes
}

/// Returns where the pages of a column of a row group begin and end.
pub fn pages(bytes: &[u8], group: usize, column: usize) -> (usize, usize) {
    let mut file: File = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("writes");
    file.rewind().expect("rewinds");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let (from, length) = reader.metadata().row_group(group).column(column).byte_range();
    let from = usize::try_from(from).expect("small");
    (from, from + usize::try_from(length).expect("small"))
}
