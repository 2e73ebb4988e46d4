//! Rules over the whole kernel path, on a store in memory: they find what a second, plain computation finds, in any batching, over restarts
//! and commits that fail; and do what they say once for each crossing.

mod acting;
mod finding;
mod naive;
#[path = "../fleet/world.rs"]
#[allow(dead_code, reason = "what the tests of the fleet need beside it")]
mod world;

use serde_json::{Value, json};
use world::{OWNER, World, manifest, stream};

/// The log of crossings.
const CROSSINGS: &str = "system/crossings";

/// The log of what became of actions.
const ACTIONS: &str = "system/rule_actions";

/// Returns the stream `readings` of loggers.
fn readings() -> Value {
    stream("readings", &[("at", "time"), ("temperature", "float"), ("kind", "text")])
}

/// Returns the rule `watched` over `readings`.
fn rule(when: &Value, actions: &Value) -> Value {
    let spec = json!({
        "on": {"stream": "readings"},
        "when": when,
        "do": actions,
        "roles": ["fleet-writer"],
    });
    manifest("Rule", "watched", spec)
}

/// Appends rows to `readings` in one call.
fn append(world: &mut World, rows: &[Value]) {
    let args = json!({ "rows": rows });
    world.call("stream.append", "stream/readings", OWNER, args).expect("the rows are appended");
}

/// Returns the unit after a restart, with what stands in a section of the rules' keys of one device damaged.
fn damaged(world: World, section: &str, device: &str) -> World {
    world.damaged(&kernel::key(b'D').text(section), device.as_bytes())
}

/// Returns a row of a logger that was measured when it arrives, now.
fn row(world: &World, device: &str, temperature: f64) -> Value {
    let now = base::Time(world.clock.now());
    json!({"device": device, "received_at": now, "at": now, "temperature": temperature, "kind": "cold"})
}
