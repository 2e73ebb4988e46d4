//! Bytes of one connection, both ways at once. What has come lies in a buffer of the thread until it is known whether some of it stays:
//! a connection that says nothing holds no memory for it.

use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

/// What is read at once.
const READ_BYTES: usize = 64 << 10;

/// An empty buffer that is larger is given back.
const KEPT_BYTES: usize = 4 << 10;

/// For how long what is still to be said to a client that is being ended may take, and what it still says is thrown away: to close before
/// would make its system forget what it was told.
const LINGER: Duration = Duration::from_secs(1);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What has moved.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// So many bytes have come; they are in `input`.
    In(usize),
    /// Some have gone.
    Out,
    /// Nothing will come any more.
    End,
}

/// The bytes of a connection.
pub(super) struct Wire<S> {
    stream: S,
    /// What has come and was not taken.
    pub input: BytesMut,
    needs_flush: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), needs_flush: false }
    }

    /// Waits until something moves: takes what was written from the front of `out`; reads only where that is wanted.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) async fn turn(&mut self, is_reading: bool, out: &mut BytesMut) -> io::Result<Moved> {
        poll_fn(|context| self.poll_turn(context, is_reading, out)).await
    }

    /// Gives the memory of `input` back where nothing is left in it.
    pub(super) fn tidy(&mut self) {
        if self.input.is_empty() && self.input.capacity() != 0 {
            self.input = BytesMut::new();
        }
    }

    /// Says the last, then nothing more, and throws away what still comes for a while.
    pub(super) async fn end(mut self, mut out: BytesMut) {
        let said = async {
            while !out.is_empty() || self.needs_flush {
                self.turn(false, &mut out).await?;
            }
            poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)).await
        };
        if matches!(timeout(LINGER, said).await, Ok(Ok(()))) {
            let waste = async {
                while let Ok(1..) = poll_fn(|context| self.poll_read(context)).await {
                    self.input.clear();
                }
            };
            // Who goes on talking is not listened to for longer.
            let _ = timeout(LINGER, waste).await;
        }
    }

    fn poll_turn(
        &mut self,
        context: &mut Context<'_>,
        is_reading: bool,
        out: &mut BytesMut,
    ) -> Poll<io::Result<Moved>> {
        if let Poll::Ready(written) = self.poll_write(context, out) {
            return Poll::Ready(written.map(|()| Moved::Out));
        }
        if !is_reading {
            return Poll::Pending;
        }
        let count = ready!(self.poll_read(context))?;
        Poll::Ready(Ok(if count == 0 { Moved::End } else { Moved::In(count) }))
    }

    /// Writes what can be written now. Ready where some has gone.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        out: &mut BytesMut,
    ) -> Poll<io::Result<()>> {
        let mut has_moved = false;
        while !out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &out[..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    out.advance(count);
                    (has_moved, self.needs_flush) = (true, true);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => break,
            }
        }
        if out.is_empty() && self.needs_flush {
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => (has_moved, self.needs_flush) = (true, false),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        if out.is_empty() && KEPT_BYTES < out.capacity() {
            *out = BytesMut::new();
        }
        if has_moved { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Reads what has come; 0 where nothing will come any more.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            let read = buffer.filled();
            self.input.extend_from_slice(read);
            Poll::Ready(Ok(read.len()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test(flavor = "current_thread")]
    async fn both_ways_move_and_one_that_stands_holds_up_no_other() {
        let (near, mut far) = duplex(8);
        let mut wire = Wire::new(near);
        let mut out = BytesMut::from(&b"0123456789"[..]);
        // The pipe takes 8 bytes: the rest waits, and what comes is read all the same.
        assert_eq!(wire.turn(true, &mut out).await.expect("written"), Moved::Out);
        far.write_all(b"hello").await.expect("written");
        assert_eq!(wire.turn(true, &mut out).await.expect("read"), Moved::In(5));
        assert_eq!((&wire.input[..], &out[..]), (&b"hello"[..], &b"89"[..]));
        let mut got = [0; 8];
        far.read_exact(&mut got).await.expect("read");
        assert_eq!(wire.turn(true, &mut out).await.expect("written"), Moved::Out);
        assert!(out.is_empty());
        wire.input.clear();
        wire.tidy();
        assert_eq!(wire.input.capacity(), 0);
        drop(far);
        assert_eq!(wire.turn(true, &mut out).await.expect("the end"), Moved::End);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_last_word_is_heard_though_the_client_goes_on_talking() {
        let (near, mut far) = duplex(64);
        let wire = Wire::new(near);
        far.write_all(&[7; 40]).await.expect("written");
        let ending = tokio::spawn(wire.end(BytesMut::from(&b"bye"[..])));
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.expect("read");
        assert_eq!(got, b"bye");
        far.write_all(&[7; 200]).await.expect("it is thrown away");
        drop(far);
        ending.await.expect("it ends with its client");
    }
}
