//! `trace`: one trace as a tree, over all the units that it went through.

use crate::{
    arguments::Globals, client::Client, connect, error::Error, layout::visible, output,
    output::Format, routes,
};
use base::Problem;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Spans of one trace that are asked of one unit.
const SPANS_MAX: u32 = 10_000;

/// The spans of a trace as a unit remembers them.
const SQL: &str = "SELECT trace, span, parent, name, kind, started_at, nanos, milliseconds, code, attributes \
                   FROM system.spans WHERE trace = $1 ORDER BY nanos";

/// Shows what a call, a process or an order did, as a tree, over all the units it went through
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton trace 4bf92f3577b34da6a3ce929d0e0e4736\n  craton --unit retail trace 4bf92f3577b34da6a3ce929d0e0e4736 payment logistics\n\nThe id is the second part of the header `traceparent` of an answer. A unit remembers the last spans in memory.\nThe units are folders; that of `--unit` comes first."
)]
pub struct Trace {
    /// The trace: 32 hexadecimal digits, or a whole `traceparent`
    id: String,
    /// Folders or addresses of further units that it may have gone through
    units: Vec<String>,
}

impl Trace {
    /// Shows the tree.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let id = trace_id(&self.id)?;
        let mut spans = spans_of(&connect::client(globals)?, &id)?;
        for unit in &self.units {
            let other = Globals { unit: Some(unit.clone()), token: None, ..globals.clone() };
            spans.extend(spans_of(&connect::client(&other)?, &id)?);
        }
        if spans.is_empty() {
            let hint = "a unit remembers the last spans of traces that are written down; name further units behind the id";
            let what = format!("no span of trace `{id}` is remembered");
            return Err(Error::NotFound { what, hint: hint.into() }.into());
        }
        spans.sort_by_key(|span| span["nanos"].as_i64());
        match globals.output {
            Format::Table => output::print(&tree(&spans)),
            format => output::list(format, &json!({"items": spans}), &COLUMNS)?,
        }
        Ok(())
    }
}

const COLUMNS: [output::Column; 6] = [
    output::Column("UNIT", &["unit"]),
    output::Column("SPAN", &["span"]),
    output::Column("PARENT", &["parent"]),
    output::Column("NAME", &["name"]),
    output::Column("MS", &["milliseconds"]),
    output::Column("CODE", &["code"]),
];

/// Returns the id of a trace, also out of a whole `traceparent`.
fn trace_id(text: &str) -> Result<String, Problem> {
    let id = text.split('-').nth(1).unwrap_or(text).to_ascii_lowercase();
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id {
        return Ok(id);
    }
    let hint = "write 32 hexadecimal digits: the second part of the header `traceparent`";
    Err(Error::usage(format!("`{text}` is not a trace"), hint).into())
}

fn spans_of(client: &Client, id: &str) -> Result<Vec<Value>, Problem> {
    let request = routes::sql_query().json(&json!({
        "sql": SQL, "parameters": [id], "limits": {"rows": SPANS_MAX},
    }));
    let mut spans = output::items(&client.send(&request)?);
    let unit = client.url().split_once("://").map_or(client.url(), |(_, address)| address);
    spans.iter_mut().for_each(|span| span["unit"] = unit.into());
    Ok(spans)
}

/// Returns spans as a tree. One whose parent nobody remembers stands at the left.
fn tree(spans: &[Value]) -> String {
    let known: std::collections::BTreeSet<&str> =
        spans.iter().filter_map(|span| span["span"].as_str()).collect();
    let mut children: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    let mut roots = Vec::new();
    for span in spans {
        match span["parent"].as_str().filter(|parent| known.contains(parent)) {
            Some(parent) => children.entry(parent).or_default().push(span),
            None => roots.push(span),
        }
    }
    let width = spans.iter().filter_map(|span| span["unit"].as_str()).map(str::len).max();
    let mut drawn = Drawn {
        text: String::new(),
        start: spans.first().and_then(|span| span["nanos"].as_i64()).unwrap_or_default(),
        width: width.unwrap_or_default(),
        children,
        left: spans.len(),
    };
    for root in roots {
        drawn.draw(root, "", "");
    }
    drawn.text
}

/// A tree on its way.
struct Drawn<'s> {
    text: String,
    start: i64,
    width: usize,
    children: BTreeMap<&'s str, Vec<&'s Value>>,
    /// Spans that are still to be drawn: one that names itself among its ancestors ends here.
    left: usize,
}

impl<'s> Drawn<'s> {
    fn draw(&mut self, span: &'s Value, branch: &str, below: &str) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        let text = |name: &str| visible(span[name].as_str().unwrap_or_default());
        let after = (span["nanos"].as_i64().unwrap_or_default() - self.start) as f64 / 1e6;
        let took = span["milliseconds"].as_f64().unwrap_or_default();
        let code = span["code"].as_str().map(|code| format!("  [{code}]")).unwrap_or_default();
        let resource = attribute(span, "craton.resource").map(|on| format!(" {}", visible(&on)));
        self.text.push_str(&format!(
            "{:<width$}  +{after:>9.3} ms  {took:>9.3} ms  {branch}{}{}{code}\n",
            text("unit"),
            text("name"),
            resource.unwrap_or_default(),
            width = self.width,
        ));
        let children = self.children.remove(span["span"].as_str().unwrap_or_default());
        let children = children.unwrap_or_default();
        let last = children.len().saturating_sub(1);
        for (place, child) in children.into_iter().enumerate() {
            let (branch, rest) = if place == last { ("└ ", "  ") } else { ("├ ", "│ ") };
            self.draw(child, &format!("{below}{branch}"), &format!("{below}{rest}"));
        }
    }
}

/// Returns an attribute of a span; they come as JSON in text.
fn attribute(span: &Value, name: &str) -> Option<String> {
    let attributes: Value = match &span["attributes"] {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    attributes.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(unit: &str, id: &str, parent: Option<&str>, name: &str, nanos: i64) -> Value {
        json!({"unit": unit, "span": id, "parent": parent, "name": name, "nanos": nanos, "milliseconds": 1.5,
            "code": null, "attributes": "{\"craton.resource\":\"stream/orders\"}"})
    }

    #[test]
    fn a_trace_over_two_units_is_one_tree() {
        let spans = [
            span("a:1", "1", None, "POST", 1_000_000),
            span("a:1", "2", Some("1"), "append", 2_000_000),
            span("b:22", "3", Some("2"), "message", 3_000_000),
            span("a:1", "4", Some("1"), "commit", 4_000_000),
            span("b:22", "5", Some("gone"), "lost", 5_000_000),
        ];
        assert_eq!(
            tree(&spans),
            "a:1   +    0.000 ms      1.500 ms  POST stream/orders\n\
             a:1   +    1.000 ms      1.500 ms  ├ append stream/orders\n\
             b:22  +    2.000 ms      1.500 ms  │ └ message stream/orders\n\
             a:1   +    3.000 ms      1.500 ms  └ commit stream/orders\n\
             b:22  +    4.000 ms      1.500 ms  lost stream/orders\n"
        );
    }

    #[test]
    fn spans_that_lead_to_themselves_end() {
        let spans = [span("a", "1", Some("2"), "x", 1), span("a", "2", Some("1"), "y", 2)];
        assert_eq!(tree(&spans), "", "no root, no tree, no endless loop");
    }

    #[test]
    fn the_id_is_read_from_a_traceparent_too() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(id).ok().as_deref(), Some(id));
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")).ok().as_deref(), Some(id));
        assert!(trace_id("what").is_err());
    }
}
