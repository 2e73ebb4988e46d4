//! `data.erase`, `data.find`, `data.erasures`: asking for an erasure, looking first what would go, looking how far it is.

use super::find::{self, Wanted};
use super::state::{self, Erasure, Stage, Target};
use crate::Error;
use crate::catalog::Stream;
use crate::engine::{Data, Shared};
use crate::rights::{Named, decide};
use crate::streams::append::{log_of, set_aside_log_of};
use crate::streams::schema::can_be_subject;
use crate::tables::record::TOPIC;
use base::{Problem, nearest};
use kernel::{Call, Read, Reader, Reply, Resource, Tx};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What `data.erasures` takes in its query.
pub(crate) const QUERY: &[(&str, &str)] = &[
    ("id", "The number of an erasure; all of them where absent."),
    ("wait_ms", "How long to wait until that erasure is done."),
];

/// What an erasure does not reach, for whoever asks for one.
const NOT_REACHED: [&str; 5] = [
    "variables of process instances, their messages and their history",
    "problems of queries of other units over what is lent to them, in `system/faults`",
    "audit lines, which name resources and callers",
    "what other units, files and backups hold",
    "results of metrics and of views that others have read",
];

/// Whom to look for, and where.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    subject: String,
    /// The streams; all with a column for subjects where there is none.
    #[serde(default)]
    streams: Vec<String>,
    /// The column; those that the manifests mark where absent.
    #[serde(default)]
    column: Option<String>,
}

/// Returns the schema of the body of `data.erase` and `data.find`.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["subject"],
        "additionalProperties": false,
        "properties": {
            "subject": {"type": "string", "description": "What identifies the person, as text."},
            "streams": {"type": "array", "items": {"type": "string"}},
            "column": {"type": "string"},
        },
    })
}

/// Asks for an erasure. The same question again, while the erasure is under way and nothing was appended since, gives the same one.
///
/// # Errors
/// `data.subject` where nothing can be looked for, `data.busy`, `role.restricted`.
pub(crate) fn erase(data: &Data, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let ask = ask(&data.shared, call)?;
    let mut targets = Vec::new();
    for (stream, columns) in places(&data.shared, tx, call, &ask)? {
        targets.push(Target {
            upto: tx.log_end(&log_of(&stream.name))?,
            aside: tx.log_end(&set_aside_log_of(&stream.name))?,
            stream: stream.name.clone(),
            columns,
            rows: 0,
            rows_aside: 0,
        });
    }
    let active = state::active(tx)?;
    if let Some(known) = active.iter().find(|erasure| is_same(erasure, &ask.subject, &targets)) {
        return Ok(answer(known));
    }
    if data.shared.config.erasures_max <= active.len() {
        return Err(Error::Erasures { limit: data.shared.config.erasures_max }.into());
    }
    let mut salt = [0; 16];
    tx.kernel().entropy().fill(&mut salt);
    let salt = base::hex(&salt);
    let hash = base::hex(&base::sha256(format!("{salt}{}", ask.subject).as_bytes()));
    let erasure = Erasure {
        id: tx.serial("erasure")?,
        at: tx.wall(),
        by: call.actor.to_string(),
        subject: Some(ask.subject),
        salt,
        hash,
        targets,
        stage: Stage::Rows,
        done_at: None,
    };
    state::put(tx, &erasure)?;
    tx.notify(TOPIC);
    Ok(answer(&erasure))
}

fn is_same(erasure: &Erasure, subject: &str, targets: &[Target]) -> bool {
    let is_alike = |(a, b): (&Target, &Target)| {
        (&a.stream, &a.columns, a.upto, a.aside) == (&b.stream, &b.columns, b.upto, b.aside)
    };
    erasure.subject.as_deref() == Some(subject)
        && erasure.targets.len() == targets.len()
        && erasure.targets.iter().zip(targets).all(is_alike)
}

fn answer(erasure: &Erasure) -> Reply {
    let mut answer = shown(erasure);
    answer["not_reached"] = json!(NOT_REACHED);
    Reply::Value(answer)
}

/// Returns an erasure without its subject.
fn shown(erasure: &Erasure) -> Value {
    let streams = erasure.targets.iter().map(|target| {
        json!({
            "stream": target.stream,
            "columns": target.columns,
            "rows": target.rows,
            "set_aside": target.rows_aside,
        })
    });
    json!({
        "id": erasure.id,
        "at": erasure.at,
        "by": erasure.by,
        "subject_hash": erasure.hash,
        "salt": erasure.salt,
        "state": erasure.stage.name(),
        "done_at": erasure.done_at,
        "streams": streams.collect::<Vec<_>>(),
    })
}

/// Counts the rows of a subject.
///
/// # Errors
/// As [`erase`], and `sql.timeout` where it takes too long.
pub(crate) fn look(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let shared = &data.shared;
    let ask = ask(shared, call)?;
    let _pin = shared.queries.pin();
    let ms = shared.config.query_ms_max;
    let until = reader.kernel().clock().monotonic() + Duration::from_millis(ms);
    let (mut streams, mut total) = (Vec::new(), 0);
    for (stream, columns) in places(shared, reader, call, &ask)? {
        let wanted = Wanted { columns: &columns, subject: &ask.subject, until: (until, ms) };
        let (rows, set_aside) = find::count(shared, reader, &stream, &wanted)?;
        total += rows + set_aside;
        streams.push(json!({
            "stream": stream.name, "columns": columns, "rows": rows, "set_aside": set_aside,
        }));
    }
    Ok(Reply::Value(json!({"rows": total, "streams": streams, "not_reached": NOT_REACHED})))
}

/// Returns the erasures, or waits for one of them.
///
/// # Errors
/// `resource.not_found` where there is no such erasure.
pub(crate) fn list(data: &Data, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
    let Some(id) = call.number("id")? else {
        let items: Vec<Value> = state::all(reader)?.iter().map(shown).collect();
        return Ok(Reply::Value(json!({ "items": items })));
    };
    let wait_ms = call.number("wait_ms")?.unwrap_or(0).min(data.shared.config.read_wait_ms_max);
    let kernel = reader.kernel();
    let until = kernel.clock().monotonic() + Duration::from_millis(wait_ms);
    let mut commit = reader.commit()?;
    loop {
        let Some(erasure) = state::get(reader, id)? else {
            return Err(kernel::Error::NotFound { resource: format!("erasure {id}") }.into());
        };
        let left = until.saturating_sub(kernel.clock().monotonic());
        if erasure.stage == Stage::Done || left.is_zero() {
            return Ok(Reply::Value(json!({"items": [shown(&erasure)]})));
        }
        reader.release();
        commit = kernel.wait_commit(commit, left);
    }
}

fn ask(shared: &Shared, call: &Call) -> Result<Ask, Problem> {
    let ask: Ask = call.parameters()?;
    let limit = shared.config.subject_bytes_max;
    if ask.subject.is_empty() || limit < ask.subject.len() {
        let reason = format!("a subject has 1 to {limit} bytes");
        return Err(subject(reason, "say what identifies the person, as it stands in the rows"));
    }
    Ok(ask)
}

/// Returns where to look: streams with columns.
fn places(
    shared: &Arc<Shared>,
    read: &dyn Read,
    call: &Call,
    ask: &Ask,
) -> Result<Vec<(Arc<Stream>, Vec<String>)>, Problem> {
    let mut places = Vec::new();
    for resource in resources(read, &ask.streams)? {
        let stream = shared.stream(&resource)?;
        let columns = columns(&stream, ask)?;
        if columns.is_empty() {
            continue;
        }
        check_whole(read, &stream.name, call)?;
        places.push((stream, columns));
    }
    if places.is_empty() {
        let (reason, hint) = match &ask.column {
            Some(column) => (
                format!("no stream has a column `{column}` that can be a subject"),
                "name a column of type text or int",
            ),
            None => (
                "no stream says which column identifies a person".into(),
                "mark the columns with `subject: true` in the manifests, or name a column",
            ),
        };
        return Err(subject(reason, hint));
    }
    Ok(places)
}

fn resources(read: &dyn Read, names: &[String]) -> Result<Vec<Arc<Resource>>, Problem> {
    if names.is_empty() {
        return read.resources("stream");
    }
    let names: BTreeSet<&String> = names.iter().collect();
    let named = names.into_iter().map(|name| {
        let found = read.resource("stream", name)?;
        let missing = || kernel::Error::NotFound { resource: format!("stream/{name}") };
        found.ok_or_else(|| missing().into())
    });
    named.collect()
}

/// Returns the columns of a stream in which to look. A stream that was named must have one.
fn columns(stream: &Stream, ask: &Ask) -> Result<Vec<String>, Problem> {
    let can_be = |name: &&String| {
        let found = stream.spec.schema.iter().find(|column| column.name == **name);
        found.is_some_and(|column| can_be_subject(column.column_type))
    };
    let columns: Vec<String> = match &ask.column {
        Some(name) => Some(name).filter(can_be).into_iter().cloned().collect(),
        None => {
            let marked = stream.spec.schema.iter().filter(|column| column.subject);
            marked.map(|column| column.name.clone()).collect()
        }
    };
    if !columns.is_empty() || ask.streams.is_empty() {
        return Ok(columns);
    }
    let names = || stream.spec.schema.iter().map(|column| column.name.as_str());
    match &ask.column {
        Some(column) if names().any(|name| name == column) => {
            let reason = format!(
                "column `{column}` of stream `{}` is neither text nor int, and cannot be a subject",
                stream.name
            );
            Err(subject(reason, "name another column"))
        }
        Some(column) => {
            let hint = nearest(column, names()).map_or_else(
                || "name another column".to_owned(),
                |name| format!("did you mean `{name}`?"),
            );
            let reason = format!("stream `{}` has no column `{column}`", stream.name);
            Err(Error::Subject { reason, hint }.into())
        }
        None => {
            let reason =
                format!("stream `{}` says of no column that it identifies a person", stream.name);
            Err(subject(reason, "mark the column with `subject: true`, or name it"))
        }
    }
}

/// An erasure is of all rows: it is not for who sees a part of them, and would learn how many others there are.
fn check_whole(read: &dyn Read, stream: &str, call: &Call) -> Result<(), Problem> {
    let named = Named::stream(stream);
    if decide::excerpt(read, &named, &call.actor, call.on_behalf_of.as_ref())?.is_none() {
        return Ok(());
    }
    Err(Error::Restricted {
        reason: format!("a role shows a part of `{stream}`, and an erasure is of all its rows"),
        hint: "let somebody erase who sees all of the stream",
    }
    .into())
}

fn subject(reason: String, hint: &str) -> Problem {
    Error::Subject { reason, hint: hint.into() }.into()
}
