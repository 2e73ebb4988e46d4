//! Messages: who gets one, and where it waits until somebody does.
//!
//! A message is published to one process (by its manifest's `on`, or by `process.publish`) with a name and a correlation
//! key, and is taken once, in this order: the oldest instance with an open subscription of that name and key; else a
//! message start event of the process as it stands, unless an instance with that business or correlation key is active;
//! else it waits, until its time is up. Messages that wait are taken by their time, then by their arrival, when a
//! subscription is opened or an instance of their key ends. One that expires becomes an incident; none is dropped.
//! A process that is suspended is started by none; when it is resumed, what waited starts it.

use crate::compiled::Compiled;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, ElementId, Instance, Variables, Wait};
use crate::running::Start;
use crate::wire::{self, IncidentRow, key};
use base::{KeyReader, Problem, Time};
use kernel::{Principal, Read, Trace, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// Subscriptions and messages of one name and key that are looked at in one go.
const LOOK_MAX: usize = 64;

/// A message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub process: String,
    pub name: String,
    pub key: String,
    pub variables: Variables,
    pub time: Time,
    pub expires: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Principal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Principal>,
    /// The trace of who sent it, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

impl Processes {
    /// Gives a message to who waits for it, or keeps it.
    pub(crate) fn publish(&self, tx: &mut Tx<'_>, message: Message) -> Result<(), Problem> {
        if self.correlate(tx, &message)? {
            return Ok(());
        }
        let compiled = self.starter_of(tx, &message.process, &message.name)?;
        if let Some(compiled) = compiled
            && !self.is_key_active(tx, &message.process, &message.key)?
        {
            let keys = self.start_by(tx, &compiled, message.clone())?;
            if let Some(keys) = keys {
                self.released(tx, &message.process, keys)?;
            }
            return Ok(());
        }
        self.keep(tx, &message)
    }

    /// Offers a message to the instances that have subscribed to it.
    fn correlate(&self, tx: &mut Tx<'_>, message: &Message) -> Result<bool, Problem> {
        let prefix = key::subscriptions(&message.process, &message.name, &message.key);
        for (found, _) in tx.scan_prefix(prefix.as_ref(), LOOK_MAX)? {
            let Some((number, element)) = wire::tail(&found) else { continue };
            let command = Command::Message { element, variables: message.variables.clone() };
            if self.deliver(tx, number, command, Some(message.time))?.is_taken {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the process as it stands where a message starts it.
    fn starter_of(
        &self,
        tx: &Tx<'_>,
        process: &str,
        name: &str,
    ) -> Result<Option<Arc<Compiled>>, Problem> {
        if tx.resource("process", process)?.is_none() || self.is_suspended(tx, process)? {
            return Ok(None);
        }
        let compiled = self.cache.latest(tx, &self.config, process)?;
        Ok(compiled.message_start(name).is_some().then_some(compiled))
    }

    pub(crate) fn is_key_active(
        &self,
        read: &dyn Read,
        process: &str,
        key: &str,
    ) -> Result<bool, Problem> {
        if key.is_empty() {
            return Ok(false);
        }
        let prefix = key::instances_by_key(process, key);
        Ok(!read.scan_prefix(prefix.as_ref(), 1)?.is_empty())
    }

    fn start_by(
        &self,
        tx: &mut Tx<'_>,
        compiled: &Arc<Compiled>,
        message: Message,
    ) -> Result<Option<Vec<String>>, Problem> {
        let Some(node) = compiled.message_start(&message.name) else { return Ok(None) };
        let correlation_key = Some(message.key).filter(|key| !key.is_empty());
        let start = Start {
            node,
            variables: message.variables,
            business_key: None,
            correlation_key,
            at: message.time,
            actor: message.actor,
            on_behalf_of: message.on_behalf_of,
            reply_to: None,
        };
        let trace = message.trace.or_else(|| tx.trace().cloned());
        Ok(tx.within(trace, |tx| self.start_one(tx, compiled, start))?.1)
    }

    pub(crate) fn keep(&self, tx: &mut Tx<'_>, message: &Message) -> Result<(), Problem> {
        let number = tx.serial("messages")?;
        let place = key::messages_of(&message.process, &message.name, &message.key)
            .signed(message.time.0)
            .number(number)
            .bytes();
        let trace = message.trace.clone().or_else(|| tx.trace().cloned());
        tx.put(place.clone(), wire::write(&Message { trace, ..message.clone() })?);
        tx.put(key::expiries().signed(message.expires.0).number(number), place);
        Ok(())
    }

    fn drop_kept(&self, tx: &mut Tx<'_>, place: &[u8], expires: Time) {
        if let Some(number) = wire::last(place) {
            tx.delete(key::expiries().signed(expires.0).number(number));
        }
        tx.delete(place);
    }

    /// Takes the earliest message that waits for one of the subscriptions that an instance has opened.
    pub(crate) fn take_buffered(
        &self,
        tx: &mut Tx<'_>,
        instance: &Instance,
        known: &[ElementId],
    ) -> Result<Option<(ElementId, Message)>, Problem> {
        if !instance.is_open() {
            return Ok(None);
        }
        let mut first: Option<(Time, u64, ElementId, Vec<u8>, Message)> = None;
        for element in instance.elements.iter().filter(|element| !known.contains(&element.id)) {
            let Wait::Message { name, key } = &element.wait else { continue };
            let prefix = key::messages_of(&instance.process, name, key);
            for (place, bytes) in tx.scan_prefix(prefix.as_ref(), LOOK_MAX)? {
                let message: Message = wire::read(&bytes)?;
                if message.expires < instance.time {
                    continue;
                }
                let number = wire::last(&place).unwrap_or_default();
                let is_first =
                    first.as_ref().is_none_or(|held| (message.time, number) < (held.0, held.1));
                if is_first {
                    first = Some((message.time, number, element.id, place, message));
                }
                break;
            }
        }
        let Some((_, _, element, place, message)) = first else { return Ok(None) };
        self.drop_kept(tx, &place, message.expires);
        Ok(Some((element, message)))
    }

    /// Lets messages that waited for the end of an instance start the next.
    pub(crate) fn released(
        &self,
        tx: &mut Tx<'_>,
        process: &str,
        keys: Vec<String>,
    ) -> Result<(), Problem> {
        let mut keys = keys;
        while let Some(key) = keys.pop() {
            if key.is_empty() || self.is_key_active(tx, process, &key)? {
                continue;
            }
            if tx.resource("process", process)?.is_none() || self.is_suspended(tx, process)? {
                return Ok(());
            }
            let compiled = self.cache.latest(tx, &self.config, process)?;
            let mut first: Option<(Time, Vec<u8>, Message)> = None;
            for name in compiled.message_starts() {
                let prefix = key::messages_of(process, name, &key);
                if let Some((place, bytes)) = tx.scan_prefix(prefix.as_ref(), 1)?.pop() {
                    let message: Message = wire::read(&bytes)?;
                    if first.as_ref().is_none_or(|held| message.time < held.0) {
                        first = Some((message.time, place, message));
                    }
                }
            }
            if let Some((_, place, message)) = first {
                self.drop_kept(tx, &place, message.expires);
                let kept = message.clone();
                match tx.attempt(|tx| self.start_by(tx, &compiled, message)) {
                    Ok(more) => keys.extend(more.unwrap_or_default()),
                    Err(problem) => self.message_incident(tx, kept, &problem)?,
                }
            }
        }
        Ok(())
    }

    /// Lets messages that waited for a process to be resumed start it, some at a time. Returns how many it looked at.
    pub(crate) fn offer_waiting(&self, tx: &mut Tx<'_>, budget: usize) -> Result<usize, Problem> {
        let resumed = tx.scan_prefix(key::resumed_all().as_ref(), 1)?;
        let Some((place, after)) = resumed.into_iter().next() else { return Ok(0) };
        let mut reader = KeyReader::new(&place);
        let process = reader.text().and_then(|_| reader.text()).unwrap_or_default();
        let prefix = key::messages_in(&process);
        let mut from = if after.is_empty() { prefix.as_ref().to_vec() } else { after };
        from.push(0);
        let to = base::prefix_end(prefix.as_ref());
        let found = tx.scan(&from, &to, budget.min(LOOK_MAX), false)?;
        let (Some((last, _)), false) = (found.last(), self.is_suspended(tx, &process)?) else {
            tx.delete(place);
            return Ok(1);
        };
        tx.put(place, last.clone());
        for (message, _) in &found {
            self.offer(tx, &process, message)?;
        }
        Ok(found.len())
    }

    /// Lets a message that waits start its process, where it can.
    fn offer(&self, tx: &mut Tx<'_>, process: &str, place: &[u8]) -> Result<(), Problem> {
        // It may have been taken since: by the end of an instance that an earlier one has started.
        let Some(bytes) = tx.get(place)? else { return Ok(()) };
        let message: Message = wire::read(&bytes)?;
        let Some(compiled) = self.starter_of(tx, process, &message.name)? else { return Ok(()) };
        if self.is_key_active(tx, process, &message.key)? {
            return Ok(());
        }
        self.drop_kept(tx, place, message.expires);
        let kept = message.clone();
        match tx.attempt(|tx| self.start_by(tx, &compiled, message)) {
            Ok(Some(keys)) => self.released(tx, process, keys),
            Ok(None) => Ok(()),
            Err(problem) => self.message_incident(tx, kept, &problem),
        }
    }

    /// Turns messages that nobody took in time into incidents. Returns how many.
    pub(crate) fn expire(&self, tx: &mut Tx<'_>, limit: usize) -> Result<usize, Problem> {
        let end = key::expiries().signed(tx.business().0);
        let expired = tx.scan(key::expiries().as_ref(), end.as_ref(), limit, false)?;
        for (expiry, place) in &expired {
            tx.delete(expiry.clone());
            let Some(bytes) = tx.get(place)? else { continue };
            tx.delete(place.clone());
            let message: Message = wire::read(&bytes)?;
            let (name, key, until) = (message.name.clone(), message.key.clone(), message.expires);
            self.message_incident(tx, message, &Error::Expired { name, key, until }.into())?;
        }
        Ok(expired.len())
    }

    /// Writes an incident about a message.
    pub(crate) fn message_incident(
        &self,
        tx: &mut Tx<'_>,
        message: Message,
        problem: &Problem,
    ) -> Result<(), Problem> {
        let (process, key, at) = (message.process.clone(), message.key.clone(), message.expires);
        let subject = serde_json::to_value(&message).unwrap_or(Value::Null);
        self.subject_incident(
            tx,
            (process, message.name, Some(key), at.min(tx.business())),
            subject,
            problem,
        )
    }

    /// Writes an incident that belongs to no instance.
    pub(crate) fn subject_incident(
        &self,
        tx: &mut Tx<'_>,
        (process, name, business_key, at): (String, String, Option<String>, Time),
        subject: Value,
        problem: &Problem,
    ) -> Result<(), Problem> {
        let number = tx.serial("incidents")?;
        let row = IncidentRow {
            incident: format!("0-{number}"),
            instance: None,
            process,
            business_key,
            code: problem.code.clone(),
            message: problem.message.clone(),
            element: name,
            at,
            subject: Some(subject),
        };
        for key in key::incident_listed(&row.process, &row.element, 0, number) {
            tx.put(key, Vec::new());
        }
        tx.put(key::incident(0, number), wire::write(&row)?);
        Ok(())
    }
}
