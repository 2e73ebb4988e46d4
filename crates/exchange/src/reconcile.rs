//! After a restore: what a unit has to know of its peers before it goes on, and what a peer tells it.
//!
//! A backup is old. What the unit did after it is gone here, and its peers still hold their half of it. So a restored unit begins
//! another *life*, by a number that its messages carry, and asks each peer what it holds before it deals with it again. Nothing is
//! repeated from messages, which are gone on both sides once they were acknowledged; what counts is what a peer holds: contracts,
//! receipts with both signatures, calls that wait, and for some time the answers that it gave. A peer that tells drops what waits in
//! its outbox for the unit: what it tells stands for all of it.
//!
//! Invariants: with a peer that was not asked no message is exchanged, no receipt signed and no contract changed; what a peer has
//! told is taken in any number of commits, each of which may be repeated; the last one lets messages through again.
//!
//! How what was told is taken is the business of [`crate::recover`].
//!
//! | key, letter `h` | value |
//! |---|---|
//! | `restored` | [`Restored`], where this unit is not in its first life |
//! | `reconcile`, unit | [`Reconciliation`] |
//! | `incarnation`, unit | the life in which a peer is; none for the first |
//! | `lost`, contract, digest, call | [`Lost`]: a call of a life before that nobody has asked for again |
//! | `held`, unit, number | [`Held`]: a result for which the consumer's answer is awaited |

use crate::canonical::canonical;
use crate::engine::{Exchange, NAME, PEERS};
use crate::identity::Card;
use crate::price::Cents;
use crate::serve::BY_CONSUMER;
use crate::state::{
    self, Mark, answers_due_key, call_key, held_key, incarnation_key, lost_key, mark_key, number,
    outbox_key, put_number, reconcile_key, reply_key, restored_key,
};
use crate::wire::{
    Batch, CallRecord, CallState, Chain, Contract, FetchRecord, Message, Meter, Peer, Settlement,
    Side,
};
use crate::{Config, Error};
use base::{Period, Problem, Time, hex, prefix_end, sha256};
use kernel::{Address, Age, Call, Operation, Principal, Read, Reader, Reply, Tx, forget_old, key};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use store::Store;

/// The version of what is asked and told.
pub(crate) const RECONCILE: u32 = 1;

/// The log of the answers that this unit gave as a provider.
const ANSWERS: &str = "system/answers";

/// Batches of receipts that are looked up at once.
const BATCHES_MAX: usize = 50;

/// Notes that a report keeps.
const NOTES_MAX: usize = 100;

/// What can be done while a restored unit asks its peers: to come in, to shut out whoever was shut out after the backup, to see, to
/// copy, and to mend what keeps the peers from being asked. Nothing that reads or changes what the unit works with, which is old,
/// and nothing that its peers would get to know.
const ADMITTED: [&str; 32] = [
    "exchange.card",
    "exchange.status",
    "exchange.reconcile",
    "exchange.recall",
    "exchange.recover",
    "exchange.reconciliation",
    "exchange.skip",
    // Peers may refuse the keys that a backup has.
    "key.list",
    "key.prepare",
    "key.revoke",
    "key.rotate",
    // Peers may have moved.
    "peer.add",
    "peer.get",
    "peer.list",
    "policy.check",
    "policy.why",
    "running.list",
    "session.begin",
    "session.create",
    "session.end",
    "session.finish",
    "session.list",
    // Tokens and passwords that were taken away after the backup are back.
    "token.delete",
    "token.list",
    "unit.backup",
    "unit.metrics",
    "unit.support",
    "unit.usage",
    "unit.whoami",
    "user.delete_password",
    "user.record",
    "user.set_password",
];

/// That this unit is not in its first life.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Restored {
    /// Which one: milliseconds of the wall clock at the restore, so that no two are the same.
    pub incarnation: u64,
    /// When the backup was restored, wall time.
    pub at: Time,
}

/// How far this unit is with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The unit takes no calls before the peer was asked.
    Waiting,
    /// The unit takes calls that have nothing to do with the peer.
    Skipped,
    /// The peer has told all, and it is taken.
    Done,
}

impl Stage {
    /// Returns the word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Skipped => "skipped",
            Self::Done => "done",
        }
    }
}

/// What came back from a peer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Contracts that were not known, or not as they stand.
    pub contracts: u64,
    /// Receipts.
    pub receipts: u64,
    /// Receipts among them that are disputed.
    pub disputed: u64,
    /// Calls that have ended; they are not run again.
    pub calls_ended: u64,
    /// Calls of this unit of which it did not know any more.
    pub calls_found: u64,
    /// Calls of the peer that have not ended and are run from their beginning.
    pub calls_resumed: u64,
    /// Calls whose answer nobody has any more.
    pub calls_lost: u64,
    /// What could not be taken back.
    pub notes: Vec<String>,
}

impl Report {
    /// Adds a note, as long as there is room.
    pub fn note(&mut self, text: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(text);
        }
    }
}

/// How far this unit is with asking a peer what it has lost.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Reconciliation {
    /// The peer's unit.
    pub unit: String,
    /// How far.
    pub stage: Stage,
    /// When the backup was restored, or the peer added after it, wall time.
    pub since: Time,
    /// When all was taken, wall time.
    pub finished_at: Option<Time>,
    /// The last message of the peer that the backup has handled.
    pub received: u64,
    /// The last message to the peer that the backup knows.
    pub sent: u64,
    /// Up to where the answers of the peer were taken.
    pub answers: u64,
    /// What came back.
    pub report: Report,
}

/// A call of a life before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Lost {
    /// Its id.
    pub call: String,
    /// How it ended, where it has.
    pub result: Option<Result<Value, Problem>>,
}

/// A result that waits until it is known what the consumer holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    token: String,
    result: Result<Value, Problem>,
}

/// What a restored unit asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// The version of this form.
    pub v: u32,
    /// In which life it is.
    pub incarnation: u64,
    /// The last message of the peer that it has handled.
    pub received: u64,
    /// The last message to the peer that it knows.
    pub sent: u64,
}

/// What a peer holds of its dealings with a restored unit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The version of this form.
    pub v: u32,
    /// The last message that the peer has sent: all that it has told by then is in here.
    pub sent: u64,
    /// The last message of the restored unit that the peer has handled.
    pub received: u64,
    /// Where the log of its answers ends.
    pub answers: u64,
    /// The contracts.
    pub contracts: Vec<ToldContract>,
    /// Who the peer is, with its keys of now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
    /// What the peer knows of the restored unit's keys: some may have come after the backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asker: Option<Card>,
}

/// What a peer holds of a contract.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldContract {
    /// The contract, from the peer's side.
    pub contract: Contract,
    /// Where the receipts stand that are signed.
    pub chain: Chain,
    /// The calls that are not settled.
    pub calls: Vec<ToldCall>,
    /// The fetches that are not settled.
    pub fetches: Vec<ToldFetch>,
    /// What was read of lent relations, by offer.
    pub meters: BTreeMap<String, Meter>,
}

/// A call that is not settled, as a peer holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldCall {
    pub call: String,
    pub capability: String,
    pub state: CallState,
    pub input: Value,
    pub at: Time,
    /// At the consumer: the number of the message with which it was made.
    pub number: u64,
    /// Whether there is a receipt for its acceptance.
    pub is_accepted: bool,
    pub closed_at: Option<Time>,
    /// At the consumer: what the receipts of its acceptance and of its end must say.
    pub accept: Cents,
    pub close: Cents,
}

/// A fetch that is not settled, as a peer holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldFetch {
    pub record: FetchRecord,
    /// At the consumer: whether all of it was read, and its receipt is awaited.
    pub is_taken: bool,
}

/// Receipts under one signature, and what became of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ToldBatch {
    pub batch: Batch,
    pub settlement: Option<Settlement>,
}

/// A page of receipts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReceiptsPage {
    pub batches: Vec<ToldBatch>,
    /// The number of the last receipt; that from which the page began where there is none.
    pub next: u64,
}

/// A page of answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AnswersPage {
    pub answers: Vec<Answer>,
    /// Where the next page begins.
    pub next: u64,
}

/// How a call ended, as its provider keeps it: a row of the log [`ANSWERS`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The consumer's unit.
    pub peer: String,
    /// The number of the message with which it was told.
    pub told: u64,
    pub contract: String,
    pub call: String,
    pub capability: String,
    pub input: Value,
    pub at: Time,
    pub state: CallState,
    pub closed_at: Time,
    pub outcome: Outcome,
    /// When it was told, wall time.
    pub wall: Time,
}

/// What a consumer was told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The answer.
    Output(Value),
    /// Why there is none.
    Problem(Problem),
    /// Why it was withdrawn.
    Reason(String),
}

impl Outcome {
    /// Returns what a message tells of the end of a call.
    pub fn of(message: &Message) -> Self {
        match message {
            Message::Answer { output, .. } => Self::Output(output.clone()),
            Message::Failed { problem, .. } | Message::Refused { problem, .. } => {
                Self::Problem(problem.clone())
            }
            Message::Withdrawn { reason, .. } => Self::Reason(reason.clone()),
            _ => Self::Output(Value::Null),
        }
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// With what a call was made.
pub(crate) struct Made<'a> {
    pub contract: &'a str,
    pub call: &'a str,
    pub capability: &'a str,
    pub input: &'a Value,
    pub at: Time,
}

impl<'a> Made<'a> {
    /// Returns with what a call was made.
    pub fn of(record: &'a CallRecord) -> Self {
        Self {
            contract: &record.contract,
            call: &record.call,
            capability: &record.capability,
            input: &record.input,
            at: record.at,
        }
    }
}

/// The end of a call.
pub(crate) struct End {
    /// The number of the message with which it was told.
    pub told: u64,
    pub state: CallState,
    pub closed_at: Time,
}

impl End {
    /// Keeps an answer for a consumer that may lose it.
    pub fn keep(
        self,
        tx: &mut Tx<'_>,
        peer: &str,
        made: &Made<'_>,
        outcome: Outcome,
    ) -> Result<(), Problem> {
        let answer = Answer {
            peer: peer.to_owned(),
            told: self.told,
            contract: made.contract.to_owned(),
            call: made.call.to_owned(),
            capability: made.capability.to_owned(),
            input: made.input.clone(),
            at: made.at,
            state: self.state,
            closed_at: self.closed_at,
            outcome,
            wall: tx.wall(),
        };
        tx.record(ANSWERS, &answer).map(|_| ())
    }
}

/// Says in a store that it was restored from a backup: a unit on it asks its peers first. All its sessions have ended: who had ended one
/// since the backup would find it alive. Returns the number of its life.
///
/// # Errors
/// Where the store cannot be read or written.
pub fn mark_restored(store: &dyn Store, wall: Time) -> Result<u64, Problem> {
    let epoch = store.open_epoch(0)?;
    let snapshot = store.snapshot()?;
    let held = snapshot.get(restored_key().as_ref())?;
    let held: Option<Restored> = held.map(|bytes| state::decode(&bytes)).transpose()?;
    let before = held.map_or(0, |held| held.incarnation);
    let incarnation = u64::try_from(wall.as_millis()).unwrap_or_default().max(before + 1);
    let restored = Restored { incarnation, at: wall };
    let mut writes = kernel::sessions_ended(snapshot.as_ref())?;
    writes.push((restored_key().bytes(), Some(state::encode(&restored)?)));
    let peers = key(b'a');
    let pairs = snapshot.scan(peers.as_ref(), &prefix_end(peers.as_ref()), usize::MAX, false)?;
    for (_, bytes) in pairs {
        let peer: Peer = state::decode(&bytes)?;
        let unit = peer.card.unit;
        let mark = |mark| -> Result<u64, Problem> {
            let bytes = snapshot.get(mark_key(&unit, mark).as_ref())?;
            Ok(bytes.map_or(0, |bytes| state::number_of(&bytes)))
        };
        let (received, sent) = (mark(Mark::Received)?, mark(Mark::Sent)?);
        let mut held = Reconciliation {
            unit: unit.clone(),
            stage: Stage::Waiting,
            since: wall,
            finished_at: None,
            received,
            sent,
            answers: 0,
            report: Report::default(),
        };
        if peer.url.is_none() {
            held.stage = Stage::Skipped;
            held.report.note("it has no address at which it could be asked".into());
        }
        writes.push((reconcile_key(&unit).bytes(), Some(state::encode(&held)?)));
    }
    drop(snapshot);
    store.commit(0, &store::Batch { epoch, writes, ..store::Batch::default() })?;
    Ok(incarnation)
}

/// Returns in which life this unit is; 0 in its first.
pub(crate) fn incarnation(read: &dyn Read) -> Result<u64, Problem> {
    let restored: Option<Restored> = state::load(read, &restored_key())?;
    Ok(restored.map_or(0, |restored| restored.incarnation))
}

/// Returns how far this unit is with asking a peer; nothing where there is nothing to ask.
pub(crate) fn reconciliation_of(
    read: &dyn Read,
    unit: &str,
) -> Result<Option<Reconciliation>, Problem> {
    state::load(read, &reconcile_key(unit))
}

/// Returns how far this unit is with all peers.
pub(crate) fn reconciliations(read: &dyn Read) -> Result<Vec<Reconciliation>, Problem> {
    let pairs = read.scan_prefix(state::all_reconcile_key().as_ref(), usize::MAX)?;
    pairs.iter().map(|(_, bytes)| state::decode(bytes)).collect()
}

/// Returns whether nothing stands between this unit and a peer.
pub(crate) fn is_reconciled(read: &dyn Read, unit: &str) -> Result<bool, Problem> {
    Ok(reconciliation_of(read, unit)?.is_none_or(|held| held.stage == Stage::Done))
}

/// Refuses to deal with a peer that has still to be asked.
pub(crate) fn expect_reconciled(read: &dyn Read, unit: &str) -> Result<(), Problem> {
    if is_reconciled(read, unit)? {
        return Ok(());
    }
    Err(Error::Unreconciled { peer: state::peer_name(read, unit)? }.into())
}

/// Refuses messages of another life of a peer than the one that is known. Who was never heard of may be in any.
pub(crate) fn follow_life(tx: &mut Tx<'_>, unit: &str, found: u64) -> Result<(), Problem> {
    let known = number(tx, &incarnation_key(unit))?;
    if found == known {
        return Ok(());
    }
    let is_new = known == 0 && number(tx, &mark_key(unit, Mark::Received))? == 0;
    if !is_new {
        return Err(Error::Incarnation { found, known }.into());
    }
    put_number(tx, incarnation_key(unit), found);
    Ok(())
}

/// Takes note of a peer that is added to a unit which was restored: they may have dealt with each other before.
pub(crate) fn meet(tx: &mut Tx<'_>, peer: &Peer) -> Result<(), Problem> {
    let unit = &peer.card.unit;
    let is_known = number(tx, &mark_key(unit, Mark::Sent))? != 0
        || number(tx, &mark_key(unit, Mark::Received))? != 0
        || reconciliation_of(tx, unit)?.is_some();
    if incarnation(tx)? == 0 || is_known || peer.url.is_none() {
        return Ok(());
    }
    let held = Reconciliation {
        unit: unit.clone(),
        stage: Stage::Skipped,
        since: tx.wall(),
        finished_at: None,
        received: 0,
        sent: 0,
        answers: 0,
        report: Report::default(),
    };
    state::store(tx, reconcile_key(unit), &held)
}

/// Returns the id of the next call. No life gives the ids of another.
pub(crate) fn call_id(tx: &mut Tx<'_>) -> Result<String, Problem> {
    let serial = tx.serial("exchange/calls")?;
    Ok(match incarnation(tx)? {
        0 => serial.to_string(),
        incarnation => format!("{incarnation}-{serial}"),
    })
}

/// Returns what tells a call that is made again: what is called, and with what. Not when: a process that is older now makes it later.
pub(crate) fn digest(capability: &str, input: &Value) -> String {
    hex(&sha256(&canonical(&json!({"capability": capability, "input": input})))[..16])
}

/// Gives a call the result of the same call of a life before, where there is one that nobody has asked for: it is not made again.
pub(crate) fn claim(
    tx: &mut Tx<'_>,
    call: &Call,
    contract: &Contract,
    capability: &str,
    input: &Value,
) -> Result<Option<Reply>, Problem> {
    if contract.side != Side::Consumer || incarnation(tx)? == 0 {
        return Ok(None);
    }
    let prefix = lost_key(&contract.name, &digest(capability, input));
    let Some((place, bytes)) = tx.scan_prefix(prefix.as_ref(), 1)?.pop() else { return Ok(None) };
    let lost: Lost = state::decode(&bytes)?;
    tx.delete(place);
    let mut state = CallState::Answered;
    if let Some(mut record) = state::call(tx, &contract.name, &lost.call)? {
        record.lost = None;
        record.actor = call.actor.to_string();
        if let (Some(address), None) = (&call.reply_to, &lost.result) {
            record.reply_to = Some(address.clone());
            record.is_kept = false;
            state::store(tx, reply_key(address), &(&record.contract, &record.call))?;
        }
        state = record.state;
        state::store(tx, call_key(&contract.name, &lost.call), &record)?;
    }
    Ok(Some(match (&call.reply_to, lost.result) {
        (Some(address), Some(result)) => {
            // What this unit withdrew in the life before it will withdraw again: until then it waits, as it did.
            if !is_own_withdrawal(&result) {
                tx.reply(address, result);
            }
            Reply::Later
        }
        (Some(_), None) => Reply::Later,
        (None, _) => {
            Reply::Value(json!({"contract": contract.name, "call": lost.call, "state": state}))
        }
    }))
}

/// Returns whether a call has ended because its consumer wanted that.
fn is_own_withdrawal(result: &Result<Value, Problem>) -> bool {
    let code = |problem: &Problem| problem.code == "contract.withdrawn";
    result.as_ref().is_err_and(|problem| code(problem) && problem.message.ends_with(BY_CONSUMER))
}

/// Keeps the result of a call of a life before, until somebody asks for it.
pub(crate) fn keep_result(
    tx: &mut Tx<'_>,
    record: &CallRecord,
    digest: &str,
    result: &Result<Value, Problem>,
) -> Result<(), Problem> {
    let place = lost_key(&record.contract, digest).text(&record.call);
    let lost = Lost { call: record.call.clone(), result: Some(result.clone()) };
    state::store(tx, place, &lost)
}

/// Keeps a result until it is known what the consumer holds.
pub(crate) fn hold(
    tx: &mut Tx<'_>,
    unit: &str,
    token: &str,
    result: Result<Value, Problem>,
) -> Result<(), Problem> {
    let number = tx.serial("exchange/held")?;
    let held = Held { token: token.to_owned(), result };
    state::store(tx, held_key(unit).number(number), &held)
}

/// Goes on with what was held for a peer.
pub(crate) fn release(tx: &mut Tx<'_>, unit: &str) -> Result<(), Problem> {
    for (place, bytes) in tx.scan_prefix(held_key(unit).as_ref(), usize::MAX)? {
        let Held { token, result } = state::decode(&bytes)?;
        tx.delete(place);
        tx.reply(&Address { engine: NAME.into(), token }, result);
    }
    Ok(())
}

/// Returns how many calls of a life before under contracts with a peer nobody has asked for again.
pub(crate) fn unclaimed(read: &dyn Read, unit: &str) -> Result<u64, Problem> {
    let mut count = 0;
    for contract in state::contracts(read)?.iter().filter(|contract| contract.peer == unit) {
        let prefix = state::all_lost_key().text(&contract.name);
        count += read.scan_prefix(prefix.as_ref(), usize::MAX)?.len() as u64;
    }
    Ok(count)
}

/// Drops answers that were kept for long enough.
pub(crate) fn forget_answers(tx: &mut Tx<'_>, config: &Config) -> Result<(), Problem> {
    #[derive(Deserialize)]
    struct Kept {
        wall: Time,
    }
    if tx.log_end(ANSWERS)? == 0 {
        return Ok(());
    }
    let now = tx.wall();
    let limit = now.plus(Period::seconds(-config.answers_seconds_max));
    // The clock may have stood wrong for a while: answers from then do not keep others.
    let age = |row: &Kept| match row.wall {
        wall if wall < limit => Age::Old,
        wall if wall <= now => Age::Young,
        _ => Age::Ahead,
    };
    forget_old(tx, now, &answers_due_key(), &[ANSWERS], age)
}

impl Exchange {
    /// Refuses what has to wait for the peers.
    pub(crate) fn admits_now(&self, operation: &Operation) -> Result<(), Problem> {
        if self.waits_for_peers() && !ADMITTED.contains(&operation.name) {
            return Err(Error::Reconciling.into());
        }
        Ok(())
    }

    /// Returns whether this unit takes no calls because it asks its peers what it has lost.
    pub fn waits_for_peers(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst)
    }

    /// Looks whether this unit has to ask a peer before it takes calls; returns that. To be called before the first call is taken,
    /// and whenever something may have changed.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn reconsider(&self, read: &dyn Read) -> Result<bool, Problem> {
        let waits = reconciliations(read)?.iter().any(|held| held.stage == Stage::Waiting);
        self.is_closed.store(waits, Ordering::SeqCst);
        Ok(waits)
    }

    /// `exchange.reconcile`: a peer was restored. It is told what this unit holds; what waits for it here is dropped.
    pub(crate) fn reconcile(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "only peers are told".into() }.into());
        };
        let ask: Ask = call.parameters()?;
        if ask.v != RECONCILE {
            let reason = format!("its version is {}, known is {RECONCILE}", ask.v);
            return Err(Error::Envelope { reason }.into());
        }
        // Where this unit was restored as well, it must first know itself what it holds.
        expect_reconciled(tx, unit)?;
        let known = number(tx, &incarnation_key(unit))?;
        if ask.incarnation < known {
            return Err(Error::Incarnation { found: ask.incarnation, known }.into());
        }
        put_number(tx, incarnation_key(unit), ask.incarnation);
        let (sent, received) = (
            number(tx, &mark_key(unit, Mark::Sent))?,
            number(tx, &mark_key(unit, Mark::Received))?,
        );
        for n in number(tx, &mark_key(unit, Mark::Cleared))? + 1..=sent {
            tx.delete(outbox_key(unit, n));
        }
        put_number(tx, mark_key(unit, Mark::Cleared), sent);
        let mut contracts = Vec::new();
        for contract in state::contracts(tx)?.iter().filter(|contract| contract.peer == *unit) {
            contracts.push(self.told_of(tx, contract)?);
        }
        let answers = tx.log_end(ANSWERS)?;
        let card = Some(self.card_of(tx)?);
        let asker = state::peer_of(tx, unit)?.map(|peer| peer.card.clone());
        Reply::of(&Told { v: RECONCILE, sent, received, answers, contracts, card, asker })
    }

    /// Returns what this unit holds of a contract.
    fn told_of(&self, tx: &Tx<'_>, contract: &Contract) -> Result<ToldContract, Problem> {
        let is_consumer = contract.side == Side::Consumer;
        let mut calls = Vec::new();
        for (_, bytes) in tx.scan_prefix(state::calls_key(&contract.name).as_ref(), usize::MAX)? {
            let record: CallRecord = state::decode(&bytes)?;
            calls.push(ToldCall {
                call: record.call,
                capability: record.capability,
                input: record.input,
                at: record.at,
                number: record.number,
                is_accepted: record.is_accepted
                    || !is_consumer && record.state != CallState::Received,
                state: record.state,
                closed_at: record.closed_at,
                accept: record.accept,
                close: record.close,
            });
        }
        let mut meters = BTreeMap::new();
        if contract.was_final {
            for name in self.terms(contract)?.capabilities.keys() {
                meters.insert(name.clone(), state::meter(tx, &contract.name, name)?);
            }
        }
        // What stands behind an offer is its provider's own business.
        let shown = Contract { serves: BTreeMap::new(), ..contract.clone() };
        let chain = state::signed_chain(tx, &contract.name)?;
        let fetches = told_fetches(tx, contract)?;
        Ok(ToldContract { contract: shown, chain, calls, fetches, meters })
    }

    /// `exchange.recall`: a peer that was restored asks for receipts, or for answers that it was given.
    pub(crate) fn recall(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let Principal::Peer(unit) = &call.actor else {
            return Err(Error::Signature { reason: "only peers are told".into() }.into());
        };
        expect_reconciled(reader, unit)?;
        let after = call.number("after")?.unwrap_or_default();
        let upto = call.number("upto")?.unwrap_or_default();
        match call.text("kind") {
            Some("receipts") => {
                let name = call.text("contract").unwrap_or_default();
                let contract = state::contract(reader, name)?;
                if contract.peer != *unit {
                    let contract = contract.name.clone();
                    return Err(Error::ContractNotFound { contract }.into());
                }
                Reply::of(&self.receipts_page(reader, &contract, after, upto)?)
            }
            Some("answers") => {
                let received = call.number("received")?.unwrap_or_default();
                Reply::of(&self.answers_page(reader, unit, received, (after, upto))?)
            }
            _ => {
                let reason = "`kind` is `receipts` or `answers`".into();
                Err(Error::Input { reason, pointer: "/kind".into(), hint: None }.into())
            }
        }
    }

    fn receipts_page(
        &self,
        reader: &Reader,
        contract: &Contract,
        after: u64,
        upto: u64,
    ) -> Result<ReceiptsPage, Problem> {
        let mut page = ReceiptsPage { batches: Vec::new(), next: after };
        let mut bytes = 0;
        for batch in state::batches(reader, &contract.name, after + 1, BATCHES_MAX)? {
            if upto < batch.first || self.config.recall_bytes < bytes {
                break;
            }
            bytes += batch.receipts.iter().map(String::len).sum::<usize>();
            page.next = batch.first + batch.receipts.len() as u64 - 1;
            let settlement = state::settlement(reader, &contract.name, batch.first)?;
            page.batches.push(ToldBatch { batch, settlement });
        }
        Ok(page)
    }

    /// Returns the answers to a peer that were told after the last message that it knows, as far as the log was looked through.
    fn answers_page(
        &self,
        reader: &Reader,
        unit: &str,
        received: u64,
        (after, upto): (u64, u64),
    ) -> Result<AnswersPage, Problem> {
        let mut page = AnswersPage { answers: Vec::new(), next: after };
        let chunks = reader.chunks(ANSWERS, after, self.config.recall_bytes)?;
        if chunks.is_empty() {
            page.next = upto.max(after);
        }
        for chunk in chunks {
            for (place, line) in (chunk.offset..).zip(kernel::rows(&chunk.bytes)) {
                if place < after || upto <= place {
                    continue;
                }
                let answer: Answer = serde_json::from_slice(line).map_err(Error::internal)?;
                if answer.peer == unit && received < answer.told {
                    page.answers.push(answer);
                }
            }
            page.next = chunk.offset + u64::from(chunk.count);
        }
        Ok(page)
    }

    /// `exchange.reconciliation`.
    pub(crate) fn reconciliation(&self, reader: &Reader, _: &Call) -> Result<Reply, Problem> {
        let mut peers = Vec::new();
        for held in reconciliations(reader)? {
            let mut row = serde_json::to_value(&held.report).map_err(Error::internal)?;
            row["peer"] = json!(state::peer_name(reader, &held.unit)?);
            row["unit"] = json!(held.unit);
            row["state"] = json!(held.stage);
            row["since"] = json!(held.since);
            row["finished_at"] = json!(held.finished_at);
            row["unclaimed"] = json!(unclaimed(reader, &held.unit)?);
            row["problem"] = json!(self.bell.problem(&held.unit));
            peers.push(row);
        }
        Ok(Reply::Value(json!({
            "incarnation": incarnation(reader)?, "takes_calls": !self.waits_for_peers(), "peers": peers,
        })))
    }

    /// `exchange.skip`: the owner goes on without a peer.
    pub(crate) fn skip(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let peer = state::peer(tx, call.text("peer").unwrap_or_default())?;
        let stage = self.set_aside(tx, &peer.card.unit)?;
        Ok(Reply::Value(json!({"peer": peer.name, "state": stage})))
    }

    /// Has the unit wait no longer for a peer; returns how far it is with it.
    pub(crate) fn set_aside(&self, tx: &mut Tx<'_>, unit: &str) -> Result<Stage, Problem> {
        let Some(mut held) = reconciliation_of(tx, unit)? else { return Ok(Stage::Done) };
        if held.stage == Stage::Waiting {
            held.stage = Stage::Skipped;
            state::store(tx, reconcile_key(unit), &held)?;
            tx.notify(PEERS);
        }
        Ok(held.stage)
    }
}

/// Returns the fetches under a contract that are not settled.
fn told_fetches(read: &dyn Read, contract: &Contract) -> Result<Vec<ToldFetch>, Problem> {
    let places = match contract.side {
        Side::Provider => vec![(state::lending_key(&contract.name), false)],
        Side::Consumer => vec![
            (state::all_reading_key().text(&contract.name), false),
            (state::all_taken_key().text(&contract.name), true),
        ],
    };
    let mut fetches = Vec::new();
    for (prefix, is_taken) in places {
        for (_, bytes) in read.scan_prefix(prefix.as_ref(), usize::MAX)? {
            let mut record: FetchRecord = state::decode(&bytes)?;
            // Who reads is its own business.
            record.actor = String::new();
            fetches.push(ToldFetch { record, is_taken });
        }
    }
    Ok(fetches)
}
