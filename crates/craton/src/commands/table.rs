//! `table`: the rows of streams in files that other engines read.

use crate::{
    arguments::Globals,
    client::Client,
    connect,
    error::Error,
    output::{self, Column},
    routes,
};
use base::{Clock, Code, Kind, Period, Problem, SystemClock};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::time::Duration;

/// The ending of the table with the newest row of each key of a stream.
const LATEST: &str = "_latest";
/// The pause between two looks at a table that is being sealed: it grows from the one to the other.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

const TABLES: &[Column] = &[
    Column("NAME", &["name"]),
    Column("SEALED", &["sealed"]),
    Column("ROWS", &["rows"]),
    Column("FILES", &["files"]),
    Column("BYTES", &["bytes"]),
    Column("VERSION", &["version"]),
    Column("FOLDER", &["folder"]),
];

/// Shows the tables that other engines read, and has work done on them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton table list\n  craton table seal orders --wait\n  craton table compact orders\n  craton table vacuum orders"
)]
pub struct Table {
    #[command(subcommand)]
    command: TableCommand,
}

#[derive(Debug, clap::Subcommand)]
enum TableCommand {
    /// Shows the tables that have files
    #[command(after_help = "Examples:\n  craton table list\n  craton table list -o json")]
    List,
    /// Shows a table
    #[command(
        after_help = "Examples:\n  craton table get orders\n  craton table get orders_latest -o yaml"
    )]
    Get {
        /// The table
        name: String,
    },
    /// Has all rows so far put into files
    #[command(
        after_help = "Examples:\n  craton table seal orders\n  craton table seal orders_latest --wait\n  craton table seal orders --wait --within PT1H"
    )]
    Seal {
        /// The table
        name: String,
        /// Wait until all rows that the stream has now are in files
        #[arg(long)]
        wait: bool,
        /// How long to wait at most, ISO 8601
        #[arg(long, value_name = "DURATION", default_value = "PT10M", requires = "wait")]
        within: String,
    },
    /// Has small files made one
    #[command(after_help = "Examples:\n  craton table compact orders")]
    Compact {
        /// The table
        name: String,
    },
    /// Has files deleted that no reader needs any more
    #[command(after_help = "Examples:\n  craton table vacuum orders")]
    Vacuum {
        /// The table
        name: String,
    },
}

impl Table {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            TableCommand::List => list(globals, &client),
            TableCommand::Get { name } => get(globals, &client, &name),
            TableCommand::Seal { name, wait, within } => {
                let within = wait.then(|| Period::parse(&within)).transpose()?;
                seal(globals, &client, &name, within)
            }
            TableCommand::Compact { name } => {
                client.send(&routes::table_compact(&name))?;
                output::line(format!("table/{name}: small files will be made one"));
                Ok(())
            }
            TableCommand::Vacuum { name } => {
                client.send(&routes::table_vacuum(&name))?;
                output::line(format!("table/{name}: files that count no more will be deleted"));
                Ok(())
            }
        }
    }
}

/// Shows all tables.
///
/// # Errors
/// What the unit says.
pub(super) fn list(globals: &Globals, client: &Client) -> Result<(), Problem> {
    let sql = "SELECT * FROM system.tables ORDER BY name";
    output::list(globals.output, &ask(client, sql)?, TABLES)
}

/// Shows one table.
///
/// # Errors
/// `cli.not_found`, or what the unit says.
pub(super) fn get(globals: &Globals, client: &Client, name: &str) -> Result<(), Problem> {
    match row_of(client, name)? {
        Some(row) => output::one(globals.output, &row),
        None => {
            let what = format!("there is no table `{name}` with files");
            let hint = "`craton table list` shows those that have some; `craton table seal NAME` makes them";
            Err(Error::NotFound { what, hint: hint.into() }.into())
        }
    }
}

fn seal(
    globals: &Globals,
    client: &Client,
    name: &str,
    within: Option<Period>,
) -> Result<(), Problem> {
    let Some(within) = within else {
        client.send(&routes::table_seal(name))?;
        output::line(format!("table/{name}: all rows so far will be put into files"));
        return Ok(());
    };
    // Asked first, so that rows which come meanwhile are not waited for.
    let goal = Goal::of(client, name)?;
    client.send(&routes::table_seal(name))?;
    wait(client, name, goal, within)?;
    match row_of(client, name)? {
        Some(row) => output::one(globals.output, &row),
        None => {
            output::line(format!("table/{name}: there are no rows"));
            Ok(())
        }
    }
}

/// From which offset to which rows are to be in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Goal {
    start: u64,
    end: u64,
}

impl Goal {
    /// Returns where the stream of a table ends now.
    fn of(client: &Client, name: &str) -> Result<Self, Problem> {
        let stream = name.strip_suffix(LATEST).unwrap_or(name);
        let sql = format!(
            "SELECT name, first_offset, rows FROM system.streams WHERE name IN ({}, {})",
            literal(name),
            literal(stream)
        );
        let answer = ask(client, &sql)?;
        Self::in_rows(&output::items(&answer), name, stream)
    }

    /// Finds it in rows of `system.streams`: a stream that has the whole name comes before one whose newest rows are meant.
    fn in_rows(rows: &[Value], name: &str, stream: &str) -> Result<Self, Problem> {
        let named = |wanted: &str| rows.iter().find(|row| row["name"] == wanted);
        let Some(row) = named(name).or_else(|| named(stream)) else {
            let what = format!("there is no table `{name}`");
            let hint = "a table is called like its stream, or like it with `_latest` behind";
            return Err(Error::NotFound { what, hint: hint.into() }.into());
        };
        let (Some(start), Some(count)) = (row["first_offset"].as_u64(), row["rows"].as_u64())
        else {
            let reason = format!("a role shows you a part of `{stream}`, not where it ends");
            return Err(Error::usage(reason, "leave `--wait` out").into());
        };
        Ok(Self { start, end: start + count })
    }
}

/// Looks at a table again and again until it is sealed so far.
fn wait(client: &Client, name: &str, goal: Goal, within: Period) -> Result<(), Problem> {
    let clock = SystemClock::new();
    let patience = Duration::from_millis(u64::try_from(within.0).unwrap_or(0));
    let bar = bar(goal);
    let mut pause = PAUSE_MIN;
    loop {
        let row = row_of(client, name)?;
        let sealed = row.and_then(|row| row["sealed"].as_u64()).unwrap_or(goal.start);
        bar.set_position(sealed.saturating_sub(goal.start));
        if goal.end <= sealed {
            bar.finish_and_clear();
            return Ok(());
        }
        if patience < clock.monotonic() {
            bar.abandon();
            return Err(late(name, sealed, goal));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Returns the problem of a table that is not sealed in time.
fn late(name: &str, sealed: u64, goal: Goal) -> Problem {
    let Goal { start, end } = goal;
    let message = format!(
        "table `{name}`: {} of {} rows are in files",
        sealed.min(end).saturating_sub(start),
        end - start
    );
    Problem::new(Code("table.late", Kind::Unavailable), message)
        .with_hint(format!("the unit goes on; `craton table get {name}` shows how far it is"))
}

/// Returns a bar that follows rows; it shows nothing where standard error is no terminal.
fn bar(goal: Goal) -> ProgressBar {
    let template = "sealing {bar:32} {pos}/{len} rows  {elapsed_precise}";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(goal.end - goal.start).with_style(style)
}

fn row_of(client: &Client, name: &str) -> Result<Option<Value>, Problem> {
    let sql = format!("SELECT * FROM system.tables WHERE name = {}", literal(name));
    Ok(output::items(&ask(client, &sql)?).into_iter().next())
}

fn ask(client: &Client, sql: &str) -> Result<Value, Problem> {
    client.send(&routes::sql_query().json(&json!({ "sql": sql })))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: Value, name: &str, expected: Result<(u64, u64), &str>) {
        let stream = name.strip_suffix(LATEST).unwrap_or(name);
        let goal = Goal::in_rows(&output::items(&rows), name, stream);
        let goal = goal.map(|goal| (goal.start, goal.end)).map_err(|problem| problem.code);
        assert_eq!(goal, expected.map_err(str::to_owned));
    }

    #[test]
    fn a_table_is_sealed_when_its_stream_is_in_files_to_its_end() {
        let orders = || json!({"name": "orders", "first_offset": 5, "rows": 7});
        check(json!([orders()]), "orders", Ok((5, 12)));
        check(json!([orders()]), "orders_latest", Ok((5, 12)));
        let odd = json!({"name": "orders_latest", "first_offset": 0, "rows": 1});
        check(json!([orders(), odd]), "orders_latest", Ok((0, 1)));
        check(json!([]), "orders", Err("cli.not_found"));
        let hidden = json!({"name": "orders", "first_offset": null, "rows": null});
        check(json!([hidden]), "orders", Err("cli.usage"));
    }

    #[test]
    fn what_takes_too_long_says_how_far_it_is() {
        let problem = late("orders", 8, Goal { start: 5, end: 12 });
        assert_eq!(problem.code, "table.late");
        assert_eq!(problem.message, "table `orders`: 3 of 7 rows are in files");
        assert_eq!(late("orders", 5, Goal { start: 5, end: 6 }).kind, Kind::Unavailable);
    }

    #[test]
    fn names_stay_names() {
        assert_eq!(literal("o'clock"), "'o''clock'");
    }
}
