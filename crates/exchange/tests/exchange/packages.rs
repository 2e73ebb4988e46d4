//! Packages that one unit signs and another remembers.

use crate::world::{World, market};
use base::Problem;
use exchange::Config;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

fn code(result: Result<Value, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".into())
}

fn stated(version: &str) -> Value {
    json!({"name": "tools", "version": version, "digest": format!("sha256:{}", "ab".repeat(32)), "size": 700})
}

fn sign(world: &World, version: &str) -> Value {
    world.call("payment", "package.sign", ("package", ""), stated(version)).unwrap()
}

/// Has retail remember a package.
fn remember(world: &World, version: &str, signature: Value) -> Result<Value, Problem> {
    let mut spec = stated(version);
    spec.as_object_mut().unwrap().remove("name");
    spec["signature"] = signature;
    let manifest = json!({
        "apiVersion": "craton/v1", "kind": "Package", "metadata": {"name": "tools"}, "spec": spec,
    });
    let args = json!({"application": "tools", "exclusive": true, "manifests": [manifest]});
    world.call("retail", "resource.apply", ("resource", ""), args)
}

#[test]
fn a_record_without_proof_is_refused() {
    let world = market(json!({}), &Config::default());
    let good = sign(&world, "1.0.0");
    let mut other = good.clone();
    other["signature"] = sign(&world, "1.0.1")["signature"].clone();
    assert_eq!(code(remember(&world, "1.0.0", other)), "package.signature");
    assert_eq!(code(remember(&world, "1.0.1", good.clone())), "package.signature");
    let held = world.look("retail", "resource.get", ("package", "tools"), json!({}));
    assert_eq!(code(held), "resource.not_found", "nothing half done");
    remember(&world, "1.0.0", good).unwrap();
    let odd = json!({"name": "tools", "version": "1", "digest": "md5:00", "size": 1});
    let refused = world.call("payment", "package.sign", ("package", ""), odd);
    assert_eq!(code(refused), "package.signature");
}

#[test]
fn what_a_signer_ended_does_not_count_where_it_is_known() {
    let world = market(json!({}), &Config::default());
    world.unlock("payment");
    world.clock.wall.fetch_add(10_000, Ordering::SeqCst);
    let before = sign(&world, "1.0.0");
    world.clock.wall.fetch_add(10_000, Ordering::SeqCst);
    let late = sign(&world, "1.1.0");
    assert_eq!(late["key"], 1);
    let key = |verb: &str, args: Value| world.call("payment", verb, ("key", ""), args).unwrap();
    key("key.rotate", json!({}));
    // The key was stolen before it signed the second one, as it turns out.
    key(
        "key.revoke",
        json!({"number": 1, "until": before["at"].as_str().map(|at| {
            base::Time(base::Time::parse(at).unwrap().0 + 1_000).to_string()
        })}),
    );
    assert_eq!(code(remember(&world, "1.1.0", late.clone())), "ok", "retail has not heard of it");
    world.settle();
    assert_eq!(code(remember(&world, "1.0.0", before)), "ok", "signed while the key counted");
    assert_eq!(code(remember(&world, "1.1.0", late)), "package.signature");
    let now = sign(&world, "1.2.0");
    assert_eq!(now["key"], 2);
    assert_eq!(code(remember(&world, "1.2.0", now)), "ok");
}
