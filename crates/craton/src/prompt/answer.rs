//! Answers of queries: asked for in a form that keeps columns and types, shown as tables.

use crate::layout::{self, Column};
use crate::{client::Client, client::Request, error::Error, output, output::Format, routes};
use base::Problem;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

/// What stands for no value: it must not look like an empty text.
const NULL: &str = "NULL";

/// The answer of a query as rows of text.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    columns: Vec<WireColumn>,
    #[serde(borrow)]
    rows: Vec<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct WireColumn {
    name: String,
    #[serde(rename = "type")]
    column_type: String,
}

/// Returns the form in which an answer is asked for that is shown in this one.
pub fn wire(format: Format) -> &'static str {
    match format {
        // Columns in their order, with their types.
        Format::Table => "table",
        Format::Csv => "csv",
        Format::Json | Format::Yaml | Format::Dot => "json",
    }
}

/// Returns the request for a statement whose answer is shown in this form, and which can be cancelled by its tag.
pub fn request(sql: &str, format: Format, tag: &str) -> Request {
    routes::sql_query().json(&json!({"sql": sql, "format": wire(format), "tag": tag}))
}

impl Answer {
    /// Reads the answer of a request for a table.
    ///
    /// # Errors
    /// `cli.answer` where it is none.
    pub fn read(client: &Client, bytes: &[u8]) -> Result<Self, Problem> {
        Self::parse(bytes).map_err(|error| {
            Error::Answer { url: client.url().into(), reason: format!("no table: {error}") }.into()
        })
    }

    fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let Wire { columns, rows } = serde_json::from_slice(bytes)?;
        let columns = columns.into_iter().map(|WireColumn { name, column_type }| Column {
            title: name,
            is_number: matches!(column_type.as_str(), "int" | "float")
                || column_type.starts_with("decimal"),
        });
        let rows = rows.iter().map(|row| row.iter().map(|value| cell(value)).collect());
        Ok(Self { columns: columns.collect(), rows: rows.collect() })
    }

    /// Returns the answer as an aligned table, or record by record, and how many rows it has.
    pub fn text(&self, is_expanded: bool, width_max: Option<usize>) -> String {
        let mut text = if is_expanded {
            layout::records(&self.columns, &self.rows)
        } else {
            layout::table(&self.columns, &self.rows, width_max)
        };
        let rows = if self.rows.len() == 1 { "row" } else { "rows" };
        text.push_str(&format!("({} {rows})\n", self.rows.len()));
        text
    }
}

/// Returns the bytes of an answer as text of a form that is no table.
///
/// # Errors
/// `cli.answer` where it is no JSON.
pub fn text(client: &Client, format: Format, bytes: &[u8]) -> Result<String, Problem> {
    match format {
        Format::Yaml => {
            let value = serde_json::from_slice(bytes).map_err(|error| {
                let reason = format!("no JSON: {error}");
                Problem::from(Error::Answer { url: client.url().into(), reason })
            })?;
            output::document(format, &value)
        }
        Format::Json => Ok(String::from_utf8_lossy(bytes).into_owned() + "\n"),
        Format::Csv | Format::Table | Format::Dot => {
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

/// Returns a value as text: numbers with all the digits that came.
fn cell(value: &RawValue) -> String {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
        Some(b'n') => NULL.to_owned(),
        _ => raw.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_a_table_in_its_order() {
        let bytes = br#"{"columns":[{"name":"b","type":"decimal(38,3)"},{"name":"a","type":"text"}],"rows":[
            [12345678901234567890.125,"x\ny"],
            [null,""]]}"#;
        let answer = Answer::parse(bytes).expect("a table");
        let expected = "                       b   a\n12345678901234567890.125   x\\ny\n                    NULL\n(2 rows)\n";
        assert_eq!(answer.text(false, None), expected);
        let records = "[1]\nb   12345678901234567890.125\na   x\\ny\n[2]\nb   NULL\na\n(2 rows)\n";
        assert_eq!(answer.text(true, None), records);
        assert!(Answer::parse(b"[]").is_err());
    }
}
