//! Puts a unit together from its folder.

use crate::network::Https;
use crate::rest::Rest;
use crate::{Clock, Config, Error, files};
use base::{DrivenClock, Problem, SystemClock, SystemEntropy, Time};
use data::Data;
use exchange::{Exchange, Identity, Network};
use kernel::{Kernel, Parts, Principal, Reader, Writer};
use process::Processes;
use std::path::Path;
use std::sync::Arc;
use store::{FileBlobs, JournaledStore, SqliteStore};

/// A unit, put together and not yet running.
pub(crate) struct Assembly {
    pub config: Config,
    pub kernel: Arc<Kernel>,
    pub writer: Writer,
    pub data: Arc<Data>,
    pub processes: Arc<Processes>,
    pub exchange: Arc<Exchange>,
    pub network: Arc<dyn Network>,
    pub rest: Arc<Rest>,
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
    assemble_as(folder, Config::read(folder)?)
}

/// As [`assemble`], with a configuration.
///
/// # Errors
/// As [`assemble`].
pub(crate) fn assemble_as(folder: &Path, config: Config) -> Result<Assembly, Problem> {
    let identity = Identity::from_text(&files::read(&folder.join(files::KEY))?)?;
    let certificate = files::read(&folder.join(files::CERTIFICATE))?;
    let tables = SqliteStore::open(folder.join(files::STORE), &config.store)?;
    let store = JournaledStore::open(Arc::new(tables))?;
    let clock: Arc<dyn base::Clock> = match config.clock {
        Clock::System => Arc::new(SystemClock::new()),
        Clock::Driven => Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
    };
    let processes = Arc::new(Processes::new(config.process.clone()));
    let mut limits = config.data.clone();
    limits.spill_folder.get_or_insert_with(|| folder.join(files::SPILL));
    let data = Data::new(limits, Arc::new(FileBlobs::new(folder)));
    let card = identity.card(Some(&config.url()), Some(&certificate));
    let exchange = Exchange::new(identity, card, config.exchange.clone(), Arc::new(SystemEntropy));
    let exchange = Arc::new(exchange.started(clock.wall()));
    let network: Arc<dyn Network> = Arc::new(Https::new(config.exchange.response_bytes_max));
    exchange.set_network(Arc::clone(&network));
    let parts = (Arc::clone(&exchange), Arc::clone(&data), folder.to_owned());
    let rest = Arc::new(Rest::new(parts.0, parts.1, parts.2));
    let (kernel, writer) = Kernel::new(Parts {
        store: Arc::new(store),
        clock,
        entropy: Arc::new(SystemEntropy),
        engines: vec![
            Arc::clone(&data) as Arc<dyn kernel::Engine>,
            Arc::clone(&processes) as Arc<dyn kernel::Engine>,
            Arc::clone(&exchange) as Arc<dyn kernel::Engine>,
            Arc::clone(&rest) as Arc<dyn kernel::Engine>,
        ],
        config: config.kernel.clone(),
    })?;
    // Before the first call: a unit that was restored asks its peers first.
    exchange.reconsider(&Reader::new(&kernel, Principal::Unit("exchange".into()))?)?;
    Ok(Assembly { config, kernel, writer, data, processes, exchange, network, rest })
}

/// Reports a problem that no caller waits for.
pub(crate) fn report(problem: &Problem) {
    eprintln!("error: {} [{}]", problem.message, problem.code);
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
