//! PUBLISH from a client: what is refused, what is handed in, what it is acknowledged with.

use super::connect::narrow;
use super::*;
use std::collections::BTreeSet;

pub(super) fn reserved_bits_end_it(version: Version) {
    for first in [0x41, 0x52, 0x60, 0x72, 0x80, 0xA0, 0xC1, 0xE1] {
        Talk::open(version).breaks(&packet(first, &1_u16.to_be_bytes()), 0x81);
    }
    let mut talk = Talk::new(version);
    let mut bytes = hello(version);
    bytes[0] = 0x11;
    talk.say(&bytes);
    assert!(talk.is_over());
}

pub(super) fn identifier_zero_ends_it(version: Version) {
    for bytes in [
        publish(version, 1, 0, "a"),
        publish(version, 2, 0, "a"),
        subscribe(version, 0, &[("a", 0)]),
        unsubscribe(version, 0, &["a"]),
        ack(0x40, 0),
        ack(0x62, 0),
    ] {
        Talk::open(version).breaks(&bytes, 0x82);
    }
}

pub(super) fn qos_zero_has_no_identifier(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 0, 7, "all/x"));
    let (_, _, messages) = talk.call();
    assert_eq!((messages[0].packet, &messages[0].payload[..]), (0, &b"payload"[..]));
    // Neither has what is sent.
    let said = talk.deliver(1, Qos::AtMostOnce);
    let body = [&text("all/x")[..], &properties(version, &[]), b"1"].concat();
    assert_eq!(said, [packet(0x30, &body)]);
}

pub(super) fn acknowledgements_carry_the_identifier(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 1, 0x1234, "all/x"));
    assert_eq!(talk.take_all(), [[0x40, 2, 0x12, 0x34]]);
    talk.say(&publish(version, 2, 0x5678, "all/x"));
    assert_eq!(talk.take_all(), [[0x50, 2, 0x56, 0x78]]);
    assert_eq!(talk.say(&ack(0x62, 0x5678)), [[0x70, 2, 0x56, 0x78]]);
}

pub(super) fn qos_decides_the_answer(version: Version) {
    let mut talk = Talk::open(version);
    for (qos, answer) in [(0, None), (1, Some(0x40)), (2, Some(0x50))] {
        assert!(talk.say(&publish(version, qos, 9, "all/x")).is_empty(), "it waits");
        let said = talk.take_all();
        assert_eq!(said.first().map(|packet| packet[0]), answer);
    }
}

pub(super) fn dup_at_qos_zero_ends_it(version: Version) {
    Talk::open(version).breaks(&publish_as(version, 0b1000, 0, "a", &[]), 0x81);
}

pub(super) fn qos_three_ends_it(version: Version) {
    Talk::open(version).breaks(&publish_as(version, 0b0110, 1, "a", &[]), 0x81);
}

pub(super) fn wildcards_in_a_name_end_it(version: Version) {
    for topic in ["a/+", "#", "a#b"] {
        Talk::open(version).breaks(&publish(version, 1, 1, topic), 0x90);
    }
    let will = |topic: &str| {
        [&text("c")[..], &properties(version, &[]), &text(topic), &text("x")].concat()
    };
    turned_away(version, &connect(version, 0x06, 0, &[], &will("a/#")), 0x90, None);
}

fn an_empty_name_ends_it(version: Version) {
    let mut talk = Talk::open(version);
    let said = talk.say(&publish(version, 0, 0, ""));
    assert!(talk.is_over());
    if version == Version::V5 {
        assert_eq!(said[0][2], 0x82);
    }
}

pub(super) fn a_name_is_first_and_whole(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 0, 0, "all/ä/🚚"));
    assert_eq!(&*talk.call().2[0].topic, "all/ä/🚚");
    Talk::open(version).breaks(&packet(0x30, &[0, 9, b'a']), 0x81);
}

pub(super) fn long_names_are_refused_by_themselves(version: Version) {
    for topic in ["x".repeat(65), "1/2/3/4/5/6/7/8/9".to_owned()] {
        let mut talk = Talk::open(version);
        let said = talk.say(&publish(version, 1, 1, &topic));
        match version {
            Version::V5 => assert_eq!((said[0][0], said[0][4]), (0x40, 0x90)),
            Version::V3 => talk.is_broken(&said, 0x90),
        }
    }
}

pub(super) fn dup_is_no_part_of_the_message(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish_as(version, 0b1010, 1, "all/x", &[]));
    let (_, _, messages) = talk.call();
    assert!(messages[0].is_dup, "it is told to whoever wants to know");
    let said = talk.deliver(1, Qos::AtLeastOnce);
    assert_eq!(said[0][0] & 0b1000, 0, "and what is sent has its own");
}

pub(super) fn retain_is_handed_in(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish_as(version, 0b0001, 0, "all/x", &[]));
    assert!(talk.call().2[0].retain);
    talk.say(&publish_as(version, 0, 0, "all/x", &[]));
    assert!(!talk.call().2[0].retain);
}

pub(super) fn a_refused_publish_is_told_or_ends_it(version: Version) {
    let mut talk = Talk::open(version);
    let said = talk.say(&publish(version, 1, 1, "closed/x"));
    match version {
        Version::V5 => {
            assert_eq!((said[0][0], said[0][4]), (0x40, 0x87));
            assert!(!talk.is_over());
        }
        Version::V3 => talk.is_broken(&said, 0x87),
    }
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 2, 1, "all/x"));
    let said = talk.answer(&[0x97]);
    match version {
        Version::V5 => assert_eq!((said[0][0], said[0][4]), (0x50, 0x97)),
        Version::V3 => talk.is_broken(&said, 0x97),
    }
}

fn set_aside_is_told_where_it_can_be(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 1, 1, "all/x"));
    let said = talk.answer(&[0x99]);
    match version {
        Version::V5 => assert_eq!((said[0][0], said[0][4]), (0x40, 0x99)),
        Version::V3 => assert_eq!(said, [[0x40, 2, 0, 1]]),
    }
    assert!(!talk.is_over());
}

pub(super) fn an_identifier_is_new_after_puback(version: Version) {
    let mut talk = Talk::open(version);
    for flags in [0b0010, 0b1010] {
        talk.say(&publish_as(version, flags, 1, "all/x", &[]));
        assert_eq!(talk.take_all(), [[0x40, 2, 0, 1]]);
    }
}

pub(super) fn qos_two_is_once_until_pubrel(version: Version) {
    for mut talk in [Talk::open(version), Talk::durable(version)] {
        talk.say(&publish(version, 2, 1, "all/x"));
        assert_eq!(talk.take_all(), [[0x50, 2, 0, 1]]);
        let said = talk.say(&publish_as(version, 0b1100, 1, "all/x", &[]));
        assert_eq!(said, [[0x50, 2, 0, 1]]);
        assert!(!talk.acts.iter().any(|act| matches!(act, Act::Publish { .. })), "not again");
    }
}

fn a_repeat_before_pubrec_is_once(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 2, 1, "all/x"));
    assert!(talk.say(&publish_as(version, 0b1100, 1, "all/x", &[])).is_empty());
    assert_eq!(talk.call().2.len(), 1);
    talk.machine.published(0, &[]);
    assert_eq!(talk.heard(), [[0x50, 2, 0, 1], [0x50, 2, 0, 1]]);
    assert!(!talk.acts.iter().any(|act| matches!(act, Act::Publish { .. })), "not again");
}

pub(super) fn pubcomp_waits_until_the_release_is_kept(version: Version) {
    let mut talk = Talk::durable(version);
    talk.say(&publish(version, 2, 1, "all/x"));
    talk.take_all();
    assert!(talk.say(&ack(0x62, 1)).is_empty());
    assert!(matches!(talk.acts.last(), Some(Act::Release(packets)) if *packets == [1]));
    assert!(talk.say(&ack(0x62, 1)).is_empty(), "said twice, answered once");
    talk.machine.released(&[1]);
    assert_eq!(talk.heard(), [[0x70, 2, 0, 1]]);
}

pub(super) fn an_identifier_is_new_after_pubcomp(version: Version) {
    let mut talk = Talk::open(version);
    for _ in 0..2 {
        talk.say(&publish(version, 2, 1, "all/x"));
        assert_eq!(talk.take_all(), [[0x50, 2, 0, 1]]);
        assert_eq!(talk.say(&ack(0x62, 1)), [[0x70, 2, 0, 1]]);
    }
}

pub(super) fn pubrel_of_nothing_is_answered(version: Version) {
    let said = Talk::open(version).say(&ack(0x62, 9));
    match version {
        Version::V3 => assert_eq!(said, [[0x70, 2, 0, 9]]),
        Version::V5 => assert_eq!(said, [[0x70, 3, 0, 9, 0x92]]),
    }
}

fn pubrel_before_pubrec_ends_it(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish(version, 2, 1, "all/x"));
    talk.breaks(&ack(0x62, 1), 0x82);
}

pub(super) fn a_refused_qos_two_is_over(version: Version) {
    let mut talk = Talk::open(version);
    for _ in 0..2 {
        talk.say(&publish(version, 2, 1, "all/x"));
        assert_eq!(talk.answer(&[0x97])[0][4], 0x97);
    }
    assert_eq!(talk.say(&ack(0x62, 1)), [[0x70, 3, 0, 1, 0x92]]);
}

fn kept_identifiers_are_known_after_a_reconnect(version: Version) {
    let accepted = Accepted { incoming: [7].into(), is_durable: true, ..Accepted::default() };
    let mut talk = Talk::resumed(version, accepted);
    assert_eq!(talk.say(&publish_as(version, 0b1100, 7, "all/x", &[])), [[0x50, 2, 0, 7]]);
    assert!(talk.acts.is_empty());
    talk.say(&ack(0x62, 7));
    assert_eq!(
        talk.machine.leave().incoming,
        BTreeSet::from([7]),
        "until it is kept that it may go"
    );
}

pub(super) fn more_than_the_receive_maximum_ends_it(version: Version) {
    let mut talk = Talk::open(version);
    for id in 1..=5 {
        assert!(talk.say(&publish(version, 1, id, "all/x")).is_empty());
    }
    talk.breaks(&publish(version, 1, 6, "all/x"), 0x93);
    // QoS 2 counts until PUBCOMP.
    let mut talk = Talk::open(version);
    for id in 1..=5 {
        talk.say(&publish(version, 2, id, "all/x"));
        talk.take_all();
    }
    talk.say(&ack(0x62, 5));
    talk.say(&publish(version, 2, 6, "all/x"));
    talk.take_all();
    talk.breaks(&publish(version, 1, 7, "all/x"), 0x93);
}

pub(super) fn aliases_hold_for_their_connection(version: Version) {
    let mut talk = Talk::open(version);
    let alias = |topic: &str, alias: u8| publish_as(version, 0, 0, topic, &[0x23, 0, alias]);
    for number in 1..=3 {
        talk.say(&alias(&format!("all/{number}"), number));
        talk.call();
        talk.say(&alias("", number));
        let (_, _, messages) = talk.call();
        assert_eq!(*messages[0].topic, *format!("all/{number}"));
        assert_eq!(messages[0].alias, None, "nobody behind the door sees one");
        talk.machine.published(u64::from(number) * 2 - 2, &[]);
        talk.machine.published(u64::from(number) * 2 - 1, &[]);
    }
    Talk::open(version).breaks(&alias("", 1), 0x82);
    Talk::open(version).breaks(&alias("all/x", 4), 0x94);
    Talk::open(version).breaks(&alias("all/x", 0), 0x94);
}

pub(super) fn a_subscription_identifier_ends_it(version: Version) {
    Talk::open(version).breaks(&publish_as(version, 0, 0, "a", &[0x0B, 1]), 0x82);
}

pub(super) fn a_response_topic_is_a_name(version: Version) {
    let said = [&[0x08_u8][..], &text("a/#")].concat();
    Talk::open(version).breaks(&publish_as(version, 0, 0, "a", &said), 0x82);
    let said = [&[0x08_u8][..], &octets(b"\xC3\x28")].concat();
    Talk::open(version).breaks(&publish_as(version, 0, 0, "a", &said), 0x81);
}

pub(super) fn a_content_type_is_a_text(version: Version) {
    let said = [&[0x03_u8][..], &octets(b"\xED\xA0\x80")].concat();
    Talk::open(version).breaks(&publish_as(version, 0, 0, "a", &said), 0x81);
}

pub(super) fn pairs_are_texts(version: Version) {
    for (name, value) in [(&b"\xC3\x28"[..], &b"v"[..]), (b"n", b"\xC3\x28"), (b"n", b"\0")] {
        let said = [&[0x26_u8][..], &octets(name), &octets(value)].concat();
        Talk::open(version).breaks(&publish_as(version, 0, 0, "a", &said), 0x81);
    }
}

/// Everything that MQTT 5 says beside a message, in the order in which the unit writes it.
fn all_properties() -> Vec<u8> {
    [
        &[0x01, 1][..],
        &[0x03],
        &text("application/json"),
        &[0x08],
        &text("all/answers"),
        &[0x09],
        &octets(&[0, 1, 0xFF]),
        &[0x26],
        &text("b"),
        &text("2"),
        &[0x26],
        &text("a"),
        &text("1"),
        &[0x26],
        &text("b"),
        &text("3"),
    ]
    .concat()
}

pub(super) fn properties_pass_unaltered(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish_as(version, 0, 0, "all/x", &all_properties()));
    let (_, _, messages) = talk.call();
    let publish = messages.into_iter().next().expect("a message");
    let origin = Origin::Topic("all".into());
    let message = Arc::new(Message::new(publish, 0, origin, Time(0)));
    let place = Place::None;
    let qos = Qos::AtMostOnce;
    talk.machine.deliver(
        Delivery { message, place, qos, retain: false, ids: [5, 300].into() },
        Duration::ZERO,
    );
    let ids = [&[0x0B_u8, 5][..], &[0x0B, 0xAC, 0x02], &all_properties()].concat();
    assert_eq!(talk.heard(), [publish_as(version, 0, 0, "all/x", &ids)]);
}

pub(super) fn a_wills_properties_pass_unaltered(version: Version) {
    let said = [&all_properties()[..], &[0x18, 0, 0, 0, 9], &[0x02, 0, 0, 0, 0]].concat();
    let rest =
        [&text("c")[..], &properties(version, &said), &text("all/will"), &text("x")].concat();
    let mut talk = Talk::new(version);
    talk.say(&connect(version, 0x06, 0, &[], &rest));
    let Some(Act::Connect(connect)) = talk.acts.first() else { panic!("a client wants in") };
    let will = connect.will.as_ref().expect("a will");
    let said = will.publish.properties.as_ref().expect("properties");
    let names: Vec<&str> = said.user.iter().map(|(name, _)| &**name).collect();
    assert_eq!((will.delay_secs, names), (9, vec!["b", "a", "b"]));
    assert_eq!(said.expiry_secs, Some(0));
}

pub(super) fn an_expiry_of_zero_is_one(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&publish_as(version, 0, 0, "all/x", &[0x02, 0, 0, 0, 0]));
    let (_, _, messages) = talk.call();
    let said = messages[0].properties.as_ref().expect("properties");
    assert_eq!(said.expiry_secs, Some(0));
}

fn a_payload_is_what_it_says(version: Version) {
    let body = [&text("all/x")[..], &1_u16.to_be_bytes(), &[2, 0x01, 1], b"\xFF\xFE"].concat();
    let mut talk = Talk::open(version);
    let said = talk.say(&packet(0x32, &body));
    assert_eq!((said[0][0], said[0][4]), (0x40, 0x99));
    assert!(!talk.is_over());
}

pub(super) fn reasons_in_words_only_where_wanted_and_where_they_fit(_version: Version) {
    let refused = publish(Version::V5, 1, 1, "closed/x");
    for (bytes, wants_problems, length) in [(100, true, 17), (16, true, 6), (100, false, 5)] {
        let mut talk = narrow(bytes, wants_problems);
        talk.accept(Accepted::default());
        let said = talk.say(&refused);
        assert_eq!((said[0].len(), said[0][4]), (length, 0x87));
    }
}

pub(super) fn numbers_are_as_short_as_they_can_be(version: Version) {
    // A remaining length and a property length with a byte more than needed.
    Talk::open(version).breaks(&[0xC0, 0x80, 0x00], 0x81);
    Talk::open(version).breaks(&packet(0x30, b"\0\x01a\x80\0x"), 0x81);
}

pub(super) fn no_properties_are_a_length_of_zero(version: Version) {
    let mut talk = Talk::open(version);
    let said = talk.deliver(1, Qos::AtLeastOnce);
    assert_eq!(said[0], packet(0x32, &[&text("all/x")[..], &[0, 1], &[0], b"1"].concat()));
    // And where the length is not there, there is no packet.
    Talk::open(version).breaks(&packet(0x30, &text("a")), 0x81);
}

pub(super) fn a_packet_above_the_limit_ends_it(version: Version) {
    let large = packet(0x30, &[&text("a")[..], &[0; 1_030]].concat());
    Talk::open(version).breaks(&large[..8], 0x95);
    // Not one byte below it: the whole packet is counted.
    let most = packet(0x30, &[&text("all/x")[..], &[0; 1_014]].concat());
    assert_eq!(most.len(), 1_024);
    let mut talk = Talk::open(version);
    talk.say(&most);
    assert_eq!(talk.call().2.len(), 1);
}

#[test]
fn properties_that_may_not_stand_or_not_twice() {
    let version = Version::V5;
    for (said, code) in [
        (&[0x11, 0, 0, 0, 1][..], 0x81),
        (&[0x01, 0, 0x01, 0], 0x82),
        (&[0x01, 2], 0x82),
        (&[0x02, 0, 0], 0x81),
        (&[0x3F], 0x81),
    ] {
        Talk::open(version).breaks(&publish_as(version, 0, 0, "a", said), code);
    }
}

#[test]
fn qos_two_kept_before_a_reconnect_does_not_count() {
    // The quota is made anew by each connection (MQTT 5, 4.9).
    let accepted =
        Accepted { incoming: (1..=5).collect(), is_durable: true, ..Accepted::default() };
    let mut talk = Talk::resumed(Version::V5, accepted);
    talk.say(&publish(Version::V5, 1, 6, "all/x"));
    assert_eq!(talk.take_all(), [[0x40, 2, 0, 6]]);
}

#[test]
fn one_log_line_tells_of_refused_publishes_that_nobody_can_be_told_of() {
    let mut talk = Talk::open(Version::V5);
    for _ in 0..3 {
        assert!(talk.say(&publish(Version::V5, 0, 0, "closed/x")).is_empty());
    }
    let lines = talk.acts.iter().filter(|act| matches!(act, Act::Refused(_))).count();
    assert_eq!(lines, 1);
}

#[test]
fn what_no_statement_names_holds_too() {
    for version in BOTH {
        an_empty_name_ends_it(version);
        set_aside_is_told_where_it_can_be(version);
        a_repeat_before_pubrec_is_once(version);
        pubrel_before_pubrec_ends_it(version);
        kept_identifiers_are_known_after_a_reconnect(version);
    }
    a_payload_is_what_it_says(Version::V5);
}

#[test]
fn an_alias_of_a_topic_that_is_too_long_is_too_long() {
    let mut talk = Talk::open(Version::V5);
    for (id, topic) in [(1, "x".repeat(500)), (2, String::new())] {
        let said = talk.say(&publish_as(Version::V5, 0b10, id, &topic, &[0x23, 0, 1]));
        assert_eq!((said[0][0], said[0][4]), (0x40, reason::TOPIC));
    }
    assert!(talk.acts.is_empty() && !talk.is_over());
}
