//! The exchange as the kernel sees it.

use crate::contracts::offer_spec;
use crate::fetch::Orphans;
use crate::identity::{Card, Identity};
use crate::keys::Pulls;
use crate::lending::Runnings;
use crate::operations;
use crate::packages::PackageSpec;
use crate::peers::Nonces;
use crate::receipts::receipt_name;
use crate::restore;
use crate::running;
use crate::sender::{Bell, Commits, Network};
use crate::state;
use crate::terms::{OfferSpec, Terms};
use crate::{Config, Error};
use base::{Entropy, Problem, Time};
use kernel::{
    Act, Address, Edge, Engine, Exposition, Found, Give, KindOf, Operation, Principal, Promise,
    Read, Reader, Relation, Resource, ResourceRef, Signal, Signed, Site, Tx, Wanted,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The engine's name, and that of the unit's part in whose name it acts.
pub(crate) const NAME: &str = "exchange";

/// The topic of changes to the list of peers; the topics of single peers begin with it.
pub(crate) const PEERS: &str = "exchange/";

/// Peers, offers, contracts, durable calls between units, receipts and the ledger.
pub struct Exchange {
    /// Who the unit is, with the keys of its folder; see [`Exchange::identity_of`] for those of a commit.
    pub(crate) identity: Arc<Identity>,
    /// What it shows of itself, with the keys of its folder; see [`Exchange::card_of`].
    pub(crate) card: Card,
    pub(crate) config: Config,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) network: OnceLock<Arc<dyn Network>>,
    commits: Mutex<Option<Commits>>,
    pub(crate) terms: Mutex<HashMap<String, Arc<Terms>>>,
    pub(crate) nonces: Mutex<Nonces>,
    pub(crate) bell: Bell,
    /// Cards of peers that are to be fetched.
    pub(crate) pulls: Pulls,
    /// What peers are reading now.
    pub(crate) running: Runnings,
    /// What this unit was reading and nobody closed.
    pub(crate) orphans: Orphans,
    /// Tells this process apart from those before it.
    pub(crate) session: u64,
    on_acknowledged: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// True while this unit takes no calls because it asks its peers what it has lost.
    pub(crate) is_closed: AtomicBool,
    /// Receipts issued by this process, and how many there were when the last round began: a hint, no state.
    pub(crate) issued: AtomicU64,
    pub(crate) issued_seen: AtomicU64,
}

impl Exchange {
    /// Returns the exchange of a unit. `card` is what the unit shows of itself, with its address and certificate.
    pub fn new(identity: Identity, card: Card, config: Config, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            identity: Arc::new(identity),
            card,
            config,
            session: entropy.number(),
            entropy,
            network: OnceLock::new(),
            commits: Mutex::new(None),
            terms: Mutex::new(HashMap::new()),
            nonces: Mutex::new(Nonces::default()),
            bell: Bell::default(),
            pulls: Pulls::default(),
            running: Runnings::default(),
            orphans: Orphans::default(),
            on_acknowledged: OnceLock::new(),
            is_closed: AtomicBool::new(false),
            issued: AtomicU64::new(0),
            issued_seen: AtomicU64::new(0),
        }
    }

    /// Says how lent relations and offers of peers are fetched. The first network counts.
    pub fn set_network(&self, network: Arc<dyn Network>) {
        self.network.get_or_init(|| network);
    }

    /// Says how calls get to the partition's thread, for what this engine does beside it: until [`Exchange::stop`].
    pub fn set_commits(&self, commits: Commits) {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) = Some(commits);
    }

    pub(crate) fn commits(&self) -> Option<Commits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says who is told, at once, when a peer acknowledges messages. The first one counts.
    pub fn on_acknowledged(&self, listener: impl Fn() + Send + Sync + 'static) {
        self.on_acknowledged.get_or_init(|| Box::new(listener));
    }

    pub(crate) fn tell_acknowledged(&self) {
        if let Some(listener) = self.on_acknowledged.get() {
            listener();
        }
    }

    /// Ends [`crate::Sender::run`] soon. Nothing is committed beside the partition's thread any more.
    pub fn stop(&self) {
        self.bell.stop();
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Says when this process began to listen (wall time): signatures made before the second after it are refused,
    /// because nobody remembers whether they were used. Without it, the time of the first signature counts.
    #[must_use]
    pub fn started(self, wall: Time) -> Self {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).start(wall);
        self
    }

    /// Returns who this unit is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns what this unit shows of itself to others, with the keys that it was started with.
    pub fn card(&self) -> &Card {
        &self.card
    }
}

impl Engine for Exchange {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> Vec<KindOf> {
        let running = |name: &'static str, plural: &'static str| KindOf {
            name,
            manifest: "",
            plural,
            schema: Value::Null,
            check: |_| Ok(()),
            is_grant: false,
            roles: |_| Vec::new(),
        };
        vec![
            KindOf {
                name: "offer",
                manifest: "Offer",
                plural: "offers",
                schema: serde_json::to_value(schemars::schema_for!(OfferSpec)).unwrap_or_default(),
                check: |spec| OfferSpec::deserialize(spec).map(|_| ()),
                is_grant: false,
                roles: |_| Vec::new(),
            },
            KindOf {
                name: "package",
                manifest: "Package",
                plural: "packages",
                schema: serde_json::to_value(schemars::schema_for!(PackageSpec))
                    .unwrap_or_default(),
                check: |spec| PackageSpec::deserialize(spec).map(|_| ()),
                is_grant: false,
                roles: |_| Vec::new(),
            },
            running("peer", "peers"),
            running("contract", "contracts"),
            running("receipt", "receipts"),
            running("ledger", "ledger"),
            running("exchange", "exchange"),
            running("key", "keys"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        operations::table(&self)
    }

    fn relations(self: Arc<Self>, read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        let mut relations = self.system_relations();
        relations.extend(self.lent_relations(read)?);
        Ok(relations)
    }

    fn find(&self, read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        let found = |peer: &str, state: &str| Found {
            attributes: BTreeMap::from([("peer", peer.to_owned()), ("state", state.to_owned())]),
            candidates: Vec::new(),
        };
        match kind {
            "peer" => {
                let peer = state::find_peer(read, name)?;
                Ok(peer.map(|peer| found(&peer.card.unit, "")))
            }
            "contract" => {
                let contract = state::find_contract(read, name)?;
                Ok(contract.map(|contract| found(&contract.peer, contract.state.as_str())))
            }
            "receipt" => {
                let Some((contract, number)) = receipt_name(name) else { return Ok(None) };
                let Some(contract) = state::find_contract(read, &contract)? else {
                    return Ok(None);
                };
                let batch = state::batch_of(read, &contract.name, number)?;
                Ok(batch.map(|_| found(&contract.peer, "")))
            }
            _ => Ok(None),
        }
    }

    fn authenticate(&self, read: &dyn Read, signed: &Signed) -> Result<Option<Principal>, Problem> {
        self.recognise(read, signed)
    }

    fn claimed(&self, read: &dyn Read, signed: &Signed) -> Result<Option<Principal>, Problem> {
        self.claimed_by(read, signed)
    }

    fn changed(
        &self,
        tx: &mut Tx<'_>,
        _old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        if let Some(new) = new.filter(|new| new.kind == "package") {
            return self.package_changed(tx, new);
        }
        let Some(new) = new.filter(|new| new.kind == "offer") else { return Ok(()) };
        let spec = offer_spec(&new.spec)?;
        spec.check()?;
        if let Some(process) = &spec.process
            && tx.resource("process", process)?.is_none()
        {
            let reason = format!("there is no process `{process}`");
            return Err(Error::Offer { reason, pointer: "/spec/process".into() }.into());
        }
        crate::lend::check(tx, &spec)
    }

    fn work(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        restore::forget_answers(tx, &self.config)?;
        let mut done = self.close_abandoned(tx, budget)?;
        done += self.sign_fresh(tx, budget.saturating_sub(done))?;
        Ok(done + self.close_orphans(tx, budget.saturating_sub(done))?)
    }

    fn resume(
        &self,
        tx: &mut Tx<'_>,
        address: &Address,
        result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        self.take_result(tx, &address.token, result)
    }

    fn lineage(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        self.edges(reader)
    }

    fn metrics(&self, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        self.expose(reader, out)
    }

    fn promises(&self, reader: &Reader) -> Result<Vec<Promise>, Problem> {
        self.promised(reader)
    }

    fn overdue(
        &self,
        reader: &Reader,
        on: &ResourceRef,
        before: Time,
    ) -> Result<Option<u64>, Problem> {
        self.late(reader, on, before)
    }

    fn running(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        running::running(read, caller, wanted, give)
    }

    fn signal(
        &self,
        read: &dyn Read,
        caller: &Principal,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        running::signal(read, caller, id, signal)
    }

    fn admits(&self, operation: &Operation) -> Result<(), Problem> {
        self.admits_now(operation)
    }

    fn sites(&self, kind: &str, name: Option<&str>) -> Vec<Site> {
        crate::live::sites(kind, name)
    }

    fn is_closed(&self) -> bool {
        self.waits_for_peers()
    }

    fn committed(&self, topics: &BTreeSet<String>) {
        self.bell.ring(topics);
    }
}
