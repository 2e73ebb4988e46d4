//! What leaves streams in its time: rows older than the stream's `retention`, by their event time.
//!
//! Once a stream has a row that is too old by a tenth of the period, all rows go that are too old: files as a whole where all of their
//! rows are, others are made anew. Rows that wait in the log for a tenth of the period are sealed first. A keyed stream's rows go when its
//! `NAME_latest` has them.

use super::{Calling, Keeper, Round, Table};
use crate::Error;
use crate::catalog::{LATEST, base_of};
use crate::streams::append::{log_of, set_aside_log_of};
use crate::streams::marks;
use crate::streams::schema::retention_ms;
use crate::tables::record::Step;
use crate::tables::state::{self, File, Keep, Work};
use base::{Problem, Time};
use kernel::{Read, Reader};
use serde::Deserialize;

/// What is too old, in milliseconds of event time.
#[derive(Debug, Clone, Copy)]
struct Terms {
    now: i64,
    /// Rows from here on stay.
    since: i64,
    /// Rows before this must go.
    late: i64,
}

/// A row that was set aside, as far as it matters here.
#[derive(Deserialize)]
struct Aside {
    #[serde(rename = "_time")]
    time: Option<Time>,
}

impl Terms {
    fn slack(&self) -> i64 {
        self.since - self.late
    }

    /// Returns whether all rows of a file are too old.
    fn is_old(&self, file: &File) -> bool {
        file.times.is_some_and(|(_, newest)| newest < self.since)
    }

    /// Returns whether some are.
    fn has_old(&self, file: &File) -> bool {
        file.times.is_some_and(|(oldest, _)| oldest < self.since)
    }

    /// Returns whether some are so by far.
    fn is_late(&self, file: &File) -> bool {
        file.times.is_some_and(|(oldest, _)| oldest < self.late)
    }
}

impl Keeper {
    fn terms(&self, reader: &Reader, table: &Table) -> Option<Terms> {
        let period = retention_ms(&table.stream.spec)?;
        let percent = self.shared.config.retention_late_percent.clamp(0, 1_000);
        let now = reader.business().as_millis();
        let since = now.saturating_sub(period);
        Some(Terms { now, since, late: since.saturating_sub(period / 100 * percent) })
    }

    /// Returns the files of a stream from which rows are to leave.
    pub(super) fn retain_due(
        &self,
        reader: &Reader,
        table: &Table,
    ) -> Result<Option<Work>, Problem> {
        let Some(terms) = self.terms(reader, table) else { return Ok(None) };
        let covered = match table.stream.spec.key.is_empty() {
            true => u64::MAX,
            false => self.newest_upto(reader, table)?,
        };
        let mut files = state::files(reader, &table.name)?;
        files.retain(|file| file.end <= covered && terms.has_old(file));
        if !files.iter().any(|file| terms.is_late(file)) {
            return Ok(None);
        }
        let (old, mut partly): (Vec<File>, Vec<File>) =
            files.into_iter().partition(|file| terms.is_old(file));
        partly.sort_by_key(|file| file.times);
        let partly = partly.into_iter().take(self.shared.config.rewrite_files.max(1));
        let files = old.into_iter().chain(partly).map(|file| file.number).collect();
        Ok(Some(Work::Rewrite { files, keep: Keep::Since { millis: terms.since }, erasure: None }))
    }

    /// Returns whether a `NAME_latest` table has to take rows, so that they may leave the stream.
    pub(super) fn waits_for_newest(&self, reader: &Reader, table: &Table) -> Result<bool, Problem> {
        let Some(terms) = self.terms(reader, table) else { return Ok(false) };
        let covered = self.newest_upto(reader, table)?;
        let files = state::files(reader, &table.stream.name)?;
        Ok(files.iter().any(|file| covered < file.end && terms.is_late(file)))
    }

    /// Returns the offset up to which the `NAME_latest` table of a stream has its rows.
    fn newest_upto(&self, reader: &Reader, table: &Table) -> Result<u64, Problem> {
        let stream = &table.stream.name;
        match state::state(reader, &format!("{stream}{LATEST}"))? {
            Some(state) => Ok(state.sealed),
            None => base_of(reader, &log_of(stream)),
        }
    }

    /// Returns whether rows of a stream wait in the log for so long that some may be too old.
    pub(super) fn is_overdue(&self, reader: &Reader, table: &Table) -> Result<bool, Problem> {
        let Some(terms) = self.terms(reader, table) else { return Ok(false) };
        let log = log_of(&table.name);
        let start = match state::state(reader, &table.name)? {
            Some(state) => state.sealed,
            None => base_of(reader, &log)?,
        };
        if reader.log_end(&log)? <= start {
            return Ok(false);
        }
        let came = marks::time_of(reader, &table.name, start)?;
        Ok(came.is_some_and(|came| came.as_millis() <= terms.now - terms.slack()))
    }

    /// Has rows that were set aside leave their log, where they are too old.
    pub(super) fn look_aside(
        &mut self,
        table: &Table,
        call: &mut Calling<'_>,
    ) -> Result<Round, Problem> {
        let reader = self.reader()?;
        let Some(terms) = self.terms(&reader, table) else { return Ok(Round::Rest) };
        let log = set_aside_log_of(&table.name);
        let looked = self.looked_aside.get(&log);
        if looked.is_some_and(|looked| terms.now - looked < terms.slack() / 2) {
            return Ok(Round::Rest);
        }
        let base = base_of(&reader, &log)?;
        let first = reader.chunks(&log, 0, 1)?.into_iter().next();
        if first.is_some_and(|first| first.offset + u64::from(first.count) <= base) {
            drop(reader);
            if self.is_seen(&log) {
                return Ok(Round::Rest);
            }
            self.say(table, Step::TrimAside { stream: table.name.clone() }, call)?;
            return Ok(Round::Worked);
        }
        let bytes = self.shared.config.retention_aside_bytes.max(1);
        let upto = old_upto(&reader, (&log, base), bytes, terms)?;
        drop(reader);
        if base < upto {
            self.say(table, Step::CutAside { stream: table.name.clone(), base: upto }, call)?;
            self.changed.insert(log, self.shared.queries.last());
            return Ok(Round::Worked);
        }
        self.looked_aside.insert(log, terms.now);
        Ok(Round::Rest)
    }
}

/// Returns the offset of the first row that was set aside and stays; `base` where the first of all is not late.
fn old_upto(
    reader: &Reader,
    (log, base): (&str, u64),
    bytes: usize,
    terms: Terms,
) -> Result<u64, Problem> {
    let mut upto = base;
    for chunk in reader.chunks(log, base, bytes)? {
        let lines = reader.kernel().lines(&chunk)?.into_owned();
        for (offset, line) in (chunk.offset..).zip(kernel::rows(&lines)) {
            if offset < base {
                continue;
            }
            let row: Aside = serde_json::from_slice(line).map_err(|error| Error::Internal {
                detail: format!("a row that was set aside: {error}"),
            })?;
            let bound = if upto == base { terms.late } else { terms.since };
            if row.time.is_none_or(|time| bound <= time.as_millis()) {
                return Ok(upto);
            }
            upto = offset + 1;
        }
    }
    Ok(upto)
}
