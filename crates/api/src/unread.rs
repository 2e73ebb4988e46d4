//! The body of a request that was answered before anybody has read it: a short one is taken and thrown away, so that the connection
//! can go on; else the answer says that the connection ends (RFC 9112, 9.6), for the next request on it would get none.

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use hyper::body::{Frame, SizeHint};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// Bytes of a body that is taken.
const BYTES_MAX: u64 = 64 << 10;

/// How long it is waited for.
const TIME_MAX: Duration = Duration::from_secs(1);

/// A body that comes back where it is dropped before its end.
struct Lent {
    body: Option<Body>,
    back: Option<oneshot::Sender<Body>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let (Some(body), Some(back)) = (self.body.take(), self.back.take()) else { return };
        if !body.is_end_stream() {
            // Whoever has lent it may be gone.
            let _ = back.send(body);
        }
    }
}

/// Where a body comes back to if nobody reads it.
pub(crate) struct Rest {
    body: oneshot::Receiver<Body>,
    /// Whether it is short, and sent without being asked for.
    is_taken: bool,
}

/// Returns a body to read, and where it comes back to, where there is something to read.
pub(crate) fn lend(body: Body, headers: &HeaderMap) -> (Body, Option<Rest>) {
    if body.is_end_stream() {
        return (body, None);
    }
    let is_short = body.size_hint().upper().is_some_and(|bytes| bytes <= BYTES_MAX);
    let is_taken = is_short && !headers.contains_key(header::EXPECT);
    let (back, rest) = oneshot::channel();
    (Body::new(Lent { body: Some(body), back: Some(back) }), Some(Rest { body: rest, is_taken }))
}

impl Rest {
    /// Takes what has come back; returns whether the connection can go on.
    pub(crate) async fn drain(mut self) -> bool {
        let Ok(body) = self.body.try_recv() else { return true };
        self.is_taken && tokio::time::timeout(TIME_MAX, skip(body)).await.unwrap_or(false)
    }
}

/// Reads a body to its end; returns whether it got there.
async fn skip(body: Body) -> bool {
    let mut body = pin!(body);
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        if frame.is_err() {
            return false;
        }
    }
    true
}
