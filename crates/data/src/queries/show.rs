//! `query.list` and `query.get`: queries as they are shown, to who may see them.

use super::check::APPLICATION;
use super::keep::is_own;
use super::text::Text;
use crate::catalog::Catalog;
use crate::engine::Data;
use crate::sql::guard::{self, Text as Sql};
use crate::sql::output::names;
use crate::sql::run::type_name;
use base::Problem;
use datafusion::arrow::datatypes::FieldRef;
use kernel::{Call, Read, Reader, Reply, Resource};
use serde_json::{Value, json};
use std::sync::Arc;

/// Queries of one list where nobody says.
const LIMIT: u64 = 1_000;
/// Queries of one list, at most.
const LIMIT_MAX: u64 = 10_000;

/// What `query.list` takes in its query.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("text", "Those that have this in their name or summary."),
    ("application", "Those of this application; empty: those that people have saved."),
    ("own", "`true`: the caller's own."),
    ("limit", "How many; 1,000 where absent, 10,000 at most."),
    ("after", "Those behind this name: `next` of the list before."),
];

/// Lists queries by name.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn list(_data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let limit = call.number("limit")?.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let text = call.text("text").map(str::to_lowercase);
    let after = call.text("after").unwrap_or_default();
    let is_wanted = |query: &Resource| {
        let summary = query.spec["summary"].as_str().unwrap_or_default();
        let has = |text: &String| {
            query.name.contains(text.as_str()) || summary.to_lowercase().contains(text.as_str())
        };
        let application = query.labels.get(APPLICATION).map_or("", String::as_str);
        after < query.name.as_str()
            && text.as_ref().is_none_or(has)
            && call.text("application").is_none_or(|wanted| wanted == application)
            && (call.text("own") != Some("true") || is_own(query, reader.caller()))
    };
    let (mut items, mut next) = (Vec::new(), None);
    for query in reader.resources("query")?.iter().filter(|query| is_wanted(query)) {
        if !reader.allows("query.get", &query.reference())? {
            continue;
        }
        if limit <= items.len() as u64 {
            next = items.last().map(|last: &Value| last["name"].clone());
            break;
        }
        items.push(line(query, reader));
    }
    Ok(Reply::Value(json!({"items": items, "next": next})))
}

/// Shows a query, with the columns of its answer as the caller would get it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn get(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let query = find(reader, &call.resource.name)?;
    let text = Text::of(&query, &data.shared.config)?;
    let mut shown = line(&query, reader);
    shown["sql"] = json!(text.spec.sql);
    match columns(data, reader, call, &text) {
        Ok(columns) => shown["columns"] = columns,
        // It may read what the caller may not, or what is gone.
        Err(problem) => {
            shown["problem"] = json!({"code": problem.code, "message": problem.message});
        }
    }
    Ok(Reply::Value(shown))
}

/// Returns a query.
///
/// # Errors
/// `resource.not_found`.
pub(crate) fn find(read: &dyn Read, name: &str) -> Result<Arc<Resource>, Problem> {
    read.resource("query", name)?
        .ok_or_else(|| kernel::Error::NotFound { resource: format!("query/{name}") }.into())
}

fn line(query: &Resource, reader: &Reader) -> Value {
    json!({
        "name": query.name,
        "summary": query.spec["summary"].as_str().unwrap_or_default(),
        "owner": query.owner,
        "application": query.labels.get(APPLICATION),
        "is_own": is_own(query, reader.caller()),
        "parameters": query.spec.get("parameters").cloned().unwrap_or_else(|| json!([])),
        "version": query.version,
        "changed_by": query.changed_by,
        "changed_at": query.changed_at,
    })
}

/// Returns the columns of the answer, as the form `table` names them.
fn columns(data: &Data, reader: &Reader, call: &Call, text: &Text) -> Result<Value, Problem> {
    let config = &data.shared.config;
    let catalog = Catalog::new(&data.shared, reader, None, call.on_behalf_of.clone());
    let tables = catalog.tables(Sql::own(&text.sql), reader.caller())?;
    let business = reader.business();
    let plan = guard::with_stack(|| text.plan(config, business, &tables))??;
    let schema = plan.schema().inner();
    let column = |(name, field): (String, &FieldRef)| json!({"name": name, "type": type_name(field.data_type())});
    Ok(names(schema).into_iter().zip(schema.fields()).map(column).collect())
}
