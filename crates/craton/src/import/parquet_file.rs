//! A Parquet file: its columns, a check of all that it holds, and its rows.
//!
//! A file is read through once before its first row goes out: of a file that is cut short or damaged nothing is imported. A page at a
//! time is in memory, never a row group.

use super::cell::{self, Type};
use super::convert::{self, Shape};
use super::error::Error;
use super::infer::Declared;
use super::limits::{COLUMNS_MAX, TABLE_ROWS_MAX};
use super::name::column_names;
use super::source::Source;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use base::Problem;
use indicatif::ProgressBar;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use std::fs::File;

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in a stream.
    pub name: String,
    /// What its values are.
    pub shape: Shape,
    is_required: bool,
}

/// A Parquet file that is open.
#[derive(Debug)]
pub struct ParquetFile<'s> {
    source: &'s Source,
    file: File,
    metadata: ArrowReaderMetadata,
    columns: Vec<Column>,
}

impl<'s> ParquetFile<'s> {
    /// Opens a file and reads its footer, which says what is in it and where.
    ///
    /// # Errors
    /// `import.empty`, `import.damaged`, `import.unsupported`, `cli.file`.
    pub fn open(source: &'s Source) -> Result<Self, Problem> {
        if source.bytes == 0 {
            return Err(Error::empty(&source.shown, "the file has no byte").into());
        }
        let file = source.file()?;
        // The types of Parquet itself count, not those that the writer had in memory.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| {
            let reason = format!(
                "its end cannot be read, so it is cut short or no Parquet: {}",
                words(&error)
            );
            Error::Damaged { what: source.shown.clone(), reason }
        })?;
        let columns = columns(source, &metadata)?;
        check_compression(source, &metadata)?;
        Ok(Self { source, file, metadata, columns })
    }

    /// Returns the columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns how many rows the file has by its footer.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.metadata.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Reads the whole file, and returns what it says about its columns.
    ///
    /// # Errors
    /// `import.damaged` with row group and column.
    pub fn check(&self, bar: &ProgressBar) -> Result<Vec<Declared>, Problem> {
        let mut amounts: Vec<Amounts> = self.columns.iter().map(|_| Amounts::default()).collect();
        for group in 0..self.groups() {
            self.check_group(group, &mut amounts, bar)?;
        }
        Ok(self
            .columns
            .iter()
            .zip(amounts)
            .map(|(column, found)| declared(column, found))
            .collect())
    }

    /// Returns the rows, some thousand at a time: the same batches at each call.
    ///
    /// # Errors
    /// `import.damaged`.
    pub fn batches(&self) -> Result<ParquetRecordBatchReader, Problem> {
        let groups = (0..self.groups()).collect();
        let reader = self.reader(groups, ProjectionMask::all());
        reader.map_err(|error| self.damaged(words(&error)).into())
    }

    /// Returns how many bytes of the file so many of its rows are, roughly: as far as a bar moves.
    pub fn share(&self, rows: usize) -> u64 {
        let all = u128::from(self.rows().max(1));
        let share = u128::from(self.source.bytes) * rows as u128 / all;
        u64::try_from(share).unwrap_or(0)
    }

    fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    fn reader(
        &self,
        groups: Vec<usize>,
        mask: ProjectionMask,
    ) -> Result<ParquetRecordBatchReader, ParquetError> {
        let file = self.file.try_clone()?;
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
            .with_row_groups(groups)
            .with_projection(mask)
            .with_batch_size(TABLE_ROWS_MAX)
            .build()
    }

    fn check_group(
        &self,
        group: usize,
        amounts: &mut [Amounts],
        bar: &ProgressBar,
    ) -> Result<(), Problem> {
        let found = self.read_group(group, ProjectionMask::all(), |batch| {
            for (amounts, array) in amounts.iter_mut().zip(batch) {
                amounts.add(array)?;
            }
            bar.inc(self.share(batch.first().map_or(0, |array| array.len())));
            Ok(())
        });
        let Err(whole) = found else { return Ok(()) };
        // Only the columns one by one tell which of them it is.
        let schema = self.metadata.parquet_schema();
        let fault = (0..self.columns.len()).find_map(|number| {
            let mask = ProjectionMask::roots(schema, [number]);
            let read = self.read_group(group, mask, |_| Ok(()));
            read.err().map(|reason| format!("column `{}`: {reason}", self.title(number)))
        });
        let place = format!("row group {} of {}", group + 1, self.groups());
        Err(self.damaged(format!("{place}, {}", fault.unwrap_or(whole))).into())
    }

    /// Reads a row group and hands its columns out, some thousand rows at a time.
    fn read_group(
        &self,
        group: usize,
        mask: ProjectionMask,
        mut take: impl FnMut(&[ArrayRef]) -> Result<(), ArrowError>,
    ) -> Result<(), String> {
        let expected = self.metadata.metadata().row_group(group).num_rows();
        let reader = self.reader(vec![group], mask).map_err(|error| words(&error))?;
        let mut rows: i64 = 0;
        for batch in reader {
            let batch = batch.map_err(|error| of_arrow(&error))?;
            rows += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
            take(batch.columns()).map_err(|error| of_arrow(&error))?;
        }
        if rows == expected {
            return Ok(());
        }
        Err(format!("it has {rows} rows, and {expected} by the footer"))
    }

    /// Returns the name of a column as the file writes it.
    fn title(&self, number: usize) -> &str {
        self.metadata.schema().field(number).name()
    }

    fn damaged(&self, reason: String) -> Error {
        Error::Damaged { what: self.source.shown.clone(), reason }
    }
}

fn columns(source: &Source, metadata: &ArrowReaderMetadata) -> Result<Vec<Column>, Error> {
    let fields = metadata.schema().fields();
    let refuse = |reason: String| Error::Unsupported {
        what: source.shown.clone(),
        reason,
        hint: "write the file anew without such columns, or as NDJSON",
    };
    if fields.is_empty() || COLUMNS_MAX < fields.len() {
        let reason = format!("it has {} columns, 1 to {COLUMNS_MAX} are allowed", fields.len());
        return Err(refuse(reason));
    }
    let titles: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    let named = column_names(&titles).into_iter().zip(fields);
    named
        .map(|(name, field)| {
            let shape = Shape::of(field.data_type())
                .map_err(|reason| refuse(format!("column `{}`: {reason}", field.name())))?;
            Ok(Column { name, shape, is_required: !field.is_nullable() })
        })
        .collect()
}

/// Refuses what no reader is built in for, before the first page is touched.
fn check_compression(source: &Source, metadata: &ArrowReaderMetadata) -> Result<(), Error> {
    let chunks = metadata.metadata().row_groups().iter().flat_map(|group| group.columns());
    for chunk in chunks {
        let codec = match chunk.compression() {
            Compression::UNCOMPRESSED
            | Compression::SNAPPY
            | Compression::GZIP(_)
            | Compression::ZSTD(_) => continue,
            other => format!("{other:?}"),
        };
        let codec = codec.split('(').next().unwrap_or_default();
        return Err(Error::Unsupported {
            what: source.shown.clone(),
            reason: format!("column `{}` is compressed with {codec}", chunk.column_path().string()),
            hint: "write it with zstd, snappy, gzip or without compression",
        });
    }
    Ok(())
}

fn declared(column: &Column, amounts: Amounts) -> Declared {
    let column_type = match column.shape {
        Shape::Null => None,
        Shape::Bool => Some(Type::Bool),
        Shape::Int => Some(Type::Int),
        Shape::Float => Some(amounts.column_type.unwrap_or(Type::Float)),
        Shape::Decimal(digits, scale) => Some(Type::Decimal(digits, scale)),
        Shape::Text | Shape::Bytes | Shape::Clock => Some(Type::Text),
        Shape::Time | Shape::Date => Some(Type::Time),
        Shape::Nested => Some(Type::Json),
    };
    Declared {
        name: column.name.clone(),
        column_type,
        whole: amounts.whole(),
        is_required: column.is_required,
    }
}

/// What the numbers of a column of floats look like.
#[derive(Debug, Default)]
struct Amounts {
    column_type: Option<Type>,
    largest: f64,
}

impl Amounts {
    fn add(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        let is_float =
            matches!(array.data_type(), DataType::Float16 | DataType::Float32 | DataType::Float64);
        if !is_float || self.column_type == Some(Type::Float) {
            return Ok(());
        }
        let array = convert::column(array, "float")?;
        let numbers = array.as_primitive::<Float64Type>().iter().flatten();
        for number in numbers.filter(|number| number.is_finite()) {
            self.largest = self.largest.max(number.abs());
            self.column_type = Some(match (self.column_type, cell::float_type(number)) {
                (Some(Type::Number(held)), Type::Number(scale)) => Type::Number(held.max(scale)),
                (None, seen) => seen,
                _ => Type::Float,
            });
        }
        Ok(())
    }

    fn whole(&self) -> u8 {
        cell::whole_digits(&format!("{:.0}", self.largest.trunc()))
    }
}

/// Returns what the reader says, without the name of its error.
fn words(error: &ParquetError) -> String {
    let text = match error {
        ParquetError::General(text) | ParquetError::EOF(text) | ParquetError::NYI(text) => {
            text.clone()
        }
        ParquetError::ArrowError(text) => text.clone(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

fn of_arrow(error: &ArrowError) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("Parquet argument error: ").unwrap_or(&text);
    let text = text.strip_prefix("Parquet error: ").unwrap_or(text);
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int64Array};
    use std::sync::Arc;

    #[test]
    fn floats_with_few_digits_are_amounts() {
        let check = |values: Vec<Option<f64>>, expected: Option<Type>, whole: u8| {
            let mut amounts = Amounts::default();
            let array: ArrayRef = Arc::new(Float64Array::from(values));
            amounts.add(&array).expect("reads");
            assert_eq!((amounts.column_type, amounts.whole()), (expected, whole));
        };
        check(vec![Some(2.55), None, Some(-11062.06)], Some(Type::Number(2)), 5);
        check(vec![Some(517.0), Some(f64::NAN)], Some(Type::Number(0)), 3);
        check(vec![Some(0.5), Some(41.130_472_2)], Some(Type::Float), 2);
        check(vec![None], None, 1);
        let mut amounts = Amounts::default();
        let array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        amounts.add(&array).expect("reads");
        assert_eq!(amounts.column_type, None, "whole numbers are what they are");
    }
}
