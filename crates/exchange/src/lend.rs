//! Lent relations: rows of another unit, fetched while a query runs. A column that is not lent does not exist.

use crate::Error;
use crate::consume::check_usable;
use crate::contracts::{offer_spec, refused};
use crate::engine::Exchange;
use crate::serve::part;
use crate::state;
use crate::terms::{Field, scale};
use crate::wire::{Contract, Side, State};
use base::{Problem, Time};
use kernel::{
    Call, Cell, Column, ColumnType, Principal, Read, Reader, Relation, Reply, ResourceRef, Scan,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a consumer wants of a lent relation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    offer: String,
    columns: Vec<String>,
    #[serde(default)]
    equals: BTreeMap<String, Value>,
    #[serde(default)]
    limit: Option<usize>,
}

impl Exchange {
    /// Returns the relations that others lend to this unit: `PEER.OFFER`.
    pub(crate) fn lent_relations(
        self: &Arc<Self>,
        read: &dyn Read,
    ) -> Result<Vec<Relation>, Problem> {
        let mut relations: BTreeMap<(String, String), Relation> = BTreeMap::new();
        for contract in state::contracts(read)? {
            if contract.side != Side::Consumer || contract.state != State::Finalized {
                continue;
            }
            let peer = state::peer_name(read, &contract.peer)?;
            for (name, capability) in &self.terms(&contract)?.capabilities {
                if let Some(fields) = &capability.term.columns {
                    let summary = capability.term.summary.clone();
                    let relation = self.lent_relation(&contract, &peer, name, summary, fields);
                    relations.insert((peer.clone(), name.clone()), relation);
                }
            }
        }
        Ok(relations.into_values().collect())
    }

    fn lent_relation(
        self: &Arc<Self>,
        contract: &Contract,
        peer: &str,
        offer: &str,
        summary: String,
        fields: &[Field],
    ) -> Relation {
        let columns = fields.iter().map(|field| Column {
            // Equalities are sent along, so that only rows that count travel.
            is_indexed: field.field_type != "json" && field.field_type != "float",
            ..Column::new(&field.name, column_type(&field.field_type), &field.summary)
        });
        let exchange = Arc::clone(self);
        let (path, owner) = (format!("/v1/contracts/{}/fetch", contract.name), peer.to_owned());
        let (fields, name) = (fields.to_vec(), offer.to_owned());
        Relation {
            schema: peer.into(),
            name: offer.into(),
            summary,
            columns: columns.collect(),
            resource: ResourceRef::new("relation", format!("{peer}.{offer}")),
            rows: Arc::new(move |reader, scan, row| {
                exchange.fetch_rows(reader, &owner, &path, &name, &fields, scan, row)
            }),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what a scan of a lent relation is made of")]
    fn fetch_rows(
        &self,
        reader: &Reader,
        peer: &str,
        path: &str,
        offer: &str,
        fields: &[Field],
        scan: &Scan,
        row: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        let name = |place: &usize| fields.get(*place).map(|field| field.name.clone());
        let mut wanted: Vec<usize> = scan.columns.clone();
        if wanted.is_empty() {
            wanted.push(0);
        }
        let equals =
            scan.equals.iter().filter_map(|(place, cell)| Some((name(place)?, json_of(cell)?)));
        let fetch = Fetch {
            offer: offer.into(),
            columns: wanted.iter().filter_map(name).collect(),
            equals: equals.collect(),
            limit: scan.limit,
        };
        let body = serde_json::to_vec(&fetch).map_err(Error::internal)?;
        let answer = self.ask(reader, peer, "POST", path, body)?;
        let malformed =
            || Error::Unreachable { peer: peer.into(), reason: "its rows cannot be read".into() };
        for values in answer["rows"].as_array().ok_or_else(malformed)? {
            let values = values
                .as_array()
                .filter(|values| values.len() == wanted.len())
                .ok_or_else(malformed)?;
            let mut cells = vec![Cell::Null; fields.len()];
            for (place, value) in wanted.iter().zip(values) {
                cells[*place] = cell_of(&fields[*place].field_type, value).ok_or_else(malformed)?;
            }
            if !row(cells)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// `contract.fetch`: a peer reads rows of what this unit lends it.
    pub(crate) fn fetch(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let fetch: Fetch = call.parameters()?;
        let contract = state::contract(reader, &call.resource.name)?;
        if call.actor != Principal::Peer(contract.peer.clone()) || contract.side != Side::Provider {
            return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
        }
        check_usable(&contract)?;
        let terms = self.terms(&contract)?;
        let capability = terms.capability(&fetch.offer)?;
        let fields = capability.term.columns.as_ref();
        let fields = fields.ok_or_else(|| refused(&contract, "it is called, not read"))?;
        let is_lent = |name: &String| fields.iter().any(|field| field.name == *name);
        if let Some(name) =
            fetch.columns.iter().chain(fetch.equals.keys()).find(|name| !is_lent(name))
        {
            let name = state::short(name);
            return Err(Error::Input {
                reason: format!("there is no column `{name}`"),
                pointer: "/columns".into(),
                hint: None,
            }
            .into());
        }
        if fetch.columns.is_empty() {
            return Ok(Reply::Value(json!({"rows": []})));
        }
        let relation = contract.serves.get(&fetch.offer).cloned().unwrap_or_default();
        let rows = self.select(reader, &relation, &fetch)?;
        Ok(Reply::Value(json!({"columns": fetch.columns, "rows": rows})))
    }

    /// Reads the lent columns through the kernel, as the exchange's part of this unit.
    fn select(
        &self,
        reader: &Reader,
        relation: &str,
        fetch: &Fetch,
    ) -> Result<Vec<Value>, Problem> {
        let columns: Vec<String> = fetch.columns.iter().map(|name| quoted(name)).collect();
        let relation: Vec<String> = relation.split('.').map(quoted).collect();
        let mut sql = format!("SELECT {} FROM {}", columns.join(", "), relation.join("."));
        for (place, (name, value)) in fetch.equals.iter().enumerate() {
            let word = if place == 0 { "WHERE" } else { "AND" };
            sql.push_str(&format!(" {word} {} = {}", quoted(name), literal(value)?));
        }
        let rows_max =
            fetch.limit.unwrap_or(self.config.lent_rows_max).min(self.config.lent_rows_max);
        sql.push_str(&format!(" LIMIT {rows_max}"));
        let call =
            Call::new("sql.query", ResourceRef::new("sql", ""), part()).with(json!({"sql": sql}));
        let reply = reader.kernel().read(&call)?;
        let answer = match reply {
            Reply::Value(value) => value,
            Reply::Stream { pieces, .. } => {
                let mut bytes = Vec::new();
                for piece in pieces {
                    bytes.extend(piece?);
                }
                serde_json::from_slice(&bytes).map_err(Error::internal)?
            }
            Reply::Later => Value::Null,
        };
        rows_of(&answer, &fetch.columns)
            .ok_or_else(|| Error::internal("the answer of sql.query has no rows").into())
    }

    /// `offer.offered`: what this unit offers to the peer that asks.
    pub(crate) fn offered(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "offers are made to peers".into() }.into());
        };
        let name = state::peer_name(reader, unit)?;
        let mut offers = Vec::new();
        for resource in reader.resources("offer")? {
            let spec = offer_spec(&resource.spec)?;
            if spec.is_to(&name) {
                let columns = crate::contracts::lent_columns(reader, &spec)?;
                let mut term = serde_json::to_value(spec.term(&resource.name, columns))
                    .map_err(Error::internal)?;
                term["approval"] = json!(spec.approval);
                offers.push(term);
            }
        }
        Ok(Reply::Value(json!({"offers": offers})))
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
        Ok(Reply::Value(json!({"offers": offers})))
    }
}

/// Finds the rows in an answer of `sql.query`: lists in the order of the columns, or objects by their names.
fn rows_of(answer: &Value, columns: &[String]) -> Option<Vec<Value>> {
    let rows = answer.get("rows").unwrap_or(answer).as_array()?;
    let row = |row: &Value| match row {
        Value::Object(members) => {
            let values = columns.iter().map(|name| members.get(name).cloned().unwrap_or_default());
            Value::Array(values.collect())
        }
        other => other.clone(),
    };
    Some(rows.iter().map(row).collect())
}

fn column_type(field_type: &str) -> ColumnType {
    match field_type {
        "bool" => ColumnType::Bool,
        "int" => ColumnType::Int,
        "float" => ColumnType::Float,
        "time" => ColumnType::Time,
        other => scale(other).map_or(ColumnType::Text, ColumnType::Decimal),
    }
}

fn cell_of(field_type: &str, value: &Value) -> Option<Cell> {
    if value.is_null() {
        return Some(Cell::Null);
    }
    Some(match column_type(field_type) {
        ColumnType::Bool => Cell::Bool(value.as_bool()?),
        ColumnType::Int => Cell::Int(value.as_i64()?),
        ColumnType::Float => Cell::Float(value.as_f64()?),
        ColumnType::Time => Cell::Time(Time::parse(value.as_str()?).ok()?.0),
        ColumnType::Decimal(_) | ColumnType::Text => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if matches!(column_type(field_type), ColumnType::Text) {
                Cell::Text(text)
            } else {
                Cell::Decimal(text)
            }
        }
    })
}

fn json_of(cell: &Cell) -> Option<Value> {
    match cell {
        Cell::Null | Cell::Float(_) => None,
        Cell::Bool(value) => Some(json!(value)),
        Cell::Int(value) => Some(json!(value)),
        Cell::Decimal(text) | Cell::Text(text) => Some(json!(text)),
        Cell::Time(millis) => Some(json!(Time(*millis))),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(value: &Value) -> Result<String, Problem> {
    match value {
        Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Error::Input {
            reason: "an equality needs a text, a number or a truth value".into(),
            pointer: "/equals".into(),
            hint: None,
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_a_peer_stay_names_and_values() {
        assert_eq!(quoted("a\" FROM secrets --"), "\"a\"\" FROM secrets --\"");
        assert_eq!(literal(&json!("o'clock")).unwrap(), "'o''clock'");
        assert_eq!(literal(&json!(1.5)).unwrap(), "1.5");
        assert!(literal(&json!([1])).is_err());
    }

    #[test]
    fn cells_have_the_type_that_the_contract_says() {
        assert_eq!(cell_of("decimal(18,2)", &json!("1.50")), Some(Cell::Decimal("1.50".into())));
        assert_eq!(cell_of("decimal(18,2)", &json!(1.5)), Some(Cell::Decimal("1.5".into())));
        assert_eq!(cell_of("time", &json!("1970-01-01T00:00:01Z")), Some(Cell::Time(1_000)));
        assert_eq!(cell_of("int", &json!("1")), None);
        assert_eq!(cell_of("json", &json!({"a": 1})), Some(Cell::Text("{\"a\":1}".into())));
        assert_eq!(cell_of("int", &Value::Null), Some(Cell::Null));
    }
}
