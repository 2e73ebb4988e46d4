//! What an import would do: which file goes into which stream, and with which columns. Changes nothing.

use super::error::Error;
use super::fit;
use super::infer::Inference;
use super::name::column_name;
use super::parquet_file::ParquetFile;
use super::rows::{Content, Rows};
use super::source::{self, Form, Source};
use super::target::{self, Target};
use crate::client::Client;
use base::{Problem, nearest};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is imported, and how.
#[derive(Debug)]
pub struct Options {
    /// Files, folders and addresses.
    pub paths: Vec<PathBuf>,
    /// The secret with which the unit fetches addresses; without it they are fetched here, without a credential.
    pub header_secret: Option<String>,
    /// The stream for all of them; one of each file's name where absent.
    pub into: Option<String>,
    /// The columns whose newest row counts, of a stream that is made.
    pub key: Vec<String>,
    /// The column with the event time, of a stream that is made.
    pub time: Option<String>,
    /// What stands between two cells of CSV.
    pub delimiter: u8,
}

/// A stream and the files that go into it.
#[derive(Debug)]
pub struct Part {
    /// The name of the stream.
    pub name: String,
    /// The files.
    pub sources: Vec<Source>,
    /// The stream's `spec`.
    pub spec: Value,
    /// The stream as the unit has it; nothing where it is to be made.
    pub target: Option<Target>,
}

/// Returns the manifests of the streams that an import would make. Asks no unit.
///
/// # Errors
/// What is wrong with the files or the options.
pub fn manifests(options: &Options) -> Result<Vec<Value>, Problem> {
    Ok(parts(options, None)?.iter().map(|part| target::manifest(&part.name, &part.spec)).collect())
}

/// Looks at all files, and at the streams that the unit has. What can be seen to fail is refused here, before anything is done.
///
/// # Errors
/// What is wrong with the files or the options, or what the unit says.
pub fn parts(options: &Options, client: Option<&Client>) -> Result<Vec<Part>, Problem> {
    let mut streams: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    let by = client.zip(options.header_secret.as_deref());
    for source in source::find(&options.paths, by)? {
        let name = options.into.clone().unwrap_or_else(|| source.stream.clone());
        streams.entry(name).or_default().push(source);
    }
    let mut parts = Vec::new();
    for (name, sources) in streams {
        let target = client.map(|client| Target::find(client, &name)).transpose()?.flatten();
        parts.push(Part { name, sources, spec: Value::Null, target });
    }
    let read = |part: &Part, source: &Source| part.target.is_none() || source.form == Form::Parquet;
    let all = parts.iter().flat_map(|part| part.sources.iter().map(move |source| (part, source)));
    let bytes = all.filter(|&(part, source)| read(part, source)).map(|(_, source)| source.bytes);
    let bar = bar("reading", bytes.sum());
    for part in &mut parts {
        part.spec = spec(options, part, &bar)?;
    }
    bar.finish_and_clear();
    Ok(parts)
}

/// Returns a bar that follows so many bytes of files; it shows nothing where standard error is no terminal.
pub fn bar(word: &'static str, bytes: u64) -> ProgressBar {
    let template = "{msg} {bar:32} {bytes}/{total_bytes}  {bytes_per_sec}  \
                    {elapsed_precise}, {eta_precise} to go";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(bytes).with_style(style).with_message(word)
}

/// Returns the `spec` of a stream: that of the unit, or one inferred from all rows of the files. Either way the files fit it.
fn spec(options: &Options, part: &Part, bar: &ProgressBar) -> Result<Value, Problem> {
    let held = part.target.as_ref().map(|target| &target.spec);
    let mut inference = Inference::default();
    let mut files = Vec::new();
    for source in &part.sources {
        files.push(match (source.form, held) {
            (Form::Parquet, _) => infer_parquet(source, &mut inference, bar)?,
            (_, None) => infer_text(options, source, &mut inference, bar)?,
            (Form::Csv, Some(_)) => header(options, source)?,
            (Form::Lines, Some(_)) => Vec::new(),
        });
    }
    let spec = match held {
        Some(spec) => spec.clone(),
        None => inferred(options, &part.sources, &inference)?,
    };
    for (source, columns) in part.sources.iter().zip(&files) {
        let is_titled = match source.form {
            Form::Parquet => true,
            Form::Csv => held.is_some(),
            Form::Lines => false,
        };
        if is_titled {
            fit::check(source, columns, &part.name, &spec)?;
        }
    }
    Ok(spec)
}

fn infer_parquet(
    source: &Source,
    inference: &mut Inference,
    bar: &ProgressBar,
) -> Result<Vec<fit::Titled>, Problem> {
    let file = ParquetFile::open(source)?;
    inference.columns(file.rows(), &file.check(bar)?);
    let titled = file.columns().iter().map(|column| (column.name.clone(), Some(column.shape)));
    Ok(titled.collect())
}

fn infer_text(
    options: &Options,
    source: &Source,
    inference: &mut Inference,
    bar: &ProgressBar,
) -> Result<Vec<fit::Titled>, Problem> {
    let mut rows = Rows::open(source, options.delimiter, bar)?;
    inference.declare(rows.header());
    while let Some(row) = rows.read()? {
        match row.content {
            Ok(Content::Cells(cells)) => inference.cells(rows.header(), &cells),
            Ok(Content::Line(line)) => inference.line(&line),
            Err(_) => {}
        }
    }
    Ok(titled(rows.header()))
}

fn header(options: &Options, source: &Source) -> Result<Vec<fit::Titled>, Problem> {
    Ok(titled(Rows::open(source, options.delimiter, &ProgressBar::hidden())?.header()))
}

fn titled(header: &[String]) -> Vec<fit::Titled> {
    header.iter().map(|name| (name.clone(), None)).collect()
}

fn inferred(
    options: &Options,
    sources: &[Source],
    inference: &Inference,
) -> Result<Value, Problem> {
    if let Some(first) = sources.first().filter(|_| !inference.has_columns()) {
        return Err(Error::empty(&first.shown, "no row says what a column could be").into());
    }
    let key: Vec<String> = options
        .key
        .iter()
        .map(|name| column(inference, "--key", name))
        .collect::<Result<_, _>>()?;
    let time = options.time.as_ref().map(|name| column(inference, "--time", name)).transpose()?;
    Ok(inference.spec(&summary(sources), &key, time.as_deref()))
}

fn summary(sources: &[Source]) -> String {
    match sources {
        [] => "Imported".into(),
        [one] => format!("Imported from {}", one.name),
        [first, more @ ..] => format!("Imported from {} and {} more", first.name, more.len()),
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
