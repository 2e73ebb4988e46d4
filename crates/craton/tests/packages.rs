//! Packages between real units: packed and signed by one, installed by another, upgraded, removed, and refused where they must be.

mod binary;

use base::{Clock, SystemClock};
use binary::{Up, craton, init, said, wait_for};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Units of a test in their folder; all of them run.
struct Units {
    folder: PathBuf,
    up: Vec<(&'static str, Up)>,
}

impl Units {
    fn start(test: &str, names: &[&'static str]) -> Self {
        let folder = binary::folder("packages", test);
        for name in names {
            init(&folder, name, &["--bare"]);
        }
        let start = |name: &&'static str| {
            let mut up = Up::start(&folder, name);
            up.read_until("is up");
            (*name, up)
        };
        let up = names.iter().map(start).collect();
        Self { folder, up }
    }

    #[track_caller]
    fn say(&self, unit: &str, arguments: &[&str]) -> String {
        said(&self.folder, &[&["--unit", unit], arguments].concat())
    }

    #[track_caller]
    fn json(&self, unit: &str, arguments: &[&str]) -> Value {
        let text = self.say(unit, &[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Returns what SQL answers, as CSV with plain ends of lines.
    #[track_caller]
    fn ask(&self, unit: &str, sql: &str) -> String {
        self.say(unit, &["sql", sql, "-o", "csv"]).replace("\r\n", "\n")
    }

    fn wait(&self, unit: &str, sql: &str, expected: &str) {
        let is_there = |text: &str| text.replace("\r\n", "\n") == expected;
        wait_for(&self.folder, &["--unit", unit, "sql", sql, "-o", "csv"], is_there);
    }

    /// Checks that a command is refused with this exit status and code. Returns what it says.
    #[track_caller]
    fn refused(&self, unit: &str, arguments: &[&str], status: i32, code: &str) -> String {
        let output = craton(&self.folder, &[&["--unit", unit], arguments].concat()).output();
        let output = output.expect("starts");
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {err}");
        assert!(err.contains(&format!("[{code}]")), "{arguments:?}: {err}");
        err
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        std::fs::write(path, text).expect("writes");
    }

    /// Asks a unit over HTTP as its owner.
    fn post(&self, unit: &str, path: &str, body: &Value) -> Value {
        let read =
            |name: &str| std::fs::read_to_string(self.folder.join(unit).join(name)).expect("reads");
        let configuration: toml::Table = read("unit.toml").parse().expect("TOML");
        let listen = configuration["listen"].as_str().expect("an address");
        let url = format!("http://{listen}{path}");
        let request = ureq::http::Request::builder()
            .method("POST")
            .uri(&url)
            .header("authorization", format!("Bearer {}", read("owner.token").trim()))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .expect("a request");
        let agent = ::unit::agent(&::unit::Reach::to(&url)).expect("an agent");
        let response = agent.run(request).expect("the unit answers");
        let is_done = response.status().is_success();
        let bytes = response.into_body().read_to_vec().expect("reads");
        let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert!(is_done, "{answer}");
        answer
    }

    fn stop(&mut self) {
        for (name, up) in &mut self.up {
            up.stop();
            assert_eq!(said(&self.folder, &["verify", *name]), "the store is sound\n");
        }
    }
}

fn logistics() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/commerce/logistics")
        .display()
        .to_string()
}

const INSTALL: [&str; 5] = ["install", "logistics.tar", "--set", "responsible=owner", "--yes"];

#[test]
fn a_signed_package_installs_into_an_empty_unit_and_serves_the_contract() {
    let mut units = Units::start("serves", &["maker", "carrier", "shop"]);
    let packed = units.say("maker", &["pack", &logistics(), "--to", "logistics.tar"]);
    assert!(packed.contains("logistics 1.0.0 -> logistics.tar\n"), "{packed}");
    assert!(packed.contains("left out   3 users\n"), "{packed}");
    // Nobody the carrier knows has signed it, until it knows the maker.
    units.refused("carrier", &INSTALL, 3, "package.signer");
    units.say("carrier", &["peer", "add", "maker", "maker"]);
    let shown = units.json("carrier", &[&INSTALL[..4], &["--dry-run"]].concat());
    assert_eq!((&shown["applied"], &shown["installed"]), (&json!(false), &Value::Null));
    let roles = shown["asks"]["roles"].as_array().expect("roles");
    let dispatcher = roles.iter().find(|role| role["name"] == "dispatcher").expect("the role");
    assert_eq!(dispatcher["policies"][0]["actions"], json!(["stream.append"]));
    assert_eq!(shown["signed_by"]["name"], "maker");
    assert_eq!(units.say("carrier", &["package", "list"]), "nothing\n");
    let done = units.say("carrier", &INSTALL);
    assert!(
        done.lines().any(|line| line.starts_with("offer") && line.contains(" deliver ")),
        "{done}"
    );
    assert!(done.contains("  + process deliver\n"), "{done}");
    assert_eq!(
        units.say("carrier", &INSTALL).lines().last(),
        Some("nothing to do: 50 as declared")
    );
    assert_eq!(
        units.ask(
            "carrier",
            "SELECT name, version, signer_name, key, installed_by, parameters FROM system.packages"
        ),
        "name,version,signer_name,key,installed_by,parameters\nlogistics,1.0.0,maker,1,user:owner,\"{\"\"responsible\"\":\"\"owner\"\"}\"\n"
    );
    serve(&units);
    // What is installed lives on: after a kill, too.
    units.up[1].1.kill();
    let mut again = Up::start(&units.folder, "carrier");
    again.read_until("is up");
    units.up[1].1 = again;
    assert!(units.say("carrier", &["package", "list"]).contains("logistics   1.0.0     maker"));
    units.stop();
}

/// Lets the shop have a parcel delivered under a contract over what was installed.
fn serve(units: &Units) {
    units.say("carrier", &["peer", "add", "shop", "shop"]);
    units.say("shop", &["peer", "add", "carrier", "carrier"]);
    let propose = [
        "contract",
        "propose",
        "logistics",
        "--peer",
        "carrier",
        "--offer",
        "deliver",
        "--offer",
        "shipments",
    ];
    units.say("shop", &propose);
    units.wait(
        "shop",
        "SELECT state FROM system.contracts WHERE name = 'logistics'",
        "state\nfinalized\n",
    );
    let now = SystemClock::new().wall().to_string();
    let input = json!({
        "order_id": "o-1", "estimated_at": "2100-01-01T00:00:00Z", "customer_state": "SP",
        "seller_state": "RJ", "weight_g": 1200.5, "freight": 12.5,
    });
    let body = json!({"capability": "deliver", "input": input});
    let call = units.post("shop", "/v1/contracts/logistics/call", &body);
    assert!(call["call"].is_string(), "{call}");
    let stage = "SELECT stage FROM shipments_latest WHERE order_id = 'o-1'";
    units.wait("carrier", stage, "stage\nannounced\n");
    for (stream, field) in [("handovers", "handed_over_at"), ("deliveries", "delivered_at")] {
        let row = json!({"order_id": "o-1", field: now}).to_string();
        units.say("carrier", &["stream", "append", stream, "--row", &row]);
    }
    units.wait("carrier", stage, "stage\ndelivered\n");
    units.wait("shop", "SELECT state FROM system.calls", "state\nanswered\n");
    units.wait(
        "shop",
        "SELECT capability, answered, owed, agreed FROM system.ledger WHERE capability = 'deliver'",
        "capability,answered,owed,agreed\ndeliver,1,12.60,12.60\n",
    );
    assert_eq!(
        units.ask("shop", "SELECT order_id, stage FROM carrier.shipments"),
        "order_id,stage\no-1,delivered\n"
    );
}

#[test]
fn a_package_that_must_not_be_installed_is_refused_and_nothing_is_half_done() {
    let mut units = Units::start("refused", &["maker", "carrier"]);
    let folder = logistics();
    units.say("maker", &["pack", &folder, "--to", "logistics.tar"]);
    said(&units.folder, &["pack", &folder, "--to", "unsigned", "--unsigned"]);
    let again = units.refused("maker", &["pack", &folder, "--to", "logistics.tar"], 2, "cli.usage");
    assert!(again.contains("is there already"), "{again}");
    let set = ["--set", "responsible=owner"];
    let install = |package: &str, further: &[&str]| -> Vec<String> {
        let words = [&["install", package][..], &set, further].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let refused = |package: &str, further: &[&str], status: i32, code: &str| {
        let words = install(package, further);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        units.refused("carrier", &words, status, code)
    };
    refused("unsigned", &["--yes"], 3, "package.unsigned");
    refused("logistics.tar", &["--yes"], 3, "package.signer");
    refused("logistics.tar", &["--yes", "--unsigned"], 3, "package.signer");
    let card = units.post("maker", "/v1/keys/prepare", &json!({}));
    let id = card["unit"].as_str().expect("an id").to_owned();
    let signed = ["--signer", id.as_str()];
    refused("logistics.tar", &signed, 4, "package.consent");
    refused(
        "logistics.tar",
        &[&signed[..], &["--yes", "--set", "nobody=x"]].concat(),
        2,
        "cli.usage",
    );
    let owner = ["--yes", "--signer", id.as_str(), "--set", "responsible=ghost"];
    let words = [&["install", "logistics.tar"], &owner[..]].concat();
    units.refused("carrier", &words, 2, "kpi.owner");

    units.say("maker", &["pack", &folder, "--to", "damaged"]);
    let blobs = std::fs::read_dir(units.folder.join("damaged/blobs/sha256")).expect("blobs");
    for blob in blobs.map(|entry| entry.expect("an entry").path()) {
        let good = std::fs::read(&blob).expect("reads");
        if good == b"{}" {
            continue; // What a signature's manifest has in place of a config: nobody reads it.
        }
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        std::fs::write(&blob, bad).expect("writes");
        refused("damaged", &[&signed[..], &["--yes"]].concat(), 2, "package.damaged");
        std::fs::write(&blob, good).expect("writes");
    }

    units.write("may.yaml", "kinds: ['*']\noperations: [stream.append, task.open, contract.call, Read]\noffers_to: [any]\n");
    let may = [&signed[..], &["--yes", "--may", "may.yaml"]].concat();
    let err = refused("logistics.tar", &may, 4, "package.asks_too_much");
    assert_eq!(err.matches("error: ").count(), 1, "{err}");
    assert!(err.contains("the role `watch` may do process.start"), "{err}");
    assert_eq!(units.say("carrier", &["package", "list"]), "nothing\n");
    assert_eq!(units.say("carrier", &["get", "streams"]), "nothing\n");

    // Nobody gives what he does not hold, and all of it is named.
    units.write(
        "people/people.yaml",
        "apiVersion: craton/v1\nkind: User\nmetadata: {name: dev}\nspec: {roles: [developer]}\n",
    );
    units.say("carrier", &["apply", "-f", "people"]);
    let token = units.json("carrier", &["token", "create", "dev"]);
    let token = token["token"].as_str().expect("a token");
    let dev = [&signed[..], &["--yes", "--token", token]].concat();
    let err = refused("logistics.tar", &dev, 4, "package.asks_too_much");
    for word in ["the role `dispatcher`", "the role `watch`", "offer/deliver"] {
        assert!(err.contains(word), "{word} in {err}");
    }
    // What is there already stays whose it is.
    units.write(
        "mine/stream.yaml",
        "apiVersion: craton/v1\nkind: Stream\nmetadata: {name: handovers}\nspec: {schema: [{name: id, type: text}]}\n",
    );
    units.say("carrier", &["apply", "-f", "mine"]);
    let err = refused("logistics.tar", &[&signed[..], &["--yes"]].concat(), 6, "resource.taken");
    assert!(err.contains("belongs to the application `mine`"), "{err}");
    assert_eq!(units.say("carrier", &["package", "list"]), "nothing\n");
    assert_eq!(
        units.ask("carrier", "SELECT name FROM system.resources WHERE kind = 'stream'"),
        "name\nhandovers\n"
    );
    units.stop();
}

/// Writes the application `notes`, and packs it without a signature.
fn pack_notes(units: &Units, version: &str, streams: &[&str]) {
    let folder = format!("notes-{version}");
    units.write(
        &format!("{folder}/craton.yaml"),
        &format!("apiVersion: craton/v1\nkind: Application\nmetadata: {{name: notes}}\nspec: {{version: {version}}}\n"),
    );
    let mut text = String::new();
    for stream in streams {
        let (name, further) = stream.split_once('+').unwrap_or((stream, ""));
        let further = match further {
            "" => String::new(),
            column => format!(", {{name: {column}, type: text}}"),
        };
        text.push_str(&format!(
            "---\napiVersion: craton/v1\nkind: Stream\nmetadata: {{name: {name}}}\nspec: {{schema: [{{name: id, type: text, required: true}}{further}]}}\n"
        ));
    }
    units.write(&format!("{folder}/streams.yaml"), &text);
    said(&units.folder, &["pack", &folder, "--to", &format!("{folder}.tar"), "--unsigned"]);
}

#[test]
fn a_package_is_upgraded_and_removed_and_its_rows_stay() {
    let mut units = Units::start("upgraded", &["desk"]);
    pack_notes(&units, "1.0.0", &["ideas", "drafts"]);
    pack_notes(&units, "1.1.0", &["ideas+author"]);
    pack_notes(&units, "2.0.0", &["ideas+author", "done"]);
    let install = |version: &str, further: &[&str]| {
        let file = format!("notes-{version}.tar");
        units.say("desk", &[&["install", file.as_str(), "--unsigned", "--yes"], further].concat())
    };
    install("1.0.0", &[]);
    for stream in ["ideas", "drafts"] {
        units.say("desk", &["stream", "append", stream, "--row", r#"{"id": "a"}"#]);
    }
    let version = "SELECT version FROM system.packages";
    let done = install("1.1.0", &[]);
    assert!(done.contains("installed   1.0.0\n") && done.contains("  ~ stream ideas\n"), "{done}");
    assert!(!done.contains("- stream drafts"), "its rows stay: {done}");
    assert_eq!(units.ask("desk", version), "version\n1.1.0\n");
    assert_eq!(units.ask("desk", "SELECT id, author FROM ideas"), "id,author\na,\n");
    assert_eq!(units.ask("desk", "SELECT id FROM drafts"), "id\na\n");

    // An older version is refused; where it is wanted, the stream still does not lose a column.
    let older = ["install", "notes-1.0.0.tar", "--unsigned", "--yes"];
    let err = units.refused("desk", &older, 6, "package.version");
    assert!(err.contains("notes 1.0.0 is older than 1.1.0, which is installed"), "{err}");
    let older = [&older[..], &["--downgrade"]].concat();
    units.refused("desk", &older, 6, "stream.schema_change");
    assert_eq!(units.ask("desk", version), "version\n1.1.0\n");

    let done = install("2.0.0", &["--with-data"]);
    assert!(done.contains("  - stream drafts\n"), "{done}");

    let plan = units.say("desk", &["package", "remove", "notes", "--dry-run"]);
    assert_eq!(plan, "  - package notes\n0 to create, 0 to change, 1 to remove, 2 as they were\n");
    units.refused("desk", &["package", "remove", "notes"], 4, "package.consent");
    units.say("desk", &["package", "remove", "notes", "--yes"]);
    assert_eq!(units.ask("desk", "SELECT id FROM ideas"), "id\na\n");
    units.refused("desk", &["package", "remove", "notes", "--yes"], 5, "resource.not_found");
    install("2.0.0", &[]);
    assert_eq!(units.ask("desk", "SELECT id FROM ideas"), "id\na\n");
    units.say("desk", &["package", "remove", "notes", "--with-data", "--yes"]);
    assert_eq!(units.say("desk", &["get", "streams"]), "nothing\n");
    units.stop();
}

#[test]
fn what_was_applied_under_the_same_name_is_not_swept_away() {
    let mut units = Units::start("swept", &["desk"]);
    pack_notes(&units, "1.0.0", &["ideas"]);
    units.write(
        "notes/view.yaml",
        "apiVersion: craton/v1\nkind: View\nmetadata: {name: one}\nspec: {sql: 'SELECT 1 AS one'}\n",
    );
    units.say("desk", &["apply", "-f", "notes"]);
    let install = ["install", "notes-1.0.0.tar", "--unsigned", "--yes"];
    let err = units.refused("desk", &install, 6, "package.taken");
    assert!(err.contains("would remove view/one"), "{err}");
    assert_eq!(units.ask("desk", "SELECT one FROM public.one"), "one\n1\n");
    units.stop();
}
