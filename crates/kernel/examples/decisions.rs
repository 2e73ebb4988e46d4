//! Measures policy decisions with their reasons, on one core: `cargo run --release -p kernel --example decisions [SECONDS]`.
//!
//! There are 200 policies in roles beside those that are shipped; 20 of them permit what is asked. *Cached* asks again and again
//! for the same principal over 1,000 resources, as calls do: resource found, policies looked up, decision with its reasons.
//! *Uncached* is the same in a unit that remembers no decision.

#![expect(clippy::disallowed_methods, reason = "a measurement, not a part of the unit")]

use base::{DrivenClock, SeededEntropy, SystemClock, Time};
use kernel::{Call, Config, Kernel, Parts, Principal, Reader, ResourceRef, Writer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::MemoryStore;

/// Roles with ten policies each; the user holds the first ten, two policies of each permit what is asked.
const ROLES: usize = 20;
const POLICIES: usize = 10;
const RESOURCES: usize = 1_000;

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5);
    let time = Duration::from_secs(seconds);
    println!("policies: {} in roles, 20 permit what is asked", ROLES * POLICIES);
    println!("cached:   {:>9.0} decisions/s", measure(Config::default(), time));
    println!(
        "uncached: {:>9.0} decisions/s",
        measure(Config { decisions_max: 0, ..Config::default() }, time)
    );
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// The policies of a role: two permit what is asked, one asks for the owner, the others speak of other kinds.
fn policies(role: &str) -> String {
    let mut text = String::new();
    for number in 0..POLICIES {
        let resource = match number {
            0 | 1 => "resource in Kind::\"user\")".to_owned(),
            2 => {
                "resource in Kind::\"user\") when { resource.owner == \"user:nobody\" }".to_owned()
            }
            _ => format!("resource in Kind::\"{}\")", ["role", "token", "clock"][number % 3]),
        };
        let action = "action in [Action::\"Read\", Action::\"Run\"]";
        text.push_str(&format!("permit (principal in Role::\"{role}\", {action}, {resource};\n"));
    }
    text
}

fn unit(config: Config) -> (Arc<Kernel>, Writer) {
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: Vec::new(),
        config,
    };
    let (kernel, mut writer) = Kernel::new(parts).expect("a kernel");
    let name = |number: usize| format!("role-{number}");
    let mut manifests: Vec<Value> = (0..ROLES)
        .map(|number| manifest("Role", &name(number), json!({"policies": policies(&name(number))})))
        .collect();
    let held: Vec<String> = (0..ROLES / 2).map(name).collect();
    manifests.push(manifest("User", "ana", json!({ "roles": held })));
    for chunk in 0..RESOURCES / 500 {
        let users = (chunk * 500..(chunk + 1) * 500)
            .map(|number| manifest("User", &format!("user-{number}"), json!({})));
        apply(&mut writer, &users.collect::<Vec<_>>());
    }
    apply(&mut writer, &manifests);
    (kernel, writer)
}

fn apply(writer: &mut Writer, manifests: &[Value]) {
    let call = Call::new(
        "resource.apply",
        ResourceRef::new("resource", ""),
        Principal::Unit("init".into()),
    );
    writer.turn(&[call.with(json!({ "manifests": manifests }))]).remove(0).expect("applied");
}

/// Decides for so long; returns decisions in a second.
fn measure(config: Config, time: Duration) -> f64 {
    let (kernel, _writer) = unit(config);
    let ana = Principal::User("ana".into());
    let reader = Reader::new(&kernel, ana.clone()).expect("a reader");
    let calls: Vec<Call> = (0..RESOURCES)
        .map(|number| ResourceRef::new("user", format!("user-{number}")))
        .map(|resource| Call::new("resource.get", resource, ana.clone()))
        .collect();
    let first = kernel.decision(&reader, &calls[0]).expect("a decision");
    assert!(first.is_allowed);
    assert_eq!(first.reasons.len(), 20, "{:?}", first.reasons);
    let begin = Instant::now();
    let (mut count, mut reasons) = (0_u32, 0);
    while begin.elapsed() < time {
        for call in calls.iter().take(200) {
            let decision = kernel.decision(&reader, call).expect("a decision");
            reasons += decision.reasons.len();
            count += 1;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    assert_eq!(reasons, count as usize * 20);
    f64::from(count) / seconds
}
