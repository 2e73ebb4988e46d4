//! Takes a backup of a unit: of one that runs, or of the folder of one that does not.
//!
//! In this order: files are held, the store's image is opened, files are listed. So all files that the image names are among the
//! listed, and none of them goes before it was read. What was written since for a later commit is left out: the restored unit would
//! find what it has not done.

use super::PIECE_BYTES;
use super::manifest::{Entry, MANIFEST, Manifest, STORE, SignedManifest, hash_of};
use super::stream::{Frame, Reading};
use crate::{Config, Error, assembly, files};
use base::{Clock, Problem, SystemClock, Time};
use data::{Data, FOLDERS, Hold, Named};
use exchange::{Card, Exchange, Identity};
use kernel::{Kernel, Principal, Reader};
use std::collections::{HashSet, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Blobs, Blocks, FileBlobs, SqliteStore};

/// How long a backup may hold what it copies.
const TIME_MAX: Duration = Duration::from_secs(4 * 3_600);

/// The files of a unit's folder beside store, tables and views.
const PLAIN: [&str; 2] = ["unit.toml", files::CERTIFICATE];

/// A unit of which a backup is taken.
pub(crate) struct Parts<'a> {
    pub folder: &'a Path,
    pub kernel: &'a Arc<Kernel>,
    pub data: &'a Data,
    pub exchange: &'a Arc<Exchange>,
}

/// A file that is still to be copied.
struct Planned {
    path: String,
    bytes: u64,
}

/// Signs a manifest.
type Sign = Box<dyn Fn(&Manifest) -> Result<SignedManifest, Problem> + Send>;

/// The frames of a backup, one after the other. The last one is the manifest.
pub(crate) struct Frames {
    blobs: FileBlobs,
    blocks: Option<Box<dyn Blocks>>,
    _hold: Option<Hold>,
    manifest: Manifest,
    planned: VecDeque<Planned>,
    /// Pieces that whoever takes the backup has already.
    known: HashSet<String>,
    sign: Option<Sign>,
    until: Duration,
    clock: Arc<dyn Clock>,
}

/// Begins a backup of a unit that runs, or that was put together for this. `known` are the pieces that need not be sent, `previous`
/// is the hash of the manifest before.
///
/// # Errors
/// `backup.elsewhere`, or where store or files cannot be read.
pub(crate) fn running(
    parts: &Parts<'_>,
    known: HashSet<String>,
    previous: String,
) -> Result<Frames, Problem> {
    expect_inside(parts.folder)?;
    let hold = parts.data.hold();
    let image = parts.kernel.store().image()?;
    let commit = image.snapshot.commit();
    let seen = Reader::over(parts.kernel, image.snapshot, Principal::Unit("backup".into()));
    let named = Named::new(&seen)?;
    drop(seen);
    // Signed with the key that is in force now: it may be a later one than those of the folder.
    let reader = Reader::new(parts.kernel, Principal::Unit("backup".into()))?;
    let identity = parts.exchange.identity_of(&reader)?;
    let card = parts.exchange.card_of(&reader)?;
    drop(reader);
    let clock = Arc::clone(parts.kernel.clock());
    let manifest = Manifest {
        commit,
        business: clock.business(),
        wall: clock.wall(),
        format: SqliteStore::FORMAT,
        ..begin(&identity, &card, previous)
    };
    let sign = move |manifest: &Manifest| sign(&identity, manifest);
    let blobs = FileBlobs::new(parts.folder);
    Ok(Frames {
        planned: plan(parts.folder, &blobs, &|path| named.has(path))?,
        blobs,
        blocks: Some(image.blocks),
        _hold: Some(hold),
        manifest,
        known,
        sign: Some(Box::new(sign)),
        until: clock.monotonic() + TIME_MAX,
        clock,
    })
}

/// Begins a backup of a unit that does not run; returns it to be read, as a running one sends it.
///
/// # Errors
/// `store.in_use` where it does; `backup.elsewhere`, or where store or files cannot be read.
pub fn stopped(
    folder: &Path,
    known: HashSet<String>,
    previous: String,
) -> Result<Box<dyn Read>, Problem> {
    let assembly = assembly::assemble(folder)?;
    let parts = Parts {
        folder,
        kernel: &assembly.kernel,
        data: &assembly.data,
        exchange: &assembly.exchange,
    };
    let frames = running(&parts, known, previous)?;
    // The unit stays put together, and so locked, until the last frame was read.
    let frames = frames.map(move |frame| {
        let _assembly = &assembly;
        frame
    });
    Ok(Box::new(Reading::new(frames)))
}

/// Begins a backup of a unit whose store is of an older format: as a file, which nobody opens meanwhile. It is signed with a key of the
/// unit's folder, for later ones are in the store.
///
/// # Errors
/// `backup.elsewhere`, or where it cannot be read.
pub(crate) fn older(
    folder: &Path,
    format: u32,
    known: HashSet<String>,
    previous: String,
) -> Result<Frames, Problem> {
    expect_inside(folder)?;
    let path = folder.join(files::STORE);
    SqliteStore::settle(&path)?;
    let blobs = FileBlobs::new(folder);
    let missing = || Error::NoFile { path: path.clone() };
    let bytes = blobs.size(files::STORE)?.ok_or_else(missing)?;
    let identity = Identity::from_text(&files::read(&folder.join(files::KEY))?)?;
    let card = identity.card(None, None);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let wall = clock.wall();
    let manifest = Manifest { business: wall, wall, format, ..begin(&identity, &card, previous) };
    let blocks = FileBlocks { blobs: FileBlobs::new(folder), bytes };
    Ok(Frames {
        // Nobody writes meanwhile: files and store are of one moment.
        planned: plan(folder, &blobs, &|path| !path.ends_with("_last_checkpoint"))?,
        blobs,
        blocks: Some(Box::new(blocks)),
        _hold: None,
        manifest,
        known,
        sign: Some(Box::new(move |manifest: &Manifest| sign(&identity, manifest))),
        until: clock.monotonic() + TIME_MAX,
        clock,
    })
}

/// Refuses a unit that does not have all that it stores in its folder.
fn expect_inside(folder: &Path) -> Result<(), Error> {
    let config = Config::read(folder)?;
    if config.store.postgres.is_some() {
        return Err(Error::Elsewhere { what: "its store in a database".into() });
    }
    match config.files {
        Some(files) => {
            let what = format!("the files of its tables in `{}`", files.display());
            Err(Error::Elsewhere { what })
        }
        None => Ok(()),
    }
}

/// Returns the id of the unit of a folder.
///
/// # Errors
/// Where its key cannot be read.
pub fn unit_of(folder: &Path) -> Result<String, Problem> {
    Ok(Identity::from_text(&files::read(&folder.join(files::KEY))?)?.unit().to_owned())
}

fn begin(identity: &Identity, card: &Card, previous: String) -> Manifest {
    Manifest {
        v: MANIFEST,
        unit: identity.unit().to_owned(),
        name: identity.name().to_owned(),
        commit: 0,
        business: Time(0),
        wall: Time(0),
        craton: env!("CARGO_PKG_VERSION").to_owned(),
        format: 0,
        previous,
        files: Vec::new(),
        card: card.clone(),
    }
}

fn sign(identity: &Identity, manifest: &Manifest) -> Result<SignedManifest, Problem> {
    let signed = identity.sign(manifest.wall, &manifest.statement())?;
    Ok(SignedManifest { manifest: manifest.clone(), signed })
}

/// Lists what is to be copied beside the store; of tables and views what is wanted.
fn plan(
    folder: &Path,
    blobs: &FileBlobs,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<VecDeque<Planned>, Problem> {
    let mut planned = VecDeque::new();
    for path in PLAIN {
        let missing = || Error::NoFile { path: PathBuf::from(folder).join(path) };
        let bytes = blobs.size(path)?.ok_or_else(missing)?;
        planned.push_back(Planned { path: path.to_owned(), bytes });
    }
    for folder in FOLDERS {
        for (path, bytes) in blobs.list(folder)? {
            // What is being written has no name yet.
            if !path.ends_with(".tmp") && is_wanted(&path) {
                planned.push_back(Planned { path, bytes });
            }
        }
    }
    Ok(planned)
}

impl Frames {
    /// Returns the next frame; nothing behind the manifest.
    fn step(&mut self) -> Result<Option<Frame>, Problem> {
        loop {
            if self.until < self.clock.monotonic() {
                return Err(Error::Slow { hours: TIME_MAX.as_secs() / 3_600 }.into());
            }
            if let Some(bytes) = self.blocks.as_ref().map(|blocks| blocks.bytes()) {
                let number = self.entry(STORE, bytes).pieces.len() as u64;
                let piece = match &self.blocks {
                    Some(blocks) => blocks.block(number)?,
                    None => Vec::new(),
                };
                if piece.is_empty() {
                    self.blocks = None;
                    continue;
                }
                if let Some(frame) = self.piece(piece) {
                    return Ok(Some(frame));
                }
                continue;
            }
            let Some(file) = self.planned.front() else { return self.last() };
            let (path, bytes) = (file.path.clone(), file.bytes);
            match self.piece_of(&path, bytes)? {
                Some(piece) => {
                    if let Some(frame) = self.piece(piece) {
                        return Ok(Some(frame));
                    }
                }
                None => {
                    self.planned.pop_front();
                }
            }
        }
    }

    /// Returns the entry of the file that is being copied, which is the last one.
    fn entry(&mut self, path: &str, bytes: u64) -> &mut Entry {
        let files = &mut self.manifest.files;
        if files.last().is_none_or(|entry| entry.path != path) {
            files.push(Entry { path: path.to_owned(), bytes, pieces: Vec::new() });
        }
        let last = files.len() - 1;
        &mut files[last]
    }

    /// Returns the next piece of a file; nothing behind its end.
    fn piece_of(&mut self, path: &str, bytes: u64) -> Result<Option<Vec<u8>>, Problem> {
        let start = self.entry(path, bytes).pieces.len() as u64 * PIECE_BYTES;
        if bytes <= start {
            return Ok(None);
        }
        match self.blobs.read(path, start..bytes.min(start + PIECE_BYTES)) {
            Ok(piece) => Ok(Some(piece)),
            // The state does not name it any more: a keeper has tidied up. What it names is held.
            Err(store::Error::Damaged { .. }) if start == 0 && self.blobs.size(path)?.is_none() => {
                self.manifest.files.pop();
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a piece into the manifest; returns it where it is to be sent.
    fn piece(&mut self, piece: Vec<u8>) -> Option<Frame> {
        let hash = hash_of(&piece);
        let is_new = self.known.insert(hash.clone());
        if let Some(entry) = self.manifest.files.last_mut() {
            entry.pieces.push(hash);
        }
        is_new.then_some(Frame::Piece(piece))
    }

    /// Returns the manifest, once.
    fn last(&mut self) -> Result<Option<Frame>, Problem> {
        let Some(sign) = self.sign.take() else { return Ok(None) };
        let signed = sign(&self.manifest)?;
        Ok(Some(Frame::Manifest(signed.text()?)))
    }
}

impl Iterator for Frames {
    type Item = Result<Vec<u8>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            // Nothing comes behind a failure.
            (self.blocks, self.sign) = (None, None);
            self.planned.clear();
        }
        step.map(|frame| frame.map(|frame| frame.bytes())).transpose()
    }
}

/// A store as a file that nobody changes.
struct FileBlocks {
    blobs: FileBlobs,
    bytes: u64,
}

impl Blocks for FileBlocks {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn block(&self, number: u64) -> Result<Vec<u8>, store::Error> {
        let start = number.saturating_mul(PIECE_BYTES).min(self.bytes);
        let end = self.bytes.min(start.saturating_add(PIECE_BYTES));
        self.blobs.read(files::STORE, start..end)
    }
}
