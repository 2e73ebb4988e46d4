//! The listeners: plain, for the same machine, and TLS.

use crate::accept::{Accepted, accept};
use crate::connection::Source;
use crate::counted::Wire;
use crate::{Config, Error, answer, connection};
use base::Problem;
use rustls::ServerConfig;
use std::future::Future;
use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

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
    let (limit, drain) = (config.connections_max, config.drain_time_max());
    let config = Arc::new(config);
    accept(listener, limit, drain, shutdown, move |accepted| {
        let (tls, router, config) = (tls.clone(), router.clone(), Arc::clone(&config));
        async move {
            let Accepted { stream, address, has_place, stopped } = accepted;
            if !has_place {
                return turn_away(stream, tls.is_none(), limit);
            }
            let wire = Arc::new(Wire::new(tls.is_some(), address.ip().is_loopback()));
            let source = Source(address.ip());
            let Some(tls) = tls else {
                return connection::serve(stream, source, router, wire, &config, stopped).await;
            };
            if let Ok(Ok(stream)) = timeout(config.handshake_time_max(), tls.accept(stream)).await {
                connection::serve(stream, source, router, wire, &config, stopped).await;
            }
        }
    })
    .await;
}

/// Tells a client above the limit of connections to come later, as far as that needs no waiting.
fn turn_away(stream: TcpStream, is_plain: bool, limit: usize) {
    let problem = Problem::from(Error::Busy { what: "connections", limit });
    if let (true, Ok(mut stream)) = (is_plain, stream.into_std()) {
        let _ = stream.write_all(&answer::raw_refusal(&problem));
        let _ = stream.shutdown(Shutdown::Write);
    }
}
