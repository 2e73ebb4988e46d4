//! `stream`: shows streams, appends to them and reads them.

use super::input::{self, Change};
use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Column,
    output::Format, routes,
};
use base::Problem;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Bytes of rows that are sent in one call; each call is all or none.
const CALL_BYTES: usize = 4 << 20;
/// How long `tail` lets the unit wait for the next row, in milliseconds, before it asks again.
const TAIL_WAIT_MS: u32 = 20_000;

/// Streams, their rows, and how many of these are in files. Who sees a part of a stream is not told.
const STREAMS: &str = "SELECT s.name, s.rows, \
     CASE WHEN s.rows IS NULL THEN NULL ELSE coalesce(t.sealed - s.first_offset, 0) END AS sealed, \
     s.set_aside, s.first_offset \
     FROM system.streams s LEFT JOIN system.tables t ON t.name = s.name ORDER BY s.name";

const LIST: &[Column] = &[
    Column("NAME", &["name"]),
    Column("ROWS", &["rows"]),
    Column("SEALED", &["sealed"]),
    Column("SET ASIDE", &["set_aside"]),
    Column("FIRST OFFSET", &["first_offset"]),
];

/// Appends to streams and reads them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton stream list\n  craton stream append orders --row '{\"id\": \"o1\", \"total\": 12.5}'\n  craton stream read orders --limit 10\n  craton stream tail orders"
)]
pub struct Stream {
    #[command(subcommand)]
    command: StreamCommand,
}

#[derive(Debug, clap::Subcommand)]
enum StreamCommand {
    /// Shows the streams with how many rows they have, and how many of them are in files
    #[command(after_help = "Examples:\n  craton stream list\n  craton stream list -o json")]
    List,
    /// Appends rows: JSON objects, an array of them, or one in each line
    #[command(
        after_help = "Examples:\n  craton stream append orders --row '{\"id\": \"o1\"}' --row '{\"id\": \"o2\"}'\n  craton stream append orders --file orders.ndjson\n  craton stream append orders < orders.json\n\nUp to 4 MiB are appended all or none; longer input in parts of that size."
    )]
    Append {
        /// The stream
        name: String,
        /// A row as a JSON object; several times for several rows
        #[arg(long = "row", value_name = "JSON")]
        rows: Vec<String>,
        /// A file of rows; standard input where neither this nor `--row` is given
        #[arg(long, value_name = "FILE", conflicts_with = "rows")]
        file: Option<PathBuf>,
        /// Keep the good rows and set the bad ones aside, with their reasons, in the stream NAME_set_aside
        #[arg(long)]
        set_aside: bool,
        #[command(flatten)]
        change: Change,
    },
    /// Reads rows from an offset onward
    #[command(
        after_help = "Examples:\n  craton stream read orders\n  craton stream read orders --offset 100 --limit 10 -o json"
    )]
    Read {
        /// The stream
        name: String,
        /// The first offset; that of the stream's first row where absent
        #[arg(long, value_name = "N", conflicts_with = "last")]
        offset: Option<u64>,
        /// So many of the last rows
        #[arg(long, value_name = "N")]
        last: Option<u64>,
        /// So many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Reads rows as they come, one JSON object a line, until Ctrl-C
    #[command(
        after_help = "Examples:\n  craton stream tail orders\n  craton stream tail orders --offset 0"
    )]
    Tail {
        /// The stream
        name: String,
        /// The first offset; the end where absent
        #[arg(long, value_name = "N")]
        offset: Option<u64>,
    },
}

impl Stream {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            StreamCommand::List => {
                let answer = client.send(&routes::sql_query().json(&json!({ "sql": STREAMS })))?;
                output::list(globals.output, &answer, LIST)
            }
            StreamCommand::Append { name, rows, file, set_aside, change } => {
                let lines = if rows.is_empty() {
                    lines(&input::read(file.as_deref())?)?
                } else {
                    rows.iter().map(|row| compact(row.as_bytes())).collect::<Result<_, _>>()?
                };
                let on_error = set_aside.then_some("set_aside");
                append(globals, &client, &name, &lines, on_error, change)
            }
            StreamCommand::Read { name, offset, last, limit } => {
                let request = routes::stream_read(&name)
                    .query("offset", offset)
                    .query("last", last)
                    .query("limit", Some(limit));
                let answer = client.send(&request)?;
                show(globals.output, &answer)
            }
            StreamCommand::Tail { name, offset } => tail(&client, &name, offset),
        }
    }
}

fn append(
    globals: &Globals,
    client: &Client,
    name: &str,
    lines: &[String],
    on_error: Option<&str>,
    change: Change,
) -> Result<(), Problem> {
    let calls = calls(lines);
    if calls.is_empty() {
        return Err(Error::usage(
            "there are no rows",
            "write `--row JSON`, `--file FILE`, or pipe rows in",
        )
        .into());
    }
    let is_one = calls.len() == 1;
    for body in calls {
        // A key stands for one request: it cannot stand for several.
        let change = if is_one { change.clone() } else { change.without_key() };
        let request = change.put(routes::stream_append(name))?.query("on_error", on_error);
        let answer = client.send(&request.bytes("application/x-ndjson", body.into_bytes()))?;
        output::one(globals.output, &answer)?;
    }
    Ok(())
}

/// Joins lines into bodies of a limited size.
fn calls(lines: &[String]) -> Vec<String> {
    let mut calls: Vec<String> = Vec::new();
    for line in lines {
        match calls.last_mut() {
            Some(last) if last.len() + line.len() < CALL_BYTES => last.push_str(line),
            _ => calls.push(line.clone()),
        }
        if let Some(last) = calls.last_mut() {
            last.push('\n');
        }
    }
    calls
}

/// Returns the rows of an array, or of objects one after the other, each on one line.
fn lines(text: &[u8]) -> Result<Vec<String>, Problem> {
    let mut lines = Vec::new();
    for value in
        serde_json::Deserializer::from_slice(text).into_iter::<&serde_json::value::RawValue>()
    {
        let value = value.map_err(|error| no_json(&error))?.get();
        if value.starts_with('[') {
            let rows: Vec<&serde_json::value::RawValue> =
                serde_json::from_str(value).map_err(|error| no_json(&error))?;
            for row in rows {
                lines.push(compact(row.get().as_bytes())?);
            }
        } else {
            lines.push(compact(value.as_bytes())?);
        }
    }
    Ok(lines)
}

/// Returns a JSON value on one line. Its text stays as it is but for line ends, which can only be between values.
fn compact(text: &[u8]) -> Result<String, Problem> {
    let value: &serde_json::value::RawValue =
        serde_json::from_slice(text).map_err(|error| no_json(&error))?;
    Ok(value.get().replace(['\n', '\r'], " "))
}

fn no_json(error: &serde_json::Error) -> Problem {
    let hint = "a row is a JSON object like '{\"id\": \"o1\"}'";
    Error::usage(format!("the rows are not JSON: {error}"), hint).into()
}

/// Shows rows: the columns are the fields of all of them, in the order of the first row that has them.
fn show(format: Format, answer: &Value) -> Result<(), Problem> {
    let rows = output::items(&answer["rows"]);
    if rows.is_empty() || !matches!(format, Format::Table | Format::Csv) {
        return output::part(format, answer, "rows", &[]);
    }
    let mut titles: Vec<String> = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !titles.contains(name) {
            titles.push(name.clone());
        }
    }
    titles.sort_by_key(|title| !title.starts_with('_'));
    let cell =
        |row: &Value, title: &String| row.get(title).map_or_else(|| "-".into(), output::plain);
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| titles.iter().map(|title| cell(row, title)).collect()).collect();
    if format == Format::Csv {
        output::print(&output::csv_text(&titles, &cells)?);
    } else {
        output::print(&output::table(&titles, &cells));
    }
    Ok(())
}

/// Shows rows as they come. Ends only with the program.
fn tail(client: &Client, name: &str, offset: Option<u64>) -> Result<(), Problem> {
    let mut offset = match offset {
        Some(offset) => offset,
        None => end(client, name)?,
    };
    loop {
        let request = routes::stream_read(name)
            .query("offset", Some(offset))
            .query("limit", Some(1_000))
            .query("wait_ms", Some(TAIL_WAIT_MS));
        let answer = client.send(&request)?;
        let rows = output::items(&answer["rows"]);
        for row in &rows {
            output::line(row.to_string());
        }
        offset = answer["next"].as_u64().unwrap_or(offset + rows.len() as u64);
    }
}

/// Returns the offset that the next row of a stream will have.
fn end(client: &Client, name: &str) -> Result<u64, Problem> {
    let answer = client.send(&routes::stream_read(name).query("last", Some(0)))?;
    Ok(answer["end"].as_u64().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_as_array_or_one_after_the_other() {
        let expected = ["{\"a\":  1.10}", "{\"a\":2}"];
        assert_eq!(
            lines(b"[{\"a\": \n1.10}, {\"a\":2}]").expect("reads"),
            expected.map(|row| row.replace("  ", " \u{20}"))
        );
        assert_eq!(lines(b"{\"a\":2}\n\n{\"a\":2}\n").expect("reads").len(), 2);
        assert_eq!(lines(b"{\"a\":").expect_err("refused").code, "cli.usage");
    }

    #[test]
    fn long_input_is_sent_in_parts() {
        let line = "x".repeat(CALL_BYTES / 2);
        let sizes: Vec<usize> =
            calls(&[line.clone(), line.clone(), line]).iter().map(String::len).collect();
        assert_eq!(sizes.len(), 3);
        assert_eq!(calls(&["a".into(), "b".into()]), ["a\nb\n"]);
    }
}
