//! The keys of the exchange, in the letters `a` to `h`, and how they are read and written.
//!
//! | letter | key | value |
//! |---|---|---|
//! | `a` | peer name | [`Peer`] |
//! | `b` | unit | peer name |
//! | `c` | unit, `sent` `received` `cleared` | a number |
//! | `d` | unit, number | a message that waits for acknowledgement |
//! | `e` | contract name | [`Contract`] |
//! | `f` | contract, call | [`CallRecord`] |
//! | `g` | contract, number of the first | [`Batch`] |
//! | `h` | `chain` `fresh` `settled` `unsettled` `sum` `open` `reply` `lending` `reading` `taken` `meter` `keys` … | see below |
//! | `h` | `restored` `reconcile` `incarnation` `lost` `held` | see [`crate::restore`] |

use crate::Error;
use crate::wire::{Batch, CallRecord, Chain, Contract, FetchRecord, Meter, Peer, Settlement, Sum};
use base::{Key, KeyReader, Problem};
use kernel::{Address, Read, Tx, key};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// The version of stored values, their first byte.
const STORED: u8 = 1;

/// The three numbers of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The last message written to the peer.
    Sent,
    /// The last message of the peer that was handled.
    Received,
    /// The last message to the peer that was acknowledged and is no longer stored.
    Cleared,
}

impl Mark {
    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
            Self::Cleared => "cleared",
        }
    }
}

pub(crate) fn peer_key(name: &str) -> Key {
    key(b'a').text(name)
}

pub(crate) fn unit_key(unit: &str) -> Key {
    key(b'b').text(unit)
}

pub(crate) fn mark_key(unit: &str, mark: Mark) -> Key {
    key(b'c').text(unit).text(mark.as_str())
}

/// The beginning of all marks.
pub(crate) fn marks_key() -> Key {
    key(b'c')
}

/// Reads a mark's key.
pub(crate) fn mark_of(key: &[u8]) -> Option<(String, Mark)> {
    let mut reader = KeyReader::new(key);
    let unit = reader.text()?;
    let name = reader.text()?;
    let mark = [Mark::Sent, Mark::Received, Mark::Cleared]
        .into_iter()
        .find(|mark| mark.as_str() == name)?;
    Some((unit, mark))
}

pub(crate) fn outbox_key(unit: &str, number: u64) -> Key {
    key(b'd').text(unit).number(number)
}

pub(crate) fn contract_key(name: &str) -> Key {
    key(b'e').text(name)
}

/// The beginning of [`calls_key`] of every contract.
pub(crate) fn all_calls_key() -> Key {
    key(b'f')
}

pub(crate) fn calls_key(contract: &str) -> Key {
    all_calls_key().text(contract)
}

pub(crate) fn call_key(contract: &str, call: &str) -> Key {
    calls_key(contract).text(call)
}

pub(crate) fn batches_key(contract: &str) -> Key {
    key(b'g').text(contract)
}

pub(crate) fn batch_key(contract: &str, first: u64) -> Key {
    batches_key(contract).number(first)
}

pub(crate) fn chain_key(contract: &str) -> Key {
    key(b'h').text("chain").text(contract)
}

/// Receipts that are not signed yet, by contract and number.
pub(crate) fn fresh_key() -> Key {
    key(b'h').text("fresh")
}

pub(crate) fn settled_key(contract: &str, first: u64) -> Key {
    key(b'h').text("settled").text(contract).number(first)
}

/// Batches that the consumer has not countersigned, by contract and number.
pub(crate) fn unsettled_key(contract: &str) -> Key {
    key(b'h').text("unsettled").text(contract)
}

/// The beginning of [`unsettled_key`] of every contract.
pub(crate) fn all_unsettled_key() -> Key {
    key(b'h').text("unsettled")
}

pub(crate) fn sum_key(contract: &str, capability: &str) -> Key {
    key(b'h').text("sum").text(contract).text(capability)
}

/// The number of open calls under a contract.
pub(crate) fn open_key(contract: &str) -> Key {
    key(b'h').text("open").text(contract)
}

/// At the provider: fetches that are not closed, by contract and id.
pub(crate) fn lending_key(contract: &str) -> Key {
    all_lending_key().text(contract)
}

/// The beginning of [`lending_key`] of every contract.
pub(crate) fn all_lending_key() -> Key {
    key(b'h').text("lending")
}

/// At the provider: when fetches are looked through for those whose time is up; absent where none is open.
pub(crate) fn look_key() -> Key {
    key(b'h').text("look")
}

/// At the provider: a fetch that was billed, of which the consumer has not said yet that it has all it wanted.
pub(crate) fn billed_key(contract: &str, fetch: &str) -> Key {
    key(b'h').text("billed").text(contract).text(fetch)
}

/// At the consumer: fetches that are being read, by contract and id.
pub(crate) fn reading_key(contract: &str, fetch: &str) -> Key {
    all_reading_key().text(contract).text(fetch)
}

/// The beginning of [`reading_key`] of every contract.
pub(crate) fn all_reading_key() -> Key {
    key(b'h').text("reading")
}

/// At the consumer: fetches that were read and wait for their receipt, by contract and id.
pub(crate) fn taken_key(contract: &str, fetch: &str) -> Key {
    all_taken_key().text(contract).text(fetch)
}

/// The beginning of [`taken_key`] of every contract.
pub(crate) fn all_taken_key() -> Key {
    key(b'h').text("taken")
}

/// What was read of a lent relation, by contract and offer.
pub(crate) fn meter_key(contract: &str, offer: &str) -> Key {
    key(b'h').text("meter").text(contract).text(offer)
}

/// Which call waits at an address.
pub(crate) fn reply_key(address: &Address) -> Key {
    key(b'h').text("reply").text(&address.engine).text(&address.token)
}

/// In which life this unit is, where a backup of it was restored.
pub(crate) fn restored_key() -> Key {
    key(b'h').text("restored")
}

/// How far this unit is with asking a peer what it has lost.
pub(crate) fn reconcile_key(unit: &str) -> Key {
    all_reconcile_key().text(unit)
}

/// The beginning of [`reconcile_key`] of every peer.
pub(crate) fn all_reconcile_key() -> Key {
    key(b'h').text("reconcile")
}

/// In which life a peer is.
pub(crate) fn incarnation_key(unit: &str) -> Key {
    key(b'h').text("incarnation").text(unit)
}

/// At the consumer: calls of a life before that nobody has asked for again, by contract and what they were made with.
pub(crate) fn lost_key(contract: &str, digest: &str) -> Key {
    all_lost_key().text(contract).text(digest)
}

/// The beginning of [`lost_key`] of every contract.
pub(crate) fn all_lost_key() -> Key {
    key(b'h').text("lost")
}

/// At the provider: results that wait until it is known what their consumer holds.
pub(crate) fn held_key(unit: &str) -> Key {
    key(b'h').text("held").text(unit)
}

/// When answers that are kept are looked through for old ones.
pub(crate) fn answers_due_key() -> Key {
    key(b'h').text("answers").text("due")
}

pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Problem> {
    let mut bytes = vec![STORED];
    serde_json::to_writer(&mut bytes, value).map_err(Error::internal)?;
    Ok(bytes)
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    match bytes.split_first() {
        Some((&STORED, json)) => Ok(serde_json::from_slice(json).map_err(Error::internal)?),
        _ => Err(Error::internal("a stored value has another version").into()),
    }
}

pub(crate) fn load<T: DeserializeOwned>(read: &dyn Read, key: &Key) -> Result<Option<T>, Problem> {
    read.get(key.as_ref())?.map(|bytes| decode(&bytes)).transpose()
}

/// Loads what is read often and seldom changes.
fn load_held<T: DeserializeOwned + Send + Sync + 'static>(
    read: &dyn Read,
    key: &Key,
) -> Result<Option<Arc<T>>, Problem> {
    let Some(bytes) = read.get(key.as_ref())? else { return Ok(None) };
    read.kernel().decoded(key.as_ref(), &bytes, decode).map(Some)
}

pub(crate) fn store<T: Serialize>(tx: &mut Tx<'_>, key: Key, value: &T) -> Result<(), Problem> {
    tx.put(key, encode(value)?);
    Ok(())
}

pub(crate) fn number(read: &dyn Read, key: &Key) -> Result<u64, Problem> {
    Ok(read.get(key.as_ref())?.map_or(0, |bytes| number_of(&bytes)))
}

/// Reads a number as [`put_number`] wrote it.
pub(crate) fn number_of(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

pub(crate) fn put_number(tx: &mut Tx<'_>, key: Key, number: u64) {
    tx.put(key, number.to_be_bytes().to_vec());
}

/// Returns a peer by its name, where there is one.
pub(crate) fn find_peer(read: &dyn Read, name: &str) -> Result<Option<Arc<Peer>>, Problem> {
    load_held(read, &peer_key(name))
}

/// Returns a peer by its name.
pub(crate) fn peer(read: &dyn Read, name: &str) -> Result<Arc<Peer>, Problem> {
    find_peer(read, name)?.ok_or_else(|| Error::PeerNotFound { peer: short(name) }.into())
}

/// Returns the peer that is a unit.
pub(crate) fn peer_of(read: &dyn Read, unit: &str) -> Result<Option<Arc<Peer>>, Problem> {
    let Some(name) = read.get(unit_key(unit).as_ref())? else { return Ok(None) };
    find_peer(read, &String::from_utf8_lossy(&name))
}

/// Returns what this unit calls another; its id where it is no peer any more.
pub(crate) fn peer_name(read: &dyn Read, unit: &str) -> Result<String, Problem> {
    let name = read.get(unit_key(unit).as_ref())?;
    Ok(name.map_or_else(|| unit.to_owned(), |name| String::from_utf8_lossy(&name).into_owned()))
}

/// Returns all peers.
pub(crate) fn peers(read: &dyn Read) -> Result<Vec<Arc<Peer>>, Problem> {
    let pairs = read.scan_prefix(key(b'a').as_ref(), usize::MAX)?;
    pairs.iter().map(|(key, bytes)| read.kernel().decoded(key, bytes, decode)).collect()
}

/// Returns a contract by its name.
pub(crate) fn contract(read: &dyn Read, name: &str) -> Result<Arc<Contract>, Problem> {
    find_contract(read, name)?
        .ok_or_else(|| Error::ContractNotFound { contract: short(name) }.into())
}

/// Returns a contract by its name, to be changed.
pub(crate) fn contract_to_change(read: &dyn Read, name: &str) -> Result<Contract, Problem> {
    contract(read, name).map(Arc::unwrap_or_clone)
}

/// Returns a contract by its name, where there is one.
pub(crate) fn find_contract(read: &dyn Read, name: &str) -> Result<Option<Arc<Contract>>, Problem> {
    load_held(read, &contract_key(name))
}

/// Returns all contracts.
pub(crate) fn contracts(read: &dyn Read) -> Result<Vec<Arc<Contract>>, Problem> {
    let pairs = read.scan_prefix(key(b'e').as_ref(), usize::MAX)?;
    pairs.iter().map(|(key, bytes)| read.kernel().decoded(key, bytes, decode)).collect()
}

/// Returns a call that is not settled.
pub(crate) fn call(
    read: &dyn Read,
    contract: &str,
    call: &str,
) -> Result<Option<CallRecord>, Problem> {
    load(read, &call_key(contract, call))
}

/// Returns where a contract's receipts stand.
pub(crate) fn chain(read: &dyn Read, contract: &str) -> Result<Chain, Problem> {
    Ok(load(read, &chain_key(contract))?.unwrap_or_default())
}

/// Returns the sums of a capability.
pub(crate) fn sum(read: &dyn Read, contract: &str, capability: &str) -> Result<Sum, Problem> {
    Ok(load(read, &sum_key(contract, capability))?.unwrap_or_default())
}

/// Returns what was read of a lent relation under a contract.
pub(crate) fn meter(read: &dyn Read, contract: &str, offer: &str) -> Result<Meter, Problem> {
    Ok(load(read, &meter_key(contract, offer))?.unwrap_or_default())
}

/// Returns a fetch of this consumer that is not settled, and its key.
pub(crate) fn fetch(
    read: &dyn Read,
    contract: &str,
    fetch: &str,
) -> Result<Option<(Key, FetchRecord)>, Problem> {
    for key in [taken_key(contract, fetch), reading_key(contract, fetch)] {
        if let Some(record) = load(read, &key)? {
            return Ok(Some((key, record)));
        }
    }
    Ok(None)
}

/// Returns the batches of a contract from that of a number on, `limit` at most.
pub(crate) fn batches(
    read: &dyn Read,
    contract: &str,
    from: u64,
    limit: usize,
) -> Result<Vec<Batch>, Problem> {
    let start = batch_key(contract, from);
    let end = base::prefix_end(batches_key(contract).as_ref());
    let pairs = read.scan(start.as_ref(), &end, limit, false)?;
    pairs.iter().map(|(_, bytes)| decode(bytes)).collect()
}

/// Returns the batch that holds a receipt.
pub(crate) fn batch_of(
    read: &dyn Read,
    contract: &str,
    number: u64,
) -> Result<Option<Batch>, Problem> {
    let (start, end) = (batches_key(contract), batch_key(contract, number.saturating_add(1)));
    let pairs = read.scan(start.as_ref(), end.as_ref(), 1, true)?;
    let batch: Option<Batch> = pairs.first().map(|(_, bytes)| decode(bytes)).transpose()?;
    Ok(batch.filter(|batch| number < batch.first + batch.receipts.len() as u64))
}

/// Returns the number of the first receipt, among those that are signed here, of which it is not known what the consumer thinks.
pub(crate) fn first_unsettled(read: &dyn Read, contract: &str) -> Result<Option<u64>, Problem> {
    for (key, _) in read.scan_prefix(unsettled_key(contract).as_ref(), usize::MAX)? {
        let first = key.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        if settlement(read, contract, first)?.is_none() {
            return Ok(Some(first.max(1)));
        }
    }
    Ok(None)
}

/// Returns where the receipts of a contract stand that are signed.
pub(crate) fn signed_chain(read: &dyn Read, contract: &str) -> Result<Chain, Problem> {
    let prefix = batches_key(contract);
    let end = base::prefix_end(prefix.as_ref());
    let pairs = read.scan(prefix.as_ref(), &end, 1, true)?;
    let batch: Option<Batch> = pairs.first().map(|(_, bytes)| decode(bytes)).transpose()?;
    Ok(batch.map_or_else(Chain::default, |batch| Chain {
        number: batch.first + batch.receipts.len() as u64 - 1,
        hash: batch
            .receipts
            .last()
            .map(|text| base::hex(&base::sha256(text.as_bytes())))
            .unwrap_or_default(),
    }))
}

/// Returns what became of a batch; nothing where it is only issued.
pub(crate) fn settlement(
    read: &dyn Read,
    contract: &str,
    first: u64,
) -> Result<Option<Settlement>, Problem> {
    load(read, &settled_key(contract, first))
}

/// Returns contract and number of an unsigned receipt's key.
pub(crate) fn fresh_place(key: &[u8]) -> Option<(String, u64)> {
    let mut reader = KeyReader::new(key);
    reader.text()?;
    Some((reader.text()?, reader.number()?))
}

/// Cuts foreign text for a message.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
