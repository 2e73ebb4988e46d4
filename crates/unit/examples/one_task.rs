//! One-task processes through the kernel path: `cargo run --release -p unit --example one_task FOLDER [--seconds 10] [--rate N]
//! [--finished N] [--waiting N] [--keyed] [--database URL]`.
//!
//! An instance is started, its job is given to a worker and completed, and it ends. Every call shows a token, is decided upon by 200
//! policies of which 20 match, is audited, and is on the disk before its reply. First each client keeps as many calls under way as
//! it may (closed loop); then instances are started at RATE, or at half of what was reached, whatever the unit does (open loop), and
//! times are counted from when a start was due. At the end SQL counts history and audit, and both must say what was acknowledged.
//!
//! With `--finished` and `--waiting` it fills the store in place of that: so many instances that are over, so many that wait for a
//! message. These have random business keys and variables of 200 bytes; with `--keyed` the others have so, too. The store stays in FOLDER, which may be that of
//! a unit that is stopped, and is gone on with; with `--database` it is in PostgreSQL. `--manifests` only prints what is declared.
//! Figures come as one line of JSON.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the unit"
)]

mod bench;

use base::{Entropy, SystemEntropy};
use bench::Unit;
use kernel::Reply;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// As in the binary of the unit.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Starts that are under way at the same time, in a closed loop.
const WINDOW: usize = 1_000;
/// Instances that are started and not yet completed, at most, in a closed loop.
const OPEN_MAX: u64 = 10_000;
/// Jobs that a worker takes at once.
const JOBS: usize = 500;
/// Calls that may be under way at all: more than the kernel takes of one principal.
const PLACES: usize = 100_000;
/// Bytes of variables of an instance with keys.
const VARIABLES_BYTES: usize = 200;
const PAUSE: Duration = Duration::from_millis(1);
const TOLD_EVERY: Duration = Duration::from_secs(5);

struct Options {
    folder: PathBuf,
    seconds: u64,
    rate: Option<f64>,
    finished: u64,
    waiting: u64,
    is_keyed: bool,
    database: Option<String>,
}

impl Options {
    fn read() -> Self {
        let mut arguments = std::env::args().skip(1);
        let mut options = Self {
            folder: arguments.next().expect("a folder").into(),
            seconds: 10,
            rate: None,
            finished: 0,
            waiting: 0,
            is_keyed: false,
            database: None,
        };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().expect("a value behind the option");
            match name.as_str() {
                "--seconds" => options.seconds = value().parse().unwrap(),
                "--rate" => options.rate = Some(value().parse().unwrap()),
                "--finished" => options.finished = value().parse().unwrap(),
                "--waiting" => options.waiting = value().parse().unwrap(),
                "--database" => options.database = Some(value()),
                "--keyed" => options.is_keyed = true,
                other => panic!("`{other}` is no option"),
            }
        }
        options.is_keyed |= options.fills();
        options
    }

    fn fills(&self) -> bool {
        self.finished != 0 || self.waiting != 0
    }
}

/// What is started, how fast, and how long.
#[derive(Clone, Copy)]
struct Load {
    process: &'static str,
    is_keyed: bool,
    /// Starts a second in an open loop; a closed loop where absent.
    rate: Option<f64>,
    until: Until,
}

#[derive(Clone, Copy)]
enum Until {
    Time(Duration),
    Count(u64),
}

/// What clients count.
#[derive(Default)]
struct Counts {
    submitted: AtomicU64,
    started: AtomicU64,
    refused: AtomicU64,
    completed: AtomicU64,
    failed: AtomicU64,
    /// The lowest number of an instance.
    first: AtomicU64,
    /// True when nothing is started any more and every start has its reply.
    is_over: AtomicBool,
    /// Microseconds from when a start was due to its reply.
    starts: Mutex<Vec<u32>>,
    /// Microseconds from when a start was due to the end of its instance, in an open loop.
    instances: Mutex<Vec<u32>>,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::SeqCst);
}

fn of(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::SeqCst)
}

fn main() {
    if std::env::args().any(|argument| argument == "--manifests") {
        println!("{}", json!({"manifests": bench::manifests()}));
        return;
    }
    let options = Options::read();
    let unit = Unit::open(&options.folder, options.database.as_deref(), Vec::new());
    let load = |process, rate, until| Load { process, is_keyed: options.is_keyed, rate, until };
    let report = if !options.fills() {
        let time = Until::Time(Duration::from_secs(options.seconds));
        let closed = run(&unit, load("one", None, time));
        let half = closed["instances_per_s"].as_f64().unwrap() / 2.0;
        let open = run(&unit, load("one", Some(options.rate.unwrap_or(half)), time));
        json!({"closed": closed, "open": open})
    } else {
        let fill = |process, count| match count {
            0 => Value::Null,
            count => run(&unit, load(process, None, Until::Count(count))),
        };
        let finished = fill("one", options.finished);
        json!({"finished": finished, "waiting": fill("waits", options.waiting)})
    };
    unit.handle.stop();
    println!("{report}");
}

/// Runs a load to its end, holds what SQL says against what was acknowledged, and returns the figures.
fn run(unit: &Unit, load: Load) -> Value {
    // Nothing is read before: a store that was just opened is to be as cold as it is.
    let line = unit.handle.kernel().store().snapshot().unwrap().log_end("system/audit").unwrap();
    let counts = Arc::new(Counts { first: AtomicU64::new(u64::MAX), ..Counts::default() });
    let begin = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| starts(unit, load, &counts, begin));
        if load.process == "one" {
            scope.spawn(|| works(unit, load, &counts, begin));
        }
    });
    let took = begin.elapsed().as_secs_f64();
    let (started, completed) = (of(&counts.started), of(&counts.completed));
    assert!(0 < started, "nothing was started");
    assert_eq!(of(&counts.failed), 0, "jobs that are held can be completed");
    let done = if load.process == "one" { completed } else { started };
    let found = seen(unit, load.process, of(&counts.first), line);
    assert_eq!(found, [started, started, completed], "SQL against what was acknowledged");
    json!({
        "instances": done,
        "seconds": took,
        "instances_per_s": done as f64 / took,
        "refused": of(&counts.refused),
        "start": percentiles(&counts.starts),
        "instance": percentiles(&counts.instances),
    })
}

/// Returns what SQL sees from an instance and an audit line on: instances in the state in which a load leaves them, starts and
/// completions.
fn seen(unit: &Unit, process: &str, first: u64, line: u64) -> [u64; 3] {
    let state = if process == "one" { "completed" } else { "active" };
    let instances = unit.number(&format!(
        "SELECT count(*) AS n FROM system.process_instances \
         WHERE instance >= {first} AND process = '{process}' AND state = '{state}'"
    ));
    let audited = |operation: &str| {
        unit.number(&format!(
            "SELECT sum(\"count\") AS n FROM system.audit \
             WHERE number >= {line} AND operation = '{operation}' AND outcome = 'allowed'"
        ))
    };
    [instances, audited("process.start"), audited("job.complete")]
}

fn due(begin: Instant, number: u64, rate: f64) -> Instant {
    begin + Duration::from_secs_f64(number as f64 / rate)
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

/// Returns the parameters of a start.
fn parameters(number: u64, is_keyed: bool) -> Value {
    if !is_keyed {
        let variables =
            json!({"id": number, "customer": "c-4711", "amount": 129.9, "note": "one of many"});
        return json!({ "variables": variables });
    }
    let key = format!("{:016x}{:016x}", SystemEntropy.number(), SystemEntropy.number());
    let mut variables =
        json!({"id": number, "customer": "c-4711", "amount": 129.9, "key": key, "note": ""});
    let rest = VARIABLES_BYTES.saturating_sub(variables.to_string().len());
    variables["note"] = json!("n".repeat(rest));
    json!({"variables": variables, "business_key": key})
}

fn starts(unit: &Unit, load: Load, counts: &Arc<Counts>, begin: Instant) {
    let (free, places) = sync_channel::<()>(PLACES);
    if load.rate.is_none() {
        (0..WINDOW).for_each(|_| free.send(()).unwrap());
    }
    let (mut number, mut told) = (0_u64, (begin, 0_u64));
    let is_wanted = |number: u64| match load.until {
        Until::Time(time) => begin.elapsed() < time,
        Until::Count(count) => number < count,
    };
    while is_wanted(number) {
        let due = match load.rate {
            Some(rate) => {
                let due = due(begin, number, rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                due
            }
            None => {
                places.recv().unwrap();
                while load.process == "one" && OPEN_MAX < open(counts) {
                    std::thread::sleep(PAUSE);
                }
                Instant::now()
            }
        };
        let args = parameters(number, load.is_keyed);
        let start = unit.call(&unit.token, "process.start", ("process", load.process), args);
        let (own, free) = (Arc::clone(counts), free.clone());
        add(&counts.submitted);
        unit.handle.submit(
            start.expect("the token is known"),
            Box::new(move |reply| {
                match reply.map(Reply::into_value) {
                    Ok(made) => {
                        let number = made["instance"].as_u64().unwrap_or_default();
                        own.first.fetch_min(number, Ordering::SeqCst);
                        add(&own.started);
                    }
                    Err(_) => add(&own.refused),
                }
                own.starts.lock().unwrap().push(micros(due));
                // In an open loop nobody waits for a place.
                let _ = free.try_send(());
            }),
        );
        number += 1;
        told = tell(load, counts, told);
    }
    while of(&counts.started) + of(&counts.refused) < number {
        std::thread::sleep(PAUSE);
    }
    counts.is_over.store(true, Ordering::SeqCst);
}

/// Returns how many instances are started, or will be, and are not completed.
fn open(counts: &Counts) -> u64 {
    let gone = of(&counts.completed) + of(&counts.failed) + of(&counts.refused);
    of(&counts.submitted).saturating_sub(gone)
}

/// Says now and then how fast it goes; returns when that was, and how many there were.
fn tell(load: Load, counts: &Counts, (at, before): (Instant, u64)) -> (Instant, u64) {
    if at.elapsed() < TOLD_EVERY {
        return (at, before);
    }
    let done = if load.process == "one" { of(&counts.completed) } else { of(&counts.started) };
    let rate = (done - before) as f64 / at.elapsed().as_secs_f64();
    eprintln!("{}: {done} instances, {rate:.0} a second", load.process);
    (Instant::now(), done)
}

fn works(unit: &Unit, load: Load, counts: &Arc<Counts>, begin: Instant) {
    let (free, places) = sync_channel::<()>(PLACES);
    let mut under_way = 0_usize;
    loop {
        let is_over = counts.is_over.load(Ordering::SeqCst);
        let args = json!({"type": "work", "max": JOBS});
        let take = unit.call(&unit.token, "job.activate", ("job", ""), args);
        let jobs = unit.handle.call(take.expect("the token is known")).unwrap().into_value();
        let jobs = jobs["jobs"].as_array().unwrap();
        for job in jobs {
            complete(unit, load, counts, begin, job, free.clone());
            under_way += 1;
        }
        // Not more than two portions are under way.
        while JOBS < under_way || (jobs.is_empty() && 0 < under_way) {
            places.recv().unwrap();
            under_way -= 1;
        }
        if jobs.is_empty() {
            if is_over {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

fn complete(
    unit: &Unit,
    load: Load,
    counts: &Arc<Counts>,
    begin: Instant,
    job: &Value,
    free: std::sync::mpsc::SyncSender<()>,
) {
    let name = job["job"].as_str().unwrap();
    let args = json!({"variables": {"ok": true}});
    let done = unit.call(&unit.token, "job.complete", ("job", name), args);
    let number = job["variables"]["id"].as_u64();
    let due = load.rate.zip(number).map(|(rate, number)| due(begin, number, rate));
    let counts = Arc::clone(counts);
    unit.handle.submit(
        done.expect("the token is known"),
        Box::new(move |reply| {
            add(if reply.is_ok() { &counts.completed } else { &counts.failed });
            if let Some(due) = due {
                counts.instances.lock().unwrap().push(micros(due));
            }
            free.send(()).unwrap();
        }),
    );
}

/// Returns the times in milliseconds; nothing where none were taken.
fn percentiles(times: &Mutex<Vec<u32>>) -> Value {
    let mut times = std::mem::take(&mut *times.lock().unwrap());
    times.sort_unstable();
    let Some(last) = times.last() else { return Value::Null };
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        f64::from(times[place.min(times.len() - 1)]) / 1e3
    };
    json!({"p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": f64::from(*last) / 1e3})
}
