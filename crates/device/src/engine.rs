//! The fleet as the kernel sees it. Each folder answers for its part; here they are put together.

use crate::config::Config;
use crate::{
    broker, commands, lineage, live, metrics, operations, registry, relations, rules, running,
    verify,
};
use base::{Problem, Time};
use kernel::{
    Act, Address, Edge, Engine, Exposition, Found, Give, KindOf, Operation, Principal, Read,
    Reader, Relation, Resource, Signal, Site, Tx, Wanted,
};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::Chunk;

/// The engine's name, the space of its addresses.
pub(crate) const ENGINE: &str = "device";

/// Devices and what they say, topics, sessions, rules. It keeps nothing but what can be made again from the store.
pub struct Fleet {
    pub(crate) config: Config,
    /// The types of devices, read.
    pub(crate) types: registry::Types,
    /// Who hears what.
    pub(crate) broker: Arc<broker::Broker>,
    /// The rules, read.
    pub(crate) rules: rules::Rules,
    /// True once the sessions that were open when the unit stopped are closed.
    pub(crate) is_recovered: AtomicBool,
}

impl Fleet {
    /// Returns a fleet with these limits.
    pub fn new(config: Config) -> Self {
        Self {
            broker: broker::Broker::new(&config),
            types: registry::Types::default(),
            rules: rules::Rules::default(),
            is_recovered: AtomicBool::new(false),
            config,
        }
    }

    /// Returns who hears what.
    pub fn broker(&self) -> &Arc<broker::Broker> {
        &self.broker
    }

    /// Returns what is wrong in what is stored, a line each.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn verify(&self, reader: &Reader) -> Result<Vec<String>, Problem> {
        verify::verify(self, reader)
    }
}

impl std::fmt::Debug for Fleet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fleet").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Engine for Fleet {
    fn name(&self) -> &'static str {
        ENGINE
    }

    fn kinds(&self) -> Vec<KindOf> {
        [registry::kinds(), commands::kinds(), broker::kinds(), rules::kinds()]
            .into_iter()
            .flatten()
            .collect()
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        operations::table(&self)
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(relations::all(&self))
    }

    fn find(&self, read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        match kind {
            "command" => commands::find(self, read, kind, name),
            "mqtt_session" => broker::find(self, read, kind, name),
            _ => Ok(None),
        }
    }

    fn describes(&self, resource: &Resource, found: &mut Found) {
        registry::describe(resource, found);
    }

    fn changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        registry::changed(self, tx, old, new)?;
        broker::changed(self, tx, old, new)?;
        rules::changed(self, tx, old, new)
    }

    fn work(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let mut done = rules::work(self, tx, budget)?;
        done += commands::work(self, tx, budget.saturating_sub(done))?;
        done += broker::work(self, tx, budget.saturating_sub(done))?;
        done += registry::work(self, tx, budget.saturating_sub(done))?;
        Ok(done)
    }

    fn due(&self, read: &dyn Read) -> Result<Option<Time>, Problem> {
        Ok([rules::due(self, read)?, commands::due(self, read)?].into_iter().flatten().min())
    }

    fn resume(
        &self,
        tx: &mut Tx<'_>,
        address: &Address,
        result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        rules::resume(self, tx, &address.token, result)
    }

    fn lines(&self, chunk: &Chunk) -> Result<Option<Vec<u8>>, Problem> {
        match chunk.format {
            broker::log::FORMAT_MESSAGES => broker::log::lines(chunk).map(Some),
            _ => Ok(None),
        }
    }

    fn reads_from(&self, read: &dyn Read, log: &str) -> Result<Option<u64>, Problem> {
        let from = [rules::reads_from(self, read, log)?, broker::reads_from(self, read, log)?];
        Ok(from.into_iter().flatten().min())
    }

    fn lineage(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        lineage::edges(self, reader)
    }

    fn metrics(&self, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        metrics::tell(self, reader, out)
    }

    fn running(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        running::running(self, read, caller, wanted, give)
    }

    fn signal(
        &self,
        _read: &dyn Read,
        _caller: &Principal,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        running::signal(id, signal)
    }

    fn sites(&self, kind: &str, name: Option<&str>) -> Vec<Site> {
        live::sites(kind, name)
    }

    fn let_go(&self) {
        self.broker.let_go();
    }

    fn forget(&self) {
        self.broker.forget();
        self.rules.forget();
        self.types.forget();
        self.is_recovered.store(false, Ordering::SeqCst);
    }
}
