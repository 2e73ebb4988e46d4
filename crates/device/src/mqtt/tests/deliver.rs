//! PUBLISH to a client: identifiers, flow control, both steps of QoS 2, what is sent again.

use super::connect::narrow;
use super::*;
use crate::mqtt::{Held, Outgoing, Stage};

/// A session that holds these: identifier, number of the message, QoS, stage.
fn held(next: u16, held: &[(u16, u64, Qos, Stage)]) -> Accepted {
    let held = held
        .iter()
        .map(|(packet, number, qos, stage)| {
            (*packet, Held { delivery: delivery(*number, *qos), stage: *stage })
        })
        .collect();
    Accepted { outgoing: Outgoing { next, held }, is_durable: true, ..Accepted::default() }
}

/// Lets a client in that goes on with a session, and returns what it is sent behind CONNACK.
fn resume(version: Version, accepted: Accepted) -> (Talk, Vec<Vec<u8>>) {
    let mut talk = Talk::new(version);
    talk.say(&hello(version));
    let said = talk.accept(accepted);
    talk.acts.clear();
    (talk, said[1..].to_vec())
}

fn handled(talk: &Talk) -> Vec<Place> {
    let of = |act: &Act| match act {
        Act::Handled(places) => places.clone(),
        _ => Vec::new(),
    };
    talk.acts.iter().flat_map(of).collect()
}

/// Answers every [`Act::Hold`] that is there.
fn keep(talk: &mut Talk) -> Vec<Vec<u8>> {
    let of = |act: &Act| match act {
        Act::Hold(packets) => packets.iter().map(|(packet, ..)| *packet).collect::<Vec<u16>>(),
        _ => Vec::new(),
    };
    let packets: Vec<u16> = talk.acts.iter().flat_map(of).collect();
    talk.acts.retain(|act| !matches!(act, Act::Hold(_)));
    talk.machine.held(&packets);
    talk.heard()
}

pub(super) fn identifiers_are_free_and_not_zero(version: Version) {
    let full: Vec<_> = (65_534_u16..=65_535)
        .chain(1..=2)
        .map(|packet| (packet, u64::from(packet), Qos::AtLeastOnce, Stage::Sent))
        .collect();
    let (mut talk, _) = resume(version, held(65_534, &full));
    let said = talk.deliver(9, Qos::AtLeastOnce);
    assert_eq!(id_of(&said[0]), 3, "0 is none, 65534 to 2 are in use");
}

pub(super) fn a_first_send_has_no_dup(version: Version) {
    let mut talk = Talk::open(version);
    for (number, qos) in [(1, Qos::AtMostOnce), (2, Qos::AtLeastOnce), (3, Qos::ExactlyOnce)] {
        let said = talk.deliver(number, qos);
        assert_eq!(said[0][0], 0x30 | (u8::from(qos) << 1));
    }
}

pub(super) fn qos_one_is_held_until_puback(version: Version) {
    let mut talk = Talk::durable(version);
    talk.deliver(1, Qos::AtLeastOnce);
    assert!(handled(&talk).is_empty());
    talk.say(&ack(0x40, 1));
    assert_eq!(handled(&talk), [Place::Log(1)]);
    talk.deliver(2, Qos::AtLeastOnce);
    let left = talk.machine.leave();
    assert_eq!(left.outgoing.held.keys().copied().collect::<Vec<u16>>(), [2]);
}

pub(super) fn qos_two_of_a_session_is_kept_before_each_step(version: Version) {
    let mut talk = Talk::durable(version);
    assert!(talk.deliver(1, Qos::ExactlyOnce).is_empty(), "it is not kept yet");
    assert_eq!(id_of(&keep(&mut talk)[0]), 1);
    assert!(talk.say(&ack(0x50, 1)).is_empty(), "PUBREC is not kept yet");
    assert!(matches!(
        talk.acts.last(),
        Some(Act::Hold(held)) if *held == [(1, Place::Log(1), Stage::Received)]
    ));
    assert_eq!(keep(&mut talk), [[0x62, 2, 0, 1]]);
    assert!(handled(&talk).is_empty());
    talk.say(&ack(0x70, 1));
    assert_eq!(handled(&talk), [Place::Log(1)]);
    assert!(matches!(talk.acts.last(), Some(Act::Done(packets)) if *packets == [1]));
}

pub(super) fn pubrec_is_answered_with_pubrel(version: Version) {
    let mut talk = Talk::open(version);
    talk.deliver(1, Qos::ExactlyOnce);
    assert_eq!(talk.say(&ack(0x50, 1)), [[0x62, 2, 0, 1]]);
    assert_eq!(talk.say(&ack(0x50, 1)), [[0x62, 2, 0, 1]], "said again, answered again");
    assert!(handled(&talk).is_empty());
    talk.say(&ack(0x70, 1));
    assert_eq!(handled(&talk), [Place::Log(1)]);
}

pub(super) fn pubrec_of_nothing_is_answered(version: Version) {
    let said = Talk::open(version).say(&ack(0x50, 9));
    match version {
        Version::V3 => assert_eq!(said, [[0x62, 2, 0, 9]]),
        Version::V5 => assert_eq!(said, [[0x62, 3, 0, 9, 0x92]]),
    }
}

pub(super) fn a_client_that_does_not_take_it_is_done(version: Version) {
    let mut talk = Talk::durable(version);
    talk.deliver(1, Qos::ExactlyOnce);
    keep(&mut talk);
    assert!(talk.say(&packet(0x50, &[0, 1, 0x97])).is_empty());
    assert_eq!(handled(&talk), [Place::Log(1)]);
    talk.deliver(2, Qos::AtLeastOnce);
    talk.say(&packet(0x40, &[0, 2, 0x87]));
    assert_eq!(handled(&talk), [Place::Log(1), Place::Log(2)]);
    assert!(talk.machine.leave().outgoing.held.is_empty());
}

pub(super) fn what_is_held_is_sent_again_with_dup(version: Version) {
    let held = held(
        3,
        &[
            (1, 11, Qos::AtLeastOnce, Stage::Sent),
            (2, 12, Qos::ExactlyOnce, Stage::Received),
            (3, 10, Qos::ExactlyOnce, Stage::Sent),
        ],
    );
    let (_, said) = resume(version, held);
    // The oldest first: identifier 3 is the one after the last.
    assert_eq!((said[0][0], id_of(&said[0])), (0x3C, 3));
    assert_eq!((said[1][0], id_of(&said[1])), (0x3A, 1));
    assert_eq!(said[2], [0x62, 2, 0, 2], "PUBREL once PUBREC has come, and no PUBLISH");
    assert_eq!(said.len(), 3);
}

pub(super) fn nothing_is_sent_again_by_itself(version: Version) {
    let mut talk = Talk::durable(version);
    talk.deliver(1, Qos::AtLeastOnce);
    for seconds in [30, 60, 80] {
        talk.machine.tick(Duration::from_secs(seconds));
        assert!(talk.heard().is_empty());
    }
}

pub(super) fn messages_leave_in_the_order_they_come(version: Version) {
    let mut talk = Talk::open(version);
    let mut said = Vec::new();
    for number in 1..=4 {
        said.extend(talk.deliver(number, Qos::AtLeastOnce));
    }
    let payloads: Vec<u8> = said.iter().filter_map(|packet| packet.last().copied()).collect();
    assert_eq!(payloads, b"1234");
}

pub(super) fn no_more_than_the_client_takes(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&connect(version, 0b10, 60, &[0x21, 0, 2], &text("c")));
    talk.accept(Accepted::default());
    assert_eq!(talk.machine.room(), 2);
    assert_eq!(talk.deliver(1, Qos::AtLeastOnce).len(), 1);
    assert_eq!(talk.deliver(2, Qos::ExactlyOnce).len(), 1);
    assert_eq!(talk.machine.room(), 0);
    assert!(talk.deliver(3, Qos::AtLeastOnce).is_empty());
    // Everything else goes on (MQTT-3.3.4-10).
    assert_eq!(talk.say(&packet(0xC0, &[])), [[0xD0, 0]]);
    assert_eq!(talk.say(&publish(version, 2, 1, "closed/x"))[0][0], 0x50);
    assert_eq!(talk.say(&ack(0x50, 2)), [[0x62, 2, 0, 2]], "QoS 2 counts until PUBCOMP");
    assert_eq!(id_of(&talk.say(&ack(0x40, 1))[0]), 3);
    talk.say(&ack(0x70, 2));
    assert_eq!(talk.machine.room(), 1);
}

pub(super) fn nothing_larger_than_the_client_takes(_version: Version) {
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
        let mut talk = narrow(40, true);
        talk.accept(Accepted { is_durable: true, ..Accepted::default() });
        talk.acts.clear();
        let message = message("all/x", &[b'x'; 40], None);
        let place = Place::Log(1);
        let large = Delivery { message, place, qos, retain: false, ids: Box::default() };
        talk.machine.deliver(large, Duration::ZERO);
        talk.heard();
        assert!(keep(&mut talk).is_empty());
        assert_eq!(handled(&talk), [Place::Log(1)], "as if it had been sent");
        assert_eq!(talk.machine.room(), 5);
        assert_eq!(talk.deliver(2, Qos::AtMostOnce).len(), 1, "what fits goes on");
    }
}

pub(super) fn a_packet_as_large_as_the_client_takes(_version: Version) {
    // Header 2, topic 7, properties 1, payload: 20 bytes in all.
    for (length, is_sent) in [(10, true), (11, false)] {
        let mut talk = narrow(20, true);
        talk.accept(Accepted::default());
        let message = message("all/x", &vec![b'x'; length], None);
        let (place, qos) = (Place::None, Qos::AtMostOnce);
        let delivery = Delivery { message, place, qos, retain: false, ids: Box::default() };
        talk.machine.deliver(delivery, Duration::ZERO);
        assert_eq!(!talk.heard().is_empty(), is_sent);
    }
}

fn expiring(seconds: u32) -> Delivery {
    let said = Properties { expiry_secs: Some(seconds), ..Properties::default() };
    let message = message("all/x", b"x", Some(said));
    let (place, qos) = (Place::Log(1), Qos::AtLeastOnce);
    Delivery { message, place, qos, retain: false, ids: Box::default() }
}

pub(super) fn what_has_expired_is_not_sent(version: Version) {
    let mut talk = Talk::open(version);
    talk.machine.deliver(expiring(10), Duration::from_secs(11));
    assert!(talk.heard().is_empty());
    assert_eq!(handled(&talk), [Place::Log(1)]);
}

pub(super) fn an_expiry_is_counted_down(version: Version) {
    let mut talk = Talk::open(version);
    talk.machine.deliver(expiring(10), Duration::from_secs(4));
    let said = talk.heard();
    assert_eq!(said[0][11..17], [5, 0x02, 0, 0, 0, 6]);
}

pub(super) fn an_expiry_ends_nothing_that_has_begun(version: Version) {
    let mut accepted = held(2, &[]);
    let begun = Held { delivery: expiring(10), stage: Stage::Sent };
    accepted.outgoing.held.insert(1, begun);
    let mut talk = Talk::new(version);
    talk.now = Duration::from_secs(60);
    talk.say(&hello(version));
    let said = talk.accept(accepted);
    assert_eq!((said[1][0], id_of(&said[1])), (0x3A, 1));
}

pub(super) fn no_alias_is_sent(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&connect(version, 0b10, 60, &[0x22, 0, 9], &text("c")));
    talk.accept(Accepted::default());
    for number in 1..=2 {
        let said = talk.deliver(number, Qos::AtMostOnce);
        let body = [&text("all/x")[..], &[0], number.to_string().as_bytes()].concat();
        assert_eq!(said, [packet(0x30, &body)]);
    }
}

pub(super) fn the_retain_flag_is_the_deliverys(version: Version) {
    let mut talk = Talk::open(version);
    for retain in [false, true] {
        let delivery = Delivery { retain, ..delivery(1, Qos::AtMostOnce) };
        talk.machine.deliver(delivery, Duration::ZERO);
        assert_eq!(talk.heard()[0][0] & 1, u8::from(retain));
    }
}

#[test]
fn acknowledgements_of_what_was_not_sent() {
    for version in BOTH {
        let mut talk = Talk::open(version);
        // Of a session that was forgotten: nothing to do.
        assert!(talk.say(&[ack(0x40, 9), ack(0x70, 9)].concat()).is_empty());
        assert!(!talk.is_over());
        talk.deliver(1, Qos::AtLeastOnce);
        talk.breaks(&ack(0x50, 1), 0x82);
        let mut talk = Talk::open(version);
        talk.deliver(1, Qos::ExactlyOnce);
        talk.breaks(&ack(0x70, 1), 0x82);
        let mut talk = Talk::open(version);
        talk.deliver(1, Qos::ExactlyOnce);
        talk.breaks(&ack(0x40, 1), 0x82);
    }
}

#[test]
fn a_client_that_does_not_read_gets_no_more() {
    let mut talk = Talk::open(Version::V3);
    let large = message("all/x", &vec![b'x'; 256 * 1024], None);
    let (place, qos) = (Place::None, Qos::AtMostOnce);
    let delivery = Delivery { message: large, place, qos, retain: false, ids: Box::default() };
    talk.machine.deliver(delivery, Duration::ZERO);
    assert_eq!(talk.machine.room(), 0);
    talk.heard();
    assert_eq!(talk.machine.room(), 5);
}

#[test]
fn the_quota_holds_for_what_is_sent_again() {
    let four: Vec<_> = (1..=4).map(|packet| (packet, 1, Qos::AtLeastOnce, Stage::Sent)).collect();
    let mut talk = Talk::new(Version::V5);
    talk.say(&connect(Version::V5, 0, 60, &[0x21, 0, 2], &text("c")));
    let said = talk.accept(held(5, &four));
    assert_eq!(said.len(), 3, "CONNACK and two");
    assert_eq!(talk.machine.room(), 0);
    assert_eq!(id_of(&talk.say(&ack(0x40, 1))[0]), 3);
}

#[test]
fn places_that_need_no_word_have_none() {
    let mut talk = Talk::open(Version::V5);
    let delivery = Delivery { place: Place::None, ..delivery(1, Qos::AtMostOnce) };
    talk.machine.deliver(delivery, Duration::ZERO);
    talk.heard();
    assert!(talk.acts.is_empty());
}

#[test]
fn the_length_that_is_said_is_the_length_that_is_written() {
    use crate::mqtt::{Encoded, Head};
    let said = Properties { content_type: Some("text".into()), ..Properties::default() };
    let none: &[u32] = &[];
    for version in BOTH {
        for length in [0, 100, 117, 118, 119, 120, 127, 128, 16_370, 16_384] {
            let encoded = Encoded::new(version, "all/x", Some(&said), &vec![b'x'; length]);
            for (qos, ids, expiry_secs) in [
                (Qos::AtMostOnce, none, None),
                (Qos::AtLeastOnce, &[1, 300][..], Some(7)),
                (Qos::ExactlyOnce, &[268_435_455][..], Some(0)),
            ] {
                let (is_dup, retain, packet) = (false, true, 9);
                let head = Head { qos, is_dup, retain, packet, ids, expiry_secs };
                let mut out = BytesMut::new();
                encoded.write(&mut out, head);
                assert_eq!(out.len(), encoded.len(&head));
                assert_eq!(packets(&out).len(), 1, "one whole packet");
            }
        }
    }
}

#[test]
fn who_acknowledges_nothing_is_sent_so_many_bytes_at_most() {
    for version in BOTH {
        let mut talk = Talk::with(version, Limits { receive_max: 1_000, ..LIMITS });
        talk.say(&hello(version));
        talk.accept(Accepted::default());
        let mut count = 0;
        while talk.machine.room() != 0 {
            let message = message("all/x", &[0; 100_000], None);
            let qos = Qos::AtLeastOnce;
            let place = Place::Log(count);
            let delivery = Delivery { message, place, qos, retain: false, ids: Box::default() };
            talk.machine.deliver(delivery, talk.now);
            assert_eq!(talk.heard().len(), 1);
            count += 1;
        }
        assert_eq!(count, 11, "some more than a mebibyte");
        talk.say(&ack(0x40, 1));
        assert_ne!(talk.machine.room(), 0);
        // What a session goes on with counts too.
        let left = talk.machine.leave();
        let accepted = Accepted { outgoing: left.outgoing, ..Accepted::default() };
        let mut talk = Talk::with(version, Limits { receive_max: 1_000, ..LIMITS });
        talk.say(&hello(version));
        assert_eq!(talk.accept(accepted).len(), 11, "CONNACK, and ten again");
        assert_ne!(talk.machine.room(), 0);
    }
}
