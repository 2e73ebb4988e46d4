//! Starts a unit, keeps it running, and stops it without losing a call.

use crate::assembly::{Assembly, assemble, assemble_as, report, thread};
use crate::rest::Rest;
use crate::worker::Worker;
use crate::{Config, Error, network, tls};
use base::Problem;
use data::{Keeper, Round};
use exchange::{Exchange, Network, Reconciler};
use kernel::{Call, Handle, Principal, Reader, Reply, ResourceRef};
use process::decisions::{Recorded, pending};
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

/// The version that a unit tells.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the command line says about a start, in place of the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start {
    /// See [`exchange::Config::reconcile_seconds_max`].
    pub reconcile_seconds_max: Option<u64>,
}

/// Runs the unit of a folder until it is told to stop by SIGTERM or SIGINT.
///
/// # Errors
/// Where it cannot start.
pub fn run(folder: &Path, start: Start) -> Result<(), Problem> {
    // Started first: a port in use is told before the store is touched.
    let mut config = Config::read(folder)?;
    if let Some(seconds) = start.reconcile_seconds_max {
        config.exchange.reconcile_seconds_max = seconds;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One thread turns the sockets: on few cores a second one only makes them change places.
        .worker_threads(1)
        // Reads and SQL clients wait on threads of their own, so many at most; a few more are for what is neither.
        .max_blocking_threads(config.api.reads_max + config.api.postgres_queries_max + 16)
        .enable_all()
        .build()
        .map_err(|source| Error::System { what: "runtime", source })?;
    let doors = runtime.block_on(Doors::open(&config))?;
    let tls = tls::server(folder)?;
    let Assembly { config, kernel, writer, data, exchange, network, rest, .. } =
        assemble_as(folder, config)?;
    let keeper = Keeper::new(&data, &kernel);
    let handle = kernel::spawn(writer)?;
    network::commits(&handle, &exchange);
    let background = Background::start(&config, &handle, keeper, &exchange, network, &rest)?;
    println!("unit {} is up: {}", config.name, shown(&config));
    if exchange.waits_for_peers() {
        println!("unit {} was restored from a backup: it asks its peers before it takes calls", config.name);
    }
    runtime.block_on(doors.serve(&config, handle.clone(), tls, &exchange));
    println!("unit {} drains", config.name);
    background.stop(&rest);
    handle.stop();
    runtime.shutdown_timeout(Duration::from_secs(2));
    println!("unit {} has stopped", config.name);
    Ok(())
}

/// Checks a unit's store while the unit is not running; returns what is wrong, a line each.
///
/// # Errors
/// Where it cannot be opened.
pub fn verify(folder: &Path) -> Result<Vec<String>, Problem> {
    let Assembly { kernel, processes, exchange, .. } = assemble(folder)?;
    let mut faults = kernel.store().verify()?;
    let reader = Reader::new(&kernel, Principal::Unit("verify".into()))?;
    faults.extend(processes.verify(&reader)?);
    faults.extend(exchange.verify(&reader)?);
    Ok(faults)
}

/// The addresses of the doors, for people.
fn shown(config: &Config) -> String {
    let postgres =
        config.listen_postgres.iter().map(|address| format!(" and postgres://{address}"));
    let postgres: String = postgres.collect();
    format!("http://{} and https://{}{postgres}", config.listen, config.listen_peers)
}

/// The listeners.
struct Doors {
    plain: TcpListener,
    peers: TcpListener,
    postgres: Option<TcpListener>,
}

impl Doors {
    async fn open(config: &Config) -> Result<Self, Error> {
        let is_loopback = |address: &SocketAddr| address.ip().is_loopback();
        let resolved = tokio::net::lookup_host(&config.listen)
            .await
            .map_err(|source| Error::Listen { address: config.listen.clone(), source })?;
        if !resolved.into_iter().all(|address| is_loopback(&address)) {
            return Err(Error::NotLoopback { address: config.listen.clone() });
        }
        let postgres = match &config.listen_postgres {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Self {
            plain: listen(&config.listen).await?,
            peers: listen(&config.listen_peers).await?,
            postgres,
        })
    }

    async fn serve(
        self,
        config: &Config,
        handle: Handle,
        tls: Arc<rustls::ServerConfig>,
        exchange: &Arc<Exchange>,
    ) {
        let mut options = api::Options::new(&config.name, VERSION);
        options.config = config.api.clone();
        options.ready = {
            let exchange = Arc::clone(exchange);
            Arc::new(move || exchange.is_ready())
        };
        let postgres = api::Postgres {
            kernel: Arc::clone(handle.kernel()),
            version: VERSION.to_owned(),
            tls: Some(Arc::clone(&tls)),
            config: config.api.clone(),
            report: Arc::clone(&options.report),
        };
        let router = api::router(handle, options);
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let wait = |mut stopped: tokio::sync::watch::Receiver<bool>| async move {
            // The sender lives below; an error would mean that the unit is gone already.
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        };
        let plain =
            api::serve(self.plain, router.clone(), config.api.clone(), wait(stopped.clone()));
        let peers =
            api::serve_tls(self.peers, tls, router, config.api.clone(), wait(stopped.clone()));
        let sql = async {
            if let Some(listener) = self.postgres {
                api::serve_postgres(listener, postgres, wait(stopped)).await;
            }
        };
        let signals = async {
            told_to_stop().await;
            let _ = stop.send(true);
        };
        tokio::join!(plain, peers, sql, signals);
    }
}

async fn listen(address: &str) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address: address.to_owned(), source })
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// The threads that work without being called.
struct Background {
    is_stopping: Arc<AtomicBool>,
    exchange: Arc<Exchange>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Background {
    fn start(
        config: &Config,
        handle: &Handle,
        keeper: Keeper,
        exchange: &Arc<Exchange>,
        network: Arc<dyn Network>,
        rest: &Arc<Rest>,
    ) -> Result<Self, Problem> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let decisions = {
            let (config, handle, rest) = (config.clone(), handle.clone(), Arc::clone(rest));
            let is_stopping = Arc::clone(&is_stopping);
            move || decide(&config, &handle, &rest, &is_stopping)
        };
        threads.push(thread("decisions", decisions)?);
        let tables = {
            let (handle, rest) = (handle.clone(), Arc::clone(rest));
            let is_stopping = Arc::clone(&is_stopping);
            move || keep(keeper, &handle, &rest, &is_stopping)
        };
        threads.push(thread("tables", tables)?);
        let kpis = {
            let (handle, rest) = (handle.clone(), Arc::clone(rest));
            let is_stopping = Arc::clone(&is_stopping);
            move || measure(&handle, &rest, &is_stopping)
        };
        threads.push(thread("kpis", kpis)?);
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
        Ok(Self { is_stopping, exchange: Arc::clone(exchange), threads })
    }

    fn stop(self, rest: &Rest) {
        self.is_stopping.store(true, Ordering::SeqCst);
        rest.decisions.ring();
        rest.tables.ring();
        rest.kpis.ring();
        self.exchange.stop();
        for thread in self.threads {
            if thread.join().is_err() {
                eprintln!("error: a background thread panicked");
            }
        }
    }
}

/// Looks after the tables: what is due is looked for now and then, and when somebody asks.
fn keep(mut keeper: Keeper, handle: &Handle, rest: &Rest, is_stopping: &AtomicBool) {
    /// How often rows that wait in the log are looked at.
    const EVERY: Duration = Duration::from_millis(500);
    while !is_stopping.load(Ordering::SeqCst) {
        let seen = rest.tables.count();
        if handle.kernel().is_closed() {
            rest.tables.wait(seen, EVERY);
            continue;
        }
        match keeper.round(&mut |call| handle.call(call)) {
            Ok(Round::Worked) => {}
            Ok(Round::Rest) => rest.tables.wait(seen, EVERY),
            Err(problem) => {
                report(&problem);
                rest.tables.wait(seen, 10 * EVERY);
            }
        }
    }
}

/// Evaluates the decisions and scripts that wait, in a worker process, and records the results.
fn decide(config: &Config, handle: &Handle, rest: &Rest, is_stopping: &AtomicBool) {
    /// Decisions that are looked up at once and recorded in one call at most.
    const BATCH: usize = 256;
    let mut worker = Worker::new(config);
    loop {
        let seen = rest.decisions.count();
        match decide_some(handle, &mut worker, BATCH, is_stopping) {
            Ok(0) => rest.decisions.wait(seen, Duration::from_secs(5)),
            Ok(_) => {}
            Err(problem) => {
                report(&problem);
                rest.decisions.wait(seen, Duration::from_millis(200));
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
fn measure(handle: &Handle, rest: &Rest, is_stopping: &AtomicBool) {
    /// What is looked up at once.
    const BATCH: usize = 64;
    /// How long what failed waits, where nothing new comes.
    const AGAIN: Duration = Duration::from_secs(30);
    loop {
        let seen = rest.kpis.count();
        let pause = match measure_some(handle, BATCH, is_stopping) {
            Ok((0, 0)) => Duration::from_secs(5),
            Ok((0, _)) => AGAIN,
            Ok(_) => Duration::ZERO,
            Err(problem) => {
                report(&problem);
                Duration::from_millis(200)
            }
        };
        if is_stopping.load(Ordering::SeqCst) {
            return;
        }
        rest.kpis.wait(seen, pause);
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
