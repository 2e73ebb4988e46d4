//! `export`: a relation or the answer of a query into a file.

use crate::export::{self, Form};
use crate::{arguments::Globals, connect, error::Error};
use base::{Problem, Time};
use std::path::PathBuf;

/// Writes a relation or the answer of a query into a file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton export orders --to orders.parquet\n  craton export answers.kpi --to kpi.csv.gz\n  craton export orders --as-of 2026-01-31T18:00:00Z --to january.parquet\n  craton export --sql \"SELECT * FROM orders WHERE state = 'SP'\" --to sp.ndjson\n  craton export orders_latest | head\n\nThe file appears under its name only when it is whole."
)]
pub struct Export {
    /// A stream, NAME_latest, a view, SCHEMA.NAME
    #[arg(required_unless_present = "sql", conflicts_with = "sql")]
    relation: Option<String>,
    /// A query whose answer is written
    #[arg(long, value_name = "SELECT …")]
    sql: Option<String>,
    /// The file: .csv, .ndjson, .jsonl, .json, each also with .gz, .parquet or .arrow; standard output where absent
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// The form; that of the file's ending where absent, csv on standard output
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Form>,
    /// The relation as it stood at a time or at a commit
    #[arg(long, value_name = "TIME|COMMIT", conflicts_with = "sql")]
    as_of: Option<String>,
}

impl Export {
    /// Exports, and says on standard error how many rows there were.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let (form, is_zipped) = form(self.to.as_deref(), self.format)?;
        let sql = match (self.sql, self.relation) {
            (Some(sql), _) => sql,
            (None, relation) => statement(&relation.unwrap_or_default(), self.as_of.as_deref())?,
        };
        let options = export::Options { sql, form, to: self.to, is_zipped };
        let rows = export::run(&options, &connect::client(globals)?)?;
        let counted = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
        match options.to {
            Some(file) => eprintln!("{counted} -> {}", file.display()),
            None => eprintln!("{counted}"),
        }
        Ok(())
    }
}

/// Decides the form of the file, and whether it is compressed as a whole.
fn form(to: Option<&std::path::Path>, asked: Option<Form>) -> Result<(Form, bool), Error> {
    let Some(path) = to else {
        let form = asked.unwrap_or(Form::Csv);
        if form.is_text() {
            return Ok((form, false));
        }
        let reason = format!("{} is no text for standard output", form.word());
        return Err(Error::usage(reason, "name a file with `--to FILE`"));
    };
    let (named, is_zipped) = export::of_name(path);
    let Some(form) = asked.or(named) else {
        let reason = format!("the ending of `{}` names no form", path.display());
        let hint =
            "end it in .csv, .ndjson, .json, .parquet or .arrow, or name the form with `--format`";
        return Err(Error::usage(reason, hint));
    };
    if is_zipped && !form.is_text() {
        let reason = format!("{} is compressed inside", form.word());
        return Err(Error::usage(reason, "leave out `.gz`"));
    }
    Ok((form, is_zipped))
}

/// Returns the query for all rows of a relation.
fn statement(relation: &str, as_of: Option<&str>) -> Result<String, Problem> {
    let parts: Vec<String> = relation
        .split('.')
        .map(|part| format!("\"{}\"", part.trim_matches('"').replace('"', "\"\"")))
        .collect();
    let relation = parts.join(".");
    let version = match as_of {
        None => String::new(),
        Some(commit) if !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!(" FOR VERSION AS OF {commit}")
        }
        Some(time) => format!(" FOR SYSTEM_TIME AS OF '{}'", Time::parse(time)?),
    };
    Ok(format!("SELECT * FROM {relation}{version}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_relation_becomes_a_query() {
        let check = |relation: &str, as_of: Option<&str>, expected: &str| {
            assert_eq!(statement(relation, as_of).expect("a query"), expected);
        };
        check("orders", None, "SELECT * FROM \"orders\"");
        check("answers.kpi", None, "SELECT * FROM \"answers\".\"kpi\"");
        check("my-orders", Some("123"), "SELECT * FROM \"my-orders\" FOR VERSION AS OF 123");
        check(
            "orders",
            Some("2026-01-31"),
            "SELECT * FROM \"orders\" FOR SYSTEM_TIME AS OF '2026-01-31T00:00:00Z'",
        );
        check("a\"; b", None, "SELECT * FROM \"a\"\"; b\"");
        assert_eq!(statement("orders", Some("soon")).expect_err("refused").code, "time.invalid");
    }

    #[test]
    fn the_form_is_what_was_asked_for_or_what_the_file_is_called() {
        let read = |to: Option<&str>, asked| form(to.map(Path::new), asked).ok();
        assert_eq!(read(None, None), Some((Form::Csv, false)));
        assert_eq!(read(None, Some(Form::Parquet)), None);
        assert_eq!(read(Some("a.csv.gz"), None), Some((Form::Csv, true)));
        assert_eq!(read(Some("a.txt"), None), None);
        assert_eq!(read(Some("a.txt"), Some(Form::Ndjson)), Some((Form::Ndjson, false)));
        assert_eq!(read(Some("a.csv"), Some(Form::Json)), Some((Form::Json, false)));
        assert_eq!(read(Some("a.parquet.gz"), None), None);
    }
}
