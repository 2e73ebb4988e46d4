//! Promises of tasks to the people who do them: what is theirs and in which order, who hears of it, and what became of it.

use super::model::bpmn;
use super::unit::{Unit, manifest};
use crate::assignments::{self, Assignment};
use crate::{Config, Processes};
use base::{Problem, Time};
use kernel::{Call, Principal, Read, Reader, Reply, ResourceRef};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{MemoryStore, Store as _};

/// A unit with a process whose task is due after so many seconds as `due` says, for whom `who` and `roles` say.
fn unit() -> Unit {
    unit_with(Config::default())
}

fn unit_with(limits: Config) -> Unit {
    let mut unit =
        Unit::with_limits(Arc::new(MemoryStore::new()), kernel::Config::default(), limits);
    let assignment = r#"<zeebe:assignmentDefinition assignee="=who" candidateGroups="=roles"/><zeebe:taskSchedule dueDate="=due"/>"#;
    let lines = format!("start s\n user u {assignment}\n end e\n s > u > e");
    let role = |name: &str| manifest("Role", name, json!({}));
    let user = |name: &str, roles: &[&str]| manifest("User", name, json!({"roles": roles}));
    unit.manifests(vec![
        role("clerk"),
        role("boss"),
        user("bob", &["clerk"]),
        user("cleo", &["clerk", "boss"]),
        user("dan", &[]),
        manifest(
            "Process",
            "p",
            json!({"source": bpmn(&lines), "roles": ["owner"], "business_key": "key"}),
        ),
    ])
    .unwrap_or_else(|problem| panic!("{problem:?}"));
    unit
}

fn call_as(
    unit: &mut Unit,
    user: &str,
    operation: &str,
    resource: &str,
    args: Value,
) -> Result<Value, Problem> {
    let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
    let call =
        Call::new(operation, ResourceRef::new(kind, name), Principal::User(user.into())).with(args);
    match unit.kernel.operation(operation)?.handler {
        kernel::Handler::Read(_) => unit.kernel.read(&call).map(Reply::into_value),
        _ => unit.turn(call),
    }
}

/// Starts an instance with a task; `due` is in seconds.
fn task(unit: &mut Unit, key: &str, who: Option<&str>, roles: &[&str], due: Option<i64>) {
    let due = due.map_or_else(|| Time(i64::from(u32::MAX) * 1_000), |due| Time(due * 1_000));
    let variables = json!({"key": key, "who": who.unwrap_or_default(), "roles": roles, "due": due});
    unit.ok("process.start", "process/p", json!({ "variables": variables }));
}

fn keys(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row["business_key"].as_str())
        .collect()
}

fn list(unit: &mut Unit, user: &str, args: Value) -> Vec<String> {
    let page = call_as(unit, user, "task.list", "task", args).expect("a page");
    keys(&page).into_iter().map(str::to_owned).collect()
}

fn some_tasks(unit: &mut Unit) {
    task(unit, "o-late", None, &["clerk"], None);
    task(unit, "o-bob", Some("bob"), &["boss"], Some(50));
    task(unit, "o-cleo", Some("cleo"), &["clerk"], Some(10));
    task(unit, "x-boss", None, &["boss"], Some(5));
    task(unit, "o-both", None, &["boss", "clerk"], Some(20));
    task(unit, "x-nobody", None, &[], Some(1));
}

#[test]
fn mine_is_what_is_mine_and_what_my_roles_may_take_what_is_due_first_before_others() {
    let mut unit = unit();
    some_tasks(&mut unit);
    let mine = || json!({"mine": "true"});
    assert_eq!(list(&mut unit, "bob", mine()), ["o-both", "o-bob", "o-late"]);
    assert_eq!(list(&mut unit, "cleo", mine()), ["x-boss", "o-cleo", "o-both", "o-late"]);
    assert!(list(&mut unit, "dan", mine()).is_empty());
    // An owner may take what names nobody.
    assert_eq!(list(&mut unit, "ana", mine()), ["x-nobody"]);
    assert_eq!(list(&mut unit, "bob", json!({"mine": true, "search": "o-b"})), ["o-both", "o-bob"]);
    assert_eq!(list(&mut unit, "bob", json!({"mine": true, "state": "claimed"})), ["o-bob"]);
    call_as(&mut unit, "bob", "task.claim", "task/5-2", json!({})).expect("claimed");
    assert_eq!(list(&mut unit, "cleo", mine()), ["x-boss", "o-cleo", "o-late"]);
    call_as(&mut unit, "bob", "task.unclaim", "task/5-2", json!({})).expect("given back");
    assert_eq!(list(&mut unit, "cleo", mine()), ["x-boss", "o-cleo", "o-both", "o-late"]);
}

#[test]
fn tasks_are_found_by_the_beginning_of_the_business_key_by_person_and_by_process() {
    let mut unit = unit();
    some_tasks(&mut unit);
    assert_eq!(
        list(&mut unit, "ana", json!({"search": "o-"})),
        ["o-bob", "o-both", "o-cleo", "o-late"]
    );
    assert_eq!(
        list(&mut unit, "bob", json!({"search": "o-"})),
        ["o-bob", "o-both", "o-cleo", "o-late"]
    );
    assert_eq!(list(&mut unit, "ana", json!({"search": "o-c", "process": "p"})), ["o-cleo"]);
    assert!(list(&mut unit, "ana", json!({"search": "oo"})).is_empty());
    assert_eq!(list(&mut unit, "ana", json!({"assignee": "bob"})), ["o-bob"]);
    let of_process = ["x-nobody", "x-boss", "o-cleo", "o-both", "o-bob", "o-late"];
    assert_eq!(list(&mut unit, "ana", json!({"process": "p"})), of_process);
    assert_eq!(list(&mut unit, "ana", json!({"process": "p", "kind": "u"})), of_process);
    assert!(list(&mut unit, "ana", json!({"process": "p", "kind": "v"})).is_empty());
    assert_eq!(list(&mut unit, "ana", json!({})).len(), 6);
}

#[test]
fn pages_go_on_where_the_one_before_ended_though_tasks_end_in_between() {
    let mut unit = unit();
    some_tasks(&mut unit);
    for args in
        [json!({"mine": "true"}), json!({"search": "o-"}), json!({"process": "p"}), json!({})]
    {
        let whole = list(&mut unit, "cleo", args.clone());
        let (mut found, mut after) = (Vec::new(), Value::Null);
        for _ in 0..20 {
            let mut args = args.clone();
            args["limit"] = json!(1);
            args["after"] = after.clone();
            let page = call_as(&mut unit, "cleo", "task.list", "task", args).expect("a page");
            found.extend(keys(&page).into_iter().map(str::to_owned));
            after = page["next"].clone();
            if after.is_null() {
                break;
            }
        }
        assert_eq!(found, whole, "{args}");
    }
    let first = call_as(&mut unit, "cleo", "task.list", "task", json!({"mine": true, "limit": 1}))
        .expect("a page");
    assert_eq!(keys(&first), ["x-boss"]);
    call_as(&mut unit, "cleo", "task.complete", "task/4-2", json!({})).expect("done");
    let rest = json!({"mine": true, "after": first["next"]});
    assert_eq!(list(&mut unit, "cleo", rest), ["o-cleo", "o-both", "o-late"]);
    for odd in ["zz", "ff".repeat(50).as_str(), "17-3", ""] {
        call_as(
            &mut unit,
            "cleo",
            "task.list",
            "task",
            json!({"mine": true, "search": "o", "after": odd}),
        )
        .expect("a page");
        call_as(&mut unit, "cleo", "task.list", "task", json!({"search": "o", "after": odd}))
            .expect("a page");
    }
}

#[test]
fn who_comes_second_learns_what_counted() {
    let mut unit = unit();
    unit.advance(100);
    task(&mut unit, "o1", None, &["clerk"], None);
    unit.advance(500);
    let body =
        |approved: bool| json!({"variables": {"approved": approved}, "done_at": Time(200_000)});
    let mut first =
        Call::new("task.complete", ResourceRef::new("task", "1-2"), Principal::User("bob".into()))
            .with(body(true));
    first.key = Some("queued-1".into());
    assert_eq!(unit.turn(first.clone()).expect("done"), json!({"done_at": Time(200_000)}));
    let second = call_as(&mut unit, "cleo", "task.complete", "task/1-2", body(false))
        .expect_err("it is over");
    assert_eq!((second.code.as_str(), second.kind), ("task.ended", base::Kind::Conflict));
    assert_eq!(second.message, "task `1-2` was completed by bob");
    let claim =
        call_as(&mut unit, "cleo", "task.claim", "task/1-2", json!({})).expect_err("it is over");
    assert_eq!(claim.code, "task.ended");
    // Who repeats what he did is answered as the first time.
    assert_eq!(unit.turn(first).expect("again"), json!({"done_at": Time(200_000)}));
    let shown = call_as(&mut unit, "cleo", "task.get", "task/1-2", json!({}))
        .expect("she could have done it");
    assert_eq!(shown["state"], "completed");
    let ended = json!({"by": "bob", "at": Time(500_000), "done_at": Time(200_000), "variables": {"approved": true}});
    assert_eq!(shown["ended"], ended);
    // Who could not have done it sees nothing.
    let hidden = call_as(&mut unit, "dan", "task.get", "task/1-2", json!({})).expect_err("hidden");
    let unknown =
        call_as(&mut unit, "dan", "task.get", "task/9-9", json!({})).expect_err("unknown");
    assert_eq!(hidden.code, unknown.code);
    assert_eq!(
        unit.rows("tasks", &["task", "state", "completed_by", "done_at", "ended_at"]),
        ["1-2 completed bob 200 500"]
    );
}

#[test]
fn a_task_that_was_cancelled_says_so() {
    let mut unit = unit();
    task(&mut unit, "o1", None, &["clerk"], None);
    unit.ok("instance.cancel", "instance/1", json!({}));
    let problem =
        call_as(&mut unit, "bob", "task.complete", "task/1-2", json!({})).expect_err("it is over");
    assert_eq!(
        (problem.code.as_str(), problem.message.as_str()),
        ("task.ended", "task `1-2` was cancelled")
    );
    let shown = call_as(&mut unit, "bob", "task.get", "task/1-2", json!({})).expect("shown");
    assert_eq!(
        (&shown["state"], &shown["ended"]),
        (&json!("cancelled"), &json!({"by": null, "at": Time(0)}))
    );
}

#[test]
fn a_time_that_cannot_be_is_taken_for_the_nearest_that_can() {
    let mut unit = unit();
    unit.advance(100);
    for (said, taken) in [(50, 100), (100, 100), (150, 150), (900, 200)] {
        if said == 50 {
            (0..4).for_each(|_| task(&mut unit, "k", None, &["clerk"], None));
            unit.advance(200);
        }
        let open = list(&mut unit, "bob", json!({"mine": true}));
        let name = format!("task/{}-2", 5 - open.len());
        let reply = call_as(
            &mut unit,
            "bob",
            "task.complete",
            &name,
            json!({"done_at": Time(said * 1_000)}),
        )
        .expect("done");
        assert_eq!(reply["done_at"], json!(Time(taken * 1_000)), "{said}");
    }
    task(&mut unit, "k", None, &["clerk"], None);
    let problem =
        call_as(&mut unit, "bob", "task.complete", "task/5-2", json!({"done_at": "soon"}))
            .expect_err("no time");
    assert_eq!(problem.kind, base::Kind::Invalid);
}

#[test]
fn what_ended_is_kept_as_long_as_the_history_and_large_results_are_left_out() {
    let mut unit =
        unit_with(Config { history_days: Some(1), ended_bytes_max: 100, ..Config::default() });
    task(&mut unit, "o1", None, &["clerk"], None);
    let large = json!({"variables": {"text": "x".repeat(200)}});
    call_as(&mut unit, "bob", "task.complete", "task/1-2", large).expect("done");
    let shown = call_as(&mut unit, "bob", "task.get", "task/1-2", json!({})).expect("shown");
    assert_eq!(shown["ended"], json!({"by": "bob", "at": Time(0)}));
    unit.advance(86_400);
    call_as(&mut unit, "bob", "task.get", "task/1-2", json!({})).expect("still shown");
    unit.advance(86_401);
    unit.writer.turn(&[]);
    call_as(&mut unit, "bob", "task.get", "task/1-2", json!({})).expect_err("forgotten");
    let reader = Reader::new(&unit.kernel, Principal::User("ana".into())).expect("a reader");
    for prefix in [crate::wire::key::ended_by_time(), kernel::key(b'r').text("D")] {
        assert!(reader.scan_prefix(prefix.as_ref(), 10).expect("keys").is_empty());
    }
}

fn told(unit: &Unit, after: u64) -> Vec<String> {
    let reader = Reader::new(&unit.kernel, Principal::Unit("push".into())).expect("a reader");
    let line = |told: Assignment| {
        let Assignment { number, task, title, assignee, candidates, .. } = told;
        format!("{number} {task} {title} {} {candidates:?}", assignee.unwrap_or_default())
    };
    assignments::since(&reader, after, 100).expect("entries").into_iter().map(line).collect()
}

#[test]
fn who_should_hear_of_a_task_is_written_down_and_the_newest_are_kept() {
    let mut unit = unit_with(Config { assignments_kept_max: 3, ..Config::default() });
    some_tasks(&mut unit);
    // What is nobody's in particular is told to nobody, and only three are kept.
    assert_eq!(
        told(&unit, 0),
        ["3 3-2 u cleo []", r#"4 4-2 u  ["boss"]"#, r#"5 5-2 u  ["boss", "clerk"]"#]
    );
    call_as(&mut unit, "bob", "task.claim", "task/1-2", json!({})).expect("claimed");
    assert!(told(&unit, 5).is_empty(), "who takes a task knows of it");
    unit.ok("task.assign", "task/6-2", json!({"assignee": "dan"}));
    unit.ok("task.assign", "task/4-2", json!({"assignee": "ana"}));
    assert_eq!(told(&unit, 5), ["6 6-2 u dan []"], "nor who gives himself one");
    let reader = Reader::new(&unit.kernel, Principal::Unit("push".into())).expect("a reader");
    assert_eq!(assignments::last(&reader).expect("a number"), 6);
}

#[test]
fn tasks_that_an_older_version_has_listed_are_brought_forward() {
    let store = Arc::new(MemoryStore::new());
    let mut unit = Unit::over(Arc::clone(&store));
    let lines = r#"start s
        user u <zeebe:assignmentDefinition candidateGroups="owner"/>
        end e
        s > u > e"#;
    unit.manifests(vec![manifest("Process", "p", json!({"source": bpmn(lines)}))])
        .expect("applied");
    for key in ["a", "b"] {
        unit.ok("process.start", "process/p", json!({"business_key": key}));
    }
    drop(unit);
    let epoch = store.open_epoch(0).expect("an epoch");
    let old = |part: &str, text: &str, number: u64| {
        kernel::key(b'k').text(part).text(text).number(number).number(2).bytes()
    };
    let mut writes: Vec<_> = [1, 2].map(|number| (old("2", "p", number), Some(Vec::new()))).into();
    writes.push((old("1", "gone", 7), Some(Vec::new())));
    let snapshot = store.snapshot().expect("a snapshot");
    for prefix in crate::wire::key::tasks_listed() {
        let end = base::prefix_end(prefix.as_ref());
        let found = snapshot.scan(prefix.as_ref(), &end, 100, false).expect("keys");
        writes.extend(found.into_iter().map(|(key, _)| (key, None)));
    }
    drop(snapshot);
    store.commit(0, &store::Batch { epoch, writes, ..store::Batch::default() }).expect("written");
    let mut unit = Unit::over(store);
    let verify = |unit: &Unit| {
        let reader = Reader::new(&unit.kernel, Principal::Unit("verify".into())).expect("a reader");
        Processes::new(Config::default()).verify(&reader).expect("it is looked through")
    };
    assert_eq!(verify(&unit), Vec::<String>::new(), "before too");
    unit.writer.turn(&[]);
    assert_eq!(verify(&unit), Vec::<String>::new());
    assert_eq!(list(&mut unit, "ana", json!({"mine": true})), ["a", "b"]);
    unit.ok("task.complete", "task/1-2", json!({}));
    unit.ok("task.complete", "task/2-2", json!({}));
    unit.assert_clean();
}
