//! Promises of forms: what is refused at apply, and what when a task is completed or a process started by one.

use super::model::bpmn;
use super::unit::{Unit, manifest};
use base::Problem;
use serde_json::{Value, json};

const GUIDE: &str = include_str!("../../../../docs/guides/forms.md");

/// Returns the code blocks of a language in the guide.
fn blocks(language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    GUIDE
        .split(&begin)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

fn form(components: &Value) -> Value {
    json!({"source": json!({"type": "default", "components": components}).to_string()})
}

/// A form that asks for an amount from 1 to 10, and a reason.
fn amount() -> Value {
    form(&json!([
        {"type": "number", "key": "amount", "label": "Amount", "validate": {"required": true, "min": 1, "max": 10}},
        {"type": "select", "key": "reason", "label": "Reason", "valuesKey": "reasons"},
    ]))
}

fn one_task(form: &str) -> Value {
    let lines = format!("start s\n user u <zeebe:formDefinition {form}/>\n end e\n s > u > e");
    json!({"source": bpmn(&lines), "roles": ["owner"]})
}

fn told(problem: &Problem) -> Vec<(String, String)> {
    let all = std::iter::once(problem).chain(&problem.also);
    all.map(|one| (one.code.clone(), one.place.clone().unwrap_or_default().to_string())).collect()
}

#[test]
fn the_guide_s_example_is_taken_and_does_what_the_guide_says() {
    let mut unit = Unit::new();
    let (forms, models) = (blocks("json"), blocks("xml"));
    unit.manifests(vec![
        manifest("Form", "claim", json!({"form": "claim.form", "source": forms[0]})),
        manifest("Form", "decide", json!({"form": "decide.form", "source": forms[1]})),
        manifest(
            "Process",
            "handle-claim",
            json!({"source": models[0], "business_key": "order_id"}),
        ),
    ])
    .unwrap_or_else(|problem| panic!("{problem:?}"));
    let start = |variables: Value| json!({"variables": variables, "form": true});
    let good = json!({"order_id": "a1b2", "amount": 120, "reason": "late"});
    let refused = unit
        .call(
            "process.start",
            "process/handle-claim",
            start(json!({"order_id": "A", "amount": 501, "reason": "broken"})),
        )
        .expect_err("three fields do not fit");
    let place = |name: &str| ("form.invalid_value".to_owned(), format!("/variables/{name}"));
    assert_eq!(told(&refused), [place("order_id"), place("amount"), place("note")]);
    unit.ok("process.start", "process/handle-claim", start(good));
    let task = unit.ok("task.get", "task/1-2", json!({}));
    assert_eq!(task["title"], "Decide on the claim");
    assert_eq!(task["description"], "Above 100, ask the shop first.");
    assert_eq!((&task["form"], &task["form_version"]), (&json!("decide"), &json!(1)));
    assert_eq!((&task["due"], &task["priority"]), (&json!("1970-01-03T00:00:00Z"), &json!(80)));
    assert_eq!(task["candidates"], json!(["approver"]));
    unit.ok("task.complete", "task/1-2", json!({"variables": {"approved": true}}));
    assert_eq!(unit.rows("process_instances", &["state"]), ["completed"]);
}

#[test]
fn a_process_that_names_a_missing_form_is_refused_with_its_place() {
    let mut unit = Unit::new();
    let refused = unit.manifests(vec![manifest("Process", "p", one_task(r#"formId="nothing""#))]);
    let problem = refused.expect_err("there is no such form");
    assert_eq!(told(&problem), [("process.invalid".to_owned(), "p.bpmn:1 (u)".to_owned())]);
    assert!(problem.message.contains("form `nothing` does not exist"), "{}", problem.message);
    let embedded = unit
        .manifests(vec![manifest(
            "Process",
            "p",
            one_task(r#"formKey="camunda-forms:bpmn:userTaskForm_1""#),
        )])
        .expect_err("forms are files of their own");
    assert!(embedded.message.contains("save it as a file of its own"), "{}", embedded.message);
    // A form of another application is not the unit's business.
    unit.manifests(vec![manifest("Process", "p", one_task(r#"externalReference="crm:42""#))])
        .expect("applied");
    unit.ok("process.start", "process/p", json!({}));
    assert_eq!(unit.ok("task.get", "task/1-2", json!({}))["form"], "crm:42");
    unit.ok("task.complete", "task/1-2", json!({"variables": {"anything": 1}}));
}

#[test]
fn a_form_that_cannot_be_checked_is_refused_in_its_file() {
    let mut unit = Unit::new();
    let source = json!({"type": "default", "components": [{"type": "iframe", "id": "a"}, {"type": "number", "id": "b"}]});
    let spec = json!({"form": "odd.form", "source": source.to_string()});
    let problem = unit.manifests(vec![manifest("Form", "odd", spec)]).expect_err("refused");
    let place = |at: &str| ("form.invalid".to_owned(), format!("odd.form:1 ({at})"));
    assert_eq!(told(&problem), [place("/components/0/type"), place("/components/1/key")]);
}

#[test]
fn a_form_in_use_is_not_removed() {
    let mut unit = Unit::new();
    unit.manifests(vec![
        manifest("Form", "amount", amount()),
        manifest("Process", "p", one_task(r#"formId="amount""#)),
    ])
    .expect("applied");
    let problem = unit.call("resource.delete", "form/amount", json!({})).expect_err("it is in use");
    assert_eq!((problem.code.as_str(), problem.message.contains("`p`")), ("form.in_use", true));
    unit.ok("process.start", "process/p", json!({}));
    unit.manifests(vec![manifest(
        "Process",
        "p",
        json!({"source": bpmn("start s\n end e\n s > e")}),
    )])
    .expect("applied");
    unit.ok("resource.delete", "form/amount", json!({}));
    // The task that still names it is completed as it comes: nobody could fill the form.
    assert_eq!(unit.ok("task.get", "task/1-2", json!({}))["form_version"], Value::Null);
    unit.ok("task.complete", "task/1-2", json!({"variables": {"amount": 99}}));
}

#[test]
fn what_a_form_gives_is_checked_when_the_task_is_completed() {
    let mut unit = Unit::new();
    unit.manifests(vec![
        manifest("Form", "amount", amount()),
        manifest("Process", "p", one_task(r#"formId="amount""#)),
    ])
    .expect("applied");
    unit.ok("process.start", "process/p", json!({"variables": {"reasons": ["late"]}}));
    let complete = |variables: Value| json!({ "variables": variables });
    let given = json!({"amount": 11, "reason": "lost", "reasons": ["lost"]});
    let problem = unit.call("task.complete", "task/1-2", complete(given)).expect_err("refused");
    let place = |name: &str| ("form.invalid_value".to_owned(), format!("/variables/{name}"));
    assert_eq!(told(&problem), [place("amount"), place("reason")]);
    assert_eq!(problem.message, "`Amount` must be at most 10 [max]");
    assert_eq!(unit.rows("tasks", &["state"]), ["created"], "nothing was changed");
    unit.ok(
        "task.complete",
        "task/1-2",
        complete(json!({"amount": 10, "reason": "late", "more": true})),
    );
    let held: Value =
        serde_json::from_str(&unit.rows("process_instances", &["variables"])[0]).expect("json");
    assert_eq!(held, json!({"amount": 10, "more": true, "reason": "late", "reasons": ["late"]}));
}

#[test]
fn a_start_is_checked_where_it_says_that_it_comes_from_the_form() {
    let mut unit = Unit::new();
    let source = bpmn("start s\n end e\n s > e");
    let with_form = source.replacen(
        "<bpmn:extensionElements></bpmn:extensionElements>",
        r#"<bpmn:extensionElements><zeebe:formDefinition formId="amount"/></bpmn:extensionElements>"#,
        1,
    );
    assert_ne!(source, with_form);
    unit.manifests(vec![
        manifest("Form", "amount", amount()),
        manifest("Process", "p", json!({"source": with_form})),
        manifest("Process", "bare", json!({"source": source})),
    ])
    .expect("applied");
    let start = |variables: Value, form: bool| json!({"variables": variables, "form": form});
    let problem =
        unit.call("process.start", "process/p", start(json!({}), true)).expect_err("refused");
    assert_eq!(told(&problem), [("form.invalid_value".to_owned(), "/variables/amount".to_owned())]);
    unit.ok("process.start", "process/p", start(json!({"amount": 3}), true));
    unit.ok("process.start", "process/p", start(json!({}), false));
    let problem =
        unit.call("process.start", "process/bare", start(json!({}), true)).expect_err("refused");
    assert_eq!(problem.code, "form.not_found");
    let triggered = bpmn("start s message m\n end e\n s > e").replacen(
        "<bpmn:extensionElements></bpmn:extensionElements>",
        r#"<bpmn:extensionElements><zeebe:formDefinition formId="amount"/></bpmn:extensionElements>"#,
        1,
    );
    let problem = unit
        .manifests(vec![manifest("Process", "q", json!({"source": triggered}))])
        .expect_err("refused");
    assert!(problem.message.contains("[start-form]"), "{}", problem.message);
}

#[test]
fn forms_are_shown_by_version_and_listed() {
    let mut unit = Unit::new();
    for text in ["One", "Two"] {
        let components = json!([{"type": "text", "text": text}]);
        unit.manifests(vec![manifest("Form", "note", form(&components))]).expect("applied");
    }
    let text = |shown: &Value| {
        (shown["version"].clone(), shown["schema"]["components"][0]["text"].clone())
    };
    assert_eq!(text(&unit.ok("form.get", "form/note", json!({}))), (json!(2), json!("Two")));
    assert_eq!(
        text(&unit.ok("form.get", "form/note", json!({"version": 1}))),
        (json!(1), json!("One"))
    );
    assert_eq!(
        unit.call("form.get", "form/note", json!({"version": 9})).expect_err("none").code,
        "form.not_found"
    );
    assert_eq!(
        unit.ok("form.list", "form", json!({}))["items"],
        json!([{"form": "note", "version": 2}])
    );
}
