//! Screens: what is refused at apply, with its place, and whom they are shown to.

use crate::world::{World, code, manifest};
use expect_test::{Expect, expect};
use kernel::Engine as _;
use serde_json::{Value, json};

fn screen(name: &str, spec: Value) -> Value {
    manifest("Screen", name, spec)
}

/// Returns a spec with these parts.
fn of_parts(parts: Value) -> Value {
    json!({
        "title": {"en": "Orders", "zh": "订单"},
        "menu": "Orders",
        "parameters": [{"name": "order", "label": {"en": "Order", "zh": "订单"}}],
        "parts": parts,
    })
}

/// Applies a screen beside a screen `order` with the parameter `order`; says what came out.
fn applied(spec: Value) -> String {
    let mut world = World::new();
    let order =
        json!({"title": "Order", "parameters": [{"name": "order"}], "parts": [{"text": "-"}]});
    let result = world.apply(json!([screen("orders", spec), screen("order", order)]));
    let Err(problem) = result else { return "applied".into() };
    let said = |problem: &base::Problem| {
        let place = problem.place.clone().and_then(|place| place.pointer).unwrap_or_default();
        let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{} {place}: {}{hint}\n", problem.code, problem.message)
    };
    let all: String = std::iter::once(&problem).chain(&problem.also).map(said).collect();
    all.trim_end().to_owned()
}

fn check(parts: Value, expected: Expect) {
    expected.assert_eq(&applied(of_parts(parts)));
}

fn whole() -> Value {
    json!([
        {"text": {"en": "All orders.", "zh": "所有订单。"}, "width": "half"},
        {"kpi": {"name": "on-time"}, "width": "third", "title": "On time"},
        {"list": {
            "query": "orders",
            "columns": [
                {"name": "order_id", "label": {"en": "Order"}, "format": "code",
                 "link": {"screen": "order", "parameters": {"order": "$order_id"}}},
                {"name": "value", "format": "money"},
            ],
            "search": ["order_id"],
            "actions": [{
                "label": "Tell", "operation": "process.publish", "resource": "process/claim",
                "parameters": {"message": "told", "correlation_key": "$order_id",
                    "variables": {"price": "$$5", "order": "$order"}},
                "form": "claim", "confirm": true,
            }, {
                "label": "Signal", "operation": "signal.publish", "parameters": {"name": "x"},
            }],
        }},
        {"detail": {"query": "order", "parameters": {"id": "$order"}, "fields": [{"name": "task"}],
            "actions": [{"label": "Done", "operation": "task.complete", "resource": "task/$task"}]}},
        {"chart": {"query": "order", "parameters": {"id": "x", "days": 3}, "kind": "bar", "x": "day", "y": ["orders"], "series": "status"}},
        {"form": {"operation": "process.start", "resource": "process/claim", "form": "claim", "values": {"order": "$order"}}},
        {"list": {"query": "orders", "actions": [
            {"label": "Note", "operation": "stream.append", "resource": "stream/$any", "parameters": {"row": {"id": "$whatever"}}},
        ]}},
    ])
}

#[test]
fn a_screen_with_every_part_is_applied() {
    check(whole(), expect!["applied"]);
}

#[test]
fn an_unknown_field_is_refused_where_it_stands() {
    check(
        json!([{"text": "x"}, {"list": {"query": "orders", "columns": [{"name": "a"}, {"name": "b", "fromat": "money"}]}}]),
        expect![[r#"
            screen.invalid /spec/parts/1/list/columns/1: screen `orders`: unknown field `fromat`, expected one of `name`, `label`, `format`, `link` (did you mean `format`?)"#]],
    );
    check(
        json!([{"chart": {"query": "orders", "kind": "bars", "x": "a", "y": ["b"]}}]),
        expect![[r#"
            screen.invalid /spec/parts/0/chart: screen `orders`: unknown variant `bars`, expected one of `line`, `area`, `bar`, `pie`, `funnel` (did you mean `bar`?)"#]],
    );
    check(
        json!([{"txt": "x"}]),
        expect![[r#"
            screen.invalid /spec/parts/0: screen `orders`: unknown field `txt`, expected one of `title`, `width`, `text`, `kpi`, `list`, `detail`, `chart`, `form` (did you mean `text`?)"#]],
    );
    let mut spec = of_parts(json!([{"text": "x"}]));
    spec["tilte"] = json!("x");
    expect![[r#"
        screen.invalid /spec: screen `orders`: unknown field `tilte`, expected one of `title`, `application`, `menu`, `order`, `on`, `roles`, `parameters`, `parts` (did you mean `title`?)"#]]
    .assert_eq(&applied(spec));
}

#[test]
fn every_name_must_exist() {
    check(
        json!([
            {"kpi": {"name": "on_time"}},
            {"list": {"query": "order_s", "columns": [{"name": "a", "link": {"screen": "ordr"}}]}},
            {"form": {"operation": "process.start", "resource": "process/clam", "form": "clam"}},
        ]),
        expect![[r#"
            screen.unknown /spec/parts/0/kpi/name: screen `orders`: there is no kpi `on_time` (did you mean `on-time`?)
            screen.unknown /spec/parts/1/list/query: screen `orders`: there is no query `order_s` (did you mean `orders`?)
            screen.unknown /spec/parts/1/list/columns/0/link/screen: screen `orders`: there is no screen `ordr` (did you mean `order`?)
            screen.unknown /spec/parts/2/form/form: screen `orders`: there is no form `clam` (did you mean `claim`?)
            screen.unknown /spec/parts/2/form/resource: screen `orders`: there is no process `clam` (did you mean `claim`?)"#]],
    );
    let mut spec = of_parts(json!([{"text": "x"}]));
    spec["roles"] = json!(["operator", "packer", "pakcer"]);
    expect![[r#"
        screen.unknown /spec/roles/2: screen `orders`: there is no role `pakcer` (did you mean `packer`?)"#]]
    .assert_eq(&applied(spec));
}

#[test]
fn an_operation_must_be_one_that_a_door_offers() {
    let action = |operation: &str, resource: Value| {
        json!([{"list": {"query": "orders", "actions": [
            {"label": "x", "operation": operation, "resource": resource, "parameters": {"message": "x"}},
        ]}}])
    };
    check(
        action("process.publsh", json!("process/claim")),
        expect![[r#"
            screen.unknown /spec/parts/0/list/actions/0/operation: screen `orders`: there is no operation `process.publsh` (did you mean `process.publish`?)"#]],
    );
    check(
        action("process.tidy", json!("process/claim")),
        expect![
            "screen.unknown /spec/parts/0/list/actions/0/operation: screen `orders`: there is no operation `process.tidy` (did you mean `process.start`?)"
        ],
    );
    check(
        action("process.publish", Value::Null),
        expect![[r#"
            screen.invalid /spec/parts/0/list/actions/0: screen `orders`: `process.publish` acts on a resource (write `resource: process/NAME`)"#]],
    );
    check(
        action("process.publish", json!("stream/claim")),
        expect![[r#"
            screen.invalid /spec/parts/0/list/actions/0/resource: screen `orders`: `process.publish` acts on a process, not on a stream (write `resource: process/NAME`)
            screen.unknown /spec/parts/0/list/actions/0/resource: screen `orders`: there is no stream `claim`"#]],
    );
    check(
        action("task.complete", json!("task/17")),
        expect![[r#"
            screen.unknown /spec/parts/0/list/actions/0/parameters/message: screen `orders`: there is no parameter `message` of `task.complete`"#]],
    );
}

#[test]
fn a_value_stands_for_a_parameter_or_a_column_that_is_shown() {
    check(
        json!([
            {"list": {"query": "order", "parameters": {"id": "$ordr", "dayz": 3}}},
            {"list": {
                "query": "orders",
                "columns": [{"name": "id", "link": {"screen": "order", "parameters": {"order": "$idd", "ordre": 1}}}],
                "search": ["ids"],
            }},
            {"detail": {"query": "order"}},
        ]),
        expect![[r#"
            screen.unknown /spec/parts/0/list/parameters/id: screen `orders`: there is no parameter `ordr` of the screen (did you mean `order`?)
            screen.unknown /spec/parts/0/list/parameters/dayz: screen `orders`: there is no parameter `dayz` of query `order` (did you mean `days`?)
            screen.unknown /spec/parts/1/list/columns/0/link/parameters/order: screen `orders`: there is no parameter `idd` of the screen, nor a column of this name that it shows (did you mean `id`?)
            screen.unknown /spec/parts/1/list/columns/0/link/parameters/ordre: screen `orders`: there is no parameter `ordre` of screen `order` (did you mean `order`?)
            screen.unknown /spec/parts/1/list/search/0: screen `orders`: there is no column `ids` (did you mean `id`?)
            screen.invalid /spec/parts/2/detail: screen `orders`: query `order` needs its parameter `id` (give it here, or a default in the query)"#]],
    );
}

#[test]
fn what_says_nothing_or_too_much_is_refused() {
    check(
        json!([
            {"title": "x"},
            {"text": "x", "kpi": {"name": "on-time"}},
            {"text": {"english": "x"}},
            {"text": {}},
            {"list": {"query": "orders", "columns": []}},
            {"list": {"query": "orders", "columns": [{"name": "a"}, {"name": "a"}]}},
        ]),
        expect![[r#"
            screen.invalid /spec/parts/0: screen `orders`: a part is one of `text`, `kpi`, `list`, `detail`, `chart` and `form`
            screen.invalid /spec/parts/1: screen `orders`: a part is one of `text`, `kpi`, `list`, `detail`, `chart` and `form`
            screen.invalid /spec/parts/2/text/english: screen `orders`: `english` is not a language (write `en`, `zh` or `pt-BR`, for example)
            screen.invalid /spec/parts/3/text: screen `orders`: a text needs at least one language
            screen.invalid /spec/parts/4/list/columns: screen `orders`: it shows no column
            screen.invalid /spec/parts/5/list/columns/1: screen `orders`: column `a` stands twice"#]],
    );
    let mut spec = of_parts(json!([]));
    spec["on"] = json!([]);
    spec["roles"] = json!([]);
    expect![[r#"
        screen.invalid /spec/on: screen `orders`: it is offered nowhere
        screen.invalid /spec/roles: screen `orders`: it is for nobody
        screen.invalid /spec/parts: screen `orders`: it has no parts"#]]
    .assert_eq(&applied(spec));
}

#[test]
fn names_are_looked_up_as_all_will_stand_after_the_apply() {
    let mut world = World::new();
    let spec = of_parts(json!([{"list": {"query": "fresh"}}]));
    let both = json!([screen("orders", spec.clone()), manifest("Query", "fresh", json!({}))]);
    world.apply(both).expect("the query comes with the screen");
    // Without the query in the folder it would go, and the screen needs it.
    let refused = world.apply(json!([screen("orders", spec)])).expect_err("the query is named");
    assert_eq!(refused.code, "screen.in_use");
    assert!(refused.message.contains("query `fresh` is named by screen `orders`"), "{refused:?}");
    world.apply(json!([])).expect("both go together");
}

#[test]
fn a_query_keeps_the_parameters_that_a_screen_gives() {
    let mut world = World::new();
    let parts = json!([{"list": {"query": "order", "parameters": {"id": "$order"}}}]);
    world.apply(json!([screen("orders", of_parts(parts))])).expect("applied");
    let query =
        |parameters: Value| json!([manifest("Query", "order", json!({"parameters": parameters}))]);
    let refused = world.apply_as("user:olga", query(json!([{"name": "number"}])));
    let refused = refused.expect_err("the screen gives `id`");
    assert_eq!(
        (refused.code.as_str(), refused.place),
        ("screen.unknown", Some(base::Place::default()))
    );
    assert!(refused.message.contains("screen `orders`"));
    let more = query(json!([{"name": "id"}, {"name": "limit", "default": 5}]));
    assert_eq!(code(world.apply_as("user:olga", more)), "ok");
}

/// Returns the names of the screens in the menu of somebody.
fn menu(world: &World, who: &str) -> Vec<String> {
    let menu = world.shown(who, "screen.list", ("screen", "")).expect("a menu");
    let items = menu["items"].as_array().expect("items");
    items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn a_menu_has_what_is_for_the_roles_of_whoever_asks() {
    let mut world = World::new();
    let text = json!([{"text": "x"}]);
    let spec = |more: Value| {
        let mut spec = json!({"title": "T", "menu": "M", "parts": text});
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("one").clone());
        spec
    };
    let screens = json!([
        screen("packing", spec(json!({"roles": ["packer", "operator"], "order": 2}))),
        screen(
            "all",
            spec(
                json!({"order": 1, "on": ["phone"], "application": {"en": "The shop", "zh": "商店"}})
            )
        ),
        screen("linked", json!({"title": "L", "parts": text, "roles": ["packer"]})),
    ]);
    world.apply(screens).expect("applied");
    assert_eq!(menu(&world, "user:paul"), ["all", "packing"]);
    assert_eq!(menu(&world, "user:vera"), ["all"]);
    assert_eq!(menu(&world, "user:olga"), ["all", "packing"], "an owner sees every screen");
    let first =
        &world.shown("user:paul", "screen.list", ("screen", "")).expect("a menu")["items"][1];
    assert_eq!(
        *first,
        json!({
            "name": "packing", "application": "shop", "application_title": {"en": "The shop", "zh": "商店"},
            "heading": "M", "title": "T", "order": 2, "on": ["desk", "phone"],
        })
    );
    let linked = world.shown("user:paul", "screen.get", ("screen", "linked")).expect("a screen");
    assert_eq!(linked["spec"]["title"], "L");
    assert_eq!(linked["application_title"]["en"], "The shop");
    let hidden = world.shown("user:vera", "screen.get", ("screen", "linked")).expect_err("hidden");
    let unknown =
        world.shown("user:vera", "screen.get", ("screen", "linker")).expect_err("unknown");
    assert_eq!((&hidden.code, &unknown.code), (&unknown.code, &hidden.code));
    assert_eq!(hidden.message.replace("linked", "linker"), unknown.message, "they look alike");
    assert_eq!(code(world.shown("anonymous", "screen.list", ("screen", ""))), "token.invalid");
}

#[test]
fn a_screen_comes_back_as_its_manifest_says() {
    let mut world = World::new();
    let order =
        json!({"title": "Order", "parameters": [{"name": "order"}], "parts": [{"text": "-"}]});
    let spec = of_parts(whole());
    world.apply(json!([screen("orders", spec.clone()), screen("order", order)])).expect("applied");
    let mut shown = world.shown("user:otto", "screen.get", ("screen", "orders")).expect("a screen");
    // What has a default is told.
    assert_eq!(shown["spec"]["parameters"][0]["type"], "text");
    shown["spec"]["parameters"][0].as_object_mut().expect("a parameter").remove("type");
    assert_eq!(shown["spec"], spec);
}

#[test]
fn a_developer_writes_screens_and_a_viewer_does_not() {
    let mut world = World::new();
    let screens = || {
        json!([screen(
            "orders",
            json!({"title": "T", "roles": ["owner"], "parts": [{"text": "x"}]})
        )])
    };
    assert_eq!(code(world.apply_as("user:vera", screens())), "policy.forbidden");
    assert_eq!(code(world.apply_as("user:dora", screens())), "ok");
}

#[test]
fn lineage_tells_what_a_screen_stands_on_and_writes_into() {
    let mut world = World::new();
    let order =
        json!({"title": "Order", "parameters": [{"name": "order"}], "parts": [{"text": "-"}]});
    let screens = json!([screen("orders", of_parts(whole())), screen("order", order)]);
    world.apply(screens).expect("applied");
    let edges = world.desk.lineage(&world.reader()).expect("edges");
    let said = edges
        .iter()
        .map(|edge| format!("{} {} {}\n", edge.from.resource, edge.how.as_str(), edge.to.resource));
    expect![[r#"
        kpi/on-time reads screen/orders
        query/orders reads screen/orders
        process/claim calls screen/orders
        query/order reads screen/orders
    "#]]
    .assert_eq(&said.collect::<String>());
}
