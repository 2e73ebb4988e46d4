//! The listener, and what comes before a session: TLS, cancel requests, the sign-in.

use super::Error;
use super::cancel::{Name, Sessions};
use super::scram::{self, Exchange};
use super::session::Session;
use super::wire::{Body, Closed, Message, Severity, Stream, Wire, put, text};
use crate::accept::accept;
use crate::router::Report;
use crate::share::{self, Caller, Shares};
use crate::visit::Defect;
use crate::{Config, answer, counted};
use base::{Code, Kind, Problem};
use kernel::{DoorName, Kernel, SignedIn, Span, SpanKind, Trace};
use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The longest message before somebody has signed in, in bytes.
const STARTUP_BYTES_MAX: usize = 10_000;

/// What a client asks for before it says who it is.
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// What the unit gives to its door of PostgreSQL.
#[derive(Clone)]
pub struct Postgres {
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// The version of Craton.
    pub version: String,
    /// How TLS is spoken.
    pub tls: Option<Arc<ServerConfig>>,
    /// The limits.
    pub config: Config,
    /// Writes a defect to the log, with the id under which the caller hears of it.
    pub report: Report,
}

/// What all sessions of a door share.
pub(crate) struct Door {
    pub kernel: Arc<Kernel>,
    pub version: String,
    pub config: Config,
    pub sessions: Sessions,
    /// How many connections each principal has.
    shares: Arc<Shares>,
    /// Threads that wait for the kernel.
    pub queries: Arc<Semaphore>,
    report: Report,
    tls: Option<TlsAcceptor>,
    /// True where a client may speak without TLS: the address is of this machine only.
    is_plain_allowed: bool,
}

/// Serves the protocol of PostgreSQL until `shutdown` is ready, then lets statements under way finish within
/// `drain_seconds_max`. On an address of this machine TLS is offered, on any other it is required.
pub async fn serve_postgres(
    listener: TcpListener,
    options: Postgres,
    shutdown: impl Future<Output = ()> + Send,
) {
    let is_loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let queries = options.config.postgres_queries_max.clamp(1, Semaphore::MAX_PERMITS);
    let door = Arc::new(Door {
        kernel: options.kernel,
        version: options.version,
        sessions: Sessions::default(),
        shares: Shares::new(share::most(
            options.config.postgres_connections_max,
            options.config.principal_percent,
        )),
        queries: Arc::new(Semaphore::new(queries)),
        report: options.report,
        tls: options.tls.map(TlsAcceptor::from),
        is_plain_allowed: is_loopback,
        config: options.config,
    });
    let (most, drain) = (door.config.postgres_connections_max, door.config.drain_time_max());
    accept(listener, most, drain, shutdown, move |accepted| {
        let door = Arc::clone(&door);
        async move {
            match accepted.has_place {
                true => door.connection(accepted.stream, accepted.stopped).await,
                false => door.turn_away(accepted.stream).await,
            }
        }
    })
    .await;
}

/// What a client says first.
struct Startup {
    parameters: BTreeMap<String, String>,
    /// True where it wants a later minor version than there is.
    is_newer: bool,
}

impl Door {
    /// Serves a connection until it ends.
    async fn connection(self: &Arc<Self>, stream: TcpStream, stopped: watch::Receiver<bool>) {
        let time = self.config.postgres_sign_in_time_max();
        let signed_in = timeout(time, self.begin(stream)).await;
        // Who says nothing in time is told nothing: it may be no client at all.
        let Ok(Ok(Some((mut wire, startup, signed_in)))) = signed_in else { return };
        let who = Caller::Known(signed_in.identity.principal.clone());
        let Some(_share) = self.shares.take(&who) else {
            let problem = Error::Busy { limit: self.shares.most() }.into();
            wire.refuse(&problem, Severity::Fatal, None);
            return wire.close().await;
        };
        Session::new(Arc::clone(self), wire, &startup.parameters, signed_in).serve(stopped).await;
    }

    /// Tells a client above the limit of connections to come later.
    async fn turn_away(&self, stream: TcpStream) {
        let mut wire = self.wire(Box::new(stream));
        let problem = Error::Busy { limit: self.config.postgres_connections_max }.into();
        wire.refuse(&problem, Severity::Fatal, None);
        wire.close().await;
    }

    fn wire(&self, stream: Box<dyn Stream>) -> Wire {
        Wire::new(stream, self.config.write_stall_max(), STARTUP_BYTES_MAX)
    }

    /// Goes from the first byte to somebody who has signed in. `None` where there is nobody to serve.
    async fn begin(
        self: &Arc<Self>,
        stream: TcpStream,
    ) -> Result<Option<(Wire, Startup, SignedIn)>, Closed> {
        let wire = Arc::new(counted::Wire::default());
        wire.belongs_to(self.kernel.meters().door(DoorName::Postgres));
        let mut stream: Box<dyn Stream> = Box::new(counted::Counted::new(stream, wire));
        let mut is_secure = false;
        let startup = loop {
            match self.first(&mut stream).await {
                Ok(First::Startup(startup)) => break startup,
                Ok(First::Cancel(name)) => {
                    self.sessions.cancel(name);
                    return Ok(None);
                }
                Ok(First::Secure) => match &self.tls {
                    Some(tls) if !is_secure => {
                        stream.write_all(b"S").await?;
                        stream.flush().await?;
                        stream = Box::new(tls.accept(stream).await?);
                        is_secure = true;
                    }
                    _ => stream.write_all(b"N").await?,
                },
                Ok(First::Sealed) => stream.write_all(b"N").await?,
                Err(closed) => {
                    if let Closed::Told(problem) = &closed {
                        let mut wire = self.wire(stream);
                        wire.refuse(problem, Severity::Fatal, None);
                        wire.close().await;
                    }
                    return Err(closed);
                }
            }
        };
        let mut wire = self.wire(stream);
        match self.sign_in(&mut wire, &startup, is_secure).await {
            Ok(signed_in) => {
                wire.set_limit(self.config.postgres_message_bytes_max);
                Ok(Some((wire, startup, signed_in)))
            }
            Err(Closed::Told(problem)) => {
                wire.refuse(&self.shown(*problem), Severity::Fatal, None);
                wire.close().await;
                Ok(None)
            }
            Err(Closed::Gone) => Ok(None),
        }
    }

    /// Reads one message of those that have no kind. Not a byte beyond it is read: what follows may be for TLS.
    async fn first(&self, stream: &mut Box<dyn Stream>) -> Result<First, Closed> {
        let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
        if !(8..=STARTUP_BYTES_MAX).contains(&length) {
            let reason = "the first message has a length that it cannot have".to_owned();
            return Err(Error::Protocol { reason }.into());
        }
        let mut bytes = vec![0; length - 4];
        stream.read_exact(&mut bytes).await?;
        Ok(First::read(&bytes)?)
    }

    /// Lets somebody sign in.
    async fn sign_in(
        self: &Arc<Self>,
        wire: &mut Wire,
        startup: &Startup,
        is_secure: bool,
    ) -> Result<SignedIn, Closed> {
        if !is_secure && !self.is_plain_allowed {
            return Err(Error::Tls.into());
        }
        if startup.parameters.get("replication").is_some_and(|value| value != "false") {
            return Err(Error::Unsupported { what: "replication".into() }.into());
        }
        let given = startup.parameters.get("user").cloned().unwrap_or_default();
        let user = given.strip_prefix("user:").unwrap_or(&given).to_owned();
        if startup.is_newer {
            wire.put(b'v', |out| {
                out.extend((3_u32 << 16).to_be_bytes());
                out.extend(0_u32.to_be_bytes());
            });
        }
        wire.put(b'R', |out| {
            out.extend(10_u32.to_be_bytes());
            text(out, scram::MECHANISM);
            out.push(0);
        });
        wire.flush().await?;
        let chosen = scram::chosen(&password(wire).await?)?;
        let challenge = {
            let user = user.clone();
            self.blocking(move |door| door.kernel.challenge(&user)).await?
        };
        let random = [(); 3].map(|()| format!("{:016x}", self.kernel.entropy().number())).concat();
        let exchange = Exchange::begin(&chosen, &challenge, &random)?;
        wire.put(b'R', |out| {
            out.extend(11_u32.to_be_bytes());
            out.extend_from_slice(exchange.answer().as_bytes());
        });
        wire.flush().await?;
        let proof = exchange.proof(&user, &password(wire).await?)?;
        let signed_in = self.blocking(move |door| door.kernel.sign_in(&proof)).await;
        let signed_in = signed_in.map_err(|problem| match problem.kind {
            Kind::Unauthenticated => Closed::from(Error::SignIn { user: shortened(&given) }),
            _ => Closed::Told(Box::new(problem)),
        })?;
        wire.put(b'R', |out| {
            out.extend(12_u32.to_be_bytes());
            out.extend_from_slice(scram::last(&signed_in.signature).as_bytes());
        });
        wire.put(b'R', |out| out.extend(0_u32.to_be_bytes()));
        Ok(signed_in)
    }

    /// Runs something on a thread that may wait, within the limit of such threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let broken = |text: String| Problem::new(Code("kernel.internal", Kind::Internal), text);
        let permit = Arc::clone(&self.queries).acquire_owned().await;
        let permit = permit.map_err(|error| broken(error.to_string()))?;
        let door = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(&door)
        });
        done.await.unwrap_or_else(|error| Err(broken(format!("a statement broke off: {error}"))))
    }

    /// Begins a trace with a statement, where the ratio says so. Clients of PostgreSQL have no standard way to bring one. The span of the
    /// door is the moment at which the statement came: what it took is in the spans below.
    pub(crate) fn traced(&self, operation: &str) -> Option<Trace> {
        let tracer = self.kernel.tracer();
        let trace = tracer.at_door(None)?;
        let now = tracer.now();
        let span = Span::new(&trace, None, format!("postgres {operation}"), SpanKind::Server);
        tracer.record(span.between(now, now));
        Some(trace)
    }

    /// Returns what a client may see of a problem; the detail of a defect goes to the log.
    pub(crate) fn shown(&self, problem: Problem) -> Problem {
        if problem.kind != Kind::Internal {
            return problem;
        }
        let id = format!("{:016x}", self.kernel.entropy().number());
        (self.report)(&Defect { id: &id, trace: None, problem: &problem });
        answer::shown(problem, &id)
    }
}

impl From<Problem> for Closed {
    fn from(problem: Problem) -> Self {
        Self::Told(Box::new(problem))
    }
}

/// Takes a message of the sign-in.
async fn password(wire: &mut Wire) -> Result<Vec<u8>, Closed> {
    match wire.message().await? {
        Some(Message::Password(bytes)) => Ok(bytes),
        Some(_) => Err(Error::Protocol { reason: "the sign-in is not finished".into() }.into()),
        None => Err(Closed::Gone),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

/// What may come first.
enum First {
    /// TLS is wanted.
    Secure,
    /// Encryption by GSSAPI is wanted, which there is not.
    Sealed,
    Cancel(Name),
    Startup(Startup),
}

impl First {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |reason: &str| Error::Protocol { reason: reason.to_owned() };
        let mut body = Body(bytes);
        let code = u32::from_be_bytes(body.bytes()?);
        match code {
            SSL_REQUEST => Ok(Self::Secure),
            GSS_REQUEST => Ok(Self::Sealed),
            CANCEL_REQUEST => {
                let number = i32::from_be_bytes(body.bytes()?);
                Ok(Self::Cancel(Name { number, secret: body.bytes()? }))
            }
            code if code >> 16 == 3 => {
                let mut parameters = BTreeMap::new();
                loop {
                    let name = body.text()?;
                    if name.is_empty() {
                        break;
                    }
                    parameters.insert(name, body.text()?);
                }
                if !body.0.is_empty() {
                    return Err(malformed("the first message is longer than what it says"));
                }
                Ok(Self::Startup(Startup { parameters, is_newer: code & 0xffff != 0 }))
            }
            code => {
                let (major, minor) = (code >> 16, code & 0xffff);
                Err(Error::Unsupported { what: format!("version {major}.{minor} of the protocol") })
            }
        }
    }
}

/// Writes the messages that begin a session.
pub(crate) fn greeting(out: &mut Vec<u8>, settings: &[(&str, String)], name: Name) {
    for (setting, value) in settings {
        put(out, b'S', |out| {
            text(out, setting);
            text(out, value);
        });
    }
    put(out, b'K', |out| {
        out.extend(name.number.to_be_bytes());
        out.extend(name.secret);
    });
}
