//! What measurements over the whole kernel path share: a unit over a store that syncs each commit, 200 policies of which 20 match,
//! tokens, and calls as a door makes them.

use base::{SystemClock, SystemEntropy};
use data::Data;
use kernel::{Call, Credential, Handle, Kernel, Parts, Principal, Reply, ResourceRef};
use process::Processes;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use store::{FileBlobs, JournaledStore, Owner, PostgresConfig, PostgresStore, SqliteStore, Store};

/// `one` has a job and ends; `waits` waits for a message that never comes.
const ONE: &str = r#"<?xml version="1.0"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions">
  <bpmn:process id="one" isExecutable="true">
    <bpmn:startEvent id="begin"/>
    <bpmn:sequenceFlow id="f1" sourceRef="begin" targetRef="work"/>
    <bpmn:serviceTask id="work"><bpmn:extensionElements><zeebe:taskDefinition type="work"/></bpmn:extensionElements></bpmn:serviceTask>
    <bpmn:sequenceFlow id="f2" sourceRef="work" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process>
</bpmn:definitions>"#;
const WAITS: &str = r#"<?xml version="1.0"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="definitions">
  <bpmn:process id="waits" isExecutable="true">
    <bpmn:startEvent id="begin"/>
    <bpmn:sequenceFlow id="f1" sourceRef="begin" targetRef="answered"/>
    <bpmn:receiveTask id="answered" messageRef="m1"/>
    <bpmn:sequenceFlow id="f2" sourceRef="answered" targetRef="end"/>
    <bpmn:endEvent id="end"/>
  </bpmn:process>
  <bpmn:message id="m1" name="answer"><bpmn:extensionElements><zeebe:subscription correlationKey="=key"/></bpmn:extensionElements></bpmn:message>
</bpmn:definitions>"#;

/// The role whose 20 policies match; `ana` has it.
pub const ROLE: &str = "role3";
const ROLES: usize = 10;
const POLICIES: usize = 20;

/// How long a question in SQL may take: the history of millions of instances is read from its beginning.
const QUERY_MS_MAX: u64 = 600_000;

/// A unit, and the token of `ana`.
pub struct Unit {
    pub handle: Handle,
    pub token: String,
}

/// Returns a manifest.
pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// Returns the processes, who starts them, and 200 policies.
pub fn manifests() -> Vec<Value> {
    let policy = |number: usize, role: &str| {
        format!(
            "@id(\"p{number}\")\npermit (principal in Role::\"{role}\", action in Action::\"Run\", resource)\n\
             unless {{ resource has assignee && resource.assignee == \"x{number}\" }};\n"
        )
    };
    let mut manifests = vec![
        manifest("Process", "one", json!({"source": ONE})),
        manifest("Process", "waits", json!({"source": WAITS})),
        manifest("User", "ana", json!({"roles": [ROLE]})),
    ];
    for role in 0..ROLES {
        let name = format!("role{role}");
        let policies: String = (0..POLICIES).map(|number| policy(number, &name)).collect();
        manifests.push(manifest("Role", &name, json!({"policies": policies})));
    }
    manifests
}

impl Unit {
    /// Opens the unit of a folder, or makes it, with its store there or in a database; `more` is declared as well.
    pub fn open(folder: &Path, database: Option<&str>, more: Vec<Value>) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let tables: Arc<dyn Store> = match database {
            Some(url) => {
                let origin = folder.display().to_string();
                let owner = Owner { unit: "bench".into(), origin };
                Arc::new(PostgresStore::open(&PostgresConfig::new(url, "bench"), &owner).unwrap())
            }
            None => {
                // The name that it has in the folder of a unit, so that `craton up` goes on with it.
                let path = folder.join("store.db");
                Arc::new(SqliteStore::open(path, &store::Config::default()).unwrap())
            }
        };
        let limits = data::Config { query_ms_max: QUERY_MS_MAX, ..data::Config::default() };
        let (_, writer) = Kernel::new(Parts {
            store: Arc::new(JournaledStore::open(tables).unwrap()),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            engines: vec![
                Data::new(limits, Arc::new(FileBlobs::new(folder))) as Arc<dyn kernel::Engine>,
                Arc::new(Processes::new(process::Config::default())),
            ],
            config: kernel::Config::default(),
        })
        .unwrap();
        let mut unit = Self { handle: kernel::spawn(writer).unwrap(), token: String::new() };
        let olga = manifest("User", "olga", json!({"roles": ["owner"]}));
        let all: Vec<Value> = manifests().into_iter().chain([olga]).chain(more).collect();
        unit.apply(&Principal::Unit("init".into()), all);
        unit.token = unit.make_token("ana").1;
        unit
    }

    /// Declares.
    pub fn apply(&self, who: &Principal, manifests: Vec<Value>) {
        let apply = Call::new("resource.apply", ResourceRef::new("resource", ""), who.clone());
        self.handle.call(apply.with(json!({ "manifests": manifests }))).unwrap();
    }

    /// Makes a token of a user; returns its id and its secret.
    pub fn make_token(&self, user: &str) -> (String, String) {
        let olga = Principal::User("olga".into());
        let call = Call::new("token.create", ResourceRef::new("token", ""), olga);
        let made = self.handle.call(call.with(json!({"user": user}))).unwrap().into_value();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("token"))
    }

    /// Makes a call as a door does: who shows the token is found first. Nothing where the token is not known any more.
    pub fn call(
        &self,
        token: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Option<Call> {
        let identity = self.handle.authenticate(&Credential::Bearer(token)).ok()?;
        let resource = ResourceRef::new(on.0, on.1);
        let mut call = Call::new(operation, resource, identity.principal).with(args);
        call.scope = identity.scope;
        call.stamp = identity.stamp;
        Some(call)
    }

    /// Asks for one number in SQL; 0 where there is none.
    pub fn number(&self, sql: &str) -> u64 {
        let olga = Principal::User("olga".into());
        let ask = Call::new("sql.query", ResourceRef::new("sql", ""), olga)
            .with(json!({"sql": sql, "format": "csv"}));
        let Reply::Stream { pieces, .. } = self.handle.call(ask).unwrap() else {
            panic!("no rows: {sql}")
        };
        let text = pieces.map(Result::unwrap).collect::<Vec<_>>().concat();
        let text = String::from_utf8(text).unwrap();
        let number = text.lines().nth(1).unwrap_or_default().trim();
        if number.is_empty() { 0 } else { number.parse().unwrap() }
    }
}
