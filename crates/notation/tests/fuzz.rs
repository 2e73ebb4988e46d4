//! Seeded mutation of sample texts: whatever comes in, an answer comes out, soon and without a panic.

use base::{Entropy, Explain, SeededEntropy, Time};
use notation::{bpmn, dmn, feel};
use serde_json::{Map, Value, json};

const FEEL: &[&str] = &[
    "amount > 1000 and status = \"gold\"",
    "sum(for i in order.items return i.price * i.qty)",
    "if x in [1..10] then {a: 1, b: a + 1} else list[item > 2]",
    "some i in list satisfies i = 2 or every j in list satisfies j < 3",
    "date and time(_now) + duration(\"P1DT2H\") - @\"2018-10-17T10:00:00Z\"",
    "substring(string: \"a\\u00e4\\n\", start position: 1) + string(-1.5e3)",
    "replace(status, \"[a-z]+\", \"$0\") in (\"gold\", null, true)",
    "x between 1 and 2 ** 3 // end",
    "order instance of context<a: number>",
    "function(a: number, b) a + b",
    "{f: function(x) x * 2, r: f(4)}.r",
    "decimal(1/3, 2) != round up(2.5, 0)",
    "range(\"[1..5]\") = [1..5]",
];

const BPMN: &str = r#"<?xml version="1.0"?>
<b:definitions xmlns:b="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" id="d">
<b:message id="m" name="paid"><b:extensionElements><zeebe:subscription correlationKey="=id"/></b:extensionElements></b:message>
<b:error id="err" errorCode="E"/>
<b:process id="p" isExecutable="true"><b:startEvent id="s"/>
<b:serviceTask id="j"><b:extensionElements><zeebe:taskDefinition type="x"/><zeebe:ioMapping><zeebe:input source="=a.b" target="c"/></zeebe:ioMapping></b:extensionElements></b:serviceTask>
<b:boundaryEvent id="t" attachedToRef="j" cancelActivity="false"><b:timerEventDefinition><b:timeCycle>R2/PT1H</b:timeCycle></b:timerEventDefinition></b:boundaryEvent>
<b:boundaryEvent id="c" attachedToRef="j"><b:compensateEventDefinition/></b:boundaryEvent><b:task id="u" isForCompensation="true"/><b:association id="as" sourceRef="c" targetRef="u"/>
<b:subProcess id="sub"><b:startEvent id="s2"/><b:receiveTask id="r" messageRef="m"/><b:endEvent id="e3"><b:errorEventDefinition errorRef="err"/></b:endEvent>
<b:sequenceFlow id="f5" sourceRef="s2" targetRef="r"/><b:sequenceFlow id="f7" sourceRef="r" targetRef="e3"/></b:subProcess>
<b:boundaryEvent id="k" attachedToRef="sub"><b:errorEventDefinition errorRef="err"/></b:boundaryEvent><b:sequenceFlow id="f8" sourceRef="k" targetRef="e2"/>
<b:exclusiveGateway id="x" default="f3"/><b:endEvent id="e"/><b:endEvent id="e2"/>
<b:sequenceFlow id="f1" sourceRef="s" targetRef="j"/><b:sequenceFlow id="f2" sourceRef="j" targetRef="x"/><b:sequenceFlow id="f3" sourceRef="x" targetRef="sub"/>
<b:sequenceFlow id="f4" sourceRef="x" targetRef="e"><b:conditionExpression>=a &gt; 1</b:conditionExpression></b:sequenceFlow>
<b:sequenceFlow id="f6" sourceRef="sub" targetRef="e2"/></b:process></b:definitions>"#;

const DMN: &str = r##"<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="shop" namespace="urn:shop">
<inputData id="i1" name="amount"><variable name="amount" typeRef="number"/></inputData>
<decision id="d1" name="D"><variable name="D"/><informationRequirement id="r"><requiredInput href="#i1"/></informationRequirement>
<decisionTable id="t" hitPolicy="COLLECT" aggregation="SUM"><input id="i"><inputExpression><text>amount</text></inputExpression></input><output id="o" name="rate"/>
<rule id="r1"><inputEntry><text>&gt; 100</text></inputEntry><outputEntry><text>0.1</text></outputEntry></rule>
<rule id="r2"><inputEntry><text>[1..50],77</text></inputEntry><outputEntry><text>0.2 * amount</text></outputEntry></rule></decisionTable></decision>
<decision id="d2" name="E"><variable name="E"/><informationRequirement id="r3"><requiredDecision href="#d1"/></informationRequirement><literalExpression><text>D + 1</text></literalExpression></decision>
</definitions>"##;

struct Random(SeededEntropy);

impl Random {
    fn below(&self, limit: usize) -> usize {
        usize::try_from(self.0.number() % limit.max(1) as u64).unwrap_or(0)
    }
}

/// Changes a text at a few places: pieces are dropped, doubled, moved, or replaced by something that hurts.
fn mutate(random: &Random, text: &str, pieces: &[&str]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(characters.len() + 1);
        let end = (at + random.below(8)).min(characters.len());
        match random.below(5) {
            0 => drop(characters.drain(at..end)),
            1 => {
                let copy: Vec<char> = characters[at..end].to_vec();
                let to = random.below(characters.len() + 1);
                drop(characters.splice(to..to, copy));
            }
            2 => drop(characters.splice(at..end, pieces[random.below(pieces.len())].chars())),
            3 => drop(characters.splice(at..at, pieces[random.below(pieces.len())].chars())),
            _ => {
                let letter =
                    char::from_u32(u32::try_from(random.below(0x300)).unwrap_or(63)).unwrap_or('?');
                characters.insert(at, letter);
            }
        }
    }
    characters.into_iter().collect()
}

fn variables() -> Map<String, Value> {
    let value = json!({"amount": 12.5, "status": "gold", "x": 3, "list": [1, 2, 3], "a": null,
        "order": {"items": [{"price": 1, "qty": 2}, {"price": 0.1, "qty": 3}]}});
    value.as_object().cloned().unwrap_or_default()
}

/// Fails where one answer takes longer than three seconds.
fn within_three_seconds(text: &str, run: impl FnOnce()) {
    #[expect(clippy::disallowed_methods, reason = "a test of the time taken")]
    let start = std::time::Instant::now();
    run();
    let taken = start.elapsed();
    assert!(taken.as_millis() < 3_000, "{taken:?} for {text}");
}

#[test]
fn feel_answers_whatever_comes() {
    let random = Random(SeededEntropy::new(7));
    let pieces = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\\u",
        "\\uD83D",
        "..",
        "**",
        "-",
        "for i in ",
        " in ",
        "return ",
        "item",
        "partial",
        "null",
        "1e999",
        "@\"",
        "P999999999Y",
        "function(",
        ".",
        ":",
        ",",
        "99999999999999999999999999999999999999999",
        "date(",
        "list",
        "if ",
        "/*",
        "?",
    ];
    let variables = variables();
    let mut answers = [0; 2];
    for turn in 0..20_000 {
        let text = mutate(&random, FEEL[turn % FEEL.len()], &pieces);
        within_three_seconds(&text, || {
            if let Ok(expression) = feel::Expression::compile_feel(&text) {
                let outcome = expression.evaluate(&variables, Time(1_539_797_420_000));
                answers[usize::from(outcome.is_ok())] += 1;
                if let Err(error) = outcome {
                    assert!(!error.to_string().contains("broke down"), "a panic inside: {text}");
                }
            }
            let _ = feel::check(&text);
        });
    }
    assert!(
        answers.iter().all(|count| 100 < *count),
        "too few texts compile to say anything: {answers:?}"
    );
}

#[test]
fn bpmn_answers_whatever_comes() {
    let random = Random(SeededEntropy::new(11));
    let pieces = [
        "<b:task id=\"j\"/>",
        "</b:process>",
        "<b:subProcess id=\"n\">",
        "</b:subProcess>",
        "\"",
        "<!--",
        "]]>",
        "&amp;",
        "&x;",
        "<![CDATA[",
        "b:",
        "sourceRef=\"s\"",
        "targetRef=\"c\"",
        "attachedToRef=\"c\"",
        "x",
        "default=\"f2\"",
        "<b:compensateEventDefinition activityRef=\"u\"/>",
        "isForCompensation=\"true\"",
    ];
    let mut good = 0;
    for _ in 0..5_000 {
        let text = mutate(&random, BPMN, &pieces);
        within_three_seconds(&text, || match bpmn::parse(&text, None) {
            Ok(_) => good += 1,
            Err(problem) => assert!(
                problem.code.starts_with("bpmn.") || problem.code.starts_with("feel."),
                "{problem:?}"
            ),
        });
    }
    assert!(100 < good, "too few texts compile to say anything: {good}");
}

#[test]
fn dmn_answers_whatever_comes() {
    let random = Random(SeededEntropy::new(13));
    let pieces = [
        "<text>",
        "</text>",
        "href=\"#d2\"",
        "href=\"#i1\"",
        "href=\"\"",
        "#",
        "-",
        "UNIQUE",
        "OUTPUT ORDER",
        "MAX",
        "<list/>",
        "<context/>",
        "(",
        "not(",
        "typeRef=\"x\"",
        "name=\"\"",
        "<rule id=\"q\"/>",
        "\"",
        "&gt;",
    ];
    let mut good = 0;
    for _ in 0..3_000 {
        let text = mutate(&random, DMN, &pieces);
        within_three_seconds(&text, || match dmn::Model::parse(&text) {
            Ok(model) => {
                good += 1;
                for name in model.decisions() {
                    let _ = model.evaluate(&name.id, &variables());
                }
            }
            Err(error) => assert!(
                error.code().0.starts_with("dmn.") || error.code().0.starts_with("feel."),
                "{error:?}"
            ),
        });
    }
    assert!(100 < good, "too few texts compile to say anything: {good}");
}
