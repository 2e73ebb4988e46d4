//! Rows of Parquet on their way to the unit: as an Arrow stream, some thousand at a time.

use super::convert;
use super::limits::TABLE_BYTES_MAX;
use super::parquet_file::Column;
use super::set_aside::Sent;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use serde_json::Value;
use std::sync::Arc;

/// Rows of one append.
#[derive(Debug)]
pub struct Table {
    /// The number of the first row in its file, from 1.
    pub first: u64,
    rows: RecordBatch,
}

impl Table {
    /// Returns how many rows it has.
    pub fn count(&self) -> u64 {
        self.rows.num_rows() as u64
    }

    /// Returns the rows as bodies of appends, each of a limited size. Only a row that is too long by itself exceeds it. The same
    /// rows always give the same bodies: their keys depend on it.
    ///
    /// # Errors
    /// Where a column cannot be written, which is a defect.
    pub fn bodies(self) -> Result<Vec<(Self, Vec<u8>)>, ArrowError> {
        let body = self.body()?;
        let count = self.rows.num_rows();
        if body.len() <= TABLE_BYTES_MAX || count < 2 {
            return Ok(vec![(self, body)]);
        }
        let half = count / 2;
        let second =
            Self { first: self.first + half as u64, rows: self.rows.slice(half, count - half) };
        let first = Self { first: self.first, rows: self.rows.slice(0, half) };
        let mut bodies = first.bodies()?;
        bodies.extend(second.bodies()?);
        Ok(bodies)
    }

    fn body(&self) -> Result<Vec<u8>, ArrowError> {
        let mut writer = StreamWriter::try_new(Vec::new(), self.rows.schema_ref())?;
        writer.write(&self.rows)?;
        writer.into_inner()
    }
}

impl Sent for Table {
    /// A row is told by its texts and its whole numbers: the unit writes them as they are.
    fn line(&self, place: usize, head: &str) -> Option<u64> {
        if self.rows.num_rows() <= place {
            return None;
        }
        let row: Value = serde_json::from_str(head).ok()?;
        for (field, array) in self.rows.schema_ref().fields().iter().zip(self.rows.columns()) {
            let found = &row[field.name().as_str()];
            let is_same = match array.data_type() {
                _ if array.is_null(place) => found.is_null(),
                DataType::Utf8 => found == array.as_string::<i32>().value(place),
                DataType::Int64 => *found == array.as_primitive::<Int64Type>().value(place),
                _ => true,
            };
            if !is_same {
                return None;
            }
        }
        Some(self.first + place as u64)
    }
}

/// Makes tables for a stream out of the batches of a file.
#[derive(Debug)]
pub struct Converter {
    /// The name of each column, and the type that the stream has it in.
    columns: Vec<(String, String)>,
    next: u64,
}

impl Converter {
    /// Returns a converter of rows with these columns for a stream with this `spec`.
    pub fn new(columns: &[Column], spec: &Value) -> Self {
        let wanted = spec["schema"].as_array();
        let word = |name: &str| {
            let column = wanted.into_iter().flatten().find(|column| column["name"] == name);
            column.and_then(|column| column["type"].as_str()).unwrap_or("json").to_owned()
        };
        let columns = columns.iter().map(|column| (column.name.clone(), word(&column.name)));
        Self { columns: columns.collect(), next: 1 }
    }

    /// Returns the next rows of the file.
    ///
    /// # Errors
    /// Where a column cannot be converted, which is a defect: its type was looked at before.
    pub fn table(&mut self, batch: &RecordBatch) -> Result<Table, ArrowError> {
        let mut fields = Vec::new();
        let mut arrays = Vec::new();
        for ((name, word), array) in self.columns.iter().zip(batch.columns()) {
            let array = convert::column(array, word)?;
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        let first = self.next;
        self.next += rows.num_rows() as u64;
        Ok(Table { first, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Float64Array, Int32Array, StringArray};
    use arrow::ipc::reader::StreamReader;

    fn table(texts: &[&str]) -> Table {
        let count = i32::try_from(texts.len()).expect("few");
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..count));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let prices: ArrayRef = Arc::new(Float64Array::from_iter((0..count).map(|_| None::<f64>)));
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("n", numbers, true),
            ("t", texts, true),
            ("p", prices, true),
        ]);
        let names = [("n", "int"), ("t", "text"), ("p", "float")];
        let columns = names.map(|(name, word)| (name.to_owned(), word.to_owned())).to_vec();
        let mut converter = Converter { columns, next: 11 };
        converter.table(&batch.expect("a batch")).expect("converts")
    }

    #[test]
    fn rows_are_cut_into_bodies_of_a_limited_size() {
        let long = "x".repeat(TABLE_BYTES_MAX / 3);
        let bodies = table(&[long.as_str(); 5]).bodies().expect("writes");
        let firsts: Vec<u64> = bodies.iter().map(|(table, _)| table.first).collect();
        assert_eq!(firsts, [11, 13, 14]);
        let mut rows = 0;
        for (_, body) in &bodies {
            assert!(body.len() <= TABLE_BYTES_MAX);
            for batch in StreamReader::try_new(&body[..], None).expect("Arrow") {
                rows += batch.expect("reads").num_rows();
            }
        }
        assert_eq!(rows, 5);
        let huge = "x".repeat(TABLE_BYTES_MAX);
        let bodies = table(&["a", huge.as_str()]).bodies().expect("writes");
        let sizes = bodies.iter().map(|(_, body)| TABLE_BYTES_MAX < body.len());
        assert_eq!(sizes.collect::<Vec<_>>(), [false, true], "a row is never cut");
    }

    #[test]
    fn the_rows_of_a_table_are_told_from_those_of_others() {
        let table = table(&["a", "b"]);
        assert_eq!(table.line(1, "{\"n\":1,\"t\":\"b\"}"), Some(12));
        assert_eq!(table.line(1, "{\"n\":1,\"t\":\"b\",\"p\":1.5}"), None);
        assert_eq!(table.line(1, "{\"n\":2,\"t\":\"b\"}"), None);
        assert_eq!(table.line(0, "{\"n\":0,\"t\":\"b\"}"), None);
        assert_eq!(table.line(2, "{}"), None);
        assert_eq!(table.line(0, "{\"n\":0,\"t\":\"a"), None);
    }
}
