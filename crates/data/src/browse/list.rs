//! `relation.list`: a page of the catalogue in one call.

use super::columns::Columns;
use super::place::{Place, written};
use super::state::{Rules, State};
use crate::catalog::Catalog;
use crate::engine::Data;
use base::Problem;
use kernel::{Call, Reader, Reply};
use serde_json::{Value, json};

/// Relations of one list where nobody says.
const LIMIT: u64 = 100;
/// Relations of one list, at most.
const LIMIT_MAX: u64 = 1_000;

/// What `relation.list` takes in its query.
pub(crate) const QUERY: &[(&str, &str)] = &[
    (
        "kind",
        "Those of these kinds, with commas between: stream, table, set_aside, view, metric, lent, system.",
    ),
    ("text", "Those that have this in their name or summary."),
    ("limit", "How many; 100 where absent, 1,000 at most."),
    ("after", "Those behind this name: `next` of the list before."),
];

/// Lists relations by name.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn list(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let limit = call.number("limit")?.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let shared = &data.shared;
    let catalog = Catalog::new(shared, reader, None, call.on_behalf_of.clone());
    let mut names = catalog.names_for(reader.caller())?;
    names.sort_by_cached_key(|(schema, name)| written(schema, name));
    let after = call.text("after").unwrap_or_default();
    let mut page = Page {
        data,
        reader,
        catalog: &catalog,
        columns: Columns::new(shared, reader)?,
        rules: Rules::new(shared, reader)?,
    };
    let (mut items, mut next): (Vec<Value>, _) = (Vec::new(), None);
    for (schema, name) in
        names.iter().filter(|(schema, name)| after < written(schema, name).as_str())
    {
        let Some(place) = Place::of(&catalog, reader, schema, name)? else { continue };
        if !is_wanted(&place, call) {
            continue;
        }
        if limit <= items.len() as u64 {
            next = items.last().map(|last| last["name"].clone());
            break;
        }
        items.push(page.line(&place)?);
    }
    Ok(Reply::Value(json!({"items": items, "next": next})))
}

fn is_wanted(place: &Place, call: &Call) -> bool {
    let is_of_kind = |kinds: &str| kinds.split(',').any(|kind| kind.trim() == place.kind.as_str());
    let has = |text: &str| {
        let text = text.to_lowercase();
        place.written().contains(&text) || place.summary.to_lowercase().contains(&text)
    };
    call.text("kind").is_none_or(is_of_kind) && call.text("text").is_none_or(has)
}

/// What the lines of a list are made with.
pub(crate) struct Page<'p> {
    pub(crate) data: &'p Data,
    pub(crate) reader: &'p Reader,
    pub(crate) catalog: &'p Catalog<'p>,
    pub(crate) columns: Columns<'p>,
    pub(crate) rules: Rules<'p>,
}

impl Page<'_> {
    /// Returns what a list says of a relation.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn line(&mut self, place: &Place) -> Result<Value, Problem> {
        let mut line = place.to_json(self.reader)?;
        let columns = self.columns.of(&place.schema, &place.name)?;
        let caller = self.reader.caller();
        let is_part = self.catalog.excerpt_for(&place.schema, &place.name, caller)?.is_some();
        // Who sees a part is told nothing that was found out over all of it.
        let state = match is_part {
            true => State::default(),
            false => State::of(&self.data.shared, self.reader, place)?,
        };
        line["columns"] = json!(columns.map(|columns| columns.fields().len()));
        line["rows"] = json!(state.rows);
        line["newest"] = json!(state.newest);
        line["refreshed"] = json!(state.refreshed);
        line["quality"] = json!(self.rules.word(place)?);
        line["is_part"] = json!(is_part);
        Ok(line)
    }
}
