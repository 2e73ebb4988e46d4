//! Streams: what was acknowledged is there, in the next query, exactly.

use crate::support::{Unit, appended, call, manifest, orders, shown, unit, unit_with, view};
use base::SeededEntropy;
use base::{Entropy, Time};
use data::Config;
use datafusion::arrow::array::{
    Decimal128Array, Int32Array, RecordBatch, StringArray, TimestampSecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::ipc::writer::StreamWriter;
use expect_test::expect;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

fn with_orders() -> Unit {
    let mut unit = unit();
    unit.apply(json!([orders()])).expect("applied");
    unit
}

#[test]
fn what_was_acknowledged_is_in_the_next_query() {
    let mut unit = with_orders();
    let entropy = SeededEntropy::new(7);
    let mut newest: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    let (mut rows, mut sum) = (0_u64, 0_i64);
    for round in 0..60 {
        let mut lines = String::new();
        for _ in 0..entropy.number() % 400 {
            let (key, cents) = (
                entropy.number() % 50,
                i64::try_from(entropy.number() % 1_000_000).expect("small"),
            );
            lines.push_str(&format!(
                "{{\"id\":\"k{key}\",\"price\":{}.{:02},\"n\":{round}}}\n",
                cents / 100,
                cents % 100
            ));
            newest.insert(format!("k{key}"), (rows, cents));
            (rows, sum) = (rows + 1, sum + cents);
        }
        let answer = unit.append("orders", &lines).expect("appended");
        assert_eq!(
            answer["offset"].as_u64().expect("a number")
                + answer["count"].as_u64().expect("a number"),
            rows
        );
        let all = unit
            .sql("SELECT count(*), coalesce(sum(price), 0), max(_offset) FROM orders")
            .expect("rows");
        let expected = format!(
            "{rows},{}.{:02},{}",
            sum / 100,
            sum % 100,
            rows.checked_sub(1).map_or(String::new(), |n| n.to_string())
        );
        if 0 < rows {
            assert_eq!(all.lines().nth(1).expect("a row"), expected, "round {round}");
        }
        let latest =
            unit.sql("SELECT id, _offset, price FROM orders_latest ORDER BY id").expect("rows");
        let expected: Vec<String> = newest
            .iter()
            .map(|(key, (offset, cents))| {
                format!("{key},{offset},{}.{:02}", cents / 100, cents % 100)
            })
            .collect();
        assert_eq!(latest.lines().skip(1).collect::<Vec<_>>(), expected, "round {round}");
    }
}

#[test]
fn streams_longer_than_a_segment_are_read_whole() {
    let mut unit = with_orders();
    for part in 0..5 {
        let lines: String = (0..8_000)
            .map(|n| format!("{{\"id\":\"{}\",\"n\":{n},\"price\":0.01}}\n", part * 8_000 + n))
            .collect();
        unit.append("orders", &lines).expect("appended");
    }
    let sql =
        "SELECT count(*), sum(price), count(distinct id), min(_offset), max(_offset) FROM orders";
    let expected = "40000,400.00,40000,0,39999";
    assert_eq!(unit.sql(sql).expect("rows").lines().nth(1), Some(expected));
    let sql = sql.replace("orders", "orders_latest");
    assert_eq!(unit.sql(&sql).expect("rows").lines().nth(1), Some(expected));
}

#[test]
fn answers_do_not_depend_on_what_is_kept_in_memory() {
    let mut unit =
        unit_with(Config { cache_bytes_max: 10_000, latest_keys_max: 10, ..Config::default() });
    unit.apply(json!([orders()])).expect("applied");
    for part in 0..3 {
        let lines: String =
            (0..15_000).map(|n| format!("{{\"id\":\"{}\",\"n\":{part}}}\n", n % 1_000)).collect();
        unit.append("orders", &lines).expect("appended");
        let result =
            unit.sql("SELECT count(*), sum(n), min(_offset) FROM orders_latest").expect("rows");
        assert_eq!(
            result.lines().nth(1),
            Some(format!("1000,{},{}", part * 1_000, part * 15_000 + 14_000).as_str())
        );
        let result = unit.sql("SELECT count(*), max(n) FROM orders").expect("rows");
        assert_eq!(result.lines().nth(1), Some(format!("{},{part}", (part + 1) * 15_000).as_str()));
    }
}

#[test]
fn decimals_are_exact_and_medians_are_means_of_two() {
    let mut unit = with_orders();
    let lines: String = (0..1_000)
        .map(|n| format!("{{\"id\":\"{n}\",\"price\":0.10,\"weight\":{n},\"n\":{n}}}\n"))
        .collect();
    unit.append("orders", &lines).expect("appended");
    unit.append("orders", "{\"id\":\"x\",\"price\":9999999999.99}\n{\"id\":\"y\",\"price\":-0.01}")
        .expect("appended");
    expect![[r#"
        s,d,m,i
        10000000099.98,149.98480,499.5,499.5
    "#]]
    .assert_eq(&shown(unit.sql(
        "SELECT sum(price) AS s, 0.015 * max(price) - 149999999.9999 + 149.98485 AS d, median(weight) AS m, \
         median(cast(n AS double)) AS i FROM orders",
    )));
    let json = call("user:olga", "sql.query", ("sql", ""))
        .with(json!({"sql": "SELECT price FROM orders WHERE id = 'x'"}));
    assert_eq!(shown(unit.read(&json)), r#"[{"price":9999999999.99}]"#);
}

#[test]
fn every_form_of_a_result_says_the_same() {
    let mut unit = with_orders();
    let row = r#"{"id":"a","price":1.5,"weight":0.5,"at":"2018-10-17T17:30:20Z","notes":{"k":[1,"x,y"]},"items":[{"sku":"s","price":0.1}]}"#;
    unit.append("orders", row).expect("appended");
    let forms = ["json", "ndjson", "table", "csv"].map(|format| {
        let sql =
            "SELECT id, n, price, weight, at, _time, notes, items, true AS t, 1 AS id FROM orders";
        let call = call("user:olga", "sql.query", ("sql", ""))
            .with(json!({"sql": sql.replace("1 AS id", "1 AS one"), "format": format}));
        shown(unit.read(&call))
    });
    expect![[r#"
        [{"id":"a","n":null,"price":1.50,"weight":0.5,"at":"2018-10-17T17:30:20Z","_time":"2018-10-17T17:30:20Z","notes":"{\"k\":[1,\"x,y\"]}","items":[{"sku":"s","price":0.10}],"t":true,"one":1}]
        {"id":"a","n":null,"price":1.50,"weight":0.5,"at":"2018-10-17T17:30:20Z","_time":"2018-10-17T17:30:20Z","notes":"{\"k\":[1,\"x,y\"]}","items":[{"sku":"s","price":0.10}],"t":true,"one":1}

        {"columns":[{"name":"id","type":"text"},{"name":"n","type":"int"},{"name":"price","type":"decimal(12,2)"},{"name":"weight","type":"float"},{"name":"at","type":"time"},{"name":"_time","type":"time"},{"name":"notes","type":"text"},{"name":"items","type":"list"},{"name":"t","type":"bool"},{"name":"one","type":"int"}],"rows":[["a",null,1.50,0.5,"2018-10-17T17:30:20Z","2018-10-17T17:30:20Z","{\"k\":[1,\"x,y\"]}",[{"sku":"s","price":0.10}],true,1]]}
        id,n,price,weight,at,_time,notes,items,t,one
        a,,1.50,0.5,2018-10-17T17:30:20Z,2018-10-17T17:30:20Z,"{""k"":[1,""x,y""]}","[{""sku"":""s"",""price"":0.10}]",true,1
    "#]]
    .assert_eq(&forms.join("\n").replace("\r\n", "\n"));
}

#[test]
fn nested_items_unnest_and_json_opens() {
    let mut unit = with_orders();
    unit.append(
        "orders",
        "{\"id\":\"a\",\"items\":[{\"sku\":\"s\",\"price\":0.10},{\"sku\":\"t\",\"price\":0.20}],\"notes\":{\"w\":{\"kg\":1.25},\"l\":[\"p\"],\"t\":\"2018-10-17T17:30:20Z\"}}\n{\"id\":\"b\",\"items\":[]}\n{\"id\":\"c\"}",
    )
    .expect("appended");
    expect![[r#"
        id,sku,price
        a,s,0.10
        a,t,0.20
    "#]]
    .assert_eq(&shown(unit.sql(
        "SELECT id, item['sku'] AS sku, item['price'] AS price FROM (SELECT id, unnest(items) AS item FROM orders) ORDER BY sku",
    )));
    expect![[r#"
        kg,first,at,n
        1.250000,p,2018-10-17T17:30:20Z,3
    "#]]
    .assert_eq(&shown(unit.sql(
        "SELECT json_number(notes, 'w', 'kg') AS kg, json_text(notes, 'l', 0) AS first, json_time(notes, 't') AS at, \
         json_length(notes) AS n FROM orders WHERE id = 'a'",
    )));
}

#[test]
fn nothing_of_a_refused_append_stays() {
    let mut unit = with_orders();
    unit.append("orders", "{\"id\":\"a\"}").expect("appended");
    expect!["[stream.row_invalid] at 2 (/price) row 2: column `price`: expected decimal(12,2), found `1.005`: only 2 digits behind the point are kept"]
        .assert_eq(&shown(unit.append("orders", "{\"id\":\"b\"}\n{\"id\":\"c\",\"price\":1.005}")));
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM orders")), "n\n1\n");
}

#[test]
fn bad_rows_are_set_aside_where_the_sender_asks() {
    let mut unit = with_orders();
    let mut append = call("user:olga", "stream.append", ("stream", "orders"))
        .with(json!({"on_error": "set_aside"}));
    append.media = "application/x-ndjson".into();
    append.body = b"{\"id\":\"a\"}\n{\"id\":1}\nno".to_vec();
    let answer = unit.call(append).expect("appended");
    let faults = json!([
        {"row": 2, "reason": "column `id`: expected text, found `1`"},
        {"row": 3, "reason": "this is no JSON: expected ident"},
    ]);
    assert_eq!(answer, json!({"count": 1, "offset": 0, "set_aside": 2, "faults": faults}));
    expect![[r#"
        row_number,reason,row,by
        2,"column `id`: expected text, found `1`","{""id"":1}",user:olga
        3,this is no JSON: expected ident,no,user:olga
    "#]]
    .assert_eq(&shown(unit.sql(
        "SELECT row_number, reason, \"row\", \"by\" FROM orders_set_aside ORDER BY row_number",
    )));
    assert_eq!(
        shown(unit.sql("SELECT name, rows, set_aside FROM system.streams")),
        "name,rows,set_aside\norders,1,2\n"
    );
}

#[test]
fn an_engine_sets_aside_what_it_could_make_no_row_of() {
    let mut unit = with_orders();
    let append = |lines: &str, set_aside: Value| {
        let args = json!({"on_error": "set_aside", "set_aside": set_aside});
        let mut append = call("user:olga", "stream.append", ("stream", "orders")).with(args);
        append.media = "application/x-ndjson".into();
        append.body = lines.as_bytes().to_vec();
        append
    };
    let beside = json!([{"row": "\u{0}x", "reason": "no object"}]);
    let answer = unit.call(append("{\"id\":\"a\"}\n{\"id\":2}", beside.clone()));
    let faults = json!([{"row": 2, "reason": "column `id`: expected text, found `2`"}]);
    let expected = json!({"count": 1, "offset": 0, "set_aside": 2, "faults": faults});
    assert_eq!(answer, Ok(expected), "faults are of the body alone");
    let answer = unit.call(append("", beside));
    assert_eq!(answer, Ok(json!({"count": 0, "offset": 1, "set_aside": 1})));
    assert_eq!(
        shown(unit.sql("SELECT row_number, reason FROM orders_set_aside ORDER BY _offset")),
        "row_number,reason\n2,\"column `id`: expected text, found `2`\"\n,no object\n,no object\n"
    );
    let refused = unit.call(append("{\"id\":\"b\"}", json!("as a query brings it")));
    assert_eq!(refused.expect_err("refused").code, "stream.body_invalid");
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM orders")), "n\n1\n");
}

#[test]
fn a_process_appends_with_parameters_at_its_own_time() {
    let mut unit = unit();
    let log =
        manifest("Stream", "log", json!({"schema": [{"name": "price", "type": "decimal(12,2)"}]}));
    unit.apply(json!([log])).expect("applied");
    let append = call("user:olga", "stream.append", ("stream", "log"))
        .with(json!({"row": {"price": 129.9}}))
        .at(Time(0));
    assert_eq!(appended(unit.call(append)), (0, 1));
    assert_eq!(
        shown(unit.sql("SELECT price, _time FROM log")),
        "price,_time\n129.90,1970-01-01T00:00:00Z\n"
    );
}

#[test]
fn arrow_batches_pass_the_same_checks() {
    let mut unit = with_orders();
    let batch = |price: i128| {
        let fields = vec![
            Field::new("id", DataType::Utf8, false),
            Field::new("n", DataType::Int32, true),
            Field::new("price", DataType::Decimal128(20, 3), true),
            Field::new(
                "at",
                DataType::Timestamp(datafusion::arrow::datatypes::TimeUnit::Second, None),
                true,
            ),
        ];
        let prices = Decimal128Array::from(vec![Some(price), None])
            .with_precision_and_scale(20, 3)
            .expect("a decimal");
        RecordBatch::try_new(
            Arc::new(Schema::new(fields)),
            vec![
                Arc::new(StringArray::from(vec!["a", "b"])),
                Arc::new(Int32Array::from(vec![Some(1), None])),
                Arc::new(prices),
                Arc::new(TimestampSecondArray::from(vec![Some(0), None])),
            ],
        )
        .expect("a batch")
    };
    let mut append = |batch: &RecordBatch, cut: usize| {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).expect("a writer");
        writer.write(batch).expect("written");
        writer.finish().expect("finished");
        let mut bytes = writer.into_inner().expect("bytes");
        bytes.truncate(bytes.len() - cut);
        let mut append = call("user:olga", "stream.append", ("stream", "orders"));
        append.media = "application/vnd.apache.arrow.stream".into();
        append.body = bytes;
        shown(unit.call(append).map(|answer| answer["count"].clone()))
    };
    assert_eq!(append(&batch(1_250), 0), "2");
    expect!["[stream.row_invalid] at /price row 1: column `price`: expected decimal(12,2), found `1.255`: only 2 digits behind the point are kept"]
        .assert_eq(&append(&batch(1_255), 0));
    let cut = append(&batch(1_250), 300);
    assert!(cut.starts_with("[stream.body_invalid]"), "{cut}");
    let result = shown(unit.sql("SELECT id, n, price, at FROM orders ORDER BY id"));
    assert_eq!(result, "id,n,price,at\na,1,1.25,1970-01-01T00:00:00Z\nb,,,\n");
}

#[test]
fn rows_are_read_by_offset() {
    let mut unit = with_orders();
    let lines: String =
        (0..10).map(|n| format!("{{\"id\":\"{n}\",\"at\":\"2018-10-17T17:30:20Z\"}}\n")).collect();
    unit.append("orders", &lines).expect("appended");
    let read = |args: Value| {
        shown(unit.read(&call("user:olga", "stream.read", ("stream", "orders")).with(args)))
    };
    expect![[r#"{"rows":[{"_offset":8,"id":"8","at":"2018-10-17T17:30:20Z"},{"_offset":9,"id":"9","at":"2018-10-17T17:30:20Z"}],"next":10,"end":10}"#]]
        .assert_eq(&read(json!({"offset": "8"})));
    assert_eq!(
        read(json!({"last": 1})),
        r#"{"rows":[{"_offset":9,"id":"9","at":"2018-10-17T17:30:20Z"}],"next":10,"end":10}"#
    );
    assert_eq!(read(json!({"offset": 10, "wait_ms": 1})), r#"{"rows":[],"next":10,"end":10}"#);
    assert_eq!(read(json!({"limit": 0})), r#"{"rows":[],"next":0,"end":10}"#);
    assert_eq!(
        read(json!({"limit": 1, "format": "ndjson"})),
        "{\"_offset\":0,\"id\":\"0\",\"at\":\"2018-10-17T17:30:20Z\"}\n"
    );
    assert_eq!(
        read(json!({"limit": "x"})),
        "[call.invalid] the parameters do not fit: `limit` must be a whole number"
    );
}

#[test]
fn a_stream_grows_and_old_rows_stay_readable() {
    let mut unit = with_orders();
    unit.append("orders", "{\"id\":\"a\"}").expect("appended");
    assert_eq!(shown(unit.sql("SELECT id FROM orders")), "id\na\n");
    let mut wider = orders();
    wider["spec"]["schema"]
        .as_array_mut()
        .expect("columns")
        .push(json!({"name": "city", "type": "text"}));
    unit.apply(json!([wider.clone()])).expect("applied");
    unit.append("orders", "{\"id\":\"b\",\"city\":\"Bern\"}").expect("appended");
    assert_eq!(shown(unit.sql("SELECT id, city FROM orders ORDER BY id")), "id,city\na,\nb,Bern\n");
    wider["spec"]["schema"][2]["type"] = json!("float");
    expect!["[stream.schema_change] at /spec/schema/2 stream `orders` cannot change so: column `price` was decimal(12,2) and is now float (add columns that are not required, or declare a new stream under another name)"]
        .assert_eq(&shown(unit.apply(json!([wider]))));
}

#[test]
fn a_stream_declared_again_begins_anew() {
    let mut unit = with_orders();
    unit.append("orders", "{\"id\":\"a\"}").expect("appended");
    unit.delete("stream", "orders").expect("deleted");
    expect!["[sql.invalid] at 1:15 there is no table `orders` (SHOW TABLES lists them)"]
        .assert_eq(&shown(unit.sql("SELECT * FROM orders")));
    let other = manifest(
        "Stream",
        "orders",
        json!({"schema": [{"name": "id", "type": "int", "required": true}], "key": ["id"]}),
    );
    unit.apply(json!([other])).expect("applied");
    assert_eq!(shown(unit.sql("SELECT count(*) AS n FROM orders")), "n\n0\n");
    assert_eq!(appended(unit.append("orders", "{\"id\":1}")), (1, 1));
    assert_eq!(shown(unit.sql("SELECT id, _offset FROM orders")), "id,_offset\n1,1\n");
    assert_eq!(shown(unit.sql("SELECT id, _offset FROM orders_latest")), "id,_offset\n1,1\n");
    let read = call("user:olga", "stream.read", ("stream", "orders"));
    let read: Value = serde_json::from_str(&shown(unit.read(&read))).expect("JSON");
    assert_eq!(read["rows"][0]["_offset"], 1);
}

#[test]
fn manifests_that_cannot_work_are_refused_with_their_place() {
    let mut unit = with_orders();
    let stream = |spec: Value| json!([manifest("Stream", "other", spec)]);
    expect![[r#"[manifest.invalid] at /spec Stream `other`: unknown type `string`, expected one of bool, int, float, decimal(p,s), text, time, json, list"#]]
        .assert_eq(&shown(unit.apply(stream(json!({"schema": [{"name": "a", "type": "string"}]})))));
    expect!["[stream.schema] at /spec/key/0 there is no column `b` (did you mean `a`?)"].assert_eq(
        &shown(
            unit.apply(stream(json!({"schema": [{"name": "a", "type": "text"}], "key": ["b"]}))),
        ),
    );
    expect!["[stream.schema] at /metadata/name the name `orders_latest` is taken by stream/orders (choose another name)"]
        .assert_eq(&shown(unit.apply(json!([view("orders_latest", "SELECT 1 AS one")]))));
    expect!["[stream.schema] at /metadata/name the name `orders` is taken by stream/orders (choose another name)"]
        .assert_eq(&shown(unit.apply(json!([view("orders", "SELECT 1 AS one")]))));
}
