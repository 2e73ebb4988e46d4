//! What is stored of quality rules: counts by rule and day, the schedule, what waits to run.
//!
//! All keys begin with `quality` in the engine's space. Values are JSON with a version.

use super::spec::{Action, Check};
use base::Time;
use serde::{Deserialize, Serialize};

/// Keys of quality rules.
pub(crate) mod key {
    use base::{Key, Time};

    fn of(part: &str) -> Key {
        kernel::key(b's').text("quality").text(part)
    }

    /// Which rules a stream has, by name.
    pub(crate) fn on(stream: &str) -> Key {
        of("on").text(stream)
    }

    /// When all rules over tables run next.
    pub(crate) fn states() -> Key {
        of("state")
    }

    /// When rules over a table run next.
    pub(crate) fn state(quality: &str) -> Key {
        states().text(quality)
    }

    /// What runs next, by time.
    pub(crate) fn all_due() -> Key {
        of("due")
    }

    /// When rules run next.
    pub(crate) fn due(at: Time, quality: &str) -> Key {
        all_due().signed(at.0).text(quality)
    }

    /// What waits to run.
    pub(crate) fn requests() -> Key {
        of("request")
    }

    /// That rules wait to run.
    pub(crate) fn request(quality: &str) -> Key {
        requests().text(quality)
    }

    /// How often what rules had found was forgotten.
    pub(crate) fn erased() -> Key {
        of("erased")
    }

    /// All counts.
    pub(crate) fn counts() -> Key {
        of("count")
    }

    /// The counts of rules that stand together.
    pub(crate) fn counts_of(quality: &str) -> Key {
        counts().text(quality)
    }

    /// The counts of a rule.
    pub(crate) fn counts_of_rule(quality: &str, rule: &str) -> Key {
        counts_of(quality).text(rule)
    }

    /// The counts of a rule on a day.
    pub(crate) fn count(quality: &str, rule: &str, day: Time) -> Key {
        counts_of_rule(quality, rule).signed(day.0)
    }
}

/// When rules over a table run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub v: u8,
    /// When they run next.
    pub due: Time,
    /// When they ran last.
    #[serde(default)]
    pub ran: Option<Time>,
}

/// Rules that wait to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub v: u8,
    pub quality: String,
    /// Rises with every request.
    pub number: u64,
}

/// What a rule found on a day. Rules over a row add up; of rules over a table the last run counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub v: u8,
    pub quality: String,
    pub on: String,
    pub rule: String,
    pub check: Check,
    pub action: Action,
    pub day: Time,
    pub checked: u64,
    pub failed: u64,
    /// The offset of the first bad row of the day: in the stream, or among those set aside.
    #[serde(default)]
    pub first_failed: Option<u64>,
    /// Why the first bad row is bad.
    #[serde(default)]
    pub reason: Option<String>,
    /// Why the rule could not be evaluated.
    #[serde(default)]
    pub error: Option<String>,
}
