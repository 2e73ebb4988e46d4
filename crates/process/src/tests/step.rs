//! Promises of the step function.

use super::model::bpmn;
use crate::config::Config;
use crate::instance::{Command, Element, ElementId, Instance, ROOT, State, Variables, Wait};
use crate::state::{Effect, handle};
use base::{Code, Kind, Problem, Time};
use expect_test::{Expect, expect};
use notation::graph::Graph;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fmt::Write;

/// Runs commands, one a line, against a model and compares what comes out. Times are seconds: `@10 complete a x=1`.
pub(super) fn check(model: &str, commands: &str, expected: Expect) {
    check_within(&Config::default(), model, commands, expected);
}

fn check_within(config: &Config, model: &str, commands: &str, expected: Expect) {
    let graph =
        notation::bpmn::parse(&bpmn(model), None).unwrap_or_else(|problem| panic!("{problem:?}"));
    let mut run = Run { graph: &graph, config, instance: empty(), text: String::new() };
    for line in commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
        run.command(line);
    }
    expected.assert_eq(&run.text);
}

fn empty() -> Instance {
    Instance {
        key: 1,
        process: "p".into(),
        version: 1,
        business_key: None,
        correlation_key: None,
        state: State::Active,
        started_at: Time(0),
        time: Time(0),
        started_by: None,
        on_behalf_of: None,
        reply_to: None,
        variables: Variables::new(),
        elements: Vec::new(),
        element_last: 0,
        finished: Vec::new(),
        moves: VecDeque::new(),
        moves_count: 0,
        path: Vec::new(),
        incident: None,
        parked: Vec::new(),
        trace: None,
        suspended: false,
        earlier: Vec::new(),
        trail: Default::default(),
        mended: Vec::new(),
    }
}

struct Run<'a> {
    graph: &'a Graph,
    config: &'a Config,
    instance: Instance,
    text: String,
}

impl Run<'_> {
    fn command(&mut self, line: &str) {
        let (at, line) = match line.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            Some((seconds, rest)) => {
                (Some(Time(seconds.parse::<i64>().expect("seconds") * 1_000)), rest)
            }
            None => (None, line),
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        let variables = variables_of(words.iter().skip(1));
        let element = words.get(1).map_or(ROOT, |name| self.find(name));
        let command = match words[0] {
            "start" => {
                self.instance.variables = variables;
                Command::Start { node: self.graph.starts[0] }
            }
            "complete" => Command::Complete { element, variables, by: Some("ana".into()) },
            "result" => {
                let (element, attempt) = self.waiting(words[1]);
                let result = match words.iter().find_map(|word| word.strip_prefix("error:")) {
                    Some("later") => {
                        Err(Problem::new(Code("it.later", Kind::Unavailable), "not now"))
                    }
                    Some(code) => {
                        let mut problem = Problem::new(Code("it.failed", Kind::Conflict), "no");
                        problem.code = code.into();
                        Err(problem)
                    }
                    None if variables.len() == 1 && variables.contains_key("_") => {
                        Ok(variables["_"].clone())
                    }
                    None => Ok(Value::Object(variables)),
                };
                Command::Result { element, attempt, result, row: None }
            }
            "fail" => Command::Fail {
                element,
                retries: None,
                until: None,
                message: "broken".into(),
                variables,
            },
            "error" => {
                Command::Error { element, code: words[2].into(), message: "said".into(), variables }
            }
            "timer" => Command::Timer { element },
            "message" => Command::Message { element, variables },
            "resolve" => Command::Resolve { element, variables, retries: None },
            "cancel" => Command::Cancel { is_withdrawn: false },
            "suspend" => Command::Suspend,
            "resume" => Command::Resume,
            "set" => Command::Variables { variables, scope: element },
            "move" => Command::Move {
                element,
                node: self.graph.find(words[2]).expect("an element of the model"),
            },
            "continue" => Command::Continue,
            other => panic!("no command `{other}`"),
        };
        let path = self.instance.path.len();
        let outcome = handle(self.graph, self.config, &mut self.instance, command, at);
        let taken = if outcome.is_taken { "" } else { "  not taken" };
        writeln!(self.text, "> {line}{taken}").expect("text");
        for effect in outcome.effects {
            self.effect(&effect);
        }
        let new: Vec<&str> = self.instance.path[path.min(self.instance.path.len())..]
            .iter()
            .map(|node| self.id(*node))
            .collect();
        if !new.is_empty() {
            writeln!(self.text, "  done {}", new.join(" ")).expect("text");
        }
        self.stand();
        let bytes = crate::wire::encode(&self.instance).expect("written");
        assert_eq!(
            crate::wire::decode(&bytes).expect("read"),
            self.instance,
            "stored and read back"
        );
    }

    fn id(&self, node: notation::graph::NodeId) -> &str {
        &self.graph.node(node).id
    }

    fn find(&self, name: &str) -> ElementId {
        let named = |element: &&Element| self.id(element.node) == name;
        self.instance
            .elements
            .iter()
            .find(named)
            .map_or(if name == "root" { ROOT } else { 999 }, |element| element.id)
    }

    fn waiting(&self, name: &str) -> (ElementId, u32) {
        let id = self.find(name);
        match self.instance.element(id).map(|element| &element.wait) {
            Some(Wait::Call { attempt, .. } | Wait::Script { attempt }) => (id, *attempt),
            _ => (id, 1),
        }
    }

    fn effect(&mut self, effect: &Effect) {
        let text = match effect {
            Effect::Call { operation, resource, args, attempt, at, .. } => {
                format!(
                    "call {operation} {resource} #{attempt} {} at {}",
                    json!(args),
                    at.0 / 1_000
                )
            }
            Effect::Withdraw { operation, resource, attempt, at, .. } => {
                format!("withdraw {operation} {resource} #{attempt} at {}", at.0 / 1_000)
            }
            Effect::Script { text, variables, .. } => format!("script {text} {}", json!(variables)),
            Effect::Forget { .. } => "forget script".into(),
            Effect::Signal { name, variables, .. } => format!("signal {name} {}", json!(variables)),
            Effect::TaskEnded { task, completed_by, .. } => {
                format!("task {} ended by {completed_by:?}", task.kind)
            }
            Effect::Activity { is_completed: true, .. } => return,
            Effect::Activity { node, .. } => format!("ended {}", self.id(*node)),
        };
        writeln!(self.text, "  {text}").expect("text");
    }

    fn stand(&mut self) {
        let instance = &self.instance;
        let mut line = format!("  {}", instance.state_name());
        if let Some(incident) = &instance.incident {
            write!(line, " {}", incident.code).expect("text");
        }
        for element in &instance.elements {
            let wait = match &element.wait {
                Wait::Job(job) => format!("job {} x{}", job.job_type, job.retries),
                Wait::Call { attempt, .. } => format!("call #{attempt}"),
                Wait::Script { .. } => "script".into(),
                Wait::Task(task) => format!("task {:?} {:?}", task.assignee, task.candidates),
                Wait::Message { name, key } => format!("message {name} {key}"),
                Wait::Timer { due, .. } => format!("timer {}", due.0 / 1_000),
                Wait::Signal { name } => format!("signal {name}"),
                Wait::Condition { was } => format!("condition {was}"),
                Wait::Join { tokens } => format!("join {tokens:?}"),
                Wait::First => "first".into(),
                Wait::Inside => "inside".into(),
                Wait::Undo { .. } => "undoing".into(),
                Wait::Entry => "entry".into(),
                Wait::Exit { .. } => "exit".into(),
            };
            write!(line, " | {}: {wait}", self.id(element.node)).expect("text");
            if let Some(incident) = &element.incident {
                write!(line, " !{}", incident.code).expect("text");
            }
            if !element.variables.is_empty() {
                write!(line, " {}", json!(element.variables)).expect("text");
            }
        }
        if !instance.variables.is_empty() {
            write!(line, " {}", json!(instance.variables)).expect("text");
        }
        writeln!(self.text, "{line}").expect("text");
    }
}

fn variables_of<'a>(words: impl Iterator<Item = &'a &'a str>) -> Variables {
    words
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| {
            (name.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| json!(value)))
        })
        .collect()
}

#[test]
fn a_job_takes_its_result_outward() {
    check(
        "start s\n job a work\n end e\n s > a > e",
        "start x=1\n complete a y=2",
        expect![[r#"
            > start x=1
              active | a: job work x3 {"x":1}
            > complete a y=2
              done a e
              completed {"x":1,"y":2}
        "#]],
    );
}

#[test]
fn mappings_keep_the_rest_of_a_result_inside() {
    check(
        "start s\n job a work\n in a p = x + 1\n in a q = p * 2\n out a z.inner = y + q\n end e\n s > a > e",
        "start x=1\n complete a y=2 unused=3",
        expect![[r#"
            > start x=1
              active | a: job work x3 {"p":2,"q":4} {"x":1}
            > complete a y=2 unused=3
              done a e
              completed {"x":1,"z":{"inner":6}}
        "#]],
    );
}

#[test]
fn a_job_that_fails_too_often_is_an_incident_until_it_is_resolved() {
    check(
        "start s\n job a work\n end e\n s > a > e",
        "start\n fail a\n fail a why=1\n fail a\n resolve a x=7\n complete a",
        expect![[r#"
            > start
              active | a: job work x3
            > fail a
              active | a: job work x2
            > fail a why=1
              active | a: job work x1 {"why":1}
            > fail a
              active | a: job work x0 !job.retries {"why":1}
            > resolve a x=7
              active | a: job work x1 {"why":1} {"x":7}
            > complete a
              done a e
              completed {"x":7}
        "#]],
    );
}

#[test]
fn an_exclusive_gateway_takes_the_first_true_flow_else_the_default() {
    let model = "start s\n xor g default c\n task a\n task b\n task c\n end e\n s > g\n g > a if x > 10\n g > b if x > 5\n g > c\n a > e\n b > e\n c > e";
    check(
        model,
        "start x=11",
        expect![[r#"
        > start x=11
          done a e
          completed {"x":11}
    "#]],
    );
    check(
        model,
        "start x=6",
        expect![[r#"
        > start x=6
          done b e
          completed {"x":6}
    "#]],
    );
    check(
        model,
        "start x=1",
        expect![[r#"
        > start x=1
          done c e
          completed {"x":1}
    "#]],
    );
}

#[test]
fn a_condition_that_is_neither_true_nor_false_is_an_incident() {
    check(
        "start s\n xor g\n task a\n task b\n end e\n s > g\n g > a if x > 10\n g > b if x < 5\n a > e\n b > e",
        "start\n resolve g x=7\n resolve g x=11",
        expect![[r#"
            > start
              active | g: entry !feel.failed
            > resolve g x=7
              active | g: entry !process.no_flow {"x":7}
            > resolve g x=11
              done a e
              completed {"x":11}
        "#]],
    );
}

#[test]
fn a_parallel_join_waits_for_every_flow_and_keeps_surplus() {
    check(
        "start s\n and f\n job a a\n job b b\n and j\n job c c\n end e\n s > f\n f > a > j\n f > b > j\n j > c > e",
        "start\n complete a x=1\n complete b y=2\n complete c",
        expect![[r#"
            > start
              active | a: job a x3 | b: job b x3
            > complete a x=1
              done a
              active | b: job b x3 | j: join [1, 0] {"x":1}
            > complete b y=2
              done b
              active | c: job c x3 {"x":1,"y":2}
            > complete c
              done c e
              completed {"x":1,"y":2}
        "#]],
    );
}

#[test]
fn a_join_keeps_a_second_token_of_one_flow_for_the_next_time() {
    check(
        "start s\n and f\n job a a\n job b b\n job c c\n xor m\n and j\n job d d\n end e\n s > f\n f > a > m\n f > b > m\n f > c > j\n m > j\n j > d > e",
        "start\n complete a\n complete b\n complete c\n complete d",
        expect![[r#"
            > start
              active | a: job a x3 | b: job b x3 | c: job c x3
            > complete a
              done a
              active | b: job b x3 | c: job c x3 | j: join [0, 1]
            > complete b
              done b
              active | c: job c x3 | j: join [0, 2]
            > complete c
              done c
              active | j: join [0, 1] | d: job d x3
            > complete d
              done d e
              active | j: join [0, 1]
        "#]],
    );
}

#[test]
fn timers_before_an_event_fire_first_and_at_the_same_instant_the_event_comes_first() {
    let model = "start s\n job a work\n boundary late on a beside timer PT10S\n task told\n end e\n end e2\n s > a > e\n late > told > e2";
    check(
        model,
        "@0 start\n @10 complete a",
        expect![[r#"
        > start
          active | a: job work x3 | late: timer 10
        > complete a
          done a e
          completed
    "#]],
    );
    check(
        model,
        "@0 start\n @11 complete a",
        expect![[r#"
        > start
          active | a: job work x3 | late: timer 10
        > complete a
          done late told e2 a e
          completed
    "#]],
    );
    check(
        model,
        "@0 start\n @10 timer late\n @10 complete a",
        expect![[r#"
        > start
          active | a: job work x3 | late: timer 10
        > timer late
          done late told e2
          active | a: job work x3
        > complete a
          done a e
          completed
    "#]],
    );
}

#[test]
fn a_timer_already_due_fires_at_once() {
    check(
        "start s\n call a contract.call c\n boundary late on a beside date =when\n task told\n end e\n end e2\n s > a > e\n late > told > e2",
        "@100 start when=1970-01-01T00:01:00Z\n result a x=1",
        expect![[r#"
            > start when=1970-01-01T00:01:00Z
              call contract.call c #1 {} at 100
              done late told e2
              active | a: call #1 {"when":"1970-01-01T00:01:00Z"}
            > result a x=1
              done a e
              completed {"when":"1970-01-01T00:01:00Z","x":1}
        "#]],
    );
    check(
        "start s\n call a contract.call c\n boundary late on a date =when\n end e\n end e2\n s > a > e\n late > e2",
        "@100 start when=1970-01-01T00:01:00Z",
        expect![[r#"
            > start when=1970-01-01T00:01:00Z
              call contract.call c #1 {} at 100
              withdraw contract.call c #1 at 100
              ended a
              done late e2
              completed {"when":"1970-01-01T00:01:00Z"}
        "#]],
    );
}

#[test]
fn a_cycle_repeats_as_often_as_it_says() {
    check(
        "start s\n job a work\n boundary b on a beside cycle R3/PT10S\n end e\n end e2\n s > a > e\n b > e2",
        "@0 start\n @10 timer b\n @35 complete a",
        expect![[r#"
            > start
              active | a: job work x3 | b: timer 10
            > timer b
              done b e2
              active | a: job work x3 | b: timer 20
            > complete a
              done b e2 b e2 a e
              completed
        "#]],
    );
    check(
        "start s\n job a work\n boundary b on a beside cycle R2/PT10S\n end e\n end e2\n s > a > e\n b > e2",
        "@0 start\n @100 timer b\n @100 complete a",
        expect![[r#"
            > start
              active | a: job work x3 | b: timer 10
            > timer b  not taken
              done b e2 b e2
              active | a: job work x3
            > complete a
              done a e
              completed
        "#]],
    );
}

#[test]
fn an_interrupting_message_withdraws_the_open_call() {
    check(
        "start s\n call a contract.call c\n in a input = order\n boundary gone on a message cancelled =order\n end e\n end e2\n s > a > e\n gone > e2",
        "@1 start order=7\n @5 message gone why=1\n @6 result a x=1",
        expect![[r#"
            > start order=7
              call contract.call c #1 {"input":7} at 1
              active | a: call #1 {"input":7} | gone: message cancelled 7 {"order":7}
            > message gone why=1
              withdraw contract.call c #1 at 5
              ended a
              done gone e2
              completed {"order":7,"why":1}
            > result a x=1
              completed {"order":7,"why":1}
        "#]],
    );
}

#[test]
fn an_event_gateway_takes_the_first_and_drops_the_others() {
    let model = "start s\n event g\n catch m message paid =id\n catch t timer PT1M\n task a\n task b\n end e\n s > g\n g > m > a > e\n g > t > b > e";
    check(
        model,
        "@0 start id=5\n @10 message m sum=3\n @70 timer t",
        expect![[r#"
            > start id=5
              active | g: first | m: message paid 5 | t: timer 60 {"id":5}
            > message m sum=3
              done m a e
              completed {"id":5,"sum":3}
            > timer t
              completed {"id":5,"sum":3}
        "#]],
    );
    check(
        model,
        "@0 start id=5\n @70 message m sum=3",
        expect![[r#"
        > start id=5
          active | g: first | m: message paid 5 | t: timer 60 {"id":5}
        > message m sum=3  not taken
          done t b e
          completed {"id":5}
    "#]],
    );
    check(
        model,
        "@0 start id=5\n @60 message m sum=3",
        expect![[r#"
        > start id=5
          active | g: first | m: message paid 5 | t: timer 60 {"id":5}
        > message m sum=3
          done m a e
          completed {"id":5,"sum":3}
    "#]],
    );
}

#[test]
fn a_sub_process_ends_with_its_last_token_and_keeps_its_own_variables() {
    check(
        "start s\n sub p {\n start s2\n and f\n job a a\n job b b\n end e2\n s2 > f\n f > a > e2\n f > b > e2\n }\n in p own = 1\n out p sum = own + 1\n end e\n s > p > e",
        "start x=1\n complete a own=5\n complete b x=2",
        expect![[r#"
            > start x=1
              active | p: inside {"own":1} | a: job a x3 | b: job b x3 {"x":1}
            > complete a own=5
              done a e2
              active | p: inside {"own":5} | b: job b x3 {"x":1}
            > complete b x=2
              done b e2 p e
              completed {"x":2,"sum":6}
        "#]],
    );
}

#[test]
fn terminate_ends_its_scope_only() {
    check(
        "start s\n sub p {\n start s2\n and f\n job a a\n job b b\n end e2 terminate\n end e3\n s2 > f\n f > a > e2\n f > b > e3\n }\n job c c\n end e\n s > p > c > e",
        "start\n complete a\n complete c",
        expect![[r#"
            > start
              active | p: inside | a: job a x3 | b: job b x3
            > complete a
              ended b
              done a e2 p
              active | c: job c x3
            > complete c
              done c e
              completed
        "#]],
    );
    check(
        "start s\n and f\n call a stream.append x\n user b\n job c c\n end e2 terminate\n end e3\n s > f\n f > a > e3\n f > b > e3\n f > c > e2",
        "start\n complete c",
        expect![[r#"
            > start
              call stream.append x #1 {} at 0
              active | a: call #1 | b: task None [] | c: job c x3
            > complete c
              withdraw stream.append x #1 at 0
              ended a
              task b ended by None
              ended b
              done c e2
              completed
        "#]],
    );
}

#[test]
fn errors_go_outward_to_the_nearest_that_catches_them() {
    let model = "start s\n sub p {\n start s2\n job a a\n boundary near on a error SMALL\n end e2\n end e3\n s2 > a > e2\n near > e3\n }\n boundary far on p error\n task far_task\n end e\n end e4\n s > p > e\n far > far_task > e4";
    check(
        model,
        "start\n error a SMALL n=1",
        expect![[r#"
        > start
          active | p: inside | a: job a x3
        > error a SMALL n=1
          ended a
          done near e3 p e
          completed {"n":1}
    "#]],
    );
    check(
        model,
        "start\n error a BIG n=1",
        expect![[r#"
        > start
          active | p: inside | a: job a x3
        > error a BIG n=1
          ended a
          ended p
          done far far_task e4
          completed {"n":1}
    "#]],
    );
    check(
        "start s\n job a a\n end e\n s > a > e",
        "start\n error a BIG\n resolve a",
        expect![[r#"
        > start
          active | a: job a x3
        > error a BIG
          active | a: job a x3 !process.error_uncaught
        > resolve a
          active | a: job a x1
    "#]],
    );
    check(
        "start s\n sub p {\n start s2\n end e2 error BIG\n s2 > e2\n }\n boundary far on p error BIG\n end e\n end e3\n s > p > e\n far > e3",
        "start",
        expect![[r#"
            > start
              ended p
              done far e3
              completed
        "#]],
    );
}

#[test]
fn a_call_that_fails_is_caught_by_its_code_tried_again_or_an_incident() {
    let model = "start s\n call a contract.call c\n boundary no on a error contract.refused\n end e\n end e2\n s > a > e\n no > e2";
    check(
        model,
        "start\n result a error:contract.refused",
        expect![[r#"
        > start
          call contract.call c #1 {} at 0
          active | a: call #1
        > result a error:contract.refused
          ended a
          done no e2
          completed {"error":{"code":"contract.refused","message":"no"}}
    "#]],
    );
    check(
        model,
        "start\n result a error:policy.forbidden\n resolve a\n result a answer=1",
        expect![[r#"
        > start
          call contract.call c #1 {} at 0
          active | a: call #1
        > result a error:policy.forbidden
          active | a: call #1 !policy.forbidden
        > resolve a
          call contract.call c #2 {} at 0
          active | a: call #2
        > result a answer=1
          done a e
          completed {"answer":1}
    "#]],
    );
    check(
        model,
        "start\n result a error:later\n result a error:later\n result a error:later",
        expect![[r#"
        > start
          call contract.call c #1 {} at 0
          active | a: call #1
        > result a error:later
          call contract.call c #2 {} at 0
          active | a: call #2
        > result a error:later
          call contract.call c #3 {} at 0
          active | a: call #3
        > result a error:later
          active | a: call #3 !it.later
    "#]],
    );
}

#[test]
fn finished_activities_are_undone_latest_first_one_after_the_other() {
    check(
        "start s\n job a a\n job b b\n job undo_a ua undoing\n job undo_b ub undoing\n boundary ca on a undo undo_a\n boundary cb on b undo undo_b\n throw t undo\n end e\n s > a > b > t > e",
        "start\n complete a n=1\n complete b n=2\n complete undo_b\n complete undo_a",
        expect![[r#"
            > start
              active | a: job a x3
            > complete a n=1
              done a
              active | b: job b x3 {"n":1}
            > complete b n=2
              done b
              active | t: undoing | undo_b: job ub x3 {"n":2} {"n":2}
            > complete undo_b
              done undo_b
              active | t: undoing | undo_a: job ua x3 {"n":1} {"n":2}
            > complete undo_a
              done undo_a t e
              completed {"n":2}
        "#]],
    );
}

#[test]
fn compensation_reaches_into_finished_sub_processes() {
    check(
        "start s\n sub p {\n start s2\n job a a\n job undo_a ua undoing\n boundary ca on a undo undo_a\n end e2\n s2 > a > e2\n }\n job b b\n end e undo\n s > p > b > e",
        "start\n complete a n=1\n complete b\n complete undo_a",
        expect![[r#"
            > start
              active | p: inside | a: job a x3
            > complete a n=1
              done a e2 p
              active | b: job b x3 {"n":1}
            > complete b
              done b
              active | e: undoing | undo_a: job ua x3 {"n":1} {"n":1}
            > complete undo_a
              done undo_a e
              completed {"n":1}
        "#]],
    );
}

#[test]
fn nothing_unfinished_is_undone() {
    check(
        "start s\n and f\n job a a\n job undo_a ua undoing\n boundary ca on a undo undo_a\n job b b\n end e undo\n end e2\n s > f\n f > a > e2\n f > b > e",
        "start\n complete b",
        expect![[r#"
            > start
              active | a: job a x3 | b: job b x3
            > complete b
              done b e
              active | a: job a x3
        "#]],
    );
}

#[test]
fn a_loop_of_timers_that_stand_still_is_stopped() {
    let config = Config { moves_max: 10, moves_endless: 25, ..Config::default() };
    check_within(
        &config,
        "start s\n xor g default e\n catch c date =when\n end e\n s > g\n g > c if go\n c > g\n g > e",
        "@100 start go=true when=1970-01-01T00:00:00Z\n continue\n continue\n resolve root when=1970-01-01T01:00:00Z\n continue",
        expect![[r#"
            > start go=true when=1970-01-01T00:00:00Z
              done c c c
              active {"go":true,"when":"1970-01-01T00:00:00Z"}
            > continue
              done c c c
              active {"go":true,"when":"1970-01-01T00:00:00Z"}
            > continue
              done c c
              failed process.endless {"go":true,"when":"1970-01-01T00:00:00Z"}
            > resolve root when=1970-01-01T01:00:00Z
              active | c: timer 3600 {"go":true,"when":"1970-01-01T01:00:00Z"}
            > continue
              active | c: timer 3600 {"go":true,"when":"1970-01-01T01:00:00Z"}
        "#]],
    );
}

#[test]
fn an_output_that_fails_is_an_incident_and_is_tried_again_with_the_same_result() {
    check(
        "start s\n job a work\n out a z = y + x\n end e\n s > a > e",
        "start x=text\n complete a y=2\n resolve a x=5",
        expect![[r#"
            > start x=text
              active | a: job work x3 {"x":"text"}
            > complete a y=2
              active | a: exit !feel.failed {"y":2} {"x":"text"}
            > resolve a x=5
              done a e
              completed {"x":5,"z":7}
        "#]],
    );
}

#[test]
fn decisions_and_scripts_name_their_results() {
    check(
        "start s\n decide d risk level\n script x n = sum([a, 1])\n end e\n s > d > x > e",
        "start a=1\n result d _=high\n result x _=2",
        expect![[r#"
            > start a=1
              call decision.evaluate risk #1 {"variables":{"a":1}} at 0
              active | d: call #1 {"a":1}
            > result d _=high
              script sum([a, 1]) {"a":1,"level":"high"}
              done d
              active | x: script {"a":1,"level":"high"}
            > result x _=2
              done x e
              completed {"a":1,"level":"high","n":2}
        "#]],
    );
}

#[test]
fn a_cancelled_instance_withdraws_all_it_asked_for() {
    check(
        "start s\n and f\n call a contract.call c\n user u\n script x n = 1\n end e\n s > f\n f > a > e\n f > u > e\n f > x > e",
        "@3 start\n @9 cancel",
        expect![[r#"
            > start
              call contract.call c #1 {} at 3
              script 1 {}
              active | a: call #1 | u: task None [] | x: script
            > cancel
              withdraw contract.call c #1 at 9
              ended a
              task u ended by None
              ended u
              forget script
              ended x
              cancelled
        "#]],
    );
}

#[test]
fn a_person_s_task_carries_who_may_take_it() {
    check(
        "start s\n user u <zeebe:assignmentDefinition assignee=\"=boss\" candidateGroups=\"clerks, leads\"/>\n end e\n s > u > e",
        "start boss=ana\n complete u ok=true",
        expect![[r#"
            > start boss=ana
              active | u: task Some("ana") ["clerks", "leads"] {"boss":"ana"}
            > complete u ok=true
              task u ended by Some("ana")
              done u e
              completed {"boss":"ana","ok":true}
        "#]],
    );
}
