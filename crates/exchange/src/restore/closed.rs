//! While a restored unit asks its peers it is closed: it takes few calls and does no work. What its owner sees of that, and may skip.
//!
//! What is admitted says the table of each engine (`Operation::while_closed`): to come in, to shut out whoever was shut out after the
//! backup, to see, to copy, and to mend what keeps the peers from being asked. Nothing that reads or changes what the unit works with,
//! which is old, and nothing that its peers would get to know. `docs/guides/backup.md` lists it.

use super::claim::unclaimed;
use super::stage::{Stage, incarnation, reconciliation_of, reconciliations};
use crate::Error;
use crate::engine::{Exchange, PEERS};
use crate::state::{self, reconcile_key};
use base::Problem;
use kernel::{Call, Operation, Read, Reader, Reply, Tx};
use serde_json::json;
use std::sync::atomic::Ordering;

impl Exchange {
    /// Refuses what has to wait for the peers.
    pub(crate) fn admits_now(&self, operation: &Operation) -> Result<(), Problem> {
        if self.waits_for_peers() && !operation.is_admitted_closed {
            return Err(Error::Reconciling.into());
        }
        Ok(())
    }

    /// Returns whether this unit takes no calls because it asks its peers what it has lost.
    pub fn waits_for_peers(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Looks whether this unit has to ask a peer before it takes calls; returns that. To be called before the first call is taken,
    /// and whenever something may have changed.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn reconsider(&self, read: &dyn Read) -> Result<bool, Problem> {
        let waits = reconciliations(read)?.iter().any(|held| held.stage == Stage::Waiting);
        self.is_closed.store(waits, Ordering::SeqCst);
        Ok(waits)
    }

    /// `exchange.reconciliation`.
    pub(crate) fn reconciliation(&self, reader: &Reader, _: &Call) -> Result<Reply, Problem> {
        let mut items = Vec::new();
        for held in reconciliations(reader)? {
            let mut row = serde_json::to_value(&held.report).map_err(Error::internal)?;
            row["peer"] = json!(state::peer_name(reader, &held.unit)?);
            row["unit"] = json!(held.unit);
            row["state"] = json!(held.stage);
            row["since"] = json!(held.since);
            row["finished_at"] = json!(held.finished_at);
            row["unclaimed"] = json!(unclaimed(reader, &held.unit)?);
            row["problem"] = json!(self.bell.problem(&held.unit));
            items.push(row);
        }
        Ok(Reply::Value(json!({
            "incarnation": incarnation(reader)?, "takes_calls": !self.waits_for_peers(), "items": items,
        })))
    }

    /// `exchange.skip`: the owner goes on without a peer.
    pub(crate) fn skip(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let peer = state::peer(tx, call.text("peer").unwrap_or_default())?;
        let stage = self.set_aside(tx, &peer.card.unit)?;
        Ok(Reply::Value(json!({"peer": peer.name, "state": stage})))
    }

    /// Has the unit wait no longer for a peer; returns how far it is with it.
    pub(crate) fn set_aside(&self, tx: &mut Tx<'_>, unit: &str) -> Result<Stage, Problem> {
        let Some(mut held) = reconciliation_of(tx, unit)? else { return Ok(Stage::Done) };
        if held.stage == Stage::Waiting {
            held.stage = Stage::Skipped;
            state::store(tx, reconcile_key(unit), &held)?;
            tx.notify(PEERS);
        }
        Ok(held.stage)
    }
}
