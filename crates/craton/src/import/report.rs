//! What an import came to.

use super::error::Error;
use super::limits::REASONS_MAX;
use base::Problem;
use serde::Serialize;
use serde_json::{Value, json};

/// What an import came to.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Rows of all files.
    pub rows: u64,
    /// Rows that were appended.
    pub appended: u64,
    /// Rows that an earlier import of the same file had appended.
    pub already_there: u64,
    /// Rows that were not appended.
    pub set_aside: u64,
    /// What became of each file.
    pub files: Vec<FileReport>,
    /// Some of the rows that were set aside, by file and line.
    pub reasons: Vec<Reason>,
    /// How many more were set aside.
    pub more: u64,
}

/// What became of a file.
#[derive(Debug, Default, Serialize)]
pub struct FileReport {
    /// The file.
    pub file: String,
    /// The stream that its rows went to.
    pub stream: String,
    /// Rows of the file.
    pub rows: u64,
    /// Rows that were appended.
    pub appended: u64,
    /// Rows that an earlier import of the same file had appended.
    pub already_there: u64,
    /// Rows that were not appended.
    pub set_aside: u64,
}

/// Why a row was set aside.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Reason {
    /// The file.
    pub file: String,
    /// The line at which the row begins, from 1; the number of the row in a Parquet file.
    pub line: u64,
    /// Why.
    pub reason: String,
}

impl Report {
    /// Returns whether another reason finds room.
    pub fn has_room(&self) -> bool {
        self.reasons.len() < REASONS_MAX
    }

    /// Names a row that was set aside, where there is room.
    pub fn name(&mut self, file: &str, line: u64, reason: String) {
        if self.has_room() {
            self.reasons.push(Reason { file: file.into(), line, reason });
        }
    }

    /// Adds what became of a file.
    pub fn add(&mut self, file: FileReport) {
        self.rows += file.rows;
        self.appended += file.appended;
        self.already_there += file.already_there;
        self.set_aside += file.set_aside;
        self.files.push(file);
        // Reasons come as they are found: those of lines that cannot be read before those of the unit.
        let files = &self.files;
        let place = |reason: &Reason| files.iter().position(|file| file.file == reason.file);
        self.reasons.sort_by_key(|reason| (place(reason), reason.line));
        self.more = self.set_aside.saturating_sub(self.reasons.len() as u64);
    }

    /// Returns success where rows were kept or there were none.
    ///
    /// # Errors
    /// `import.none_kept` where every row was set aside.
    pub fn outcome(&self) -> Result<(), Problem> {
        if self.appended + self.already_there == 0 && 0 < self.set_aside {
            return Err(Error::NoneKept { rows: self.rows }.into());
        }
        Ok(())
    }

    /// Returns the report for programs.
    pub fn value(&self) -> Value {
        json!(self)
    }

    /// Returns the report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            text.push_str(&format!("{} -> stream {}: {}\n", file.file, file.stream, file.counts()));
        }
        for reason in &self.reasons {
            let line = format!("  {}:{}: {}", reason.file, reason.line, reason.reason);
            // What stands in a file must not steer the terminal.
            text.extend(line.chars().filter(|letter| !letter.is_control()));
            text.push('\n');
        }
        if 0 < self.more {
            text.push_str(&format!("  and {} more\n", self.more));
        }
        text
    }
}

impl FileReport {
    fn counts(&self) -> String {
        let mut parts =
            vec![format!("{} rows read", self.rows), format!("{} appended", self.appended)];
        if 0 < self.already_there {
            parts.push(format!("{} already there", self.already_there));
        }
        if 0 < self.set_aside {
            parts.push(format!("{} set aside", self.set_aside));
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_all_and_names_some() {
        let mut report = Report::default();
        for line in (2..30).rev() {
            report.name("a.csv", line, "no\u{1b}".into());
        }
        let file = FileReport {
            file: "a.csv".into(),
            stream: "a".into(),
            rows: 30,
            appended: 2,
            set_aside: 28,
            ..FileReport::default()
        };
        report.add(file);
        assert_eq!((report.reasons.len(), report.more), (REASONS_MAX, 8));
        let text = report.text();
        let first = "a.csv -> stream a: 30 rows read, 2 appended, 28 set aside\n  a.csv:10: no\n";
        assert!(text.starts_with(first) && text.ends_with("  and 8 more\n"), "{text}");
        assert!(report.outcome().is_ok());
        let lost = Report { rows: 3, set_aside: 3, ..Report::default() };
        assert_eq!(lost.outcome().expect_err("refused").code, "import.none_kept");
        assert!(Report::default().outcome().is_ok(), "an empty file is no failure");
    }
}
