//! In which life this unit is, and how far it is with asking each peer; what a backup becomes when it is restored.

use crate::Error;
use crate::state::{
    self, Mark, incarnation_key, mark_key, number, put_number, reconcile_key, restored_key,
};
use crate::wire::Peer;
use base::{Problem, Time, prefix_end};
use kernel::{Read, Tx, key};
use serde::{Deserialize, Serialize};
use store::Store;

/// Notes that a report keeps.
const NOTES_MAX: usize = 100;

/// That this unit is not in its first life.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Restored {
    /// Which one: milliseconds of the wall clock at the restore, so that no two are the same.
    pub incarnation: u64,
    /// When the backup was restored, wall time.
    pub at: Time,
}

/// How far this unit is with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The unit takes no calls before the peer was asked.
    Waiting,
    /// The unit takes calls that have nothing to do with the peer.
    Skipped,
    /// The peer has told all, and it is taken.
    Done,
}

impl Stage {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
            Self::Done => "done",
        }
    }
}

/// What came back from a peer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Contracts that were not known, or not as they stand.
    pub contracts: u64,
    /// Receipts.
    pub receipts: u64,
    /// Receipts among them that are disputed.
    pub disputed: u64,
    /// Calls that have ended; they are not run again.
    pub calls_ended: u64,
    /// Calls of this unit of which it did not know any more.
    pub calls_found: u64,
    /// Calls of the peer that have not ended and are run from their beginning.
    pub calls_resumed: u64,
    /// Calls whose answer nobody has any more.
    pub calls_lost: u64,
    /// What could not be taken back.
    pub notes: Vec<String>,
}

impl Report {
    /// Adds a note, as long as there is room.
    pub fn note(&mut self, text: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text);
        }
    }
}

/// How far this unit is with asking a peer what it has lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reconciliation {
    /// The peer's unit.
    pub unit: String,
    /// How far.
    pub stage: Stage,
    /// When the backup was restored, or the peer added after it, wall time.
    pub since: Time,
    /// When all was taken, wall time.
    pub finished_at: Option<Time>,
    /// The last message of the peer that the backup has handled.
    pub received: u64,
    /// The last message to the peer that the backup knows.
    pub sent: u64,
    /// Up to where the answers of the peer were taken.
    pub answers: u64,
    /// What came back.
    pub report: Report,
}

/// Says in a store that it was restored from a backup: a unit on it asks its peers first. All its sessions have ended: who had ended one
/// since the backup would find it alive. Returns the number of its life.
///
/// # Errors
/// Where the store cannot be read or written.
pub fn mark_restored(store: &dyn Store, wall: Time) -> Result<u64, Problem> {
    let epoch = store.open_epoch(0)?;
    let snapshot = store.snapshot()?;
    let held = snapshot.get(restored_key().as_ref())?;
    let held: Option<Restored> = held.map(|bytes| state::decode(&bytes)).transpose()?;
    let before = held.map_or(0, |held| held.incarnation);
    let incarnation = u64::try_from(wall.as_millis()).unwrap_or_default().max(before + 1);
    let restored = Restored { incarnation, at: wall };
    let mut writes = kernel::sessions_ended(snapshot.as_ref())?;
    writes.push((restored_key().bytes(), Some(state::encode(&restored)?)));
    let peers = key(b'a');
    let pairs = snapshot.scan(peers.as_ref(), &prefix_end(peers.as_ref()), usize::MAX, false)?;
    for (_, bytes) in pairs {
        let peer: Peer = state::decode(&bytes)?;
        let unit = peer.card.unit;
        let mark = |mark| -> Result<u64, Problem> {
            let bytes = snapshot.get(mark_key(&unit, mark).as_ref())?;
            Ok(bytes.map_or(0, |bytes| state::number_of(&bytes)))
        };
        let (received, sent) = (mark(Mark::Received)?, mark(Mark::Sent)?);
        let mut held = Reconciliation {
            unit: unit.clone(),
            stage: Stage::Waiting,
            since: wall,
            finished_at: None,
            received,
            sent,
            answers: 0,
            report: Report::default(),
        };
        if peer.url.is_none() {
            held.stage = Stage::Skipped;
            held.report.note("it has no address at which it could be asked".into());
        }
        writes.push((reconcile_key(&unit).bytes(), Some(state::encode(&held)?)));
    }
    drop(snapshot);
    store.commit(0, &store::Batch { epoch, writes, ..store::Batch::default() })?;
    Ok(incarnation)
}

/// Returns in which life this unit is; 0 in its first.
pub(crate) fn incarnation(read: &dyn Read) -> Result<u64, Problem> {
    let restored: Option<Restored> = state::load(read, &restored_key())?;
    Ok(restored.map_or(0, |restored| restored.incarnation))
}

/// Returns how far this unit is with asking a peer; nothing where there is nothing to ask.
pub(crate) fn reconciliation_of(
    read: &dyn Read,
    unit: &str,
) -> Result<Option<Reconciliation>, Problem> {
    state::load(read, &reconcile_key(unit))
}

/// Returns how far this unit is with all peers.
pub(crate) fn reconciliations(read: &dyn Read) -> Result<Vec<Reconciliation>, Problem> {
    let pairs = read.scan_prefix(state::all_reconcile_key().as_ref(), usize::MAX)?;
    pairs.iter().map(|(_, bytes)| state::decode(bytes)).collect()
}

/// Returns whether nothing stands between this unit and a peer.
pub(crate) fn is_reconciled(read: &dyn Read, unit: &str) -> Result<bool, Problem> {
    Ok(reconciliation_of(read, unit)?.is_none_or(|held| held.stage == Stage::Done))
}

/// Refuses to deal with a peer that has still to be asked.
pub(crate) fn expect_reconciled(read: &dyn Read, unit: &str) -> Result<(), Problem> {
    if is_reconciled(read, unit)? {
        return Ok(());
    }
    Err(Error::Unreconciled { peer: state::peer_name(read, unit)? }.into())
}

/// Refuses messages of another life of a peer than the one that is known. Who was never heard of may be in any.
pub(crate) fn follow_life(tx: &mut Tx<'_>, unit: &str, found: u64) -> Result<(), Problem> {
    let known = number(tx, &incarnation_key(unit))?;
    if found == known {
        return Ok(());
    }
    let is_new = known == 0 && number(tx, &mark_key(unit, Mark::Received))? == 0;
    if !is_new {
        return Err(Error::Incarnation { found, known }.into());
    }
    put_number(tx, incarnation_key(unit), found);
    Ok(())
}

/// Takes note of a peer that is added to a unit which was restored: they may have dealt with each other before.
pub(crate) fn meet(tx: &mut Tx<'_>, peer: &Peer) -> Result<(), Problem> {
    let unit = &peer.card.unit;
    let is_known = number(tx, &mark_key(unit, Mark::Sent))? != 0
        || number(tx, &mark_key(unit, Mark::Received))? != 0
        || reconciliation_of(tx, unit)?.is_some();
    if incarnation(tx)? == 0 || is_known || peer.url.is_none() {
        return Ok(());
    }
    let held = Reconciliation {
        unit: unit.clone(),
        stage: Stage::Skipped,
        since: tx.wall(),
        finished_at: None,
        received: 0,
        sent: 0,
        answers: 0,
        report: Report::default(),
    };
    state::store(tx, reconcile_key(unit), &held)
}
