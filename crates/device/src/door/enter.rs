//! From the first byte of a connection to its session: CONNECT, who it is, the session opened, its seat taken.

use super::asks::{self, Asker};
use super::connection::{Client, Connection};
use super::identify::{Refused, identify};
use super::leave::Sitting;
use super::mailbox::Mailbox;
use super::rights::{Nobody, Rights};
use super::wire::{Moved, Wire};
use super::{Door, Peer, blocking, until};
use crate::Error;
use crate::broker::{Nudge, Open, Opened, Seat, Wake, feed};
use crate::mqtt::{Accepted, Act, Connack, Connect, Left, Machine, Outgoing, Place, Stage, reason};
use base::Problem;
use kernel::ResourceRef;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::sleep;

/// Bytes of a client's first packet beside its will: it is not known yet.
const CONNECT_BYTES_MAX: usize = 32 << 10;

/// For how long a connection waits until the one that it takes over has left, and how often it looks.
const LEAVE_WAIT: Duration = Duration::from_secs(1);
const LEAVE_LOOK: Duration = Duration::from_millis(10);

/// Lets a client in; nothing where it is not, or has gone: then all is said.
pub(super) async fn enter<S: AsyncRead + AsyncWrite + Unpin>(
    door: &Arc<Door>,
    stream: S,
    peer: Peer,
    mut stopped: watch::Receiver<bool>,
) -> Option<Connection<S>> {
    let mut wire = Wire::new(stream);
    let mut machine = Machine::new(door.limits, door.now(), door.wall());
    let connect = greet(door, &peer, &mut wire, &mut machine, &mut stopped).await;
    let refused = match connect {
        None => None,
        Some(connect) => match sit(door, &peer, &connect).await {
            Ok(seated) => {
                let client = Client::new(door, &peer, machine, seated);
                return Some(Connection { wire, client, stopped });
            }
            Err(refused) => {
                let Refused { code, reason } = &refused;
                let client = &connect.client;
                (door.report)(&format!(
                    "`{client}` at {} is not let in: {reason} (0x{code:02X})",
                    peer.address
                ));
                Some(refused)
            }
        },
    };
    if let Some(Refused { code, reason }) = refused {
        machine.refused(code, &reason);
    }
    let out = std::mem::take(machine.out());
    wire.end(out).await;
    None
}

/// Waits for CONNECT.
async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    door: &Door,
    peer: &Peer,
    wire: &mut Wire<S>,
    machine: &mut Machine,
    stopped: &mut watch::Receiver<bool>,
) -> Option<Box<Connect>> {
    let most = door.fleet.config.will_bytes_max.saturating_add(CONNECT_BYTES_MAX);
    loop {
        let wait = machine.next_tick().saturating_sub(door.now());
        tokio::select! {
            biased;
            moved = wire.turn(true, machine.out()) => match moved {
                Ok(Moved::In(_)) => machine.receive(&mut wire.input, door.now(), &Nobody),
                Ok(Moved::Out) => {}
                Ok(Moved::End) | Err(_) => return None,
            },
            () = sleep(wait) => machine.tick(door.now()),
            () = until(stopped) => return None,
        }
        let acts: Vec<Act> = machine.acts().collect();
        for act in acts {
            match act {
                Act::Connect(connect) => return Some(connect),
                Act::Refused(text) => {
                    (door.report)(&format!("{} was cut off: {text}", peer.address))
                }
                // Before CONNECT is answered nothing else is done.
                _ => {}
            }
        }
        if machine.is_closing() || most < wire.input.len() {
            return None;
        }
    }
}

/// What a client has that was let in.
pub(super) struct Seated {
    pub mailbox: Arc<Mailbox>,
    pub asker: Asker,
    pub seat: Arc<Seat>,
    pub rights: Rights,
    pub accepted: Accepted,
    pub client: Box<str>,
    pub sitting: Sitting,
}

/// Opens the session of a client and takes its seat.
async fn sit(door: &Arc<Door>, peer: &Peer, connect: &Connect) -> Result<Seated, Refused> {
    let identity = identify(door, peer, connect).await?;
    let client: Box<str> = match connect.client.is_empty() {
        true => format!("auto-{:016x}", door.kernel().entropy().number()).into(),
        false => connect.client.clone(),
    };
    let source = peer.address.ip();
    let open = Open::of(connect, &client, &peer.address.to_string());
    let open = serde_json::to_value(open).map_err(|error| Problem::from(Error::internal(error)))?;
    let on = ResourceRef::new("mqtt_session", "");
    let call = asks::call_of(&identity, source, "mqtt_session.open", on).with(open);
    let opened: Opened = asks::read(door.ask(call).await?)?;
    let asker = Asker { identity, source, session: opened.session, generation: opened.generation };
    // From here on it is closed, whatever comes.
    let sitting = Sitting::new(door, &asker);
    let mailbox = Arc::new(Mailbox::default());
    let seat = door.fleet.broker.seat(opened.session).ok_or_else(taken_over)?;
    let wake: Wake = {
        let mailbox = Arc::clone(&mailbox);
        Arc::new(move |nudge: Nudge| mailbox.nudge(nudge))
    };
    let left = attach(&seat, opened.generation, &wake).await;
    let looked = match seat.opened() == opened.generation {
        true => look(door, &asker, &seat, &opened, left.is_some()).await.map_err(Refused::from),
        false => Err(taken_over()),
    };
    let (rights, held) = match looked {
        Ok(looked) => looked,
        Err(refused) => {
            // Whoever comes next goes on from where this one would have.
            match left {
                Some(left) => seat.left(opened.generation, left),
                None => seat.vacate(opened.generation, &opened.held),
            }
            return Err(refused);
        }
    };
    let is_durable = 0 < opened.expiry;
    let (outgoing, incoming) = match left {
        Some(left) => (left.outgoing, left.incoming),
        None => (held, opened.incoming.iter().copied().collect::<BTreeSet<u16>>()),
    };
    let connack = Connack {
        is_present: opened.is_present,
        code: reason::SUCCESS,
        expiry: (opened.expiry != connect.expiry).then_some(opened.expiry),
        client: connect.client.is_empty().then(|| client.clone()),
        ..Connack::default()
    };
    let accepted = Accepted { connack, outgoing, incoming, is_durable };
    Ok(Seated { mailbox, asker, seat, rights, accepted, client, sitting })
}

/// Another connection of the same client was faster.
fn taken_over() -> Refused {
    Refused { code: reason::UNAVAILABLE, reason: "another connection has the session".into() }
}

/// Sits down. Where another connection sits there, it is waited for, since it knows best what its client has.
async fn attach(seat: &Seat, generation: u64, wake: &Wake) -> Option<Left> {
    let left = seat.attach(generation, Arc::clone(wake));
    if left.is_some() || seat.is_left() {
        return left;
    }
    let mut waited = Duration::ZERO;
    while waited < LEAVE_WAIT && !seat.is_left() {
        sleep(LEAVE_LOOK).await;
        waited += LEAVE_LOOK;
    }
    seat.attach(generation, Arc::clone(wake))
}

/// Looks up what a client may, and what is on its way to it where no connection has left it.
async fn look(
    door: &Arc<Door>,
    asker: &Asker,
    seat: &Arc<Seat>,
    opened: &Opened,
    has_left: bool,
) -> Result<(Rights, Outgoing), Problem> {
    let (door, seat) = (Arc::clone(door), Arc::clone(seat));
    let identity = asker.identity.clone();
    let held: Vec<(u16, Place, Stage)> = if has_left { Vec::new() } else { opened.held.clone() };
    blocking(move || {
        let rights = Rights::look(&door, &identity, &seat)?;
        let outgoing = match held.is_empty() {
            true => Outgoing::default(),
            false => feed::held(door.kernel(), &seat, &held)?,
        };
        Ok((rights, outgoing))
    })
    .await
}
