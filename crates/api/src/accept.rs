//! What every listener does: takes connections within a limit, until it is told to stop, and lets those that are open finish.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long accepting pauses when the system has no file or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A connection that has come.
pub(crate) struct Accepted {
    pub stream: TcpStream,
    pub address: SocketAddr,
    /// False where it is above the limit of connections.
    pub has_place: bool,
    /// Becomes true when the listener stops.
    pub stopped: watch::Receiver<bool>,
}

/// Has each connection served by a task of its own until `shutdown` is ready, then lets those that are open finish within `drain`.
pub(crate) async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    connections_max: usize,
    drain: Duration,
    shutdown: impl Future<Output = ()> + Send,
    serve: impl Fn(Accepted) -> F + Send,
) {
    let places = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, address) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Small answers leave at once.
        let _ = stream.set_nodelay(true);
        let place = Arc::clone(&places).try_acquire_owned();
        let (has_place, stopped) = (place.is_ok(), stopped.clone());
        let served = serve(Accepted { stream, address, has_place, stopped });
        connections.spawn(async move {
            let _place = place;
            served.await;
        });
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What takes longer is cut off when the set of connections is dropped.
    let _ = timeout(drain, drained).await;
}
