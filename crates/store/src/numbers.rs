//! Numbers as databases keep them, and the number under which a chunk of a log is stored.

/// Bits of a chunk's number that are its offset.
const OFFSET_BITS: u32 = 40;

/// Returns the number under which a chunk is stored.
pub(crate) fn chunk_id(log: i64, offset: u64) -> i64 {
    assert!(offset < 1 << OFFSET_BITS, "a log holds fewer than 2^{OFFSET_BITS} events");
    (log << OFFSET_BITS) | signed(offset)
}

/// Returns the offset of a chunk.
pub(crate) fn chunk_offset(id: i64) -> u64 {
    unsigned(id & ((1 << OFFSET_BITS) - 1))
}

/// Returns the number of a chunk's log.
pub(crate) fn chunk_log(id: i64) -> i64 {
    id >> OFFSET_BITS
}

/// Returns a number as databases store it.
#[expect(clippy::expect_used, reason = "counting to 2^63 takes 292 years at a billion a second")]
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("numbers of a store are below 2^63")
}

/// Returns a stored number; what is stored is never negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
