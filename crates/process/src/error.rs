//! Why the process engine refuses, and why an instance stops with an incident.

use base::{Code, Explain, Kind, Place};

/// Why the process engine refuses, and why an instance stops with an incident.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A manifest that cannot work.
    #[error("{reason}")]
    Spec {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Place,
    },
    /// A process that only messages or timers start.
    #[error("process `{process}` has no start event without a trigger")]
    NoStart {
        /// The process.
        process: String,
    },
    /// Something that runs, or a version, that is not there.
    #[error("{kind} `{name}` does not exist")]
    NotFound {
        /// `process`, `instance`, `job`, `task`, `incident`, `decision`, `form` or `bulk`.
        kind: &'static str,
        /// As asked for.
        name: String,
    },
    /// An instance of this business key is active.
    #[error("an instance of `{process}` with the business key `{key}` is active")]
    KeyActive {
        /// The process.
        process: String,
        /// The key.
        key: String,
    },
    /// Nobody could receive the answer.
    #[error("`{operation}` answers later, and only to a call that a process or a contract makes")]
    Wait {
        /// The operation.
        operation: &'static str,
    },
    /// A job that nobody holds, or that another holds.
    #[error("job `{job}` is {state}")]
    JobState {
        /// The job.
        job: String,
        /// What it is instead.
        state: &'static str,
    },
    /// A task of somebody else.
    #[error("task `{task}` belongs to {assignee}")]
    Claimed {
        /// The task.
        task: String,
        /// Whose it is.
        assignee: String,
    },
    /// A task that is over.
    #[error("task `{task}` was {state}{}", by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default())]
    Ended {
        /// The task.
        task: String,
        /// `completed` or `cancelled`.
        state: String,
        /// Who completed it.
        by: Option<String>,
    },
    /// A form that a process names cannot be removed.
    #[error("process `{process}` names the form `{form}`")]
    FormUsed {
        /// The form.
        form: String,
        /// The process.
        process: String,
    },
    /// An expression gave something that cannot be used.
    #[error("{what} must be {expected}, but is {found}")]
    Value {
        /// What was evaluated.
        what: String,
        /// What is needed.
        expected: &'static str,
        /// What came out, shortened.
        found: String,
    },
    /// No flow of a gateway can be taken.
    #[error("no condition behind gateway `{gateway}` is true, and there is no default flow")]
    NoFlow {
        /// The element.
        gateway: String,
    },
    /// A BPMN error that nothing catches.
    #[error("nothing catches the error `{code}`: {message}")]
    Uncaught {
        /// `errorCode`.
        code: String,
        /// What was said with it.
        message: String,
    },
    /// An instance that moves without end.
    #[error("the instance made {moves} moves without waiting for anything")]
    Endless {
        /// How many.
        moves: u32,
    },
    /// A limit of an instance.
    #[error("{what} exceed the limit of {limit}")]
    Limit {
        /// What.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A job that was tried often enough.
    #[error("the job has no retries left: {message}")]
    Retries {
        /// What the worker said last.
        message: String,
    },
    /// A message that nobody took in time.
    #[error("message `{name}` with key `{key}` found nobody until {until}")]
    Expired {
        /// The name.
        name: String,
        /// The correlation key.
        key: String,
        /// When it expired.
        until: base::Time,
    },
    /// The instance was cancelled.
    #[error("instance {instance} was cancelled")]
    Cancelled {
        /// The instance.
        instance: u64,
    },
    /// What is suspended takes nothing and starts nothing.
    #[error("{kind} `{name}` is suspended")]
    Suspended {
        /// `process` or `instance`.
        kind: &'static str,
        /// Which.
        name: String,
    },
    /// An element that an instance does not stand at, or that a process does not have.
    #[error("{reason}")]
    Element {
        /// What is wrong.
        reason: String,
    },
    /// A token that cannot be moved like this.
    #[error("{reason} [{rule}]")]
    Move {
        /// The rule that is broken.
        rule: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// An instance that cannot go over to another version like this.
    #[error("{reason} [{rule}]")]
    Migrate {
        /// The rule that is broken.
        rule: &'static str,
        /// What is wrong, with the token that would be homeless.
        reason: String,
        /// Where it stands.
        element: String,
    },
    /// A bulk operation that cannot be done.
    #[error("{reason}")]
    Bulk {
        /// What is wrong.
        reason: String,
    },
    /// An incident that came again when it was tried again.
    #[error("{reason}")]
    Unresolved {
        /// What happened.
        reason: &'static str,
    },
    /// What is stored cannot be read.
    #[error("stored state of processes cannot be read: {detail}")]
    Stored {
        /// What was found.
        detail: String,
    },
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Spec { .. } => Code("process.invalid", Kind::Invalid),
            Self::NoStart { .. } => Code("process.no_start", Kind::Invalid),
            Self::NotFound { kind: "job", .. } => Code("job.not_found", Kind::NotFound),
            Self::NotFound { kind: "task", .. } => Code("task.not_found", Kind::NotFound),
            Self::NotFound { kind: "incident", .. } => Code("incident.not_found", Kind::NotFound),
            Self::NotFound { kind: "decision", .. } => Code("decision.not_found", Kind::NotFound),
            Self::NotFound { kind: "form", .. } => Code("form.not_found", Kind::NotFound),
            Self::NotFound { kind: "bulk", .. } => Code("bulk.not_found", Kind::NotFound),
            Self::NotFound { .. } => Code("process.not_found", Kind::NotFound),
            Self::KeyActive { .. } => Code("process.key_active", Kind::Conflict),
            Self::Wait { .. } => Code("process.wait", Kind::Invalid),
            Self::JobState { .. } => Code("job.state", Kind::Conflict),
            Self::Claimed { .. } => Code("task.claimed", Kind::Conflict),
            Self::Ended { .. } => Code("task.ended", Kind::Conflict),
            Self::FormUsed { .. } => Code("form.in_use", Kind::Conflict),
            Self::Value { .. } => Code("process.value", Kind::Invalid),
            Self::NoFlow { .. } => Code("process.no_flow", Kind::Invalid),
            Self::Uncaught { .. } => Code("process.error_uncaught", Kind::Invalid),
            Self::Endless { .. } => Code("process.endless", Kind::Exhausted),
            Self::Limit { .. } => Code("process.limit", Kind::Exhausted),
            Self::Retries { .. } => Code("job.retries", Kind::Exhausted),
            Self::Expired { .. } => Code("message.expired", Kind::Exhausted),
            Self::Cancelled { .. } => Code("process.cancelled", Kind::Conflict),
            Self::Suspended { .. } => Code("process.suspended", Kind::Conflict),
            Self::Element { .. } => Code("instance.element", Kind::Invalid),
            Self::Move { .. } => Code("instance.move", Kind::Conflict),
            Self::Migrate { .. } => Code("instance.migrate", Kind::Conflict),
            Self::Bulk { .. } => Code("bulk.invalid", Kind::Invalid),
            Self::Unresolved { .. } => Code("incident.unresolved", Kind::Conflict),
            Self::Stored { .. } => Code("process.stored", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoStart { .. } => {
                "publish the message that starts it, or add a start event without a trigger"
            }
            Self::KeyActive { .. } => "use the instance that runs, or leave `unique` out",
            Self::Wait { .. } => "leave `wait` out, and look at the instance later",
            Self::JobState { .. } => "take the job again with `job.activate`",
            Self::Claimed { .. } => "have it assigned to you with `task.assign`",
            Self::Ended { .. } => "`task.get` says who ended it, when and with what",
            Self::FormUsed { .. } => "apply the process without it first, or together with this",
            Self::NotFound { kind: "form", .. } => {
                "declare it by a manifest `Form`, and name it by `zeebe:formDefinition formId`"
            }
            Self::Value { .. } | Self::NoFlow { .. } => {
                "change the variables with `incident.resolve`, which tries again"
            }
            Self::Uncaught { .. } => "add a boundary event that catches it",
            Self::Endless { .. } => "let the loop wait for something, or end it by a condition",
            Self::Retries { .. } => "mend the cause, then `incident.resolve`",
            Self::Expired { .. } => "start the process that waits for it, then `incident.resolve`",
            Self::Suspended { kind: "process", .. } => "resume it with `process.resume`",
            Self::Suspended { .. } => "resume it with `instance.resume`",
            Self::Move { .. } => "docs/errors/instance.move.md explains the rules",
            Self::Migrate { .. } => {
                "name a counterpart in `mapping`, or move the token first with `instance.move`"
            }
            _ => return None,
        };
        Some(hint.into())
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Spec { place, .. } => Some(place.clone()),
            Self::Migrate { element, .. } if !element.is_empty() => {
                Some(Place::pointer(element.clone()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_a_page() {
        let source = include_str!("error.rs");
        let codes: BTreeSet<&str> = source
            .split("Code(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .filter(|code| code.contains('.'))
            .collect();
        for code in codes {
            let page = format!("{}/../../docs/errors/{code}.md", env!("CARGO_MANIFEST_DIR"));
            assert!(std::path::Path::new(&page).exists(), "{code} has no page");
        }
    }
}
