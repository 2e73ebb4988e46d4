//! Runs instances over a store in memory and prints how many a second: `cargo run --example instances -p process [COUNT]`.
//!
//! Each instance is started by a message, waits for a second one with a timer set, takes a gateway and ends.

use base::{Clock, DrivenClock, SeededEntropy, SystemClock, Time};
use kernel::{Call, Kernel, Parts, Principal, ResourceRef};
use process::{Config, Processes};
use serde_json::json;
use std::sync::Arc;
use store::MemoryStore;

const MODEL: &str = r#"<?xml version="1.0"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions">
  <bpmn:process id="model" isExecutable="true">
    <bpmn:startEvent id="placed"><bpmn:messageEventDefinition messageRef="m1"/></bpmn:startEvent>
    <bpmn:sequenceFlow id="f1" sourceRef="placed" targetRef="paid"/>
    <bpmn:receiveTask id="paid" messageRef="m2"/>
    <bpmn:boundaryEvent id="late" attachedToRef="paid" cancelActivity="false">
      <bpmn:timerEventDefinition><bpmn:timeDuration>P30D</bpmn:timeDuration></bpmn:timerEventDefinition>
    </bpmn:boundaryEvent>
    <bpmn:sequenceFlow id="f2" sourceRef="late" targetRef="late_end"/>
    <bpmn:endEvent id="late_end"/>
    <bpmn:sequenceFlow id="f3" sourceRef="paid" targetRef="large"/>
    <bpmn:exclusiveGateway id="large" default="f5"/>
    <bpmn:sequenceFlow id="f4" sourceRef="large" targetRef="end"><bpmn:conditionExpression>=value > 100</bpmn:conditionExpression></bpmn:sequenceFlow>
    <bpmn:sequenceFlow id="f5" sourceRef="large" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process>
  <bpmn:message id="m1" name="placed"/>
  <bpmn:message id="m2" name="paid"><bpmn:extensionElements><zeebe:subscription correlationKey="=id"/></bpmn:extensionElements></bpmn:message>
</bpmn:definitions>"#;

fn main() -> Result<(), base::Problem> {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let (_, mut writer) = Kernel::new(Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: vec![Arc::new(Processes::new(Config::default()))],
        config: kernel::Config::default(),
    })?;
    let manifests = json!([
        {"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "ana"}, "spec": {"roles": ["owner"]}},
        {"apiVersion": "craton/v1", "kind": "Process", "metadata": {"name": "p"}, "spec": {"source": MODEL}},
    ]);
    let apply = Call::new(
        "resource.apply",
        ResourceRef::new("resource", ""),
        Principal::Unit("init".into()),
    );
    for reply in writer.turn(&[apply.with(json!({ "manifests": manifests }))]) {
        reply?;
    }
    let clock = SystemClock::new();
    let items: Vec<_> = (0..5)
        .map(|n| json!({"product": format!("product {n}"), "price": 12.5, "seller": "s"}))
        .collect();
    for message in ["placed", "paid"] {
        let begin = clock.monotonic();
        let calls: Vec<Call> = (0..count)
            .map(|number: u32| {
                let id = format!("order-{number}");
                let variables = json!({"id": id, "value": number, "items": items});
                Call::new(
                    "process.publish",
                    ResourceRef::new("process", "p"),
                    Principal::User("ana".into()),
                )
                .with(json!({"message": message, "correlation_key": id, "variables": variables}))
                .at(Time(1_000))
            })
            .collect();
        for batch in calls.chunks(1_000) {
            for reply in writer.turn(batch) {
                reply?;
            }
            while writer.has_leftovers() {
                writer.turn(&[]);
            }
        }
        let seconds = (clock.monotonic() - begin).as_secs_f64();
        let each = seconds * 1e6 / f64::from(count);
        println!(
            "{message}: {count} in {seconds:.2} s, {each:.0} us each, {:.0} a second",
            f64::from(count) / seconds
        );
    }
    Ok(())
}
