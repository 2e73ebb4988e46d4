//! SUBSCRIBE, UNSUBSCRIBE, topic filters, shares.

use super::*;
use crate::mqtt::strict;

pub(super) fn reserved_bits_of_options_end_it(version: Version) {
    for options in [0x40, 0x80] {
        Talk::open(version).breaks(&subscribe(version, 1, &[("a", options)]), 0x81);
    }
    if version == Version::V3 {
        for options in [0x04, 0x08, 0x10] {
            Talk::open(version).breaks(&subscribe(version, 1, &[("a", options)]), 0x81);
        }
    }
    Talk::open(version).breaks(&subscribe(version, 1, &[("a", 3)]), 0x81);
}

pub(super) fn a_subscribe_has_a_filter(version: Version) {
    Talk::open(version).breaks(&subscribe(version, 1, &[]), 0x82);
}

pub(super) fn an_unsubscribe_has_a_filter(version: Version) {
    Talk::open(version).breaks(&unsubscribe(version, 1, &[]), 0x82);
}

pub(super) fn filters_are_texts(version: Version) {
    for first in [0x82, 0xA2] {
        let body = [&[0_u8, 1][..], &properties(version, &[]), &octets(b"\xC3\x28"), &[0]].concat();
        // The option byte belongs to SUBSCRIBE alone.
        let end = body.len() - usize::from(first == 0xA2);
        Talk::open(version).breaks(&packet(first, &body[..end]), 0x81);
    }
}

pub(super) fn every_subscribe_is_answered(version: Version) {
    let mut talk = Talk::open(version);
    let filters = [("a", 0), ("b/+", 1), ("c/#", 2)];
    assert!(talk.say(&subscribe(version, 0x0102, &filters)).is_empty(), "it waits");
    let Some(Act::Subscribe { packet: id, to, .. }) = talk.acts.first() else {
        panic!("a subscription was handed in");
    };
    let wanted: Vec<(&str, u8)> = to.iter().map(|to| (&*to.filter, u8::from(to.qos))).collect();
    assert_eq!((*id, &wanted[..]), (0x0102, &filters[..]));
    // In the order of the filters; a refusal among them is 0x80 in 3.1.1.
    talk.machine.subscribed(0x0102, &[0, 0x87, 2]);
    let body = match version {
        Version::V3 => vec![1, 2, 0, 0x80, 2],
        Version::V5 => vec![1, 2, 0, 0, 0x87, 2],
    };
    assert_eq!(talk.heard(), [packet(0x90, &body)]);
}

pub(super) fn every_unsubscribe_is_answered(version: Version) {
    let mut talk = Talk::open(version);
    assert!(talk.say(&unsubscribe(version, 0x0102, &["a", "b/+"])).is_empty());
    let Some(Act::Unsubscribe { packet: 0x0102, filters }) = talk.acts.first() else {
        panic!("it was handed in");
    };
    assert_eq!(filters.iter().map(|filter| &**filter).collect::<Vec<_>>(), ["a", "b/+"]);
    // One that was not there is answered too.
    talk.machine.unsubscribed(0x0102, &[0, 0x11]);
    let body = match version {
        Version::V3 => vec![1, 2],
        Version::V5 => vec![1, 2, 0, 0, 0x11],
    };
    assert_eq!(talk.heard(), [packet(0xB0, &body)]);
}

pub(super) fn no_local_on_a_share_ends_it(version: Version) {
    let shared = subscribe(version, 1, &[("$share/g/a", 0b100)]);
    Talk::open(version).breaks(&shared, 0x82);
    let mut talk = Talk::open(version);
    talk.say(&subscribe(version, 1, &[("a", 0b0010_1100)]));
    let Some(Act::Subscribe { to, .. }) = talk.acts.first() else { panic!("it was handed in") };
    assert!(to[0].no_local && to[0].retain_as_published);
    assert_eq!(to[0].retain_handling, 2);
}

#[test]
fn subscription_identifiers_are_handed_in() {
    let version = Version::V5;
    let body = [&[0_u8, 1][..], &[2, 0x0B, 7], &text("a"), &[0]].concat();
    let mut talk = Talk::open(version);
    talk.say(&packet(0x82, &body));
    assert!(matches!(talk.acts.first(), Some(Act::Subscribe { id: Some(7), .. })));
    let zero = [&[0_u8, 1][..], &[2, 0x0B, 0], &text("a"), &[0]].concat();
    Talk::open(version).breaks(&packet(0x82, &zero), 0x82);
}

pub(super) fn hash_is_last_and_alone(version: Version) {
    for filter in ["a#", "#/a", "a/#/b", "a/b#", "##"] {
        Talk::open(version).breaks(&subscribe(version, 1, &[(filter, 0)]), 0x8F);
        Talk::open(version).breaks(&unsubscribe(version, 1, &[filter]), 0x8F);
    }
    for filter in ["#", "a/#", "/#", "+/#"] {
        assert_eq!(strict::topic_filter(filter, &LIMITS), Ok(()));
    }
}

pub(super) fn plus_is_alone(version: Version) {
    for filter in ["+a", "a+", "a/b+/c", "++"] {
        Talk::open(version).breaks(&subscribe(version, 1, &[(filter, 0)]), 0x8F);
    }
    for filter in ["+", "+/a", "a/+", "a/+/b", "/+"] {
        assert_eq!(strict::topic_filter(filter, &LIMITS), Ok(()));
    }
}

pub(super) fn a_filter_has_a_character(version: Version) {
    let mut talk = Talk::open(version);
    talk.say(&subscribe(version, 1, &[("", 0)]));
    assert!(talk.is_over());
}

pub(super) fn a_share_has_a_name_and_a_filter(version: Version) {
    let wrong = ["$share", "$share/", "$share//a", "$share/g", "$share/g/", "$share/g+/a"];
    for filter in wrong.into_iter().chain(["$share/#/a"]) {
        Talk::open(version).breaks(&subscribe(version, 1, &[(filter, 0)]), 0x8F);
    }
    for filter in ["$share/g/a", "$share/g/#", "$share/g//a", "$shared/a"] {
        assert_eq!(strict::topic_filter(filter, &LIMITS), Ok(()));
    }
}

pub(super) fn names_are_not_made_other_names(version: Version) {
    let mut talk = Talk::open(version);
    for (at, filter) in ["a//b/", "/A", "ä", "a\u{308}"].into_iter().enumerate() {
        talk.say(&subscribe(version, at as u16 + 1, &[(filter, 0)]));
        let Some(Act::Subscribe { to, packet, .. }) = talk.acts.pop() else {
            panic!("it was handed in");
        };
        assert_eq!(&*to[0].filter, filter);
        talk.machine.subscribed(packet, &[0]);
        talk.heard();
    }
}

#[test]
fn what_a_topic_may_be_here() {
    let check = |text: &str| strict::topic_name(text, &LIMITS).is_ok();
    assert!(check("devices/van-7/telemetry/position") && check("/") && check(" "));
    assert!(!check("") && !check("a/+") && !check("a\u{7F}") && !check("a\u{FFFF}"));
    assert!(check(&"x".repeat(64)) && !check(&"x".repeat(65)));
    assert!(check("1/2/3/4/5/6/7/8") && !check("1/2/3/4/5/6/7/8/9"));
}

#[test]
fn a_filter_above_the_limits_is_not_the_end() {
    // The broker refuses it in SUBACK.
    for version in BOTH {
        let mut talk = Talk::open(version);
        talk.say(&subscribe(version, 1, &[("1/2/3/4/5/6/7/8/9/#", 0)]));
        assert!(matches!(talk.acts.first(), Some(Act::Subscribe { .. })));
    }
}

#[test]
fn a_packet_has_no_more_filters_than_are_taken() {
    for version in BOTH {
        let mut filters = vec!["a"; LIMITS.filters_max];
        let wanted = |filters: &[&'static str]| -> Vec<(&'static str, u8)> {
            filters.iter().map(|filter| (*filter, 0)).collect()
        };
        let mut talk = Talk::open(version);
        talk.say(&subscribe(version, 1, &wanted(&filters)));
        assert!(matches!(talk.acts.first(), Some(Act::Subscribe { .. })));
        let mut talk = Talk::open(version);
        talk.say(&unsubscribe(version, 1, &filters));
        assert!(matches!(talk.acts.first(), Some(Act::Unsubscribe { .. })));
        filters.push("b");
        Talk::open(version).breaks(&subscribe(version, 1, &wanted(&filters)), 0x97);
        Talk::open(version).breaks(&unsubscribe(version, 1, &filters), 0x97);
    }
}

#[test]
fn an_answer_to_another_subscribe_lifts_nothing() {
    let mut talk = Talk::open(Version::V5);
    talk.say(&subscribe(Version::V5, 1, &[("a", 0)]));
    talk.machine.subscribed(2, &[0]);
    talk.machine.unsubscribed(3, &[0]);
    assert!(talk.heard().is_empty());
}
