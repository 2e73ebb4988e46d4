//! A contract between two real units: calls while they are cut off from each other, and what its revocation means.

mod binary;

use base::{Clock, SystemClock};
use binary::{Up, init, said, wait_for};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// How long a consumer may be left in the belief that it has a contract.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

const BPMN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="definitions" targetNamespace="test">
  <bpmn:process id="work" isExecutable="true">
    <bpmn:startEvent id="asked"><bpmn:outgoing>through</bpmn:outgoing></bpmn:startEvent>
    <bpmn:endEvent id="done"><bpmn:incoming>through</bpmn:incoming></bpmn:endEvent>
    <bpmn:sequenceFlow id="through" sourceRef="asked" targetRef="done" />
  </bpmn:process>
</bpmn:definitions>
"#;

const MANIFESTS: &str = r#"apiVersion: craton/v1
kind: Process
metadata: {name: work}
spec: {bpmn: work.bpmn}
---
apiVersion: craton/v1
kind: Offer
metadata: {name: work}
spec:
  process: work
  version: "1"
  summary: Does some work.
  input: [{name: subject, type: text, required: true}]
  output: [{name: subject, type: text, required: true}]
  price: {currency: EUR, on_accept: "=0.50", on_answer: "=1.25"}
  to: any
"#;

const RECEIPTS: &str =
    "SELECT number, call, event, amount, state FROM system.receipts ORDER BY number";

/// A provider and a consumer with the contract `services`, under which one call was answered and settled.
struct Pair {
    folder: PathBuf,
    provider: Up,
    consumer: Up,
}

/// Returns CSV (whose lines end with CR LF) with plain ends of lines.
fn lines(csv: &str) -> String {
    csv.replace("\r\n", "\n")
}

impl Pair {
    fn start(name: &str) -> Self {
        let folder = binary::folder("contract", name);
        let app = folder.join("app");
        std::fs::create_dir_all(&app).expect("makes");
        std::fs::write(app.join("work.yaml"), MANIFESTS).expect("writes");
        std::fs::write(app.join("work.bpmn"), BPMN).expect("writes");
        init(&folder, "provider", &["--bare"]);
        init(&folder, "consumer", &["--bare"]);
        let provider = Up::start(&folder, "provider");
        let consumer = Up::start(&folder, "consumer");
        let mut pair = Self { folder, provider, consumer };
        pair.provider.read_until("is up");
        pair.consumer.read_until("is up");
        pair.say("provider", &["apply", "-f", "app"]);
        pair.say("provider", &["peer", "add", "consumer", "consumer"]);
        pair.say("consumer", &["peer", "add", "provider", "provider"]);
        pair.say(
            "consumer",
            &["contract", "propose", "services", "--peer", "provider", "--offer", "work"],
        );
        pair.wait_for_state("consumer", "finalized");
        let call = pair.call().expect("a contract in force takes calls");
        pair.wait_for_call(&call, "answered");
        pair.wait("provider", RECEIPTS, |text| text.matches(",agreed\n").count() == 2);
        pair.wait("consumer", RECEIPTS, |text| text.matches(",agreed\n").count() == 2);
        pair
    }

    fn say(&self, unit: &str, arguments: &[&str]) -> String {
        said(&self.folder, &[&["--unit", unit], arguments].concat())
    }

    /// Repeats a question in SQL until its answer, as CSV, satisfies `is_there`.
    fn wait(&self, unit: &str, sql: &str, is_there: impl Fn(&str) -> bool) -> String {
        let is_there = |text: &str| is_there(&lines(text));
        lines(&wait_for(&self.folder, &["--unit", unit, "sql", sql, "-o", "csv"], is_there))
    }

    fn ask(&self, unit: &str, sql: &str) -> String {
        lines(&self.say(unit, &["sql", sql, "-o", "csv"]))
    }

    fn wait_for_state(&self, unit: &str, state: &str) {
        self.wait(unit, "SELECT state FROM system.contracts WHERE name = 'services'", |text| {
            text == format!("state\n{state}\n")
        });
    }

    /// Waits until a call of the consumer has come to an end.
    fn wait_for_call(&self, call: &str, state: &str) {
        let sql = format!("SELECT state FROM system.calls WHERE call = '{call}'");
        self.wait("consumer", &sql, |text| text == format!("state\n{state}\n"));
    }

    /// Calls as the consumer's owner; returns the id of the call, or the code of the problem.
    fn call(&self) -> Result<String, String> {
        let body = r#"{"capability": "work", "input": {"subject": "a letter"}}"#;
        let (is_done, answer) = self.http("consumer", "/v1/contracts/services/call", Some(body));
        let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
        if is_done { Ok(text("call")) } else { Err(text("code")) }
    }

    /// Returns how many calls of the consumer are in a state.
    fn calls_in(&self, state: &str) -> usize {
        let path = format!("/v1/contracts/services/calls?state={state}&limit=1000");
        let (is_done, answer) = self.http("consumer", &path, None);
        assert!(is_done, "{answer}");
        answer["items"].as_array().expect("items").len()
    }

    /// Calls until calls are refused at once. What the consumer took meanwhile, the provider refuses in the same time.
    fn is_refused(&self) {
        let clock = SystemClock::new();
        let in_time = |what: &str| {
            assert!(
                clock.monotonic() < REFUSED_WITHIN,
                "{what} {:?} after the revocation",
                clock.monotonic()
            )
        };
        let mut taken = 0;
        let code = loop {
            match self.call() {
                Ok(_) => taken += 1,
                Err(code) => break code,
            }
            in_time("calls are taken");
        };
        assert_eq!(code, "contract.terminated");
        while self.calls_in("open") != 0 {
            in_time("calls are open");
        }
        in_time("calls were taken");
        assert_eq!(self.calls_in("refused"), taken);
    }

    /// Asks a unit over HTTP as its owner, by `POST` where there is a body. Returns whether it did what was asked, and the answer.
    fn http(&self, unit: &str, path: &str, body: Option<&str>) -> (bool, Value) {
        let read =
            |name: &str| std::fs::read_to_string(self.folder.join(unit).join(name)).expect("reads");
        let configuration: toml::Table = read("unit.toml").parse().expect("TOML");
        let listen = configuration["listen"].as_str().expect("an address");
        let url = format!("http://{listen}{path}");
        let builder = ureq::http::Request::builder()
            .uri(&url)
            .header("authorization", format!("Bearer {}", read("owner.token").trim()))
            .header("content-type", "application/json");
        let agent = ::unit::agent(&::unit::Reach::to(&url)).expect("an agent");
        let answered = match body {
            Some(body) => {
                agent.run(builder.method("POST").body(body.as_bytes()).expect("a request"))
            }
            None => agent.run(builder.method("GET").body(()).expect("a request")),
        };
        let response = answered.expect("the unit answers");
        let is_done = response.status().is_success();
        let bytes = response.into_body().read_to_vec().expect("reads");
        (is_done, serde_json::from_slice(&bytes).expect("JSON"))
    }

    /// Checks that both sides show the contract as ended, and that nothing was billed since `before`.
    fn is_ended_on_both_sides(&self, before: &str) {
        for unit in ["provider", "consumer"] {
            let text = self.say(unit, &["contract", "get", "services", "-o", "json"]);
            let contract: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!((unit, contract["state"].as_str()), (unit, Some("terminated")));
            assert_eq!(
                (unit, contract["reason"].as_str()),
                (unit, Some("revoked by the provider: enough"))
            );
            assert_eq!((unit, self.ask(unit, RECEIPTS).as_str()), (unit, before));
            let ledger =
                self.ask(unit, "SELECT calls, answered, open, owed, agreed FROM system.ledger");
            assert_eq!(
                (unit, ledger.as_str()),
                (unit, "calls,answered,open,owed,agreed\n1,1,0,1.75,1.75\n")
            );
        }
    }

    fn stop(&mut self) {
        self.provider.stop();
        self.consumer.stop();
        for unit in ["provider", "consumer"] {
            assert_eq!(said(&self.folder, &["verify", unit]), "the store is sound\n");
        }
    }
}

#[test]
fn new_calls_are_refused_within_a_second_of_the_revocation() {
    let mut pair = Pair::start("at-once");
    let before = pair.ask("provider", RECEIPTS);
    pair.say("provider", &["contract", "revoke", "services", "--reason", "enough"]);
    pair.is_refused();
    pair.is_ended_on_both_sides(&before);
    pair.stop();
}

#[test]
fn a_consumer_that_was_away_learns_of_the_revocation() {
    let mut pair = Pair::start("away");
    let before = pair.ask("provider", RECEIPTS);
    // A call that the provider is not there to hear, of a consumer that is not there to be told.
    pair.provider.kill();
    let late = pair.call().expect("nobody has revoked anything yet");
    pair.consumer.kill();
    pair.provider = Up::start(&pair.folder, "provider");
    pair.provider.read_until("is up");
    pair.say("provider", &["contract", "revoke", "services", "--reason", "enough"]);
    pair.consumer = Up::start(&pair.folder, "consumer");
    pair.consumer.read_until("is up");
    pair.wait_for_state("consumer", "terminated");
    pair.wait_for_call(&late, "refused");
    assert_eq!(pair.call(), Err("contract.terminated".into()));
    pair.is_ended_on_both_sides(&before);
    pair.stop();
}

#[test]
fn calls_of_units_that_are_cut_off_wait_and_finish() {
    let mut pair = Pair::start("cut-off");
    pair.provider.kill();
    let calls: Vec<String> = (0..5).map(|_| pair.call().expect("it is taken, and waits")).collect();
    assert_eq!(pair.calls_in("open"), calls.len());
    pair.consumer.kill();
    for (unit, up) in [("consumer", &mut pair.consumer), ("provider", &mut pair.provider)] {
        *up = Up::start(&pair.folder, unit);
        up.read_until("is up");
    }
    calls.iter().for_each(|call| pair.wait_for_call(call, "answered"));
    for unit in ["provider", "consumer"] {
        // One receipt for each call that was accepted and one for each answer, the call of the beginning included.
        pair.wait(unit, RECEIPTS, |text| text.matches(",agreed\n").count() == 12);
        let ledger =
            pair.ask(unit, "SELECT calls, answered, open, owed, agreed FROM system.ledger");
        let expected = "calls,answered,open,owed,agreed\n6,6,0,10.50,10.50\n";
        assert_eq!((unit, ledger.as_str()), (unit, expected));
    }
    pair.stop();
}
