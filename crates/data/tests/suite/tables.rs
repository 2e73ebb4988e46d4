//! Tables: rows are the same before and after they are sealed, made one with others, and tidied up.

use crate::support::{Unit, call, manifest, orders, shown, unit_with};
use base::{Entropy, SeededEntropy};
use data::{Config, Round};
use datafusion::arrow::array::{
    Array, Decimal128Array, Float64Array, Int32Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::ipc::writer::StreamWriter;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::Blobs;

/// Limits so small that everything is due all the time.
fn busy() -> Config {
    Config {
        seal_rows: 1,
        seal_bytes: 4_000,
        compact_files: 3,
        newest_rows: 1,
        checkpoint_commits: 3,
        vacuum_ms: 0,
        ..Config::default()
    }
}

fn readings() -> Value {
    manifest(
        "Stream",
        "readings",
        json!({"schema": [
            {"name": "id", "type": "text", "required": true},
            {"name": "n", "type": "int"},
            {"name": "price", "type": "decimal(12,2)"},
            {"name": "weight", "type": "float"},
            {"name": "at", "type": "time"},
        ], "key": ["id"], "time": "at"}),
    )
}

/// A row as the test knows it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    id: String,
    n: i32,
    cents: i64,
}

fn rows(entropy: &SeededEntropy, count: u64) -> Vec<Row> {
    let row = |_| Row {
        id: format!("k{}", entropy.number() % 40),
        n: i32::try_from(entropy.number() % 1_000).expect("small"),
        cents: i64::try_from(entropy.number() % 100_000).expect("small"),
    };
    (0..count).map(row).collect()
}

fn lines(rows: &[Row]) -> String {
    let line = |row: &Row| {
        format!(
            "{{\"id\":\"{}\",\"n\":{},\"price\":{}.{:02},\"weight\":0.5,\"at\":\"2018-10-17T17:30:20Z\"}}\n",
            row.id,
            row.n,
            row.cents / 100,
            row.cents % 100
        )
    };
    rows.iter().map(line).collect()
}

fn arrow(rows: &[Row]) -> Vec<u8> {
    let price = Decimal128Array::from_iter_values(rows.iter().map(|row| i128::from(row.cents)));
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.id))),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.n))),
        Arc::new(price.with_precision_and_scale(12, 2).expect("a decimal")),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|_| 0.5))),
        Arc::new(TimestampMillisecondArray::from(vec![1_539_797_420_000; rows.len()])),
    ];
    let names = ["id", "n", "price", "weight", "at"];
    let fields = names
        .iter()
        .zip(&columns)
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("a batch");
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a writer");
    writer.write(&batch).expect("written");
    writer.into_inner().expect("a body")
}

fn append_arrow(unit: &mut Unit, stream: &str, body: Vec<u8>) -> Value {
    let mut call = call("user:olga", "stream.append", ("stream", stream));
    call.media = "application/vnd.apache.arrow.stream".into();
    call.body = body;
    unit.call(call).expect("appended")
}

/// What a query gives, as lines without the header.
fn answer(unit: &Unit, sql: &str) -> String {
    let text =
        unit.sql(sql).unwrap_or_else(|problem| panic!("{sql}: {}", shown::<String>(Err(problem))));
    text.split_once('\n').map_or(String::new(), |(_, rows)| rows.to_owned())
}

fn check_all(unit: &Unit, known: &[Row], seed: u64) {
    let all = answer(unit, "SELECT id, n, price FROM readings ORDER BY _offset");
    let expected: String = known
        .iter()
        .map(|row| format!("{},{},{}.{:02}\n", row.id, row.n, row.cents / 100, row.cents % 100))
        .collect();
    assert_eq!(all, expected, "seed {seed}");
    let mut newest = BTreeMap::new();
    for (offset, row) in known.iter().enumerate() {
        newest.insert(row.id.clone(), (row.n, offset));
    }
    let latest = answer(unit, "SELECT id, n, _offset FROM readings_latest ORDER BY id");
    let expected: String =
        newest.iter().map(|(id, (n, offset))| format!("{id},{n},{offset}\n")).collect();
    assert_eq!(latest, expected, "seed {seed}");
    if let Some((id, (n, _))) = newest.first_key_value() {
        let sql = format!("SELECT n FROM readings_latest WHERE id = '{id}' AND n >= 0");
        assert_eq!(answer(unit, &sql), format!("{n}\n"), "seed {seed}");
    }
    assert_eq!(answer(unit, "SELECT n FROM readings_latest WHERE id = 'none'"), "", "seed {seed}");
}

#[test]
fn rows_are_the_same_whatever_is_done_with_the_files() {
    for seed in 0..6 {
        let entropy = SeededEntropy::new(seed);
        let mut unit = unit_with(busy());
        unit.apply(json!([readings()])).expect("applied");
        let mut known: Vec<Row> = Vec::new();
        for _ in 0..25 {
            match entropy.number() % 4 {
                0 => {
                    let more = rows(&entropy, entropy.number() % 30);
                    unit.append("readings", &lines(&more)).expect("appended");
                    known.extend(more);
                }
                1 => {
                    let more = rows(&entropy, 64 + entropy.number() % 100);
                    append_arrow(&mut unit, "readings", arrow(&more));
                    known.extend(more);
                }
                2 => {
                    unit.keep_once();
                }
                _ => unit.keep(),
            }
            check_all(&unit, &known, seed);
        }
    }
}

#[test]
fn a_stream_is_read_from_any_offset_whether_it_is_sealed_or_not() {
    let mut unit = unit_with(busy());
    unit.apply(json!([orders()])).expect("applied");
    let line = |n: u64| {
        format!(
            "{{\"id\":\"a{n}\",\"price\":129.9,\"n\":{n},\"notes\":{{\"a\":[{n}]}},\"items\":[{{\"sku\":\"s\",\"price\":1.5}}]}}\n"
        )
    };
    let all: String = (0..50).map(line).collect();
    unit.append("orders", &all).expect("appended");
    let read = |unit: &Unit, from: u64| {
        let args = json!({"offset": from, "limit": 7, "format": "ndjson"});
        unit.read(&call("user:olga", "stream.read", ("stream", "orders")).with(args)).expect("rows")
    };
    let before: Vec<String> = (0..50).map(|from| read(&unit, from)).collect();
    unit.keep();
    unit.append("orders", &(50..55).map(line).collect::<String>()).expect("appended");
    for (from, expected) in before.iter().enumerate().take(40) {
        assert_eq!(&read(&unit, from as u64), expected, "from {from}");
    }
    assert_eq!(read(&unit, 46).lines().count(), 7);
}

#[test]
fn a_query_goes_back_to_a_commit_and_to_a_time() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings()])).expect("applied");
    let entropy = SeededEntropy::new(3);
    let mut past = Vec::new();
    for round in 0..12_usize {
        unit.append("readings", &lines(&rows(&entropy, 20))).expect("appended");
        let commit = kernel::Reader::new(&unit.kernel, kernel::Principal::Unit("t".into()))
            .and_then(|reader| reader.commit())
            .expect("a commit");
        past.push((commit, answer(&unit, "SELECT * FROM readings_latest ORDER BY id")));
        if round % 3 == 0 {
            unit.keep();
        }
        for (rows, (commit, latest)) in past.iter().enumerate() {
            let sql = format!("SELECT count(*) FROM readings FOR VERSION AS OF {commit}");
            assert_eq!(answer(&unit, &sql), format!("{}\n", 20 * (rows + 1)));
            let sql =
                format!("SELECT * FROM readings_latest VERSION AS OF {commit} l ORDER BY l.id");
            assert_eq!(&answer(&unit, &sql), latest, "commit {commit}");
        }
    }
    let sql = "SELECT count(*) FROM readings FOR SYSTEM_TIME AS OF '2017-07-14T02:40:00Z'";
    assert_eq!(answer(&unit, sql), "240\n");
    let sql = "SELECT count(*) FROM readings FOR SYSTEM_TIME AS OF '2017-07-14T02:39:59Z'";
    assert_eq!(answer(&unit, sql), "0\n");
    let refused = unit.sql("SELECT * FROM system.streams FOR VERSION AS OF 3");
    assert!(shown(refused).contains("`system.streams` keeps no past"));
    let refused = unit.sql("SELECT * FROM readings_set_aside FOR VERSION AS OF 3");
    assert!(shown(refused).contains("`readings_set_aside` keeps no past"));
}

#[test]
fn a_column_that_comes_later_is_null_in_files_before_it() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings()])).expect("applied");
    unit.append("readings", "{\"id\":\"a\",\"n\":1}\n").expect("appended");
    unit.keep();
    let mut wider = readings();
    wider["spec"]["schema"]
        .as_array_mut()
        .expect("columns")
        .push(json!({"name": "city", "type": "text"}));
    unit.apply(json!([wider])).expect("a column that may be null is added");
    unit.append("readings", "{\"id\":\"b\",\"city\":\"ulm\"}\n").expect("appended");
    unit.keep();
    let rows = answer(&unit, "SELECT id, n, city FROM readings ORDER BY id");
    assert_eq!(rows, "a,1,\nb,,ulm\n");
    assert_eq!(answer(&unit, "SELECT city FROM readings_latest WHERE id = 'b'"), "ulm\n");
}

#[test]
fn a_join_begins_at_the_side_that_gives_fewer_rows_whether_they_are_sealed_or_not() {
    let mut unit = unit_with(busy());
    let marks = json!({"schema": [{"name": "id", "type": "text"}]});
    unit.apply(json!([readings(), manifest("Stream", "marks", marks)])).expect("applied");
    let row = |n: i32| Row { id: format!("k{n}"), n, cents: 5 };
    let mark = |n: i32| format!("{{\"id\":\"k{n}\"}}\n");
    unit.append("readings", &lines(&(0..1_000).map(row).collect::<Vec<_>>())).expect("appended");
    unit.append("marks", &(0..100).map(mark).collect::<String>()).expect("appended");
    unit.keep();
    let join = "FROM marks JOIN readings ON marks.id = readings.id WHERE readings.n < 10";
    for waiting in 0..2 {
        let plan = answer(&unit, &format!("EXPLAIN SELECT * {join}"));
        let first = |table: &str| plan.find(&format!("tables/{table}/part-")).expect("its files");
        assert!(first("readings") < first("marks"), "{waiting} rows wait: {plan}");
        let count = answer(&unit, &format!("SELECT count(*) {join}"));
        assert_eq!(count, format!("{}\n", 10 + waiting));
        unit.append("readings", &lines(&[row(5)])).expect("appended");
        unit.append("marks", &mark(1_000)).expect("appended");
    }
}

#[test]
fn the_least_and_the_most_are_those_of_the_rows() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings()])).expect("applied");
    let long = "z".repeat(100);
    let rows = [
        "{\"id\":\"a\",\"n\":-7,\"price\":-1.5,\"weight\":0.0,\"at\":\"1815-12-10T01:02:03.004Z\"}\n".to_owned(),
        "{\"id\":\"b\"}\n".to_owned(),
        format!("{{\"id\":\"{long}\",\"n\":9,\"price\":2.25,\"weight\":-0.0,\"at\":\"2018-10-17T17:30:20.001Z\"}}\n"),
    ];
    for row in &rows {
        unit.append("readings", row).expect("appended");
        unit.keep();
    }
    let bounds: Vec<String> = ["id", "n", "price", "weight", "at"]
        .iter()
        .map(|column| format!("min({column}), max({column}), count({column})"))
        .collect();
    let asked = format!("SELECT count(*), {} FROM readings", bounds.join(", "));
    let known = answer(&unit, &asked);
    assert_eq!(known, answer(&unit, &format!("{asked} WHERE _offset + 1 > 0")));
    assert!(known.starts_with(&format!("3,a,{long},3,-7,9,2,-1.50,2.25,2,")), "{known}");
    assert!(known.contains("1815-12-10T01:02:03.004Z,2018-10-17T17:30:20.001Z,2"), "{known}");
    let found = "SELECT n FROM readings WHERE at < '1900-01-01T00:00:00Z'";
    assert_eq!(answer(&unit, found), "-7\n");
    assert_eq!(answer(&unit, &format!("SELECT n FROM readings WHERE id >= '{long}'")), "9\n");
}

#[test]
fn files_that_count_no_more_are_deleted_and_so_is_what_no_commit_names() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings()])).expect("applied");
    let entropy = SeededEntropy::new(9);
    for _ in 0..20 {
        unit.append("readings", &lines(&rows(&entropy, 30))).expect("appended");
        unit.keep();
    }
    unit.blobs
        .put("tables/readings/part-lost.parquet", &mut |out| out.write_all(b"x"))
        .expect("put");
    unit.call(call("user:olga", "table.vacuum", ("table", "readings"))).expect("asked for");
    unit.keep();
    let left = unit.blobs.list("tables/readings").expect("names");
    let files =
        left.iter().filter(|(name, _)| name.ends_with(".parquet") && !name.contains("_delta_log"));
    assert!(files.clone().count() < 6, "{left:?}");
    assert!(!left.iter().any(|(name, _)| name.contains("part-lost")));
    assert!(left.iter().filter(|(name, _)| name.ends_with(".json")).count() < 8, "{left:?}");
    assert_eq!(answer(&unit, "SELECT count(*) FROM readings"), "600\n");
}

#[test]
fn a_delta_commit_of_another_life_is_not_taken_for_ones_own() {
    let mut unit = unit_with(Config { checkpoint_commits: 100, ..busy() });
    unit.apply(json!([readings()])).expect("applied");
    let entropy = SeededEntropy::new(11);
    let mut known = rows(&entropy, 30);
    unit.append("readings", &lines(&known)).expect("appended");
    unit.keep();
    let log = |version: u64| format!("tables/readings/_delta_log/{version:020}.json");
    let is_free = |version: &u64| unit.blobs.size(&log(*version)).expect("looked").is_none();
    let next = (0..).find(is_free).expect("a version");
    // What a life that was lost has sealed under the version that comes next.
    let size = unit.blobs.size(&log(0)).expect("looked").expect("a commit");
    let foreign = unit.blobs.read(&log(0), 0..size).expect("read");
    unit.blobs.put(&log(next), &mut |out| out.write_all(&foreign)).expect("put");
    let more = rows(&entropy, 20);
    unit.append("readings", &lines(&more)).expect("appended");
    known.extend(more);
    unit.keep();
    check_all(&unit, &known, 11);
    let size = unit.blobs.size(&log(next)).expect("looked").expect("a commit");
    assert_ne!(unit.blobs.read(&log(next), 0..size).expect("read"), foreign);
}

#[test]
fn a_commit_names_its_own_files_and_none_that_came_later() {
    let mut unit = unit_with(Config { vacuum_ms: 1 << 40, ..busy() });
    unit.apply(json!([readings()])).expect("applied");
    let entropy = SeededEntropy::new(12);
    let step = |unit: &mut Unit| {
        unit.append("readings", &lines(&rows(&entropy, 30))).expect("appended");
        unit.keep();
        let listed = unit.blobs.list("tables").expect("names");
        listed.into_iter().map(|(name, _)| name).collect::<BTreeSet<String>>()
    };
    let before = step(&mut unit);
    let reader =
        kernel::Reader::new(&unit.kernel, kernel::Principal::Unit("t".into())).expect("a reader");
    let named = data::Named::new(&reader).expect("looked up");
    let after: BTreeSet<String> = (0..4).flat_map(|_| step(&mut unit)).collect();
    let is_pointer = |name: &String| name.ends_with("_last_checkpoint");
    for name in after.union(&before) {
        assert_eq!(named.has(name), before.contains(name) && !is_pointer(name), "{name}");
    }
    assert!(before.iter().any(|name| name.ends_with(".parquet")));
    assert!(after.iter().any(is_pointer), "{after:?}");
}

#[test]
fn a_running_query_keeps_what_it_reads() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings()])).expect("applied");
    let entropy = SeededEntropy::new(4);
    for _ in 0..40 {
        append_arrow(&mut unit, "readings", arrow(&rows(&entropy, 5_000)));
    }
    let args = json!({"sql": "SELECT * FROM readings", "format": "ndjson"});
    let query = call("user:olga", "sql.query", ("sql", "")).with(args);
    let kernel::Reply::Stream { pieces, .. } = unit.kernel.read(&query).expect("a reply") else {
        panic!("a query answers piece by piece");
    };
    for _ in 0..10 {
        unit.keep_once();
    }
    let text = pieces.collect::<Result<Vec<_>, _>>().expect("all pieces").concat();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 200_000);
    assert_eq!(unit.keep_once(), Round::Worked);
}

#[test]
fn a_stream_that_is_declared_again_begins_anew() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings()])).expect("applied");
    unit.append("readings", "{\"id\":\"a\",\"n\":1}\n").expect("appended");
    unit.keep();
    unit.delete("stream", "readings").expect("removed");
    unit.keep();
    assert!(unit.blobs.list("tables/readings").expect("names").is_empty());
    unit.apply(json!([readings()])).expect("applied");
    assert_eq!(answer(&unit, "SELECT count(*) FROM readings"), "0\n");
    unit.append("readings", "{\"id\":\"b\",\"n\":2}\n").expect("appended");
    unit.keep();
    assert_eq!(answer(&unit, "SELECT id FROM readings_latest"), "b\n");
    assert!(!unit.blobs.list("tables/readings@1").expect("names").is_empty());
}

#[test]
fn nobody_but_the_unit_records_steps() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings()])).expect("applied");
    let step = json!({"step": {"trim": {"upto": 1}}});
    let refused = unit.call(call("user:olga", "table.record", ("table", "readings")).with(step));
    assert!(shown(refused).starts_with("[policy.forbidden]"));
}

#[test]
fn sealing_the_newest_rows_seals_their_stream_before() {
    let mut unit = unit_with(Config::default());
    unit.apply(json!([readings()])).expect("applied");
    unit.append("readings", "{\"id\":\"a\",\"n\":1}\n{\"id\":\"a\",\"n\":2}\n").expect("appended");
    unit.keep();
    assert_eq!(answer(&unit, "SELECT count(*) FROM system.tables"), "0\n", "nothing is due");
    unit.call(call("user:olga", "table.seal", ("table", "readings_latest"))).expect("asked for");
    unit.keep();
    let tables = "SELECT name, sealed, rows FROM system.tables ORDER BY name";
    assert_eq!(answer(&unit, tables), "readings,2,2\nreadings_latest,2,1\n");
}

#[test]
fn who_sees_a_part_of_a_stream_is_not_told_of_its_files() {
    let mut unit = unit_with(busy());
    let policies = "permit(principal in Role::\"part\", action in Action::\"Read\", resource);";
    let shows = json!([{"relation": "readings", "rows": "n = 1"}]);
    unit.apply(json!([
        readings(),
        manifest("Role", "part", json!({"policies": policies, "data": shows})),
        manifest("User", "pat", json!({"roles": ["part"]})),
    ]))
    .expect("applied");
    unit.append("readings", "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n").expect("appended");
    unit.keep();
    let tables = "SELECT count(*) AS n FROM system.tables";
    assert_eq!(shown(unit.sql_as("user:pat", tables)), "n\n0\n");
    assert_eq!(shown(unit.sql(tables)), "n\n2\n");
}
