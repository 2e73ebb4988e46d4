//! What is kept of subscriptions and notices, in the characters `5` to `9`.
//!
//! | character | key | value |
//! |---|---|---|
//! | `5` | subscription | [`Subscription`] |
//! | `6` | user, subscription | nothing |
//! | `7` | subscription, number of the news | [`Notice`] |
//! | `8` | when it is due, subscription, number of the news | nothing |
//! | `9` | `cursor` `subscriptions` `notices` | a number |
//! | `9` | `key` | the key that push services know the unit by |

use crate::Error;
use base::{Key, KeyReader, Problem, Time, prefix_end};
use kernel::{Found, Read, Tx};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of what is stored.
const STORED: u32 = 1;

/// Due notices that are read in one go.
const PAGE: usize = 500;

/// Bytes of the digest of its address that are the id of a subscription.
const ID_BYTES: usize = 16;

/// Where a browser of somebody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    v: u32,
    /// Its address at its push service.
    pub endpoint: String,
    /// The browser's public key, base64url.
    pub p256dh: String,
    /// What the browser shares with who sends, base64url.
    pub auth: String,
    /// Whose it is.
    pub user: String,
    /// What its user says of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The language in which it is told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// The id of the session or token that it was made by: it goes with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// When it was made, wall time.
    pub created: Time,
    /// When its page has last said that it is still there.
    pub renewed: Time,
}

impl Subscription {
    /// Returns a subscription as it is made at a time, without keys and words.
    pub(crate) fn new(endpoint: String, user: String, wall: Time) -> Self {
        let (v, none) = (STORED, String::new);
        let (p256dh, auth, summary, language) = (none(), none(), none(), none());
        let (credential, created, renewed) = (None, wall, wall);
        Self { v, endpoint, p256dh, auth, user, summary, language, credential, created, renewed }
    }
}

/// A task that a subscription is to be told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The subscription.
    pub subscription: String,
    /// The number of the news.
    pub number: u64,
    /// Whom: if the subscription has come to be somebody else's, it is not told.
    pub user: String,
    /// The task.
    pub task: String,
    /// What it says it is.
    pub title: String,
    /// Its process.
    pub process: String,
    /// When it is due, business time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// True where it is the user's own, false where he may take it.
    pub is_assigned: bool,
    /// When it is to be sent, wall time.
    pub at: Time,
    /// Until when it is worth sending, wall time.
    pub until: Time,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
}

/// Returns the id of a subscription: it tells its address apart and does not give it away.
pub(crate) fn id_of(endpoint: &str) -> String {
    base::hex(&base::sha256(endpoint.as_bytes())[..ID_BYTES])
}

/// Returns a subscription.
///
/// # Errors
/// Where the store cannot be read.
pub fn subscription(read: &dyn Read, id: &str) -> Result<Option<Subscription>, Problem> {
    load(read, &subscription_key(id))
}

/// Returns whether there is any subscription.
///
/// # Errors
/// Where the store cannot be read.
pub fn has_subscriptions(read: &dyn Read) -> Result<bool, Problem> {
    Ok(!read.scan_prefix(kernel::key(b'5').as_ref(), 1)?.is_empty())
}

/// Returns up to which news everybody was told, or is being told. Nothing where nobody was told anything yet.
///
/// # Errors
/// Where the store cannot be read.
pub fn cursor(read: &dyn Read) -> Result<Option<u64>, Problem> {
    let bytes = read.get(number_key(CURSOR).as_ref())?;
    Ok(bytes.map(|bytes| number_of(&bytes)))
}

/// Returns the notices that are due, the longest first, of as many as may wait.
///
/// # Errors
/// Where the store cannot be read.
pub fn due(read: &dyn Read, wall: Time) -> Result<Vec<Notice>, Problem> {
    let (mut from, to) = (kernel::key(b'8').bytes(), due_from(Time(wall.0.saturating_add(1))));
    let mut notices = Vec::new();
    loop {
        let pairs = read.scan(&from, to.as_ref(), PAGE, false)?;
        let Some((last, _)) = pairs.last() else { return Ok(notices) };
        from = [last.as_slice(), &[0]].concat();
        for (key, _) in &pairs {
            let mut parts = KeyReader::new(key);
            if let (Some(_), Some(id), Some(number)) =
                (parts.signed(), parts.text(), parts.number())
            {
                notices.extend(notice(read, &id, number)?);
            }
        }
    }
}

/// Returns when the next notice is due of those that are not due yet, wall time.
///
/// # Errors
/// Where the store cannot be read.
pub fn next_due(read: &dyn Read, wall: Time) -> Result<Option<Time>, Problem> {
    let (from, to) =
        (due_from(Time(wall.0.saturating_add(1))), prefix_end(kernel::key(b'8').as_ref()));
    let first = read.scan(from.as_ref(), &to, 1, false)?;
    Ok(first.first().and_then(|(key, _)| KeyReader::new(key).signed()).map(Time))
}

/// Returns what policies may know of a subscription: whose it is.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn found(read: &dyn Read, id: &str) -> Result<Option<Found>, Problem> {
    let Some(held) = subscription(read, id)? else { return Ok(None) };
    let mut found = Found::default();
    found.attributes.insert("owner", format!("user:{}", held.user));
    found.attributes.insert("assignee", held.user);
    Ok(Some(found))
}

/// Returns the ids of the subscriptions of everybody, with whose they are.
pub(crate) fn all(read: &dyn Read) -> Result<Vec<(String, String)>, Problem> {
    let pairs = read.scan_prefix(kernel::key(b'6').as_ref(), usize::MAX)?;
    Ok(pairs.iter().filter_map(|(key, _)| owned(key)).collect())
}

/// Returns the ids of the subscriptions of a user.
pub(crate) fn of_user(read: &dyn Read, user: &str) -> Result<Vec<String>, Problem> {
    let prefix = kernel::key(b'6').text(user);
    let pairs = read.scan_prefix(prefix.as_ref(), usize::MAX)?;
    Ok(pairs.iter().filter_map(|(key, _)| owned(key)).map(|(_, id)| id).collect())
}

/// Reads user and subscription of a key.
fn owned(key: &[u8]) -> Option<(String, String)> {
    let mut parts = KeyReader::new(key);
    Some((parts.text()?, parts.text()?))
}

/// Returns a notice that waits.
pub(crate) fn notice(read: &dyn Read, id: &str, number: u64) -> Result<Option<Notice>, Problem> {
    load(read, &notice_key(id, number))
}

/// Returns the notices of a subscription that wait, the oldest first.
pub(crate) fn notices_of(read: &dyn Read, id: &str, limit: usize) -> Result<Vec<Notice>, Problem> {
    let prefix = kernel::key(b'7').text(id);
    read.scan_prefix(prefix.as_ref(), limit)?.iter().map(|(_, bytes)| decode(bytes)).collect()
}

/// Writes a subscription in place of what was at its address.
pub(crate) fn put_subscription(tx: &mut Tx<'_>, held: &Subscription) -> Result<String, Problem> {
    let id = id_of(&held.endpoint);
    match subscription(tx, &id)? {
        Some(before) => tx.delete(owned_key(&before.user, &id)),
        None => add(tx, SUBSCRIPTIONS, 1)?,
    }
    store(tx, subscription_key(&id), held)?;
    tx.put(owned_key(&held.user, &id), Vec::new());
    Ok(id)
}

/// Removes a subscription, and what it was to be told.
pub(crate) fn drop_subscription(tx: &mut Tx<'_>, id: &str) -> Result<(), Problem> {
    let Some(held) = subscription(tx, id)? else { return Ok(()) };
    for notice in notices_of(tx, id, usize::MAX)? {
        drop_notice(tx, &notice)?;
    }
    tx.delete(subscription_key(id));
    tx.delete(owned_key(&held.user, id));
    add(tx, SUBSCRIPTIONS, -1)
}

/// Removes the subscriptions of a user who is no more.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn forget_user(tx: &mut Tx<'_>, user: &str) -> Result<(), Problem> {
    of_user(tx, user)?.iter().try_for_each(|id| drop_subscription(tx, id))
}

/// Removes the subscriptions that a user has made by a session or a token that was ended.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn forget_credential(
    tx: &mut Tx<'_>,
    user: &str,
    credential: &str,
) -> Result<(), Problem> {
    for id in of_user(tx, user)? {
        let held = subscription(tx, &id)?;
        if held.is_some_and(|held| held.credential.as_deref() == Some(credential)) {
            drop_subscription(tx, &id)?;
        }
    }
    Ok(())
}

/// Writes a notice in place of what was under its number.
pub(crate) fn put_notice(tx: &mut Tx<'_>, new: &Notice) -> Result<(), Problem> {
    match notice(tx, &new.subscription, new.number)? {
        Some(before) => tx.delete(due_key(&before)),
        None => add(tx, NOTICES, 1)?,
    }
    store(tx, notice_key(&new.subscription, new.number), new)?;
    tx.put(due_key(new), Vec::new());
    Ok(())
}

/// Removes a notice that waits.
pub(crate) fn drop_notice(tx: &mut Tx<'_>, held: &Notice) -> Result<(), Problem> {
    tx.delete(due_key(held));
    tx.delete(notice_key(&held.subscription, held.number));
    add(tx, NOTICES, -1)
}

/// Says up to which news everybody was told; nothing has whoever sends begin with what comes next.
pub(crate) fn set_cursor(tx: &mut Tx<'_>, cursor: Option<u64>) {
    match cursor {
        Some(cursor) => tx.put(number_key(CURSOR), cursor.to_be_bytes().to_vec()),
        None => tx.delete(number_key(CURSOR)),
    }
}

/// Returns how many subscriptions there are.
pub(crate) fn subscription_count(read: &dyn Read) -> Result<u64, Problem> {
    count(read, SUBSCRIPTIONS)
}

/// Returns how many notices wait.
pub(crate) fn notice_count(read: &dyn Read) -> Result<u64, Problem> {
    count(read, NOTICES)
}

const CURSOR: &str = "cursor";
const SUBSCRIPTIONS: &str = "subscriptions";
const NOTICES: &str = "notices";

fn count(read: &dyn Read, name: &str) -> Result<u64, Problem> {
    Ok(read.get(number_key(name).as_ref())?.map_or(0, |bytes| number_of(&bytes)))
}

fn add(tx: &mut Tx<'_>, name: &str, change: i64) -> Result<(), Problem> {
    let count = count(tx, name)?.saturating_add_signed(change);
    tx.put(number_key(name), count.to_be_bytes().to_vec());
    Ok(())
}

fn number_of(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn subscription_key(id: &str) -> Key {
    kernel::key(b'5').text(id)
}

fn owned_key(user: &str, id: &str) -> Key {
    kernel::key(b'6').text(user).text(id)
}

fn notice_key(id: &str, number: u64) -> Key {
    kernel::key(b'7').text(id).number(number)
}

fn due_from(at: Time) -> Key {
    kernel::key(b'8').signed(at.0)
}

fn due_key(notice: &Notice) -> Key {
    due_from(notice.at).text(&notice.subscription).number(notice.number)
}

fn number_key(name: &str) -> Key {
    kernel::key(b'9').text(name)
}

fn load<T: DeserializeOwned>(read: &dyn Read, key: &Key) -> Result<Option<T>, Problem> {
    read.get(key.as_ref())?.map(|bytes| decode(&bytes)).transpose()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| internal(&error))
}

fn store<T: Serialize>(tx: &mut Tx<'_>, key: Key, value: &T) -> Result<(), Problem> {
    tx.put(key, serde_json::to_vec(value).map_err(|error| internal(&error))?);
    Ok(())
}

fn internal(error: &serde_json::Error) -> Problem {
    Error::Internal { detail: format!("what is kept of notifications: {error}") }.into()
}
