//! The edges of streams and views, and what stands behind a relation's name.

use super::columns::{self, Columns};
use super::measures::{self, METRICS};
use crate::catalog::{LATEST, PUBLIC, SET_ASIDE, Stream, ViewSpec, view_spec};
use crate::engine::Shared;
use crate::queries::check;
use crate::sql::as_of;
use crate::sql::guard::TABLE_FUNCTIONS;
use base::Problem;
use datafusion::common::TableReference;
use kernel::{Edge, End, How, Read, Reader, Resource, ResourceRef};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The edges as they were found, in which epoch, and after how many changes of queries: they change with resources only, of which queries
/// leave the epoch alone.
pub(crate) type Held = Mutex<Option<((u64, u64), Arc<Vec<Edge>>)>>;

/// The schema of the catalogue itself, on which nothing is said to stand.
const INFORMATION_SCHEMA: &str = "information_schema";

/// Returns what streams, views, queries, metrics, KPIs and quality rules stand on.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn edges(shared: &Arc<Shared>, reader: &Reader) -> Result<Vec<Edge>, Problem> {
    let as_of = (reader.kernel().epoch(reader)?, check::changes(reader)?);
    let held = shared.lineage.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((_, edges)) = held.filter(|(of, _)| *of == as_of) {
        return Ok(edges.to_vec());
    }
    let mut edges = Vec::new();
    for resource in reader.resources("stream")? {
        edges.extend(of_stream(&resource, shared.stream(&resource)?.as_ref()));
    }
    for resource in reader.resources("view")? {
        edges.extend(of_view(shared, reader, &resource)?);
    }
    for resource in reader.resources("query")? {
        edges.extend(of_query(shared, reader, &resource)?);
    }
    edges.extend(measures::edges(reader, &shared.config)?);
    let mut guard = shared.lineage.lock().unwrap_or_else(PoisonError::into_inner);
    *guard = Some((as_of, Arc::new(edges.clone())));
    Ok(edges)
}

/// Returns the resource that stands behind a relation as SQL names it: `orders`, `orders_latest`, `answers.by_state`.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn behind(read: &dyn Read, relation: &str) -> Result<Option<End>, Problem> {
    let (schema, name) = relation.split_once('.').unwrap_or((PUBLIC, relation));
    let is_there = |kind: &str, name: &str| -> Result<bool, Problem> {
        Ok(read.resource(kind, name)?.is_some())
    };
    if schema == PUBLIC {
        if is_there("stream", name)? {
            return Ok(Some(End::new("stream", name)));
        }
        if let Some(stream) = name.strip_suffix(LATEST)
            && is_there("stream", stream)?
        {
            return Ok(Some(table(name, stream)));
        }
        if let Some(stream) = name.strip_suffix(SET_ASIDE)
            && is_there("stream", stream)?
        {
            return Ok(Some(set_aside(stream)));
        }
    }
    if let Some(view) = read.resource("view", name)?
        && view_spec(&view)?.schema == schema
    {
        return Ok(Some(End::new("view", name)));
    }
    if schema == METRICS && is_there("metric", name)? {
        return Ok(Some(End::new("metric", name)));
    }
    Ok(None)
}

/// Who may read a stream may read its tables; one can also be allowed by itself.
fn table(table: &str, stream: &str) -> End {
    let shown_by = vec![ResourceRef::new("stream", stream), ResourceRef::new("table", table)];
    End::new("table", table).shown_by(shown_by)
}

/// Rows that were set aside are shown to whoever may read the stream, and to nobody else.
fn set_aside(stream: &str) -> End {
    let shown_by = vec![ResourceRef::new("stream", stream)];
    End::relation(&format!("{stream}{SET_ASIDE}")).shown_by(shown_by)
}

/// Returns what is made of a stream: its Delta table, its newest rows, and the rows that did not fit.
fn of_stream(resource: &Resource, stream: &Stream) -> Vec<Edge> {
    let name = &stream.name;
    let latest = (!stream.spec.key.is_empty()).then(|| table(&format!("{name}{LATEST}"), name));
    let made = [Some(table(name, name)), latest, Some(set_aside(name))];
    let edge =
        |to: End| Edge::new(End::new("stream", name), to, How::Derives).declared_by(resource);
    made.into_iter().flatten().map(edge).collect()
}

/// Returns what a view reads. Of one whose query cannot be planned at the moment the columns are not known.
fn of_view(shared: &Arc<Shared>, reader: &Reader, view: &Resource) -> Result<Vec<Edge>, Problem> {
    let spec = view_spec(view)?;
    let Ok(references) = shared.references_of(view, &spec) else { return Ok(Vec::new()) };
    let columns = columns::of_view(shared, reader, view, &spec).ok().flatten();
    let how = if spec.materialized.is_some() { How::Derives } else { How::Reads };
    let mut edges = Vec::new();
    for (schema, name) in named(&references) {
        let from = end(reader, &schema, &name)?;
        let detail = detail(&spec, columns.as_ref(), &schema, &name);
        let edge = Edge::new(from, End::new("view", &view.name), how);
        edges.push(edge.with(detail).declared_by(view));
    }
    Ok(edges)
}

/// Returns what a query reads. Of one whose text cannot be read nothing is known.
fn of_query(shared: &Shared, reader: &Reader, query: &Resource) -> Result<Vec<Edge>, Problem> {
    let Ok(references) = shared.references_of_query(query) else { return Ok(Vec::new()) };
    let mut edges = Vec::new();
    for (schema, name) in named(&references) {
        let from = end(reader, &schema, &name)?;
        let edge = Edge::new(from, End::new("query", &query.name), How::Reads);
        edges.push(edge.declared_by(query));
    }
    Ok(edges)
}

/// Returns the relations that references name, by schema and name.
fn named(references: &[TableReference]) -> BTreeSet<(String, String)> {
    let mut named = BTreeSet::new();
    for reference in references {
        let schema = reference.schema().unwrap_or(PUBLIC);
        // What a relation was at a time stands on what it is.
        let (name, _) = as_of::split(reference.table());
        let is_function = reference.schema().is_none() && TABLE_FUNCTIONS.contains(&name);
        if schema != INFORMATION_SCHEMA && !is_function {
            named.insert((schema.to_owned(), name.to_owned()));
        }
    }
    named
}

fn end(read: &dyn Read, schema: &str, name: &str) -> Result<End, Problem> {
    let relation = if schema == PUBLIC { name.to_owned() } else { format!("{schema}.{name}") };
    Ok(behind(read, &relation)?.unwrap_or_else(|| End::relation(&relation)))
}

/// Says which columns of a relation reach which column of a view, and how often a materialised one is refreshed.
fn detail(spec: &ViewSpec, columns: Option<&Columns>, schema: &str, name: &str) -> Value {
    let mut detail = Map::new();
    if let Some(materialized) = &spec.materialized {
        let refresh = materialized.every.as_deref().unwrap_or("commit");
        detail.insert("refresh".into(), json!(refresh));
    }
    if let Some(columns) = columns {
        let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (column, origins) in columns {
            for origin in origins.iter().filter(|origin| origin.is_of(schema, name)) {
                reached.entry(column).or_default().insert(&origin.column);
            }
        }
        detail.insert("columns".into(), json!(reached));
    }
    if detail.is_empty() { Value::Null } else { Value::Object(detail) }
}
