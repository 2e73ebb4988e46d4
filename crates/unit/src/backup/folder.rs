//! The folder in which backups lie.

use super::manifest::{Entry, Manifest, SignedManifest, hash_of};
use super::stream::Frame;
use crate::{Error, files};
use base::{Problem, Time, is_digest};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use store::{Blobs, FileBlobs, FileLock, sync_name};

/// The folders inside.
const PIECES: &str = "pieces";
const MANIFESTS: &str = "manifests";
/// Held by whoever writes into the folder.
const LOCK: &str = "backup.lock";

/// What a changed piece that was set aside has behind its name.
const DAMAGED: &str = ".damaged";

/// Bytes that are read at once.
const READ_BYTES: u64 = 4 << 20;

/// A folder with backups.
pub struct Folder {
    root: PathBuf,
    blobs: FileBlobs,
}

/// A backup that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The name of its manifest.
    pub name: String,
    /// What it says.
    pub signed: SignedManifest,
    /// Bytes that were not in the folder before.
    pub bytes_new: u64,
}

/// A backup in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The name of its manifest.
    pub name: String,
    /// What it says; why it cannot be used where it is damaged.
    pub signed: Result<SignedManifest, String>,
}

/// What is wrong with a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file in the folder.
    pub file: String,
    /// What is wrong with it, and what it means.
    pub reason: String,
}

impl Folder {
    /// Returns the backups of a folder, which is made with the first.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root: PathBuf = root.into();
        let root = std::path::absolute(&root).unwrap_or(root);
        Self { blobs: FileBlobs::new(&root), root }
    }

    /// Returns where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the pieces that are there, by their hashes, without those that are not as long as a manifest says: the next backup
    /// brings them again. That the others have not changed is found by [`Self::check`].
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn pieces(&self) -> Result<HashSet<String>, Problem> {
        let shown = self.list()?;
        let manifests = shown.iter().filter_map(Shown::manifest);
        let lengths: HashMap<&str, u64> =
            manifests.flat_map(|manifest| &manifest.files).flat_map(Entry::lengths).collect();
        let mut pieces = HashSet::new();
        for (file, bytes) in self.blobs.list(PIECES)? {
            let Some(hash) = file.rsplit('/').next().filter(|hash| is_digest(hash)) else {
                continue;
            };
            let is_whole = match lengths.get(hash) {
                Some(length) => *length == bytes,
                // A backup that broke off has left it, so that nothing says how long it is.
                None => self.read_piece(hash)?.is_some(),
            };
            if is_whole {
                pieces.insert(hash.to_owned());
            }
        }
        Ok(pieces)
    }

    /// Returns the backups, the oldest first. What is damaged is among them.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn list(&self) -> Result<Vec<Shown>, Problem> {
        let mut shown = Vec::new();
        for (file, bytes) in self.blobs.list(MANIFESTS)? {
            let name = file.strip_prefix("manifests/").and_then(|name| name.strip_suffix(".json"));
            // What a crash left unfinished counts for nothing.
            let Some(name) = name else { continue };
            let text = self.blobs.read(&file, 0..bytes)?;
            let signed = SignedManifest::read(&file, &text).map_err(|error| error.to_string());
            shown.push(Shown { name: name.to_owned(), signed });
        }
        refuse_ended(&mut shown);
        shown.sort_by_key(Shown::wall);
        Ok(shown)
    }

    /// Returns the hash of the newest manifest of a unit; empty where there is none.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn newest_of(&self, unit: &str) -> Result<String, Problem> {
        let list = self.list()?;
        let is_of_it =
            |shown: &&Shown| shown.signed.as_ref().is_ok_and(|held| held.manifest.unit == unit);
        let Some(newest) = list.iter().rev().find(is_of_it) else { return Ok(String::new()) };
        let file = manifest_file(&newest.name);
        let bytes = self.blobs.size(&file)?.unwrap_or_default();
        Ok(hash_of(&self.blobs.read(&file, 0..bytes)?))
    }

    /// Keeps others from writing into the folder until it is dropped.
    ///
    /// # Errors
    /// `backup.busy`.
    pub fn lock(&self) -> Result<Lock, Problem> {
        files::make_folder(&self.root)?;
        let file = files::lock(&self.root.join(LOCK))?;
        let busy = || Error::BackupBusy { path: self.root.clone() };
        Ok(Lock { _file: file.ok_or_else(busy)? })
    }

    /// Takes a backup as it comes, up to and with its manifest.
    ///
    /// # Errors
    /// `backup.cut` where it does not come as a whole, `backup.damaged` where it names pieces that are nowhere; what came stands in
    /// the folder, and is no backup.
    pub fn take(&self, _lock: &Lock, from: &mut dyn Read) -> Result<Taken, Problem> {
        let mut known = self.pieces()?;
        let mut bytes_new = 0;
        loop {
            match Frame::read(from)? {
                Frame::Piece(bytes) => {
                    let hash = hash_of(&bytes);
                    if known.insert(hash.clone()) {
                        bytes_new += bytes.len() as u64;
                        self.put(&piece_file(&hash), &bytes)?;
                    }
                }
                Frame::Manifest(text) => {
                    let signed = SignedManifest::read("the manifest", &text)?;
                    let pieces = signed.manifest.files.iter().flat_map(|file| &file.pieces);
                    if let Some(missing) = pieces.into_iter().find(|hash| !known.contains(*hash)) {
                        let reason = "the backup names it, and it did not come".into();
                        return Err(Error::Damaged { file: piece_file(missing), reason }.into());
                    }
                    let name = signed.name();
                    self.put(&manifest_file(&name), &text)?;
                    return Ok(Taken { name, signed, bytes_new });
                }
            }
        }
    }

    /// Returns a backup, with its signature checked: that of a name, or the newest where all are of one unit.
    ///
    /// # Errors
    /// `backup.not_found`, `backup.damaged`; the latter also where none is named and any manifest is damaged. `backup.several` where none
    /// is named and there are several units.
    pub fn get(&self, name: Option<&str>) -> Result<(String, SignedManifest), Problem> {
        let list = self.list()?;
        let found = match name {
            Some(name) => list.into_iter().find(|shown| shown.name == name),
            // Of a damaged one nobody knows whether it is the newest: an older one in its place must be asked for.
            None if list.first().is_some_and(|shown| shown.signed.is_err()) => {
                list.into_iter().next()
            }
            None => {
                let count = list.iter().filter_map(Shown::unit).collect::<BTreeSet<_>>().len();
                if 1 < count {
                    return Err(Error::SeveralUnits { folder: self.root.clone(), count }.into());
                }
                list.into_iter().next_back()
            }
        };
        let missing = || Error::NoBackup {
            folder: self.root.clone(),
            name: name.map(str::to_owned).unwrap_or_default(),
        };
        let Shown { name, signed } = found.ok_or_else(missing)?;
        match signed {
            Ok(signed) => Ok((name, signed)),
            Err(reason) => Err(Error::Damaged { file: manifest_file(&name), reason }.into()),
        }
    }

    /// Reads every byte of some backups, of all where none is named; returns what is wrong.
    ///
    /// # Errors
    /// `backup.not_found`, or where the folder cannot be read.
    pub fn check(&self, name: Option<&str>) -> Result<Vec<Finding>, Problem> {
        let mut findings = Vec::new();
        let mut lengths: BTreeMap<String, Option<u64>> = BTreeMap::new();
        let list = self.list()?;
        if let Some(name) = name.filter(|name| !list.iter().any(|shown| shown.name == **name)) {
            let (folder, name) = (self.root.clone(), name.to_owned());
            return Err(Error::NoBackup { folder, name }.into());
        }
        for shown in list.iter().filter(|shown| name.is_none_or(|name| shown.name == name)) {
            let file = manifest_file(&shown.name);
            match &shown.signed {
                Err(reason) => findings.push(Finding { file, reason: reason.clone() }),
                Ok(signed) => {
                    for entry in &signed.manifest.files {
                        self.check_entry(entry, &mut lengths, &mut findings)?;
                    }
                }
            }
        }
        Ok(findings)
    }

    /// Checks the pieces of a file. What was read once is not read again.
    fn check_entry(
        &self,
        entry: &Entry,
        lengths: &mut BTreeMap<String, Option<u64>>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Problem> {
        let mut bytes = 0;
        for hash in &entry.pieces {
            let length = match lengths.get(hash) {
                Some(length) => *length,
                None => {
                    let length = self.read_piece(hash)?.map(|piece| piece.len() as u64);
                    if length.is_none() {
                        let reason =
                            format!("it is missing or changed; `{}` is made of it", entry.path);
                        findings.push(Finding { file: piece_file(hash), reason });
                    }
                    lengths.insert(hash.clone(), length);
                    length
                }
            };
            // A piece that is missing was told already.
            let Some(length) = length else { return Ok(()) };
            bytes += length;
        }
        if bytes != entry.bytes {
            let reason = format!("its pieces have {bytes} bytes, and it has {}", entry.bytes);
            findings.push(Finding { file: entry.path.clone(), reason });
        }
        Ok(())
    }

    /// Sets pieces aside of which a check has found that they have changed: the next backup brings them again where its unit still has
    /// them. Returns their files.
    ///
    /// # Errors
    /// Where the folder cannot be read or written.
    pub fn set_aside(&self, _lock: &Lock, findings: &[Finding]) -> Result<Vec<String>, Problem> {
        let mut aside = Vec::new();
        for Finding { file, .. } in findings {
            let hash = file.rsplit('/').next().unwrap_or_default();
            let is_there = *file == piece_file(hash) && self.blobs.size(file)?.is_some();
            // One that a backup has brought again meanwhile is whole.
            if !is_there || self.read_piece(hash)?.is_some() {
                continue;
            }
            let (from, to) = (self.root.join(file), self.root.join(format!("{file}{DAMAGED}")));
            let moved = std::fs::rename(&from, &to).and_then(|()| sync_name(&to));
            moved.map_err(|source| Error::File { path: from, source })?;
            aside.push(file.clone());
        }
        Ok(aside)
    }

    /// Returns a piece; nothing where it is missing or its bytes are others.
    pub(super) fn read_piece(&self, hash: &str) -> Result<Option<Vec<u8>>, Problem> {
        if !is_digest(hash) {
            return Ok(None);
        }
        let file = piece_file(hash);
        let Some(size) = self.blobs.size(&file)?.filter(|size| *size <= READ_BYTES) else {
            return Ok(None);
        };
        let bytes = self.blobs.read(&file, 0..size)?;
        Ok((hash_of(&bytes) == hash).then_some(bytes))
    }

    /// Drops all backups of a unit but the newest, and pieces that no backup is made of any more. Returns how many backups went. None
    /// goes before every byte of the newest was read.
    ///
    /// # Errors
    /// `backup.damaged`, and nothing is dropped: where a manifest cannot be read, since nobody knows then which pieces it needs, or
    /// where the newest backup is not whole.
    pub fn keep(&self, _lock: &Lock, unit: &str, count: usize) -> Result<usize, Problem> {
        let mut kept = Vec::new();
        let mut own = Vec::new();
        for Shown { name, signed } in self.list()? {
            let file = manifest_file(&name);
            let signed = signed.map_err(|reason| Error::Damaged { file, reason })?;
            if signed.manifest.unit == unit { own.push((name, signed)) } else { kept.push(signed) }
        }
        let gone = own.len().saturating_sub(count.max(1));
        if let Some((name, _)) = own.last().filter(|_| 0 < gone)
            && let Some(Finding { file, reason }) = self.check(Some(name))?.into_iter().next()
        {
            return Err(Error::NotDropped { file, reason }.into());
        }
        let newest = own.split_off(gone);
        kept.extend(newest.into_iter().map(|(_, signed)| signed));
        for (name, _) in &own {
            self.blobs.delete(&manifest_file(name))?;
        }
        // A backup must not be there again after a crash that took its pieces.
        self.blobs.settle(MANIFESTS)?;
        let needed: BTreeSet<&str> = kept
            .iter()
            .flat_map(|signed| &signed.manifest.files)
            .flat_map(|file| file.pieces.iter().map(String::as_str))
            .collect();
        for (file, _) in self.blobs.list(PIECES)? {
            let hash = file.rsplit('/').next().unwrap_or_default();
            if !needed.contains(hash) {
                self.blobs.delete(&file)?;
            }
        }
        Ok(gone)
    }

    pub(super) fn blobs(&self) -> &FileBlobs {
        &self.blobs
    }

    fn put(&self, file: &str, bytes: &[u8]) -> Result<(), Problem> {
        Ok(self.blobs.put(file, &mut |out| Write::write_all(out, bytes))?)
    }
}

impl Shown {
    /// What it says; nothing of a damaged one.
    fn manifest(&self) -> Option<&Manifest> {
        self.signed.as_ref().ok().map(|signed| &signed.manifest)
    }

    /// Of which unit it is; nothing of a damaged one.
    fn unit(&self) -> Option<&str> {
        self.manifest().map(|manifest| manifest.unit.as_str())
    }

    /// When it was taken; the damaged come first.
    fn wall(&self) -> Option<Time> {
        self.manifest().map(|manifest| manifest.wall)
    }
}

/// Refuses backups that were signed with a key that had ended by then. The root signs when a key ends, so whatever card says it first
/// is believed: that in a later backup knows of a revocation, that in a backup which a thief has made does not.
fn refuse_ended(shown: &mut [Shown]) {
    let mut ends: HashMap<(String, String), Time> = HashMap::new();
    for Manifest { unit, card, .. } in shown.iter().filter_map(Shown::manifest) {
        for key in &card.keys {
            let end = ends.entry((unit.clone(), key.key.clone())).or_insert(key.until);
            *end = key.until.min(*end);
        }
    }
    for shown in shown {
        let Ok(SignedManifest { manifest, signed }) = &shown.signed else { continue };
        let key = manifest.card.keys.iter().find(|key| key.number == signed.key);
        let end = key.and_then(|key| ends.get(&(manifest.unit.clone(), key.key.clone())));
        if let Some(end) = end.filter(|end| **end <= manifest.wall) {
            let reason = format!(
                "key {} that signed it had ended at {end}, as another backup of the unit says",
                signed.key
            );
            shown.signed = Err(reason);
        }
    }
}

/// The right to write into a folder of backups.
pub struct Lock {
    _file: FileLock,
}

pub(super) fn piece_file(hash: &str) -> String {
    format!("{PIECES}/{}/{hash}", hash.get(..2).unwrap_or("xx"))
}

pub(super) fn manifest_file(name: &str) -> String {
    format!("{MANIFESTS}/{name}.json")
}
