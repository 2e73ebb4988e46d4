//! What runs, seen and told something by the command line, at a real unit; and a quota at both of its doors.

mod binary;

use binary::{Up, craton, init, said};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    binary::folder("running", name)
}

/// Starts a unit without an application.
fn start(folder: &Path) -> Up {
    init(folder, "shop", &["--bare"]);
    let mut up = Up::start(folder, "shop");
    up.read_until("is up");
    up
}

fn ask(folder: &Path, arguments: &[&str]) -> String {
    said(folder, &[&["--unit", "shop"][..], arguments].concat())
}

/// Returns the exit status and what stands on standard error.
fn refused(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = craton(folder, &[&["--unit", "shop"][..], arguments].concat()).output();
    let output = output.expect("starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn apply(folder: &Path, yaml: &str) {
    std::fs::create_dir_all(folder.join("app")).expect("makes");
    std::fs::write(folder.join("app/all.yaml"), yaml).expect("writes");
    ask(folder, &["apply", "-f", "app"]);
}

#[test]
fn what_runs_is_shown_and_told() {
    let folder = folder("told");
    let mut up = start(&folder);
    let ask = |arguments: &[&str]| ask(&folder, arguments);
    let list = ask(&["ps", "--kind", "work"]);
    assert!(list.contains("work/tables") && list.contains("running"), "{list}");
    assert_eq!(ask(&["pause", "work/tables"]), "work/tables pauses\n");
    assert!(ask(&["ps", "--kind", "work"]).contains("paused"));
    assert_eq!(ask(&["resume", "work/tables"]), "work/tables goes on\n");
    let shown = ask(&["pause", "--kind", "work"]);
    assert!(shown.ends_with("nothing was done; `--yes` does it\n"), "{shown}");
    let told = ask(&["pause", "--kind", "work", "--yes", "-o", "csv"]);
    assert!(told.contains("work/kpis,done"), "{told}");
    ask(&["resume", "--state", "paused", "--yes"]);
    assert!(!ask(&["ps", "--kind", "work"]).contains("paused"));
    let (status, error) = refused(&folder, &["kill", "work/tables"]);
    assert_eq!(status, Some(6), "{error}");
    assert!(error.contains("[running.unsupported]"), "{error}");
    let (status, error) = refused(&folder, &["kill", "query/q999"]);
    assert_eq!(status, Some(5), "{error}");
    assert_eq!(refused(&folder, &["kill"]).0, Some(2));
    let (status, error) = refused(&folder, &["limit", "query/q999", "--rate", "10"]);
    assert_eq!(status, Some(2), "{error}");
    assert!(error.contains("limit a query by `memory`, `time` or `rows`"), "{error}");
    up.stop();
}

#[test]
fn the_machine_is_shown_in_each_form() {
    let folder = folder("machine");
    let mut up = start(&folder);
    let top = ask(&folder, &["top"]);
    assert!(top.contains("running, sorted by cpu") && top.contains("work/tables"), "{top}");
    let look: Value = serde_json::from_str(&ask(&folder, &["top", "-o", "json"])).expect("JSON");
    let number = |field: &str| look["node"][field].as_u64().unwrap_or(0);
    assert!(0 < number("cpus") && 0 < number("memory_used") && 0 < number("disk_free"), "{look}");
    assert!(number("memory_used") < number("memory_max"), "{look}");
    assert!(look["running"].as_array().is_some_and(|running| !running.is_empty()));
    let sql = "SELECT count(*) AS n FROM system.nodes WHERE 0 < cpus AND 0 < files_open";
    assert_eq!(ask(&folder, &["sql", sql, "-o", "csv"]).lines().nth(1), Some("1"));
    up.stop();
}

#[test]
fn somebody_over_his_quota_is_refused_with_the_time_to_come_again() {
    let folder = folder("quota");
    let mut up = start(&folder);
    apply(
        &folder,
        "apiVersion: craton/v1\nkind: User\nmetadata: {name: flo}\nspec: {roles: [viewer]}\n---\n\
         apiVersion: craton/v1\nkind: Quota\nmetadata: {name: slow}\nspec: {for: user/flo, rate: 1000, concurrency: 10}\n",
    );
    let made = ask(&folder, &["token", "create", "flo", "-o", "json"]);
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let token = made["token"].as_str().expect("a secret");
    let flo = ["--token", token, "get", "process"];
    ask(&folder, &flo);
    assert_eq!(ask(&folder, &["limit", "user:flo", "--rate", "1"]), "user:flo is limited\n");
    let (status, error) = (0..1_000)
        .map(|_| refused(&folder, &flo))
        .find(|(status, _)| *status != Some(0))
        .expect("one call a second is soon used up");
    assert_eq!(status, Some(7), "{error}");
    assert!(error.contains("[quota.exceeded]") && error.contains("hint: repeat it in "), "{error}");
    assert!(ask(&folder, &["ps"]).contains("work/tables"), "others go on");
    let cleared = ask(&folder, &["limit", "user:flo", "--clear"]);
    assert_eq!(cleared, "user:flo has its quotas and no other limit\n");
    ask(&folder, &flo);
    let sql = "SELECT rate, concurrency FROM system.quotas WHERE principal = 'user:flo'";
    assert_eq!(ask(&folder, &["sql", sql, "-o", "csv"]).lines().nth(1), Some("1000,10"));
    up.stop();
}
