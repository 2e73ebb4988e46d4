//! KPIs and quality rules as a user meets them: a unit that runs, is killed and goes on; a task for the owner; an import that
//! keeps bad rows apart.

mod binary;

use binary::{Up, craton, folder, init, said, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};

const APPLICATION: &str = "apiVersion: craton/v1
kind: Stream
metadata: {name: deliveries}
spec:
  time: delivered_at
  schema:
    - {name: id, type: text, required: true}
    - {name: state, type: text, required: true}
    - {name: days, type: int}
    - {name: delivered_at, type: time, required: true}
---
apiVersion: craton/v1
kind: Quality
metadata: {name: deliveries}
spec:
  on: stream/deliveries
  rules:
    - {name: days, check: range, column: days, min: 0, max: 60, action: block}
    - {name: told_once, check: unique, column: id}
---
apiVersion: craton/v1
kind: Metric
metadata: {name: quick_share}
spec:
  from: deliveries
  formula: avg(CASE WHEN days <= 3 THEN 1 ELSE 0 END)
  grain: month
  dimensions: [state]
---
apiVersion: craton/v1
kind: Kpi
metadata: {name: quick}
spec:
  metric: quick_share
  target: 0.6
  direction: at_least
  owner: user:ana
  deadline: P7D
  on_breach: {process: review}
  roles: [watch]
---
apiVersion: craton/v1
kind: Process
metadata: {name: review}
spec: {bpmn: on-time-review.bpmn}
---
apiVersion: craton/v1
kind: User
metadata: {name: ana}
spec: {roles: [approver]}
---
apiVersion: craton/v1
kind: Role
metadata: {name: watch}
spec:
  policies: |
    permit (
      principal in Role::\"watch\", action == Action::\"process.start\", resource in Kind::\"process\"
    ) when { resource.name == \"review\" };
";

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
    std::fs::write(path, text).expect("writes");
}

/// Makes a unit `shop` on a driven clock, runs it, and applies the application on the first of July 2017.
fn shop(name: &str) -> (PathBuf, Up) {
    let folder = folder("kpis", name);
    init(&folder, "shop", &["--bare", "--driven"]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/commerce/logistics");
    let bpmn = std::fs::read_to_string(example.join("on-time-review.bpmn")).expect("reads");
    write(&folder, "app/on-time-review.bpmn", &bpmn);
    write(&folder, "app/app.yaml", APPLICATION);
    shop_said(&folder, &["clock", "advance", "2017-07-01"]);
    shop_said(&folder, &["apply", "-f", "app"]);
    (folder, up)
}

#[track_caller]
fn shop_said(folder: &Path, arguments: &[&str]) -> String {
    said(folder, &[&["--unit", "shop"], arguments].concat())
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let text = shop_said(folder, &[&["-o", "json"], arguments].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_missed_target_gives_its_owner_one_task_with_a_deadline() {
    let (folder, mut up) = shop("task");
    let mut rows = String::new();
    for (id, state, days) in [("a", "SP", 1), ("b", "SP", 9), ("c", "RJ", 2), ("d", "RJ", 3)] {
        rows += &format!(
            "{{\"id\":\"{id}\",\"state\":\"{state}\",\"days\":{days},\"delivered_at\":\"2017-07-20T00:00:00Z\"}}\n"
        );
    }
    write(&folder, "rows.ndjson", &rows);
    shop_said(&folder, &["stream", "append", "deliveries", "--file", "rows.ndjson"]);
    shop_said(&folder, &["clock", "advance", "2017-08-01"]);
    let get = ["--unit", "shop", "kpi", "get", "quick", "-o", "json"];
    let is_evaluated =
        |text: &str| text.contains("\"breached\"") && text.contains("\"pending\": 0");
    wait_for(&folder, &get, is_evaluated);
    up.kill();
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");

    let list = shop_said(&folder, &["kpi", "list"]);
    let line = list.lines().nth(1).expect("a KPI");
    for word in
        ["quick", "quick_share", "2017-07-01T00:00:00Z", "0.5", "state=SP", "breached", "user:ana"]
    {
        assert!(line.contains(word), "{word} in {list}");
    }
    let tasks = json(&folder, &["task", "list"]);
    let tasks = tasks["items"].as_array().expect("tasks");
    assert_eq!(tasks.len(), 1, "one of two states missed the target");
    assert_eq!(
        (&tasks[0]["assignee"], &tasks[0]["due"]),
        (&"ana".into(), &"2017-08-08T00:00:00Z".into())
    );
    let sql = "SELECT count(*) AS n FROM system.process_instances WHERE process = 'review'";
    assert_eq!(json(&folder, &["sql", sql])[0]["n"], 1);

    let explained = shop_said(
        &folder,
        &["kpi", "explain", "quick", "--window", "2017-07", "--where", "state=SP"],
    );
    for part in [
        "state=SP",
        "at_least 0.6",
        "stream/deliveries up to offset 4",
        "date_trunc('month'",
        "rows of deliveries",
    ] {
        assert!(explained.contains(part), "{part} in {explained}");
    }
    let rows = explained.split("rows of deliveries").nth(1).expect("rows");
    assert!(rows.contains("SP") && !rows.contains("RJ"), "{rows}");

    shop_said(&folder, &["kpi", "evaluate", "quick", "--from", "2017-07", "--to", "2017-08"]);
    assert_eq!(json(&folder, &["sql", sql])[0]["n"], 1, "still one");
    let all = shop_said(&folder, &["metric", "query", "quick_share", "--from", "2017"]);
    assert_eq!(
        all,
        "window                 value   samples\n2017-07-01T00:00:00Z    0.75         4\n(1 row)\n"
    );
    up.stop();
}

#[test]
fn an_import_keeps_blocked_rows_apart_with_their_reasons() {
    let (folder, mut up) = shop("import");
    write(
        &folder,
        "deliveries.csv",
        "id,state,days,delivered_at\n\
        a,SP,1,2017-07-20 00:00:00\nb,SP,99,2017-07-20 00:00:00\nb,RJ,2,2017-07-21 00:00:00\nb,RJ,-1,2017-07-21 00:00:00\n",
    );
    let report = json(&folder, &["import", "deliveries.csv"]);
    assert_eq!((&report["appended"], &report["set_aside"]), (&2.into(), &2.into()), "{report}");
    let reasons: Vec<(u64, &str)> = report["reasons"]
        .as_array()
        .expect("reasons")
        .iter()
        .map(|reason| {
            (reason["line"].as_u64().expect("a line"), reason["reason"].as_str().expect("a text"))
        })
        .collect();
    let expected = [
        (3, "rule `days` of `deliveries`: `days` is not in 0..60 (days = 99)"),
        (5, "rule `days` of `deliveries`: `days` is not in 0..60 (days = -1)"),
    ];
    assert_eq!(reasons, expected);
    let found = shop_said(&folder, &["quality", "run", "deliveries"]);
    let line = |rule: &str| found.lines().find(|line| line.contains(rule)).unwrap_or_default();
    assert!(line("told_once").contains(" 2 ") && line("told_once").contains("unique"), "{found}");
    let sql = "SELECT rule, checked, failed FROM system.quality ORDER BY rule";
    let counts = json(&folder, &["sql", sql]);
    assert_eq!((&counts[0]["checked"], &counts[0]["failed"]), (&4.into(), &2.into()), "{counts}");
    assert_eq!((&counts[1]["checked"], &counts[1]["failed"]), (&2.into(), &0.into()), "{counts}");

    let row = "{\"id\": \"c\", \"state\": \"SP\", \"days\": 61, \"delivered_at\": \"2017-07-22\"}";
    let append = ["--unit", "shop", "stream", "append", "deliveries", "--row", row];
    let refused = craton(&folder, &append).output().expect("starts");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("row 1: rule `days`") && said.contains("[quality.blocked]"), "{said}");
    up.stop();
}

#[test]
fn what_is_wrong_with_a_metric_or_a_kpi_is_shown_where_it_was_written() {
    let (folder, mut up) = shop("places");
    let check = |from: &str, to: &str, place: &str, code: &str| {
        assert!(APPLICATION.contains(from), "{from}");
        write(&folder, "app/app.yaml", &APPLICATION.replacen(from, to, 1));
        let apply = craton(&folder, &["--unit", "shop", "apply", "-f", "app"]).output();
        let said = String::from_utf8_lossy(&apply.expect("starts").stderr).into_owned();
        assert!(said.contains(&format!("[{code}]")), "{said}");
        assert!(said.contains(&format!("\nplace: app/app.yaml:{place}\n")), "{place}: {said}");
    };
    check("WHEN days <=", "WHEN dayz <=", "26:26 (/spec/formula)", "metric.invalid");
    check(
        "dimensions: [state]",
        "dimensions: [stat]",
        "28:16 (/spec/dimensions/0)",
        "metric.invalid",
    );
    check("  owner: user:ana\n", "", "33:1 (/spec/owner)", "kpi.owner");
    check("column: days,", "column: dayz,", "18:34 (/spec/rules/0/column)", "quality.invalid");
    up.stop();
}
