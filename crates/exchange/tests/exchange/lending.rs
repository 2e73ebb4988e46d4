//! Lent relations: read in pages at one commit, metered alike on both sides, ended with their contract.

use crate::world::{Fate, World, manifest, read_all, turn};
use base::Problem;
use exchange::{Config, Response};
use kernel::{Cell, ColumnType, Comparison, Filter, Scan};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const PRICE: &str = "0.01 + rows * 0.10";

fn config() -> Config {
    Config { page_rows_max: 4, ..Config::default() }
}

fn numbers(count: i64) -> Value {
    let schema = json!([{"name": "n", "type": "int"}, {"name": "secret", "type": "text"}]);
    manifest("Stream", "numbers", json!({"schema": schema, "count": count}))
}

fn offer(change: Value) -> Value {
    let mut spec = json!({
        "relation": {"name": "numbers", "columns": ["n"]}, "version": 1, "summary": "Numbers.",
        "to": ["retail"], "price": {"currency": "EUR", "on_read": PRICE},
    });
    for (name, value) in change.as_object().unwrap() {
        spec[name] = value.clone();
    }
    manifest("Offer", "numbers", spec)
}

/// Returns retail and payment, which lends so many numbers under the contract `lent`.
fn lending(count: i64, change: Value, config: &Config) -> Arc<World> {
    let world = World::new(&["retail", "payment"], config);
    world.apply("payment", json!([numbers(count), offer(change)])).unwrap();
    propose(&world, "lent");
    assert_eq!(world.state("retail", "lent"), "finalized");
    world
}

fn propose(world: &World, name: &str) {
    let args = json!({"name": name, "peer": "payment", "offers": ["numbers"]});
    world.call("retail", "contract.propose", ("contract", ""), args).unwrap();
    world.settle();
}

fn scan() -> Scan {
    Scan { columns: vec![0], ..Scan::default() }
}

fn open(world: &World) -> Box<dyn kernel::Pages> {
    world.open("retail", "payment.numbers", &scan()).unwrap()
}

fn code<T>(result: Result<T, Problem>) -> String {
    result.map_or_else(|problem| problem.code, |_| "done".into())
}

/// Asks as retail does, without reading anything.
fn ask(world: &World, fetch: Value) -> Result<Value, Problem> {
    let mut args =
        json!({"v": 1, "fetch": "f-1", "offer": "numbers", "at": "2020-01-01T00:00:00Z"});
    for (name, value) in fetch.as_object().unwrap() {
        args[name] = value.clone();
    }
    let peer = format!("peer:{}", world.unit("retail"));
    world.act("payment", &peer, "contract.fetch", ("contract", "lent"), args)
}

/// Returns what retail asked for last.
fn asked(world: &World) -> Value {
    let seen = world.seen.lock().unwrap();
    let last = seen.iter().rev().find(|request| request.path.ends_with("/fetch")).unwrap();
    serde_json::from_slice(&last.body).unwrap()
}

fn is_alike(world: &World) -> Vec<String> {
    let meters = world.meters("payment");
    assert_eq!(world.meters("retail"), meters);
    world.verify();
    meters
}

#[test]
fn pages_are_metered_and_billed_alike_on_both_sides() {
    let world = lending(10, json!({}), &config());
    let mut pages = open(&world);
    assert_eq!(turn(pages.as_mut()).unwrap().unwrap(), [0, 1, 2, 3]);
    assert_eq!(read_all(pages.as_mut()).unwrap(), (4..10).collect::<Vec<_>>());
    drop(pages);
    world.settle();
    // Ten digits and ten line feeds; 0.01 and ten times 0.10.
    assert_eq!(is_alike(&world), ["lent numbers 1 10 20 1.01 1.01 0.00"]);
    assert_eq!(world.fetches("retail"), ["lent numbers read 3 10 20 1.01"]);
    assert_eq!(world.fetches("payment"), world.fetches("retail"));
    let list = json!({"contract": "lent"});
    let list = world.look("retail", "receipt.list", ("receipt", ""), list).unwrap();
    let receipt = &list["items"][0];
    assert_eq!(
        (&receipt["v"], &receipt["event"], &receipt["rows"], &receipt["bytes"], &receipt["state"]),
        (&json!(2), &json!("read"), &json!(10), &json!(20), &json!("agreed"))
    );
}

#[test]
fn what_has_no_price_is_counted_without_receipts() {
    let world = lending(10, json!({"price": null}), &config());
    assert_eq!(read_all(open(&world).as_mut()).unwrap().len(), 10);
    assert_eq!(read_all(open(&world).as_mut()).unwrap().len(), 10);
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 2 20 40 0.00 0.00 0.00"]);
    let list = json!({"contract": "lent"});
    let list = world.look("payment", "receipt.list", ("receipt", ""), list).unwrap();
    assert_eq!(list["items"], json!([]));
}

#[test]
fn columns_conditions_and_limits_travel() {
    let world = lending(100, json!({}), &Config::default());
    let compare =
        |comparison, number| Filter::Compare { column: 0, comparison, value: Cell::Int(number) };
    let any = Filter::Any(vec![
        compare(Comparison::Less, 3),
        Filter::In { column: 0, values: vec![Cell::Int(50), Cell::Int(60)] },
    ]);
    let filters = vec![any, compare(Comparison::NotEqual, 1)];
    let wanted = Scan { filters, limit: Some(3), ..scan() };
    let mut pages = world.open("retail", "payment.numbers", &wanted).unwrap();
    assert_eq!(read_all(pages.as_mut()).unwrap(), [0, 2, 50]);
    let asked = asked(&world);
    assert_eq!((&asked["columns"], &asked["limit"]), (&json!(["n"]), &json!(3)));
    let condition = json!({"all": [
        {"any": [{"column": "n", "op": "<", "value": 3}, {"column": "n", "in": [50, 60]}]},
        {"column": "n", "op": "<>", "value": 1},
    ]});
    assert_eq!(asked["where"], condition);
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 3 7 0.31 0.31 0.00"]);
}

#[test]
fn a_lent_relation_shows_the_lent_columns_and_no_other() {
    let world = lending(3, json!({}), &config());
    let kernel = Arc::clone(&world.node("retail").kernel);
    let reader = kernel::Reader::new(&kernel, kernel::Principal::User("olga".into())).unwrap();
    let relations = kernel.relations(&reader).unwrap();
    let relation = relations.iter().find(|relation| relation.schema == "payment").unwrap();
    let columns: Vec<_> = relation
        .columns
        .iter()
        .map(|column| (column.name.as_str(), column.column_type, column.is_filtered))
        .collect();
    assert_eq!(columns, [("n", ColumnType::Int, true)]);
    assert_eq!((relation.name.as_str(), relation.summary.as_str()), ("numbers", "Numbers."));
    assert_eq!(code(ask(&world, json!({"columns": ["n", "secret"]}))), "contract.input");
}

#[test]
fn a_query_that_has_enough_pays_for_what_it_has_read() {
    let world = lending(100, json!({}), &config());
    let mut pages = open(&world);
    turn(pages.as_mut()).unwrap();
    turn(pages.as_mut()).unwrap();
    drop(pages);
    // A page that came and was not read costs nothing.
    let mut pages = open(&world);
    pages.next().unwrap();
    drop(pages);
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 8 16 0.81 0.81 0.00"]);
}

#[test]
fn a_consumer_that_dies_pays_for_what_it_had_confirmed_or_written_down() {
    let world = lending(100, json!({}), &config());
    let mut pages = open(&world);
    for _ in 0..3 {
        turn(pages.as_mut()).unwrap();
    }
    // A process that is killed drops nothing. Two pages were confirmed by asking for the third.
    std::mem::forget(pages);
    world.kill("retail");
    world.work("retail");
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 8 16 0.81 0.81 0.00"]);
    assert_eq!(world.fetches("payment"), ["lent numbers read 2 8 16 0.81"]);
}

#[test]
fn a_provider_that_dies_loses_the_query_and_bills_what_was_confirmed() {
    let world = lending(100, json!({}), &config());
    let mut pages = open(&world);
    turn(pages.as_mut()).unwrap();
    turn(pages.as_mut()).unwrap();
    world.kill("payment");
    assert_eq!(code(turn(pages.as_mut())), "contract.call_not_found");
    drop(pages);
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 8 16 0.81 0.81 0.00"]);
    assert_eq!(read_all(open(&world).as_mut()).unwrap().len(), 100);
}

#[test]
fn a_revocation_ends_what_is_being_read_at_the_next_page_and_nothing_is_billed_after() {
    let world = lending(100, json!({}), &config());
    let (mut first, mut second) = (open(&world), open(&world));
    for _ in 0..3 {
        turn(first.as_mut()).unwrap();
    }
    turn(second.as_mut()).unwrap();
    // The consumer is cut off and does not know.
    world.cut.lock().unwrap().insert("retail".into());
    let args = json!({"reason": "moved"});
    world.call("payment", "contract.revoke", ("contract", "lent"), args).unwrap();
    // In the commit that ends the contract, what was confirmed is billed: two pages of the first query, none of the second.
    let billed = ["lent numbers 1 8 16 0.81 0.00 0.00"];
    assert_eq!(world.meters("payment"), billed);
    let problem = turn(first.as_mut()).unwrap_err();
    assert_eq!(problem.code, "contract.terminated");
    assert!(problem.message.contains("moved"), "{}", problem.message);
    assert_eq!(code(turn(second.as_mut())), "contract.terminated");
    assert_eq!(code(turn(open(&world).as_mut())), "contract.terminated");
    drop((first, second));
    world.settle();
    assert_eq!(world.meters("payment"), billed, "nothing is billed after");
    world.cut.lock().unwrap().clear();
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 8 16 0.81 0.81 0.00"]);
    // The relation is still there, and says why it gives nothing.
    let ended = world.open("retail", "payment.numbers", &scan()).map(|_| ());
    assert_eq!(code(ended), "contract.terminated");
}

#[test]
fn a_revocation_by_the_consumer_ends_its_own_reading() {
    let world = lending(100, json!({}), &config());
    let mut pages = open(&world);
    turn(pages.as_mut()).unwrap();
    world.call("retail", "contract.revoke", ("contract", "lent"), json!({})).unwrap();
    assert_eq!(code(turn(pages.as_mut())), "contract.terminated");
    drop(pages);
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 0 0 0 0.00 0.00 0.00"]);
}

#[test]
fn an_offer_that_is_withdrawn_or_changed_is_not_read_any_more() {
    for (change, expected) in [
        (json!({"to": ["somebody"]}), "contract.terminated"),
        (json!({"relation": null, "process": "p", "price": null}), "contract.terminated"),
        (json!({"version": 2}), "contract.version"),
    ] {
        let world = lending(100, json!({}), &config());
        let mut pages = open(&world);
        turn(pages.as_mut()).unwrap();
        let process = manifest("Process", "p", json!({}));
        world.apply("payment", json!([process, offer(change.clone())])).unwrap();
        assert_eq!(code(turn(pages.as_mut())), expected, "{change}");
        assert_eq!(code(turn(open(&world).as_mut())), expected, "{change}");
    }
    let world = lending(100, json!({}), &config());
    world.call("payment", "resource.delete", ("offer", "numbers"), json!({})).unwrap();
    let problem = turn(open(&world).as_mut()).unwrap_err();
    assert_eq!(problem.code, "contract.terminated");
    assert!(problem.message.contains("withdrawn"), "{}", problem.message);
}

#[test]
fn what_a_stricter_policy_forbids_is_not_read_any_more() {
    let world = lending(100, json!({}), &config());
    let mut pages = open(&world);
    turn(pages.as_mut()).unwrap();
    let policies = "forbid (principal is Peer, action == Action::\"contract.fetch\", resource);";
    let role = manifest("Role", "closed", json!({"policies": policies}));
    world.apply("payment", json!([role])).unwrap();
    assert_eq!(code(turn(pages.as_mut())), "contract.terminated");
}

#[test]
fn a_newer_contract_takes_the_place_of_one_that_has_ended() {
    let world = lending(5, json!({}), &config());
    world.call("payment", "contract.revoke", ("contract", "lent"), json!({})).unwrap();
    world.settle();
    world.clock.wall.fetch_add(1_000, Ordering::SeqCst);
    propose(&world, "again");
    assert_eq!(read_all(open(&world).as_mut()).unwrap().len(), 5);
    world.settle();
    let expected = ["again numbers 1 5 10 0.51 0.51 0.00", "lent numbers 0 0 0 0.00 0.00 0.00"];
    assert_eq!(is_alike(&world), expected);
}

#[test]
fn what_is_wrong_with_the_relation_is_told_without_its_secrets() {
    let world = lending(5, json!({}), &config());
    for (fails, expected) in [("lent", "contract.version"), ("query", "contract.lent")] {
        let schema = json!([{"name": "n", "type": "int"}]);
        let broken = json!({"schema": schema, "count": 5, "fails": fails});
        world.apply("payment", json!([manifest("Stream", "numbers", broken)])).unwrap();
        let problem = turn(open(&world).as_mut()).unwrap_err();
        assert_eq!(problem.code, expected);
        assert!(!problem.message.contains("secret"), "{}", problem.message);
        assert!(problem.hint.is_some());
    }
    let kernel = Arc::clone(&world.node("payment").kernel);
    let reader = kernel::Reader::new(&kernel, kernel::Principal::Anonymous).unwrap();
    let chunks = kernel::Read::chunks(&reader, "system/faults", 0, usize::MAX).unwrap();
    let faults: String =
        chunks.iter().map(|chunk| String::from_utf8_lossy(&chunk.bytes).into_owned()).collect();
    assert_eq!(faults.matches("secret").count(), 2, "{faults}");
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 0 0 0 0.00 0.00 0.00"]);
}

#[test]
fn a_peer_that_does_not_answer_is_unreachable() {
    let world = lending(100, json!({}), &config());
    let mut pages = open(&world);
    turn(pages.as_mut()).unwrap();
    *world.fate.lock().unwrap() = Fate::Lost;
    let problem = turn(pages.as_mut()).unwrap_err();
    assert_eq!(problem.code, "exchange.unreachable");
    assert!(problem.hint.is_some());
    assert_eq!(code(turn(open(&world).as_mut())), "exchange.unreachable");
    *world.fate.lock().unwrap() = Fate::Arrives;
    drop(pages);
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 4 8 0.41 0.41 0.00"]);
}

#[test]
fn hostile_requests_are_refused_and_cost_nothing() {
    let world = lending(100, json!({}), &config());
    let nested = |depth: usize| {
        (0..depth).fold(json!({"column": "n", "is": "null"}), |inner, _| json!({"any": [inner]}))
    };
    let n = json!(["n"]);
    let cases = [
        (json!({"v": 2, "columns": n}), "contract.input"),
        (json!({"offer": "nothing", "columns": n}), "contract.capability"),
        (json!({"columns": ["secret"]}), "contract.input"),
        (json!({"columns": ["n\" FROM secrets --"]}), "contract.input"),
        (json!({"columns": ["n", "n"]}), "contract.input"),
        (
            json!({"columns": n, "where": {"column": "secret", "op": "=", "value": "x"}}),
            "contract.input",
        ),
        (
            json!({"columns": n, "where": {"column": "n", "op": "=", "value": "1 OR 1 = 1"}}),
            "contract.input",
        ),
        (json!({"columns": n, "where": {"column": "n", "in": vec![1; 10_001]}}), "exchange.limit"),
        (json!({"columns": n, "where": nested(9)}), "exchange.limit"),
        (json!({"columns": n, "where": nested(120)}), "exchange.limit"),
        (json!({"columns": n, "where": "TRUE"}), "contract.input"),
        (json!({"columns": n, "equals": {"n": 1}}), "call.invalid"),
        (json!({"columns": n, "limit": -1}), "call.invalid"),
        (json!({"columns": n, "at": "soon"}), "call.invalid"),
        (json!({"columns": n, "fetch": "a/b"}), "contract.input"),
        (json!({"columns": n, "fetch": "x".repeat(65)}), "contract.input"),
        (json!({"columns": n, "fetch": ""}), "contract.input"),
        (json!({"columns": n, "marked": {}}), "call.invalid"),
    ];
    for (case, expected) in cases {
        let result = ask(&world, case.clone());
        assert_eq!(
            code(result),
            expected,
            "{}",
            case.to_string().chars().take(200).collect::<String>()
        );
    }
    assert_eq!(code(ask(&world, json!({"columns": ["n"]}))), "done");
    assert_eq!(code(ask(&world, json!({"columns": ["n"]}))), "contract.input", "the id is taken");
    for who in ["user:olga", "peer:somebody"] {
        let args =
            json!({"v": 1, "fetch": "f-2", "offer": "numbers", "at": "2020-01-01T00:00:00Z"});
        let result = world.act("payment", who, "contract.fetch", ("contract", "lent"), args);
        assert!(["contract.not_found", "resource.not_found"].contains(&code(result).as_str()));
    }
    // Nor may anybody but the unit itself say what was read.
    let took = json!({"at": "2020-01-01T00:00:00Z", "actor": "x", "is_end": true, "marked": {}});
    let refused = world.call("retail", "contract.took", ("contract", "lent"), took);
    assert_eq!(code(refused), "policy.forbidden");
    let refused =
        world.call("payment", "contract.lapse", ("contract", "lent"), json!({"fetch": "f-1"}));
    assert_eq!(code(refused), "policy.forbidden");
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 0 0 0 0.00 0.00 0.00"]);
}

#[test]
fn marks_that_are_forged_altered_or_old_go_nowhere() {
    let world = lending(100, json!({}), &config());
    let mut pages = open(&world);
    let mut marks = Vec::new();
    let mut fetch = Value::Null;
    for _ in 0..3 {
        turn(pages.as_mut()).unwrap();
        let request = asked(&world);
        fetch = request["fetch"].clone();
        marks.push(request["marked"].clone());
    }
    // The third request showed the mark of the second page: two are confirmed.
    let [_, first, second] = marks.as_slice() else { panic!("three requests") };
    let go_on = |marked: &Value| code(ask(&world, json!({"fetch": fetch, "marked": marked})));
    assert_eq!(go_on(first), "contract.input", "an old one");
    assert_eq!(go_on(second), "contract.input", "one that was used");
    let altered = |change: &dyn Fn(&mut Value)| {
        let mut marked = second.clone();
        marked["mark"]["pages"] = json!(3);
        change(&mut marked);
        go_on(&marked)
    };
    assert_eq!(altered(&|_| {}), "exchange.signature");
    assert_eq!(altered(&|marked| marked["mark"]["rows"] = json!(1)), "exchange.signature");
    assert_eq!(altered(&|marked| marked["signed"]["key"] = json!(9)), "exchange.signature");
    assert_eq!(altered(&|marked| marked["mark"]["fetch"] = json!("other")), "contract.input");
    assert_eq!(altered(&|marked| marked["mark"]["opening"] = json!("other")), "contract.input");
    assert_eq!(altered(&|marked| marked["mark"]["contract"] = json!("other")), "contract.input");
    // None of it has done any harm.
    assert_eq!(turn(pages.as_mut()).unwrap().unwrap(), [12, 13, 14, 15]);
    drop(pages);
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 16 38 1.61 1.61 0.00"]);
}

#[test]
fn pages_that_say_something_else_than_they_hold_are_not_taken() {
    let head_and_rows = |response: &Response| {
        let end = response.body.iter().position(|byte| *byte == b'\n').unwrap();
        let head: Value = serde_json::from_slice(&response.body[..end]).unwrap();
        (head, response.body[end + 1..].to_vec())
    };
    type Change = fn(&mut Value, &mut Vec<u8>);
    let changes: [(&str, Change); 7] = [
        ("a row more", |_, rows| rows.extend(b"7\n")),
        ("a row less", |_, rows| rows.truncate(6)),
        ("another row", |_, rows| rows[..4].copy_from_slice(b"777\n")),
        ("more rows are said", |head, _| head["marked"]["mark"]["rows"] = json!(5)),
        ("a page is left out", |head, _| head["marked"]["mark"]["pages"] = json!(2)),
        ("another version", |head, _| head["v"] = json!(2)),
        ("no signature", |head, _| head["marked"]["signed"]["signature"] = json!("")),
    ];
    for (name, change) in changes {
        let world = lending(100, json!({}), &config());
        *world.mangle.lock().unwrap() = Some(Box::new(move |request, response| {
            if request.path.ends_with("/fetch") {
                let (mut head, mut rows) = head_and_rows(&*response);
                change(&mut head, &mut rows);
                response.body = [head.to_string().as_bytes(), b"\n", &rows].concat();
            }
        }));
        let mut pages = open(&world);
        assert_eq!(code(turn(pages.as_mut())), "exchange.unreachable", "{name}");
        drop(pages);
        *world.mangle.lock().unwrap() = None;
        world.settle();
        assert_eq!(is_alike(&world), ["lent numbers 0 0 0 0.00 0.00 0.00"], "{name}");
    }
    let world = lending(100, json!({}), &config());
    *world.mangle.lock().unwrap() = Some(Box::new(|_, response| response.body.clear()));
    assert_eq!(code(turn(open(&world).as_mut())), "exchange.unreachable");
}

#[test]
fn fetches_that_nobody_closes_count_until_their_time_is_up() {
    let config = Config { fetches_open_max: 2, fetch_ms_max: 5_000, ..config() };
    let world = lending(100, json!({}), &config);
    for _ in 0..2 {
        let mut pages = open(&world);
        turn(pages.as_mut()).unwrap();
        turn(pages.as_mut()).unwrap();
        std::mem::forget(pages);
    }
    assert_eq!(code(turn(open(&world).as_mut())), "exchange.limit");
    world.clock.wall.fetch_add(5_001, Ordering::SeqCst);
    assert_eq!(code(turn(open(&world).as_mut())), "done");
    world.settle();
    let meters = world.meters("payment");
    assert_eq!(meters, ["lent numbers 3 12 24 1.23 1.23 0.00"], "one page of each was confirmed");
}

#[test]
fn only_so_many_fetches_go_on_at_the_same_time() {
    let config = Config { fetches_running_max: 1, ..config() };
    let world = lending(100, json!({}), &config);
    let mut first = open(&world);
    turn(first.as_mut()).unwrap();
    assert_eq!(code(turn(open(&world).as_mut())), "exchange.limit");
    drop(first);
    world.settle();
    assert_eq!(code(turn(open(&world).as_mut())), "done");
}

#[test]
fn more_rows_than_the_provider_gives_to_one_query_are_an_error_and_no_part() {
    let config = Config { lent_rows_max: 10, ..config() };
    let world = lending(11, json!({}), &config);
    assert_eq!(code(read_all(open(&world).as_mut())), "exchange.limit");
    let wanted = Scan { limit: Some(10), ..scan() };
    let mut pages = world.open("retail", "payment.numbers", &wanted).unwrap();
    assert_eq!(read_all(pages.as_mut()).unwrap().len(), 10);
}

#[test]
fn receipts_that_nobody_countersigns_pause_reading() {
    let config = Config { receipt_age_seconds_max: 60, ..config() };
    let world = lending(5, json!({}), &config);
    read_all(open(&world).as_mut()).unwrap();
    world.pump("retail", "payment");
    world.clock.wall.fetch_add(61_000, Ordering::SeqCst);
    assert_eq!(code(turn(open(&world).as_mut())), "contract.paused");
    world.settle();
    assert_eq!(code(turn(open(&world).as_mut())), "done");
}

#[test]
fn offers_of_relations_are_checked_when_they_are_applied() {
    let world = World::new(&["retail", "payment"], &Config::default());
    world.apply("payment", json!([numbers(3)])).unwrap();
    let refused = |change: Value| {
        let problem = world.apply("payment", json!([offer(change)])).unwrap_err();
        let place = problem.place.and_then(|place| place.pointer).unwrap_or_default();
        format!("{} {place}", problem.code)
    };
    assert_eq!(
        refused(json!({"relation": {"name": "ghost", "columns": ["n"]}})),
        "offer.invalid /spec/relation/name"
    );
    assert_eq!(
        refused(json!({"relation": {"name": "numbers", "columns": ["n", "n"]}})),
        "offer.invalid /spec/relation/columns/1"
    );
    let called = json!({"price": {"currency": "EUR", "on_accept": "1"}});
    assert_eq!(refused(called), "offer.invalid /spec/price");
    let wrong = json!({"price": {"currency": "EUR", "on_read": "rows * input.value"}});
    assert!(refused(wrong).starts_with("offer.price"));
}

#[test]
fn a_fetch_that_is_abandoned_is_billed_when_its_time_is_up() {
    let config = Config { fetch_ms_max: 5_000, ..config() };
    let world = lending(100, json!({}), &config);
    let mut pages = open(&world);
    turn(pages.as_mut()).unwrap();
    turn(pages.as_mut()).unwrap();
    world.work("payment");
    assert_eq!(world.meters("payment"), ["lent numbers 0 0 0 0.00 0.00 0.00"]);
    world.clock.wall.fetch_add(5_001, Ordering::SeqCst);
    world.work("payment");
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 4 8 0.41 0.41 0.00"]);
    // The reader that comes back finds it settled, and does not bring it to life again.
    assert_eq!(code(turn(pages.as_mut())), "contract.call_not_found");
    drop(pages);
    world.work("retail");
    world.settle();
    assert_eq!(is_alike(&world), ["lent numbers 1 4 8 0.41 0.41 0.00"]);
    let rows = world.fetches("retail");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains(" read "), "{rows:?}");
}

#[test]
fn one_peer_leaves_places_for_others() {
    let config = Config { fetches_running_max: 3, fetches_running_each_max: 1, ..config() };
    let world = lending(100, json!({}), &config);
    let mut first = open(&world);
    turn(first.as_mut()).unwrap();
    assert_eq!(code(turn(open(&world).as_mut())), "exchange.limit");
}

#[test]
fn all_that_a_process_was_reading_is_closed_by_the_next() {
    let config = Config {
        fetches_open_max: 1_000,
        fetches_running_max: 1_000,
        fetches_running_each_max: 1_000,
        ..config()
    };
    let world = lending(100, json!({}), &config);
    let read = || {
        let mut pages = open(&world);
        turn(pages.as_mut()).unwrap();
        turn(pages.as_mut()).unwrap();
        std::mem::forget(pages);
    };
    (0..150).for_each(|_| read());
    world.kill("retail");
    // What the new process reads stays open, wherever it stands among the others.
    (0..150).for_each(|_| read());
    world.work("retail");
    world.settle();
    let rows = world.fetches("retail");
    let count = |state: &str| rows.iter().filter(|row| row.contains(state)).count();
    assert_eq!((count(" read "), count(" open ")), (150, 150));
}
