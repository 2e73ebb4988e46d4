//! Regular expressions in questions about the catalogue. Most of them are names with `^` and `$` around, which need no engine.

use datafusion::arrow::array::StringArray;
use datafusion::arrow::compute::regexp_is_match_scalar;

/// Returns whether a text fits a pattern.
///
/// # Errors
/// What is wrong with the pattern.
pub(super) fn is_match(text: &str, pattern: &str, is_caseless: bool) -> Result<bool, String> {
    if let (false, Some(plain)) = (is_caseless, Plain::of(pattern)) {
        return Ok(plain.fits(text));
    }
    let flag = is_caseless.then_some("i");
    let found = regexp_is_match_scalar(&StringArray::from(vec![text]), pattern, flag)
        .map_err(|error| error.to_string())?;
    Ok(found.value(0))
}

/// A pattern without any sign that means something else.
struct Plain<'p> {
    text: &'p str,
    is_begin: bool,
    is_end: bool,
}

impl<'p> Plain<'p> {
    fn of(pattern: &'p str) -> Option<Self> {
        let (rest, is_begin) = match pattern.strip_prefix('^') {
            Some(rest) => (rest, true),
            None => (pattern, false),
        };
        let (rest, is_end) = match rest.strip_suffix('$') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let text = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest);
        let is_plain = !text.contains(|sign| r"\.+*?()|[]{}^$".contains(sign));
        is_plain.then_some(Self { text, is_begin, is_end })
    }

    fn fits(&self, text: &str) -> bool {
        match (self.is_begin, self.is_end) {
            (true, true) => text == self.text,
            (true, false) => text.starts_with(self.text),
            (false, true) => text.ends_with(self.text),
            (false, false) => text.contains(self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_patterns_fit() {
        let check = |text: &str, pattern: &str| is_match(text, pattern, false);
        assert_eq!(check("orders", "^(orders)$"), Ok(true));
        assert_eq!(check("orders_latest", "^(orders)$"), Ok(false));
        assert_eq!(check("pg_toast", "^pg_"), Ok(true));
        assert_eq!(check("orders", "^(ord.*)$"), Ok(true));
        assert_eq!(is_match("Orders", "^ord", true), Ok(true));
        assert!(check("orders", "(").is_err());
    }
}
