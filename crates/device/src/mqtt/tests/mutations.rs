//! Conversations with bytes changed, cut out, doubled and put in: no panic, and nothing grows without bound.
//!
//! The seed is in the message of a failure. `fuzz/` looks further, by coverage.

use super::*;
use base::{Entropy, SeededEntropy};

const TIMES: u64 = 20_000;

/// The most that one packet of a client may make the unit write: a SUBACK or the like, and what waited for it.
const WRITTEN_MAX: usize = 16 * 1_024;

/// Everything that a client may say, in an order that makes sense.
fn conversation(version: Version) -> Vec<Vec<u8>> {
    let will = [&text("c")[..], &properties(version, &[]), &text("all/will"), &text("x")].concat();
    let said: &[u8] = &[0x02, 0, 0, 0, 9, 0x23, 0, 1, 0x26, 0, 1, b'n', 0, 1, b'v'];
    vec![
        connect(version, 0x06, 60, &[0x11, 0, 0, 0, 9, 0x21, 0, 3, 0x27, 0, 0, 1, 0], &will),
        publish_as(version, 0, 0, "all/x", said),
        publish(version, 1, 1, "devices/a/telemetry/t"),
        subscribe(version, 2, &[("all/#", 1), ("$share/g/all/+", 2)]),
        publish(version, 2, 3, "all/y"),
        ack(0x62, 3),
        packet(0xC0, &[]),
        ack(0x40, 1),
        ack(0x50, 2),
        ack(0x70, 2),
        publish(version, 1, 4, "closed/z"),
        unsubscribe(version, 5, &["all/#"]),
        packet(0xE0, &[]),
    ]
}

fn below(source: &SeededEntropy, limit: usize) -> usize {
    usize::try_from(source.number() % limit.max(1) as u64).expect("a small number")
}

fn mutate(source: &SeededEntropy, packets: &mut Vec<Vec<u8>>) {
    for _ in 0..=below(source, 4) {
        let at = below(source, packets.len());
        let other = packets[below(source, packets.len())].clone();
        let packet = &mut packets[at];
        let byte = below(source, packet.len());
        match below(source, 7) {
            0 if !packet.is_empty() => packet[byte] ^= 1 << below(source, 8),
            1 if !packet.is_empty() => packet[byte] = source.number().to_le_bytes()[0],
            2 => packet.truncate(byte),
            3 => packet.insert(byte, source.number().to_le_bytes()[0]),
            4 => packet.extend(other),
            5 => packets.insert(at, other),
            _ => {
                packets.swap(at, 0);
            }
        }
    }
}

/// Answers everything that is to be done, now and then not, and now and then with a refusal.
fn answer(source: &SeededEntropy, talk: &mut Talk) {
    for act in std::mem::take(&mut talk.acts) {
        let is_refused = below(source, 8) == 0;
        match act {
            Act::Connect(_) if is_refused => talk.machine.refused(reason::CREDENTIAL, "unknown"),
            Act::Connect(_) => talk.machine.accepted(
                Accepted { is_durable: below(source, 2) == 0, ..Accepted::default() },
                talk.now,
            ),
            Act::Publish { ticket, .. } if is_refused => talk.machine.failed(ticket, 0x97, "full"),
            Act::Publish { ticket, .. } => talk.machine.published(ticket, &[]),
            Act::Release(packets) => talk.machine.released(&packets),
            Act::Subscribe { packet, to, .. } => {
                talk.machine.subscribed(packet, &vec![1; to.len()]);
            }
            Act::Unsubscribe { packet, filters } => {
                talk.machine.unsubscribed(packet, &vec![0; filters.len()]);
            }
            Act::Hold(held) => {
                let packets: Vec<u16> = held.iter().map(|(packet, ..)| *packet).collect();
                talk.machine.held(&packets);
            }
            Act::Done(_) | Act::Handled(_) | Act::Refused(_) | Act::Ended { .. } => {}
        }
    }
}

#[test]
fn nothing_that_is_sent_breaks_the_machine() {
    for seed in 0..TIMES {
        let source = SeededEntropy::new(seed);
        let version = BOTH[below(&source, 2)];
        let mut packets = conversation(version);
        mutate(&source, &mut packets);
        let mut talk = Talk::new(version);
        for bytes in packets {
            let mut written = 0;
            // In pieces, as a socket brings them.
            let at = below(&source, bytes.len() + 1);
            for piece in [&bytes[..at], &bytes[at..]] {
                talk.unread.extend_from_slice(piece);
                talk.machine.receive(&mut talk.unread, talk.now, &Rooms);
                talk.acts.extend(talk.machine.acts());
                answer(&source, &mut talk);
                for number in 0..talk.machine.room().min(2) as u64 {
                    let qos = Qos::try_from((source.number() % 3) as u8).expect("0, 1 or 2");
                    talk.machine.deliver(delivery(number, qos), talk.now);
                }
                let out = talk.machine.out().split();
                written += out.len();
                // Whatever came, what goes out are whole packets.
                super::packets(&out);
            }
            assert!(written <= WRITTEN_MAX, "seed {seed}: {written} bytes were written");
            assert!(talk.acts.len() <= 64, "seed {seed}: {} acts", talk.acts.len());
        }
        // A client that sends halves forever is turned away at the limit of a packet.
        assert!(talk.unread.len() <= 4 * LIMITS.packet_bytes_max as usize, "seed {seed}");
        talk.machine.tick(Duration::from_secs(100_000));
        let left = talk.machine.leave();
        assert!(left.outgoing.held.len() <= usize::from(LIMITS.receive_max), "seed {seed}");
    }
}
