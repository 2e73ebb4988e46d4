//! `key`: the keys with which a unit signs what it says to others.

use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Column, routes,
};
use base::{Problem, Time};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How lists of keys are shown.
const KEYS: &[Column] = &[
    Column("NUMBER", &["number"]),
    Column("STATE", &["state"]),
    Column("FROM", &["from"]),
    Column("UNTIL", &["until"]),
    Column("REASON", &["reason"]),
    Column("KEY", &["key"]),
];

/// Shows, changes and revokes the keys with which a unit signs what it says to others
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton key list\n  craton key rotate\n  craton key revoke 1 --reason 'the disk was stolen'"
)]
pub struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, clap::Subcommand)]
enum KeyCommand {
    /// Shows the keys
    #[command(after_help = "Examples:\n  craton key list")]
    List,
    /// Makes the next key and signs with it at once; peers follow by themselves
    #[command(
        after_help = "Examples:\n  craton key rotate\n  craton key rotate --root /media/safe/shop.root --days 365"
    )]
    Rotate {
        /// The file with the root key, where it is not in the unit's folder; it is used here and never sent
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
        /// For how many days the key is valid
        #[arg(long, value_name = "DAYS")]
        days: Option<u64>,
        /// The number of the key; the next one where absent. After a restore: higher than any that peers know
        #[arg(long, value_name = "NUMBER")]
        number: Option<u64>,
    },
    /// Ends a key: what it signs later is refused, what it has signed before stays valid
    #[command(
        after_help = "Examples:\n  craton key revoke 1 --reason 'the disk was stolen'\n  craton key revoke 1 --until 2026-03-01T08:00:00Z --root /media/safe/shop.root"
    )]
    Revoke {
        /// The number of the key
        number: u64,
        /// From when on its signatures do not count; now where absent
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// The file with the root key, where it is not in the unit's folder; it is used here and never sent
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
    /// Takes the root key out of a unit's folder, to be kept elsewhere
    #[command(
        after_help = "Examples:\n  craton key offline shop --root /media/safe/shop.root\n\nStop the unit first: one that runs has the root in memory. Keep the file safe: without it no key can be changed any more."
    )]
    Offline {
        /// The folder of the unit
        folder: PathBuf,
        /// The new file for the root key
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
    },
}

impl Key {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        match self.command {
            KeyCommand::List => {
                let client = connect::client(globals)?;
                output::list(globals.output, &client.send(&routes::key_list())?, KEYS)
            }
            KeyCommand::Rotate { root, days, number } => {
                let client = connect::client(globals)?;
                let body = rotation(&client, root.as_deref(), days, number)?;
                output::one(globals.output, &client.send(&routes::key_rotate().json(&body))?)
            }
            KeyCommand::Revoke { number, until, reason, root } => {
                let client = connect::client(globals)?;
                let until = until.map(|until| Time::parse(&until)).transpose()?;
                let mut body = revocation(&client, number, until, root.as_deref())?;
                if let Some(reason) = reason {
                    body["reason"] = reason.into();
                }
                output::one(globals.output, &client.send(&routes::key_revoke().json(&body))?)
            }
            KeyCommand::Offline { folder, root } => {
                connect::expect_unit(&folder)?;
                ::unit::take_root(&folder, &root)?;
                let (unit, root) = (folder.display(), root.display());
                output::line(format!("the root key of {unit} is in {root} and nowhere else"));
                Ok(())
            }
        }
    }
}

/// Returns what `key.rotate` takes; a root that is kept elsewhere signs here.
fn rotation(
    client: &Client,
    root: Option<&Path>,
    days: Option<u64>,
    number: Option<u64>,
) -> Result<Value, Problem> {
    let mut wanted = json!({});
    for (name, value) in [("days", days), ("number", number)] {
        if let Some(value) = value {
            wanted[name] = value.into();
        }
    }
    let Some(root) = root else { return Ok(wanted) };
    let prepared = client.send(&routes::key_prepare().json(&wanted))?;
    let unit = prepared["unit"].as_str().unwrap_or_default();
    Ok(json!({"signature": ::unit::sign_key(root, unit, &prepared["entry"])?}))
}

/// Returns what `key.revoke` takes; a root that is kept elsewhere signs here.
fn revocation(
    client: &Client,
    number: u64,
    until: Option<Time>,
    root: Option<&Path>,
) -> Result<Value, Problem> {
    let mut body = json!({"number": number});
    if let Some(until) = until {
        body["until"] = json!(until);
    }
    let Some(root) = root else { return Ok(body) };
    if until.is_none() {
        body["until"] = client.send(&routes::clock_get())?["wall"].clone();
    }
    let held = client.send(&routes::key_list())?;
    let mut keys = held["items"].as_array().into_iter().flatten();
    let mut entry = keys.find(|entry| entry["number"] == number).cloned().ok_or_else(|| {
        Error::usage(format!("there is no key {number}"), "`craton key list` shows the keys")
    })?;
    entry["until"] = body["until"].clone();
    let unit = held["unit"].as_str().unwrap_or_default();
    body["signature"] = ::unit::sign_key(root, unit, &entry)?.into();
    Ok(body)
}
