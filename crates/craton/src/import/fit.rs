//! Whether the columns of a file fit a stream that is there: what every row would be refused for is refused before the first one.

use super::convert::Shape;
use super::error::Error;
use super::source::Source;
use serde_json::Value;

/// Faults that a refusal names.
const FAULTS_MAX: usize = 5;

/// A column of a file: its name in a stream, and what its values are, where the file says so.
pub type Titled = (String, Option<Shape>);

/// Checks the columns of a file against the `spec` of a stream.
///
/// # Errors
/// `import.schema`.
pub fn check(source: &Source, columns: &[Titled], stream: &str, spec: &Value) -> Result<(), Error> {
    let mut faults = faults(columns, spec);
    if faults.is_empty() {
        return Ok(());
    }
    let more = faults.len().saturating_sub(FAULTS_MAX);
    faults.truncate(FAULTS_MAX);
    let mut reason = faults.join("; ");
    if 0 < more {
        reason.push_str(&format!("; and {more} more"));
    }
    Err(Error::Schema { what: source.shown.clone(), stream: stream.into(), reason })
}

fn faults(columns: &[Titled], spec: &Value) -> Vec<String> {
    let wanted: Vec<&Value> = spec["schema"].as_array().into_iter().flatten().collect();
    let keys: Vec<&str> =
        spec["key"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let keeps_unknown = spec["unknown_fields"] == "keep";
    let mut faults = Vec::new();
    for name in wanted.iter().filter_map(|column| required(column, &keys)) {
        if !columns.iter().any(|(column, _)| column == name) {
            faults.push(format!("the stream requires `{name}`, which the file does not have"));
        }
    }
    for (name, shape) in columns {
        let word = wanted.iter().find(|column| column["name"] == name.as_str());
        match (word.map(|column| column["type"].as_str().unwrap_or_default()), shape) {
            (None, _) if !keeps_unknown => {
                faults.push(format!("the stream has no column `{name}`"));
            }
            (Some(word), Some(shape)) if !shape.fits(word) => faults
                .push(format!("column `{name}` is {shape} in the file and {word} in the stream")),
            _ => {}
        }
    }
    faults
}

/// Returns the name of a column without which no row is taken.
fn required<'v>(column: &'v Value, keys: &[&str]) -> Option<&'v str> {
    let name = column["name"].as_str()?;
    (column["required"] == true || keys.contains(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(unknown_fields: &str) -> Value {
        json!({"schema": [
            {"name": "id", "type": "text"},
            {"name": "n", "type": "int", "required": true},
            {"name": "price", "type": "decimal(9,2)"},
        ], "key": ["id"], "unknown_fields": unknown_fields})
    }

    fn check(columns: &[(&str, Option<Shape>)], unknown_fields: &str, expected: &[&str]) {
        let columns: Vec<Titled> =
            columns.iter().map(|(name, shape)| ((*name).to_owned(), *shape)).collect();
        assert_eq!(faults(&columns, &spec(unknown_fields)), expected);
    }

    #[test]
    fn what_every_row_would_be_refused_for_is_named() {
        check(&[("id", None), ("n", None)], "refuse", &[]);
        check(
            &[("id", Some(Shape::Text)), ("n", Some(Shape::Float)), ("price", Some(Shape::Float))],
            "refuse",
            &[],
        );
        check(
            &[("n", Some(Shape::Text)), ("id", Some(Shape::Int)), ("new", Some(Shape::Bool))],
            "refuse",
            &[
                "column `n` is text in the file and int in the stream",
                "column `id` is int in the file and text in the stream",
                "the stream has no column `new`",
            ],
        );
        check(
            &[("new", None)],
            "keep",
            &[
                "the stream requires `id`, which the file does not have",
                "the stream requires `n`, which the file does not have",
            ],
        );
    }
}
