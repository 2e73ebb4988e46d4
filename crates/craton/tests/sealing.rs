//! `craton table`: rows of a stream are put into files that other engines read, and the command waits for it.

mod binary;

use binary::{Up, craton, folder, init, said};
use serde_json::Value;

const ORDERS: &str = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: orders}\n\
    spec:\n  schema: [{name: id, type: text, required: true}, {name: n, type: int}]\n  key: [id]\n";

#[test]
fn a_table_is_sealed_while_the_command_waits() {
    let folder = folder("sealing", "orders");
    init(&folder, "shop", &["--bare"]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    std::fs::create_dir_all(folder.join("app")).expect("makes");
    std::fs::write(folder.join("app/orders.yaml"), ORDERS).expect("writes");
    let ask = |arguments: &[&str]| said(&folder, &[&["--unit", "shop"], arguments].concat());
    let json = |arguments: &[&str]| -> Value {
        let text = said(&folder, &[&["--unit", "shop", "-o", "json"], arguments].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let refused = |arguments: &[&str]| {
        let output = craton(&folder, &[&["--unit", "shop"], arguments].concat()).output();
        let output = output.expect("starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    ask(&["apply", "-f", "app"]);
    assert_eq!(ask(&["table", "list"]), "nothing\n");
    assert_eq!(
        ask(&["table", "seal", "orders", "--wait"]),
        "table/orders: there are no rows\n",
        "nothing is waited for"
    );
    let row = |id: &str| format!("{{\"id\": \"{id}\", \"n\": 1}}");
    let rows = ["a", "b", "a"].map(row);
    let rows = rows.iter().flat_map(|row| ["--row", row.as_str()]);
    ask(&["stream", "append", "orders"].into_iter().chain(rows).collect::<Vec<_>>());
    let streams = json(&["stream", "list"]);
    assert_eq!((&streams[0]["name"], &streams[0]["rows"]), (&"orders".into(), &3.into()));

    // The newest rows come from what is sealed of the stream: both tables are made.
    let latest = json(&["table", "seal", "orders_latest", "--wait"]);
    assert_eq!((&latest["sealed"], &latest["rows"]), (&3.into(), &2.into()), "{latest}");
    let orders = json(&["table", "get", "orders"]);
    assert_eq!((&orders["sealed"], &orders["rows"]), (&3.into(), &3.into()), "{orders}");
    assert_eq!(orders["folder"], "tables/orders");
    let log = folder.join("shop/tables/orders/_delta_log/00000000000000000000.json");
    assert!(log.is_file(), "the Delta log lies in the unit's folder");
    let streams = json(&["stream", "list"]);
    assert_eq!((&streams[0]["rows"], &streams[0]["sealed"]), (&3.into(), &3.into()));
    let names: Vec<Value> = [json(&["table", "list"]), json(&["get", "tables"])]
        .iter()
        .flat_map(|list| list.as_array().cloned().unwrap_or_default())
        .map(|table| table["name"].clone())
        .collect();
    assert_eq!(names, ["orders", "orders_latest", "orders", "orders_latest"]);

    assert!(ask(&["table", "compact", "orders"]).starts_with("table/orders: "));
    assert!(ask(&["table", "vacuum", "orders"]).starts_with("table/orders: "));
    for (arguments, code) in [
        (vec!["table", "get", "ordrs"], "[cli.not_found]"),
        (vec!["get", "table", "ordrs"], "[cli.not_found]"),
        (vec!["table", "seal", "ordrs", "--wait"], "[cli.not_found]"),
        (vec!["table", "seal", "ordrs"], "[resource.not_found]"),
    ] {
        let (status, text) = refused(&arguments);
        assert_eq!(status, Some(5), "{arguments:?}: {text}");
        assert!(text.contains(code), "{arguments:?}: {text}");
    }
    let (status, text) = refused(&["table", "seal", "orders", "--wait", "--within", "soon"]);
    assert!(status == Some(2) && text.contains("[time.invalid]"), "{text}");
    up.stop();
}
