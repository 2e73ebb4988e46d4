use super::*;
use crate::graph::{BoundaryTrigger, End};
use crate::graph::{Graph, Mapping, NodeId, NodeKind, NodeSet, Timer, Trigger};
use expect_test::{Expect, expect};
use std::fmt::Write;

/// Puts the inside of a process, and what stands beside it, into a document.
fn document(process: &str, beside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<bpmn:definitions xmlns:bpmn=\"http://www.omg.org/spec/BPMN/20100524/MODEL\" \
         xmlns:zeebe=\"http://camunda.org/schema/zeebe/1.0\" id=\"d\">\n<bpmn:process id=\"p\" isExecutable=\"true\">\n{process}\n\
         </bpmn:process>\n{beside}\n</bpmn:definitions>"
    )
}

/// Writes flows as `a > b`, one each line, as XML; other lines stay.
fn with_flows(text: &str) -> String {
    let mut xml = String::new();
    for line in text.lines() {
        match line.trim().split_once(" > ") {
            Some((from, to)) if !line.contains('<') => {
                let _ = writeln!(
                    xml,
                    "<bpmn:sequenceFlow id=\"{from}_{to}\" sourceRef=\"{from}\" targetRef=\"{to}\"/>"
                );
            }
            _ => {
                let _ = writeln!(xml, "{}", line.trim());
            }
        }
    }
    xml
}

/// Compiles and compares the graph, or the problems, as text.
fn check_full(process: &str, beside: &str, expected: Expect) {
    let source = document(&with_flows(process), beside);
    let shown = match parse_all_errors(&source, None) {
        Ok(graph) => show(&graph),
        Err(problems) => problems
            .iter()
            .map(|problem| {
                let place = problem.place.clone().unwrap_or_default();
                format!("{} at {place}: {}\n", problem.code, problem.message)
            })
            .collect(),
    };
    expected.assert_eq(&shown);
}

fn check(process: &str, expected: Expect) {
    check_full(process, "", expected);
}

fn show(graph: &Graph) -> String {
    let mut text = String::new();
    for node in &graph.nodes {
        let scope =
            node.scope.map(|scope| format!("{}/", graph.node(scope).id)).unwrap_or_default();
        let _ = write!(text, "{scope}{}: {}", node.id, show_kind(graph, &node.kind));
        for (word, list) in [("in", &node.inputs), ("out", &node.outputs)] {
            for Mapping { source, target } in list {
                let _ = write!(text, " {word}[{} <- {}]", target.join("."), source.text());
            }
        }
        if let Some(handler) = node.compensation {
            let _ = write!(text, " undone by {}", graph.node(handler).id);
        }
        let targets: Vec<String> = node
            .outgoing
            .iter()
            .map(|flow| {
                let flow = graph.flow(*flow);
                let condition = flow
                    .condition
                    .as_ref()
                    .map(|condition| format!(" if {}", condition.text()))
                    .unwrap_or_default();
                format!("{}{condition}", graph.node(flow.to).id)
            })
            .collect();
        if !targets.is_empty() {
            let _ = write!(text, " -> {}", targets.join(", "));
        }
        text.push('\n');
    }
    text
}

fn show_kind(graph: &Graph, kind: &NodeKind) -> String {
    match kind {
        NodeKind::Start(None) => "start".into(),
        NodeKind::Start(Some(trigger)) => format!("start by {}", show_trigger(trigger)),
        NodeKind::End(End::Error { code }) => format!("end with error {code}"),
        NodeKind::End(End::Compensation { activity }) => {
            format!("end undoing {:?}", activity.map(|node| &graph.node(node).id))
        }
        NodeKind::End(End::Escalation { code }) => format!("end with escalation {code}"),
        NodeKind::End(End::Signal { name }) => format!("end with signal {name}"),
        NodeKind::End(End::Cancel) => "end cancelling".into(),
        NodeKind::End(End::Terminate) => "end all".into(),
        NodeKind::End(End::None) => "end".into(),
        NodeKind::PassThrough => "pass".into(),
        NodeKind::Job(job) => {
            format!("job {} x{} {:?}", job.job_type.text(), job.retries.text(), job.headers)
        }
        NodeKind::Call(call) => format!(
            "call {} on {} x{} {:?}",
            call.operation,
            call.resource.text(),
            call.retries.text(),
            call.headers
        ),
        NodeKind::Decision(decision) => {
            format!("decide {} into {}", decision.decision, decision.result_variable)
        }
        NodeKind::Script(script) => {
            format!("script {} into {}", script.text, script.result_variable)
        }
        NodeKind::UserTask(task) => {
            let text = |field: &Option<crate::feel::Expression>| {
                field.as_ref().map(|field| field.text().to_string())
            };
            format!(
                "person {:?} {:?} {:?} {:?}",
                text(&task.assignee),
                text(&task.candidate_groups),
                text(&task.due),
                task.form.as_ref().map(crate::graph::Form::text)
            )
        }
        NodeKind::Catch(trigger) => format!("wait for {}", show_trigger(trigger)),
        NodeKind::ThrowCompensation { activity } => {
            format!("undo {:?}", activity.map(|node| &graph.node(node).id))
        }
        NodeKind::ExclusiveGateway { default } => {
            format!("xor default {:?}", default.map(|flow| &graph.flow(flow).id))
        }
        NodeKind::ParallelGateway => "and".into(),
        NodeKind::EventGateway => "first of".into(),
        NodeKind::InclusiveGateway { default, reaching } => {
            let from = |set: &NodeSet| -> Vec<&str> {
                let numbers = (0..).map(NodeId).zip(&graph.nodes);
                let inside = numbers.filter(|(number, _)| set.contains(*number));
                inside.map(|(_, node)| node.id.as_str()).collect()
            };
            let default = default.map(|flow| &graph.flow(flow).id);
            let reaching: Vec<_> = reaching.iter().map(from).collect();
            format!("or default {default:?} reached from {reaching:?}")
        }
        NodeKind::LinkThrow { to } => format!("link to {}", graph.node(*to).id),
        NodeKind::ThrowEscalation { code } => format!("escalate {code}"),
        NodeKind::ThrowSignal { name } => format!("signal {name}"),
        NodeKind::SubProcess { start, is_transaction } => {
            let word = if *is_transaction { "transaction" } else { "sub" };
            format!("{word} from {}", graph.node(*start).id)
        }
        NodeKind::EventSubProcess { start, is_interrupting, trigger } => {
            let word = if *is_interrupting { "interrupts" } else { "beside" };
            format!("from {}, {word} {}", graph.node(*start).id, show_boundary(trigger))
        }
        NodeKind::Boundary(boundary) => {
            let host = &graph.node(boundary.attached_to).id;
            let word = if boundary.is_interrupting { "interrupts" } else { "beside" };
            match &boundary.trigger {
                BoundaryTrigger::Compensation => format!("compensation of {host}"),
                trigger => format!("{word} {host} {}", show_boundary(trigger)),
            }
        }
    }
}

fn show_boundary(trigger: &BoundaryTrigger) -> String {
    match trigger {
        BoundaryTrigger::Event(trigger) => format!("on {}", show_trigger(trigger)),
        BoundaryTrigger::Error { code } => format!("on error {code:?}"),
        BoundaryTrigger::Escalation { code } => format!("on escalation {code:?}"),
        BoundaryTrigger::Cancel => "on cancel".into(),
        BoundaryTrigger::Compensation => "for compensation".into(),
    }
}

fn show_trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Message { name, correlation_key } => {
            format!(
                "message {name} {:?}",
                correlation_key.as_ref().map(|key| key.text().to_string())
            )
        }
        Trigger::Signal { name } => format!("signal {name}"),
        Trigger::Condition(condition) => format!("condition {}", condition.text()),
        Trigger::Timer(Timer::Date(date)) => format!("date {}", date.text()),
        Trigger::Timer(Timer::Duration(duration)) => format!("duration {}", duration.text()),
        Trigger::Timer(Timer::Cycle { repetitions, every }) => {
            format!("{repetitions:?} times every {}", every.text())
        }
    }
}

#[test]
fn every_kind_of_element_compiles() {
    check_full(
        r#"<bpmn:startEvent id="s" name="Order came"/>
        <bpmn:serviceTask id="job"><bpmn:extensionElements>
          <zeebe:taskDefinition type="pack" retries="5"/>
          <zeebe:taskHeaders><zeebe:header key="a" value="1"/></zeebe:taskHeaders>
          <zeebe:ioMapping><zeebe:input source="=order.id" target="id"/><zeebe:output source="=result" target="order.packed"/></zeebe:ioMapping>
        </bpmn:extensionElements></bpmn:serviceTask>
        <bpmn:sendTask id="call"><bpmn:extensionElements>
          <zeebe:taskDefinition type="craton:stream.append"/>
          <zeebe:taskHeaders><zeebe:header key="resource" value="stream/order_events"/><zeebe:header key="x" value="y"/></zeebe:taskHeaders>
        </bpmn:extensionElements></bpmn:sendTask>
        <bpmn:businessRuleTask id="rule"><bpmn:extensionElements><zeebe:calledDecision decisionId="discount" resultVariable="d"/></bpmn:extensionElements></bpmn:businessRuleTask>
        <bpmn:scriptTask id="script"><bpmn:extensionElements><zeebe:script expression="=sum(for i in 1..3 return i)" resultVariable="n"/></bpmn:extensionElements></bpmn:scriptTask>
        <bpmn:userTask id="person"><bpmn:extensionElements><zeebe:userTask/><zeebe:assignmentDefinition assignee="=boss" candidateGroups="clerks"/>
          <zeebe:taskSchedule dueDate="=_now"/><zeebe:formDefinition formId="f"/></bpmn:extensionElements></bpmn:userTask>
        <bpmn:receiveTask id="receive" messageRef="m"/>
        <bpmn:task id="t"/><bpmn:manualTask id="manual"/>
        <bpmn:exclusiveGateway id="x" default="x_first"/>
        <bpmn:eventBasedGateway id="first"/>
        <bpmn:intermediateCatchEvent id="c1"><bpmn:messageEventDefinition messageRef="m"/></bpmn:intermediateCatchEvent>
        <bpmn:intermediateCatchEvent id="c2"><bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>
        <bpmn:intermediateThrowEvent id="note"/>
        <bpmn:endEvent id="e"><bpmn:terminateEventDefinition/></bpmn:endEvent>
        <bpmn:endEvent id="e2"><bpmn:errorEventDefinition errorRef="err"/></bpmn:endEvent>
        <bpmn:subProcess id="esp" triggeredByEvent="true"><bpmn:startEvent id="es"><bpmn:errorEventDefinition/></bpmn:startEvent></bpmn:subProcess>
        <bpmn:endEvent id="e3"><bpmn:extensionElements><zeebe:taskDefinition type="mail"/></bpmn:extensionElements><bpmn:messageEventDefinition/></bpmn:endEvent>
        s > job
        job > call
        call > rule
        rule > script
        script > person
        person > receive
        receive > t
        t > manual
        manual > x
        x > first
        <bpmn:sequenceFlow id="xe" sourceRef="x" targetRef="e2"><bpmn:conditionExpression>=n &gt; 5</bpmn:conditionExpression></bpmn:sequenceFlow>
        first > c1
        first > c2
        c1 > note
        note > e
        c2 > e3"#,
        r#"<bpmn:message id="m" name="paid"><bpmn:extensionElements><zeebe:subscription correlationKey="=id"/></bpmn:extensionElements></bpmn:message>
        <bpmn:error id="err" errorCode="E1"/>"#,
        expect![[r#"
            s: start -> job
            job: job pack x5 {"a": "1"} in[id <- =order.id] out[order.packed <- =result] -> call
            call: call stream.append on stream/order_events x3 {"x": "y"} -> rule
            rule: decide discount into d -> script
            script: script sum(for i in 1..3 return i) into n -> person
            person: person Some("=boss") Some("clerks") Some("=_now") Some("f") -> receive
            receive: wait for message paid Some("=id") -> t
            t: pass -> manual
            manual: pass -> x
            x: xor default Some("x_first") -> first, e2 if =n > 5
            first: first of -> c1, c2
            c1: wait for message paid Some("=id") -> note
            c2: wait for duration PT1H -> e3
            note: pass -> e
            e: end all
            e2: end with error E1
            esp: from es, interrupts on error None
            esp/es: start
            e3: job mail x3 {}
        "#]],
    );
}

#[test]
fn scopes_boundaries_and_compensation_compile() {
    check_full(
        r#"<bpmn:startEvent id="s"><bpmn:timerEventDefinition><bpmn:timeCycle>R3/PT1H</bpmn:timeCycle></bpmn:timerEventDefinition></bpmn:startEvent>
        <bpmn:startEvent id="s2"><bpmn:messageEventDefinition messageRef="m"/></bpmn:startEvent>
        <bpmn:laneSet id="lanes"><bpmn:lane id="lane"/></bpmn:laneSet>
        <bpmn:subProcess id="sub">
        <bpmn:startEvent id="s3"/>
        <bpmn:parallelGateway id="fork"/>
        <bpmn:parallelGateway id="join"/>
        <bpmn:task id="a"/>
        <bpmn:boundaryEvent id="ca" attachedToRef="a"><bpmn:compensateEventDefinition/></bpmn:boundaryEvent>
        <bpmn:task id="undo" isForCompensation="true"/>
        <bpmn:association id="as" sourceRef="ca" targetRef="undo"/>
        <bpmn:task id="b"/>
        <bpmn:endEvent id="e3"/>
        s3 > fork
        fork > a
        fork > b
        a > join
        b > join
        join > e3
        </bpmn:subProcess>
        <bpmn:boundaryEvent id="b1" attachedToRef="sub"><bpmn:errorEventDefinition/></bpmn:boundaryEvent>
        <bpmn:boundaryEvent id="b2" attachedToRef="sub" cancelActivity="false"><bpmn:timerEventDefinition><bpmn:timeCycle>R/PT5M</bpmn:timeCycle></bpmn:timerEventDefinition></bpmn:boundaryEvent>
        <bpmn:boundaryEvent id="b3" attachedToRef="sub"><bpmn:timerEventDefinition><bpmn:timeDate>=due</bpmn:timeDate></bpmn:timerEventDefinition></bpmn:boundaryEvent>
        <bpmn:intermediateThrowEvent id="back"><bpmn:compensateEventDefinition activityRef="sub"/></bpmn:intermediateThrowEvent>
        <bpmn:endEvent id="e"><bpmn:compensateEventDefinition/></bpmn:endEvent>
        s > sub
        s2 > sub
        b1 > back
        sub > e"#,
        r#"<bpmn:message id="m" name="go"/>"#,
        expect![[r#"
            s: start by Some(3) times every PT1H -> sub
            s2: start by message go None -> sub
            sub: sub from s3 -> e
            sub/s3: start -> fork
            sub/fork: and -> a, b
            sub/join: and -> e3
            sub/a: pass undone by undo -> join
            sub/ca: compensation of a
            sub/undo: pass
            sub/b: pass -> join
            sub/e3: end
            b1: interrupts sub on error None -> back
            b2: beside sub on None times every PT5M
            b3: interrupts sub on date =due
            back: undo Some("sub")
            e: end undoing None
        "#]],
    );
}

#[test]
fn inclusive_gateways_links_and_signals_compile() {
    check_full(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:startEvent id="s2"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:startEvent>
        <bpmn:inclusiveGateway id="split" default="split_b"/>
        <bpmn:task id="a"/>
        <bpmn:intermediateCatchEvent id="b"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:intermediateCatchEvent>
        <bpmn:intermediateThrowEvent id="throw"><bpmn:linkEventDefinition name="on"/></bpmn:intermediateThrowEvent>
        <bpmn:intermediateCatchEvent id="caught"><bpmn:linkEventDefinition name="on"/></bpmn:intermediateCatchEvent>
        <bpmn:inclusiveGateway id="join"/>
        <bpmn:intermediateCatchEvent id="c"><bpmn:conditionalEventDefinition><bpmn:condition>=n &gt; 5</bpmn:condition></bpmn:conditionalEventDefinition></bpmn:intermediateCatchEvent>
        <bpmn:intermediateThrowEvent id="t"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:intermediateThrowEvent>
        <bpmn:endEvent id="e"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:endEvent>
        s > split
        s2 > split
        <bpmn:sequenceFlow id="sa" sourceRef="split" targetRef="a"><bpmn:conditionExpression>=x</bpmn:conditionExpression></bpmn:sequenceFlow>
        split > b
        a > join
        b > throw
        caught > join
        join > c
        c > t
        t > e"#,
        r#"<bpmn:signal id="sig" name="now"/>"#,
        expect![[r#"
            s: start -> split
            s2: start by signal now -> split
            split: or default Some("split_b") reached from [["s"], ["s2"]] -> a if =x, b
            a: pass -> join
            b: wait for signal now -> throw
            throw: link to caught
            caught: pass -> join
            join: or default None reached from [["s", "s2", "split", "a"], ["s", "s2", "split", "b", "throw", "caught"]] -> c
            c: wait for condition =n > 5 -> t
            t: signal now -> e
            e: end with signal now
        "#]],
    );
}

#[test]
fn event_sub_processes_escalations_and_transactions_compile() {
    check_full(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:transaction id="tx">
        <bpmn:startEvent id="s2"/>
        <bpmn:intermediateThrowEvent id="esc"><bpmn:escalationEventDefinition escalationRef="late"/></bpmn:intermediateThrowEvent>
        <bpmn:endEvent id="e2"><bpmn:cancelEventDefinition/></bpmn:endEvent>
        <bpmn:subProcess id="event" triggeredByEvent="true">
        <bpmn:startEvent id="s3" isInterrupting="false"><bpmn:timerEventDefinition><bpmn:timeCycle>R/PT5M</bpmn:timeCycle></bpmn:timerEventDefinition></bpmn:startEvent>
        <bpmn:endEvent id="e3"><bpmn:escalationEventDefinition escalationRef="late"/></bpmn:endEvent>
        s3 > e3
        </bpmn:subProcess>
        s2 > esc
        esc > e2
        </bpmn:transaction>
        <bpmn:boundaryEvent id="b1" attachedToRef="tx"><bpmn:cancelEventDefinition/></bpmn:boundaryEvent>
        <bpmn:boundaryEvent id="b2" attachedToRef="tx" cancelActivity="false"><bpmn:escalationEventDefinition escalationRef="late"/></bpmn:boundaryEvent>
        <bpmn:subProcess id="any" triggeredByEvent="true"><bpmn:startEvent id="s4"><bpmn:escalationEventDefinition/></bpmn:startEvent></bpmn:subProcess>
        s > tx"#,
        r#"<bpmn:escalation id="late" escalationCode="LATE"/>"#,
        expect![[r#"
            s: start -> tx
            tx: transaction from s2
            tx/s2: start -> esc
            tx/esc: escalate LATE -> e2
            tx/e2: end cancelling
            tx/event: from s3, beside on None times every PT5M
            event/s3: start -> e3
            event/e3: end with escalation LATE
            b1: interrupts tx on cancel
            b2: beside tx on escalation Some("LATE")
            any: from s4, interrupts on escalation None
            any/s4: start
        "#]],
    );
}

#[test]
fn events_that_cannot_come_or_go_anywhere_are_refused() {
    check_full(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:subProcess id="e1" triggeredByEvent="true"><bpmn:startEvent id="x1"/></bpmn:subProcess>
        <bpmn:subProcess id="e2" triggeredByEvent="true"><bpmn:startEvent id="x2"><bpmn:errorEventDefinition errorRef="err"/></bpmn:startEvent></bpmn:subProcess>
        <bpmn:subProcess id="e3" triggeredByEvent="true"><bpmn:startEvent id="x3"><bpmn:errorEventDefinition errorRef="err"/></bpmn:startEvent></bpmn:subProcess>
        <bpmn:subProcess id="e4" triggeredByEvent="true"><bpmn:startEvent id="x4"><bpmn:compensateEventDefinition/></bpmn:startEvent></bpmn:subProcess>
        <bpmn:boundaryEvent id="b1" attachedToRef="e2"><bpmn:errorEventDefinition/></bpmn:boundaryEvent>
        <bpmn:task id="t"/>
        <bpmn:boundaryEvent id="b2" attachedToRef="t"><bpmn:cancelEventDefinition/></bpmn:boundaryEvent>
        <bpmn:intermediateThrowEvent id="l1"><bpmn:linkEventDefinition name="nowhere"/></bpmn:intermediateThrowEvent>
        <bpmn:intermediateCatchEvent id="l2"><bpmn:linkEventDefinition name="here"/></bpmn:intermediateCatchEvent>
        <bpmn:intermediateThrowEvent id="l3"><bpmn:linkEventDefinition name="here"/></bpmn:intermediateThrowEvent>
        <bpmn:intermediateThrowEvent id="n1"><bpmn:signalEventDefinition/></bpmn:intermediateThrowEvent>
        <bpmn:intermediateThrowEvent id="n2"><bpmn:signalEventDefinition signalRef="sig"/></bpmn:intermediateThrowEvent>
        <bpmn:intermediateThrowEvent id="n3"><bpmn:escalationEventDefinition/></bpmn:intermediateThrowEvent>
        <bpmn:intermediateCatchEvent id="n4"><bpmn:conditionalEventDefinition/></bpmn:intermediateCatchEvent>
        <bpmn:endEvent id="can"><bpmn:cancelEventDefinition/></bpmn:endEvent>
        <bpmn:endEvent id="err_end"><bpmn:errorEventDefinition errorRef="other"/></bpmn:endEvent>
        s > e2
        s > l2
        l3 > t"#,
        r#"<bpmn:error id="err" errorCode="E"/><bpmn:error id="other" errorCode="O"/><bpmn:signal id="sig"/>"#,
        expect![[r#"
            bpmn.invalid at 5:50 (x1): `startEvent` `x1` starts an event sub-process, but says by nothing when [event-start]
            bpmn.invalid at 6:1 (e2): `subProcess` `e2` begins by an event, so no flow may lead to it or from it [event-flow]
            bpmn.invalid at 7:1 (e3): `subProcess` `e3` catches what another event at the same place catches too [error-twice]
            bpmn.unsupported at 8:50 (x4): the form `compensation` of `startEvent` `x4` is not supported
            bpmn.invalid at 9:1 (b1): `boundaryEvent` `b1` is attached to something that is no activity [boundary-host]
            bpmn.invalid at 11:1 (b2): `boundaryEvent` `b2` waits for the cancellation of a transaction, so it has to stand at one and interrupt it [cancel-boundary]
            bpmn.invalid at 12:1 (l1): `intermediateThrowEvent` `l1` throws a link that not exactly one event of its scope catches [link-target]
            bpmn.invalid at 13:1 (l2): `intermediateCatchEvent` `l2` catches a link, so no flow may lead to it [link-flow]
            bpmn.invalid at 14:1 (l3): `intermediateThrowEvent` `l3` throws a link, so no flow may lead from it [link-flow]
            bpmn.invalid at 15:1 (n1): `intermediateThrowEvent` `n1` names no signal by `signalRef` [signal-missing]
            bpmn.invalid at 16:1 (n2): `intermediateThrowEvent` `n2` is about a signal that has no name [signal-name]
            bpmn.invalid at 17:1 (n3): `intermediateThrowEvent` `n3` throws an escalation but names none by `escalationRef` [escalation-code]
            bpmn.invalid at 18:1 (n4): `intermediateCatchEvent` `n4` waits for a condition but has none [condition-empty]
            bpmn.invalid at 19:1 (can): `endEvent` `can` cancels a transaction, but does not stand directly in one [cancel-scope]
            bpmn.invalid at 20:1 (err_end): `endEvent` `err_end` throws an error that nothing around it catches [error-uncaught]
        "#]],
    );
}

#[test]
fn what_does_not_run_is_refused() {
    check(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:complexGateway id="cg"/>
        <bpmn:callActivity id="ca"/>
        <bpmn:adHocSubProcess id="ah"/>
        <bpmn:task id="t"><bpmn:multiInstanceLoopCharacteristics/></bpmn:task>
        <bpmn:task id="t2"><bpmn:standardLoopCharacteristics/></bpmn:task>
        <bpmn:intermediateCatchEvent id="two"><bpmn:messageEventDefinition/><bpmn:timerEventDefinition/></bpmn:intermediateCatchEvent>
        <bpmn:intermediateThrowEvent id="tt"><bpmn:timerEventDefinition/></bpmn:intermediateThrowEvent>
        <bpmn:serviceTask id="li"><bpmn:extensionElements><zeebe:executionListeners/><zeebe:taskDefinition type="x"/></bpmn:extensionElements></bpmn:serviceTask>
        <bpmn:userTask id="cu"><bpmn:extensionElements><zeebe:assignmentDefinition candidateUsers="a,b"/></bpmn:extensionElements></bpmn:userTask>
        <bpmn:task id="df" default="x"/>
        s > cg
        cg > t"#,
        expect![[r#"
            bpmn.unsupported at 5:1 (cg): `complexGateway` `cg` is not supported
            bpmn.unsupported at 6:1 (ca): `callActivity` `ca` is not supported
            bpmn.unsupported at 7:1 (ah): `adHocSubProcess` `ah` is not supported
            bpmn.unsupported at 8:19 (t): `multiInstanceLoopCharacteristics` of `task` `t` is not supported
            bpmn.unsupported at 9:20 (t2): `standardLoopCharacteristics` of `task` `t2` is not supported
            bpmn.unsupported at 10:1 (two): more than one event definition on `two` is not supported
            bpmn.unsupported at 11:1 (tt): the form `timer` of `intermediateThrowEvent` `tt` is not supported
            bpmn.unsupported at 12:51 (li): `executionListeners` of `serviceTask` `li` is not supported
            bpmn.unsupported at 13:1 (cu): `candidateUsers` of `cu` is not supported
            bpmn.unsupported at 14:1 (df): a default flow of `df` is not supported
        "#]],
    );
}

#[test]
fn broken_rules_are_named() {
    check_full(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:startEvent id="s2"/>
        <bpmn:task id="s2"/>
        <bpmn:serviceTask id="none"/>
        <bpmn:serviceTask id="call"><bpmn:extensionElements><zeebe:taskDefinition type="craton:append"/></bpmn:extensionElements></bpmn:serviceTask>
        <bpmn:businessRuleTask id="rule"/>
        <bpmn:scriptTask id="script"><bpmn:extensionElements><zeebe:script expression="=1 +" resultVariable="n"/></bpmn:extensionElements></bpmn:scriptTask>
        <bpmn:receiveTask id="r1"/>
        <bpmn:receiveTask id="r2" messageRef="m1"/>
        <bpmn:receiveTask id="r3" messageRef="m2"/>
        <bpmn:receiveTask id="r4" messageRef="m3"/>
        <bpmn:intermediateCatchEvent id="t1"><bpmn:timerEventDefinition/></bpmn:intermediateCatchEvent>
        <bpmn:intermediateCatchEvent id="t2"><bpmn:timerEventDefinition><bpmn:timeDuration>soon</bpmn:timeDuration></bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>
        <bpmn:intermediateCatchEvent id="t3"><bpmn:timerEventDefinition><bpmn:timeCycle>R/PT1H</bpmn:timeCycle></bpmn:timerEventDefinition></bpmn:intermediateCatchEvent>
        <bpmn:boundaryEvent id="b1"><bpmn:messageEventDefinition messageRef="m3"/></bpmn:boundaryEvent>
        <bpmn:boundaryEvent id="b2" attachedToRef="s"><bpmn:errorEventDefinition/></bpmn:boundaryEvent>
        <bpmn:boundaryEvent id="b3" attachedToRef="rule" cancelActivity="false"><bpmn:errorEventDefinition/></bpmn:boundaryEvent>
        <bpmn:boundaryEvent id="b4" attachedToRef="rule"><bpmn:compensateEventDefinition/></bpmn:boundaryEvent>
        <bpmn:exclusiveGateway id="x" default="nowhere"/>
        <bpmn:eventBasedGateway id="first"/>
        <bpmn:endEvent id="e"><bpmn:errorEventDefinition/></bpmn:endEvent>
        <bpmn:task id="map"><bpmn:extensionElements><zeebe:ioMapping><zeebe:input source="=for i in 1..5 return i" target="a"/><zeebe:input source="=now()" target="b"/><zeebe:input source="=1" target="a b"/></zeebe:ioMapping></bpmn:extensionElements></bpmn:task>
        <bpmn:sequenceFlow id="f" sourceRef="s" targetRef="gone"/>
        <bpmn:sequenceFlow id="g" sourceRef="s" targetRef="map"><bpmn:conditionExpression>=true</bpmn:conditionExpression></bpmn:sequenceFlow>
        x > map
        x > e
        first > map
        e > map
        map > s"#,
        r#"<bpmn:message id="m1"/><bpmn:message id="m2" name="a"/>"#,
        expect![[r#"
            bpmn.invalid at 5:1 (s2): `startEvent` `s2` is the second start event without trigger [start-twice]
            bpmn.invalid at 6:1 (s2): `task` `s2` has an id that another element has too [id-twice]
            bpmn.invalid at 7:1 (none): `serviceTask` `none` has no `zeebe:taskDefinition`, so nothing says what it does [task-definition]
            bpmn.invalid at 8:1 (call): `serviceTask` `call` has the type `craton:append`, but an operation is written `craton:KIND.VERB` [call-operation]
            bpmn.invalid at 8:1 (call): `serviceTask` `call` makes a call but has no task header `resource` [call-resource]
            bpmn.invalid at 9:1 (rule): `businessRuleTask` `rule` has no `zeebe:calledDecision` or `zeebe:taskDefinition`, so nothing says what it does [task-definition]
            feel.syntax at 10:1 (script): `scriptTask` `script`: `1 +` is no valid FEEL expression: syntax error
            bpmn.invalid at 11:1 (r1): `receiveTask` `r1` waits for a message but names none by `messageRef` [message-missing]
            bpmn.invalid at 12:1 (r2): `receiveTask` `r2` waits for a message that has no name [message-name]
            bpmn.invalid at 13:1 (r3): `receiveTask` `r3` waits for the message `a`, which has no `zeebe:subscription correlationKey` [correlation-key]
            bpmn.invalid at 14:1 (r4): `receiveTask` `r4` has the `messageRef` `m3`, which is no message [reference-unknown]
            bpmn.invalid at 15:1 (t1): `intermediateCatchEvent` `t1` needs one of `timeDate`, `timeDuration` and `timeCycle` [timer-missing]
            bpmn.invalid at 16:1 (t2): `intermediateCatchEvent` `t2` has the time `soon`; write it as PT5M [timer-value]
            bpmn.invalid at 17:1 (t3): `intermediateCatchEvent` `t3` repeats, but only start events and boundary events that do not interrupt can [timer-cycle]
            bpmn.invalid at 18:1 (b1): `boundaryEvent` `b1` has the `messageRef` `m3`, which is no message [reference-unknown]
            bpmn.invalid at 19:1 (b2): `boundaryEvent` `b2` is attached to something that is no activity [boundary-host]
            bpmn.invalid at 20:1 (b3): `boundaryEvent` `b3` catches an error, so it has to interrupt [error-interrupts]
            bpmn.invalid at 21:1 (b4): `boundaryEvent` `b4` has no association to an activity for compensation [compensation-handler]
            bpmn.invalid at 22:1 (x): `exclusiveGateway` `x` has the default flow `nowhere`, which does not begin at it [default-unknown]
            bpmn.invalid at 24:1 (e): `endEvent` `e` throws an error but names none by `errorRef` [error-code]
            bpmn.invalid at 24:1 (e): `endEvent` `e` has a flow out of it [end-outgoing]
            feel.unbounded at 25:1 (map): `task` `map`: the FEEL expression `for i in 1..5 return i` is not sure to end soon: it loops over a range of numbers or dates
            feel.wall_clock at 25:1 (map): `task` `map`: the FEEL expression `now()` calls `now()`, which is not the same when it runs again
            bpmn.invalid at 25:1 (map): `task` `map` has a mapping to `a b`, which is no name of a variable [mapping-target]
            bpmn.invalid at 25:1 (map): `task` `map` stands behind an event-based gateway but does not wait for an event [event-gateway]
            bpmn.invalid at 26:1 (f): `sequenceFlow` `f` has the `targetRef` `gone`, which is no element of the process [reference-unknown]
            bpmn.unsupported at 27:1 (g): `sequenceFlow` `g` has a condition but does not begin at an exclusive gateway; that is not supported [conditional-flow]
            bpmn.invalid at 28:1 (x_map): `sequenceFlow` `x_map` has no condition and is not the default of its gateway [condition-missing]
            bpmn.invalid at 29:1 (x_e): `sequenceFlow` `x_e` has no condition and is not the default of its gateway [condition-missing]
        "#]],
    );
}

#[test]
fn graphs_that_cannot_work_are_refused() {
    check(
        r#"<bpmn:task id="t"/>"#,
        expect![[r#"
            bpmn.invalid at 3:1 (p): `process` `p` has no start event [start-missing]
        "#]],
    );
    check(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:task id="t"/>
        <bpmn:task id="lost"/>
        <bpmn:task id="lost2"/>
        s > t
        lost > lost2
        lost2 > lost"#,
        expect![[r#"
            bpmn.invalid at 6:1 (lost): `task` `lost` cannot be reached from a start event [unreachable]
            bpmn.endless at 6:1 (lost): `task` `lost` stands in a circle that never waits and that no exclusive gateway leaves [endless]
            bpmn.invalid at 7:1 (lost2): `task` `lost2` cannot be reached from a start event [unreachable]
        "#]],
    );
    check(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:task id="a"/>
        <bpmn:task id="b"/>
        s > a
        a > b
        b > a"#,
        expect![[r#"
            bpmn.endless at 5:1 (a): `task` `a` stands in a circle that never waits and that no exclusive gateway leaves [endless]
        "#]],
    );
    check(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:exclusiveGateway id="a" default="a_b"/>
        <bpmn:task id="b"/>
        <bpmn:endEvent id="e"/>
        s > a
        <bpmn:sequenceFlow id="ae" sourceRef="a" targetRef="e"><bpmn:conditionExpression>=done</bpmn:conditionExpression></bpmn:sequenceFlow>
        a > b
        b > a"#,
        expect![[r#"
            s: start -> a
            a: xor default Some("a_b") -> e if =done, b
            b: pass -> a
            e: end
        "#]],
    );
    check(
        r#"<bpmn:startEvent id="s"/>
        <bpmn:subProcess id="sub"><bpmn:task id="inner"/></bpmn:subProcess>
        s > sub
        s > inner"#,
        expect![[r#"
            bpmn.invalid at 5:1 (sub): `subProcess` `sub` has no start event [start-missing]
            bpmn.invalid at 7:1 (s_inner): `sequenceFlow` `s_inner` crosses the border of a sub-process [flow-scope]
        "#]],
    );
}

#[test]
fn foreign_and_hostile_xml_is_refused() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let entities = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
    let attributes: String = (0..1_000).map(|n| format!(" a{n}=\"\"")).collect();
    let wide = format!("<a>{}</a>", "<b/>".repeat(200_000));
    let long = format!("<a>{}</a>", "x".repeat(5_000_000));
    let parts = format!("<a>{}</a>", "<![CDATA[x]]>".repeat(100_000));
    let many = document(&"<bpmn:task id=\"x\"/>".repeat(6_000), "");
    for (name, source, expected) in [
        (
            "empty",
            "",
            "bpmn.malformed at 1:1: it is no XML: the document does not have a root node",
        ),
        ("text", "hello", "bpmn.malformed at 1:1: it is no XML: unknown token"),
        ("open", "<a>", "bpmn.malformed at"),
        (
            "other",
            "<a/>",
            "bpmn.invalid at 1:1: `a` is not `definitions` of BPMN 2.0 [definitions]",
        ),
        (
            "deep",
            &deep,
            "bpmn.too_large at : the model is too large: more than 64 elements inside one another",
        ),
        ("entities", entities, "bpmn.malformed at 1:1: a document type is not allowed"),
        (
            "attributes",
            &format!("<a{attributes}/>"),
            "bpmn.too_large at : the model is too large: more than 64 attributes of one element",
        ),
        ("wide", &wide, "bpmn.too_large at : the model is too large: more than 100000 elements"),
        (
            "long",
            &long,
            "bpmn.too_large at : the model is too large: 5000007 bytes, the limit is 4194304",
        ),
        (
            "parts",
            &parts,
            "bpmn.too_large at : the model is too large: more than 1000 CDATA sections",
        ),
        ("many", &many, "bpmn.invalid at"),
    ] {
        let problem = parse(source, None).expect_err(name);
        let shown = format!(
            "{} at {}: {}",
            problem.code,
            problem.place.clone().unwrap_or_default(),
            problem.message
        );
        assert!(shown.starts_with(expected), "{name}: {shown}");
    }
}

#[test]
fn the_process_is_chosen_by_its_id() {
    let process = |id: &str, executable: bool| {
        format!(
            "<bpmn:process id=\"{id}\" isExecutable=\"{executable}\"><bpmn:startEvent id=\"s{id}\"/></bpmn:process>"
        )
    };
    let both = |first: bool, second: bool| {
        let source = document("", "").replace(
            "<bpmn:process id=\"p\" isExecutable=\"true\">\n\n</bpmn:process>",
            &[process("one", first), process("two", second)].concat(),
        );
        move |id: Option<&str>| {
            parse(&source, id).map(|graph| graph.id).map_err(|problem| problem.message)
        }
    };
    assert_eq!(both(true, true)(Some("two")), Ok("two".into()));
    assert_eq!(both(false, true)(None), Ok("two".into()));
    assert_eq!(both(true, true)(None), Err("`definitions` `d` has several processes; say which by `process_id` [process-ambiguous]".into()));
    assert_eq!(
        both(true, true)(Some("twoo")),
        Err("`definitions` `d` has no process `twoo`; the nearest is `two` [process-unknown]"
            .into())
    );
}
