//! Starts a unit, keeps it running, and stops it without losing a call.

use crate::assembly::{Assembly, assemble, assemble_over, report};
use crate::background::{self, Background};
use crate::health::Health;
use crate::logging::{Line, LogLevel, Logger};
use crate::sight::{Running, VERSION};
use crate::standby::{Standby, Waiting};
use crate::things::{self, Things};
use crate::tls::Certificate;
use crate::{Config, Error, addresses, host, network, stored, tls};
use base::Problem;
use kernel::{Kernel, Principal, Reader};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
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

/// What there is of a unit before its store is open.
struct Before {
    health: Arc<Health>,
    logger: Arc<Logger>,
    /// What the doors with TLS show.
    shown: Shown,
    /// Tells that the unit is to stop.
    stopped: watch::Receiver<bool>,
}

/// What ends the serving.
struct Until {
    /// The unit is told to stop.
    stopped: watch::Receiver<bool>,
    /// Another node takes the store, where it can.
    lease: Option<Arc<Lease>>,
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
    host::take_small_pages();
    host::take_files();
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
        Some(assembly) => {
            let logger = Arc::clone(&logger);
            serve(&runtime, doors, assembly, Before { health, logger, shown, stopped })?
        }
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
    before: Before,
) -> Result<Ended, Problem> {
    let Before { health, logger, shown: shown_by_doors, stopped } = before;
    let Assembly {
        config,
        kernel,
        writer,
        data,
        exchange,
        desk,
        fleet,
        network,
        settled,
        nodes,
        sight,
        lease,
        ..
    } = assembly;
    logger.knows(&kernel);
    let handle = kernel::spawn(writer)?;
    network::commits(&handle, &exchange);
    let commits = handle.clone();
    desk.set_commits(Some(Arc::new(move |call, done| commits.submit(call, done))));
    let background = Background::start(background::Parts {
        config: &config,
        handle: &handle,
        data,
        exchange: &exchange,
        desk: &desk,
        network,
        settled,
        nodes,
        logger: &logger,
    })?;
    let running = Running { logger: Arc::clone(&logger), health, handle: handle.clone() };
    sight.runs(Some(running.clone()));
    let listeners = runtime.block_on(async { doors.listeners() })?;
    let things = Things::open(&config, &handle, &fleet, &doors.things, &shown_by_doors.things)?;
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
    let until = Until { stopped, lease: lease.clone() };
    let ended = runtime.block_on(listeners.serve(&config, running, &shown_by_doors, until));
    println!("unit {} drains", config.name);
    logger.announce("the unit drains");
    things.close();
    background.stop();
    desk.set_commits(None);
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
    let Assembly { kernel, processes, exchange, desk, fleet, lock: _lock, .. } = assemble(folder)?;
    let mut faults = kernel.store().verify()?;
    let reader = Reader::new(&kernel, Principal::Unit("verify".into()))?;
    faults.extend(processes.verify(&reader)?);
    faults.extend(exchange.verify(&reader)?);
    faults.extend(desk.verify(&reader)?);
    faults.extend(fleet.verify(&reader)?);
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

/// The addresses of the doors, for people: what they can open.
fn shown(config: &Config) -> String {
    let machine = addresses::of_machine();
    let told = |scheme: &str, listen: &str| addresses::told(scheme, listen, &machine);
    let mut doors = vec![told("http", &config.listen), told("https", &config.listen_peers)];
    doors.extend(config.listen_https.iter().map(|listen| told("https", listen)));
    doors.extend(config.listen_postgres.iter().map(|listen| told("postgres", listen)));
    doors.extend(things::told(config, &machine));
    doors.join(" and ")
}

/// The addresses that are listened on, from start to stop.
pub(crate) struct Doors {
    plain: StdListener,
    peers: StdListener,
    https: Option<StdListener>,
    postgres: Option<StdListener>,
    pub things: things::Addresses,
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
    /// To things.
    pub things: things::Shown,
    /// What people are shown, to be read anew.
    renewed: Arc<Certificate>,
}

impl Shown {
    fn read(folder: &Path, config: &Config) -> Result<Self, Error> {
        let renewed = Certificate::of_people(folder, config.tls.as_ref())?;
        let (own, people) = (Certificate::own(folder)?.server()?, renewed.server()?);
        let devices = renewed.server_with_clients()?;
        let things = things::Shown { devices, browsers: Arc::clone(&people) };
        Ok(Self { own, people, things, renewed })
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
            things: things::Addresses::open(config).await?,
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
    async fn serve(self, config: &Config, running: Running, shown: &Shown, ends: Until) -> Ended {
        let Running { logger, health, handle } = running;
        let mut options = api::Options::new(&config.name, VERSION);
        options.config = config.api.clone();
        options.report = reporting(&logger);
        options.ready = {
            let (health, handle) = (Arc::clone(&health), handle.clone());
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
                () = until(ends.stopped) => Ended::Told,
                epoch = lost(ends.lease) => Ended::Lost { epoch },
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

/// Listens on an address.
///
/// # Errors
/// `unit.listen`.
pub(crate) async fn listen(address: &str) -> Result<StdListener, Error> {
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
