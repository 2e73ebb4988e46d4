//! Everything that can be done with peers, offers, contracts, receipts, the ledger, packages and the exchange itself.

use crate::engine::Exchange;
use crate::lending::PAGE;
use kernel::Right::{Manage, Read, Run, Write};
use kernel::{Handler, Operation, decide, operation, read};
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the table.
pub(crate) fn table(exchange: &Arc<Exchange>) -> Vec<Operation> {
    [
        peers(exchange),
        offers(exchange),
        contracts(exchange),
        calls(exchange),
        fetches(exchange),
        money(exchange),
        links(exchange),
        cards(exchange),
        told(exchange),
        restored(exchange),
        keys(exchange),
        packages(exchange),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn peers(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    let body = object(
        &["name"],
        json!({"name": text(), "card": {"type": "object"}, "key": text(), "url": text()}),
    );
    vec![
        operation(
            "peer.add",
            Manage,
            "Makes another unit, or an outside customer with a key, known to this one.",
            decide(e, Exchange::add_peer),
        )
        .on_kind()
        .takes(body)
        .answers(object(&["name", "unit"], json!({"name": text(), "unit": text()})))
        .while_closed(),
        operation("peer.list", Read, "Lists the peers.", read(e, Exchange::list_peers))
            .on_kind()
            .answers(list())
            .while_closed(),
        operation(
            "peer.get",
            Read,
            "Shows a peer, its card, and how the link to it is.",
            read(e, Exchange::get_peer),
        )
        .answers(object(
            &["name", "unit", "card"],
            json!({"name": text(), "unit": text(), "card": {"type": "object"}}),
        ))
        .while_closed(),
        operation(
            "peer.remove",
            Manage,
            "Forgets a peer with whom there is no contract any more.",
            decide(e, Exchange::remove_peer),
        )
        .answers(object(&["removed"], json!({"removed": text()}))),
    ]
}

fn offers(exchange: &Arc<Exchange>) -> Vec<Operation> {
    vec![
        operation(
            "offer.list",
            Read,
            "Lists this unit's offers, or what a peer offers to it.",
            read(exchange, Exchange::list_offers),
        )
        .on_kind()
        .queries(&[("peer", "the peer whose offers are wanted; without it this unit's own")])
        .answers(list()),
        operation(
            "offer.offered",
            Read,
            "Lists what this unit offers to the peer that asks.",
            read(exchange, Exchange::offered),
        )
        .on_kind()
        .answers(list()),
    ]
}

fn contracts(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    let proposal = object(
        &["name", "peer", "offers"],
        json!({
            "name": text(), "peer": text(),
            "offers": {"type": "array", "items": {"anyOf": [text(), {"type": "object"}]}},
            "review": {"type": "boolean"}, "side": {"enum": ["consumer", "provider"]},
        }),
    );
    let reason = || object(&[], json!({"reason": text()}));
    vec![
        operation(
            "contract.propose",
            Manage,
            "Asks a peer for a contract over some of its offers, or offers one to it.",
            decide(e, Exchange::propose),
        )
        .on_kind()
        .takes(proposal)
        .answers(contract()),
        operation(
            "contract.accept",
            Manage,
            "Accepts a proposal (as provider) or a document that was shown (as consumer).",
            decide(e, Exchange::accept),
        )
        .answers(contract()),
        operation(
            "contract.reject",
            Manage,
            "Ends a contract that is not in force yet.",
            decide(e, Exchange::revoke),
        )
        .takes(reason())
        .answers(contract()),
        operation(
            "contract.revoke",
            Manage,
            "Ends a contract: new calls are refused from this commit on, open ones end as it says.",
            decide(e, Exchange::revoke),
        )
        .takes(reason())
        .answers(contract()),
        operation("contract.list", Read, "Lists the contracts.", read(e, Exchange::list_contracts))
            .on_kind()
            .queries(&[("state", "only contracts in this state")])
            .answers(list()),
        operation(
            "contract.get",
            Read,
            "Shows a contract with its document and both signatures.",
            read(e, Exchange::get_contract),
        )
        .answers(contract()),
    ]
}

fn calls(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    let call = object(&["capability"], json!({"capability": text(), "input": {"type": "object"}}));
    let state = object(
        &["contract", "call", "state"],
        json!({"contract": text(), "call": text(), "state": text()}),
    );
    vec![
        operation(
            "contract.call",
            Run,
            "Calls a capability of the provider; the answer comes later.",
            decide(e, Exchange::call),
        )
        .takes(call)
        .answers(state.clone())
        .cancelled_by(handler(decide(e, Exchange::cancel_call))),
        operation(
            "contract.withdraw",
            Run,
            "Withdraws an open call; an answer that was committed before stands.",
            decide(e, Exchange::withdraw),
        )
        .takes(object(&["call"], json!({"call": text()})))
        .answers(state),
        operation(
            "contract.calls",
            Read,
            "Lists the calls under a contract, the newest last.",
            read(e, Exchange::list_calls),
        )
        .queries(&[
            ("call", "only this call"),
            ("state", "only calls in this state"),
            ("limit", "how many at most, 100 without it"),
        ])
        .answers(list()),
        operation(
            "contract.serve",
            Run,
            "Decides upon a call of a peer and starts what answers it.",
            decide(e, Exchange::serve),
        )
        .takes(object(&["call"], json!({"call": text()})))
        .internal(),
    ]
}

fn fetches(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    let fetch = object(
        &["v", "fetch", "offer", "at"],
        json!({
            "v": number(), "fetch": text(), "offer": text(),
            "at": {"type": "string", "format": "date-time"},
            "columns": {"type": "array", "items": text()}, "where": {"type": "object"},
            "limit": number(), "marked": {"type": "object"},
        }),
    );
    let own = Arc::clone(e);
    vec![
        operation(
            "contract.fetch",
            Read,
            "Reads rows of a relation that is lent to the peer that asks, a page at a time.",
            decide(e, move |_: &Exchange, tx, call| own.fetch(tx, call)),
        )
        .takes(fetch)
        .answers(json!({"contentMediaType": PAGE}))
        .counted(),
        operation(
            "contract.took",
            Run,
            "Writes down how far this unit has read what is lent to it.",
            decide(e, Exchange::took),
        )
        .takes(object(&["marked"], json!({"marked": {"type": "object"}})))
        .counted()
        .internal(),
        operation(
            "contract.lapse",
            Run,
            "Closes a fetch of which no further page could be made.",
            decide(e, Exchange::lapse),
        )
        .takes(object(&["fetch"], json!({"fetch": text()})))
        .counted()
        .internal(),
    ]
}

fn money(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    vec![
        operation(
            "receipt.list",
            Read,
            "Lists the receipts of a contract.",
            read(e, Exchange::list_receipts),
        )
        .on_kind()
        .queries(&[
            ("contract", "the contract"),
            ("after", "only receipts with a higher number"),
            ("limit", "how many at most, 100 without it"),
        ])
        .answers(page()),
        operation(
            "receipt.get",
            Read,
            "Shows a receipt, named CONTRACT.NUMBER, with all that proves it alone.",
            read(e, Exchange::get_receipt),
        )
        .answers(object(&["receipt", "root"], json!({"receipt": text(), "root": text()}))),
        operation(
            "contract.disputes",
            Read,
            "Lists the receipts of a contract that are in dispute, and why.",
            read(e, Exchange::list_disputes),
        )
        .answers(list()),
        operation(
            "contract.settle",
            Manage,
            "Ends a dispute by accepting what the other side says: the consumer signs, the provider waives.",
            decide(e, Exchange::settle_dispute),
        )
        .takes(object(&["first"], json!({"first": {"type": "integer", "minimum": 1}})))
        .answers(object(
            &["contract", "first", "state"],
            json!({"contract": text(), "first": {"type": "integer"}, "state": {"enum": ["agreed", "waived"]}}),
        )),
        operation(
            "ledger.list",
            Read,
            "Lists what is owed, by contract and capability.",
            read(e, Exchange::ledger),
        )
        .on_kind()
        .queries(&[("contract", "only this contract")])
        .answers(list()),
    ]
}

fn links(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    let acknowledged = object(&["acknowledged"], json!({"acknowledged": {"type": "integer"}}));
    let envelope = object(&["v", "from", "to", "messages"], json!({"messages": {"type": "array"}}));
    vec![
        operation(
            "exchange.messages",
            Write,
            "Takes messages of a peer, in order and each once.",
            decide(e, Exchange::messages),
        )
        .on_kind()
        .takes_raw(&["application/json"])
        .answers(acknowledged)
        .counted(),
        operation(
            "exchange.outbox",
            Read,
            "Gives a peer that polls the messages for it.",
            read(e, Exchange::outbox),
        )
        .on_kind()
        .queries(&[("after", "the number of the last message that was handled")])
        .answers(envelope),
        operation(
            "exchange.status",
            Read,
            "Counts messages sent and received by peer, and what still waits.",
            read(e, Exchange::status),
        )
        .on_kind()
        .answers(object(&["peers"], json!({"peers": {"type": "object"}})))
        .while_closed(),
        operation(
            "exchange.acknowledged",
            Write,
            "Clears out messages that a peer has acknowledged.",
            decide(e, Exchange::acknowledged),
        )
        .on_kind()
        .takes(object(&["peer", "number"], json!({"peer": text(), "number": {"type": "integer"}})))
        .counted()
        .internal(),
    ]
}

fn cards(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    vec![
        operation(
            "exchange.card",
            Read,
            "Shows who this unit is and with which keys it signs.",
            read(e, Exchange::show_card),
        )
        .on_kind()
        .public()
        .answers(object(
            &["unit", "name", "root", "keys"],
            json!({"unit": text(), "name": text(), "root": text()}),
        ))
        .while_closed(),
        operation(
            "exchange.follow",
            Write,
            "Follows a peer to the card that was fetched from it.",
            decide(e, Exchange::follow_card),
        )
        .on_kind()
        .takes(object(&["card"], json!({"card": {"type": "object"}})))
        .internal(),
    ]
}

/// Returns what a unit that was restored asks its peers.
fn told(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    vec![
        operation(
            "exchange.reconcile",
            Write,
            "Tells a peer that was restored from a backup what this unit holds of their dealings.",
            decide(e, Exchange::reconcile),
        )
        .on_kind()
        .takes(object(
            &["v", "incarnation", "received", "sent"],
            json!({
                "v": number(), "incarnation": number(), "received": number(), "sent": number(),
            }),
        ))
        .answers(object(&["sent", "received", "contracts"], json!({"contracts": list_of()})))
        .while_closed(),
        operation(
            "exchange.recall",
            Read,
            "Gives a peer that was restored receipts, or answers that it was given, a page at a time.",
            read(e, Exchange::recall),
        )
        .on_kind()
        .queries(&[
            ("kind", "receipts or answers"),
            ("contract", "the contract, of receipts"),
            ("after", "the number or place behind which they begin"),
            ("upto", "the number or place up to which they are wanted"),
            ("received", "the last message that the peer had handled, of answers"),
        ])
        .answers(object(&["items", "next"], json!({"items": list_of(), "next": number()})))
        .while_closed(),
    ]
}

/// Returns what is done in a unit that was restored.
fn restored(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    vec![
        operation(
            "exchange.reconciliation",
            Read,
            "Shows what a unit that was restored has got back from its peers, and which it waits for.",
            read(e, Exchange::reconciliation),
        )
        .on_kind()
        .answers(list())
        .while_closed(),
        operation(
            "exchange.skip",
            Manage,
            "Lets a unit that was restored take calls without a peer that cannot be asked.",
            decide(e, Exchange::skip),
        )
        .on_kind()
        .takes(object(&["peer"], json!({"peer": text()})))
        .answers(object(&["peer", "state"], json!({"peer": text(), "state": text()})))
        .while_closed(),
        operation(
            "exchange.recover",
            Write,
            "Takes back what this unit has lost, as a peer holds it.",
            decide(e, Exchange::recover),
        )
        .on_kind()
        .takes(object(&["step"], json!({"step": text()})))
        .counted()
        .internal()
        .while_closed(),
    ]
}

fn keys(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let e = exchange;
    let integer = || json!({"type": "integer", "minimum": 1});
    let instant = || json!({"type": "string", "format": "date-time"});
    let made = object(
        &["number", "until"],
        json!({"number": integer(), "key": text(), "from": instant(), "until": instant()}),
    );
    vec![
        operation(
            "key.list",
            Read,
            "Lists the keys with which this unit has signed, signs, and will sign.",
            read(e, Exchange::list_keys),
        )
        .on_kind()
        .answers(list())
        .while_closed(),
        operation(
            "key.prepare",
            Manage,
            "Makes the next signing key, and says what a root that is kept elsewhere has to sign.",
            decide(e, Exchange::prepare_key),
        )
        .on_kind()
        .takes(object(&[], json!({"days": integer(), "number": integer()})))
        .answers(object(&["unit", "entry"], json!({"unit": text(), "entry": {"type": "object"}})))
        .while_closed(),
        operation(
            "key.rotate",
            Manage,
            "Publishes the next signing key and signs with it from this commit on; peers are told.",
            decide(e, Exchange::rotate_key),
        )
        .on_kind()
        .takes(object(
            &[],
            json!({"days": integer(), "number": integer(), "signature": text()}),
        ))
        .answers(made.clone())
        .while_closed(),
        operation(
            "key.revoke",
            Manage,
            "Ends a signing key: what it signs later does not count, what it has signed before does.",
            decide(e, Exchange::revoke_key),
        )
        .on_kind()
        .takes(object(
            &["number"],
            json!({"number": integer(), "until": instant(), "reason": text(), "signature": text()}),
        ))
        .answers(made)
        .while_closed(),
    ]
}

fn packages(exchange: &Arc<Exchange>) -> Vec<Operation> {
    let stated = json!({
        "name": text(), "version": text(), "digest": text(), "size": {"type": "integer", "minimum": 0},
    });
    vec![
        operation(
            "package.sign",
            Manage,
            "Signs the digest of a package with this unit's signing key, for others to check.",
            decide(exchange, Exchange::sign_package),
        )
        .on_kind()
        .takes(object(&["name", "version", "digest", "size"], stated))
        .answers(object(
            &["v", "key", "at", "signature", "card"],
            json!({"key": {"type": "integer"}, "at": text(), "signature": text(), "card": {"type": "object"}}),
        )),
    ]
}

/// Returns the function of a handler that changes something.
fn handler(
    handler: Handler,
) -> Arc<
    dyn Fn(&mut kernel::Tx<'_>, &kernel::Call) -> Result<kernel::Reply, base::Problem>
        + Send
        + Sync,
> {
    match handler {
        Handler::Decide(decide) => decide,
        Handler::Read(_) => Arc::new(|_, _| Ok(kernel::Reply::Value(Value::Null))),
    }
}

fn text() -> Value {
    json!({"type": "string"})
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn list_of() -> Value {
    json!({"type": "array", "items": {"type": "object"}})
}

fn list() -> Value {
    object(&["items"], json!({"items": list_of()}))
}

/// Returns what a list answers that has pages.
fn page() -> Value {
    object(&["items"], json!({"items": list_of(), "next": {"type": ["string", "null"]}}))
}

fn contract() -> Value {
    object(
        &["name", "side", "state", "peer"],
        json!({"name": text(), "side": text(), "state": text(), "peer": text(), "id": {"type": ["string", "null"]}}),
    )
}
