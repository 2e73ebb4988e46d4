//! Lineage: what stands on what. Each engine tells its own edges; the kernel shows those of which the caller may see both ends.
//!
//! An edge leads from what comes first to what stands on it: a change of `from` can be felt in `to`.

use crate::relation::{Cell, Column, ColumnType, Relation, Scan};
use crate::{Read, Reader, Resource, ResourceRef};
use base::Problem;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// The kind of an end that is named as SQL names it.
const RELATION: &str = "relation";

/// How the ends of an edge stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// `to` reads `from`.
    Reads,
    /// `from` writes into `to`.
    Writes,
    /// `to` is made of `from`, and kept.
    Derives,
    /// `from` starts `to`.
    Starts,
    /// `to` calls `from`, and goes on with its answer.
    Calls,
    /// `to` lends `from` to other units.
    Lends,
    /// `from` brings in `to`, which belongs to another unit.
    Borrows,
    /// `to` checks `from`.
    Checks,
    /// `to` measures `from`.
    Measures,
}

impl How {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Derives => "derives",
            Self::Starts => "starts",
            Self::Calls => "calls",
            Self::Lends => "lends",
            Self::Borrows => "borrows",
            Self::Checks => "checks",
            Self::Measures => "measures",
        }
    }
}

/// An end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct End {
    /// What stands there.
    pub resource: ResourceRef,
    /// Whoever may see one of these may see the end.
    pub shown_by: Vec<ResourceRef>,
}

impl End {
    /// Returns an end that is seen by whoever may see the resource.
    pub fn new(kind: &str, name: &str) -> Self {
        let resource = ResourceRef::new(kind, name);
        Self { shown_by: vec![resource.clone()], resource }
    }

    /// Returns a relation as SQL names it: `orders`, `answers.by_state`, `system.tasks`. Where a resource stands behind the
    /// name, the kernel puts it there (see [`Engine::behind`](crate::Engine::behind)).
    pub fn relation(name: &str) -> Self {
        Self::new(RELATION, name)
    }

    /// Returns this end, seen by whoever may see one of these.
    #[must_use]
    pub fn shown_by(mut self, resources: Vec<ResourceRef>) -> Self {
        self.shown_by = resources;
        self
    }
}

/// Something that stands on something.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// What comes first.
    pub from: End,
    /// What stands on it.
    pub to: End,
    /// How.
    pub how: How,
    /// More about it as an object, null where there is nothing to say. It names no resource but the two ends.
    pub detail: Value,
    /// Which of the two ends has the manifest that says so, and its version.
    pub declared: Option<(ResourceRef, u64)>,
}

impl Edge {
    /// Returns an edge.
    pub fn new(from: End, to: End, how: How) -> Self {
        Self { from, to, how, detail: Value::Null, declared: None }
    }

    /// Returns the edge with more about it.
    #[must_use]
    pub fn with(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// Returns the edge with the resource whose manifest says so: one of its ends.
    #[must_use]
    pub fn declared_by(mut self, resource: &Resource) -> Self {
        self.declared = Some((resource.reference(), resource.version));
        self
    }
}

/// Returns `system.lineage`.
pub(crate) fn relation() -> Relation {
    use ColumnType::{Int, Text};
    let columns = vec![
        Column::new("from_kind", Text, "The kind of what comes first."),
        Column::new("from_name", Text, "Its name."),
        Column::new("to_kind", Text, "The kind of what stands on it."),
        Column::new("to_name", Text, "Its name."),
        Column::new(
            "how",
            Text,
            "reads, writes, derives, starts, calls, lends, borrows, checks or measures.",
        ),
        Column::new("detail", Text, "More about it as JSON: columns, messages, elements, rules."),
        Column::new("declared_by", Text, "Which of the two has the manifest that says so."),
        Column::new("version", Int, "The version of that manifest."),
    ];
    Relation::system("lineage", "What stands on what.", columns, Arc::new(rows))
}

fn rows(
    reader: &Reader,
    _: &Scan,
    row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let mut sight = Sight { reader, known: HashMap::new() };
    for edge in edges(reader)? {
        let is_seen = sight.reaches(&edge.from)? && sight.reaches(&edge.to)?;
        if is_seen && !row(cells(edge))? {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the edges of which one end is one of these resources, as far as the reader may see both.
///
/// # Errors
/// Where the store cannot be read.
pub fn edges_at(reader: &Reader, resources: &[ResourceRef]) -> Result<Vec<Edge>, Problem> {
    let mut sight = Sight { reader, known: HashMap::new() };
    let mut found = Vec::new();
    for edge in edges(reader)? {
        let is_meant = [&edge.from, &edge.to].iter().any(|end| resources.contains(&end.resource));
        if is_meant && sight.reaches(&edge.from)? && sight.reaches(&edge.to)? {
            found.push(edge);
        }
    }
    Ok(found)
}

/// Returns what all engines tell, in the order of names, whoever may see it.
fn edges(reader: &Reader) -> Result<Vec<Edge>, Problem> {
    let mut edges = Vec::new();
    for engine in reader.kernel().engines() {
        edges.extend(engine.lineage(reader)?);
    }
    for edge in &mut edges {
        for end in [&mut edge.from, &mut edge.to] {
            if let Some(behind) = behind(reader, end)? {
                *end = behind;
            }
        }
    }
    edges.sort_by_cached_key(|edge| {
        (edge.from.resource.clone(), edge.to.resource.clone(), edge.how)
    });
    Ok(edges)
}

/// Returns what stands behind a relation that was named as SQL names it, where an engine knows it.
fn behind(reader: &Reader, end: &End) -> Result<Option<End>, Problem> {
    if end.resource.kind != RELATION {
        return Ok(None);
    }
    for engine in reader.kernel().engines() {
        let behind = engine.behind(reader, &end.resource.name)?;
        if behind.is_some() {
            return Ok(behind);
        }
    }
    Ok(None)
}

/// What a caller may see.
struct Sight<'r> {
    reader: &'r Reader,
    known: HashMap<ResourceRef, bool>,
}

impl Sight<'_> {
    fn reaches(&mut self, end: &End) -> Result<bool, Problem> {
        for resource in &end.shown_by {
            let is_seen = match self.known.get(resource) {
                Some(is_seen) => *is_seen,
                None => self.reader.allows("resource.get", resource)?,
            };
            self.known.insert(resource.clone(), is_seen);
            if is_seen {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn cells(edge: Edge) -> Vec<Cell> {
    let (declared_by, version) = match edge.declared {
        Some((resource, version)) => (Cell::Text(resource.to_string()), int(version)),
        None => (Cell::Null, Cell::Null),
    };
    vec![
        Cell::Text(edge.from.resource.kind),
        Cell::Text(edge.from.resource.name),
        Cell::Text(edge.to.resource.kind),
        Cell::Text(edge.to.resource.name),
        Cell::Text(edge.how.as_str().into()),
        Cell::json(&edge.detail),
        declared_by,
        version,
    ]
}

fn int(number: u64) -> Cell {
    Cell::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
