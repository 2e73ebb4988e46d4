//! Signals: to all who wait for one, in all processes, and to the processes that it starts.
//!
//! A signal is not kept: who waits for it later does not get it. An instance gets it once for each event that waits for it at that
//! moment. Many who wait get it in portions, each a call of its own.

use crate::engine::Processes;
use crate::instance::{Command, Variables};
use crate::running::Start;
use crate::wire::{self, key};
use base::Problem;
use kernel::{Call, Read, Reply, Tx};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who gets a signal in one portion.
const PORTION: usize = 256;

/// A signal.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishSignal {
    /// Its name.
    pub signal: String,
    /// What it carries.
    #[serde(default)]
    pub variables: Variables,
    /// An instance that does not get it: the one that sends it has taken it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub except: Option<u64>,
    /// From which instance on; set by the engine, for all portions but the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Up to which instance; set by the engine, for all portions but the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
}

impl Processes {
    pub(crate) fn publish_signal(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let signal: PublishSignal = call.parameters()?;
        let last = match signal.last {
            Some(last) => last,
            None => self.last_instance(tx)?,
        };
        let (mut reached, next) = self.reach(tx, call, &signal, last)?;
        if signal.from.is_none() {
            reached += self.start_by_signal(tx, call, &signal)?;
        }
        if let Some(from) = next {
            let rest = PublishSignal { from: Some(from), last: Some(last), ..signal };
            let mut more = Call::new(&call.operation, call.resource.clone(), call.actor.clone())
                .with(json!(rest))
                .at(tx.time_of(call));
            more.on_behalf_of.clone_from(&call.on_behalf_of);
            more.scope.clone_from(&call.scope);
            tx.call(more);
        }
        Ok(Reply::Value(json!({"reached": reached, "has_more": next.is_some()})))
    }

    /// Returns the highest number of an active instance.
    pub(crate) fn last_instance(&self, read: &dyn Read) -> Result<u64, Problem> {
        let prefix = key::instances();
        let end = base::prefix_end(prefix.as_ref());
        let highest = read.scan(prefix.as_ref(), &end, 1, true)?;
        Ok(highest.first().and_then(|(found, _)| wire::last(found)).unwrap_or_default())
    }

    /// Gives a signal to some who wait for it. Returns to how many, and from which instance on there are more.
    fn reach(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        signal: &PublishSignal,
        last: u64,
    ) -> Result<(usize, Option<u64>), Problem> {
        let waiting = key::signals(&signal.signal);
        let from = waiting.clone().number(signal.from.unwrap_or_default());
        let to = waiting.clone().number(last.saturating_add(1));
        let mut found = tx.scan(from.as_ref(), to.as_ref(), PORTION, false)?;
        let is_cut = PORTION <= found.len();
        let highest = found.last().and_then(|(key, _)| wire::tail(key));
        if let (true, Some((instance, _))) = (is_cut, highest) {
            // All of an instance at once: what it waits for afterwards is another time.
            found.retain(|(key, _)| wire::tail(key).is_none_or(|(other, _)| other != instance));
            found.extend(tx.scan_prefix(waiting.number(instance).as_ref(), usize::MAX)?);
        }
        let mut reached = 0;
        for (place, _) in found {
            let Some((number, element)) = wire::tail(&place) else { continue };
            if signal.except == Some(number) {
                continue;
            }
            let command = Command::Message { element, variables: signal.variables.clone() };
            let at = Some(tx.time_of(call));
            reached += usize::from(self.deliver(tx, number, command, at)?.is_taken);
        }
        Ok((reached, highest.filter(|_| is_cut).map(|(instance, _)| instance.saturating_add(1))))
    }

    /// Starts all processes that a signal starts.
    fn start_by_signal(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        signal: &PublishSignal,
    ) -> Result<usize, Problem> {
        let mut started = 0;
        for process in tx.resources("process")? {
            let compiled = self.cache.get(tx, &self.config, &process.name, process.version)?;
            if self.is_suspended(tx, &process.name)? {
                continue;
            }
            for node in compiled.signal_starts(&signal.signal) {
                let start = Start {
                    node,
                    variables: signal.variables.clone(),
                    business_key: None,
                    correlation_key: None,
                    at: tx.time_of(call),
                    actor: Some(call.actor.clone()),
                    on_behalf_of: call.on_behalf_of.clone(),
                    reply_to: None,
                };
                match tx.attempt(|tx| self.start(tx, &compiled, start)) {
                    Ok(_) => started += 1,
                    Err(problem) => {
                        let at = tx.time_of(call);
                        let about = (process.name.clone(), signal.signal.clone(), None, at);
                        self.subject_incident(tx, about, Value::Null, &problem)?;
                    }
                }
            }
        }
        Ok(started)
    }
}
