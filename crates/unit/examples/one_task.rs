//! One-task processes through the kernel path: `cargo run --release -p unit --example one_task [FOLDER] [SECONDS] [RATE]`.
//!
//! An instance is started, its job is given to a worker and completed, and it ends. Every call shows a token, is decided upon by 200
//! policies of which 20 match, is audited, and is on the disk before its reply. Without RATE each client keeps as many calls under
//! way as it may (closed loop); with it, instances are started at that rate whatever the unit does (open loop), and times are
//! counted from when a start was due. At the end SQL counts the history.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement, not a part of the unit"
)]

use base::{SystemClock, SystemEntropy};
use data::Data;
use kernel::{Call, Credential, Handle, Kernel, Parts, Principal, Reply, ResourceRef};
use process::Processes;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use store::{FileBlobs, JournaledStore, SqliteStore};

const MODEL: &str = r#"<?xml version="1.0"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions">
  <bpmn:process id="one" isExecutable="true">
    <bpmn:startEvent id="begin"/>
    <bpmn:sequenceFlow id="f1" sourceRef="begin" targetRef="work"/>
    <bpmn:serviceTask id="work"><bpmn:extensionElements><zeebe:taskDefinition type="work"/></bpmn:extensionElements></bpmn:serviceTask>
    <bpmn:sequenceFlow id="f2" sourceRef="work" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process>
</bpmn:definitions>"#;

/// Starts that are under way at the same time, in a closed loop.
const WINDOW: usize = 1_000;
/// Jobs that a worker takes at once.
const JOBS: usize = 500;

/// What clients count.
#[derive(Default)]
struct Counts {
    started: AtomicU64,
    completed: AtomicU64,
    refused: AtomicU64,
    /// Microseconds from when a start was due to its reply.
    times: Mutex<Vec<u32>>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder: PathBuf = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let seconds: u64 = arguments.next().map_or(10, |text| text.parse().unwrap());
    let rate: Option<f64> = arguments.next().map(|text| text.parse().unwrap());
    let folder = folder.join("craton-one-task");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let handle = unit(&folder);
    let token = declare(&handle);
    let counts = Arc::new(Counts::default());
    let end = Instant::now() + Duration::from_secs(seconds);
    let begin = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| starts(&handle, &token, &counts, end, rate));
        scope.spawn(|| works(&handle, &token, &counts, end));
        report(&counts, end);
    });
    let took = begin.elapsed().as_secs_f64();
    let completed = counts.completed.load(Ordering::SeqCst);
    println!("{completed} instances in {took:.1} s: {:.0} a second", completed as f64 / took);
    println!("refused: {}", counts.refused.load(Ordering::SeqCst));
    percentiles(&counts);
    check(&handle, &counts);
    handle.stop();
    drop(handle);
    let bytes: u64 = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum();
    println!("{:.0} bytes of files an instance", bytes as f64 / completed.max(1) as f64);
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Returns a unit with processes and SQL over a store on the disk.
fn unit(folder: &std::path::Path) -> Handle {
    let tables = SqliteStore::open(folder.join("store.sqlite"), &store::Config::default()).unwrap();
    let blobs = Arc::new(FileBlobs::new(folder));
    let (_, writer) = Kernel::new(Parts {
        store: Arc::new(JournaledStore::open(Arc::new(tables)).unwrap()),
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(SystemEntropy),
        engines: vec![
            Data::new(data::Config::default(), blobs) as Arc<dyn kernel::Engine>,
            Arc::new(Processes::new(process::Config::default())),
        ],
        config: kernel::Config::default(),
    })
    .unwrap();
    kernel::spawn(writer).unwrap()
}

/// Applies the process, its people and 200 policies, and returns a token.
fn declare(handle: &Handle) -> String {
    let policy = |number: usize, role: &str| {
        format!(
            "@id(\"p{number}\")\npermit (principal in Role::\"{role}\", action in Action::\"Run\", resource)\n\
             unless {{ resource has assignee && resource.assignee == \"x{number}\" }};\n"
        )
    };
    let mut manifests = vec![
        json!({"apiVersion": "craton/v1", "kind": "Process", "metadata": {"name": "one"}, "spec": {"source": MODEL}}),
    ];
    for role in 0..10 {
        let name = format!("role{role}");
        let policies: String = (0..20).map(|number| policy(number, &name)).collect();
        manifests.push(json!({"apiVersion": "craton/v1", "kind": "Role", "metadata": {"name": name}, "spec": {"policies": policies}}));
    }
    manifests.push(json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "ana"}, "spec": {"roles": ["role3"]}}));
    manifests.push(json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "olga"}, "spec": {"roles": ["owner"]}}));
    let unit = |operation: &str, kind: &str| {
        Call::new(operation, ResourceRef::new(kind, ""), Principal::Unit("init".into()))
    };
    handle.call(unit("resource.apply", "resource").with(json!({"manifests": manifests}))).unwrap();
    let olga = Principal::User("olga".into());
    let token = Call::new("token.create", ResourceRef::new("token", ""), olga)
        .with(json!({"user": "ana", "scope": []}));
    let made = handle.call(token).unwrap().into_value();
    made["token"].as_str().unwrap().to_owned()
}

/// Makes a call as a door does: who shows the token is found first.
fn call(handle: &Handle, token: &str, operation: &str, on: (&str, &str), args: Value) -> Call {
    let identity = handle.kernel().authenticate(&Credential::Bearer(token)).unwrap();
    Call::new(operation, ResourceRef::new(on.0, on.1), identity.principal).with(args)
}

fn starts(handle: &Handle, token: &str, counts: &Arc<Counts>, end: Instant, rate: Option<f64>) {
    let (free, places): (SyncSender<()>, Receiver<()>) = sync_channel(100_000);
    if rate.is_none() {
        (0..WINDOW).for_each(|_| free.send(()).unwrap());
    }
    let begin = Instant::now();
    let mut number = 0_u64;
    while Instant::now() < end {
        let due = match rate {
            Some(rate) => {
                let due = begin + Duration::from_secs_f64(number as f64 / rate);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                due
            }
            None => {
                places.recv().unwrap();
                Instant::now()
            }
        };
        let variables =
            json!({"id": number, "customer": "c-4711", "amount": 129.9, "note": "one of many"});
        let start = call(
            handle,
            token,
            "process.start",
            ("process", "one"),
            json!({"variables": variables}),
        );
        let (counts, free) = (Arc::clone(counts), free.clone());
        handle.submit(
            start,
            Box::new(move |reply| {
                let counter = if reply.is_ok() { &counts.started } else { &counts.refused };
                counter.fetch_add(1, Ordering::SeqCst);
                let micros = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
                counts.times.lock().unwrap().push(micros);
                let _ = free.try_send(());
            }),
        );
        number += 1;
    }
}

fn works(handle: &Handle, token: &str, counts: &Arc<Counts>, end: Instant) {
    let (free, places) = sync_channel::<()>(100_000);
    let mut under_way = 0_usize;
    loop {
        let take =
            call(handle, token, "job.activate", ("job", ""), json!({"type": "work", "max": JOBS}));
        let jobs = handle.call(take).unwrap().into_value();
        let jobs = jobs["jobs"].as_array().unwrap();
        if jobs.is_empty() {
            if end + Duration::from_millis(500) < Instant::now() && under_way == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        for job in jobs {
            let name = job["job"].as_str().unwrap();
            let done = call(
                handle,
                token,
                "job.complete",
                ("job", name),
                json!({"variables": {"ok": true}}),
            );
            let (counts, free) = (Arc::clone(counts), free.clone());
            handle.submit(
                done,
                Box::new(move |reply| {
                    let counter = if reply.is_ok() { &counts.completed } else { &counts.refused };
                    counter.fetch_add(1, Ordering::SeqCst);
                    free.send(()).unwrap();
                }),
            );
            under_way += 1;
        }
        // Not more than two portions are under way.
        while JOBS < under_way || (jobs.is_empty() && 0 < under_way) {
            places.recv().unwrap();
            under_way -= 1;
        }
    }
}

fn report(counts: &Counts, end: Instant) {
    let step = Duration::from_secs(5);
    let mut before = 0;
    while Instant::now() + step < end {
        std::thread::sleep(step);
        let completed = counts.completed.load(Ordering::SeqCst);
        println!("{:6} instances/s", (completed - before) / step.as_secs());
        before = completed;
    }
}

fn percentiles(counts: &Counts) {
    let mut times = std::mem::take(&mut *counts.times.lock().unwrap());
    times.sort_unstable();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        f64::from(times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or(0)) / 1e3
    };
    println!(
        "start, from due to reply: p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms",
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

/// Holds what SQL says of the history against what was acknowledged.
fn check(handle: &Handle, counts: &Counts) {
    let sql =
        "SELECT state, count(*) AS n FROM system.process_instances GROUP BY state ORDER BY state";
    let ask = Call::new("sql.query", ResourceRef::new("sql", ""), Principal::User("olga".into()))
        .with(json!({"sql": sql, "format": "csv"}));
    let Reply::Stream { pieces, .. } = handle.call(ask).unwrap() else { panic!("no rows") };
    let text: Vec<u8> = pieces.map(Result::unwrap).collect::<Vec<_>>().concat();
    let text = String::from_utf8(text).unwrap().replace("\r\n", " ");
    println!("SQL: {text}");
    let completed = counts.completed.load(Ordering::SeqCst);
    assert!(text.contains(&format!("completed,{completed}")), "{completed} were acknowledged");
}
