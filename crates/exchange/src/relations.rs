//! What the exchange shows to SQL: `system.peers`, `offers`, `contracts`, `calls`, `fetches`, `receipts`, `ledger`, `signing_keys`, `packages`.

use crate::Error;
use crate::consume::{row, settled_calls};
use crate::engine::Exchange;
use crate::fetch;
use crate::price::Cents;
use crate::receipts::{Line, rows_of};
use crate::restore;
use crate::state::{self, Mark, mark_key, number};
use crate::wire::{CallRecord, CallRow, FetchRow, FetchState};
use base::{Problem, Time};
use kernel::{Cell, Column, ColumnType, Read, Reader, Relation, Scan};
use serde_json::Value;
use std::sync::Arc;

use ColumnType::{Decimal, Int, Text};

/// Takes a row and says whether it wants more.
type Row<'a> = &'a mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>;

const MONEY: ColumnType = Decimal(2);

impl Exchange {
    /// Returns the relations of the schema `system`.
    pub(crate) fn system_relations(self: &Arc<Self>) -> Vec<Relation> {
        vec![
            self.relation(
                "peers",
                "The other units and outside customers.",
                PEERS,
                Self::peer_rows,
            ),
            self.relation("offers", "What this unit offers.", OFFERS, Self::offer_rows),
            self.relation(
                "contracts",
                "Contracts, in every state.",
                CONTRACTS,
                Self::contract_rows,
            ),
            self.relation(
                "calls",
                "Calls under contracts, open and settled.",
                CALLS,
                Self::call_rows,
            ),
            self.relation(
                "fetches",
                "What was read of lent relations, query by query.",
                FETCHES,
                Self::fetch_rows,
            ),
            self.relation(
                "signing_keys",
                "The keys with which this unit signs what it says to others.",
                SIGNING_KEYS,
                Self::signing_key_rows,
            ),
            self.relation(
                "packages",
                "Packages that were installed, and who signed them.",
                PACKAGES,
                Self::package_rows,
            ),
            self.relation("receipts", "Signed receipts.", RECEIPTS, Self::receipt_rows),
            self.relation("ledger", "Sums by contract and capability.", LEDGER, Self::ledger_cells),
            self.relation(
                "reconciliation",
                "What this unit got back from its peers after it was restored from a backup.",
                RECONCILIATION,
                Self::reconciliation_rows,
            ),
        ]
    }

    fn relation(
        self: &Arc<Self>,
        name: &str,
        summary: &str,
        columns: &[(&str, ColumnType, &str)],
        rows: fn(&Self, &Reader, Row<'_>) -> Result<(), Problem>,
    ) -> Relation {
        let exchange = Arc::clone(self);
        let columns =
            columns.iter().map(|(name, kind, summary)| Column::new(name, *kind, summary)).collect();
        let rows =
            Arc::new(move |reader: &Reader, _: &Scan, row: Row<'_>| rows(&exchange, reader, row));
        Relation::system(name, summary, columns, rows)
    }

    fn signing_key_rows(&self, reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
        self.key_rows(reader, row)
    }

    fn peer_rows(&self, reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
        for peer in state::peers(reader)? {
            let unit = &peer.card.unit;
            let count = |mark| number(reader, &mark_key(unit, mark)).map(int);
            let cells = vec![
                text(&peer.name),
                text(unit),
                Cell::text(peer.url.clone()),
                Cell::time(Some(peer.added_at)),
                count(Mark::Sent)?,
                count(Mark::Cleared)?,
                count(Mark::Received)?,
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    }

    fn offer_rows(&self, reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
        for resource in reader.resources("offer")? {
            let field = |name: &str| resource.spec.get(name).map_or(Cell::Null, as_text);
            let cells = vec![
                text(&resource.name),
                field("version"),
                field("process"),
                field("relation"),
                field("summary"),
                field("price"),
                field("to"),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    }

    fn contract_rows(&self, reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
        for contract in state::contracts(reader)? {
            let capabilities: Vec<&str> =
                contract.wanted.iter().map(|wanted| wanted.name.as_str()).collect();
            let cells = vec![
                text(&contract.name),
                Cell::text(contract.id.clone()),
                text(contract.side.as_str()),
                text(&state::peer_name(reader, &contract.peer)?),
                text(contract.state.as_str()),
                text(&capabilities.join(" ")),
                Cell::text(contract.reason.clone()),
                Cell::time(Some(contract.changed_at)),
                int(number(reader, &state::open_key(&contract.name))?),
                Cell::time(self.unsettled_since(reader, &contract.name)?),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    }

    fn call_rows(&self, reader: &Reader, give: Row<'_>) -> Result<(), Problem> {
        let mut goes_on = true;
        settled_calls(reader, &mut |settled| {
            goes_on = give(call_cells(&serde_json::from_value(settled).map_err(Error::internal)?))?;
            Ok(goes_on)
        })?;
        for contract in state::contracts(reader)? {
            for (_, bytes) in
                reader.scan_prefix(state::calls_key(&contract.name).as_ref(), usize::MAX)?
            {
                let record: CallRecord = state::decode(&bytes)?;
                if !goes_on {
                    return Ok(());
                }
                goes_on = give(call_cells(&row(&contract, &record)))?;
            }
        }
        Ok(())
    }

    /// Settled fetches first, then those that are not.
    fn fetch_rows(&self, reader: &Reader, give: Row<'_>) -> Result<(), Problem> {
        let mut offset = 0;
        loop {
            let chunks = reader.chunks(fetch::FETCHES, offset, 1 << 20)?;
            let Some(last) = chunks.last() else { break };
            offset = last.offset + u64::from(last.count);
            for chunk in &chunks {
                for line in kernel::rows(&chunk.bytes) {
                    let settled = serde_json::from_slice(line).map_err(Error::internal)?;
                    if !give(fetch_cells(&settled))? {
                        return Ok(());
                    }
                }
            }
        }
        for contract in state::contracts(reader)?.iter().filter(|held| held.was_final) {
            let terms = self.terms(contract)?;
            let places = [
                (state::lending_key(&contract.name), FetchState::Open),
                (state::all_reading_key().text(&contract.name), FetchState::Open),
                (state::all_taken_key().text(&contract.name), FetchState::Taken),
            ];
            for (prefix, state) in places {
                for (_, bytes) in reader.scan_prefix(prefix.as_ref(), usize::MAX)? {
                    let record = state::decode(&bytes)?;
                    let row = fetch::row(contract, &terms, &record, state, Cents(0));
                    if !give(fetch_cells(&row))? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn receipt_rows(&self, reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
        for contract in state::contracts(reader)? {
            let mut next = 0;
            loop {
                let batches = state::batches(reader, &contract.name, next, 10)?;
                let Some(last) = batches.last() else { break };
                next = last.first + 1;
                for batch in &batches {
                    for receipt in rows_of(reader, &contract, batch)? {
                        let field = |name: &str| receipt.get(name).map_or(Cell::Null, as_text);
                        let cells = vec![
                            field("contract"),
                            int(receipt["number"].as_u64().unwrap_or_default()),
                            field("side"),
                            field("capability"),
                            field("call"),
                            field("event"),
                            time(&receipt["at"]),
                            Cell::Decimal(receipt["amount"].as_str().unwrap_or("0.00").into()),
                            field("currency"),
                            field("state"),
                            field("reason"),
                            receipt["rows"].as_u64().map_or(Cell::Null, int),
                            receipt["bytes"].as_u64().map_or(Cell::Null, int),
                        ];
                        if !row(cells)? {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn reconciliation_rows(&self, reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
        for held in restore::reconciliations(reader)? {
            let report = &held.report;
            let cells = vec![
                text(&state::peer_name(reader, &held.unit)?),
                text(&held.unit),
                text(held.stage.as_str()),
                Cell::time(Some(held.since)),
                Cell::time(held.finished_at),
                int(report.contracts),
                int(report.receipts),
                int(report.calls_ended),
                int(report.calls_found),
                int(report.calls_resumed),
                int(report.calls_lost),
                int(restore::unclaimed(reader, &held.unit)?),
                int(report.disputed),
                Cell::text((!report.notes.is_empty()).then(|| report.notes.join("\n"))),
                Cell::text(self.bell.problem(&held.unit)),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    }

    fn ledger_cells(&self, reader: &Reader, row: Row<'_>) -> Result<(), Problem> {
        for Line { contract, capability, currency, sum, meter } in self.ledger_rows(reader)? {
            let money = |amount: Cents| Cell::Decimal(amount.to_string());
            let cells = vec![
                text(&contract.name),
                text(&state::peer_name(reader, &contract.peer)?),
                text(&capability),
                text(contract.side.as_str()),
                int(sum.calls),
                int(sum.answered),
                int(sum.cancelled),
                int(sum.failed),
                int(sum.open()),
                money(sum.owed),
                money(sum.agreed),
                money(sum.disputed),
                text(&currency),
                int(meter.reads),
                int(meter.rows),
                int(meter.bytes),
            ];
            if !row(cells)? {
                break;
            }
        }
        Ok(())
    }
}

const RECONCILIATION: &[(&str, ColumnType, &str)] = &[
    ("peer", Text, "The peer."),
    ("unit", Text, "The hash of its root key."),
    ("state", Text, "waiting, skipped or done."),
    ("since", ColumnType::Time, "When the backup was restored, wall time."),
    ("finished_at", ColumnType::Time, "When the peer had been asked, wall time."),
    ("contracts", Int, "Contracts that were taken back."),
    ("receipts", Int, "Receipts that were taken back."),
    ("calls_ended", Int, "Calls whose end was taken back; they are not run again."),
    ("calls_found", Int, "Calls of this unit that it did not know of any more."),
    (
        "calls_resumed",
        Int,
        "Calls of the peer that had not ended and are run from their beginning.",
    ),
    ("calls_lost", Int, "Calls whose answer nobody has any more."),
    ("unclaimed", Int, "Calls that were found and that nobody has asked for again."),
    ("disputed", Int, "Receipts taken back that are disputed."),
    ("notes", Text, "What could not be taken back, a line each."),
    ("problem", Text, "Why the peer could not be asked the last time."),
];

const PEERS: &[(&str, ColumnType, &str)] = &[
    ("name", Text, "What this unit calls it."),
    ("unit", Text, "The hash of its root key."),
    ("url", Text, "Where it is reached; null where it polls."),
    ("added_at", ColumnType::Time, "When it was added, wall time."),
    ("sent", Int, "Messages written to it."),
    ("acknowledged", Int, "Messages to it that were acknowledged and cleared out."),
    ("received", Int, "Messages of it that were handled."),
];

const SIGNING_KEYS: &[(&str, ColumnType, &str)] = &[
    ("number", Int, "The number; peers follow the highest."),
    ("key", Text, "The public key, base64."),
    ("state", Text, "`signs`, `valid`, `to come`, `expired` or `revoked`."),
    ("from", ColumnType::Time, "From when its signatures count, wall time."),
    ("until", ColumnType::Time, "Until when they count, wall time."),
    ("revoked_at", ColumnType::Time, "When it was revoked, wall time; null where it was not."),
    ("revoked_by", Text, "Who revoked it."),
    ("reason", Text, "Why."),
];

const PACKAGES: &[(&str, ColumnType, &str)] = &[
    ("name", Text, "The name, which is that of its application."),
    ("version", Text, "The version."),
    ("digest", Text, "The digest of the package's manifest."),
    ("signer", Text, "The unit that signed it; null where nobody did."),
    ("signer_name", Text, "What this unit calls the signer, where it knows it."),
    ("key", Int, "The number of the key that signed."),
    ("signed_at", ColumnType::Time, "When it was signed, wall time of the signer."),
    ("installed_at", ColumnType::Time, "When this version was installed, wall time."),
    ("installed_by", Text, "Who installed it."),
    ("summary", Text, "What it is for."),
    ("parameters", Text, "The values of its parameters here, as JSON."),
];

const OFFERS: &[(&str, ColumnType, &str)] = &[
    ("name", Text, "The name, which is the capability under a contract."),
    ("version", Text, "The version."),
    ("process", Text, "The process that a call starts."),
    ("relation", Text, "The relation that is lent, as JSON."),
    ("summary", Text, "What it does."),
    ("price", Text, "The price, as JSON."),
    ("to", Text, "To whom."),
];

const CONTRACTS: &[(&str, ColumnType, &str)] = &[
    ("name", Text, "The name, the same on both sides."),
    ("id", Text, "The hash of the signed document."),
    ("side", Text, "provider or consumer."),
    ("peer", Text, "The other side."),
    ("state", Text, "requested, offered, accepted, agreed, verified, finalized or terminated."),
    ("capabilities", Text, "What it covers."),
    ("reason", Text, "Why it ended."),
    ("changed_at", ColumnType::Time, "When the state changed, wall time."),
    ("calls_open", Int, "Calls that wait for their answer."),
    (
        "unsettled_since",
        ColumnType::Time,
        "Since when receipts wait for the consumer's signature, wall time.",
    ),
];

const CALLS: &[(&str, ColumnType, &str)] = &[
    ("contract", Text, "The contract."),
    ("call", Text, "The consumer's id of the call."),
    ("capability", Text, "What was called."),
    ("side", Text, "provider or consumer."),
    ("state", Text, "received, open, withdrawing, answered, failed, withdrawn or refused."),
    ("at", ColumnType::Time, "When it was made, business time."),
    ("closed_at", ColumnType::Time, "When it ended, business time."),
    ("actor", Text, "Who made it."),
];

const FETCHES: &[(&str, ColumnType, &str)] = &[
    ("contract", Text, "The contract."),
    ("fetch", Text, "The consumer's id of the fetch."),
    ("offer", Text, "What is lent."),
    ("side", Text, "provider or consumer."),
    ("state", Text, "open, taken, read or refused."),
    ("at", ColumnType::Time, "When the query ran, business time of the consumer."),
    ("actor", Text, "Who read."),
    ("pages", Int, "Confirmed pages."),
    ("rows", Int, "Rows in them."),
    ("bytes", Int, "Bytes of them."),
    ("amount", MONEY, "What is owed for it."),
    ("currency", Text, "ISO 4217; XXX where there is no price."),
];

const RECEIPTS: &[(&str, ColumnType, &str)] = &[
    ("contract", Text, "The contract."),
    ("number", Int, "Gap-free within the contract."),
    ("side", Text, "provider or consumer."),
    ("capability", Text, "What was called."),
    ("call", Text, "The call."),
    ("event", Text, "accepted, answered, withdrawn, failed or read."),
    ("at", ColumnType::Time, "When, business time."),
    ("amount", MONEY, "What is owed for it."),
    ("currency", Text, "ISO 4217."),
    ("state", Text, "issued, agreed, disputed or waived."),
    ("reason", Text, "Why it is disputed."),
    ("rows", Int, "Rows that were read, of a lent relation."),
    ("bytes", Int, "Bytes of them."),
];

const LEDGER: &[(&str, ColumnType, &str)] = &[
    ("contract", Text, "The contract."),
    ("peer", Text, "The other side."),
    ("capability", Text, "What is called or read."),
    ("side", Text, "provider or consumer."),
    ("calls", Int, "Accepted calls."),
    ("answered", Int, "Answered ones."),
    ("cancelled", Int, "Those withdrawn before the answer."),
    ("failed", Int, "Failed ones."),
    ("open", Int, "Those that wait for their answer."),
    ("owed", MONEY, "What the consumer owes the provider, without what is disputed."),
    ("agreed", MONEY, "What both have signed of it."),
    ("disputed", MONEY, "What the consumer does not agree with."),
    ("currency", Text, "ISO 4217; XXX where there is no price."),
    ("reads", Int, "Queries that have read of it, where it is a lent relation."),
    ("rows", Int, "Rows that they have read."),
    ("bytes", Int, "Bytes of them."),
];

fn fetch_cells(fetch: &FetchRow) -> Vec<Cell> {
    vec![
        text(&fetch.contract),
        text(&fetch.fetch),
        text(&fetch.offer),
        text(fetch.side.as_str()),
        text(fetch.state.as_str()),
        Cell::time(Some(fetch.at)),
        text(&fetch.actor),
        int(fetch.pages),
        int(fetch.rows),
        int(fetch.bytes),
        Cell::Decimal(fetch.amount.clone()),
        text(&fetch.currency),
    ]
}

fn call_cells(call: &CallRow) -> Vec<Cell> {
    vec![
        text(&call.contract),
        text(&call.call),
        text(&call.capability),
        text(call.side.as_str()),
        text(call.state.as_str()),
        Cell::time(Some(call.at)),
        Cell::time(call.closed_at),
        text(&call.actor),
    ]
}

fn text(text: &str) -> Cell {
    Cell::Text(text.into())
}

fn as_text(value: &Value) -> Cell {
    match value {
        Value::String(text) => Cell::Text(text.clone()),
        other => Cell::json(other),
    }
}

fn time(value: &Value) -> Cell {
    Cell::time(value.as_str().and_then(|text| Time::parse(text).ok()))
}

fn int(number: u64) -> Cell {
    Cell::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
