//! The rows of a subject: how many there are, and whether a file has one.

use crate::Error;
use crate::catalog::{Stream, base_of};
use crate::engine::Shared;
use crate::erasure::aside;
use crate::streams::append::set_aside_log_of;
use crate::streams::schema::OFFSET;
use crate::streams::tail::each_line;
use crate::tables::file::{self, Part};
use crate::tables::rewrite::{stays, without};
use crate::tables::state::{File, Keep};
use base::Problem;
use kernel::{Kernel, Read, Reader};
use std::sync::Arc;
use std::time::Duration;

/// What is looked for.
pub(crate) struct Wanted<'w> {
    pub(crate) columns: &'w [String],
    pub(crate) subject: &'w str,
    /// When looking ends, monotonic, and the limit that this comes from.
    pub(crate) until: (Duration, u64),
}

impl Wanted<'_> {
    fn check_time(&self, kernel: &Kernel) -> Result<(), Problem> {
        let (until, ms) = self.until;
        match kernel.clock().monotonic() <= until {
            true => Ok(()),
            false => Err(Error::Timeout { ms }.into()),
        }
    }
}

/// Counts the rows of a subject in a stream, and those that were set aside.
///
/// # Errors
/// `sql.timeout` where it takes too long; where rows cannot be read.
pub(crate) fn count(
    shared: &Shared,
    reader: &Reader,
    stream: &Stream,
    wanted: &Wanted<'_>,
) -> Result<(u64, u64), Problem> {
    let kernel = reader.kernel();
    let extent = shared.extent(reader, stream)?;
    let log = set_aside_log_of(&stream.name);
    let (from, end) = (base_of(reader, &log)?, reader.log_end(&log)?);
    // What follows reads the store page by page.
    reader.release();
    let names: Vec<&str> = wanted.columns.iter().map(String::as_str).collect();
    let mut rows = 0;
    for file in extent.files.iter() {
        wanted.check_time(kernel)?;
        let part = Part { columns: Some(&names), ..Part::default() };
        file::read(&shared.blobs, &extent.folder, file, part, &mut |batch| {
            let stays = without(&batch, wanted.columns, wanted.subject)?;
            rows += stays.false_count() as u64;
            Ok(())
        })?;
    }
    let schema = extent.schema();
    let numbers = wanted.columns.iter().filter_map(|name| schema.stored.find(name, 0));
    let numbers: Vec<usize> = numbers.collect();
    for segment in 0..extent.tail.segments() {
        wanted.check_time(kernel)?;
        let batch = shared.tail.batch(kernel, &extent.tail, segment, &numbers)?;
        rows += without(&batch, wanted.columns, wanted.subject)?.false_count() as u64;
    }
    let mut set_aside = 0;
    let count = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
    each_line(kernel, &log, from, count, |_, line| {
        set_aside += u64::from(aside::concerns(line, wanted.columns, wanted.subject));
        wanted.check_time(kernel)
    })?;
    Ok((rows, set_aside))
}

/// Returns whether a file of a table has a row that does not stay.
///
/// # Errors
/// Where the file cannot be read.
pub(crate) fn has_leaving(
    shared: &Shared,
    folder: &str,
    file: &File,
    keep: &Keep,
) -> Result<bool, Problem> {
    let Keep::Without { columns, upto, .. } = keep else { return Ok(false) };
    if *upto <= file.start {
        return Ok(false);
    }
    let mut names: Vec<&str> = columns.iter().map(String::as_str).collect();
    names.push(OFFSET);
    let part = Part { columns: Some(&names), ..Part::default() };
    let mut is_there = false;
    file::read(&shared.blobs, folder, file, part, &mut |batch| {
        is_there = is_there || 0 < stays(&batch, keep)?.false_count();
        Ok(())
    })?;
    Ok(is_there)
}

/// Returns whether the rows of a stream that were set aside have one of the subject, from an offset to another.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn is_aside(
    kernel: &Arc<Kernel>,
    stream: &str,
    (from, upto): (u64, u64),
    (columns, subject): (&[String], &str),
) -> Result<bool, Problem> {
    let mut is_there = false;
    let count = usize::try_from(upto.saturating_sub(from)).unwrap_or(usize::MAX);
    each_line(kernel, &set_aside_log_of(stream), from, count, |_, line| {
        is_there = is_there || aside::concerns(line, columns, subject);
        Ok(())
    })?;
    Ok(is_there)
}
