//! Changing the unit's secret key: every data key is wrapped anew, in portions, each a commit with a marker of how far it got.
//!
//! The new key is where keys come from before a commit names it, and the old one stays there until a commit after the last portion
//! is durable. So whenever the unit stops, what is sealed can be opened with what is there. A key that was added and that no commit
//! has named is the one that comes next.

use super::Error;
use super::seal::SecretKey;
use super::vault::{self, Check, FIRST, Next, Open, State};
use crate::{Call, Prepared, Read, Reader, Reply, Tx};
use base::Problem;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// Values that are wrapped anew in one commit.
const PORTION: usize = 256;

/// Says that there is a next key.
struct Ready;

/// Sees to it that there is a next key where keys come from, on the caller's thread: that may write a file.
pub(crate) fn prepare(reader: &Reader, call: &mut Call) -> Result<(), Problem> {
    let kernel = reader.kernel();
    let open = kernel.vault.open()?;
    // Two at a time would each add one.
    let _alone = kernel.vault.adding.lock().unwrap_or_else(PoisonError::into_inner);
    let state = vault::state(reader)?;
    let current = state.as_ref().map_or(FIRST, |state| state.current.number);
    let is_under_way = state.is_some_and(|state| state.next.is_some());
    if !is_under_way
        && next_key(&open, current)?.is_none()
        && !open.source.add(&SecretKey::generate(kernel.entropy().as_ref()))?
    {
        return Err(Error::NoNext { place: open.source.place() }.into());
    }
    call.prepared = Some(Prepared::new(Ready));
    Ok(())
}

/// `secret.rotate`: begins with the next key, or says how far it got.
pub(crate) fn begin(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let kernel = Arc::clone(tx.kernel());
    let open = kernel.vault.open()?;
    let mut state = vault::ensure_state(tx)?;
    let count = vault::all(tx)?.len();
    if let Some(next) = &state.next {
        kernel.vault.is_busy.store(true, Ordering::SeqCst);
        let (from, to) = (state.current.number, next.key.number);
        return Ok(Reply::Value(json!({"from": from, "to": to, "values": count, "begun": false})));
    }
    if call.prepared::<Ready>().is_none() {
        let reason = "cannot be part of a batch, nor be called by a process";
        return Err(Error::Call { operation: "secret.rotate", reason }.into());
    }
    let entropy = kernel.entropy().as_ref();
    let number = state.current.number + 1;
    let key = next_key(&open, state.current.number)?;
    let key = key.ok_or_else(|| Error::NoNext { place: open.source.place() })?;
    let check = key.check(entropy, &open.keys.unit, number)?;
    // Where the commit fails it is known for nothing: the next try finds the same one.
    kernel.vault.know(number, key);
    kernel.vault.is_busy.store(true, Ordering::SeqCst);
    let from = state.current.number;
    state.next = Some(Next { key: Check { number, check }, cursor: String::new() });
    state.drops_after = None;
    vault::put_state(tx, &state)?;
    Ok(Reply::Value(json!({"from": from, "to": number, "values": count, "begun": true})))
}

/// Returns the key that comes next: the newest that is there, where it is not in use.
fn next_key(open: &Open, current: u64) -> Result<Option<SecretKey>, Problem> {
    let newest = open.source.keys()?.into_iter().next_back();
    Ok(newest.filter(|key| open.keys.keys.get(&current) != Some(key)))
}

/// Does a portion, or what comes behind the last one. Returns how many steps were done.
pub(crate) fn work(tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
    let kernel = Arc::clone(tx.kernel());
    match vault::state(tx)? {
        Some(State { next: Some(next), current, .. }) => portion(tx, current, next, budget),
        Some(state) if state.drops_after.is_some_and(|commit| commit < tx.commit_next()) => {
            drop_old(tx, state)
        }
        Some(State { drops_after: Some(_), .. }) => Ok(0),
        _ => {
            kernel.vault.is_busy.store(false, Ordering::SeqCst);
            Ok(0)
        }
    }
}

fn portion(
    tx: &mut Tx<'_>,
    current: Check,
    mut next: Next,
    budget: usize,
) -> Result<usize, Problem> {
    let kernel = Arc::clone(tx.kernel());
    let open = kernel.vault.open()?;
    let limit = budget.clamp(1, PORTION);
    let mut from = vault::values_key().bytes();
    let end = base::prefix_end(&from);
    if !next.cursor.is_empty() {
        from = vault::value_key(&next.cursor).bytes();
        from.push(0);
    }
    let pairs = tx.scan(&from, &end, limit, false)?;
    for (key, bytes) in &pairs {
        let outcome = vault::row(key, bytes).and_then(|(name, sealed)| {
            next.cursor.clone_from(&name);
            if sealed.key == next.key.number {
                return Ok(());
            }
            let entropy = kernel.entropy().as_ref();
            let wrapped = sealed.rewrapped(&open.keys, next.key.number, entropy, &name)?;
            vault::store(tx, &name, &wrapped)
        });
        if let Err(problem) = outcome {
            // Nobody can open it any more, with whichever key: it does not hold up the others.
            let fault = json!({"problem": problem, "wall": tx.wall()});
            tx.record("system/faults", &fault)?;
            next.cursor = name_of(key);
        }
    }
    let state = if pairs.len() < limit {
        State::of(next.key, None, Some(tx.commit_next()))
    } else {
        State::of(current, Some(next), None)
    };
    vault::put_state(tx, &state)?;
    Ok(pairs.len().max(1))
}

fn name_of(key: &[u8]) -> String {
    let mut reader = base::KeyReader::new(key);
    reader.text();
    reader.text().unwrap_or_default()
}

/// Drops older keys from where keys come from: the commit that made them needless is durable.
fn drop_old(tx: &mut Tx<'_>, mut state: State) -> Result<usize, Problem> {
    let kernel = Arc::clone(tx.kernel());
    let open = kernel.vault.open()?;
    kernel.vault.is_busy.store(false, Ordering::SeqCst);
    let kept = open.keys.keys.get(&state.current.number).map(|key| open.source.keep(key));
    if let Some(Err(problem)) = kept {
        // It stays where it is until the unit starts again; values do not need it.
        let row = json!({"problem": problem, "wall": tx.wall()});
        tx.record("system/faults", &row)?;
        return Ok(1);
    }
    state.drops_after = None;
    vault::put_state(tx, &state)?;
    Ok(1)
}
