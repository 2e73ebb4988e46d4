//! `craton demo`: the example business on a generated market, from nothing to the ledger.

use super::market::{Market, UNITS};
use crate::replay::{self, Source};
use crate::{error::Error, output};
use base::Problem;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Runs three units on a generated market and shows what they answer; Ctrl-C stops them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton demo\n  craton demo --orders 2000 --seed 7 --dir market\n  craton demo --once        stops when the answers are shown"
)]
pub struct Demo {
    /// How many orders
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// The seed of the market: the same seed, the same market
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder of the units; a new one among the temporary files where absent
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Stop when the answers are shown
    #[arg(long)]
    once: bool,
}

impl Demo {
    /// Runs the command.
    ///
    /// # Errors
    /// What a unit refused.
    pub fn run(self) -> Result<(), Problem> {
        let folder = folder(self.dir.as_deref())?;
        output::line(format!("making and starting {} in {}", UNITS.join(", "), folder.display()));
        let stop = stop_signal()?;
        let market = Market::start(&folder)?;
        output::line(format!("the contracts are concluded; playing {} orders", self.orders));
        let source = Source::Generated { orders: self.orders, seed: self.seed, write: None };
        let options = replay::Options { source, copies: 1, shows_progress: std::io::stderr().is_terminal() };
        let report = replay::run(&options, &market.addresses())?;
        replay::show(&report);
        show_ledger(&market)?;
        if !self.once {
            show_next(&market, &folder);
            // The channel ends only with the program.
            let _ = stop.recv();
            output::line("stopping");
        }
        market.stop();
        Ok(())
    }
}

/// Returns the folder to make units in: the given one, or a new one among the temporary files.
pub fn folder(given: Option<&Path>) -> Result<PathBuf, Problem> {
    let folder = given.map_or_else(
        || std::env::temp_dir().join(format!("craton-{}", std::process::id())),
        Path::to_path_buf,
    );
    // Its units' keys and tokens are for nobody else.
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(&folder).map_err(|error| Error::unwritable(&folder, error))?;
    Ok(folder)
}

fn stop_signal() -> Result<std::sync::mpsc::Receiver<()>, Problem> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(|source| Error::File {
        path: "the handler of signals".into(),
        action: "set",
        source,
    })?;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for _ in signals.forever() {
            if send.send(()).is_err() {
                std::process::exit(130);
            }
        }
    });
    Ok(receive)
}

/// Shows the ledger as both sides have it.
fn show_ledger(market: &Market) -> Result<(), Problem> {
    let titles = ["unit", "contract", "capability", "side", "calls", "answered", "cancelled", "open", "owed", "agreed", "disputed"];
    let mut rows = Vec::new();
    for unit in &market.units {
        let entries = unit.sql("SELECT * FROM system.ledger ORDER BY contract, capability, side")?;
        for entry in output::items(&entries) {
            let cell = |title: &str| entry.get(title).map_or_else(String::new, output::plain);
            let mut row = vec![unit.name.to_owned()];
            row.extend(titles[1..].iter().map(|title| cell(title)));
            rows.push(row);
        }
    }
    let titles: Vec<String> = titles.iter().map(ToString::to_string).collect();
    output::print(&format!("\nthe ledger, as each side has it\n{}", output::table(&titles, &rows)));
    Ok(())
}

fn show_next(market: &Market, folder: &Path) {
    output::line("\nthe units are still up; in another terminal:");
    let retail = folder.join("retail");
    let retail = retail.display();
    for command in [
        "sql \"SELECT path, orders FROM answers.order_paths\"",
        "sql \"SELECT order_id, stage FROM logistics.shipments LIMIT 5\"",
        "task list",
        "ledger",
        "ps",
    ] {
        output::line(format!("  craton --unit {retail} {command}"));
    }
    for unit in &market.units {
        output::line(format!("  {:<10} {}  OpenAPI at /v1/openapi.json, log in unit.log", unit.name, unit.url));
    }
    output::line("Ctrl-C stops them.");
}

