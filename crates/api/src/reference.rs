//! The table of operations as Markdown: for `docs/reference/http.md` and for `craton reference`.
//!
//! It is made from the OpenAPI document, which the command line has as well, so that there is one table and not two.

use serde_json::Value;

/// Returns the operations of an OpenAPI document (see [`crate::document`]) as a Markdown table, by name.
pub fn reference(document: &Value) -> String {
    let mut rows = Vec::new();
    for (route, methods) in entries(&document["paths"]) {
        for (method, operation) in entries(methods) {
            let name = operation["operationId"].as_str().unwrap_or_default();
            // The door's own pages have names without a dot and are no operations.
            if name.contains('.') {
                rows.push((name, row(name, method, route, operation)));
            }
        }
    }
    rows.sort_unstable();
    let head = "| operation | route | right | takes | what it does |\n|---|---|---|---|---|\n";
    rows.into_iter().fold(head.to_owned(), |table, (_, row)| table + &row)
}

fn entries(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

fn row(name: &str, method: &str, route: &str, operation: &Value) -> String {
    let method = method.to_ascii_uppercase();
    let right = operation["x-craton-right"].as_str().unwrap_or_default();
    let is_open = operation["security"].as_array().is_some_and(Vec::is_empty);
    let open = if is_open { ", open" } else { "" };
    let takes = [queries(operation), bodies(operation)].concat().join(" ");
    let summary = operation["summary"].as_str().unwrap_or_default().replace('|', "\\|");
    format!("| `{name}` | `{method} {route}` | {right}{open} | {takes} | {summary} |\n")
}

/// Returns the query parameters of its own; those of every operation are references.
fn queries(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str())
        .map(|name| format!("`?{name}`"))
        .collect()
}

/// Returns what an operation takes as its body: the fields of a JSON object, or the media types.
fn bodies(operation: &Value) -> Vec<String> {
    let mut bodies: Vec<String> = entries(&operation["requestBody"]["content"])
        .map(|(media, body)| fields(&body["schema"]).unwrap_or_else(|| format!("`{media}`")))
        .collect();
    bodies.sort_unstable();
    bodies
}

/// Returns the fields of a JSON object: first those that must be there, then the others with a question mark, by name. The
/// order does not depend on that of the schema's properties, which another build may sort.
fn fields(schema: &Value) -> Option<String> {
    let properties = schema["properties"].as_object()?;
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let required: Vec<&str> = required.filter(|name| properties.contains_key(*name)).collect();
    let mut optional: Vec<String> = properties
        .keys()
        .filter(|name| !required.contains(&name.as_str()))
        .map(|name| format!("{name}?"))
        .collect();
    optional.sort_unstable();
    let names: Vec<String> = required.into_iter().map(str::to_owned).chain(optional).collect();
    Some(format!("`{{{}}}`", names.join(", ")))
}
