//! Promises of passwords and of the sessions that they open.

use super::unit::{BEGIN, PASSWORD, Unit, manifest};
use base::{Clock, Problem};
use kernel::{Config, Principal, Reader};
use serde_json::{Value, json};

#[test]
fn a_password_signs_in_and_is_seen_nowhere() {
    let unit = Unit::new();
    unit.set_password("user:olga", "vera", json!({"password": PASSWORD})).expect("set");
    let token = unit.sign_in("vera", PASSWORD).expect("signed in");
    assert_eq!(unit.who(&token).expect("known").principal, Principal::User("vera".into()));
    let refused = || "sign_in.refused".to_owned();
    assert_eq!(unit.sign_in("vera", "correct horse"), Err(refused()));
    assert_eq!(unit.sign_in("olga", PASSWORD), Err(refused()), "no password");
    assert_eq!(unit.sign_in("nobody", PASSWORD), Err(refused()), "not there");
    let reader = Reader::new(&unit.kernel, Principal::Anonymous).expect("a reader");
    let stored = kernel::Read::scan(&reader, &[], &[0xff; 8], usize::MAX, false).expect("pairs");
    let chunks = kernel::Read::chunks(&reader, "system/audit", 0, usize::MAX).expect("chunks");
    let bytes =
        stored.iter().map(|(_, value)| value).chain(chunks.iter().map(|chunk| &chunk.bytes));
    for value in bytes {
        let text = String::from_utf8_lossy(value);
        assert!(!text.contains("horse") && !text.contains(&token), "{text}");
    }
}

#[test]
fn a_password_is_set_by_who_may_and_ends_other_sessions() {
    let unit = Unit::new();
    let code = |result: Result<Value, Problem>| result.expect_err("refused").code;
    let new = json!({"password": PASSWORD});
    assert_eq!(code(unit.set_password("user:vera", "olga", new.clone())), "resource.not_found");
    assert_eq!(code(unit.set_password("anonymous", "vera", new.clone())), "token.invalid");
    assert_eq!(
        code(unit.set_password("user:olga", "vera", json!({"password": "short"}))),
        "sign_in.password"
    );
    assert_eq!(code(unit.set_password("user:olga", "ghost", new.clone())), "resource.not_found");
    unit.set_password("user:vera", "vera", new.clone()).expect("her first, with no other to show");
    let token = unit.sign_in("vera", PASSWORD).expect("signed in");
    let other = json!({"password": "another long password"});
    assert_eq!(
        code(unit.set_password("user:vera", "vera", other)),
        "sign_in.password",
        "`current`"
    );
    let wrong = json!({"password": "another long password", "current": "wrong"});
    assert_eq!(code(unit.set_password("user:vera", "vera", wrong)), "sign_in.refused");
    let right = json!({"password": "another long password", "current": PASSWORD});
    let done = unit.set_password("user:vera", "vera", right).expect("set");
    assert_eq!(done["sessions_ended"], 1);
    assert!(unit.who(&token).is_err());
    assert!(unit.sign_in("vera", PASSWORD).is_err());
    assert!(unit.sign_in("vera", "another long password").is_ok());
    unit.ask("user:olga", "user.delete_password", ("user", "vera"), json!({})).expect("taken away");
    assert!(unit.sign_in("vera", "another long password").is_err());
}

#[test]
fn who_removes_his_own_password_shows_it() {
    let unit = Unit::new();
    let set = || unit.set_password("user:olga", "vera", json!({"password": PASSWORD}));
    set().expect("set");
    let delete = |who: &str, args: Value| {
        let done = unit.ask(who, "user.delete_password", ("user", "vera"), args);
        done.map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!(delete("user:vera", json!({})), "sign_in.password");
    assert_eq!(delete("user:vera", json!({"current": "wrong"})), "sign_in.refused");
    let call = unit.call("user:vera", "user.delete_password", ("user", "vera"), json!({}));
    assert_eq!(unit.submit(call.clone()).expect_err("refused").code, "sign_in.door");
    assert!(unit.sign_in("vera", PASSWORD).is_ok(), "it is still there");
    assert_eq!(delete("user:vera", json!({"current": PASSWORD})), "ok");
    assert_eq!(unit.sign_in("vera", PASSWORD), Err("sign_in.refused".into()));
    assert_eq!(delete("user:vera", json!({})), "ok", "there is none to show");
    let mut late = call;
    unit.kernel.prepare(&mut late).expect("there is none to show");
    set().expect("set");
    assert_eq!(unit.submit(late).expect_err("refused").code, "sign_in.refused", "now there is");
    assert_eq!(delete("user:olga", json!({})), "ok", "somebody else's is not shown");
}

#[test]
fn a_token_that_is_cut_down_sets_no_password() {
    let unit = Unit::new();
    let set = |who: &str, user: &str, scope: &[&str]| {
        let new = json!({"password": PASSWORD});
        let mut call = unit.call(who, "user.set_password", ("user", user), new);
        call.scope = scope.iter().map(|right| (*right).to_owned()).collect();
        unit.handle.call(call).map(|_| ()).map_err(|problem| problem.code)
    };
    let refused = || Err("policy.grant".to_owned());
    assert_eq!(set("user:olga", "olga", &["Manage"]), refused(), "his own");
    assert_eq!(set("user:olga", "vera", &["Read", "Write", "Run", "Manage"]), refused());
    assert!(unit.sign_in("olga", PASSWORD).is_err() && unit.sign_in("vera", PASSWORD).is_err());
    assert_eq!(set("user:olga", "olga", &[]), Ok(()));
}

#[test]
fn guesses_are_slowed_and_the_password_is_not_even_looked_at() {
    let unit = Unit::new();
    unit.set_password("user:olga", "vera", json!({"password": PASSWORD})).expect("set");
    for _ in 0..6 {
        assert_eq!(unit.sign_in("vera", "wrong"), Err("sign_in.refused".into()));
        assert_eq!(unit.sign_in("ghost", "wrong"), Err("sign_in.refused".into()));
    }
    assert_eq!(unit.sign_in("vera", PASSWORD), Err("sign_in.slowed".into()));
    assert_eq!(unit.sign_in("ghost", PASSWORD), Err("sign_in.slowed".into()), "looks alike");
    unit.clock.pass(2);
    assert!(unit.sign_in("vera", PASSWORD).is_ok());
    assert_eq!(unit.sign_in("vera", "wrong"), Err("sign_in.refused".into()), "counted anew");
}

#[test]
fn a_session_ends_by_call_by_time_and_by_being_idle() {
    let unit = Unit::new();
    unit.set_password("user:olga", "vera", json!({"password": PASSWORD})).expect("set");
    let sign_in = || unit.sign_in("vera", PASSWORD).expect("signed in");
    let ids = |who: &str| -> Vec<String> {
        let list = unit.ask(who, "session.list", ("session", ""), json!({})).expect("a list");
        let items = list["items"].as_array().expect("items").iter();
        items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    };
    let token = sign_in();
    assert_eq!((ids("user:vera").len(), ids("user:olga").len()), (1, 1));
    unit.apply(
        "user:olga",
        json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("User", "vera", json!({"roles": ["viewer"]})),
            manifest("User", "ned", json!({})),
        ]),
    );
    assert!(ids("user:ned").is_empty(), "others are not shown");
    let id = ids("user:vera").remove(0);
    let end = |who: &str| unit.ask(who, "session.end", ("session", &id), json!({}));
    assert_eq!(end("user:ned").expect_err("hidden").code, "resource.not_found");
    end("user:vera").expect("ended");
    assert!(unit.who(&token).is_err());
    let idle = sign_in();
    for _ in 0..20 {
        unit.clock.pass(50 * 60);
        assert!(unit.who(&idle).is_ok() || BEGIN + 12 * 3_600_000 <= unit.clock.wall().0);
    }
    assert!(unit.who(&idle).expect_err("over").contains("expired"));
    let idle = sign_in();
    unit.clock.pass(61 * 60);
    assert!(unit.who(&idle).expect_err("idle").contains("idle"));
    assert!(ids("user:vera").is_empty(), "what is over is not listed");
}

#[test]
fn the_oldest_session_makes_room() {
    let unit = Unit::new();
    unit.set_password("user:olga", "vera", json!({"password": PASSWORD})).expect("set");
    let first = unit.sign_in("vera", PASSWORD).expect("signed in");
    for _ in 0..Config::default().sessions_of_user_max {
        unit.clock.pass(1);
        unit.sign_in("vera", PASSWORD).expect("signed in");
    }
    assert!(unit.who(&first).is_err());
    let list = unit.ask("user:vera", "session.list", ("session", ""), json!({})).expect("a list");
    assert_eq!(
        list["items"].as_array().map(Vec::len),
        Some(Config::default().sessions_of_user_max)
    );
}

#[test]
fn nobody_skips_the_door() {
    let unit = Unit::new();
    let args = json!({"user": "vera", "password": PASSWORD});
    let call = unit.call("user:olga", "session.create", ("session", ""), args);
    // As an engine would: without the preparation that doors do.
    assert_eq!(unit.submit(call).expect_err("refused").code, "sign_in.door");
    let record = unit.call("user:olga", "user.record", ("user", ""), json!({}));
    assert_eq!(unit.handle.call(record).expect_err("refused").code, "policy.forbidden");
    let mut keyed = unit.call("user:olga", "token.create", ("token", ""), json!({"user": "vera"}));
    keyed.key = Some("once".into());
    assert_eq!(unit.handle.call(keyed).expect_err("refused").code, "secret.call");
}
