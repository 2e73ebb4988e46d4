//! The door of a node that does not take calls.

use super::wire::{Severity, Wire};
use crate::Config;
use crate::router::Away;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long accepting pauses when the system has no file or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The longest message that is read: none is.
const MESSAGE_BYTES_MAX: usize = 10_000;

/// Tells every client of PostgreSQL's protocol why it is not served, until `shutdown` is ready.
pub async fn turn_postgres_away(
    listener: TcpListener,
    away: Away,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) {
    let limit = config.postgres_connections_max.clamp(1, Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(limit));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Above the limit a connection ends without a word.
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (away, stall) = (Arc::clone(&away), config.write_stall_max());
        connections.spawn(async move {
            let _place = place;
            let mut wire = Wire::new(Box::new(stream), stall, MESSAGE_BYTES_MAX);
            wire.refuse(&away(), Severity::Fatal, None);
            wire.close().await;
        });
    }
}
