//! Durable calls: answered, failed, refused, withdrawn, and what becomes of them when a contract ends.

use crate::world::{Fate, World, manifest, market};
use base::Kind;
use exchange::{Config, Pumped};
use kernel::{Engine as _, Principal, Reader, Wanted};
use serde_json::{Value, json};

const T: i64 = 1_500_000_000_000;

fn stop(world: &World, token: &str, at: i64) {
    let args = json!({"contract": "pay", "token": token, "at": at});
    world.call("retail", "process.stop", ("process", ""), args).unwrap();
}

#[test]
fn a_call_is_answered_and_billed_on_both_sides() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.ask("retail", "pay", "authorise", "o-2", T).unwrap();
    world.settle();
    assert_eq!(world.ledger("payment")[0], "pay authorise 2 0 0 0 2 0.60 0.60 0.00");
    assert_eq!(world.finish("payment", "o-1", T + 5_000), json!(1));
    world.settle();
    let answer: Value = serde_json::from_str(&world.answer("retail", "o-1").unwrap()).unwrap();
    assert_eq!(answer, json!({"$at": "2017-07-14T02:40:05Z", "value": {"value": 129.9}}));
    // 0.30 + 0.30 + 1.5 % of 129.90, which is 1.9485.
    assert_eq!(world.ledger("payment")[0], "pay authorise 2 1 0 0 1 2.55 2.55 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    world.verify();
    let calls =
        world.look("retail", "contract.calls", ("contract", "pay"), json!({"call": "1"})).unwrap();
    assert_eq!(calls["items"][0]["state"], "answered");
}

#[test]
fn a_call_of_a_person_keeps_its_answer() {
    let world = market(json!({}), &Config::default());
    let args = json!({"capability": "authorise", "input": {"order": "o-1"}});
    let made = world.call("retail", "contract.call", ("contract", "pay"), args).unwrap();
    world.settle();
    world.finish("payment", "o-1", T);
    world.settle();
    let args = json!({"call": made["call"]});
    let calls = world.look("retail", "contract.calls", ("contract", "pay"), args).unwrap();
    assert_eq!(calls["items"][0]["output"], json!({"value": 129.9}));
}

#[test]
fn what_does_not_fit_the_contract_never_leaves() {
    let world = market(json!({}), &Config::default());
    let refused = |capability: &str, input: Value| {
        let args = json!({"capability": capability, "input": input});
        world.call("retail", "contract.call", ("contract", "pay"), args).unwrap_err()
    };
    let problem = refused("authorize", json!({}));
    assert_eq!(
        (problem.code.as_str(), problem.hint.as_deref()),
        ("contract.capability", Some("did you mean `authorise`?"))
    );
    assert_eq!(refused("authorise", json!({})).code, "contract.input");
    assert_eq!(refused("authorise", json!({"order": "a", "value": "much"})).code, "contract.input");
    assert_eq!(refused("authorise", json!({"order": "a".repeat(300_000)})).code, "exchange.limit");
    let wrong_side = world.call(
        "payment",
        "contract.call",
        ("contract", "pay"),
        json!({"capability": "refund", "input": {}}),
    );
    assert_eq!(wrong_side.unwrap_err().code, "contract.state");
}

#[test]
fn a_failed_process_fails_the_call_and_only_the_acceptance_is_owed() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    world
        .call("payment", "process.finish", ("process", ""), json!({"order": "o-1", "fail": true}))
        .unwrap();
    world.settle();
    assert_eq!(world.answer("retail", "o-1").unwrap(), "!kernel.stopping");
    assert_eq!(world.ledger("retail")[0], "pay authorise 1 0 0 1 0 0.30 0.30 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
}

#[test]
fn a_withdrawn_call_costs_its_acceptance_whenever_the_withdrawal_comes() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "early", T).unwrap();
    stop(&world, "early", T + 1);
    world.ask("retail", "pay", "authorise", "late", T).unwrap();
    world.settle();
    stop(&world, "late", T + 2);
    world.settle();
    assert_eq!(world.ledger("retail")[0], "pay authorise 2 0 2 0 0 0.60 0.60 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    assert_eq!(world.answer("retail", "late"), None, "whoever withdrew does not wait");
    assert_eq!(world.finish("payment", "late", T + 3), json!(0), "the process is gone");
    world.verify();
}

#[test]
fn when_answer_and_withdrawal_cross_the_providers_commit_holds() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    world.finish("payment", "o-1", T + 1);
    stop(&world, "o-1", T + 1);
    world.settle();
    assert_eq!(world.ledger("retail")[0], "pay authorise 1 1 0 0 0 2.25 2.25 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    assert_eq!(world.answer("retail", "o-1"), None);
}

#[test]
fn a_person_withdraws_a_call_and_who_made_it_is_told() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    world.call("retail", "contract.withdraw", ("contract", "pay"), json!({"call": "1"})).unwrap();
    world.settle();
    assert_eq!(world.answer("retail", "o-1").unwrap(), "!contract.withdrawn");
    let gone = world.call("retail", "contract.withdraw", ("contract", "pay"), json!({"call": "1"}));
    assert_eq!(gone.unwrap_err().code, "contract.call_not_found");
}

#[test]
fn open_calls_are_in_the_list_of_what_runs_and_are_withdrawn_there() {
    let world = market(json!({}), &Config::default());
    for order in ["o-1", "o-2", "o-3"] {
        world.ask("retail", "pay", "authorise", order, T).unwrap();
    }
    world.settle();
    let list = |unit: &str, filter: Value| {
        let answer = world.look(unit, "running.list", ("running", ""), filter).unwrap();
        let ids = answer["items"].as_array().unwrap().iter().map(|item| item["id"].clone());
        json!([ids.collect::<Value>(), answer["next"]])
    };
    let all = json!(["call/pay/1", "call/pay/2", "call/pay/3"]);
    for (unit, who) in
        [("retail", "user:olga".to_owned()), ("payment", format!("peer:{}", world.unit("retail")))]
    {
        assert_eq!(list(unit, json!({"kind": "call"})), json!([all, null]));
        assert_eq!(list(unit, json!({"resource": "contract/pay", "principal": who}))[0], all);
        assert_eq!(list(unit, json!({"resource": "contract/other"}))[0], json!([]));
        assert_eq!(list(unit, json!({"state": "withdrawing"}))[0], json!([]));
        assert_eq!(list(unit, json!({"id": "call/pay/2"}))[0], json!(["call/pay/2"]));
    }
    assert_eq!(
        list("retail", json!({"limit": 2})),
        json!([["call/pay/1", "call/pay/2"], "exchange:pay/2"])
    );
    let rest = json!({"limit": 2, "after": "exchange:pay/2"});
    assert_eq!(list("retail", rest), json!([["call/pay/3"], null]));
    let tell = |who: &str, unit: &str, verb: &str, id: &str| {
        let verb = format!("running.{verb}");
        world.act(unit, who, &verb, ("running", ""), json!({ "id": id }))
    };
    let code = |told: Result<Value, base::Problem>| told.unwrap_err().code;
    assert_eq!(code(tell("user:olga", "payment", "kill", "call/pay/1")), "running.unsupported");
    assert_eq!(code(tell("user:olga", "retail", "pause", "call/pay/1")), "running.unsupported");
    assert_eq!(code(tell("user:olga", "retail", "kill", "call/pay/9")), "contract.call_not_found");
    tell("user:olga", "retail", "kill", "call/pay/1").unwrap();
    assert_eq!(list("retail", json!({"state": "withdrawing"}))[0], json!(["call/pay/1"]));
    world.settle();
    assert_eq!(list("retail", json!({}))[0], json!(["call/pay/2", "call/pay/3"]));
    assert_eq!(world.answer("retail", "o-1").unwrap(), "!contract.withdrawn");
}

#[test]
fn who_may_not_see_a_contract_neither_sees_nor_ends_its_calls() {
    let world = market(json!({}), &Config::default());
    world.apply("retail", json!([manifest("User", "vera", json!({"roles": []}))])).unwrap();
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    let vera = |verb: &str, args: Value| {
        world.act("retail", "user:vera", &format!("running.{verb}"), ("running", ""), args)
    };
    assert_eq!(vera("list", json!({})).unwrap()["items"], json!([]));
    let refused = vera("kill", json!({"id": "call/pay/1"})).unwrap_err();
    assert!(matches!(refused.kind, Kind::NotFound | Kind::Forbidden), "{refused:?}");
    let open =
        world.look("retail", "contract.calls", ("contract", "pay"), json!({"state": "open"}));
    assert_eq!(open.unwrap()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn calls_are_looked_through_in_portions() {
    let world = market(json!({}), &Config::default());
    for order in ["o-1", "o-2", "o-3"] {
        world.ask("retail", "pay", "authorise", order, T).unwrap();
    }
    let node = world.node("retail");
    let reader = Reader::new(&node.kernel, Principal::User("olga".into())).unwrap();
    let look = |after: Option<&str>| {
        let after = after.map(str::to_owned);
        // Nobody is meant: what does not fit is looked at all the same.
        let principal = Some("user:nobody".to_owned());
        let wanted = Wanted { looks: Some(2), principal, after, ..Wanted::default() };
        let next = node.exchange.running(&reader, reader.caller(), &wanted, &mut |running| {
            panic!("{running:?} is not meant")
        });
        next.unwrap()
    };
    assert_eq!(look(None).as_deref(), Some("pay/2"));
    assert_eq!(look(Some("pay/2")), None);
}

#[test]
fn revoked_means_revoked_and_open_calls_finish() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "open", T).unwrap();
    world.settle();
    world.cut.lock().unwrap().insert("retail".into());
    world
        .call("payment", "contract.revoke", ("contract", "pay"), json!({"reason": "moved"}))
        .unwrap();
    // The consumer is cut off, does not know, and calls: it is refused and not billed.
    world.ask("retail", "pay", "authorise", "unaware", T + 1).unwrap();
    world.settle();
    world.cut.lock().unwrap().clear();
    world.settle();
    assert_eq!(world.answer("retail", "unaware").unwrap(), "!contract.terminated");
    let late = world.call(
        "retail",
        "contract.call",
        ("contract", "pay"),
        json!({"capability": "refund", "input": {}}),
    );
    let late = late.unwrap_err();
    assert_eq!(late.code, "contract.terminated");
    assert!(late.message.contains("moved"), "{}", late.message);
    world.finish("payment", "open", T + 2);
    world.settle();
    assert_eq!(world.ledger("retail")[0], "pay authorise 1 1 0 0 0 2.25 2.25 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
}

#[test]
fn open_calls_are_cancelled_where_the_contract_says_so() {
    let world = market(json!({"on_revoke": "cancel"}), &Config::default());
    world.ask("retail", "pay", "authorise", "open", T).unwrap();
    world.settle();
    world.call("payment", "contract.revoke", ("contract", "pay"), json!({})).unwrap();
    world.settle();
    assert_eq!(world.answer("retail", "open").unwrap(), "!contract.withdrawn");
    assert_eq!(world.ledger("retail")[0], "pay authorise 1 0 1 0 0 0.30 0.30 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    assert_eq!(world.finish("payment", "open", T + 2), json!(0));
}

#[test]
fn a_consumer_may_end_a_contract_too() {
    let world = market(json!({}), &Config::default());
    world.call("retail", "contract.revoke", ("contract", "pay"), json!({})).unwrap();
    world.settle();
    assert_eq!(world.state("payment", "pay"), "terminated");
}

#[test]
fn messages_survive_kills_and_lost_answers_and_come_once() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    *world.fate.lock().unwrap() = Fate::AnswerLost;
    assert!(matches!(world.pump("retail", "payment"), Pumped::Failed(_)));
    world.kill("retail");
    world.kill("payment");
    assert!(matches!(world.pump("retail", "payment"), Pumped::Failed(_)));
    *world.fate.lock().unwrap() = Fate::Arrives;
    world.settle();
    assert_eq!(world.ledger("payment")[0], "pay authorise 1 0 0 0 1 0.30 0.30 0.00");
    world.kill("payment");
    world.finish("payment", "o-1", T + 1);
    world.kill("payment");
    world.settle();
    assert!(world.answer("retail", "o-1").is_some());
    world.verify();
}

#[test]
fn the_limit_of_open_calls_holds_on_both_sides() {
    let config = Config { calls_open_max: 1, ..Config::default() };
    let world = market(json!({}), &config);
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.ask("retail", "pay", "authorise", "o-2", T).unwrap();
    assert_eq!(world.answer("retail", "o-2").unwrap(), "!exchange.limit");
    world.settle();
    world.finish("payment", "o-1", T);
    world.settle();
    world.ask("retail", "pay", "authorise", "o-3", T).unwrap();
    assert_eq!(world.answer("retail", "o-3"), None);
}

#[test]
fn links_come_to_rest_and_outboxes_are_cleared() {
    let world = market(json!({}), &Config::default());
    for number in 0..20 {
        world.ask("retail", "pay", "authorise", &format!("o-{number}"), T).unwrap();
    }
    world.settle();
    let before = world.seen.lock().unwrap().len();
    world.settle();
    assert_eq!(world.seen.lock().unwrap().len(), before, "nothing is sent for nothing");
    world.acknowledge("retail", "payment");
    world.acknowledge("payment", "retail");
    world.settle();
    assert_eq!(world.seen.lock().unwrap().len(), before, "clearing out sends nothing");
    let status =
        |unit: &str| world.look(unit, "exchange.status", ("exchange", ""), json!({})).unwrap();
    let (retail, payment) = (status("retail"), status("payment"));
    let link = |status: &Value, to: &str| status["peers"][world.unit(to)].clone();
    assert_eq!(link(&retail, "payment")["sent"], link(&payment, "retail")["received"]);
    assert_eq!(link(&payment, "retail")["sent"], link(&retail, "payment")["received"]);
    assert_eq!(link(&retail, "payment")["acknowledged"], link(&retail, "payment")["sent"]);
    assert_eq!((&retail["calls_open"], &payment["calls_open"]), (&json!(20), &json!(20)));
    assert_eq!(payment["receipts_unsettled"], 0);
}
