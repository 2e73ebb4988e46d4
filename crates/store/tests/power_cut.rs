//! Power cuts below SQLite: whatever was acknowledged is there afterwards, once; nothing else is there in part.
//!
//! `CRATON_SEEDS` says how many points are tried (60; the full form is 1000), `CRATON_SEED` tries a single one.

mod workload;

use base::{Entropy, SeededEntropy};
use store::{LeftOut, SimulatedDisk, Store};
use workload::{Contents, Kind};

/// Seeds that are tried without further instructions.
const SEEDS_DEFAULT: u64 = 60;

/// Power cuts in a row on one disk, so that what a recovery left is cut again.
const CUTS: u64 = 3;

/// What the cuts are tried on.
const KINDS: [Kind; 2] = [Kind::Tables, Kind::Journal];

#[test]
fn a_power_cut_loses_nothing_acknowledged() {
    let seeds = match number("CRATON_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CRATON_SEEDS").unwrap_or(SEEDS_DEFAULT),
    };
    let mut inside = 0;
    for (seed, kind) in seeds.clone().flat_map(|seed| KINDS.map(|kind| (seed, kind))) {
        match run(seed, kind, LeftOut::None) {
            Ok(cuts_inside) => inside += cuts_inside,
            Err(finding) => panic!(
                "{kind:?}: {finding}\nreproduce: CRATON_SEED={seed} cargo test -p store --test power_cut"
            ),
        }
    }
    if 10 < seeds.end - seeds.start {
        let all = (seeds.end - seeds.start) * CUTS * KINDS.len() as u64;
        assert!(
            2 * all / 5 < inside && inside < all,
            "{inside} of {all} cuts fell inside a commit"
        );
    }
}

#[test]
fn the_test_above_notices_a_commit_without_its_sync() {
    for kind in KINDS {
        assert!((0..SEEDS_DEFAULT).any(|seed| run(seed, kind, LeftOut::Wal).is_err()), "{kind:?}");
    }
}

#[test]
fn the_test_above_notices_a_checkpoint_without_its_sync() {
    for kind in KINDS {
        assert!((0..SEEDS_DEFAULT).any(|seed| run(seed, kind, LeftOut::Main).is_err()), "{kind:?}");
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs the workload of a seed with power cuts; returns how many of them fell inside a commit.
fn run(seed: u64, kind: Kind, left_out: LeftOut) -> Result<u64, String> {
    let entropy = SeededEntropy::new(seed);
    let disk = SimulatedDisk::new(seed);
    disk.leave_out(left_out);
    let mut contents = Contents::default();
    let mut operation = 0;
    let mut inside = 0;
    for cut in 0..CUTS {
        // What may be there: what was acknowledged, and the commit that the cut broke off.
        let mut possible = vec![contents.clone()];
        if entropy.number().is_multiple_of(8) {
            disk.cut_after(entropy.number() % 40);
        }
        // Without an acknowledged commit there may be no store yet: the cut can fall into its making.
        if let Ok(store) = kind.open(&disk) {
            let found = check(&*store, &possible)
                .or_else(|finding| if disk.is_off() { Ok(contents) } else { Err(finding) });
            contents =
                found.map_err(|finding| format!("seed {seed}, before cut {cut}: {finding}"))?;
            let is_inside = (seed + cut).is_multiple_of(2);
            possible = work(&*store, &disk, &entropy, contents, &mut operation, is_inside)?;
            inside += u64::from(1 < possible.len());
            disk.cut();
        } else if !disk.is_off() {
            return Err(format!("seed {seed}, before cut {cut}: the store does not open"));
        }
        disk.crash(entropy.number());
        let store = kind
            .open(&disk)
            .map_err(|error| format!("seed {seed}, cut {cut}: the store does not open: {error}"))?;
        contents = check(&*store, &possible)
            .map_err(|finding| format!("seed {seed}, cut {cut}: {finding}"))?;
        // Half of the stores are closed in order, and half are cut off before they could write anything.
        if entropy.number().is_multiple_of(2) {
            disk.cut();
            drop(store);
            disk.crash(entropy.number());
        }
    }
    Ok(inside)
}

/// Commits until the power is cut; returns what the store may hold then, acknowledged first.
fn work(
    store: &dyn Store,
    disk: &SimulatedDisk,
    entropy: &SeededEntropy,
    mut contents: Contents,
    operation: &mut u64,
    is_inside: bool,
) -> Result<Vec<Contents>, String> {
    let Ok(epoch) = store.open_epoch(0) else { return Ok(vec![contents]) };
    let commits = 1 + entropy.number() % 60;
    for number in 0.. {
        if number == commits && !is_inside {
            break;
        }
        if number == commits {
            disk.cut_after(entropy.number() % 30);
        }
        *operation += 1;
        let batch = contents.next_batch(epoch, *operation, entropy);
        let after = contents.after(&batch);
        // Open snapshots are part of the picture: they keep the log from starting anew.
        let held = (entropy.number().is_multiple_of(4)).then(|| store.snapshot());
        match store.commit(0, &batch) {
            Ok(_) => contents = after,
            Err(_) if disk.is_off() => return Ok(vec![contents, after]),
            Err(error) => return Err(format!("commit {} failed: {error}", after.commit)),
        }
        drop(held);
    }
    Ok(vec![contents])
}

/// Returns what the store holds where it is one of the possible, and where the store finds nothing wrong with itself.
fn check(store: &dyn Store, possible: &[Contents]) -> Result<Contents, String> {
    let findings = store.verify().map_err(|error| format!("verify failed: {error}"))?;
    if let Some(finding) = findings.first() {
        return Err(format!("verify: {finding}"));
    }
    let snapshot = store.snapshot().map_err(|error| error.to_string())?;
    let found = Contents::read(&*snapshot).map_err(|error| error.to_string())?;
    match possible.iter().find(|contents| contents.commit == found.commit) {
        Some(contents) if *contents == found => Ok(found),
        Some(contents) => Err(format!(
            "commit {} is there in part: {}",
            found.commit,
            contents.difference(&found)
        )),
        None => Err(format!(
            "commit {} was acknowledged, but {} is the last",
            possible[0].commit, found.commit
        )),
    }
}
