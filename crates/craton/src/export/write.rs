//! Writes an answer as it comes: text as the unit wrote it, columns as Parquet or Arrow. Some rows are in memory, never all.

use super::form::Form;
use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::{reader::StreamReader, writer::FileWriter};
use indicatif::ProgressBar;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::Arc;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;
/// Rows of a row group of Parquet at most.
const GROUP_ROWS_MAX: usize = 1 << 20;
/// Bytes of a row group of Parquet at most, roughly: they are in memory until it is written.
const GROUP_BYTES_MAX: usize = 64 << 20;

/// Why an answer was not written.
#[derive(Debug)]
pub enum Fault {
    /// The answer broke off.
    Source(String),
    /// The file could not be written.
    Sink(std::io::Error),
    /// The form has no place for what came.
    Form(String),
}

/// Writes an answer of text, and returns how many rows it has.
///
/// # Errors
/// [`Fault::Source`] and [`Fault::Sink`].
pub fn text(
    form: Form,
    body: &mut dyn Read,
    out: &mut dyn Write,
    bar: &ProgressBar,
) -> Result<u64, Fault> {
    let mut rows = Rows::new(form);
    let mut piece = vec![0; PIECE_BYTES];
    out.write_all(rows.begin()).map_err(Fault::Sink)?;
    loop {
        let count = body.read(&mut piece).map_err(|error| Fault::Source(error.to_string()))?;
        if count == 0 {
            break;
        }
        rows.write(&piece[..count], out).map_err(Fault::Sink)?;
        bar.set_position(rows.count());
    }
    out.write_all(rows.end()).map_err(Fault::Sink)?;
    Ok(rows.count())
}

/// Counts the rows of text as it passes, and makes one list of JSON objects of many lines where that is wanted.
struct Rows {
    form: Form,
    /// Lines that have ended.
    lines: u64,
    is_quoted: bool,
    /// True behind a line end that has not been written yet: what it becomes depends on whether another row follows.
    is_between: bool,
}

impl Rows {
    fn new(form: Form) -> Self {
        Self { form, lines: 0, is_quoted: false, is_between: false }
    }

    fn begin(&self) -> &'static [u8] {
        if self.form == Form::Json { b"[" } else { b"" }
    }

    fn end(&self) -> &'static [u8] {
        if self.form == Form::Json { b"]\n" } else { b"" }
    }

    fn count(&self) -> u64 {
        match self.form {
            // The first line has the names.
            Form::Csv => self.lines.saturating_sub(1),
            _ => self.lines,
        }
    }

    fn write(&mut self, piece: &[u8], out: &mut dyn Write) -> std::io::Result<()> {
        match self.form {
            Form::Json => self.write_list(piece, out),
            _ => {
                piece.iter().for_each(|byte| self.see(*byte));
                out.write_all(piece)
            }
        }
    }

    fn see(&mut self, byte: u8) {
        match byte {
            // A quote within quotes is written twice: it changes nothing.
            b'"' if self.form == Form::Csv => self.is_quoted = !self.is_quoted,
            b'\n' if !self.is_quoted => self.lines += 1,
            _ => {}
        }
    }

    fn write_list(&mut self, piece: &[u8], out: &mut dyn Write) -> std::io::Result<()> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            if std::mem::take(&mut self.is_between) {
                out.write_all(b",\n")?;
            }
            match part.strip_suffix(b"\n") {
                Some(row) => {
                    out.write_all(row)?;
                    self.lines += 1;
                    self.is_between = true;
                }
                None => out.write_all(part)?,
            }
        }
        Ok(())
    }
}

/// Writes an answer of Arrow batches as Parquet, and returns how many rows it has.
///
/// # Errors
/// [`Fault`].
pub fn parquet(
    body: &mut dyn Read,
    out: impl Write + Send,
    bar: &ProgressBar,
) -> Result<u64, Fault> {
    let mut batches = Batches::new(body)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(GROUP_ROWS_MAX))
        .set_max_row_group_bytes(Some(GROUP_BYTES_MAX))
        .build();
    let schema = Arc::clone(&batches.schema);
    let mut writer = ArrowWriter::try_new(out, schema, Some(properties)).map_err(of_parquet)?;
    while let Some(batch) = batches.next()? {
        writer.write(&batch).map_err(of_parquet)?;
        bar.set_position(batches.rows);
    }
    writer.close().map_err(of_parquet)?;
    batches.finish()
}

/// Writes an answer of Arrow batches as an Arrow file, and returns how many rows it has.
///
/// # Errors
/// [`Fault`].
pub fn arrow(body: &mut dyn Read, out: impl Write, bar: &ProgressBar) -> Result<u64, Fault> {
    let mut batches = Batches::new(body)?;
    let mut writer = FileWriter::try_new(out, &batches.schema).map_err(of_arrow)?;
    while let Some(batch) = batches.next()? {
        writer.write(&batch).map_err(of_arrow)?;
        bar.set_position(batches.rows);
    }
    writer.finish().map_err(of_arrow)?;
    batches.finish()
}

/// The batches of an answer, with columns of different names.
struct Batches<'b> {
    reader: StreamReader<Watched<'b>>,
    schema: SchemaRef,
    rows: u64,
}

impl<'b> Batches<'b> {
    fn new(body: &'b mut dyn Read) -> Result<Self, Fault> {
        let watched = Watched { body, failed: None };
        let reader = StreamReader::try_new(watched, None)
            .map_err(|error| Fault::Source(error.to_string()))?;
        let schema = distinct(&reader.schema());
        Ok(Self { reader, schema, rows: 0 })
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, Fault> {
        let batch = match self.reader.next() {
            Some(Ok(batch)) => batch,
            Some(Err(error)) => return Err(self.cut(&error.to_string())),
            // The reader takes a connection that broke off between two batches for the end.
            None => return self.reader.get_ref().whole().map(|()| None),
        };
        self.rows += batch.num_rows() as u64;
        let named = RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec());
        named.map(Some).map_err(of_arrow)
    }

    /// Reads the rest of the answer, which is empty where it is whole.
    fn finish(mut self) -> Result<u64, Fault> {
        let rest = std::io::copy(self.reader.get_mut(), &mut std::io::sink());
        rest.map_err(|error| self.cut(&error.to_string()))?;
        self.reader.get_ref().whole()?;
        Ok(self.rows)
    }

    fn cut(&self, text: &str) -> Fault {
        let failed = self.reader.get_ref().failed.clone();
        Fault::Source(failed.unwrap_or_else(|| text.to_owned()))
    }
}

/// A body that remembers that it broke off, whatever its reader makes of that.
struct Watched<'b> {
    body: &'b mut dyn Read,
    failed: Option<String>,
}

impl Watched<'_> {
    fn whole(&self) -> Result<(), Fault> {
        self.failed.clone().map_or(Ok(()), |reason| Err(Fault::Source(reason)))
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
        self.body.read(piece).map_err(|error| {
            let reason = error.to_string();
            self.failed = Some(reason.clone());
            std::io::Error::other(reason)
        })
    }
}

/// Returns a schema whose columns have different names: a second `n` is `n_2`, as in every other form of an answer.
fn distinct(schema: &SchemaRef) -> SchemaRef {
    let mut taken = BTreeSet::new();
    let mut fields = Vec::new();
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut number = 2;
        while !taken.insert(name.clone()) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        fields.push(Field::new(name, field.data_type().clone(), field.is_nullable()));
    }
    Arc::new(Schema::new(fields))
}

fn of_parquet(error: ParquetError) -> Fault {
    match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => Fault::Sink(*error),
            Err(source) => Fault::Form(source.to_string()),
        },
        other => Fault::Form(other.to_string()),
    }
}

fn of_arrow(error: ArrowError) -> Fault {
    match error {
        ArrowError::IoError(_, error) => Fault::Sink(error),
        other => Fault::Form(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::arrow::array::{Array, ArrayRef, Int64Array, StringArray};
    use ::arrow::ipc::reader::FileReader;
    use ::arrow::ipc::writer::StreamWriter;
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::io::{Cursor, Seek};

    /// Gives a few bytes at a time, then breaks off where it is told to.
    struct Slow {
        bytes: Cursor<Vec<u8>>,
        is_cut: bool,
    }

    impl Slow {
        fn new(bytes: &[u8], is_cut: bool) -> Self {
            Self { bytes: Cursor::new(bytes.to_vec()), is_cut }
        }
    }

    impl Read for Slow {
        fn read(&mut self, piece: &mut [u8]) -> std::io::Result<usize> {
            let length = piece.len().min(3);
            match self.bytes.read(&mut piece[..length])? {
                0 if self.is_cut => Err(std::io::ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            }
        }
    }

    fn written(form: Form, body: &str) -> (u64, String) {
        let mut out = Vec::new();
        let bar = ProgressBar::hidden();
        let rows = text(form, &mut Slow::new(body.as_bytes(), false), &mut out, &bar);
        (rows.expect("writes"), String::from_utf8(out).expect("UTF-8"))
    }

    #[test]
    fn rows_of_text_are_counted_as_they_pass() {
        let csv = "a,b\r\n1,\"x\r\ny \"\"z\"\"\"\r\n2,\r\n";
        assert_eq!(written(Form::Csv, csv), (2, csv.to_owned()));
        assert_eq!(written(Form::Csv, "a,b\r\n"), (0, "a,b\r\n".to_owned()));
        let lines = "{\"a\":1}\n{\"a\":\"\\n\"}\n";
        assert_eq!(written(Form::Ndjson, lines), (2, lines.to_owned()));
        let list = "[{\"a\":1},\n{\"a\":\"\\n\"}]\n";
        assert_eq!(written(Form::Json, lines), (2, list.to_owned()));
        assert_eq!(written(Form::Json, ""), (0, "[]\n".to_owned()));
    }

    #[test]
    fn text_that_breaks_off_is_an_error() {
        let (mut out, bar) = (Vec::new(), ProgressBar::hidden());
        let result = text(Form::Csv, &mut Slow::new(b"a\r\n1\r\n", true), &mut out, &bar);
        assert!(matches!(result, Err(Fault::Source(_))));
    }

    /// Returns an answer of two batches with two columns of one name, without its end.
    fn batches() -> (Vec<u8>, usize) {
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
        let schema = Schema::new(vec![
            Field::new("n", numbers.data_type().clone(), true),
            Field::new("n", texts.data_type().clone(), true),
        ]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![numbers, texts]).expect("a batch");
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("writes");
        writer.write(&batch).expect("writes");
        writer.write(&batch).expect("writes");
        let length = writer.get_ref().len();
        (writer.into_inner().expect("writes"), length)
    }

    #[test]
    fn columns_become_parquet_and_arrow() {
        let (body, _) = batches();
        let bar = ProgressBar::hidden();
        let file = tempfile::tempfile().expect("a file");
        let out = file.try_clone().expect("clones");
        assert_eq!(parquet(&mut Slow::new(&body, false), out, &bar).expect("writes"), 6);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
        let names: Vec<&String> =
            reader.schema().fields().iter().map(|field| field.name()).collect();
        assert_eq!(names, ["n", "n_2"]);
        let rows = reader.build().expect("reads").map(|batch| batch.expect("reads").num_rows());
        assert_eq!(rows.sum::<usize>(), 6);

        let mut out = Cursor::new(Vec::new());
        assert_eq!(arrow(&mut Slow::new(&body, false), &mut out, &bar).expect("writes"), 6);
        out.rewind().expect("rewinds");
        let rows = FileReader::try_new(out, None).expect("Arrow").map(|batch| {
            let batch = batch.expect("reads");
            batch.num_rows()
        });
        assert_eq!(rows.sum::<usize>(), 6);
    }

    #[test]
    fn columns_that_break_off_between_two_batches_are_an_error() {
        let (body, end) = batches();
        let bar = ProgressBar::hidden();
        for length in [end, body.len(), end / 2, 5] {
            let mut body = Slow::new(&body[..length], true);
            let result = parquet(&mut body, Vec::<u8>::new(), &bar);
            assert!(matches!(result, Err(Fault::Source(_))), "{length}: {result:?}");
        }
    }
}
