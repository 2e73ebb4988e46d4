//! Answers as they go over the wire: JSON, streams, pages, problems.

use crate::console::Dressed;
use crate::error::status;
use crate::share::Request;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use base::{Kind, Problem};
use hyper::body::Frame;
use serde_json::{Map, Value, json};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// The media type of problems (RFC 9457).
pub(crate) const PROBLEM: &str = "application/problem+json";

/// The beginning of a problem's `type`; the code follows.
pub(crate) const PROBLEM_TYPE: &str = "urn:craton:error:";

/// Seconds after which to ask again for what does not work now, where nobody knows when it will.
const RETRY_SECONDS: u64 = 1;

/// The pieces of a streamed answer.
pub(crate) type Pieces = Box<dyn Iterator<Item = Result<Vec<u8>, Problem>> + Send>;

/// Returns an answer of a media type.
pub(crate) fn full(
    status: StatusCode,
    media: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    put(&mut response, header::CONTENT_TYPE, media);
    response
}

/// Returns an answer without a body that names the possible methods.
pub(crate) fn options(allow: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    put(&mut response, header::ALLOW, allow);
    response
}

/// Returns a refusal.
pub(crate) fn refusal(problem: &Problem) -> Response<Body> {
    let number = status(&problem.code, problem.kind);
    let status = StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = full(status, PROBLEM, problem_json(problem));
    match number {
        401 => put(&mut response, header::WWW_AUTHENTICATE, "Bearer realm=\"craton\""),
        408 => put(&mut response, header::CONNECTION, "close"),
        _ => {}
    }
    if let Some(seconds) = retry_seconds(number, problem) {
        put(&mut response, header::RETRY_AFTER, &seconds.to_string());
    }
    response
}

/// Returns what `Retry-After` says: whole seconds, rounded up. A limit that no waiting lifts says nothing.
fn retry_seconds(number: u16, problem: &Problem) -> Option<u64> {
    match (number, problem.retry_ms) {
        (429 | 503, Some(ms)) => Some(ms.div_ceil(1_000).max(1)),
        (503, None) => Some(RETRY_SECONDS),
        _ => None,
    }
}

/// Sets a header.
pub(crate) fn put(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Says of a picture or a document that a browser shows it in its place, and what it is called where it is kept.
pub(crate) fn show_in_place(response: &mut Response<Body>, media: &str) {
    let ending = match media {
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/webp" => "webp",
        "application/pdf" => "pdf",
        _ => return,
    };
    let text = format!("inline; filename=\"file.{ending}\"");
    put(response, header::CONTENT_DISPOSITION, &text);
}

/// Sets the headers that every answer has which is not the console's: nothing is cached, no browser guesses a media type or runs anything.
pub(crate) fn secure(response: &mut Response<Body>) {
    if response.extensions().get::<Dressed>().is_some() {
        return;
    }
    put(response, header::CACHE_CONTROL, "no-store");
    put(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
}

/// Returns a problem as RFC 9457 JSON.
pub(crate) fn problem_json(problem: &Problem) -> Vec<u8> {
    let number = status(&problem.code, problem.kind);
    let title = StatusCode::from_u16(number).ok().and_then(|status| status.canonical_reason());
    let mut object = Map::new();
    object.insert("type".into(), json!(format!("{PROBLEM_TYPE}{}", problem.code)));
    object.insert("title".into(), json!(title.unwrap_or("Error")));
    object.insert("status".into(), json!(number));
    object.insert("detail".into(), json!(problem.message));
    object.insert("code".into(), json!(problem.code));
    object.insert("kind".into(), json!(problem.kind));
    if let Some(hint) = &problem.hint {
        object.insert("hint".into(), json!(hint));
    }
    if let Some(place) = &problem.place {
        object.insert("place".into(), json!(place));
    }
    if let Some(retry_ms) = problem.retry_ms {
        object.insert("retry_ms".into(), json!(retry_ms));
    }
    if !problem.also.is_empty() {
        object.insert("also".into(), json!(problem.also));
    }
    Value::Object(object).to_string().into_bytes()
}

/// Returns a problem as a whole HTTP/1.1 answer after which the connection ends, for what never became a request.
pub(crate) fn raw_refusal(problem: &Problem) -> Vec<u8> {
    let body = problem_json(problem);
    let number = status(&problem.code, problem.kind);
    let reason = StatusCode::from_u16(number).ok().and_then(|status| status.canonical_reason());
    let retry = retry_seconds(number, problem)
        .map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
    let mut bytes = format!(
        "HTTP/1.1 {number} {}\r\ncontent-type: {PROBLEM}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\n{retry}connection: close\r\n\r\n",
        reason.unwrap_or("Error"),
        body.len(),
    )
    .into_bytes();
    bytes.extend(body);
    bytes
}

/// Returns what the caller may see of a problem. The detail of a defect goes to the log under an id, which the caller gets.
pub(crate) fn shown(problem: Problem, id: &str) -> Problem {
    if problem.kind != Kind::Internal {
        return problem;
    }
    Problem {
        message: format!("something went wrong inside; the log has it as {id}"),
        hint: Some("give the id to whoever runs this unit".into()),
        place: None,
        also: Vec::new(),
        ..problem
    }
}

/// A body made piece by piece. The next piece is made on a thread of its own while the last one is being sent; a client that
/// reads slowly holds no thread. What goes wrong after the first piece breaks the connection off, so that nobody takes a part
/// for the whole.
pub(crate) struct Streamed {
    next: Next,
    streams: Arc<Semaphore>,
    _request: Request,
}

type Made = (Pieces, Option<Result<Vec<u8>, Problem>>);

enum Next {
    Ready(Option<Vec<u8>>, Option<Pieces>),
    Making(JoinHandle<Option<Made>>),
    End,
}

impl Streamed {
    /// Returns a body that begins with `first`. The place of the request is held until the body ends.
    pub(crate) fn new(
        first: Vec<u8>,
        pieces: Pieces,
        streams: Arc<Semaphore>,
        request: Request,
    ) -> Self {
        Self { next: Next::Ready(Some(first), Some(pieces)), streams, _request: request }
    }

    fn make(&self, mut pieces: Pieces) -> Next {
        let streams = Arc::clone(&self.streams);
        Next::Making(tokio::spawn(async move {
            let permit = streams.acquire_owned().await.ok()?;
            let made = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                let piece = pieces.next();
                (pieces, piece)
            });
            made.await.ok()
        }))
    }
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        loop {
            match &mut self.next {
                Next::End => return Poll::Ready(None),
                Next::Ready(piece, pieces) => {
                    let (piece, pieces) = (piece.take(), pieces.take());
                    self.next = pieces.map_or(Next::End, |pieces| self.make(pieces));
                    match piece {
                        Some(piece) if !piece.is_empty() => {
                            return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
                        }
                        _ => {}
                    }
                }
                Next::Making(making) => {
                    let made = ready!(Pin::new(making).poll(context)).ok().flatten();
                    self.next = Next::End;
                    match made {
                        Some((pieces, Some(Ok(piece)))) => {
                            self.next = Next::Ready(Some(piece), Some(pieces));
                        }
                        Some((_, None)) => {}
                        Some((_, Some(Err(problem)))) => {
                            return Poll::Ready(Some(Err(std::io::Error::other(problem.message))));
                        }
                        None => {
                            let text = "the answer broke off";
                            return Poll::Ready(Some(Err(std::io::Error::other(text))));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Code;

    /// Returns what `Retry-After` says of a problem with a time to retry.
    fn check(kind: Kind, retry_ms: Option<u64>) -> String {
        let problem = Problem { retry_ms, ..Problem::new(Code("some.thing", kind), "no") };
        let answer = refusal(&problem);
        let told = answer.headers().get(header::RETRY_AFTER).map(HeaderValue::to_str);
        told.and_then(Result::ok).unwrap_or("nothing").to_owned()
    }

    #[test]
    fn a_picture_is_shown_in_place_and_rows_are_not() {
        let said = |media: &'static str| {
            let mut answer = full(StatusCode::OK, media, "");
            show_in_place(&mut answer, media);
            let said = answer.headers().get(header::CONTENT_DISPOSITION).map(HeaderValue::to_str);
            said.and_then(Result::ok).map(str::to_owned)
        };
        assert_eq!(said("image/jpeg").as_deref(), Some("inline; filename=\"file.jpg\""));
        assert_eq!(said("application/pdf").as_deref(), Some("inline; filename=\"file.pdf\""));
        assert_eq!(said("text/csv"), None);
        assert_eq!(said("text/html"), None);
    }

    #[test]
    fn a_refusal_says_when_to_come_again_in_whole_seconds_rounded_up() {
        assert_eq!(check(Kind::Exhausted, Some(1)), "1");
        assert_eq!(check(Kind::Exhausted, Some(12_001)), "13");
        assert_eq!(check(Kind::Unavailable, Some(2_000)), "2");
        assert_eq!(check(Kind::Unavailable, None), "1", "nobody knows when");
        assert_eq!(check(Kind::Exhausted, None), "nothing", "waiting does not help");
        assert_eq!(check(Kind::Conflict, Some(1_000)), "nothing");
    }
}
