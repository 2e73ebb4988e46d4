//! Through which roles a principal may do something: what decides which excerpts of a relation count.

use base::{DrivenClock, SeededEntropy, SystemClock, Time};
use kernel::{Call, Config, Kernel, Parts, Principal, Read, Reader, ResourceRef, Through, Writer};
use serde_json::{Value, json};
use std::sync::Arc;
use store::MemoryStore;

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn role(name: &str, policies: &str) -> Value {
    manifest("Role", name, json!({"policies": policies}))
}

fn user(name: &str, roles: &[&str]) -> Value {
    manifest("User", name, json!({"roles": roles}))
}

fn unit() -> (Arc<Kernel>, Writer) {
    let parts = Parts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SeededEntropy::new(1)),
        engines: Vec::new(),
        config: Config::default(),
    };
    Kernel::new(parts).expect("a kernel starts on an empty store")
}

fn apply(writer: &mut Writer, manifests: &Value) {
    let init = Principal::Unit("init".into());
    let call = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
        .with(json!({"manifests": manifests}));
    writer.turn(&[call]).remove(0).expect("applied");
}

/// Who may read what the unit counts, through what.
fn through(kernel: &Arc<Kernel>, who: &str) -> String {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    let reader = Reader::new(kernel, actor.clone()).expect("a reader");
    let resource = ResourceRef::new("unit", "");
    if !kernel.is_allowed(&reader, "unit.metrics", &resource, &actor, None).expect("a look") {
        return "no".into();
    }
    match kernel.through(&reader, "unit.metrics", &resource, &actor, None).expect("a look") {
        Through::Nothing => "nothing".into(),
        Through::Each(roles) => roles.into_iter().collect::<Vec<_>>().join(" or "),
        Through::Together(roles) => roles.into_iter().collect::<Vec<_>>().join(" and "),
    }
}

#[test]
fn a_right_comes_through_the_roles_that_are_enough_by_themselves() {
    let (kernel, mut writer) = unit();
    let counts = |condition: &str| {
        format!("permit(principal{condition}, action == Action::\"unit.metrics\", resource);")
    };
    apply(
        &mut writer,
        &json!([
            role("one", &counts(" in Role::\"one\"")),
            role("two", &counts(" in Role::\"two\"")),
            role("other", ""),
            // Not in whoever is in `off`, unless he is in `on`.
            role(
                "off",
                "forbid(principal in Role::\"off\", action == Action::\"unit.metrics\", resource) \
                 unless { principal in Role::\"on\" };",
            ),
            role("on", ""),
            role(
                "both",
                "permit(principal in Role::\"left\", action == Action::\"unit.metrics\", resource) \
                 when { principal in Role::\"right\" };",
            ),
            role("left", ""),
            role("right", ""),
            // Asks for no role at all.
            role("named", &counts(" == User::\"nina\"")),
            user("ann", &["one"]),
            user("bob", &["one", "two", "other"]),
            user("cat", &["other"]),
            user("dan", &["one", "off"]),
            user("eve", &["one", "off", "on"]),
            user("fay", &["left", "right", "other"]),
            user("gus", &["left", "right", "one"]),
            user("nina", &["other"]),
            user("olga", &["owner", "other"]),
        ]),
    );
    for (who, expected) in [
        ("user:ann", "one"),
        ("user:bob", "one or two"),
        ("user:cat", "no"),
        ("user:dan", "no"),
        ("user:eve", "one"),
        ("user:fay", "left and other and right"),
        ("user:gus", "one"),
        ("user:nina", "named"),
        ("user:olga", "owner"),
        ("unit:timers", "nothing"),
        ("anonymous", "no"),
    ] {
        assert_eq!(through(&kernel, who), expected, "{who}");
        assert_eq!(through(&kernel, who), expected, "{who}, remembered");
    }
}

#[test]
fn what_roles_show_is_kept_by_role_and_changes_with_it() {
    let (kernel, mut writer) = unit();
    let north = json!({
        "data": [{"relation": "orders", "rows": "region = 'north'", "mask": {"phone": null}}],
    });
    apply(
        &mut writer,
        &json!([
            manifest("Role", "north", north),
            role("plain", ""),
            user("ann", &["north"]),
            user("bob", &["plain"]),
        ]),
    );
    let look = |who: &str| {
        let actor = Principal::User(who.into());
        let reader = Reader::new(&kernel, actor.clone()).expect("a reader");
        let excerpts = kernel.excerpts(&reader).expect("a look");
        let is_restricted = kernel.is_restricted(&reader, &actor).expect("a look");
        assert!(reader.resource("role", "north").expect("a look").is_some());
        (excerpts.keys().cloned().collect::<Vec<_>>(), is_restricted)
    };
    assert_eq!(look("ann"), (vec!["north".to_owned()], true));
    assert_eq!(look("bob"), (vec!["north".to_owned()], false));
    apply(&mut writer, &json!([role("north", "")]));
    assert_eq!(look("ann"), (Vec::new(), false));
}

#[test]
fn an_entry_with_an_unknown_field_is_refused() {
    let (_, mut writer) = unit();
    let wrong = manifest("Role", "north", json!({"data": [{"relation": "orders", "row": "true"}]}));
    let init = Principal::Unit("init".into());
    let call = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
        .with(json!({"manifests": [wrong]}));
    let problem = writer.turn(&[call]).remove(0).expect_err("refused");
    assert_eq!(problem.code, "manifest.invalid");
    assert_eq!(problem.hint.as_deref(), Some("did you mean `rows`?"));
}
