//! WebSocket: the request that begins it at `/mqtt` with the subprotocol `mqtt`, and its frames as a stream of bytes (MQTT 5, 6.0).

use super::{Mqtt, Stream};
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use futures::{Sink, Stream as _};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The path, and the subprotocol of RFC 6455 that clients have to ask for (MQTT-6.0.0-3).
const PATH: &str = "/mqtt";
const SUBPROTOCOL: &str = "mqtt";

/// What is read at once, and gathered before it is written, of each connection.
const BUFFER_BYTES: usize = 4 << 10;

/// A frame has this many bytes beside the packet in it, at most.
const FRAME_BYTES: usize = 1 << 10;

/// Where a WebSocket goes once it is there.
type Place = Arc<Mutex<Option<oneshot::Sender<WebSocket>>>>;

/// Answers the request that begins a WebSocket; nothing where none comes about.
pub(super) async fn upgrade(stream: Box<dyn Stream>, options: &Mqtt) -> Option<Frames> {
    let (send, receive) = oneshot::channel();
    let (place, frame_bytes_max) =
        (Arc::new(Mutex::new(Some(send))), options.packet_bytes_max.saturating_add(FRAME_BYTES));
    let service = service_fn(move |request: Request<Incoming>| {
        let place = Arc::clone(&place);
        async move { Ok::<_, Infallible>(answer(request, place, frame_bytes_max).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.config.head_time_max())
        .max_buf_size(options.config.head_bytes_max.max(8_192))
        .max_headers(options.config.headers_max)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    connection.await.ok()?;
    // It was answered: the switch is a matter of moments, or does not come.
    let socket = timeout(options.config.handshake_time_max(), receive).await.ok()?.ok()?;
    Some(Frames { socket, rest: Bytes::new() })
}

async fn answer(
    request: Request<Incoming>,
    place: Place,
    frame_bytes_max: usize,
) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    if parts.uri.path() != PATH {
        return refusal(StatusCode::NOT_FOUND, "MQTT is spoken at /mqtt");
    }
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.protocols([SUBPROTOCOL]),
        Err(rejection) => return rejection.into_response(),
    };
    if upgrade.selected_protocol().is_none() {
        return refusal(StatusCode::BAD_REQUEST, "the subprotocol is `mqtt`");
    }
    upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_frame_size(frame_bytes_max)
        .max_message_size(frame_bytes_max)
        .on_upgrade(move |socket| async move {
            let send = place.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(send) = send {
                // Who waits may be gone with its connection.
                let _ = send.send(socket);
            }
        })
}

fn refusal(status: StatusCode, text: &'static str) -> Response<Body> {
    (status, text).into_response()
}

/// A WebSocket as a stream of bytes. Packets and frames need not begin together (MQTT-6.0.0-2).
pub(super) struct Frames {
    socket: WebSocket,
    /// What has come of a frame and was not read.
    rest: Bytes,
}

impl AsyncRead for Frames {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                // They are answered below.
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                // MQTT-6.0.0-1.
                Some(Ok(Message::Text(_))) => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        let read = self.rest.split_to(count);
        buffer.put_slice(&read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Frames {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut self.socket);
        ready!(socket.as_mut().poll_ready(context)).map_err(io::Error::other)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        socket.start_send(message).map_err(io::Error::other)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context).map_err(io::Error::other)
    }
}
