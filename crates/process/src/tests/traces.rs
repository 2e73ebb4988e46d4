//! The public suite of token flow, run against the whole engine: each model is deployed, its steps are made from outside, and what
//! tokens pass is compared with what the suite says.
//!
//! Two tokens that have nothing to do with each other may pass in any order: compared is what happens in each step, how often, and
//! the order along each flow.

use super::completed::{Completed, KEY, Kind, WORK, complete, message_of, met, taken};
use super::unit::{Unit, manifest};
use crate::state::Passed;
use base::Problem;
use expect_test::expect_file;
use notation::graph::Graph;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The page that says what is refused.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/bpmn-conformance.md");

thread_local! {
    /// What tokens have passed on this thread.
    static TRACE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes what a token passes.
pub(crate) fn note(graph: &Graph, passed: Passed) {
    let text = match passed {
        Passed::Enter(node) => format!("enter:{}", graph.node(node).id),
        Passed::Exit(node) => format!("exit:{}", graph.node(node).id),
        Passed::Out(flow) => format!("enter:{}", graph.flow(flow).id),
        Passed::In(flow) => format!("exit:{}", graph.flow(flow).id),
        Passed::Over => format!("exit:{}", graph.id),
    };
    TRACE.with_borrow_mut(|trace| trace.push(text));
}

/// A case of the suite.
#[derive(Deserialize)]
struct Case {
    model: String,
    steps: Vec<Step>,
    trace: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Trigger(String),
    Choose(Choice),
    WaitAt(String),
}

#[derive(Deserialize)]
struct Choice {
    gateway: String,
    #[serde(default)]
    flow: Option<String>,
    #[serde(default)]
    flows: Vec<String>,
}

/// What became of a case.
enum Outcome {
    Passed,
    /// Refused when it was deployed, by these rules.
    Refused(BTreeSet<String>),
    Wrong(String),
}

#[test]
fn every_case_of_token_flow_passes_or_its_model_is_refused() {
    let folder = shared();
    let mut outcomes = BTreeMap::new();
    for file in files(&folder) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let case: Case = serde_json::from_str(&text).expect("a case");
        let source = std::fs::read_to_string(folder.join(&case.model)).expect("a model");
        outcomes.insert(name, run(&case, &source));
    }
    if outcomes.is_empty() {
        println!("no cases at {}", folder.display());
        return;
    }
    let wrong: String = outcomes
        .iter()
        .filter_map(|(name, outcome)| match outcome {
            Outcome::Wrong(why) => Some(format!("{name}: {why}\n")),
            _ => None,
        })
        .collect();
    assert!(wrong.is_empty(), "\n{wrong}");
    check_page(&outcomes);
}

/// Holds the page against what happens. Cases that the page does not know may pass or be refused; those it knows do as it says.
fn check_page(outcomes: &BTreeMap<String, Outcome>) {
    let page = expect_file![PAGE];
    let written = page.data();
    let is_known = |name: &str| written.contains(&format!("`{name}`"));
    let is_whole = outcomes.keys().all(|name| is_known(name))
        && count(&written, "| `") + count(&written, "- `") == outcomes.len();
    if is_whole || std::env::var("UPDATE_EXPECT").is_ok() {
        page.assert_eq(&render(outcomes));
        return;
    }
    for (name, outcome) in outcomes {
        let is_refused_there = written.contains(&format!("| `{name}` |"));
        let is_refused = matches!(outcome, Outcome::Refused(_));
        if is_known(name) {
            assert_eq!(is_refused, is_refused_there, "{name} is not what the page says");
        } else if is_refused {
            println!("{name} is refused and stands on no page");
        }
    }
}

fn count(page: &str, beginning: &str) -> usize {
    page.lines().filter(|line| line.starts_with(beginning)).count()
}

fn render(outcomes: &BTreeMap<String, Outcome>) -> String {
    let mut text = String::from(INTRODUCTION);
    let refused: Vec<(&String, &BTreeSet<String>)> = outcomes
        .iter()
        .filter_map(|(name, outcome)| match outcome {
            Outcome::Refused(rules) => Some((name, rules)),
            _ => None,
        })
        .collect();
    let (all, count) = (outcomes.len(), refused.len());
    writeln!(text, "Of {all} cases {} pass and {count} are refused.\n", all - count).expect("text");
    text.push_str("## Refused\n\n| case | by |\n|---|---|\n");
    for (name, rules) in refused {
        let rules: Vec<String> = rules.iter().map(|rule| format!("`{rule}`")).collect();
        writeln!(text, "| `{name}` | {} |", rules.join(", ")).expect("text");
    }
    text.push_str("\n## Pass\n\n");
    for (name, outcome) in outcomes {
        if matches!(outcome, Outcome::Passed) {
            writeln!(text, "- `{name}`").expect("text");
        }
    }
    text
}

const INTRODUCTION: &str = "# BPMN: the public suite of token flow

The cases of bpmn-js-token-simulation (MIT) say which elements and flows a token enters and leaves, in which order. A test runs all of them
against the whole engine (`crates/process/src/tests/traces.rs`): each passes, or its model is refused when it is applied, with a rule
of [bpmn.invalid](../errors/bpmn.invalid.md) or as [bpmn.unsupported](../errors/bpmn.unsupported.md). This page is checked by that
test to be exactly what happens; `UPDATE_EXPECT=1` writes it.

The models are drawn for a simulator, so the test gives them what an engine needs and they leave out: messages, moments, codes, and conditions by
which gateways take the flows that the case says. What a model says is never changed. Of two tokens that have nothing to do with each
other, either may go first.

";

fn shared() -> PathBuf {
    let root = std::env::var("CRATON_SHARED").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    root.join("conformance/bpmn-traces")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort();
    found
}

/// Runs a case.
fn run(case: &Case, source: &str) -> Outcome {
    let mut waiting = BTreeSet::new();
    let mut triggered = Vec::new();
    for step in &case.steps {
        match step {
            Step::WaitAt(id) => {
                waiting.insert(id.clone());
            }
            Step::Trigger(id) => triggered.push(id.clone()),
            Step::Choose(_) => {}
        }
    }
    let completed = complete(source, &waiting, &triggered);
    let mut bench = Bench { unit: Unit::new(), completed, waiting, flows: Map::new() };
    if let Err(problem) = bench.deploy() {
        return Outcome::Refused(rules(&problem));
    }
    TRACE.take();
    let mut steps = Vec::new();
    for step in &case.steps {
        if let Err(why) = bench.step(step) {
            return Outcome::Wrong(why);
        }
        steps.push(TRACE.take());
    }
    match compare(&bench.completed, &case.trace, &steps) {
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::Wrong(why),
    }
}

/// Returns the rules by which a model was refused; of what is not supported, what it is.
fn rules(problem: &Problem) -> BTreeSet<String> {
    let rule = |problem: &Problem| {
        let message = problem.message.as_str();
        let named = message.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        match named {
            Some((_, rule)) => rule.to_owned(),
            None => {
                let what = message.split('`').nth(1).unwrap_or(message);
                format!("{}: {what}", problem.code)
            }
        }
    };
    std::iter::once(problem).chain(&problem.also).map(rule).collect()
}

/// A unit that runs one case.
struct Bench {
    unit: Unit,
    completed: Completed,
    waiting: BTreeSet<String>,
    /// The variables by which gateways choose.
    flows: Map<String, Value>,
}

impl Bench {
    fn deploy(&mut self) -> Result<(), Problem> {
        for (gateway, flows) in self.completed.choices.clone() {
            let is_inclusive = self.completed.inclusive.contains(&gateway);
            let chosen = if is_inclusive { flows.clone() } else { flows[..1].to_vec() };
            self.choose(&gateway, &chosen);
        }
        let spec = json!({"source": self.completed.source, "roles": ["owner"]});
        self.unit.manifests(vec![manifest("Process", "p", spec)]).map(drop)
    }

    /// Sets which flows a gateway takes.
    fn choose(&mut self, gateway: &str, chosen: &[String]) {
        for flow in self.completed.choices.get(gateway).cloned().unwrap_or_default() {
            self.flows.insert(taken(&flow), json!(chosen.contains(&flow)));
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::WaitAt(_) => Ok(()),
            Step::Choose(choice) => {
                let chosen: Vec<String> =
                    choice.flow.iter().chain(&choice.flows).cloned().collect();
                self.choose(&choice.gateway, &chosen);
                let variables = Value::Object(self.flows.clone());
                self.set(variables)
            }
            Step::Trigger(id) => {
                self.trigger(id)?;
                self.work()
            }
        }
    }

    fn call(&mut self, operation: &str, resource: &str, args: Value) -> Result<Value, String> {
        let answer = self.unit.call(operation, resource, args);
        answer.map_err(|problem| format!("{operation} on {resource}: {problem:?}"))
    }

    /// Sets variables of all instances that run.
    fn set(&mut self, variables: Value) -> Result<(), String> {
        for row in self.unit.rows("process_instances", &["instance", "state"]) {
            if let Some(instance) = row.strip_suffix(" active") {
                let name = format!("instance/{instance}");
                self.call("instance.set_variables", &name, json!({"variables": variables}))?;
            }
        }
        Ok(())
    }

    fn trigger(&mut self, id: &str) -> Result<(), String> {
        if let Some(target) = self.completed.message_flows.get(id).cloned() {
            return self.trigger(&target);
        }
        let Some(kind) = self.completed.kinds.get(id).cloned() else {
            return Err(format!("there is no `{id}`"));
        };
        let Kind { local, event, is_outside, .. } = kind;
        let is_start = local == "startEvent" && is_outside;
        match (event.as_str(), is_start) {
            ("", true) => {
                let variables = self.flows.clone();
                self.call("process.start", "process/p", json!({"variables": variables}))?;
            }
            ("message", _) | ("", false) if local != "userTask" && !self.waiting.contains(id) => {
                let variables = if is_start { self.flows.clone() } else { Map::new() };
                let key = if is_start { "" } else { KEY };
                let body = json!({
                    "message": message_of(id), "correlation_key": key, "variables": variables,
                });
                self.call("process.publish", "process/p", body)?;
            }
            ("timer", _) => {
                let due = self.completed.due.get(id).copied().unwrap_or_default();
                self.call("clock.advance", "clock", json!({"to": due}))?;
            }
            ("conditional", _) => self.set(json!({met(id): true}))?,
            ("signal", _) => {
                let body = json!({"signal": "any", "variables": self.flows});
                self.call("signal.publish", "signal", body)?;
            }
            _ => {
                self.waiting.remove(id);
            }
        }
        Ok(())
    }

    /// Completes what does not wait to be triggered, until nothing is left.
    fn work(&mut self) -> Result<(), String> {
        loop {
            let waiting = self.waiting.clone();
            let open = |row: &&String| {
                let element = row.split(' ').nth(1).unwrap_or_default();
                !waiting.contains(element)
            };
            let jobs = self.unit.rows("jobs", &["job", "element"]);
            let tasks = self.unit.rows("tasks", &["task", "kind", "state"]);
            let tasks: Vec<String> =
                tasks.into_iter().filter(|row| row.ends_with(" created")).collect();
            let job = jobs.iter().find(open).map(|row| ("job", row.clone()));
            let next = job.or_else(|| tasks.iter().find(open).map(|row| ("task", row.clone())));
            let Some((kind, row)) = next else { return Ok(()) };
            let name = row.split(' ').next().unwrap_or_default();
            if kind == "job" {
                self.call("job.activate", "job", json!({"type": WORK, "max": 100}))?;
            }
            self.call(&format!("{kind}.complete"), &format!("{kind}/{name}"), json!({}))?;
        }
    }
}

/// Compares what tokens passed, step by step, with what they should.
fn compare(completed: &Completed, trace: &[String], steps: &[Vec<String>]) -> Result<(), String> {
    let expected = normal(completed, trace);
    let mut rest = expected.as_slice();
    for (number, actual) in steps.iter().enumerate() {
        if rest.len() < actual.len() {
            return Err(format!("step {number}: too much, {actual:?}\n  expected {rest:?}"));
        }
        let (wanted, behind) = rest.split_at(actual.len());
        rest = behind;
        let sorted = |events: &[String]| {
            let mut events = events.to_vec();
            events.sort();
            events
        };
        if sorted(wanted) != sorted(actual) {
            return Err(format!("step {number}:\n  expected {wanted:?}\n  but was  {actual:?}"));
        }
        check_order(completed, wanted, actual).map_err(|why| format!("step {number}: {why}"))?;
    }
    if rest.is_empty() { Ok(()) } else { Err(format!("missing {rest:?}")) }
}

/// What belongs together comes in the same order.
fn check_order(completed: &Completed, wanted: &[String], actual: &[String]) -> Result<(), String> {
    let mut pairs = Vec::new();
    for (flow, from, to) in &completed.flows {
        pairs.push((format!("exit:{from}"), format!("enter:{flow}")));
        pairs.push((format!("enter:{flow}"), format!("exit:{flow}")));
        pairs.push((format!("exit:{flow}"), format!("enter:{to}")));
    }
    for id in completed.kinds.keys() {
        pairs.push((format!("enter:{id}"), format!("exit:{id}")));
    }
    let place = |events: &[String], event: &String| {
        let mut found = events.iter().enumerate().filter(|(_, other)| *other == event);
        match (found.next(), found.next()) {
            (Some((place, _)), None) => Some(place),
            _ => None,
        }
    };
    for (first, second) in pairs {
        let order = |events: &[String]| Some(place(events, &first)? < place(events, &second)?);
        if let (Some(wanted), Some(actual)) = (order(wanted), order(actual))
            && wanted != actual
        {
            return Err(format!("{first} and {second} are in another order"));
        }
    }
    Ok(())
}

/// Returns a trace as the engine would tell it: processes in place of participants, without what a simulator draws besides.
fn normal(completed: &Completed, trace: &[String]) -> Vec<String> {
    let mut entered: BTreeMap<&str, usize> = BTreeMap::new();
    let mut events = Vec::new();
    for event in trace {
        let (word, id) = event.split_once(':').unwrap_or((event, ""));
        if completed.message_flows.contains_key(id) {
            continue;
        }
        let is_scope = completed.kinds.get(id).is_some_and(|kind| {
            matches!(kind.local.as_str(), "subProcess" | "transaction") && !kind.is_event
        });
        if is_scope {
            let count = entered.entry(id).or_default();
            match word {
                "enter" => *count += 1,
                // A simulator opens a scope again to undo what was done in it, and leaves it once more.
                _ if *count == 0 => continue,
                _ => *count -= 1,
            }
        }
        match completed.participants.get(id) {
            Some(process) => events.push(format!("{word}:{process}")),
            None => events.push(event.clone()),
        }
    }
    events
}
