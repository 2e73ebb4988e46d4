//! A unit goes back to an old backup: both sides agree in the end, and no call is run twice.

use crate::world::{Fate, World, market, starts_in};
use base::{Entropy, Problem, SeededEntropy};
use exchange::{Config, Request, Response, Round};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::MemoryStore;

const T: i64 = 1_500_000_000_000;

/// Seeds that run in the tests. `CRATON_SEEDS` runs more.
const SEEDS: u64 = 20;

const ALL_TOLD: Round = Round { told: 1, left: 0 };

fn refusal(world: &World, unit: &str) -> String {
    let problem = world.look(unit, "ledger.list", ("ledger", ""), json!({})).unwrap_err();
    if problem.kind == base::Kind::Unavailable { problem.code } else { String::new() }
}

/// Returns what a unit says about its only peer.
fn told(world: &World, unit: &str) -> Value {
    let answer = world.look(unit, "exchange.reconciliation", ("exchange", ""), json!({})).unwrap();
    answer["items"][0].clone()
}

#[test]
fn a_restored_consumer_gets_its_answers_back_and_calls_nothing_twice() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "early", T).unwrap();
    world.settle();
    let backup = world.backup("retail");
    world.finish("payment", "early", T + 1);
    for order in ["done", "open"] {
        world.ask("retail", "pay", "authorise", order, T + 2).unwrap();
    }
    world.settle();
    world.finish("payment", "done", T + 3);
    world.settle();
    world.acknowledge("payment", "retail");
    let before = world.ledger("payment");

    world.restore("retail", &backup);
    assert_eq!(refusal(&world, "retail"), "unit.reconciling");
    assert_eq!(world.reconcile("retail"), ALL_TOLD);
    world.settle();
    world.verify();
    assert_eq!(world.ledger("payment"), before, "nothing was billed twice");
    assert_eq!(world.ledger("retail"), before);
    assert!(world.answer("retail", "early").is_some(), "the answer came after the backup");
    let report = told(&world, "retail");
    assert_eq!(
        (&report["state"], &report["calls_found"], &report["calls_ended"], &report["unclaimed"]),
        (&json!("done"), &json!(2), &json!(2), &json!(2)),
        "{report}"
    );

    // The processes are older and make their calls again, later.
    for order in ["done", "open", "new"] {
        world.ask("retail", "pay", "authorise", order, T + 10).unwrap();
    }
    let answer: Value = serde_json::from_str(&world.answer("retail", "done").unwrap()).unwrap();
    assert_eq!(answer["value"], json!({"value": 129.9}), "answered at once");
    world.settle();
    assert_eq!(world.finish("payment", "open", T + 11), json!(1));
    assert_eq!(world.finish("payment", "new", T + 12), json!(1));
    world.settle();
    world.verify();
    for order in ["early", "done", "open", "new"] {
        assert!(world.answer("retail", order).is_some(), "{order}");
        assert_eq!(world.starts("payment", order), 1, "{order}");
    }
    assert_eq!(world.ledger("retail")[0], "pay authorise 4 4 0 0 0 9.00 9.00 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    assert_eq!(told(&world, "retail")["unclaimed"], 0);
}

#[test]
fn a_restored_provider_takes_its_receipts_back_and_runs_only_what_has_not_ended() {
    let world = market(json!({}), &Config::default());
    for order in ["early", "waits"] {
        world.ask("retail", "pay", "authorise", order, T).unwrap();
    }
    world.settle();
    let backup = world.backup("payment");
    for order in ["done", "open"] {
        world.ask("retail", "pay", "authorise", order, T + 2).unwrap();
    }
    world.settle();
    for order in ["early", "done"] {
        world.finish("payment", order, T + 3);
    }
    world.settle();
    world.acknowledge("retail", "payment");
    let before = world.ledger("retail");

    world.restore("payment", &backup);
    assert_eq!(world.reconcile("payment"), ALL_TOLD);
    world.settle();
    world.verify();
    assert_eq!((world.ledger("payment"), world.ledger("retail")), (before.clone(), before));
    for order in ["early", "done"] {
        assert_eq!(world.finish("payment", order, T + 4), json!(0), "{order} has ended");
    }
    for order in ["waits", "open"] {
        assert_eq!(world.finish("payment", order, T + 5), json!(1), "{order} goes on");
    }
    world.settle();
    world.verify();
    assert_eq!(world.ledger("payment")[0], "pay authorise 4 4 0 0 0 9.00 9.00 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    let report = told(&world, "payment");
    assert_eq!(
        (&report["calls_resumed"], &report["calls_ended"], &report["disputed"]),
        (&json!(1), &json!(2), &json!(0)),
        "{report}"
    );
}

#[test]
fn an_answer_whose_receipt_was_lost_is_billed_as_the_consumer_has_it() {
    let config = Config { batch_messages_max: 1, ..Config::default() };
    let world = market(json!({}), &config);
    let backup = world.backup("payment");
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    world.finish("payment", "o-1", T + 1);
    // The answer arrives, and the receipt does not.
    world.pump("payment", "retail");
    assert!(world.answer("retail", "o-1").is_some());
    assert_eq!(world.ledger("retail")[0], "pay authorise 1 0 0 0 1 0.30 0.30 0.00");

    world.restore("payment", &backup);
    assert_eq!(world.reconcile("payment"), ALL_TOLD);
    world.settle();
    world.verify();
    assert_eq!(world.ledger("payment")[0], "pay authorise 1 1 0 0 0 2.25 2.25 0.00");
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    assert_eq!(world.finish("payment", "o-1", T + 2), json!(0));
}

#[test]
fn contracts_of_after_the_backup_come_back_and_ended_ones_stay_ended() {
    for unit in ["retail", "payment"] {
        let world = market(json!({}), &Config::default());
        let backup = world.backup(unit);
        let args = json!({"name": "more", "peer": "payment", "offers": ["refund"]});
        world.call("retail", "contract.propose", ("contract", ""), args).unwrap();
        world.settle();
        world.ask("retail", "more", "refund", "o-1", T).unwrap();
        world.settle();
        world.call("retail", "contract.revoke", ("contract", "pay"), json!({})).unwrap();
        world.settle();

        world.restore(unit, &backup);
        assert_eq!(world.reconcile(unit), ALL_TOLD);
        world.settle();
        for side in ["retail", "payment"] {
            assert_eq!(world.state(side, "more"), "finalized", "{unit} was restored");
            assert_eq!(world.state(side, "pay"), "terminated", "{unit} was restored");
        }
        assert_eq!(world.finish("payment", "o-1", T + 1), json!(1));
        world.settle();
        world.verify();
        assert_eq!(world.ledger("retail"), world.ledger("payment"));
    }
}

#[test]
fn a_peer_that_is_away_is_gone_on_without_when_the_owner_says_so() {
    let world = market(json!({}), &Config::default());
    world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
    world.settle();
    let backup = world.backup("retail");
    world.finish("payment", "o-1", T + 1);
    world.settle();
    world.restore("retail", &backup);
    world.cut.lock().unwrap().insert("payment".into());
    assert_eq!(world.reconcile("retail"), Round { told: 0, left: 1 });
    assert!(told(&world, "retail")["problem"].as_str().unwrap().contains("exchange.unreachable"));
    assert_eq!(refusal(&world, "retail"), "unit.reconciling");
    let args = json!({"peer": "payment"});
    let skipped = world.call("retail", "exchange.skip", ("exchange", ""), args).unwrap();
    assert_eq!(skipped["state"], "skipped");
    world.reconcile("retail");
    assert!(world.look("retail", "ledger.list", ("ledger", ""), json!({})).is_ok());
    world.ask("retail", "pay", "authorise", "o-2", T + 2).unwrap();
    assert_eq!(world.answer("retail", "o-2").unwrap(), "!exchange.unreconciled");
    world.cut.lock().unwrap().clear();
    assert_eq!(world.reconcile("retail"), ALL_TOLD);
    world.settle();
    assert!(world.answer("retail", "o-1").is_some());
    assert_eq!(world.ledger("retail"), world.ledger("payment"));
    world.verify();
}

#[test]
fn a_closed_unit_lets_its_operator_see_shut_out_and_mend_and_do_nothing_else() {
    let world = market(json!({}), &Config::default());
    let user = json!({"user": "olga"});
    let token = world.call("retail", "token.create", ("token", ""), user).unwrap();
    let backup = world.backup("retail");
    world.restore("retail", &backup);
    let code = |done: Result<Value, Problem>| {
        done.map_or_else(|problem| problem.code, |_| "ok".to_owned())
    };
    let look = |operation: &str, args: Value| {
        let kind = operation.split_once('.').unwrap().0;
        code(world.look("retail", operation, (kind, ""), args))
    };
    let asked = json!({"operation": "peer.add", "resource": "peer"});
    for (operation, args) in [
        ("peer.list", json!({})),
        ("policy.why", asked),
        ("running.list", json!({})),
        ("session.list", json!({})),
        ("token.list", json!({})),
    ] {
        assert_eq!(look(operation, args), "ok", "{operation}");
    }
    for operation in ["ledger.list", "contract.list", "offer.list"] {
        assert_eq!(look(operation, json!({})), "unit.reconciling", "{operation}");
    }
    let act = |operation: &str, name: &str, args: Value| {
        let kind = operation.split_once('.').unwrap().0;
        code(world.call("retail", operation, (kind, name), args))
    };
    assert_eq!(act("token.delete", token["id"].as_str().unwrap(), json!({})), "ok");
    assert_eq!(act("user.delete_password", "olga", json!({})), "ok");
    for operation in ["token.create", "resource.apply", "peer.remove", "contract.revoke"] {
        assert_eq!(act(operation, "", json!({})), "unit.reconciling", "{operation}");
    }
    // The peer has moved: it is asked where it is now.
    let peer = world.look("retail", "peer.get", ("peer", "payment"), json!({})).unwrap();
    let moved = json!({"name": "payment", "card": peer["card"], "url": "https://payment.new:1"});
    assert_eq!(act("peer.add", "", moved), "ok");
    let peer = world.look("retail", "peer.get", ("peer", "payment"), json!({})).unwrap();
    assert_eq!(peer["url"], "https://payment.new:1");
}

#[test]
fn what_keys_of_after_the_backup_signed_is_taken_back() {
    for unit in ["retail", "payment"] {
        let world = market(json!({}), &Config::default());
        for side in ["retail", "payment"] {
            world.unlock(side);
        }
        let backup = world.backup(unit);
        world.clock.wall.fetch_add(10_000, Ordering::SeqCst);
        for side in ["retail", "payment"] {
            world.call(side, "key.rotate", ("key", ""), json!({})).unwrap();
        }
        world.settle();
        world.ask("retail", "pay", "authorise", "o-1", T).unwrap();
        world.settle();
        world.finish("payment", "o-1", T + 1);
        world.settle();
        let before = world.ledger("payment");

        world.restore(unit, &backup);
        world.unlock(unit);
        assert_eq!(world.reconcile(unit), ALL_TOLD, "{unit}");
        world.settle();
        world.verify();
        assert_eq!((world.ledger("retail"), world.ledger("payment")), (before.clone(), before));
        let list = world.look(unit, "key.list", ("key", ""), json!({})).unwrap();
        let states: Vec<&Value> =
            list["items"].as_array().unwrap().iter().map(|row| &row["state"]).collect();
        assert_eq!(states, ["signs", "valid"], "the secret half of the later one is lost");
        let next = world.call(unit, "key.rotate", ("key", ""), json!({})).unwrap();
        assert_eq!(next["number"], 3, "a number keeps its key");
    }
}

#[test]
fn messages_of_a_life_that_has_ended_are_refused() {
    let world = market(json!({}), &Config::default());
    let backup = world.backup("retail");
    world.ask("retail", "pay", "authorise", "late", T).unwrap();
    let late = {
        let node = world.node("retail");
        let payment = world.nodes["payment"].lock().unwrap().exchange.identity().unit().to_owned();
        let reader = kernel::Reader::new(&node.kernel, kernel::Principal::Anonymous).unwrap();
        let after = node.exchange.counters(&reader).unwrap().peers[&payment].acknowledged;
        node.exchange.next(&reader, &payment, after, false).unwrap().unwrap().request
    };
    world.restore("retail", &backup);
    assert_eq!(world.reconcile("retail"), ALL_TOLD);
    let response = world.deliver("payment", &late);
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, body["code"].as_str()), (409, Some("exchange.incarnation")));
    assert_eq!(world.starts("payment", "late"), 0);
}

/// Breaks answers to `exchange.recall`.
fn break_pages(world: &World) {
    *world.mangle.lock().unwrap() = Some(Box::new(|request: &Request, response: &mut Response| {
        if request.path.contains("recall") {
            *response = Response { status: 500, body: Vec::new() };
        }
    }));
}

fn step(world: &Arc<World>, entropy: &dyn Entropy, made: &mut u64, at: i64) {
    let order = |number: u64| format!("o-{}", number % (*made).max(1));
    match entropy.number() % 100 {
        0..28 => {
            *made += 1;
            // After the contract has ended this is refused; that is part of the play.
            let _ = world.ask("retail", "pay", "authorise", &format!("o-{made}"), at);
        }
        28..50 => {
            world.finish("payment", &order(entropy.number()), at);
        }
        50..56 => {
            let args = json!({"contract": "pay", "token": order(entropy.number()), "at": at});
            world.call("retail", "process.stop", ("process", ""), args).unwrap();
        }
        56..59 => {
            world.kill(["retail", "payment"][usize::from(entropy.number().is_multiple_of(2))])
        }
        59..62 => {
            let fates = [Fate::Arrives, Fate::Arrives, Fate::Lost, Fate::AnswerLost];
            let fate = usize::try_from(entropy.number() % 4).unwrap();
            *world.fate.lock().unwrap() = fates[fate];
        }
        62..65 => world.acknowledge("payment", "retail"),
        65..68 => world.acknowledge("retail", "payment"),
        68 if at % 40 == 0 => {
            let unit = ["retail", "payment"][usize::from(entropy.number().is_multiple_of(2))];
            let _ = world.call(unit, "contract.revoke", ("contract", "pay"), json!({}));
        }
        69..84 => {
            world.pump("retail", "payment");
        }
        _ => {
            world.pump("payment", "retail");
        }
    }
}

/// What a unit knew when it was backed up.
struct Backup {
    store: MemoryStore,
    /// How many calls had been made.
    made: u64,
}

/// Restores a unit, with a first attempt that fails half way, and makes the calls again that it has forgotten.
fn go_back(world: &Arc<World>, unit: &str, backup: &Backup, made: u64, seed: u64) {
    world.restore(unit, &backup.store);
    *world.fate.lock().unwrap() = Fate::Arrives;
    if seed.is_multiple_of(3) {
        break_pages(world);
        world.reconcile(unit);
        *world.mangle.lock().unwrap() = None;
        world.kill(unit);
    }
    assert_eq!(world.reconcile(unit).left, 0, "seed {seed}");
    if unit == "retail" {
        for number in backup.made + 1..=made {
            let _ = world.ask("retail", "pay", "authorise", &format!("o-{number}"), T + 500);
        }
    }
}

fn play(seed: u64) -> Vec<String> {
    let entropy = SeededEntropy::new(7_000 + seed);
    let unit = ["retail", "payment"][usize::from(seed.is_multiple_of(2))];
    let on_revoke = if seed % 4 < 2 { "finish" } else { "cancel" };
    let batch_messages_max = 1 + usize::try_from(seed % 5).unwrap();
    let config = Config { batch_messages_max, ..Config::default() };
    let world = market(json!({"on_revoke": on_revoke}), &config);
    let mut made = 0;
    let (first, second) = (40 + entropy.number() % 40, 100 + entropy.number() % 60);
    let mut backup = None;
    let mut answered: BTreeMap<String, u8> = BTreeMap::new();
    for number in 0..220 {
        if number == first {
            backup = Some(Backup { store: world.backup(unit), made });
        }
        if number == second {
            let backup = backup.as_ref().unwrap();
            // Whoever was answered must not be worked for again by a provider that has forgotten it.
            let orders = (1..=made).map(|number| format!("o-{number}"));
            let orders: Vec<String> =
                orders.filter(|order| world.answer("retail", order).is_some()).collect();
            go_back(&world, unit, backup, made, seed);
            if unit == "payment" {
                answered.extend(orders.into_iter().map(|order| {
                    let starts = starts_in(&backup.store, &order);
                    (order, starts)
                }));
            }
        }
        step(&world, &entropy, &mut made, T + i64::try_from(number).unwrap());
    }
    world.verify();
    *world.fate.lock().unwrap() = Fate::Arrives;
    world.settle();
    world
        .call("payment", "process.finish", ("process", ""), json!({"output": {"value": 10}}))
        .unwrap();
    world.settle();
    world.verify();
    for number in 1..=made {
        let order = format!("o-{number}");
        let starts = world.starts("payment", &order);
        match answered.get(&order) {
            Some(before) => assert_eq!(starts, *before, "seed {seed}: {order} ran again"),
            None => assert!(starts <= 1, "seed {seed}: {order} ran {starts} times"),
        }
    }
    let (retail, payment) = (world.ledger("retail"), world.ledger("payment"));
    assert_eq!(retail, payment, "seed {seed}: {unit} was restored");
    for line in &retail {
        let parts: Vec<&str> = line.split(' ').collect();
        assert_eq!(
            (parts[6], parts[7], parts[9]),
            ("0", parts[8], "0.00"),
            "seed {seed}: all agreed, nothing open"
        );
    }
    retail
}

#[test]
fn ledgers_agree_after_a_restore_in_the_middle_of_everything() {
    let seeds =
        std::env::var("CRATON_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(SEEDS);
    let mut answered = 0;
    for seed in 0..seeds {
        let ledger = play(seed);
        answered += ledger.iter().filter(|line| line.split(' ').nth(3) != Some("0")).count();
    }
    assert!(0 < answered, "something was answered");
    assert_eq!(play(3), play(3), "a seed reproduces");
}
