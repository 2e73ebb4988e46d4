//! Files made anew without some of their rows: what retention and erasure leave out.

use super::file::{self, Part, Take, file_schema, fitted};
use super::keeper::fresh;
use super::state::{File, Intent, Keep, State};
use crate::Error;
use crate::catalog::Stream;
use crate::engine::Shared;
use crate::streams::latest;
use crate::streams::schema::{OFFSET, Schema, TIME};
use base::Problem;
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::types::{Int64Type, TimestampMicrosecondType};
use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::compute::kernels::boolean::{and, not, or};
use datafusion::arrow::compute::kernels::cmp::distinct;
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::row::{RowConverter, Rows};
use kernel::{Kernel, Principal, Reader};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
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
        if is_gone(old, keep) {
            continue;
        }
        let give = &mut |take: &mut Take<'_>| {
            file::read(&shared.blobs, &state.folder, old, Part::default(), &mut |batch| {
                let batch = fitted(&batch, &schema)?;
                take(filtered(&batch, &stays(&batch, keep)?)?)
            })
        };
        let file = fresh(intent, number);
        files.extend(file::write(shared.blobs.as_ref(), &state.folder, &schema, file, give)?);
    }
    Ok(files)
}

/// Writes each file of a `NAME_latest` table anew with the rows that stay, and further ones with the newest rows that the stream still
/// has of the keys whose rows go: in portions of keys, because a subject may have any number of them.
///
/// # Errors
/// Where files cannot be read or written.
pub(crate) fn rewrite_newest(
    shared: &Shared,
    kernel: &Arc<Kernel>,
    stream: &Stream,
    (state, intent): (&State, &Intent),
    old: &[File],
    keep: &Keep,
) -> Result<Vec<File>, Problem> {
    let schema = file_schema(&stream.schema);
    let (mut files, mut leaving) = (Vec::new(), 0);
    for (number, old) in (0_u64..).zip(old) {
        let give = &mut |take: &mut Take<'_>| {
            file::read(&shared.blobs, &state.folder, old, Part::default(), &mut |batch| {
                let batch = fitted(&batch, &schema)?;
                let stays = stays(&batch, keep)?;
                leaving += stays.false_count();
                take(filtered(&batch, &stays)?)
            })
        };
        let file = fresh(intent, number);
        files.extend(file::write(shared.blobs.as_ref(), &state.folder, &schema, file, give)?);
    }
    if leaves_whole_keys(stream, keep) {
        return Ok(files);
    }
    let reader = Reader::new(kernel, Principal::Unit("tables".into()))?;
    let extent = shared.extent(&reader, stream)?.upto(state.sealed);
    drop(reader);
    let sealed =
        Sealed { shared, folder: &extent.folder, files: &extent.files, upto: state.sealed };
    let portions = leaving.div_ceil(shared.config.rewrite_keys_max.max(1));
    for portion in 0..portions {
        let mut keys = Keys::new(stream, (portion, portions))?;
        for old in old {
            file::read(&shared.blobs, &state.folder, old, Part::default(), &mut |batch| {
                let batch = fitted(&batch, &schema)?;
                let goes = not(&stays(&batch, keep)?).map_err(|error| internal(&error))?;
                keys.add(&filtered(&batch, &goes)?)
            })?;
        }
        let offsets = sealed.newest(keys, keep, &schema)?;
        if !offsets.is_empty() {
            let file = fresh(intent, (old.len() + portion) as u64);
            let give = &mut |take: &mut Take<'_>| sealed.rows(&offsets, &schema, take);
            files.extend(file::write(shared.blobs.as_ref(), &state.folder, &schema, file, give)?);
        }
    }
    Ok(files)
}

/// Returns whether no row stays of a key of which one leaves: all columns that are looked in make the key.
fn leaves_whole_keys(stream: &Stream, keep: &Keep) -> bool {
    match keep {
        Keep::Without { columns, .. } => {
            columns.iter().all(|column| stream.spec.key.contains(column))
        }
        Keep::Since { .. } => false,
    }
}

/// A portion of keys, with the offset of the newest row of each, where one was found.
struct Keys {
    converter: RowConverter,
    names: Vec<String>,
    /// Which portion, of how many.
    portion: (usize, usize),
    offsets: HashMap<Box<[u8]>, Option<u64>>,
}

impl Keys {
    fn new(stream: &Stream, portion: (usize, usize)) -> Result<Self, Problem> {
        let schema = &stream.schema;
        let columns = schema.key.iter().map(|key| &schema.stored.list[*key]);
        let names = columns.clone().map(|column| column.name.clone()).collect();
        // As they stand in files.
        let fields = file_schema(schema);
        let types = columns.map(|column| {
            let field = fields.field_with_name(&column.name);
            field.map(|field| field.data_type().clone()).map_err(|error| internal(&error))
        });
        let types = types.collect::<Result<Vec<DataType>, Problem>>()?;
        let converter = latest::converter(types)?;
        Ok(Self { converter, names, portion, offsets: HashMap::new() })
    }

    /// Takes in those keys of rows that belong to this portion.
    fn add(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        for row in &self.rows(batch)? {
            let key: &[u8] = row.as_ref();
            if is_of(key, self.portion) {
                self.offsets.entry(key.into()).or_default();
            }
        }
        Ok(())
    }

    /// Takes note of rows that stay.
    fn find(&mut self, batch: &RecordBatch) -> Result<(), Problem> {
        let rows = self.rows(batch)?;
        for (offset, row) in offsets_of(batch)?.zip(&rows) {
            let key: &[u8] = row.as_ref();
            if let Some(newest) = self.offsets.get_mut(key) {
                *newest = (*newest).max(Some(offset));
            }
        }
        Ok(())
    }

    fn rows(&self, batch: &RecordBatch) -> Result<Rows, Problem> {
        let columns = self.names.iter().map(|name| column(batch, name).cloned());
        let columns = columns.collect::<Result<Vec<ArrayRef>, Problem>>()?;
        self.converter.convert_columns(&columns).map_err(|error| internal(&error))
    }
}

/// Returns whether a key belongs to one of so many portions. The same key does so every time, also after a crash.
fn is_of(key: &[u8], (portion, portions): (usize, usize)) -> bool {
    if portions <= 1 {
        return true;
    }
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish() % portions as u64 == portion as u64
}

/// The sealed rows of a stream, up to an offset.
struct Sealed<'s> {
    shared: &'s Shared,
    folder: &'s str,
    files: &'s [File],
    upto: u64,
}

impl Sealed<'_> {
    /// Returns the offsets of the newest rows of keys, of the rows that stay.
    fn newest(
        &self,
        mut keys: Keys,
        keep: &Keep,
        schema: &SchemaRef,
    ) -> Result<HashSet<u64>, Problem> {
        if keys.offsets.is_empty() {
            return Ok(HashSet::new());
        }
        for file in self.files {
            self.each(file, schema, &mut |batch| {
                let is_before = offsets_of(&batch)?.map(|offset| Some(offset < self.upto));
                let is_before = is_before.collect::<BooleanArray>();
                let stays = and(&stays(&batch, keep)?, &is_before);
                keys.find(&filtered(&batch, &stays.map_err(|error| internal(&error))?)?)
            })?;
        }
        Ok(keys.offsets.into_values().flatten().collect())
    }

    /// Gives the rows at some offsets.
    fn rows(
        &self,
        offsets: &HashSet<u64>,
        schema: &SchemaRef,
        take: &mut Take<'_>,
    ) -> Result<(), Problem> {
        let is_in = |file: &&File| offsets.iter().any(|at| file.start <= *at && *at < file.end);
        for file in self.files.iter().filter(is_in) {
            self.each(file, schema, &mut |batch| {
                let wanted = offsets_of(&batch)?.map(|offset| Some(offsets.contains(&offset)));
                let wanted = wanted.collect::<BooleanArray>();
                take(filtered(&batch, &wanted)?)
            })?;
        }
        Ok(())
    }

    fn each(&self, file: &File, schema: &SchemaRef, take: &mut Take<'_>) -> Result<(), Problem> {
        file::read(&self.shared.blobs, self.folder, file, Part::default(), &mut |batch| {
            take(fitted(&batch, schema)?)
        })
    }
}

/// Returns whether no row of a file stays, as far as that can be told without reading it.
fn is_gone(file: &File, keep: &Keep) -> bool {
    match keep {
        Keep::Since { millis } => file.times.is_some_and(|(_, newest)| newest < *millis),
        Keep::Without { .. } => false,
    }
}

/// Says which rows of a batch of a file stay.
///
/// # Errors
/// Where there is no `_time` or `_offset`, which is a defect.
pub(crate) fn stays(batch: &RecordBatch, keep: &Keep) -> Result<BooleanArray, Problem> {
    match keep {
        Keep::Since { millis } => {
            let times = column(batch, TIME)?.as_primitive::<TimestampMicrosecondType>();
            let stays = |micros: Option<i64>| {
                micros.is_none_or(|micros| *millis <= micros.div_euclid(1_000))
            };
            Ok(times.iter().map(|micros| Some(stays(micros))).collect())
        }
        Keep::Without { columns, value, upto } => {
            let differs = without(batch, columns, value)?;
            let behind = offsets_of(batch)?.map(|offset| Some(*upto <= offset));
            or(&differs, &behind.collect::<BooleanArray>()).map_err(|error| internal(&error))
        }
    }
}

/// Says in which rows of a batch none of these columns has the value. A column that is not there has none.
///
/// # Errors
/// Where a column cannot be compared, which is a defect.
pub(crate) fn without(
    batch: &RecordBatch,
    columns: &[String],
    value: &str,
) -> Result<BooleanArray, Problem> {
    let mut stays = BooleanArray::from(vec![true; batch.num_rows()]);
    for array in columns.iter().filter_map(|name| batch.column_by_name(name)) {
        let differs = match array.data_type() {
            DataType::Int64 => {
                // The value is text: `07` is no number's.
                let number = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
                let Some(number) = number else { continue };
                distinct(array, &Int64Array::new_scalar(number))
            }
            _ => {
                let texts = cast(array, &DataType::Utf8).map_err(|error| internal(&error))?;
                distinct(&texts, &StringArray::new_scalar(value))
            }
        };
        let differs = differs.map_err(|error| internal(&error))?;
        stays = and(&stays, &differs).map_err(|error| internal(&error))?;
    }
    Ok(stays)
}

fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, Problem> {
    batch.column_by_name(name).ok_or_else(|| internal(&format!("there is no column `{name}`")))
}

fn offsets_of(batch: &RecordBatch) -> Result<impl Iterator<Item = u64>, Problem> {
    let offsets = column(batch, OFFSET)?.as_primitive::<Int64Type>();
    Ok(offsets.values().iter().map(|offset| u64::try_from(*offset).unwrap_or(u64::MAX)))
}

fn filtered(batch: &RecordBatch, which: &BooleanArray) -> Result<RecordBatch, Problem> {
    filter_record_batch(batch, which).map_err(|error| internal(&error))
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    Error::Internal { detail: format!("rewriting a file: {error}") }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_of_one_portion_and_none_has_many_more_than_its_part() {
        for portions in 1..20 {
            let mut counts = vec![0; portions];
            for number in 0_u32..10_000 {
                let key = number.to_be_bytes();
                let of = (0..portions).filter(|portion| is_of(&key, (*portion, portions)));
                let of: Vec<usize> = of.collect();
                assert_eq!(of.len(), 1, "{number} of {portions}");
                counts[of[0]] += 1;
            }
            let part = 10_000 / portions;
            assert!(counts.iter().all(|count| *count < 2 * part), "{counts:?}");
        }
    }
}
