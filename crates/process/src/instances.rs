//! Starting processes, publishing messages to them, and their instances as seen from outside.

use crate::among::Sought;
use crate::engine::Processes;
use crate::error::Error;
use crate::instance::{Command, Instance, Variables};
use crate::lists::Page;
use crate::messages::Message;
use crate::newest;
use crate::running::Start;
use crate::wire::{self, InstanceRow, key};
use base::{Period, Place, Problem};
use kernel::{Call, Read, Reader, Reply, ResourceRef, Tx};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// How a process is started.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct StartParameters {
    /// The first variables.
    #[serde(default)]
    pub variables: Variables,
    /// What the business calls the instance.
    #[serde(default)]
    pub business_key: Option<String>,
    /// True where no other instance of this business key may be active.
    #[serde(default)]
    pub unique: bool,
    /// True where the variables come from the form of the process: then they are checked against it.
    #[serde(default)]
    pub form: bool,
    /// True where the caller, itself a process or a contract, waits for the end and its variables.
    #[serde(default)]
    pub wait: bool,
}

/// A message for a process.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Publish {
    /// The message's name.
    pub message: String,
    /// The correlation key.
    #[serde(default)]
    pub correlation_key: String,
    /// What it carries.
    #[serde(default)]
    pub variables: Variables,
    /// How long it waits for its process, ISO 8601: `P30D` where absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub ttl: Option<Period>,
}

impl Processes {
    pub(crate) fn start_process(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let parameters: StartParameters = call.parameters()?;
        let process = call.resource.name.as_str();
        if parameters.wait && call.reply_to.is_none() {
            return Err(Error::Wait { operation: "process.start" }.into());
        }
        self.refuse_suspended(tx, process)?;
        let compiled = self.cache.latest(tx, &self.config, process)?;
        let node = compiled.start().ok_or_else(|| Error::NoStart { process: process.into() })?;
        let at = tx.time_of(call);
        if parameters.form {
            self.check_start(tx, &compiled, &parameters.variables, at)?;
        }
        let business_key = match (&parameters.business_key, &compiled.business_key) {
            (None, Some(expression)) => {
                crate::elements::text_of(&expression.evaluate(&parameters.variables, at)?)
            }
            (given, _) => given.clone(),
        };
        if let (true, Some(key)) = (parameters.unique, &business_key)
            && self.is_key_active(tx, process, key)?
        {
            return Err(Error::KeyActive { process: process.into(), key: key.clone() }.into());
        }
        let start = Start {
            node,
            variables: parameters.variables,
            business_key: business_key.clone(),
            correlation_key: None,
            at,
            actor: Some(call.actor.clone()),
            on_behalf_of: call.on_behalf_of.clone(),
            reply_to: call.reply_to.clone().filter(|_| parameters.wait),
        };
        let instance = self.start(tx, &compiled, start)?;
        if parameters.wait {
            return Ok(Reply::Later);
        }
        let version = compiled.version;
        Ok(Reply::Value(json!({
            "instance": instance, "process": process, "version": version, "business_key": business_key
        })))
    }

    /// Withdraws `process.start`: who waited for the result wants it no more.
    pub(crate) fn withdraw_start(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let Some(address) = &call.reply_to else {
            return Ok(Reply::Value(json!({"cancelled": false})));
        };
        let found = tx.get(key::waiting(address).as_ref())?;
        let Some(number) = found.as_deref().and_then(wire::last) else {
            return Ok(Reply::Value(json!({"cancelled": false})));
        };
        let at = tx.time_of(call);
        let ran = self.deliver(tx, number, Command::Cancel { is_withdrawn: true }, Some(at))?;
        Ok(Reply::Value(json!({ "cancelled": ran.is_taken })))
    }

    pub(crate) fn publish_message(&self, tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
        let parameters: Publish = call.parameters()?;
        let process = call.resource.name.as_str();
        if tx.resource("process", process)?.is_none() {
            return Err(Error::NotFound { kind: "process", name: process.into() }.into());
        }
        let ttl = parameters.ttl.unwrap_or(Period::days(self.config.message_days.into()));
        let limit = Period::days(self.config.message_days_max.into());
        if ttl < Period(0) || limit < ttl {
            let reason = format!("a message can wait between PT0S and {limit}, not {ttl}");
            return Err(Error::Spec { reason, place: Place::pointer("/ttl") }.into());
        }
        let time = tx.time_of(call);
        let message = Message {
            process: process.into(),
            name: parameters.message,
            key: parameters.correlation_key,
            variables: parameters.variables,
            time,
            expires: time.plus(ttl),
            actor: Some(call.actor.clone()),
            on_behalf_of: call.on_behalf_of.clone(),
            trace: None,
        };
        self.publish(tx, message)?;
        Ok(Reply::Value(json!({})))
    }

    pub(crate) fn get_instance(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        let instance = self.require(reader, &call.resource.name)?;
        let compiled = self.cache.get(reader, &self.config, &instance.process, instance.version)?;
        let mut answer = json!(InstanceRow::new(&instance, &compiled.graph));
        let elements = instance.elements.iter().map(|element| {
            let node = compiled.graph.node(element.node);
            json!({
                "element": node.id, "id": element.id, "entered_at": element.entered,
                "waits_for": element.wait, "incident": element.incident, "variables": element.variables,
            })
        });
        answer["standing"] = elements.collect();
        answer["incident"] = json!(instance.incident);
        answer["parked"] = json!(instance.parked.len());
        Ok(Reply::Value(answer))
    }

    pub(crate) fn list_instances(&self, reader: &Reader, call: &Call) -> Result<Reply, Problem> {
        if newest::is_newest(call) {
            return self.list_newest(reader, call);
        }
        let sought = Sought {
            process: call.text("process"),
            business_key: call.text("business_key"),
            variable: call.text("variable").zip(call.text("value")),
            state: call.text("state"),
        };
        let among = sought.among();
        let is_meant = |instance: &Instance| {
            let has = |wanted: Option<&str>, is: Option<&str>| {
                wanted.is_none_or(|wanted| is == Some(wanted))
            };
            has(sought.process, Some(&instance.process))
                && has(sought.state, Some(instance.state_name()))
                && has(sought.business_key, instance.business_key.as_deref())
        };
        let mut after = call.number("after")?.unwrap_or(0);
        let mut page = Page::of(call, &self.config)?;
        loop {
            let numbers = self.numbers(reader, &among, after)?;
            let Some(last) = numbers.last() else { return Ok(page.reply()) };
            after = *last;
            for number in numbers {
                if !page.looks_at(|| number.to_string()) {
                    return Ok(page.reply());
                }
                // What is not meant costs no question about rights.
                let Some(instance) = self.load(reader, number)?.filter(is_meant) else { continue };
                let reference = ResourceRef::new("instance", number.to_string());
                if reader.allows("instance.get", &reference)? {
                    page.items.push(json!(self.row_of(reader, &instance)?));
                }
            }
        }
    }

    /// Returns an active instance as lists show it.
    pub(crate) fn instance_row(
        &self,
        read: &dyn Read,
        number: u64,
    ) -> Result<Option<InstanceRow>, Problem> {
        self.load(read, number)?.map(|instance| self.row_of(read, &instance)).transpose()
    }

    /// Returns an instance as lists show it.
    pub(crate) fn row_of(
        &self,
        read: &dyn Read,
        instance: &Instance,
    ) -> Result<InstanceRow, Problem> {
        let compiled = self.cache.get(read, &self.config, &instance.process, instance.version)?;
        Ok(InstanceRow::new(instance, &compiled.graph))
    }
}
