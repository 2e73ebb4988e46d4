//! Checking what a form was given.

use super::model::{Bound, Form, Item, Kind, Moment, Options, Shape};
use super::{EVALUATIONS_MAX, PROBLEMS_MAX, ROWS_MAX};
use crate::Error;
use crate::feel::Expression;
use base::{Period, Place, Problem, Time};
use serde_json::{Map, Value};
use std::borrow::Cow;

type Variables = Map<String, Value>;

impl Form {
    /// Checks values that were given by this form, beside the variables that were known when it was shown. What has no field is
    /// not looked at. What is hidden, or cannot be changed, is not asked for.
    ///
    /// # Errors
    /// `form.invalid_value` for the first field, the others in [`Problem::also`]; the place is `/variables/` and the path of the
    /// field, with the number of the row where it stands in a list.
    pub fn check(&self, given: &Variables, known: &Variables, now: Time) -> Result<(), Problem> {
        let mut seen = Cow::Borrowed(known);
        if self.is_computed {
            overlay(seen.to_mut(), &self.items, given);
        }
        let mut checker =
            Checker { known, now, evaluations: EVALUATIONS_MAX, problems: Vec::new() };
        checker.items(&self.items, given, &mut seen, "/variables", false);
        let mut problems = checker.problems.into_iter();
        match problems.next() {
            None => Ok(()),
            Some(mut first) => {
                first.also.extend(problems);
                Err(first)
            }
        }
    }
}

/// Puts what fields were given over variables: nothing else that came along.
fn overlay(seen: &mut Variables, items: &[Item], given: &Variables) {
    for item in items {
        if let Some(name) = item.path.first()
            && let Some(value) = given.get(name)
        {
            seen.insert(name.clone(), value.clone());
        }
        if let Kind::Group(inner) = &item.kind {
            overlay(seen, inner, given);
        }
    }
}

/// Values in the checking.
struct Checker<'a> {
    known: &'a Variables,
    now: Time,
    evaluations: usize,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn items(
        &mut self,
        items: &[Item],
        given: &Variables,
        seen: &mut Cow<'_, Variables>,
        at: &str,
        is_hidden: bool,
    ) {
        for item in items {
            let is_hidden = is_hidden || self.is_hidden(item, seen);
            if let Kind::Group(inner) = &item.kind {
                self.items(inner, given, seen, at, is_hidden);
                continue;
            }
            let at = item.path.iter().fold(at.to_owned(), |at, name| format!("{at}/{name}"));
            match value_at(given, &item.path).filter(|value| !is_nothing(value)) {
                Some(value) => self.value(item, value, seen, &at, is_hidden),
                None if item.rules.is_required && !is_hidden && !item.is_fixed => {
                    self.wrong(item, &at, "required", "is required");
                }
                None => {}
            }
        }
    }

    fn is_hidden(&mut self, item: &Item, seen: &Variables) -> bool {
        let Some(hide) = &item.hide else { return false };
        self.evaluate(hide, seen) == Some(Value::Bool(true))
    }

    /// Evaluates an expression of the form; nothing where it has no value, or so many had one that no more are asked.
    fn evaluate(&mut self, expression: &Expression, seen: &Variables) -> Option<Value> {
        self.evaluations = self.evaluations.checked_sub(1)?;
        expression.evaluate(seen, self.now).ok()
    }

    fn wrong(&mut self, item: &Item, at: &str, rule: &'static str, what: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            let (label, what, place) = (item.label.clone(), what.to_owned(), Place::pointer(at));
            self.problems.push(Error::FormValue { label, what, rule, place }.into());
        }
    }

    fn value(
        &mut self,
        item: &Item,
        value: &Value,
        seen: &mut Cow<'_, Variables>,
        at: &str,
        is_hidden: bool,
    ) {
        match &item.kind {
            Kind::Text => self.text(item, value, seen, at),
            Kind::Number { digits, is_text } => {
                self.number(item, value, seen, at, (*digits, *is_text))
            }
            Kind::Truth => match value {
                Value::Bool(false) if item.rules.is_required && !is_hidden && !item.is_fixed => {
                    self.wrong(item, at, "required", "must be checked");
                }
                Value::Bool(_) => {}
                _ => self.wrong(item, at, "type", "must be true or false"),
            },
            Kind::One(options) => self.one(item, options, value, seen, at),
            Kind::Many(options) => self.many(item, options, value, seen, at),
            Kind::Moment { what, is_past_refused } => {
                self.moment(item, *what, *is_past_refused, value, at)
            }
            Kind::Files { is_multiple } => {
                let is_names = match value {
                    Value::String(_) => true,
                    Value::Array(names) => {
                        names.iter().all(Value::is_string) && (*is_multiple || names.len() <= 1)
                    }
                    _ => false,
                };
                if !is_names {
                    let what =
                        if *is_multiple { "must be a list of files" } else { "must be a file" };
                    self.wrong(item, at, "type", what);
                }
            }
            Kind::List(inner) => self.rows(item, inner, value, seen, at, is_hidden),
            Kind::Computed | Kind::Group(_) => {}
        }
    }

    fn text(&mut self, item: &Item, value: &Value, seen: &Variables, at: &str) {
        let Some(text) = value.as_str() else {
            return self.wrong(item, at, "type", "must be text");
        };
        let rules = &item.rules;
        // As the page counts: in units of UTF-16.
        let length = text.encode_utf16().count() as f64;
        if let Some(least) =
            self.bound(rules.length_min.as_ref(), seen).filter(|least| length < *least)
        {
            self.wrong(item, at, "min_length", &format!("must have at least {least} characters"));
        }
        if let Some(most) =
            self.bound(rules.length_max.as_ref(), seen).filter(|most| *most < length)
        {
            self.wrong(item, at, "max_length", &format!("must have at most {most} characters"));
        }
        if let Some(pattern) = rules.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            let pattern = crate::text::shorten(pattern.as_str());
            self.wrong(item, at, "pattern", &format!("must match the pattern `{pattern}`"));
        }
        match rules.shape {
            Some(Shape::Email) if !is_email(text) => {
                self.wrong(item, at, "email", "must be an e-mail address")
            }
            Some(Shape::Phone) if !is_phone(text) => {
                self.wrong(
                    item,
                    at,
                    "phone",
                    "must be a telephone number with its country, as +49 30 123456",
                );
            }
            _ => {}
        }
    }

    fn number(
        &mut self,
        item: &Item,
        value: &Value,
        seen: &Variables,
        at: &str,
        (digits, is_text): (Option<u32>, bool),
    ) {
        let (number, written) = match value {
            Value::Number(number) => (number.as_f64(), number.to_string()),
            Value::String(text) if is_text => (text.trim().parse().ok(), text.trim().to_owned()),
            _ => (None, String::new()),
        };
        let Some(number) = number.filter(|number: &f64| number.is_finite()) else {
            return self.wrong(item, at, "type", "must be a number");
        };
        if let Some(least) =
            self.bound(item.rules.min.as_ref(), seen).filter(|least| number < *least)
        {
            self.wrong(item, at, "min", &format!("must be at least {least}"));
        }
        if let Some(most) = self.bound(item.rules.max.as_ref(), seen).filter(|most| *most < number)
        {
            self.wrong(item, at, "max", &format!("must be at most {most}"));
        }
        let has =
            written.split_once('.').map_or(0, |(_, behind)| behind.trim_end_matches('0').len());
        if let Some(most) = digits.filter(|most| (*most as usize) < has) {
            self.wrong(item, at, "digits", &format!("must have at most {most} decimal digits"));
        }
    }

    fn bound(&mut self, bound: Option<&Bound>, seen: &Variables) -> Option<f64> {
        match bound? {
            Bound::Fixed(number) => Some(*number),
            Bound::Computed(expression) => self.evaluate(expression, seen)?.as_f64(),
        }
    }

    fn one(&mut self, item: &Item, options: &Options, value: &Value, seen: &Variables, at: &str) {
        if let Some(options) = self.options(options, seen)
            && !options.iter().any(|option| is_same(option, value))
        {
            self.wrong(item, at, "option", "must be one of its options");
        }
    }

    fn many(&mut self, item: &Item, options: &Options, value: &Value, seen: &Variables, at: &str) {
        let Some(values) = value.as_array() else {
            return self.wrong(item, at, "type", "must be a list of its options");
        };
        let Some(options) = self.options(options, seen) else { return };
        let is_option = |value: &Value| options.iter().any(|option| is_same(option, value));
        // More than there are means one twice; so what is compared is bounded too.
        if options.len() < values.len() || !values.iter().all(is_option) {
            self.wrong(item, at, "option", "must have its options alone, each once at most");
        }
    }

    /// Returns the options of a choice; nothing where they cannot be known here.
    fn options(&mut self, options: &Options, seen: &Variables) -> Option<Vec<Value>> {
        let found = match options {
            Options::Fixed(values) => return Some(values.clone()),
            // As the unit knows them, not as who fills the form says.
            Options::Variable(path) => value_at(self.known, path).cloned().unwrap_or_default(),
            Options::Computed(expression) => self.evaluate(expression, seen)?,
        };
        let Value::Array(values) = found else { return Some(Vec::new()) };
        let value_of = |option: Value| match option {
            Value::Object(mut option) => option.remove("value").unwrap_or_default(),
            other => other,
        };
        Some(values.into_iter().map(value_of).collect())
    }

    fn moment(
        &mut self,
        item: &Item,
        what: Moment,
        is_past_refused: bool,
        value: &Value,
        at: &str,
    ) {
        let text = value.as_str().unwrap_or_default();
        let (is_right, example) = match what {
            Moment::Day => (is_day(text), "must be a date, as 2026-05-31"),
            Moment::TimeOfDay => (is_time_of_day(text), "must be a time of day, as 17:30"),
            Moment::Both => {
                let is_right = text
                    .split_once('T')
                    .is_some_and(|(day, time)| is_day(day) && is_time_of_day(time));
                (is_right, "must be a date and a time, as 2026-05-31T17:30")
            }
        };
        if !is_right {
            return self.wrong(item, at, "date", example);
        }
        // Somewhere on earth it may still be the day before.
        let day = text.get(..10).and_then(|day| Time::parse(day).ok());
        let before = self.now.plus(Period(-2 * Period::days(1).0));
        if is_past_refused && what != Moment::TimeOfDay && day.is_some_and(|day| day < before) {
            self.wrong(item, at, "past", "must not be in the past");
        }
    }

    fn rows(
        &mut self,
        item: &Item,
        inner: &[Item],
        value: &Value,
        seen: &mut Cow<'_, Variables>,
        at: &str,
        is_hidden: bool,
    ) {
        let Some(rows) = value.as_array() else {
            return self.wrong(item, at, "type", "must be a list of rows");
        };
        if ROWS_MAX < rows.len() {
            return self.wrong(item, at, "rows", &format!("must have at most {ROWS_MAX} rows"));
        }
        let is_computed = inner.iter().any(is_computed);
        for (number, row) in rows.iter().enumerate() {
            let at = format!("{at}/{number}");
            let Some(row) = row.as_object() else {
                self.wrong(item, &at, "type", "must be a row with fields");
                continue;
            };
            if !is_computed {
                self.items(inner, row, seen, &at, is_hidden);
                continue;
            }
            // A row sees its own fields over those of the form; `this` is the row, `i` its number from 1.
            let held = seen.to_mut();
            let names = names_of(inner).chain(["this".to_owned(), "i".to_owned()]);
            let before: Vec<_> = names.map(|name| (held.remove(&name), name)).collect();
            overlay(held, inner, row);
            held.insert("this".into(), Value::Object(row.clone()));
            held.insert("i".into(), (number + 1).into());
            self.items(inner, row, seen, &at, is_hidden);
            let held = seen.to_mut();
            for (value, name) in before {
                match value {
                    Some(value) => held.insert(name, value),
                    None => held.remove(&name),
                };
            }
        }
    }
}

/// Returns the names under which the fields of a list stand in a row.
fn names_of(items: &[Item]) -> Box<dyn Iterator<Item = String> + '_> {
    Box::new(items.iter().flat_map(|item| {
        let inner: &[Item] = match &item.kind {
            Kind::Group(inner) => inner,
            _ => &[],
        };
        item.path.first().cloned().into_iter().chain(names_of(inner))
    }))
}

/// Whether something in a component depends on what else is given.
fn is_computed(item: &Item) -> bool {
    let rules = &item.rules;
    let bounds = [&rules.min, &rules.max, &rules.length_min, &rules.length_max];
    let is_own = match &item.kind {
        Kind::One(options) | Kind::Many(options) => matches!(options, Options::Computed(_)),
        Kind::Group(inner) | Kind::List(inner) => inner.iter().any(is_computed),
        _ => false,
    };
    item.hide.is_some()
        || is_own
        || bounds.iter().any(|bound| matches!(bound, Some(Bound::Computed(_))))
}

fn value_at<'a>(variables: &'a Variables, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(variables.get(first)?, |value, name| value.get(name))
}

/// Whether a field was left empty.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

fn is_same(option: &Value, value: &Value) -> bool {
    match (option, value) {
        (Value::Number(option), Value::Number(value)) => option.as_f64() == value.as_f64(),
        _ => option == value,
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && Time::parse(text).is_ok()
}

/// Whether a text is a time of day, with seconds and an offset or without.
fn is_time_of_day(text: &str) -> bool {
    let bare = text.strip_suffix('Z').unwrap_or(text);
    let bare = bare.split(['+', '-']).next().unwrap_or(bare);
    let offset = text.strip_prefix(bare).unwrap_or_default().trim_start_matches(['+', '-']);
    let is_offset =
        matches!(offset, "" | "Z") || Time::parse(&format!("1970-01-01T00:00:00+{offset}")).is_ok();
    let seconds = if bare.len() == 5 { ":00" } else { "" };
    is_offset && 5 <= bare.len() && Time::parse(&format!("1970-01-01T{bare}{seconds}Z")).is_ok()
}

fn is_email(text: &str) -> bool {
    let has_space = text.chars().any(|letter| letter.is_whitespace() || letter.is_control());
    let parts = text.split_once('@');
    !has_space
        && parts.is_some_and(|(name, host)| {
            !name.is_empty()
                && !host.contains('@')
                && host.contains('.')
                && host.split('.').all(|part| !part.is_empty())
        })
}

fn is_phone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+').or_else(|| text.strip_prefix("00")) else {
        return false;
    };
    let digits = rest.chars().filter(char::is_ascii_digit).count();
    let is_written =
        rest.chars().all(|letter| letter.is_ascii_digit() || " -/().".contains(letter));
    is_written && (4..=15).contains(&digits)
}
