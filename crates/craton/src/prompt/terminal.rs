//! The terminal: how large it is, and a program that shows what is larger page by page.

use std::io::Write;
use std::process::{Command, Stdio};

/// The variable that names the program for pages.
const PAGER: &str = "PAGER";
/// The program where the variable is not there.
const PAGER_DEFAULT: &str = "less";
/// Its options: end at once where all fits, keep colours, do not wrap, leave the text on the screen.
const LESS: (&str, &str) = ("LESS", "FRSX");

/// Columns and lines of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Lines.
    pub lines: usize,
}

impl Size {
    /// Returns the size of the terminal behind standard output; nothing where there is none.
    pub fn of_output() -> Option<Self> {
        // SAFETY: all zeros is a value of the struct, and the call writes nothing else.
        let (answer, size) = unsafe {
            let mut size: libc::winsize = std::mem::zeroed();
            let answer = libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size);
            (answer, size)
        };
        let found = Self { columns: size.ws_col.into(), lines: size.ws_row.into() };
        (answer == 0 && 0 < found.columns && 0 < found.lines).then_some(found)
    }

    /// Returns whether a text fits, with the prompt below it.
    pub fn fits(self, text: &str) -> bool {
        let mut lines = 0;
        text.lines().all(|line| {
            lines += 1;
            lines < self.lines && crate::layout::width(line) <= self.columns
        })
    }
}

/// Returns the program for pages; nothing where the user wants none.
pub fn pager() -> Option<String> {
    let named = std::env::var(PAGER).unwrap_or_else(|_| PAGER_DEFAULT.into());
    let name = named.trim();
    (!name.is_empty() && name != "cat").then(|| name.to_owned())
}

/// Shows a text page by page; false where that program cannot be started.
pub fn show_pages(pager: &str, text: &str) -> bool {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("command -v {} >/dev/null || exit 127; {pager}", first(pager)));
    if std::env::var_os(LESS.0).is_none() {
        command.env(LESS.0, LESS.1);
    }
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // Who has seen enough ends the program before it has read all.
        let _ = input.write_all(text.as_bytes());
    }
    child.wait().is_ok_and(|status| status.code() != Some(127))
}

fn first(pager: &str) -> &str {
    pager.split_whitespace().next().unwrap_or(pager)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_larger_than_the_terminal_does_not_fit() {
        let size = Size { columns: 4, lines: 3 };
        assert!(size.fits("東京\nab\n"));
        assert!(!size.fits("東京a\n"), "too wide");
        assert!(!size.fits("a\nb\nc\n"), "no line is left for the prompt");
    }

    #[test]
    fn a_program_that_is_not_there_shows_nothing() {
        assert!(!show_pages("no-such-program-at-all -x", "text"));
        assert!(show_pages("true", "text"));
    }
}
