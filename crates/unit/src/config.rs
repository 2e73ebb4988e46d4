//! The configuration of a unit: one TOML file.

use crate::secret_key::Source;
use crate::{Database, Error, LogFormat, LogLevel, Options};
use base::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// A certificate that is given, by an authority for example. Its files are read anew when they change, and at SIGHUP.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The file with the certificate and those between it and its authority (PEM); relative to the unit's folder.
    pub certificate: PathBuf,
    /// The file with its key (PEM); relative to the unit's folder.
    pub key: PathBuf,
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
    /// Where people and programs reach it by HTTP over TLS, from elsewhere too; closed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_https: Option<String>,
    /// The certificate that the doors for people and things show, HTTPS, PostgreSQL and MQTT; the unit's own where absent. Its files are read
    /// anew when they change, and at SIGHUP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Names and addresses that the unit's own certificate says beside those of the machine, where it is made: at `craton init`, or at a
    /// start where `tls.pem` and `tls.key` are both gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls_names: Vec<String>,
    /// Where SQL clients reach it by PostgreSQL's protocol, with TLS wherever it is not loopback; closed where absent. `craton init`
    /// writes a port from 5480 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_postgres: Option<String>,
    /// Where things reach it by MQTT without TLS, loopback only; closed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_mqtt: Option<String>,
    /// Where things reach it by MQTT over TLS; clients may show a certificate. Closed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_mqtts: Option<String>,
    /// Where browsers and things reach it by MQTT over WebSocket, at `/mqtt`, with TLS wherever it is not loopback; closed where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen_mqtt_ws: Option<String>,
    /// Whether `listen_mqtt` may be on another address than loopback: tokens cross the network in clear then.
    #[serde(default)]
    pub mqtt_plain: bool,
    /// The address that other units are told; `https://` and `listen_peers` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The folder of the files that tables lie in; the unit's folder where absent. Nodes that share a store share it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<PathBuf>,
    /// Where business time comes from: `system`, or `driven`, which only `craton clock advance` moves.
    #[serde(default = "system_clock")]
    pub clock: Clock,
    /// Milliseconds that one decision or script may take.
    #[serde(default = "second")]
    pub decision_ms_max: u64,
    /// Megabytes of memory that the process may take that evaluates decisions and scripts.
    #[serde(default = "half_gigabyte")]
    pub worker_megabytes_max: u64,
    /// Megabytes that `secret.fetch` takes from one address.
    #[serde(default = "four_gigabytes")]
    pub fetch_megabytes_max: u64,
    /// Where the secret key comes from, under which secrets are sealed.
    #[serde(default)]
    pub secret_key: SecretKeyConfig,
    /// How log lines are written: `text` or `json`.
    #[serde(default)]
    pub log_format: LogFormat,
    /// How much is written: `off`, `error`, `warn`, `info`, `debug` or `trace`. Of libraries never more than warnings, unless
    /// `log_levels` names them.
    #[serde(default)]
    pub log_level: LogLevel,
    /// The file for log lines, from the unit's folder; standard error where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_file: Option<PathBuf>,
    /// Bytes of the log file at which another is begun.
    #[serde(default = "log_bytes")]
    pub log_file_bytes_max: u64,
    /// Log files that are kept beside the current one.
    #[serde(default = "log_files")]
    pub log_files_max: usize,
    /// How often a line like another is written in a minute; the rest is counted.
    #[serde(default = "ten")]
    pub log_repeats_max: u32,
    /// Where spans of traces are sent by OTLP over HTTP with JSON, `http://127.0.0.1:4318/v1/traces` for example; nowhere where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_endpoint: Option<String>,
    /// Milliseconds that spans wait for others before they are sent.
    #[serde(default = "second")]
    pub trace_interval_ms: u64,
    /// Spans that are sent at once.
    #[serde(default = "spans")]
    pub trace_batch_max: usize,
    /// Levels of single parts, rooms of Craton and libraries: `{exchange = "debug", rustls = "off"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_levels: BTreeMap<String, LogLevel>,
    /// Megabytes of memory that the unit may take, the process for decisions left out; three quarters of what the machine or its
    /// control group has where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_megabytes_max: Option<u64>,
    /// Megabytes that are kept free on the disk: below, operations with the right Write are refused with `disk.full`, and the unit is
    /// not ready.
    #[serde(default = "quarter_gigabyte")]
    pub disk_free_megabytes_min: u64,
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
    /// Limits of the desk: screens, files, notifications.
    #[serde(default)]
    pub desk: desk::Config,
    /// Limits of things: connections, messages, sessions, twins, commands, rules.
    #[serde(default)]
    pub device: device::Config,
    /// Limits of the HTTP and PostgreSQL doors.
    #[serde(default)]
    pub api: api::Config,
    /// Limits of the store.
    #[serde(default)]
    pub store: store::Config,
}

/// Where the secret key of a unit comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretKeyConfig {
    /// From which kind of place: `file`, `environment`, `credential` or `keyring`.
    pub source: Source,
    /// The name there: of the file, the variable, the credential or the key in the keyring; `secret.key`, `CRATON_SECRET_KEY` or
    /// `craton-secret-key` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

fn system_clock() -> Clock {
    Clock::System
}

fn second() -> u64 {
    1_000
}

fn four_gigabytes() -> u64 {
    4 << 10
}

fn log_bytes() -> u64 {
    64 << 20
}

fn log_files() -> usize {
    5
}

fn ten() -> u32 {
    10
}

fn spans() -> usize {
    512
}

fn quarter_gigabyte() -> u64 {
    256
}

fn half_gigabyte() -> u64 {
    512
}

impl Config {
    /// Reads a unit's configuration.
    ///
    /// # Errors
    /// `unit.config` with line and column, and the nearest name of an unknown key.
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
         # Where people and programs reach it by HTTP over TLS, from elsewhere too; closed where it is left out.\n\
         # listen_https = \"0.0.0.0:8443\"\n\n\
         # Where SQL clients reach it by PostgreSQL's protocol, with TLS wherever it is not loopback.\n\
         listen_postgres = \"{listen_postgres}\"\n\n\
         # Where things reach it by MQTT: without TLS on loopback only, with TLS, by WebSocket; closed where they are left out.\n\
         # listen_mqtt = \"127.0.0.1:1883\"\n\
         # listen_mqtts = \"0.0.0.0:8883\"\n\
         # listen_mqtt_ws = \"127.0.0.1:8083\"\n\n\
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
