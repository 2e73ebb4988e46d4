//! `backup`, `restore`, `reconcile`: getting a unit back.

use crate::{
    arguments::Globals, client::Client, connect, error::Error, output, output::Column, routes,
};
use ::unit::backup::{Folder, Keys, Shown, Taken, restore, stopped, unit_of};
use base::Problem;
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the unit may take to begin with its answer.
const PATIENCE: Duration = Duration::from_secs(300);
/// Pieces of which the unit is told that they are there already. What is more is sent again, and recognised.
const KNOWN_MAX: usize = 100_000;
/// The variable with the passphrase, for programs.
const PASSPHRASE: &str = "CRATON_PASSPHRASE";

const BACKUPS: &[Column] = &[
    Column("NAME", &["name"]),
    Column("UNIT", &["unit"]),
    Column("TAKEN", &["taken"]),
    Column("COMMIT", &["commit"]),
    Column("FORMAT", &["format"]),
    Column("FILES", &["files"]),
    Column("BYTES", &["bytes"]),
    Column("PROBLEM", &["problem"]),
];
const PEERS: &[Column] = &[
    Column("PEER", &["peer"]),
    Column("STATE", &["state"]),
    Column("RECEIPTS", &["receipts"]),
    Column("DISPUTED", &["disputed"]),
    Column("CALLS ENDED", &["calls_ended"]),
    Column("FOUND", &["calls_found"]),
    Column("UNCLAIMED", &["unclaimed"]),
    Column("RESUMED", &["calls_resumed"]),
    Column("LOST", &["calls_lost"]),
    Column("NOTES", &["notes"]),
    Column("PROBLEM", &["problem"]),
];

/// Takes a backup of a unit, also while it runs; lists and checks backups
#[derive(Debug, clap::Args)]
#[command(
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  craton backup shop /backups/shop\n  craton backup shop /backups/shop --keep 14\n  craton backup http://127.0.0.1:8080 backups\n  craton backup shop backups --with-keys\n  craton backup list backups\n  craton backup check backups\n\nThe next backup into the same folder brings only what has changed. The unit's keys are not in it unless `--with-keys` says so: keep\nthem elsewhere, without them a restored unit cannot run. The passphrase is asked for, or taken from CRATON_PASSPHRASE."
)]
pub struct Backup {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    /// The unit: its folder, whether it runs or not, or its address
    #[arg(required = true, value_name = "UNIT")]
    source: Option<String>,
    /// The folder of the backups
    #[arg(required = true, value_name = "TO")]
    target: Option<PathBuf>,
    /// Keep so many backups of the unit, and drop the older ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Seal the unit's secret keys with a passphrase and put them beside the backups
    #[arg(long)]
    with_keys: bool,
}

#[derive(Debug, clap::Subcommand)]
enum BackupCommand {
    /// Shows the backups of a folder
    #[command(after_help = "Examples:\n  craton backup list backups")]
    List {
        /// The folder of the backups
        #[arg(value_name = "TO")]
        target: PathBuf,
    },
    /// Reads every byte of the backups of a folder, and checks all hashes and signatures; sets aside what has changed
    #[command(
        after_help = "Examples:\n  craton backup check backups\n  craton backup check backups --only 3f2a…-20260131T180000Z-4711"
    )]
    Check {
        /// The folder of the backups
        #[arg(value_name = "TO")]
        target: PathBuf,
        /// Only this backup
        #[arg(long, value_name = "NAME")]
        only: Option<String>,
    },
}

impl Backup {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        match (self.command, self.source, self.target) {
            (Some(BackupCommand::List { target }), ..) => list(globals, &target),
            (Some(BackupCommand::Check { target, only }), ..) => check(&target, only.as_deref()),
            (None, Some(source), Some(target)) => {
                let folder = Folder::new(target);
                let passphrase = self.with_keys.then(|| new_passphrase(&source)).transpose()?;
                let taken = take(globals, &source, &folder)?;
                let unit = taken.signed.manifest.unit.clone();
                if let Some(passphrase) = passphrase {
                    folder.seal_keys(&unit, Path::new(&source), &passphrase)?;
                }
                let dropped = match self.keep {
                    Some(count) => folder.keep(&folder.lock()?, &unit, count as usize)?,
                    None => 0,
                };
                output::one(globals.output, &shown(&taken, dropped))
            }
            // The parser has seen to it that both are there.
            (None, ..) => {
                Err(Error::usage("a unit and a folder are needed", "write `craton backup UNIT TO`")
                    .into())
            }
        }
    }
}

fn shown(taken: &Taken, dropped: usize) -> Value {
    let manifest = &taken.signed.manifest;
    json!({
        "backup": taken.name, "unit": manifest.name, "id": manifest.unit, "commit": manifest.commit,
        "taken": manifest.wall, "files": manifest.files.len(), "bytes": manifest.bytes(),
        "bytes_new": taken.bytes_new, "dropped": dropped,
    })
}

/// Takes a backup of a unit that runs; where nobody answers, of its folder.
fn take(globals: &Globals, source: &str, folder: &Folder) -> Result<Taken, Problem> {
    let lock = folder.lock()?;
    let named = Globals { unit: Some(source.to_owned()), ..globals.clone() };
    let client = connect::client(&named)?;
    let mut frames = match running(&client, folder) {
        Err(problem) if problem.code == "cli.unreachable" && Path::new(source).is_dir() => {
            let path = Path::new(source);
            stopped(path, folder.pieces()?, folder.newest_of(&unit_of(path)?)?)?
        }
        outcome => outcome?,
    };
    folder.take(&lock, frames.as_mut())
}

fn running(client: &Client, folder: &Folder) -> Result<Box<dyn Read>, Problem> {
    let card = client.send(&routes::exchange_card())?;
    let previous = folder.newest_of(card["unit"].as_str().unwrap_or_default())?;
    let known: Vec<String> = folder.pieces()?.into_iter().take(KNOWN_MAX).collect();
    let request = routes::unit_backup()
        .json(&json!({"known": known, "previous": previous}))
        .patience(PATIENCE);
    Ok(client.open(&request)?.into_body())
}

/// Asks for a passphrase that is to seal the keys of a unit's folder.
fn new_passphrase(source: &str) -> Result<String, Problem> {
    connect::expect_unit(Path::new(source))?;
    let first = passphrase("passphrase for the unit's keys: ")?;
    if std::env::var_os(PASSPHRASE).is_none() && first != passphrase("the same again: ")? {
        return Err(Error::usage("the two passphrases differ", "write the same twice").into());
    }
    Ok(first)
}

fn passphrase(prompt: &str) -> Result<String, Problem> {
    if let Ok(given) = std::env::var(PASSPHRASE) {
        return Ok(given);
    }
    let failed = |source| Error::File { path: "the passphrase".into(), action: "read", source };
    Ok(rpassword::prompt_password(prompt).map_err(failed)?)
}

fn list(globals: &Globals, target: &Path) -> Result<(), Problem> {
    let row = |Shown { name, signed }: Shown| match signed {
        Ok(signed) => {
            let manifest = signed.manifest;
            json!({
                "name": name, "unit": manifest.name, "id": manifest.unit, "taken": manifest.wall,
                "commit": manifest.commit, "format": manifest.format,
                "files": manifest.files.len(), "bytes": manifest.bytes(),
            })
        }
        Err(problem) => json!({"name": name, "problem": problem}),
    };
    let rows: Vec<Value> = Folder::new(target).list()?.into_iter().map(row).collect();
    output::list(globals.output, &json!({"items": rows}), BACKUPS)
}

fn check(target: &Path, only: Option<&str>) -> Result<(), Problem> {
    let folder = Folder::new(target);
    let findings = folder.check(only)?;
    for finding in &findings {
        output::line(format!("{}: {}", finding.file, finding.reason));
    }
    if !findings.is_empty() {
        // Also where nothing can be set aside, what is wrong is what counts.
        match folder.lock().and_then(|lock| folder.set_aside(&lock, &findings)) {
            Ok(aside) => aside.iter().for_each(|file| {
                output::line(format!(
                    "{file}: set aside; the next backup brings it again where the unit still has it"
                ));
            }),
            Err(problem) => eprintln!("nothing was set aside: {}", problem.message),
        }
    }
    match findings.into_iter().next() {
        Some(first) => {
            Err(::unit::Error::Damaged { file: first.file, reason: first.reason }.into())
        }
        None => {
            let count = if only.is_some() { 1 } else { folder.list()?.len() };
            output::line(format!("{count} backups are whole"));
            Ok(())
        }
    }
}

/// Makes a unit out of a backup
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton restore backups shop --keys /safe/shop\n  craton restore backups shop --with-keys\n  craton restore backups shop --at 3f2a…-20260131T180000Z-4711\n\nA restored unit asks its peers what it has lost before it takes calls: `craton reconcile status`."
)]
pub struct Restore {
    /// The folder of the backups
    #[arg(value_name = "FROM")]
    source: PathBuf,
    /// The folder of the unit: it is not there yet, or empty
    #[arg(value_name = "TO")]
    target: PathBuf,
    /// The backup, by its name; the newest where absent and all in the folder are of one unit
    #[arg(long, value_name = "NAME")]
    at: Option<String>,
    /// The folder with the unit's keys: unit.key, tls.key and others
    #[arg(long, value_name = "DIR", conflicts_with = "with_keys")]
    keys: Option<PathBuf>,
    /// Take the keys that are sealed beside the backups
    #[arg(long)]
    with_keys: bool,
}

impl Restore {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let keys = match self.keys {
            Some(folder) => Keys::Folder(folder),
            None if self.with_keys => Keys::Sealed(passphrase("passphrase of the unit's keys: ")?),
            None => Keys::Later,
        };
        let from = Folder::new(self.source);
        let wanted =
            ::unit::backup::Restore { from: &from, at: self.at.as_deref(), to: &self.target, keys };
        let restored = restore(&wanted)?;
        output::one(
            globals.output,
            &json!({
                "backup": restored.name, "unit": restored.unit_name, "id": restored.unit,
                "commit": restored.commit, "taken": restored.wall, "folder": self.target,
                "has_keys": restored.has_keys,
            }),
        )?;
        eprintln!(
            "all sessions have ended; tokens, passwords and roles are those of the backup, also what was revoked since {}:\nlook through `craton token list`, take away what is not to be with `craton token revoke`, and apply your manifests again",
            restored.wall
        );
        if !restored.has_keys {
            eprintln!(
                "put unit.key, tls.key and the unit's other keys into {} before you start it",
                self.target.display()
            );
        }
        Ok(())
    }
}

/// Shows what a unit that was restored has got back from its peers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  craton reconcile status\n  craton reconcile skip payment")]
pub struct Reconcile {
    #[command(subcommand)]
    command: ReconcileCommand,
}

#[derive(Debug, clap::Subcommand)]
enum ReconcileCommand {
    /// Shows how far the unit is, peer by peer
    #[command(
        after_help = "Examples:\n  craton reconcile status\n  craton reconcile status -o json"
    )]
    Status,
    /// Takes calls without a peer that cannot be asked; it is asked again and again meanwhile
    #[command(after_help = "Examples:\n  craton reconcile skip payment")]
    Skip {
        /// The peer
        peer: String,
    },
}

impl Reconcile {
    /// Runs the command.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        match self.command {
            ReconcileCommand::Status => {
                let answer = client.send(&routes::exchange_reconciliation())?;
                output::list(globals.output, &answer, PEERS)
            }
            ReconcileCommand::Skip { peer } => {
                output::one(globals.output, &client.send(&routes::exchange_skip(&peer))?)
            }
        }
    }
}
