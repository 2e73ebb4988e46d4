//! The signing keys of this unit: rotated and revoked while it runs, and told to its peers.
//!
//! A new key comes into use in the commit that publishes it: the entry that the root has signed, the secret half (sealed under the
//! unit's secret key), and a message with the new card for every peer stand in one commit, and whatever is signed reads the keys
//! as of its own commit. A revocation is an entry that the root signs anew with an earlier end; peers keep the earlier of two.

use crate::Error;
use crate::engine::Exchange;
use crate::identity::{Card, Identity, KeyEntry, signing_key};
use crate::link::{send, topic};
use crate::signature::Request;
use crate::state;
use crate::wire::{Message, Peer};
use base::{Key, Period, Problem, Time};
use kernel::secrets::SecretValue;
use kernel::{Call, Cell, Read, Reader, Reply, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a signing key is valid where nothing else is said, in days.
const DAYS: u32 = 3_650;

/// Where every unit shows its card.
const CARD_PATH: &str = "/v1/exchange/card";

/// The largest card in bytes.
const CARD_BYTES_MAX: usize = 256 << 10;

/// What the store holds of keys, beside those of the unit's folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Keys {
    /// Entries that were made since, and those that were signed anew with an earlier end.
    entries: Vec<KeyEntry>,
    /// What was revoked, by number.
    #[serde(default)]
    revoked: BTreeMap<u64, Revoked>,
    /// A key that waits for the signature of a root that is kept elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prepared: Option<KeyEntry>,
}

/// Who revoked a key, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Revoked {
    at: Time,
    by: String,
    #[serde(default)]
    reason: String,
}

/// Cards of peers that are to be fetched, because somebody has shown a key that is not known.
#[derive(Debug, Default)]
pub(crate) struct Pulls {
    state: Mutex<HashMap<String, Pull>>,
}

#[derive(Debug, Clone, Copy)]
struct Pull {
    /// Since the process began.
    asked_at: Duration,
    is_wanted: bool,
}

impl Pulls {
    /// Wants the card of a peer, unless it was wanted less than `pause` ago. Returns whether it is news.
    fn want(&self, unit: &str, now: Duration, pause: Duration) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_early =
            state.get(unit).is_some_and(|pull| now.saturating_sub(pull.asked_at) < pause);
        if !is_early {
            state.insert(unit.to_owned(), Pull { asked_at: now, is_wanted: true });
        }
        !is_early
    }

    /// Returns whether the card of a peer is wanted, once.
    pub(crate) fn take(&self, unit: &str) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.get_mut(unit).is_some_and(|pull| std::mem::take(&mut pull.is_wanted))
    }
}

impl Exchange {
    /// Returns who this unit is and with which keys it signs, as of what is seen.
    ///
    /// # Errors
    /// Where the store cannot be read, or a key cannot be unsealed.
    pub fn identity_of(&self, read: &dyn Read) -> Result<Arc<Identity>, Problem> {
        let key = keys_key();
        let Some(bytes) = read.get(key.as_ref())? else { return Ok(Arc::clone(&self.identity)) };
        read.kernel().decoded(key.as_ref(), &bytes, |bytes| self.identity_with(read, bytes))
    }

    fn identity_with(&self, read: &dyn Read, bytes: &[u8]) -> Result<Identity, Problem> {
        let keys: Keys = state::decode(bytes)?;
        let mut further = Vec::new();
        for entry in keys.entries {
            let secret = read.kernel().hidden(read, crate::engine::NAME, &hidden(&entry))?;
            let secret = secret.map(|secret| signing_key(secret.expose())).transpose()?;
            // After a restore another key of the same number may have been prepared here.
            let secret = secret.filter(|secret| entry.is_of(secret));
            further.push((entry, secret));
        }
        Ok(self.identity.with(further)?)
    }

    /// Returns what this unit shows of itself, as of what is seen.
    ///
    /// # Errors
    /// As [`Exchange::identity_of`].
    pub fn card_of(&self, read: &dyn Read) -> Result<Card, Problem> {
        let (url, certificate) = (self.card.url.as_deref(), self.card.tls_certificate.as_deref());
        Ok(self.identity_of(read)?.card(url, certificate))
    }

    /// `key.list`.
    pub(crate) fn list_keys(&self, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
        let keys = held(reader)?;
        let identity = self.identity_of(reader)?;
        let wall = reader.kernel().clock().wall();
        let signs = identity.key_number(wall).ok();
        let rows: Vec<Value> =
            identity.entries().map(|entry| row(entry, &keys, signs, wall)).collect();
        Ok(Reply::Value(json!({
            "items": rows, "unit": identity.unit(), "root": if identity.has_root() { "here" } else { "elsewhere" },
            "prepared": keys.prepared,
        })))
    }

    /// Rows of `system.signing_keys`.
    pub(crate) fn key_rows(
        &self,
        reader: &Reader,
        each: &mut dyn FnMut(Vec<Cell>) -> Result<bool, Problem>,
    ) -> Result<(), Problem> {
        let keys = held(reader)?;
        let identity = self.identity_of(reader)?;
        let wall = reader.kernel().clock().wall();
        let signs = identity.key_number(wall).ok();
        for entry in identity.entries() {
            let revoked = keys.revoked.get(&entry.number);
            let cells = vec![
                Cell::Int(entry.number.cast_signed()),
                Cell::Text(entry.key.clone()),
                Cell::Text(state_of(entry, &keys, signs, wall).into()),
                Cell::Time(entry.from.0),
                Cell::Time(entry.until.0),
                Cell::time(revoked.map(|revoked| revoked.at)),
                Cell::text(revoked.map(|revoked| revoked.by.clone())),
                Cell::text(revoked.map(|revoked| revoked.reason.clone())),
            ];
            if !each(cells)? {
                break;
            }
        }
        Ok(())
    }

    /// `key.prepare`: makes the next key and says what a root that is kept elsewhere has to sign.
    pub(crate) fn prepare_key(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let mut keys = held(tx)?;
        let entry = self.new_key(tx, call)?;
        keys.prepared = Some(entry.clone());
        state::store(tx, keys_key(), &keys)?;
        Ok(Reply::Value(json!({"unit": self.identity.unit(), "entry": entry})))
    }

    /// `key.rotate`: publishes the next key, and signs with it from this commit on.
    pub(crate) fn rotate_key(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let mut keys = held(tx)?;
        let entry = match call.text("signature") {
            Some(signature) => {
                let missing = || wrong("no key was prepared that a root could have signed");
                KeyEntry {
                    signature: signature.into(),
                    ..keys.prepared.take().ok_or_else(missing)?
                }
            }
            None => {
                let mut entry = self.new_key(tx, call)?;
                self.identity.vouch(&mut entry)?;
                entry
            }
        };
        if entry.number <= self.identity_of(tx)?.number_max() {
            return Err(wrong("another key was published since this one was prepared").into());
        }
        keys.prepared = None;
        keys.entries.push(entry.clone());
        self.publish(tx, &keys)?;
        Ok(Reply::Value(json!({
            "number": entry.number, "key": entry.key, "from": entry.from, "until": entry.until,
        })))
    }

    /// `key.revoke`: a key's later signatures do not count any more. What it has signed before does.
    pub(crate) fn revoke_key(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            number: u64,
            until: Option<Time>,
            #[serde(default)]
            reason: String,
            signature: Option<String>,
        }
        let Parameters { number, until, reason, signature } = call.parameters()?;
        let identity = self.identity_of(tx)?;
        let missing = || Error::KeyNotFound { number };
        let found = identity.entries().find(|entry| entry.number == number).ok_or_else(missing)?;
        let (wall, mut entry) = (tx.wall(), found.clone());
        entry.until = until.unwrap_or(wall);
        if found.until <= entry.until || wall < entry.until {
            let reason = "a revocation ends a key earlier than it would end, and not in the future";
            return Err(wrong(reason).into());
        }
        match signature {
            Some(signature) => entry.signature = signature,
            None => self.identity.vouch(&mut entry)?,
        }
        let mut keys = held(tx)?;
        keys.entries.retain(|held| held.number != number);
        keys.entries.push(entry.clone());
        let by = call.actor.to_string();
        keys.revoked.insert(number, Revoked { at: wall, by, reason: state::short(&reason) });
        self.publish(tx, &keys)?;
        Ok(Reply::Value(json!({"number": number, "until": entry.until})))
    }

    /// `exchange.follow`: takes over what a card says that was fetched from a peer.
    pub(crate) fn follow_card(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            card: Card,
        }
        let Parameters { card } = call.parameters()?;
        let Some(peer) = state::peer_of(tx, &card.unit)? else {
            return Err(Error::PeerNotFound { peer: state::short(&card.unit) }.into());
        };
        let peer = self.follow(tx, peer, card)?;
        Ok(Reply::Value(json!({"peer": peer.name, "key_number": peer.card.number_max()})))
    }

    /// Takes back what a peer knows of this unit's own keys, where it was restored from before they were published or revoked. Their
    /// secret halves are lost, and what they signed can be proved again.
    pub(crate) fn recall_keys(&self, tx: &mut Tx<'_>, told: &Card) -> Result<(), Problem> {
        let own = self.card_of(tx)?;
        let Some(merged) = own.merged(told) else { return Ok(()) };
        let mut keys = held(tx)?;
        for entry in merged.keys.into_iter().filter(|entry| !own.keys.contains(entry)) {
            keys.entries.retain(|held| held.number != entry.number);
            keys.entries.push(entry);
        }
        state::store(tx, keys_key(), &keys)
    }

    /// Notes that a peer has shown a key that is not known: its card is fetched, not more often than the limit says.
    pub(crate) fn want_card(&self, read: &dyn Read, peer: &Peer) {
        let now = read.kernel().clock().monotonic();
        let pause = Duration::from_millis(self.config.card_pull_ms_min);
        if peer.url.is_some() && self.pulls.want(&peer.card.unit, now, pause) {
            self.bell.ring(&BTreeSet::from([topic(&peer.card.unit)]));
        }
    }

    /// Fetches the card of a peer. Nothing is signed: the card is for everybody, and the peer may not know this unit's newest key
    /// either.
    pub(crate) fn fetch_card(&self, peer: &Peer) -> Result<Card, Problem> {
        let unreachable = |reason: String| Error::Unreachable { peer: peer.name.clone(), reason };
        let network = self.network.get();
        let network = network.ok_or_else(|| unreachable("this unit has no network".into()))?;
        let url = peer.url.as_deref().ok_or_else(|| unreachable("it has no address".into()))?;
        let request = Request {
            method: "GET".into(),
            url: format!("{}{CARD_PATH}", url.trim_end_matches('/')),
            path: CARD_PATH.into(),
            tls_certificate: peer.card.tls_certificate.clone(),
            ..Request::default()
        };
        let response = network.send(&request).map_err(|error| unreachable(error.reason))?;
        if response.status != 200 {
            return Err(unreachable(format!("answered {}", response.status)).into());
        }
        if CARD_BYTES_MAX < response.body.len() {
            let limit = CARD_BYTES_MAX as u64;
            return Err(Error::Limit { what: "the card of the peer".into(), limit }.into());
        }
        let wrong = |error: serde_json::Error| Error::Card { reason: error.to_string() };
        Ok(serde_json::from_slice(&response.body).map_err(wrong)?)
    }

    /// Makes a key whose secret half is sealed in this commit; the root has still to sign it.
    fn new_key(&self, tx: &mut Tx<'_>, call: &Call) -> Result<KeyEntry, Problem> {
        let highest = self.identity_of(tx)?.number_max();
        let number = call.number("number")?.unwrap_or(highest + 1);
        let days = call.number("days")?.unwrap_or(DAYS.into());
        let limit = self.config.signing_keys_max as u64;
        if limit <= self.identity_of(tx)?.entries().count() as u64 {
            return Err(Error::Limit { what: "the number of signing keys".into(), limit }.into());
        }
        if number <= highest || days == 0 || u64::from(DAYS) < days {
            let reason = format!(
                "its number is higher than {highest}, and it is valid for 1 to {DAYS} days"
            );
            return Err(Error::Key { reason }.into());
        }
        let valid = Period::days(i64::try_from(days).map_err(Error::internal)?);
        let (entry, secret) = Identity::prepare(self.entropy.as_ref(), number, tx.wall(), valid);
        let value = SecretValue::new(secret.as_bytes().to_vec());
        tx.hide(crate::engine::NAME, &hidden(&entry), &value)?;
        Ok(entry)
    }

    /// Writes keys down, after all that has to be true of them was checked, and tells every peer.
    fn publish(&self, tx: &mut Tx<'_>, keys: &Keys) -> Result<(), Problem> {
        state::store(tx, keys_key(), keys)?;
        let identity = self.identity_of(tx)?;
        if identity.key_number(tx.wall()).is_err() {
            return Err(wrong("no signing key would be left; rotate first").into());
        }
        let card = self.card_of(tx)?;
        let at = tx.business();
        for peer in state::peers(tx)? {
            send(tx, &peer.card.unit, at, &Message::Card { card: card.clone() })?;
        }
        Ok(())
    }
}

fn wrong(reason: &str) -> Error {
    Error::Key { reason: reason.into() }
}

fn keys_key() -> Key {
    kernel::key(b'h').text("keys")
}

/// The name under which the secret half of a key is sealed.
fn hidden(entry: &KeyEntry) -> String {
    format!("signing-key/{}", entry.number)
}

fn held(read: &dyn Read) -> Result<Keys, Problem> {
    Ok(state::load(read, &keys_key())?.unwrap_or_default())
}

fn state_of(entry: &KeyEntry, keys: &Keys, signs: Option<u64>, wall: Time) -> &'static str {
    if keys.revoked.contains_key(&entry.number) {
        "revoked"
    } else if Some(entry.number) == signs {
        "signs"
    } else if entry.is_valid(wall) {
        "valid"
    } else if wall < entry.from {
        "to come"
    } else {
        "expired"
    }
}

fn row(entry: &KeyEntry, keys: &Keys, signs: Option<u64>, wall: Time) -> Value {
    let mut row = json!({
        "number": entry.number, "key": entry.key, "from": entry.from, "until": entry.until,
        "signature": entry.signature, "state": state_of(entry, keys, signs, wall),
    });
    if let Some(revoked) = keys.revoked.get(&entry.number) {
        row["revoked_at"] = json!(revoked.at);
        row["revoked_by"] = json!(revoked.by);
        row["reason"] = json!(revoked.reason);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_fetched_once_and_not_too_often() {
        let pulls = Pulls::default();
        let pause = Duration::from_secs(30);
        let at = Duration::from_secs;
        assert!(!pulls.take("a"));
        assert!(pulls.want("a", at(100), pause) && pulls.take("a") && !pulls.take("a"));
        assert!(!pulls.want("a", at(129), pause) && !pulls.take("a"), "too early");
        assert!(pulls.want("b", at(101), pause), "each peer by itself");
        assert!(pulls.want("a", at(130), pause) && pulls.take("a"));
    }
}
