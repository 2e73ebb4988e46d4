//! Keys of the broker, in the space `C`.
//!
//! | key | value |
//! |---|---|
//! | `s PRINCIPAL CLIENT` | `rows::SessionRow` |
//! | `n NUMBER` | `rows::Numbered`: of a session or a group |
//! | `b SESSION FILTER` | `rows::SubscriptionRow` |
//! | `q SESSION PACKET` | nothing: an incoming QoS 2 identifier that is not released |
//! | `o SESSION PACKET` | `rows::HeldRow`: an outgoing QoS 2 message |
//! | `g GROUP FILTER` | `rows::GroupRow` |
//! | `g GROUP FILTER SESSION` | nothing: a member |
//! | `r NUMBER` | `rows::Progress` of a session or a group |
//! | `m NUMBER SEGMENT` | nothing: this segment of the log has a message for the session or group |
//! | `w SESSION` | the will |
//! | `x DUE WHAT SESSION` | nothing: a will or a session's end that is due then, wall time |
//! | `t TOPIC` | a retained message |
//! | `k` | how many retained messages there are, and their bytes |
//! | `l OFFSET` | when the log of messages came to this offset, and how many bytes had been written to it |

use base::{Key, KeyReader, Time};

/// The space of the broker.
const SPACE: u8 = b'C';

/// What is due for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Its will.
    Will,
    /// Its end.
    End,
}

impl Due {
    fn as_str(self) -> &'static str {
        match self {
            Self::Will => "will",
            Self::End => "end",
        }
    }
}

fn section(letter: &str) -> Key {
    kernel::key(SPACE).text(letter)
}

pub(crate) fn sessions() -> Key {
    section("s")
}

pub(crate) fn sessions_of(principal: &str) -> Key {
    sessions().text(principal)
}

pub(crate) fn session(principal: &str, client: &str) -> Key {
    sessions_of(principal).text(client)
}

pub(crate) fn numbers() -> Key {
    section("n")
}

pub(crate) fn number(number: u64) -> Key {
    numbers().number(number)
}

pub(crate) fn subscriptions_all() -> Key {
    section("b")
}

pub(crate) fn subscriptions(session: u64) -> Key {
    subscriptions_all().number(session)
}

pub(crate) fn subscription(session: u64, filter: &str) -> Key {
    subscriptions(session).text(filter)
}

pub(crate) fn incoming_all(session: u64) -> Key {
    section("q").number(session)
}

/// Returns the key of an incoming QoS 2 identifier that is not released.
pub(crate) fn incoming(session: u64, packet: u16) -> Key {
    incoming_all(session).number(packet.into())
}

pub(crate) fn outgoing_all(session: u64) -> Key {
    section("o").number(session)
}

pub(crate) fn outgoing(session: u64, packet: u16) -> Key {
    outgoing_all(session).number(packet.into())
}

pub(crate) fn groups() -> Key {
    section("g")
}

pub(crate) fn group(name: &str, filter: &str) -> Key {
    groups().text(name).text(filter)
}

pub(crate) fn member(name: &str, filter: &str, session: u64) -> Key {
    group(name, filter).number(session)
}

pub(crate) fn progress_all() -> Key {
    section("r")
}

pub(crate) fn progress(number: u64) -> Key {
    progress_all().number(number)
}

pub(crate) fn marks(number: u64) -> Key {
    section("m").number(number)
}

pub(crate) fn mark(number: u64, segment: u64) -> Key {
    marks(number).number(segment)
}

pub(crate) fn will(session: u64) -> Key {
    section("w").number(session)
}

pub(crate) fn dues() -> Key {
    section("x")
}

pub(crate) fn due(at: Time, what: Due, session: u64) -> Key {
    dues().signed(at.0).text(what.as_str()).number(session)
}

pub(crate) fn retained_all() -> Key {
    section("t")
}

pub(crate) fn retained(topic: &str) -> Key {
    retained_all().text(topic)
}

/// Returns the beginning of the keys of all retained messages whose topics begin with a text.
pub(crate) fn retained_below(beginning: &str) -> Vec<u8> {
    let mut key = retained(beginning).bytes();
    // Without what ends the text. No topic has a zero byte, so that nothing in it is escaped.
    key.truncate(key.len().saturating_sub(2));
    key
}

pub(crate) fn retained_count() -> Key {
    section("k")
}

pub(crate) fn places() -> Key {
    section("l")
}

pub(crate) fn place(offset: u64) -> Key {
    places().number(offset)
}

/// Returns the last number of a key.
pub(crate) fn last(key: &[u8]) -> Option<u64> {
    let at = key.len().checked_sub(8)?;
    key.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Returns the session and the filter of a subscription's key.
pub(crate) fn of_subscription(key: &[u8]) -> Option<(u64, String)> {
    let mut parts = KeyReader::new(key);
    parts.text()?;
    Some((parts.number()?, parts.text()?))
}

/// Returns group, filter and, of a member, the session.
pub(crate) fn of_group(key: &[u8]) -> Option<(String, String, Option<u64>)> {
    let mut parts = KeyReader::new(key);
    parts.text()?;
    Some((parts.text()?, parts.text()?, parts.number()))
}

/// Returns when something is due for which session.
pub(crate) fn of_due(key: &[u8]) -> Option<(Time, Due, u64)> {
    let mut parts = KeyReader::new(key);
    parts.text()?;
    let at = Time(parts.signed()?);
    let what = if parts.text()? == Due::Will.as_str() { Due::Will } else { Due::End };
    Some((at, what, parts.number()?))
}

/// Returns the topic of a retained message's key.
pub(crate) fn of_retained(key: &[u8]) -> Option<String> {
    let mut parts = KeyReader::new(key);
    parts.text()?;
    parts.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        assert_eq!(of_subscription(subscription(7, "a/+").as_ref()), Some((7, "a/+".into())));
        let group_of = |key: Key| of_group(key.as_ref());
        assert_eq!(group_of(group("g", "a")), Some(("g".into(), "a".into(), None)));
        assert_eq!(group_of(member("g", "a", 5)), Some(("g".into(), "a".into(), Some(5))));
        let due = due(Time(-9), Due::End, 3);
        assert_eq!(of_due(due.as_ref()), Some((Time(-9), Due::End, 3)));
        assert_eq!(of_retained(retained("a/b").as_ref()).as_deref(), Some("a/b"));
        assert_eq!(last(incoming(4, 65_535).as_ref()), Some(65_535));
    }

    #[test]
    fn topics_below_a_beginning_are_one_range() {
        let below = retained_below("a/b");
        for topic in ["a/b", "a/b/c", "a/bc"] {
            assert!(retained(topic).as_ref().starts_with(&below), "{topic}");
        }
        assert!(!retained("a/c").as_ref().starts_with(&below));
    }
}
