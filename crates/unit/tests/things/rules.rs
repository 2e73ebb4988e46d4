//! Rules over real streams: the crossings are those that plain SQL finds in the stream alone; and a crossing becomes a task for people.

use base::{DrivenClock, SeededEntropy, SystemClock, Time};
use data::Data;
use device::Fleet;
use kernel::{Call, Handler, Kernel, Parts, Principal, Reply, ResourceRef, Writer};
use process::Processes;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{MemoryBlobs, MemoryStore};

const MINUTE: i64 = 60_000;

/// When these units begin, business time.
const BEGIN: i64 = 1_600_000_000_000;

/// How many streams each condition is tried over.
const SEEDS: u64 = 3;

/// Batches of one stream.
const BATCHES: usize = 60;

/// A unit with streams, processes and things.
struct Unit {
    kernel: Arc<Kernel>,
    writer: Writer,
    store: Arc<MemoryStore>,
    blobs: Arc<MemoryBlobs>,
    now: i64,
}

impl Unit {
    fn new() -> Self {
        let (store, blobs) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBlobs::default()));
        let mut unit = Self::over(store, blobs, BEGIN);
        let people = json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("User", "cleo", json!({"roles": ["cold-chain"]})),
            manifest("Role", "cold-chain", json!({"summary": "Keeps it cold", "policies": ""})),
            manifest(
                "Role",
                "watch",
                json!({"summary": "Acts for rules", "policies": "permit (principal in Role::\"watch\", action == Action::\"task.open\", resource);"})
            ),
        ]);
        unit.call("unit:init", "resource.apply", ("resource", ""), json!({ "manifests": people }));
        unit
    }

    fn over(store: Arc<MemoryStore>, blobs: Arc<MemoryBlobs>, now: i64) -> Self {
        let (kernel, writer) = Kernel::new(Parts {
            store: Arc::clone(&store) as _,
            clock: Arc::new(DrivenClock::new(Time(now), SystemClock::new())),
            entropy: Arc::new(SeededEntropy::new(7)),
            engines: vec![
                Data::new(data::Config::default(), Arc::clone(&blobs) as _) as _,
                Arc::new(Processes::new(process::Config::default())) as _,
                Arc::new(Fleet::new(device::Config::default())) as _,
            ],
            config: kernel::Config::default(),
        })
        .expect("a kernel");
        Self { kernel, writer, store, blobs, now }
    }

    /// Returns the unit after a restart.
    fn again(self) -> Self {
        let Self { kernel, writer, store, blobs, now } = self;
        drop((kernel, writer));
        Self::over(store, blobs, now)
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.kernel.clock().advance(Time(self.now));
    }

    fn made(&mut self, call: Call) -> Reply {
        let operation = call.operation.clone();
        let handler = &self.kernel.operation(&operation).expect("an operation").handler;
        let reply = match handler {
            Handler::Read(_) => self.kernel.read(&call),
            Handler::Decide(_) => self.writer.turn(&[call]).remove(0),
        };
        reply.unwrap_or_else(|problem| panic!("{operation}: {problem:?}"))
    }

    fn call(&mut self, who: &str, operation: &str, on: (&str, &str), args: Value) -> Value {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        let call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
        self.made(call).into_value()
    }

    fn apply(&mut self, manifests: Value) {
        let args = json!({ "manifests": manifests });
        self.call("user:olga", "resource.apply", ("resource", ""), args);
    }

    fn append(&mut self, rows: &[Value]) {
        let on = ResourceRef::new("stream", "readings");
        let mut call = Call::new("stream.append", on, Principal::User("olga".into()));
        call.media = "application/x-ndjson".into();
        call.body = rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes();
        self.made(call);
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            self.writer.turn(&[]);
            if !self.writer.has_leftovers() {
                return;
            }
        }
        panic!("it comes to no end");
    }

    /// Asks in SQL, and returns the answer as CSV.
    fn sql(&mut self, sql: &str) -> String {
        let args = json!({"sql": sql, "format": "csv"});
        let actor = Principal::User("olga".into());
        let call = Call::new("sql.query", ResourceRef::new("sql", ""), actor).with(args);
        match self.made(call) {
            Reply::Stream { pieces, .. } => {
                let bytes = pieces.collect::<Result<Vec<_>, _>>().expect("an answer").concat();
                String::from_utf8(bytes).expect("text").replace("\r\n", "\n")
            }
            other => panic!("{other:?}"),
        }
    }
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn readings() -> Value {
    let column = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let spec = json!({
        "time": "at",
        "schema": [
            column("device", "text"), column("received_at", "time"), column("at", "time"),
            column("temperature", "float"), column("kind", "text"),
        ],
    });
    manifest("Stream", "readings", spec)
}

/// Numbers that look random, the same for each seed.
struct Dice(u64);

impl Dice {
    /// Returns a number below `end`.
    fn below(&mut self, end: i64) -> i64 {
        // Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 1).cast_signed() % end
    }
}

/// Returns a row as a fleet of loggers may send it: of the past, of the future, of another kind, or without a temperature.
fn random_row(dice: &mut Dice, now: i64) -> Value {
    let at = match dice.below(40) {
        0..=3 => now - dice.below(40) * MINUTE,
        4 => now + dice.below(90) * MINUTE,
        _ => now - dice.below(120) * 1_000,
    };
    let temperature = match dice.below(8) {
        0 => Value::Null,
        _ => json!(dice.below(25) as f64 * 0.5),
    };
    let kind = if dice.below(6) == 0 { "warm" } else { "cold" };
    let device = format!("logger-{}", dice.below(3));
    json!({"device": device, "received_at": Time(now), "at": Time(at), "temperature": temperature, "kind": kind})
}

/// The rows that count, by device: `o` is the place, `t` the time, `arrived` the arrival, in milliseconds, and `v` the value.
const CONSIDERED: &str = "
    WITH r AS (
      SELECT device, _offset AS o, CAST(_time AS BIGINT) AS t, CAST(received_at AS BIGINT) AS arrived, temperature AS v,
        max(CAST(_time AS BIGINT)) OVER (
          PARTITION BY device ORDER BY _offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS seen
      FROM readings
      WHERE device IS NOT NULL AND kind = 'cold' AND CAST(_time AS BIGINT) <= CAST(received_at AS BIGINT) + 3600000
    ),
    c AS (SELECT * FROM r WHERE seen IS NULL OR seen <= t)";

/// Where a marker `m(device, number, happened, marker)` is on and the one before was not, `first` where there was none.
fn crossings(markers: &str, first: &str) -> String {
    format!(
        "{CONSIDERED}, m AS ({markers}),
        k AS (
          SELECT device, number, happened, marker, lag(marker) OVER (PARTITION BY device ORDER BY number) AS earlier
          FROM m WHERE marker IS NOT NULL
        )
        SELECT device, number, happened FROM k WHERE marker = 1 AND coalesce(earlier, {first}) = 0 ORDER BY device, number"
    )
}

/// Lets rows come in any batches, with restarts between, and compares what the rule has found with what SQL finds in the stream.
fn check(when: &Value, expected: impl Fn(i64) -> String) {
    let mut count = 0;
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let mut unit = Unit::new();
        let rule = json!({"on": {"stream": "readings"}, "where": "=kind = \"cold\"", "when": when});
        unit.apply(json!([readings(), manifest("Rule", "watched", rule)]));
        for _ in 0..BATCHES {
            unit.pass(dice.below(12) * MINUTE);
            if dice.below(10) == 0 {
                unit = unit.again();
            }
            let now = unit.now;
            let batch = dice.below(9) + 1;
            let rows: Vec<Value> = (0..batch).map(|_| random_row(&mut dice, now)).collect();
            unit.append(&rows);
        }
        unit.pass(60 * MINUTE);
        unit.settle();
        let found = "SELECT device, crossing AS number, CAST(\"at\" AS BIGINT) AS happened FROM system.crossings
                     WHERE rule = 'watched' ORDER BY device, crossing";
        let (found, wanted) = (unit.sql(found), unit.sql(&expected(unit.now)));
        assert_eq!(found, wanted, "seed {seed}");
        count += found.lines().count() - 1;
    }
    assert!(0 < count, "a test that finds nothing says nothing");
}

#[test]
fn becomes_is_what_sql_says() {
    let markers = "SELECT device, o AS number, t AS happened,
                   CASE WHEN v > 8 THEN 1 WHEN v <= 8 THEN 0 END AS marker FROM c";
    check(&json!({"becomes": "=temperature > 8"}), |_| crossings(markers, "0"));
}

#[test]
fn leaves_is_what_sql_says() {
    let range = json!({"value": "temperature", "low": 2, "high": 8, "hysteresis": 0.5});
    let markers = "SELECT device, o AS number, t AS happened,
                   CASE WHEN v < 2 OR 8 < v THEN 1 WHEN 2.5 <= v AND v <= 7.5 THEN 0 END AS marker FROM c";
    check(&json!({ "leaves": range }), |_| crossings(markers, "1"));
}

#[test]
fn stays_is_what_sql_says() {
    let when = json!({"stays": {"is": "=temperature > 4", "for": "PT20M", "gap": "PT15M"}});
    check(&when, |_| {
        format!(
            "{CONSIDERED},
            m AS (SELECT device, o, t, CASE WHEN v > 4 THEN 1 ELSE 0 END AS marker FROM c WHERE v IS NOT NULL),
            p AS (
              SELECT *, lag(marker) OVER (PARTITION BY device ORDER BY o) AS earlier,
                lag(t) OVER (PARTITION BY device ORDER BY o) AS earlier_t
              FROM m
            ),
            i AS (
              SELECT *, sum(CASE WHEN marker = 1 AND earlier = 1 AND t - earlier_t <= 900000 THEN 0 ELSE 1 END)
                OVER (PARTITION BY device ORDER BY o ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS island
              FROM p
            ),
            b AS (SELECT *, min(t) OVER (PARTITION BY device, island) AS began FROM i WHERE marker = 1)
            SELECT device, min(o) AS number, min(t) AS happened
            FROM b WHERE 1200000 <= t - began GROUP BY device, island ORDER BY device, number"
        )
    });
}

#[test]
fn rises_and_falls_are_what_sql_says() {
    let change = json!({"value": "temperature", "by": 6, "within": "PT30M"});
    for (word, by) in [("rises", "a.v - min(b.v)"), ("falls", "max(b.v) - a.v")] {
        let markers = format!(
            "SELECT a.device AS device, a.o AS number, a.t AS happened, CASE WHEN 6 <= {by} THEN 1 ELSE 0 END AS marker
             FROM c a JOIN c b ON a.device = b.device AND b.o <= a.o AND a.t - 1800000 < b.t
             WHERE a.v IS NOT NULL AND b.v IS NOT NULL GROUP BY a.device, a.o, a.t, a.v"
        );
        check(&json!({ word: change }), |_| crossings(&markers, "0"));
    }
}

#[test]
fn window_is_what_sql_says() {
    let window = |of: &str, above: i64| json!({"window": {"every": "PT30M", "of": of, "value": "temperature", "above": above}});
    for (of, above) in [("avg", 6), ("count", 2), ("sum", 12), ("min", 4), ("max", 10)] {
        let markers = format!(
            "SELECT device, (bucket + 1) * 1800000 AS number, (bucket + 1) * 1800000 AS happened,
               CASE WHEN {above} < made THEN 1 WHEN made <= {above} THEN 0 END AS marker
             FROM (
               SELECT device, bucket, made, max(bucket) OVER (PARTITION BY device) AS newest
               FROM (SELECT device, t / 1800000 AS bucket, {of}(v) AS made FROM c GROUP BY device, t / 1800000)
             )
             WHERE bucket < newest"
        );
        check(&window(of, above), |_| crossings(&markers, "0"));
    }
}

#[test]
fn silent_is_what_sql_says() {
    check(&json!({"silent": {"for": "PT15M"}}), |now| {
        format!(
            "WITH s AS (
               SELECT device, CAST(received_at AS BIGINT) AS arrived,
                 lead(CAST(received_at AS BIGINT)) OVER (PARTITION BY device ORDER BY _offset) AS following
               FROM readings WHERE device IS NOT NULL AND kind = 'cold'
             )
             SELECT device, arrived + 900000 AS number, arrived + 900000 AS happened
             FROM s WHERE 900000 < coalesce(following, {now}) - arrived ORDER BY device, number"
        )
    });
}

#[test]
fn a_crossing_opens_a_task_for_those_who_may_take_it() {
    let mut unit = Unit::new();
    let rule = json!({
        "on": {"stream": "readings"},
        "when": {"stays": {"is": "=temperature > 8", "for": "PT10M"}},
        "do": [{"task": {
            "title": "=\"Too warm: \" + device",
            "description": "Look at the parcel",
            "candidates": ["cold-chain"],
            "due": "PT4H",
            "priority": 80,
            "variables": {"reading": "=row.temperature"},
        }}],
        "roles": ["watch"],
    });
    unit.apply(json!([readings(), manifest("Rule", "too-warm", rule)]));
    for minute in 0..15 {
        unit.pass(MINUTE);
        let now = Time(unit.now);
        let temperature = if minute == 0 { 5.0 } else { 9.0 };
        unit.append(&[json!({"device": "logger-1", "received_at": now, "at": now, "temperature": temperature})]);
    }
    unit.settle();
    let tasks = "SELECT name, process, state, priority FROM system.tasks";
    assert_eq!(
        unit.sql(tasks),
        "name,process,state,priority\nToo warm: logger-1,open-task,created,80\n"
    );
    let done = "SELECT operation, outcome, problem FROM system.rule_actions";
    assert_eq!(unit.sql(done), "operation,outcome,problem\ntask.open,done,\n");
    // Its row is that of minute 11, ten minutes after the first that was too warm.
    let listed = unit.call("user:cleo", "task.list", ("task", ""), json!({"mine": "true"}));
    let task = &listed["items"][0];
    assert_eq!(task["due"], json!(Time(BEGIN + 12 * MINUTE + 4 * 60 * MINUTE)));
    let name = task["task"].as_str().expect("a name").to_owned();
    let shown = unit.call("user:cleo", "task.get", ("task", &name), json!({}));
    assert_eq!(
        (&shown["description"], shown["variables"]["reading"].as_f64()),
        (&json!("Look at the parcel"), Some(9.0))
    );
    unit.call("user:cleo", "task.claim", ("task", &name), json!({}));
    unit.call("user:cleo", "task.complete", ("task", &name), json!({}));
    let ended = "SELECT state, completed_by FROM system.tasks";
    assert!(unit.sql(ended).contains("cleo"));
    // Somebody who has no right to it opens none.
    let actor = Principal::User("cleo".into());
    let call = Call::new("task.open", ResourceRef::new("task", ""), actor);
    let refused = unit.writer.turn(&[call.with(json!({"title": "Mine"}))]).remove(0);
    assert_eq!(refused.expect_err("it is refused").code, "policy.forbidden");
}
