//! `import`: rows of files and addresses into streams.

use crate::import::{self, Report};
use crate::{arguments::Globals, connect, output, output::Format};
use base::{Name, Problem};
use std::path::PathBuf;

/// Imports CSV, NDJSON and Parquet into streams, which are made where they do not exist
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton import orders.csv --key order_id --time placed_at\n  craton import data                     every file of a folder\n  craton import data --dry-run > streams.yaml\n  craton import 2018.csv.gz 2019.parquet --into orders\n  craton import https://data.example/flights.parquet\n  craton import https://data.example/orders.csv --header-secret feed\n\nRepeating the command after a failure goes on where it stopped; no row is appended twice within 24 hours."
)]
pub struct Import {
    /// Files (.csv, .ndjson, .jsonl, each also with .gz, and .parquet), folders of them, and addresses (http, https)
    #[arg(required = true, value_name = "FILE|FOLDER|URL")]
    paths: Vec<PathBuf>,
    /// The stream for all of them; one of each file's name where absent
    #[arg(long, value_name = "STREAM")]
    into: Option<String>,
    /// A column whose newest row counts, of a stream that is made; several with commas or several times
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    key: Vec<String>,
    /// The column with the event time, of a stream that is made
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// What stands between two cells: one ASCII character, or `tab`
    #[arg(long, value_name = "SIGN", default_value = ",", value_parser = sign_of)]
    delimiter: u8,
    /// Have the unit fetch the addresses, with this secret in a header; see `craton secret create --host`
    #[arg(long, value_name = "SECRET", conflicts_with = "dry_run")]
    header_secret: Option<String>,
    /// Print the manifests of the streams as YAML and import nothing; an existing stream is not looked at
    #[arg(long)]
    dry_run: bool,
}

impl Import {
    /// Imports and reports.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let Self { paths, into, key, time, delimiter, header_secret, dry_run } = self;
        let into = into.map(Name::new).transpose()?.map(Name::into);
        let options = import::Options { paths, header_secret, into, key, time, delimiter };
        if dry_run {
            return print_manifests(&options);
        }
        let client = connect::client(globals)?;
        show(globals.output, &import::run(&options, &client)?)
    }
}

fn print_manifests(options: &import::Options) -> Result<(), Problem> {
    let manifests = import::manifests(options)?;
    for (number, manifest) in manifests.iter().enumerate() {
        if 0 < number {
            output::line("---");
        }
        output::print(&output::document(Format::Yaml, manifest)?);
    }
    Ok(())
}

/// Shows the report; then refuses where no row was kept.
fn show(format: Format, report: &Report) -> Result<(), Problem> {
    if format == Format::Table {
        output::print(&report.text());
    } else {
        output::one(format, &report.value())?;
    }
    report.outcome()
}

fn sign_of(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [sign] if sign.is_ascii() && !matches!(sign, b'"' | b'\n' | b'\r') => Ok(*sign),
        _ => Err("one ASCII character or `tab` is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_one_sign() {
        assert_eq!(sign_of(";"), Ok(b';'));
        assert_eq!((sign_of("tab"), sign_of("\\t"), sign_of("\t")), (Ok(9), Ok(9), Ok(9)));
        for wrong in ["", "\"", "ab", "é", "\n"] {
            assert!(sign_of(wrong).is_err(), "{wrong}");
        }
    }
}
