//! Cancels a query of one's own at the unit: whoever no longer waits for an answer says so, or the query goes on up to its limit.

use crate::{client::Client, routes};
use base::Problem;

/// Letters of a statement by which the unit lists it.
const LISTED_LETTERS: usize = 1_000;

/// Cancels the newest query with this text. Does nothing where none runs.
///
/// # Errors
/// What the unit says; not everybody may cancel.
pub fn cancel(client: &Client, sql: &str) -> Result<(), Problem> {
    let head: String = sql.chars().take(LISTED_LETTERS).collect();
    let running = client.send(&routes::sql_list())?;
    let mut newest_first = running["items"].as_array().into_iter().flatten().rev();
    let found = newest_first.find(|query| query["sql"] == head.as_str());
    match found.and_then(|query| query["id"].as_str()) {
        Some(id) => client.send(&routes::sql_cancel(id)).map(|_| ()),
        None => Ok(()),
    }
}
