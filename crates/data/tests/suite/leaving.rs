//! What leaves: rows older than a stream's retention, and the rows of a subject that is erased. Whatever else is done with tables, what
//! should stay is there, and of what left nothing is found anywhere.

use crate::support::{Unit, call, manifest, shown, unit_with};
use base::{Entropy, SeededEntropy, Time};
use bytes::Bytes;
use data::Config;
use datafusion::arrow::array::{Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use kernel::{Principal, Read, Reader, Reply};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Blobs;

/// When the units of these tests begin, business time.
const START: i64 = 1_500_000_000_000;
const DAY: i64 = 86_400_000;

/// Limits so small that everything is due all the time; but what counts no more is kept for other readers for ever.
fn busy() -> Config {
    Config {
        seal_rows: 30,
        seal_bytes: 4_000,
        compact_files: 3,
        newest_rows: 1,
        checkpoint_commits: 4,
        vacuum_ms: i64::MAX / 4,
        derived_rows: 40,
        rewrite_files: 2,
        rewrite_keys_max: 3,
        ..Config::default()
    }
}

fn visits() -> Value {
    manifest(
        "Stream",
        "visits",
        json!({"schema": [
            {"name": "id", "type": "int", "required": true},
            {"name": "person", "type": "text", "subject": true},
            {"name": "room", "type": "text"},
        ], "key": ["room"]}),
    )
}

/// A row as the test knows it; its offset is its place in the list.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    id: i64,
    person: String,
    room: String,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    /// An erasure was asked for: it may be there until that is done.
    Leaves,
    Gone,
}

fn person(number: u64) -> String {
    format!("person-{}-known-by-name", number % 6)
}

/// What the test knows.
#[derive(Default)]
struct Model {
    rows: Vec<Row>,
    /// Rows that were set aside, as they were sent.
    aside: Vec<(String, String, Fate)>,
}

impl Model {
    fn new_rows(&self, entropy: &SeededEntropy, count: u64) -> Vec<Row> {
        let first = i64::try_from(self.rows.len()).expect("few");
        let row = |number: u64| Row {
            id: first + i64::try_from(number).expect("few"),
            person: person(entropy.number()),
            room: format!("r{}", entropy.number() % 9),
            fate: Fate::Stays,
        };
        (0..count).map(row).collect()
    }

    fn erase(&mut self, subject: &str) {
        let own = self.rows.iter_mut().filter(|row| row.person == subject);
        own.filter(|row| row.fate == Fate::Stays).for_each(|row| row.fate = Fate::Leaves);
        let own = self.aside.iter_mut().filter(|(_, person, _)| person == subject);
        own.filter(|(_, _, fate)| *fate == Fate::Stays).for_each(|row| row.2 = Fate::Leaves);
    }

    /// All erasures are done.
    fn settle(&mut self) {
        let leaving = self.rows.iter_mut().filter(|row| row.fate == Fate::Leaves);
        leaving.for_each(|row| row.fate = Fate::Gone);
        let leaving = self.aside.iter_mut().filter(|(_, _, fate)| *fate == Fate::Leaves);
        leaving.for_each(|row| row.2 = Fate::Gone);
    }

    fn is_settled(&self) -> bool {
        let rows = self.rows.iter().map(|row| row.fate);
        let aside = self.aside.iter().map(|(_, _, fate)| *fate);
        rows.chain(aside).all(|fate| fate != Fate::Leaves)
    }

    fn staying(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.fate == Fate::Stays)
    }
}

fn lines(rows: &[Row]) -> String {
    let line = |row: &Row| {
        json!({"id": row.id, "person": row.person, "room": row.room}).to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

fn arrow(rows: &[Row]) -> Vec<u8> {
    let columns: Vec<Arc<dyn Array>> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.person))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.room))),
    ];
    let fields = ["id", "person", "room"].iter().zip(&columns);
    let fields = fields.map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("a batch");
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a writer");
    writer.write(&batch).expect("written");
    writer.into_inner().expect("a body")
}

fn append_as(unit: &mut Unit, stream: &str, media: &str, body: Vec<u8>) {
    let mut append = call("user:olga", "stream.append", ("stream", stream))
        .with(json!({"on_error": "set_aside"}));
    append.media = media.into();
    append.body = body;
    unit.call(append).expect("appended");
}

fn erase(unit: &mut Unit, args: Value) -> Value {
    let erase = call("user:olga", "data.erase", ("data", "")).with(args);
    unit.call(erase).expect("asked for")
}

fn erasures(unit: &Unit) -> Vec<Value> {
    let text = unit.read(&call("user:olga", "data.erasures", ("data", ""))).expect("a list");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    list["items"].as_array().expect("a list").clone()
}

fn are_done(unit: &Unit) -> bool {
    erasures(unit).iter().all(|erasure| erasure["state"] == "done")
}

fn answer(unit: &Unit, sql: &str) -> String {
    let text =
        unit.sql(sql).unwrap_or_else(|problem| panic!("{sql}: {}", shown::<String>(Err(problem))));
    text.split_once('\n').map_or(String::new(), |(_, rows)| rows.to_owned())
}

fn numbers(unit: &Unit, sql: &str) -> Vec<i64> {
    answer(unit, sql).lines().map(|line| line.parse().expect("a number")).collect()
}

/// Reads a stream to its end, a few rows at a time.
fn read_through(unit: &Unit, stream: &str) -> Vec<(i64, i64)> {
    let (mut rows, mut offset) = (Vec::new(), 0);
    for _ in 0..10_000 {
        let args = json!({"offset": offset, "limit": 7});
        let read = call("user:olga", "stream.read", ("stream", stream)).with(args);
        let page: Value = serde_json::from_str(&unit.read(&read).expect("rows")).expect("JSON");
        for row in page["rows"].as_array().expect("rows") {
            rows.push((row["_offset"].as_i64().expect("_"), row["id"].as_i64().expect("_")));
        }
        let next = page["next"].as_u64().expect("a number");
        if next == page["end"].as_u64().expect("a number") {
            return rows;
        }
        assert!(offset < next, "reading goes on");
        offset = next;
    }
    panic!("reading never ends");
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Returns where a text is found: in blobs, as they are and as Parquet reads them, and in all that the store holds.
fn places(unit: &Unit, text: &str) -> Vec<String> {
    let mut places = Vec::new();
    for (name, size) in unit.blobs.list("").expect("a list") {
        let bytes = unit.blobs.read(&name, 0..size).expect("a blob");
        let mut is_there = holds(&bytes, text);
        if name.ends_with(".parquet") {
            let builder = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes));
            for batch in builder.expect("a file").build().expect("a reader") {
                let table = pretty_format_batches(&[batch.expect("rows")]).expect("a table");
                is_there |= table.to_string().contains(text);
            }
        }
        if is_there {
            places.push(name);
        }
    }
    let reader = Reader::new(&unit.kernel, Principal::Unit("t".into())).expect("a reader");
    for (key, value) in reader.scan(&[], &[0xff; 64], usize::MAX, false).expect("pairs") {
        if holds(&key, text) || holds(&value, text) {
            places.push(String::from_utf8_lossy(&key).into_owned());
        }
    }
    for log in reader.logs("").expect("logs") {
        for chunk in reader.chunks(&log, 0, usize::MAX).expect("chunks") {
            let lines = unit.kernel.lines(&chunk).expect("lines");
            if holds(&lines, text) || holds(&chunk.bytes, text) {
                places.push(format!("{log} at {}", chunk.offset));
            }
        }
    }
    places
}

/// Checks what can be seen while erasures may be under way.
fn check(unit: &Unit, model: &Model, seed: u64) {
    let seen = numbers(unit, "SELECT id FROM visits ORDER BY _offset");
    let staying: Vec<i64> = model.staying().map(|row| row.id).collect();
    let missing: Vec<_> = staying.iter().filter(|id| !seen.contains(id)).collect();
    assert!(missing.is_empty(), "seed {seed}: {missing:?} are missing");
    let is_gone = |id: &&i64| model.rows[usize::try_from(**id).expect("an id")].fate == Fate::Gone;
    let back: Vec<_> = seen.iter().filter(is_gone).collect();
    assert!(back.is_empty(), "seed {seed}: {back:?} are back");
    let read: Vec<i64> = read_through(unit, "visits").into_iter().map(|(_, id)| id).collect();
    assert_eq!(read, seen, "seed {seed}");
    let counted = numbers(unit, "SELECT rows FROM system.streams WHERE name = 'visits'");
    assert_eq!(counted, [i64::try_from(seen.len()).expect("few")], "seed {seed}");
    assert_eq!(numbers(unit, "SELECT count(*) FROM visits"), counted, "seed {seed}");
}

/// Checks everything, where no erasure is under way.
fn check_settled(unit: &Unit, model: &Model, seed: u64) {
    let expected: String =
        model.staying().map(|row| format!("{},{},{}\n", row.id, row.person, row.room)).collect();
    let all = answer(unit, "SELECT id, person, room FROM visits ORDER BY _offset");
    assert_eq!(all, expected, "seed {seed}");
    let mut newest = BTreeMap::new();
    let mut persons = BTreeMap::new();
    for row in model.staying() {
        newest.insert(row.room.clone(), row.id);
        *persons.entry(row.person.clone()).or_insert(0) += 1;
    }
    let latest = answer(unit, "SELECT room, id FROM visits_latest ORDER BY room");
    let expected: String = newest.iter().map(|(room, id)| format!("{room},{id}\n")).collect();
    assert_eq!(latest, expected, "seed {seed}");
    for (room, id) in &newest {
        let sql = format!("SELECT id FROM visits_latest WHERE room = '{room}'");
        assert_eq!(numbers(unit, &sql), [*id], "seed {seed}");
    }
    let expected: String = persons.iter().map(|(name, n)| format!("{name},{n}\n")).collect();
    let by_person = answer(unit, "SELECT person, n FROM by_person ORDER BY person");
    assert_eq!(by_person, expected, "seed {seed}");
    let mut aside: Vec<String> = answer(unit, "SELECT row_number FROM visits_set_aside")
        .lines()
        .map(str::to_owned)
        .collect();
    aside.sort();
    let staying = model.aside.iter().filter(|(_, _, fate)| *fate == Fate::Stays);
    assert_eq!(aside.len(), staying.count(), "seed {seed}");
    for number in 0..6 {
        let name = person(number);
        let rows = model.rows.iter().filter(|row| row.person == name);
        let aside = model.aside.iter().filter(|(_, person, _)| *person == name);
        let mut fates = rows.map(|row| row.fate).chain(aside.map(|(_, _, fate)| *fate));
        if fates.all(|fate| fate == Fate::Gone) {
            assert_eq!(places(unit, &name), Vec::<String>::new(), "seed {seed}");
        }
    }
}

fn act(unit: &mut Unit, entropy: &SeededEntropy, model: &mut Model) {
    match entropy.number() % 10 {
        0..=2 => {
            let more = model.new_rows(entropy, 1 + entropy.number() % 30);
            append_as(unit, "visits", "application/x-ndjson", lines(&more).into_bytes());
            model.rows.extend(more);
        }
        3 => {
            let more = model.new_rows(entropy, 64 + entropy.number() % 60);
            append_as(unit, "visits", "application/vnd.apache.arrow.stream", arrow(&more));
            model.rows.extend(more);
        }
        4 => {
            let name = person(entropy.number());
            let rows = [
                json!({"id": "no number", "person": name}).to_string(),
                json!({"id": 1, "persn": name}).to_string(),
                format!("id=1;person={name};"),
            ];
            append_as(unit, "visits", "application/x-ndjson", rows.join("\n").into_bytes());
            model.aside.extend(rows.map(|row| (row, name.clone(), Fate::Stays)));
        }
        5 | 6 => {
            let subject = person(entropy.number());
            erase(unit, json!({"subject": subject}));
            model.erase(&subject);
        }
        7 | 8 => {
            unit.keep_once();
        }
        _ => {
            unit.keep();
            model.settle();
        }
    }
}

#[test]
fn what_is_erased_is_nowhere_and_all_else_is_there() {
    for seed in 0..8 {
        let entropy = SeededEntropy::new(seed);
        let mut unit = unit_with(busy());
        let by_person = "SELECT person, count(*) AS n FROM visits GROUP BY person";
        unit.apply(json!([
            visits(),
            manifest("View", "by_person", json!({"sql": by_person, "materialized": {}})),
            manifest(
                "View",
                "copied",
                json!({"sql": "SELECT * FROM visits_latest", "materialized": {"every": "PT1H"}})
            ),
        ]))
        .expect("applied");
        let mut model = Model::default();
        for _ in 0..40 {
            act(&mut unit, &entropy, &mut model);
            check(&unit, &model, seed);
            // An erasure that is under way knows its subject.
            if model.is_settled() && are_done(&unit) {
                check_settled(&unit, &model, seed);
            }
        }
        unit.keep();
        model.settle();
        check_settled(&unit, &model, seed);
        let all = erasures(&unit);
        assert!(are_done(&unit), "seed {seed}: {all:?}");
        let rows: u64 = all
            .iter()
            .flat_map(|erasure| erasure["streams"].as_array().expect("streams"))
            .map(|stream| {
                stream["rows"].as_u64().expect("_") + stream["set_aside"].as_u64().expect("_")
            })
            .sum();
        let gone = model.rows.iter().filter(|row| row.fate == Fate::Gone).count()
            + model.aside.iter().filter(|(_, _, fate)| *fate == Fate::Gone).count();
        assert_eq!(rows, gone as u64, "seed {seed}");
    }
}

/// A unit with some rows of two persons, all sealed but the last.
fn prepared() -> Unit {
    let mut unit = unit_with(busy());
    unit.apply(json!([visits()])).expect("applied");
    for round in 0..4 {
        let row = |n: i64| {
            let (id, name) = (round * 10 + n, ["anna", "bert"][usize::try_from(n % 2).expect("_")]);
            format!("{{\"id\":{id},\"person\":\"{name}\",\"room\":\"r{n}\"}}\n")
        };
        unit.append("visits", &(0..10).map(row).collect::<String>()).expect("appended");
        unit.keep();
    }
    unit
}

#[test]
fn who_may_erase_looks_first_and_is_told_what_is_not_reached() {
    let mut unit = prepared();
    let find = |who: &str, args: Value| call(who, "data.find", ("data", "")).with(args);
    let found = unit.read(&find("user:olga", json!({"subject": "anna"}))).expect("found");
    let found: Value = serde_json::from_str(&found).expect("JSON");
    let expected = json!([{"stream": "visits", "columns": ["person"], "rows": 20, "set_aside": 0}]);
    assert_eq!((&found["rows"], &found["streams"]), (&json!(20), &expected));
    assert!(found["not_reached"].to_string().contains("process instances"), "{found}");
    let by_id = find("user:olga", json!({"subject": "7", "column": "id", "streams": ["visits"]}));
    let found: Value = serde_json::from_str(&unit.read(&by_id).expect("found")).expect("JSON");
    assert_eq!(found["rows"], 1);
    assert_eq!(
        unit.read(&find("user:olga", json!({"subject": "07", "column": "id"})))
            .map(|text| text.contains("\"rows\":0")),
        Ok(true)
    );
    for operation in ["data.find", "data.erasures"] {
        let asked = call("user:ann", operation, ("data", "")).with(json!({"subject": "anna"}));
        assert!(shown(unit.read(&asked)).starts_with("[policy.forbidden]"), "{operation}");
    }
    let asked = call("user:ann", "data.erase", ("data", "")).with(json!({"subject": "anna"}));
    assert!(shown(unit.call(asked)).starts_with("[policy.forbidden]"));
    assert_eq!(answer(&unit, "SELECT count(*) FROM visits"), "40\n");
}

#[test]
fn what_cannot_be_looked_for_is_refused_with_a_hint() {
    let mut unit = prepared();
    unit.apply(json!([manifest(
        "Stream",
        "plain",
        json!({"schema": [{"name": "x", "type": "float"}]})
    )]))
    .expect("applied");
    let mut refused = |args: Value| {
        let erase = call("user:olga", "data.erase", ("data", "")).with(args);
        shown(unit.call(erase))
    };
    for (args, expected) in [
        (json!({"subject": ""}), "[data.subject] a subject has 1 to 1000 bytes"),
        (
            json!({"subject": "a", "column": "persn", "streams": ["visits"]}),
            "stream `visits` has no column `persn` (did you mean `person`?)",
        ),
        (json!({"subject": "a", "column": "x", "streams": ["plain"]}), "neither text nor int"),
        (json!({"subject": "a", "streams": ["plain"]}), "mark the column with `subject: true`"),
        (json!({"subject": "a", "column": "nothing"}), "no stream has a column `nothing`"),
        (json!({"subject": "a", "streams": ["visit"]}), "[resource.not_found]"),
        (json!({"subjct": "a"}), "[call.invalid]"),
    ] {
        let said = refused(args.clone());
        assert!(said.contains(expected), "{args}: {said}");
    }
    assert!(erasures(&unit).is_empty());
}

#[test]
fn an_erasure_is_asked_for_once_and_leaves_a_hash_of_its_subject() {
    let mut unit = prepared();
    let first = erase(&mut unit, json!({"subject": "anna"}));
    assert_eq!(erase(&mut unit, json!({"subject": "anna"}))["id"], first["id"]);
    unit.append("visits", "{\"id\":99,\"person\":\"anna\",\"room\":\"new\"}\n").expect("appended");
    let second = erase(&mut unit, json!({"subject": "anna"}));
    assert_ne!(second["id"], first["id"], "a row came in between");
    unit.append("visits", "{\"id\":100,\"person\":\"anna\",\"room\":\"r0\"}\n").expect("appended");
    unit.keep();
    assert_eq!(answer(&unit, "SELECT id FROM visits WHERE person = 'anna'"), "100\n");
    assert_eq!(answer(&unit, "SELECT id FROM visits_latest WHERE room = 'r0'"), "100\n");
    for erasure in erasures(&unit) {
        assert_eq!(erasure["state"], "done");
        let salted = format!("{}anna", erasure["salt"].as_str().expect("a salt"));
        assert_eq!(erasure["subject_hash"], base::hex(&base::sha256(salted.as_bytes())));
    }
    let listed = answer(&unit, "SELECT id, rows, state FROM system.erasures ORDER BY id");
    assert_eq!(listed, "1,20,done\n2,1,done\n");
    assert_eq!(unit.sql_as("user:ann", "SELECT id FROM system.erasures"), Ok("id\n".into()));
}

#[test]
fn an_erasure_waits_for_the_queries_that_began_before() {
    let mut unit = unit_with(Config { seal_rows: 20_000, seal_bytes: 2 << 20, ..busy() });
    unit.apply(json!([visits()])).expect("applied");
    let entropy = SeededEntropy::new(4);
    let mut model = Model::default();
    for _ in 0..40 {
        let more = model.new_rows(&entropy, 5_000);
        append_as(&mut unit, "visits", "application/vnd.apache.arrow.stream", arrow(&more));
        model.rows.extend(more);
    }
    unit.keep();
    let args = json!({"sql": "SELECT * FROM visits", "format": "ndjson"});
    let query = call("user:olga", "sql.query", ("sql", "")).with(args);
    let Reply::Stream { pieces, .. } = unit.kernel.read(&query).expect("a reply") else {
        panic!("a query answers piece by piece");
    };
    erase(&mut unit, json!({"subject": person(3)}));
    unit.keep();
    assert_eq!(erasures(&unit)[0]["state"], "rows", "files that are read stay");
    let text = pieces.collect::<Result<Vec<_>, _>>().expect("all pieces").concat();
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 200_000);
    unit.keep();
    assert_eq!(erasures(&unit)[0]["state"], "done");
    let sql = format!("SELECT count(*) FROM visits WHERE person = '{}'", person(3));
    assert_eq!(answer(&unit, &sql), "0\n");
}

#[test]
fn what_was_removed_before_goes_with_an_erasure() {
    let mut unit = prepared();
    let mut others = visits();
    others["metadata"]["name"] = json!("others");
    unit.apply(json!([others])).expect("applied");
    unit.append("others", "{\"id\":1,\"person\":\"carla\",\"room\":\"a\"}\n").expect("appended");
    append_as(&mut unit, "others", "application/x-ndjson", b"{\"person\":\"carla\"}".to_vec());
    unit.call(call("user:olga", "table.seal", ("table", "others"))).expect("asked for");
    unit.keep();
    unit.append("others", "{\"id\":2,\"person\":\"carla\",\"room\":\"b\"}\n").expect("appended");
    unit.delete("stream", "others").expect("removed");
    unit.keep();
    let found = places(&unit, "carla");
    assert!(!found.is_empty(), "files of a removed stream stay for other readers for a while");
    erase(&mut unit, json!({"subject": "carla"}));
    unit.keep();
    assert_eq!(erasures(&unit)[0]["state"], "done");
    assert_eq!(places(&unit, "carla"), Vec::<String>::new());
}

#[test]
fn readers_of_the_delta_log_find_what_it_names() {
    let mut unit = prepared();
    erase(&mut unit, json!({"subject": "anna"}));
    unit.keep();
    let versions = |unit: &Unit, folder: &str| -> Vec<String> {
        let log = unit.blobs.list(&format!("{folder}/_delta_log")).expect("a list");
        log.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(".json")).collect()
    };
    for folder in ["tables/visits", "tables/visits_latest"] {
        let mut named = BTreeMap::new();
        for name in versions(&unit, folder) {
            let size = unit.blobs.size(&name).expect("a size").expect("a blob");
            let bytes = unit.blobs.read(&name, 0..size).expect("a commit");
            for line in kernel::rows(&bytes) {
                let action: Value = serde_json::from_slice(line).expect("an action");
                if let Some(path) = action.pointer("/add/path").and_then(Value::as_str) {
                    named.insert(path.to_owned(), action["add"]["size"].as_u64());
                }
                if let Some(path) = action.pointer("/remove/path").and_then(Value::as_str) {
                    named.remove(path);
                }
            }
        }
        for (path, size) in named {
            assert_eq!(unit.blobs.size(&format!("{folder}/{path}")).expect("a size"), size);
        }
    }
    let oldest = &versions(&unit, "tables/visits")[0];
    assert!(!oldest.ends_with("00000000000000000000.json"), "no reader goes back to {oldest}");
    assert_eq!(answer(&unit, "SELECT DISTINCT person FROM visits"), "bert\n");
}

fn advance(unit: &mut Unit, to: i64) {
    let args = json!({"to": Time(to)});
    unit.call(call("user:olga", "clock.advance", ("clock", "")).with(args)).expect("advanced");
}

fn readings(retention: &str) -> Value {
    manifest(
        "Stream",
        "readings",
        json!({"schema": [
            {"name": "id", "type": "int"}, {"name": "sensor", "type": "text"},
            {"name": "at", "type": "time"},
        ], "key": ["sensor"], "time": "at", "retention": retention}),
    )
}

fn reading(id: i64, sensor: &str, at: i64) -> String {
    format!("{{\"id\":{id},\"sensor\":\"{sensor}\",\"at\":\"{}\"}}\n", Time(at))
}

/// Rows come day by day, some of them long after their time. `days` is the retention.
fn check_retention(config: Config, seed: u64) {
    let days = 10;
    let entropy = SeededEntropy::new(seed);
    let mut unit = unit_with(config);
    unit.apply(json!([
        readings(&format!("P{days}D")),
        manifest(
            "View",
            "counted",
            json!({"sql": "SELECT count(*) AS n, min(id) AS first FROM readings", "materialized": {}})
        ),
    ]))
    .expect("applied");
    // Id, event time, and when it came.
    let mut rows: Vec<(i64, i64, i64)> = Vec::new();
    let mut newest = BTreeMap::new();
    unit.append("readings", &reading(-1, "seldom", START)).expect("appended");
    rows.push((-1, START, START));
    newest.insert("seldom".to_owned(), -1);
    for half_day in 0..60 {
        let now = START + half_day * DAY / 2;
        advance(&mut unit, now);
        for _ in 0..entropy.number() % 12 {
            let id = i64::try_from(rows.len()).expect("few");
            let is_late = entropy.number().is_multiple_of(10);
            let age = i64::try_from(entropy.number() % 30).expect("few") * DAY;
            let at = if is_late { now - age } else { now };
            let sensor = format!("s{}", entropy.number() % 4);
            unit.append("readings", &reading(id, &sensor, at)).expect("appended");
            rows.push((id, at, now));
            newest.insert(sensor, id);
        }
        unit.keep();
        let seen = numbers(&unit, "SELECT id FROM readings ORDER BY id");
        for (id, at, came) in &rows {
            let is_there = seen.contains(id);
            if now - days * DAY <= *at {
                assert!(is_there, "seed {seed}: {id} is missing");
            }
            // A tenth of the period later it must be gone, or a tenth after it came.
            let is_late = *at < now - days * DAY - days * DAY / 10;
            if is_late && *came <= now - days * DAY / 10 {
                assert!(!is_there, "seed {seed}: {id} is still there");
            }
        }
        let latest = answer(&unit, "SELECT sensor, id FROM readings_latest ORDER BY sensor");
        let expected: String =
            newest.iter().map(|(sensor, id)| format!("{sensor},{id}\n")).collect();
        assert_eq!(latest, expected, "seed {seed}: the newest rows stay");
        let count = i64::try_from(seen.len()).expect("few");
        assert_eq!(numbers(&unit, "SELECT n FROM counted"), [count], "seed {seed}");
        let counted = numbers(&unit, "SELECT rows FROM system.streams WHERE name = 'readings'");
        assert_eq!(counted, [count], "seed {seed}");
    }
    let seen = numbers(&unit, "SELECT id FROM readings ORDER BY id");
    assert!(seen.len() < rows.len() / 2 && !seen.contains(&-1), "seed {seed}: {}", seen.len());
    assert_eq!(read_through(&unit, "readings").len(), seen.len(), "seed {seed}");
}

#[test]
fn rows_leave_in_their_time_and_the_newest_of_each_key_stays() {
    for seed in 0..4 {
        check_retention(Config { vacuum_ms: 0, ..busy() }, seed);
    }
}

#[test]
fn rows_that_wait_in_the_log_leave_in_their_time_too() {
    // Nothing is sealed for its own sake.
    check_retention(Config { vacuum_ms: 0, newest_rows: 1, ..Config::default() }, 7);
}

#[test]
fn what_was_set_aside_leaves_with_the_retention() {
    let mut unit = unit_with(busy());
    unit.apply(json!([readings("P10D")])).expect("applied");
    for day in 0..40 {
        advance(&mut unit, START + day * DAY);
        append_as(&mut unit, "readings", "application/x-ndjson", b"{\"id\":\"no\"}".to_vec());
        unit.keep();
        let count = numbers(&unit, "SELECT count(*) FROM readings_set_aside")[0];
        assert!((day + 1).min(10) <= count && count <= (day + 1).min(13), "day {day}: {count}");
    }
    let reader = Reader::new(&unit.kernel, Principal::Unit("t".into())).expect("a reader");
    let chunks = reader.chunks("set_aside/readings", 0, 1).expect("chunks");
    assert!(20 < chunks[0].offset, "the log is shortened: {}", chunks[0].offset);
}

#[test]
fn a_retention_that_comes_later_and_goes_again_counts_as_it_stands() {
    let mut unit = unit_with(Config { vacuum_ms: 0, ..busy() });
    let mut plain = readings("P10D");
    plain["spec"].as_object_mut().expect("a spec").remove("retention");
    unit.apply(json!([plain])).expect("applied");
    let old: String = (0..50).map(|id| reading(id, "s", START - 100 * DAY)).collect();
    unit.append("readings", &old).expect("appended");
    unit.keep();
    assert_eq!(answer(&unit, "SELECT count(*) FROM readings"), "50\n");
    unit.apply(json!([readings("P10D")])).expect("applied");
    unit.keep();
    assert_eq!(answer(&unit, "SELECT count(*) FROM readings"), "0\n");
    assert_eq!(answer(&unit, "SELECT id FROM readings_latest"), "49\n");
    let mut plain = readings("P10D");
    plain["spec"].as_object_mut().expect("a spec").remove("retention");
    unit.apply(json!([plain])).expect("applied");
    unit.append("readings", &reading(50, "s", START - 100 * DAY)).expect("appended");
    unit.keep();
    assert_eq!(answer(&unit, "SELECT count(*) FROM readings"), "1\n");
}

#[test]
fn a_table_of_the_newest_rows_follows_a_new_key() {
    let mut unit = prepared();
    let mut wider = visits();
    wider["spec"]["key"] = json!(["person"]);
    unit.apply(json!([wider])).expect("the key may change");
    let latest = "SELECT person, id FROM visits_latest ORDER BY person";
    assert_eq!(answer(&unit, latest), "anna,38\nbert,39\n");
    unit.keep();
    assert_eq!(answer(&unit, latest), "anna,38\nbert,39\n");
    unit.append("visits", "{\"id\":40,\"person\":\"anna\",\"room\":\"r1\"}\n").expect("appended");
    unit.keep();
    assert_eq!(answer(&unit, latest), "anna,40\nbert,39\n");
}

#[test]
fn what_quality_rules_said_of_erased_rows_is_forgotten_and_what_comes_late_is_not_kept() {
    let mut unit = prepared();
    let rules = json!([
        {"name": "short", "check": "sql", "sql": "length(person) < 3"},
        {"name": "once", "check": "unique", "column": "person"},
        {"name": "few", "check": "sql", "sql": "SELECT person FROM visits_latest WHERE person = 'anna'"},
    ]);
    let other = json!({"schema": [{"name": "n", "type": "int"}]});
    unit.apply(json!([
        manifest("Quality", "visits", json!({"on": "stream/visits", "rules": rules})),
        manifest("Stream", "other", other),
        manifest(
            "Quality",
            "other",
            json!({"on": "stream/other", "rules": [
                {"name": "small", "check": "range", "column": "n", "max": 3},
            ]})
        ),
    ]))
    .expect("applied");
    unit.append("visits", "{\"id\":100,\"person\":\"anna\",\"room\":\"r0\"}").expect("appended");
    unit.append("other", "{\"n\":4}").expect("appended");
    let run = || call("user:olga", "quality.run", ("quality", "visits"));
    unit.call(run()).expect("asked");
    unit.settle();
    let said = "SELECT rule, failed, reason FROM system.quality ORDER BY rule";
    let told = answer(&unit, said);
    assert!(2 <= told.matches("anna").count(), "the control: {told}");
    // A run that has its answer before the erasure, and records it behind.
    unit.call(run()).expect("asked");
    let late = unit.pending().remove(0);
    let found = unit.compute(&late);
    assert!(found.as_ref().is_ok_and(|found| found.to_string().contains("anna")));
    erase(&mut unit, json!({"subject": "anna"}));
    unit.keep();
    assert!(are_done(&unit));
    unit.call(late.record(found)).expect("taken note of");
    let told = answer(&unit, said);
    assert!(!told.contains("anna") && told.contains("n = 4"), "{told}");
    // It is asked again, over what is left.
    assert_eq!(unit.settle(), 1);
    let told = answer(&unit, said);
    assert!(!told.contains("anna") && told.contains("bert"), "{told}");
}

#[test]
fn a_subject_with_more_keys_than_are_looked_up_at_once_leaves_the_rows_of_others() {
    let mut unit = unit_with(Config { rewrite_files: 8, rewrite_keys_max: 7, ..busy() });
    unit.apply(json!([visits()])).expect("applied");
    let rows = |name: &str, rooms: std::ops::Range<u32>| {
        let row = |n: u32| format!("{{\"id\":{n},\"person\":\"{name}\",\"room\":\"r{n}\"}}\n");
        rooms.map(row).collect::<String>()
    };
    unit.append("visits", &rows("bert", 0..100)).expect("appended");
    unit.append("visits", &rows("anna", 50..150)).expect("appended");
    unit.keep();
    let latest = "SELECT person, count(*) AS n, min(id) AS a, max(id) AS b FROM visits_latest GROUP BY person ORDER BY 1";
    assert_eq!(answer(&unit, latest), "anna,100,50,149\nbert,50,0,49\n");
    erase(&mut unit, json!({"subject": "anna"}));
    unit.keep();
    assert!(are_done(&unit));
    assert_eq!(answer(&unit, latest), "bert,100,0,99\n");
}
