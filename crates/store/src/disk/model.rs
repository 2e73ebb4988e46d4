//! What a disk with a volatile cache does: pure bookkeeping, no SQLite.
//!
//! Each file has two images: what a read sees, and what is on the platter. Changes wait between the two until a sync.
//! A new or deleted file becomes durable with the next sync under its name, or with the deletion if that is to be synced.

use base::{Entropy, SeededEntropy};
use std::collections::{BTreeMap, HashMap};

/// How finely a write can be torn.
const SECTOR_BYTES: usize = 512;

/// Which syncs a lying disk leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeftOut {
    /// None: the disk is honest.
    #[default]
    None,
    /// Those of the write-ahead log.
    Wal,
    /// Those of the main file, which checkpoints make.
    Main,
    /// Those of blobs and of the folders they stand in.
    Blobs,
}

/// Why an operation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The power is off, or the operation was to fail.
    Io,
    /// There is no room.
    Full,
}

/// What is to go wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub operations_left: Option<u64>,
    pub syncs_failing: Option<(u64, u64)>,
    pub bytes_left: Option<u64>,
    /// A file that does not grow.
    pub full: Option<String>,
}

/// What the names of blobs begin with on this disk.
pub(super) const BLOBS: &str = "blobs/";

/// A change that is not synced yet.
enum Change {
    Create,
    /// Another file took the name, as it was.
    Replace(Box<Image>),
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncate(usize),
    Delete,
}

/// A file.
#[derive(Default)]
struct Image {
    seen: Option<Vec<u8>>,
    durable: Option<Vec<u8>>,
    pending: Vec<Change>,
}

/// The WAL-index of one database and who holds its locks.
#[derive(Default)]
struct Shared {
    regions: Vec<Box<[u64]>>,
    mapped: u32,
    /// For each lock: how many hold it shared, or -1 where one holds it alone.
    locks: [i32; 8],
}

/// The disk.
pub(super) struct Model {
    files: BTreeMap<String, Image>,
    shared: HashMap<String, Shared>,
    /// File locks by file and handle, as SQLite's levels.
    levels: HashMap<String, HashMap<u64, i32>>,
    handles: u64,
    pub handles_open: u64,
    pub faults: Faults,
    pub left_out: LeftOut,
    pub is_off: bool,
    pub operations: u64,
    pub syncs: u64,
    pub entropy: SeededEntropy,
}

impl Model {
    pub fn new(seed: u64) -> Self {
        Self {
            files: BTreeMap::new(),
            shared: HashMap::new(),
            levels: HashMap::new(),
            handles: 0,
            handles_open: 0,
            faults: Faults::default(),
            left_out: LeftOut::None,
            is_off: false,
            operations: 0,
            syncs: 0,
            entropy: SeededEntropy::new(seed),
        }
    }

    pub fn crash(&mut self, seed: u64) {
        assert_eq!(self.handles_open, 0, "a store on the disk is still open");
        let entropy = SeededEntropy::new(seed);
        for image in self.files.values_mut() {
            let changes = std::mem::take(&mut image.pending);
            image.durable = survive(&entropy, image.durable.take(), changes);
            image.seen = image.durable.clone();
        }
        self.files.retain(|_, image| image.seen.is_some());
        self.faults = Faults::default();
        self.is_off = false;
    }

    /// Opens a file and returns the handle's number; `None` where it does not exist and is not to be made.
    pub fn open(&mut self, name: &str, is_create: bool) -> Result<Option<u64>, Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        if !self.exists(name) {
            if !is_create {
                return Ok(None);
            }
            let image = self.files.entry(name.to_owned()).or_default();
            image.seen = Some(Vec::new());
            image.pending.push(Change::Create);
        }
        self.handles += 1;
        self.handles_open += 1;
        Ok(Some(self.handles))
    }

    pub fn close(&mut self, name: &str, handle: u64) {
        self.handles_open -= 1;
        self.set_level(name, handle, 0);
    }

    pub fn exists(&self, name: &str) -> bool {
        self.files.get(name).is_some_and(|image| image.seen.is_some())
    }

    pub fn size(&self, name: &str) -> Option<u64> {
        Some(self.files.get(name)?.seen.as_ref()?.len() as u64)
    }

    pub fn put(&mut self, name: &str, bytes: Vec<u8>) {
        let image = Image { seen: Some(bytes.clone()), durable: Some(bytes), pending: Vec::new() };
        self.files.insert(name.to_owned(), image);
    }

    pub fn damage(&mut self, name: &str, offset: usize) {
        let image = self.files.get_mut(name);
        let byte = image.and_then(|image| image.seen.as_mut()?.get_mut(offset));
        let Some(byte) = byte else { panic!("`{name}` has no byte {offset}") };
        *byte ^= 0x55;
    }

    /// Reads what there is into `buffer`, fills the rest with zeros, and returns how much there was.
    pub fn read(&self, name: &str, offset: usize, buffer: &mut [u8]) -> Result<usize, Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        let seen = self.files.get(name).and_then(|image| image.seen.as_deref()).unwrap_or_default();
        let found = seen.get(offset..).unwrap_or_default();
        let length = found.len().min(buffer.len());
        buffer[..length].copy_from_slice(&found[..length]);
        buffer[length..].fill(0);
        Ok(length)
    }

    pub fn write(&mut self, name: &str, offset: usize, bytes: &[u8]) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        let growth =
            (offset + bytes.len()).saturating_sub(self.size(name).unwrap_or(0) as usize) as u64;
        if 0 < growth && self.faults.full.as_deref() == Some(name) {
            return Err(Failure::Full);
        }
        if let Some(left) = &mut self.faults.bytes_left {
            *left = left.checked_sub(growth).ok_or(Failure::Full)?;
        }
        let image = self.files.entry(name.to_owned()).or_default();
        write_at(image.seen.get_or_insert_default(), offset, bytes);
        image.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
        self.step()
    }

    pub fn truncate(&mut self, name: &str, size: usize) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        let image = self.files.entry(name.to_owned()).or_default();
        image.seen.get_or_insert_default().resize(size, 0);
        image.pending.push(Change::Truncate(size));
        self.step()
    }

    pub fn sync(&mut self, name: &str) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        self.syncs += 1;
        self.step()?;
        let is_blob = name.starts_with(BLOBS);
        let is_wal = name.ends_with("-wal");
        let is_main = !is_blob && !is_wal && !name.ends_with("-journal");
        match self.left_out {
            LeftOut::Wal if is_wal => return Ok(()),
            LeftOut::Main if is_main => return Ok(()),
            LeftOut::Blobs if is_blob => return Ok(()),
            _ => {}
        }
        let is_failing = self.next_sync_fails();
        let Some(image) = self.files.get_mut(name) else { return Ok(()) };
        let changes = std::mem::take(&mut image.pending);
        if is_failing {
            image.durable = survive(&self.entropy, image.durable.take(), changes);
            return Err(Failure::Io);
        }
        for change in changes {
            apply(&mut image.durable, change);
        }
        Ok(())
    }

    pub fn delete(&mut self, name: &str, is_synced: bool) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        if let Some(image) = self.files.get_mut(name) {
            image.seen = None;
            image.pending.push(Change::Delete);
            if is_synced {
                *image = Image::default();
            }
        }
        self.step()
    }

    /// Syncs the deletions of the files whose names begin with `prefix`: one sync of their folder.
    pub fn settle(&mut self, prefix: &str) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        self.syncs += 1;
        self.step()?;
        if self.left_out == LeftOut::Blobs && prefix.starts_with(BLOBS) {
            return Ok(());
        }
        let is_failing = self.next_sync_fails();
        let deleted = self
            .files
            .iter_mut()
            .filter(|(name, image)| name.starts_with(prefix) && image.seen.is_none());
        for (_, image) in deleted {
            let changes = std::mem::take(&mut image.pending);
            image.durable = match is_failing {
                true => survive(&self.entropy, image.durable.take(), changes),
                false => None,
            };
        }
        if is_failing { Err(Failure::Io) } else { Ok(()) }
    }

    /// Gives a file another name, in place of what had that name. Durable with the next sync under the new name, which is
    /// that of the folder; what of the file itself was not synced before is then lost.
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Failure> {
        if self.is_off {
            return Err(Failure::Io);
        }
        let source = self.files.remove(from).unwrap_or_default();
        let image = self.files.entry(to.to_owned()).or_default();
        image.seen.clone_from(&source.seen);
        image.pending.push(Change::Replace(Box::new(source)));
        self.step()
    }

    /// Returns the names of the files that begin with `prefix`, with their sizes.
    pub fn list(&self, prefix: &str) -> Vec<(String, u64)> {
        let sizes = self.files.iter().filter_map(|(name, image)| {
            let size = image.seen.as_ref().map(|seen| seen.len() as u64)?;
            name.starts_with(prefix).then(|| (name.clone(), size))
        });
        sizes.collect()
    }

    /// Raises or lowers a file lock; returns whether it was given.
    pub fn lock(&mut self, name: &str, handle: u64, level: i32) -> bool {
        let levels = self.levels.entry(name.to_owned()).or_default();
        let others = levels.iter().filter(|(other, _)| **other != handle);
        let highest = others.map(|(_, level)| *level).max().unwrap_or(0);
        let (given, is_given) = match level {
            1 => (1, highest < 3),
            2 => (2, highest < 2),
            _ if highest == 0 => (level, true),
            _ if highest < 2 => (3, false),
            _ => (0, false),
        };
        if is_given || given == 3 {
            levels.insert(handle, given);
        }
        is_given
    }

    pub fn set_level(&mut self, name: &str, handle: u64, level: i32) {
        let levels = self.levels.entry(name.to_owned()).or_default();
        levels.insert(handle, level);
        levels.retain(|_, level| 0 < *level);
    }

    pub fn is_reserved(&self, name: &str) -> bool {
        self.levels.get(name).is_some_and(|levels| levels.values().any(|level| 2 <= *level))
    }

    /// Returns where region `index` of the WAL-index lies; null where there is none and none is to be made.
    pub fn map(
        &mut self,
        name: &str,
        index: usize,
        bytes: usize,
        is_extend: bool,
        is_first: bool,
    ) -> *mut u64 {
        let shared = self.shared.entry(name.to_owned()).or_default();
        if is_first {
            shared.mapped += 1;
        }
        while is_extend && shared.regions.len() <= index {
            shared.regions.push(vec![0; bytes.div_ceil(8)].into_boxed_slice());
        }
        shared.regions.get_mut(index).map_or(std::ptr::null_mut(), |region| region.as_mut_ptr())
    }

    pub fn unmap(&mut self, name: &str) {
        if let Some(shared) = self.shared.get_mut(name) {
            shared.mapped -= 1;
            if shared.mapped == 0 {
                self.shared.remove(name);
            }
        }
    }

    /// Takes locks `range` of the WAL-index, shared or alone; returns whether they were given.
    pub fn take_shared(
        &mut self,
        name: &str,
        range: std::ops::Range<usize>,
        is_alone: bool,
    ) -> bool {
        let Some(shared) = self.shared.get_mut(name) else { return false };
        let locks = &mut shared.locks[range];
        if is_alone {
            if locks.iter().any(|lock| *lock != 0) {
                return false;
            }
            locks.fill(-1);
        } else {
            if locks.iter().any(|lock| *lock < 0) {
                return false;
            }
            locks.iter_mut().for_each(|lock| *lock += 1);
        }
        true
    }

    pub fn release_shared(&mut self, name: &str, range: std::ops::Range<usize>, is_alone: bool) {
        if let Some(shared) = self.shared.get_mut(name) {
            let change = if is_alone { 1 } else { -1 };
            shared.locks[range].iter_mut().for_each(|lock| *lock += change);
        }
    }

    /// Counts an operation that changes the disk; the last one before the power goes is itself in doubt.
    fn step(&mut self) -> Result<(), Failure> {
        self.operations += 1;
        match &mut self.faults.operations_left {
            Some(0) => {
                self.is_off = true;
                Err(Failure::Io)
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn next_sync_fails(&mut self) -> bool {
        match &mut self.faults.syncs_failing {
            Some((0, 0)) | None => false,
            Some((0, count)) => {
                *count -= 1;
                true
            }
            Some((skip, _)) => {
                *skip -= 1;
                false
            }
        }
    }
}

/// Returns what is left of a file of which `changes` were not synced.
fn survive(
    entropy: &SeededEntropy,
    durable: Option<Vec<u8>>,
    changes: Vec<Change>,
) -> Option<Vec<u8>> {
    // Order matters to a disk that writes back in order, and means nothing to one that does not: both exist.
    let changes_kept = match entropy.number() % 4 {
        0 => 0,
        1 => changes.len(),
        _ => (entropy.number() % (changes.len() as u64 + 1)) as usize,
    };
    let chance_before = [100, 100, 50, 90][(entropy.number() % 4) as usize];
    let chance_after = [0, 0, 10, 50][(entropy.number() % 4) as usize];
    let mut image = durable;
    for (number, change) in changes.into_iter().enumerate() {
        let chance = if number < changes_kept { chance_before } else { chance_after };
        let is_kept = || entropy.number() % 100 < chance;
        match change {
            // A file that is gone under its name does not come back with the next file's contents.
            Change::Delete if !is_kept() => return image,
            Change::Create if !is_kept() => return image,
            Change::Replace(_) if !is_kept() => {}
            Change::Replace(source) => image = survive(entropy, source.durable, source.pending),
            Change::Truncate(_) if !is_kept() => {}
            Change::Write { offset, bytes } => {
                if image.is_none() {
                    continue;
                }
                for (at, sector) in sectors(offset, &bytes) {
                    if is_kept() {
                        write_at(image.get_or_insert_default(), at, sector);
                    }
                }
            }
            change => apply(&mut image, change),
        }
    }
    image
}

fn apply(image: &mut Option<Vec<u8>>, change: Change) {
    match change {
        Change::Create => *image = Some(Vec::new()),
        Change::Replace(source) => *image = source.durable,
        Change::Write { offset, bytes } => write_at(image.get_or_insert_default(), offset, &bytes),
        Change::Truncate(size) => image.get_or_insert_default().resize(size, 0),
        Change::Delete => *image = None,
    }
}

fn write_at(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(bytes);
}

/// Cuts a write where sectors end.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = offset;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
        let (sector, after) =
            rest.split_at_checked(length).filter(|(sector, _)| !sector.is_empty())?;
        let found = (at, sector);
        (at, rest) = (at + length, after);
        Some(found)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends where a promise is broken")]
mod tests {
    use super::*;

    fn contents(model: &Model) -> Option<Vec<u8>> {
        let mut bytes = vec![0; model.size("f")? as usize];
        model.read("f", 0, &mut bytes).unwrap();
        Some(bytes)
    }

    fn written(sync: bool) -> Model {
        let mut model = Model::new(1);
        let handle = model.open("f", true).unwrap().unwrap();
        model.write("f", 0, &[1; 2000]).unwrap();
        model.sync("f").unwrap();
        model.write("f", 100, &[2; 1500]).unwrap();
        if sync {
            model.sync("f").unwrap();
        }
        model.close("f", handle);
        model
    }

    #[test]
    fn what_is_synced_survives_every_crash() {
        let expected = contents(&written(true));
        for seed in 0..50 {
            let mut model = written(true);
            model.crash(seed);
            assert_eq!(contents(&model), expected, "seed {seed}");
        }
    }

    #[test]
    fn what_is_not_synced_is_dropped_kept_and_torn_at_sectors() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut model = written(false);
            model.crash(seed);
            let bytes = contents(&model).unwrap();
            assert_eq!((bytes[0], bytes[1999]), (1, 1), "seed {seed}");
            assert!(bytes[100..512].iter().all(|byte| *byte == bytes[100]), "seed {seed}");
            outcomes.insert([bytes[100], bytes[600], bytes[1100], bytes[1590]]);
        }
        assert!(outcomes.contains(&[1; 4]) && outcomes.contains(&[2; 4]) && 4 < outcomes.len());
    }

    #[test]
    fn a_failed_sync_leaves_the_cache_ahead_of_the_disk_for_good() {
        let mut lost = 0;
        for seed in 0..50 {
            let mut model = Model::new(seed);
            let handle = model.open("f", true).unwrap().unwrap();
            model.sync("f").unwrap();
            model.write("f", 0, &[3; 512]).unwrap();
            model.faults.syncs_failing = Some((0, 1));
            assert_eq!(model.sync("f"), Err(Failure::Io));
            model.sync("f").unwrap();
            assert_eq!(contents(&model), Some(vec![3; 512]));
            model.close("f", handle);
            model.crash(seed);
            lost += u32::from(contents(&model) != Some(vec![3; 512]));
        }
        assert!(0 < lost && lost < 50);
    }

    #[test]
    fn a_renamed_file_is_there_as_a_whole_or_not_at_all() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let mut model = Model::new(seed);
            let handle = model.open("blobs/f.tmp", true).unwrap().unwrap();
            model.write("blobs/f.tmp", 0, &[7; 2000]).unwrap();
            model.sync("blobs/f.tmp").unwrap();
            model.close("blobs/f.tmp", handle);
            model.rename("blobs/f.tmp", "blobs/f").unwrap();
            assert_eq!(model.list("blobs/"), [("blobs/f".to_owned(), 2000)]);
            if seed % 2 == 0 {
                model.sync("blobs/f").unwrap();
            }
            model.crash(seed);
            let size = model.size("blobs/f");
            assert!(size.is_none_or(|size| size == 2000), "seed {seed}");
            assert!(seed % 2 == 1 || size.is_some(), "seed {seed}");
            outcomes.insert(size);
        }
        assert_eq!(outcomes.len(), 2);
    }

    #[test]
    fn a_full_disk_takes_what_does_not_grow() {
        let mut model = Model::new(1);
        model.open("f", true).unwrap();
        model.faults.bytes_left = Some(10);
        model.write("f", 0, &[1; 10]).unwrap();
        model.write("f", 0, &[2; 10]).unwrap();
        assert_eq!(model.write("f", 5, &[3; 10]), Err(Failure::Full));
    }
}
