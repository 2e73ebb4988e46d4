//! The table of operations as Markdown, for `docs/reference/http.md`.

use crate::Line;
use kernel::Body;

/// Returns the operations as a Markdown table, by name.
pub fn reference(lines: &[Line]) -> String {
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by_key(|line| line.operation.name);
    let mut text =
        "| operation | route | right | takes | what it does |\n|---|---|---|---|---|\n".to_owned();
    for line in lines {
        let operation = &line.operation;
        let mut takes: Vec<String> =
            operation.query.iter().map(|(name, _)| format!("`?{name}`")).collect();
        match &operation.body {
            Body::None => {}
            Body::Json(schema) => takes.push(fields(schema)),
            Body::Raw(media) => takes.extend(media.iter().map(|media| format!("`{media}`"))),
        }
        text.push_str(&format!(
            "| `{}` | `{} {}` | {} | {} | {} |\n",
            operation.name,
            line.method,
            line.route,
            operation.right.as_str(),
            takes.join(" "),
            operation.summary,
        ));
    }
    text
}

/// Returns the fields of a JSON body; what may be left out has a question mark.
fn fields(schema: &serde_json::Value) -> String {
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|required| required == name))
    };
    let Some(properties) = schema["properties"].as_object() else { return "JSON".into() };
    let names: Vec<String> = properties
        .keys()
        .map(|name| if required(name) { name.clone() } else { format!("{name}?") })
        .collect();
    format!("`{{{}}}`", names.join(", "))
}
