//! Incidents: what stands still until somebody mends it.

use crate::consume::Row;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, Variables};
use crate::lists::{Page, SCAN, is_newest};
use crate::messages::Message;
use crate::repair::{change, done_or_tried};
use crate::wire::{self, IncidentRow, key};
use base::{Period, Problem, Time};
use kernel::{Call, Found, Read, Reader, Reply, ResourceRef, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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

    /// Shows an incident, with the variables that the element sees for who may read the instance.
    pub(crate) fn get_incident(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let name = call.resource.name.as_str();
        let row = self.incident_row(reader, name)?.ok_or_else(|| not_found(name))?;
        let (number, element) = wire::parse_name(name).ok_or_else(|| not_found(name))?;
        let mut answer = json!(row);
        let reference = ResourceRef::new("instance", number.to_string());
        if let Some(instance) = self.load(reader, number)?
            && reader.allows("instance.get", &reference)?
        {
            answer["variables"] = Value::Object(instance.visible(element).into_owned());
            answer["own"] = json!(instance.element(element).map(|held| &held.variables));
            answer["version"] = json!(instance.version);
            answer["state"] = json!(instance.state_name());
            let held = instance.element(element);
            answer["tries"] = json!(held.map(|held| held.again + 1));
            answer["waits_for"] = json!(held.map(|held| &held.wait));
        } else if let Some(subject) = &row.subject {
            // A message carries variables, a row of a stream is some.
            let carried = subject.get("variables").or_else(|| subject.get("row"));
            answer["variables"] = carried.cloned().unwrap_or_default();
        }
        Ok(Reply::Value(answer))
    }

    /// Lists incidents, oldest instances first, or the newest where that is asked for.
    pub(crate) fn list_incidents(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let text = call.text("text").map(str::to_lowercase);
        let is_newest = is_newest(call);
        let prefix = match (call.text("process"), call.text("element")) {
            (Some(process), Some(element)) => key::incidents_at(process, element),
            (Some(process), None) => key::incidents_of(process),
            (None, _) => key::incidents(),
        };
        let after = call.text("after").and_then(wire::parse_name);
        let place = after.map(|(instance, number)| {
            prefix.clone().number(instance).number(number.into()).bytes()
        });
        let (mut from, mut to) = (prefix.clone().bytes(), base::prefix_end(prefix.as_ref()));
        match place {
            Some(place) if is_newest => to = place,
            Some(place) => from = behind(place),
            None => {}
        }
        let mut page = Page::of(call, &self.config)?;
        loop {
            let pairs = reader.scan(&from, &to, SCAN, is_newest)?;
            let Some((last, _)) = pairs.last() else { return Ok(page.reply()) };
            match is_newest {
                true => to = last.clone(),
                false => from = behind(last.clone()),
            }
            for (found, bytes) in pairs {
                let Some((instance, number)) = wire::tail(&found) else { continue };
                let name = wire::name_of(instance, number);
                if !page.looks_at(|| name.clone()) {
                    return Ok(page.reply());
                }
                // Beside the rows themselves stand keys without values.
                let row = match bytes.is_empty() {
                    true => self.incident_row(reader, &name)?,
                    false => Some(wire::read(&bytes)?),
                };
                let Some(row) = row.filter(|row| is_meant(row, call, text.as_deref())) else {
                    continue;
                };
                let attributes =
                    BTreeMap::from([("process", row.process.clone()), ("state", row.code.clone())]);
                let found = Found { attributes, candidates: Vec::new() };
                let reference = ResourceRef::new("incident", name);
                if reader.allows_found("incident.get", &reference, &found)? {
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
                for key in key::incident_listed(&row.process, &row.element, 0, element.into()) {
                    tx.delete(key);
                }
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

/// Returns the first key behind a key.
fn behind(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn is_meant(row: &IncidentRow, call: &Call, text: Option<&str>) -> bool {
    let has = |name: &str, value: &str| call.text(name).is_none_or(|meant| value == meant);
    let texts = [&row.code, &row.message, &row.element];
    let says = |text: &str| {
        let mut all = texts.into_iter().chain(&row.business_key);
        all.any(|held| held.to_lowercase().contains(text))
    };
    has("process", &row.process)
        && has("element", &row.element)
        && has("code", &row.code)
        && has("business_key", row.business_key.as_deref().unwrap_or_default())
        && text.is_none_or(says)
}

fn not_found(name: &str) -> Problem {
    Error::NotFound { kind: "incident", name: name.into() }.into()
}
