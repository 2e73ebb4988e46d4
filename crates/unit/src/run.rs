//! Starts a unit, keeps it running, and stops it without losing a call.

use crate::assembly::{Assembly, assemble, assemble_over, report, thread};
use crate::health::Health;
use crate::host::thread_cpu_ms;
use crate::logging::{Line, LogLevel, Logger};
use crate::node::Nodes;
use crate::otlp::Exporter;
use crate::rest::Rest;
use crate::sight::{Running, VERSION};
use crate::standby::{Standby, Waiting};
use crate::telemetry::Sending;
use crate::tls::Certificate;
use crate::worker::Worker;
use crate::{Config, Error, network, stored, tls};
use base::Problem;
use data::{Data, Keeper, Round};
use exchange::{Exchange, Network, Reconciler};
use kernel::{Call, Handle, Kernel, Principal, Reader, Reply, ResourceRef, Tracer, Work};
use process::decisions::{Recorded, pending};
use serde_json::json;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Lease;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

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

/// What the command line says about a start, in place of the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct Start {
    /// See [`exchange::Config::reconcile_seconds_max`].
    pub reconcile_seconds_max: Option<u64>,
}

/// Runs the unit of a folder until it is told to stop by SIGTERM or SIGINT. Where another node holds the store, it stands by.
///
/// # Errors
/// Where it cannot start.
pub fn run(folder: &Path, start: Start) -> Result<(), Problem> {
    // Started first: a port in use is told before the store is touched.
    let mut config = Config::read(folder)?;
    if let Some(seconds) = start.reconcile_seconds_max {
        config.exchange.reconcile_seconds_max = seconds;
    }
    let logger = Arc::new(Logger::open(folder, &config)?);
    logger.install();
    let health = Health::new(folder, config.disk_free_megabytes_min << 20);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // One thread turns the sockets: on few cores a second one only makes them change places.
        .worker_threads(1)
        // Reads and SQL clients wait on threads of their own, so many at most; a few more are for what is neither.
        .max_blocking_threads(config.api.reads_max + config.api.postgres_queries_max + 16)
        .enable_all()
        .build()
        .map_err(|source| Error::System { what: "runtime", source })?;
    let doors = runtime.block_on(Doors::open(&config))?;
    tls::ensure(folder, &config)?;
    let shown = Shown::read(folder, &config)?;
    let _lock = stored::lock(folder, &config)?;
    let stopped = told(&runtime);
    let mut standby = Standby::new(folder, &config, &logger, stopped.clone());
    let (stored, waiting) = runtime.block_on(async {
        let mut waiting = Waiting::begin(&doors, &config.api)?;
        let stored = standby.wait(&doors, &shown, &mut waiting).await?;
        Ok::<_, Problem>((stored, waiting))
    })?;
    let assembled = stored.map(|stored| assemble_over(folder, config.clone(), stored)).transpose();
    // Whoever was told to wait is served by the doors themselves from now on.
    runtime.block_on(waiting.end());
    let ended = match assembled? {
        Some(assembly) => serve(&runtime, doors, assembly, &shown, (&health, &logger), stopped)?,
        None => Ended::Told,
    };
    runtime.shutdown_timeout(Duration::from_secs(2));
    logger.announce("the unit has stopped");
    println!("unit {} has stopped", config.name);
    match ended {
        Ended::Told => Ok(()),
        // Started again, it stands by.
        Ended::Lost { epoch } => Err(store::Error::Fenced { epoch }.into()),
    }
}

/// Serves calls until the unit is told to stop, or another node takes the store.
fn serve(
    runtime: &Runtime,
    doors: Doors,
    assembly: Assembly,
    shown_by_doors: &Shown,
    (health, logger): (&Arc<Health>, &Arc<Logger>),
    stopped: watch::Receiver<bool>,
) -> Result<Ended, Problem> {
    let Assembly {
        config, kernel, writer, data, exchange, network, rest, nodes, sight, lease, ..
    } = assembly;
    logger.knows(&kernel);
    let keeper = Keeper::new(&data, &kernel);
    let handle = kernel::spawn(writer)?;
    network::commits(&handle, &exchange);
    let (tables, watched) = ((keeper, data), (&nodes, logger));
    let background =
        Background::start(&config, &handle, tables, &exchange, network, &rest, watched)?;
    let (own, seen) = (Arc::clone(logger), Arc::clone(health));
    sight.runs(Some(Running { logger: own, health: seen, handle: handle.clone() }));
    let listeners = runtime.block_on(async { doors.listeners() })?;
    // What drains takes no new connections.
    drop(doors);
    let at = shown(&config);
    logger.announce(&format!("unit {} is up, version {VERSION}: {at}", config.name));
    println!("unit {} is up: {at}", config.name);
    if exchange.waits_for_peers() {
        let text = "was restored from a backup: it asks its peers before it takes calls";
        logger.announce(&format!("the unit {text}"));
        println!("unit {} {text}", config.name);
    }
    let watched = (health, logger);
    let until = (stopped, lease.clone());
    let serving = listeners.serve(&config, handle.clone(), shown_by_doors, watched, until);
    let ended = runtime.block_on(serving);
    println!("unit {} drains", config.name);
    logger.announce("the unit drains");
    background.stop(&rest, &nodes);
    handle.stop();
    sight.runs(None);
    // When nothing commits any more: another node need not wait.
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
    faults.extend(kernel::secrets::verify(&reader)?);
    Ok(faults)
}

/// Returns the kernel of a unit that is not running, to look at what it offers.
///
/// # Errors
/// Where the unit cannot be opened.
pub fn kernel_of(folder: &Path) -> Result<Arc<Kernel>, Problem> {
    assemble(folder).map(|assembly| assembly.kernel)
}

/// The addresses of the doors, for people.
fn shown(config: &Config) -> String {
    let postgres =
        config.listen_postgres.iter().map(|address| format!(" and postgres://{address}"));
    let postgres: String = postgres.collect();
    let https = config.listen_https.iter().map(|address| format!(" and https://{address}"));
    let https: String = https.collect();
    format!("http://{} and https://{}{https}{postgres}", config.listen, config.listen_peers)
}

/// The addresses that are listened on, from start to stop.
pub(crate) struct Doors {
    plain: StdListener,
    peers: StdListener,
    https: Option<StdListener>,
    postgres: Option<StdListener>,
}

/// The listeners of the doors, for as long as the unit serves or stands by.
pub(crate) struct Listeners {
    pub plain: TcpListener,
    pub peers: TcpListener,
    pub https: Option<TcpListener>,
    pub postgres: Option<TcpListener>,
}

/// What the doors with TLS show.
pub(crate) struct Shown {
    /// To peers: the certificate in the unit's card.
    pub own: Arc<rustls::ServerConfig>,
    /// To people.
    pub people: Arc<rustls::ServerConfig>,
    /// What people are shown, to be read anew.
    renewed: Arc<Certificate>,
}

impl Shown {
    fn read(folder: &Path, config: &Config) -> Result<Self, Error> {
        let renewed = Certificate::of_people(folder, config.tls.as_ref())?;
        let (own, people) = (Certificate::own(folder)?.server()?, renewed.server()?);
        Ok(Self { own, people, renewed })
    }
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
        let https = match &config.listen_https {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Self {
            https,
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
            https: self.https.as_ref().map(again).transpose()?,
            postgres: self.postgres.as_ref().map(again).transpose()?,
        })
    }
}

impl Listeners {
    /// Serves until the unit is told to stop, or another node takes the store.
    async fn serve(
        self,
        config: &Config,
        handle: Handle,
        shown: &Shown,
        (health, logger): (&Arc<Health>, &Arc<Logger>),
        (stopped, lease): (watch::Receiver<bool>, Option<Arc<Lease>>),
    ) -> Ended {
        let mut options = api::Options::new(&config.name, VERSION);
        options.config = config.api.clone();
        options.report = reporting(logger);
        options.ready = {
            let (health, handle) = (Arc::clone(health), handle.clone());
            Arc::new(move || health.check(&handle))
        };
        let postgres = api::Postgres {
            kernel: Arc::clone(handle.kernel()),
            version: VERSION.to_owned(),
            tls: Some(Arc::clone(&shown.people)),
            config: config.api.clone(),
            report: Arc::clone(&options.report),
        };
        let router = api::router(handle, options);
        let (stop, stopping) = watch::channel(false);
        let (limits, drains) = (|| config.api.clone(), || until(stopping.clone()));
        let (own, people) = (Arc::clone(&shown.own), Arc::clone(&shown.people));
        let plain = api::serve(self.plain, router.clone(), limits(), drains());
        let peers = api::serve_tls(self.peers, own, router.clone(), limits(), drains());
        let https = async {
            if let Some(listener) = self.https {
                api::serve_tls(listener, people, router, limits(), drains()).await;
            }
        };
        let renewal = async {
            tokio::select! {
                () = renew(&shown.renewed) => {}
                () = drains() => {}
            }
        };
        let sql = async {
            if let Some(listener) = self.postgres {
                api::serve_postgres(listener, postgres, drains()).await;
            }
        };
        let end = async {
            health.serves();
            let ended = tokio::select! {
                () = until(stopped) => Ended::Told,
                epoch = lost(lease) => Ended::Lost { epoch },
            };
            health.stops();
            let _ = stop.send(true);
            ended
        };
        let ((), (), (), (), (), ended) = tokio::join!(plain, peers, https, sql, renewal, end);
        ended
    }
}

/// Returns what writes defects to the log.
fn reporting(logger: &Arc<Logger>) -> api::Report {
    let logger = Arc::clone(logger);
    Arc::new(move |defect: &api::Defect<'_>| {
        let line = Line::new(LogLevel::Error, "api", &defect.problem.message);
        let (code, trace, call) =
            (Some(defect.problem.code.as_str()), defect.trace, Some(defect.id));
        logger.write(&Line { code, trace, call, ..line });
    })
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

/// Reads the certificate for people anew when its files change, and at SIGHUP. Where somebody sits at the unit's terminal,
/// SIGHUP is the end of it.
async fn renew(certificate: &Arc<Certificate>) {
    use tokio::signal::unix::{SignalKind, signal};
    /// How often the files are looked at.
    const EVERY: Duration = Duration::from_secs(10);
    let is_service = !std::io::IsTerminal::is_terminal(&std::io::stdin());
    let mut told = is_service.then(|| signal(SignalKind::hangup()).ok()).flatten();
    loop {
        let hangup = async {
            match &mut told {
                Some(told) => {
                    told.recv().await;
                }
                None => std::future::pending::<()>().await,
            }
        };
        let _ = tokio::time::timeout(EVERY, hangup).await;
        let certificate = Arc::clone(certificate);
        match tokio::task::spawn_blocking(move || certificate.reload()).await {
            Ok(Ok(true)) => println!("the certificate was read anew"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => report(&Problem::from(error)),
            Err(error) => eprintln!("error: the certificate was not read: {error}"),
        }
    }
}

/// Returns what tells that the unit is to stop.
fn told(runtime: &Runtime) -> watch::Receiver<bool> {
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
    data: Arc<Data>,
    exchange: Arc<Exchange>,
    tracer: Arc<Tracer>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Background {
    fn start(
        config: &Config,
        handle: &Handle,
        (keeper, data): (Keeper, Arc<Data>),
        exchange: &Arc<Exchange>,
        network: Arc<dyn Network>,
        rest: &Arc<Rest>,
        (nodes, logger): (&Arc<Nodes>, &Arc<Logger>),
    ) -> Result<Self, Problem> {
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
            let (kernel, nodes) = (Arc::clone(handle.kernel()), Arc::clone(nodes));
            let is_stopping = Arc::clone(&is_stopping);
            move || nodes.watch(&kernel, &is_stopping)
        };
        threads.push(thread("watch", watch)?);
        let decisions = {
            let (config, handle, rest) = (config.clone(), handle.clone(), Arc::clone(rest));
            let is_stopping = Arc::clone(&is_stopping);
            let work = enter("decisions", "evaluates decisions and scripts");
            move || decide(&config, &handle, &rest, &is_stopping, &work)
        };
        threads.push(thread("decisions", decisions)?);
        let tables = {
            let (handle, rest) = (handle.clone(), Arc::clone(rest));
            let is_stopping = Arc::clone(&is_stopping);
            let work = enter("tables", "looks after tables and materialised views");
            move || keep(keeper, &handle, &rest, &is_stopping, &work)
        };
        threads.push(thread("tables", tables)?);
        let kpis = {
            let (handle, rest) = (handle.clone(), Arc::clone(rest));
            let is_stopping = Arc::clone(&is_stopping);
            let work = enter("kpis", "evaluates KPIs and quality rules");
            move || measure(&handle, &rest, &is_stopping, &work)
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
        Ok(Self { is_stopping, data, exchange: Arc::clone(exchange), tracer, threads })
    }

    fn stop(self, rest: &Rest, nodes: &Nodes) {
        self.is_stopping.store(true, Ordering::SeqCst);
        rest.decisions.ring();
        rest.tables.ring();
        rest.kpis.ring();
        nodes.ring();
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
fn keep(mut keeper: Keeper, handle: &Handle, rest: &Rest, is_stopping: &AtomicBool, work: &Work) {
    /// How often rows that wait in the log are looked at.
    const EVERY: Duration = Duration::from_millis(500);
    while !is_stopping.load(Ordering::SeqCst) {
        let seen = rest.tables.count();
        // What a unit that was restored has still to ask its peers comes before its tables.
        if work.is_paused() || handle.kernel().is_closed() {
            rest.tables.wait(seen, EVERY);
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
            Ok(Round::Rest) => rest.tables.wait(seen, EVERY),
            Err(problem) => {
                // It is left alone for a while; what else is due is looked at as often as ever.
                report(&problem);
                rest.tables.wait(seen, EVERY);
            }
        }
    }
}

/// Evaluates the decisions and scripts that wait, in a worker process, and records the results.
fn decide(config: &Config, handle: &Handle, rest: &Rest, is_stopping: &AtomicBool, work: &Work) {
    /// Decisions that are looked up at once and recorded in one call at most.
    const BATCH: usize = 256;
    let mut worker = Worker::new(config);
    loop {
        let seen = rest.decisions.count();
        let decided = match work.is_paused() {
            true => Ok(0),
            false => decide_some(handle, &mut worker, BATCH, is_stopping),
        };
        match decided {
            Ok(0) if work.is_paused() => rest.decisions.wait(seen, PAUSED),
            Ok(0) => rest.decisions.wait(seen, Duration::from_secs(5)),
            Ok(_) => work.worked(thread_cpu_ms()),
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
fn measure(handle: &Handle, rest: &Rest, is_stopping: &AtomicBool, work: &Work) {
    /// What is looked up at once.
    const BATCH: usize = 64;
    /// How long what failed waits, where nothing new comes.
    const AGAIN: Duration = Duration::from_secs(30);
    loop {
        let seen = rest.kpis.count();
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
