//! The words that every room shares: names, times, keys, problems, and the seams to the outside world.
//!
//! Nothing here does I/O except the two real clocks and the real entropy source, which are the homes of those side doors.

mod clock;
mod entropy;
mod key;
mod name;
mod percent;
mod problem;
mod time;

pub use clock::{Clock, DrivenClock, SystemClock};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use key::{Key, KeyReader, prefix_end};
pub use name::{Name, nearest};
pub use percent::{percent_decode, percent_encode};
pub use problem::{Code, Explain, Kind, Place, Problem};
pub use time::{Period, Time};

/// Returns the SHA-256 digest of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

/// Returns `bytes` as lower-case hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns whether text is a SHA-256 digest as [`hex`] writes it, so that it may name a file.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_lower_case_and_nothing_else() {
        let digest = hex(&sha256(b""));
        assert!(is_digest(&digest));
        assert!(!is_digest(&digest.to_uppercase()));
        assert!(!is_digest("../../../../../../../../../../../../../../../../../../../../../etc/x"));
    }
}
