//! The keeper of the tables: sees what is due, writes the files, and has each step recorded. One thread of the unit runs it.
//!
//! It keeps nothing that cannot be lost: after a crash it finds in the store what had begun and finishes it. What leaves streams before
//! its time is the business of `erase`, what leaves them in its time that of `retain`.

mod erase;
mod pause;
mod retain;

use super::delta::{self, Commit};
use super::file::{self, Part, Take};
use super::newest;
use super::record::{self, Step, Wish};
use super::rewrite::{rewrite, rewrite_newest};
use super::state::{self, File, Intent, State, Work};
use crate::catalog::{LATEST, Stream, base_of, view_spec};
use crate::derived;
use crate::derived::refresh::{self, Refreshed};
use crate::engine::{Data, Shared};
use crate::erasure::state::Erasure;
use crate::streams::append::log_of;
use crate::streams::tail::{Range, each_batch};
use base::Problem;
use kernel::{Call, Kernel, Principal, Read, Reader, Reply, Resource, ResourceRef};
use pause::Pauses;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Has a call made and returns its reply.
pub type Calling<'a> = dyn FnMut(Call) -> Result<Reply, Problem> + 'a;

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// Something was done, and more may be due.
    Worked,
    /// Nothing is due now.
    Rest,
}

/// The name under which it acts.
const PART: &str = "tables";

/// Bytes of a row, where none is known yet.
const ROW_BYTES: u64 = 200;

/// Keeps the tables of a unit.
pub struct Keeper {
    shared: Arc<Shared>,
    kernel: Arc<Kernel>,
    /// Where rows that wait to be sealed begin, and since when, by table.
    waiting: HashMap<String, (u64, Duration)>,
    /// The last query that began before a table changed last: until it has ended, what it may read stays.
    changed: HashMap<String, u64>,
    /// When folders were last looked through for what no commit names.
    swept: HashMap<String, Duration>,
    /// When logs of rows that were set aside were last looked through for what is old, business time.
    looked_aside: HashMap<String, i64>,
    /// Tables of which the last work was a seal: what leaves them comes next.
    sealed: HashSet<String>,
    /// The erasures that are under way, as of this round.
    erasing: Vec<Erasure>,
    /// How far this process knows to be with them.
    progress: erase::Progress,
    /// What failed and is left alone for a while.
    pauses: Pauses,
    /// What went wrong in the last round beside what it returned.
    troubles: Vec<Problem>,
}

/// A table that is looked after.
struct Table {
    name: String,
    stream: Arc<Stream>,
    is_newest: bool,
}

impl Keeper {
    /// Returns the keeper of an engine's tables.
    pub fn new(data: &Arc<Data>, kernel: &Arc<Kernel>) -> Self {
        Self {
            shared: Arc::clone(&data.shared),
            kernel: Arc::clone(kernel),
            waiting: HashMap::new(),
            changed: HashMap::new(),
            swept: HashMap::new(),
            looked_aside: HashMap::new(),
            sealed: HashSet::new(),
            erasing: Vec::new(),
            progress: erase::Progress::default(),
            pauses: Pauses::default(),
            troubles: Vec::new(),
        }
    }

    /// Does what is due, at most one piece of work for each table. What fails is left alone for a while, longer each time; all else is
    /// looked after the same.
    ///
    /// # Errors
    /// The first problem, where nothing was done; [`Keeper::troubles`] has the others.
    pub fn round(&mut self, call: &mut Calling<'_>) -> Result<Round, Problem> {
        let config = Arc::clone(&self.shared.config);
        let of_table = (config.retry_ms, config.table_retry_ms_max);
        let of_view = (config.retry_ms, config.view_retry_ms_max);
        let (mut round, mut troubles) = (Round::Rest, Vec::new());
        let mut note = |outcome: Result<Round, Problem>| match outcome {
            Ok(Round::Worked) => round = Round::Worked,
            Ok(Round::Rest) => {}
            Err(problem) => troubles.push(problem),
        };
        self.troubles.clear();
        self.begin_round()?;
        for table in self.tables()? {
            let what = format!("table {}", table.name);
            note(self.unless_paused(&what, of_table, |keeper| keeper.look_after(&table, call)));
            if !table.is_newest {
                let what = format!("aside {}", table.name);
                note(self.unless_paused(&what, of_table, |keeper| keeper.look_aside(&table, call)));
            }
        }
        for view in self.views()? {
            // Another version of it is tried at once.
            let what = format!("view {}/{}", view.name, view.version);
            note(self.unless_paused(&what, of_view, |keeper| keeper.refresh(&view, call)));
        }
        note(self.unless_paused("folders", of_table, |keeper| keeper.drop_folders(call)));
        note(self.unless_paused("logs", of_table, |keeper| keeper.end_logs(call)));
        note(self.unless_paused("erasures", of_table, |keeper| keeper.erase(call)));
        if round == Round::Rest && !troubles.is_empty() {
            let first = troubles.remove(0);
            self.troubles = troubles;
            return Err(first);
        }
        self.troubles = troubles;
        Ok(round)
    }

    /// Returns what went wrong in the last round beside what it returned.
    pub fn troubles(&self) -> &[Problem] {
        &self.troubles
    }

    /// Does something, unless it failed a short while ago. `retry` says in milliseconds how long it waits, the first time and at most.
    fn unless_paused(
        &mut self,
        what: &str,
        retry: (u64, u64),
        work: impl FnOnce(&mut Self) -> Result<Round, Problem>,
    ) -> Result<Round, Problem> {
        let began = self.kernel.clock().monotonic();
        if self.pauses.is_paused(what, began) {
            return Ok(Round::Rest);
        }
        let outcome = work(self);
        match &outcome {
            Ok(_) => self.pauses.end(what),
            Err(_) => self.pauses.begin(what, (began, self.kernel.clock().monotonic()), retry),
        }
        outcome
    }

    fn reader(&self) -> Result<Reader, Problem> {
        Reader::new(&self.kernel, Principal::Unit(PART.into()))
    }

    fn tables(&self) -> Result<Vec<Table>, Problem> {
        let reader = self.reader()?;
        let mut tables = Vec::new();
        for resource in reader.resources("stream")? {
            let stream = self.shared.stream(&resource)?;
            let has_key = !stream.spec.key.is_empty();
            let name = stream.name.clone();
            tables.push(Table { name, stream: Arc::clone(&stream), is_newest: false });
            if has_key {
                let name = format!("{}{LATEST}", stream.name);
                tables.push(Table { name, stream, is_newest: true });
            }
        }
        Ok(tables)
    }

    /// Returns the views that are materialised.
    fn views(&self) -> Result<Vec<Arc<Resource>>, Problem> {
        let mut views = self.reader()?.resources("view")?;
        views.retain(|view| view.spec.get("materialized").is_some());
        Ok(views)
    }

    /// Renews what is kept of a view, where that is due, and deletes what is no longer kept.
    fn refresh(&mut self, view: &Resource, call: &mut Calling<'_>) -> Result<Round, Problem> {
        let spec = view_spec(view)?;
        let folder = derived::state::folder(&view.name);
        let refreshed = refresh::refresh(&self.shared, &self.kernel, view, &spec);
        self.shared.note_view(&view.name, refreshed.as_ref().err());
        if let Refreshed::Anew(kept) = refreshed? {
            let record = record_call("", &Step::Derive { view: view.name.clone(), kept });
            call(record)?;
            self.changed.insert(folder, self.shared.queries.last());
            return Ok(Round::Worked);
        }
        if self.changed.contains_key(&folder) && !self.is_seen(&folder) {
            self.drop_void(&view.name)?;
            self.changed.remove(&folder);
        }
        Ok(Round::Rest)
    }

    /// Deletes the files of a view that are not what is kept of it. They are gone from the disk when this returns.
    fn drop_void(&self, view: &str) -> Result<(), Problem> {
        let folder = derived::state::folder(view);
        let kept = derived::state::derived(&self.reader()?, view)?;
        let files = kept.map_or(Vec::new(), |kept| kept.files);
        for (name, _) in self.shared.blobs.list(&folder)? {
            if !files.iter().any(|file| name == format!("{folder}/{}", file.path)) {
                self.shared.blobs.delete(&name)?;
            }
        }
        self.shared.blobs.settle(&folder)?;
        Ok(())
    }

    fn look_after(&mut self, table: &Table, call: &mut Calling<'_>) -> Result<Round, Problem> {
        let reader = self.reader()?;
        if let Some(intent) = state::intent(&reader, &table.name)? {
            drop(reader);
            // Begun before a crash, or before something failed.
            self.perform(table, &intent, call)?;
            return Ok(Round::Worked);
        }
        let work = self.due(&reader, table)?;
        drop(reader);
        if let Some(work) = work {
            self.say(table, Step::Begin { work }, call)?;
            let reader = self.reader()?;
            if let Some(intent) = state::intent(&reader, &table.name)? {
                drop(reader);
                self.perform(table, &intent, call)?;
            }
            return Ok(Round::Worked);
        }
        self.tidy(table, call)
    }

    fn say(&self, table: &Table, step: Step, call: &mut Calling<'_>) -> Result<(), Problem> {
        call(record_call(&table.name, &step)).map(|_| ())
    }

    fn due(&mut self, reader: &Reader, table: &Table) -> Result<Option<Work>, Problem> {
        let wishes = record::wishes(reader, &table.name)?;
        let is_wished = wishes.contains(&Wish::Seal);
        if table.is_newest {
            let is_wished = is_wished || self.waits_for_newest(reader, table)?;
            let newest = self.newest_due(reader, table, is_wished)?;
            return newest.map_or_else(|| self.erase_due(reader, table), |work| Ok(Some(work)));
        }
        let is_wished = is_wished || self.has_to_seal(reader, table)?;
        // However fast rows come, what leaves gets a turn between two seals.
        let was_sealed = self.sealed.remove(&table.name);
        if was_sealed && let Some(work) = self.leaving_due(reader, table)? {
            return Ok(Some(work));
        }
        if let Some(work) = self.seal_due(reader, table, is_wished)? {
            self.sealed.insert(table.name.clone());
            return Ok(Some(work));
        }
        if !was_sealed && let Some(work) = self.leaving_due(reader, table)? {
            return Ok(Some(work));
        }
        self.compact_due(reader, table, wishes.contains(&Wish::Compact))
    }

    /// Returns what is to be done so that rows leave a table of a stream.
    fn leaving_due(&mut self, reader: &Reader, table: &Table) -> Result<Option<Work>, Problem> {
        let erase = self.erase_due(reader, table)?;
        erase.map_or_else(|| self.retain_due(reader, table), |work| Ok(Some(work)))
    }

    fn seal_due(
        &mut self,
        reader: &Reader,
        table: &Table,
        is_wished: bool,
    ) -> Result<Option<Work>, Problem> {
        let config = &self.shared.config;
        let log = log_of(&table.name);
        let base = base_of(reader, &log)?;
        let start = state::state(reader, &table.name)?.map_or(base, |state| state.sealed);
        let rows = reader.log_end(&log)?.saturating_sub(start);
        if rows == 0 {
            self.waiting.remove(&table.name);
            return Ok(None);
        }
        let now = self.kernel.clock().monotonic();
        let (of, since) = *self.waiting.entry(table.name.clone()).or_insert((start, now));
        let since = if of == start { since } else { now };
        self.waiting.insert(table.name.clone(), (start, since));
        let age = i64::try_from((now - since).as_millis()).unwrap_or(i64::MAX);
        let row_bytes = self.row_bytes(&table.name);
        let is_large =
            config.seal_rows <= rows || config.seal_bytes <= rows.saturating_mul(row_bytes);
        let is_old = config.seal_ms <= age && config.seal_rows_min <= rows;
        let is_very_old = config.seal_ms.saturating_mul(60) <= age;
        if !(is_wished || is_large || is_old || is_very_old) {
            return Ok(None);
        }
        let rows_max = (2 * config.seal_bytes / row_bytes.max(1)).clamp(1, 2 * config.seal_rows);
        Ok(Some(Work::Seal { start, end: start + rows.min(rows_max) }))
    }

    /// Returns how long the rows of a stream are, as far as this process has seen.
    fn row_bytes(&self, stream: &str) -> u64 {
        let appended = self.shared.appended.lock().unwrap_or_else(PoisonError::into_inner);
        appended.get(stream).map_or(ROW_BYTES, |(bytes, rows)| (bytes / (*rows).max(1)).max(1))
    }

    fn newest_due(
        &self,
        reader: &Reader,
        table: &Table,
        is_wished: bool,
    ) -> Result<Option<Work>, Problem> {
        let log = log_of(&table.stream.name);
        let base = base_of(reader, &log)?;
        let state = state::state(reader, &table.name)?;
        let from = state.as_ref().map_or(base, |state| state.sealed);
        let rows = reader.log_end(&log)?.saturating_sub(from);
        let held: u64 = state::files(reader, &table.name)?.iter().map(|file| file.rows).sum();
        let enough = self.shared.config.newest_rows.max(held / 4);
        let is_due = 0 < rows && (is_wished || enough <= rows);
        // Only what is sealed goes in, so that others can read both tables at the same offset.
        let sealed = state::state(reader, &table.stream.name)?.map_or(base, |state| state.sealed);
        Ok((is_due && from < sealed).then_some(Work::Newest { upto: sealed }))
    }

    fn compact_due(
        &self,
        reader: &Reader,
        table: &Table,
        is_wished: bool,
    ) -> Result<Option<Work>, Problem> {
        let config = &self.shared.config;
        let files_min = if is_wished { 2 } else { config.compact_files.max(2) };
        let (mut run, mut bytes) = (Vec::new(), 0);
        for file in state::files(reader, &table.name)? {
            let is_small = file.bytes < config.compact_bytes;
            if !is_small || 4 * config.compact_bytes < bytes {
                if files_min <= run.len() {
                    break;
                }
                (run, bytes) = (Vec::new(), 0);
            }
            if is_small {
                bytes += file.bytes;
                run.push(file.number);
            }
        }
        Ok((files_min <= run.len()).then_some(Work::Compact { files: run }))
    }

    /// Writes files and the Delta commit, unless that was done before a crash, and has it recorded.
    fn perform(
        &mut self,
        table: &Table,
        intent: &Intent,
        call: &mut Calling<'_>,
    ) -> Result<(), Problem> {
        let reader = self.reader()?;
        let Some(state) = state::state(&reader, &table.name)? else { return Ok(()) };
        let removes = record::removed(&reader, &table.name, &intent.work)?;
        drop(reader);
        let written = delta::adds_of(self.shared.blobs.as_ref(), &state.folder, intent)?;
        let (adds, schema) = match written {
            Some(written) => written,
            None => self.write(table, &state, intent, &removes)?,
        };
        let step = Step::Finish { version: intent.version, adds, schema };
        self.say(table, step, call)?;
        self.changed.insert(table.name.clone(), self.shared.queries.last());
        Ok(())
    }

    fn write(
        &self,
        table: &Table,
        state: &State,
        intent: &Intent,
        removes: &[File],
    ) -> Result<(Vec<File>, Option<String>), Problem> {
        let adds = match &intent.work {
            Work::Seal { start, end } => self.seal(table, state, intent, (*start, *end))?,
            Work::Compact { .. } => self.compact(table, state, intent, removes)?,
            Work::Rewrite { keep, .. } => {
                let (shared, stream, of) = (&self.shared, &table.stream, (state, intent));
                match table.is_newest {
                    true => rewrite_newest(shared, &self.kernel, stream, of, removes, keep)?,
                    false => rewrite(shared, &stream.schema, of, removes, keep)?,
                }
            }
            Work::Newest { upto } => {
                newest::write(&self.shared, &self.kernel, &table.stream, (state, intent), *upto)?
            }
        };
        let schema = delta::schema_text(&table.stream.schema);
        let is_new = intent.version == 0 || schema != state.schema;
        let (operation, is_change) = match &intent.work {
            Work::Seal { .. } => ("WRITE", true),
            Work::Compact { .. } => ("OPTIMIZE", false),
            Work::Rewrite { .. } => ("DELETE", true),
            Work::Newest { .. } => ("MERGE", true),
        };
        let sealed = match &intent.work {
            Work::Seal { end: upto, .. } | Work::Newest { upto } => *upto,
            _ => state.sealed,
        };
        let commit = Commit {
            intent,
            operation,
            state,
            schema: is_new.then_some((table.name.as_str(), schema.as_str())),
            sealed,
            adds: &adds,
            removes,
            is_change,
        };
        delta::write(self.shared.blobs.as_ref(), &commit)?;
        Ok((adds, is_new.then_some(schema)))
    }

    fn seal(
        &self,
        table: &Table,
        state: &State,
        intent: &Intent,
        (start, end): (u64, u64),
    ) -> Result<Vec<File>, Problem> {
        let range = Range {
            log: log_of(&table.name),
            base: start,
            end,
            schema: Arc::clone(&table.stream.schema),
        };
        let schema = file::file_schema(&table.stream.schema);
        let file = fresh(intent, 0);
        let written =
            file::write(self.shared.blobs.as_ref(), &state.folder, &schema, file, &mut |take| {
                each_batch(&self.kernel, &range, take)
            })?;
        Ok(written.into_iter().collect())
    }

    fn compact(
        &self,
        table: &Table,
        state: &State,
        intent: &Intent,
        removes: &[File],
    ) -> Result<Vec<File>, Problem> {
        let schema = file::file_schema(&table.stream.schema);
        let give = &mut |take: &mut Take<'_>| -> Result<(), Problem> {
            for old in removes {
                file::read(&self.shared.blobs, &state.folder, old, Part::default(), take)?;
            }
            Ok(())
        };
        let file = fresh(intent, 0);
        let written = file::write(self.shared.blobs.as_ref(), &state.folder, &schema, file, give)?;
        Ok(written.into_iter().collect())
    }

    /// Does what may be done at any time: shortens the log, writes a checkpoint, deletes what counts no more.
    fn tidy(&mut self, table: &Table, call: &mut Calling<'_>) -> Result<Round, Problem> {
        let reader = self.reader()?;
        let wishes = record::wishes(&reader, &table.name)?;
        for wish in [Wish::Seal, Wish::Compact].into_iter().filter(|wish| wishes.contains(wish)) {
            self.say(table, Step::Fulfil { wish }, call)?;
        }
        let Some(state) = state::state(&reader, &table.name)? else { return Ok(Round::Rest) };
        let log = log_of(&table.name);
        let upto = if table.is_newest {
            0
        } else {
            self.kernel.read_by_all(&reader, &log, state.sealed)?
        };
        let gone = state::gone(&reader, &table.name)?;
        let files = state::files(&reader, &table.name)?;
        drop(reader);
        if self.is_seen(&table.name) {
            return Ok(Round::Rest);
        }
        if state.trimmed < upto {
            self.say(table, Step::Trim { upto }, call)?;
            return Ok(Round::Worked);
        }
        let commits = state.next - state.checkpoint.map_or(0, |version| version + 1);
        if self.shared.config.checkpoint_commits <= commits {
            let at = self.kernel.clock().wall().as_millis();
            let blobs = self.shared.blobs.as_ref();
            let version = delta::write_checkpoint(blobs, &state, &table.name, at, (&files, &gone))?;
            self.say(table, Step::Checkpoint { version }, call)?;
            return Ok(Round::Worked);
        }
        self.vacuum(table, &state, (&files, &gone), wishes.contains(&Wish::Vacuum), call)
    }

    /// Returns whether a query still runs that began before the table changed last.
    fn is_seen(&self, table: &str) -> bool {
        let changed = self.changed.get(table).copied().unwrap_or(0);
        self.shared.queries.oldest().is_some_and(|oldest| oldest <= changed)
    }

    fn vacuum(
        &mut self,
        table: &Table,
        state: &State,
        (files, gone): (&[File], &[(u64, state::Gone)]),
        is_wished: bool,
        call: &mut Calling<'_>,
    ) -> Result<Round, Problem> {
        let clock = self.kernel.clock();
        let (wall, now) = (clock.wall().as_millis(), clock.monotonic());
        let kept_ms = self.shared.config.vacuum_ms;
        let old: Vec<_> = gone.iter().filter(|(_, gone)| kept_ms <= wall - gone.at).collect();
        if !old.is_empty() {
            let numbers = old.iter().map(|(number, _)| *number).collect();
            self.say(table, Step::Sweep { files: numbers }, call)?;
            for (_, gone) in &old {
                self.shared.blobs.delete(&format!("{}/{}", state.folder, gone.path))?;
            }
        }
        let every = Duration::from_millis(self.shared.config.sweep_ms);
        let is_due =
            self.swept.get(&table.name).is_none_or(|swept| every <= now.saturating_sub(*swept));
        if is_wished || is_due {
            self.swept.insert(table.name.clone(), now);
            self.sweep(state, files, gone)?;
        }
        if is_wished {
            self.say(table, Step::Fulfil { wish: Wish::Vacuum }, call)?;
        }
        Ok(if old.is_empty() { Round::Rest } else { Round::Worked })
    }

    /// Deletes files that no commit names: a crash left them. And commits of the log that a checkpoint stands for, when they are old.
    fn sweep(
        &self,
        state: &State,
        files: &[File],
        gone: &[(u64, state::Gone)],
    ) -> Result<(), Problem> {
        let blobs = self.shared.blobs.as_ref();
        let known =
            files.iter().map(|file| &file.path).chain(gone.iter().map(|(_, gone)| &gone.path));
        let known: std::collections::BTreeSet<String> =
            known.map(|path| format!("{}/{path}", state.folder)).collect();
        // Versions that readers may still go back to are those whose files are still there.
        let oldest = gone.iter().map(|(_, gone)| gone.version.saturating_sub(1)).min();
        let kept = oldest.unwrap_or(u64::MAX).min(state.checkpoint.unwrap_or(0));
        for (name, _) in blobs.list(&state.folder)? {
            let is_rubbish = match delta::version_of(&name) {
                Some((_, version)) => version < kept || state.next <= version,
                None => !known.contains(&name) && !name.ends_with("_last_checkpoint"),
            };
            if is_rubbish {
                blobs.delete(&name)?;
            }
        }
        Ok(())
    }

    fn drop_folders(&mut self, call: &mut Calling<'_>) -> Result<Round, Problem> {
        let reader = self.reader()?;
        let dropped = state::dropped(&reader)?;
        drop(reader);
        let wall = self.kernel.clock().wall().as_millis();
        let kept_ms = self.shared.config.vacuum_ms;
        // An erasure waits for all that was removed before: it may hold rows of the subject.
        let kept_ms = if self.erasing.is_empty() { kept_ms } else { 0 };
        let mut round = Round::Rest;
        for (folder, _) in dropped.iter().filter(|(_, at)| kept_ms <= wall - at.as_millis()) {
            // Whatever runs now may have begun before it was removed.
            let (removed, last) = (format!("removed {folder}"), self.shared.queries.last());
            self.changed.entry(removed.clone()).or_insert(last);
            if self.is_seen(&removed) {
                continue;
            }
            for (name, _) in self.shared.blobs.list(folder)? {
                self.shared.blobs.delete(&name)?;
            }
            self.shared.blobs.settle(folder)?;
            call(record_call("", &Step::Drop { folder: folder.clone() }))?;
            self.changed.remove(&removed);
            round = Round::Worked;
        }
        Ok(round)
    }

    /// Empties the logs of streams that were removed, once nobody reads them any more.
    fn end_logs(&mut self, call: &mut Calling<'_>) -> Result<Round, Problem> {
        let reader = self.reader()?;
        let mut round = Round::Rest;
        for (log, end) in state::ended(&reader)? {
            let (removed, last) = (format!("removed {log}"), self.shared.queries.last());
            self.changed.entry(removed.clone()).or_insert(last);
            if self.is_seen(&removed) || self.kernel.read_by_all(&reader, &log, end)? < end {
                continue;
            }
            call(record_call("", &Step::End { log, upto: end }))?;
            self.changed.remove(&removed);
            round = Round::Worked;
        }
        Ok(round)
    }
}

fn record_call(table: &str, step: &Step) -> Call {
    let resource = ResourceRef::new("table", table);
    let record = Call::new("table.record", resource, Principal::Unit(PART.into()));
    record.with(json!({ "step": step }))
}

/// Returns the `n`th file of a work, before it is written.
pub(crate) fn fresh(intent: &Intent, n: u64) -> File {
    let number = intent.number + n;
    File {
        number,
        path: format!("part-{:010}-{number:010}.parquet", intent.version),
        bytes: 0,
        rows: 0,
        start: 0,
        end: 0,
        times: None,
        at: intent.at,
    }
}
