//! The door of a node that does not take calls.

use super::wire::{Severity, Wire};
use crate::Config;
use crate::accept::accept;
use crate::router::Away;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// The longest message that is read: none is.
const MESSAGE_BYTES_MAX: usize = 10_000;

/// Tells every client of PostgreSQL's protocol why it is not served, until `shutdown` is ready.
pub async fn turn_postgres_away(
    listener: TcpListener,
    away: Away,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (limit, stall) = (config.postgres_connections_max, config.write_stall_max());
    accept(listener, limit, Duration::ZERO, shutdown, move |accepted| {
        let away = Arc::clone(&away);
        async move {
            // Above the limit a connection ends without a word.
            if accepted.has_place {
                let mut wire = Wire::new(Box::new(accepted.stream), stall, MESSAGE_BYTES_MAX);
                wire.refuse(&away(), Severity::Fatal, None);
                wire.close().await;
            }
        }
    })
    .await;
}
