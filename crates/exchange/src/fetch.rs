//! Lent rows as the consumer reads them: a page at a time while a query runs, each confirmed by asking for the next.
//!
//! Invariants: what is confirmed to the provider was written down here before, so that a receipt can always be compared with it;
//! a fetch of which anything was read is closed by one message, also after a crash.

use crate::Error;
use crate::condition;
use crate::consume::check_usable;
use crate::engine::Exchange;
use crate::link::send;
use crate::price::Cents;
use crate::receipts::amount_of;
use crate::restore::{expect_reconciled, is_reconciled};
use crate::sender::Done;
use crate::serve::part;
use crate::signature::random_id;
use crate::state::{self, meter_key, reading_key, taken_key};
use crate::terms::{Field, Terms};
use crate::wire::{
    Contract, Fetch, FetchRecord, FetchRow, FetchState, Marked, Message, PageHead, Receipt, State,
};
use base::{Problem, Time};
use kernel::{Call, Filter, Kernel, Page, Pages, Read, Reader, Reply, ResourceRef, Scan, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The version of what is asked, and of what stands before a page.
pub(crate) const FETCH: u32 = 1;

/// The log of settled fetches.
pub(crate) const FETCHES: &str = "system/fetches";

/// The longest wait for a commit of this unit.
const COMMIT: Duration = Duration::from_secs(10);

/// How many fetches of a process that is gone are closed in one commit.
const ORPHANS_MAX: usize = 100;

/// What nobody reads any more and is not closed: a hint, no state. What was open before this process began is found in the store.
#[derive(Default)]
pub(crate) struct Orphans(Mutex<(Vec<(String, String)>, Looked)>);

/// How far the store was looked through for fetches of processes that are gone.
enum Looked {
    Upto(Option<Vec<u8>>),
    All,
}

impl Default for Looked {
    fn default() -> Self {
        Self::Upto(None)
    }
}

impl Orphans {
    fn add(&self, contract: String, fetch: String) {
        self.lock().0.push((contract, fetch));
    }

    fn first(&self, limit: usize) -> Vec<(String, String)> {
        self.lock().0.iter().take(limit).cloned().collect()
    }

    fn remove(&self, contract: &str, fetch: &str) {
        self.lock().0.retain(|known| (known.0.as_str(), known.1.as_str()) != (contract, fetch));
    }

    /// Returns from which key on the store is still to be looked through, where it is.
    fn looked(&self) -> Option<Option<Vec<u8>>> {
        match &self.lock().1 {
            Looked::Upto(after) => Some(after.clone()),
            Looked::All => None,
        }
    }

    fn look_on(&self, after: Option<Vec<u8>>) {
        self.lock().1 = after.map_or(Looked::All, |after| Looked::Upto(Some(after)));
    }

    /// Looks the store through from its beginning again.
    pub(crate) fn look_again(&self) {
        self.lock().1 = Looked::default();
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<(String, String)>, Looked)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What another unit lends to this one.
pub(crate) struct Lent {
    pub(crate) contract: String,
    pub(crate) peer: String,
    pub(crate) offer: String,
    pub(crate) fields: Vec<Field>,
}

/// A page that was given out and not read yet.
struct Given {
    rows: u64,
    bytes: u64,
    is_last: bool,
    marked: Marked,
}

/// Lent rows that are being read.
pub(crate) struct Reading {
    exchange: Arc<Exchange>,
    kernel: Arc<Kernel>,
    lent: Arc<Lent>,
    fetch: Fetch,
    actor: String,
    given: Option<Given>,
    /// Rows and bytes of the pages that were read.
    rows: u64,
    bytes: u64,
    /// The provider's commit, which the first page says.
    commit: Option<u64>,
    marked: Option<Marked>,
    is_recorded: bool,
    /// Something of it was written down before.
    was_recorded: bool,
    is_last: bool,
    is_closed: bool,
}

/// The parameters of `contract.took`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Took {
    at: Time,
    actor: String,
    marked: Marked,
    /// True where nothing of the fetch was written down before.
    is_first: bool,
    is_end: bool,
}

impl Reading {
    /// Makes ready to read what a scan wants. Nothing is asked before the first page is wanted.
    ///
    /// # Errors
    /// `contract.terminated`; `contract.lent` where a peer of this unit would be the one that reads.
    pub(crate) fn open(
        exchange: &Arc<Exchange>,
        reader: &Reader,
        lent: &Arc<Lent>,
        scan: &Scan,
    ) -> Result<Self, Problem> {
        if *reader.caller() == part() {
            let reason = "what a unit lends is not lent on";
            return Err(Error::Lent { offer: lent.offer.clone(), reason }.into());
        }
        let contract = state::contract(reader, &lent.contract)?;
        expect_reconciled(reader, &contract.peer)?;
        check_usable(&contract)?;
        let name = |place: &usize| lent.fields.get(*place).map(|field| field.name.clone());
        let filter = (!scan.filters.is_empty()).then(|| Filter::All(scan.filters.clone()));
        let written = filter.map(|filter| condition::write(&filter, &lent.fields)).transpose()?;
        let fetch = Fetch {
            v: FETCH,
            fetch: random_id(exchange.entropy.as_ref()),
            offer: lent.offer.clone(),
            at: reader.business(),
            columns: scan.columns.iter().filter_map(name).collect(),
            condition: written,
            limit: scan.limit.map(|limit| limit as u64),
            marked: None,
        };
        Ok(Self {
            exchange: Arc::clone(exchange),
            kernel: Arc::clone(reader.kernel()),
            lent: Arc::clone(lent),
            fetch,
            actor: reader.caller().to_string(),
            given: None,
            rows: 0,
            bytes: 0,
            commit: None,
            marked: None,
            is_recorded: true,
            was_recorded: false,
            is_last: false,
            is_closed: false,
        })
    }

    /// Returns the request for the next page.
    fn request(&self) -> Result<Vec<u8>, Error> {
        let Fetch { v, fetch, offer, at, .. } = &self.fetch;
        let next = |marked: &Marked| Fetch {
            v: *v,
            fetch: fetch.clone(),
            offer: offer.clone(),
            at: *at,
            columns: Vec::new(),
            condition: None,
            limit: None,
            marked: Some(marked.clone()),
        };
        let bytes = match &self.marked {
            Some(marked) => serde_json::to_vec(&next(marked)),
            None => serde_json::to_vec(&self.fetch),
        };
        bytes.map_err(Error::internal)
    }

    /// Takes an answer apart: a line about the page, then its rows.
    fn page_of(
        &mut self,
        read: &dyn Read,
        contract: &Contract,
        mut answer: Vec<u8>,
    ) -> Result<Page, Problem> {
        let end = answer.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| self.unreadable("it has no head"))?;
        let bytes = answer.split_off(end + 1);
        let head: PageHead = serde_json::from_slice(&answer)
            .map_err(|error| self.unreadable(&format!("its head cannot be read: {error}")))?;
        let rows = self.check(read, contract, &head, bytes.len() as u64)?;
        let PageHead { is_last, commit, marked, .. } = head;
        self.commit = Some(commit);
        self.given = Some(Given { rows, bytes: bytes.len() as u64, is_last, marked });
        Ok(Page { rows, commit, is_last, bytes })
    }

    /// Checks that a page follows the one before, as its provider signs; returns how many rows it says to have.
    fn check(
        &self,
        read: &dyn Read,
        contract: &Contract,
        head: &PageHead,
        bytes: u64,
    ) -> Result<u64, Problem> {
        let mark = &head.marked.mark;
        let pages = self.marked.as_ref().map_or(0, |marked| marked.mark.pages) + 1;
        let is_next = head.v == FETCH
            && Some(&mark.contract) == contract.id.as_ref()
            && mark.fetch == self.fetch.fetch
            && mark.offer == self.fetch.offer
            && mark.pages == pages
            && mark.bytes == self.bytes + bytes;
        let rows = mark.rows.checked_sub(self.rows).filter(|_| is_next);
        let rows = rows.ok_or_else(|| self.unreadable("it is not the one that was asked for"))?;
        let limit = self.exchange.config.lent_rows_max as u64;
        if limit < mark.rows {
            return Err(Error::Limit { what: "the rows of one query".into(), limit }.into());
        }
        if self.commit.is_some_and(|commit| commit != head.commit) {
            return Err(self.unreadable("it is of another commit than the one before"));
        }
        let provider = state::peer_of(read, &contract.peer)?;
        let provider =
            provider.ok_or_else(|| Error::PeerNotFound { peer: self.lent.peer.clone() })?;
        provider
            .card
            .check(&head.marked.signed, mark.signed_at, &mark.statement())
            .map_err(|error| self.unreadable(&error.to_string()))?;
        Ok(rows)
    }

    /// Returns what a refusal of the provider means: that the contract or this unit is hidden from it, is the end of the reading.
    fn told(&self, problem: Problem) -> Problem {
        if !["resource.not_found", "contract.not_found", "policy.forbidden"]
            .contains(&problem.code.as_str())
        {
            return problem;
        }
        let reason = "the provider does not let this unit read any more".into();
        Error::Terminated { contract: self.lent.contract.clone(), reason }.into()
    }

    /// Returns the call that writes down how far was read.
    fn note(&self, marked: &Marked, is_end: bool) -> Call {
        let contract = ResourceRef::new("contract", &self.lent.contract);
        let (at, actor, marked) = (self.fetch.at, self.actor.clone(), marked.clone());
        let took = Took { at, actor, marked, is_first: !self.was_recorded, is_end };
        Call::new("contract.took", contract, part())
            .with(serde_json::to_value(took).unwrap_or_default())
    }

    /// Writes down how far was read, and waits until that is on the disk.
    fn record(&mut self, is_end: bool) -> Result<(), Problem> {
        let Some(marked) = self.marked.as_ref().filter(|_| !self.is_recorded || is_end) else {
            return Ok(());
        };
        self.exchange.commit(self.note(marked, is_end))?;
        (self.is_recorded, self.was_recorded) = (true, true);
        self.is_closed = is_end;
        Ok(())
    }
}

impl Pages for Reading {
    fn next(&mut self) -> Result<Option<Page>, Problem> {
        if self.given.is_some() {
            let detail = "a page was asked for before the one before was read";
            return Err(Error::internal(detail).into());
        }
        if self.is_last {
            self.record(true)?;
            return Ok(None);
        }
        let contract = state::contract(&self.reader()?, &self.lent.contract)?;
        check_usable(&contract)?;
        // Asking for the next page confirms what was read: it must be known here when the receipt comes.
        self.record(false)?;
        let reader = self.reader()?;
        let path = format!("/v1/contracts/{}/fetch", self.lent.contract);
        let answer =
            self.exchange.ask_bytes(&reader, &self.lent.peer, "POST", &path, self.request()?);
        let answer = answer.map_err(|problem| self.told(problem))?;
        // A revocation that came while the answer was on its way counts.
        let reader = self.reader()?;
        let contract = state::contract(&reader, &self.lent.contract)?;
        check_usable(&contract)?;
        self.page_of(&reader, &contract, answer).map(Some)
    }

    fn took(&mut self, rows: u64) -> Result<(), Problem> {
        let given = self.given.take();
        let given = given.ok_or_else(|| Error::internal("a page was read that was not given"))?;
        if given.rows != rows {
            let reason = format!("it says that it has {} rows, and has {rows}", given.rows);
            return Err(self.unreadable(&reason));
        }
        self.rows += rows;
        self.bytes += given.bytes;
        self.is_last = given.is_last;
        self.marked = Some(given.marked);
        self.is_recorded = false;
        Ok(())
    }

    fn unreadable(&self, reason: &str) -> Problem {
        let reason = format!("a page of `{}` cannot be read: {reason}", self.lent.offer);
        Error::Unreachable { peer: self.lent.peer.clone(), reason }.into()
    }
}

impl Reading {
    fn reader(&self) -> Result<Reader, Problem> {
        Reader::new(&self.kernel, part())
    }
}

/// A query that has enough, or fails, closes its fetch as well. Nobody waits for that.
impl Drop for Reading {
    fn drop(&mut self) {
        let Some(marked) = self.marked.as_ref().filter(|_| !self.is_closed) else { return };
        let (exchange, lent) = (Arc::clone(&self.exchange), Arc::clone(&self.lent));
        let fetch = self.fetch.fetch.clone();
        let done = move |reply: Result<Reply, Problem>| {
            if reply.is_err() {
                // Too much is waiting: what was written down before is closed later.
                exchange.orphans.add(lent.contract.clone(), fetch);
            }
        };
        self.exchange.submit(self.note(marked, true), Box::new(done));
    }
}

impl Exchange {
    /// Has a call run on the partition's thread.
    pub(crate) fn submit(&self, call: Call, done: Done) {
        match self.commits() {
            Some(commits) => commits(call, done),
            None => done(Err(kernel::Error::Stopping.into())),
        }
    }

    /// Has a call run on the partition's thread and waits for its commit.
    pub(crate) fn commit(&self, call: Call) -> Result<Reply, Problem> {
        let (send, receive) = sync_channel(1);
        let done = move |reply| {
            // Nobody waits any more where the time was up; the commit stands.
            let _ = send.send(reply);
        };
        self.submit(call, Box::new(done));
        receive.recv_timeout(COMMIT).unwrap_or_else(|_| Err(kernel::Error::Stopping.into()))
    }

    /// `contract.took`: this unit writes down how far it has read, and confirms it at the end.
    pub(crate) fn took(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Took { at, actor, marked, is_first, is_end } = call.parameters()?;
        let contract = state::contract(tx, &call.resource.name)?;
        let key = reading_key(&contract.name, &marked.mark.fetch);
        let held: Option<FetchRecord> = state::load(tx, &key)?;
        // What is gone was settled meanwhile: its time was up at the provider. And what was not confirmed when the contract ended is
        // not owed; nobody asks for it any more.
        if held.is_none() && !(is_first && contract.state == State::Finalized) {
            return Ok(Reply::Value(Value::Null));
        }
        let record = FetchRecord {
            contract: contract.name.clone(),
            fetch: marked.mark.fetch.clone(),
            offer: marked.mark.offer.clone(),
            at,
            actor,
            pages: marked.mark.pages,
            rows: marked.mark.rows,
            bytes: marked.mark.bytes,
            touched_at: tx.wall(),
            opening: marked.mark.opening.clone(),
            marked: Some(marked),
            session: self.session,
        };
        if is_end {
            self.confirm(tx, &contract, record)?;
        } else {
            state::store(tx, key, &record)?;
        }
        Ok(Reply::Value(Value::Null))
    }

    /// Tells the provider how far was read. What has a price waits for its receipt; the rest is counted now.
    fn confirm(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        record: FetchRecord,
    ) -> Result<(), Problem> {
        tx.delete(reading_key(&record.contract, &record.fetch));
        let Some(marked) = record.marked.clone() else { return Ok(()) };
        let (name, fetch) = (record.contract.clone(), record.fetch.clone());
        let at = record.at.max(tx.business());
        send(tx, &contract.peer, at, &Message::Taken { contract: name, fetch, marked })?;
        let terms = self.terms(contract)?;
        if terms.capability(&record.offer)?.is_read_priced() {
            let key = taken_key(&record.contract, &record.fetch);
            return state::store(tx, key, &record);
        }
        meter(tx, &record)?;
        archive(tx, contract, &terms, &record, FetchState::Read, Cents(0))
    }

    /// Closes what was being read by a process of this unit that is gone, or by a query whose end could not be written down.
    pub(crate) fn close_orphans(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let limit = budget.min(ORPHANS_MAX);
        let mut orphans = self.orphans.first(limit);
        if let Some(after) = self.orphans.looked() {
            let prefix = state::all_reading_key();
            let end = base::prefix_end(prefix.as_ref());
            let start = after.as_deref().unwrap_or(prefix.as_ref());
            let found = tx.scan(start, &end, limit, false)?;
            let before = orphans.len();
            for (_, bytes) in &found {
                let record: FetchRecord = state::decode(bytes)?;
                let peer = state::contract(tx, &record.contract)?.peer.clone();
                // What the provider holds of it may have to be asked first; then the store is looked through once more.
                if record.session != self.session && is_reconciled(tx, &peer)? {
                    orphans.push((record.contract, record.fetch));
                }
            }
            // One goes on where none was found: then those of the turn before are closed for good.
            if before == orphans.len() {
                // The key with a zero at its end is the next possible one.
                self.orphans.look_on(found.last().map(|(key, _)| [key.as_slice(), &[0]].concat()));
            }
        }
        let mut count = 0;
        for (contract, fetch) in orphans {
            let record: Option<FetchRecord> = state::load(tx, &reading_key(&contract, &fetch))?;
            let Some(record) = record else {
                self.orphans.remove(&contract, &fetch);
                continue;
            };
            let contract = state::contract(tx, &contract)?;
            if is_reconciled(tx, &contract.peer)? {
                self.confirm(tx, &contract, record)?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// The provider's receipt for a fetch has come: it is settled.
    pub(crate) fn settle_fetch(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        receipt: &Receipt,
    ) -> Result<(), Problem> {
        let Some((key, mut record)) = state::fetch(tx, &contract.name, &receipt.call)? else {
            return Ok(());
        };
        tx.delete(key);
        record.rows = receipt.rows.unwrap_or_default();
        record.bytes = receipt.bytes.unwrap_or_default();
        meter(tx, &record)?;
        let terms = self.terms(contract)?;
        archive(tx, contract, &terms, &record, FetchState::Read, amount_of(receipt))
    }

    /// The provider knows nothing of a fetch any more: nothing is owed for it.
    pub(crate) fn on_fetch_refused(
        &self,
        tx: &mut Tx<'_>,
        contract: &str,
        fetch: &str,
    ) -> Result<(), Problem> {
        let contract = state::contract(tx, contract)?;
        let Some((key, record)) = state::fetch(tx, &contract.name, fetch)? else {
            return Ok(());
        };
        tx.delete(key);
        let terms = self.terms(&contract)?;
        archive(tx, &contract, &terms, &record, FetchState::Refused, Cents(0))
    }
}

/// Compares a receipt with what this consumer has read. It may say less: a provider that closed a fetch early has not seen all
/// that was confirmed.
pub(crate) fn check_read(
    terms: &Terms,
    receipt: &Receipt,
    record: Option<&FetchRecord>,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    let capability = terms.capability(&receipt.capability).map_err(|error| error.to_string())?;
    let record = record.ok_or("there is no such fetch")?;
    if record.offer != receipt.capability || capability.currency() != receipt.currency {
        return Err("another capability or currency was agreed".into());
    }
    if receipt.at != record.at || !seen.insert(format!("read {}", receipt.call)) {
        return Err("it comes twice, or has another time".into());
    }
    let (rows, bytes) = (receipt.rows.unwrap_or_default(), receipt.bytes.unwrap_or_default());
    if record.rows < rows || record.bytes < bytes {
        let (read, length) = (record.rows, record.bytes);
        return Err(format!(
            "it says {rows} rows in {bytes} bytes, and {read} rows in {length} bytes were read"
        ));
    }
    let expected = capability.on_read(rows, bytes, record.at).to_string();
    if receipt.amount == expected {
        Ok(())
    } else {
        Err(format!("it says {} where {expected} was agreed", receipt.amount))
    }
}

/// Adds a settled fetch to what was read under a contract.
pub(crate) fn meter(tx: &mut Tx<'_>, record: &FetchRecord) -> Result<(), Problem> {
    let mut meter = state::meter(tx, &record.contract, &record.offer)?;
    meter.reads += 1;
    meter.rows += record.rows;
    meter.bytes += record.bytes;
    state::store(tx, meter_key(&record.contract, &record.offer), &meter)
}

/// Makes a settled fetch a row of the log.
pub(crate) fn archive(
    tx: &mut Tx<'_>,
    contract: &Contract,
    terms: &Terms,
    record: &FetchRecord,
    state: FetchState,
    amount: Cents,
) -> Result<(), Problem> {
    tx.record(FETCHES, &row(contract, terms, record, state, amount)).map(|_| ())
}

/// Returns a fetch as a row.
pub(crate) fn row(
    contract: &Contract,
    terms: &Terms,
    record: &FetchRecord,
    state: FetchState,
    amount: Cents,
) -> FetchRow {
    let currency = terms.capability(&record.offer).map(|held| held.currency().to_owned());
    FetchRow {
        contract: record.contract.clone(),
        fetch: record.fetch.clone(),
        offer: record.offer.clone(),
        side: contract.side,
        state,
        at: record.at,
        actor: record.actor.clone(),
        pages: record.pages,
        rows: record.rows,
        bytes: record.bytes,
        amount: amount.to_string(),
        currency: currency.unwrap_or_default(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;
    use crate::terms::{Document, OfferSpec};
    use crate::wire::Event;
    use serde_json::json;

    fn terms() -> Terms {
        let spec: OfferSpec = serde_json::from_value(json!({
            "relation": {"name": "numbers", "columns": ["n"]}, "version": 1, "to": "any",
            "price": {"currency": "EUR", "on_read": "0.01 + rows * 0.10"},
        }))
        .unwrap();
        let columns = serde_json::from_value(json!([{"name": "n", "type": "int"}])).unwrap();
        let document = Document {
            v: 1,
            name: "lent".into(),
            provider: "p".into(),
            consumer: "c".into(),
            agreed_at: Time(0),
            nonce: "x".into(),
            offers: vec![spec.term("numbers", Some(columns))],
        };
        Terms::compile(&document.text().unwrap()).unwrap()
    }

    fn record() -> FetchRecord {
        FetchRecord {
            contract: "lent".into(),
            fetch: "f".into(),
            offer: "numbers".into(),
            at: Time(7),
            actor: "user:ann".into(),
            pages: 2,
            rows: 10,
            bytes: 1_000,
            touched_at: Time(9),
            opening: "o".into(),
            marked: None,
            session: 1,
        }
    }

    fn receipt() -> Receipt {
        Receipt {
            v: 2,
            contract: "id".into(),
            number: 1,
            previous: String::new(),
            capability: "numbers".into(),
            call: "f".into(),
            event: Event::Read,
            at: Time(7),
            amount: "1.01".into(),
            currency: "EUR".into(),
            rows: Some(10),
            bytes: Some(1_000),
        }
    }

    fn check(change: impl Fn(&mut Receipt)) -> Result<(), String> {
        let mut receipt = receipt();
        change(&mut receipt);
        check_read(&terms(), &receipt, Some(&record()), &mut BTreeSet::new())
    }

    #[test]
    fn a_receipt_says_what_was_read_or_less_and_costs_what_was_agreed() {
        check(|_| {}).unwrap();
        check(|receipt| {
            (receipt.rows, receipt.bytes) = (Some(4), Some(400));
            receipt.amount = "0.41".into();
        })
        .unwrap();
        let cases: [(fn(&mut Receipt), &str); 7] = [
            (|receipt| receipt.rows = Some(11), "10 rows"),
            (|receipt| receipt.bytes = Some(1_001), "1000 bytes"),
            (|receipt| receipt.amount = "1.02".into(), "1.01 was agreed"),
            (|receipt| receipt.rows = Some(9), "0.91 was agreed"),
            (|receipt| receipt.at = Time(8), "another time"),
            (|receipt| receipt.currency = "USD".into(), "currency"),
            (|receipt| receipt.capability = "other".into(), "does not cover"),
        ];
        for (change, expected) in cases {
            let reason = check(change).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn a_receipt_for_nothing_or_for_the_same_twice_is_not_agreed_to() {
        let mut seen = BTreeSet::new();
        check_read(&terms(), &receipt(), Some(&record()), &mut seen).unwrap();
        let twice = check_read(&terms(), &receipt(), Some(&record()), &mut seen).unwrap_err();
        assert!(twice.contains("twice"), "{twice}");
        let unknown = check_read(&terms(), &receipt(), None, &mut seen).unwrap_err();
        assert!(unknown.contains("no such fetch"), "{unknown}");
    }
}
