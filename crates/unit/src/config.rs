//! The configuration of a unit: one TOML file.

use crate::{Database, Error, Options};
use base::nearest;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where business time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// It is wall time.
    System,
    /// It stands still until `craton clock advance` moves it: for replays and tests.
    Driven,
}

/// The configuration of a unit, `unit.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the unit calls itself.
    pub name: String,
    /// Where people and programs of the unit reach it by HTTP; loopback only.
    pub listen: String,
    /// Where other units reach it, by TLS.
    pub listen_peers: String,
    /// Where SQL clients reach it by PostgreSQL's protocol, with TLS wherever it is not loopback; closed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_postgres: Option<String>,
    /// The address that other units are told; `https://` and `listen_peers` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The folder of the files that tables lie in; the unit's folder where absent. Nodes that share a store share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<PathBuf>,
    /// Where business time comes from.
    #[serde(default = "system_clock")]
    pub clock: Clock,
    /// Milliseconds that one decision or script may take.
    #[serde(default = "second")]
    pub decision_ms_max: u64,
    /// Megabytes of memory that one worker may take.
    #[serde(default = "half_gigabyte")]
    pub worker_megabytes_max: u64,
    /// Limits of the kernel.
    #[serde(default)]
    pub kernel: kernel::Config,
    /// Limits of the process engine.
    #[serde(default)]
    pub process: process::Config,
    /// Limits of the data engine.
    #[serde(default)]
    pub data: data::Config,
    /// Limits of the exchange.
    #[serde(default)]
    pub exchange: exchange::Config,
    /// Limits of the HTTP and PostgreSQL doors.
    #[serde(default)]
    pub api: api::Config,
    /// Limits of the store.
    #[serde(default)]
    pub store: store::Config,
}

fn system_clock() -> Clock {
    Clock::System
}

fn second() -> u64 {
    1_000
}

fn half_gigabyte() -> u64 {
    512
}

impl Config {
    /// Reads a unit's configuration.
    ///
    /// # Errors
    /// `unit.config` with line and column, and the nearest name of an unknown key.
    #[expect(clippy::disallowed_methods, reason = "this is the home of the configuration file")]
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("unit.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|source| Error::File { path: path.clone(), source })?;
        toml::from_str(&text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            let before = text.get(..offset).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            let message = error.message().to_owned();
            Error::Config { path, line, column, hint: hint(&message), message }
        })
    }

    /// Returns the address that other units are told.
    pub fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| format!("https://{}", self.listen_peers))
    }
}

/// Returns the file that a new unit gets.
pub(crate) fn template(options: &Options) -> String {
    let Options { name, listen, listen_peers, listen_postgres, clock, database } = options;
    let clock = match clock {
        Clock::System => "system",
        Clock::Driven => "driven",
    };
    format!(
        "# The configuration of a Craton unit. Keys that are left out have their defaults.\n\
         # All of them, with their limits: docs/reference/configuration.md\n\n\
         name = \"{name}\"\n\n\
         # Where people and programs of the unit reach it by HTTP; loopback only.\n\
         listen = \"{listen}\"\n\n\
         # Where other units reach it, by TLS.\n\
         listen_peers = \"{listen_peers}\"\n\n\
         # Where SQL clients reach it by PostgreSQL's protocol, with TLS wherever it is not loopback.\n\
         listen_postgres = \"{listen_postgres}\"\n\n\
         # Where business time comes from: \"system\", or \"driven\" by `craton clock advance` (replays and tests).\n\
         clock = \"{clock}\"\n{}",
        database.as_ref().map(database_table).unwrap_or_default()
    )
}

/// Returns the table that names a database.
fn database_table(database: &Database) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let Database { url, node, schema } = database;
    format!(
        "\n# The database that holds the store. Other nodes of the unit may share it: docs/guides/postgres-store.md\n\
         [store.postgres]\nurl = {}\nnode = {}\nschema = {}\n",
        text(url),
        text(node),
        text(schema)
    )
}

fn hint(message: &str) -> Option<String> {
    let mut words = message.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    nearest(unknown, words).map(|name| format!("did you mean `{name}`?"))
}
