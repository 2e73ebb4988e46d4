//! The desk as the kernel sees it.

use crate::operations::{self, schema};
use crate::push::{self, Commit};
use crate::screens::spec::ScreenSpec;
use crate::screens::{check, used};
use crate::{Config, files};
use base::Problem;
use kernel::{
    Edge, Engine, Exposition, Found, KindOf, Operation, Read, Reader, Relation, Resource, Tx,
};
use serde_json::Value;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};

/// The engine's name, and that of the unit's part in whose name it acts.
pub(crate) const NAME: &str = "desk";

/// Screens, files of forms, and who is notified.
pub struct Desk {
    pub(crate) config: Config,
    /// When old files are looked for next, by wall time: a hint, no state.
    pub(crate) forget_next: AtomicI64,
    /// The way to the partition's thread, for what is made on the thread of who asks.
    pub(crate) commits: Mutex<Option<Commit>>,
}

impl Desk {
    /// Returns the desk of a unit.
    pub fn new(config: Config) -> Self {
        Self { config, forget_next: AtomicI64::new(i64::MIN), commits: Mutex::default() }
    }

    /// Says how a call is run on the partition's thread; nothing where none runs any more.
    pub fn set_commits(&self, commits: Option<Commit>) {
        *self.commits.lock().unwrap_or_else(PoisonError::into_inner) = commits;
    }
}

impl Engine for Desk {
    fn name(&self) -> &'static str {
        NAME
    }

    fn kinds(&self) -> Vec<KindOf> {
        let kind = |name: &'static str, plural: &'static str| KindOf {
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
                manifest: "Screen",
                schema: schema::<ScreenSpec>(),
                // Read in `changed`, which says in which part of a long manifest it is wrong. The roles of a screen are no grant: it
                // gives nobody a right.
                ..kind("screen", "screens")
            },
            kind("file", "files"),
            kind("subscription", "subscriptions"),
        ]
    }

    fn operations(self: Arc<Self>) -> Vec<Operation> {
        operations::table(&self)
    }

    fn credential_ended(
        &self,
        tx: &mut Tx<'_>,
        user: &str,
        credential: &str,
    ) -> Result<(), Problem> {
        push::forget_credential(tx, user, credential)
    }

    fn metrics(&self, reader: &Reader, out: &mut Exposition) -> Result<(), Problem> {
        push::expose(reader, out)
    }

    fn relations(self: Arc<Self>, _read: &dyn Read) -> Result<Vec<Relation>, Problem> {
        Ok(self.system_relations())
    }

    fn find(&self, read: &dyn Read, kind: &str, name: &str) -> Result<Option<Found>, Problem> {
        match kind {
            "file" => files::keep::found(read, name),
            "subscription" => push::found(read, name),
            _ => Ok(None),
        }
    }

    fn changed(
        &self,
        tx: &mut Tx<'_>,
        old: Option<&Resource>,
        new: Option<&Resource>,
    ) -> Result<(), Problem> {
        if let Some(screen) = new.filter(|new| new.kind == "screen") {
            check::changed(tx, &self.config, screen)?;
        }
        let Some(old) = old else { return Ok(()) };
        if new.is_none() && old.kind == "user" {
            push::forget_user(tx, &old.name)?;
        }
        used::check_users(tx, &self.config, old, new)
    }

    fn lineage(&self, reader: &Reader) -> Result<Vec<Edge>, Problem> {
        self.edges(reader)
    }

    fn work(&self, tx: &mut Tx<'_>, _budget: usize) -> Result<usize, Problem> {
        self.forget_files(tx).map(|()| 0)
    }
}
