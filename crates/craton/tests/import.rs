//! `craton import` as a user runs it: files into a unit that runs, and again after it was killed.

mod binary;

use binary::{Up, craton, folder, init, said};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Five rows: one with a line break in a cell, one in a bad encoding (line 5), one with a field too many (line 6).
const ORDERS: &[u8] = b"id,Price,is_paid,placed_at,note,n\r\n\
    a,1.5,true,2018-10-17 17:30:20,\"say \"\"hi\"\", twice\r\nnext\",1\r\n\
    b,2,FALSE,2018-10-18,,NA\r\n\
    c,3,true,2018-10-19,\xff,3\r\n\
    d,4,true,2018-10-20,x,4,extra\r\n\
    e,-5,false,2018-10-21T12:00:00+02:00,plain,7\r\n";

/// Makes a unit `shop` in a folder of its own and runs it.
fn shop(name: &str) -> (PathBuf, Up) {
    let folder = folder("import", name);
    init(&folder, "shop", &["--bare"]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    (folder, up)
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
    std::fs::write(path, bytes).expect("writes");
}

/// Runs a command that must succeed and returns its JSON.
#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let text = said(folder, &[&["--unit", "shop", "-o", "json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn count(folder: &Path, stream: &str) -> u64 {
    let rows = json(folder, &["sql", &format!("SELECT count(*) AS n FROM {stream}")]);
    rows[0]["n"].as_u64().expect("a number")
}

/// Runs a command that must fail; returns its exit status and what it says.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = craton(folder, arguments).output().expect("starts");
    assert!(!output.status.success(), "{arguments:?} succeeded");
    let status = output.status.code().expect("a status");
    (status, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Returns what a report says in numbers: rows, appended, already there, set aside.
fn numbers(report: &Value) -> [u64; 4] {
    ["rows", "appended", "already_there", "set_aside"]
        .map(|name| report[name].as_u64().unwrap_or_else(|| panic!("no {name}: {report}")))
}

/// Returns line and reason of each row that a report names.
fn reasons(report: &Value) -> Vec<(u64, String)> {
    let reasons = report["reasons"].as_array().expect("a list").iter();
    let pair = |reason: &Value| {
        let line = reason["line"].as_u64().expect("a line");
        (line, reason["reason"].as_str().expect("a reason").to_owned())
    };
    reasons.map(pair).collect()
}

#[test]
fn rows_of_csv_get_their_types_and_bad_lines_are_named() {
    let (folder, mut up) = shop("csv");
    write(&folder, "Orders.csv", ORDERS);
    let import = ["import", "Orders.csv", "--key", "id", "--time", "placed_at"];
    let report = json(&folder, &import);
    assert_eq!(numbers(&report), [5, 3, 0, 2], "{report}");
    let named = reasons(&report);
    assert_eq!(named.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [5, 6]);
    assert!(named[0].1.contains("`note`") && named[0].1.contains("not UTF-8"), "{named:?}");
    assert!(named[1].1.contains("7 fields"), "{named:?}");

    let rows = json(&folder, &["sql", "SELECT * FROM orders ORDER BY id"]);
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    assert_eq!((&rows[0]["id"], &rows[0]["is_paid"]), (&"a".into(), &true.into()));
    assert_eq!(rows[0]["price"].as_f64(), Some(1.5));
    assert_eq!(rows[0]["note"], "say \"hi\", twice\r\nnext");
    assert_eq!((&rows[1]["note"], &rows[1]["n"]), (&Value::Null, &Value::Null));
    assert_eq!((rows[1]["is_paid"].as_bool(), rows[2]["n"].as_i64()), (Some(false), Some(7)));
    let sql = "SELECT count(*) AS n FROM orders WHERE placed_at = '2018-10-21T10:00:00Z'";
    assert_eq!(json(&folder, &["sql", sql])[0]["n"], 1, "an instant in another zone is the same");
    let stream = json(&folder, &["get", "stream", "orders"]).to_string();
    assert!(stream.contains("\"key\":[\"id\"]") && stream.contains("\"time\":\"placed_at\""));

    let again = json(&folder, &import);
    assert_eq!(numbers(&again), [5, 0, 3, 2], "{again}");
    assert_eq!(count(&folder, "orders"), 3);
    up.stop();
}

#[test]
fn an_import_goes_on_after_a_crash_without_a_duplicate() {
    let (folder, mut up) = shop("crash");
    let row = |number: u32| format!("{{\"n\": {number}}}\n");
    let lines: String = (0..12_000).map(row).collect();
    write(&folder, "n.ndjson", lines.as_bytes());
    assert_eq!(numbers(&json(&folder, &["import", "n.ndjson"])), [12_000, 12_000, 0, 0]);
    up.kill();
    let (status, said) = refused(&folder, &["--unit", "shop", "import", "n.ndjson"]);
    assert_eq!(status, 8, "{said}");
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    assert_eq!(numbers(&json(&folder, &["import", "n.ndjson"])), [12_000, 0, 12_000, 0]);
    assert_eq!(count(&folder, "n"), 12_000);

    // A stream that is made anew is empty, whatever went into the one before.
    said_ok(&folder, &["delete", "stream", "n"]);
    assert_eq!(numbers(&json(&folder, &["import", "n.ndjson"])), [12_000, 12_000, 0, 0]);
    assert_eq!(count(&folder, "n"), 12_000);
    up.stop();
}

#[track_caller]
fn said_ok(folder: &Path, arguments: &[&str]) {
    said(folder, &[&["--unit", "shop"], arguments].concat());
}

#[test]
fn the_schema_of_an_existing_stream_counts() {
    let (folder, mut up) = shop("existing");
    let manifest = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: stock}\nspec:\n  schema:\n    \
        - {name: sku, type: text, required: true}\n    - {name: pieces, type: int}\n    \
        - {name: price, type: 'decimal(9,2)'}\n";
    write(&folder, "app/stock.yaml", manifest.as_bytes());
    said_ok(&folder, &["apply", "-f", "app"]);
    write(&folder, "stock.csv", b"sku;Pieces;price\n007;1;12.50\nb;many;1\nc;NA;2.5\n");
    let import = ["import", "stock.csv", "--delimiter", ";"];
    let report = json(&folder, &import);
    assert_eq!(numbers(&report), [3, 2, 0, 1], "{report}");
    let expected = "column `pieces`: expected int, found text `many`";
    assert_eq!(reasons(&report), [(3, expected.to_owned())]);
    let rows = json(&folder, &["sql", "SELECT sku FROM stock ORDER BY sku"]);
    assert_eq!((&rows[0]["sku"], &rows[1]["sku"]), (&"007".into(), &"c".into()));
    let text = said(&folder, &[&["--unit", "shop"], &import[..]].concat());
    let line = "stock.csv -> stream stock: 3 rows read, 0 appended, 2 already there, 1 set aside\n";
    assert_eq!(text, format!("{line}  stock.csv:3: {expected}\n"));

    write(&folder, "lost.csv", b"colour\nred\nblue\n");
    let (status, said) =
        refused(&folder, &["--unit", "shop", "import", "lost.csv", "--into", "stock"]);
    assert_eq!(status, 2);
    assert!(said.contains("[import.none_kept]"), "{said}");
    up.stop();
}

#[test]
fn a_folder_becomes_a_stream_for_each_file() {
    let (folder, mut up) = shop("folder");
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(b"{\"id\":\"x\",\"tags\":[1]}\n\nno JSON\n{\"id\":\"y\"}\n").expect("zips");
    write(&folder, "data/My Events.jsonl.gz", &zipped.finish().expect("zips"));
    write(&folder, "data/customers.csv", b"id\n1\n2\n");
    write(&folder, "data/readme.txt", b"not a table");
    let report = json(&folder, &["import", "data"]);
    assert_eq!(numbers(&report), [5, 4, 0, 1], "{report}");
    let named = reasons(&report);
    assert!(named.len() == 1 && named[0].0 == 3 && named[0].1.contains("no JSON"), "{named:?}");
    assert_eq!((count(&folder, "customers"), count(&folder, "my_events")), (2, 2));
    up.stop();
}

#[test]
fn a_dry_run_prints_a_manifest_and_asks_no_unit() {
    let folder = folder("import", "dry");
    write(&folder, "Orders.csv", ORDERS);
    let import = ["import", "Orders.csv", "--key", "id", "--time", "placed_at", "--dry-run"];
    let yaml = said(&folder, &import);
    let manifest: Value = serde_saphyr::from_str(&yaml).expect("YAML");
    assert_eq!(
        (&manifest["kind"], &manifest["metadata"]["name"]),
        (&"Stream".into(), &"orders".into())
    );
    let columns = manifest["spec"]["schema"].as_array().expect("columns").iter();
    let shown = |column: &Value| {
        let sign = if column["required"] == true { "!" } else { "" };
        format!("{} {}{sign}", column["name"], column["type"]).replace('"', "")
    };
    let expected =
        ["id text!", "price float!", "is_paid bool!", "placed_at time!", "note text", "n int"];
    assert_eq!(columns.map(shown).collect::<Vec<_>>(), expected);
    assert_eq!(manifest["spec"]["time"], "placed_at");

    let (status, said) = refused(&folder, &["import", "Orders.csv", "--key", "idd", "--dry-run"]);
    assert_eq!(status, 2);
    assert!(said.contains("[import.columns]") && said.contains("did you mean `id`?"), "{said}");
}

#[test]
fn what_cannot_be_imported_is_refused_by_name() {
    let folder = folder("import", "refused");
    write(&folder, "a.parquet", b"PAR1");
    write(&folder, "empty.csv", b"");
    let check = |path: &str, code: &str| {
        let (status, said) = refused(&folder, &["import", path, "--dry-run"]);
        assert_eq!(status, 2, "{path}");
        assert!(said.contains(&format!("[{code}]")) && said.contains(path), "{said}");
    };
    check("a.parquet", "import.unsupported");
    check("https://example.org/a.csv", "import.unsupported");
    check("empty.csv", "import.empty");
    check("missing.csv", "cli.file");
}
