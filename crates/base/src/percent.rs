//! Percent-encoding (RFC 3986): any bytes as text that may stand in a path or a query, and back.

use std::borrow::Cow;

/// Returns bytes for use in a path or a query: all but ASCII letters, digits and `-._~` are percent-encoded.
pub fn percent_encode(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Returns the bytes of percent-encoded text; characters that are not encoded stand for themselves. Nothing where a `%` is not
/// followed by two hexadecimal digits. In a form, whoever reads it turns `+` into a space before.
pub fn percent_decode(text: &str) -> Option<Cow<'_, [u8]>> {
    let Some((plain, escaped)) = text.split_once('%') else {
        return Some(Cow::Borrowed(text.as_bytes()));
    };
    let mut bytes = plain.as_bytes().to_vec();
    for piece in escaped.split('%').map(str::as_bytes) {
        let (code, plain) = piece.split_first_chunk::<2>()?;
        let [high, low] = code.map(|digit| char::from(digit).to_digit(16));
        bytes.push((high? * 16 + low?) as u8);
        bytes.extend_from_slice(plain);
    }
    Some(Cow::Owned(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entropy, SeededEntropy};

    /// Returns bytes of any length up to 64, half of them from a few that matter here.
    fn bytes(entropy: &SeededEntropy) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(entropy.number() % 65).expect("small")];
        entropy.fill(&mut bytes);
        for byte in &mut bytes {
            let number = entropy.number();
            if number.is_multiple_of(2) {
                *byte = b"%+/ a0Ff~\0"[usize::try_from(number / 2 % 10).expect("small")];
            }
        }
        bytes
    }

    #[test]
    fn whatever_is_encoded_is_plain_and_reads_back() {
        let entropy = SeededEntropy::new(1);
        for _ in 0..10_000 {
            let bytes = bytes(&entropy);
            let text = percent_encode(&bytes);
            assert!(
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)),
                "{text}"
            );
            assert_eq!(percent_decode(&text).as_deref(), Some(&bytes[..]), "{text}");
            let lower = text.to_lowercase();
            assert_eq!(percent_decode(&lower).map(|read| read.len()), Some(bytes.len()));
        }
    }

    #[test]
    fn text_is_read_just_where_every_escape_is_whole() {
        let entropy = SeededEntropy::new(2);
        for _ in 0..10_000 {
            let bytes = bytes(&entropy);
            let text = String::from_utf8_lossy(&bytes);
            let is_whole = |at: usize| {
                let code = text.as_bytes().get(at + 1..at + 3);
                code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
            };
            let is_well = text.match_indices('%').all(|(at, _)| is_whole(at));
            let read = percent_decode(&text);
            assert_eq!(read.is_some(), is_well, "{text:?}");
            let signs = text.matches('%').count();
            assert!(read.is_none_or(|read| read.len() + 2 * signs == text.len()), "{text:?}");
        }
    }

    #[test]
    fn both_ways_by_example() {
        assert_eq!(percent_encode("a b/c?é-._~"), "a%20b%2Fc%3F%C3%A9-._~");
        assert_eq!(percent_decode("a%20b+c%c3%A9").as_deref(), Some("a b+cé".as_bytes()));
        for text in ["%", "%4", "a%4g", "%%41", "%+1", "%é"] {
            assert_eq!(percent_decode(text), None, "{text}");
        }
    }
}
