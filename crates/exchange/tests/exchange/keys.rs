//! Signing keys that change while units deal with each other.

use crate::world::{World, market};
use base::{Clock, Problem, Time};
use exchange::{Config, Identity, KeyEntry, Pumped, Request, Root, signature};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

const T: i64 = 1_500_000_000_000;

fn rotate(world: &World, unit: &str) -> Value {
    world.call(unit, "key.rotate", ("key", ""), json!({})).unwrap()["number"].clone()
}

fn known_number(world: &World, at: &str, of: &str) -> Value {
    world.look(at, "peer.get", ("peer", of), json!({})).unwrap()["key_number"].clone()
}

fn states(world: &World, unit: &str) -> Vec<String> {
    let list = world.look(unit, "key.list", ("key", ""), json!({})).unwrap();
    let state = |row: &Value| format!("{} {}", row["number"], row["state"].as_str().unwrap());
    list["items"].as_array().unwrap().iter().map(state).collect()
}

fn code(result: Result<Value, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".into())
}

/// A whole call under the contract, to its receipt.
fn deal(world: &World, order: &str) {
    world.ask("retail", "pay", "authorise", order, T).unwrap();
    world.settle();
    world.finish("payment", order, T + 1);
    world.settle();
}

/// What retail says to an envelope of payment that somebody has signed with these keys.
fn shown(world: &World, keys: &Identity, nonce: u64) -> String {
    shown_as_of(world, keys, nonce, world.clock.wall())
}

/// The same, where the signature says that it was made at a time.
fn shown_as_of(world: &World, keys: &Identity, nonce: u64, created: Time) -> String {
    let (from, to) = (world.unit("payment"), world.unit("retail"));
    let body = json!({"v": 1, "from": from, "to": to, "acknowledged": 0, "messages": []});
    let mut request = Request {
        method: "POST".into(),
        path: "/v1/exchange/messages".into(),
        body: body.to_string().into_bytes(),
        ..Request::default()
    };
    request.headers = signature::sign(keys, &to, &request, created, nonce).unwrap();
    let response = world.deliver("retail", &request);
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    body["code"].as_str().map_or_else(|| response.status.to_string(), str::to_owned)
}

#[test]
fn a_rotated_key_is_followed_without_a_restart_and_without_a_refusal() {
    let world = market(json!({}), &Config::default());
    world.unlock("payment");
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    world.clock.wall.fetch_add(10_000, Ordering::SeqCst);
    assert_eq!(rotate(&world, "payment"), 2);
    assert_eq!(states(&world, "payment"), ["1 valid", "2 signs"]);
    world.finish("payment", "o-1", T + 1);
    assert_eq!(world.pump("payment", "retail"), Pumped::Sent, "the card came with the first one");
    world.settle();
    assert_eq!(known_number(&world, "retail", "payment"), 2);
    assert_eq!(world.ledger("retail")[0], "pay authorise 1 1 0 0 0 2.25 2.25 0.00");
    // Receipts of the first key and of the second prove themselves, on both sides, also after a restart.
    world.verify();
    world.kill("payment");
    world.unlock("payment");
    assert_eq!(states(&world, "payment"), ["1 valid", "2 signs"]);
    deal(&world, "o-2");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    world.verify();
}

#[test]
fn what_a_revoked_key_signs_later_is_refused_and_what_it_signed_before_counts() {
    let world = market(json!({}), &Config::default());
    world.unlock("payment");
    deal(&world, "o-1");
    let stolen = world.folder_identity("payment");
    assert_eq!(shown(&world, &stolen, 1), "200", "the first key is good");
    world.clock.wall.fetch_add(10_000, Ordering::SeqCst);
    let revoke = |args: Value| world.call("payment", "key.revoke", ("key", ""), args);
    assert_eq!(code(revoke(json!({"number": 1}))), "key.invalid", "it is the only one");
    assert_eq!(states(&world, "payment"), ["1 signs"], "and nothing half done");
    assert_eq!(code(revoke(json!({"number": 7}))), "key.not_found");
    rotate(&world, "payment");
    world.settle();
    world.clock.wall.fetch_add(2_000, Ordering::SeqCst);
    let revoked = revoke(json!({"number": 1, "reason": "the disk was stolen"})).unwrap();
    let later = json!({"number": 1, "until": "2100-01-01T00:00:00Z"});
    assert_eq!(code(revoke(later)), "key.invalid", "no later end");
    world.settle();
    assert_eq!(states(&world, "payment"), ["1 revoked", "2 signs"]);
    world.clock.wall.fetch_add(2_000, Ordering::SeqCst);
    assert_eq!(shown(&world, &stolen, 2), "exchange.signature");
    // Whoever has the key writes any time: one from before its end opens the door no more than one of now.
    let before = Time(world.clock.wall().0 - 5_000);
    let until = Time::parse(revoked["until"].as_str().unwrap()).unwrap();
    assert!(before < until);
    assert_eq!(shown_as_of(&world, &stolen, 3, before), "exchange.signature");
    // The card from before, in which the key lives longer, is shown again in vain.
    let card = serde_json::to_value(stolen.card(Some("http://payment"), None)).unwrap();
    let again = json!({"name": "payment", "card": card});
    assert_eq!(code(world.call("retail", "peer.add", ("peer", ""), again)), "peer.card");
    let peer = world.look("retail", "peer.get", ("peer", "payment"), json!({})).unwrap();
    assert_eq!(peer["card"]["keys"][0]["until"], revoked["until"]);
    world.verify();
    deal(&world, "o-2");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    world.verify();
}

#[test]
fn a_root_that_is_kept_elsewhere_signs_what_was_prepared() {
    let world = market(json!({}), &Config::default());
    let root = Root::from_text(&world.take_root("payment")).unwrap();
    world.unlock("payment");
    let call = |verb: &str, args: Value| world.call("payment", verb, ("key", ""), args);
    assert_eq!(code(call("key.rotate", json!({}))), "peer.card", "the root is not here");
    let early = json!({"signature": "AAAA"});
    assert_eq!(code(call("key.rotate", early)), "key.invalid", "nothing is prepared");
    let prepared = call("key.prepare", json!({"days": 30})).unwrap();
    assert_eq!(prepared["unit"], root.unit());
    let entry: KeyEntry = serde_json::from_value(prepared["entry"].clone()).unwrap();
    let other = KeyEntry { number: 3, ..entry.clone() };
    let forged = json!({"signature": root.sign(&other)});
    assert_eq!(code(call("key.rotate", forged)), "peer.card", "it signed something else");
    assert_eq!(states(&world, "payment"), ["1 signs"], "and nothing half done");
    let signed = json!({"signature": root.sign(&entry)});
    assert_eq!(call("key.rotate", signed.clone()).unwrap()["number"], 2);
    assert_eq!(code(call("key.rotate", signed)), "key.invalid", "it is published once");
    world.clock.wall.fetch_add(2_000, Ordering::SeqCst);
    let list = world.look("payment", "key.list", ("key", ""), json!({})).unwrap();
    assert_eq!(list["root"], "elsewhere");
    let mut first: KeyEntry = serde_json::from_value(list["items"][0].clone()).unwrap();
    first.until = world.clock.wall();
    let revoke = json!({"number": 1, "until": first.until, "signature": root.sign(&first)});
    call("key.revoke", revoke).unwrap();
    assert_eq!(states(&world, "payment"), ["1 revoked", "2 signs"]);
    // What tells retail of the new key is signed by it already: retail has to fetch the card.
    world.pump("payment", "retail");
    assert!(world.follow("retail", "payment"));
    deal(&world, "o-1");
    assert_eq!(known_number(&world, "retail", "payment"), 2);
    world.verify();
}

#[test]
fn a_key_that_is_not_known_has_its_card_fetched_but_not_too_often() {
    let world = World::new(&["retail", "payment"], &Config::default());
    world.unlock("payment");
    let ask =
        || code(world.look("payment", "offer.list", ("offer", ""), json!({"peer": "retail"})));
    assert_eq!(ask(), "ok");
    assert!(!world.follow("retail", "payment"), "nobody wants it");
    world.clock.wall.fetch_add(10_000, Ordering::SeqCst);
    // The messages of the rotation stay in the outbox: retail hears of the key by the request alone.
    rotate(&world, "payment");
    assert_eq!(ask(), "exchange.signature");
    assert!(world.follow("retail", "payment"));
    assert_eq!((known_number(&world, "retail", "payment"), ask()), (json!(2), "ok".into()));
    rotate(&world, "payment");
    assert_eq!(ask(), "exchange.signature");
    assert!(!world.follow("retail", "payment"), "it was fetched a moment ago");
    world.clock.wall.fetch_add(30_000, Ordering::SeqCst);
    assert_eq!(ask(), "exchange.signature");
    assert!(world.follow("retail", "payment"));
    assert_eq!((known_number(&world, "retail", "payment"), ask()), (json!(3), "ok".into()));
}

#[test]
fn a_unit_without_a_secret_key_makes_no_signing_key() {
    let world = market(json!({}), &Config::default());
    assert_eq!(code(world.call("payment", "key.rotate", ("key", ""), json!({}))), "secret.locked");
    world.unlock("payment");
    for args in [json!({"number": 1}), json!({"days": 0}), json!({"days": 9_999})] {
        let refused = world.call("payment", "key.rotate", ("key", ""), args);
        assert_eq!(code(refused), "key.invalid");
    }
    deal(&world, "o-1");
    world.verify();
}
