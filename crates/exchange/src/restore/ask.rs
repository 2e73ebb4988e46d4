//! Asks the peers of a unit that was restored, one after the other, and again those that do not answer.

use super::answers::Answer;
use super::stage::{Reconciliation, Stage, incarnation, reconciliation_of, reconciliations};
use super::take::Step;
use super::told::{Ask, Page, RECONCILE, Told, ToldBatch, ToldContract};
use crate::Error;
use crate::engine::{Exchange, PEERS};
use crate::serve::part;
use crate::state;
use crate::wire::Peer;
use base::Problem;
use kernel::{Call, Kernel, Reader, ResourceRef};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// The first pause before peers are asked again that did not answer; it doubles up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What a round came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Round {
    /// Peers that have told all in this round.
    pub told: usize,
    /// Peers that have still to be asked.
    pub left: usize,
}

/// Asks the peers of a unit that was restored.
pub struct Reconciler {
    exchange: Arc<Exchange>,
    kernel: Arc<Kernel>,
}

impl Reconciler {
    /// Returns what asks the peers. The exchange must have its network, and the way to the partition's thread.
    pub fn new(exchange: Arc<Exchange>, kernel: Arc<Kernel>) -> Self {
        Self { exchange, kernel }
    }

    /// Asks each peer once that has still to be asked, and opens the unit when no peer is waited for any more.
    ///
    /// # Errors
    /// Where the store cannot be read or written. That a peer cannot be asked is kept for `exchange.reconciliation`.
    pub fn round(&self) -> Result<Round, Problem> {
        let mut round = Round { told: 0, left: 0 };
        let held = reconciliations(&self.reader()?)?;
        for held in held.iter().filter(|held| held.stage != Stage::Done) {
            let outcome = self.ask(&held.unit);
            let is_told = outcome.is_ok();
            let problem =
                outcome.err().map(|problem| format!("{} [{}]", problem.message, problem.code));
            self.exchange.bell.tell(&held.unit, problem);
            if is_told {
                round.told += 1;
            } else {
                round.left += 1;
            }
        }
        self.open()?;
        Ok(round)
    }

    /// Opens the unit, where no peer is waited for any more.
    fn open(&self) -> Result<(), Problem> {
        let was_closed = self.exchange.waits_for_peers();
        let is_closed = self.exchange.reconsider(&self.reader()?)?;
        if was_closed && !is_closed {
            // What waits in the unit goes on with this turn.
            self.take(&Step::Open {})?;
        }
        Ok(())
    }

    /// Goes on without the peers that are still waited for.
    fn give_up(&self) -> Result<(), Problem> {
        let held = reconciliations(&self.reader()?)?;
        for held in held.iter().filter(|held| held.stage == Stage::Waiting) {
            self.take(&Step::SetAside { unit: held.unit.clone() })?;
        }
        self.open()
    }

    /// Asks until [`Exchange::stop`] is called. Whoever is waited for too long is gone on without, and asked again meanwhile.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn run(&self) -> Result<(), Problem> {
        if incarnation(&self.reader()?)? == 0 {
            return Ok(());
        }
        let clock = Arc::clone(self.kernel.clock());
        let patience = Duration::from_secs(self.exchange.config.reconcile_seconds_max);
        let until = clock.monotonic() + patience;
        let mut pause = PAUSE_MIN;
        while !self.exchange.bell.is_stopping() {
            let count = self.exchange.bell.count(PEERS);
            // A store that fails now may work later.
            let left = self.round().map_or(usize::MAX, |round| round.left);
            if self.exchange.waits_for_peers() && until <= clock.monotonic() {
                self.give_up()?;
            }
            let timeout = if left == 0 { PAUSE_MAX } else { pause };
            let has_news = self.exchange.bell.wait(PEERS, count, timeout);
            pause = if has_news || left == 0 { PAUSE_MIN } else { (2 * pause).min(PAUSE_MAX) };
        }
        Ok(())
    }

    /// Asks a peer what it holds, and takes it.
    fn ask(&self, unit: &str) -> Result<(), Problem> {
        let reader = self.reader()?;
        let Some(held) = reconciliation_of(&reader, unit)? else { return Ok(()) };
        let missing = || Error::PeerNotFound { peer: unit.to_owned() };
        let peer = state::peer_of(&reader, unit)?.ok_or_else(missing)?;
        let ask = Ask {
            v: RECONCILE,
            incarnation: incarnation(&reader)?,
            received: held.received,
            sent: held.sent,
        };
        drop(reader);
        let body = serde_json::to_vec(&ask).map_err(Error::internal)?;
        let told: Told = self.request(&peer, "POST", "/v1/exchange/reconcile", body)?;
        if told.v != RECONCILE {
            let reason = format!("it tells in version {}, known is {RECONCILE}", told.v);
            return Err(Error::Irreconcilable { reason }.into());
        }
        let unit = unit.to_owned();
        self.take(&Step::Begin { unit: unit.clone(), told: Box::new(told.clone()) })?;
        self.take_answers(&peer, &held, told.answers)?;
        for contract in &told.contracts {
            self.take_receipts(&peer, contract)?;
        }
        self.take(&Step::Finish { unit, told: Box::new(told) })
    }

    /// Takes the answers that the peer gave after what the backup knows.
    fn take_answers(&self, peer: &Peer, held: &Reconciliation, upto: u64) -> Result<(), Problem> {
        let mut after = held.answers;
        while after < upto {
            let path = format!(
                "/v1/exchange/recall?kind=answers&received={}&after={after}&upto={upto}",
                held.received
            );
            let page: Page<Answer> = self.request(peer, "GET", &path, Vec::new())?;
            if page.next <= after {
                return Err(stuck());
            }
            after = page.next;
            let (unit, answers) = (peer.card.unit.clone(), page.items);
            self.take(&Step::Answers { unit, answers, upto: after.min(upto) })?;
        }
        Ok(())
    }

    /// Takes the receipts of a contract from the first on that this unit does not know, or of which it does not know what became.
    fn take_receipts(&self, peer: &Peer, told: &ToldContract) -> Result<(), Problem> {
        let name = told.contract.name.clone();
        let reader = self.reader()?;
        let Some(contract) = state::find_contract(&reader, &name)? else { return Ok(()) };
        let unsettled = state::first_unsettled(&reader, &name)?;
        let signed = state::signed_chain(&reader, &name)?.number;
        drop(reader);
        if contract.id != told.contract.id || contract.peer != peer.card.unit {
            return Ok(());
        }
        let mut after = unsettled.map_or(signed, |first| signed.min(first - 1));
        let upto = told.chain.number;
        while after < upto {
            let path = format!(
                "/v1/exchange/recall?kind=receipts&contract={name}&after={after}&upto={upto}"
            );
            let page: Page<ToldBatch> = self.request(peer, "GET", &path, Vec::new())?;
            if page.next <= after {
                return Err(stuck());
            }
            after = page.next;
            let (unit, contract, batches) = (peer.card.unit.clone(), name.clone(), page.items);
            self.take(&Step::Receipts { unit, contract, batches })?;
        }
        Ok(())
    }

    /// Sends a request to a peer and reads its answer.
    fn request<T: DeserializeOwned>(
        &self,
        peer: &Peer,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Problem> {
        let reader = self.reader()?;
        let answer = self.exchange.ask(&reader, &peer.name, method, path, body)?;
        let unreadable = |error: serde_json::Error| Error::Unreachable {
            peer: peer.name.clone(),
            reason: format!("its answer cannot be read: {error}"),
        };
        Ok(serde_json::from_value(answer).map_err(unreadable)?)
    }

    /// Has a step taken, and waits for its commit.
    fn take<T: Serialize>(&self, step: &T) -> Result<(), Problem> {
        let call = Call::new("exchange.recover", ResourceRef::new("exchange", ""), part());
        let step = serde_json::to_value(step).map_err(Error::internal)?;
        self.exchange.commit(call.with(step)).map(|_| ())
    }

    fn reader(&self) -> Result<Reader, Problem> {
        Reader::new(&self.kernel, part())
    }
}

/// Returns the error of a peer whose pages do not go on.
fn stuck() -> Problem {
    Error::Irreconcilable { reason: "a page of what it holds leads nowhere".into() }.into()
}
