//! PINGREQ, DISCONNECT, and how a connection ends.

use super::*;

fn ended(talk: &Talk) -> Option<(bool, Option<u32>)> {
    talk.acts.iter().find_map(|act| match act {
        Act::Ended { is_clean, expiry } => Some((*is_clean, *expiry)),
        _ => None,
    })
}

pub(super) fn every_ping_is_answered(version: Version) {
    let mut talk = Talk::open(version);
    assert_eq!(talk.say(&[0xC0, 0, 0xC0, 0]), [[0xD0, 0], [0xD0, 0]]);
    Talk::open(version).breaks(&packet(0xC0, &[0]), 0x81);
}

pub(super) fn reserved_bits_of_disconnect_end_it(version: Version) {
    let mut talk = Talk::open(version);
    talk.breaks(&packet(0xE1, &[]), 0x81);
    assert!(talk.machine.leave().is_will_wanted);
}

pub(super) fn a_disconnect_drops_the_will(version: Version) {
    let mut talk = Talk::open(version);
    assert!(talk.say(&packet(0xE0, &[])).is_empty(), "nothing is answered");
    assert!(talk.is_over());
    assert_eq!(ended(&talk), Some((true, None)));
    assert!(!talk.machine.leave().is_will_wanted);
}

pub(super) fn a_broken_connection_wants_the_will(version: Version) {
    let mut talk = Talk::open(version);
    talk.machine.hung_up();
    talk.heard();
    assert_eq!(ended(&talk), Some((false, None)));
    assert!(talk.machine.leave().is_will_wanted);
}

pub(super) fn nothing_is_taken_behind_a_disconnect(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&[packet(0xE0, &[]), publish(version, 0, 0, "all/x")].concat());
    assert!(!talk.acts.iter().any(|act| matches!(act, Act::Publish { .. })));
    assert!(talk.say(&packet(0xC0, &[])).is_empty());
}

pub(super) fn nothing_is_sent_behind_the_units_disconnect(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 1, 1, "all/x"));
    talk.machine.end(reason::SHUTTING_DOWN, "the unit ends");
    let said = talk.heard();
    match version {
        Version::V5 => assert_eq!((said.len(), said[0][0], said[0][2]), (1, 0xE0, 0x8B)),
        Version::V3 => assert!(said.is_empty()),
    }
    assert!(talk.is_over() && !talk.machine.wants_bytes());
    assert!(talk.take_all().is_empty(), "an acknowledgement that comes too late");
    assert!(talk.deliver(1, Qos::AtMostOnce).is_empty());
    talk.machine.end(reason::UNSPECIFIED, "twice");
    assert!(talk.heard().is_empty());
}

pub(super) fn no_disconnect_before_connack(version: Version) {
    let mut talk = Talk::new(version);
    talk.machine.end(reason::SHUTTING_DOWN, "the unit ends");
    assert!(talk.heard().is_empty() && talk.is_over());
    let mut talk = Talk::new(version);
    talk.say(&hello(version));
    talk.machine.end(reason::SHUTTING_DOWN, "the unit ends");
    let said = talk.heard();
    let code = if version == Version::V5 { 0x88 } else { 3 };
    assert_eq!((said.len(), said[0][0], said[0][3]), (1, 0x20, code));
}

pub(super) fn a_client_ends_with_its_own_reasons(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&packet(0xE0, &[0x04]));
    assert_eq!(ended(&talk), Some((false, None)), "0x04 wants the will");
    // A reason of servers, one that does not exist, a reference to another server.
    Talk::open(version).breaks(&packet(0xE0, &[0x8E]), 0x82);
    Talk::open(version).breaks(&packet(0xE0, &[0x55]), 0x81);
    let elsewhere = [&[0_u8, 6, 0x1C][..], &text("abc")].concat();
    Talk::open(version).breaks(&packet(0xE0, &elsewhere), 0x82);
}

#[test]
fn an_expiry_is_not_raised_from_zero() {
    let version = Version::V5;
    let said = [0, 5, 0x11, 0, 0, 0, 9];
    Talk::open(version).breaks(&packet(0xE0, &said), 0x82);
    let mut talk = Talk::new(version);
    talk.say(&connect(version, 0b10, 60, &[0x11, 0, 0, 0, 1], &text("c")));
    talk.accept(Accepted::default());
    talk.say(&packet(0xE0, &said));
    assert_eq!(ended(&talk), Some((true, Some(9))));
}

pub(super) fn a_disconnect_of_the_unit_fits(_version: Version) {
    let mut talk = super::connect::narrow(20, true);
    talk.accept(Accepted::default());
    talk.heard();
    talk.machine.end(reason::QUOTA, "a reason that is longer than this client takes");
    assert_eq!(talk.heard(), [[0xE0, 2, 0x97, 0]]);
}

pub(super) fn the_state_outlives_the_connection(version: Version) {
    let mut talk = Talk::durable(version);
    talk.say(&publish(version, 2, 1, "all/x"));
    talk.take_all();
    talk.deliver(1, Qos::AtLeastOnce);
    talk.machine.hung_up();
    let left = talk.machine.leave();
    let mut talk = Talk::resumed(
        version,
        Accepted {
            outgoing: left.outgoing,
            incoming: left.incoming,
            is_durable: true,
            ..Accepted::default()
        },
    );
    assert_eq!(talk.say(&publish_as(version, 0b1100, 1, "all/x", &[])), [[0x50, 2, 0, 1]]);
}

pub(super) fn packets_of_servers_end_it(version: Version) {
    for first in [0x20, 0x90, 0xB0, 0xD0] {
        Talk::open(version).breaks(&packet(first, &[0, 1]), 0x82);
    }
    for first in [0x00, 0x0F] {
        Talk::open(version).breaks(&packet(first, &[0, 1]), 0x81);
    }
    if version == Version::V3 {
        Talk::open(version).breaks(&packet(0xF0, &[]), 0x81);
    }
}

#[test]
fn what_was_published_before_a_disconnect_is_handed_in() {
    for version in BOTH {
        for is_said in [true, false] {
            let mut talk = Talk::open(version);
            // More than two calls, and a subscription that nobody waits for.
            for topic in ["devices/a/t", "devices/b/t", "devices/c/t", "devices/d/t"] {
                talk.say(&publish(version, 0, 0, topic));
            }
            if is_said {
                talk.say(&packet(0xE0, &[]));
            } else {
                talk.machine.hung_up();
                talk.heard();
            }
            let calls = talk.acts.iter().filter(|act| matches!(act, Act::Publish { .. })).count();
            assert_eq!(calls, 4);
            assert!(matches!(talk.acts.last(), Some(Act::Ended { .. })), "the last act");
        }
    }
}

#[test]
fn a_connection_ends_once() {
    for version in BOTH {
        let mut talk = Talk::open(version);
        talk.say(&packet(0xE0, &[]));
        talk.machine.hung_up();
        talk.machine.end(reason::UNSPECIFIED, "twice");
        talk.machine.tick(Duration::from_secs(10_000));
        assert!(talk.heard().is_empty());
        let ends = talk.acts.iter().filter(|act| matches!(act, Act::Ended { .. })).count();
        assert_eq!(ends, 1);
    }
}

#[test]
fn qos_two_that_was_kept_while_the_connection_ended_is_known_afterwards() {
    for version in BOTH {
        let mut talk = Talk::durable(version);
        talk.say(&publish(version, 2, 1, "all/x"));
        talk.machine.hung_up();
        assert!(talk.take_all().is_empty());
        assert!(talk.machine.leave().incoming.contains(&1));
    }
}
