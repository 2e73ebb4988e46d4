//! Runs an import: a pass over the files where a schema has to be inferred, then one that sends their rows.

use super::batch::{Batch, Writer};
use super::error::Error;
use super::infer::Inference;
use super::name::column_name;
use super::report::{FileReport, Report};
use super::rows::{Content, Row, Rows, place_of};
use super::set_aside;
use super::source::{self, Source};
use super::target::{self, Target};
use crate::{client::Client, routes};
use base::{Kind, Problem, nearest};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is imported, and how.
#[derive(Debug)]
pub struct Options {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// The stream for all of them; one of each file's name where absent.
    pub into: Option<String>,
    /// The columns whose newest row counts, of a stream that is made.
    pub key: Vec<String>,
    /// The column with the event time, of a stream that is made.
    pub time: Option<String>,
    /// What stands between two cells of CSV.
    pub delimiter: u8,
}

/// The files of each stream.
type Streams = BTreeMap<String, Vec<Source>>;

/// Returns the manifests of the streams that an import would make. Asks no unit.
///
/// # Errors
/// What is wrong with the files or the options.
pub fn manifests(options: &Options) -> Result<Vec<Value>, Problem> {
    let streams = streams(options)?;
    let bar = bar("reading", streams.values().flatten());
    let manifest = |(name, sources): (&String, &Vec<Source>)| -> Result<Value, Problem> {
        Ok(target::manifest(name, &infer(options, sources, &bar)?))
    };
    let manifests = streams.iter().map(manifest).collect();
    bar.finish_and_clear();
    manifests
}

/// Imports files.
///
/// # Errors
/// What is wrong with files or options, or what the unit says. What was appended until then stays.
pub fn run(options: &Options, client: &Client) -> Result<Report, Problem> {
    let streams = streams(options)?;
    let mut targets = Vec::new();
    for (name, sources) in &streams {
        targets.push(target(options, client, name, sources)?);
    }
    let bar = bar("importing", streams.values().flatten());
    let mut report = Report::default();
    for (target, sources) in targets.iter_mut().zip(streams.values()) {
        for source in sources {
            let import = Import { options, client, source, bar: &bar };
            let file = import.run(target, &mut report)?;
            report.add(file);
        }
    }
    bar.finish_and_clear();
    Ok(report)
}

fn streams(options: &Options) -> Result<Streams, Problem> {
    let mut streams = Streams::new();
    for source in source::find(&options.paths)? {
        let name = options.into.clone().unwrap_or_else(|| source.stream.clone());
        streams.entry(name).or_default().push(source);
    }
    Ok(streams)
}

/// Returns the stream, which is made where it does not exist.
fn target(
    options: &Options,
    client: &Client,
    name: &str,
    sources: &[Source],
) -> Result<Target, Problem> {
    if let Some(target) = Target::find(client, name)? {
        return Ok(target);
    }
    let bar = bar("reading", sources);
    let spec = infer(options, sources, &bar)?;
    bar.finish_and_clear();
    target::make(client, name, &spec)?;
    let missing = || {
        let code = base::Code("resource.not_found", Kind::NotFound);
        Problem::new(code, format!("stream/{name} was made and cannot be seen"))
    };
    Target::find(client, name)?.ok_or_else(missing)
}

/// Infers the `spec` of a stream from all rows of its files.
fn infer(options: &Options, sources: &[Source], bar: &ProgressBar) -> Result<Value, Problem> {
    let mut inference = Inference::default();
    for source in sources {
        let mut rows = Rows::open(source, options.delimiter, bar)?;
        inference.declare(rows.header());
        while let Some(row) = rows.read()? {
            match row.content {
                Ok(Content::Cells(cells)) => inference.cells(rows.header(), &cells),
                Ok(Content::Line(line)) => inference.line(&line),
                Err(_) => {}
            }
        }
    }
    if let Some(first) = sources.first().filter(|_| !inference.has_columns()) {
        return Err(Error::empty(&first.path, "no row says what a column could be").into());
    }
    let key: Vec<String> = options
        .key
        .iter()
        .map(|name| column(&inference, "--key", name))
        .collect::<Result<_, _>>()?;
    let time = options.time.as_ref().map(|name| column(&inference, "--time", name)).transpose()?;
    Ok(inference.spec(&summary(sources), &key, time.as_deref()))
}

fn summary(sources: &[Source]) -> String {
    let name = |source: &Source| {
        source.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    };
    match sources {
        [] => "Imported".into(),
        [one] => format!("Imported from {}", name(one)),
        [first, more @ ..] => format!("Imported from {} and {} more", name(first), more.len()),
    }
}

/// Returns the column that an option names, as the header or as the stream writes it.
fn column(inference: &Inference, option: &str, given: &str) -> Result<String, Error> {
    let found = inference.names().find(|name| *name == given || *name == column_name(given));
    found.map(str::to_owned).ok_or_else(|| Error::Columns {
        reason: format!("`{option}` names `{given}`, and there is no such column"),
        place: None,
        hint: Some(match nearest(given, inference.names()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("there are {}", inference.names().collect::<Vec<_>>().join(", ")),
        }),
    })
}

/// The import of one file.
struct Import<'a> {
    options: &'a Options,
    client: &'a Client,
    source: &'a Source,
    bar: &'a ProgressBar,
}

impl Import<'_> {
    fn run(&self, target: &mut Target, report: &mut Report) -> Result<FileReport, Problem> {
        let key = self.key(target)?;
        let mut rows = Rows::open(self.source, self.options.delimiter, self.bar)?;
        let writer = Writer::new(rows.header(), &target.spec);
        let mut file = FileReport {
            file: self.source.shown(),
            stream: target.name.clone(),
            ..FileReport::default()
        };
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
                        self.send(target, &full, &format!("{key}-{number}"), &mut file, report)?;
                        number += 1;
                    }
                    batch.push(line, row);
                }
            }
        }
        if !batch.rows.is_empty() {
            self.send(target, &batch, &format!("{key}-{number}"), &mut file, report)?;
        }
        Ok(file)
    }

    /// Returns what the keys of all batches of this file begin with: the same for the same content into the same stream.
    fn key(&self, target: &Target) -> Result<String, Problem> {
        let Target { name, birth, .. } = target;
        let text =
            format!("{}\n{name}\n{birth}\n{}", self.source.digest()?, self.options.delimiter);
        Ok(format!("import-{}", base::hex(&base::sha256(text.as_bytes()))))
    }

    /// Appends a batch, and finds out what became of its rows.
    fn send(
        &self,
        target: &mut Target,
        batch: &Batch,
        key: &str,
        file: &mut FileReport,
        report: &mut Report,
    ) -> Result<(), Problem> {
        let request = routes::stream_append(&target.name)
            .query("on_error", Some("set_aside"))
            .key(Some(key.to_owned()))
            .bytes("application/x-ndjson", batch.body());
        let answer = self.client.send(&request).map_err(|problem| self.placed(problem, batch))?;
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
            for (line, reason) in set_aside::reasons(self.client, &target.name, batch) {
                report.name(&file.file, line, reason);
            }
        }
        Ok(())
    }

    /// Says at which line the import stopped, and how it goes on.
    fn placed(&self, mut problem: Problem, batch: &Batch) -> Problem {
        let line = batch.rows.first().map_or(1, |(line, _)| *line);
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

/// Returns a bar that follows the bytes of files; it shows nothing where standard error is no terminal.
fn bar<'s>(word: &'static str, sources: impl IntoIterator<Item = &'s Source>) -> ProgressBar {
    let bytes: u64 = sources.into_iter().map(|source| source.bytes).sum();
    let template = "{msg} {bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  \
                    {elapsed_precise}, {eta_precise} to go";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_message(word)
}
