//! CloudEvents: the conformance vectors, each through `stream.append`.

use crate::support::{Unit, appended, call, manifest, shown, unit};
use base::Problem;
use serde_json::{Value, json};
use std::path::PathBuf;

fn vectors(name: &str) -> Vec<Value> {
    let shared = std::env::var_os("CRATON_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = shared.join("data/cloudevents-conformance").join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: Value = serde_json::from_str(&text).expect("JSON");
    file["tests"].as_array().expect("tests").clone()
}

fn with_events() -> Unit {
    let mut unit = unit();
    let names = [
        "id",
        "source",
        "type",
        "datacontenttype",
        "dataschema",
        "subject",
        "extstring",
        "extinteger",
        "extboolean",
    ];
    let mut columns: Vec<Value> =
        names.iter().map(|name| json!({"name": format!("ce_{name}"), "type": "text"})).collect();
    columns.push(json!({"name": "ce_time", "type": "time"}));
    columns.push(json!({"name": "ce_data", "type": "json"}));
    unit.apply(json!([manifest(
        "Stream",
        "events",
        json!({"schema": columns, "time": "ce_time"})
    )]))
    .expect("applied");
    unit
}

fn append(unit: &mut Unit, media: &str, body: &Value) -> Result<Value, Problem> {
    let mut append = call("user:olga", "stream.append", ("stream", "events"));
    append.media = media.into();
    append.body = body.to_string().into_bytes();
    unit.call(append)
}

#[test]
fn valid_events_and_batches_are_accepted() {
    let mut unit = with_events();
    let mut count = 0;
    for test in vectors("valid-events.json") {
        let answer = appended(append(&mut unit, "application/cloudevents+json", &test["event"]));
        assert_eq!(answer, (count, 1), "{}", test["id"]);
        count += 1;
    }
    assert_eq!(count, 10);
    for test in vectors("valid-batches.json") {
        let events = test["batch"].as_array().expect("a batch").len() as u64;
        let answer =
            appended(append(&mut unit, "application/cloudevents-batch+json", &test["batch"]));
        assert_eq!(answer, (count, events), "{}", test["id"]);
        count += events;
    }
    let sql = "SELECT count(*) AS n, count(ce_time) AS t, min(ce_time) AS at, max(ce_extinteger) AS e, max(ce_data) AS d FROM events";
    assert_eq!(
        shown(unit.sql(sql)),
        "n,t,at,e,d\n17,6,2018-04-05T17:31:00Z,10,\"\"\"Simple text\"\"\"\n"
    );
}

#[test]
fn invalid_events_and_batches_are_refused() {
    let mut unit = with_events();
    let mut count = 0;
    for test in vectors("invalid-events.json") {
        let answer = shown(append(&mut unit, "application/cloudevents+json", &test["event"]));
        assert!(answer.starts_with("[event.invalid]"), "{}: {answer}", test["id"]);
        count += 1;
    }
    assert_eq!(count, 25);
    for test in vectors("invalid-batches.json") {
        let answer = shown(append(&mut unit, "application/cloudevents-batch+json", &test["batch"]));
        assert!(answer.starts_with("[event.invalid]"), "{}: {answer}", test["id"]);
        count += 1;
    }
    assert_eq!(count, 28);
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM events")), "n\n0\n");
}
