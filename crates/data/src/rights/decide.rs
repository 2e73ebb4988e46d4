//! Which excerpts count: the roles through which a principal may read a relation, and what each of them shows of it.

use super::excerpt::{Excerpt, Shown};
use super::mask::{KEY_BYTES, Key};
use crate::Error;
use crate::catalog::{LATEST, PUBLIC, SET_ASIDE};
use crate::metrics::sql::METRICS;
use base::Problem;
use kernel::{Call, Principal, Read, Reader, Relation, ResourceRef, Through};
use std::collections::BTreeSet;

/// A relation as roles name it, and the operations by which it can be read.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    /// As SQL names it, without `public`.
    pub(crate) relation: String,
    /// The stream that a table of it follows, where no role names the table itself.
    stream: Option<Follows>,
    doors: Vec<(&'static str, ResourceRef)>,
}

/// How a table of a stream follows it.
#[derive(Debug, Clone)]
enum Follows {
    /// It has the same columns.
    Alike(String),
    /// It has other columns: an excerpt of the stream shows nothing of it.
    Apart(String),
}

/// What a role's manifest has for a relation.
enum Entry<'e> {
    Of(&'e kernel::Excerpt),
    /// Nothing is shown.
    None,
}

impl Named {
    /// Returns a stream.
    pub(crate) fn stream(name: &str) -> Self {
        let doors = vec![("stream.read", ResourceRef::new("stream", name))];
        Self { relation: name.to_owned(), stream: None, doors }
    }

    /// Returns the table with the newest row of each key of a stream.
    pub(crate) fn latest(stream: &str) -> Self {
        let relation = format!("{stream}{LATEST}");
        let doors = vec![
            ("stream.read", ResourceRef::new("stream", stream)),
            ("table.read", ResourceRef::new("table", &relation)),
        ];
        Self { relation, stream: Some(Follows::Alike(stream.to_owned())), doors }
    }

    /// Returns the relation with the rows of a stream that were set aside.
    pub(crate) fn set_aside(stream: &str) -> Self {
        let doors = vec![("stream.read", ResourceRef::new("stream", stream))];
        let relation = format!("{stream}{SET_ASIDE}");
        Self { relation, stream: Some(Follows::Apart(stream.to_owned())), doors }
    }

    /// Returns a view.
    pub(crate) fn view(schema: &str, name: &str) -> Self {
        let doors = vec![("view.read", ResourceRef::new("view", name))];
        Self { relation: written(schema, name), stream: None, doors }
    }

    /// Returns a metric.
    pub(crate) fn metric(name: &str) -> Self {
        let doors = vec![("metric.read", ResourceRef::new("metric", name))];
        Self { relation: written(METRICS, name), stream: None, doors }
    }

    /// Returns what an engine offers.
    pub(crate) fn relation(relation: &Relation) -> Self {
        let doors = vec![("relation.read", relation.resource.clone())];
        Self { relation: written(&relation.schema, &relation.name), stream: None, doors }
    }

    fn entry<'e>(&self, excerpts: &'e [kernel::Excerpt]) -> Option<Entry<'e>> {
        let of = |name: &str| excerpts.iter().find(|excerpt| excerpt.relation == name);
        if let Some(excerpt) = of(&self.relation) {
            return Some(Entry::Of(excerpt));
        }
        match self.stream.as_ref()? {
            Follows::Alike(stream) => of(stream).map(Entry::Of),
            Follows::Apart(stream) => of(stream).map(|excerpt| {
                let is_all = excerpt.rows.is_none() && excerpt.mask.is_empty();
                if is_all { Entry::Of(excerpt) } else { Entry::None }
            }),
        }
    }
}

/// Returns a relation's name as a statement and a role write it.
pub(crate) fn written(schema: &str, name: &str) -> String {
    if schema == PUBLIC { name.to_owned() } else { format!("{schema}.{name}") }
}

/// Returns what `actor` sees of a relation; nothing where he sees all of it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn excerpt(
    read: &dyn Read,
    named: &Named,
    actor: &Principal,
    on_behalf_of: Option<&Principal>,
) -> Result<Option<Excerpt>, Problem> {
    let kernel = read.kernel();
    let excerpts = kernel.excerpts(read)?;
    let of_role = |role: &str| excerpts.get(role).and_then(|entries| named.entry(entries));
    if excerpts.keys().all(|role| of_role(role).is_none()) {
        return Ok(None);
    }
    let Some(through) = through(read, named, actor, on_behalf_of)? else { return Ok(None) };
    let (roles, is_each) = match &through {
        Through::Nothing => return Ok(None),
        Through::Each(roles) => (roles, true),
        Through::Together(roles) => (roles, false),
    };
    let mut shown = Vec::new();
    for role in roles {
        match of_role(role) {
            Some(Entry::Of(entry)) if entry.rows.is_none() && entry.mask.is_empty() => {
                return Ok(None);
            }
            Some(Entry::Of(entry)) => {
                // It was read when the role was applied.
                shown.push(Shown::of(role, entry).map_err(|fault| fault.error)?);
            }
            Some(Entry::None) => shown.push(Shown::nothing(role)),
            // A role that shows the relation without a word about it shows all of it.
            None if is_each => return Ok(None),
            None => {}
        }
    }
    // Several roles together, of which none says anything about the relation.
    if shown.is_empty() && !is_each {
        return Ok(None);
    }
    let key = if shown.iter().any(Shown::is_hashed) { key(read)? } else { None };
    let user = user_of(actor);
    Ok(Some(Excerpt { relation: named.relation.clone(), user, shown, key }))
}

/// Returns through which roles a relation can be read by any of its operations; none where one of them needs no role.
fn through(
    read: &dyn Read,
    named: &Named,
    actor: &Principal,
    on_behalf_of: Option<&Principal>,
) -> Result<Option<Through>, Problem> {
    let kernel = read.kernel();
    let (mut each, mut together) = (BTreeSet::new(), None);
    for (operation, resource) in &named.doors {
        if !kernel.is_allowed(read, operation, resource, actor, on_behalf_of)? {
            continue;
        }
        match kernel.through(read, operation, resource, actor, on_behalf_of)? {
            Through::Nothing => return Ok(None),
            Through::Each(roles) => each.extend(roles),
            Through::Together(roles) => together = Some(roles),
        }
    }
    Ok(Some(match together {
        Some(roles) if each.is_empty() => Through::Together(roles),
        // Where nothing permits it, no role shows anything.
        _ => Through::Each(each),
    }))
}

/// Returns whether a principal may read all of a relation.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn is_whole(
    read: &dyn Read,
    named: &Named,
    actor: &Principal,
    on_behalf_of: Option<&Principal>,
) -> Result<bool, Problem> {
    for (operation, resource) in &named.doors {
        if read.kernel().is_allowed(read, operation, resource, actor, on_behalf_of)? {
            return Ok(excerpt(read, named, actor, on_behalf_of)?.is_none());
        }
    }
    Ok(false)
}

/// Returns whether a principal may read a relation, and is shown a part of it only.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn is_part(read: &dyn Read, named: &Named, actor: &Principal) -> Result<bool, Problem> {
    for (operation, resource) in &named.doors {
        if read.kernel().is_allowed(read, operation, resource, actor, None)? {
            return Ok(excerpt(read, named, actor, None)?.is_some());
        }
    }
    Ok(false)
}

/// Refuses an operation that gives whole rows to who sees a part of the relation.
///
/// # Errors
/// `role.restricted`.
pub(crate) fn check_whole(reader: &Reader, named: &Named, call: &Call) -> Result<(), Problem> {
    if excerpt(reader, named, &call.actor, call.on_behalf_of.as_ref())?.is_none() {
        return Ok(());
    }
    let Call { operation, .. } = call;
    Err(Error::Restricted {
        reason: format!(
            "a role shows a part of `{}`, and `{operation}` gives whole rows",
            named.relation
        ),
        hint: "ask by SQL, which gives what the role shows; `_offset` says where to go on",
    }
    .into())
}

/// Returns what `current_user` is: the name of a user, or a principal with its type before it.
pub(crate) fn user_of(principal: &Principal) -> String {
    match principal {
        Principal::User(name) => name.clone(),
        other => other.to_string(),
    }
}

/// The key under which the key of `hash` stands.
pub(crate) fn key_of_hash() -> base::Key {
    kernel::key(b's').text("mask_key")
}

fn key(read: &dyn Read) -> Result<Option<Key>, Problem> {
    let bytes = read.get(key_of_hash().as_ref())?;
    Ok(bytes.and_then(|bytes| bytes.first_chunk::<KEY_BYTES>().copied()))
}
