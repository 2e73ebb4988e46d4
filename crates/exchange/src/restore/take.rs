//! How a unit that was restored takes back what a peer tells it.
//!
//! First come the contracts and where the links stand, then the answers and the receipts, page by page, then all that follows from
//! them. Each step is a commit of its own that does no harm when it is taken twice: between two of them the unit may be killed.

mod consumer;
mod provider;

use super::answers::Answer;
use super::held::release;
use super::stage::{Reconciliation, Report, Stage, reconciliation_of};
use super::told::{Told, ToldBatch, ToldContract};
use crate::Error;
use crate::engine::{Exchange, PEERS};
use crate::identity::Signed;
use crate::link::{send, topic};
use crate::state::{
    self, Mark, mark_key, meter_key, number, outbox_key, put_number, reconcile_key,
};
use crate::terms::{Document, Terms};
use crate::wire::{Contract, Message, Peer, Side, State};
use base::{Problem, Time};
use kernel::{Call, Read, Reply, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// The parameters of `exchange.recover`: one step.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    /// The links and the contracts.
    Begin { unit: String, told: Box<Told> },
    /// Answers to calls of this unit, up to a place in the peer's log.
    Answers { unit: String, answers: Vec<Answer>, upto: u64 },
    /// Receipts of a contract.
    Receipts { unit: String, contract: String, batches: Vec<ToldBatch> },
    /// What follows from all that.
    Finish { unit: String, told: Box<Told> },
    /// The unit waits no longer for a peer.
    SetAside { unit: String },
    /// The unit was opened: what waits in it goes on.
    Open {},
}

/// What a step works on.
struct Work<'a> {
    peer: &'a Peer,
    /// How far this unit is with the peer.
    held: Reconciliation,
    /// The business time of whatever is to be told.
    at: Time,
}

impl Exchange {
    /// `exchange.recover`: one step.
    pub(crate) fn recover(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let step: Step = call.parameters()?;
        match step {
            Step::Begin { unit, told } => {
                self.take_cards(tx, &unit, &told)?;
                self.step(tx, &unit, |work, tx| self.begin_with(tx, work, &told))
            }
            Step::Answers { unit, answers, upto } => self.step(tx, &unit, |work, tx| {
                for answer in answers {
                    self.take_answer(tx, work, answer)?;
                }
                work.held.answers = upto;
                Ok(())
            }),
            Step::Receipts { unit, contract, batches } => self.step(tx, &unit, |work, tx| {
                let contract = state::contract(tx, &contract)?;
                for batch in batches {
                    self.take_batch(tx, work, &contract, batch)?;
                }
                Ok(())
            }),
            Step::Finish { unit, told } => {
                self.step(tx, &unit, |work, tx| self.finish_with(tx, work, &told))
            }
            Step::SetAside { unit } => self.set_aside(tx, &unit).map(|_| ()),
            Step::Open {} => Ok(()),
        }?;
        Ok(Reply::Value(Value::Null))
    }

    /// Takes the keys of both sides as they are now: what comes back may be signed with keys that came after the backup. The roots vouch
    /// for them.
    fn take_cards(&self, tx: &mut Tx<'_>, unit: &str, told: &Told) -> Result<(), Problem> {
        if let Some(own) = &told.asker {
            self.recall_keys(tx, own)?;
        }
        if let (Some(card), Some(peer)) = (&told.card, state::peer_of(tx, unit)?) {
            self.follow(tx, peer, card.clone())?;
        }
        Ok(())
    }

    /// Takes a step with a peer that was not asked to the end.
    fn step(
        &self,
        tx: &mut Tx<'_>,
        unit: &str,
        take: impl FnOnce(&mut Work<'_>, &mut Tx<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let missing = || Error::PeerNotFound { peer: unit.to_owned() };
        let peer = state::peer_of(tx, unit)?.ok_or_else(missing)?;
        let held = reconciliation_of(tx, unit)?.filter(|held| held.stage != Stage::Done);
        let Some(held) = held else { return Ok(()) };
        let mut work = Work { peer: &peer, held, at: tx.business() };
        take(&mut work, tx)?;
        state::store(tx, reconcile_key(unit), &work.held)
    }

    /// Brings the link up to what the peer has handled, and the contracts to where they stand.
    fn begin_with(&self, tx: &mut Tx<'_>, work: &mut Work<'_>, told: &Told) -> Result<(), Problem> {
        let unit = &work.peer.card.unit;
        let (sent, cleared) =
            (number(tx, &mark_key(unit, Mark::Sent))?, number(tx, &mark_key(unit, Mark::Cleared))?);
        if told.received < cleared || told.sent < work.held.received {
            let reason = format!(
                "it has handled {} messages and sent {}, and had said {cleared} and {} before: it was restored too",
                told.received, told.sent, work.held.received
            );
            return Err(Error::Irreconcilable { reason }.into());
        }
        for n in cleared + 1..=told.received.min(sent) {
            tx.delete(outbox_key(unit, n));
        }
        put_number(tx, mark_key(unit, Mark::Sent), sent.max(told.received));
        put_number(tx, mark_key(unit, Mark::Cleared), told.received);
        work.held.report = Report::default();
        for told_contract in &told.contracts {
            let name = &told_contract.contract.name;
            let adopted =
                tx.attempt(|tx| self.adopt(tx, work, &told_contract.contract, told.received));
            match adopted {
                Ok(true) => work.held.report.contracts += 1,
                Ok(false) => {}
                Err(problem) => {
                    work.held.report.note(format!("contract `{name}`: {}", problem.message));
                }
            }
            let contract = self.shared_contract(tx, work, told_contract)?;
            if let Some(contract) = contract.filter(|held| held.side == Side::Consumer) {
                self.find_open_calls(tx, work, &contract, told_contract)?;
            }
        }
        Ok(())
    }

    /// Returns a contract that both sides hold, from opposite sides, with a document.
    fn shared_contract(
        &self,
        tx: &Tx<'_>,
        work: &Work<'_>,
        told: &ToldContract,
    ) -> Result<Option<Arc<Contract>>, Problem> {
        let contract = state::find_contract(tx, &told.contract.name)?;
        Ok(contract.filter(|held| {
            held.peer == work.peer.card.unit
                && held.side != told.contract.side
                && held.was_final
                && held.id == told.contract.id
        }))
    }

    /// Brings a contract to where the peer holds it; returns whether something changed.
    fn adopt(
        &self,
        tx: &mut Tx<'_>,
        work: &Work<'_>,
        told: &Contract,
        received: u64,
    ) -> Result<bool, Problem> {
        let held = state::find_contract(tx, &told.name)?;
        if let Some(held) = &held {
            if held.peer != work.peer.card.unit || held.side == told.side {
                let reason = "this unit holds another one of that name".into();
                return Err(Error::Irreconcilable { reason }.into());
            }
            // What was in force on both sides ends at the very end of the recovery, after its calls were taken back.
            let is_same = held.id == told.id && held.state == told.state;
            if is_same || held.was_final && told.was_final {
                return Ok(false);
            }
        }
        if told.was_final {
            self.adopt_document(tx, work, told)?;
            return Ok(true);
        }
        // Messages of this unit that the peer has not handled yet go on from where it is.
        if received < work.held.sent {
            return Ok(false);
        }
        self.follow_negotiation(tx, work, held.as_deref(), told)?;
        Ok(true)
    }

    /// Takes a contract back that both have signed.
    fn adopt_document(
        &self,
        tx: &mut Tx<'_>,
        work: &Work<'_>,
        told: &Contract,
    ) -> Result<(), Problem> {
        let wrong = |reason: &str| Problem::from(Error::Document { reason: reason.into() });
        let text = told.document.clone().ok_or_else(|| wrong("it is missing"))?;
        let document = Terms::compile(&text)?.document;
        let (own, peer) = (self.identity.unit(), work.peer.card.unit.as_str());
        let card = self.card_of(tx)?;
        let side = if told.side == Side::Provider { Side::Consumer } else { Side::Provider };
        let (provider, consumer) = match side {
            Side::Provider => (&card, &work.peer.card),
            Side::Consumer => (&work.peer.card, &card),
        };
        let parties = match side {
            Side::Provider => (own, peer),
            Side::Consumer => (peer, own),
        };
        let are_parties = (document.provider.as_str(), document.consumer.as_str()) == parties;
        let is_named = document.name == told.name && told.id == Some(crate::terms::id_of(&text));
        if !are_parties || !is_named {
            return Err(wrong("its parties or its name are others"));
        }
        let signed = |signed: &Option<Signed>| {
            signed.clone().ok_or_else(|| wrong("it is not signed by both"))
        };
        let bytes = text.as_bytes();
        provider.check(&signed(&told.provider_signed)?, document.agreed_at, bytes)?;
        let second = signed(&told.consumer_signed)?;
        // The consumer signs a little later; with which key, its number says.
        consumer
            .check(&second, document.agreed_at, bytes)
            .or_else(|_| consumer.check(&second, tx.wall(), bytes))?;
        let mut contract = Contract { side, peer: peer.to_owned(), ..told.clone() };
        if side == Side::Provider {
            self.find_services(tx, &mut contract, &document)?;
        }
        self.keep(tx, &mut contract)
    }

    /// Says what stands behind the capabilities of a contract, by the offers as they are now.
    fn find_services(
        &self,
        tx: &Tx<'_>,
        contract: &mut Contract,
        document: &Document,
    ) -> Result<(), Problem> {
        for term in &document.offers {
            let Some(resource) = tx.resource("offer", &term.capability)? else { continue };
            let spec = crate::contracts::offer_spec(&resource.spec)?;
            let lent = spec.relation.map(|lent| lent.name);
            let service = spec.process.or(lent).unwrap_or_default();
            contract.serves.insert(term.capability.clone(), service);
        }
        Ok(())
    }

    /// Handles the message that the peer's state says it has sent; where none leads there, the contract ends.
    fn follow_negotiation(
        &self,
        tx: &mut Tx<'_>,
        work: &Work<'_>,
        held: Option<&Contract>,
        told: &Contract,
    ) -> Result<(), Problem> {
        let (peer, at, name) = (work.peer, work.at, told.name.as_str());
        let document = told.document.clone().unwrap_or_default();
        match (told.side, told.state, held.map(|held| held.state)) {
            (_, State::Terminated, None) => Ok(()),
            (_, State::Terminated, Some(_)) => {
                let reason = told.reason.clone().unwrap_or_default();
                self.on_terminate(tx, peer, at, name, &reason)
            }
            (Side::Consumer, State::Requested, None) => {
                self.on_propose(tx, peer, at, name, told.wanted.clone(), told.review)
            }
            (Side::Consumer, State::Accepted, Some(State::Offered)) => {
                self.on_accept(tx, peer, at, name)
            }
            (Side::Consumer, State::Verified, Some(State::Agreed)) => match &told.consumer_signed {
                Some(signed) => self.on_verify(tx, peer, at, name, signed.clone()),
                None => Ok(()),
            },
            (Side::Provider, State::Offered, None | Some(State::Requested)) => {
                self.on_offer(tx, peer, name, document)
            }
            (Side::Provider, State::Agreed, Some(State::Requested | State::Accepted)) => {
                match &told.provider_signed {
                    Some(signed) => self.on_agree(tx, peer, at, name, document, signed.clone()),
                    None => Ok(()),
                }
            }
            _ => self.give_up(tx, work, held, name),
        }
    }

    /// Ends a contract of which the two sides hold different beginnings.
    fn give_up(
        &self,
        tx: &mut Tx<'_>,
        work: &Work<'_>,
        held: Option<&Contract>,
        name: &str,
    ) -> Result<(), Problem> {
        let reason = "a backup was restored while it was agreed upon: propose it again";
        match held {
            Some(held) => self.end(tx, &mut held.clone(), work.at, reason, true),
            None => {
                let message = Message::Terminate { contract: name.into(), reason: reason.into() };
                send(tx, &work.peer.card.unit, work.at, &message)
            }
        }
    }

    /// Takes receipts back.
    fn take_batch(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        contract: &Contract,
        told: ToldBatch,
    ) -> Result<(), Problem> {
        if contract.peer != work.peer.card.unit {
            return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
        }
        match contract.side {
            Side::Consumer => self.take_batch_as_consumer(tx, work, contract, told),
            Side::Provider => self.take_batch_as_provider(tx, work, contract, told),
        }
    }

    /// Does what follows from all that the peer has told, and lets messages through again.
    fn finish_with(
        &self,
        tx: &mut Tx<'_>,
        work: &mut Work<'_>,
        told: &Told,
    ) -> Result<(), Problem> {
        for told_contract in &told.contracts {
            let Some(contract) = self.shared_contract(tx, work, told_contract)? else { continue };
            let name = contract.name.clone();
            if told_contract.chain.number > state::signed_chain(tx, &name)?.number {
                let reason = format!("receipts of contract `{name}` are missing");
                return Err(Error::Irreconcilable { reason }.into());
            }
            match contract.side {
                Side::Consumer => {
                    self.finish_as_consumer(tx, work, &contract, told_contract, told.received)?;
                }
                Side::Provider => {
                    self.finish_as_provider(tx, work, &contract, told_contract, told.received)?;
                }
            }
            let has_ended = told_contract.contract.state == State::Terminated;
            if has_ended && contract.state != State::Terminated {
                let reason = told_contract.contract.reason.clone().unwrap_or_default();
                self.on_terminate(tx, work.peer, work.at, &name, &reason)?;
            }
        }
        let unit = &work.peer.card.unit;
        put_number(tx, mark_key(unit, Mark::Received), told.sent);
        work.held.stage = Stage::Done;
        work.held.finished_at = Some(tx.wall());
        release(tx, unit)?;
        tx.notify(PEERS);
        tx.notify(&topic(unit));
        Ok(())
    }
}

/// Returns the error of what contradicts itself.
fn irreconcilable(reason: impl std::fmt::Display) -> Problem {
    Error::Irreconcilable { reason: reason.to_string() }.into()
}

/// Takes back how much was read of what is lent under a contract.
fn take_meters(tx: &mut Tx<'_>, contract: &str, told: &ToldContract) -> Result<(), Problem> {
    told.meters
        .iter()
        .try_for_each(|(offer, meter)| state::store(tx, meter_key(contract, offer), meter))
}

/// Says that two units hold different receipts under the same numbers.
fn other_receipts(contract: &str, first: u64) -> Problem {
    irreconcilable(format!("the receipts of contract `{contract}` from {first} on are others"))
}
