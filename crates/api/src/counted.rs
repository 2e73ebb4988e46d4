//! Counts the bytes of a connection, above TLS. To which door they belong is known with the first request: until then they wait.

use kernel::Traffic;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is known of a connection; every request on it has it among its extensions.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// Whether it is spoken over TLS.
    pub(crate) is_tls: bool,
    /// Whether the other end is on this machine.
    pub(crate) is_loopback: bool,
    received: AtomicU64,
    sent: AtomicU64,
    traffic: OnceLock<Arc<Traffic>>,
}

impl Wire {
    pub(crate) fn new(is_tls: bool, is_loopback: bool) -> Self {
        Self { is_tls, is_loopback, ..Self::default() }
    }

    /// Says to which door the connection belongs. The first one counts.
    pub(crate) fn belongs_to(&self, traffic: &Arc<Traffic>) {
        if self.traffic.get().is_some() {
            return;
        }
        if self.traffic.set(Arc::clone(traffic)).is_ok() {
            traffic.connections.add(1);
            traffic.received.add(self.received.swap(0, Ordering::Relaxed));
            traffic.sent.add(self.sent.swap(0, Ordering::Relaxed));
        }
    }

    /// Counts bytes that came.
    pub(crate) fn received(&self, count: usize) {
        match self.traffic.get() {
            Some(traffic) => traffic.received.add(count as u64),
            None => {
                self.received.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
    }

    /// Counts bytes that went.
    pub(crate) fn sent(&self, count: usize) {
        match self.traffic.get() {
            Some(traffic) => traffic.sent.add(count as u64),
            None => {
                self.sent.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
    }
}

/// A stream whose bytes are counted.
pub(crate) struct Counted<IO> {
    io: IO,
    wire: Arc<Wire>,
}

impl<IO> Counted<IO> {
    pub(crate) fn new(io: IO, wire: Arc<Wire>) -> Self {
        Self { io, wire }
    }

    pub(crate) fn into_inner(self) -> IO {
        self.io
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Counted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.io).poll_read(context, buffer);
        self.wire.received(buffer.filled().len().saturating_sub(before));
        result
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Counted<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(context, bytes);
        self.count(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.count(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

impl<IO> Counted<IO> {
    fn count(&self, result: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = result {
            self.wire.sent(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_before_the_first_request_are_not_lost() {
        let (wire, traffic) = (Wire::new(false, true), Arc::new(Traffic::default()));
        wire.received(10);
        wire.belongs_to(&traffic);
        wire.received(5);
        wire.sent(7);
        wire.belongs_to(&Arc::default());
        let Traffic { received, sent, connections } = traffic.as_ref();
        assert_eq!((received.get(), sent.get(), connections.get()), (15, 7, 1));
    }
}
