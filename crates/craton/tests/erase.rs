//! `craton data erase` as a user runs it: looks first, erases for good, and says what it does not reach.

mod binary;

use binary::{Up, craton, folder, init, said};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Whose rows go. Nobody else's contain it.
const ANNA: &str = "anna.k@example.org";

const MANIFEST: &str = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: orders}\nspec:\n  schema:\n    \
    - {name: id, type: int, required: true}\n    - {name: customer, type: text, subject: true}\n    \
    - {name: note, type: text}\n  key: [id]\n";

/// Makes a unit `shop` with orders of two customers, some of them set aside, and runs it.
fn shop(name: &str) -> (PathBuf, Up) {
    let folder = folder("erase", name);
    init(&folder, "shop", &["--bare"]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    std::fs::create_dir_all(folder.join("app")).expect("makes");
    std::fs::write(folder.join("app/orders.yaml"), MANIFEST).expect("writes");
    run(&folder, &["apply", "-f", "app"]);
    let row = |id: u32| {
        let customer = if id.is_multiple_of(3) { ANNA } else { "bert@example.org" };
        format!("{{\"id\":{id},\"customer\":\"{customer}\",\"note\":\"{}\"}}\n", "x".repeat(200))
    };
    let rows: String = (0..900).map(row).collect();
    let bad = format!("{{\"id\":\"none\",\"customer\":\"{ANNA}\"}}\n{{\"id\":\"none\"}}\n");
    std::fs::write(folder.join("orders.ndjson"), rows + &bad).expect("writes");
    run(&folder, &["stream", "append", "orders", "--set-aside", "--file", "orders.ndjson"]);
    std::fs::remove_file(folder.join("orders.ndjson")).expect("removes");
    (folder, up)
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str]) -> String {
    said(folder, &[&["--unit", "shop"], arguments].concat())
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let text = run(folder, &[&["-o", "json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn count(folder: &Path, sql: &str) -> u64 {
    json(folder, &["sql", sql])[0]["n"].as_u64().expect("a number")
}

/// Returns the files of a folder that have a text.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
            continue;
        }
        let bytes = std::fs::read(&path).expect("reads");
        if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_person_is_erased_from_tables_and_from_the_disk() {
    let (folder, mut up) = shop("person");
    let erase = ["data", "erase", "--subject", ANNA];
    let looked = run(&folder, &[&erase[..], &["--dry-run"]].concat());
    assert!(looked.contains("orders") && looked.contains("301 rows in all"), "{looked}");
    assert!(!files_with(&folder.join("shop"), ANNA).is_empty(), "the store has her rows");

    let done = json(&folder, &[&erase[..], &["--yes"]].concat());
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(
        (&done["streams"][0]["rows"], &done["streams"][0]["set_aside"]),
        (&300.into(), &1.into())
    );
    assert!(done["not_reached"].to_string().contains("process instances"), "{done}");
    assert_eq!(count(&folder, "SELECT count(*) AS n FROM orders"), 600);
    assert_eq!(count(&folder, "SELECT count(*) AS n FROM orders_latest"), 600);
    assert_eq!(count(&folder, "SELECT count(*) AS n FROM orders_set_aside"), 1);
    assert_eq!(files_with(&folder.join("shop"), ANNA), Vec::<PathBuf>::new());

    let listed = run(&folder, &["data", "erasures"]);
    assert!(
        listed.contains("orders") && listed.contains("done") && !listed.contains(ANNA),
        "{listed}"
    );
    up.stop();
    assert_eq!(files_with(&folder.join("shop"), ANNA), Vec::<PathBuf>::new());
    assert!(said(&folder, &["verify", "shop"]).contains("sound"));
}

#[test]
fn an_erasure_goes_on_after_a_crash() {
    let (folder, mut up) = shop("crash");
    let erase = ["data", "erase", "--subject", ANNA, "--yes", "--no-wait"];
    let begun = json(&folder, &erase);
    up.kill();
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    let is_done = |text: &str| {
        let list: Value = serde_json::from_str(text).unwrap_or_default();
        list["items"][0]["state"] == "done"
    };
    binary::wait_for(&folder, &["--unit", "shop", "-o", "json", "data", "erasures"], is_done);
    assert_eq!(json(&folder, &["data", "erasures"])["items"][0]["id"], begun["id"]);
    assert_eq!(count(&folder, "SELECT count(*) AS n FROM orders"), 600);
    assert_eq!(files_with(&folder.join("shop"), ANNA), Vec::<PathBuf>::new());
    up.stop();
}

#[test]
fn nothing_is_erased_without_a_yes() {
    let (folder, mut up) = shop("yes");
    let refused = |arguments: &[&str], input: &str| {
        let mut child =
            craton(&folder, &[&["--unit", "shop", "data", "erase"], arguments].concat())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("starts");
        // Where the program reads nothing, the pipe may be closed already.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("ends");
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused(&["--subject", ANNA], "y\n");
    assert!(said.contains("[cli.usage]") && said.contains("--yes"), "{said}");
    let said = refused(&["--subject", "-"], &format!("{ANNA}\n"));
    assert!(said.contains("[cli.usage]") && said.contains("--yes"), "{said}");
    let said =
        refused(&["--subject", "a", "--column", "custmer", "--stream", "orders", "--yes"], "");
    assert!(said.contains("[data.subject]") && said.contains("did you mean `customer`?"), "{said}");
    assert_eq!(count(&folder, "SELECT count(*) AS n FROM orders"), 900);
    up.stop();
}
