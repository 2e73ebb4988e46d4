//! Two units under random calls, withdrawals, kills, losses, duplicates and cuts: the ledgers agree in the end.

use crate::world::{Fate, World, manifest, market, turn};
use base::{Entropy, SeededEntropy};
use exchange::Config;
use kernel::{Pages, Scan};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const T: i64 = 1_500_000_000_000;

/// Seeds that run in the tests. `CRATON_SEEDS` runs more.
const SEEDS: u64 = 20;

fn step(world: &Arc<World>, entropy: &dyn Entropy, made: &mut u64, at: i64) {
    let order = |number: u64| format!("o-{}", number % (*made).max(1));
    match entropy.number() % 100 {
        0..25 => {
            *made += 1;
            let capability =
                if entropy.number().is_multiple_of(4) { "refund" } else { "authorise" };
            // After the contract has ended this is refused; that is part of the play.
            let _ = world.ask("retail", "pay", capability, &format!("o-{made}"), at);
        }
        25..45 => {
            world.finish("payment", &order(entropy.number()), at);
        }
        45..53 => {
            let args = json!({"contract": "pay", "token": order(entropy.number()), "at": at});
            world.call("retail", "process.stop", ("process", ""), args).unwrap();
        }
        53..57 => world.kill(["retail", "payment"][(entropy.number() % 2) as usize]),
        57..60 => {
            let fates = [Fate::Arrives, Fate::Arrives, Fate::Lost, Fate::AnswerLost];
            *world.fate.lock().unwrap() = fates[(entropy.number() % 4) as usize];
        }
        60..62 => {
            // A request that was seen before arrives once more.
            let seen = world.seen.lock().unwrap().clone();
            if let Some(request) = seen.get((entropy.number() as usize) % seen.len().max(1)) {
                let name = request.url.split('/').nth(2).unwrap();
                assert_ne!(world.deliver(name, request).status, 200, "a replay gets in");
            }
        }
        62..64 => {
            world.clock.wall.fetch_add(1_000, Ordering::SeqCst);
        }
        64..66 => world.acknowledge("payment", "retail"),
        66 if at % 50 == 0 => {
            let unit = ["retail", "payment"][(entropy.number() % 2) as usize];
            let _ = world.call(unit, "contract.revoke", ("contract", "pay"), json!({}));
        }
        67..84 => {
            world.pump("retail", "payment");
        }
        _ => {
            world.pump("payment", "retail");
        }
    }
}

fn play(seed: u64) -> Vec<String> {
    let entropy = SeededEntropy::new(seed);
    let revoke = if seed.is_multiple_of(2) { "finish" } else { "cancel" };
    let config = Config { batch_messages_max: 1 + (seed % 5) as usize, ..Config::default() };
    let world = market(json!({"on_revoke": revoke}), &config);
    let mut made = 0;
    for number in 0..200 {
        step(&world, &entropy, &mut made, T + number);
    }
    world.verify();
    *world.fate.lock().unwrap() = Fate::Arrives;
    world.settle();
    world
        .call("payment", "process.finish", ("process", ""), json!({"output": {"value": 10}}))
        .unwrap();
    world.settle();
    world.verify();
    let (retail, payment) = (world.ledger("retail"), world.ledger("payment"));
    assert_eq!(retail, payment, "seed {seed}");
    for unit in ["retail", "payment"] {
        let status = world.look(unit, "exchange.status", ("exchange", ""), json!({})).unwrap();
        assert_eq!(
            (&status["calls_open"], &status["receipts_unsettled"]),
            (&json!(0), &json!(0)),
            "seed {seed}"
        );
    }
    for line in &retail {
        let parts: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            (parts[6], parts[7], parts[9]),
            ("0", parts[8], "0.00"),
            "seed {seed}: all agreed, nothing open"
        );
    }
    retail
}

#[test]
fn ledgers_agree_whatever_the_network_does() {
    let seeds =
        std::env::var("CRATON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let mut answered = 0;
    for seed in 0..seeds {
        let ledger = play(seed);
        answered += ledger.iter().filter(|line| line.split(' ').nth(3) != Some("0")).count();
    }
    assert!(0 < answered, "something was answered");
    assert_eq!(play(3), play(3), "a seed reproduces");
}

/// A consumer, and the queries that run in its process.
struct Queries {
    world: Arc<World>,
    open: Vec<Box<dyn Pages>>,
}

impl Queries {
    fn step(&mut self, entropy: &dyn Entropy) {
        let world = &self.world;
        let count = self.open.len().max(1) as u64;
        let place = usize::try_from(entropy.number() % count).unwrap();
        match entropy.number() % 100 {
            0..15 => {
                let columns = vec![0];
                let scan = Scan { columns, ..Scan::default() };
                // After the contract has ended this is refused; that is part of the play.
                self.open.extend(world.open("retail", "payment.numbers", &scan));
            }
            15..60 if place < self.open.len() => {
                // Errors end a query, and so does its end.
                if !matches!(turn(self.open[place].as_mut()), Ok(Some(_))) {
                    drop(self.open.swap_remove(place));
                }
            }
            60..66 if place < self.open.len() => drop(self.open.swap_remove(place)),
            66..69 => {
                // A process that is killed drops nothing.
                self.open.drain(..).for_each(std::mem::forget);
                world.kill("retail");
            }
            69..72 => world.kill("payment"),
            72..76 => {
                let fates = [Fate::Arrives, Fate::Arrives, Fate::Lost, Fate::AnswerLost];
                let fate = usize::try_from(entropy.number() % 4).unwrap();
                *world.fate.lock().unwrap() = fates[fate];
            }
            76..79 => {
                world.clock.wall.fetch_add(2_000, Ordering::SeqCst);
            }
            79 if entropy.number().is_multiple_of(4) => {
                let unit = ["retail", "payment"][usize::try_from(entropy.number() % 2).unwrap()];
                let _ = world.call(unit, "contract.revoke", ("contract", "lent"), json!({}));
            }
            80..90 => {
                world.pump("retail", "payment");
            }
            _ => {
                world.pump("payment", "retail");
            }
        }
    }
}

fn read_under_trouble(seed: u64) -> Vec<String> {
    let entropy = SeededEntropy::new(1_000 + seed);
    let config = Config {
        page_rows_max: 3,
        fetch_ms_max: 10_000,
        batch_messages_max: 1 + usize::try_from(seed % 5).unwrap(),
        ..Config::default()
    };
    let world = World::new(&["retail", "payment"], &config);
    let schema = json!([{"name": "n", "type": "int"}]);
    let price = json!({"currency": "EUR", "on_read": "0.01 + rows * 0.10"});
    let offer = json!({
        "relation": {"name": "numbers", "columns": ["n"]}, "version": 1, "to": "any", "price": price,
    });
    let numbers = manifest("Stream", "numbers", json!({"schema": schema, "count": 20}));
    world.apply("payment", json!([numbers, manifest("Offer", "numbers", offer)])).unwrap();
    let args = json!({"name": "lent", "peer": "payment", "offers": ["numbers"]});
    world.call("retail", "contract.propose", ("contract", ""), args).unwrap();
    world.settle();
    let mut queries = Queries { world, open: Vec::new() };
    for _ in 0..250 {
        queries.step(&entropy);
    }
    let Queries { world, open } = queries;
    *world.fate.lock().unwrap() = Fate::Arrives;
    drop(open);
    world.verify();
    world.work("retail");
    world.settle();
    world.verify();
    let (retail, payment) = (world.meters("retail"), world.meters("payment"));
    assert_eq!(retail, payment, "seed {seed}");
    for line in &retail {
        let parts: Vec<&str> = line.split(' ').collect();
        assert_eq!((parts[5], parts[7]), (parts[6], "0.00"), "seed {seed}: all of it is agreed");
    }
    let is_waiting = |row: &String| row.contains(" taken ");
    assert!(!world.fetches("retail").iter().any(is_waiting), "seed {seed}: all are settled");
    retail
}

#[test]
fn both_sides_count_alike_what_was_read_whatever_happens() {
    let seeds =
        std::env::var("CRATON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let mut reads = 0;
    for seed in 0..seeds {
        let meters = read_under_trouble(seed);
        reads += meters.iter().filter(|line| line.split(' ').nth(2) != Some("0")).count();
    }
    assert!(0 < reads, "something was read");
    assert_eq!(read_under_trouble(3), read_under_trouble(3), "a seed reproduces");
}
