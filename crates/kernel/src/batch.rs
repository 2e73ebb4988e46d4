//! `unit.batch`: many calls in one request, each on its own.
//!
//! Every call goes the whole way of a call, with its own rights, savepoint, audit line and idempotency key; one that is refused
//! does not touch the others. They share a commit, as calls of a turn do. Each is charged to quotas as a call by itself would be; only its
//! bytes were charged to its principal with the whole.

use crate::operation::{Body, Handler};
use crate::{Call, Error, Kernel, Read, Reply, ResourceRef, Tx, admit, writer};
use base::{Place, Problem, Time};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    calls: Vec<One>,
}

/// One of the calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    operation: String,
    /// The name of the resource, of the operation's kind; empty for the kind as a whole.
    #[serde(default)]
    name: String,
    #[serde(default)]
    args: Value,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    at: Option<String>,
}

/// Returns the schema of what it takes.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["calls"],
        "additionalProperties": false,
        "properties": {"calls": {"type": "array", "items": {
            "type": "object",
            "required": ["operation"],
            "additionalProperties": false,
            "properties": {
                "operation": {"type": "string", "description": "An operation that changes something and takes JSON."},
                "name": {"type": "string", "description": "The name of the resource; absent for the kind as a whole."},
                "args": {"type": "object", "description": "Its parameters."},
                "key": {"type": "string", "description": "Its idempotency key."},
                "at": {"type": "string", "format": "date-time", "description": "The business time at which it happens."},
            },
        }}},
    })
}

/// Returns the schema of what it answers.
pub(crate) fn answer() -> Value {
    json!({
        "type": "object",
        "required": ["results"],
        "properties": {"results": {"type": "array", "description": "One for each call, in their order.", "items": {
            "type": "object",
            "properties": {
                "value": {"description": "What the call answered."},
                "problem": {"type": "object", "description": "Why it was refused; nothing of it was done."},
            },
        }}},
    })
}

/// Runs calls one after the other in this turn.
///
/// # Errors
/// `call.invalid` where the list itself cannot be read, `call.too_large`.
pub(crate) fn batch(tx: &mut Tx<'_>, call: &Call) -> Result<Reply, Problem> {
    let batch: Batch = call.parameters()?;
    let limit = tx.kernel().config().bulk_calls_max;
    if limit < batch.calls.len() {
        return Err(Error::TooLarge {
            what: "the number of calls in a batch".into(),
            limit: limit as u64,
        }
        .into());
    }
    let mut results = Vec::with_capacity(batch.calls.len());
    for (place, one) in batch.calls.into_iter().enumerate() {
        let result = made(tx.kernel(), call, one).and_then(|call| writer::run_beside(tx, &call));
        results.push(match result {
            Ok(reply) => json!({"value": reply.into_value()}),
            Err(problem) => json!({"problem": told(problem, place)}),
        });
    }
    Ok(Reply::Value(json!({ "results": results })))
}

/// Makes a call of the same caller.
fn made(kernel: &Kernel, whole: &Call, one: One) -> Result<Call, Problem> {
    let operation = kernel.operation(&one.operation)?;
    let takes_json = !matches!(operation.body, Body::Raw(_));
    let changes = matches!(operation.handler, Handler::Decide(_));
    if !changes || !takes_json || operation.is_internal || one.operation == whole.operation {
        return Err(Error::NotInBatch { operation: one.operation }.into());
    }
    let mut call = Call::new(
        operation.name,
        ResourceRef::new(operation.kind(), one.name),
        whole.actor.clone(),
    );
    call.on_behalf_of.clone_from(&whole.on_behalf_of);
    call.scope.clone_from(&whole.scope);
    call.stamp.clone_from(&whole.stamp);
    call.key = one.key;
    call.depth = whole.depth.saturating_add(1);
    call.at = one.at.as_deref().map(Time::parse).transpose()?.or(whole.at);
    call.args = if one.args.is_null() { json!({}) } else { one.args };
    call.bytes = admit::weight(&call.args);
    Ok(call)
}

/// A problem of one call says which; the detail of a defect is not for callers.
fn told(problem: Problem, place: usize) -> Problem {
    let problem = match problem.kind {
        base::Kind::Internal => Problem {
            message: "something went wrong inside".into(),
            hint: None,
            place: None,
            ..problem
        },
        _ => problem,
    };
    match problem.place {
        Some(_) => problem,
        None => problem.at(Place::pointer(format!("/calls/{place}"))),
    }
}
