//! What contracts promise, measured from the exchange's own records, on both sides by the same two times: when a call was made and when
//! it was closed.

use crate::engine::Exchange;
use crate::state;
use crate::terms::Terms;
use crate::wire::{CallRecord, CallState, Contract, Side, State};
use base::{Period, Problem, Time};
use kernel::{Promise, Read, Reader, ResourceRef, Tx};

/// Open calls of one contract that are looked at; further ones are not counted as overdue.
const OPEN_LOOKED_MAX: usize = 10_000;

impl Exchange {
    /// Measures a call that is over. What was withdrawn or refused is neither good nor bad.
    pub(crate) fn measure(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        record: &CallRecord,
        state: CallState,
        at: Time,
    ) -> Result<(), Problem> {
        let is_done = match state {
            CallState::Answered => true,
            CallState::Failed => false,
            _ => return Ok(()),
        };
        let took = Period(at.0.saturating_sub(record.at.0));
        tx.measure(&format!("contract/{}", contract.name), took, is_done, at);
        if contract.side == Side::Provider {
            tx.measure(&format!("offer/{}", record.capability), took, is_done, at);
        }
        let terms = self.terms(contract)?;
        if let Some(within) = promised(&terms, &record.capability) {
            let id = promise_id(contract, &record.capability);
            tx.measure_promise(id, within, took, is_done, at);
        }
        Ok(())
    }

    /// Returns what the contracts in force promise.
    pub(crate) fn promised(&self, reader: &Reader) -> Result<Vec<Promise>, Problem> {
        let mut promises = Vec::new();
        for contract in state::contracts(reader)? {
            if contract.state != State::Finalized {
                continue;
            }
            let terms = self.terms(&contract)?;
            for capability in terms.capabilities.keys() {
                let Some(within) = promised(&terms, capability) else { continue };
                let before = Time(reader.business().0.saturating_sub(within.0));
                let is_late =
                    |record: &CallRecord| record.capability == *capability && record.at < before;
                promises.push(Promise {
                    id: promise_id(&contract, capability),
                    name: format!("{}/{capability}", contract.name),
                    on: format!("contract/{}", contract.name),
                    within,
                    overdue: open(reader, &contract.name, is_late)?,
                });
            }
        }
        Ok(promises)
    }

    /// Returns how many calls of a contract or an offer were made before a time and are not closed yet.
    pub(crate) fn late(
        &self,
        reader: &Reader,
        on: &ResourceRef,
        before: Time,
    ) -> Result<Option<u64>, Problem> {
        let is_late = |record: &CallRecord| record.at < before;
        match on.kind.as_str() {
            "contract" => open(reader, &on.name, is_late).map(Some),
            "offer" => {
                let mut count = 0;
                for contract in state::contracts(reader)? {
                    if contract.side == Side::Provider {
                        let is_meant =
                            |record: &CallRecord| record.capability == on.name && is_late(record);
                        count += open(reader, &contract.name, is_meant)?;
                    }
                }
                Ok(Some(count))
            }
            _ => Ok(None),
        }
    }
}

/// Returns in what time a capability is to be answered, where the contract says so.
fn promised(terms: &Terms, capability: &str) -> Option<Period> {
    let level = terms.capabilities.get(capability)?.term.service_level.as_ref()?;
    Period::parse(&level.answer_within).ok()
}

/// Counts belong to the contract that was signed: its id is the hash of its document.
fn promise_id(contract: &Contract, capability: &str) -> String {
    let id: String = contract.id.iter().flat_map(|id| id.chars().take(16)).collect();
    format!("contract:{}:{id}/{capability}", contract.name)
}

fn open(
    read: &dyn Read,
    contract: &str,
    is_meant: impl Fn(&CallRecord) -> bool,
) -> Result<u64, Problem> {
    let mut count = 0;
    for (_, bytes) in read.scan_prefix(state::calls_key(contract).as_ref(), OPEN_LOOKED_MAX)? {
        let record: CallRecord = state::decode(&bytes)?;
        count += u64::from(record.state.is_open() && is_meant(&record));
    }
    Ok(count)
}
