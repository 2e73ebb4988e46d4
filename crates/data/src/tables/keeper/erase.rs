//! What is done for erasures: rows of a subject leave files and logs; what held them before is deleted, and written over on the disk.
//!
//! A stream comes before its `NAME_latest`, rows before what is kept of views, all of it before the disk. What a query reads that began
//! before stays until it has ended.

use super::{Calling, Keeper, Round, Table, record_call};
use crate::catalog::{LATEST, SET_ASIDE, Stream, base_of, view_spec};
use crate::derived;
use crate::erasure::Step as Erasing;
use crate::erasure::find::{has_leaving, is_aside};
use crate::erasure::state::{self as erasures, Erasure, Stage, Target};
use crate::sql::as_of;
use crate::sql::guard::TABLE_FUNCTIONS;
use crate::streams::append::{log_of, set_aside_log_of};
use crate::tables::delta;
use crate::tables::record::Step;
use crate::tables::state::{self, File, Gone, Keep, State, Work};
use base::Problem;
use kernel::{Read, Reader, Resource};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// An erasure and a table, or a stream.
type Of = (u64, String);

/// How far this process knows to be with erasures. After a crash it finds out again.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The number of the first file of a table that was not looked through.
    looked: HashMap<Of, u64>,
    /// The same of the files that count no more.
    looked_gone: HashMap<Of, u64>,
    /// True where a round did not look through all files that it should have.
    is_looking: bool,
    /// Tables whose folders hold nothing any more.
    purged: HashSet<Of>,
    /// Streams whose rows that were set aside are on the move.
    moving: HashSet<Of>,
    /// Streams of which nothing is set aside any more.
    aside: HashSet<Of>,
    /// Erasures whose rows were written over in the store.
    overwritten: HashSet<u64>,
}

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// A step was done, and more may follow at once.
    More,
    /// Somebody else has to come to an end first.
    Waits,
}

impl Keeper {
    /// Looks which erasures are under way.
    pub(super) fn begin_round(&mut self) -> Result<(), Problem> {
        self.erasing = erasures::active(&self.reader()?)?;
        if self.erasing.is_empty() {
            self.progress = Progress::default();
        }
        Ok(())
    }

    /// Returns whether rows of a stream have to be sealed, because an erasure reaches as far: only files are made anew.
    pub(super) fn has_to_seal(&self, reader: &Reader, table: &Table) -> Result<bool, Problem> {
        if self.is_overdue(reader, table)? {
            return Ok(true);
        }
        let erasing = self.erasing.iter().filter(|erasure| erasure.stage == Stage::Rows);
        let targets = erasing.flat_map(|erasure| &erasure.targets);
        let uptos = targets.filter(|target| target.stream == table.name).map(|target| target.upto);
        let Some(upto) = uptos.max() else { return Ok(false) };
        let sealed = sealed_of(reader, &table.name)?;
        if sealed < upto {
            return Ok(true);
        }
        // A chunk leaves the log as a whole, also where it reaches beyond.
        let first = chunk_first(reader, &log_of(&table.name))?;
        Ok(first.is_some_and(|(offset, end)| offset < upto && upto < end && sealed < end))
    }

    /// Returns the files of a table that have rows of a subject, to be made anew.
    pub(super) fn erase_due(
        &mut self,
        reader: &Reader,
        table: &Table,
    ) -> Result<Option<Work>, Problem> {
        let stream = &table.stream.name;
        let wanted = self.erasing.iter();
        let wanted: Vec<(u64, Keep)> =
            wanted.filter_map(|erasure| Some((erasure.id, erasure.keep(stream)?))).collect();
        for (id, keep) in wanted {
            let Keep::Without { upto, .. } = keep else { continue };
            // What is the newest row of a key is found among those of the stream that stay.
            if table.is_newest && !self.is_clean(reader, (stream, false), (id, upto))? {
                continue;
            }
            if let Some(work) = self.look_through(reader, table, id, keep)? {
                return Ok(Some(work));
            }
        }
        Ok(None)
    }

    fn look_through(
        &mut self,
        reader: &Reader,
        table: &Table,
        id: u64,
        keep: Keep,
    ) -> Result<Option<Work>, Problem> {
        let Some(state) = state::state(reader, &table.name)? else { return Ok(None) };
        let of = (id, table.name.clone());
        let looked = self.progress.looked.get(&of).copied().unwrap_or(0);
        let mut files = state::files(reader, &table.name)?;
        // Looking takes its time; the store can tidy up meanwhile.
        reader.release();
        files.retain(|file| looked <= file.number);
        files.sort_by_key(|file| file.number);
        let look_files = self.shared.config.erase_look_files.max(1);
        let is_all = files.len() <= look_files;
        files.truncate(look_files);
        let mut found = Vec::new();
        for file in &files {
            if has_leaving(&self.shared, &state.folder, file, &keep)? {
                found.push(file.number);
            }
            if self.shared.config.rewrite_files.max(1) <= found.len() {
                break;
            }
        }
        if let Some(first) = found.first() {
            self.progress.looked.insert(of, *first);
            let erasure = (!table.is_newest).then_some(id);
            return Ok(Some(Work::Rewrite { files: found, keep, erasure }));
        }
        let next = if is_all { None } else { files.last().map(|file| file.number + 1) };
        self.progress.is_looking |= !is_all;
        self.progress.looked.insert(of, next.unwrap_or(state.file_next));
        Ok(None)
    }

    /// Returns whether no file of a table has rows of a subject, and none of its rows is in the log only.
    fn is_clean(
        &self,
        reader: &Reader,
        (table, is_newest): (&str, bool),
        (id, upto): (u64, u64),
    ) -> Result<bool, Problem> {
        let looked = self.progress.looked.get(&(id, table.to_owned())).copied().unwrap_or(0);
        let files = state::files(reader, table)?;
        let is_looked = files.iter().all(|file| file.number < looked || upto <= file.start);
        Ok(is_looked && (is_newest || upto <= sealed_of(reader, table)?))
    }

    /// Goes on with the erasures.
    pub(super) fn erase(&mut self, call: &mut Calling<'_>) -> Result<Round, Problem> {
        let is_looking = std::mem::take(&mut self.progress.is_looking);
        let mut round = if is_looking { Round::Worked } else { Round::Rest };
        for erasure in self.erasing.clone() {
            let left = match erasure.stage {
                Stage::Rows => self.erase_rows(&erasure, call)?,
                Stage::Views => self.erase_views(&erasure, call)?,
                Stage::Disk => self.erase_from_disk(&erasure, call)?,
                Stage::Done => Left::Nothing,
            };
            if left == Left::More {
                round = Round::Worked;
            }
        }
        Ok(round)
    }

    fn erase_rows(&mut self, erasure: &Erasure, call: &mut Calling<'_>) -> Result<Left, Problem> {
        let mut all = Left::Nothing;
        for target in &erasure.targets {
            let left = match self.erase_target(erasure, target, call)? {
                Left::Nothing => self.erase_aside(erasure, target, call)?,
                left => left,
            };
            if left == Left::More || all == Left::Nothing {
                all = left;
            }
        }
        if all != Left::Nothing {
            return Ok(all);
        }
        let reader = self.reader()?;
        // What was removed before may hold rows of the subject, too.
        if !state::dropped(&reader)?.is_empty() || !state::ended(&reader)?.is_empty() {
            return Ok(Left::Waits);
        }
        let views = self.views_upon(&reader, erasure)?;
        drop(reader);
        let step = Erasing::Views { views: views.clone() };
        call(record_call("", &Step::Erase { id: erasure.id, step }))?;
        let last = self.shared.queries.last();
        for view in views {
            self.changed.insert(derived::state::folder(&view), last);
        }
        Ok(Left::More)
    }

    /// Sees to it that nothing is left of the rows of a stream: in its files, in those of its `NAME_latest`, in its log.
    fn erase_target(
        &mut self,
        erasure: &Erasure,
        target: &Target,
        call: &mut Calling<'_>,
    ) -> Result<Left, Problem> {
        let reader = self.reader()?;
        let Some(stream) = self.target_stream(&reader, target)? else { return Ok(Left::Nothing) };
        let mut tables = vec![(stream.name.clone(), false)];
        if !stream.spec.key.is_empty() {
            tables.push((format!("{}{LATEST}", stream.name), true));
        }
        for (table, is_newest) in &tables {
            if !self.is_clean(&reader, (table, *is_newest), (erasure.id, target.upto))? {
                return Ok(Left::Waits);
            }
        }
        let first = chunk_first(&reader, &log_of(&stream.name))?;
        if first.is_some_and(|(offset, _)| offset < target.upto) {
            return Ok(Left::Waits);
        }
        drop(reader);
        for (table, _) in &tables {
            let left = self.purge(table, erasure, call)?;
            if left != Left::Nothing {
                return Ok(left);
            }
        }
        Ok(Left::Nothing)
    }

    /// Returns the stream that an erasure concerns; none where all rows that it concerns were removed together with it.
    fn target_stream(
        &self,
        reader: &Reader,
        target: &Target,
    ) -> Result<Option<Arc<Stream>>, Problem> {
        let Some(resource) = reader.resource("stream", &target.stream)? else { return Ok(None) };
        let stream = self.shared.stream(&resource)?;
        Ok(if stream.base(reader)? < target.upto { Some(stream) } else { None })
    }

    /// Deletes files of a table that count no more and hold rows of a subject, however long others may read them; and the commits of the
    /// Delta log that name them.
    fn purge(
        &mut self,
        table: &str,
        erasure: &Erasure,
        call: &mut Calling<'_>,
    ) -> Result<Left, Problem> {
        let of = (erasure.id, table.to_owned());
        if self.progress.purged.contains(&of) {
            return Ok(Left::Nothing);
        }
        let reader = self.reader()?;
        let Some(state) = state::state(&reader, table)? else { return Ok(Left::Nothing) };
        if self.is_seen(table) || state::intent(&reader, table)?.is_some() {
            return Ok(Left::Waits);
        }
        let (files, gone) = (state::files(&reader, table)?, state::gone(&reader, table)?);
        drop(reader);
        let looked = self.progress.looked_gone.get(&of).copied().unwrap_or(0);
        let portion = gone.iter().filter(|(number, _)| looked <= *number);
        let portion = portion.take(self.shared.config.erase_look_files.max(1));
        let portion: Vec<&(u64, Gone)> = portion.collect();
        let Some((last, _)) = portion.last() else {
            // What a crash left is no commit's, and may hold rows as well.
            self.sweep(&state, &files, &gone)?;
            self.shared.blobs.settle(&state.folder)?;
            self.progress.purged.insert(of);
            return Ok(Left::More);
        };
        let leaving = self.leaving(&state, &portion, erasure, table)?;
        if !leaving.is_empty() {
            if state.checkpoint != state.next.checked_sub(1) {
                let at = self.kernel.clock().wall().as_millis();
                let blobs = self.shared.blobs.as_ref();
                let version = delta::write_checkpoint(blobs, &state, table, at, (&files, &gone))?;
                call(record_call(table, &Step::Checkpoint { version }))?;
                return Ok(Left::More);
            }
            let numbers = leaving.iter().map(|(number, _)| *number).collect();
            call(record_call(table, &Step::Sweep { files: numbers }))?;
            for (_, gone) in leaving {
                self.shared.blobs.delete(&format!("{}/{}", state.folder, gone.path))?;
            }
        }
        self.progress.looked_gone.insert(of, last + 1);
        Ok(Left::More)
    }

    /// Returns those of some files that hold rows of a subject.
    fn leaving<'g>(
        &self,
        state: &State,
        gone: &[&'g (u64, Gone)],
        erasure: &Erasure,
        table: &str,
    ) -> Result<Vec<&'g (u64, Gone)>, Problem> {
        let keep = |stream: &str| erasure.keep(stream);
        let keep = keep(table).or_else(|| keep(table.strip_suffix(LATEST)?));
        let Some(keep) = keep else { return Ok(Vec::new()) };
        let mut leaving = Vec::new();
        for entry in gone {
            let (number, gone) = *entry;
            let file = File {
                number: *number,
                path: gone.path.clone(),
                bytes: gone.bytes,
                rows: 0,
                start: 0,
                end: u64::MAX,
                times: None,
                at: gone.at,
            };
            if has_leaving(&self.shared, &state.folder, &file, &keep)? {
                leaving.push(*entry);
            }
        }
        Ok(leaving)
    }

    /// Sees to it that nothing is left of the rows that were set aside.
    fn erase_aside(
        &mut self,
        erasure: &Erasure,
        target: &Target,
        call: &mut Calling<'_>,
    ) -> Result<Left, Problem> {
        let of = (erasure.id, target.stream.clone());
        if self.progress.aside.contains(&of) {
            return Ok(Left::Nothing);
        }
        let log = set_aside_log_of(&target.stream);
        let reader = self.reader()?;
        let (base, first) = (base_of(&reader, &log)?, chunk_first(&reader, &log)?);
        drop(reader);
        let move_on = |upto: u64| {
            let step = Erasing::MoveAside { stream: target.stream.clone(), upto };
            record_call("", &Step::Erase { id: erasure.id, step })
        };
        if base < target.aside && self.has_to_move(erasure, target, base)? {
            self.progress.moving.insert(of);
            call(move_on(target.aside))?;
            self.changed.insert(log, self.shared.queries.last());
            return Ok(Left::More);
        }
        let Some((_, end)) = first.filter(|(offset, _)| *offset < base) else {
            self.progress.aside.insert(of);
            return Ok(Left::Nothing);
        };
        if base < end {
            // A chunk leaves the log as a whole: what counts of it moves, too.
            call(move_on(end))?;
            self.changed.insert(log, self.shared.queries.last());
            return Ok(Left::More);
        }
        if self.is_seen(&log) {
            return Ok(Left::Waits);
        }
        call(record_call("", &Step::TrimAside { stream: target.stream.clone() }))?;
        Ok(Left::More)
    }

    fn has_to_move(&self, erasure: &Erasure, target: &Target, base: u64) -> Result<bool, Problem> {
        if self.progress.moving.contains(&(erasure.id, target.stream.clone())) {
            return Ok(true);
        }
        let Some(subject) = &erasure.subject else { return Ok(false) };
        let range = (base, target.aside);
        is_aside(&self.kernel, &target.stream, range, (&target.columns, subject))
    }

    /// Returns the views of which something is kept and that may stand on streams of an erasure.
    fn views_upon(&self, reader: &Reader, erasure: &Erasure) -> Result<Vec<String>, Problem> {
        let ending = |name: &str| ["", LATEST, SET_ASIDE].map(|ending| format!("{name}{ending}"));
        let targets = erasure.targets.iter().flat_map(|target| ending(&target.stream));
        let mut reached: BTreeSet<String> = targets.collect();
        let streams = reader.resources("stream")?;
        let known: BTreeSet<String> =
            streams.iter().flat_map(|stream| ending(&stream.name)).collect();
        let views = reader.resources("view")?;
        loop {
            let before = reached.len();
            for view in &views {
                if self.stands_on(view, &reached, (&known, &views))? {
                    reached.insert(view.name.clone());
                }
            }
            if reached.len() == before {
                break;
            }
        }
        let mut kept = derived::state::names(reader)?;
        // A view that is no more declared keeps nothing that counts.
        let is_declared = |name: &String| views.iter().any(|view| view.name == *name);
        kept.retain(|name| reached.contains(name) || !is_declared(name));
        Ok(kept)
    }

    /// Returns whether a view names something that is reached, or something that is neither a stream nor a view nor the system's.
    fn stands_on(
        &self,
        view: &Resource,
        reached: &BTreeSet<String>,
        (known, views): (&BTreeSet<String>, &[Arc<Resource>]),
    ) -> Result<bool, Problem> {
        let references = self.shared.references_of(view, &view_spec(view)?)?;
        Ok(references.iter().any(|reference| {
            let (name, _) = as_of::split(reference.table());
            let is_view = || views.iter().any(|view| view.name == name);
            let is_system = || matches!(reference.schema(), Some("system" | "information_schema"));
            reached.contains(name)
                || !(known.contains(name)
                    || is_view()
                    || is_system()
                    || TABLE_FUNCTIONS.contains(&name))
        }))
    }

    /// Deletes what was kept of views and is void.
    fn erase_views(&mut self, erasure: &Erasure, call: &mut Calling<'_>) -> Result<Left, Problem> {
        for view in derived::state::names(&self.reader()?)? {
            let folder = derived::state::folder(&view);
            if self.is_seen(&folder) {
                return Ok(Left::Waits);
            }
            self.drop_void(&view)?;
        }
        // What is in memory only goes with it.
        self.shared.tail.clear();
        self.shared.latest.clear();
        self.shared.forget_view_problems();
        call(record_call("", &Step::Erase { id: erasure.id, step: Erasing::Forget }))?;
        Ok(Left::More)
    }

    /// Has the store write over what it deleted.
    fn erase_from_disk(
        &mut self,
        erasure: &Erasure,
        call: &mut Calling<'_>,
    ) -> Result<Left, Problem> {
        let store = self.kernel.store();
        if !self.progress.overwritten.contains(&erasure.id) {
            if !store.overwrite_freed()? {
                return Ok(Left::Waits);
            }
            self.progress.overwritten.insert(erasure.id);
        }
        if !store.forget_log()? {
            return Ok(Left::Waits);
        }
        call(record_call("", &Step::Erase { id: erasure.id, step: Erasing::Done }))?;
        Ok(Left::More)
    }
}

/// Returns the offset up to which rows of a stream are sealed.
fn sealed_of(reader: &Reader, stream: &str) -> Result<u64, Problem> {
    match state::state(reader, stream)? {
        Some(state) => Ok(state.sealed),
        None => base_of(reader, &log_of(stream)),
    }
}

/// Returns where the first chunk of a log begins, and where it ends.
fn chunk_first(reader: &Reader, log: &str) -> Result<Option<(u64, u64)>, Problem> {
    let chunks = reader.chunks(log, 0, 1)?;
    Ok(chunks.first().map(|chunk| (chunk.offset, chunk.offset + u64::from(chunk.count))))
}
