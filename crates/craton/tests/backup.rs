//! Backup and restore with the real binary: while the unit runs, and in the middle of a replay.

mod binary;

use binary::{Up, craton, init, said, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    binary::folder("backup", name)
}

/// Returns the number of rows of a stream.
fn rows(folder: &Path, unit: &str) -> String {
    said(folder, &["--unit", unit, "sql", "SELECT count(*) AS n FROM requests", "-o", "csv"])
}

fn append(folder: &Path, count: usize, from: usize) {
    for number in from..from + count {
        let row = format!(
            "{{\"id\": \"r{number}\", \"customer\": \"bo\", \"subject\": \"{}\"}}",
            "why? ".repeat(20)
        );
        said(folder, &["--unit", "shop", "stream", "append", "requests", "--row", &row]);
    }
}

#[test]
fn a_unit_that_runs_is_backed_up_and_comes_back_as_it_stood() {
    let folder = folder("runs");
    init(&folder, "shop", &[]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    wait_for(&folder, &["--unit", "shop", "get", "stream", "requests"], |text| {
        text.contains("requests")
    });
    append(&folder, 5, 0);
    // Rows in files are in it as well as those in the log.
    said(&folder, &["--unit", "shop", "table", "seal", "requests"]);
    wait_for(&folder, &["--unit", "shop", "table", "get", "requests"], |text| text.contains('5'));
    append(&folder, 2, 5);
    let first = said(&folder, &["backup", "shop", "backups"]);
    assert!(first.contains("bytes_new"), "{first}");
    append(&folder, 3, 7);
    said(&folder, &["backup", "shop", "backups"]);
    let list = said(&folder, &["backup", "list", "backups", "-o", "csv"]);
    let names: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(names.len(), 2, "{list}");
    let list = said(&folder, &["backup", "list", "backups", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let shown = &list["items"][0];
    assert_eq!(shown["unit"], "shop", "{shown}");
    let id = shown["id"].as_str().and_then(|id| id.get(..12));
    assert!(id.is_some_and(|id| names[0].starts_with(id)), "{shown}");
    assert_eq!(said(&folder, &["backup", "check", "backups"]), "2 backups are whole\n");
    up.stop();

    said(&folder, &["restore", "backups", "old", "--at", names[0], "--keys", "shop"]);
    said(&folder, &["restore", "backups", "new", "--keys", "shop"]);
    for (unit, expected) in [("old", "n\r\n7\r\n"), ("new", "n\r\n10\r\n")] {
        assert_eq!(said(&folder, &["verify", unit]), "the store is sound\n");
        let mut up = Up::start(&folder, unit);
        up.read_until("is up");
        assert_eq!(rows(&folder, unit), expected, "{unit}");
        up.stop();
    }
    // Of one that does not run, the same command takes its folder.
    said(&folder, &["backup", "new", "backups", "--keep", "1"]);
    assert_eq!(said(&folder, &["backup", "check", "backups"]), "1 backups are whole\n");
}

#[test]
fn what_is_in_the_way_or_damaged_is_named() {
    let folder = folder("refused");
    init(&folder, "shop", &["--bare"]);
    said(&folder, &["backup", "shop", "backups"]);
    let refused = |arguments: &[&str]| {
        let output = craton(&folder, arguments).output().expect("starts");
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["restore", "backups", "shop"]).contains("[restore.not_empty]"));
    assert!(refused(&["restore", "nowhere", "again"]).contains("[backup.not_found]"));
    let manifests = std::fs::read_dir(folder.join("backups/manifests")).expect("a folder");
    let manifest = manifests.map(|entry| entry.expect("an entry").path()).next().expect("one");
    let text = std::fs::read_to_string(&manifest).expect("reads");
    std::fs::write(&manifest, text.replacen("\"commit\": ", "\"commit\": 1", 1)).expect("writes");
    let err = refused(&["restore", "backups", "again"]);
    assert!(err.contains("[backup.damaged]") && err.contains("manifests/"), "{err}");
    assert!(refused(&["backup", "check", "backups"]).contains("[backup.damaged]"));
    assert!(!folder.join("again").exists());
}

/// Plays a market in which a unit goes back to an old backup.
fn set_back(unit: &str) {
    let folder = folder(&format!("market-{unit}"));
    let arguments = ["--orders", "60", "--restore-at", "30", "--restore-unit", unit];
    let mut command = craton(&folder, &[&["replay", "commerce"], &arguments[..]].concat());
    let output = command.env("TMPDIR", &folder).output().expect("starts");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(err.contains(&format!("{unit} was restored; ")), "{err}");
}

#[test]
fn ledgers_end_equal_when_the_provider_goes_back_in_mid_replay() {
    set_back("payment");
}

#[test]
fn ledgers_end_equal_when_the_consumer_goes_back_in_mid_replay() {
    set_back("retail");
}
