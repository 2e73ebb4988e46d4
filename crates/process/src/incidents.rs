//! Incidents: what stands still until somebody mends it.

use crate::consume::Row;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, Variables};
use crate::lists::{Page, SCAN};
use crate::messages::Message;
use crate::repair::{change, done_or_tried};
use crate::wire::{self, IncidentRow, key};
use base::{Period, Problem, Time};
use kernel::{Call, Read, Reader, Reply, ResourceRef, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// How an incident is mended.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Resolve {
    /// Changed variables of the instance.
    #[serde(default)]
    pub variables: Variables,
    /// Tries of a job from now on; 1 where absent.
    #[serde(default)]
    pub retries: Option<i64>,
    /// True where it is only tried: the answer says what would happen, and nothing changes.
    #[serde(default)]
    pub dry_run: bool,
}

impl Processes {
    /// Returns an incident.
    pub(crate) fn incident_row(
        &self,
        read: &dyn Read,
        name: &str,
    ) -> Result<Option<IncidentRow>, Problem> {
        let Some((instance, number)) = wire::parse_name(name) else { return Ok(None) };
        let bytes = read.get(key::incident(instance, number.into()).as_ref())?;
        bytes.map(|bytes| wire::read(&bytes)).transpose()
    }

    pub(crate) fn get_incident(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let row = self.incident_row(reader, name)?;
        Reply::of(&row.ok_or_else(|| not_found(name))?)
    }

    pub(crate) fn list_incidents(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let after = call.text("after").and_then(wire::parse_name);
        let mut from = match after {
            Some((instance, number)) => key::incident(instance, u64::from(number) + 1).bytes(),
            None => key::incidents().bytes(),
        };
        let to = base::prefix_end(key::incidents().as_ref());
        let mut page = Page::of(call, &self.config)?;
        loop {
            let pairs = reader.scan(&from, &to, SCAN, false)?;
            let Some((last, _)) = pairs.last() else { return Ok(page.reply()) };
            from = last.clone();
            from.push(0);
            for (_, bytes) in &pairs {
                let row: IncidentRow = wire::read(bytes)?;
                let has =
                    |name: &str, value: &str| call.text(name).is_none_or(|meant| value == meant);
                if !page.looks_at(|| row.incident.clone()) {
                    return Ok(page.reply());
                }
                let reference = ResourceRef::new("incident", row.incident.clone());
                if has("process", &row.process)
                    && has("code", &row.code)
                    && reader.allows("incident.get", &reference)?
                {
                    page.items.push(json!(row));
                }
            }
        }
    }

    /// Changes variables and tries again, in place.
    pub(crate) fn resolve_incident(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let Resolve { variables, retries, dry_run } = call.parameters()?;
        let row = self.incident_row(tx, name)?.ok_or_else(|| not_found(name))?;
        let (number, element) = wire::parse_name(name).ok_or_else(|| not_found(name))?;
        let at = tx.time_of(call);
        done_or_tried(tx, call, dry_run, |tx| {
            let mut answer = if number == 0 {
                tx.delete(key::incident(0, element.into()));
                self.retry_message(tx, &row, variables)?;
                json!({})
            } else {
                let command = Command::Resolve { element, variables, retries };
                self.resolve_in(tx, number, command, at)?
            };
            answer["resolved"] = json!(self.incident_row(tx, name)?.is_none());
            Ok(answer)
        })
    }

    /// Tries again in an instance; tells what has changed in it.
    fn resolve_in(
        &self,
        tx: &mut Tx<'_>,
        number: u64,
        command: Command,
        at: Time,
    ) -> Result<Value, Problem> {
        let Some(before) = self.load(tx, number)? else { return Ok(json!({})) };
        // One that is suspended would only keep it; one that has failed as a whole can be mended all the same.
        if before.suspended && !command.is_mending() {
            let name = number.to_string();
            return Err(Error::Suspended { kind: "instance", name }.into());
        }
        let compiled = self.cache.get(tx, &self.config, &before.process, before.version)?;
        let ran = self.deliver(tx, number, command, Some(at))?;
        Ok(change(&before, &compiled.graph, &ran, &compiled.graph))
    }

    fn retry_message(
        &self,
        tx: &mut Tx<'_>,
        row: &IncidentRow,
        variables: Variables,
    ) -> Result<(), Problem> {
        let subject = row.subject.clone().unwrap_or_default();
        if let Ok(mut message) = serde_json::from_value::<Message>(subject.clone()) {
            let patience = Period(message.expires.0 - message.time.0);
            message.variables.extend(variables);
            message.expires = tx.business().max(message.time).plus(patience);
            return self.publish(tx, message);
        }
        if let Ok(mut kept) = serde_json::from_value::<Row>(subject) {
            if let Some(row) = kept.row.as_object_mut() {
                row.extend(variables);
            }
            return self.consume_again(tx, &row.process, &row.element, &kept);
        }
        Ok(())
    }
}

fn not_found(name: &str) -> Problem {
    Error::NotFound { kind: "incident", name: name.into() }.into()
}
