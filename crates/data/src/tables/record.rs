//! `table.record`: what is done with files becomes true in a commit, step by step; and what people may ask for.

use super::state::{
    self, File, Gone, Intent, Keep, State, Work, anew_key, decode, dropped_key, encode, ended_key,
    file_key, gone_key, intent_key, state_key,
};
use crate::catalog::{LATEST, base_key, base_of};
use crate::counts;
use crate::derived::state::{Derived, derived_key};
use crate::erasure;
use crate::streams::append::{log_of, set_aside_log_of};
use crate::streams::marks;
use crate::{Config, Error};
use base::{Key, Problem};
use kernel::{Call, Read, Reply, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The topic that is notified when a table is to be looked after.
pub const TOPIC: &str = "tables";

/// A step of the work on a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Something will be done.
    Begin { work: Work },
    /// It is done: the Delta commit is written.
    Finish { version: u64, adds: Vec<File>, schema: Option<String> },
    /// Rows that are in files leave the log.
    Trim { upto: u64 },
    /// Files that count no more are about to be deleted, by their numbers.
    Sweep { files: Vec<u64> },
    /// A checkpoint was written.
    Checkpoint { version: u64 },
    /// What was asked for is done, or there was nothing to do.
    Fulfil { wish: Wish },
    /// What is kept of a materialised view now.
    Derive { view: String, kept: Box<Derived> },
    /// The folder of a table that was removed is about to be deleted.
    Drop { folder: String },
    /// The log of a stream that was removed is emptied.
    End { log: String, upto: u64 },
    /// Rows of a stream that were set aside count no more, up to an offset.
    CutAside { stream: String, base: u64 },
    /// Rows that were set aside and count no more leave their log.
    TrimAside { stream: String },
    /// What is done for an erasure beside files.
    Erase { id: u64, step: erasure::Step },
}

/// What somebody asks to be done with a table before it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wish {
    Seal,
    Compact,
    Vacuum,
}

/// Takes a step down.
///
/// # Errors
/// `table.out_of_step` where the step does not follow from how the table stands.
pub(crate) fn record(config: &Config, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let step: Step = serde_json::from_value(call.args.get("step").cloned().unwrap_or_default())
        .map_err(|error| out_of_step(&call.resource.name, &error.to_string()))?;
    let table = call.resource.name.as_str();
    match step {
        Step::Begin { work } => begin(tx, table, work),
        Step::Finish { version, adds, schema } => finish(tx, table, version, &adds, schema),
        Step::Trim { upto } => trim(tx, table, upto),
        Step::Sweep { files } => {
            files.iter().for_each(|number| tx.delete(gone_key(table, Some(*number))));
            Ok(())
        }
        Step::Checkpoint { version } => {
            let mut state = known(tx, table)?;
            state.checkpoint = Some(version);
            put(tx, table, &state)
        }
        Step::Fulfil { wish } => fulfil(tx, table, wish),
        Step::Derive { view, kept } => {
            tx.put(derived_key(&view), encode(&kept)?);
            Ok(())
        }
        Step::Drop { folder } => {
            tx.delete(dropped_key(Some(&folder)));
            Ok(())
        }
        Step::End { log, upto } => {
            tx.delete(ended_key(Some(&log)));
            tx.trim(&log, upto);
            Ok(())
        }
        Step::CutAside { stream, base } => begin_aside(tx, &stream, base),
        Step::TrimAside { stream } => {
            let log = set_aside_log_of(&stream);
            let base = base_of(tx, &log)?;
            tx.trim(&log, base);
            Ok(())
        }
        Step::Erase { id, step } => erasure::record(tx, config, id, step),
    }?;
    Ok(Reply::Value(json!({})))
}

/// Takes down what somebody asks to be done.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn wish(tx: &mut Tx<'_>, call: &Call, wish: Wish) -> Result<Reply, Problem> {
    let table = call.resource.name.as_str();
    let stream = stream_of(tx, table)?;
    if wish == Wish::Seal && stream != table {
        // The newest rows are taken from what is sealed of their stream.
        note(tx, &stream, wish)?;
    }
    note(tx, table, wish)?;
    tx.notify(TOPIC);
    Ok(Reply::Value(json!({})))
}

fn note(tx: &mut Tx<'_>, table: &str, wish: Wish) -> Result<(), Problem> {
    let mut wishes = wishes(tx, table)?;
    if !wishes.contains(&wish) {
        wishes.push(wish);
    }
    tx.put(wish_key(table), encode(&wishes)?);
    Ok(())
}

/// Returns what was asked to be done with a table.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn wishes(read: &dyn Read, table: &str) -> Result<Vec<Wish>, Problem> {
    let stored = read.get(wish_key(table).as_ref())?;
    Ok(stored.map(|bytes| decode(&bytes)).transpose()?.unwrap_or_default())
}

fn wish_key(table: &str) -> Key {
    kernel::key(b's').text("wish").text(table)
}

fn fulfil(tx: &mut Tx<'_>, table: &str, done: Wish) -> Result<(), Problem> {
    let mut wishes = wishes(tx, table)?;
    wishes.retain(|wish| *wish != done);
    match wishes.is_empty() {
        true => tx.delete(wish_key(table)),
        false => tx.put(wish_key(table), encode(&wishes)?),
    }
    Ok(())
}

fn known(read: &dyn Read, table: &str) -> Result<State, Problem> {
    state::state(read, table)?.ok_or_else(|| out_of_step(table, "it has no files yet"))
}

fn put(tx: &mut Tx<'_>, table: &str, state: &State) -> Result<(), Problem> {
    tx.put(state_key(table), encode(state)?);
    Ok(())
}

/// Returns the stream that a table stands on.
pub(crate) fn stream_of(read: &dyn Read, table: &str) -> Result<String, Problem> {
    if read.resource("stream", table)?.is_some() {
        return Ok(table.to_owned());
    }
    Ok(table.strip_suffix(LATEST).unwrap_or(table).to_owned())
}

fn begin(tx: &mut Tx<'_>, table: &str, work: Work) -> Result<(), Problem> {
    if let Some(intent) = state::intent(tx, table)? {
        return Err(out_of_step(table, &format!("version {} is being made", intent.version)));
    }
    let stream = stream_of(tx, table)?;
    let log = log_of(&stream);
    let from = base_of(tx, &log)?;
    let state = match state::state(tx, table)? {
        Some(state) => state,
        None => {
            let state = fresh(tx, table, from)?;
            put(tx, table, &state)?;
            state
        }
    };
    let end = tx.log_end(&log)?;
    let is_next = match &work {
        Work::Seal { start, end: upto } => *start == state.sealed && start < upto && *upto <= end,
        Work::Newest { upto } => state.sealed <= *upto && *upto <= end,
        Work::Compact { files } | Work::Rewrite { files, .. } => {
            let known = state::files(tx, table)?;
            let is_known = |number: &u64| known.iter().any(|file| file.number == *number);
            !files.is_empty() && files.iter().all(is_known)
        }
    };
    if !is_next {
        return Err(out_of_step(table, "the work does not go on from where the table stands"));
    }
    let mut id = [0; 16];
    tx.kernel().entropy().fill(&mut id);
    let intent = Intent {
        id: base::hex(&id),
        version: state.next,
        number: state.file_next,
        work,
        at: tx.wall().as_millis(),
    };
    tx.put(intent_key(table), encode(&intent)?);
    Ok(())
}

/// Has the rows of a stream that were set aside begin later.
fn begin_aside(tx: &mut Tx<'_>, stream: &str, base: u64) -> Result<(), Problem> {
    let log = set_aside_log_of(stream);
    if base < base_of(tx, &log)? || tx.log_end(&log)? < base {
        return Err(out_of_step(stream, "rows that were set aside begin elsewhere"));
    }
    tx.put(base_key(&log), base.to_be_bytes().to_vec());
    Ok(())
}

/// Returns the state of a table that has nothing yet. Its folder is one that no table had before: what is remembered of files goes by
/// their names.
fn fresh(tx: &Tx<'_>, table: &str, from: u64) -> Result<State, Problem> {
    let mut folder =
        if from == 0 { format!("tables/{table}") } else { format!("tables/{table}@{from}") };
    if let Some(commit) = tx.get(anew_key(table).as_ref())? {
        folder = format!("{folder}.{}", decode::<u64>(&commit)?);
    }
    let mut id = [0; 16];
    tx.kernel().entropy().fill(&mut id);
    // RFC 9562, version 4.
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    let hex = base::hex(&id);
    let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    Ok(State {
        folder,
        id,
        created: tx.wall().as_millis(),
        sealed: from,
        trimmed: from,
        ..State::default()
    })
}

fn finish(
    tx: &mut Tx<'_>,
    table: &str,
    version: u64,
    adds: &[File],
    schema: Option<String>,
) -> Result<(), Problem> {
    let mut state = known(tx, table)?;
    let Some(intent) = state::intent(tx, table)?.filter(|intent| intent.version == version) else {
        // It was finished before: the answer was lost.
        let is_done = version < state.next;
        return if is_done { Ok(()) } else { Err(out_of_step(table, "nothing was begun")) };
    };
    if !adds.iter().all(|file| is_made_by(file, &intent)) {
        return Err(out_of_step(table, "files are not those of what was begun"));
    }
    let removed = removed(tx, table, &intent.work)?;
    for file in &removed {
        let (path, bytes) = (file.path.clone(), file.bytes);
        let gone = Gone { path, bytes, at: intent.at, version };
        tx.delete(file_key(table, Some(file.number)));
        tx.put(gone_key(table, Some(file.number)), encode(&gone)?);
    }
    for file in adds {
        tx.put(file_key(table, Some(file.number)), encode(file)?);
        state.file_next = state.file_next.max(file.number + 1);
    }
    match intent.work {
        Work::Seal { end: upto, .. } => {
            state.sealed = upto;
            tx.count(counts::SEALS, table);
        }
        Work::Newest { upto } => state.sealed = upto,
        Work::Compact { .. } => {}
        Work::Rewrite { keep, erasure, .. } => {
            let gone = rows_of(&removed).saturating_sub(rows_of(adds));
            state.cut += 1;
            if let Some(id) = erasure {
                erasure::count(tx, id, table, gone)?;
            }
            if let Keep::Since { .. } = keep {
                trim_marks(tx, table, &state)?;
            }
        }
    }
    state.next = version + 1;
    state.schema = schema.unwrap_or(state.schema);
    tx.delete(intent_key(table));
    put(tx, table, &state)
}

/// Returns whether a file is one that a work makes.
fn is_made_by(file: &File, intent: &Intent) -> bool {
    let is_fresh = intent.number <= file.number && file.at == intent.at;
    is_fresh
        && match &intent.work {
            Work::Seal { start, end } => *start <= file.start && file.end <= *end,
            Work::Newest { upto } => file.end <= *upto,
            Work::Compact { .. } | Work::Rewrite { .. } => true,
        }
}

fn rows_of(files: &[File]) -> u64 {
    files.iter().map(|file| file.rows).sum()
}

/// Shortens the log of marks: no query goes back to before the first row that is left.
fn trim_marks(tx: &mut Tx<'_>, table: &str, state: &State) -> Result<(), Problem> {
    let files = state::files(tx, table)?;
    let first = files.iter().map(|file| file.start).min().unwrap_or(state.sealed);
    let count = marks::count_before(tx, table, first)?;
    if 0 < count {
        tx.trim(&marks::log_of_marks(table), count);
    }
    Ok(())
}

/// Returns the files that a work leaves out.
pub(crate) fn removed(read: &dyn Read, table: &str, work: &Work) -> Result<Vec<File>, Problem> {
    let mut files = state::files(read, table)?;
    match work {
        Work::Seal { .. } => files.clear(),
        // The newest rows up to a later offset take the place of all.
        Work::Newest { .. } => {}
        Work::Compact { files: numbers } | Work::Rewrite { files: numbers, .. } => {
            files.retain(|file| numbers.contains(&file.number));
        }
    }
    Ok(files)
}

fn trim(tx: &mut Tx<'_>, table: &str, upto: u64) -> Result<(), Problem> {
    let mut state = known(tx, table)?;
    if state.sealed < upto {
        return Err(out_of_step(table, "rows that are not sealed cannot leave the log"));
    }
    tx.trim(&log_of(table), upto);
    state.trimmed = upto;
    put(tx, table, &state)
}

/// Forgets a table whose stream is removed; its folder is deleted later.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn drop_table(tx: &mut Tx<'_>, table: &str) -> Result<(), Problem> {
    let Some(state) = state::state(tx, table)? else { return Ok(()) };
    drop_folder(tx, &state.folder)?;
    tx.delete(anew_key(table));
    tx.delete(state_key(table));
    tx.delete(intent_key(table));
    tx.delete(wish_key(table));
    for prefix in [file_key(table, None), gone_key(table, None)] {
        for (key, _) in tx.scan_prefix(prefix.as_ref(), usize::MAX)? {
            tx.delete(key);
        }
    }
    Ok(())
}

/// Forgets a table that is to be made anew from the rows of its stream, in another folder.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn renew_table(tx: &mut Tx<'_>, table: &str) -> Result<(), Problem> {
    if state::state(tx, table)?.is_some() {
        drop_table(tx, table)?;
        let commit = encode(&tx.commit_next())?;
        tx.put(anew_key(table), commit);
    }
    Ok(())
}

/// Has the log of a stream that is removed emptied later.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn end_log(tx: &mut Tx<'_>, log: &str) -> Result<(), Problem> {
    let end = tx.log_end(log)?;
    if 0 < end {
        tx.put(ended_key(Some(log)), encode(&(log, end))?);
        tx.notify(TOPIC);
    }
    Ok(())
}

/// Has a folder deleted later.
///
/// # Errors
/// Never.
pub(crate) fn drop_folder(tx: &mut Tx<'_>, folder: &str) -> Result<(), Problem> {
    let dropped = (folder, tx.wall().as_millis());
    tx.put(dropped_key(Some(folder)), encode(&dropped)?);
    tx.notify(TOPIC);
    Ok(())
}

fn out_of_step(table: &str, reason: &str) -> Problem {
    Error::OutOfStep { table: table.into(), reason: reason.into() }.into()
}
