//! The doors for things: MQTT over TCP, TLS and WebSocket, on a runtime of their own with one thread. However much things say, they take
//! no thread from people and programs.

use crate::run::{listen, until};
use crate::{Config, Error, addresses};
use device::Fleet;
use device::door::{Door, Peer};
use kernel::Handle;
use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Threads on which connections have something looked up in the store.
const LOOKING_THREADS_MAX: usize = 16;

/// The addresses that are listened on for things.
pub(crate) struct Addresses {
    plain: Option<StdListener>,
    tls: Option<StdListener>,
    web: Option<StdListener>,
}

/// How a listener is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Plain,
    Tls,
    /// With TLS wherever it is not loopback.
    Web {
        is_secure: bool,
    },
}

impl Addresses {
    /// Opens what is configured.
    ///
    /// # Errors
    /// `unit.listen`; `unit.not_loopback` where tokens would cross a network in clear.
    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        let plain = open(config.listen_mqtt.as_deref()).await?;
        if !config.mqtt_plain && plain.as_ref().is_some_and(|plain| !is_loopback(plain)) {
            let address = config.listen_mqtt.clone().unwrap_or_default();
            return Err(Error::PlainMqtt { address });
        }
        let tls = open(config.listen_mqtts.as_deref()).await?;
        let web = open(config.listen_mqtt_ws.as_deref()).await?;
        Ok(Self { plain, tls, web })
    }

    /// Returns the listeners; to be called where the runtime is known.
    fn listeners(&self) -> Result<Vec<(TcpListener, How)>, Error> {
        let is_secure = self.web.as_ref().is_some_and(|web| !is_loopback(web));
        let all =
            [(&self.plain, How::Plain), (&self.tls, How::Tls), (&self.web, How::Web { is_secure })];
        let open = all.into_iter().filter_map(|(listener, how)| Some((listener.as_ref()?, how)));
        open.map(|(listener, how)| {
            let copied = listener.try_clone().and_then(TcpListener::from_std);
            let copied = copied.map_err(|source| Error::System { what: "listener", source })?;
            Ok((copied, how))
        })
        .collect()
    }

    /// Closes whatever comes until `stopped`: there is nobody to serve it. To be called where the runtime is known.
    ///
    /// # Errors
    /// `unit.system`.
    pub(crate) fn turn_away(
        &self,
        limits: &api::Config,
        stopped: &watch::Receiver<bool>,
    ) -> Result<Vec<JoinHandle<()>>, Error> {
        let away = |(listener, _)| {
            let (limits, stopped) = (limits.clone(), until(stopped.clone()));
            tokio::spawn(api::turn_mqtt_away(listener, limits, stopped))
        };
        Ok(self.listeners()?.into_iter().map(away).collect())
    }
}

async fn open(address: Option<&str>) -> Result<Option<StdListener>, Error> {
    match address {
        Some(address) => listen(address).await.map(Some),
        None => Ok(None),
    }
}

fn is_loopback(listener: &StdListener) -> bool {
    listener.local_addr().is_ok_and(|address| address.ip().is_loopback())
}

/// Returns the addresses as people can tell them to things.
pub(crate) fn told(config: &Config, machine: &[String]) -> Vec<String> {
    let is_near = |listen: &str| {
        listen
            .parse::<SocketAddr>()
            .map_or(listen.starts_with("localhost:"), |address| address.ip().is_loopback())
    };
    let web = config.listen_mqtt_ws.as_deref();
    let doors = [
        (config.listen_mqtt.as_deref(), "mqtt"),
        (config.listen_mqtts.as_deref(), "mqtts"),
        (web, if web.is_some_and(is_near) { "ws" } else { "wss" }),
    ];
    let open = doors.into_iter().filter_map(|(listen, scheme)| Some((listen?, scheme)));
    open.map(|(listen, scheme)| addresses::told(scheme, listen, machine)).collect()
}

/// What the doors with TLS show to things, and ask of them.
pub(crate) struct Shown {
    /// To devices, which may show a certificate themselves.
    pub devices: Arc<rustls::ServerConfig>,
    /// To browsers, which would ask people for one.
    pub browsers: Arc<rustls::ServerConfig>,
}

/// The doors for things, while they are open.
pub(crate) struct Things {
    runtime: Runtime,
    stop: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
    /// Ends what is done for all connections, once these have ended.
    rest: watch::Sender<bool>,
    keeping: JoinHandle<()>,
}

impl Things {
    /// Opens the doors.
    ///
    /// # Errors
    /// `unit.system` where the system gives no thread.
    pub(crate) fn open(
        config: &Config,
        handle: &Handle,
        fleet: &Arc<Fleet>,
        at: &Addresses,
        shown: &Shown,
    ) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(LOOKING_THREADS_MAX)
            .thread_name("things")
            .enable_all()
            .build()
            .map_err(|source| Error::System { what: "runtime", source })?;
        let report = Arc::new(|text: &str| log::warn!(target: "mqtt", "{text}"));
        let door = Door::new(Arc::clone(fleet), handle.clone(), report);
        let (stop, rest) = (watch::Sender::new(false), watch::Sender::new(false));
        let keeping = runtime.spawn(Arc::clone(&door).background(rest.subscribe()));
        let inside = runtime.enter();
        let listeners = at.listeners()?;
        drop(inside);
        let serve = |(listener, how): (TcpListener, How)| {
            let options = api::Mqtt {
                protocol: Arc::new(Spoken(Arc::clone(&door))),
                kernel: Arc::clone(handle.kernel()),
                tls: match how {
                    How::Plain | How::Web { is_secure: false } => None,
                    How::Tls => Some(Arc::clone(&shown.devices)),
                    How::Web { is_secure: true } => Some(Arc::clone(&shown.browsers)),
                },
                is_web: matches!(how, How::Web { .. }),
                connections_max: config.device.connections_max,
                packet_bytes_max: config.device.packet_bytes_max as usize,
                config: config.api.clone(),
            };
            runtime.spawn(api::serve_mqtt(listener, options, until(stop.subscribe())))
        };
        let serving = listeners.into_iter().map(serve).collect();
        Ok(Self { runtime, stop, serving, rest, keeping })
    }

    /// Closes the doors: clients are told, and their sessions closed.
    pub(crate) fn close(self) {
        let Self { runtime, stop, serving, rest, keeping } = self;
        stop.send_replace(true);
        runtime.block_on(async {
            for served in serving {
                // Where one has ended by itself there is nobody to wait for.
                let _ = served.await;
            }
            rest.send_replace(true);
            let _ = keeping.await;
        });
        runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

/// What the listeners give connections to.
struct Spoken(Arc<Door>);

impl api::Protocol for Spoken {
    fn serve(
        &self,
        stream: Box<dyn api::Stream>,
        peer: api::Peer,
        stopped: watch::Receiver<bool>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let api::Peer { address, certificate } = peer;
        let certificate = certificate.map(|certificate| base::sha256(&certificate));
        Box::pin(Arc::clone(&self.0).serve(stream, Peer { address, certificate }, stopped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(lines: &str) -> Config {
        let text =
            format!("name = 'a'\nlisten = '127.0.0.1:0'\nlisten_peers = '127.0.0.1:0'\n{lines}");
        toml::from_str(&text).expect("a configuration")
    }

    #[test]
    fn doors_are_told_as_things_can_reach_them() {
        let told = |lines: &str| told(&config(lines), &[]);
        assert!(told("").is_empty());
        assert_eq!(told("listen_mqtt = '127.0.0.1:1883'"), ["mqtt://127.0.0.1:1883"]);
        assert_eq!(
            told("listen_mqtts = '192.0.2.1:8883'\nlisten_mqtt_ws = '192.0.2.1:8884'"),
            ["mqtts://192.0.2.1:8883", "wss://192.0.2.1:8884"]
        );
        assert_eq!(told("listen_mqtt_ws = 'localhost:9001'"), ["ws://localhost:9001"]);
    }

    #[test]
    fn tokens_cross_no_network_in_clear_unless_that_is_said() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let open = |lines: &str| runtime.block_on(Addresses::open(&config(lines)));
        let refused = open("listen_mqtt = '0.0.0.0:0'").err().expect("refused");
        assert!(matches!(refused, Error::PlainMqtt { .. }), "{refused}");
        assert!(open("listen_mqtt = '0.0.0.0:0'\nmqtt_plain = true").is_ok());
        assert!(open("listen_mqtt = '127.0.0.1:0'").is_ok());
        assert!(open("").is_ok_and(|open| open.plain.is_none()));
    }
}
