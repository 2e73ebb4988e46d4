//! Active instances as the kernel lists them beside all else that runs.

use crate::among::Sought;
use crate::engine::Processes;
use crate::instance::Instance;
use base::Problem;
use kernel::{Act, Give, Principal, Read, ResourceRef, Running, Signal, Wanted};
use serde_json::json;

/// The kind of instances in lists of what runs.
const KIND: &str = "instance";

/// The beginning of an id that means a whole process: its instances, and those to come.
const DEFINITION: &str = "process/";

/// How an active instance can stand.
const STATES: [&str; 3] = ["active", "failed", "suspended"];

impl Processes {
    /// Gives the active instances that a caller may see. Returns behind which one it has stopped to look, where it has.
    ///
    /// # Errors
    /// Where the store cannot be read, or what `give` says.
    pub(crate) fn active(
        &self,
        read: &dyn Read,
        caller: &Principal,
        wanted: &Wanted,
        give: Give<'_>,
    ) -> Result<Option<String>, Problem> {
        let state = wanted.state.as_deref();
        if !wanted.is_of(KIND) || state.is_some_and(|state| !STATES.contains(&state)) {
            return Ok(None);
        }
        if let Some(id) = &wanted.id {
            let number = number_of(id);
            let instance = number.map(|number| self.load(read, number)).transpose()?.flatten();
            if let Some(instance) = instance.filter(|instance| wanted.is(&shown(instance)))
                && may_see(read, caller, &instance)?
            {
                give(shown(&instance))?;
            }
            return Ok(None);
        }
        let process = match &wanted.resource {
            None => None,
            Some(resource) => match resource.strip_prefix(DEFINITION) {
                Some(process) => Some(process),
                None => return Ok(None),
            },
        };
        let among = Sought { process, state, ..Sought::default() }.among();
        let mut after = wanted.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(0);
        let mut looks = wanted.looks.unwrap_or(usize::MAX);
        loop {
            let numbers = self.numbers(read, &among, after)?;
            if numbers.is_empty() {
                return Ok(None);
            }
            for number in numbers {
                if looks == 0 {
                    return Ok(Some(after.to_string()));
                }
                looks -= 1;
                if let Some(instance) = self.load(read, number)? {
                    // What is not meant costs no question about rights.
                    let running = shown(&instance);
                    let is_given = wanted.is(&running) && may_see(read, caller, &instance)?;
                    if is_given && !give(running)? {
                        return Ok(Some(after.to_string()));
                    }
                }
                after = number;
            }
        }
    }

    /// Says by which operation an instance, or a whole process, is told something.
    ///
    /// # Errors
    /// `running.unsupported`.
    pub(crate) fn tell(
        &self,
        read: &dyn Read,
        id: &str,
        signal: Signal,
    ) -> Result<Option<Act>, Problem> {
        if let Some(process) = id.strip_prefix(DEFINITION) {
            let operation = match signal {
                Signal::Pause => "process.suspend",
                Signal::Resume => "process.resume",
                Signal::Kill | Signal::Limit(_) => {
                    return Err(signal.unsupported("a process as a whole"));
                }
            };
            if read.resource("process", process)?.is_none() {
                return Ok(None);
            }
            let resource = ResourceRef::new("process", process);
            // Its instances as well as those to come.
            return Ok(Some(Act::Operation(operation, resource, json!({"instances": true}))));
        }
        let Some(number) = number_of(id) else { return Ok(None) };
        let operation = match signal {
            Signal::Kill => "instance.cancel",
            Signal::Pause => "instance.suspend",
            Signal::Resume => "instance.resume",
            Signal::Limit(_) => return Err(signal.unsupported("an instance")),
        };
        // Whether it is there, and whether the caller may, is the operation's to say.
        let resource = ResourceRef::new("instance", number.to_string());
        Ok(Some(Act::Operation(operation, resource, json!({}))))
    }
}

fn number_of(id: &str) -> Option<u64> {
    id.strip_prefix(KIND)?.strip_prefix('/')?.parse().ok()
}

fn may_see(read: &dyn Read, caller: &Principal, instance: &Instance) -> Result<bool, Problem> {
    let resource = ResourceRef::new("instance", instance.key.to_string());
    read.kernel().is_allowed(read, "instance.get", &resource, caller, None)
}

fn shown(instance: &Instance) -> Running {
    let business_key = instance.business_key.as_ref().map(|key| format!(" {key}"));
    let on_behalf_of = instance.on_behalf_of.as_ref().or(instance.started_by.as_ref());
    Running {
        id: format!("{KIND}/{}", instance.key),
        kind: KIND,
        what: format!("{}{}", instance.process, business_key.unwrap_or_default()),
        resource: Some(format!("{DEFINITION}{}", instance.process)),
        principal: format!("process:{}", instance.process),
        on_behalf_of: on_behalf_of.map(ToString::to_string),
        since: instance.started_at,
        cpu_ms: None,
        memory_bytes: None,
        rows: None,
        bytes: None,
        state: instance.state_name().into(),
    }
}
