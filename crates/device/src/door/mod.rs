//! The door for MQTT: connections over any stream of bytes. What they speak is `mqtt`, what they ask for are calls of the kernel.
//!
//! Each connection is a task of its own: it reads while its client may say more, hands in what was said, and writes what the kernel's
//! replies and the broker bring. It never waits for the store: what has to be looked up there is looked up on another thread. Nothing
//! is acknowledged before the commit that keeps it.
//!
//! | file | subject |
//! |---|---|
//! | `enter`, `identify` | from the first byte to a session: who it is, what the session holds |
//! | `connection` | one connection, once it has a session |
//! | `leave` | the end of one: calls that are under way, the session's, the client's |
//! | `asks`, `mailbox` | what the machine wants as calls, and how their replies come back |
//! | `finds`, `rights` | what is looked up on another thread: deliveries, and what the client may |
//! | `wire` | bytes in and out |
//! | `budget` | how much a client may say |
//! | `background` | what is done for all of them: routing, progress, wills |

mod asks;
mod background;
mod budget;
mod connection;
mod enter;
mod finds;
mod identify;
mod leave;
mod mailbox;
mod rights;
mod wire;

use crate::engine::Fleet;
use crate::mqtt::Limits;
use base::{Code, Kind, Problem, Time};
use budget::Budgets;
use kernel::{Call, Handle, Kernel, Reply};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{oneshot, watch};

/// Writes a line about a client to the log: what it did, that it could not be told of.
pub type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// The door. All its connections run on the runtime of whoever serves them.
pub struct Door {
    fleet: Arc<Fleet>,
    handle: Handle,
    report: Report,
    limits: Limits,
    budgets: Arc<Budgets>,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The SHA-256 of the certificate that it has shown, in its DER form. That it has the key of it was checked.
    pub certificate: Option<[u8; 32]>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Door {
    /// Returns a door to a fleet. `report` writes lines to the log.
    pub fn new(fleet: Arc<Fleet>, handle: Handle, report: Report) -> Arc<Self> {
        let (limits, budgets) = (Limits::from(&fleet.config), Budgets::new(&fleet.config));
        Arc::new(Self { fleet, handle, report, limits, budgets })
    }

    /// Serves one connection until its client or the unit ends it. `stopped` says that the unit ends.
    pub async fn serve<S>(self: Arc<Self>, stream: S, peer: Peer, stopped: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        if let Some(connection) = enter::enter(&self, stream, peer, stopped).await {
            connection.serve().await;
        }
    }

    /// Does what is done for all connections until the unit ends: brings messages to those who hear them, writes down how far sessions
    /// have come, publishes wills, ends sessions whose time is over.
    pub async fn background(self: Arc<Self>, stopped: watch::Receiver<bool>) {
        background::run(&self, stopped).await;
    }

    fn kernel(&self) -> &Arc<Kernel> {
        self.handle.kernel()
    }

    /// The time that only grows.
    fn now(&self) -> Duration {
        self.kernel().clock().monotonic()
    }

    fn wall(&self) -> Time {
        self.kernel().clock().wall()
    }

    /// Has a call run on the partition's thread, and waits for its reply without a thread.
    async fn ask(&self, call: Call) -> Result<serde_json::Value, Problem> {
        let (send, receive) = oneshot::channel();
        self.handle.submit(
            call,
            Box::new(move |reply| {
                // Who waits may be gone with its connection.
                let _ = send.send(reply.map(Reply::into_value));
            }),
        );
        receive.await.unwrap_or_else(|_| Err(kernel::Error::Stopping.into()))
    }
}

/// Waits until the unit ends.
async fn until(stopped: &mut watch::Receiver<bool>) {
    // An error would mean that who tells is gone: then it is over as well.
    let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
}

/// Does something on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(broken(&error)))
}

/// A defect: something has panicked, or was cut off.
fn broken(error: &tokio::task::JoinError) -> Problem {
    Problem::new(Code("device.internal", Kind::Internal), format!("it broke off: {error}"))
}
