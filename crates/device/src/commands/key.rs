//! Keys of commands, in the space `B`.
//!
//! | key | value |
//! |---|---|
//! | `c NUMBER` | `state::Command` |
//! | `o DEVICE NUMBER` | nothing: it is open |
//! | `a DEVICE NUMBER` | nothing: of all of a device |
//! | `u DEADLINE NUMBER` | nothing: when an open one expires, business time |
//! | `e ENDED NUMBER` | nothing: when one ended, business time; after `command_days` it goes |
//! | `w ENGINE TOKEN` | the number of the command whose answer an engine waits for |

use base::{Key, KeyReader, Time};
use kernel::Address;

/// The space of commands.
const SPACE: u8 = b'B';

fn section(letter: &str) -> Key {
    kernel::key(SPACE).text(letter)
}

/// Returns the beginning of all commands.
pub(crate) fn commands() -> Key {
    section("c")
}

/// Returns the key of a command.
pub(crate) fn command(number: u64) -> Key {
    commands().number(number)
}

/// Returns the beginning of all that are open.
pub(crate) fn open_all() -> Key {
    section("o")
}

/// Returns the beginning of those of a device that are open.
pub(crate) fn open_of(device: &str) -> Key {
    open_all().text(device)
}

/// Returns the key that says that a command is open.
pub(crate) fn open(device: &str, number: u64) -> Key {
    open_of(device).number(number)
}

/// Returns the beginning of those of all devices.
pub(crate) fn all() -> Key {
    section("a")
}

/// Returns the beginning of all of a device.
pub(crate) fn all_of(device: &str) -> Key {
    all().text(device)
}

/// Returns the key that says that a command is a device's.
pub(crate) fn of(device: &str, number: u64) -> Key {
    all_of(device).number(number)
}

/// Returns the beginning of the deadlines.
pub(crate) fn deadlines() -> Key {
    section("u")
}

/// Returns the key of a command's deadline.
pub(crate) fn deadline(at: Time, number: u64) -> Key {
    deadlines().signed(at.0).number(number)
}

/// Returns the beginning of the ends.
pub(crate) fn ends() -> Key {
    section("e")
}

/// Returns the key of a command's end.
pub(crate) fn end(at: Time, number: u64) -> Key {
    ends().signed(at.0).number(number)
}

/// Returns the beginning of those that an engine waits for.
pub(crate) fn waited() -> Key {
    section("w")
}

/// Returns the key under which the command stands whose answer is waited for here.
pub(crate) fn waited_at(address: &Address) -> Key {
    waited().text(&address.engine).text(&address.token)
}

/// Returns the number at the end of a key.
pub(crate) fn last(key: &[u8]) -> Option<u64> {
    let at = key.len().checked_sub(8)?;
    key.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Returns the time in a key of a deadline or an end.
pub(crate) fn time_of(key: &[u8]) -> Option<Time> {
    let mut parts = KeyReader::new(key);
    parts.text()?;
    parts.signed().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        let deadline = deadline(Time(-7), 12);
        assert_eq!(
            (time_of(deadline.as_ref()), last(deadline.as_ref())),
            (Some(Time(-7)), Some(12))
        );
        assert_eq!(last(open("van-7", 3).as_ref()), Some(3));
        assert_eq!(last(b"short"), None);
    }
}
