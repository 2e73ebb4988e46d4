//! Puts a unit together from its folder.

use crate::backup::Backups;
use crate::fetch::Fetches;
use crate::network::Https;
use crate::node::Nodes;
use crate::providers::Providers;
use crate::settled::Settled;
use crate::sight::Sight;
use crate::stored::{self, Stored};
use crate::{Clock, Config, Error, files, host, secret_key, worker};
use base::{DrivenClock, Problem, SystemClock, SystemEntropy, Time};
use data::Data;
use desk::Desk;
use device::Fleet;
use exchange::{Exchange, Identity, Network};
use kernel::{Kernel, Parts, Principal, Reader, Writer};
use process::Processes;
use std::path::Path;
use std::sync::Arc;
use store::{FileLock, JournaledStore, Lease};

/// A unit, put together and not yet running.
pub(crate) struct Assembly {
    pub config: Config,
    pub kernel: Arc<Kernel>,
    pub writer: Writer,
    pub data: Arc<Data>,
    pub processes: Arc<Processes>,
    pub exchange: Arc<Exchange>,
    pub desk: Arc<Desk>,
    pub fleet: Arc<Fleet>,
    pub network: Arc<dyn Network>,
    pub settled: Arc<Settled>,
    pub nodes: Arc<Nodes>,
    pub sight: Arc<Sight>,
    /// The hold on a store that other nodes share.
    pub lease: Option<Arc<Lease>>,
    /// What keeps a second process of this node out, where that is not the caller's business.
    pub lock: Option<FileLock>,
}

impl Assembly {
    pub(crate) fn into_writer(self) -> (Arc<Kernel>, Writer) {
        (self.kernel, self.writer)
    }
}

/// Opens a unit's store and puts its engines around it.
///
/// # Errors
/// Where the folder is no unit or its store cannot be opened.
pub(crate) fn assemble(folder: &Path) -> Result<Assembly, Problem> {
    let config = Config::read(folder)?;
    let lock = stored::lock(folder, &config)?;
    let stored = stored::open(folder, &config)?;
    Ok(Assembly { lock, ..assemble_over(folder, config, stored)? })
}

/// As [`assemble`], over a store that is open.
///
/// # Errors
/// As [`assemble`].
pub(crate) fn assemble_over(
    folder: &Path,
    config: Config,
    stored: Stored,
) -> Result<Assembly, Problem> {
    let Stored { tables, blobs, lease } = stored;
    let identity = Identity::from_text(&files::read(&folder.join(files::KEY))?)?;
    let unit = identity.unit().to_owned();
    let certificate = files::read(&folder.join(files::CERTIFICATE))?;
    let store = JournaledStore::open(tables)?;
    let clock: Arc<dyn base::Clock> = match config.clock {
        Clock::System => Arc::new(SystemClock::new()),
        Clock::Driven => Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
    };
    let processes = Arc::new(Processes::new(config.process.clone()));
    processes.evaluate_outside(worker::outside(&config));
    let mut limits = config.data.clone();
    limits.spill_folder.get_or_insert_with(|| folder.join(files::SPILL));
    let data = Data::new(limits, blobs);
    let card = identity.card(Some(&config.url()), Some(&certificate));
    let exchange = Exchange::new(identity, card, config.exchange.clone(), Arc::new(SystemEntropy));
    let exchange = Arc::new(exchange.started(clock.wall()));
    let network: Arc<dyn Network> = Arc::new(Https::new(config.exchange.response_bytes_max));
    exchange.set_network(Arc::clone(&network));
    let desk = Arc::new(Desk::new(config.desk.clone()));
    let fleet = Arc::new(Fleet::new(config.device.clone()));
    let settled = Arc::new(Settled::new(Arc::clone(&exchange)));
    let backups = Backups::new(folder, &data, &exchange);
    let fetches = Fetches::new(config.fetch_megabytes_max);
    let sight = Arc::new(Sight::new(folder, exchange.identity().unit()));
    let nodes = Arc::new(Nodes::new(folder, config.disk_free_megabytes_min << 20));
    let mut kernel_limits = config.kernel.clone();
    let memory_max = config.memory_megabytes_max.map(|megabytes| megabytes << 20);
    kernel_limits.memory_bytes_max =
        memory_max.or(kernel_limits.memory_bytes_max).or_else(host::memory_default);
    let (kernel, writer) = Kernel::new(Parts {
        store: Arc::new(store),
        clock,
        entropy: Arc::new(SystemEntropy),
        engines: vec![
            Arc::clone(&data) as Arc<dyn kernel::Engine>,
            Arc::clone(&processes) as Arc<dyn kernel::Engine>,
            Arc::clone(&exchange) as Arc<dyn kernel::Engine>,
            Arc::clone(&desk) as Arc<dyn kernel::Engine>,
            Arc::clone(&fleet) as Arc<dyn kernel::Engine>,
            Arc::clone(&settled) as Arc<dyn kernel::Engine>,
            Arc::new(backups),
            Arc::new(fetches),
            Arc::clone(&sight) as Arc<dyn kernel::Engine>,
            Arc::clone(&nodes) as Arc<dyn kernel::Engine>,
        ],
        config: kernel_limits,
    })?;
    kernel.unlock(&unit, secret_key::source(folder, &config.secret_key))?;
    kernel.set_web(Arc::new(Providers::new()));
    // Before the first call: a unit that was restored asks its peers first.
    exchange.reconsider(&Reader::new(&kernel, Principal::Unit("exchange".into()))?)?;
    Ok(Assembly {
        config,
        kernel,
        writer,
        data,
        processes,
        exchange,
        desk,
        fleet,
        network,
        settled,
        nodes,
        sight,
        lease,
        lock: None,
    })
}

/// Reports a problem that no caller waits for, to the log.
pub(crate) fn report(problem: &Problem) {
    log::error!(target: "unit", "{} [{}]", problem.message, problem.code);
}

/// Starts a thread with a name.
pub(crate) fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(|source| Error::System { what: "thread", source })
}
