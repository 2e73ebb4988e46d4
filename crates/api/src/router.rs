//! The way of one request: route, credential, body, call, answer.

use crate::answer::{self, Pieces, Streamed};
use crate::body::{self, Bodies, Held};
use crate::connection::Source;
use crate::counted::Wire;
use crate::live::Viewers;
use crate::request::{self, Brought, Shown};
use crate::route::{Door, Line, METRICS, Page, Routes, lines, segments};
use crate::share::{self, Caller, Lines, Request as Place, Shares};
use crate::unread;
use crate::visit::{Defect, Traced, Visit};
use crate::{Config, Error, console, openapi};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode, header};
use base::{Code, Kind, Problem};
use kernel::{
    Call, Credential, DoorName, Handle, Identity, Principal, Reader, Reply, ResourceRef, Trace,
};
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bodies up to this size are parsed where they arrived; larger ones on a thread of their own.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Answers up to about this size are sent whole, larger ones piece by piece.
const WHOLE_BYTES_MAX: usize = 32 << 10;

const LIVE: &str = r#"{"status":"live"}"#;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Says whether a unit is ready for requests.
pub type Ready = Arc<dyn Fn() -> Result<(), Problem> + Send + Sync>;

/// Says why a unit takes no requests. Must return at once.
pub type Away = Arc<dyn Fn() -> Problem + Send + Sync>;

/// Writes a defect to the log, with its id.
pub type Report = Arc<dyn Fn(&Defect<'_>) + Send + Sync>;

/// What the unit gives to its HTTP door.
#[derive(Clone)]
pub struct Options {
    /// The name of the unit.
    pub title: String,
    /// The version of Craton.
    pub version: String,
    /// The limits.
    pub config: Config,
    /// Says whether the unit is ready for requests. Must return at once.
    pub ready: Ready,
    /// Writes a defect to the log, with the id under which the caller hears of it.
    pub report: Report,
    /// The files of the console, by path.
    pub console: &'static [::console::File],
}

impl Options {
    /// Returns options of a unit that is always ready and writes defects to standard error.
    pub fn new(title: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            version: version.into(),
            config: Config::default(),
            ready: Arc::new(|| Ok(())),
            report: Arc::new(|defect: &Defect<'_>| {
                let Defect { id, problem, .. } = defect;
                eprintln!("error {id}: {} [{}]", problem.message, problem.code)
            }),
            console: ::console::files(),
        }
    }
}

/// Returns the routes of a kernel's operations and of the door's own pages.
pub fn router(handle: Handle, options: Options) -> axum::Router {
    let lines = lines(handle.kernel());
    let document = openapi::document(&lines, &options.title, &options.version).to_string();
    let limit = |limit: usize| Arc::new(Semaphore::new(limit.clamp(1, Semaphore::MAX_PERMITS)));
    let Config { requests_max, reads_max, principal_percent, .. } = options.config;
    let edge = Edge {
        routes: Routes::new(lines),
        document: document.into(),
        requests: limit(requests_max),
        shares: Shares::new(share::most(requests_max, principal_percent)),
        reads: Lines::new(reads_max, share::most(reads_max, principal_percent)),
        streams: limit(options.config.streams_max),
        bodies: Bodies::new(&options.config),
        viewers: Viewers::new(&options.config),
        handle,
        options,
    };
    axum::Router::new().fallback(answer).with_state(Arc::new(edge))
}

async fn answer(State(edge): State<Arc<Edge>>, mut request: Request) -> Response<Body> {
    let tracer = Arc::clone(edge.handle.kernel().tracer());
    edge.meet(&request);
    let visit = Visit::begin(&tracer, request.headers());
    let method = request.method().clone();
    let route = if visit.is_wanted() { edge.route(&request) } else { None };
    if let Some(traced) = &visit.traced {
        request.extensions_mut().insert(traced.clone());
    }
    let (head, body) = request.into_parts();
    let (body, rest) = unread::lend(body, &head.headers);
    let result = Arc::clone(&edge).answer(Request::from_parts(head, body)).await;
    let trace = visit.traced.as_ref().map(Traced::trace);
    let mut response = result.unwrap_or_else(|problem| edge.refuse(problem, trace.as_ref()));
    visit.end(&tracer, method.as_str(), route.as_deref(), &mut response);
    answer::secure(&mut response);
    if let Some(rest) = rest
        && !rest.drain().await
    {
        answer::put(&mut response, header::CONNECTION, "close");
    }
    response
}

/// Returns the routes of a unit that does not take requests yet: it lives, and everything else is refused with why, so that callers
/// wait or go to another node.
pub fn waiting(away: Away) -> axum::Router {
    axum::Router::new().fallback(move |request: Request| {
        let is_live = request.uri().path() == "/health/live";
        let mut response = match is_live {
            true => answer::full(StatusCode::OK, JSON, LIVE),
            false => answer::refusal(&away()),
        };
        answer::secure(&mut response);
        std::future::ready(response)
    })
}

/// The HTTP door of one unit.
pub(crate) struct Edge {
    pub(crate) handle: Handle,
    pub(crate) options: Options,
    routes: Routes,
    document: Bytes,
    requests: Arc<Semaphore>,
    /// How many of them each caller has.
    shares: Arc<Shares>,
    reads: Lines,
    streams: Arc<Semaphore>,
    pub(crate) bodies: Bodies,
    pub(crate) viewers: Arc<Viewers>,
}

/// A request to an operation, on its way.
struct Task {
    line: Arc<Line>,
    resource: ResourceRef,
    head: Parts,
    shown: Shown,
    /// Who says that he has signed it, until the signature was checked.
    claimed: Option<Principal>,
}

/// What comes of a task on a thread of its own.
enum Outcome {
    Call(Box<Call>),
    Whole(&'static str, Vec<u8>),
    Stream(&'static str, Vec<u8>, Pieces),
    Later,
}

impl Edge {
    async fn answer(self: Arc<Self>, request: Request) -> Result<Response<Body>, Problem> {
        let (head, body) = request.into_parts();
        let path = segments(head.uri.path())?;
        if head.method == Method::OPTIONS && head.uri.path() == "*" {
            return Ok(answer::options("DELETE, GET, HEAD, OPTIONS, POST"));
        }
        let console = || console::answer(self.options.console, &head, &path);
        let (node, parameters) = match self.routes.find(&path) {
            Ok(found) => found,
            Err(problem) => return console().ok_or(problem),
        };
        if head.method == Method::OPTIONS {
            return Ok(answer::options(&node.allow()));
        }
        match node.door(head.method.as_str()) {
            Some(Door::Page(page)) => {
                let name = parameters.first().map_or_else(String::new, |name| (*name).to_owned());
                Arc::clone(&self).page(*page, name, &head, body).await
            }
            Some(Door::Operation(line)) => {
                let task = Task {
                    resource: line.resource(&parameters),
                    line: Arc::clone(line),
                    shown: request::shown(&head.headers)?,
                    head,
                    claimed: None,
                };
                Arc::clone(&self).operate(task, body).await
            }
            None => {
                if let Some(page) = console() {
                    return Ok(page);
                }
                let method = head.method.as_str().chars().take(20).collect();
                let allow = node.allow();
                let problem = Error::Method { method, allow: allow.clone() }.into();
                let mut response = self.refuse(problem, None);
                answer::put(&mut response, header::ALLOW, &allow);
                Ok(response)
            }
        }
    }

    /// Answers a problem; the detail of a defect goes to the log.
    fn refuse(&self, problem: Problem, trace: Option<&Trace>) -> Response<Body> {
        if problem.kind != Kind::Internal {
            return answer::refusal(&problem);
        }
        let id = format!("{:016x}", self.handle.kernel().entropy().number());
        (self.options.report)(&Defect { id: &id, trace, problem: &problem });
        answer::refusal(&answer::shown(problem, &id))
    }

    /// Answers a page that is no operation; `name` is the parameter of its route.
    async fn page(
        self: Arc<Self>,
        page: Page,
        name: String,
        head: &Parts,
        body: Body,
    ) -> Result<Response<Body>, Problem> {
        Ok(match page {
            Page::SignIn => self.sign_in(name, head).await?,
            Page::Callback => self.callback(name, head).await?,
            Page::Password => self.password(head, body).await?,
            Page::SignOut => self.sign_out(head).await?,
            Page::Watch => self.watch(head).await?,
            Page::Welcome => {
                if let Some(page) = console::page(self.options.console, head) {
                    return Ok(page);
                }
                let Options { title, version, .. } = &self.options;
                let text = format!(
                    "{title}: a unit run by Craton {version}.\n\n\
                     GET /v1/openapi.json   all operations\n\
                     GET /health/ready      whether it takes requests\n\n\
                     Send `Authorization: Bearer TOKEN`; `craton token create` makes one.\n"
                );
                let mut response = answer::full(StatusCode::OK, TEXT, text);
                answer::put(&mut response, header::VARY, "accept");
                response
            }
            Page::OpenApi => answer::full(StatusCode::OK, JSON, self.document.clone()),
            Page::Live => answer::full(StatusCode::OK, JSON, LIVE),
            Page::Ready => {
                (self.options.ready)()?;
                answer::full(StatusCode::OK, JSON, r#"{"status":"ready"}"#)
            }
        })
    }

    /// Takes a place for a request.
    ///
    /// # Errors
    /// `http.busy`.
    pub(crate) fn enter(&self, who: &Caller) -> Result<Place, Error> {
        let limit = self.shares.most();
        let busy = || Error::Busy { what: "places for requests of one caller", limit };
        let share = self.shares.take(who).ok_or_else(busy)?;
        let limit = self.options.config.requests_max;
        let busy = |_| Error::Busy { what: "places for requests", limit };
        let place = Arc::clone(&self.requests).try_acquire_owned().map_err(busy)?;
        Ok(Place { _place: place, _share: share })
    }

    /// Takes a request to an operation from its credential to its answer.
    async fn operate(self: Arc<Self>, task: Task, body: Body) -> Result<Response<Body>, Problem> {
        let mut task = task;
        let is_change = !matches!(task.head.method, Method::GET | Method::HEAD);
        if matches!(task.shown, Shown::Cookie(_))
            && is_change
            && !request::is_same_origin(&task.head.headers)
        {
            return Err(Error::CrossSite.into());
        }
        let mut identity = match &task.shown {
            Shown::None => self.open_to_all_here(&task),
            shown => shown.token().and_then(|token| self.handle.kernel().remembered(token)),
        };
        let place = self.place(&task, identity.as_ref())?;
        let mut held = Held { bytes: Vec::new(), _memory: None };
        if !body.is_end_stream() {
            if identity.is_none() {
                (task, identity) = Arc::clone(&self).meet_before_body(task).await?;
            }
            held = self.body(&task, identity.as_ref(), body).await?;
        }
        let (bytes, memory) = (held.bytes, held._memory);
        // What is prepared takes long, or waits for the network.
        let is_quick = !task.line.is_read() && task.line.operation.prepare.is_none();
        let is_small = is_quick && bytes.len() <= INLINE_BYTES_MAX;
        let outcome = match identity {
            Some(identity) if is_small => Outcome::Call(Box::new(task.call(bytes, identity)?)),
            // Checking a signature takes less time than the way to another thread and back.
            None if is_small && task.shown == Shown::Signature && self.is_prompt() => {
                self.decide(task, bytes, None)?
            }
            identity => {
                let edge = Arc::clone(&self);
                let who = identity.as_ref().map(|identity| identity.principal.clone());
                // Who is not known yet stands in one line with all others who are not.
                let who = who.unwrap_or(Principal::Anonymous);
                self.blocking(Some(who), move || edge.decide(task, bytes, identity)).await??
            }
        };
        let response = self.finish(outcome, place).await;
        drop(memory);
        response
    }

    /// Counts the bytes of a connection under its door, from its first request on.
    fn meet(&self, request: &Request) {
        if let Some(wire) = request.extensions().get::<Arc<Wire>>() {
            let door = if wire.is_tls { DoorName::Https } else { DoorName::Http };
            wire.belongs_to(self.handle.kernel().meters().door(door));
        }
    }

    /// Returns the route of a request, where there is one.
    fn route(&self, request: &Request) -> Option<String> {
        let path = segments(request.uri().path()).ok()?;
        self.routes.find(&path).ok().map(|(node, _)| node.route().to_owned())
    }

    /// Returns as whom somebody on this machine asks for the metrics without a credential, where the configuration lets him.
    fn open_to_all_here(&self, task: &Task) -> Option<Identity> {
        let wire = task.head.extensions.get::<Arc<Wire>>();
        let is_open = self.options.config.metrics_open_on_loopback
            && task.line.operation.name == METRICS.0
            && wire.is_some_and(|wire| wire.is_loopback);
        is_open.then(|| Identity {
            principal: Principal::Unit("metrics".into()),
            scope: Vec::new(),
            stamp: None,
        })
    }

    /// Takes a place for a request. Who is known to be over its quota is refused before anything is done for it.
    fn place(&self, task: &Task, identity: Option<&Identity>) -> Result<Place, Problem> {
        if let Some(Identity { principal, .. }) = identity {
            let operation = task.line.operation.name;
            self.handle.kernel().knock(principal, operation, &task.resource)?;
        }
        Ok(self.enter(&task.caller(identity))?)
    }

    /// Finds out who sends a request, before its body is read: nobody whom the unit does not know makes it read one. Of who has
    /// signed it only whom he says to be: the signature is over the body, too.
    async fn meet_before_body(
        self: Arc<Self>,
        task: Task,
    ) -> Result<(Task, Option<Identity>), Problem> {
        if task.shown == Shown::Signature && self.is_prompt() {
            return self.meet_one(task);
        }
        let edge = Arc::clone(&self);
        // Strangers stand in one line, so that they take no more threads together than one caller.
        self.blocking(Some(Principal::Anonymous), move || edge.meet_one(task)).await?
    }

    fn meet_one(&self, mut task: Task) -> Result<(Task, Option<Identity>), Problem> {
        if task.shown != Shown::Signature {
            let identity = self.identify(&task)?;
            return Ok((task, Some(identity)));
        }
        let Parts { method, uri, headers, .. } = &task.head;
        let signed = request::signed(method, uri, headers, Vec::new());
        task.claimed = Some(self.handle.kernel().claimed(&signed)?);
        Ok((task, None))
    }

    /// Returns whether the store answers now: nobody waits for it on the sockets' thread.
    fn is_prompt(&self) -> bool {
        self.handle.kernel().store().is_prompt()
    }

    /// Reads the body, after its media type was looked at.
    async fn body(
        &self,
        task: &Task,
        identity: Option<&Identity>,
        body: Body,
    ) -> Result<Held, Problem> {
        if let Some(identity) = identity {
            task.recognised(identity);
        }
        request::media(&task.line, &task.head.headers)?;
        let (config, unit) = (&self.options.config, self.handle.kernel().memory());
        let limits = body::Limits { config, bodies: &self.bodies, unit };
        body::read(body, &task.head.headers, &task.caller(identity), &limits).await
    }

    /// Says who sends a request without a signature. Somebody without a credential goes on only where the policies let
    /// anonymous callers do this; otherwise the kernel notes a failed authentication.
    fn identify(&self, task: &Task) -> Result<Identity, Problem> {
        let kernel = self.handle.kernel();
        match task.shown.token() {
            Some(token) => self.handle.authenticate(&Credential::Bearer(token)),
            None => {
                let reader = Reader::new(kernel, Principal::Anonymous)?;
                let operation = task.line.operation.name;
                if reader.allows(operation, &task.resource)? {
                    return kernel.authenticate(&Credential::None);
                }
                kernel.authenticate(&Credential::Bearer(""))
            }
        }
    }

    /// Does on a thread what may wait for the store: authenticates where that is still to be done, makes the call, and runs
    /// it where it only looks.
    fn decide(
        &self,
        task: Task,
        mut body: Vec<u8>,
        identity: Option<Identity>,
    ) -> Result<Outcome, Problem> {
        let kernel = self.handle.kernel();
        let identity = match identity {
            Some(identity) => identity,
            None if task.shown == Shown::Signature => {
                let head = &task.head;
                let mut signed = request::signed(&head.method, &head.uri, &head.headers, body);
                let identity = kernel.authenticate(&Credential::Signed(&signed))?;
                body = std::mem::take(&mut signed.body);
                identity
            }
            None => self.identify(&task)?,
        };
        let mut call = task.call(body, identity)?;
        if !task.line.is_read() {
            kernel.prepare(&mut call)?;
            return Ok(Outcome::Call(Box::new(call)));
        }
        outcome(kernel.read(&call)?)
    }

    /// Runs what changes something and answers.
    async fn finish(&self, outcome: Outcome, place: Place) -> Result<Response<Body>, Problem> {
        let outcome = match outcome {
            Outcome::Call(call) => self.submit(*call).await?,
            outcome => outcome,
        };
        Ok(match outcome {
            Outcome::Whole(media, bytes) => shown(media, bytes),
            Outcome::Stream(media, first, pieces) => {
                let body = Streamed::new(first, pieces, Arc::clone(&self.streams), place);
                shown(media, Body::new(body))
            }
            Outcome::Later | Outcome::Call(_) => {
                answer::full(StatusCode::ACCEPTED, JSON, r#"{"accepted":true}"#)
            }
        })
    }

    async fn submit(&self, call: Call) -> Result<Outcome, Problem> {
        let (send, receive) = tokio::sync::oneshot::channel();
        self.handle.submit(
            call,
            Box::new(move |reply| {
                // Nobody waits any more where the client has gone; the commit stands.
                let _ = send.send(reply);
            }),
        );
        let stopped = |_| Problem::from(kernel::Error::Stopping);
        let reply = receive.await.map_err(stopped)??;
        match reply {
            Reply::Stream { .. } => self.blocking(None, move || outcome(reply)).await?,
            reply => outcome(reply),
        }
    }

    /// Runs something on a thread, within the limit of such threads and the share of who wants it.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        who: Option<Principal>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let broken = |text: String| Problem::new(Code("kernel.internal", Kind::Internal), text);
        let permit = self.reads.take(who.map(Caller::Known).as_ref()).await;
        let permit = permit.ok_or_else(|| broken("there are no threads for reads".into()))?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| broken(format!("a read broke off: {error}")))
    }
}

impl Task {
    /// Returns under whom it is counted.
    fn caller(&self, identity: Option<&Identity>) -> Caller {
        match (identity, &self.claimed) {
            // Whoever shows nothing is as unknown as before.
            (Some(Identity { principal: Principal::Anonymous, .. }), _) | (None, None) => {
                Caller::unknown(source(&self.head))
            }
            (Some(Identity { principal, .. }), _) => Caller::Known(principal.clone()),
            (None, Some(claimed)) => Caller::claimed(claimed.clone(), source(&self.head)),
        }
    }

    /// Takes note that the unit knows who sends it: then he decides whether it is written down as a trace.
    fn recognised(&self, identity: &Identity) {
        let traced = self.head.extensions.get::<Traced>();
        if let Some(traced) = traced.filter(|_| identity.principal != Principal::Anonymous) {
            traced.is_of_somebody();
        }
    }

    fn call(&self, body: Vec<u8>, identity: Identity) -> Result<Call, Problem> {
        self.recognised(&identity);
        let brought = Brought {
            line: &self.line,
            resource: self.resource.clone(),
            query: self.head.uri.query().unwrap_or_default(),
            headers: &self.head.headers,
            body,
            source: source(&self.head),
        };
        let mut call = request::call(brought, identity)?;
        call.trace = self.head.extensions.get::<Traced>().map(Traced::trace);
        Ok(call)
    }
}

/// Returns from where a request comes.
pub(crate) fn source(head: &Parts) -> Option<IpAddr> {
    head.extensions.get::<Source>().map(|source| source.0)
}

/// Writes a reply down as far as that needs no network. The first piece of a stream is made at once, so that what goes wrong
/// at the beginning is a clear refusal.
fn outcome(reply: Reply) -> Result<Outcome, Problem> {
    match reply {
        Reply::Value(value) => Ok(Outcome::Whole(JSON, text(&value))),
        Reply::Later => Ok(Outcome::Later),
        Reply::Stream { media, mut pieces } => {
            let mut first = Vec::new();
            // Most answers are short: who sees their end at once needs no thread for it again.
            while first.len() < WHOLE_BYTES_MAX {
                match pieces.next().transpose()? {
                    Some(piece) if first.is_empty() => first = piece,
                    Some(piece) => first.extend(piece),
                    None => return Ok(Outcome::Whole(media, first)),
                }
            }
            Ok(Outcome::Stream(media, first, pieces))
        }
    }
}

fn shown(media: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = answer::full(StatusCode::OK, media, body);
    answer::show_in_place(&mut response, media);
    response
}

fn text(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
