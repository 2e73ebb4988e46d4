//! `sql.catalogue`: the names that SQL knows, in one answer, for editors that complete them without asking again.

use super::columns::Columns;
use super::place::{Place, written};
use crate::catalog::Catalog;
use crate::engine::Data;
use crate::sql::run::type_name;
use base::Problem;
use datafusion::execution::SessionState;
use kernel::{Call, Reader, Reply};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Returns relations with their columns, as far as the caller may see them, and functions.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn names(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let (shared, config) = (&data.shared, &data.shared.config);
    let catalog = Catalog::new(shared, reader, None, call.on_behalf_of.clone());
    let all = Columns::new(shared, reader)?;
    let mut names = catalog.names_for(reader.caller())?;
    names.sort_by_cached_key(|(schema, name)| written(schema, name));
    let (mut relations, mut count, mut is_cut) = (Vec::new(), 0, false);
    for (schema, name) in &names {
        let Some(place) = Place::of(&catalog, reader, schema, name)? else { continue };
        // What cannot be planned at the moment cannot be asked either.
        let Some(columns) = all.of(schema, name)? else { continue };
        count += columns.fields().len();
        if config.listing_relations_max <= relations.len() || config.listing_columns_max < count {
            is_cut = true;
            break;
        }
        let columns = columns
            .fields()
            .iter()
            .map(|field| json!({"name": field.name(), "type": type_name(field.data_type())}));
        relations.push(json!({
            "name": place.written(),
            "schema": place.schema,
            "table": place.name,
            "kind": place.kind.as_str(),
            "summary": place.summary,
            "columns": columns.collect::<Value>(),
        }));
    }
    let functions = functions(all.session()?);
    Ok(Reply::Value(json!({"relations": relations, "functions": functions, "is_cut": is_cut})))
}

fn functions(session: &SessionState) -> BTreeSet<String> {
    let names = session.scalar_functions().keys();
    let names = names.chain(session.aggregate_functions().keys());
    let names = names.chain(session.window_functions().keys());
    names
        .filter(|name| name.starts_with(|letter: char| letter.is_ascii_lowercase()))
        .cloned()
        .collect()
}
