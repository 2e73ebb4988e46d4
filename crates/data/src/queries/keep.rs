//! `query.save` and `query.delete`: queries that people share without a folder of manifests. Each belongs to who saved it first; nobody
//! else changes it but who may manage queries.

use super::spec::{ParameterSpec, QuerySpec};
use crate::Error;
use crate::engine::Data;
use base::{Name, Problem};
use kernel::{Call, Read, Reply, Resource, ResourceRef, Right, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A query that somebody saves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Save {
    /// The name: a lower-case letter, then lower-case letters, digits, `-` and `_`.
    pub(crate) name: String,
    /// One SELECT. `$NAME` is the value of a parameter.
    pub(crate) sql: String,
    /// What it answers.
    #[serde(default)]
    pub(crate) summary: String,
    /// The parameters.
    #[serde(default)]
    pub(crate) parameters: Vec<ParameterSpec>,
    /// The version that it replaces, 0 for none: refused where another is there. Any where absent.
    #[serde(default)]
    pub(crate) version: Option<u64>,
}

/// Saves a query.
///
/// # Errors
/// `query.invalid`, `query.owner`, `query.changed`, `query.limit`, `name.invalid`.
pub(crate) fn save(data: &Data, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Save { name, sql, summary, parameters, version } = call.parameters()?;
    let reference = ResourceRef::new("query", Name::new(name)?.as_str());
    let held = tx.resource("query", &reference.name)?;
    match &held {
        Some(held) => check_own(tx, call, held, "resource.put")?,
        None => check_room(data, tx, call)?,
    }
    let found = held.map_or(0, |held| held.version);
    if version.is_some_and(|version| version != found) {
        return Err(Error::Changed { query: reference.name, found }.into());
    }
    let spec = serde_json::to_value(QuerySpec { summary, sql, parameters })
        .map_err(|error| Error::Internal { detail: error.to_string() })?;
    let version = kernel::declare_one(tx, call, &reference, spec)?;
    Ok(Reply::Value(json!({"name": reference.name, "version": version})))
}

/// Deletes a query; its history stays.
///
/// # Errors
/// `query.owner`; what somebody has against it who shows it.
pub(crate) fn delete(_data: &Data, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    if let Some(held) = tx.resource("query", &call.resource.name)? {
        check_own(tx, call, &held, "resource.delete")?;
    }
    kernel::withdraw(tx, call)
}

/// Returns whether a principal answers for a query.
pub(crate) fn is_own(query: &Resource, principal: &kernel::Principal) -> bool {
    query.owner == principal.to_string()
}

/// Refuses to change what belongs to somebody else, unless the caller may manage it.
fn check_own(tx: &Tx<'_>, call: &Call, held: &Resource, operation: &str) -> Result<(), Problem> {
    let behalf = call.on_behalf_of.as_ref();
    let may_manage = call.has_scope(Right::Manage)
        && tx.kernel().is_allowed(tx, operation, &held.reference(), &call.actor, behalf)?;
    if may_manage || is_own(held, &call.actor) {
        return Ok(());
    }
    Err(Error::NotOwn { query: held.name.clone() }.into())
}

/// Refuses a query that would be one too many, of the unit or of its owner.
fn check_room(data: &Data, tx: &Tx<'_>, call: &Call) -> Result<(), Problem> {
    let config = &data.shared.config;
    let queries = tx.resources("query")?;
    let limit = config.saved_queries_max;
    if limit <= queries.len() {
        return Err(Error::Queries { what: format!("the unit has {limit} queries") }.into());
    }
    let limit = config.saved_queries_each_max;
    let own = queries.iter().filter(|query| is_own(query, &call.actor)).count();
    if limit <= own {
        return Err(Error::Queries { what: format!("{} has {limit} queries", call.actor) }.into());
    }
    Ok(())
}
