//! A canary: a random value that is set as a secret and used wherever it can be used. Then everything that the unit has written or
//! answered is searched for it, as it is and encoded. It is in none.

mod binary;

use api::probe::{Answer, Client};
use base::{Entropy, SystemEntropy};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use binary::{craton, init, said, signal, wait_for};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

/// The relations that the page about them lists.
const RELATIONS: &str = include_str!("../../../docs/reference/relations.md");

const BPMN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions" targetNamespace="test">
  <bpmn:process id="send" isExecutable="true">
    <bpmn:startEvent id="asked"><bpmn:outgoing>to_send</bpmn:outgoing></bpmn:startEvent>
    <bpmn:serviceTask id="mail">
      <bpmn:extensionElements>
        <zeebe:taskDefinition type="send-mail" retries="1" />
        <zeebe:taskHeaders><zeebe:header key="password" value="secret:mail" /></zeebe:taskHeaders>
      </bpmn:extensionElements>
      <bpmn:incoming>to_send</bpmn:incoming>
      <bpmn:outgoing>to_end</bpmn:outgoing>
    </bpmn:serviceTask>
    <bpmn:endEvent id="done"><bpmn:incoming>to_end</bpmn:incoming></bpmn:endEvent>
    <bpmn:sequenceFlow id="to_send" sourceRef="asked" targetRef="mail" />
    <bpmn:sequenceFlow id="to_end" sourceRef="mail" targetRef="done" />
  </bpmn:process>
</bpmn:definitions>
"#;

fn manifests(host: SocketAddr) -> String {
    format!(
        r#"apiVersion: craton/v1
kind: Process
metadata: {{name: send}}
spec: {{bpmn: send.bpmn}}
---
apiVersion: craton/v1
kind: Role
metadata: {{name: mailer}}
spec:
  policies: |
    permit (principal in Role::"mailer", action == Action::"secret.read", resource == Resource::"secret/mail");
    permit (principal in Role::"mailer", action in [Action::"Read", Action::"Run"], resource in Kind::"job");
---
apiVersion: craton/v1
kind: User
metadata: {{name: mailbot}}
spec: {{roles: [mailer]}}
---
apiVersion: craton/v1
kind: Secret
metadata: {{name: mail}}
spec: {{summary: Password of the mail server.}}
---
apiVersion: craton/v1
kind: Secret
metadata: {{name: feed}}
spec: {{summary: Key of the feed., hosts: ["{host}"]}}
"#
    )
}

/// A value that nobody could hit on, with signs that are written otherwise in an address.
fn canary() -> String {
    let mut bytes = [0; 12];
    SystemEntropy.fill(&mut bytes);
    format!("{}/+%&=:;?", base::hex(&bytes))
}

/// The forms in which it is searched for.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let bytes = canary.as_bytes();
    let escaped = |byte: &u8| {
        if byte.is_ascii_alphanumeric() {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    let percent: String = bytes.iter().map(escaped).collect();
    let mut forms = vec![
        canary.to_owned(),
        base::hex(bytes),
        base::hex(bytes).to_uppercase(),
        percent.to_lowercase(),
        percent,
        canary.chars().rev().collect(),
    ];
    for shift in 0..3 {
        let shifted = [&[0; 2][..shift], bytes].concat();
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // What depends on the neighbours is left out at both ends.
            forms.push(encoded[4..encoded.len() - 2].to_owned());
        }
    }
    forms.into_iter().map(String::into_bytes).collect()
}

fn is_in(forms: &[Vec<u8>], bytes: &[u8]) -> bool {
    forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()))
}

/// Returns the files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A server that wants the canary in a header. `/echo.csv` shows what it was sent.
fn serve(canary: &str) -> (SocketAddr, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("an address");
    let wanted = format!("authorization: bearer {}", canary.to_lowercase());
    let welcome = Arc::new(Mutex::new(0));
    let count = Arc::clone(&welcome);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.expect("a connection"), &wanted, &count);
        }
    });
    (address, welcome)
}

fn answer(stream: TcpStream, wanted: &str, count: &Mutex<usize>) {
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while reader.read_line(&mut head).is_ok_and(|read| 2 < read) {}
    let is_welcome = head.to_lowercase().contains(wanted);
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match (is_welcome, path) {
        (true, "/orders.csv") => ("200 OK", "id,name\n1,ana\n".to_owned()),
        (true, "/echo.csv") => {
            ("200 OK", format!("id,header\n1,{}\n", head.replace(['\r', '\n'], " ")))
        }
        (true, _) => ("404 Not Found", head.clone()),
        (false, _) => ("401 Unauthorized", String::new()),
    };
    *count.lock().expect("no panic") += usize::from(is_welcome);
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/csv\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    (&stream).write_all(answer.as_bytes()).expect("answers");
}

/// A unit that runs, and everything that was answered so far.
struct Unit {
    folder: PathBuf,
    child: Child,
    address: SocketAddr,
    owner: String,
    heard: Vec<u8>,
}

impl Unit {
    fn start(folder: &Path) -> Self {
        let unit = folder.join("shop");
        let child = up(folder);
        wait_for(folder, &["--unit", "shop", "clock", "get"], |_| true);
        let text = |name: &str| std::fs::read_to_string(unit.join(name)).expect("reads");
        let configuration: toml::Table = text("unit.toml").parse().expect("TOML");
        let address = configuration["listen"].as_str().expect("text").parse().expect("an address");
        let owner = text("owner.token").trim().to_owned();
        Self { folder: folder.to_owned(), child, address, owner, heard: Vec::new() }
    }

    /// Runs a command with input; keeps what it says on both outputs.
    fn run(&mut self, arguments: &[&str], input: &str) -> (bool, String) {
        let all = [&["--unit", "shop"][..], arguments].concat();
        let mut command = craton(&self.folder, &all);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("writes");
        let output = child.wait_with_output().expect("ends");
        self.heard.extend(&output.stdout);
        self.heard.extend(&output.stderr);
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command that must succeed.
    #[track_caller]
    fn say(&mut self, arguments: &[&str]) -> String {
        let (is_done, text) = self.run(arguments, "");
        assert!(is_done, "{arguments:?}: {}", String::from_utf8_lossy(&self.heard));
        text
    }

    fn send(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers =
            [("authorization", authorization.as_str()), ("content-type", "application/json")];
        let mut client = Client::connect(self.address).expect("it listens");
        client.send(method, path, &headers, body.as_bytes()).expect("it answers")
    }

    /// Asks as the owner, and keeps the answer with its headers.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(&self.owner, method, path, body);
        self.heard.extend(format!("{:?}", answer.headers).into_bytes());
        self.heard.extend(&answer.body);
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    fn stop(&mut self) {
        signal(self.child.id(), libc::SIGTERM);
        assert!(self.child.wait().expect("ends").success());
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // Where the test failed, nothing may go on running.
        let _ = self.child.kill();
    }
}

/// Runs the unit with everything that it logs in files.
fn up(folder: &Path) -> Child {
    let log = |name: &str| {
        let options =
            File::options().create(true).append(true).open(folder.join("shop").join(name));
        Stdio::from(options.expect("a log"))
    };
    let mut command = craton(folder, &["up", "shop"]);
    for name in ["CRATON_LOG", "RUST_LOG"] {
        command.env(name, "debug");
    }
    command.stdout(log("out.log")).stderr(log("err.log")).spawn().expect("starts")
}

/// Does everything that a worker, a process and an import do with a secret.
fn use_it(unit: &mut Unit, canary: &str, host: SocketAddr) {
    let token = unit.say(&["token", "create", "mailbot", "-o", "json"]);
    let token: Value = serde_json::from_str(&token).expect("JSON");
    let token = token["token"].as_str().expect("a token").to_owned();
    // The one answer that has it, to the one program whose role names it.
    let read = unit.send(&token, "POST", "/v1/secrets/mail/read", "{}");
    let value: Value = serde_json::from_slice(&read.body).expect("JSON");
    assert_eq!(value["value"], canary, "the worker works with it: {value}");
    assert_eq!(read.headers.get("cache-control").map(String::as_str), Some("no-store"));
    assert_eq!(unit.ask("POST", "/v1/secrets/mail/read", "{}")["code"], "policy.forbidden");
    for careless in 0..3 {
        unit.say(&["process", "start", "send"]);
        let body = json!({"type": "send-mail"}).to_string();
        let jobs = unit.ask("POST", "/v1/jobs/activate", &body);
        let job = &jobs["jobs"][0];
        assert_eq!(job["headers"]["password"], "secret:mail");
        let job = job["job"].as_str().expect("a job").to_owned();
        let (verb, body) = match careless {
            0 => ("complete", json!({"variables": {"log": format!("used {canary} to send")}})),
            1 => ("fail", json!({"message": format!("535 bad password `{canary}`"), "retries": 0})),
            _ => ("error", json!({"code": "MAIL", "message": canary, "variables": {"p": canary}})),
        };
        unit.ask("POST", &format!("/v1/jobs/{job}/{verb}"), &body.to_string());
    }
    let incidents = unit.say(&["incident", "list", "-o", "json"]);
    assert!(incidents.contains("535 bad password `***`"), "{incidents}");
    let orders = format!("http://{host}/orders.csv");
    unit.say(&["import", &orders, "--header-secret", "feed"]);
    assert!(unit.say(&["sql", "SELECT name FROM orders"]).contains("ana"));
    for path in ["echo.csv", "nothing.csv"] {
        let (is_done, _) =
            unit.run(&["import", &format!("http://{host}/{path}"), "--header-secret", "feed"], "");
        assert!(!is_done, "{path}");
    }
    let elsewhere = host.port().wrapping_add(1);
    let evil = format!("http://127.0.0.1:{elsewhere}/orders.csv");
    assert!(!unit.run(&["import", &evil, "--header-secret", "feed"], "").0, "it is for one host");
}

/// Makes mistakes with the value in hand.
fn mistake(unit: &mut Unit, canary: &str) {
    for body in [
        json!({"value": {"nested": canary}}),
        json!({"vale": canary}),
        json!({"value": canary, "encoding": canary}),
        json!(canary),
        json!([canary]),
    ] {
        let answer = unit.ask("POST", "/v1/secrets/mail/set", &body.to_string());
        assert!(answer["code"].is_string(), "{answer}");
    }
    let manifest = json!({
        "apiVersion": "craton/v1", "kind": "Secret", "metadata": {"name": "mail"}, "spec": {"value": canary},
    });
    let answer =
        unit.ask("POST", "/v1/resources/apply", &json!({"manifests": [manifest]}).to_string());
    assert_eq!(answer["code"], "manifest.invalid");
    let query = json!({"sql": format!("SELECT * FROM nowhere WHERE password = '{canary}' AND")});
    assert!(unit.ask("POST", "/v1/sql/query", &query.to_string())["code"].is_string());
}

/// Asks everything that can be asked by looking, on everything that is there.
fn look_everywhere(unit: &mut Unit) {
    let document = unit.ask("GET", "/v1/openapi.json", "");
    let paths: Vec<String> = document["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .filter(|(_, methods)| methods.get("get").is_some())
        .map(|(path, _)| path.clone())
        .collect();
    assert!(20 < paths.len(), "{paths:?}");
    let places = [
        ("secret", "mail"),
        ("secret", "feed"),
        ("process", "send"),
        ("user", "mailbot"),
        ("instance", "1"),
    ];
    for path in &paths {
        for (kind, name) in places {
            let path = path.replace("{kind}", kind).replace("{name}", name);
            unit.ask("GET", &path, "");
        }
    }
    for path in ["/metrics", "/health/live", "/health/ready", "/"] {
        unit.ask("GET", path, "");
    }
    let listed = RELATIONS.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let mut relations: Vec<String> = listed.map(str::to_owned).collect();
    relations.extend(["system.secrets", "system.signing_keys", "orders"].map(str::to_owned));
    assert!(15 < relations.len(), "{relations:?}");
    for relation in relations {
        let sql = json!({"sql": format!("SELECT * FROM {relation}")}).to_string();
        unit.ask("POST", "/v1/sql/query", &sql);
    }
    for command in [
        &["secret", "list"][..],
        &["secret", "get", "mail", "-o", "json"],
        &["get", "secret", "mail", "-o", "yaml"],
        &["describe", "secret/mail"],
        &["history", "secret", "mail"],
        &["apply", "-f", "app", "--dry-run"],
        &["key", "list"],
        &["ps"],
    ] {
        unit.run(command, "");
    }
}

#[test]
fn a_canary_is_found_in_nothing_that_the_unit_has_written_or_answered() {
    let folder = binary::folder("canary", "all");
    let canary = canary();
    let forms = forms(&canary);
    let (host, welcome) = serve(&canary);
    let app = folder.join("app");
    std::fs::create_dir_all(&app).expect("makes");
    std::fs::write(app.join("app.yaml"), manifests(host)).expect("writes");
    std::fs::write(app.join("send.bpmn"), BPMN).expect("writes");
    init(&folder, "shop", &["--bare"]);
    let mut unit = Unit::start(&folder);
    unit.say(&["apply", "-f", "app"]);
    for name in ["mail", "feed"] {
        let (is_set, text) = unit.run(&["secret", "set", name], &format!("{canary}\n"));
        assert!(is_set, "{text}");
    }
    use_it(&mut unit, &canary, host);
    assert_eq!(*welcome.lock().expect("no panic"), 3, "the import, the echo and the missing page");
    mistake(&mut unit, &canary);
    look_everywhere(&mut unit);
    unit.say(&["secret", "rotate"]);
    unit.say(&["key", "rotate"]);
    assert!(!unit.run(&["secret", "set", "nowhere"], &canary).0);
    unit.say(&["secret", "set", "mail", "--from-file", "app/send.bpmn"]);
    unit.stop();
    let heard = std::mem::take(&mut unit.heard);
    drop(unit);
    assert_eq!(said(&folder, &["verify", "shop"]), "the store is sound\n");
    // A second life: what was in the journal is in the tables, and what is known from the store is masked.
    let mut unit = Unit::start(&folder);
    look_everywhere(&mut unit);
    unit.stop();
    assert!(!is_in(&forms, &heard) && !is_in(&forms, &unit.heard), "in an answer");
    let files = files(&folder);
    assert!(files.iter().any(|file| file.ends_with("store.db")), "{files:?}");
    for file in &files {
        let bytes = std::fs::read(file).expect("reads");
        assert!(!is_in(&forms, &bytes), "in {}", file.display());
    }
    // The search does find it, where it is.
    let planted = [
        canary.as_str(),
        &base::hex(canary.as_bytes()),
        &STANDARD_NO_PAD.encode(format!("user:{canary}")),
    ]
    .map(|text| [&b"before "[..], text.as_bytes(), b" behind"].concat());
    assert!(planted.iter().all(|bytes| is_in(&forms, bytes)));
}

#[test]
fn a_unit_with_another_secret_key_does_not_start() {
    let folder = binary::folder("canary", "key");
    init(&folder, "shop", &["--bare"]);
    let mut unit = Unit::start(&folder);
    unit.say(&["secret", "create", "mail", "--summary", "Of the mail server"]);
    assert!(unit.run(&["secret", "set", "mail"], "a long enough value").0);
    unit.stop();
    let path = folder.join("shop/secret.key");
    let key = std::fs::read_to_string(&path).expect("reads");
    let refused = |expected: &str| {
        let output = craton(&folder, &["up", "shop"]).output().expect("ends");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(expected), "{error}");
    };
    let mut other = [7; 32];
    SystemEntropy.fill(&mut other);
    std::fs::write(&path, base::hex(&other)).expect("writes");
    refused("[secret.key]");
    std::fs::remove_file(&path).expect("removes");
    refused("[secret.key]");
    // It came from the environment all the time, as far as the unit can tell.
    let configuration = folder.join("shop/unit.toml");
    let text = std::fs::read_to_string(&configuration).expect("reads");
    let text = format!("{text}\n[secret_key]\nsource = \"environment\"\nname = \"SHOP_KEY\"\n");
    std::fs::write(&configuration, text).expect("writes");
    refused("[secret.key]");
    let bare: String = key.lines().filter(|line| !line.starts_with('#')).collect();
    let verified = craton(&folder, &["verify", "shop"]).env("SHOP_KEY", bare).output();
    assert!(verified.expect("ends").status.success());
}
