//! Who is told of tasks, and what is kept of that: through the kernel path on a store in memory.

use base::{Clock, Problem, SeededEntropy, Time};
use desk::push::{
    Ended, Later, News, Notice, Outcome, Pair, Record, cursor, due, has_subscriptions, next_due,
    record_call,
};
use desk::{Config, Desk};
use kernel::secrets::{KeySource, SecretKey};
use kernel::{Call, Credential, Handle, Kernel, Parts, Principal, Reader, ResourceRef};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::MemoryStore;

const BEGIN: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 3_600;
const PASSWORD: &str = "correct horse battery staple";
/// The keys of RFC 8291, section 5.
const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

/// A clock that a test moves.
struct Moved(AtomicI64);

impl Clock for Moved {
    fn business(&self) -> Time {
        self.wall()
    }

    fn wall(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst).cast_unsigned())
    }

    fn is_driven(&self) -> bool {
        false
    }

    fn advance(&self, _to: Time) -> bool {
        false
    }
}

/// The secret key of the unit, in memory.
struct Place(Mutex<Vec<SecretKey>>);

impl KeySource for Place {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        Ok(self.0.lock().expect("a lock").clone())
    }

    fn add(&self, key: &SecretKey) -> Result<bool, Problem> {
        self.0.lock().expect("a lock").push(key.clone());
        Ok(true)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        "the test".into()
    }
}

struct Unit {
    handle: Handle,
    kernel: Arc<Kernel>,
    clock: Arc<Moved>,
    desk: Arc<Desk>,
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.desk.set_commits(None);
        self.handle.stop();
    }
}

impl Unit {
    fn new(config: Config) -> Self {
        let clock = Arc::new(Moved(AtomicI64::new(BEGIN)));
        let desk = Arc::new(Desk::new(config));
        let limits = kernel::Config {
            password_memory_kib: 64,
            password_passes: 1,
            ..kernel::Config::default()
        };
        let (kernel, writer) = Kernel::new(Parts {
            store: Arc::new(MemoryStore::new()),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(5)),
            engines: vec![desk.clone()],
            config: limits,
        })
        .expect("a kernel");
        let handle = kernel::spawn(writer).expect("a thread");
        let unit = Self { handle, kernel, clock, desk };
        let user = |name: &str, role: &str| json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": name}, "spec": {"roles": [role]}});
        unit.apply(json!([
            user("olga", "owner"),
            user("abel", "approver"),
            user("anna", "approver"),
            user("vera", "viewer"),
        ]));
        unit
    }

    /// A unit that runs: it has a secret key, and can make what it needs.
    fn running(config: Config) -> Self {
        let unit = Self::new(config);
        let source = Arc::new(Place(Mutex::default()));
        unit.kernel.unlock("unit", source).expect("unlocked");
        let handle = unit.handle.clone();
        unit.desk.set_commits(Some(Arc::new(move |call, done| handle.submit(call, done))));
        unit
    }

    fn apply(&self, manifests: Value) {
        let args = json!({"application": "people", "manifests": manifests});
        self.ask("unit:init", "resource.apply", ("resource", ""), args).expect("applied");
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
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

    fn subscribe(&self, user: &str, path: &str) -> String {
        let made = self.ask(
            &format!("user:{user}"),
            "subscription.create",
            ("subscription", ""),
            browser(path),
        );
        made.expect("it is told")["id"].as_str().expect("an id").to_owned()
    }

    /// As by a session or a token.
    fn subscribe_by(&self, secret: &str, path: &str) -> String {
        let identity = self.handle.authenticate(&Credential::Bearer(secret)).expect("known");
        let who = identity.principal.to_string();
        let mut call = self.call(&who, "subscription.create", ("subscription", ""), browser(path));
        call.stamp = identity.stamp;
        let made = self.handle.call(call).expect("it is told").into_value();
        made["id"].as_str().expect("an id").to_owned()
    }

    fn own(&self, user: &str) -> Vec<String> {
        let listed =
            self.ask(&format!("user:{user}"), "subscription.list", ("subscription", ""), json!({}));
        let listed = listed.expect("a list");
        let items = listed["items"].as_array().expect("items").iter();
        items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    }

    fn sign_in(&self, user: &str) -> (String, String) {
        let set = json!({ "password": PASSWORD });
        self.ask("user:olga", "user.set_password", ("user", user), set).expect("set");
        let args = json!({"user": user, "password": PASSWORD});
        let made = self.ask("anonymous", "session.create", ("session", ""), args).expect("made");
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        (text("id"), text("token"))
    }

    fn reader(&self) -> Reader {
        Reader::new(&self.kernel, Principal::Unit("push".into())).expect("a reader")
    }

    fn record(&self, record: &Record) {
        self.handle.call(record_call(record)).expect("recorded");
    }

    /// Reads on over news, as whoever sends does.
    fn read(&self, after: Option<u64>, news: &[News]) -> Vec<Notice> {
        let tell = self.desk.notices(&self.reader(), news).expect("worked out");
        let cursor = news.last().map(|news| news.number);
        self.record(&Record { after, cursor, tell: tell.clone(), ..Record::default() });
        tell
    }

    fn due(&self) -> Vec<(String, u64)> {
        let due = due(&self.reader(), self.clock.wall()).expect("read");
        due.into_iter().map(|notice| (notice.user, notice.number)).collect()
    }
}

fn browser(path: &str) -> Value {
    json!({
        "endpoint": format!("https://push.example.com/{path}"),
        "expirationTime": null,
        "keys": {"p256dh": P256DH, "auth": AUTH},
        "summary": "a phone",
        "language": "zh-Hans",
    })
}

fn news(number: u64, assignee: Option<&str>, candidates: &[&str]) -> News {
    News {
        number,
        task: format!("{number}-1"),
        title: "Approve".into(),
        process: "claim".into(),
        assignee: assignee.map(str::to_owned),
        candidates: candidates.iter().map(|role| (*role).to_owned()).collect(),
        due: None,
    }
}

#[test]
fn the_key_is_made_once_and_sealed() {
    let ask = |unit: &Unit| {
        let key = unit.ask("user:vera", "subscription.key", ("subscription", ""), json!({}));
        key.map(|key| key["key"].as_str().expect("a key").to_owned())
            .map_err(|problem| problem.code)
    };
    let still = Unit::new(Config::default());
    assert_eq!(ask(&still), Err("subscription.no_key".into()), "nothing runs");
    let unit = Unit::running(Config::default());
    assert!(Pair::of(&unit.reader()).expect("read").is_none());
    let key = ask(&unit).expect("a key");
    assert_eq!((key.len(), ask(&unit)), (87, Ok(key.clone())), "65 bytes, and the same again");
    let pair = Pair::of(&unit.reader()).expect("read").expect("a pair");
    assert_eq!(pair.public(), key);
    for who in ["user:olga", "unit:decisions", "process:claim"] {
        for operation in ["subscription.keep", "subscription.record"] {
            let refused = unit.ask(who, operation, ("subscription", ""), json!({}));
            assert_eq!(refused.expect_err("refused").code, "policy.forbidden", "{who} {operation}");
        }
    }
}

#[test]
fn people_see_and_end_their_own_and_nobody_sees_addresses_or_keys() {
    let unit = Unit::running(Config::default());
    let id = unit.subscribe("abel", "a");
    let list = |who: &str| {
        unit.ask(who, "subscription.list", ("subscription", ""), json!({})).expect("a list")
    };
    let shown = list("user:abel").to_string();
    assert!(shown.contains(&id) && shown.contains("https://push.example.com\""), "{shown}");
    for hidden in [P256DH, AUTH, "push.example.com/a"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert_eq!(
        (list("user:vera"), list("user:olga")),
        (json!({"items": []}), json!({"items": []}))
    );
    let delete = |who: &str| {
        let done = unit.ask(who, "subscription.delete", ("subscription", &id), json!({}));
        done.map(|_| ()).map_err(|problem| problem.code)
    };
    assert_eq!(delete("user:vera"), Err("resource.not_found".into()));
    assert_eq!(delete("user:abel"), Ok(()));
    assert_eq!(delete("user:abel"), Err("resource.not_found".into()));
    let anonymous = unit.ask("anonymous", "subscription.key", ("subscription", ""), json!({}));
    assert_eq!(anonymous.expect_err("refused").code, "token.invalid");
}

#[test]
fn an_address_is_told_once_whoever_subscribes_with_it() {
    let unit = Unit::running(Config::default());
    let first = unit.subscribe("abel", "a");
    assert_eq!(unit.subscribe("abel", "a"), first);
    assert_eq!(unit.own("abel"), std::slice::from_ref(&first));
    assert_eq!(unit.subscribe("anna", "a"), first, "the browser is another's by now");
    assert_eq!((unit.own("abel"), unit.own("anna")), (vec![], vec![first]));
}

#[test]
fn who_has_many_browsers_loses_the_one_that_was_there_longest_ago() {
    let config =
        Config { push_subscriptions_user_max: 2, push_subscriptions_max: 3, ..Config::default() };
    let unit = Unit::running(config);
    let first = unit.subscribe("abel", "a");
    unit.pass(1);
    let second = unit.subscribe("abel", "b");
    unit.pass(1);
    unit.subscribe("abel", "a");
    unit.pass(1);
    let third = unit.subscribe("abel", "c");
    let mut expected = [first, third];
    expected.sort();
    let mut own = unit.own("abel");
    own.sort();
    assert_eq!(own, expected, "{second} has made way");
    unit.subscribe("anna", "d");
    let full = unit.ask("user:vera", "subscription.create", ("subscription", ""), browser("e"));
    assert_eq!(full.expect_err("refused").code, "subscription.limit");
}

#[test]
fn what_a_browser_cannot_have_given_is_refused_with_its_place() {
    let unit = Unit::running(Config::default());
    let check = |pointer: &str, value: Value| {
        let mut args = browser("a");
        *args.pointer_mut(pointer).expect("a field") = value;
        let made = unit.ask("user:abel", "subscription.create", ("subscription", ""), args);
        let problem = made.expect_err("refused");
        assert_eq!(problem.code, "subscription.invalid");
        let place = problem.place.and_then(|place| place.pointer);
        assert_eq!(place.as_deref(), Some(pointer), "{}", problem.message);
    };
    check("/endpoint", json!("http://push.example.com/a"));
    check("/endpoint", json!("https://169.254.169.254/latest"));
    check("/keys/p256dh", json!("x"));
    check("/keys/auth", json!("x"));
    check("/language", json!("en; drop"));
    assert!(!has_subscriptions(&unit.reader()).expect("read"));
}

#[test]
fn a_browser_goes_with_the_session_that_was_ended_and_stays_when_its_time_is_over() {
    let unit = Unit::running(Config::default());
    let (id, secret) = unit.sign_in("abel");
    let (ended, other) = (unit.subscribe_by(&secret, "a"), unit.subscribe("abel", "b"));
    assert_eq!(unit.own("abel").len(), 2);
    unit.ask("user:abel", "session.end", ("session", &id), json!({})).expect("ended");
    assert_eq!(unit.own("abel"), std::slice::from_ref(&other), "{ended} is told no more");
    let (_, secret) = unit.sign_in("abel");
    unit.subscribe_by(&secret, "c");
    unit.pass(2 * DAY);
    // The next turn drops sessions whose time is over.
    let (_, secret) = unit.sign_in("anna");
    assert_eq!(unit.own("abel").len(), 2, "the phone in the pocket is still told");
    let told = unit.subscribe_by(&secret, "d");
    let set = json!({"password": "another long password"});
    unit.ask("user:olga", "user.set_password", ("user", "anna"), set).expect("set");
    assert_eq!(unit.own("anna"), Vec::<String>::new(), "{told}: sessions end with the password");
}

#[test]
fn a_browser_goes_with_the_token_and_the_user() {
    let unit = Unit::running(Config::default());
    let made = unit.ask("user:olga", "token.create", ("token", ""), json!({"user": "abel"}));
    let made = made.expect("a token");
    unit.subscribe_by(made["token"].as_str().expect("a secret"), "a");
    unit.subscribe("anna", "b");
    let id = made["id"].as_str().expect("an id");
    unit.ask("user:olga", "token.delete", ("token", id), json!({})).expect("revoked");
    assert_eq!((unit.own("abel").len(), unit.own("anna").len()), (0, 1));
    unit.read(None, &[news(1, None, &[])]);
    unit.read(Some(1), &[news(2, Some("anna"), &[])]);
    assert_eq!(unit.due(), [("anna".to_owned(), 2)]);
    unit.ask("user:olga", "resource.delete", ("user", "anna"), json!({})).expect("removed");
    assert!(!has_subscriptions(&unit.reader()).expect("read"));
    assert_eq!(unit.due(), [], "nor is anything left to tell");
}

#[test]
fn news_are_told_to_the_assignee_or_to_who_may_take_the_task() {
    let config = Config { push_subscriptions_task_max: 2, ..Config::default() };
    let unit = Unit::running(config);
    for (user, path) in [("abel", "a"), ("anna", "b"), ("anna", "c"), ("vera", "d"), ("olga", "e")]
    {
        unit.subscribe(user, path);
    }
    let told = |news: News| {
        let notices = unit.desk.notices(&unit.reader(), &[news]).expect("worked out");
        notices.iter().map(|notice| notice.user.clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(news(1, Some("abel"), &["viewer"])), ["abel"]);
    assert_eq!(told(news(1, None, &["viewer", "nobody"])), ["vera"]);
    assert_eq!(told(news(1, None, &["approver"])), ["abel", "anna"], "two at most");
    assert_eq!(told(news(1, None, &[])), Vec::<String>::new(), "nobody's in particular");
    assert_eq!(told(news(1, Some("ned"), &[])), Vec::<String>::new());
    unit.pass(61 * DAY);
    assert_eq!(told(news(1, Some("abel"), &[])), Vec::<String>::new(), "nobody is there any more");
    assert_eq!(unit.desk.left(&unit.reader()).expect("read").len(), 5);
}

#[test]
fn what_is_told_is_written_down_once_and_stays_until_its_end() {
    let unit = Unit::running(Config::default());
    let id = unit.subscribe("abel", "a");
    assert_eq!(cursor(&unit.reader()).expect("read"), None);
    let three: Vec<News> = (5..8).map(|number| news(number, Some("abel"), &[])).collect();
    unit.read(None, &three);
    let expected = [5, 6, 7].map(|number| ("abel".to_owned(), number));
    assert_eq!((cursor(&unit.reader()).expect("read"), unit.due()), (Some(7), expected.to_vec()));
    unit.read(None, &three);
    unit.read(Some(4), &three);
    assert_eq!(unit.due(), expected, "who has read behind another cursor has read nothing");
    let at = unit.clock.wall().plus(base::Period::seconds(30));
    let (subscription, number) = (id.clone(), 6);
    unit.record(&Record {
        ended: vec![Ended { subscription: id.clone(), number: 5, outcome: Outcome::Delivered }],
        later: vec![Later { subscription, number, at, attempts: 1 }],
        ..Record::default()
    });
    assert_eq!(unit.due(), [("abel".to_owned(), 7)]);
    assert_eq!(next_due(&unit.reader(), unit.clock.wall()).expect("read"), Some(at));
    unit.pass(30);
    assert_eq!(unit.due(), [("abel".to_owned(), 7), ("abel".to_owned(), 6)], "as they are due");
    let attempts = due(&unit.reader(), unit.clock.wall()).expect("read")[1].attempts;
    assert_eq!(attempts, 1);
    unit.record(&Record { gone: vec![id], ..Record::default() });
    assert_eq!((unit.due(), unit.own("abel")), (vec![], vec![]));
    unit.subscribe("abel", "a");
    assert_eq!(cursor(&unit.reader()).expect("read"), None, "who begins is told what comes");
}

#[test]
fn what_is_newer_matters_more_where_much_waits() {
    let config =
        Config { push_waiting_subscription_max: 2, push_waiting_max: 3, ..Config::default() };
    let unit = Unit::running(config);
    unit.subscribe("abel", "a");
    unit.subscribe("anna", "b");
    let some: Vec<News> = (1..4).map(|number| news(number, Some("abel"), &[])).collect();
    unit.read(None, &some);
    assert_eq!(unit.due(), [("abel".to_owned(), 2), ("abel".to_owned(), 3)]);
    let more: Vec<News> = (4..6).map(|number| news(number, Some("anna"), &[])).collect();
    unit.read(Some(3), &more);
    assert_eq!(unit.due().len(), 3, "there is room for no more");
}
