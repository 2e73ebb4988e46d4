//! What one commit changes.

/// All that becomes durable in one commit.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The epoch under which the writer holds the partition, from [`crate::Store::open_epoch`].
    pub epoch: u64,
    /// What must hold for the commit to happen.
    pub expects: Vec<Expect>,
    /// Keys with their new values; `None` deletes. A key occurs once.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Events appended to logs.
    pub chunks: Vec<Chunk>,
    /// Logs shortened from their beginning: all chunks of the log that end at or before the offset are dropped.
    pub trims: Vec<(String, u64)>,
    /// True where all changes up to and with this commit are brought to their place by it: no record of them is left that the store keeps
    /// ahead of its tables. To a store that keeps none it says nothing.
    pub folds: bool,
}

impl Batch {
    /// Returns the bytes of keys, values and events.
    pub(crate) fn bytes(&self) -> usize {
        let writes =
            self.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len));
        writes.chain(self.chunks.iter().map(|chunk| chunk.bytes.len())).sum()
    }
}

/// The format whose events stand one behind the other: a store may join chunks of it that follow each other. What other formats
/// mean is their writer's own business.
pub const FORMAT_LINES: u8 = 1;

/// A run of events of one log, stored together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The log's name, for example `stream/orders` or `system/audit`.
    pub log: String,
    /// The offset of the first event. A log has no gaps: it is the end of the chunk before.
    pub offset: u64,
    /// How many events there are.
    pub count: u32,
    /// How `bytes` are to be read; the store knows [`FORMAT_LINES`] only. See `kernel::log`.
    pub format: u8,
    /// The events.
    pub bytes: Vec<u8>,
}

/// A precondition: the key has this value, or is absent.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The key.
    pub key: Vec<u8>,
    /// Its value now; `None` where it must be absent.
    pub value: Option<Vec<u8>>,
}
