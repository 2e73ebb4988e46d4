//! What a connection reads for itself: from the log where it is behind or has just come back, what its client may already have, retained
//! messages. All of it may wait for the store: a door does it on a thread where that harms nobody.

use super::Broker;
use super::group::Group;
use super::log::{LOG, READ_BYTES, SEGMENT, Single, messages};
use super::message::{Message, Origin};
use super::rights::Hears;
use super::seat::Seat;
use super::track::Track;
use super::{key, retained};
use crate::mqtt::{Delivery, Held, Outgoing, Place, Publish, Qos, Stage};
use base::{Problem, Time, prefix_end};
use bytes::Bytes;
use kernel::{Kernel, Read, Reader};
use std::sync::Arc;

pub use retained::retained_for;

/// So many bytes of messages are read at once, about.
pub(crate) const FOUND_BYTES_MAX: usize = 1 << 20;

/// Identifiers farther apart than half of all have one that begins anew between them.
const PACKETS_HALF: u16 = u16::MAX / 2;

/// Reads on in the log, for the session and for its groups; `room` messages at most.
///
/// # Errors
/// Where the store cannot be read.
pub fn read_on(
    kernel: &Arc<Kernel>,
    _broker: &Broker,
    seat: &Seat,
    room: usize,
) -> Result<Vec<Delivery>, Problem> {
    let reader = Reader::new(kernel, seat.principal().clone())?;
    let mut hears = Hears::new(&reader);
    let mut found = Vec::new();
    read_queue(&reader, &mut hears, seat, seat, room, &mut found)?;
    for group in seat.member_of() {
        if !is_full(&found, room) {
            read_queue(&reader, &mut hears, group.as_ref(), seat, room, &mut found)?;
        }
    }
    Ok(found)
}

/// Returns what a client may have, as it stands in the store, so that it is sent on: after a restart.
///
/// # Errors
/// Where the store cannot be read.
pub fn held(
    kernel: &Arc<Kernel>,
    seat: &Seat,
    held: &[(u16, Place, Stage)],
) -> Result<Outgoing, Problem> {
    let reader = Reader::new(kernel, seat.principal().clone())?;
    let mut log = Single::new(&reader);
    let mut hears = Hears::new(&reader);
    let mut outgoing = Outgoing::default();
    for (packet, place, stage) in held {
        let (offset, group) = match place {
            Place::Log(offset) => (*offset, None),
            Place::Group { group, offset } => (*offset, Some(*group)),
            Place::Command(_) | Place::Desired(_) | Place::Retained | Place::None => continue,
        };
        let message = log.at(offset)?;
        let message = match (message, stage) {
            (Some(message), _) => message,
            // Its identifier is to be released; what it said the client has.
            (None, Stage::Received) => gone(),
            (None, Stage::Sent) => {
                seat.handled(&[*place]);
                continue;
            }
        };
        let delivery = delivery_of(&mut hears, seat, group, *place, message)?;
        outgoing.held.insert(*packet, Held { delivery, stage: *stage });
    }
    outgoing.next = match seat.packet_next() {
        0 => behind_newest(&outgoing.held.keys().copied().collect::<Vec<u16>>()),
        next => next,
    };
    Ok(outgoing)
}

/// Returns the packet identifier behind the newest of those that are in use, which are sorted: they are given one after the other, from 1
/// again behind the last.
fn behind_newest(packets: &[u16]) -> u16 {
    let (Some(first), Some(last)) = (packets.first(), packets.last()) else { return 0 };
    let has_wrapped = PACKETS_HALF < last - first;
    let newest = packets.iter().rfind(|packet| !has_wrapped || **packet <= PACKETS_HALF);
    newest.map_or(0, |newest| newest.wrapping_add(1).max(1))
}

/// Returns a message as it was on its way: with the quality of service of its subscription, where that is still there.
fn delivery_of(
    hears: &mut Hears<'_>,
    seat: &Seat,
    group: Option<u64>,
    place: Place,
    message: Message,
) -> Result<Delivery, Problem> {
    let of_group = |number: u64| seat.groups().into_iter().find(|group| group.number() == number);
    let merged = hears.answer(seat.principal(), &message.origin, |asked| match group {
        None => seat.merged(&message, None, asked),
        Some(number) => match of_group(number) {
            Some(group) => seat.merged_shared(group.filter(), &message, asked),
            None => Ok(None),
        },
    })?;
    let qos = merged.as_ref().map_or(message.qos, |merged| merged.qos.min(message.qos));
    let ids = merged.map(|merged| merged.ids).unwrap_or_default();
    Ok(Delivery {
        message: Arc::new(message),
        place,
        qos: qos.max(Qos::AtLeastOnce),
        retain: false,
        ids,
    })
}

/// Returns a message of which nothing is left.
fn gone() -> Message {
    let publish = Publish {
        topic: "".into(),
        payload: Bytes::new(),
        qos: Qos::ExactlyOnce,
        retain: false,
        is_dup: false,
        packet: 0,
        alias: None,
        properties: None,
    };
    Message::new(publish, 0, Origin::Topic("".into()), Time(0))
}

/// Whom a message is for that was read.
enum For {
    /// The session that reads, which gets it like this.
    This(Delivery),
    /// Another member of the group: this one may not hear it.
    Another(Arc<Seat>),
    /// Nobody.
    Nobody,
}

/// What has a place in the log: a session, and a group for one of its members.
trait Queue {
    /// The number under which segments are marked for it; none where they are not.
    fn marked(&self) -> Option<u64>;

    /// Does something with how far it has come.
    fn track<T>(&self, then: impl FnOnce(&mut Track) -> T) -> T;

    /// Returns whom a message is for, of those whose queue it is.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn whose(
        &self,
        hears: &mut Hears<'_>,
        seat: &Seat,
        offset: u64,
        message: Message,
    ) -> Result<For, Problem>;

    /// Keeps for another a message that was taken for it.
    fn keep(&self, other: &Seat, offset: u64);
}

impl Queue for Seat {
    fn marked(&self) -> Option<u64> {
        self.is_durable().then(|| self.session())
    }

    fn track<T>(&self, then: impl FnOnce(&mut Track) -> T) -> T {
        self.with_track(then)
    }

    fn whose(
        &self,
        hears: &mut Hears<'_>,
        seat: &Seat,
        offset: u64,
        message: Message,
    ) -> Result<For, Problem> {
        let merged = hears.answer(seat.principal(), &message.origin, |asked| {
            seat.merged(&message, Some(offset), asked)
        })?;
        let Some(merged) = merged else { return Ok(For::Nobody) };
        let delivery = merged.delivery(Arc::new(message), Place::Log(offset));
        let is_kept = delivery.qos != Qos::AtMostOnce;
        Ok(if is_kept { For::This(delivery) } else { For::Nobody })
    }

    /// A session's own queue is for nobody else.
    fn keep(&self, _other: &Seat, _offset: u64) {}
}

impl Queue for Group {
    fn marked(&self) -> Option<u64> {
        Some(self.number())
    }

    fn track<T>(&self, then: impl FnOnce(&mut Track) -> T) -> T {
        self.with_track(then)
    }

    fn whose(
        &self,
        hears: &mut Hears<'_>,
        seat: &Seat,
        offset: u64,
        message: Message,
    ) -> Result<For, Problem> {
        let is_for = super::topic::matches(super::topic::plain(self.filter()), &message.topic);
        if !is_for || offset < self.from() {
            return Ok(For::Nobody);
        }
        let merged = hears.answer(seat.principal(), &message.origin, |asked| {
            seat.merged_shared(self.filter(), &message, asked)
        })?;
        let Some(merged) = merged else {
            return Ok(self.member_for(hears, &message)?.map_or(For::Nobody, For::Another));
        };
        let place = Place::Group { group: self.number(), offset };
        Ok(For::This(merged.delivery(Arc::new(message), place)))
    }

    fn keep(&self, other: &Seat, offset: u64) {
        self.keep_for(other, offset);
    }
}

fn read_queue<Q: Queue>(
    reader: &Reader,
    hears: &mut Hears<'_>,
    queue: &Q,
    seat: &Seat,
    room: usize,
    found: &mut Vec<Delivery>,
) -> Result<(), Problem> {
    read_given_back(reader, hears, queue, seat, room, found)?;
    while !is_full(found, room) {
        let Some(next) = queue.track(|track| track.behind()) else { return Ok(()) };
        let from = match queue.marked() {
            Some(number) => first_marked(reader, number, next)?,
            None => Some(next),
        };
        let chunks = match from {
            Some(from) => reader.chunks(LOG, from, READ_BYTES)?,
            None => Vec::new(),
        };
        if chunks.is_empty() {
            let end = reader.log_end(LOG)?;
            queue.track(|track| track.read_upto(end));
            return Ok(());
        }
        for chunk in chunks {
            for read in messages(&chunk, from.unwrap_or(next)) {
                let (offset, message) = read?;
                if is_full(found, room) {
                    queue.track(|track| track.read_upto(offset));
                    return Ok(());
                }
                let whose = queue.whose(hears, seat, offset, message)?;
                take(queue, seat, offset, (whose, Track::read), found);
            }
            let end = chunk.offset + u64::from(chunk.count);
            queue.track(|track| track.read_upto(end));
        }
    }
    Ok(())
}

/// Returns whether enough was found: messages for all the room, or a good many bytes.
fn is_full(found: &[Delivery], room: usize) -> bool {
    let bytes = || found.iter().map(|delivery| delivery.message.size()).sum::<usize>();
    room <= found.len() || FOUND_BYTES_MAX <= bytes()
}

/// How a message is taken out of a queue, for a session. Returns false where it is not to be had.
type Take = fn(&mut Track, u64, u64) -> bool;

/// Takes a message that was read for whom it is for, where nobody else has it.
fn take<Q: Queue>(
    queue: &Q,
    seat: &Seat,
    offset: u64,
    (whose, how): (For, Take),
    found: &mut Vec<Delivery>,
) {
    match whose {
        For::Nobody => {}
        For::Another(other) => {
            if queue.track(|track| how(track, offset, other.session())) {
                queue.keep(&other, offset);
            }
        }
        For::This(delivery) => {
            if queue.track(|track| how(track, offset, seat.session())) {
                if delivery.place == Place::None {
                    queue.track(|track| track.handled(offset));
                }
                found.push(delivery);
            }
        }
    }
}

/// Reads what was taken by a connection that has gone without acknowledging it, or is kept for the session.
fn read_given_back<Q: Queue>(
    reader: &Reader,
    hears: &mut Hears<'_>,
    queue: &Q,
    seat: &Seat,
    room: usize,
    found: &mut Vec<Delivery>,
) -> Result<(), Problem> {
    let mut log = Single::new(reader);
    let count = room.saturating_sub(found.len());
    for offset in queue.track(|track| track.given_back(seat.session(), count)) {
        if is_full(found, room) {
            break;
        }
        let whose = match log.at(offset)? {
            Some(message) => queue.whose(hears, seat, offset, message)?,
            None => For::Nobody,
        };
        if matches!(whose, For::Nobody) {
            // Where another was quicker it is his.
            if queue.track(|track| track.take_again(offset, seat.session())) {
                queue.track(|track| track.handled(offset));
            }
        } else {
            take(queue, seat, offset, (whose, Track::take_again), found);
        }
    }
    Ok(())
}

/// Returns from where on something stands in the log for a session or a group, from an offset on.
fn first_marked(read: &dyn Read, number: u64, from: u64) -> Result<Option<u64>, Problem> {
    let first = key::mark(number, from >> SEGMENT);
    let end = prefix_end(key::marks(number).as_ref());
    let pairs = read.scan(first.as_ref(), &end, 1, false)?;
    let segment = pairs.first().and_then(|(stored, _)| key::last(stored));
    Ok(segment.map(|segment| from.max(segment << SEGMENT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_go_on_behind_the_newest() {
        assert_eq!(behind_newest(&[]), 0);
        assert_eq!(behind_newest(&[1, 2, 9]), 10);
        assert_eq!(behind_newest(&[65_534, 65_535]), 1);
        assert_eq!(behind_newest(&[1, 2, 65_534, 65_535]), 3, "they have begun anew");
        assert_eq!(behind_newest(&[1, 40_000]), 2);
    }
}
