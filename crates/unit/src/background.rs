//! What a unit does without being called: the threads that evaluate decisions and KPIs, look after tables, watch the machine, send spans
//! and messages. They begin with the unit and end with it.

use crate::assembly::{report, thread};
use crate::host::thread_cpu_ms;
use crate::logging::Logger;
use crate::node::Nodes;
use crate::otlp::Exporter;
use crate::push;
use crate::settled::Settled;
use crate::sight::VERSION;
use crate::telemetry::Sending;
use crate::worker::Worker;
use crate::{Config, network};
use base::Problem;
use data::{Data, Keeper, Round};
use desk::Desk;
use exchange::{Exchange, Network, Reconciler};
use kernel::{Call, Handle, Principal, Reader, Reply, ResourceRef, Tracer, Work};
use process::decisions::{Recorded, pending};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the threads work with.
pub(crate) struct Parts<'a> {
    pub config: &'a Config,
    pub handle: &'a Handle,
    pub data: Arc<Data>,
    pub exchange: &'a Arc<Exchange>,
    pub desk: &'a Arc<Desk>,
    pub network: Arc<dyn Network>,
    pub settled: Arc<Settled>,
    pub nodes: Arc<Nodes>,
    pub logger: &'a Arc<Logger>,
}

/// The threads that work without being called.
pub(crate) struct Background {
    is_stopping: Arc<AtomicBool>,
    data: Arc<Data>,
    exchange: Arc<Exchange>,
    settled: Arc<Settled>,
    nodes: Arc<Nodes>,
    tracer: Arc<Tracer>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts them.
    ///
    /// # Errors
    /// `unit.endpoint`; `unit.system` where the system gives no thread.
    pub(crate) fn start(parts: Parts<'_>) -> Result<Self, Problem> {
        let Parts { config, handle, data, exchange, desk, network, settled, nodes, logger } = parts;
        let is_stopping = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let tracer = Arc::clone(handle.kernel().tracer());
        let (name, unit) = (config.name.clone(), exchange.identity().unit().to_owned());
        let exporter = Exporter { name, unit, version: VERSION };
        if let Some(sending) = Sending::new(config, exporter, &tracer, logger, &is_stopping)? {
            threads.push(thread("spans", move || sending.run())?);
        }
        let works = handle.kernel().works();
        let enter =
            |name: &str, summary: &str| works.enter(name, summary, handle.kernel().clock().wall());
        let watch = {
            let (kernel, nodes) = (Arc::clone(handle.kernel()), Arc::clone(&nodes));
            let is_stopping = Arc::clone(&is_stopping);
            move || nodes.watch(&kernel, &is_stopping)
        };
        threads.push(thread("watch", watch)?);
        let decisions = {
            let (config, handle, settled) = (config.clone(), handle.clone(), Arc::clone(&settled));
            let is_stopping = Arc::clone(&is_stopping);
            let work = enter("decisions", "evaluates decisions and scripts");
            move || decide(&config, &handle, &settled, &is_stopping, &work)
        };
        threads.push(thread("decisions", decisions)?);
        let tables = {
            let keeper = Keeper::new(&data, handle.kernel());
            let (handle, settled) = (handle.clone(), Arc::clone(&settled));
            let is_stopping = Arc::clone(&is_stopping);
            let work = enter("tables", "looks after tables and materialised views");
            move || keep(keeper, &handle, &settled, &is_stopping, &work)
        };
        threads.push(thread("tables", tables)?);
        let kpis = {
            let (handle, settled) = (handle.clone(), Arc::clone(&settled));
            let is_stopping = Arc::clone(&is_stopping);
            let work = enter("kpis", "evaluates KPIs and quality rules");
            move || measure(&handle, &settled, &is_stopping, &work)
        };
        threads.push(thread("kpis", kpis)?);
        let browsers = {
            let push = push::Sender::new(config, handle, desk, &settled.push, &is_stopping);
            let work = enter("push", "tells browsers of tasks");
            move || push.run(&work)
        };
        threads.push(thread("push", browsers)?);
        let reconciler = Reconciler::new(Arc::clone(exchange), Arc::clone(handle.kernel()));
        threads.push(thread("reconciler", move || {
            if let Err(problem) = reconciler.run() {
                report(&problem);
            }
        })?);
        let sending = network::sender(handle, exchange, network);
        threads.push(thread("sender", move || {
            if let Err(problem) = sending.run() {
                report(&problem);
            }
        })?);
        let exchange = Arc::clone(exchange);
        Ok(Self { is_stopping, data, exchange, settled, nodes, tracer, threads })
    }

    /// Ends them, and waits until they have ended.
    pub(crate) fn stop(self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.settled.decisions.ring();
        self.settled.tables.ring();
        self.settled.kpis.ring();
        self.settled.push.ring();
        self.nodes.ring();
        // What these threads ask in SQL ends with them.
        self.data.stop();
        self.exchange.stop();
        self.tracer.wake();
        for thread in self.threads {
            if thread.join().is_err() {
                log::error!(target: "unit", "a background thread panicked");
            }
        }
    }
}

/// How often a thread that pauses looks whether it is to go on.
const PAUSED: Duration = Duration::from_millis(500);

/// Looks after the tables: what is due is looked for now and then, and when somebody asks.
fn keep(
    mut keeper: Keeper,
    handle: &Handle,
    settled: &Settled,
    is_stopping: &AtomicBool,
    work: &Work,
) {
    /// How often rows that wait in the log are looked at.
    const EVERY: Duration = Duration::from_millis(500);
    while !is_stopping.load(Ordering::SeqCst) {
        let seen = settled.tables.count();
        // What a unit that was restored has still to ask its peers comes before its tables.
        if work.is_paused() || handle.kernel().is_closed() {
            settled.tables.wait(seen, EVERY);
            continue;
        }
        let round = keeper.round(&mut |call| handle.call(call));
        if is_stopping.load(Ordering::SeqCst) {
            // What was under way is begun or finished by the next process.
            return;
        }
        keeper.troubles().iter().for_each(report);
        match round {
            Ok(Round::Worked) => work.worked(thread_cpu_ms()),
            Ok(Round::Rest) => settled.tables.wait(seen, EVERY),
            Err(problem) => {
                // It is left alone for a while; what else is due is looked at as often as ever.
                report(&problem);
                settled.tables.wait(seen, EVERY);
            }
        }
    }
}

/// Evaluates the decisions and scripts that wait, in a worker process, and records the results.
fn decide(
    config: &Config,
    handle: &Handle,
    settled: &Settled,
    is_stopping: &AtomicBool,
    work: &Work,
) {
    /// Decisions that are looked up at once and recorded in one call at most.
    const BATCH: usize = 256;
    let mut worker = Worker::new(config);
    loop {
        let seen = settled.decisions.count();
        let decided = match work.is_paused() {
            true => Ok(0),
            false => decide_some(handle, &mut worker, BATCH, is_stopping),
        };
        match decided {
            Ok(0) if work.is_paused() => settled.decisions.wait(seen, PAUSED),
            Ok(0) => settled.decisions.wait(seen, Duration::from_secs(5)),
            Ok(_) => work.worked(thread_cpu_ms()),
            Err(problem) => {
                report(&problem);
                settled.decisions.wait(seen, Duration::from_millis(200));
            }
        }
        if is_stopping.load(Ordering::SeqCst) {
            worker.end();
            return;
        }
    }
}

/// Evaluates some and records what is known in portions: none waits for more than one other to reach its limit.
fn decide_some(
    handle: &Handle,
    worker: &mut Worker,
    limit: usize,
    is_stopping: &AtomicBool,
) -> Result<usize, Problem> {
    if handle.kernel().is_closed() {
        return Ok(0);
    }
    let reader = Reader::new(handle.kernel(), Principal::Unit("decisions".into()))?;
    let batch = pending(&reader, 0, limit)?;
    drop(reader);
    let mut rest = batch.requests.as_slice();
    while !rest.is_empty() && !is_stopping.load(Ordering::SeqCst) {
        let results = worker.evaluate(&batch.models, rest);
        let (done, left) = rest.split_at(results.len());
        let numbers = done.iter().map(|request| request.number);
        let results = numbers.zip(results).map(|(number, result)| Recorded { number, result });
        record(handle, &results.collect::<Vec<_>>())?;
        rest = left;
    }
    Ok(batch.requests.len())
}

/// Evaluates KPIs and quality rules that wait, and records the results. What fails is tried again after a while.
fn measure(handle: &Handle, settled: &Settled, is_stopping: &AtomicBool, work: &Work) {
    /// What is looked up at once.
    const BATCH: usize = 64;
    /// How long what failed waits, where nothing new comes.
    const AGAIN: Duration = Duration::from_secs(30);
    loop {
        let seen = settled.kpis.count();
        let measured = match work.is_paused() {
            true => Ok((0, 0)),
            false => measure_some(handle, BATCH, is_stopping),
        };
        let pause = match measured {
            Ok((0, 0)) if work.is_paused() => PAUSED,
            Ok((0, 0)) => Duration::from_secs(5),
            Ok((0, _)) => AGAIN,
            Ok(_) => {
                work.worked(thread_cpu_ms());
                Duration::ZERO
            }
            Err(problem) => {
                report(&problem);
                Duration::from_millis(200)
            }
        };
        if is_stopping.load(Ordering::SeqCst) {
            return;
        }
        settled.kpis.wait(seen, pause);
        if is_stopping.load(Ordering::SeqCst) {
            return;
        }
    }
}

/// Evaluates some, each over a snapshot of its own; returns how many have a result, and how many have none.
fn measure_some(
    handle: &Handle,
    limit: usize,
    is_stopping: &AtomicBool,
) -> Result<(usize, usize), Problem> {
    if handle.kernel().is_closed() {
        return Ok((0, 0));
    }
    let reader = Reader::new(handle.kernel(), Principal::Unit("kpis".into()))?;
    let requests = data::background::pending(&reader, limit)?;
    drop(reader);
    let (mut done, mut failed) = (0, 0);
    for request in requests {
        if is_stopping.load(Ordering::SeqCst) {
            break;
        }
        let answer = handle.call(request.compute()).map(Reply::into_value);
        if is_stopping.load(Ordering::SeqCst) {
            // It may have been ended with the unit: the next process asks again.
            break;
        }
        let is_done = answer.is_ok();
        // One that cannot be recorded does not hold up the others.
        match handle.call(request.record(answer)) {
            Ok(_) if is_done => done += 1,
            Ok(_) => failed += 1,
            Err(problem) => {
                report(&problem);
                failed += 1;
            }
        }
    }
    Ok((done, failed))
}

fn record(handle: &Handle, results: &[Recorded]) -> Result<(), Problem> {
    let record = Call::new(
        "decision.record",
        ResourceRef::new("decision", ""),
        Principal::Unit("decisions".into()),
    );
    handle.call(record.with(json!({ "results": results })))?;
    Ok(())
}
