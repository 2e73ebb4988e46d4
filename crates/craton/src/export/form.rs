//! The forms of an exported file.

use std::path::Path;

/// The form of an exported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// Comma-separated values (RFC 4180) with a line of names
    Csv,
    /// A JSON object a line
    Ndjson,
    /// One list of JSON objects
    Json,
    /// Apache Parquet, compressed with zstd
    Parquet,
    /// An Arrow IPC file (Feather 2)
    Arrow,
}

impl Form {
    /// Returns the form in which the unit is asked for the rows: one that is written row by row.
    pub fn wire(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson | Self::Json => "ndjson",
            Self::Parquet | Self::Arrow => "arrow",
        }
    }

    /// Returns the name of the form.
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Returns whether people can read it.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Csv | Self::Ndjson | Self::Json)
    }
}

/// Returns what the name of a file says: its form, and whether it is compressed as a whole.
pub fn of_name(path: &Path) -> (Option<Form>, bool) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (plain, is_zipped) = match name.strip_suffix(".gz") {
        Some(plain) => (plain, true),
        None => (name.as_str(), false),
    };
    let form = match plain.rsplit_once('.').map(|(_, end)| end) {
        Some("csv") => Some(Form::Csv),
        Some("ndjson" | "jsonl") => Some(Form::Ndjson),
        Some("json") => Some(Form::Json),
        Some("parquet") => Some(Form::Parquet),
        Some("arrow" | "feather") => Some(Form::Arrow),
        _ => None,
    };
    (form, is_zipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_says_its_form() {
        let read = |name: &str| of_name(Path::new(name));
        assert_eq!(read("a/Orders.CSV.gz"), (Some(Form::Csv), true));
        assert_eq!(read("orders.jsonl"), (Some(Form::Ndjson), false));
        assert_eq!(read("orders.json"), (Some(Form::Json), false));
        assert_eq!(read("orders.parquet"), (Some(Form::Parquet), false));
        assert_eq!(read("orders.feather"), (Some(Form::Arrow), false));
        assert_eq!(read("orders.gz"), (None, true));
        assert_eq!(read("csv"), (None, false));
    }
}
