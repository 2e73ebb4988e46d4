//! The files and addresses of an import: which they are, how they are opened, what tells their content apart.

use super::error::Error;
use super::fetch::{self, Address};
use super::name::stream_name;
use crate::client::Client;
use crate::error::Error as CommandError;
use crate::manifests;
use base::Problem;
use indicatif::ProgressBar;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are read at once to tell a file's content from another's.
const PIECE_BYTES: u64 = 1 << 20;

/// How rows stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON object a line.
    Lines,
    /// Columns with their types (Apache Parquet).
    Parquet,
}

/// A file to import.
#[derive(Debug, Clone)]
pub struct Source {
    /// How it is named to people: the path as they wrote it, or the address without its secrets.
    pub shown: String,
    /// The name of the file by itself.
    pub name: String,
    /// How rows stand in it.
    pub form: Form,
    /// The name of a stream for it.
    pub stream: String,
    /// Its size in bytes, as it lies on the disk.
    pub bytes: u64,
    is_zipped: bool,
    place: Place,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone)]
enum Place {
    /// In the user's own file.
    Path(PathBuf),
    /// In a file without a name that is there as long as the command runs.
    Fetched(Arc<File>),
}

impl Source {
    /// Opens the file; `progress` follows the bytes on the disk.
    ///
    /// # Errors
    /// `cli.file` where it cannot be read.
    pub fn open(&self, progress: &ProgressBar) -> Result<Box<dyn BufRead>, Problem> {
        let file = self.file()?;
        let bytes = BufReader::with_capacity(64 << 10, progress.wrap_read(file));
        if !self.is_zipped {
            return Ok(Box::new(bytes));
        }
        let plain = flate2::bufread::MultiGzDecoder::new(bytes);
        Ok(Box::new(BufReader::with_capacity(64 << 10, plain)))
    }

    /// Opens the file at its beginning. What was fetched is read by one reader at a time: they share their place in it.
    ///
    /// # Errors
    /// `cli.file` where it cannot be read.
    pub fn file(&self) -> Result<File, Problem> {
        let file = match &self.place {
            Place::Path(path) => File::open(path),
            Place::Fetched(file) => file.try_clone().and_then(|mut file| {
                file.rewind()?;
                Ok(file)
            }),
        };
        file.map_err(|error| self.unreadable(error))
    }

    /// Returns a digest of the content: SHA-256 over the SHA-256 of each MiB of the file.
    ///
    /// # Errors
    /// `cli.file` where it cannot be read.
    pub fn digest(&self) -> Result<String, Problem> {
        let mut file = self.file()?;
        let mut digests = Vec::new();
        let mut piece = Vec::new();
        loop {
            piece.clear();
            let read = (&mut file).take(PIECE_BYTES).read_to_end(&mut piece);
            read.map_err(|error| self.unreadable(error))?;
            if piece.is_empty() {
                return Ok(base::hex(&base::sha256(&digests)));
            }
            digests.extend_from_slice(&base::sha256(&piece));
        }
    }

    /// Returns the problem of this file that could not be read.
    pub fn unreadable(&self, error: std::io::Error) -> Problem {
        CommandError::unreadable(Path::new(&self.shown), error).into()
    }
}

/// What a word on the command line stands for.
enum Word {
    Sources(Vec<Source>),
    Address(Address),
}

/// Has a unit fetch addresses, with the secret of this name in a header.
pub type By<'a> = Option<(&'a Client, &'a str)>;

/// Returns the files that the words on the command line name; those of a folder by name. Addresses are fetched, once all the
/// other words are known to be there.
///
/// # Errors
/// `import.unsupported`, `import.empty`, `import.address`, and `cli.file` where one cannot be read.
pub fn find(words: &[PathBuf], by: By<'_>) -> Result<Vec<Source>, Problem> {
    let words = words.iter().map(|word| look(word)).collect::<Result<Vec<_>, _>>()?;
    let mut sources = Vec::new();
    for word in words {
        match word {
            Word::Sources(found) => sources.extend(found),
            Word::Address(address) => sources.push(fetched(&address, by)?),
        }
    }
    Ok(sources)
}

fn look(word: &Path) -> Result<Word, Problem> {
    if let Some(address) = word.to_str().and_then(Address::read) {
        return Ok(Word::Address(address?));
    }
    let about = std::fs::metadata(word).map_err(|error| CommandError::unreadable(word, error))?;
    if about.is_dir() {
        return Ok(Word::Sources(inside(word)?));
    }
    let reason = "its name ends in none of the forms that are known";
    let unknown = || Error::unknown_form(word.display().to_string(), reason);
    Ok(Word::Sources(vec![of_file(word, about.len()).ok_or_else(unknown)?]))
}

/// Fetches an address. Its form is what its path ends with, or what the answer says that it is.
fn fetched(address: &Address, by: By<'_>) -> Result<Source, Problem> {
    let fetched = match by {
        Some((client, secret)) => fetch::fetch_by(client, secret, address)?,
        None => fetch::fetch(address)?,
    };
    let by_media = || fetched.media.as_deref().and_then(form_of_media);
    let (stem, form, is_zipped) = match named_form(&address.name) {
        Some(found) => found,
        None => by_media().map(|form| (address.name.as_str(), form, false)).ok_or_else(|| {
            let reason = "neither the end of its path nor its media type is of a known form";
            Error::unknown_form(&address.shown, reason)
        })?,
    };
    Ok(Source {
        shown: address.shown.clone(),
        name: address.name.clone(),
        form,
        stream: stream_name(stem),
        bytes: fetched.bytes,
        is_zipped,
        place: Place::Fetched(Arc::new(fetched.file)),
    })
}

fn form_of_media(media: &str) -> Option<Form> {
    match media {
        "text/csv" | "application/csv" => Some(Form::Csv),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Form::Lines),
        "application/vnd.apache.parquet" => Some(Form::Parquet),
        _ => None,
    }
}

/// Returns the files directly in a folder, leaving out hidden ones and those of unknown forms.
fn inside(folder: &Path) -> Result<Vec<Source>, Problem> {
    let mut sources = Vec::new();
    for path in manifests::inside(folder)? {
        let about =
            std::fs::metadata(&path).map_err(|error| CommandError::unreadable(&path, error))?;
        if about.is_file() {
            sources.extend(of_file(&path, about.len()));
        }
    }
    if sources.is_empty() {
        let shown = folder.display().to_string();
        return Err(Error::empty(shown, "there is no CSV, NDJSON or Parquet file in it").into());
    }
    Ok(sources)
}

/// Returns the file as a source, nothing where its form is not known.
fn of_file(path: &Path, bytes: u64) -> Option<Source> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let (stem, form, is_zipped) = named_form(&name)?;
    Some(Source {
        shown: path.display().to_string(),
        stream: stream_name(stem),
        form,
        bytes,
        is_zipped,
        place: Place::Path(path.to_owned()),
        name: name.clone(),
    })
}

/// Returns what the name of a file says: its stem, its form, and whether it is compressed as a whole.
fn named_form(name: &str) -> Option<(&str, Form, bool)> {
    let (plain, is_zipped) = match ending(name) {
        Some((stem, "gz")) => (stem, true),
        _ => (name, false),
    };
    match ending(plain)? {
        (stem, "csv") => Some((stem, Form::Csv, is_zipped)),
        (stem, "ndjson" | "jsonl") => Some((stem, Form::Lines, is_zipped)),
        // Parquet is compressed inside, and read from both ends.
        (stem, "parquet") if !is_zipped => Some((stem, Form::Parquet, false)),
        _ => None,
    }
}

/// Returns a name's stem and its known ending, in lower case.
fn ending(name: &str) -> Option<(&str, &'static str)> {
    let (stem, end) = name.rsplit_once('.')?;
    let known = ["csv", "ndjson", "jsonl", "parquet", "gz"];
    known.into_iter().find(|known| end.eq_ignore_ascii_case(known)).map(|known| (stem, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_says_form_and_stream() {
        let read = |path: &str| {
            let source = of_file(Path::new(path), 1)?;
            Some((source.stream, source.form, source.is_zipped))
        };
        assert_eq!(read("a/Orders.CSV"), Some(("orders".into(), Form::Csv, false)));
        assert_eq!(read("my orders.csv.gz"), Some(("my_orders".into(), Form::Csv, true)));
        assert_eq!(read("x.jsonl"), Some(("x".into(), Form::Lines, false)));
        assert_eq!(read("x.ndjson.gz"), Some(("x".into(), Form::Lines, true)));
        assert_eq!(read("a/flights.parquet"), Some(("flights".into(), Form::Parquet, false)));
        assert_eq!(read("flights.parquet.gz"), None);
        assert_eq!(read("notes.txt"), None);
        assert_eq!(read("csv"), None);
    }

    #[test]
    fn a_word_is_missing_before_any_address_is_fetched() {
        let words: [PathBuf; 2] = ["http://127.0.0.1:1/a.csv".into(), "no/such/file.csv".into()];
        assert_eq!(find(&words, None).expect_err("refused").code, "cli.file");
        let unknown = find(&["Cargo.toml".into()], None).expect_err("refused");
        assert_eq!(unknown.code, "import.unsupported");
    }
}
