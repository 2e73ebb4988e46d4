//! No door without a check: every operation of every real engine, without a credential, with a forged one, as somebody who
//! may not and as somebody who may, over HTTP.

use api::probe::Doors;
use base::{DrivenClock, SystemClock, SystemEntropy, Time};
use data::Data;
use exchange::{Exchange, Identity};
use kernel::{Call, Handle, Kernel, Operation, Parts, Principal, ResourceRef, Writer};
use process::Processes;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use store::MemoryStore;

/// What anybody may ask: who this unit is, and to be signed in.
const OPEN_TO_ALL: [&str; 4] =
    ["exchange.card", "session.create", "session.begin", "session.finish"];
/// What everybody who is known may ask.
const OPEN_TO_USERS: [&str; 13] = [
    "clock.list",
    "policy.check",
    "policy.mine",
    "policy.why",
    "unit.whoami",
    "unit.batch",
    "task.list",
    "form.get",
    "session.list",
    "running.list",
    "running.kill",
    "running.pause",
    "running.resume",
];

/// What no person may do: only another unit, by its signature, or a program whose role names it.
const NOT_FOR_PEOPLE: [&str; 6] = [
    "exchange.messages",
    "exchange.outbox",
    "exchange.recall",
    "exchange.reconcile",
    "offer.offered",
    "secret.read",
];

fn kernel() -> (Arc<Kernel>, Writer) {
    let clock = Arc::new(DrivenClock::new(Time(0), SystemClock::new()));
    let identity = Identity::generate("probe", &SystemEntropy, Time(0));
    let card = identity.card(None, None);
    let entropy = Arc::new(SystemEntropy);
    let exchange = Exchange::new(identity, card, exchange::Config::default(), entropy.clone());
    Kernel::new(Parts {
        store: Arc::new(MemoryStore::new()),
        clock,
        entropy,
        engines: vec![
            Data::new(data::Config::default(), Arc::new(store::MemoryBlobs::default())),
            Arc::new(Processes::new(process::Config::default())),
            Arc::new(exchange),
        ],
        config: kernel::Config::default(),
    })
    .expect("a kernel")
}

fn call(
    writer: &mut Writer,
    who: Principal,
    operation: &str,
    on: (&str, &str),
    args: Value,
) -> Value {
    let call = Call::new(operation, ResourceRef::new(on.0, on.1), who).with(args);
    writer.turn(&[call]).remove(0).expect("it is done").into_value()
}

/// Declares who tries, and one resource of each kind that can be declared.
fn prepare(writer: &mut Writer) -> (String, String) {
    let manifest = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let manifests = json!([
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest("User", "ned", json!({"roles": []})),
    ]);
    let init = || Principal::Unit("init".into());
    call(writer, init(), "resource.apply", ("resource", ""), json!({ "manifests": manifests }));
    let column = json!({"name": "id", "type": "text", "required": true});
    let things = json!([
        manifest("Stream", "probe", json!({"schema": [column], "key": ["id"]})),
        manifest("Secret", "probe", json!({"summary": "Nothing."})),
        manifest("View", "probe_view", json!({"sql": "SELECT id FROM probe"})),
        manifest(
            "Metric",
            "probe",
            json!({"from": "probe", "formula": "count(*)", "grain": "day", "dimensions": ["id"]}),
        ),
        manifest(
            "Kpi",
            "probe",
            json!({"metric": "probe", "target": 1, "direction": "at_least", "owner": "user:olga"}),
        ),
        manifest(
            "Quality",
            "probe",
            json!({"on": "stream/probe", "rules": [{"name": "once", "check": "unique", "column": "id"}]}),
        ),
    ]);
    let owner = Principal::User("olga".into());
    call(writer, owner, "resource.apply", ("resource", ""), json!({ "manifests": things }));
    let mut token = |user: &str| {
        let made = call(writer, init(), "token.create", ("token", ""), json!({ "user": user }));
        made["token"].as_str().expect("a secret").to_owned()
    };
    (token("ned"), token("olga"))
}

fn serve(handle: &Handle) -> SocketAddr {
    let router = api::router(handle.clone(), api::Options::new("probe", "0"));
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a listener");
            send.send(listener.local_addr().expect("an address")).expect("the test waits");
            api::serve(listener, router, api::Config::default(), std::future::pending()).await;
        });
    });
    receive.recv().expect("it listens")
}

#[test]
fn every_door_of_every_engine_is_checked() {
    let (kernel, mut writer) = kernel();
    let (wrong, right) = prepare(&mut writer);
    let handle = kernel::spawn(writer).expect("a thread");
    let doors = Doors {
        address: serve(&handle),
        wrong: &wrong,
        right: &right,
        open_to_all: &OPEN_TO_ALL,
        open_to_users: &OPEN_TO_USERS,
    };
    let resource = |operation: &Operation| match operation.kind() {
        "resource" => ResourceRef::new("user", "ned"),
        "view" => ResourceRef::new("view", "probe_view"),
        "relation" => ResourceRef::new("relation", "system.audit"),
        "table" => ResourceRef::new("table", "probe_latest"),
        "user" => ResourceRef::new("user", "olga"),
        kind => ResourceRef::new(kind, "probe"),
    };
    let findings = doors.try_all(&kernel, &resource).expect("the unit answers");
    // The right visitor of these is a peer with its signature or a program; no person is one, not even an owner.
    let is_for_peers = |fault: &String| {
        NOT_FOR_PEOPLE.iter().any(|operation| fault.starts_with(&format!("{operation} for Right")))
            && (fault.ends_with("401 exchange.signature")
                || fault.ends_with("403 policy.forbidden"))
    };
    // With a token or without one: the password of the probe is wrong.
    let is_sign_in = |fault: &String| {
        fault.starts_with("session.create for ") && fault.ends_with("401 sign_in.refused")
    };
    let (sign_ins, faults): (Vec<_>, Vec<_>) = findings.faults.into_iter().partition(is_sign_in);
    assert_eq!(sign_ins.len(), 2, "{sign_ins:?}");
    let (for_peers, faults): (Vec<_>, Vec<_>) = faults.into_iter().partition(is_for_peers);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(for_peers.len(), NOT_FOR_PEOPLE.len());
    assert!(60 < findings.operations, "{} operations were tried", findings.operations);
}
