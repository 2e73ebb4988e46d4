//! The guide `docs/guides/first-steps.md` as a user walks it: init, up, append, task, SQL, stop. And several units at once.

mod binary;

use binary::{Up, craton, init, said, signal, wait_for};
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    binary::folder("first-steps", name)
}

#[test]
fn the_first_steps_lead_from_nothing_to_an_answer() {
    let folder = folder("shop");
    let made = init(&folder, "shop", &[]);
    assert!(
        made.contains("owner token (shown once") && made.contains("  craton up shop\n"),
        "{made}"
    );
    let token = std::fs::metadata(folder.join("shop/owner.token")).expect("a token");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&token.permissions()) & 0o777, 0o600);

    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    let unit = ["--unit", "shop"];
    let ask = |arguments: &[&str]| said(&folder, &[&unit, arguments].concat());
    wait_for(&folder, &["--unit", "shop", "get", "process", "answer-request"], |text| {
        text.contains("answer-request")
    });

    let plan = ask(&["apply", "-f", "shop/starter", "--dry-run"]);
    assert_eq!(plan, "nothing to do: 12 as declared\n");
    let row = "{\"id\": \"r1\", \"customer\": \"bo\", \"subject\": \"Where is my parcel?\"}";
    ask(&["stream", "append", "requests", "--row", row]);
    let tasks = wait_for(&folder, &["--unit", "shop", "task", "list"], |text| {
        text.contains("Answer the request")
    });
    let task =
        tasks.lines().nth(1).and_then(|line| line.split_whitespace().next()).expect("a task");
    assert!(ask(&["ps"]).contains("instance/1"), "it runs");
    let processes = ask(&["process", "list", "--text", "answer", "-o", "csv"]);
    let row = processes.lines().nth(1).expect("a process");
    assert!(row.starts_with("answer-request,") && row.ends_with(",1,active,1,0,0,0"), "{row}");
    assert_eq!(ask(&["process", "list", "--text", "none"]), "nothing\n");
    let at = ["instance", "list", "--process", "answer-request", "--element", "answer"];
    assert!(ask(&at).contains("answer-request"), "it stands there");
    assert_eq!(ask(&[&at[..], &["--version", "2"]].concat()), "nothing\n");
    ask(&["task", "complete", task, "--var", "answer=It comes tomorrow."]);
    assert!(ask(&["screen", "list"]).contains("waiting-requests"));
    assert!(ask(&["screen", "get", "waiting-requests"]).contains("query: waiting"));
    let photo = b"\x89PNG\r\n\x1a\nand more";
    std::fs::write(folder.join("photo.png"), photo).expect("writes");
    let added = ask(&["file", "put", "photo.png", "-o", "json"]);
    let added: serde_json::Value = serde_json::from_str(&added).expect("JSON");
    let name = added["file"].as_str().expect("a name");
    assert_eq!(ask(&["file", "read", name, "--to", "copy.png"]), "copy.png: 16 bytes\n");
    assert_eq!(std::fs::read(folder.join("copy.png")).expect("reads"), photo);
    assert!(ask(&["file", "get", name]).contains("image/png"));
    assert!(ask(&["file", "list"]).contains(name));
    assert!(ask(&["file", "delete", name]).contains(name));
    assert!(!ask(&["file", "list"]).contains(name));
    let sql = "SELECT r.customer, a.answer FROM requests r JOIN answers a ON a.id = r.id";
    let answer =
        wait_for(&folder, &["--unit", "shop", "sql", sql], |text| text.contains("(1 row)"));
    assert_eq!(answer, "customer   answer\nbo         It comes tomorrow.\n(1 row)\n");
    assert_eq!(ask(&["sql", "SELECT * FROM desk.waiting", "-o", "json"]), "[]\n");
    let may = craton(
        &folder,
        &["--unit", "shop", "can-i", "process.suspend", "process/answer-request", "--as", "ana"],
    )
    .output();
    assert_eq!(
        may.expect("starts").status.code(),
        Some(4),
        "ana works with it, she does not run it"
    );

    up.stop();
    assert_eq!(said(&folder, &["verify", "shop"]), "the store is sound\n");
}

#[test]
fn what_is_wrong_in_a_manifest_is_shown_where_it_was_written() {
    let folder = folder("places");
    init(&folder, "shop", &["--bare"]);
    let mut up = Up::start(&folder, "shop");
    up.read_until("is up");
    let app = folder.join("app");
    std::fs::create_dir_all(&app).expect("makes");
    let check = |yaml: &str, expected: &str| {
        std::fs::write(app.join("a.yaml"), yaml).expect("writes");
        let output =
            craton(&folder, &["--unit", "shop", "apply", "-f", "app"]).output().expect("starts");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(err.contains(&format!("\nplace: {expected}\n")), "expected {expected} in: {err}");
    };
    let head = "apiVersion: craton/v1\nmetadata: {name: late}\n";
    check(&format!("{head}kind: Veiw\nspec: {{}}\n"), "app/a.yaml:3:1 (/kind)");
    check(
        &format!("{head}kind: Stream\nspec:\n  schema:\n    - {{name: id, typ: text}}\n"),
        "app/a.yaml:6:18 (/spec)",
    );
    check(
        &format!("{head}kind: View\nspec:\n  sql: |\n    SELECT x\n    FROM nowhere\n"),
        "app/a.yaml:7:10 (/spec/sql)",
    );
    up.stop();
}

#[test]
fn units_of_a_folder_run_each_by_itself_and_start_again() {
    let folder = folder("units");
    std::fs::create_dir_all(folder.join("units")).expect("makes");
    init(&folder, "units/payment", &["--bare"]);
    init(&folder, "units/retail", &["--bare"]);
    let mut up = Up::start(&folder, "units");
    up.read_until("is up");
    up.read_until("is up");
    let id = up.child.id();
    let children =
        std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("children");
    let first = children.split_whitespace().next().and_then(|id| id.parse().ok()).expect("a child");
    signal(first, libc::SIGKILL);
    up.read_until("ended by signal 9; starts again in 100 ms");
    up.read_until("is up");
    said(&folder, &["--unit", "units/payment", "peer", "add", "retail", "units/retail"]);
    assert!(said(&folder, &["--unit", "units/payment", "get", "peers"]).contains("retail"));
    signal(id, libc::SIGTERM);
    up.read_until("| stopped");
    up.read_until("| stopped");
    assert!(up.child.wait().expect("ends").success());
}
