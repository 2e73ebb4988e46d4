//! KPIs on a driven clock: every window once, every breach one process, whatever is repeated or killed.

use crate::metrics::metric;
use crate::support::{Unit, call, manifest, orders, shown, start, unit_of};
use base::Problem;
use data::Config;
use expect_test::expect;
use kernel::{
    Address, Engine, KindOf, Operation, Read, Reader, Relation, Reply, Resource, Right, Tx, decide,
    operation,
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{MemoryStore, Store};

/// Stands for the process engine: notes what is started.
struct Processes;

const STARTS: &str = "test/starts";

impl Processes {
    fn start(&self, tx: &mut Tx<'_>, call: &kernel::Call) -> Result<Reply, Problem> {
        let row = json!({"by": call.actor, "at": call.at, "process": call.resource.name,
            "variables": call.args["variables"]});
        let instance = tx.record(STARTS, &row)? + 1;
        Ok(Reply::Value(json!({ "instance": instance })))
    }
}

impl Engine for Processes {
    fn name(&self) -> &'static str {
        "process"
    }

    fn kinds(&self) -> Vec<KindOf> {
        vec![KindOf {
            name: "process",
            manifest: "Process",
            plural: "processes",
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        }]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        vec![operation("process.start", Right::Run, "Starts.", decide(&self, Self::start))]
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }

    fn changed(
        &self,
        _tx: &mut Tx<'_>,
        _old: Option<&Resource>,
        _new: Option<&Resource>,
    ) -> Result<(), Problem> {
        Ok(())
    }

    fn resume(
        &self,
        _tx: &mut Tx<'_>,
        _address: &Address,
        _result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        Ok(())
    }
}

fn engines() -> Vec<Arc<dyn Engine>> {
    vec![Arc::new(Processes)]
}

/// What processes were started: by whom, and with which variables.
fn starts(unit: &Unit) -> Vec<Value> {
    let reader =
        Reader::new(&unit.kernel, kernel::Principal::Unit("test".into())).expect("a reader");
    let chunks = reader.chunks(STARTS, 0, usize::MAX).expect("chunks");
    chunks.iter().flat_map(|chunk| kernel::rows_from(&chunk.bytes, 0).expect("rows")).collect()
}

fn cheap() -> Value {
    metric(
        "cheap_share",
        json!({"from": "orders", "time": "at", "grain": "month", "dimensions": ["state"],
            "formula": "avg(CASE WHEN price < 100 THEN 1 ELSE 0 END)"}),
    )
}

fn kpi(more: Value) -> Value {
    let mut spec = json!({
        "metric": "cheap_share", "target": 0.5, "direction": "at_least", "owner": "user:olga",
        "grace": "P2D", "deadline": "P7D", "minimum_samples": 2,
        "on_breach": {"process": "look"}, "roles": ["starter"],
    });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
    manifest("Kpi", "cheap", spec)
}

fn starter(process: &str) -> Value {
    let policy = format!(
        "permit(principal in Role::\"starter\", action == Action::\"process.start\", resource) \
         when {{ resource.name == \"{process}\" }};"
    );
    manifest("Role", "starter", json!({ "policies": policy }))
}

fn prepare(unit: &mut Unit, process: &str) {
    unit.apply(json!([
        orders(),
        cheap(),
        starter(process),
        manifest("Process", "look", json!({})),
        kpi(json!({})),
    ]))
    .expect("applied");
}

fn with_kpi() -> Unit {
    let mut unit = unit_of(Config::default(), engines());
    prepare(&mut unit, "look");
    unit
}

fn order(id: &str, state: &str, price: u32, at: &str) -> String {
    format!("{{\"id\":\"{id}\",\"state\":\"{state}\",\"price\":{price},\"at\":\"{at}\"}}\n")
}

/// In July SP meets the target, RJ misses it, and of MG there is one order only. In August RJ misses it again.
fn sell(unit: &mut Unit) {
    let july = "2017-07-20T00:00:00Z";
    let mut lines = String::new();
    for (id, state, price) in [
        ("a", "SP", 1),
        ("b", "SP", 900),
        ("c", "RJ", 1),
        ("d", "RJ", 900),
        ("e", "RJ", 900),
        ("f", "MG", 900),
    ] {
        lines += &order(id, state, price, july);
    }
    lines += &order("g", "RJ", 900, "2017-08-31T23:59:59Z");
    lines += &order("h", "RJ", 900, "2017-08-01T00:00:00Z");
    unit.append("orders", &lines).expect("appended");
}

const VALUES: &str = "SELECT to_char(\"window\", '%Y-%m') AS month, text, value, samples, state, is_breach \
    FROM system.kpi_values ORDER BY 1, 2";
const BREACHES: &str = "SELECT to_char(\"window\", '%Y-%m') AS month, text, owner, deadline, process, instance, error \
    FROM system.kpi_breaches ORDER BY number";

#[test]
fn a_window_is_evaluated_when_its_grace_is_over() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-02T23:59:59Z");
    assert!(unit.pending().is_empty(), "its grace is not over");
    unit.advance("2017-08-03T00:00:00Z");
    assert_eq!(unit.pending().len(), 1);
    assert_eq!(shown(unit.sql(VALUES)), "month,text,value,samples,state,is_breach\n");
    assert_eq!(unit.settle(), 1);
    expect![[r#"
        month,text,value,samples,state,is_breach
        2017-07,state=MG,0.0,1,too_few,false
        2017-07,state=RJ,0.3333333333333333,3,breached,true
        2017-07,state=SP,0.5,2,met,false
    "#]]
    .assert_eq(&shown(unit.sql(VALUES)));
    expect![[r#"
        month,text,owner,deadline,process,instance,error
        2017-07,state=RJ,user:olga,2017-08-10T00:00:00Z,look,1,
    "#]]
    .assert_eq(&shown(unit.sql(BREACHES)));
    let started = starts(&unit);
    assert_eq!(started.len(), 1);
    assert_eq!((&started[0]["by"], &started[0]["process"]), (&json!("kpi:cheap"), &json!("look")));
    assert_eq!(started[0]["at"], "2017-08-03T00:00:00Z");
    let variables = &started[0]["variables"];
    for (name, expected) in [
        ("kpi", json!("cheap")),
        ("window", json!("2017-07-01T00:00:00Z")),
        ("window_end", json!("2017-08-01T00:00:00Z")),
        ("dimensions", json!({"state": "RJ"})),
        ("samples", json!(3)),
        ("target", json!(0.5)),
        ("owner", json!("user:olga")),
        ("assignee", json!("olga")),
        ("candidates", json!("")),
        ("deadline", json!("2017-08-10T00:00:00Z")),
    ] {
        assert_eq!(variables[name], expected, "{name}");
    }
}

#[test]
fn windows_that_were_missed_are_evaluated_together_and_in_order() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2018-01-15T00:00:00Z");
    assert_eq!((unit.pending().len(), unit.settle()), (1, 1));
    expect![[r#"
        month,text,owner,deadline,process,instance,error
        2017-07,state=RJ,user:olga,2018-01-22T00:00:00Z,look,1,
        2017-08,state=RJ,user:olga,2018-01-22T00:00:00Z,look,2,
    "#]]
    .assert_eq(&shown(unit.sql(BREACHES)));
    unit.advance("2018-02-02T00:00:00Z");
    assert!(unit.pending().is_empty(), "January is next, on the third");
    unit.advance("2018-02-03T00:00:00Z");
    assert_eq!(unit.settle(), 1);
}

#[test]
fn a_list_has_the_newest_values_and_the_breach_of_each() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-10-03T00:00:00Z");
    unit.settle();
    let listed = |unit: &Unit, args: Value| -> Value {
        let list = call("user:olga", "kpi.list", ("kpi", "")).with(args);
        let answer: Value = serde_json::from_str(&shown(unit.read(&list))).expect("JSON");
        answer["items"][0].clone()
    };
    let item = listed(&unit, json!({"values": 5}));
    assert_eq!(
        item["recent"],
        json!([
            {"window": "2017-07-01T00:00:00Z", "value": 0.3333333333333333, "state": "breached"},
            {"window": "2017-08-01T00:00:00Z", "value": 0.0, "state": "breached"},
        ])
    );
    assert_eq!(
        item["breach"],
        json!({
            "at": "2017-10-03T00:00:00Z", "deadline": "2017-10-10T00:00:00Z", "process": "look",
            "instance": 2, "error": null,
        })
    );
    let item = listed(&unit, json!({"values": "1"}));
    assert_eq!(item["recent"].as_array().map(Vec::len), Some(1));
    assert_eq!(item["recent"][0]["window"], "2017-08-01T00:00:00Z");
    assert_eq!(listed(&unit, json!({})).get("recent"), None);
}

#[test]
fn more_values_than_one_commit_takes_are_recorded_in_several() {
    let mut unit = unit_of(Config { kpi_values_max: 3, ..Config::default() }, engines());
    prepare(&mut unit, "look");
    sell(&mut unit);
    unit.advance("2017-09-03T00:00:00Z");
    assert_eq!(unit.settle(), 2, "July has three values, August one");
    assert_eq!(starts(&unit).len(), 2);
}

#[test]
fn what_is_recorded_again_starts_nothing_again() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    let request = unit.pending().remove(0);
    let answer = unit.compute(&request).expect("an answer");
    let recorded = unit.call(request.record(Ok(answer.clone()))).expect("recorded");
    assert_eq!(recorded, json!({"recorded": 3}));
    let again = unit.call(request.record(Ok(answer))).expect("nothing to record");
    assert_eq!(again, json!({"recorded": 0}));
    let evaluate = |from: &str, to: &str| {
        call("user:olga", "kpi.evaluate", ("kpi", "cheap")).with(json!({"from": from, "to": to}))
    };
    let asked = unit.call(evaluate("2017-07", "2017-12")).expect("asked");
    assert_eq!(asked["windows"], 1, "August has not closed");
    assert_eq!(unit.settle(), 1);
    assert_eq!((starts(&unit).len(), shown(unit.sql(BREACHES)).lines().count()), (1, 2));
    let asked = unit.call(evaluate("2017-08", "2017-12")).expect("asked");
    assert_eq!((&asked["windows"], unit.pending().len()), (&json!(0), 0));
}

#[test]
fn a_kill_between_answer_and_record_loses_nothing() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let mut unit = start(Arc::clone(&store), Config::default(), engines());
    unit.apply_as("unit:init", json!([manifest("User", "olga", json!({"roles": ["owner"]}))]))
        .expect("applied");
    prepare(&mut unit, "look");
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    let request = unit.pending().remove(0);
    unit.compute(&request).expect("an answer that nobody records");
    let mut unit = start(Arc::clone(&store), Config::default(), engines());
    assert_eq!(unit.pending(), [request], "it is still asked for");
    assert_eq!((unit.settle(), starts(&unit).len()), (1, 1));
    let mut unit = start(store, Config::default(), engines());
    assert_eq!((unit.pending().len(), unit.settle(), starts(&unit).len()), (0, 0, 1));
}

#[test]
fn late_rows_change_a_closed_window_only_when_somebody_asks() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    assert_eq!(unit.settle(), 1);
    let late = order("x", "SP", 900, "2017-07-31T00:00:00Z");
    unit.append("orders", &late).expect("appended");
    unit.advance("2017-08-20T00:00:00Z");
    assert_eq!((unit.settle(), starts(&unit).len()), (0, 1));
    let evaluate = call("user:olga", "kpi.evaluate", ("kpi", "cheap"))
        .with(json!({"from": "2017-07-01", "to": "2017-08-01"}));
    unit.call(evaluate).expect("asked");
    assert_eq!((unit.settle(), starts(&unit).len()), (1, 2), "now SP has missed it, too");
}

#[test]
fn a_process_that_cannot_be_started_is_shown_and_tried_again_on_demand() {
    let mut unit = unit_of(Config::default(), engines());
    prepare(&mut unit, "other");
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    assert_eq!((unit.settle(), starts(&unit).len()), (1, 0));
    let breaches = shown(unit.sql(BREACHES));
    let line = breaches.lines().nth(1).unwrap_or_default();
    assert!(line.starts_with("2017-07,state=RJ,user:olga,2017-08-10T00:00:00Z,look,,"), "{line}");
    assert!(line.contains("kpi:cheap may not") || line.contains("does not exist"), "{line}");
    unit.apply(json!([starter("look")])).expect("applied");
    let evaluate = call("user:olga", "kpi.evaluate", ("kpi", "cheap"))
        .with(json!({"from": "2017-07", "to": "2017-08"}));
    unit.call(evaluate).expect("asked");
    assert_eq!((unit.settle(), starts(&unit).len()), (1, 1));
    expect![[r#"
        month,text,owner,deadline,process,instance,error
        2017-07,state=RJ,user:olga,2017-08-10T00:00:00Z,look,1,
    "#]]
    .assert_eq(&shown(unit.sql(BREACHES)));
}

#[test]
fn an_evaluation_that_fails_is_shown_and_stays_asked_for() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    let request = unit.pending().remove(0);
    let failed = Problem::from(kernel::Error::Stopping);
    unit.call(request.record(Err(failed))).expect("noted");
    assert_eq!(unit.pending().len(), 1);
    let list = call("user:olga", "kpi.list", ("kpi", ""));
    let listed: Value = serde_json::from_str(&shown(unit.read(&list))).expect("JSON");
    let item = &listed["items"][0];
    assert_eq!((&item["state"], &item["pending"]), (&json!("failed"), &json!(1)));
    assert_eq!(item["problem"], "kernel.stopping: the unit is stopping");
    assert_eq!(unit.settle(), 1);
    let listed: Value = serde_json::from_str(&shown(unit.read(&list))).expect("JSON");
    let item = &listed["items"][0];
    assert_eq!((&item["state"], &item["problem"]), (&json!("breached"), &Value::Null));
    assert_eq!((&item["worst"], &item["breaches"]), (&json!("state=RJ"), &json!(1)));
}

#[test]
fn what_was_asked_of_another_version_is_asked_again() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    let request = unit.pending().remove(0);
    let answer = unit.compute(&request).expect("an answer");
    unit.apply(json!([kpi(json!({"target": 0.6}))])).expect("applied");
    let recorded = unit.call(request.record(Ok(answer))).expect("left out");
    assert_eq!(recorded, json!({"recorded": 0}));
    assert_eq!((unit.settle(), starts(&unit).len()), (1, 2), "0.5 is a miss, too");
}

#[test]
fn lists_show_the_latest_window_and_how_it_moves() {
    let mut unit = with_kpi();
    sell(&mut unit);
    let get = call("user:olga", "kpi.get", ("kpi", "cheap"));
    let look =
        |unit: &Unit| -> Value { serde_json::from_str(&shown(unit.read(&get))).expect("JSON") };
    assert_eq!(look(&unit)["state"], "waiting");
    unit.advance("2017-08-03T00:00:00Z");
    unit.settle();
    assert_eq!(look(&unit)["trend"], Value::Null, "there is nothing to compare with");
    unit.advance("2017-09-03T00:00:00Z");
    unit.settle();
    let got = look(&unit);
    assert_eq!((&got["trend"], &got["value"]), (&json!("worse"), &json!(0.0)));
    let texts: Vec<&str> = got["values"]
        .as_array()
        .expect("values")
        .iter()
        .map(|value| value["text"].as_str().expect("a text"))
        .collect();
    assert_eq!(texts, ["state=RJ", "state=SP", "state=RJ", "state=MG"]);
    let august = call("user:olga", "kpi.get", ("kpi", "cheap")).with(json!({"from": "2017-08"}));
    let got: Value = serde_json::from_str(&shown(unit.read(&august))).expect("JSON");
    assert_eq!(got["values"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_value_is_explained_by_its_rows_as_they_stood() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    unit.settle();
    unit.append("orders", &order("late", "RJ", 900, "2017-07-31T00:00:00Z")).expect("appended");
    let explain = |args: Value| call("user:olga", "kpi.explain", ("kpi", "cheap")).with(args);
    let asked = explain(json!({"window": "2017-07", "where": {"state": "RJ"}}));
    let answer: Value = serde_json::from_str(&shown(unit.read(&asked))).expect("JSON");
    assert_eq!(
        (&answer["value"]["samples"], &answer["breach"]["instance"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(answer["evaluation"]["sources"], json!([{"log": "stream/orders", "end": 8}]));
    assert!(answer["sql"].as_str().expect("SQL").contains("date_trunc('month', \"at\")"));
    let behind = &answer["behind"][0];
    let mut ids: Vec<&str> = behind["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["id"].as_str().expect("an id"))
        .collect();
    ids.sort_unstable();
    assert_eq!((&behind["from"], ids.as_slice()), (&json!("orders"), ["c", "d", "e"].as_slice()));
    let said = shown(unit.read(&explain(json!({"window": "2017-07"}))));
    assert!(said.contains("several values are meant: state=MG; state=RJ; state=SP"), "{said}");
    let said = shown(unit.read(&explain(json!({"window": "2016", "where": {"state": "RJ"}}))));
    assert!(said.contains("has no such value in the window 2016-01-01T00:00:00Z"), "{said}");
}

#[test]
fn who_sees_a_value_does_not_see_its_rows_for_that() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    unit.settle();
    let sees = "permit(principal in Role::\"boss\", action in Action::\"Read\", resource) \
                when { resource in [Kind::\"kpi\", Kind::\"sql\", Kind::\"relation\"] };";
    unit.apply(json!([
        manifest("Role", "boss", json!({"policies": sees})),
        manifest("User", "bo", json!({"roles": ["boss"]})),
    ]))
    .expect("applied");
    let explain = call("user:bo", "kpi.explain", ("kpi", "cheap"))
        .with(json!({"window": "2017-07", "where": {"state": "RJ"}}));
    let answer: Value = serde_json::from_str(&shown(unit.read(&explain))).expect("JSON");
    assert_eq!(answer["value"]["samples"], 3);
    let behind = &answer["behind"][0];
    assert!(behind["rows"].is_null() && behind["problem"]["code"] == "sql.invalid", "{behind}");
    // Carl sees no KPI, and none of their values.
    let count = "SELECT count(*) AS n FROM system.kpi_values";
    assert_eq!(shown(unit.sql_as("user:bo", count)), "n\n3\n");
    assert!(shown(unit.sql_as("user:carl", count)).contains("there is no table"));
    let records = call("user:olga", "kpi.record", ("kpi", "cheap"));
    assert!(unit.call(records).is_err(), "a record says what was asked");
}

#[test]
fn a_kpi_that_cannot_work_is_refused_with_its_place() {
    let mut unit = with_kpi();
    let mut refused = |more: Value| shown(unit.apply(json!([kpi(more)])));
    let hint =
        "(write `owner: user:NAME` or `owner: role:NAME`: who acts when the target is missed)";
    for (more, expected) in [
        (json!({"owner": null}), format!("[kpi.owner] at /spec/owner kpi `cheap`: it has no owner {hint}")),
        (
            json!({"owner": "olga"}),
            format!("[kpi.owner] at /spec/owner kpi `cheap`: its owner `olga` is neither a user nor a role {hint}"),
        ),
        (
            json!({"owner": "user:nobody"}),
            format!("[kpi.owner] at /spec/owner kpi `cheap`: its owner `user:nobody` does not exist {hint}"),
        ),
        (
            json!({"metric": "cheap_shore"}),
            "[kpi.invalid] at /spec/metric kpi `cheap`: there is no metric `cheap_shore` (did you mean `cheap_share`?)".into(),
        ),
        (
            json!({"dimensions": ["stat"]}),
            "[kpi.invalid] at /spec/dimensions kpi `cheap`: metric `cheap_share` has no dimension `stat` (did you mean `state`?)".into(),
        ),
        (
            json!({"grace": "-P1D"}),
            "[kpi.invalid] at /spec/grace kpi `cheap`: `grace` cannot be negative".into(),
        ),
        (
            json!({"on_breach": {"process": "gone"}}),
            "[manifest.reference] at /spec/on_breach/process kpi/cheap refers to process/gone, which does not exist (declare it in the same folder, or correct the name)".into(),
        ),
        (
            json!({"roles": ["gone"]}),
            "[manifest.reference] at /spec/roles kpi/cheap refers to role/gone, which does not exist (declare it in the same folder, or correct the name)".into(),
        ),
    ] {
        assert_eq!(refused(more), expected);
    }
    let said = refused(json!({"tarjet": 1}));
    assert!(said.starts_with("[manifest.invalid]") && said.contains("`target`"), "{said}");
    unit.apply(json!([kpi(json!({"owner": "role:approver"}))])).expect("a built-in role");
    let said = shown(unit.delete("metric", "cheap_share"));
    assert!(
        said.starts_with("[view.in_use] metric `cheap_share` is read by kpi `cheap`"),
        "{said}"
    );
}

#[test]
fn nobody_gives_a_kpi_a_role_that_he_does_not_hold() {
    let mut unit = with_kpi();
    let maker = "permit(principal in Role::\"maker\", action in [Action::\"Read\", Action::\"Manage\"], resource);";
    unit.apply(json!([
        manifest("Role", "maker", json!({"policies": maker})),
        manifest("User", "mia", json!({"roles": ["maker"]})),
    ]))
    .expect("applied");
    let said = shown(unit.apply_as("user:mia", json!([kpi(json!({"target": 0.1}))])));
    assert!(said.starts_with("[policy.grant]"), "{said}");
}

#[test]
fn a_kpi_that_is_removed_is_not_evaluated_any_more() {
    let mut unit = with_kpi();
    sell(&mut unit);
    unit.advance("2017-08-03T00:00:00Z");
    assert_eq!(unit.pending().len(), 1);
    unit.delete("kpi", "cheap").expect("removed");
    assert!(unit.pending().is_empty());
    unit.advance("2017-10-01T00:00:00Z");
    assert!(unit.pending().is_empty());
    unit.apply(json!([kpi(json!({"window": "week"}))])).expect("applied");
    unit.advance("2017-10-10T00:00:00Z");
    let due = unit.pending();
    assert_eq!(due.len(), 1, "it begins with the week that was open: {due:?}");
    assert_eq!(unit.settle(), 1);
    assert_eq!(shown(unit.sql(VALUES)), "month,text,value,samples,state,is_breach\n");
}
