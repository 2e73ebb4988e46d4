//! Two nodes of a unit share a store in PostgreSQL: one serves, the other waits and takes over.

mod binary;
#[path = "../../store/tests/server/mod.rs"]
mod server;

use base::{Clock, SystemClock};
use binary::{Up, folder, init, said, signal};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// How long a node may take to take over.
const TAKEOVER_MAX: Duration = Duration::from_secs(10);

/// How long a node may take for anything else.
const PATIENCE: Duration = Duration::from_secs(60);

const ORDERS: &str = "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: orders}\n\
    spec:\n  schema: [{name: id, type: text, required: true}]\n";

/// Returns the address of a node's HTTP door.
fn door(folder: &Path, node: &str) -> String {
    let text = std::fs::read_to_string(folder.join(node).join("unit.toml")).expect("reads");
    let line = text.lines().find(|line| line.starts_with("listen = ")).expect("an address");
    line.trim_start_matches("listen = ").trim_matches('"').to_owned()
}

/// Asks a node for a page; returns the whole answer, empty where nobody answers.
fn page(folder: &Path, node: &str, path: &str) -> String {
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(door(folder, node)) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: unit\r\nconnection: close\r\n\r\n");
        // A node that was just killed breaks off.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let _ = stream.read_to_string(&mut text);
    }
    text
}

/// Waits until a node is ready; returns how long that took.
fn ready(folder: &Path, node: &str, limit: Duration) -> Duration {
    let clock = SystemClock::new();
    loop {
        let answer = page(folder, node, "/health/ready");
        if answer.starts_with("HTTP/1.1 200") {
            return clock.monotonic();
        }
        assert!(clock.monotonic() < limit, "node {node} is not ready in time: {answer}");
    }
}

/// Makes a second node of the unit from the folder of the first, with doors and a name of its own.
fn join(folder: &Path, first: &str, second: &str) {
    std::fs::create_dir(folder.join(second)).expect("makes the folder");
    for name in ["unit.toml", "unit.key", "secret.key", "tls.pem", "tls.key", "owner.token"] {
        std::fs::copy(folder.join(first).join(name), folder.join(second).join(name))
            .expect("copies");
    }
    let path = folder.join(second).join("unit.toml");
    let text = std::fs::read_to_string(&path).expect("reads");
    let lines = text.lines().map(|line| match line.split_once(" = ") {
        Some((key @ ("listen" | "listen_peers" | "listen_postgres"), _)) => {
            format!("{key} = \"{}\"\n", binary::address())
        }
        Some(("node", _)) => format!("node = \"{second}\"\n"),
        _ => format!("{line}\n"),
    });
    let text: String = lines.collect();
    std::fs::write(path, text).expect("writes");
}

#[test]
fn a_node_that_is_killed_is_followed_by_the_one_that_waits() {
    let Some(server) = server::shared() else { return };
    let folder = folder("nodes", "takeover");
    init(&folder, "a", &["--bare", "--name", "shop", "--store", &server.url(), "--node", "a"]);
    let path = folder.join("a/unit.toml");
    let text = std::fs::read_to_string(&path).expect("reads");
    std::fs::create_dir(folder.join("shared")).expect("makes");
    std::fs::write(&path, text.replacen("\nclock = ", "\nfiles = \"../shared\"\nclock = ", 1))
        .expect("writes");
    join(&folder, "a", "b");
    std::fs::create_dir_all(folder.join("app")).expect("makes");
    std::fs::write(folder.join("app/orders.yaml"), ORDERS).expect("writes");
    let ask =
        |node: &str, arguments: &[&str]| said(&folder, &[&["--unit", node], arguments].concat());
    let append = |node: &str, id: &str| {
        ask(node, &["stream", "append", "orders", "--row", &format!("{{\"id\": \"{id}\"}}")])
    };
    let count = |node: &str| {
        let rows = ask(node, &["-o", "json", "sql", "SELECT count(*) AS n FROM orders"]);
        rows.chars().filter(char::is_ascii_digit).collect::<String>()
    };

    let mut first = Up::start(&folder, "a");
    first.read_until("is up");
    ask("a", &["apply", "-f", "app"]);
    append("a", "1");
    // What is sealed lies in the folder that both share.
    ask("a", &["table", "seal", "orders", "--wait"]);
    assert!(folder.join("shared/tables/orders/_delta_log").is_dir());
    append("a", "2");

    let mut second = Up::start(&folder, "b");
    second.read_until("stands by");
    for path in ["/health/ready", "/v1/streams"] {
        let answer = page(&folder, "b", path);
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("unit.standby") && answer.contains("node `a`"), "{answer}");
    }
    assert!(page(&folder, "b", "/health/live").starts_with("HTTP/1.1 200"));
    append("a", "3");

    first.kill();
    let time = ready(&folder, "b", TAKEOVER_MAX);
    println!("taken over within {time:?} of the death");
    assert_eq!(count("b"), "3");
    append("b", "4");

    // The first one comes back and waits. The second stands still: it does not renew its lease.
    let mut first = Up::start(&folder, "a");
    first.read_until("stands by");
    signal(second.child.id(), libc::SIGSTOP);
    let time = ready(&folder, "a", TAKEOVER_MAX);
    println!("taken over within {time:?} of the standstill");
    append("a", "5");
    signal(second.child.id(), libc::SIGCONT);
    // It finds out, takes no call any more, and ends.
    let clock = SystemClock::new();
    let status = loop {
        if let Some(status) = second.child.try_wait().expect("can be asked") {
            break status;
        }
        assert!(clock.monotonic() < PATIENCE, "a node that was fenced off goes on");
    };
    assert!(!status.success());
    assert_eq!(count("a"), "5");

    // In order: the store is let go of at once, and the next one need not wait for the lease to run out.
    first.stop();
    let mut second = Up::start(&folder, "b");
    second.read_until("is up");
    assert_eq!(count("b"), "5");
    second.stop();
    assert_eq!(said(&folder, &["verify", "a"]), "the store is sound\n");
}

#[test]
fn a_store_that_cannot_be_reached_leaves_no_half_of_a_unit() {
    let folder = folder("nodes", "unreachable");
    let url = format!("postgres://craton@{}/postgres", binary::address());
    let refused = |url: &str| {
        let output = binary::craton(&folder, &["init", "shop", "--store", url]).output();
        let output = output.expect("starts");
        assert!(!output.status.success());
        assert!(!folder.join("shop/unit.toml").exists() && !folder.join("shop/unit.key").exists());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&url).contains("[store.unavailable]"));
    let said = refused("postgres://craton:hidden@127.0.0.1/postgres");
    assert!(said.contains("[store.address]") && !said.contains("hidden"), "{said}");
    let said = refused("postgres://craton@db.example/postgres?sslmode=disable");
    assert!(said.contains("[store.address]"), "{said}");
}
