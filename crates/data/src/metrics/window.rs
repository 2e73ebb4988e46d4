//! Windows of business time: hours, days, weeks, months, quarters and years in UTC, each from its start to the next.

use base::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// Days from the first of January of the year 1 to that of 1970, in the Gregorian calendar.
const DAYS_BEFORE_1970: i64 = 719_162;

/// How long a window is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// From the full hour.
    Hour,
    /// From midnight UTC.
    Day,
    /// From Monday.
    Week,
    /// From the first of the month.
    Month,
    /// From January, April, July or October.
    Quarter,
    /// From the first of January.
    Year,
}

impl Grain {
    /// Returns the word, as manifests and `date_trunc` write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// Returns when the window began in which an instant lies.
    pub(crate) fn start_of(self, time: Time) -> Time {
        let day = time.0.div_euclid(DAY);
        match self {
            Self::Hour => Time(time.0.div_euclid(HOUR) * HOUR),
            Self::Day => Time(day * DAY),
            // The first day of 1970 was a Thursday.
            Self::Week => Time((day - (day + 3).rem_euclid(7)) * DAY),
            Self::Month | Self::Quarter | Self::Year => {
                let month = month_of(day);
                first_of(month - month.rem_euclid(self.months()))
            }
        }
    }

    /// Returns when the window ends that begins at `start`: the next begins there.
    pub(crate) fn end_of(self, start: Time) -> Time {
        let later = |millis: i64| Time(start.0.saturating_add(millis));
        match self {
            Self::Hour => later(HOUR),
            Self::Day => later(DAY),
            Self::Week => later(7 * DAY),
            Self::Month | Self::Quarter | Self::Year => {
                first_of(month_of(start.0.div_euclid(DAY)) + self.months())
            }
        }
    }

    /// Returns the first window that begins at an instant or after it.
    pub(crate) fn first_from(self, time: Time) -> Time {
        let start = self.start_of(time);
        if start < time { self.end_of(start) } else { start }
    }

    fn months(self) -> i64 {
        match self {
            Self::Quarter => 3,
            Self::Year => 12,
            _ => 1,
        }
    }
}

/// Reads when a window begins: an instant, a date, `2018-03` or `2018`.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let whole = match text.len() {
        4 if is_digits(text) => format!("{text}-01-01"),
        7 if is_digits(&text.replacen('-', "", 1)) => format!("{text}-01"),
        _ => text.to_owned(),
    };
    Time::parse(&whole).ok()
}

/// Returns the months from January of the year 0 to that of a day, which is counted from 1970.
fn month_of(day: i64) -> i64 {
    let day = day + DAYS_BEFORE_1970;
    // 400 years have 146,097 days; the guess is at most one year off.
    let mut year = (day * 400).div_euclid(146_097) + 1;
    while day < days_before(year) {
        year -= 1;
    }
    while days_before(year + 1) <= day {
        year += 1;
    }
    let mut rest = day - days_before(year);
    let mut month = 0;
    while days_of(year, month) <= rest {
        rest -= days_of(year, month);
        month += 1;
    }
    year * 12 + month
}

/// Returns the first instant of a month.
fn first_of(month: i64) -> Time {
    let year = month.div_euclid(12);
    let before: i64 = (0..month.rem_euclid(12)).map(|month| days_of(year, month)).sum();
    Time((days_before(year) + before - DAYS_BEFORE_1970).saturating_mul(DAY))
}

/// Returns the days from the first of January of the year 1 to that of another year.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

/// Returns the days of a month, which is counted from 0.
fn days_of(year: i64, month: i64) -> i64 {
    let is_leap =
        year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        1 => 28 + i64::from(is_leap),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        Time::parse(text).expect("an instant")
    }

    #[track_caller]
    fn check(grain: Grain, inside: &str, start: &str, end: &str) {
        let found = grain.start_of(time(inside));
        assert_eq!(found, time(start), "{inside}: {found}");
        assert_eq!(grain.end_of(found), time(end), "{inside}: {}", grain.end_of(found));
        assert_eq!(grain.start_of(found), found, "a window begins where it begins");
        let last = Time(time(end).0 - 1);
        assert_eq!(grain.start_of(last), found, "{last} is its last moment");
        assert_eq!(grain.first_from(found), found);
        assert_eq!(grain.first_from(last), time(end));
    }

    #[test]
    fn windows_have_their_calendar_lengths() {
        check(
            Grain::Hour,
            "2018-03-25T02:59:59.999Z",
            "2018-03-25T02:00:00Z",
            "2018-03-25T03:00:00Z",
        );
        check(Grain::Hour, "1969-12-31T23:30:00Z", "1969-12-31T23:00:00Z", "1970-01-01");
        check(Grain::Day, "2018-10-28T12:00:00Z", "2018-10-28", "2018-10-29");
        check(Grain::Month, "2016-02-29T23:00:00Z", "2016-02-01", "2016-03-01");
        check(Grain::Month, "2100-02-28", "2100-02-01", "2100-03-01");
        check(Grain::Month, "2018-12-31", "2018-12-01", "2019-01-01");
        check(Grain::Month, "1969-12-15", "1969-12-01", "1970-01-01");
        check(Grain::Quarter, "2018-06-30", "2018-04-01", "2018-07-01");
        check(Grain::Quarter, "2018-11-11", "2018-10-01", "2019-01-01");
        check(Grain::Year, "2000-12-31T23:59:59Z", "2000-01-01", "2001-01-01");
        check(Grain::Year, "0001-06-01", "0001-01-01", "0002-01-01");
    }

    #[test]
    fn weeks_begin_on_monday_across_years() {
        check(Grain::Week, "2018-01-01", "2018-01-01", "2018-01-08");
        check(Grain::Week, "2017-01-01T10:00:00Z", "2016-12-26", "2017-01-02");
        check(Grain::Week, "1970-01-01", "1969-12-29", "1970-01-05");
        check(Grain::Week, "2020-03-01", "2020-02-24", "2020-03-02");
    }

    #[test]
    fn nothing_changes_where_clocks_on_walls_do() {
        // The days on which the summer time of Europe begins and ends have 24 hours like any other.
        for day in ["2018-03-25", "2018-10-28"] {
            let start = Grain::Day.start_of(time(day));
            assert_eq!(Grain::Day.end_of(start).0 - start.0, 24 * HOUR);
        }
    }

    #[test]
    fn months_agree_with_the_calendar_day_by_day() {
        let mut day = time("1899-12-31");
        while day < time("2101-01-02") {
            let text = day.to_string();
            let expected = time(&format!("{}-01", &text[..7]));
            assert_eq!(Grain::Month.start_of(day), expected, "{text}");
            assert_eq!(Grain::Year.start_of(day), time(&format!("{}-01-01", &text[..4])), "{text}");
            day = Time(day.0 + DAY);
        }
    }

    #[test]
    fn windows_are_read_in_short() {
        assert_eq!(parse("2018-03"), Some(time("2018-03-01")));
        assert_eq!(parse("2018"), Some(time("2018-01-01")));
        assert_eq!(parse("2018-03-05"), Some(time("2018-03-05")));
        assert_eq!(parse("2018-03-05T07:00:00Z"), Some(time("2018-03-05T07:00:00Z")));
        assert_eq!(parse("March"), None);
        assert_eq!(parse("2018-13"), None);
    }
}
