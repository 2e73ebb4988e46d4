//! No door without a check, at a real unit: each operation that its OpenAPI document lists is tried through the plain door and
//! through the TLS door of the peers, without a credential, with a forged one, and as a user without any role.

mod binary;

use binary::{Up, init, said};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// What everybody who is known may ask; the lists among it show only what one may see.
const OPEN_TO_USERS: [&str; 7] = [
    "policy.check",
    "unit.whoami",
    "task.list",
    "running.list",
    "running.kill",
    "running.pause",
    "running.resume",
];

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

fn doors(unit: &Path) -> [Door; 2] {
    let configuration: toml::Table = read(&unit.join("unit.toml")).parse().expect("TOML");
    let address = |name: &str| configuration[name].as_str().expect("an address").to_owned();
    let certificate =
        Certificate::from_pem(read(&unit.join("tls.pem")).as_bytes()).expect("a certificate");
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::new_with_certs(&[certificate]))
        .build();
    let config = || ureq::Agent::config_builder().http_status_as_error(false);
    [
        Door {
            name: "plain",
            url: format!("http://{}", address("listen")),
            agent: ::unit::agent(config().build()),
        },
        Door {
            name: "TLS",
            url: format!("https://{}", address("listen_peers")),
            agent: ::unit::agent(config().https_only(true).tls_config(tls).build()),
        },
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

#[test]
fn no_operation_is_done_for_somebody_who_may_not() {
    let folder = binary::folder("doors", "unit");
    init(&folder, "unit", &["--bare"]);
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
    for door in doors(&folder.join("unit")) {
        let all = listed(&door);
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
            let open: &[u16] = if listed.is_open { &[200] } else { &[401] };
            expect("nobody", None, open);
            expect("somebody with a forged token", Some("forged"), &[401]);
            if !listed.is_open && !OPEN_TO_USERS.contains(&listed.operation.as_str()) {
                expect("a user without a role", Some(ned), &[403, 404]);
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
    unit.stop();
}
