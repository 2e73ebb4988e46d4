use super::*;
use base::Explain;
use serde_json::{Map, Value, json};

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn document(inside: &str) -> String {
    format!(
        "<definitions xmlns=\"https://www.omg.org/spec/DMN/20191111/MODEL/\" id=\"d\" name=\"shop\" namespace=\"urn:shop\">\n{inside}\n</definitions>"
    )
}

/// A decision over inputs, with its logic.
fn decision(id: &str, name: &str, inputs: &[(&str, &str)], logic: &str) -> String {
    let mut text = String::new();
    let mut requirements = String::new();
    for (index, (input, kind)) in inputs.iter().enumerate() {
        text.push_str(&format!("<inputData id=\"{id}{index}\" name=\"{input}\"><variable name=\"{input}\" typeRef=\"{kind}\"/></inputData>\n"));
        requirements.push_str(&format!("<informationRequirement id=\"r{id}{index}\"><requiredInput href=\"#{id}{index}\"/></informationRequirement>"));
    }
    format!(
        "{text}<decision id=\"{id}\" name=\"{name}\"><variable name=\"{name}\"/>{requirements}{logic}</decision>\n"
    )
}

fn literal(feel: &str) -> String {
    format!("<literalExpression><text>{feel}</text></literalExpression>")
}

fn table(outputs: &[&str], rules: &[(&str, &[&str])]) -> String {
    let mut text = String::from(
        "<decisionTable id=\"t\" hitPolicy=\"FIRST\"><input id=\"i\"><inputExpression><text>amount</text></inputExpression></input>",
    );
    for output in outputs {
        text.push_str(&format!("<output id=\"o{output}\" name=\"{output}\"/>"));
    }
    for (index, (test, values)) in rules.iter().enumerate() {
        text.push_str(&format!(
            "<rule id=\"rule{index}\"><inputEntry><text>{test}</text></inputEntry>"
        ));
        for value in *values {
            text.push_str(&format!("<outputEntry><text>{value}</text></outputEntry>"));
        }
        text.push_str("</rule>");
    }
    text + "</decisionTable>"
}

fn run(source: &str, decision: &str, input: Value) -> String {
    let outcome = Model::parse(source).and_then(|model| model.evaluate(decision, &map(input)));
    match outcome {
        Ok(value) => value.to_string(),
        Err(error) => format!("{}: {error}", error.code().0),
    }
}

#[test]
fn tables_and_expressions_decide() {
    let one = document(&decision(
        "discount",
        "Discount",
        &[("amount", "number")],
        &table(&["rate"], &[("&gt; 100", &["0.1"]), ("-", &["0"])]),
    ));
    assert_eq!(run(&one, "discount", json!({"amount": 129.9})), "0.1");
    assert_eq!(run(&one, "Discount", json!({"amount": 5})), "0");
    let two = document(&decision(
        "d",
        "D",
        &[("amount", "number")],
        &table(&["rate", "who"], &[("&gt; 100", &["0.1", "\"boss\""])]),
    ));
    assert_eq!(run(&two, "d", json!({"amount": 129.9})), "{\"rate\":0.1,\"who\":\"boss\"}");
    assert_eq!(run(&two, "d", json!({"amount": 1})), "null");
    let sum = document(&decision(
        "d",
        "D",
        &[("Monthly Salary", "number"), ("taxRate", "number")],
        &literal("Monthly Salary * taxRate"),
    ));
    assert_eq!(run(&sum, "d", json!({"Monthly Salary": 1000, "taxRate": 0.3})), "300");
    let date =
        document(&decision("d", "D", &[("due", "date")], &literal("due + duration(\"P1D\")")));
    assert_eq!(run(&date, "d", json!({"due": "2018-10-17"})), "\"2018-10-18\"");
}

#[test]
fn types_may_have_the_names_of_feel() {
    let types = "<itemDefinition name=\"Stay\">\
        <itemComponent name=\"from\"><typeRef>\n date and time\n</typeRef></itemComponent>\
        <itemComponent name=\"length\"><typeRef>days and time duration</typeRef></itemComponent>\
        </itemDefinition>";
    let logic = "[stay.from.year, stay.length.hours, notice.months, \"date and time\"]";
    let inputs = [("stay", "Stay"), ("notice", "years and months duration")];
    let made = decision("d", "D", &inputs, &literal(logic));
    let source = document(&format!("{types}{made}"));
    let input = json!({
        "stay": {"from": "2018-10-17T10:00:00Z", "length": "PT36H"}, "notice": "P1Y2M",
    });
    assert_eq!(run(&source, "d", input), "[2018,12,2,\"date and time\"]");
    // What is declared holds.
    let late = document(&decision("d", "D", &[("at", "date and time")], &literal("at.year")));
    assert!(run(&late, "d", json!({"at": true})).starts_with("dmn.failed"));
    // A type of the model's own goes first.
    let own = "<itemDefinition name=\"date and time\"><typeRef>string</typeRef></itemDefinition>";
    let shout = decision("d", "D", &[("at", "date and time")], &literal("upper case(at)"));
    assert_eq!(run(&document(&format!("{own}{shout}")), "d", json!({"at": "soon"})), "\"SOON\"");
}

#[test]
fn where_no_type_is_declared_a_literal_is_a_date_and_text_is_text() {
    let untyped = |logic: &str| document(&decision("d", "D", &[("when", "Any")], &literal(logic)));
    let year = untyped("day of year(when)");
    assert_eq!(run(&year, "d", json!({"when": "@\"1970-02-01\""})), "32");
    assert_eq!(run(&year, "d", json!({"when": "@\"1970-02-01T10:10:10\""})), "32");
    assert!(run(&year, "d", json!({"when": "1970-02-01"})).starts_with("dmn.failed"));
    let length = untyped("string length(when)");
    assert_eq!(run(&length, "d", json!({"when": "1970-02-01"})), "10");
    assert_eq!(run(&length, "d", json!({"when": "@\"soon\""})), "7");
    let inside = untyped("month of year(when[2].at)");
    assert_eq!(run(&inside, "d", json!({"when": [1, {"at": "@\"1970-02-01\""}]})), "\"February\"");
    // Where a date is declared, both forms are one; where text is declared, it stays text.
    let date = document(&decision("d", "D", &[("day", "date")], &literal("day.month")));
    for day in ["1970-02-01", "@\"1970-02-01\""] {
        assert_eq!(run(&date, "d", json!({"day": day})), "2", "{day}");
    }
    let text = document(&decision("d", "D", &[("day", "string")], &literal("string length(day)")));
    assert_eq!(run(&text, "d", json!({"day": "@\"1970-02-01\""})), "13");
}

#[test]
fn the_open_end_of_a_range_is_null() {
    for (feel, expected) in [
        ("(&lt;10).start", "null"),
        ("(&lt;=10).start", "null"),
        ("(&gt;10).end", "null"),
        ("(&gt;=10).end", "null"),
        ("(&lt;=10).end", "10"),
        ("(&gt;=10).start included", "true"),
        ("(&gt;=10).end included", "false"),
    ] {
        let source = document(&decision("d", "D", &[], &literal(feel)));
        assert_eq!(run(&source, "d", json!({})), expected, "{feel}");
    }
    let source = document(&decision("d", "D", &[], &literal("(&lt;10).year")));
    assert!(run(&source, "d", json!({})).starts_with("dmn.failed: "), "no property of a range");
}

#[test]
fn what_only_compares_is_bounded_and_nothing_else() {
    let is_bounded = |logic: &str| {
        let inputs = [("amount", "Any"), ("x", "Any")];
        let source = document(&decision("d", "D", &inputs, logic));
        Model::parse(&source).unwrap_or_else(|error| panic!("{logic}: {error}")).is_bounded(1_000)
    };
    for test in [
        "&gt; 100",
        "-",
        "[1..5]",
        "(1..5)",
        "]1..5[",
        "not(1, 2)",
        "\"a (b) + c\"",
        "1, 2",
        "&gt;= x",
    ] {
        assert!(is_bounded(&table(&["a"], &[(test, &["\"yes\""])])), "{test}");
    }
    for feel in ["x.y", "if x &gt; 1 then \"a\" else \"b\"", "x - 1", "x in [1..3]"] {
        let is_plain = !feel.contains('[');
        assert_eq!(is_bounded(&literal(feel)), is_plain, "{feel}");
    }
    let hostile = [
        "(replace)(x, \".\", x)",
        "(string join)(x)",
        "(sort)(x, function(a, b) a &lt; b)",
        "((replace))(x, \".\", x)",
        "x + x",
        "(x) + (x)",
        "x ** x",
        "x[item &gt; 1]",
        "{f: replace}.f(x, \".\", x)",
        "for a in x return a",
        "some a in x satisfies a = 1",
        "count(x)",
        "not(count(x) &gt; 1)",
    ];
    for feel in hostile {
        assert!(!is_bounded(&literal(feel)), "{feel}");
    }
    let boxed = "<every iteratorVariable=\"a\"><in><literalExpression><text>x</text></literalExpression></in><satisfies><literalExpression><text>true</text></literalExpression></satisfies></every>";
    let source = document(&decision("d", "D", &[("x", "Any")], boxed));
    assert!(Model::parse(&source).map_or(true, |model| !model.is_bounded(1_000)), "boxed every");
    // Many texts times long variables are too much for a commit.
    let plain =
        document(&decision("d", "D", &[("amount", "number")], &table(&["a"], &[("-", &["1"])])));
    let model = Model::parse(&plain).expect("a model");
    assert!(model.is_bounded(1_000) && !model.is_bounded(100 << 20));
}

#[test]
fn the_wall_clock_is_found_however_it_is_called() {
    for feel in ["now()", "(now)()", "((today))()", "{f: now}.f()", "today"] {
        let source = document(&decision("d", "D", &[("x", "Any")], &literal(feel)));
        let error = Model::parse(&source).expect_err(feel);
        assert_eq!(error.code().0, "feel.wall_clock", "{feel}");
    }
    let named = document(&decision("d", "D", &[("today", "date")], &literal("today")));
    assert_eq!(run(&named, "d", json!({"today": "2018-10-17"})), "\"2018-10-17\"");
}

#[test]
fn names_are_listed_and_unknown_ones_suggested() {
    let source = document(
        &[
            decision("first", "The first", &[], &literal("1")),
            decision("second", "The second", &[], &literal("2")),
        ]
        .concat(),
    );
    let model = Model::parse(&source).expect("a model");
    let names: Vec<_> =
        model.decisions().iter().map(|name| (name.id.as_str(), name.name.as_str())).collect();
    assert_eq!(names, [("first", "The first"), ("second", "The second")]);
    let error = model.evaluate("secnd", &Map::new()).expect_err("unknown");
    assert_eq!(
        (error.code().0, error.hint()),
        ("dmn.unknown", Some("did you mean `second`?".into()))
    );
}

#[test]
fn what_fails_says_why() {
    let source = document(&decision("d", "D", &[("a", "Any")], &literal("a * 2")));
    assert!(
        run(&source, "d", json!({"a": "x"})).starts_with("dmn.failed: the decision `d` failed: ")
    );
    let source = document(&decision("d", "D", &[("a", "number")], &literal("a * 2")));
    assert!(
        run(&source, "d", json!({"a": "x"})).starts_with("dmn.failed"),
        "{}",
        run(&source, "d", json!({"a": "x"}))
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let required = |id: &str, other: &str| {
        format!(
            "<decision id=\"{id}\" name=\"{id}\"><variable name=\"{id}\"/><informationRequirement id=\"r{id}\"><requiredDecision href=\"#{other}\"/></informationRequirement>{}</decision>",
            literal(other)
        )
    };
    let chain: String =
        (0..200).map(|n| required(&format!("c{n}"), &format!("c{}", n + 1))).collect();
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    for (source, expected) in [
        ("<a/>".to_string(), "dmn.malformed: it is no DMN: the first element is not `definitions`"),
        ("<definitions/>".to_string(), "dmn.malformed: no supported namespace found"),
        (document(&decision("d", "D", &[], &literal("1 +"))), "dmn.malformed: syntax error"),
        (document(&decision("d", "D", &[], &literal("now()"))), "feel.wall_clock"),
        (document(&decision("d", "D", &[], &literal(&deep))), "feel.too_large"),
        (
            document(
                &[decision("d", "D", &[], &literal("1")), decision("d", "E", &[], &literal("1"))]
                    .concat(),
            ),
            "dmn.malformed: two decisions have the id `d`",
        ),
        (
            document(&[required("a", "b"), required("b", "a")].concat()),
            "dmn.malformed: `a` requires itself, by itself or through others",
        ),
        (document(&chain), "dmn.too_large: more than 64 decisions require one another in a row"),
        (document("<import name=\"x\" namespace=\"y\" importType=\"z\"/>"), "dmn.unsupported"),
        (
            format!("<definitions>{}", "<a>".repeat(100_000)),
            "dmn.too_large: the model is too large: more than 64 elements inside one another",
        ),
        ("<!DOCTYPE a><a/>".to_string(), "dmn.malformed: a document type is not allowed"),
    ] {
        let shown = run(&source, "d", json!({}));
        assert!(shown.starts_with(expected), "{expected}: {shown}");
    }
}

/// Returns a table over `amount` whose rules are a test and an output each.
fn ruled(hit_policy: &str, values: &str, rules: &[(&str, &str)]) -> String {
    let mut text = format!(
        "<decisionTable id=\"t\" hitPolicy=\"{hit_policy}\"><input id=\"i\"><inputExpression><text>amount</text></inputExpression></input><output id=\"o\" name=\"o\">{values}</output>"
    );
    for (index, (test, value)) in (1..).zip(rules) {
        let rule = format!(
            "<rule id=\"r{index}\"><inputEntry><text>{test}</text></inputEntry><outputEntry><text>{value}</text></outputEntry></rule>"
        );
        text.push_str(&rule);
    }
    text + "</decisionTable>"
}

/// Returns which rules fired of each table, as `decision: rules`.
fn fired(source: &str, decision: &str, input: Value) -> Vec<String> {
    let model = Model::parse(source).expect("a model");
    let tables = model.fired(decision, &map(input), false);
    let shown = tables.into_iter().map(|table| {
        let rules = table.rules.map(|rules| {
            let named = rules.into_iter().map(|rule| {
                assert_eq!(rule.id, Some(format!("r{}", rule.number)));
                rule.number.to_string()
            });
            named.collect::<Vec<_>>().join(" ")
        });
        format!("{}: {}", table.decision, rules.unwrap_or_else(|| "?".into()))
    });
    shown.collect()
}

#[test]
fn the_rules_that_fired_follow_from_the_hit_policy() {
    let rules = [("&gt; 10", "\"a\""), ("&gt; 20", "\"b\""), ("&gt; 30", "\"c\"")];
    let order = "<outputValues><text>\"c\",\"b\",\"a\"</text></outputValues>";
    for (hit_policy, values, amount, expected) in [
        ("FIRST", "", 25, "1"),
        ("UNIQUE", "", 15, "1"),
        ("UNIQUE", "", 25, "1 2"),
        ("COLLECT", "", 25, "1 2"),
        ("RULE ORDER", "", 35, "1 2 3"),
        ("PRIORITY", order, 25, "2"),
        ("PRIORITY", order, 35, "3"),
        ("FIRST", "", 5, ""),
        ("COLLECT", "", 5, ""),
    ] {
        let table = ruled(hit_policy, values, &rules);
        let source = document(&decision("d", "D", &[("amount", "number")], &table));
        let told = fired(&source, "d", json!({"amount": amount}));
        assert_eq!(told, [format!("d: {expected}")], "{hit_policy} of {amount}");
    }
}

#[test]
fn the_tables_behind_a_decision_are_told_before_it() {
    let rate = ruled("UNIQUE", "", &[("&lt;= 10", "1"), ("&gt; 10", "2")]);
    let last = "<informationRequirement id=\"rq\"><requiredDecision href=\"#rate\"/></informationRequirement><decisionTable id=\"lt\" hitPolicy=\"FIRST\"><input id=\"li\"><inputExpression><text>rate</text></inputExpression></input><output id=\"lo\"/><rule id=\"r1\"><inputEntry><text>2</text></inputEntry><outputEntry><text>\"high\"</text></outputEntry></rule><rule id=\"r2\"><inputEntry><text>-</text></inputEntry><outputEntry><text>\"low\"</text></outputEntry></rule></decisionTable>";
    let other = decision("other", "other", &[], &literal("1"));
    let both = [
        decision("rate", "rate", &[("amount", "number")], &rate),
        format!("<decision id=\"last\" name=\"last\"><variable name=\"last\"/>{last}</decision>"),
        other,
    ]
    .concat();
    let source = document(&both);
    assert_eq!(fired(&source, "last", json!({"amount": 11})), ["rate: 2", "last: 1"]);
    assert_eq!(fired(&source, "last", json!({"amount": 1})), ["rate: 1", "last: 2"]);
    assert_eq!(fired(&source, "rate", json!({"amount": 1})), ["rate: 1"]);
    assert!(fired(&source, "other", json!({})).is_empty());
    let model = Model::parse(&source).expect("a model");
    let explained = model.explain("last", &map(json!({"amount": 11})), true).expect("it is there");
    assert_eq!(explained.value, Ok(json!("high")));
    let values: Vec<_> = explained.tables.into_iter().map(|table| table.value).collect();
    assert_eq!(values, [Some(json!(2)), Some(json!("high"))]);
}

#[test]
fn a_decision_without_a_value_still_tells_which_rules_match() {
    let table = ruled("UNIQUE", "", &[("&gt; 10", "1"), ("&gt; 20", "2")]);
    let source = document(&decision("d", "D", &[("amount", "number")], &table));
    let model = Model::parse(&source).expect("a model");
    let explained = model.explain("d", &map(json!({"amount": 30})), true).expect("it is there");
    assert_eq!(explained.value.expect_err("two rules").code().0, "dmn.failed");
    assert_eq!(explained.tables[0].rules.as_ref().map(Vec::len), Some(2));
    assert!(model.explain("none", &Map::new(), true).is_err());
}

#[test]
fn prefixes_and_several_outputs_do_not_hide_the_rules() {
    let two = document(&decision(
        "d",
        "D",
        &[("amount", "number")],
        &table(&["rate", "who"], &[("&gt; 100", &["0.1", "\"boss\""]), ("-", &["0", "\"me\""])]),
    ));
    let model = Model::parse(&two).expect("a model");
    let told = model.fired("d", &map(json!({"amount": 1})), false);
    let rules = told[0].rules.as_ref().expect("rules");
    assert_eq!((rules[0].number, rules[0].id.as_deref()), (2, Some("rule1")));
    let prefixed = two
        .replace("</", "</dmn:")
        .replace('<', "<dmn:")
        .replace("<dmn:/dmn:", "</dmn:")
        .replace("xmlns=", "xmlns:dmn=")
        .replace("<dmn:?", "<?");
    let model = Model::parse(&prefixed).expect("a model with a prefix");
    let told = model.fired("d", &map(json!({"amount": 101})), false);
    assert_eq!(told[0].rules.as_ref().map(|rules| rules[0].number), Some(1));
}
