//! Files made anew without some of their rows: what retention and erasure leave out.

use super::file::{self, Part, Take, file_schema, fitted};
use super::keeper::fresh;
use super::state::{File, Intent, Keep, State};
use crate::Error;
use crate::engine::Shared;
use crate::streams::schema::{Schema, TIME};
use base::Problem;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::TimestampMicrosecondType;
use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::DataType;
use std::sync::Arc;

/// Writes each file anew with the rows that stay. A file of which nothing stays has no successor.
///
/// # Errors
/// Where files cannot be read or written.
pub(crate) fn rewrite(
    shared: &Shared,
    schema: &Arc<Schema>,
    (state, intent): (&State, &Intent),
    old: &[File],
    keep: &Keep,
) -> Result<Vec<File>, Problem> {
    let schema = file_schema(schema);
    let mut files = Vec::new();
    for (number, old) in (0_u64..).zip(old) {
        let give = &mut |take: &mut Take<'_>| {
            file::read(&shared.blobs, &state.folder, old, Part::default(), &mut |batch| {
                let batch = fitted(&batch, &schema)?;
                let stays = stays(&batch, keep)?;
                take(filter_record_batch(&batch, &stays).map_err(|error| internal(&error))?)
            })
        };
        let file = fresh(intent, number);
        let written = file::write(shared.blobs.as_ref(), &state.folder, &schema, file, give)?;
        // Where rows were left out, offsets have gaps: the file stands for all of them.
        files.extend(written.map(|file| File { start: old.start, end: old.end, ..file }));
    }
    Ok(files)
}

/// Says which rows of a batch stay.
///
/// # Errors
/// Where there is no such column.
pub(crate) fn stays(batch: &RecordBatch, keep: &Keep) -> Result<BooleanArray, Problem> {
    let missing = |name: &str| internal(&format!("there is no column `{name}`"));
    match keep {
        Keep::Since { millis } => {
            let times = batch.column_by_name(TIME).ok_or_else(|| missing(TIME))?;
            let times = times.as_primitive::<TimestampMicrosecondType>();
            let stays = |micros: Option<i64>| {
                micros.is_none_or(|micros| *millis <= micros.div_euclid(1_000))
            };
            Ok(times.iter().map(|micros| Some(stays(micros))).collect())
        }
        Keep::Without { column, values } => {
            let found = batch.column_by_name(column).ok_or_else(|| missing(column))?;
            let texts = cast(found, &DataType::Utf8).map_err(|error| internal(&error))?;
            let texts = texts.as_string::<i32>();
            let stays = |row: usize| {
                texts.is_null(row) || !values.iter().any(|value| value == texts.value(row))
            };
            Ok((0..texts.len()).map(|row| Some(stays(row))).collect())
        }
    }
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    Error::Internal { detail: format!("rewriting a file: {error}") }.into()
}
