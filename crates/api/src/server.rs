//! The listeners: plain, for the same machine, and TLS.

use crate::connection::Source;
use crate::counted::Wire;
use crate::{Config, Error, answer, connection};
use base::Problem;
use rustls::ServerConfig;
use std::future::Future;
use std::io::Write;
use std::net::Shutdown;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

/// How long accepting pauses when the system has no file or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves plain HTTP until `shutdown` is ready, then lets requests under way finish within `drain_seconds_max`.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) {
    listen(listener, None, router, config, shutdown).await;
}

/// Serves HTTP over TLS until `shutdown` is ready, then lets requests under way finish within `drain_seconds_max`.
pub async fn serve_tls(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: axum::Router,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) {
    listen(listener, Some(TlsAcceptor::from(tls)), router, config, shutdown).await;
}

async fn listen(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: axum::Router,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) {
    let config = Arc::new(config);
    let places = Arc::new(Semaphore::new(config.connections_max.clamp(1, Semaphore::MAX_PERMITS)));
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
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            turn_away(stream, tls.is_none(), config.connections_max);
            continue;
        };
        let (tls, router) = (tls.clone(), router.clone());
        let wire = Arc::new(Wire::new(tls.is_some(), address.ip().is_loopback()));
        let (config, stopped) = (Arc::clone(&config), stopped.clone());
        let source = Source(address.ip());
        connections.spawn(async move {
            let _place = place;
            // Small answers leave at once.
            let _ = stream.set_nodelay(true);
            let Some(tls) = tls else {
                return connection::serve(stream, source, router, wire, &config, stopped).await;
            };
            if let Ok(Ok(stream)) = timeout(config.handshake_time_max(), tls.accept(stream)).await {
                connection::serve(stream, source, router, wire, &config, stopped).await;
            }
        });
    }
    drop(listener);
    stop.send_replace(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What takes longer is cut off when the set of connections is dropped.
    let _ = timeout(config.drain_time_max(), drained).await;
}

/// Tells a client above the limit of connections to come later, as far as that needs no waiting.
fn turn_away(stream: TcpStream, is_plain: bool, limit: usize) {
    let problem = Problem::from(Error::Busy { what: "connections", limit });
    if let (true, Ok(mut stream)) = (is_plain, stream.into_std()) {
        let _ = stream.write_all(&answer::raw_refusal(&problem));
        let _ = stream.shutdown(Shutdown::Write);
    }
}
