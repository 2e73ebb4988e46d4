//! `query`: queries with a name and parameters, declared in folders or saved by people.

use super::input::{self, Change, pair};
use crate::prompt::Session;
use crate::{arguments::Globals, connect, error::Error, output, output::Column, routes};
use base::Problem;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

const QUERIES: &[Column] = &[
    Column("NAME", &["name"]),
    Column("OWNER", &["owner"]),
    Column("APPLICATION", &["application"]),
    Column("VERSION", &["version"]),
    Column("CHANGED", &["changed_at"]),
    Column("SUMMARY", &["summary"]),
];

/// Shows, runs, saves and deletes queries that have a name
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton query list\n  craton query run late_orders --parameter state=SP -o csv\n  craton query save by_state \"SELECT state, count(*) FROM orders GROUP BY state\"\n  craton query delete by_state"
)]
pub struct Query {
    #[command(subcommand)]
    command: QueryCommand,
}

#[derive(Debug, clap::Subcommand)]
enum QueryCommand {
    /// Shows the queries that you may see
    #[command(after_help = "Examples:\n  craton query list\n  craton query list --own")]
    List {
        /// Only your own
        #[arg(long)]
        own: bool,
        /// Only those that have this in their name or summary
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
    },
    /// Shows a query with its SQL, its parameters and its columns
    #[command(after_help = "Examples:\n  craton query get late_orders")]
    Get {
        /// The query
        name: String,
    },
    /// Runs a query and shows the rows
    #[command(
        after_help = "Examples:\n  craton query run late_orders\n  craton query run late_orders --parameter state=SP --limit 20\n  craton query run late_orders --order -due --search acme -o json"
    )]
    Run {
        /// The query
        name: String,
        /// The value of a parameter; it is JSON where it reads as JSON, else text
        #[arg(long = "parameter", value_name = "NAME=VALUE")]
        parameters: Vec<String>,
        /// So many rows at most
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
        /// Leaves so many rows out before
        #[arg(long, value_name = "N")]
        offset: Option<u64>,
        /// A column by which the rows are put in order; `-COLUMN` the other way round
        #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
        order: Vec<String>,
        /// Only rows that have this text in one of their columns
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Saves a query under a name, for whoever may see queries; it belongs to you
    #[command(
        after_help = "Examples:\n  craton query save by_state \"SELECT state, count(*) FROM orders GROUP BY state\" --summary \"Orders by state\"\n  craton query save of_state --file of_state.sql --parameter state:text=SP\n  craton query save newest --parameter since:date < newest.sql"
    )]
    Save {
        /// The name
        name: String,
        /// The statement; standard input where neither it nor a file is named
        sql: Option<String>,
        /// A file with the statement
        #[arg(long, value_name = "FILE", conflicts_with = "sql")]
        file: Option<PathBuf>,
        /// What it answers
        #[arg(long, value_name = "TEXT", default_value = "")]
        summary: String,
        /// A parameter, with its type (text, int, float, decimal, bool, time, date) and the value where none is given
        #[arg(long = "parameter", value_name = "NAME[:TYPE][=VALUE]")]
        parameters: Vec<String>,
        /// Refuses to replace a query that is there
        #[arg(long)]
        new: bool,
        #[command(flatten)]
        change: Change,
    },
    /// Deletes a query of yours; its history stays
    #[command(after_help = "Examples:\n  craton query delete by_state")]
    Delete {
        /// The query
        name: String,
        #[command(flatten)]
        change: Change,
    },
}

impl Query {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            QueryCommand::List { own, text } => {
                let request = routes::query_list()
                    .query("own", own.then_some("true"))
                    .query("text", text)
                    .query("limit", Some(10_000));
                output::list(globals.output, &client.send(&request)?, QUERIES)
            }
            QueryCommand::Get { name } => {
                output::one(globals.output, &client.send(&routes::query_get(&name))?)
            }
            QueryCommand::Run { name, parameters, limit, offset, order, search } => {
                let mut body = json!({"parameters": values(&parameters)?, "order": order});
                let given = [
                    ("limit", limit.map(Value::from)),
                    ("offset", offset.map(Value::from)),
                    ("search", search.map(|text| json!({"text": text}))),
                ];
                for (field, value) in given {
                    if let Some(value) = value {
                        body[field] = value;
                    }
                }
                Session::new(client, globals.output).show(|wire| {
                    let mut body = body.clone();
                    body["format"] = wire.into();
                    routes::query_run(&name).json(&body)
                })
            }
            QueryCommand::Save { name, sql, file, summary, parameters, new, change } => {
                let sql = match sql {
                    Some(sql) => sql,
                    None => input::text(file.as_deref())?,
                };
                let parameters = parameters.iter().map(|text| parameter(text));
                let parameters = parameters.collect::<Result<Vec<_>, Problem>>()?;
                let mut body = json!({
                    "name": name, "sql": sql, "summary": summary, "parameters": parameters,
                });
                if new {
                    body["version"] = 0.into();
                }
                let request = change.put(routes::query_save())?.json(&body);
                output::one(globals.output, &client.send(&request)?)
            }
            QueryCommand::Delete { name, change } => {
                let request = change.put(routes::query_delete(&name))?;
                output::one(globals.output, &client.send(&request)?)
            }
        }
    }
}

/// Reads `NAME=VALUE`, several times.
fn values(texts: &[String]) -> Result<Map<String, Value>, Problem> {
    texts
        .iter()
        .map(|text| {
            let hint = "write `--parameter NAME=VALUE`";
            let wrong = || Error::usage(format!("`{text}` is no value of a parameter"), hint);
            let _ = text.split_once('=').ok_or_else(wrong)?;
            pair(text).map(|(name, value)| (name.to_owned(), value))
        })
        .collect()
}

/// Reads `NAME[:TYPE][=VALUE]`.
fn parameter(text: &str) -> Result<Value, Problem> {
    let (declared, default) = match text.contains('=') {
        true => pair(text).map(|(declared, value)| (declared, Some(value)))?,
        false => (text, None),
    };
    let (name, kind) = declared.split_once(':').unwrap_or((declared, "text"));
    let mut parameter = json!({"name": name, "type": kind});
    if let Some(default) = default {
        parameter["default"] = default;
    }
    Ok(parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_says_its_type_and_its_value() {
        let read = |text: &str| parameter(text).expect("a parameter");
        assert_eq!(read("state"), json!({"name": "state", "type": "text"}));
        assert_eq!(read("n:int=7"), json!({"name": "n", "type": "int", "default": 7}));
        assert_eq!(read("at:time=null"), json!({"name": "at", "type": "time", "default": null}));
        assert_eq!(read("s=a:b"), json!({"name": "s", "type": "text", "default": "a:b"}));
    }
}
