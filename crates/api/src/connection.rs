//! One connection: hyper speaks HTTP/1.1; this adds what hyper leaves out. What never became a request is refused with a
//! problem, a client that takes no byte of its answer is cut off, and an answer given before the whole request was read is not
//! lost when the connection closes.

use crate::counted::{Counted, Wire};
use crate::live::Stopping;
use crate::{Config, Error, answer};
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response};
use base::Problem;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Sleep, sleep, timeout};

/// How long what a refused client still sends is taken and thrown away, so that it can read the refusal.
const LINGER: Duration = Duration::from_secs(2);

/// From where a request comes: the other end of its connection. What a proxy says about others is not believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source(pub IpAddr);

/// A future that hyper can poll from a connection.
type Answering =
    Pin<Box<dyn Future<Output = Result<Response<Tracked>, std::convert::Infallible>> + Send>>;

/// Serves a connection until it ends or `stop` becomes true and the request under way is answered.
pub(crate) async fn serve<IO>(
    io: IO,
    source: Source,
    router: axum::Router,
    wire: Arc<Wire>,
    config: &Config,
    mut stop: watch::Receiver<bool>,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let traffic =
        Arc::new(Traffic { answers: AtomicUsize::new(0), is_clean: AtomicBool::new(true) });
    let io = Counted::new(io, Arc::clone(&wire));
    let io =
        Watched { io, traffic: Arc::clone(&traffic), stall: config.write_stall_max(), timer: None };
    let router = TowerToHyperService::new(router);
    let stopping = Stopping(stop.clone());
    let service = service_fn(move |mut request: Request<Incoming>| -> Answering {
        request.extensions_mut().insert(source);
        let answer = traffic.begin();
        request.extensions_mut().insert(Arc::clone(&wire));
        request.extensions_mut().insert(stopping.clone());
        let response = router.call(request);
        Box::pin(async move {
            let response = response.await.unwrap_or_else(|never| match never {});
            Ok(response.map(|body| Tracked { body, _answer: answer }))
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_time_max())
        .max_buf_size(config.head_bytes_max.max(8_192))
        .max_headers(config.headers_max)
        .serve_connection(TokioIo::new(io), service);
    let mut is_stopping = false;
    let result = loop {
        let end = std::future::poll_fn(|context| connection.poll_without_shutdown(context));
        tokio::select! {
            result = end => break result,
            _ = stop.wait_for(|stop| *stop), if !is_stopping => {
                is_stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let refusal =
        result.as_ref().err().and_then(|error| refusal(error, !parts.read_buf.is_empty(), config));
    let io = parts.io.into_inner().io.into_inner();
    let is_broken = result.is_err() && refusal.is_none();
    if !is_broken {
        // A client that has gone does not mind how its connection ends.
        let _ = close(io, refusal, is_stopping).await;
    }
}

/// Returns why what was read never became a request. An idle connection that ends is no problem.
fn refusal(error: &hyper::Error, has_begun: bool, config: &Config) -> Option<Problem> {
    if error.is_timeout() {
        return has_begun.then(|| Error::Timeout { part: "head" }.into());
    }
    if error.is_parse_too_large() {
        return Some(Error::HeadTooLarge { limit: config.head_bytes_max }.into());
    }
    error.is_parse().then(|| Error::Malformed.into())
}

/// Ends a connection. What the client still sends is thrown away for a while: closing before would make its system forget
/// the answer.
async fn close<IO>(mut io: IO, refusal: Option<Problem>, is_stopping: bool) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let end = async {
        if let Some(problem) = refusal {
            io.write_all(&answer::raw_refusal(&problem)).await?;
        }
        io.shutdown().await?;
        let mut waste = vec![0; 16 << 10];
        while !is_stopping && 0 < io.read(&mut waste).await? {}
        Ok(())
    };
    timeout(LINGER, end).await.unwrap_or(Ok(()))
}

/// What goes on on a connection.
struct Traffic {
    /// Answers that are being made or sent.
    answers: AtomicUsize,
    /// True when everything of the last answer has been written.
    is_clean: AtomicBool,
}

impl Traffic {
    fn begin(self: &Arc<Self>) -> Answer {
        self.is_clean.store(false, Ordering::Relaxed);
        self.answers.fetch_add(1, Ordering::Relaxed);
        Answer(Arc::clone(self))
    }
}

/// Counts one answer for as long as it lives.
struct Answer(Arc<Traffic>);

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.answers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that says when it is gone.
struct Tracked {
    body: Body,
    _answer: Answer,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The stream below hyper. It swallows the bare refusals that hyper writes by itself, in whose place comes a problem, and ends
/// when the client takes nothing for too long.
struct Watched<IO> {
    io: IO,
    traffic: Arc<Traffic>,
    stall: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<IO> Watched<IO> {
    /// Returns whether hyper answers by itself: no request is under way, and the answer lacks the header that ours have.
    fn is_bare_refusal(&self, bytes: &[u8]) -> bool {
        self.traffic.is_clean.load(Ordering::Relaxed)
            && bytes.starts_with(b"HTTP/1.1 4")
            && !bytes.windows(8).any(|window| window == b"nosniff\r")
    }

    fn poll_stall<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.timer = None;
            return result;
        }
        let stall = self.stall;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(stall)));
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_bare_refusal(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = pin!(&mut self.io).poll_write(context, bytes);
        self.poll_stall(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.first().map_or(&[][..], |part| part);
        if self.is_bare_refusal(first) {
            return Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()));
        }
        let result = pin!(&mut self.io).poll_write_vectored(context, parts);
        self.poll_stall(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.io).poll_flush(context);
        if result.is_ready() && self.traffic.answers.load(Ordering::Relaxed) == 0 {
            self.traffic.is_clean.store(true, Ordering::Relaxed);
        }
        self.poll_stall(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
