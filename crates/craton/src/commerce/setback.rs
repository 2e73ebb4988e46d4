//! A unit that goes back to an old backup in the middle of a replay: both sides of every contract count the same in the end, and
//! nothing is run twice.

use super::market::{Market, Unit};
use super::stage::{Place, Stage};
use crate::error::Error;
use crate::output;
use crate::replay::{self, Options, Report, Setback};
use crate::routes;
use ::unit::backup::{Folder, Keys, Restore, restore};
use base::Problem;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What each side counts of its contracts.
const LEDGER: &str = "SELECT contract, capability, calls, answered, cancelled, failed, open, owed, agreed, disputed \
                      FROM system.ledger ORDER BY contract, capability";
/// Steps of calls that were billed more than once.
const TWICE: &str = "SELECT contract, call, event FROM system.receipts GROUP BY contract, call, event HAVING count(*) > 1";
/// Work for calls that has ended. Of what is offered, each call starts a process of its own, named by the order.
const ENDED: &str = "SELECT process, business_key FROM system.process_instances \
                     WHERE state = 'completed' AND process IN (SELECT process FROM system.offers)";
/// Work for calls that goes on or has ended; what was withdrawn is none.
const WORK: &str = "SELECT process, business_key FROM system.process_instances \
                    WHERE state <> 'cancelled' AND process IN (SELECT process FROM system.offers)";
/// Calls for which there was work more than once.
const WORK_TWICE: &str = "SELECT process, business_key FROM system.process_instances \
                          WHERE state <> 'cancelled' AND process IN (SELECT process FROM system.offers) \
                          GROUP BY process, business_key HAVING count(*) > 1";

/// Makes three units, plays a market to them, sets one of them back in the middle of it, and compares what both sides count.
///
/// # Errors
/// What the replay or the restore says; `replay.ledger` where the two sides do not agree.
pub fn play_with_setback(
    dir: Option<&Path>,
    name: &'static str,
    windows: usize,
    options: &Options,
) -> Result<Report, Problem> {
    let stage = Stage::make(&Place { dir: dir.map(Path::to_path_buf), store: None })?;
    let backups = stage.folder().join("backups");
    stage.play(|market| {
        market.start()?;
        let unit = market.unit(name);
        let ended = Mutex::new(Vec::new());
        let back_up = || {
            back_up(unit, &backups)?;
            note(unit, &ended)
        };
        let go_back = || {
            note(unit, &ended)?;
            go_back(unit, &backups)
        };
        let setback = Setback { unit: name, windows, back_up: &back_up, go_back: &go_back };
        let report = replay::run_with(options, &market.addresses(), Some(&setback))?;
        compare(market)?;
        let ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        expect_no_work_twice(market, unit, &ended)?;
        let reconciled = unit.client()?.send(&routes::exchange_reconciliation())?;
        for peer in output::items(&reconciled) {
            eprintln!("{name} was restored; {}", told(&peer));
        }
        Ok(report)
    })
}

/// Returns what came back from a peer, in a line.
fn told(peer: &Value) -> String {
    let shown = |field: &str| output::plain(&peer[field]);
    format!(
        "{} gave back {} receipts and the ends of {} calls, {} calls were found, {} go on",
        shown("peer"),
        shown("receipts"),
        shown("calls_ended"),
        shown("calls_found"),
        shown("calls_resumed"),
    )
}

/// Takes a backup of a unit that runs.
fn back_up(unit: &Unit, backups: &Path) -> Result<(), Problem> {
    let folder = Folder::new(backups);
    let lock = folder.lock()?;
    let request = routes::unit_backup().json(&json!({}));
    let mut frames = unit.client()?.open(&request)?.into_body();
    folder.take(&lock, frames.as_mut()).map(|_| ())
}

/// Kills a unit, restores its backup in its place, and starts it again.
fn go_back(unit: &Unit, backups: &Path) -> Result<(), Problem> {
    unit.kill()?;
    let mut lost = unit.folder.clone().into_os_string();
    lost.push(".lost");
    let lost = PathBuf::from(lost);
    std::fs::rename(&unit.folder, &lost).map_err(|error| Error::unwritable(&lost, error))?;
    let from = Folder::new(backups);
    let keys = Keys::Folder(lost);
    restore(&Restore { from: &from, at: None, to: &unit.folder, keys })?;
    unit.start()?;
    unit.wait_ready()
}

/// Compares what the two sides of every contract count.
fn compare(market: &Market) -> Result<(), Problem> {
    let retail = rows(market.unit("retail"), LEDGER)?;
    let mut providers = Vec::new();
    for unit in market.units.iter().filter(|unit| unit.name != "retail") {
        providers.extend(rows(unit, LEDGER)?);
        if let Some(twice) = rows(unit, TWICE)?.first() {
            let what = format!("{} has billed twice: {twice}", unit.name);
            return Err(replay::Error::Ledger { what }.into());
        }
    }
    for row in &retail {
        if !providers.contains(row) {
            let what = format!("retail counts {row}");
            return Err(replay::Error::Ledger { what }.into());
        }
    }
    if retail.len() == providers.len() {
        return Ok(());
    }
    let what = format!("retail has {} lines, its providers {}", retail.len(), providers.len());
    Err(replay::Error::Ledger { what }.into())
}

/// Notes the work for calls that has ended by now.
fn note(unit: &Unit, ended: &Mutex<Vec<BTreeSet<String>>>) -> Result<(), Problem> {
    let now = rows(unit, ENDED)?.into_iter().collect();
    ended.lock().unwrap_or_else(PoisonError::into_inner).push(now);
    Ok(())
}

/// Expects that no unit has worked twice for a call, and that the one that went back does not do again what had ended in the part
/// of its life that it has lost. `ended` has what had ended when the backup was taken, and when the unit was killed.
fn expect_no_work_twice(
    market: &Market,
    restored: &Unit,
    ended: &[BTreeSet<String>],
) -> Result<(), Problem> {
    for unit in &market.units {
        if let Some(twice) = rows(unit, WORK_TWICE)?.first() {
            let what = format!("{} has worked twice: {twice}", unit.name);
            return Err(replay::Error::Ledger { what }.into());
        }
    }
    let [kept, all] = ended else {
        let what = format!("{} never went back", restored.name);
        return Err(replay::Error::Ledger { what }.into());
    };
    let work: BTreeSet<String> = rows(restored, WORK)?.into_iter().collect();
    match all.difference(kept).find(|call| work.contains(*call)) {
        None => Ok(()),
        Some(again) => {
            let what = format!("{} does again what had ended: {again}", restored.name);
            Err(replay::Error::Ledger { what }.into())
        }
    }
}

fn rows(unit: &Unit, sql: &str) -> Result<Vec<String>, Problem> {
    Ok(output::items(&unit.sql(sql)?).iter().map(Value::to_string).collect())
}
