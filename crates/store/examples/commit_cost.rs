//! Measures what a commit costs, and how much of it is the disk: `cargo run -p store --example commit_cost [FOLDER]`.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the unit"
)]

use base::{Entropy, SeededEntropy};
use std::io::{Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use store::{Batch, Chunk, Config, SimulatedDisk, SqliteStore, Store};

const COMMITS: u32 = 3_000;
const KEYS: u64 = 50_000;

fn main() {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = folder.join("craton-commit-cost");
    std::fs::create_dir_all(&folder).unwrap();
    for kib in [16, 64, 128, 256] {
        println!("write and fdatasync of {kib:3} KiB in place: {:6.0} us", raw_sync(&folder, kib));
    }
    let path = folder.join("store.sqlite");
    let store = SqliteStore::open(&path, &Config::default()).unwrap();
    println!("on the disk");
    measure(&store);
    println!(
        "the WAL is {} MB",
        std::fs::metadata(folder.join("store.sqlite-wal")).unwrap().len() >> 20
    );
    drop(store);
    println!("in memory: the same without the disk");
    let disk = SimulatedDisk::new(1);
    measure(&SqliteStore::open_on(&disk, "store", &Config::default()).unwrap());
    // A page of the log is written in two parts: what it is, and what it holds.
    let (writes, syncs) = (disk.operations() - disk.syncs(), disk.syncs());
    println!("pages written per sync: {:.1}", writes as f64 / 2.0 / syncs as f64);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn raw_sync(folder: &Path, kib: usize) -> f64 {
    let mut file = std::fs::File::create(folder.join("raw")).unwrap();
    let bytes = vec![7; kib << 10];
    for _ in 0..2 {
        file.rewind().unwrap();
        file.write_all(&vec![0; 1 << 20]).unwrap();
        file.sync_all().unwrap();
    }
    let start = Instant::now();
    for number in 0..300 {
        file.seek(std::io::SeekFrom::Start(number % 3 * (256 << 10))).unwrap();
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    }
    microseconds(start.elapsed(), 300)
}

fn microseconds(time: Duration, count: u32) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(count)
}

/// 20 puts of 400 bytes and 3 chunks of 2 KB a commit, with 20 gets before it, as a turn does.
fn measure(store: &SqliteStore) {
    let entropy = SeededEntropy::new(7);
    let epoch = store.open_epoch(0).unwrap();
    let key = |number: u64| format!("instance/{number:012}").into_bytes();
    for start in (0..KEYS).step_by(5_000) {
        let writes =
            (start..start + 5_000).map(|number| (key(number), Some(vec![1; 400]))).collect();
        store.commit(0, &Batch { epoch, writes, ..Batch::default() }).unwrap();
    }
    for (name, spread) in
        [("neighbours", 100), ("a working set of 2,000", 2_000), ("anywhere in 50,000", KEYS)]
    {
        let (mut commits, mut snapshots, mut gets, mut slowest) = Default::default();
        for turn in 0..COMMITS {
            let base = u64::from(turn) * 7 % (KEYS - spread + 1);
            let mut keys: Vec<_> = (0..20).map(|_| key(base + entropy.number() % spread)).collect();
            keys.sort();
            keys.dedup();
            let ends = store.snapshot().unwrap();
            let chunk = |log: &str| {
                let offset = ends.log_end(log).unwrap();
                Chunk { log: log.into(), offset, count: 10, format: 1, bytes: vec![2; 2_048] }
            };
            let chunks = ["stream/orders", "system/audit", "stream/events"].map(chunk).into();
            drop(ends);
            let start = Instant::now();
            let snapshot = store.snapshot().unwrap();
            add(&mut snapshots, start.elapsed());
            let start = Instant::now();
            keys.iter().for_each(|key| drop(snapshot.get(key).unwrap()));
            add(&mut gets, start.elapsed() / keys.len() as u32);
            let writes = keys.into_iter().map(|key| (key, Some(vec![3; 400]))).collect();
            let batch = Batch { epoch, writes, chunks, ..Batch::default() };
            let start = Instant::now();
            store.commit(0, &batch).unwrap();
            let time = start.elapsed();
            add(&mut commits, time);
            slowest = time.max(slowest);
        }
        println!(
            "  keys: {name:24} commit {:6.0} us (slowest {:5.1} ms), snapshot {:4.1} us, get {:4.1} us",
            microseconds(commits, COMMITS),
            slowest.as_secs_f64() * 1e3,
            microseconds(snapshots, COMMITS),
            microseconds(gets, COMMITS),
        );
    }
}

fn add(sum: &mut Duration, time: Duration) {
    *sum += time;
}
