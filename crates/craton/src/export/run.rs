//! Runs an export: asks, writes, and gives the file its name.

use super::draft::Draft;
use super::error::Error;
use super::form::Form;
use super::write::{self, Fault};
use crate::{cancel, client::Client, output, routes, supervise};
use base::Problem;
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long the beginning of the answer is waited for: the unit's own limit ends a query long before.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// Bytes that are written at once.
const PIECE_BYTES: usize = 256 << 10;

/// What is exported, and where to.
#[derive(Debug)]
pub struct Options {
    /// The query.
    pub sql: String,
    /// The form of the file.
    pub form: Form,
    /// The file; standard output where absent, which is for text alone.
    pub to: Option<PathBuf>,
    /// True where the file is compressed as a whole.
    pub is_zipped: bool,
}

/// Exports, and returns how many rows were written.
///
/// # Errors
/// What the unit says; `export.cut`, `export.unsupported`, `cli.file`: no file was written then.
pub fn run(options: &Options, client: &Client) -> Result<u64, Problem> {
    let is_ending = Arc::new(AtomicBool::new(false));
    let outcome = export(options, client, &is_ending);
    // The unit says that the query was cancelled: the signal says how the program ends.
    while outcome.is_err() && is_ending.load(Ordering::SeqCst) {
        std::thread::park();
    }
    outcome
}

fn export(options: &Options, client: &Client, is_ending: &Arc<AtomicBool>) -> Result<u64, Problem> {
    // Where the file cannot be written, nobody waits for the answer first.
    let draft = options.to.as_deref().map(Draft::begin).transpose()?;
    let tag = cancel::tag();
    end_at_signal(client, &tag, draft.as_ref().map(Draft::part), is_ending)?;
    // As many rows as the unit gives.
    let limits = json!({"rows": i64::MAX});
    let body = json!({
        "sql": options.sql, "format": options.form.wire(), "limits": limits, "tag": tag,
    });
    let request = routes::sql_query().json(&body).patience(PATIENCE);
    let mut body = client.open(&request)?.into_body();
    let bar = bar();
    let rows = match &draft {
        None => to_screen(options.form, body.as_mut(), &bar)
            .map_err(|fault| problem(fault, options.form, None))?,
        Some(draft) => to_file(options, body.as_mut(), draft.file()?, &bar)
            .map_err(|fault| problem(fault, options.form, Some(draft)))?,
    };
    bar.finish_and_clear();
    draft.map_or(Ok(()), Draft::keep)?;
    Ok(rows)
}

/// Ends the program at Ctrl-C and SIGTERM, without a half file and without a query that goes on; at the second one at once.
fn end_at_signal(
    client: &Client,
    tag: &str,
    part: Option<&Path>,
    is_ending: &Arc<AtomicBool>,
) -> Result<(), Problem> {
    let is_ending = Arc::clone(is_ending);
    let (client, tag, part) = (client.clone(), tag.to_owned(), part.map(Path::to_owned));
    supervise::end_at_second_signal()?;
    supervise::on_signal(move |signal| {
        is_ending.store(true, Ordering::SeqCst);
        if let Some(part) = &part {
            // It may have been renamed by now; then there is nothing to remove.
            let _ = std::fs::remove_file(part);
        }
        // Where the unit cannot be told, the query goes on to its limit.
        let _ = cancel::cancel(&client, &tag);
        std::process::exit(128 + signal)
    })
}

fn to_screen(form: Form, body: &mut dyn Read, bar: &ProgressBar) -> Result<u64, Fault> {
    let mut out = BufWriter::with_capacity(PIECE_BYTES, Screen);
    let rows = write::text(form, body, &mut out, bar)?;
    out.flush().map_err(Fault::Sink)?;
    Ok(rows)
}

fn to_file(
    options: &Options,
    body: &mut dyn Read,
    file: File,
    bar: &ProgressBar,
) -> Result<u64, Fault> {
    let mut out = BufWriter::with_capacity(PIECE_BYTES, file);
    let rows = match options.form {
        Form::Parquet => write::parquet(body, &mut out, bar)?,
        Form::Arrow => write::arrow(body, &mut out, bar)?,
        form if options.is_zipped => {
            let mut zipped = GzEncoder::new(&mut out, Compression::default());
            let rows = write::text(form, body, &mut zipped, bar)?;
            zipped.finish().map_err(Fault::Sink)?;
            rows
        }
        form => write::text(form, body, &mut out, bar)?,
    };
    out.flush().map_err(Fault::Sink)?;
    Ok(rows)
}

/// Standard output. It ends the program quietly where nobody reads any more.
struct Screen;

impl Write for Screen {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        output::print_bytes(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn problem(fault: Fault, form: Form, draft: Option<&Draft>) -> Problem {
    match (fault, draft) {
        (Fault::Source(reason), _) => Error::Cut { reason }.into(),
        (Fault::Form(reason), _) => Error::Unsupported { form: form.word(), reason }.into(),
        (Fault::Sink(error), Some(draft)) => draft.unwritable(error),
        (Fault::Sink(error), None) => {
            crate::error::Error::unwritable("standard output".as_ref(), error).into()
        }
    }
}

/// Returns a bar that counts rows; it shows nothing where standard error is no terminal.
fn bar() -> ProgressBar {
    let template = "exporting {human_pos} rows  {per_sec}  {elapsed_precise}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::no_length().with_style(style)
}
