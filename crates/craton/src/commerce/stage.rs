//! The place where the example business plays: a folder with three units, and an end in order whatever happens.
//!
//! The units run in process groups of their own, so that a Ctrl-C on the terminal reaches only this program.

use super::market::Market;
use super::violence::{self, Kills};
use crate::error::Error;
use crate::replay::UnitAddress;
use crate::supervise;
use base::{Entropy, Problem, SystemEntropy};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How often is looked whether the work is done.
const LOOK: Duration = Duration::from_millis(20);
/// What is added to a signal's number to make the exit status of a program that it ended.
const ENDED_BY: i32 = 128;

/// Where the units are made.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Their folder; a new one among the temporary files where absent.
    pub dir: Option<PathBuf>,
    /// The database that holds their stores; files in their folders where absent.
    pub store: Option<String>,
}

/// Makes and starts three units, has `work` done with them, kills them meanwhile as wanted, and stops them.
/// Ctrl-C ends the program in order.
///
/// # Errors
/// What `work` says, `cli.*` where the units cannot be made or end by themselves, `replay.kills` where there were too few.
pub fn play<T: Send>(
    place: &Place,
    kills: &Kills,
    work: impl FnOnce(&[UnitAddress]) -> Result<T, Problem> + Send,
) -> Result<T, Problem> {
    Stage::make(place)?.play(|market| {
        market.start()?;
        let addresses = market.addresses();
        violence::during(market, kills, || work(&addresses))
    })
}

/// Three units in a folder. When it is dropped they are stopped, and a temporary folder is removed.
pub struct Stage {
    // In this order: the units stop before their folder goes.
    market: Market,
    folder: Folder,
    signals: Receiver<i32>,
}

impl Stage {
    /// Makes three units: in the folder that is given, or in a new one among the temporary files.
    ///
    /// # Errors
    /// `cli.file`, or what `init` says.
    pub fn make(place: &Place) -> Result<Self, Problem> {
        // First of all: from here on a Ctrl-C leaves nothing behind.
        let signals = signals()?;
        let folder = Folder::make(place.dir.as_deref())?;
        let market = Market::make(&folder.path, place.store.as_deref())?;
        Ok(Self { market, folder, signals })
    }

    /// Returns the units.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Does something with the units. Ctrl-C ends the program in order, at once.
    ///
    /// # Errors
    /// What `work` says.
    pub fn play<T: Send>(
        &self,
        work: impl FnOnce(&Market) -> Result<T, Problem> + Send,
    ) -> Result<T, Problem> {
        let market = &self.market;
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || work(market));
            while !worker.is_finished() {
                if let Ok(signal) = self.signals.recv_timeout(LOOK) {
                    self.end(signal);
                }
            }
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Waits for Ctrl-C.
    pub fn wait(&self) {
        // The channel ends only with the program.
        let _ = self.signals.recv();
    }

    /// Ends the program as a signal asks for. Who works with the units sees them drain, and gets no further than that.
    fn end(&self, signal: i32) -> ! {
        eprintln!("stopping");
        self.market.stop();
        self.folder.remove();
        std::process::exit(ENDED_BY + signal)
    }
}

/// Passes the first Ctrl-C or SIGTERM on; the second ends the program where it stands, and the units drain by themselves.
fn signals() -> Result<Receiver<i32>, Problem> {
    let (sender, signals) = channel();
    let mut count = 0;
    supervise::on_signal(move |signal| {
        count += 1;
        if 1 < count || sender.send(signal).is_err() {
            std::process::exit(ENDED_BY + signal);
        }
        true
    })?;
    Ok(signals)
}

/// The folder of the units.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    /// Makes the folder that is given, or a new one among the temporary files.
    fn make(given: Option<&Path>) -> Result<Self, Problem> {
        let is_temporary = given.is_none();
        let path = given.map_or_else(
            || std::env::temp_dir().join(format!("craton-{:016x}", SystemEntropy.number())),
            Path::to_path_buf,
        );
        // Its units' keys and tokens are for nobody else; a temporary one that is there already is somebody else's.
        let made = std::fs::DirBuilder::new().recursive(!is_temporary).mode(0o700).create(&path);
        made.map_err(|error| Error::unwritable(&path, error))?;
        Ok(Self { path, is_temporary })
    }

    fn remove(&self) {
        if self.is_temporary {
            // What a temporary folder leaves behind does no harm.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_goes_and_a_named_one_stays() {
        let temporary = Folder::make(None).expect("a folder");
        let path = temporary.path.clone();
        std::fs::write(path.join("store.db"), "").expect("writes");
        let inside = Folder::make(Some(&path.join("units/market"))).expect("a folder");
        let named = inside.path.clone();
        drop(inside);
        assert!(named.is_dir());
        drop(temporary);
        assert!(!path.exists());
    }
}
