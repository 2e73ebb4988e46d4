//! Three units in a folder, each a process of its own.

use crate::client::{Client, Request};
use crate::connect;
use crate::error::Error;
use crate::manifests;
use crate::replay::UnitAddress;
use base::{Clock, Problem, SystemClock};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The files of the example, by unit and name.
const FILES: &[(&str, &str, &str)] = &include!(concat!(env!("OUT_DIR"), "/commerce.rs"));
/// The units; providers before their consumer.
pub const UNITS: [&str; 3] = ["payment", "logistics", "retail"];
/// What retail asks of whom: the contract's name, which is the provider's too, and the offers.
const CONTRACTS: [(&str, &[&str]); 2] =
    [("payment", &["authorise", "refund"]), ("logistics", &["deliver", "shipments"])];
/// The longest that a unit may take to get ready, or a contract to be concluded.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// One unit of the market.
pub struct Unit {
    /// Its name.
    pub name: &'static str,
    /// Its folder.
    pub folder: PathBuf,
    /// Where it is reached.
    pub url: String,
    /// The owner's token.
    pub token: String,
    process: Mutex<Option<(Child, Option<ChildStdin>)>>,
}

/// The three units.
pub struct Market {
    /// The units, in the order of [`UNITS`].
    pub units: Vec<Arc<Unit>>,
}

impl Unit {
    fn client(&self) -> Client {
        Client::new(&self.url, Some(self.token.clone()))
    }

    /// Asks the unit in SQL.
    pub fn sql(&self, sql: &str) -> Result<Value, Problem> {
        self.client().send(&Request::post(&["sql", "query"]).json(&json!({"sql": sql, "format": "json"})))
    }

    /// Starts the unit's process; its log goes to a file in its folder.
    pub fn start(&self) -> Result<(), Problem> {
        let failed = |source| Error::File { path: self.folder.display().to_string(), action: "started", source };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("unit.log"));
        let log = log.map_err(failed)?;
        let mut child = std::env::current_exe()
            .and_then(|program| {
                use std::os::unix::process::CommandExt;
                Command::new(program)
                    .args(["up", "--supervised"])
                    .arg(&self.folder)
                    .stdin(Stdio::piped())
                    .stdout(log.try_clone()?)
                    .stderr(log)
                    .process_group(0)
                    .spawn()
            })
            .map_err(failed)?;
        let lifeline = child.stdin.take();
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some((child, lifeline));
        Ok(())
    }

    /// Waits until the unit answers; returns how long that took.
    pub fn wait_ready(&self) -> Result<Duration, Problem> {
        let clock = SystemClock::new();
        loop {
            match self.client().open(&Request::at("/health/ready")) {
                Ok(_) => return Ok(clock.monotonic()),
                Err(problem) if PATIENCE < clock.monotonic() => return Err(problem),
                Err(_) => std::thread::sleep(PAUSE),
            }
            let mut guard = self.process.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((child, _)) = guard.as_mut()
                && let Ok(Some(status)) = child.try_wait()
            {
                let log = std::fs::read_to_string(self.folder.join("unit.log")).unwrap_or_default();
                let last = log.lines().last().unwrap_or_default().to_owned();
                return Err(Error::Ended { units: format!("{} ({status}): {last}", self.name) }.into());
            }
        }
    }

    /// Kills the unit's process where it stands, as a crash would.
    pub fn kill(&self) {
        if let Some((mut child, _)) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // Gone already is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Lets the unit drain and waits for its end.
    fn stop(&self) {
        if let Some((mut child, lifeline)) = self.process.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(lifeline);
            let _ = child.wait();
        }
    }
}

impl Market {
    /// Makes and starts the three units in a folder that is empty or not there yet.
    ///
    /// # Errors
    /// What `init`, `apply` or the exchange says.
    pub fn start(folder: &Path) -> Result<Self, Problem> {
        let units = UNITS.iter().map(|name| make(folder, name).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let market = Self { units };
        market.units.iter().try_for_each(|unit| unit.start())?;
        market.units.iter().try_for_each(|unit| unit.wait_ready().map(|_| ()))?;
        market.introduce()?;
        for unit in &market.units {
            if unit.name == "retail" {
                market.conclude()?;
            }
            apply(unit)?;
        }
        Ok(market)
    }

    /// Returns a unit.
    pub fn unit(&self, name: &str) -> &Unit {
        // Invariant: the names are those of UNITS, and a market has all of them.
        let place = UNITS.iter().position(|known| *known == name).unwrap_or(0);
        &self.units[place]
    }

    /// Returns where the units are reached, for a replay.
    pub fn addresses(&self) -> Vec<UnitAddress> {
        let address = |unit: &Arc<Unit>| UnitAddress {
            name: unit.name.into(),
            url: unit.url.clone(),
            token: unit.token.clone(),
        };
        self.units.iter().map(address).collect()
    }

    /// Lets every unit know its neighbours by their cards.
    fn introduce(&self) -> Result<(), Problem> {
        let card = |unit: &Unit| unit.client().send(&Request::get(&["exchange", "card"]));
        let retail = self.unit("retail");
        for provider in self.units.iter().filter(|unit| unit.name != "retail") {
            let add = |unit: &Unit, peer: &Unit, card: &Value| {
                let body = json!({"name": peer.name, "card": card});
                unit.client().send(&Request::post(&["peers", "add"]).json(&body)).map(|_| ())
            };
            add(retail, provider, &card(provider)?)?;
            add(provider, retail, &card(retail)?)?;
        }
        Ok(())
    }

    /// Has retail propose its contracts, and waits until both are concluded.
    fn conclude(&self) -> Result<(), Problem> {
        let client = self.unit("retail").client();
        for (peer, offers) in CONTRACTS {
            let body = json!({"name": peer, "peer": peer, "offers": offers});
            client.send(&Request::post(&["contracts", "propose"]).json(&body))?;
        }
        let clock = SystemClock::new();
        for (name, _) in CONTRACTS {
            while client.send(&Request::get(&["contracts", name]))?["state"] != "finalized" {
                if PATIENCE < clock.monotonic() {
                    return Err(Error::usage(format!("the contract `{name}` was not concluded in time"), "look into unit.log of both units").into());
                }
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// Lets all units drain.
    pub fn stop(&self) {
        self.units.iter().for_each(|unit| unit.stop());
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        self.stop();
    }
}

fn make(folder: &Path, name: &'static str) -> Result<Unit, Problem> {
    let folder = folder.join(name);
    let (listen, listen_peers) = (free_address()?, free_address()?);
    let options = unit::Options {
        name: name.into(),
        listen: listen.clone(),
        listen_peers,
        clock: unit::Clock::Driven,
    };
    let made = unit::init(&folder, &options)?;
    connect::keep_token(&folder, &made.owner_token)?;
    let application = folder.join(name);
    std::fs::create_dir_all(&application).map_err(|error| Error::unreadable(&application, error))?;
    for (_, file, text) in FILES.iter().filter(|(unit, ..)| *unit == name) {
        let path = application.join(file);
        std::fs::write(&path, text).map_err(|error| Error::unreadable(&path, error))?;
    }
    Ok(Unit { name, url: format!("http://{listen}"), folder, token: made.owner_token, process: Mutex::new(None) })
}

/// Returns an address of loopback that nobody listens on.
fn free_address() -> Result<String, Problem> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.to_string()).map_err(|source| {
        Error::File { path: "127.0.0.1".into(), action: "listened on", source }.into()
    })
}

fn apply(unit: &Unit) -> Result<(), Problem> {
    let folder = manifests::read(&unit.folder.join(unit.name), Some(unit.name))?;
    unit.client().send(&Request::post(&["resources", "apply"]).json(&folder.body(false))).map(|_| ())
}
