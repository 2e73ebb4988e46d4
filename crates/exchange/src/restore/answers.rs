//! How calls have ended: what a provider keeps for some time, since a consumer that is restored has lost it.

use crate::Config;
use crate::state::answers_due_key;
use crate::wire::{CallRecord, CallState, Message};
use base::{Period, Problem, Time};
use kernel::{Age, Read, Tx, forget_old};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The log of the answers that this unit gave as a provider.
pub(super) const ANSWERS: &str = "system/answers";

/// How a call ended, as its provider keeps it: a row of the log [`ANSWERS`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The consumer's unit.
    pub peer: String,
    /// The number of the message with which it was told.
    pub told: u64,
    pub contract: String,
    pub call: String,
    pub capability: String,
    pub input: Value,
    pub at: Time,
    pub state: CallState,
    pub closed_at: Time,
    pub outcome: Outcome,
    /// When it was told, wall time.
    pub wall: Time,
}

/// What a consumer was told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The answer.
    Output(Value),
    /// Why there is none.
    Problem(Problem),
    /// Why it was withdrawn.
    Reason(String),
}

impl Outcome {
    /// Returns what a message tells of the end of a call.
    pub fn of(message: &Message) -> Self {
        match message {
            Message::Answer { output, .. } => Self::Output(output.clone()),
            Message::Failed { problem, .. } | Message::Refused { problem, .. } => {
                Self::Problem(problem.clone())
            }
            Message::Withdrawn { reason, .. } => Self::Reason(reason.clone()),
            _ => Self::Output(Value::Null),
        }
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// With what a call was made.
pub(crate) struct Made<'a> {
    pub contract: &'a str,
    pub call: &'a str,
    pub capability: &'a str,
    pub input: &'a Value,
    pub at: Time,
}

impl<'a> Made<'a> {
    /// Returns with what a call was made.
    pub fn of(record: &'a CallRecord) -> Self {
        Self {
            contract: &record.contract,
            call: &record.call,
            capability: &record.capability,
            input: &record.input,
            at: record.at,
        }
    }
}

/// The end of a call.
pub(crate) struct End {
    /// The number of the message with which it was told.
    pub told: u64,
    pub state: CallState,
    pub closed_at: Time,
}

impl End {
    /// Keeps an answer for a consumer that may lose it.
    pub fn keep(
        self,
        tx: &mut Tx<'_>,
        peer: &str,
        made: &Made<'_>,
        outcome: Outcome,
    ) -> Result<(), Problem> {
        let answer = Answer {
            peer: peer.to_owned(),
            told: self.told,
            contract: made.contract.to_owned(),
            call: made.call.to_owned(),
            capability: made.capability.to_owned(),
            input: made.input.clone(),
            at: made.at,
            state: self.state,
            closed_at: self.closed_at,
            outcome,
            wall: tx.wall(),
        };
        tx.record(ANSWERS, &answer).map(|_| ())
    }
}

/// Drops answers that were kept for long enough.
pub(crate) fn forget_answers(tx: &mut Tx<'_>, config: &Config) -> Result<(), Problem> {
    #[derive(Deserialize)]
    struct Kept {
        wall: Time,
    }
    if tx.log_end(ANSWERS)? == 0 {
        return Ok(());
    }
    let now = tx.wall();
    let limit = now.plus(Period::seconds(-config.answers_seconds_max));
    // The clock may have stood wrong for a while: answers from then do not keep others.
    let age = |row: &Kept| match row.wall {
        wall if wall < limit => Age::Old,
        wall if wall <= now => Age::Young,
        _ => Age::Ahead,
    };
    forget_old(tx, now, &answers_due_key(), &[ANSWERS], age)
}
