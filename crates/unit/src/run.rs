//! Starts a unit, keeps it running, and stops it without losing a call.

use crate::assembly::{Assembly, assemble, assemble_over, report, thread};
use crate::rest::Rest;
use crate::standby::Standby;
use crate::worker::Worker;
use crate::{Config, Error, network, stored, tls};
use base::Problem;
use data::{Keeper, Round};
use exchange::{Exchange, Network};
use kernel::{Call, Handle, Principal, Reader, Reply, ResourceRef};
use process::decisions::{Recorded, pending};
use serde_json::json;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Lease;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The version that a unit tells.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How the work of a unit ended.
enum Ended {
    /// The unit was told to stop.
    Told,
    /// Another node has taken the store.
    Lost {
        /// Its number.
        epoch: u64,
    },
}

/// Runs the unit of a folder until it is told to stop by SIGTERM or SIGINT. Where another node holds the store, it stands by.
///
/// # Errors
/// Where it cannot start.
pub fn run(folder: &Path) -> Result<(), Problem> {
    // Started first: a port in use is told before the store is touched.
    let config = Config::read(folder)?;
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
    let _lock = stored::lock(folder, &config)?;
    let stopped = told(&runtime);
    let mut standby = Standby::new(folder, &config, Arc::clone(&tls), stopped.clone());
    let ended = match runtime.block_on(standby.wait(&doors))? {
        Some(stored) => {
            let assembly = assemble_over(folder, config.clone(), stored)?;
            serve(&runtime, doors, assembly, tls, stopped)?
        }
        None => Ended::Told,
    };
    runtime.shutdown_timeout(Duration::from_secs(2));
    println!("unit {} has stopped", config.name);
    match ended {
        Ended::Told => Ok(()),
        // Started again, it stands by.
        Ended::Lost { epoch } => Err(store::Error::Fenced { epoch }.into()),
    }
}

/// Serves calls until the unit is told to stop, or another node takes the store.
fn serve(
    runtime: &tokio::runtime::Runtime,
    doors: Doors,
    assembly: Assembly,
    tls: Arc<rustls::ServerConfig>,
    stopped: watch::Receiver<bool>,
) -> Result<Ended, Problem> {
    let Assembly { config, kernel, writer, data, exchange, network, rest, lease, .. } = assembly;
    let keeper = Keeper::new(&data, &kernel);
    let handle = kernel::spawn(writer)?;
    network::commits(&handle, &exchange);
    let background = Background::start(&config, &handle, keeper, &exchange, network, &rest)?;
    let listeners = runtime.block_on(async { doors.listeners() })?;
    // What drains takes no new connections.
    drop(doors);
    println!("unit {} is up: {}", config.name, shown(&config));
    let serving = listeners.serve(&config, handle.clone(), tls, stopped, lease.clone());
    let ended = runtime.block_on(serving);
    println!("unit {} drains", config.name);
    background.stop(&rest);
    handle.stop();
    if let Some(lease) = lease {
        lease.release();
    }
    Ok(ended)
}

/// Checks a unit's store while the unit is not running; returns what is wrong, a line each.
///
/// # Errors
/// Where it cannot be opened.
pub fn verify(folder: &Path) -> Result<Vec<String>, Problem> {
    let Assembly { kernel, processes, exchange, lock: _lock, .. } = assemble(folder)?;
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

/// The addresses that are listened on, from start to stop.
pub(crate) struct Doors {
    plain: StdListener,
    peers: StdListener,
    postgres: Option<StdListener>,
}

/// The listeners of the doors, for as long as the unit serves or stands by.
pub(crate) struct Listeners {
    pub plain: TcpListener,
    pub peers: TcpListener,
    pub postgres: Option<TcpListener>,
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

    /// Returns listeners; to be called where the runtime is known. Who connects between two of them waits.
    pub(crate) fn listeners(&self) -> Result<Listeners, Error> {
        let again = |listener: &StdListener| {
            let copied = listener.try_clone().and_then(TcpListener::from_std);
            copied.map_err(|source| Error::System { what: "listener", source })
        };
        Ok(Listeners {
            plain: again(&self.plain)?,
            peers: again(&self.peers)?,
            postgres: self.postgres.as_ref().map(again).transpose()?,
        })
    }
}

impl Listeners {
    async fn serve(
        self,
        config: &Config,
        handle: Handle,
        tls: Arc<rustls::ServerConfig>,
        stopped: watch::Receiver<bool>,
        lease: Option<Arc<Lease>>,
    ) -> Ended {
        let mut options = api::Options::new(&config.name, VERSION);
        options.config = config.api.clone();
        if let Some(lease) = lease.clone() {
            options.ready = Arc::new(move || lease.check().map_err(Problem::from));
        }
        let postgres = api::Postgres {
            kernel: Arc::clone(handle.kernel()),
            version: VERSION.to_owned(),
            tls: Some(Arc::clone(&tls)),
            config: config.api.clone(),
            report: Arc::clone(&options.report),
        };
        let router = api::router(handle, options);
        let (stop, stopping) = watch::channel(false);
        let plain =
            api::serve(self.plain, router.clone(), config.api.clone(), until(stopping.clone()));
        let peers =
            api::serve_tls(self.peers, tls, router, config.api.clone(), until(stopping.clone()));
        let sql = async {
            if let Some(listener) = self.postgres {
                api::serve_postgres(listener, postgres, until(stopping)).await;
            }
        };
        let end = async {
            let ended = tokio::select! {
                () = until(stopped) => Ended::Told,
                epoch = lost(lease) => Ended::Lost { epoch },
            };
            let _ = stop.send(true);
            ended
        };
        let ((), (), (), ended) = tokio::join!(plain, peers, sql, end);
        ended
    }
}

/// Waits until something is over.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    // An error would mean that who tells is gone: then it is over as well.
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}

/// Waits until another node has taken the store, and returns its number; for ever where nobody else can.
async fn lost(lease: Option<Arc<Lease>>) -> u64 {
    let Some(lease) = lease else { return std::future::pending().await };
    let mut lost = lease.lost();
    let taken = lost.wait_for(Option::is_some).await;
    taken.ok().and_then(|epoch| *epoch).unwrap_or_default()
}

async fn listen(address: &str) -> Result<StdListener, Error> {
    TcpListener::bind(address)
        .await
        .and_then(TcpListener::into_std)
        .map_err(|source| Error::Listen { address: address.to_owned(), source })
}

/// Returns what tells that the unit is to stop.
fn told(runtime: &tokio::runtime::Runtime) -> watch::Receiver<bool> {
    let (sender, stopped) = watch::channel(false);
    runtime.spawn(async move {
        told_to_stop().await;
        // Nobody listens any more where the unit has ended by itself.
        let _ = sender.send(true);
    });
    stopped
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
