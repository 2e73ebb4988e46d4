//! The step between *authorise* and *run*: a permit under all quotas that concern a call, given back when it is dropped.
//!
//! In memory only: a unit that starts again knows nothing of what was used before. Who is limited by what is remembered for each
//! principal as of an epoch of rights; taking a permit then costs a look into a table and some atomic numbers. The unit's own parts,
//! and calls that engines make of each other in one turn, need no permit: what started them had one.
//!
//! A call that changes something takes its *place* before it waits for the partition's thread, where only how many wait is looked
//! at, and the rest of its permit there, once its rights are known.

mod account;
mod meter;

use self::account::{Account, Forced, Known, Narrow};
use self::meter::{Meter, millis, refused_bytes, refused_calls, refused_place};
use crate::bucket::Rate;
use crate::operation::{Operation, Right};
use crate::quota::{Limits, Quota, Quotas};
use crate::{Call, Config, Error, Kernel, Principal, Read, Reply, Resource};
use base::{Clock, Problem};
use serde_json::Value;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tables over which principals are spread, so that threads seldom wait for each other.
const SHARDS: usize = 16;

/// How much is free on the disk of the unit.
#[derive(Default)]
struct Disk {
    is_full: AtomicBool,
    free: AtomicU64,
    least: AtomicU64,
}

/// A call that asks for a permit.
pub(crate) struct Asked<'a> {
    pub kernel: &'a Kernel,
    pub read: &'a dyn Read,
    pub operation: &'a Operation,
    pub call: &'a Call,
    /// True where the call has its place already.
    pub is_placed: bool,
    /// True where it is a part of another, which was charged to the principal with all its bytes.
    pub is_part: bool,
}

/// What a principal or a quota uses now, for `system.quotas`.
#[derive(Debug, Clone)]
pub(crate) struct Used {
    pub whom: String,
    pub quota: Option<String>,
    pub limits: Limits,
    pub running: u64,
    pub refused: u64,
    pub is_forced: bool,
}

/// Who may use how much, and who uses what.
pub(crate) struct Admission {
    shards: Vec<Mutex<HashMap<Principal, Arc<Account>>>>,
    hasher: RandomState,
    /// What is counted of quotas that are not about one principal as a whole.
    meters: Mutex<HashMap<String, Arc<Meter>>>,
    /// Rises when what is known of principals is known no more.
    void: AtomicU64,
    disk: Disk,
    /// Calls that got a permit, and that got none, since the unit started.
    given: AtomicU64,
    refused: AtomicU64,
    defaults: Limits,
    principals_max: usize,
    owed_max: Duration,
    storage_ms: u64,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            meters: Mutex::default(),
            void: AtomicU64::new(0),
            disk: Disk::default(),
            given: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            defaults: Limits::default_of(config),
            principals_max: config.principals_max.max(SHARDS),
            owed_max: Duration::from_secs(config.owed_seconds_max),
            storage_ms: config.storage_ms,
        }
    }

    /// Takes a place for a call that will wait for the partition's thread.
    ///
    /// # Errors
    /// `quota.exceeded` where the principal has too many there.
    pub(crate) fn place(&self, clock: &dyn Clock, call: &Call) -> Result<Place, Problem> {
        let place = self.take_place(clock, call);
        if place.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        place
    }

    fn take_place(&self, clock: &dyn Clock, call: &Call) -> Result<Place, Problem> {
        let mut place = Place::default();
        if matches!(call.actor, Principal::Unit(_)) {
            return Ok(place);
        }
        let now = clock.monotonic();
        let account = self.account(&call.actor, now);
        // Where nothing is known at the moment, the permit finds it out; until then the unit's default holds.
        let known = self.current(&account, now);
        let limits = known.as_ref().map_or(self.defaults, |known| known.limits);
        if known.is_some() {
            account.meter.check(now, &limits, || call.actor.to_string())?;
        }
        place.enter(&account.meter, limits.concurrency, || call.actor.to_string())?;
        for narrow in known.iter().flat_map(|known| &known.narrow) {
            if narrow.operations.contains(&call.operation) {
                place.enter(&narrow.meter, narrow.limits.concurrency, || named(&narrow.name))?;
            }
        }
        Ok(place)
    }

    /// Refuses who is known to be over its quota of calls or bytes, before anything is done for it. Takes nothing.
    ///
    /// # Errors
    /// `quota.exceeded`.
    pub(crate) fn knock(&self, clock: &dyn Clock, who: &Principal) -> Result<(), Problem> {
        if matches!(who, Principal::Unit(_)) {
            return Ok(());
        }
        let now = clock.monotonic();
        let account = self.account(who, now);
        let Some(known) = self.current(&account, now) else { return Ok(()) };
        let checked = account.meter.check(now, &known.limits, || who.to_string());
        if checked.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        checked
    }

    /// Gives a permit for a call whose rights were looked at.
    ///
    /// # Errors
    /// `quota.exceeded`, `disk.full`, or where the store cannot be read.
    pub(crate) fn permit(&self, asked: &Asked<'_>) -> Result<Permit, Problem> {
        let mut permit = Permit { taken: Vec::new(), owed_max: self.owed_max };
        if matches!(asked.call.actor, Principal::Unit(_)) {
            return Ok(permit);
        }
        let now = asked.kernel.clock().monotonic();
        let disk = self.check_disk(asked.operation).map_err(Problem::from);
        let taken = disk.and_then(|()| self.take_all(&mut permit, asked, now));
        match taken {
            Ok(()) => {
                self.given.fetch_add(1, Ordering::Relaxed);
                Ok(permit)
            }
            Err(problem) => {
                permit.refund();
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(problem)
            }
        }
    }

    /// Returns how many calls got a permit since the unit started, and how many got none.
    pub(crate) fn calls(&self) -> (u64, u64) {
        (self.given.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    fn take_all(
        &self,
        permit: &mut Permit,
        asked: &Asked<'_>,
        now: Duration,
    ) -> Result<(), Problem> {
        let Asked { call, operation, .. } = asked;
        let account = self.account(&call.actor, now);
        let known = self.known(&account, asked.kernel, asked.read, &call.actor, now)?;
        let bytes = known.limits.bytes.filter(|_| !asked.is_part);
        let limits = Limits { bytes, ..known.limits };
        permit.take(asked, now, &account.meter, &limits, || call.actor.to_string())?;
        for narrow in &known.narrow {
            if narrow.concerns(operation) {
                permit.take(asked, now, &narrow.meter, &narrow.limits, || named(&narrow.name))?;
            }
        }
        if !known.quotas.look_at_resources() {
            return Ok(());
        }
        let resource = &call.resource;
        let Some(resource) = asked.read.resource(&resource.kind, &resource.name)? else {
            return Ok(());
        };
        for quota in known.quotas.of_application(&resource) {
            let is_meant = quota.operations.is_empty() || quota.operations.contains(operation.name);
            if is_meant {
                let meter = self.meter(&quota.name);
                permit.take(asked, now, &meter, &quota.limits, || named(&quota.name))?;
            }
        }
        if operation.right == Right::Write {
            self.check_storage(asked, &known.quotas, &resource, now)?;
        }
        Ok(())
    }

    /// Returns what a principal may use now.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn limits(
        &self,
        kernel: &Kernel,
        read: &dyn Read,
        who: &Principal,
    ) -> Result<Limits, Problem> {
        if matches!(who, Principal::Unit(_)) {
            return Ok(Limits::default());
        }
        let now = kernel.clock().monotonic();
        let account = self.account(who, now);
        Ok(self.known(&account, kernel, read, who, now)?.limits)
    }

    /// Returns why a call would get no permit now, where it would get none. `own` calls of its actor run to ask that.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn would_refuse(
        &self,
        asked: &Asked<'_>,
        own: u64,
    ) -> Result<Option<Error>, Problem> {
        let Asked { kernel, read, operation, call, .. } = asked;
        if matches!(call.actor, Principal::Unit(_)) {
            return Ok(None);
        }
        if let Err(full) = self.check_disk(operation) {
            return Ok(Some(full));
        }
        let now = kernel.clock().monotonic();
        let full = |meter: &Meter, limits: &Limits, own: u64, whom: String| {
            let (what, wait) = meter.used_up(now, limits, own)?;
            Some(Error::Quota { whom, what, retry_ms: Some(millis(wait)) })
        };
        // Who never called has used nothing.
        if let Some(account) = self.known_account(&call.actor) {
            let known = self.known(&account, kernel, *read, &call.actor, now)?;
            let own = full(&account.meter, &known.limits, own, call.actor.to_string());
            let mut narrow = known.narrow.iter().filter(|each| each.concerns(operation));
            let of = |each: &Narrow| full(&each.meter, &each.limits, 0, named(&each.name));
            if let Some(refused) = own.or_else(|| narrow.find_map(of)) {
                return Ok(Some(refused));
            }
        }
        let quotas = kernel.quotas(*read)?;
        let on = &call.resource;
        let Some(resource) = read.resource(&on.kind, &on.name)? else { return Ok(None) };
        let mut of_application = quotas.of_application(&resource).filter(|quota| {
            quota.operations.is_empty() || quota.operations.contains(operation.name)
        });
        let refused = of_application
            .find_map(|quota| full(&self.meter(&quota.name), &quota.limits, 0, named(&quota.name)));
        if refused.is_some() || operation.right != Right::Write {
            return Ok(refused);
        }
        let over = self.over_storage(asked, &quotas, &resource, now)?;
        Ok(over.map(|(_, refused)| refused))
    }

    /// Limits a principal beside its quotas, until some moment or until the unit stops; without limits, no more.
    pub(crate) fn force(
        &self,
        who: &Principal,
        limits: Option<Limits>,
        now: Duration,
        lasting: Option<Duration>,
    ) {
        let account = self.account(who, now);
        let mut state = lock(&account.state);
        let until = lasting.map(|lasting| now.saturating_add(lasting));
        state.forced = limits.map(|limits| Forced { limits, until });
        state.known = None;
    }

    /// Makes void what is known of principals: a right has changed, or what was read is of a commit that did not happen.
    pub(crate) fn forget(&self) {
        self.void.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes note of how much is free on the disk, and how much is to stay free. Returns whether it is full now.
    pub(crate) fn observe_disk(&self, free: u64, least: u64) -> bool {
        self.disk.free.store(free, Ordering::Relaxed);
        self.disk.least.store(least, Ordering::Relaxed);
        let is_full = free < least;
        self.disk.is_full.store(is_full, Ordering::Relaxed);
        is_full
    }

    /// Returns who uses what, principals first.
    pub(crate) fn used(&self) -> Vec<Used> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let accounts: Vec<_> =
                lock(shard).iter().map(|(who, held)| (who.clone(), Arc::clone(held))).collect();
            for (who, account) in accounts {
                let (known, forced) = {
                    let state = lock(&account.state);
                    (state.known.clone(), state.forced)
                };
                let limits = known.as_ref().map_or(self.defaults, |known| known.limits);
                let used = |whom: &Principal, quota, limits, meter: &Meter| Used {
                    whom: whom.to_string(),
                    quota,
                    limits,
                    running: meter.running.count(),
                    refused: meter.refused.load(Ordering::Relaxed),
                    is_forced: forced.is_some(),
                };
                all.push(used(&who, None, limits, &account.meter));
                for narrow in known.iter().flat_map(|known| &known.narrow) {
                    let quota = Some(narrow.name.clone());
                    all.push(used(&who, quota, narrow.limits, &narrow.meter));
                }
            }
        }
        all.sort_by(|one, two| (&one.whom, &one.quota).cmp(&(&two.whom, &two.quota)));
        all
    }

    fn shard(&self, who: &Principal) -> MutexGuard<'_, HashMap<Principal, Arc<Account>>> {
        let shard = usize::try_from(self.hasher.hash_one(who) % SHARDS as u64).unwrap_or(0);
        lock(&self.shards[shard])
    }

    /// Returns the account of a principal that has called of late. It counts as no call.
    fn known_account(&self, who: &Principal) -> Option<Arc<Account>> {
        self.shard(who).get(who).cloned()
    }

    fn account(&self, who: &Principal, now: Duration) -> Arc<Account> {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let mut shard = self.shard(who);
        if let Some(account) = shard.get(who) {
            account.used.store(millis, Ordering::Relaxed);
            return Arc::clone(account);
        }
        if self.principals_max / SHARDS <= shard.len() {
            forget_one(&mut shard);
        }
        let account = Arc::new(Account { used: AtomicU64::new(millis), ..Account::default() });
        shard.insert(who.clone(), Arc::clone(&account));
        account
    }

    /// Returns what is known of a principal, where no right and no limit has changed since.
    fn current(&self, account: &Account, now: Duration) -> Option<Arc<Known>> {
        let known = lock(&account.state).known.clone()?;
        let is_current = known.void == self.void.load(Ordering::SeqCst)
            && known.until.is_none_or(|until| now < until);
        is_current.then_some(known)
    }

    fn known(
        &self,
        account: &Account,
        kernel: &Kernel,
        read: &dyn Read,
        who: &Principal,
        now: Duration,
    ) -> Result<Arc<Known>, Problem> {
        let (epoch, void) = (kernel.epoch(read)?, self.void.load(Ordering::SeqCst));
        let held = lock(&account.state).known.clone();
        if let Some(held) = held
            && (held.epoch, held.void) == (epoch, void)
            && held.until.is_none_or(|until| now < until)
        {
            return Ok(held);
        }
        let (quotas, policies) = (kernel.quotas(read)?, kernel.policies(read)?);
        let roles = policies.roles(read, who)?;
        let limits = quotas.limits(read, who, &roles)?.or(self.defaults);
        let narrow = quotas.narrow(read, who, &roles)?.into_iter().map(|quota| Narrow {
            name: quota.name.clone(),
            operations: quota.operations.clone(),
            limits: quota.limits,
            meter: self.meter(&format!("{} {who}", quota.name)),
        });
        let narrow = narrow.collect();
        let mut state = lock(&account.state);
        let is_over = |forced: &Forced| forced.until.is_some_and(|until| until <= now);
        if state.forced.as_ref().is_some_and(is_over) {
            state.forced = None;
        }
        let limits = state.forced.map_or(limits, |forced| forced.limits.or(limits));
        let until = state.forced.and_then(|forced| forced.until);
        let rates = (limits.calls, limits.bytes);
        if let Some((calls, bytes)) = state.rates.replace(rates) {
            account.meter.change(now, (calls, limits.calls), (bytes, limits.bytes));
        }
        let known = Arc::new(Known { epoch, void, until, limits, narrow, quotas });
        state.known = Some(Arc::clone(&known));
        Ok(known)
    }

    /// Returns what is counted under a name.
    fn meter(&self, name: &str) -> Arc<Meter> {
        let mut meters = lock(&self.meters);
        if let Some(meter) = meters.get(name) {
            return Arc::clone(meter);
        }
        if self.principals_max <= meters.len() {
            meters.retain(|_, meter| 1 < Arc::strong_count(meter));
        }
        Arc::clone(meters.entry(name.to_owned()).or_default())
    }

    /// Refuses what adds data where the disk is almost full: what makes room, and what ends things, goes on.
    fn check_disk(&self, operation: &Operation) -> Result<(), Error> {
        if operation.right != Right::Write || !self.disk.is_full.load(Ordering::Relaxed) {
            return Ok(());
        }
        let free = self.disk.free.load(Ordering::Relaxed);
        let least = self.disk.least.load(Ordering::Relaxed);
        Err(Error::DiskFull { free, least })
    }

    fn check_storage(
        &self,
        asked: &Asked<'_>,
        quotas: &Quotas,
        resource: &Resource,
        now: Duration,
    ) -> Result<(), Problem> {
        match self.over_storage(asked, quotas, resource, now)? {
            Some((meter, refused)) => {
                meter.refused.fetch_add(1, Ordering::Relaxed);
                Err(refused.into())
            }
            None => Ok(()),
        }
    }

    /// Returns the quota whose room a call would exceed, with its meter, where there is one.
    fn over_storage(
        &self,
        asked: &Asked<'_>,
        quotas: &Quotas,
        resource: &Resource,
        now: Duration,
    ) -> Result<Option<(Arc<Meter>, Error)>, Problem> {
        for quota in quotas.of_storage(resource) {
            let Some(limit) = quota.storage else { continue };
            let meter = self.meter(&quota.name);
            let stored = self.stored(asked, quota, &meter, now)?;
            if limit < stored.saturating_add(bytes_of(asked.call)) {
                let what = format!("{limit} bytes stored, of which {stored} are in use");
                let whom = named(&quota.name);
                return Ok(Some((meter, Error::Quota { whom, what, retry_ms: None })));
            }
        }
        Ok(None)
    }

    /// Returns how many bytes engines hold of the resources that a quota is about, as of a moment ago.
    fn stored(
        &self,
        asked: &Asked<'_>,
        quota: &Quota,
        meter: &Meter,
        now: Duration,
    ) -> Result<u64, Problem> {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let before = meter.stored_at.load(Ordering::Relaxed);
        if before != 0 && millis.saturating_sub(before) < self.storage_ms {
            return Ok(meter.stored.load(Ordering::Relaxed));
        }
        let mut sum: u64 = 0;
        for kind in asked.kernel.kinds().filter(|kind| !kind.manifest.is_empty()) {
            for resource in asked.read.resources(kind.name)? {
                if !quota.is_about(&resource) {
                    continue;
                }
                for engine in asked.kernel.engines() {
                    sum = sum.saturating_add(engine.stored(asked.read, &resource)?);
                }
            }
        }
        meter.stored.store(sum, Ordering::Relaxed);
        meter.stored_at.store(millis, Ordering::Relaxed);
        Ok(sum)
    }
}

/// Forgets the principal that rested longest, of those that use nothing now.
fn forget_one(accounts: &mut HashMap<Principal, Arc<Account>>) {
    let is_idle = |account: &Arc<Account>| {
        Arc::strong_count(account) == 1
            && account.meter.running.count() == 0
            && lock(&account.state).forced.is_none()
    };
    let idle = accounts.iter().filter(|(_, account)| is_idle(account));
    let longest = idle.min_by_key(|(_, account)| account.used.load(Ordering::Relaxed));
    if let Some(who) = longest.map(|(who, _)| who.clone()) {
        accounts.remove(&who);
    }
}

fn named(quota: &str) -> String {
    format!("whoever quota `{quota}` is for")
}

/// Returns how many bytes a call brought.
fn bytes_of(call: &Call) -> u64 {
    call.bytes.max(call.body.len() as u64)
}

/// A place among those that wait for the partition's thread. Dropping it gives it back.
#[derive(Debug, Default)]
pub(crate) struct Place {
    meters: Vec<Arc<Meter>>,
}

impl Place {
    fn enter(
        &mut self,
        meter: &Arc<Meter>,
        limit: Option<u64>,
        whom: impl FnOnce() -> String,
    ) -> Result<(), Problem> {
        let Some(limit) = limit else { return Ok(()) };
        if !meter.running.enter(limit) {
            return Err(refused_place(meter, whom(), limit));
        }
        self.meters.push(Arc::clone(meter));
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.meters.iter().for_each(|meter| meter.running.leave());
    }
}

/// What was taken from one meter.
struct Taken {
    meter: Arc<Meter>,
    is_running: bool,
    calls: Option<Rate>,
    bytes: Option<Rate>,
    bytes_in: u64,
}

/// Leave to run. Dropping it says that the call has ended.
#[derive(Default)]
pub(crate) struct Permit {
    taken: Vec<Taken>,
    owed_max: Duration,
}

impl Permit {
    fn take(
        &mut self,
        asked: &Asked<'_>,
        now: Duration,
        meter: &Arc<Meter>,
        limits: &Limits,
        whom: impl FnOnce() -> String,
    ) -> Result<(), Problem> {
        let meter = Arc::clone(meter);
        let mut taken = Taken { meter, is_running: false, calls: None, bytes: None, bytes_in: 0 };
        let result = taken.fill(asked, now, limits, whom);
        // Also what was taken in part is given back by the permit.
        self.taken.push(taken);
        result
    }

    /// Gives back what a call that does not run has not used.
    fn refund(&self) {
        for taken in &self.taken {
            if let Some(rate) = taken.calls {
                taken.meter.calls.give_back(1, rate);
            }
            if let Some(rate) = taken.bytes.filter(|_| 0 < taken.bytes_in) {
                taken.meter.bytes.give_back(taken.bytes_in, rate);
            }
        }
    }

    /// Counts bytes of an answer. An answer is never broken off: what is too much is owed.
    fn spend(&self, now: Duration, bytes: u64) {
        for taken in &self.taken {
            if let Some(rate) = taken.bytes {
                taken.meter.bytes.charge(now, bytes, rate, self.owed_max);
            }
        }
    }

    /// Returns a reply that holds the permit for as long as it is being read, and counts its bytes.
    pub(crate) fn around(self, reply: Reply, clock: &Arc<dyn Clock>) -> Reply {
        match reply {
            Reply::Stream { media, pieces } => {
                let clock = Arc::clone(clock);
                let pieces = Pieces { pieces, permit: self, clock };
                Reply::Stream { media, pieces: Box::new(pieces) }
            }
            Reply::Value(value) => {
                if self.taken.iter().any(|taken| taken.bytes.is_some()) {
                    self.spend(clock.monotonic(), weight(&value));
                }
                Reply::Value(value)
            }
            Reply::Later => Reply::Later,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let running = self.taken.iter().filter(|taken| taken.is_running);
        running.for_each(|taken| taken.meter.running.leave());
    }
}

impl Taken {
    fn fill(
        &mut self,
        asked: &Asked<'_>,
        now: Duration,
        limits: &Limits,
        whom: impl FnOnce() -> String,
    ) -> Result<(), Problem> {
        if let Some(limit) = limits.concurrency.filter(|_| !asked.is_placed) {
            if !self.meter.running.enter(limit) {
                return Err(refused_place(&self.meter, whom(), limit));
            }
            self.is_running = true;
        }
        if let Some(rate) = limits.calls {
            if let Err(wait) = self.meter.calls.take(now, 1, rate) {
                return Err(refused_calls(&self.meter, whom(), rate, wait));
            }
            self.calls = Some(rate);
        }
        if let Some(rate) = limits.bytes {
            let bytes_in = bytes_of(asked.call);
            if let Err(wait) = self.meter.bytes.take(now, bytes_in, rate) {
                return Err(refused_bytes(&self.meter, whom(), rate, wait));
            }
            (self.bytes, self.bytes_in) = (Some(rate), bytes_in);
        }
        Ok(())
    }
}

/// The pieces of an answer, under their permit.
struct Pieces {
    pieces: Box<dyn Iterator<Item = Result<Vec<u8>, Problem>> + Send>,
    permit: Permit,
    clock: Arc<dyn Clock>,
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.pieces.next();
        if let Some(Ok(piece)) = &piece {
            self.permit.spend(self.clock.monotonic(), piece.len() as u64);
        }
        piece
    }
}

/// Returns about how many bytes a value has as JSON.
pub(crate) fn weight(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() as u64 + 3,
        Value::Array(items) => items.iter().map(weight).sum::<u64>() + 2,
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| name.len() as u64 + 4 + weight(value)).sum::<u64>()
                + 2
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::meter::RETRY_MS;
    use super::*;
    use crate::ResourceRef;
    use base::SystemClock;
    use serde_json::json;

    fn call(who: &str) -> Call {
        let actor = Principal::User(who.into());
        Call::new("stream.append", ResourceRef::new("stream", "orders"), actor)
    }

    #[test]
    fn places_are_counted_by_principal_and_given_back() {
        let config = Config { calls_principal_max: 2, ..Config::default() };
        let (admission, clock) = (Admission::new(&config), SystemClock::new());
        let place = |who: &str| admission.place(&clock, &call(who));
        let held = [place("ana"), place("ana")];
        assert!(held.iter().all(Result::is_ok));
        let refused = place("ana").expect_err("ana has two");
        assert_eq!((refused.code.as_str(), refused.retry_ms), ("quota.exceeded", Some(RETRY_MS)));
        assert!(place("bob").is_ok(), "others are not held up");
        drop(held);
        assert!(place("ana").is_ok());
        let part = Call::new("x.y", ResourceRef::new("x", ""), Principal::Unit("timers".into()));
        let parts: Vec<_> = (0..10).map(|_| admission.place(&clock, &part)).collect();
        assert!(parts.iter().all(Result::is_ok), "the unit's own work needs no place");
    }

    #[test]
    fn who_rested_longest_is_forgotten_and_who_is_busy_is_not() {
        let config = Config { principals_max: SHARDS, ..Config::default() };
        let (admission, clock) = (Admission::new(&config), SystemClock::new());
        let busy = admission.place(&clock, &call("busy")).expect("a place");
        for number in 0..1_000 {
            drop(admission.place(&clock, &call(&format!("user{number}"))));
        }
        let used = admission.used();
        assert!(used.len() <= 2 * SHARDS, "{} are remembered", used.len());
        let running: u64 = used.iter().map(|used| used.running).sum();
        assert_eq!(running, 1);
        assert!(used.iter().any(|used| used.whom == "user:busy"));
        drop(busy);
    }

    #[test]
    fn answers_are_weighed_about_as_they_are_written() {
        let value =
            json!({"name": "orders", "rows": [1, 2.5, null, true], "text": "x".repeat(500)});
        let (weight, written) = (weight(&value), value.to_string().len() as u64);
        assert!(written / 2 < weight && weight < 2 * written, "{weight} for {written}");
    }
}
