//! Suspending a process: it starts no new instances until it is resumed.
//!
//! Instances that run go on, unless `instances` says that they are suspended too. Who starts the process is refused; messages that
//! would start it wait as long as they may; start timers stand still, and all that came due meanwhile fire when it is resumed, in order.

use crate::bulk::{Action, Filter, Order};
use crate::engine::Processes;
use crate::error::Error;
use crate::repair::done_or_tried;
use crate::wire::{self, key};
use base::{Problem, Time};
use kernel::{Call, Read, Reply, Tx};
use notation::graph::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is suspended or resumed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Suspend {
    /// True where its instances are suspended or resumed too, by a bulk operation.
    #[serde(default)]
    pub instances: bool,
    /// True where it is only tried: the answer says what would happen, and nothing changes.
    #[serde(default)]
    pub dry_run: bool,
}

/// Who suspended a process, and when.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Suspended {
    /// The principal.
    pub by: String,
    /// Business time.
    pub at: Time,
}

impl Processes {
    /// Returns whether a process is suspended.
    pub(crate) fn is_suspended(&self, read: &dyn Read, process: &str) -> Result<bool, Problem> {
        Ok(read.get(key::suspended(process).as_ref())?.is_some())
    }

    /// Refuses where a process is suspended.
    pub(crate) fn refuse_suspended(&self, read: &dyn Read, process: &str) -> Result<(), Problem> {
        if self.is_suspended(read, process)? {
            return Err(Error::Suspended { kind: "process", name: process.into() }.into());
        }
        Ok(())
    }

    pub(crate) fn suspend_process(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Suspend { instances, dry_run } = call.parameters()?;
        let process = call.resource.name.as_str();
        done_or_tried(tx, call, dry_run, |tx| {
            let was_suspended = self.is_suspended(tx, process)?;
            if !was_suspended {
                let by = Suspended { by: call.actor.to_string(), at: tx.time_of(call) };
                tx.put(key::suspended(process), wire::write(&by)?);
                self.keep_start_timers(tx, process)?;
            }
            let bulk = self.with_instances(tx, call, instances, Action::Suspend)?;
            Ok(
                json!({"process": process, "suspended": true, "changed": !was_suspended, "bulk": bulk}),
            )
        })
    }

    pub(crate) fn resume_process(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Suspend { instances, dry_run } = call.parameters()?;
        let process = call.resource.name.as_str();
        done_or_tried(tx, call, dry_run, |tx| {
            let was_suspended = self.is_suspended(tx, process)?;
            if was_suspended {
                tx.delete(key::suspended(process));
                self.set_kept_timers(tx, process)?;
                tx.put(key::resumed(process), Vec::new());
            }
            let bulk = self.with_instances(tx, call, instances, Action::Resume)?;
            Ok(
                json!({"process": process, "suspended": false, "changed": was_suspended, "bulk": bulk}),
            )
        })
    }

    fn with_instances(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        is_wanted: bool,
        action: Action,
    ) -> Result<Value, Problem> {
        if !is_wanted {
            return Ok(Value::Null);
        }
        let filter = Filter { process: call.resource.name.clone(), ..Filter::default() };
        let number = self.begin_bulk(tx, call, Order::new(action, filter))?;
        Ok(json!(number))
    }

    /// Takes the start timers of a process out of those that fire.
    fn keep_start_timers(&self, tx: &mut Tx<'_>, process: &str) -> Result<(), Problem> {
        for (due, node) in self.start_timers_of(tx, process)? {
            let place = key::start_timer(due, process, node.0);
            if let Some(timer) = tx.get(place.as_ref())? {
                tx.delete(place);
                tx.put(key::start_timer_kept(due, process, node.0), timer);
            }
        }
        Ok(())
    }

    /// Puts the start timers of a process back to those that fire.
    fn set_kept_timers(&self, tx: &mut Tx<'_>, process: &str) -> Result<(), Problem> {
        for (due, node) in self.start_timers_of(tx, process)? {
            let place = key::start_timer_kept(due, process, node.0);
            if let Some(timer) = tx.get(place.as_ref())? {
                tx.delete(place);
                tx.put(key::start_timer(due, process, node.0), timer);
            }
        }
        Ok(())
    }

    fn start_timers_of(
        &self,
        read: &dyn Read,
        process: &str,
    ) -> Result<Vec<(Time, NodeId)>, Problem> {
        let bytes = read.get(key::start_timers(process).as_ref())?;
        Ok(bytes.map(|bytes| wire::read(&bytes)).transpose()?.unwrap_or_default())
    }

    /// Forgets that a process was suspended, or resumed: it is gone.
    pub(crate) fn forget_suspension(&self, tx: &mut Tx<'_>, process: &str) {
        tx.delete(key::suspended(process));
        tx.delete(key::resumed(process));
    }
}
