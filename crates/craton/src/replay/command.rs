//! `craton replay`: plays a market to three running units.

use super::driver::{Options, Source, run};
use super::report::{MEASURES, Report};
use super::unit::UnitAddress;
use crate::commerce;
use crate::{arguments::Globals, connect, error::Error, output};
use base::Problem;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Plays a market through the units and reports their answers
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton replay commerce                                makes three units, plays a generated market, shows the answers\n  craton replay commerce --orders 2000 --seed 7 --write market\n  craton replay commerce --source olist --data olist --copies 12 --report report.json\n  craton replay commerce --kills 20                     kills the units 20 times meanwhile\n  craton replay commerce --restore-at 60                payment goes back to an old backup in the middle of it\n  craton replay commerce --store postgres://craton@127.0.0.1/market\n  craton --unit units replay commerce                   to the units retail, payment and logistics that run in the folder `units`"
)]
pub struct Replay {
    #[command(subcommand)]
    business: Business,
}

#[derive(Debug, clap::Subcommand)]
enum Business {
    /// The example business: retail, payment and logistics
    Commerce(Commerce),
}

#[derive(Debug, clap::Args)]
struct Commerce {
    /// Where the market comes from
    #[arg(long, value_enum, default_value = "generated")]
    source: SourceName,
    /// The folder with the files of the data set, with `--source olist`
    #[arg(long, value_name = "DIR", required_if_eq("source", "olist"))]
    data: Option<PathBuf>,
    /// How many times the market is played, each time a minute later
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    copies: u32,
    /// How many orders a generated market has
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// The seed of a generated market: the same seed, the same market
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write the generated market, in the layout of the data set
    #[arg(long, value_name = "DIR")]
    write: Option<PathBuf>,
    /// The folder of the units that are made; one among the temporary files, removed afterwards, where absent
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The PostgreSQL database that holds the stores of the units that are made, each in a schema of its own that stays there
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// How often units are killed meanwhile and started again: the answers stay the same
    #[arg(long, default_value_t = 0, value_name = "N")]
    kills: u64,
    /// After so many windows a unit is killed and goes back to a backup, which was taken after half as many
    #[arg(long, value_name = "WINDOWS", conflicts_with_all = ["kills", "store"], value_parser = clap::value_parser!(u32).range(2..))]
    restore_at: Option<u32>,
    /// Which unit goes back
    #[arg(long, value_enum, default_value = "payment", requires = "restore_at")]
    restore_unit: UnitName,
    /// Where to write the report
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SourceName {
    /// Made from a seed
    Generated,
    /// The Olist data set
    Olist,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum UnitName {
    Retail,
    Payment,
    Logistics,
}

impl UnitName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Retail => "retail",
            Self::Payment => "payment",
            Self::Logistics => "logistics",
        }
    }
}

impl Replay {
    /// Runs the command.
    ///
    /// # Errors
    /// `replay.*`, or what a unit refused.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let Business::Commerce(commerce) = self.business;
        let source = match (commerce.source, commerce.data) {
            (SourceName::Olist, Some(directory)) => Source::Olist { directory },
            _ => Source::Generated {
                orders: commerce.orders,
                seed: commerce.seed,
                write: commerce.write,
            },
        };
        let options = Options {
            source,
            copies: commerce.copies,
            shows_progress: std::io::stderr().is_terminal(),
        };
        let report = match &globals.unit {
            Some(_) if commerce.restore_at.is_some() => {
                let hint = "leave `--unit` out: the units are made for it";
                return Err(Error::usage("units that run are not set back", hint).into());
            }
            Some(_) => run(&options, &addresses(globals)?)?,
            None if commerce.restore_at.is_some() => {
                let windows = commerce.restore_at.unwrap_or_default() as usize;
                let unit = commerce.restore_unit.as_str();
                commerce::play_with_setback(commerce.dir.as_deref(), unit, windows, &options)?
            }
            None => {
                let place = commerce::Place { dir: commerce.dir, store: commerce.store };
                in_a_new_market(&options, &place, commerce.kills, commerce.seed)?
            }
        };
        if let Some(path) = &commerce.report {
            report.write(path)?;
        }
        if globals.output == output::Format::Table {
            show(&report);
            return Ok(());
        }
        let value = serde_json::to_value(&report).unwrap_or_default();
        output::one(globals.output, &value)
    }
}

/// Makes and starts three units, plays to them, and stops them. Kills them meanwhile, where that is wanted.
fn in_a_new_market(
    options: &Options,
    place: &commerce::Place,
    kills: u64,
    seed: u64,
) -> Result<Report, Problem> {
    let kills = commerce::Kills::of(options, kills, seed);
    commerce::play(place, &kills, |units| run(options, units))
}

/// Finds the units in the folder that the options name.
fn addresses(globals: &Globals) -> Result<Vec<UnitAddress>, Problem> {
    let folder = Path::new(globals.unit.as_deref().unwrap_or("."));
    connect::units_inside(folder).iter().map(|folder| address(folder, globals)).collect()
}

fn address(folder: &Path, globals: &Globals) -> Result<UnitAddress, Problem> {
    let path = folder.join(connect::OWNER_TOKEN);
    let token = match &globals.token {
        Some(token) => token.clone(),
        None => std::fs::read_to_string(&path).map_err(|error| Error::unreadable(&path, error))?,
    };
    let name =
        folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(UnitAddress { name, url: connect::address(folder)?, token: token.trim().to_owned() })
}

/// Shows what came out: a table for each view, and one of what the units spent.
pub fn show(report: &Report) {
    for (unit, views) in &report.units {
        for (view, rows) in views {
            let titles: Vec<String> = rows
                .first()
                .and_then(|row| row.as_object())
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect();
            let cells = rows
                .iter()
                .map(|row| titles.iter().map(|title| output::plain(&row[title])).collect())
                .collect::<Vec<_>>();
            output::print(&format!("\n{unit} {view}\n{}", output::table(&titles, &cells)));
        }
    }
    show_measures(report);
    output::line(format!(
        "\n{} orders, {} events in {} windows: {:.1} s, {:.0} orders/s",
        report.orders, report.events, report.windows, report.seconds, report.orders_per_second
    ));
}

fn show_measures(report: &Report) {
    let titles: Vec<String> = std::iter::once("unit").chain(MEASURES).map(str::to_owned).collect();
    let row = |(unit, measures): (&String, &BTreeMap<String, Value>)| -> Vec<String> {
        let values = MEASURES.map(|name| output::plain(measures.get(name).unwrap_or(&Value::Null)));
        std::iter::once(unit.clone()).chain(values).collect()
    };
    let cells: Vec<Vec<String>> = report.measures.iter().map(row).collect();
    output::print(&format!("\n{}", output::table(&titles, &cells)));
}
