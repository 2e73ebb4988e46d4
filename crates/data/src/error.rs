//! Why the data engine refuses or fails.

use base::{Code, Explain, Kind, Place};

/// Why the data engine refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A manifest of a stream that cannot work.
    #[error("{reason}")]
    Schema {
        /// What is wrong.
        reason: String,
        /// Where in the manifest.
        pointer: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A change of a stream that its rows do not allow.
    #[error("stream `{stream}` cannot change so: {reason}")]
    SchemaChange {
        /// Which stream.
        stream: String,
        /// What does not go.
        reason: String,
        /// Where in the manifest.
        pointer: String,
    },
    /// Something still reads it.
    #[error("{what} is read by {reader}")]
    InUse {
        /// The resource.
        what: String,
        /// Who reads it, with its kind.
        reader: String,
    },
    /// A body that cannot be read at all.
    #[error("{reason}")]
    Body {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Option<Place>,
        /// What to do.
        hint: Option<String>,
    },
    /// A row that does not fit the stream.
    #[error("row {row}: {reason}")]
    Row {
        /// The number of the row in the body, from 1.
        row: usize,
        /// What is wrong.
        reason: String,
        /// Where.
        place: Option<Place>,
        /// What to do.
        hint: Option<String>,
    },
    /// An event that is no CloudEvent.
    #[error("event {event}: {reason}")]
    Event {
        /// The number of the event in the body, from 1.
        event: usize,
        /// What is wrong.
        reason: String,
        /// The attribute.
        pointer: String,
    },
    /// A step of the work on a table that does not follow from how the table stands.
    #[error("table `{table}`: {reason}")]
    OutOfStep {
        /// Which table.
        table: String,
        /// What does not go.
        reason: String,
    },
    /// A limit of an append.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A view that cannot be planned.
    #[error("view `{view}`: {reason}")]
    View {
        /// Which view.
        view: String,
        /// What is wrong.
        reason: String,
        /// Where.
        place: Option<Place>,
        /// What to do.
        hint: Option<String>,
    },
    /// A metric, a KPI, quality rules or a query that cannot work.
    #[error("{kind} `{name}`: {reason}")]
    Declared {
        /// `metric`, `kpi`, `quality` or `query`.
        kind: &'static str,
        /// Which one.
        name: String,
        /// What is wrong.
        reason: String,
        /// Where in the manifest.
        place: Option<Place>,
        /// What to do.
        hint: Option<String>,
    },
    /// Values for the parameters of a query that do not fit.
    #[error("query `{query}`: {reason}")]
    Given {
        /// Which query.
        query: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: Option<String>,
    },
    /// A query that belongs to somebody else.
    #[error("query `{query}` belongs to somebody else")]
    NotOwn {
        /// Which query.
        query: String,
    },
    /// A query that is not there as its caller believes.
    #[error("query `{query}` is at version {found}")]
    Changed {
        /// Which query.
        query: String,
        /// The version that is there, 0 for none.
        found: u64,
    },
    /// Too many queries.
    #[error("{what}, which is the limit")]
    Queries {
        /// Who has how many.
        what: String,
    },
    /// A KPI for which nobody answers.
    #[error("kpi `{kpi}`: {reason}")]
    Owner {
        /// Which KPI.
        kpi: String,
        /// What is wrong.
        reason: String,
    },
    /// A row that a quality rule blocks.
    #[error("row {row}: {reason}")]
    Blocked {
        /// The number of the row in the body, from 1.
        row: u64,
        /// Rule and reason.
        reason: String,
    },
    /// Views or metrics that stand on each other in a circle.
    #[error("{kind} `{name}` stands on itself: {path}")]
    Cycle {
        /// `view` or `metric`.
        kind: &'static str,
        /// Which one.
        name: String,
        /// The way round.
        path: String,
    },
    /// SQL that is wrong.
    #[error("{reason}")]
    Sql {
        /// What is wrong.
        reason: String,
        /// Where.
        place: Option<Place>,
        /// What to do.
        hint: Option<String>,
    },
    /// SQL that is no query.
    #[error("{what} is not allowed")]
    NotAllowed {
        /// What it tries.
        what: String,
    },
    /// A query that reached a limit.
    #[error("the query exceeds {what}")]
    Exhausted {
        /// Which limit.
        what: String,
    },
    /// A query for which the disk has no room.
    #[error("the disk has no room left for what the query puts there")]
    DiskFull,
    /// All places for queries that the caller may take are taken.
    #[error("there is no place for another query: {own} of the caller run, {all} in all")]
    Busy {
        /// How many of the caller run.
        own: usize,
        /// How many run in all.
        all: usize,
    },
    /// A query that took too long.
    #[error("the query was ended after {ms} ms")]
    Timeout {
        /// The limit.
        ms: u64,
    },
    /// A query that somebody ended.
    #[error("the query was cancelled")]
    Cancelled,
    /// A query that does not run.
    #[error("there is no running query `{id}`")]
    NoQuery {
        /// As asked for.
        id: String,
    },
    /// What a role says of a relation and cannot work.
    #[error("role `{role}`, relation `{relation}`: {reason}")]
    Role {
        /// Which role.
        role: String,
        /// The relation, as the role names it.
        relation: String,
        /// What is wrong.
        reason: String,
        /// Where in the manifest.
        pointer: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The caller sees a relation in part only, and this would show or take more.
    #[error("{reason}")]
    Restricted {
        /// What does not go.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// A relation that cannot be lent, or not any more as it was agreed.
    #[error("`{relation}` cannot be lent: {reason}")]
    Lent {
        /// The relation, as SQL names it.
        relation: String,
        /// Why not.
        reason: String,
    },
    /// A subject that cannot be looked for.
    #[error("{reason}")]
    Subject {
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// Too many erasures at the same time.
    #[error("{limit} erasures are under way, which is the limit")]
    Erasures {
        /// The limit.
        limit: usize,
    },
    /// A defect, or something stored that cannot be read.
    #[error("something went wrong inside: {detail}")]
    Internal {
        /// For the log.
        detail: String,
    },
}

impl Error {
    /// After how many milliseconds it is worth asking again for a place among the queries.
    pub(crate) const RETRY_MS: u64 = 1_000;
    /// After how many milliseconds it is worth looking whether somebody has made room on the disk.
    const DISK_RETRY_MS: u64 = 10_000;
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::Schema { .. } => Code("stream.schema", Kind::Invalid),
            Self::SchemaChange { .. } => Code("stream.schema_change", Kind::Conflict),
            Self::InUse { .. } => Code("view.in_use", Kind::Conflict),
            Self::Body { .. } => Code("stream.body_invalid", Kind::Invalid),
            Self::Row { .. } => Code("stream.row_invalid", Kind::Invalid),
            Self::Event { .. } => Code("event.invalid", Kind::Invalid),
            Self::TooLarge { .. } => Code("stream.too_large", Kind::Invalid),
            Self::OutOfStep { .. } => Code("table.out_of_step", Kind::Conflict),
            Self::View { .. } => Code("view.invalid", Kind::Invalid),
            Self::Declared { kind: "kpi", .. } => Code("kpi.invalid", Kind::Invalid),
            Self::Declared { kind: "quality", .. } => Code("quality.invalid", Kind::Invalid),
            Self::Declared { kind: "query", .. } => Code("query.invalid", Kind::Invalid),
            Self::Declared { .. } => Code("metric.invalid", Kind::Invalid),
            Self::Given { .. } => Code("query.parameter", Kind::Invalid),
            Self::NotOwn { .. } => Code("query.owner", Kind::Forbidden),
            Self::Changed { .. } => Code("query.changed", Kind::Conflict),
            Self::Queries { .. } => Code("query.limit", Kind::Exhausted),
            Self::Owner { .. } => Code("kpi.owner", Kind::Invalid),
            Self::Blocked { .. } => Code("quality.blocked", Kind::Invalid),
            Self::Cycle { kind: "metric", .. } => Code("metric.cycle", Kind::Invalid),
            Self::Cycle { .. } => Code("view.cycle", Kind::Invalid),
            Self::Sql { .. } => Code("sql.invalid", Kind::Invalid),
            Self::NotAllowed { .. } => Code("sql.not_allowed", Kind::Invalid),
            Self::Exhausted { .. } => Code("sql.exhausted", Kind::Exhausted),
            Self::DiskFull => Code("disk.full", Kind::Exhausted),
            Self::Busy { .. } => Code("sql.busy", Kind::Exhausted),
            Self::Timeout { .. } => Code("sql.timeout", Kind::Exhausted),
            Self::Cancelled => Code("sql.cancelled", Kind::Conflict),
            Self::NoQuery { .. } => Code("sql.not_found", Kind::NotFound),
            Self::Role { .. } => Code("role.data", Kind::Invalid),
            Self::Restricted { .. } => Code("role.restricted", Kind::Forbidden),
            Self::Lent { .. } => Code("sql.lent", Kind::Conflict),
            Self::Subject { .. } => Code("data.subject", Kind::Invalid),
            Self::Erasures { .. } => Code("data.busy", Kind::Exhausted),
            Self::Internal { .. } => Code("sql.internal", Kind::Internal),
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Schema { hint, .. }
            | Self::Body { hint, .. }
            | Self::Row { hint, .. }
            | Self::View { hint, .. }
            | Self::Declared { hint, .. }
            | Self::Given { hint, .. }
            | Self::Sql { hint, .. }
            | Self::Role { hint, .. } => return hint.clone(),
            Self::Restricted { hint, .. } => *hint,
            Self::Owner { .. } => {
                "write `owner: user:NAME` or `owner: role:NAME`: who acts when the target is missed"
            }
            Self::NotOwn { .. } => "save it under another name, or ask who owns it",
            Self::Changed { .. } => {
                "look at what is there, and save over that version or under another name"
            }
            Self::Queries { .. } => "delete queries that nobody needs: `craton query list --own`",
            Self::Blocked { .. } => {
                "correct the row, or send `on_error=set_aside` to keep bad rows apart"
            }
            Self::Subject { hint, .. } => hint.as_str(),
            Self::Erasures { .. } => "wait until some are done: `craton data erasures` shows them",
            Self::SchemaChange { .. } => {
                "add columns that are not required, or declare a new stream under another name"
            }
            Self::OutOfStep { .. } => {
                "leave this operation to the unit, or read again how the table stands"
            }
            Self::InUse { reader, .. } => {
                let kind = reader.split(' ').next().unwrap_or_default();
                return Some(format!("remove or change the {kind} in the same apply"));
            }
            Self::Event { .. } => "see CloudEvents 1.0, JSON format, structured mode",
            Self::TooLarge { .. } => "send it in several calls",
            Self::Cycle { .. } => "let one of them read streams instead",
            Self::NotAllowed { .. } => {
                "send one SELECT, EXPLAIN or SHOW TABLES; data comes in through `stream.append`"
            }
            Self::Exhausted { .. } => "filter or group more, or add a LIMIT",
            Self::DiskFull => {
                "make room on the disk of the unit, or filter earlier so that the query needs none"
            }
            Self::Busy { .. } => {
                "repeat it when one of them has ended: `craton ps` shows what runs"
            }
            Self::Timeout { .. } => "filter more, or ask for more time up to the limit of the unit",
            Self::NoQuery { .. } => "`craton ps` shows what runs",
            Self::Lent { .. } => {
                "lend a table or view that has these columns, in the types that were agreed"
            }
            Self::Cancelled | Self::Internal { .. } => return None,
        };
        Some(hint.into())
    }

    fn retry_ms(&self) -> Option<u64> {
        match self {
            Self::Busy { .. } => Some(Self::RETRY_MS),
            Self::DiskFull => Some(Self::DISK_RETRY_MS),
            _ => None,
        }
    }

    fn place(&self) -> Option<Place> {
        match self {
            Self::Schema { pointer, .. }
            | Self::SchemaChange { pointer, .. }
            | Self::Event { pointer, .. }
            | Self::Role { pointer, .. } => Some(Place::pointer(pointer)),
            Self::Body { place, .. }
            | Self::Row { place, .. }
            | Self::View { place, .. }
            | Self::Declared { place, .. }
            | Self::Sql { place, .. } => place.clone(),
            Self::Owner { .. } => Some(Place::pointer("/spec/owner")),
            Self::Cycle { kind: "metric", .. } => Some(Place::pointer("/spec")),
            Self::Cycle { .. } => Some(Place::pointer("/spec/sql")),
            _ => None,
        }
    }
}
