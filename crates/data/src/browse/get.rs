//! `relation.get`: one relation, as its page shows it.

use super::columns::Columns;
use super::list::Page;
use super::place::{Kind, Place};
use super::state::Rules;
use crate::catalog::{Catalog, PUBLIC, view_spec};
use crate::engine::Data;
use crate::quality::shown::Shown;
use crate::rights::Named;
use crate::sql::run::type_name;
use crate::streams::schema::StreamSpec;
use crate::tables::state;
use base::Problem;
use kernel::{Call, Edge, Reader, Reply, Resource, edges_at};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Neighbours that are shown on each side.
const NEIGHBOURS_MAX: usize = 200;

/// Shows a relation. What the caller may not see looks as if it were not there.
///
/// # Errors
/// `resource.not_found`; where the store cannot be read.
pub(crate) fn get(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let name = &call.resource.name;
    let (schema, relation) = name.split_once('.').unwrap_or((PUBLIC, name));
    let shared = &data.shared;
    let catalog = Catalog::new(shared, reader, None, call.on_behalf_of.clone());
    let names = catalog.names_for(reader.caller())?;
    let is_seen = names.iter().any(|(found, name)| found == schema && name == relation);
    let place = if is_seen { Place::of(&catalog, reader, schema, relation)? } else { None };
    let Some(place) = place else {
        return Err(kernel::Error::NotFound { resource: call.resource.to_string() }.into());
    };
    let columns = Columns::new(shared, reader)?;
    let rules = Rules::new(shared, reader)?;
    let mut page = Page { data, reader, catalog: &catalog, columns, rules };
    let mut shown = page.line(&place)?;
    let is_whole = shown["is_part"] == false;
    shown["columns"] = page.columns_of(&place)?;
    let rules = page.rules.newest(&place)?;
    shown["rules"] = rules.iter().flatten().map(Shown::to_json).collect();
    shown["lineage"] = lineage(reader, &place)?;
    if let Some(resource) = &place.resource {
        let about = match place.kind {
            Kind::Stream | Kind::Table => about_stream(data, reader, &place, is_whole)?,
            Kind::View => about_view(data, reader, resource)?,
            Kind::Metric => about_metric(resource),
            Kind::SetAside | Kind::Lent | Kind::System => Map::new(),
        };
        for (field, value) in about {
            shown[field] = value;
        }
    }
    Ok(Reply::Value(shown))
}

impl Page<'_> {
    /// Returns the columns of a relation; null where it cannot be planned at the moment.
    fn columns_of(&self, place: &Place) -> Result<Value, Problem> {
        let Page { reader, catalog, columns, .. } = self;
        let Some(columns) = columns.of(&place.schema, &place.name)? else { return Ok(Value::Null) };
        let excerpt = catalog.excerpt_for(&place.schema, &place.name, reader.caller())?;
        let mut said: HashMap<&str, (&str, &str, bool)> = HashMap::new();
        let stream = match (&place.resource, place.kind) {
            (Some(stream), Kind::Stream | Kind::Table) => Some(self.data.shared.stream(stream)?),
            _ => None,
        };
        for column in stream.iter().flat_map(|stream| &stream.spec.schema) {
            said.insert(&column.name, (&column.summary, &column.unit, column.required));
        }
        let offered = catalog.offered(&place.schema, &place.name)?;
        for column in offered.iter().flat_map(|offered| &offered.columns) {
            said.insert(&column.name, (&column.summary, "", false));
        }
        let key: &[String] = stream.as_ref().map_or(&[], |stream| &stream.spec.key);
        let column = |(field, number): (&datafusion::arrow::datatypes::FieldRef, usize)| {
            let name = field.name();
            let (summary, unit, is_required) = said.get(name.as_str()).copied().unwrap_or_default();
            json!({
                "name": name,
                "number": number,
                "type": type_name(field.data_type()),
                "summary": summary,
                "unit": unit,
                "required": is_required,
                "is_key": key.contains(name),
                "is_masked": excerpt.as_ref().is_some_and(|excerpt| excerpt.masks(name)),
            })
        };
        Ok(columns.fields().iter().zip(1..).map(column).collect())
    }
}

/// Returns what a relation stands on and what stands on it, by one step, as far as the caller may see it.
fn lineage(reader: &Reader, place: &Place) -> Result<Value, Problem> {
    let own = place.end(reader)?.resource;
    let edges = edges_at(reader, std::slice::from_ref(&own))?;
    let neighbours = |other: fn(&Edge) -> (&kernel::End, &kernel::End)| -> Value {
        let found = edges.iter().filter(|edge| other(edge).0.resource == own);
        let neighbour = |edge: &Edge| {
            let resource = &other(edge).1.resource;
            json!({
                "kind": resource.kind, "name": resource.name,
                "how": edge.how.as_str(), "detail": edge.detail,
            })
        };
        found.take(NEIGHBOURS_MAX).map(neighbour).collect()
    };
    Ok(json!({
        "up": neighbours(|edge| (&edge.to, &edge.from)),
        "down": neighbours(|edge| (&edge.from, &edge.to)),
    }))
}

fn about_stream(
    data: &Data,
    reader: &Reader,
    place: &Place,
    is_whole: bool,
) -> Result<Map<String, Value>, Problem> {
    let Some(resource) = &place.resource else { return Ok(Map::new()) };
    let stream = data.shared.stream(resource)?;
    let StreamSpec { key, time, retention, .. } = &stream.spec;
    let mut about = Map::new();
    about.insert("key".into(), json!(key));
    about.insert("time".into(), json!(time));
    about.insert("retention".into(), json!(retention));
    // Sizes are found out over all rows.
    if !is_whole {
        return Ok(about);
    }
    let extent = data.shared.extent(reader, &stream)?;
    if place.kind == Kind::Stream {
        about.insert("first_offset".into(), json!(extent.from));
        about.insert("next_offset".into(), json!(extent.end()));
    }
    let named = match place.kind {
        Kind::Stream => Named::stream(&stream.name),
        _ => Named::latest(&stream.name),
    };
    let files = match state::state(reader, &named.relation)? {
        Some(table) => {
            let files = state::files(reader, &named.relation)?;
            json!({
                "folder": table.folder,
                "version": table.next.saturating_sub(1),
                "files": files.len(),
                "bytes": files.iter().map(|file| file.bytes).sum::<u64>(),
                "rows": files.iter().map(|file| file.rows).sum::<u64>(),
                "behind": extent.end().saturating_sub(table.sealed.max(extent.from)),
            })
        }
        None => json!({"files": 0, "bytes": 0, "rows": 0, "behind": extent.end() - extent.from}),
    };
    about.insert("files".into(), files);
    Ok(about)
}

fn about_view(
    data: &Data,
    reader: &Reader,
    resource: &Resource,
) -> Result<Map<String, Value>, Problem> {
    let spec = view_spec(resource)?;
    let mut about = Map::new();
    let catalog = Catalog::new(&data.shared, reader, None, None);
    let problem = spec.materialized.as_ref().and_then(|_| data.shared.view_problem(&resource.name));
    // What failed may say values of rows.
    let problem =
        problem.filter(|_| catalog.is_open_to(&spec.schema, &resource.name, reader.caller()));
    about.insert("problem".into(), json!(problem));
    let refresh = spec.materialized.map(|kept| kept.every.unwrap_or_else(|| "commit".into()));
    about.insert("refresh".into(), json!(refresh));
    // The text of a view names what it reads: who may not see the view's manifest does not learn of it here.
    if reader.allows("resource.get", &resource.reference())? {
        about.insert("sql".into(), json!(spec.sql));
    }
    Ok(about)
}

fn about_metric(resource: &Resource) -> Map<String, Value> {
    let fields = ["formula", "from", "metrics", "grain", "dimensions", "unit", "where"];
    let field = |field: &&str| Some(((*field).to_owned(), resource.spec.get(field)?.clone()));
    fields.iter().filter_map(field).collect()
}
