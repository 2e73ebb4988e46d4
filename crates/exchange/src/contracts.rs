//! The life of a contract: asked for, agreed, signed by both, ended by either.
//!
//! The states are those of the Dataspace Protocol. The provider writes the document; each side signs its canonical bytes.

use crate::Error;
use crate::engine::Exchange;
use crate::identity::Signed;
use crate::link::send;
use crate::restore::expect_reconciled;
use crate::state::{self, contract_key, short};
use crate::terms::{Approval, Document, OfferSpec, Terms, id_of};
use crate::wire::{Contract, Message, Peer, Side, State, Wanted};
use base::{Name, Problem, Time};
use kernel::{Call, Read, Reader, Reply, Tx};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// How many compiled contracts are kept.
const TERMS_MAX: usize = 10_000;

impl Exchange {
    /// Returns the terms of a contract, compiled.
    pub(crate) fn terms(&self, contract: &Contract) -> Result<Arc<Terms>, Problem> {
        let (Some(id), Some(document)) = (&contract.id, &contract.document) else {
            return Err(refused(contract, "it has no document yet").into());
        };
        if let Some(terms) = self.terms.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(terms));
        }
        let terms = Arc::new(Terms::compile(document)?);
        let mut held = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        if TERMS_MAX <= held.len() {
            held.clear();
        }
        held.insert(id.clone(), Arc::clone(&terms));
        Ok(terms)
    }

    /// `contract.propose`.
    pub(crate) fn propose(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            name: Name,
            peer: String,
            offers: Vec<Value>,
            #[serde(default)]
            review: bool,
            side: Option<Side>,
        }
        let parameters: Parameters = call.parameters()?;
        let name = parameters.name.as_str().to_owned();
        let peer = state::peer(tx, &parameters.peer)?;
        expect_reconciled(tx, &peer.card.unit)?;
        if state::find_contract(tx, &name)?.is_some() {
            return Err(Error::ContractExists { contract: name }.into());
        }
        let wanted = parameters.offers.into_iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
        if wanted.is_empty() || self.config.offers_max < wanted.len() {
            let limit = self.config.offers_max;
            let reason = format!("a contract covers 1 to {limit} offers");
            return Err(Error::Offer { reason, pointer: "/offers".into() }.into());
        }
        let side = parameters.side.unwrap_or(Side::Consumer);
        let unit = peer.card.unit.clone();
        let mut contract = new_contract(&name, side, &unit, wanted, parameters.review, tx.wall());
        let at = tx.time_of(call);
        match side {
            Side::Consumer => {
                let offers = contract.wanted.clone();
                send(
                    tx,
                    &unit,
                    at,
                    &Message::Propose { contract: name, offers, review: contract.review },
                )?;
            }
            Side::Provider => {
                self.write_document(tx, &mut contract, &peer)?;
                self.show(tx, &mut contract, at)?;
            }
        }
        self.keep(tx, &mut contract)?;
        Ok(Reply::Value(self.contract_json(tx, &contract)?))
    }

    /// A consumer asks for a contract.
    pub(crate) fn on_propose(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        offers: Vec<Wanted>,
        review: bool,
    ) -> Result<(), Problem> {
        let unit = &peer.card.unit;
        let refuse = |tx: &mut Tx<'_>, reason: String| {
            send(tx, unit, at, &Message::Terminate { contract: name.into(), reason })
        };
        if Name::new(name).is_err() || state::find_contract(tx, name)?.is_some() {
            return refuse(tx, format!("the name `{}` cannot be used", short(name)));
        }
        let proposed = state::contracts(tx)?;
        let waiting =
            proposed.iter().filter(|held| held.peer == *unit && held.state == State::Requested);
        if self.config.proposals_max <= waiting.count() || self.config.offers_max < offers.len() {
            return refuse(tx, "too many proposals are waiting".into());
        }
        let mut contract = new_contract(name, Side::Provider, unit, offers, review, tx.wall());
        let decided = tx.attempt(|tx| {
            let needs_approval = self.write_document(tx, &mut contract, peer)?;
            if !needs_approval {
                self.provide(tx, &mut contract, at)?;
            }
            self.keep(tx, &mut contract)
        });
        match decided {
            Ok(()) => Ok(()),
            Err(problem) => refuse(tx, problem.message),
        }
    }

    /// Writes the document out of the offers as they stand. Returns whether a person must approve.
    fn write_document(
        &self,
        tx: &mut Tx<'_>,
        contract: &mut Contract,
        peer: &Peer,
    ) -> Result<bool, Problem> {
        let mut needs_approval = false;
        let mut terms = Vec::new();
        contract.serves.clear();
        for wanted in &contract.wanted {
            let missing = || Error::OfferNotFound { offer: short(&wanted.name) };
            let resource = tx.resource("offer", &wanted.name)?.ok_or_else(missing)?;
            let spec = offer_spec(&resource.spec)?;
            let is_version = wanted.version.as_ref().is_none_or(|version| *version == spec.version);
            if !spec.is_to(&peer.name) || !is_version {
                return Err(missing().into());
            }
            needs_approval |= spec.approval == Approval::Required;
            let serves = spec
                .process
                .clone()
                .or_else(|| spec.relation.as_ref().map(|lent| lent.name.clone()));
            contract.serves.insert(wanted.name.clone(), serves.unwrap_or_default());
            let columns = crate::lend::lent_columns(tx, &spec)?;
            terms.push(spec.term(&wanted.name, columns));
        }
        let document = Document {
            v: 1,
            name: contract.name.clone(),
            provider: self.identity.unit().into(),
            consumer: contract.peer.clone(),
            agreed_at: tx.wall(),
            nonce: crate::signature::random_id(self.entropy.as_ref()),
            offers: terms,
        };
        let text = document.text()?;
        Terms::compile(&text)?;
        contract.document = Some(text);
        Ok(needs_approval)
    }

    /// Goes on at the provider once everybody has approved: shows the document, or signs it.
    fn provide(&self, tx: &mut Tx<'_>, contract: &mut Contract, at: Time) -> Result<(), Problem> {
        if contract.review { self.show(tx, contract, at) } else { self.agree(tx, contract, at) }
    }

    fn show(&self, tx: &mut Tx<'_>, contract: &mut Contract, at: Time) -> Result<(), Problem> {
        contract.state = State::Offered;
        let document = contract.document.clone().unwrap_or_default();
        send(tx, &contract.peer, at, &Message::Offer { contract: contract.name.clone(), document })
    }

    fn agree(&self, tx: &mut Tx<'_>, contract: &mut Contract, at: Time) -> Result<(), Problem> {
        let document = contract.document.clone().unwrap_or_default();
        let signed = self.identity_of(tx)?.sign(tx.wall(), document.as_bytes())?;
        contract.state = State::Agreed;
        contract.id = Some(id_of(&document));
        contract.provider_signed = Some(signed.clone());
        send(
            tx,
            &contract.peer,
            at,
            &Message::Agree { contract: contract.name.clone(), document, signed },
        )
    }

    /// A provider shows a document: for one that was asked for, or out of its own.
    pub(crate) fn on_offer(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        name: &str,
        document: String,
    ) -> Result<(), Problem> {
        let unit = &peer.card.unit;
        let mut contract = match state::find_contract(tx, name)? {
            Some(contract) => {
                expect(&contract, unit, Side::Consumer, &[State::Requested])?;
                Arc::unwrap_or_clone(contract)
            }
            None => {
                Name::new(name)?;
                let offers = Document::parse(&document)?.offers;
                let wanted =
                    offers.into_iter().map(|term| Wanted { name: term.capability, version: None });
                new_contract(name, Side::Consumer, unit, wanted.collect(), true, tx.wall())
            }
        };
        self.check_document(&contract, &document)?;
        contract.document = Some(document);
        contract.state = State::Offered;
        self.keep(tx, &mut contract)
    }

    /// `contract.accept`: a person says yes, on either side.
    pub(crate) fn accept(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let mut contract = state::contract_to_change(tx, &call.resource.name)?;
        expect_reconciled(tx, &contract.peer)?;
        let at = tx.time_of(call);
        match (contract.side, contract.state) {
            (Side::Provider, State::Requested) => {
                let peer = state::peer_of(tx, &contract.peer)?;
                let peer =
                    peer.ok_or_else(|| Error::PeerNotFound { peer: contract.peer.clone() })?;
                self.write_document(tx, &mut contract, &peer)?;
                self.provide(tx, &mut contract, at)?;
            }
            (Side::Consumer, State::Offered) => {
                contract.state = State::Accepted;
                send(tx, &contract.peer, at, &Message::Accept { contract: contract.name.clone() })?;
            }
            _ => return Err(refused(&contract, "there is nothing to accept").into()),
        }
        self.keep(tx, &mut contract)?;
        Ok(Reply::Value(self.contract_json(tx, &contract)?))
    }

    /// The consumer accepts the document that it was shown.
    pub(crate) fn on_accept(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
    ) -> Result<(), Problem> {
        let mut contract = state::contract_to_change(tx, name)?;
        expect(&contract, &peer.card.unit, Side::Provider, &[State::Offered])?;
        self.agree(tx, &mut contract, at)?;
        self.keep(tx, &mut contract)
    }

    /// The provider has signed: the consumer checks and signs too.
    pub(crate) fn on_agree(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        document: String,
        signed: Signed,
    ) -> Result<(), Problem> {
        let mut contract = state::contract_to_change(tx, name)?;
        expect(&contract, &peer.card.unit, Side::Consumer, &[State::Requested, State::Accepted])?;
        let checked = self.check_document(&contract, &document).and_then(|parsed| {
            peer.card.check(&signed, parsed.agreed_at, document.as_bytes())?;
            let is_shown = contract.document.as_ref().is_none_or(|shown| *shown == document);
            if contract.review && !(is_shown && contract.state == State::Accepted) {
                return Err(Error::Document {
                    reason: "it is not the one that was accepted".into(),
                });
            }
            Ok(())
        });
        if let Err(error) = checked {
            return self.end(tx, &mut contract, at, &error.to_string(), true);
        }
        let own = self.identity_of(tx)?.sign(tx.wall(), document.as_bytes())?;
        contract.id = Some(id_of(&document));
        contract.document = Some(document);
        contract.provider_signed = Some(signed);
        contract.consumer_signed = Some(own.clone());
        contract.state = State::Verified;
        send(tx, &contract.peer, at, &Message::Verify { contract: name.into(), signed: own })?;
        self.keep(tx, &mut contract)
    }

    /// Checks that a document says what this consumer asked for.
    fn check_document(&self, contract: &Contract, text: &str) -> Result<Document, Error> {
        let wrong = |reason: &str| Err(Error::Document { reason: reason.into() });
        let terms = Terms::compile(text)?;
        let document = terms.document;
        let is_ours =
            document.consumer == self.identity.unit() && document.provider == contract.peer;
        if !is_ours || document.name != contract.name {
            return wrong("its parties or its name are others");
        }
        let is_wanted = document.offers.len() == contract.wanted.len()
            && contract.wanted.iter().zip(&document.offers).all(|(wanted, term)| {
                let is_version =
                    wanted.version.as_ref().is_none_or(|version| *version == term.version);
                wanted.name == term.capability && is_version
            });
        if is_wanted { Ok(document) } else { wrong("it covers something else than was asked for") }
    }

    /// The consumer has signed: the provider checks, and calls may begin.
    pub(crate) fn on_verify(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        signed: Signed,
    ) -> Result<(), Problem> {
        let mut contract = state::contract_to_change(tx, name)?;
        expect(&contract, &peer.card.unit, Side::Provider, &[State::Agreed])?;
        let document = contract.document.clone().unwrap_or_default();
        if let Err(error) = peer.card.check(&signed, tx.wall(), document.as_bytes()) {
            return self.end(tx, &mut contract, at, &error.to_string(), true);
        }
        contract.consumer_signed = Some(signed);
        contract.state = State::Finalized;
        contract.was_final = true;
        send(tx, &contract.peer, at, &Message::Finalize { contract: name.into() })?;
        self.keep(tx, &mut contract)
    }

    /// The provider says that calls may begin.
    pub(crate) fn on_finalize(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        name: &str,
    ) -> Result<(), Problem> {
        let mut contract = state::contract_to_change(tx, name)?;
        expect(&contract, &peer.card.unit, Side::Consumer, &[State::Verified])?;
        contract.state = State::Finalized;
        contract.was_final = true;
        self.keep(tx, &mut contract)
    }

    /// `contract.reject` and `contract.revoke`: ends it, from this commit on.
    pub(crate) fn revoke(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let mut contract = state::contract_to_change(tx, &call.resource.name)?;
        expect_reconciled(tx, &contract.peer)?;
        let is_reject = call.operation == "contract.reject";
        match (contract.state, is_reject) {
            (State::Terminated, _) => return Err(refused(&contract, "it has ended already").into()),
            (State::Finalized, true) => return Err(refused(&contract, "revoke it instead").into()),
            (State::Finalized, false) | (_, true) => {}
            (_, false) => return Err(refused(&contract, "reject it instead").into()),
        }
        let side = contract.side.as_str();
        let verb = if is_reject { "rejected" } else { "revoked" };
        let reason = call.text("reason").map_or_else(
            || format!("{verb} by the {side}"),
            |reason| {
                format!("{verb} by the {side}: {}", reason.chars().take(500).collect::<String>())
            },
        );
        let at = tx.time_of(call);
        self.end(tx, &mut contract, at, &reason, true)?;
        Ok(Reply::Value(self.contract_json(tx, &contract)?))
    }

    /// The other side ends the contract.
    pub(crate) fn on_terminate(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        reason: &str,
    ) -> Result<(), Problem> {
        let mut contract = state::contract_to_change(tx, name)?;
        if contract.peer != peer.card.unit {
            return Err(Error::ContractNotFound { contract: short(name) }.into());
        }
        if contract.state == State::Terminated {
            return Ok(());
        }
        let reason: String = reason.chars().take(1_000).collect();
        self.end(tx, &mut contract, at, &reason, false)
    }

    /// Ends a contract. At the provider, open calls end as the contract says.
    pub(crate) fn end(
        &self,
        tx: &mut Tx<'_>,
        contract: &mut Contract,
        at: Time,
        reason: &str,
        is_told: bool,
    ) -> Result<(), Problem> {
        contract.state = State::Terminated;
        contract.reason = Some(reason.into());
        self.keep(tx, contract)?;
        if is_told {
            let message =
                Message::Terminate { contract: contract.name.clone(), reason: reason.into() };
            send(tx, &contract.peer, at, &message)?;
        }
        if contract.side == Side::Provider && contract.was_final {
            self.end_calls(tx, contract, at)?;
            self.end_fetches(tx, contract)?;
        }
        Ok(())
    }

    pub(crate) fn keep(&self, tx: &mut Tx<'_>, contract: &mut Contract) -> Result<(), Problem> {
        contract.changed_at = tx.wall();
        state::store(tx, contract_key(&contract.name), contract)?;
        tx.notify("contracts");
        Ok(())
    }

    /// `contract.list`.
    pub(crate) fn list_contracts(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let state = call.text("state");
        let contracts = state::contracts(reader)?;
        let chosen = contracts
            .iter()
            .filter(|contract| state.is_none_or(|state| contract.state.as_str() == state));
        let rows = chosen
            .map(|contract| self.contract_json(reader, contract))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Reply::Value(json!({"items": rows})))
    }

    /// `contract.get`.
    pub(crate) fn get_contract(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let contract = state::contract(reader, &call.resource.name)?;
        let mut json = self.contract_json(reader, &contract)?;
        json["document"] = match &contract.document {
            Some(text) => serde_json::from_str(text).map_err(Error::internal)?,
            None => Value::Null,
        };
        json["provider_signature"] =
            serde_json::to_value(&contract.provider_signed).map_err(Error::internal)?;
        json["consumer_signature"] =
            serde_json::to_value(&contract.consumer_signed).map_err(Error::internal)?;
        json["unsettled_since"] = json!(self.unsettled_since(reader, &contract.name)?);
        Ok(Reply::Value(json))
    }

    pub(crate) fn contract_json(
        &self,
        read: &dyn Read,
        contract: &Contract,
    ) -> Result<Value, Problem> {
        let capabilities: Vec<&str> =
            contract.wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        Ok(json!({
            "name": contract.name, "id": contract.id, "side": contract.side, "state": contract.state,
            "peer": state::peer_name(read, &contract.peer)?, "capabilities": capabilities,
            "reason": contract.reason, "changed_at": contract.changed_at,
            "calls_open": state::number(read, &state::open_key(&contract.name))?,
        }))
    }
}

/// Reads the spec of an offer.
pub(crate) fn offer_spec(spec: &Value) -> Result<OfferSpec, Problem> {
    let wrong = |error: serde_json::Error| Error::Offer {
        reason: error.to_string(),
        pointer: "/spec".into(),
    };
    Ok(OfferSpec::deserialize(spec).map_err(wrong)?)
}

/// Refuses a message that does not come from the other side, or not at this time.
fn expect(contract: &Contract, unit: &str, side: Side, states: &[State]) -> Result<(), Error> {
    if contract.peer != unit || contract.side != side {
        return Err(Error::ContractNotFound { contract: contract.name.clone() });
    }
    if states.contains(&contract.state) {
        Ok(())
    } else {
        Err(refused(contract, "the message comes at the wrong time"))
    }
}

pub(crate) fn refused(contract: &Contract, wanted: &'static str) -> Error {
    Error::State { contract: contract.name.clone(), state: contract.state.as_str().into(), wanted }
}

fn wanted(value: Value) -> Result<Wanted, Problem> {
    match value {
        Value::String(name) => Ok(Wanted { name, version: None }),
        other => Ok(serde_json::from_value(other).map_err(|error| Error::Offer {
            reason: error.to_string(),
            pointer: "/offers".into(),
        })?),
    }
}

fn new_contract(
    name: &str,
    side: Side,
    unit: &str,
    wanted: Vec<Wanted>,
    review: bool,
    wall: Time,
) -> Contract {
    Contract {
        name: name.into(),
        id: None,
        side,
        peer: unit.into(),
        state: State::Requested,
        wanted,
        review,
        document: None,
        provider_signed: None,
        consumer_signed: None,
        serves: BTreeMap::new(),
        was_final: false,
        reason: None,
        changed_at: wall,
    }
}
