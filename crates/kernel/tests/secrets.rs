//! Secrets through the kernel path: who sets, uses and reads them, what the store holds of them, and what a change of the unit's
//! secret key leaves behind wherever it is cut off.

use base::{Code, DrivenClock, Kind, Problem, SeededEntropy, SystemClock, SystemEntropy, Time};
use kernel::secrets::{KeySource, SecretKey};
use kernel::{
    Call, Cell, Config, Engine, Kernel, KindOf, Operation, Parts, Principal, Read, Reader,
    Relation, Reply, ResourceRef, Right, Scan, Tx, Writer, decide, operation,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use store::{MemoryStore, Store};

const VALUE: &str = "correct-horse-battery-staple";

/// Keys in memory, as a file would hold them.
struct Place {
    keys: Mutex<Vec<SecretKey>>,
    is_writable: bool,
}

impl Place {
    fn new(keys: Vec<SecretKey>, is_writable: bool) -> Arc<Self> {
        Arc::new(Self { keys: Mutex::new(keys), is_writable })
    }

    fn held(&self) -> Vec<SecretKey> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl KeySource for Place {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        Ok(self.held())
    }

    fn add(&self, key: &SecretKey) -> Result<bool, Problem> {
        if self.is_writable {
            self.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key.clone());
        }
        Ok(self.is_writable)
    }

    fn keep(&self, key: &SecretKey) -> Result<(), Problem> {
        if self.is_writable {
            *self.keys.lock().unwrap_or_else(PoisonError::into_inner) = vec![key.clone()];
        }
        Ok(())
    }

    fn place(&self) -> String {
        "the test".into()
    }
}

/// An engine that says what it hears, and has manifests that refer to secrets.
struct Echo;

impl Engine for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "feed",
            manifest: "Feed",
            plural: "feeds",
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let fail = |_: &Self, _: &mut Tx<'_>, call: &Call| {
            Err(Problem::new(Code("echo.failed", Kind::Invalid), call.args.to_string()))
        };
        vec![
            operation(
                "echo.say",
                Right::Run,
                "Says it.",
                decide(&self, |_, _, call: &Call| Ok(Reply::Value(call.args.clone()))),
            )
            .on_kind()
            .masked(),
            operation("echo.fail", Right::Run, "Fails with it.", decide(&self, fail)).on_kind(),
            operation("echo.ask", Right::Run, "Reads a secret.", decide(&self, Self::ask))
                .on_kind(),
        ]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn resume(
        &self,
        tx: &mut Tx<'_>,
        _address: &kernel::Address,
        result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        let text = result.map_or_else(|problem| problem.code, |_| "answered".into());
        tx.put(kernel::key(b'i'), text.into_bytes());
        Ok(())
    }
}

impl Echo {
    fn ask(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let mut ask =
            Call::new("secret.read", ResourceRef::new("secret", "mail"), call.actor.clone());
        ask.reply_to = Some(kernel::Address { engine: "echo".into(), token: String::new() });
        tx.call(ask);
        Ok(Reply::Value(Value::Null))
    }
}

fn boot(store: &Arc<MemoryStore>, config: &Config) -> (Arc<Kernel>, Writer) {
    Kernel::new(Parts {
        store: Arc::clone(store) as Arc<dyn Store>,
        clock: Arc::new(DrivenClock::new(Time(0), SystemClock::new())),
        entropy: Arc::new(SystemEntropy),
        engines: vec![Arc::new(Echo)],
        config: config.clone(),
    })
    .expect("a kernel starts")
}

fn manifest(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "craton/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn call(
    writer: &mut Writer,
    who: &str,
    operation: &str,
    on: (&str, &str),
    args: Value,
) -> Result<Value, Problem> {
    let actor = Principal::try_from(who.to_owned()).expect("a principal");
    let mut call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
    let kernel = Arc::clone(writer.kernel());
    let operation = kernel.operation(&call.operation).expect("an operation");
    if matches!(operation.handler, kernel::Handler::Read(_)) {
        return kernel.read(&call).map(Reply::into_value);
    }
    kernel.prepare(&mut call)?;
    writer.turn(&[call]).remove(0).map(Reply::into_value)
}

fn apply(writer: &mut Writer, manifests: Value) -> Result<Value, Problem> {
    call(writer, "unit:init", "resource.apply", ("resource", ""), json!({"manifests": manifests}))
}

fn set(writer: &mut Writer, name: &str, value: &str) -> Result<Value, Problem> {
    call(writer, "user:olga", "secret.set", ("secret", name), json!({ "value": value }))
}

fn read_by(writer: &mut Writer, who: &str, name: &str) -> Result<Value, Problem> {
    call(writer, who, "secret.read", ("secret", name), json!({}))
}

fn code<T>(result: Result<T, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "ok".into())
}

struct World {
    store: Arc<MemoryStore>,
    place: Arc<Place>,
    kernel: Arc<Kernel>,
    writer: Writer,
}

fn world() -> World {
    world_with(&Config::default(), Place::new(Vec::new(), true))
}

fn world_with(config: &Config, place: Arc<Place>) -> World {
    let store = Arc::new(MemoryStore::new());
    let (kernel, mut writer) = boot(&store, config);
    kernel.unlock("unit", Arc::clone(&place) as Arc<dyn KeySource>).expect("unlocks");
    let reader = "permit(principal in Role::\"mailer\", action in [Action::\"secret.read\", \
                  Action::\"resource.get\"], resource == Resource::\"secret/mail\");";
    let user = "permit(principal in Role::\"fetcher\", action == Action::\"secret.use\", \
                resource == Resource::\"secret/mail\");";
    let manifests = json!([
        manifest("Role", "mailer", json!({ "policies": reader })),
        manifest("Role", "fetcher", json!({ "policies": user })),
        manifest("User", "olga", json!({"roles": ["owner"]})),
        manifest("User", "otto", json!({"roles": ["operator"]})),
        manifest("User", "dora", json!({"roles": ["developer"]})),
        manifest("User", "mailbot", json!({"roles": ["mailer"]})),
        manifest("User", "fetchbot", json!({"roles": ["fetcher"]})),
        manifest("Secret", "mail", json!({"summary": "Of the mail server."})),
        manifest("Secret", "other", json!({})),
    ]);
    apply(&mut writer, manifests).expect("applied");
    World { store, place, kernel, writer }
}

/// Returns everything that the store holds.
fn stored(store: &MemoryStore) -> Vec<u8> {
    let snapshot = store.snapshot().expect("a snapshot");
    let mut bytes = Vec::new();
    for (key, value) in snapshot.scan(&[], &[0xff; 8], usize::MAX, false).expect("a scan") {
        bytes.extend(key);
        bytes.extend(value);
    }
    for log in snapshot.logs("").expect("logs") {
        for chunk in snapshot.chunks(&log, 0, usize::MAX).expect("chunks") {
            bytes.extend(chunk.bytes);
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn relation_text(kernel: &Arc<Kernel>, who: &str, name: &str) -> String {
    let principal = Principal::try_from(who.to_owned()).expect("a principal");
    let reader = Reader::new(kernel, principal).expect("a reader");
    let relations = kernel.relations(&reader).expect("relations");
    let relation = relations.iter().find(|relation| relation.name == name).expect("it is there");
    let mut text = String::new();
    (relation.rows)(&reader, &Scan::default(), &mut |cells: Vec<Cell>| {
        text.push_str(&format!("{cells:?}\n"));
        Ok(true)
    })
    .expect("rows");
    text
}

#[test]
fn a_value_is_told_to_no_person_and_stands_nowhere_in_clear() {
    let mut world = world();
    let answer = set(&mut world.writer, "mail", VALUE).expect("set");
    assert_eq!(
        (answer["version"].as_u64(), answer["set_by"].as_str()),
        (Some(1), Some("user:olga"))
    );
    let mut shown = answer.to_string();
    for (operation, on) in [
        ("secret.get", ("secret", "mail")),
        ("secret.list", ("secret", "")),
        ("secret.rotate", ("secret", "")),
        ("resource.get", ("secret", "mail")),
        ("resource.history", ("secret", "mail")),
        ("resource.list", ("secret", "")),
    ] {
        let answer = call(&mut world.writer, "user:olga", operation, on, json!({}));
        shown.push_str(&answer.expect("answers").to_string());
    }
    for relation in ["secrets", "audit", "meters", "resources"] {
        shown.push_str(&relation_text(&world.kernel, "user:olga", relation));
    }
    assert!(!shown.contains(VALUE), "{shown}");
    assert!(shown.contains("Of the mail server."), "{shown}");
    let bytes = stored(&world.store);
    assert!(holds(&bytes, "secret.set") && !holds(&bytes, VALUE));
    assert!(!holds(&bytes, &base::hex(VALUE.as_bytes())));
    assert!(!holds(&bytes, &base::hex(&base::sha256(VALUE.as_bytes()))), "nor a hash of it");
}

#[test]
fn a_program_reads_what_its_role_names_and_the_audit_says_so() {
    let mut world = world();
    assert_eq!(code(read_by(&mut world.writer, "user:mailbot", "mail")), "secret.unset");
    set(&mut world.writer, "mail", VALUE).expect("set");
    set(&mut world.writer, "other", VALUE).expect("set");
    let answer = read_by(&mut world.writer, "user:mailbot", "mail").expect("reads");
    assert_eq!((answer["value"].as_str(), answer["version"].as_u64()), (Some(VALUE), Some(1)));
    assert_eq!(code(read_by(&mut world.writer, "user:mailbot", "other")), "resource.not_found");
    assert_eq!(code(read_by(&mut world.writer, "user:olga", "mail")), "policy.forbidden");
    for who in ["user:otto", "user:dora"] {
        assert_eq!(code(read_by(&mut world.writer, who, "mail")), "policy.forbidden", "{who}");
        let value = json!({"value": "another"});
        let set = call(&mut world.writer, who, "secret.set", ("secret", "mail"), value);
        assert_eq!(code(set), "policy.forbidden", "{who}");
    }
    assert_eq!(code(read_by(&mut world.writer, "anonymous", "mail")), "token.invalid");
    let audit = relation_text(&world.kernel, "user:olga", "audit");
    let lines: Vec<&str> = audit.lines().filter(|line| line.contains("secret.read")).collect();
    let is_read = |line: &&&str| line.contains("user:mailbot") && line.contains("allowed");
    assert_eq!(lines.iter().filter(is_read).count(), 1, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("user:olga") && line.contains("forbidden")));
}

#[test]
fn an_engine_uses_a_value_for_who_may_use_it() {
    let mut world = world();
    set(&mut world.writer, "mail", VALUE).expect("set");
    let reader = Reader::new(&world.kernel, Principal::Anonymous).expect("a reader");
    let value_for = |who: &str, name: &str, scope: &[&str]| {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        let mut call = Call::new("feed.fetch", ResourceRef::new("feed", ""), actor);
        call.scope = scope.iter().map(|right| (*right).to_owned()).collect();
        let value = world.kernel.secret(&reader, name, &call);
        value.map(|value| value.expose_text().map(str::to_owned))
    };
    assert_eq!(value_for("user:fetchbot", "mail", &[]).expect("may").as_deref(), Some(VALUE));
    assert!(value_for("user:olga", "mail", &["Run"]).is_ok());
    assert_ne!(code(value_for("user:olga", "mail", &["Read"])), "ok", "the token is cut down");
    assert_ne!(code(value_for("user:mailbot", "mail", &[])), "ok");
    assert_eq!(code(value_for("user:olga", "none", &[])), "resource.not_found");
}

#[test]
fn no_key_keeps_a_call_and_no_process_reads_a_value() {
    let mut world = world();
    set(&mut world.writer, "mail", VALUE).expect("set");
    let olga = Principal::User("olga".into());
    let mut keyed = Call::new("secret.set", ResourceRef::new("secret", "mail"), olga)
        .with(json!({"value": "another-long-value"}));
    keyed.key = Some("k".into());
    assert_eq!(code(world.writer.turn(&[keyed]).remove(0)), "secret.call");
    let role = "permit(principal in Role::\"asker\", action, resource);";
    let people = json!([
        manifest("Role", "asker", json!({ "policies": role })),
        manifest("User", "asker", json!({"roles": ["asker"]})),
    ]);
    apply(&mut world.writer, people).expect("applied");
    call(&mut world.writer, "user:asker", "echo.ask", ("echo", ""), json!({})).expect("asks");
    let reader = Reader::new(&world.kernel, Principal::Anonymous).expect("a reader");
    let answer = reader.get(kernel::key(b'i').as_ref()).expect("a look").expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer), "secret.call");
}

#[test]
fn what_is_wrong_with_a_value_is_said_without_it() {
    let mut world = world();
    for args in [
        json!({"value": {"password": VALUE}}),
        json!({"value": [VALUE]}),
        json!({"vale": VALUE}),
        json!({"value": VALUE, "encoding": VALUE}),
        json!({"value": VALUE, "encoding": "base64"}),
        json!({"value": VALUE, VALUE: 1}),
        json!({"value": ""}),
    ] {
        let refused = call(&mut world.writer, "user:olga", "secret.set", ("secret", "mail"), args);
        let problem = refused.expect_err("refused");
        assert_eq!(problem.code, "secret.invalid");
        assert!(!format!("{problem:?}").contains(VALUE), "{problem:?}");
    }
    let long = "x".repeat(Config::default().secret_bytes_max + 1);
    assert_eq!(code(set(&mut world.writer, "mail", &long)), "call.too_large");
    let spec = json!({"value": VALUE});
    let problem = apply(&mut world.writer, json!([manifest("Secret", "mail", spec)]));
    let problem = problem.expect_err("refused");
    assert_eq!(problem.code, "manifest.invalid");
    assert!(!format!("{problem:?}").contains(VALUE), "{problem:?}");
}

#[test]
fn known_values_are_masked_in_problems_and_in_what_jobs_say() {
    let mut world = world();
    let echo = |writer: &mut Writer, verb: &str| {
        call(writer, "user:olga", verb, ("echo", ""), json!({"a": [format!("<{VALUE}>")]}))
    };
    assert_eq!(
        echo(&mut world.writer, "echo.say").expect("says")["a"][0],
        format!("<{VALUE}>"),
        "it is not known yet"
    );
    set(&mut world.writer, "mail", VALUE).expect("set");
    assert_eq!(echo(&mut world.writer, "echo.say").expect("says")["a"][0], "<***>");
    let problem = echo(&mut world.writer, "echo.fail").expect_err("fails");
    assert!(problem.message.contains("<***>") && !problem.message.contains(VALUE), "{problem}");
    // A kernel that starts anew knows what was sealed before.
    let (kernel, _writer) = boot(&world.store, &Config::default());
    kernel.unlock("unit", world.place).expect("unlocks");
    assert_eq!(kernel.masked(&format!("token={VALUE};")), "token=***;");
}

#[test]
fn a_wrong_or_missing_key_is_told_at_start() {
    let mut world = world();
    set(&mut world.writer, "mail", VALUE).expect("set");
    let unlock = |unit: &str, place: Arc<Place>| {
        let (kernel, _writer) = boot(&world.store, &Config::default());
        kernel.unlock(unit, place)
    };
    let wrong = SecretKey::generate(&SeededEntropy::new(5));
    for place in [Place::new(vec![wrong.clone()], true), Place::new(Vec::new(), true)] {
        let held = place.held();
        let problem = unlock("unit", Arc::clone(&place)).expect_err("refused");
        assert_eq!(problem.code, "secret.key", "{problem}");
        assert_eq!(place.held(), held, "no key is made where something is sealed under another");
    }
    assert_eq!(code(unlock("another", Arc::clone(&world.place))), "secret.key");
    let among_others = [vec![wrong.clone()], world.place.held(), vec![wrong]].concat();
    assert_eq!(code(unlock("unit", Place::new(among_others, true))), "ok");
    let (_kernel, mut writer) = boot(&world.store, &Config::default());
    assert_eq!(code(set(&mut writer, "mail", VALUE)), "secret.locked", "never unlocked");
}

#[test]
fn a_place_that_only_people_write_must_have_a_key() {
    let mut world = world_with(&Config::default(), Place::new(Vec::new(), false));
    assert_eq!(code(set(&mut world.writer, "mail", VALUE)), "secret.locked");
    let (first, second) =
        (SecretKey::generate(&SystemEntropy), SecretKey::generate(&SystemEntropy));
    let mut world = world_with(&Config::default(), Place::new(vec![first], false));
    set(&mut world.writer, "mail", VALUE).expect("set");
    let rotate =
        |writer: &mut Writer| call(writer, "user:olga", "secret.rotate", ("secret", ""), json!({}));
    assert_eq!(code(rotate(&mut world.writer)), "secret.no_next_key");
    world.place.keys.lock().expect("no panic").push(second.clone());
    assert_eq!(rotate(&mut world.writer).expect("rotates")["to"], 2);
    world.writer.turn(&[]);
    let (kernel, _writer) = boot(&world.store, &Config::default());
    kernel.unlock("unit", Place::new(vec![second], false)).expect("the new key is enough");
}

#[test]
fn a_reference_must_lead_somewhere_and_holds_its_secret() {
    let mut world = world();
    let feed = |name: &str| json!([manifest("Feed", "prices", json!({"key": {"secret": name}}))]);
    assert_eq!(code(apply(&mut world.writer, feed("none"))), "manifest.reference");
    apply(&mut world.writer, feed("mail")).expect("applied");
    let row = call(&mut world.writer, "user:olga", "secret.get", ("secret", "mail"), json!({}));
    assert_eq!(row.expect("shown")["used_by"], json!(["feed/prices"]));
    let delete = |writer: &mut Writer, kind: &str, name: &str| {
        code(call(writer, "user:olga", "resource.delete", (kind, name), json!({})))
    };
    set(&mut world.writer, "mail", VALUE).expect("set");
    assert_eq!(delete(&mut world.writer, "secret", "mail"), "manifest.reference");
    assert_eq!(delete(&mut world.writer, "feed", "prices"), "ok");
    assert_eq!(delete(&mut world.writer, "secret", "mail"), "ok");
    apply(&mut world.writer, json!([manifest("Secret", "mail", json!({}))])).expect("again");
    assert_eq!(code(read_by(&mut world.writer, "user:mailbot", "mail")), "secret.unset");
    let answer = set(&mut world.writer, "mail", VALUE).expect("set");
    assert_eq!(answer["version"], 2, "no version comes twice");
}

#[test]
fn a_changed_row_is_told_by_use_and_by_verify() {
    let mut world = world();
    set(&mut world.writer, "mail", VALUE).expect("set");
    set(&mut world.writer, "other", VALUE).expect("set");
    let key = |name: &str| kernel::key(b'X').text("value").text(name).bytes();
    let snapshot = world.store.snapshot().expect("a snapshot");
    let other = snapshot.get(&key("other")).expect("a look").expect("a row");
    // The row of one secret in place of another's, as somebody could who can write the store's files.
    let epoch = world.store.open_epoch(0).expect("an epoch");
    let batch = store::Batch {
        epoch,
        expects: Vec::new(),
        writes: vec![(key("mail"), Some(other))],
        chunks: Vec::new(),
        trims: Vec::new(),
        folds: false,
    };
    world.store.commit(0, &batch).expect("commits");
    let (kernel, mut writer) = boot(&world.store, &Config::default());
    kernel.unlock("unit", world.place).expect("it starts all the same");
    assert_eq!(code(read_by(&mut writer, "user:mailbot", "mail")), "secret.damaged");
    let reader = Reader::new(&kernel, Principal::Anonymous).expect("a reader");
    let faults = kernel::secrets::verify(&reader).expect("a look");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains("`mail`"), "{faults:?}");
}

/// The values of all secrets as engines get them.
fn values(kernel: &Arc<Kernel>, names: &[String]) -> Vec<String> {
    let reader = Reader::new(kernel, Principal::Anonymous).expect("a reader");
    let call =
        Call::new("feed.fetch", ResourceRef::new("feed", ""), Principal::User("olga".into()));
    let value = |name: &String| {
        let value = kernel.secret(&reader, name, &call).expect("it opens");
        value.expose_text().expect("text").to_owned()
    };
    names.iter().map(value).collect()
}

#[test]
fn a_rotation_that_is_cut_off_anywhere_goes_on_and_loses_nothing() {
    // Three values a commit, so that ten take several.
    let config = Config { work_steps_max: 3, ..Config::default() };
    let mut world = world_with(&config, Place::new(Vec::new(), true));
    let names: Vec<String> = (0..10).map(|number| format!("s{number}")).collect();
    let manifests: Vec<Value> =
        names.iter().map(|name| manifest("Secret", name, json!({}))).collect();
    apply(&mut world.writer, json!(manifests)).expect("applied");
    for name in &names {
        set(&mut world.writer, name, &format!("the value of {name}")).expect("set");
    }
    let expected = values(&world.kernel, &names);
    let old = world.place.held();
    let begun = call(&mut world.writer, "user:olga", "secret.rotate", ("secret", ""), json!({}));
    assert_eq!(begun.expect("begins")["begun"], true);
    let mut crashes = 0;
    while world.place.held().len() != 1 {
        assert!(crashes < 20, "it comes to an end");
        crashes += 1;
        // What the process had in memory is gone; the store and the keys are there.
        let (kernel, mut writer) = boot(&world.store, &config);
        kernel.unlock("unit", Arc::clone(&world.place) as Arc<dyn KeySource>).expect("unlocks");
        assert_eq!(values(&kernel, &names), expected, "after {crashes} crashes");
        writer.turn(&[]);
        assert_eq!(values(&kernel, &names), expected, "after {crashes} crashes and a turn");
    }
    assert!(3 < crashes, "it was cut off in the middle: {crashes}");
    assert_ne!(world.place.held(), old);
    let (kernel, mut writer) = boot(&world.store, &config);
    kernel.unlock("unit", Arc::clone(&world.place) as Arc<dyn KeySource>).expect("unlocks");
    assert_eq!(values(&kernel, &names), expected);
    set(&mut writer, "s3", "a newer value").expect("set");
    assert_eq!(values(&kernel, &names)[3], "a newer value");
    let (kernel, _writer) = boot(&world.store, &config);
    let refused = kernel.unlock("unit", Place::new(old, true));
    assert_eq!(code(refused), "secret.key", "the old key opens nothing any more");
}

#[test]
fn the_next_key_is_written_once_and_before_the_call_is_queued() {
    let mut world = world();
    set(&mut world.writer, "mail", VALUE).expect("set");
    let asked = || {
        let olga = Principal::User("olga".into());
        Call::new("secret.rotate", ResourceRef::new("secret", ""), olga)
    };
    assert_eq!(code(world.writer.turn(&[asked()]).remove(0)), "secret.call");
    assert_eq!(world.place.held().len(), 1, "nothing was written on the partition's thread");
    let mut calls = [asked(), asked()];
    for call in &mut calls {
        world.kernel.prepare(call).expect("prepared");
    }
    assert_eq!(world.place.held().len(), 2, "the second has found the key of the first");
    let replies = world.writer.turn(&calls).into_iter();
    let begun: Vec<Value> =
        replies.map(|reply| reply.expect("rotates").into_value()["begun"].take()).collect();
    assert_eq!(begun, [json!(true), json!(false)]);
}

#[test]
fn a_value_that_is_set_in_the_middle_of_a_rotation_is_sealed_under_the_new_key() {
    let config = Config { work_steps_max: 2, ..Config::default() };
    let mut world = world_with(&config, Place::new(Vec::new(), true));
    let names: Vec<String> = (0..8).map(|number| format!("s{number}")).collect();
    let manifests: Vec<Value> =
        names.iter().map(|name| manifest("Secret", name, json!({}))).collect();
    apply(&mut world.writer, json!(manifests)).expect("applied");
    for name in &names {
        set(&mut world.writer, name, VALUE).expect("set");
    }
    call(&mut world.writer, "user:olga", "secret.rotate", ("secret", ""), json!({}))
        .expect("begins");
    set(&mut world.writer, "s0", "behind the cursor").expect("set");
    set(&mut world.writer, "s7", "before the cursor").expect("set");
    for _ in 0..10 {
        world.writer.turn(&[]);
    }
    assert_eq!(world.place.held().len(), 1, "the old key is gone");
    let found = values(&world.kernel, &names);
    assert_eq!((found[0].as_str(), found[7].as_str()), ("behind the cursor", "before the cursor"));
    let list = call(&mut world.writer, "user:olga", "secret.list", ("secret", ""), json!({}));
    let list = list.expect("lists");
    let keys: Vec<_> =
        list["items"].as_array().expect("items").iter().map(|row| &row["key"]).collect();
    assert!(keys.iter().filter(|key| !key.is_null()).all(|key| **key == 2), "{keys:?}");
}
