//! `quality`: what quality rules found.

use super::input::Change;
use super::kpi::{PATIENCE, PAUSE, late};
use crate::{arguments::Globals, client::Client, connect, output, output::Column, routes};
use base::{Clock, Problem, SystemClock};

const LIST: &[Column] = &[
    Column("NAME", &["name"]),
    Column("ON", &["on"]),
    Column("RULES", &["rules"]),
    Column("DAY", &["day"]),
    Column("CHECKED", &["checked"]),
    Column("FAILED", &["failed"]),
    Column("RAN", &["ran"]),
    Column("ERROR", &["error"]),
];
const DAYS: &[Column] = &[
    Column("DAY", &["day"]),
    Column("RULE", &["rule"]),
    Column("CHECK", &["check"]),
    Column("ACTION", &["action"]),
    Column("CHECKED", &["checked"]),
    Column("FAILED", &["failed"]),
    Column("FIRST", &["first_failed"]),
    Column("REASON", &["error", "reason"]),
];

/// Shows what quality rules found, and runs them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton quality list\n  craton quality get reviews\n  craton quality run reviews"
)]
pub struct Quality {
    #[command(subcommand)]
    command: QualityCommand,
}

#[derive(Debug, clap::Subcommand)]
enum QualityCommand {
    /// Shows the rules of each stream or table, with what they found on the newest day
    #[command(after_help = "Examples:\n  craton quality list")]
    List,
    /// Shows what rules found, by rule and day
    #[command(
        after_help = "Examples:\n  craton quality get reviews\n  craton quality get reviews --days 7 -o csv"
    )]
    Get {
        /// The rules
        name: String,
        /// So many days of each rule, the newest
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
    },
    /// Runs the rules over a table now, and waits for it
    #[command(
        after_help = "Examples:\n  craton quality run orders\n  craton quality run orders --no-wait"
    )]
    Run {
        /// The rules
        name: String,
        /// Only ask for it
        #[arg(long)]
        no_wait: bool,
        #[command(flatten)]
        change: Change,
    },
}

impl Quality {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            QualityCommand::List => {
                output::list(globals.output, &client.send(&routes::quality_list())?, LIST)
            }
            QualityCommand::Get { name, days } => {
                let request = routes::quality_get(&name).query("days", Some(days));
                output::part(globals.output, &client.send(&request)?, "days", DAYS)
            }
            QualityCommand::Run { name, no_wait, change } => {
                let asked = client.send(&change.put(routes::quality_run(&name))?)?;
                if no_wait {
                    return output::one(globals.output, &asked);
                }
                wait(&client, &name)?;
                let request = routes::quality_get(&name).query("days", Some(1));
                output::part(globals.output, &client.send(&request)?, "days", DAYS)
            }
        }
    }
}

/// Waits until the rules have run.
fn wait(client: &Client, name: &str) -> Result<(), Problem> {
    let clock = SystemClock::new();
    while !client.send(&routes::quality_get(name).query("days", Some(1)))?["pending"].is_null() {
        if PATIENCE < clock.monotonic() {
            return Err(late(name, "craton quality get"));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}
