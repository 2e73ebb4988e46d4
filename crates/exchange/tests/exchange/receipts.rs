//! Receipts: what is signed, what is disputed, and what happens where nobody countersigns.

use crate::world::{World, market};
use base::hex;
use exchange::{Config, merkle};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const T: i64 = 1_500_000_000_000;

fn receipts(world: &World, unit: &str) -> Vec<Value> {
    let list =
        world.look(unit, "receipt.list", ("receipt", ""), json!({"contract": "pay"})).unwrap();
    list["items"].as_array().unwrap().clone()
}

#[test]
fn receipts_have_no_gaps_and_are_the_same_on_both_sides() {
    let world = market(json!({}), &Config::default());
    for number in 0..10 {
        let order = format!("o-{number}");
        world.ask("retail", "pay", "authorise", &order, T + number).unwrap();
        if number % 3 == 0 {
            world.settle();
            world.finish("payment", &order, T + 100 + number);
        }
    }
    world.settle();
    let strip = |mut receipt: Value| {
        receipt.as_object_mut().unwrap().remove("side");
        receipt
    };
    let (consumer, provider) = (receipts(&world, "retail"), receipts(&world, "payment"));
    let numbers: Vec<u64> =
        provider.iter().map(|receipt| receipt["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=14).collect::<Vec<_>>());
    assert!(provider.iter().all(|receipt| receipt["state"] == "agreed"));
    let sides = [consumer, provider].map(|rows| rows.into_iter().map(strip).collect::<Vec<_>>());
    assert_eq!(sides[0], sides[1]);
    let page = json!({"contract": "pay", "after": 3, "limit": 2});
    let page = world.look("payment", "receipt.list", ("receipt", ""), page).unwrap();
    let numbers: Vec<_> =
        page["items"].as_array().unwrap().iter().map(|receipt| receipt["number"].clone()).collect();
    assert_eq!((numbers, &page["next"]), (vec![json!(4), json!(5)], &json!("5")));
    let page = json!({"contract": "pay", "after": page["next"], "limit": 9});
    let page = world.look("payment", "receipt.list", ("receipt", ""), page).unwrap();
    let last = page["items"].as_array().and_then(|rows| rows.last()).unwrap();
    assert_eq!((&last["number"], &page["next"]), (&json!(14), &json!(null)));
}

#[test]
fn calls_of_one_commit_share_a_signature_and_each_receipt_proves_itself() {
    let world = market(json!({}), &Config::default());
    for number in 0..7 {
        world.ask("retail", "pay", "authorise", &format!("o-{number}"), T).unwrap();
    }
    world.settle();
    for number in 1..=7_usize {
        let name = format!("pay.{number}");
        let proof = world.look("retail", "receipt.get", ("receipt", &name), json!({})).unwrap();
        assert_eq!((proof["first"].as_u64(), proof["count"].as_u64()), (Some(1), Some(7)));
        let bytes = |text: &Value| -> merkle::Hash {
            let text = text.as_str().unwrap();
            let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
            std::array::from_fn(byte)
        };
        let path: Vec<merkle::Hash> = proof["path"].as_array().unwrap().iter().map(bytes).collect();
        let leaf = merkle::leaf(proof["receipt"].as_str().unwrap().as_bytes());
        let root = merkle::climb(leaf, number - 1, 7, &path).unwrap();
        assert_eq!(hex(&root), proof["root"].as_str().unwrap());
    }
    assert!(world.look("retail", "receipt.get", ("receipt", "pay.8"), json!({})).is_err());
}

/// Lets payment tell retail something else than it wrote down, as a dishonest provider would.
fn tamper(world: &Arc<World>, change: impl Fn(&mut Value)) {
    let (payment, retail) = (world.unit("payment"), world.unit("retail"));
    let request = {
        let node = world.node("payment");
        let reader = kernel::Reader::new(&node.kernel, kernel::Principal::Anonymous).unwrap();
        let after = {
            let status = node.exchange.counters(&reader).unwrap();
            status.peers[&retail].acknowledged
        };
        node.exchange.next(&reader, &retail, after, false).unwrap().unwrap().request
    };
    let mut body: Value = serde_json::from_slice(&request.body).unwrap();
    body["messages"].as_array_mut().unwrap().iter_mut().for_each(change);
    let peer = format!("peer:{payment}");
    let actor = kernel::Principal::try_from(peer).unwrap();
    let mut call =
        kernel::Call::new("exchange.messages", kernel::ResourceRef::new("exchange", ""), actor);
    call.body = body.to_string().into_bytes();
    world.node("retail").writer.turn(&[call]).remove(0).unwrap();
}

#[test]
fn a_receipt_that_was_altered_is_disputed() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.pump("retail", "payment");
    tamper(&world, |message| {
        if message["kind"] == "receipts" {
            let text = message["receipts"][0].as_str().unwrap().replace("0.30", "0.31");
            message["receipts"][0] = json!(text);
        }
    });
    world.settle();
    let disputed = &receipts(&world, "payment")[0];
    assert_eq!(disputed["state"], "disputed");
    assert!(disputed["reason"].as_str().unwrap().contains("signature"), "{disputed}");
    assert_eq!(world.ledger("payment")[0], "pay authorise 1 0 0 0 1 0.00 0.00 0.30");
}

/// Two units that do not agree upon the second receipt.
fn in_dispute() -> Arc<World> {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    world.finish("payment", "o-1", T + 1);
    // The answer that retail sees says less than the one that was billed.
    tamper(&world, |message| {
        if message["kind"] == "answer" {
            message["output"] = json!({"value": 100});
        }
    });
    world.settle();
    world
}

#[test]
fn a_dispute_ends_when_one_side_gives_in() {
    let settle = |world: &World, unit: &str| {
        world.call(unit, "contract.settle", ("contract", "pay"), json!({"first": 2}))
    };
    let check = |world: &World, state: &str, sums: &str| {
        world.verify();
        for unit in ["retail", "payment"] {
            assert_eq!(world.ledger(unit)[0], format!("pay authorise 1 1 0 0 0 {sums}"), "{unit}");
            let listed = world.look(unit, "contract.disputes", ("contract", "pay"), json!({}));
            assert_eq!(listed.unwrap()["items"], json!([]), "{unit}");
            let args = json!({"contract": "pay"});
            let listed = world.look(unit, "receipt.list", ("receipt", ""), args).unwrap();
            let last = listed["items"].as_array().and_then(|rows| rows.last()).unwrap();
            assert_eq!(last["state"], state, "{unit}");
            assert_eq!(settle(world, unit).unwrap_err().code, "contract.state", "{unit}");
        }
    };
    let world = in_dispute();
    for unit in ["retail", "payment"] {
        let listed = world.look(unit, "contract.disputes", ("contract", "pay"), json!({})).unwrap();
        let dispute = &listed["items"][0];
        assert_eq!(
            (&dispute["first"], &dispute["amounts"]),
            (&json!(2), &json!({"authorise": "1.95"}))
        );
    }
    assert_eq!(settle(&world, "retail").unwrap()["state"], "agreed");
    world.settle();
    check(&world, "agreed", "2.25 2.25 0.00");

    let world = in_dispute();
    assert_eq!(settle(&world, "payment").unwrap()["state"], "waived");
    world.settle();
    check(&world, "waived", "0.30 0.30 0.00");

    // Both give in before they hear of each other: what the provider has committed holds.
    let world = in_dispute();
    assert_eq!(settle(&world, "retail").unwrap()["state"], "agreed");
    assert_eq!(settle(&world, "payment").unwrap()["state"], "waived");
    world.settle();
    check(&world, "waived", "0.30 0.30 0.00");
}

#[test]
fn a_price_that_was_not_agreed_is_disputed_on_both_sides() {
    let world = in_dispute();
    let last = receipts(&world, "retail").pop().unwrap();
    assert_eq!(last["state"], "disputed");
    assert_eq!(last["reason"], "receipt 2: it says 1.95 where 1.50 was agreed");
    assert_eq!(world.ledger("payment")[0], "pay authorise 1 1 0 0 0 0.30 0.30 1.95");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    world.verify();
}

#[test]
fn receipts_that_nobody_countersigns_pause_new_calls() {
    let config = Config { receipt_age_seconds_max: 60, ..Config::default() };
    let world = market(json!({}), &config);
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.pump("retail", "payment");
    world.clock.wall.fetch_add(61_000, Ordering::SeqCst);
    let shown = world.look("payment", "contract.get", ("contract", "pay"), json!({})).unwrap();
    assert!(!shown["unsettled_since"].is_null());
    world.ask("retail", "pay", "authorise", "o-2", T).unwrap();
    world.pump("retail", "payment");
    world.settle();
    assert_eq!(world.answer("retail", "o-2").unwrap(), "!contract.paused");
    world.ask("retail", "pay", "authorise", "o-3", T).unwrap();
    world.settle();
    assert_eq!(world.answer("retail", "o-3"), None, "agreed, and so in force again");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
}

#[test]
fn old_receipts_still_verify_after_the_key_was_rotated() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    world.clock.wall.fetch_add(10_000, Ordering::SeqCst);
    world.rotate("payment");
    world.finish("payment", "o-1", T + 1);
    // Retail does not know the new key: the first request is refused, the next brings the card.
    assert!(matches!(world.pump("payment", "retail"), exchange::Pumped::Failed(_)));
    world.settle();
    assert_eq!(world.ledger("retail")[0], "pay authorise 1 1 0 0 0 2.25 2.25 0.00");
    let peer = world.look("retail", "peer.get", ("peer", "payment"), json!({})).unwrap();
    assert_eq!(peer["key_number"], 2);
    world.verify();
}
