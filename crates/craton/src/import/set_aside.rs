//! Why the unit set rows aside: it keeps them with their reasons in `NAME_set_aside`.

use crate::{client::Client, routes};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many of the last rows of `NAME_set_aside` are looked through for those of a batch.
const LOOK_ROWS_MAX: usize = 10_000;
/// Letters of a row by which it is recognised, beside its number.
pub const HEAD_LETTERS: usize = 2_000;

/// Rows that were sent in one append.
pub trait Sent {
    /// Returns the line of the file of the row at this place of the append, from 0, where the row begins with `head` as JSON: others
    /// may have sent bad rows meanwhile.
    fn line(&self, place: usize, head: &str) -> Option<u64>;
}

/// Returns line and reason of the rows that were set aside, in order. Empty where they cannot be read: the import does not stop for
/// it.
pub fn reasons(client: &Client, stream: &str, sent: &dyn Sent) -> Vec<(u64, String)> {
    let statement = format!(
        "SELECT row_number, reason, left(\"row\", {HEAD_LETTERS}) AS head FROM \"{stream}_set_aside\" \
         ORDER BY \"_offset\" DESC LIMIT {LOOK_ROWS_MAX}"
    );
    let request = routes::sql_query().json(&json!({"sql": statement, "format": "json"}));
    client.send(&request).map_or_else(|_| Vec::new(), |found| of_sent(&found, sent))
}

/// Picks the rows of an append among all that were set aside, the newest first.
fn of_sent(found: &Value, sent: &dyn Sent) -> Vec<(u64, String)> {
    let mut reasons = BTreeMap::new();
    for entry in found.as_array().into_iter().flatten() {
        let Some((line, reason)) = reason(entry, sent) else { continue };
        reasons.entry(line).or_insert(reason);
    }
    reasons.into_iter().collect()
}

fn reason(entry: &Value, sent: &dyn Sent) -> Option<(u64, String)> {
    // Rows are counted from 1.
    let place = entry["row_number"].as_u64()?.checked_sub(1)?;
    let line = sent.line(usize::try_from(place).ok()?, entry["head"].as_str()?)?;
    Some((line, entry["reason"].as_str().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::batch::Batch;
    use super::*;

    #[test]
    fn the_rows_of_a_batch_are_told_from_those_of_others() {
        let mut batch = Batch::default();
        batch.push(2, "{\"n\":1}".into());
        batch.push(5, "{\"n\":\"x\"}".into());
        let found = json!([
            {"row_number": 2, "reason": "new", "head": "{\"n\":\"x\"}"},
            {"row_number": 2, "reason": "old", "head": "{\"n\":\"x\"}"},
            {"row_number": 1, "reason": "of another", "head": "{}"},
            {"row_number": 9, "reason": "of another", "head": "{\"n\":1}"},
        ]);
        assert_eq!(of_sent(&found, &batch), [(5, "new".to_owned())]);
        assert!(of_sent(&Value::Null, &batch).is_empty());
    }
}
