//! What is sent, with a made push service and made tasks.

use super::courier::Answer;
use super::*;
use base::{Clock, SeededEntropy};
use desk::push::{News, Outgoing};
use kernel::secrets::{KeySource, SecretKey};
use kernel::{
    Engine, Found, Kernel, KindOf, Operation, Parts, Read, Relation, Right, operation, read,
};
use serde_json::json;
use std::sync::atomic::AtomicI64;
use std::sync::{Mutex, PoisonError};
use store::{MemoryStore, Store};

const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

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

struct Place(Mutex<Vec<SecretKey>>);

impl KeySource for Place {
    fn keys(&self) -> Result<Vec<SecretKey>, Problem> {
        Ok(locked(&self.0).clone())
    }

    fn add(&self, key: &SecretKey) -> Result<bool, Problem> {
        locked(&self.0).push(key.clone());
        Ok(true)
    }

    fn keep(&self, _key: &SecretKey) -> Result<(), Problem> {
        Ok(())
    }

    fn place(&self) -> String {
        "the test".into()
    }
}

/// Tasks that are made by hand, and what there is to tell of them.
#[derive(Default)]
struct Made {
    news: Mutex<Vec<News>>,
    /// Tasks that have ended or are somebody's: state and assignee.
    states: Mutex<BTreeMap<String, (&'static str, Option<&'static str>)>>,
}

impl Made {
    fn come(&self, task: &str, assignee: &str) {
        let mut news = locked(&self.news);
        let number = news.len() as u64 + 1;
        news.push(News {
            number,
            task: task.into(),
            title: "Approve".into(),
            process: "claim".into(),
            assignee: (!assignee.is_empty()).then(|| assignee.to_owned()),
            candidates: vec!["approver".into()],
            due: None,
        });
    }

    fn get(&self, call: &Call) -> Reply {
        let state = locked(&self.states).get(&call.resource.name).copied();
        let (state, assignee) = state.unwrap_or(("created", None));
        Reply::Value(json!({"state": state, "assignee": assignee}))
    }
}

impl Feed for Made {
    fn since(&self, _: &dyn Read, after: u64, limit: usize) -> Result<Vec<News>, Problem> {
        let news = locked(&self.news);
        Ok(news.iter().filter(|news| after < news.number).take(limit).cloned().collect())
    }

    fn last(&self, _: &dyn Read) -> Result<u64, Problem> {
        Ok(locked(&self.news).len() as u64)
    }
}

struct Worklist(Arc<Made>);

impl Engine for Worklist {
    fn name(&self) -> &'static str {
        "worklist"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "task",
            manifest: "",
            plural: "tasks",
            schema: Value::Null,
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        let get = read(&self, |engine: &Self, _: &Reader, call: &Call| Ok(engine.0.get(call)));
        vec![operation("task.get", Right::Read, "Shows a task.", get)]
    }

    fn relations(self: Arc<Self>, _: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn find(&self, _: &dyn Read, kind: &str, _: &str) -> Result<Option<Found>, Problem> {
        Ok((kind == "task")
            .then(|| Found { candidates: vec!["approver".into()], ..Found::default() }))
    }
}

/// A push service: what came, and what each address is answered. An address without an answer hangs until the test lets go.
#[derive(Default)]
struct Service {
    came: Mutex<Vec<(String, BTreeMap<&'static str, String>)>>,
    answers: Mutex<BTreeMap<String, u16>>,
    hangs: Mutex<BTreeSet<String>>,
    let_go: Bell,
}

impl Service {
    fn answers(&self, path: &str, status: u16) {
        locked(&self.answers).insert(path.into(), status);
    }

    fn came(&self) -> Vec<String> {
        locked(&self.came).iter().map(|(path, _)| path.clone()).collect()
    }
}

impl Post for Service {
    fn send(&self, message: &Outgoing) -> Result<Answer, String> {
        let path = message.endpoint.trim_start_matches("https://").to_owned();
        let headers = message.headers.iter().cloned().collect();
        locked(&self.came).push((path.clone(), headers));
        while locked(&self.hangs).contains(&path) {
            self.let_go.wait(self.let_go.count(), Duration::from_millis(20));
        }
        let status = locked(&self.answers).get(&path).copied().unwrap_or(201);
        if status == 0 {
            return Err("it hung up".into());
        }
        Ok(Answer { status, again_after: None })
    }
}

struct World {
    handle: Handle,
    desk: Arc<Desk>,
    clock: Arc<Moved>,
    made: Arc<Made>,
    service: Arc<Service>,
    bell: Arc<Bell>,
    config: Config,
}

impl Drop for World {
    fn drop(&mut self) {
        locked(&self.service.hangs).clear();
        self.desk.set_commits(None);
        self.handle.stop();
    }
}

impl World {
    fn new() -> Self {
        let key = Arc::new(Place(Mutex::default()));
        let world = Self::over(Arc::new(MemoryStore::new()), &key);
        let user = |name: &str| json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": name}, "spec": {"roles": ["approver"]}});
        let users = json!({"manifests": [user("abel"), user("anna")]});
        world.ask("unit:init", "resource.apply", ("resource", ""), users);
        world.ask("user:abel", "subscription.key", ("subscription", ""), json!({}));
        world
    }

    fn over(store: Arc<dyn Store>, key: &Arc<Place>) -> Self {
        let config: Config =
            toml::from_str("name = 'shop'\nlisten = ''\nlisten_peers = '192.0.2.1:1'")
                .expect("a configuration");
        let clock = Arc::new(Moved(AtomicI64::new(1_700_000_000_000)));
        let (desk, made) = (Arc::new(Desk::new(config.desk.clone())), Arc::new(Made::default()));
        let (kernel, writer) = Kernel::new(Parts {
            store,
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(9)),
            engines: vec![desk.clone(), Arc::new(Worklist(Arc::clone(&made)))],
            config: kernel::Config::default(),
        })
        .expect("a kernel");
        kernel.unlock("shop", key.clone()).expect("unlocked");
        let handle = kernel::spawn(writer).expect("a thread");
        let commits = handle.clone();
        desk.set_commits(Some(Arc::new(move |call, done| commits.submit(call, done))));
        let (service, bell) = (Arc::default(), Arc::default());
        Self { handle, desk, clock, made, service, bell, config }
    }

    fn ask(&self, who: &str, operation: &str, on: (&str, &str), args: Value) -> Value {
        let actor = Principal::try_from(who.to_owned()).expect("a principal");
        let call = Call::new(operation, ResourceRef::new(on.0, on.1), actor).with(args);
        self.handle.call(call).expect("it is done").into_value()
    }

    fn subscribe(&self, user: &str, address: &str) {
        let keys = json!({"p256dh": P256DH, "auth": "BTBZMqHH6r4Tts7J_aSIgg"});
        let args = json!({"endpoint": format!("https://{address}"), "keys": keys});
        let who = format!("user:{user}");
        self.ask(&who, "subscription.create", ("subscription", ""), args);
    }

    fn own(&self, user: &str) -> usize {
        let who = format!("user:{user}");
        let list = self.ask(&who, "subscription.list", ("subscription", ""), json!({}));
        list["items"].as_array().map_or(0, Vec::len)
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// What a process that begins has.
    fn sender(&self) -> Sending<'_> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let seams: (Arc<dyn Feed>, Arc<dyn Post>) = (self.made.clone(), self.service.clone());
        let (config, bell) = (&self.config, &self.bell);
        let sender = Sender::over(config, &self.handle, &self.desk, bell, &is_stopping, seams);
        let work = self.handle.kernel().works().enter("push", "tells", self.clock.wall());
        Sending { world: self, sender, work }
    }
}

struct Sending<'a> {
    world: &'a World,
    sender: Sender,
    work: Work,
}

impl Sending<'_> {
    /// Lets it work until there is nothing to do at this moment but for what hangs.
    fn settle(&mut self) {
        loop {
            let seen = self.world.bell.count();
            let pause = self.sender.round(&self.work).expect("it works");
            let hanging = locked(&self.world.service.hangs).len();
            if !pause.is_zero() && self.sender.busy.len() <= hanging {
                return;
            }
            if !pause.is_zero() {
                self.world.bell.wait(seen, Duration::from_secs(10));
            }
        }
    }
}

#[test]
fn each_browser_is_told_once_of_what_comes_after_it_has_subscribed() {
    let world = World::new();
    world.made.come("1-1", "abel");
    world.subscribe("abel", "a.example/abel");
    world.subscribe("anna", "a.example/anna");
    let mut sending = world.sender();
    sending.settle();
    assert_eq!(
        world.service.came(),
        Vec::<String>::new(),
        "what was there is in the list of tasks"
    );
    world.made.come("2-1", "abel");
    world.made.come("3-1", "");
    sending.settle();
    sending.settle();
    let mut came = world.service.came();
    came.sort();
    assert_eq!(came, ["a.example/abel", "a.example/abel", "a.example/anna"]);
    let (_, headers) = locked(&world.service.came).first().cloned().expect("one came");
    assert_eq!(headers["ttl"], "86400");
    assert_eq!((headers["urgency"].as_str(), headers["topic"].len()), ("normal", 32));
    assert_eq!(headers["content-encoding"], "aes128gcm");
    assert!(headers["authorization"].starts_with("vapid t="));
}

#[test]
fn a_process_that_begins_goes_on_where_the_last_one_has_written_down_that_it_was() {
    let world = World::new();
    world.subscribe("abel", "a.example/abel");
    world.sender().settle();
    world.made.come("1-1", "abel");
    world.sender().settle();
    world.made.come("2-1", "abel");
    world.service.answers("a.example/abel", 503);
    world.sender().settle();
    assert_eq!(world.service.came().len(), 2, "one was told, one was tried");
    world.sender().settle();
    assert_eq!(world.service.came().len(), 2, "it is not its time");
    world.service.answers("a.example/abel", 201);
    world.pass(3);
    world.sender().settle();
    world.sender().settle();
    assert_eq!(world.service.came().len(), 3, "and told once");
}

#[test]
fn a_service_that_fails_is_tried_later_and_later_until_the_news_are_old() {
    let world = World::new();
    world.subscribe("abel", "a.example/abel");
    let mut sending = world.sender();
    sending.settle();
    world.service.answers("a.example/abel", 0);
    world.made.come("1-1", "abel");
    world.made.come("2-1", "abel");
    sending.settle();
    assert_eq!(world.service.came().len(), 1, "it rests after the first failure");
    for _ in 0..400 {
        world.pass(300);
        sending.settle();
    }
    let tried = world.service.came().len();
    assert!((20..400).contains(&tried), "{tried}");
    world.service.answers("a.example/abel", 201);
    world.pass(3_600);
    sending.settle();
    assert_eq!(world.service.came().len(), tried, "a day is over");
    let counts = world.handle.kernel().meters().counts("craton_push_notices_total");
    assert_eq!(counts, [("expired".to_owned(), 2)]);
}

#[test]
fn a_browser_whose_news_are_not_taken_holds_up_no_other() {
    let world = World::new();
    world.subscribe("abel", "a.example/ill");
    world.subscribe("abel", "a.example/well");
    let mut sending = world.sender();
    sending.settle();
    world.service.answers("a.example/ill", 429);
    for number in 1..=3 {
        world.made.come(&format!("{number}-1"), "abel");
    }
    sending.settle();
    let count = |path: &str| world.service.came().iter().filter(|at| at.ends_with(path)).count();
    assert_eq!((count("ill"), count("well")), (1, 3));
    world.service.answers("a.example/ill", 201);
    world.pass(3);
    sending.settle();
    assert_eq!((count("ill"), count("well")), (4, 3));
}

#[test]
fn a_browser_that_is_gone_is_told_no_more() {
    let world = World::new();
    world.subscribe("abel", "a.example/gone");
    world.subscribe("abel", "a.example/here");
    let mut sending = world.sender();
    sending.settle();
    world.service.answers("a.example/gone", 410);
    world.made.come("1-1", "abel");
    sending.settle();
    assert_eq!(world.own("abel"), 1);
    world.made.come("2-1", "abel");
    sending.settle();
    let gone = world.service.came().iter().filter(|path| path.ends_with("gone")).count();
    assert_eq!((gone, world.service.came().len()), (1, 3));
}

#[test]
fn a_service_that_hangs_holds_up_no_other() {
    let world = World::new();
    world.subscribe("abel", "slow.example/abel");
    world.subscribe("abel", "quick.example/abel");
    let mut sending = world.sender();
    sending.settle();
    locked(&world.service.hangs).insert("slow.example/abel".into());
    for number in 1..=5 {
        world.made.come(&format!("{number}-1"), "abel");
        sending.settle();
    }
    let count = |host: &str| world.service.came().iter().filter(|at| at.starts_with(host)).count();
    assert_eq!((count("quick"), count("slow")), (5, 1));
    locked(&world.service.hangs).clear();
    sending.settle();
    assert_eq!((count("quick"), count("slow")), (5, 5));
}

#[test]
fn what_is_over_or_another_s_is_not_told() {
    let world = World::new();
    world.subscribe("abel", "a.example/abel");
    world.subscribe("anna", "a.example/anna");
    let mut sending = world.sender();
    sending.settle();
    let mut states = locked(&world.made.states);
    states.insert("1-1".into(), ("completed", None));
    states.insert("2-1".into(), ("claimed", Some("anna")));
    drop(states);
    world.made.come("1-1", "");
    world.made.come("2-1", "");
    sending.settle();
    assert_eq!(world.service.came(), ["a.example/anna"]);
    let counts = world.handle.kernel().meters().counts("craton_push_notices_total");
    assert_eq!(counts, [("delivered".to_owned(), 1), ("void".to_owned(), 3)]);
    let user = json!({"apiVersion": "craton/v1", "kind": "User", "metadata": {"name": "abel"}, "spec": {"roles": []}});
    world.ask("unit:init", "resource.apply", ("resource", ""), json!({"manifests": [user]}));
    world.made.come("3-1", "abel");
    sending.settle();
    assert_eq!(world.service.came().len(), 1, "he may not see it any more");
}
