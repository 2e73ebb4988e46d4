//! Keys of rules, in the space `D`.
//!
//! | key | value |
//! |---|---|
//! | `s RULE RUN DEVICE` | `condition::State`, since the rule began this time |
//! | `c RULE STREAM` | the first row that it has not looked at, 8 bytes |
//! | `r RULE` | `run::Begun` |
//! | `n RULE` | `run::Counts` |
//! | `u LOOK RULE RUN DEVICE` | nothing: when somebody looks whether a device is silent, business time |
//! | `g RULE RUN` | nothing: a run that is over, of which something may be remembered still |
//! | `p TOKEN` | `actions::Pending`: an action that is under way |
//! | `a DUE TOKEN` | nothing: when an action is tried again, business time |
//! | `f` | when somebody looks for crossings that are too old |

use base::{Key, KeyReader, Time};

/// The space of rules.
const SPACE: u8 = b'D';

/// Returns the beginning of what is remembered of a rule's devices.
pub(crate) fn states(rule: &str) -> Key {
    kernel::key(SPACE).text("s").text(rule)
}

/// Returns the beginning of what a rule remembers of devices since it began.
pub(crate) fn states_of(rule: &str, run: u64) -> Key {
    states(rule).number(run)
}

/// Returns the key of what a rule remembers of a device.
pub(crate) fn state(rule: &str, run: u64, device: &str) -> Key {
    states_of(rule, run).text(device)
}

/// Returns the device in a key of what is remembered.
pub(crate) fn device_of(found: &[u8]) -> Option<String> {
    let mut parts = KeyReader::new(found);
    parts.text()?;
    parts.text()?;
    parts.number()?;
    parts.text()
}

/// Returns the beginning of the runs that are over.
pub(crate) fn over_all() -> Key {
    kernel::key(SPACE).text("g")
}

/// Returns the key of a run that is over.
pub(crate) fn over(rule: &str, run: u64) -> Key {
    over_all().text(rule).number(run)
}

/// Returns of which rule which run is over.
pub(crate) fn over_of(found: &[u8]) -> Option<(String, u64)> {
    let mut parts = KeyReader::new(found);
    parts.text()?;
    Some((parts.text()?, parts.number()?))
}

/// Returns the beginning of the cursors of all rules.
pub(crate) fn cursors_all() -> Key {
    kernel::key(SPACE).text("c")
}

/// Returns the beginning of a rule's cursors.
pub(crate) fn cursors(rule: &str) -> Key {
    cursors_all().text(rule)
}

/// Returns the key of a rule's cursor in a stream.
pub(crate) fn cursor(rule: &str, stream: &str) -> Key {
    cursors(rule).text(stream)
}

/// Returns the key of how a rule began.
pub(crate) fn begun(rule: &str) -> Key {
    kernel::key(SPACE).text("r").text(rule)
}

/// Returns the key of what a rule has counted.
pub(crate) fn counts(rule: &str) -> Key {
    kernel::key(SPACE).text("n").text(rule)
}

/// Returns the beginning of the looks for silence.
pub(crate) fn looks() -> Key {
    kernel::key(SPACE).text("u")
}

/// Returns the key of a look for silence.
pub(crate) fn look(at: Time, rule: &str, run: u64, device: &str) -> Key {
    looks().signed(at.0).text(rule).number(run).text(device)
}

/// Returns when somebody looks, at which rule in which run, and at which device.
pub(crate) fn look_of(found: &[u8]) -> Option<(Time, String, u64, String)> {
    let mut parts = KeyReader::new(found);
    parts.text()?;
    Some((Time(parts.signed()?), parts.text()?, parts.number()?, parts.text()?))
}

/// Returns the key of an action that is under way.
pub(crate) fn pending(token: &str) -> Key {
    kernel::key(SPACE).text("p").text(token)
}

/// Returns the beginning of the actions that are tried again.
pub(crate) fn again_all() -> Key {
    kernel::key(SPACE).text("a")
}

/// Returns the key of an action that is tried again.
pub(crate) fn again(at: Time, token: &str) -> Key {
    again_all().signed(at.0).text(token)
}

/// Returns when which action is tried again.
pub(crate) fn again_of(found: &[u8]) -> Option<(Time, String)> {
    let mut parts = KeyReader::new(found);
    parts.text()?;
    Some((Time(parts.signed()?), parts.text()?))
}

/// Returns the key of the next look for crossings that are too old.
pub(crate) fn forgetting() -> Key {
    kernel::key(SPACE).text("f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        assert_eq!(device_of(state("warm", 7, "van-7").as_ref()), Some("van-7".into()));
        let look = look(Time(-7), "warm", 7, "van-7");
        assert_eq!(look_of(look.as_ref()), Some((Time(-7), "warm".into(), 7, "van-7".into())));
        assert_eq!(over_of(over("warm", 7).as_ref()), Some(("warm".into(), 7)));
        assert_eq!(again_of(again(Time(3), "t/1").as_ref()), Some((Time(3), "t/1".into())));
        assert_eq!(look_of(b"short"), None);
    }
}
