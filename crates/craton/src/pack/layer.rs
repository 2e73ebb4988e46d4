//! The files of a package as one layer: a tar, compressed by gzip, that is the same bytes for the same files.

use super::{Error, limits};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use tar::{Archive, Builder, EntryType, Header};

/// The files of an application, by their path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// How a layer is called in errors.
const PART: &str = "the layer";
/// What everybody may do with a file.
const MODE: u32 = 0o644;

/// Packs files: by path, without owners, times at zero, modes fixed.
///
/// # Errors
/// `package.content` where a path cannot be in a package, `package.too_large`.
pub fn pack(files: &Files) -> Result<Vec<u8>, Error> {
    let mut seen = Seen::default();
    for (path, bytes) in files {
        seen.admit(path, bytes.len() as u64)?;
    }
    let entries = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    zipped(&tar_of(entries)?)
}

/// Returns a tar of files in the order in which they are given.
///
/// # Errors
/// `package.damaged` where a file cannot be written, which is a defect.
pub fn tar_of<'a>(entries: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<u8>, Error> {
    let mut builder = Builder::new(Vec::new());
    for (path, bytes) in entries {
        let mut header = Header::new_ustar();
        header.set_path(path).map_err(wrong)?;
        header.set_entry_type(EntryType::Regular);
        header.set_mode(MODE);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, bytes).map_err(wrong)?;
    }
    builder.into_inner().map_err(wrong)
}

/// Compresses a tar, always to the same bytes.
///
/// # Errors
/// `package.damaged` where it cannot be written, which is a defect.
pub fn zipped(tar: &[u8]) -> Result<Vec<u8>, Error> {
    // Without a name and a time in the head, the same files give the same bytes.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(tar).map_err(wrong)?;
    encoder.finish().map_err(wrong)
}

/// Unpacks a layer into memory.
///
/// # Errors
/// `package.damaged`, `package.content` for links, devices and paths that lead out, `package.too_large`.
pub fn unpack(bytes: &[u8]) -> Result<Files, Error> {
    let mut decoder = GzDecoder::new(bytes);
    let mut tar = Vec::new();
    // Each file has a head, and is filled up to whole blocks.
    let limit = limits::FILES_BYTES_MAX + 2 * 512 * (limits::FILES_MAX as u64 + 1);
    decoder.by_ref().take(limit + 1).read_to_end(&mut tar).map_err(wrong)?;
    if limit < tar.len() as u64 {
        return Err(too_large("the files of the package", limits::FILES_BYTES_MAX));
    }
    if !decoder.into_inner().is_empty() {
        return Err(damaged("something follows behind its end"));
    }
    let mut seen = Seen::default();
    let mut files = Files::new();
    each_file(
        &tar,
        |path, size| seen.admit(path, size),
        |path, bytes| {
            files.insert(path, bytes);
            Ok(())
        },
    )?;
    Ok(files)
}

/// Reads the files of a tar one by one: `admit` sees path and size before memory is taken, `take` gets the bytes. Only plain files
/// are in it, each with its size; folders are passed over.
///
/// # Errors
/// `package.damaged`, `package.content` for anything but files and folders; what the two say.
pub fn each_file(
    tar: &[u8],
    mut admit: impl FnMut(&str, u64) -> Result<(), Error>,
    mut take: impl FnMut(String, Vec<u8>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut archive = Archive::new(tar);
    // Raw: what would change the next entry (long names, sizes elsewhere) stands there as what it is, and is refused.
    for entry in archive.entries().map_err(wrong)?.raw(true) {
        let mut entry = entry.map_err(wrong)?;
        let path = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| damaged("a path is no text"))?;
        // `tar -C folder .` writes paths so.
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        match entry.header().entry_type() {
            EntryType::Directory if path.is_empty() => continue,
            EntryType::Directory => {
                check_path(path.strip_suffix('/').unwrap_or(&path))?;
                continue;
            }
            EntryType::Regular => {}
            _ => return Err(refused(&path, "only plain files belong into a package")),
        }
        let size = entry.size();
        admit(&path, size)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(wrong)?;
        if bytes.len() as u64 != size {
            return Err(damaged("it ends too early"));
        }
        take(path, bytes)?;
    }
    Ok(())
}

/// What was admitted so far.
#[derive(Debug, Default)]
struct Seen {
    paths: std::collections::BTreeSet<String>,
    bytes: u64,
}

impl Seen {
    fn admit(&mut self, path: &str, size: u64) -> Result<(), Error> {
        check_path(path)?;
        if limits::FILE_BYTES_MAX < size {
            return Err(too_large(&format!("`{path}`"), limits::FILE_BYTES_MAX));
        }
        self.bytes = self.bytes.saturating_add(size);
        if limits::FILES_BYTES_MAX < self.bytes {
            return Err(too_large("the files of the package", limits::FILES_BYTES_MAX));
        }
        if !self.paths.insert(path.to_owned()) {
            return Err(refused(path, "it is there twice"));
        }
        if limits::FILES_MAX < self.paths.len() {
            return Err(too_large("the number of files", limits::FILES_MAX as u64));
        }
        Ok(())
    }
}

/// Refuses paths that lead out, are hidden, or mean different things to different readers.
///
/// # Errors
/// `package.content`, `package.too_large`.
pub fn check_path(path: &str) -> Result<(), Error> {
    if limits::PATH_BYTES_MAX < path.len() {
        return Err(too_large(&format!("the path `{path}`"), limits::PATH_BYTES_MAX as u64));
    }
    let parts: Vec<&str> = path.split('/').collect();
    if limits::FOLDER_DEPTH_MAX < parts.len() {
        return Err(too_large(&format!("the depth of `{path}`"), limits::FOLDER_DEPTH_MAX as u64));
    }
    let is_odd = |part: &&str| {
        part.is_empty()
            || part.starts_with('.')
            || part.contains(['\\', ':'])
            || part.chars().any(char::is_control)
    };
    if parts.iter().any(|part| is_odd(part)) {
        return Err(refused(path, "its path leads out of the package, or is hidden"));
    }
    Ok(())
}

fn wrong(error: std::io::Error) -> Error {
    damaged(&error.to_string())
}

fn damaged(reason: &str) -> Error {
    Error::Damaged { part: PART.into(), reason: reason.into() }
}

fn refused(path: &str, reason: &'static str) -> Error {
    Error::Content { path: path.chars().take(200).collect(), reason }
}

fn too_large(what: &str, limit: u64) -> Error {
    Error::TooLarge { what: what.chars().take(200).collect(), limit }
}
