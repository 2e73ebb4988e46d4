//! What a topic's name says of a message: below `devices/NAME/` the names are fixed, all others are application topics.

use crate::Error;
use crate::broker::topic::device_of;
use base::{Code, Kind, Problem};

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// Rows of the stream of a channel.
    Telemetry(&'a str),
    /// Rows of the stream of an event.
    Event(&'a str),
    /// The reported state.
    Reported,
    /// The answer to a command.
    Answer(u64),
    /// To subscribers, and into the stream of the topic where it has one.
    Application,
}

/// Returns where a message of this topic goes.
///
/// # Errors
/// `topic.name` where nobody publishes, `policy.forbidden` where the unit alone does.
pub fn of(topic: &str) -> Result<Way<'_>, Problem> {
    if topic == "devices" {
        return Err(refused(topic, "devices publish to `devices/NAME/…`"));
    }
    let Some(device) = device_of(topic) else { return Ok(Way::Application) };
    // Behind `devices/`, the name and the `/` behind that.
    let rest = topic.get("devices/".len() + device.len() + 1..).unwrap_or_default();
    match rest.split_once('/') {
        Some(("telemetry", channel)) if is_level(channel) => Ok(Way::Telemetry(channel)),
        Some(("events", event)) if is_level(event) => Ok(Way::Event(event)),
        Some(("twin", "reported")) => Ok(Way::Reported),
        Some(("answers", number)) => number.parse().map(Way::Answer).map_err(|_| {
            refused(topic, "the last level is the number of the command that is answered")
        }),
        Some(("commands", _) | ("twin", "desired")) => Err(by_unit(topic)),
        None if rest == "presence" => Err(by_unit(topic)),
        _ => Err(refused(
            topic,
            "a device publishes to telemetry/CHANNEL, events/EVENT, twin/reported and answers/ID",
        )),
    }
}

/// Returns whether text is one level of a topic's name.
fn is_level(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

fn refused(topic: &str, reason: &str) -> Problem {
    Error::TopicName { topic: shown(topic), reason: reason.into() }.into()
}

/// What is commanded, desired and known of a device goes through operations, and their rights.
fn by_unit(topic: &str) -> Problem {
    forbidden(format!("the unit alone publishes on `{}`", shown(topic)))
}

/// Returns why a topic is refused to somebody.
pub(crate) fn forbidden(reason: String) -> Problem {
    Problem::new(Code("policy.forbidden", Kind::Forbidden), reason)
}

fn shown(topic: &str) -> String {
    topic.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_devices_are_fixed() {
        let way = |topic| of(topic).map_err(|problem| problem.code);
        assert_eq!(way("devices/van-7/telemetry/position"), Ok(Way::Telemetry("position")));
        assert_eq!(way("devices/van-7/events/door_opened"), Ok(Way::Event("door_opened")));
        assert_eq!(way("devices/van-7/twin/reported"), Ok(Way::Reported));
        assert_eq!(way("devices/van-7/answers/12"), Ok(Way::Answer(12)));
        for application in ["plant/1/line/3/state", "device/van-7/telemetry/x", "/devices/a/b", "a"]
        {
            assert_eq!(way(application), Ok(Way::Application));
        }
        for by_unit in [
            "devices/van-7/presence",
            "devices/van-7/twin/desired",
            "devices/van-7/commands/unlock/1",
        ] {
            assert_eq!(way(by_unit), Err("policy.forbidden".into()), "{by_unit}");
        }
        for refused in [
            "devices",
            "devices/",
            "devices/van-7",
            "devices/van-7/",
            "devices/van-7/telemetry",
            "devices/van-7/telemetry/",
            "devices/van-7/telemetry/a/b",
            "devices/van-7/answers/x",
            "devices/van-7/answers/-1",
            "devices/van-7/twin/reported/x",
            "devices//telemetry/position/",
        ] {
            assert_eq!(way(refused), Err("topic.name".into()), "{refused}");
        }
    }

    #[test]
    fn a_topic_names_its_device() {
        assert_eq!(device_of("devices/van-7/telemetry/position"), Some("van-7"));
        assert_eq!(device_of("devices/van-7"), Some("van-7"));
        assert_eq!(device_of("devices"), None);
        assert_eq!(device_of("plant/devices/van-7"), None);
    }
}
