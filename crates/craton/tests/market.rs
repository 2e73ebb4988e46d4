//! `demo` and `replay`: how they end, and what they leave behind.

mod binary;

use binary::{Up, craton, folder, signal};
use std::path::Path;

/// Returns the folders of units that stand in a folder for temporary files.
fn temporary(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let names =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("craton-")).collect()
}

/// Returns the processes that any thread of a process has started.
fn children(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("threads");
    let texts = threads.map(|thread| {
        // A thread that has ended in the meantime has no children any more.
        std::fs::read_to_string(thread.expect("a thread").path().join("children"))
            .unwrap_or_default()
    });
    texts
        .flat_map(|text| {
            text.split_whitespace().map(|id| id.parse().expect("an id")).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn ctrl_c_ends_a_demo_in_order_while_it_plays() {
    let folder = folder("market", "ctrl-c");
    let mut command = craton(&folder, &["demo", "--orders", "100000"]);
    command.env("TMPDIR", &folder);
    let mut demo = Up::run(command);
    demo.read_until("playing 100000 orders");
    let units = children(demo.child.id());
    assert_eq!((units.len(), temporary(&folder).len()), (3, 1));
    signal(demo.child.id(), libc::SIGINT);
    assert_eq!(demo.child.wait().expect("ends").code(), Some(130));
    assert_eq!(temporary(&folder), Vec::<String>::new(), "the temporary folder is gone");
    let is_there = |unit: &&u32| Path::new(&format!("/proc/{unit}")).exists();
    assert_eq!(units.iter().filter(is_there).count(), 0, "no unit goes on running");
}

#[test]
fn a_demo_leaves_the_folder_that_was_named() {
    let folder = folder("market", "named");
    let mut command = craton(&folder, &["demo", "--orders", "5", "--once", "--dir", "units"]);
    let output = command.env("TMPDIR", &folder).output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(temporary(&folder), Vec::<String>::new());
    for unit in ["payment", "logistics", "retail"] {
        let unit = Path::new("units").join(unit);
        let verified =
            craton(&folder, &["verify", &unit.display().to_string()]).output().expect("starts");
        assert_eq!(String::from_utf8_lossy(&verified.stdout), "the store is sound\n");
    }
}

#[test]
fn a_replay_has_as_many_kills_as_were_asked_for() {
    let folder = folder("market", "kills");
    let mut command = craton(&folder, &["replay", "commerce", "--orders", "100", "--kills", "4"]);
    let output = command.env("TMPDIR", &folder).output().expect("starts");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    assert!(err.contains("4 kills: payment 2, logistics 1, retail 1\n"), "{err}");
    assert_eq!(temporary(&folder), Vec::<String>::new());
}

#[test]
fn a_replay_that_fails_leaves_nothing_behind() {
    let folder = folder("market", "fails");
    let mut command =
        craton(&folder, &["replay", "commerce", "--source", "olist", "--data", "nowhere"]);
    let output = command.env("TMPDIR", &folder).output().expect("starts");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("[replay.data]"), "{err}");
    assert_eq!(temporary(&folder), Vec::<String>::new());
}
