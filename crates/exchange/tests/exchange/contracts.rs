//! The life of a contract.

use crate::world::{World, manifest, market, offers};
use exchange::Config;
use serde_json::json;

fn propose(world: &World, args: serde_json::Value) {
    world.call("retail", "contract.propose", ("contract", ""), args).unwrap();
}

#[test]
fn a_contract_is_signed_by_both_and_has_one_id() {
    let world = market(json!({}), &Config::default());
    let get =
        |unit: &str| world.look(unit, "contract.get", ("contract", "pay"), json!({})).unwrap();
    let (consumer, provider) = (get("retail"), get("payment"));
    for part in ["id", "document", "provider_signature", "consumer_signature"] {
        assert_eq!(consumer[part], provider[part], "{part}");
        assert!(!consumer[part].is_null(), "{part}");
    }
    assert_eq!(
        (consumer["side"].as_str(), provider["side"].as_str()),
        (Some("consumer"), Some("provider"))
    );
    assert_eq!(
        world.ledger("retail"),
        ["pay authorise 0 0 0 0 0 0.00 0.00 0.00", "pay refund 0 0 0 0 0 0.00 0.00 0.00"]
    );
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
}

#[test]
fn a_person_approves_where_the_offer_says_so() {
    let world = World::new(&["retail", "payment"], &Config::default());
    world.apply("payment", offers(json!({"approval": "required"}))).unwrap();
    propose(&world, json!({"name": "pay", "peer": "payment", "offers": ["authorise"]}));
    propose(&world, json!({"name": "no", "peer": "payment", "offers": ["authorise"]}));
    world.settle();
    assert_eq!(world.state("payment", "pay"), "requested");
    world.call("payment", "contract.accept", ("contract", "pay"), json!({})).unwrap();
    world
        .call("payment", "contract.reject", ("contract", "no"), json!({"reason": "not now"}))
        .unwrap();
    world.settle();
    assert_eq!(
        (world.state("retail", "pay"), world.state("payment", "pay")),
        ("finalized".into(), "finalized".into())
    );
    assert_eq!(world.state("retail", "no"), "terminated");
    let again = world.call("payment", "contract.accept", ("contract", "pay"), json!({}));
    assert_eq!(again.unwrap_err().code, "contract.state");
}

#[test]
fn a_consumer_may_see_the_document_before_it_accepts() {
    let world = World::new(&["retail", "payment"], &Config::default());
    world.apply("payment", offers(json!({}))).unwrap();
    propose(
        &world,
        json!({"name": "pay", "peer": "payment", "offers": ["authorise"], "review": true}),
    );
    world.settle();
    assert_eq!(
        (world.state("retail", "pay"), world.state("payment", "pay")),
        ("offered".into(), "offered".into())
    );
    let shown = world.look("retail", "contract.get", ("contract", "pay"), json!({})).unwrap();
    assert_eq!(shown["document"]["offers"][0]["price"]["on_accept"], "0.30");
    world.call("retail", "contract.accept", ("contract", "pay"), json!({})).unwrap();
    world.settle();
    assert_eq!(
        (world.state("retail", "pay"), world.state("payment", "pay")),
        ("finalized".into(), "finalized".into())
    );
}

#[test]
fn a_provider_may_offer_a_contract_out_of_its_own() {
    let world = World::new(&["retail", "payment"], &Config::default());
    world.apply("payment", offers(json!({}))).unwrap();
    let args =
        json!({"name": "pay", "peer": "retail", "offers": ["authorise"], "side": "provider"});
    world.call("payment", "contract.propose", ("contract", ""), args).unwrap();
    world.settle();
    assert_eq!(world.state("retail", "pay"), "offered");
    world.call("retail", "contract.accept", ("contract", "pay"), json!({})).unwrap();
    world.settle();
    assert_eq!(world.state("payment", "pay"), "finalized");
}

#[test]
fn what_is_not_offered_to_a_peer_looks_as_if_it_were_not_there() {
    let world = World::new(&["retail", "payment"], &Config::default());
    world.apply("payment", offers(json!({"to": ["somebody"]}))).unwrap();
    for (name, offer) in [
        ("a", json!("authorise")),
        ("b", json!("nothing")),
        ("c", json!({"name": "refund", "version": "2"})),
    ] {
        propose(&world, json!({"name": name, "peer": "payment", "offers": [offer]}));
    }
    world.settle();
    for name in ["a", "b", "c"] {
        let contract = world.look("retail", "contract.get", ("contract", name), json!({})).unwrap();
        assert_eq!(contract["state"], "terminated");
        assert!(
            contract["reason"].as_str().unwrap().starts_with("there is no offer"),
            "{contract}"
        );
    }
    let offered =
        world.look("retail", "offer.list", ("offer", ""), json!({"peer": "payment"})).unwrap();
    let names: Vec<_> = offered["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|offer| offer["capability"].clone())
        .collect();
    assert_eq!(names, ["refund"]);
}

#[test]
fn a_name_is_used_once() {
    let world = market(json!({}), &Config::default());
    let args = json!({"name": "pay", "peer": "payment", "offers": ["refund"]});
    let again = world.call("retail", "contract.propose", ("contract", ""), args);
    assert_eq!(again.unwrap_err().code, "contract.exists");
}

/// The edges that the owner of a unit sees, a line each.
fn lineage(world: &World, unit: &str) -> Vec<String> {
    let kernel = std::sync::Arc::clone(&world.node(unit).kernel);
    let reader = kernel::Reader::new(&kernel, kernel::Principal::User("olga".into())).unwrap();
    let relations = kernel.relations(&reader).unwrap();
    let lineage = relations.iter().find(|relation| relation.name == "lineage").unwrap();
    let mut lines = Vec::new();
    (lineage.rows)(&reader, &kernel::Scan::default(), &mut |row| {
        let text = |place: usize| match &row[place] {
            kernel::Cell::Text(text) => text.clone(),
            _ => "-".into(),
        };
        lines.push([0, 1, 4, 2, 3, 5].map(text).join(" "));
        Ok(true)
    })
    .unwrap();
    lines
}

#[test]
fn what_crosses_the_border_is_told_on_both_sides() {
    let world = World::new(&["retail", "payment"], &Config::default());
    let lent = json!({"relation": {"name": "shipments_latest", "columns": ["order"]}, "version": 1, "to": ["retail"]});
    world.apply("payment", offers(json!({}))).unwrap();
    let schema = json!({"schema": [{"name": "order", "type": "text"}]});
    let manifests =
        json!([manifest("Stream", "shipments", schema), manifest("Offer", "parcels", lent)]);
    world.apply("payment", manifests).unwrap();
    propose(&world, json!({"name": "deal", "peer": "payment", "offers": ["parcels", "refund"]}));
    world.settle();
    let mut provider = vec![
        "offer parcels lends contract deal -",
        "offer refund lends contract deal -",
        "process authorise lends offer authorise -",
        "process refund lends offer refund -",
        "relation shipments_latest lends offer parcels {\"columns\":{\"order\":[\"order\"]}}",
    ];
    assert_eq!(lineage(&world, "payment"), provider);
    assert_eq!(lineage(&world, "retail"), ["contract deal borrows relation payment.parcels -"]);
    world.call("payment", "contract.revoke", ("contract", "deal"), json!({})).unwrap();
    world.settle();
    provider.drain(..2);
    assert_eq!(lineage(&world, "payment"), provider);
    assert_eq!(lineage(&world, "retail"), Vec::<String>::new());
}

#[test]
fn an_offer_that_cannot_work_is_refused_when_it_is_applied() {
    let world = World::new(&["retail", "payment"], &Config::default());
    let refused = |name: &str, spec: serde_json::Value| {
        world.apply("payment", json!([manifest("Offer", name, spec)])).unwrap_err().code
    };
    assert_eq!(
        refused("a", json!({"process": "ghost", "version": 1, "to": "any"})),
        "offer.invalid"
    );
    assert_eq!(
        refused(
            "b",
            json!({"relation": {"name": "ghost", "columns": ["a"]}, "version": 1, "to": "any"})
        ),
        "offer.invalid"
    );
    assert_eq!(refused("c", json!({"version": 1, "to": "any"})), "offer.invalid");
    let price = json!({"currency": "EUR", "on_accept": "1 +"});
    let process = manifest("Process", "p", json!({}));
    let offer =
        manifest("Offer", "x", json!({"process": "p", "version": 1, "to": "any", "price": price}));
    let problem = world.apply("payment", json!([process, offer])).unwrap_err();
    assert_eq!(problem.code, "offer.price", "{problem:?}");
}
