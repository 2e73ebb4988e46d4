//! People sign in: passwords, sessions, identity providers, and what ends when.

use base::{Clock, Problem, SeededEntropy, Time};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use kernel::secrets::{KeySource, SecretKey};
use kernel::{
    Call, Config, Credential, Handle, Identity, Kernel, Parts, Principal, Reader, ResourceRef, Web,
    WebRequest, WebResponse,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::{Batch, MemoryStore, Snapshot, Store};

/// A clock that a test moves, wall and monotonic alike.
struct Moved(AtomicI64);

impl Moved {
    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn business(&self) -> Time {
        Time(0)
    }

    fn wall(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).cast_unsigned())
    }

    fn is_driven(&self) -> bool {
        true
    }

    fn advance(&self, _to: Time) -> bool {
        true
    }
}

struct Unit {
    handle: Handle,
    kernel: Arc<Kernel>,
    clock: Arc<Moved>,
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

const BEGIN: i64 = 1_700_000_000_000;

impl Unit {
    fn new() -> Self {
        let unit = Self::over(Arc::new(MemoryStore::new()));
        unit.apply(
            "unit:init",
            json!([
                manifest("User", "olga", json!({"roles": ["owner"]})),
                manifest("User", "vera", json!({"roles": ["viewer"]})),
            ]),
        );
        unit
    }

    fn over(store: Arc<dyn Store>) -> Self {
        let clock = Arc::new(Moved(AtomicI64::new(BEGIN)));
        let config = Config { password_memory_kib: 64, password_passes: 1, ..Config::default() };
        let parts = Parts {
            store,
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(3)),
            engines: Vec::new(),
            config,
        };
        let (kernel, writer) = Kernel::new(parts).expect("a kernel");
        let handle = kernel::spawn(writer).expect("a thread");
        Self { handle, kernel, clock }
    }

    fn apply(&self, who: &str, manifests: Value) {
        let args = json!({"application": "people", "manifests": manifests});
        self.ask(who, "resource.apply", ("resource", ""), args).expect("applied");
    }

    fn call(&self, who: &str, operation: &str, on: (&str, &str), args: Value) -> Call {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args)
    }

    fn ask(
        &self,
        who: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        self.handle.call(self.call(who, operation, on, args)).map(kernel::Reply::into_value)
    }

    fn set_password(&self, who: &str, user: &str, args: Value) -> Result<Value, Problem> {
        self.ask(who, "user.set_password", ("user", user), args)
    }

    /// Signs in; returns the token of the session, or the code of the refusal.
    fn sign_in(&self, user: &str, password: &str) -> Result<String, String> {
        let args = json!({"user": user, "password": password});
        let made = self.ask("anonymous", "session.create", ("session", ""), args);
        match made {
            Ok(made) => Ok(made["token"].as_str().expect("a token").to_owned()),
            Err(problem) => Err(problem.code),
        }
    }

    fn who(&self, token: &str) -> Result<Identity, String> {
        self.handle.authenticate(&Credential::Bearer(token)).map_err(|problem| problem.message)
    }

    /// Has a call run that was prepared before, or never.
    fn submit(&self, call: Call) -> Result<Value, Problem> {
        let (send, receive) = std::sync::mpsc::channel();
        let done = move |reply: Result<kernel::Reply, Problem>| {
            send.send(reply.map(kernel::Reply::into_value)).expect("it waits");
        };
        self.handle.submit(call, Box::new(done));
        receive.recv().expect("an answer")
    }

    fn roles(&self, user: &str) -> Vec<String> {
        let answer = self.ask(&format!("user:{user}"), "unit.whoami", ("unit", ""), json!({}));
        let answer = answer.expect("an answer");
        let roles = answer["roles"].as_array().expect("roles").iter();
        roles.map(|role| role.as_str().expect("text").to_owned()).collect()
    }
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

const PASSWORD: &str = "correct horse battery";

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

/// An identity provider in memory.
struct Provider {
    key: SigningKey,
    /// The claims that its next token has, beside the usual ones.
    claims: Mutex<Value>,
    asked: Mutex<BTreeMap<String, u32>>,
    /// Held by a test while the provider does not answer.
    answers: Mutex<()>,
    nonce: Mutex<String>,
    clock: Arc<Moved>,
}

const ISSUER: &str = "https://id.example";

impl Provider {
    fn token(&self, further: &Value) -> String {
        let now = self.clock.wall().0 / 1_000;
        let mut claims = json!({
            "iss": ISSUER, "aud": "craton", "sub": "ana", "iat": now, "exp": now + 300,
            "nonce": *self.nonce.lock().expect("a lock"),
        });
        for (name, value) in further.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "EdDSA", "kid": "k1"})), part(&claims));
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn asked(&self, url: &str) -> u32 {
        self.asked.lock().expect("a lock").get(url).copied().unwrap_or_default()
    }
}

impl Web for Provider {
    fn send(&self, request: &WebRequest) -> Result<WebResponse, String> {
        *self.asked.lock().expect("a lock").entry(request.url.clone()).or_default() += 1;
        drop(self.answers.lock().expect("a lock"));
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().to_bytes());
        let body = match request.url.strip_prefix(ISSUER) {
            Some("/.well-known/openid-configuration") => json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/authorize"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
            }),
            Some("/keys") => {
                json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]})
            }
            Some("/token") => {
                let form: BTreeMap<_, _> =
                    request.form.clone().unwrap_or_default().into_iter().collect();
                if form["code"] != "good"
                    || request.authorization.as_deref() != Some("Basic Y3JhdG9uOnMlM0FjcmV0")
                {
                    let body = br#"{"error": "invalid_grant"}"#.to_vec();
                    return Ok(WebResponse { status: 400, body });
                }
                json!({"id_token": self.token(&self.claims.lock().expect("a lock").clone())})
            }
            _ => return Err("there is nothing".into()),
        };
        Ok(WebResponse { status: 200, body: body.to_string().into_bytes() })
    }
}

fn with_provider() -> (Unit, Arc<Provider>) {
    let unit = Unit::new();
    let provider = Arc::new(Provider {
        key: SigningKey::from_bytes(&[5; 32]),
        claims: Mutex::new(json!({"groups": ["sales"]})),
        asked: Mutex::default(),
        answers: Mutex::default(),
        nonce: Mutex::default(),
        clock: Arc::clone(&unit.clock),
    });
    unit.kernel.set_web(provider.clone());
    let key = SecretKey::generate(&SeededEntropy::new(9));
    unit.kernel.unlock("unit", Arc::new(Key(key))).expect("unlocked");
    unit.apply(
        "user:olga",
        with_manifests(json!({"sales": ["viewer"], "it": ["owner"]}), json!(null)),
    );
    let value = json!({"value": "s:cret"});
    unit.ask("user:olga", "secret.set", ("secret", "acme"), value).expect("set");
    (unit, provider)
}

/// The people of the unit, with a provider that maps groups, and vera at it.
fn with_manifests(map: Value, identity: Value) -> Value {
    json!([
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest("User", "vera", json!({"roles": ["analyst"], "identity": identity})),
        manifest("Secret", "acme", json!({"hosts": ["id.example"]})),
        manifest(
            "IdentityProvider",
            "acme",
            json!({
                "issuer": ISSUER, "client_id": "craton", "client_secret": {"secret": "acme"},
                "roles": {"claim": "groups", "map": map},
            })
        ),
    ])
}

/// The secret key of a unit, in memory.
struct Key(SecretKey);

impl KeySource for Key {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        Ok(vec![self.0.clone()])
    }

    fn add(&self, _key: &SecretKey) -> Result<bool, Problem> {
        Ok(false)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        "the test".into()
    }
}

/// Goes to the provider and comes back with a code; returns what finishes the sign-in.
fn way_back(unit: &Unit, provider: &Provider, code: &str) -> Result<Value, Problem> {
    let begin = json!({"provider": "acme", "port": 4_000});
    let begun = unit.ask("anonymous", "session.begin", ("session", ""), begin)?;
    let url = begun["url"].as_str().expect("an address");
    assert!(
        url.starts_with("https://id.example/authorize?response_type=code&client_id=craton&"),
        "{url}"
    );
    assert!(url.contains(
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A4000%2Fcallback&scope=openid%20profile%20email&"
    ));
    let nonce =
        url.split("nonce=").nth(1).and_then(|rest| rest.split('&').next()).expect("a nonce");
    *provider.nonce.lock().expect("a lock") = nonce.to_owned();
    Ok(json!({"key": begun["key"], "state": begun["state"], "code": code}))
}

/// Goes to the provider, comes back with a code and signs in.
fn through_provider(unit: &Unit, provider: &Provider, code: &str) -> Result<Value, Problem> {
    let finish = way_back(unit, provider, code)?;
    unit.ask("anonymous", "session.finish", ("session", ""), finish)
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
fn a_role_that_was_taken_away_does_not_come_back_with_an_older_token() {
    let (unit, provider) = with_provider();
    let said = |groups: Value| {
        unit.clock.pass(5);
        provider.token(&json!({ "groups": groups }))
    };
    through_provider(&unit, &provider, "good").expect("signed in");
    let older = said(json!(["sales", "it"]));
    unit.clock.pass(5);
    through_provider(&unit, &provider, "good").expect("signed in, with the same groups as before");
    assert!(unit.who(&older).is_ok(), "it is still good");
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "and brings no right back");

    let older = said(json!(["sales", "it"]));
    let commit = unit.kernel.commit();
    for _ in 0..5 {
        assert!(unit.who(&said(json!(["sales"]))).is_ok());
    }
    assert!(unit.kernel.commit() <= commit + 2, "not one for each");
    assert!(unit.who(&older).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "a program has shown a newer one");

    let store = Arc::clone(unit.kernel.store());
    drop(unit);
    let unit = Unit::over(store);
    unit.kernel.set_web(provider.clone());
    assert!(unit.who(&older).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "after a restart, too");
    let newer = provider.token(&json!({"groups": ["sales", "it"]}));
    assert!(unit.who(&newer).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["viewer"], "as new as what was said last");
    provider.clock.pass(1);
    let newer = provider.token(&json!({"groups": ["sales", "it"]}));
    assert!(unit.who(&newer).is_ok());
    assert_eq!(unit.roles("acme/ana"), ["owner", "viewer"], "newer");
}

#[test]
fn somebody_whom_a_provider_knows_becomes_a_user_with_the_roles_of_his_claims() {
    let (unit, provider) = with_provider();
    let made = through_provider(&unit, &provider, "good").expect("signed in");
    assert_eq!(made["user"], "acme/ana");
    let token = made["token"].as_str().expect("a token");
    assert_eq!(unit.who(token).expect("known").principal, Principal::User("acme/ana".into()));
    assert_eq!(unit.roles("acme/ana"), ["viewer"]);
    assert_eq!(
        through_provider(&unit, &provider, "bad").expect_err("refused").code,
        "sign_in.rejected"
    );
    unit.apply("user:olga", with_manifests(json!({"sales": ["approver"]}), json!(null)));
    assert_eq!(
        unit.roles("acme/ana"),
        ["approver"],
        "what the manifest makes of groups counts at once"
    );
    unit.apply("user:olga", json!([manifest("User", "olga", json!({"roles": ["owner"]}))]));
    assert!(unit.roles("acme/ana").is_empty());
    assert!(unit.who(token).is_err(), "his sessions have ended with the provider");
}

#[test]
fn the_clients_secret_is_a_secret_of_the_unit_and_goes_to_its_hosts_only() {
    let (unit, provider) = with_provider();
    let apply = |host: &str| {
        let client =
            json!({"issuer": ISSUER, "client_id": "craton", "client_secret": {"secret": "other"}});
        let manifests = json!([
            manifest("User", "olga", json!({"roles": ["owner"]})),
            manifest("Secret", "other", json!({"hosts": [host]})),
            manifest("IdentityProvider", "acme", client),
        ]);
        unit.apply("user:olga", manifests);
    };
    let refused = || {
        let problem = through_provider(&unit, &provider, "good").expect_err("refused");
        assert_eq!(problem.code, "sign_in.provider");
        problem.message
    };
    apply("id.example");
    assert!(refused().contains("secret.unset"));
    let value = json!({"value": "s:cret"});
    unit.ask("user:olga", "secret.set", ("secret", "other"), value).expect("set");
    let made = through_provider(&unit, &provider, "good").expect("signed in");
    assert_eq!(made["user"], "acme/ana");
    apply("other.example");
    let asked = provider.asked(&format!("{ISSUER}/token"));
    assert!(refused().contains("`id.example` under `hosts`"));
    assert_eq!(provider.asked(&format!("{ISSUER}/token")), asked, "it was sent nowhere");
}

#[test]
fn a_declared_user_with_this_identity_is_the_same_person() {
    let (unit, provider) = with_provider();
    unit.apply("user:olga", with_manifests(json!({"sales": ["viewer"]}), json!("acme/ana")));
    let made = through_provider(&unit, &provider, "good").expect("signed in");
    assert_eq!(made["user"], "vera");
    assert_eq!(unit.roles("vera"), ["analyst", "viewer"]);
    let token = provider.token(&json!({"groups": ["sales"]}));
    assert_eq!(unit.who(&token).expect("known").principal, Principal::User("vera".into()));
}

#[test]
fn who_declares_a_user_holds_every_role_that_his_identity_may_give() {
    let (unit, _provider) = with_provider();
    let policies = "permit(principal in Role::\"clerk\", action, resource) \
                    when { [\"user\", \"resource\"].contains(resource.kind) };";
    let apply = |who: &str, manifests: Value| {
        let args = json!({ "manifests": manifests });
        unit.ask(who, "resource.apply", ("resource", ""), args)
    };
    let people = json!([
        manifest("Role", "clerk", json!({ "policies": policies })),
        manifest("User", "kim", json!({"roles": ["clerk", "viewer"]})),
    ]);
    apply("user:olga", people).expect("applied");
    let bob = |identity: Value| {
        json!([manifest("User", "bob", json!({"roles": ["viewer"], "identity": identity}))])
    };
    apply("user:kim", bob(json!(null))).expect("she holds what he gets");
    let problem = apply("user:kim", bob(json!("acme/bob"))).expect_err("refused");
    assert_eq!(problem.code, "policy.grant");
    assert!(problem.message.contains("`owner`"), "{}", problem.message);
    unit.apply("user:olga", with_manifests(json!({"sales": ["viewer"]}), json!(null)));
    apply("user:kim", bob(json!("acme/bob"))).expect("the provider gives no more than she holds");
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

#[test]
fn somebody_of_a_provider_is_limited_by_his_name() {
    let (unit, provider) = with_provider();
    through_provider(&unit, &provider, "good").expect("signed in");
    let limit = |who: &str| {
        let args = json!({"principal": format!("user:{who}"), "rate": 5});
        let done = unit.ask("user:olga", "running.limit", ("running", ""), args);
        done.map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!(limit("acme/ana"), "ok");
    assert_eq!(limit("acme/nobody"), "resource.not_found");
    let quota = |who: &str| {
        let spec = json!({"for": format!("user/{who}"), "rate": 5});
        let args = json!({"manifests": [manifest("Quota", "slow", spec)]});
        let done = unit.ask("user:olga", "resource.apply", ("resource", ""), args);
        done.map_or_else(|problem| problem.code, |_| "ok".into())
    };
    assert_eq!(quota("acme/nobody"), "manifest.reference");
    assert_eq!(quota("acme/ana"), "ok");
}

#[test]
fn a_token_of_the_provider_is_taken_until_it_expires_and_news_are_written_down() {
    let (unit, provider) = with_provider();
    let old = provider.token(&json!({"groups": ["it"]}));
    assert_eq!(unit.who(&old).expect("known").principal, Principal::User("acme/ana".into()));
    assert_eq!(unit.roles("acme/ana"), ["owner"]);
    unit.clock.pass(10);
    let new = provider.token(&json!({"groups": []}));
    assert!(unit.who(&new).is_ok());
    assert!(unit.roles("acme/ana").is_empty());
    assert!(unit.who(&old).is_ok(), "it is still good");
    assert!(unit.roles("acme/ana").is_empty(), "and brings no right back");
    for wrong in [
        json!({"aud": "other"}),
        json!({"iss": "https://evil.example"}),
        json!({"exp": 1}),
        json!({"sub": ""}),
        json!({"iat": null}),
    ] {
        assert!(unit.who(&provider.token(&wrong)).is_err(), "{wrong}");
    }
    unit.clock.pass(301);
    assert!(unit.who(&new).expect_err("refused").contains("expired"));
}

#[test]
fn a_provider_is_asked_seldom_whatever_is_shown() {
    let (unit, provider) = with_provider();
    let good = provider.token(&json!({}));
    assert!(unit.who(&good).is_ok());
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unknown = format!(
        "{}.{}.AAAA",
        part(json!({"alg": "EdDSA", "kid": "k2"})),
        part(json!({"iss": ISSUER}))
    );
    for _ in 0..50 {
        assert!(unit.who(&unknown).is_err());
    }
    let keys = format!("{ISSUER}/keys");
    assert_eq!(provider.asked(&keys), 1);
    unit.clock.pass(61);
    for _ in 0..50 {
        assert!(unit.who(&unknown).is_err());
    }
    assert_eq!(provider.asked(&keys), 2);
}

#[test]
fn whoever_is_known_waits_for_no_provider() {
    let (unit, provider) = with_provider();
    let token = |seconds: i64| {
        let now = unit.clock.wall().0 / 1_000;
        provider.token(&json!({"groups": ["sales"], "iat": now + seconds}))
    };
    assert!(unit.who(&token(0)).is_ok());
    unit.clock.pass(61);
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "EdDSA", "kid": "k2"}));
    let unknown = format!("{header}.{}.AAAA", part(json!({"iss": ISSUER})));
    let described = format!("{ISSUER}/.well-known/openid-configuration");
    let silent = provider.answers.lock().expect("a lock");
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| unit.who(&unknown));
        while provider.asked(&described) < 2 {
            std::thread::yield_now();
        }
        // The provider is being asked and does not answer. What needs no answer goes on, and nobody else waits for one.
        assert!(unit.who(&token(-1)).is_ok());
        let problem = unit.handle.authenticate(&Credential::Bearer(&unknown)).expect_err("later");
        assert_eq!(problem.code, "sign_in.provider");
        assert!(problem.message.contains("being asked"), "{}", problem.message);
        drop(silent);
        assert!(asks.join().expect("it ends").is_err());
    });
    assert_eq!(provider.asked(&described), 2);
}

#[test]
fn an_answer_of_another_provider_is_refused() {
    let (unit, provider) = with_provider();
    let finish = |further: Value| {
        let begin = json!({"provider": "acme", "port": 4_000});
        let begun = unit.ask("anonymous", "session.begin", ("session", ""), begin).expect("begun");
        let url = begun["url"].as_str().expect("an address");
        let nonce = url.split("nonce=").nth(1).and_then(|rest| rest.split('&').next());
        *provider.nonce.lock().expect("a lock") = nonce.expect("a nonce").to_owned();
        let mut args = json!({"key": begun["key"], "state": begun["state"], "code": "good"});
        for (name, value) in further.as_object().into_iter().flatten() {
            args[name] = value.clone();
        }
        unit.ask("anonymous", "session.finish", ("session", ""), args)
    };
    let code = |further: Value| finish(further).expect_err("refused").code;
    assert_eq!(code(json!({"provider": "other"})), "sign_in.flow");
    assert_eq!(code(json!({"issuer": "https://evil.example"})), "sign_in.flow");
    assert_eq!(code(json!({"provider": "acme", "issuer": ""})), "sign_in.flow");
    assert_eq!(provider.asked(&format!("{ISSUER}/token")), 0, "no code was sent anywhere");
    let made = finish(json!({"provider": "acme", "issuer": ISSUER})).expect("signed in");
    assert_eq!((&made["user"], &made["secure"]), (&json!("acme/ana"), &json!(false)));
}

#[test]
fn what_a_sign_in_carries_cannot_be_changed_or_kept_for_long() {
    let (unit, _provider) = with_provider();
    let begin = json!({"provider": "acme", "port": 4_000});
    let begun = unit.ask("anonymous", "session.begin", ("session", ""), begin).expect("begun");
    let (key, state) =
        (begun["key"].as_str().expect("a key"), begun["state"].as_str().expect("a state"));
    let finish = |key: &str, state: &str| {
        let args = json!({"key": key, "state": state, "code": "good"});
        unit.ask("anonymous", "session.finish", ("session", ""), args).expect_err("refused").code
    };
    let (text, seal) = key.split_once('.').expect("two parts");
    for (key, state) in [
        (format!("{text}x.{seal}"), state),
        (format!("{text}.{}", seal.replace(|digit: char| digit != '0', "0")), state),
        (String::new(), state),
        (key.to_owned(), "another"),
    ] {
        assert_eq!(finish(&key, state), "sign_in.flow");
    }
    unit.clock.pass(601);
    assert_eq!(finish(key, state), "sign_in.flow");
    let nobody = json!({"provider": "nobody", "port": 1});
    let problem =
        unit.ask("anonymous", "session.begin", ("session", ""), nobody).expect_err("refused");
    assert_eq!(problem.code, "resource.not_found");
}

#[test]
fn who_declares_a_provider_holds_what_it_gives() {
    let (unit, _provider) = with_provider();
    let problem = unit
        .ask(
            "user:olga",
            "resource.apply",
            ("resource", ""),
            json!({"manifests": [
                manifest("IdentityProvider", "second", json!({"issuer": ISSUER, "client_id": "x"})),
            ]}),
        )
        .expect_err("refused");
    assert_eq!(problem.code, "manifest.invalid");
    assert!(problem.message.contains("same issuer"), "{}", problem.message);
    let problem = unit
        .ask(
            "user:olga",
            "resource.apply",
            ("resource", ""),
            json!({"manifests": [
                manifest("IdentityProvider", "other", json!({
                    "issuer": "https://other.example", "client_id": "x",
                    "roles": {"everybody": ["no-such-role"]},
                })),
            ]}),
        )
        .expect_err("refused");
    assert_eq!(problem.code, "manifest.reference");
}
