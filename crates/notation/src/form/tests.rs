//! What a form promises: what is refused when it is read, and what when it is filled.

use super::Form;
use base::{Problem, Time};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn shown(problem: &Problem) -> String {
    std::iter::once(problem)
        .chain(&problem.also)
        .map(|one| {
            let place = one.place.clone().unwrap_or_default();
            format!("{} at {place}: {}\n", one.code, one.message)
        })
        .collect()
}

fn form(components: &Value) -> String {
    serde_json::to_string_pretty(
        &json!({"type": "default", "id": "f", "schemaVersion": 16, "components": components}),
    )
    .expect("json")
}

fn refused(components: Value, expected: Expect) {
    let outcome = Form::parse(&form(&components));
    expected.assert_eq(&outcome.map_or_else(|problem| shown(&problem), |_| "reads\n".into()));
}

fn filled(components: &Value, known: Value, given: Value, expected: Expect) {
    let form =
        Form::parse(&form(components)).unwrap_or_else(|problem| panic!("{}", shown(&problem)));
    let map = |value: Value| value.as_object().cloned().unwrap_or_default();
    let now = Time::parse("2026-05-31T12:00:00Z").expect("a time");
    let outcome = form.check(&map(given), &map(known), now);
    expected.assert_eq(&outcome.map_or_else(|problem| shown(&problem), |()| "taken\n".into()));
}

#[test]
fn a_text_that_is_no_form_is_refused_with_its_place() {
    let parse =
        |text: &str| Form::parse(text).map_or_else(|problem| shown(&problem), |_| "reads".into());
    expect![[r#"
        form.malformed at 2:3: the form is no JSON: key must be a string at line 2 column 3
    "#]]
    .assert_eq(&parse("{\n  x"));
    expect![[r#"
        form.malformed at : the form has no list `components`
    "#]]
    .assert_eq(&parse("[]"));
    expect![[r#"
        form.malformed at /type: the form has the type `other`; form-js writes `default`
    "#]]
    .assert_eq(&parse(r#"{"type": "other", "components": []}"#));
    let long =
        format!(r#"{{"type": "default", "components": [], "x": "{}"}}"#, "x".repeat(600_000));
    assert!(parse(&long).starts_with("form.too_large"));
    let mut deep = json!([{"type": "textfield", "key": "x"}]);
    for _ in 0..30 {
        deep = json!([{"type": "group", "id": "g", "components": deep}]);
    }
    assert!(shown(&Form::parse(&form(&deep)).expect_err("too deep")).contains("[nesting]"));
    assert!(parse(&"[".repeat(500_000)).starts_with("form.malformed"));
    let many: Vec<Value> = (0..1_001)
        .map(|number| json!({"type": "textfield", "key": format!("k{number}")}))
        .collect();
    assert!(
        shown(&Form::parse(&form(&json!(many))).expect_err("too many")).contains("[components]")
    );
}

#[test]
fn what_cannot_be_checked_is_refused_by_name_and_place() {
    refused(
        json!([
            {"type": "iframe", "id": "a"},
            {"type": "textfeld", "id": "b", "key": "x"},
            {"type": "textfield", "id": "c"},
            {"type": "textfield", "id": "d", "key": "total"},
            {"type": "number", "id": "e", "key": "total", "validate": {"min": "few"}},
            {"type": "select", "id": "f", "key": "kind", "values": []},
            {"type": "radio", "id": "g", "key": "way", "values": [{"label": "A", "value": "a"}, {"label": "B", "value": "a"}]},
            {"type": "textfield", "id": "h", "key": "two words"},
            {"type": "textfield", "id": "i", "key": "ahead", "validate": {"pattern": "(?=x)"}},
            {"type": "textfield", "id": "j", "key": "cond", "conditional": {"hide": "=a >"}},
            {"type": "text", "id": "k", "text": "=a +"},
            {"type": "datetime", "id": "l", "key": "at", "subtype": "year"},
            {"type": "dynamiclist", "id": "m", "components": []},
        ]),
        expect![[r#"
            form.invalid at 8 (/components/0/type): `iframe` `a` has a type that is not supported [type]
            form.invalid at 12 (/components/1/type): `textfeld` `x` has a type that is not supported; did you mean `textfield`? [type]
            form.invalid at 17 (/components/2/key): `textfield` `c` has no key, so nothing says where its value goes [key]
            form.invalid at 26 (/components/4/key): `number` `total` puts its value where another does: `total` [key-twice]
            form.invalid at 26 (/components/4/validate/min): `number` `total` has a `min` that is no number [bound]
            form.invalid at 3 (/components/5/values): `select` `kind` has no options: neither `values` nor `valuesKey` nor `valuesExpression` [options]
            form.invalid at 40 (/components/6/values): `radio` `way` has the option `"a"` twice [option-twice]
            form.invalid at 55 (/components/7/key): `textfield` `two words` is named `two words`; a name has letters, digits and `_`, with dots between [key]
            form.invalid at 60 (/components/8/validate/pattern): `textfield` `ahead` has a pattern that cannot be checked: error: look-around, including look-ahead and look-behind, is not supported [pattern]
            form.invalid at 68 (/components/9/conditional/hide): `textfield` `cond` has an expression that is refused: `a >` is no valid FEEL expression: syntax error [expression]
            form.invalid at 76 (/components/10/text): `text` `k` has an expression that is refused: `a +` is no valid FEEL expression: syntax error [expression]
            form.invalid at 81 (/components/11/subtype): `datetime` `at` has the subtype `year`; there are date, time, datetime [type]
            form.invalid at 87 (/components/12/path): `dynamiclist` `m` has no path, so nothing says where its rows go [key]
        "#]],
    );
}

#[test]
fn a_group_and_a_list_have_scopes_of_their_own() {
    refused(
        json!([
            {"type": "group", "id": "g", "path": "address", "components": [{"type": "textfield", "id": "a", "key": "city"}]},
            {"type": "textfield", "id": "b", "key": "city"},
            {"type": "dynamiclist", "id": "l", "path": "lines", "components": [{"type": "textfield", "id": "c", "key": "city"}]},
            {"type": "image", "id": "i", "source": "=photo"}, {"type": "separator", "id": "s"}, {"type": "spacer", "id": "p"},
            {"type": "button", "id": "z", "action": "submit", "label": "Send"},
            {"type": "table", "id": "t", "dataSource": "=rows"}, {"type": "html", "id": "h", "content": "<b>x</b>"},
        ]),
        expect![[r#"
            reads
        "#]],
    );
    refused(
        json!([
            {"type": "textfield", "id": "a", "key": "address.city"},
            {"type": "textfield", "id": "b", "key": "address"},
        ]),
        expect![[r#"
            form.invalid at 13 (/components/1/key): `textfield` `address` puts its value where another does: `address` [key-twice]
        "#]],
    );
}

fn fields() -> Value {
    json!([
        {"type": "textfield", "key": "name", "label": "Name", "validate": {"required": true, "minLength": 2, "maxLength": 5}},
        {"type": "textfield", "key": "code", "label": "Code", "validate": {"pattern": "^[A-Z]{2}$"}},
        {"type": "textfield", "key": "mail", "label": "Mail", "validate": {"validationType": "email"}},
        {"type": "textfield", "key": "phone", "label": "Phone", "validate": {"validationType": "phone"}},
        {"type": "number", "key": "amount", "label": "Amount", "decimalDigits": 2, "validate": {"min": 1, "max": "=limit"}},
        {"type": "checkbox", "key": "sure", "label": "Sure", "validate": {"required": true}},
        {"type": "select", "key": "kind", "label": "Kind", "values": [{"label": "A", "value": "a"}, {"label": "B", "value": 2}]},
        {"type": "checklist", "key": "tags", "label": "Tags", "valuesKey": "all_tags"},
        {"type": "radio", "key": "lane", "label": "Lane", "valuesExpression": "=for x in lanes return x"},
        {"type": "datetime", "key": "day", "label": "Day", "disallowPassedDates": true},
        {"type": "datetime", "key": "hour", "label": "Hour", "subtype": "time"},
        {"type": "datetime", "key": "both", "label": "Both", "subtype": "datetime"},
        {"type": "filepicker", "key": "photo", "label": "Photo", "multiple": true},
    ])
}

fn known() -> Value {
    json!({"limit": 100, "all_tags": ["x", {"label": "Y", "value": "y"}], "lanes": ["l1", "l2"]})
}

#[test]
fn values_that_fit_are_taken() {
    filled(
        &fields(),
        known(),
        json!({
            "name": "Ana", "code": "DE", "mail": "ana@example.org", "phone": "+49 30 1234567", "amount": 99.5, "sure": true,
            "kind": 2.0, "tags": ["y"], "lane": "l2", "day": "2026-06-01", "hour": "17:30+02:00",
            "both": "2026-06-01T17:30", "photo": ["ab12"], "other": {"not": "asked for"},
        }),
        expect![[r#"
            taken
        "#]],
    );
    filled(
        &fields(),
        known(),
        json!({"name": "Ana", "sure": true, "code": "", "tags": [], "amount": null}),
        expect![[r#"
            taken
        "#]],
    );
}

#[test]
fn each_value_that_does_not_fit_is_told_beside_its_field() {
    filled(
        &fields(),
        known(),
        json!({
            "name": "A", "code": "d", "mail": "ana", "phone": "12", "amount": 100.123, "sure": false, "kind": "c",
            "tags": ["x", "z"], "lane": "l3", "day": "2026-05-01", "hour": "25:00", "both": "2026-06-01", "photo": 1,
        }),
        expect![[r#"
            form.invalid_value at /variables/name: `Name` must have at least 2 characters [min_length]
            form.invalid_value at /variables/code: `Code` must match the pattern `^[A-Z]{2}$` [pattern]
            form.invalid_value at /variables/mail: `Mail` must be an e-mail address [email]
            form.invalid_value at /variables/phone: `Phone` must be a telephone number with its country, as +49 30 123456 [phone]
            form.invalid_value at /variables/amount: `Amount` must be at most 100 [max]
            form.invalid_value at /variables/amount: `Amount` must have at most 2 decimal digits [digits]
            form.invalid_value at /variables/sure: `Sure` must be checked [required]
            form.invalid_value at /variables/kind: `Kind` must be one of its options [option]
            form.invalid_value at /variables/tags: `Tags` must have its options alone, each once at most [option]
            form.invalid_value at /variables/lane: `Lane` must be one of its options [option]
            form.invalid_value at /variables/day: `Day` must not be in the past [past]
            form.invalid_value at /variables/hour: `Hour` must be a time of day, as 17:30 [date]
            form.invalid_value at /variables/both: `Both` must be a date and a time, as 2026-05-31T17:30 [date]
            form.invalid_value at /variables/photo: `Photo` must be a list of files [type]
        "#]],
    );
    filled(
        &fields(),
        known(),
        json!({"name": 7, "amount": "8", "sure": "yes", "tags": "x"}),
        expect![[r#"
        form.invalid_value at /variables/name: `Name` must be text [type]
        form.invalid_value at /variables/amount: `Amount` must be a number [type]
        form.invalid_value at /variables/sure: `Sure` must be true or false [type]
        form.invalid_value at /variables/tags: `Tags` must be a list of its options [type]
    "#]],
    );
    filled(
        &fields(),
        known(),
        json!({}),
        expect![[r#"
        form.invalid_value at /variables/name: `Name` is required [required]
        form.invalid_value at /variables/sure: `Sure` is required [required]
    "#]],
    );
}

#[test]
fn options_are_those_that_the_unit_knows_not_those_that_are_sent_along() {
    let components = json!([{"type": "select", "key": "kind", "valuesKey": "kinds"}]);
    filled(
        &components,
        json!({"kinds": ["a"]}),
        json!({"kind": "b", "kinds": ["b"]}),
        expect![[r#"
        form.invalid_value at /variables/kind: `kind` must be one of its options [option]
    "#]],
    );
    filled(
        &components,
        json!({}),
        json!({"kind": "b"}),
        expect![[r#"
        form.invalid_value at /variables/kind: `kind` must be one of its options [option]
    "#]],
    );
}

#[test]
fn what_is_hidden_or_fixed_is_not_asked_for() {
    let components = json!([
        {"type": "checkbox", "key": "refund"},
        {"type": "group", "conditional": {"hide": "=refund != true"}, "components": [
            {"type": "number", "key": "amount", "validate": {"required": true, "max": 10}},
        ]},
        {"type": "textfield", "key": "fixed", "readonly": true, "validate": {"required": true}},
    ]);
    filled(
        &components,
        json!({}),
        json!({"refund": false}),
        expect![[r#"
        taken
    "#]],
    );
    filled(
        &components,
        json!({}),
        json!({"refund": true}),
        expect![[r#"
        form.invalid_value at /variables/amount: `amount` is required [required]
    "#]],
    );
    filled(
        &components,
        json!({}),
        json!({"refund": false, "amount": 11}),
        expect![[r#"
        form.invalid_value at /variables/amount: `amount` must be at most 10 [max]
    "#]],
    );
    filled(
        &components,
        json!({"refund": true}),
        json!({}),
        expect![[r#"
        form.invalid_value at /variables/amount: `amount` is required [required]
    "#]],
    );
}

#[test]
fn rows_of_a_list_are_checked_one_by_one() {
    let components = json!([{"type": "dynamiclist", "path": "order.lines", "components": [
        {"type": "textfield", "key": "item", "label": "Item", "validate": {"required": true}},
        {"type": "number", "key": "count", "label": "Count", "validate": {"min": 1}, "conditional": {"hide": "=item = \"none\""}},
        {"type": "number", "key": "last", "label": "Last", "validate": {"required": true}, "conditional": {"hide": "=i < 3"}},
    ]}]);
    let lines = json!([{"item": "a", "count": 1}, {"count": 0}, {"item": "c"}, 7]);
    filled(
        &components,
        json!({}),
        json!({"order": {"lines": lines}}),
        expect![[r#"
        form.invalid_value at /variables/order/lines/1/item: `Item` is required [required]
        form.invalid_value at /variables/order/lines/1/count: `Count` must be at least 1 [min]
        form.invalid_value at /variables/order/lines/2/last: `Last` is required [required]
        form.invalid_value at /variables/order/lines/3: `order.lines` must be a row with fields [type]
    "#]],
    );
    let many: Vec<Value> = (0..501).map(|_| json!({"item": "a"})).collect();
    filled(
        &components,
        json!({}),
        json!({"order": {"lines": many}}),
        expect![[r#"
        form.invalid_value at /variables/order/lines: `order.lines` must have at most 500 rows [rows]
    "#]],
    );
}
