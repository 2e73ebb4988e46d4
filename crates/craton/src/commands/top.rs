//! `top`: the machine and what runs on it, as it changes.

use crate::top::{Look, Top as Shown, Verb, text, watch};
use crate::{arguments::Globals, client::Client, connect, output, output::Format, routes};
use base::{Clock, Kind, Problem, SystemClock};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::Duration;

/// Shows the machine and what runs on it, and lets you end and pause it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton top\n  craton top --every 5\n  craton top -o json\n\nKeys: k ends what is chosen, p has it pause, r has it go on, s sorts by something else, q leaves.\nWithout a terminal, and with `-o json`, it shows one look."
)]
pub struct Top {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,
}

impl Top {
    /// Shows it until the user has seen enough, or once.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let (client, clock) = (connect::client(globals)?, SystemClock::new());
        let is_live = globals.output == Format::Table
            && std::io::stdout().is_terminal()
            && std::io::stdin().is_terminal();
        if is_live {
            let tell = |verb: Verb, id: &str| {
                let request = routes::running_tell(verb.as_str()).json(&json!({ "id": id }));
                client.send(&request)
            };
            let every = Duration::from_secs(self.every);
            return watch(&clock, every, || look(&client, &clock), tell);
        }
        let look = look(&client, &clock)?;
        if globals.output == Format::Table {
            let mut shown = Shown::default();
            shown.look(look);
            output::print(&text(&shown));
            return Ok(());
        }
        output::one(globals.output, &json!({"node": look.node, "running": look.running}))
    }
}

/// Looks at a unit. Who may not see the machine sees what runs for him.
fn look(client: &Client, clock: &dyn Clock) -> Result<Look, Problem> {
    let running = output::items(&client.send(&routes::running_list())?);
    let node = match client.send(&routes::node_list()) {
        Ok(answer) => answer["items"][0].clone(),
        Err(problem) if problem.kind == Kind::Forbidden => Value::Null,
        Err(problem) => return Err(problem),
    };
    Ok(Look { at: clock.monotonic(), node, running })
}
