//! The variable byte integer of MQTT (3.1.1, 2.2.3; 5, 1.5.5): seven bits a byte, the lowest first, four bytes at most.

use bytes::{BufMut, BytesMut};

/// What stands at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The number, and how many bytes it has.
    Number(u32, usize),
    /// More bytes are needed.
    Incomplete,
    /// A fifth byte would be needed.
    TooLong,
}

/// Reads the number at the beginning of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Read {
    let mut number = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        number |= u32::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Read::Number(number, at + 1);
        }
    }
    if bytes.len() < 4 { Read::Incomplete } else { Read::TooLong }
}

/// Writes a number in as few bytes as it needs. Packets are bounded far below what four bytes hold.
pub(super) fn write(mut number: usize, out: &mut BytesMut) {
    loop {
        let byte = u8::try_from(number & 0x7F).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            out.put_u8(byte);
            return;
        }
        out.put_u8(byte | 0x80);
    }
}

/// Returns how many bytes [`write`] writes.
pub(super) fn size(number: usize) -> usize {
    match number {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}
