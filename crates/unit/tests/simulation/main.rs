//! Three units in one process on simulated clocks, network and stores, by seed: delays, duplicates, reordering, losses, cuts,
//! kills and failing commits. Whatever happens, the paths of the orders and both sides of every ledger come out the same.
//!
//! `CRATON_SEEDS=1000 cargo test -p unit --test simulation` is the long form. A failing seed is printed; `CRATON_SEED=N` runs it alone.

mod market;
mod world;

use std::collections::BTreeMap;
use world::{Trouble, World};

#[test]
fn every_seed_ends_with_the_same_answers() {
    let first = std::env::var("CRATON_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let count =
        std::env::var("CRATON_SEEDS").ok().and_then(|count| count.parse::<u64>().ok()).unwrap_or(8);
    let seeds = first.map_or(0..count, |seed| seed..seed + 1);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let seeds = seeds.clone().skip(first).step_by(threads);
            scope.spawn(move || seeds.for_each(ends_with_the_same_answers));
        }
    });
}

fn ends_with_the_same_answers(seed: u64) {
    // Ten seeds share a market: what they must agree on is what it gives without trouble.
    let market = market::market(seed / 10, 10);
    let alone = format!("seed {seed}: run it alone with CRATON_SEED={seed}");
    let played = |trouble| {
        let play = || World::new(seed, trouble).play(&market);
        std::panic::catch_unwind(play).unwrap_or_else(|_| panic!("{alone}"))
    };
    let (calm, rough) = (played(Trouble::None), played(Trouble::All));
    assert_eq!(calm.answers, rough.answers, "{alone}");
    assert!(0 < rough.kills + rough.lost + rough.duplicated, "{alone}: there was no trouble");
}

#[test]
fn the_same_seed_does_the_same_steps() {
    let market = market::market(7, 6);
    let once = World::new(3, Trouble::All).play(&market);
    let again = World::new(3, Trouble::All).play(&market);
    assert_eq!((once.answers, once.steps), (again.answers, again.steps));
}

#[test]
fn one_trace_shows_an_order_over_three_units() {
    // An order that goes all the way: approved, handed over, delivered.
    let is_whole = |market: &Vec<Vec<market::Event>>| {
        let streams: Vec<&str> = market.iter().flatten().map(|event| event.stream).collect();
        ["orders", "approvals", "handovers", "deliveries"].iter().all(|name| streams.contains(name))
    };
    let market =
        (0..100).map(|seed| market::market(seed, 1)).find(is_whole).expect("such an order");
    let spans = World::new(5, Trouble::None).play_traced(&market);
    let shown = || spans.iter().map(|span| span.join(" ")).collect::<Vec<_>>().join("\n");
    let has = |unit: &str, name: &str| {
        spans.iter().any(|span| span[0] == unit && span[3].starts_with(name))
    };
    for unit in ["retail", "payment", "logistics"] {
        assert!(has(unit, "element "), "{unit} shows elements of its process:\n{}", shown());
        assert!(has(unit, "message "), "{unit} took a message:\n{}", shown());
        assert!(has(unit, "commit"), "{unit} made a commit:\n{}", shown());
    }
    for unit in ["payment", "logistics"] {
        assert!(has(unit, "process "), "{unit} ran a process to its end:\n{}", shown());
    }
    let known: BTreeMap<&str, &str> =
        spans.iter().map(|span| (span[1].as_str(), span[0].as_str())).collect();
    assert_eq!(known.len(), spans.len(), "no id comes twice:\n{}", shown());
    let crosses = |from: &str, to: &str| {
        spans.iter().any(|span| span[0] == to && known.get(span[2].as_str()) == Some(&from))
    };
    for (from, to) in [
        ("driver", "retail"),
        ("retail", "payment"),
        ("payment", "retail"),
        ("retail", "logistics"),
        ("logistics", "retail"),
    ] {
        assert!(crosses(from, to), "something at {to} was caused at {from}:\n{}", shown());
    }
}
