use super::*;
use crate::Error;
use base::{Explain, Time};
use serde_json::{Map, Value, json};

const NOON: Time = Time(1_539_797_420_000);

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn run(text: &str, variables: Value) -> Result<Value, Error> {
    Expression::compile_feel(text)?.evaluate(&map(variables), NOON)
}

fn show(outcome: Result<Value, Error>) -> String {
    match outcome {
        Ok(value) => value.to_string(),
        Err(error) => format!("{}: {error}", error.code().0),
    }
}

fn code(outcome: Result<Value, Error>) -> &'static str {
    outcome.map_or_else(|error| error.code().0, |_| "ok")
}

#[test]
fn what_expressions_give() {
    let variables = json!({
        "amount": 129.9, "status": "gold", "flag": true, "x": 7, "y": 2, "list": [1, 2, 3], "günstig": 1, "order_id": "o-1",
        "order": {"id": "o1", "items": [{"price": 5, "qty": 2}, {"price": 10, "qty": 1}], "count": 9, "two words": 2}
    });
    for (text, expected) in [
        ("amount > 1000", "false"),
        ("=amount>100 and status=\"gold\"", "true"),
        ("0.1+0.2", "0.3"),
        ("0.1 + 0.2 = 0.3", "true"),
        ("amount*1.2+5", "160.88"),
        ("x-y", "5"),
        ("x - y", "5"),
        ("x-1", "6"),
        ("x/y", "3.5"),
        ("x*y", "14"),
        ("x**y", "49"),
        ("x--y", "9"),
        ("günstig+x", "8"),
        ("if x>5 then\"big\"else \"small\"", "\"big\""),
        ("if(x > 5)then(1)else(2)", "1"),
        ("if x > 5\nthen 1\nelse 2", "1"),
        ("order.items.price", "[5,10]"),
        ("sum(order.items.price)", "15"),
        ("sum(for i in order.items return i.price*i.qty)", "20"),
        ("order.items[price > 5].qty", "[1]"),
        ("order.items[1].price", "5"),
        ("count(list[item >= 2])", "2"),
        ("count(list) < order.count", "true"),
        ("some i in list satisfies i > 2", "true"),
        ("every i in list satisfies i > 2", "false"),
        ("{a: 1, b: a + 1}", "{\"a\":1,\"b\":2}"),
        ("{\"order id\": order_id, n: x}", "{\"n\":7,\"order id\":\"o-1\"}"),
        ("list[1]", "1"),
        ("list[-1]", "3"),
        ("list[9]", "null"),
        ("missing", "null"),
        ("missing = null", "true"),
        ("missing != null and x > 1", "false"),
        ("order.nothing", "null"),
        ("order.nothing.more", "null"),
        ("get value(order, \"two words\")", "2"),
        ("_now", "\"2018-10-17T17:30:20Z\""),
        ("date and time(_now) + duration(\"P1D\")", "\"2018-10-18T17:30:20Z\""),
        ("date(date and time(_now))", "\"2018-10-17\""),
        ("date(\"2018-10-17\").year", "2018"),
        ("date and time(_now).time offset", "\"PT0S\""),
        ("string length(status) - x", "-3"),
        ("x - string length(status)", "3"),
        ("upper case(status)", "\"GOLD\""),
        ("substring(string: status, start position: 2)", "\"old\""),
        ("x in [1..10]", "true"),
        ("x in (1..7)", "false"),
        ("x in (1,7)", "true"),
        ("x between 1 and 10", "true"),
        ("not(flag)", "false"),
        ("decimal(1/3, 2)", "0.33"),
        ("1/3", "\"0.3333333333333333333333333333333333\""),
        ("9007199254740993", "9007199254740993"),
        ("1e3", "1000"),
        ("\"a\" + \"b\" // comment", "\"ab\""),
        ("status /* c */ + \"!\"", "\"gold!\""),
        ("-x", "-7"),
        ("duration(\"PT90M\")", "\"PT1H30M\""),
        ("\"\\uD83D\\uDE00\"", "\"😀\""),
        ("split(\"a,b\", \",\")", "[\"a\",\"b\"]"),
        ("replace(status, \"o\", \"0\")", "\"g0ld\""),
        ("matches(order_id, \"^o.[0-9]+$\")", "true"),
        ("get value(order, \"id\")", "\"o1\""),
        ("@\"2018-10-17\"", "\"2018-10-17\""),
        ("string(x) + status", "\"7gold\""),
        ("concatenate(list, [4])", "[1,2,3,4]"),
    ] {
        assert_eq!(show(run(text, variables.clone())), expected, "{text}");
    }
}

#[test]
fn what_expressions_refuse() {
    let cases = [
        ("", "feel.syntax: `` is no valid FEEL expression: it is empty"),
        ("1 +", "feel.syntax: `1 +` is no valid FEEL expression: syntax error"),
        ("a b", "feel.syntax: `a b` is no valid FEEL expression: syntax error"),
        ("\"open", "feel.syntax: `\"open` is no valid FEEL expression: a string does not end"),
        (
            "\"\\uD800\"",
            "feel.syntax: `\"\\uD800\"` is no valid FEEL expression: half a surrogate pair in a string",
        ),
        (
            "\"\\uDC00\"",
            "feel.syntax: `\"\\uDC00\"` is no valid FEEL expression: a string does not end",
        ),
        (
            "date + date(\"2018-10-17\")",
            "feel.syntax: `date + date(\"2018-10-17\")` is no valid FEEL expression: `date` is a function and a variable at once",
        ),
        (
            "frobnicate(1)",
            "feel.syntax: `frobnicate(1)` is no valid FEEL expression: there is no function `frobnicate`",
        ),
        (
            "now()",
            "feel.wall_clock: the FEEL expression `now()` calls `now()`, which is not the same when it runs again",
        ),
        (
            "today() > date(\"2018-01-01\")",
            "feel.wall_clock: the FEEL expression `today() > date(\"2018-01-01\")` calls `today()`, which is not the same when it runs again",
        ),
        (
            "for i in 1..10000000000 return i",
            "feel.unbounded: the FEEL expression `for i in 1..10000000000 return i` is not sure to end soon: it loops over a range of numbers or dates",
        ),
        (
            "function(a) a + 1",
            "feel.unbounded: the FEEL expression `function(a) a + 1` is not sure to end soon: it defines a function",
        ),
        (
            "for i in a return for j in a return for k in a return 1",
            "feel.unbounded: the FEEL expression `for i in a return for j in a return for k in a return 1` is not sure to end soon: more than two loops stand in one another",
        ),
        (
            "for i in a, j in a, k in a return 1",
            "feel.unbounded: the FEEL expression `for i in a, j in a, k in a return 1` is not sure to end soon: more than two loops stand in one another",
        ),
        (
            "for i in a return partial",
            "feel.unbounded: the FEEL expression `for i in a return partial` is not sure to end soon: it uses `partial`, which may double with every turn",
        ),
        (
            "matches(a, b)",
            "feel.unbounded: the FEEL expression `matches(a, b)` is not sure to end soon: a pattern is not written out as a string",
        ),
        (
            "matches(a, \"(a{1000}){1000}\")",
            "feel.unbounded: the FEEL expression `matches(a, \"(a{1000}){1000}\")` is not sure to end soon: a pattern is long or repeats with `{`",
        ),
        (
            "{f: function(a) f(a)}.f(1)",
            "feel.unbounded: the FEEL expression `{f: function(a) f(a)}.f(1)` is not sure to end soon: it calls something that is no built-in function",
        ),
        ("1 / 0", "feel.failed: the FEEL expression `1 / 0` failed: division by zero"),
    ];
    for (text, expected) in cases {
        assert_eq!(show(run(text, json!({"a": [1]}))), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_calculated_is_an_error_and_says_why() {
    for (text, expected) in [
        (
            "a * 2",
            "feel.failed: the FEEL expression `a * 2` failed: unexpected value type in multiplication: string",
        ),
        (
            "a > 2",
            "feel.failed: the FEEL expression `a > 2` failed: the two values are of types that cannot be compared by size",
        ),
        (
            "missing > 2",
            "feel.failed: the FEEL expression `missing > 2` failed: the two values are of types that cannot be compared by size",
        ),
        ("[1, a - 1]", "feel.failed: the FEEL expression `[1, a - 1]` failed: incompatible types"),
        ("x / y", "feel.failed: the FEEL expression `x / y` failed: division by zero"),
    ] {
        let shown = show(run(text, json!({"a": "text", "x": 1, "y": 0})));
        assert!(shown.starts_with(expected), "{text}: {shown}");
    }
}

#[test]
fn text_without_an_equals_sign_is_itself() {
    let constant = Expression::compile("gold > 1").expect("a text");
    assert_eq!(constant.constant(), Some(&json!("gold > 1")));
    let feel = Expression::compile(" = 1 + 1").expect("an expression");
    assert_eq!(feel.constant(), Some(&json!(2)));
    assert_eq!(feel.text(), " = 1 + 1");
}

#[test]
fn deep_and_long_texts_are_refused_before_anything_recurses() {
    let deep = 100_000;
    for (text, expected) in [
        ("(".repeat(deep), "feel.too_large"),
        ("[".repeat(deep), "feel.too_large"),
        ("{a:".repeat(deep), "feel.too_large"),
        ("(".repeat(5_000), "feel.too_large"),
        (format!("{}1{}", "(".repeat(64), ")".repeat(64)), "ok"),
        (format!("{}1{}", "(".repeat(65), ")".repeat(65)), "feel.too_large"),
        ("-".repeat(8_000) + "1", "feel.too_large"),
        ("-".repeat(80) + "1", "ok"),
        ("1+".repeat(8_000) + "1", "feel.too_large"),
        ("if true then ".repeat(1_000), "feel.too_large"),
        (format!("x{}", ".a".repeat(400)), "feel.too_large"),
        (format!("x{}", "[1]".repeat(400)), "feel.too_large"),
        ("a-".repeat(8_000), "feel.too_large"),
        ("a ".repeat(8_000), "feel.too_large"),
        (format!("\"{}\"", "a".repeat(20_000)), "feel.too_large"),
        (format!("[{}1]", "1,".repeat(2_000)), "ok"),
        (format!("[{}1]", "1,".repeat(6_000)), "feel.too_large"),
    ] {
        assert_eq!(code(run(&text, json!({"x": 1}))), expected, "{}", &text[..20]);
        let unbounded = evaluate_unbounded(&text, &Map::new(), NOON)
            .map_or_else(|error| error.code().0, |_| "ok");
        assert_eq!(unbounded, expected, "{}", &text[..20]);
    }
}

/// Threads of a server have 2 MiB of stack; what is allowed has to fit into far less.
#[test]
fn the_deepest_allowed_text_fits_into_a_small_stack() {
    let texts = [
        format!("{}x{}", "(1+".repeat(45), ")".repeat(45)),
        format!("{}x{}", "[".repeat(60), "]".repeat(60)),
        format!("{}x{}", "{a:".repeat(40), "}".repeat(40)),
        format!("x{}", " + 1".repeat(40)),
        format!("{}1", "if x > 1 then 1 else ".repeat(40)),
    ];
    let run_all = move || {
        for text in texts {
            let outcome = run(&text, json!({"x": 1}));
            assert!(outcome.is_ok(), "{text}: {}", show(outcome));
        }
    };
    let thread =
        std::thread::Builder::new().stack_size(512 * 1024).spawn(run_all).expect("a thread");
    thread.join().expect("no overflow, no panic");
}

#[test]
fn what_grows_with_the_variables_is_weighed_before() {
    let doubling: Vec<String> = (1..40).map(|n| format!("a{n}: a{} + a{}", n - 1, n - 1)).collect();
    let doubling = format!("{{a0: s, {}}}", doubling.join(", "));
    let long: Vec<i32> = (0..3_000).collect();
    let short: Vec<i32> = (0..100).collect();
    for (text, variables, expected) in [
        (doubling.as_str(), json!({"s": "ab"}), "feel.unbounded"),
        ("for i in l return for j in l return i * j", json!({"l": long}), "feel.unbounded"),
        ("count(for i in l, j in l return 1)", json!({"l": (0..30).collect::<Vec<i32>>()}), "ok"),
        ("sum(for i in l return i * 2)", json!({"l": short}), "ok"),
        ("sum(l)", json!({"l": long}), "ok"),
        ("l[item > 5]", json!({"l": long}), "ok"),
        (
            "replace(replace(replace(s, \".\", \"$0$0\"), \".\", \"$0$0\"), \".\", \"$0$0\")",
            json!({"s": "a".repeat(5_000)}),
            "feel.unbounded",
        ),
        ("replace(s, \"a\", \"b\")", json!({"s": "a".repeat(500)}), "ok"),
        (
            "every i in l satisfies some j in l satisfies i = j",
            json!({"l": long}),
            "feel.unbounded",
        ),
        (
            "order.items[price > 5]",
            json!({"order": {"items": vec![json!({"price": 7, "name": "x", "n": 1}); 100]}}),
            "ok",
        ),
    ] {
        assert_eq!(code(run(text, variables)), expected, "{text}");
    }
}

/// What the limits let through must not hold up a step: the slowest texts and the largest lists that are allowed.
#[test]
fn the_slowest_that_is_allowed_is_soon_done() {
    let row = format!("{}x", "x-".repeat(60));
    let list = |length: usize| json!({"x": 1, "l": (0..length).collect::<Vec<_>>()});
    let rows: Vec<Value> =
        (0..300).map(|n| json!({"price": n, "name": "a name", "n": 1})).collect();
    let cases = [
        (row.as_str(), list(1)),
        ("sum(for i in l return i * 2)", list(650)),
        ("l[item > 5]", list(50_000)),
        ("count(for i in l, j in l return 1)", list(30)),
        ("every i in l satisfies some j in l satisfies i = j", list(180)),
        ("l[price > 5 and name = \"a name\"].n", json!({"l": rows})),
        ("count(distinct values(l))", list(900)),
        ("replace(s, \"(.)\", \"$1$1\")", json!({"s": "a".repeat(5_000)})),
    ];
    for (text, variables) in cases {
        #[expect(clippy::disallowed_methods, reason = "a measurement")]
        let start = std::time::Instant::now();
        let outcome = run(text, variables);
        let taken = start.elapsed();
        println!("{taken:>12?} {} {}", code(outcome), &text[..text.len().min(60)]);
        assert!(taken.as_millis() < 2_000, "{taken:?} for {text}");
    }
}

#[test]
fn any_feel_runs_unbounded() {
    let run =
        |text: &str| show(evaluate_unbounded(text, &map(json!({"n": 10, "l": [3, 1, 2]})), NOON));
    assert_eq!(run("sum(for i in 1..n return i)"), "55");
    assert_eq!(run("{f: function(a) a * 2, r: f(21)}.r"), "42");
    assert_eq!(run("sort(l, function(a, b) a < b)"), "[1,2,3]");
    assert_eq!(
        run("string(now())"),
        "feel.wall_clock: the FEEL expression `string(now())` calls `now()`, which is not the same when it runs again"
    );
    assert!(
        run("function(a) external {java: {class: \"x\", method signature: \"y\"}}")
            .starts_with("feel.unbounded")
    );
    assert!(check("= for i in 1..n return i").is_ok());
    assert!(check("1 +").is_err());
}

#[test]
fn json_goes_through_feel_and_back() {
    let expression = Expression::compile_feel("x").expect("a name");
    let mut values = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(0.1),
        json!(129.9),
        json!(1e-7),
        json!(1e21),
        json!(123_456_789.123_456),
        json!("ä\"\n"),
        json!([]),
        json!({}),
        json!([[{"a b": [1.5]}]]),
        json!({"": 1}),
    ];
    for cents in -2_000_i64..2_000 {
        let text = format!(
            "{}{}.{:02}",
            if cents < 0 { "-" } else { "" },
            cents.abs() / 100,
            cents.abs() % 100
        );
        values.push(serde_json::from_str(&text).expect("a number"));
    }
    for value in values {
        let variables = map(json!({"x": value}));
        let back = expression.evaluate(&variables, NOON).expect("a value");
        // 1.0 and 1 are the same number; it comes back as an integer.
        let same = back == value || back.as_f64().is_some() && back.as_f64() == value.as_f64();
        assert!(same, "{value} came back as {back}");
    }
}

#[test]
fn arithmetic_is_decimal() {
    let sum = Expression::compile_feel("a + b").expect("an expression");
    let product = Expression::compile_feel("a * b").expect("an expression");
    for a in (0..500_i64).step_by(7) {
        for b in (0..500_i64).step_by(13) {
            let number = |cents: i64| -> Value {
                serde_json::from_str(&format!("{}.{:02}", cents / 100, cents % 100))
                    .expect("a number")
            };
            let variables = map(json!({"a": number(a), "b": number(b)}));
            let added = sum
                .evaluate(&variables, NOON)
                .expect("a sum")
                .as_f64()
                .map(|value| (value * 100.0).round());
            assert_eq!(added, Some((a + b) as f64), "{a} + {b}");
            let got = product.evaluate(&variables, NOON).expect("a product").to_string();
            let exact = format!("{}.{:04}", a * b / 10_000, a * b % 10_000);
            let exact = exact.trim_end_matches('0').trim_end_matches('.');
            assert_eq!(got, exact, "{a} * {b}");
        }
    }
}

#[test]
fn an_expression_is_shared_by_threads() {
    fn shared<T: Send + Sync + std::fmt::Debug>() {}
    shared::<Expression>();
}

#[test]
fn a_condition_is_fast() {
    let expression =
        Expression::compile_feel("= amount > 1000 and status = \"gold\"").expect("a condition");
    let variables =
        map(json!({"amount": 1200.5, "status": "gold", "other": [1, 2, 3], "order": {"id": "x"}}));
    let turns = 20_000;
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let start = std::time::Instant::now();
    for _ in 0..turns {
        assert_eq!(expression.evaluate(&variables, NOON), Ok(json!(true)));
    }
    let each = start.elapsed() / turns;
    println!("a condition takes {each:?}");
    assert!(each.as_micros() < 100, "{each:?}");
}
