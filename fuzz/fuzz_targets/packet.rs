//! Bytes of a client through the codec into the machine of its connection: no panic, memory bounded.
//!
//! The first byte says how what follows is cut into pieces and how acts are answered; everything else is what the client sends.
#![no_main]

use base::Time;
use bytes::{Bytes, BytesMut};
use device::broker::{Message, Origin};
use device::mqtt::{
    Accepted, Act, Delivery, Limits, Machine, Place, Publish, Qos, Target, Targets,
};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use std::time::Duration;

/// The most that is written before somebody takes it: answers to one read, and deliveries.
const OUT_BYTES_MAX: usize = 1 << 20;

struct All;

impl Targets for All {
    fn target(&self, topic: &str) -> Target {
        match topic.as_bytes().first() {
            Some(b'd') => Target::Device(topic.into()),
            Some(b'x') => Target::Refused { code: 0x87, reason: "no right".to_owned() },
            _ => Target::Topic("all".into()),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((how, data)) = data.split_first() else { return };
    let limits = Limits::from(&device::Config::default());
    let mut machine = Machine::new(limits, Duration::ZERO, Time(0));
    let mut unread = BytesMut::new();
    let mut now = Duration::ZERO;
    for (number, piece) in data.chunks(usize::from(how >> 2) + 1).enumerate() {
        now += Duration::from_millis(7);
        unread.extend_from_slice(piece);
        machine.receive(&mut unread, now, &All);
        let acts: Vec<Act> = machine.acts().collect();
        for act in acts {
            answer(&mut machine, act, *how, now);
        }
        if 0 < machine.room() {
            machine.deliver(delivery(number as u64), now);
        }
        machine.tick(now);
        assert!(machine.out().len() <= OUT_BYTES_MAX);
        if number % 3 == 0 {
            machine.out().clear();
        }
        if machine.is_closing() {
            break;
        }
    }
    let left = machine.leave();
    assert!(left.outgoing.held.len() <= usize::from(limits.receive_max));
});

fn delivery(number: u64) -> Delivery {
    let publish = Publish {
        topic: "all/x".into(),
        payload: Bytes::from_static(b"payload"),
        qos: Qos::ExactlyOnce,
        retain: false,
        is_dup: false,
        packet: 0,
        alias: None,
        properties: None,
    };
    let message = Arc::new(Message::new(publish, 0, Origin::Topic("all".into()), Time(0)));
    let qos = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce][number as usize % 3];
    Delivery { message, place: Place::Log(number), qos, retain: false, ids: Box::default() }
}

fn answer(machine: &mut Machine, act: Act, how: u8, now: Duration) {
    match act {
        Act::Connect(_) => {
            let is_durable = how & 1 == 0;
            machine.accepted(Accepted { is_durable, ..Accepted::default() }, now);
        }
        Act::Publish { ticket, .. } if how & 2 == 0 => machine.published(ticket, &[]),
        Act::Publish { ticket, .. } => machine.failed(ticket, 0x97, "full"),
        Act::Release(packets) => machine.released(&packets),
        Act::Subscribe { packet, to, .. } => machine.subscribed(packet, &vec![0; to.len()]),
        Act::Unsubscribe { packet, filters } => {
            machine.unsubscribed(packet, &vec![0; filters.len()]);
        }
        Act::Hold(held) => {
            let packets: Vec<u16> = held.iter().map(|(packet, ..)| *packet).collect();
            machine.held(&packets);
        }
        Act::Done(_) | Act::Handled(_) | Act::Refused(_) | Act::Ended { .. } => {}
    }
}
