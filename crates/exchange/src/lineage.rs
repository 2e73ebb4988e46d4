//! Lineage across the border: what offers lend, which contracts cover them, and what contracts bring in.

use crate::contracts::offer_spec;
use crate::engine::Exchange;
use crate::state;
use crate::wire::{Contract, Side, State};
use base::Problem;
use kernel::{Edge, End, How, Read, Reader, Resource};
use serde_json::json;
use std::collections::BTreeMap;

impl Exchange {
    /// Returns the edges of offers and contracts.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn edges(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        let mut edges = Vec::new();
        for offer in reader.resources("offer")? {
            edges.extend(of_offer(&offer)?);
        }
        for contract in state::contracts(reader)? {
            match (contract.side, contract.state) {
                (_, State::Terminated) => {}
                (Side::Provider, _) => edges.extend(covered(reader, &contract)?),
                (Side::Consumer, State::Finalized) => {
                    edges.extend(self.borrowed(reader, &contract)?);
                }
                (Side::Consumer, _) => {}
            }
        }
        Ok(edges)
    }

    /// Returns the relations of another unit that a contract brings in: `PEER.OFFER`. What it covers beside them is called, and
    /// who calls says so.
    fn borrowed(&self, reader: &Reader, contract: &Contract) -> Result<Vec<Edge>, Problem> {
        let peer = state::peer_name(reader, &contract.peer)?;
        let terms = self.terms(contract)?;
        let lent =
            terms.capabilities.iter().filter(|(_, capability)| capability.term.columns.is_some());
        let edges = lent.map(|(name, _)| {
            let relation = End::relation(&format!("{peer}.{name}"));
            Edge::new(End::new("contract", &contract.name), relation, How::Borrows)
        });
        Ok(edges.collect())
    }
}

/// Returns what an offer lends: a process, or columns of a relation.
fn of_offer(offer: &Resource) -> Result<Vec<Edge>, Problem> {
    let spec = offer_spec(&offer.spec)?;
    let itself = || End::new("offer", &offer.name);
    let process = spec
        .process
        .iter()
        .map(|process| Edge::new(End::new("process", process), itself(), How::Lends));
    let relation = spec.relation.iter().map(|lent| {
        let columns: BTreeMap<&String, [&String; 1]> =
            lent.columns.iter().map(|column| (column, [column])).collect();
        let edge = Edge::new(End::relation(&lent.name), itself(), How::Lends);
        edge.with(json!({ "columns": columns }))
    });
    Ok(process.chain(relation).map(|edge| edge.declared_by(offer)).collect())
}

/// Returns the offers that a contract covers, as far as they are still made.
fn covered(reader: &Reader, contract: &Contract) -> Result<Vec<Edge>, Problem> {
    let mut edges = Vec::new();
    for offer in contract.serves.keys() {
        if reader.resource("offer", offer)?.is_some() {
            let to = End::new("contract", &contract.name);
            edges.push(Edge::new(End::new("offer", offer), to, How::Lends));
        }
    }
    Ok(edges)
}
