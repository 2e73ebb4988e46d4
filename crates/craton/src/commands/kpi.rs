//! `metric`, `kpi`: numbers that are defined once, and their targets.

use super::input::Change;
use crate::prompt::Session;
use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Column,
    output::Format, routes,
};
use base::{Clock, Code, Kind, Problem, SystemClock};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long `--wait` waits for an evaluation.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

const METRICS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("FORMULA", &["/spec/formula"]),
    Column("FROM", &["/spec/from", "/spec/metrics"]),
    Column("GRAIN", &["/spec/grain"]),
    Column("UNIT", &["/spec/unit"]),
    Column("SUMMARY", &["/spec/summary"]),
];
const KPIS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("METRIC", &["metric"]),
    Column("WINDOW", &["window"]),
    Column("VALUE", &["value"]),
    Column("WHERE", &["worst"]),
    Column("TARGET", &["target"]),
    Column("STATE", &["state"]),
    Column("BREACHES", &["breaches"]),
    Column("TREND", &["trend"]),
    Column("OWNER", &["owner"]),
];
const VALUES: &[Column] = &[
    Column("WINDOW", &["window"]),
    Column("DIMENSIONS", &["text"]),
    Column("VALUE", &["value"]),
    Column("SAMPLES", &["samples"]),
    Column("TARGET", &["target"]),
    Column("STATE", &["state"]),
    Column("EVALUATED", &["at"]),
];

/// Shows metrics, by any of their dimensions
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton metric list\n  craton metric query on_time_share --by state --from 2018-01 --to 2018-07\n  craton metric query on_time_share --grain year --where state=SP"
)]
pub struct Metric {
    #[command(subcommand)]
    command: MetricCommand,
}

#[derive(Debug, clap::Subcommand)]
enum MetricCommand {
    /// Shows the metrics
    #[command(after_help = "Examples:\n  craton metric list")]
    List,
    /// Shows the values of a metric, calculated from the rows
    #[command(
        after_help = "Examples:\n  craton metric query on_time_share --by state\n  craton metric query on_time_share --from 2018-01 --to 2019 --grain quarter -o csv\n  craton metric query on_time_share --by service --where state=SP --where state=RJ"
    )]
    Query {
        /// The metric
        name: String,
        /// A dimension; write it several times for several, none for all rows together
        #[arg(long = "by", value_name = "DIMENSION")]
        dimensions: Vec<String>,
        /// Windows that begin then or later: an instant, a date, `2018-03` or `2018`
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Windows that begin before that
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// How long windows are: hour, day, week, month, quarter or year; as the metric says where absent
        #[arg(long, value_name = "GRAIN")]
        grain: Option<String>,
        /// A value of a dimension; of one written several times any counts
        #[arg(long = "where", value_name = "DIMENSION=VALUE")]
        filter: Vec<String>,
        /// So many values at most
        #[arg(long, value_name = "N", default_value_t = 1_000)]
        limit: u32,
    },
}

impl Metric {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            MetricCommand::List => output::list(
                globals.output,
                &client.send(&routes::resource_list("metric"))?,
                METRICS,
            ),
            MetricCommand::Query { name, dimensions, from, to, grain, filter, limit } => {
                let mut body = json!({"dimensions": dimensions, "limit": limit});
                for (field, value) in [("from", from), ("to", to), ("grain", grain)] {
                    if let Some(value) = value {
                        body[field] = value.into();
                    }
                }
                body["where"] = Value::Object(choices(&filter)?);
                Session::new(client, globals.output).show(|wire| {
                    let mut body = body.clone();
                    body["format"] = wire.into();
                    routes::metric_query(&name).json(&body)
                })
            }
        }
    }
}

/// Shows KPIs, their values, and the rows behind them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton kpi list\n  craton kpi get on_time --from 2018-01\n  craton kpi explain on_time --window 2018-03 --where state=RJ"
)]
pub struct Kpi {
    #[command(subcommand)]
    command: KpiCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KpiCommand {
    /// Shows where the KPIs stand: of the latest window the value that is farthest from the target, and how it moves
    #[command(after_help = "Examples:\n  craton kpi list\n  craton kpi list -o json")]
    List,
    /// Shows the values of a KPI, the newest window first
    #[command(
        after_help = "Examples:\n  craton kpi get on_time\n  craton kpi get on_time --from 2018-01 --to 2018-07 -o csv"
    )]
    Get {
        /// The KPI
        name: String,
        /// Windows that begin then or later: an instant, a date, `2018-03` or `2018`
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Windows that begin before that
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// So many values at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Goes down from a value to the rows behind it
    #[command(
        after_help = "Examples:\n  craton kpi explain on_time --window 2018-03 --where state=RJ\n  craton kpi explain on_time --window 2018-03 --where state=RJ -o json"
    )]
    Explain {
        /// The KPI
        name: String,
        /// The window: an instant in it, a date, `2018-03` or `2018`
        #[arg(long, value_name = "TIME")]
        window: String,
        /// A value of a dimension
        #[arg(long = "where", value_name = "DIMENSION=VALUE")]
        filter: Vec<String>,
        /// So many rows at most
        #[arg(long, value_name = "N", default_value_t = 20)]
        rows: u32,
    },
    /// Has windows of the past evaluated, and waits for it
    #[command(
        after_help = "Examples:\n  craton kpi evaluate on_time --from 2018-01 --to 2018-07\n  craton kpi evaluate on_time --from 2017 --to 2018 --no-wait"
    )]
    Evaluate {
        /// The KPI
        name: String,
        /// The first window begins then or later: an instant, a date, `2018-03` or `2018`
        #[arg(long, value_name = "TIME")]
        from: String,
        /// The last window begins before that; windows that have not closed are left out
        #[arg(long, value_name = "TIME")]
        to: String,
        /// Only ask for it
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        change: Change,
    },
}

impl Kpi {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            KpiCommand::List => {
                output::list(globals.output, &client.send(&routes::kpi_list())?, KPIS)
            }
            KpiCommand::Get { name, from, to, limit } => {
                let request = routes::kpi_get(&name)
                    .query("from", from)
                    .query("to", to)
                    .query("limit", Some(limit));
                output::part(globals.output, &client.send(&request)?, "values", VALUES)
            }
            KpiCommand::Explain { name, window, filter, rows } => {
                let body = json!({"window": window, "where": values(&filter)?, "limit": rows});
                let answer = client.send(&routes::kpi_explain(&name).json(&body))?;
                explain(globals.output, &answer)
            }
            KpiCommand::Evaluate { name, from, to, no_wait, change } => {
                let body = json!({"from": from, "to": to});
                let request = change.put(routes::kpi_evaluate(&name))?.json(&body);
                let asked = client.send(&request)?;
                if no_wait || asked["windows"] == 0 {
                    return output::one(globals.output, &asked);
                }
                wait(&client, &name)?;
                let request = routes::kpi_get(&name)
                    .query("from", asked["from"].as_str())
                    .query("to", asked["to"].as_str())
                    .query("limit", Some(10_000));
                output::part(globals.output, &client.send(&request)?, "values", VALUES)
            }
        }
    }
}

/// Waits until nothing of a KPI waits to be evaluated.
fn wait(client: &Client, name: &str) -> Result<(), Problem> {
    let clock = SystemClock::new();
    loop {
        let answer = client.send(&routes::kpi_get(name).query("limit", Some(1)))?;
        if let Some(problem) = answer["problem"].as_str() {
            let message = format!("kpi `{name}` cannot be evaluated: {problem}");
            return Err(Problem::new(Code("kpi.failed", Kind::Unavailable), message)
                .with_hint("the unit tries again by itself; `craton kpi list` shows the state"));
        }
        if answer["pending"] == 0 {
            return Ok(());
        }
        if PATIENCE < clock.monotonic() {
            return Err(late(name, "craton kpi get"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Returns the problem of something that takes longer than a command waits.
pub(super) fn late(name: &str, command: &str) -> Problem {
    let message = format!("`{name}` is still being evaluated");
    Problem::new(Code("cli.late", Kind::Unavailable), message)
        .with_hint(format!("`{command} {name}` shows it when it is done"))
}

/// Reads `DIMENSION=VALUE`; the value is JSON where it reads as a number, a truth value or a text in quotes.
fn pairs(texts: &[String]) -> Result<Vec<(String, Value)>, Problem> {
    texts
        .iter()
        .map(|text| {
            let Some((name, value)) = text.split_once('=') else {
                let reason = format!("`{text}` is no value of a dimension");
                return Err(Error::usage(reason, "write `--where DIMENSION=VALUE`").into());
            };
            let read = serde_json::from_str::<Value>(value).ok();
            let read = read.filter(|read| !read.is_object() && !read.is_array());
            Ok((name.to_owned(), read.unwrap_or_else(|| value.into())))
        })
        .collect()
}

/// Returns one value for each dimension.
fn values(texts: &[String]) -> Result<Map<String, Value>, Problem> {
    Ok(pairs(texts)?.into_iter().collect())
}

/// Returns lists of values, any of which counts.
fn choices(texts: &[String]) -> Result<Map<String, Value>, Problem> {
    let mut all = Map::new();
    for (name, value) in pairs(texts)? {
        if let Value::Array(list) = all.entry(name).or_insert_with(|| json!([])) {
            list.push(value);
        }
    }
    Ok(all)
}

/// Shows a value, what it was calculated from and how, and the rows.
fn explain(format: Format, answer: &Value) -> Result<(), Problem> {
    if format != Format::Table {
        return output::one(format, answer);
    }
    let text = |pointer: &str| output::plain(answer.pointer(pointer).unwrap_or(&Value::Null));
    let lines = [
        ("kpi", text("/kpi")),
        ("metric", text("/metric")),
        ("window", format!("{} to {}", text("/value/window"), text("/value/window_end"))),
        ("dimensions", text("/value/text")),
        ("value", text("/value/value")),
        ("samples", text("/value/samples")),
        ("target", format!("{} {}", text("/value/direction"), text("/value/target"))),
        ("state", text("/value/state")),
        ("evaluated", format!("{} over commit {}", text("/value/at"), text("/value/commit"))),
        ("owner", text("/owner")),
        ("process", text("/breach/process")),
        ("instance", text("/breach/instance")),
        ("error", text("/breach/error")),
    ];
    for (title, text) in lines.into_iter().filter(|(_, text)| !text.is_empty() && text != "-") {
        output::line(format!("{title:<10}   {text}"));
    }
    for source in answer.pointer("/evaluation/sources").map(output::items).unwrap_or_default() {
        let (log, end) = (output::plain(&source["log"]), output::plain(&source["end"]));
        output::line(format!("{:<10}   {log} up to offset {end}", "source"));
    }
    output::line(format!("\n{}", text("/sql").trim_end()));
    for behind in answer["behind"].as_array().into_iter().flatten() {
        output::line(format!("\nrows of {}", output::plain(&behind["from"])));
        match behind["problem"]["message"].as_str() {
            Some(problem) => output::line(format!("they cannot be shown: {problem}")),
            None => rows(&output::items(&behind["rows"])),
        }
    }
    Ok(())
}

/// Shows rows as a table, with the columns that any of them has a value in.
fn rows(rows: &[Value]) {
    let mut titles: Vec<String> = Vec::new();
    for (name, value) in rows.iter().filter_map(Value::as_object).flatten() {
        if !value.is_null() && !titles.contains(name) {
            titles.push(name.clone());
        }
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| titles.iter().map(|title| output::plain(&row[title.as_str()])).collect())
        .collect();
    output::print(&output::table(&titles, &cells));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_dimensions_are_json_where_they_read_as_json() {
        let texts = ["state=SP", "size=7", "is_new=true", "zip=\"01310\"", "a={}"];
        let texts: Vec<String> = texts.map(str::to_owned).into();
        let expected = json!({"state": "SP", "size": 7, "is_new": true, "zip": "01310", "a": "{}"});
        assert_eq!(Value::Object(values(&texts).expect("reads")), expected);
        let twice = ["state=SP".to_owned(), "state=RJ".to_owned()];
        assert_eq!(Value::Object(choices(&twice).expect("reads")), json!({"state": ["SP", "RJ"]}));
        assert_eq!(values(&["state".to_owned()]).expect_err("refused").code, "cli.usage");
    }
}
