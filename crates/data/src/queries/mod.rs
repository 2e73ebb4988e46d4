//! Queries with a name and parameters: declared in a folder, or saved by whoever asks. A query is run as its caller, never as its author.
//!
//! | file | subject |
//! |---|---|
//! | `spec` | what the manifest `Query` says |
//! | `text` | the names of parameters in the text, and the values that stand there |
//! | `check` | what is refused when a query is declared, and when something changes beneath it |
//! | `keep` | saving and deleting without a folder |
//! | `show`, `run` | queries as they are listed, and their answers |

pub(crate) mod check;
pub(crate) mod keep;
pub(crate) mod operations;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod spec;
pub(crate) mod text;
