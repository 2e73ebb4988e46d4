//! The kernel path on a store in memory: who may do what, what is kept, what is audited.

use base::{Clock, DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use kernel::{
    Call, Cell, Config, Credential, Kernel, Parts, Principal, Read, Reader, ResourceRef, Scan,
    Writer,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{Faults, FaultyStore, MemoryStore, Store};

/// A clock whose wall time stands still until a test moves it.
struct StillClock(AtomicI64);

impl Clock for StillClock {
    fn business(&self) -> Time {
        Time(0)
    }

    fn wall(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn is_driven(&self) -> bool {
        true
    }

    fn advance(&self, _to: Time) -> bool {
        true
    }
}

fn unit() -> (Arc<Kernel>, Writer) {
    unit_on(Arc::new(MemoryStore::new()), Arc::new(DrivenClock::new(Time(0), SystemClock::new())))
}

fn unit_on(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> (Arc<Kernel>, Writer) {
    let parts = Parts {
        store,
        clock,
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: Vec::new(),
        config: Config::default(),
    };
    Kernel::new(parts).expect("a kernel starts on an empty store")
}

fn call(
    writer: &mut Writer,
    who: &str,
    operation: &str,
    on: (&str, &str),
    args: Value,
) -> Result<Value, Problem> {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    let call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
    writer.turn(&[call]).remove(0).map(kernel::Reply::into_value)
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn apply(writer: &mut Writer, who: &str, manifests: Value) -> Result<Value, Problem> {
    let args = json!({"manifests": manifests});
    call(writer, who, "resource.apply", ("resource", ""), args)
}

fn with_people() -> (Arc<Kernel>, Writer) {
    let (kernel, mut writer) = unit();
    apply_people(&mut writer);
    (kernel, writer)
}

fn apply_people(writer: &mut Writer) {
    let people = json!([
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest("User", "otto", json!({"roles": ["operator"]})),
        manifest("User", "vera", json!({"roles": ["viewer"]})),
    ]);
    apply(writer, "unit:init", people).expect("the first people are applied");
}

fn code(result: Result<Value, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".into())
}

#[test]
fn apply_shows_a_plan_and_does_all_or_none() {
    let (_, mut writer) = with_people();
    let good = manifest(
        "Role",
        "clerk",
        json!({"policies": "permit(principal in Role::\"clerk\", action == Action::\"clock.list\", resource);"}),
    );
    let bad = manifest(
        "Role",
        "broken",
        json!({"policies": "permit(principal in Role::\"broken\", action == Action::\"clock.lisst\", resource);"}),
    );
    assert_eq!(code(apply(&mut writer, "user:olga", json!([good, bad]))), "policy.invalid");
    let gone = call(&mut writer, "user:olga", "resource.get", ("role", "clerk"), json!({}));
    assert_eq!(code(gone), "resource.not_found", "nothing half done");
}

#[test]
fn a_dry_run_changes_nothing() {
    let (kernel, mut writer) = with_people();
    let before = kernel.commit();
    let args =
        json!({"dry_run": true, "manifests": [manifest("User", "ana", json!({"roles": []}))]});
    let plan =
        call(&mut writer, "user:olga", "resource.apply", ("resource", ""), args).expect("a plan");
    assert_eq!(plan["plan"][0]["action"], "create");
    assert_eq!(plan["applied"], false);
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    assert!(reader.resource("user", "ana").expect("a look").is_none());
    assert!(before <= kernel.commit());
}

#[test]
fn what_left_the_folder_is_removed() {
    let (kernel, mut writer) = with_people();
    let user = |name: &str| manifest("User", name, json!({"roles": []}));
    let folder = |users: Value| json!({"application": "shop", "manifests": users});
    let both = folder(json!([user("ana"), user("bob")]));
    call(&mut writer, "user:olga", "resource.apply", ("resource", ""), both).expect("applied");
    let one = folder(json!([user("ana")]));
    let plan =
        call(&mut writer, "user:olga", "resource.apply", ("resource", ""), one).expect("applied");
    let actions: Vec<_> =
        plan["plan"].as_array().expect("steps").iter().map(|step| step["action"].clone()).collect();
    assert_eq!(actions, ["keep", "remove"]);
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    assert!(reader.resource("user", "bob").expect("a look").is_none());
    assert!(reader.resource("user", "vera").expect("a look").is_some(), "of no application");
}

#[test]
fn who_installs_takes_nothing_from_others() {
    let (kernel, mut writer) = with_people();
    let install = |writer: &mut Writer, names: &[&str]| {
        let manifests: Vec<Value> =
            names.iter().map(|name| manifest("Role", name, json!({}))).collect();
        let args = json!({"application": "shop", "exclusive": true, "manifests": manifests});
        call(writer, "user:olga", "resource.apply", ("resource", ""), args)
    };
    install(&mut writer, &["clerk"]).expect("installed");
    install(&mut writer, &["clerk", "buyer"]).expect("its own may change");
    let other =
        json!({"application": "desk", "manifests": [manifest("Role", "packer", json!({}))]});
    call(&mut writer, "user:olga", "resource.apply", ("resource", ""), other).expect("applied");
    apply(&mut writer, "user:olga", json!([manifest("Role", "porter", json!({}))]))
        .expect("applied");
    let problem =
        install(&mut writer, &["packer", "porter", "viewer", "driver"]).expect_err("refused");
    let all: Vec<&str> =
        std::iter::once(&problem).chain(&problem.also).map(|one| one.message.as_str()).collect();
    assert_eq!(problem.code, "resource.taken");
    assert_eq!(
        all,
        [
            "role/packer is there already, and belongs to the application `desk`",
            "role/porter is there already, and belongs to no application",
            "role/viewer is there already, and belongs to no application",
        ]
    );
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    assert!(reader.resource("role", "driver").expect("a look").is_none(), "nothing half done");
    assert!(reader.resource("role", "clerk").expect("a look").is_some());
}

#[test]
fn nobody_grants_what_he_does_not_hold() {
    let (_, mut writer) = with_people();
    let promoted = json!([manifest("User", "otto", json!({"roles": ["owner"]}))]);
    assert_ne!(code(apply(&mut writer, "user:otto", promoted)), "ok");
    let token =
        call(&mut writer, "user:otto", "token.create", ("token", ""), json!({"user": "olga"}));
    assert_ne!(code(token), "ok");
}

#[test]
fn who_could_not_declare_a_limit_does_not_take_it_away() {
    let (_, mut writer) = with_people();
    let keeper = "permit(principal in Role::\"keeper\", action, resource) \
                  when { [\"quota\", \"role\", \"resource\"].contains(resource.kind) };";
    let tied =
        "forbid(principal in Role::\"tied\", action == Action::\"clock.advance\", resource);";
    let declared = json!([
        manifest("Role", "keeper", json!({ "policies": keeper })),
        manifest("Role", "tied", json!({ "policies": tied })),
        manifest("User", "kim", json!({"roles": ["keeper", "tied"]})),
        manifest("Quota", "slow", json!({"for": "user/kim", "rate": 1_000})),
    ]);
    let folder = |manifests: Value| json!({"application": "shop", "manifests": manifests});
    let mut does = |who: &str, operation: &str, on: (&str, &str), args: Value| {
        code(call(&mut writer, who, operation, on, args))
    };
    assert_eq!(does("user:olga", "resource.apply", ("resource", ""), folder(declared)), "ok");
    for on in [("quota", "slow"), ("role", "tied")] {
        assert_eq!(does("user:kim", "resource.delete", on, json!({})), "policy.grant");
    }
    let lifted = json!([manifest("Quota", "slow", json!({"for": "user/kim", "rate": 9_000}))]);
    let lifted = json!({ "manifests": lifted });
    assert_eq!(does("user:kim", "resource.apply", ("resource", ""), lifted), "policy.grant");
    assert_eq!(does("user:olga", "resource.delete", ("quota", "slow"), json!({})), "ok");
}

/// A unit in which kim may declare secrets.
fn with_a_maker() -> (Arc<Kernel>, Writer) {
    let (kernel, mut writer) = with_people();
    let maker = "permit(principal in Role::\"maker\", action, resource) \
                 when { [\"secret\", \"resource\"].contains(resource.kind) };";
    let people = json!([
        manifest("Role", "maker", json!({ "policies": maker })),
        manifest("User", "kim", json!({"roles": ["maker"]})),
    ]);
    apply(&mut writer, "user:olga", people).expect("applied");
    (kernel, writer)
}

#[test]
fn an_author_owns_what_he_applies_and_leaves_it_in_its_application() {
    let (kernel, mut writer) = with_a_maker();
    let mut put = |who: &str, application: Option<&str>, owner: Option<&str>, summary: &str| {
        let mut one = manifest("Secret", "mail", json!({ "summary": summary }));
        if let Some(owner) = owner {
            one["metadata"]["owner"] = json!(owner);
        }
        let mut args = json!({ "manifests": [one] });
        if let Some(application) = application {
            args["application"] = json!(application);
        }
        let done = call(&mut writer, who, "resource.apply", ("resource", ""), args);
        let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
        let held = reader.resource("secret", "mail").expect("a look");
        let held = held.map(|held| {
            let label = held.labels.get("craton/application").map_or("-", String::as_str);
            format!("{} {label}", held.owner)
        });
        (code(done), held.unwrap_or_default())
    };
    let found = |code: &str, held: &str| (code.to_owned(), held.to_owned());
    assert_eq!(put("user:kim", None, Some("user:olga"), "1"), found("policy.grant", ""));
    assert_eq!(put("user:kim", None, Some("role:viewer"), "2"), found("policy.grant", ""));
    assert_eq!(put("user:kim", None, Some("role:maker"), "3"), found("ok", "role:maker -"));
    let by_olga = put("user:olga", Some("shop"), Some("user:otto"), "4");
    assert_eq!(by_olga, found("ok", "user:otto shop"), "an owner may");
    let kept = put("user:kim", None, Some("user:otto"), "5");
    assert_eq!(kept, found("ok", "user:otto shop"), "both were so before");
    let moved = put("user:kim", Some("desk"), None, "6");
    assert_eq!(moved, found("resource.taken", "user:otto shop"));
    assert_eq!(put("user:kim", Some("shop"), None, "7"), found("ok", "user:kim shop"));
    assert_eq!(put("user:olga", Some("desk"), None, "8"), found("ok", "user:olga desk"));
}

#[test]
fn nobody_puts_anything_into_an_application_in_which_he_has_no_part() {
    let (kernel, mut writer) = with_a_maker();
    let mut put = |who: &str, name: &str, application: &str, further: Value| {
        let mut one = manifest("Secret", name, json!({"summary": "one"}));
        one["metadata"]
            .as_object_mut()
            .expect("fields")
            .extend(further.as_object().cloned().unwrap_or_default());
        let mut args = json!({ "manifests": [one] });
        if !application.is_empty() {
            args["application"] = json!(application);
        }
        // What the application has beside it stays.
        args["keep"] = json!(["secret"]);
        let done = call(&mut writer, who, "resource.apply", ("resource", ""), args);
        done.map_or_else(
            |problem| format!("{}: {}", problem.code, problem.message),
            |_| "ok".into(),
        )
    };
    let label = json!({"labels": {"craton/application": "shop"}});
    assert_eq!(put("user:olga", "mail", "shop", json!({})), "ok");
    let refused = |name: &str| {
        format!(
            "resource.taken: secret/{name} cannot be put into the application `shop`, which is somebody else's"
        )
    };
    assert_eq!(put("user:kim", "big", "shop", json!({})), refused("big"));
    assert_eq!(put("user:kim", "big", "", label.clone()), refused("big"));
    // Neither does he put into it what he has already.
    assert_eq!(put("user:kim", "own", "", json!({})), "ok");
    assert_eq!(put("user:kim", "own", "", label.clone()), refused("own"));
    assert_eq!(put("user:kim", "own", "kims", json!({})), "ok", "an application of his own");
    assert_eq!(put("user:kim", "more", "kims", json!({})), "ok");
    let of_role = json!({"owner": "role:maker"});
    assert_eq!(put("user:olga", "shared", "shop", of_role), "ok");
    assert_eq!(put("user:kim", "big", "", label), "ok", "one of them is his role's");
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    let owner = |name: &str| {
        reader.resource("secret", name).expect("a look").map(|held| held.owner.clone())
    };
    assert_eq!((owner("mail"), owner("big")), (Some("user:olga".into()), Some("user:kim".into())));
}

#[test]
fn what_is_to_stay_is_looked_up_in_the_commit_that_removes_the_rest() {
    let (kernel, mut writer) = with_people();
    let first = json!({"application": "shop", "manifests": [
        manifest("Role", "clerk", json!({})),
        manifest("User", "ana", json!({"roles": []})),
    ]});
    let mut does =
        |args: Value| call(&mut writer, "user:olga", "resource.apply", ("resource", ""), args);
    does(first).expect("applied");
    let wrong = json!({"application": "shop", "manifests": [], "keep": ["rolle"]});
    let problem = does(wrong).expect_err("that is no kind");
    assert_eq!(problem.code, "call.invalid");
    assert!(problem.message.ends_with("; did you mean `role`?"), "{}", problem.message);
    // Somebody looks at what there is, and another adds to it before the first removes the rest.
    let label = json!({"name": "late", "labels": {"craton/application": "shop"}});
    let late = json!({"apiVersion": "craton/v1", "kind": "Role", "metadata": label, "spec": {}});
    does(json!({ "manifests": [late] })).expect("applied");
    let removal = json!({"application": "shop", "manifests": [], "keep": ["role"]});
    let plan = does(removal).expect("applied");
    let steps = plan["plan"].as_array().expect("steps").iter();
    let steps: Vec<String> =
        steps.map(|step| format!("{} {}", step["action"], step["name"]).replace('"', "")).collect();
    assert_eq!(steps, ["keep clerk", "keep late", "remove ana"]);
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    let held = reader.resource("role", "late").expect("a look").expect("it stays");
    assert_eq!((held.version, held.labels["craton/application"].as_str()), (1, "shop"));
    assert!(reader.resource("user", "ana").expect("a look").is_none());
}

#[test]
fn a_limit_holds_from_its_commit_on_and_not_without_one() {
    let store = FaultyStore::new(Arc::new(MemoryStore::new()), 1, Faults::default());
    let store = Arc::new(store);
    let (kernel, mut writer) = unit_on(store.clone(), Arc::new(StillClock(AtomicI64::new(0))));
    apply_people(&mut writer);
    let mut limited = || {
        let args = json!({"principal": "user:vera", "rate": 1});
        let done = call(&mut writer, "user:olga", "running.limit", ("running", ""), args);
        let vera = Principal::User("vera".into());
        let ask = Call::new("unit.whoami", ResourceRef::new("unit", ""), vera);
        let asked = (0..3).map(|_| kernel.read(&ask).map(kernel::Reply::into_value));
        let is_refused = asked.map(code).any(|code| code == "quota.exceeded");
        (done.is_ok(), is_refused)
    };
    store.set_full(true);
    assert_eq!(limited(), (false, false));
    store.set_full(false);
    assert_eq!(limited(), (true, true));
}

#[test]
fn an_unknown_kind_or_field_names_its_neighbour() {
    let (_, mut writer) = with_people();
    let problem = apply(&mut writer, "user:olga", json!([manifest("Usr", "x", json!({}))]))
        .expect_err("refused");
    assert_eq!(problem.hint.as_deref(), Some("did you mean `User`?"));
    let problem =
        apply(&mut writer, "user:olga", json!([manifest("User", "x", json!({"role": []}))]))
            .expect_err("refused");
    assert_eq!(problem.hint.as_deref(), Some("did you mean `roles`?"));
    let problem = apply(
        &mut writer,
        "user:olga",
        json!([manifest("User", "x", json!({"roles": ["ghost"]}))]),
    )
    .expect_err("refused");
    assert_eq!(problem.code, "manifest.reference");
}

#[test]
fn a_token_works_until_it_is_revoked() {
    let (kernel, mut writer) = with_people();
    let made =
        call(&mut writer, "user:olga", "token.create", ("token", ""), json!({"user": "vera"}))
            .expect("a token");
    let secret = made["token"].as_str().expect("a secret").to_owned();
    let identity = kernel.authenticate(&Credential::Bearer(&secret)).expect("known");
    assert_eq!(identity.principal, Principal::User("vera".into()));
    let id = made["id"].as_str().expect("an id").to_owned();
    call(&mut writer, "user:olga", "token.delete", ("token", &id), json!({})).expect("revoked");
    assert!(kernel.authenticate(&Credential::Bearer(&secret)).is_err());
}

#[test]
fn who_was_looked_at_again_is_refused_once_his_token_is_revoked() {
    let (kernel, mut writer) = with_people();
    let made =
        call(&mut writer, "user:olga", "token.create", ("token", ""), json!({"user": "vera"}))
            .expect("a token");
    let secret = made["token"].as_str().expect("a secret");
    let identity = kernel.authenticate(&Credential::Bearer(secret)).expect("known");
    let another = json!([manifest("User", "ana", json!({"roles": []}))]);
    apply(&mut writer, "user:olga", another).expect("rights change");
    let seen = kernel.rights_changes() & !1;
    let reader = Reader::new(&kernel, identity.principal.clone()).expect("a reader");
    kernel.holds(&reader, &identity).expect("it holds");
    let identity = identity.as_of(seen);
    let ask = || {
        let who = identity.principal.clone();
        let mut call = Call::new("unit.whoami", ResourceRef::new("unit", ""), who);
        call.stamp.clone_from(&identity.stamp);
        code(kernel.read(&call).map(kernel::Reply::into_value))
    };
    assert_eq!(ask(), "ok");
    let id = ("token", made["id"].as_str().expect("an id"));
    call(&mut writer, "user:olga", "token.delete", id, json!({})).expect("revoked");
    assert_eq!(ask(), "token.invalid");
}

#[test]
fn a_call_with_a_key_happens_once() {
    let (_, mut writer) = with_people();
    let declare = |name: &str| {
        let manifests = json!([manifest("User", name, json!({"roles": []}))]);
        json!({ "manifests": manifests })
    };
    let olga = Principal::User("olga".into());
    let mut create =
        Call::new("resource.apply", ResourceRef::new("resource", ""), olga).with(declare("ana"));
    create.key = Some("k1".into());
    let first =
        writer.turn(&[create.clone()]).remove(0).map(kernel::Reply::into_value).expect("made");
    let again = writer
        .turn(&[create.clone()])
        .remove(0)
        .map(kernel::Reply::into_value)
        .expect("remembered");
    assert_eq!(first, again);
    create.args = declare("bo");
    let other = writer.turn(&[create]).remove(0).map(kernel::Reply::into_value);
    assert_eq!(code(other), "call.key_reused");
}

#[test]
fn a_call_that_took_its_resource_away_is_answered_again() {
    let (_, mut writer) = with_people();
    let manifests = json!([manifest("User", "ana", json!({"roles": []}))]);
    let made = json!({ "manifests": manifests });
    call(&mut writer, "user:olga", "resource.apply", ("resource", ""), made).expect("declared");
    let mut delete = |who: &str, key: &str, scope: &[&str]| {
        let who = Principal::try_from(who.to_owned()).expect("a principal");
        let mut delete = Call::new("resource.delete", ResourceRef::new("user", "ana"), who);
        delete.key = Some(key.into());
        delete.scope = scope.iter().map(|right| (*right).to_owned()).collect();
        writer.turn(&[delete]).remove(0).map(kernel::Reply::into_value)
    };
    let first = delete("user:olga", "k1", &[]).expect("removed");
    assert_eq!(delete("user:olga", "k1", &[]).expect("remembered"), first);
    assert_eq!(code(delete("user:olga", "k2", &[])), "resource.not_found", "it is another call");
    assert_eq!(code(delete("user:vera", "k1", &[])), "resource.not_found", "it was not hers");
    assert_ne!(code(delete("user:olga", "k1", &["Read"])), "ok", "the token is cut down");
}

#[test]
fn the_clock_is_driven_by_who_may_and_survives_a_restart() {
    let (kernel, mut writer) = with_people();
    let to = json!({"to": "2018-01-01T00:00:00Z"});
    assert_eq!(
        code(call(&mut writer, "user:vera", "clock.advance", ("clock", ""), to.clone())),
        "policy.forbidden"
    );
    assert_eq!(code(call(&mut writer, "user:otto", "clock.advance", ("clock", ""), to)), "ok");
    let parts = Parts {
        store: Arc::clone(kernel.store()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: Vec::new(),
        config: Config::default(),
    };
    let (again, _) = Kernel::new(parts).expect("it starts again");
    assert_eq!(again.clock().business().to_string(), "2018-01-01T00:00:00Z");
    // The first writer is fenced off now.
    assert_eq!(
        code(call(
            &mut writer,
            "user:otto",
            "clock.advance",
            ("clock", ""),
            json!({"to": "2019-01-01T00:00:00Z"})
        )),
        "store.fenced"
    );
}

#[test]
fn changes_and_refusals_are_audited_in_a_commit() {
    let (kernel, mut writer) = with_people();
    let _ = call(
        &mut writer,
        "user:vera",
        "clock.advance",
        ("clock", ""),
        json!({"to": "2018-01-01T00:00:00Z"}),
    );
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    let lines: Vec<Value> = reader
        .chunks("system/audit", 0, usize::MAX)
        .expect("chunks")
        .iter()
        .flat_map(|chunk| kernel::rows_from(&chunk.bytes, 0).expect("rows"))
        .collect();
    let last = lines.last().expect("a line");
    assert_eq!(
        (last["actor"].as_str(), last["outcome"].as_str()),
        (Some("user:vera"), Some("policy.forbidden"))
    );
    assert!(
        lines
            .iter()
            .any(|line| line["operation"] == "resource.put" && line["outcome"] == "allowed")
    );
}

#[test]
fn what_a_dry_run_tried_is_not_what_is_applied() {
    let (kernel, mut writer) = with_people();
    let role = |who: &str| {
        let policy = format!(
            "permit(principal in Role::\"{who}\", action == Action::\"clock.advance\", resource);"
        );
        manifest("Role", "desk", json!({ "policies": policy }))
    };
    let dry = json!({"dry_run": true, "manifests": [role("viewer")]});
    call(&mut writer, "user:olga", "resource.apply", ("resource", ""), dry).expect("a plan");
    apply(&mut writer, "user:olga", json!([role("desk")])).expect("applied");
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    let spec = reader.resource("role", "desk").expect("a look").expect("a role").spec.to_string();
    assert!(spec.contains("desk") && !spec.contains("viewer"), "{spec}");
    let to = json!({"to": "2018-01-01T00:00:00Z"});
    assert_eq!(
        code(call(&mut writer, "user:vera", "clock.advance", ("clock", ""), to)),
        "policy.forbidden"
    );
}

#[test]
fn a_role_may_be_called_like_what_is_shipped() {
    let (_, mut writer) = with_people();
    for name in ["unit", "roles"] {
        let policy = format!(
            "permit(principal in Role::\"{name}\", action == Action::\"clock.list\", resource);"
        );
        let role = manifest("Role", name, json!({ "policies": policy }));
        apply(&mut writer, "user:olga", json!([role])).expect("applied");
    }
    assert_eq!(
        code(call(
            &mut writer,
            "user:olga",
            "clock.advance",
            ("clock", ""),
            json!({"to": "2018-01-01T00:00:00Z"})
        )),
        "ok"
    );
}

#[test]
fn a_token_that_is_cut_down_makes_none_that_is_less_so() {
    let (_, mut writer) = with_people();
    let mut create =
        Call::new("token.create", ResourceRef::new("token", ""), Principal::User("olga".into()));
    create.scope = vec!["Manage".into()];
    for (args, expected) in [
        (json!({"user": "olga"}), "policy.grant"),
        (json!({"user": "olga", "scope": ["Manage", "Read"]}), "policy.grant"),
        (json!({"user": "olga", "scope": ["Manage"]}), "ok"),
    ] {
        create.args = args;
        assert_eq!(
            code(writer.turn(&[create.clone()]).remove(0).map(kernel::Reply::into_value)),
            expected
        );
    }
}

/// Returns the rows of `system.meters` about an actor: second at which the minute began, operation, resource, outcome, count.
fn meters(kernel: &Arc<Kernel>, actor: &str) -> Vec<String> {
    let reader = Reader::new(kernel, Principal::User("olga".into())).expect("a reader");
    let system = Arc::clone(kernel.engines().first().expect("the kernel's own engine"));
    let relations = system.relations(&reader).expect("relations");
    let meters =
        relations.iter().find(|relation| relation.name == "meters").expect("system.meters");
    let mut rows = Vec::new();
    let mut row = |cells: Vec<Cell>| {
        let [
            Cell::Time(minute),
            Cell::Text(who),
            Cell::Text(what),
            Cell::Text(on),
            Cell::Text(outcome),
            Cell::Int(count),
        ] = cells.as_slice()
        else {
            panic!("other columns: {cells:?}")
        };
        if who == actor {
            rows.push(format!("{} {what} {on} {outcome} {count}", minute / 1_000));
        }
        Ok::<_, Problem>(true)
    };
    (meters.rows)(&reader, &Scan::default(), &mut row).expect("rows");
    rows
}

/// Has `vera` ask three times who she is, which is counted.
fn ask_three_times(kernel: &Arc<Kernel>) {
    let ask =
        Call::new("unit.whoami", ResourceRef::new("unit", ""), Principal::User("vera".into()));
    for _ in 0..3 {
        kernel.read(&ask).expect("everybody may ask who he is");
    }
}

#[test]
fn meters_sum_lines_and_counts_by_the_minute() {
    let clock = Arc::new(StillClock(AtomicI64::new(60_000)));
    let (kernel, mut writer) = unit_on(Arc::new(MemoryStore::new()), clock.clone());
    apply_people(&mut writer);
    let mut refused = || {
        let to = json!({"to": "2018-01-01T00:00:00Z"});
        assert_eq!(
            code(call(&mut writer, "user:vera", "clock.advance", ("clock", ""), to)),
            "policy.forbidden"
        );
    };
    // Ten of a second have a line each, two are counted.
    (0..12).for_each(|_| refused());
    ask_three_times(&kernel);
    clock.0.store(120_000, Ordering::SeqCst);
    refused();
    let expected = [
        "60 clock.advance clock policy.forbidden 12",
        "60 unit.whoami unit allowed 3",
        "120 clock.advance clock policy.forbidden 1",
    ];
    assert_eq!(meters(&kernel, "user:vera"), expected);
}

#[test]
fn a_commit_that_fails_neither_loses_nor_doubles_counts() {
    let never = Faults::default();
    let faults =
        [Faults { full_permille: 1_000, ..never }, Faults { unknown_permille: 1_000, ..never }];
    // Of the commits that fail unknown half are durable: some seeds have such, some the others.
    for (seed, faults) in (0..8).flat_map(|seed| faults.map(|faults| (seed, faults))) {
        let clock = Arc::new(StillClock(AtomicI64::new(60_000)));
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()), seed, never));
        let (kernel, mut writer) = unit_on(store.clone(), clock.clone());
        apply_people(&mut writer);
        ask_three_times(&kernel);
        clock.0.store(120_000, Ordering::SeqCst);
        store.set_faults(faults);
        writer.turn(&[]);
        store.set_faults(never);
        clock.0.store(180_000, Ordering::SeqCst);
        writer.turn(&[]);
        let expected = ["60 unit.whoami unit allowed 3"];
        assert_eq!(meters(&kernel, "user:vera"), expected, "seed {seed}, {faults:?}");
    }
}

/// HMAC-SHA-256 (RFC 2104) for keys that are no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let key = if 64 < key.len() { base::sha256(key).to_vec() } else { key.to_vec() };
    let pad = |pad: u8| -> Vec<u8> {
        (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ pad).collect()
    };
    let inner = base::sha256(&[pad(0x36), message.to_vec()].concat());
    base::sha256(&[pad(0x5c), inner.to_vec()].concat())
}

/// Answers a challenge as a client does.
fn prove(kernel: &Arc<Kernel>, user: &str, token: &str) -> kernel::Proof {
    let challenge = kernel.challenge(user).expect("a challenge");
    let mut last =
        hmac(token.as_bytes(), &[challenge.salt.to_vec(), 1_u32.to_be_bytes().to_vec()].concat());
    let mut salted = last;
    for _ in 1..challenge.iterations {
        last = hmac(token.as_bytes(), &last);
        salted.iter_mut().zip(last).for_each(|(byte, last)| *byte ^= last);
    }
    let messages = b"n=,r=a,r=ab,s=c2FsdA==,i=4096,c=biws,r=ab".to_vec();
    let client = hmac(&salted, b"Client Key");
    let mut proof = hmac(&base::sha256(&client), &messages);
    proof.iter_mut().zip(client).for_each(|(byte, client)| *byte ^= client);
    kernel::Proof { user: user.into(), messages, proof }
}

fn token(writer: &mut Writer, user: &str, scope: Value) -> (String, String) {
    let args = json!({"user": user, "scope": scope});
    let made = call(writer, "user:olga", "token.create", ("token", ""), args).expect("a token");
    let text = |name: &str| made[name].as_str().expect("text").to_owned();
    (text("id"), text("token"))
}

#[test]
fn any_token_of_a_user_signs_it_in_by_password_until_it_is_revoked() {
    let (kernel, mut writer) = with_people();
    let (_, first) = token(&mut writer, "vera", json!([]));
    let (id, second) = token(&mut writer, "vera", json!(["Read"]));
    let known = kernel.sign_in(&prove(&kernel, "vera", &first)).expect("the first token is good");
    assert_eq!(known.identity.principal, Principal::User("vera".into()));
    let known = kernel.sign_in(&prove(&kernel, "vera", &second)).expect("the second token is good");
    assert_eq!(known.identity.scope, ["Read"]);
    assert_eq!(kernel.still(&known.token).expect("it stands").scope, ["Read"]);

    call(&mut writer, "user:olga", "token.delete", ("token", &id), json!({})).expect("revoked");
    let code = kernel.still(&known.token).expect_err("it is gone").code;
    assert_eq!(code, "token.invalid");
    assert!(kernel.sign_in(&prove(&kernel, "vera", &second)).is_err());
    assert!(kernel.sign_in(&prove(&kernel, "vera", &first)).is_ok());
}

#[test]
fn a_stranger_gets_a_challenge_that_looks_like_any_other() {
    let clock = Arc::new(StillClock(AtomicI64::new(0)));
    let store = Arc::new(MemoryStore::new());
    let (kernel, mut writer) = unit_on(store, clock.clone());
    apply_people(&mut writer);
    let (_, secret) = token(&mut writer, "vera", json!([]));
    let of = |user: &str| kernel.challenge(user).expect("a challenge");
    assert_eq!(of("nobody"), of("nobody"));
    assert_ne!(of("nobody").salt, of("vera").salt);
    assert_eq!(of("nobody").iterations, of("vera").iterations);
    let refusal = |user: &str, token: &str| {
        let problem = kernel.sign_in(&prove(&kernel, user, token)).expect_err("refused");
        (problem.code, problem.message)
    };
    assert_eq!(refusal("nobody", &secret), refusal("vera", "wrong"));
    // Somebody else's token is no better than none.
    assert_eq!(refusal("otto", &secret), refusal("vera", "wrong"));
    // What is counted is committed some seconds later.
    clock.0.store(60_000, Ordering::SeqCst);
    writer.turn(&[]);
    let lines = meters(&kernel, "anonymous");
    assert!(lines.iter().any(|line| line.contains("authenticate")), "{lines:?}");
}

#[test]
fn audit_lines_leave_after_their_days_and_no_others() {
    const DAY: i64 = 86_400_000;
    let clock = Arc::new(StillClock(AtomicI64::new(0)));
    let (kernel, mut writer) = Kernel::new(Parts {
        store: Arc::new(MemoryStore::new()),
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: Vec::new(),
        config: Config { audit_days: Some(10), ..Config::default() },
    })
    .expect("a kernel");
    apply_people(&mut writer);
    for day in 1..30 {
        clock.0.store(day * DAY, Ordering::SeqCst);
        let user = manifest("User", &format!("u{day}"), json!({"roles": []}));
        apply(&mut writer, "user:olga", json!([user])).expect("applied");
    }
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    let chunks = reader.chunks("system/audit", 0, usize::MAX).expect("chunks");
    let lines = chunks.iter().flat_map(|chunk| kernel::rows(&chunk.bytes));
    let days: Vec<i64> = lines
        .map(|line| {
            let line: Value = serde_json::from_slice(line).expect("a line");
            Time::parse(line["wall"].as_str().expect("a time")).expect("a time").0 / DAY
        })
        .collect();
    assert_eq!((days.first(), days.last()), (Some(&19), Some(&29)), "{days:?}");
}

#[test]
fn calls_of_a_batch_stand_or_fall_alone() {
    let (kernel, mut writer) = with_people();
    let apply = |name: &str, role: &str| {
        let manifests = json!([manifest("User", name, json!({"roles": [role]}))]);
        json!({"operation": "resource.apply", "args": {"manifests": manifests}, "key": name})
    };
    let calls = json!([
        apply("ana", "viewer"),
        apply("bo", "nobody"),
        json!({"operation": "resource.list"}),
        json!({"operation": "unit.batch", "args": {"calls": []}}),
        json!({"operation": "no.such"}),
        apply("ana", "viewer"),
        json!({"operation": "token.create", "args": {"user": "vera"}, "at": "no time"}),
    ]);
    let batch = |writer: &mut Writer, who: &str| {
        call(writer, who, "unit.batch", ("unit", ""), json!({ "calls": calls }))
    };
    let codes = |answer: &Value| -> Vec<String> {
        let results = answer["results"].as_array().expect("results").iter();
        results.map(|result| result["problem"]["code"].as_str().unwrap_or("ok").into()).collect()
    };
    let answer = batch(&mut writer, "user:olga").expect("results");
    let expected = [
        "ok",
        "manifest.reference",
        "call.not_in_batch",
        "call.not_in_batch",
        "operation.not_found",
        "ok",
        "time.invalid",
    ];
    assert_eq!(codes(&answer), expected);
    assert_eq!(answer["results"][0], answer["results"][5], "the same key gives the same reply");
    assert_eq!(answer["results"][2]["problem"]["place"]["pointer"], "/calls/2");
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    assert!(reader.resource("user", "ana").expect("a look").is_some());
    assert!(reader.resource("user", "bo").expect("a look").is_none());
    drop(reader);
    // Each call is decided upon: who may make a batch may do no more with it.
    let answer = batch(&mut writer, "user:vera").expect("results");
    assert_eq!(codes(&answer)[0], "policy.forbidden");
    assert_eq!(code(batch(&mut writer, "anonymous")), "token.invalid");
    let many = json!({"calls": vec![json!({"operation": "resource.list"}); 1_001]});
    let many = call(&mut writer, "user:olga", "unit.batch", ("unit", ""), many);
    assert_eq!(code(many), "call.too_large");
}
