//! A unit without engines, by a clock that only the test moves.

use base::{Clock, Problem, SeededEntropy, Time};
use kernel::{Call, Config, Credential, Handle, Identity, Kernel, Parts, Principal, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{MemoryStore, Store};

/// A clock that a test moves, wall and monotonic alike.
pub struct Moved(AtomicI64);

impl Moved {
    pub fn pass(&self, seconds: i64) {
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

pub struct Unit {
    pub handle: Handle,
    pub kernel: Arc<Kernel>,
    pub clock: Arc<Moved>,
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

impl Unit {
    pub fn new() -> Self {
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

    pub fn over(store: Arc<dyn Store>) -> Self {
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

    pub fn apply(&self, who: &str, manifests: Value) {
        let args = json!({"application": "people", "manifests": manifests});
        self.ask(who, "resource.apply", ("resource", ""), args).expect("applied");
    }

    pub fn call(&self, who: &str, operation: &str, on: (&str, &str), args: Value) -> Call {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args)
    }

    pub fn ask(
        &self,
        who: &str,
        operation: &str,
        on: (&str, &str),
        args: Value,
    ) -> Result<Value, Problem> {
        self.handle.call(self.call(who, operation, on, args)).map(kernel::Reply::into_value)
    }

    pub fn set_password(&self, who: &str, user: &str, args: Value) -> Result<Value, Problem> {
        self.ask(who, "user.set_password", ("user", user), args)
    }

    /// Signs in; returns the token of the session, or the code of the refusal.
    pub fn sign_in(&self, user: &str, password: &str) -> Result<String, String> {
        let args = json!({"user": user, "password": password});
        let made = self.ask("anonymous", "session.create", ("session", ""), args);
        match made {
            Ok(made) => Ok(made["token"].as_str().expect("a token").to_owned()),
            Err(problem) => Err(problem.code),
        }
    }

    pub fn who(&self, token: &str) -> Result<Identity, String> {
        self.handle.authenticate(&Credential::Bearer(token)).map_err(|problem| problem.message)
    }

    /// Has a call run that was prepared before, or never.
    pub fn submit(&self, call: Call) -> Result<Value, Problem> {
        let (send, receive) = std::sync::mpsc::channel();
        let done = move |reply: Result<kernel::Reply, Problem>| {
            send.send(reply.map(kernel::Reply::into_value)).expect("it waits");
        };
        self.handle.submit(call, Box::new(done));
        receive.recv().expect("an answer")
    }

    pub fn roles(&self, user: &str) -> Vec<String> {
        let answer = self.ask(&format!("user:{user}"), "unit.whoami", ("unit", ""), json!({}));
        let answer = answer.expect("an answer");
        let roles = answer["roles"].as_array().expect("roles").iter();
        roles.map(|role| role.as_str().expect("text").to_owned()).collect()
    }
}

pub const BEGIN: i64 = 1_700_000_000_000;

pub fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

pub const PASSWORD: &str = "correct horse battery";
