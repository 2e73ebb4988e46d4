//! Live views: who hears of what, and that nobody hears of what he may not read.

use base::{DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use kernel::{
    Call, Config, Credential, Engine, Found, Identity, Kernel, KindOf, Operation, Parts, Principal,
    Read, Relation, Reply, ResourceRef, Right, Site, View, Writer, decide, operation, read,
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::MemoryStore;

/// Keeps notes under their names.
struct Notes;

impl Engine for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "note",
            manifest: "",
            plural: "notes",
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let nothing = |_: &Self, _: &kernel::Reader, _: &Call| Ok(Reply::Value(Value::Null));
        vec![
            operation("note.get", Right::Read, "Shows a note.", read(&self, nothing)),
            operation("note.list", Right::Read, "Lists notes.", read(&self, nothing)).on_kind(),
            operation(
                "note.put",
                Right::Write,
                "Writes a note.",
                decide(&self, |_, tx, call| {
                    tx.put(kernel::key(b's').text(&call.resource.name), vec![1]);
                    match call.text("fail") {
                        Some(_) => Err(kernel::Error::Stopping.into()),
                        None => Ok(Reply::Value(Value::Null)),
                    }
                }),
            ),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn find(&self, _read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        Ok((kind == "note" && name != "none").then(Found::default))
    }

    fn sites(&self, kind: &str, name: Option<&str>) -> Vec<Site> {
        let key = kernel::key(b's');
        match (kind, name) {
            ("note", None) => vec![Site::Keys(key.bytes())],
            ("note", Some(name)) => vec![Site::Keys(key.text(name).bytes())],
            _ => Vec::new(),
        }
    }
}

struct Unit {
    kernel: Arc<Kernel>,
    writer: Writer,
}

impl Unit {
    fn new(config: Config) -> Self {
        let (kernel, writer) = Kernel::new(Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
            entropy: Arc::new(SeededEntropy::new(1)),
            engines: vec![Arc::new(Notes)],
            config,
        })
        .expect("a kernel");
        let mut unit = Self { kernel, writer };
        let policy = r#"permit (principal in Role::"reader", action in Action::"Read", resource in Kind::"note");"#;
        unit.apply(json!([
            manifest("Role", "reader", json!({"policies": policy})),
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("User", "rita", json!({"roles": ["reader"]})),
            manifest("User", "ned", json!({"roles": []})),
        ]));
        unit
    }

    fn call(&mut self, actor: Principal, operation: &str, resource: &str, args: Value) -> Value {
        let resource = resource.split_once('/').unwrap_or((resource, ""));
        let resource = ResourceRef::new(resource.0, resource.1);
        let call = Call::new(operation, resource, actor).with(args);
        let reply = self.writer.turn(&[call]).remove(0);
        reply.map_or_else(|problem| json!(problem.code), Reply::into_value)
    }

    fn apply(&mut self, manifests: Value) {
        let init = Principal::Unit("init".into());
        let args = json!({"manifests": manifests});
        let reply = self.call(init, "resource.apply", "resource", args);
        assert!(reply.is_object(), "{reply}");
    }

    fn put(&mut self, note: &str) {
        self.call(user("olga"), "note.put", &format!("note/{note}"), json!({}));
    }

    /// Returns somebody with a token, and the token's id.
    fn token(&mut self, name: &str) -> (Identity, String) {
        let args = json!({"user": name});
        let made = self.call(user("olga"), "token.create", "token", args);
        let secret = made["token"].as_str().expect("a secret");
        let identity = self.kernel.authenticate(&Credential::Bearer(secret)).expect("he is known");
        (identity, made["id"].as_str().expect("an id").to_owned())
    }

    fn view(&self, identity: &Identity, topics: &[&str]) -> Result<View, Problem> {
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        View::open(&self.kernel, identity.clone(), &topics)
    }

    fn news(&self, view: &mut View) -> String {
        view.news(self.kernel.live().tell()).join(" ")
    }
}

fn user(name: &str) -> Principal {
    Principal::User(name.into())
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn topics(view: &View) -> String {
    view.topics().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_viewer_hears_of_what_a_commit_has_changed_and_of_nothing_else() {
    let mut unit = Unit::new(Config::default());
    unit.put("a");
    unit.put("b");
    let mut view = unit
        .view(&Identity::of(user("olga")), &["note", "note/a", "user", "audit"])
        .expect("a view");
    assert_eq!(view.begun(), unit.kernel.commit());
    assert_eq!(unit.news(&mut view), "");
    unit.put("b");
    assert_eq!(unit.news(&mut view), "audit note");
    assert_eq!(unit.news(&mut view), "", "it was told");
    unit.put("a");
    unit.put("b");
    assert_eq!(unit.news(&mut view), "audit note note/a");
    let failed = unit.call(user("olga"), "note.put", "note/a", json!({"fail": "yes"}));
    assert_eq!(failed, "kernel.stopping");
    assert_eq!(unit.news(&mut view), "audit", "what was taken back is not told");
    unit.apply(json!([manifest("User", "una", json!({"roles": []}))]));
    assert_eq!(unit.news(&mut view), "audit user");
    assert_eq!(unit.kernel.live().topics(), 4);
    drop(view);
    assert_eq!(unit.kernel.live().topics(), 0);
}

#[test]
fn two_viewers_who_are_told_at_different_times_miss_nothing() {
    let mut unit = Unit::new(Config::default());
    let olga = Identity::of(user("olga"));
    let mut first = unit.view(&olga, &["note"]).expect("a view");
    unit.put("a");
    // The topic was changed and nobody was told yet when the second one comes.
    let mut second = unit.view(&olga, &["note"]).expect("a view");
    unit.put("b");
    assert_eq!(unit.news(&mut second), "note");
    assert_eq!(unit.news(&mut first), "note");
    unit.put("c");
    assert_eq!(unit.news(&mut first), "note");
    unit.put("d");
    assert_eq!(unit.news(&mut second), "note");
    assert_eq!(unit.news(&mut first), "note");
}

#[test]
fn who_may_not_read_hears_nothing() {
    let mut unit = Unit::new(Config::default());
    unit.put("a");
    let (ned, _) = unit.token("ned");
    let code = |result: Result<View, Problem>| result.err().map(|problem| problem.code);
    assert_eq!(code(unit.view(&ned, &["note", "user"])).as_deref(), Some("policy.forbidden"));
    let nobody = Identity::of(Principal::Anonymous);
    assert_eq!(code(unit.view(&nobody, &["note"])).as_deref(), Some("token.invalid"));
    let scoped = Identity { scope: vec!["Write".into()], ..Identity::of(user("olga")) };
    assert_eq!(code(unit.view(&scoped, &["note"])).as_deref(), Some("policy.forbidden"));
    // His own sessions he may list; of the notes he hears nothing beside them.
    let mut view = unit.view(&ned, &["session", "note", "note/a", "audit"]).expect("a view");
    assert_eq!(topics(&view), "session");
    unit.put("a");
    assert_eq!(unit.news(&mut view), "");
    // What he may not see looks as what is not there.
    let mut view = unit.view(&ned, &["note/a", "note/none"]).expect("a view");
    unit.put("a");
    assert_eq!((topics(&view).as_str(), unit.news(&mut view).as_str()), ("", ""));
}

#[test]
fn what_cannot_be_watched_is_named() {
    let unit = Unit::new(Config::default());
    let olga = Identity::of(user("olga"));
    for (topic, hint) in
        [("nots", "did you mean `note`?"), ("note/", "did you mean `note`?"), ("policy", "")]
    {
        let problem = unit.view(&olga, &[topic]).err().expect("it is refused");
        assert_eq!(problem.code, "live.topic");
        assert!(problem.hint.unwrap_or_default().contains(hint), "{topic}");
    }
    assert_eq!(unit.kernel.live().topics(), 0);
}

#[test]
fn a_change_of_rights_counts_at_once() {
    let mut unit = Unit::new(Config::default());
    let (rita, _) = unit.token("rita");
    let mut view = unit.view(&rita, &["note"]).expect("a view");
    assert!(!view.is_stale());
    unit.apply(json!([manifest("User", "rita", json!({"roles": []}))]));
    unit.put("a");
    assert!(view.is_stale());
    view.check().expect("she is still known");
    assert_eq!((topics(&view).as_str(), unit.news(&mut view).as_str()), ("", ""));
    unit.apply(json!([manifest("User", "rita", json!({"roles": ["reader"]}))]));
    assert!(view.is_stale());
    view.check().expect("she is known");
    unit.put("a");
    assert_eq!((topics(&view).as_str(), unit.news(&mut view).as_str()), ("note", "note"));
}

#[test]
fn a_view_ends_with_its_credential() {
    let mut unit = Unit::new(Config::default());
    let ((rita, id), (other, _)) = (unit.token("rita"), unit.token("rita"));
    let (mut view, mut beside) = (
        unit.view(&rita, &["note"]).expect("a view"),
        unit.view(&other, &["note"]).expect("a view"),
    );
    unit.call(user("olga"), "token.delete", &format!("token/{id}"), json!({}));
    assert!(view.is_stale() && beside.is_stale());
    assert_eq!(view.check().map_err(|problem| problem.code), Err("token.invalid".to_owned()));
    beside.check().expect("the other token holds");
    assert!(!beside.is_stale());
}

#[test]
fn beyond_the_limit_of_names_their_kind_is_told() {
    let mut unit = Unit::new(Config { watched_names_max: 1, ..Config::default() });
    ["a", "b", "c"].into_iter().for_each(|note| unit.put(note));
    let olga = Identity::of(user("olga"));
    let mut view = unit.view(&olga, &["note/a", "note/b"]).expect("a view");
    unit.put("a");
    assert_eq!(unit.news(&mut view), "note/a note/b");
    unit.put("c");
    assert_eq!(unit.news(&mut view), "note/b", "it is told with its kind");
}
