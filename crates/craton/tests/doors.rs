//! No door without a check, at a real unit: each operation that its OpenAPI document lists is tried through the plain door,
//! through the TLS door for people and through that of the peers: without a credential, with a forged one, and as a user without
//! any role, with his token and with a session that he has signed in to by password. Then the session ends.

mod binary;

use ::unit::{Reach, Trust};
use binary::{Up, init, said};
use serde_json::Value;
use std::path::Path;

/// What everybody who is known may ask; the lists among it show only what one may see.
const OPEN_TO_USERS: [&str; 18] = [
    "clock.list",
    "policy.check",
    "policy.mine",
    "policy.why",
    "unit.whoami",
    "unit.batch",
    "task.list",
    "form.get",
    "file.create",
    "screen.list",
    "session.list",
    "running.list",
    "running.kill",
    "running.pause",
    "running.resume",
    "subscription.key",
    "subscription.create",
    "subscription.list",
];

/// How one signs in: whoever tries is told that what he shows is wrong.
const SIGN_IN: [&str; 3] = ["session.create", "session.begin", "session.finish"];

/// An operation as the document describes it.
struct Listed {
    operation: String,
    method: String,
    path: String,
    is_open: bool,
}

/// A door, and the way through it.
struct Door {
    name: &'static str,
    url: String,
    agent: ureq::Agent,
}

impl Door {
    fn answer(&self, listed: &Listed, token: Option<&str>) -> u16 {
        let mut request = ureq::http::Request::builder()
            .method(listed.method.as_str())
            .uri(format!("{}{}", self.url, listed.path))
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = if listed.method == "POST" { "{}" } else { "" };
        let request = request.body(body.as_bytes()).expect("a request");
        self.agent.run(request).expect("the unit answers").status().as_u16()
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("reads").trim().to_owned()
}

fn doors(unit: &Path) -> [Door; 3] {
    let configuration: toml::Table = read(&unit.join("unit.toml")).parse().expect("TOML");
    let address = |name: &str| configuration[name].as_str().expect("an address").to_owned();
    let certificate = read(&unit.join("tls.pem"));
    let door = |name, url: String| {
        let reach = Reach { trust: Trust::Only(&certificate), ..Reach::to(&url) };
        let agent = ::unit::agent(&reach).expect("an agent");
        Door { name, url, agent }
    };
    [
        door("plain", format!("http://{}", address("listen"))),
        door("peers' TLS", format!("https://{}", address("listen_peers"))),
        door("TLS", format!("https://{}", address("listen_https"))),
    ]
}

/// Returns every operation of the document, its parameters filled with a name that nobody has.
fn listed(door: &Door) -> Vec<Listed> {
    let response = door.agent.get(format!("{}/v1/openapi.json", door.url)).call();
    let bytes = response.expect("a document").into_body().read_to_vec().expect("reads");
    let document: Value = serde_json::from_slice(&bytes).expect("JSON");
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let name = operation["operationId"].as_str().unwrap_or_default();
            if name.contains('.') {
                all.push(Listed {
                    operation: name.to_owned(),
                    method: method.to_uppercase(),
                    path: path.replace("{kind}", "stream").replace("{name}", "nobody"),
                    is_open: operation["security"].as_array().is_some_and(Vec::is_empty),
                });
            }
        }
    }
    all
}

/// Opens the TLS door for people on a port that is free.
fn listen_https(configuration: &Path) {
    let address = binary::address();
    let text = format!("{}\nlisten_https = \"{address}\"\n", read(configuration));
    std::fs::write(configuration, text).expect("writes");
}

/// Runs a command that must succeed, with input.
fn with_input(folder: &Path, arguments: &[&str], input: &str) {
    use std::io::Write;
    let mut command = binary::craton(folder, arguments);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("writes");
    assert!(child.wait().expect("ends").success(), "{arguments:?}");
}

/// Signs ned in by his password.
fn sign_in(door: &Door, password: &str) -> Option<Value> {
    let body = serde_json::json!({"user": "ned", "password": password}).to_string();
    let request = ureq::http::Request::builder()
        .method("POST")
        .uri(format!("{}/v1/sessions", door.url))
        .header("content-type", "application/json")
        .body(body.as_bytes())
        .expect("a request");
    let response = door.agent.run(request).expect("the unit answers");
    if response.status() != 200 {
        assert_eq!(response.status().as_u16(), 401);
        return None;
    }
    let bytes = response.into_body().read_to_vec().expect("reads");
    Some(serde_json::from_slice(&bytes).expect("JSON"))
}

#[test]
fn no_operation_is_done_for_somebody_who_may_not() {
    let folder = binary::folder("doors", "unit");
    init(&folder, "unit", &["--bare"]);
    listen_https(&folder.join("unit/unit.toml"));
    let mut unit = Up::start(&folder, "unit");
    unit.read_until("is up");
    let manifest = "apiVersion: craton/v1\nkind: User\nmetadata: {name: ned}\nspec: {roles: []}\n";
    std::fs::create_dir_all(folder.join("app")).expect("makes");
    std::fs::write(folder.join("app/ned.yaml"), manifest).expect("writes");
    said(&folder, &["--unit", "unit", "apply", "-f", "app"]);
    let made = said(&folder, &["--unit", "unit", "token", "create", "ned", "-o", "json"]);
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let ned = made["token"].as_str().expect("a secret");
    let mut faults = Vec::new();
    let doors = doors(&folder.join("unit"));
    with_input(
        &folder,
        &["--unit", "unit", "passwd", "ned", "--stdin"],
        "a long enough password\n",
    );
    for door in &doors {
        let all = listed(door);
        let session = sign_in(door, "a long enough password").expect("signed in");
        assert!(60 < all.len(), "{} operations", all.len());
        assert!(all.iter().any(|listed| listed.operation == "unit.settled"));
        for listed in &all {
            let mut expect = |who: &str, token: Option<&str>, expected: &[u16]| {
                let status = door.answer(listed, token);
                if !expected.contains(&status) {
                    faults.push(format!(
                        "{} as {who}, {} door: {status}",
                        listed.operation, door.name
                    ));
                }
            };
            let is_sign_in = SIGN_IN.contains(&listed.operation.as_str());
            let open: &[u16] = match (listed.is_open, is_sign_in) {
                (true, true) => &[400],
                (true, false) => &[200],
                (false, _) => &[401],
            };
            expect("nobody", None, open);
            expect("somebody with a forged token", Some("forged"), &[401]);
            if !listed.is_open && !OPEN_TO_USERS.contains(&listed.operation.as_str()) {
                expect("a user without a role", Some(ned), &[403, 404]);
                expect("the same, signed in", session["token"].as_str(), &[403, 404]);
            }
        }
        assert!(sign_in(door, "another long password").is_none());
        let id = session["id"].as_str().expect("an id");
        let own = |path: &str| Listed {
            operation: String::new(),
            method: if path.ends_with("end") { "POST" } else { "GET" }.to_owned(),
            path: path.to_owned(),
            is_open: false,
        };
        let token = session["token"].as_str();
        assert_eq!(door.answer(&own("/v1/units/whoami"), token), 200);
        assert_eq!(door.answer(&own(&format!("/v1/sessions/{id}/end")), token), 200);
        assert_eq!(door.answer(&own("/v1/units/whoami"), token), 401, "it has ended");
    }
    assert_eq!(faults, Vec::<String>::new());
    unit.stop();
}
