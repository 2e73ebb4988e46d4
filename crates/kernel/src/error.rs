//! Why the kernel refuses.

use base::{Code, Explain, Kind, Place};

/// Why the kernel refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such operation.
    #[error("there is no operation `{operation}`")]
    Operation {
        /// What was asked for.
        operation: String,
        /// The nearest one.
        nearest: Option<String>,
    },
    /// Parameters do not fit.
    #[error("the parameters do not fit: {reason}")]
    Parameters {
        /// What serde said.
        reason: String,
    },
    /// Unknown, or hidden from the caller: the two look alike.
    #[error("{resource} does not exist")]
    NotFound {
        /// As asked for.
        resource: String,
    },
    /// The policies do not permit it.
    #[error("{actor} may not {operation} on {resource}")]
    Forbidden {
        /// Who.
        actor: String,
        /// What.
        operation: String,
        /// On what.
        resource: String,
    },
    /// No or no valid credential.
    #[error("{reason}")]
    Unauthenticated {
        /// Why not.
        reason: &'static str,
    },
    /// A principal that cannot be read.
    #[error("`{text}` is not a principal")]
    Principal {
        /// What was written.
        text: String,
    },
    /// A manifest that is wrong.
    #[error("{reason}")]
    Manifest {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Option<Place>,
        /// What to do.
        hint: Option<String>,
    },
    /// A reference to a resource that is not there.
    #[error("{from} refers to {to}, which does not exist")]
    Reference {
        /// Who refers.
        from: String,
        /// To what.
        to: String,
    },
    /// A policy text that does not parse or does not fit the schema.
    #[error("the policy is wrong: {reason}")]
    Policy {
        /// What Cedar said.
        reason: String,
        /// Where.
        place: Option<Place>,
        /// What Cedar would have instead, where it knows.
        hint: Option<String>,
    },
    /// A right that the caller does not hold himself.
    #[error("{actor} cannot grant the role `{role}`, which he does not hold")]
    Grant {
        /// Who.
        actor: String,
        /// Which role.
        role: String,
    },
    /// An owner for whom the author does not stand.
    #[error("{actor} cannot make {owner} an owner")]
    Owner {
        /// Who.
        actor: String,
        /// Whom.
        owner: String,
    },
    /// A resource that another application has, or none.
    #[error("{resource} is there already, and {}", held_by(.application.as_deref()))]
    Taken {
        /// Which.
        resource: String,
        /// Whose it is.
        application: Option<String>,
    },
    /// An application that has resources of others and none of the author's.
    #[error(
        "{resource} cannot be put into the application `{application}`, which is somebody else's"
    )]
    Foreign {
        /// What was to be put into it.
        resource: String,
        /// Which application.
        application: String,
    },
    /// The same idempotency key with another body.
    #[error("the idempotency key was used with another request")]
    KeyReused,
    /// The queue is full.
    #[error("the unit has {queued} calls waiting")]
    Busy {
        /// How many.
        queued: usize,
    },
    /// A quota is used up for now.
    #[error("{whom} may not use more: {what}")]
    Quota {
        /// Whom the quota limits.
        whom: String,
        /// Which limit, and how much it is.
        what: String,
        /// After how many milliseconds it is worth repeating, where that is known.
        retry_ms: Option<u64>,
    },
    /// The memory of the unit is used up for now.
    #[error("the unit has no memory left for {bytes} bytes of {what}")]
    Memory {
        /// What it is for.
        what: &'static str,
        /// How much was asked for.
        bytes: u64,
    },
    /// The disk of the unit is almost full.
    #[error("the disk of the unit has {free} bytes left, {least} are kept free")]
    DiskFull {
        /// How much is free.
        free: u64,
        /// How much is to stay free.
        least: u64,
    },
    /// Something that runs and cannot be told this.
    #[error("{what} cannot be {verb}")]
    Unsupported {
        /// What runs.
        what: String,
        /// What was wanted.
        verb: &'static str,
    },
    /// A limit of the kernel.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// Something that cannot be watched.
    #[error("`{topic}` cannot be watched")]
    Topic {
        /// What was asked for.
        topic: String,
        /// The nearest kind that can.
        nearest: Option<String>,
    },
    /// An operation that a batch cannot hold.
    #[error("`{operation}` cannot be part of a batch")]
    NotInBatch {
        /// The operation.
        operation: String,
    },
    /// The unit is stopping.
    #[error("the unit is stopping")]
    Stopping,
    /// The business clock of this unit is not driven.
    #[error("the business clock of this unit is not driven")]
    ClockNotDriven,
    /// A defect.
    #[error("something went wrong inside: {detail}")]
    Internal {
        /// For the log.
        detail: String,
    },
}

fn held_by(application: Option<&str>) -> String {
    match application {
        Some(application) => format!("belongs to the application `{application}`"),
        None => "belongs to no application".into(),
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Operation { .. } => Code("operation.not_found", Kind::NotFound),
            Self::Parameters { .. } => Code("call.invalid", Kind::Invalid),
            Self::NotFound { .. } => Code("resource.not_found", Kind::NotFound),
            Self::Forbidden { .. } => Code("policy.forbidden", Kind::Forbidden),
            Self::Unauthenticated { .. } => Code("token.invalid", Kind::Unauthenticated),
            Self::Principal { .. } => Code("principal.invalid", Kind::Invalid),
            Self::Manifest { .. } => Code("manifest.invalid", Kind::Invalid),
            Self::Reference { .. } => Code("manifest.reference", Kind::Invalid),
            Self::Policy { .. } => Code("policy.invalid", Kind::Invalid),
            Self::Grant { .. } | Self::Owner { .. } => Code("policy.grant", Kind::Forbidden),
            Self::Taken { .. } | Self::Foreign { .. } => Code("resource.taken", Kind::Conflict),
            Self::KeyReused => Code("call.key_reused", Kind::Conflict),
            Self::Busy { .. } => Code("kernel.busy", Kind::Exhausted),
            Self::Quota { .. } => Code("quota.exceeded", Kind::Exhausted),
            Self::Memory { .. } => Code("memory.exhausted", Kind::Exhausted),
            Self::DiskFull { .. } => Code("disk.full", Kind::Exhausted),
            Self::Unsupported { .. } => Code("running.unsupported", Kind::Conflict),
            Self::TooLarge { .. } => Code("call.too_large", Kind::Invalid),
            Self::Topic { .. } => Code("live.topic", Kind::Invalid),
            Self::NotInBatch { .. } => Code("call.not_in_batch", Kind::Invalid),
            Self::Stopping => Code("kernel.stopping", Kind::Unavailable),
            Self::ClockNotDriven => Code("clock.not_driven", Kind::Conflict),
            Self::Internal { .. } => Code("kernel.internal", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Topic { nearest: None, .. } => {
                Some("docs/guides/live.md lists what can be watched".into())
            }
            Self::Operation { nearest, .. } | Self::Topic { nearest, .. } => {
                nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`?"))
            }
            Self::Manifest { hint, .. } => hint.clone(),
            Self::Policy { hint, .. } => Some(hint.clone().unwrap_or_else(|| {
                "docs/reference/policies.md has the actions, kinds and attributes".into()
            })),
            Self::Forbidden { actor, operation, resource } => {
                let who = actor.strip_prefix("user:").unwrap_or(actor);
                Some(format!("`craton why {who} {operation} {resource}` says what is missing"))
            }
            Self::Unauthenticated { .. } => {
                Some(
                    "send `Authorization: Bearer TOKEN`; `craton login` or `craton token create` makes one"
                        .into(),
                )
            }
            Self::Principal { .. } => {
                Some(
                    "write user:NAME, process:NAME, kpi:NAME, device:NAME, device_type:NAME, topic:NAME, rule:NAME, peer:UNIT or unit:PART"
                        .into(),
                )
            }
            Self::Reference { .. } => {
                Some("declare it in the same folder, or correct the name".into())
            }
            Self::Grant { .. } => Some("ask an owner to apply it".into()),
            Self::Owner { .. } => Some(
                "leave `metadata.owner` away, or name a role of yours, `role:NAME`".into(),
            ),
            Self::Taken { .. } => Some("rename one of the two, or remove what is there".into()),
            Self::Foreign { .. } => {
                Some("name an application of your own, or have an owner of the unit do it".into())
            }
            Self::KeyReused => Some("use a new key for a new request".into()),
            Self::Busy { .. } => Some("slow down and repeat".into()),
            Self::NotInBatch { .. } => Some(
                "a batch has operations that change something and take JSON; send this one alone"
                    .into(),
            ),
            Self::Quota { retry_ms: Some(ms), .. } => Some(format!("repeat it in {}", shown(*ms))),
            Self::Quota { .. } => {
                Some("`system.quotas` shows what is used; a `retention` makes room".into())
            }
            Self::Memory { .. } => {
                Some("repeat it a little later; `craton ps` shows what takes memory".into())
            }
            Self::DiskFull { .. } => {
                Some("make room on the disk: `craton top` shows how much there is".into())
            }
            Self::Unsupported { .. } => Some("`craton ps` shows of which kind it is".into()),
            Self::Stopping => Some("repeat it when the unit is up again".into()),
            Self::ClockNotDriven => Some("start the unit with `clock = \"driven\"`".into()),
            _ => None,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Manifest { place, .. } | Self::Policy { place, .. } => place.clone(),
            _ => None,
        }
    }

    fn retry_ms(&self) -> Option<u64> {
        match self {
            Self::Quota { retry_ms, .. } => *retry_ms,
            Self::Busy { .. } | Self::Memory { .. } => Some(1_000),
            Self::DiskFull { .. } => Some(10_000),
            _ => None,
        }
    }
}

/// Returns a time to wait, for people.
fn shown(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}
