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
    for seed in seeds {
        // Ten seeds share a market: what they must agree on is what it gives without trouble.
        let market = market::market(seed / 10, 10);
        let calm = World::new(seed, Trouble::None).play(&market);
        let rough = World::new(seed, Trouble::All).play(&market);
        assert_eq!(
            calm.answers, rough.answers,
            "seed {seed}: run it alone with CRATON_SEED={seed}"
        );
        assert!(0 < rough.kills + rough.lost + rough.duplicated, "seed {seed}: there was trouble");
    }
}

#[test]
fn the_same_seed_does_the_same_steps() {
    let market = market::market(7, 6);
    let once = World::new(3, Trouble::All).play(&market);
    let again = World::new(3, Trouble::All).play(&market);
    assert_eq!((once.answers, once.steps), (again.answers, again.steps));
}
