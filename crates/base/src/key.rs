//! Ordered keys: parts are written so that the byte order of keys is the order of their parts.

/// Builds an ordered key. Every key of a store begins with its partition, then one letter for its space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// Returns a key that so far has the partition and the space.
    pub fn new(partition: u16, space: u8) -> Self {
        let mut bytes = partition.to_be_bytes().to_vec();
        bytes.push(space);
        Self(bytes)
    }

    /// Appends text. A zero byte inside is escaped, so that no text is the beginning of another.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xff);
            }
        }
        self.0.extend([0, 0]);
        self
    }

    /// Appends a number.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// Appends a signed number, an instant for example.
    #[must_use]
    pub fn signed(self, number: i64) -> Self {
        self.number((number as u64) ^ (1 << 63))
    }

    /// Returns the bytes.
    pub fn bytes(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Key> for Vec<u8> {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Returns the first key after all keys that begin with `prefix`.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xff {
            end.push(last + 1);
            return end;
        }
    }
    vec![0xff; prefix.len() + 1]
}

/// Reads a key's parts in the order in which they were written.
#[derive(Debug)]
pub struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    /// Returns a reader that stands behind partition and space.
    pub fn new(key: &'a [u8]) -> Self {
        Self(key.get(3..).unwrap_or_default())
    }

    /// Reads text; nothing where the key does not go on with text.
    pub fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        let mut i = 0;
        loop {
            match (self.0.get(i)?, self.0.get(i + 1)) {
                (0, Some(0)) => break,
                (0, Some(0xff)) => {
                    text.push(0);
                    i += 2;
                }
                (0, _) => return None,
                (byte, _) => {
                    text.push(*byte);
                    i += 1;
                }
            }
        }
        self.0 = &self.0[i + 2..];
        String::from_utf8(text).ok()
    }

    /// Reads a number.
    pub fn number(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    /// Reads a signed number.
    pub fn signed(&mut self) -> Option<i64> {
        self.number().map(|number| (number ^ (1 << 63)) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_is_the_order_of_the_parts() {
        let texts = ["", "\0", "\0a", "a", "a\0", "a\0b", "aa", "b"];
        let keys: Vec<Vec<u8>> =
            texts.iter().map(|text| Key::new(0, b'x').text(text).number(1).bytes()).collect();
        assert!(keys.is_sorted());
        let numbers = [i64::MIN, -1, 0, 1, i64::MAX];
        let keys: Vec<Vec<u8>> =
            numbers.iter().map(|number| Key::new(0, b'x').signed(*number).bytes()).collect();
        assert!(keys.is_sorted());
    }

    #[test]
    fn parts_read_back_as_written() {
        let key = Key::new(3, b'x').text("a\0b").signed(-5).number(9).text("").bytes();
        let mut reader = KeyReader::new(&key);
        assert_eq!(reader.text().as_deref(), Some("a\0b"));
        assert_eq!((reader.signed(), reader.number()), (Some(-5), Some(9)));
        assert_eq!(reader.text().as_deref(), Some(""));
        assert_eq!(reader.text(), None);
    }

    #[test]
    fn the_end_of_a_prefix_is_above_all_its_keys() {
        assert_eq!(prefix_end(b"ab"), b"ac");
        assert_eq!(prefix_end(&[1, 0xff]), vec![2]);
    }
}
