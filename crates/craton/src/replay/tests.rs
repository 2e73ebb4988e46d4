//! The driver against three small servers that stand for units.

use super::driver::{Options, Source, run};
use super::report::{MEASURES, VIEWS};
use super::unit::UnitAddress;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a unit was told, in the order in which it was told.
#[derive(Default)]
struct Told {
    /// `append STREAM KEY` and the rows, `advance TIME`.
    lines: Vec<(String, Vec<Value>)>,
    /// How many appends are still to be refused, as by a unit that is on its way back.
    refusals: u32,
    /// What `due` says; nothing where the unit does not say.
    due: Option<Value>,
}

type Shared = Arc<Mutex<Told>>;

/// Starts a server that takes appends, moves of the clock and questions.
fn unit(name: &str, told: &Shared) -> UnitAddress {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let told = Arc::clone(told);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let told = Arc::clone(&told);
            std::thread::spawn(move || serve(stream.expect("connection"), &told));
        }
    });
    UnitAddress { name: name.into(), url, token: "secret".into() }
}

fn serve(mut stream: TcpStream, told: &Shared) {
    let mut reader = BufReader::new(stream.try_clone().expect("clones"));
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("header");
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(0, |text| text.parse().expect("length"));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("body");
        assert_eq!(headers.get("authorization").map(String::as_str), Some("Bearer secret"));
        let path = first.split(' ').nth(1).expect("path");
        let (status, answer) = answer(path, &headers, &body, &mut told.lock().expect("lock"));
        let text = answer.to_string();
        let whole = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(whole.as_bytes()).expect("writes");
    }
}

fn answer(
    path: &str,
    headers: &BTreeMap<String, String>,
    body: &[u8],
    told: &mut Told,
) -> (u16, Value) {
    let text = std::str::from_utf8(body).expect("text");
    let parse = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    if path.starts_with("/v1/units/settled") {
        let mut rest = json!({"idle": true, "sent": {}, "received": {}});
        if let Some(due) = &told.due {
            rest["due"] = due.clone();
        }
        return (200, rest);
    }
    if path == "/v1/units/usage" {
        let count = told.lines.len();
        return (
            200,
            json!({
                "commits": count, "bytes_synced": 100 * count, "signatures": 2 * count,
                "cpu_seconds": f64::from(u32::try_from(count).expect("few")), "memory_bytes": 5_000,
            }),
        );
    }
    if path == "/v1/clocks/advance" {
        told.lines
            .push((format!("advance {}", parse(text)["to"].as_str().expect("time")), Vec::new()));
        return (200, json!({}));
    }
    if path == "/v1/sql/query" {
        return (200, json!({"columns": ["asked"], "rows": [[parse(text)["sql"]]]}));
    }
    let stream = path
        .strip_prefix("/v1/streams/")
        .and_then(|rest| rest.strip_suffix("/append"))
        .expect("an append");
    if 0 < told.refusals {
        told.refusals -= 1;
        return (503, json!({"code": "kernel.stopping", "detail": "the unit is stopping"}));
    }
    told.lines.push((
        format!("append {stream} {}", headers["idempotency-key"]),
        text.lines().map(parse).collect(),
    ));
    (200, json!({}))
}

fn units(due: Option<&Value>) -> (Vec<UnitAddress>, Vec<Shared>) {
    let told: Vec<Shared> = VIEWS.iter().map(|_| Shared::default()).collect();
    told.iter().for_each(|told| told.lock().expect("lock").due = due.cloned());
    let units = VIEWS.iter().zip(&told).map(|((name, _), told)| unit(name, told)).collect();
    (units, told)
}

fn options(orders: u32) -> Options {
    Options {
        source: Source::Generated { orders, seed: 4, write: None },
        copies: 1,
        shows_progress: false,
    }
}

#[test]
fn every_row_is_handed_out_once_and_every_view_is_asked() {
    let (addresses, told) = units(None);
    told[1].lock().expect("lock").refusals = 2;
    let report = run(&options(30), &addresses).expect("plays");
    let mut keys = Vec::new();
    let mut rows = 0;
    let mut moments = Vec::new();
    for told in &told {
        for (line, list) in &told.lock().expect("lock").lines {
            match line.strip_prefix("append ") {
                Some(key) => keys.push(key.to_owned()),
                None => moments.push(line.clone()),
            }
            rows += list.len();
        }
    }
    let appends = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), appends, "each key stands for one append");
    assert_eq!((rows, report.orders), (report.events, 30));
    assert_eq!(
        moments.len(),
        3 * (report.windows + 1),
        "each clock moves before the first and after every window"
    );
    for (unit, views) in VIEWS {
        for view in views {
            assert_eq!(
                report.units[unit][*view],
                [json!({"asked": format!("SELECT * FROM answers.{view}")})]
            );
        }
    }
}

#[test]
fn what_each_unit_spent_between_the_first_window_and_the_last_is_in_the_report() {
    let (addresses, told) = units(None);
    let report = run(&options(30), &addresses).expect("plays");
    for ((unit, _), told) in VIEWS.iter().zip(&told) {
        // The first thing that it was told came before the first window.
        let count = told.lock().expect("lock").lines.len() as u64 - 1;
        let measures = &report.measures[*unit];
        assert_eq!(measures.len(), MEASURES.len());
        for (name, expected) in [
            ("windows", report.windows as u64),
            ("commits", count),
            ("bytes_synced", 100 * count),
            ("signatures", 2 * count),
            ("memory_bytes", 5_000),
        ] {
            assert_eq!(measures[name], json!(expected), "{unit} {name}");
        }
        assert_eq!(measures["cpu_seconds"].as_f64(), u32::try_from(count).ok().map(f64::from));
    }
}

#[test]
fn a_clock_stands_still_where_nothing_is_due() {
    let (addresses, told) = units(Some(&Value::Null));
    run(&options(30), &addresses).expect("plays");
    for told in &told {
        let told = told.lock().expect("lock");
        assert_eq!(
            told.lines.iter().filter(|(line, _)| line.starts_with("advance")).count(),
            2,
            "at the start and at the end"
        );
    }
}

#[test]
fn a_unit_that_refuses_ends_the_replay_and_a_missing_one_is_named() {
    let (mut addresses, _) = units(None);
    let token = std::mem::replace(&mut addresses[2].url, "nowhere".into());
    assert!(!token.is_empty());
    let problem = run(&options(3), &addresses).expect_err("refused");
    assert!(problem.message.starts_with("logistics: "), "{}", problem.message);
    addresses.remove(2);
    assert_eq!(run(&options(3), &addresses).expect_err("refused").code, "replay.unit");
}
