//! The listener: connections within a limit, TLS where it is spoken, each given to whoever knows the protocol.

use super::{Peer, Protocol, Stream, web};
use crate::Config;
use crate::accept::{Accepted, accept};
use crate::counted::{Counted, Wire};
use kernel::{DoorName, Kernel};
use rustls::ServerConfig;
use std::future::Future;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// What the unit gives to a listener for MQTT.
#[derive(Clone)]
pub struct Mqtt {
    /// Who knows the protocol.
    pub protocol: Arc<dyn Protocol>,
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// How TLS is spoken, where it is.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether WebSocket is spoken.
    pub is_web: bool,
    /// Connections at the same time; further ones are closed.
    pub connections_max: usize,
    /// The largest packet, which may come as one frame of WebSocket.
    pub packet_bytes_max: usize,
    /// The limits of doors.
    pub config: Config,
}

/// Serves MQTT until `shutdown` is ready, then lets connections come to their end within `drain_seconds_max`.
pub async fn serve_mqtt(
    listener: TcpListener,
    options: Mqtt,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (most, drain) = (options.connections_max, options.config.drain_time_max());
    let door = Arc::new(Door {
        tls: options.tls.clone().map(TlsAcceptor::from),
        traffic: Arc::clone(options.kernel.meters().door(DoorName::Mqtt)),
        options,
    });
    accept(listener, most, drain, shutdown, move |accepted| {
        let door = Arc::clone(&door);
        // Who is above the limit is told nothing: he has said nothing yet, so there is no version to say it in.
        async move {
            if accepted.has_place {
                door.connection(accepted).await;
            }
        }
    })
    .await;
}

/// Closes each connection at once until `shutdown` is ready: there is nobody yet to serve them.
pub async fn turn_mqtt_away(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (most, drain) = (config.connections_max, config.drain_time_max());
    accept(listener, most, drain, shutdown, |accepted| async move { drop(accepted) }).await;
}

/// What all connections of a listener share.
struct Door {
    options: Mqtt,
    tls: Option<TlsAcceptor>,
    traffic: Arc<kernel::Traffic>,
}

impl Door {
    async fn connection(&self, accepted: Accepted) {
        let Accepted { stream, address, stopped, .. } = accepted;
        let wire = Arc::new(Wire::default());
        wire.belongs_to(&self.traffic);
        let time = self.options.config.handshake_time_max();
        // What is needed to come in alone has its memory only then: most connections are quiet for years.
        let secured = timeout(time, Box::pin(self.secure(stream, wire))).await;
        let Ok(Some((stream, certificate))) = secured else { return };
        let peer = Peer { address, certificate };
        let stream: Box<dyn Stream> = match self.options.is_web {
            false => stream,
            true => match Box::pin(web::upgrade(stream, &self.options)).await {
                Some(stream) => Box::new(stream),
                None => return,
            },
        };
        self.options.protocol.serve(stream, peer, stopped).await;
    }

    /// Speaks TLS where that is wanted; nothing where it does not come about. Returns the certificate of the client, too.
    async fn secure(
        &self,
        stream: TcpStream,
        wire: Arc<Wire>,
    ) -> Option<(Box<dyn Stream>, Option<Vec<u8>>)> {
        let Some(tls) = &self.tls else {
            let stream: Box<dyn Stream> = Box::new(Counted::new(stream, wire));
            return Some((stream, None));
        };
        let stream = tls.accept(stream).await.ok()?;
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.map(|certificate| certificate.to_vec());
        let stream: Box<dyn Stream> = Box::new(Counted::new(stream, wire));
        Some((stream, certificate))
    }
}
