//! What the documents say of the operations.

use api::Line;
use kernel::{Handler, Operation, Reply, Right, operation};
use serde_json::{Value, json};
use std::sync::Arc;

fn look() -> Handler {
    Handler::Read(Arc::new(|_, _| Ok(Reply::Value(Value::Null))))
}

fn change() -> Handler {
    Handler::Decide(Arc::new(|_, _| Ok(Reply::Value(Value::Null))))
}

fn line(operation: Operation, method: &'static str, route: &str) -> Line {
    Line { operation, method, route: route.into() }
}

fn document() -> Value {
    let body = json!({
        "type": "object",
        "required": ["text"],
        "properties": {"weight": {}, "text": {}, "colour": {}},
    });
    let get = operation("note.get", Right::Read, "Returns a note.", look())
        .queries(&[("limit", "how many"), ("after", "a number")]);
    let put = operation("note.put", Right::Write, "Writes a|b.", change()).takes(body);
    let append = operation("note.append", Right::Write, "Takes bytes.", change())
        .takes_raw(&["application/x-ndjson", "application/json"]);
    let card = operation("note.card", Right::Read, "Shows the card.", look()).on_kind().public();
    let lines = [
        line(put, "POST", "/v1/notes/{name}/put"),
        line(get, "GET", "/v1/notes/{name}"),
        line(append, "POST", "/v1/notes/{name}/append"),
        line(card, "GET", "/v1/notes/card"),
    ];
    api::document(&lines, "probe", "0")
}

#[test]
fn only_a_public_operation_needs_no_credential() {
    let document = document();
    let security = |route: &str, method: &str| document["paths"][route][method]["security"].clone();
    assert_eq!(security("/v1/notes/card", "get"), json!([]));
    let any = json!([{"bearer": []}, {"signature": []}]);
    assert_eq!(security("/v1/notes/{name}", "get"), any);
    assert_eq!(security("/v1/notes/{name}/put", "post"), any);
}

#[test]
fn the_reference_lists_operations_by_name_with_what_they_take() {
    let expected = "\
        | operation | route | right | takes | what it does |\n\
        |---|---|---|---|---|\n\
        | `note.append` | `POST /v1/notes/{name}/append` | Write | `application/json` `application/x-ndjson` | Takes bytes. |\n\
        | `note.card` | `GET /v1/notes/card` | Read, open |  | Shows the card. |\n\
        | `note.get` | `GET /v1/notes/{name}` | Read | `?limit` `?after` | Returns a note. |\n\
        | `note.put` | `POST /v1/notes/{name}/put` | Write | `{text, colour?, weight?}` | Writes a\\|b. |\n";
    assert_eq!(api::reference(&document()), expected);
}
