//! `init`, `up`, `verify`, `worker`: what happens in a unit's folder itself.

use crate::{client::Client, connect, error::Error, manifests, output, report, routes, supervise};
use base::{Name, Problem};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of the starter application inside a unit's folder.
const STARTER: &str = "starter";
/// Present until the starter application was applied.
const STARTER_PENDING: &str = "starter/.apply-at-first-start";
/// The starter application.
const STARTER_FILES: [(&str, &str); 7] = [
    ("README.md", include_str!("../../../../examples/starter/README.md")),
    ("people.yaml", include_str!("../../../../examples/starter/people.yaml")),
    ("desk.yaml", include_str!("../../../../examples/starter/desk.yaml")),
    ("answer-request.bpmn", include_str!("../../../../examples/starter/answer-request.bpmn")),
    ("screens.yaml", include_str!("../../../../examples/starter/screens.yaml")),
    ("answer.form", include_str!("../../../../examples/starter/answer.form")),
    ("request.form", include_str!("../../../../examples/starter/request.form")),
];
/// The first ports that units are given, for HTTP, for other units and for PostgreSQL's protocol.
const PORT: usize = 8080;
const PORT_PEERS: usize = 9080;
const PORT_POSTGRES: usize = 5480;
/// Units beside each other that are given ports of their own.
const PORTS_MAX: usize = 1_000;
/// How often, and how many times, a unit that starts is asked whether it is ready.
const READY_INTERVAL: Duration = Duration::from_millis(100);
const READY_TRIES_MAX: usize = 600;

/// Makes a unit in a folder: configuration, key, the owner's token, a starter application
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton init shop\n  craton init units/payment --bare --listen 127.0.0.1:8082 --listen-peers 127.0.0.1:8443\n  craton init shop --store postgres://craton@127.0.0.1/shop --node a"
)]
pub struct Init {
    /// The folder; made where it is not there
    folder: PathBuf,
    /// What the unit calls itself; the name of the folder where absent
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where people and programs reach it by HTTP; the first port from 8080 that no unit beside it has
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where other units reach it by TLS; the first port from 9080 that no unit beside it has
    #[arg(long, value_name = "ADDRESS")]
    listen_peers: Option<String>,
    /// Where SQL clients reach it by PostgreSQL's protocol; the first port from 5480 that no unit beside it has
    #[arg(long, value_name = "ADDRESS")]
    listen_postgres: Option<String>,
    /// The PostgreSQL database that holds the store, without a password; a file in the folder where absent
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// What this node of the unit calls itself, where nodes share the database
    #[arg(long, value_name = "NAME", default_value = "a", requires = "store")]
    node: String,
    /// The schema of the unit's tables, where units share the database
    #[arg(long, value_name = "NAME", default_value = "craton", requires = "store")]
    schema: String,
    /// A business clock that stands still until `craton clock advance` moves it: for replays and tests
    #[arg(long)]
    driven: bool,
    /// Leave the starter application out
    #[arg(long)]
    bare: bool,
}

impl Init {
    /// Makes the unit and says what to do next.
    pub fn run(self) -> Result<(), Problem> {
        let folder = &self.folder;
        let made = unit::init(folder, &self.options()?)?;
        connect::keep_token(folder, &made.owner_token)?;
        if !self.bare {
            write_starter(folder)?;
        }
        let shown = folder.display();
        output::print(&format!(
            "unit {} made in {shown}\nowner token (shown once, kept in {shown}/{}): {}\n\nnext:\n",
            made.unit_id,
            connect::OWNER_TOKEN,
            made.owner_token
        ));
        output::line(format!("  craton up {shown}"));
        if self.bare {
            output::line(format!("  craton --unit {shown} apply -f YOUR-FOLDER"));
            output::line(format!("  craton --unit {shown} ps"));
        } else {
            let row = r#"'{"id": "r1", "customer": "ana", "subject": "Where is my parcel?"}'"#;
            output::line(format!("  craton --unit {shown} stream append requests --row {row}"));
            output::line(format!("  craton --unit {shown} task list"));
        }
        Ok(())
    }

    fn options(&self) -> Result<unit::Options, Problem> {
        let own_name = || {
            let full = std::path::absolute(&self.folder).unwrap_or_else(|_| self.folder.clone());
            full.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let name = self.name.clone().unwrap_or_else(own_name);
        let name =
            Name::new(name).map_err(|problem| problem.with_hint("name the unit with `--name`"))?;
        let number = free_number(&self.folder);
        let address = |given: &Option<String>, base: usize| {
            given.clone().unwrap_or_else(|| format!("127.0.0.1:{}", base + number))
        };
        Ok(unit::Options {
            name: name.into(),
            listen: address(&self.listen, PORT),
            listen_peers: address(&self.listen_peers, PORT_PEERS),
            listen_postgres: address(&self.listen_postgres, PORT_POSTGRES),
            clock: if self.driven { unit::Clock::Driven } else { unit::Clock::System },
            database: self.store.as_ref().map(|url| unit::Database {
                url: url.clone(),
                node: self.node.clone(),
                schema: self.schema.clone(),
            }),
        })
    }
}

/// Returns the smallest number whose ports no unit beside this folder has.
fn free_number(folder: &Path) -> usize {
    let beside =
        std::path::absolute(folder).ok().and_then(|full| full.parent().map(Path::to_owned));
    let configurations: Vec<String> = connect::units_inside(&beside.unwrap_or_default())
        .iter()
        .filter_map(|unit| std::fs::read_to_string(unit.join(connect::CONFIGURATION)).ok())
        .collect();
    let is_taken = |number: usize| {
        let ports = [PORT, PORT_PEERS, PORT_POSTGRES].map(|port| format!(":{}\"", port + number));
        configurations.iter().any(|text| ports.iter().any(|port| text.contains(port)))
    };
    (0..PORTS_MAX).find(|number| !is_taken(*number)).unwrap_or(0)
}

/// Runs a unit, or every unit of a folder, each as a process of its own
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton up shop\n  craton up units          every folder in `units` that has a unit.toml\n\nCtrl-C drains and stops; a second Ctrl-C stops at once."
)]
pub struct Up {
    /// The folder of the unit, or of unit folders
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Refuse a store of an older version, instead of bringing it forward after a backup
    #[arg(long)]
    no_migrate: bool,
    /// The folder of that backup; `backups` in the unit's folder where absent
    #[arg(long, value_name = "DIR", conflicts_with = "no_migrate")]
    backup_to: Option<PathBuf>,
    /// Seconds for which a unit that was restored waits for peers before it takes calls without them
    #[arg(long, value_name = "SECONDS")]
    reconcile_timeout: Option<u64>,
    /// Stop when standard input ends: for a unit that is run by another process
    #[arg(long, hide = true)]
    supervised: bool,
}

impl Up {
    /// Runs until told to stop.
    pub fn run(self) -> Result<(), Problem> {
        let units = connect::units_inside(&self.folder);
        if !self.folder.join(connect::CONFIGURATION).is_file() && !units.is_empty() {
            self.expect_plain()?;
            return supervise::run(units);
        }
        connect::expect_unit(&self.folder)?;
        if self.supervised {
            supervise::stop_with_standard_input();
        } else {
            supervise::end_at_second_signal()?;
        }
        if self.folder.join(STARTER_PENDING).is_file() {
            let folder = self.folder.clone();
            std::thread::spawn(move || {
                if let Err(problem) = apply_starter(&folder) {
                    report::show(&problem);
                }
            });
        }
        self.upgrade()?;
        unit::run(&self.folder, unit::Start { reconcile_seconds_max: self.reconcile_timeout })
    }

    /// Refuses options that are meant for one unit.
    fn expect_plain(&self) -> Result<(), Problem> {
        if !self.no_migrate && self.backup_to.is_none() && self.reconcile_timeout.is_none() {
            return Ok(());
        }
        let reason = "`--no-migrate`, `--backup-to` and `--reconcile-timeout` are for one unit";
        Err(Error::usage(reason, "name the folder of the unit").into())
    }

    /// Brings the store of an older version forward, after a backup.
    fn upgrade(&self) -> Result<(), Problem> {
        let wanted = unit::Upgrade {
            is_refused: self.no_migrate,
            backup_to: self.backup_to.clone(),
            ..unit::Upgrade::default()
        };
        if let Some(done) = unit::upgrade(&self.folder, &wanted)? {
            let unit::Upgraded { from, to, place, backup } = done;
            output::line(format!(
                "the store was brought from format {from} to {to}; before that, backup {backup} was taken in {place}"
            ));
        }
        Ok(())
    }
}

/// Checks the store of a unit that is not running: log, state, cursors, receipts
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton verify shop")]
pub struct Verify {
    /// The folder of the unit
    #[arg(default_value = ".")]
    folder: PathBuf,
}

impl Verify {
    /// Shows every fault.
    pub fn run(self) -> Result<(), Problem> {
        connect::expect_unit(&self.folder)?;
        let faults = unit::verify(&self.folder)?;
        if faults.is_empty() {
            output::line("the store is sound");
            return Ok(());
        }
        faults.iter().for_each(output::line);
        Err(Error::Faults { count: faults.len() }.into())
    }
}

/// Evaluates decisions for the unit that started it, over standard input and output
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton worker          (a unit starts it; people have no use for it)"
)]
pub struct Worker {}

impl Worker {
    /// Serves until standard input ends.
    pub fn run(self) -> Result<(), Problem> {
        unit::worker()
    }
}

fn write_starter(folder: &Path) -> Result<(), Problem> {
    let write = |path: PathBuf, text: &str| {
        std::fs::write(&path, text).map_err(|error| Problem::from(Error::unwritable(&path, error)))
    };
    let starter = folder.join(STARTER);
    std::fs::create_dir_all(&starter).map_err(|error| Error::unwritable(&starter, error))?;
    for (name, text) in STARTER_FILES {
        write(starter.join(name), text)?;
    }
    write(folder.join(STARTER_PENDING), "")
}

/// Applies the starter application once the unit takes calls, the way a user would.
fn apply_starter(folder: &Path) -> Result<(), Problem> {
    let globals = crate::arguments::Globals {
        unit: Some(folder.display().to_string()),
        token: None,
        certificate: None,
        output: output::Format::Table,
    };
    let client = connect::client(&globals)?;
    wait_until_ready(&client)?;
    let application = manifests::read(&folder.join(STARTER), None)?;
    let request = routes::resource_apply().json(&application.body(false));
    client.send(&request).map_err(|problem| application.placed(problem))?;
    let pending = folder.join(STARTER_PENDING);
    std::fs::remove_file(&pending).map_err(|error| Error::unwritable(&pending, error))?;
    Ok(())
}

fn wait_until_ready(client: &Client) -> Result<(), Problem> {
    let mut tries = 1;
    while let Err(problem) = client.open(&routes::ready()) {
        if tries == READY_TRIES_MAX {
            return Err(problem);
        }
        tries += 1;
        std::thread::sleep(READY_INTERVAL);
    }
    Ok(())
}
