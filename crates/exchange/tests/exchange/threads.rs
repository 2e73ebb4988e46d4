//! Two units on their own threads: what is committed is sent, without anybody asking.

use crate::world::{Work, manifest, offers};
use base::{Clock, SeededEntropy, SystemClock, Time};
use exchange::{Config, Exchange, Identity, Network, NetworkError, Request, Response, Sender};
use kernel::{Call, Credential, Engine, Handle, Kernel, Parts, Principal, ResourceRef, Signed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::MemoryStore;

/// The doors of the units, by name.
#[derive(Default)]
struct Doors(Mutex<BTreeMap<String, Handle>>);

impl Network for Doors {
    fn send(&self, request: &Request) -> Result<Response, NetworkError> {
        let name = request.url.split('/').nth(2).expect("a host");
        let handle = self.0.lock().unwrap().get(name).cloned();
        let handle = handle.ok_or_else(|| NetworkError { reason: "nobody is there".into() })?;
        let signed = Signed {
            method: request.method.clone(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        let outcome =
            handle.kernel().authenticate(&Credential::Signed(&signed)).and_then(|identity| {
                let mut call = Call::new(
                    "exchange.messages",
                    ResourceRef::new("exchange", ""),
                    identity.principal,
                );
                call.body.clone_from(&request.body);
                handle.call(call)
            });
        Ok(match outcome {
            Ok(reply) => {
                Response { status: 200, body: reply.into_value().to_string().into_bytes() }
            }
            Err(problem) => Response { status: 409, body: serde_json::to_vec(&problem).unwrap() },
        })
    }
}

fn unit(name: &str, seed: u64) -> (Arc<Exchange>, Handle) {
    let clock = SystemClock::new();
    let past = Time(clock.wall().0 - 10_000);
    let identity = Identity::generate(name, &SeededEntropy::new(seed), past);
    let card = identity.card(Some(&format!("http://{name}")), None);
    let entropy = Arc::new(SeededEntropy::new(seed + 10));
    let config = Config { retry_ms_min: 1, acknowledged_idle_ms: 5, ..Config::default() };
    let exchange = Arc::new(Exchange::new(identity, card, config, entropy.clone()).started(past));
    let (_, writer) = Kernel::new(Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(clock),
        entropy,
        engines: vec![Arc::new(Work), Arc::clone(&exchange) as Arc<dyn Engine>],
        config: kernel::Config::default(),
    })
    .unwrap();
    (exchange, kernel::spawn(writer).unwrap())
}

fn call(handle: &Handle, who: &str, operation: &str, on: (&str, &str), args: Value) -> Value {
    let actor = Principal::try_from(who.to_owned()).unwrap();
    let call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
    handle.call(call).unwrap().into_value()
}

/// Waits, commit by commit, until something holds.
fn until(handle: &Handle, holds: impl Fn() -> bool) {
    let clock = SystemClock::new();
    let mut commit = handle.kernel().commit();
    while !holds() {
        assert!(clock.monotonic() < Duration::from_secs(30), "it never came");
        commit = handle.kernel().wait_commit(commit, Duration::from_millis(50));
    }
}

#[test]
fn what_is_committed_is_sent_and_cleared_out() {
    let doors = Arc::new(Doors::default());
    let units = [("retail", unit("retail", 1)), ("payment", unit("payment", 2))];
    let mut threads = Vec::new();
    for (name, (exchange, handle)) in &units {
        let olga = manifest("User", "olga", json!({"roles": ["owner"]}));
        call(handle, "unit:init", "resource.apply", ("resource", ""), json!({"manifests": [olga]}));
        let submit = {
            let handle = handle.clone();
            Arc::new(move |call| handle.submit(call, Box::new(|_| {})))
        };
        let network = Arc::clone(&doors) as Arc<dyn Network>;
        let sender =
            Sender::new(Arc::clone(exchange), Arc::clone(handle.kernel()), network, submit);
        threads.push(std::thread::spawn(move || sender.run().unwrap()));
        for (other, (peer, _)) in units.iter().filter(|(other, _)| other != name) {
            let card = serde_json::to_value(peer.card()).unwrap();
            call(
                handle,
                "user:olga",
                "peer.add",
                ("peer", ""),
                json!({"name": other, "card": card}),
            );
        }
    }
    let [(_, (retail_exchange, retail)), (_, (payment_exchange, payment))] = &units;
    call(
        payment,
        "user:olga",
        "resource.apply",
        ("resource", ""),
        json!({"manifests": offers(json!({}))}),
    );
    let args = json!({"name": "pay", "peer": "payment", "offers": ["authorise"]});
    call(retail, "user:olga", "contract.propose", ("contract", ""), args);
    // Nobody is reachable yet: the senders try again until somebody is.
    for (name, (_, handle)) in &units {
        doors.0.lock().unwrap().insert((*name).to_owned(), handle.clone());
    }
    let look = |handle: &Handle, operation: &str, on: (&str, &str)| {
        call(handle, "user:olga", operation, on, json!({}))
    };
    until(retail, || look(retail, "contract.get", ("contract", "pay"))["state"] == "finalized");
    for number in 0..50 {
        let input = json!({"order": format!("o-{number}")});
        let args = json!({"contract": "pay", "capability": "authorise", "token": format!("{number}"), "input": input});
        call(retail, "user:olga", "process.ask", ("process", ""), args);
    }
    until(payment, || look(payment, "exchange.status", ("exchange", ""))["calls_open"] == 50);
    call(
        payment,
        "user:olga",
        "process.finish",
        ("process", ""),
        json!({"output": {"value": 100}}),
    );
    let owed = |handle: &Handle| look(handle, "ledger.list", ("ledger", ""))["items"][0].clone();
    until(payment, || owed(payment)["agreed"] == "90.00");
    assert_eq!((&owed(retail)["owed"], &owed(retail)["answered"]), (&json!("90.00"), &json!(50)));
    let cleared = |handle: &Handle| {
        let status = look(handle, "exchange.status", ("exchange", ""));
        status["peers"]
            .as_object()
            .unwrap()
            .values()
            .all(|link| link["sent"] == link["acknowledged"])
    };
    until(retail, || cleared(retail));
    until(payment, || cleared(payment));
    retail_exchange.stop();
    payment_exchange.stop();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    retail.stop();
    payment.stop();
}
