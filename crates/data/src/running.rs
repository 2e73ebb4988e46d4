//! The queries as the kernel lists them beside all else that runs, and how much streams hold.

use crate::engine::Shared;
use crate::operations::visible;
use crate::sql::queries::{self, Queries};
use base::Problem;
use kernel::{Act, Give, Principal, Read, Resource, ResourceRef, Running, Signal, Wanted};
use serde_json::json;
use std::sync::PoisonError;

/// The kind of queries in lists of what runs.
const KIND: &str = "query";

/// Bytes that a row is taken to have while nothing is known of the rows of its stream.
const ROW_BYTES: u64 = 100;

/// Gives the queries that run and that a caller may see, the oldest first. Returns behind which one it has stopped, where it has.
///
/// # Errors
/// Where the store cannot be read, or what `give` says.
pub(crate) fn running(
    shared: &Shared,
    read: &dyn Read,
    caller: &Principal,
    wanted: &Wanted,
    give: Give<'_>,
) -> Result<Option<String>, Problem> {
    if !wanted.is_of(KIND) {
        return Ok(None);
    }
    let mut after = wanted.after.as_deref().map_or(0, number_of);
    for query in visible(shared, read, caller)? {
        let number = number_of(&query.id);
        // Nobody means by a tag what somebody else has given the same.
        let is_meant = wanted.tag.is_none() || query.principal == *caller;
        if number <= after || !is_meant {
            continue;
        }
        if !give(shown(query))? {
            return Ok(Some(format!("q{after}")));
        }
        after = number;
    }
    Ok(None)
}

/// Returns the number of a query, by which they are in order; they count from 1.
fn number_of(id: &str) -> u64 {
    id.strip_prefix('q').and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn shown(query: queries::Running) -> Running {
    let progress = &query.progress;
    Running {
        id: format!("{KIND}/{}", query.id),
        kind: KIND,
        resource: None,
        on_behalf_of: None,
        since: query.since,
        cpu_ms: progress.cpu_ms(),
        memory_bytes: Some(progress.memory_bytes()),
        rows: Some(progress.rows()),
        bytes: Some(progress.bytes()),
        state: "running".into(),
        principal: query.principal.to_string(),
        what: query.text,
        tag: query.tag,
    }
}

/// Tells a query something. Whoever asks it may end and limit it; others by the right to cancel queries.
///
/// # Errors
/// `running.unsupported`: a query does not pause.
pub(crate) fn signal(
    shared: &Shared,
    read: &dyn Read,
    caller: &Principal,
    id: &str,
    signal: Signal,
) -> Result<Option<Act>, Problem> {
    let Some(id) = id.strip_prefix(KIND).and_then(|id| id.strip_prefix('/')) else {
        return Ok(None);
    };
    // Who sees a query of somebody else may cancel it.
    let found = visible(shared, read, caller)?.into_iter().find(|query| query.id == id);
    let Some(query) = found else { return Ok(None) };
    match signal {
        Signal::Kill if query.principal == *caller => shared.queries.cancel(id)?,
        Signal::Kill => {
            let resource = ResourceRef::new("sql", "");
            return Ok(Some(Act::Operation("sql.cancel", resource, json!({ "id": id }))));
        }
        Signal::Limit(limits) => Queries::limit(shared, &query, &limits)?,
        Signal::Pause | Signal::Resume => return Err(signal.unsupported("a query")),
    }
    Ok(Some(Act::Done))
}

/// Returns about how many bytes a stream holds: its files, those of its newest rows, and the rows that wait in the log, which are
/// taken to be as long as others of it.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn stored(
    shared: &Shared,
    read: &dyn Read,
    resource: &Resource,
) -> Result<u64, Problem> {
    if resource.kind != "stream" {
        return Ok(0);
    }
    let stream = shared.stream(resource)?;
    let extent = shared.extent(read, &stream)?;
    let files: u64 = extent.files.iter().map(|file| file.bytes).sum();
    let rows: u64 = extent.files.iter().map(|file| file.rows).sum();
    let appended = shared.appended.lock().unwrap_or_else(PoisonError::into_inner);
    let known = appended.get(&stream.name).copied().unwrap_or_default();
    drop(appended);
    let each = match (known, rows) {
        ((bytes, rows), _) if 0 < rows => bytes / rows,
        (_, 0) => ROW_BYTES,
        (_, rows) => files / rows,
    };
    let waiting = extent.tail.end.saturating_sub(extent.tail.base);
    let newest = match stream.spec.key.is_empty() {
        true => 0,
        false => {
            let newest = shared.newest_files(read, &stream)?;
            newest.iter().flat_map(|newest| newest.files.iter()).map(|file| file.bytes).sum()
        }
    };
    Ok(files.saturating_add(newest).saturating_add(waiting.saturating_mul(each)))
}
