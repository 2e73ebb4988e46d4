//! CONNECT and CONNACK.

use super::*;
use crate::mqtt::{Connack, Connect};

fn told(talk: &Talk) -> &Connect {
    let found = talk.acts.iter().find_map(|act| match act {
        Act::Connect(connect) => Some(connect),
        _ => None,
    });
    found.expect("a client wants in")
}

fn let_in(version: Version, connect: &[u8]) -> Talk {
    let mut talk = Talk::new(version);
    let said = talk.say(connect);
    assert!(said.is_empty(), "CONNACK waits for the answer");
    told(&talk);
    talk
}

pub(super) fn ill_formed_text_ends_it(version: Version) {
    for wrong in [&b"\xC3\x28"[..], b"\xED\xA0\x80"] {
        turned_away(version, &connect(version, 0b10, 0, &[], &octets(wrong)), 0x81, None);
        let topic = [&octets(wrong)[..], &properties(version, &[])].concat();
        Talk::open(version).breaks(&packet(0x30, &topic), 0x81);
        let will = [&text("c")[..], &properties(version, &[]), &octets(wrong), &text("x")].concat();
        turned_away(version, &connect(version, 0x06, 0, &[], &will), 0x81, None);
        let user = [&text("c")[..], &octets(wrong)].concat();
        turned_away(version, &connect(version, 0x82, 0, &[], &user), 0x81, None);
    }
}

pub(super) fn a_null_character_ends_it(version: Version) {
    turned_away(version, &connect(version, 0b10, 0, &[], &text("a\0b")), 0x81, None);
    Talk::open(version).breaks(&publish(version, 0, 0, "a\0b"), 0x81);
    Talk::open(version).breaks(&subscribe(version, 1, &[("a\0b", 0)]), 0x81);
}

pub(super) fn a_byte_order_mark_is_kept(version: Version) {
    let talk = let_in(version, &connect(version, 0b10, 0, &[], &text("\u{FEFF}c")));
    assert_eq!(&*told(&talk).client, "\u{FEFF}c");
}

pub(super) fn the_first_packet_is_connect(version: Version) {
    let others =
        [packet(0xC0, &[]), publish(version, 0, 0, "a"), subscribe(version, 1, &[("a", 0)])];
    for other in others {
        let mut talk = Talk::new(version);
        assert!(talk.say(&other).is_empty(), "nothing is answered");
        assert!(talk.is_over());
    }
}

pub(super) fn a_second_connect_ends_it(version: Version) {
    Talk::open(version).breaks(&hello(version), 0x82);
}

pub(super) fn another_protocol_is_closed(version: Version) {
    let level = if version == Version::V5 { 5 } else { 4 };
    let body = [&text("HTTP")[..], &[level, 2, 0, 0], &text("c")].concat();
    let mut talk = Talk::new(version);
    assert!(talk.say(&packet(0x10, &body)).is_empty());
    assert!(talk.is_over());
}

pub(super) fn another_level_is_told(version: Version) {
    let (name, level) = match version {
        Version::V3 => ("MQIsdp", 3),
        Version::V5 => ("MQTT", 6),
    };
    let body = [&text(name)[..], &[level, 2, 0, 0], &properties(version, &[]), &text("c")].concat();
    turned_away(version, &packet(0x10, &body), 0x84, Some(1));
}

pub(super) fn the_reserved_flag_is_zero(version: Version) {
    turned_away(version, &connect(version, 0b11, 0, &[], &text("c")), 0x81, None);
}

pub(super) fn a_will_is_handed_in(version: Version) {
    let will = [&text("c")[..], &properties(version, &[]), &text("a/will"), &text("gone")].concat();
    for (flags, qos, retain) in [(0x06, 0, false), (0x0E, 1, false), (0x36, 2, true)] {
        let talk = let_in(version, &connect(version, flags, 0, &[], &will));
        let will = told(&talk).will.as_ref().expect("a will");
        assert_eq!((&*will.publish.topic, &will.publish.payload[..]), ("a/will", &b"gone"[..]));
        assert_eq!((u8::from(will.publish.qos), will.publish.retain), (qos, retain));
    }
    assert!(told(&let_in(version, &hello(version))).will.is_none());
}

pub(super) fn a_will_is_there_where_its_flag_is(version: Version) {
    turned_away(version, &connect(version, 0b110, 0, &[], &text("c")), 0x81, None);
    let left = [&text("c")[..], &text("a/will"), &text("gone")].concat();
    turned_away(version, &connect(version, 0b10, 0, &[], &left), 0x81, None);
}

pub(super) fn no_will_has_no_qos_and_no_retain(version: Version) {
    for flags in [0x0A, 0x12, 0x22] {
        turned_away(version, &connect(version, flags, 0, &[], &text("c")), 0x81, None);
    }
}

pub(super) fn a_will_of_qos_three_ends_it(version: Version) {
    let will = [&text("c")[..], &properties(version, &[]), &text("a"), &text("x")].concat();
    turned_away(version, &connect(version, 0x1E, 0, &[], &will), 0x81, None);
}

pub(super) fn user_and_password_are_where_their_flags_are(version: Version) {
    let full = [text("c"), text("user"), text("secret")].concat();
    let talk = let_in(version, &connect(version, 0b1100_0010, 0, &[], &full));
    assert_eq!(told(&talk).user.as_deref(), Some("user"));
    assert_eq!(told(&talk).password.as_deref(), Some(&b"secret"[..]));
    let only_user = [text("c"), text("user")].concat();
    for (flags, rest) in [
        // More than the flags say, and less.
        (0b1000_0010, &full),
        (0b0000_0010, &only_user),
        (0b1100_0010, &only_user),
        (0b1000_0010, &text("c")),
    ] {
        turned_away(version, &connect(version, flags, 0, &[], rest), 0x81, None);
    }
}

pub(super) fn a_password_needs_a_user_in_3_1_1(version: Version) {
    let rest = [text("c"), text("secret")].concat();
    let bytes = connect(version, 0b0100_0010, 0, &[], &rest);
    match version {
        Version::V3 => turned_away(version, &bytes, 0x81, None),
        Version::V5 => drop(let_in(version, &bytes)),
    }
}

pub(super) fn fields_come_in_their_order(version: Version) {
    let rest = [
        text("client"),
        properties(version, &[]),
        text("will/topic"),
        text("will"),
        text("user"),
        text("password"),
    ]
    .concat();
    let talk = let_in(version, &connect(version, 0b1100_0110, 7, &[], &rest));
    let connect = told(&talk);
    assert_eq!((&*connect.client, connect.keep_alive), ("client", 7));
    assert_eq!(connect.will.as_ref().map(|will| &*will.publish.topic), Some("will/topic"));
    assert_eq!(connect.user.as_deref(), Some("user"));
}

pub(super) fn usual_client_identifiers_are_taken(version: Version) {
    for client in ["a", "0123456789abcdefghijABC", "ABCDEFGHIJKLMNOPQRSTUVW"] {
        let talk = let_in(version, &connect(version, 0b10, 0, &[], &text(client)));
        assert_eq!(&*told(&talk).client, client);
    }
}

pub(super) fn an_empty_client_identifier_is_given_one(version: Version) {
    let mut talk = let_in(version, &connect(version, 0b10, 0, &[], &text("")));
    assert!(told(&talk).client.is_empty());
    let connack = Connack { client: Some("auto-1".into()), ..Connack::default() };
    let said = talk.accept(Accepted { connack, ..Accepted::default() });
    if version == Version::V5 {
        let assigned = [&[0x12_u8][..], &text("auto-1")].concat();
        assert!(said[0].windows(assigned.len()).any(|window| window == assigned));
    }
}

pub(super) fn an_empty_client_identifier_of_an_old_session(version: Version) {
    let bytes = connect(version, 0, 0, &[], &text(""));
    match version {
        Version::V3 => turned_away(version, &bytes, 0x85, Some(2)),
        // In MQTT 5 it may be, and there is no session that it could go on with.
        Version::V5 => assert!(told(&let_in(version, &bytes)).is_clean),
    }
}

pub(super) fn a_client_identifier_that_is_not_taken(version: Version) {
    let long = "x".repeat(129);
    for client in [&long[..], "a\u{7}b"] {
        turned_away(version, &connect(version, 0b10, 0, &[], &text(client)), 0x85, Some(2));
    }
}

pub(super) fn what_does_not_conform_is_closed(version: Version) {
    let whole = hello(version);
    let cut = packet(0x10, &whole[2..whole.len() - 1]);
    turned_away(version, &cut, 0x81, None);
    let more = packet(0x10, &[&whole[2..], &[0]].concat());
    turned_away(version, &more, 0x81, None);
}

pub(super) fn accepted_is_zero_and_first(version: Version) {
    let mut talk = Talk::new(version);
    // What comes behind CONNECT waits for its answer.
    let said = talk.say(&[hello(version), packet(0xC0, &[])].concat());
    assert!(said.is_empty());
    let said = talk.accept(Accepted::default());
    assert_eq!((said.len(), said[0][0], said[0][2], said[0][3]), (1, 0x20, 0, 0));
    assert_eq!(talk.say(&[]), [[0xD0, 0]]);
}

pub(super) fn nothing_is_done_behind_a_refusal(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&[hello(version), publish(version, 0, 0, "a")].concat());
    talk.machine.refused(reason::CREDENTIAL, "unknown");
    let said = talk.heard();
    let code = if version == Version::V5 { 0x86 } else { 4 };
    assert_eq!(said[0][2..4], [0, code]);
    assert!(talk.is_over());
    assert!(talk.say(&publish(version, 0, 0, "a")).is_empty());
    assert!(!talk.acts.iter().any(|act| matches!(act, Act::Publish { .. })));
    // A late answer lets nobody in.
    assert!(talk.accept(Accepted::default()).is_empty());
}

pub(super) fn session_present_is_what_the_session_says(version: Version) {
    for is_present in [false, true] {
        let mut talk = Talk::new(version);
        talk.say(&hello(version));
        let connack = Connack { is_present, ..Connack::default() };
        let said = talk.accept(Accepted { connack, ..Accepted::default() });
        assert_eq!(said[0][2], u8::from(is_present));
    }
}

pub(super) fn a_refusal_has_no_session_and_is_closed(version: Version) {
    for (code, return_code) in [(0x86, 4), (0x87, 5), (0x88, 3), (0x97, 3)] {
        let mut talk = Talk::new(version);
        talk.say(&hello(version));
        talk.machine.refused(code, "no");
        let said = talk.heard();
        let told = if version == Version::V5 { code } else { return_code };
        assert_eq!(said[0][2..4], [0, told]);
        assert!(talk.is_over());
    }
}

pub(super) fn what_has_no_code_is_closed_without_one(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&hello(version));
    talk.machine.refused(0x82, "no");
    let said = talk.heard();
    assert!(talk.is_over());
    // MQTT 5 has a code for everything.
    assert_eq!(said.len(), usize::from(version == Version::V5));
}

pub(super) fn keep_alive_is_one_and_a_half(version: Version) {
    let mut talk = Talk::open(version);
    talk.now = Duration::from_secs(80);
    assert_eq!(talk.say(&packet(0xC0, &[])), [[0xD0, 0]]);
    talk.machine.tick(Duration::from_millis(169_999));
    assert!(!talk.is_over());
    assert_eq!(talk.machine.next_tick(), Duration::from_secs(170));
    talk.machine.tick(Duration::from_secs(170));
    let said = talk.heard();
    talk.is_broken(&said, 0x8D);
    assert!(talk.machine.leave().is_will_wanted, "it is as if the network had failed");
}

pub(super) fn who_promises_no_keep_alive(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&connect(version, 0b10, 0, &[], &text("c")));
    let said = talk.accept(Accepted::default());
    let is_told = said[0].windows(3).any(|window| window == [0x13, 0x02, 0x58]);
    assert_eq!(is_told, version == Version::V5, "MQTT 5 is told to keep 600 s");
    talk.machine.tick(Duration::from_secs(10_000));
    assert_eq!(talk.is_over(), version == Version::V5);
}

pub(super) fn the_keep_alive_asked_for_is_the_one(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&hello(version));
    let said = talk.accept(Accepted::default());
    assert!(!said[0].windows(3).any(|window| window == [0x13, 0, 60]));
    assert_eq!(talk.machine.next_tick(), Duration::from_secs(90));
}

pub(super) fn authentication_methods_are_not_spoken(version: Version) {
    let said = [&[0x15_u8][..], &text("SCRAM-SHA-1"), &[0x16], &text("data")].concat();
    turned_away(version, &connect(version, 0b10, 0, &said, &text("c")), 0x8C, None);
    let alone = [&[0x16_u8][..], &text("data")].concat();
    turned_away(version, &connect(version, 0b10, 0, &alone, &text("c")), 0x82, None);
    Talk::open(version).breaks(&packet(0xF0, &[]), 0x8C);
}

/// A client that takes packets of so many bytes, and wants reasons in words or not.
pub(super) fn narrow(bytes: u32, wants_problems: bool) -> Talk {
    let wants = [0x17, u8::from(wants_problems)];
    let said = [&[0x27_u8][..], &bytes.to_be_bytes(), &wants].concat();
    let mut talk = Talk::new(Version::V5);
    talk.say(&connect(Version::V5, 0b10, 60, &said, &text("c")));
    talk
}

pub(super) fn connack_fits_or_is_shorter(_version: Version) {
    let mut talk = narrow(20, true);
    talk.machine.refused(0x87, "a reason that has more bytes than this client takes");
    assert_eq!(talk.heard(), [[0x20, 3, 0, 0x87, 0]]);
    let mut talk = narrow(100, true);
    talk.machine.refused(0x87, "why");
    assert_eq!(talk.heard(), [[0x20, 9, 0, 0x87, 6, 0x1F, 0, 3, b'w', b'h', b'y']]);
    // Not even that.
    let mut talk = narrow(4, true);
    talk.machine.refused(0x87, "why");
    assert!(talk.heard().is_empty() && talk.is_over());
}

pub(super) fn response_information_only_where_asked(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&hello(version));
    assert!(!told(&talk).wants_response_info);
    let mut talk = Talk::new(version);
    talk.say(&connect(version, 0b10, 0, &[0x19, 1], &text("c")));
    assert!(told(&talk).wants_response_info);
}

pub(super) fn connack_says_what_the_connection_is_held_to(version: Version) {
    let mut talk = Talk::new(version);
    talk.say(&hello(version));
    let said = talk.accept(Accepted::default());
    for property in [&[0x21_u8, 0, 5][..], &[0x27, 0, 0, 4, 0], &[0x22, 0, 3]] {
        assert!(said[0].windows(property.len()).any(|window| window == property));
    }
    // Maximum QoS and Retain Available are left out: all of it is there.
    assert!(!said[0][5..].contains(&0x24) && !said[0][5..].contains(&0x25));
}

#[test]
fn connect_comes_in_time_or_not_at_all() {
    let mut talk = Talk::new(Version::V5);
    talk.machine.tick(Duration::from_secs(9));
    assert!(!talk.is_over());
    talk.machine.tick(Duration::from_secs(10));
    assert!(talk.heard().is_empty() && talk.is_over());
}

#[test]
fn a_connect_in_pieces_is_one() {
    for version in BOTH {
        let mut talk = Talk::new(version);
        let bytes = hello(version);
        let (last, first) = bytes.split_last().expect("bytes");
        for byte in first {
            talk.say(&[*byte]);
            assert!(talk.acts.is_empty());
        }
        talk.say(&[*last]);
        assert_eq!(&*told(&talk).client, "c");
    }
}

#[test]
fn properties_of_connect_that_are_no_use() {
    let version = Version::V5;
    for (said, code) in [
        (&[0x21, 0, 0][..], 0x82),
        (&[0x27, 0, 0, 0, 0], 0x82),
        (&[0x17, 2], 0x82),
        (&[0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1], 0x82),
        (&[0x24, 1], 0x81),
        (&[0x7F, 1], 0x81),
    ] {
        turned_away(version, &connect(version, 0b10, 0, said, &text("c")), code, None);
    }
}
