//! Quotas at the kernel: whom they limit, what a refusal says, and that others are not held up.

use crate::notes::{Unit, call, code, manifest};
use kernel::{Config, Read, Reader, Reply};
use serde_json::{Value, json};
use std::sync::mpsc::channel;

fn unit() -> Unit {
    Unit::new(Config::default())
}

/// Reads as somebody so often; the codes, one letter each: `.` for ok, `q` for over a quota.
fn reads(unit: &Unit, who: &str, count: usize) -> String {
    let letter = |code: String| match code.as_str() {
        "ok" => '.',
        "quota.exceeded" => 'q',
        other => panic!("{other}"),
    };
    (0..count).map(|_| letter(unit.read_code(who))).collect()
}

#[test]
fn calls_over_the_rate_are_refused_until_the_time_that_is_told() {
    let mut unit = unit();
    unit.quota("slow", json!({"for": "user/ana", "rate": 2}));
    assert_eq!(reads(&unit, "user:ana", 3), "..q");
    let problem = unit.reads("user:ana", json!({})).expect_err("she has used it up");
    assert_eq!((problem.kind, problem.retry_ms), (base::Kind::Exhausted, Some(500)));
    assert_eq!(problem.message, "user:ana may not use more: 2 calls a second");
    assert_eq!(problem.hint.as_deref(), Some("repeat it in 500 ms"));
    assert_eq!(reads(&unit, "user:bob", 20), ".".repeat(20), "nobody else is limited");
    unit.clock.pass(499);
    assert_eq!(reads(&unit, "user:ana", 1), "q");
    unit.clock.pass(1);
    assert_eq!(reads(&unit, "user:ana", 2), ".q");
}

#[test]
fn what_changes_something_is_limited_as_well_and_reads_and_changes_count_together() {
    let mut unit = unit();
    unit.quota("slow", json!({"for": "user/ana", "rate": 2}));
    assert_eq!(unit.does("user:ana", "note.write", "note/a", json!({})), "ok");
    assert_eq!(reads(&unit, "user:ana", 1), ".");
    assert_eq!(unit.does("user:ana", "note.write", "note/a", json!({})), "quota.exceeded");
}

#[test]
fn a_quota_of_some_operations_leaves_the_others_alone() {
    let mut unit = unit();
    let narrow = json!({"for": "role/clerk", "rate": 1, "operations": ["note.write"]});
    unit.quota("writes", narrow);
    let mut write = |who: &str| unit.does(who, "note.write", "note/a", json!({}));
    assert_eq!([write("user:ana"), write("user:ana")], ["ok", "quota.exceeded"]);
    assert_eq!(write("user:bob"), "ok", "each member of the role has it by himself");
    assert_eq!(reads(&unit, "user:ana", 10), ".".repeat(10));
}

#[test]
fn to_send_many_calls_at_once_is_no_way_round_a_quota() {
    let mut unit = unit();
    let narrow = json!({"for": "user/ana", "rate": 2, "operations": ["note.write"]});
    unit.quota("writes", narrow);
    let write = json!({"operation": "note.write", "name": "a"});
    let calls = json!({"calls": vec![write; 3]});
    let answer = unit.turn(call("user:ana", "unit.batch", "unit", calls)).expect("an answer");
    let results = answer["results"].as_array().expect("results").iter();
    let codes: Vec<&Value> = results.map(|result| &result["problem"]["code"]).collect();
    assert_eq!(codes, [&Value::Null, &Value::Null, &json!("quota.exceeded")]);
}

/// Writes three times in one batch, with 4,000 bytes of a parameter each; the codes, and what came of a call of 6,000 bytes after it.
fn write_together(unit: &mut Unit, who: &str, parameter: &str) -> (Vec<String>, String) {
    let args = json!({parameter: "x".repeat(4_000)});
    let one = json!({"operation": "note.write", "name": "a", "args": args});
    let mut batch = call(who, "unit.batch", "unit", json!({"calls": vec![one; 3]}));
    batch.bytes = 13_000;
    let answer = unit.turn(batch).expect("an answer");
    let results = answer["results"].as_array().expect("results").iter();
    let codes = results.map(|result| result["problem"]["code"].as_str().unwrap_or("ok").to_owned());
    let mut look = call(who, "unit.whoami", "unit", json!({}));
    look.bytes = 6_000;
    (codes.collect(), code(&unit.kernel.read(&look).map(Reply::into_value)))
}

#[test]
fn bytes_of_a_batch_count_for_the_quotas_of_its_parts_and_once_for_who_sends_it() {
    for spec in [
        json!({"for": "user/ana", "bytes": 10_000, "operations": ["note.write"]}),
        json!({"for": "application/shop", "bytes": 10_000}),
    ] {
        // Each part brings a bit more than 4,000 bytes; where it answers as much, there is room for one.
        for (parameter, expected) in [
            ("text", ["ok", "ok", "quota.exceeded"]),
            ("answer", ["ok", "quota.exceeded", "quota.exceeded"]),
        ] {
            let mut unit = unit();
            let shop =
                json!({"application": "shop", "manifests": [manifest("Note", "a", json!({}))]});
            unit.turn(call("user:olga", "resource.apply", "resource", shop)).expect("applied");
            unit.quota("parts", spec.clone());
            // The batch, its answer and the look fit into it once, and no part a second time.
            unit.quota("ana", json!({"for": "user/ana", "bytes": 25_500}));
            let (codes, look) = write_together(&mut unit, "user:ana", parameter);
            assert_eq!(codes, expected, "{parameter}: {spec}");
            assert_eq!(look, "ok", "{parameter}: {spec}");
        }
    }
}

#[test]
fn the_own_quota_counts_before_that_of_the_role() {
    let mut unit = unit();
    unit.quota("clerks", json!({"for": "role/clerk", "rate": 1}));
    unit.quota("ana", json!({"for": "user/ana", "rate": 4}));
    assert_eq!(reads(&unit, "user:ana", 5), "....q");
    assert_eq!(reads(&unit, "user:bob", 2), ".q");
}

#[test]
fn a_changed_quota_holds_from_its_commit_on() {
    let mut unit = unit();
    unit.quota("slow", json!({"for": "user/ana", "rate": 1}));
    assert_eq!(reads(&unit, "user:ana", 2), ".q");
    unit.quota("slow", json!({"for": "user/ana", "rate": 1, "burst": 3}));
    assert_eq!(reads(&unit, "user:ana", 3), "..q", "what she has used counts under the new one");
    let gone = unit.does("user:olga", "resource.delete", "quota/slow", json!({}));
    assert_eq!((gone.as_str(), reads(&unit, "user:ana", 5).as_str()), ("ok", "....."));
}

#[test]
fn an_application_has_a_quota_for_all_who_call_it() {
    let mut unit = unit();
    let application =
        json!({"application": "shop", "manifests": [manifest("Note", "a", json!({}))]});
    let applied = unit.turn(call("user:olga", "resource.apply", "resource", application));
    applied.expect("the note belongs to the shop");
    unit.quota("shop", json!({"for": "application/shop", "rate": 3}));
    assert_eq!(reads(&unit, "user:ana", 2) + &reads(&unit, "user:bob", 2), "...q");
    unit.apply("user:olga", json!([manifest("Note", "b", json!({}))])).expect("another note");
    let other = unit.kernel.read(&call("user:bob", "note.read", "note/b", json!({})));
    assert!(other.is_ok(), "what is not of the shop is not limited by it");
}

#[test]
fn an_answer_holds_its_place_until_it_was_read() {
    let mut unit = unit();
    unit.quota("one", json!({"for": "user/ana", "concurrency": 1}));
    let first = unit.reads("user:ana", json!({})).expect("the first");
    let second = unit.reads("user:ana", json!({})).expect_err("one at a time");
    assert_eq!((second.code.as_str(), second.retry_ms), ("quota.exceeded", Some(1_000)));
    assert!(unit.reads("user:bob", json!({})).is_ok());
    drop(first);
    assert!(unit.reads("user:ana", json!({})).is_ok());
}

#[test]
fn bytes_of_an_answer_are_owed_and_bytes_that_come_in_count_at_once() {
    let mut unit = unit();
    unit.quota("bytes", json!({"for": "user/ana", "bytes": 1_000}));
    let Ok(Reply::Stream { pieces, .. }) = unit.reads("user:ana", json!({"count": 30})) else {
        panic!("an answer is never broken off");
    };
    assert_eq!(pieces.count(), 30);
    // 3,000 bytes were read, 1,000 at once are free.
    let problem = unit.reads("user:ana", json!({})).expect_err("she owes 2,000");
    assert_eq!(problem.retry_ms, Some(2_000));
    unit.clock.pass(3_000);
    let mut write = call("user:ana", "note.write", "note/a", json!({}));
    write.bytes = 900;
    assert!(unit.turn(write.clone()).is_ok());
    let problem = unit.turn(write).expect_err("only 100 are left");
    assert_eq!((problem.code.as_str(), problem.retry_ms), ("quota.exceeded", Some(802)));
}

#[test]
fn streams_hold_no_more_than_their_owner_may_store() {
    let mut unit = unit();
    unit.quota("store", json!({"for": "user/olga", "storage": 250}));
    let note = |name: &str| manifest("Note", name, json!({}));
    unit.apply("user:olga", json!([note("b"), note("c")])).expect("two notes of hers");
    let mut write = |who: &str, on: &str| unit.does(who, "note.write", on, json!({}));
    assert_eq!(write("user:ana", "note/b"), "ok", "200 of 250 bytes");
    assert_eq!(write("user:ana", "note/a"), "ok", "that one is the unit's");
    unit.apply("user:olga", json!([note("d")])).expect("a third");
    unit.clock.pass(2_000);
    let problem = unit.turn(call("user:ana", "note.write", "note/b", json!({})));
    let problem = problem.expect_err("300 of 250 bytes");
    assert!(problem.message.ends_with("250 bytes stored, of which 300 are in use"), "{problem}");
    assert_eq!(reads(&unit, "user:ana", 1), ".", "what is there can be read");
}

#[test]
fn a_full_disk_refuses_what_adds_and_nothing_else() {
    let mut unit = unit();
    assert!(unit.kernel.observe_disk(99, 100));
    let mut write = || unit.does("user:ana", "note.write", "note/a", json!({}));
    assert_eq!(write(), "disk.full");
    assert_eq!(unit.does("user:ana", "note.end", "note/a", json!({})), "ok");
    assert_eq!(reads(&unit, "user:ana", 1), ".");
    assert!(!unit.kernel.observe_disk(100, 100));
    assert_eq!(unit.does("user:ana", "note.write", "note/a", json!({})), "ok");
}

/// Asks why ana may do something with the note: whether she may, whether she would be let in now, and what is said of quotas.
fn why(unit: &Unit, asker: &str, operation: &str) -> (bool, bool, String) {
    let args = json!({"operation": operation, "resource": "note/a", "as": "user:ana"});
    let answer = unit.kernel.read(&call(asker, "policy.why", "policy", args)).expect("an answer");
    let answer = answer.into_value();
    let step = answer["steps"].as_array().and_then(|steps| steps.last()).expect("a last step");
    assert_eq!(step["step"], "quotas");
    let is = |name: &str| answer[name].as_bool().expect("yes or no");
    (is("allowed"), is("admitted"), step["detail"].as_str().expect("a text").to_owned())
}

#[test]
fn why_says_whether_a_call_would_be_let_in_now_and_takes_nothing() {
    let mut unit = unit();
    let watcher = "permit(principal in Role::\"watcher\", action in Action::\"Read\", resource);";
    let people = json!([
        manifest("Role", "watcher", json!({ "policies": watcher })),
        manifest("User", "wim", json!({"roles": ["watcher"]})),
    ]);
    unit.apply("user:olga", people).expect("a watcher");
    unit.quota("slow", json!({"for": "user/ana", "rate": 1}));
    let free = (true, true, "no limit is used up now".to_owned());
    assert_eq!(why(&unit, "user:olga", "note.read"), free);
    assert_eq!(reads(&unit, "user:ana", 1), ".");
    let over = "user:ana may not use more: 1 calls a second; repeat it in 1.0 s".to_owned();
    for _ in 0..3 {
        assert_eq!(why(&unit, "user:olga", "note.read"), (true, false, over.clone()));
    }
    let unseen = (true, true, "you may not see what user:ana uses".to_owned());
    assert_eq!(why(&unit, "user:wim", "note.read"), unseen);
    unit.clock.pass(1_000);
    assert_eq!(reads(&unit, "user:ana", 1), ".", "asking has taken nothing");
    unit.quota("slow", json!({"for": "user/ana", "concurrency": 1}));
    assert_eq!(why(&unit, "user:ana", "note.read"), free, "the question itself does not count");
    let held = unit.reads("user:ana", json!({})).expect("the first");
    let (_, is_admitted, detail) = why(&unit, "user:olga", "note.read");
    assert!(!is_admitted && detail.contains("1 calls at the same time"), "{detail}");
    drop(held);
    assert!(unit.kernel.observe_disk(99, 100));
    let (is_allowed, is_admitted, detail) = why(&unit, "user:olga", "note.write");
    assert!(is_allowed && !is_admitted && detail.contains("99 bytes left"), "{detail}");
    assert_eq!(why(&unit, "user:olga", "note.read"), free, "reading goes on");
}

#[test]
fn rights_are_looked_at_before_quotas_and_refusals_are_audited() {
    let mut unit = unit();
    unit.quota("slow", json!({"for": "user/ana", "rate": 1}));
    unit.quota("none", json!({"for": "user/vera", "rate": 1}));
    for _ in 0..3 {
        assert_eq!(unit.does("user:vera", "note.write", "note/a", json!({})), "resource.not_found");
    }
    for _ in 0..30 {
        unit.does("user:ana", "note.write", "note/a", json!({}));
    }
    unit.clock.pass(10_000);
    unit.does("user:bob", "note.write", "note/a", json!({}));
    let reader = Reader::new(&unit.kernel, "unit:test".to_owned().try_into().expect("a part"));
    let chunks = reader.expect("a reader").chunks("system/audit", 0, usize::MAX).expect("a log");
    let lines = chunks.iter().flat_map(|chunk| kernel::rows(&chunk.bytes));
    let lines = lines.map(|line| serde_json::from_slice::<Value>(line).expect("a line"));
    let refused: Vec<Value> = lines.filter(|line| line["outcome"] == "quota.exceeded").collect();
    let count: u64 = refused.iter().filter_map(|line| line["count"].as_u64()).sum();
    assert_eq!(count, 29, "each refusal is in the audit");
    assert_eq!(refused.len(), 11, "ten by themselves, the others counted: {refused:?}");
}

#[test]
fn nobody_but_an_owner_declares_quotas_and_wrong_ones_are_refused() {
    let mut unit = unit();
    let quota = |spec: Value| json!([manifest("Quota", "probe", spec)]);
    let ana = unit.apply("user:ana", quota(json!({"for": "user/ana", "rate": 1_000})));
    assert!(ana.is_err(), "she would lift her own");
    let mut check = |spec: Value| {
        let problem = unit.apply("user:olga", quota(spec)).expect_err("it is wrong");
        format!("{} {}", problem.code, problem.place.and_then(|at| at.pointer).unwrap_or_default())
    };
    assert_eq!(check(json!({"for": "user/nobody", "rate": 1})), "manifest.reference /spec/for");
    assert_eq!(check(json!({"for": "role/nobody", "rate": 1})), "manifest.reference /spec/for");
    assert_eq!(check(json!({"for": "ana", "rate": 1})), "manifest.invalid /spec/for");
    let unknown = json!({"for": "user/ana", "rate": 1, "operations": ["note.rite"]});
    assert_eq!(check(unknown), "operation.not_found /spec/operations/0");
}

#[test]
fn who_floods_the_queue_is_refused_and_others_are_not() {
    let mut unit = Unit::new(Config { calls_principal_max: 4, ..Config::default() });
    let handle = kernel::spawn(unit.writer.take().expect("the writer")).expect("a thread");
    let (send, replies) = channel();
    let submit = |who: &str, operation: &str| {
        let (send, who_too) = (send.clone(), who.to_owned());
        let done = Box::new(move |reply: Result<Reply, base::Problem>| {
            let code = reply.map_or_else(|problem| problem.code, |_| "ok".into());
            send.send((who_too, code)).expect("the test waits");
        });
        handle.submit(call(who, operation, "note/a", json!({})), done);
    };
    // The thread stands at the gate: what comes meanwhile waits.
    submit("user:ana", "note.wait");
    (0..20).for_each(|_| submit("user:ana", "note.write"));
    let refused: Vec<_> = replies.try_iter().collect();
    assert_eq!(refused.len(), 17, "one runs, three wait");
    assert!(refused.iter().all(|(who, code)| who == "user:ana" && code == "quota.exceeded"));
    submit("user:bob", "note.write");
    unit.open.send(()).expect("it waits");
    let answered: Vec<_> = replies.iter().take(5).collect();
    assert!(answered.iter().all(|(_, code)| code == "ok"), "{answered:?}");
    assert!(answered.iter().any(|(who, _)| who == "user:bob"));
    handle.stop();
}
