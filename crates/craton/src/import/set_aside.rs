//! Why the unit set rows aside: it keeps them with their reasons in `NAME_set_aside`.

use super::batch::Batch;
use crate::{client::Client, routes};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many of the last rows of `NAME_set_aside` are looked through for those of a batch.
const LOOK_ROWS_MAX: usize = 10_000;
/// Letters of a row by which it is recognised, beside its number.
const HEAD_LETTERS: usize = 200;

/// Returns line and reason of the rows of a batch that were set aside, in order. Empty where they cannot be read: the import does
/// not stop for it.
pub fn reasons(client: &Client, stream: &str, batch: &Batch) -> Vec<(u64, String)> {
    let statement = format!(
        "SELECT row_number, reason, left(\"row\", {HEAD_LETTERS}) AS head FROM \"{stream}_set_aside\" \
         ORDER BY \"_offset\" DESC LIMIT {LOOK_ROWS_MAX}"
    );
    let request = routes::sql_query().json(&json!({"sql": statement, "format": "json"}));
    client.send(&request).map_or_else(|_| Vec::new(), |found| of_batch(&found, batch))
}

/// Picks the rows of a batch among all that were set aside, the newest first; others may have sent bad rows meanwhile.
fn of_batch(found: &Value, batch: &Batch) -> Vec<(u64, String)> {
    let mut reasons = BTreeMap::new();
    for entry in found.as_array().into_iter().flatten() {
        let Some((line, reason)) = reason(entry, batch) else { continue };
        reasons.entry(line).or_insert(reason);
    }
    reasons.into_iter().collect()
}

fn reason(entry: &Value, batch: &Batch) -> Option<(u64, String)> {
    // Rows are counted from 1.
    let place = entry["row_number"].as_u64()?.checked_sub(1)?;
    let (line, row) = batch.rows.get(usize::try_from(place).ok()?)?;
    let head: String = row.chars().take(HEAD_LETTERS).collect();
    let is_same = entry["head"].as_str()? == head;
    is_same.then(|| (*line, entry["reason"].as_str().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
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
        assert_eq!(of_batch(&found, &batch), [(5, "new".to_owned())]);
        assert!(of_batch(&Value::Null, &batch).is_empty());
    }
}
