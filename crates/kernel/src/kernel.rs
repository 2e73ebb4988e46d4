//! What all threads share: the store, the clocks, the tables, the policies. Reads end here.

mod authentication;

pub(crate) use authentication::Recognised;
pub use authentication::{Credential, Identity, Stamp};

use crate::admit::{Admission, Asked};
use crate::audit::Audit;
use crate::excerpt::{Excerpts, Through};
use crate::holders::Holders;
use crate::levels::Levels;
use crate::metrics::{Meters, Outcome, call_span};
use crate::operation::{Handler, Look};
use crate::policy::{Decision, Policies, Reach};
use crate::quota::{Limits, Quotas};
use crate::read::{Read, Reader};
use crate::secrets::{Secrets, Vault};
use crate::sign_in::{SignIn, Web};
use crate::system::System;
use crate::trace::{Trace, Tracer};
use crate::writer::Writer;
use crate::{
    Call, Config, Engine, Error, Found, KindOf, Live, Memory, Operation, Principal, Relation,
    Reply, Resource, ResourceRef, Works, space, tx,
};
use base::{Clock, Entropy, Problem, nearest};
use std::any::Any;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use store::Store;

/// Values that are remembered as they were read.
const DECODED_MAX: usize = 10_000;

/// A value as it was read, with the bytes that it was read from.
type Decoded = (Vec<u8>, Arc<dyn Any + Send + Sync>);

/// What a kernel is made of.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for tokens.
    pub entropy: Arc<dyn Entropy>,
    /// The engines, in the order in which they work.
    pub engines: Vec<Arc<dyn Engine>>,
    /// The limits.
    pub config: Config,
}

/// The kernel of one unit.
pub struct Kernel {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    engines: Vec<Arc<dyn Engine>>,
    config: Config,
    operations: BTreeMap<&'static str, Operation>,
    kinds: BTreeMap<&'static str, KindOf>,
    decoded: RwLock<HashMap<Vec<u8>, Decoded>>,
    pub(crate) schema: OnceLock<cedar_policy::Schema>,
    policies: RwLock<BTreeMap<u64, Arc<Policies>>>,
    pub(crate) audit: Audit,
    /// The secret keys of the unit, and what is masked.
    pub(crate) vault: Vault,
    pub(crate) levels: Levels,
    live: Live,
    meters: Meters,
    tracer: Arc<Tracer>,
    commit: Mutex<u64>,
    committed: Condvar,
    has_leftovers: AtomicBool,
    /// Rises before and after every commit that changes a right (see [`Tx::raise_epoch`](crate::Tx::raise_epoch)): odd while one is
    /// made, when nothing counts that is remembered.
    rights: AtomicU64,
    pub(crate) holders: Holders,
    pub(crate) sign_in: SignIn,
    admission: Admission,
    quotas: RwLock<BTreeMap<u64, Arc<Quotas>>>,
    memory: Arc<Memory>,
    works: Arc<Works>,
}

impl Kernel {
    /// Returns a kernel and the writer of its partition; older writers of the same store are fenced off.
    ///
    /// # Errors
    /// Where the store cannot be used.
    pub fn new(parts: Parts) -> Result<(Arc<Self>, Writer), Problem> {
        let own: [Arc<dyn Engine>; 2] = [Arc::new(System::new()), Arc::new(Secrets)];
        let engines: Vec<Arc<dyn Engine>> = own.into_iter().chain(parts.engines).collect();
        let mut operations = BTreeMap::new();
        let mut kinds = BTreeMap::new();
        for engine in &engines {
            for operation in Arc::clone(engine).operations() {
                let before = operations.insert(operation.name, operation);
                assert!(before.is_none(), "an operation stands in one table only");
            }
            for kind in engine.kinds() {
                kinds.insert(kind.name, kind);
            }
        }
        let epoch = parts.store.open_epoch(0)?;
        let commit = parts.store.snapshot()?.commit();
        let meters = Meters::new(operations.values());
        let (clock, entropy) = (Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
        let tracer = Arc::new(Tracer::new(clock, entropy, &parts.config));
        let kernel = Arc::new(Self {
            admission: Admission::new(&parts.config),
            quotas: RwLock::default(),
            memory: Arc::new(Memory::new(parts.config.memory_bytes_max)),
            works: Arc::default(),
            store: parts.store,
            clock: parts.clock,
            entropy: parts.entropy,
            engines,
            config: parts.config,
            operations,
            kinds,
            decoded: RwLock::new(HashMap::new()),
            schema: OnceLock::new(),
            policies: RwLock::new(BTreeMap::new()),
            audit: Audit::new(),
            vault: Vault::default(),
            levels: Levels::default(),
            live: Live::default(),
            meters,
            tracer,
            commit: Mutex::new(commit),
            committed: Condvar::new(),
            has_leftovers: AtomicBool::new(true),
            rights: AtomicU64::new(0),
            holders: Holders::default(),
            sign_in: SignIn::default(),
        });
        crate::system::restore_clock(&kernel)?;
        Ok((Arc::clone(&kernel), Writer::new(kernel, epoch)))
    }

    /// Returns the store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Returns the clocks.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Returns the source of randomness.
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }

    /// Returns the limits.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns what is counted.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Returns what is watched.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Returns what keeps spans of traces.
    pub fn tracer(&self) -> &Arc<Tracer> {
        &self.tracer
    }

    /// Counts a call that was answered, also for the service levels.
    pub(crate) fn called(&self, operation: &str, outcome: Outcome, elapsed: Duration) {
        self.meters.called(operation, outcome, elapsed);
        self.levels.called(self.clock.wall(), operation, outcome, elapsed);
    }

    /// Returns the engines, the kernel's own first.
    pub fn engines(&self) -> &[Arc<dyn Engine>] {
        &self.engines
    }

    /// Returns the memory of the unit, from which whoever takes much asks for it.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Returns the list of what the unit does in the background.
    pub fn works(&self) -> &Arc<Works> {
        &self.works
    }

    /// Returns what a principal may use now, by its quotas.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn limits(&self, read: &dyn Read, who: &Principal) -> Result<Limits, Problem> {
        self.admission.limits(self, read, who)
    }

    /// Refuses a caller who is known to be over its quota before a door does anything for its call. The refusal is audited; a call
    /// that passes is looked at again once its rights are known.
    ///
    /// # Errors
    /// `quota.exceeded`.
    pub fn knock(
        &self,
        who: &Principal,
        operation: &str,
        resource: &ResourceRef,
    ) -> Result<(), Problem> {
        let outcome = self.admission.knock(self.clock.as_ref(), who);
        if let Err(problem) = &outcome {
            let (actor, resource) = (who.to_string(), resource.to_string());
            self.audit.refuse(self.clock.wall(), &actor, operation, &resource, &problem.code);
            self.called(operation, Outcome::of(&outcome), Duration::ZERO);
        }
        outcome
    }

    /// Takes note of how many bytes are free on the disk of the unit, and how many are to stay free: what adds data is refused
    /// below. Returns whether it is.
    pub fn observe_disk(&self, free: u64, least: u64) -> bool {
        self.admission.observe_disk(free, least)
    }

    /// Returns how many calls got a permit since the unit started, and how many got none.
    pub fn calls(&self) -> (u64, u64) {
        self.admission.calls()
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Notes the refusal of a call that did not come to where it would have left a line.
    pub(crate) fn note_refused(&self, call: &Call, problem: &Problem) {
        let (actor, resource) = (call.actor.to_string(), call.resource.to_string());
        let wall = self.clock.wall();
        self.audit.refuse(wall, &actor, &call.operation, &resource, &problem.code);
    }

    /// Returns the rows of a chunk as JSON lines, whatever its format.
    ///
    /// # Errors
    /// `kernel.internal` where no engine knows the format, which is a defect.
    pub fn lines<'c>(&self, chunk: &'c store::Chunk) -> Result<Cow<'c, [u8]>, Problem> {
        if chunk.format == crate::FORMAT_ROWS {
            return Ok(Cow::Borrowed(&chunk.bytes));
        }
        for engine in &self.engines {
            if let Some(lines) = engine.lines(chunk)? {
                return Ok(Cow::Owned(lines));
            }
        }
        let detail = format!("log `{}` holds a chunk of format {}", chunk.log, chunk.format);
        Err(crate::Error::Internal { detail }.into())
    }

    /// Returns the offset before which no engine has anything to read in a log, `upto` at most.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read_by_all(&self, read: &dyn Read, log: &str, upto: u64) -> Result<u64, Problem> {
        let mut least = upto;
        for engine in &self.engines {
            least = engine.reads_from(read, log)?.map_or(least, |from| least.min(from));
        }
        Ok(least)
    }

    /// Returns every operation, by name.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    /// Returns every kind of resource, by name.
    pub fn kinds(&self) -> impl Iterator<Item = &KindOf> {
        self.kinds.values()
    }

    /// Returns a kind of resource.
    pub fn kind(&self, name: &str) -> Option<&KindOf> {
        self.kinds.get(name)
    }

    /// Returns an operation.
    ///
    /// # Errors
    /// `operation.not_found` with the nearest name.
    pub fn operation(&self, name: &str) -> Result<&Operation, Problem> {
        self.operations.get(name).ok_or_else(|| {
            let nearest = nearest(name, self.operations.keys().copied()).map(str::to_owned);
            Error::Operation { operation: name.chars().take(80).collect(), nearest }.into()
        })
    }

    /// Says how identity providers are asked.
    pub fn set_web(&self, web: Arc<dyn Web>) {
        self.sign_in.set_web(web);
    }

    /// Does for a call what takes long, or waits for the network, before it is queued: on the caller's thread, after the
    /// policies were asked. Most calls need nothing.
    ///
    /// # Errors
    /// The kernel's or the operation's. The refusal is audited.
    pub fn prepare(self: &Arc<Self>, call: &mut Call) -> Result<(), Problem> {
        let operation = self.operation(&call.operation)?;
        let Some(prepare) = &operation.prepare else { return Ok(()) };
        self.is_open_to(operation)?;
        let reader = Reader::new(self, call.actor.clone())?;
        let outcome = self.authorise(&reader, operation, call).and_then(|_| prepare(&reader, call));
        if let Err(problem) = &outcome {
            self.note_refused(call, problem);
        }
        outcome
    }

    /// Runs an operation that only looks, on the caller's thread.
    ///
    /// # Errors
    /// The kernel's or the operation's.
    pub fn read(self: &Arc<Self>, call: &Call) -> Result<Reply, Problem> {
        let began = self.clock.monotonic();
        let own = self.tracer.open(call);
        let result = match &own {
            // What is done for it is caused by this span.
            Some(own) => self.look(&Call { trace: Some(own.clone()), ..call.clone() }),
            None => self.look(call),
        };
        let ended = self.clock.monotonic();
        self.called(&call.operation, Outcome::of(&result), ended.saturating_sub(began));
        if let Some(own) = &own {
            let (start, end) = (self.tracer.at(began), self.tracer.at(ended));
            self.tracer.record(call_span(own, call, &result).between(start, end));
        }
        result
    }

    /// Looks for a call that came from a door: under a permit of its own.
    fn look(self: &Arc<Self>, call: &Call) -> Result<Reply, Problem> {
        let (operation, look) = self.looking(call)?;
        self.is_open_to(operation)?;
        let reader = Reader::new(self, call.actor.clone())?;
        let is_held = match &call.stamp {
            Some(stamp) => self.confirm(&reader, stamp, false),
            None => Ok(()),
        };
        let permitted =
            is_held.and_then(|()| self.authorise(&reader, operation, call)).and_then(|_| {
                let kernel: &Self = self;
                let (read, is_placed, is_part) = (&reader, false, false);
                let asked = Asked { kernel, read, operation, call, is_placed, is_part };
                self.admission.permit(&asked)
            });
        let result = match permitted {
            Ok(permit) => {
                self.note_read(operation, call);
                look(&reader, call).map(|reply| permit.around(reply, &self.clock))
            }
            Err(problem) => {
                self.note_refused(call, &problem);
                Err(problem)
            }
        };
        result.map_err(|problem| self.vault.masks.problem(problem))
    }

    /// Runs an operation that only looks for a call that was admitted already: an engine asks for it in the turn of another. `own` is
    /// the trace of the call, where it has one: what is done for it is caused by it.
    pub(crate) fn read_inside(
        self: &Arc<Self>,
        call: &Call,
        own: Option<&Trace>,
    ) -> Result<Reply, Problem> {
        let traced = |own: &Trace| Cow::Owned(Call { trace: Some(own.clone()), ..call.clone() });
        let traced = own.filter(|own| own.is_sampled).map_or(Cow::Borrowed(call), traced);
        let call: &Call = traced.as_ref();
        let (operation, look) = self.looking(call)?;
        let reader = Reader::new(self, call.actor.clone())?;
        match self.authorise(&reader, operation, call) {
            Ok(_) => self.note_read(operation, call),
            Err(problem) => {
                self.note_refused(call, &problem);
                return Err(problem);
            }
        }
        look(&reader, call)
    }

    fn looking(&self, call: &Call) -> Result<(&Operation, &Look), Problem> {
        let operation = self.operation(&call.operation)?;
        match &operation.handler {
            Handler::Read(look) => Ok((operation, look)),
            Handler::Decide(_) => {
                let detail = format!("`{}` changes something", call.operation);
                Err(Error::Internal { detail }.into())
            }
        }
    }

    /// Counts that somebody watches something.
    pub(crate) fn note_watched(&self, call: &Call) {
        let (actor, resource) = (call.actor.to_string(), call.resource.to_string());
        self.audit.count(self.clock.wall(), &actor, &call.operation, &resource);
    }

    fn note_read(&self, operation: &Operation, call: &Call) {
        let (actor, resource) = (call.actor.to_string(), call.resource.to_string());
        self.audit.count(self.clock.wall(), &actor, operation.name, &resource);
    }

    /// Finds the resource of a call and decides whether the call may go on.
    ///
    /// # Errors
    /// `resource.not_found` where there is none, or where the caller may not even see it; `policy.forbidden`.
    pub(crate) fn authorise(
        &self,
        read: &dyn Read,
        operation: &Operation,
        call: &Call,
    ) -> Result<Arc<Decision>, Problem> {
        let found = self.find(read, &call.resource)?;
        let decision = self.decide(read, operation.name, &call.resource, found.as_ref(), call)?;
        if call.has_scope(operation.right) && decision.is_allowed {
            let is_declared = call.operation == "resource.put";
            return match found {
                Some(_) => Ok(decision),
                None if call.resource.name.is_empty() || is_declared => Ok(decision),
                None => Err(Error::NotFound { resource: call.resource.to_string() }.into()),
            };
        }
        if call.actor == Principal::Anonymous {
            return Err(Error::Unauthenticated { reason: "this needs a credential" }.into());
        }
        // A resource that the caller may not see at all looks as if it were not there.
        let is_visible = call.resource.name.is_empty()
            || self.is_allowed_found(read, "resource.get", &call.resource, found.as_ref(), call)?;
        if found.is_none() || !is_visible {
            return Err(Error::NotFound { resource: call.resource.to_string() }.into());
        }
        Err(Error::Forbidden {
            actor: call.actor.to_string(),
            operation: call.operation.clone(),
            resource: call.resource.to_string(),
        }
        .into())
    }

    /// Decides upon a call, and says by which policies.
    ///
    /// # Errors
    /// `operation.not_found`; where the store cannot be read.
    pub fn decision(&self, read: &dyn Read, call: &Call) -> Result<Arc<Decision>, Problem> {
        let operation = self.operation(&call.operation)?;
        let found = self.find(read, &call.resource)?;
        self.decide(read, operation.name, &call.resource, found.as_ref(), call)
    }

    /// Returns whether a principal may do something, for lists that show only what may be seen.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_allowed(
        &self,
        read: &dyn Read,
        operation: &str,
        resource: &ResourceRef,
        actor: &Principal,
        on_behalf_of: Option<&Principal>,
    ) -> Result<bool, Problem> {
        let mut call = Call::new(operation, resource.clone(), actor.clone());
        call.on_behalf_of = on_behalf_of.cloned();
        let found = self.find(read, resource)?;
        self.is_allowed_found(read, operation, resource, found.as_ref(), &call)
    }

    fn is_allowed_found(
        &self,
        read: &dyn Read,
        operation: &str,
        resource: &ResourceRef,
        found: Option<&Found>,
        call: &Call,
    ) -> Result<bool, Problem> {
        Ok(self.decide(read, operation, resource, found, call)?.is_allowed)
    }

    /// Asks the policies.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn decide(
        &self,
        read: &dyn Read,
        operation: &str,
        resource: &ResourceRef,
        found: Option<&Found>,
        call: &Call,
    ) -> Result<Arc<Decision>, Problem> {
        let none = Found::default();
        let policies = self.policies(read)?;
        policies.decide(
            read,
            &call.actor,
            call.on_behalf_of.as_ref(),
            operation,
            resource,
            found.unwrap_or(&none),
        )
    }

    /// Returns through which roles a principal may do what the policies permit it. To be asked after
    /// [`Kernel::is_allowed`]: of what is not permitted it says nothing.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn through(
        &self,
        read: &dyn Read,
        operation: &str,
        resource: &ResourceRef,
        actor: &Principal,
        on_behalf_of: Option<&Principal>,
    ) -> Result<Through, Problem> {
        let found = self.find(read, resource)?.unwrap_or_default();
        self.policies(read)?.through(read, actor, on_behalf_of, operation, resource, &found)
    }

    /// Returns on how many resources of its kind a principal may do something that nobody else has started: on all of them, on some or none
    /// as each of them is, or certainly on none.
    ///
    /// # Errors
    /// `operation.not_found`; where the store cannot be read.
    pub fn reach(
        &self,
        read: &dyn Read,
        operation: &str,
        actor: &Principal,
    ) -> Result<Option<Reach>, Problem> {
        self.policies(read)?.reach_of(read, actor, self.operation(operation)?)
    }

    /// Returns the roles that a principal holds, for what is shown to some roles only. What they may do the policies say.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn roles(
        &self,
        read: &dyn Read,
        principal: &Principal,
    ) -> Result<BTreeSet<String>, Problem> {
        self.policies(read)?.roles(read, principal)
    }

    /// Returns what roles show of relations.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn excerpts(&self, read: &dyn Read) -> Result<Arc<Excerpts>, Problem> {
        Ok(Arc::clone(self.policies(read)?.excerpts()))
    }

    /// Returns whether some role of a principal shows some relation in part only.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_restricted(&self, read: &dyn Read, principal: &Principal) -> Result<bool, Problem> {
        let policies = self.policies(read)?;
        let roles = policies.roles(read, principal)?;
        Ok(roles.iter().any(|role| policies.excerpts().contains_key(role)))
    }

    /// Finds what policies may know of a resource.
    pub(crate) fn find(
        &self,
        read: &dyn Read,
        resource: &ResourceRef,
    ) -> Result<Option<Found>, Problem> {
        if resource.name.is_empty() {
            return Ok(Some(Found::default()));
        }
        if let Some(declared) = read.resource(&resource.kind, &resource.name)? {
            let attributes = BTreeMap::from([("owner", declared.owner.clone())]);
            let mut found = Found { attributes, candidates: Vec::new() };
            self.engines.iter().for_each(|engine| engine.describes(&declared, &mut found));
            return Ok(Some(found));
        }
        for engine in &self.engines {
            if let Some(found) = engine.find(read, &resource.kind, &resource.name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Returns the number that rises with every change of a right or of a resource.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn epoch(&self, read: &dyn Read) -> Result<u64, Problem> {
        let key = space::key(b'E').text("epoch");
        Ok(read.get(key.as_ref())?.map_or(0, |bytes| tx::number(&bytes)))
    }

    pub(crate) fn policies(&self, read: &dyn Read) -> Result<Arc<Policies>, Problem> {
        let epoch = self.epoch(read)?;
        let held =
            self.policies.read().unwrap_or_else(PoisonError::into_inner).get(&epoch).cloned();
        if let Some(policies) = held {
            return Ok(policies);
        }
        let policies = Arc::new(Policies::load(read, self)?);
        let mut guard = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        guard.insert(epoch, Arc::clone(&policies));
        while 2 < guard.len() {
            guard.pop_first();
        }
        Ok(policies)
    }

    /// Returns the quotas as they stand.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn quotas(&self, read: &dyn Read) -> Result<Arc<Quotas>, Problem> {
        let epoch = self.epoch(read)?;
        let held = self.quotas.read().unwrap_or_else(PoisonError::into_inner).get(&epoch).cloned();
        if let Some(quotas) = held {
            return Ok(quotas);
        }
        let quotas = Arc::new(Quotas::load(read)?);
        let mut guard = self.quotas.write().unwrap_or_else(PoisonError::into_inner);
        guard.insert(epoch, Arc::clone(&quotas));
        while 2 < guard.len() {
            guard.pop_first();
        }
        Ok(quotas)
    }

    /// Forgets policies, quotas and resources that were read from a commit that did not happen.
    pub(crate) fn forget(&self) {
        self.quotas.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.admission.forget();
        self.policies.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.decoded.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.levels.forget();
        self.engines.iter().for_each(|engine| engine.forget());
    }

    /// Reads a stored resource.
    pub(crate) fn decode_resource(
        &self,
        key: &[u8],
        bytes: &[u8],
    ) -> Result<Arc<Resource>, Problem> {
        self.decoded(key, bytes, |bytes| {
            serde_json::from_slice(bytes.get(8..).unwrap_or_default()).map_err(|error| {
                Error::Internal { detail: format!("stored resource: {error}") }.into()
            })
        })
    }

    /// Reads a stored value that is read often and seldom changes. What was read is remembered together with its bytes: the
    /// same key may come with other bytes after a commit that did not happen or a step that was taken back.
    ///
    /// # Errors
    /// What `decode` says.
    pub fn decoded<T: Send + Sync + 'static>(
        &self,
        key: &[u8],
        bytes: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<T, Problem>,
    ) -> Result<Arc<T>, Problem> {
        let guard = self.decoded.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, value)) = guard.get(key)
            && held == bytes
            && let Ok(value) = Arc::clone(value).downcast()
        {
            return Ok(value);
        }
        drop(guard);
        let value = Arc::new(decode(bytes)?);
        let mut guard = self.decoded.write().unwrap_or_else(PoisonError::into_inner);
        if DECODED_MAX < guard.len() {
            guard.clear();
        }
        guard.insert(
            key.to_vec(),
            (bytes.to_vec(), Arc::clone(&value) as Arc<dyn Any + Send + Sync>),
        );
        Ok(value)
    }

    /// Returns what all engines offer to SQL.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn relations(&self, read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        let mut relations = Vec::new();
        for engine in &self.engines {
            relations.extend(Arc::clone(engine).relations(read)?);
        }
        Ok(relations)
    }

    /// Refuses what cannot be done while the unit as a whole is closed.
    ///
    /// # Errors
    /// What the engine says that has closed it.
    pub(crate) fn is_open_to(&self, operation: &Operation) -> Result<(), Problem> {
        self.engines.iter().try_for_each(|engine| engine.admits(operation))
    }

    /// Returns whether an engine has closed the unit: nothing is done in it by itself.
    pub fn is_closed(&self) -> bool {
        self.engines.iter().any(|engine| engine.is_closed())
    }

    /// Returns whether the last turn left work for the next: a unit with leftovers is not at rest.
    pub fn has_leftovers(&self) -> bool {
        self.has_leftovers.load(Ordering::SeqCst)
    }

    pub(crate) fn set_leftovers(&self, has_leftovers: bool) {
        self.has_leftovers.store(has_leftovers, Ordering::SeqCst);
    }

    /// Returns the earliest business time at which an engine has work without a call.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn due(&self, read: &dyn Read) -> Result<Option<base::Time>, Problem> {
        let mut due = None;
        for engine in &self.engines {
            due = [due, engine.due(read)?].into_iter().flatten().min();
        }
        Ok(due)
    }

    /// Returns the number of the last commit.
    pub fn commit(&self) -> u64 {
        *self.commit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes void what was remembered of tokens, before anybody can see a commit that changes rights; [`Kernel::rights_changed`]
    /// follows, whatever becomes of the commit.
    pub(crate) fn rights_change(&self) {
        self.rights.fetch_add(1, Ordering::SeqCst);
    }

    /// Makes void what was remembered of tokens and of quotas.
    pub(crate) fn rights_changed(&self) {
        self.admission.forget();
        self.rights.fetch_add(1, Ordering::SeqCst);
    }

    /// Returns how often rights have changed, twice each time: odd while it happens. Whoever remembers what somebody may asks anew where
    /// it is another number than before.
    pub fn rights_changes(&self) -> u64 {
        self.rights.load(Ordering::SeqCst)
    }

    pub(crate) fn published(&self, commit: u64) {
        *self.commit.lock().unwrap_or_else(PoisonError::into_inner) = commit;
        self.committed.notify_all();
    }

    /// Waits until there is a commit after `commit`, or until the time is up; returns the last commit's number.
    pub fn wait_commit(&self, commit: u64, timeout: Duration) -> u64 {
        let guard = self.commit.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = self
            .committed
            .wait_timeout_while(guard, timeout, |last| *last <= commit)
            .unwrap_or_else(PoisonError::into_inner);
        *guard
    }
}
