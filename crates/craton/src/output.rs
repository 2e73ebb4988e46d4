//! Shows answers: aligned tables for people, JSON, YAML and CSV for programs.

use crate::layout::{self, visible};
use base::Problem;
use serde_json::Value;
use std::io::Write;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, for people.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A graph for Graphviz; of `lineage` only.
    Dot,
}

/// A column of a list: its title, and the fields that may hold its value, the first present one counts.
#[derive(Debug, Clone, Copy)]
pub struct Column(pub &'static str, pub &'static [&'static str]);

/// Writes text to standard output. Ends the program quietly where nobody reads any more (`craton … | head`).
pub fn print(text: &str) {
    print_bytes(text.as_bytes());
}

/// Writes bytes to standard output, like [`print`].
pub fn print_bytes(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Writes a line to standard output.
pub fn line(text: impl AsRef<str>) {
    print(&format!("{}\n", text.as_ref()));
}

/// Writes text to standard error, for people: what it says is not the answer.
pub fn error_text(text: &str) {
    let letter = |letter: &char| *letter == '\n' || !letter.is_control();
    let text: String = text.chars().filter(letter).collect();
    // Where nobody reads it there is nobody to tell.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a line to standard error, like [`error_text`].
pub fn error_line(text: impl AsRef<str>) {
    error_text(&format!("{}\n", text.as_ref()));
}

/// Writes a list: as a table or CSV with these columns, or as the unit gave it.
///
/// # Errors
/// Where the answer cannot be written in the form, which is a defect.
pub fn list(format: Format, answer: &Value, columns: &[Column]) -> Result<(), Problem> {
    show(format, answer, &items(answer), columns)
}

/// Writes the list that an answer has in a field among others, like [`list`].
///
/// # Errors
/// Where the answer cannot be written in the form, which is a defect.
pub fn part(
    format: Format,
    answer: &Value,
    field: &str,
    columns: &[Column],
) -> Result<(), Problem> {
    show(format, answer, &items(&answer[field]), columns)
}

fn show(
    format: Format,
    answer: &Value,
    items: &[Value],
    columns: &[Column],
) -> Result<(), Problem> {
    let titles: Vec<String> = columns.iter().map(|Column(title, _)| (*title).to_owned()).collect();
    let rows = || -> Vec<Vec<String>> {
        items.iter().map(|item| columns.iter().map(|column| cell(item, column)).collect()).collect()
    };
    match format {
        Format::Table if items.is_empty() => line("nothing"),
        Format::Table => print(&table(&titles, &rows())),
        Format::Csv => print(&csv_text(&titles, &rows())?),
        Format::Json | Format::Yaml | Format::Dot => print(&document(format, answer)?),
    }
    Ok(())
}

/// Writes one thing: as `FIELD  VALUE` lines for people, or as the unit gave it.
///
/// # Errors
/// Where the answer cannot be written in the form, which is a defect.
pub fn one(format: Format, answer: &Value) -> Result<(), Problem> {
    match format {
        Format::Table => print(&describe(answer)?),
        Format::Csv => {
            let fields: Vec<(String, String)> = fields(answer);
            let titles: Vec<String> = fields.iter().map(|(title, _)| title.clone()).collect();
            print(&csv_text(&titles, &[fields.into_iter().map(|(_, text)| text).collect()])?);
        }
        Format::Json | Format::Yaml | Format::Dot => print(&document(format, answer)?),
    }
    Ok(())
}

/// Returns the items of a list: every list of the unit has them in `items`, rows of SQL come bare.
pub fn items(answer: &Value) -> Vec<Value> {
    let items = answer.as_array().or_else(|| answer.get("items")?.as_array());
    items.cloned().unwrap_or_default()
}

/// Returns rows as aligned columns without borders.
pub fn table(titles: &[String], rows: &[Vec<String>]) -> String {
    let columns: Vec<layout::Column> = titles.iter().map(layout::Column::text).collect();
    layout::table(&columns, rows, None)
}

/// Returns rows as CSV.
///
/// # Errors
/// Where a row cannot be written, which is a defect.
pub fn csv_text(titles: &[String], rows: &[Vec<String>]) -> Result<String, Problem> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    let defect = |error: csv::Error| internal(&error.to_string());
    writer.write_record(titles).map_err(defect)?;
    for row in rows {
        writer.write_record(row).map_err(defect)?;
    }
    let bytes = writer.into_inner().map_err(|error| internal(&error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| internal(&error.to_string()))
}

/// Returns a value as JSON or YAML text.
///
/// # Errors
/// Where it cannot be written, which is a defect.
pub fn document(format: Format, value: &Value) -> Result<String, Problem> {
    match format {
        Format::Yaml => {
            return serde_saphyr::to_string(value).map_err(|error| internal(&error.to_string()));
        }
        Format::Dot => return Err(internal("it is no graph")),
        Format::Table | Format::Json | Format::Csv => {}
    }
    let text = serde_json::to_string_pretty(value).map_err(|error| internal(&error.to_string()))?;
    Ok(text + "\n")
}

/// Returns a value of a field as plain text: text as it is, anything else as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cell(item: &Value, Column(_, keys): &Column) -> String {
    let found = keys.iter().find_map(|key| {
        let value = if key.starts_with('/') { item.pointer(key) } else { item.get(*key) };
        value.filter(|value| !value.is_null())
    });
    plain(found.unwrap_or(&Value::Null))
}

fn fields(answer: &Value) -> Vec<(String, String)> {
    match answer {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
        }
        other => vec![("value".into(), plain(other))],
    }
}

/// Returns `field  value` lines; what has parts of its own follows as YAML.
fn describe(answer: &Value) -> Result<String, Problem> {
    let Value::Object(all) = answer else { return Ok(plain(answer) + "\n") };
    let is_flat = |value: &Value| !value.is_object() && !value.is_array();
    let width = all.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in all.iter().filter(|(_, value)| is_flat(value)) {
        text.push_str(&format!("{name:<width$}   {}\n", visible(&plain(value))));
    }
    for (name, value) in all.iter().filter(|(_, value)| !is_flat(value)) {
        let yaml = document(Format::Yaml, value)?;
        text.push_str(&format!("{name}\n"));
        for line in yaml.lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    Ok(text)
}

fn internal(detail: &str) -> Problem {
    Problem::new(
        base::Code("cli.internal", base::Kind::Internal),
        format!("the answer could not be written: {detail}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_are_aligned_and_have_no_borders() {
        let columns = [Column("NAME", &["name"]), Column("STATE", &["state"])];
        let rows: Vec<Vec<String>> = items(
            &json!({"items": [{"name": "a", "state": null}, {"name": "long\u{1b}x", "state": 3}]}),
        )
        .iter()
        .map(|item| columns.iter().map(|column| cell(item, column)).collect())
        .collect();
        let text = table(&["NAME".into(), "STATE".into()], &rows);
        assert_eq!(text, "NAME          STATE\na             -\nlong\\u{1b}x   3\n");
    }

    #[test]
    fn no_other_field_is_taken_for_the_items_of_a_list() {
        assert_eq!(items(&json!({"all": [1], "items": [2], "rows": [3]})), [json!(2)]);
        assert_eq!(items(&json!([{"a": 1}])), [json!({"a": 1})]);
        assert!(items(&json!({"all": [1], "rows": [2]})).is_empty());
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let text = csv_text(&["a".into()], &[vec!["x,\"y\"".into()]]).expect("writes");
        assert_eq!(text, "a\n\"x,\"\"y\"\"\"\n");
    }

    #[test]
    fn parts_of_a_thing_follow_its_plain_fields() {
        let text = describe(&json!({"name": "orders", "spec": {"key": ["id"]}})).expect("writes");
        assert!(text.starts_with("name   orders\nspec\n  key:"), "{text}");
    }
}
