//! What the engine wants asked in SQL, and who asks it: not the partition's thread.
//!
//! The writer notes in its commits which windows of KPIs have closed and which quality rules are to run. The unit asks for what is
//! [`pending`], makes the call [`Request::compute`], which only reads, and hands its result back with [`Request::record`],
//! which records it in one commit. Both go through the kernel, as `unit:kpis`.

use crate::metrics::wire as kpis;
use crate::quality::wire as quality;
use base::Problem;
use kernel::{Call, Principal, Read, ResourceRef};
use serde_json::{Value, json};

/// The topic that is notified when there is something to ask.
pub const TOPIC: &str = "kpis";

/// The part of the unit that asks.
pub(crate) const PART: &str = "kpis";

/// Something that is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    kind: &'static str,
    name: String,
    args: Value,
}

impl Request {
    /// Returns the call that finds the answer. It changes nothing.
    pub fn compute(&self) -> Call {
        self.call("compute").with(self.args.clone())
    }

    /// Returns the call that records the answer, or why there is none.
    pub fn record(&self, answer: Result<Value, Problem>) -> Call {
        let args = match answer {
            Ok(answer) => json!({"request": self.args, "answer": answer}),
            Err(problem) => json!({"request": self.args, "problem": problem}),
        };
        self.call("record").with(args)
    }

    fn call(&self, verb: &str) -> Call {
        let resource = ResourceRef::new(self.kind, self.name.clone());
        Call::new(&format!("{}.{verb}", self.kind), resource, Principal::Unit(PART.into()))
    }
}

/// Returns what waits to be asked, `limit` at most: KPIs first, each in the order of its windows.
///
/// # Errors
/// Where the store cannot be read.
pub fn pending(read: &dyn Read, limit: usize) -> Result<Vec<Request>, Problem> {
    let mut requests = Vec::new();
    for (_, bytes) in read.scan_prefix(kpis::key::requests().as_ref(), limit)? {
        let request: kpis::Request = kpis::read(&bytes)?;
        let args = serde_json::to_value(&request).unwrap_or_default();
        requests.push(Request { kind: "kpi", name: request.kpi, args });
    }
    let left = limit.saturating_sub(requests.len());
    for (_, bytes) in read.scan_prefix(quality::key::requests().as_ref(), left)? {
        let request: quality::Request = kpis::read(&bytes)?;
        let args = serde_json::to_value(&request).unwrap_or_default();
        requests.push(Request { kind: "quality", name: request.quality, args });
    }
    Ok(requests)
}
