//! Lent rows as the provider gives them: a page at a time at one commit, each decided upon and counted in a commit of its own.
//!
//! A page carries a mark of how far the fetch has come, which this unit signs. Who wants the next page shows the mark of the one
//! before, and so confirms that it was read: what is owed is what was confirmed. Invariants: a fetch is billed once, when it is
//! closed; the commit that ends a contract closes its fetches, and after it nothing of the contract is sent or billed.

use crate::Error;
use crate::condition::{self, no_column};
use crate::consume::{check_usable, limit};
use crate::contracts::{offer_spec, refused};
use crate::engine::Exchange;
use crate::fetch::{FETCH, archive, meter};
use crate::lend::column_type;
use crate::link::{FAULTS, send};
use crate::price::Cents;
use crate::receipts::Owed;
use crate::restore::{expect_reconciled, is_reconciled};
use crate::serve::{check_id, part};
use crate::signature::random_id;
use crate::state::{self, all_lending_key, billed_key, lending_key, look_key, short};
use crate::terms::{Field, Terms};
use crate::wire::{
    Contract, Event, Fetch, FetchRecord, FetchState, Mark, Marked, Message, PageHead, Peer, Side,
};
use base::{Kind, Period, Problem, Time};
use kernel::{
    Call, Kernel, Lending, LentColumn, Page, Principal, Read, Reader, Reply, ResourceRef, Tx,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The media type of a page: a line of JSON about it, then an Arrow IPC stream.
pub(crate) const PAGE: &str = "application/vnd.craton.page";

/// Pages that are still to come, as the engine of SQL gives them.
type Pieces = Box<dyn Iterator<Item = Result<Vec<u8>, Problem>> + Send>;

/// A fetch that goes on, in memory: with the process it is gone, and the consumer asks again from the beginning.
pub(crate) struct Running {
    pieces: Pieces,
    pages: u64,
    rows: u64,
    bytes: u64,
    /// Until when it may go on, by the clock that only runs forward.
    until: Duration,
    _slot: Arc<()>,
}

/// The fetches that go on, by contract and id.
#[derive(Default)]
pub(crate) struct Runnings {
    held: Mutex<HashMap<(String, String), Running>>,
    /// The places that peers hold: each of them a copy of its peer's token.
    places: Mutex<HashMap<String, Arc<()>>>,
}

impl Runnings {
    /// Takes a place for a fetch of a peer, so many in all and so many for each; nothing where none is left. Those whose time is up
    /// give theirs back.
    fn slot(&self, peer: &str, (all, each): (usize, usize), now: Duration) -> Option<Arc<()>> {
        self.held().retain(|_, running| now < running.until);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        // One of the counted is this map's own.
        let taken = |token: &Arc<()>| Arc::strong_count(token) - 1;
        places.retain(|_, token| 0 < taken(token));
        let is_free = places.values().map(taken).sum::<usize>() < all
            && places.get(peer).map_or(0, taken) < each;
        is_free.then(|| Arc::clone(places.entry(peer.to_owned()).or_default()))
    }

    fn put(&self, step: &Step, running: Running) {
        self.held().insert((step.contract.clone(), step.fetch.clone()), running);
    }

    fn take(&self, contract: &str, fetch: &str) -> Option<Running> {
        self.held().remove(&(contract.to_owned(), fetch.to_owned()))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<(String, String), Running>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a contract lends, as the offer stands now.
struct Standing {
    terms: Arc<Terms>,
    relation: String,
    rows: Option<String>,
    /// What this unit calls the peer.
    peer: String,
}

impl Standing {
    fn fields(&self, offer: &str) -> Result<&[Field], Error> {
        Ok(self.terms.capability(offer)?.term.columns.as_deref().unwrap_or_default())
    }
}

/// A page that is to be made once the commit that allows it is done.
struct Step {
    contract: String,
    fetch: String,
    offer: String,
    unit: String,
    /// What this unit has named the fetch.
    opening: String,
    /// How many pages were confirmed.
    pages: u64,
    /// What is wanted, where this is the first page.
    lending: Option<Box<Lending>>,
}

/// Why there is no page: what the peer is told, and what this unit's faults say, where that is more.
struct Fault {
    told: Problem,
    cause: Option<Problem>,
}

impl From<Problem> for Fault {
    fn from(told: Problem) -> Self {
        Self { told, cause: None }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

/// Makes one page, off the partition's thread.
struct OnePage {
    exchange: Arc<Exchange>,
    kernel: Arc<Kernel>,
    step: Option<Step>,
}

impl Iterator for OnePage {
    type Item = Result<Vec<u8>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step.take()?;
        Some(self.exchange.page(&self.kernel, &step))
    }
}

/// The parameters of `contract.lapse`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lapse {
    fetch: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Problem>,
}

impl Exchange {
    /// `contract.fetch`: a peer reads rows of what this unit lends it, one page. The page is made after the commit.
    pub(crate) fn fetch(self: &Arc<Self>, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let fetch: Fetch = call.parameters()?;
        if fetch.v != FETCH {
            let reason = format!("its version is {}, known is {FETCH}", fetch.v);
            return Err(Error::Input { reason, pointer: "/v".into(), hint: None }.into());
        }
        let contract = state::contract(tx, &call.resource.name)?;
        if call.actor != Principal::Peer(contract.peer.clone()) || contract.side != Side::Provider {
            return Err(Error::ContractNotFound { contract: contract.name.clone() }.into());
        }
        expect_reconciled(tx, &contract.peer)?;
        let standing = self.standing(tx, &contract, &fetch.offer)?;
        let step = match &fetch.marked {
            None => self.begin(tx, &contract, &standing, &fetch)?,
            Some(marked) => self.go_on(tx, &contract, &fetch, marked)?,
        };
        let (exchange, kernel) = (Arc::clone(self), Arc::clone(tx.kernel()));
        let page = OnePage { exchange, kernel, step: Some(step) };
        Ok(Reply::Stream { media: PAGE, pieces: Box::new(page) })
    }

    /// Returns what a contract lends, where it is in force and its offer stands as it was agreed.
    fn standing(
        &self,
        read: &dyn Read,
        contract: &Contract,
        offer: &str,
    ) -> Result<Standing, Problem> {
        check_usable(contract)?;
        let terms = self.terms(contract)?;
        let term = &terms.capability(offer)?.term;
        if term.columns.is_none() {
            return Err(refused(contract, "it is called, not read").into());
        }
        let withdrawn = || Error::Terminated {
            contract: contract.name.clone(),
            reason: format!("the offer `{offer}` was withdrawn"),
        };
        let peer = state::peer_of(read, &contract.peer)?.ok_or_else(withdrawn)?;
        let resource = read.resource("offer", offer)?.ok_or_else(withdrawn)?;
        let spec = offer_spec(&resource.spec)?;
        if !spec.is_to(&peer.name) {
            return Err(withdrawn().into());
        }
        let lent = spec.relation.ok_or_else(withdrawn)?;
        if spec.version != term.version {
            let reason = format!("it has version {} now, not {}", spec.version, term.version);
            return Err(self.changed(contract, offer, reason).into());
        }
        let peer = peer.name.clone();
        Ok(Standing { relation: lent.name, rows: lent.rows, peer, terms })
    }

    fn changed(&self, contract: &Contract, offer: &str, reason: String) -> Error {
        Error::Version { contract: contract.name.clone(), offer: short(offer), reason }
    }

    /// Opens a fetch.
    fn begin(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        standing: &Standing,
        fetch: &Fetch,
    ) -> Result<Step, Problem> {
        check_id(&fetch.fetch, "/fetch")?;
        self.check_age(tx, contract)?;
        let lending = self.lending(standing, fetch)?;
        let key = lending_key(&contract.name).text(&fetch.fetch);
        if tx.get(key.as_ref())?.is_some() {
            let reason = "there is an open fetch of this id already".into();
            return Err(Error::Input { reason, pointer: "/fetch".into(), hint: None }.into());
        }
        let open = self.close_stale(tx, contract)?;
        limit("open fetches", open, self.config.fetches_open_max)?;
        let record = FetchRecord {
            contract: contract.name.clone(),
            fetch: fetch.fetch.clone(),
            offer: fetch.offer.clone(),
            at: fetch.at,
            actor: format!("peer:{}", contract.peer),
            pages: 0,
            rows: 0,
            bytes: 0,
            touched_at: tx.wall(),
            opening: random_id(self.entropy.as_ref()),
            marked: None,
            session: self.session,
        };
        self.keep_open(tx, &record)?;
        Ok(step(contract, &record, Some(Box::new(lending))))
    }

    /// Writes an open fetch down, and when to look whether its time is up.
    pub(crate) fn keep_open(&self, tx: &mut Tx<'_>, record: &FetchRecord) -> Result<(), Problem> {
        state::store(tx, lending_key(&record.contract).text(&record.fetch), record)?;
        if tx.get(look_key().as_ref())?.is_none() {
            state::store(tx, look_key(), &self.until(record.touched_at).plus(Period(1)))?;
        }
        Ok(())
    }

    /// Makes a query of what a peer wants: names and conditions that are checked, over lent columns.
    fn lending(&self, standing: &Standing, fetch: &Fetch) -> Result<Lending, Error> {
        let fields = standing.fields(&fetch.offer)?;
        let mut select = Vec::with_capacity(fetch.columns.len().min(fields.len()));
        for (at, name) in fetch.columns.iter().enumerate() {
            let pointer = format!("/columns/{at}");
            let place = fields.iter().position(|field| field.name == *name);
            let place = place.ok_or_else(|| no_column(name, &pointer))?;
            if select.contains(&place) {
                let reason = format!("the column `{}` is there twice", short(name));
                return Err(Error::Input { reason, pointer, hint: None });
            }
            select.push(place);
        }
        let condition = fetch.condition.as_ref();
        let filter = condition.map(|value| condition::read(value, fields, &self.config));
        let column = |field: &Field| LentColumn {
            name: field.name.clone(),
            column_type: column_type(&field.field_type),
        };
        Ok(Lending {
            relation: standing.relation.clone(),
            columns: fields.iter().map(column).collect(),
            rows: standing.rows.clone(),
            user: standing.peer.clone(),
            select,
            filter: filter.transpose()?,
            limit: fetch.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            ms: self.config.fetch_ms_max,
            page_ms: self.config.page_ms,
            page_rows: self.config.page_rows_max,
            page_bytes: self.config.page_bytes,
        })
    }

    /// Goes on with a fetch: the mark that is shown confirms the page before.
    fn go_on(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        fetch: &Fetch,
        marked: &Marked,
    ) -> Result<Step, Problem> {
        let key = lending_key(&contract.name).text(&fetch.fetch);
        let record: Option<FetchRecord> = state::load(tx, &key)?;
        let record = record.ok_or_else(|| lost(&contract.name, &fetch.fetch))?;
        let is_next = marked.mark.pages == record.pages + 1;
        if !is_next || record.offer != fetch.offer {
            let reason = "the mark is not that of the last page".into();
            return Err(Error::Input { reason, pointer: "/marked".into(), hint: None }.into());
        }
        let record = self.confirmed(tx, contract, record, marked)?;
        state::store(tx, key, &record)?;
        Ok(step(contract, &record, None))
    }

    /// Brings a fetch up to a mark that this unit has signed.
    fn confirmed(
        &self,
        tx: &Tx<'_>,
        contract: &Contract,
        record: FetchRecord,
        marked: &Marked,
    ) -> Result<FetchRecord, Problem> {
        let Mark { pages, rows, bytes, signed_at, .. } = marked.mark;
        let mark = &marked.mark;
        let is_of_it = Some(&mark.contract) == contract.id.as_ref()
            && mark.fetch == record.fetch
            && mark.offer == record.offer
            && mark.opening == record.opening
            && record.pages <= pages;
        if !is_of_it {
            let reason = "the mark is of another fetch".into();
            return Err(Error::Input { reason, pointer: "/marked".into(), hint: None }.into());
        }
        self.card_of(tx)?.check(&marked.signed, signed_at, &mark.statement())?;
        Ok(FetchRecord { pages, rows, bytes, touched_at: tx.wall(), ..record })
    }

    /// Makes a page, and closes the fetch where that fails.
    fn page(&self, kernel: &Arc<Kernel>, step: &Step) -> Result<Vec<u8>, Problem> {
        self.make(kernel, step).map_err(|Fault { told, cause }| {
            let lapse = Lapse { fetch: step.fetch.clone(), cause };
            let contract = ResourceRef::new("contract", &step.contract);
            let call = Call::new("contract.lapse", contract, part())
                .with(serde_json::to_value(lapse).unwrap_or_default());
            self.submit(call, Box::new(|_| {}));
            told
        })
    }

    fn make(&self, kernel: &Arc<Kernel>, step: &Step) -> Result<Vec<u8>, Fault> {
        let mut running = match &step.lending {
            Some(lending) => self.start(kernel, step, lending)?,
            None => self
                .running
                .take(&step.contract, &step.fetch)
                .filter(|running| running.pages == step.pages)
                .ok_or_else(|| lost(&step.contract, &step.fetch))?,
        };
        let piece = running.pieces.next();
        let piece = piece.ok_or_else(|| Error::internal("the pages end without a last one"))?;
        let piece = piece.map_err(|problem| sealed(step, problem))?;
        let page = Page::of_piece(piece).ok_or_else(|| Error::internal("a piece is no page"))?;
        // The contract may have ended, or the offer changed, while the page was made: then it is not sent.
        let reader = Reader::new(kernel, part())?;
        let contract = state::contract(&reader, &step.contract)?;
        self.standing(&reader, &contract, &step.offer)?;
        running.pages += 1;
        running.rows += page.rows;
        running.bytes += page.bytes.len() as u64;
        let rows_max = self.config.lent_rows_max as u64;
        if rows_max < running.rows {
            return Err(
                Error::Limit { what: "the rows of one query".into(), limit: rows_max }.into()
            );
        }
        let marked = self.mark(&reader, &contract, step, &running)?;
        let head = PageHead { v: FETCH, is_last: page.is_last, commit: page.commit, marked };
        if !page.is_last {
            self.running.put(step, running);
        }
        let mut answer = serde_json::to_vec(&head).map_err(Error::internal)?;
        answer.push(b'\n');
        answer.extend(page.bytes);
        Ok(answer)
    }

    /// Starts the query of a fetch.
    fn start(
        &self,
        kernel: &Arc<Kernel>,
        step: &Step,
        lending: &Lending,
    ) -> Result<Running, Fault> {
        let now = kernel.clock().monotonic();
        let places = (self.config.fetches_running_max, self.config.fetches_running_each_max);
        let slot = self.running.slot(&step.unit, places, now).ok_or_else(|| Error::Limit {
            what: "the number of fetches at the same time".into(),
            limit: places.0.min(places.1) as u64,
        })?;
        let mut call = Call::new("sql.lend", ResourceRef::new("sql", ""), part())
            .with(serde_json::to_value(lending).map_err(Error::internal)?);
        call.on_behalf_of = Some(Principal::Peer(step.unit.clone()));
        let reply = kernel.read(&call).map_err(|problem| sealed(step, problem))?;
        let Reply::Stream { pieces, .. } = reply else {
            return Err(Error::internal("sql.lend gives no pages").into());
        };
        let until = now + Duration::from_millis(self.config.fetch_ms_max);
        Ok(Running { pieces, pages: 0, rows: 0, bytes: 0, until, _slot: slot })
    }

    fn mark(
        &self,
        reader: &Reader,
        contract: &Contract,
        step: &Step,
        running: &Running,
    ) -> Result<Marked, Problem> {
        let mark = Mark {
            v: FETCH,
            contract: contract.id.clone().unwrap_or_default(),
            fetch: step.fetch.clone(),
            offer: step.offer.clone(),
            opening: step.opening.clone(),
            pages: running.pages,
            rows: running.rows,
            bytes: running.bytes,
            signed_at: reader.kernel().clock().wall(),
        };
        let signed = self.identity_of(reader)?.sign(mark.signed_at, &mark.statement())?;
        Ok(Marked { mark, signed })
    }

    /// `contract.lapse`: a page could not be made; what was confirmed before counts.
    pub(crate) fn lapse(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Lapse { fetch, cause } = call.parameters()?;
        let contract = state::contract(tx, &call.resource.name)?;
        if let Some(problem) = cause {
            let row = json!({
                "contract": contract.name, "fetch": fetch, "problem": problem, "wall": tx.wall(),
            });
            tx.record(FAULTS, &row)?;
        }
        let key = lending_key(&contract.name).text(&fetch);
        let record: Option<FetchRecord> = state::load(tx, &key)?;
        if let Some(record) = record {
            self.close_fetch(tx, &contract, &record)?;
        }
        Ok(Reply::Value(Value::Null))
    }

    /// The consumer has all that it wanted.
    pub(crate) fn on_taken(
        &self,
        tx: &mut Tx<'_>,
        peer: &Peer,
        at: Time,
        name: &str,
        fetch: &str,
        marked: &Marked,
    ) -> Result<(), Problem> {
        let contract = state::contract(tx, name)?;
        if contract.peer != peer.card.unit || contract.side != Side::Provider {
            return Err(Error::ContractNotFound { contract: short(name) }.into());
        }
        let record: Option<FetchRecord> =
            state::load(tx, &lending_key(&contract.name).text(fetch))?;
        let mut is_read = false;
        if let Some(record) = record {
            // A mark that is none confirms nothing more than was confirmed before.
            let confirmed = self.confirmed(tx, &contract, record.clone(), marked);
            let record = confirmed.unwrap_or(record);
            is_read = 0 < record.pages;
            self.close_fetch(tx, &contract, &record)?;
        }
        // It may have been closed before, and its receipt be on its way.
        let billed = billed_key(&contract.name, fetch);
        if tx.get(billed.as_ref())?.is_some() {
            is_read = true;
            tx.delete(billed);
        }
        if is_read {
            return Ok(());
        }
        let problem = lost(&contract.name, fetch).into();
        let (contract, call) = (contract.name.clone(), fetch.to_owned());
        send(tx, &peer.card.unit, at, &Message::Refused { contract, call, problem })
    }

    /// Closes the fetches of a contract that has ended: what was confirmed is billed in this commit, and nothing later.
    pub(crate) fn end_fetches(&self, tx: &mut Tx<'_>, contract: &Contract) -> Result<(), Problem> {
        for (_, bytes) in tx.scan_prefix(lending_key(&contract.name).as_ref(), usize::MAX)? {
            self.close_fetch(tx, contract, &state::decode(&bytes)?)?;
        }
        Ok(())
    }

    /// Closes fetches of a contract whose time is up; returns how many are open.
    fn close_stale(&self, tx: &mut Tx<'_>, contract: &Contract) -> Result<u64, Problem> {
        let mut open = 0;
        for (_, bytes) in tx.scan_prefix(lending_key(&contract.name).as_ref(), usize::MAX)? {
            let record: FetchRecord = state::decode(&bytes)?;
            if self.until(record.touched_at) < tx.wall() {
                self.close_fetch(tx, contract, &record)?;
            } else {
                open += 1;
            }
        }
        Ok(open)
    }

    /// Until when a fetch is open without a further sign of its consumer, wall time.
    fn until(&self, touched_at: Time) -> Time {
        let age = i64::try_from(self.config.fetch_ms_max).unwrap_or(i64::MAX);
        touched_at.plus(Period(age))
    }

    /// Closes the fetches of all contracts whose time is up, also where nobody asks for anything any more.
    pub(crate) fn close_abandoned(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let look: Option<Time> = state::load(tx, &look_key())?;
        if look.is_none_or(|look| tx.wall() < look) {
            return Ok(0);
        }
        let (mut next, mut count) = (None::<Time>, 0);
        for (_, bytes) in tx.scan_prefix(all_lending_key().as_ref(), usize::MAX)? {
            let record: FetchRecord = state::decode(&bytes)?;
            let contract = state::contract(tx, &record.contract)?;
            // What its consumer holds of it may have to be asked first: until then it stays open.
            let is_known = is_reconciled(tx, &contract.peer)?;
            let until = self.until(if is_known { record.touched_at } else { tx.wall() });
            if until < tx.wall() && count < budget {
                self.close_fetch(tx, &contract, &record)?;
                count += 1;
            } else {
                next = Some(next.map_or(until, |next| next.min(until)));
            }
        }
        match next {
            // Behind the time itself: at it, the fetch is still open.
            Some(next) => state::store(tx, look_key(), &next.plus(Period(1)))?,
            None => tx.delete(look_key()),
        }
        Ok(count)
    }

    /// Closes a fetch: what was confirmed is counted, and owed where reading has a price.
    pub(crate) fn close_fetch(
        &self,
        tx: &mut Tx<'_>,
        contract: &Contract,
        record: &FetchRecord,
    ) -> Result<(), Problem> {
        tx.delete(lending_key(&contract.name).text(&record.fetch));
        // A query that still runs ends with this. Where the commit fails, its consumer asks again from the beginning.
        drop(self.running.take(&contract.name, &record.fetch));
        if record.pages == 0 {
            return Ok(());
        }
        let terms = self.terms(contract)?;
        let capability = terms.capability(&record.offer)?;
        let mut amount = Cents(0);
        if capability.is_read_priced() {
            amount = capability.on_read(record.rows, record.bytes, record.at);
            let owed = Owed {
                capability: &record.offer,
                call: &record.fetch,
                event: Event::Read,
                at: record.at,
                amount,
                currency: capability.currency(),
                read: Some((record.rows, record.bytes)),
            };
            self.issue_receipt(tx, contract, owed)?;
            tx.put(billed_key(&contract.name, &record.fetch), Vec::new());
        }
        meter(tx, record)?;
        archive(tx, contract, &terms, record, FetchState::Read, amount)
    }
}

fn step(contract: &Contract, record: &FetchRecord, lending: Option<Box<Lending>>) -> Step {
    Step {
        contract: contract.name.clone(),
        fetch: record.fetch.clone(),
        offer: record.offer.clone(),
        unit: contract.peer.clone(),
        opening: record.opening.clone(),
        pages: record.pages,
        lending,
    }
}

/// Says that a fetch is not open, or that the process that had its query is gone.
fn lost(contract: &str, fetch: &str) -> Error {
    Error::CallNotFound { contract: contract.to_owned(), call: short(fetch) }
}

/// Returns what a peer may know of a problem with what is lent to it: the text of the problem can hold names and values that are not.
fn sealed(step: &Step, problem: Problem) -> Fault {
    let (contract, offer) = (step.contract.clone(), step.offer.clone());
    let told = match (problem.code.as_str(), problem.kind) {
        ("sql.lent", _) => {
            let reason = "what it lends does not have the columns of the contract any more".into();
            Error::Version { contract, offer, reason }
        }
        (_, Kind::Exhausted) => {
            let reason = "it exceeds the provider's limits for queries, or they are used up";
            Error::Lent { offer, reason }
        }
        _ => Error::Lent { offer, reason: "the provider cannot read it at the moment" },
    };
    Fault { told: told.into(), cause: Some(problem) }
}
