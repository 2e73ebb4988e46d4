//! Three units in one process on simulated clocks, network and stores, by seed: delays, duplicates, reordering, losses, cuts,
//! kills and failing commits. Whatever happens, the paths of the orders and both sides of every ledger come out the same.
//!
//! `CRATON_SEEDS=1000 cargo test -p unit --test simulation` is the long form. A failing seed is printed; `CRATON_SEED=N` runs it alone.

mod market;
mod world;

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
