//! `support`: a bundle for whoever helps from outside.

use crate::{arguments::Globals, connect, error::Error, output, output::Column, routes};
use base::Problem;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The longest list of contents that is read, in bytes.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

const TABLE: [Column; 3] =
    [Column("FILE", &["name"]), Column("BYTES", &["bytes"]), Column("WHAT", &["about"])];

/// Makes a bundle for whoever helps: versions, configuration, manifests, log, counts; no secrets and no rows
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  craton support shop-support.tar.gz\n  craton --unit shop support out.tar.gz\n\nThe first file inside, support/manifest.json, lists the others. Look through them before you hand them on.\nIt needs the right `unit.support`, which owners have."
)]
pub struct Support {
    /// The file to write; it must not be there yet
    file: PathBuf,
}

impl Support {
    /// Writes the bundle and shows what is in it.
    pub fn run(self, globals: &Globals) -> Result<(), Problem> {
        let client = connect::client(globals)?;
        let bytes = client.read(client.open(&routes::unit_support())?)?;
        let odd = |reason| Error::Answer { url: client.url().to_owned(), reason };
        let manifest = manifest(&bytes).map_err(odd)?;
        write(&self.file, &bytes)?;
        let files = Value::from(output::items(&manifest["files"]));
        output::list(globals.output, &files, &TABLE)
    }
}

/// Returns the list of contents: the first file of the bundle.
fn manifest(bytes: &[u8]) -> Result<Value, String> {
    let wrong = |reason: String| format!("this is no support bundle: {reason}");
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let mut entries = archive.entries().map_err(|error| wrong(error.to_string()))?;
    let first = entries.next().ok_or_else(|| wrong("it is empty".into()))?;
    let first = first.map_err(|error| wrong(error.to_string()))?;
    let mut text = String::new();
    let read = first.take(MANIFEST_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// Writes a new file that only its owner can read.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| Error::unwritable(path, error).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::layer::{tar_of, zipped};

    fn archive(text: &str) -> Vec<u8> {
        let files = [("support/manifest.json", text.as_bytes())];
        zipped(&tar_of(files.into_iter()).expect("a tar")).expect("an archive")
    }

    #[test]
    fn the_list_of_contents_is_the_first_file() {
        let found = manifest(&archive(r#"{"files": [{"name": "a"}]}"#)).expect("a manifest");
        assert_eq!(found["files"][0]["name"], "a");
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        for bytes in [&b""[..], b"rubbish", &archive("no json")] {
            assert!(manifest(bytes).is_err());
        }
    }
}
