//! What is looked at when manifests change: excerpts that cannot be planned, and rows that a manifest would hand on to
//! others though its author does not see all of them.

use super::decide;
use super::excerpt::{Excerpt, Fault, Shown, Wanted};
use super::mask::{KEY_BYTES, Mask};
use crate::catalog::{Catalog, LATEST, PUBLIC, SET_ASIDE, Table};
use crate::engine::{Shared, planning};
use crate::sql::problem::of_planning;
use crate::sql::{guard, state};
use crate::{Config, Error};
use base::{Explain, Place, Problem, Time};
use datafusion::common::TableReference;
use datafusion::logical_expr::LogicalPlanBuilder;
use kernel::{Principal, Read, Resource, Tx};
use serde_json::Value;
use std::sync::Arc;

/// Checks what changed against what roles say of relations.
///
/// # Errors
/// `role.data`, `role.restricted`.
pub(crate) fn changed(
    shared: &Arc<Shared>,
    tx: &mut Tx<'_>,
    old: Option<&Resource>,
    new: Option<&Resource>,
) -> Result<(), Problem> {
    match (new.or(old).map(|resource| resource.kind.as_str()), old, new) {
        (Some("role"), _, Some(role)) => of_role(shared, tx, role),
        (Some("stream" | "view"), Some(old), _) => readers(shared, tx, old, new.is_none()),
        (_, _, Some(new)) => handed_on(shared, tx, new),
        _ => Ok(()),
    }
}

fn of_role(shared: &Arc<Shared>, tx: &mut Tx<'_>, role: &Resource) -> Result<(), Problem> {
    let entries = entries_of(role)?;
    for (number, entry) in entries.iter().enumerate() {
        if entries[..number].iter().any(|other| other.relation == entry.relation) {
            let twice = Entry { role, number, entry };
            return Err(twice.wrong("relation", "it is named twice".into(), None));
        }
        Entry { role, number, entry }.check(shared, tx)?;
    }
    let is_hash = |mask: &Option<String>| Mask::parse(mask.as_deref()) == Ok(Mask::Hash);
    let is_hashed = entries.iter().any(|entry| entry.mask.values().any(is_hash));
    if is_hashed && tx.get(decide::key_of_hash().as_ref())?.is_none() {
        let mut key = [0; KEY_BYTES];
        tx.kernel().entropy().fill(&mut key);
        tx.put(decide::key_of_hash(), key.to_vec());
    }
    Ok(())
}

/// Checks the excerpts of a stream or view that changed or went, and those of all views, which may stand on it.
fn readers(
    shared: &Arc<Shared>,
    tx: &Tx<'_>,
    changed: &Resource,
    is_gone: bool,
) -> Result<(), Problem> {
    for role in tx.resources("role")? {
        for (number, entry) in entries_of(&role)?.iter().enumerate() {
            if !is_touched(tx, changed, &entry.relation)? {
                continue;
            }
            let checked = Entry { role: &role, number, entry }.check(shared, tx);
            checked.map_err(|problem| {
                let problem = problem.at(Place::pointer("/spec"));
                if is_gone {
                    problem.with_hint("take the entry out of the role in the same apply")
                } else {
                    problem
                }
            })?;
        }
    }
    Ok(())
}

fn is_touched(tx: &Tx<'_>, changed: &Resource, relation: &str) -> Result<bool, Problem> {
    let name = relation.rsplit('.').next().unwrap_or(relation);
    let is_table = |ending: &str| name.strip_suffix(ending) == Some(changed.name.as_str());
    let is_of = name == changed.name || is_table(LATEST) || is_table(SET_ASIDE);
    Ok(is_of || tx.resource("view", name)?.is_some())
}

/// Refuses a manifest that gives the rows of a relation to a process or a peer, where whoever applies it sees a part.
fn handed_on(shared: &Arc<Shared>, tx: &Tx<'_>, new: &Resource) -> Result<(), Problem> {
    let relations = relations_of(new);
    if relations.is_empty() {
        return Ok(());
    }
    let author = Principal::try_from(new.changed_by.clone())?;
    // The unit itself applies what its owner wrote before anybody can call.
    if matches!(author, Principal::Unit(_)) {
        return Ok(());
    }
    let catalog = Catalog::new(shared, tx, None, None);
    for (relation, pointer) in relations {
        let (schema, name) = split(relation);
        if catalog.is_whole(schema, name, &author)? == Some(false) {
            let reason = format!(
                "{} gives all of `{relation}` to others, and {author} sees a part of it",
                new.reference()
            );
            let hint = "ask somebody who sees all of it to apply this";
            let problem = Problem::from(Error::Restricted { reason, hint });
            return Err(problem.at(Place::pointer(pointer)));
        }
    }
    Ok(())
}

/// Returns the relations whose rows a manifest of another kind hands on, with their places in it.
fn relations_of<'r>(resource: &'r Resource) -> Vec<(&'r str, String)> {
    let spec = &resource.spec;
    match resource.kind.as_str() {
        "process" => {
            let listens = spec.get("on").and_then(Value::as_array).into_iter().flatten();
            let stream = |(number, on): (usize, &'r Value)| {
                Some((on.get("stream")?.as_str()?, format!("/spec/on/{number}/stream")))
            };
            listens.enumerate().filter_map(stream).collect()
        }
        "offer" => {
            let name = spec.pointer("/relation/name").and_then(Value::as_str);
            name.map(|name| (name, "/spec/relation/name".to_owned())).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// An entry of a role's manifest.
struct Entry<'a> {
    role: &'a Resource,
    number: usize,
    entry: &'a kernel::Excerpt,
}

impl Entry<'_> {
    fn check(&self, shared: &Arc<Shared>, tx: &Tx<'_>) -> Result<(), Problem> {
        let relation = self.entry.relation.as_str();
        let (schema, name) = split(relation);
        if schema == "information_schema" {
            let reason = "the catalogue shows what its reader may read, and no role changes that";
            return Err(self.wrong("relation", reason.into(), None));
        }
        let shown = Shown::of(&self.role.name, self.entry).map_err(|fault| self.fault(fault))?;
        let catalog = Catalog::of_all(shared, tx);
        let tables = catalog
            .declared(schema, name)
            .map_err(|problem| self.wrong("relation", problem.message, problem.hint))?;
        let excerpt = Excerpt {
            relation: relation.to_owned(),
            user: "nobody".into(),
            shown: vec![shown],
            key: Some([0; KEY_BYTES]),
        };
        let (config, business) = (&shared.config, tx.business());
        let planned =
            guard::with_stack(|| plan(config, business, (schema, name), &tables, &excerpt))?;
        planned.map_err(|fault| self.fault(fault))
    }

    fn fault(&self, fault: Fault) -> Problem {
        let hint = fault.error.hint();
        let at = if fault.at.is_empty() { "rows" } else { fault.at.as_str() };
        self.wrong(at, fault.error.to_string(), hint)
    }

    fn wrong(&self, at: &str, reason: String, hint: Option<String>) -> Problem {
        let relation = self.entry.relation.chars().take(130).collect();
        let pointer = format!("/spec/data/{}/{at}", self.number);
        Error::Role { role: self.role.name.clone(), relation, reason, pointer, hint }.into()
    }
}

/// Plans an excerpt over what stands after the commit.
fn plan(
    config: &Config,
    business: Time,
    (schema, name): (&str, &str),
    tables: &[Table],
    excerpt: &Excerpt,
) -> Result<(), Fault> {
    let whole = |problem: Problem| Fault {
        at: "relation".into(),
        error: Error::Sql { reason: problem.message, place: None, hint: problem.hint },
    };
    let mut session = planning(config, business).map_err(whole)?;
    let sql = format!("SELECT * FROM \"{schema}\".\"{name}\"");
    let rows = state::plan(&mut session, config, crate::sql::guard::Text::own(&sql), tables)
        .map_err(whole)?;
    let rows = LogicalPlanBuilder::from(rows)
        .alias(TableReference::bare(name))
        .and_then(LogicalPlanBuilder::build)
        .map_err(|error| Fault { at: "relation".into(), error: of_planning(&error) })?;
    let columns: Vec<String> =
        rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let wanted = Wanted { columns: &columns, ..Wanted::default() };
    let plan = excerpt.over(&session, config, rows, &wanted)?;
    state::check(&session, &plan).map_err(|problem| Fault {
        at: String::new(),
        error: Error::Sql { reason: problem.message, place: None, hint: problem.hint },
    })
}

/// Returns schema and name of a relation as a statement and a role write it.
fn split(relation: &str) -> (&str, &str) {
    relation.split_once('.').unwrap_or((PUBLIC, relation))
}

fn entries_of(role: &Resource) -> Result<Vec<kernel::Excerpt>, Problem> {
    let Some(data) = role.spec.get("data") else { return Ok(Vec::new()) };
    serde_json::from_value(data.clone()).map_err(|error| {
        Error::Internal { detail: format!("{}: {error}", role.reference()) }.into()
    })
}
