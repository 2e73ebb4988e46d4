//! What a client is sent: packet identifiers, flow control, and both steps of QoS 2.
//!
//! A QoS 2 message of a durable session is kept under its identifier before it is sent ([`Act::Hold`]), and its PUBREC before
//! PUBREL is: after a crash it goes on where it was. QoS 1 is sent at once; a crash may send it twice.

use super::{Act, Delivery, Held, Machine, Outgoing, Phase, Place, Stage};
use crate::mqtt::packet::{AckKind, Qos, Version, reason};
use crate::mqtt::publish_out::Head;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// How many bytes may be unwritten before nothing more is taken: no delivery for the client, and no packet of it.
pub(super) const OUT_BYTES_MAX: usize = 256 * 1024;

/// How many bytes of messages may be without acknowledgement before no more are taken.
const HELD_BYTES_MAX: usize = 1 << 20;

/// How many deliveries are taken at once: what one read of a queue may bring is bounded, whatever the client takes.
const ROOM_MAX: usize = 64;

/// What is on its way to the client.
#[derive(Default)]
pub(super) struct Flight {
    outgoing: Outgoing,
    /// Bytes of the messages in it, about.
    bytes: usize,
    /// Identifiers that are to be sent, in their order, and whether that is again.
    unsent: VecDeque<(u16, bool)>,
    /// Identifiers that are being kept before PUBLISH is sent.
    to_send: BTreeSet<u16>,
    /// Identifiers that are being kept before PUBREL is sent.
    to_release: BTreeSet<u16>,
    /// How many PUBLISH may still be sent (MQTT 5, 4.9).
    quota: u16,
    quota_max: u16,
}

impl Flight {
    /// Goes on with what the session holds: in the order of the identifiers, from the oldest.
    pub(super) fn resume(&mut self, outgoing: Outgoing, quota: u16) {
        self.quota = quota.max(1);
        self.quota_max = self.quota;
        let older = outgoing.held.range(outgoing.next..);
        let newer = outgoing.held.range(..outgoing.next);
        self.unsent = older.chain(newer).map(|(packet, _)| (*packet, true)).collect();
        self.bytes = outgoing.held.values().map(|held| held.delivery.message.size()).sum();
        self.outgoing = outgoing;
    }

    pub(super) fn leave(self) -> Outgoing {
        self.outgoing
    }

    fn room(&self) -> usize {
        if HELD_BYTES_MAX <= self.bytes {
            return 0;
        }
        let awaited = self.unsent.len() + self.to_send.len();
        usize::from(self.quota).saturating_sub(awaited).min(ROOM_MAX)
    }

    /// Returns an identifier that is free, where one is.
    fn packet(&mut self) -> Option<u16> {
        for _ in 0..=u16::MAX {
            let packet = self.outgoing.next.max(1);
            self.outgoing.next = packet.checked_add(1).unwrap_or(1);
            if !self.outgoing.held.contains_key(&packet) {
                return Some(packet);
            }
        }
        None
    }
}

/// What the door brings.
impl Machine {
    /// Returns how many deliveries can be taken now.
    pub fn room(&self) -> usize {
        if self.phase != Phase::Open || OUT_BYTES_MAX <= self.out.len() {
            return 0;
        }
        self.flight.room()
    }

    /// Sends a message, or keeps it until it can be sent. What has expired, or is larger than the client takes, is done with.
    pub fn deliver(&mut self, delivery: Delivery, now: Duration) {
        self.move_to(now);
        if self.phase != Phase::Open {
            return;
        }
        let Some(expiry) = delivery.message.remaining(self.wall_now()) else {
            self.handled(delivery.place);
            return;
        };
        if delivery.qos == Qos::AtMostOnce {
            self.write(&delivery, 0, false, expiry);
            self.handled(delivery.place);
            return;
        }
        let Some(packet) = self.flight.packet() else {
            // 65,535 are under way: who minds `room` never comes here.
            self.fault(reason::QUOTA, "no packet identifier is free");
            return;
        };
        let (qos, place) = (delivery.qos, delivery.place);
        self.flight.bytes += delivery.message.size();
        self.flight.outgoing.held.insert(packet, Held { delivery, stage: Stage::Sent });
        if self.is_durable && qos == Qos::ExactlyOnce {
            self.flight.to_send.insert(packet);
            self.hold(packet, place, Stage::Sent);
        } else {
            self.flight.unsent.push_back((packet, false));
            self.send_on();
        }
    }

    /// Answers [`Act::Hold`].
    pub fn held(&mut self, packets: &[u16]) {
        for packet in packets {
            if self.flight.to_send.remove(packet) {
                self.flight.unsent.push_back((*packet, false));
            }
            if self.flight.to_release.remove(packet) {
                self.release(*packet, reason::SUCCESS);
            }
        }
        self.send_on();
    }
}

/// What the client acknowledges.
impl Machine {
    pub(super) fn take_puback(&mut self, packet: u16) {
        match self.qos_of(packet) {
            Some(Qos::AtLeastOnce) => self.finish(packet),
            Some(_) => self.fault(reason::PROTOCOL, "PUBACK for a message of QoS 2"),
            // Answered twice, or of a session that was forgotten.
            None => {}
        }
    }

    pub(super) fn take_pubrec(&mut self, packet: u16, code: u8) {
        let is_awaited = self.flight.to_send.contains(&packet);
        match self.flight.outgoing.held.get_mut(&packet) {
            None => self.release(packet, reason::PACKET_NOT_FOUND),
            Some(held) if held.delivery.qos != Qos::ExactlyOnce || is_awaited => {
                self.fault(reason::PROTOCOL, "PUBREC for a message that was not sent with QoS 2");
            }
            Some(held) if held.stage == Stage::Received => {
                if !self.flight.to_release.contains(&packet) {
                    self.release(packet, reason::SUCCESS);
                }
            }
            // The client does not take it: the exchange is over (MQTT 5, 4.3.3).
            Some(_) if 0x80 <= code => self.finish(packet),
            Some(held) => {
                held.stage = Stage::Received;
                let place = held.delivery.place;
                if self.is_durable {
                    self.flight.to_release.insert(packet);
                    self.hold(packet, place, Stage::Received);
                } else {
                    self.release(packet, reason::SUCCESS);
                }
            }
        }
    }

    pub(super) fn take_pubcomp(&mut self, packet: u16) {
        let Some(held) = self.flight.outgoing.held.get(&packet) else {
            return;
        };
        if held.stage == Stage::Received && !self.flight.to_release.contains(&packet) {
            self.finish(packet);
        } else {
            self.fault(reason::PROTOCOL, "PUBCOMP came before PUBREL was sent");
        }
    }

    /// Sends what waits for its turn, as far as the client takes it.
    pub(super) fn send_on(&mut self) {
        while let Some((packet, is_dup)) = self.flight.unsent.front().copied() {
            if self.phase != Phase::Open {
                return;
            }
            let Some(held) = self.flight.outgoing.held.get(&packet) else {
                self.flight.unsent.pop_front();
                continue;
            };
            if held.stage == Stage::Sent && self.flight.quota == 0 {
                return;
            }
            let (delivery, stage) = (held.delivery.clone(), held.stage);
            self.flight.unsent.pop_front();
            if stage == Stage::Received {
                if !self.flight.to_release.contains(&packet) {
                    self.release(packet, reason::SUCCESS);
                }
                continue;
            }
            let expiry = match delivery.message.remaining(self.wall_now()) {
                Some(expiry) => Some(expiry),
                // Its delivery has begun, so it is ended; a second, because some clients take no life of 0.
                None if is_dup => Some(Some(1)),
                None => None,
            };
            let is_sent =
                expiry.is_some_and(|expiry| self.write(&delivery, packet, is_dup, expiry));
            if is_sent {
                self.flight.quota -= 1;
            } else {
                self.forget(packet);
            }
        }
    }

    /// Writes PUBLISH; does not where it is larger than the client takes (MQTT-3.1.2-24, MQTT-3.1.2-25).
    fn write(
        &mut self,
        delivery: &Delivery,
        packet: u16,
        is_dup: bool,
        expiry_secs: Option<u32>,
    ) -> bool {
        let version = self.codec.version().unwrap_or(Version::V3);
        let encoded = delivery.message.encoded(version);
        let (qos, retain) = (delivery.qos, delivery.retain);
        let head = Head { qos, is_dup, retain, packet, ids: &delivery.ids, expiry_secs };
        let is_taken = self.codec.takes(encoded.len(&head));
        if is_taken {
            encoded.write(&mut self.out, head);
        }
        is_taken
    }

    fn release(&mut self, packet: u16, code: u8) {
        if self.phase == Phase::Open {
            self.codec.ack(&mut self.out, AckKind::Pubrel, packet, code, None);
        }
    }

    /// Ends an exchange that the client has acknowledged.
    fn finish(&mut self, packet: u16) {
        self.flight.quota = (self.flight.quota + 1).min(self.flight.quota_max);
        self.forget(packet);
        self.send_on();
    }

    fn forget(&mut self, packet: u16) {
        let Some(held) = self.flight.outgoing.held.remove(&packet) else {
            return;
        };
        self.flight.bytes = self.flight.bytes.saturating_sub(held.delivery.message.size());
        self.handled(held.delivery.place);
        if !self.is_durable || held.delivery.qos != Qos::ExactlyOnce {
            return;
        }
        if let Some(Act::Done(packets)) = self.acts.last_mut() {
            packets.push(packet);
        } else {
            self.acts.push(Act::Done(vec![packet]));
        }
    }

    fn qos_of(&self, packet: u16) -> Option<Qos> {
        self.flight.outgoing.held.get(&packet).map(|held| held.delivery.qos)
    }

    fn hold(&mut self, packet: u16, place: Place, stage: Stage) {
        if let Some(Act::Hold(packets)) = self.acts.last_mut() {
            packets.push((packet, place, stage));
        } else {
            self.acts.push(Act::Hold(vec![(packet, place, stage)]));
        }
    }

    fn handled(&mut self, place: Place) {
        if place == Place::None {
            return;
        }
        if let Some(Act::Handled(places)) = self.acts.last_mut() {
            places.push(place);
        } else {
            self.acts.push(Act::Handled(vec![place]));
        }
    }
}
