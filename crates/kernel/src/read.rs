//! What can be seen: of one commit, or of a commit in the making.

use crate::{Kernel, Principal, Resource, space};
use base::{Problem, Time, prefix_end};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Chunk, Pair, Snapshot};

/// The same look at state for readers and for the transaction that is being made.
pub trait Read {
    /// Returns the kernel.
    fn kernel(&self) -> &Arc<Kernel>;

    /// Returns the business time.
    fn business(&self) -> Time;

    /// Returns the value of a key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Problem>;

    /// Returns pairs with `from <= key < to` in order, or in reverse order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Problem>;

    /// Returns chunks of a log from an offset on, as [`Snapshot::chunks`] does.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Problem>;

    /// Returns the offset that the next event of a log will have.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn log_end(&self, log: &str) -> Result<u64, Problem>;

    /// Returns the pairs whose keys begin with `prefix`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn scan_prefix(&self, prefix: &[u8], limit: usize) -> Result<Vec<Pair>, Problem> {
        self.scan(prefix, &prefix_end(prefix), limit, false)
    }

    /// Returns a declared resource.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn resource(&self, kind: &str, name: &str) -> Result<Option<Arc<Resource>>, Problem> {
        let key = space::key(b'R').text(kind).text(name);
        match self.get(key.as_ref())? {
            Some(bytes) => self.kernel().decode_resource(&key.bytes(), &bytes).map(Some),
            None => Ok(None),
        }
    }

    /// Returns a resource as it stood at a version, also after its deletion.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn resource_version(
        &self,
        kind: &str,
        name: &str,
        version: u64,
    ) -> Result<Option<Resource>, Problem> {
        let key = space::key(b'V').text(kind).text(name).number(version);
        let Some(bytes) = self.get(key.as_ref())? else { return Ok(None) };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            crate::Error::Internal { detail: format!("stored resource: {error}") }.into()
        })
    }

    /// Returns all declared resources of a kind, by name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn resources(&self, kind: &str) -> Result<Vec<Arc<Resource>>, Problem> {
        let prefix = space::key(b'R').text(kind);
        let pairs = self.scan_prefix(prefix.as_ref(), usize::MAX)?;
        pairs.iter().map(|(key, bytes)| self.kernel().decode_resource(key, bytes)).collect()
    }
}

/// A view of one commit for one caller.
pub struct Reader {
    kernel: Arc<Kernel>,
    snapshot: Mutex<Option<Box<dyn Snapshot>>>,
    caller: Principal,
}

impl Reader {
    /// Returns a view of the last commit.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(kernel: &Arc<Kernel>, caller: Principal) -> Result<Self, Problem> {
        Ok(Self::over(kernel, kernel.store().snapshot()?, caller))
    }

    /// Returns a view of a commit that was opened already, until it is let go of.
    pub fn over(kernel: &Arc<Kernel>, snapshot: Box<dyn Snapshot>, caller: Principal) -> Self {
        Self { kernel: Arc::clone(kernel), snapshot: Mutex::new(Some(snapshot)), caller }
    }

    /// Returns the number of the commit that is seen.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn commit(&self) -> Result<u64, Problem> {
        self.look(|snapshot| Ok(snapshot.commit()))
    }

    /// Lets go of the commit, for whoever is going to wait: a view that is held keeps the store's log from shrinking. The
    /// next look sees the last commit of that moment.
    pub fn release(&self) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns who looks.
    pub fn caller(&self) -> &Principal {
        &self.caller
    }

    /// Returns whether the caller may do `operation` on a resource, for lists and catalogues that show only what may be seen.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn allows(&self, operation: &str, resource: &crate::ResourceRef) -> Result<bool, Problem> {
        self.kernel.is_allowed(self, operation, resource, &self.caller, None)
    }

    /// Returns the roles that the caller holds.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn roles(&self) -> Result<std::collections::BTreeSet<String>, Problem> {
        self.kernel.roles(self, &self.caller)
    }

    /// Returns whether the caller may do `operation` on a resource of which the engine says what it has found: so that a list looks up
    /// nothing twice.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn allows_found(
        &self,
        operation: &str,
        resource: &crate::ResourceRef,
        found: &crate::Found,
    ) -> Result<bool, Problem> {
        let call = crate::Call::new(operation, resource.clone(), self.caller.clone());
        let decision = self.kernel.decide(self, operation, resource, Some(found), &call)?;
        Ok(decision.is_allowed)
    }

    /// Returns the names of the logs that begin with `prefix`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn logs(&self, prefix: &str) -> Result<Vec<String>, Problem> {
        self.look(|snapshot| snapshot.logs(prefix))
    }

    fn look<T>(
        &self,
        look: impl FnOnce(&dyn Snapshot) -> Result<T, store::Error>,
    ) -> Result<T, Problem> {
        let mut guard = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = match guard.take() {
            Some(snapshot) => snapshot,
            None => self.kernel.store().snapshot()?,
        };
        let found = look(guard.insert(snapshot).as_ref());
        Ok(found?)
    }
}

impl Read for Reader {
    fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    fn business(&self) -> Time {
        self.kernel.clock().business()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Problem> {
        self.look(|snapshot| snapshot.get(key))
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        is_reverse: bool,
    ) -> Result<Vec<Pair>, Problem> {
        self.look(|snapshot| snapshot.scan(from, to, limit, is_reverse))
    }

    fn chunks(&self, log: &str, offset: u64, bytes: usize) -> Result<Vec<Chunk>, Problem> {
        self.look(|snapshot| snapshot.chunks(log, offset, bytes))
    }

    fn log_end(&self, log: &str) -> Result<u64, Problem> {
        self.look(|snapshot| snapshot.log_end(log))
    }
}
