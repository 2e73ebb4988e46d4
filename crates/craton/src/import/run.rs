//! Runs an import: looks at all files, makes the streams that are missing, then sends the rows.

use super::batch::{Batch, Writer};
use super::limits::TABLE_BYTES_MAX;
use super::parquet_file::ParquetFile;
use super::plan::{self, Options, Part};
use super::report::{FileReport, Report};
use super::rows::{Row, Rows, place_of};
use super::set_aside::{self, Sent};
use super::source::{Form, Source};
use super::table::{Converter, Table};
use super::target::{self, Target};
use crate::{client::Client, routes};
use base::{Kind, Problem};
use indicatif::ProgressBar;
use serde_json::Value;

/// Imports files and addresses.
///
/// # Errors
/// What is wrong with files or options, or what the unit says. What was appended until then stays.
pub fn run(options: &Options, client: &Client) -> Result<Report, Problem> {
    let parts = plan::parts(options, Some(client))?;
    make(&parts, client)?;
    let bytes = parts.iter().flat_map(|part| &part.sources).map(|source| source.bytes).sum();
    let bar = plan::bar("importing", bytes);
    let mut report = Report::default();
    for part in parts {
        let mut target = match part.target {
            Some(target) => target,
            None => Target::find(client, &part.name)?.ok_or_else(|| unseen(&part.name))?,
        };
        for source in &part.sources {
            let import = Import { options, client, source, bar: &bar };
            let mut file = FileReport {
                file: source.shown.clone(),
                stream: target.name.clone(),
                ..FileReport::default()
            };
            let sent = import.run(&mut target, &mut file, &mut report);
            sent.map_err(|problem| with_progress(problem, &report, &file))?;
            report.add(file);
        }
    }
    bar.finish_and_clear();
    Ok(report)
}

/// Makes the streams that are missing, all of them or none.
fn make(parts: &[Part], client: &Client) -> Result<(), Problem> {
    let missing = parts.iter().filter(|part| part.target.is_none());
    let manifests: Vec<Value> =
        missing.map(|part| target::manifest(&part.name, &part.spec)).collect();
    target::make(client, &manifests)
}

fn unseen(name: &str) -> Problem {
    let code = base::Code("resource.not_found", Kind::NotFound);
    Problem::new(code, format!("stream/{name} was made and cannot be seen"))
}

/// Says how far an import got that could not go on.
fn with_progress(mut problem: Problem, report: &Report, file: &FileReport) -> Problem {
    let rows = report.appended + report.already_there + file.appended + file.already_there;
    let there = match rows {
        0 => "nothing was imported".into(),
        rows => format!("{rows} rows are in the unit"),
    };
    problem.hint = Some(match problem.hint {
        Some(hint) => format!("{hint}; {there}"),
        None => there,
    });
    problem
}

/// The import of one file.
struct Import<'a> {
    options: &'a Options,
    client: &'a Client,
    source: &'a Source,
    bar: &'a ProgressBar,
}

impl Import<'_> {
    fn run(
        &self,
        target: &mut Target,
        file: &mut FileReport,
        report: &mut Report,
    ) -> Result<(), Problem> {
        let key = self.key(target)?;
        match self.source.form {
            Form::Parquet => self.tables(&key, target, file, report),
            Form::Csv | Form::Lines => self.lines(&key, target, file, report),
        }
    }

    /// Sends the rows of a text file.
    fn lines(
        &self,
        key: &str,
        target: &mut Target,
        file: &mut FileReport,
        report: &mut Report,
    ) -> Result<(), Problem> {
        let mut rows = Rows::open(self.source, self.options.delimiter, self.bar)?;
        let writer = Writer::new(rows.header(), &target.spec);
        let mut batch = Batch::default();
        let mut number = 0_u64;
        while let Some(Row { line, content }) = rows.read()? {
            file.rows += 1;
            match content.and_then(|content| writer.row(content)) {
                Err(reason) => {
                    file.set_aside += 1;
                    report.name(&file.file, line, reason);
                }
                Ok(row) => {
                    if !batch.has_room(row.len()) {
                        let full = std::mem::take(&mut batch);
                        self.send(target, of_batch(&full, key, number), file, report)?;
                        number += 1;
                    }
                    batch.push(line, row);
                }
            }
        }
        if !batch.rows.is_empty() {
            self.send(target, of_batch(&batch, key, number), file, report)?;
        }
        Ok(())
    }

    /// Sends the rows of a Parquet file, which was checked as a whole before.
    fn tables(
        &self,
        key: &str,
        target: &mut Target,
        file: &mut FileReport,
        report: &mut Report,
    ) -> Result<(), Problem> {
        let parquet = ParquetFile::open(self.source)?;
        let mut converter = Converter::new(parquet.columns(), &target.spec);
        let changed = |error: arrow::error::ArrowError| {
            self.source.unreadable(std::io::Error::other(error.to_string()))
        };
        let mut number = 0_u64;
        for batch in parquet.batches()? {
            let batch = batch.map_err(changed)?;
            let table = converter.table(&batch).map_err(changed)?;
            file.rows += table.count();
            for (table, body) in table.bodies().map_err(changed)? {
                if TABLE_BYTES_MAX < body.len() {
                    file.set_aside += 1;
                    report.name(&file.file, table.first, too_long(body.len()));
                    continue;
                }
                self.send(target, of_table(&table, body, key, number), file, report)?;
                number += 1;
            }
            self.bar.inc(parquet.share(batch.num_rows()));
        }
        Ok(())
    }

    /// Returns what the keys of all batches of this file begin with: the same for the same content into the same stream.
    fn key(&self, target: &Target) -> Result<String, Problem> {
        let Target { name, birth, .. } = target;
        let text =
            format!("{}\n{name}\n{birth}\n{}", self.source.digest()?, self.options.delimiter);
        Ok(format!("import-{}", base::hex(&base::sha256(text.as_bytes()))))
    }

    /// Appends rows, and finds out what became of them.
    fn send(
        &self,
        target: &mut Target,
        append: Append<'_>,
        file: &mut FileReport,
        report: &mut Report,
    ) -> Result<(), Problem> {
        let Append { rows, first, media, body, key } = append;
        let request = routes::stream_append(&target.name)
            .query("on_error", Some("set_aside"))
            .key(Some(key))
            .bytes(media, body);
        let answer = self.client.send(&request).map_err(|problem| self.placed(problem, first))?;
        let number = |field: &str| answer[field].as_u64().unwrap_or(0);
        let (offset, count, aside) = (number("offset"), number("count"), number("set_aside"));
        // A stream only grows: rows before its end as it was known are those of an earlier import, whose answer was repeated.
        if offset < target.end {
            file.already_there += count;
        } else {
            file.appended += count;
        }
        target.end = target.end.max(offset + count);
        file.set_aside += aside;
        if 0 < aside && report.has_room() {
            for (line, reason) in set_aside::reasons(self.client, &target.name, rows) {
                report.name(&file.file, line, reason);
            }
        }
        Ok(())
    }

    /// Says at which line the import stopped, and how it goes on.
    fn placed(&self, mut problem: Problem, line: u64) -> Problem {
        problem.place = Some(place_of(self.source, line));
        let further = match (problem.code.as_str(), problem.kind) {
            ("call.key_reused", _) => {
                "the stream's schema has changed since this file was imported; its rows are there, \
                 and after 24 hours the file can be imported anew"
            }
            (_, Kind::Unavailable | Kind::Exhausted) => {
                "repeat the command: it goes on where it stopped"
            }
            _ => return problem,
        };
        problem.hint = Some(match problem.hint {
            Some(hint) => format!("{hint}; {further}"),
            None => further.into(),
        });
        problem
    }
}

/// Rows that are about to be appended.
struct Append<'a> {
    rows: &'a dyn Sent,
    /// The line at which the first row begins, or its number.
    first: u64,
    media: &'static str,
    body: Vec<u8>,
    key: String,
}

fn of_batch<'a>(batch: &'a Batch, key: &str, number: u64) -> Append<'a> {
    Append {
        rows: batch,
        first: batch.rows.first().map_or(1, |(line, _)| *line),
        media: "application/x-ndjson",
        body: batch.body(),
        key: format!("{key}-{number}"),
    }
}

fn of_table<'a>(table: &'a Table, body: Vec<u8>, key: &str, number: u64) -> Append<'a> {
    Append {
        rows: table,
        first: table.first,
        media: "application/vnd.apache.arrow.stream",
        body,
        key: format!("{key}-{number}"),
    }
}

fn too_long(bytes: usize) -> String {
    format!("the row has {bytes} bytes, {TABLE_BYTES_MAX} are allowed")
}
