//! Calls of one operation that wait beside each other, run as one step. Each is recognised, permitted, counted and answered by itself: one
//! that is refused does not touch the others. Where the step itself fails, each is run alone, so that one which spoils it spoils its own
//! only.

use super::{Judged, Under, carry_out, ended, judge, note, under_permit};
use crate::metrics::Opened;
use crate::operation::DecideMany;
use crate::policy::Decision;
use crate::{Call, Error, Operation, Read, Reply, Trace, Tx};
use base::Problem;
use std::borrow::Cow;
use std::sync::Arc;

/// A call that may run.
struct Good<'c> {
    call: &'c Call,
    decision: &'c Decision,
    /// Its trace with its span in it, where it has one.
    own: Option<&'c Trace>,
}

/// Runs calls that came from doors, each under a permit of its own; returns their replies in their order.
pub(super) fn run_together(
    tx: &mut Tx<'_>,
    operation: &Operation,
    many: &DecideMany,
    calls: &[Call],
) -> Vec<Result<Reply, Problem>> {
    let kernel = Arc::clone(tx.kernel());
    let calls: Vec<Cow<'_, Call>> =
        calls.iter().map(|call| kernel.heard(operation, call)).collect();
    let judged: Vec<(Opened, Result<Judged, Problem>)> =
        calls.iter().map(|call| look(tx, operation, call)).collect();
    let good = calls.iter().zip(&judged).filter_map(|(call, (opened, judged))| match judged {
        Ok(Judged::Go { decision, .. }) => Some(Good { call, decision, own: opened.own() }),
        _ => None,
    });
    let good: Vec<Good<'_>> = good.collect();
    let mut replies = run(tx, operation, many, &good).into_iter();
    tx.settle();
    let mut results = Vec::with_capacity(calls.len());
    for ((opened, judged), call) in judged.into_iter().zip(&calls) {
        let result = match judged {
            Ok(Judged::Go { permit, .. }) => replies
                .next()
                .unwrap_or_else(|| Err(unanswered(operation)))
                .map(|reply| under_permit(&kernel, permit, reply)),
            Ok(Judged::Done(reply)) => Ok(reply),
            Err(problem) => Err(problem),
        };
        let result = ended(tx, operation, call, result);
        tx.close(opened, call, &result);
        results.push(result);
    }
    results
}

/// Looks whether a call may run, within its span, which stays open.
fn look(tx: &mut Tx<'_>, operation: &Operation, call: &Call) -> (Opened, Result<Judged, Problem>) {
    let opened = tx.open(call);
    let judged = tx.attempt(|tx| judge(tx, operation, call, Under::Own));
    tx.leave_open(&opened);
    (opened, judged)
}

/// Runs the calls that may run, in one step where that works.
fn run(
    tx: &mut Tx<'_>,
    operation: &Operation,
    many: &DecideMany,
    good: &[Good<'_>],
) -> Vec<Result<Reply, Problem>> {
    if good.is_empty() {
        return Vec::new();
    }
    // What is done for all of them belongs to the first of them that is traced.
    let trace = good.iter().find_map(|each| each.own).cloned();
    match tx.within(trace, |tx| in_one_step(tx, operation, many, good)) {
        Ok(replies) => replies,
        Err(problem) if good.len() == 1 => vec![Err(problem)],
        Err(_) => good.iter().map(|each| run_alone(tx, operation, each)).collect(),
    }
}

fn in_one_step(
    tx: &mut Tx<'_>,
    operation: &Operation,
    many: &DecideMany,
    good: &[Good<'_>],
) -> Result<Vec<Result<Reply, Problem>>, Problem> {
    tx.attempt(|tx| {
        let calls: Vec<&Call> = good.iter().map(|each| each.call).collect();
        let replies = many(tx, &calls)?;
        if replies.len() != calls.len() {
            return Err(unanswered(operation));
        }
        for (each, reply) in good.iter().zip(&replies) {
            if let Ok(reply) = reply {
                note(tx, operation, each.call, each.decision, reply)?;
            }
        }
        Ok(replies)
    })
}

fn run_alone(tx: &mut Tx<'_>, operation: &Operation, each: &Good<'_>) -> Result<Reply, Problem> {
    let Good { call, decision, own } = each;
    tx.within(own.cloned(), |tx| tx.attempt(|tx| carry_out(tx, operation, call, decision)))
}

fn unanswered(operation: &Operation) -> Problem {
    let detail = format!("`{}` has not one answer for each call", operation.name);
    Error::Internal { detail }.into()
}
