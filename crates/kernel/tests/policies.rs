//! What is said about policies: warnings at apply, and why somebody may or may not.

use base::{DrivenClock, Problem, SeededEntropy, SystemClock, Time};
use kernel::{Call, Config, Kernel, Parts, Principal, Read, Reader, ResourceRef, Writer};
use serde_json::{Value, json};
use std::sync::Arc;
use store::MemoryStore;

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
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

fn apply(writer: &mut Writer, manifests: &Value) -> Result<Value, Problem> {
    let init = Principal::Unit("init".into());
    let call = Call::new("resource.apply", ResourceRef::new("resource", ""), init)
        .with(json!({"manifests": manifests}));
    writer.turn(&[call]).remove(0).map(kernel::Reply::into_value)
}

/// Applies a role `clerk` that ana holds; returns what is suspicious, a line each.
fn check(policies: &str) -> Vec<String> {
    let (_, mut writer) = unit();
    let manifests = json!([
        manifest("User", "ana", json!({"roles": ["clerk"]})),
        manifest("Role", "clerk", json!({ "policies": policies })),
    ]);
    let answer = apply(&mut writer, &manifests).expect("applied");
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    warnings
        .map(|warning| {
            let text = |name: &str| warning[name].as_str().unwrap_or_default();
            format!("{} {}", warning["line"], text("message"))
        })
        .collect()
}

#[test]
fn policies_without_a_fault_have_no_warning() {
    let good = "permit (principal in Role::\"clerk\", action in Action::\"Read\", resource in Kind::\"user\");
        permit (principal in Role::\"clerk\", action, resource) when { [\"role\", \"clock\"].contains(resource.kind) };
        forbid (principal, action == Action::\"clock.advance\", resource) unless { principal in Role::\"owner\" };
        permit (principal, action == Action::\"resource.get\", resource == Resource::\"user/ana\");";
    assert_eq!(check(good), Vec::<String>::new());
}

#[test]
fn what_can_never_apply_is_a_warning() {
    let never = |policy: &str| check(policy).join("; ");
    assert_eq!(
        never("\n\npermit (principal, action, resource in Kind::\"usr\");"),
        "3 it never applies: there is no kind `usr`"
    );
    assert_eq!(
        never("permit (principal, action == Action::\"clock.list\", resource in Kind::\"token\");"),
        "1 it never applies: `clock.list` does not act on token"
    );
    assert_eq!(
        never(
            "permit (principal, action, resource) when { resource.owner == \"a\" && resource.owner == \"b\" };"
        ),
        "1 it never applies: `resource.owner` is not both `a` and `b`"
    );
    assert_eq!(
        never(
            "permit (principal, action, resource in Kind::\"user\") when { resource.kind == \"role\" };"
        ),
        "1 it never applies: no resource is of two kinds"
    );
    assert_eq!(
        never(
            "permit (principal, action, resource) when { principal is User && principal is Process };"
        ),
        "1 it never applies: its condition is always false"
    );
}

#[test]
fn a_right_that_nobody_holds_is_a_warning() {
    let nobody = |policy: &str| check(policy).join("; ");
    assert_eq!(
        nobody("permit (principal in Role::\"clrk\", action, resource);"),
        "1 it never applies: there is no role `clrk`"
    );
    assert_eq!(
        nobody("permit (principal in Role::\"approver\", action, resource);"),
        "1 nobody holds the role `approver`"
    );
    assert_eq!(
        nobody("permit (principal == User::\"anna\", action, resource);"),
        "1 it never applies: there is no user `anna`"
    );
}

#[test]
fn a_permit_that_a_forbid_takes_away_is_a_warning() {
    let shadowed = "permit (principal in Role::\"clerk\", action == Action::\"clock.list\", resource);
        @id(\"no-clock\")
        forbid (principal, action in [Action::\"clock.list\", Action::\"clock.advance\"], resource);";
    assert_eq!(
        check(shadowed),
        ["1 it permits nothing: `role:clerk/no-clock` (line 2) forbids all of it"]
    );
    let narrower = shadowed.replace("forbid (principal,", "forbid (principal is Process,");
    assert!(check(&narrower).is_empty());
    let conditional =
        shadowed.replace("resource);", "resource) when { context.on_behalf_of == \"\" };");
    assert!(check(&conditional).is_empty());
}

#[test]
fn a_policy_that_does_not_type_check_is_refused_with_its_line() {
    let (kernel, mut writer) = unit();
    for policy in [
        "permit (principal, action == Action::\"clock.lst\", resource);",
        "\npermit (principal, action, resource) when { resource.owner == 1 + true };",
        "permit (principal, action, resource) when { resource.colour == \"red\" };",
        "permit (principal, action, resource",
    ] {
        let role = json!([manifest("Role", "clerk", json!({ "policies": policy }))]);
        let problem = apply(&mut writer, &role).expect_err("refused");
        assert_eq!(problem.code, "policy.invalid", "{policy}");
        assert!(problem.message.contains("role `clerk`"), "{}", problem.message);
        assert!(problem.hint.is_some(), "{policy}");
        let place = problem.place.expect("a place");
        assert_eq!(place.pointer.as_deref(), Some("/spec/policies"), "{policy}");
        assert!(place.line.is_some() && place.column.is_some(), "{policy}");
    }
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    assert!(reader.resource("role", "clerk").expect("a look").is_none(), "nothing half done");
    let role = json!([manifest(
        "Role",
        "clerk",
        json!({"policies": "\n\npermit (principal, action, resource) when { resource.colour == \"red\" };"})
    )]);
    let problem = apply(&mut writer, &role).expect_err("refused");
    assert!(problem.message.contains("line 3 of `policies`"), "{}", problem.message);
}

fn ask(
    writer: &mut Writer,
    operation: &str,
    who: &str,
    args: Value,
    scope: &[&str],
) -> Result<Value, Problem> {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    let mut call = Call::new(operation, ResourceRef::new("policy", ""), actor).with(args);
    call.scope = scope.iter().map(|right| (*right).to_owned()).collect();
    writer.turn(&[call]).remove(0).map(kernel::Reply::into_value)
}

fn why(writer: &mut Writer, who: &str, args: Value, scope: &[&str]) -> Result<Value, Problem> {
    ask(writer, "policy.why", who, args, scope)
}

#[test]
fn why_says_each_step_and_what_is_missing() {
    let (_, mut writer) = unit();
    let policies = "permit (principal in Role::\"clerk\", action in Action::\"Read\", resource in Kind::\"user\");
        @id(\"not-vera\")
        forbid (principal, action, resource == Resource::\"user/vera\");";
    apply(
        &mut writer,
        &json!([
            manifest("User", "ana", json!({"roles": ["clerk"]})),
            manifest("User", "vera", json!({})),
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("Role", "clerk", json!({ "policies": policies })),
        ]),
    )
    .expect("applied");
    let ask =
        |operation: &str, resource: &str| json!({"operation": operation, "resource": resource});
    let mut answer = |who: &str, args: Value, scope: &[&str]| why(&mut writer, who, args, scope);
    let yes = answer("user:ana", ask("resource.get", "user/ana"), &[]).expect("an answer");
    assert_eq!(
        (&yes["allowed"], &yes["reason"]),
        (&json!(true), &json!("permitted by role:clerk/0 (line 1)"))
    );
    assert_eq!(
        yes["policies"][0],
        json!({"policy": "role:clerk/0", "role": "clerk", "line": 1, "effect": "permit"})
    );
    let no = answer("user:ana", ask("token.list", "token"), &[]).expect("an answer");
    assert_eq!(no["reason"], "no policy permits `token.list` on token to user:ana");
    assert_eq!(no["roles_that_may"], json!(["owner"]));
    let hidden = answer("user:ana", ask("resource.get", "user/vera"), &[]).expect("an answer");
    assert_eq!(hidden["reason"], "user/vera does not exist, or you may not see it");
    let forbidden =
        answer("user:olga", ask("user.delete_password", "user/ana"), &["Read"]).expect("an answer");
    assert_eq!(
        forbidden["reason"],
        "the token is cut down to Read; `user.delete_password` needs Manage"
    );
    let about = json!({"operation": "resource.delete", "resource": "user/ana", "as": "user:ana"});
    let other = answer("user:olga", about.clone(), &[]).expect("an owner may ask about others");
    assert_eq!(other["allowed"], false);
    assert_eq!(answer("user:vera", about, &[]).expect_err("she may not").code, "policy.forbidden");
    let mistaken = answer("user:ana", ask("resource.gt", "user/ana"), &[]).expect_err("refused");
    assert_eq!(mistaken.code, "operation.not_found");
}

#[test]
fn check_and_why_allow_the_same_whether_or_not_the_resource_is_there() {
    let (_, mut writer) = unit();
    let policies = "permit (principal in Role::\"clerk\", action in Action::\"Read\", resource in Kind::\"user\");
        forbid (principal, action, resource == Resource::\"user/vera\");";
    let manifests = json!([
        manifest("User", "ana", json!({"roles": ["clerk"]})),
        manifest("User", "vera", json!({})),
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest("Role", "clerk", json!({ "policies": policies })),
    ]);
    apply(&mut writer, &manifests).expect("applied");
    // Whether it is allowed, whether the resource is there, whether such a call would be let in now.
    let mut both = |who: &str, operation: &str, resource: &str, scope: &[&str]| {
        let args = json!({"operation": operation, "resource": resource});
        let can = ask(&mut writer, "policy.check", who, args.clone(), scope).expect("an answer");
        let why = ask(&mut writer, "policy.why", who, args, scope).expect("an answer");
        assert_eq!(can["allowed"], why["allowed"], "{who} {operation} {resource}");
        assert_eq!(can["roles"], why["roles"]);
        let decided = why["policies"].as_array().expect("policies").iter();
        assert_eq!(can["policies"], decided.map(|each| each["policy"].clone()).collect::<Value>());
        [&can["allowed"], &can["exists"], &why["admitted"]].map(|value| value == true)
    };
    assert_eq!(both("user:olga", "resource.get", "user/ana", &[]), [true, true, true]);
    assert_eq!(both("user:olga", "resource.get", "user/nobody", &[]), [true, false, false]);
    assert_eq!(both("user:olga", "resource.put", "user/nobody", &[]), [true, false, true]);
    assert_eq!(both("user:olga", "token.list", "token", &["Read"]), [false, true, false]);
    assert_eq!(both("user:ana", "resource.get", "user/nobody", &[]), [true, false, false]);
    assert_eq!(both("user:ana", "resource.get", "user/vera", &[]), [false, false, false]);
    assert_eq!(both("user:ana", "token.list", "token", &[]), [false, true, false]);
}
