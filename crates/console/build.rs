//! Takes the files that `./x web` has made in `web/dist` into the crate; where there are none, the page that says so.
//!
//! A file may have compressed forms beside it, `.br` and `.gz`. Nothing is compressed here, so that a build takes no longer for it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How deep folders may lie in each other.
const DEPTH_MAX: usize = 8;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/missing.html");
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    // Cargo runs this for ever where it watches something that is not there; an empty folder is enough, and cannot be made everywhere.
    if dist.is_dir() || fs::create_dir_all(&dist).is_ok() {
        println!("cargo::rerun-if-changed={}", dist.display());
    }
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        find(&fs::canonicalize(&dist)?, "", DEPTH_MAX, &mut files)?;
        files.sort();
    }
    let out = std::env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    fs::write(out.join("files.rs"), source(&files)?)
}

/// Finds the files to take in: path under which they are served, and where they lie.
fn find(
    folder: &Path,
    at: &str,
    depth: usize,
    files: &mut Vec<(String, PathBuf)>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What begins with a dot is the builder's own; maps are for who writes the console.
        let is_left_out = name.starts_with('.')
            || [".br", ".gz", ".map"].iter().any(|ending| name.ends_with(ending));
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() && 0 < depth && !name.starts_with('.') {
            find(&path, &format!("{at}/{name}"), depth - 1, files)?;
        } else if kind.is_file() && !is_left_out {
            files.push((format!("{at}/{name}"), path));
        }
    }
    Ok(())
}

/// Writes the list of files as Rust.
fn source(files: &[(String, PathBuf)]) -> io::Result<String> {
    let mut text = String::from("const BUILT: &[File] = &[\n");
    for (path, lies) in files {
        let tag = digest(&fs::read(lies)?);
        let form = |ending: &str| {
            let beside = PathBuf::from(format!("{}{ending}", lies.display()));
            if beside.is_file() {
                format!("Some(include_bytes!({:?}))", beside.display().to_string())
            } else {
                "None".to_owned()
            }
        };
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "    File {{ path: {path:?}, tag: \"{tag:016x}\", plain: include_bytes!({:?}), brotli: {}, gzip: {} }},",
            lies.display().to_string(),
            form(".br"),
            form(".gz"),
        );
    }
    text.push_str("];\n");
    Ok(text)
}

/// Returns what tells contents apart (FNV-1a): a browser asks by it whether a file is another one.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
