//! The real binary: help, errors, and what it does without a unit.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command-line").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("removes what an earlier run left");
    }
    std::fs::create_dir_all(&folder).expect("makes the folder");
    folder
}

/// Runs the binary in a folder, with input.
fn run_with(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_craton"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("CRATON_UNIT")
        .env_remove("CRATON_TOKEN")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("writes");
    child.wait_with_output().expect("ends")
}

/// Runs the binary and returns its exit status, standard output and standard error.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = run_with(folder, arguments, "");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Checks that a command is refused with this status and these lines on standard error.
#[track_caller]
fn refused(folder: &Path, arguments: &[&str], status: i32, expected: &str) {
    assert_eq!(run(folder, arguments), (status, String::new(), expected.to_owned()));
}

/// Returns the commands that a help text lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

fn visit(folder: &Path, path: &[String], seen: &mut Vec<String>) {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let (status, help, _) = run(folder, &arguments);
    let name = path.join(" ");
    assert_eq!(status, 0, "craton {name} --help");
    assert!(help.contains("Examples:\n"), "craton {name} --help has no examples:\n{help}");
    assert!(help.contains(&format!("craton {name}")), "the examples of `craton {name}` show it");
    seen.push(name);
    for command in listed(&help) {
        visit(folder, &[path, &[command]].concat(), seen);
    }
}

#[test]
fn the_help_of_every_command_has_examples() {
    let folder = folder("help");
    let mut seen = Vec::new();
    visit(&folder, &[], &mut seen);
    for command in [
        "init",
        "up",
        "backup",
        "backup list",
        "backup check",
        "restore",
        "reconcile status",
        "reconcile skip",
        "apply",
        "pack",
        "install",
        "package list",
        "package get",
        "package show",
        "package remove",
        "get",
        "describe",
        "history",
        "delete",
        "process start",
        "process suspend",
        "process resume",
        "instance get",
        "instance list",
        "instance set",
        "instance move",
        "instance suspend",
        "instance resume",
        "instance migrate",
        "instance cancel",
        "bulk retry",
        "bulk cancel",
        "bulk suspend",
        "bulk resume",
        "bulk migrate",
        "bulk get",
        "bulk list",
        "bulk stop",
        "task list",
        "task claim",
        "task complete",
        "job list",
        "incident list",
        "incident resolve",
        "screen list",
        "screen get",
        "file list",
        "file put",
        "file get",
        "file read",
        "file delete",
        "stream list",
        "stream append",
        "stream read",
        "stream tail",
        "device list",
        "device get",
        "device set",
        "device command",
        "device commands",
        "device certificate",
        "device cancel",
        "device events",
        "device create",
        "device update",
        "device token",
        "device revoke",
        "device simulate",
        "table list",
        "table get",
        "table seal",
        "table compact",
        "table vacuum",
        "import",
        "export",
        "sql",
        "query list",
        "query get",
        "query run",
        "query save",
        "query delete",
        "metric list",
        "metric query",
        "kpi list",
        "kpi get",
        "kpi explain",
        "kpi evaluate",
        "quality list",
        "quality get",
        "quality run",
        "lineage",
        "secret create",
        "secret set",
        "secret list",
        "secret get",
        "secret rotate",
        "key list",
        "key rotate",
        "key revoke",
        "key offline",
        "data erase",
        "data erasures",
        "peer add",
        "peer list",
        "offer list",
        "contract propose",
        "contract accept",
        "contract list",
        "contract disputes",
        "contract settle",
        "contract revoke",
        "contract get",
        "ledger",
        "ps",
        "top",
        "kill",
        "trace",
        "support",
        "pause",
        "resume",
        "limit",
        "can-i",
        "who-can",
        "audit",
        "user list",
        "process list",
        "replay commerce",
        "verify",
        "why",
        "login",
        "logout",
        "passwd",
        "session list",
        "session end",
        "token create",
        "token list",
        "token revoke",
        "clock get",
        "clock advance",
        "completion",
        "man",
        "reference",
        "version",
    ] {
        assert!(seen.iter().any(|name| name == command), "`craton {command}` is missing");
    }
    assert!(!seen.iter().any(|name| name == "worker"), "the worker is nobody's business");
}

#[test]
fn a_misspelt_command_names_its_neighbour() {
    let folder = folder("misspelt");
    let (status, out, err) = run(&folder, &["aply"]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.starts_with("error: ") && err.contains("[cli.usage]\nhint: "), "{err}");
    assert!(err.contains("`apply`"), "{err}");
}

#[test]
fn only_lineage_draws_graphs() {
    refused(
        &folder("dot"),
        &["-o", "dot", "version"],
        2,
        "error: only `craton lineage` draws graphs [cli.usage]\n\
         hint: write `-o table`, `-o json`, `-o yaml` or `-o csv`\n",
    );
}

#[test]
fn a_missing_unit_is_named() {
    let folder = folder("no-unit");
    refused(
        &folder,
        &["ps"],
        5,
        "error: there is no unit in `.` [cli.no_unit]\n\
         hint: `craton init DIR` makes a unit; `--unit URL|DIR` or CRATON_UNIT names one\n",
    );
    refused(
        &folder,
        &["up", "shop"],
        5,
        "error: there is no unit in `shop` [cli.no_unit]\nhint: `craton init shop` makes one there\n",
    );
    std::fs::create_dir_all(folder.join("units/a")).expect("makes");
    std::fs::write(folder.join("units/a/unit.toml"), "").expect("writes");
    refused(
        &folder,
        &["--unit", "units", "ps"],
        5,
        "error: there is no unit in `units` [cli.no_unit]\nhint: name one of those inside it: `--unit units/a`\n",
    );
}

#[test]
fn a_unit_that_does_not_answer_is_named() {
    // The port is free: it was just given back.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    refused(
        &folder("silent"),
        &["--unit", &url, "task", "list"],
        8,
        &format!(
            "error: the unit at {url} does not answer: nobody listens there [cli.unreachable]\nhint: `craton up DIR` starts a unit\n"
        ),
    );
}

/// Checks what `apply` says about a folder with one file.
#[track_caller]
fn apply_refused(name: &str, yaml: &str, expected: &str) {
    let folder = folder(name);
    std::fs::create_dir_all(folder.join("shop")).expect("makes");
    std::fs::write(folder.join("shop/a.yaml"), yaml).expect("writes");
    refused(&folder, &["apply", "-f", "shop"], 2, expected);
}

const STREAM: &str =
    "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: orders}\nspec: {schema: []}\n";

#[test]
fn broken_yaml_has_file_line_and_column() {
    let (_, _, err) = {
        let folder = folder("broken");
        std::fs::create_dir_all(folder.join("shop")).expect("makes");
        std::fs::write(folder.join("shop/a.yaml"), "kind: [Stream\nspec: 1\n").expect("writes");
        run(&folder, &["apply", "-f", "shop"])
    };
    assert!(err.contains("[cli.yaml]\nplace: shop/a.yaml:2:"), "{err}");
}

#[test]
fn an_unknown_field_names_its_neighbour() {
    apply_refused(
        "unknown-field",
        &format!("{STREAM}---\n{}", STREAM.replace("spec:", "sepc:").replace("orders", "late")),
        "error: unknown field `sepc` [manifest.invalid]\nplace: shop/a.yaml:9:1\nhint: did you mean `spec`?\n",
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    apply_refused(
        "several",
        &STREAM.replace("craton/v1", "craton/v2").replace("orders", "Orders"),
        "error: `craton/v2` is not a version of manifests [manifest.invalid]\nplace: shop/a.yaml:1:1\nhint: write `craton/v1`\n\
         error: `Orders` is not a name [manifest.invalid]\nplace: shop/a.yaml:3:12\n\
         hint: a name starts with a lower-case letter and has lower-case letters, digits, `-` and `_`, 63 at most\n",
    );
}

#[test]
fn declared_twice_names_both_places() {
    apply_refused(
        "twice",
        &format!("{STREAM}---\n{STREAM}"),
        "error: Stream `orders` is declared twice [manifest.invalid]\nplace: shop/a.yaml:8:12\nhint: the other is at shop/a.yaml:3:12\n",
    );
}

#[test]
fn deep_nesting_is_refused_without_harm() {
    for (name, deep) in [
        ("flow", "[".repeat(100_000)),
        ("block", "- ".repeat(100_000)),
        ("maps", "{a: ".repeat(100_000)),
    ] {
        let folder = folder(&format!("deep-{name}"));
        std::fs::create_dir_all(folder.join("shop")).expect("makes");
        let yaml = STREAM.replace("{schema: []}", &format!("\n  {deep}"));
        std::fs::write(folder.join("shop/a.yaml"), yaml).expect("writes");
        let (status, out, err) = run(&folder, &["apply", "-f", "shop"]);
        assert_eq!((status, out.as_str()), (2, ""), "{err}");
        assert!(err.starts_with("error: this YAML is nested too deeply or too large [cli.yaml]\nplace: shop/a.yaml:5:"), "{err}");
    }
}

#[test]
fn aliases_cannot_blow_up() {
    let mut yaml = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        yaml.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    let folder = folder("aliases");
    std::fs::create_dir_all(folder.join("shop")).expect("makes");
    std::fs::write(folder.join("shop/a.yaml"), yaml).expect("writes");
    let (status, _, err) = run(&folder, &["apply", "-f", "shop"]);
    assert_eq!(status, 2, "{err}");
    assert!(err.contains("[cli.yaml]"), "{err}");
}

#[test]
fn files_that_manifests_name_stay_beside_them() {
    let process = STREAM.replace("Stream", "Process");
    apply_refused(
        "outside",
        &process.replace("{schema: []}", "{bpmn: ../../secret.bpmn}"),
        "error: `../../secret.bpmn` does not name a file beside the manifest [cli.reference]\nplace: shop/a.yaml:4:8\n\
         hint: put the file beside the manifest and name it by its relative path\n",
    );
    apply_refused(
        "missing-file",
        &process.replace("{schema: []}", "{bpmn: sell.bpmn}"),
        "error: `shop/sell.bpmn` could not be read: No such file or directory (os error 2) [cli.reference]\nplace: shop/a.yaml:4:8\n\
         hint: put the file beside the manifest and name it by its relative path\n",
    );
}

#[test]
fn an_empty_folder_is_not_an_application() {
    let folder = folder("empty");
    std::fs::create_dir_all(folder.join("shop")).expect("makes");
    refused(
        &folder,
        &["apply", "-f", "shop"],
        2,
        "error: `shop` has no manifests [cli.empty]\nhint: manifests are *.yaml files with apiVersion, kind, metadata and spec\n",
    );
}

#[test]
fn rows_that_are_no_json_are_refused_before_they_are_sent() {
    let folder = folder("rows");
    let (status, _, err) = run(
        &folder,
        &["--unit", "http://127.0.0.1:9", "stream", "append", "orders", "--row", "{\"a\":"],
    );
    assert_eq!(status, 2);
    assert!(err.starts_with("error: the rows are not JSON: "), "{err}");
}

#[test]
fn completion_and_manual_are_made_from_the_definition() {
    let folder = folder("documents");
    for shell in ["bash", "zsh", "fish"] {
        let (status, out, _) = run(&folder, &["completion", shell]);
        assert_eq!(status, 0);
        assert!(out.contains("craton") && out.contains("incident"), "{shell}");
    }
    let (_, page, _) = run(&folder, &["man"]);
    assert!(page.contains(".TH craton 1"), "{page}");
    let (status, _, err) = run(&folder, &["man", "--folder", "."]);
    assert_eq!(status, 0, "{err}");
    let page = std::fs::read_to_string(folder.join("craton-stream-append.1")).expect("a page");
    assert!(page.contains("Examples:"), "{page}");
    let (_, version, _) = run(&folder, &["version"]);
    assert_eq!(version, format!("craton {}\n", env!("CARGO_PKG_VERSION")));
}
