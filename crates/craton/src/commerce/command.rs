//! `craton demo`: the example business on a generated market, from nothing to the ledger.

use super::market::{Market, UNITS};
use super::stage::{Place, Stage};
use crate::output;
use crate::replay::{self, Source};
use base::Problem;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Runs three units on a generated market and shows what they answer; Ctrl-C stops them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton demo\n  craton demo --orders 2000 --seed 7 --dir market\n  craton demo --once        stops when the answers are shown\n\nCtrl-C stops the units in order, at any time; a second Ctrl-C ends at once."
)]
pub struct Demo {
    /// How many orders
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// The seed of the market: the same seed, the same market
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder of the units; one among the temporary files, removed at the end, where absent
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
        let stage = Stage::make(&Place { dir: self.dir.clone(), store: None })?;
        output::line(format!("starting {} in {}", UNITS.join(", "), stage.folder().display()));
        let source = Source::Generated { orders: self.orders, seed: self.seed, write: None };
        let options =
            replay::Options { source, copies: 1, shows_progress: std::io::stderr().is_terminal() };
        stage.play(|market| {
            market.start()?;
            output::line(format!("the contracts are concluded; playing {} orders", self.orders));
            let report = replay::run(&options, &market.addresses())?;
            replay::show(&report);
            show_ledger(market)
        })?;
        if !self.once {
            show_next(stage.market(), stage.folder());
            stage.wait();
            output::line("stopping");
        }
        Ok(())
    }
}

/// Shows the ledger as both sides have it.
fn show_ledger(market: &Market) -> Result<(), Problem> {
    let titles = [
        "unit",
        "contract",
        "capability",
        "side",
        "calls",
        "answered",
        "cancelled",
        "open",
        "owed",
        "agreed",
        "disputed",
    ];
    let mut rows = Vec::new();
    for unit in &market.units {
        let entries =
            unit.sql("SELECT * FROM system.ledger ORDER BY contract, capability, side")?;
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
        output::line(format!(
            "  {:<10} {}  OpenAPI at /v1/openapi.json, log in unit.log",
            unit.name, unit.url
        ));
    }
    output::line("Ctrl-C stops them.");
}
