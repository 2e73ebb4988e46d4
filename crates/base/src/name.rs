//! Names of resources, and the guess at what a misspelt name meant.

use crate::{Code, Kind, Problem};
use serde::{Deserialize, Serialize};

/// The longest name in bytes.
pub const NAME_BYTES_MAX: usize = 63;

/// A name of a resource: a lower-case letter, then lower-case letters, digits, `-` and `_`, 63 bytes at most.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Returns the text as a name.
    ///
    /// # Errors
    /// `name.invalid` where the text breaks the rule above.
    pub fn new(text: impl Into<String>) -> Result<Self, Problem> {
        let text = text.into();
        let is_letter = |byte: u8| byte.is_ascii_lowercase();
        let is_inner =
            |byte: u8| is_letter(byte) || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        let is_name = text.len() <= NAME_BYTES_MAX
            && text.bytes().next().is_some_and(is_letter)
            && text.bytes().all(is_inner);
        if is_name {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(80).collect();
        Err(Problem::new(Code("name.invalid", Kind::Invalid), format!("`{shown}` is not a name"))
            .with_hint("a name starts with a lower-case letter and has lower-case letters, digits, `-` and `_`, 63 at most"))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Returns the candidate that is nearest to `word` by edit distance, where one is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let is_same = left[i - 1] == right[j - 1];
            let mut best = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + usize::from(!is_same));
            if 1 < i && 1 < j && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_one_rule() {
        for good in ["a", "order-to-delivery", "order_placed", "a1"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "1a", "-a", "a b", "a/b", "é", &"a".repeat(64)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        assert_eq!(nearest("strem", ["stream", "process"]), Some("stream"));
        assert_eq!(nearest("sepc", ["spec", "kind"]), Some("spec"));
        assert_eq!(nearest("banana", ["spec", "kind"]), None);
    }
}
