//! What is lent, in the catalogues of both sides: the relations `PEER.OFFER` of a consumer, and the columns of an offer.
//!
//! A column that is not lent does not exist. A relation stays in the catalogue of its consumer when the contract has ended, so
//! that views over it can still be planned; reading it says that the contract has ended.

use crate::Error;
use crate::contracts::offer_spec;
use crate::engine::Exchange;
use crate::fetch::{Lent, Reading};
use crate::state;
use crate::terms::{Field, OfferSpec, scale};
use crate::wire::{Contract, Side, State};
use base::{Problem, Time};
use kernel::{
    Call, Column, ColumnType, Open, Pages, Principal, Read, Reader, Relation, Reply, ResourceRef,
    Scan,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which of several contracts over the same offer counts: one in force, then the newest.
type Rank = (bool, Time);

impl Exchange {
    /// Returns the relations that others lend to this unit: `PEER.OFFER`.
    pub(crate) fn lent_relations(
        self: &Arc<Self>,
        read: &dyn Read,
    ) -> Result<Vec<Relation>, Problem> {
        let mut chosen: BTreeMap<(String, String), (Rank, Arc<Contract>)> = BTreeMap::new();
        for contract in state::contracts(read)? {
            if contract.side != Side::Consumer || !contract.was_final {
                continue;
            }
            let Some(peer) = state::peer_of(read, &contract.peer)? else { continue };
            let terms = self.terms(&contract)?;
            let rank = (contract.state == State::Finalized, terms.document.agreed_at);
            let lent = terms.capabilities.iter().filter(|(_, held)| held.term.columns.is_some());
            for (name, _) in lent {
                let key = (peer.name.clone(), name.clone());
                if chosen.get(&key).is_none_or(|(held, _)| *held <= rank) {
                    chosen.insert(key, (rank, Arc::clone(&contract)));
                }
            }
        }
        let mut relations = Vec::with_capacity(chosen.len());
        for ((peer, offer), (_, contract)) in chosen {
            relations.push(self.lent_relation(&contract, peer, offer)?);
        }
        Ok(relations)
    }

    fn lent_relation(
        self: &Arc<Self>,
        contract: &Contract,
        peer: String,
        offer: String,
    ) -> Result<Relation, Problem> {
        let terms = self.terms(contract)?;
        let term = &terms.capability(&offer)?.term;
        let fields = term.columns.clone().unwrap_or_default();
        let column = |field: &Field| {
            let column_type = column_type(&field.field_type);
            Column::new(&field.name, column_type, &field.summary).filtered()
        };
        let columns = fields.iter().map(column).collect();
        let (schema, name) = (peer.clone(), offer.clone());
        let lent = Arc::new(Lent { contract: contract.name.clone(), peer, offer, fields });
        let exchange = Arc::clone(self);
        let open: Open = Arc::new(move |reader: &Reader, scan: &Scan| {
            let reading = Reading::open(&exchange, reader, &lent, scan)?;
            Ok(Box::new(reading) as Box<dyn Pages>)
        });
        Ok(Relation {
            resource: ResourceRef::new("relation", format!("{schema}.{name}")),
            schema,
            name,
            summary: term.summary.clone(),
            columns,
            rows: Arc::new(|_, _, _| Err(Error::internal("it is read in pages").into())),
            pages: Some(open),
        })
    }

    /// `offer.offered`: what this unit offers to the peer that asks. What cannot be lent at the moment is left out.
    pub(crate) fn offered(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "offers are made to peers".into() }.into());
        };
        let name = state::peer_name(reader, unit)?;
        let mut offers = Vec::new();
        for resource in reader.resources("offer")? {
            let spec = offer_spec(&resource.spec)?;
            if !spec.is_to(&name) {
                continue;
            }
            let Ok(columns) = lent_columns(reader, &spec) else { continue };
            let mut term = serde_json::to_value(spec.term(&resource.name, columns))
                .map_err(Error::internal)?;
            term["approval"] = json!(spec.approval);
            offers.push(term);
        }
        Ok(Reply::Value(json!({"items": offers})))
    }

    /// `offer.list`: this unit's offers, or those that a peer makes to it.
    pub(crate) fn list_offers(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        if let Some(peer) = call.text("peer") {
            return Ok(Reply::Value(self.ask(
                reader,
                peer,
                "GET",
                "/v1/offers/offered",
                Vec::new(),
            )?));
        }
        let mut offers = Vec::new();
        for resource in reader.resources("offer")? {
            offers.push(
                json!({"name": resource.name, "version": resource.version, "spec": resource.spec}),
            );
        }
        Ok(Reply::Value(json!({"items": offers})))
    }
}

/// Checks that what an offer lends can be lent: the relation, its columns with the types that the offer says, and the condition
/// on its rows.
///
/// # Errors
/// `offer.invalid` with the place in the manifest.
pub(crate) fn check(read: &dyn Read, spec: &OfferSpec) -> Result<(), Problem> {
    let Some(lent) = &spec.relation else { return Ok(()) };
    let wrong = |reason: String, pointer: String| {
        Problem::from(Error::Offer { reason, pointer: format!("/spec/{pointer}") })
    };
    let described = engines_describe(read, &lent.name, None)
        .map_err(|problem| wrong(problem.message, "relation/name".into()))?;
    let Some(described) = described else {
        return if is_relation(read, &lent.name)? {
            Ok(())
        } else {
            let reason = format!("there is no stream, table or view `{}`", lent.name);
            Err(wrong(reason, "relation/name".into()))
        };
    };
    for (place, name) in lent.columns.iter().enumerate() {
        if !described.iter().any(|column| column.name == *name) {
            let known: Vec<&str> = described.iter().map(|column| column.name.as_str()).collect();
            let known = known.join(", ");
            let reason = format!("there is no column `{name}` that can be lent; there are {known}");
            return Err(wrong(reason, format!("relation/columns/{place}")));
        }
    }
    for (place, field) in spec.output.iter().flatten().enumerate() {
        let known = described.iter().find(|column| column.name == field.name);
        if known.is_none_or(|known| known.column_type != column_type(&field.field_type)) {
            let (name, field_type) = (&field.name, &field.field_type);
            let reason = format!("`{}` has no column `{name}` of type {field_type}", lent.name);
            return Err(wrong(reason, format!("output/{place}")));
        }
    }
    if lent.rows.is_some() {
        engines_describe(read, &lent.name, lent.rows.as_deref())
            .map_err(|problem| wrong(problem.message, "relation/rows".into()))?;
    }
    Ok(())
}

/// Returns the lent columns with their types, as a contract writes them down: as the offer or the stream says, else as whoever
/// answers SQL does.
///
/// # Errors
/// `offer.invalid` where what is lent is not there any more.
pub(crate) fn lent_columns(
    read: &dyn Read,
    spec: &OfferSpec,
) -> Result<Option<Vec<Field>>, Problem> {
    let Some(lent) = &spec.relation else { return Ok(None) };
    let gone = || Error::Offer {
        reason: "what it lends is not there at the moment".into(),
        pointer: "/spec/relation".into(),
    };
    let described = engines_describe(read, &lent.name, None).map_err(|_| gone())?;
    let declared = declared(read, spec, &lent.name)?;
    let mut fields = Vec::with_capacity(lent.columns.len());
    for name in &lent.columns {
        let written = declared.get(name).cloned();
        let known = match &described {
            Some(columns) => {
                let known = columns.iter().find(|column| column.name == *name);
                Some(known.ok_or_else(gone)?.column_type)
            }
            None => None,
        };
        let field_type = match (written, known) {
            (Some(written), None) => written,
            (Some(written), Some(known)) if column_type(&written) == known => written,
            (_, Some(known)) => type_name(known),
            (None, None) => "text".into(),
        };
        let (name, summary) = (name.clone(), String::new());
        fields.push(Field { name, field_type, required: false, summary });
    }
    Ok(Some(fields))
}

/// Returns the types that the stream and the offer declare.
fn declared(
    read: &dyn Read,
    spec: &OfferSpec,
    relation: &str,
) -> Result<BTreeMap<String, String>, Problem> {
    let base = relation.strip_suffix("_latest").unwrap_or(relation);
    let stream = match read.resource("stream", relation)? {
        Some(stream) => Some(stream),
        None => read.resource("stream", base)?,
    };
    let mut types =
        BTreeMap::from([("_offset".to_owned(), "int".to_owned()), ("_time".into(), "time".into())]);
    let schema = stream.as_ref().and_then(|stream| stream.spec.get("schema")?.as_array().cloned());
    for column in schema.iter().flatten() {
        let text = |name: &str| column.get(name).and_then(Value::as_str).map(str::to_owned);
        types.extend(text("name").zip(text("type")));
    }
    types.extend(
        spec.output.iter().flatten().map(|field| (field.name.clone(), field.field_type.clone())),
    );
    Ok(types)
}

/// Returns the columns of a relation that can be lent; nothing where no engine answers SQL.
fn engines_describe(
    read: &dyn Read,
    relation: &str,
    rows: Option<&str>,
) -> Result<Option<Vec<Column>>, Problem> {
    for engine in read.kernel().engines() {
        if let Some(columns) = engine.describe(read, relation, rows)? {
            return Ok(Some(columns));
        }
    }
    Ok(None)
}

/// Returns whether a relation of this name is declared: a stream, its table of newest rows, or a view.
fn is_relation(read: &dyn Read, name: &str) -> Result<bool, Problem> {
    let bare = name.rsplit('.').next().unwrap_or(name);
    let stream = bare.strip_suffix("_latest").unwrap_or(bare);
    for (kind, candidate) in [("stream", bare), ("view", bare), ("stream", stream)] {
        if read.resource(kind, candidate)?.is_some() {
            return Ok(true);
        }
    }
    Ok(name.starts_with("system."))
}

/// Returns the type in SQL of what a contract says.
pub(crate) fn column_type(field_type: &str) -> ColumnType {
    match field_type {
        "bool" => ColumnType::Bool,
        "int" => ColumnType::Int,
        "float" => ColumnType::Float,
        "time" => ColumnType::Time,
        other => scale(other).map_or(ColumnType::Text, ColumnType::Decimal),
    }
}

/// Returns a type as a contract says it.
fn type_name(column_type: ColumnType) -> String {
    match column_type {
        ColumnType::Bool => "bool".into(),
        ColumnType::Int => "int".into(),
        ColumnType::Float => "float".into(),
        ColumnType::Decimal(scale) => format!("decimal(38,{scale})"),
        ColumnType::Text => "text".into(),
        ColumnType::Time => "time".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_the_same_on_both_sides_of_a_contract() {
        let types = ["bool", "int", "float", "decimal(38,0)", "decimal(38,6)", "text", "time"];
        for name in types {
            assert_eq!(type_name(column_type(name)), name);
        }
        assert_eq!(column_type("json"), ColumnType::Text);
        assert_eq!(column_type("decimal(12,2)"), ColumnType::Decimal(2));
    }
}
