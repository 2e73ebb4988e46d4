//! The gate: acknowledgements in their order, calls with as many messages as wait, nothing read beyond the limits.

use super::*;

pub(super) fn acknowledgements_leave_in_order(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 1, 1, "devices/a/telemetry/t"));
    talk.say(&publish(version, 2, 2, "devices/b/telemetry/t"));
    let (first, ..) = talk.call();
    let (second, ..) = talk.call();
    talk.machine.published(second, &[]);
    assert!(talk.heard().is_empty(), "the first is not known yet");
    talk.machine.published(first, &[]);
    assert_eq!(talk.heard(), [[0x40, 2, 0, 1], [0x50, 2, 0, 2]]);
}

#[test]
fn a_refused_publish_keeps_its_place() {
    let mut talk = Talk::open(Version::V5);
    talk.say(&publish(Version::V5, 1, 1, "all/x"));
    assert!(talk.say(&publish(Version::V5, 1, 2, "closed/x")).is_empty());
    let said = talk.take_all();
    assert_eq!((said[0][3], said[1][3], said[1][4]), (1, 2, 0x87));
}

#[test]
fn what_a_3_1_1_client_published_before_is_acknowledged_before_it_is_ended() {
    let mut talk = Talk::open(Version::V3);
    talk.say(&publish(Version::V3, 1, 1, "all/x"));
    assert!(talk.say(&publish(Version::V3, 1, 2, "closed/x")).is_empty() && !talk.is_over());
    assert_eq!(talk.take_all(), [[0x40, 2, 0, 1]]);
    assert!(talk.is_over());
}

#[test]
fn messages_for_one_target_go_in_one_call() {
    for version in BOTH {
        let mut talk = Talk::open(version);
        let bytes: Vec<u8> = ["devices/a/t", "devices/a/u", "all/x"]
            .iter()
            .flat_map(|topic| publish(version, 0, 0, topic))
            .collect();
        talk.say(&bytes);
        let (_, target, messages) = talk.call();
        assert_eq!((target, messages.len()), (Target::Device("a".into()), 2));
        let (_, target, messages) = talk.call();
        assert_eq!((target, messages.len()), (Target::Topic("all".into()), 1));
    }
}

#[test]
fn while_calls_are_under_way_messages_gather() {
    for version in BOTH {
        let mut talk = Talk::open(version);
        for _ in 0..5 {
            talk.say(&publish(version, 0, 0, "all/x"));
        }
        let (first, _, messages) = talk.call();
        assert_eq!(messages.len(), 1);
        assert_eq!(talk.call().2.len(), 1);
        assert!(talk.acts.is_empty(), "two calls are the most");
        talk.machine.published(first, &[]);
        talk.heard();
        assert_eq!(talk.call().2.len(), 3, "the busier, the more a call has");
    }
}

#[test]
fn a_call_has_its_limits() {
    let mut talk = Talk::with(Version::V3, Limits { receive_max: 100, calls_max: 9, ..LIMITS });
    talk.say(&hello(Version::V3));
    talk.accept(Accepted::default());
    talk.acts.clear();
    let six: Vec<u8> = (0..6).flat_map(|_| publish(Version::V3, 0, 0, "all/x")).collect();
    talk.say(&six);
    assert_eq!((talk.call().2.len(), talk.call().2.len()), (4, 2));
    // One that is larger than a call may be is a call of its own.
    let large = packet(0x30, &[&text("all/x")[..], &[0; 600]].concat());
    talk.say(&[large, publish(Version::V3, 0, 0, "all/x")].concat());
    assert_eq!((talk.call().2.len(), talk.call().2.len()), (1, 1));
}

#[test]
fn at_the_limit_nothing_more_is_read() {
    for (version, most) in [(Version::V3, 5), (Version::V5, 6)] {
        let mut talk = Talk::open(version);
        let bytes: Vec<u8> = (0..20).flat_map(|_| publish(version, 0, 0, "all/x")).collect();
        talk.say(&bytes);
        assert!(!talk.machine.wants_bytes());
        let one = publish(version, 0, 0, "all/x").len();
        assert_eq!(talk.unread.len(), (20 - most) * one, "the rest stays where it is");
        // Nobody is charged for what is not read.
        talk.machine.tick(Duration::from_secs(1_000));
        assert!(!talk.is_over());
        talk.take_all();
        assert!(talk.machine.wants_bytes());
        talk.say(&[]);
        assert!(talk.unread.len() < (20 - most) * one);
    }
}

#[test]
fn who_takes_no_answers_is_not_asked_for_more() {
    for version in BOTH {
        let mut talk = Talk::open(version);
        let mut input = BytesMut::from(&[0xC0_u8, 0].repeat(200_000)[..]);
        talk.machine.receive(&mut input, talk.now, &Rooms);
        assert!(!talk.machine.wants_bytes());
        assert_eq!(talk.machine.out().len() + input.len(), 400_000, "the rest stays where it is");
        assert_eq!(talk.machine.out().len(), 256 << 10);
        // That is no silence of its own.
        talk.machine.tick(Duration::from_secs(1_000));
        assert!(!talk.is_over());
        talk.machine.out().clear();
        assert!(talk.machine.wants_bytes());
        talk.machine.receive(&mut input, talk.now, &Rooms);
        assert!(input.is_empty());
    }
}

#[test]
fn what_waits_to_be_handed_in_has_a_bound_in_bytes() {
    for version in BOTH {
        let mut talk = Talk::with(version, Limits { receive_max: 1_000, ..LIMITS });
        talk.say(&hello(version));
        talk.accept(Accepted::default());
        talk.acts.clear();
        talk.say(&subscribe(version, 1, &[("a", 0)]));
        let large =
            packet(0x30, &[&text("all/x")[..], &properties(version, &[]), &[0; 500]].concat());
        talk.say(&large.repeat(10));
        assert!(!talk.machine.wants_bytes());
        assert_eq!(talk.unread.len(), 7 * large.len(), "the rest stays where it is");
        talk.acts.clear();
        talk.machine.subscribed(1, &[0]);
        assert!(talk.machine.wants_bytes());
        talk.say(&[]);
        assert!(talk.unread.len() < 7 * large.len());
    }
}

#[test]
fn publishes_behind_a_subscribe_wait_for_it() {
    for version in BOTH {
        let mut talk = Talk::open(version);
        let bytes = [
            publish(version, 1, 1, "all/1"),
            subscribe(version, 2, &[("all/#", 1)]),
            publish(version, 1, 3, "all/3"),
            packet(0xC0, &[]),
        ]
        .concat();
        assert_eq!(talk.say(&bytes), [[0xD0, 0]], "PINGRESP waits for nobody");
        assert_eq!(&*talk.call().2[0].topic, "all/1");
        assert!(matches!(talk.acts.first(), Some(Act::Subscribe { packet: 2, .. })));
        assert_eq!(talk.acts.len(), 1, "the second publish waits");
        talk.acts.clear();
        talk.machine.subscribed(2, &[1]);
        assert_eq!(talk.heard()[0][0], 0x90, "SUBACK does not wait for the publish before it");
        assert_eq!(&*talk.call().2[0].topic, "all/3");
    }
}

#[test]
fn a_call_that_failed_is_each_messages_reason() {
    let mut talk = Talk::open(Version::V5);
    talk.say(&[publish(Version::V5, 1, 1, "all/x"), publish(Version::V5, 2, 2, "all/x")].concat());
    let (ticket, ..) = talk.call();
    talk.machine.failed(ticket, 0x97, "quota");
    let said = talk.heard();
    assert_eq!((said[0][0], said[0][4], said[1][0], said[1][4]), (0x40, 0x97, 0x50, 0x97));

    // 3.1.1 takes 0x99 for a row set aside: of a call that failed nothing is.
    let mut talk = Talk::open(Version::V3);
    talk.say(&publish(Version::V3, 1, 1, "all/x"));
    let (ticket, ..) = talk.call();
    talk.machine.failed(ticket, 0x99, "no");
    assert!(talk.heard().is_empty() && talk.is_over());
}

#[test]
fn answers_that_nobody_waits_for_do_nothing() {
    for version in BOTH {
        let mut talk = Talk::open(version);
        talk.machine.published(7, &[]);
        talk.machine.failed(7, 0x80, "no");
        talk.machine.released(&[7]);
        talk.machine.subscribed(7, &[0]);
        talk.machine.unsubscribed(7, &[0]);
        talk.machine.held(&[7]);
        assert!(talk.heard().is_empty() && talk.acts.is_empty() && !talk.is_over());
    }
}
