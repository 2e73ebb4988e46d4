//! Listeners for MQTT: TCP, TLS and WebSocket. They know connections, and nothing of what is said on them: whoever knows the protocol
//! is given each as a stream of bytes.

mod serve;
mod web;

pub use serve::{Mqtt, serve_mqtt, turn_mqtt_away};

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// A connection as bytes.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// The certificate that it has shown in the handshake of TLS, in its DER form. That it has the key is checked, and nothing else.
    pub certificate: Option<Vec<u8>>,
}

/// What is spoken on a connection.
pub trait Protocol: Send + Sync {
    /// Serves a connection until its end. `stopped` becomes true when the unit ends: then it says so, and comes to an end itself.
    fn serve(
        &self,
        stream: Box<dyn Stream>,
        peer: Peer,
        stopped: watch::Receiver<bool>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}
