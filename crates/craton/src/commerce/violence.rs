//! Kills units at random moments and starts them again: what a replay must survive without a different answer.
//!
//! The moments are spread over the replay by what has been played: the orders that retail has. Time would not do, because
//! nobody knows beforehand how long a replay takes.

use super::market::Market;
use crate::replay::{Options, Source};
use base::{Code, Entropy, Kind, Problem, SeededEntropy};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The shortest and the longest pause before a kill that is due, in milliseconds: it meets the units at any point of their work.
const PAUSE_MS: (u64, u64) = (20, 300);
/// How often is looked how far the replay is.
const LOOK: Duration = Duration::from_millis(20);

/// How often units are killed, and when.
#[derive(Debug, Clone, Copy)]
pub struct Kills {
    count: u64,
    seed: u64,
    /// How many orders are played, about.
    orders: u64,
}

impl Kills {
    /// Returns so many kills at moments drawn from a seed, spread over what is played.
    pub fn of(options: &Options, count: u64, seed: u64) -> Self {
        let orders = if count == 0 { 0 } else { orders(options) };
        Self { count, seed, orders }
    }

    /// Returns after how many orders each kill is due: one at random in each of as many equal parts of the market.
    /// The last fifth of the market is left out, so that the last kill still falls into the replay.
    fn moments(self) -> impl Iterator<Item = u64> {
        let entropy = SeededEntropy::new(self.seed);
        let span = u128::from(self.orders) * 4 / 5;
        (0..self.count).map(move |number| {
            // Parts and the place within one, in 1/2^32 of a part.
            let place = (u128::from(number) << 32) + u128::from(entropy.number() >> 32);
            let moment = span.saturating_mul(place) / (u128::from(self.count) << 32);
            u64::try_from(moment).unwrap_or(u64::MAX)
        })
    }
}

/// Has `work` done while the units are killed and started again.
///
/// # Errors
/// What `work` says; `cli.ended` where a unit ended by itself or did not come back; `replay.kills` where `work` ended before all
/// kills had happened.
pub fn during<T>(
    market: &Market,
    kills: &Kills,
    work: impl FnOnce() -> Result<T, Problem>,
) -> Result<T, Problem> {
    if kills.count == 0 {
        return work();
    }
    let is_over = AtomicBool::new(false);
    let mut tally = Tally(market.units.iter().map(|unit| (unit.name, 0)).collect());
    let (done, killed) = std::thread::scope(|scope| {
        let killer = scope.spawn(|| kill_units(market, *kills, &is_over, &mut tally));
        let over = Over(&is_over);
        let done = work();
        drop(over);
        (done, killer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    eprintln!("{tally}");
    // A unit that did not come back is why the rest failed.
    killed?;
    let done = done?;
    tally.check(kills.count)?;
    Ok(done)
}

/// Says that the work is over, also where it panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Kills one unit after the other, each time that a kill is due, until all kills have happened or the work is over.
fn kill_units(
    market: &Market,
    kills: Kills,
    is_over: &AtomicBool,
    tally: &mut Tally,
) -> Result<(), Problem> {
    let entropy = SeededEntropy::new(!kills.seed);
    let (least, most) = PAUSE_MS;
    let mut played = 0;
    for ((place, unit), due) in market.units.iter().enumerate().cycle().zip(kills.moments()) {
        while played < due && !is_over.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK);
            // A unit that does not answer now is asked again.
            played = market.unit("retail").rows("orders").unwrap_or(played);
        }
        std::thread::sleep(Duration::from_millis(least + entropy.number() % (most - least)));
        if is_over.load(Ordering::SeqCst) {
            return Ok(());
        }
        unit.kill()?;
        tally.0[place].1 += 1;
        unit.start()?;
        unit.wait_ready()?;
    }
    Ok(())
}

/// How many kills each unit got, by its name.
struct Tally(Vec<(&'static str, u64)>);

impl Tally {
    fn sum(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Refuses fewer kills than were wanted.
    fn check(&self, wanted: u64) -> Result<(), Problem> {
        let sum = self.sum();
        if wanted <= sum {
            return Ok(());
        }
        let message = format!("the replay ended after {sum} of {wanted} kills");
        let hint = "play more orders (`--orders`, `--copies`), or ask for fewer kills";
        Err(Problem::new(Code("replay.kills", Kind::Invalid), message).with_hint(hint))
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let units: Vec<String> =
            self.0.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(f, "{} kills: {}", self.sum(), units.join(", "))
    }
}

/// Returns how many orders a replay plays. It only says how kills are spread: what is wrong with the files, the replay says.
fn orders(options: &Options) -> u64 {
    let once = match &options.source {
        Source::Generated { orders, .. } => u64::from(*orders),
        Source::Olist { directory } => lines(directory).unwrap_or(0).saturating_sub(1),
    };
    once.saturating_mul(options.copies.into())
}

/// Counts the lines of the data set's orders, with the header.
fn lines(directory: &Path) -> std::io::Result<u64> {
    let plain = directory.join("olist_orders_dataset.csv");
    let zipped = directory.join("olist_orders_dataset.csv.gz");
    let bytes: Box<dyn Read> = if zipped.exists() {
        Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(std::fs::File::open(zipped)?)))
    } else {
        Box::new(std::fs::File::open(plain)?)
    };
    let mut lines = BufReader::new(bytes).split(b'\n');
    lines.try_fold(0, |count, line| line.map(|_| count + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_spread_over_the_market() {
        let moments: Vec<u64> = Kills { count: 20, seed: 7, orders: 1_000 }.moments().collect();
        assert_eq!(moments.len(), 20);
        for (part, moment) in (0..).zip(&moments) {
            assert!((part * 40..(part + 1) * 40).contains(moment), "{moments:?}");
        }
        let other: Vec<u64> = Kills { count: 20, seed: 8, orders: 1_000 }.moments().collect();
        assert_ne!(moments, other);
    }

    #[test]
    fn more_kills_than_orders_are_due_all_the_same() {
        let moments: Vec<u64> = Kills { count: 5, seed: 1, orders: 1 }.moments().collect();
        assert_eq!(moments, [0; 5]);
        assert_eq!(Kills { count: u64::MAX, seed: 1, orders: u64::MAX }.moments().next(), Some(0));
    }

    #[test]
    fn fewer_kills_than_wanted_are_a_failure() {
        let tally = Tally(vec![("payment", 2), ("logistics", 1), ("retail", 1)]);
        assert_eq!(tally.to_string(), "4 kills: payment 2, logistics 1, retail 1");
        assert!(tally.check(4).is_ok());
        let problem = tally.check(5).expect_err("too few");
        assert_eq!(
            (problem.code.as_str(), problem.message.as_str()),
            ("replay.kills", "the replay ended after 4 of 5 kills")
        );
        assert!(problem.hint.is_some_and(|hint| hint.contains("more orders")));
    }

    #[test]
    fn work_that_ends_before_all_kills_fails() {
        let nobody = Market { units: Vec::new() };
        let kills = |count| Kills { count, seed: 1, orders: 1 };
        assert_eq!(during(&nobody, &kills(0), || Ok(7)), Ok(7));
        assert_eq!(during(&nobody, &kills(1), || Ok(7)).expect_err("too few").code, "replay.kills");
        let failed = during(&nobody, &kills(1), || {
            Err::<(), _>(Problem::new(Code("replay.data", Kind::Invalid), "no market"))
        });
        assert_eq!(
            failed.expect_err("no market").code,
            "replay.data",
            "why the work failed counts more"
        );
    }

    #[test]
    fn the_orders_of_a_data_set_are_counted() {
        let folder = std::env::temp_dir().join(format!("craton-orders-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("makes");
        std::fs::write(folder.join("olist_orders_dataset.csv"), "order_id\na\nb\n")
            .expect("writes");
        let options = |directory| Options {
            source: Source::Olist { directory },
            copies: 3,
            shows_progress: false,
        };
        assert_eq!(orders(&options(folder.clone())), 6);
        std::fs::remove_dir_all(&folder).expect("removes");
        assert_eq!(orders(&options(folder)), 0);
    }
}
