//! Live views: server-sent events that tell a viewer what has changed, so that he reads it anew.
//!
//! A viewer is a task that sleeps, and takes neither a thread nor a place for requests. The kernel says that there is news; one task for all
//! viewers lets it settle and wakes them, four times a second at most. What each of them hears he finds out by comparing numbers.

use crate::request::{self, Shown};
use crate::route::decode;
use crate::router::{Edge, source};
use crate::share::{self, Caller, Share, Shares};
use crate::{Config, Error, answer};
use axum::body::{Body, Bytes, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base::{Kind, Problem, nearest};
use hyper::body::Frame;
use kernel::{Credential, Identity, Kernel, Principal, ResourceRef, View};
use serde_json::json;
use std::pin::Pin;
use std::sync::{Arc, Once, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// The least time between two events for one viewer.
const TICK: Duration = Duration::from_millis(250);

/// After how much silence a viewer is sent a line that says nothing: proxies end connections that stand still.
const BEAT: Duration = Duration::from_secs(15);

/// How often it is looked whether the credential of a viewer has run out.
const LOOK: Duration = Duration::from_secs(15);

/// Milliseconds after which a browser comes again.
const RETRY_MS: u32 = 2_000;

/// What says nothing.
const SILENCE: &str = ":\n\n";

const EVENTS: &str = "text/event-stream; charset=utf-8";

/// Says that the server of a connection stops.
#[derive(Clone)]
pub(crate) struct Stopping(pub watch::Receiver<bool>);

/// All viewers.
pub(crate) struct Viewers {
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
    limit: usize,
    news: Arc<Notify>,
    /// Up to which commit viewers are told.
    ticks: watch::Sender<u64>,
    begun: Once,
}

impl Viewers {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        let limit = config.viewers_max.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            places: Arc::new(Semaphore::new(limit)),
            shares: Shares::new(share::most(limit, config.principal_percent)),
            limit,
            news: Arc::default(),
            ticks: watch::Sender::new(0),
            begun: Once::new(),
        })
    }

    /// Begins to wake viewers, with the first of them: only then there is surely a runtime.
    fn begin(self: &Arc<Self>, kernel: &Arc<Kernel>) {
        self.begun.call_once(|| {
            let news = Arc::clone(&self.news);
            kernel.live().listen(Arc::new(move || news.notify_one()));
            tokio::spawn(wake(Arc::downgrade(self), Arc::clone(&self.news), Arc::clone(kernel)));
        });
    }

    /// Takes a place for a viewer.
    ///
    /// # Errors
    /// `http.busy`.
    fn enter(&self, who: &Caller) -> Result<Place, Error> {
        let limit = self.shares.most();
        let busy = || Error::Busy { what: "places for viewers of one caller", limit };
        let share = self.shares.take(who).ok_or_else(busy)?;
        let busy = |_| Error::Busy { what: "places for viewers", limit: self.limit };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(busy)?;
        Ok(Place { _place: place, _share: share })
    }
}

impl Drop for Viewers {
    fn drop(&mut self) {
        // Who wakes them finds that there is nobody to wake.
        self.news.notify_one();
    }
}

/// The place of a viewer.
struct Place {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

/// Wakes all viewers when there is news.
async fn wake(viewers: Weak<Viewers>, news: Arc<Notify>, kernel: Arc<Kernel>) {
    loop {
        news.notified().await;
        let Some(viewers) = viewers.upgrade() else { return };
        viewers.ticks.send_replace(kernel.live().tell());
        drop(viewers);
        sleep(TICK).await;
    }
}

/// What a viewer asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    topics: Vec<String>,
    /// The last commit that he has heard of.
    since: Option<u64>,
}

impl Edge {
    /// Opens a stream of events for a viewer.
    pub(crate) async fn watch(self: Arc<Self>, head: &Parts) -> Result<Response<Body>, Problem> {
        let limit = self.options.config.viewer_topics_max;
        let mut asked = asked(head.uri.query().unwrap_or_default(), limit)?;
        asked.since = last_event(head).or(asked.since);
        let shown = request::shown(&head.headers)?;
        let kernel = Arc::clone(self.handle.kernel());
        let known = shown.token().and_then(|token| kernel.remembered(token));
        if let Some(identity) = &known {
            let unit = ResourceRef::new("unit", "");
            kernel.knock(&identity.principal, "live.watch", &unit)?;
        }
        let caller = match &known {
            Some(identity) => Caller::Known(identity.principal.clone()),
            None => Caller::unknown(source(head)),
        };
        let place = self.enter(&caller)?;
        // Before the view begins: no news in between is missed.
        self.viewers.begin(&kernel);
        let ticks = self.viewers.ticks.subscribe();
        let view = self.open(head, shown, known, std::mem::take(&mut asked.topics)).await?;
        drop(place);
        let place = match view.principal() {
            Principal::Anonymous => self.viewers.enter(&Caller::unknown(source(head)))?,
            principal => self.viewers.enter(&Caller::Known(principal.clone()))?,
        };
        let stopping = head.extensions.get::<Stopping>().map(|stopping| stopping.0.clone());
        let (send, receive) = mpsc::channel(1);
        let viewer = Viewer { _place: place, edge: self, view, send, ticks };
        tokio::spawn(viewer.serve(asked.since, stopping));
        let mut response = answer::full(StatusCode::OK, EVENTS, Body::new(Events(receive)));
        // Some proxies gather an answer before they pass it on.
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
        Ok(response)
    }

    /// Finds out who watches, and asks the policies what of it he may.
    async fn open(
        self: &Arc<Self>,
        head: &Parts,
        shown: Shown,
        known: Option<Identity>,
        topics: Vec<String>,
    ) -> Result<View, Problem> {
        let signed = (shown == Shown::Signature)
            .then(|| request::signed(&head.method, &head.uri, &head.headers, Vec::new()));
        let who = known.as_ref().map(|identity| identity.principal.clone());
        let handle = self.handle.clone();
        let open = move || {
            let identity = match (known, &signed, shown.token()) {
                (Some(identity), ..) => identity,
                (None, Some(signed), _) => handle.authenticate(&Credential::Signed(signed))?,
                (None, None, Some(token)) => handle.authenticate(&Credential::Bearer(token))?,
                (None, None, None) => handle.authenticate(&Credential::None)?,
            };
            View::open(handle.kernel(), identity, &topics)
        };
        self.blocking(Some(who.unwrap_or(Principal::Anonymous)), open).await?
    }
}

/// Reads what a viewer asks for.
///
/// # Errors
/// `http.target_invalid`, `http.parameter_unknown`, `call.invalid`, `call.too_large`.
fn asked(query: &str, limit: usize) -> Result<Asked, Problem> {
    let mut asked = Asked::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode("query", name, true)?, decode("query", value, true)?);
        match name.as_str() {
            "watch" => asked.topics.push(value),
            "since" => {
                let wrong = || wrong("`since` must be the number of a commit");
                asked.since = Some(value.parse().map_err(|_| wrong())?);
            }
            _ => {
                let nearest = nearest(&name, ["watch", "since"]).map(str::to_owned);
                let name = name.chars().take(80).collect();
                return Err(Error::ParameterUnknown { name, nearest }.into());
            }
        }
    }
    match asked.topics.len() {
        0 => Err(wrong("`watch` is missing: what is to be watched")),
        count if limit < count => {
            let what = "the topics of one viewer".to_owned();
            Err(kernel::Error::TooLarge { what, limit: limit as u64 }.into())
        }
        _ => Ok(asked),
    }
}

fn wrong(reason: &str) -> Problem {
    kernel::Error::Parameters { reason: reason.to_owned() }.into()
}

/// Returns the last event that a browser has heard of which comes again.
fn last_event(head: &Parts) -> Option<u64> {
    head.headers.get("last-event-id")?.to_str().ok()?.trim().parse().ok()
}

/// One viewer.
struct Viewer {
    _place: Place,
    edge: Arc<Edge>,
    view: View,
    send: mpsc::Sender<Bytes>,
    ticks: watch::Receiver<u64>,
}

impl Viewer {
    /// Tells him what changes, until he goes, his credential ends, or the server stops.
    async fn serve(mut self, since: Option<u64>, stopping: Option<watch::Receiver<bool>>) {
        let mut stopping = Box::pin(stopped(stopping));
        if self.greet(since).await.is_none() {
            return;
        }
        let (mut beat, mut look) = (Instant::now() + BEAT, Instant::now() + LOOK);
        loop {
            let is_tick = tokio::select! {
                () = &mut stopping => return,
                () = self.send.closed() => return,
                changed = self.ticks.changed() => match changed {
                    Ok(()) => true,
                    Err(_) => return,
                },
                () = sleep_until(beat.min(look)) => false,
            };
            let now = Instant::now();
            if self.view.is_stale() || look <= now {
                let Some(viewer) = self.checked().await else { return };
                (self, look) = (viewer, now + LOOK);
            }
            let upto = *self.ticks.borrow_and_update();
            let told = changed(upto, &self.view.news(upto));
            let text = match told {
                Some(text) => text,
                None if is_tick || now < beat => continue,
                None => SILENCE.to_owned(),
            };
            if self.send.send(text.into()).await.is_err() {
                return;
            }
            beat = Instant::now() + BEAT;
        }
    }

    /// Says what he will hear of, and, to one who comes again, what he may have missed.
    async fn greet(&self, since: Option<u64>) -> Option<()> {
        let (commit, topics) = (self.view.begun(), self.view.topics().collect::<Vec<_>>());
        let hello = json!({"commit": commit, "topics": topics});
        let mut text = format!("retry: {RETRY_MS}\nevent: hello\nid: {commit}\ndata: {hello}\n\n");
        // A unit that was restored may be behind what he knows.
        if since.is_some_and(|since| since != commit) {
            text.extend(changed(commit, &topics));
        }
        self.send.send(text.into()).await.ok()
    }

    /// Looks at his credential and his rights. `None` where he was told that it has ended, or is to come again.
    async fn checked(mut self) -> Option<Self> {
        let edge = Arc::clone(&self.edge);
        let who = self.view.principal().clone();
        let check = move || {
            let outcome = self.view.check();
            (self, outcome)
        };
        let (viewer, outcome) = edge.blocking(Some(who), check).await.ok()?;
        match outcome {
            Ok(()) => Some(viewer),
            Err(problem) if problem.kind == Kind::Unauthenticated => {
                let why = json!({"code": problem.code, "detail": problem.message});
                let text = format!("event: ended\ndata: {why}\n\n");
                // Where he has gone there is nobody to tell.
                let _ = viewer.send.send(text.into()).await;
                None
            }
            // Nobody could look: he comes again.
            Err(_) => None,
        }
    }
}

/// Returns the event that tells of a change, where there is one.
fn changed(commit: u64, topics: &[&str]) -> Option<String> {
    if topics.is_empty() {
        return None;
    }
    let news = json!({"commit": commit, "topics": topics});
    Some(format!("event: changed\nid: {commit}\ndata: {news}\n\n"))
}

/// Waits until the server stops; for ever where nobody says so.
async fn stopped(stopping: Option<watch::Receiver<bool>>) {
    let Some(mut stopping) = stopping else { return std::future::pending().await };
    // An error would mean that who tells is gone: then it is over as well.
    let _ = stopping.wait_for(|is_stopping| *is_stopping).await;
}

/// The body of a viewer's answer.
struct Events(mpsc::Receiver<Bytes>);

impl HttpBody for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str) -> String {
        match asked(query, 2) {
            Ok(Asked { topics, since }) => format!("{} {since:?}", topics.join(" ")),
            Err(problem) => problem.code,
        }
    }

    #[test]
    fn topics_are_repeated_and_limited() {
        assert_eq!(check("watch=task&watch=stream%2Forders"), "task stream/orders None");
        assert_eq!(check("watch=task&since=17"), "task Some(17)");
        assert_eq!(check("since=17"), "call.invalid");
        assert_eq!(check("watch=task&since=now"), "call.invalid");
        assert_eq!(check("watch=a&watch=b&watch=c"), "call.too_large");
        assert_eq!(check("wacht=a"), "http.parameter_unknown");
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        assert_eq!(changed(7, &[]), None);
        let text = changed(7, &["stream/orders", "task"]).expect("an event");
        let data = r#"{"commit":7,"topics":["stream/orders","task"]}"#;
        assert_eq!(text, format!("event: changed\nid: 7\ndata: {data}\n\n"));
    }
}
