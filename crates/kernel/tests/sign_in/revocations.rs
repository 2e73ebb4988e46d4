//! Promises of what ends: tokens, sessions and users, also while a call waits, and what was open by them.

use super::provider::{through_provider, way_back, with_manifests, with_provider};
use super::unit::{BEGIN, PASSWORD, Unit, manifest};
use base::Time;
use kernel::{Call, Credential, Identity, Principal, Reader};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use store::{Batch, MemoryStore, Snapshot, Store};

#[test]
fn tokens_are_found_by_their_id_and_go_with_their_user() {
    let unit = Unit::new();
    unit.set_password("user:olga", "vera", json!({"password": PASSWORD})).expect("set");
    let make = |user: &str| {
        let made = unit.ask("user:olga", "token.create", ("token", ""), json!({"user": user}));
        let made = made.expect("a token");
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        (text("id"), text("token"))
    };
    let (id, _) = make("olga");
    let (_, other) = make("vera");
    make("olga");
    make("vera");
    unit.sign_in("vera", PASSWORD).expect("signed in");
    let list = || {
        let list = unit.ask("user:olga", "token.list", ("token", ""), json!({})).expect("a list");
        list["items"].as_array().map(Vec::len)
    };
    assert_eq!(list(), Some(4), "a session is not among them");
    let delete = |id: &str| unit.ask("user:olga", "token.delete", ("token", id), json!({}));
    for wrong in ["", "0", "T", &id[..11], &id.to_uppercase(), &format!("{id}0")] {
        assert_eq!(delete(wrong).expect_err("refused").code, "resource.not_found", "{wrong}");
    }
    let sessions = unit.ask("user:vera", "session.list", ("session", ""), json!({}));
    let session = sessions.expect("a list")["items"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(delete(&session).expect_err("a session is no token").code, "resource.not_found");
    delete(&id).expect("revoked");
    assert_eq!(list(), Some(3));
    unit.apply("user:olga", json!([manifest("User", "olga", json!({"roles": ["owner"]}))]));
    assert_eq!(list(), Some(1), "those of a user go with him");
    assert!(unit.who(&other).is_err());
}

#[test]
fn a_token_that_ends_makes_nothing_that_lasts_longer() {
    let (unit, provider) = with_provider();
    let at = |seconds: i64| json!(Time(BEGIN + seconds * 1_000));
    let call = |secret: &str, operation: &str, on: (&str, &str), args: Value| {
        let identity = unit.who(secret).expect("known");
        let mut call = unit.call(&identity.principal.to_string(), operation, on, args);
        call.stamp = identity.stamp;
        unit.handle.call(call).map(kernel::Reply::into_value).map_err(|problem| problem.code)
    };
    let make = |secret: &str, expires: Value| {
        let args = json!({"user": "olga", "expires": expires});
        call(secret, "token.create", ("token", ""), args)
    };
    let first = |expires: Value| {
        let args = json!({"user": "olga", "expires": expires});
        let made = unit.ask("user:olga", "token.create", ("token", ""), args).expect("made");
        made["token"].as_str().expect("a token").to_owned()
    };
    let ends = first(at(3_600));
    assert_eq!(make(&ends, json!(null)).expect("made")["expires"], at(3_600));
    assert_eq!(make(&ends, at(60)).expect("made")["expires"], at(60));
    assert_eq!(make(&ends, at(3_601)), Err("policy.grant".into()));
    let jwt = provider.token(&json!({"groups": ["it"]}));
    assert_eq!(make(&jwt, json!(null)).expect("made")["expires"], at(300));
    let password = json!({ "password": PASSWORD });
    let set = |secret: &str| call(secret, "user.set_password", ("user", "olga"), password.clone());
    assert_eq!(set(&ends), Err("policy.grant".into()));
    let endless = first(json!(null));
    assert!(make(&endless, json!(null)).expect("made")["expires"].is_null());
    set(&endless).expect("set");
    let session = unit.sign_in("olga", PASSWORD).expect("signed in");
    assert!(make(&session, json!(null)).expect("made")["expires"].is_null());
    assert_eq!(make(&session, at(1 << 30)).expect("made")["expires"], at(1 << 30));
}

#[test]
fn a_user_who_is_not_declared_any_more_has_no_way_in() {
    let unit = Unit::new();
    unit.set_password("user:olga", "vera", json!({"password": PASSWORD})).expect("set");
    let session = unit.sign_in("vera", PASSWORD).expect("signed in");
    let made = unit
        .ask("user:olga", "token.create", ("token", ""), json!({"user": "vera"}))
        .expect("a token");
    let token = made["token"].as_str().expect("a secret").to_owned();
    unit.apply("user:olga", json!([manifest("User", "olga", json!({"roles": ["owner"]}))]));
    assert!(unit.who(&session).is_err() && unit.who(&token).is_err());
    unit.apply(
        "user:olga",
        json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("User", "vera", json!({"roles": ["owner"]})),
        ]),
    );
    assert!(unit.who(&session).is_err() && unit.who(&token).is_err(), "another vera");
    assert_eq!(unit.sign_in("vera", PASSWORD), Err("sign_in.refused".into()));
}

#[test]
fn a_store_can_lose_all_its_sessions_and_keeps_its_tokens() {
    let unit = Unit::new();
    unit.set_password("user:olga", "vera", json!({"password": PASSWORD})).expect("set");
    let sessions = [(); 2].map(|()| unit.sign_in("vera", PASSWORD).expect("signed in"));
    let made = unit.ask("user:olga", "token.create", ("token", ""), json!({"user": "vera"}));
    let token = made.expect("made")["token"].as_str().expect("a token").to_owned();
    let store = Arc::clone(unit.kernel.store());
    drop(unit);
    let epoch = store.open_epoch(0).expect("an epoch");
    let snapshot = store.snapshot().expect("a snapshot");
    let writes = kernel::sessions_ended(snapshot.as_ref()).expect("read");
    drop(snapshot);
    store.commit(0, &Batch { epoch, writes, ..Batch::default() }).expect("written");
    let unit = Unit::over(store);
    for session in &sessions {
        assert!(unit.who(session).is_err());
    }
    assert!(unit.who(&token).is_ok());
    let reader = Reader::new(&unit.kernel, Principal::Anonymous).expect("a reader");
    let left = kernel::Read::scan_prefix(&reader, kernel::key(b'S').as_ref(), usize::MAX);
    assert_eq!(left.expect("pairs").len(), 1, "what checks the token, and nothing of a session");
    assert!(unit.sign_in("vera", PASSWORD).is_ok(), "who knows the password comes in");
}

#[test]
fn a_call_that_waited_while_its_credential_was_revoked_is_refused() {
    let unit = Unit::new();
    let made = unit
        .ask("user:olga", "token.create", ("token", ""), json!({"user": "olga"}))
        .expect("a token");
    let secret = made["token"].as_str().expect("a secret").to_owned();
    let identity = unit.who(&secret).expect("known");
    let mut late = unit.call("user:olga", "token.create", ("token", ""), json!({"user": "vera"}));
    late.stamp = identity.stamp.clone();
    let mut look = unit.call("user:olga", "token.list", ("token", ""), json!({}));
    look.stamp = identity.stamp;
    unit.handle.call(late.clone()).expect("it still holds");
    let id = made["id"].as_str().expect("an id");
    unit.ask("user:olga", "token.delete", ("token", id), json!({})).expect("revoked");
    assert_eq!(unit.handle.call(late).expect_err("refused").code, "token.invalid");
    assert_eq!(unit.handle.call(look).expect_err("refused").code, "token.invalid");
}

/// What a test does while a commit is made.
type Hook = Mutex<Option<Box<dyn FnOnce() + Send>>>;

/// A store that has something done right before a commit that revokes a token can be seen, and right after.
struct Watched {
    inner: MemoryStore,
    before: Hook,
    after: Hook,
}

impl Watched {
    fn run(hook: &Hook) {
        let hook = hook.lock().expect("a lock").take();
        if let Some(hook) = hook {
            hook();
        }
    }
}

impl Store for Watched {
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, store::Error> {
        self.inner.snapshot()
    }

    fn open_epoch(&self, partition: u16) -> Result<u64, store::Error> {
        self.inner.open_epoch(partition)
    }

    fn commit(&self, partition: u16, batch: &Batch) -> Result<u64, store::Error> {
        let tokens = kernel::key(b'T').bytes();
        let is_revocation =
            batch.writes.iter().any(|(key, value)| value.is_none() && key.starts_with(&tokens));
        if !is_revocation {
            return self.inner.commit(partition, batch);
        }
        Self::run(&self.before);
        let committed = self.inner.commit(partition, batch);
        Self::run(&self.after);
        committed
    }

    fn verify(&self) -> Result<Vec<String>, store::Error> {
        self.inner.verify()
    }
}

#[test]
fn a_revoked_token_is_refused_from_the_moment_at_which_its_commit_can_be_seen() {
    let (before, after) = (Mutex::new(None), Mutex::new(None));
    let store = Arc::new(Watched { inner: MemoryStore::new(), before, after });
    let unit = Unit::over(store.clone());
    unit.apply("unit:init", json!([manifest("User", "olga", json!({"roles": ["owner"]}))]));
    let made = unit.ask("user:olga", "token.create", ("token", ""), json!({"user": "olga"}));
    let made = made.expect("a token");
    let secret = made["token"].as_str().expect("a secret").to_owned();
    let look = unit.call("user:olga", "unit.whoami", ("unit", ""), json!({}));
    let stamped = move |identity: Identity| Call { stamp: identity.stamp, ..look.clone() };
    let calls = Arc::new(Mutex::new(vec![stamped(unit.who(&secret).expect("known"))]));
    unit.kernel.read(&calls.lock().expect("a lock")[0]).expect("it still holds");
    let (kernel, waiting) = (Arc::clone(&unit.kernel), Arc::clone(&calls));
    *store.before.lock().expect("a lock") = Some(Box::new(move || {
        let identity = kernel.authenticate(&Credential::Bearer(&secret)).expect("still known");
        waiting.lock().expect("a lock").push(stamped(identity));
    }));
    let (kernel, codes) = (Arc::clone(&unit.kernel), Arc::new(Mutex::new(Vec::new())));
    let found = Arc::clone(&codes);
    *store.after.lock().expect("a lock") = Some(Box::new(move || {
        for call in calls.lock().expect("a lock").iter() {
            let code = kernel.read(call).map_or_else(|problem| problem.code, |_| "ok".into());
            found.lock().expect("a lock").push(code);
        }
    }));
    let id = made["id"].as_str().expect("an id");
    unit.ask("user:olga", "token.delete", ("token", id), json!({})).expect("revoked");
    let codes = codes.lock().expect("a lock").clone();
    assert_eq!(codes, ["token.invalid"; 2], "recognised before, and while it was being revoked");
}

#[test]
fn a_sign_in_under_way_ends_with_its_provider_and_with_its_identity() {
    let map = || json!({"sales": ["viewer"]});
    let finish = |manifests: Value| {
        let (unit, provider) = with_provider();
        unit.apply("user:olga", with_manifests(map(), json!("acme/ana")));
        let args = way_back(&unit, &provider, "good").expect("begun");
        let mut call = unit.call("anonymous", "session.finish", ("session", ""), args);
        unit.kernel.prepare(&mut call).expect("he is known there");
        unit.apply("user:olga", manifests);
        let made = unit.submit(call);
        made.map(|made| made["user"].clone()).map_err(|problem| problem.code)
    };
    let rejected = || Err("sign_in.rejected".to_owned());
    let roles = with_manifests(json!({"sales": ["approver"]}), json!("acme/ana"));
    assert_eq!(finish(roles), Ok(json!("vera")), "who is who has not changed");
    assert_eq!(finish(with_manifests(map(), json!(null))), rejected(), "he is not vera any more");
    let olga = manifest("User", "olga", json!({"roles": ["owner"]}));
    assert_eq!(finish(json!([olga])), rejected(), "no provider");
    let mut other = with_manifests(map(), json!("acme/ana"));
    other[3]["spec"]["issuer"] = json!("https://other.example");
    assert_eq!(finish(other), rejected(), "another provider of the same name");
}

#[test]
fn a_call_that_waited_while_its_provider_or_identity_went_is_refused() {
    let (unit, provider) = with_provider();
    let token = provider.token(&json!({"groups": ["sales"]}));
    let waiting = |who: &str| {
        let identity = unit.who(&token).expect("known");
        assert_eq!(identity.principal.to_string(), who);
        // One that only looks, and one for the partition's thread.
        ["unit.whoami", "unit.batch"].map(|operation| {
            let mut call = unit.call(who, operation, ("unit", ""), json!({"calls": []}));
            call.stamp = identity.stamp.clone();
            call
        })
    };
    let run = |calls: [Call; 2]| {
        calls.map(|call| {
            unit.handle.call(call).map_or_else(|problem| problem.code, |_| "ok".to_owned())
        })
    };
    let declare = |identity: Value| {
        unit.apply("user:olga", with_manifests(json!({"sales": ["approver"]}), identity));
    };
    let calls = waiting("user:acme/ana");
    declare(json!(null));
    assert_eq!(run(calls.clone()), ["ok", "ok"], "he is who he was");
    declare(json!("acme/ana"));
    assert_eq!(run(calls), ["token.invalid", "token.invalid"], "he is vera");
    let calls = waiting("user:vera");
    declare(json!(null));
    assert_eq!(run(calls), ["token.invalid", "token.invalid"], "he is not vera any more");
    let calls = waiting("user:acme/ana");
    unit.apply("user:olga", json!([manifest("User", "olga", json!({"roles": ["owner"]}))]));
    assert_eq!(run(calls), ["token.invalid", "token.invalid"], "nobody vouches for him");
}

#[test]
fn another_identity_ends_all_by_which_the_account_was_open_before() {
    let (unit, provider) = with_provider();
    let map = json!({"sales": ["viewer"]});
    unit.apply("user:olga", with_manifests(map.clone(), json!("acme/ana")));
    unit.set_password("user:olga", "vera", json!({ "password": PASSWORD })).expect("set");
    let made = through_provider(&unit, &provider, "good").expect("signed in");
    let session = made["token"].as_str().expect("a token").to_owned();
    let token = unit.ask("user:olga", "token.create", ("token", ""), json!({"user": "vera"}));
    let token = token.expect("made")["token"].as_str().expect("a token").to_owned();
    let by_password = unit.sign_in("vera", PASSWORD).expect("signed in");
    for secret in [&session, &token, &by_password] {
        assert_eq!(unit.who(secret).expect("known").principal, Principal::User("vera".into()));
    }
    unit.apply("user:olga", with_manifests(map, json!("acme/eve")));
    for secret in [&session, &token, &by_password] {
        assert!(unit.who(secret).is_err(), "vera is eve now");
    }
    assert_eq!(unit.sign_in("vera", PASSWORD), Err("sign_in.refused".into()));
}
