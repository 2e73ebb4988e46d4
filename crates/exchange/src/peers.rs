//! Peers: who they are, how they are recognised, and how their keys are followed.

use crate::engine::Exchange;
use crate::identity::Card;
use crate::restore;
use crate::signature::{claim, claimed_unit, nonce_id};
use crate::state::{self, Mark, mark_key, number, peer_key, unit_key};
use crate::wire::{Envelope, Peer, State};
use crate::{Config, Error};
use base::{Name, Problem, Time};
use kernel::{Call, Principal, Read, Reader, Reply, Signed, Tx};
use serde::Deserialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Nonces that were seen, and the times before which every signature is refused.
///
/// Each peer has a table of its own, so that none moves the times of another, whatever it signs. Who is not known has none.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    peers: BTreeMap<String, Seen>,
    /// Nonces in all tables.
    count: usize,
    /// Signatures made at or before this time cannot be told from replayed ones any more.
    floor: Option<Time>,
}

/// What is remembered of the signatures of one peer.
#[derive(Debug, Default)]
struct Seen {
    /// When each was made, and its nonce: whoever replays one shows both.
    nonces: BTreeSet<(Time, u128)>,
    /// As that of all peers.
    floor: Option<Time>,
}

impl Seen {
    /// Forgets what was made before a time, and the oldest where more than `count_max` are left. Returns how many.
    fn forget(&mut self, before: Time, count_max: usize) -> usize {
        let count = self.nonces.len();
        while let Some((oldest, _)) = self.nonces.first().copied() {
            if before <= oldest && self.nonces.len() <= count_max {
                break;
            }
            self.floor = self.floor.max(Some(oldest));
            self.nonces.pop_first();
        }
        count - self.nonces.len()
    }
}

impl Nonces {
    /// Refuses whatever was signed before `started`, when nobody was here to remember nonces.
    pub(crate) fn start(&mut self, started: Time) {
        // Signatures carry whole seconds: one of the same second may have been used before. It is signed again.
        self.floor = Some(Time(started.0.div_euclid(1_000) * 1_000));
    }

    /// Takes a signature of a peer that was made at `created`, once.
    fn admit(
        &mut self,
        unit: &str,
        (created, id): (Time, u128),
        wall: Time,
        config: &Config,
    ) -> Result<(), Error> {
        let stale = |reason: &str| Err(Error::Stale { reason: reason.into() });
        if self.floor.is_none() {
            self.start(wall);
        }
        let age = config.signature_age_seconds_max.saturating_mul(1_000);
        let ahead = config.signature_ahead_seconds_max.saturating_mul(1_000);
        let past = wall.0.saturating_sub(created.0);
        if age < past {
            return stale("it was signed too long ago, or one of the clocks is wrong");
        }
        if past < ahead.saturating_neg() {
            return stale("it was signed in the future: one of the clocks is wrong");
        }
        if self.floor.is_some_and(|floor| created <= floor) {
            return stale("it was signed before this unit started");
        }
        let before = Time(wall.0.saturating_sub(age));
        if !self.peers.contains_key(unit) {
            self.sweep(before);
        }
        let seen = self.peers.entry(unit.to_owned()).or_default();
        if seen.floor.is_some_and(|floor| created <= floor) {
            return stale("it is older than the signatures of its peer that are remembered");
        }
        if !seen.nonces.insert((created, id)) {
            return stale("it was used before");
        }
        self.count += 1;
        self.count -= seen.forget(before, config.nonces_each_max);
        if config.nonces_max < self.count {
            self.sweep(before);
        }
        // Whoever has most makes room for the others.
        while config.nonces_max < self.count {
            let longest = self.peers.values_mut().max_by_key(|seen| seen.nonces.len());
            let Some(longest) = longest else { break };
            self.count -= longest.forget(before, longest.nonces.len().saturating_sub(1));
        }
        Ok(())
    }

    /// Forgets what is too old to be replayed, also of peers that have gone quiet.
    fn sweep(&mut self, before: Time) {
        let (mut count, mut floor) = (0, self.floor);
        self.peers.retain(|_, seen| {
            seen.forget(before, usize::MAX);
            count += seen.nonces.len();
            let is_needed = !seen.nonces.is_empty() || Some(before) <= seen.floor;
            if !is_needed {
                // Nothing so old is taken any more, unless the clock goes back.
                floor = floor.max(seen.floor);
            }
            is_needed
        });
        (self.count, self.floor) = (count, floor);
    }
}

impl Exchange {
    /// Says from which peer a signed request says that it is. Nothing else of it is checked.
    pub(crate) fn claimed_by(
        &self,
        read: &dyn Read,
        signed: &Signed,
    ) -> Result<Option<Principal>, Problem> {
        let Some(unit) = claimed_unit(signed)? else { return Ok(None) };
        if state::peer_of(read, &unit)?.is_none() {
            return Err(stranger().into());
        }
        Ok(Some(Principal::Peer(unit)))
    }

    /// Recognises a peer by its signature over a request.
    pub(crate) fn recognise(
        &self,
        read: &dyn Read,
        signed: &Signed,
    ) -> Result<Option<Principal>, Problem> {
        let Some(claim) = claim(signed)? else { return Ok(None) };
        let refuse = |reason: &str| Error::Signature { reason: reason.into() };
        let Some(peer) = state::peer_of(read, &claim.unit)? else {
            return Err(stranger().into());
        };
        if claim.tag != self.identity.unit() {
            return Err(refuse("it is meant for another unit").into());
        }
        let mut card = Cow::Borrowed(&peer.card);
        if card.number_max() < claim.signed.key {
            match card_within(&signed.body).and_then(|newer| card.merged(&newer)) {
                Some(newer) => card = Cow::Owned(newer),
                None => self.want_card(read, &peer),
            }
        }
        card.check(&claim.signed, claim.created, claim.base.as_bytes())?;
        let wall = read.kernel().clock().wall();
        // `created` says what the signer likes: a key that has ended opens no door, however early it says that it signed.
        let key = card.keys.iter().find(|key| key.number == claim.signed.key);
        if key.is_some_and(|key| key.until <= wall) {
            return Err(refuse(&format!("key {} has ended", claim.signed.key)).into());
        }
        let made = (claim.created, nonce_id(&claim.unit, &claim.nonce));
        let mut nonces = self.nonces.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        nonces.admit(&claim.unit, made, wall, &self.config)?;
        Ok(Some(Principal::Peer(claim.unit)))
    }

    /// Follows a peer to its newer keys, and to earlier ends of known ones.
    pub(crate) fn follow(
        &self,
        tx: &mut Tx<'_>,
        peer: Arc<Peer>,
        card: Card,
    ) -> Result<Arc<Peer>, Problem> {
        let Some(merged) = peer.card.merged(&card) else { return Ok(peer) };
        let mut peer = Arc::unwrap_or_clone(peer);
        peer.card.keys = merged.keys;
        state::store(tx, peer_key(&peer.name), &peer)?;
        Ok(Arc::new(peer))
    }

    /// `exchange.card`.
    pub(crate) fn show_card(&self, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
        Reply::of(&self.card_of(reader)?)
    }

    /// `peer.add`.
    pub(crate) fn add_peer(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parameters {
            name: Name,
            card: Option<Card>,
            key: Option<String>,
            url: Option<String>,
        }
        let parameters: Parameters = call.parameters()?;
        let name = parameters.name.as_str();
        let mut card = match (parameters.card, parameters.key) {
            (Some(card), None) => card,
            (None, Some(key)) => Card::of_key(name, &key)?,
            _ => return Err(Error::Card { reason: "give either a card or a key".into() }.into()),
        };
        card.verify()?;
        if card.unit == self.identity.unit() {
            return Err(Error::Card { reason: "it is this unit's own".into() }.into());
        }
        let url = parameters.url.or_else(|| card.url.clone());
        if url
            .as_ref()
            .is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            return Err(Error::Card {
                reason: "its url does not begin with http:// or https://".into(),
            }
            .into());
        }
        let held: Option<Peer> = state::load(tx, &peer_key(name))?;
        let is_other_unit = held.as_ref().is_some_and(|held| held.card.unit != card.unit);
        let holder = state::peer_of(tx, &card.unit)?.filter(|holder| holder.name != name);
        if is_other_unit || holder.is_some() {
            let peer = holder.map_or_else(|| name.to_owned(), |holder| holder.name.clone());
            return Err(Error::PeerExists { peer }.into());
        }
        if held.as_ref().is_some_and(|held| card.number_max() < held.card.number_max()) {
            return Err(
                Error::Card { reason: "it is older than the one that is known".into() }.into()
            );
        }
        // What is known to have ended does not begin again.
        if let Some(held) = &held {
            card.keys =
                held.card.merged(&card).map_or_else(|| held.card.keys.clone(), |both| both.keys);
        }
        let added_at = held.map_or(tx.wall(), |held| held.added_at);
        tx.put(unit_key(&card.unit), name.as_bytes().to_vec());
        let peer = Peer { name: name.into(), card, url, added_at };
        restore::meet(tx, &peer)?;
        state::store(tx, peer_key(name), &peer)?;
        tx.notify(crate::engine::PEERS);
        tx.notify(&crate::link::topic(&peer.card.unit));
        Ok(Reply::Value(self.peer_json(tx, &peer)?))
    }

    /// `peer.list`.
    pub(crate) fn list_peers(&self, reader: &Reader, _call: &Call) -> Result<Reply, Problem> {
        let peers = state::peers(reader)?;
        let rows =
            peers.iter().map(|peer| self.peer_json(reader, peer)).collect::<Result<Vec<_>, _>>()?;
        Ok(Reply::Value(json!({"items": rows})))
    }

    /// `peer.get`.
    pub(crate) fn get_peer(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let peer = state::peer(reader, &call.resource.name)?;
        let mut json = self.peer_json(reader, &peer)?;
        json["card"] = serde_json::to_value(&peer.card).map_err(Error::internal)?;
        Ok(Reply::Value(json))
    }

    fn peer_json(&self, read: &dyn Read, peer: &Peer) -> Result<Value, Problem> {
        let unit = &peer.card.unit;
        Ok(json!({
            "name": peer.name, "unit": unit, "url": peer.url, "added_at": peer.added_at,
            "key_number": peer.card.number_max(),
            "sent": number(read, &mark_key(unit, Mark::Sent))?,
            "waiting": crate::link::outbox_length(read, unit)?,
            "received": number(read, &mark_key(unit, Mark::Received))?,
            "problem": self.bell.problem(unit),
        }))
    }

    /// `peer.remove`. The numbers of the link stay, should the peer come back.
    pub(crate) fn remove_peer(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let peer = state::peer(tx, &call.resource.name)?;
        let contracts = state::contracts(tx)?;
        let alive = contracts.iter().find(|contract| {
            contract.peer == peer.card.unit && contract.state != State::Terminated
        });
        if let Some(contract) = alive {
            return Err(Error::State {
                contract: contract.name.clone(),
                state: contract.state.as_str().into(),
                wanted: "end it before its peer is removed",
            }
            .into());
        }
        tx.delete(peer_key(&peer.name));
        tx.delete(unit_key(&peer.card.unit));
        tx.notify(crate::engine::PEERS);
        Ok(Reply::Value(json!({"removed": peer.name})))
    }
}

fn stranger() -> Error {
    Error::Signature { reason: "the unit is no peer of this one".into() }
}

/// Returns the card that comes with an envelope.
fn card_within(body: &[u8]) -> Option<Card> {
    serde_json::from_slice::<Envelope>(body).ok()?.card
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time(1_700_000_000_000 + seconds * 1_000)
    }

    /// Remembers five signatures of a peer, and eight of all.
    fn few() -> Config {
        Config { nonces_each_max: 5, nonces_max: 8, ..Config::default() }
    }

    /// Shows a signature of a peer, made and seen at such seconds.
    fn show(nonces: &mut Nonces, unit: &str, id: u128, [created, wall]: [i64; 2]) -> bool {
        nonces.admit(unit, (at(created), id), at(wall), &few()).is_ok()
    }

    #[test]
    fn a_signature_counts_once_and_only_while_it_is_fresh() {
        let mut nonces = Nonces::default();
        nonces.start(at(0));
        let mut admit = |id, times| show(&mut nonces, "a", id, times);
        assert!(admit(1, [1, 1]));
        assert!(!admit(1, [1, 2]), "replayed");
        assert!(!admit(2, [0, 1]), "made before the start");
        assert!(!admit(3, [1, 302]), "too old");
        assert!(!admit(4, [332, 301]), "from the future");
        assert!(admit(5, [301, 301]));
        assert!(admit(6, [331, 301]), "clocks differ a little");
        for created in [i64::MIN, i64::MAX] {
            assert!(nonces.admit("a", (Time(created), 7), at(301), &few()).is_err(), "{created}");
        }
    }

    #[test]
    fn nonces_that_are_forgotten_for_want_of_room_cannot_be_replayed() {
        let mut nonces = Nonces::default();
        nonces.start(at(-1));
        for second in 0..20 {
            assert!(show(&mut nonces, "a", 0, [second, 20]));
        }
        assert_eq!(nonces.count, 5);
        for second in 0..20 {
            assert!(!show(&mut nonces, "a", 0, [second, 21]));
        }
    }

    #[test]
    fn a_peer_that_signs_without_end_and_in_the_future_locks_out_nobody_but_itself() {
        let mut nonces = Nonces::default();
        nonces.start(at(-1));
        assert!(show(&mut nonces, "b", 1, [0, 0]));
        let taken = (0..20).filter(|id| show(&mut nonces, "a", *id, [30, 0])).count();
        assert!(taken < 20 && !show(&mut nonces, "a", 99, [30, 0]), "{taken}: its table is full");
        assert!(show(&mut nonces, "b", 2, [0, 1]), "another one goes on");
        // More than all tables may hold: whoever has most makes room.
        for unit in ["c", "d", "e"] {
            assert!(show(&mut nonces, unit, 1, [1, 1]) && show(&mut nonces, unit, 2, [1, 1]));
        }
        assert!(nonces.count <= 8, "{}", nonces.count);
        assert!(show(&mut nonces, "b", 3, [1, 1]));
        assert!(!show(&mut nonces, "b", 1, [0, 1]), "replayed");
    }

    #[test]
    fn a_peer_that_has_gone_quiet_takes_no_room_and_is_replayed_by_nobody() {
        let mut nonces = Nonces::default();
        nonces.start(at(-1));
        assert!(show(&mut nonces, "a", 1, [5, 5]));
        assert!(show(&mut nonces, "b", 1, [400, 400]));
        assert_eq!((nonces.peers.len(), nonces.count), (1, 1));
        assert!(!show(&mut nonces, "a", 1, [5, 6]), "also where the clock has gone back");
    }
}
