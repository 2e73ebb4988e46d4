//! The files of an import: which they are, how they are opened, what tells their content apart.

use super::error::Error;
use super::name::stream_name;
use crate::error::Error as CommandError;
use base::Problem;
use indicatif::ProgressBar;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes that are read at once to tell a file's content from another's.
const PIECE_BYTES: u64 = 1 << 20;

/// How rows stand in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// A JSON object a line.
    Lines,
}

/// A file to import.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where it is, as the user named it.
    pub path: PathBuf,
    /// How rows stand in it.
    pub form: Form,
    /// The name of a stream for it.
    pub stream: String,
    /// Its size in bytes, as it lies on the disk.
    pub bytes: u64,
    is_zipped: bool,
}

impl Source {
    /// Opens the file; `progress` follows the bytes on the disk.
    ///
    /// # Errors
    /// `cli.file` where it cannot be read.
    pub fn open(&self, progress: &ProgressBar) -> Result<Box<dyn BufRead>, Problem> {
        let file = std::fs::File::open(&self.path).map_err(|error| self.unreadable(error))?;
        let bytes = BufReader::with_capacity(64 << 10, progress.wrap_read(file));
        if !self.is_zipped {
            return Ok(Box::new(bytes));
        }
        let plain = flate2::bufread::MultiGzDecoder::new(bytes);
        Ok(Box::new(BufReader::with_capacity(64 << 10, plain)))
    }

    /// Returns a digest of the content: SHA-256 over the SHA-256 of each MiB of the file.
    ///
    /// # Errors
    /// `cli.file` where it cannot be read.
    pub fn digest(&self) -> Result<String, Problem> {
        let unreadable = |error| self.unreadable(error);
        let mut file = std::fs::File::open(&self.path).map_err(unreadable)?;
        let mut digests = Vec::new();
        let mut piece = Vec::new();
        loop {
            piece.clear();
            (&mut file).take(PIECE_BYTES).read_to_end(&mut piece).map_err(unreadable)?;
            if piece.is_empty() {
                return Ok(base::hex(&base::sha256(&digests)));
            }
            digests.extend_from_slice(&base::sha256(&piece));
        }
    }

    /// Returns the problem of this file that could not be read.
    pub fn unreadable(&self, error: std::io::Error) -> Problem {
        CommandError::unreadable(&self.path, error).into()
    }

    /// Returns the path as it is shown.
    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

/// Returns the files that the words on the command line name; those of a folder by name.
///
/// # Errors
/// `import.unsupported`, `import.empty`, and `cli.file` where one cannot be read.
pub fn find(words: &[PathBuf]) -> Result<Vec<Source>, Problem> {
    let mut sources = Vec::new();
    for word in words {
        refuse_address(word)?;
        let about =
            std::fs::metadata(word).map_err(|error| CommandError::unreadable(word, error))?;
        if about.is_dir() {
            sources.extend(inside(word)?);
        } else {
            let reason = "its name ends in none of the forms that are known";
            let unknown = || Error::Unsupported { what: word.display().to_string(), reason };
            sources.push(of_file(word, about.len())?.ok_or_else(unknown)?);
        }
    }
    Ok(sources)
}

fn refuse_address(word: &Path) -> Result<(), Error> {
    let text = word.to_string_lossy().to_ascii_lowercase();
    if text.starts_with("http://") || text.starts_with("https://") {
        let reason = "addresses are not supported yet";
        return Err(Error::Unsupported { what: word.display().to_string(), reason });
    }
    Ok(())
}

/// Returns the files directly in a folder, leaving out hidden ones and those of unknown forms.
fn inside(folder: &Path) -> Result<Vec<Source>, Problem> {
    let unreadable = |error| CommandError::unreadable(folder, error);
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let about =
            std::fs::metadata(&path).map_err(|error| CommandError::unreadable(&path, error))?;
        if !is_hidden && about.is_file() {
            sources.extend(of_file(&path, about.len())?);
        }
    }
    if sources.is_empty() {
        return Err(Error::empty(folder, "there is no CSV and no NDJSON file in it").into());
    }
    Ok(sources)
}

/// Returns the file as a source, nothing where its form is not known.
fn of_file(path: &Path, bytes: u64) -> Result<Option<Source>, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (plain, is_zipped) = match ending(&name) {
        Some((stem, "gz")) => (stem, true),
        _ => (name.as_str(), false),
    };
    let (stem, form) = match ending(plain) {
        Some((stem, "csv")) => (stem, Form::Csv),
        Some((stem, "ndjson" | "jsonl")) => (stem, Form::Lines),
        Some((_, "parquet")) => {
            let reason = "Parquet is not supported yet";
            return Err(Error::Unsupported { what: path.display().to_string(), reason });
        }
        _ => return Ok(None),
    };
    let stream = stream_name(stem);
    Ok(Some(Source { path: path.to_owned(), form, stream, bytes, is_zipped }))
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
            let source = of_file(Path::new(path), 1).expect("supported")?;
            Some((source.stream.clone(), source.form, source.is_zipped))
        };
        assert_eq!(read("a/Orders.CSV"), Some(("orders".into(), Form::Csv, false)));
        assert_eq!(read("my orders.csv.gz"), Some(("my_orders".into(), Form::Csv, true)));
        assert_eq!(read("x.jsonl"), Some(("x".into(), Form::Lines, false)));
        assert_eq!(read("x.ndjson.gz"), Some(("x".into(), Form::Lines, true)));
        assert_eq!(read("notes.txt"), None);
        assert_eq!(read("csv"), None);
    }

    #[test]
    fn what_is_not_supported_yet_is_said_so() {
        let code = |problem: Problem| problem.code;
        let parquet = of_file(Path::new("a.parquet"), 1).expect_err("refused");
        assert_eq!(code(parquet.into()), "import.unsupported");
        let address = find(&["https://example.org/a.csv".into()]).expect_err("refused");
        assert_eq!(code(address), "import.unsupported");
    }
}
