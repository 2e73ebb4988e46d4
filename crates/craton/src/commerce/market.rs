//! Three units in a folder, each a process of its own.

use crate::client::{Client, Request};
use crate::connect;
use crate::error::Error;
use crate::manifests;
use crate::replay::UnitAddress;
use crate::routes;
use base::{Clock, Entropy, Problem, SystemClock, SystemEntropy};
use serde_json::{Value, json};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
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
    process: Mutex<Process>,
}

/// The process of a unit.
enum Process {
    /// It does not run.
    Absent,
    /// It runs; the end of its standard input tells it to drain.
    Running(Child, Option<ChildStdin>),
    /// It was stopped for good: nobody starts it again.
    Stopped,
}

/// The three units.
pub struct Market {
    /// The units, in the order of [`UNITS`].
    pub units: Vec<Unit>,
}

impl Unit {
    /// Returns a client of the unit, as its owner.
    ///
    /// # Errors
    /// Never: the units are reached without TLS.
    pub fn client(&self) -> Result<Client, Problem> {
        Client::new(&self.url, Some(self.token.clone()), None)
    }

    /// Asks the unit in SQL.
    pub fn sql(&self, sql: &str) -> Result<Value, Problem> {
        self.client()?
            .send(&Request::post(&["sql", "query"]).json(&json!({"sql": sql, "format": "json"})))
    }

    /// Returns how many rows a stream has.
    pub fn rows(&self, stream: &str) -> Result<u64, Problem> {
        let answer = self.client()?.send(&routes::stream_read(stream).query("last", Some(0)))?;
        Ok(answer["end"].as_u64().unwrap_or_default())
    }

    /// Starts the unit's process; its log goes to a file in its folder.
    ///
    /// # Errors
    /// `cli.file` where it cannot be started, `cli.ended` where it was stopped for good.
    pub fn start(&self) -> Result<(), Problem> {
        let mut process = self.process();
        if matches!(*process, Process::Stopped) {
            return Err(self.ended("stopped"));
        }
        let failed = |source| self.failed("started", source);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("unit.log"));
        let log = log.map_err(failed)?;
        let mut child = std::env::current_exe()
            .and_then(|program| {
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
        *process = Process::Running(child, lifeline);
        Ok(())
    }

    /// Waits until the unit answers.
    ///
    /// # Errors
    /// `cli.ended` where its process has ended, or what it says when it takes too long.
    pub fn wait_ready(&self) -> Result<(), Problem> {
        let (clock, client) = (SystemClock::new(), self.client()?);
        loop {
            match client.open(&routes::ready()) {
                Ok(_) => return Ok(()),
                Err(problem) if PATIENCE < clock.monotonic() => return Err(problem),
                Err(_) => std::thread::sleep(PAUSE),
            }
            self.check_alive()?;
        }
    }

    /// Kills the unit's process where it stands, as a crash would.
    ///
    /// # Errors
    /// `cli.ended` where it had ended by itself or was stopped: that is no kill.
    pub fn kill(&self) -> Result<(), Problem> {
        let mut process = self.process();
        let Process::Running(child, _) = &mut *process else { return Err(self.ended("stopped")) };
        let killed = child.kill().and_then(|()| child.wait());
        let status = killed.map_err(|source| self.failed("killed", source))?;
        *process = Process::Absent;
        if status.signal() == Some(libc::SIGKILL) {
            Ok(())
        } else {
            Err(self.ended(&status.to_string()))
        }
    }

    /// Tells the unit to drain, for good; returns its process where there is one.
    fn let_go(&self) -> Option<Child> {
        match std::mem::replace(&mut *self.process(), Process::Stopped) {
            // The lifeline ends here.
            Process::Running(child, _lifeline) => Some(child),
            Process::Absent | Process::Stopped => None,
        }
    }

    fn check_alive(&self) -> Result<(), Problem> {
        let how = match &mut *self.process() {
            Process::Running(child, _) => match child.try_wait() {
                Ok(Some(status)) => status.to_string(),
                _ => return Ok(()),
            },
            Process::Absent | Process::Stopped => "stopped".into(),
        };
        Err(self.ended(&how))
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the problem of a process that ended when it should not have, with the last line of its log.
    fn ended(&self, how: &str) -> Problem {
        let log = std::fs::read_to_string(self.folder.join("unit.log")).unwrap_or_default();
        let last = log.lines().last().unwrap_or_default();
        Error::Ended { units: format!("{} ({how}): {last}", self.name) }.into()
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> Problem {
        Error::File { path: self.folder.display().to_string(), action, source }.into()
    }
}

impl Market {
    /// Makes the three units in a folder that is empty, with their stores in a database where one is named.
    ///
    /// # Errors
    /// What `init` says.
    pub fn make(folder: &Path, store: Option<&str>) -> Result<Self, Problem> {
        // A database may hold the units of an earlier play.
        let play = SystemEntropy.number();
        let database = |name: &str| {
            store.map(|url| unit::Database {
                url: url.to_owned(),
                node: "a".into(),
                schema: format!("{name}_{play:016x}"),
            })
        };
        let units = UNITS.iter().map(|name| make(folder, name, database(name)));
        Ok(Self { units: units.collect::<Result<_, _>>()? })
    }

    /// Starts the units, lets them know each other, concludes their contracts and applies the example.
    ///
    /// # Errors
    /// What `up`, `apply` or the exchange says.
    pub fn start(&self) -> Result<(), Problem> {
        self.units.iter().try_for_each(Unit::start)?;
        self.units.iter().try_for_each(Unit::wait_ready)?;
        self.introduce()?;
        for unit in &self.units {
            if unit.name == "retail" {
                self.conclude()?;
            }
            apply(unit)?;
        }
        Ok(())
    }

    /// Returns a unit.
    pub fn unit(&self, name: &str) -> &Unit {
        // Invariant: the names are those of UNITS, and a market has all of them.
        let place = UNITS.iter().position(|known| *known == name).unwrap_or(0);
        &self.units[place]
    }

    /// Returns where the units are reached, for a replay.
    pub fn addresses(&self) -> Vec<UnitAddress> {
        let address = |unit: &Unit| UnitAddress {
            name: unit.name.into(),
            url: unit.url.clone(),
            token: unit.token.clone(),
        };
        self.units.iter().map(address).collect()
    }

    /// Lets every unit know its neighbours by their cards.
    fn introduce(&self) -> Result<(), Problem> {
        let card = |unit: &Unit| unit.client()?.send(&Request::get(&["exchange", "card"]));
        let retail = self.unit("retail");
        for provider in self.units.iter().filter(|unit| unit.name != "retail") {
            let add = |unit: &Unit, peer: &Unit, card: &Value| {
                let body = json!({"name": peer.name, "card": card});
                unit.client()?.send(&Request::post(&["peers", "add"]).json(&body)).map(|_| ())
            };
            add(retail, provider, &card(provider)?)?;
            add(provider, retail, &card(retail)?)?;
        }
        Ok(())
    }

    /// Has retail propose its contracts, and waits until both are concluded.
    fn conclude(&self) -> Result<(), Problem> {
        let client = self.unit("retail").client()?;
        for (peer, offers) in CONTRACTS {
            let body = json!({"name": peer, "peer": peer, "offers": offers});
            client.send(&Request::post(&["contracts", "propose"]).json(&body))?;
        }
        let clock = SystemClock::new();
        for (name, _) in CONTRACTS {
            while client.send(&Request::get(&["contracts", name]))?["state"] != "finalized" {
                if PATIENCE < clock.monotonic() {
                    let hint =
                        "name a folder with `--dir`, and look into unit.log of both units there";
                    return Err(Error::usage(
                        format!("the contract `{name}` was not concluded in time"),
                        hint,
                    )
                    .into());
                }
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }

    /// Lets all units drain, and waits for their end. Nobody starts them again.
    pub fn stop(&self) {
        let processes: Vec<Child> = self.units.iter().filter_map(Unit::let_go).collect();
        for mut process in processes {
            // Gone already is as good.
            let _ = process.wait();
        }
    }
}

impl Drop for Market {
    fn drop(&mut self) {
        self.stop();
    }
}

fn make(
    folder: &Path,
    name: &'static str,
    database: Option<unit::Database>,
) -> Result<Unit, Problem> {
    let folder = folder.join(name);
    let listen = free_address()?;
    let options = unit::Options {
        name: name.into(),
        listen: listen.clone(),
        listen_peers: free_address()?,
        listen_postgres: free_address()?,
        clock: unit::Clock::Driven,
        database,
    };
    let made = unit::init(&folder, &options)?;
    connect::keep_token(&folder, &made.owner_token)?;
    let application = folder.join(name);
    std::fs::create_dir_all(&application)
        .map_err(|error| Error::unreadable(&application, error))?;
    for (_, file, text) in FILES.iter().filter(|(unit, ..)| *unit == name) {
        let path = application.join(file);
        std::fs::write(&path, text).map_err(|error| Error::unreadable(&path, error))?;
    }
    Ok(Unit {
        name,
        url: format!("http://{listen}"),
        folder,
        token: made.owner_token,
        process: Mutex::new(Process::Absent),
    })
}

/// Returns an address of loopback that nobody listens on. It is below those ports that the system gives out by itself, to connections
/// too, so that none of them takes it before the unit listens there.
fn free_address() -> Result<String, Problem> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut tries = 1_000;
    loop {
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let number = std::process::id().wrapping_mul(61).wrapping_add(next);
        let address = format!("127.0.0.1:{}", 12_000 + number % 20_000);
        tries -= 1;
        match std::net::TcpListener::bind(&address) {
            Ok(_) => return Ok(address),
            Err(source) if tries == 0 => {
                return Err(
                    Error::File { path: address.into(), action: "listened on", source }.into()
                );
            }
            Err(_) => {}
        }
    }
}

fn apply(unit: &Unit) -> Result<(), Problem> {
    let folder = manifests::read(&unit.folder.join(unit.name), Some(unit.name))?;
    unit.client()?
        .send(&Request::post(&["resources", "apply"]).json(&folder.body(false)))
        .map(|_| ())
}
