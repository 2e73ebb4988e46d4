//! What roles show of relations: which rows, which columns as they are, and which manifests are refused.

use crate::support::{Unit, call, manifest, shown, unit_of, view};
use base::Problem;
use data::Config;
use kernel::{Engine, KindOf, Operation, Read, Relation};
use serde_json::{Value, json};
use std::sync::Arc;

fn staff() -> Value {
    manifest(
        "Stream",
        "staff",
        json!({"schema": [
            {"name": "id", "type": "text", "required": true},
            {"name": "region", "type": "text"},
            {"name": "boss", "type": "text"},
            {"name": "phone", "type": "text"},
            {"name": "pay", "type": "decimal(12,2)"},
            {"name": "age", "type": "int"},
        ], "key": ["id"]}),
    )
}

const ROWS: &str = r#"{"id":"a","region":"north","boss":"nora","phone":"030123456","pay":100,"age":30}
{"id":"b","region":"south","boss":"sam","phone":"089123457","pay":200,"age":40}
{"id":"c","boss":"nora","phone":"0","pay":300,"age":50}"#;

/// A role that may read streams, tables and ask, and shows so much.
fn role(name: &str, data: Value) -> Value {
    let policies = format!(
        "permit(principal in Role::\"{name}\", action in Action::\"Read\", resource) \
         when {{ resource in [Kind::\"sql\", Kind::\"stream\", Kind::\"table\"] }};"
    );
    manifest("Role", name, json!({"policies": policies, "data": data}))
}

fn of_staff(entry: Value) -> Value {
    let mut entry = entry;
    entry["relation"] = json!("staff");
    json!([entry])
}

fn with_roles() -> Unit {
    with_roles_and(Vec::new())
}

fn with_roles_and(others: Vec<Arc<dyn Engine>>) -> Unit {
    let mut unit = unit_of(Config::default(), others);
    unit.apply(json!([
        staff(),
        role("all", json!([])),
        role("north", of_staff(json!({"rows": "region = 'north'"}))),
        role("south", of_staff(json!({"rows": "staff.region = 'south'"}))),
        role("mine", of_staff(json!({"rows": "boss = current_user()"}))),
        role("mine_too", of_staff(json!({"rows": "boss = current_user"}))),
        role("no_phone", of_staff(json!({"mask": {"phone": null}}))),
        role("last_phone", of_staff(json!({"mask": {"phone": "last(3)"}}))),
        role("area_phone", of_staff(json!({"mask": {"phone": "substr(phone, 1, 3)"}}))),
        role("no_pay", of_staff(json!({"mask": {"pay": null, "age": "age / 10 * 10"}}))),
        role(
            "north_masked",
            of_staff(json!({"rows": "region = 'north'", "mask": {"phone": null}})),
        ),
        role(
            "south_masked",
            of_staff(json!({"rows": "region = 'south'", "mask": {"phone": "last(3)"}})),
        ),
        role("other", json!([{"relation": "staff_latest", "rows": "region = 'north'"}])),
    ]))
    .expect("applied");
    unit.append("staff", ROWS).expect("appended");
    unit
}

/// Gives a user of this name these roles.
fn hire(unit: &mut Unit, name: &str, roles: &[&str]) {
    unit.apply(json!([manifest("User", name, json!({"roles": roles}))])).expect("hired");
}

#[test]
fn every_set_of_roles_shows_what_one_of_them_shows() {
    let mut unit = with_roles();
    let all = "a,030123456,100.00,30\nb,089123457,200.00,40\nc,0,300.00,50\n";
    for (roles, expected) in [
        // A role without a word about the relation shows all of it.
        (vec!["all"], all),
        (vec!["all", "north"], all),
        (vec!["all", "no_phone"], all),
        // Rows.
        (vec!["north"], "a,030123456,100.00,30\n"),
        (vec!["south"], "b,089123457,200.00,40\n"),
        (vec!["north", "south"], "a,030123456,100.00,30\nb,089123457,200.00,40\n"),
        (vec!["mine"], "a,030123456,100.00,30\nc,0,300.00,50\n"),
        (vec!["mine_too"], "a,030123456,100.00,30\nc,0,300.00,50\n"),
        (vec!["mine", "south"], all),
        // Columns.
        (vec!["no_phone"], "a,,100.00,30\nb,,200.00,40\nc,,300.00,50\n"),
        (vec!["last_phone"], "a,****456,100.00,30\nb,****457,200.00,40\nc,****,300.00,50\n"),
        (vec!["no_pay"], "a,030123456,,30\nb,089123457,,40\nc,0,,50\n"),
        // Masked by one of two roles that show the row: not masked.
        (vec!["no_phone", "no_pay"], all),
        // Masked by both: the mask that tells most.
        (
            vec!["no_phone", "last_phone"],
            "a,****456,100.00,30\nb,****457,200.00,40\nc,****,300.00,50\n",
        ),
        (
            vec!["no_phone", "last_phone", "area_phone"],
            "a,030,100.00,30\nb,089,200.00,40\nc,0,300.00,50\n",
        ),
        // A value is shown in the rows of a role that shows it, and not in those of another.
        (vec!["north_masked"], "a,,100.00,30\n"),
        (vec!["north_masked", "south"], "a,,100.00,30\nb,089123457,200.00,40\n"),
        (vec!["north_masked", "south_masked"], "a,,100.00,30\nb,****457,200.00,40\n"),
        (vec!["north_masked", "north"], "a,030123456,100.00,30\n"),
        (vec!["north_masked", "mine"], "a,030123456,100.00,30\nc,0,300.00,50\n"),
        (vec!["north_masked", "no_phone"], "a,,100.00,30\nb,,200.00,40\nc,,300.00,50\n"),
        (
            vec!["south", "last_phone"],
            "a,****456,100.00,30\nb,089123457,200.00,40\nc,****,300.00,50\n",
        ),
    ] {
        hire(&mut unit, "nora", &roles);
        for relation in ["staff", "staff_latest"] {
            let sql = format!("SELECT id, phone, pay, age FROM {relation} ORDER BY id");
            assert_eq!(
                shown(unit.sql_as("user:nora", &sql)),
                format!("id,phone,pay,age\n{expected}"),
                "{relation} for {roles:?}"
            );
            let count = expected.lines().count();
            let sql = format!("SELECT count(*) AS n FROM {relation}");
            assert_eq!(
                shown(unit.sql_as("user:nora", &sql)),
                format!("n\n{count}\n"),
                "count of {relation} for {roles:?}"
            );
        }
    }
}

#[test]
fn a_table_of_a_stream_follows_it_unless_it_is_named() {
    let mut unit = with_roles();
    let mut call = call("user:olga", "stream.append", ("stream", "staff"));
    call.args = json!({"rows": [{"id": "d", "age": "old"}], "on_error": "set_aside"});
    unit.call(call).expect("appended");
    let ids = |unit: &Unit, relation: &str| {
        let sql = format!("SELECT count(*) AS n FROM {relation}");
        shown(unit.sql_as("user:nora", &sql)).replace('\n', " ")
    };
    // What is set aside has other columns: it is not shown where the stream is shown in part.
    for (roles, expected) in [
        (vec!["all"], ["n 3 ", "n 3 ", "n 1 "]),
        (vec!["north"], ["n 1 ", "n 1 ", "n 0 "]),
        (vec!["no_phone"], ["n 3 ", "n 3 ", "n 0 "]),
        // Only the table is named: the stream and what is set aside are shown as they are.
        (vec!["other"], ["n 3 ", "n 1 ", "n 1 "]),
        (vec!["other", "south"], ["n 3 ", "n 2 ", "n 1 "]),
    ] {
        hire(&mut unit, "nora", &roles);
        let found = ["staff", "staff_latest", "staff_set_aside"].map(|name| ids(&unit, name));
        assert_eq!(found, expected, "{roles:?}");
        let listed = shown(unit.sql_as("user:nora", "SHOW TABLES")).contains("staff_set_aside");
        assert_eq!(listed, expected[2] == "n 1 ", "{roles:?}");
    }
}

#[test]
fn a_built_in_role_can_be_restricted_by_a_manifest_of_its_name() {
    let mut unit = with_roles();
    let ids = |unit: &Unit| shown(unit.sql_as("user:ann", "SELECT id FROM staff ORDER BY id"));
    assert_eq!(ids(&unit), "id\na\nb\nc\n");
    let data = of_staff(json!({"rows": "region = 'south'"}));
    unit.apply(json!([manifest("Role", "analyst", json!({"data": data}))])).expect("applied");
    assert_eq!(ids(&unit), "id\nb\n");
    unit.delete("role", "analyst").expect("removed");
    assert_eq!(ids(&unit), "id\na\nb\nc\n");
}

#[test]
fn a_view_shows_what_its_author_sees_and_the_reader_may_have_less() {
    let mut unit = with_roles();
    let maker = "permit(principal in Role::\"maker\", action == Action::\"resource.apply\", resource);\
                 permit(principal in Role::\"maker\", action in [Action::\"Read\", Action::\"Manage\"], resource in Kind::\"view\");";
    let reader = "permit(principal in Role::\"reader\", action in Action::\"Read\", resource) \
                  when { resource in [Kind::\"sql\", Kind::\"view\"] };";
    unit.apply(json!([
        manifest("Role", "maker", json!({"policies": maker})),
        manifest("Role", "reader", json!({"policies": reader})),
        manifest("User", "mia", json!({"roles": ["maker", "north"]})),
        manifest("User", "rob", json!({"roles": ["reader"]})),
        view("everybody", "SELECT id, region, phone FROM staff"),
    ]))
    .expect("applied");
    let northern = view("northern", "SELECT id, region, phone FROM staff");
    unit.apply_as("user:mia", json!([northern])).expect("applied");
    let ids = |unit: &Unit, who: &str, view: &str| {
        shown(unit.sql_as(who, &format!("SELECT id, phone FROM {view} ORDER BY id")))
            .replace('\n', " ")
    };
    assert_eq!(ids(&unit, "user:rob", "everybody"), "id,phone a,030123456 b,089123457 c,0 ");
    assert_eq!(ids(&unit, "user:rob", "northern"), "id,phone a,030123456 ");
    assert_eq!(ids(&unit, "user:olga", "northern"), "id,phone a,030123456 ");
    let data = json!([{"relation": "everybody", "rows": "id <> 'b'", "mask": {"phone": "hash"}}]);
    unit.apply(json!([manifest("Role", "reader", json!({"policies": reader, "data": data}))]))
        .expect("applied");
    let hashed = ids(&unit, "user:rob", "everybody");
    let words: Vec<&str> = hashed.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    assert_eq!([words[0], words[1], words[2], words[4]], ["id", "phone", "a", "c"], "{hashed}");
    assert_eq!((words[3].len(), words[5].len(), words.len()), (32, 32, 6), "{hashed}");
    assert_ne!(words[3], words[5]);
    assert_eq!(ids(&unit, "user:rob", "everybody"), hashed, "the same value has the same hash");
}

#[test]
fn relations_of_engines_are_shown_in_part_too() {
    let mut unit = with_roles();
    let policies = "permit(principal in Role::\"seer\", action in Action::\"Read\", resource);";
    let data = json!([
        {"relation": "system.resources", "rows": "kind = 'stream'", "mask": {"spec": null}},
    ]);
    unit.apply(json!([
        manifest("Role", "seer", json!({"policies": policies, "data": data})),
        manifest("User", "sue", json!({"roles": ["seer"]})),
    ]))
    .expect("applied");
    let sql = "SELECT kind, name, spec FROM system.resources";
    assert_eq!(shown(unit.sql_as("user:sue", sql)), "kind,name,spec\nstream,staff,\n");
    let read = call("user:sue", "relation.read", ("relation", "system.resources"));
    let rows: Value = serde_json::from_str(&shown(unit.read(&read))).expect("JSON");
    assert_eq!(rows.as_array().map(Vec::len), Some(1));
    assert_eq!((&rows[0]["name"], &rows[0]["spec"]), (&json!("staff"), &Value::Null));
}

#[test]
fn whole_rows_and_counts_are_for_who_sees_all() {
    let mut unit = with_roles();
    hire(&mut unit, "nora", &["north"]);
    let read = call("user:nora", "stream.read", ("stream", "staff"));
    let refused = shown(unit.read(&read));
    assert!(refused.starts_with("[role.restricted]"), "{refused}");
    assert!(refused.contains("ask by SQL"), "{refused}");
    let analysed = shown(unit.sql_as("user:nora", "EXPLAIN ANALYZE SELECT id FROM staff"));
    assert!(analysed.starts_with("[sql.not_allowed]"), "{analysed}");
    let explained = shown(unit.sql_as("user:nora", "EXPLAIN SELECT id FROM staff WHERE age = 1"));
    assert!(explained.contains("StreamingTableExec"), "{explained}");
    assert!(explained.contains("FilterExec"), "the filter stays outside: {explained}");
    assert!(!explained.contains("north"), "{explained}");
    unit.apply(json!([manifest("User", "ann", json!({"roles": ["analyst", "north"]}))]))
        .expect("applied");
    let streams = "SELECT name, rows, first_offset, set_aside FROM system.streams";
    let header = "name,rows,first_offset,set_aside\n";
    assert_eq!(shown(unit.sql_as("user:ann", streams)), format!("{header}staff,3,0,0\n"));
    let seer = "permit(principal in Role::\"seer\", action in Action::\"Read\", resource in Kind::\"relation\");";
    unit.apply(json!([
        manifest("Role", "seer", json!({"policies": seer})),
        manifest("User", "nora", json!({"roles": ["north", "seer"]})),
    ]))
    .expect("applied");
    assert_eq!(shown(unit.sql_as("user:nora", streams)), format!("{header}staff,,,\n"));
}

#[test]
fn entries_that_cannot_work_are_refused_with_their_place() {
    let mut unit = with_roles();
    for (entries, place, text) in [
        (
            json!([{"relation": "staf", "rows": "true"}]),
            "/spec/data/0/relation",
            "there is no table `staf` (did you mean `staff`?)",
        ),
        (
            json!([{"relation": "staff"}, {"relation": "staff"}]),
            "/spec/data/1/relation",
            "it is named twice",
        ),
        (
            json!([{"relation": "information_schema.tables", "rows": "true"}]),
            "/spec/data/0/relation",
            "the catalogue shows",
        ),
        (
            json!([{"relation": "staff", "rows": "regoin = 'north'"}]),
            "/spec/data/0/rows",
            "there is no column `regoin` (did you mean `region`?)",
        ),
        (json!([{"relation": "staff", "rows": "region"}]), "/spec/data/0/rows", "true or false"),
        (json!([{"relation": "staff", "rows": ""}]), "/spec/data/0/rows", "no expression"),
        (
            json!([{"relation": "staff", "rows": "true) OR (true"}]),
            "/spec/data/0/rows",
            "end of expression",
        ),
        (json!([{"relation": "staff", "rows": "true AS x"}]), "/spec/data/0/rows", "has no name"),
        (json!([{"relation": "staff", "rows": "age > 1; true"}]), "/spec/data/0/rows", ""),
        (
            json!([{"relation": "staff", "rows": "id IN (SELECT id FROM staff)"}]),
            "/spec/data/0/rows",
            "a subquery cannot stand here",
        ),
        (
            json!([{"relation": "staff", "rows": "EXISTS (SELECT 1)"}]),
            "/spec/data/0/rows",
            "a subquery cannot stand here",
        ),
        (
            json!([{"relation": "staff", "rows": "random() < 0.5"}]),
            "/spec/data/0/rows",
            "differs from time to time",
        ),
        (json!([{"relation": "staff", "rows": "count(*) > 1"}]), "/spec/data/0/rows", ""),
        (
            json!([{"relation": "staff", "rows": "row_number() OVER () = 1"}]),
            "/spec/data/0/rows",
            "",
        ),
        (json!([{"relation": "staff", "rows": "age > id || $1"}]), "/spec/data/0/rows", ""),
        (
            json!([{"relation": "staff", "mask": {"phon": null}}]),
            "/spec/data/0/mask/phon",
            "there is no column `phon` (did you mean `phone`?)",
        ),
        (
            json!([{"relation": "staff", "mask": {"age": "hash"}}]),
            "/spec/data/0/mask/age",
            "this mask is for text",
        ),
        (
            json!([{"relation": "staff", "mask": {"phone": "last(10)"}}]),
            "/spec/data/0/mask/phone",
            "1 to 9 characters",
        ),
        (
            json!([{"relation": "staff", "mask": {"phone": "age"}}]),
            "/spec/data/0/mask/phone",
            "the column is",
        ),
        (
            json!([{"relation": "staff", "mask": {"pay": "(SELECT 1)"}}]),
            "/spec/data/0/mask/pay",
            "a subquery cannot stand here",
        ),
    ] {
        let refused = shown(unit.apply(json!([role("wrong", entries.clone())])));
        let expected = format!("[role.data] at {place} role `wrong`, relation `");
        assert!(refused.starts_with(&expected), "{entries}: {refused}");
        assert!(refused.contains(text), "{entries}: {refused}");
    }
}

#[test]
fn what_a_role_names_stays_as_the_role_needs_it() {
    let mut unit = with_roles();
    let bosses = view("bosses", "SELECT id, boss FROM staff");
    let data = json!([{"relation": "bosses", "rows": "boss = 'nora'"}]);
    unit.apply(json!([bosses, manifest("Role", "boss", json!({"data": data}))])).expect("applied");
    let refused = shown(unit.apply(json!([view("bosses", "SELECT id FROM staff")])));
    assert!(refused.starts_with("[role.data] at /spec role `boss`"), "{refused}");
    assert!(refused.contains("there is no column `boss`"), "{refused}");
    let refused = shown(unit.delete("view", "bosses"));
    assert!(refused.contains("take the entry out of the role in the same apply"), "{refused}");
    let refused = shown(unit.delete("stream", "staff"));
    assert!(refused.starts_with("[view.in_use]"), "{refused}");
    unit.delete("role", "boss").expect("removed");
    unit.delete("view", "bosses").expect("removed");
    let refused = shown(unit.delete("stream", "staff"));
    assert!(refused.starts_with("[role.data] at /spec role"), "{refused}");
}

/// Engines whose manifests give rows to processes and to peers.
struct Others;

impl Engine for Others {
    fn name(&self) -> &'static str {
        "others"
    }

    fn kinds(&self) -> Vec<KindOf> {
        let kind = |name, manifest, plural| KindOf {
            name,
            manifest,
            plural,
            schema: json!({}),
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        };
        vec![kind("process", "Process", "processes"), kind("offer", "Offer", "offers")]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        Vec::new()
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(Vec::new())
    }
}

#[test]
fn nobody_hands_on_what_he_sees_in_part() {
    let mut unit = with_roles_and(vec![Arc::new(Others)]);
    let maker = "permit(principal in Role::\"maker\", action == Action::\"resource.apply\", resource);\
                 permit(principal in Role::\"maker\", action in [Action::\"Read\", Action::\"Manage\"], resource) \
                 when { resource in [Kind::\"view\", Kind::\"process\", Kind::\"offer\"] };";
    unit.apply(json!([manifest("Role", "maker", json!({"policies": maker}))])).expect("applied");
    let listens = manifest("Process", "spy", json!({"on": [{"stream": "staff", "message": "m"}]}));
    let lends = manifest("Offer", "lent", json!({"relation": {"name": "staff_latest"}}));
    for (roles, is_whole) in [
        (vec!["maker", "all"], true),
        (vec!["maker", "north"], false),
        (vec!["maker", "no_phone"], false),
        (vec!["maker"], false),
    ] {
        hire(&mut unit, "mia", &roles);
        for (manifest, place) in [(&listens, "/spec/on/0/stream"), (&lends, "/spec/relation/name")]
        {
            // Another version each time, so that there is something to apply.
            let mut manifest = manifest.clone();
            manifest["spec"]["summary"] = json!(format!("{roles:?}"));
            let result = shown(unit.apply_as("user:mia", json!([manifest])));
            let refused = format!("[role.restricted] at {place} ");
            assert_eq!(result.starts_with(&refused), !is_whole, "{roles:?}: {result}");
            assert_eq!(result.contains("\"applied\":true"), is_whole, "{roles:?}: {result}");
        }
    }
    // A view of hers shows what she sees, whoever reads it: that is the way to hand on a part.
    hire(&mut unit, "mia", &["maker", "north"]);
    unit.apply_as("user:mia", json!([view("hers", "SELECT id FROM staff")])).expect("applied");
    assert_eq!(shown(unit.sql("SELECT id FROM hers")), "id\na\n");
}

#[test]
fn a_query_that_fails_on_a_hidden_row_says_nothing_of_it() {
    let mut unit = with_roles();
    unit.append("staff", r#"{"id":"d","region":"north","boss":"x","phone":"abc","age":1}"#)
        .expect("appended");
    unit.apply(json!([role(
        "broken",
        of_staff(json!({"rows": "cast(phone AS bigint) > 0 AND region = 'south'"})),
    )]))
    .expect("applied: what rows hold is not known then");
    hire(&mut unit, "nora", &["broken"]);
    let failed = shown(unit.sql_as("user:nora", "SELECT id FROM staff"));
    assert!(failed.starts_with("[role.restricted]"), "{failed}");
    assert!(!failed.contains("abc"), "{failed}");
}
