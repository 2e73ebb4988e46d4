//! Instants and periods.

use crate::{Code, Kind, Problem};
use serde::{Deserialize, Serialize};

const INVALID: Code = Code("time.invalid", Kind::Invalid);

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 text in JSON.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Time(pub i64);

impl Time {
    /// Returns the instant written as RFC 3339, or as `YYYY-MM-DD[ T]HH:MM:SS` in UTC, or as a date at midnight UTC.
    ///
    /// # Errors
    /// `time.invalid` where the text is none of these.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(timestamp.as_millisecond()));
        }
        let civil = text
            .parse::<jiff::civil::DateTime>()
            .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)));
        civil
            .and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC))
            .map(|zoned| Self(zoned.timestamp().as_millisecond()))
            .map_err(|_| {
                let shown: String = text.chars().take(40).collect();
                Problem::new(INVALID, format!("`{shown}` is not an instant"))
                    .with_hint("write it as 2018-10-17T17:30:20Z")
            })
    }

    /// Returns this instant moved by a period.
    #[must_use]
    pub fn plus(self, period: Period) -> Self {
        Self(self.0.saturating_add(period.0))
    }

    /// Returns milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl TryFrom<String> for Time {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        Self::parse(&text)
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

/// A period in milliseconds. Written as an ISO 8601 duration in JSON; a year counts 365 days, a month 30.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Period(pub i64);

impl Period {
    /// Returns a period of so many seconds.
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds * 1_000)
    }

    /// Returns a period of so many days of 24 hours.
    pub const fn days(days: i64) -> Self {
        Self(days * 86_400_000)
    }

    /// Returns the period written as an ISO 8601 duration, for example `PT5M` or `P30D`.
    ///
    /// # Errors
    /// `time.invalid` where the text is no such duration.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let invalid = || {
            let shown: String = text.chars().take(40).collect();
            Problem::new(INVALID, format!("`{shown}` is not a duration"))
                .with_hint("write it as PT5M or P30D")
        };
        let span: jiff::Span = text.parse().map_err(|_| invalid())?;
        let days = i64::from(span.get_years()) * 365
            + i64::from(span.get_months()) * 30
            + i64::from(span.get_weeks()) * 7
            + i64::from(span.get_days());
        let millis = i64::from(span.get_hours()) * 3_600_000
            + span.get_minutes().saturating_mul(60_000)
            + span.get_seconds().saturating_mul(1_000)
            + span.get_milliseconds();
        Ok(Self(days.saturating_mul(86_400_000).saturating_add(millis)))
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let millis = self.0.unsigned_abs();
        if millis != 0 && millis.is_multiple_of(86_400_000) {
            return write!(f, "{sign}P{}D", millis / 86_400_000);
        }
        let (seconds, rest) = (millis / 1_000, millis % 1_000);
        if rest == 0 {
            write!(f, "{sign}PT{seconds}S")
        } else {
            write!(f, "{sign}PT{seconds}.{rest:03}S")
        }
    }
}

impl TryFrom<String> for Period {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        Self::parse(&text)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_in_three_forms() {
        let expected = Time(1_539_797_420_000);
        for text in ["2018-10-17T17:30:20Z", "2018-10-17 17:30:20", "2018-10-17T14:30:20-03:00"] {
            assert_eq!(Time::parse(text).ok(), Some(expected), "{text}");
        }
        assert_eq!(expected.to_string(), "2018-10-17T17:30:20Z");
        assert!(Time::parse("soon").is_err());
    }

    #[test]
    fn periods_read_and_write() {
        assert_eq!(Period::parse("P30D").ok(), Some(Period::days(30)));
        assert_eq!(Period::parse("PT1M30S").ok(), Some(Period::seconds(90)));
        assert_eq!(Period::seconds(90).to_string(), "PT90S");
        assert_eq!(Period::days(2).to_string(), "P2D");
    }
}
