//! What cannot be done of one item among many, which is a defect: it is written down in `system/faults`, and the others go on.

use base::{Kind, Problem};
use kernel::Tx;
use serde_json::{Value, json};

/// Goes on behind an item that cannot be worked on, and writes that down. `item` is an object that names it. Returns what came out, nothing
/// where the item was passed over.
///
/// # Errors
/// Where the store cannot be read or written for now: then all of it is tried again.
pub(crate) fn go_on<T>(
    tx: &mut Tx<'_>,
    outcome: Result<T, Problem>,
    mut item: Value,
) -> Result<Option<T>, Problem> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(problem) if problem.kind == Kind::Unavailable => Err(problem),
        Err(problem) => {
            item["problem"] = json!(problem);
            item["wall"] = json!(tx.wall());
            tx.record("system/faults", &item).map(|_| None)
        }
    }
}
