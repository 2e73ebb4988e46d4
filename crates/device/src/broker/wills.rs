//! Wills: what is published when a client is gone without a word. It is published as anything else that its principal says, with the rights
//! that he has at that moment.

use super::rows::{self, SessionRow};
use super::{key, topic};
use crate::engine::Fleet;
use crate::faults;
use crate::mqtt::Will;
use crate::publish::batch;
use base::Problem;
use kernel::{Call, ResourceRef, Tx};
use serde_json::json;

/// Publishes the will of a session, where it has one, and forgets it.
///
/// # Errors
/// Where the store cannot be read. A will that is refused, or damaged, is so by itself: its session goes on, or ends, all the same.
pub(crate) fn publish(fleet: &Fleet, tx: &mut Tx<'_>, row: &SessionRow) -> Result<(), Problem> {
    let found = rows::get::<Will>(tx, &key::will(row.number));
    tx.delete(key::will(row.number));
    let found = faults::go_on(tx, found, json!({"session": row.number, "what": "will"}))?;
    let Some(will) = found.flatten() else { return Ok(()) };
    let name = &will.publish.topic;
    let (operation, resource) = match topic::device_of(name) {
        Some(device) => ("device.publish", ResourceRef::new("device", device)),
        None => match fleet.broker.topics(tx)?.find(name) {
            Some(declared) => ("topic.publish", ResourceRef::new("topic", &*declared.name)),
            None => return Ok(()),
        },
    };
    let mut call = Call::new(operation, resource, row.principal.clone());
    call.media = batch::MEDIA.into();
    call.body = batch::encode(0, 0, &[will.publish], |_| None);
    if let Err(problem) = tx.ask(&call) {
        log::info!(target: "mqtt", "the will of {} was refused: {problem}", row.principal);
    }
    Ok(())
}
