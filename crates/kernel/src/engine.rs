//! What an engine offers to the kernel.

use crate::running::{Act, Give, Signal, Wanted};
use crate::{
    Address, Column, Edge, End, Exposition, Operation, Principal, Promise, Read, Reader, Relation,
    Resource, ResourceRef, Site, Tx,
};
use base::{Problem, Time};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::Chunk;

/// A kind of resource that an engine knows.
#[derive(Clone)]
pub struct KindOf {
    /// The kind as in operations and references, lower case: `stream`.
    pub name: &'static str,
    /// The kind as in manifests: `Stream`. Empty for kinds that come into being by running, such as tasks.
    pub manifest: &'static str,
    /// The plural as in routes: `streams`.
    pub plural: &'static str,
    /// The JSON Schema of `spec`.
    pub schema: Value,
    /// Reads `spec` into the kind's own type; the error of serde names the unknown field and the expected ones.
    pub check: fn(&Value) -> Result<(), serde_json::Error>,
    /// True where only an owner may declare it, because it grants rights.
    pub is_grant: bool,
    /// Roles that a spec of this kind gives to what it declares. Who applies it must hold them.
    pub roles: fn(&Value) -> Vec<String>,
}

/// A resource that exists by running (a task, a contract), as policies see it.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Text attributes that the policies' schema knows: `owner`, `assignee`, `peer`, `state`, `process`, `parent`; and `groups`, names with
    /// a line break between.
    pub attributes: BTreeMap<&'static str, String>,
    /// Candidate roles, of tasks.
    pub candidates: Vec<String>,
}

/// A signed request (RFC 9421), as a door received it.
#[derive(Debug, Clone, Default)]
pub struct Signed {
    /// The method in upper case.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers `signature`, `signature-input` and `content-digest`, as sent.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// An engine. It keeps no state of its own: all of it is in the store, read and written through [`Tx`].
pub trait Engine: Send + Sync {
    /// Returns the engine's name: the space of its addresses.
    fn name(&self) -> &'static str;

    /// Returns the kinds of resource it knows.
    fn kinds(&self) -> Vec<KindOf>;

    /// Returns its table of operations.
    fn operations(self: Arc<Self>) -> Vec<Operation>;

    /// Returns what it offers to SQL, as the reader sees it.
    fn relations(self: Arc<Self>, read: &dyn Read) -> Result<Vec<Relation>, Problem>;

    /// Finds a resource that exists by running. `None` where there is none of that name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn find(&self, _read: &dyn Read, _kind: &str, _name: &str) -> Result<Option<Found>, Problem> {
        Ok(None)
    }

    /// Adds what policies may know of a declared resource of this engine beside its owner. Must return at once.
    fn describes(&self, _resource: &Resource, _found: &mut Found) {}

    /// Recognises a caller by a signature over the request, where the engine knows such callers. `None`: not mine.
    ///
    /// # Errors
    /// The signature is forged, expired, replayed or altered.
    fn authenticate(
        &self,
        _read: &dyn Read,
        _signed: &Signed,
    ) -> Result<Option<Principal>, Problem> {
        Ok(None)
    }

    /// Says who a signed request says it is from, by its headers alone: its body has not come yet, and nothing was checked but that the
    /// engine knows such a caller. `None`: not mine. A door reads no body that no engine knows the signer of.
    ///
    /// # Errors
    /// The headers are malformed, or the caller is not known.
    fn claimed(&self, _read: &dyn Read, _signed: &Signed) -> Result<Option<Principal>, Problem> {
        Ok(None)
    }

    /// Takes note that a declared resource changes, inside the commit that changes it; refuses what cannot work.
    /// `others` looks resources up as they will stand after the whole `apply`.
    ///
    /// # Errors
    /// What is wrong with the resource: the whole `apply` is refused.
    fn changed(
        &self,
        _tx: &mut Tx<'_>,
        _old: Option<&Resource>,
        _new: Option<&Resource>,
    ) -> Result<(), Problem> {
        Ok(())
    }

    /// Takes note that a session or a token of a user was ended by somebody, inside the commit that ends it: what was made with it and is
    /// to last no longer goes. One whose time is over, or that made way for a newer one, was not ended.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn credential_ended(
        &self,
        _tx: &mut Tx<'_>,
        _user: &str,
        _credential: &str,
    ) -> Result<(), Problem> {
        Ok(())
    }

    /// Does work that waits for nobody: timers that are due, events to consume, instances that can go on. Returns how
    /// many steps were done, `budget` at most; 0 says that there is nothing to do now.
    ///
    /// # Errors
    /// Where the store cannot be read. What is wrong with one instance is an incident, no error.
    fn work(&self, _tx: &mut Tx<'_>, _budget: usize) -> Result<usize, Problem> {
        Ok(0)
    }

    /// Returns the earliest business time at which [`Engine::work`] will have something to do.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn due(&self, _read: &dyn Read) -> Result<Option<Time>, Problem> {
        Ok(None)
    }

    /// Takes the result of a call that it made.
    ///
    /// # Errors
    /// Where the store cannot be read or the address is unknown.
    fn resume(
        &self,
        _tx: &mut Tx<'_>,
        _address: &Address,
        _result: Result<Value, Problem>,
    ) -> Result<(), Problem> {
        Ok(())
    }

    /// Returns the events of a chunk as JSON lines, where the chunk is of a format of this engine.
    ///
    /// # Errors
    /// Where the chunk is damaged.
    fn lines(&self, _chunk: &Chunk) -> Result<Option<Vec<u8>>, Problem> {
        Ok(None)
    }

    /// Returns the offset from which on it has still to read a log, where it reads the log at all. What stands before may be
    /// dropped from the log by the engine that owns it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn reads_from(&self, _read: &dyn Read, _log: &str) -> Result<Option<u64>, Problem> {
        Ok(None)
    }

    /// Tells what stands on what, as far as its own manifests and state say it: every edge, whoever may see it. No detail names a
    /// resource but the two ends of its edge.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn lineage(&self, _reader: &Reader) -> Result<Vec<Edge>, Problem> {
        Ok(Vec::new())
    }

    /// Returns the resource of this engine that stands behind a relation as SQL names it, where there is one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn behind(&self, _read: &dyn Read, _relation: &str) -> Result<Option<End>, Problem> {
        Ok(None)
    }

    /// Returns the columns of a relation that could be lent, as SQL names it, where this engine answers SQL. `rows` is a
    /// condition that its rows are to be cut by. Rights are not looked at.
    ///
    /// # Errors
    /// There is no such relation, or the condition does not fit it.
    fn describe(
        &self,
        _read: &dyn Read,
        _relation: &str,
        _rows: Option<&str>,
    ) -> Result<Option<Vec<Column>>, Problem> {
        Ok(None)
    }

    /// Tells what it counts, for `/metrics`. What is counted in the store is counted up to a limit, so that this is cheap.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn metrics(&self, _reader: &Reader, _out: &mut Exposition) -> Result<(), Problem> {
        Ok(())
    }

    /// Returns what was promised without a manifest of a service level. What is done is measured with [`Tx::measure_promise`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn promises(&self, _reader: &Reader) -> Result<Vec<Promise>, Problem> {
        Ok(Vec::new())
    }

    /// Returns how much of something was begun before a time and is not done yet, where it is this engine's.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn overdue(
        &self,
        _reader: &Reader,
        _on: &ResourceRef,
        _before: Time,
    ) -> Result<Option<u64>, Problem> {
        Ok(None)
    }

    /// Gives what runs in it and what the caller may see of that, until `give` has enough. What is not wanted may be left out. Where
    /// there is much to look at it looks at `wanted.looks` at most. Where it has stopped before its end it returns behind which place it
    /// goes on where it is asked again with `wanted.after`, whatever has ended meanwhile.
    ///
    /// # Errors
    /// Where the store cannot be read, or what `give` says.
    fn running(
        &self,
        _read: &dyn Read,
        _caller: &Principal,
        _wanted: &Wanted,
        _give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        Ok(None)
    }

    /// Says how something that runs in it is told something, or tells it. `None`: nothing of this id runs here, or the caller may
    /// not see it.
    ///
    /// # Errors
    /// It cannot be told this, or the caller may not.
    fn signal(
        &self,
        _read: &dyn Read,
        _caller: &Principal,
        _id: &str,
        _signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        Ok(None)
    }

    /// Returns about how many bytes it holds for a declared resource, on the disk and in the log.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn stored(&self, _read: &dyn Read, _resource: &Resource) -> Result<u64, Problem> {
        Ok(0)
    }

    /// Returns where it keeps what belongs to a kind, or to one thing of the kind: whatever a commit changes there is told to those who
    /// watch it (see [`crate::Live`]). More than belongs to it does no harm. Empty: not mine, or none such can be. Declared resources
    /// themselves are the kernel's.
    fn sites(&self, _kind: &str, _name: Option<&str>) -> Vec<Site> {
        Vec::new()
    }

    /// Returns what it keeps in memory to be quick: names and bytes.
    fn kept(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Lets go of what it keeps in memory to be quick.
    fn let_go(&self) {}

    /// Refuses an operation while the unit as a whole is closed, see [`Engine::is_closed`]. Must return at once.
    ///
    /// # Errors
    /// Why it cannot be done now.
    fn admits(&self, _operation: &Operation) -> Result<(), Problem> {
        Ok(())
    }

    /// Returns whether the unit does nothing by itself now: no timer fires, nothing is consumed, no engine's call is made. What was
    /// begun waits. Must return at once.
    fn is_closed(&self) -> bool {
        false
    }

    /// Is told that a commit did not happen: whatever it remembers of what was read while that was made must go, for the numbers of
    /// versions and epochs come again. Must return at once.
    fn forget(&self) {}

    /// Is told, after every commit, which topics were notified in it (see [`Tx::notify`]). Must return at once.
    fn committed(&self, _topics: &BTreeSet<String>) {}
}
