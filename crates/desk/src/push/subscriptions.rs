//! Subscriptions as people make, see and end them.

use super::encrypt::Browser;
use super::store::{
    self, drop_subscription, id_of, of_user, put_subscription, set_cursor, subscription,
    subscription_count,
};
use super::{TOPIC, endpoint, service_of};
use crate::Error;
use crate::engine::Desk;
use base::Problem;
use kernel::{Call, Principal, Reader, Reply, Tx};
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest text about a subscription in characters.
const SUMMARY_CHARACTERS_MAX: usize = 200;
/// The longest name of a language (BCP 47) that is kept.
const LANGUAGE_BYTES_MAX: usize = 35;

/// What a browser's page gives: what `PushSubscription.toJSON()` says, and two words of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    endpoint: String,
    keys: Keys,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    language: String,
    #[serde(default, rename = "expirationTime")]
    #[allow(dead_code, reason = "browsers give it; the push service says when it is over")]
    expires: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// `subscription.create`: tells a browser of the caller's tasks from now on. The same address again takes the place of what was there.
pub(crate) fn create(desk: &Desk, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let Create { endpoint, keys, summary, language, .. } = call.parameters()?;
    let Principal::User(user) = &call.actor else {
        let reason = "only people have browsers that can be told".to_owned();
        return Err(Error::Subscription { field: "endpoint", reason }.into());
    };
    endpoint::check(&endpoint, &desk.config)?;
    Browser::read(&keys.p256dh, &keys.auth)?;
    let is_language = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if LANGUAGE_BYTES_MAX < language.len() || !language.bytes().all(is_language) {
        let reason = "it is no language as `en` or `zh-Hans`".to_owned();
        return Err(Error::Subscription { field: "language", reason }.into());
    }
    let before = subscription(tx, &id_of(&endpoint))?.filter(|before| before.user == *user);
    if before.is_none() {
        make_room(desk, tx, user)?;
    }
    if subscription_count(tx)? == 0 {
        // Nobody was told of anything for a while, and nobody is told now what came meanwhile.
        set_cursor(tx, None);
    }
    let wall = tx.wall();
    let mut new = store::Subscription::new(endpoint, user.clone(), wall);
    (new.p256dh, new.auth, new.language) = (keys.p256dh, keys.auth, language);
    new.summary = summary.chars().take(SUMMARY_CHARACTERS_MAX).collect();
    new.credential = call.stamp.as_ref().map(kernel::Stamp::id);
    new.created = before.map_or(wall, |before| before.created);
    let id = put_subscription(tx, &new)?;
    tx.notify(TOPIC);
    Ok(Reply::Value(shown(&id, &new)))
}

/// Drops the oldest subscriptions of a user who has as many as he may have.
fn make_room(desk: &Desk, tx: &mut Tx<'_>, user: &str) -> Result<(), Problem> {
    let most = desk.config.push_subscriptions_max;
    if most <= subscription_count(tx)? {
        return Err(Error::Subscriptions { limit: most }.into());
    }
    let mut held = Vec::new();
    for id in of_user(tx, user)? {
        held.extend(subscription(tx, &id)?.map(|subscription| (subscription.renewed, id)));
    }
    held.sort();
    let too_many = (held.len() + 1).saturating_sub(desk.config.push_subscriptions_user_max.max(1));
    held.iter().take(too_many).try_for_each(|(_, id)| drop_subscription(tx, id))
}

/// `subscription.delete`: a browser is not told any more.
pub(crate) fn delete(_desk: &Desk, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    drop_subscription(tx, &call.resource.name)?;
    Ok(Reply::Value(json!({ "id": call.resource.name, "deleted": true })))
}

/// `subscription.list`: the caller's own.
pub(crate) fn list(_desk: &Desk, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
    let mut items = Vec::new();
    if let Principal::User(user) = reader.caller() {
        for id in of_user(reader, user)? {
            items.extend(subscription(reader, &id)?.map(|held| shown(&id, &held)));
        }
    }
    Ok(Reply::Value(json!({ "items": items })))
}

/// Returns a subscription without its address and its keys: who has them could tell the browser something.
fn shown(id: &str, held: &store::Subscription) -> Value {
    json!({
        "id": id,
        "service": service_of(&held.endpoint),
        "summary": held.summary,
        "language": held.language,
        "created": held.created,
        "renewed": held.renewed,
    })
}
