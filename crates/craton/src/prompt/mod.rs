//! `craton sql` as a prompt: statements over several lines, history, completion, commands that begin with `\`; and scripts of the
//! same from standard input.

mod answer;
mod catalogue;
mod command;
mod complete;
mod editor;
mod history;
mod interrupt;
mod mark;
mod script;
mod session;
mod terminal;

pub use editor::converse;
pub use session::Session;

/// Limits of the prompt.
mod limits {
    /// Entries of the history.
    pub const HISTORY_ENTRIES_MAX: usize = 1_000;
    /// Bytes of one entry of the history.
    pub const ENTRY_BYTES_MAX: usize = 16 << 10;
    /// Bytes of the file of the history that are read.
    pub const HISTORY_BYTES_MAX: u64 = 16 << 20;
    /// Candidates of one completion.
    pub const CANDIDATES_MAX: usize = 200;
    /// Seconds after which the names of relations are asked for again.
    pub const CATALOGUE_SECONDS_MAX: u64 = 60;
    /// How deep scripts may call scripts with `\i`.
    pub const SCRIPT_DEPTH_MAX: usize = 16;
}
