//! `craton import` as a user runs it: files and addresses into a unit that runs, and again after it was killed.

mod binary;
mod tables;
mod web;

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

    let lost = |bytes: &[u8]| {
        write(&folder, "lost.csv", bytes);
        refused(&folder, &["--unit", "shop", "import", "lost.csv", "--into", "stock"])
    };
    let (status, said) = lost(b"sku,price\na,dear\nb,cheap\n");
    assert_eq!(status, 2);
    assert!(said.contains("[import.none_kept]"), "{said}");
    // What every row would be refused for is refused before the first one.
    let aside = count(&folder, "stock_set_aside");
    let (status, said) = lost(b"pieces,colour\n1,red\n2,blue\n");
    assert_eq!(status, 2);
    assert!(said.contains("[import.schema]") && said.contains("has no column `colour`"), "{said}");
    assert!(said.contains("requires `sku`"), "{said}");
    assert_eq!((count(&folder, "stock"), count(&folder, "stock_set_aside")), (2, aside));
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
    let expected = [
        "id text!",
        "price decimal(18,2)!",
        "is_paid bool!",
        "placed_at time!",
        "note text",
        "n int",
    ];
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
    write(&folder, "none.parquet", b"");
    write(&folder, "empty.csv", b"");
    write(&folder, "notes.txt", b"no table");
    std::fs::create_dir(folder.join("bare")).expect("makes");
    let check = |path: &str, status: i32, code: &str| {
        let (found, said) = refused(&folder, &["import", path, "--dry-run"]);
        assert_eq!(found, status, "{path}: {said}");
        assert!(said.contains(&format!("[{code}]")) && said.contains(path), "{said}");
    };
    check("a.parquet", 2, "import.damaged");
    check("none.parquet", 2, "import.empty");
    check("empty.csv", 2, "import.empty");
    check("bare", 2, "import.empty");
    check("notes.txt", 2, "import.unsupported");
    check("missing.csv", 2, "cli.file");
    // The port is free: it was just given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = format!("http://{}/a.csv", listener.local_addr().expect("an address"));
    drop(listener);
    check(&address, 8, "import.address");
}

#[test]
fn a_bad_encoding_far_down_is_set_aside_with_its_line() {
    let (folder, mut up) = shop("encoding");
    let mut bytes = b"n,t\n".to_vec();
    for number in 1..=400_010_u32 {
        let text: &[u8] = if number == 400_000 { b"\xe9t\xe9" } else { b"x" };
        bytes.extend_from_slice(format!("{number},").as_bytes());
        bytes.extend_from_slice(text);
        bytes.push(b'\n');
    }
    write(&folder, "latin.csv", &bytes);
    let report = json(&folder, &["import", "latin.csv"]);
    assert_eq!(numbers(&report), [400_010, 400_009, 0, 1]);
    assert_eq!(reasons(&report), [(400_001, "column `t`: this is not UTF-8".to_owned())]);
    assert_eq!(count(&folder, "latin"), 400_009);
    up.stop();
}

#[test]
fn parquet_keeps_its_types() {
    let (folder, mut up) = shop("parquet");
    write(&folder, "Sales 2018.parquet", &tables::sales());
    let import = ["import", "Sales 2018.parquet", "--key", "id", "--time", "sold_at"];
    let report = json(&folder, &import);
    assert_eq!(numbers(&report), [3, 3, 0, 0], "{report}");
    let stream = json(&folder, &["get", "stream", "sales_2018"]);
    let columns = stream["spec"]["schema"].as_array().expect("columns").iter();
    let shown = |column: &Value| {
        let sign = if column["required"] == true { "!" } else { "" };
        format!("{} {}{sign}", column["name"], column["type"]).replace('"', "")
    };
    let expected = [
        "id text!",
        "pieces int",
        "price decimal(18,2)",
        "weight float",
        "fee decimal(9,3)",
        "sold_at time",
        "day time",
        "is_paid bool",
        "tags json",
        "buyer json",
        "digest text",
        "number decimal(20,0)",
    ];
    assert_eq!(columns.map(shown).collect::<Vec<_>>(), expected);
    let sql = "SELECT sum(price * pieces) AS gross, sum(fee) AS fees FROM sales_2018";
    let sums = said(&folder, &["--unit", "shop", "sql", sql, "-o", "csv"]);
    assert_eq!(sums, "gross,fees\r\n32.75,0.003\r\n");
    let rows = json(&folder, &["sql", "SELECT * FROM sales_2018 ORDER BY id"]);
    assert_eq!(rows[0]["sold_at"], "2010-12-01T08:26:00Z");
    assert_eq!(rows[0]["day"], "2018-10-17T00:00:00Z");
    assert_eq!((&rows[0]["tags"], &rows[1]["tags"]), (&"[\"a\",\"b\"]".into(), &Value::Null));
    assert_eq!(rows[0]["buyer"], "{\"name\":\"Ana\",\"since\":\"2018-10-17\"}");
    assert_eq!(rows[0]["digest"], "00ff");
    assert_eq!((rows[1]["price"].is_null(), rows[2]["weight"].as_f64()), (true, Some(0.123_456_7)));
    assert_eq!(rows[2]["number"].to_string(), "18446744073709551615");
    let again = json(&folder, &import);
    assert_eq!(numbers(&again), [3, 0, 3, 0], "{again}");
    up.stop();
}

#[test]
fn rows_of_parquet_that_do_not_fit_are_set_aside_by_number() {
    let (folder, mut up) = shop("parquet-aside");
    let manifest = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: n}\nspec:\n  schema:\n    \
        - {name: n, type: int, required: true}\n    - {name: t, type: text}\n    \
        - {name: f, type: 'decimal(9,2)'}\n";
    write(&folder, "app/n.yaml", manifest.as_bytes());
    said_ok(&folder, &["apply", "-f", "app"]);
    // The last 1,000 of 25,000 rows, in the third batch, have three digits behind the point.
    let fraction = |number: i64| if number < 24_000 { 0.25 } else { 0.125 };
    write(&folder, "n.parquet", &tables::numbered(25_000, 7_000, fraction));
    let report = json(&folder, &["import", "n.parquet"]);
    assert_eq!(numbers(&report), [25_000, 24_000, 0, 1_000], "{report}");
    let reason =
        "column `f`: expected decimal(9,2), found `0.125`: only 2 digits behind the point are kept";
    let named = reasons(&report);
    assert_eq!((named.len(), &named[0]), (20, &(24_001, reason.to_owned())));
    assert_eq!((count(&folder, "n"), count(&folder, "n_set_aside")), (24_000, 1_000));

    // A column of another type would be lost: nothing of the file goes out.
    write(&folder, "other.parquet", &tables::sales());
    let (status, said) =
        refused(&folder, &["--unit", "shop", "import", "other.parquet", "--into", "n"]);
    assert_eq!(status, 2);
    assert!(said.contains("[import.schema]") && said.contains("requires `n`"), "{said}");
    let narrow = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: m}\nspec:\n  schema:\n    \
        - {name: n, type: int}\n    - {name: t, type: int}\n    - {name: f, type: float}\n";
    write(&folder, "app2/m.yaml", narrow.as_bytes());
    said_ok(&folder, &["apply", "-f", "app2"]);
    let (_, said) = refused(&folder, &["--unit", "shop", "import", "n.parquet", "--into", "m"]);
    assert!(said.contains("column `t` is text in the file and int in the stream"), "{said}");
    assert_eq!((count(&folder, "n"), count(&folder, "m")), (24_000, 0));
    up.stop();
}

#[test]
fn of_a_folder_with_a_damaged_file_nothing_is_imported() {
    let (folder, mut up) = shop("damaged");
    let whole = tables::numbered(3_000, 1_000, |_| 0.5);
    write(&folder, "data/a.csv", b"id\n1\n");
    let check = |bytes: &[u8], expected: &str| {
        write(&folder, "data/b.parquet", bytes);
        let (status, said) = refused(&folder, &["--unit", "shop", "import", "data"]);
        assert_eq!(status, 2);
        assert!(said.contains("[import.damaged]") && said.contains("data/b.parquet"), "{said}");
        assert!(said.contains(expected), "{said}");
        let streams = said_json(&folder, &["get", "stream"]);
        assert!(!streams.contains("\"a\"") && !streams.contains("\"b\""), "{streams}");
    };
    check(&whole[..whole.len() / 2], "cut short");
    check(&whole[..whole.len() - 1], "cut short");
    let (from, to) = tables::pages(&whole, 1, 1);
    let mut damaged = whole.clone();
    damaged[from..to.min(from + 16)].fill(0xff);
    check(&damaged, "row group 2 of 3, column `t`");
    write(&folder, "data/b.parquet", &whole);
    assert_eq!(numbers(&json(&folder, &["import", "data"])), [3_001, 3_001, 0, 0]);
    up.stop();
}

#[track_caller]
fn said_json(folder: &Path, arguments: &[&str]) -> String {
    said(folder, &[&["--unit", "shop", "-o", "json"], arguments].concat())
}

#[test]
fn an_address_is_imported_as_a_whole_or_not_at_all() {
    let (folder, mut up) = shop("address");
    let address = web::serve(|path| match path {
        "/data/My%20Orders.csv?key=hidden" => web::page("text/csv", ORDERS),
        "/export?form=lines" => web::page("application/x-ndjson", b"{\"a\":1}\n{\"a\":2}\n"),
        "/n.parquet" => web::page("text/plain", &tables::numbered(100, 50, |_| 1.0)),
        "/moved.csv" => web::moved("/data/My%20Orders.csv?key=hidden"),
        "/cut.csv" => web::cut(b"id\n1\n2\n", 100),
        "/cut.parquet" => web::cut(&tables::numbered(100, 50, |_| 1.0), 1_000_000),
        "/packed.csv" => web::coded(b"id\n1\n"),
        "/odd" => web::page("text/html", b"<html>"),
        _ => web::missing(),
    });
    let at = |path: &str| format!("http://{address}{path}");
    let report = json(&folder, &["import", &at("/data/My%20Orders.csv?key=hidden"), "--key", "id"]);
    assert_eq!(numbers(&report), [5, 3, 0, 2], "{report}");
    assert_eq!(count(&folder, "my_orders"), 3);
    assert!(!report.to_string().contains("hidden"), "what may be a secret is not shown: {report}");
    // The same content by another way is the same file.
    let moved = json(&folder, &["import", &at("/moved.csv"), "--into", "my_orders"]);
    assert_eq!(numbers(&moved), [5, 0, 3, 2], "{moved}");
    assert_eq!(numbers(&json(&folder, &["import", &at("/export?form=lines")])), [2, 2, 0, 0]);
    assert_eq!(numbers(&json(&folder, &["import", &at("/n.parquet")])), [100, 100, 0, 0]);
    assert_eq!((count(&folder, "export"), count(&folder, "n")), (2, 100));

    let check = |path: &str, status: i32, expected: &str| {
        let (found, said) = refused(&folder, &["--unit", "shop", "import", &at(path)]);
        assert_eq!(found, status, "{said}");
        assert!(said.contains(expected) && said.contains(path), "{said}");
    };
    check("/cut.csv", 8, "broke off after 7 of 100 bytes");
    check("/cut.parquet", 8, "[import.address]");
    check("/none.csv", 8, "it answered 404");
    check("/packed.csv", 8, "coding `gzip`");
    check("/odd", 2, "[import.unsupported]");
    let streams = said_json(&folder, &["get", "stream"]);
    assert!(!streams.contains("\"cut\"") && !streams.contains("\"none\""), "{streams}");
    up.stop();
}

#[test]
fn a_server_is_believed_by_its_certificate() {
    let folder = folder("import", "tls");
    let (address, certificate) = web::serve_tls(|_| web::page("text/csv", b"id,price\n1,2.50\n"));
    write(&folder, "trusted.pem", certificate.as_bytes());
    let url = format!("https://{address}/a.csv");
    let import = ["import", url.as_str(), "--dry-run"];
    let (status, said) = refused(&folder, &import);
    assert_eq!(status, 8);
    assert!(said.contains("[import.address]"), "{said}");
    let mut command = craton(&folder, &import);
    let output = command.env("SSL_CERT_FILE", folder.join("trusted.pem")).output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("decimal(18,2)"));
}

/// Returns a folder of the real data that lies beside the project, where it is there.
fn shared(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("CRATON_SHARED").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared").into(),
        PathBuf::from,
    );
    Some(shared.join("data").join(name)).filter(|folder| folder.exists())
}

#[test]
fn real_tables_are_imported_with_one_command_and_add_up_exactly() {
    let Some(flights) = shared("nycflights13") else { return };
    let Some(retail) = shared("uci-online-retail") else { return };
    let (folder, mut up) = shop("real");
    let report = json(&folder, &["import", &flights.display().to_string()]);
    assert_eq!(numbers(&report), [367_687, 367_687, 0, 0], "{report}");
    let sql = "SELECT a.name, count(*) AS flights, count(*) - count(f.arr_delay) AS unknown \
               FROM flights f JOIN airlines a ON a.carrier = f.carrier \
               GROUP BY a.name ORDER BY flights DESC LIMIT 1";
    let rows = json(&folder, &["sql", sql]);
    assert_eq!(rows[0]["name"], "United Air Lines Inc.");
    assert_eq!(rows[0]["flights"], 58_665);
    let unknown =
        json(&folder, &["sql", "SELECT count(*) AS n FROM flights WHERE arr_delay IS NULL"]);
    assert_eq!(unknown[0]["n"], 9_430);

    let report = json(&folder, &["import", &retail.display().to_string()]);
    assert_eq!(numbers(&report), [541_909, 541_909, 0, 0], "{report}");
    let sql = "SELECT sum(Quantity * UnitPrice) AS gross, round(sum(Quantity * UnitPrice), 2) AS rounded \
               FROM online_retail";
    let sums = said(&folder, &["--unit", "shop", "sql", sql, "-o", "csv"]);
    assert_eq!(sums, "gross,rounded\r\n9747747.934,9747747.93\r\n");
    up.stop();
}
