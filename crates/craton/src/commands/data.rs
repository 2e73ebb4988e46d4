//! `data`: erases the rows of a subject, and shows how far that is.

use super::input;
use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Column,
    output::Format, routes,
};
use base::Problem;
use serde_json::{Value, json};

const FOUND: [Column; 4] = [
    Column("STREAM", &["stream"]),
    Column("COLUMNS", &["columns"]),
    Column("ROWS", &["rows"]),
    Column("SET ASIDE", &["set_aside"]),
];

const ERASURES: [Column; 7] = [
    Column("ID", &["id"]),
    Column("AT", &["at"]),
    Column("BY", &["by"]),
    Column("STREAMS", &["names"]),
    Column("ROWS", &["rows"]),
    Column("STATE", &["state"]),
    Column("DONE", &["done_at"]),
];

/// How long the unit waits for an erasure before it answers, in milliseconds.
const WAIT_MS: u32 = 2_000;

/// Erases the rows of a person, and shows how far that is
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton data erase --subject ana@example.org --dry-run\n  craton data erase --subject ana@example.org\n  craton data erasures"
)]
pub struct Data {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, clap::Subcommand)]
enum DataCommand {
    /// Erases all rows of a subject from streams, tables and the disk; waits until nothing is left
    #[command(
        after_help = "Examples:\n  craton data erase --subject ana@example.org --dry-run\n  craton data erase --subject 4711 --column customer --stream orders --yes\n  craton data erase --subject - --yes < subject.txt\n\nWithout `--column` the columns count that the manifests mark with `subject: true`."
    )]
    Erase(Erase),
    /// Shows the erasures, how far they are, and a salted hash of each subject
    #[command(after_help = "Examples:\n  craton data erasures\n  craton data erasures -o json")]
    Erasures,
}

#[derive(Debug, clap::Args)]
struct Erase {
    /// What identifies the person, as it stands in the rows; `-` reads it from standard input
    #[arg(long, value_name = "VALUE")]
    subject: String,
    /// The column in which it stands; those marked in the manifests where absent
    #[arg(long, value_name = "NAME")]
    column: Option<String>,
    /// A stream; several times for several; all that have such a column where absent
    #[arg(long = "stream", value_name = "NAME")]
    streams: Vec<String>,
    /// Only show how many rows would go
    #[arg(long)]
    dry_run: bool,
    /// Do not ask whether it is meant
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Do not wait until it is done
    #[arg(long, conflicts_with = "dry_run")]
    no_wait: bool,
}

impl Data {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            DataCommand::Erase(erase) => erase.run(globals, &client),
            DataCommand::Erasures => {
                let mut answer = client.send(&routes::data_erasures())?;
                if matches!(globals.output, Format::Table | Format::Csv) {
                    let items = output::items(&answer).iter().map(summary).collect::<Vec<_>>();
                    answer = json!({ "items": items });
                }
                output::list(globals.output, &answer, &ERASURES)
            }
        }
    }
}

impl Erase {
    fn run(self, globals: &Globals, client: &Client) -> Result<(), Problem> {
        let is_table = globals.output == Format::Table;
        let mut body = json!({"subject": subject(&self.subject)?});
        if let Some(column) = &self.column {
            body["column"] = json!(column);
        }
        if !self.streams.is_empty() {
            body["streams"] = json!(self.streams);
        }
        if self.dry_run || !self.yes {
            let found = client.send(&routes::data_find().json(&body))?;
            if self.dry_run && !is_table {
                return output::one(globals.output, &found);
            }
            // Where a program reads the answer, the answer is what became of it.
            if is_table {
                show_found(&found)?;
            }
            if self.dry_run {
                return Ok(());
            }
            confirm(&found, self.subject == "-")?;
        }
        let mut answer = client.send(&routes::data_erase().json(&body))?;
        let not_reached = answer["not_reached"].take();
        while !self.no_wait && answer["state"] != "done" {
            let request = routes::data_erasures()
                .query("id", Some(output::plain(&answer["id"])))
                .query("wait_ms", Some(WAIT_MS));
            answer = client.send(&request)?["items"][0].take();
        }
        if !is_table {
            answer["not_reached"] = not_reached;
            return output::one(globals.output, &answer);
        }
        let gone = total(&answer);
        match answer["state"] == "done" {
            true => output::line(format!(
                "erasure {} is done: {gone} rows are gone, from the disk as well",
                answer["id"]
            )),
            false => output::line(format!("erasure {} is under way", answer["id"])),
        }
        output::line("it does not reach:");
        for place in not_reached.as_array().into_iter().flatten() {
            output::line(format!("  {}", output::plain(place)));
        }
        Ok(())
    }
}

/// Returns the subject, read from standard input where that is asked for: there it leaves no trace in the shell's history.
fn subject(text: &str) -> Result<String, Problem> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let bytes = input::read(None)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::usage("the subject is not UTF-8", "write it as it stands in the rows")
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn show_found(found: &Value) -> Result<(), Problem> {
    output::list(Format::Table, &json!({"items": found["streams"]}), &FOUND)?;
    output::line(format!("{} rows in all", found["rows"]));
    Ok(())
}

/// Asks whether the rows shall go.
fn confirm(found: &Value, is_input_read: bool) -> Result<(), Problem> {
    let what = format!("erase {} rows for good", found["rows"]);
    let answer = if is_input_read { None } else { input::is_agreed(&what) };
    let (reason, hint) = match answer {
        Some(true) => return Ok(()),
        Some(false) => ("nothing was erased", "answer `y`, or say `--yes`"),
        None => (
            "an erasure cannot be taken back, and there is nobody to ask",
            "look with `--dry-run` first, then say `--yes`",
        ),
    };
    Err(Error::usage(reason, hint).into())
}

/// Returns how many rows an erasure has taken out.
fn total(erasure: &Value) -> u64 {
    let streams = erasure["streams"].as_array().into_iter().flatten();
    let of = |stream: &Value, name: &str| stream[name].as_u64().unwrap_or_default();
    streams.map(|stream| of(stream, "rows") + of(stream, "set_aside")).sum()
}

/// Returns an erasure as a row of a table.
fn summary(erasure: &Value) -> Value {
    let streams = erasure["streams"].as_array().into_iter().flatten();
    let names: Vec<String> = streams.map(|stream| output::plain(&stream["stream"])).collect();
    json!({
        "id": erasure["id"], "at": erasure["at"], "by": erasure["by"], "names": names.join(","),
        "rows": total(erasure), "state": erasure["state"], "done_at": erasure["done_at"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_is_one_row_of_a_table() {
        let erasure = json!({"id": 3, "at": "t", "by": "user:olga", "state": "done", "done_at": "u",
            "streams": [{"stream": "a", "rows": 2, "set_aside": 1}, {"stream": "b", "rows": 4, "set_aside": 0}]});
        let expected = json!({"id": 3, "at": "t", "by": "user:olga", "names": "a,b", "rows": 7,
            "state": "done", "done_at": "u"});
        assert_eq!(summary(&erasure), expected);
    }

    #[test]
    fn nobody_to_ask_means_that_nothing_is_erased() {
        let refused = confirm(&json!({"rows": 3}), true).expect_err("refused");
        assert_eq!(refused.code, "cli.usage");
        assert!(refused.hint.is_some_and(|hint| hint.contains("--yes")));
    }
}
