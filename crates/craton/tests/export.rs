//! `craton export` as a user runs it: files of every form, whole or not at all.

mod binary;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Decimal128Type};
use binary::{Up, craton, folder, init, said, signal, wait_for};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Makes a unit `shop` with some limits and three orders, and runs it.
fn shop(name: &str, limits: &str) -> (PathBuf, Up) {
    let folder = folder("export", name);
    init(&folder, "shop", &["--bare"]);
    let path = folder.join("shop/unit.toml");
    let text = std::fs::read_to_string(&path).expect("reads");
    std::fs::write(&path, format!("{text}\n[data]\n{limits}")).expect("writes");
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    let orders = "id,price,note,placed_at\na,2.55,\"say \"\"hi\"\",\nnow\",2018-10-17\nb,10,,2018-10-18\nc,,é,\n";
    std::fs::write(folder.join("orders.csv"), orders).expect("writes");
    said(&folder, &["--unit", "shop", "import", "orders.csv"]);
    (folder, up)
}

/// Runs an export that must succeed; returns what it says on standard error.
#[track_caller]
fn exported(folder: &Path, arguments: &[&str]) -> String {
    let output = craton(folder, &[&["--unit", "shop", "export"], arguments].concat()).output();
    let output = output.expect("starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

/// Runs an export that must fail; returns its exit status and what it says.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = craton(folder, &[&["--unit", "shop", "export"], arguments].concat()).output();
    let output = output.expect("starts");
    assert!(!output.status.success(), "{arguments:?} succeeded");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("a status"), said)
}

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("reads")
}

/// Returns the names of files that an export has begun and not ended.
fn parts(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".part")).collect()
}

const SQL: &str = "SELECT id, price, note, placed_at FROM orders ORDER BY id";
const CSV: &str = "id,price,note,placed_at\r\n\
    a,2.55,\"say \"\"hi\"\",\nnow\",2018-10-17T00:00:00Z\r\n\
    b,10.00,,2018-10-18T00:00:00Z\r\nc,,é,\r\n";

#[test]
fn text_is_written_in_every_form() {
    let (folder, mut up) = shop("text", "");
    assert_eq!(exported(&folder, &["--sql", SQL, "--to", "a.csv"]), "3 rows -> a.csv\n");
    assert_eq!(text(&folder, "a.csv"), CSV);
    exported(&folder, &["--sql", SQL, "--to", "a.csv.gz"]);
    let mut plain = String::new();
    let zipped = File::open(folder.join("a.csv.gz")).expect("opens");
    flate2::read::GzDecoder::new(zipped).read_to_string(&mut plain).expect("unzips");
    assert_eq!(plain, CSV);
    exported(&folder, &["--sql", SQL, "--to", "a.jsonl"]);
    let lines = text(&folder, "a.jsonl");
    assert_eq!(lines.lines().count(), 3);
    exported(&folder, &["--sql", SQL, "--to", "a.json"]);
    let list: Vec<Value> = serde_json::from_str(&text(&folder, "a.json")).expect("a list");
    let each: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(list, each);
    assert_eq!((&list[0]["note"], &list[2]["price"]), (&"say \"hi\",\nnow".into(), &Value::Null));

    let output = craton(&folder, &["--unit", "shop", "export", "--sql", SQL]).output();
    let output = output.expect("starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), CSV);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "3 rows\n");
    let one = exported(&folder, &["orders", "--to", "odd.name", "--format", "ndjson"]);
    assert_eq!(one, "3 rows -> odd.name\n");
    assert!(text(&folder, "odd.name").contains("\"_offset\":"));
    assert_eq!(parts(&folder), Vec::<String>::new());
    up.stop();
}

#[test]
fn columns_keep_their_types() {
    let (folder, mut up) = shop("columns", "");
    assert_eq!(exported(&folder, &["--sql", SQL, "--to", "a.parquet"]), "3 rows -> a.parquet\n");
    let file = File::open(folder.join("a.parquet")).expect("opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let batches: Vec<RecordBatch> =
        reader.build().expect("reads").map(|batch| batch.expect("reads")).collect();
    check_orders(&batches);
    exported(&folder, &["--sql", SQL, "--to", "a.arrow"]);
    let file = File::open(folder.join("a.arrow")).expect("opens");
    let reader = arrow::ipc::reader::FileReader::try_new(file, None).expect("Arrow");
    check_orders(&reader.map(|batch| batch.expect("reads")).collect::<Vec<_>>());

    // What was written comes back as it was.
    said(&folder, &["--unit", "shop", "import", "a.parquet", "--into", "again"]);
    let sql = SQL.replace("orders", "again");
    exported(&folder, &["--sql", &sql, "--to", "again.csv"]);
    assert_eq!(text(&folder, "again.csv"), CSV);
    up.stop();
}

fn check_orders(batches: &[RecordBatch]) {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 3);
    let first = &batches[0];
    assert_eq!(first.column(0).as_string::<i32>().value(0), "a");
    assert_eq!(first.column(1).data_type(), &DataType::Decimal128(18, 2));
    assert_eq!(first.column(1).as_primitive::<Decimal128Type>().value(0), 255);
    assert!(matches!(first.column(3).data_type(), DataType::Timestamp(..)));
}

#[test]
fn an_export_may_be_longer_than_a_result() {
    let limits = "result_rows_max = 1000\nexport_rows_max = 900000\n";
    let (folder, mut up) = shop("long", limits);
    let rows = |count: u32| format!("SELECT value, 'x' AS t FROM generate_series(1, {count})");
    let sql = rows(5_000);
    let ask = craton(&folder, &["--unit", "shop", "sql", &sql, "-o", "csv"]).output();
    let output = ask.expect("starts");
    assert_eq!(output.status.code(), Some(7));
    let said = exported(&folder, &["--sql", &rows(5_000), "--to", "a.csv"]);
    assert_eq!(said, "5000 rows -> a.csv\n");
    exported(&folder, &["--sql", &rows(200_000), "--to", "a.parquet"]);

    // At its own limit the answer is on its way already: it breaks off, and nothing remains of it.
    for (name, count) in [("a.csv", 1_000_000), ("b.parquet", 1_000_000), ("b.json", 1_000_000)] {
        let (status, said) = refused(&folder, &["--sql", &rows(count), "--to", name]);
        assert_eq!(status, 8, "{said}");
        assert!(said.contains("[export.cut]"), "{said}");
    }
    assert_eq!(text(&folder, "a.csv").lines().count(), 5_001, "the old file is as it was");
    assert!(!folder.join("b.parquet").exists() && !folder.join("b.json").exists());
    assert_eq!(parts(&folder), Vec::<String>::new());
    up.stop();
}

#[test]
fn what_cannot_be_exported_leaves_no_file() {
    let (folder, mut up) = shop("refused", "");
    let check = |arguments: &[&str], status: i32, code: &str| {
        let (found, said) = refused(&folder, arguments);
        assert_eq!(found, status, "{said}");
        assert!(said.contains(&format!("[{code}]")), "{said}");
    };
    check(&["nowhere", "--to", "a.csv"], 2, "sql.invalid");
    check(&["--sql", "DELETE FROM orders", "--to", "a.csv"], 2, "sql.not_allowed");
    check(&["orders", "--to", "no/such/a.csv"], 2, "cli.file");
    check(&["orders", "--to", "/dev/null", "--format", "csv"], 2, "cli.usage");
    check(&["orders", "--to", "a.xlsx"], 2, "cli.usage");
    check(&["orders", "--format", "parquet"], 2, "cli.usage");
    check(&["orders", "--as-of", "soon", "--to", "a.csv"], 2, "time.invalid");
    assert!(!folder.join("a.csv").exists());
    assert_eq!(parts(&folder), Vec::<String>::new());
    up.stop();
}

#[test]
fn ctrl_c_leaves_no_half_file() {
    let (folder, mut up) = shop("interrupted", "");
    let sql = "SELECT count(*) FROM generate_series(1, 1000000) a CROSS JOIN generate_series(1, 1000000) b";
    let export = ["--unit", "shop", "export", "--sql", sql, "--to", "a.csv"];
    let mut child = craton(&folder, &export).spawn().expect("starts");
    wait_for(&folder, &["--unit", "shop", "ps"], |text| text.contains("generate_series"));
    assert_eq!(parts(&folder).len(), 1);
    signal(child.id(), libc::SIGINT);
    assert_eq!(child.wait().expect("ends").code(), Some(130));
    assert_eq!(parts(&folder), Vec::<String>::new());
    assert!(!folder.join("a.csv").exists());
    // The unit does not go on with a query that nobody waits for.
    wait_for(&folder, &["--unit", "shop", "ps"], |text| !text.contains("generate_series"));
    up.stop();
}
