//! Whatever can be done: the tables from which routes, commands, OpenAPI and reference pages come.

use crate::{Ending, Principal, Reader, ResourceRef, Stamp, Trace, Tx};
use base::{Problem, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The four rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Right {
    /// Sees.
    Read,
    /// Adds or changes data.
    Write,
    /// Sets something going or ends it.
    Run,
    /// Declares, grants, removes.
    Manage,
}

impl Right {
    /// Returns the name of the Cedar action group.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Run => "Run",
            Self::Manage => "Manage",
        }
    }
}

/// Returns whether a right is among those that a credential is cut down to; where there are none it has all.
pub(crate) fn is_within(scope: &[String], right: &str) -> bool {
    scope.is_empty() || scope.iter().any(|held| held == right)
}

/// A request to do one thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Call {
    /// The operation, for example `stream.append`.
    pub operation: String,
    /// On what.
    pub resource: ResourceRef,
    /// Who runs it.
    pub actor: Principal,
    /// Who started what runs it, where that is somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Principal>,
    /// Parameters of path, query and JSON body together, an object.
    #[serde(default)]
    pub args: Value,
    /// The body of an operation that takes one as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<u8>,
    /// The media type of `body`, lower case, without parameters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media: String,
    /// The idempotency key, unique per actor and operation for 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The business time at which it happens; the unit's business clock where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Where the result of a call made by an engine goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Address>,
    /// How many calls led to this one; bounded.
    #[serde(default)]
    pub depth: u8,
    /// The scope of the token that authenticated the caller: rights it was cut down to, empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// To which trace it belongs, where it does: the span in it caused the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// When it was handed in, on the monotonic clock of this process.
    #[serde(skip)]
    pub received: Option<Duration>,
    /// How many bytes came in for it, as the door counted them.
    #[serde(skip)]
    pub bytes: u64,
    /// By which the caller ends what runs for the call, where it may want to.
    #[serde(skip)]
    pub ending: Option<Ending>,
    /// By which credential the caller was recognised, so that one that is revoked meanwhile is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Stamp>,
    /// From which address it comes, where a door knows.
    #[serde(skip)]
    pub source: Option<IpAddr>,
    /// What [`Kernel::prepare`](crate::Kernel::prepare) has made of it.
    #[serde(skip)]
    pub prepared: Option<Prepared>,
}

/// What was prepared for a call on its caller's thread. Only the kernel makes it: no door and no engine brings one of its own.
#[derive(Clone)]
pub struct Prepared(Arc<dyn Any + Send + Sync>);

impl Prepared {
    pub(crate) fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared")
    }
}

impl Call {
    /// Returns a call without parameters.
    pub fn new(operation: &str, resource: ResourceRef, actor: Principal) -> Self {
        Self {
            operation: operation.into(),
            resource,
            actor,
            on_behalf_of: None,
            args: Value::Object(serde_json::Map::new()),
            body: Vec::new(),
            media: String::new(),
            key: None,
            at: None,
            reply_to: None,
            depth: 0,
            scope: Vec::new(),
            trace: None,
            received: None,
            bytes: 0,
            ending: None,
            stamp: None,
            source: None,
            prepared: None,
        }
    }

    /// Returns whether the credential of the caller has a right, whatever it is cut down to.
    pub fn has_scope(&self, right: Right) -> bool {
        is_within(&self.scope, right.as_str())
    }

    /// Returns when the token ends that the caller has shown: what he makes with it ends no later.
    pub(crate) fn until(&self) -> Option<Time> {
        self.stamp.as_ref().and_then(|stamp| stamp.until)
    }

    /// Returns what was prepared for it.
    pub(crate) fn prepared<T: Any>(&self) -> Option<&T> {
        self.prepared.as_ref()?.0.downcast_ref()
    }

    /// Returns the call with parameters.
    #[must_use]
    pub fn with(mut self, args: Value) -> Self {
        self.args = args;
        self
    }

    /// Returns the call as of a business time.
    #[must_use]
    pub fn at(mut self, time: Time) -> Self {
        self.at = Some(time);
        self
    }

    /// Reads the parameters as a type.
    ///
    /// # Errors
    /// `call.invalid` with a JSON pointer where they do not fit.
    pub fn parameters<T: serde::de::DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_value(self.args.clone())
            .map_err(|error| crate::Error::Parameters { reason: error.to_string() }.into())
    }

    /// Returns a parameter that is a whole number, where there is one; a query brings it as text.
    ///
    /// # Errors
    /// `call.invalid` where it is something else.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(value) = self.args.get(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        let wrong =
            || crate::Error::Parameters { reason: format!("`{name}` must be a whole number") };
        number.map(Some).ok_or_else(|| wrong().into())
    }

    /// Returns a parameter that is text, where there is one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name).and_then(Value::as_str)
    }
}

/// Where an engine waits for the result of a call it made: opaque to everybody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The engine's name.
    pub engine: String,
    /// What the engine wrote to find itself again.
    pub token: String,
}

/// What an operation answers.
pub enum Reply {
    /// A JSON value.
    Value(Value),
    /// Bytes of a media type, in pieces, so that a large answer never stands in memory as a whole.
    Stream {
        /// The media type.
        media: &'static str,
        /// The pieces.
        pieces: Box<dyn Iterator<Item = Result<Vec<u8>, Problem>> + Send>,
    },
    /// The result comes later, to `reply_to`.
    Later,
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Stream { media, .. } => write!(f, "stream of {media}"),
            Self::Later => f.write_str("later"),
        }
    }
}

impl Reply {
    /// Returns the JSON value; null for the other forms.
    pub fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Stream { .. } | Self::Later => Value::Null,
        }
    }

    /// Returns something serialisable as a reply.
    ///
    /// # Errors
    /// `kernel.internal` where it cannot be written as JSON, which is a defect.
    pub fn of<T: Serialize>(value: &T) -> Result<Self, Problem> {
        serde_json::to_value(value)
            .map(Self::Value)
            .map_err(|error| crate::Error::Internal { detail: error.to_string() }.into())
    }
}

/// Changes something: pure, on the partition's thread.
pub type Decide = Arc<dyn Fn(&mut Tx<'_>, &Call) -> Result<Reply, Problem> + Send + Sync>;

/// Changes something for several callers at once: pure, on the partition's thread. One answer for each call, in their order; an error is
/// that of all of them.
pub type DecideMany = Arc<
    dyn Fn(&mut Tx<'_>, &[&Call]) -> Result<Vec<Result<Reply, Problem>>, Problem> + Send + Sync,
>;

/// Only looks: on the caller's thread, over a snapshot.
pub type Look = Arc<dyn Fn(&Reader, &Call) -> Result<Reply, Problem> + Send + Sync>;

/// Prepares a call, on its caller's thread and before it is queued: what takes long, or waits for the network.
pub type Prepare = Arc<dyn Fn(&Reader, &mut Call) -> Result<(), Problem> + Send + Sync>;

/// How an operation is carried out.
#[derive(Clone)]
pub enum Handler {
    /// Changes something.
    Decide(Decide),
    /// Only looks.
    Read(Look),
}

/// What an operation takes as its body.
#[derive(Debug, Clone)]
pub enum Body {
    /// Nothing but parameters in path and query.
    None,
    /// A JSON object with this schema.
    Json(Value),
    /// Bytes of one of these media types.
    Raw(&'static [&'static str]),
}

/// On what an operation acts, which gives its route (`docs/reference/http.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A named resource of the operation's kind: `/v1/PLURAL/{name}/VERB`.
    Named,
    /// The kind as a whole: `/v1/PLURAL/VERB`.
    Whole,
    /// A named resource of any kind: `/v1/PLURAL/{kind}/{name}/VERB`.
    Any,
    /// Any kind as a whole: `/v1/PLURAL/{kind}/VERB`.
    AnyWhole,
}

/// One line of an engine's table.
#[derive(Clone)]
pub struct Operation {
    /// The name, `KIND.VERB`.
    pub name: &'static str,
    /// The right it needs.
    pub right: Right,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// How.
    pub handler: Handler,
    /// On what it acts.
    pub target: Target,
    /// What it takes.
    pub body: Body,
    /// Query parameters with their summaries (for reads).
    pub query: &'static [(&'static str, &'static str)],
    /// JSON schema of the answer.
    pub answer: Value,
    /// True where audit counts calls by the minute instead of writing a line each (law 2).
    pub is_counted: bool,
    /// True where its parameters or its answer carry a secret: no idempotency key keeps them, no process calls it, and doors
    /// must not log them.
    pub is_secret: bool,
    /// True where known values of secrets are masked in its parameters before it runs: a job speaks.
    pub is_masked: bool,
    /// True where no door offers it: the unit's own parts call it.
    pub is_internal: bool,
    /// True where anonymous callers may do it if the policies say so; the policies decide, this is for the documents.
    pub is_public: bool,
    /// True where it can be done also while the unit is closed, see [`Engine::is_closed`](crate::Engine::is_closed).
    pub is_admitted_closed: bool,
    /// Withdraws an unanswered call with this `reply_to`, for operations that answer later.
    pub cancel: Option<Decide>,
    /// What is done on the caller's thread before the call is queued.
    pub prepare: Option<Prepare>,
    /// How calls that wait together are run together.
    pub many: Option<DecideMany>,
}

impl Operation {
    /// Returns the kind: the part of the name before the dot.
    pub fn kind(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }

    /// Returns the verb: the part of the name behind the dot.
    pub fn verb(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(_, verb)| verb)
    }

    /// Says that it acts on the kind as a whole.
    #[must_use]
    pub fn on_kind(mut self) -> Self {
        self.target = Target::Whole;
        self
    }

    /// Says that it acts on resources of any kind.
    #[must_use]
    pub fn on(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Says which JSON body it takes.
    #[must_use]
    pub fn takes(mut self, schema: Value) -> Self {
        self.body = Body::Json(schema);
        self
    }

    /// Says which bytes it takes.
    #[must_use]
    pub fn takes_raw(mut self, media: &'static [&'static str]) -> Self {
        self.body = Body::Raw(media);
        self
    }

    /// Says which query parameters it takes.
    #[must_use]
    pub fn queries(mut self, query: &'static [(&'static str, &'static str)]) -> Self {
        self.query = query;
        self
    }

    /// Says what it answers.
    #[must_use]
    pub fn answers(mut self, schema: Value) -> Self {
        self.answer = schema;
        self
    }

    /// Says what is done on the caller's thread before the call is queued.
    #[must_use]
    pub fn prepared(mut self, prepare: fn(&Reader, &mut Call) -> Result<(), Problem>) -> Self {
        self.prepare = Some(Arc::new(prepare));
        self
    }

    /// Says that audit counts it by the minute.
    #[must_use]
    pub fn counted(mut self) -> Self {
        self.is_counted = true;
        self
    }

    /// Says that its parameters or its answer carry a secret.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Says that known values of secrets are masked in its parameters before it runs.
    #[must_use]
    pub fn masked(mut self) -> Self {
        self.is_masked = true;
        self
    }

    /// Says that no door offers it.
    #[must_use]
    pub fn internal(mut self) -> Self {
        self.is_internal = true;
        self
    }

    /// Says that anonymous callers may do it where the policies say so; the documents tell.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// Says that it can be done also while the unit is closed: it is asking its peers what it has lost, and all that it holds is old.
    #[must_use]
    pub fn while_closed(mut self) -> Self {
        self.is_admitted_closed = true;
        self
    }

    /// Says how calls that wait together are run together: each is recognised, permitted, counted and answered by itself, and what they
    /// do is one step. Where the step fails each is run by itself.
    #[must_use]
    pub fn together(mut self, many: DecideMany) -> Self {
        self.many = Some(many);
        self
    }

    /// Says how an unanswered call is withdrawn.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: Decide) -> Self {
        self.cancel = Some(cancel);
        self
    }
}

/// Returns a line of a table; it acts on a named resource and takes no body until said otherwise.
pub fn operation(
    name: &'static str,
    right: Right,
    summary: &'static str,
    handler: Handler,
) -> Operation {
    let is_counted = matches!(handler, Handler::Read(_));
    Operation {
        name,
        right,
        summary,
        handler,
        target: Target::Named,
        body: Body::None,
        query: &[],
        answer: serde_json::json!({}),
        is_counted,
        is_secret: false,
        is_masked: false,
        is_internal: false,
        is_public: false,
        is_admitted_closed: false,
        cancel: None,
        prepare: None,
        many: None,
    }
}

/// Returns a handler that changes something.
pub fn decide<E, F>(engine: &Arc<E>, function: F) -> Handler
where
    E: Send + Sync + 'static,
    F: Fn(&E, &mut Tx<'_>, &Call) -> Result<Reply, Problem> + Send + Sync + 'static,
{
    let engine = Arc::clone(engine);
    Handler::Decide(Arc::new(move |tx, call| function(&engine, tx, call)))
}

/// Returns how several calls are run together.
pub fn many<E, F>(engine: &Arc<E>, function: F) -> DecideMany
where
    E: Send + Sync + 'static,
    F: Fn(&E, &mut Tx<'_>, &[&Call]) -> Result<Vec<Result<Reply, Problem>>, Problem>
        + Send
        + Sync
        + 'static,
{
    let engine = Arc::clone(engine);
    Arc::new(move |tx, calls| function(&engine, tx, calls))
}

/// Returns the handler that runs one call as if it were several that wait together.
pub fn alone(many: &DecideMany) -> Handler {
    let many = Arc::clone(many);
    Handler::Decide(Arc::new(move |tx, call| {
        let answer = many(tx, &[call])?.pop();
        answer.unwrap_or_else(|| {
            let detail = format!("`{}` gave no answer", call.operation);
            Err(crate::Error::Internal { detail }.into())
        })
    }))
}

/// Returns a handler that only looks.
pub fn read<E, F>(engine: &Arc<E>, function: F) -> Handler
where
    E: Send + Sync + 'static,
    F: Fn(&E, &Reader, &Call) -> Result<Reply, Problem> + Send + Sync + 'static,
{
    let engine = Arc::clone(engine);
    Handler::Read(Arc::new(move |reader, call| function(&engine, reader, call)))
}
