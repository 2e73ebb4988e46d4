//! What the console asks about rights: what I may do, who may do something, who there is, and who did what.

use base::{DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use kernel::{
    Call, Config, Credential, Handle, Kernel, Operation, Parts, Principal, ResourceRef, Target,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::MemoryStore;

struct Unit {
    kernel: Arc<Kernel>,
    handle: Handle,
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

impl Unit {
    fn new(people: Value) -> Self {
        Self::with(people, Config::default())
    }

    fn with(people: Value, config: Config) -> Self {
        let parts = Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
            entropy: Arc::new(SeededEntropy::new(5)),
            engines: Vec::new(),
            config: Config { password_memory_kib: 64, password_passes: 1, ..config },
        };
        let (kernel, writer) = Kernel::new(parts).expect("a kernel");
        let unit = Self { kernel, handle: kernel::spawn(writer).expect("a thread") };
        unit.apply("unit:init", people);
        unit
    }

    fn apply(&self, who: &str, manifests: Value) {
        let args = json!({"application": "people", "manifests": manifests});
        self.ask(who, "resource.apply", ("resource", ""), args).expect("applied");
    }

    fn ask(
        &self,
        who: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        self.ask_within(&[], who, operation, on, args)
    }

    fn ask_within(
        &self,
        scope: &[&str],
        who: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        let mut call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
        call.scope = scope.iter().map(|right| (*right).to_owned()).collect();
        self.handle.call(call).map(kernel::Reply::into_value)
    }

    fn mine(&self, who: &str, scope: &[&str]) -> BTreeMap<String, String> {
        let answer = self.ask_within(scope, who, "policy.mine", ("policy", ""), json!({}));
        let answer = answer.expect("an answer");
        serde_json::from_value(answer["operations"].clone()).expect("operations")
    }

    fn who(&self, asker: &str, operation: &str, resource: &str) -> Value {
        let args = json!({"operation": operation, "resource": resource});
        self.ask(asker, "policy.who", ("policy", ""), args).expect("an answer")
    }
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn user(name: &str, roles: &[&str]) -> Value {
    manifest("User", name, json!({ "roles": roles }))
}

fn role(name: &str, policies: &str) -> Value {
    manifest("Role", name, json!({ "policies": policies }))
}

/// People of all sorts, and roles whose policies look at this and that.
fn people() -> Value {
    json!([
        user("olga", &["owner"]),
        user("omar", &["operator"]),
        user("dana", &["developer"]),
        user("vera", &["viewer"]),
        user("ned", &[]),
        user("carl", &["clerk"]),
        user("ines", &["clerk", "limited"]),
        user("hana", &["helper", "second"]),
        role(
            "clerk",
            "permit (principal in Role::\"clerk\", action == Action::\"resource.get\", resource == Resource::\"user/ned\");
             permit (principal in Role::\"clerk\", action == Action::\"token.delete\", resource in Kind::\"token\");
             permit (principal in Role::\"clerk\", action in Action::\"Read\", resource in Kind::\"clock\");",
        ),
        role(
            "limited",
            "forbid (principal in Role::\"limited\", action == Action::\"token.delete\", resource) when { resource.name == \"t1\" };
             forbid (principal in Role::\"limited\", action, resource in Kind::\"session\");",
        ),
        role(
            "helper",
            "permit (principal in Role::\"helper\", action == Action::\"user.set_password\", resource in Kind::\"user\") when { principal in Role::\"first\" && resource.name != \"olga\" };
             permit (principal in Role::\"helper\", action == Action::\"user.delete_password\", resource in Kind::\"user\") when { principal in Role::\"second\" && resource.owner == \"user:hana\" };
             permit (principal == User::\"hana\", action, resource in Kind::\"quota\");",
        ),
        role("second", ""),
    ])
}

const EVERYBODY: [&str; 8] = ["olga", "omar", "dana", "vera", "ned", "carl", "ines", "hana"];

/// Resources on which an operation might be called.
fn resources(kernel: &Kernel, operation: &Operation) -> Vec<String> {
    let names = ["t1", "ned", "olga", "other"];
    let named = |kind: &str| names.map(|name| format!("{kind}/{name}")).to_vec();
    let kinds: Vec<&str> = kernel.kinds().map(|kind| kind.name).collect();
    match operation.target {
        Target::Whole => vec![operation.kind().to_owned()],
        Target::Named => named(operation.kind()),
        Target::AnyWhole => kinds.into_iter().map(str::to_owned).collect(),
        Target::Any => kinds.into_iter().flat_map(named).collect(),
    }
}

#[test]
fn what_i_may_is_never_less_than_what_is_allowed_and_all_is_all() {
    let unit = Unit::new(people());
    for name in EVERYBODY {
        let who = format!("user:{name}");
        let mine = unit.mine(&who, &[]);
        let operations = unit.kernel.operations().filter(|operation| !operation.is_internal);
        for operation in operations {
            let mut allowed = Vec::new();
            for resource in resources(&unit.kernel, operation) {
                let args = json!({"operation": operation.name, "resource": resource});
                let answer = unit.ask(&who, "policy.check", ("policy", ""), args);
                allowed.push(answer.expect("an answer")["allowed"] == true);
            }
            let told = mine.get(operation.name).map(String::as_str);
            match told {
                Some("all") => assert!(allowed.iter().all(|is| *is), "{who} {}", operation.name),
                Some(_) => assert_eq!(told, Some("some")),
                None => assert!(!allowed.contains(&true), "{who} {}", operation.name),
            }
        }
    }
}

#[test]
fn what_i_may_says_all_some_or_nothing() {
    let unit = Unit::new(people());
    let check = |who: &str, expected: &[(&str, Option<&str>)]| {
        let mine = unit.mine(who, &[]);
        for (operation, told) in expected {
            assert_eq!(mine.get(*operation).map(String::as_str), *told, "{who} {operation}");
        }
    };
    let (all, some) = (Some("all"), Some("some"));
    check("user:olga", &[("resource.apply", all), ("audit.list", all), ("secret.read", None)]);
    check("user:omar", &[("audit.list", all), ("secret.set", None), ("token.create", None)]);
    check("user:dana", &[("user.list", None), ("resource.list", some), ("policy.who", all)]);
    check(
        "user:ned",
        &[
            ("policy.mine", all),
            ("clock.list", all),
            ("clock.advance", None),
            ("session.end", some),
            ("user.set_password", some),
            ("audit.list", None),
            ("user.record", None),
        ],
    );
    check("user:carl", &[("resource.get", some), ("token.delete", all), ("token.list", None)]);
    check("user:ines", &[("token.delete", some), ("session.end", None), ("session.list", None)]);
    // A role that she does not hold is asked for; and one that she holds.
    check("user:hana", &[("user.delete_password", some), ("resource.delete", some)]);
}

#[test]
fn what_i_may_follows_the_scope_of_my_token_and_every_change_of_a_right() {
    let unit = Unit::new(people());
    let reading = unit.mine("user:olga", &["Read"]);
    assert!(reading.contains_key("audit.list") && !reading.contains_key("resource.apply"));
    assert!(!unit.mine("user:ned", &[]).contains_key("audit.list"));
    unit.apply("user:olga", {
        let mut manifests = people();
        manifests[4] = user("ned", &["operator"]);
        manifests
    });
    assert_eq!(unit.mine("user:ned", &[]).get("audit.list").map(String::as_str), Some("all"));
}

#[test]
fn who_may_names_users_and_roles_with_their_policies() {
    let unit = Unit::new(people());
    let answer = unit.who("user:olga", "token.delete", "token");
    let named = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().expect("items").iter();
        items.map(|item| item["principal"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(named(&answer), ["user:carl", "user:ines", "user:olga"]);
    assert_eq!(answer["items"][0]["roles"], json!(["clerk"]));
    assert_eq!(
        answer["items"][0]["policies"],
        json!([{"policy": "role:clerk/1", "role": "clerk", "line": 2, "effect": "permit"}])
    );
    let roles: Vec<&Value> =
        answer["roles"].as_array().expect("roles").iter().map(|each| &each["role"]).collect();
    assert_eq!(roles, ["clerk", "owner"]);
    assert_eq!((&answer["exists"], &answer["everybody"]), (&json!(true), &json!([])));
    let own = unit.who("user:olga", "user.set_password", "user/ned");
    assert_eq!(named(&own), ["user:ned", "user:olga"], "the one whose it is");
    let everybody = unit.who("user:olga", "clock.list", "clock");
    assert_eq!(everybody["everybody"][0]["policy"], "unit/clock");
    assert_eq!(named(&everybody).len(), EVERYBODY.len());
    let missing = unit.who("user:olga", "resource.get", "user/nobody");
    assert_eq!(missing["exists"], false);
}

#[test]
fn who_may_tells_only_of_whom_the_asker_may_see_and_comes_in_pages() {
    let unit = Unit::with(people(), Config { people_looks_max: 3, ..Config::default() });
    let refused = unit.ask(
        "user:vera",
        "policy.who",
        ("policy", ""),
        json!({"operation": "clock.list", "resource": "clock"}),
    );
    assert_eq!(refused.expect_err("she may not").code, "policy.forbidden");
    let mut args = json!({"operation": "clock.list", "resource": "clock"});
    let (mut found, mut calls) = (Vec::new(), 0);
    loop {
        let answer = unit.ask("user:dana", "policy.who", ("policy", ""), args.clone());
        let answer = answer.expect("an answer");
        calls += 1;
        let items = answer["items"].as_array().expect("items").iter();
        found.extend(items.map(|item| item["principal"].clone()));
        match answer["next"].as_str() {
            Some(next) => args["after"] = next.into(),
            None => break,
        }
    }
    assert_eq!((found, calls), (vec![json!("user:dana")], 3), "developers see no users");
}

#[test]
fn why_of_what_is_gone_says_so_and_names_no_role() {
    let unit = Unit::new(people());
    let args = json!({"operation": "session.end", "resource": "session/5f"});
    let why = unit.ask("user:ned", "policy.why", ("policy", ""), args).expect("an answer");
    let reason = "session/5f is not there: it has ended, or never was, or you may not see it";
    assert_eq!((&why["reason"], &why["roles_that_may"]), (&json!(reason), &json!([])));
    assert_eq!(why["steps"][2]["detail"], "no policy permits it on what is not there");
}

#[test]
fn users_are_listed_with_what_they_hold_and_without_secrets() {
    let unit = Unit::with(people(), Config { people_looks_max: 5, ..Config::default() });
    let password = "correct horse battery";
    let set = json!({ "password": password });
    unit.ask("user:olga", "user.set_password", ("user", "vera"), set).expect("set");
    let token = json!({"user": "vera", "summary": "till"});
    unit.ask("user:olga", "token.create", ("token", ""), token).expect("made");
    let sign_in = json!({"user": "vera", "password": password});
    let made = unit.ask("anonymous", "session.create", ("session", ""), sign_in).expect("made");
    let list = |after: Option<&str>| {
        let args = after.map_or_else(|| json!({}), |after| json!({ "after": after }));
        unit.ask("user:omar", "user.list", ("user", ""), args).expect("an answer")
    };
    let first = list(None);
    let second = list(first["next"].as_str());
    assert_eq!(second["next"], Value::Null);
    let items: Vec<Value> = [&first, &second]
        .iter()
        .flat_map(|answer| answer["items"].as_array().expect("items").clone())
        .collect();
    let names: Vec<&str> = items.iter().map(|item| item["user"].as_str().expect("text")).collect();
    assert_eq!(names, ["carl", "dana", "hana", "ines", "ned", "olga", "omar", "vera"]);
    let vera = &items[7];
    assert_eq!((&vera["roles"], &vera["declared"]), (&json!(["viewer"]), &json!(true)));
    assert_eq!((&vera["tokens"], &vera["sessions"]), (&json!(1), &json!(1)));
    assert!(vera["password_set"].is_string() && vera["seen"].is_string());
    assert_eq!((&items[4]["password_set"], &items[4]["seen"]), (&Value::Null, &Value::Null));
    let text = first.to_string() + &second.to_string();
    assert!(!text.contains("hash") && !text.contains("salt") && !text.contains("craton_"));
    let session = made["id"].as_str().expect("an id");
    unit.ask("user:vera", "session.end", ("session", session), json!({})).expect("ended");
    let ended = list(Some("omar"));
    assert_eq!(ended["items"][0]["sessions"], 0);
    assert_eq!(ended["items"][0]["seen"], vera["seen"], "when she was there is still known");
    let bearer = made["token"].as_str().expect("a token");
    assert!(unit.handle.authenticate(&Credential::Bearer(bearer)).is_err());
}

#[test]
fn the_audit_tells_who_did_what_to_whoever_may_read_it() {
    let unit = Unit::new(people());
    let refused = unit.ask("user:vera", "token.create", ("token", ""), json!({"user": "vera"}));
    assert_eq!(refused.expect_err("refused").code, "policy.forbidden");
    let ask = |who: &str, args: Value| unit.ask(who, "audit.list", ("audit", ""), args);
    let answer = ask("user:omar", json!({"actor": "vera"})).expect("an answer");
    let line = &answer["items"][0];
    assert_eq!(
        (&line["operation"], &line["outcome"]),
        (&json!("token.create"), &json!("policy.forbidden"))
    );
    let answer = ask("user:omar", json!({"operation": "resource.apply", "limit": 1}));
    assert_eq!(answer.expect("an answer")["items"][0]["actor"], "unit:init");
    assert_eq!(ask("user:vera", json!({})).expect_err("refused").code, "policy.forbidden");
    for wrong in [json!({"limit": "many"}), json!({"from": "soon"}), json!({"after": "x"})] {
        let problem = ask("user:omar", wrong.clone()).expect_err("refused");
        assert_eq!(problem.kind, base::Kind::Invalid, "{wrong}");
    }
}
