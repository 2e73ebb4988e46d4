//! What is lent stands in the catalogue of its consumer: in information_schema, in joins and views, for whoever may read it.

use crate::world::{World, code, manifest};
use serde_json::json;
use std::sync::Arc;

fn lending() -> Arc<World> {
    let world = World::new(&exchange::Config::default());
    let shipments = json!({"schema": [
        {"name": "order_id", "type": "text"}, {"name": "stage", "type": "text"},
        {"name": "freight", "type": "decimal(12,2)"}, {"name": "at", "type": "time"},
    ], "key": ["order_id"]});
    let offer = json!({
        "relation": {"name": "shipments_latest", "columns": ["order_id", "stage", "at"]},
        "version": 1, "summary": "Every parcel as it stands.", "to": "any",
    });
    let manifests =
        json!([manifest("Stream", "shipments", shipments), manifest("Offer", "parcels", offer)]);
    world.apply("payment", manifests).expect("applied");
    let lines = "{\"order_id\":\"o-1\",\"stage\":\"announced\",\"freight\":5,\"at\":\"2020-01-01T00:00:00Z\"}\n\
                 {\"order_id\":\"o-2\",\"stage\":\"announced\",\"freight\":7,\"at\":\"2020-01-02T00:00:00Z\"}\n\
                 {\"order_id\":\"o-1\",\"stage\":\"delivered\",\"freight\":5,\"at\":\"2020-01-03T00:00:00Z\"}\n";
    world.append("payment", "shipments", lines);
    world.conclude("lent", &["parcels"]);
    let orders =
        json!({"schema": [{"name": "id", "type": "text"}, {"name": "customer", "type": "text"}]});
    world.apply("retail", json!([manifest("Stream", "orders", orders)])).expect("applied");
    world.append(
        "retail",
        "orders",
        "{\"id\":\"o-1\",\"customer\":\"ana\"}\n{\"id\":\"o-3\",\"customer\":\"bo\"}\n",
    );
    world
}

#[test]
fn a_lent_table_is_in_the_catalogue_and_joins_with_tables_of_the_unit() {
    let world = lending();
    let columns = "SELECT column_name, data_type FROM information_schema.columns \
                   WHERE table_schema = 'payment' AND table_name = 'parcels' ORDER BY ordinal_position";
    let columns = world.sql("retail", columns).expect("columns");
    let names: Vec<&str> =
        columns.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(names, ["order_id", "stage", "at"]);
    let join = "SELECT o.customer, s.stage FROM orders o LEFT JOIN payment.parcels s ON s.order_id = o.id ORDER BY 1";
    assert_eq!(world.sql("retail", join).expect("rows"), "customer,stage\nana,delivered\nbo,\n");
    let twice = "SELECT count(*) AS c FROM payment.parcels a JOIN payment.parcels b ON a.order_id = b.order_id";
    assert_eq!(world.sql("retail", twice).expect("rows"), "c\n2\n");
}

#[test]
fn who_may_not_read_it_does_not_learn_that_it_is_there() {
    let world = lending();
    let tables =
        "SELECT count(*) AS c FROM information_schema.tables WHERE table_schema = 'payment'";
    let read = "SELECT stage FROM payment.parcels";
    assert_eq!(world.sql_as("retail", "user:ann", tables).expect("a number"), "c\n1\n");
    assert_eq!(code(world.sql_as("retail", "user:ann", read)), "done");
    assert_eq!(world.sql_as("retail", "user:vic", tables).expect("a number"), "c\n0\n");
    let hidden = world.sql_as("retail", "user:vic", read).expect_err("it is hidden");
    let absent = world.sql_as("retail", "user:vic", "SELECT stage FROM payment.nothing");
    let absent = absent.expect_err("it is not there");
    assert_eq!((hidden.code.as_str(), &hidden.code), ("sql.invalid", &absent.code));
    assert_eq!(hidden.message.replace("parcels", "nothing"), absent.message);
}

#[test]
fn a_role_of_the_consumer_shows_a_part_of_what_is_lent() {
    let world = lending();
    let policies = "permit(principal in Role::\"parcels\", action in Action::\"Read\", resource) \
                    when { resource in [Kind::\"sql\", Kind::\"relation\"] };";
    let data = json!([{"relation": "payment.parcels", "rows": "stage = 'delivered'", "mask": {"order_id": null}}]);
    let role = manifest("Role", "parcels", json!({"policies": policies, "data": data}));
    let user = manifest("User", "pat", json!({"roles": ["parcels"]}));
    world.apply("retail", json!([role, user])).expect("applied");
    let all = "SELECT order_id, stage FROM payment.parcels WHERE stage <> 'lost'";
    assert_eq!(
        world.sql_as("retail", "user:pat", all).expect("rows"),
        "order_id,stage\n,delivered\n"
    );
}

#[test]
fn views_over_what_is_lent_stay_when_the_contract_ends() {
    let world = lending();
    let view =
        json!({"sql": "SELECT stage, count(*) AS parcels FROM payment.parcels GROUP BY stage"});
    world.apply("retail", json!([manifest("View", "stages", view)])).expect("applied");
    let sql = "SELECT stage, parcels FROM stages ORDER BY stage";
    assert_eq!(
        world.sql("retail", sql).expect("rows"),
        "stage,parcels\nannounced,1\ndelivered,1\n"
    );
    world.revoke("lent");
    world.settle();
    assert_eq!(code(world.sql("retail", sql)), "contract.terminated");
    // Other manifests can still be applied: every view is planned again when a stream changes.
    let column = |name: &str| json!({"name": name, "type": "text"});
    let wider = json!({"schema": [column("id"), column("customer"), column("note")]});
    world.apply("retail", json!([manifest("Stream", "orders", wider)])).expect("applied");
}

#[test]
fn a_contract_covers_one_version_of_what_is_lent() {
    let world = lending();
    let newer = json!({
        "relation": {"name": "shipments_latest", "columns": ["order_id", "freight"]},
        "version": 2, "to": "any",
    });
    world.apply("payment", json!([manifest("Offer", "parcels", newer)])).expect("applied");
    let problem =
        world.sql("retail", "SELECT stage FROM payment.parcels").expect_err("it has changed");
    assert_eq!(problem.code, "contract.version");
    assert!(problem.hint.is_some());
    world.conclude("newer", &["parcels"]);
    // The newer contract counts, and so do its columns.
    assert_eq!(code(world.sql("retail", "SELECT stage FROM payment.parcels")), "sql.invalid");
    let freight = "SELECT order_id, freight FROM payment.parcels ORDER BY 1";
    assert_eq!(
        world.sql("retail", freight).expect("rows"),
        "order_id,freight\no-1,5.00\no-2,7.00\n"
    );
}
