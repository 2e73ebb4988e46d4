//! Cancels a query of one's own at the unit: whoever no longer waits for an answer says so, or the query goes on up to its limit.

use crate::{client::Client, routes};
use base::{Entropy, Problem, SystemEntropy};
use serde_json::json;

/// Returns a name for a query that no other query of this user has, for the parameter `tag`.
pub fn tag() -> String {
    format!("{:016x}{:016x}", SystemEntropy.number(), SystemEntropy.number())
}

/// Cancels the query that was asked with this tag. Does nothing where it does not run.
///
/// # Errors
/// What the unit says.
pub fn cancel(client: &Client, tag: &str) -> Result<(), Problem> {
    let request = routes::running_tell("kill").json(&json!({"kind": "query", "tag": tag}));
    client.send(&request).map(|_| ())
}
