//! Rows on their way to the unit: as JSON, some thousand at a time.

use super::cell::{self, Type};
use super::limits::{BATCH_BYTES_MAX, BATCH_ROWS_MAX};
use super::rows::Content;
use super::set_aside::{HEAD_LETTERS, Sent};
use serde_json::Value;
use std::collections::HashMap;

/// Rows of one append. The same file and schema always give the same batches: their keys depend on it.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows, each with the line of the file at which it begins.
    pub rows: Vec<(u64, String)>,
    bytes: usize,
}

impl Batch {
    /// Returns whether a row of `bytes` finds room.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.rows.len() < BATCH_ROWS_MAX && self.bytes + bytes < BATCH_BYTES_MAX
    }

    /// Adds a row.
    pub fn push(&mut self, line: u64, row: String) {
        // The line end counts.
        self.bytes += row.len() + 1;
        self.rows.push((line, row));
    }

    /// Returns the body of an append.
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.bytes);
        for (_, row) in &self.rows {
            body.extend_from_slice(row.as_bytes());
            body.push(b'\n');
        }
        body
    }
}

impl Sent for Batch {
    fn line(&self, place: usize, head: &str) -> Option<u64> {
        let (line, row) = self.rows.get(place)?;
        row.chars().take(HEAD_LETTERS).eq(head.chars()).then_some(*line)
    }
}

/// Writes the rows of a file for a stream.
#[derive(Debug)]
pub struct Writer {
    /// `"name":` and how cells are written, for each column of the file.
    columns: Vec<(String, Type)>,
}

impl Writer {
    /// Returns a writer of rows with these columns for a stream with this `spec`.
    pub fn new(header: &[String], spec: &Value) -> Self {
        let schema = spec["schema"].as_array();
        let words: HashMap<&str, &str> = schema
            .into_iter()
            .flatten()
            .filter_map(|column| Some((column["name"].as_str()?, column["type"].as_str()?)))
            .collect();
        let type_of = |name: &str| words.get(name).map_or(Type::Text, |word| Type::of_word(word));
        let columns = header.iter().map(|name| (format!("\"{name}\":"), type_of(name))).collect();
        Self { columns }
    }

    /// Returns a row as a JSON object on one line.
    ///
    /// # Errors
    /// Where it is too long for any append, in words.
    pub fn row(&self, content: Content) -> Result<String, String> {
        let row = match content {
            Content::Line(line) => line,
            Content::Cells(cells) => self.object(&cells),
        };
        if Batch::default().has_room(row.len()) {
            return Ok(row);
        }
        Err(format!("the row has {} bytes, fewer than {BATCH_BYTES_MAX} are allowed", row.len()))
    }

    fn object(&self, cells: &[String]) -> String {
        let mut row = String::from("{");
        for ((prefix, column_type), cell) in self.columns.iter().zip(cells) {
            if cell::is_null(cell) {
                continue;
            }
            if 1 < row.len() {
                row.push(',');
            }
            row.push_str(prefix);
            cell::write(cell, *column_type, &mut row);
        }
        row.push('}');
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cells(cells: &[&str]) -> Content {
        Content::Cells(cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn cells_become_an_object_without_those_that_are_empty() {
        let spec = json!({"schema": [{"name": "n", "type": "int"}, {"name": "t", "type": "text"}]});
        let writer = Writer::new(&["n".into(), "t".into(), "new".into()], &spec);
        let row = |list: &[&str]| writer.row(cells(list)).expect("fits");
        assert_eq!(row(&["1", "2", "x\ny"]), r#"{"n":1,"t":"2","new":"x\ny"}"#);
        assert_eq!(row(&["NA", "2", ""]), r#"{"t":"2"}"#);
        assert_eq!(row(&["", "", ""]), "{}");
        assert!(writer.row(Content::Line("x".repeat(BATCH_BYTES_MAX))).is_err());
    }

    #[test]
    fn a_batch_ends_at_its_rows_and_at_its_bytes() {
        let mut batch = Batch::default();
        while batch.has_room(2) {
            batch.push(1, "{}".into());
        }
        assert_eq!(batch.rows.len(), BATCH_ROWS_MAX);
        let mut batch = Batch::default();
        let row = "x".repeat(BATCH_BYTES_MAX / 3);
        while batch.has_room(row.len()) {
            batch.push(1, row.clone());
        }
        assert!(batch.body().len() <= BATCH_BYTES_MAX && 1 < batch.rows.len());
    }
}
