//! The words that every room shares: names, times, keys, problems, and the seams to the outside world.
//!
//! Nothing here does I/O except the two real clocks and the real entropy source, which are the homes of those side doors.

mod clock;
mod entropy;
mod key;
mod name;
mod problem;
mod time;

pub use clock::{Clock, DrivenClock, SystemClock};
pub use entropy::{Entropy, SeededEntropy, SystemEntropy};
pub use key::{Key, KeyReader, prefix_end};
pub use name::{Name, nearest};
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
