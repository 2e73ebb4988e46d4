//! Versions of packages, and which of two is newer.

use super::Error;
use std::cmp::Ordering;

/// The longest version in bytes.
const BYTES_MAX: usize = 64;
/// Numbers in a version.
const NUMBERS_MAX: usize = 4;

/// A version: numbers with dots between them, and a word behind `-` for what is not finished: `1.2.0`, `2.0.0-rc.1`.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    numbers: Vec<u64>,
    word: String,
}

impl Version {
    /// Reads a version.
    ///
    /// # Errors
    /// `package.version` where the text is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Version {
            reason: format!("`{}` is no version", text.chars().take(80).collect::<String>()),
            hint: "write numbers with dots between them, such as 1.2.0 or 2.0.0-rc.1".into(),
        };
        let (numbers, word) = text.split_once('-').unwrap_or((text, ""));
        let parts: Vec<&str> = numbers.split('.').collect();
        let is_number =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let is_word =
            word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let is_dangling = text.ends_with('-');
        if BYTES_MAX < text.len()
            || NUMBERS_MAX < parts.len()
            || !parts.iter().all(|part| is_number(part))
            || !is_word
            || is_dangling
        {
            return Err(wrong());
        }
        let numbers = parts.iter().map(|part| part.parse::<u64>().map_err(|_| wrong()));
        let numbers = numbers.collect::<Result<_, _>>()?;
        Ok(Self { text: text.into(), numbers, word: word.into() })
    }

    /// Returns which of two is newer. What is finished is newer than what leads to it.
    pub fn compare(&self, other: &Self) -> Ordering {
        let count = self.numbers.len().max(other.numbers.len());
        let number =
            |version: &Self, place: usize| version.numbers.get(place).copied().unwrap_or(0);
        let numbers = (0..count).map(|place| number(self, place).cmp(&number(other, place)));
        let numbers = numbers.fold(Ordering::Equal, Ordering::then);
        let words = match (self.word.is_empty(), other.word.is_empty()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => compare_words(&self.word, &other.word),
        };
        numbers.then(words)
    }

    /// Returns the version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Compares part by part: numbers by their value, before words; words by their letters.
fn compare_words(left: &str, right: &str) -> Ordering {
    let part = |part: &str| (part.parse::<u64>().ok(), part.to_owned());
    let (left, right) = (left.split('.').map(part), right.split('.').map(part));
    let compare = |left: (Option<u64>, String), right: (Option<u64>, String)| match (left, right) {
        ((Some(left), _), (Some(right), _)) => left.cmp(&right),
        ((Some(_), _), (None, _)) => Ordering::Less,
        ((None, _), (Some(_), _)) => Ordering::Greater,
        ((None, left), (None, right)) => left.cmp(&right),
    };
    let (left, right): (Vec<_>, Vec<_>) = (left.collect(), right.collect());
    let lengths = left.len().cmp(&right.len());
    let parts = left.into_iter().zip(right).map(|(left, right)| compare(left, right));
    parts.fold(Ordering::Equal, Ordering::then).then(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_follow_each_other() {
        let order = [
            "0.9",
            "1.0.0-alpha",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "1.0.0",
            "1.0.1",
            "1.2",
            "1.10",
            "2",
        ];
        for pair in order.windows(2) {
            let [older, newer] = pair else { panic!("two") };
            let (older, newer) =
                (Version::parse(older).expect("reads"), Version::parse(newer).expect("reads"));
            assert_eq!(older.compare(&newer), Ordering::Less, "{older:?} {newer:?}");
            assert_eq!(newer.compare(&older), Ordering::Greater);
        }
        let same = (Version::parse("1.0").expect("reads"), Version::parse("1.0.0").expect("reads"));
        assert_eq!(same.0.compare(&same.1), Ordering::Equal);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        let long = "1".repeat(65);
        for text in
            ["", "1.", "v1", "1.a", "1-", "1.2.3.4.5", "1-a b", "99999999999999999999", &long]
        {
            assert!(Version::parse(text).is_err(), "{text}");
        }
    }
}
